"""What the commands that do business with the store share: its options, how it is opened, who is at the keyboard."""

import getpass
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from domain.commands import Command
from domain.desk import DeskRefusal
from domain.handlers import Unanswerable, perform
from domain.store import Connection, Store, StoreFault
from ivr.commands.output import fail
from ivr.commands.up import settings_from

BESIDE_A_HOTLINE = 3.0
"""How long these rest after each transaction, in times as long as it took: callers come first."""

T = TypeVar("T")


def where(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which hotline is meant."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml."),
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept."),
    ):
        command = option(command)
    return command


@contextmanager
def opened(config: Path | None, data: Path | None) -> Generator[Store]:
    """The hotline's store, beside the controllers that use it; faults that people can mend become messages."""
    settings = settings_from(config, data=data)
    try:
        with Store.open(settings.store_url, busy=30.0, rest=BESIDE_A_HOTLINE) as store:
            yield store
    except StoreFault as fault:
        fail(str(fault))


def do(store: Store, command: Command[T]) -> T:
    """Do it in the name of whoever is at the keyboard; what can't be done becomes a message."""
    now = datetime.now(UTC)

    def job(conn: Connection) -> T:
        return perform(conn, command, call=None, seq=None, at=now, by=who())

    try:
        return store.write(job).result()
    except (DeskRefusal, Unanswerable) as refusal:
        fail(str(refusal))


def who() -> str:
    """Who is at the keyboard, for the trail."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (OSError, KeyError):  # an account of the system without a name
        return "the command line"
