"""`ivr reconcile`: proof that no call got lost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.text import Text

from domain.rules import HOME
from domain.store import Store, StoreFault
from ivr.commands.output import complain, console, fail
from ivr.commands.up import settings_from
from ivr.service.reconcile import ADVICE, Finding, Report, reconcile, worst

_DAYS: Final = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")


@click.command("reconcile")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--since", type=click.DateTime(_DAYS), help="Calls from then on, Europe/Kyiv; default: all.")
@click.option("--hashes", is_flag=True, help="Read every recording and compare its SHA-256, too.")
def prove(config: Path | None, data: Path | None, since: datetime | None, hashes: bool) -> None:
    """Compare Asterisk's own record of calls with the store, and the store with the recordings.

    Every call must have one outcome, one journal without gaps, and one recording or a reason for none; and every call
    of the store must have been one of Asterisk's.  Calls in progress are left alone.  The hotline may run.

    Exit code: 0 all is there; 1 something is not, each listed with what to do; 2 it can't be compared.
    """
    settings = settings_from(config, data=data)
    if not (settings.data / "exchange").is_dir():
        fail(f"{settings.data} has no exchange: nothing was ever started there; give --data", 2)
    try:
        with Store.open(settings.store_url) as store:
            report = reconcile(
                settings.data, store, lambda: datetime.now(UTC), tell=_show, since=_home(since), hashes=hashes
            )
    except (StoreFault, OSError) as fault:
        fail(str(fault), 2)
    _sum_up(report)
    if not report.clean:
        raise SystemExit(1)


def _home(since: datetime | None) -> datetime | None:
    return None if since is None else since.replace(tzinfo=HOME).astimezone(UTC)


def _show(finding: Finding) -> None:
    console.print(Text.assemble((f"{finding.kind}: ", "bold"), f"{finding.call}: {finding.about}"))


def _sum_up(report: Report) -> None:
    since = f"since {report.since:%Y-%m-%d %H:%M:%S} UTC" if report.since else "without a record of Asterisk's"
    console.print(
        f"{report.seen:,} calls in Asterisk's record {since}, {report.calls:,} in the store and over, "
        f"{report.in_progress:,} in progress; recordings: {report.sealed:,} sealed"
        f"{f' ({report.hashed:,} hashed)' if report.hashed else ''}, {report.erased:,} erased, "
        f"{report.failed:,} failed with a reason"
    )
    if report.before:
        console.print(f"{report.before:,} calls are older than Asterisk's record: proved by the store alone")
    for kind in worst(report.found):
        complain(f"{kind} ({report.found[kind]:,}): {ADVICE[kind]}")
    if report.clean:
        console.print("every call has its outcome, its journal, and its recording or a reason for none")
