"""The history of a request: every act is a row, with who, when and what."""

import json
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, insert

from domain.handling import Context
from domain.tables import request_events


def note(conn: Connection, request: int, context: Context, what: str, **details: Any) -> None:
    """Add to the history of the request with this id.  details: what JSON can hold, and dates and instants."""
    values = {
        "request": request,
        "at": context.at,
        "by": context.by,
        "what": what,
        "details": json.dumps(details, ensure_ascii=False, default=_plain),
    }
    conn.execute(_NOTE, values)


def _plain(value: Any) -> str:
    if isinstance(value, date):  # an instant too
        return value.isoformat()
    raise TypeError(f"{value!r} is no detail of a history")


_NOTE: Final = insert(request_events)
