"""Doubt that diagnoses: what a keyed value may mean, how likely each is, and the one question that tells them apart.

Rules
1. Pure: no clock (`today` is an argument), no database.  Numbers are kWh as displayed, before the multiplier.
2. Nothing is ever refused.  Whatever is asked, "it shows what I keyed" is one of the answers.
3. What we propose is never taken on a yes: a caller who takes `meant` keys it again, in full (docs/doubt.md).

Theory: Bayes.  P(explanation | keyed) ~ P(keyed | meant) x P(the display shows `meant` today).  The first factor is
`domain.slips`; the second is `Use`: consumption since the last value, heavy-tailed around usual x days, nothing
above what the connection can carry.  "Shown as keyed" competes by the same measure.  Tails are polynomial, so that
plain numbers do: nothing underflows, and a winter heater is unusual, not impossible.

A value is asked about when it lies outside the bounds of decision 034 or when an error explains it better than
honest use does; else it is plausible and only confirmed (`Plausible.confirm`, decision 051).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from math import ceil, log, pi, sqrt
from types import MappingProxyType
from typing import Final, Self, TypeAlias

from domain.model import Doubt, Meter, Register, Zone
from domain.slips import RATES, Hypothesis, meanings

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

SPREAD: Final = 0.4
"""Scale of log(use / usual): half of the months lie within a factor of 1.36 (assumption; winter and guests are in
the tail, a Student t with three degrees of freedom)."""

GRAIN: Final = 5.0
"""Units added to use and usual before they are compared: near zero a few kWh are noise, not a ratio."""

SPANS: Final = (7, 30, 91, 183, UNKNOWN_SPAN)
"""Days, equally likely, since a last value that has no date."""

OFFER: Final = 0.1
"""Weight from which an explanation is worth naming to the caller; below, they are only asked to look again.  A
mistake of this weight is asked about also where the value lies within the bounds, and who insists is written down:
who reads the wrong number repeats it faithfully, so that neither a read-back nor keying again finds it."""

BETTER: Final = 0.5
"""Weight of "shown as keyed" below which a value within the bounds is asked about, whatever the error."""

NAMED: Final = 0.0002
"""Weight of a mistake from which the confirmation names it ("is this the night value?"): as soon as the value fits
there too, for it costs nobody a question."""

SURE: Final = 0.0
"""Weight of all errors below which a plausible value is not keyed again.  0: every value is; what other limits cost
stands in docs/doubt.md, the choice is decision 051."""

_AS_KEYED: Final = frozenset({Hypothesis.TRUE, Hypothesis.ROLLED_OVER, Hypothesis.BEYOND_CAPACITY})
_MISTAKES: Final = frozenset({Hypothesis.ZONES_SWAPPED, Hypothesis.OTHER_METER, Hypothesis.DECIMALS})
_NEGLIGIBLE: Final = 0.001


class Ask(StrEnum):
    """What the caller is asked; each has one prompt.  Every one says the value and takes "as keyed" for an answer."""

    READ_BACK = "read_back"  # "2180, is that right?"; only of plausible values
    UNCHANGED = "unchanged"  # "the same as last time: is that what the meter shows now?"
    OTHER_ZONE = "other_zone"  # "is this the value of `zone`?"
    OTHER_METER = "other_meter"  # "is this the value of the meter `meter`?"
    DECIMALS = "decimals"  # "do the last `digits` digits stand after the point?"
    OTHER_VALUE = "other_value"  # "does it show `meant` (1) or what you keyed (2)?  3: key again"
    MISSING_DIGIT = "missing_digit"  # "there seems to be a digit too few; is it really what the meter shows?"
    INSIST = "insist"  # "that is much more (or less) than usual; is it really what the meter shows?"


@dataclass(frozen=True, slots=True)
class Question:
    """The one question.  meant, zone, meter: what it proposes.  digits: how many stand after the point (DECIMALS)."""

    ask: Ask
    meant: int | None = None
    zone: Zone | None = None
    meter: str | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Guess:
    """One explanation.

    meant: what this register's display then shows; None when that can't be known from what was keyed.
    zone, meter: whose value it is (ZONES_SWAPPED, OTHER_METER).  decimals: digits after the point (DECIMALS).
    weight: posterior probability; those of a ranking sum to 1.
    """

    hypothesis: Hypothesis
    meant: int | None
    zone: Zone | None = None
    weight: float = 1.0
    meter: str | None = None
    decimals: int = 0

    @property
    def as_keyed(self) -> bool:
        """Does the display show what was keyed?"""
        return self.hypothesis in _AS_KEYED

    @property
    def question(self) -> Question:
        """What to ask to find out."""
        match self.hypothesis:
            case Hypothesis.ZONES_SWAPPED:
                return Question(Ask.OTHER_ZONE, zone=self.zone)
            case Hypothesis.OTHER_METER:
                return Question(Ask.OTHER_METER, zone=self.zone, meter=self.meter)
            case Hypothesis.DECIMALS:
                return Question(Ask.DECIMALS, self.meant, digits=self.decimals)
            case Hypothesis.UNCHANGED:
                return Question(Ask.UNCHANGED)
            case Hypothesis.TRUE | Hypothesis.ROLLED_OVER | Hypothesis.BEYOND_CAPACITY:
                return Question(Ask.INSIST)
            case _:
                return Question(Ask.OTHER_VALUE, self.meant)


@dataclass(frozen=True, slots=True)
class Plausible:
    """Nothing to doubt, only to confirm: first `again`, then `confirm`; then it is accepted.

    used: kWh as displayed since the last value; None when there is no last value.
    again: how many of the last digits are keyed once more, before anything is read back (see `agrees`); 0: none.
    confirm: READ_BACK, or in its place a question that names a mistake (UNCHANGED, OTHER_ZONE, OTHER_METER,
    DECIMALS); who says that it is as keyed is believed.
    risk: posterior probability that an error made this value, before anybody confirmed it.
    """

    used: int | None
    again: int = 0
    confirm: Question = Question(Ask.READ_BACK)
    risk: float = field(default=0.0, compare=False)
    guesses: tuple[Guess, ...] = field(default=(), compare=False)

    @property
    def sure(self) -> bool:
        """Is reading back enough?"""
        return not self.again

    def agrees(self, value: int, keyed: str) -> bool:
        """Are these digits the last `again` of `value`?  All of it, and other leading zeros, will do."""
        return int(keyed) in (value, value % 10**self.again)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Ask `question`; who insists is written down as doubtful, for somebody to look at.

    doubt: the coarse word for the store.  HIGHER also stands for what went forward believably, but is better
    explained by an error.  used: kWh as displayed since the last value; negative when it is LOWER.
    guesses: likeliest first, never empty.
    """

    doubt: Doubt
    used: int
    guesses: tuple[Guess, ...] = field(compare=False)

    @property
    def question(self) -> Question:
        """Separates "shown as keyed" from the likeliest other explanation, if there is one worth naming."""
        if self.doubt is Doubt.UNCHANGED:
            return Question(Ask.UNCHANGED)
        missing = sum(guess.weight for guess in self.guesses if guess.hypothesis is Hypothesis.MISSING_DIGIT)
        return offer(self.guesses) or Question(Ask.MISSING_DIGIT if missing > BETTER else Ask.INSIST)


