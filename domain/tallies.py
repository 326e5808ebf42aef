"""Counting calls: each once when it is over, into sums by day (`domain.tables.analytics`).

Rules
1. A sum changes in the same transaction as the rows that it follows from; `recount` makes all sums from those rows.
2. A call that is counted again (people gave it back, its story is read better now) is taken out first.
3. In whichever order calls are counted, the sums are the same: a call that began earlier and is counted later makes
   later ones repeated.
4. Days and hours are Kyiv's and those of the call's beginning, so a call over midnight has one day.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.rules import HOME
from domain.tables import (
    By,
    Left,
    Wait,
    Waited,
    call_days,
    call_hours,
    call_parties,
    calls,
    counted_calls,
    counted_steps,
    repeat_days,
    spots,
    step_days,
    wait_days,
    waits,
)

REPEATED_WITHIN: Final = timedelta(days=7)
"""A call of the same caller or about the same account within this long makes a call a repeated one."""
NOTHING: Final = "none"
"""The matter of a call that ended before the caller had said what it is about."""
LONGEST: Final = 600
"""Seconds from which on waits are not told apart."""


@dataclass(frozen=True, slots=True)
class Step:
    """One place of the conversation at which a call was.

    part, spot: its names on the map.  Of a question: answered_by; tries: prompts until it was over, None where none
    was noted; noinput, nomatch: how often; barge_in: answered into the prompt.  left: the conversation was left here.
    """

    part: str
    spot: str
    answered_by: By | None = None
    tries: int | None = None
    noinput: int = 0
    nomatch: int = 0
    barge_in: bool = False
    left: Left | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What counts of a call.  matter: the part of the conversation that it was about.  accounts: that it was about.
    sent: it was handed to people, whatever came of it."""

    matter: str = NOTHING
    language: str = "uk"
    sent: bool = False
    accounts: Sequence[str] = ()
    steps: Sequence[Step] = field(default=())


@dataclass(frozen=True, slots=True)
class Waiting:
    """A wait.  n: 0, 1 ... of its kind in this call.  began_at: timezone-aware."""

    call: str
    kind: Wait
    n: int
    began_at: datetime
    seconds: float
    ended: Waited


def count(conn: Connection, call: str, tally: Tally) -> bool:
    """Count this call, or count it anew.  False while it is not over, or when it never began here."""
    row = conn.execute(select(calls).where(calls.c.id == call)).one_or_none()
    uncount(conn, call)
    if row is None or row.ended_at is None:
        return False
    parties: list[str] = sorted({*tally.accounts, *([str(row.caller)] if row.caller else [])})
    local = row.began_at.astimezone(HOME)
    values = {
        "call": call, "day": local.date(), "hour": local.hour, "matter": tally.matter, "language": tally.language,
        "outcome": row.outcome, "sent": tally.sent, "known": bool(parties), "before": None,
        "seconds": max(round((row.ended_at - row.began_at).total_seconds()), 0),
    }  # fmt: skip
    number = conn.execute(insert(counted_calls).values(values)).inserted_primary_key
    assert number is not None
    counted = int(number[0])
    places = _places(conn, ((step.part, step.spot) for step in tally.steps))
    if tally.steps:
        conn.execute(
            insert(counted_steps),
            [
                {
                    "counted": counted, "n": n, "spot": places[step.part, step.spot], "answered_by": step.answered_by,
                    "tries": step.tries, "noinput": step.noinput, "nomatch": step.nomatch,
                    "barge_in": step.barge_in, "left": step.left,
                }
                for n, step in enumerate(tally.steps)
            ],
        )  # fmt: skip
    _add_call(conn, counted, +1)
    if parties:
        conn.execute(
            insert(call_parties), [{"party": party, "at": row.began_at, "counted": counted} for party in parties]
        )
        _settle(conn, [counted, *_later(conn, parties, row.began_at, counted)])
    return True


def uncount(conn: Connection, call: str) -> bool:
    """Take this call out of all sums.  False when it isn't in them."""
    found = conn.execute(select(counted_calls.c.id).where(counted_calls.c.call == call)).scalar_one_or_none()
    if found is None:
        return False
    following = conn.scalars(select(counted_calls.c.id).where(counted_calls.c.before == found)).all()
    conn.execute(delete(call_parties).where(call_parties.c.counted == found))
    _settle(conn, following)
    _set_before(conn, found, None)
    _add_call(conn, found, -1)
    conn.execute(delete(counted_steps).where(counted_steps.c.counted == found))
    conn.execute(delete(counted_calls).where(counted_calls.c.id == found))
    return True


def is_counted(conn: Connection, call: str) -> bool:
    """Whether it is in the sums."""
    return conn.execute(select(counted_calls.c.id).where(counted_calls.c.call == call)).first() is not None


