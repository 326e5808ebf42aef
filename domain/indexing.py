"""What a call is found by, and how that gets into the index.

Rules
1. The index says nothing of itself: everything in it is made from other tables and can be made again.
2. A call's facts are gathered without a lock and written only if nothing changed meanwhile (`domain.debts`).
3. Words that a reader without the right to personal data sees masked are marked apart ("p"), and numbers not at all:
   who searches without that right is not answered from what they may not read, so nobody finds an account's number
   by trying (decision 113).
4. When a recording is erased, its words leave the index in the same transaction (`forget_words`), and what was
   recognised in it comes back with no later indexing.
5. Of what a caller said in answers no number word is kept at all, however short: an account that is dictated in
   pieces is no long number in any of them.

Theory: a word is found in any of its forms because its dictionary forms are marked (`topics.lemmas`) and those of
the word that is looked for are asked for; one in common is enough.

A mark is a letter and a value:  * every call   o outcome   l language   f flow   d dialled number   r recording
  m what it was about: its matter, and the topic of a request that was made in it
  t something that is true of it   a account   n caller's number, last digit first   w word   p personal word
  s its length in seconds, in binary digits   b the second in which it began (since 1970), in binary digits
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain import debts, marks, masking, quality
from domain.debts import Debt
from domain.marks import SIZE, Changes
from domain.masking import Personal
from domain.model import Language, Outcome, RequestKind, Topic
from domain.tables import (
    RecordingState,
    call_notes,
    findings,
    mark_blocks,
    readings,
    recordings,
    requests,
    transcripts,
)
from domain.tallies import NOTHING
from domain.topics import lemmas, plain

log = logging.getLogger(__name__)

ALL: Final = "*"
SECONDS: Final = ("s", 14)
"""Name and binary digits of a call's length: what lasts longer than 16383 seconds is as long as that."""

BEGAN: Final = ("b", 32)
"""Name and binary digits of the second in which a call began: until the year 2106."""

LONGEST_MARK: Final = 80

APART: Final = timedelta(days=2)
"""A call that began so long before or after those of the blocks that have room begins a block of its own..."""
OPEN: Final = 6
"""... unless so many blocks have room."""

_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Words:
    """Dictionary forms of what was told and noted.  shown: what everybody may read; hidden: what is masked, without
    numbers."""

    shown: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def __or__(self, other: "Words") -> "Words":
        return Words(self.shown | other.shown, self.hidden | other.hidden)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store itself knows of a call, beside its story: see `findings.Found`."""

    requests: int = 0
    request_kind: RequestKind | None = None
    topic: Topic | None = None
    complaint: bool = False
    readings: int = 0
    recording: RecordingState | None = None
    score: float | None = None
    noted: bool = False
    told: bool = False
    words: Words = field(default_factory=Words)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a call is found by: see `findings.Found`."""

    call: str
    began: datetime
    seconds: int
    caller: str | None
    dialled: str
    flow: str
    flows: tuple[str, ...]
    language: Language
    outcome: Outcome
    transferred_to: str | None
    doubts: int
    gave_up: bool
    accounts: tuple[str, ...]
    stored: Stored = Stored()
    matter: str = NOTHING
    said: Words = field(default_factory=Words)


