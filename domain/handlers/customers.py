"""Who is it?"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.commands import FindAccount, RecogniseCaller, RememberLanguage
from domain.handling import Context, handles
from domain.model import Account, KnownCaller, Meter, Register
from domain.tables import accounts, buildings, caller_accounts, caller_numbers, counting, meters, readings, registers


@handles(FindAccount)
def find_account(conn: Connection, command: FindAccount, _: Context) -> Account | None:
    """An account without meters is an account too."""
    return next(_accounts(conn.execute(_ACCOUNT, {"of": command.number})), None)


@handles(RecogniseCaller)
def recognise_caller(conn: Connection, command: RecogniseCaller, _: Context) -> KnownCaller:
    """A withheld number, and one that nobody knows, tell nothing."""
    if command.number is None:
        return KnownCaller()
    rows = conn.execute(_CALLER, {"of": command.number}).all()
    if not rows:
        return KnownCaller()
    return KnownCaller(rows[0].language, tuple(_accounts(row for row in rows if row.account is not None)))


@handles(RememberLanguage)
def remember_language(conn: Connection, command: RememberLanguage, _: Context) -> None:
    """For numbers that belong to no account too."""
    conn.execute(_REMEMBER[conn.dialect.name], {"number": command.number, "language": command.language})


# How: statements are made once, for making one costs more than running it

_HANGS: Final = and_(meters.c.account == accounts.c.number, meters.c.removed_on.is_(None))
_WITH_METERS: Final = (
    accounts.outerjoin(buildings, buildings.c.id == accounts.c.building)
    .outerjoin(meters, _HANGS)
    .outerjoin(registers, registers.c.meter == meters.c.id)
    .outerjoin(readings, counting)
)
_COLUMNS: Final = (
    accounts.c.number.label("account"),
    meters.c.id.label("meter_id"),
    meters.c.number.label("meter"),
    meters.c.multiplier,
    meters.c.power,
    meters.c.smart,
    accounts.c.kind,
    buildings.c.region,
    registers.c.zone,
    registers.c.width,
    registers.c.usual,
    registers.c.energy,
    readings.c.value.label("last"),
    readings.c.read_on.label("last_on"),
)
_ORDER: Final = (accounts.c.number, meters.c.id, registers.c.id)

_ACCOUNT: Final = (
    select(*_COLUMNS).select_from(_WITH_METERS).where(accounts.c.number == bindparam("of")).order_by(*_ORDER)
)
_CALLER: Final = (
    select(caller_numbers.c.language, *_COLUMNS)
    .select_from(
        caller_numbers.outerjoin(caller_accounts, caller_accounts.c.number == caller_numbers.c.number)
        .outerjoin(accounts, accounts.c.number == caller_accounts.c.account)
        .outerjoin(buildings, buildings.c.id == accounts.c.building)
        .outerjoin(meters, _HANGS)
        .outerjoin(registers, registers.c.meter == meters.c.id)
        .outerjoin(readings, counting)
    )
    .where(caller_numbers.c.number == bindparam("of"))
    .order_by(*_ORDER)
)
_REMEMBER: Final = {
    name: (new := dialect.insert(caller_numbers)).on_conflict_do_update(
        index_elements=["number"], set_={"language": new.excluded.language}
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}


def _accounts(rows: Iterable[Any]) -> Iterator[Account]:
    """Rows of `_COLUMNS`, ordered, as values."""
    for (number, kind, region), of_account in groupby(rows, key=lambda row: (row.account, row.kind, row.region)):
        found: list[Meter] = []
        for meter_id, of_meter in groupby(of_account, key=lambda row: row.meter_id):
            if meter_id is None:
                continue
            of_meter = list(of_meter)
            shown = tuple(
                Register(row.zone, row.width, row.last, row.last_on, row.usual, row.energy)
                for row in of_meter
                if row.zone is not None
            )
            first = of_meter[0]
            found.append(Meter(first.meter, shown, first.multiplier, first.power, first.smart))
        yield Account(number, tuple(found), kind, region)
