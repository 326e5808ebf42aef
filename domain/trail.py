"""Who of the staff did what: rows that are only ever added, each sealed by its hash.

Rules
1. What is noted is noted in the transaction of the deed: neither is there without the other.
2. Rows are numbered 1, 2, 3 ...; nothing changes or removes one (triggers refuse it; migration 0004).
3. A row's hash is SHA-256 over the hash of the row before it, a line feed, and the row as canonical JSON: the fields
   `n at who what of reason details`, keys sorted, no spaces, UTF-8; `at` is UTC with six decimals; `details` is the
   text that is stored.  Before the first row stands the hash of nothing: 64 zeros.

Theory.  Whoever can write to the database can switch a trigger off, change a row, and reckon every hash behind it
anew.  So the chain alone shows a clumsy hand only: change, removal, insertion, another order.  What shows the rest,
and rows cut off at the end, is a head (number and hash of a row) that was kept where that person can't write: on
paper, in another system's log.  `verify` is told such heads and looks whether the chain still leads through them.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, func, insert, or_, select

from domain.alone import alone
from domain.tables import trail

NOTHING: Final = "0" * 64
"""The hash that stands before the first row."""

_LOCK: Final = 0x7472_6169_6C  # "trail"
_WORDS: Final = re.compile(r"[a-z_]+\.[a-z_]+")
_STRIDE: Final = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """One row.  who: a login, or `cli:USER` for the command line, `?` for nobody known.  of: what it was done to."""

    n: int
    at: datetime
    who: str
    what: str
    of: str | None
    reason: str | None
    details: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """A row by its number and hash; 0 and `NOTHING` when there is none.  As text: `N:HASH`."""

    n: int
    hash: str

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> "Head":
        """A head as `str` wrote it.  Raises ValueError."""
        found = re.fullmatch(r"\s*([0-9]{1,18}):([0-9a-fA-F]{64})\s*", text)
        if found is None:
            raise ValueError(f"{text!r} is no head: a number, a colon, 64 hexadecimal digits")
        return cls(int(found[1]), found[2].lower())


class Fault(StrEnum):
    """What is wrong with the trail."""

    CHANGED = "changed"  # the row is not what its hash was made of, or stands behind another row
    GAP = "gap"  # rows are missing before it
    CUT = "cut"  # it ends before a head that was kept
    REWRITTEN = "rewritten"  # the chain is sound and doesn't lead through a head that was kept


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found.  rows: that are sound, from the first.  at: the number of the first row that is not."""

    rows: int
    head: Head
    fault: Fault | None = None
    at: int | None = None

    @property
    def sound(self) -> bool:
        return self.fault is None


def note(
    conn: Connection,
    who: str,
    what: str,
    /,
    *,
    of: str | None = None,
    reason: str | None = None,
    at: datetime,
    details: Mapping[str, Any] | None = None,
    **more: Any,
) -> int:
    """Add a row; its number.

    what: two words, `thing.done`.  more, details: what JSON can hold; instants and others become text.  details:
    those whose names somebody else chose, or that are called like an argument of this function.
    Raises ValueError for a `what` that isn't.
    """
    if not _WORDS.fullmatch(what):
        raise ValueError(f"{what!r} is not of the form thing.done")
    alone(conn, _LOCK)  # two ends of one chain would be a fork
    before = head(conn)
    kept = {name: value for name, value in {**(details or {}), **more}.items() if value is not None}
    row: dict[str, Any] = {
        "n": before.n + 1,
        "at": at.astimezone(UTC),
        "who": _clean(who)[:80],
        "what": what,
        "of": None if of is None else _clean(of)[:200],
        "reason": None if reason is None else _clean(reason),
        "details": _clean(_json(kept)),
    }
    conn.execute(insert(trail), {**row, "hash": seal(before.hash, row)})
    return row["n"]


def head(conn: Connection) -> Head:
    """The last row."""
    row = conn.execute(_LAST).one_or_none()
    return Head(0, NOTHING) if row is None else Head(row.n, row.hash)


