"""Working days in Ukraine, by the rows of the book.

Rules: a decree about one day (`DayPolicy`) goes before everything; a weekend is off; a public holiday is off unless
the calendar in force on it says otherwise (it does under martial law); one that falls on a weekend gives the next day
off that would be worked (Labour Code, art. 67(3)).

Orthodox Easter is computed for 1900-2099.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from domain.policy import HolidayPolicy, Policies

_DAY: Final = timedelta(days=1)


def easter(year: int) -> date:
    """Orthodox Easter Sunday in the Gregorian calendar (Meeus' Julian algorithm).  1900-2099, else ValueError."""
    if not 1900 <= year <= 2099:
        raise ValueError(f"Easter of {year} is not known here: the calendars differ by 13 days in 1900-2099 only")
    moon = (19 * (year % 19) + 15) % 30
    month, day = divmod(moon + (2 * (year % 4) + 4 * (year % 7) - moon + 34) % 7 + 114, 31)
    return date(year, month, day + 1) + 13 * _DAY


def is_working(day: date, book: Policies) -> bool:
    """Do offices work on this day?"""
    if decreed := book.exception(day):
        return decreed.working
    return day.isoweekday() not in book.calendar(day).weekend and day not in days_off(day.year, book)


def next_working(day: date, book: Policies) -> date:
    """This day, if it is a working day, or the first one after it."""
    while not is_working(day, book):
        day += _DAY
    return day


def plus_working(day: date, days: int, book: Policies) -> date:
    """The `days`th working day after this day; before it when negative.  The day itself isn't counted; 0: itself."""
    step = _DAY if days > 0 else -_DAY
    for _ in range(abs(days)):
        day += step
        while not is_working(day, book):
            day += step
    return day


def working_between(after: date, until: date, book: Policies) -> int:
    """How many working days lie after `after`, up to and with `until`; negative when `until` is the earlier one."""
    if until < after:
        return -working_between(until, after, book)
    return sum(is_working(after + n * _DAY, book) for n in range(1, (until - after).days + 1))


@lru_cache(maxsize=128)
def days_off(year: int, book: Policies) -> frozenset[date]:
    """Days of this year that are off besides weekends and decrees: public holidays and those moved from weekends."""
    off = {day for day in _holidays(year, book) if book.calendar(day).holidays_off}
    for day in sorted(off):
        calendar = book.calendar(day)
        if calendar.moved and day.isoweekday() in calendar.weekend:
            while day in off or day.isoweekday() in calendar.weekend:
                day += _DAY
            off.add(day)
    return frozenset(off)


def _holidays(year: int, book: Policies) -> Iterator[date]:
    """The public holidays of this year, whether they are off or not: of each, the row that holds on its day."""
    for name in sorted({row.terms.name for row in book.rows if isinstance(row.terms, HolidayPolicy)}):
        for row in book.series(HolidayPolicy, name):
            terms = row.terms
            if terms.month and terms.day:
                day = date(year, terms.month, terms.day)
            elif terms.after_easter is not None:
                day = easter(year) + terms.after_easter * _DAY
            else:
                continue
            if row.since <= day and book.row(HolidayPolicy, day, name) == row:
                yield day
