"""Somebody is warned before a deadline is missed, and once more when it was.

Rules: a request says itself when it must be warned of next (`requests.escalate_at`), by the policy of the day of its
registration, and a closed one says never; who warns sets the next time in the same statement that checks the present
one, so that of two processes one warns, and a process that dies has either warned and said so, or not.  Warnings that
were missed while nobody ran are one warning.  Run it every few minutes: `ivr escalate --every 300`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from domain import news, policies, rules, terms
from domain.handling import Context
from domain.request_history import note
from domain.request_life import Act
from domain.requests import hours_left
from domain.tables import requests

BY: Final = "escalation"
"""Who did it, in the history."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A request that somebody is warned of.  hours_left: to the end of the day that is due, negative when late."""

    number: str
    account: str | None
    due: date
    hours_left: int
    responsible: str | None


def due(conn: Connection, at: datetime, limit: int = 200) -> Sequence[Warned]:
    """The requests of which somebody must be warned now, the longest waiting first.  at: timezone-aware UTC."""
    return [
        Warned(row.number, row.account, row.due, hours_left(row.due, at), row.responsible)
        for row in conn.execute(_DUE, {"now": at, "most": limit})
    ]


def escalate(conn: Connection, at: datetime, limit: int = 200) -> Sequence[Warned]:
    """Warn of them: in the request's history, and as an event.  At most `limit`: call it again while it finds any."""
    book = policies.load(conn)
    warned: list[Warned] = []
    for row in conn.execute(_DUE, {"now": at, "most": limit}).all():
        following = terms.next_warning(terms.loaded(row.rule).running, at, book)
        values = {"of": row.id, "was": row.escalate_at, "new_escalate_at": following}
        if conn.execute(_NEXT, values).rowcount != 1:
            continue  # another process was first, or it was closed meanwhile
        one = Warned(row.number, row.account, row.due, hours_left(row.due, at), row.responsible)
        overdue = rules.local_day(at) > row.due
        context = Context(None, None, at, by=BY)
        note(conn, row.id, context, Act.ESCALATE, hours_left=one.hours_left, overdue=overdue)
        news.tell(
            conn, "request.escalated", at, row.account,
            number=row.number, due=row.due, overdue=overdue, responsible=row.responsible,
        )  # fmt: skip
        warned.append(one)
    return warned


# How: statements are made once, for making one costs more than running it

_instant = requests.c.escalate_at.type
_DUE: Final = (
    select(requests)
    .where(requests.c.escalate_at <= bindparam("now", type_=_instant))
    .order_by(requests.c.escalate_at, requests.c.id)
    .limit(bindparam("most", type_=requests.c.seq.type))
)
_NEXT: Final = (
    update(requests)
    .where(
        requests.c.id == bindparam("of"),
        requests.c.escalate_at == bindparam("was", type_=_instant),
    )
    .values(escalate_at=bindparam("new_escalate_at", type_=_instant))
)
