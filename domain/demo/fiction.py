"""Who the generated customers are: the `n`th is always the same, whatever is generated with it.

Rules: pure; everything follows from the seed and `n`.  Settlements and streets are invented, telephone numbers can't
be given to anybody (nothing begins with 0 after an area code), EIC and account numbers have sound check characters.

Of a hundred customers about: 30 have two zones and 5 three, 8 a smart meter, 2 a second meter, 3 are legal entities
(with current transformers, half of them with reactive registers), 60 call from a known number, 2 share one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import cos, pi
from random import Random
from typing import Final

from stdnum import damm
from stdnum.eu import eic

from domain.model import AccountKind, Energy, Zone

REGIONS: Final = ("Зразковий", "Показовий", "Прикладний", "Умовний", "Навчальний", "Пробний", "Уявний", "Взірцевий")
_SETTLEMENTS: Final = (
    "Зразкове", "Показове", "Прикладне", "Умовне", "Уявне", "Взірцеве", "Гаданівка", "Пробне", "Вигаданівка",
    "Приблизне", "Навчальне", "Примірне", "Казкове-на-Папері", "Нібитівка", "Якбито", "Небувале",
)  # fmt: skip
_STREETS: Final = (
    "Показова", "Умовна", "Уявна", "Вигадана", "Гадана", "Прикладна", "Небувала", "Казкових Героїв", "Пробна",
    "Перших Показників", "Двозонна", "Тризонна", "Лічильна", "Кіловатна", "Амперна", "Вольтова Дуга", "Нульова",
    "Фазна", "Тиха Напруга", "Довгих Проводів",
)  # fmt: skip
_SUPPLIERS: Final = ("Умовний постачальник", "Зразок-Енерго", "Приклад-Збут")
_AREAS: Final = ("44", "32", "48", "56", "57", "61", "62", "51")
GROUP: Final = 25
"""Customers who live together: twenty in one house, five in houses of their own."""
FLATS: Final = 20
FEEDER: Final = 250
"""Customers on one feeder."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A register.  share: of the meter's use.  begins: what it showed when its history begins."""

    zone: Zone
    energy: Energy
    width: int
    share: float
    begins: int


@dataclass(frozen=True, slots=True)
class Face:
    """A meter.  daily: kWh a day over the year, multiplied."""

    number: str
    multiplier: int
    power: float
    smart: bool
    daily: float
    counters: tuple[Counter, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A customer.  season: how much more in January than on average, -1 to 1."""

    number: str
    kind: AccountKind
    eic: str
    supplier: str
    building: tuple[str, str, str, str]
    feeder: str
    flat: str | None
    phone: str | None
    season: float
    faces: tuple[Face, ...]


def account_number(n: int) -> str:
    """Of the `n`th, 0 <= n < 100,000,000; they rise with n."""
    digits = f"5{n:08d}"
    return digits + damm.calc_check_digit(digits)


def dice(seed: int, n: int, what: int = 0) -> Random:
    """Chance that is always the same for this customer."""
    return Random(((seed * 100_000_000) + n) * 16 + what)


def person(n: int, seed: int) -> Person:
    """The `n`th customer."""
    chance = dice(seed, n)
    kind = AccountKind.LEGAL if n % 33 == 7 else AccountKind.HOUSEHOLD
    group, within = divmod(n, GROUP)
    region = REGIONS[n // FEEDER % len(REGIONS)]
    settled = group // 80
    settlement = _SETTLEMENTS[settled % len(_SETTLEMENTS)]
    if settled >= len(_SETTLEMENTS):
        settlement += f"-{settled // len(_SETTLEMENTS) + 1}"
    street = _STREETS[group % len(_STREETS)]
    first = 1 + 6 * (group % 80 // len(_STREETS))
    house = first if within < FLATS else first + within - FLATS + 1
    heats = chance.random()
    return Person(
        account_number(n), kind, _eic(n), _SUPPLIERS[n // 100 % 3],
        (region, settlement, f"вул. {street}", str(house)), f"Ф-{n // FEEDER + 101}",
        str(within + 1) if within < FLATS else None, _phone(n),
        0.1 if kind is AccountKind.LEGAL else 0.6 if heats < 0.3 else -0.5 if heats > 0.92 else 0.25,
        tuple(_faces(n, kind, chance)),
    )  # fmt: skip


def season(of: Person, month: int) -> float:
    """How many times the average is used in this month (1 to 12); January and July are the extremes."""
    return 1 + of.season * cos(2 * pi * (month - 1) / 12)


def _eic(n: int) -> str:
    """Of the point of the `n`th; a code whose check character would be "-" is given to nobody."""
    for last in range(10):
        code = f"62Z{n:011d}{last}"
        if (check := eic.calc_check_digit(code)) != "-":
            return code + check
    raise AssertionError(f"no code for {n}")  # two in a row never end so


def _phone(n: int) -> str | None:
    """Three of five are known by their number; the 51st of each hundred has the number of the 50th."""
    if n % 100 == 50:
        n -= 1  # somebody who calls for two accounts; 49 has a number
    if n % 5 in (1, 2) and n % 100 != 49:
        return None
    return f"+380{_AREAS[n % len(_AREAS)]}0{n // len(_AREAS) + 1000:06d}"


def _faces(n: int, kind: AccountKind, chance: Random) -> Iterator[Face]:
    legal = kind is AccountKind.LEGAL
    smart = n % 12 == 5
    ratio = chance.choice((20, 30, 40, 60)) if legal else 1
    power = float(chance.choice((50, 100, 160, 250)) if legal else chance.choice((5, 7, 10, 15)))
    daily = round(chance.lognormvariate(4.6, 0.4) if legal else min(chance.lognormvariate(1.9, 0.45), 40.0), 1)
    width = 6 if legal or n % 3 else 5
    zones = _zones(n)
    counters = [_counter(zone, Energy.ACTIVE, width, share, daily / ratio, chance) for zone, share in zones]
    if legal and n % 2:
        counters += [
            _counter(Zone.SINGLE, energy, width, share, daily / ratio, chance)
            for energy, share in ((Energy.REACTIVE, 0.35), (Energy.REACTIVE_BACK, 0.02))
        ]
    yield Face(f"9{n:08d}", ratio, power, smart, daily, tuple(counters))
    if n % 50 == 11:
        shed = _counter(Zone.SINGLE, Energy.ACTIVE, 5, 1.0, daily / 4, chance)
        yield Face(f"8{n:08d}", 1, power, False, round(daily / 4, 1), (shed,))


def _zones(n: int) -> tuple[tuple[Zone, float], ...]:
    if n % 10 in (2, 3, 4):
        return (Zone.DAY, 0.62), (Zone.NIGHT, 0.38)
    if n % 20 == 9:
        return (Zone.PEAK, 0.22), (Zone.HALF_PEAK, 0.43), (Zone.NIGHT, 0.35)
    return ((Zone.SINGLE, 1.0),)


def _counter(zone: Zone, energy: Energy, width: int, share: float, shown: float, chance: Random) -> Counter:
    begins = int(shown * share * 365 * chance.uniform(0.2, 9)) % 10**width
    return Counter(zone, energy, width, share, begins)
