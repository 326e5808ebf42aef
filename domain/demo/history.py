"""What was read of the generated customers, what was billed, and what they paid.

Rules: a month is billed as `domain.reckoning` bills it, so that a generated past looks like a stored one: readings of
the window close a month, an inspector's of between are control readings, what nobody read is estimated with its
inputs.  Of four months about one is estimated; every half a year the inspector comes; smart meters report each month.
Nothing lies in the future of `today`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final

from pydantic import TypeAdapter

from domain import rules
from domain.billing import Ground
from domain.demo.fiction import Counter, Face, Person, season
from domain.estimate import Past
from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.policy import Policies
from domain.reckoning import Dial, Known, Reckoned, reckon
from domain.window import Period, window_of

PRICE: Final = {Zone.NIGHT: 216}
"""Kopiykas for a kWh where it isn't `FULL_PRICE`; for looking at, no tariff of any day."""
FULL_PRICE: Final = 432
_GIVEN: Final = (Source.CALLER, Source.WEB, Source.BOT)
_REMEMBERED: Final = 8  # readings that the next estimate may need
_GROUND: Final = TypeAdapter(Ground)


@dataclass(slots=True)
class Past24:
    """Rows for the tables `readings`, `billings` and `bills`, readings with the ids that they will have."""

    readings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    billings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    bills: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(frozen=True, slots=True)
class Month:
    """A month that is closed.  first, last: of its window.  ends: the first day of the next one."""

    period: Period
    first: date
    last: date
    ends: date
    closed_at: datetime


def calendar(today: date, months: int, book: Policies) -> tuple[Month, ...]:
    """The last `months` months whose windows are over, and the one before them, oldest first."""
    until = Period.of(today).previous
    if window_of(until, book).last >= today:
        until = until.previous
    found: list[Month] = []
    for ago in range(months, -1, -1):
        period = until.plus(-ago)
        window = window_of(period, book)
        closed_at = _moment(window.last + timedelta(days=1), None)
        found.append(Month(period, window.first, window.last, period.next.first, closed_at))
    return tuple(found)


def live(
    of: Person, registers: Sequence[int], first_id: int, months: Sequence[Month], chance: Random, book: Policies
) -> Past24:
    """The past of this customer: the first of the months is what it begins with, the others are billed.

    registers: the ids of their registers, in the order of meters and counters.  first_id: of the first reading; the
    others follow it.
    """
    past = Past24()
    kwh: dict[Month, int] = {}
    amount: dict[Month, int] = {}
    keys = iter(registers)
    for face in of.faces:
        visits = list(_visits(face, months, chance))
        for counter in face.counters:
            for month, used in _count(past, of, face, counter, next(keys), first_id, visits, months, chance, book):
                if counter.energy is Energy.ACTIVE:
                    kwh[month] = kwh.get(month, 0) + used
                    amount[month] = amount.get(month, 0) + used * PRICE.get(counter.zone, FULL_PRICE)
    widths = dict(zip(registers, (c.width for face in of.faces for c in face.counters), strict=True))
    _doubt(past, first_id, widths, chance)
    for month, used in kwh.items():
        past.bills.append(_bill(of, month, used, max(amount[month], 0), month is months[-1], chance))
    return past


_Visit = tuple[date, Source, Period | None]
"""A day on which a meter was read, by whom, and the month that this closes; None: a control reading."""


def _visits(face: Face, months: Sequence[Month], chance: Random) -> Iterator[_Visit]:
    """When the meter was read, in order; the first time before the first month that is billed."""
    yield months[0].first, Source.INSPECTOR, months[0].period
    comes = chance.randrange(6)
    likes = chance.choices(_GIVEN, (4, 3, 2))[0]
    for n, month in enumerate(months[1:]):
        if n % 6 == comes and len(months) > 2:
            yield month.period.first + timedelta(days=9 + chance.randrange(10)), Source.INSPECTOR, None
        if face.smart:
            yield month.ends, Source.SMART_METER, month.period
        elif chance.random() > 0.25:
            source = likes if chance.random() < 0.8 else chance.choice(_GIVEN)
            yield (
                month.first + timedelta(days=chance.randint(0, (month.last - month.first).days)),
                source,
                month.period,
            )


