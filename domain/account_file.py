"""Everything that is known of one account: where it stands, what measures there, and all that happened, on one line.

Rules: reads only; what happened is told newest first, a page at a time, whatever kind it is of; two things of one
moment keep their order (kind, then number).  A bill has no moment of its own: it stands at the first instant of the
month after the one that it is for (Kyiv).  A call belongs to the account that it did something for, at once, and to
one that it was about (somebody only asked), as soon as the search knows of it (`domain.findings`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, literal, or_, select, union

from domain import findings, lookup, terms
from domain.commands import AskStatement, AskSupply
from domain.handlers import perform
from domain.lookup import Address, address_of
from domain.model import AccountKind, Energy, OutageNews, Source, Statement, Status, Zone
from domain.queries import Query
from domain.tables import (
    accounts,
    bills,
    callbacks,
    calls,
    incidents,
    meters,
    orders,
    outage_reports,
    readings,
    registers,
    requests,
    resolutions,
    submissions,
)
from domain.window import Period

USAGE: Final = 26
"""Readings of a register that its chart shows: two years of months, and one to begin with."""


class Kind(StrEnum):
    """What happened."""

    READING = "reading"
    BILL = "bill"
    REQUEST = "request"
    OUTAGE = "outage"
    ORDER = "order"
    CALLBACK = "callback"
    CALL = "call"


@dataclass(frozen=True, slots=True)
class Happened:
    """Something on the time line.  id: its number in the store, or the call's id.  facts: the columns of its row."""

    at: datetime
    kind: Kind
    id: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page ended."""

    at: datetime
    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Point:
    """A reading on a register's chart.  a_day: kWh a day since the one before, multiplied; None for the first."""

    reading: int
    on: date
    value: int
    source: Source
    a_day: float | None


@dataclass(frozen=True, slots=True)
class Counter:
    """A register with what it has shown.  points: readings that count, the oldest first."""

    id: int
    zone: Zone
    energy: Energy
    width: int
    usual: float | None
    points: tuple[Point, ...]

    @property
    def last(self) -> Point | None:
        return self.points[-1] if self.points else None


@dataclass(frozen=True, slots=True)
class Device:
    """A meter; removed ones too."""

    id: int
    number: str
    multiplier: int
    power: float
    smart: bool
    removed_on: date | None
    counters: tuple[Counter, ...]


@dataclass(frozen=True, slots=True)
class AccountFile:
    """An account as it stands.  statement: what was billed, what will be, and what a reading given now counts for.
    supply: what is known of an outage there; feeder: None: not known."""

    number: str
    kind: AccountKind
    eic: str | None
    supplier: str | None
    address: Address | None
    feeder: str | None
    phones: tuple[str, ...]
    devices: tuple[Device, ...]
    statement: Statement
    supply: OutageNews


def whole(conn: Connection, number: str, at: datetime) -> AccountFile | None:
    """The account of this number, None when nobody has it.  at: now, timezone-aware."""
    row = conn.execute(_ACCOUNT, {"of": number}).one_or_none()
    if row is None:
        return None

    def ask(command: Any) -> Any:
        return perform(conn, command, call=None, seq=None, at=at)

    return AccountFile(
        row.number, row.kind, row.eic, row.supplier, address_of(row), row.feeder,
        lookup.numbers_of(conn, number), tuple(_devices(conn, number)), ask(AskStatement(number)),
        ask(AskSupply(number)),
    )  # fmt: skip


def history(
    conn: Connection,
    number: str,
    *,
    before: Mark | None = None,
    limit: int = 40,
    kinds: Collection[Kind] = tuple(Kind),
) -> tuple[Sequence[Happened], Mark | None]:
    """What happened, newest first; and where the next page begins, None when that was all."""
    found: list[Happened] = []
    for kind in kinds:
        found += _bills(conn, number, before) if kind is Kind.BILL else _rows(conn, kind, number, before, limit + 1)
    found.sort(key=_order, reverse=True)
    page = found[:limit]
    last = page[-1] if len(found) > limit else None
    return page, Mark(last.at, last.kind, last.id) if last else None