def seal(before: str, row: Mapping[Any, Any]) -> str:
    """The hash of a row that stands behind one with the hash `before` (rule 3)."""
    fields = {name: row[name] for name in ("n", "who", "what", "of", "reason", "details")}
    fields["at"] = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"{before}\n{_json(fields)}".encode()).hexdigest()


class Walk:
    """A walk along the chain, some rows at a time, so that others get their turn at the store."""

    def __init__(self, *heads: Head) -> None:
        """heads: that were kept elsewhere, through which it must lead."""
        self.verdict: Verdict | None = None
        self._here = Head(0, NOTHING)
        self._wanted: dict[int, set[str]] = {}
        for each in heads:
            self._wanted.setdefault(each.n, set()).add(each.hash)
        if not self._leads_through(self._here):
            self._end(Fault.REWRITTEN, 0)

    def step(self, conn: Connection) -> bool:
        """Look at the next 2000 rows; True while there is more to see, then `verdict` is there."""
        if self.verdict is not None:
            return False
        some = select(trail).order_by(trail.c.n).limit(_STRIDE)
        if self._here.n:  # at first from the very first, whatever number somebody may have given it
            some = some.where(trail.c.n > self._here.n)
        rows = conn.execute(some).mappings().all()
        for row in rows:
            if row["n"] != self._here.n + 1:
                return self._end(Fault.GAP, row["n"])
            if row["hash"] != seal(self._here.hash, row):
                return self._end(Fault.CHANGED, row["n"])
            if not self._leads_through(here := Head(row["n"], row["hash"])):
                return self._end(Fault.REWRITTEN, row["n"])
            self._here = here
        if len(rows) == _STRIDE:
            return True
        return self._end(Fault.CUT, self._here.n + 1) if self._wanted else self._end(None, None)

    def _leads_through(self, here: Head) -> bool:
        return self._wanted.pop(here.n, {here.hash}) == {here.hash}

    def _end(self, fault: Fault | None, at: int | None) -> bool:
        self.verdict = Verdict(self._here.n, self._here, fault, at)
        return False


def verify(conn: Connection, *heads: Head) -> Verdict:
    """Walk the whole chain at once.  heads: that were kept elsewhere, through which it must lead."""
    walk = Walk(*heads)
    while walk.step(conn):
        pass
    assert walk.verdict is not None
    return walk.verdict


def page(
    conn: Connection,
    *,
    who: str | None = None,
    what: str | None = None,
    of: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    size: int = 50,
) -> list[Entry]:
    """Rows, the newest first; `before`: only those with smaller numbers (the last one of the page before).

    what: `thing.done`, or `thing` for whatever was done to such.  since: from then on; until: before then.
    """
    rows = select(trail).order_by(trail.c.n.desc()).limit(size)
    if who:
        rows = rows.where(trail.c.who == who)
    if what:
        # a range, which an index can answer; "/" is the character behind "."
        whole = trail.c.what == what
        rows = rows.where(whole if "." in what else or_(whole, trail.c.what.between(f"{what}.", f"{what}/")))
    if of:
        rows = rows.where(trail.c.of == of)
    if since is not None:
        rows = rows.where(trail.c.at >= since)
    if until is not None:
        rows = rows.where(trail.c.at < until)
    if before is not None:
        rows = rows.where(trail.c.n < before)
    return [
        Entry(row.n, row.at, row.who, row.what, row.of, row.reason, json.loads(row.details), row.hash)
        for row in conn.execute(rows)
    ]


def deeds(conn: Connection) -> list[str]:
    """Every `what` that was ever noted, in order."""
    return sorted(conn.scalars(select(trail.c.what).distinct()))


def count(conn: Connection) -> int:
    """How many rows there are."""
    return conn.execute(select(func.count()).select_from(trail)).scalar_one()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_text)


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(str(each) for each in value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return str(value)


def _clean(text: str) -> str:
    """Without what a database can't keep: NUL (PostgreSQL), halves of characters (UTF-8)."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


_LAST: Final = select(trail.c.n, trail.c.hash).order_by(trail.c.n.desc()).limit(1)
