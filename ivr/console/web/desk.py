"""What every page works with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from domain.store import Connection, Store
from ivr.console.turns import Turns
from prompts import Catalogue

T = TypeVar("T")


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
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self.store)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the store knows.  Raises StoreFault, and what the job raises."""
        return await asyncio.wrap_future(self.store.read(job))

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Do it in a transaction, without getting in the way of callers.  Raises StoreFault, and what the job
        raises."""
        return await self.turns.write(job)


def desk(request: Request) -> Desk:
    """Of this application."""
    return request.app.state.desk


InDesk = Annotated[Desk, Depends(desk)]
