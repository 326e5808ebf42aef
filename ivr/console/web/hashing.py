"""Comparing passwords without getting in the way of calls: one at a time, in a thread, and only so many wait.

Theory.  argon2id takes 64 MiB and 50-200 ms of the cores on purpose.  Whoever floods the sign-in page would take
them from calls that are conducted on the same machine; so one hash is reckoned at a time, and who finds a queue is
asked to come back, which costs nothing.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 16
"""That wait or are being reckoned: some 3 s."""


class Busy(Exception):
    """Too many wait; ask again in some seconds."""


class Hashing:
    """One thread that reckons hashes."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "hashing")
        self._asked = 0

    @property
    def full(self) -> bool:
        """Whether `do` would be refused."""
        return self._asked >= MOST

    async def do(self, work: Callable[[], T]) -> T:
        """Do it when it is its turn.  Raises Busy."""
        if self.full:
            raise Busy
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._asked -= 1
