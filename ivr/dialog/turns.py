"""The turns of a conversation, as values.

Rules: a flow awaits a turn; whoever runs the flow performs it and answers.  Nothing here does anything, so a turn
can be compared, journaled, counted and drawn.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from domain.commands import Command
from domain.model import Outcome, Told
from ivr.dialog.grammar import Grammar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words said as a part of another prompt: one choice of a menu, the name of a zone.

    language: said in this language (ISO 639-1) instead of the caller's.
    """

    prompt: str
    words: "Words" = ()
    language: str | None = None


Word: TypeAlias = "str | int | Phrase | tuple[Phrase, ...]"
Words: TypeAlias = tuple[tuple[str, Word], ...]


def _means(default: T, meaning: str) -> T:
    """A field with its meaning, for people who set it."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Manner:
    """How a question listens.  Names and meanings of timers are VoiceXML 2.0's (6.3.3); durations in seconds.

    What each means stands in its field's metadata ("meaning"), of which docs/settings.md is made too.
    """

    timeout: float = _means(7.0, "silence after the end of the prompt, until noinput; old people look for the bill")
    interdigittimeout: float = _means(
        4.0,
        "silence between two keys while more may come; what was keyed is then taken, and too few digits are a "
        "nomatch, not a noinput",
    )
    termtimeout: float = _means(
        0.0, "silence after as many keys as are expected, before they are taken; 0: taken at once"
    )
    termchar: str = _means("#", 'the key that says "that was all"; empty for none')
    tries: int = _means(
        3,
        "prompts (first one and reprompts, noinput and nomatch together) before the caller has given up; what is no "
        "answer is asked a second time in any case",
    )
    bargein: bool = _means(
        True, "a key during the prompt stops it and counts; without, the prompt is heard to its end"
    )
    typeahead: bool = _means(
        True,
        "keys pressed before (or, without bargein, during) the prompt count; without, they are forgotten: they can't "
        "have been an answer to what had not been heard yet",
    )
    speech: bool = _means(True, "the answer may be spoken too, where the question has words for it")
    completetimeout: float = _means(0.6, "silence after speech that is an answer, before it is taken")
    incompletetimeout: float = _means(
        1.5, "silence after speech that is no answer yet, or to which more may belong, before it is taken"
    )
    maxspeechtimeout: float = _means(15.0, "the longest speech; what was understood by then is taken")
    confidencelevel: float = _means(0.5, "an answer understood with less confidence (0 to 1) is a nomatch")
    surelevel: float = _means(
        0.8,
        "an answer understood with less is said back and confirmed first, where the question can do that; elsewhere "
        "it is a nomatch.  Questions whose answer is read back anyway set it to `confidencelevel`; above 1, whatever "
        "was said is confirmed",
    )


SAID_BACK = 1.01
"""A `surelevel` that no confidence reaches."""

PATIENT = Manner()


@dataclass(frozen=True, slots=True)
class Turn(Generic[T]):
    """One thing that a flow wants done.  `label` is its name in the journal and on the map."""

    label: str

    def __await__(self) -> Generator["Turn[Any]", T, T]:
        return (yield self)

    @property
    def asked(self) -> str:
        """What exactly the flow wants, for the journal: a replay must want the same."""
        return self.label


def _spoken(label: str, words: Words) -> str:
    return f"{label}({', '.join(f'{k}={_word(w)}' for k, w in words)})" if words else label


def _word(word: Word) -> str:
    match word:
        case Phrase(prompt, words, language):
            return _spoken(f"{language}:{prompt}" if language else prompt, words)
        case tuple():
            return f"[{', '.join(_word(phrase) for phrase in word)}]"
        case _:
            return str(word)


@dataclass(frozen=True, slots=True)
class Say(Turn[None]):
    """A statement.

    bargein: a key stops it and is kept for the next question.
    fresh: keys typed ahead are forgotten, because what they were typed for has just turned out otherwise.
    """

    words: Words = ()
    bargein: bool = True
    fresh: bool = False

    @property
    def asked(self) -> str:
        return _spoken(self.label, self.words)


@dataclass(frozen=True, slots=True)
class Ask(Turn[T]):
    """A question: `accepts` decides what is an answer, `manner` how long and how patiently we listen."""

    accepts: Grammar[T]
    words: Words = ()
    manner: Manner = PATIENT

    @property
    def asked(self) -> str:
        return _spoken(self.label, self.words)


@dataclass(frozen=True, slots=True)
class Listen(Turn[Told]):
    """The caller tells something in their own words, after a tone: what they said, as a part of the recording.

    How it begins and ends: `ivr.dialog.monologue`.
    """

    words: Words = ()
    manner: Manner = PATIENT

    @property
    def asked(self) -> str:
        return _spoken(self.label, self.words)


@dataclass(frozen=True, slots=True)
class PlayBack(Turn[None]):
    """The caller hears what they told, after this statement; a key stops it and is kept for the next question.

    Where it can't be had, that is our `Trouble`.
    """

    told: Told

    @property
    def asked(self) -> str:
        return f"{self.label}({self.told.began.isoformat()}, {self.told.seconds:.1f} s)"


@dataclass(frozen=True, slots=True)
class Speak(Turn[None]):
    """From here on, say everything in this language (ISO 639-1)."""

    language: str = "uk"

    @property
    def asked(self) -> str:
        return f"{self.label}({self.language})"


def needs_caller(turn: Turn[Any] | None) -> bool:
    """Whether it can't be performed any more once the caller is gone."""
    return isinstance(turn, Ask | Say | Listen | PlayBack)


@dataclass(frozen=True, slots=True)
class Record(Turn[None]):
    """The caller has heard that the call is recorded: from here on it may be kept."""


@dataclass(frozen=True, slots=True)
class Do(Turn[T]):
    """A request to the business."""

    command: Command[T]

    @property
    def asked(self) -> str:
        return repr(self.command)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ends: exactly one outcome, and where the caller is sent (`to`: a dialplan context) or None."""

    outcome: Outcome
    to: str | None = None
    because: str = ""
    farewell: tuple[Phrase, ...] = field(default=())


class Interruption(Exception):
    """The caller, or the world, did something other than answer.  A flow may catch it to put things in order."""

    name = ""


class GaveUp(Interruption):
    """As many tries as the question allows, no usable answer."""

    name = "gave up"


class WantsAgent(Interruption):
    """The caller pressed 0."""

    name = "wants agent"


class Back(Interruption):
    """The caller pressed `*` with nothing keyed: not this, please.  Whoever offered the choice takes it back."""

    name = "back"


class HungUp(Interruption):
    """The caller is gone.  Only `Do` turns can still be performed; saying or asking is answered with it again."""

    name = "hung up"


class Trouble(Interruption):
    """The business could not do what it was asked: our fault, never the caller's."""

    name = "trouble"


INTERRUPTIONS: dict[str, type[Interruption]] = {i.name: i for i in (GaveUp, WantsAgent, Back, HungUp, Trouble)}
