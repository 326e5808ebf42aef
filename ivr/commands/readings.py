"""`ivr readings`: closing months, explaining bills, handing over to suppliers, looking at doubtful values."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from domain import billing, handover
from domain.commands import FindAccount
from domain.desk_readings import ResolveReading, doubtful_open
from domain.placing import NotWritten
from domain.policies import MalformedPolicy
from domain.policy import NoPolicy
from domain.window import Period
from ivr.commands.business import do, opened, where
from ivr.commands.output import console, errors, fail


class _Month(click.ParamType):
    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Period:
        try:
            return Period.parse(value)
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


MONTH = _Month()


@click.group()
def readings() -> None:
    """Meter readings: closing months, explaining bills, handing over to suppliers, doubtful values."""


@readings.command("close")
@click.argument("month", type=MONTH)
@click.option("--dry-run", is_flag=True, help="Decide everything, write nothing, say what would come of it.")
@where
def close(month: Period, dry_run: bool, config: Path | None, data: Path | None) -> None:
    """Close MONTH (YYYY-MM): decide by which reading each register is billed, estimate what nobody read.

    To be run after the window.  It may be stopped and run again: it goes on where it was, and bills nothing twice.
    """
    state = None
    with opened(config, data) as store, _mendable(), _progress() as bar:
        task = bar.add_task(f"closing {month}", total=None)
        for state in billing.close(store, month, _now, dry_run=dry_run):
            bar.update(task, total=max(state.of, state.accounts), completed=state.accounts)
    if state is None:  # only a dry run of nothing says nothing
        console.print(f"{month}: there are no accounts")
        return
    did = f"was closed on {state.closed_at:%Y-%m-%d %H:%M} UTC" if state.closed_at else "would be closed"
    console.print(f"{month} {did}: registers billed by a reading {state.measured}, by an estimate {state.estimated}")
    if state.unknown:
        console.print(f"registers of which nothing is known, billed nothing: {state.unknown}")


@readings.command("explain")
@click.argument("account")
@click.argument("month", type=MONTH)
@where
def explain(account: str, month: Period, config: Path | None, data: Path | None) -> None:
    """For which readings was ACCOUNT billed in MONTH (YYYY-MM), why, and what was passed over?"""
    with opened(config, data) as store, _mendable():
        if do(store, FindAccount(account)) is None:
            fail(f"there is no account {account}", 2)
        found = store.read(lambda conn: billing.billed_for(conn, account, month)).result()
    if not found:
        console.print(f"account {account} has no meter that was there in {month}", markup=False)
    for each in found:
        what = f"meter {each.meter}, {each.zone}" + ("" if each.energy == "active" else f", {each.energy}")
        if each.reading is None:
            how = "nothing is billed"
        else:
            before = f"from {each.before.value} of {each.before.read_on}" if each.before else ""
            how = f"{each.used} {'kWh' if each.energy == 'active' else 'kvarh'}, {before} to {each.reading.value}"
        when = f"closed on {each.closed_at:%Y-%m-%d}" if each.closed_at else "not closed yet; as things stand"
        console.print(Text.assemble((what, "bold"), f": {how} ({when})"))
        console.print(f"  {each.text}", markup=False)


@readings.command("hand-over")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path("hand-over"),
              show_default=True, help="The folder from which suppliers get their files.")  # fmt: skip
@click.option("--supplier", help="Only theirs.")
@click.option("--since", type=MONTH, help="Pass over months before this one (YYYY-MM).")
@where
def hand_over(
    folder: Path, supplier: str | None, since: Period | None, config: Path | None, data: Path | None
) -> None:
    """Write files of the readings that no file has yet (docs/hand-over.md).

    To be run as often as you like.  What a former run left unfinished is finished first, in the same words.
    """
    written = 0
    with opened(config, data) as store, _mendable():
        for file in handover.hand_over(store, folder, _now, supplier=supplier, since=since):
            console.print(f"{folder / file.name}: {file.rows} readings, SHA-256 {file.sha256}", markup=False)
            written += 1
    if not written:
        console.print("there is nothing to hand over")


@readings.command("files")
@where
def files(config: Path | None, data: Path | None) -> None:
    """List the files that were handed over."""
    with opened(config, data) as store:
        found = store.read(handover.files).result()
    table = Table("Name", "Supplier", "Readings", "Written (UTC)", "SHA-256")
    for each in found:
        when = f"{each.written_at:%Y-%m-%d %H:%M}" if each.written_at else "not yet: run hand-over again"
        table.add_row(*map(Text, (each.name, each.supplier or "", str(each.rows), when, each.sha256 or "")))
    console.print(table)


@readings.command("export")
@click.argument("name")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to.")
@where
def export(name: str, folder: Path, config: Path | None, data: Path | None) -> None:
    """Write the file NAME once more as it was handed over, byte for byte."""
    with opened(config, data) as store, _mendable():
        console.print(str(handover.export(store, name, folder)), markup=False)


@readings.command("doubtful")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="So many, the oldest first."
)
@where
def doubtful(limit: int, config: Path | None, data: Path | None) -> None:
    """List doubtful readings that somebody has to look at."""
    with opened(config, data) as store:
        found = store.read(lambda conn: doubtful_open(conn, limit=limit)).result()
    table = Table("No.", "Account", "Meter", "Zone", "Keyed", "Doubt", "What was said", "Day", "By", "Receipt")
    for each in found:
        zone = each.zone if each.energy == "active" else f"{each.zone}, {each.energy}"
        cells = (
            str(each.reading), each.account, each.meter, zone, str(each.value), each.doubt, each.said or "",
            str(each.read_on), each.source, each.receipt or "",
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    console.print(table)


@readings.command("resolve")
@click.argument("number", type=int)
@click.argument("verdict", type=click.Choice(("accept", "void")))
@click.option("--because", required=True, help="What was found.")
@where
def resolve(number: int, verdict: str, because: str, config: Path | None, data: Path | None) -> None:
    """Decide about the doubtful reading NUMBER (from `ivr readings doubtful`): it is right, or counts for nothing."""
    accept = verdict == "accept"
    with opened(config, data) as store:
        copy = do(store, ResolveReading(number, accept, because))
    console.print(f"reading {number} is accepted, as reading {copy}" if accept else f"reading {number} is void")


def _now() -> datetime:
    return datetime.now(UTC)


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("accounts"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=errors)


@contextmanager
def _mendable() -> Generator[None]:
    """Within it what people can mend becomes a message."""
    try:
        yield
    except (billing.CannotClose, handover.NoSuchFile, NoPolicy, MalformedPolicy) as fault:
        fail(str(fault.args[0]), 2)
    except NotWritten as fault:
        fail(str(fault))
    except KeyboardInterrupt:
        fail("stopped; what is done is kept: run it again to go on", 130)
