"""`ivr asterisk`: get an Asterisk, and look at the one that runs."""

from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ivr.asterisk import bundle as bundles
from ivr.asterisk.server import AsteriskServer
from ivr.commands.output import console, fail

_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="IVR_DATA",
    show_default=True,
    help="Where everything is kept.",
)


@click.group()
def asterisk() -> None:
    """The telephone exchange underneath."""


@asterisk.command()
@_data
def install(data: Path) -> None:
    """Find an Asterisk of at least 22.7, or unpack Debian's packages into the data directory."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("looking for Asterisk", total=1.0)
        try:
            found = bundles.install(data, lambda what, share: bar.update(task, description=what, completed=share))
        except bundles.CannotInstall as fault:
            bar.stop()
            fail(str(fault))
        bar.update(task, description="done", completed=1.0)
    console.print(f"Asterisk {found.version}: {found.program}")


@asterisk.command()
@click.argument("command", nargs=-1, required=True)
@_data
def console_(command: tuple[str, ...], data: Path) -> None:
    """Ask the running Asterisk's own console, e.g. `ivr asterisk console core show channels`."""
    bundle = bundles.find(data)
    server = AsteriskServer.running(bundle, data / "exchange") if bundle else None
    if server is None:
        fail(f"no Asterisk runs for the data directory {data}")
    console.print(server.cli(" ".join(command)), markup=False, end="")


asterisk.add_command(console_, "console")
