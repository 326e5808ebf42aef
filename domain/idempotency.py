"""What a client asked for once and may ask for again without its being done again.

Rules
1. What was done and what was answered are written in one transaction: an answer that was not stored belongs to a deed
   that was not done.
2. The same key with the same request is answered as the first time, word for word; with another one it is refused.
3. A key belongs to its client and is remembered for `REMEMBERED`; a request that comes later than that is a new one.

The names are those of the IETF's draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError

from domain.tables import idempotency

REMEMBERED: Final = timedelta(days=7)
"""Longer than any client tries again, and than a long weekend without anybody looking at a queue that got stuck."""


class KeyReused(ValueError):
    """The key was used for another request."""


class KeyInUse(RuntimeError):
    """Another process is doing just this at this moment.  Nothing was done here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.  status: of HTTP; body: JSON as sent; location: of what was made."""

    status: int
    body: str
    location: str | None = None


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def recall(conn: Connection, client: int, key: str, of: str) -> Answer | None:
    """What was answered to this key, None when it is new.  of: the fingerprint.  Raises KeyReused."""
    row = conn.execute(_RECALL, {"client_": client, "key_": key}).one_or_none()
    if row is None:
        return None
    if row.fingerprint != of:
        raise KeyReused("this Idempotency-Key was used for another request; a new request needs a new key")
    return Answer(row.status, row.body, row.location)


def keep(conn: Connection, client: int, key: str, of: str, answer: Answer, at: datetime) -> None:
    """Remember the answer, in the transaction of the deed.

    Raises KeyInUse when another process was faster: the transaction must then be given up, the deed with it.
    """
    row = {
        "client": client,
        "key": key,
        "fingerprint": of,
        "status": answer.status,
        "body": answer.body,
        "location": answer.location,
        "at": at,
    }
    try:
        with conn.begin_nested():
            conn.execute(insert(idempotency), row)
    except IntegrityError as error:
        raise KeyInUse("the same request is being worked at; ask again in a second") from error


def forget(conn: Connection, now: datetime, limit: int = 1000) -> int:
    """Forget at most so many keys that are older than `REMEMBERED`; how many there were."""
    old = conn.execute(
        select(idempotency.c.client, idempotency.c.key).where(idempotency.c.at < now - REMEMBERED).limit(limit)
    ).all()
    for row in old:
        conn.execute(_FORGET, {"client_": row.client, "key_": row.key})
    return len(old)


_THIS: Final = (idempotency.c.client == bindparam("client_"), idempotency.c.key == bindparam("key_"))
_RECALL: Final = select(idempotency).where(*_THIS)
_FORGET: Final = delete(idempotency).where(*_THIS)
