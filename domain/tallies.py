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

from sqlalchemy import Connection, Table, bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain import plays
from domain.plays import Play
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
    sent: it was handed to people, whatever came of it.  plays: each prompt in each language once, in that order."""

    matter: str = NOTHING
    language: str = "uk"
    sent: bool = False
    accounts: Sequence[str] = ()
    steps: Sequence[Step] = field(default=())
    plays: Sequence[Play] = field(default=())


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
    row = conn.execute(_CALL, {"of": call}).one_or_none()
    if row is None or row.ended_at is None:
        uncount(conn, call)
        return False
    parties: list[str] = sorted({*tally.accounts, *([str(row.caller)] if row.caller else [])})
    local = row.began_at.astimezone(HOME)
    own = {
        "call": call, "day": local.date(), "hour": local.hour, "matter": tally.matter, "language": tally.language,
        "outcome": row.outcome, "sent": tally.sent, "known": bool(parties),
        "seconds": max(round((row.ended_at - row.began_at).total_seconds()), 0),
    }  # fmt: skip
    if row.counted is not None:
        if _is_same(conn, row.counted, own, tally, parties):
            return True
        uncount(conn, call)
    number = conn.execute(_COUNT, {**own, "before": None}).inserted_primary_key
    assert number is not None
    counted = int(number[0])
    places = _places(conn, ((step.part, step.spot) for step in tally.steps))
    steps = [
        {
            "counted": counted, "n": n, "spot": places[step.part, step.spot], "answered_by": step.answered_by,
            "tries": step.tries, "noinput": step.noinput, "nomatch": step.nomatch, "barge_in": step.barge_in,
            "left": step.left,
        }
        for n, step in enumerate(tally.steps)
    ]  # fmt: skip
    if steps:
        conn.execute(_STEP, steps)
    _add_call(conn, own, steps, +1)
    plays.add(conn, counted, local.date(), tally.plays)
    if parties:
        conn.execute(_PARTY, [{"party": party, "at": row.began_at, "counted": counted} for party in parties])
        until = row.began_at + REPEATED_WITHIN
        later = conn.scalars(_LATER, {"of": parties, "from": row.began_at, "until": until, "but": counted}).all()
        _settle(conn, [(counted, None), *((one, True) for one in later)])
    return True


def uncount(conn: Connection, call: str) -> bool:
    """Take this call out of all sums.  False when it isn't in them."""
    own = conn.execute(_COUNTED, {"of": call}).mappings().one_or_none()
    if own is None:
        return False
    counted = int(own["id"])
    following = conn.scalars(_FOLLOWING, {"of": counted}).all()
    conn.execute(delete(call_parties).where(call_parties.c.counted == counted))
    _settle(conn, [(one, True) for one in following])
    _set_before(conn, counted, None)
    steps = [dict(step) for step in conn.execute(_STEPS, {"of": counted}).mappings()]
    _add_call(conn, dict(own), steps, -1)
    plays.remove(conn, counted, own["day"])
    conn.execute(delete(counted_steps).where(counted_steps.c.counted == counted))
    conn.execute(delete(counted_calls).where(counted_calls.c.id == counted))
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
    for day in conn.scalars(select(c.day).distinct().order_by(c.day)).all():  # what is sorted at once stays small
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
            .where(c.day == day)
            .group_by(*place),
        )  # fmt: skip
    plays.recount(conn)
    sums = Counter(_wait_key(row.kind, row.began_at, row.seconds, row.ended) for row in conn.execute(select(waits)))
    _bump(conn, wait_days, ({**_named(wait_days, key), "calls": n} for key, n in sums.items()))


# Sums


