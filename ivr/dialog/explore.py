"""Hold every conversation that a flow can have.

Theory: from every moment (see `moment`) every kind of answer is tried once: each example of the question's grammar,
each way the business may answer, each interruption.  Since equal moments have equal futures, one visit to each is
enough, and what is true of the finished map is true of every call: no sampling.

Rule: the world is an argument.  `World` says how the business may answer a command; examples of grammars say how a
caller may.  What neither names is not explored, so both are kept beside the flows and reviewed like them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from domain.model import Began, Outcome
from ivr.dialog.dialog import Answer, Dialog, Flow
from ivr.dialog.grammar import Progress
from ivr.dialog.moment import Moment, moment
from ivr.dialog.turns import (
    INTERRUPTIONS,
    Ask,
    Do,
    Ending,
    GaveUp,
    HungUp,
    Phrase,
    Record,
    Say,
    Trouble,
    Turn,
    WantsAgent,
)

World: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""Command -> name of each kind of answer -> such an answer."""


LEFT_WITH_NOTHING = frozenset({Outcome.ABANDONED, Outcome.FAILED, Outcome.LOST, Outcome.DIVERGED})
"""Outcomes of callers who did not get what they came for."""


class Unbounded(Exception):
    """More moments than a telephone call has any business having."""


@dataclass(frozen=True, slots=True)
class Step:
    """One way on from a moment: `how` names it, `answer` is it, `to` is where it leads."""

    how: str
    answer: Answer
    to: int


@dataclass(slots=True)
class Spot:
    """A moment on the map.  `turn`: what the flow wants there; `path`: one way to get there."""

    turn: Turn[Any] | None
    ending: Ending | None
    hung_up: bool
    path: tuple[Answer, ...]
    ways: list[Step] = field(default_factory=list[Step])

    @property
    def name(self) -> str:
        """Its name on the drawn map."""
        if self.ending is not None:
            return f"end: {self.ending.outcome}" + (f" to {self.ending.to}" if self.ending.to else "")
        assert self.turn is not None
        return self.turn.label


@dataclass(slots=True)
class Map:
    """Every conversation that a flow can have.  `spots[0]` is where it begins."""

    flow: str
    spots: list[Spot] = field(default_factory=list[Spot])
    unkeyable: list[str] = field(default_factory=list[str])

    @property
    def steps(self) -> int:
        """How many ways on were tried."""
        return sum(len(s.ways) for s in self.spots)

    @property
    def longest(self) -> int:
        """Turns of the longest first way to any moment."""
        return max(len(s.path) for s in self.spots)

    @property
    def outcomes(self) -> set[Outcome]:
        """Every outcome that a call can have."""
        return {s.ending.outcome for s in self.spots if s.ending}

    def prompts(self) -> dict[str, set[str]]:
        """Every prompt that can be said, with the names of its places."""
        found: defaultdict[str, set[str]] = defaultdict(set)

        def note(phrase: Phrase) -> None:
            found[phrase.prompt].update(name for name, _ in phrase.words)
            for _, word in phrase.words:
                for part in word if isinstance(word, tuple) else (word,):
                    if isinstance(part, Phrase):
                        note(part)

        for spot in self.spots:
            if isinstance(spot.turn, Say | Ask):
                note(Phrase(spot.turn.label, spot.turn.words))
            for phrase in spot.ending.farewell if spot.ending else ():
                note(phrase)
        return dict(found)

    def problems(self, *, notice: str = "notice", harmless: Iterable[str] = ("languages",)) -> list[str]:
        """Everything that no caller must meet; empty for a flow that may be dialled.

        notice: the statement that the call is recorded.  harmless: questions that may come before it.
        """
        return [
            *(f"can't be keyed: {answer}" for answer in self.unkeyable),
            *(f"dead end: {self._tell(i)}" for i in self.trapped()),
            *(f"no way to people: {self._tell(i)}" for i in self.without_people()),
            *(f"kept before the notice: {self._tell(i)}" for i in self.kept_before_notice(notice, set(harmless))),
        ]

    def trapped(self) -> list[int]:
        """Moments from which answering, however patiently, reaches no ending."""
        return self._unable(lambda step: step.how not in INTERRUPTIONS, lambda spot: spot.ending is not None)

    def without_people(self) -> list[int]:
        """Questions at which asking for a person doesn't lead to one at once, or giving up loses the caller:
        neither to people, nor to another question, nor to a call that has what it came for."""

        def onward(index: int) -> Spot:
            """Where the caller gets to without being asked anything."""
            while (ways := [s for s in self.spots[index].ways if s.how not in INTERRUPTIONS]) and not isinstance(
                self.spots[index].turn, Ask
            ):
                index = ways[0].to
            return self.spots[index]

        def well(step: Step) -> bool:
            spot = onward(step.to)
            if step.how == WantsAgent.name or spot.ending is None:
                return (spot.ending is not None and spot.ending.to is not None) or step.how == GaveUp.name
            return spot.ending.to is not None or spot.ending.outcome not in LEFT_WITH_NOTHING

        return [
            i
            for i, spot in enumerate(self.spots)
            if isinstance(spot.turn, Ask) and not spot.hung_up
            if not all(well(s) for s in spot.ways if s.how in (WantsAgent.name, GaveUp.name))
        ]

    def kept_before_notice(self, notice: str, harmless: set[str]) -> list[int]:
        """Moments that ask for, or keep, something of the caller although the notice was not heard to its end."""
        found: list[int] = []
        seen: set[tuple[int, bool, bool]] = set()
        todo = [(0, False, False)]  # moment, notice heard, recording allowed
        while todo:
            index, heard, recorded = here = todo.pop()
            if here in seen:
                continue
            seen.add(here)
            spot = self.spots[index]
            match spot.turn:
                case Record() if not heard:
                    found.append(index)
                case Ask(label=label) if not recorded and label not in harmless and not spot.hung_up:
                    found.append(index)
                case Do(command=command) if not recorded and command.writes:
                    found.append(index)
                case _:
                    pass
            said = isinstance(spot.turn, Say) and spot.turn.label == notice and not spot.turn.bargein
            for step in spot.ways:
                whole = said and step.how not in INTERRUPTIONS
                todo.append((step.to, heard or whole, recorded or isinstance(spot.turn, Record)))
        return sorted(set(found))

    def _unable(self, along: Callable[[Step], bool], good: Callable[[Spot], bool]) -> list[int]:
        """Moments from which no `good` one can be reached by such steps."""
        back: defaultdict[int, list[int]] = defaultdict(list)
        for i, spot in enumerate(self.spots):
            for step in spot.ways:
                # Somebody who has hung up answers with nothing but that.
                if along(step) or spot.hung_up:
                    back[step.to].append(i)
        todo = [i for i, spot in enumerate(self.spots) if good(spot)]
        safe = set(todo)
        while todo:
            fresh = [b for b in back[todo.pop()] if b not in safe]
            safe.update(fresh)
            todo += fresh
        return [i for i in range(len(self.spots)) if i not in safe]

    def _tell(self, index: int) -> str:
        spot = self.spots[index]
        said = [f"{a.label}={a.interruption or a.heard or ''}".rstrip("=") for a in spot.path]
        return f"{self.flow} at {spot.turn.asked if spot.turn else spot.name!r} after {' '.join(said) or 'nothing'}"


