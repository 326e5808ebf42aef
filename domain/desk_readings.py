"""What staff do with doubtful readings, and what is left for them to do.

Rules: a reading is never changed; one that turns out to be right gets an accepted copy, which counts from then on
(its day, source, month and receipt are those of the doubtful one, its moment is that of the decision); every doubt is
resolved once, by the customer themselves (`domain.handlers.readings`) or by staff, with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, bindparam, insert, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite

from domain import news
from domain.commands import Command
from domain.desk import DeskRefusal
from domain.handling import Context, Unanswerable, handles
from domain.model import Doubt, Energy, Source, Status, Zone
from domain.tables import meters, readings, registers, resolutions, submissions

CALLER: Final = "caller"
"""Who resolved a doubt (`resolutions.by`) when the customer did it themselves, in the same call."""


class AlreadyResolved(DeskRefusal):
    """Somebody has decided about this reading, and differently; the message says who and when."""


@dataclass(frozen=True)
class ResolveReading(Command[int | None]):
    """This doubtful reading is right (accept), or void; answered with the id of the accepted copy, None when void.

    reading: its id in the store.  because: what was found, for whoever asks.  Who decides is `Context.by`.
    The same decision again changes nothing.  Raises Unanswerable, AlreadyResolved, DeskRefusal.
    """

    writes: ClassVar[bool] = True
    reading: int
    accept: bool
    because: str


@dataclass(frozen=True, slots=True)
class Open:
    """A doubtful reading that staff have to look at.

    value: as keyed; may be wider than the display (`width`).  said: what was answered to which question.
    receipt: None when the customer did not stand by the value.
    """

    reading: int
    account: str
    meter: str
    zone: Zone
    energy: Energy
    width: int
    value: int
    doubt: Doubt
    said: str | None
    read_on: date
    at: datetime
    source: Source
    period: date | None
    call: str | None
    receipt: str | None


@handles(ResolveReading)
def resolve_reading(conn: Connection, command: ResolveReading, context: Context) -> int | None:
    """In one transaction: the copy, the resolution, and what is told of it."""
    if context.by == CALLER:
        raise DeskRefusal("say who decides: a customer resolves a doubt by giving another value, not like this")
    if not command.because.strip():
        raise DeskRefusal("say what was found: a resolution needs its reason")
    doubtful = conn.execute(_DOUBTFUL, {"of": command.reading}).one_or_none()
    if doubtful is None:
        raise Unanswerable(f"there is no doubtful reading {command.reading}")
    if doubtful.resolved_by is not None:
        return _again(doubtful, command)
    if command.accept and doubtful.value >= 10**doubtful.width:
        raise DeskRefusal(
            f"{doubtful.value} does not fit the {doubtful.width} digits of the display: it must be void"
        )
    copy = _copied(conn, doubtful, context.at) if command.accept else None
    resolution = {
        "reading": command.reading,
        "accepted": copy,
        "at": context.at,
        "by": context.by,
        "because": command.because,
    }
    if conn.execute(_RESOLVE[conn.dialect.name], resolution).rowcount != 1:  # PostgreSQL: another was faster
        raise AlreadyResolved(f"reading {command.reading} has just been resolved by somebody else: look again")
    news.tell(
        conn, "reading.resolved", context.at, doubtful.account, reading=command.reading, accepted=copy,
        meter=doubtful.meter, zone=doubtful.zone, energy=doubtful.energy, value=doubtful.value,
    )  # fmt: skip
    return copy


def doubtful_open(conn: Connection, *, after: int = 0, limit: int = 100) -> Sequence[Open]:
    """The doubtful readings that nobody has resolved, the oldest first.  after: the id of the last one seen."""
    return [Open(*row) for row in conn.execute(_OPEN, {"after": after, "most": limit})]


def _again(doubtful: Any, command: ResolveReading) -> int | None:
    if doubtful.resolved_by == CALLER:
        raise AlreadyResolved(f"reading {command.reading} needs no decision: its caller gave another value")
    if (doubtful.accepted is not None) == command.accept:
        return doubtful.accepted
    raise AlreadyResolved(
        f"reading {command.reading} was {'accepted' if doubtful.accepted else 'found void'} by {doubtful.resolved_by}"
        f" on {doubtful.resolved_at:%Y-%m-%d}: enter the value anew instead"
    )


def _copied(conn: Connection, doubtful: Any, at: datetime) -> int:
    copy = {name: getattr(doubtful, name) for name in _COPIED} | {"status": Status.ACCEPTED, "at": at}
    key = conn.execute(_COPY, copy).inserted_primary_key
    assert key is not None
    return int(key[0])


_COPIED: Final = (
    "register",
    "value",
    "read_on",
    "source",
    "doubt",
    "purpose",
    "period",
    "said",
    "submission",
    "call",
)
"""All of a reading but its status, its moment, and the journal line: that caused the doubtful one."""

_IS_DOUBTFUL: Final = readings.c.status == literal_column("'doubtful'")  # as the partial index says it
_OF_REGISTER: Final = (
    readings.join(registers, registers.c.id == readings.c.register)
    .join(meters, meters.c.id == registers.c.meter)
    .outerjoin(resolutions, resolutions.c.reading == readings.c.id)
)
_DOUBTFUL: Final = (
    select(
        readings, meters.c.account, meters.c.number.label("meter"), registers.c.zone, registers.c.energy,
        registers.c.width, resolutions.c.accepted, resolutions.c.by.label("resolved_by"),
        resolutions.c.at.label("resolved_at"),
    )
    .select_from(_OF_REGISTER)
    .where(readings.c.id == bindparam("of"), _IS_DOUBTFUL)
)  # fmt: skip
_OPEN: Final = (
    select(
        readings.c.id, meters.c.account, meters.c.number, registers.c.zone, registers.c.energy, registers.c.width,
        readings.c.value, readings.c.doubt, readings.c.said, readings.c.read_on, readings.c.at, readings.c.source,
        readings.c.period, readings.c.call, submissions.c.receipt,
    )
    .select_from(_OF_REGISTER.outerjoin(submissions, submissions.c.id == readings.c.submission))
    .where(_IS_DOUBTFUL, resolutions.c.reading.is_(None), readings.c.id > bindparam("after"))
    .order_by(readings.c.id)
    .limit(bindparam("most"))
)  # fmt: skip
_COPY: Final = insert(readings)
_RESOLVE: Final = {
    name: dialect.insert(resolutions).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