def keep_waits(conn: Connection, found: Iterable[Waiting]) -> int:
    """Note waits that were not known yet; how many these were."""
    sums: Counter[tuple[Any, ...]] = Counter()
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    for each in found:
        values = {name: getattr(each, name) for name in ("call", "kind", "n", "began_at", "seconds", "ended")}
        if conn.execute(dialect.insert(waits).values(values).on_conflict_do_nothing()).rowcount == 1:
            sums[_wait_key(each.kind, each.began_at, each.seconds, each.ended)] += 1
    _bump(conn, wait_days, ({**_named(wait_days, key), "calls": n} for key, n in sums.items()))
    return sum(sums.values())


def waits_reach(conn: Connection) -> datetime | None:
    """When the latest wait that is known began; None when none is."""
    return conn.execute(select(func.max(waits.c.began_at))).scalar_one()


def recount(conn: Connection) -> None:
    """Make all sums anew, from the rows of single calls; for who doubts them, and after rows came in bulk."""
    for table in _SUMS:
        conn.execute(delete(table))
    c, before = counted_calls.c, counted_calls.alias("before")
    keys = (c.day, c.matter, c.outcome, c.sent)
    _from(
        conn, call_days,
        select(
            *keys, func.count(), func.sum(c.seconds), func.sum(case((c.known, 1), else_=0)),
            func.sum(case((c.before.is_not(None), 1), else_=0)),
        ).group_by(*keys),
    )  # fmt: skip
    hours = (c.day, c.hour)
    _from(conn, call_hours, select(*hours, func.count(), func.sum(c.seconds)).group_by(*hours))
    repeats = (c.day, c.matter, before.c.matter, before.c.outcome)
    joined = counted_calls.join(before, before.c.id == c.before)
    _from(conn, repeat_days, select(*repeats, func.count()).select_from(joined).group_by(*repeats))
    s = counted_steps.c
    by = func.coalesce(s.answered_by, "")
    asked = _asked(s.answered_by.is_not(None), s.tries, s.noinput + s.nomatch)
    place = (c.day, s.spot, c.language, by)
    _from(
        conn, step_days,
        select(
            *place, func.count(), func.sum(asked),
            func.sum(case(((s.tries == 1) & s.answered_by.is_not(None), asked), else_=0)),
            func.sum(func.coalesce(s.tries, 0)), func.sum(s.noinput), func.sum(s.nomatch),
            func.sum(case((s.barge_in, 1), else_=0)),
            *(func.sum(case((s.left == left, 1), else_=0)) for left in _LEFT),
        )
        .select_from(counted_calls.join(counted_steps, s.counted == c.id))
        .group_by(*place),
    )  # fmt: skip
    sums = Counter(_wait_key(row.kind, row.began_at, row.seconds, row.ended) for row in conn.execute(select(waits)))
    _bump(conn, wait_days, ({**_named(wait_days, key), "calls": n} for key, n in sums.items()))


# Sums


def _add_call(conn: Connection, counted: int, sign: int) -> None:
    """Its own row and its steps, `sign` times."""
    row = conn.execute(select(counted_calls).where(counted_calls.c.id == counted)).one()
    day = {name: getattr(row, name) for name in ("day", "matter", "outcome", "sent")}
    more = {"calls": sign, "seconds": sign * row.seconds, "known": sign * row.known, "repeated": 0}
    _bump(conn, call_days, [{**day, **more}])
    _bump(conn, call_hours, [{"day": row.day, "hour": row.hour, "calls": sign, "seconds": sign * row.seconds}])
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for step in conn.execute(select(counted_steps).where(counted_steps.c.counted == counted)):
        key = (row.day, step.spot, row.language, str(step.answered_by or ""))
        sums.setdefault(key, Counter()).update(_step_sums(step))
    _bump(
        conn, step_days,
        (
            {**_named(step_days, key), **{name: sign * each[name] for name in _names(step_days, keys=False)}}
            for key, each in sums.items()
        ),
    )  # fmt: skip


def _step_sums(step: Any) -> Mapping[str, int]:
    missed = step.noinput + step.nomatch
    asked = step.tries is not None and (step.answered_by is not None or missed > 0)
    sums = {
        "visits": 1, "asked": int(asked), "first": int(asked and step.tries == 1 and step.answered_by is not None),
        "prompts": step.tries or 0, "noinput": step.noinput, "nomatch": step.nomatch, "barge_in": int(step.barge_in),
    }  # fmt: skip
    return {**sums, **({str(step.left): 1} if step.left else {})}


