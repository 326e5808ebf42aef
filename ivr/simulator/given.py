"""Bring a store into the state that a scenario begins with, by the commands that people and other channels use.

Rule: only ever in a store that was made for this one scenario.
"""

from datetime import datetime, time, timedelta
from typing import Any, Final

from domain import incidents, policies, rules
from domain.commands import Command, RegisterRequest, ReportOutage
from domain.desk import OpenIncident, PlanWorks, SwitchOn
from domain.handlers import perform
from domain.handlers.people import AGENTS
from domain.model import Source
from domain.policy import HoursPolicy, Open
from domain.store import Connection
from ivr.simulator.scenario import Given, GivenIncident

EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)
CLOSED_FOR: Final = timedelta(days=3)
"""Until people who are not there work again: no scenario lasts over two midnights."""


def prepare(conn: Connection, given: Given, at: datetime) -> None:
    """Make it so.  at: now, timezone-aware UTC.  Raises ValueError or LookupError for what can't be."""
    today = rules.local_day(at)
    policies.enter(conn, "hours", today, agents(given, at), "a scenario", at)
    for incident in given.incidents:
        _do(conn, known(conn, incident, at), at)
    for outage in given.outages:
        _do(conn, ReportOutage(outage.kind, outage.account), at)
    for request in given.requests:
        _do(conn, RegisterRequest(request.kind, request.topic, request.reply_by), at)
    for announcement in given.announcements:
        _do(conn, SwitchOn(announcement.prompt, announcement.region, _later(at, announcement.ends_in)), at)


def agents(given: Given, at: datetime) -> HoursPolicy:
    """Around the clock; or on one day of the week that is not near."""
    if given.people == "there":
        return HoursPolicy(AGENTS, (Open(EVERY_DAY, time(0), time(0)),), holidays=True)
    day = rules.local_day(at + CLOSED_FOR).isoweekday()
    return HoursPolicy(AGENTS, (Open((day,), time(8), time(20)),), holidays=True)


def known(conn: Connection, incident: GivenIncident, at: datetime) -> Command[Any]:
    """What the dispatcher enters."""
    building = incidents.place_of(conn, incident.account).building
    until = _later(at, incident.ends_in)
    return PlanWorks(at, until, building) if incident.planned and until else OpenIncident(building, expected=until)


def _later(at: datetime, hours: float | None) -> datetime | None:
    return None if hours is None else at + timedelta(hours=hours)


def _do(conn: Connection, command: Command[Any], at: datetime) -> None:
    perform(conn, command, call=None, seq=None, at=at, source=Source.WEB, by="scenario")
