"""Hold every conversation that a flow can have.

Theory: from every moment (see `moment`) every kind of answer is tried once: each example of the question's grammar,
each way the business may answer, each interruption.  Since equal moments have equal futures, one visit to each is
enough, and what is true of the finished map is true of every call: no sampling.

Rule: the world is an argument.  `World` says how the business may answer a command; examples of grammars say how a
caller may.  What neither names is not explored, so both are kept beside the flows and reviewed like them.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from domain.commands import AskPeople, OrderCallBack
from domain.model import Began, Outcome
from ivr.dialog.dialog import Answer, Dialog, Flow, named, weightier
from ivr.dialog.grammar import Progress
from ivr.dialog.moment import Moment, moment
from ivr.dialog.turns import (
    INTERRUPTIONS,
    Ask,
    Back,
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


MOST_NAMES = 2
"""Outcomes that an ending is named after on the drawn map; of more, people are better told in words."""


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
    """A moment on the map.  `turn`: what the flow wants there; `path`: one of the shortest ways to get there.

    ending: as the flow said it; achieved: everything that a call may have achieved when it comes here.
    """

    turn: Turn[Any] | None
    ending: Ending | None
    hung_up: bool
    path: tuple[Answer, ...]
    ways: list[Step] = field(default_factory=list[Step])
    achieved: set[Outcome | None] = field(default_factory=set[Outcome | None])

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
            *(f"nobody minds the star: {self._tell(i)}" for i in self.star_unminded()),
        ]

    def star_unminded(self) -> list[int]:
        """Questions at which `*` (back) ends the conversation because nothing in the flow takes it."""
        return [
            i
            for i, spot in enumerate(self.spots)
            if any(
                step.how == Back.name and (ending := self.spots[step.to].ending) and ending.because == Back.name
                for step in spot.ways
            )
        ]

    def trapped(self) -> list[int]:
        """Moments from which answering, however patiently, reaches no ending."""
        return self._unable(lambda step: step.how not in INTERRUPTIONS, lambda spot: spot.ending is not None)

    def without_people(self) -> list[int]:
        """Questions at which asking for a person leads neither to people nor to the offer of a call back, at once and
        whatever the business says; or at which giving up loses the caller: neither to people, nor to another
        question, nor to a call that has what it came for."""
        offering = set(self._offering())

        def helped(step: Step) -> bool:
            """Whether who asked for a person comes to one, or to a question that offers to be called back."""
            return all(
                (spot.ending is not None and spot.ending.to is not None) or i in offering
                for i, spot in self._next(step.to)
            )

        def kept(step: Step) -> bool:
            return all(
                spot.ending is None or spot.ending.to is not None or not spot.outcomes & LEFT_WITH_NOTHING
                for _, spot in self._next(step.to)
            )

        return [
            i
            for i, spot in enumerate(self.spots)
            if isinstance(spot.turn, Ask) and not spot.hung_up
            if not all(
                helped(step) if step.how == WantsAgent.name else kept(step)
                for step in spot.ways
                if step.how in (WantsAgent.name, GaveUp.name)
            )
        ]

    def _next(self, index: int) -> list[tuple[int, Spot]]:
        """Where a caller may get to without being asked anything: questions and endings."""
        found: list[tuple[int, Spot]] = []
        todo, seen = [index], {index}
        while todo:
            spot = self.spots[index := todo.pop()]
            if spot.turn is None or isinstance(spot.turn, Ask):
                found.append((index, spot))
                continue
            for step in spot.ways:
                if step.how not in INTERRUPTIONS and step.to not in seen:
                    seen.add(step.to)
                    todo.append(step.to)
        return found

    def _offering(self) -> list[int]:
        """Moments from which people, or an order to be called back, are reached by answering, with no other business
        in between."""

        def through(spot: Spot) -> bool:
            return not isinstance(spot.turn, Do) or isinstance(spot.turn.command, AskPeople)

        def good(spot: Spot) -> bool:
            if spot.ending is not None:
                return spot.ending.to is not None
            return isinstance(spot.turn, Do) and isinstance(spot.turn.command, OrderCallBack)

        back: defaultdict[int, list[int]] = defaultdict(list)
        for i, spot in enumerate(self.spots):
            if through(spot) and not spot.hung_up:
                for step in spot.ways:
                    if step.how not in INTERRUPTIONS:
                        back[step.to].append(i)
        return sorted(_reaching(back, (i for i, spot in enumerate(self.spots) if good(spot))))

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
        safe = _reaching(back, (i for i, spot in enumerate(self.spots) if good(spot)))
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
    todo: deque[tuple[int, Dialog]] = deque()  # breadth first: paths are the shortest, and so are replays

    def arrive(dialog: Dialog, path: tuple[Answer, ...]) -> int:
        here = moment(dialog)
        index = known.get(here)
        if index is None:
            if len(known) >= limit:
                raise Unbounded(f"{flow.__name__} has more than {limit} moments")
            index = known[here] = len(found.spots)
            found.spots.append(Spot(dialog.turn, dialog.said, dialog.hung_up, path))
            todo.append((index, dialog))
        else:
            dialog.abandon()
        return index

    arrive(Dialog(flow, began), ())
    while todo:
        index, live = todo.popleft()
        spot = found.spots[index]
        ways = list(_ways_on(spot, began, world))
        found.unkeyable += _unkeyable(spot.turn)
        for how, answer in reversed(ways):
            # A coroutine can't be copied: every way but the last one taken is replayed from the start.
            dialog = live if answer is ways[0][1] else Dialog.replay(flow, began, spot.path)
            dialog.answer(answer)
            spot.ways.append(Step(how, answer, arrive(dialog, (*spot.path, answer))))
        spot.ways.reverse()
    _achieve(found)
    return found


def _achieve(found: Map) -> None:
    """Note at every moment what a call may have achieved on its way there."""
    todo: list[tuple[int, Outcome | None]] = [(0, None)]
    while todo:
        index, got = todo.pop()
        spot = found.spots[index]
        if got in spot.achieved:
            continue
        spot.achieved.add(got)
        for step in spot.ways:
            done = isinstance(spot.turn, Do) and step.how not in INTERRUPTIONS
            todo.append((step.to, weightier(got, spot.turn.command.achieves) if done else got))  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


def _reaching(back: Mapping[int, list[int]], good: Iterable[int]) -> set[int]:
    """Everything from which something `good` is reached; `back`: where from each is arrived at."""
    todo = list(good)
    safe = set(todo)
    while todo:
        fresh = [b for b in back.get(todo.pop(), ()) if b not in safe]
        safe.update(fresh)
        todo += fresh
    return safe


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
            for interruption in (GaveUp, WantsAgent, Back, HungUp):
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
