"""What browsers give in addresses and forms: ids, days and moments, within what the program can reckon with.

Rule: years from 2000 to 2999, so that a day before or after it and its time in any zone are still dates; ids as the
store can hold them.  What lies beyond is as wrong as what can't be read.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Path

LARGEST: Final = 2**63 - 1
"""Of an id: what a database's integer holds."""

Id = Annotated[int, Path(ge=0, le=LARGEST)]
"""Of a row, in an address."""

_YEARS: Final = range(2000, 3000)


def day(text: str) -> date:
    """A day, ISO 8601.  Raises ValueError."""
    return within(date.fromisoformat(text))


def within(given: date) -> date:
    """The same day, when it is one to reckon with.  Raises ValueError."""
    if given.year not in _YEARS:
        raise ValueError(f"{given} is not within 2000 to 2999")
    return given


def moment(text: str, zone: ZoneInfo | None = None) -> datetime:
    """A moment, ISO 8601, as UTC; without an offset it is one of `zone`.  Raises ValueError; without `zone` also for
    one that has no offset."""
    there = datetime.fromisoformat(text)
    if there.tzinfo is None:
        if zone is None:
            raise ValueError(f"{text} has no offset")
        there = there.replace(tzinfo=zone)
    try:
        at = there.astimezone(UTC)
    except OverflowError as fault:
        raise ValueError(str(fault)) from None
    within(at.date())
    return at


def number(text: str) -> int | None:
    """An id in a query or a form; None for what can be none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST else None
