"""Incidents: which reports are one outage.

Rules: in a place there is at most one open incident that nobody planned, of its building or of the whole feeder (the
database says so itself); planned works are incidents too, in force between their two times; what is known is the
unplanned one, the feeder's before the building's, else works in force.

Theory.  One report says that a building has no supply, which may be its own fuse.  Reports from `FEEDER_BUILDINGS`
different buildings of one feeder within `FEEDER_WITHIN` say that the feeder has none.  A building fails by itself
about once a year; on a feeder of 50 of them, two more do so by chance in the two hours after a first one with a
probability of 0.0057 x 0.0057 / hour^2 x (2 hours)^2 / 2 = 6.5e-5; a single one more with 1.1 %, which a company with
a thousand such feeders would see every day.  So three, not two.  The first incident becomes the feeder's; the others
become part of it with their reports; one that is older than that stays what it is: an outage within the outage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, and_, bindparam, exists, func, insert, or_, select, text, update

from domain import news
from domain.handling import Unanswerable
from domain.model import OutageKind
from domain.tables import accounts, buildings, incidents, outage_reports

FEEDER_BUILDINGS: Final = 3
"""Different buildings of a feeder that report no supply, from which on the feeder is meant."""

FEEDER_WITHIN: Final = timedelta(hours=2)
"""How long ago the first of them may have begun."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an account is supplied.  building: its id, None: not known.  feeder: None: not known."""

    building: int | None
    feeder: str | None


