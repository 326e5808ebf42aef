"""A part of a sealed recording: what the caller said from then to then.

Rules: nothing is read from a file that isn't what was sealed; a part that lies beyond its end is cut off, and one
that has nothing left is `NotThere`.  The caller is the first channel.
"""

import hashlib
import wave
from pathlib import Path
from typing import Final

CALLER: Final = 0
"""The channel."""


class NotThere(Exception):
    """The sound can't be had, and won't be: the message says why."""


def told(path: Path, sha256: str | None, first: float, last: float) -> bytes:
    """The caller's side from `first` to `last` (seconds of the recording): 8 kHz 16-bit PCM, one channel.

    Raises NotThere; OSError for what a disk may get over.
    """
    import numpy as np  # here: a controller that comes back to waiting callers has no time for it

    try:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise NotThere(f"{path.name} is not what was sealed: restore it from the last good copy")
            file.seek(0)
            with wave.open(file) as wav:
                rate, channels = wav.getframerate(), wav.getnchannels()
                start = min(max(0, round(first * rate)), wav.getnframes())
                wav.setpos(start)
                raw = wav.readframes(max(0, round(last * rate) - start))
    except FileNotFoundError:
        raise NotThere(f"{path.name} is not in the archive: restore it from the last good copy") from None
    except (wave.Error, EOFError) as fault:
        raise NotThere(f"{path.name} is no recording of ours: {fault}") from fault
    if not raw:
        raise NotThere(f"{path.name} ends before this was told")
    return np.frombuffer(raw, "<i2").reshape(-1, channels)[:, CALLER].tobytes()
