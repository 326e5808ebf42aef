"""There is no light.  What belongs to one outage is decided in `domain.incidents`.

Rules: every report is a row, one that is said again too, with its own words about the danger; its number is that of
the account's first report of this incident.  What the customer was told is kept with the report.
"""

from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, bindparam, update

from domain import incidents, news, numbers
from domain.calls import AlreadyAnswered
from domain.commands import AskSupply, ReportOutage
from domain.handling import Context, handles
from domain.model import OutageKind, OutageNews
from domain.numbers import Series
from domain.once import Once
from domain.tables import outage_reports


@handles(AskSupply)
def ask_supply(conn: Connection, command: AskSupply, context: Context) -> OutageNews:
    """Of an address that nobody knows nothing is known."""
    incident = incidents.known(conn, incidents.place_of(conn, command.account), context.at)
    if incident is None:
        return OutageNews()
    mine = incidents.report_of(conn, incident.id, command.account)
    return _news(conn, incident, command.account, mine.number if mine else None, context)


@handles(ReportOutage)
def report_outage(conn: Connection, command: ReportOutage, context: Context) -> OutageNews:
    """Known: somebody else or staff said so before, or this is said again; the first of all hears that nobody did."""
    said = {"kind": command.kind, "account": command.account, "contact": command.contact}
    if _ONCE.first(conn, context) is not None:
        return _NEWS.validate_json(_ONCE.again(conn, said, context).told)
    place = incidents.place_of(conn, command.account) if command.account else None
    if command.account is None or place is None or place.building is None:
        key, number = _kept(conn, said, context, None, None)
        told = OutageNews(number)
        _tell(conn, command, context, number, None, first=True)
    else:
        key, told = _reported(conn, command, command.account, place, context, said)
    conn.execute(_TOLD, {"of": key, "new_told": _NEWS.dump_json(told).decode()})
    return told


def _reported(
    conn: Connection, command: ReportOutage, account: str, place: incidents.Place, context: Context, said: Any
) -> tuple[int, OutageNews]:
    """A report whose place is known becomes part of an incident; its id, and what the customer hears."""
    incidents.lock(conn, place)
    danger = command.kind is OutageKind.DANGER
    incident = incidents.known(conn, place, context.at)
    opened = incident is None
    of = incident.id if incident else incidents.open_(conn, place, wide=False, at=context.at, danger=danger)
    mine = None if opened else incidents.report_of(conn, of, account)
    key, number = _kept(conn, said, context, of, mine)
    _tell(conn, command, context, number, of, first=mine is None)
    if danger and not opened:
        incidents.flag_danger(conn, of, context.at)
    wide = None
    if place.feeder and _may_widen(incident, command):
        wide = incidents.widened(conn, place.feeder, context.at)
    if opened and wide is None:
        return key, OutageNews(number)
    return key, _news(conn, incidents.one(conn, wide or of), account, number, context)


def _may_widen(incident: Any | None, command: ReportOutage) -> bool:
    """Could this report show that the whole feeder is out?  Works, and what is wide already, can't grow."""
    narrow = incident is None or (incident.building is not None and not incident.planned)
    return narrow and command.kind is OutageKind.NO_SUPPLY


def _kept(
    conn: Connection, said: dict[str, Any], context: Context, incident: int | None, first: Any | None
) -> tuple[int, str]:
    """Store the report; its id, and the number that stands for it."""
    report = {
        **said,
        "incident": incident,
        "repeats": first.id if first else None,
        "source": context.source,
        "at": context.at,
    }
    key = _ONCE.keep(conn, report, context)
    if key is None:
        raise AlreadyAnswered(f"line {context.seq} of call {context.call!r} was reported while we looked: leave it")
    if first:
        return key, first.number
    number = numbers.number(Series.REPORT, key)
    conn.execute(_NUMBER, {"of": key, "new_number": number})
    return key, number


def _news(conn: Connection, incident: Any, account: str, number: str | None, context: Context) -> OutageNews:
    """An expectation that time has passed over tells nobody anything."""
    expected = incident.expected_at
    return OutageNews(
        number=number,
        known=True,
        planned=incident.planned,
        neighbours=incidents.reporters(conn, incident.id, but=account),
        expected=expected if expected and expected > context.at else None,
    )


def _tell(
    conn: Connection, command: ReportOutage, context: Context, number: str, incident: int | None, *, first: bool
) -> None:
    news.tell(
        conn, "outage.reported", context.at, command.account, number=number, outage=command.kind,
        incident=incident, first=first, danger=command.kind is OutageKind.DANGER,
    )  # fmt: skip


# How: statements are made once, for making one costs more than running it

_NEWS: Final = TypeAdapter(OutageNews)
_ONCE: Final = Once(outage_reports)
_of = outage_reports.c.id == bindparam("of")
_NUMBER: Final = update(outage_reports).where(_of).values(number=bindparam("new_number"))
_TOLD: Final = update(outage_reports).where(_of).values(told=bindparam("new_told"))
