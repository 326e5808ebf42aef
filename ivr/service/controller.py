"""The controller: takes calls, holds them, and sees to what each leaves behind.

Rules
1. Every call that we ever drove gets its outcome, also one that ended while nobody was looking: its journal is
   replayed and the caller's hang-up is answered as if it had been heard.
2. Every tape is settled (sealed, erased, or noted as missing), tried again until the disk agrees.
3. An orderly stop drains: no new calls, then the present ones to their end and their tapes settled; what is left
   after the drain stays on Asterisk, for us after the restart or for another controller.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path

from domain import calls
from domain.model import Began, Outcome
from domain.store import Connection, Store, StoreFault
from flows import FLOWS
from ivr.asterisk.ari import Ari, AriError, AriSettings, AriUnreachable
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.switchboard import Switchboard, SwitchboardSettings
from ivr.journal import Journal
from ivr.ports import Cause, Gone, Heard
from ivr.service.figures import Figures
from ivr.service.settings import Settings
from ivr.session import House, Session, Watcher
from prompts import Catalogue
from recordings import Archive, Unsettled

log = logging.getLogger(__name__)

LOOK_FOR_STRAYS = 60.0
"""Seconds between looks for tapes and calls that nobody answers for."""
RETRIES = (0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
"""Seconds between attempts to settle a tape; the last one again and again."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The Asterisk that we drive.  spool: where it writes tapes."""

    url: str
    user: str
    password: str
    spool: Path


class DeadLine:
    """The line of a caller who is long gone: whatever is waited for, it is the end of the call."""

    def __init__(self, began: Began, cause: Cause, ended: datetime) -> None:
        self.began = began
        self._gone = Gone(cause)
        self._ended = ended

    def now(self) -> float:
        return 0.0

    def date(self) -> datetime:
        return self._ended

    async def hear(self, until: float | None) -> Heard:
        return self._gone

    async def play(self, clips: Sequence[str]) -> None:
        pass

    async def hush(self) -> None:
        pass

    async def hand_over(self, to: str, because: str, language: str) -> None:
        pass

    async def hang_up(self) -> None:
        pass


