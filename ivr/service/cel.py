"""The calls that Asterisk recorded, by itself, whatever became of us: its channel events (CEL), read from its files.

Rules
1. A call is a channel that somebody else opened and our dialplan answered: ANSWER in the context `call`, on a channel
   that is its own linked channel.  Agents' telephones, and what was never answered, are none.
2. A line that can't be read is counted; the last line of the newest file may be torn, for it may just be written.
3. The files are put aside while we read (`AsteriskServer.put_logs_aside`): they are opened from the newest to the
   oldest, and one that was opened twice is read once, so that none is missed.
4. Memory is bounded: what was seen of a call is kept in a temporary SQLite file, deleted while it is open.
"""

import csv
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

FILE: Final = Path("log", "cel-custom", "calls.csv")
"""Below Asterisk's run directory; older ones are calls.csv.1, .2 ..."""
_BEGAN, _ENDED = "CHAN_START", "CHAN_END"
_FIELDS: Final = 9
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """A call as Asterisk saw it.

    began: the first event that is left of it; whole: that one is its beginning.  last: the last event.
    answered: by our dialplan.  ended: its channel is gone.
    """

    call: str
    began: datetime
    last: datetime
    whole: bool
    answered: bool
    ended: bool


class Cel:
    """Everything that Asterisk recorded and still has.  A context manager; gone in the end.

    since: the first event that is left, None when there is none.  files: how many were read.
    unreadable: lines that were none.
    """

    def __init__(self, run: Path, folder: Path | None = None) -> None:
        """run: Asterisk's run directory.  folder: where there is room meanwhile.  Raises OSError."""
        handle, name = tempfile.mkstemp(prefix="reconcile-", suffix=".tmp", dir=folder)
        os.close(handle)
        self._db = sqlite3.connect(name, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            "PRAGMA cache_size=-16000;"
            "CREATE TABLE seen (call TEXT PRIMARY KEY, began REAL, last REAL, whole INTEGER, answered INTEGER,"
            " ended INTEGER) WITHOUT ROWID; BEGIN"
        )
        Path(name).unlink()
        self.since: datetime | None = None
        self.files = self.unreadable = 0
        self._rows: list[tuple[str, float, float, bool, bool, bool]] = []
        with ExitStack() as stack:
            for file in reversed(opened(run / FILE, stack)):
                self._read(file)
                self.files += 1
        self._flush()

    def of(self, call: str) -> Seen | None:
        """What was seen of this call; None when nothing was."""
        row = self._db.execute("SELECT * FROM seen WHERE call = ?", (call,)).fetchone()
        return _seen(row) if row else None

    def calls(self, since: datetime | None = None) -> Iterator[Seen]:
        """The calls that were answered, and began at `since` or later."""
        begins = since.timestamp() if since else 0.0
        found = self._db.cursor().execute("SELECT * FROM seen WHERE answered AND began >= ? ORDER BY call", (begins,))
        yield from map(_seen, found)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, file: IO[str]) -> None:
        torn = False
        for row in csv.reader(line.replace("\0", "\ufffd") for line in file):
            if torn:
                self.unreadable += 1
            event = _event(row)
            torn = event is None
            if event is None:
                continue
            at, kind, call, linked, context = event
            if self.since is None:
                self.since = datetime.fromtimestamp(at, UTC)
            if call == linked:
                answered = kind == "ANSWER" and context == "call"
                self._rows.append((call, at, at, kind == _BEGAN, answered, kind == _ENDED))
                if len(self._rows) >= _AT_ONCE:
                    self._flush()

    def _flush(self) -> None:
        self._db.executemany(
            "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (call) DO UPDATE SET"
            " began = min(began, excluded.began), last = max(last, excluded.last), whole = whole OR excluded.whole,"
            " answered = answered OR excluded.answered, ended = ended OR excluded.ended",
            self._rows,
        )
        self._rows.clear()


def opened(newest: Path, stack: ExitStack) -> list[IO[str]]:
    """This file and the ones put aside before it, newest first, each once."""
    older = sorted(
        (path for path in newest.parent.glob(f"{newest.name}.*") if path.suffix[1:].isdigit()),
        key=lambda path: int(path.suffix[1:]),
    )
    opened: list[IO[str]] = []
    known: set[tuple[int, int]] = set()
    for path in (newest, *older):
        try:
            file = stack.enter_context(path.open(encoding="utf-8", errors="replace", newline=""))
        except FileNotFoundError:
            continue  # put aside a moment ago: it comes again under its next number, or was the oldest
        status = os.fstat(file.fileno())
        if (key := (status.st_dev, status.st_ino)) not in known:
            known.add(key)
            opened.append(file)
    return opened


def _event(row: list[str]) -> tuple[float, str, str, str, str] | None:
    """Time, event, channel, linked channel, context; None when the line is none."""
    if len(row) < _FIELDS or not row[2]:
        return None
    try:
        return float(row[0]), row[1], row[2], row[3], row[6 if len(row) == _FIELDS else 7]
    except ValueError:
        return None


def _seen(row: tuple[str, float, float, int, int, int]) -> Seen:
    call, began, last, whole, answered, ended = row
    return Seen(
        call, datetime.fromtimestamp(began, UTC), datetime.fromtimestamp(last, UTC), bool(whole), bool(answered),
        bool(ended),
    )  # fmt: skip
