"""Calls as they are found: the facts of each, and the search through them.

Rules
1. Who may not see personal data finds nothing by it (`PersonalQuery`; words that they see masked do not count), and
   gets numbers and accounts masked.
2. Those that began last come first; a page begins where the one before ended, whatever has been added since.
3. The count is exact.
4. No filter is slow, nor any of them together: all are bitmaps (`domain.marks`), of which every query reads a bounded
   number; rows are read for the calls of the page only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from domain import debts, marks
from domain.indexing import ALL, BEGAN, SECONDS, mark, micros, moment
from domain.marks import SIZE, Blocks
from domain.masking import masked_account, masked_phone
from domain.model import Language, Outcome, RequestKind, Topic
from domain.queries import BadQuery, PersonalQuery, Query, read, written
from domain.tables import RecordingState, findings, mark_blocks
from domain.topics import lemmas

__all__ = [
    "BadCursor", "BadQuery", "Choices", "Found", "Page", "PersonalQuery", "Query", "choices", "one", "read", "search",
    "written",
]  # fmt: skip

SECOND: Final = 1_000_000
"""In microseconds."""

AHEAD: Final = 64
"""Blocks that are looked at together for the next calls of a page."""

MANY_BLOCKS: Final = 40
"""Blocks up to which bitmaps are asked for of each; of more, those of all blocks are."""


class BadCursor(ValueError):
    """None of ours: begin at the first page again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A call that ended.

    began: UTC.  seconds: whole ones.  caller, accounts: masked unless personal data was asked for.
    flow: the one that it was mainly in; flows: all of them.  matter: what it was about, as figures count it
    (`domain.tallies`); request_kind, topic: of the first request that was made in it.
    transferred_to: None when it was not.  doubts: moments of doubt.  gave_up: on a question.
    requests, readings: how many were made in it.
    recording: None when nobody noted one.  score: 0 to 100, the mean of its scorers.  told: whether there are words.
    """

    call: str
    began: datetime
    seconds: int
    caller: str | None
    dialled: str
    flow: str
    flows: tuple[str, ...]
    matter: str
    request_kind: RequestKind | None
    topic: Topic | None
    language: Language
    outcome: Outcome
    transferred_to: str | None
    doubts: int
    gave_up: bool
    requests: int
    complaint: bool
    readings: int
    recording: RecordingState | None
    score: float | None
    noted: bool
    told: bool
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, those that began last first.

    count: exactly how many the query finds, on all pages.  after: the cursor of the next page; None: there is none.
    owed: calls that ended and are not, or not anew, among what is searched, 1,000 at most: "more may follow".
    """

    calls: Sequence[Found]
    count: int
    after: str | None
    owed: int


def search(
    conn: Connection, query: Query, *, personal: bool = False, after: str | None = None, limit: int = 50
) -> Page:
    """What the query finds, `limit` calls at most, those that began last first.

    personal: whether who asks may see personal data.  after: the cursor of the page before.
    Raises PersonalQuery, BadCursor.
    """
    if query.personal and not personal:
        raise PersonalQuery("only who may see personal data may look for a number or an account")
    cursor = _read_cursor(after)
    blocks = _in_time(conn, query)
    bits = _found(conn, query, blocks, personal)
    count = sum(each.bit_count() for each in bits.values())
    newest = _newest(conn, [block for block in blocks if block.number in bits], bits, cursor, limit + 1)
    shown = newest[:limit]
    rows = {row.n: row for row in conn.execute(_ROWS, {"ns": [n for _, n in shown]})} if shown else {}
    further = f"{shown[-1][0]:x}.{shown[-1][1]:x}" if len(newest) > limit else None
    return Page([_call(rows[n], personal) for _, n in shown], count, further, debts.count(conn))


