"""What a caller may answer.

Rules: a grammar is written once and read by everyone: the keypad (`progress`), the recogniser (`phrases`), the flow
(`parse`), the flow checker (`examples`) and the property tests.  What the caller keyed or said is kept unparsed; the
grammar understands it again on replay.

Theory: words stand for keys (`spelled`).  So whatever is proved of a conversation by keypad is true of the spoken
one, and a flow never knows which it was.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from ivr.dialog import vocabulary
from ivr.dialog.numbers import NotANumber, number_words, readings
from ivr.dialog.vocabulary import UNKNOWN, Vocabulary

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

Echo: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A prompt that says an answer back, and the words in it."""

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

    @property
    def sequence(self) -> bool:
        """Whether what may be said is any sequence of the phrases (words of numbers), not one of them."""
        ...

    def phrases(self, language: str) -> tuple[str, ...]:
        """What may be said in this language (ISO 639-1), in small letters; empty: keys only."""
        ...

    def spelled(self, words: str) -> str:
        """The keys that these words stand for, in any language, or raise `Nomatch`."""
        ...

    def sound(self, keys: str) -> bool:
        """Whether an answer is likely to be right by itself (a check digit): decides between ways to understand."""
        ...

    def echo(self, keys: str) -> Echo | None:
        """How this answer is said back, to ask "did I hear right?"; None where it can't be."""
        ...


def understand(grammar: Grammar[T], heard: str) -> T:
    """What the caller keyed or said, as an answer.  Raises `Nomatch`."""
    return grammar.parse(heard if KEYS.issuperset(heard) else grammar.spelled(heard))


class Keypad:
    """A grammar that can only be keyed; the others say more."""

    __slots__ = ()

    @property
    def sequence(self) -> bool:
        return False

    def phrases(self, language: str) -> tuple[str, ...]:
        return ()

    def spelled(self, words: str) -> str:
        raise Nomatch(words)

    def sound(self, keys: str) -> bool:
        return True

    def echo(self, keys: str) -> Echo | None:
        return None


class Spoken(Keypad):
    """A grammar of digits: they may be said as one says numbers (`ivr.dialog.numbers`)."""

    __slots__ = ()

    @property
    def sequence(self) -> bool:
        return True

    def phrases(self, language: str) -> tuple[str, ...]:
        return number_words(language)

    def progress(self, keyed: str) -> Progress:
        raise NotImplementedError

    def spelled(self, words: str) -> str:
        """Of all ways to read the words that are an answer, the most plausible; a sound one before others."""
        fits = [keys for keys in _readings(words) if self.progress(keys) in _ANSWERS]
        if not fits:
            raise Nomatch(words)
        return min(fits, key=lambda keys: not self.sound(keys))

    def echo(self, keys: str) -> Echo | None:
        return "these_digits", (("number", keys),)


_ANSWERS = frozenset({Progress.ENOUGH, Progress.EXPECTED, Progress.FULL})


@lru_cache(maxsize=1024)
def _readings(words: str) -> tuple[str, ...]:
    try:
        return readings(words)
    except NotANumber:
        return ()


@dataclass(frozen=True, slots=True)
class Digits(Spoken):
    """A string of digits, leading zeros and all.

    shortest, longest: how many digits are understood.  expected: how many a caller usually keys.
    specimens: examples by kind, where different digits lead to different conversations.
    check: whether a number can be right by itself; a wrong one is an answer too, for the flow to speak about.
    A single 0 is never taken for an answer: it is how callers everywhere ask for a person (two zeros are a number).
    """

    shortest: int
    longest: int
    expected: int
    specimens: tuple[tuple[str, str], ...] = ()
    check: Callable[[str], bool] | None = None

    def sound(self, keys: str) -> bool:
        return self.check is None or self.check(keys)

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


Word: TypeAlias = tuple[str, str, str]
"""Language, phrase, and the key that it stands for."""