def micros(at: datetime) -> int:
    """Microseconds since 1970: how moments stand in the index, for they are compared by the thousand."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    """The inverse of `micros`."""
    return _EPOCH + timedelta(microseconds=micros)


def marked(facts: Facts) -> set[str]:
    """The marks of this call."""
    stored = facts.stored
    true_of_it = {
        "doubt": facts.doubts > 0,
        "gave_up": facts.gave_up,
        "transferred": facts.transferred_to is not None,
        "complaint": stored.complaint,
        "scored": stored.score is not None,
        "noted": stored.noted,
        "told": stored.told,
    }
    found = {ALL, mark("o", facts.outcome), mark("l", facts.language), mark("d", facts.dialled)}
    found.update(mark("f", flow) for flow in facts.flows)
    found.update(mark("t", name) for name, is_so in true_of_it.items() if is_so)
    found.update(mark("a", account) for account in facts.accounts)
    found.update(marks.digits(*SECONDS, facts.seconds))
    found.update(marks.digits(*BEGAN, micros(facts.began) // 1_000_000))
    if stored.recording is not None:
        found.add(mark("r", stored.recording))
    if facts.caller is not None:
        found.add(mark("n", facts.caller[::-1]))
    found.update(mark("m", about) for about in (facts.matter, stored.topic) if about is not None)
    words = stored.words
    if stored.recording is not RecordingState.ERASED:
        words |= facts.said
    found.update(mark("w", word) for word in words.shown)
    found.update(mark("p", word) for word in words.hidden)
    return found


def mark(kind: str, value: str) -> str:
    """The mark of this kind for that value."""
    return f"{kind}{value}"[:LONGEST_MARK].replace(" ", "_")


def words_of(texts: Iterable[Sequence[str]], *, numbers: bool = True) -> Words:
    """Of these texts, each in its words as they were said or written.  numbers: short ones ("two lamps") count."""
    shown: set[str] = set()
    hidden: set[str] = set()
    for text in texts:
        for word, kind in zip(text, masking.personal(text), strict=True):
            if kind is not Personal.NUMBER and (numbers or not masking.is_number(word)):
                (shown if kind is None else hidden).update(lemmas(plain(word)))
    return Words(frozenset(shown), frozenset(hidden))


# Gathering


def gather(conn: Connection, of: Sequence[str]) -> dict[str, Stored]:
    """What the store knows of these calls."""
    asked = {"calls": list(of)}
    made = {row.call: row for row in conn.execute(_REQUESTS, asked)}
    first = {row.call: row for row in conn.execute(_FIRST, {"ids": [row.first for row in made.values()]})}
    read = {row.call: row.made for row in conn.execute(_READINGS, asked)}
    states = {row.call: row.state for row in conn.execute(_RECORDINGS, asked)}
    totals = quality.totals(conn, of)
    told: dict[str, list[list[str]]] = {}
    for call, written in conn.execute(_TOLD, asked):
        told.setdefault(call, []).append(_texts(call, written))
    noted: dict[str, list[list[str]]] = {}
    for call in conn.scalars(_NOTED, asked):
        if notes := quality.notes(conn, call):
            noted[call] = [(note.text or "").split() for note in notes]
    return {
        call: Stored(
            requests=made[call].made if call in made else 0,
            request_kind=first[call].kind if call in first else None,
            topic=first[call].topic if call in first else None,
            complaint=bool(call in made and made[call].complaints),
            readings=read.get(call, 0),
            recording=states.get(call),
            score=totals.get(call),
            noted=call in noted,
            told=call in told,
            words=words_of([*told.get(call, ()), *noted.get(call, ())]),
        )
        for call in of
    }


def first_request(conn: Connection, call: str) -> tuple[RequestKind, Topic] | None:
    """Kind and topic of the first request that was made in this call."""
    return next(
        ((row.kind, row.topic) for row in conn.execute(_FIRST_OF, {"call": call})),
        None,
    )


def _texts(call: str, written: str) -> list[str]:
    try:
        return [str(word[0]) for word in json.loads(written)]
    except (ValueError, TypeError, LookupError):  # one bad row must not keep all others from being found
        log.error("the words of a transcript of call %s can't be read: it is not found by them", call)
        return []


# Writing


def fill(conn: Connection, found: Mapping[Debt, Facts | None]) -> int:
    """Bring the index up to date with these calls; how many were.  None: such a call is not to be found (now).

    What has changed since it was gathered is left for the next time.
    """
    marks.locked(conn)
    standing = debts.standing(conn, list(found))
    settled = {debt: facts for debt, facts in found.items() if debt.call in standing}
    fresh = [facts for facts in settled.values() if facts is not None]
    before = {row.call: row for row in conn.execute(_BEFORE, {"calls": [debt.call for debt in settled]})}
    blocks = _Blocks(conn)
    changes, rows = Changes(), list[dict[str, Any]]()
    gone = [before[debt.call] for debt, facts in settled.items() if facts is None and debt.call in before]
    for old in gone:  # people gave it back: it goes on
        changes.remove(old.n, old.marks.split(" "))
    for facts in sorted(fresh, key=lambda facts: facts.began):
        old = before.get(facts.call)
        n = old.n if old else blocks.place(micros(facts.began))
        had, has = set(old.marks.split(" ")) if old else set[str](), marked(facts)
        changes.remove(n, had - has)
        changes.add(n, has - had)
        rows.append(row(n, facts, has))
    changes.write(conn)
    blocks.write()
    if rows:
        conn.execute(_KEEP[conn.dialect.name], rows)
    if gone:
        conn.execute(delete(findings).where(findings.c.n.in_([old.n for old in gone])))
    debts.settle(conn, list(settled))
    return len(settled)


def forget_words(conn: Connection, call: str) -> None:
    """What was told in this call is found no more.  (Notes on it are, once it is indexed again.)

    Controllers do this, who wait for nobody: where PostgreSQL's index is being written, the call is owed, and a
    search leaves it out until that is settled (`debts.erased`).
    """
    if not marks.locked_at_once(conn):
        return
    row = conn.execute(_BEFORE, {"calls": [call]}).one_or_none()
    if row is None:
        return
    had = row.marks.split(" ")
    kept = [mark for mark in had if mark[0] not in "wp"]
    changes = Changes()
    changes.remove(row.n, set(had) - set(kept))
    changes.write(conn)
    conn.execute(update(findings).where(findings.c.n == row.n).values(marks=" ".join(kept)))


class _Blocks:
    """Where calls get their places: beside those that began at about the same time, so that a page of the newest
    calls is found in few blocks, also while calls of years ago are indexed beside those of today."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._open = {
            row.block: (row.used, row.first, row.last) for row in conn.execute(_OPEN_BLOCKS, {"size": SIZE})
        }
        self._count = conn.execute(_COUNT_BLOCKS).scalar_one()
        self._touched: set[int] = set()

    def place(self, began: int) -> int:
        """The place of a call that began then."""
        away, block = min(((self._away(each, began), each) for each in self._open), default=(0, -1))
        if block < 0 or (away > _APART and len(self._open) < OPEN):
            block, self._count = self._count, self._count + 1
            self._open[block] = (0, began, began)
        used, first, last = self._open[block]
        self._open[block] = (used + 1, min(first, began), max(last, began))
        self._touched.add(block)
        if used + 1 == SIZE:
            self.write()
            del self._open[block]
        return block * SIZE + used

    def write(self) -> None:
        """Keep what has changed."""
        rows = [
            {"block": block, "used": used, "first": first, "last": last}
            for block in sorted(self._touched)
            for used, first, last in (self._open[block],)
        ]
        if rows:
            self._conn.execute(_KEEP_BLOCKS[self._conn.dialect.name], rows)
        self._touched.clear()

    def _away(self, block: int, began: int) -> int:
        _, first, last = self._open[block]
        return max(first - began, began - last, 0)


