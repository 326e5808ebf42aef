"""What is proved of a conversation before anyone dials it.

Rules (`problems`)
1. No dead end: from every moment an ending is reached by answering, however patiently.
2. People: 0 leads at once to people, or to the offer of a call back; giving up never loses the caller.
3. Nothing of the caller is asked for or kept before the notice was heard to its end.
4. Somebody minds `*`.
5. Every example of a grammar can be keyed; every phrase that is listened for is understood.

Theory: each rule is a least fixpoint over the map, or a walk through it.  A moment of a part goes on, at an exit, in
every place that holds the part; what has to be true must then be true in all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeAlias

from domain.commands import AskPeople, OrderCallBack
from domain.model import Outcome
from ivr.dialog.dialog import Answer
from ivr.dialog.map import Map, Spot, Step
from ivr.dialog.turns import Ask, Back, Do, GaveUp, Listen, Record, Say, Trouble, WantsAgent, needs_caller

LEFT_WITH_NOTHING = frozenset({Outcome.ABANDONED, Outcome.FAILED, Outcome.LOST, Outcome.DIVERGED})
"""Outcomes of callers who did not get what they came for."""

Node: TypeAlias = tuple[Map, int]


def problems(
    found: Map, *, notice: str = "notice", harmless: Iterable[str] = ("languages",), announced: bool = False
) -> list[str]:
    """Everything that no caller must meet; empty for a flow that may be dialled.

    notice: the statement that the call is recorded.  harmless: questions that may come before it.
    announced: it was heard in an earlier conversation of the same call.
    """
    proof = Proof(found)
    return [
        *(f"can't be keyed: {answer}" for one in found.maps() for answer in one.unkeyable),
        *(f"is listened to and not understood: {answer}" for one in found.maps() for answer in one.unspeakable),
        *(f"dead end: {proof.tell(node)}" for node in proof.trapped()),
        *(f"no way to people: {proof.tell(node)}" for node in proof.without_people()),
        *(
            f"kept before the notice: {proof.tell(node)}"
            for node in proof.kept_before_notice(notice, set(harmless), announced)
        ),
        *(f"nobody minds the star: {proof.tell(node)}" for node in proof.star_unminded()),
    ]


class Proof:
    """Questions about one map and the maps of its parts."""

    def __init__(self, found: Map) -> None:
        self.whole = found
        self.nodes: list[Node] = [(one, i) for one in found.maps() for i in range(len(one.spots))]
        self._held_at: defaultdict[Map, list[Node]] = defaultdict(list)
        for one, i in self.nodes:
            if (part := one.spots[i].part) is not None:
                self._held_at[part].append((one, i))
        self._inside: dict[Node, tuple[set[Node], set[int]]] = {}
        self._arrivals: dict[Node, set[Node]] = {}
        self._quiet: dict[Map, set[int]] = {}

    def tell(self, node: Node) -> str:
        """Where that is, and how to get there."""
        one, i = node
        said = [f"{a.label}={a.interruption or a.heard or ''}".rstrip("=") for a in self._path(node)]
        spot = one.spots[i]
        flow = self.whole.flow if one is self.whole else f"{self.whole.flow}, {one.flow}"
        return f"{flow} at {spot.turn.asked if spot.turn else spot.name!r} after {' '.join(said) or 'nothing'}"

    def trapped(self) -> list[Node]:
        """Moments from which answering, however patiently, reaches no ending.

        Somebody who has hung up answers with nothing but that.
        """

        def along(spot: Spot, step: Step) -> bool:
            return step.freely or (spot.hung_up and needs_caller(spot.turn))

        safe = self._least(along, lambda spot: spot.ending is not None)
        return [node for node in self.nodes if node not in safe]

    def without_people(self) -> list[Node]:
        """Questions at which asking for a person leads neither to people nor to the offer of a call back, at once and
        whatever the business says; or at which giving up loses the caller: neither to people, nor to another
        question, nor to a call that has what it came for."""
        offering = self._offering()

        def helped(step: Step, one: Map) -> bool:
            return all(
                ((ending := found.spots[i].ending) is not None and ending.to is not None) or (found, i) in offering
                for found, i in self._next((one, step.to))
            )

        def kept(step: Step, one: Map) -> bool:
            return all(
                (ending := (spot := found.spots[i]).ending) is None
                or ending.to is not None
                or not spot.outcomes & LEFT_WITH_NOTHING
                for found, i in self._next((one, step.to))
            )

        return [
            (one, i)
            for one, i in self.nodes
            if isinstance((spot := one.spots[i]).turn, Ask | Listen) and not spot.hung_up
            if not all(
                helped(step, one) if step.how == WantsAgent.name else kept(step, one)
                for step in spot.ways
                if step.how in (WantsAgent.name, GaveUp.name)
            )
        ]

    def kept_before_notice(self, notice: str, harmless: set[str], announced: bool) -> list[Node]:
        """Moments that ask for, or keep, something of the caller although the notice was not heard to its end."""
        found: list[Node] = []
        known: dict[tuple[Map, bool, bool], set[tuple[int, bool, bool]]] = {}

        def walk(one: Map, heard: bool, recorded: bool) -> set[tuple[int, bool, bool]]:
            """The exits of this map when it begins like that, and how it stands then."""
            begins = (one, heard, recorded)
            if begins in known:
                return known[begins]
            exits: set[tuple[int, bool, bool]] = set()
            known[begins] = exits
            seen: set[tuple[int, bool, bool]] = set()
            todo = [(0, heard, recorded)]
            while todo:
                index, heard, recorded = here = todo.pop()
                if here in seen:
                    continue
                seen.add(here)
                spot = one.spots[index]
                if spot.exit is not None:
                    exits.add(here)
                if _keeps(spot, heard, recorded, harmless):
                    found.append((one, index))
                if spot.part is not None:
                    for exit, heard_then, recorded_then in walk(spot.part, heard, recorded):
                        todo += [(step.to, heard_then, recorded_then) for step in spot.ways if step.exit == exit]
                    continue
                said = isinstance(spot.turn, Say) and spot.turn.label == notice and not spot.turn.bargein
                for step in spot.ways:
                    todo.append((step.to, heard or (said and step.freely), recorded or isinstance(spot.turn, Record)))
            return exits

        walk(self.whole, announced, announced)
        return [node for node in self.nodes if node in set(found)]

    def star_unminded(self) -> list[Node]:
        """Moments, or parts, from which `*` (back) ends the conversation because nothing in the flow takes it.

        Not necessarily the question itself: a flow may say something before it lets `*` go on.
        """
        spots = self.whole.spots
        deaf = {i for i, spot in enumerate(spots) if spot.ending is not None and spot.ending.because == Back.name}
        return [(self.whole, i) for i, spot in enumerate(spots) if any(step.to in deaf for step in spot.ways)]

    # How

    def _least(self, along: Callable[[Spot, Step], bool], good: Callable[[Spot], bool]) -> set[Node]:
        """Every moment from which a good one is surely reached along such steps: at an exit, in all places that hold
        the part."""
        back: defaultdict[Node, list[Node]] = defaultdict(list)
        wanted: dict[Node, int] = {}  # exits: how many places are not known to be good yet
        for one, i in self.nodes:
            spot = one.spots[i]
            if spot.exit is not None:
                after = self._resumed((one, i))
                wanted[one, i] = len(after)
                for node in after:
                    back[node].append((one, i))
            for step in spot.ways:
                if along(spot, step):
                    back[one, step.to].append((one, i))
        todo = [(one, i) for one, i in self.nodes if good(one.spots[i])]
        safe = set(todo)
        while todo:
            for node in back.get(todo.pop(), ()):
                if node in wanted:
                    wanted[node] -= 1
                if node not in safe and wanted.get(node, 0) <= 0:
                    safe.add(node)
                    todo.append(node)
        return safe

    def _resumed(self, exit: Node) -> list[Node]:
        """Where the conversation goes on after this exit, in each place that holds the part."""
        part, number = exit
        return [(one, step.to) for one, i in self._held_at[part] for step in one.spots[i].ways if step.exit == number]

    def _next(self, node: Node) -> set[Node]:
        """Where a caller may get to without being asked anything, also when the business can't do what it should:
        questions and endings."""
        if node not in self._arrivals:
            self._arrivals[node] = set()
            ends, exits = self._within(node)
            for exit in exits:
                for after in self._resumed((node[0], exit)):
                    ends = ends | self._next(after)
            self._arrivals[node] = ends
        return self._arrivals[node]

    def _within(self, node: Node) -> tuple[set[Node], set[int]]:
        """The same, as far as this map and its parts go; and the exits that are reached so."""
        if node in self._inside:
            return self._inside[node]
        one = node[0]
        ends: set[Node] = set()
        exits: set[int] = set()
        todo, seen = [node[1]], {node[1]}
        while todo:
            spot = one.spots[index := todo.pop()]
            allowed: set[int | None] = {None}
            if spot.exit is not None:
                exits.add(index)
            elif spot.turn is None or isinstance(spot.turn, Ask | Listen):
                ends.add((one, index))
                continue
            elif spot.part is not None:
                there, left_by = self._within((spot.part, 0))
                ends |= there
                allowed = {*left_by}
            for step in spot.ways:
                unasked = step.exit in allowed if spot.part is not None else step.freely or step.how == Trouble.name
                if unasked and step.to not in seen:
                    seen.add(step.to)
                    todo.append(step.to)
        self._inside[node] = ends, exits
        return ends, exits

    def _offering(self) -> set[Node]:
        """Moments from which people, or an order to be called back, are reached by answering, with no other business
        in between."""
        back: defaultdict[Node, list[Node]] = defaultdict(list)
        good: list[Node] = []
        for one, i in self.nodes:
            spot = one.spots[i]
            if (spot.ending and spot.ending.to) or (
                isinstance(spot.turn, Do) and isinstance(spot.turn.command, OrderCallBack)
            ):
                good.append((one, i))
            if spot.hung_up or _other_business(spot):
                continue
            if spot.part is not None:
                back[spot.part, 0].append((one, i))
            quiet = self._quiet_exits(spot.part) if spot.part else {None}
            for step in spot.ways:
                if step.freely and step.exit in quiet:
                    back[one, step.to].append((one, i))
            if spot.exit is not None:
                for node in self._resumed((one, i)):
                    back[node].append((one, i))
        todo, found = list(good), set(good)
        while todo:
            for node in back.get(todo.pop(), ()):
                one, i = node
                everywhere = one.spots[i].exit is None or all(after in found for after in self._resumed(node))
                if node not in found and everywhere:
                    found.add(node)
                    todo.append(node)
        return found

    def _quiet_exits(self, part: Map) -> set[int]:
        """Exits that are reached by answering with no other business on the way."""
        if part not in self._quiet:
            todo, seen = [0], {0}
            while todo:
                spot = part.spots[todo.pop()]
                if spot.hung_up or _other_business(spot):
                    continue
                allowed = self._quiet_exits(spot.part) if spot.part else {None}
                for step in spot.ways:
                    if step.freely and step.exit in allowed and step.to not in seen:
                        seen.add(step.to)
                        todo.append(step.to)
            self._quiet[part] = {i for i in seen if part.spots[i].exit is not None}
        return self._quiet[part]

    def _path(self, node: Node) -> list[Answer]:
        one, i = node
        before: list[Answer] = self._path(self._held_at[one][0]) if self._held_at[one] else []
        return [*before, *one.spots[i].path]


def _keeps(spot: Spot, heard: bool, recorded: bool, harmless: set[str]) -> bool:
    match spot.turn:
        case Record():
            return not heard
        case Ask(label=label) | Listen(label=label):
            return not recorded and label not in harmless and not spot.hung_up
        case Do(command=command):
            return not recorded and command.writes
        case _:
            return False


def _other_business(spot: Spot) -> bool:
    return isinstance(spot.turn, Do) and not isinstance(spot.turn.command, AskPeople | OrderCallBack)
