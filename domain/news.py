"""What happened, for whoever wants to be told of it: written in the transaction in which it happens.

Rules: an event is a fact that stays true; it says which account and which number, and nothing about the person: no
telephone number, no address, no text of a complaint.  Who may know more asks for it with the number.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, insert

from domain.tables import events

KINDS: Final = MappingProxyType(
    {
        "request.registered": "number, topic, request, due, source",
        "request.drafted": "number, topic, request, due, source, callback (null: nobody can be called back)",
        "request.completed": "number, topic, due",
        "request.assigned": "number, responsible, due",
        "request.examined": "number, case, due",
        "request.interim": "number, due",
        "request.considered": "number, justified (null: nothing to find), replied_by",
        "request.refused": "number, ground",
        "request.escalated": "number, due, overdue, responsible",
        "outage.reported": "number, outage, incident (null: nobody knows where), first, danger",
        "incident.opened": "incident, building, feeder, planned, danger, begins, expected",
        "incident.updated": "incident, what (widened, danger, news), merged, expected, cause",
        "incident.restored": "incident, reports",
        "order.placed": "number, order, due",
        "order.finished": "number, result",
        "callback.ordered": "number, about, begins, ends",
        "callback.failed": "number, attempts, why",
        "callback.finished": "number, result",
        "announcement.on": "announcement, prompt, region, until",
        "announcement.off": "announcement, prompt, region",
    }
)
"""The kinds of this module's neighbours, and the facts that each carries."""


def tell(conn: Connection, kind: str, at: datetime, account: str | None = None, **facts: Any) -> None:
    """Note that this happened.

    kind: "matter.what".  at: timezone-aware UTC.  account: whom it concerns, None when nobody in particular.
    facts: what JSON can hold, dates and instants too (ISO 8601), words of ours.
    """
    conn.execute(_TELL, {"kind": kind, "at": at, "account": account, "body": written(facts)})


def written(facts: Mapping[str, Any]) -> str:
    """Facts as JSON."""
    return json.dumps(facts, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, date):  # an instant too
        return value.isoformat()
    raise TypeError(f"{value!r} can't be told")


_TELL: Final = insert(events)
