"""Searches worth keeping: by their owner's login and a name; one's own, or for everybody.

Rules: a name is unique among one's own; to keep another query under it replaces it.  Everybody sees what is shared
and runs it with their own rights; only who owns it changes or removes it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.queries import BadQuery, Query, read, written
from domain.tables import saved_searches

LONGEST_NAME: Final = 80
MOST: Final = 100
"""Searches of one person."""


class BadName(ValueError):
    """Empty, too long, or one too many; `why` is a word for it: "empty", "long", "many"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Saved:
    """A search that was kept.  by: the login of whose it is.  query: None when it can't be asked any more."""

    id: int
    by: str
    name: str
    query: Query | None
    shared: bool
    at: datetime


def keep(conn: Connection, by: str, name: str, query: Query, at: datetime, *, shared: bool = False) -> None:
    """Keep it under this name, in place of what had the name before.  Raises BadName."""
    name = " ".join(name.split())
    if not name:
        raise BadName("empty")
    if len(name) > LONGEST_NAME:
        raise BadName("long")
    mine = [each for each in listed(conn, by) if each.by == by]
    if len(mine) >= MOST and name not in {each.name for each in mine}:
        raise BadName("many")
    asked = json.dumps(written(query), ensure_ascii=False)
    row = {"by": by, "name": name, "query": asked, "shared": shared, "at": at}
    conn.execute(_KEEP[conn.dialect.name], row)


def listed(conn: Connection, by: str) -> list[Saved]:
    """One's own and everybody's that are shared, by their names."""
    mine = or_(saved_searches.c.by == by, saved_searches.c.shared)
    rows = conn.execute(select(saved_searches).where(mine).order_by(saved_searches.c.name, saved_searches.c.id))
    return [_saved(row) for row in rows]


def one(conn: Connection, id: int, by: str) -> Saved | None:
    """This one, if it is one's own or shared."""
    return next((each for each in listed(conn, by) if each.id == id), None)


def remove(conn: Connection, id: int, by: str) -> bool:
    """It is kept no more.  False: there is none such of one's own."""
    mine = delete(saved_searches).where(saved_searches.c.id == id, saved_searches.c.by == by)
    return conn.execute(mine).rowcount == 1


def _saved(row: Row[Any]) -> Saved:
    try:
        query = read(json.loads(row.query))
    except BadQuery:  # a later version wrote it, or an outcome is called otherwise now
        query = None
    return Saved(row.id, row.by, row.name, query, row.shared, row.at)


_KEEP: Final = {
    dialect.__name__.rpartition(".")[2]: (made := dialect.insert(saved_searches)).on_conflict_do_update(
        index_elements=["by", "name"],
        set_={name: made.excluded[name] for name in ("query", "shared", "at")},
    )
    for dialect in (sqlite, postgresql)
}
