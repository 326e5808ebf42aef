"""What was read of the generated customers, what was billed, and what they paid.

Rules: a month is billed as `domain.reckoning` bills it, so that a generated past looks like a stored one: readings of
the window close a month, an inspector's of between are control readings, what nobody read is estimated with its
inputs.  Of four months about one is estimated; every half a year the inspector comes; smart meters report each month.
Nothing lies in the future of `today`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, Final

from pydantic import TypeAdapter

from domain import rules
from domain.billing import Ground
from domain.demo.fiction import Counter, Face, Person, season
from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.policy import Policies
from domain.reckoning import Dial, Known, Reckoned, reckon
from domain.window import Period, window_of

PRICE: Final = {Zone.NIGHT: 216}
"""Kopiykas for a kWh where it isn't `FULL_PRICE`; for looking at, no tariff of any day."""
FULL_PRICE: Final = 432
_REMEMBERED: Final = 8  # readings that the next estimate may need
_GROUND: Final = TypeAdapter(Ground)


@dataclass(slots=True)
class Past24:
    """Rows for the tables `readings`, `billings` and `bills`, readings with the ids that they will have."""

    readings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    billings: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    bills: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


def last_closed(today: date, book: Policies) -> Period:
    """The last month whose window is over."""
    period = Period.of(today).previous
    return period if window_of(period, book).last < today else period.previous


def live(
    of: Person, registers: Sequence[int], first_id: int, until: Period, months: int, chance: Random, book: Policies
) -> Past24:
    """`months` months up to `until` of this customer.

    registers: the ids of their registers, in the order of meters and counters.  first_id: of the first reading; the
    others follow it.
    """
    past = Past24()
    kwh: dict[Period, int] = {}
    amount: dict[Period, int] = {}
    keys = iter(registers)
    for face in of.faces:
        days = list(_days(of, face, until, months, chance, book))
        for counter in face.counters:
            register = next(keys)
            for period, used in _count(
                past, of, face, counter, register, first_id, days, until, months, chance, book
            ):
                if counter.energy is Energy.ACTIVE:
                    kwh[period] = kwh.get(period, 0) + used
                    amount[period] = amount.get(period, 0) + used * PRICE.get(counter.zone, FULL_PRICE)
    widths = dict(zip(registers, (c.width for face in of.faces for c in face.counters), strict=True))
    _doubt(past, first_id, widths, chance)
    for period, used in kwh.items():
        past.bills.append(_bill(of, period, used, max(amount[period], 0), until, chance))
    return past


_Visit = tuple[date, Source, Period | None]
"""A day on which a meter was read, by whom, and the month that this closes; None: a control reading."""


def _days(of: Person, face: Face, until: Period, months: int, chance: Random, book: Policies) -> Iterator[_Visit]:
    """When the meter was read, in order; the first time before the first month."""
    begins = until.plus(-months)
    yield window_of(begins, book).first, Source.INSPECTOR, begins
    comes = chance.randrange(6)
    likes = chance.choices((Source.CALLER, Source.WEB, Source.BOT), (4, 3, 2))[0]
    for ago in range(months - 1, -1, -1):
        period = until.plus(-ago)
        if ago % 6 == comes and months > 1:
            yield period.first + timedelta(days=9 + chance.randrange(10)), Source.INSPECTOR, None
        window = window_of(period, book)
        days = (window.last - window.first).days
        if face.smart:
            yield period.next.first, Source.SMART_METER, period
        elif chance.random() > 0.25:
            source = likes if chance.random() < 0.8 else chance.choice((Source.CALLER, Source.WEB, Source.BOT))
            yield window.first + timedelta(days=chance.randint(0, days)), source, period


def _count(
    past: Past24, of: Person, face: Face, counter: Counter, register: int, first_id: int, days: Sequence[_Visit],
    until: Period, months: int, chance: Random, book: Policies,
) -> Iterator[tuple[Period, int]]:  # fmt: skip
    """The readings and billings of one register into `past`; what each month used, multiplied."""
    shown = face.daily * counter.share / face.multiplier
    dial = Dial(
        register, of.number, face.number, counter.zone, counter.energy, counter.width, face.multiplier,
        round(shown, 2), face.smart, None,
    )  # fmt: skip
    count, day = float(counter.begins), days[0][0]
    visits = iter(days)
    visit = next(visits, None)
    for ago in range(months, -1, -1):
        period = until.plus(-ago)
        ends = window_of(period, book).last
        known = list(dial.known)
        while visit is not None and visit[0] <= ends:
            on, source, closes = visit
            count += _used(of, shown, day, on) * chance.uniform(0.85, 1.15)
            day = on
            known.append(_read(past, dial, first_id, int(count), on, source, closes, chance))
            visit = next(visits, None)
        dial = replace(dial, known=tuple(known[-_REMEMBERED:]))
        if ago == months:
            continue  # the month before: what the account begins with
        found = reckon(dial, period, book)
        if isinstance(found, Reckoned):
            _bill_register(past, dial, found, first_id, period, ends)
            dial = replace(dial, before=found.past(period.next.first), of_period=period)
            yield period, found.used


