"""What a reading counts for, what becomes of a doubtful one, and what the customer is told of their bill."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from houses import DECEMBER, NOVEMBER, OCTOBER, House, day, house, meter, noon, read, remove
from plans import plan
from sqlalchemy import insert, select

from domain import calls, desk_readings, reckoning, rules
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import AskStatement, AskTerms, Command, FindAccount, KeepDoubtful, SubmitReading
from domain.desk import DeskRefusal
from domain.desk_readings import AlreadyResolved, ResolveReading, doubtful_open
from domain.handlers import Unanswerable, customers, perform, statements
from domain.model import (
    Began,
    Bill,
    BilledReading,
    Doubt,
    Energy,
    Purpose,
    Receipt,
    Source,
    Status,
    Terms,
    Zone,
)
from domain.tables import billings, bills, events, readings, resolutions
from tests.domain.conftest import NOW, Run

ONE = "7000000001"


def do(run: Run, command: Command[Any], at: datetime = NOW, *, seq: int | None = None, call: str = "c1", **said: Any):
    of = None if seq is None else call
    return run(lambda conn: perform(conn, command, call=of, seq=seq, at=at, **said))


def single(value: int, doubt: Doubt | None = None, **more: Any) -> SubmitReading:
    return SubmitReading(ONE, "m1", Zone.SINGLE, value, doubt, **more)


def keyed(value: int, said: str = "hung up", doubt: Doubt = Doubt.HIGHER) -> KeepDoubtful:
    return KeepDoubtful(ONE, "m1", Zone.SINGLE, value, doubt, said)


def rows(run: Run, table: Any) -> list[Any]:
    return run(lambda conn: conn.execute(select(table)).all())


def last(run: Run) -> tuple[int | None, date | None]:
    register = do(run, FindAccount(ONE)).meters[0].registers[0]
    return register.last, register.last_on


@pytest.fixture
def one(run: Run) -> House:
    """Read 1000 on 1 September and 1300 on 1 October: 10 a day."""

    def made(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "09-01", 1000, Source.INSPECTOR)
        read(conn, there.registers[0], "10-01", 1300)
        return there

    return run(made)


# What it counts for


@pytest.mark.parametrize(
    ("at", "counts", "period"),
    [
        (datetime(2026, 11, 28, 21, 59, tzinfo=UTC), Purpose.CONTROL, None),  # 23:59 in Kyiv
        (datetime(2026, 11, 28, 22, 0, tzinfo=UTC), Purpose.BILLING, NOVEMBER.first),  # midnight
        (datetime(2026, 12, 3, 21, 59, tzinfo=UTC), Purpose.BILLING, NOVEMBER.first),
        (datetime(2026, 12, 3, 22, 0, tzinfo=UTC), Purpose.CONTROL, None),
        (datetime(2026, 12, 15, 12, 0, tzinfo=UTC), Purpose.CONTROL, None),
    ],
)
def test_a_reading_closes_the_month_in_its_window_and_is_a_control_reading_outside(
    run: Run, one: House, at: datetime, counts: Purpose, period: date | None
):
    receipt = do(run, single(1400), at)
    assert (receipt.counts, receipt.period) == (counts, period)
    kept = rows(run, readings)[-1]
    assert (kept.purpose, kept.period, kept.read_on) == (counts, period, rules.local_day(at))


def test_a_control_reading_is_the_registers_last_value_too(run: Run, one: House):
    do(run, single(1400), noon("11-15"))
    assert last(run) == (1400, day("11-15"))


@pytest.mark.parametrize("source", [Source.WEB, Source.BOT, Source.INSPECTOR, Source.SMART_METER])
def test_the_channel_is_the_readings_source(run: Run, one: House, source: Source):
    do(run, single(1400), source=source)
    assert rows(run, readings)[-1].source is source


def test_a_line_that_is_done_again_after_midnight_is_answered_as_it_was(run: Run, one: House):
    before, after = noon("12-03"), noon("12-04")
    first = do(run, single(1400), before, seq=4)
    assert do(run, single(1400), after, seq=4) == first == Receipt(first.number, Purpose.BILLING, NOVEMBER.first)


def test_reactive_registers_of_one_zone_are_told_apart(run: Run):
    energies = (Energy.ACTIVE, Energy.REACTIVE, Energy.REACTIVE_BACK)
    there = run(lambda conn: house(conn, ONE, kind="legal", energies=energies))
    for value, energy in enumerate(energies, 10):
        do(run, single(value, energy=energy))
    kept = {each.register: each.value for each in rows(run, readings)}
    assert [kept[register] for register in there.registers] == [10, 11, 12]


def test_a_register_that_the_meter_does_not_have_is_refused(run: Run, one: House):
    with pytest.raises(Unanswerable, match="no reactive register for single on meter 'm1'"):
        do(run, single(1, energy=Energy.REACTIVE))


def test_a_meter_that_was_taken_down_can_be_read_until_that_day(run: Run, one: House):
    run(lambda conn: remove(conn, ONE, "m1", "11-30"))
    do(run, single(1400), noon("11-30"))
    with pytest.raises(Unanswerable):
        do(run, single(1401), noon("12-01"))


def test_what_was_said_is_kept_with_a_doubtful_reading(run: Run, one: House):
    do(run, single(91400, Doubt.HIGHER, said="shown as keyed"))
    kept = rows(run, readings)[-1]
    assert (kept.status, kept.doubt, kept.said) == (Status.DOUBTFUL, Doubt.HIGHER, "shown as keyed")


# Which reading counts


@pytest.mark.parametrize(
    "estimates", [[], [("11-01", 9000)], [("11-01", 9000), ("12-01", 9500)]], ids=lambda each: f"{len(each)} of them"
)
def test_an_estimate_is_never_the_value_that_a_reading_is_judged_against(
    run: Run, one: House, estimates: list[tuple[str, int]]
):
    for on, value in estimates:
        run(lambda conn, on=on, value=value: read(conn, one.registers[0], on, value, Source.ESTIMATE, closes=OCTOBER))
    assert last(run) == (1300, day("10-01"))


def test_only_estimates_are_no_last_value(run: Run):
    there = run(lambda conn: house(conn, ONE))
    run(lambda conn: read(conn, there.registers[0], "11-01", 50, Source.ESTIMATE, closes=OCTOBER))
    assert last(run) == (None, None)


def test_which_reading_counts_is_found_by_a_descent_of_one_index(run: Run, database: str):
    steps = run(lambda conn: plan(conn, customers._ACCOUNT, of=ONE))
    assert not any("SCAN" in each for each in steps), steps
    if database == "sqlite":  # PostgreSQL sorts the few rows of an account
        assert not any(each.endswith("B-TREE FOR ORDER BY") for each in steps), steps
        assert any("ix_readings_counting (register=? AND status=?)" in each for each in steps), steps


# Doubtful ones that nobody stood by


def test_a_value_that_was_only_keyed_is_kept_as_doubtful_without_a_receipt(run: Run, one: House):
    assert do(run, keyed(91400, "hung up"), seq=3) is None
    kept = rows(run, readings)[-1]
    assert (kept.value, kept.status, kept.said, kept.submission) == (91400, Status.DOUBTFUL, "hung up", None)
    assert (kept.purpose, kept.period, kept.call, kept.seq) == (Purpose.BILLING, NOVEMBER.first, "c1", 3)
    assert last(run) == (1300, day("10-01"))


def test_it_may_be_wider_than_the_display(run: Run, one: House):
    do(run, keyed(12_345_678, doubt=Doubt.TOO_WIDE), seq=3)
    assert rows(run, readings)[-1].value == 12_345_678


def test_it_is_kept_once_for_a_line(run: Run, one: House):
    for _ in range(3):
        do(run, keyed(91400), seq=3)
    assert [each.value for each in rows(run, readings) if each.call] == [91400]
    with pytest.raises(AlreadyAnswered):
        do(run, keyed(91401), seq=3)
    with pytest.raises(AlreadyAnswered):
        do(run, single(91400, Doubt.HIGHER), seq=3)


def test_of_a_call_that_never_began_nothing_is_kept(run: Run, one: House):
    with pytest.raises(UnknownCall, match="'c9'"):
        do(run, keyed(91400), seq=3, call="c9")


def test_what_nobody_can_have_keyed_is_refused(run: Run, one: House):
    for value in (-1, 10**15):
        with pytest.raises(Unanswerable):
            do(run, keyed(value))


def test_who_gives_another_value_in_the_same_call_has_answered_the_doubt(run: Run, one: House):
    do(run, keyed(91400, "corrected to 1400"), seq=3)
    do(run, single(1400), seq=5)
    doubtful, accepted = rows(run, readings)[-2:]
    (answered,) = rows(run, resolutions)
    assert (answered.reading, answered.accepted, answered.by) == (doubtful.id, accepted.id, "caller")
    assert run(doubtful_open) == []
    do(run, single(1400), seq=5)
    assert len(rows(run, resolutions)) == 1
    with pytest.raises(AlreadyResolved, match="gave another value"):
        do(run, ResolveReading(doubtful.id, True, "seen"), by="Olena")


def test_a_doubtful_value_that_was_stood_by_answers_those_before_it_and_stays_open_itself(run: Run, one: House):
    do(run, keyed(91400, "keyed again"), seq=3)
    do(run, single(91500, Doubt.HIGHER), seq=5)
    (answered,) = rows(run, resolutions)
    assert answered.accepted is None
    assert [each.value for each in run(doubtful_open)] == [91500]


@pytest.mark.parametrize("other", ["another call", "another register", "no call"])
def test_a_doubt_is_not_answered_by(run: Run, one: House, other: str):
    run(lambda conn: meter(conn, ONE, "m2"))
    run(lambda conn: calls.begin(conn, Began("c2", None, "100", NOW), "controller-1"))
    do(run, keyed(91400), seq=3)
    if other == "another register":
        do(run, SubmitReading(ONE, "m2", Zone.SINGLE, 5), seq=5)
    elif other == "another call":
        do(run, single(1400), seq=5, call="c2")
    else:
        do(run, single(1400))
    assert [each.value for each in run(doubtful_open)] == [91400]


# What staff decide


def test_staff_accept_a_doubtful_reading_by_a_copy_that_counts(run: Run, one: House):
    receipt = do(run, single(2900, Doubt.HIGHER, said="shown as keyed"), seq=3)
    (open_,) = run(doubtful_open)
    assert (open_.value, open_.said, open_.receipt, open_.period) == (2900, "shown as keyed", receipt.number,
                                                                      NOVEMBER.first)  # fmt: skip
    before = rows(run, readings)
    copy = do(run, ResolveReading(open_.reading, True, "a heater, seen on 5 December"), noon("12-05"), by="Olena")
    assert rows(run, readings)[:-1] == before
    kept = rows(run, readings)[-1]
    assert (kept.id, kept.value, kept.status, kept.read_on, kept.period) == (
        copy, 2900, Status.ACCEPTED, day("11-30"), NOVEMBER.first,
    )  # fmt: skip
    assert (kept.at, kept.call, kept.seq) == (noon("12-05"), "c1", None)
    (resolution,) = rows(run, resolutions)
    assert (resolution.by, resolution.because, resolution.accepted) == ("Olena", "a heater, seen on 5 December", copy)
    assert last(run) == (2900, day("11-30"))
    assert run(doubtful_open) == []


def test_staff_find_one_void_and_nothing_counts(run: Run, one: House):
    do(run, single(2900, Doubt.HIGHER), seq=3)
    (open_,) = run(doubtful_open)
    assert do(run, ResolveReading(open_.reading, False, "two digits swapped"), by="Olena") is None
    assert last(run) == (1300, day("10-01"))
    assert run(doubtful_open) == []


def test_the_same_decision_again_changes_nothing_and_another_one_is_refused(run: Run, one: House):
    do(run, single(2900, Doubt.HIGHER), seq=3)
    (open_,) = run(doubtful_open)
    accept = ResolveReading(open_.reading, True, "seen")
    assert do(run, accept, by="Olena") == do(run, accept, by="Taras")
    with pytest.raises(AlreadyResolved, match="accepted by Olena"):
        do(run, ResolveReading(open_.reading, False, "no"), by="Taras")
    assert len(rows(run, resolutions)) == 1


def test_a_resolution_needs_a_doubtful_reading_a_reason_and_a_value_that_fits(run: Run, one: House):
    accepted = rows(run, readings)[-1].id
    for reading in (accepted, 10_000):
        with pytest.raises(Unanswerable):
            do(run, ResolveReading(reading, True, "seen"), by="Olena")
    do(run, keyed(12_345_678, doubt=Doubt.TOO_WIDE), seq=3)
    (open_,) = run(doubtful_open)
    with pytest.raises(DeskRefusal, match="does not fit"):
        do(run, ResolveReading(open_.reading, True, "seen"), by="Olena")
    with pytest.raises(DeskRefusal, match="reason"):
        do(run, ResolveReading(open_.reading, False, " "), by="Olena")
    with pytest.raises(DeskRefusal, match="say who decides"):
        do(run, ResolveReading(open_.reading, False, "no"))
    assert rows(run, resolutions) == []


def test_doubtful_readings_are_listed_oldest_first_in_pages_by_a_partial_index(run: Run, one: House, database: str):
    for seq in range(5):
        do(run, keyed(90_000 + seq), seq=seq)
    first = run(lambda conn: doubtful_open(conn, limit=3))
    rest = run(lambda conn: doubtful_open(conn, after=first[-1].reading, limit=3))
    assert [each.value for each in (*first, *rest)] == [90_000, 90_001, 90_002, 90_003, 90_004]

    steps = run(lambda conn: plan(conn, desk_readings._OPEN, after=0, most=10))
    if database == "sqlite":
        by = ("ix_readings_doubtful (id>?)", "ix_readings_doubtful (rowid>?)")
        assert any(each.endswith(by) for each in steps), steps
    assert not any(each.startswith("SCAN") for each in steps), steps
    assert not any("TEMP B-TREE" in each for each in steps), steps


# What is told


def test_what_happened_is_told_in_the_same_transaction(run: Run, one: House):
    do(run, keyed(91400), seq=3)
    do(run, single(1400), seq=4)
    do(run, single(1400), seq=4)
    do(run, single(2900, Doubt.HIGHER), seq=5)
    (open_,) = run(doubtful_open)
    do(run, ResolveReading(open_.reading, True, "seen"), by="Olena")
    kinds = [(each.kind, each.account) for each in rows(run, events)]
    assert kinds == [
        ("reading.doubtful", ONE), ("reading.accepted", ONE), ("reading.doubtful", ONE), ("reading.resolved", ONE),
    ]  # fmt: skip


# Terms


def test_the_terms_name_the_month_its_window_and_what_silence_costs(run: Run, one: House):
    run(lambda conn: read(conn, one.registers[0], "11-01", 1600, closes=OCTOBER))
    # 300 in the 31 days before 1 November; 30 days to 1 December
    assert do(run, AskTerms(ONE), noon("11-30")) == Terms(
        Purpose.BILLING, NOVEMBER.first, day("11-29"), day("12-03"), silent=300 * 30 // 31, submitted=False
    )
    assert do(run, AskTerms(ONE), noon("12-10")).counts is Purpose.CONTROL
    assert do(run, AskTerms(ONE), noon("12-10")).period == DECEMBER.first


def test_silence_is_multiplied_and_added_up_over_active_registers_only(run: Run):
    def made(conn: Any) -> None:
        there = house(conn, ONE, (Zone.DAY, Zone.NIGHT), multiplier=40, usual=2.0, kind="legal",
                      energies=(Energy.ACTIVE, Energy.REACTIVE))  # fmt: skip
        for register in there.registers:
            read(conn, register, "11-01", 100, closes=OCTOBER)

    run(made)
    assert do(run, AskTerms(ONE), noon("11-30")).silent == 2 * 40 * 2 * 30


def test_silence_costs_nobody_knows_what_when_one_register_tells_nothing(run: Run, one: House):
    run(lambda conn: meter(conn, ONE, "m2"))
    assert do(run, AskTerms(ONE), noon("11-30")).silent is None


def test_what_was_read_already_is_not_estimated(run: Run):
    there = run(lambda conn: house(conn, ONE, (Zone.DAY, Zone.NIGHT), usual=2.0))
    for register in there.registers:
        run(lambda conn, register=register: read(conn, register, "11-01", 100, closes=OCTOBER))
    do(run, SubmitReading(ONE, "m1", Zone.DAY, 117), noon("11-30"))
    terms = do(run, AskTerms(ONE), noon("11-30"))
    assert (terms.silent, terms.submitted) == (17 + 60, False)
    do(run, SubmitReading(ONE, "m1", Zone.NIGHT, 103), noon("11-30"))
    terms = do(run, AskTerms(ONE), noon("11-30"))
    assert (terms.silent, terms.submitted) == (17 + 3, True)


@pytest.mark.parametrize(
    ("command", "submitted"),
    [
        (single(1700), True),
        (single(91700, Doubt.HIGHER), True),  # stood by: somebody looks at it
        (keyed(91700), False),  # only keyed
    ],
)
def test_whether_the_month_was_read(run: Run, one: House, command: Command[Any], submitted: bool):
    do(run, command, noon("11-30"))
    assert do(run, AskTerms(ONE), noon("12-01")).submitted is submitted


def test_a_control_reading_is_no_submission_for_the_month(run: Run, one: House):
    do(run, single(1700), noon("11-15"))
    assert not do(run, AskTerms(ONE), noon("11-30")).submitted


def test_a_smart_meter_need_not_be_read_where_another_must(run: Run):
    there = run(lambda conn: house(conn, ONE, usual=1.0))
    run(lambda conn: meter(conn, ONE, "m2", smart=True))
    assert not do(run, AskTerms(ONE), noon("11-30")).submitted
    do(run, single(5), noon("11-30"))
    assert do(run, AskTerms(ONE), noon("11-30")).submitted
    assert there.registers


def test_a_smart_meter_alone_has_submitted_when_it_reported(run: Run):
    run(lambda conn: house(conn, ONE, smart=True))
    assert not do(run, AskTerms(ONE), noon("11-30")).submitted
    do(run, single(500), noon("11-30"), source=Source.SMART_METER)
    assert do(run, AskTerms(ONE), noon("11-30")).submitted


def test_months_that_were_not_closed_yet_are_not_billed_twice(run: Run, one: House):
    """On 10 December November is not closed yet; what silence costs in December is December's use alone."""
    register = one.registers[0]

    def october(conn: Any) -> None:
        kept = read(conn, register, "11-01", 1600, closes=OCTOBER)
        conn.execute(insert(billings).values(period=OCTOBER.first, register=register, reading=kept, used=300,
                                             why="{}", at=noon("11-04")))  # fmt: skip
        read(conn, register, "12-01", 1900, closes=NOVEMBER)

    run(october)
    assert do(run, AskTerms(ONE), noon("12-10")).silent == 300 * 31 // 30


