"""`ivr announce`: what callers hear before the menu, switched on and off by a supervisor."""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from domain import duties
from domain.desk import SwitchOff, SwitchOn
from domain.rules import HOME
from ivr.commands.business import do, opened, where
from ivr.commands.output import console, fail
from prompts import Catalogue, CatalogueError


@click.group()
def announce() -> None:
    """Announcements that callers hear before the menu."""


@announce.command("on")
@click.argument("prompt")
@click.option("--region", help="Only for callers of this region; default: for all.")
@click.option("--until", metavar="HH:MM", help="Local time; what callers are told, and when it goes off by itself.")
@where
def on(prompt: str, region: str | None, until: str | None, config: Path | None, data: Path | None) -> None:
    """Switch PROMPT on: a prompt of the catalogue that was rendered in every language.

    One that was on for the same callers is replaced.  --until in the past means tomorrow; YYYY-MM-DDTHH:MM says
    which day.
    """
    end = _moment(until, datetime.now(UTC)) if until else None
    if wrong := _unspeakable(prompt):
        fail(wrong, 2)
    with opened(config, data) as store:
        number = do(store, SwitchOn(prompt, region, end))
    console.print(f"announcement {number} is on: {prompt}, {_whom(region)}, {_end(end)}", markup=False)


@announce.command("off")
@click.argument("number", type=int)
@where
def off(number: int, config: Path | None, data: Path | None) -> None:
    """Switch the announcement of this NUMBER off (`ivr announce list`)."""
    with opened(config, data) as store:
        do(store, SwitchOff(number))
    console.print(f"announcement {number} is off")


@announce.command("list")
@where
def show(config: Path | None, data: Path | None) -> None:
    """What callers hear now, in the order in which they hear it."""
    now = datetime.now(UTC)
    with opened(config, data) as store:
        standing = store.read(lambda conn: duties.announcements_on(conn, now)).result()
    if not standing:
        console.print("nothing is announced; ivr announce on PROMPT")
        return
    table = Table("Number", "Prompt", "For", "Until", "On since", "By")
    for each in standing:
        since = f"{each.on_at.astimezone(HOME):%d.%m. %H:%M}"
        cells = (str(each.id), each.prompt, _whom(each.region), _end(each.until), since, each.on_by)
        table.add_row(*map(Text, cells))
    console.print(table)


def _moment(text: str, now: datetime) -> datetime:
    """The next time that a clock in Kyiv shows this, or the very minute; ends the command when it is neither."""
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text):
            here = now.astimezone(HOME)
            hour, _, minute = text.partition(":")
            meant = here.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
            return (meant if meant > here else meant + timedelta(days=1)).astimezone(UTC)
        return datetime.fromisoformat(text).replace(tzinfo=HOME).astimezone(UTC)
    except ValueError:
        fail(f"--until {text}: a time is HH:MM, or YYYY-MM-DDTHH:MM, as clocks in Kyiv show it", 2)


def _unspeakable(prompt: str) -> str | None:
    """Why this prompt can't be announced."""
    try:
        catalogue = Catalogue.load()
    except CatalogueError as fault:
        return str(fault)
    known = set[str]().union(*catalogue.texts.values())
    if prompt not in known:
        close = get_close_matches(prompt, sorted(known), n=3)
        meant = f"; did you mean {' or '.join(close)}?" if close else ""
        return f"no prompt is called {prompt!r}{meant} Write it into prompts/catalogue and run `ivr prompts render`"
    for language, texts in catalogue.texts.items():
        if prompt not in texts:
            return f"{prompt} has no text in {language}: callers of that language would hear nothing"
        if strange := catalogue.places(prompt, language) - {"until"}:
            return f"{prompt} is no announcement: in {language} it has places ({', '.join(sorted(strange))})"
    return None


def _whom(region: str | None) -> str:
    return f"callers of {region}" if region else "all callers"


def _end(until: datetime | None) -> str:
    return f"until {until.astimezone(HOME):%d.%m. %H:%M}" if until else "until it is switched off"
