"""What a caller may answer.

Rules: a grammar is written once and read by everyone: the keypad (`progress`), the flow (`parse`), the flow checker
(`examples`) and the property tests.  What the caller keyed is kept unparsed; the grammar parses it again on replay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

KEYS = frozenset("0123456789*#ABCD")
"""The keys of RFC 4733, events 0-15.  People's telephones have no A-D; exchanges and testers do."""


class Nomatch(ValueError):
    """What the caller keyed or said is no answer to this question."""


class Progress(Enum):
    """How far what was keyed has come towards an answer; decides which timer runs (`Manner`)."""

    MORE = auto()  # not an answer yet: interdigittimeout, then nomatch
    ENOUGH = auto()  # an answer, and more keys are expected as well: interdigittimeout, then match
    EXPECTED = auto()  # as much as we expect, though more would be understood: termtimeout, then match
    FULL = auto()  # nothing can follow: termtimeout (when 0: at once), then match
    NEVER = auto()  # no key can make it an answer any more: nomatch at once


class Grammar(Protocol[T_co]):
    """What an `Ask` accepts."""

    def parse(self, heard: str) -> T_co:
        """Understand the caller, or raise `Nomatch`.  `heard`: keys without the termchar."""
        ...

    def progress(self, keyed: str) -> Progress:
        """How far `keyed` (one key or more) has come."""
        ...

    def examples(self) -> Mapping[str, str]:
        """Name of each kind of answer -> something a caller might key.  Each parses."""
        ...


@dataclass(frozen=True, slots=True)
class Digits:
    """A string of digits, leading zeros and all.

    shortest, longest: how many digits are understood.  expected: how many a caller usually keys.
    specimens: examples by kind, where different digits lead to different conversations.
    A single 0 is never taken for an answer: it is how callers everywhere ask for a person (two zeros are a number).
    """

    shortest: int
    longest: int
    expected: int
    specimens: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.expected <= self.longest:
            raise ValueError(f"digits from {self.shortest} to {self.longest}, {self.expected} expected: impossible")

    def parse(self, heard: str) -> str:
        if not (heard.isascii() and heard.isdigit() and self.shortest <= len(heard) <= self.longest) or heard == "0":
            raise Nomatch(heard)
        return heard

    def progress(self, keyed: str) -> Progress:
        if not (keyed.isascii() and keyed.isdigit()) or len(keyed) > self.longest:
            return Progress.NEVER
        if len(keyed) < self.shortest or (keyed == "0" and self.longest > 1):
            return Progress.MORE
        if len(keyed) < self.expected:
            return Progress.ENOUGH
        return Progress.FULL if len(keyed) == self.longest else Progress.EXPECTED

    def examples(self) -> Mapping[str, str]:
        return dict(self.specimens) or {"digits": "1" * self.expected}


@dataclass(frozen=True, slots=True)
class OneOf(Generic[T]):
    """A menu: press 1 for the first choice, 2 for the second, ...; at most nine, 0 is an agent's."""

    choices: tuple[T, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.choices) <= 9:
            raise ValueError(f"a menu has one to nine choices, not {len(self.choices)}")

    def parse(self, heard: str) -> T:
        if len(heard) != 1 or heard not in "123456789" or int(heard) > len(self.choices):
            raise Nomatch(heard)
        return self.choices[int(heard) - 1]

    def progress(self, keyed: str) -> Progress:
        try:
            self.parse(keyed)
        except Nomatch:
            return Progress.NEVER
        return Progress.FULL

    def examples(self) -> Mapping[str, str]:
        return {f"press {n}": str(n) for n, _ in enumerate(self.choices, start=1)}


@dataclass(frozen=True, slots=True)
class OnKeys(Generic[T]):
    """A menu whose choices lie on keys of their own, where the keys from 1 won't do."""

    choices: tuple[tuple[str, T], ...]

    def __post_init__(self) -> None:
        keys = [key for key, _ in self.choices]
        if not keys or len(set(keys)) < len(keys) or not set(keys) <= set("123456789"):
            raise ValueError(f"choices lie on keys from 1 to 9, one on each, not on {keys}")

    def parse(self, heard: str) -> T:
        for key, choice in self.choices:
            if key == heard:
                return choice
        raise Nomatch(heard)

    def progress(self, keyed: str) -> Progress:
        return Progress.FULL if keyed in dict(self.choices) else Progress.NEVER

    def examples(self) -> Mapping[str, str]:
        return {f"press {key}": key for key, _ in self.choices}


def digits(
    shortest: int,
    longest: int | None = None,
    *,
    expected: int | None = None,
    specimens: Mapping[str, str] | None = None,
) -> Grammar[str]:
    """From `shortest` to `longest` digits (default: exactly `shortest`); see `Digits`."""
    longest = longest or shortest
    return Digits(shortest, longest, expected or longest, tuple((specimens or {}).items()))


def one_of(*choices: T) -> Grammar[T]:
    """A menu of these choices, on the keys from 1."""
    return OneOf(choices)


def on_keys(*choices: tuple[str, T]) -> Grammar[T]:
    """A menu of these choices, each on its key."""
    return OnKeys(choices)


yes_no: Grammar[bool] = OneOf((True, False))
"""1 is yes, 2 is no, throughout the product."""
