"""What the rows of an account say, checked and put together.

Rules: pure; every problem names its row and column, the value, and the reason in plain words; an account of which one
row is wrong is wrong as a whole, since half of its meters would be worse than none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from stdnum import damm
from stdnum.eu import eic

from domain import phone
from domain.intake.columns import PLACE
from domain.intake.sources import Cells
from domain.model import AccountKind, Energy, Zone

LONGEST: Final = {
    "region": 60, "settlement": 80, "street": 120, "house": 20, "flat": 20, "feeder": 40, "supplier": 40, "meter": 40,
}  # fmt: skip
"""Characters that the store has room for."""
POWER: Final = {AccountKind.HOUSEHOLD: 15.0}
"""kW, where the file doesn't say."""
EARLIEST: Final = date(1990, 1, 1)
"""A day before this one is a mistake."""
ZONES: Final = (
    frozenset({Zone.SINGLE}),
    frozenset({Zone.DAY, Zone.NIGHT}),
    frozenset({Zone.PEAK, Zone.HALF_PEAK, Zone.NIGHT}),
)
"""The zones that a meter can have, of each kind of energy."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was said.  file: the number of the file among those of this import."""

    file: int
    row: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row was not imported.  column, value: empty when it is the row as a whole."""

    place: Place
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class RegisterIn:
    """A register as a row has it.  None: the row doesn't say.  value, read_on: both or neither."""

    place: Place
    zone: Zone
    energy: Energy
    width: int | None
    usual: float | None
    value: int | None
    read_on: date | None


@dataclass(slots=True)
class MeterIn:
    """A meter as its rows have it.  facts: columns of the store that they speak of."""

    place: Place
    number: str
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    registers: list[RegisterIn] = field(default_factory=list[RegisterIn])


@dataclass(slots=True)
class Customer:
    """An account as its rows have it.

    facts: columns of the store that they speak of.  building: region, settlement, street, house, feeder.
    places: all its rows.
    """

    number: str
    places: list[Place]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    building: tuple[str, str, str, str, str | None] | None = None
    phones: list[str] = field(default_factory=list[str])
    meters: list[MeterIn] = field(default_factory=list[MeterIn])


class Wrong(ValueError):
    """A cell can't be what its column holds; the message is the reason."""


# Cells


def account_number(text: str) -> str:
    """The number of an account.  Raises Wrong."""
    if len(text) == 10 and text.isascii() and text.isdigit():
        if damm.is_valid(text):
            return text
        raise Wrong("its check digit is wrong: a digit is mistyped, or two are swapped")
    if "e+" in text.casefold():
        raise Wrong("a spreadsheet has rounded it: format the column as text and export it again")
    if text.isascii() and text.isdigit() and len(text) < 10:
        raise Wrong(f"it has {len(text)} digits, not 10; a spreadsheet cuts zeros at the beginning off")
    raise Wrong("an account has ten digits" if text else "there is no account")


def _word(words: Mapping[str, Any]) -> Callable[[str], Any]:
    def chosen(text: str) -> Any:
        try:
            return words[text.casefold()]
        except KeyError:
            raise Wrong(f"it is none of: {', '.join(words)}") from None

    return chosen


def _text(column: str) -> Callable[[str], str]:
    def short(text: str) -> str:
        text = " ".join(text.split())
        if len(text) > LONGEST[column]:
            raise Wrong(f"it has {len(text)} characters; there is room for {LONGEST[column]}")
        return text

    return short


def _eic(text: str) -> str:
    code = text.upper()
    if not eic.is_valid(code):
        raise Wrong("not an EIC: 16 letters, digits and hyphens, of which the last is a check character")
    return code


def _phones(text: str) -> tuple[str, ...]:
    for sign in ",|/":
        text = text.replace(sign, ";")
    found: list[str] = []
    for each in filter(None, (part.strip() for part in text.split(";"))):
        number = phone.e164(each)
        if number is None:
            raise Wrong(f"{each} is not a telephone number as +380XXXXXXXXX, 0XXXXXXXXX or +COUNTRY...")
        found.append(number)
    return tuple(dict.fromkeys(found))


def _number(text: str) -> float:
    try:
        number = float("".join(text.split()).replace(",", "."))
    except ValueError:
        raise Wrong("not a number") from None
    if not 0 <= number < 1e12:  # NaN isn't either
        raise Wrong("not a number from 0 up")
    return number


def _whole(text: str) -> int:
    number = _number(text)
    if not number.is_integer():
        raise Wrong("not a whole number: registers are read without decimals")
    return int(number)


def _between(least: int, most: int, what: str) -> Callable[[str], int]:
    def bounded(text: str) -> int:
        if not least <= (number := _whole(text)) <= most:
            raise Wrong(f"{what} is from {least} to {most}")
        return number

    return bounded


