"""Who wants to be told of what happened, and what is still to be told to whom.

Rules
1. Nothing is lost: an event is a row of the transaction in which it happened; it is spread into deliveries, one for
   each webhook that wants its kind, in one transaction; a delivery is pending until it is settled.
2. At least once: a delivery is claimed for a time (`lease`), sent, settled.  Whoever dies between is replaced when
   the lease ends; the receiver then gets the same message with the same id a second time.
3. In order: of one webhook only the oldest pending delivery is ever claimed.  One that fails holds up those behind it
   (of this webhook, nobody else's), unless the receiver says that it is this very message it can't take; such a one
   is set aside after `REFUSALS` attempts, and can be asked for again.
4. A receiver that fails for `PATIENCE`, or says that it is gone, is disabled and staff are told; what was pending
   stays pending until it is enabled.  What happens meanwhile is not kept for it.

Several processes may do this at one time: a claim is one conditional update.
"""

import base64
import json
import random
import secrets as random_bytes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, delete, false, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from domain import leases, news
from domain.tables import accounts, clients, deliveries, events, webhooks

PATIENCE: Final = timedelta(days=3)
"""How long a receiver may fail without a break: a weekend, and a working day to notice."""

REFUSALS: Final = 5
"""Attempts at a message that the receiver says it can't take."""

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=3)
"""Between attempts; each pause is three times as long as the one before."""

ROTATION: Final = timedelta(hours=24)
"""How long the former secret signs beside the new one."""

KEPT: Final = timedelta(days=30)
"""How long one can see what became of a delivery."""

MOST: Final = 10
"""Webhooks of one client."""

FOR_STAFF: Final = frozenset({"webhook.disabled"})
"""Kinds that are not for other channels."""


class AlreadySubscribed(ValueError):
    """This client has a webhook at this address."""


class TooMany(ValueError):
    """This client has as many webhooks as one may have."""


class Result(StrEnum):
    """What became of an attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # this very message can't be taken
    FAILED = "failed"  # the receiver can't be reached, or is out of order
    GONE = "gone"  # the receiver wants nothing any more


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a client wants to be told.  kinds: "request.registered", "request.*", or "*" for all."""

    id: int
    url: str
    kinds: tuple[str, ...]
    created_at: datetime
    failing_since: datetime | None = None
    disabled_at: datetime | None = None
    disabled_because: str | None = None

    def wants(self, kind: str) -> bool:
        """Whether an event of this kind is for it."""
        return not {"*", kind, f"{kind.partition('.')[0]}.*"}.isdisjoint(self.kinds)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be sent now.  attempt: counted from 1.  secrets: that sign it, the present one first."""

    event: int
    webhook: int
    attempt: int
    url: str
    secrets: tuple[str, ...]
    kind: str
    at: datetime
    account: str | None
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        """The same at every attempt; another one for whatever else ever happens, a restored backup included."""
        return f"evt_{self.event}_{int(self.at.timestamp() * 1000)}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a delivery.  state: "pending", "delivered", "set aside"."""

    event: int
    kind: str
    at: datetime
    state: str
    attempts: int
    next_at: datetime | None
    delivered_at: datetime | None
    last_error: str | None


# Subscribing


def subscribe(conn: Connection, client: int, url: str, kinds: Iterable[str], at: datetime) -> tuple[Webhook, str]:
    """A new webhook and its secret ("whsec_...", 32 bytes).  Raises AlreadySubscribed, TooMany."""
    if (conn.scalar(select(func.count()).where(webhooks.c.client == client)) or 0) >= MOST:
        raise TooMany(f"a client has at most {MOST} webhooks: delete one")
    secret, words = _new_secret(), tuple(sorted(set(kinds)))
    row = {"client": client, "url": url, "secret": secret, "kinds": " ".join(words), "created_at": at}
    try:
        with conn.begin_nested():
            made = conn.execute(insert(webhooks), row).inserted_primary_key
    except IntegrityError as error:
        raise AlreadySubscribed(f"there is a webhook at {url} already: delete it, or change it") from error
    assert made is not None
    return Webhook(made[0], url, words, at), secret


def of_client(conn: Connection, client: int) -> list[Webhook]:
    """The client's webhooks, oldest first."""
    rows = conn.execute(select(webhooks).where(webhooks.c.client == client).order_by(webhooks.c.id))
    return [_webhook(row) for row in rows]


def find(conn: Connection, client: int, webhook: int) -> Webhook | None:
    """This webhook of this client; None when it has none such."""
    row = conn.execute(select(webhooks).where(*_own(client, webhook))).one_or_none()
    return _webhook(row) if row else None


def unsubscribe(conn: Connection, client: int, webhook: int) -> bool:
    """Nothing more is sent, and what was pending is forgotten.  False when there is no such webhook."""
    if find(conn, client, webhook) is None:
        return False
    conn.execute(delete(deliveries).where(deliveries.c.webhook == webhook))
    conn.execute(delete(webhooks).where(webhooks.c.id == webhook))
    return True


