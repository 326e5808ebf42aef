"""`ivr prompts`: what the package `prompts` does by itself, and what needs a hotline's store or its conversations."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from domain import wording
from domain.model import Language
from domain.rules import HOME
from domain.store import Connection
from domain.wording import NoSuchVersion, State, Version, WordingRefusal
from ivr.commands.business import opened, where, who
from ivr.commands.output import console, fail
from prompts import Catalogue
from prompts.command import prompts
from prompts.workshop import LEGAL

__all__ = ["prompts"]

LANGUAGES = [language.value for language in Language]


@prompts.command("versions")
@click.argument("prompt", required=False)
@click.option("--language", type=click.Choice(LANGUAGES), default="uk", show_default=True)
@where
def versions(prompt: str | None, language: str, config: Path | None, data: Path | None) -> None:
    """What was changed in the console: of PROMPT, or the newest versions of all prompts."""

    def job(conn: Connection) -> list[Version]:
        return list(wording.history(conn, prompt, Language(language)) if prompt else wording.latest(conn))

    with opened(config, data) as store:
        found = store.read(job).result()
    if not found:
        console.print("nothing was changed: callers hear what is shipped")
        return
    table = Table("Version", "Prompt", "State", "Made", "By", "Undoes", "Says")
    for each in found:
        made = f"{each.made_at.astimezone(HOME):%d.%m.%Y %H:%M}"
        says = each.texts.text or ("a recording" if each.clips else "as shipped")
        undoes = str(each.undoes or "")
        cells = (str(each.id), f"{each.language}/{each.prompt}", each.state, made, each.made_by, undoes, says)
        table.add_row(*map(Text, cells))
    console.print(table)


@prompts.command("undo")
@click.argument("prompt")
@click.option("--language", type=click.Choice(LANGUAGES), default="uk", show_default=True)
@click.option("--to", type=int, help="This version instead of the one before.")
@click.option("--shipped", is_flag=True, help="The words that are shipped instead.")
@click.option("--reason", help="Why; kept with the version and in the trail.")
@click.option("--legal", is_flag=True, help="Yes, the notice of the recording too.")
@where
def undo(
    prompt: str,
    language: str,
    to: int | None,
    shipped: bool,
    reason: str | None,
    legal: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Let callers hear what they heard before the last change of PROMPT; from the next call on."""
    if prompt in LEGAL and not legal:
        fail(f"{prompt} tells callers that they are recorded, as the law wants it: say --legal if you mean it", 2)
    now, tongue = datetime.now(UTC), Language(language)

    def job(conn: Connection) -> Version:
        back = None if shipped else to or wording.before(wording.history(conn, prompt, tongue))
        made = wording.undo(conn, prompt, tongue, to=back, by=who(), at=now, reason=reason)
        return wording.of(conn, made)

    with opened(config, data) as store:
        try:
            made = store.write(job).result()
        except (WordingRefusal, NoSuchVersion) as refusal:
            fail(str(refusal))
    says = made.texts.text or Catalogue.load().texts[language].get(prompt, {}).get("text", "as shipped")
    assert made.state is State.LIVE
    console.print(f"version {made.id} undoes {made.undoes}; callers hear: {says}", markup=False)


@prompts.command("uses")
@click.option("--write", is_flag=True, help="Renew the file that the console reads.")
def uses(write: bool) -> None:
    """Explore where each prompt is said (takes half a minute)."""
    from ivr.console.web import uses as found  # explores conversations, which no other command needs

    text = found.written()
    if not write:
        click.echo(text, nl=False)
        return
    try:
        found.FILE.write_text(text, "utf-8")
    except OSError as fault:
        fail(f"can't write {found.FILE}: {fault.strerror}")
