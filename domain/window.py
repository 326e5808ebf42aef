"""Which month a reading counts for.

Rules: a month's account is closed by readings of the last days of that month and the first of the next
(`WindowPolicy`); a reading on any other day is a control reading.  Days are days in Europe/Kyiv: who has an instant
asks `rules.local_day` first, and so a day of 23 or 25 hours is a day.

A policy that changes while a window is open changes nothing about it: new terms apply to a month whose window begins,
under the old terms and under the new, not before they do.  What a caller was told stays true.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from domain.policy import NoPolicy, Policies, WindowPolicy


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month for which an account is billed.  `str()` and `parse` use ISO 8601: "2026-10"."""

    year: int
    month: int

    def __post_init__(self) -> None:
        date(self.year, self.month, 1)

    @classmethod
    def of(cls, day: date) -> "Period":
        """The month that this day lies in."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Of "2026-10".  Raises ValueError."""
        year, dash, month = text.partition("-")
        if not (dash and len(year) == 4 and len(month) == 2 and text.isascii() and f"{year}{month}".isdecimal()):
            raise ValueError(f"{text!r} is no month: they are written like 2026-10")
        return cls(int(year), int(month))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def days(self) -> int:
        return monthrange(self.year, self.month)[1]

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.month, self.days)

    @property
    def next(self) -> "Period":
        return self.plus(1)

    @property
    def previous(self) -> "Period":
        return self.plus(-1)

    def plus(self, months: int) -> "Period":
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Period(year, month + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class InWindow:
    """A reading taken today closes `period`; `last` is the last day for it."""

    period: Period
    last: date


@dataclass(frozen=True, slots=True)
class Outside:
    """A reading taken today is a control reading.

    period, window: the month that readings will count for next, and when they will.
    previous: the month whose window has closed.
    """

    period: Period
    window: Span
    previous: Period


Standing: TypeAlias = InWindow | Outside


def window(period: Period, policy: WindowPolicy) -> Span:
    """The days on which a reading closes this month's account, under these terms."""
    return Span(period.last - timedelta(days=policy.before - 1), period.last + timedelta(days=policy.after))


def window_of(period: Period, book: Policies) -> Span:
    """The days on which a reading closes this month's account.  Raises NoPolicy."""
    rows = book.series(WindowPolicy)
    if not rows:
        raise NoPolicy("no policy says when readings are taken: enter one of kind 'window'")
    first, *later = rows
    standing = window(period, first.terms)
    for row in later:
        changed = window(period, row.terms)
        if row.since <= min(standing.first, changed.first):
            standing = changed
    return standing


def standing(day: date, book: Policies) -> Standing:
    """What a reading taken on this day (Europe/Kyiv) counts for."""
    this = Period.of(day)
    for period in (this.previous, this):
        span = window_of(period, book)
        if day in span:
            return InWindow(period, span.last)
        if day < span.first:
            return Outside(period, span, period.previous)
    return Outside(this.next, window_of(this.next, book), this)


def closing(day: date, book: Policies) -> Period:
    """The month whose account is closed next: the one whose window is open on this day, or opens next."""
    return standing(day, book).period
