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


class Energy(StrEnum):
    """What a register counts.  Households have active registers only; legal entities may have reactive ones."""

    ACTIVE = "active"  # kWh
    REACTIVE = "reactive"  # kvarh taken from the grid
    REACTIVE_BACK = "reactive_back"  # kvarh given back to it


class AccountKind(StrEnum):
    """Who the customer is; legal entities report on another form."""

    HOUSEHOLD = "household"
    LEGAL = "legal"


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


class Purpose(StrEnum):
    """What a reading is for: closing the account of a month, or knowing where a meter stands."""

    BILLING = "billing"
    CONTROL = "control"


class Doubt(StrEnum):
    """Why a value was asked about a second time."""

    LOWER = "lower"  # than the previous reading, and the counter can't have rolled over
    HIGHER = "higher"  # than usual use explains, or than the connection can carry
    UNCHANGED = "unchanged"
    TOO_WIDE = "too_wide"  # more digits than the display has


class Outcome(StrEnum):
    """How a call ended for the customer.  Every call has exactly one.

    A call in which several things were done is named after the weightiest (`weight`).
    """

    OUTAGE_REPORTED = "outage_reported"
    REQUEST_REGISTERED = "request_registered"  # a complaint, suggestion, opinion or question
    DRAFT_KEPT = "draft_kept"  # told, and gone before we knew how to answer; we call back
    ORDER_PLACED = "order_placed"  # of a service
    READING_TAKEN = "reading_taken"
    CALLBACK_ORDERED = "callback_ordered"
    READING_PARTIAL = "reading_partial"  # some zones of a meter confirmed, not all
    INFORMED = "informed"  # asked something and was told
    TRANSFERRED = "transferred"  # to people
    NO_AGENT = "no_agent"  # sent to people, and nobody answered
    ABANDONED = "abandoned"  # hung up before anything was stored
    FAILED = "failed"  # our fault: a fault of the machinery, apologised for
    DIVERGED = "diverged"  # the flow was changed under a call in progress; apologised for
    LOST = "lost"  # ended while no controller was looking; found afterwards

    @property
    def weight(self) -> int:
        """Of two things done in one call, the one with the smaller weight number names it."""
        return list(Outcome).index(self)


class RequestKind(StrEnum):
    """What somebody wants by writing or calling."""

    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    OPINION = "opinion"
    QUESTION = "question"


class Topic(StrEnum):
    """What it is about."""

    CONNECTION = "connection"
    SUPPLY = "supply"
    METERING = "metering"
    SERVICE = "service"  # and contacts
    INTERRUPTIONS = "interruptions"  # disconnection and limitation too
    QUALITY = "quality"  # of the electricity
    BILLING = "billing"
    OTHER = "other"


class ReplyBy(StrEnum):
    """The channel by which the customer wants to be answered."""

    PHONE = "phone"
    MESSENGER = "messenger"
    EMAIL = "email"
    POST = "post"


class RequestState(StrEnum):
    """How far a request has come.  The last two end it."""

    DRAFT = "draft"  # told, and the caller was gone before it was complete
    REGISTERED = "registered"
    ASSIGNED = "assigned"
    INTERIM = "interim"  # an interim reply was sent; the deadline is extended, once
    CONSIDERED = "considered"  # verdict, measures and reply are all there
    REFUSED = "refused"  # with a ground, and the customer was told


class OutageKind(StrEnum):
    """What somebody reports.  DANGER: a fallen line, sparks, a burning meter; it goes to people at once."""

    NO_SUPPLY = "no_supply"
    PARTIAL = "partial"  # in a part of the home, or one phase
    DANGER = "danger"


