"""Which month a reading counts for, day by day from 2024 to 2030."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decrees import ALTERNATIVES, DEFAULTS
from domain.policy import ALWAYS, NoPolicy, Policies, Row, WindowPolicy
from domain.rules import local_day
from domain.window import InWindow, Outside, Period, Span, closing, standing, window, window_of

FIVE, SIX = WindowPolicy(2, 3), WindowPolicy(3, 3)
SIX_DAYS = DEFAULTS.extended([row for row in ALTERNATIVES if isinstance(row.terms, WindowPolicy)])
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range((date(2030, 12, 31) - date(2024, 1, 1)).days + 1)]
MONTHS = [Period(year, month) for year in range(2024, 2031) for month in range(1, 13)]

LAST_DAYS = {1: 31, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}


def oracle(day: date, of_the_month: int) -> tuple[int, int] | None:
    """(year, month) that this day counts for, from the calendar on the wall: no code of the product."""
    last = LAST_DAYS.get(day.month) or (29 if day.year in (2024, 2028) else 28)
    if day.day > last - of_the_month:
        return day.year, day.month
    if day.day <= 3:
        return (day.year - 1, 12) if day.month == 1 else (day.year, day.month - 1)
    return None


@pytest.mark.parametrize(("book", "of_the_month"), [(DEFAULTS, 2), (SIX_DAYS, 3)])
def test_every_day_of_seven_years_counts_for_the_month_that_the_calendar_on_the_wall_says(
    book: Policies, of_the_month: int
):
    counted: Counter[Period] = Counter()
    for day in DAYS:
        expected, found = oracle(day, of_the_month), standing(day, book)
        if expected is None:
            assert isinstance(found, Outside), day
        else:
            assert isinstance(found, InWindow) and (found.period.year, found.period.month) == expected, day
            assert (found.last.day, Period.of(found.last)) == (3, found.period.next)
            counted[found.period] += 1
    assert {counted[month] for month in MONTHS[:-1]} == {of_the_month + 3}  # of the last one the days end with 2030


@pytest.mark.parametrize("policy", [FIVE, SIX, WindowPolicy(1, 0), WindowPolicy(14, 14)])
def test_the_windows_of_two_months_never_touch(policy: WindowPolicy):
    for month in MONTHS:
        assert window(month, policy).last < window(month.next, policy).first
        assert len(
            set(range(window(month, policy).first.toordinal(), window(month, policy).last.toordinal() + 1))
        ) == (policy.before + policy.after)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2024, 2, 27), Outside(Period(2024, 2), Span(date(2024, 2, 28), date(2024, 3, 3)), Period(2024, 1))),
        (date(2024, 2, 28), InWindow(Period(2024, 2), date(2024, 3, 3))),  # a leap year
        (date(2024, 2, 29), InWindow(Period(2024, 2), date(2024, 3, 3))),
        (date(2025, 2, 26), Outside(Period(2025, 2), Span(date(2025, 2, 27), date(2025, 3, 3)), Period(2025, 1))),
        (date(2025, 2, 27), InWindow(Period(2025, 2), date(2025, 3, 3))),
        (date(2028, 2, 28), InWindow(Period(2028, 2), date(2028, 3, 3))),
        (date(2030, 2, 27), InWindow(Period(2030, 2), date(2030, 3, 3))),
        (date(2026, 12, 31), InWindow(Period(2026, 12), date(2027, 1, 3))),
        (date(2027, 1, 1), InWindow(Period(2026, 12), date(2027, 1, 3))),
        (date(2027, 1, 3), InWindow(Period(2026, 12), date(2027, 1, 3))),
        (date(2027, 1, 4), Outside(Period(2027, 1), Span(date(2027, 1, 30), date(2027, 2, 3)), Period(2026, 12))),
        (
            date(2026, 11, 21),
            Outside(Period(2026, 11), Span(date(2026, 11, 29), date(2026, 12, 3)), Period(2026, 10)),
        ),
    ],
)
def test_a_caller_is_told_what_a_reading_of_this_day_counts_for(day: date, expected: object):
    assert standing(day, DEFAULTS) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # 31 March 2024, a Sunday of 23 hours: 03:00 becomes 04:00 at 01:00 UTC
        (datetime(2024, 3, 29, 21, 59, tzinfo=UTC), None),  # 23:59 on the 29th
        (datetime(2024, 3, 29, 22, 0, tzinfo=UTC), Period(2024, 3)),  # midnight, winter time
        (datetime(2024, 3, 31, 0, 59, tzinfo=UTC), Period(2024, 3)),
        (datetime(2024, 3, 31, 1, 0, tzinfo=UTC), Period(2024, 3)),
        (datetime(2024, 4, 3, 20, 59, tzinfo=UTC), Period(2024, 3)),  # 23:59 on the 3rd, summer time
        (datetime(2024, 4, 3, 21, 0, tzinfo=UTC), None),
        # 31 October 2027, a Sunday of 25 hours: 04:00 becomes 03:00 at 01:00 UTC
        (datetime(2027, 10, 29, 20, 59, tzinfo=UTC), None),
        (datetime(2027, 10, 29, 21, 0, tzinfo=UTC), Period(2027, 10)),  # midnight, summer time
        (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), Period(2027, 10)),  # 03:30, the first time
        (datetime(2027, 10, 31, 1, 30, tzinfo=UTC), Period(2027, 10)),  # 03:30, the second time
        (datetime(2027, 11, 3, 21, 59, tzinfo=UTC), Period(2027, 10)),  # 23:59 on the 3rd, winter time
        (datetime(2027, 11, 3, 22, 0, tzinfo=UTC), None),
    ],
)
def test_a_clock_change_inside_the_window_moves_its_edges_in_utc_only(at: datetime, expected: Period | None):
    found = standing(local_day(at), DEFAULTS)
    assert (found.period if isinstance(found, InWindow) else None) == expected


@pytest.mark.parametrize(("change", "hours"), [(date(2024, 3, 31), 23), (date(2027, 10, 31), 25)])
def test_a_window_with_a_clock_change_has_five_days_of_one_hour_more_or_less(change: date, hours: int):
    start = datetime(change.year, change.month, change.day - 5, tzinfo=UTC)
    inside = sum(
        standing(local_day(start + timedelta(minutes=10 * n)), DEFAULTS)
        == InWindow(Period.of(change), _third(change))
        for n in range(6 * 24 * 14)
    )
    assert inside == (4 * 24 + hours) * 6


def _third(day: date) -> date:
    return Period.of(day).next.first + timedelta(days=2)


def changed(since: date, terms: WindowPolicy, before: WindowPolicy = FIVE) -> Policies:
    return Policies([Row(ALWAYS, before, "old"), Row(since, terms, "new")])


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (date(2026, 11, 20), date(2026, 11, 28)),  # before the window: in force for it
        (date(2026, 11, 28), date(2026, 11, 28)),  # on the first day that it gives
        (date(2026, 11, 29), date(2026, 11, 29)),  # too late for six days
        (date(2026, 11, 30), date(2026, 11, 29)),  # in the middle of the window: it stays as it began
        (date(2026, 12, 2), date(2026, 11, 29)),
    ],
)
def test_terms_that_change_while_a_window_is_open_leave_it_as_it_began(since: date, first: date):
    book = changed(since, SIX)
    assert window_of(Period(2026, 11), book) == Span(first, date(2026, 12, 3))
    assert window_of(Period(2026, 12), book).first == date(2026, 12, 29)  # in force for all after it
    assert window_of(Period(2026, 10), book).first == date(2026, 10, 30)


def test_a_shorter_window_does_not_shut_out_whom_we_told_that_they_are_in_time():
    book = changed(date(2026, 12, 2), WindowPolicy(2, 1))
    assert standing(date(2026, 12, 3), book) == InWindow(Period(2026, 11), date(2026, 12, 3))


terms = st.builds(WindowPolicy, st.integers(1, 14), st.integers(0, 14))


@given(terms, st.lists(st.tuples(st.sampled_from(DAYS), terms), max_size=4), st.sampled_from(DAYS))
def test_what_a_caller_was_told_stays_true_whatever_is_decreed_later(
    first: WindowPolicy, decrees: list[tuple[date, WindowPolicy]], day: date
):
    rows = [Row(ALWAYS, first, ""), *(Row(since, each, "") for since, each in decrees)]
    known, later = Policies(row for row in rows if row.since <= day), Policies(rows)
    told, found = standing(day, known), standing(day, later)
    if isinstance(told, InWindow):
        assert found == told
    else:
        assert isinstance(found, Outside)


@given(terms, st.lists(st.tuples(st.sampled_from(DAYS), terms), max_size=4), st.sampled_from(DAYS))
def test_no_day_is_without_an_answer_and_an_open_window_holds_the_day(
    first: WindowPolicy, decrees: list[tuple[date, WindowPolicy]], day: date
):
    book = Policies([Row(ALWAYS, first, ""), *(Row(since, each, "") for since, each in decrees)])
    match standing(day, book):
        case InWindow(period, last):
            assert day in window_of(period, book) and last == window_of(period, book).last
        case Outside(period, span, previous):
            assert span == window_of(period, book) and previous == period.previous
            assert window_of(previous, book).last < day < span.first
    assert closing(day, book) == standing(day, book).period


def test_a_book_without_a_window_says_what_to_do():
    with pytest.raises(NoPolicy, match="'window'"):
        standing(date(2026, 11, 30), Policies(()))


@pytest.mark.parametrize(("before", "after"), [(0, 3), (15, 3), (2, -1), (2, 15)])
def test_terms_under_which_two_windows_could_touch_are_refused(before: int, after: int):
    with pytest.raises(ValueError, match="a window has"):
        WindowPolicy(before, after)


def test_months_follow_each_other_and_are_written_as_iso_says():
    assert [str(month) for month in MONTHS[10:14]] == ["2024-11", "2024-12", "2025-01", "2025-02"]
    for month in MONTHS:
        assert (
            Period.parse(str(month))
            == month
            == month.next.previous
            == Period.of(month.first)
            == Period.of(month.last)
        )
        assert (month.last + timedelta(days=1)) == month.next.first and month.days == month.last.day
    assert all(month < month.next for month in MONTHS)
    assert Period(2024, 1).plus(-25) == Period(2021, 12)


@pytest.mark.parametrize("text", ["2026", "2026-1", "2026-13", "26-01", "2026-00", "2026/10", "2026-1０", ""])
def test_anything_else_is_no_month(text: str):
    with pytest.raises(ValueError):  # noqa: PT011
        Period.parse(text)
