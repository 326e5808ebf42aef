"""`ivr audit`: who of the staff did what, and whether the list of it is whole.

The list is a chain of hashes (domain.trail).  `ivr audit head` prints the number and hash of its last row: keep it
where nobody of this machine can write; `ivr audit verify --head N:HASH` then proves that nothing before it was
changed, removed, or put in since.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from domain import trail
from domain.trail import Entry, Fault, Head
from ivr.commands.keeping import at_the_store
from ivr.commands.output import complain, console
from ivr.commands.up import settings_from

Url = Callable[[], str]

FOUND = {
    Fault.CHANGED: "row {at} is not what it was when it was written, or stands behind another row than then",
    Fault.GAP: "rows are missing before row {at}",
    Fault.CUT: "rows are missing at the end: there was a row {at}",
    Fault.REWRITTEN: "row {at} is another one than when its hash was kept: the list was written anew",
}


class _Head(click.ParamType):
    """`N:HASH`."""

    name = "n:hash"

    def convert(self, value: Any, param: Any, ctx: Any) -> Head:
        try:
            return value if isinstance(value, Head) else Head.read(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


@click.group("audit")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.pass_context
def audit(context: click.Context, config: Path | None, data: Path | None) -> None:
    """Who did what, as a list that can be proven whole."""
    context.obj = lambda: settings_from(config, data=data).store_url


@audit.command("verify")
@click.option("--head", "heads", type=_Head(), multiple=True, help="A row that was kept elsewhere; more than once.")
@click.pass_obj
def verify(url: Url, heads: tuple[Head, ...]) -> None:
    """Walk the whole chain; status 1 and the first broken row when it is not whole."""
    verdict = at_the_store(url(), lambda store: store.read(lambda conn: trail.verify(conn, *heads)))
    if verdict.fault is not None:
        complain(
            f"the trail is broken: {FOUND[verdict.fault].format(at=verdict.at)}; rows 1 to {verdict.rows} are whole"
        )
        sys.exit(1)
    kept = f", through {len(heads)} kept heads" if heads else "; without a kept head rows cut off the end don't show"
    console.print(f"whole: {verdict.rows} rows{kept}")
    click.echo(str(verdict.head))


@audit.command("head")
@click.pass_obj
def head(url: Url) -> None:
    """Number and hash of the last row, to be kept elsewhere."""
    click.echo(str(at_the_store(url(), lambda store: store.read(trail.head))))


@audit.command("show")
@click.option("--who", help="A login, or cli:USER.")
@click.option("--what", help="thing.done, or thing for all that was done to such.")
@click.option("--of", help="What it was done to: a call, a login ...")
@click.option("--since", type=click.DateTime(), help="UTC.")
@click.option("--until", type=click.DateTime(), help="UTC, exclusive.")
@click.option("--last", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many rows.")
@click.pass_obj
def show(
    url: Url, who: str | None, what: str | None, of: str | None, since: datetime | None, until: datetime | None,
    last: int,
) -> None:  # fmt: skip
    """The last rows, the newest at the end."""
    rows = at_the_store(
        url(),
        lambda store: store.read(
            lambda conn: trail.page(conn, who=who, what=what, of=of, since=_utc(since), until=_utc(until), size=last)
        ),
    )
    for row in reversed(rows):
        click.echo(line(row))


def line(row: Entry) -> str:
    """A row as one line, without anything that would move a terminal's cursor."""
    said = [f"{row.n} {row.at:%Y-%m-%d %H:%M:%S} {row.who} {row.what}"]
    said += [f"of {row.of}"] if row.of else []
    said += [f"because {row.reason!r}"] if row.reason else []
    said += [f"{name}={value}" for name, value in row.details.items()]
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(said))


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
