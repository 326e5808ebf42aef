"""The pool of speech workers: `ivr.ports.Recogniser`.

Rules
1. A new call goes to the least busy worker; when all are full, or none is ready, it is not taken and has its keys.
2. A worker that ends is replaced, the sooner the longer it lived (`FIRST` to `LAST` seconds, doubling).
3. A model that can't be used, or that takes its process along each time it is loaded, is named once and left out:
   its languages aren't there.  What can be used goes on.  Every `AGAIN` it is tried once more, in a process of its
   own; when it loads, workers without it make room for such with it.
4. Vosk's memory grows with the calls (vosk-api issues 209, 1724): after `CALLS` calls, or when it has grown by
   `GROWTH`, a worker gets no new calls and ends with its last one; its successor is started at once.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.ports import Speech
from ivr.speech.process import WorkerProcess, WorkersEar

log = logging.getLogger(__name__)

STREAMS = 20
"""Calls that a worker attends to at once: so many may all speak together on one core; measured in decision 088."""
CALLS = 5000
GROWTH = 400_000_000
"""Bytes above what it had when it was ready."""
FIRST, LAST = 0.5, 60.0
"""Seconds before a worker that died at once is replaced, and at most."""
LATE = 1.0
"""Seconds behind the callers at which a worker is of no use to them."""
STRIKES = 2
"""So many processes in a row may end while they load a model; once may be an accident."""
AGAIN = 600.0
"""Seconds until a model that was left out is tried again."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Figures of the pool.  workers: ready ones; calls: attended to now; deaf: calls that lost their worker; lag:
    seconds that the slowest worker is behind; memory: bytes of all; the rest since the start."""

    workers: int
    calls: int
    room: int
    attended: int
    refused: int
    deaf: int
    died: int
    recycled: int
    lag: float
    memory: int


class Workers:
    """See above.

    models: language (ISO 639-1) -> directory of its model.  sounds: the folder of the clips that callers hear; own:
    of those that were changed.  count: processes, by default one for each core.  streams: calls per worker.  late:
    seconds that a worker may be behind its callers before it gives up the newest.
    """

    def __init__(
        self,
        models: Mapping[str, Path],
        sounds: Path | None = None,
        count: int | None = None,
        streams: int = STREAMS,
        late: float = LATE,
        own: Path | None = None,
    ) -> None:
        self._late = late
        self._own = own and own.resolve()
        self._models = {language: path.resolve() for language, path in models.items()}
        self._sounds = sounds and sounds.resolve()
        self._count = count or len(os.sched_getaffinity(0))
        self._streams = streams
        self._unusable = dict[Path, str]()
        self._pardoned = asyncio.Event()
        self._workers = list[WorkerProcess]()
        self._tasks = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()
        self._attended = self._refused = self._deaf = self._died = self._recycled = 0
        self._strikes = Counter[Path]()

    @property
    def languages(self) -> frozenset[str]:
        """Understood now."""
        return frozenset().union(*(worker.languages for worker in self._workers if worker.ready))

    @property
    def counts(self) -> Counts:
        """As it stands."""
        ready = [worker for worker in self._workers if worker.ready]
        return Counts(
            workers=len(ready),
            calls=sum(len(worker.ears) for worker in self._workers),
            room=sum(max(0, self._streams - len(worker.ears)) for worker in ready if self._takes(worker)),
            attended=self._attended,
            refused=self._refused,
            deaf=self._deaf,
            died=self._died,
            recycled=self._recycled,
            lag=max((worker.health.lag for worker in ready), default=0.0),
            memory=sum(worker.health.memory for worker in ready),
        )

    async def start(self) -> None:
        """Start the workers; returns when each is ready or has failed."""
        if not self._models:
            return
        for _ in range(self._count):
            task = asyncio.create_task(self._keep())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self._usable() and sum(1 for worker in self._workers if worker.ready) + self._died < self._count:
            self._changed.clear()
            waiting = asyncio.create_task(self._changed.wait())
            await asyncio.wait({waiting, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    async def close(self) -> None:
        """End all of it; calls that are still attended to hear `Deaf`."""
        while tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def attend(self, call: str, heard: Callable[[Speech], None]) -> WorkersEar | None:
        """As `ivr.ports.Recogniser.attend`."""
        taking = [w for w in self._workers if self._takes(w) and len(w.ears) < self._streams]
        if not taking:
            self._refused += 1
            return None
        self._attended += 1
        return min(taking, key=lambda worker: len(worker.ears)).attend(call, heard)

    def _takes(self, worker: WorkerProcess) -> bool:
        return worker.ready and not worker.retired.is_set()

    def _usable(self) -> dict[str, Path]:
        return {language: path for language, path in self._models.items() if path not in self._unusable}

    async def _keep(self) -> None:
        """Have a worker, for ever."""
        pause = FIRST
        while True:
            while not (models := self._usable()):
                self._pardoned.clear()
                await self._pardoned.wait()
            worker = WorkerProcess(models, self._sounds, self._late, self._streams, self._notice, self._own)
            self._workers.append(worker)
            began = time.monotonic()
            life = asyncio.create_task(self._live(worker))
            self._tasks.add(life)
            life.add_done_callback(self._tasks.discard)
            retired = asyncio.create_task(worker.retired.wait())
            try:
                await asyncio.wait({life, retired}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                retired.cancel()
            if worker.retired.is_set():
                continue
            pause = FIRST if time.monotonic() - began > LAST else min(2 * pause, LAST)
            if self._usable():
                await asyncio.sleep(pause)

    async def _live(self, worker: WorkerProcess) -> None:
        """Be with a worker until its end."""
        try:
            why = await worker.run()
        except OSError as fault:
            why = f"it can't be started: {fault}"
        finally:
            self._workers.remove(worker)
        if not worker.retired.is_set():
            self._died += 1
            log.error("a speech worker is lost with %d calls: %s", worker.lost, why)
        self._deaf += worker.lost
        if path := worker.fatal:
            self._strikes[path] += 1
            if self._strikes[path] >= STRIKES:
                self._condemn(path, f"loading it ends the process ({why})")
        self._notice(worker)

    def _notice(self, worker: WorkerProcess) -> None:
        """Something about this worker has changed."""
        self._changed.set()
        for path, why in worker.unusable.items():
            self._condemn(path, why)
        if not worker.ready:
            return
        if not worker.proved:
            worker.proved = True
            for path in worker.models.values():
                del self._strikes[path]  # what came before was an accident
        grown = worker.health.memory - worker.memory_at_first
        worn = not worker.languages or worker.attended >= CALLS or grown > GROWTH
        if worn and not worker.retired.is_set():
            log.info("a speech worker retires after %d calls, grown by %d MB", worker.attended, grown // 1_000_000)
            self._recycled += bool(worker.languages)
            worker.retired.set()
        if worker.retired.is_set() and not worker.ears:
            worker.end()

    def _condemn(self, path: Path, why: str) -> None:
        if path not in self._unusable:
            self._unusable[path] = why
            log.error("no speech in %s: %s; callers have their keys", self._concerned(path), why)
            task = asyncio.create_task(self._try_again(path))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _try_again(self, path: Path) -> None:
        """Until it can be used."""
        loads = False
        while not loads:
            await asyncio.sleep(AGAIN)
            loads = await self._loads(path)
        log.warning("speech again in %s: its model loads", self._concerned(path))
        del self._unusable[path], self._strikes[path]
        self._pardoned.set()
        for worker in list(self._workers):
            if worker.unusable.pop(path, None) or path not in worker.models.values():
                worker.retired.set()
                self._recycled += 1
                self._notice(worker)

    async def _loads(self, path: Path) -> bool:
        good = False

        def changed(worker: WorkerProcess) -> None:
            nonlocal good
            if worker.ready:
                good = bool(worker.languages)
                worker.end()

        models = {language: one for language, one in self._models.items() if one == path}
        with contextlib.suppress(OSError):
            await WorkerProcess(models, None, self._late, self._streams, changed).run()
        return good

    def _concerned(self, path: Path) -> str:
        return ", ".join(sorted(language for language, one in self._models.items() if one == path))
