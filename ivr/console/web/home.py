"""What needs this person now, by what they may do: one look in the morning, and whenever something was finished.

Rules: a card for each thing that somebody of this role can do something about, with the few most urgent of it and a
way to all; nothing that they may not see is read from the store at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response

from domain import announcing as told_to
from domain import calls, desk_readings, doubt_cases, duties, findings, request_queue, rules
from domain.queries import Query as Wanted
from domain.request_queue import Pile
from domain.roles import Permission
from domain.store import Connection
from ivr.console.web.announcing import address, suggested
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, page, router
from ivr.console.web.look import language_of, render
from ivr.console.web.prompt_view import title
from ivr.console.web.readings import Progress, progress_of
from ivr.console.web.words import Tongue

router = router()

FEW: Final = 5
"""Rows of a card."""
GAVE_UP: Final = timedelta(hours=24)
"""How far back callers who gave up are looked for."""


@dataclass(frozen=True, slots=True)
class Announce:
    """What can be announced of an outage in this district: the address of the form, filled in; on: it is announced
    there already, or to everybody."""

    region: str
    address: str
    on: bool


@dataclass(frozen=True, slots=True)
class Needed:
    """What the cards show; None: not for this person.  announce: by the incident."""

    counts: request_queue.Counts | None = None
    urgent: Sequence[request_queue.Row] = ()
    mine: Sequence[request_queue.Row] = ()
    callbacks: Sequence[duties.CallBack] | None = None
    incidents: Sequence[duties.Incident] | None = None
    doubtful: Sequence[desk_readings.Open] | None = None
    doubts: int = 0
    gave_up: findings.Page | None = None
    live: int | None = None
    announcements: Sequence[duties.On] | None = None
    announce: Mapping[int, Sequence[Announce]] = field(default_factory=dict[int, Sequence[Announce]])


@router.get("/", **page(), name="home")
async def home(request: Request, serving: InDesk, me: Asking) -> Response:
    """The overview."""
    now, who = serving.clock(), request_queue.Me(me.login, me.name)

    def job(conn: Connection) -> Needed:
        found: dict[str, Any] = {}
        if me.may(Permission.REQUESTS):
            found["counts"] = request_queue.counts(conn, now, who)
            found["urgent"] = request_queue.page(conn, request_queue.Wanted(Pile.OPEN), now, who, limit=FEW).rows
            found["mine"] = request_queue.page(conn, request_queue.Wanted(Pile.MINE), now, who, limit=FEW).rows
            found["callbacks"] = [each for each in duties.callbacks_waiting(conn, now, 50) if each.due]
            found["incidents"] = [each for each in duties.incidents_open(conn, 50) if each.began_at <= now]
        if me.may(Permission.READINGS):
            found["doubtful"] = desk_readings.doubtful_open(conn, limit=FEW)
            found["doubts"] = doubt_cases.waiting(conn)
        if me.may(Permission.SEARCH_CALLS):
            found["gave_up"] = findings.search(
                conn, Wanted(gave_up=True, since=now - GAVE_UP), personal=me.may(Permission.PERSONAL), limit=FEW
            )
        if me.may(Permission.WATCH_LIVE):
            found["live"] = len(calls.unfinished(conn))
        if me.may(Permission.ANNOUNCE):
            found["announcements"] = duties.announcements_on(conn, now)
            found["announce"] = _announce(conn, found.get("incidents", ())[:FEW], found["announcements"], now)
        return Needed(**found)

    needed = await serving.read(job)
    window: Progress | None = None
    if me.may(Permission.READINGS):
        window = await progress_of(serving, Tongue(language_of(request)))
    return render(
        request, "home/overview.html",
        needed=needed, window=window, today=rules.local_day(now), few=FEW,
        prompt_words=lambda name: title(serving.catalogue, language_of(request), name),
        since=(now - GAVE_UP).isoformat(timespec="seconds"),
    )  # fmt: skip


def _announce(
    conn: Connection, incidents: Sequence[duties.Incident], on: Sequence[duties.On], now: datetime
) -> Mapping[int, Sequence[Announce]]:
    """What can be announced of each of these, in every district that it concerns."""
    supplied = told_to.regions_of(conn, {one.feeder for one in incidents if one.region is None and one.feeder})
    heard = {(one.prompt, one.region) for one in on}
    found: dict[int, Sequence[Announce]] = {}
    for one in incidents:
        prompt, until = suggested(one.planned, one.expected, now)
        regions = [one.region] if one.region else supplied.get(one.feeder or "", ())
        found[one.id] = [
            Announce(each, address(prompt, each, until=until), bool({(prompt, each), (prompt, None)} & heard))
            for each in regions
        ]
    return found