class Controller:
    """One controller on one Asterisk.  `run` until cancelled; `stop` for an orderly end."""

    def __init__(
        self,
        settings: Settings,
        exchange: Exchange,
        store: Store,
        catalogue: Catalogue,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        self.figures = Figures()
        self.store = store
        self.archive = Archive(settings.data, exchange.spool, store)
        self.house = House(
            FLOWS[settings.flow],
            catalogue,
            Journal(store, settings.name),
            (self.figures, *watchers),
            settings.questions,
        )
        self._settings = settings
        self._ari = Ari(AriSettings(exchange.url, f"ivr-{settings.name}", exchange.user, exchange.password))
        self.switchboard = Switchboard(
            self._ari, self._on_call, self._on_over, SwitchboardSettings(capacity=settings.capacity)
        )
        self._hands = ThreadPoolExecutor(2, thread_name_prefix="archive")
        self._unsettled: set[str] = set()  # over, or about to be, and not in order yet
        self.news = asyncio.Event()  # set whenever a call is over and settled
        self._stopping = asyncio.Event()
        self.figures.gauge("hotline_calls_in_hand", "Calls conducted now", lambda: self.switchboard.in_hand)
        self.figures.gauge("hotline_tapes_waiting", "Tapes not settled yet", lambda: len(self.archive.waiting()))
        self.figures.gauge(
            "hotline_prompts_missing",
            "Words that could not be said",
            lambda: sum(catalogue.missing.values()),
        )
        self.figures.gauge("hotline_ready", "1 while calls are taken", lambda: float(self.switchboard.ready))

    async def run(self) -> None:
        """Conduct calls until `stop`.  Raises ApplicationTaken when another controller took our name."""
        async with self._ari:
            running = asyncio.create_task(self.switchboard.run())
            strays = asyncio.create_task(self._look_for_strays())
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    await self._drain()
            finally:
                for task in (stopping, strays, running):
                    task.cancel()
                await asyncio.gather(stopping, strays, return_exceptions=True)
                self._hands.shutdown(cancel_futures=True)
            try:
                await running
            except asyncio.CancelledError:
                if asyncio.current_task() is not None and asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise

    def stop(self) -> None:
        """Take no more calls, let the present ones end (`drain` seconds at most), and let `run` return."""
        self._stopping.set()

    async def serve_http(self, port: int) -> None:
        """Health and figures on loopback, until cancelled."""
        # Imported only now: callers who wait for a controller to come back don't wait for its dashboards.
        uvicorn, console = await asyncio.to_thread(lambda: (import_module("uvicorn"), import_module("ivr.console")))
        app = console.application(self.store, self.figures.registry, lambda: self.switchboard.ready)
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are the owner's
        await server.serve()

    async def ready(self, patience: float = 30.0) -> None:
        """Return when a call would be taken.  Raises TimeoutError after `patience` seconds."""
        async with asyncio.timeout(patience):
            while not self.switchboard.ready:  # noqa: ASYNC110  it is a judgement on ages, not an event
                await asyncio.sleep(0.02)

    async def settled(self, call: str, patience: float = 30.0) -> None:
        """Return when this call is over and its tape settled.  Raises TimeoutError after `patience` seconds."""
        async with asyncio.timeout(patience):
            while True:
                self.news.clear()
                record = await asyncio.wrap_future(self.store.read(lambda c: calls.recording(c, call)))
                if call not in self._unsettled and record is not None and record.state != "recording":
                    return
                await self.news.wait()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._settings.drain):
                await self.switchboard.drain()
                while self._unsettled:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            log.warning("%d calls are left to the next controller", self.switchboard.in_hand)

    # One call

    async def _on_call(self, line: AsteriskLine, adopted: bool) -> bool:
        ending = await Session(self.house, line).run(adopted=adopted)
        if ending is not None and ending.to is None:
            self._unsettled.add(line.began.call)  # its channel ends any moment now
        return ending is not None

    async def _on_over(self, call: str, cause: Cause, at: datetime) -> None:
        """The call is over for good: see that it has its outcome, and settle its tape."""
        self._unsettled.add(call)
        try:
            await self._conclude(call, cause, at)
            for attempt in range(1_000_000):
                if await self._settle(call, at):
                    return
                await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])
        finally:
            self._unsettled.discard(call)
            self.news.set()

    async def _conclude(self, call: str, cause: Cause, at: datetime) -> None:
        """A call without an outcome gets the one that its journal leads to."""
        try:
            record = await asyncio.wrap_future(self.store.read(lambda c: calls.one(c, call)))
            if record is None:
                await asyncio.wrap_future(self.store.write(lambda c: _never_taken(c, call, at)))
            elif record.outcome is None:
                log.info("call %s ended while nobody was looking", call)
                await Session(self.house, DeadLine(record.began, cause, at)).run(adopted=True)
        except StoreFault as fault:
            log.critical("call %s has no outcome yet: %s", call, fault)  # the next look for strays finds it

    async def _settle(self, call: str, ended: datetime) -> bool:
        loop = asyncio.get_running_loop()
        try:
            record = await loop.run_in_executor(self._hands, self.archive.settle, call, ended)
        except (Unsettled, StoreFault) as fault:
            log.debug("call %s: %s", call, fault)
            return False
        except calls.UnknownCall as fault:
            log.error("call %s: its tape stays: %s", call, fault)
            return True
        self.figures.settled(record.state, record.reason is not None)
        return True

    async def _look_for_strays(self) -> None:
        """Calls without an end and tapes without a seal, from before our time or lost from sight."""
        while True:
            await self.ready(patience=1e9)
            try:
                open_calls = await asyncio.wrap_future(
                    self.store.read(lambda c: calls.unfinished(c, self._settings.name))
                )
                strays = {r.began.call for r in open_calls} | set(self.archive.waiting())
                await self.switchboard.account_for(sorted(strays - self._unsettled))
            except (AriError, AriUnreachable, StoreFault) as fault:
                log.warning("could not look for stray calls: %s", fault)
            await asyncio.sleep(LOOK_FOR_STRAYS)


def _never_taken(conn: Connection, call: str, at: datetime) -> None:
    """A call that no controller took: the dialplan alone answered it."""
    calls.begin(conn, Began(call, None, "unknown", at), "nobody")
    calls.end(conn, call, Outcome.LOST, at=at, because="no controller took the call")
