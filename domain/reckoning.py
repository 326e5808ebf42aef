"""What a register would be billed for a month, from all that the store knows of it.

Rules:
  a reading is looked at for exactly one month: the one that it closes (`period`); one taken outside a window, for the
  month whose window ends next; the reading at which a meter was taken down closes the month;
  which of them is billed, and what is billed where there is none, is for `domain.precedence` and `domain.estimate`;
  used = from the value that the month before was billed at to the one that is billed now, the shorter way round the
  display, times the multiplier.  So what was used adds up to the difference of the meter however long it was
  estimated; a month after an estimate that was too high can be a credit (less than 0);
  where no month was billed before, it begins with the newest reading before the month's own, else with the oldest;
  months between the last one that was closed and this one are gone through first, as they would be closed today.

`dials` loads registers for a range of accounts in four statements, `reckon` is pure.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Date, and_, bindparam, select

from domain.estimate import Estimate, Mounted, Past, estimate
from domain.model import Energy, Purpose, Source, Status, Zone
from domain.policy import Policies
from domain.precedence import Billed, Candidate, billed
from domain.tables import billings, meters, readings, registers, resolutions
from domain.window import Period, Span, window_of

HORIZON: Final = timedelta(days=800)
"""How far back readings are looked at: a year ago, and a good stretch before.  A register that was not read for as
long is looked at whole."""

MONTHS_BETWEEN: Final = 12
"""So many months that were not closed are gone through; more are taken as one."""


class Known(NamedTuple):
    """A stored reading.

    period: None: of no month's account, or stored before readings knew theirs.  stood_by: the customer got a receipt.
    """

    id: int
    value: int
    read_on: date
    source: Source
    doubtful: bool
    purpose: Purpose
    period: date | None
    stood_by: bool

    @property
    def past(self) -> Past:
        return Past(self.value, self.read_on, self.source)


@dataclass(frozen=True, slots=True)
class Dial:
    """A register in the store.

    known: accepted readings, and doubtful ones that nobody has resolved, by day and then as stored.
    before: what was billed last before the month that was asked for; of_period: when.  done: this month has been
    closed for it.  was: the meters that hung in its place, the oldest first.
    """

    id: int
    account: str
    meter: str
    zone: Zone
    energy: Energy
    width: int
    multiplier: int
    usual: float | None
    smart: bool
    removed_on: date | None
    known: tuple[Known, ...] = ()
    before: Past | None = None
    of_period: Period | None = None
    done: bool = False
    was: tuple[Mounted, ...] = ()

    @property
    def measured(self) -> tuple[Known, ...]:
        return tuple(each for each in self.known if not each.doubtful and each.source is not Source.ESTIMATE)

    @property
    def mounted(self) -> Mounted:
        return Mounted(self.width, tuple(each.past for each in self.measured), self.multiplier)

    def moved(self, before: int, after: int) -> int:
        """From one displayed value to the other, the shorter way round, multiplied."""
        forward = (after - before) % 10**self.width
        return (forward if forward <= 10**self.width // 2 else forward - 10**self.width) * self.multiplier


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a register is billed.

    decision: which of the month's readings, and what was passed over.  estimate: where it is none of them.
    before: what it was billed at before, or begins with.  used: kWh or kvarh since then, multiplied.
    """

    decision: Billed
    estimate: Estimate | None
    before: Past
    used: int

    @property
    def source(self) -> Source:
        return self.decision.choice.source if self.decision.choice else Source.ESTIMATE

    def past(self, until: date) -> Past:
        """As the next month will see it.  until: the day as of which this one is estimated."""
        if self.decision.choice:
            return Past(self.decision.choice.value, self.decision.choice.read_on, self.source)
        assert self.estimate is not None
        return Past(self.estimate.value, until, Source.ESTIMATE)


def reckon(dial: Dial, period: Period, book: Policies) -> Reckoned | Billed:
    """What this register is billed for the month, as things stand; when there is nothing to bill it from, only what
    was passed over.  Raises NoPolicy."""
    between = () if dial.of_period is None else _between(dial.of_period, period)
    for month in between:
        found = _reckon(dial, month, book)
        if isinstance(found, Reckoned):
            dial = replace(dial, before=found.past(month.next.first), of_period=month)
    return _reckon(dial, period, book)