def test_an_account_that_is_not_there_has_no_terms(run: Run):
    for command in (AskTerms("9999999999"), AskStatement("9999999999")):
        with pytest.raises(Unanswerable):
            do(run, command)


def test_an_account_without_a_meter_has_terms_and_no_figures(run: Run):
    terms = do(run, AskTerms("1000000132"))
    assert (terms.silent, terms.submitted, terms.period) == (None, False, NOVEMBER.first)


# Statements


def test_there_is_no_bill_before_the_first_month_is_closed(run: Run, one: House):
    assert do(run, AskStatement(ONE)).last is None


def test_the_last_bill_names_its_readings_and_what_the_supplier_said(run: Run, one: House):
    register = one.registers[0]

    def october(conn: Any) -> None:
        kept = read(conn, register, "11-01", 1610, Source.INSPECTOR, closes=OCTOBER)
        conn.execute(insert(billings).values(period=OCTOBER.first, register=register, reading=kept, used=310,
                                             why="{}", at=noon("11-04")))  # fmt: skip

    run(october)
    made_from = (BilledReading("m1", Zone.SINGLE, Energy.ACTIVE, 1610, day("11-01"), Source.INSPECTOR),)
    assert do(run, AskStatement(ONE)).last == Bill(OCTOBER.first, 310, None, 0, None, made_from)
    run(lambda conn: conn.execute(insert(bills).values(account=ONE, period=OCTOBER.first, kwh=310, amount=133920,
                                                       paid=100000, paid_on=day("11-20"))))  # fmt: skip
    assert do(run, AskStatement(ONE)).last == Bill(OCTOBER.first, 310, 133920, 100000, day("11-20"), made_from)


