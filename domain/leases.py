"""Work that waits in rows of the store, done by whoever takes it, a time at a time.

Rules: a row of work has `attempts` and `next_at` (not before; null: nothing more to do).  To take it is one
conditional update, so that several processes may look at one time; it puts `next_at` to the end of a lease.  Whoever
dies meanwhile is replaced then.  Who finishes late finds another `attempts` and changes nothing (decision 065).
"""

import random
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, update


def take(
    conn: Connection,
    table: Table,
    this: ColumnElement[bool],
    *,
    next_at: datetime,
    attempts: int,
    until: datetime,
    **changes: object,
) -> bool:
    """Take the row `this`, seen with this `next_at` and these `attempts`, until then; False: somebody else has."""
    mine = conn.execute(
        update(table)
        .where(this, table.c.next_at == next_at, table.c.attempts == attempts)
        .values(next_at=until, attempts=attempts + 1, **changes)
    )
    return mine.rowcount == 1


def pause(
    attempt: int, *, first: timedelta, longest: timedelta, factor: int = 3, chance: random.Random | None = None
) -> timedelta:
    """How long to wait after this attempt (from 1): `factor` times as long each time; between half and the whole of
    it, by chance, so that those who failed together do not come back together."""
    whole = min(first * factor ** min(attempt - 1, 20), longest)
    return whole * (chance or random).uniform(0.5, 1.0)
