"""A month is closed: who is billed by what, and that nothing is billed twice or changed."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from houses import DECEMBER, NOVEMBER, OCTOBER, House, day, house, meter, noon, read, remove
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select

from domain import billing, policies
from domain.billing import CannotClose, Closing, Explained, billed_for, close
from domain.desk_readings import ResolveReading
from domain.handlers import perform
from domain.model import Doubt, Energy, Purpose, Source, Zone
from domain.policy import Method, WindowPolicy
from domain.precedence import Reason, Why
from domain.store import Store
from domain.tables import accounts, billings, closings, events, meters, readings, registers
from domain.window import Period
from tests.domain.conftest import Run

ONE = "7000000001"
AFTER = {OCTOBER: noon("11-04"), NOVEMBER: noon("12-04"), DECEMBER: noon("2027-01-04")}


@pytest.fixture
def bare(store: Store) -> Run:
    """A store without anybody in it."""
    return lambda job: store.write(job).result()


def shut(store: Store, period: Period, **more: Any) -> Closing:
    """The month, closed on the day after its window."""
    *_, last = close(store, period, lambda: AFTER[period], **more)
    return last


def rows(run: Run, table: Any) -> list[Any]:
    return run(lambda conn: conn.execute(select(table)).all())


def told(run: Run, period: Period, account: str = ONE) -> tuple[Explained, ...]:
    return run(lambda conn: billed_for(conn, account, period))


def build(run: Run, make: Callable[[Any], House]) -> int:
    return run(make).registers[0]


# Which reading, and why: one register, 1000 on 1 October as the beginning


TABLE: list[tuple[str, list[tuple[str, int, Source, bool]], int | None, Why, list[tuple[int, Reason]]]] = [
    # what, (day, value, source, in the window), billed, why, passed over
    ("one reading", [("10-30", 1300, Source.CALLER, True)], 1300, Why.ONLY, []),
    (
        "the customer's last word",
        [("10-30", 1300, Source.CALLER, True), ("11-02", 1320, Source.WEB, True)],
        1320, Why.LATER_DAY, [(1300, Reason.EARLIER_DAY)],
    ),
    (
        "the inspector before the customer",
        [("10-30", 1290, Source.INSPECTOR, True), ("11-01", 1320, Source.CALLER, True)],
        1290, Why.STRONGER, [(1320, Reason.WEAKER)],
    ),
    (
        "a control reading that agrees",
        [("10-15", 1150, Source.INSPECTOR, False), ("10-31", 1300, Source.CALLER, True)],
        1300, Why.ONLY, [(1150, Reason.OUTSIDE_WINDOW)],
    ),
    (
        "a control reading that the customer contradicts",
        [("10-15", 1350, Source.INSPECTOR, False), ("10-31", 1300, Source.CALLER, True)],
        1350, Why.CONTROL, [(1300, Reason.CONTRADICTS_CONTROL)],
    ),
    (
        "a smart meter before all",
        [("10-31", 1310, Source.SMART_METER, True), ("11-01", 1320, Source.INSPECTOR, True)],
        1310, Why.STRONGER, [(1320, Reason.WEAKER)],
    ),
    ("a control reading alone closes nothing", [("10-15", 1150, Source.CALLER, False)], None, Why.NOTHING,
     [(1150, Reason.OUTSIDE_WINDOW)]),
]  # fmt: skip


@pytest.mark.parametrize(("read_", "value", "why", "passed"), [case[1:] for case in TABLE], ids=[c[0] for c in TABLE])
def test_which_reading_is_billed_and_why(
    store: Store,
    bare: Run,
    read_: list[tuple[str, int, Source, bool]],
    value: int | None,
    why: Why,
    passed: list[tuple[int, Reason]],
):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "09-01", 900, Source.INSPECTOR)
        read(conn, there.registers[0], "10-01", 1000, Source.INSPECTOR)
        for on, shown, source, closes in read_:
            read(conn, there.registers[0], on, shown, source, closes=OCTOBER if closes else None)
        return there

    register = build(bare, make)
    before = told(bare, OCTOBER)
    shut(store, OCTOBER)
    (explained,) = told(bare, OCTOBER)
    assert explained.closed_at == AFTER[OCTOBER]
    assert explained.decision.why is why
    assert [(each.candidate.value, each.reason) for each in explained.decision.passed_over] == passed
    assert explained.reading is not None and explained.before is not None
    assert (explained.reading.source is Source.ESTIMATE) == (value is None)
    if value is not None:
        assert (explained.reading.value, explained.used) == (value, value - 1000)
    for each in read_:
        assert str(each[1]) in explained.text
    (billed,) = rows(bare, billings)
    assert (billed.register, billed.period, billed.used) == (register, OCTOBER.first, explained.used)
    assert [(each.reading, each.used, each.decision, each.method) for each in before] == [
        (explained.reading, explained.used, explained.decision, explained.method)
    ], "what is said beforehand is what is done"


def test_a_doubtful_reading_is_not_billed_and_is_named(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE, usual=10.0)
        read(conn, there.registers[0], "10-01", 1000, Source.INSPECTOR)
        read(conn, there.registers[0], "10-31", 9999, closes=OCTOBER, doubt=Doubt.HIGHER)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    (explained,) = told(bare, OCTOBER)
    assert (explained.reading and explained.reading.source, explained.method) == (Source.ESTIMATE, Method.USUAL)
    assert [each.reason for each in explained.decision.passed_over] == [Reason.DOUBTFUL]
    assert "an estimate (usual)" in explained.text
    assert "9999" in explained.text


def test_an_estimate_is_stored_as_a_reading_with_its_inputs(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "09-01", 1000, Source.INSPECTOR)
        read(conn, there.registers[0], "10-01", 1300, closes=Period(2026, 9))
        return there

    register = build(bare, make)
    assert shut(store, OCTOBER).estimated == 1
    kept = rows(bare, readings)[-1]
    assert (kept.register, kept.value, kept.source, kept.purpose, kept.period, kept.read_on) == (
        register, 1300 + 310, Source.ESTIMATE, Purpose.BILLING, OCTOBER.first, day("11-01"),
    )  # fmt: skip
    assert json.loads(kept.inputs) == {
        "method": "average", "base": 1300, "base_on": "2026-10-01", "base_source": "caller", "until": "2026-11-01",
        "days": 31, "first": "2026-09-01", "last": "2026-10-01", "kwh": 300, "over": 30,
    }  # fmt: skip
    (billed,) = rows(bare, billings)
    assert (billed.reading, billed.used) == (kept.id, 310)


def test_a_register_that_tells_nothing_is_billed_nothing_and_counted(store: Store, bare: Run):
    bare(lambda conn: house(conn, ONE))
    assert shut(store, OCTOBER) == Closing(OCTOBER, AFTER[OCTOBER], 0, 0, 1, 1, 1)
    assert rows(bare, billings) == []
    (explained,) = told(bare, OCTOBER)
    assert (explained.reading, explained.used, explained.closed_at) == (None, None, None)


def test_the_first_reading_of_all_is_where_the_account_begins(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "10-31", 5, closes=OCTOBER)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    assert rows(bare, billings)[0].used == 0


def test_the_multiplier_the_zones_and_the_energies_each_have_their_own_bill(store: Store, bare: Run):
    def make(conn: Any) -> House:
        energies = (Energy.ACTIVE, Energy.REACTIVE)
        there = house(conn, ONE, (Zone.DAY, Zone.NIGHT), multiplier=40, kind="legal", energies=energies)
        for n, register in enumerate(there.registers, 1):
            read(conn, register, "10-01", 100, Source.INSPECTOR)
            read(conn, register, "10-31", 100 + n, closes=OCTOBER)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    assert [each.used for each in rows(bare, billings)] == [40, 80, 120, 160]
    assert [(each.zone, each.energy) for each in told(bare, OCTOBER)] == [
        (zone, energy) for energy in (Energy.ACTIVE, Energy.REACTIVE) for zone in (Zone.DAY, Zone.NIGHT)
    ]


def test_a_display_that_rolled_over_counts_on(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "10-01", 99_900, Source.INSPECTOR)
        read(conn, there.registers[0], "10-31", 50, closes=OCTOBER)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    assert rows(bare, billings)[0].used == 150


def test_a_month_after_an_estimate_that_was_too_high_is_a_credit(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE, usual=20.0)
        read(conn, there.registers[0], "10-01", 1000, Source.INSPECTOR)
        return there

    register = build(bare, make)
    shut(store, OCTOBER)
    bare(lambda conn: read(conn, register, "11-30", 1100, closes=NOVEMBER))
    shut(store, NOVEMBER)
    assert [each.used for each in rows(bare, billings)] == [620, -520]


def test_a_meter_that_was_replaced_is_billed_to_its_last_reading_and_the_new_one_from_its_first(
    store: Store, bare: Run
):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        old = there.registers[0]
        read(conn, old, "09-01", 1000, Source.INSPECTOR)
        read(conn, old, "10-01", 1300, Source.INSPECTOR)
        read(conn, old, "10-16", 1450, Source.INSPECTOR)
        remove(conn, ONE, "m1", "10-16")
        (new,) = meter(conn, ONE, "m2")
        read(conn, new, "10-16", 7, Source.INSPECTOR)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    old, new = told(bare, OCTOBER)
    assert (old.used, old.reading and old.reading.value) == (150, 1450)
    assert (new.used, new.method) == (450 * 16 // 45, Method.AVERAGE)  # at the pace of the old one
    shut(store, NOVEMBER)
    assert [each.meter for each in told(bare, NOVEMBER)] == ["m2"]


def test_a_meter_that_was_set_up_after_the_window_is_not_billed_for_that_month(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        read(conn, there.registers[0], "11-20", 0, Source.INSPECTOR)
        return there

    build(bare, make)
    assert shut(store, OCTOBER).unknown == 0
    assert told(bare, OCTOBER) == ()


def test_readings_that_were_stored_before_they_knew_their_month_count_by_their_day(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE)
        for on, value in (("10-01", 1000), ("10-31", 1200), ("11-10", 1250)):
            conn.execute(
                insert(readings).values(
                    register=there.registers[0],
                    value=value,
                    read_on=day(on),
                    at=noon(on),
                    source="caller",
                    status="accepted",
                )
            )
        return there

    build(bare, make)
    shut(store, OCTOBER)
    assert rows(bare, billings)[0].used == 200


# When


@pytest.mark.parametrize(
    ("at", "may"),
    [
        (datetime(2026, 11, 3, 21, 59, tzinfo=UTC), False),  # 23:59 in Kyiv, the last minute of the window
        (datetime(2026, 11, 3, 22, 0, tzinfo=UTC), True),
    ],
)
def test_a_month_is_closed_after_its_window(store: Store, bare: Run, at: datetime, may: bool):
    bare(lambda conn: house(conn, ONE))
    if may:
        assert [each.closed_at for each in close(store, OCTOBER, lambda: at)][-1] == at
    else:
        with pytest.raises(CannotClose, match="up to and including 2026-11-03"):
            list(close(store, OCTOBER, lambda: at))


def test_another_window_moves_the_day(store: Store, bare: Run):
    bare(lambda conn: policies.enter(conn, "window", date(2026, 1, 1), WindowPolicy(2, 10), "a test", noon("01-01")))
    with pytest.raises(CannotClose, match="2026-11-10"):
        shut(store, OCTOBER)


def test_months_are_closed_in_their_order(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE, usual=1.0)
        read(conn, there.registers[0], "10-01", 1000, Source.INSPECTOR)
        return there

    build(bare, make)
    shut(store, OCTOBER)
    with pytest.raises(CannotClose, match="close 2026-11 first"):
        shut(store, DECEMBER)
    with pytest.raises(CannotClose, match="2026-10 has been"):
        list(close(store, Period(2026, 9), lambda: AFTER[OCTOBER]))


# Once


def crowd(conn: Any, houses: int = 7) -> None:
    for n in range(houses):
        there = house(conn, f"70000000{n:02d}", (Zone.DAY, Zone.NIGHT) if n % 2 else (Zone.SINGLE,), usual=3.0)
        for register in there.registers:
            read(conn, register, "10-01", 1000, Source.INSPECTOR)
            if n % 3:
                read(conn, register, "10-31", 1100 + n, closes=OCTOBER)


def everything(run: Run) -> list[list[Any]]:
    return [rows(run, table) for table in (billings, readings, closings, events)]


def test_a_month_that_is_closed_stays_as_it_is(store: Store, bare: Run):
    bare(crowd)
    first = shut(store, OCTOBER, batch=2)
    assert (first.accounts, first.of, first.measured + first.estimated) == (7, 7, 10)
    before = everything(bare)
    later = [*close(store, OCTOBER, lambda: noon("11-20"))]
    assert [(each.closed_at, each.measured, each.estimated) for each in later] == [
        (AFTER[OCTOBER], first.measured, first.estimated)
    ]
    assert everything(bare) == before
    assert [each.kind for each in rows(bare, events)] == ["period.closed"]


def test_a_dry_run_says_the_same_and_writes_nothing(store: Store, bare: Run):
    bare(crowd)
    before = everything(bare)
    dry = shut(store, OCTOBER, batch=2, dry_run=True)
    assert everything(bare) == before
    real = shut(store, OCTOBER, batch=3)
    assert (dry.measured, dry.estimated, dry.unknown, dry.accounts) == (
        real.measured, real.estimated, real.unknown, real.accounts,
    )  # fmt: skip


@pytest.mark.parametrize("batches", range(6))
def test_a_closing_that_was_broken_off_goes_on_where_it_was(store: Store, bare: Run, batches: int):
    bare(crowd)
    going = close(store, OCTOBER, lambda: AFTER[OCTOBER], batch=2)
    for _ in range(batches):
        next(going)
    going.close()
    done = shut(store, OCTOBER, batch=2)
    assert (done.measured, done.estimated) == (6, 4)
    billed = rows(bare, billings)
    assert len(billed) == 10
    assert len([each for each in rows(bare, readings) if each.source is Source.ESTIMATE]) == 4
    assert [each.kind for each in rows(bare, events)] == ["period.closed"]


def test_two_closings_at_once_do_each_account_once(store: Store, bare: Run):
    bare(crowd)
    one, other = (close(store, OCTOBER, lambda: AFTER[OCTOBER], batch=2) for _ in range(2))
    running = [one, other]
    while running:
        running = [each for each in running if next(each, None) is not None]
    assert len(rows(bare, billings)) == 10
    assert len([each for each in rows(bare, readings) if each.source is Source.ESTIMATE]) == 4
    (closing,) = rows(bare, closings)
    assert (closing.measured, closing.estimated, closing.closed_at) == (6, 4, AFTER[OCTOBER])


def test_a_batch_that_another_process_did_meanwhile_is_not_done_again(store: Store, bare: Run):
    """Decided before, written after the other one: the moment between reading and writing."""
    bare(crowd)
    bare(lambda conn: billing._begin(conn, OCTOBER, AFTER[OCTOBER]))
    mine = bare(lambda conn: billing._decide(conn, OCTOBER, "", 3))
    theirs = bare(lambda conn: billing._decide(conn, OCTOBER, "", 2))
    bare(lambda conn: billing._keep(conn, OCTOBER, theirs, AFTER[OCTOBER]))
    before = everything(bare)
    kept = bare(lambda conn: billing._keep(conn, OCTOBER, mine, AFTER[OCTOBER]))
    assert (kept.upto, everything(bare)) == (theirs.upto, before)


@pytest.mark.parametrize("batches", [1, 7, 30])
def test_kill_9_in_the_middle_leaves_whole_batches_and_the_next_run_goes_on(
    store: Store, bare: Run, url: str, batches: int
):
    bare(lambda conn: crowd(conn, 99))
    child = subprocess.Popen([sys.executable, "-c", CLOSING, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    for _ in range(batches):
        assert child.stdout.readline()
    child.kill()
    child.wait()
    child.stdout.close()
    estimates = select(func.count()).where(readings.c.source == Source.ESTIMATE)
    counted = select(func.coalesce(func.sum(closings.c.estimated), 0))
    assert bare(lambda conn: conn.execute(estimates).scalar_one() == conn.execute(counted).scalar_one() > 0)
    done = shut(store, OCTOBER)
    assert done.accounts <= 99 - batches
    assert (len(rows(bare, billings)), bare(lambda conn: conn.execute(estimates).scalar_one())) == (148, 49)
    assert (done.measured, done.estimated, done.unknown) == (99, 49, 0)


ROOT = Path(__file__).parents[2]
CLOSING = """
import sys
from datetime import UTC, datetime
from domain.billing import close
from domain.store import Store
from domain.window import Period

