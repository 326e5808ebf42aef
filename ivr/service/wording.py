"""What callers hear, kept up to date while the hotline runs.

Rules: a version that went live, or an undoing, is heard from the next call on, at most `EVERY` seconds later; a call
in progress keeps the catalogue that it began with; whatever goes wrong here, callers hear what they heard before.

Theory: a look costs one row of the store and a `stat` of each changed clip; only when either is new are the versions
read and their clips verified.  A clip that is lost or damaged while we run is found by the same look.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from domain import wording
from domain.store import Store, StoreFault
from prompts import Catalogue
from prompts.overlay import clips_below, overlaid, state_of

log = logging.getLogger(__name__)

EVERY: Final = 2.0
"""Seconds between looks."""


class Wording:
    """`now` is the catalogue for a call that begins."""

    def __init__(self, shipped: Catalogue, store: Store, data: Path) -> None:
        self.now = shipped
        self.changed = asyncio.Event()
        """Set by every look that found something new; a test waits for it."""
        self._shipped = shipped
        self._store = store
        self._clips = clips_below(data)
        self._files: frozenset[Path] = frozenset()
        self._seen: object = None
        self._faulty = False

    async def look(self) -> bool:
        """Take in what is new; whether there was anything.  Raises StoreFault."""
        generation = await asyncio.wrap_future(self._store.read(wording.generation))
        seen = (generation, await asyncio.to_thread(state_of, self._files))
        if seen == self._seen:
            return False
        if generation == (0, 0):
            self._seen = seen
            return False
        versions = await asyncio.wrap_future(self._store.read(wording.live))
        made = await asyncio.to_thread(overlaid, self._shipped, versions, self._clips)
        self.now, self._files = made.catalogue, made.files
        self._seen = (generation, await asyncio.to_thread(state_of, self._files))
        heard = len(versions) - len(made.unusable)
        log.info("callers hear %d changed prompts from the next call on", heard)
        self.changed.set()
        return True

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
                self._faulty = False
            except StoreFault as fault:
                if not self._faulty:
                    log.warning("changed prompts can't be looked up, callers hear what they heard before: %s", fault)
                self._faulty = True
            except Exception:
                log.exception("the look for changed prompts failed; it is made again")
            await asyncio.sleep(EVERY)
