"""What a distribution company knows about its customers, as immutable values.

Rules: nothing here does I/O or reads a clock; every value can be compared and hashed, so that a conversation
that holds one can be explored and replayed.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Language(StrEnum):
    """ISO 639-1 codes of the languages that the hotline speaks; Ukrainian first."""

    UK = "uk"
    RU = "ru"
    EN = "en"


class Zone(StrEnum):
    """A tariff zone of the day; each zone of a meter has a register of its own."""

    SINGLE = "single"
    DAY = "day"
    NIGHT = "night"
    PEAK = "peak"
    HALF_PEAK = "half_peak"


class Source(StrEnum):
    """Who says that a meter shows this.  Every reading has exactly one."""

    CALLER = "caller"
    WEB = "web"
    BOT = "bot"
    INSPECTOR = "inspector"
    ESTIMATE = "estimate"
    SMART_METER = "smart_meter"


class Status(StrEnum):
    """What a stored reading counts for."""

    ACCEPTED = "accepted"
    DOUBTFUL = "doubtful"  # the customer insists; somebody has to look at it; never dropped


class Doubt(StrEnum):
    """Why a value was asked about a second time."""

    LOWER = "lower"  # than the previous reading, and the counter can't have rolled over
    HIGHER = "higher"  # than usual use explains, or than the connection can carry
    UNCHANGED = "unchanged"


class Outcome(StrEnum):
    """How a call ended for the customer.  Every call has exactly one."""

    READING_TAKEN = "reading_taken"
    READING_PARTIAL = "reading_partial"  # some zones of a meter confirmed, not all
    TRANSFERRED = "transferred"  # to people
    ABANDONED = "abandoned"  # hung up before anything was stored
    FAILED = "failed"  # our fault: a fault of the machinery, apologised for
    DIVERGED = "diverged"  # the flow was changed under a call in progress; apologised for
    LOST = "lost"  # ended while no controller was looking; found afterwards


@dataclass(frozen=True, slots=True)
class Register:
    """One counter of a meter.

    width: digits before the point that the display has.
    last: the last value that counts, in whole kWh as displayed (not multiplied); None when there is none yet.
    last_on: the day of `last`, Europe/Kyiv.
    usual: average use, kWh a day as displayed; None when unknown.
    """

    zone: Zone
    width: int
    last: int | None = None
    last_on: date | None = None
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter at a connection.

    number: the serial number on its face.
    multiplier: kWh per displayed unit (current transformers); 1 for households.
    power: contracted power of the connection, kW.
    """

    number: str
    registers: tuple[Register, ...]
    multiplier: int = 1
    power: float = 15.0


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's contract.  `number` is ten digits, the last of which is a check digit (Damm)."""

    number: str
    meters: tuple[Meter, ...]


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """What the caller's telephone number tells: the language they chose last, and their accounts."""

    language: Language | None = None
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a submission.  `number`: eight digits, the last a check digit (Damm); one per call and meter."""

    number: str


@dataclass(frozen=True, slots=True)
class Began:
    """How a call came in.

    call: the exchange's id of the call, unique for ever.
    caller: the caller's number in E.164 with "+", or None when withheld or unusable.
    dialled: the number that the caller dialled.
    at: when it was answered, timezone-aware UTC.
    """

    call: str
    caller: str | None
    dialled: str
    at: datetime
