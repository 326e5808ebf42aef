"""The controller: takes calls and holds them.

Rule: an orderly stop drains: no new calls, then the present ones to their end and in order; what is left after the
drain stays on Asterisk, for us after the restart.  When Asterisk itself is gone there is nothing to wait for.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from socket import socket

from domain import calls
from domain.store import Store, StoreFault
from flows import FLOWS, NOBODY_FREE
from ivr.asterisk.ari import Ari, AriError, AriSettings, AriUnreachable
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.switchboard import Switchboard, SwitchboardSettings
from ivr.journal import Journal
from ivr.service.aftermath import Aftermath
from ivr.service.figures import Figures
from ivr.service.settings import Settings
from ivr.service.speech import Recognition
from ivr.service.tape import Tapes
from ivr.service.wording import Wording
from ivr.session import House, Session, Watcher
from prompts import Catalogue
from recordings import Archive

log = logging.getLogger(__name__)

LOOK_FOR_STRAYS = 60.0
"""Seconds between looks for tapes and calls that nobody answers for."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The Asterisk that we drive.  spool: where it writes tapes."""

    url: str
    user: str
    password: str
    spool: Path


class Controller:
    """One controller on one Asterisk.  `run` until cancelled; `stop` for an orderly end."""

    def __init__(
        self,
        settings: Settings,
        exchange: Exchange,
        store: Store,
        catalogue: Catalogue,
        watchers: Sequence[Watcher] = (),
        recognition: Recognition | None = None,
    ) -> None:
        self.figures = Figures()
        self.store = store
        self.wording = Wording(catalogue, store, settings.data)
        self.archive = Archive(settings.data, exchange.spool, store)
        self.house = House(
            FLOWS[settings.flow],
            catalogue,
            Journal(store, settings.name),
            (self.figures, *watchers),
            settings.questions,
            {number: FLOWS[name] for number, name in settings.numbers.items()},
            FLOWS.get(NOBODY_FREE),
            spoken=lambda: recognition.languages if recognition else (),
            tape=Tapes(self.archive.cutting),
            wording=lambda: self.wording.now,
        )
        self.aftermath = Aftermath(self.house, self.archive, store, self.figures)
        self._settings = settings
        self._ari = Ari(AriSettings(exchange.url, f"ivr-{settings.name}", exchange.user, exchange.password))
        self.switchboard = Switchboard(
            self._ari,
            self._on_call,
            self.aftermath.over,
            SwitchboardSettings(capacity=settings.capacity),
            recognition if settings.speech else None,
        )
        self._stopping = asyncio.Event()
        self._recognition = recognition
        self._show(catalogue)
        if recognition:
            self._show_speech(recognition)

    def _show(self, catalogue: Catalogue) -> None:
        gauge = self.figures.gauge
        gauge("hotline_calls_in_hand", "Calls conducted now", lambda: self.switchboard.in_hand)
        gauge("hotline_tapes_waiting", "Tapes not settled yet", lambda: len(self.archive.waiting()))
        gauge("hotline_prompts_missing", "Words that could not be said", lambda: catalogue.missing.total())
        gauge("hotline_ready", "1 while calls are taken", lambda: float(self.switchboard.ready))

    def _show_speech(self, speech: Recognition) -> None:
        gauge, count = self.figures.gauge, self.figures.count
        gauge("hotline_speech_workers", "Speech workers alive", lambda: speech.counts.workers)
        gauge("hotline_speech_streams", "Calls listened to now", lambda: speech.counts.calls)
        gauge("hotline_speech_room", "Further calls that could be listened to", lambda: speech.counts.room)
        gauge("hotline_speech_lag_seconds", "How late the slowest worker is", lambda: speech.counts.lag)
        gauge("hotline_speech_memory_bytes", "Memory of the workers", lambda: speech.counts.memory)
        count("hotline_speech_workers_died", "Workers lost", lambda: speech.counts.died)
        count("hotline_speech_refused", "Calls not listened to for want of a worker", lambda: speech.counts.refused)

    async def run(self) -> None:
        """Conduct calls until `stop`.  Raises ApplicationTaken when another controller took our name."""
        async with self._ari:
            await self._first_words()
            words = asyncio.create_task(self.wording.keep_looking())
            running = asyncio.create_task(self.switchboard.run())
            strays = asyncio.create_task(self._look_for_strays())
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    await self._drain()
            finally:
                for task in (stopping, strays, words, running):
                    task.cancel()
                ended = await asyncio.gather(running, stopping, strays, words, return_exceptions=True)
                self.aftermath.close()
            if isinstance(ended[0], Exception):
                raise ended[0]

    async def _first_words(self) -> None:
        """What callers hear from the first one on; without a store, what is shipped, until it is there."""
        try:
            await self.wording.look()
        except Exception as fault:  # whatever it is, callers wait
            log.warning("changed prompts can't be looked up yet: %s", fault)

    def stop(self) -> None:
        """Take no more calls, let the present ones end (`drain` seconds at most), and let `run` return."""
        self._stopping.set()

    async def serve_http(self, listening: socket) -> None:
        """Health and figures on this socket, until cancelled."""
        # Imported only now: callers who wait for a controller to come back don't wait for its dashboards.
        console = await asyncio.to_thread(import_module, "ivr.console")
        await console.serve(
            self.store, self.figures.registry, lambda: self.switchboard.ready, listening, self._remarks
        )

    def _remarks(self) -> dict[str, str]:
        """What readiness doesn't depend on, and people want to see beside it."""
        return {"speech": self._recognition.state} if self._recognition else {}

    async def ready(self, patience: float = 30.0) -> None:
        """Return when a call would be taken.  Raises TimeoutError after `patience` seconds."""
        try:
            async with asyncio.timeout(patience):
                while not self.switchboard.ready:  # noqa: ASYNC110  it is a judgement on ages, not an event
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise TimeoutError(f"no events flow from Asterisk after {patience:g} s; the log says why") from None

    async def settled(self, call: str, patience: float = 30.0) -> None:
        """Return when this call is over and its tape settled.  Raises TimeoutError after `patience` seconds."""
        async with asyncio.timeout(patience):
            while True:
                news = self.aftermath.news
                record = await asyncio.wrap_future(self.store.read(lambda c: calls.recording(c, call)))
                if call not in self.aftermath.pending and record is not None and record.state != "recording":
                    return
                await news.wait()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._settings.drain):
                await self.switchboard.drain()
                while self.aftermath.pending:
                    await self.aftermath.news.wait()
        except TimeoutError:
            log.warning("%d calls are left to the next controller", self.switchboard.in_hand)

    async def _on_call(self, line: AsteriskLine, adopted: bool) -> bool:
        session = Session(self.house, line)
        ending = await session.run(adopted=adopted)
        if ending is not None and not session.recorded:
            self.aftermath.owe(line.began, ending, line.date(), session.left())
        if ending is not None and ending.to is None:
            self.aftermath.pending.add(line.began.call)  # its channel ends any moment now
        return ending is not None

    async def _look_for_strays(self) -> None:
        """Calls without an end and tapes without a seal, from before our time or lost from sight."""
        while True:
            try:
                await self.ready(3600.0)
                await self.switchboard.account_for(sorted(await self.aftermath.strays()))
            except (AriError, AriUnreachable, StoreFault, TimeoutError) as fault:
                log.warning("could not look for stray calls: %s", fault)
            except Exception:
                log.exception("the look for stray calls failed; it is made again")
            await asyncio.sleep(LOOK_FOR_STRAYS)
