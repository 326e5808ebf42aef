"""Writing without getting in the way of callers.

Rule: we write in turns of at most `MOST` jobs, and after each turn leave the database alone for `REST` times as long
as it took, so that most of the time it is free for the controller of the calls, another process.

Theory.  SQLite has one writer, and who waits for it looks again after ever longer pauses (1 ms to 100 ms): a process
that writes without a break takes the lock again before the other one looks, and starves it.  Decision 068 has the
figures with and without this rule.  A single request is never delayed: there was no turn just before it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from domain.store import Connection, Store

T = TypeVar("T")

MOST: Final = 4
"""Jobs in one turn: some 10 ms of the database."""

REST: Final = 3.0
"""Times as long as a turn took that the database is left alone after it."""

LONGEST_REST: Final = 0.25
"""Seconds; a turn that waited for the database itself need not be paid for without end."""


class Turns:
    """The writes of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Callable[[Connection], Any], asyncio.Future[Any]]] = deque()
        self._working: asyncio.Task[None] | None = None

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Do it in a transaction, when it is its turn.  Raises what the job raises, StoreFault."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work(), name="turns")
        return await done

    async def _work(self) -> None:
        while self._waiting:
            turn = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            began = time.perf_counter()
            await asyncio.gather(*(self._do(job, done) for job, done in turn if not done.done()))
            await asyncio.sleep(min((time.perf_counter() - began) * REST, LONGEST_REST))

    async def _do(self, job: Callable[[Connection], Any], done: asyncio.Future[Any]) -> None:
        try:
            result = await asyncio.wrap_future(self._store.write(job))
        except Exception as error:
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(result)
