"""Check digits, days, and the judgement on a reading."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain import rules
from domain.model import Doubt, Meter, Register, Zone
from domain.rules import Doubtful, Plausible, judge

TODAY = date(2026, 11, 30)


def register(
    last: int | None = 2000, *, days: int | None = 30, usual: float | None = 6.0, width: int = 5
) -> Register:
    last_on = None if days is None or last is None else TODAY - timedelta(days=days)
    return Register(Zone.SINGLE, width, last, last_on, usual)


def verdict(of: Register, value: int, *, power: float = 15.0, multiplier: int = 1) -> rules.Verdict:
    return judge(Meter("m", (of,), multiplier, power), of, value, TODAY)


@st.composite
def registers(draw: st.DrawFn, widest: int = 8) -> Register:
    width = draw(st.integers(1, widest))
    return register(
        draw(st.none() | st.integers(0, 10**width - 1)),
        days=draw(st.none() | st.integers(-2, 800)),
        usual=draw(st.none() | st.floats(0, 200)),
        width=width,
    )


meters = st.builds(
    lambda of, multiplier, power: Meter("m", (of,), multiplier, power),
    registers(), st.sampled_from((1, 20, 40, 100)), st.sampled_from((3.0, 5.0, 15.0, 250.0)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (register(), 2180, Plausible(180)),
        (register(), 2180 + 600, Plausible(780)),  # four times as much, in a cold month
        (register(), 2000, Doubtful(Doubt.UNCHANGED, 0)),
        (register(days=0), 2000, Plausible(0)),  # rings again on the same day
        (register(usual=0.05), 2000, Plausible(0)),  # a summer house in winter
        (register(usual=None), 2000, Doubtful(Doubt.UNCHANGED, 0)),
        (register(usual=None, days=3), 2000, Plausible(0)),
        (register(), 1990, Doubtful(Doubt.LOWER, -10)),
        (register(), 21800, Doubtful(Doubt.HIGHER, 19800)),  # one digit too many
        (register(usual=None), 2000 + 11160, Plausible(11160)),  # 15 kW for 31 days
        (register(usual=None), 2000 + 11161, Doubtful(Doubt.HIGHER, 11161)),
        (register(99950), 130, Plausible(180)),  # rolled over
        (register(99950), 3000, Doubtful(Doubt.HIGHER, 3050)),  # rolled over, and too much of it
        (register(99950), 49000, Doubtful(Doubt.LOWER, -50950)),  # more than the connection carries
        (register(5000, days=366, usual=None), 4900, Doubtful(Doubt.LOWER, -100)),  # not nearly all the way round
        (register(None), 77777, Plausible(None)),
        (register(days=None), 2000 + 8000, Plausible(8000)),  # nobody knows since when
    ],
)
def test_a_value_is_judged_by_what_the_register_can_have_counted(of: Register, value: int, expected: object):
    assert verdict(of, value) == expected


def test_a_small_connection_cannot_have_used_what_a_large_one_can():
    of = register(usual=None)
    assert verdict(of, 6000, power=15.0) == Plausible(4000)
    assert verdict(of, 6000, power=5.0) == Doubtful(Doubt.HIGHER, 4000)


def test_current_transformers_divide_what_the_display_can_have_counted():
    of = register(usual=None)
    assert verdict(of, 2000 + 4650, power=250.0, multiplier=40) == Plausible(4650)  # 250 kW x 744 h / 40
    assert verdict(of, 2000 + 4651, power=250.0, multiplier=40) == Doubtful(Doubt.HIGHER, 4651)


def test_a_last_value_from_tomorrow_is_judged_as_one_from_today():
    assert verdict(register(days=-1), 2010) == verdict(register(days=0), 2010) == Plausible(10)


@pytest.mark.parametrize("value", [-1, 100_000])
def test_a_value_that_the_display_cannot_show_is_the_callers_mistake(value: int):
    with pytest.raises(ValueError, match="5 digits"):
        verdict(register(), value)


@given(st.data(), st.integers(4, 8), st.integers(1, 366), st.floats(0.5, 200), st.sampled_from((3.0, 15.0, 100.0)))
def test_average_use_is_never_asked_about(data: st.DataObject, width: int, days: int, usual: float, power: float):
    last = data.draw(st.integers(0, 10**width - 1))
    used = data.draw(st.integers(1, int(min(2 * usual * days, power * 24 * days, 10**width // 2))))
    of = register(last, days=days, usual=usual, width=width)
    assert verdict(of, (last + used) % 10**width, power=power) == Plausible(used)


@given(
    st.data(), st.integers(5, 8), st.integers(0, 31), st.none() | st.floats(0, 200),
    st.sampled_from((3.0, 15.0)), st.sampled_from((1, 40)),
)  # fmt: skip
def test_more_than_the_connection_carries_is_always_asked_about(
    data: st.DataObject, width: int, days: int, usual: float | None, power: float, multiplier: int
):
    carried = int(power * 24 * (days + 1) / multiplier) + 1
    last = data.draw(st.integers(0, 10**width - 1))
    used = data.draw(st.integers(carried + 1, 10**width - 1))
    of = register(last, days=days, usual=usual, width=width)
    assert isinstance(verdict(of, (last + used) % 10**width, power=power, multiplier=multiplier), Doubtful)


def name(of: Register, value: int, given_: rules.Verdict) -> str:
    if isinstance(given_, Doubtful):
        return given_.doubt
    return "rolled over" if of.last is not None and value < of.last else "plausible"


@given(meters)
def test_every_specimen_gets_the_verdict_that_it_is_named_for(meter: Meter):
    (of,) = meter.registers
    found = rules.specimens(meter, of, TODAY)
    assert found
    for kind, value in found.items():
        assert name(of, value, judge(meter, of, value, TODAY)) == kind


@given(registers(widest=3), st.sampled_from((0.01, 0.05, 1.0, 15.0)), st.sampled_from((1, 100)))
@example(register(995, width=3, usual=0.1, days=10), 15.0, 1)
def test_no_verdict_that_a_register_can_give_lacks_a_specimen(of: Register, power: float, multiplier: int):
    meter = Meter("m", (of,), multiplier, power)
    possible = {name(of, value, judge(meter, of, value, TODAY)) for value in range(10**of.width)}
    assert set(rules.specimens(meter, of, TODAY)) == possible


def test_an_ordinary_household_can_be_asked_about_everything_but_a_rollover():
    of = register()
    found = rules.specimens(Meter("m", (of,)), of, TODAY)
    assert set(found) == {"plausible", "lower", "higher", "unchanged"}
    assert found["plausible"] == 2180


@pytest.mark.parametrize("number", ["1000000018", "1000000132"])
def test_a_number_with_its_check_digit_is_sound(number: str):
    assert rules.account_number_is_sound(number)


@pytest.mark.parametrize(
    "number", ["", "100000001", "10000000188", "1000000017", "١٠٠٠٠٠٠٠١٨", "10000000 1", "+100000001"]
)
def test_anything_else_is_not_an_account_number(number: str):
    assert not rules.account_number_is_sound(number)


@given(st.integers(0, 10**9 - 1), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(n: int, place: int, off: int):
    number = next(f"{n:09d}{d}" for d in range(10) if rules.account_number_is_sound(f"{n:09d}{d}"))
    wrong = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
    assert not rules.account_number_is_sound(wrong)


@given(st.integers(0, 10**9 - 1), st.integers(0, 8))
def test_two_digits_swapped_are_noticed(n: int, place: int):
    number = next(f"{n:09d}{d}" for d in range(10) if rules.account_number_is_sound(f"{n:09d}{d}"))
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or not rules.account_number_is_sound(swapped)


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_receipts_of_ten_million_submissions_differ(a: int, b: int):
    one, other = rules.receipt_number(a), rules.receipt_number(b)
    assert len(one) == 8 and one.isdigit()
    assert (one == other) == (a % 10**7 == b % 10**7)


def test_submissions_are_counted_from_one():
    with pytest.raises(ValueError, match="from 1"):
        rules.receipt_number(0)


def test_a_day_ends_at_midnight_in_kyiv_summer_and_winter():
    assert rules.local_day(datetime(2027, 1, 31, 21, 59, tzinfo=UTC)) == date(2027, 1, 31)
    assert rules.local_day(datetime(2027, 1, 31, 22, 0, tzinfo=UTC)) == date(2027, 2, 1)
    assert rules.local_day(datetime(2027, 6, 30, 20, 59, tzinfo=UTC)) == date(2027, 6, 30)
    assert rules.local_day(datetime(2027, 6, 30, 21, 0, tzinfo=UTC)) == date(2027, 7, 1)


def test_an_instant_without_a_zone_has_no_day():
    with pytest.raises(ValueError, match="time zone"):
        rules.local_day(datetime(2027, 1, 1, 12, 0))  # noqa: DTZ001