def _is_same(conn: Connection, counted: int, own: Mapping[str, Any], tally: Tally, parties: Sequence[str]) -> bool:
    """Whether it was counted just like this: most of what makes a call be looked at again changes no figure."""
    known = conn.execute(_COUNTED, {"of": own["call"]}).mappings().one()
    if any(known[name] != value for name, value in own.items()):
        return False
    if sorted(conn.scalars(_PARTIES, {"of": counted})) != sorted(parties):
        return False
    steps = conn.execute(_STEPS_TOLD, {"of": counted}).all()
    return [Step(*step) for step in steps] == list(tally.steps) and plays.of_call(conn, counted) == list(tally.plays)


def _add_call(conn: Connection, own: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], sign: int) -> None:
    """Its own row and its steps, `sign` times."""
    day = {name: own[name] for name in ("day", "matter", "outcome", "sent")}
    more = {"calls": sign, "seconds": sign * own["seconds"], "known": sign * own["known"], "repeated": 0}
    _bump(conn, call_days, [{**day, **more}])
    _bump(conn, call_hours, [{"day": own["day"], "hour": own["hour"], "calls": sign, "seconds": more["seconds"]}])
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for step in steps:
        key = (own["day"], step["spot"], own["language"], str(step["answered_by"] or ""))
        sums.setdefault(key, Counter()).update(_step_sums(step))
    _bump(
        conn, step_days,
        (
            {**_named(step_days, key), **{name: sign * each[name] for name in _names(step_days, keys=False)}}
            for key, each in sums.items()
        ),
    )  # fmt: skip


def _step_sums(step: Mapping[str, Any]) -> Mapping[str, int]:
    missed, answered, tries = step["noinput"] + step["nomatch"], step["answered_by"] is not None, step["tries"]
    asked = tries is not None and (answered or missed > 0)
    sums = {
        "visits": 1, "asked": int(asked), "first": int(asked and tries == 1 and answered), "prompts": tries or 0,
        "noinput": step["noinput"], "nomatch": step["nomatch"], "barge_in": int(step["barge_in"]),
    }  # fmt: skip
    return {**sums, **({str(step["left"]): 1} if step["left"] else {})}


def _asked(answered: Any, tries: Any, missed: Any) -> Any:
    """1 for a question whose prompts are known and that was answered or missed, else 0: who leaves while it is being
    asked tells nothing of how well it is understood."""
    return case(((tries.is_not(None)) & (answered | (missed > 0)), 1), else_=0)


def _set_before(conn: Connection, counted: int, before: int | None) -> None:
    """It repeats this call now, or none."""
    own = conn.execute(_BY_ID, {"of": counted}).one()
    if own.before == before:
        return
    for number, sign in ((own.before, -1), (before, +1)):
        if number is None:
            continue
        other = conn.execute(_BY_ID, {"of": number}).one()
        key = {"day": own.day, "matter": own.matter, "before_matter": other.matter, "before_outcome": other.outcome}
        _bump(conn, repeat_days, [{**key, "calls": sign}])
    if change := int(before is not None) - int(own.before is not None):
        day = {name: getattr(own, name) for name in ("day", "matter", "outcome", "sent")}
        _bump(conn, call_days, [{**day, "calls": 0, "seconds": 0, "known": 0, "repeated": change}])
    conn.execute(_NOW_BEFORE, {"of": counted, "now": before})


def _settle(conn: Connection, counted: Iterable[tuple[int, bool | None]]) -> None:
    """Find which call each of these repeats: the latest before it.  With None: one that repeats none yet."""
    for one, had in counted:
        began = conn.scalar(_BEGAN, {"of": one})
        before = None
        if began is not None:
            before = conn.scalar(_LATEST, {"of": one, "upto": began, "from": began - REPEATED_WITHIN})
        if had or before is not None:
            _set_before(conn, one, before)


def _wait_key(kind: Wait, began_at: datetime, seconds: float, ended: Waited) -> tuple[date, Wait, Waited, int]:
    return (began_at.astimezone(HOME).date(), kind, ended, min(math.ceil(seconds), LONGEST))


