"""The receipt of a reading as proof: who said what, when, where it can be heard, and what became of it.

Rules: what was stored is shown as it was stored; the chain of a reading are all that the same call said of the same
register, what people decided about a doubtful one, and what stands for it, in the order of storing; what was said are
the journal's lines from the end of the deed before to the one that stored it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, or_, select

from domain import calls
from domain.calls import Line, RecordingRecord
from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.tables import billings, handover_files, handovers, meters, readings, registers, resolutions, submissions

_DEEDS: Final = frozenset({"SubmitReading", "KeepDoubtful"})
"""Lines of the journal that store a reading."""

_UNSAID: Final[tuple[Sequence[Line], datetime | None]] = ((), None)


@dataclass(frozen=True, slots=True)
class Link:
    """One reading of the chain.  resolved_by: who decided about it, where it is doubtful; accepted: what stands for
    it then, None: it is void."""

    id: int
    value: int
    at: datetime
    status: Status
    doubt: Doubt | None
    said: str | None
    seq: int | None
    resolved_by: str | None
    resolved_at: datetime | None
    accepted: int | None
    because: str | None


@dataclass(frozen=True, slots=True)
class Billing:
    """What was billed by it.  used: kWh (kvarh), multiplied; below 0 a credit."""

    period: date
    used: int


@dataclass(frozen=True, slots=True)
class HandedOver:
    """To whom, when and in which file."""

    stage: str
    supplier: str | None
    file: str
    written_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proof:
    """One reading with everything that proves it.

    caller: E.164, None: withheld or another channel.  lines: what was said; a line's moment is that of its answer.
    said_from, said_to: from when, which is where the line before ended, to when.
    inputs: JSON, what an estimate was made from.
    """

    id: int
    account: str
    meter: str
    zone: Zone
    energy: Energy
    width: int
    multiplier: int
    value: int
    read_on: date
    at: datetime
    source: Source
    status: Status
    doubt: Doubt | None
    purpose: Purpose
    period: date | None
    inputs: str | None
    receipt: str | None
    call: str | None
    seq: int | None
    caller: str | None
    driver: str | None
    recording: RecordingRecord | None
    lines: Sequence[Line]
    said_from: datetime | None
    chain: Sequence[Link]
    billings: Sequence[Billing]
    handovers: Sequence[HandedOver]

    @property
    def spoken(self) -> Sequence[tuple[Line, datetime]]:
        """Every line with the moment from which it was asked: that at which the line before ended."""
        begun = [self.said_from, *(line.at for line in self.lines[:-1])]
        return [(line, since or line.at) for line, since in zip(self.lines, begun, strict=False)]

    @property
    def said_to(self) -> datetime | None:
        return self.lines[-1].at if self.lines else None

    @property
    def corrected(self) -> bool:
        """Is it one of several?"""
        return len(self.chain) > 1


def of(conn: Connection, reading: int) -> Proof | None:
    """The proof of this reading, None when there is none of this id."""
    row = conn.execute(_ONE, {"of": reading}).one_or_none()
    if row is None:
        return None
    chain = [Link(*each) for each in conn.execute(_CHAIN, _chained(conn, row))]
    record = calls.one(conn, row.call) if row.call else None
    seq = row.seq if row.seq is not None else _first_seq(chain)  # a copy has the line of what it stands for
    said, since = _said(calls.lines(conn, row.call), seq) if row.call and seq is not None else _UNSAID
    return Proof(
        row.id, row.account, row.meter, row.zone, row.energy, row.width, row.multiplier, row.value, row.read_on,
        row.at, row.source, row.status, row.doubt, row.purpose, row.period, row.inputs, row.receipt, row.call, seq,
        record.began.caller if record else None, record.driver if record else None,
        calls.recording(conn, row.call) if row.call else None,
        said, since, chain,
        [Billing(*each) for each in conn.execute(_BILLED, {"of": reading})],
        [HandedOver(*each) for each in conn.execute(_HANDED_OVER, {"of": reading})],
    )  # fmt: skip


def _chained(conn: Connection, row: Any) -> dict[str, Any]:
    """What tells the chain: the register, and the call or, of another channel, the readings that decisions join."""
    joined = conn.scalars(_JOINED, {"of": row.id}).all()
    return {"of_register": row.register, "of_call": row.call, "these": [row.id, *joined]}


def _first_seq(chain: Sequence[Link]) -> int | None:
    return next((each.seq for each in chain if each.seq is not None), None)


def _said(lines: Sequence[Line], seq: int) -> tuple[Sequence[Line], datetime | None]:
    """What was said for the deed of this line: after the deed before, up to and with it; and from when."""
    upto = [line for line in lines if line.seq <= seq]
    earlier = [n for n, line in enumerate(upto[:-1]) if line.label in _DEEDS]
    first = earlier[-1] + 1 if earlier else 0
    said = upto[first:]
    return said, upto[max(first - 1, 0)].at if said else None


# How: statements are made once

_ONE: Final = (
    select(
        readings, meters.c.account, meters.c.number.label("meter"), meters.c.multiplier, registers.c.zone,
        registers.c.energy, registers.c.width, submissions.c.receipt,
    )
    .select_from(
        readings.join(registers, registers.c.id == readings.c.register)
        .join(meters, meters.c.id == registers.c.meter)
        .outerjoin(submissions, submissions.c.id == readings.c.submission)
    )
    .where(readings.c.id == bindparam("of"))
)  # fmt: skip
_JOINED: Final = select(resolutions.c.accepted).where(
    resolutions.c.reading == bindparam("of"), resolutions.c.accepted.is_not(None)
)
_CHAIN: Final = (
    select(
        readings.c.id, readings.c.value, readings.c.at, readings.c.status, readings.c.doubt, readings.c.said,
        readings.c.seq, resolutions.c.by, resolutions.c.at, resolutions.c.accepted, resolutions.c.because,
    )
    .select_from(readings.outerjoin(resolutions, resolutions.c.reading == readings.c.id))
    .where(
        readings.c.register == bindparam("of_register"),
        or_(
            readings.c.call == bindparam("of_call", type_=readings.c.call.type),
            readings.c.id.in_(these := bindparam("these", expanding=True, value=list[int]())),
            resolutions.c.accepted.in_(these),
        ),
    )
    .order_by(readings.c.id)
)  # fmt: skip
_BILLED: Final = (
    select(billings.c.period, billings.c.used)
    .where(
        billings.c.register == select(readings.c.register).where(readings.c.id == bindparam("of")).scalar_subquery()
    )
    .where(billings.c.reading == bindparam("of"))
    .order_by(billings.c.period)
)
_HANDED_OVER: Final = (
    select(handovers.c.stage, handover_files.c.supplier, handover_files.c.name, handover_files.c.written_at)
    .select_from(handovers.join(handover_files, handover_files.c.id == handovers.c.file))
    .where(handovers.c.reading == bindparam("of"))
    .order_by(handover_files.c.id)
)
