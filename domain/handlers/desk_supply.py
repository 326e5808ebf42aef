"""What dispatchers know of the supply: incidents, when they end, and works that are planned."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, update

from domain import incidents, news
from domain.desk import AlreadyDone, BadTime, OpenIncident, PlanWorks, RestoreIncident, UpdateIncident
from domain.handling import Context, handles
from domain.incidents import Place
from domain.tables import incidents as table


@handles(OpenIncident)
def open_incident(conn: Connection, command: OpenIncident, context: Context) -> int:
    """Of a feeder: what its buildings reported lately becomes part of it.  Raises AlreadyDone when the feeder's
    incident explains the building's."""
    place = _place(conn, command.building, command.feeder)
    wide = command.feeder is not None
    incidents.lock(conn, place)
    standing = incidents.known(conn, place, context.at)
    if standing and standing.planned:
        standing = None
    if standing and not wide and standing.building is None:
        raise AlreadyDone(f"incident {standing.id} of feeder {place.feeder} explains it: update that one")
    of = standing.id if standing else None
    if of is None and wide and place.feeder:
        of = incidents.widened(conn, place.feeder, context.at, least=1)
    if of is None:
        return incidents.open_(
            conn, place, wide=wide, at=context.at, expected=_ahead(command.expected, context), cause=command.cause
        )
    _update(conn, of, UpdateIncident(of, command.expected, command.cause), context)
    return int(of)


@handles(PlanWorks)
def plan_works(conn: Connection, command: PlanWorks, context: Context) -> int:
    place = _place(conn, command.building, command.feeder)
    if command.until <= context.at:
        raise BadTime(f"works until {command.until} are over: it is {context.at}")
    return incidents.open_(
        conn, place, wide=command.feeder is not None, at=context.at, begins=command.begins,
        expected=command.until, cause=command.cause, planned=True,
    )  # fmt: skip


@handles(UpdateIncident)
def update_incident(conn: Connection, command: UpdateIncident, context: Context) -> None:
    """Raises AlreadyDone when it is over, BadTime."""
    incident = _held(conn, command.incident)
    if incident.planned and command.expected is None:
        raise BadTime("works have an end: say until when, or that they are over (RestoreIncident)")
    _update(conn, incident.id, command, context)


@handles(RestoreIncident)
def restore_incident(conn: Connection, command: RestoreIncident, context: Context) -> None:
    """Raises AlreadyDone."""
    incident = _held(conn, command.incident)
    conn.execute(_RESTORE, {"of": incident.id, "now": context.at})
    reports = incidents.reporters(conn, incident.id)
    news.tell(conn, "incident.restored", context.at, incident=incident.id, reports=reports)


def _place(conn: Connection, building: int | None, feeder: str | None) -> Place:
    if building is not None:
        return incidents.place_of_building(conn, building)
    assert feeder is not None  # the commands see to it that one of the two is named
    return incidents.place_of_feeder(conn, feeder)


def _held(conn: Connection, incident: int) -> Any:
    """The row of an open incident, so that nobody merges it meanwhile."""
    row = incidents.one(conn, incident)
    incidents.lock(conn, Place(row.building, row.feeder))
    row = incidents.one(conn, incident)
    if row.merged_into is not None:
        raise AlreadyDone(f"incident {incident} is part of incident {row.merged_into} now")
    if row.restored_at is not None:
        raise AlreadyDone(f"incident {incident} is over since {row.restored_at}")
    return row


def _update(conn: Connection, incident: int, command: UpdateIncident, context: Context) -> None:
    values = {"of": incident, "new_expected": _ahead(command.expected, context), "new_cause": command.cause}
    conn.execute(_UPDATE if command.cause is None else _UPDATE_CAUSE, values)
    news.tell(
        conn, "incident.updated", context.at, incident=incident, what="news",
        expected=command.expected, cause=command.cause,
    )  # fmt: skip


def _ahead(expected: datetime | None, context: Context) -> datetime | None:
    """A time that callers can be told: one to come."""
    if expected is not None and expected <= context.at:
        raise BadTime(f"supply can't be expected back at {expected}: it is {context.at}")
    return expected


# How: statements are made once, for making one costs more than running it

_of = table.c.id == bindparam("of")
_expected = bindparam("new_expected", type_=table.c.expected_at.type)
_UPDATE: Final = update(table).where(_of).values(expected_at=_expected)
_UPDATE_CAUSE: Final = update(table).where(_of).values(expected_at=_expected, cause=bindparam("new_cause"))
_RESTORE: Final = update(table).where(_of).values(restored_at=bindparam("now", type_=table.c.restored_at.type))
