"""Accounts, meters and readings for tests, in a line each."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, insert, update

from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.tables import accounts, meters, readings, registers
from domain.window import Period

OCTOBER, NOVEMBER, DECEMBER = Period(2026, 10), Period(2026, 11), Period(2026, 12)


def day(text: str) -> date:
    """ "11-30" of 2026, or a whole date."""
    return date.fromisoformat(text if len(text) == 10 else f"2026-{text}")


def noon(text: str) -> datetime:
    return datetime.combine(day(text), time(12), UTC)


@dataclass(frozen=True)
class House:
    """An account and its registers' ids, in the order in which they were made."""

    account: str
    registers: tuple[int, ...]


def _key(conn: Connection, table: Any, **values: Any) -> int:
    return conn.execute(insert(table).values(**values)).inserted_primary_key[0]


def house(
    conn: Connection,
    account: str = "7000000001",
    zones: tuple[Zone, ...] = (Zone.SINGLE,),
    *,
    width: int = 5,
    multiplier: int = 1,
    usual: float | None = None,
    smart: bool = False,
    supplier: str | None = None,
    kind: str = "household",
    energies: tuple[Energy, ...] = (Energy.ACTIVE,),
) -> House:
    conn.execute(insert(accounts).values(number=account, supplier=supplier, kind=kind))
    return House(account, meter(conn, account, "m1", zones, width=width, multiplier=multiplier, usual=usual,
                                smart=smart, energies=energies))  # fmt: skip


def meter(
    conn: Connection,
    account: str,
    number: str,
    zones: tuple[Zone, ...] = (Zone.SINGLE,),
    *,
    width: int = 5,
    multiplier: int = 1,
    usual: float | None = None,
    smart: bool = False,
    energies: tuple[Energy, ...] = (Energy.ACTIVE,),
) -> tuple[int, ...]:
    of = _key(conn, meters, account=account, number=number, multiplier=multiplier, power=15.0, smart=smart)
    return tuple(
        _key(conn, registers, meter=of, zone=zone, width=width, usual=usual, energy=energy)
        for energy in energies
        for zone in zones
    )


def remove(conn: Connection, account: str, number: str, on: str) -> None:
    conn.execute(
        update(meters).where(meters.c.account == account, meters.c.number == number).values(removed_on=day(on))
    )


def read(
    conn: Connection,
    register: int,
    on: str,
    value: int,
    source: Source = Source.CALLER,
    *,
    closes: Period | None = None,
    doubt: Doubt | None = None,
) -> int:
    """A stored reading: of the month that it closes, else a control reading; doubtful with a doubt."""
    return _key(
        conn, readings, register=register, value=value, read_on=day(on), at=noon(on), source=source,
        status=Status.DOUBTFUL if doubt else Status.ACCEPTED, doubt=doubt,
        purpose=Purpose.BILLING if closes else Purpose.CONTROL, period=closes.first if closes else None,
    )  # fmt: skip