def explore(flow: Flow, began: Began, world: World, *, limit: int = 200_000) -> Map:
    """The map of `flow` in this `world`.  Raises `Unbounded` beyond `limit` moments and `Opaque` for a flow that
    holds what can't be compared."""
    found = Map(flow.__name__)
    known: dict[Moment, int] = {}
    todo: list[tuple[int, Dialog]] = []

    def arrive(dialog: Dialog, path: tuple[Answer, ...]) -> int:
        here = moment(dialog)
        index = known.get(here)
        if index is None:
            if len(known) >= limit:
                raise Unbounded(f"{flow.__name__} has more than {limit} moments")
            index = known[here] = len(found.spots)
            found.spots.append(Spot(dialog.turn, dialog.ending, dialog.hung_up, path))
            todo.append((index, dialog))
        else:
            dialog.abandon()
        return index

    arrive(Dialog(flow, began), ())
    while todo:
        index, live = todo.pop()
        spot = found.spots[index]
        ways = list(_ways_on(spot, began, world))
        found.unkeyable += _unkeyable(spot.turn)
        for how, answer in reversed(ways):
            # A coroutine can't be copied: every way but the last one taken is replayed from the start.
            dialog = live if answer is ways[0][1] else Dialog.replay(flow, began, spot.path)
            dialog.answer(answer)
            spot.ways.append(Step(how, answer, arrive(dialog, (*spot.path, answer))))
        spot.ways.reverse()
    return found


def _unkeyable(turn: Turn[Any] | None) -> list[str]:
    """Examples of a question's grammar that its keypad would never take for an answer."""
    if not isinstance(turn, Ask):
        return []
    taken = (Progress.ENOUGH, Progress.EXPECTED, Progress.FULL)
    kinds = turn.accepts.examples().items()
    return [f"{kind} ({said}) at {turn.label}" for kind, said in kinds if turn.accepts.progress(said) not in taken]


def _ways_on(spot: Spot, began: Began, world: World) -> Iterator[tuple[str, Answer]]:
    turn = spot.turn
    if turn is None:
        return

    def interrupted(kind: type[Any]) -> tuple[str, Answer]:
        return kind.name, Answer(turn.label, turn.asked, began.at, interruption=kind.name)

    if spot.hung_up and isinstance(turn, Ask | Say):
        yield interrupted(HungUp)
        return
    match turn:
        case Ask(accepts=grammar):
            for kind, said in grammar.examples().items():
                yield kind, Answer(turn.label, turn.asked, began.at, heard=said)
            for interruption in (GaveUp, WantsAgent, HungUp):
                yield interrupted(interruption)
        case Do(command=command):
            for kind, result in world(command).items():
                yield kind, Answer(turn.label, turn.asked, began.at, result=result)
            yield interrupted(Trouble)
        case Say():
            yield "", Answer(turn.label, turn.asked, began.at)
            yield interrupted(HungUp)
        case _:
            yield "", Answer(turn.label, turn.asked, began.at)
