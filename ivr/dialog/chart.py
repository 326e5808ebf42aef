"""The map of a flow, drawn from the code for people who decide about conversations.

Theory: the explorer's moments are many (one for each state of mind); people think in steps.  Moments that wait for
the same turn at the same place of the code are one step here.  Interruptions are left out: silence, "operator" and
hang-up are handled in one place and would only cross every line.  A part that is held in several places is drawn
once, whatever it was given.
"""

from collections import defaultdict

from ivr.dialog.map import Map, Spot
from ivr.dialog.turns import Ask, Do, Listen, PlayBack, Say

MOST_LABELS = 3


def charts(found: Map) -> dict[str, str]:
    """A chart of the conversation and of each of its parts, by name; holders before what they hold."""
    named: dict[str, list[Map]] = {}
    for one in found.maps():
        named.setdefault(one.flow, []).append(one)
    return {name: chart(*maps) for name, maps in named.items()}


def chart(*maps: Map) -> str:
    """A Mermaid flowchart: questions as hexagons, statements as rounded boxes, the store as cylinders, parts with
    double walls.  maps: one, or several of the same part."""
    steps: dict[tuple[str, str], set[str]] = defaultdict(set)
    shapes: dict[str, str] = {}
    for found in maps:
        for spot in found.spots:
            if spot.hung_up:
                continue
            shapes.setdefault(spot.name, _shape(spot))
            for way in spot.ways:
                to = found.spots[way.to]
                if way.freely and not to.hung_up:
                    steps[spot.name, to.name].add(way.how)
    drawn = [name for name in shapes if any(name in step for step in steps)]  # the rest only interruptions reach
    names = {name: f"n{number}" for number, name in enumerate(drawn)}
    lines = ["flowchart TD", *(f"  {names[name]}{shapes[name]}" for name in drawn)]
    for (one, other), labels in steps.items():
        lines.append(f"  {names[one]} -->{_label(labels)} {names[other]}")
    return "\n".join(lines)


def _label(labels: set[str]) -> str:
    told = sorted(label for label in labels if label)
    if not told:
        return ""
    more = f", {len(told) - MOST_LABELS} more" if len(told) > MOST_LABELS else ""
    return f'|"{", ".join(told[:MOST_LABELS])}{more}"|'


def _shape(spot: Spot) -> str:
    text = spot.name.replace("_", " ")
    if spot.part is not None:
        return f'[["{text}"]]'
    match spot.turn:
        case None:
            return f'(["{text}"])'
        case Ask() | Listen():
            return f'{{{{"{text}?"}}}}'
        case Do():
            return f'[("{text}")]'
        case Say() | PlayBack():
            return f'("{text}")'
        case _:
            return f'["{text}"]'