def place_of(conn: Connection, account: str) -> Place:
    """Raises Unanswerable when nobody has this account."""
    row = conn.execute(_PLACE, {"of": account}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no account {account!r}")
    return Place(row.building, row.feeder)


def place_of_building(conn: Connection, building: int) -> Place:
    """Raises Unanswerable when there is no such building."""
    row = conn.execute(_BUILDING, {"of": building}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no building {building}")
    return Place(building, row.feeder)


def place_of_feeder(conn: Connection, feeder: str) -> Place:
    """Raises Unanswerable when it supplies no building that we know."""
    if conn.execute(_FEEDER, {"of": feeder}).first() is None:
        raise Unanswerable(f"no building is supplied by feeder {feeder!r}")
    return Place(None, feeder)


def lock(conn: Connection, place: Place) -> None:
    """From here to the end of the transaction nobody else opens, merges or closes incidents there.

    SQLite has one writer at a time anyway.
    """
    if conn.dialect.name == "postgresql":
        name = f"feeder {place.feeder}" if place.feeder else f"building {place.building}"
        conn.execute(_LOCK, {"place": name})


def known(conn: Connection, place: Place, at: datetime) -> Any | None:
    """The row of the incident that explains an outage there now, None when nothing is known."""
    if place.building is None and place.feeder is None:
        return None
    return conn.execute(_KNOWN, {"at_building": place.building, "at_feeder": place.feeder, "now": at}).first()


def one(conn: Connection, incident: int) -> Any:
    """Its row, held until the end of the transaction.  Raises Unanswerable."""
    row = conn.execute(_ONE, {"of": incident}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no incident {incident}")
    return row


def open_(
    conn: Connection,
    place: Place,
    *,
    wide: bool,
    at: datetime,
    begins: datetime | None = None,
    expected: datetime | None = None,
    cause: str | None = None,
    planned: bool = False,
    danger: bool = False,
) -> int:
    """A new incident; its id.  wide: of the whole feeder.  begins: later than `at`, for works."""
    values = {
        "building": None if wide else place.building, "feeder": place.feeder, "danger": danger, "planned": planned,
        "began_at": begins or at, "expected_at": expected, "cause": cause,
    }  # fmt: skip
    key: int = conn.execute(_OPEN, values).scalar_one()
    news.tell(
        conn, "incident.opened", at, incident=key, building=values["building"], feeder=place.feeder,
        planned=planned, danger=danger, begins=values["began_at"], expected=expected,
    )  # fmt: skip
    return key


def widened(conn: Connection, feeder: str, at: datetime, *, least: int = FEEDER_BUILDINGS) -> int | None:
    """Make the open incidents of this feeder's buildings one of the feeder, if at least so many have no supply.

    The id of the feeder's incident; None when they are too few, and nothing changed.
    """
    found = conn.execute(_NARROW, {"at_feeder": feeder, "since": at - FEEDER_WITHIN}).all()
    if not found or len(found) < least:
        return None
    first, *rest = found
    merged = [row.id for row in rest]
    if merged:
        conn.execute(_MOVE, {"new": first.id, "these": merged})
        conn.execute(_MERGE, {"new": first.id, "these": merged, "now": at})
    expected = _common([row.expected_at for row in found])
    cause = "; ".join(dict.fromkeys(row.cause for row in found if row.cause)) or None
    values = {"of": first.id, "new_danger": any(row.danger for row in found), "new_at": expected, "new_cause": cause}
    conn.execute(_WIDEN, values)
    news.tell(
        conn, "incident.updated", at, incident=first.id, what="widened", merged=merged, expected=expected, cause=cause
    )
    return int(first.id)


def flag_danger(conn: Connection, incident: int, at: datetime) -> None:
    """Somebody reported danger there; it stays flagged."""
    if conn.execute(_DANGER, {"of": incident}).rowcount:
        news.tell(conn, "incident.updated", at, incident=incident, what="danger")


def reporters(conn: Connection, incident: int, but: str | None = None) -> int:
    """How many customers have reported it, `but` this account."""
    return int(conn.execute(_REPORTERS, {"of": incident, "but": but or ""}).scalar_one())


def report_of(conn: Connection, incident: int, account: str) -> Any | None:
    """The first report of this account in this incident: its id and number; None when it has not reported."""
    return conn.execute(_MINE, {"of": incident, "by": account}).first()


def _common(expected: Sequence[datetime | None]) -> datetime | None:
    """What is expected of all together: nothing, unless it is of each; what was said of one building says nothing
    of its neighbours."""
    said = [each for each in expected if each is not None]
    return max(said) if len(said) == len(expected) else None


# How: statements are made once, for making one costs more than running it

_PLACE: Final = (
    select(accounts.c.building, buildings.c.feeder)
    .select_from(accounts.outerjoin(buildings, buildings.c.id == accounts.c.building))
    .where(accounts.c.number == bindparam("of"))
)
_BUILDING: Final = select(buildings.c.feeder).where(buildings.c.id == bindparam("of"))
_FEEDER: Final = select(buildings.c.id).where(buildings.c.feeder == bindparam("of")).limit(1)
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext(:place))")
_now = bindparam("now", type_=incidents.c.began_at.type)
_KNOWN: Final = (
    select(incidents)
    .where(
        incidents.c.restored_at.is_(None),
        or_(
            incidents.c.building == bindparam("at_building"),
            and_(incidents.c.feeder == bindparam("at_feeder"), incidents.c.building.is_(None)),
        ),
        or_(~incidents.c.planned, and_(incidents.c.began_at <= _now, incidents.c.expected_at > _now)),
    )
    .order_by(
        incidents.c.planned,
        and_(~incidents.c.planned, incidents.c.building.is_not(None)),
        incidents.c.expected_at.desc(),
        incidents.c.id,
    )
    .limit(1)
)
_ONE: Final = select(incidents).where(incidents.c.id == bindparam("of")).with_for_update()
_OPEN: Final = insert(incidents).returning(incidents.c.id)
_NARROW: Final = (
    select(incidents)
    .where(
        incidents.c.feeder == bindparam("at_feeder"),
        incidents.c.restored_at.is_(None),
        incidents.c.building.is_not(None),
        ~incidents.c.planned,
        incidents.c.began_at >= bindparam("since", type_=incidents.c.began_at.type),
        exists().where(outage_reports.c.incident == incidents.c.id, outage_reports.c.kind == OutageKind.NO_SUPPLY),
    )
    .order_by(incidents.c.id)
)
_these: BindParameter[list[int]] = bindparam("these", expanding=True)
_MOVE: Final = update(outage_reports).where(outage_reports.c.incident.in_(_these)).values(incident=bindparam("new"))
_MERGE: Final = (
    update(incidents).where(incidents.c.id.in_(_these)).values(restored_at=_now, merged_into=bindparam("new"))
)
_WIDEN: Final = (
    update(incidents)
    .where(incidents.c.id == bindparam("of"))
    .values(
        building=None, danger=bindparam("new_danger"), expected_at=bindparam("new_at"), cause=bindparam("new_cause")
    )
)
_DANGER: Final = update(incidents).where(incidents.c.id == bindparam("of"), ~incidents.c.danger).values(danger=True)
_first_of = and_(outage_reports.c.incident == bindparam("of"), outage_reports.c.repeats.is_(None))
_REPORTERS: Final = select(func.count()).where(_first_of, outage_reports.c.account != bindparam("but"))
_MINE: Final = select(outage_reports.c.id, outage_reports.c.number).where(
    _first_of, outage_reports.c.account == bindparam("by")
)