with Store.open(sys.argv[1]) as store:
    for done in close(store, Period(2026, 10), lambda: datetime(2026, 11, 4, 12, tzinfo=UTC), batch=1):
        print(done.accounts, flush=True)
"""


# What comes late


def test_what_comes_after_the_closing_changes_nothing_and_is_settled_by_the_next_month(store: Store, bare: Run):
    def make(conn: Any) -> House:
        there = house(conn, ONE, usual=10.0)
        read(conn, there.registers[0], "10-01", 1000, Source.INSPECTOR)
        read(conn, there.registers[0], "10-31", 1500, closes=OCTOBER, doubt=Doubt.HIGHER)
        return there

    register = build(bare, make)
    shut(store, OCTOBER)
    (october,) = rows(bare, billings)
    assert october.used == 310
    doubtful = next(each.id for each in rows(bare, readings) if each.doubt)
    resolve = ResolveReading(doubtful, True, "seen")
    bare(lambda conn: perform(conn, resolve, call=None, seq=None, at=noon("11-20"), by="Olena"))
    assert rows(bare, billings) == [october]
    (explained,) = told(bare, OCTOBER)
    assert [each.value for each in explained.late] == [1500]
    assert "Came after the closing: 1500" in explained.text
    bare(lambda conn: read(conn, register, "11-30", 1700, closes=NOVEMBER))
    shut(store, NOVEMBER)
    assert [each.used for each in rows(bare, billings)] == [310, 390]  # 700 together


# However it is read, what was used adds up


monthly = st.lists(
    st.tuples(
        st.sampled_from(["nobody", "customer", "inspector", "both"]),
        st.integers(0, 9_000),  # what was used, as displayed
        st.integers(0, 200),  # how much the customer is behind the inspector
    ),
    min_size=1,
    max_size=7,
)


@given(st.integers(0, 99_999), st.sampled_from([1, 40]), st.none() | st.floats(0, 500), monthly)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_used_kwh_of_consecutive_months_add_up_to_the_difference_of_the_meter(
    store: Store, bare: Run, start: int, multiplier: int, usual: float | None, months: list[tuple[str, int, int]]
):
    def fresh(conn: Any) -> House:
        for table in (billings, closings, readings, registers, meters, accounts):
            conn.execute(delete(table))
        there = house(conn, ONE, multiplier=multiplier, usual=usual)
        read(conn, there.registers[0], "10-01", start, Source.INSPECTOR)
        return there

    register = build(bare, fresh)
    shown, period = start, OCTOBER
    for who, used, behind in months:
        shown = (shown + used) % 100_000
        on = period.last.isoformat()
        if who in ("customer", "both"):
            value = (shown - behind) % 100_000
            bare(lambda conn, v=value, on=on, p=period: read(conn, register, on, v, closes=p))
        if who in ("inspector", "both"):
            bare(lambda conn, v=shown, on=on, p=period: read(conn, register, on, v, Source.INSPECTOR, closes=p))
        at = datetime.combine(period.next.first.replace(day=4), datetime.min.time(), UTC).replace(hour=12)
        list(close(store, period, lambda at=at: at))
        period = period.next
        total, billed = bare(
            lambda conn: (
                conn.execute(select(func.coalesce(func.sum(billings.c.used), 0))).scalar_one(),
                conn.execute(
                    select(readings.c.value)
                    .join(billings, billings.c.reading == readings.c.id)
                    .order_by(billings.c.period.desc())
                    .limit(1)
                ).scalar_one_or_none(),
            )
        )
        if billed is not None:
            assert (total - (billed - start) * multiplier) % (100_000 * multiplier) == 0
            if who in ("inspector", "both"):
                assert billed == shown
