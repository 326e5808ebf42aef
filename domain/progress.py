"""How far a window has come: of the meters that people read, how many have been read for the month.

Rules: a meter counts once, with its first reading of the month, at the hour and by the channel of that one; a smart
meter reports by itself and is no part of it; an estimate is no reading; a doubtful value counts when its customer
stood by it.  Hours are those of Kyiv, counted from the first midnight of the window; so the same hour of the window
of another month is the same moment of it, though an hour that comes twice in October is one.

Theory.  A million readings can't be counted anew for every look at a page.  So a `Tally` remembers what it has
counted: first it goes through the month by the index of registers, a bounded page at a time, then it looks only at
what was stored since.  One byte a meter is all that it keeps of each.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, and_, bindparam, func, or_, select

from domain import policies, rules
from domain.model import Source, Status
from domain.policy import Policies, Row, TargetPolicy
from domain.rules import HOME
from domain.tables import meters, readings, registers
from domain.window import InWindow, Period, Span, standing, window_of

STEP: Final = 20_000
"""Readings that are looked at in one go: some 50 ms."""


class Slot(NamedTuple):
    """An hour of the window, from 0, and a channel."""

    hour: int
    source: Source


@dataclass(frozen=True, slots=True)
class Standing:
    """The window that is open on a day, or that closed last.

    open: readings given now close `period`; next: the window that comes, where this one is over and it was asked
    for by a day.
    """

    period: Period
    window: Span
    open: bool
    target: Row[TargetPolicy]
    next: Span | None = None

    @property
    def hours(self) -> int:
        """Of the whole window, 24 a day."""
        return 24 * ((self.window.last - self.window.first).days + 1)


def where(at: datetime, book: Policies) -> Standing:
    """Which window is looked at now.  Raises NoPolicy."""
    counts = standing(rules.local_day(at), book)
    if isinstance(counts, InWindow):
        return of_period(counts.period, book, open_=True)
    return replace(of_period(counts.previous, book), next=counts.window)


def of_period(period: Period, book: Policies, *, open_: bool = False) -> Standing:
    """The window of this month.  Raises NoPolicy."""
    window = window_of(period, book)
    return Standing(period, window, open_, book.target(window.first))


def hour_of(at: datetime, window: Span) -> int:
    """The hour of the window at this moment, from 0; less before it, more after it."""
    there = at.astimezone(HOME)
    return 24 * (there.date() - window.first).days + there.hour


class Tally:
    """What has been read for a month, as far as it was counted."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.slots: Counter[Slot] = Counter()
        self.whole = False
        """Whether everything that was there has been counted."""
        self._seen = bytearray()
        self._register = 0  # counted up to here, in the first round
        self._upto: int | None = None  # what is stored behind it is looked at in the second round

    def count(self, conn: Connection, *, step: int = STEP) -> bool:
        """Count on, by at most `step` readings; whether it is whole now."""
        period = self.standing.period.first
        if self._upto is None:
            self._upto = int(conn.execute(_NEWEST).scalar_one() or 0)
        if not self.whole:
            asked = {"of": period, "after": self._register, "upto": self._upto, "most": step}
            rows = conn.execute(_BY_REGISTER, asked).all()
            full = len(rows) == step
            if full:  # the last register may have more: it is looked at again
                last = rows[-1].register
                kept = [row for row in rows if row.register != last]
                rows = kept or rows
                self._register = rows[-1].register
            self._add(rows)
            self.whole = not full
            return self.whole
        rows = conn.execute(_SINCE, {"after": self._upto, "most": step}).all()
        self._add([row for row in rows if row.period == period])
        if rows:
            self._upto = rows[-1].id
        return len(rows) < step

    def _add(self, rows: Sequence[Any]) -> None:
        for row in rows:
            if row.meter >= len(self._seen):
                self._seen.extend(bytes(row.meter - len(self._seen) + 1024))
            if not self._seen[row.meter]:
                self._seen[row.meter] = 1
                self.slots[Slot(hour_of(row.at, self.standing.window), row.source)] += 1

    @property
    def read(self) -> int:
        """Meters that have been read."""
        return self.slots.total()

    def by_source(self) -> Mapping[Source, int]:
        """Meters by channel."""
        found: Counter[Source] = Counter()
        for slot, n in self.slots.items():
            found[slot.source] += n
        return found

    def by_hour(self) -> list[Mapping[Source, int]]:
        """Meters by hour of the window and channel; what came before or after it stands at its ends."""
        hours: list[Counter[Source]] = [Counter() for _ in range(self.standing.hours)]
        for slot, n in self.slots.items():
            hours[min(max(slot.hour, 0), len(hours) - 1)][slot.source] += n
        return list(hours)

    def until(self, hour: int) -> int:
        """Meters that had been read when this hour of the window was over."""
        return sum(n for slot, n in self.slots.items() if slot.hour <= hour)


def to_read(conn: Connection) -> int:
    """How many meters people read: those that hang somewhere and do not report by themselves."""
    return int(conn.execute(_TO_READ).scalar_one())


def now(conn: Connection, at: datetime) -> Standing:
    """Which window is looked at now, by the operator's book."""
    return where(at, policies.load(conn))


def a_month_before(conn: Connection, of: Standing) -> Standing:
    """The window of the month before."""
    return of_period(of.period.previous, policies.load(conn))


def same_moment(at: datetime, of: Standing, then: Standing) -> int:
    """The hour of `then` that corresponds to now in `of`; its last one when `of` is over."""
    return min(hour_of(at, of.window), then.hours - 1)


# How: statements are made once

_IS_ONE: Final = and_(
    readings.c.source != Source.ESTIMATE,
    or_(readings.c.status == Status.ACCEPTED, readings.c.submission.is_not(None)),
    ~meters.c.smart,
)
_FROM: Final = readings.join(registers, registers.c.id == readings.c.register).join(
    meters, meters.c.id == registers.c.meter
)
_COLUMNS: Final = (
    readings.c.id, readings.c.register, readings.c.at, readings.c.source, readings.c.period, registers.c.meter,
)  # fmt: skip
_NEWEST: Final = select(func.max(readings.c.id))
_BY_REGISTER: Final = (
    select(*_COLUMNS)
    .select_from(_FROM)
    .where(
        readings.c.period == bindparam("of"),
        readings.c.register > bindparam("after"),
        readings.c.id <= bindparam("upto"),
        _IS_ONE,
    )
    .order_by(readings.c.register, readings.c.id)
    .limit(bindparam("most"))
)
_SINCE: Final = (
    select(*_COLUMNS)
    .select_from(_FROM)
    .where(readings.c.id > bindparam("after"), _IS_ONE)  # the month is looked at afterwards: its index would mislead
    .order_by(readings.c.id)
    .limit(bindparam("most"))
)
_TO_READ: Final = select(func.count()).select_from(meters).where(meters.c.removed_on.is_(None), ~meters.c.smart)