Verdict: TypeAlias = Plausible | Doubtful


def offer(guesses: tuple[Guess, ...]) -> Question | None:
    """The question that names the likeliest error of a ranking; None when none is likely enough to be named."""
    error = next((guess for guess in guesses if not guess.as_keyed), None)
    return error.question if error and error.weight >= OFFER else None


def diagnose(
    meter: Meter,
    register: Register,
    value: int,
    today: date,
    *,
    others: tuple[Register, ...] | None = None,
    neighbours: tuple[Meter, ...] = (),
    given: tuple[tuple[Zone, int], ...] = (),
    sure: float = SURE,
) -> Verdict:
    """What to make of `value`, keyed for this register of this meter on `today` (Europe/Kyiv).

    others: the meter's other registers (default: those of `meter`).  neighbours: the account's other meters.
    given: what was keyed in this call for other registers of this meter; two zones tell more together than alone.
    sure: see `SURE`.  A value that the display cannot show (negative, too wide): ValueError; see `too_wide`.
    """
    if not 0 <= value < 10**register.width:
        raise ValueError(f"{value} does not fit a display of {register.width} digits")
    if others is None:
        others = tuple(r for r in meter.registers if r.zone != register.zone)
    use = Use.of(meter, register, today)
    zones = {r.zone: Use.of(meter, r, today) for r in others}
    found = _explanations(use, register, value, zones, given)
    found |= _foreign(value, neighbours, today)
    whole = sum(found.values())
    risk = 1 - sum(chance for guess, chance in found.items() if guess.as_keyed) / whole
    ranked = _ranked(found)
    mistake, weight = max(
        ((guess, chance / whole) for guess, chance in found.items() if guess.hypothesis in _MISTAKES),
        key=lambda item: item[1],
        default=(None, 0.0),
    )
    confirm = mistake.question if mistake and weight >= NAMED else Question(Ask.READ_BACK)
    if register.last is None:
        return Plausible(None, 0 if risk < sure else register.width, confirm, risk, ranked)
    if value == register.last:
        if use.should_have_moved:
            return Doubtful(Doubt.UNCHANGED, 0, ranked)
        return Plausible(0, 0, Question(Ask.UNCHANGED), risk, ranked)
    used = use.since(value)
    if used is None or used > use.believable or 1 - risk < BETTER or weight >= OFFER:
        used = value - register.last if used is None else used
        return Doubtful(Doubt.LOWER if used < 0 else Doubt.HIGHER, used, ranked)
    digits = min(max(len(str(use.believable)), 2), register.width)
    return Plausible(used, 0 if risk < sure else digits, confirm, risk, ranked)