def _places(conn: Connection, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
    """The numbers of these places of conversations; new ones get one."""
    needed = set(wanted)
    parts = sorted({part for part, _ in needed})
    known = _known_places(conn, parts)
    if missing := sorted(needed - known.keys()):
        conn.execute(_NEW_SPOTS[conn.dialect.name], [{"part": part, "spot": spot} for part, spot in missing])
        known = _known_places(conn, parts)
    return known


def _known_places(conn: Connection, parts: Sequence[str]) -> dict[tuple[str, str], int]:
    if not parts:
        return {}
    return {(row.part, row.spot): row.id for row in conn.execute(_SPOTS, {"of": parts})}


# How: statements are made once, for making one costs more than running it

_DIALECTS: Final = (sqlite, postgresql)
_own: Final = call_parties
_other: Final = call_parties.alias("other")
_CALL: Final = (
    select(calls.c.caller, calls.c.began_at, calls.c.ended_at, calls.c.outcome, counted_calls.c.id.label("counted"))
    .select_from(calls.outerjoin(counted_calls, counted_calls.c.call == calls.c.id))
    .where(calls.c.id == bindparam("of"))
)
_COUNTED: Final = select(counted_calls).where(counted_calls.c.call == bindparam("of"))
_BY_ID: Final = select(counted_calls).where(counted_calls.c.id == bindparam("of"))
_COUNT: Final = insert(counted_calls)
_STEP: Final = insert(counted_steps)
_PARTY: Final = insert(call_parties)
_STEPS: Final = (
    select(counted_steps).where(counted_steps.c.counted == bindparam("of")).order_by(counted_steps.c.n)
)  # fmt: skip
_STEPS_TOLD: Final = (
    select(
        spots.c.part, spots.c.spot, counted_steps.c.answered_by, counted_steps.c.tries, counted_steps.c.noinput,
        counted_steps.c.nomatch, counted_steps.c.barge_in, counted_steps.c.left,
    )
    .select_from(counted_steps.join(spots, spots.c.id == counted_steps.c.spot))
    .where(counted_steps.c.counted == bindparam("of"))
    .order_by(counted_steps.c.n)
)  # fmt: skip
_PARTIES: Final = select(call_parties.c.party).where(call_parties.c.counted == bindparam("of"))
_FOLLOWING: Final = select(counted_calls.c.id).where(counted_calls.c.before == bindparam("of"))
_NOW_BEFORE: Final = (
    update(counted_calls).where(counted_calls.c.id == bindparam("of")).values(before=bindparam("now"))
)  # fmt: skip
_at: Final = call_parties.c.at.type
_BEGAN: Final = select(_own.c.at).where(_own.c.counted == bindparam("of")).limit(1)
_LATEST: Final = (
    select(_other.c.counted)
    .where(
        _other.c.party.in_(select(_own.c.party).where(_own.c.counted == bindparam("of"))),
        _other.c.at < bindparam("upto", type_=_at),
        _other.c.at >= bindparam("from", type_=_at),
    )
    .order_by(_other.c.at.desc(), _other.c.counted.desc())
    .limit(1)
)
_LATER: Final = (
    select(_own.c.counted)
    .where(
        _own.c.party.in_(bindparam("of", expanding=True)),
        _own.c.at > bindparam("from", type_=_at),
        _own.c.at <= bindparam("until", type_=_at),
        _own.c.counted != bindparam("but"),
    )
    .distinct()
)
_SPOTS: Final = select(spots).where(spots.c.part.in_(bindparam("of", expanding=True)))
_NEW_SPOTS: Final = {
    dialect.__name__.rpartition(".")[2]: dialect.insert(spots).on_conflict_do_nothing() for dialect in _DIALECTS
}
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
    for dialect in _DIALECTS
}


def _from(conn: Connection, table: Table, query: Any) -> None:
    conn.execute(insert(table).from_select([column.name for column in table.columns], query))


__all__ = [
    "NOTHING", "REPEATED_WITHIN", "By", "Left", "Step", "Tally", "Wait", "Waited", "Waiting",
    "count", "is_counted", "keep_waits", "recount", "uncount", "waits_reach",
]  # fmt: skip
