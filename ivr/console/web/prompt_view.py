"""What the page of one prompt shows, from versions and catalogues: pure, but for what lies on the disk."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape

from domain.model import Language
from domain.wording import Texts, Version
from ivr.console.web import maps, uses
from ivr.console.web.studio import Studio, example_words
from ivr.console.web.words import Tongue
from prompts import Catalogue
from prompts.checker import Fault
from prompts.composer import TRIES, Piece, Place, cut
from prompts.overlay import Overlay
from prompts.spoken import Part
from prompts.workshop import needed

EVERYWHERE: Final = 6
"""A prompt that is said in more parts than this belongs to none of them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a prompt.  which: `text`, `second`, `third`; shown: its text with its places marked."""

    which: str
    text: str
    shown: Markup


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A clip that a version needs.  there: its number of milliseconds and voice, None: it has no sound."""

    name: str
    line: str
    part: Part
    ms: int | None = None
    voice: str | None = None


@dataclass(slots=True)
class Told:
    """What the page says after something that could not be done.  filled: the form as it was sent."""

    status: int = 200
    code: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: Sequence[Fault] = ()
    filled: Mapping[str, str] | None = None
    clip: str | None = None


@lru_cache(maxsize=4096)  # the list shows hundreds, mostly the same as a moment ago
def line(which: str, text: str) -> Line:
    """As it is shown: escaped, with its places marked."""
    shown = (
        escape(each.text)
        if isinstance(each, Piece)
        else Markup('<code class="place">{}</code>').format(written(each))
        for each in cut("", text)
    )
    return Line(which, text, Markup("").join(shown))


def title(catalogue: Catalogue, lang: str, prompt: str, words: int = 7) -> str:
    """What people call a prompt: its first words, without its places; its name where it has no words of its own."""
    text = catalogue.texts.get(lang, {}).get(prompt, {}).get("text", "")  # pyright: ignore[reportArgumentType, reportCallIssue]
    said = "".join(each.text for each in cut("", text) if isinstance(each, Piece)).split()
    if not said:
        return prompt
    return " ".join(said[:words]).rstrip(" ,.:;") + ("…" if len(said) > words else "")


def written(place: Place) -> str:
    """As it stands in the text."""
    kind = f"|{place.kind}" if place.kind else ""
    return f"{{{place.name}{kind}{f':{place.size}' if place.size else ''}}}"


def clip_rows(
    work: Studio, version: Version | None, lang: Language, prompt: str, over: Overlay | None = None
) -> list[ClipRow]:
    """What a version (or, without one, what is heard) is made of."""
    if version is None and over is not None:
        catalogue = over.catalogue
        texts = texts_now(over, lang, prompt)
        rows = needed(work.shipped, lang, prompt, texts)
        return [
            ClipRow(name, _line_of(name), part, round(catalogue.seconds.get(name, 0) * 1000) or None)
            for name, part in rows.items()
        ]
    if version is None:
        return []
    there = {clip.clip: clip for clip in version.clips}
    wanted = needed(work.shipped, lang, prompt, version.texts)
    if version.texts.text is None:
        wanted = {name: part for name, part in wanted.items() if name in there}
    return [
        ClipRow(name, _line_of(name), part, there[name].ms, there[name].voice)
        if name in there
        else ClipRow(name, _line_of(name), part)
        for name, part in wanted.items()
    ]


def _line_of(clip: str) -> str:
    return next((which for which in TRIES[1:] if re.search(rf"\.{which}(\.|$)", clip)), "text")


def fields(lines: Mapping[str, str], waiting: Version | None, told: Told) -> dict[str, str]:
    """What stands in the form: as it was sent, else the draft, else what is heard."""
    if told.filled is not None:
        return dict(told.filled)
    said = waiting.texts.lines() if waiting and waiting.texts.text is not None else lines
    return {**{which: said.get(which, "") for which in TRIES}, "reason": ""}


def uses_of(prompt: str, t: Tongue) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Where it is said: by how, the places as people call them, each with the conversations that hold it."""
    found: dict[str, dict[str, dict[str, None]]] = {}
    for use in uses.uses(prompt):
        held = found.setdefault(use.how, {}).setdefault(named_place(use, prompt, t), {})
        held |= dict.fromkeys(maps.named_part(maps.stored()["flows"].get(flow, flow), t) for flow in use.flows)
    return [(how, [(place, list(flows)) for place, flows in places.items()]) for how, places in found.items()]


def named_place(use: uses.Use, prompt: str, t: Tongue) -> str:
    """A place as people call it: the part of the conversation, and the question there if it is another."""
    part = maps.named_part(use.part, t)
    if not use.step or use.step == prompt or use.how == "end":
        return part
    return f"{part} › {maps.titled({'name': use.step, 'kind': 'question'}, t)}"


def by_part(rows: Iterable[Mapping[str, Any]], t: Tongue) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Rows of prompts (by `name`) under the names of the parts of the conversation, as callers come to them.

    A prompt stands where it is said first.  Those of every question come first, those that are said nowhere by
    themselves last.
    """
    order = {part: at for at, part in enumerate(maps.parts_in_order())}
    found: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        said = {use.part for use in uses.uses(row["name"])}
        at = len(order) if not said else -1 if len(said) > EVERYWHERE else min(order.get(each, 0) for each in said)
        found.setdefault(at, []).append(row)
    names = {-1: t("prompts.everywhere"), len(order): t("prompts.within_others")}
    return [
        (names.get(at) or maps.named_part(maps.parts_in_order()[at], t), there) for at, there in sorted(found.items())
    ]


def said_in(catalogue: Catalogue, lang: Language, prompt: str) -> list[str]:
    """The prompts that say this one within themselves."""
    mark = re.compile(rf"\{{{re.escape(prompt)}\}}")
    return sorted(
        name
        for name, lines in catalogue.texts[lang].items()
        if name != prompt and any(mark.search(lines.get(which, "")) for which in TRIES)
    )


def places_of(over: Overlay, lang: Language, prompt: str) -> list[tuple[str, str, str | None]]:
    """The places of a prompt, with an example of what is said there, and the prompt that it is, if it is one."""
    catalogue, found = over.catalogue, dict[str, tuple[str, str | None]]()
    words = dict(example_words(catalogue, lang, prompt))
    for which in TRIES:
        for place in cut("", catalogue.texts[lang].get(prompt, {}).get(which, "")):
            if isinstance(place, Place) and written(place) not in found:
                trial = Catalogue(
                    {**catalogue.texts, lang: {**catalogue.texts[lang], "_": {"text": written(place)}}},
                    catalogue.seconds,
                )
                inner = place.name if place.kind is None and place.name in catalogue.prompts else None
                found[written(place)] = (trial.compose(lang, "_", words).text, inner)
    return [(place, *rest) for place, rest in found.items()]


def texts_now(over: Overlay, lang: Language, prompt: str) -> Texts:
    """The lines that callers hear."""
    lines = over.catalogue.texts[lang].get(prompt, {})
    return Texts(lines.get("text"), lines.get("second"), lines.get("third"))
