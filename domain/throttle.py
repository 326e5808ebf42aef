"""Guessing passwords is slow: after a few failures each further one costs a longer pause.

Rules
1. An attempt is counted before it is tried and taken back when it was right, so that many at one time are counted,
   too; counts are in the store and outlive a restart.
2. Counted is by login, by address, and by login and address together ("place").  Who has signed in from a place
   within `KNOWN` is held up by the count of that place and not by the login's: a stranger who guesses at somebody's
   login can't keep them out (after OWASP's device cookies, with the address for the cookie).
3. A pause has an end, at most `LONGEST`; nothing locks an account for good.  A day without failures forgets them.
4. Who comes during a pause is told how long it lasts; that neither counts nor says whether there is such a login.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from domain.alone import alone
from domain.tables import attempts

FREE: Final = {"login": 4, "place": 4, "address": 20}
"""Failures that cost no pause."""

FIRST: Final = timedelta(seconds=2)
LONGEST: Final = timedelta(minutes=15)
FORGOTTEN: Final = timedelta(days=1)
KNOWN: Final = timedelta(days=60)

_LOCK: Final = 0x74_68_72_6F  # "thro"


@dataclass(frozen=True, slots=True)
class Keys:
    """What an attempt is counted by.  login, place: digests, since people type passwords where a login belongs."""

    login: str
    place: str
    address: str

    @classmethod
    def of(cls, login: str, address: str) -> "Keys":
        near = neighbourhood(address)
        return cls(f"login:{_digest(login)}", f"place:{_digest(f'{login} {near}')}", f"address:{near}")


def claim(conn: Connection, keys: Keys, at: datetime, *, known: bool = False) -> timedelta:
    """Count an attempt that is going to be made; zero, or how long to wait first, and then nothing was counted.

    known: this login has signed in from this address lately (rule 2).
    """
    alone(conn, _LOCK)  # the first of two attempts is counted when the second is looked at
    conn.execute(_FORGET, {"before": at - FORGOTTEN})
    counted = (keys.place, keys.address) if known else (keys.login, keys.place, keys.address)
    rows = {row.key: row for row in conn.execute(_THESE, {"of": counted})}
    wait = max((row.free_at - at for row in rows.values()), default=timedelta())
    if wait > timedelta():
        return wait
    for key in counted:
        failures = rows[key].failures + 1 if key in rows else 1
        values = {"failures": failures, "last_at": at, "free_at": at + pause(key.partition(":")[0], failures)}
        if key in rows:
            conn.execute(update(attempts).where(attempts.c.key == key).values(**values))
        else:
            conn.execute(insert(attempts), {"key": key, **values})
    return timedelta()


def forgive(conn: Connection, keys: Keys, at: datetime, *, known: bool = False) -> None:
    """The attempt was right: what was counted of this person is forgotten, the address gets its one back.

    Whoever guesses at others from an address can't clear its count by signing in as themselves.
    """
    alone(conn, _LOCK)
    gone: Sequence[str] = (keys.place,) if known else (keys.place, keys.login)
    conn.execute(delete(attempts).where(attempts.c.key.in_(gone)))
    row = conn.execute(_THESE, {"of": [keys.address]}).one_or_none()
    if row is not None:
        conn.execute(
            update(attempts)
            .where(attempts.c.key == keys.address)
            .values(failures=max(0, row.failures - 1), free_at=at)
        )


def pause(kind: str, failures: int) -> timedelta:
    """What the next attempt waits for after so many failures: none, then 2 s, 4 s, 8 s ... 15 min."""
    over = failures - FREE[kind] - 1
    return timedelta() if over < 0 else min(FIRST * 2 ** min(over, 20), LONGEST)


def neighbourhood(address: str) -> str:
    """Whom an address stands for: itself; of IPv6 the /64 that one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return _digest(address)
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


_THESE: Final = select(attempts).where(attempts.c.key.in_(bindparam("of", expanding=True, value=list[str]())))
_FORGET: Final = delete(attempts).where(attempts.c.last_at < bindparam("before"))
