"""Writes down what callers told, when there is time for it.

Rules
1. Callers come first: this is a process of its own with the least claim to the machine, and it begins nothing while
   many calls go on (`MANY` for each core).  One recording at a time, one process at a time in a data directory.
2. What is to be done stands in the store (`domain.transcripts`); being killed anywhere loses nothing and doubles
   nothing.  Who works holds the lease by renewing it, so that who died is replaced soon.
3. An engine that can't be used is laid aside for a while, and that is said once; what it owes stays owed.
"""

import fcntl
import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from domain import transcripts
from domain.store import Connection, Store, StoreFault
from domain.tables import RecordingState
from domain.transcripts import Work
from ivr.ports import EngineFault, EngineUnusable, Transcriber
from recordings.told import NotThere, told

log = logging.getLogger(__name__)

LOOK: Final = 15.0
"""Seconds between looks for something to do."""
LEASE: Final = timedelta(seconds=90)
"""For which work is ours; renewed while it goes on."""
ASIDE: Final = timedelta(minutes=10)
"""After which an engine that couldn't be used is tried again."""
MANY: Final = 10 * (os.cpu_count() or 1)
"""Calls in progress, from which on nothing is begun."""
LOST: Final = timedelta(hours=3)
"""A call that began longer ago and has no end is none that goes on."""
MARGIN: Final = 0.5
"""Seconds before and after what was told that engines are given too: first and last sounds are soft."""
BEHIND: Final = timedelta(hours=6)
"""What waits longer than this is worth a warning."""


class Desk:
    """data: the data directory.  clock: the time, UTC.  many: see `MANY`."""

    def __init__(
        self,
        store: Store,
        data: Path,
        engines: Sequence[Transcriber],
        clock: Callable[[], datetime],
        *,
        many: int = MANY,
        lease: timedelta = LEASE,
    ) -> None:
        self._store = store
        self._data = data
        self._engines = {engine.name: engine for engine in engines}
        self._clock = clock
        self._many = many
        self._lease = lease
        self._aside: dict[tuple[str, str], datetime] = {}
        self._said: set[str] = set()
        self._warned: datetime | None = None
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End soon; what is being done is given back.  From another thread."""
        self._stopped.set()
        for engine in self._engines.values():
            engine.stop()

    def all(self) -> int:
        """Do all that is due, however many calls go on; how many that were.  Raises StoreFault."""
        count = 0
        while not self._stopped.is_set() and self.one():
            count += 1
        return count

    def run(self) -> None:
        """Work until `stop`.  A store that fails is waited for."""
        while not self._stopped.is_set():
            try:
                while not self._stopped.is_set() and not self.busy() and self.one():
                    pass
                self._look_behind()
            except StoreFault as fault:
                log.warning("transcripts wait: %s", fault)
            except Exception:
                log.exception("a mistake while writing down; it goes on")
            self._stopped.wait(LOOK)

    def busy(self) -> bool:
        """Whether so many calls go on that nothing should be begun."""
        since = self._clock() - LOST
        return self._store.read(lambda conn: transcripts.in_progress(conn, since)).result() >= self._many

    def one(self) -> bool:
        """Owe what is missing, and do the next one that is due.  False: nothing is.  Raises StoreFault."""
        now = self._clock()
        for engine in self._engines.values():
            found = self._store.read(
                lambda conn, e=engine: transcripts.unwritten(conn, e.name, e.languages, now)
            ).result()
            if found:
                self._store.write(lambda conn, e=engine, f=found: transcripts.owe(conn, e.name, f, now)).result()
        work = self._store.write(lambda conn: transcripts.take(conn, self._wanted(now), now, self._lease)).result()
        if work is None:
            return False
        with self._held(work):
            outcome = self._attempt(work)
        self._store.write(outcome).result()
        return True

    def _wanted(self, now: datetime) -> Mapping[str, Sequence[str]]:
        self._aside = {pair: until for pair, until in self._aside.items() if until > now}
        return {
            name: [language for language in engine.languages if (name, language) not in self._aside]
            for name, engine in self._engines.items()
        }

    def _attempt(self, work: Work) -> Callable[[Connection], bool]:
        """Do it; what is to be written of it."""
        try:
            if work.state is not RecordingState.SEALED or work.path is None:
                raise NotThere(f"the recording is {work.state or 'not known'}, not sealed")
            first = (work.told.began - work.began).total_seconds() - MARGIN
            audio = told(self._data / work.path, work.sha256, first, first + work.told.seconds + 2 * MARGIN)
            made = self._engines[work.engine].transcribe(audio, work.language)
        except NotThere as fault:
            why = str(fault)
            log.error("call %s can't be written down: %s", work.call, why)
            return lambda conn: transcripts.fail(conn, work, why, self._clock(), for_good=True)
        except EngineUnusable as fault:
            self._lay_aside(work, str(fault))
            return lambda conn: transcripts.give_back(conn, work, self._clock())
        except (EngineFault, OSError) as fault:
            if self._stopped.is_set():  # it is no fault of its: whoever is next begins anew, at once
                return lambda conn: transcripts.give_back(conn, work, self._clock())
            why = str(fault)
            log.warning("call %s, attempt %d: %s", work.call, work.attempt, why)
            return lambda conn: transcripts.fail(conn, work, why, self._clock())
        made = made.moved(max(first, 0.0) - (first + MARGIN))
        suggestion = transcripts.suggested(made)
        log.info("call %s is written down by %s: %d words", work.call, work.engine, len(made.words))
        return lambda conn: transcripts.finish(conn, work, made, suggestion, self._clock())

    def _lay_aside(self, work: Work, why: str) -> None:
        self._aside[work.engine, work.language] = self._clock() + ASIDE
        if why not in self._said:
            self._said.add(why)
            log.error("no transcripts by %s in %s: %s; what it owes waits", work.engine, work.language, why)

    @contextmanager
    def _held(self, work: Work) -> Iterator[None]:
        """Within it the work stays ours."""
        over = threading.Event()

        def hold() -> None:
            while not over.wait(self._lease.total_seconds() / 3):
                with suppress(StoreFault):  # it is tried again; at worst another does the same work
                    self._store.write(lambda conn: transcripts.hold(conn, work, self._clock() + self._lease)).result()

        holding = threading.Thread(target=hold, name="lease", daemon=True)
        holding.start()
        try:
            yield
        finally:
            over.set()
            holding.join()

    def _look_behind(self) -> None:
        """Say once a `BEHIND` that work piles up."""
        count, oldest = self._store.read(transcripts.waiting).result()
        now = self._clock()
        if oldest and now - oldest > BEHIND and (self._warned is None or now - self._warned > BEHIND):
            self._warned = now
            log.warning("%d transcripts wait, the oldest since %s UTC", count, f"{oldest:%Y-%m-%d %H:%M}")


@contextmanager
def alone(data: Path, ends: Collection[signal.Signals]) -> Iterator[bool]:
    """Within it no other process writes down for this data directory; waits for that.  False: one of `ends`, which
    are blocked, came first."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "transcriber.lock").open("ab") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel frees the lock of who was killed
            except BlockingIOError:
                if signal.sigtimedwait(ends, LOOK) is not None:
                    yield False
                    return
            else:
                yield True
                return
