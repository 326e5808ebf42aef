"""Customers of an import and the store: what differs, and making it so.

Rules
1. An import says what is, for the accounts that it names; about others it says nothing.  An empty cell says nothing.
2. Nothing is deleted.  A meter that an account no longer has gets `removed_on`; one that is back loses it.  An import
   that names no meter of an account says nothing about its meters.
3. A reading is added unless the same value for the same day is there: of one day the later one counts, as always.
4. A caller's number is added to its accounts, never taken away: callers register numbers too.
5. What can't be true is refused with the whole account: a display that changed its width, zones that no meter has
   together.

Doing it again changes nothing.  `plan` only reads; `carry_out` only writes; both in one transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.intake.rows import POWER, Customer, MeterIn, Problem, RegisterIn, lacking
from domain.model import AccountKind, Energy, Purpose, Source, Status, Zone
from domain.tables import accounts, buildings, caller_accounts, caller_numbers, meters, readings, registers

Building = tuple[str, str, str, str]
Face = tuple[str, str, Energy, Zone]
"""A register: account, meter's number, energy, zone."""


@dataclass(slots=True)
class Counts:
    """What an import did.  accounts: all that were imported, of which `new` ones, `changed` ones (something of them
    was added or changed) and others that were as the file has them."""

    accounts: int = 0
    new: int = 0
    changed: int = 0
    meters: int = 0
    removed: int = 0
    registers: int = 0
    readings: int = 0
    numbers: int = 0

    def add(self, more: "Counts") -> None:
        for name, value in asdict(more).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(slots=True)
class Plan:
    """What must be written for a batch.  refused: accounts that are not in it, with the reason."""

    refused: list[tuple[Customer, Problem]] = field(default_factory=list[tuple[Customer, Problem]])
    counts: Counts = field(default_factory=Counts)
    buildings: dict[Building, str | None] = field(default_factory=dict[Building, "str | None"])
    of_building: dict[str, Building] = field(default_factory=dict[str, Building])
    new_accounts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    account_changes: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    new_meters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    meter_changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list[tuple[int, dict[str, Any]]])
    meter_ids: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    new_registers: list[tuple[Face, RegisterIn]] = field(default_factory=list[tuple[Face, RegisterIn]])
    register_changes: list[tuple[int, dict[str, Any]]] = field(default_factory=list[tuple[int, dict[str, Any]]])
    readings: list[tuple[Face | int, RegisterIn]] = field(default_factory=list[tuple["Face | int", RegisterIn]])
    numbers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@dataclass(slots=True)
class _Known:
    """What the store has of an account."""

    row: Any
    building: Building | None
    feeder: str | None
    meters: dict[str, Any] = field(default_factory=dict[str, Any])
    registers: dict[tuple[str, Energy, Zone], Any] = field(default_factory=dict[tuple[str, Energy, Zone], Any])
    numbers: set[str] = field(default_factory=set[str])


def plan(conn: Connection, customers: Sequence[Customer], today: date) -> Plan:
    """What must be written so that the store has these customers.  today: in Europe/Kyiv."""
    made = Plan()
    known = _known(conn, customers)
    stored = _stored(conn, known, customers)
    for customer in customers:
        has = known.get(customer.number)
        if (problem := _conflict(customer, has)) is not None:
            made.refused.append((customer, problem))
        else:
            _plan_one(made, customer, has, stored, today)
    return made


def carry_out(conn: Connection, made: Plan, at: datetime) -> None:
    """Write what was planned, in this transaction.  at: now, timezone-aware UTC."""
    of_building = _write_buildings(conn, made.buildings)
    building = {account: of_building[key] for account, key in made.of_building.items()}
    for row in made.new_accounts:
        row["building"] = building.get(row["number"])
    _insert(conn, accounts, made.new_accounts)
    for number, change in made.account_changes:
        if "building" in change:
            change["building"] = building[number]
        conn.execute(update(accounts).where(accounts.c.number == number).values(change))
    _change(conn, meters, made.meter_changes)
    _change(conn, registers, made.register_changes)
    meter_ids = made.meter_ids
    if made.new_meters:
        new = insert(meters).returning(meters.c.id, meters.c.account, meters.c.number)
        meter_ids |= {(row.account, row.number): row.id for row in conn.execute(new, made.new_meters)}
    of_register = _write_registers(conn, made, meter_ids)
    _insert(conn, readings, [
        {"register": of if isinstance(of, int) else of_register[of], "value": r.value, "read_on": r.read_on, "at": at,
         "source": Source.INSPECTOR, "status": Status.ACCEPTED, "purpose": Purpose.CONTROL}
        for of, r in made.readings
    ])  # fmt: skip
    if made.numbers:
        dialect = conn.dialect.name
        conn.execute(_NUMBERS[dialect], [{"number": number} for number in {number for number, _ in made.numbers}])
        conn.execute(_CALLERS[dialect], [{"number": number, "account": of} for number, of in made.numbers])


# Planning


