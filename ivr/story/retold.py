"""The conversations of a call, held again from its journal against the flows of today: as far as that goes.

There is one, and another one each time that people did not answer and the exchange gave the call back.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.calls import Line
from domain.model import Began
from domain.moments import Kind, Moment
from flows import FLOWS, NOBODY_FREE
from ivr.dialog import Answer, Ending, Speak, Turn
from ivr.dialog.followed import Followed, Visited
from ivr.journal import RETURNED, notes, read

FIRST_LANGUAGE: Final = "uk"
"""In which a call is held until another one is chosen."""


@dataclass(slots=True)
class Held:
    """A line, and what it answers.  began: when the flow came to it; turn, answer: None where nobody knows."""

    line: Line
    began: datetime
    part: str
    turn: Turn[Any] | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class Conversation:
    """One conversation of the call: there is another one after people gave it back.  returned: after which time."""

    flow: str
    returned: int
    marker: Line | None
    turns: list[Held]
    visited: Sequence[Visited]
    language: str
    noted: Mapping[str, str]
    diverged: str | None
    dialog: Followed | None  # as its lines leave it; None where it can't even begin

    @property
    def sent(self) -> Ending | None:
        """How it ended; None while it goes on, and where nobody can tell."""
        return self.dialog.ending if self.dialog and self.diverged is None else None


def retold(began: Began, lines: Sequence[Line], moments: Sequence[Moment]) -> Iterator[Conversation]:
    """Each conversation of the call."""
    named = {one.facts.get("returned", 0): str(one.facts.get("flow")) for one in moments if one.kind == Kind.FLOW}
    marker: Line | None = None
    returned, language, told = 0, FIRST_LANGUAGE, dict[str, str]()
    for marker, own in _between_returns(lines):
        if marker is not None:
            returned = int(marker.asked.rpartition(" ")[2]) if marker.asked[-1:].isdigit() else returned + 1
            told = {**noted_in(marker.result), **told}
        likely = NOBODY_FREE if returned else next(iter(FLOWS))
        known = named.get(returned)
        names = [known] if known in FLOWS else sorted(FLOWS, key=lambda name: name != likely)
        ways = (_follow(name, began, marker, returned, own, told, language) for name in names)
        part = _farthest(ways)
        language, told = part.language, {**told, **part.noted}
        yield part


def _between_returns(lines: Sequence[Line]) -> Iterator[tuple[Line | None, Sequence[Line]]]:
    marker, own = None, list[Line]()
    for line in lines:
        if line.label == RETURNED:
            yield marker, own
            marker, own = line, []
        else:
            own.append(line)
    yield marker, own


def _farthest(ways: Iterator[Conversation]) -> Conversation:
    """The first that goes all the way; else the one that goes farthest."""
    best: Conversation | None = None
    for way in ways:
        if way.diverged is None:
            return way
        if best is None or len(way.visited) > len(best.visited):
            best = way
    assert best is not None, "there is at least one conversation"
    return best


def _follow(
    name: str,
    began: Began,
    marker: Line | None,
    returned: int,
    lines: Sequence[Line],
    told: Mapping[str, str],
    language: str,
) -> Conversation:
    """Hold the conversation of this name again, as far as it goes."""
    turns: list[Held] = []
    at, diverged = marker.at if marker else began.at, None
    dialog: Followed | None = None
    try:
        dialog = Followed(FLOWS[name], began, told, at=at)
    except Exception as fault:  # a flow that can't even begin any more
        diverged = f"{type(fault).__name__}: {fault}"
    for line in lines:
        one = Held(line, at, dialog.parts[-1] if dialog and diverged is None else "")
        turns.append(one)
        at = line.at
        if dialog is None or diverged is not None:
            continue
        try:
            answer, turn = read(line), dialog.turn
            if isinstance(turn, Speak):
                language = turn.language
            dialog.answer(answer)
            one.turn, one.answer = turn, answer
        except Exception as fact:  # the flow was changed since; whatever it makes of that
            diverged, one.part = str(fact) or type(fact).__name__, ""
    visited = dialog.visited if dialog else ()
    noted = dict(dialog.call.noted) if dialog else dict(told)
    return Conversation(name, returned, marker, turns, visited, language, noted, diverged, dialog)


def noted_in(result: str | None) -> dict[str, str]:
    try:
        return notes(result)
    except (ValueError, TypeError):
        return {}
