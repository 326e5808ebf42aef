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
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from domain.store import Store
from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.ports import PortTaken
from ivr.asterisk.server import AsteriskFailed, AsteriskServer, configure
from ivr.service.controller import Controller, Exchange
from ivr.service.settings import BadSettings, Settings
from ivr.service.speech import Recognition
from ivr.session import Watcher
from prompts import Catalogue, CatalogueError

log = logging.getLogger(__name__)

LONGEST_LOCK = 2.0
"""Seconds that a call waits for a store that another process keeps locked, before the caller is told something."""

SOUNDS = Path(__file__).resolve().parents[2] / "prompts" / "audio"


@dataclass(frozen=True, slots=True)
class Hotline:
    """Everything that runs.  http_port: health and figures.  running: the controller; done only when it failed."""

    settings: Settings
    server: AsteriskServer
    controller: Controller
    store: Store
    catalogue: Catalogue
    recognition: Recognition
    http_port: int
    running: asyncio.Task[None]

    @property
    def address(self) -> str:
        """What to dial from this machine."""
        return f"sip:hotline@{self.server.config.sip_bind}:{self.server.config.sip_port}"

    async def until(self, asked: asyncio.Event) -> None:
        """Return when `asked` to end.  Raises what ended the controller, or AsteriskFailed when Asterisk is no more;
        every call is concluded then."""
        asking = asyncio.create_task(asked.wait())
        died = asyncio.create_task(_death_of(self.server))
        try:
            await asyncio.wait({self.running, asking, died}, return_when=asyncio.FIRST_COMPLETED)
            if self.running.done():
                await self.running  # it never ends by itself but to say what is wrong
            if died.done():
                self.controller.switchboard.exchange_died()
                raise AsteriskFailed(f"Asterisk ended by itself; start us again.\n{self.server.last_words()}")
        finally:
            asking.cancel()
            died.cancel()


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
    BadSettings for what Asterisk can't have, and for a second controller of this name.
    """
    _make(settings.data)
    run = settings.data / "exchange"
    bundle = await asyncio.to_thread(bundles.install, settings.data, progress)
    async with contextlib.AsyncExitStack() as stack:
        if not _owns(stack.enter_context((settings.data / f"controller-{settings.name}.lock").open("ab"))):
            raise BadSettings(
                f"a controller named {settings.name!r} runs already on {settings.data}: end it first, or give "
                "this one another data directory (--data DIR), or another name (IVR_NAME) to share it"
            )
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
        tidying = asyncio.create_task(server.keep_logs_short())
        try:
            yield server
        finally:
            tidying.cancel()
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

    Raises StoreFault, CatalogueError, PortTaken.
    """
    catalogue = Catalogue.load()
    if lacking := catalogue.lacking():
        raise CatalogueError(f"{len(lacking)} prompts have no sound, e.g. {lacking[0]}: run `ivr prompts render`")
    config = server.config
    recognition = Recognition(settings, SOUNDS)
    with Store.open(settings.store_url, busy=LONGEST_LOCK) as store, _listening(settings.http_port) as listening:
        controller = Controller(
            settings,
            Exchange(config.ari_url, config.ari_user, config.ari_password.get_secret_value(), config.spool),
            store,
            catalogue,
            watchers,
            recognition,
        )
        running = asyncio.create_task(controller.run())
        http: asyncio.Task[None] | None = None
        try:
            ready = asyncio.create_task(controller.ready())
            await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                ready.cancel()
                await running  # says why
            await ready
            recognition.start()  # only now: callers who wait for a controller to come back don't wait for it
            http = asyncio.create_task(controller.serve_http(listening))
            port = listening.getsockname()[1]
            yield Hotline(settings, server, controller, store, catalogue, recognition, port, running)
        finally:
            controller.stop()
            await asyncio.gather(running, return_exceptions=True)
            await recognition.close()
            if http is not None:
                http.cancel()
                await asyncio.gather(http, return_exceptions=True)


def _make(data: Path) -> None:
    """The data directory, where it isn't there.  Raises BadSettings when it can't be written to."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as fault:
        raise BadSettings(
            f"data: {data} can't be written to ({fault.strerror}): name another directory (--data DIR, IVR_DATA)"
        ) from fault


def _owns(lock: IO[bytes]) -> bool:
    """Whether nobody else has the exchange of this data directory; the kernel frees the lock of who was killed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"])


async def _death_of(server: AsteriskServer) -> None:
    """Return when the Asterisk process is no more."""
    while server.alive():  # noqa: ASYNC110  another process, perhaps not our child
        await asyncio.sleep(0.5)


@contextlib.contextmanager
def _listening(port: int | None) -> Iterator[socket.socket]:
    """A socket that listens on loopback, on a free port when none is wanted.  Raises PortTaken."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port or 0))
        except OSError as fault:
            advice = f"TCP port {port} for health and figures can't be had ({fault.strerror}): set http_port"
            raise PortTaken(advice) from fault
        listening.listen(64)
        yield listening
