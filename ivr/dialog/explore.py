"""Hold every conversation that a flow can have.

Theory: from every moment (see `moment`) every kind of answer is tried once: each example of the question's grammar,
each way the business may answer, each interruption.  Since equal moments have equal futures, one visit to each is
enough, and what is true of the finished map is true of every call: no sampling.  Parts of a conversation are gone
through once for each set of arguments (`ivr.dialog.map`), so that a menu costs the sum of what is on it and not the
product.

Rule: the world is an argument.  `World` says how the business may answer a command; examples of grammars say how a
caller may.  What neither names is not explored, so both are kept beside the flows and reviewed like them.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from domain.model import Began, Language, Outcome, Told
from ivr.dialog.call import NOTHING, Call
from ivr.dialog.dialog import Answer, Dialog, Flow, weightier
from ivr.dialog.grammar import Nomatch, Progress, understand
from ivr.dialog.map import Exit, Map, Spot, Step
from ivr.dialog.moment import freeze, moment, unchangeable
from ivr.dialog.monologue import interval
from ivr.dialog.turns import (
    Ask,
    Back,
    Do,
    GaveUp,
    HungUp,
    Interruption,
    Listen,
    PlayBack,
    Say,
    Trouble,
    Turn,
    WantsAgent,
    needs_caller,
)

World: TypeAlias = Callable[[Any], Mapping[str, Any]]
"""Command -> name of each kind of answer -> such an answer."""

Part: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]


STORY = timedelta(seconds=20)
"""How long callers of the explorer speak: what they say leads nowhere else than that they do."""
DEEPEST = 50
"""Parts within parts, at most."""


class Unbounded(Exception):
    """More moments, or parts within parts, than a telephone call has any business having."""


@dataclass(frozen=True, slots=True)
class Held(Turn[Any]):
    """A part of the conversation, which is explored by itself."""

    part: Part
    args: tuple[Any, ...] = ()


class _Call(Call):
    """Parts are not gone into but handed out, to be explored by themselves."""

    async def hold(self, part: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return await Held(part.__name__, part, args)


@dataclass(frozen=True, slots=True)
class _Move:
    """How a conversation is brought from one moment to the next: a value is sent into it, or an interruption thrown.
    hung_up: the caller is gone then."""

    value: Any = None
    thrown: Interruption | None = None
    hung_up: bool = False


class _Walk(Dialog):
    """A conversation, or a part of one, that is led about."""

    __slots__ = ("exit", "whole")

    def __init__(
        self,
        start: Callable[[Call], Coroutine[Any, Any, Any]],
        began: Began,
        told: Mapping[str, str],
        whole: bool,
        hung_up: bool,
    ):
        self.call = _Call(began, told)
        self.coroutine = start(self.call)
        self.turn = self.said = self.achieved = None
        self.exit: Exit | None = None
        self.whole = whole
        self.hung_up = hung_up
        self._step(self.coroutine.send, None)

    def go(self, move: _Move) -> None:
        """Take a way on that is known to be one.  (`Dialog.answer` compares and parses; that was done before.)"""
        self.hung_up = self.hung_up or move.hung_up
        if move.thrown is None:
            self._step(self.coroutine.send, move.value)
        else:
            self._step(self.coroutine.throw, copy(move.thrown))

    def _step(self, advance: Callable[[Any], Any], value: Any) -> None:
        if self.whole:
            super()._step(advance, value)
            return
        try:
            self.turn = advance(value)
        except StopIteration as stop:
            self.turn, self.exit = None, Exit(stop.value, None)
        except Interruption as interruption:
            self.turn, self.exit = None, Exit(None, interruption)

    def moment(self) -> Any:
        """What tells this moment from others of the same map."""
        if self.exit is not None:
            return (self.hung_up, freeze(self.exit.value), freeze(self.exit.raised))
        return moment(self)


def explore(
    flow: Flow, began: Began, world: World, *, limit: int = 200_000, told: Mapping[str, str] = NOTHING
) -> Map:
    """The map of `flow` in this `world`; told: what an earlier conversation of the call noted.

    Raises `Unbounded` beyond `limit` moments and for a part held within itself; `Opaque` for a flow that holds what
    can't be compared, or gives to a part, or takes from it, what can be changed.
    """
    explorer = _Explorer(began, world, limit, told)
    found = explorer.map(flow.__name__, flow, whole=True, hung_up=False)
    _achieve(found)
    return found


class _Explorer:
    """Maps a conversation, and each of its parts once."""

    def __init__(self, began: Began, world: World, limit: int, told: Mapping[str, str] = NOTHING) -> None:
        self._began = began
        self._told = told
        self._world = world
        self._limit = limit
        self._moments = 0
        self._parts: dict[Any, Map] = {}
        self._within: list[Any] = []  # parts whose maps are being made, each held by the one before

    def map(self, name: str, start: Callable[[Call], Coroutine[Any, Any, Any]], *, whole: bool, hung_up: bool) -> Map:
        found = Map(name)
        known: dict[Any, int] = {}
        todo: deque[tuple[int, _Walk]] = deque()  # breadth first: paths are the shortest, and so are replays
        trails: list[tuple[_Move, ...]] = []

        def arrive(walk: _Walk, path: tuple[Answer, ...], trail: tuple[_Move, ...]) -> int:
            here = walk.moment()
            index = known.get(here)
            if index is None:
                self._moments += 1
                if self._moments > self._limit:
                    raise Unbounded(f"{name} has more than {self._limit} moments")
                if walk.exit is not None:
                    unchangeable(walk.exit.raised or walk.exit.value, f"{name} is left with")
                index = known[here] = len(found.spots)
                found.spots.append(Spot(walk.turn, walk.said, walk.exit, walk.hung_up, path))
                trails.append(trail)
                todo.append((index, walk))
            else:
                walk.abandon()
            return index

        arrive(_Walk(start, self._began, self._told, whole, hung_up), (), ())
        while todo:
            index, live = todo.popleft()
            spot, trail = found.spots[index], trails[index]
            if isinstance(spot.turn, Held):
                spot.part = self._part(spot.turn, spot.hung_up)
            found.unkeyable += _unkeyable(spot.turn)
            found.unspeakable += _unspeakable(spot.turn)
            ways = list(self._ways_on(spot))
            for number, (how, answer, move, freely, leaving) in enumerate(ways):
                # A coroutine can't be copied: every way but the last one taken is led there from the start.
                walk = live
                if number < len(ways) - 1:
                    walk = _Walk(start, self._began, self._told, whole, hung_up)
                    for taken in trail:
                        walk.go(taken)
                walk.go(move)
                to = arrive(walk, (*spot.path, answer), (*trail, move))
                spot.ways.append(Step(how, answer, to, freely, leaving))
        return found

    def _part(self, held: Held, hung_up: bool) -> Map:
        key = (freeze(held.part), freeze(held.args), hung_up)
        if key not in self._parts:
            part, args = held.part, held.args
            unchangeable(args, f"{held.label} is given")
            if key in self._within or len(self._within) >= DEEPEST:
                raise Unbounded(f"{held.label}{args} is held within itself, as if for ever: use a loop")
            self._within.append(key)
            self._parts[key] = self.map(held.label, lambda call: part(call, *args), whole=False, hung_up=hung_up)
            self._within.pop()
        return self._parts[key]

    def _ways_on(self, spot: Spot) -> Iterator[tuple[str, Answer, _Move, bool, int | None]]:
        """Name, answer, move, whether somebody answered freely, and the exit of the part that is held there."""
        turn = spot.turn
        if turn is None:
            return
        at = self._began.at

        def interrupted(kind: type[Interruption]) -> tuple[str, Answer, _Move, bool, int | None]:
            answer = Answer(turn.label, turn.asked, at, interruption=kind.name)
            return kind.name, answer, _Move(thrown=kind(), hung_up=kind is HungUp), False, None

        def answered(how: str, value: Any, heard: str | None = None) -> tuple[str, Answer, _Move, bool, int | None]:
            answer = Answer(turn.label, turn.asked, at, heard, None if heard else value)
            return how, answer, _Move(value), True, None

        if spot.hung_up and needs_caller(turn):
            yield interrupted(HungUp)
            return
        match turn:
            case Ask(accepts=grammar):
                for kind, said in grammar.examples().items():
                    yield answered(kind, grammar.parse(said), said)
                for interruption in (GaveUp, WantsAgent, Back, HungUp):
                    yield interrupted(interruption)
            case Listen():
                told = Told(at, at + STORY)
                yield answered("told", told, interval(told))
                for interruption in (GaveUp, WantsAgent, Back, HungUp):
                    yield interrupted(interruption)
            case PlayBack():
                yield answered("", None)
                for interruption in (Trouble, HungUp):
                    yield interrupted(interruption)
            case Do(command=command):
                for kind, result in self._world(command).items():
                    yield answered(kind, result)
                yield interrupted(Trouble)
            case Say():
                yield answered("", None)
                yield interrupted(HungUp)
            case Held() if spot.part is not None:
                freely = _reached_freely(spot.part)
                for number, leaving in enumerate(spot.part.spots):
                    if (exit := leaving.exit) is not None:
                        raised = exit.raised.name if exit.raised else None
                        answer = Answer(turn.label, turn.asked, at, None, exit.value, raised)
                        move = _Move(exit.value, exit.raised, leaving.hung_up)
                        yield exit.name, answer, move, number in freely, number
            case _:
                yield answered("", None)


def _reached_freely(found: Map) -> set[int]:
    """Moments that are reached with nobody interrupting; who had hung up before doesn't interrupt any more."""
    seen, todo = {0}, [0]
    while todo:
        spot = found.spots[todo.pop()]
        gone = spot.hung_up and needs_caller(spot.turn)
        for step in spot.ways:
            if (step.freely or gone) and step.to not in seen:
                seen.add(step.to)
                todo.append(step.to)
    return seen


