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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from domain.model import Doubt, Energy, Meter, Register, Zone
from domain.slips import RATES, Hypothesis, meanings
from domain.usage import Use

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

_SHOWN: Final = frozenset({Hypothesis.TRUE, Hypothesis.ROLLED_OVER})
_AS_KEYED: Final = _SHOWN | {Hypothesis.BEYOND_CAPACITY}
_MISTAKES: Final = frozenset({Hypothesis.ZONES_SWAPPED, Hypothesis.OTHER_METER, Hypothesis.DECIMALS})
_NEGLIGIBLE: Final = 0.001
_RIGHT: Final = 1 - sum(RATES.values())


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
    """The one question.

    meant: the value that it proposes (OTHER_VALUE, DECIMALS).  zone, energy: the register (OTHER_ZONE, OTHER_METER).
    meter: the number on that meter's face (OTHER_METER).  digits: how many stand after the point (DECIMALS).
    """

    ask: Ask
    meant: int | None = None
    zone: Zone | None = None
    energy: Energy = Energy.ACTIVE
    meter: str | None = None
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Guess:
    """One explanation.

    meant: what this register's display then shows; None when that can't be known from what was keyed.
    zone, energy, meter: whose value it is (ZONES_SWAPPED, OTHER_METER).  decimals: digits after the point (DECIMALS).
    weight: posterior probability; those of a ranking sum to 1.
    """

    hypothesis: Hypothesis
    meant: int | None
    zone: Zone | None = None
    weight: float = 1.0
    energy: Energy = Energy.ACTIVE
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
                return Question(Ask.OTHER_ZONE, zone=self.zone, energy=self.energy)
            case Hypothesis.OTHER_METER:
                return Question(Ask.OTHER_METER, zone=self.zone, energy=self.energy, meter=self.meter)
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
    given: tuple[tuple[Register, int], ...] = (),
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
        others = _others(meter, register)
    use = Use.of(meter, register, today)
    found = _explanations(use, register, value, {r: Use.of(meter, r, today) for r in others}, dict(given))
    found += _foreign(value, neighbours, today)
    whole = sum(guess.weight for guess in found)
    risk = sum(guess.weight for guess in found if not guess.as_keyed) / whole
    ranked = _ranked(found)
    mistakes = (guess for guess in found if guess.hypothesis in _MISTAKES)
    mistake = max(mistakes, key=lambda guess: guess.weight, default=None)
    weight = mistake.weight / whole if mistake else 0.0
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
    unknown = Guess(Hypothesis.BEYOND_CAPACITY, None, weight=RATES[Hypothesis.BEYOND_CAPACITY] / use.turn)
    return _ranked([*_meant(keyed, use, register.width), unknown])


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
    foreign = [Use.of(meter, other, today) for other in _others(meter, register)]
    foreign += [Use.of(other, r, today) for other in neighbours for r in other.registers]
    bounds += [other.likeliest for other in foreign] + [0, last - 1 - min(last // 10, 100), last - 1, top]
    for value in likely + bounds:
        yield value % (top + 1)
    yield from range(0, top + 1, top // 64 + 1)
    for step in (2**n for n in range(2, register.width * 3)):
        yield from ((last + step) % (top + 1), (last - step) % (top + 1))
    yield from (value for value in range(last // 10, last // 10 + 10) if value <= top)
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


def _others(meter: Meter, register: Register) -> tuple[Register, ...]:
    return tuple(r for r in meter.registers if (r.zone, r.energy) != (register.zone, register.energy))


def _meant(keyed: str, use: Use, width: int) -> list[Guess]:
    """What a slip may have made of another value, each weighted with P(keyed and so)."""
    return [
        Guess(hypothesis, meant, weight=chance * shown, decimals=decimals)
        for hypothesis, meant, chance, decimals in meanings(keyed, width)
        if (shown := use.shows(meant))
    ]


def _explanations(
    use: Use, register: Register, value: int, others: Mapping[Register, Use], given: Mapping[Register, int]
) -> list[Guess]:
    """Every explanation on this meter, weighted with P(keyed and so)."""
    found = _meant(str(value), use, register.width)
    for other, there in others.items():
        if other.last is not None:
            chance = RATES[Hypothesis.ZONES_SWAPPED] / len(others) * there.shows(value)
            if other in given:  # the two belong the other way round; every other explanation has them as keyed
                chance *= use.shows(given[other]) / max(there.shows(given[other]), 1 / there.turn)
            found.append(Guess(Hypothesis.ZONES_SWAPPED, None, other.zone, chance, other.energy))
    if value == use.last:
        found.append(Guess(Hypothesis.UNCHANGED, None, weight=RATES[Hypothesis.UNCHANGED]))
    if shown := use.shows(value):
        rolled = use.last is not None and value < use.last
        keyed = Hypothesis.ROLLED_OVER if rolled else Hypothesis.TRUE
        found.append(Guess(keyed, value, weight=_RIGHT * shown))
    else:
        found.append(Guess(Hypothesis.BEYOND_CAPACITY, value, weight=RATES[Hypothesis.BEYOND_CAPACITY] / use.turn))
    return found


def _foreign(value: int, neighbours: tuple[Meter, ...], today: date) -> list[Guess]:
    """That it is another meter's value."""
    registers = [(m, r) for m in neighbours for r in m.registers if r.last is not None]
    chance = RATES[Hypothesis.OTHER_METER] / max(len(registers), 1)
    return [
        Guess(Hypothesis.OTHER_METER, None, r.zone, chance * Use.of(m, r, today).shows(value), r.energy, m.number)
        for m, r in registers
    ]


def _ranked(found: list[Guess]) -> tuple[Guess, ...]:
    """Likeliest first; errors not worth a thousandth are left out, "shown as keyed" never."""
    least = _NEGLIGIBLE * sum(guess.weight for guess in found)
    kept = [guess for guess in found if guess.weight > least or guess.hypothesis in _SHOWN]
    whole = sum(guess.weight for guess in kept)
    kept.sort(key=lambda guess: -guess.weight)
    return tuple(replace(guess, weight=guess.weight / whole) for guess in kept)
