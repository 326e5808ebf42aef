"""Closing a month: which reading every register was billed by, and why; and telling it to whoever asks.

Rules:
  a month is closed after its window, months in their order; where no month was closed before, any may be the first;
  every register is billed once a month and that is never changed (the key of `billings`); a register that tells
  nothing is billed nothing and counted as unknown;
  what nobody read is estimated, and the estimate is stored as a reading with its inputs;
  what comes in later for a closed month (a doubt resolved, a late file) is kept, is named by `billed_for`, and is
  settled by the next month, which is billed from the value that was billed to the one that is read or estimated then;
  the work is done in batches of accounts, in the order of their numbers.  A batch is decided without a lock and then
  written in one short transaction, together with how far the closing has come: a process that is killed leaves whole
  batches, and the next one goes on there.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Date, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain import news, policies, rules
from domain.estimate import Past
from domain.model import Energy, Purpose, Source, Status, Zone
from domain.policy import Method, Policies
from domain.precedence import Billed, Candidate, Why, explain
from domain.reckoning import Dial, Reckoned, candidates, dials, hangs, reckon, span_of
from domain.store import Store
from domain.tables import accounts, billings, closings, readings
from domain.window import Period, window_of

BATCH: Final = 100
"""Accounts in one transaction: some 40 ms of the writer on a busy machine when all must be estimated."""


class CannotClose(ValueError):
    """This month can't be closed now; the message says why and what can be done."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How far the closing of a month has come.

    closed_at: None while it goes on.  measured, estimated, unknown: registers billed by a reading, by an estimate, or
    not at all because nothing is known of them.  accounts: done in this run; of: all there are.
    """

    period: Period
    closed_at: datetime | None
    measured: int
    estimated: int
    unknown: int
    accounts: int
    of: int


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a register was billed what it was; kept as JSON.

    before: what was billed before, or what the account began with.  method: of an estimate.
    """

    decision: Billed
    before: Past
    method: Method | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """What one register was billed for a month, for a clerk; when closed_at is None, what it would be billed today.

    reading: the value that is billed, None when nothing is.  used: kWh (kvarh), multiplied; below 0 a credit.
    late: readings of this month that came after it was closed; the next month settles them.
    """

    meter: str
    zone: Zone
    energy: Energy
    closed_at: datetime | None
    reading: Past | None
    used: int | None
    before: Past | None
    decision: Billed
    method: Method | None
    late: tuple[Candidate, ...] = ()

    @property
    def text(self) -> str:
        """In English, for staff: what was billed, why, and what was passed over."""
        told = explain(self.decision)
        if self.method and self.reading:
            told = (
                f"Billed: {self.reading.value} as of {self.reading.read_on}, an estimate"
                f" ({self.method.value.replace('_', ' ')}): nobody gave a reading that can be billed."
                + told.removeprefix(explain(Billed(None, Why.NOTHING)))
            )
        for each in self.late:
            told += (
                f" Came after the closing: {each.value} of {each.read_on} ({each.source.value});"
                " the next month settles it."
            )
        return told


# Closing


def close(
    store: Store,
    period: Period,
    now: Callable[[], datetime],
    *,
    dry_run: bool = False,
    batch: int = BATCH,
) -> Iterator[Closing]:
    """Close the month, batch by batch; each value says how far it is, the last one that it is done.

    A month that is closed gives one value and changes nothing.  dry_run: decide everything and write nothing.
    now: the clock, timezone-aware UTC.  Raises CannotClose, NoPolicy, StoreFault.
    """
    began = now()
    state: Closing = store.read(lambda conn: _may_close(conn, period, began)).result()
    if state.closed_at is not None:
        yield state
        return
    upto = "" if dry_run else store.write(lambda conn: _begin(conn, period, began)).result()
    while True:
        work = store.read(lambda conn, after=upto: _decide(conn, period, after, batch)).result()
        if not work.upto:
            break
        state = replace(state, accounts=state.accounts + work.accounts)
        if dry_run:
            upto = work.upto
            state = replace(
                state,
                measured=state.measured + work.measured,
                estimated=state.estimated + work.estimated,
                unknown=state.unknown + work.unknown,
            )
        else:
            kept: Any = store.write(lambda conn, work=work: _keep(conn, period, work, now())).result()
            upto, state = kept.upto, _as_stored(state, kept)
        yield state
    if not dry_run:
        yield _as_stored(state, store.write(lambda conn: _finish(conn, period, now())).result())