def _unspeakable(turn: Turn[Any] | None) -> list[str]:
    """What may be said at a question and is no answer to it."""
    if not isinstance(turn, Ask) or turn.accepts.sequence:
        return []
    found: list[str] = []
    for language in Language:
        for phrase in turn.accepts.phrases(language):
            try:
                understand(turn.accepts, phrase)
            except Nomatch:
                found.append(f"{phrase!r} ({language}) at {turn.label}")
    return found


def _unkeyable(turn: Turn[Any] | None) -> list[str]:
    """Examples of a question's grammar that its keypad would never take for an answer."""
    if not isinstance(turn, Ask):
        return []
    taken = (Progress.ENOUGH, Progress.EXPECTED, Progress.FULL)
    kinds = turn.accepts.examples().items()
    return [f"{kind} ({said}) at {turn.label}" for kind, said in kinds if turn.accepts.progress(said) not in taken]


def _achieve(found: Map) -> None:
    """Note at every moment what may have been achieved on the way there, from where its map begins."""
    if found.spots[0].achieved:
        return
    todo: list[tuple[int, Outcome | None]] = [(0, None)]
    while todo:
        index, got = todo.pop()
        spot = found.spots[index]
        if got in spot.achieved:
            continue
        spot.achieved.add(got)
        if spot.part is not None:
            _achieve(spot.part)
        for step in spot.ways:
            more: set[Outcome | None] = {None}
            if step.exit is not None and spot.part is not None:
                more = spot.part.spots[step.exit].achieved
            elif isinstance(spot.turn, Do) and step.freely:
                more = {spot.turn.command.achieves}
            todo += [(step.to, weightier(got, one)) for one in more]
