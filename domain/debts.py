"""Which calls the index of calls does not know yet, or not as they are now.

Rule: whoever changes what a call is found by says so here, in the same transaction; so nothing is forgotten, whoever
is killed when.  It is settled in the transaction that brings the index up to date, unless something changed since it
was looked at (`revision`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, literal, not_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.tables import RecordingState, calls, findings, index_debts, recordings

MANY: Final = 1000
"""Debts are counted up to here: nobody waits for the exact number."""


@dataclass(frozen=True, slots=True)
class Debt:
    """A call that is owed.  revision: how often it changed since it was last in order."""

    call: str
    revision: int


def owe(conn: Connection, call: str, at: datetime) -> None:
    """Something that this call is found by has changed; or it has ended, and is to be found from now on."""
    conn.execute(_OWE[conn.dialect.name], {"call": call, "owed_at": at})


def owe_found(conn: Connection, first: int, end: int) -> None:
    """Owe the calls that the index has from this place on and before that one."""
    some = select(findings.c.call).where(findings.c.n >= first, findings.c.n < end)
    _owe_some(conn, calls.c.id.in_(some))


def owe_missing(conn: Connection, after: str, most: int) -> tuple[int, str | None]:
    """Owe those that have ended and that the index does not have, among the next so many calls after this one in the
    order of their ids; how many these were, and the call to go on after: None when there are no more."""
    ids = conn.scalars(_NEXT_CALLS, {"after": after, "most": most}).all()
    if not ids:
        return 0, None
    found = exists().where(findings.c.call == calls.c.id)
    some = _owe_some(conn, calls.c.id > after, calls.c.id <= ids[-1], not_(found))
    return some, ids[-1] if len(ids) == most else None


def _owe_some(conn: Connection, *which: ColumnElement[bool]) -> int:
    """Owe these, if they have ended; how many were not owed before.  Newer debts are as good: nothing has changed
    but that the index does not have them."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    ended = select(calls.c.id, literal(1), calls.c.ended_at).where(calls.c.ended_at.is_not(None), *which)
    made = dialect.insert(index_debts).from_select(["call", "revision", "owed_at"], ended)
    return conn.execute(made.on_conflict_do_nothing()).rowcount


def owed(conn: Connection, limit: int) -> list[Debt]:
    """Who is owed, `limit` at most: what happened last comes first, for that is what people look for."""
    return [Debt(*row) for row in conn.execute(_OWED, {"most": limit})]


def standing(conn: Connection, debts: Sequence[Debt]) -> set[str]:
    """The calls among these of which nothing has changed since."""
    now = {row.call: row.revision for row in conn.execute(_NOW, {"calls": [debt.call for debt in debts]})}
    return {debt.call for debt in debts if now.get(debt.call) == debt.revision}


def settle(conn: Connection, debts: Sequence[Debt]) -> None:
    """The index has these as they were at that revision."""
    if debts:
        conn.execute(_SETTLE, [{"this": debt.call, "seen": debt.revision} for debt in debts])


def erased(conn: Connection) -> list[int]:
    """Places of calls whose recordings were erased and whose words the index may still have: what it is owed."""
    if conn.dialect.name != "postgresql":  # there an erasure itself takes them out: it never has to wait
        return []
    return list(conn.scalars(_ERASED))


def count(conn: Connection) -> int:
    """How many are owed, `MANY` at most."""
    return conn.execute(_COUNT).scalar_one()


_OWE: Final = {
    dialect.__name__.rpartition(".")[2]: (made := dialect.insert(index_debts)).on_conflict_do_update(
        index_elements=["call"],
        set_={"revision": index_debts.c.revision + 1, "owed_at": made.excluded.owed_at},
    )
    for dialect in (sqlite, postgresql)
}
_OWED: Final = (
    select(index_debts.c.call, index_debts.c.revision).order_by(index_debts.c.owed_at.desc()).limit(bindparam("most"))
)
_NEXT_CALLS: Final = (
    select(calls.c.id).where(calls.c.id > bindparam("after")).order_by(calls.c.id).limit(bindparam("most"))
)
_NOW: Final = select(index_debts.c.call, index_debts.c.revision).where(
    index_debts.c.call.in_(bindparam("calls", expanding=True))
)
_SETTLE: Final = delete(index_debts).where(
    and_(index_debts.c.call == bindparam("this"), index_debts.c.revision == bindparam("seen"))
)
_ERASED: Final = (
    select(findings.c.n)
    .join(index_debts, index_debts.c.call == findings.c.call)
    .join(recordings, recordings.c.call == findings.c.call)
    .where(recordings.c.state == RecordingState.ERASED)
)
_COUNT: Final = select(func.count()).select_from(select(literal(1)).select_from(index_debts).limit(MANY).subquery())
