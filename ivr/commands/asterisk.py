"""`ivr asterisk`: get an Asterisk, look at the one that runs, and end it."""

import fcntl
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, NoReturn

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ivr.asterisk import bundle as bundles
from ivr.asterisk.server import AsteriskServer
from ivr.commands.output import console, fail
from ivr.service.settings import BadSettings, Settings, load

NOT_RUNNING: Final = 3
"""Exit code of `status` when nothing runs, as the Linux Standard Base has it."""


@click.group()
def asterisk() -> None:
    """The telephone exchange underneath."""


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the settings that `ivr up` has: --config and --data, the environment, hotline.toml."""

    @click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
    @click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
    @wraps(command)
    def with_settings(config: Path | None, data: Path | None, **others: Any) -> None:
        try:
            settings = load(config, data=data)
        except BadSettings as fault:
            fail(str(fault), 2)
        command(settings, **others)

    return with_settings


@asterisk.command()
@_settings
def install(settings: Settings) -> None:
    """Find an Asterisk of at least 22.7, or unpack Debian's packages into the data directory."""
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("looking for Asterisk", total=1.0)
        try:
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = bundles.install(
                settings.data, lambda what, share: bar.update(task, description=what, completed=share)
            )
        except (bundles.CannotInstall, OSError) as fault:
            bar.stop()
            fail(str(fault))
        bar.update(task, description="done", completed=1.0)
    console.print(f"Asterisk {found.version}: {found.program}", markup=False)


@asterisk.command()
@_settings
def status(settings: Settings) -> None:
    """Tell whether an Asterisk runs for the data directory, and what it does.  Exit 0 if it runs, 3 if not."""
    server = _living(settings) or _none(settings, NOT_RUNNING)
    calls = server.calls()
    doing = "it does not answer" if calls is None else f"version {server.version()}, calls: {calls}"
    console.print(f"Asterisk runs in {server.config.run}: pid {server.pid}, {doing}", markup=False)


@asterisk.command()
@click.option(
    "--drain", type=click.FloatRange(0), help="Seconds in which calls may end; default: the setting `drain`."
)
@_settings
def stop(settings: Settings, drain: float | None) -> None:
    """End the Asterisk of the data directory in order: no new calls, the present ones to their end."""
    server = _living(settings)
    if server is None:
        console.print(f"no Asterisk runs for the data directory {settings.data}", markup=False)
        return
    if owned(settings):
        fail(f"Asterisk (pid {server.pid}) belongs to an `ivr up` that runs and would start another: end that first")
    seconds = settings.drain if drain is None else drain
    if calls := server.calls():
        console.print(f"calls: {calls}; they have {seconds:g} seconds to end", markup=False)
    server.stop(drain=seconds)
    console.print(f"Asterisk (pid {server.pid}) has ended", markup=False)


@asterisk.command("console")
@click.argument("command", nargs=-1, required=True)
@_settings
def console_(settings: Settings, command: tuple[str, ...]) -> None:
    """Ask the running Asterisk's own console, e.g. `ivr asterisk console core show channels`."""
    server = _living(settings) or _none(settings)
    console.print(server.cli(" ".join(command)), markup=False, end="")


def _living(settings: Settings) -> AsteriskServer | None:
    bundle = bundles.find(settings.data)
    return AsteriskServer.living(bundle, settings.data / "exchange") if bundle else None


def _none(settings: Settings, code: int = 1) -> NoReturn:
    fail(f"no Asterisk runs for the data directory {settings.data}", code)


def owned(settings: Settings) -> bool:
    """Whether a controller holds the lock of the exchange (see `ivr.service.hotline.exchange`)."""
    try:
        with (settings.data / "exchange.lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
