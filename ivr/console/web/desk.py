"""What every page works with."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request

from domain import staff
from domain.store import Connection, Store, StoreFault
from ivr.console.turns import Turns
from prompts import Catalogue

T = TypeVar("T")
log = logging.getLogger(__name__)

ACQUAINTED: Final = 5.0
"""Seconds for which the names of staff are taken to be what they were."""


@dataclass
class Desk:
    """clock: the time, UTC.  tick: seconds that never go back.  data: the data directory; recordings lie below it.

    catalogue: prompts as they are shipped.  https: whether browsers come by https (through a proxy); then cookies go
    nowhere else.  name: host and port under which browsers know it, in small letters; empty for any.  facts: settings
    that single parts ask for, by name.
    """

    store: Store
    clock: Callable[[], datetime]
    tick: Callable[[], float]
    data: Path
    catalogue: Catalogue
    https: bool = False
    name: str = ""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    names: Mapping[str, str] = field(default_factory=dict[str, str], init=False)
    """Login -> name of everybody who works or worked here, for pages to show (`|person`)."""
    turns: Turns = field(init=False)
    _met_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self.store)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the store knows.  Raises StoreFault, and what the job raises."""
        return await asyncio.wrap_future(self.store.read(job))

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Do it in a transaction, without getting in the way of callers.  Raises StoreFault, and what the job
        raises."""
        return await self.turns.write(job)

    async def meet(self, login: str) -> None:
        """Know the names of staff, and that of who asks for sure; asks the store once in `ACQUAINTED` at most."""
        if self._met_at is not None and self.tick() - self._met_at < ACQUAINTED and login in self.names:
            return
        self._met_at = self.tick()
        try:
            self.names = await self.read(staff.names)
        except StoreFault as fault:  # pages then show logins, or the names of a moment ago
            log.warning("the names of staff could not be read: %s", fault)


def desk(request: Request) -> Desk:
    """Of this application."""
    return request.app.state.desk


InDesk = Annotated[Desk, Depends(desk)]