def one(conn: Connection, call: str, *, personal: bool = False) -> Found | None:
    """This call as it is found; None when it isn't, because it goes on or has not been indexed yet."""
    row = conn.execute(_ONE, {"call": call}).one_or_none()
    return _call(row, personal) if row else None


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from: flows and dialled numbers of any call."""

    flows: tuple[str, ...]
    dialled: tuple[str, ...]


def choices(conn: Connection) -> Choices:
    """Of the calls that are indexed."""
    flows, dialled = (tuple(each[1:] for each in marks.known(conn, kind)) for kind in "fd")
    return Choices(flows, dialled)


# Which blocks


@dataclass(frozen=True, slots=True)
class _Block:
    """first, last: when the earliest and the latest of its calls began."""

    number: int
    first: int
    last: int
    whole: bool  # all of its calls lie in the range of dates


def _in_time(conn: Connection, query: Query) -> list[_Block]:
    """Those that may hold calls of the range of dates, those with the latest calls first."""
    since = micros(query.since) if query.since else None
    until = micros(query.until) if query.until else None
    found: list[_Block] = []
    for number, first, last in conn.execute(_BLOCKS):
        if (since is None or last >= since) and (until is None or first < until):
            whole = (since is None or first >= since) and (until is None or last < until)
            found.append(_Block(number, first, last, whole))
    return found


# Which calls


@dataclass(slots=True)
class _Filters:
    """What a call's block must hold.  any_of: of each set of marks one; none_of: none of these."""

    any_of: list[list[str]]
    none_of: list[str]
    shortest: int | None
    longest: int | None

    @classmethod
    def of(cls, query: Query) -> "_Filters":
        any_of = [
            [mark(kind, value) for value in values]
            for kind, values in (
                ("f", query.flows),
                ("o", query.outcomes if 2 * len(query.outcomes) <= len(Outcome) else ()),
                ("l", query.languages if 2 * len(query.languages) <= len(Language) else ()),
                ("d", query.dialled),
                ("m", query.about),
                ("r", query.recording),
            )
            if values
        ]
        none_of: list[str] = []
        for kind, values, others in (
            ("o", query.outcomes, set(Outcome) - query.outcomes),
            ("l", query.languages, set(Language) - query.languages),
        ):  # of these every call has one: to exclude the few others is less work
            if len(values) > len(others):
                none_of += [mark(kind, value) for value in others]
        for name in ("doubt", "gave_up", "transferred", "complaint", "scored", "noted", "told"):
            wanted: bool | None = getattr(query, name)
            if wanted:
                any_of.append([mark("t", name)])
            elif wanted is not None:
                none_of.append(mark("t", name))
        return cls(any_of, none_of, query.shortest, query.longest)

    @property
    def marks(self) -> set[str]:
        timed = () if self.shortest is None and self.longest is None else marks.slices(*SECONDS)
        return {ALL, *self.none_of, *timed}.union(*self.any_of)

    def within(self, of: Mapping[str, int], bits: int) -> int:
        """Of these calls of a block, those that pass.  of: the block's bitmap of a mark."""
        for several in self.any_of:
            bits &= _any(of[each] for each in several)
        for unwanted in self.none_of:
            bits &= ~of[unwanted]
        if bits and (self.shortest is not None or self.longest is not None):
            sliced = [of[each] for each in marks.slices(*SECONDS)]
            if self.shortest is not None:
                bits &= marks.at_least(self.shortest, sliced, bits)
            if self.longest is not None:
                bits &= ~marks.at_least(self.longest + 1, sliced, bits)
        return bits


def _found(conn: Connection, query: Query, blocks: Sequence[_Block], personal: bool) -> Blocks:
    """The calls that are found, by blocks."""
    numbers = [block.number for block in blocks]
    bits: Blocks | None = None
    for some in _rare(conn, query, personal):
        bits = some if bits is None else {number: bits[number] & some[number] for number in bits.keys() & some.keys()}
        numbers = [number for number in numbers if bits.get(number)]
    if not numbers:
        return {}
    filters = _Filters.of(query)
    loaded = marks.load(conn, filters.marks, numbers if len(numbers) <= MANY_BLOCKS else None)
    found: Blocks = {}
    for number in numbers:
        of_block = {each: some.get(number, 0) for each, some in loaded.items()}
        if passed := filters.within(of_block, of_block[ALL] if bits is None else bits[number]):
            found[number] = passed
    parted = [block.number for block in blocks if not block.whole and block.number in found]
    for number, sliced in _timed(conn, parted):
        passed = found[number]
        if query.since is not None:
            passed &= marks.at_least(_second(query.since), sliced, passed)
        if query.until is not None:
            passed &= ~marks.at_least(_second(query.until), sliced, passed)
        found[number] = passed
    return {number: passed for number, passed in found.items() if passed}


def _rare(conn: Connection, query: Query, personal: bool) -> Iterator[Blocks]:
    """Filters that few calls pass, as a rule: they are looked at first, and the rest only where these leave calls."""
    wanted: list[list[str]] = []
    if query.account is not None:
        wanted.append([mark("a", query.account)])
    if query.tail is not None and query.tail.endswith("+"):
        wanted.append([mark("n", query.tail)])
    elif query.tail is not None:
        first = mark("n", query.tail)
        yield marks.load_range(conn, first, first + ":")  # what comes after "9"
    kinds = "wp" if personal else "w"
    wanted += [[mark(kind, form) for kind in kinds for form in lemmas(word)] for word in query.said]
    loaded = marks.load(conn, {each for several in wanted for each in several}) if wanted else {}
    silent: Blocks = {}  # who looks for words finds none of theirs
    for number, place in (divmod(n, SIZE) for n in (debts.erased(conn) if query.said else ())):
        silent[number] = silent.get(number, 0) | 1 << place
    for several in wanted:
        joined: Blocks = {}
        for each in several:
            for number, bits in loaded[each].items():
                joined[number] = joined.get(number, 0) | bits & ~silent.get(number, 0)
        yield joined


