"""What is billed when nobody reads."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.decrees import ALTERNATIVES, DEFAULTS
from domain.estimate import Estimate, Mounted, Past, estimate
from domain.model import Source
from domain.policy import EstimatePolicy, Method
from domain.window import Period

AVERAGE = DEFAULTS.estimate(date(2026, 1, 1))
(YEAR_AGO,) = (row.terms for row in ALTERNATIVES if isinstance(row.terms, EstimatePolicy))
NOVEMBER = Period(2026, 11)


def past(text: str, source: Source = Source.CALLER) -> tuple[Past, ...]:
    """Of "2026-10-01 1000, 2026-11-01 1155"."""
    pairs = (each.split() for each in text.split(", "))
    return tuple(Past(int(value), date.fromisoformat(day), source) for day, value in pairs)


def one(text: str, *, width: int = 5, multiplier: int = 1) -> list[Mounted]:
    return [Mounted(width, past(text), multiplier)]


def given_(found: Estimate | None) -> tuple[int, int, Method]:
    assert found
    return found.value, found.used_kwh, found.method


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (one("2026-10-01 1000, 2026-11-01 1155"), (1305, 150)),  # 155 in 31 days: 5 a day, for 30
        (one("2026-10-01 1000, 2026-11-01 1100"), (1196, 96)),  # 100 / 31 * 30 = 96.7: the rest shows later
        (one("2026-10-01 1000, 2026-11-01 1000"), (1000, 0)),
        (one("2026-10-02 1000, 2026-11-03 1160"), (1300, 140)),  # read on the third: 28 days to bridge
        (one("2026-10-30 1000, 2026-11-01 1100"), None),  # two days are no average
        (one("2026-09-01 1000, 2026-10-30 1118, 2026-11-01 1122"), (1182, 60)),  # too short: goes further back
        (one("2026-07-01 0, 2026-09-01 992, 2026-11-01 1602"), (1902, 300)),  # the last interval is long enough
        (one("2026-08-01 1000, 2026-09-01 1155"), (1610, 455)),  # nobody read for two months
        (one("2026-10-01 1000, 2026-11-01 1155, 2026-11-15 1225"), (1305, 150)),  # a control reading in between
        (one("2026-10-01 1000, 2026-11-01 1155, 2026-12-03 1999"), (1305, 150)),  # what came later isn't looked at
        (one("2026-10-01 1000, 2026-11-01 1155, 2026-12-01 1300"), (1300, 145)),  # read on the very day
        (one("2026-10-01 99900, 2026-11-01 55"), (205, 150)),  # rolled over before
        (one("2026-10-01 99800, 2026-11-01 99955"), (105, 150)),  # rolls over in the estimate
        (one("2026-10-01 9800, 2026-11-01 9955", width=4), (105, 150)),
        (one("2026-10-01 1000, 2026-11-01 1031", multiplier=40), (1061, 1200)),  # current transformers
        (one("2026-10-01 1000, 2026-11-01 1030", multiplier=40), (1059, 1160)),  # 1200 / 31 * 30 / 40 = 29.03
        (one("2026-10-01 1000, 2026-10-20 9999, 2026-11-01 1155"), (1305, 150)),  # the later, lower one is believed
        (one("2026-10-01 1000, 2026-11-01 1200, 2026-11-01 1155"), (1305, 150)),  # twice on a day: the later entry
        (
            one("2026-08-01 1000, 2026-09-25 9999, 2026-11-01 1460"),
            (1610, 150),
        ),  # and what stood above it is forgotten
        (one("2026-10-05 900, 2026-10-05 1000, 2026-11-01 1135"), (1285, 150)),  # twice on the first day
        (one("2026-07-01 0, 2026-10-04 1000, 2026-11-01 1140"), (1290, 150)),  # 28 days are enough
        (one("2026-11-01 1155"), None),
        (one("2026-12-02 1155"), None),
        ([Mounted(5, ())], None),
        ([], None),
    ],
)
def test_average_daily_consumption_goes_on_from_the_last_measured_reading(
    history: list[Mounted], expected: tuple[int, int] | None
):
    found = estimate(history, NOVEMBER, EstimatePolicy((Method.AVERAGE,)))
    assert (found and (found.value, found.used_kwh)) == expected


@pytest.mark.parametrize(
    ("history", "period", "expected"),
    [
        # the month of a year ago, read on its first and last day
        (one("2025-11-01 1000, 2025-12-01 1300, 2026-11-01 4000"), NOVEMBER, (4300, 300)),
        # read on other days: use between two readings is even (300 in 30 days; of December ten a day as well)
        (one("2025-10-27 950, 2025-11-26 1250, 2025-12-26 1550, 2026-11-01 4000"), NOVEMBER, (4300, 300)),
        # nobody read for two months: the same two months of a year ago
        (one("2025-10-01 500, 2025-11-01 700, 2025-12-01 1000, 2026-10-01 4000"), NOVEMBER, (4500, 500)),
        # a leap day: 28 February 2023 to 1 March counts for the 29th of 2024 as well
        (one("2023-02-01 0, 2023-03-01 280, 2024-02-01 5000"), Period(2024, 2), (5280, 280)),
        (one("2024-02-01 0, 2024-03-01 290, 2025-02-01 5000"), Period(2025, 2), (5290, 290)),
        (one("2023-02-25 0, 2023-03-27 300, 2024-02-29 5000"), Period(2024, 2), (5010, 10)),
        # displayed units of a transformer's meter, and a rollover a year ago
        (one("2025-11-01 99990, 2025-12-01 20, 2026-11-01 4000", multiplier=20), NOVEMBER, (4030, 600)),
    ],
)
def test_the_same_days_a_year_ago(history: list[Mounted], period: Period, expected: tuple[int, int]):
    assert given_(estimate(history, period, YEAR_AGO)) == (*expected, Method.YEAR_AGO)


@pytest.mark.parametrize(
    "history",
    [
        one("2026-10-01 1000, 2026-11-01 1155"),  # no year of history
        one("2025-11-15 0, 2025-12-01 100, 2026-10-01 1000, 2026-11-01 1155"),  # began in the middle
        one("2025-07-01 0, 2026-10-01 1000, 2026-11-01 1155"),  # nobody read for more than two months
    ],
)
def test_without_readings_of_a_year_ago_the_average_is_taken(history: list[Mounted]):
    found = estimate(history, NOVEMBER, YEAR_AGO)
    assert given_(found) == (1305, 150, Method.AVERAGE)


@pytest.mark.parametrize(("last", "method"), [("2025-12-02", Method.YEAR_AGO), ("2025-12-03", Method.AVERAGE)])
def test_use_between_readings_more_than_62_days_apart_is_not_told_by_month(last: str, method: Method):
    found = estimate(one(f"2025-10-01 0, {last} 620, 2026-11-01 4000"), NOVEMBER, YEAR_AGO)
    assert found and found.method is method


def test_without_any_interval_the_use_noted_at_the_register_is_taken_else_nothing_is_known():
    history = one("2026-11-01 1155", multiplier=20)
    assert estimate(history, NOVEMBER, AVERAGE) is None
    assert given_(estimate(history, NOVEMBER, AVERAGE, usual=4.99)) == (1304, 2980, Method.USUAL)
    assert given_(estimate(history, NOVEMBER, AVERAGE, usual=-1.0)) == (1155, 0, Method.USUAL)
    less = Past(1100, date(2026, 10, 31), Source.ESTIMATE)
    assert given_(estimate(history, NOVEMBER, AVERAGE, billed=less, usual=-1.0)) == (1155, 1100, Method.USUAL)
    assert estimate(history, NOVEMBER, EstimatePolicy((Method.AVERAGE, Method.YEAR_AGO)), usual=4.99) is None


def test_an_estimate_says_what_it_was_computed_from():
    found = estimate(one("2026-10-01 1000, 2026-11-01 1155"), NOVEMBER, AVERAGE)
    assert found and found.inputs.as_mapping() == {
        "base": 1155, "base_on": "2026-11-01", "base_source": "caller", "until": "2026-12-01", "days": 30,
        "first": "2026-10-01", "last": "2026-11-01", "kwh": 155, "over": 31,
    }  # fmt: skip
    noted = estimate(one("2026-11-01 1155"), NOVEMBER, AVERAGE, usual=5.0)
    assert noted and set(noted.inputs.as_mapping()) == {"base", "base_on", "base_source", "until", "days"}


def test_an_average_of_no_use_is_an_input_too():
    found = estimate(one("2026-10-01 1000, 2026-11-01 1000"), NOVEMBER, AVERAGE)
    assert found and found.inputs.as_mapping()["kwh"] == 0


# What was billed before


def test_an_estimate_is_no_measurement_but_the_month_before_was_billed_at_it():
    october = past("2026-10-01 1155", Source.ESTIMATE)
    history = [Mounted(5, past("2026-08-01 1000, 2026-09-01 1155") + past("2026-11-01 1460", Source.ESTIMATE))]
    found = estimate(history, NOVEMBER, AVERAGE)
    assert given_(found) == (1610, 150, Method.AVERAGE)  # 91 days of 5 since the measured one; 150 of them new
    assert found and found.inputs.base == Past(1155, date(2026, 9, 1), Source.CALLER)
    assert given_(estimate(history, NOVEMBER, AVERAGE, billed=october[0])) == (1610, 455, Method.AVERAGE)


def test_who_was_estimated_too_high_is_billed_nothing_until_the_meter_has_caught_up():
    billed = Past(1500, date(2026, 11, 1), Source.ESTIMATE)
    history = one("2026-10-01 1000, 2026-11-05 1175")
    found = estimate(history, NOVEMBER, AVERAGE, billed=billed)
    assert given_(found) == (1500, 0, Method.AVERAGE)
    assert given_(estimate(history, Period(2027, 1), AVERAGE, billed=billed)) == (1615, 115, Method.AVERAGE)


def test_a_control_reading_in_the_month_is_the_base_and_all_of_the_month_is_billed():
    history = one("2026-10-01 1000, 2026-11-01 1155, 2026-11-15 1155, 2026-11-29 1155")
    found = estimate(history, NOVEMBER, EstimatePolicy((Method.AVERAGE,), days=60))
    assert found and found.inputs.base.read_on == date(2026, 11, 29)
    assert found.value == 1155 + 155 * 2 // 59 and found.used_kwh == found.value - 1155
    billed = Past(1140, date(2026, 10, 31), Source.WEB)
    again = estimate(history, NOVEMBER, EstimatePolicy((Method.AVERAGE,), days=60), billed=billed)
    assert again and again.used_kwh == found.used_kwh + 15


# A meter replaced


OLD = Mounted(5, past("2026-10-01 99000, 2026-11-01 99310, 2026-11-11 99410"), 1)


def test_what_was_used_on_the_old_meter_counts_in_the_average_and_in_the_bill():
    new = Mounted(6, past("2026-11-11 7"), 1)
    found = estimate([OLD, new], NOVEMBER, AVERAGE, billed=OLD.readings[1])
    assert given_(found) == (207, 300, Method.AVERAGE)  # ten a day: 100 on the old one, 200 on the new one
    assert found and (found.inputs.kwh, found.inputs.over) == (410, 41)


def test_an_average_that_the_new_meter_can_give_does_not_look_at_the_old_one():
    old = Mounted(5, past("2026-08-01 0, 2026-09-01 3100"))
    new = Mounted(5, past("2026-09-01 0, 2026-10-01 300, 2026-11-01 455"))
    assert given_(estimate([old, new], NOVEMBER, AVERAGE)) == (605, 150, Method.AVERAGE)


def test_a_bill_of_the_day_of_replacement_is_found_on_the_meter_that_it_was_read_on():
    old = Mounted(5, past("2026-10-01 99000, 2026-11-01 99310"))
    new = Mounted(6, past("2026-11-01 7"))
    assert given_(estimate([old, new], NOVEMBER, AVERAGE, billed=old.readings[1])) == (307, 300, Method.AVERAGE)
    assert given_(estimate([old, new], NOVEMBER, AVERAGE, billed=new.readings[0])) == (307, 300, Method.AVERAGE)


def test_energy_crosses_to_a_meter_with_transformers_as_energy():
    new = Mounted(5, past("2026-11-11 0"), 20)
    assert given_(estimate([OLD, new], NOVEMBER, AVERAGE, billed=OLD.readings[1])) == (10, 300, Method.AVERAGE)


def test_the_year_ago_of_a_replaced_meter_is_found_on_the_old_one():
    old = Mounted(5, past("2025-11-01 0, 2025-12-01 300, 2025-12-20 500"))
    new = Mounted(5, past("2025-12-20 10, 2026-11-01 3000"), 2)
    assert given_(estimate([old, new], NOVEMBER, YEAR_AGO)) == (3150, 300, Method.YEAR_AGO)


def test_a_curve_goes_over_the_day_of_replacement_but_not_over_a_gap():
    old = Mounted(5, past("2025-10-20 0, 2025-11-15 260"))
    new = Mounted(5, past("2025-11-15 0, 2025-12-05 200, 2026-11-01 3000"))
    assert given_(estimate([old, new], NOVEMBER, YEAR_AGO)) == (3300, 300, Method.YEAR_AGO)
    late = Mounted(5, past("2025-11-16 0, 2025-12-05 200, 2026-11-01 3000"))
    found = estimate([old, late], NOVEMBER, YEAR_AGO)
    assert found and found.method is Method.AVERAGE


def test_a_meter_that_was_replaced_twice_since_the_last_bill_is_billed_whole():
    between = Mounted(5, past("2026-11-11 500, 2026-11-16 550"))
    new = Mounted(5, past("2026-11-16 0"))
    found = estimate([OLD, between, new], NOVEMBER, AVERAGE, billed=OLD.readings[1])
    assert given_(found) == (150, 300, Method.AVERAGE)


def test_a_new_meter_that_nobody_has_read_has_no_estimate():
    assert estimate([OLD, Mounted(5, ())], NOVEMBER, AVERAGE, usual=5.0) is None


# Properties

policies = st.builds(
    EstimatePolicy,
    st.lists(st.sampled_from(Method), min_size=1, unique=True).map(tuple),
    days=st.integers(7, 400),
    gap_days=st.integers(1, 400),
)


@st.composite
def histories(draw: st.DrawFn, most: int = 8) -> tuple[Mounted, list[tuple[date, int]]]:
    """A register that only counts forward, and its true count on the days on which it was read."""
    width = draw(st.integers(3, 8))
    multiplier = draw(st.sampled_from((1, 20, 100)))
    day, count = date(2024, 1, 1) + timedelta(days=draw(st.integers(0, 60))), draw(st.integers(0, 10**width - 1))
    points = [(day, count)]
    for _ in range(draw(st.integers(0, most - 1))):
        day += timedelta(days=draw(st.integers(1, 70)))
        count += draw(st.integers(0, 10**width // 2))
        points.append((day, count))
    readings = [
        Past(count % 10**width, day, draw(st.sampled_from((Source.CALLER, Source.WEB)))) for day, count in points
    ]
    return Mounted(width, tuple(draw(st.permutations(readings))), multiplier), points


@given(histories(), policies, st.none() | st.floats(0, 50), st.integers(0, 30))
def test_an_estimate_lies_between_no_use_and_the_greatest_use_that_was_ever_measured(
    known: tuple[Mounted, list[tuple[date, int]]], policy: EstimatePolicy, usual: float | None, months: int
):
    mounted, points = known
    period = Period(2024, 1).plus(months)
    seen = [(day, count) for day, count in points if day <= period.next.first]
    found = estimate([mounted], period, policy, usual=usual)
    if not seen:
        assert found is None
        return
    if found is None:
        assert usual is None or Method.USUAL not in policy.methods
        return
    rates = [Fraction(high - low, (late - early).days) for (early, low), (late, high) in pairwise(seen)]
    most = Fraction(usual or 0) if found.method is Method.USUAL else max(rates)
    days = (period.next.first - seen[-1][0]).days
    leap = 1 if found.method is Method.YEAR_AGO else 0  # the same days may have been one more
    used = (found.value - seen[-1][1]) % 10**mounted.width
    at_most = ceil(most * (days + leap))
    assume(at_most < 10**mounted.width)  # more than once round nobody can tell from the display
    assert 0 <= found.value < 10**mounted.width
    assert used <= at_most
    assert found.used_kwh >= 0 and found.used_kwh % mounted.multiplier == 0


@given(histories(), st.integers(7, 90), st.integers(0, 30), st.integers(1, 6))
def test_a_longer_silence_is_never_estimated_lower(
    known: tuple[Mounted, list[tuple[date, int]]], days: int, months: int, more: int
):
    mounted, points = known
    policy = EstimatePolicy((Method.AVERAGE,), days=days)
    period = Period(2024, 1).plus(months)
    assume(points[-1][0] <= period.next.first)
    billed = Past(points[0][1] % 10**mounted.width, points[0][0], Source.CALLER)
    now = estimate([mounted], period, policy, billed=billed)
    later = estimate([mounted], period.plus(more), policy, billed=billed)
    assert (now is None) == (later is None)
    if now and later:
        gained = (later.used_kwh - now.used_kwh) // mounted.multiplier
        assert gained >= 0 and (later.value - now.value - gained) % 10**mounted.width == 0


@given(st.integers(0, 400), st.integers(0, 400), st.integers(7, 400), st.integers(1, 100))
def test_who_used_more_is_never_estimated_lower(less: int, more: int, days: int, multiplier: int):
    less, more = sorted((less, more))

    def at(used: int) -> Estimate:
        first = date(2026, 11, 1) - timedelta(days=days)
        history = [Mounted(9, (Past(0, first, Source.WEB), Past(used, date(2026, 11, 1), Source.WEB)), multiplier)]
        found = estimate(history, NOVEMBER, AVERAGE)
        assert found
        return found

    low, high = at(less), at(more)
    assert low.used_kwh <= high.used_kwh and low.value - less <= high.value - more


@given(histories(), policies, st.integers(0, 30), st.data())
def test_an_estimate_made_again_when_more_is_known_is_the_same(
    known: tuple[Mounted, list[tuple[date, int]]], policy: EstimatePolicy, months: int, data: st.DataObject
):
    mounted, _ = known
    period = Period(2024, 1).plus(months)
    later = Past(
        data.draw(st.integers(0, 10**mounted.width - 1)),
        period.next.first + timedelta(days=data.draw(st.integers(1, 60))),
        Source.INSPECTOR,
    )
    billed = min(mounted.readings, key=lambda each: each.read_on)
    longer = Mounted(mounted.width, (later, *mounted.readings), mounted.multiplier)
    assert estimate([longer], period, policy, billed=billed) == estimate([mounted], period, policy, billed=billed)


@given(histories(), policies, st.integers(0, 30))
def test_nobody_is_billed_less_than_nothing_or_back_below_what_was_billed(
    known: tuple[Mounted, list[tuple[date, int]]], policy: EstimatePolicy, months: int
):
    mounted, points = known
    period = Period(2024, 1).plus(months)
    above = (points[-1][1] + 10**mounted.width // 4) % 10**mounted.width
    billed = Past(above, period.first, Source.ESTIMATE)
    found = estimate([mounted], period, policy, billed=billed, usual=0.0)
    if found and points[-1][0] <= period.first:
        used = found.used_kwh // mounted.multiplier
        assert used >= 0 and (above + used - found.value) % 10**mounted.width == 0


@pytest.mark.parametrize(
    "terms",
    [
        {"methods": ()},
        {"methods": (Method.AVERAGE, Method.AVERAGE)},
        {"methods": (Method.AVERAGE,), "days": 5},
        {"methods": (Method.AVERAGE,), "least_days": 0},
        {"methods": (Method.AVERAGE,), "gap_days": 0},
    ],
)
def test_terms_that_estimate_nothing_are_refused(terms: dict[str, object]):
    with pytest.raises(ValueError, match="an estimate needs"):
        EstimatePolicy(**terms)  # type: ignore[arg-type]