def too_wide(meter: Meter, register: Register, keyed: str, today: date) -> tuple[Guess, ...]:
    """Explanations of more digits than the display has, likeliest first; see `offer`.

    keyed: as keyed, with leading zeros: "021504" is too wide for five digits, though 21504 would fit.  One of them
    is BEYOND_CAPACITY: the display shows that many digits and our record is wrong; the others have a `meant` that
    this display can show.  Digits that fit: ValueError.
    """
    if len(keyed) <= register.width:
        raise ValueError(f"{keyed} fits a display of {register.width} digits: diagnose it")
    use = Use.of(meter, register, today)
    found: dict[Guess, float] = defaultdict(float)
    for hypothesis, meant, chance, decimals in meanings(keyed, register.width):
        found[Guess(hypothesis, meant, decimals=decimals)] += chance * use.shows(meant)
    found[Guess(Hypothesis.BEYOND_CAPACITY, None)] = RATES[Hypothesis.BEYOND_CAPACITY] / use.turn
    return _ranked(found)


@lru_cache(maxsize=1024)
def specimens(
    meter: Meter, register: Register, today: date, *, neighbours: tuple[Meter, ...] = ()
) -> Mapping[str, int]:
    """One value for each thing that the caller can be asked about this register today, by name.

    Names: "plausible" and "rolled over" (plausible, not named after a mistake), the values of `Doubt` (nothing
    worth naming), and either with what is asked: "plausible, other_zone", "higher, decimals".  All fit the display.
    """
    found: dict[str, int] = {}
    for value in dict.fromkeys(_worth_trying(meter, register, today, neighbours)):
        found.setdefault(name(register, value, diagnose(meter, register, value, today, neighbours=neighbours)), value)
    return MappingProxyType(found)


