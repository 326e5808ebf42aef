"""`ivr check` and `ivr map`: what can be proved of the conversations before anyone dials, and what they look like."""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import click

from domain.model import Began
from flows import FLOWS
from flows.worlds import NOTICES, SHOWN, TOLD, WITHHELD, world
from ivr.commands.output import console, fail
from ivr.commands.pages import between
from ivr.dialog.chart import charts
from ivr.dialog.chart import drawn as charts_of
from ivr.dialog.explore import explore
from ivr.dialog.map import Map
from ivr.dialog.proof import problems
from prompts import Catalogue
from prompts.checker import check as check_prompts

MAP_OF = "<!-- map of {} -->"
END = "<!-- end of map -->"
PARTS_OF = "<!-- parts of {} -->"
END_OF_PARTS = "<!-- end of parts -->"


@click.command()
def check() -> None:
    """Hold every conversation that can be held; report dead ends, missing words and sounds, broken promises."""
    catalogue = Catalogue.load()
    complaints = [str(problem) for problem in check_prompts(catalogue)]
    for name, flow in FLOWS.items():
        for began, told in product((WITHHELD, SHOWN), TOLD[name]):
            found = explore(flow, began, world, told=told)
            complaints += problems(found, notice=NOTICES.get(name, "notice"))
            complaints += missing_words(catalogue, found.prompts())
            known = ["number shown" if began.caller else "number withheld", *map(" ".join, told.items())]
            console.print(
                f"{name}, {', '.join(known)}: {found.moments} moments, {found.steps} ways on, none left untried"
            )
    if complaints:
        fail("\n".join(complaints))
    console.print("no dead end; people within reach from every question; every prompt in every language")


def missing_words(catalogue: Catalogue, said: dict[str, set[str]]) -> list[str]:
    """Prompts that a flow says and a catalogue doesn't have, or with other places than the flow fills."""
    found: list[str] = []
    for prompt, given in sorted(said.items()):
        for language in catalogue.texts:
            if prompt not in catalogue.texts[language]:
                found.append(f"{prompt} has no text in {language}")
            elif lacking := catalogue.places(prompt, language) - given:
                found.append(f"{prompt} in {language} wants {', '.join(sorted(lacking))}, which no flow gives it")
    return found


@click.command("map")
@click.argument("flow", type=click.Choice(sorted(FLOWS)), default="main_menu")
@click.option("--parts", is_flag=True, help="Of every part of the conversation, too.")
@click.option("--json", "as_json", is_flag=True, help="Of all conversations and parts, as the console draws them.")
@click.option(
    "--write", type=click.Path(path_type=Path, exists=True), help="Renew the map in this Markdown (or JSON) file."
)
def draw(flow: str, parts: bool, as_json: bool, write: Path | None) -> None:
    """Draw a conversation as a Mermaid diagram, from the code."""
    if as_json:
        told = in_json(maps())
        write.write_text(told, "utf-8") if write else click.echo(told, nl=False)
        return
    drawn = charts(explore(FLOWS[flow], SHOWN, world))
    if write is None:
        click.echo(sections(drawn) if parts else next(iter(drawn.values())))
        return
    try:
        text = write.read_text("utf-8")
        write.write_text(renewed_parts(text, flow, drawn) if parts else renewed(text, flow, drawn), "utf-8")
    except (OSError, ValueError) as fault:
        fail(f"{write}: {fault}")


def beginnings() -> Iterator[tuple[str, Began, Mapping[str, str]]]:
    """Every way in which a conversation can begin: its name, how the call came in, what was noted before."""
    for name in FLOWS:
        for began, told in product((WITHHELD, SHOWN), TOLD[name]):
            yield name, began, told


def named(flow: str, began: Began, told: Mapping[str, str]) -> str:
    """A beginning, by name."""
    return " ".join([flow, "shown" if began.caller else "withheld", *(f"{k}={v}" for k, v in sorted(told.items()))])


def maps() -> dict[str, Any]:
    """The charts of all conversations, and of all their parts, as JSON values; takes half a minute.

    flows: the chart that each conversation begins with.  charts: by name (`Chart.data`).
    made_of: a digest of what each beginning adds, by which a test sees that they are the code's.
    """
    found = {named(*beginning): explored(*beginning) for beginning in beginnings()}
    return {
        "flows": {name: flow.__name__ for name, flow in FLOWS.items()},
        "charts": {name: chart.data() for name, chart in sorted(charts_of(found.values()).items())},
        "made_of": {name: digest(one) for name, one in found.items()},
    }


def explored(flow: str, began: Began, told: Mapping[str, str]) -> Map:
    """One beginning, explored."""
    return explore(FLOWS[flow], began, world, told=told)


def digest(found: Map) -> str:
    """Of the charts of this map."""
    data = {name: chart.data() for name, chart in sorted(charts_of([found]).items())}
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def in_json(told: Mapping[str, Any]) -> str:
    """One chart a line, so that a change is seen."""
    charts = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in told["charts"].items())
    head = json.dumps({"flows": told["flows"], "made_of": told["made_of"]}, indent=1)
    return f'{head[:-2]},\n "charts": {{\n{charts}\n }}\n}}\n'


def sections(drawn: dict[str, str]) -> str:
    """Markdown: a heading and a chart for each part."""
    return "\n\n".join(f"## {name.replace('_', ' ')}\n```mermaid\n{one}\n```" for name, one in drawn.items())


def renewed(text: str, flow: str, drawn: dict[str, str]) -> str:
    """`text` with the map of `flow` between its marks replaced.  Raises ValueError when the marks are missing."""
    whole = next(iter(drawn.values()))
    return between(text, MAP_OF.format(flow), END, f"```mermaid\n{whole}\n```", "map")


def renewed_parts(text: str, flow: str, drawn: dict[str, str]) -> str:
    """The same for the maps of all parts."""
    return between(text, PARTS_OF.format(flow), END_OF_PARTS, sections(drawn), "maps of all parts")
