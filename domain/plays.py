"""How often prompts are heard, and how often callers cut them off: by call, and summed up by day.

Rules
1. A play is a playing that is noted as this prompt's (`domain.moments.Kind.PROMPT`).  What is said before another one
   in the same playing ("I did not hear you." and the question again) is heard too, but which of both a key cut is not
   known: it is counted apart (`before`).  What is said within another one is not counted.
2. Cut off is what a caller's key or voice stopped; not what a call's end did.
3. The sums change with the rows of single calls, in the transactions of `domain.tallies`, which calls this module;
   `recount` makes the sums from those rows.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.tables import counted_calls, counted_plays, play_days
from domain.window import Span


@dataclass(frozen=True, slots=True)
class Play:
    """What a call heard of a prompt in a language (ISO 639-1): see the table `counted_plays`."""

    prompt: str
    language: str
    plays: int = 0
    by_key: int = 0
    by_voice: int = 0
    before: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """The same of many calls."""

    plays: int = 0
    by_key: int = 0
    by_voice: int = 0
    before: int = 0

    @property
    def times(self) -> int:
        """That callers heard it, at least its beginning."""
        return self.plays + self.before

    @property
    def key_share(self) -> float | None:
        """Of its own plays; None of none."""
        return self.by_key / self.plays if self.plays else None

    @property
    def voice_share(self) -> float | None:
        return self.by_voice / self.plays if self.plays else None


def heard(conn: Connection, prompt: str, language: str, span: Span) -> Heard:
    """How often on these days (of Kyiv, by the call's beginning)."""
    row = conn.execute(_HEARD, {"prompt": prompt, "language": language, "first": span.first, "last": span.last}).one()
    return Heard(*(int(each or 0) for each in row))


def add(conn: Connection, counted: int, day: date, played: Sequence[Play]) -> None:
    """What this call heard."""
    if played:
        rows = [dict(zip(_NAMES, astuple(one), strict=True)) for one in played]
        conn.execute(_ADD, [{"counted": counted, **row} for row in rows])
        conn.execute(_BUMP[conn.dialect.name], [{"day": day, **row} for row in rows])


def remove(conn: Connection, counted: int, day: date) -> None:
    """What this call was counted with."""
    rows = [
        {"day": day, "prompt": one.prompt, "language": one.language, **{name: -getattr(one, name) for name in _SUMS}}
        for one in of_call(conn, counted)
    ]
    if rows:
        conn.execute(_BUMP[conn.dialect.name], rows)
        conn.execute(_REMOVE, {"of": counted})


def of_call(conn: Connection, counted: int) -> list[Play]:
    """What it was counted with, in order."""
    return [Play(*row) for row in conn.execute(_OF, {"of": counted})]


def recount(conn: Connection) -> None:
    """Make the sums anew, a day at a time: what is sorted at once stays small."""
    conn.execute(delete(play_days))
    for day in conn.scalars(select(counted_calls.c.day).distinct().order_by(counted_calls.c.day)).all():
        conn.execute(_RECOUNT, {"of": day})


_NAMES: Final = ("prompt", "language", "plays", "by_key", "by_voice", "before")
_SUMS: Final = _NAMES[2:]
_ADD: Final = insert(counted_plays)
_REMOVE: Final = delete(counted_plays).where(counted_plays.c.counted == bindparam("of"))
_OF: Final = (
    select(*(counted_plays.c[name] for name in _NAMES))
    .where(counted_plays.c.counted == bindparam("of"))
    .order_by(counted_plays.c.prompt, counted_plays.c.language)
)
_HEARD: Final = select(*(func.sum(play_days.c[name]) for name in _SUMS)).where(
    play_days.c.prompt == bindparam("prompt"),
    play_days.c.language == bindparam("language"),
    play_days.c.day >= bindparam("first", type_=play_days.c.day.type),
    play_days.c.day <= bindparam("last", type_=play_days.c.day.type),
)
_RECOUNT: Final = insert(play_days).from_select(
    [*_NAMES[:2], "day", *_SUMS],
    select(
        counted_plays.c.prompt, counted_plays.c.language, counted_calls.c.day,
        *(func.sum(counted_plays.c[name]) for name in _SUMS),
    )
    .select_from(counted_calls.join(counted_plays, counted_plays.c.counted == counted_calls.c.id))
    .where(counted_calls.c.day == bindparam("of", type_=counted_calls.c.day.type))
    .group_by(counted_plays.c.prompt, counted_plays.c.language, counted_calls.c.day),
)  # fmt: skip


def _bumping(dialect: Any) -> Any:
    made = dialect.insert(play_days)
    return made.on_conflict_do_update(
        index_elements=["prompt", "language", "day"],
        set_={name: play_days.c[name] + made.excluded[name] for name in _SUMS},
    )


_BUMP: Final = {"sqlite": _bumping(sqlite), "postgresql": _bumping(postgresql)}
