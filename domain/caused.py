"""What a call has caused, beyond readings: what people who look at the call want to see, and tests to find.

Rule: only what this call's own journal lines wrote; in the order in which it was written.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, Executable, String, bindparam, select

from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, RequestState, Topic
from domain.tables import callbacks, orders, outage_reports, requests

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CausedRequest:
    """number: as the customer was told it.  contact: E.164 or an address.  text: None while only the recording
    holds it; told_from, told_to: the part of it.  state: as it is now."""

    number: str
    kind: RequestKind
    topic: Topic
    reply_by: ReplyBy
    account: str | None
    contact: str | None
    text: str | None
    told_from: datetime | None
    told_to: datetime | None
    state: RequestState


@dataclass(frozen=True, slots=True)
class CausedReport:
    """Of an outage.  number: None when the account had reported before, and was told its first number again."""

    number: str | None
    kind: OutageKind
    account: str | None
    contact: str | None


@dataclass(frozen=True, slots=True)
class CausedOrder:
    """Of a service."""

    number: str
    kind: OrderKind
    account: str
    contact: str | None


@dataclass(frozen=True, slots=True)
class CausedCallBack:
    """begins, ends: when we promised to call, UTC."""

    number: str
    about: str
    account: str | None
    contact: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Caused:
    """All that one call caused."""

    requests: tuple[CausedRequest, ...] = ()
    outages: tuple[CausedReport, ...] = ()
    orders: tuple[CausedOrder, ...] = ()
    callbacks: tuple[CausedCallBack, ...] = ()


def caused(conn: Connection, call: str) -> Caused:
    """By this call; nothing for one that nobody knows."""

    def found(statement: Executable, kind: type[T]) -> tuple[T, ...]:
        return tuple(kind(*row) for row in conn.execute(statement, {"of": call}))

    return Caused(
        found(_REQUESTS, CausedRequest),
        found(_REPORTS, CausedReport),
        found(_ORDERS, CausedOrder),
        found(_CALLBACKS, CausedCallBack),
    )


_call = bindparam("of", type_=String)
_REQUESTS: Final = (
    select(
        requests.c.number,
        requests.c.kind,
        requests.c.topic,
        requests.c.reply_by,
        requests.c.account,
        requests.c.contact,
        requests.c.text,
        requests.c.told_from,
        requests.c.told_to,
        requests.c.state,
    )
    .where(requests.c.call == _call)
    .order_by(requests.c.id)
)
_REPORTS: Final = (
    select(outage_reports.c.number, outage_reports.c.kind, outage_reports.c.account, outage_reports.c.contact)
    .where(outage_reports.c.call == _call)
    .order_by(outage_reports.c.id)
)
_ORDERS: Final = (
    select(orders.c.number, orders.c.kind, orders.c.account, orders.c.contact)
    .where(orders.c.call == _call)
    .order_by(orders.c.id)
)
_CALLBACKS: Final = (
    select(
        callbacks.c.number,
        callbacks.c.about,
        callbacks.c.account,
        callbacks.c.contact,
        callbacks.c.begins_at,
        callbacks.c.ends_at,
    )
    .where(callbacks.c.call == _call)
    .order_by(callbacks.c.id)
)
