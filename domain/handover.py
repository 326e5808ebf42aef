"""Handing readings over to the suppliers, who bill: files, and every reading in them once.

Rules:
  there are two stages: TAKEN, accepted measured readings that close a month, as they come; BILLED, what each register
  was billed by when the month was closed, estimates included.  A reading is in at most one file of each stage: the
  key of `handovers`, not a mark that could be forgotten;
  what is still to be handed over is derived (accepted and in no file), so that nothing can be missed for good;
  a file is of one stage, month and supplier, and of at most `ROWS` rows, ordered by reading id;
  a row is kept as it was written: the same file can be written again, byte for byte, whatever was corrected since.

Theory.  1. Rows are put down for an open file, some thousand in a transaction.  2. The file is sealed: no more rows,
their number, their SHA-256.  3. Its bytes go to a temporary file in the same folder, are synced, and get their name;
the folder is synced.  4. It is noted as written.  A process killed anywhere leaves rows in an open file (the next run
goes on with it), or a sealed one that is not known to be written: the next run writes the same bytes under the same
name, whether it lay there already or not.  The format is in docs/hand-over.md.
"""

import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Select,
    String,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain import news
from domain.model import Purpose, Source, Status
from domain.placing import place
from domain.store import Store
from domain.tables import (
    accounts,
    billings,
    closings,
    handover_files,
    handovers,
    meters,
    readings,
    registers,
    submissions,
)
from domain.window import Period

ROWS: Final = 20_000
"""The most rows of a file, and so of what is held in memory."""

CHUNK: Final = 2000
"""Rows put down in one transaction."""

COLUMNS: Final = (
    "reading", "stage", "period", "account", "eic", "meter", "zone", "energy", "value", "multiplier", "read_on",
    "source", "received_at", "receipt", "used",
)  # fmt: skip
"""The first row of each file; what they mean is in docs/hand-over.md."""


class Stage(StrEnum):
    """What a file is of."""

    TAKEN = "taken"
    BILLED = "billed"


class NoSuchFile(LookupError):
    """No hand-over file has this name."""


@dataclass(frozen=True, slots=True)
class File:
    """A hand-over file.

    supplier: None for accounts that have none.  period: the first day of the month.  rows: without the head.
    sha256: of its bytes, None as long as rows are put down for it.  written_at: None: not known to be written.
    """

    id: int
    name: str
    stage: Stage
    supplier: str | None
    period: date
    at: datetime
    rows: int
    sha256: str | None
    written_at: datetime | None


def hand_over(
    store: Store,
    folder: Path,
    now: Callable[[], datetime],
    *,
    supplier: str | None = None,
    since: Period | None = None,
    rows: int = ROWS,
) -> Iterator[File]:
    """Write every file that is due; each is given once it is written.  First those that a former run left unfinished.

    supplier: only theirs.  since: months before it are not looked at, as when another system has handed them over.
    now: the clock, timezone-aware UTC.  Raises NotWritten, StoreFault; what was written before stays written.
    """
    for file in store.read(lambda conn: _unfinished(conn, supplier)).result():
        if (file := _complete(store, folder, file, now, rows)).rows:
            yield file
    for due in store.read(lambda conn: _due(conn, supplier, since)).result():
        while True:
            file = store.write(lambda conn, due=due: _open(conn, due, now())).result()
            file = _complete(store, folder, file, now, rows)
            if file.rows:
                yield file
            if file.rows < rows:
                break


def files(conn: Connection) -> list[File]:
    """All files, the oldest first."""
    return [_file(row) for row in conn.execute(select(handover_files).order_by(handover_files.c.id))]


def content(conn: Connection, name: str) -> bytes:
    """The bytes of this file, as they were handed over.  Raises NoSuchFile."""
    row = conn.execute(select(handover_files).where(handover_files.c.name == name)).one_or_none()
    if row is None or row.sha256 is None:
        raise NoSuchFile(f"no hand-over file is called {name!r}: list them with `ivr readings files`")
    return _bytes(conn, row.id)


def export(store: Store, name: str, folder: Path) -> Path:
    """Write a file that was handed over once more, byte for byte; where it is.  Raises NoSuchFile, NotWritten."""
    return place(folder, name, store.read(lambda conn: content(conn, name)).result())


# How: put down, seal, write, note