class OrderKind(StrEnum):
    """A service that can be ordered."""

    REPLACE_METER = "replace_meter"
    SET_UP_METER = "set_up_meter"
    SEAL = "seal"
    UNSEAL = "unseal"
    CONTROL_READING = "control_reading"
    CONNECTION = "connection"


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
    energy: Energy = Energy.ACTIVE


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter at a connection.

    number: the serial number on its face.
    multiplier: kWh per displayed unit (current transformers); 1 for households.
    power: contracted power of the connection, kW.
    smart: it reports by itself; nobody has to read it.
    """

    number: str
    registers: tuple[Register, ...]
    multiplier: int = 1
    power: float = 15.0
    smart: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's contract.  `number` is ten digits, the last of which is a check digit (Damm).

    region: the district by which announcements are switched; None when the address is not known.
    """

    number: str
    meters: tuple[Meter, ...]
    kind: AccountKind = AccountKind.HOUSEHOLD
    region: str | None = None


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """What the caller's telephone number tells: the language they chose last, and their accounts."""

    language: Language | None = None
    accounts: tuple[Account, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a submission.

    number: eight digits, the last a check digit (Damm); one per call and meter.
    counts: what the reading counts for.  period: the first day of the month whose account it closes, None for a
    control reading.
    """

    number: str
    counts: Purpose = Purpose.BILLING
    period: date | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a reading given today would count for, and what happens without one.

    counts: of a reading given today.  period: the first day of the month whose account is to be closed next.
    first, last: the days from and to which readings for that account are taken, Europe/Kyiv.
    silent: kWh (kvarh are not in it; multiplied) that are billed for that month if nobody reads; None when unknown.
    submitted: a reading of every register has been taken already for that month.
    """

    counts: Purpose
    period: date
    first: date
    last: date
    silent: int | None = None
    submitted: bool = False


@dataclass(frozen=True, slots=True)
class BilledReading:
    """A reading that a bill was made from.  value: as displayed.  read_on: Europe/Kyiv."""

    meter: str
    zone: Zone
    energy: Energy
    value: int
    read_on: date
    source: Source


@dataclass(frozen=True, slots=True)
class Bill:
    """What was billed for a month.

    period: its first day.  kwh: multiplied.  amount: kopiykas; None when the supplier hasn't told us.
    paid: kopiykas.  readings: what it was made from, in the order of the registers.
    """

    period: date
    kwh: int
    amount: int | None
    paid: int
    paid_on: date | None
    readings: tuple[BilledReading, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """Where an account stands.  last: the last bill, None when there is none yet.  terms: of the next one.
    coming: kWh that would be billed next as things stand: from readings where there are some, else estimated;
    by: the weakest source in it (ESTIMATE as soon as one register has to be estimated), None when nothing is known.
    """

    last: Bill | None
    terms: Terms
    coming: int | None
    by: Source | None


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody said in their own words, as a part of the recording of their call: from when to when.

    Timezone-aware UTC.  Raises ValueError where it ends before it began.
    """

    began: datetime
    ended: datetime

    def __post_init__(self) -> None:
        if not self.began < self.ended:
            raise ValueError(f"nothing can be told from {self.began} to {self.ended}")

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True, slots=True)
class Registered:
    """Something was registered.  number: eight digits, the last a check digit (Damm), unique for ever among its kind;
    due: the last day for the answer, or for the work."""

    number: str
    due: date


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """How a request stands, as the customer may hear it.  due: the last day for the reply, as it is now."""

    number: str
    kind: RequestKind
    topic: Topic
    state: RequestState
    registered_on: date
    due: date
    reply_by: ReplyBy


@dataclass(frozen=True, slots=True)
class OutageNews:
    """What is known of the supply at an address.

    number: of the caller's own report, eight digits; None when they have not reported.
    known: an incident is open there.  planned: it is works that were announced.
    neighbours: how many *other* customers have reported it.  expected: when supply should be back, UTC.
    """

    number: str | None = None
    known: bool = False
    planned: bool = False
    neighbours: int = 0
    expected: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time in which we call back, or come.  Timezone-aware UTC."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class People:
    """Whether operators work now; if not, when next.  slots: stretches to offer for a call back, soonest first."""

    open: bool
    opens_at: datetime | None = None
    slots: tuple[Slot, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """Opening hours of a service.  days: "daily" | "workdays" | "saturday" ...; begins, ends: local times "HH:MM";
    None: around the clock."""

    service: str
    days: str
    begins: str | None = None
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something that callers hear before the menu.  prompt: its name in the catalogue; until: when it should be
    over, UTC, spoken where the prompt has a place for it."""

    prompt: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Began:
    """How a call came in.

    call: the exchange's id of the call, unique for ever.
    caller: the caller's number in E.164 with "+", or None when withheld or unusable.
    dialled: the number that the caller dialled.
    at: when it was answered, timezone-aware UTC.
    returned: how many times people did not answer and the exchange gave it back to us.
    """

    call: str
    caller: str | None
    dialled: str
    at: datetime
    returned: int = 0