def _used(of: Person, shown: float, begins: date, ends: date) -> float:
    """Displayed units from one day to another, by season."""
    used, day = 0.0, begins
    while day < ends:
        then = min(ends, Period.of(day).next.first)
        used += shown * season(of, day.month) * (then - day).days
        day = then
    return used


def _read(
    past: Past24,
    dial: Dial,
    first_id: int,
    count: int,
    on: date,
    source: Source,
    closes: Period | None,
    chance: Random,
) -> Known:
    """A reading, stored when somebody had the time."""
    value = count % 10**dial.width
    purpose = Purpose.CONTROL if closes is None else Purpose.BILLING
    key = first_id + len(past.readings)
    past.readings.append({
        "id": key, "register": dial.id, "value": value, "read_on": on, "at": _moment(on, chance), "source": source,
        "status": Status.ACCEPTED, "doubt": None, "purpose": purpose, "period": closes.first if closes else None,
        "said": None, "inputs": None,
    })  # fmt: skip
    return Known(key, value, on, source, False, purpose, closes.first if closes else None, False)


def _doubt(past: Past24, first_id: int, widths: Mapping[int, int], chance: Random) -> None:
    """One customer in forty stood by a value with a digit too many: somebody has to look at it."""
    given = [row for row in past.readings if row["source"] in (Source.CALLER, Source.WEB, Source.BOT)]
    if given and chance.random() < 0.025:
        last = given[-1]
        past.readings.append({
            **last, "id": first_id + len(past.readings), "value": last["value"] * 10 % 10 ** widths[last["register"]],
            "status": Status.DOUBTFUL, "doubt": Doubt.HIGHER, "said": "stands by it",
        })  # fmt: skip


def _bill_register(past: Past24, dial: Dial, found: Reckoned, first_id: int, period: Period, ends: date) -> None:
    at = _moment(ends + timedelta(days=1), None)
    choice, estimated = found.decision.choice, found.estimate
    if choice is not None:
        reading = choice.stored
    else:
        assert estimated is not None
        reading = first_id + len(past.readings)
        inputs = {"method": estimated.method.value, **estimated.inputs.as_mapping()}
        past.readings.append({
            "id": reading, "register": dial.id, "value": estimated.value, "read_on": period.next.first, "at": at,
            "source": Source.ESTIMATE, "status": Status.ACCEPTED, "doubt": None, "purpose": Purpose.BILLING,
            "period": period.first, "said": None, "inputs": json.dumps(inputs),
        })  # fmt: skip
    ground = Ground(found.decision, found.before, estimated.method if estimated else None)
    past.billings.append({
        "period": period.first, "register": dial.id, "reading": reading, "used": found.used, "at": at,
        "why": _GROUND.dump_json(ground, exclude_defaults=True).decode(),
    })  # fmt: skip


def _bill(of: Person, period: Period, kwh: int, amount: int, until: Period, chance: Random) -> dict[str, Any]:
    """Most pay in the weeks after the window; the last bill is paid by a third of them so far, some pay a part."""
    paid_on = period.next.first + timedelta(days=3 if period == until else 8 + chance.randrange(18))
    luck = chance.random()
    pays, part = luck < (0.33 if period == until else 0.96), luck < 0.06
    return {
        "account": of.number, "period": period.first, "kwh": kwh, "amount": amount,
        "paid": amount // (2 if part else 1) if pays else 0, "paid_on": paid_on if pays else None,
    }  # fmt: skip


def _moment(day: date, chance: Random | None) -> datetime:
    """Some time of that day, UTC; the machine works at six in the morning."""
    minutes = 6 * 60 if chance is None else chance.randint(7 * 60, 21 * 60)
    return (datetime.combine(day, time(), rules.HOME) + timedelta(minutes=minutes)).astimezone(UTC)
