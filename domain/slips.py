"""What somebody may have meant who keyed these digits: the slips of a finger and of the eye, with their likelihoods.

Rules: pure.  A display's digits are a number without a sign; leading zeros are shown by the meter but rarely keyed.

Theory: P(keyed | meant), a small generative model.  How often each kind happens is `RATES`; how it picks its place
is uniform; a wrong key is mostly a neighbour of the right one on the telephone's pad.  Literature gives the order of
magnitude and the proportions, nobody has published those of meter readings by telephone, so the table states which
figure is from where and which is ours:
  [V]  Verhoeff 1969, of all errors people make with numbers: one wrong digit 60-95 %, neighbours swapped 10-20 %,
       one digit missing or too many 10-20 %.
  [B]  Barchard, Freeman, Ochoa, Stephens 2020 (doi 10.3758/s13428-019-01207-3), review: 0.55-3.6 % of items keyed
       by hand without checks are wrong.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple


class Hypothesis(StrEnum):
    """How a keyed value and the meter's display may hang together."""

    TRUE = "true"  # shown as keyed
    ROLLED_OVER = "rolled_over"  # shown as keyed, the counter went past all nines
    BEYOND_CAPACITY = "beyond_capacity"  # shown as keyed, though nothing the connection carries leads there: our
    # records of this meter are wrong (power, multiplier, width, last value), or it was replaced
    SWAPPED_DIGITS = "swapped_digits"
    WRONG_DIGIT = "wrong_digit"
    MISSING_DIGIT = "missing_digit"
    EXTRA_DIGIT = "extra_digit"
    DECIMALS = "decimals"  # digits after the point were keyed too
    ZONES_SWAPPED = "zones_swapped"
    OTHER_METER = "other_meter"
    UNCHANGED = "unchanged"  # the last value again, read from the bill


RATES: Final[dict[Hypothesis, float]] = {
    Hypothesis.WRONG_DIGIT: 0.010,  # [B] 1.5 % of numbers slip in all; [V] two thirds of these
    Hypothesis.SWAPPED_DIGITS: 0.002,  # [V] 10-20 %
    Hypothesis.MISSING_DIGIT: 0.0015,  # [V] missing and extra 10-20 % together
    Hypothesis.EXTRA_DIGIT: 0.0015,
    Hypothesis.DECIMALS: 0.007,  # ours: the commonest complaint about self-read meters; no figure published
    Hypothesis.ZONES_SWAPPED: 0.005,  # ours; of meters with several zones
    Hypothesis.OTHER_METER: 0.005,  # ours; of accounts with several meters
    Hypothesis.UNCHANGED: 0.003,  # ours
    Hypothesis.BEYOND_CAPACITY: 0.0005,  # ours
}
"""How many of the keyed values are so; the rest are shown as keyed."""

NEIGHBOURS: Final = 0.7
"""Of wrong keys, those next to the right one on the pad (ours: telephones are keyed by touch and in the dark)."""

DOUBLED: Final = 0.8
"""Of digits too many, those that repeat the one before (ours: a key that bounces, a finger that trembles)."""

ZEROS: Final = 0.3
"""Callers who key leading zeros too (ours)."""

PLACES: Final = (0.8, 0.15, 0.05)
"""Of those who key decimals: one, two, three of them (ours: household meters show one red digit, some two)."""

