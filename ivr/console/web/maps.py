"""The maps of all conversations, with names in the reader's language, for `static/flowmap.js` to draw.

The charts are drawn from the code beforehand, since that takes half a minute (`ivr map --json --write`), and a test
holds them true; only the names are put in here.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from fastapi import Request, Response

from ivr.console.web.gate import page, router
from ivr.console.web.look import HERE, language_of
from ivr.console.web.words import Tongue

router = router()

FILE: Final = HERE / "maps.json"
OF_KIND: Final[Mapping[str, str]] = {"question": "step", "statement": "prompt", "deed": "deed", "part": "part"}
"""Kind of a node -> what its words are called."""
WORDS: Final = (
    "list", "question", "statement", "deed", "part", "end", "step", "begins", "visited", "left", "to", "calls",
)  # fmt: skip
"""What a map says of itself: `story.map_...`."""


@router.get("/calls/maps", **page(None))
async def charts(request: Request) -> Response:
    """All charts, by name, as JSON."""
    return Response(
        told(language_of(request)), media_type="application/json", headers={"Cache-Control": "private, max-age=300"}
    )


@cache
def told(language: str) -> str:
    """Each chart by name, as `drawFlowmap` takes it: title, words, begins, ways, and nodes with title."""
    t = Tongue(language)
    words = {name: t(f"story.map_{name}") for name in WORDS}
    return json.dumps(
        {
            name: {
                "title": named_part(name, t),
                "words": words,
                "begins": chart["begins"],
                "nodes": [{**node, "title": titled(node, t)} for node in chart["nodes"]],
                "ways": [[one, other, _ways(hows, t)] for one, other, hows in chart["ways"]],
            }
            for name, chart in stored()["charts"].items()
        },
        ensure_ascii=False,
    )


@cache
def stored() -> Mapping[str, Any]:
    """The file: `flows` (name -> its first chart), `charts`, `made_of`."""
    return json.loads(FILE.read_text("utf-8"))


@cache
def parts_in_order() -> Sequence[str]:
    """The parts of all conversations as callers come to them: those of the first conversation first."""
    charts, found = stored()["charts"], dict[str, None]()
    for first in stored()["flows"].values():
        waiting = [first]
        while waiting:
            part = waiting.pop(0)
            if part in charts and part not in found:
                found[part] = None
                waiting += [node["name"] for node in charts[part]["nodes"] if node["kind"] == "part"]
    return tuple(found)


def named_part(part: str, t: Tongue) -> str:
    """The name of a part in the reader's language; as it stands in the code where nobody has translated it."""
    return t(f"story.part_{part}") if t.knows(f"story.part_{part}") else _plain(part)


def titled(node: Mapping[str, Any], t: Tongue) -> str:
    """The name of a step in the reader's language; as it stands in the code where nobody has translated it."""
    name, kind = node["name"], node["kind"]
    if kind == "end":
        return _ending(name, node.get("outcomes", ()), t)
    for of in (OF_KIND.get(kind, "turn"), "prompt"):
        if t.knows(f"story.{of}_{name}"):
            return t(f"story.{of}_{name}")
    return _plain(name)


def _ending(name: str, outcomes: tuple[str, ...], t: Tongue) -> str:
    if not name.startswith("end: "):
        key = f"story.{name.replace(': ', '_').replace(' ', '_')}"
        return t(key) if t.knows(key) else _plain(name)
    if name.endswith(" to agents"):
        return t("story.end_agents")
    if len(outcomes) > 2:
        return t("story.end_any")
    known = [f"calls.outcome_{outcome}" for outcome in outcomes]
    names = [t(key) if t.knows(key) else key for key in known]
    return t("story.end", outcomes=f" {t('story.or')} ".join(names).lower())


def _ways(hows: Sequence[str], t: Tongue) -> list[str]:
    """Keys are told by themselves, kinds of answers in words; of several words for one kind, one."""
    found: dict[str, None] = {}
    for how in hows:
        known = t.knows(f"story.way_{how}")
        parts = [how] if known else how.split(", ")
        told = [t(f"story.way_{part}") if t.knows(f"story.way_{part}") else part for part in parts]
        found[", ".join(told).removeprefix("press ")] = None
    return list(found)


def _plain(name: str) -> str:
    return name.replace("_", " ")
