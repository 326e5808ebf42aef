"""What a call leaves behind: an outcome to be written, a tape to be sealed or erased.

Rules
1. Every call that we ever drove gets its outcome, also one that ended while nobody was looking: its journal is
   replayed and the caller's hang-up is answered as if it had been heard.
2. What the store would not take (the outcome, the last answers, what happened) is owed to it, and written before
   anything else is concluded about the call.  What can't be kept is said to be missing: nobody may believe that
   nothing more was heard.
3. Every tape is settled (sealed, erased, or noted as missing), tried again until the disk agrees.
4. The facts are the queue (docs/decisions/004): a tape that nobody writes any more, a call of ours without an end.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from domain import calls, moments
from domain.model import Began, Outcome
from domain.moments import Kind, Moment
from domain.store import Connection, Store, StoreFault
from ivr.dialog import Ending
from ivr.journal import Unwritten
from ivr.ports import Cause, Gone, Heard, Listening
from ivr.service.figures import Figures
from ivr.session import House, Session
from recordings import Archive, Unsettled

log = logging.getLogger(__name__)

RETRIES: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 30.0)
"""Seconds between attempts to conclude a call or settle its tape; the last one again and again."""
STILL: Final = 30.0
"""Seconds after which a tape that has not grown is nobody's: Asterisk writes to one in use all the time."""
LEEWAY: Final = timedelta(seconds=5)
"""How much later than its tape a call may have ended; beyond that, nobody was there to see it and the tape knows."""


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

    async def listen(self, wanted: Listening | None) -> None:
        pass

    async def conclude(self) -> None:
        pass

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        pass

    async def hang_up(self) -> None:
        pass


class Aftermath:
    """Puts calls in order after their end.

    pending: calls that are over, or about to be, and not in order yet.
    news: set when another one has been put in order; take it before you look, then wait for it.
    """

    def __init__(self, house: House, archive: Archive, store: Store, figures: Figures) -> None:
        self.pending: set[str] = set()
        self.news = asyncio.Event()
        self.archive = archive
        self._house = replace(house, watchers=())
        self._store = store
        self._figures = figures
        self._owed: dict[str, tuple[Began, Ending, datetime, Unwritten | None]] = {}
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="archive", initializer=_step_back)

    def close(self) -> None:
        """Begin nothing more; what is being sealed is finished at the next start."""
        self._hands.shutdown(wait=False, cancel_futures=True)

    def owe(self, began: Began, ending: Ending, at: datetime, left: Unwritten | None = None) -> None:
        """The store would not take the outcome of this call, nor what is left of it; it gets them when it is back.

        left: None when nobody knows any more.
        """
        self._owed[began.call] = (began, ending, at, left)

    async def over(self, call: str, cause: Cause, at: datetime) -> None:
        """The call is over for good: see that it has its outcome, and settle its tape.  Returns when that is done."""
        self.pending.add(call)
        try:
            ended = self._ended(call, at)
            attempt = 0
            while not (await self._conclude(call, cause, ended) and await self._settle(call, ended)):
                await asyncio.sleep(RETRIES[min(attempt, len(RETRIES) - 1)])
                attempt += 1
        finally:
            self.pending.discard(call)
            self.news.set()
            self.news = asyncio.Event()

    async def strays(self) -> set[str]:
        """Calls of ours without an end, and those whose tape nobody writes any more.  Raises StoreFault.

        Calls that another controller drives are its own affair.
        """
        mine = self._house.journal.driver
        now = datetime.now(UTC)
        still = [c for c in self.archive.waiting() if (now - self.archive.written(c, now)).total_seconds() > STILL]

        def look(conn: Connection) -> set[str]:
            found = {record.began.call for record in calls.unfinished(conn, mine)}
            for call in still:
                record = calls.one(conn, call)
                if record is None or record.outcome is not None or record.driver == mine:
                    found.add(call)
            return found

        return await asyncio.wrap_future(self._store.read(look)) - self.pending

    def _ended(self, call: str, at: datetime) -> datetime:
        """When it really ended: `at`, unless its tape had come to its end long before."""
        written = self.archive.written(call, at)
        return written if at - written > LEEWAY else at

    async def _conclude(self, call: str, cause: Cause, at: datetime) -> bool:
        """A call without an outcome gets the one that is owed, or the one that its journal leads to."""
        try:
            if call in self._owed:
                began, ending, when, left = self._owed[call]
                try:
                    await asyncio.wrap_future(self._store.write(lambda c: self._pay(c, began, ending, when, left)))
                except StoreFault:
                    raise
                except Exception:
                    log.exception("call %s: what happened at its end can't be written, and is noted as missing", call)
                    await asyncio.wrap_future(self._store.write(lambda c: self._pay(c, began, ending, when)))
                del self._owed[call]
                return True
            record = await asyncio.wrap_future(self._store.read(lambda c: calls.one(c, call)))
            if record is None:
                await asyncio.wrap_future(self._store.write(lambda c: _never_taken(c, call, at)))
            elif record.outcome is None:
                log.info("call %s ended while nobody was looking", call)
                session = Session(self._house, DeadLine(record.began, cause, at))
                ending = await session.run(adopted=True)
                if ending is not None and not session.recorded:
                    return False
                if ending is not None:
                    self._figures.concluded(ending)
        except StoreFault as fault:
            log.critical("call %s has no outcome yet: %s", call, fault)
            return False
        return True

    def _pay(
        self, conn: Connection, began: Began, ending: Ending, at: datetime, left: Unwritten | None = None
    ) -> None:
        mine = self._house.journal.driver
        calls.begin(conn, began, mine)
        record = calls.one(conn, began.call)
        if record is not None and record.driver == mine:  # else people gave it back to another, who answers for it
            if left is not None:
                left.write(conn, began.call)
            elif record.outcome is None:
                _cut(conn, began.call)
            calls.end(conn, began.call, ending.outcome, at=at, to=ending.to, because=ending.because)

    async def _settle(self, call: str, ended: datetime) -> bool:
        try:
            record = await asyncio.get_running_loop().run_in_executor(self._hands, self.archive.settle, call, ended)
        except (Unsettled, StoreFault) as fault:
            log.debug("call %s: %s", call, fault)
            return False
        self._figures.settled(record.state, record.reason is not None)
        return True


def _step_back() -> None:
    """Tapes can wait; callers can't: this thread yields to all others."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _cut(conn: Connection, call: str) -> None:
    """What happened after the last moment that the store has is lost."""
    if noted := moments.of_call(conn, call):
        moments.append(conn, call, [Moment(noted[-1].n + 1, noted[-1].at, Kind.CUT)])


def _never_taken(conn: Connection, call: str, at: datetime) -> None:
    """A call that no controller took: the dialplan alone answered it."""
    calls.begin(conn, Began(call, None, "unknown", at), "nobody")
    calls.end(conn, call, Outcome.LOST, at=at, because="no controller took the call")