def _known(conn: Connection, customers: Sequence[Customer]) -> dict[str, _Known]:
    """What the store has of these accounts."""
    numbers = [customer.number for customer in customers]
    found = {
        row.number: _Known(row, _building(row) if row.building else None, row.feeder)
        for row in conn.execute(_ACCOUNTS, {"of": numbers})
    }  # fmt: skip
    if found:
        for row in conn.execute(_METERS, {"of": list(found)}):
            found[row.account].meters[row.number] = row
        for row in conn.execute(_REGISTERS, {"of": list(found)}):
            found[row.account].registers[row.number, row.energy, row.zone] = row
        phones = [phone for customer in customers if customer.number in found for phone in customer.phones]
        for row in conn.execute(_OF_NUMBERS, {"of": phones}) if phones else ():
            if row.account in found:
                found[row.account].numbers.add(row.number)
    return found


def _stored(
    conn: Connection, known: Mapping[str, _Known], customers: Iterable[Customer]
) -> set[tuple[int, date, int]]:
    """The readings that are there already, of registers of which the import has one."""
    asked = [
        has.id
        for customer in customers if (of := known.get(customer.number)) is not None
        for meter in customer.meters for r in meter.registers
        if r.value is not None and (has := of.registers.get((meter.number, r.energy, r.zone))) is not None
    ]  # fmt: skip
    if not asked:
        return set()
    return {(row.register, row.read_on, row.value) for row in conn.execute(_READINGS, {"of": asked})}


def _conflict(customer: Customer, has: _Known | None) -> Problem | None:
    """What keeps this account from being imported, by what the store knows of it."""
    kind = customer.facts.get("kind") or (has.row.kind if has else AccountKind.HOUSEHOLD)
    for meter in customer.meters:
        there = {key[1:]: row for key, row in has.registers.items() if key[0] == meter.number} if has else {}
        zones = {(r.energy, r.zone) for r in meter.registers} | set(there)
        if reason := lacking(zones):
            return Problem(meter.place, "zone", "", f"meter {meter.number}: {reason}{_reprogrammed(there)}")
        if meter.number not in (has.meters if has else ()) and "power" not in meter.facts and kind not in POWER:
            return Problem(meter.place, "power", "", f"meter {meter.number} is new: its contracted power is missing")
        if not zones:
            return Problem(
                meter.place, "width", "", f"meter {meter.number} is new: the width of its display is missing"
            )
        for r in meter.registers:
            old = there.get((r.energy, r.zone))
            if old is None and r.width is None:
                return Problem(
                    r.place, "width", "", f"meter {meter.number} is new: the width of its display is missing"
                )
            if old is not None and r.width is not None and r.width != old.width:
                return Problem(
                    r.place, "width", str(r.width),
                    f"meter {meter.number} has {old.width} digits in the store: a display doesn't change, so this is "
                    "another meter with the same number, or a mistake",
                )  # fmt: skip
            if old is not None and r.width is None and r.value is not None and r.value >= 10**old.width:
                return Problem(r.place, "value", str(r.value), f"a display of {old.width} digits can't show it")
            if kind is AccountKind.HOUSEHOLD and r.energy is not Energy.ACTIVE:
                return Problem(r.place, "energy", r.energy, "households have no reactive registers")
    return None


def _reprogrammed(there: Mapping[tuple[Energy, Zone], Any]) -> str:
    if not there:
        return ""
    return (
        f"; the store has {', '.join(zone for _, zone in sorted(there))}: a meter that was set to other zones is "
        "imported as another one, with a suffix to its number"
    )


def _plan_one(
    made: Plan, customer: Customer, has: _Known | None, stored: set[tuple[int, date, int]], today: date
) -> None:
    """Add what this customer needs to the plan."""
    counts, number = Counts(accounts=1), customer.number
    if customer.building is not None:
        *key, feeder = customer.building
        place = (key[0], key[1], key[2], key[3])
        if has is None or has.building != place or (feeder is not None and has.feeder != feeder):
            made.buildings[place] = feeder if feeder is not None else made.buildings.get(place)
            made.of_building[number] = place
    if has is None:
        counts.new = 1
        made.new_accounts.append({"kind": AccountKind.HOUSEHOLD, **_NOTHING, **customer.facts, "number": number})
    else:
        change = {column: value for column, value in customer.facts.items() if getattr(has.row, column) != value}
        if number in made.of_building:
            change["building"] = None  # its id is known when the building is written
        if change:
            made.account_changes.append((number, change))
            counts.changed = 1
    for meter in customer.meters:
        _plan_meter(made, counts, customer, meter, has, stored)
    for row in _vanished(customer, has):
        made.meter_changes.append((row.id, {"removed_on": today}))
        counts.removed += 1
    new_numbers = [phone for phone in customer.phones if has is None or phone not in has.numbers]
    made.numbers += [(phone, number) for phone in new_numbers]
    counts.numbers = len(new_numbers)
    if has is not None and (counts.meters + counts.removed + counts.registers + counts.readings + counts.numbers):
        counts.changed = 1
    made.counts.add(counts)


def _vanished(customer: Customer, has: _Known | None) -> Iterator[Any]:
    """The meters of the store that hang there no longer, by an import that names this account's meters."""
    named = {meter.number for meter in customer.meters}
    if has is not None and named:
        yield from (row for row in has.meters.values() if row.number not in named and row.removed_on is None)


