"""A dozen customers who don't exist, for a first call, for tests and for demonstrations.

Rules: always the same; loading them twice changes nothing; no number here belongs to anybody: Ukrainian subscriber
numbers don't begin with 0 after the area code.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, insert, select

from domain import rules
from domain.commands import FindAccount
from domain.doubt import specimens
from domain.handlers import perform
from domain.model import Language, Meter, Register, Source, Status, Zone
from domain.tables import accounts, buildings, caller_accounts, caller_numbers, meters, readings, registers
from domain.usage import Use

LAST_READ: Final = timedelta(days=30)
"""How long before loading the last readings were taken."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo customer as it was loaded.  callers: telephone numbers that are known to be theirs; house: number of the
    house in `STREET` where they live, all on one feeder; None: nobody knows."""

    account: str
    special: str
    meters: tuple[Meter, ...]
    callers: tuple[str, ...] = ()
    house: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """What a customer with average use would read today on one register."""

    meter: str
    zone: Zone
    value: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A demo customer as the store has it now, with something to key."""

    account: str
    special: str
    callers: tuple[str, ...]
    language: Language | None
    values: tuple[Value, ...]


LANGUAGES: Final[dict[str, Language | None]] = {
    "+380440000001": Language.UK,
    "+380440000002": Language.RU,
    "+380440000003": Language.EN,
    "+380440000004": None,
}
"""The numbers that are known, and the language that each chose last."""


def _one(last: int | None, width: int = 5, usual: float | None = 6.0) -> tuple[Register, ...]:
    return (Register(Zone.SINGLE, width, last, None, usual),)


def _two(day: int, night: int, width: int = 6) -> tuple[Register, ...]:
    return (Register(Zone.DAY, width, day, None, 5.0), Register(Zone.NIGHT, width, night, None, 3.0))


def _three(peak: int, half_peak: int, night: int) -> tuple[Register, ...]:
    return (
        Register(Zone.PEAK, 6, peak, None, 2.0),
        Register(Zone.HALF_PEAK, 6, half_peak, None, 4.0),
        Register(Zone.NIGHT, 6, night, None, 3.0),
    )


STREET: Final = {"region": "Зразковий", "settlement": "Зразкове", "street": "Показова", "feeder": "Ф-1"}

DEMOS: Final = (
    Demo("1000000018", "one zone; Ukrainian is remembered", (Meter("0100001", _one(2150)),), ("+380440000001",), "1"),
    Demo("1000000026", "one zone; Russian is remembered", (Meter("0100002", _one(7421)),), ("+380440000002",), "1"),
    Demo("1000000039", "one zone; English is remembered", (Meter("0100003", _one(318)),), ("+380440000003",), "1"),
    Demo("1000000047", "two zones", (Meter("0200004", _two(10450, 6120)),), house="2"),
    Demo("1000000052", "three zones", (Meter("0300005", _three(3300, 8150, 5020)),)),
    Demo("1000000060", "two meters", (Meter("0100006", _one(4410)), Meter("0200006", _two(1250, 730)))),
    Demo("1000000071", "industrial: current transformers, times 40", (
        Meter("0400007", _one(15230, 6, 12.0), multiplier=40, power=250.0),)),
    Demo("1000000083", "six digits", (Meter("0100008", _one(104520, 6)),)),
    Demo("1000000094", "five digits, about to roll over", (Meter("0100009", _one(99950)),)),
    Demo("1000000107", "new: no reading yet, average use unknown", (Meter("0100010", _one(None, 5, None)),)),
    Demo("1000000110", "first of two accounts of one caller", (Meter("0100011", _one(5040)),), ("+380440000004",)),
    Demo("1000000129", "second of two accounts of one caller", (
        Meter("0200012", _two(2040, 1130, 5)),), ("+380440000004",)),
    Demo("1000000132", "no meter: the contract ended", ()),
)  # fmt: skip


def load(conn: Connection, at: datetime) -> int:
    """Put the demo customers in; how many were new.  at: now, timezone-aware UTC; readings are `LAST_READ` older."""
    known = set(conn.scalars(select(accounts.c.number)))
    callers = set(conn.scalars(select(caller_numbers.c.number)))
    for number, language in LANGUAGES.items():
        if number not in callers:
            conn.execute(insert(caller_numbers).values(number=number, language=language))
    new = [demo for demo in DEMOS if demo.account not in known]
    for demo in new:
        _load(conn, demo, at - LAST_READ)
    return len(new)


def _load(conn: Connection, demo: Demo, at: datetime) -> None:
    conn.execute(insert(accounts).values(number=demo.account, building=_building(conn, demo.house)))
    for number in demo.callers:
        conn.execute(insert(caller_accounts).values(number=number, account=demo.account))
    for meter in demo.meters:
        values = {
            "account": demo.account, "number": meter.number, "multiplier": meter.multiplier, "power": meter.power,
        }  # fmt: skip
        key = conn.execute(insert(meters).values(values)).inserted_primary_key
        assert key is not None
        for register in meter.registers:
            values = {"meter": key[0], "zone": register.zone, "width": register.width, "usual": register.usual}
            of = conn.execute(insert(registers).values(values)).inserted_primary_key
            assert of is not None
            if register.last is not None:
                conn.execute(insert(readings).values(
                    register=of[0], value=register.last, read_on=rules.local_day(at), at=at,
                    source=Source.INSPECTOR, status=Status.ACCEPTED,
                ))  # fmt: skip


def _building(conn: Connection, house: str | None) -> int | None:
    """Its id; it is put in with its first customer."""
    if house is None:
        return None
    place = {**STREET, "house": house}
    found = conn.scalar(select(buildings.c.id).filter_by(**place))
    if found is None:
        found = conn.execute(insert(buildings).values(place).returning(buildings.c.id)).scalar_one()
    return int(found)


def listing(conn: Connection, at: datetime) -> list[Listed]:
    """The demo customers that are in the store, with a plausible value for each register on the day of `at`."""
    return list(_listing(conn, at))


def _listing(conn: Connection, at: datetime) -> Iterator[Listed]:
    for demo in DEMOS:
        account = perform(conn, FindAccount(demo.account), call=None, seq=None, at=at)
        if account is None:
            continue
        language = next((LANGUAGES[number] for number in demo.callers), None)
        yield Listed(demo.account, demo.special, demo.callers, language, tuple(
            Value(meter.number, register.zone, _believable(meter, register, rules.local_day(at)))
            for meter in account.meters
            for register in meter.registers
        ))  # fmt: skip


def _believable(meter: Meter, register: Register, today: date) -> int:
    """What average use would show; where that is what was read last (today, perhaps), a little more."""
    likeliest = Use.of(meter, register, today).likeliest
    if likeliest != register.last:
        return likeliest
    found = specimens(meter, register, today)
    return found.get("plausible", found.get("rolled over", likeliest))
