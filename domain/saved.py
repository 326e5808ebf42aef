"""Searches worth keeping: by their owner's login and a name; one's own, or for everybody.

Rules: a name is unique among one's own; to keep another query under it replaces it.  Everybody sees what is shared
and runs it with their own rights; only who owns it changes or removes it.  Who may not see personal data isn't shown
searches for a number or an account, which would tell it, and reads names that others gave without what is personal.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.masking import masked_text
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
    mine = [each for each in listed(conn, by, personal=True) if each.by == by]
    if len(mine) >= MOST and name not in {each.name for each in mine}:
        raise BadName("many")
    asked = json.dumps(written(query), ensure_ascii=False)
    row = {"by": by, "name": name, "query": asked, "shared": shared, "at": at}
    conn.execute(_KEEP[conn.dialect.name], row)


def listed(conn: Connection, by: str, *, personal: bool) -> list[Saved]:
    """One's own and everybody's that are shared, by their names.  personal: whether they may see personal data."""
    mine = or_(saved_searches.c.by == by, saved_searches.c.shared)
    rows = conn.execute(select(saved_searches).where(mine).order_by(saved_searches.c.name, saved_searches.c.id))
    found = [_saved(row) for row in rows]
    if personal:
        return found
    return [
        each if each.by == by else replace(each, name=masked_text(each.name))
        for each in found
        if each.query is None or not _tells(each.query)
    ]


def one(conn: Connection, id: int, by: str, *, personal: bool) -> Saved | None:
    """This one, if it is one's own or shared."""
    return next((each for each in listed(conn, by, personal=personal) if each.id == id), None)


def remove(conn: Connection, id: int, by: str) -> bool:
    """It is kept no more.  False: there is none such of one's own."""
    mine = delete(saved_searches).where(saved_searches.c.id == id, saved_searches.c.by == by)
    return conn.execute(mine).rowcount == 1


def _tells(query: Query) -> bool:
    """Whether it names a customer: by a number or an account, or in its words."""
    return query.personal or (query.words is not None and masked_text(query.words) != query.words)


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
