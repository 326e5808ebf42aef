"""`ivr policy`: rules that change by decree, as the operator keeps them."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from domain import policies
from domain.policies import MalformedPolicy
from domain.policy import ALWAYS, KINDS, AnyRow
from domain.rules import local_day
from ivr.commands.business import opened, where
from ivr.commands.output import console, fail

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def policy() -> None:
    """Rules that change by decree: windows, deadlines, hours, holidays."""


@policy.command("list")
@click.option("--kind", type=click.Choice(sorted(KINDS)), help="Only rules of this kind.")
@click.option("--on", "on_", type=_DAY, help="As they hold on this day; default: today.")
@click.option("--all", "all_", is_flag=True, help="Those too that don't hold any more, or not yet.")
@where
def show(kind: str | None, on_: datetime | None, all_: bool, config: Path | None, data: Path | None) -> None:
    """What holds, since when, and which paragraph says so."""
    day = on_.date() if on_ else local_day(datetime.now(UTC))
    with opened(config, data) as store, _readable():
        book = store.read(policies.load).result()
    rows = [row for row in (book.rows if all_ else book.at(day)) if kind in (None, row.terms.kind)]
    table = Table("Kind", "Of", "Since", "Terms", "Source")
    for row in rows:
        cells = (row.terms.kind, row.terms.key, _since(row), policies.dumped(row.terms), row.source)
        table.add_row(*map(Text, cells))
    console.print(table)


@policy.command("enter")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.argument("since", type=_DAY)
@click.argument("terms")
@click.option("--source", required=True, help="The paragraph or decree that says so.")
@where
def enter(kind: str, since: datetime, terms: str, source: str, config: Path | None, data: Path | None) -> None:
    """Put TERMS in force from SINCE (YYYY-MM-DD) on; TERMS is JSON, as `ivr policy list` shows it.

    Nothing is ever changed: a row of the same kind, key and day replaces the earlier one from now on.

    \b
    ivr policy enter window 2027-01-01 '{"before": 3, "after": 3}' --source "Code, 8.6.3, six days"
    """
    now = datetime.now(UTC)
    with opened(config, data) as store, _readable():
        parsed = policies.parsed(kind, terms, f"the terms for {kind} from {since.date()}")
        number = store.write(lambda conn: policies.enter(conn, kind, since.date(), parsed, source, now)).result()
        book = store.read(policies.load).result()
    console.print(f"policy {number} is entered: {kind} {parsed.key} from {since.date()}: {terms}", markup=False)
    today = local_day(now)
    if since.date() > today:
        console.print(f"until then this holds: {_standing(book.at(today), parsed)}", markup=False)


@contextmanager
def _readable() -> Generator[None]:
    """Within it a rule that can't be read becomes a message."""
    try:
        yield
    except MalformedPolicy as malformed:
        fail(str(malformed), 2)


def _standing(rows: tuple[AnyRow, ...], terms: Any) -> str:
    found = (row for row in rows if (row.terms.kind, row.terms.key) == (terms.kind, terms.key))
    return next((policies.dumped(row.terms) for row in found), "nothing")


def _since(row: AnyRow) -> str:
    return "always" if row.since == ALWAYS else str(row.since)
