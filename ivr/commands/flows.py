"""`ivr check` and `ivr map`: what can be proved of the conversations before anyone dials, and what they look like."""

from itertools import product
from pathlib import Path

import click

from flows import FLOWS
from flows.worlds import NOTICES, SHOWN, TOLD, WITHHELD, world
from ivr.commands.output import console, fail
from ivr.commands.pages import between
from ivr.dialog.chart import charts
from ivr.dialog.explore import explore
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
@click.option("--write", type=click.Path(path_type=Path, exists=True), help="Renew the map in this Markdown file.")
def draw(flow: str, parts: bool, write: Path | None) -> None:
    """Draw a conversation as a Mermaid diagram, from the code."""
    drawn = charts(explore(FLOWS[flow], SHOWN, world))
    if write is None:
        click.echo(sections(drawn) if parts else next(iter(drawn.values())))
        return
    try:
        text = write.read_text("utf-8")
        write.write_text(renewed_parts(text, flow, drawn) if parts else renewed(text, flow, drawn), "utf-8")
    except (OSError, ValueError) as fault:
        fail(f"{write}: {fault}")


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