def _any(bitmaps: Iterable[int]) -> int:
    found = 0
    for bits in bitmaps:
        found |= bits
    return found


# Which page of them


def _newest(
    conn: Connection, blocks: Sequence[_Block], bits: Blocks, cursor: tuple[int, int] | None, most: int
) -> list[tuple[int, int]]:
    """(began, n) of those that began last, `most` at most, and before the cursor.

    blocks: those with the latest calls first.  Blocks overlap in time, so one is passed over only when all its calls
    began before those that we have.
    """
    best: list[tuple[int, int]] = []
    left = [block for block in blocks if cursor is None or block.first <= cursor[0]]
    while left and (len(best) < most or left[0].last >= best[-1][0]):
        some, left = _enough(left, bits, most)
        few = [block.number for block in some if bits[block.number].bit_count() <= most]
        wanted = [number * SIZE + place for number in few for place in marks.places(bits[number])]
        for number, sliced in _timed(conn, [block.number for block in some if block.number not in few]):
            earlier, same = bits[number], 0
            if cursor is not None:  # which calls of the cursor's own second come after it is seen below
                not_later = earlier & ~marks.at_least(cursor[0] // SECOND + 1, sliced, earlier)
                same = marks.at_least(cursor[0] // SECOND, sliced, not_later)
                earlier = not_later & ~same
            last = same | marks.greatest(most, sliced, earlier)
            wanted += [number * SIZE + place for place in marks.places(last)]
        found = ((began, n) for n, began in _began(conn, wanted) if cursor is None or (began, n) < cursor)
        best = nlargest(most, [*best, *found])
    return best


def _enough(blocks: list[_Block], bits: Blocks, most: int) -> tuple[list[_Block], list[_Block]]:
    """The next blocks that hold so many together, and the others."""
    count, k = 0, 0
    while k < len(blocks) and count < most and k < AHEAD:
        count += bits[blocks[k].number].bit_count()
        k += 1
    return blocks[:k], blocks[k:]


def _timed(conn: Connection, numbers: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Of each of these blocks when its calls began, in binary digits."""
    names = marks.slices(*BEGAN)
    for k in range(0, len(numbers), marks.AT_ONCE):
        some = numbers[k : k + marks.AT_ONCE]
        loaded = marks.load(conn, names, some)
        for number in some:
            yield number, [loaded[name].get(number, 0) for name in names]


def _second(at: datetime) -> int:
    return max(0, micros(at) // SECOND)


def _began(conn: Connection, ns: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(n, when it began, in microseconds) of these calls."""
    for k in range(0, len(ns), marks.AT_ONCE):
        for row in conn.execute(_WHEN, {"ns": ns[k : k + marks.AT_ONCE]}):
            yield row.n, row.began


def _read_cursor(after: str | None) -> tuple[int, int] | None:
    if after is None:
        return None
    if not re.fullmatch(r"[0-9a-f]{1,15}\.[0-9a-f]{1,12}", after):
        raise BadCursor("this is no place in a search: begin at its first page")
    began, n = after.split(".")
    return int(began, 16), int(n, 16)


def _call(row: Row[Any], personal: bool) -> Found:
    accounts = tuple(row.accounts.split())
    return Found(
        row.call, moment(row.began), row.seconds,
        row.caller if personal or row.caller is None else masked_phone(row.caller),
        row.dialled, row.flow, tuple(row.flows.split()), row.matter, row.request_kind, row.topic, row.language,
        row.outcome, row.transferred_to, row.doubts, row.gave_up,
        row.requests, row.complaint, row.readings, row.recording, row.score, row.noted, row.told,
        accounts if personal else tuple(map(masked_account, accounts)),
    )  # fmt: skip


_several: Final[BindParameter[object]] = bindparam("ns", expanding=True)
_BLOCKS: Final = select(mark_blocks.c.block, mark_blocks.c.first, mark_blocks.c.last).order_by(
    mark_blocks.c.last.desc()
)
_WHEN: Final = select(findings.c.n, findings.c.began).where(findings.c.n.in_(_several))
_ROWS: Final = select(findings).where(findings.c.n.in_(_several))
_ONE: Final = select(findings).where(findings.c.call == bindparam("call"))