def rotate(conn: Connection, client: int, webhook: int, at: datetime) -> str | None:
    """A new secret; the former one signs too for `ROTATION`.  None when there is no such webhook."""
    fresh = _new_secret()
    changed = conn.execute(
        update(webhooks)
        .where(*_own(client, webhook))
        .values(secret=fresh, previous_secret=webhooks.c.secret, previous_until=at + ROTATION)
    )
    return fresh if changed.rowcount else None


def enable(conn: Connection, client: int, webhook: int, at: datetime) -> Webhook | None:
    """Send again, what was pending first, at once.  None when there is no such webhook."""
    conn.execute(
        update(webhooks)
        .where(*_own(client, webhook))
        .values(disabled_at=None, disabled_because=None, failing_since=None)
    )
    found = find(conn, client, webhook)
    if found:
        conn.execute(
            update(deliveries).where(deliveries.c.webhook == webhook, deliveries.c.next_at > at).values(next_at=at)
        )
    return found


def fates(conn: Connection, webhook: int, *, before: int | None = None, limit: int = 50) -> list[Fate]:
    """What became of the deliveries of this webhook, newest first.  before: an event's id."""
    statement = (
        select(deliveries, events.c.kind, events.c.at)
        .join(events, events.c.id == deliveries.c.event)
        .where(deliveries.c.webhook == webhook)
        .order_by(deliveries.c.event.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(deliveries.c.event < before)
    return [
        Fate(row.event, row.kind, row.at, _state(row), row.attempts, row.next_at, row.delivered_at, row.last_error)
        for row in conn.execute(statement)
    ]


def again(conn: Connection, client: int, webhook: int, event: int, at: datetime) -> bool:
    """Send this one again.  False when this webhook never had it."""
    if find(conn, client, webhook) is None:
        return False
    return bool(
        conn.execute(
            update(deliveries)
            .where(deliveries.c.webhook == webhook, deliveries.c.event == event)
            .values(next_at=at, attempts=0, delivered_at=None, last_error=None)
        ).rowcount
    )


# Delivering


def spread(conn: Connection, now: datetime, limit: int = 200) -> int:
    """Make deliveries of at most so many events that nobody was told of yet; how many events there were.

    A client of one supplier is told of this supplier's accounts alone.
    """
    happened = conn.execute(_UNSPREAD, {"most": limit}).all()
    if not happened:
        return 0
    wanted = [(_webhook(row), row.supplier) for row in conn.execute(_LISTENING)]
    made = [
        {"event": event.id, "webhook": webhook.id, "next_at": now}
        for event in happened
        for webhook, supplier in wanted
        if event.kind not in FOR_STAFF
        and webhook.wants(event.kind)
        and webhook.created_at <= event.at
        and (supplier is None or supplier == event.supplier)
    ]
    if made:
        conn.execute(insert(deliveries), made)
    conn.execute(_SPREAD, [{"of": event.id} for event in happened])
    return len(happened)


def unspread(conn: Connection) -> bool:
    """Whether there are events that nobody was told of yet."""
    return conn.execute(_UNSPREAD, {"most": 1}).first() is not None


def heads(conn: Connection) -> dict[int, datetime]:
    """Webhook -> when its oldest pending delivery may be attempted; of those that are not disabled."""
    rows = conn.execute(_HEADS).all()
    return {row.webhook: row.next_at for row in rows}


def claim(conn: Connection, webhook: int, now: datetime, lease: timedelta) -> Delivery | None:
    """The oldest pending delivery of this webhook, if its time has come; nobody else gets it during the lease."""
    row = conn.execute(_HEAD, {"of": webhook}).one_or_none()
    if row is None or row.next_at > now:
        return None
    this = and_(deliveries.c.event == row.event, deliveries.c.webhook == webhook)
    if not leases.take(conn, deliveries, this, next_at=row.next_at, attempts=row.attempts, until=now + lease):
        return None
    former = row.previous_secret if row.previous_until and row.previous_until > now else None
    signing = (row.secret, former) if former else (row.secret,)
    return Delivery(
        row.event, webhook, row.attempts + 1, row.url, signing, row.kind, row.at, row.account, json.loads(row.body)
    )


def settle(
    conn: Connection,
    delivery: Delivery,
    result: Result,
    now: datetime,
    *,
    error: str | None = None,
    not_before: timedelta | None = None,
) -> None:
    """What became of the attempt.  error: in words, for whoever looks after the webhook.

    not_before: the pause that the receiver asked for.  When the lease had ended and somebody else attempts the same,
    only a success is noted.
    """
    this = and_(deliveries.c.event == delivery.event, deliveries.c.webhook == delivery.webhook)
    hook = webhooks.c.id == delivery.webhook
    if result is Result.DELIVERED:
        conn.execute(update(deliveries).where(this).values(next_at=None, delivered_at=now, last_error=None))
        conn.execute(update(webhooks).where(hook, webhooks.c.failing_since.is_not(None)).values(failing_since=None))
        return
    aside = result is Result.REFUSED and delivery.attempt >= REFUSALS
    next_at = None if aside else now + max(pause(delivery.attempt), not_before or timedelta())
    mine = conn.execute(
        update(deliveries)
        .where(this, deliveries.c.attempts == delivery.attempt, deliveries.c.delivered_at.is_(None))
        .values(next_at=next_at, last_error=(error or result)[:500])
    )
    if mine.rowcount != 1 or result is Result.REFUSED:
        return
    conn.execute(update(webhooks).where(hook, webhooks.c.failing_since.is_(None)).values(failing_since=now))
    since = conn.scalar(select(webhooks.c.failing_since).where(hook))
    if result is Result.GONE:
        _disable(conn, delivery.webhook, now, "the receiver said that it is gone (410)")
    elif since is not None and now - since >= PATIENCE:
        _disable(conn, delivery.webhook, now, f"failing since {since:%Y-%m-%d %H:%M} UTC: {error or result}")


def pause(attempt: int, chance: random.Random | None = None) -> timedelta:
    """How long to wait after this attempt (from 1)."""
    return leases.pause(attempt, first=FIRST_PAUSE, longest=LONGEST_PAUSE, chance=chance)


def forget(conn: Connection, now: datetime, limit: int = 1000) -> int:
    """Forget at most so many deliveries that were settled longer than `KEPT` ago; how many there were."""
    old = conn.execute(
        select(deliveries.c.event, deliveries.c.webhook)
        .join(events, events.c.id == deliveries.c.event)
        .where(deliveries.c.next_at.is_(None), events.c.at < now - KEPT)
        .order_by(deliveries.c.event)
        .limit(limit)
    ).all()
    for row in old:
        conn.execute(delete(deliveries).where(deliveries.c.event == row.event, deliveries.c.webhook == row.webhook))
    return len(old)


# How


def _disable(conn: Connection, webhook: int, now: datetime, because: str) -> None:
    row = conn.execute(
        select(webhooks.c.url, clients.c.name)
        .join(clients, clients.c.id == webhooks.c.client)
        .where(webhooks.c.id == webhook)
    ).one()
    conn.execute(
        update(webhooks).where(webhooks.c.id == webhook).values(disabled_at=now, disabled_because=because[:500])
    )
    news.tell(conn, "webhook.disabled", now, webhook=webhook, client=row.name, url=row.url, because=because[:500])


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(random_bytes.token_bytes(32)).decode()}"


def _own(client: int, webhook: int) -> Sequence[Any]:
    return (webhooks.c.client == client, webhooks.c.id == webhook)


def _webhook(row: Row[Any]) -> Webhook:
    return Webhook(
        row.id, row.url, tuple(row.kinds.split()), row.created_at, row.failing_since, row.disabled_at,
        row.disabled_because,
    )  # fmt: skip


def _state(row: Row[Any]) -> str:
    return "pending" if row.next_at else "delivered" if row.delivered_at else "set aside"


_UNSPREAD: Final = (
    select(events.c.id, events.c.kind, events.c.at, accounts.c.supplier)
    .outerjoin(accounts, accounts.c.number == events.c.account)
    .where(events.c.spread == false())
    .order_by(events.c.id)
    .limit(bindparam("most"))
)
_SPREAD: Final = update(events).where(events.c.id == bindparam("of")).values(spread=true())
_LISTENING: Final = (
    select(webhooks, clients.c.supplier)
    .join(clients, clients.c.id == webhooks.c.client)
    .where(webhooks.c.disabled_at.is_(None), clients.c.revoked_at.is_(None))
)
_pending = deliveries.alias("pending")
_oldest = (
    select(_pending.c.event)
    .where(_pending.c.webhook == webhooks.c.id, _pending.c.next_at.is_not(None))
    .order_by(_pending.c.event)
    .limit(1)
    .correlate(webhooks)
    .scalar_subquery()
)
_OPEN: Final = (
    webhooks.join(clients, clients.c.id == webhooks.c.client)
    .join(deliveries, and_(deliveries.c.webhook == webhooks.c.id, deliveries.c.event == _oldest))
    .join(events, events.c.id == deliveries.c.event)
)
_ACTIVE: Final = (webhooks.c.disabled_at.is_(None), clients.c.revoked_at.is_(None))
_HEADS: Final = select(deliveries.c.webhook, deliveries.c.next_at).select_from(_OPEN).where(*_ACTIVE)
_HEAD: Final = (
    select(
        deliveries.c.event, deliveries.c.next_at, deliveries.c.attempts, webhooks.c.url, webhooks.c.secret,
        webhooks.c.previous_secret, webhooks.c.previous_until, events.c.kind, events.c.at, events.c.account,
        events.c.body,
    )
    .select_from(_OPEN)
    .where(webhooks.c.id == bindparam("of"), *_ACTIVE)
)  # fmt: skip
