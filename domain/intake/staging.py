"""The rows of an import, sorted by account, outside memory.

Theory.  The rows of an account may stand anywhere in several files (one of customers, one of meters, one of
numbers), and a million accounts do not fit into memory.  So the rows go into a temporary SQLite file first, and come
out account by account; what must be unique over all files is looked up there.  The file lies beside the store, is
readable by its owner only, and is deleted while it is open: nothing of it is left, whatever happens.
"""

import os
import sqlite3
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from domain.intake.rows import Place, Problem
from domain.intake.sources import Cells


class NoRoom(OSError):
    """The copy of the rows can't be kept; the message says what to do."""


_SEPARATOR = "\x1f"  # no cell holds it: it can't be printed
_AT_ONCE = 1000


@contextmanager
def staging(folder: Path | None = None) -> "Generator[Staging]":
    """A `Staging`, gone in the end.  Raises NoRoom: what SQLite itself says within is about this file; the store's
    faults are of their own kind."""
    try:
        with Staging(folder) as opened:
            yield opened
    except sqlite3.OperationalError as fault:
        where = folder or Path(tempfile.gettempdir())
        raise NoRoom(f"a copy of the rows doesn't fit into {where} ({fault}): make room there") from fault


class Staging:
    """A place for the rows of one import.  folder: where there is room; None: where the system keeps such files."""

    def __init__(self, folder: Path | None = None) -> None:
        handle, name = tempfile.mkstemp(prefix="import-", suffix=".tmp", dir=folder)
        os.close(handle)
        self._db = sqlite3.connect(name, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            "PRAGMA cache_size=-16000; PRAGMA temp_store=FILE;"
            "CREATE TABLE rows (account TEXT, file INTEGER, row INTEGER, cells TEXT);"
            "CREATE TABLE firsts (what TEXT, key TEXT, value TEXT, file INTEGER, row INTEGER,"
            " PRIMARY KEY (what, key)) WITHOUT ROWID;"
            'CREATE TABLE refused (file INTEGER, row INTEGER, "column" TEXT, value TEXT, reason TEXT);'
            "BEGIN"
        )
        Path(name).unlink()
        self._rows: list[tuple[str, int, int, str]] = []
        self.accounts = 0

    def add(self, account: str, place: Place, cells: Cells) -> None:
        """A row of this account."""
        self._rows.append((account, place.file, place.row, _SEPARATOR.join(cells)))
        if len(self._rows) >= _AT_ONCE:
            self._flush()

    def first(self, what: str, key: str, value: str, place: Place) -> None:
        """`value` is said of `key`; who says something else later contradicts this."""
        self._db.execute(
            "INSERT OR IGNORE INTO firsts VALUES (?, ?, ?, ?, ?)", (what, key, value, place.file, place.row)
        )

    def said(self, what: str, key: str) -> tuple[str, Place] | None:
        """What was said first, and where."""
        row = self._db.execute(
            "SELECT value, file, row FROM firsts WHERE what = ? AND key = ?", (what, key)
        ).fetchone()
        return (row[0], Place(row[1], row[2])) if row else None

    def sort(self) -> None:
        """All rows are there."""
        self._flush()
        self._db.execute("CREATE INDEX by_account ON rows (account, file, row)")
        self.accounts = self._db.execute("SELECT count(DISTINCT account) FROM rows").fetchone()[0]

    def by_account(self) -> Iterator[tuple[str, list[tuple[Place, Cells]]]]:
        """Every account with its rows, in order."""
        rows = self._db.cursor().execute("SELECT account, file, row, cells FROM rows ORDER BY account, file, row")
        for account, found in groupby(rows, key=lambda row: row[0]):
            yield account, [(Place(row[1], row[2]), tuple(row[3].split(_SEPARATOR))) for row in found]

    def refuse(self, problem: Problem) -> None:
        """This row is not imported."""
        at = problem.place
        self._db.execute(
            "INSERT INTO refused VALUES (?, ?, ?, ?, ?)",
            (at.file, at.row, problem.column, problem.value, problem.reason),
        )

    def refused(self) -> Iterator[Problem]:
        """All that was refused, in the order of files and rows."""
        for file, row, column, value, reason in self._db.cursor().execute(
            "SELECT * FROM refused ORDER BY file, row, rowid"
        ):
            yield Problem(Place(file, row), column, value, reason)

    def close(self) -> None:
        """Everything is gone."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _flush(self) -> None:
        self._db.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", self._rows)
        self._rows.clear()