def _rows(conn: Connection, kind: Kind, number: str, before: Mark | None, most: int) -> Iterator[Happened]:
    source = _SOURCES[kind]
    statement = source.rows.order_by(source.at.desc(), source.id.desc()).limit(most)
    asked: dict[str, Any] = {"of": number}
    if kind is Kind.CALL:
        until = before.at + timedelta(seconds=1) if before else None  # the search knows whole seconds
        known = findings.search(conn, Query(account=number, until=until), personal=True, limit=most)
        asked["known"] = [each.call for each in known.calls]
    if before is not None:
        at = literal(before.at, source.at.type)
        match (kind > before.kind) - (kind < before.kind):
            case 1:
                statement = statement.where(source.at < at)
            case -1:
                statement = statement.where(source.at <= at)
            case _:
                key = before.id if kind is Kind.CALL else int(before.id)
                statement = statement.where(or_(source.at < at, and_(source.at == at, source.id < key)))
    for row in conn.execute(statement, asked).mappings():
        facts: dict[str, Any] = {str(name): value for name, value in row.items()}
        yield Happened(facts.pop("at"), kind, str(facts["id"]), facts)


def _bills(conn: Connection, number: str, before: Mark | None) -> Iterator[Happened]:
    """They are few: one a month, and not kept for ever."""
    for row in conn.execute(_BILLS, {"of": number}).mappings():
        period: date = row["period"]
        facts: dict[str, Any] = {str(name): value for name, value in row.items()}
        each = Happened(terms.begins(Period.of(period).next.first), Kind.BILL, f"{period:%Y%m}", facts)
        if before is None or _order(each) < _order(before):
            yield each


def _order(each: Happened | Mark) -> tuple[datetime, str, int, str]:
    return (each.at, each.kind, 0 if each.kind is Kind.CALL else int(each.id), each.id)


def chart(conn: Connection, register: int, multiplier: int, width: int, upto: int | None = None) -> tuple[Point, ...]:
    """The readings of this register that count, the oldest first, at most `USAGE`.  upto: only those stored before
    this one."""
    rows = conn.execute(_POINTS, {"of": register, "upto": upto or 2**62, "most": USAGE}).all()
    points: list[Point] = []
    for row in reversed(rows):
        a_day = None
        if points and (days := (row.read_on - points[-1].on).days) > 0:
            used = (row.value - points[-1].value) % 10**width
            if used <= 10**width // 2:  # more is a display that went back: a correction, not use
                a_day = used * multiplier / days
        points.append(Point(row.id, row.read_on, row.value, row.source, a_day))
    return tuple(points)


def _devices(conn: Connection, number: str) -> Iterator[Device]:
    found: dict[int, list[Any]] = {}
    for row in conn.execute(_REGISTERS, {"of": number}):
        found.setdefault(row.meter, []).append(row)
    for meter, rows in found.items():
        first = rows[0]
        yield Device(
            meter, first.number, first.multiplier, first.power, first.smart, first.removed_on,
            tuple(
                Counter(
                    row.id, row.zone, row.energy, row.width, row.usual,
                    chart(conn, row.id, first.multiplier, row.width),
                )
                for row in rows
                if row.id is not None
            ),
        )  # fmt: skip


# How: what never changes is made once