@dataclass(frozen=True, slots=True)
class _Bill:
    register: int
    reading: int | None
    estimate: dict[str, Any] | None
    used: int
    why: str


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch that was decided.  after, upto: between which accounts; upto is empty when there is none left."""

    after: str
    upto: str
    accounts: int
    bills: Sequence[_Bill]
    unknown: int

    @property
    def measured(self) -> int:
        return sum(each.estimate is None for each in self.bills)

    @property
    def estimated(self) -> int:
        return len(self.bills) - self.measured


def _may_close(conn: Connection, period: Period, at: datetime) -> Closing:
    """How the month stands, before anything is done.  Raises CannotClose."""
    book = policies.load(conn)
    window = window_of(period, book)
    if rules.local_day(at) <= window.last:
        raise CannotClose(
            f"{period} can't be closed yet: readings for it are taken up to and including {window.last}"
        )
    later = conn.execute(select(func.max(billings.c.period))).scalar_one()
    if later is not None and later > period.first and not _row(conn, period):
        raise CannotClose(f"{period} can't be closed any more: {Period.of(later)} has been, and months go in order")
    newest = conn.execute(
        select(closings).where(closings.c.period < period.first).order_by(closings.c.period.desc()).limit(1)
    ).one_or_none()
    if newest is not None and (newest.closed_at is None or Period.of(newest.period) != period.previous):
        first = Period.of(newest.period) if newest.closed_at is None else Period.of(newest.period).next
        raise CannotClose(f"{period} can't be closed yet: close {first} first")
    everybody = conn.execute(select(func.count()).select_from(accounts)).scalar_one()
    state = Closing(period, None, 0, 0, 0, 0, everybody)
    row = _row(conn, period)
    return _as_stored(state, row) if row else state


def _begin(conn: Connection, period: Period, at: datetime) -> str:
    """Note that it began; the last account that is done already."""
    conn.execute(_BEGIN[conn.dialect.name], {"period": period.first, "began_at": at})
    return str(_row(conn, period).upto)


def _decide(conn: Connection, period: Period, after: str, batch: int) -> _Work:
    numbers = conn.execute(_BATCH, {"after": after, "most": batch}).scalars().all()
    if not numbers:
        return _Work(after, "", 0, (), 0)
    book = policies.load(conn)
    span = span_of(period, book)
    bills: list[_Bill] = []
    unknown = 0
    for dial in dials(conn, numbers[0], numbers[-1], period):
        if dial.done or not hangs(dial, span):
            continue
        found = reckon(dial, period, book)
        if isinstance(found, Reckoned):
            bills.append(_bill(dial, found, period))
        else:
            unknown += 1
    return _Work(after, numbers[-1], len(numbers), bills, unknown)


def _bill(dial: Dial, found: Reckoned, period: Period) -> _Bill:
    method = found.estimate.method if found.estimate else None
    why = _GROUND.dump_json(Ground(found.decision, found.before, method), exclude_defaults=True).decode()
    if found.decision.choice:
        return _Bill(dial.id, found.decision.choice.stored, None, found.used, why)
    assert found.estimate is not None
    inputs = {"method": found.estimate.method.value, **found.estimate.inputs.as_mapping()}
    estimated = {
        "register": dial.id,
        "value": found.estimate.value,
        "read_on": period.next.first,
        "source": Source.ESTIMATE,
        "status": Status.ACCEPTED,
        "purpose": Purpose.BILLING,
        "period": period.first,
        "inputs": json.dumps(inputs),
    }
    return _Bill(dial.id, None, estimated, found.used, why)


def _keep(conn: Connection, period: Period, work: _Work, at: datetime) -> Any:
    """Write a batch, unless another process was faster: then nothing of it.  The closing as it stands then."""
    stands = conn.execute(_LOCKED, {"of": period.first}).one()
    if stands.upto != work.after:  # another process closes the same month; go on after what it has done
        return stands
    estimates = [{**each.estimate, "at": at} for each in work.bills if each.estimate is not None]
    made: dict[int, int] = {}
    if estimates:
        conn.execute(_ESTIMATES, estimates)
        asked = {"of": period.first, "which": [each["register"] for each in estimates]}
        made = {row.register: row.id for row in conn.execute(_MADE, asked)}  # in bulk; ids one by one take longer
    rows = [
        {"period": period.first, "register": each.register, "used": each.used, "why": each.why, "at": at,
         "reading": made[each.register] if each.estimate is not None else each.reading}
        for each in work.bills
    ]  # fmt: skip
    if rows:
        conn.execute(_INSERT, rows)
    counts = {"measured": work.measured, "estimated": work.estimated, "unknown": work.unknown}
    conn.execute(_GO_ON, {"of": period.first, "new_upto": work.upto, **{f"add_{k}": v for k, v in counts.items()}})
    return _row(conn, period)


def _finish(conn: Connection, period: Period, at: datetime) -> Any:
    row = conn.execute(_LOCKED, {"of": period.first}).one()
    if row.closed_at is None:
        conn.execute(update(closings).where(closings.c.period == period.first).values(closed_at=at))
        news.tell(
            conn, "period.closed", at, period=period.first, measured=row.measured, estimated=row.estimated,
            unknown=row.unknown,
        )  # fmt: skip
    return _row(conn, period)


def _row(conn: Connection, period: Period) -> Any:
    return conn.execute(select(closings).where(closings.c.period == period.first)).one_or_none()


def _as_stored(state: Closing, row: Any) -> Closing:
    return replace(
        state, closed_at=row.closed_at, measured=row.measured, estimated=row.estimated, unknown=row.unknown
    )


# Explaining


def billed_for(conn: Connection, account: str, period: Period) -> tuple[Explained, ...]:
    """What each register of this account was billed for the month and why, or would be as things stand; in the order
    of meters and registers, without those that were not there then.  Empty for an account without meters."""
    book = policies.load(conn)
    span = span_of(period, book)
    there = dials(conn, account, account, period)
    return tuple(_explained(conn, dial, period, book) for dial in there if dial.done or hangs(dial, span))


def _explained(conn: Connection, dial: Dial, period: Period, book: Policies) -> Explained:
    row = conn.execute(_BILLED, {"of": dial.id, "of_period": period.first}).one_or_none()
    if row is None:
        found = reckon(dial, period, book)
        if isinstance(found, Billed):
            return Explained(dial.meter, dial.zone, dial.energy, None, None, None, dial.before, found, None)
        return Explained(
            dial.meter, dial.zone, dial.energy, None, found.past(period.next.first), found.used, found.before,
            found.decision, found.estimate.method if found.estimate else None,
        )  # fmt: skip
    ground = _GROUND.validate_json(row.why)
    weighed = {ground.decision.choice, *(each.candidate for each in ground.decision.passed_over)}
    numbers = {each.stored for each in weighed if each} | {row.reading}
    late = tuple(each for each in candidates(dial, period, book) if each.stored not in numbers and not each.doubtful)
    return Explained(
        dial.meter, dial.zone, dial.energy, row.at, Past(row.value, row.read_on, row.source), row.used,
        ground.before, ground.decision, ground.method, late,
    )  # fmt: skip


# How: statements are made once, for making one costs more than running it

_GROUND: Final = TypeAdapter(Ground)
_BATCH: Final = (
    select(accounts.c.number)
    .where(accounts.c.number > bindparam("after"))
    .order_by(accounts.c.number)
    .limit(bindparam("most"))
)
_BEGIN: Final = {
    name: dialect.insert(closings).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_LOCKED: Final = select(closings).where(closings.c.period == bindparam("of", type_=Date)).with_for_update()
_ESTIMATES: Final = insert(readings)
_MADE: Final = (
    select(readings.c.register, readings.c.id)
    .where(
        readings.c.period == bindparam("of", type_=Date),
        readings.c.register.in_(bindparam("which", expanding=True)),
        readings.c.source == Source.ESTIMATE,
    )
    .order_by(readings.c.id)
)
_INSERT: Final = insert(billings)
_GO_ON: Final = (
    update(closings)
    .where(closings.c.period == bindparam("of", type_=Date))
    .values(
        upto=bindparam("new_upto"),
        measured=closings.c.measured + bindparam("add_measured"),
        estimated=closings.c.estimated + bindparam("add_estimated"),
        unknown=closings.c.unknown + bindparam("add_unknown"),
    )
)
_BILLED: Final = (
    select(billings.c.reading, billings.c.used, billings.c.why, billings.c.at, readings.c.value, readings.c.read_on,
           readings.c.source)
    .join(readings, readings.c.id == billings.c.reading)
    .where(billings.c.period == bindparam("of_period", type_=Date), billings.c.register == bindparam("of"))
)  # fmt: skip
