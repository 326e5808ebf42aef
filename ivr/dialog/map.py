"""The map of a conversation: every moment it can come to, and every way on.

Theory: a conversation holds parts (`Call.hold`), and a part knows nothing but its arguments.  So each part is mapped
once for all places that hold it with equal arguments, and is one moment on the map of whoever holds it; its ways on
are its exits: what it returns or raises.  The maps of parts hang below the map of the whole (`Spot.part`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from domain.model import Outcome
from ivr.dialog import monologue
from ivr.dialog.dialog import Answer, named
from ivr.dialog.exchange import ALONGSIDE
from ivr.dialog.turns import Ask, Ending, Interruption, Listen, Phrase, PlayBack, Say, Turn

MOST_NAMES = 2
"""Outcomes that an ending is named after on the drawn map; of more, people are better told in words."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a part ends: it returns `value`, or raises `raised`."""

    value: Any
    raised: Interruption | None

    @property
    def name(self) -> str:
        """As a way on from the moment that held the part; of values only what people would call an answer."""
        if self.raised is not None:
            return self.raised.name
        if isinstance(self.value, Ending):
            return str(self.value.outcome)
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        return str(self.value) if isinstance(self.value, StrEnum) else ""


@dataclass(frozen=True, slots=True)
class Step:
    """One way on from a moment: `how` names it, `answer` is it, `to` is where it leads.

    freely: somebody answered, rather than interrupted.  exit: the exit of the part that was held here, by its number
    among the part's spots.
    """

    how: str
    answer: Answer
    to: int
    freely: bool
    exit: int | None = None


@dataclass(slots=True, eq=False)
class Spot:
    """A moment on the map.

    turn: what the flow wants there.  ending: as the flow said it.  exit: where a part is left.
    path: one of the shortest ways to get there, achieved: everything that may have been achieved on the way; both
    from where this map begins.  part: what is held there.
    """

    turn: Turn[Any] | None
    ending: Ending | None
    exit: Exit | None
    hung_up: bool
    path: tuple[Answer, ...]
    ways: list[Step] = field(default_factory=list[Step])
    achieved: set[Outcome | None] = field(default_factory=set[Outcome | None])
    part: "Map | None" = None

    @property
    def outcomes(self) -> set[Outcome]:
        """What a call that ends here may be named after; empty where none ends."""
        return {named(self.ending, got).outcome for got in self.achieved} if self.ending else set()

    @property
    def name(self) -> str:
        """Its name on the drawn map."""
        if self.ending is not None:
            if self.ending.to:
                return f"end: {self.ending.outcome} to {self.ending.to}"
            told = " or ".join(sorted(self.outcomes)) if len(self.outcomes) <= MOST_NAMES else "with what was done"
            return f"end: {told}"
        if self.exit is not None:
            return f"back: {self.exit.name}" if self.exit.name else "back"
        assert self.turn is not None
        return self.turn.label


@dataclass(slots=True, eq=False)
class Map:
    """Every conversation that a flow, or a part of one, can have.  `spots[0]` is where it begins."""

    flow: str
    spots: list[Spot] = field(default_factory=list[Spot])
    unkeyable: list[str] = field(default_factory=list[str])
    unspeakable: list[str] = field(default_factory=list[str])

    def maps(self) -> list["Map"]:
        """This one and those of all its parts, each once, holders before what they hold."""
        found: list[Map] = []

        def visit(here: Map) -> None:
            if here not in found:
                for spot in here.spots:
                    if spot.part is not None:
                        visit(spot.part)
                found.append(here)

        visit(self)
        return found[::-1]

    def every(self) -> Iterator[Spot]:
        """The moments of all maps."""
        for one in self.maps():
            yield from one.spots

    @property
    def moments(self) -> int:
        """How many moments there are, those of parts included."""
        return sum(len(one.spots) for one in self.maps())

    @property
    def steps(self) -> int:
        """How many ways on were tried."""
        return sum(len(spot.ways) for spot in self.every())

    @property
    def longest(self) -> int:
        """Turns of the longest first way to any moment of this map."""
        return max(len(spot.path) for spot in self.spots)

    @property
    def outcomes(self) -> set[Outcome]:
        """Every outcome that a call can have."""
        return {outcome for spot in self.spots for outcome in spot.outcomes}

    def prompts(self) -> dict[str, set[str]]:
        """Every prompt that can be said, with the names of its places."""
        found: defaultdict[str, set[str]] = defaultdict(set)

        def note(phrase: Phrase) -> None:
            found[phrase.prompt].update(name for name, _ in phrase.words)
            for _, word in phrase.words:
                for part in word if isinstance(word, tuple) else (word,):
                    if isinstance(part, Phrase):
                        note(part)

        for spot in self.every():
            if isinstance(spot.turn, Say | Ask | Listen):
                note(Phrase(spot.turn.label, spot.turn.words))
            if isinstance(spot.turn, PlayBack):
                note(Phrase(spot.turn.label))
            if isinstance(spot.turn, Listen):
                for prompt in monologue.ALONGSIDE:
                    note(Phrase(prompt))
            if isinstance(spot.turn, Ask):
                for phrase in _of_any_question(spot.turn):
                    note(phrase)
            for phrase in spot.ending.farewell if spot.ending else ():
                note(phrase)
        return dict(found)


def _of_any_question(turn: Ask[Any]) -> Iterator[Phrase]:
    """What may be said while it is open, whatever it asks (`ivr.dialog.exchange`)."""
    for prompt in ALONGSIDE:
        yield Phrase(prompt)
    for keys in turn.accepts.examples().values():
        if echo := turn.accepts.echo(keys):
            yield Phrase("did_i_hear", (("what", Phrase(*echo)),))