class _Menu(Keypad):
    """Choices that may be said as well: by their key's number, or in words of their own."""

    __slots__ = ()
    words: tuple[Word, ...]
    names: tuple[tuple[str, str], ...]

    def phrases(self, language: str) -> tuple[str, ...]:
        return tuple(phrase for spoken, phrase, _ in self.words if spoken == language)

    def spelled(self, words: str) -> str:
        meant = {phrase: key for _, phrase, key in self.words}
        said, found = _plain(words).split(), set[str]()
        while said:  # "yes of course": several phrases, as long as they mean the same
            much = next((n for n in range(len(said), 0, -1) if " ".join(said[:n]) in meant), None)
            if much is None:
                raise Nomatch(words)
            found.add(meant[" ".join(said[:much])])
            said = said[much:]
        if len(found) != 1:
            raise Nomatch(words)
        return found.pop()

    def echo(self, keys: str) -> Echo | None:
        return next(((prompt, ()) for key, prompt in self.names if key == keys), None)


def _plain(words: str) -> str:
    """An utterance without what was not understood before or after it; more than one such word is no answer."""
    said = words.split()
    strange = said.count(UNKNOWN)
    if strange == 1 and UNKNOWN in (said[0], said[-1]) and len(said) > 1:
        said.remove(UNKNOWN)
    return " ".join(said)


def _words(keyed: Iterable[tuple[str, Any]], said: Mapping[Any, Vocabulary]) -> tuple[Word, ...]:
    """Everything that may be said for a choice.  Raises ValueError for a phrase that would mean two of them."""
    words: dict[tuple[str, str], str] = {}
    for key, choice in keyed:
        for own in (vocabulary.KEYS[key], said.get(choice, {})):
            for language, phrases in own.items():
                for phrase in phrases:
                    other = words.setdefault((language, phrase), key)
                    if other != key or vocabulary.command(phrase):
                        raise ValueError(f"{phrase!r} would mean two things: keys {other} and {key}, or a command")
    return tuple((language, phrase, key) for (language, phrase), key in words.items())


def _names(keyed: Iterable[tuple[str, Any]], named: str | None) -> tuple[tuple[str, str], ...]:
    return tuple((key, f"{named}_{choice}") for key, choice in keyed) if named else ()


@dataclass(frozen=True, slots=True)
class OneOf(_Menu, Generic[T]):
    """A menu: press 1 for the first choice, 2 for the second, ...; at most nine, 0 is an agent's."""

    choices: tuple[T, ...]
    words: tuple[Word, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

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
class OnKeys(_Menu, Generic[T]):
    """A menu whose choices lie on keys of their own, where the keys from 1 won't do."""

    choices: tuple[tuple[str, T], ...]
    words: tuple[Word, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

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
    check: Callable[[str], bool] | None = None,
) -> Grammar[str]:
    """From `shortest` to `longest` digits (default: exactly `shortest`); see `Digits`."""
    longest = longest or shortest
    return Digits(shortest, longest, expected or longest, tuple((specimens or {}).items()), check)


NO_WORDS: Mapping[Any, Vocabulary] = {}


def one_of(*choices: T, said: Mapping[T, Vocabulary] = NO_WORDS, named: str | None = None) -> Grammar[T]:
    """A menu of these choices, on the keys from 1.

    said: what may be said for a choice, besides the number of its key.  named: the prompts `<named>_<choice>` say
    each choice back.  Raises ValueError for a phrase that would mean two choices.
    """
    keyed = [(str(n), choice) for n, choice in enumerate(choices[:9], start=1)]
    return OneOf(choices, _words(keyed, said), _names(keyed, named))


def on_keys(*choices: tuple[str, T], said: Mapping[T, Vocabulary] = NO_WORDS, named: str | None = None) -> Grammar[T]:
    """A menu of these choices, each on its key; `said`, `named`: as for `one_of`."""
    keyed = [(key, choice) for key, choice in choices if key in vocabulary.KEYS]
    return OnKeys(choices, _words(keyed, said), _names(keyed, named))


yes_no: Grammar[bool] = one_of(True, False, said={True: vocabulary.YES, False: vocabulary.NO})
"""1 is yes, 2 is no, throughout the product."""
