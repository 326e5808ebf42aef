"""The waveform of a recording, computed beforehand: the lowest and highest sample of each short piece, of both sides.

Rules
1. Peaks are a cache: made in the pass that seals a recording, made anew from the WAV when they are missing or
   damaged, never a reason why a recording is not sealed or not heard.
2. They lie in a tree of their own (`recordings/2026/10/01/x.wav` -> `peaks/2026/10/01/x.dat`), so that the archive
   holds nothing but what was sealed.  Who erases a recording erases them.
3. A piece is 1/100 s, and longer in long recordings: no recording has more than `MOST` pieces, so that an hour
   opens as fast as a minute.

The format is audiowaveform's .dat, version 2 (its doc/DataFormat.md), 16 bits, two channels: caller, prompts.
"""

import os
import struct
import tempfile
import wave
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.int16]

SIDES: Final = 2
PIECES: Final = (80, 160, 400, 800, 1600, 4000)
"""Samples of a piece, at 8 kHz 1/100 s to 1/2 s: the first with which a recording has at most `MOST`."""
MOST: Final = 72_000
"""Pieces of one recording: an hour of 1/20 s."""
FULL: Final = 127
"""The loudest that `levels` tells."""

SHORTEST: Final = 1.5
"""Seconds of quiet from both sides that are worth being skipped."""
EDGE: Final = 0.2
"""Seconds of quiet left at both ends of what is skipped."""
QUIETEST: Final = 64
LOUDEST: Final = 655
"""A side is quiet below three times its own noise (what a fifth of its pieces stay below), within these bounds:
-54 and -34 dBFS."""

_HEADER: Final = struct.Struct("<iIiiIi")  # version, flags (1: 8 bits), samples/s, samples/piece, pieces, channels
_CHUNK: Final = 80_000  # a multiple of every piece


class NoPeaks(Exception):
    """There are none, or they can't be read, or the sound can't; the message says why."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """rate: samples a second.  piece: samples of a piece.  low, high: (pieces, sides), int16."""

    rate: int
    piece: int
    low: "Values"
    high: "Values"

    @property
    def seconds(self) -> float:
        """Of the last piece's end; up to a piece longer than the recording."""
        return len(self.low) * self.piece / self.rate

    @property
    def per_second(self) -> float:
        """Pieces a second."""
        return self.rate / self.piece

    def levels(self, side: int) -> list[int]:
        """How loud each piece of a side is, 0 to `FULL`."""
        return (self._loudness(side) >> 8).tolist()

    def silence(self, shortest: float = SHORTEST) -> list[tuple[float, float]]:
        """From when to when (seconds) nobody is heard, caller nor prompt, for so long at least."""
        import numpy as np

        if not len(self.low):
            return []
        quiet = np.ones(len(self.low), bool)
        for side in range(SIDES):
            loudness = self._loudness(side)
            noise = float(np.percentile(loudness, 20)) * 3
            quiet &= loudness < min(max(noise, QUIETEST), LOUDEST)
        turns = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(np.int8)))
        spans = [(a / self.per_second, b / self.per_second) for a, b in turns.reshape(-1, 2).tolist()]
        return [(round(a + EDGE, 2), round(b - EDGE, 2)) for a, b in spans if b - a >= shortest]

    def _loudness(self, side: int) -> "npt.NDArray[np.int32]":
        import numpy as np

        low, high = self.low[:, side].astype(np.int32), self.high[:, side].astype(np.int32)
        return np.minimum(np.maximum(-low, high), 32767)


