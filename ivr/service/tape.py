"""What callers told, for them to hear again while the call goes on: `ivr.ports.Tape` over the exchange's tapes."""

import asyncio
from pathlib import Path
from typing import Final

from domain.model import Began, Told
from ivr.ports import CannotCut
from recordings import cutting
from recordings.cutting import Cutting, NotYet

PATIENCE: Final = 1.5
"""Seconds to wait for the end of what was told; the exchange writes a second at a time."""
LOOK_AGAIN: Final = 0.1


class Tapes:
    """Cuts clips out of tapes, in threads, for the disk may be slow."""

    def __init__(self, cutting: Cutting, patience: float = PATIENCE) -> None:
        self._cutting = cutting
        self._patience = patience

    async def cut(self, began: Began, told: Told) -> str:
        """As `ivr.ports.Tape`."""
        until = asyncio.get_running_loop().time() + self._patience
        try:
            while True:
                last = asyncio.get_running_loop().time() >= until
                try:
                    clip = await asyncio.to_thread(self._cutting.cut, began.call, began.at, told, whole=not last)
                except NotYet:
                    await asyncio.sleep(LOOK_AGAIN)
                    continue
                return str(clip.with_suffix(""))
        except cutting.CannotCut as fault:
            raise CannotCut(str(fault)) from fault

    async def forget(self, clip: str) -> None:
        """As `ivr.ports.Tape`."""
        await asyncio.to_thread(self._cutting.forget, Path(clip + cutting.SUFFIX))
