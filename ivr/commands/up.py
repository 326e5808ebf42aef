"""`ivr up`: the service in the foreground, for production."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from domain import demo
from domain.store import StoreFault
from ivr.asterisk.ari import ApplicationTaken
from ivr.asterisk.bundle import CannotInstall
from ivr.asterisk.ports import NoFreePorts, PortTaken
from ivr.asterisk.server import AsteriskFailed
from ivr.commands.output import console, fail, words
from ivr.service.beside import transcriber
from ivr.service.hotline import exchange, hotline
from ivr.service.keeper import keep
from ivr.service.settings import BadSettings, Settings, load
from prompts import CatalogueError

FAULTS = (
    AsteriskFailed, ApplicationTaken, CannotInstall, CatalogueError, NoFreePorts, PortTaken, StoreFault, TimeoutError,
    OSError,
)  # fmt: skip
"""What can keep a hotline from starting; each says what to do."""

log = logging.getLogger(__name__)


def common(command: Any) -> Any:
    """The options of everything that starts a hotline."""
    for option in (
        click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml."),
        click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept."),
        click.option("--sip-port", type=click.IntRange(1, 65535), help="UDP port to dial; default: a free one."),
        click.option("--http-port", type=click.IntRange(1, 65535), help="Health and figures; default: a free one."),
        click.option("--rtp-ports", metavar="A-B", help="UDP ports of the sound, two for a call; default: free."),
    ):
        command = option(command)
    return command


def settings_from(config: Path | None, **given: Any) -> Settings:
    """The settings, or the end with a message."""
    try:
        return load(config, **given)
    except BadSettings as fault:
        fail(str(fault), 2)


def run(main: Any) -> Any:
    """Run the coroutine on the fastest loop there is; faults that people can mend become messages."""
    try:
        import uvloop

        return uvloop.run(main)
    except FAULTS as fault:
        fail(words(fault))
    except BadSettings as fault:
        fail(str(fault), 2)


@click.command()
@common
@click.option("--loopback-endpoints", is_flag=True, help="Let callers on this machine dial without a trunk.")
@click.option("--demo-customers", is_flag=True, help="Put the demo customers into the store.")
def up(config: Path | None, loopback_endpoints: bool, demo_customers: bool, **given: Any) -> None:
    """Run the hotline in the foreground.

    SIGTERM and Ctrl-C stop it in order: no new calls, the present ones to their end.  A controller that dies is
    replaced at once, and its successor takes over the calls that Asterisk still holds.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = settings_from(config, **given)

    def conduct(tell_ready: Callable[[], None]) -> int:
        run(_up(settings, config, loopback_endpoints, demo_customers, tell_ready))
        return 0

    sys.exit(keep(conduct))


async def _up(
    settings: Settings,
    config: Path | None,
    loopback_endpoints: bool,
    demo_customers: bool,
    tell_ready: Callable[[], None],
) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with exchange(settings, loopback_endpoints=loopback_endpoints) as server:
        if not server.config.trunk and not (server.config.loopback_endpoints):
            log.warning("nobody can call: set a trunk (asterisk.trunk), or give --loopback-endpoints")
        async with hotline(settings, server) as house:
            if demo_customers:
                await asyncio.wrap_future(house.store.write(lambda conn: demo.load(conn, datetime.now(UTC))))
            tell_ready()
            console.print(f"ready: {house.address}; health: http://127.0.0.1:{house.http_port}/readyz")
            async with transcriber(settings, config):
                await house.until(stopped)
            log.info("stopping: %d calls in hand", house.controller.switchboard.in_hand)
