"""What a call leaves behind when something went wrong: its outcome, its tape, and true figures."""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain import calls, moments
from domain.model import Began, Outcome
from domain.store import StoreFull
from ivr.console.hidden import spans
from ivr.dialog import Ending
from ivr.journal import Journal, Unwritten
from ivr.ports import Cause, Gone, NotOurs
from ivr.recorder import Recorder
from ivr.service.aftermath import Aftermath
from ivr.service.figures import MOST_NUMBERS, Figures
from ivr.session import Session
from ivr.simulator.scenario import Waits
from ivr.story import story
from recordings import Archive
from tests.session.conftest import Reacts
from tests.session.test_session import READS, STEPS, Cuts, Lossy, PowerCut, hangs_up, hears, keys


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture
def aftermath(hotline, tmp_path, figures):
    spool = tmp_path / "spool"
    spool.mkdir()
    made = Aftermath(hotline.house, Archive(tmp_path, spool, hotline.store), hotline.store, figures)
    yield made
    made.close()


def figure(figures, name, **labels):
    return figures.registry.get_sample_value(name, labels) or 0.0


def tape(aftermath, call, *, age=0.0, seconds=2):
    path = aftermath.archive.spool / f"{call}.raw"
    path.write_bytes(b"\x10\x20\x10\x20" * 8000 * seconds)
    os.utime(path, (path.stat().st_mtime - age,) * 2)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def hold(hotline, line, aftermath=None, **house):
    """Hold a call as the controller does."""

    async def conduct():
        session = Session(replace(hotline.house, **house), line)
        ending = await session.run()
        if aftermath and ending and not session.recorded:
            aftermath.owe(line.began, ending, line.date(), session.left())
        if aftermath:
            await aftermath.over(line.began.call, Cause.US, line.date())
        return ending

    return asyncio.run(conduct())


# The outcome


@pytest.mark.parametrize("fails_at", range(7))
def test_an_outcome_that_the_store_would_not_take_is_written_when_it_is_back(hotline, aftermath, fails_at):
    line = hotline.line(Reacts(READS))

    ending = hold(hotline, line, aftermath, journal=Lossy(hotline.house.journal, fails_at, StoreFull("no room")))

    record = hotline.record(line)
    assert (record.outcome, record.to, record.because) == (ending.outcome, "agents", "the store is out of order")
    assert record.outcome is Outcome.FAILED


@pytest.mark.parametrize("fails_at", range(7))
def test_what_happened_while_the_store_failed_is_written_when_it_is_back(hotline, aftermath, fails_at):
    line = hotline.line(Reacts(READS))
    pressed = []
    keyed = Recorder.keyed

    def press(recorder, key):
        pressed.append(key)
        keyed(recorder, key)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Recorder, "keyed", press)
        hold(hotline, line, aftermath, journal=Lossy(hotline.house.journal, fails_at, StoreFull("no room")))

    happened, told = followed(hotline, line)
    assert [one.n for one in happened] == list(range(len(happened)))
    assert [one.facts["key"] for one in happened if one.kind == "key"] == pressed
    assert happened[-1].kind == "over" and told.fully
    assert [each.seq for each in hotline.journal(line)] == list(range(len(hotline.journal(line))))


@pytest.mark.parametrize("loses", ["nobody kept them", "they can't be written"])
def test_what_can_not_be_kept_is_said_to_be_missing_and_hidden(hotline, aftermath, monkeypatch, loses):
    line = hotline.line(Reacts(READS))
    if loses == "nobody kept them":
        owe = aftermath.owe
        monkeypatch.setattr(aftermath, "owe", lambda began, ending, at, left: owe(began, ending, at))
    else:
        monkeypatch.setattr(Unwritten, "write", lambda *_: 1 / 0)
    hold(hotline, line, aftermath, journal=Lossy(hotline.house.journal, 3, StoreFull("no room")))

    happened, told = followed(hotline, line)
    assert hotline.record(line).outcome is Outcome.FAILED
    assert happened[-1].kind == "cut" and happened[-1].at == happened[-2].at
    assert not told.fully
    last = (happened[-1].at - line.began.at).total_seconds()
    assert any(span.began <= last and span.ended == 500.0 for span in spans(told, happened, [], 500.0))


def followed(hotline, line):
    """The moments of a call, and its story."""
    happened = hotline.store.read(lambda c: moments.of_call(c, line.began.call)).result()
    return happened, story(hotline.record(line), hotline.journal(line), happened)


def test_while_the_store_is_out_of_order_it_is_tried_again(hotline, aftermath):
    line = hotline.line([])
    failures = iter([StoreFull("no room")] * 3)
    write = hotline.store.write

    def sometimes(job):
        if (fault := next(failures, None)) is not None:
            raise fault
        return write(job)

    aftermath.owe(line.began, Ending(Outcome.FAILED), line.date())
    hotline.store.write = sometimes
    asyncio.run(aftermath.over(line.began.call, Cause.US, line.date()))

    assert hotline.record(line).outcome is Outcome.FAILED
    assert aftermath.pending == set()


def test_the_cause_of_a_hang_up_is_kept(hotline):
    line = hotline.line([])

    async def over(_):
        return Gone(Cause.TIME_OVER)

    line.hear = over
    hotline.hold(line)

    assert hotline.record(line).because == "longest duration reached"


