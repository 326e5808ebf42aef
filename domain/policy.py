"""Rules that change by decree: rows with an effective date, in a book that is asked "what holds on this day?".

Rules: a row is a value (since, terms, source); terms of one kind and key replace each other by date, the row of the
latest `since` that is not after the day holds; nothing here is an `if` about a year.  Where two sources conflict both
are rows: in `domain.decrees.DEFAULTS` with different keys, or one of them in `ALTERNATIVES`, which is in force once
an operator has entered it (`domain.policies`).

Which day is asked about: a window, the day on which it begins (`domain.window`); an estimate and precedence, the last
day of the period; a deadline, the day of registration; a day off, that day itself.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar, cast

from domain.model import OrderKind, RequestKind, Source, Topic

ALWAYS: Final = date.min
"""`since` of a row whose beginning lies before anything that the store knows."""


class NoPolicy(LookupError):
    """The book has no row of this kind for this day: the operator must enter one."""


class Method(StrEnum):
    """How a value that nobody read is estimated."""

    AVERAGE = "average"  # average daily consumption since the reading before the last one
    YEAR_AGO = "year_ago"  # the same days a year ago
    USUAL = "usual"  # the average use that is noted at the register


class Unit(StrEnum):
    """What days a term is counted in."""

    CALENDAR = "calendar"
    WORKING = "working"


class Case(StrEnum):
    """What a request turned out to need; None where it needs nothing of the kind."""

    METER_EXAMINED = "meter_examined"  # a technical check or an expert's examination of the meter
    MEASURED = "measured"  # quality of electricity is measured at the customer's
    COLLECTIVE = "collective"  # quality is measured for several customers who complained together


# Terms.  `kind` names them in the table, `key` tells rows of one kind apart.


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """When a reading counts for month M.  before: how many last days of M; after: how many first days of M+1.

    At most 14 each, so that the windows of two months never touch.
    """

    kind: ClassVar[str] = "window"
    before: int
    after: int

    def __post_init__(self) -> None:
        if not (1 <= self.before <= 14 and 0 <= self.after <= 14):
            raise ValueError("a window has 1 to 14 days of the month itself and 0 to 14 of the next")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class EstimatePolicy:
    """How a period without a reading is billed.

    methods: tried in this order; the first that has enough history decides.
    days: an average looks back over whole intervals between readings until it has this many days.
    least_days: fewer days than this make no average.
    gap_days: readings further apart than this don't tell what was used in one month between them (YEAR_AGO).
    """

    kind: ClassVar[str] = "estimate"
    methods: tuple[Method, ...]
    days: int = 28
    least_days: int = 7
    gap_days: int = 62

    def __post_init__(self) -> None:
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise ValueError("an estimate needs at least one method, each named once")
        if not (1 <= self.least_days <= self.days and self.gap_days >= 1):
            raise ValueError("an estimate needs 1 <= least_days <= days and 1 <= gap_days")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class PrecedencePolicy:
    """Which of several readings for a period is billed.

    order: sources by rank, the strongest first; sources of one group are equals, and the later reading counts.
    A source that is not named ranks below all that are.
    control_binds: who reads less than the inspector did earlier in the period is passed over.
    """

    kind: ClassVar[str] = "precedence"
    order: tuple[tuple[Source, ...], ...]
    control_binds: bool = True

    def __post_init__(self) -> None:
        named = [source for group in self.order for source in group]
        if not named or len(set(named)) != len(named):
            raise ValueError("an order of sources names at least one, each once")

    @property
    def key(self) -> str:
        return ""

    def rank(self, source: Source) -> int:
        """0 is the strongest."""
        return next((n for n, group in enumerate(self.order) if source in group), len(self.order))


@dataclass(frozen=True, slots=True)
class DeadlinePolicy:
    """By when a request is answered, or a service that was ordered is done.

    request, topic, channel, case: what it is a rule for; None: for any.

    channel: "phone", "web", "email", "post" or another lower-case word of the channel.
    days: of `unit`; the day of registration is not counted.  interim_days: calendar days that an interim reply adds,
    once; 0: none.  moves: a last day that is not a working day moves to the next working day.
    """

    kind: ClassVar[str] = "deadline"
    days: int
    unit: Unit = Unit.CALENDAR
    interim_days: int = 0
    moves: bool = True
    request: RequestKind | OrderKind | None = None
    topic: Topic | None = None
    channel: str | None = None
    case: Case | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.days <= 366 and 0 <= self.interim_days <= 366):
            raise ValueError("a term has 1 to 366 days and an interim reply adds 0 to 366")

    @property
    def key(self) -> str:
        return "/".join(each or "*" for each in (self.request, self.topic, self.channel, self.case))

    @property
    def weight(self) -> tuple[bool, bool, bool, bool]:
        """How much the rule says about a request: its case says most, then the topic, the channel, the kind."""
        return (self.case is not None, self.topic is not None, self.channel is not None, self.request is not None)


@dataclass(frozen=True, slots=True)
class CompensationPolicy:
    """What the customer is owed when the answer comes after the guaranteed term.  Sums are kopiykas, before taxes.

    household; small, other: firms, by the law's classes.  days, unit: the guaranteed term; the regulator counts it
    from the registration and knows no interim reply, so that it may end on another day than the one we promised
    (`DeadlinePolicy`).  request, topic, case: what it is a rule for; None: for any.
    """

    kind: ClassVar[str] = "compensation"
    household: int
    small: int
    other: int
    days: int
    unit: Unit = Unit.CALENDAR
    request: RequestKind | None = None
    topic: Topic | None = None
    case: Case | None = None

    def __post_init__(self) -> None:
        if min(self.household, self.small, self.other) < 0:
            raise ValueError("nobody is owed less than nothing")
        if not 1 <= self.days <= 366:
            raise ValueError("a term has 1 to 366 days")

    @property
    def key(self) -> str:
        return "/".join(each or "*" for each in (self.request, self.topic, self.case))

    @property
    def weight(self) -> tuple[bool, bool, bool]:
        """How much the rule says about a request: its case says most, then the topic, then the kind."""
        return (self.case is not None, self.topic is not None, self.request is not None)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """What share of the meters that people read should be read when a window closes: 1 to 100 percent."""

    kind: ClassVar[str] = "target"
    percent: int

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 100:
            raise ValueError("a target is 1 to 100 percent")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """When a supervisor is warned of a deadline: this many working days before it, the largest number first."""

    kind: ClassVar[str] = "escalation"
    working_days_before: tuple[int, ...]

    def __post_init__(self) -> None:
        if list(self.working_days_before) != sorted(set(self.working_days_before), reverse=True):
            raise ValueError("warnings are named from the earliest to the last, each once")
        if any(days < 0 for days in self.working_days_before):
            raise ValueError("a warning comes before the deadline")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Open:
    """From `opens` to `closes` (Europe/Kyiv) on these days (1 Monday ... 7 Sunday).

    closes not after opens: on the next day; so 00:00 to 00:00 is a whole day.
    """

    days: tuple[int, ...]
    opens: time
    closes: time

    def __post_init__(self) -> None:
        if not self.days or not set(self.days) <= set(range(1, 8)):
            raise ValueError("days of a week are 1 (Monday) to 7 (Sunday)")
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opening hours are local: without a time zone")


@dataclass(frozen=True, slots=True)
class HoursPolicy:
    """When a service is there.  service: a topic's value, "agents", "office" ..., or "*" for all that have no row.

    holidays: open on public holidays and on days off by decree as on any other day of the week.
    """

    kind: ClassVar[str] = "hours"
    service: str
    openings: tuple[Open, ...]
    holidays: bool = False

    @property
    def key(self) -> str:
        return self.service


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """When somebody whom no agent could answer is called back.

    within_hours: at the latest after so many opening hours.  window_minutes: how long a window is that we promise.
    notice_minutes: no window begins sooner than that.  service: whose opening hours it must lie in.
    """

    kind: ClassVar[str] = "callback"
    within_hours: int
    window_minutes: int = 120
    notice_minutes: int = 15
    service: str = "agents"

    def __post_init__(self) -> None:
        latest = self.notice_minutes + 60 + self.window_minutes  # windows begin at whole hours
        if self.window_minutes < 60 or self.notice_minutes < 0 or latest > self.within_hours * 60:
            raise ValueError("a window has at least 60 minutes, and the first one must end within `within_hours`")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class ServicePolicy:
    """What the regulator asks of a call centre.

    connected: the least share of calls that a person answers within `seconds`.  lost: the largest share of calls that
    are lost in the queue.
    """

    kind: ClassVar[str] = "service"
    seconds: int
    connected: float
    lost: float

    def __post_init__(self) -> None:
        if not (1 <= self.seconds <= 600 and 0 <= self.connected <= 1 and 0 <= self.lost <= 1):
            raise ValueError("a standard names 1 to 600 seconds and shares from 0 to 1")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class CalendarPolicy:
    """What makes a day a working day.  weekend: 1 Monday ... 7 Sunday.

    holidays_off: public holidays are days off.  moved: one that falls on a weekend gives the next working day off.
    """

    kind: ClassVar[str] = "calendar"
    holidays_off: bool
    moved: bool
    weekend: tuple[int, ...] = (6, 7)

    def __post_init__(self) -> None:
        if not set(self.weekend) < set(range(1, 8)):
            raise ValueError("a weekend is some days of 1 (Monday) to 7 (Sunday), not all")

    @property
    def key(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class HolidayPolicy:
    """A public holiday: on a day of the year, or so many days after Orthodox Easter; neither: abolished."""

    kind: ClassVar[str] = "holiday"
    name: str
    month: int | None = None
    day: int | None = None
    after_easter: int | None = None

    def __post_init__(self) -> None:
        if (self.month is None) != (self.day is None) or (self.month and self.after_easter is not None):
            raise ValueError("a holiday is on a month and day, or after Easter, or neither")
        if self.month and self.day:
            date(2001, self.month, self.day)  # not in a leap year: 29 February would be no day in most

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class DayPolicy:
    """One day that a decree made a working day or a day off, whatever else holds."""

    kind: ClassVar[str] = "day"
    day: date
    working: bool

    @property
    def key(self) -> str:
        return self.day.isoformat()


AnyTerms: TypeAlias = (
    WindowPolicy | EstimatePolicy | PrecedencePolicy | DeadlinePolicy | CompensationPolicy | TargetPolicy
    | EscalationPolicy | HoursPolicy | CallbackPolicy | ServicePolicy | CalendarPolicy | HolidayPolicy | DayPolicy
)  # fmt: skip
T = TypeVar("T", bound=AnyTerms)

KINDS: Final[Mapping[str, type[AnyTerms]]] = MappingProxyType(
    {
        each.kind: each
        for each in (
            WindowPolicy, EstimatePolicy, PrecedencePolicy, DeadlinePolicy, CompensationPolicy, TargetPolicy,
            EscalationPolicy, HoursPolicy, CallbackPolicy, ServicePolicy, CalendarPolicy, HolidayPolicy, DayPolicy,
        )
    }
)  # fmt: skip
"""The kinds of terms by the name that the table knows them by."""


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """These terms hold from `since` (Europe/Kyiv) on.  source: the paragraph or document that says so."""

    since: date
    terms: T
    source: str


AnyRow: TypeAlias = Row[Any]


class Policies:
    """An immutable book of rows; compared and hashed by its rows.

    A later row of the same kind, key and since replaces the earlier one.
    """

    __slots__ = ("_book", "_hash", "rows")

    def __init__(self, rows: Iterable[AnyRow]) -> None:
        last = {(row.terms.kind, row.terms.key, row.since): row for row in rows}
        self.rows: tuple[AnyRow, ...] = tuple(last[place] for place in sorted(last))
        """Ordered by kind, key and date."""
        self._book: dict[str, dict[str, list[AnyRow]]] = {}
        for row in self.rows:
            self._book.setdefault(row.terms.kind, {}).setdefault(row.terms.key, []).append(row)
        self._hash = hash(self.rows)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Policies) and self.rows == other.rows)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Policies({len(self.rows)} rows)"

    def extended(self, rows: Iterable[AnyRow]) -> "Policies":
        """This book with more rows; they replace those of the same kind, key and since."""
        return Policies((*self.rows, *rows))

    def at(self, day: date) -> tuple[AnyRow, ...]:
        """All rows in force on this day, ordered by kind and key."""
        found = (_in_force(rows, day) for keys in self._book.values() for rows in keys.values())
        return tuple(row for row in found if row)

    def series(self, kind: type[T], key: str = "") -> tuple[Row[T], ...]:
        """All rows of this kind and key, the oldest first."""
        return tuple(self._book.get(kind.kind, {}).get(key, ()))

    def row(self, kind: type[T], on: date, key: str = "") -> Row[T]:
        """The row that holds on this day.  Raises NoPolicy."""
        found = _in_force(self._book.get(kind.kind, {}).get(key, []), on)
        if found is None:
            raise NoPolicy(
                f"no policy of kind {kind.kind!r}{f' for {key!r}' if key else ''} holds on {on}: enter one"
            )
        return found

    def each(self, kind: type[T], on: date) -> tuple[Row[T], ...]:
        """The rows of all keys of this kind that hold on this day."""
        found = (_in_force(rows, on) for rows in self._book.get(kind.kind, {}).values())
        return tuple(row for row in found if row)

    def window(self, on: date) -> WindowPolicy:
        """Raises NoPolicy, as do all below."""
        return self.row(WindowPolicy, on).terms

    def estimate(self, on: date) -> EstimatePolicy:
        return self.row(EstimatePolicy, on).terms

    def precedence(self, on: date) -> PrecedencePolicy:
        return self.row(PrecedencePolicy, on).terms

    def target(self, on: date) -> Row[TargetPolicy]:
        return self.row(TargetPolicy, on)

    def escalation(self, on: date) -> EscalationPolicy:
        return self.row(EscalationPolicy, on).terms

    def callback(self, on: date) -> CallbackPolicy:
        return self.row(CallbackPolicy, on).terms

    def service(self, on: date) -> ServicePolicy:
        return self.row(ServicePolicy, on).terms

    def calendar(self, on: date) -> CalendarPolicy:
        return self.row(CalendarPolicy, on).terms

    def hours(self, service: str, on: date) -> HoursPolicy:
        """Of this service (a topic, "agents" ...), or what holds for all that have no row of their own."""
        rows = self._book.get(HoursPolicy.kind, {})
        own = _in_force(rows.get(service, []), on)
        return cast(HoursPolicy, own.terms) if own else self.row(HoursPolicy, on, "*").terms

    def exception(self, day: date) -> DayPolicy | None:
        """What a decree made of this very day, if any did."""
        found = _in_force(self._book.get(DayPolicy.kind, {}).get(day.isoformat(), []), day)
        return found.terms if found else None

    def deadline(
        self, request: RequestKind | OrderKind, topic: Topic | None, channel: str, on: date, case: Case | None = None
    ) -> Row[DeadlinePolicy]:
        """The rule for such a request, or order (which has no topic), that was registered on this day.

        Of the rules that fit, the one that says most (`DeadlinePolicy.weight`).
        """
        asked = (request, topic, channel, case)
        fitting = [
            row
            for row in self.each(DeadlinePolicy, on)
            if all(
                said is None or said == is_
                for said, is_ in zip(
                    (row.terms.request, row.terms.topic, row.terms.channel, row.terms.case), asked, strict=True
                )
            )
        ]
        if not fitting:
            raise NoPolicy(f"no deadline for {asked} holds on {on}: enter one")
        return max(fitting, key=lambda row: row.terms.weight)

    def compensation(
        self, request: RequestKind, topic: Topic, on: date, case: Case | None = None
    ) -> Row[CompensationPolicy] | None:
        """What is owed for a late answer to such a request, registered on this day; None: no rule promises any.

        Of the rules that fit, the one that says most (`CompensationPolicy.weight`).
        """
        fitting = [
            row
            for row in self.each(CompensationPolicy, on)
            if row.terms.request in (None, request)
            and row.terms.topic in (None, topic)
            and row.terms.case in (None, case)
        ]
        return max(fitting, key=lambda row: row.terms.weight, default=None)


def _in_force(rows: list[AnyRow], on: date) -> AnyRow | None:
    """Of rows of one kind and key, ordered by date, the one that holds."""
    place = bisect_right(rows, on, key=lambda row: row.since)
    return rows[place - 1] if place else None
