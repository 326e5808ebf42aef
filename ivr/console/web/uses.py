"""Where each prompt is said, and with which words: drawn from the conversations, never written by hand.

Theory: exploring every conversation takes half a minute, which no page can wait for.  So what is found is written
down beside this module (`ivr prompts uses --write`), as what the program ships, and a test holds it true.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from flows import FLOWS
from flows.worlds import SHOWN, TOLD, WITHHELD, world
from ivr.dialog import Phrase, monologue
from ivr.dialog.exchange import ALONGSIDE
from ivr.dialog.explore import explore
from ivr.dialog.map import Map, Spot
from ivr.dialog.turns import Ask, Listen, PlayBack, Say

FILE: Final = Path(__file__).parent / "uses.json"


@dataclass(frozen=True, slots=True)
class Use:
    """One place of the conversations.  flows: which hold it.  part: of them; step: the turn there; how: `asked`,
    `said`, `within` (a phrase in another prompt), `end`, or `any` (may be said at every question)."""

    flows: tuple[str, ...]
    part: str
    step: str
    how: str


def explorations() -> Iterator[tuple[str, Map]]:
    """Every conversation, from every beginning, with its name."""
    for name, flow in FLOWS.items():
        for began, told in product((WITHHELD, SHOWN), TOLD[name]):
            yield name, explore(flow, began, world, told=told)


def derive(explored: Iterable[tuple[str, Map]]) -> dict[str, Any]:
    """prompt -> where it is said, and an example of each word that it is given."""
    at: dict[str, dict[tuple[str, str, str], set[str]]] = {}
    examples: dict[str, dict[str, Any]] = {}
    for name, found in explored:
        for one in found.maps():
            for spot in one.spots:
                for phrase, step, how in _said(spot):
                    at.setdefault(phrase.prompt, {}).setdefault((one.flow, step, how), set()).add(name)
                    given = examples.setdefault(phrase.prompt, {})
                    for place, word in phrase.words:
                        _note(given, place, word)
    return {
        prompt: {
            "at": [[sorted(flows), *where] for where, flows in sorted(found.items())],
            **({"words": dict(sorted(examples[prompt].items()))} if examples.get(prompt) else {}),
        }
        for prompt, found in sorted(at.items())
    }


def _said(spot: Spot) -> Iterator[tuple[Phrase, str, str]]:
    """Every phrase that is said at a moment, with the step's name and how."""
    turn = spot.turn
    if isinstance(turn, Ask | Listen):
        yield from _deep(Phrase(turn.label, turn.words), turn.label, "asked")
    if isinstance(turn, Say):
        yield from _deep(Phrase(turn.label, turn.words), turn.label, "said")
    if isinstance(turn, PlayBack):
        yield Phrase(turn.label), turn.label, "said"
    if isinstance(turn, Listen):
        for prompt in monologue.ALONGSIDE:
            yield Phrase(prompt), "", "any"
    if isinstance(turn, Ask):
        for prompt in ALONGSIDE:
            yield Phrase(prompt), "", "any"
        for keys in turn.accepts.examples().values():
            if echo := turn.accepts.echo(keys):
                for phrase, _, _ in _deep(Phrase("did_i_hear", (("what", Phrase(*echo)),)), "", "any"):
                    yield phrase, "", "any"
    for phrase in spot.ending.farewell if spot.ending else ():
        yield from _deep(phrase, spot.name, "end")


def _deep(phrase: Phrase, step: str, how: str) -> Iterator[tuple[Phrase, str, str]]:
    yield phrase, step, how
    for _, word in phrase.words:
        for inner in word if isinstance(word, tuple) else (word,):
            if isinstance(inner, Phrase):
                yield from _deep(inner, step, "within")


def _note(given: dict[str, Any], place: str, word: Any) -> None:
    """Keep the most telling example: one that says something."""
    written = _written(word)
    if place not in given or len(json.dumps(written)) > len(json.dumps(given[place])):
        given[place] = written


def _written(word: Any) -> Any:
    if isinstance(word, Phrase):
        return {"prompt": word.prompt, "words": {n: _written(w) for n, w in word.words}, "language": word.language}
    return [_written(inner) for inner in word] if isinstance(word, tuple) else word


def _read(word: Any) -> Any:
    if isinstance(word, dict):
        return Phrase(word["prompt"], tuple((n, _read(w)) for n, w in word["words"].items()), word["language"])
    return tuple(_read(inner) for inner in word) if isinstance(word, list) else word


def written(explored: Iterable[tuple[str, Map]] | None = None) -> str:
    """What `FILE` should hold.  explored: all `explorations`, where somebody has them already."""
    derived = derive(explorations() if explored is None else explored)
    lines = [f"{json.dumps(prompt)}: {json.dumps(found, ensure_ascii=False)}" for prompt, found in derived.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


@cache
def _all() -> Mapping[str, Any]:
    return json.loads(FILE.read_text("utf-8"))


def uses(prompt: str) -> list[Use]:
    """Where this prompt is said; empty for one that nothing says, and for those that staff switch on."""
    return [Use(tuple(flows), part, step, how) for flows, part, step, how in _all().get(prompt, {}).get("at", ())]


def words(prompt: str) -> tuple[tuple[str, Any], ...]:
    """Words such as a flow gives with this prompt, to hear it with."""
    return tuple((name, _read(word)) for name, word in _all().get(prompt, {}).get("words", {}).items())
