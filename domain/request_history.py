"""The history of a request: every act is a row, with who, when and what."""

from typing import Any, Final

from sqlalchemy import Connection, insert

from domain import news
from domain.handling import Context
from domain.tables import request_events


def note(conn: Connection, request: int, context: Context, what: str, **details: Any) -> None:
    """Add to the history of the request with this id.  details: what JSON can hold, and dates and instants."""
    values = {
        "request": request,
        "at": context.at,
        "by": context.by,
        "what": what,
        "details": news.written(details),
    }
    conn.execute(_NOTE, values)


_NOTE: Final = insert(request_events)