def _complete(store: Store, folder: Path, file: File, now: Callable[[], datetime], rows: int) -> File:
    """The file when it is written; with 0 rows when there was nothing to put down, and then it is taken back."""
    after = (0, 0)
    while file.sha256 is None and file.rows < rows:
        most = min(CHUNK, rows - file.rows)
        lines = store.read(lambda conn, f=file, a=after: _lines(conn, f, a, most)).result()  # noqa: B023
        if not lines:
            break
        after = (lines[-1].register, lines[-1].reading)
        file = store.write(lambda conn, f=file, lines=lines: _put_down(conn, f, lines)).result()
    file = store.write(lambda conn, f=file: _seal(conn, f)).result()
    if file.rows:
        place(folder, file.name, store.read(lambda conn: _bytes(conn, file.id)).result())
        file = store.write(lambda conn, f=file: _written(conn, f, now())).result()
    return file


class _Line(NamedTuple):
    register: int
    reading: int
    text: str


class _Due(NamedTuple):
    stage: Stage
    period: date
    supplier: str | None


def _unfinished(conn: Connection, supplier: str | None) -> list[File]:
    found = conn.execute(
        select(handover_files).where(handover_files.c.written_at.is_(None)).order_by(handover_files.c.id)
    )
    return [_file(row) for row in found if supplier is None or row.supplier == supplier]


def _due(conn: Connection, supplier: str | None, since: Period | None) -> list[_Due]:
    """What must be handed over, month by month; one look at every reading of these months."""
    found: list[_Due] = []
    for stage in Stage:
        month = since.first - timedelta(days=1) if since else date.min
        while month := conn.execute(_NEXT_MONTH[stage], {"after": month}).scalar_one():
            suppliers = conn.execute(_SUPPLIERS[stage], {"of_period": month}).scalars().all()
            found += [_Due(stage, month, each) for each in sorted(suppliers, key=str)]
    return [due for due in found if supplier is None or due.supplier == supplier]


def _open(conn: Connection, due: _Due, at: datetime) -> File:
    values = {
        "stage": due.stage,
        "supplier": due.supplier,
        "period": due.period,
        "at": at,
        "name": f"new {os.getpid()}",
    }
    key = conn.execute(insert(handover_files).values(values)).inserted_primary_key
    assert key is not None
    whose = "".join(each if each.isalnum() else "-" for each in due.supplier or "no-supplier")
    name = f"{due.stage}_{due.period:%Y-%m}_{whose}_{key[0]:06d}.csv"
    conn.execute(update(handover_files).where(handover_files.c.id == key[0]).values(name=name))
    return _one(conn, key[0])


def _lines(conn: Connection, file: File, after: tuple[int, int], most: int) -> list[_Line]:
    """What may be put down next for this file, after this register and reading."""
    asked = {
        "of_period": file.period, "of_supplier": file.supplier, "after_register": after[0],
        "after_reading": after[1], "most": most,
    }  # fmt: skip
    return [
        _Line(row.register, row.id, _text(file.stage, file.period, row))
        for row in conn.execute(_PENDING[file.stage], asked)
    ]


def _put_down(conn: Connection, file: File, lines: Sequence[_Line]) -> File:
    """Into the file, as long as it is open; what is in another one by now stays there."""
    stands = _one(conn, file.id, lock=True)
    if stands.sha256 is not None:
        return stands
    rows = [{"reading": each.reading, "stage": file.stage, "file": file.id, "line": each.text} for each in lines]
    written = conn.execute(_PUT[conn.dialect.name], rows).rowcount
    conn.execute(
        update(handover_files).where(handover_files.c.id == file.id).values(rows=handover_files.c.rows + written)
    )
    return _one(conn, file.id)


def _seal(conn: Connection, file: File) -> File:
    """No more rows.  Whoever comes second finds it done."""
    stands = _one(conn, file.id, lock=True)
    if stands.rows == 0:
        conn.execute(delete(handover_files).where(handover_files.c.id == file.id))
        return stands
    if stands.sha256 is None:
        sha256 = hashlib.sha256(_bytes(conn, file.id)).hexdigest()
        conn.execute(update(handover_files).where(handover_files.c.id == file.id).values(sha256=sha256))
    return _one(conn, file.id)


def _written(conn: Connection, file: File, at: datetime) -> File:
    stands = _one(conn, file.id, lock=True)
    if stands.written_at is None:
        conn.execute(update(handover_files).where(handover_files.c.id == file.id).values(written_at=at))
        news.tell(
            conn, "handover.made", at, file=file.name, stage=file.stage, supplier=file.supplier,
            period=file.period, rows=file.rows, sha256=file.sha256,
        )  # fmt: skip
    return _one(conn, file.id)


