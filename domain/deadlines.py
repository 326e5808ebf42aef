"""By when a request is answered, when a supervisor is warned, and what is left.

Rules, each a row of the book (`DeadlinePolicy`, `EscalationPolicy`), the rows being those of the day of registration:
  the day of registration (Europe/Kyiv) isn't counted (Civil Code, art. 253);
  a term that ends on a day off ends on the next working day (art. 254(5)), where the row says that it moves;
  an interim reply adds to the term itself, not to the day that it was moved to, and does so once; it must have been
  sent by the day that was due.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from domain.model import OrderKind, RequestKind, Topic
from domain.policy import Case, DeadlinePolicy, EscalationPolicy, Policies, Row, Unit
from domain.rules import local_day
from domain.working_days import next_working, plus_working, working_between


class NotExtendable(ValueError):
    """An interim reply can't move this deadline: it did so before, it comes too late, or the rule knows none."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A term as it runs.  All days are Europe/Kyiv.

    due: the last day on which the answer is in time.  ends: where the term ends by counting, before it moves.
    days, unit: how long the rule says.  source: which paragraph says so.  key: the row's.
    registered_on: not counted.  interim_days: calendar days that an interim reply would add; 0: none can.
    extended: an interim reply was sent.
    """

    due: date
    ends: date
    days: int
    unit: Unit
    source: str
    key: str
    registered_on: date
    interim_days: int
    moves: bool
    extended: bool = False

    @property
    def interim_until(self) -> date | None:
        """The last day on which an interim reply can extend it; None when none can."""
        return self.due if self.interim_days else None


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of a term.  days: calendar days until the due day, 0 on it, negative after it.
    working_days: of those, from tomorrow on."""

    days: int
    working_days: int

    @property
    def overdue(self) -> bool:
        return self.days < 0


def deadline(
    kind: RequestKind | OrderKind,
    topic: Topic | None,
    channel: str,
    registered_at: datetime,
    book: Policies,
    case: Case | None = None,
) -> Deadline:
    """By when it must be answered.

    channel: "phone", "web", "email", "post" ...  registered_at: timezone-aware, else ValueError.
    case: what it turned out to need; as soon as that is known the term is computed anew, from the same registration.
    Raises NoPolicy.
    """
    day = local_day(registered_at)
    row = book.deadline(kind, topic, channel, day, case)
    return _settled(row, day, book)


def extended(running: Deadline, replied_at: datetime, book: Policies) -> Deadline:
    """The deadline after an interim reply that was sent at this time.  Raises NotExtendable."""
    if running.extended:
        raise NotExtendable("an interim reply has extended this deadline before; it can do so once")
    if not running.interim_days:
        raise NotExtendable(f"the rule knows no interim reply: {running.source}")
    day = local_day(replied_at)
    if not running.registered_on <= day <= running.due:
        raise NotExtendable(
            f"an interim reply of {day} can't extend a term of {running.registered_on} to {running.due}"
        )
    ends = running.ends + timedelta(days=running.interim_days)
    due = next_working(ends, book) if running.moves else ends
    return replace(running, due=due, ends=ends, interim_days=0, extended=True)


def escalate_at(running: Deadline, book: Policies) -> tuple[date, ...]:
    """The days on which a supervisor is warned that this is due, the earliest first.

    A warning that would fall on the day of registration or before is left out: nobody is late yet.
    """
    ahead = book.row(EscalationPolicy, running.registered_on).terms.working_days_before
    days = (plus_working(running.due, -n, book) for n in ahead)
    return tuple(day for day in days if day > running.registered_on)


def warnings_due(running: Deadline, now: datetime, book: Policies) -> int:
    """How many of the warnings of `escalate_at` should have been given by now."""
    today = local_day(now)
    return sum(day <= today for day in escalate_at(running, book))


def remaining(running: Deadline, now: datetime, book: Policies) -> Remaining:
    """What is left at this instant.  `now`: timezone-aware."""
    today = local_day(now)
    return Remaining((running.due - today).days, working_between(today, running.due, book))


def _settled(row: Row[DeadlinePolicy], day: date, book: Policies) -> Deadline:
    terms = row.terms
    if terms.unit is Unit.WORKING:
        due = ends = plus_working(day, terms.days, book)
    else:
        ends = day + timedelta(days=terms.days)
        due = next_working(ends, book) if terms.moves else ends
    return Deadline(
        due=due,
        ends=ends,
        days=terms.days,
        unit=terms.unit,
        source=row.source,
        key=terms.key,
        registered_on=day,
        interim_days=terms.interim_days,
        moves=terms.moves,
    )