def hangs(dial: Dial, span: Span) -> bool:
    """Has it anything to be billed for a month whose readings are taken on these days?  Not when its meter was taken
    down before or set up after."""
    if dial.removed_on is not None and dial.removed_on < span.first:
        return False
    return not dial.known or dial.known[0].read_on <= span.last


def span_of(period: Period, book: Policies) -> Span:
    """The days whose readings are looked at for this month: after the window of the month before, to the end of its
    own.  Raises NoPolicy."""
    return _spans(period, book)[0]


@lru_cache(maxsize=32)
def _spans(period: Period, book: Policies) -> tuple[Span, Span]:
    """The days that are looked at, and the window."""
    window = window_of(period, book)
    return Span(window_of(period.previous, book).last + timedelta(days=1), window.last), window


def candidates(dial: Dial, period: Period, book: Policies) -> tuple[Candidate, ...]:
    """The readings that are looked at for this month, in the order in which they were stored."""
    span, window = _spans(period, book)
    found: list[Candidate] = []
    for each in dial.known:
        if each.period is not None:
            looked_at, closes = each.period == period.first, True
        else:
            looked_at = each.read_on in span
            closes = each.purpose is Purpose.BILLING and each.read_on in window
        if looked_at:
            closes = closes or each.read_on == dial.removed_on
            purpose = Purpose.BILLING if closes else Purpose.CONTROL
            found.append(Candidate(each.value, each.read_on, each.source, each.id, each.doubtful, purpose))
    return tuple(sorted(found, key=lambda each: each.stored))


def _reckon(dial: Dial, period: Period, book: Policies) -> Reckoned | Billed:
    decision = billed(candidates(dial, period, book), book.precedence(period.last), width=dial.width)
    before = dial.before or _begins(dial, period, book)
    if decision.choice:
        begin = before or Past(decision.choice.value, decision.choice.read_on, decision.choice.source)
        return Reckoned(decision, None, begin, dial.moved(begin.value, decision.choice.value))
    if before is None or dial.removed_on is not None:  # what a meter showed when it was taken down is not guessed
        return decision
    found = estimate((*dial.was, dial.mounted), period, book.estimate(period.last), billed=before, usual=dial.usual)
    return Reckoned(decision, found, before, found.used_kwh) if found else decision


def _begins(dial: Dial, period: Period, book: Policies) -> Past | None:
    measured = dial.measured
    if not measured:
        return None
    first = span_of(period, book).first
    earlier = list(takewhile(lambda each: each.read_on < first, measured))
    return (earlier[-1] if earlier else measured[0]).past


def _between(last: Period, period: Period) -> Sequence[Period]:
    months = (period.year - last.year) * 12 + period.month - last.month - 1
    return [last.plus(n) for n in range(1, months + 1)] if 0 < months <= MONTHS_BETWEEN else ()


# Loading


def dials(conn: Connection, first: str, upto: str, period: Period) -> list[Dial]:
    """The registers of the accounts from `first` to `upto`, by account, meter and register; of removed meters too."""
    asked = {"of_first": first, "of_last": upto, "of_period": period.first, "of_horizon": period.first - HORIZON}
    rows = conn.execute(_REGISTERS, asked).all()
    known: defaultdict[int, list[Known]] = defaultdict(list)
    for row in conn.execute(_KNOWN, asked):
        known[row[0]].append(_known(row))
    for row in rows:
        if row.removed_on is None and not any(not each.doubtful for each in known[row.id]):
            known[row.id][:0] = [_known(older) for older in conn.execute(_OLDER, {"of": row.id})]
    before = {row.register: row for row in conn.execute(_BEFORE, asked)}
    found: list[Dial] = []
    for row in rows:
        last = before.get(row.id)
        found.append(
            Dial(
                row.id, row.account, row.meter, row.zone, row.energy, row.width, row.multiplier, row.usual, row.smart,
                row.removed_on, tuple(known[row.id]),
                Past(last.value, last.read_on, last.source) if last else None,
                Period.of(last.period) if last else None,
                row.billed_in is not None,
            )
        )  # fmt: skip
    return list(_with_predecessors(found))


