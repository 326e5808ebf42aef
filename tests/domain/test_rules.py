"""Check digits and days."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rules


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
