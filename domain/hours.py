"""When services are there, and when we can call back.

Rules: opening hours are local and begin on a day (Europe/Kyiv); everything that leaves here is an instant in UTC.  A
service that keeps holidays is closed on public holidays that are off and on days off by decree; a Saturday that a
decree makes a working day opens nothing by itself.  On the night of a clock change an hour that comes twice is open
both times, one that is missing shortens the day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, takewhile
from typing import Final

from domain.model import Opening, Slot
from domain.policy import Open, Policies
from domain.rules import HOME, local_day
from domain.working_days import days_off

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_HORIZON: Final = 31
"""Days that are looked ahead for an opening; longer no service is closed."""

_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def open_at(service: str, at: datetime, book: Policies) -> bool:
    """Is it open at this instant (timezone-aware)?  The instant of closing is closed.  Raises NoPolicy."""
    begun = takewhile(lambda slot: slot.begins <= at, _daily(service, local_day(at), book))
    return any(at < slot.ends for slot in begun)


def next_opening(service: str, at: datetime, book: Policies) -> datetime | None:
    """From when on it is open: `at` itself when it is open then; None when it isn't for a month.  Raises NoPolicy."""
    coming = (slot for slot in _daily(service, local_day(at), book) if at < slot.ends)
    return next((max(slot.begins, at.astimezone(UTC)) for slot in coming), None)


def openings(service: str, at: datetime, book: Policies) -> Iterator[Slot]:
    """The stretches in which it is open, from the one that goes on at this instant or comes next.

    Those that touch are one; so a service around the clock has a single one, which ends a month ahead.
    """
    running: Slot | None = None
    for slot in _daily(service, local_day(at), book):
        if slot.ends <= at:
            continue
        if running and slot.begins <= running.ends:
            running = Slot(running.begins, max(running.ends, slot.ends))
            continue
        if running:
            yield running
        running = slot
    if running:
        yield running


def callback_windows(at: datetime, book: Policies, n: int = 3) -> tuple[Slot, ...]:
    """The next `n` windows in which we can promise to call back, soonest first; fewer when there aren't so many.

    They begin at whole hours or when the service opens, and lie within its hours; the last one before it closes may
    be shorter, but not under an hour.  Raises NoPolicy.
    """
    terms = book.callback(local_day(at))
    length = timedelta(minutes=terms.window_minutes)
    soonest = _whole_hour(at.astimezone(UTC) + timedelta(minutes=terms.notice_minutes))

    def windows() -> Iterator[Slot]:
        for slot in openings(terms.service, at, book):
            begins = max(slot.begins, soonest)
            while slot.ends - begins >= _HOUR:
                ends = min(begins + length, slot.ends)
                yield Slot(begins, ends)
                begins = ends

    return tuple(islice(windows(), n))


def timetable(service: str, on: date, book: Policies) -> tuple[Opening, ...]:
    """Its hours on this day's week as they are read out: "daily", "workdays", or day by day.  Raises NoPolicy."""
    return tuple(
        Opening(service, days) if each.opens == each.closes == time(0) else Opening(service, days, *_clock(each))
        for each in book.hours(service, on).openings
        for days in _words(each.days)
    )


def _daily(service: str, today: date, book: Policies) -> Iterator[Slot]:
    """Its openings one by one, ordered, from those that began yesterday."""
    for n in range(-1, _HORIZON):
        day = today + n * _DAY
        hours = book.hours(service, day)
        decreed = book.exception(day)
        off = day in days_off(day.year, book) if decreed is None else not decreed.working
        if off and not hours.holidays:
            continue
        begun = (_slot(day, each) for each in hours.openings if day.isoweekday() in each.days)
        yield from sorted(begun, key=lambda slot: slot.begins)


def _slot(day: date, each: Open) -> Slot:
    closing_day = day if each.closes > each.opens else day + _DAY
    return Slot(
        datetime.combine(day, each.opens, HOME).astimezone(UTC),
        datetime.combine(closing_day, each.closes.replace(fold=1), HOME).astimezone(UTC),
    )


def _whole_hour(at: datetime) -> datetime:
    """The first whole hour not before this; of Kyiv too, which is whole hours from UTC."""
    whole = at.replace(minute=0, second=0, microsecond=0)
    return whole if whole == at else whole + _HOUR


def _clock(each: Open) -> tuple[str, str]:
    return f"{each.opens:%H:%M}", f"{each.closes:%H:%M}"


def _words(days: tuple[int, ...]) -> Iterator[str]:
    left = sorted(set(days))
    if len(left) == 7:
        yield "daily"
        return
    if left[:5] == [1, 2, 3, 4, 5]:
        yield "workdays"
        left = left[5:]
    yield from (_WEEK[day - 1] for day in left)