def _power(text: str) -> float:
    if not 0 < (kilowatts := _number(text)) <= 1_000_000:
        raise Wrong("contracted power is more than 0 kW, and at most 1000000")
    return kilowatts


def _day(text: str) -> date:
    digits = text.split(" ")[0].split("T")[0]
    for pattern in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"):
        try:
            day = datetime.strptime(digits, pattern).date()  # noqa: DTZ007  a day has no time zone
        except ValueError:
            continue
        if day < EARLIEST:
            raise Wrong(f"a day before {EARLIEST}")
        return day
    raise Wrong("not a day as 2026-11-30 or 30.11.2026")


_YES: Final = {word: word in ("yes", "1", "true", "так", "да", "+")
               for word in ("yes", "no", "1", "0", "true", "false", "так", "ні", "да", "нет", "+", "-")}  # fmt: skip
_KINDS: Final = {
    **{kind.value: kind for kind in AccountKind},
    **dict.fromkeys(("побутовий", "бытовой", "фізична особа", "населення"), AccountKind.HOUSEHOLD),
    **dict.fromkeys(("юридична особа", "юридичний", "юрлицо", "непобутовий"), AccountKind.LEGAL),
}
_ZONES: Final = {
    **{zone.value: zone for zone in Zone},
    "день": Zone.DAY, "ніч": Zone.NIGHT, "ночь": Zone.NIGHT, "пік": Zone.PEAK, "пик": Zone.PEAK,
    "напівпік": Zone.HALF_PEAK, "полупик": Zone.HALF_PEAK, "загальна": Zone.SINGLE, "общая": Zone.SINGLE,
    "однозонний": Zone.SINGLE,
}  # fmt: skip
_ENERGIES: Final = {
    **{energy.value: energy for energy in Energy},
    "активна": Energy.ACTIVE, "активная": Energy.ACTIVE, "реактивна": Energy.REACTIVE, "реактивная": Energy.REACTIVE,
    "генерація": Energy.REACTIVE_BACK, "генерация": Energy.REACTIVE_BACK,
}  # fmt: skip

_SELDOM: Final = {  # cells of which few differ: what one means is remembered
    "kind": _word(_KINDS),
    **{column: _text(column) for column in ("supplier", "region", "settlement", "street", "house", "flat", "feeder")},
    "multiplier": _between(1, 100_000, "a multiplier"),
    "power": _power,
    "smart": _word(_YES),
    "removed_on": _day,
    "zone": _word(_ZONES),
    "energy": _word(_ENERGIES),
    "width": _between(1, 12, "the number of digits"),
    "usual": _number,
    "read_on": _day,
}
_PARSERS: Final[tuple[tuple[int, str, Callable[[str], Any]], ...]] = tuple(
    (PLACE[column], column, parse)
    for column, parse in (
        *((column, lru_cache(4096)(parse)) for column, parse in _SELDOM.items()),
        ("eic", _eic), ("phone", _phones), ("meter", _text("meter")), ("value", _whole),
    )
)  # fmt: skip

_OF_ACCOUNT: Final = ("kind", "eic", "supplier", "flat", "region", "settlement", "street", "house", "feeder")
_OF_METER: Final = ("multiplier", "power", "smart", "removed_on")
_OF_REGISTER: Final = ("zone", "energy", "width", "usual", "value", "read_on")
_BUILDING: Final = ("region", "settlement", "street", "house")


def parse(place: Place, cells: Cells, today: date) -> tuple[dict[str, Any], list[Problem]]:
    """What a row says, by column, without the empty cells; and what is wrong with it."""
    said: dict[str, Any] = {}
    problems: list[Problem] = []
    for at, column, read in _PARSERS:
        if text := cells[at]:
            try:
                said[column] = read(text)
            except Wrong as wrong:
                problems.append(Problem(place, column, text, str(wrong)))
    problems += [Problem(place, *found) for found in _within(said, cells, today)]
    return said, problems


def _within(said: Mapping[str, Any], cells: Cells, today: date) -> Iterator[tuple[str, str, str]]:
    """What doesn't go together within a row: column, value, reason."""
    for column in ("read_on", "removed_on"):
        if (day := said.get(column)) and day > today:
            yield column, cells[PLACE[column]], "a day that is still to come"
    if "meter" not in said and not cells[PLACE["meter"]]:
        if odd := next((column for column in (*_OF_METER, *_OF_REGISTER) if cells[PLACE[column]]), None):
            yield odd, cells[PLACE[odd]], "the row has no meter that this could be of"
        return
    if (value := said.get("value")) is not None:
        if not cells[PLACE["read_on"]]:
            yield "value", cells[PLACE["value"]], "a reading needs its day (read_on)"
        if (width := said.get("width")) and value >= 10**width:
            yield "value", cells[PLACE["value"]], f"a display of {width} digits can't show it"
    elif "read_on" in said and not cells[PLACE["value"]]:
        yield "read_on", cells[PLACE["read_on"]], "a day without a reading (value)"