_PAD: Final = {key: (place // 3, place % 3) for place, key in enumerate("123456789")} | {"0": (3, 1)}
BESIDE: Final[dict[str, str]] = {
    key: "".join(other for other, (r, c) in _PAD.items() if abs(r - row) + abs(c - column) == 1)
    for key, (row, column) in _PAD.items()
}
"""The keys that touch each key of a telephone."""


def pressed(keyed: str, meant: str) -> float:
    """P(this key | that one was meant, and a wrong one was pressed)."""
    beside = BESIDE[meant]
    return NEIGHBOURS / len(beside) if keyed in beside else (1 - NEIGHBOURS) / (9 - len(beside))


_PRESSED: Final = {(meant, keyed): pressed(keyed, meant) for meant in _PAD for keyed in _PAD if keyed != meant}


class Meaning(NamedTuple):
    """One way in which `keyed` may have come about.

    meant: what the display shows then.  chance: P(keyed | meant).  decimals: how many digits stand after the point.
    """

    hypothesis: Hypothesis
    meant: int
    chance: float
    decimals: int = 0


def meanings(keyed: str, width: int) -> Iterator[Meaning]:
    """Every value of `width` digits from which one slip makes `keyed`: each once for each kind.

    keyed: one digit or more; without leading zeros (a lone 0 stays) unless it is wider than the display.
    """
    yield from _decimals(keyed, width)
    yield from _extra(keyed, width)
    if len(keyed) < width:
        yield from _missing(keyed)
    if len(keyed) <= width:
        yield from _wrong(keyed, width)
        yield from _swapped(keyed, width)


def _decimals(keyed: str, width: int) -> Iterator[Meaning]:
    rate = RATES[Hypothesis.DECIMALS]
    for places, share in enumerate(PLACES, 1):
        meant = int(keyed[:-places] or "0")  # "08" of 0.8 arrives here as 8
        if 0 <= len(keyed) - places <= width and meant != int(keyed):
            yield Meaning(Hypothesis.DECIMALS, meant, rate * share / 10**places, places)


def _extra(keyed: str, width: int) -> Iterator[Meaning]:
    rate, length = RATES[Hypothesis.EXTRA_DIGIT], len(keyed) - 1
    if not 1 <= length <= width:
        return
    for i, digit in enumerate(keyed):
        if digit == keyed[i + 1 : i + 2]:
            continue  # one of several that are the same: the last of them stands for all
        repeats = i > 0 and digit == keyed[i - 1]
        chance = rate * DOUBLED / length if repeats else rate * (1 - DOUBLED) / (10 * (length + 1))
        yield Meaning(Hypothesis.EXTRA_DIGIT, int(keyed[:i] + keyed[i + 1 :]), chance)


def _missing(keyed: str) -> Iterator[Meaning]:
    chance = RATES[Hypothesis.MISSING_DIGIT] / (len(keyed) + 1)
    places: dict[int, int] = {}
    for i in range(len(keyed) + 1):
        for digit in "0123456789" if i else "123456789":
            meant = int(keyed[:i] + digit + keyed[i:])
            places[meant] = places.get(meant, 0) + 1
    places.pop(int(keyed), None)
    for meant, count in places.items():
        yield Meaning(Hypothesis.MISSING_DIGIT, meant, chance * count)


def _wrong(keyed: str, width: int) -> Iterator[Meaning]:
    shown, blank = keyed.zfill(width), width - len(keyed)
    chance = RATES[Hypothesis.WRONG_DIGIT] / len(keyed)
    for i, digit in enumerate(shown):
        unit = 10 ** (width - 1 - i)
        rest = int(shown) - int(digit) * unit
        for meant in _PAD:
            if meant != digit:
                zero = ZEROS if i < blank or (i == blank and meant == "0") else 1.0
                yield Meaning(
                    Hypothesis.WRONG_DIGIT, rest + int(meant) * unit, chance * zero * _PRESSED[meant, digit]
                )


def _swapped(keyed: str, width: int) -> Iterator[Meaning]:
    shown, blank = keyed.zfill(width), width - len(keyed)
    chance = RATES[Hypothesis.SWAPPED_DIGITS] / max(len(keyed) - 1, 1)
    for i in range(width - 1):
        if shown[i] != shown[i + 1]:
            zero = ZEROS if i < blank or (i == blank and shown[i + 1] == "0") else 1.0
            meant = int(shown[:i] + shown[i + 1] + shown[i] + shown[i + 2 :])
            yield Meaning(Hypothesis.SWAPPED_DIGITS, meant, chance * zero)