@dataclass
class Maker:
    """Takes samples as they come.  samples: how many will come, by which the piece is chosen."""

    samples: int
    rate: int = 8000
    piece: int = field(init=False)
    _low: list[Any] = field(default_factory=list[Any])
    _high: list[Any] = field(default_factory=list[Any])

    def __post_init__(self) -> None:
        self.piece = next((each for each in PIECES if self.samples <= each * MOST), PIECES[-1])

    def take(self, chunk: bytes) -> tuple[int, int]:
        """The next moments, 16-bit little-endian, two channels; how loud each side was in them.

        Only the last chunk may end within a piece.
        """
        import numpy as np  # here: a controller that comes back to waiting callers has no time for it

        moments = np.frombuffer(chunk, "<i2").reshape(-1, SIDES)
        if not len(moments):
            return 0, 0
        starts = np.arange(0, len(moments), self.piece)
        sides = [
            np.ascontiguousarray(moments[:, side]) for side in range(SIDES)
        ]  # over both at once: ten times as long
        low = [np.minimum.reduceat(side, starts) for side in sides]
        high = [np.maximum.reduceat(side, starts) for side in sides]
        self._low.append(np.stack(low, axis=1))
        self._high.append(np.stack(high, axis=1))
        caller, prompts = (max(int(h.max()), -int(lo.min())) for lo, h in zip(low, high, strict=True))
        return caller, prompts

    def made(self) -> Peaks:
        """Of all that came."""
        import numpy as np

        empty = np.zeros((0, SIDES), np.int16)
        return Peaks(self.rate, self.piece, np.concatenate([empty, *self._low]), np.concatenate([empty, *self._high]))


def place(data: Path, recording: str | Path) -> Path:
    """Where the peaks of a recording lie.  recording: its path below the data directory, as the store has it."""
    return data / "peaks" / Path(*Path(recording).parts[1:]).with_suffix(".dat")


def of_wav(file: BinaryIO | str) -> Peaks:
    """From the sound itself.  Raises NoPeaks, OSError."""
    try:
        with wave.open(file, "rb") as wav:
            if (wav.getnchannels(), wav.getsampwidth()) != (SIDES, 2):
                raise NoPeaks("it is no recording of ours")
            maker = Maker(wav.getnframes(), wav.getframerate())
            while chunk := wav.readframes(_CHUNK):
                maker.take(chunk[: len(chunk) - len(chunk) % (2 * SIDES)])
    except (wave.Error, EOFError) as fault:
        raise NoPeaks(f"it is no recording of ours: {fault}") from fault
    return maker.made()


def write(peaks: Peaks, path: Path) -> None:
    """Keep them, whole or not at all, readable by us only.  Raises OSError."""
    import numpy as np

    for folder in reversed(path.parents[:4]):  # peaks, year, month, day
        folder.mkdir(mode=0o700, exist_ok=True)
    both = np.empty((len(peaks.low), SIDES, 2), "<i2")
    both[:, :, 0], both[:, :, 1] = peaks.low, peaks.high
    header = _HEADER.pack(2, 0, peaks.rate, peaks.piece, len(peaks.low), SIDES)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(header + both.tobytes())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def read(path: Path) -> Peaks:
    """Those that were kept.  Raises NoPeaks."""
    import numpy as np

    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise NoPeaks(f"{path.name}: {fault.strerror}") from fault
    if len(raw) < _HEADER.size:
        raise NoPeaks(f"{path.name} is too short")
    version, flags, rate, piece, length, channels = _HEADER.unpack_from(raw)
    sound = (version, flags, channels) == (2, 0, SIDES) and rate > 0 and piece > 0
    if not sound or len(raw) != _HEADER.size + length * SIDES * 2 * 2:
        raise NoPeaks(f"{path.name} is damaged")
    both = np.frombuffer(raw, "<i2", offset=_HEADER.size).reshape(-1, SIDES, 2)
    return Peaks(rate, piece, both[:, :, 0], both[:, :, 1])


def had(data: Path, recording: str | Path) -> Peaks:
    """Those that were kept, else made anew, and kept if there is room.  Blocks, up to seconds when they are made.

    Raises NoPeaks.
    """
    path = place(data, recording)
    with suppress(NoPeaks):
        return read(path)
    try:
        with (data / recording).open("rb") as file:
            made = of_wav(file)
    except OSError as fault:
        raise NoPeaks(f"{Path(recording).name} can't be read: {fault.strerror}") from fault
    with suppress(OSError):
        write(made, path)
    return made


def forget(data: Path, recording: str | Path) -> None:
    """The recording is erased.  Raises OSError."""
    place(data, recording).unlink(missing_ok=True)
