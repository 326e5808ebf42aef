"""Finding a customer by what somebody has in front of them: an account, a telephone, an EIC, a number on a meter.

Rules: what was typed is taken for everything that it can be; each way is a descent of an index, never a scan; pages
follow each other by account number.  Of accounts and meters the beginning is enough, from `LEAST` digits on; a
telephone and an EIC are whole, for their beginnings are everybody's.

An address is a street or a settlement by its beginning, or both with a comma between, then perhaps house and flat:
"Показова 5", "Зразкове, вул. Показова, 5, кв. 3".  Small letters are taken for capitals where words begin, and
the kind of a street (вул., просп.) may be said or not, there as here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, or_, select

from domain.model import AccountKind
from domain.phone import e164
from domain.tables import accounts, buildings, caller_accounts, meters

LEAST: Final = 4
"""Digits of an account or a meter that are enough to look for."""
LETTERS: Final = 3
"""Of a street or a settlement that are enough."""
MOST: Final = 300
"""Buildings that an address may mean; the rest needs a house."""

STREETS: Final = ("", "вул. ", "вулиця ", "просп. ", "проспект ", "пров. ", "провулок ", "бульв. ", "пл. ", "ул. ")
"""How the kind of a street is written before its name."""
_KIND: Final = re.compile(
    r"^(вул|вулиця|просп|пр-т|проспект|пров|провулок|бульв|бульвар|пл|площа|ул|улица|пер)\b\.?\s*", re.I
)
_TOWN: Final = re.compile(r"^(м|с|смт|місто|село|г|город)(\.\s*|\s+)", re.I)
_FLAT: Final = re.compile(r"[\s,]+(?:кв|квартира|flat)\b\.?\s*([0-9]\S*)\s*$", re.I)
_NUMBER: Final = re.compile(r"[\s,]+(?:(?:буд|будинок|дом|д)\b\.?\s*)?([0-9][0-9\w/-]*)\s*$", re.I)


class By(StrEnum):
    """What was found by."""

    ACCOUNT = "account"
    PHONE = "phone"
    EIC = "eic"
    METER = "meter"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an account is supplied."""

    region: str
    settlement: str
    street: str
    house: str
    flat: str | None


@dataclass(frozen=True, slots=True)
class Customer:
    """An account as a list shows it.  meters: the numbers of those that hang there."""

    account: str
    kind: AccountKind
    eic: str | None
    supplier: str | None
    address: Address | None
    meters: tuple[str, ...]
    by: By


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of customers, by account number.  next: the account after which the next page begins; None: all."""

    customers: Sequence[Customer]
    next: str | None


def look_up(conn: Connection, text: str, *, after: str = "", limit: int = 30) -> Hits:
    """Whom `text` may mean; nobody where it is too short to mean anybody.  after: an account, of a page before."""
    found: dict[str, By] = {}
    for by, statement in (*_ways(text), *_by_address(conn, text)):
        behind = statement.where(statement.selected_columns[0] > after).limit(limit + 1)
        for (number,) in conn.execute(behind):
            found.setdefault(number, by)
    numbers = sorted(found)
    kept = numbers[:limit]
    return Hits(_customers(conn, kept, found), kept[-1] if len(numbers) > limit else None)


def numbers_of(conn: Connection, account: str) -> tuple[str, ...]:
    """The telephone numbers from which this account is called, E.164."""
    return tuple(conn.scalars(_NUMBERS, {"of": account}))


def reachable(conn: Connection, contact: str | None, account: str | None) -> bool:
    """Is there anywhere to reply to: the contact that was given, or the account's address or telephone?"""
    if (contact or "").strip():
        return True
    if account is None:
        return False
    return conn.scalar(_HOUSE, {"of": account}) is not None or bool(numbers_of(conn, account))


def _ways(text: str) -> Iterator[tuple[By, Select[Any]]]:
    plain = re.sub(r"[\s().\-]", "", text)
    if plain.isascii() and plain.isdecimal() and LEAST <= len(plain) <= 10:
        yield (
            By.ACCOUNT,
            select(accounts.c.number).where(_begins(accounts.c.number, plain)).order_by(accounts.c.number),
        )
    if number := e164(text):
        yield (
            By.PHONE,
            select(caller_accounts.c.account)
            .where(caller_accounts.c.number == number)
            .order_by(caller_accounts.c.account),
        )
    if re.fullmatch(r"62[A-Z0-9-]{14}", text.strip().upper()):  # Ukraine's issuing office is 62 (ENTSO-E EIC)
        yield (
            By.EIC,
            select(accounts.c.number).where(accounts.c.eic == text.strip().upper()).order_by(accounts.c.number),
        )
    if LEAST <= len(plain) <= 40 and any(each.isdigit() for each in plain):
        condition = (
            _begins(meters.c.number, plain) if plain.isdecimal() else meters.c.number.in_({plain, text.strip()})
        )
        whose = _not_by(meters.c.account)  # else a plan goes through all meters in the order of accounts
        yield By.METER, select(whose).distinct().where(condition).order_by(whose)


