"""Calls and what was said in them, line by line; and what became of their recordings.

Rules:
  a call begins once, has one driver at a time, and ends once: the first outcome stands; only a call that people gave
  back to us goes on (`go_on`), until it ends again;
  journal lines are only ever added, one for each (call, seq): who comes second is told `AlreadyAnswered`;
  an erased recording stays erased.
Every function works within the transaction of the connection it is given (`Store.write`, `Store.read`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Text, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain import debts, indexing
from domain.model import Began, Outcome
from domain.tables import RecordingState, calls, journal, recordings, transcripts
from domain.tables.calls import DIALLED

log = logging.getLogger(__name__)

AT_ONCE: Final = 500
"""Calls looked up by one statement."""


class AlreadyAnswered(Exception):
    """Another controller drives this call and was first with this line.  Leave the call to it."""


class UnknownCall(LookupError):
    """Something is said of a call that never began here: `begin` comes first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One turn of a call and its answer.

    seq: 0, 1, 2 ... without gaps.  at: timezone-aware UTC.  label: the turn's name in the flow.
    asked: what was said or done.  heard: what the caller keyed or said, unparsed; None when nothing was.
    result: what a command answered, JSON.  interruption: why the turn ended without an answer.
    confidence: of what was said, 0 to 1; None when it was keyed.
    """

    seq: int
    at: datetime
    label: str
    asked: str
    heard: str | None = None
    result: str | None = None
    interruption: str | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as it stands.  ended_at, outcome: None while it goes on.  to: where it was transferred; context: what
    people were told then, JSON."""

    began: Began
    driver: str
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    to: str | None = None
    because: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording as it stands.  path: relative to the data directory.  reason: of an erasure or a failure, or a
    remark on what is odd about a sealed one."""

    call: str
    state: RecordingState
    path: str | None
    began_at: datetime
    settled_at: datetime | None = None
    sha256: str | None = None
    seconds: float | None = None
    bytes: int | None = None
    reason: str | None = None


# Calls


def begin(conn: Connection, began: Began, driver: str) -> bool:
    """A call came in and `driver` conducts it.  False when it had begun before; nothing changes then.

    The number that was dialled is the network's word, and kept as far as there is room: PostgreSQL would refuse the
    row, and with it the call.
    """
    dialled = began.dialled[:DIALLED]
    return _insert_new(
        conn, "calls",
        {"id": began.call, "caller": began.caller, "dialled": dialled, "began_at": began.at, "driver": driver},
    ) == 1  # fmt: skip


def end(
    conn: Connection,
    call: str,
    outcome: Outcome,
    *,
    at: datetime,
    to: str | None = None,
    because: str | None = None,
    context: str | None = None,
) -> bool:
    """The call is over, with this outcome.  False when it had ended before: the first outcome stands.

    A second outcome that differs is logged.  Raises UnknownCall.
    """
    values = {
        "of": call, "new_end": at, "new_outcome": outcome, "new_to": to, "new_because": because,
        "new_context": context,
    }  # fmt: skip
    if conn.execute(_END, values).rowcount == 1:
        debts.owe(conn, call, at)
        return True
    standing = one(conn, call)
    if standing is None:
        raise UnknownCall(f"call {call!r} cannot end: it never began here")
    if standing.outcome != outcome:
        log.error("call %s ended as %s; refused to make that %s", call, standing.outcome, outcome)
    return False


def go_on(conn: Connection, call: str, driver: str, at: datetime) -> None:
    """It had ended in a transfer, and nobody answered: it goes on, conducted by `driver`, and is no more found, nor
    counted, as ended."""
    conn.execute(update(calls).where(calls.c.id == call).values(ended_at=None, outcome=None, driver=driver))
    debts.owe(conn, call, at)


def one(conn: Connection, call: str) -> CallRecord | None:
    """This call, or None."""
    row = conn.execute(select(calls).where(calls.c.id == call)).one_or_none()
    return _call(row) if row else None


def unfinished(conn: Connection, driver: str | None = None) -> list[CallRecord]:
    """Calls without an outcome, oldest first; only those of `driver` when given."""
    statement = select(calls).where(calls.c.ended_at.is_(None)).order_by(calls.c.began_at, calls.c.id)
    if driver is not None:
        statement = statement.where(calls.c.driver == driver)
    return [_call(row) for row in conn.execute(statement)]


def latest(conn: Connection, n: int) -> list[CallRecord]:
    """The last `n` calls that came in, newest first."""
    statement = select(calls).order_by(calls.c.began_at.desc(), calls.c.id.desc()).limit(n)
    return [_call(row) for row in conn.execute(statement)]


# The journal


def append(conn: Connection, call: str, line: Line) -> None:
    """Write the next line of the call's journal.

    Raises AlreadyAnswered when the line exists, UnknownCall when the call does not.
    """
    values = {
        "call": call, "seq": line.seq, "at": line.at, "label": line.label, "asked": line.asked,
        "heard": line.heard, "result": line.result, "interruption": line.interruption,
        "confidence": line.confidence,
    }  # fmt: skip
    try:
        written = _insert_new(conn, "journal", values)
    except IntegrityError as error:
        raise UnknownCall(f"call {call!r} has no journal: it never began here") from error
    if written != 1:
        raise AlreadyAnswered(f"line {line.seq} of call {call!r} is written already: another controller drives it")


def lines(conn: Connection, call: str) -> list[Line]:
    """The journal of this call in order; empty when nothing was said or the call is unknown."""
    return [_line(row) for row in conn.execute(_LINES, {"of": call})]


def lines_of(conn: Connection, calls: Sequence[str]) -> dict[str, list[Line]]:
    """The journals of these calls."""
    found: dict[str, list[Line]] = {call: [] for call in calls}
    for first in range(0, len(calls), AT_ONCE):
        for row in conn.execute(_LINES_OF, {"of": calls[first : first + AT_ONCE]}):
            found[row.call].append(_line(row))
    return found


def lengths(conn: Connection, calls: Sequence[str]) -> dict[str, int]:
    """How many lines the journal of each of these calls has."""
    found = dict.fromkeys(calls, 0)
    for first in range(0, len(calls), AT_ONCE):
        for call, length in conn.execute(_LENGTHS, {"of": calls[first : first + AT_ONCE]}):
            found[call] = length
    return found


# Recordings


def recording_began(conn: Connection, call: str, path: str, at: datetime) -> bool:
    """The exchange records this call into `path`.  False when that was known.  Raises UnknownCall."""
    return (
        _settle(conn, {"call": call, "state": RecordingState.RECORDING, "path": path, "began_at": at}, replacing=())
        == 1
    )


def recording_sealed(
    conn: Connection,
    call: str,
    path: str,
    *,
    sha256: str,
    seconds: float,
    bytes: int,
    at: datetime,
    remark: str | None = None,
) -> bool:
    """It is finished: `path` is its final place.  False when it was erased before.  Raises UnknownCall.

    remark: what is odd about it (one side silent, shorter than the call), None when nothing is.
    """
    values = {
        "call": call, "state": RecordingState.SEALED, "path": path, "began_at": at, "settled_at": at,
        "sha256": sha256, "seconds": seconds, "bytes": bytes, "reason": remark,
    }  # fmt: skip
    return (
        _settle(conn, values, replacing=(RecordingState.RECORDING, RecordingState.FAILED, RecordingState.SEALED)) == 1
    )


def recording_erased(conn: Connection, call: str, reason: str, at: datetime) -> bool:
    """Its audio is gone, on purpose, and with it what was written down from it.  What else was known of it stays.
    False when it was erased before."""
    conn.execute(delete(transcripts).where(transcripts.c.call == call))
    indexing.forget_words(conn, call)
    values = {"call": call, "state": RecordingState.ERASED, "began_at": at, "settled_at": at, "reason": reason}
    return (
        _settle(conn, values, replacing=(RecordingState.RECORDING, RecordingState.FAILED, RecordingState.SEALED)) == 1
    )


def recording_failed(conn: Connection, call: str, reason: str, at: datetime) -> bool:
    """There should be a recording and there is none, or not all of it.  False when it was settled before."""
    values = {"call": call, "state": RecordingState.FAILED, "began_at": at, "settled_at": at, "reason": reason}
    return _settle(conn, values, replacing=(RecordingState.RECORDING, RecordingState.FAILED)) == 1


def recording(conn: Connection, call: str) -> RecordingRecord | None:
    """The recording of this call, or None when nobody noted one."""
    row = conn.execute(select(recordings).where(recordings.c.call == call)).one_or_none()
    return RecordingRecord(*row) if row else None


def unsealed(conn: Connection) -> list[RecordingRecord]:
    """Recordings that nobody has settled, oldest first; of calls that are over and of calls that go on."""
    statement = (
        select(recordings)
        .where(recordings.c.state == RecordingState.RECORDING)
        .order_by(recordings.c.began_at, recordings.c.call)
    )
    return [RecordingRecord(*row) for row in conn.execute(statement)]


# How

_END: Final = (
    update(calls)
    .where(calls.c.id == bindparam("of"), calls.c.ended_at.is_(None))
    .values(
        ended_at=bindparam("new_end"),
        outcome=bindparam("new_outcome"),
        transferred_to=bindparam("new_to"),
        because=bindparam("new_because"),
        context=func.coalesce(bindparam("new_context", type_=Text), calls.c.context),
    )
)
_LINES: Final = select(journal).where(journal.c.call == bindparam("of")).order_by(journal.c.seq)
_LINES_OF: Final = (
    select(journal)
    .where(journal.c.call.in_(bindparam("of", expanding=True)))
    .order_by(journal.c.call, journal.c.seq)
)  # fmt: skip
_LENGTHS: Final = (
    select(journal.c.call, func.count())
    .where(journal.c.call.in_(bindparam("of", expanding=True)))
    .group_by(journal.c.call)
)  # fmt: skip
_INSERT_NEW: Final = {
    (table.name, dialect.__name__.rpartition(".")[2]): dialect.insert(table).on_conflict_do_nothing()
    for table in (calls, journal)
    for dialect in (sqlite, postgresql)
}


def _insert_new(conn: Connection, table: str, values: dict[str, Any]) -> int:
    """Insert unless the key exists; how many rows that made.  Made once and not per call: it is the hot path."""
    return conn.execute(_INSERT_NEW[table, conn.dialect.name], values).rowcount


def _settle(conn: Connection, values: dict[str, Any], *, replacing: Sequence[RecordingState]) -> int:
    """Note this of the call's recording, if it is in one of these states or not known yet; how many rows changed."""
    fresh = {key: value for key, value in values.items() if key not in ("call", "began_at")}
    changed = 0
    if replacing:
        statement = update(recordings).where(recordings.c.call == values["call"], recordings.c.state.in_(replacing))
        changed = conn.execute(statement.values(fresh)).rowcount
    if not changed:
        dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
        try:
            changed = conn.execute(dialect.insert(recordings).values(values).on_conflict_do_nothing()).rowcount
        except IntegrityError as error:
            raise UnknownCall(f"call {values['call']!r} has no recording: it never began here") from error
    if changed and "settled_at" in values:  # one that goes on is owed when it ends
        debts.owe(conn, values["call"], values["settled_at"])
    return changed


def _line(row: Any) -> Line:
    return Line(row.seq, row.at, row.label, row.asked, row.heard, row.result, row.interruption, row.confidence)


def _call(row: Any) -> CallRecord:
    return CallRecord(
        began=Began(call=row.id, caller=row.caller, dialled=row.dialled, at=row.began_at),
        driver=row.driver,
        ended_at=row.ended_at,
        outcome=row.outcome,
        to=row.transferred_to,
        because=row.because,
        context=row.context,
    )
