"""The columns that an import understands, and how the headers of a file come to them.

Rules: a header is a column when it is its name or one of its other names, whatever its case, spaces and punctuation;
a header that is none is named to the user and passed over; the same column twice is an error.  `docs/import.md` has
this table, made by `ivr import --columns`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


class BadFile(Exception):
    """The file as a whole can't be imported; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """name: ours.  meaning: what its cells hold.  also: what others call it."""

    name: str
    meaning: str
    also: tuple[str, ...] = ()


COLUMNS: Final = (
    Column("account", "ten digits, the last a check digit (Damm)", (
        "account number", "особовий рахунок", "номер особового рахунку", "о/р", "лицевой счет", "лицевой счёт",
        "л/с")),
    Column("kind", "household (default) or legal", ("customer", "тип споживача", "категорія", "тип потребителя")),
    Column("eic", "EIC of the metering point: 16 characters with their check character", (
        "eic code", "еіс", "еіс-код", "еіс код точки обліку", "eic-код")),
    Column("supplier", "who bills, at most 40 characters", ("постачальник", "поставщик")),
    Column("region", "the district by which announcements are switched", ("district", "район", "рем", "рэс")),
    Column("settlement", "city, town or village", ("city", "населений пункт", "місто", "населенный пункт", "город")),
    Column("street", "without the house", ("вулиця", "улица")),
    Column("house", "the number of the building, with its letter", ("building", "будинок", "дом")),
    Column("flat", "", ("apartment", "квартира", "кв")),
    Column("feeder", "the line that supplies the building", ("line", "фідер", "лінія", "фидер", "линия")),
    Column("phone", "numbers of who calls for this account, separated by ; , or |", (
        "phones", "caller", "телефон", "телефони", "номер телефону", "телефоны", "номер телефона")),
    Column("meter", "the serial number on its face", (
        "meter number", "serial", "лічильник", "номер лічильника", "заводський номер", "счетчик", "счётчик",
        "номер счетчика", "номер счётчика")),
    Column("multiplier", "kWh per displayed unit: 1 (default) without current transformers", (
        "ratio", "коефіцієнт", "коефіцієнт трансформації", "коэффициент", "коэффициент трансформации")),
    Column("power", "contracted power of the connection, kW; default 15 for households", (
        "contracted power", "дозволена потужність", "договірна потужність", "потужність", "мощность",
        "договорная мощность", "разрешённая мощность", "разрешенная мощность")),
    Column("smart", "yes when it reports by itself; default no", ("аское", "дистанційний", "аскуэ")),
    Column("removed_on", "the day on which the meter was taken down", ("removed", "знято", "дата зняття", "снят")),
    Column("zone", "single (default), day, night, peak or half_peak", ("tariff zone", "зона", "тарифна зона")),
    Column("energy", "active (default), reactive or reactive_back", ("енергія", "вид енергії", "энергия")),
    Column("width", "digits before the point that the display has", (
        "digits", "розрядність", "кількість розрядів", "значність", "разрядность")),
    Column("usual", "average use, kWh a day as displayed", (
        "average", "daily use", "середньодобове споживання", "среднесуточное потребление")),
    Column("value", "a reading: whole units as displayed", ("reading", "показник", "показання", "показание")),
    Column("read_on", "the day of that reading, Europe/Kyiv", (
        "reading date", "дата показника", "дата показань", "дата показания", "дата")),
)  # fmt: skip

NAMES: Final = tuple(column.name for column in COLUMNS)
PLACE: Final[Mapping[str, int]] = {name: n for n, name in enumerate(NAMES)}
"""Where a column stands among the cells of a row."""


def folded(header: str) -> str:
    """A header without what people write differently: case, spaces, punctuation."""
    return "".join(c for c in header.casefold() if c.isalnum())


_KNOWN: Final = {folded(name): column.name for column in COLUMNS for name in (column.name, *column.also)}


@dataclass(frozen=True, slots=True)
class Header:
    """places: of each of COLUMNS in the file's rows, None when it isn't there.  unknown: headers that are none."""

    places: tuple[int | None, ...]
    unknown: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that the file has."""
        return tuple(name for name, place in zip(NAMES, self.places, strict=True) if place is not None)


def recognised(headers: Sequence[str], renamed: Mapping[str, str] | None = None) -> int:
    """How many of these headers are columns."""
    return sum(_column(header, renamed or {}) is not None for header in headers)


def match(headers: Sequence[str], renamed: Mapping[str, str] | None = None) -> Header:
    """The columns of a file with these headers.

    renamed: headers of this file that mean a column of ours.  Raises BadFile when there is no account column, a
    column comes twice, or `renamed` speaks of what isn't there.
    """
    renamed = {folded(header): column for header, column in (renamed or {}).items()}
    for header, column in renamed.items():
        if column not in PLACE:
            raise BadFile(f"there is no column {column!r}; there are: {', '.join(NAMES)}")
        if header not in {folded(each) for each in headers}:
            raise BadFile(f"the file has no header {header!r}, which should mean {column}")
    places: dict[str, int] = {}
    unknown: list[str] = []
    for place, header in enumerate(headers):
        column = _column(header, renamed)
        if column is None:
            if header.strip():
                unknown.append(header.strip())
        elif column in places:
            raise BadFile(f"the headers {headers[places[column]]!r} and {header!r} both mean {column}: rename one")
        else:
            places[column] = place
    if "account" not in places:
        raise BadFile(
            f"no header means the account; the headers are: {', '.join(repr(h) for h in headers)}. "
            "Say which with --rename HEADER=account"
        )
    return Header(tuple(places.get(name) for name in NAMES), tuple(unknown))


def _column(header: str, renamed: Mapping[str, str]) -> str | None:
    return renamed.get(folded(header)) or _KNOWN.get(folded(header))


def table() -> str:
    """The columns as Markdown."""
    rows = [("column", "what it holds", "also understood"), ("---",) * 3]
    rows += [(f"`{c.name}`", c.meaning or "as written", ", ".join(c.also)) for c in COLUMNS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