def _plan_meter(
    made: Plan, counts: Counts, customer: Customer, meter: MeterIn, has: _Known | None,
    stored: set[tuple[int, date, int]],
) -> None:  # fmt: skip
    old = has.meters.get(meter.number) if has else None
    if old is None:
        made.new_meters.append({
            "multiplier": 1, "power": POWER.get(AccountKind.HOUSEHOLD), "smart": False, "removed_on": None,
            **meter.facts, "account": customer.number, "number": meter.number,
        })  # fmt: skip
        counts.meters += 1
    else:
        made.meter_ids[customer.number, meter.number] = old.id
        facts = {"removed_on": None, **meter.facts}  # it is named, so it hangs there unless it says otherwise
        if change := {column: value for column, value in facts.items() if getattr(old, column) != value}:
            made.meter_changes.append((old.id, change))
            counts.changed = 1
    for r in meter.registers:
        face: Face = (customer.number, meter.number, r.energy, r.zone)
        there = has.registers.get(face[1:]) if has else None
        if there is None:
            made.new_registers.append((face, r))
            counts.registers += 1
        elif r.usual is not None and r.usual != there.usual:
            made.register_changes.append((there.id, {"usual": r.usual}))
            counts.changed = 1
        if r.value is not None and (there is None or (there.id, r.read_on, r.value) not in stored):
            made.readings.append((face if there is None else there.id, r))
            counts.readings += 1


# Writing


def _write_buildings(conn: Connection, found: Mapping[Building, str | None]) -> dict[Building, int]:
    """Their ids; those that are new are inserted, those whose feeder is another now are changed."""
    if not found:
        return {}
    rows: list[dict[str, Any]] = [
        {**dict(zip(_KEY, key, strict=True)), "feeder": feeder} for key, feeder in found.items()
    ]
    return {_building(row): row.id for row in conn.execute(_BUILDINGS[conn.dialect.name], rows)}


def _building(row: Any) -> Building:
    return row.region, row.settlement, row.street, row.house


def _write_registers(conn: Connection, made: Plan, meter_ids: Mapping[tuple[str, str], int]) -> dict[Face, int]:
    if not made.new_registers:
        return {}
    faces = {(meter_ids[face[:2]], face[2], face[3]): face for face, _ in made.new_registers}
    rows = [
        {"meter": meter_ids[face[:2]], "zone": r.zone, "energy": r.energy, "width": r.width, "usual": r.usual}
        for face, r in made.new_registers
    ]
    new = insert(registers).returning(registers.c.id, registers.c.meter, registers.c.energy, registers.c.zone)
    return {faces[row.meter, row.energy, row.zone]: row.id for row in conn.execute(new, rows)}


def _insert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(table), rows)


def _change(conn: Connection, table: Table, changes: Iterable[tuple[int, dict[str, Any]]]) -> None:
    for of, change in changes:
        conn.execute(update(table).where(table.c.id == of).values(change))


_NOTHING: Final[dict[str, None]] = dict.fromkeys(("eic", "supplier", "flat"))
_KEY: Final = ("region", "settlement", "street", "house")
_MANY: Final[BindParameter[Any]] = bindparam("of", expanding=True)
_ACCOUNTS: Final = (
    select(
        accounts.c.number, accounts.c.kind, accounts.c.eic, accounts.c.supplier, accounts.c.flat, accounts.c.building,
        *(buildings.c[column] for column in (*_KEY, "feeder")),
    )
    .select_from(accounts.outerjoin(buildings, buildings.c.id == accounts.c.building))
    .where(accounts.c.number.in_(_MANY))
)  # fmt: skip
_METERS: Final = select(meters).where(meters.c.account.in_(_MANY))
_REGISTERS: Final = (
    select(meters.c.account, meters.c.number, registers)
    .select_from(registers.join(meters, meters.c.id == registers.c.meter))
    .where(meters.c.account.in_(_MANY))
)
_OF_NUMBERS: Final = select(caller_accounts).where(caller_accounts.c.number.in_(_MANY))
_READINGS: Final = select(readings.c.register, readings.c.read_on, readings.c.value).where(
    readings.c.register.in_(_MANY), readings.c.status == Status.ACCEPTED
)
_DIALECTS: Final = (("sqlite", sqlite), ("postgresql", postgresql))
_NUMBERS: Final = {name: dialect.insert(caller_numbers).on_conflict_do_nothing() for name, dialect in _DIALECTS}
_CALLERS: Final = {name: dialect.insert(caller_accounts).on_conflict_do_nothing() for name, dialect in _DIALECTS}
_BUILDINGS: Final = {
    name: (new := dialect.insert(buildings))
    .on_conflict_do_update(
        index_elements=["settlement", "street", "house", "region"],
        set_={"feeder": func.coalesce(new.excluded.feeder, buildings.c.feeder)},
    )
    .returning(buildings.c.id, *(buildings.c[column] for column in _KEY))
    for name, dialect in _DIALECTS
}
