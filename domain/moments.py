"""What happened in a call between its answers, with its time: prompts, keys, voice, what was understood of it.

Rules: told for people who look at a call later; nothing that goes on is decided by it.  Moments are only ever added,
in the transactions that write the journal's lines (`ivr.journal`), so a crash loses those since the last line and
nothing else; who adds one a second time changes nothing.
What each kind tells stands at `Kind`.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Dialect, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.tables import moments

AT_ONCE: Final = 500
"""Calls looked up by one statement."""


class Kind(StrEnum):
    """What happened, with the names of its facts.  Seconds are of the call; languages ISO 639-1."""

    FLOW = "flow"  # a conversation begins: `flow`, its name; `adopted` where it was taken over in the middle
    PROMPT = "prompt"  # starts: `prompt`, `text` as spoken, `language`, `attempt`, `seconds` planned; `question`
    # where it asks one; `after`: what is said before it (noinput, nomatch, erased ...)
    PLAYED = "played"  # is over: `whole`; `by`: key or voice that stopped it; `fault` of the exchange
    KEY = "key"  # `key`
    VOICE = "voice"  # the caller begins to speak, or goes on
    PAUSE = "pause"  # and falls silent: `words` understood so far
    UTTERANCE = "utterance"  # `alternatives`, best first: `words`, `confidence`, `each` word: [word, begin, end,
    # confidence], begin and end in seconds after this moment (negative)
    NOINPUT = "noinput"  # nothing came: `question`, `attempt` that ended so
    NOMATCH = "nomatch"  # something came that is no answer: the same
    DEAF = "deaf"  # speech was lost: `why`
    OVERDUE = "overdue"  # the exchange never said that a prompt was over
    GONE = "gone"  # the caller: `cause`
    OVER = "over"  # the conversation, as far as it goes: what was noted until here is all of it
    CUT = "cut"  # too much happened: nothing more is noted of this call


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.  n: 0, 1, 2 ... within the call.  at: timezone-aware UTC.  kind: a `Kind`, or one that
    a later version has.  facts: see `Kind`."""

    n: int
    at: datetime
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


def append(conn: Connection, call: str, happened: Sequence[Moment]) -> None:
    """Add these to the call's."""
    if happened:
        statement, positional, instant = _prepared(conn.dialect)
        rows = [(call, one.n, instant(one.at), one.kind, _written(one.facts)) for one in happened]
        conn.exec_driver_sql(
            statement, rows if positional else [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        )


def of_call(conn: Connection, call: str) -> list[Moment]:
    """Everything noted of it, in order."""
    return [_moment(row) for row in conn.execute(_OF_CALL, {"of": call})]


def of_calls(conn: Connection, calls: Collection[str], *kinds: Kind) -> dict[str, list[Moment]]:
    """Everything noted of each of these; only these kinds, when some are given."""
    found: dict[str, list[Moment]] = {call: [] for call in calls}
    statement = _OF_CALLS.where(moments.c.kind.in_(kinds)) if kinds else _OF_CALLS
    for some in _batches(list(calls)):
        for row in conn.execute(statement, {"of": some}):
            found[row.call].append(_moment(row))
    return found


def complete(happened: Sequence[Moment]) -> bool:
    """Whether everything was noted until this call was over.  Not where they just stop: whoever noted them was
    killed, or the store would not take the rest."""
    for one in reversed(happened):
        if one.kind == Kind.FLOW:
            break
        if one.kind in (Kind.OVER, Kind.GONE):
            return not any(each.kind == Kind.CUT for each in happened)
    return False


def following(conn: Connection, call: str) -> int:
    """The number of the call's next moment."""
    return conn.execute(_FOLLOWING, {"of": call}).scalar_one()


# How

_OF_CALL: Final = select(moments).where(moments.c.call == bindparam("of")).order_by(moments.c.n)
_OF_CALLS: Final = (
    select(moments)
    .where(moments.c.call.in_(bindparam("of", expanding=True)))
    .order_by(moments.c.call, moments.c.n)
)  # fmt: skip
_FOLLOWING: Final = select(func.coalesce(func.max(moments.c.n) + 1, 0)).where(moments.c.call == bindparam("of"))
_COLUMNS: Final = ("call", "n", "at", "kind", "facts")
_PREPARED: Final[dict[str, tuple[str, bool, Callable[[datetime], Any]]]] = {}
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _prepared(dialect: Dialect) -> tuple[str, bool, Callable[[datetime], Any]]:
    """The statement that adds rows, whether it takes tuples, and how it wants an instant.

    Made once: thirty moments of a call cost a third of what they do when each is bound anew (docs/decisions/110).
    """
    if dialect.name not in _PREPARED:
        own = postgresql if dialect.name == "postgresql" else sqlite
        compiled = own.insert(moments).on_conflict_do_nothing().compile(dialect=dialect, column_keys=_COLUMNS)
        instant = moments.c.at.type.dialect_impl(dialect).bind_processor(dialect)
        _PREPARED[dialect.name] = str(compiled), compiled.positional, instant or (lambda at: at)
    return _PREPARED[dialect.name]


def _batches(calls: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(calls), AT_ONCE):
        yield calls[first : first + AT_ONCE]


def _written(facts: Mapping[str, Any]) -> str | None:
    return _JSON(facts) if facts else None


def _moment(row: Any) -> Moment:
    return Moment(row.n, row.at, row.kind, json.loads(row.facts) if row.facts else {})
