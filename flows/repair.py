"""Two attempts at the same number that differ in one digit: only that digit is asked for.

Rules: which of the two is right is never guessed, and neither is said to the caller: who hears a digit says yes to
it.  The digit is an answer like any other, so what comes of it is checked like any other: a value is read back, an
account number has its check digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.rules import account_number_is_sound
from ivr.dialog import Call, Manner, Phrase, Progress
from ivr.dialog.displayed import SingleDigit

PLACES: Final = 10
"""Positions that have a name: the prompts `place_1` to `place_10`."""

DIGITS: Final = tuple("123456789")

ONE_DIGIT: Final = Manner(timeout=12.0, bargein=False, typeahead=False, surelevel=0.5)
"""Nobody can have answered it before they heard which digit.  Said with little confidence is enough: what comes of it
is checked again."""


async def settle_position(call: Call, prompt: str, first: str, second: str) -> str | None:
    """`first`, with the digit at which `second` differs from it as the caller now says: `second`, or something third,
    as well.  None when they don't differ in exactly one digit, or not within the first `PLACES`.

    prompt: asks for the digit; its words are `count`, of all digits, and `place`, a phrase: from the left.
    """
    at = differing(first, second)
    if at is None:
        return None
    one_digit = OneDigit(first[:at], (first[at], second[at]), first[at + 1 :])
    place = Phrase(f"place_{at + 1}")
    return await call.ask(prompt, one_digit, manner=ONE_DIGIT, count=len(first), place=place)


async def mended(call: Call, before: str | None, number: str) -> str:
    """An account number, mended where it failed its check digit twice in a row, differing in one digit.

    before: the attempt before, if any.  A check digit finds every wrong digit, so the two can't both be right, and a
    sound one needs no question.
    """
    if before is None or account_number_is_sound(before) or account_number_is_sound(number):
        return number
    return await call.hold(settle_position, "digit_of_account", before, number) or number


def differing(first: str, second: str) -> int | None:
    """The one position, from 0, at which these differ; None where there are none, several, or too many digits."""
    apart = [at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other]
    alone = len(first) == len(second) and len(apart) == 1 and apart[0] < PLACES
    return apart[0] if alone else None


@dataclass(frozen=True, slots=True)
class OneDigit(SingleDigit):
    """The digit between two ends; with them, the whole.  A 0 is an answer where it was given before or makes a sound
    account number; else it asks for a person."""

    before: str
    given: tuple[str, str]
    after: str

    def parse(self, heard: str) -> str:
        return self.before + self.digit(heard) + self.after

    def progress(self, keyed: str) -> Progress:
        likely = keyed in self.given or (keyed == "0" and account_number_is_sound(self.before + keyed + self.after))
        return Progress.FULL if likely or keyed in DIGITS else Progress.NEVER

    def examples(self) -> Mapping[str, str]:
        third = next(digit for digit in DIGITS if digit not in self.given)
        return {"as at first": self.given[0], "as then": self.given[1], "neither": third}
