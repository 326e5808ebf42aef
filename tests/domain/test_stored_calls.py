"""Calls begin once, have one driver and one outcome; their journals only grow."""

import logging
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from domain import calls
from domain.calls import AlreadyAnswered, CallRecord, Line, UnknownCall
from domain.model import Began, Outcome
from domain.store import Store
from domain.tables import RecordingState
from tests.domain.conftest import NOW, Run

BEGAN = Began("c1", "+380440000001", "100", NOW)


def began(call: str, at: datetime = NOW) -> Began:
    return Began(call, None, "100", at)


def line(seq: int, at: datetime = NOW) -> Line:
    return Line(seq, at, "value", "Який показник?", "2180*#", None, None)


def test_a_call_begins_once(run: Run):
    assert run(lambda conn: calls.begin(conn, BEGAN, "controller-2")) is False
    assert run(lambda conn: calls.one(conn, "c1")) == CallRecord(BEGAN, "controller-1")
    assert run(lambda conn: calls.one(conn, "c2")) is None


def test_a_call_with_a_withheld_number_is_a_call(run: Run):
    assert run(lambda conn: calls.begin(conn, began("c2"), "controller-1")) is True
    assert run(lambda conn: calls.one(conn, "c2")) == CallRecord(began("c2"), "controller-1")


def test_a_number_too_long_for_its_column_is_no_reason_to_lose_the_call(run: Run):
    assert run(lambda conn: calls.begin(conn, Began("c2", None, "1" * 80, NOW), "controller-1")) is True
    stored = run(lambda conn: calls.one(conn, "c2"))
    assert stored.began.dialled == "1" * 40


def test_the_journal_keeps_every_part_of_a_line_in_order(run: Run):
    said = [
        line(0),
        Line(1, NOW + timedelta(microseconds=1), "FindAccount", "рахунок 1000000018", None, '{"number": "ї"}', None),
        Line(2, NOW + timedelta(seconds=2), "value", "'; DROP TABLE journal; --", None, None, "hung up"),
    ]
    for each in reversed(said):
        run(lambda conn, each=each: calls.append(conn, "c1", each))
    assert run(lambda conn: calls.lines(conn, "c1")) == said
    assert run(lambda conn: calls.lines(conn, "c2")) == []


def test_who_comes_second_with_a_line_is_told_that_another_controller_drives_the_call(run: Run):
    run(lambda conn: calls.append(conn, "c1", line(0)))
    with pytest.raises(AlreadyAnswered, match="line 0 of call 'c1'"):
        run(lambda conn: calls.append(conn, "c1", Line(0, NOW, "value", "x", "1")))
    assert run(lambda conn: calls.lines(conn, "c1")) == [line(0)]


def test_of_two_controllers_that_write_a_line_at_once_one_is_first(url: str, store: Store, run: Run):
    with Store.open(url) as other:
        mine = [store.write(lambda conn, n=n: calls.append(conn, "c1", line(n))) for n in range(40)]
        theirs = [other.write(lambda conn, n=n: calls.append(conn, "c1", line(n))) for n in range(40)]
        for one, two in zip(mine, theirs, strict=True):
            assert sorted(isinstance(each.exception(), AlreadyAnswered) for each in (one, two)) == [False, True]
    assert run(lambda conn: calls.lines(conn, "c1")) == [line(n) for n in range(40)]


def test_a_line_of_a_call_that_never_began_is_refused(run: Run):
    with pytest.raises(UnknownCall, match="'c9'"):
        run(lambda conn: calls.append(conn, "c9", line(0)))


def test_a_call_has_one_outcome_and_the_first_one_stands(run: Run, caplog: pytest.LogCaptureFixture):
    later = NOW + timedelta(minutes=2)
    assert (
        run(lambda conn: calls.end(conn, "c1", Outcome.TRANSFERRED, at=later, to="agents", because="asked")) is True
    )
    with caplog.at_level(logging.ERROR):
        assert run(lambda conn: calls.end(conn, "c1", Outcome.LOST, at=NOW + timedelta(hours=1))) is False
    assert "transferred" in caplog.text and "lost" in caplog.text
    assert run(lambda conn: calls.one(conn, "c1")) == CallRecord(
        BEGAN, "controller-1", later, Outcome.TRANSFERRED, "agents", "asked"
    )


def test_the_same_outcome_again_is_no_alarm(run: Run, caplog: pytest.LogCaptureFixture):
    assert run(lambda conn: calls.end(conn, "c1", Outcome.ABANDONED, at=NOW)) is True
    assert run(lambda conn: calls.end(conn, "c1", Outcome.ABANDONED, at=NOW)) is False
    assert caplog.text == ""


def test_a_call_that_never_began_cannot_end(run: Run):
    with pytest.raises(UnknownCall, match="'c9'"):
        run(lambda conn: calls.end(conn, "c9", Outcome.LOST, at=NOW))