def row(n: int, facts: Facts, has: Iterable[str]) -> dict[str, Any]:
    """A call with these marks as it stands in the store, at this place."""
    stored = facts.stored
    return {
        "n": n, "call": facts.call, "began": micros(facts.began), "seconds": facts.seconds, "caller": facts.caller,
        "dialled": facts.dialled, "flow": facts.flow, "flows": " ".join(facts.flows), "matter": facts.matter,
        "request_kind": stored.request_kind, "topic": stored.topic, "language": facts.language,
        "outcome": facts.outcome, "transferred_to": facts.transferred_to, "doubts": facts.doubts,
        "gave_up": facts.gave_up, "requests": stored.requests, "complaint": stored.complaint,
        "readings": stored.readings, "recording": stored.recording, "score": stored.score, "noted": stored.noted,
        "told": stored.told, "accounts": " ".join(facts.accounts), "marks": " ".join(sorted(has)),
    }  # fmt: skip


# How

_APART: Final = APART // timedelta(microseconds=1)
_these: Final[BindParameter[object]] = bindparam("calls", expanding=True)
_COMPLAINT: Final = func.sum((requests.c.kind == RequestKind.COMPLAINT).cast(findings.c.n.type))
_REQUESTS: Final = (
    select(
        requests.c.call,
        func.count().label("made"),
        _COMPLAINT.label("complaints"),
        func.min(requests.c.id).label("first"),
    )
    .where(requests.c.call.in_(_these))
    .group_by(requests.c.call)
)
_FIRST: Final = select(requests.c.call, requests.c.kind, requests.c.topic).where(
    requests.c.id.in_(bindparam("ids", expanding=True))
)
_FIRST_OF: Final = (
    select(requests.c.kind, requests.c.topic)
    .where(requests.c.call == bindparam("call"))
    .order_by(requests.c.id)
    .limit(1)
)
_READINGS: Final = (
    select(readings.c.call, func.count().label("made")).where(readings.c.call.in_(_these)).group_by(readings.c.call)
)
_RECORDINGS: Final = select(recordings.c.call, recordings.c.state).where(recordings.c.call.in_(_these))
_TOLD: Final = select(transcripts.c.call, transcripts.c.words).where(
    transcripts.c.call.in_(_these), transcripts.c.words.is_not(None)
)
_NOTED: Final = select(call_notes.c.call).where(call_notes.c.call.in_(_these)).distinct()
_BEFORE: Final = select(findings.c.call, findings.c.n, findings.c.marks).where(findings.c.call.in_(_these))
_OPEN_BLOCKS: Final = select(mark_blocks).where(mark_blocks.c.used < bindparam("size"))
_COUNT_BLOCKS: Final = select(func.coalesce(func.max(mark_blocks.c.block), -1) + 1)


def _upserts(table: Any, key: str) -> dict[str, Any]:
    """Of every dialect: a row, or the row anew."""
    found: dict[str, Any] = {}
    for dialect in (sqlite, postgresql):
        made = dialect.insert(table)
        fresh = {column.name: made.excluded[column.name] for column in table.columns if column.name != key}
        found[dialect.__name__.rpartition(".")[2]] = made.on_conflict_do_update(index_elements=[key], set_=fresh)
    return found


_KEEP: Final = _upserts(findings, "n")
_KEEP_BLOCKS: Final = _upserts(mark_blocks, "block")
