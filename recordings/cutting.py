"""A part of a tape that is still being made, for the caller to hear again: their side only, as a clip.

Rules
1. A tape begins when its call was answered (`Began.at`) and is true to half a second (docs/decisions/011); so a
   moment of the call is a place on the tape.
2. The exchange writes in blocks: up to a second of what was said may not be there yet (`NotYet`).
3. A clip is somebody's voice: readable by us only, and gone with `forget`, at the latest when its call is settled.
"""

import logging
import warnings
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from domain.model import Told

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # audioop-lts follows audioop
    import audioop

log = logging.getLogger(__name__)

RATE: Final = 8000
WIDTH: Final = 2
"""Bytes of a sample of one channel."""
FRAME: Final = 2 * WIDTH
"""Bytes of one moment: the caller, and what they heard."""
SUFFIX: Final = ".alaw"
LONGEST: Final = 600.0
"""Seconds: more is not played to anybody."""


class CannotCut(Exception):
    """There is no such part of a tape; the message says why."""


class NotYet(CannotCut):
    """Its end has not been written yet."""


class Cutting:
    """Cuts clips out of the tapes in `spool` (`<call>.raw`).  Its methods block, for milliseconds."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.folder = spool / "told"

    def cut(self, call: str, answered: datetime, told: Told, *, whole: bool = True) -> Path:
        """The clip, bare A-law at 8 kHz.  whole: not before its end has been written, else what there is.

        answered: when the call, and its tape, began.  Raises NotYet, CannotCut.
        """
        first, last = (_place(moment, answered) for moment in (told.began, told.ended))
        if not 0 <= first < last or told.seconds > LONGEST:
            raise CannotCut(f"call {call} has no part of {told.seconds:.1f} s at second {first / RATE:.1f}")
        try:
            with (self.spool / f"{call}.raw").open("rb") as tape:
                tape.seek(first * FRAME)
                moments = tape.read((last - first) * FRAME)
        except OSError as fault:
            raise CannotCut(f"the tape of call {call} can't be read: {fault}") from fault
        missing = (last - first) - len(moments) // FRAME
        if missing > 0 and whole:
            raise NotYet(f"the tape of call {call} lacks {missing / RATE:.1f} s of it")
        if missing >= last - first:
            raise CannotCut(f"the tape of call {call} has not come that far")
        caller = audioop.tomono(moments[: len(moments) // FRAME * FRAME], WIDTH, 1, 0)
        return self._write(call, audioop.lin2alaw(caller, WIDTH))

    def forget(self, clip: Path) -> None:
        """It was heard."""
        clip.unlink(missing_ok=True)

    def forget_call(self, call: str) -> None:
        """Whatever was cut out of this call, and left behind when we were killed."""
        clip = self._clip(call)
        for left in (clip, clip.with_suffix(".new")):
            if left.exists():
                log.info("a clip of call %s was left behind; it is removed", call)
                self.forget(left)

    def _clip(self, call: str) -> Path:
        """One a call: who hears another part has heard the first."""
        return self.folder / f"{call}{SUFFIX}"

    def _write(self, call: str, sound: bytes) -> Path:
        clip = self._clip(call)
        new = clip.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            new.write_bytes(sound)
            new.chmod(0o600)
            new.replace(clip)
        except OSError as fault:
            with suppress(OSError):
                new.unlink()
            raise CannotCut(f"there is no room for a clip of call {call}: {fault}") from fault
        return clip


def _place(moment: datetime, answered: datetime) -> int:
    """Samples from the beginning of the tape."""
    return round((moment - answered).total_seconds() * RATE)
