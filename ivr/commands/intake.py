"""`ivr import`: customers from CSV or Parquet files."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from domain import intake
from domain.store import Store, StoreFault
from ivr.commands.gauge import Gauge
from ivr.commands.output import complain, console, fail
from ivr.commands.up import settings_from

REFUSED: Final = 3
"""Exit code when rows were refused; everything else was imported."""


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path, dir_okay=False), nargs=-1)
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--rejected", type=click.Path(path_type=Path, dir_okay=False),
              help="The report of refused rows; default: the first file's name and .rejected.csv, here.")  # fmt: skip
@click.option("--rename", multiple=True, metavar="HEADER=COLUMN", help="What a header means; may be given again.")
@click.option("--encoding", help="Of CSV files; default: found out (UTF-8, UTF-16, Windows-1251).")
@click.option("--delimiter", help="Of CSV files; default: found out (; , tab |).")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing but the report.")
@click.option("--alone", is_flag=True, help="No hotline runs: leave no pauses for it; twice as fast.")
@click.option("--columns", is_flag=True, help="List the columns as Markdown, and end.")
def take_in(
    files: tuple[Path, ...],
    config: Path | None,
    data: Path | None,
    rejected: Path | None,
    rename: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    dry_run: bool,
    alone: bool,
    columns: bool,
) -> None:
    """Import customers: accounts, addresses, meters, registers, readings, callers' numbers (docs/import.md).

    The rows of an account may be spread over the files.  An account with a wrong row is reported and left out,
    everything else is imported.  Doing it again adds nothing twice; what was cut off is completed so.

    Exit code: 0 everything is imported; 3 some rows were refused, see the report; 2 a file or a setting can't be
    used, nothing was imported; 1 the store or the disk failed half-way: mend it and import again.
    """
    if columns:
        click.echo(intake.table())
        return
    if not files:
        raise click.UsageError("name at least one file")
    if any("=" not in each for each in rename):
        raise click.UsageError("--rename needs HEADER=COLUMN")
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise click.UsageError("--delimiter is one sign")
    settings = settings_from(config, data=data)
    report = rejected or Path(f"{files[0].stem}.rejected.csv")
    try:
        renamed = dict(each.rsplit("=", 1) for each in rename)
        sources = [intake.source(f, encoding=encoding, delimiter=delimiter, renamed=renamed) for f in files]
    except intake.BadFile as fault:
        fail(str(fault), 2)
    for source in sources:
        console.print(f"{source.path}: {source.told}; columns {', '.join(source.header.named)}", markup=False)
        if source.header.unknown:
            complain(f"{source.path.name}: passed over, no column of ours: {', '.join(source.header.unknown)}")
    began = time.monotonic()
    try:
        with Store.open(settings.store_url, busy=60.0) as store, Gauge(console) as gauge:
            at = datetime.now(UTC)
            summary = intake.take_in(
                store, sources, at=at, report=report, tell=gauge.tell, folder=_folder(settings.data), dry=dry_run,
                alone=alone,
            )  # fmt: skip
    except KeyboardInterrupt:
        fail("stopped; what was imported stays: import the same files again to complete it", 130)
    except (StoreFault, intake.BadFile, OSError) as fault:
        fail(f"{fault}\nwhat was imported stays: mend this and import the same files again to complete it")
    _show(summary, report, time.monotonic() - began, dry_run)
    if summary.refused_rows:
        raise SystemExit(REFUSED)


def _folder(data: Path) -> Path | None:
    return data if data.is_dir() else None


def _show(summary: intake.Summary, report: Path, seconds: float, dry: bool) -> None:
    counts = summary.counts
    same = counts.accounts - counts.new - counts.changed
    said = "would be imported" if dry else "imported"
    console.print(
        f"\n{summary.rows:,} rows in {seconds:.1f} s; {counts.accounts:,} accounts {said}: "
        f"{counts.new:,} new, {counts.changed:,} changed, {same:,} as they were"
    )
    console.print(
        f"added: {counts.meters:,} meters, {counts.registers:,} registers, {counts.readings:,} readings, "
        f"{counts.numbers:,} callers' numbers; meters taken down: {counts.removed:,}"
    )
    if summary.refused_rows:
        complain(
            f"{summary.refused_rows:,} rows of {summary.rows:,} were refused, {summary.refused_accounts:,} accounts; "
            f"why, row by row, is in {report}"
        )
