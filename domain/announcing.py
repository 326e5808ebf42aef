"""What has to be known before something is announced: whom it concerns, and what was announced before.

Rule: a number of callers is never guessed: it is customers of a district as imported, and calls as counted.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from domain.tables import accounts, announcements, buildings, calls


@dataclass(frozen=True, slots=True)
class Announced:
    """An announcement, on or off.  until: what callers were told; off_by: None: by itself, or it is on."""

    id: int
    prompt: str
    region: str | None
    until: datetime | None
    on_at: datetime
    on_by: str
    off_at: datetime | None
    off_by: str | None


def regions(conn: Connection) -> Sequence[str]:
    """Every district of which an address is known, in order."""
    return list(conn.scalars(_REGIONS))


def regions_of(conn: Connection, feeders: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The districts that each of these feeders supplies, in order; none of one that supplies no building we know."""
    found: dict[str, list[str]] = defaultdict(list)
    if feeders:
        for feeder, region in conn.execute(_SUPPLIED, {"feeders": list(feeders)}):
            found[feeder].append(region)
    return found


def customers(conn: Connection, region: str | None) -> int:
    """How many there are in this district; None: all, those without an address too."""
    if region is None:
        return conn.execute(_CUSTOMERS).scalar_one()
    return conn.execute(_CUSTOMERS_OF, {"region": region}).scalar_one()


def calls_since(conn: Connection, since: datetime) -> int:
    """How many calls began from then on."""
    return conn.execute(_CALLS, {"since": since}).scalar_one()


def announced(conn: Connection, limit: int = 50) -> Sequence[Announced]:
    """The newest announcements, on or off, newest first."""
    return [Announced(*row) for row in conn.execute(_ANNOUNCED, {"most": limit})]


# How: statements are made once, for making one costs more than running it

_REGIONS: Final = select(buildings.c.region).distinct().order_by(buildings.c.region)
_SUPPLIED: Final = (
    select(buildings.c.feeder, buildings.c.region)
    .where(buildings.c.feeder.in_(bindparam("feeders", expanding=True)))
    .distinct()
    .order_by(buildings.c.feeder, buildings.c.region)
)
_CUSTOMERS: Final = select(func.count()).select_from(accounts)
_CUSTOMERS_OF: Final = (
    select(func.count())
    .select_from(buildings)
    .join(accounts, accounts.c.building == buildings.c.id)
    .where(buildings.c.region == bindparam("region"))
)
_CALLS: Final = (
    select(func.count()).select_from(calls).where(calls.c.began_at >= bindparam("since", type_=calls.c.began_at.type))
)
_ANNOUNCED: Final = (
    select(
        announcements.c.id, announcements.c.prompt, announcements.c.region, announcements.c.until,
        announcements.c.on_at, announcements.c.on_by, announcements.c.off_at, announcements.c.off_by,
    )
    .order_by(announcements.c.id.desc())
    .limit(bindparam("most", type_=announcements.c.id.type))
)  # fmt: skip
