"""The map of a flow, drawn from the code for people who decide about conversations.

Theory: the explorer's moments are many (one for each state of mind); people think in steps.  Moments that wait for
the same turn at the same place of the code are one step here.  Interruptions are left out: silence, "operator" and
hang-up are handled in one place and would only cross every line.  A part that is held in several places is drawn
once, whatever it was given.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ivr.dialog.map import Map, Spot
from ivr.dialog.turns import Ask, Do, Listen, PlayBack, Say

MOST_LABELS = 3
QUESTION: Final = "question"
STATEMENT: Final = "statement"
DEED: Final = "deed"  # something is asked of the business, or done by it
PART: Final = "part"  # has a chart of its own, of the same name
END: Final = "end"  # of the call, or of the part
STEP: Final = "step"  # anything else


@dataclass(slots=True)
class Node:
    """A step.  kind: one of the above.  outcomes: that a call may have which ends here."""

    name: str
    kind: str
    outcomes: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Chart:
    """Steps by name, and the ways from one to another with the names of answers that lead there.

    begins: the steps that it may begin with.
    """

    name: str
    begins: set[str] = field(default_factory=set[str])
    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    ways: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict[tuple[str, str], set[str]](set))

    def add(self, found: Map) -> None:
        """Draw this too: the same part, of another place or another conversation."""
        self.begins.add(found.spots[0].name)
        for spot in found.spots:
            if spot.hung_up:
                continue
            node = self.nodes.setdefault(spot.name, Node(spot.name, _kind(spot)))
            node.outcomes |= {str(outcome) for outcome in spot.outcomes}
            for way in spot.ways:
                to = found.spots[way.to]
                if way.freely and not to.hung_up:
                    self.ways[spot.name, to.name].add(way.how)

    @property
    def drawn(self) -> Sequence[Node]:
        """What is drawn: the rest only interruptions reach."""
        reached = {name for way in self.ways for name in way}
        return [node for name, node in self.nodes.items() if name in reached]

    def mermaid(self) -> str:
        """A Mermaid flowchart: questions as hexagons, statements as rounded boxes, the store as cylinders, parts with
        double walls."""
        names = {node.name: f"n{number}" for number, node in enumerate(self.drawn)}
        lines = ["flowchart TD", *(f"  {names[node.name]}{_shape(node)}" for node in self.drawn)]
        for (one, other), labels in self.ways.items():
            lines.append(f"  {names[one]} -->{_label(labels)} {names[other]}")
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """As JSON values: `begins`, names of nodes; `nodes` with name, kind, outcomes of ends; `ways` as [from, to,
        labels].  The same for the same conversations, in whatever order they were drawn."""
        nodes = sorted(self.drawn, key=lambda node: node.name)
        return {
            "begins": sorted(self.begins),
            "nodes": [
                {"name": node.name, "kind": node.kind}
                | ({"outcomes": sorted(node.outcomes)} if node.outcomes else {})
                for node in nodes
            ],
            "ways": [[*way, sorted(how for how in self.ways[way] if how)] for way in sorted(self.ways)],
        }


def drawn(founds: Iterable[Map]) -> Mapping[str, Chart]:
    """A chart of each conversation and of each of their parts, by name; holders before what they hold."""
    named: dict[str, Chart] = {}
    for found in founds:
        for one in found.maps():
            named.setdefault(one.flow, Chart(one.flow)).add(one)
    return named


def charts(found: Map) -> dict[str, str]:
    """The same of one conversation, as Mermaid."""
    return {name: one.mermaid() for name, one in drawn([found]).items()}


def _label(labels: set[str]) -> str:
    told = sorted(label for label in labels if label)
    if not told:
        return ""
    more = f", {len(told) - MOST_LABELS} more" if len(told) > MOST_LABELS else ""
    return f'|"{", ".join(told[:MOST_LABELS])}{more}"|'


def _kind(spot: Spot) -> str:
    if spot.part is not None:
        return PART
    match spot.turn:
        case None:
            return END
        case Ask() | Listen():
            return QUESTION
        case Do():
            return DEED
        case Say() | PlayBack():
            return STATEMENT
        case _:
            return STEP


def _shape(node: Node) -> str:
    text = node.name.replace("_", " ")
    match node.kind:
        case "part":
            return f'[["{text}"]]'
        case "end":
            return f'(["{text}"])'
        case "question":
            return f'{{{{"{text}?"}}}}'
        case "deed":
            return f'[("{text}")]'
        case "statement":
            return f'("{text}")'
        case _:
            return f'["{text}"]'
