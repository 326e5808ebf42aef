"""Requests as staff see them: the queue by urgency, one with its history, all of an account.

Rules: a request is in time until the end of the day that is due, in Kyiv; hours are counted to that instant.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from domain import terms
from domain.desk import RefusalGround
from domain.model import ReplyBy, RequestKind, RequestState, Told, Topic
from domain.policy import Case
from domain.request_life import LEADS, Act
from domain.tables import request_events, requests

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that isn't closed.  due: the last day, Europe/Kyiv; hours_left: to its end, negative when late."""

    number: str
    kind: RequestKind
    topic: Topic
    state: RequestState
    account: str | None
    registered_at: datetime
    due: date
    hours_left: int
    responsible: str | None
    reply_by: ReplyBy


@dataclass(frozen=True, slots=True)
class Event:
    """One act.  id: later acts have greater ones.  by: who.

    what: "registered", "drafted", or one of `Act`.  details: what was said with it.
    """

    at: datetime
    by: str
    what: str
    details: dict[str, Any]
    id: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands, with everything that was done about it, oldest first.

    promised: the day that the customer was told first; due: the day as it is now; rule: the paragraph that set it.
    justified ... replied_at: what "considered" consists of; ground ... notified_at: of a refusal.
    told: what the caller said, a part of the recording of `call`.
    assigned_to: the login of who is responsible; None: nobody, or somebody without one.
    can: what may be done now.  call, seq: the journal line that caused it, None: another channel.
    version: grows with every act; who acts upon what they saw says which version they saw.
    """

    number: str
    kind: RequestKind
    topic: Topic
    state: RequestState
    account: str | None
    contact: str | None
    reply_by: ReplyBy
    text: str | None
    told: Told | None
    source: str
    registered_at: datetime
    promised: date
    due: date
    rule: str
    case: Case | None
    responsible: str | None
    responsible_phone: str | None
    assigned_to: str | None
    escalate_at: datetime | None
    closed_at: datetime | None
    justified: bool | None
    reasons: str | None
    rights: str | None
    measures: str | None
    planned_on: date | None
    reply: str | None
    replied_by: ReplyBy | None
    replied_at: datetime | None
    ground: RefusalGround | None
    notified_by: ReplyBy | None
    notified_at: datetime | None
    call: str | None
    seq: int | None
    can: tuple[Act, ...]
    history: tuple[Event, ...]
    version: int


def queue(conn: Connection, at: datetime, limit: int = 200) -> Sequence[Waiting]:
    """What isn't closed, the most urgent first.  at: now, timezone-aware."""
    return [
        Waiting(
            row.number, row.kind, row.topic, row.state, row.account, row.registered_at, row.due,
            hours_left(row.due, at), row.responsible, row.reply_by,
        )
        for row in conn.execute(_QUEUE, {"most": limit})
    ]  # fmt: skip


def one(conn: Connection, number: str, *, hold: bool = False) -> Request | None:
    """The request of this number with its history, or None.  hold: nobody else changes it in this transaction."""
    row = conn.execute(_HELD if hold else _ONE, {"of": number}).one_or_none()
    return _request(conn, row) if row else None


def of_account(conn: Connection, account: str) -> Sequence[Request]:
    """The requests about this account, newest first."""
    return [_request(conn, row) for row in conn.execute(_OF_ACCOUNT, {"of": account}).all()]


def hours_left(due: date, at: datetime) -> int:
    """Whole hours from `at` to the end of the day `due` in Kyiv; negative when it has passed."""
    return int((terms.ends(due) - at) // _HOUR)


def _request(conn: Connection, row: Any) -> Request:
    term = terms.loaded(row.rule)
    fields = {name: getattr(row, name) for name in Request.__slots__ if name in requests.c}
    fields |= {"promised": term.promised, "rule": term.running.source, "case": term.case}
    fields["told"] = Told(row.told_from, row.told_to) if row.told_from else None
    history = tuple(
        Event(each.at, each.by, each.what, json.loads(each.details), each.id)
        for each in conn.execute(_HISTORY, {"of": row.id})
    )
    return Request(**fields, can=tuple(LEADS[row.state]), history=history, version=history[-1].id if history else 0)


# How: statements are made once, for making one costs more than running it

_QUEUE: Final = (
    select(requests)
    .where(requests.c.closed_at.is_(None))
    .order_by(requests.c.due, requests.c.id)
    .limit(bindparam("most", type_=requests.c.seq.type))
)
_ONE: Final = select(requests).where(requests.c.number == bindparam("of"))
_HELD: Final = _ONE.with_for_update()
_OF_ACCOUNT: Final = select(requests).where(requests.c.account == bindparam("of")).order_by(requests.c.id.desc())
_HISTORY: Final = (
    select(request_events).where(request_events.c.request == bindparam("of")).order_by(request_events.c.id)
)