# How: rows and bytes


def _text(stage: Stage, period: date, row: Any) -> str:
    return _csv(
        (
            row.id, stage, f"{period:%Y-%m}", row.account, row.eic, row.meter, row.zone, row.energy, row.value,
            row.multiplier, row.read_on.isoformat(), row.source,
            row.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), row.receipt, row.used,
        )
    )  # fmt: skip


def _csv(values: Iterable[object]) -> str:
    """One row as RFC 4180 has it, with its end; what is None is empty."""
    with StringIO(newline="") as text:
        csv.writer(text, lineterminator="\r\n").writerow(values)
        return text.getvalue()


def _bytes(conn: Connection, file: int) -> bytes:
    lines = conn.execute(_LINES, {"of": file}).scalars()
    return "".join((_csv(COLUMNS), *lines)).encode()


def _one(conn: Connection, file: int, *, lock: bool = False) -> File:
    statement = select(handover_files).where(handover_files.c.id == file)
    return _file(conn.execute(statement.with_for_update() if lock else statement).one())


def _file(row: Any) -> File:
    return File(
        row.id, row.name, Stage(row.stage), row.supplier, row.period, row.at, row.rows, row.sha256, row.written_at
    )


_OF: Final = bindparam("of_period", type_=Date)
_SUPPLIER: Final = accounts.c.supplier.is_not_distinct_from(bindparam("of_supplier", type_=String))
_TAKEN: Final = (
    readings.c.period == _OF,
    readings.c.status == Status.ACCEPTED,
    readings.c.purpose == Purpose.BILLING,
    readings.c.source != Source.ESTIMATE,
)


def _pending(stage: Stage) -> tuple[FromClause, tuple[ColumnElement[bool], ...], ColumnElement[int]]:
    """Readings that are in no file of this stage: from where, which, and by which register they are gone through."""
    handed = and_(handovers.c.reading == readings.c.id, handovers.c.stage == stage)
    if stage is Stage.TAKEN:
        begin: FromClause = readings
        which: tuple[ColumnElement[bool], ...] = _TAKEN
        register = readings.c.register
    else:
        begin = billings.join(readings, readings.c.id == billings.c.reading)
        which = (billings.c.period == _OF,)
        register = billings.c.register
    source = (
        begin.join(registers, registers.c.id == register)
        .join(meters, meters.c.id == registers.c.meter)
        .join(accounts, accounts.c.number == meters.c.account)
        .outerjoin(handovers, handed)
    )
    return source, (*which, handovers.c.reading.is_(None)), register


def _suppliers(stage: Stage) -> Select[Any]:
    source, which, _ = _pending(stage)
    return select(accounts.c.supplier).distinct().select_from(source).where(*which)


def _rows(stage: Stage) -> Select[*tuple[Any, ...]]:
    source, which, register = _pending(stage)
    used = billings.c.used if stage is Stage.BILLED else null()
    return (
        select(
            register.label("register"), readings.c.id, accounts.c.number.label("account"), accounts.c.eic,
            meters.c.number.label("meter"), registers.c.zone, registers.c.energy, readings.c.value,
            meters.c.multiplier, readings.c.read_on, readings.c.source, readings.c.at, submissions.c.receipt,
            used.label("used"),
        )
        .select_from(source.outerjoin(submissions, submissions.c.id == readings.c.submission))
        .where(
            *which,
            _SUPPLIER,
            tuple_(register, readings.c.id) > tuple_(bindparam("after_register"), bindparam("after_reading")),
        )
        .order_by(register, readings.c.id)
        .limit(bindparam("most"))
    )  # fmt: skip


_NEXT_MONTH: Final = {
    Stage.TAKEN: select(func.min(readings.c.period)).where(readings.c.period > bindparam("after", type_=Date)),
    Stage.BILLED: select(func.min(closings.c.period)).where(
        closings.c.period > bindparam("after", type_=Date), closings.c.closed_at.is_not(None)
    ),
}
_SUPPLIERS: Final = {stage: _suppliers(stage) for stage in Stage}
_PENDING: Final = {stage: _rows(stage) for stage in Stage}
_PUT: Final = {
    name: dialect.insert(handovers).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_LINES: Final = select(handovers.c.line).where(handovers.c.file == bindparam("of")).order_by(handovers.c.reading)