def _asked(answered: Any, tries: Any, missed: Any) -> Any:
    """1 for a question whose prompts are known and that was answered or missed, else 0: who leaves while it is being
    asked tells nothing of how well it is understood."""
    return case(((tries.is_not(None)) & (answered | (missed > 0)), 1), else_=0)


def _set_before(conn: Connection, counted: int, before: int | None) -> None:
    """It repeats this call now, or none."""
    own = conn.execute(select(counted_calls).where(counted_calls.c.id == counted)).one()
    if own.before == before:
        return
    for number, sign in ((own.before, -1), (before, +1)):
        if number is None:
            continue
        other = conn.execute(select(counted_calls).where(counted_calls.c.id == number)).one()
        key = {"day": own.day, "matter": own.matter, "before_matter": other.matter, "before_outcome": other.outcome}
        _bump(conn, repeat_days, [{**key, "calls": sign}])
    if change := int(before is not None) - int(own.before is not None):
        day = {name: getattr(own, name) for name in ("day", "matter", "outcome", "sent")}
        _bump(conn, call_days, [{**day, "calls": 0, "seconds": 0, "known": 0, "repeated": change}])
    conn.execute(update(counted_calls).where(counted_calls.c.id == counted).values(before=before))


def _settle(conn: Connection, counted: Iterable[int]) -> None:
    """Find which call each of these repeats: the latest before it."""
    other = call_parties.alias("other")
    own = call_parties
    for one in counted:
        began = conn.scalar(select(own.c.at).where(own.c.counted == one).limit(1))
        before = None
        if began is not None:
            of_them = select(own.c.party).where(own.c.counted == one)
            before = conn.scalar(
                select(other.c.counted)
                .where(other.c.party.in_(of_them), other.c.at < began, other.c.at >= began - REPEATED_WITHIN)
                .order_by(other.c.at.desc(), other.c.counted.desc())
                .limit(1)
            )
        _set_before(conn, one, before)


def _later(conn: Connection, parties: Sequence[str], at: datetime, but: int) -> Sequence[int]:
    """The calls of these that come within the time in which they repeat one of that moment."""
    found = select(call_parties.c.counted).where(
        call_parties.c.party.in_(parties), call_parties.c.at > at, call_parties.c.at <= at + REPEATED_WITHIN,
        call_parties.c.counted != but,
    )  # fmt: skip
    return conn.scalars(found.distinct()).all()


def _wait_key(kind: Wait, began_at: datetime, seconds: float, ended: Waited) -> tuple[date, Wait, Waited, int]:
    return (began_at.astimezone(HOME).date(), kind, ended, min(math.ceil(seconds), LONGEST))


def _places(conn: Connection, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """The numbers of these places of conversations; new ones get one."""
    needed = set(wanted)
    parts = {part for part, _ in needed}
    known = _known_places(conn, parts)
    if missing := sorted(needed - known.keys()):
        dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(spots).on_conflict_do_nothing()
        conn.execute(statement, [{"part": part, "spot": spot} for part, spot in missing])
        known = _known_places(conn, parts)
    return known


def _known_places(conn: Connection, parts: set[str]) -> dict[tuple[str, str], int]:
    rows = conn.execute(select(spots).where(spots.c.part.in_(parts)))
    return {(row.part, row.spot): row.id for row in rows}


# How

_SUMS: Final = (call_days, call_hours, step_days, repeat_days, wait_days)
_LEFT: Final = (Left.HUNG_UP, Left.GAVE_UP, Left.PEOPLE, Left.FAULT)


def _names(table: Table, *, keys: bool) -> list[str]:
    return [column.name for column in table.columns if column.primary_key is keys]


def _named(table: Table, key: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(_names(table, keys=True), key, strict=True))


def _bump(conn: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add these numbers to the sums of these keys."""
    given = [dict(row) for row in rows]
    if given:
        conn.execute(_BUMPS[table.name, conn.dialect.name], given)


def _bumping(table: Table, dialect: Any) -> Any:
    statement = dialect.insert(table)
    sums = _names(table, keys=False)
    return statement.on_conflict_do_update(
        index_elements=_names(table, keys=True),
        set_={name: table.c[name] + statement.excluded[name] for name in sums},
    )


_BUMPS: Final = {
    (table.name, dialect.__name__.rpartition(".")[2]): _bumping(table, dialect)
    for table in _SUMS
    for dialect in (sqlite, postgresql)
}


def _from(conn: Connection, table: Table, query: Any) -> None:
    conn.execute(insert(table).from_select([column.name for column in table.columns], query))


__all__ = [
    "NOTHING", "REPEATED_WITHIN", "By", "Left", "Step", "Tally", "Wait", "Waited", "Waiting",
    "count", "is_counted", "keep_waits", "recount", "uncount", "waits_reach",
]  # fmt: skip