def test_what_is_coming_is_named_by_its_weakest_source(run: Run):
    there = run(lambda conn: house(conn, ONE, (Zone.DAY, Zone.NIGHT), usual=2.0))
    for register in there.registers:
        run(lambda conn, register=register: read(conn, register, "11-01", 100, closes=OCTOBER))
    assert (got := do(run, AskStatement(ONE), noon("11-30"))).by is Source.ESTIMATE
    assert got.coming == got.terms.silent == 120
    do(run, SubmitReading(ONE, "m1", Zone.DAY, 110), noon("11-30"))
    assert do(run, AskStatement(ONE), noon("11-30")).by is Source.ESTIMATE
    do(run, SubmitReading(ONE, "m1", Zone.NIGHT, 105), noon("11-30"), source=Source.INSPECTOR)
    got = do(run, AskStatement(ONE), noon("11-30"))
    assert (got.coming, got.by) == (15, Source.CALLER)


def test_nothing_is_coming_that_nobody_knows(run: Run):
    run(lambda conn: house(conn, ONE))
    got = do(run, AskStatement(ONE))
    assert (got.coming, got.by) == (None, None)


@pytest.mark.parametrize("name", ["_REGISTERS", "_KNOWN", "_BEFORE"])
def test_what_is_billed_is_found_by_indexes(run: Run, name: str, database: str):
    asked = {"of_first": ONE, "of_last": ONE, "of_period": NOVEMBER.first, "of_horizon": day("01-01")}
    steps = run(lambda conn: plan(conn, getattr(reckoning, name), **asked))
    assert database != "sqlite" or "account>? AND account<?" in steps[0], steps
    assert not any(each.startswith("SCAN") or "(period=?)" in each for each in steps), steps


@pytest.mark.parametrize("name", ["_BILL", "_BILLED"])
def test_a_statement_is_found_by_indexes(run: Run, name: str, database: str):
    asked = {"of": ONE}
    steps = run(lambda conn: plan(conn, getattr(statements, name), **asked))
    assert database != "sqlite" or "account=?" in steps[0], steps
    assert not any(each.startswith("SCAN") or "(period=?)" in each for each in steps), steps
