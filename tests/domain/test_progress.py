"""How far a window has come: counted once and for all, however often somebody looks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from business import Ask, caller, staff
from sqlalchemy import insert, select, update

from domain import calls, progress
from domain.commands import KeepDoubtful, SubmitReading
from domain.decrees import DEFAULTS
from domain.demo import DEMOS
from domain.model import Began, Doubt, Source, Zone
from domain.progress import Tally
from domain.tables import meters, readings, registers
from domain.window import Period, window_of
from tests.domain.conftest import NOW, Run

NOVEMBER = progress.of_period(Period(2026, 11), DEFAULTS)
SINGLE = [each for each in DEMOS if len(each.meters) == 1 and len(each.meters[0].registers) == 1]


def counted(run: Run, tally: Tally | None = None, **more: int) -> Tally:
    tally = tally or Tally(NOVEMBER)
    while not run(lambda conn: tally.count(conn, **more)):
        pass
    return tally


def read(ask: Ask, demo: int, value: int | None = None, *, at: datetime = NOW, **more) -> None:
    meter = SINGLE[demo].meters[0]
    last = meter.registers[0].last or 0
    ask(SubmitReading(SINGLE[demo].account, meter.number, Zone.SINGLE, value or last + 1, **more), at=at)


@pytest.fixture
def web(run: Run) -> Ask:
    return staff(run)


def test_the_window_that_is_open_or_else_the_last_is_looked_at():
    assert progress.where(NOW, DEFAULTS).period == Period(2026, 11)
    assert progress.where(NOW, DEFAULTS).open
    after = progress.where(datetime(2026, 12, 10, tzinfo=UTC), DEFAULTS)
    assert (after.period, after.open) == (Period(2026, 11), False)
    assert after.next == window_of(Period(2026, 12), DEFAULTS)
    assert progress.where(NOW, DEFAULTS).next is None
    assert (NOVEMBER.window.first, NOVEMBER.window.last, NOVEMBER.hours) == (
        date(2026, 11, 29),
        date(2026, 12, 3),
        120,
    )
    assert NOVEMBER.target.terms.percent == 78 and NOVEMBER.target.source


def test_a_meter_counts_once_whatever_is_read_of_it_again(run: Run, web: Ask):
    read(web, 0)
    read(web, 0)
    read(web, 1)
    tally = counted(run)
    assert tally.read == 2 and tally.by_source() == {Source.WEB: 2}


def test_hours_and_channels_are_told(run: Run, web: Ask):
    read(web, 0, at=NOW)
    caller_ = caller(run)
    caller_(SubmitReading(SINGLE[1].account, SINGLE[1].meters[0].number, Zone.SINGLE, 7430), 1)
    read(web, 2, at=NOW + timedelta(hours=3))
    hours = counted(run).by_hour()
    assert hours[47] == {Source.WEB: 1, Source.CALLER: 1}  # 23:30 of the second day in Kyiv
    assert hours[50] == {Source.WEB: 1}
    assert counted(run).until(46) == 0 and counted(run).until(47) == 2 and counted(run).until(119) == 3


def test_what_comes_later_is_added_without_counting_anew(run: Run, web: Ask):
    tally = counted(run)
    assert tally.read == 0
    for demo in range(4):
        read(web, demo)
        assert counted(run, tally).read == demo + 1


@pytest.mark.parametrize("step", [1, 2, 3, 100])
def test_small_steps_find_the_same(run: Run, web: Ask, step: int):
    for demo in range(5):
        read(web, demo)
        read(web, demo)
    assert counted(run, step=step).read == 5
    late = counted(run, Tally(NOVEMBER), step=step)
    read(web, 5)
    assert counted(run, late, step=step).read == 6


def test_estimates_smart_meters_and_values_nobody_stood_by_are_no_readings(run: Run, web: Ask):
    read(web, 0, doubt=Doubt.HIGHER, said="insisted")
    meter = SINGLE[1].meters[0]
    run(lambda conn: calls.begin(conn, Began("c2", None, "100", NOW), "controller-1"))
    caller(run)(KeepDoubtful(SINGLE[1].account, meter.number, Zone.SINGLE, 9, Doubt.LOWER, "hung up"), 1, call="c2")
    read(web, 2)
    run(
        lambda conn: conn.execute(
            update(meters).where(meters.c.number == SINGLE[2].meters[0].number).values(smart=True)
        )
    )
    register = run(lambda conn: conn.execute(select(registers.c.id).limit(1)).scalar_one())
    estimate = {
        "register": register, "value": 1, "read_on": date(2026, 12, 1), "at": NOW, "source": Source.ESTIMATE,
        "status": "accepted", "period": date(2026, 11, 1),
    }  # fmt: skip
    run(lambda conn: conn.execute(insert(readings), estimate))
    assert counted(run).by_source() == {Source.WEB: 1}


def test_only_meters_that_people_read_are_to_be_read(run: Run):
    before = run(progress.to_read)
    number = SINGLE[0].meters[0].number
    run(
        lambda conn: conn.execute(update(meters).where(meters.c.number == number).values(removed_on=date(2026, 1, 1)))
    )
    assert run(progress.to_read) == before - 1


def test_the_same_moment_of_another_window_is_the_same_hour_of_the_same_day():
    october = progress.of_period(Period(2026, 10), DEFAULTS)
    assert progress.same_moment(NOW, NOVEMBER, october) == 47
    assert progress.same_moment(NOW + timedelta(days=30), NOVEMBER, october) == october.hours - 1


def test_the_night_of_a_clock_change_has_twenty_four_hours_on_the_chart():
    march = progress.of_period(Period(2024, 3), DEFAULTS)  # 31 March 2024 has 23 hours
    hours = [
        progress.hour_of(datetime(2024, 3, 30, 22, tzinfo=UTC) + timedelta(hours=n), march.window) for n in range(23)
    ]
    assert hours == [24, 25, 26, *range(28, 48)]
    october = progress.of_period(Period(2027, 10), DEFAULTS)  # 31 October 2027 has 25
    hours = [
        progress.hour_of(datetime(2027, 10, 30, 21, tzinfo=UTC) + timedelta(hours=n), october.window)
        for n in range(25)
    ]
    assert hours == [24, 25, 26, 27, 27, *range(28, 48)]
