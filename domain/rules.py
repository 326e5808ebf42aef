"""The arithmetic of the business: check digits, days, and whether a reading is believable.

Rules: pure; no clock (`today` is an argument), no database.  Numbers are kWh *as displayed*: what a meter with
current transformers shows, before its multiplier.

Theory of `judge`.  Two bounds on what a register can have counted since its last value:
  capacity  contracted power x hours / multiplier: more than that cannot have come through the connection;
  usual     four times the average use plus 150 kWh: an electric heater in January is not a mistake.
A value is doubted above the smaller of the two.  A value below the last one has rolled over the display when the way
forward is shorter than half of its range and within the capacity; otherwise it is lower.  Nothing is ever refused:
a doubt costs the customer one more question, and who insists is written down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from stdnum import damm

from domain.model import Doubt, Meter, Register

HOME: Final = ZoneInfo("Europe/Kyiv")
"""Where a day begins and ends for readings, deadlines and billing."""

USUAL_TIMES: Final = 4
"""How many times the average use passes without a question."""

USUAL_SLACK: Final = 150.0
"""kWh (multiplied) on top of that, whatever the average: one cold week, one guest with a heater."""

UNKNOWN_SPAN: Final = 366
"""Days assumed since a last value that has no date: a year, so that a long silence is not held against anybody."""

STILL: Final = 3.0
"""Units that a register should have counted before it is odd that it shows the same as last time."""

STILL_DAYS: Final = 7
"""Days after which the same value is odd when the average use is not known."""


def local_day(at: datetime) -> date:
    """The day at the customers' place at this instant.  `at`: timezone-aware, else ValueError."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: instants are timezone-aware UTC here")
    return at.astimezone(HOME).date()


def account_number_is_sound(number: str) -> bool:
    """Ten ASCII digits of which the last is the Damm check digit: catches every single wrong digit and every swap."""
    return len(number) == 10 and number.isascii() and number.isdigit() and bool(damm.is_valid(number))


def receipt_number(n: int) -> str:
    """The number of the `n`th submission (n >= 1): seven digits that count, one Damm check digit.

    They come round again after ten million; a receipt is found by number *and* account.
    """
    if n < 1:
        raise ValueError(f"submissions are counted from 1, not {n}")
    digits = f"{n % 10_000_000:07d}"
    return digits + damm.calc_check_digit(digits)


@dataclass(frozen=True, slots=True)
class Plausible:
    """Nothing to ask.  used: kWh as displayed since the last value; None when there is no last value."""

    used: int | None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Ask once more, naming why.  used: kWh as displayed since the last value; negative when it is LOWER."""

    doubt: Doubt
    used: int


Verdict: TypeAlias = Plausible | Doubtful


def judge(meter: Meter, register: Register, value: int, today: date) -> Verdict:
    """Is `value` on this register of this meter believable on `today` (Europe/Kyiv)?

    A value that the display cannot show (negative, too wide) is for the caller of this to have caught: ValueError.
    """
    if not 0 <= value < 10**register.width:
        raise ValueError(f"{value} does not fit a display of {register.width} digits")
    if register.last is None:
        return Plausible(None)
    used = value - register.last
    if used == 0:
        return Doubtful(Doubt.UNCHANGED, 0) if _should_have_moved(register, today) else Plausible(0)
    if used < 0:
        rolled = used + 10**register.width
        if rolled > min(_capacity(meter, register, today), 10**register.width // 2):
            return Doubtful(Doubt.LOWER, used)
        used = rolled
    return Plausible(used) if used <= _believable(meter, register, today) else Doubtful(Doubt.HIGHER, used)


def expected(register: Register, today: date) -> int | None:
    """What a customer with average use reads on `today`, rolled over if need be; None without a last value."""
    if register.last is None:
        return None
    return (register.last + ceil((register.usual or 0) * (_days(register, today) - 1))) % 10**register.width


def specimens(meter: Meter, register: Register, today: date) -> Mapping[str, int]:
    """One value for each verdict that this register can give today, by name.

    Names: "plausible", "rolled over" (plausible too), and the values of `Doubt`.
    """
    found: dict[str, int] = {}
    for value in _turning_points(meter, register, today):
        found.setdefault(_name(register, value, judge(meter, register, value, today)), value)
    return found


def _name(register: Register, value: int, verdict: Verdict) -> str:
    match verdict:
        case Doubtful(doubt):
            return doubt.value
        case Plausible():
            return "rolled over" if register.last is not None and value < register.last else "plausible"


def _turning_points(meter: Meter, register: Register, today: date) -> Iterator[int]:
    """Values at which `judge` may change its mind, the likeliest of each kind first; all fit the display."""
    top = 10**register.width - 1
    if register.last is None:
        yield min(1234, top)
        return
    likeliest = expected(register, today) or 0
    believable = _believable(meter, register, today)
    points = (
        likeliest,
        register.last,
        register.last + 1,
        register.last + 2 * believable + 1,
        register.last + believable + 1,
        (register.last + believable + 1) % (top + 1),
        0,
        register.last - 1 - min(register.last // 10, 100),
        register.last - 1,
        top,
    )
    yield from (point for point in points if 0 <= point <= top)


def _days(register: Register, today: date) -> int:
    """Days that may have passed since the last value: both the first and the last one count whole."""
    return max((today - register.last_on).days, 0) + 1 if register.last_on else UNKNOWN_SPAN


def _capacity(meter: Meter, register: Register, today: date) -> int:
    return ceil(meter.power * 24 * _days(register, today) / meter.multiplier)


def _believable(meter: Meter, register: Register, today: date) -> int:
    """The most that passes without a question."""
    capacity = _capacity(meter, register, today)
    if register.usual is None:
        return capacity
    usual = USUAL_TIMES * register.usual * _days(register, today) + USUAL_SLACK / meter.multiplier
    return min(capacity, ceil(usual))


def _should_have_moved(register: Register, today: date) -> bool:
    days = _days(register, today) - 1
    return days >= STILL_DAYS if register.usual is None else register.usual * days >= STILL