# Accounts


def assemble(number: str, rows: Sequence[tuple[Place, Cells]], today: date) -> tuple[Customer, list[Problem]]:
    """What the rows of this account say together, and what is wrong with them.

    today: in Europe/Kyiv.  The customer is to be used only when nothing is wrong.
    """
    customer = Customer(number, [place for place, _ in rows])
    problems: list[Problem] = []
    known: dict[str, tuple[Any, Place]] = {}
    meters: dict[str, tuple[MeterIn, dict[str, tuple[Any, Place]]]] = {}
    for place, cells in rows:
        said, wrong = parse(place, cells, today)
        problems += wrong
        problems += _agree(place, cells, known, said, _OF_ACCOUNT)
        customer.phones += [each for each in said.get("phone", ()) if each not in customer.phones]
        if serial := said.get("meter"):
            meter, facts = meters.setdefault(serial, (MeterIn(place, serial), {}))
            problems += _agree(place, cells, facts, said, _OF_METER)
            problems += _add(meter, place, said)
    for meter, facts in meters.values():
        meter.facts = {column: value for column, (value, _) in facts.items()}
        customer.meters.append(meter)
    if problems:
        return customer, problems
    facts = {column: value for column, (value, _) in known.items()}
    problems += _locate(customer, facts)
    if facts.get("kind") is AccountKind.HOUSEHOLD:
        problems += [
            Problem(r.place, "energy", r.energy, "households have no reactive registers")
            for meter in customer.meters for r in meter.registers if r.energy is not Energy.ACTIVE
        ]  # fmt: skip
    customer.facts = {column: facts[column] for column in ("kind", "eic", "supplier", "flat") if column in facts}
    return customer, problems


def _agree(
    place: Place, cells: Cells, known: dict[str, tuple[Any, Place]], said: Mapping[str, Any], columns: Iterable[str]
) -> Iterator[Problem]:
    """Note what is said of the whole; a second row may repeat it and not contradict it."""
    for column in columns:
        if (value := said.get(column)) is not None:
            before, by = known.setdefault(column, (value, place))
            if before != value:
                yield Problem(place, column, cells[PLACE[column]], f"row {by.row} says {before!s}")


def _add(meter: MeterIn, place: Place, said: Mapping[str, Any]) -> Iterator[Problem]:
    """The register of this row."""
    register = RegisterIn(
        place, said.get("zone", Zone.SINGLE), said.get("energy", Energy.ACTIVE), said.get("width"), said.get("usual"),
        said.get("value"), said.get("read_on"),
    )  # fmt: skip
    if not any(column in said for column in _OF_REGISTER):
        return  # a row about the meter alone
    same = next((r for r in meter.registers if (r.zone, r.energy) == (register.zone, register.energy)), None)
    if same is None:
        meter.registers.append(register)
    elif _content(same) != _content(register):
        yield Problem(
            place, "zone", register.zone,
            f"row {same.place.row} describes this register of meter {meter.number} otherwise",
        )  # fmt: skip


def _content(r: RegisterIn) -> tuple[Any, ...]:
    return r.width, r.usual, r.value, r.read_on


def _locate(customer: Customer, facts: Mapping[str, Any]) -> Iterator[Problem]:
    """The building, which is known by all of its columns or not at all."""
    given = [column for column in _BUILDING if column in facts]
    if len(given) == len(_BUILDING):
        customer.building = (*(facts[c] for c in _BUILDING), facts.get("feeder"))  # pyright: ignore[reportAttributeAccessIssue]
    elif given or "feeder" in facts:
        lacking = next(column for column in _BUILDING if column not in facts)
        reason = "an address needs region, settlement, street and house; this one is missing"
        yield Problem(customer.places[0], lacking, "", reason)


def lacking(zones: Iterable[tuple[Energy, Zone]]) -> str:
    """What is wrong with the zones of a meter's registers; empty when nothing is."""
    for energy, found in groupby(sorted(zones), key=lambda register: register[0]):
        had = frozenset(zone for _, zone in found)
        if had not in ZONES:
            missing = next((whole - had for whole in ZONES if had < whole), None)
            if missing:
                return f"its {energy} register for {', '.join(sorted(missing))} is missing"
            return f"no meter has the {energy} registers {', '.join(sorted(had))} together"
    return ""