def _by_address(conn: Connection, text: str) -> Iterator[tuple[By, Select[Any]]]:
    rest, flat, house = text.strip().translate(_APOSTROPHES), None, None
    if found := _FLAT.search(rest):
        rest, flat = rest[: found.start()], found[1]
    if found := _NUMBER.search(rest):
        rest, house = rest[: found.start()], found[1]
    parts = [each.strip() for each in rest.split(",") if each.strip()]
    if not parts or len(parts) > 2 or sum(each.isalpha() for each in parts[-1]) < LETTERS:
        return
    town = _TOWN.sub("", parts[0]) if len(parts) == 2 else None
    these = _buildings(conn, town, _KIND.sub("", parts[-1]), house)
    if town is None and not these:
        these = _buildings(conn, _TOWN.sub("", parts[0]), None, house)
    if these:
        condition = accounts.c.building.in_(these)
        if flat:
            condition &= accounts.c.flat.in_(_written(flat))
        yield By.ADDRESS, select(accounts.c.number).where(condition).order_by(accounts.c.number)


def _buildings(conn: Connection, town: str | None, street: str | None, house: str | None) -> list[int]:
    """Of these names' beginnings; `MOST` at most.  Each way of writing them is a range of an index."""
    found: dict[int, None] = {}
    for kind in STREETS if street else ("",):
        for name in _capitals(street or town or ""):
            statement = select(buildings.c.id).where(
                _starts(conn, buildings.c.street if street else buildings.c.settlement, kind + name)
            )
            if street and town:
                within = _not_by(buildings.c.settlement)  # all of them may begin alike; one street is in few
                statement = statement.where(or_(*(_starts(conn, within, t) for t in _capitals(town))))
            if house:
                statement = statement.where(buildings.c.house.in_(_written(house)))
            found |= dict.fromkeys(conn.scalars(statement.limit(MOST - len(found))))
            if len(found) >= MOST:
                return list(found)
    return list(found)


def _capitals(name: str) -> list[str]:
    """As it is written, and with a capital where words begin."""
    return list(dict.fromkeys((name, re.sub(r"(^|[\s-])(\w)", lambda m: m[1] + m[2].upper(), name))))


def _written(number: str) -> list[str]:
    """A number of a house or flat with its letter large and small."""
    return list(dict.fromkeys((number, number.upper(), number.lower())))


def _starts(conn: Connection, column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Begins with this text, so that an index answers: PostgreSQL's index of patterns, SQLite's order of bytes."""
    if conn.dialect.name == "postgresql":
        return column.startswith(prefix, autoescape=True)
    return (column >= prefix) & (column < prefix + "\U0010ffff")


def _not_by(column: ColumnElement[str]) -> ColumnElement[str]:
    """The same values, by no index: where another condition of the query is the narrower way in."""
    return column.concat("")


_APOSTROPHES: Final = str.maketrans("’ʼ`", "'''")


def _begins(column: ColumnElement[str], digits: str) -> ColumnElement[bool]:
    """Begins with these digits, as a range that an index descends to."""
    if digits.strip("9") == "":
        return column >= digits
    kept = digits.rstrip("9")
    return (column >= digits) & (column < kept[:-1] + str(int(kept[-1]) + 1))


def _customers(conn: Connection, numbers: Sequence[str], found: dict[str, By]) -> list[Customer]:
    if not numbers:
        return []
    there: dict[str, list[str]] = {number: [] for number in numbers}
    for row in conn.execute(_METERS, {"these": list(numbers)}):
        there[row.account].append(row.number)
    return [
        Customer(
            row.number, row.kind, row.eic, row.supplier, address_of(row), tuple(there[row.number]), found[row.number]
        )
        for row in conn.execute(_WHO, {"these": list(numbers)})
    ]


def address_of(row: Any) -> Address | None:
    """Of a row with the columns of a building, and `flat`."""
    return Address(row.region, row.settlement, row.street, row.house, row.flat) if row.street else None


# How: what never changes is made once

WITH_BUILDING: Final = accounts.outerjoin(buildings, buildings.c.id == accounts.c.building)
"""Accounts with where they are supplied."""

PLACE: Final = (buildings.c.region, buildings.c.settlement, buildings.c.street, buildings.c.house, buildings.c.feeder)
"""Of `WITH_BUILDING`: what an address is made of."""

_these: BindParameter[list[str]] = bindparam("these", expanding=True, value=list[str]())
_WHO: Final = (
    select(accounts, *PLACE)
    .select_from(WITH_BUILDING)
    .where(accounts.c.number.in_(_these))
    .order_by(accounts.c.number)
)
_METERS: Final = (
    select(meters.c.account, meters.c.number)
    .where(meters.c.account.in_(_these), meters.c.removed_on.is_(None))
    .order_by(meters.c.id)
)
_HOUSE: Final = select(accounts.c.building).where(accounts.c.number == bindparam("of"))
_NUMBERS: Final = (
    select(caller_accounts.c.number)
    .where(caller_accounts.c.account == bindparam("of"))
    .order_by(caller_accounts.c.number)
)
