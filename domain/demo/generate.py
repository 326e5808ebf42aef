"""Generated customers into a store: as many as are asked for.

Rules
1. The `n`th customer is always the same; who is there already stays as they are, so that loading again, or after
   having been cut off, only adds what is missing.
2. The first `DETAILED` have two years behind them, and requests, outages and orders.  The others have what a call
   needs: where they live, meters, the readings of two month's ends and the last bill.
3. Memory doesn't grow with the number: a batch is made, written in one transaction, and forgotten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from domain import policies, rules
from domain.demo.fiction import Person, account_number, dice, person
from domain.demo.history import Month, calendar, live
from domain.demo.matters import matters
from domain.policy import Policies
from domain.store import Store
from domain.tables import (
    accounts,
    billings,
    bills,
    buildings,
    caller_accounts,
    caller_numbers,
    meters,
    readings,
    registers,
)

DETAILED: Final = 1000
"""Customers with a long past."""
MONTHS: Final = 24
"""How long it is."""
_BATCH: Final = 250
MOST: Final = 7_000_000
"""More than that would share telephone numbers."""

Tell = Callable[[str, int, int], None]


@dataclass(slots=True)
class Loaded:
    """What was added.  matters: requests, outages, orders and calls back."""

    accounts: int = 0
    readings: int = 0
    bills: int = 0
    matters: int = 0


def generate(store: Store, count: int, *, at: datetime, seed: int = 1, tell: Tell | None = None) -> Loaded:
    """Put the first `count` generated customers in.  at: now, timezone-aware UTC; their past ends there.

    Raises StoreFault; what was loaded stays, and the next call goes on there.  ValueError for too many.
    """
    if not 0 <= count <= MOST:
        raise ValueError(f"{count} customers can't be made; at most {MOST:,}")
    tell = tell or (lambda what, done, of: None)
    loaded = Loaded()
    book = store.read(policies.load).result()
    months = calendar(rules.local_day(at), MONTHS, book)
    for first in range(0, count, _BATCH):
        upto = min(first + _BATCH, count)
        done = store.write(lambda conn, which=range(first, upto): _batch(conn, which, book, months, seed)).result()
        loaded.accounts += done.accounts
        loaded.readings += done.readings
        loaded.bills += done.bills
        tell("accounts", upto, count)
    for job in matters(min(count, DETAILED), seed, at):
        loaded.matters += store.write(job).result()
    return loaded


def _batch(conn: Connection, which: range, book: Policies, months: Sequence[Month], seed: int) -> Loaded:
    """Those of these customers who are not there yet."""
    between = accounts.c.number.between(account_number(which[0]), account_number(which[-1]))
    known = set(conn.scalars(select(accounts.c.number).where(between)))
    people = [(n, of) for n in which if (of := person(n, seed)).number not in known]
    if not people:
        return Loaded()
    _live_somewhere(conn, [of for _, of in people])
    faces = [(of, face) for _, of in people for face in of.faces]
    of_meter = _ids(conn, meters, len(faces))
    _rows(conn, meters, [
        {"id": key, "account": of.number, "number": face.number, "multiplier": face.multiplier, "power": face.power,
         "smart": face.smart}
        for key, (of, face) in zip(of_meter, faces, strict=True)
    ])  # fmt: skip
    counters = [(key, face, c) for key, (_, face) in zip(of_meter, faces, strict=True) for c in face.counters]
    of_register = _ids(conn, registers, len(counters))
    _rows(conn, registers, [
        {"id": key, "meter": meter, "zone": c.zone, "energy": c.energy, "width": c.width,
         "usual": round(face.daily * c.share / face.multiplier, 2)}
        for key, (meter, face, c) in zip(of_register, counters, strict=True)
    ])  # fmt: skip
    return _past(conn, people, of_register, book, months, seed)


def _past(
    conn: Connection,
    people: Sequence[tuple[int, Person]],
    of_register: range,
    book: Policies,
    months: Sequence[Month],
    seed: int,
) -> Loaded:
    """What was read and billed."""
    # Ids are taken after the number of readings is known, so they are counted from nought and moved.
    read: list[dict[str, Any]] = []
    billed: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    first = _next_id(conn, readings)
    place = 0
    for n, of in people:
        own = of_register[place : (place := place + sum(len(face.counters) for face in of.faces))]
        own_months = months if n < DETAILED else months[-2:]
        past = live(of, own, first + len(read), own_months, dice(seed, n, 1), book)
        read += past.readings
        billed += past.billings
        told += past.bills
    _move_ids(conn, readings, first + len(read))
    for table, rows in ((readings, read), (billings, billed), (bills, told)):
        _rows(conn, table, rows)
    return Loaded(len(people), len(read), len(told))


def _live_somewhere(conn: Connection, people: Sequence[Person]) -> None:
    """Accounts, the houses they are in, and who calls for them."""
    dialect = conn.dialect.name
    houses = {of.building: of.feeder for of in people}
    conn.execute(_HOUSES[dialect], [dict(zip(_ADDRESS, key, strict=True), feeder=on) for key, on in houses.items()])
    streets = {key[:3] for key in houses}
    ids = {
        (row.region, row.settlement, row.street, row.house): row.id
        for region, settlement, street in streets
        for row in conn.execute(
            select(buildings).where(
                buildings.c.settlement == settlement, buildings.c.street == street, buildings.c.region == region
            )
        )
    }
    _rows(conn, accounts, [
        {"number": of.number, "kind": of.kind, "eic": of.eic, "supplier": of.supplier, "building": ids[of.building],
         "flat": of.flat}
        for of in people
    ])  # fmt: skip
    callers = [(of.phone, of.number) for of in people if of.phone]
    if callers:
        conn.execute(_NUMBERS[dialect], [{"number": number, "language": None} for number, _ in callers])
        _rows(conn, caller_accounts, [{"number": number, "account": account} for number, account in callers])


# Keys: chosen here, so that rows which refer to each other go in as whole tables


def _ids(conn: Connection, table: Table, count: int) -> range:
    """So many new keys of this table, taken."""
    first = _next_id(conn, table)
    _move_ids(conn, table, first + count)
    return range(first, first + count)


def _next_id(conn: Connection, table: Table) -> int:
    """The next key.  Nobody else takes it: SQLite has one writer; on PostgreSQL the table is ours until we commit."""
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
    return 1 + (conn.scalar(select(func.max(table.c.id))) or 0)


def _move_ids(conn: Connection, table: Table, to: int) -> None:
    """PostgreSQL counts by itself from `to` on; SQLite always does so."""
    if conn.dialect.name == "postgresql":
        conn.execute(
            text("SELECT setval(pg_get_serial_sequence(:of, 'id'), :to, false)"), {"of": table.name, "to": to}
        )


def _rows(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(table), rows)


_ADDRESS: Final = ("region", "settlement", "street", "house")
_DIALECTS: Final = (("sqlite", sqlite), ("postgresql", postgresql))
_HOUSES: Final = {name: dialect.insert(buildings).on_conflict_do_nothing() for name, dialect in _DIALECTS}
_NUMBERS: Final = {name: dialect.insert(caller_numbers).on_conflict_do_nothing() for name, dialect in _DIALECTS}
