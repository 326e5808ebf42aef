"""A hotline on one machine: Asterisk, the store and the controller, wired by hand, started and stopped together.

Rule: an Asterisk that already runs in our run directory is taken over with its calls; that is how a controller that
was killed comes back to its callers.  The first controller of a data directory owns its Asterisk and stops it in the
end; a second one (of another name) only uses it.
"""

import asyncio
import contextlib
import fcntl
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from domain.store import Store
from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.server import AsteriskServer, configure
from ivr.service.controller import Controller, Exchange
from ivr.service.settings import BadSettings, Settings
from ivr.session import Watcher
from prompts import Catalogue

log = logging.getLogger(__name__)

SOUNDS = Path(__file__).resolve().parents[2] / "prompts" / "audio"


@dataclass(frozen=True, slots=True)
class Hotline:
    """Everything that runs.  http_port: health and figures.  running: the controller; done only when it failed."""

    settings: Settings
    server: AsteriskServer
    controller: Controller
    store: Store
    catalogue: Catalogue
    http_port: int
    running: asyncio.Task[None]

    @property
    def address(self) -> str:
        """What to dial from this machine."""
        return f"sip:hotline@{self.server.config.sip_bind}:{self.server.config.sip_port}"


@asynccontextmanager
async def exchange(
    settings: Settings,
    *,
    loopback_endpoints: bool = False,
    die_with_parent: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> AsyncIterator[AsteriskServer]:
    """An Asterisk for these settings: the one that runs already, or a new one.

    It is stopped in the end, unless `keep_asterisk`.  Raises CannotInstall, AsteriskFailed, PortTaken,
    BadSettings for what Asterisk can't have.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    run = settings.data / "exchange"
    bundle = await asyncio.to_thread(bundles.install, settings.data, progress)
    async with contextlib.AsyncExitStack() as stack:
        owner = _owns(stack.enter_context((settings.data / "exchange.lock").open("ab")))
        server = AsteriskServer.running(bundle, run)
        if server is not None:
            log.info("taking over the Asterisk that runs already (pid %s)", server.pid)
        else:
            ports = stack.enter_context(reserved.reserve())
            rtp = settings.rtp_range or (ports.rtp_first, ports.rtp_last)
            asked = {
                "sip_port": settings.sip_port or ports.sip,
                "http_port": settings.ari_port or ports.http,
                "rtp_first": rtp[0],
                "rtp_last": rtp[1],
                "loopback_endpoints": loopback_endpoints,
                "system_name": re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname()) or "hotline",
            }
            try:
                config = configure(bundle, run, sounds=SOUNDS, **{**asked, **settings.asterisk})
            except ValidationError as fault:
                raise BadSettings("\n".join(f"asterisk.{_place(e)}: {e['msg']}" for e in fault.errors())) from fault
            server = AsteriskServer(bundle, config, ports=ports, die_with_parent=die_with_parent)
            await server.__aenter__()
        try:
            yield server
        finally:
            if owner and not settings.keep_asterisk:
                await asyncio.to_thread(server.stop)


@asynccontextmanager
async def hotline(
    settings: Settings,
    server: AsteriskServer,
    *,
    watchers: Sequence[Watcher] = (),
) -> AsyncIterator[Hotline]:
    """The controller on this Asterisk, ready for calls.  It is stopped in the end, draining.

    Raises StoreFault, CatalogueError.
    """
    catalogue = Catalogue.load()
    config = server.config
    with Store.open(settings.store_url) as store:
        controller = Controller(
            settings,
            Exchange(config.ari_url, config.ari_user, config.ari_password.get_secret_value(), config.spool),
            store,
            catalogue,
            watchers,
        )
        running = asyncio.create_task(controller.run())
        port = settings.http_port or _free_port()
        http: asyncio.Task[None] | None = None
        try:
            ready = asyncio.create_task(controller.ready())
            await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                ready.cancel()
                await running  # says why
            await ready
            http = asyncio.create_task(controller.serve_http(port))
            yield Hotline(settings, server, controller, store, catalogue, port, running)
        finally:
            controller.stop()
            await asyncio.gather(running, return_exceptions=True)
            if http is not None:
                http.cancel()
                await asyncio.gather(http, return_exceptions=True)


def _owns(lock: IO[bytes]) -> bool:
    """Whether nobody else has the exchange of this data directory; the kernel frees the lock of who was killed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"])


def _free_port() -> int:
    """A TCP port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