@given(st.lists(st.sampled_from(Outcome), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_whatever_happens_a_call_has_exactly_one_outcome(run: Run, outcomes: list[Outcome]):
    call = f"h{len(run(lambda conn: calls.latest(conn, 10_000)))}"
    run(lambda conn: calls.begin(conn, began(call), "controller-1"))
    stood = [run(lambda conn, each=each: calls.end(conn, call, each, at=NOW)) for each in outcomes]
    assert stood == [True] + [False] * (len(outcomes) - 1)
    assert run(lambda conn: calls.one(conn, call)).outcome == outcomes[0]


def test_unfinished_calls_are_found_by_whoever_drives_them(run: Run):
    for n in (4, 3, 2):
        run(lambda conn, n=n: calls.begin(conn, began(f"c{n}", NOW - timedelta(minutes=n)), f"controller-{n % 2}"))
    run(lambda conn: calls.end(conn, "c3", Outcome.ABANDONED, at=NOW))
    assert [each.began.call for each in run(calls.unfinished)] == ["c4", "c2", "c1"]
    assert [each.began.call for each in run(lambda conn: calls.unfinished(conn, "controller-0"))] == ["c4", "c2"]


instants = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-12 * 60, 12 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(st.lists(instants, min_size=2, max_size=6, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_calls_are_listed_in_the_order_of_time_whatever_zone_it_was_told_in(run: Run, times: list[datetime]):
    have = len(run(lambda conn: calls.latest(conn, 10_000)))
    for n, at in enumerate(times):
        run(lambda conn, n=n, at=at: calls.begin(conn, began(f"t{have + n}", at), "controller-1"))
    listed = run(lambda conn: calls.latest(conn, 10_000))
    mine = [each.began.at for each in listed if each.began.call in {f"t{have + n}" for n in range(len(times))}]
    assert mine == sorted(times, reverse=True)
    assert all(at.tzinfo is UTC for at in mine)


def test_the_latest_calls_are_as_many_as_asked_for(run: Run):
    for n in range(2, 6):
        run(lambda conn, n=n: calls.begin(conn, began(f"c{n}", NOW + timedelta(seconds=n)), "controller-1"))
    assert [each.began.call for each in run(lambda conn: calls.latest(conn, 2))] == ["c5", "c4"]


def test_a_time_without_a_zone_is_refused(run: Run):
    with pytest.raises(StatementError, match="time zone"):
        run(lambda conn: calls.begin(conn, began("c2", datetime(2027, 1, 1)), "controller-1"))  # noqa: DTZ001


# Recordings

SEAL = {"sha256": "a" * 64, "seconds": 61.5, "bytes": 984_044}


def test_a_recording_is_made_and_sealed(run: Run):
    assert run(lambda conn: calls.recording_began(conn, "c1", "spool/c1.raw", NOW)) is True
    assert [each.call for each in run(calls.unsealed)] == ["c1"]
    later = NOW + timedelta(minutes=2)
    assert run(lambda conn: calls.recording_sealed(conn, "c1", "2026/11/c1.wav", at=later, **SEAL)) is True
    assert run(calls.unsealed) == []
    sealed = run(lambda conn: calls.recording(conn, "c1"))
    assert sealed == calls.RecordingRecord(
        "c1", RecordingState.SEALED, "2026/11/c1.wav", NOW, later, SEAL["sha256"], SEAL["seconds"], SEAL["bytes"]
    )


def test_what_is_odd_about_a_sealed_recording_is_kept_with_it(run: Run):
    run(lambda conn: calls.recording_sealed(conn, "c1", "c1.wav", at=NOW, remark="the caller is silent", **SEAL))
    kept = run(lambda conn: calls.recording(conn, "c1"))
    assert (kept.state, kept.reason) == (RecordingState.SEALED, "the caller is silent")


def test_a_recording_that_failed_may_be_sealed_after_all(run: Run):
    assert run(lambda conn: calls.recording_failed(conn, "c1", "no such file", NOW)) is True
    assert run(lambda conn: calls.recording(conn, "c1")).reason == "no such file"
    assert run(lambda conn: calls.recording_sealed(conn, "c1", "c1.wav", at=NOW, **SEAL)) is True
    assert run(lambda conn: calls.recording(conn, "c1")).reason is None
    assert run(lambda conn: calls.recording_failed(conn, "c1", "late news", NOW)) is False
    assert run(lambda conn: calls.recording(conn, "c1")).state == RecordingState.SEALED


def test_an_erased_recording_stays_erased(run: Run):
    run(lambda conn: calls.recording_began(conn, "c1", "spool/c1.raw", NOW))
    assert run(lambda conn: calls.recording_erased(conn, "c1", "the notice was not heard", NOW)) is True
    assert run(lambda conn: calls.recording_erased(conn, "c1", "again", NOW)) is False
    assert run(lambda conn: calls.recording_sealed(conn, "c1", "c1.wav", at=NOW, **SEAL)) is False
    assert run(lambda conn: calls.recording_began(conn, "c1", "c1.raw", NOW)) is False
    assert run(lambda conn: calls.recording_failed(conn, "c1", "gone", NOW)) is False
    erased = run(lambda conn: calls.recording(conn, "c1"))
    assert (erased.state, erased.reason) == (RecordingState.ERASED, "the notice was not heard")
    assert run(calls.unsealed) == []


def test_a_recording_of_a_call_that_never_began_is_refused(run: Run):
    with pytest.raises(UnknownCall, match="'c9'"):
        run(lambda conn: calls.recording_began(conn, "c9", "c9.raw", NOW))
    assert run(lambda conn: calls.recording(conn, "c9")) is None
