"""Our own prompt that comes back from the caller's telephone, told from the caller.

Rules
1. Only asked when a voice begins while something plays, or soon after: nothing is computed otherwise.
2. What was heard is explained by what was played if a delay of up to `LONGEST_DELAY` and a short filter (the
   telephone, the hybrid) make most of its energy out of the clips.  What is left is the caller.
3. A clip that can't be read is not compared; that is not worth a call's failing.

Theory: normalised cross-correlation finds the delay; least squares over `TAPS` samples around it find the filter, and
the residual's share of the energy is what the prompt does not explain.  Gain doesn't matter for either.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 8000
LONGEST_DELAY = int(0.6 * RATE)
"""Samples from the request to play until the echo arrives, at most."""
TAPS = 48
"""Samples of the echo path: 6 ms."""
EXPLAINED = 0.35
"""From this share of the energy on it is echo; measured in decision 087."""
_TAIL = LONGEST_DELAY + RATE // 2

Sound = npt.NDArray[np.float32]


def _a_law() -> Sound:
    """ITU-T G.711: every byte's sample, full scale 1."""
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, ((code & 15) << 4) + 8
    size = np.where(segment > 0, (step + 0x100) << np.maximum(segment - 1, 0), step)
    return (np.where(code & 0x80, size, -size) / 32768).astype(np.float32)


_A_LAW = _a_law()


@lru_cache(maxsize=64)
def _clip(path: Path) -> Sound:
    try:
        return _A_LAW[np.frombuffer(path.read_bytes(), np.uint8)]
    except OSError:
        return np.zeros(0, np.float32)


class Echo:
    """What one caller hears, along the samples that we hear from them."""

    def __init__(self, sounds: Path | None) -> None:
        self._sounds = sounds
        self._began = 0
        self._until: int | None = None
        self._clips: tuple[str, ...] = ()

    def plays(self, clips: Sequence[str], at: int) -> None:
        """From sample `at` on they hear these (empty: nothing any more)."""
        if clips:
            self._clips, self._began, self._until = tuple(clips), at, None
        elif self._until is None:
            self._until = at

    def explains(self, heard: npt.NDArray[np.int16], until: int) -> bool:
        """Whether `heard`, whose last sample has number `until`, is our own prompt."""
        return self.share(heard, until) >= EXPLAINED

    def share(self, heard: npt.NDArray[np.int16], until: int) -> float:
        """How much of its energy the prompt explains, 0 to 1."""
        if not self._clips or self._sounds is None or (self._until is not None and until > self._until + _TAIL):
            return 0.0
        begin = until - len(heard) - LONGEST_DELAY
        played = self._played(begin, until)
        sound = heard.astype(np.float32) / 32768
        sound -= sound.mean()
        energy = float(sound @ sound)
        if energy == 0 or not played.any():
            return 0.0
        return _explained(sound, played, energy)

    def _played(self, begin: int, end: int) -> Sound:
        """Samples `begin` to `end` of what was played; silence around it."""
        assert self._sounds is not None
        out = np.zeros(end - begin, np.float32)
        at = self._began
        for name in self._clips:
            if at >= min(end, end if self._until is None else self._until):
                break
            clip = _clip(self._sounds / f"{name}.alaw")
            if at + len(clip) > begin:
                first, last = max(at, begin), min(at + len(clip), end)
                out[first - begin : last - begin] = clip[first - at : last - at]
            at += len(clip)
        if self._until is not None:
            out[max(0, self._until - begin) :] = 0
        return out


def _explained(sound: Sound, played: Sound, energy: float) -> float:
    """The share of `sound` that a filter makes of a stretch of `played` (LONGEST_DELAY samples longer)."""
    size = 1 << (len(played) + len(sound) - 1).bit_length()
    spectrum = np.fft.rfft(played, size)
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(sound, size)), size)[: LONGEST_DELAY + 1]
    squares = np.concatenate([[0.0], np.cumsum(played.astype(np.float64) ** 2)])
    energies = squares[len(sound) :] - squares[: -len(sound)]
    likeness = products**2 / (np.maximum(energies[: len(products)], 1e-6) * energy)
    best = int(np.argmax(likeness))
    first = min(max(0, best - TAPS // 2), LONGEST_DELAY - TAPS)
    shifted = np.lib.stride_tricks.sliding_window_view(played[first : first + len(sound) + TAPS - 1], TAPS)
    shifted = np.ascontiguousarray(shifted)
    normal = shifted.T @ shifted
    normal[np.diag_indices(TAPS)] += 1e-4 * normal.trace() / TAPS + 1e-9
    taps = np.linalg.solve(normal, shifted.T @ sound)
    residual = sound - shifted @ taps
    return max(0.0, 1.0 - float(residual @ residual) / energy)