def _count(
    past: Past24, of: Person, face: Face, counter: Counter, register: int, first_id: int, visits: Sequence[_Visit],
    months: Sequence[Month], chance: Random, book: Policies,
) -> Iterator[tuple[Month, int]]:  # fmt: skip
    """The readings and billings of one register into `past`; what each month used, multiplied."""
    shown = face.daily * counter.share / face.multiplier
    usual = round(shown, 2)
    count, day = float(counter.begins), visits[0][0]
    coming = iter(visits)
    visit = next(coming, None)
    known: list[Known] = []
    before: Past | None = None
    billed: Period | None = None
    for month in months:
        while visit is not None and visit[0] <= month.last:
            on, source, closes = visit
            count += _used(of, shown, day, on) * chance.uniform(0.85, 1.15)
            day = on
            known.append(_read(past, register, counter.width, first_id, int(count), on, source, closes, chance))
            visit = next(coming, None)
        if month is months[0]:
            continue
        dial = Dial(
            register, of.number, face.number, counter.zone, counter.energy, counter.width, face.multiplier, usual,
            face.smart, None, tuple(known[-_REMEMBERED:]), before, billed,
        )  # fmt: skip
        found = reckon(dial, month.period, book)
        if isinstance(found, Reckoned):
            _bill_register(past, register, found, first_id, month)
            before, billed = found.past(month.ends), month.period
            yield month, found.used


def _used(of: Person, shown: float, begins: date, ends: date) -> float:
    """Displayed units from one day to another, by season."""
    used, day = 0.0, begins
    while day < ends:
        then = min(ends, (day.replace(day=1) + timedelta(days=32)).replace(day=1))
        used += shown * season(of, day.month) * (then - day).days
        day = then
    return used


def _read(
    past: Past24, register: int, width: int, first_id: int, count: int, on: date, source: Source,
    closes: Period | None, chance: Random,
) -> Known:  # fmt: skip
    """A reading, stored when somebody had the time."""
    value = count % 10**width
    purpose = Purpose.CONTROL if closes is None else Purpose.BILLING
    key = first_id + len(past.readings)
    past.readings.append({
        "id": key, "register": register, "value": value, "read_on": on, "at": _moment(on, chance), "source": source,
        "status": Status.ACCEPTED, "doubt": None, "purpose": purpose, "period": closes.first if closes else None,
        "said": None, "inputs": None,
    })  # fmt: skip
    return Known(key, value, on, source, False, purpose, closes.first if closes else None, False)


def _doubt(past: Past24, first_id: int, widths: Mapping[int, int], chance: Random) -> None:
    """One customer in forty stood by a value with a digit too many: somebody has to look at it."""
    given = [row for row in past.readings if row["source"] in _GIVEN]
    if given and chance.random() < 0.025:
        last = given[-1]
        past.readings.append({
            **last, "id": first_id + len(past.readings), "value": last["value"] * 10 % 10 ** widths[last["register"]],
            "status": Status.DOUBTFUL, "doubt": Doubt.HIGHER, "said": "stands by it",
        })  # fmt: skip


def _bill_register(past: Past24, register: int, found: Reckoned, first_id: int, month: Month) -> None:
    choice, estimated = found.decision.choice, found.estimate
    if choice is not None:
        reading = choice.stored
    else:
        assert estimated is not None
        reading = first_id + len(past.readings)
        inputs = {"method": estimated.method.value, **estimated.inputs.as_mapping()}
        past.readings.append({
            "id": reading, "register": register, "value": estimated.value, "read_on": month.ends,
            "at": month.closed_at, "source": Source.ESTIMATE, "status": Status.ACCEPTED, "doubt": None,
            "purpose": Purpose.BILLING, "period": month.period.first, "said": None, "inputs": json.dumps(inputs),
        })  # fmt: skip
    ground = Ground(found.decision, found.before, estimated.method if estimated else None)
    past.billings.append({
        "period": month.period.first, "register": register, "reading": reading, "used": found.used,
        "at": month.closed_at, "why": _GROUND.dump_json(ground, exclude_defaults=True).decode(),
    })  # fmt: skip


def _bill(of: Person, month: Month, kwh: int, amount: int, last: bool, chance: Random) -> dict[str, Any]:
    """Most pay in the weeks after the window; the last bill is paid by a third of them so far, some pay a part."""
    paid_on = month.ends + timedelta(days=3 if last else 8 + chance.randrange(18))
    luck = chance.random()
    pays, part = luck < (0.33 if last else 0.96), luck < 0.06
    return {
        "account": of.number, "period": month.period.first, "kwh": kwh, "amount": amount,
        "paid": amount // (2 if part else 1) if pays else 0, "paid_on": paid_on if pays else None,
    }  # fmt: skip


def _moment(day: date, chance: Random | None) -> datetime:
    """Some time of that day, UTC; the machine works at six in the morning."""
    minutes = 6 * 60 if chance is None else chance.randint(7 * 60, 21 * 60)
    return datetime.combine(day, time(*divmod(minutes, 60)), rules.HOME).astimezone(UTC)
