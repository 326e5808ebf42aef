"""What is known of a doubtful reading, for whoever decides about it.

Rules: the doubt is diagnosed again as the caller stood before it: against what the register showed last before this
reading was stored, on the day on which it was read; what was stored later is shown beside it, for it is evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from domain import account_file
from domain.account_file import Point
from domain.commands import FindAccount
from domain.doubt import Guess, diagnose, too_wide
from domain.handlers import perform
from domain.model import Doubt, Energy, Meter, Purpose, Register, Source, Status, Zone
from domain.tables import meters, readings, registers, resolutions, submissions
from domain.usage import Use


@dataclass(frozen=True, slots=True)
class Case:
    """A doubtful reading with its circumstances.

    value: as keyed, may be wider than the display (`width`).  used: units since the last value, negative when lower,
    None without one.  a_day: the same per day, multiplied; usual: what is usual, kWh a day as displayed.
    believable, capacity: units that would pass without a question, and that the connection can have carried.
    guesses: what it may mean, the likeliest first; empty when the meter is gone.
    before: readings until then, the oldest first; later: those stored since.
    resolved_by: who decided, None: nobody yet; accepted: the reading that stands for it; because: their reason.
    """

    reading: int
    account: str
    meter: str
    zone: Zone
    energy: Energy
    register: int
    width: int
    multiplier: int
    power: float
    value: int
    doubt: Doubt
    said: str | None
    read_on: date
    at: datetime
    source: Source
    purpose: Purpose
    period: date | None
    call: str | None
    seq: int | None
    receipt: str | None
    used: int | None
    a_day: float | None
    usual: float | None
    believable: int | None
    capacity: int | None
    guesses: tuple[Guess, ...]
    before: tuple[Point, ...]
    later: Sequence[Point]
    resolved_by: str | None
    resolved_at: datetime | None
    accepted: int | None
    because: str | None

    @property
    def last(self) -> Point | None:
        """What the register showed before."""
        return self.before[-1] if self.before else None

    @property
    def fits(self) -> bool:
        """Can the display show it?"""
        return self.value < 10**self.width


def of(conn: Connection, reading: int) -> Case | None:
    """The doubtful reading of this id, None when there is none such."""
    row = conn.execute(_ONE, {"of": reading}).one_or_none()
    if row is None:
        return None
    before = account_file.chart(conn, row.register, row.multiplier, row.width, upto=reading)
    all_of_them = account_file.chart(conn, row.register, row.multiplier, row.width)
    last = before[-1] if before else None
    register = Register(
        row.zone, row.width, last.value if last else None, last.on if last else None, row.usual, row.energy
    )
    use = Use.of(Meter(row.meter, (register,), row.multiplier, row.power), register, row.read_on)
    used = None
    if last is not None:
        since = use.since(row.value)
        used = row.value - last.value if since is None else since
    days = (row.read_on - last.on).days if last else 0
    return Case(
        row.id, row.account, row.meter, row.zone, row.energy, row.register, row.width, row.multiplier, row.power,
        row.value, row.doubt, row.said, row.read_on, row.at, row.source, row.purpose, row.period, row.call, row.seq,
        row.receipt, used, used * row.multiplier / days if used is not None and days > 0 else None, row.usual,
        use.believable if last else None, use.capacity if last else None,
        _guesses(conn, row.account, row.meter, register, row.value, row.read_on, row.at), before,
        [each for each in all_of_them if each.reading > reading and each.reading != row.accepted],
        row.resolved_by, row.resolved_at, row.accepted, row.because,
    )  # fmt: skip


def waiting(conn: Connection) -> int:
    """How many doubtful readings nobody has decided about."""
    return int(conn.execute(_WAITING).scalar_one())


def _guesses(
    conn: Connection, account: str, number: str, register: Register, value: int, on: date, at: datetime
) -> tuple[Guess, ...]:
    found = perform(conn, FindAccount(account), call=None, seq=None, at=at)
    there = found.meters if found else ()
    meter = next((each for each in there if each.number == number), None)
    if meter is None:
        return ()
    of_then = tuple(
        register if (each.zone, each.energy) == (register.zone, register.energy) else each for each in meter.registers
    )
    meter = replace(meter, registers=of_then)
    if value >= 10**register.width:
        return too_wide(meter, register, str(value), on)
    others = tuple(each for each in there if each.number != number)
    return diagnose(meter, register, value, on, neighbours=others).guesses


# How: statements are made once

_IS_DOUBTFUL: Final = readings.c.status == Status.DOUBTFUL
_ONE: Final = (
    select(
        readings, meters.c.account, meters.c.number.label("meter"), meters.c.multiplier, meters.c.power,
        registers.c.zone, registers.c.energy, registers.c.width, registers.c.usual, submissions.c.receipt,
        resolutions.c.by.label("resolved_by"), resolutions.c.at.label("resolved_at"), resolutions.c.accepted,
        resolutions.c.because,
    )
    .select_from(
        readings.join(registers, registers.c.id == readings.c.register)
        .join(meters, meters.c.id == registers.c.meter)
        .outerjoin(submissions, submissions.c.id == readings.c.submission)
        .outerjoin(resolutions, resolutions.c.reading == readings.c.id)
    )
    .where(readings.c.id == bindparam("of"), _IS_DOUBTFUL)
)  # fmt: skip
_WAITING: Final = (
    select(func.count())
    .select_from(readings.outerjoin(resolutions, resolutions.c.reading == readings.c.id))
    .where(_IS_DOUBTFUL, resolutions.c.reading.is_(None))
)