def test_a_call_that_ended_unseen_gets_the_outcome_of_its_journal(hotline, aftermath, figures):
    line = hotline.line(Reacts(READS))
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(30),)))

    asyncio.run(aftermath.over(line.began.call, Cause.UNKNOWN, line.date()))

    record = hotline.record(line)
    assert (record.outcome, record.because) == (Outcome.ABANDONED, "unknown cause")
    assert figure(figures, "hotline_outcomes_total", outcome="abandoned") == 1
    assert figure(figures, "hotline_calls_total", adopted="true") == 0, "nobody took it up"


def test_a_call_that_nobody_took_is_noted_as_lost(hotline, aftermath):
    ended = tape(aftermath, "stray", age=100)

    asyncio.run(aftermath.over("stray", Cause.UNKNOWN, datetime.now(UTC)))

    record = hotline.store.read(lambda c: calls.one(c, "stray")).result()
    assert (record.outcome, record.because) == (Outcome.LOST, "no controller took the call")
    assert abs(record.ended_at - ended) < timedelta(seconds=1), "its tape knows when it ended"
    assert aftermath.archive.waiting() == []


def test_cut_off_between_an_outcome_and_the_parting_only_the_parting_is_left_to_do(hotline):
    class Faulty(Journal):
        async def keep(self, *_):
            raise RuntimeError("a fault of ours")

    line = hotline.line(Reacts(READS))
    hand_over = line.hand_over

    async def cut(*_):
        raise PowerCut

    line.hand_over = cut
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, journal=Faulty(hotline.store, "controller")))
    assert hotline.record(line).outcome is Outcome.FAILED
    line.hand_over = hand_over
    line.forget_prompt()
    said = len(line.said)

    ending = hotline.hold(line, adopted=True)

    assert (ending.outcome, line.to) == (Outcome.FAILED, "agents")
    assert [s.clip for s in line.said[said:]] == ["uk/apology"]
    assert hotline.readings() == []


def test_a_line_that_is_anothers_now_is_left_alone_without_an_outcome(hotline, figures):
    line = hotline.line(Reacts(READS))

    async def taken(_):
        raise NotOurs

    line.play = taken
    with pytest.raises(NotOurs):
        hotline.hold(line, house=replace(hotline.house, watchers=(figures,)))

    assert hotline.record(line).outcome is None
    assert (line.over, line.to) == (None, None)
    assert not figures._lines


def test_a_key_in_the_moment_before_the_hang_up_still_counts(hotline):
    """The confirming 1 is pressed while the prompt is being stopped, and the receiver put down at once."""
    line = hotline.line([*STEPS[:9], keys("1"), hangs_up()])

    hotline.hold(line)

    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_a_notice_without_sound_keeps_nothing(hotline, catalogue):
    there = {clip: seconds for clip, seconds in catalogue.seconds.items() if clip != "en/notice"}
    mute = replace(catalogue, seconds=there, missing=Counter())
    line = hotline.line(Reacts(READS))

    assert hotline.hold(line, house=replace(hotline.house, catalogue=mute)).outcome is Outcome.FAILED
    assert not [entry for entry in hotline.journal(line) if entry.label == "record"]
    assert mute.lacking() == ["en/notice"]


# Whose is it?


def test_strays_are_ours_or_nobodys(hotline, aftermath):
    def begin(call, driver):
        hotline.store.write(lambda c: calls.begin(c, Began(call, None, "100", datetime.now(UTC)), driver)).result()

    begin("ours", "controller")
    begin("theirs", "another")
    for call in ("theirs", "nobodys"):
        tape(aftermath, call, age=100)
    tape(aftermath, "in progress")

    assert asyncio.run(aftermath.strays()) == {"ours", "nobodys"}


# Figures


def test_figures_forget_every_call(hotline, figures):
    line = hotline.line([*STEPS, keys("55")])  # keys into the goodbye

    hold(hotline, line, watchers=(figures,))

    assert (figures._lines, figures._silent) == ({}, set())


def test_a_call_that_the_store_failed_is_counted_as_our_fault(hotline, figures, aftermath):
    line = hotline.line(Reacts(READS))

    hold(hotline, line, aftermath, watchers=(figures,), journal=Lossy(hotline.house.journal, 4, StoreFull("x")))

    assert figure(figures, "hotline_outcomes_total", outcome="failed") == 1
    assert not figures._lines


def test_an_adopted_call_is_not_taken_for_one_without_keys(hotline, figures):
    line = hotline.line([*STEPS[:6], Waits(waits=5), hangs_up()])
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(25),)))
    line.forget_prompt()

    hotline.hold(line, house=replace(hotline.house, watchers=(figures,)), adopted=True)

    assert figure(figures, "hotline_calls_without_key_total", dialled="100") == 0


def test_a_call_without_a_key_is_counted_by_the_number_dialled_as_long_as_these_are_few(hotline, figures):
    for n in range(MOST_NUMBERS + 5):
        line = hotline.line([hears("language"), hangs_up()])
        line.began = replace(line.began, dialled=str(n))
        hotline.hold(line, house=replace(hotline.house, watchers=(figures,)))

    assert figure(figures, "hotline_calls_without_key_total", dialled="0") == 1
    assert figure(figures, "hotline_calls_without_key_total", dialled="other") == 5
