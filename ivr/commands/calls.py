"""`ivr calls`: calls that ended, as supervisors look for them."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from domain import debts, reindexing
from domain.findings import BadCursor, BadQuery, Found, Page, PersonalQuery, read, search
from domain.model import Language, Outcome
from ivr.commands.business import opened, where
from ivr.commands.calls_export import export
from ivr.commands.output import console, fail
from ivr.console.indexer import Indexer
from ivr.console.turns import Turns

WHY = {
    "number": "it takes a number in full, or its last four digits",
    "account": "an account has ten digits",
    "words": "there is no word in it",
    "many": "too many words",
    "order": "it ends before it begins",
    "zone": "it has no time zone",
    "unknown": "it can't be read",
}


@click.group()
def calls() -> None:
    """Calls that ended: look for them, export them, bring their index up to date."""


calls.add_command(export)


@calls.command("search")
@click.option("--number", help="The caller's, in full or the last four digits; needs --clear.")
@click.option("--account", help="It was about this account; needs --clear.")
@click.option("--since", type=click.DateTime(), help="It began then or later (UTC).")
@click.option("--until", type=click.DateTime(), help="It began before (UTC).")
@click.option(
    "--flow", "flows", multiple=True, help="It went through this flow or part; may be repeated, as the next."
)
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice([str(each) for each in Outcome]))
@click.option("--language", "languages", multiple=True, type=click.Choice([str(each) for each in Language]))
@click.option("--dialled", multiple=True, help="The number that was dialled.")
@click.option("--words", help="Words that were told, in any form.")
@click.option("--shortest", type=click.IntRange(0), help="Seconds.")
@click.option("--longest", type=click.IntRange(0), help="Seconds.")
@click.option("--doubt/--no-doubt", default=None, help="Something was doubtful in it.")
@click.option("--gave-up/--no-gave-up", default=None, help="A question was given up.")
@click.option("--transferred/--no-transferred", default=None, help="It was handed over to people.")
@click.option("--complaint/--no-complaint", default=None, help="A complaint was made in it.")
@click.option("--masked/--clear", default=True, help="Numbers hidden (the default), or in clear: the right of few.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many, newest first.")
@click.option("--after", help="The next page: what the page before printed.")
@click.option("--json", "as_json", is_flag=True, help="For another program.")
@where
def find(
    config: Path | None, data: Path | None, masked: bool, limit: int, after: str | None, as_json: bool, **asked: Any
) -> None:
    """Look for calls that ended, those that began last first."""
    with opened(config, data) as store:
        try:
            query = read({name: _written(value) for name, value in asked.items() if value not in (None, ())})
            page = store.read(
                lambda conn: search(conn, query, personal=not masked, after=after, limit=limit)
            ).result()
        except BadQuery as fault:
            fail(f"--{fault.field.replace('_', '-')}: {WHY[fault.why]}", 2)
        except PersonalQuery as fault:
            fail(f"{fault}: add --clear if you may", 2)
        except BadCursor as fault:
            fail(f"--after: {fault}", 2)
    if as_json:
        click.echo(json.dumps(_page(page), ensure_ascii=False, indent=2))
    else:
        _show(page)


@calls.command("index")
@click.option("--all", "anew", is_flag=True, help="Build the whole index anew; meanwhile calls are missing from it.")
@where
def index(anew: bool, config: Path | None, data: Path | None) -> None:
    """Bring the index of calls up to date.  `ivr console` does so by itself, all the time."""
    with opened(config, data) as store:
        if anew:
            count = reindexing.anew(lambda job: store.write(job).result())  # the store rests between its steps
            console.print(f"{count:,} calls are owed")
        done = 0
        while store.read(debts.count).result():
            some = asyncio.run(Indexer(store, Turns(store)).once())
            done += some
            if not some:
                break
    console.print(f"{done:,} calls indexed")


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat()
    return list(value) if isinstance(value, tuple) else value


def _page(page: Page) -> dict[str, Any]:
    return {
        "count": page.count,
        "after": page.after,
        "owed": page.owed,
        "calls": [_call(each) for each in page.calls],
    }


def _call(each: Found) -> dict[str, Any]:
    found = {name: getattr(each, name) for name in each.__slots__}
    return {**found, "began": each.began.isoformat()}


def _show(page: Page) -> None:
    table = Table("Began (UTC)", "s", "Caller", "Accounts", "Flows", "Language", "Outcome", "Doubts", "Call")
    for each in page.calls:
        table.add_row(*map(Text, _row(each)))
    console.print(table)
    console.print(f"{page.count:,} found", markup=False)
    if page.owed:
        console.print(f"{page.owed:,} calls are not indexed yet, or not as they are now: ivr calls index")
    if page.after:
        console.print(f"the next ones: --after {page.after}", markup=False)


def _row(each: Found) -> Sequence[str]:
    return (
        f"{each.began:%Y-%m-%d %H:%M:%S}", str(each.seconds), each.caller or "withheld", " ".join(each.accounts),
        " ".join(each.flows), str(each.language), str(each.outcome), str(each.doubts or ""), each.call,
    )  # fmt: skip
