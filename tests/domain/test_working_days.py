"""Working days of Ukraine, compared with the package `holidays`, which was written by others."""

from datetime import date, timedelta

import holidays
import pytest
from holidays.countries.ukraine import UkraineStaticHolidays
from hypothesis import given
from hypothesis import strategies as st

from domain.decrees import DEFAULTS
from domain.policy import CalendarPolicy, DayPolicy, HolidayPolicy, Policies, Row
from domain.working_days import days_off, easter, is_working, next_working, plus_working, working_between

PEACE = DEFAULTS.extended([Row(date(2026, 1, 1), CalendarPolicy(holidays_off=True, moved=True), "martial law ended")])
SUBSTITUTED = UkraineStaticHolidays.special_public_holidays


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]


def by_advice(year: int) -> set[date]:
    """Days that the government advised to swap: advice binds nobody, so they are no rows of ours."""
    rows = SUBSTITUTED.get(year, ())
    return {date(year, *row[:2]) for row in (rows if rows and isinstance(rows[0], tuple) else (rows,)) if row}


@pytest.mark.parametrize("year", [2018, 2019, 2020, 2021])
def test_before_martial_law_the_days_off_are_those_that_others_count(year: int):
    others = holidays.country_holidays("UA", years=year)
    assert {day for day in days_of(year) if not is_working(day, DEFAULTS)} == {
        day for day in days_of(year) if day.weekday() >= 5 or (day in others and day not in by_advice(year))
    }


def test_in_2022_holidays_end_with_the_law_of_24_march():
    others = set(holidays.country_holidays("UA", years=2022)) - by_advice(2022)
    assert (
        days_off(2022, DEFAULTS) == others == {date(2022, 1, 1), date(2022, 1, 3), date(2022, 1, 7), date(2022, 3, 8)}
    )


@pytest.mark.parametrize("year", range(2023, 2031))
def test_under_martial_law_all_days_from_monday_to_friday_are_working_days(year: int):
    assert not holidays.country_holidays("UA", years=year)
    assert [is_working(day, DEFAULTS) for day in days_of(year)] == [day.weekday() < 5 for day in days_of(year)]


@pytest.mark.parametrize("year", range(2026, 2031))
def test_when_martial_law_ends_the_holidays_of_the_labour_code_are_off_again(year: int):
    suspended = holidays.country_holidays("UA", years=year, categories=("workday",))
    named = set(suspended)
    assert named <= days_off(year, PEACE)
    on_weekends = [day for day in named if day.weekday() >= 5]
    moved = days_off(year, PEACE) - named
    assert len(named) == 11 and len(moved) == len(on_weekends)
    assert all(day.weekday() < 5 for day in moved)
    for day in on_weekends:  # to the first day that would be worked
        follower = next(
            day + timedelta(days=n)
            for n in range(1, 9)
            if (day + timedelta(days=n)).weekday() < 5 and day + timedelta(days=n) not in named
        )
        assert not is_working(follower, PEACE)


@pytest.mark.parametrize("year", range(1992, 2050))
def test_easter_is_when_others_say(year: int):
    categories = ("public", "workday") if year >= 2022 else ("public",)
    others = holidays.country_holidays("UA", years=year, categories=categories, observed=False, language="en_US")
    assert [day for day, name in others.items() if "Easter" in name] == [easter(year)]


@pytest.mark.parametrize("year", [1899, 2100])
def test_easter_of_another_century_is_not_guessed(year: int):
    with pytest.raises(ValueError, match="not known"):
        easter(year)


def test_two_holidays_on_one_weekend_give_two_days_off():
    assert date(2021, 5, 1) in days_off(2021, DEFAULTS) and easter(2021) == date(2021, 5, 2)
    assert {date(2021, 5, 3), date(2021, 5, 4)} <= days_off(2021, DEFAULTS)


def test_a_decree_about_one_day_goes_before_everything():
    sunday, tuesday = date(2026, 11, 22), date(2026, 11, 24)
    decrees = [
        Row(sunday, DayPolicy(sunday, working=True), "decree"),
        Row(date(2026, 11, 1), DayPolicy(tuesday, working=False), "decree"),
    ]
    book = DEFAULTS.extended(decrees)
    assert is_working(sunday, book) and not is_working(tuesday, book)
    assert not is_working(sunday, DEFAULTS) and is_working(tuesday, DEFAULTS)


def test_a_new_holiday_is_a_row_and_an_abolished_one_is_another():
    book = PEACE.extended(
        [
            Row(date(2027, 1, 1), HolidayPolicy("unity", 1, 22), "a law"),
            Row(date(2028, 1, 1), HolidayPolicy("women"), "a law"),
        ]
    )
    assert is_working(date(2026, 1, 22), book) and not is_working(date(2027, 1, 22), book)
    assert not is_working(date(2027, 3, 8), book) and is_working(date(2028, 3, 8), book)


def test_a_holiday_that_moved_to_another_day_is_kept_once_a_year():
    for year, day in ((2022, date(2022, 10, 14)), (2023, date(2023, 10, 1))):
        names = {row.terms.name: row for row in DEFAULTS.each(HolidayPolicy, day)}
        assert (names["defenders"].terms.month, names["defenders"].terms.day) == (day.month, day.day), year
    peace = DEFAULTS.extended([Row(date(2022, 3, 24), CalendarPolicy(holidays_off=True, moved=False), "no war")])
    assert {day for day in days_off(2023, peace) if day.month in (7, 10)} == {date(2023, 7, 28), date(2023, 10, 1)}
    assert {day for day in days_off(2024, peace) if day.month in (1, 5, 7)} == {
        date(2024, 1, 1), date(2024, 5, 1), date(2024, 5, 5), date(2024, 5, 8), date(2024, 7, 15)
    }  # fmt: skip


any_day = st.dates(date(2018, 1, 1), date(2030, 12, 31))


@given(any_day, st.integers(-40, 40), st.sampled_from((DEFAULTS, PEACE)))
def test_counting_working_days_forth_and_how_many_lie_between_agree(day: date, days: int, book: Policies):
    target = plus_working(day, days, book)
    assert days == 0 or is_working(target, book)
    if days > 0:
        assert working_between(day, target, book) == days
    if days < 0:
        assert sum(is_working(target + timedelta(days=n), book) for n in range((day - target).days)) == -days


@given(any_day)
def test_the_next_working_day_is_the_first_one(day: date):
    found = next_working(day, PEACE)
    assert is_working(found, PEACE)
    assert not any(is_working(day + timedelta(days=n), PEACE) for n in range((found - day).days))


@pytest.mark.parametrize(
    "terms",
    [
        {"month": 1},
        {"day": 1},
        {"month": 2, "day": 29},
        {"month": 4, "day": 31},
        {"month": 1, "day": 1, "after_easter": 1},
    ],
)
def test_a_holiday_on_no_day_of_the_year_is_refused(terms: dict[str, int]):
    with pytest.raises(ValueError):  # noqa: PT011
        HolidayPolicy("x", **terms)


def test_a_week_without_working_days_is_refused():
    with pytest.raises(ValueError, match="not all"):
        CalendarPolicy(holidays_off=True, moved=True, weekend=(1, 2, 3, 4, 5, 6, 7))