_of: BindParameter[str] = bindparam("of")
_ACCOUNT: Final = select(accounts, *lookup.PLACE).select_from(lookup.WITH_BUILDING).where(accounts.c.number == _of)
_REGISTERS: Final = (
    select(
        meters.c.id.label("meter"), meters.c.number, meters.c.multiplier, meters.c.power, meters.c.smart,
        meters.c.removed_on, registers.c.id, registers.c.zone, registers.c.energy, registers.c.width,
        registers.c.usual,
    )
    .select_from(meters.outerjoin(registers, registers.c.meter == meters.c.id))
    .where(meters.c.account == _of)
    .order_by(meters.c.removed_on.is_not(None), meters.c.id, registers.c.id)
)  # fmt: skip
_POINTS: Final = (
    select(readings.c.id, readings.c.read_on, readings.c.value, readings.c.source)
    .where(
        readings.c.register == _of,
        readings.c.status == Status.ACCEPTED,
        readings.c.source != Source.ESTIMATE,
        readings.c.id < bindparam("upto"),
    )
    .order_by(readings.c.read_on.desc(), readings.c.id.desc())
    .limit(bindparam("most"))
)
_BILLS: Final = (
    select(bills.c.period, bills.c.kwh, bills.c.amount, bills.c.paid, bills.c.paid_on)
    .where(bills.c.account == _of)
    .order_by(bills.c.period.desc())
)
_READINGS: Final = (
    select(
        readings.c.id, readings.c.at, meters.c.number.label("meter"), registers.c.zone, registers.c.energy,
        readings.c.value, readings.c.read_on, readings.c.source, readings.c.status, readings.c.doubt,
        readings.c.purpose, readings.c.period, readings.c.call, submissions.c.receipt,
        resolutions.c.by.label("resolved_by"), resolutions.c.accepted,
    )
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id)
        .join(readings, readings.c.register == registers.c.id)
        .outerjoin(submissions, submissions.c.id == readings.c.submission)
        .outerjoin(resolutions, resolutions.c.reading == readings.c.id)
    )
    .where(meters.c.account == _of)
)  # fmt: skip
_REQUESTS: Final = select(
    requests.c.id, requests.c.registered_at.label("at"), requests.c.number, requests.c.kind, requests.c.topic,
    requests.c.state, requests.c.due, requests.c.responsible, requests.c.closed_at, requests.c.call,
    requests.c.justified,
).where(requests.c.account == _of)  # fmt: skip
_OUTAGES: Final = (
    select(
        outage_reports.c.id, outage_reports.c.at, outage_reports.c.number, outage_reports.c.kind,
        outage_reports.c.call, outage_reports.c.incident, incidents.c.restored_at, incidents.c.expected_at,
        incidents.c.planned, incidents.c.danger, incidents.c.building,
    )
    .select_from(outage_reports.outerjoin(incidents, incidents.c.id == outage_reports.c.incident))
    .where(outage_reports.c.account == _of)
)  # fmt: skip
_ORDERS: Final = select(
    orders.c.id, orders.c.at, orders.c.number, orders.c.kind, orders.c.due, orders.c.done_at, orders.c.result,
    orders.c.call,
).where(orders.c.account == _of)  # fmt: skip
_CALLBACKS: Final = select(
    callbacks.c.id, callbacks.c.at, callbacks.c.number, callbacks.c.about, callbacks.c.contact,
    callbacks.c.begins_at, callbacks.c.ends_at, callbacks.c.attempts, callbacks.c.done_at, callbacks.c.result,
    callbacks.c.call,
).where(callbacks.c.account == _of)  # fmt: skip
_known: Final = calls.alias()
_about_it: Final = union(  # one list, not two conditions with OR between: for that PostgreSQL would read all calls
    select(readings.c.call)
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id).join(readings, readings.c.register == registers.c.id)
    )
    .where(meters.c.account == _of, readings.c.call.is_not(None)),
    *(
        select(table.c.call).where(table.c.account == _of, table.c.call.is_not(None))
        for table in (requests, outage_reports, orders, callbacks)
    ),
    select(_known.c.id).where(_known.c.id.in_(bindparam("known", expanding=True, value=list[str]()))),
)
_CALLS: Final = select(
    calls.c.id, calls.c.began_at.label("at"), calls.c.caller, calls.c.ended_at, calls.c.outcome
).where(calls.c.id.in_(_about_it))


class _Source(NamedTuple):
    """Where one kind comes from.  at, id: by which it is ordered."""

    rows: Any  # Select: pyright wants its columns named
    at: ColumnElement[Any]
    id: ColumnElement[Any]


_SOURCES: Final[Mapping[Kind, _Source]] = {
    Kind.READING: _Source(_READINGS, readings.c.at, readings.c.id),
    Kind.REQUEST: _Source(_REQUESTS, requests.c.registered_at, requests.c.id),
    Kind.OUTAGE: _Source(_OUTAGES, outage_reports.c.at, outage_reports.c.id),
    Kind.ORDER: _Source(_ORDERS, orders.c.at, orders.c.id),
    Kind.CALLBACK: _Source(_CALLBACKS, callbacks.c.at, callbacks.c.id),
    Kind.CALL: _Source(_CALLS, calls.c.began_at, calls.c.id),
}
