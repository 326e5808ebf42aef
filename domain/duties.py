"""What waits for staff: drafts, calls back, orders, incidents, announcements that are on.

Rules: the most urgent first; what is done isn't here; a page at a time (`limit`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, or_, select

from domain.model import OrderKind, RequestKind, RequestState, Told, Topic
from domain.tables import announcements, buildings, callbacks, incidents, orders, outage_reports, requests

ATTEMPTS: Final = 3
"""How often a customer is called back who does not answer; then it is finished as not reached."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that was told and not completed: the caller was gone.

    told: the part of the recording of `call`.  contact: E.164, None: withheld.  due: the last day for the answer.
    callback: the number of the call back that was ordered for it; attempts: made in vain; None where there is none.
    waiting: it is still to be made.
    """

    number: str
    kind: RequestKind
    topic: Topic
    told: Told
    account: str | None
    contact: str | None
    registered_at: datetime
    due: date
    call: str
    callback: str | None
    attempts: int | None
    waiting: bool


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call back that was promised.  contact: E.164.  about: the topic.  begins, ends: within which, UTC.
    attempts: made in vain.  due: the time has begun; overdue: it has passed.  call: in which it was ordered."""

    number: str
    contact: str
    about: str
    account: str | None
    begins: datetime
    ends: datetime
    attempts: int
    due: bool
    overdue: bool
    call: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """A service that was ordered.  due: the last day for it, Europe/Kyiv."""

    number: str
    kind: OrderKind
    account: str
    contact: str | None
    ordered_at: datetime
    due: date
    call: str | None


@dataclass(frozen=True, slots=True)
class Incident:
    """An outage that goes on, or works that are planned.

    building: its id, None: the whole feeder.  reports: of how many customers.  expected: when supply should be back.
    region ... house: where the building is; None: the whole feeder.
    """

    id: int
    building: int | None
    feeder: str | None
    danger: bool
    planned: bool
    began_at: datetime
    expected: datetime | None
    cause: str | None
    reports: int
    region: str | None
    settlement: str | None
    street: str | None
    house: str | None


@dataclass(frozen=True, slots=True)
class On:
    """An announcement that callers hear.  off_at: when it goes off by itself, None: when somebody switches it off."""

    id: int
    prompt: str
    region: str | None
    until: datetime | None
    on_at: datetime
    on_by: str
    off_at: datetime | None


def drafts_waiting(conn: Connection, limit: int = 200) -> Sequence[Draft]:
    """In the order in which their answers are due."""
    return [
        Draft(
            row.number, row.kind, row.topic, Told(row.told_from, row.told_to), row.account, row.contact,
            row.registered_at, row.due, row.call, row.callback, row.attempts,
            row.callback is not None and row.done_at is None,
        )
        for row in conn.execute(_DRAFTS, {"most": limit})
    ]  # fmt: skip


def callbacks_waiting(conn: Connection, at: datetime, limit: int = 200) -> Sequence[CallBack]:
    """In the order in which their time ends; those whose time hasn't begun too."""
    return [
        CallBack(
            row.number, row.contact, row.about, row.account, row.begins_at, row.ends_at, row.attempts,
            row.begins_at <= at, row.ends_at < at, row.call,
        )
        for row in conn.execute(_CALLBACKS, {"most": limit})
    ]  # fmt: skip


def orders_waiting(conn: Connection, limit: int = 200) -> Sequence[Order]:
    """In the order in which they are due."""
    return [
        Order(row.number, row.kind, row.account, row.contact, row.at, row.due, row.call)
        for row in conn.execute(_ORDERS, {"most": limit})
    ]


def incidents_open(conn: Connection, limit: int = 200) -> Sequence[Incident]:
    """Danger first, then the newest; planned works last."""
    return [Incident(*row) for row in conn.execute(_INCIDENTS, {"most": limit})]


def announcements_on(conn: Connection, at: datetime) -> Sequence[On]:
    """In the order in which callers hear them."""
    return [On(*row) for row in conn.execute(_ON, {"now": at})]


def result_of(conn: Connection, number: str) -> str | None:
    """What came of the call back or the order of this number; None while nothing did, and where there is none."""
    return conn.execute(_RESULT, {"of": number}).scalars().first()


def attempts_of(conn: Connection, number: str) -> int | None:
    """How often this call back was made in vain; None where it is finished, or there is none.  Held until the end of
    the transaction."""
    return conn.execute(_MADE, {"of": number}).scalar_one_or_none()


# How: statements are made once, for making one costs more than running it

_most = bindparam("most", type_=callbacks.c.attempts.type)
_DRAFTS: Final = (
    select(requests, callbacks.c.number.label("callback"), callbacks.c.attempts, callbacks.c.done_at)
    .outerjoin(callbacks, (callbacks.c.call == requests.c.call) & (callbacks.c.seq == requests.c.seq))
    .where(requests.c.closed_at.is_(None), requests.c.state == RequestState.DRAFT)
    .order_by(requests.c.due, requests.c.id)
    .limit(_most)
)
_CALLBACKS: Final = (
    select(callbacks).where(callbacks.c.done_at.is_(None)).order_by(callbacks.c.ends_at, callbacks.c.id).limit(_most)
)
_ORDERS: Final = select(orders).where(orders.c.done_at.is_(None)).order_by(orders.c.due, orders.c.id).limit(_most)
_INCIDENTS: Final = (
    select(
        incidents.c.id,
        incidents.c.building,
        incidents.c.feeder,
        incidents.c.danger,
        incidents.c.planned,
        incidents.c.began_at,
        incidents.c.expected_at,
        incidents.c.cause,
        select(func.count())
        .where(outage_reports.c.incident == incidents.c.id, outage_reports.c.repeats.is_(None))
        .correlate(incidents)
        .scalar_subquery(),
        buildings.c.region,
        buildings.c.settlement,
        buildings.c.street,
        buildings.c.house,
    )
    .select_from(incidents.outerjoin(buildings, buildings.c.id == incidents.c.building))
    .where(incidents.c.restored_at.is_(None))
    .order_by(incidents.c.danger.desc(), incidents.c.planned, incidents.c.id.desc())
    .limit(_most)
)
_now = bindparam("now", type_=announcements.c.off_at.type)
_ON: Final = (
    select(
        announcements.c.id,
        announcements.c.prompt,
        announcements.c.region,
        announcements.c.until,
        announcements.c.on_at,
        announcements.c.on_by,
        announcements.c.off_at,
    )
    .where(or_(announcements.c.off_at.is_(None), announcements.c.off_at > _now))
    .order_by(announcements.c.id)
)
_RESULT: Final = (
    select(callbacks.c.result)
    .where(callbacks.c.number == bindparam("of"))
    .union_all(select(orders.c.result).where(orders.c.number == bindparam("of")))
)
_MADE: Final = (
    select(callbacks.c.attempts)
    .where(callbacks.c.number == bindparam("of"), callbacks.c.done_at.is_(None))
    .with_for_update()
)
