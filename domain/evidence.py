"""All that is known of one call, for whoever gives it away: what was said and done, what came of it, who looked.

Rules: reads only, in one transaction, so that its parts agree with each other; nothing is hidden here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, String, bindparam, select

from domain import calls, moments, trail, transcripts
from domain.calls import CallRecord, Line, RecordingRecord
from domain.caused import Caused, caused
from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.moments import Moment
from domain.tables import meters, readings, registers, request_events, requests, submissions
from domain.tables import trail as rows
from domain.trail import Head, Verdict
from domain.transcripts import Transcript


@dataclass(frozen=True, slots=True)
class TakenReading:
    """A reading that the call stored.  value: as displayed.  read_on: Europe/Kyiv; period: the first of its month."""

    account: str
    meter: str
    zone: Zone
    energy: Energy
    value: int
    read_on: date
    at: datetime
    source: Source
    status: Status
    doubt: Doubt | None
    purpose: Purpose
    period: date | None
    said: str | None
    seq: int | None
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done about a request of the call.  by: who."""

    request: str | None
    at: datetime
    by: str
    what: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallFile:
    """One call.  transcripts: in clear.  deeds: about its requests, in order."""

    record: CallRecord
    recording: RecordingRecord | None
    lines: Sequence[Line]
    moments: Sequence[Moment]
    transcripts: Sequence[Transcript]
    caused: Caused
    readings: Sequence[TakenReading]
    deeds: Sequence[Deed]

    @property
    def call(self) -> str:
        return self.record.began.call


@dataclass(frozen=True, slots=True)
class Seal:
    """A row of the trail as it is hashed (`domain.trail`, rule 3).  before: the hash of the row before it."""

    n: int
    at: datetime
    who: str
    what: str
    of: str | None
    reason: str | None
    details: str
    before: str
    hash: str

    @property
    def sound(self) -> bool:
        """Whether the hash is that of the row."""
        return trail.seal(self.before, _fields(self)) == self.hash


@dataclass(frozen=True, slots=True)
class Proof:
    """What the trail says of one call, and of itself.  seals: in order."""

    seals: Sequence[Seal]
    head: Head
    verdict: Verdict


def of(conn: Connection, call: str) -> CallFile | None:
    """Everything of this call; None when nobody knows it."""
    record = calls.one(conn, call)
    if record is None:
        return None
    asked = {"of": call}
    return CallFile(
        record,
        calls.recording(conn, call),
        calls.lines(conn, call),
        moments.of_call(conn, call),
        transcripts.of_call(conn, call, clear=True),
        caused(conn, call),
        [TakenReading(*row) for row in conn.execute(_READINGS, asked)],
        [
            Deed(row.number, row.at, row.by, row.what, json.loads(row.details))
            for row in conn.execute(_DEEDS, asked)
        ],
    )  # fmt: skip


def proof(conn: Connection, call: str) -> Proof:
    """What was done to this call by staff, with what each row's hash rests on; the whole chain is walked.

    A million rows of the trail take some ten seconds.
    """
    found = list(conn.execute(_ROWS, {"of": call}))
    before = {row.n: row.hash for row in conn.execute(_BEFORE, {"of": [row.n - 1 for row in found]})}
    seals = [_seal(row, before.get(row.n - 1, trail.NOTHING)) for row in found]
    return Proof(seals, trail.head(conn), trail.verify(conn))


def _seal(row: Row[Any], before: str) -> Seal:
    return Seal(row.n, row.at, row.who, row.what, row.of, row.reason, row.details, before, row.hash)


def _fields(seal: Seal) -> dict[str, Any]:
    return {name: getattr(seal, name) for name in ("n", "at", "who", "what", "of", "reason", "details")}


_READINGS: Final = (
    select(
        meters.c.account, meters.c.number, registers.c.zone, registers.c.energy, readings.c.value,
        readings.c.read_on, readings.c.at, readings.c.source, readings.c.status, readings.c.doubt,
        readings.c.purpose, readings.c.period, readings.c.said, readings.c.seq, submissions.c.receipt,
    )
    .join(registers, registers.c.id == readings.c.register)
    .join(meters, meters.c.id == registers.c.meter)
    .outerjoin(submissions, submissions.c.id == readings.c.submission)
    .where(readings.c.call == bindparam("of", type_=String))
    .order_by(readings.c.id)
)  # fmt: skip
_DEEDS: Final = (
    select(
        requests.c.number, request_events.c.at, request_events.c.by, request_events.c.what, request_events.c.details
    )
    .join(requests, requests.c.id == request_events.c.request)
    .where(requests.c.call == bindparam("of", type_=String))
    .order_by(request_events.c.id)
)
_ROWS: Final = select(rows).where(rows.c.of == bindparam("of", type_=String)).order_by(rows.c.n)
_BEFORE: Final = select(rows.c.n, rows.c.hash).where(rows.c.n.in_(bindparam("of", expanding=True)))