def _known(row: Any) -> Known:
    """A row of `_READING`, by place: there are many."""
    _, number, value, read_on, source, status, purpose, period, submission = row
    return Known(number, value, read_on, source, status is Status.DOUBTFUL, purpose, period, submission is not None)


def _with_predecessors(found: Sequence[Dial]) -> Iterator[Dial]:
    """A register follows those of the same zone and energy of meters that were taken down before it was first read;
    but only where one meter hangs now: of several nobody noted which replaced which."""
    places: defaultdict[tuple[str, Zone, Energy], list[Dial]] = defaultdict(list)
    for dial in found:
        places[dial.account, dial.zone, dial.energy].append(dial)
    for dial in found:
        others = places[dial.account, dial.zone, dial.energy]
        alone = dial.removed_on is None and sum(each.removed_on is None for each in others) == 1
        if not alone or len(others) == 1 or not dial.measured:
            yield dial
            continue
        since = dial.measured[0].read_on
        was = sorted(
            (each for each in others if each.removed_on is not None and each.removed_on <= since),
            key=lambda each: (each.removed_on, each.id),
        )
        yield replace(dial, was=tuple(each.mounted for each in was if each.measured))


def by_account(found: Sequence[Dial]) -> Mapping[str, list[Dial]]:
    """The same, by account."""
    grouped: defaultdict[str, list[Dial]] = defaultdict(list)
    for dial in found:
        grouped[dial.account].append(dial)
    return grouped


_OF_ACCOUNTS: Final = meters.c.account.between(bindparam("of_first"), bindparam("of_last"))
_REGISTERS: Final = (
    select(
        meters.c.account, meters.c.number.label("meter"), meters.c.multiplier, meters.c.smart, meters.c.removed_on,
        registers.c.id, registers.c.zone, registers.c.energy, registers.c.width, registers.c.usual,
        billings.c.period.label("billed_in"),
    )
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id).outerjoin(
            billings,
            and_(billings.c.period == bindparam("of_period", type_=Date), billings.c.register == registers.c.id),
        )
    )
    .where(_OF_ACCOUNTS)
    .order_by(meters.c.account, meters.c.id, registers.c.id)
)  # fmt: skip
_READING: Final = (
    readings.c.register, readings.c.id, readings.c.value, readings.c.read_on, readings.c.source, readings.c.status,
    readings.c.purpose, readings.c.period, readings.c.submission,
)  # fmt: skip
_KNOWN: Final = (
    select(*_READING)
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id)
        .join(readings, readings.c.register == registers.c.id)
        .outerjoin(
            resolutions, and_(readings.c.status == Status.DOUBTFUL, resolutions.c.reading == readings.c.id)
        )
    )
    .where(
        _OF_ACCOUNTS,
        readings.c.status.in_((Status.ACCEPTED, Status.DOUBTFUL)),
        readings.c.read_on >= bindparam("of_horizon", type_=Date),
        resolutions.c.reading.is_(None),
    )
    .order_by(readings.c.register, readings.c.read_on, readings.c.id)
)  # fmt: skip
_OLDER: Final = (
    select(*_READING)
    .where(readings.c.register == bindparam("of"), readings.c.status == Status.ACCEPTED)
    .order_by(readings.c.read_on, readings.c.id)
)
_BEFORE: Final = (
    select(billings.c.register, billings.c.period, readings.c.value, readings.c.read_on, readings.c.source)
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id)
        .join(billings, billings.c.register == registers.c.id)
        .join(readings, readings.c.id == billings.c.reading)
    )
    .where(
        _OF_ACCOUNTS,
        billings.c.period
        == select((_earlier := billings.alias("earlier")).c.period)
        .where(_earlier.c.register == registers.c.id, _earlier.c.period < bindparam("of_period", type_=Date))
        .order_by(_earlier.c.period.desc())
        .limit(1)
        .correlate(registers)
        .scalar_subquery(),
    )
)
