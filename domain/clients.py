"""Other channels' clients: who they are, what they may do, and the key by which they are known.

Rules
1. A key is shown once, when it is made; the store has its SHA-256 alone.  A key has 256 bits from the system's
   generator, so that a plain digest is enough: there is nothing to guess from a dictionary (passwords would need
   more).
2. A key is found by its prefix, which is no secret, and compared in constant time.
3. A revoked client stays, because what it did stays; its key opens nothing from the next request on.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.model import Source
from domain.tables import accounts, clients

SOURCES: Final = (Source.WEB, Source.BOT, Source.INSPECTOR, Source.SMART_METER)
"""Channels that a client may speak for; the others are our own."""

PER_MINUTE: Final = 600
"""Requests a minute of a client for which nothing else was said."""


class Right(StrEnum):
    """What a client may do.  Reading an account is reading what is personal: give it to whom needs it."""

    ACCOUNTS_READ = "accounts:read"
    READINGS_WRITE = "readings:write"
    REQUESTS_READ = "requests:read"
    REQUESTS_WRITE = "requests:write"
    OUTAGES_READ = "outages:read"
    OUTAGES_WRITE = "outages:write"
    ORDERS_WRITE = "orders:write"
    CALLBACKS_WRITE = "callbacks:write"
    BILLS_WRITE = "bills:write"
    HANDOVERS_READ = "handovers:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


class NameTaken(ValueError):
    """There is a client of this name, revoked or not."""


class NoSuchClient(LookupError):
    """There is no client of this name."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client.  supplier: the one whose accounts alone it deals with; None: everybody's."""

    id: int
    name: str
    source: Source
    rights: frozenset[Right]
    prefix: str
    per_minute: int
    supplier: str | None
    created_at: datetime
    revoked_at: datetime | None


def make(
    conn: Connection,
    name: str,
    *,
    source: Source,
    rights: Iterable[Right],
    at: datetime,
    per_minute: int = PER_MINUTE,
    supplier: str | None = None,
) -> tuple[Client, str]:
    """A new client and its key, which nobody can tell again.  Raises NameTaken; ValueError for what can't be."""
    granted = frozenset(rights)
    if not re.fullmatch(r"[\w][\w .-]{0,79}", name):
        raise ValueError(f"{name!r} is no name for a client: letters, digits, spaces, dots, dashes; at most 80")
    if source not in SOURCES:
        raise ValueError(f"a client can't speak for {source}; it can for: {', '.join(SOURCES)}")
    if not granted:
        raise ValueError(f"a client without rights can do nothing; there are: {', '.join(Right)}")
    if per_minute < 1:
        raise ValueError(f"{per_minute} requests a minute are none")
    prefix, key = _new_key()
    row: dict[str, Any] = {
        "name": name,
        "source": source.value,
        "rights": " ".join(sorted(granted)),
        "prefix": prefix,
        "digest": _digest(key),
        "per_minute": per_minute,
        "supplier": supplier,
        "created_at": at,
    }
    try:
        with conn.begin_nested():
            made = conn.execute(insert(clients), row).inserted_primary_key
    except IntegrityError as error:
        raise NameTaken(f"there is a client named {name!r} already; a revoked one keeps its name, too") from error
    assert made is not None
    return Client(made[0], name, source, granted, prefix, per_minute, supplier, at, None), key


def of_key(conn: Connection, key: str) -> Client | None:
    """Whose key this is; None for what is no key, an unknown one, or one that was revoked."""
    shape = _KEY.fullmatch(key)
    row = conn.execute(_BY_PREFIX, {"of": shape[1]}).one_or_none() if shape else None
    if row is None or not hmac.compare_digest(row.digest, _digest(key)) or row.revoked_at is not None:
        return None
    return _client(row)


def deals_with(conn: Connection, client: Client, account: str) -> bool:
    """Whether this account is any of its business."""
    if client.supplier is None:
        return True
    return conn.execute(_SUPPLIED, {"of": account, "by": client.supplier}).one_or_none() is not None


def listed(conn: Connection) -> list[Client]:
    """All clients, revoked ones too, by name."""
    return [_client(row) for row in conn.execute(select(clients).order_by(clients.c.name))]


def revoke(conn: Connection, name: str, at: datetime) -> Client:
    """From now on the key opens nothing.  Revoking again changes nothing.  Raises NoSuchClient."""
    conn.execute(
        update(clients).where(and_(clients.c.name == name, clients.c.revoked_at.is_(None))).values(revoked_at=at)
    )
    row = conn.execute(select(clients).where(clients.c.name == name)).one_or_none()
    if row is None:
        raise NoSuchClient(f"there is no client named {name!r}")
    return _client(row)


def _new_key() -> tuple[str, str]:
    """The prefix by which it is found, and the key."""
    prefix = secrets.token_hex(6)
    return prefix, f"hlk_{prefix}_{secrets.token_urlsafe(32)}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _client(row: Any) -> Client:
    return Client(
        row.id,
        row.name,
        Source(row.source),
        frozenset(Right(word) for word in row.rights.split()),
        row.prefix,
        row.per_minute,
        row.supplier,
        row.created_at,
        row.revoked_at,
    )


_KEY: Final = re.compile(r"hlk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_BY_PREFIX: Final = select(clients).where(clients.c.prefix == bindparam("of"))
_SUPPLIED: Final = select(accounts.c.number).where(
    accounts.c.number == bindparam("of"), accounts.c.supplier == bindparam("by")
)
