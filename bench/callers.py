"""Invented callers who key a reading, and the errors they make: the error model of docs/doubt.md.

Rules
1. Figures of this module are the simulated world's, on purpose not those by which `domain.slips` explains it: a
   diagnosis that only works when its assumptions are exact would be worth nothing.
2. A slip is a finger's: the caller means the right number, and keys it anew when asked to key again.  A mistake is
   the eye's: the caller means the wrong number, repeats it faithfully, and hears nothing wrong in the read-back.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from domain.model import Meter, Register, Zone
from domain.slips import BESIDE, Hypothesis
from domain.usage import Use

TODAY: Final = date(2026, 11, 30)

RATES: Final[dict[Hypothesis, float]] = {
    Hypothesis.WRONG_DIGIT: 0.010,
    Hypothesis.SWAPPED_DIGITS: 0.002,
    Hypothesis.MISSING_DIGIT: 0.0015,
    Hypothesis.EXTRA_DIGIT: 0.0015,
    Hypothesis.DECIMALS: 0.007,
    Hypothesis.ZONES_SWAPPED: 0.005,
    Hypothesis.OTHER_METER: 0.005,
    Hypothesis.UNCHANGED: 0.003,
}
"""Of all keyed values; of those zones and other meters only where there are some."""

SLIPS: Final = (
    Hypothesis.WRONG_DIGIT,
    Hypothesis.SWAPPED_DIGITS,
    Hypothesis.MISSING_DIGIT,
    Hypothesis.EXTRA_DIGIT,
)
TWICE: Final = 0.05
"""Of slips, those that come with a second one in the same number."""
NEIGHBOURS: Final = 0.6
"""Of wrong keys, those beside the right one."""
DOUBLED: Final = 0.7
"""Of digits too many, those that repeat one."""
ZEROS: Final = 0.4
"""Callers who key leading zeros."""
PLACES: Final = (0.7, 0.2, 0.1)
"""Of those who key decimals: one, two, three of them."""
ZONED: Final = 0.25
SEVERAL: Final = 0.05
"""Share of readings from meters with zones, and from accounts with several meters."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A caller at a meter.

    shown: what the register shows today.  others: what every other register shows, by meter and zone.
    zeros: they key leading zeros.
    """

    meter: Meter
    register: Register
    neighbours: tuple[Meter, ...]
    shown: int
    others: dict[tuple[str, Zone], int]
    zeros: bool

    @property
    def digits(self) -> str:
        """What they key when nothing goes wrong."""
        return f"{self.shown:0{self.register.width}d}" if self.zeros else str(self.shown)


def reading(chance: random.Random, *, zoned: bool | None = None, several: bool | None = None) -> Reading:
    """An invented caller.  zoned, several: force (or forbid) zones and a second meter."""
    zoned = chance.random() < ZONED if zoned is None else zoned
    several = chance.random() < SEVERAL if several is None else several
    meters, shown = [], dict[tuple[str, Zone], int]()
    days = _days(chance)
    for n in range(2 if several else 1):
        zones = (Zone.DAY, Zone.NIGHT) if zoned and n == 0 else (Zone.SINGLE,)
        meter, values = _meter(chance, f"{n}", zones, days)
        meters.append(meter)
        shown |= {(meter.number, zone): value for zone, value in values.items()}
    meter = meters[0]
    register = chance.choice(meter.registers)
    mine = shown.pop((meter.number, register.zone))
    return Reading(meter, register, tuple(meters[1:]), mine, shown, chance.random() < ZEROS)


def first(at: Reading) -> Reading:
    """The same caller, asked for the first zone."""
    of = at.meter.registers[0]
    if of is at.register:
        return at
    others = at.others | {(at.meter.number, at.register.zone): at.shown}
    shown = others.pop((at.meter.number, of.zone))
    return replace(at, register=of, shown=shown, others=others)


def before(at: Reading) -> tuple[tuple[Register, int], ...]:
    """What they have keyed for the registers that are asked for first."""
    earlier = at.meter.registers[: at.meter.registers.index(at.register)]
    return tuple((register, at.others[at.meter.number, register.zone]) for register in earlier)


def _days(chance: random.Random) -> int:
    """Since the last value: a month for most, two to six for some, a year or more for a few."""
    kind = chance.random()
    return (
        chance.randint(27, 34)
        if kind < 0.85
        else chance.randint(55, 185)
        if kind < 0.97
        else chance.randint(200, 800)
    )


def _meter(chance: random.Random, number: str, zones: tuple[Zone, ...], days: int) -> tuple[Meter, dict[Zone, int]]:
    width = chance.choices((5, 6, 7), (0.45, 0.5, 0.05))[0]
    industrial = chance.random() < 0.02
    power = 250.0 if industrial else chance.choice((5.0, 7.0, 10.0, 15.0))
    multiplier = 40 if industrial else 1
    daily = 0.02 if chance.random() < 0.03 else min(chance.lognormvariate(1.7, 0.7), power * 8)
    age = chance.uniform(0.1, 12) * 365
    registers, values = [], dict[Zone, int]()
    night = chance.uniform(0.2, 0.5)
    for zone, share in zip(zones, (1 - night, night) if len(zones) > 1 else (1.0,), strict=True):
        usual = daily * share
        last = int(usual * age) + (chance.randrange(10**width) if chance.random() < 0.1 else 0)
        known = usual if chance.random() > 0.02 else None
        register = Register(zone, width, last % 10**width, TODAY - timedelta(days=days), known)
        meter = Meter(number, (register,), multiplier, power)
        used = min(_used(chance, usual * days), Use.of(meter, register, TODAY).capacity, 10**width // 2)
        registers.append(register)
        values[zone] = (last + used) % 10**width
    return Meter(number, tuple(registers), multiplier, power), values


def _used(chance: random.Random, usual: float) -> int:
    """A season and a mood; some heat with electricity, some were away."""
    kind = chance.random()
    factor = chance.uniform(2, 5) if kind < 0.05 else chance.uniform(0, 0.1) if kind < 0.08 else 1.0
    return round(usual * factor * chance.lognormvariate(0, 0.4) + chance.expovariate(1) * min(usual / 10, 10))


def slips(meant: str) -> Iterator[tuple[Hypothesis, str, float]]:
    """Every single slip of the finger: kind, what is keyed, and how likely, given a slip of that kind."""
    length = len(meant)
    for i, digit in enumerate(meant):
        beside = BESIDE[digit]
        for keyed in "0123456789":
            if keyed != digit:
                near = NEIGHBOURS / len(beside) if keyed in beside else (1 - NEIGHBOURS) / (9 - len(beside))
                yield Hypothesis.WRONG_DIGIT, meant[:i] + keyed + meant[i + 1 :], near / length
        if length > 1:
            yield Hypothesis.MISSING_DIGIT, meant[:i] + meant[i + 1 :], 1 / length
        yield Hypothesis.EXTRA_DIGIT, meant[:i] + digit + meant[i:], DOUBLED / length
        if i + 1 < length and digit != meant[i + 1]:
            keyed = meant[:i] + meant[i + 1] + digit + meant[i + 2 :]
            yield Hypothesis.SWAPPED_DIGITS, keyed, 1 / (length - 1)
    for i in range(length + 1):
        for digit in "0123456789":
            yield Hypothesis.EXTRA_DIGIT, meant[:i] + digit + meant[i:], (1 - DOUBLED) / (10 * (length + 1))


def slip(chance: random.Random, kind: Hypothesis, meant: str) -> str:
    """One slip of this kind; `meant` itself when there is none (nothing to swap)."""
    found = [(keyed, weight) for each, keyed, weight in slips(meant) if each is kind]
    return chance.choices([k for k, _ in found], [w for _, w in found])[0] if found else meant


def coincidence(meant: str, again: int) -> float:
    """P(somebody who keys `meant` once more slips, and so that the number `again` comes out)."""
    return sum(RATES[kind] * weight for kind, keyed, weight in slips(meant) if keyed and int(keyed) == again)


def keyed(chance: random.Random, kind: Hypothesis, at: Reading) -> str | None:
    """What is keyed when this goes wrong; None where it can't, or makes no difference."""
    match kind:
        case Hypothesis.DECIMALS:
            places = chance.choices((1, 2, 3), PLACES)[0]
            made = at.digits + f"{chance.randrange(10**places):0{places}d}"
        case Hypothesis.ZONES_SWAPPED:
            other = [value for (meter, _), value in at.others.items() if meter == at.meter.number]
            made = str(chance.choice(other)) if other else at.digits
        case Hypothesis.OTHER_METER:
            other = [value for (meter, _), value in at.others.items() if meter != at.meter.number]
            made = str(chance.choice(other)) if other else at.digits
        case Hypothesis.UNCHANGED:
            made = str(at.register.last)
        case _:
            made = slip(chance, kind, at.digits)
            if chance.random() < TWICE:
                made = slip(chance, chance.choices(SLIPS, [RATES[s] for s in SLIPS])[0], made)
    wrong = made != "" and (len(made) > at.register.width or int(made) != at.shown)
    return made if wrong else None