@lru_cache(maxsize=1024)
def wide_specimens(meter: Meter, register: Register, today: date) -> Mapping[str, str]:
    """The same for more digits than the display has: "too wide" (nothing to offer), and with what is asked."""
    found: dict[str, str] = {}
    use = Use.of(meter, register, today)
    likely = f"{use.likeliest:0{register.width}d}"
    doubled = (likely[:i] + likely[i] + likely[i:] for i in range(register.width))
    for keyed in ("9" * (register.width + 1), "9" * (register.width + 3), likely + "4", likely + "04", *doubled):
        question = offer(too_wide(meter, register, keyed, today))
        found.setdefault(f"too wide, {question.ask}" if question else "too wide", keyed)
    return MappingProxyType(found)


def name(register: Register, value: int, verdict: Verdict) -> str:
    """The name that `specimens` gives to such a verdict."""
    match verdict:
        case Doubtful(doubt):
            ask = verdict.question.ask
            return doubt.value if ask in (Ask.INSIST, Ask.UNCHANGED) else f"{doubt}, {ask}"
        case Plausible(confirm=Question(ask=ask)):
            if ask is not Ask.READ_BACK:
                return f"plausible, {ask}"
            return "rolled over" if register.last is not None and value < register.last else "plausible"


def _worth_trying(meter: Meter, register: Register, today: date, neighbours: tuple[Meter, ...]) -> Iterator[int]:
    """Values at which `diagnose` may change its mind: likely ones, the bounds, and what slips make of them."""
    use, top = Use.of(meter, register, today), 10**register.width - 1
    last = use.last or 0
    likely = [use.likeliest, last, last + 1, last + use.believable, last + use.believable // 2]
    bounds = [last + 2 * use.believable + 1, last + use.believable + 1, last + use.capacity, last + use.capacity + 1]
    foreign = [Use.of(meter, other, today) for other in meter.registers if other.zone != register.zone]
    foreign += [Use.of(other, r, today) for other in neighbours for r in other.registers]
    bounds += [other.likeliest for other in foreign] + [0, last - 1 - min(last // 10, 100), last - 1, top]
    for value in likely + bounds:
        yield value % (top + 1)
    for value in likely:
        yield from (made for made in _slipped(str(value % (top + 1)), register.width) if made <= top)


def _slipped(shown: str, width: int) -> Iterator[int]:
    """What slips make of a value."""
    for i in range(len(shown)):
        yield int(shown[: i + 1] + shown[i:])
        yield int(shown[:i] + shown[i + 1 :] or "0")
        yield int(shown[:i] + shown[i + 1 : i + 2] + shown[i] + shown[i + 2 :])
    for i in range(width):
        yield from (int(shown.zfill(width)[:i] + digit + shown.zfill(width)[i + 1 :]) for digit in "0123456789")
    yield from (int(shown + tail) for tail in ("4", "04", "004"))


@dataclass(frozen=True, slots=True)
class Use:
    """What a register may have counted since its last value, and how likely each figure is.

    last, turn: the last value, None when there is none, and 10 ** width.  usual: kWh a day, None when unknown.
    days: since the last value, both ends whole; capacity: the most that the connection can have carried.
    believable: the most that passes without a question.
    """

    last: int | None
    turn: int
    usual: float | None
    days: int
    capacity: int
    believable: int
    dated: bool

    @classmethod
    def of(cls, meter: Meter, register: Register, today: date) -> Self:
        """Of this register, as of `today`."""
        on = register.last_on
        days = max((today - on).days, 0) + 1 if on else UNKNOWN_SPAN
        capacity = believable = ceil(meter.power * 24 * days / meter.multiplier)
        if register.usual is not None:
            usual = USUAL_TIMES * register.usual * days + USUAL_SLACK / meter.multiplier
            believable = min(capacity, ceil(usual))
        return cls(register.last, 10**register.width, register.usual, days, capacity, believable, on is not None)

    def since(self, value: int) -> int | None:
        """Units counted if the display shows `value`: forward, or once past all nines.  None: neither can be.

        None also without a last value.  Past all nines means: by less than half of the range, within the capacity.
        """
        if self.last is None:
            return None
        used = value - self.last
        if used < 0:
            used += self.turn
            return used if used <= min(self.capacity, self.turn // 2) else None
        return used if used <= self.capacity else None

    def shows(self, value: int) -> float:
        """P(the display shows `value` today)."""
        if self.last is None:
            return 1 / self.turn
        used = self.since(value)
        if used is None:
            return 0.0
        if self.usual is None:
            return 1 / (min(self.capacity, self.turn) + 1)
        if self.dated:
            return self._density(used, self.usual * self.days)
        return sum(self._density(used, self.usual * days) for days in SPANS) / len(SPANS)

    @property
    def likeliest(self) -> int:
        """What the display shows after average use; where nothing is known of it, an invented value."""
        if self.last is None:
            return min(1234, self.turn - 1)
        return (self.last + ceil((self.usual or 0) * (self.days - 1))) % self.turn

    @property
    def should_have_moved(self) -> bool:
        """Is it odd to see the same value again?"""
        days = self.days - 1
        return days >= STILL_DAYS if self.usual is None else self.usual * days >= STILL

    @staticmethod
    def _density(used: int, usual: float) -> float:
        off = log((used + GRAIN) / (usual + GRAIN)) / SPREAD
        return 2 / (pi * sqrt(3) * (1 + off * off / 3) ** 2) / (SPREAD * (used + GRAIN))


def _explanations(
    use: Use, register: Register, value: int, zones: Mapping[Zone, Use], given: tuple[tuple[Zone, int], ...]
) -> dict[Guess, float]:
    """Every explanation on this meter with P(keyed and so)."""
    found: dict[Guess, float] = defaultdict(float)
    for hypothesis, meant, chance, decimals in meanings(str(value), register.width):
        if shown := use.shows(meant):
            found[Guess(hypothesis, meant, decimals=decimals)] += chance * shown
    told = dict(given)
    for zone, other in zones.items():
        if other.last is not None:
            chance = RATES[Hypothesis.ZONES_SWAPPED] / len(zones) * other.shows(value)
            if zone in told:  # then the two belong the other way round; every other explanation has them as keyed
                chance *= use.shows(told[zone]) / max(other.shows(told[zone]), 1 / other.turn)
            found[Guess(Hypothesis.ZONES_SWAPPED, None, zone)] = chance
    if value == use.last:
        found[Guess(Hypothesis.UNCHANGED, None)] = RATES[Hypothesis.UNCHANGED]
    rolled = use.last is not None and value < use.last
    keyed = Hypothesis.ROLLED_OVER if rolled else Hypothesis.TRUE
    found[Guess(keyed, value)] = (1 - sum(RATES.values())) * use.shows(value)
    found[Guess(Hypothesis.BEYOND_CAPACITY, value)] = RATES[Hypothesis.BEYOND_CAPACITY] / use.turn
    return found


def _foreign(value: int, neighbours: tuple[Meter, ...], today: date) -> dict[Guess, float]:
    """That it is another meter's value."""
    registers = [(m, r) for m in neighbours for r in m.registers if r.last is not None]
    chance = RATES[Hypothesis.OTHER_METER] / max(len(registers), 1)
    return {
        Guess(Hypothesis.OTHER_METER, None, r.zone, meter=m.number): chance * Use.of(m, r, today).shows(value)
        for m, r in registers
    }


def _ranked(found: Mapping[Guess, float]) -> tuple[Guess, ...]:
    """Likeliest first; what is not worth a thousandth is left out."""
    whole = sum(found.values())
    kept = {guess: chance for guess, chance in found.items() if chance > _NEGLIGIBLE * whole}
    whole = sum(kept.values())
    order = sorted(kept.items(), key=lambda item: -item[1])
    return tuple(Guess(g.hypothesis, g.meant, g.zone, chance / whole, g.meter, g.decimals) for g, chance in order)
