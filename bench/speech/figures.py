"""What was measured, as it is kept in `bench/results/speech.json`, and the arithmetic on it.

Rules
1. Utterances are kept, not their averages: any threshold can be looked at afterwards.
2. What becomes of an utterance is decided by the product's own `Exchange`, not by a copy of its rules.
3. A share has its uncertainty beside it wherever it is a promise (`Share.most`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel

from bench.figures import Machine
from bench.speech.corpus import QUESTIONS
from ivr.dialog.exchange import Exchange, Play, Settled, Typed
from ivr.dialog.grammar import Nomatch
from ivr.dialog.turns import Manner
from ivr.dialog.vocabulary import command
from ivr.ports import Alternative

Fate = Literal["right", "wrong", "right, asked back", "wrong, asked back", "asked again"]
FATES: Final[tuple[Fate, ...]] = ("right", "right, asked back", "asked again", "wrong, asked back", "wrong")
"""What becomes of an answer: taken, said back first ("did I hear right?"), or not understood."""
REJECTS: Final = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SURES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Take(BaseModel):
    """One utterance, and what was made of it.

    keys: what it means, None: nothing.  line: what was between the caller and us.  heard: words and confidence, best
    first.  noticed: whether a voice was told at all.  after: seconds from the last sound to the utterance's end being
    decided; None where it wasn't, or before the words were over (cut: so many seconds before).  deaf: why speech was
    lost meanwhile.
    """

    language: str
    question: str
    words: str
    keys: str | None
    voice: str
    line: str
    heard: list[tuple[str, float]]
    noticed: bool
    after: float | None = None
    cut: float | None = None
    deaf: str = ""

    @property
    def best(self) -> str:
        return self.heard[0][0] if self.heard else ""

    @property
    def confidence(self) -> float:
        return self.heard[0][1] if self.heard else 0.0

    @property
    def understood(self) -> str | None:
        """The keys that the best way to understand it stands for; None: no answer."""
        return spelled(self.question, self.best)

    @property
    def right(self) -> bool:
        """Whether it was understood, or taken for nothing where it is nothing."""
        return self.understood == self.keys

    def fate(self, manner: Manner) -> Fate:
        """What the product does with it."""
        exchange = Exchange(QUESTIONS[self.question], manner, Typed(), hears=True)
        exchange.begin(0.0)
        exchange.played(0.0)
        exchange.voice(1.0)
        exchange.pause(self.best, 2.0)
        exchange.tick(exchange.wake_at or 0.0)
        actions = exchange.utterance([Alternative(words, sure) for words, sure in self.heard], 5.0)
        for action in actions:
            match action:
                case Settled(heard=str(words)):
                    return "right" if spelled(self.question, words) == self.keys else "wrong"
                case Settled():
                    return "right" if command(self.words) or self.keys in ("0", "*") else "wrong"
                case Play(echo=(_, said)) if said:
                    return "right, asked back" if dict(said).get("number") == self.keys else "wrong, asked back"
                case Play(echo=(prompt, _)):
                    mine = QUESTIONS[self.question].echo(self.keys) if self.keys else None
                    return "right, asked back" if mine and mine[0] == prompt else "wrong, asked back"
                case _:
                    pass
        return "asked again"


def spelled(question: str, words: str) -> str | None:
    """The keys that these words stand for as an answer to the question."""
    grammar = QUESTIONS[question]
    if (key := command(words)) is not None:
        return key
    try:
        keys = grammar.spelled(words)
        grammar.parse(keys)
    except Nomatch:
        return None
    return keys


class Share(NamedTuple):
    """So many of so many."""

    of: int
    all: int

    @property
    def value(self) -> float:
        return self.of / self.all if self.all else 0.0

    @property
    def most(self) -> float:
        """The upper end of the Wilson interval of 95 %: what the true share hardly exceeds."""
        if not self.all:
            return 1.0
        z, n, p = 1.96, self.all, self.value
        middle, half = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        return min(1.0, (middle + half) / (1 + z * z / n))

    def __str__(self) -> str:
        return f"{self.value:.1%}" if self.all else ""


def word_errors(meant: Sequence[str], heard: Sequence[str]) -> int:
    """Words to replace, leave out or add (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(meant, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of utterances that are answers.  whole: understood rightly (best way).  wer: word errors by words."""

    whole: Share
    words: Share
    unnoticed: Share

    @classmethod
    def of(cls, takes: Iterable[Take]) -> "Accuracy":
        answers = [t for t in takes if t.keys is not None]
        errors = sum(word_errors(t.words.split(), t.best.split()) for t in answers)
        return cls(
            Share(sum(t.right for t in answers), len(answers)),
            Share(errors, sum(len(t.words.split()) for t in answers)),
            Share(sum(not t.noticed for t in answers), len(answers)),
        )


def fates(takes: Iterable[Take], reject: float, sure: float, **more: Any) -> dict[Fate, int]:
    """What becomes of them with these thresholds."""
    manner = Manner(confidencelevel=reject, surelevel=sure, **more)
    found: dict[Fate, int] = dict.fromkeys(FATES, 0)
    for take in takes:
        found[take.fate(manner)] += 1
    return found


class Cost(BaseModel):
    """CPU-seconds of recognising so many seconds of sound, one stream after another on one core."""

    sound: float
    cpu: float

    @property
    def streams(self) -> float:
        """That a core could attend to at once."""
        return self.sound / self.cpu if self.cpu else 0.0


class SpeechRun(BaseModel):
    """A run of `bench.speech`.

    takes: without an exchange; calls: as real calls.  known: language and question -> phrases that the model can
    hear, of how many.  answers: milliseconds from the last word of a caller to the first packet of the next prompt,
    by question; stops: from their first audible packet to our last one, over a prompt.  echoes: whether a silent
    caller with this echo heard the menu to its end.
    """

    machine: Machine
    model: str
    takes: list[Take]
    calls: list[Take] = []
    known: dict[str, tuple[int, int]]
    cost: Cost
    answers: dict[str, list[float]] = {}
    stops: list[float] = []
    echoes: dict[str, bool] = {}
