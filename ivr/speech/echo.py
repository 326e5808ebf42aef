"""Our own prompt that comes back from the caller's telephone, told from the caller.

Rules
1. Only asked when a voice begins while something plays, or soon after: nothing is computed otherwise.
2. What was heard is explained by what was played if a delay of up to `LONGEST_DELAY` and a short filter (the
   telephone, the hybrid) make most of its energy out of the clips.  What is left is the caller.
3. A prompt that has been replaced or stopped still comes back for a while: what was played is a history.
4. A clip that can't be read is not compared; that is not worth a call's failing.

Theory: normalised cross-correlation finds the delay; least squares over `TAPS` samples around it find the filter, and
the residual's share of the energy is what the prompt does not explain.  Gain doesn't matter for either.

When a packet is late, silence of its length goes into the stream, and everything after it is as much later; when one
is dropped, earlier.  So if one delay explains too little, a second look allows for one jump of whole packets, at any
sample, with the same filter on both sides of it: that is little freedom, and a higher bar makes up for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE = 8000
LONGEST_DELAY = int(0.9 * RATE)
"""Samples from the request to play until the echo arrives, at most; late packets add to it all through a prompt."""
TAPS = 48
"""Samples of the echo path: 6 ms."""
EXPLAINED = 0.35
"""From this share of the energy on it is echo; measured in decision 087."""
EXPLAINED_WITH_JUMP = 0.55
"""The same when the delay may jump: what one jump more explains of a caller stays below; ibidem."""
PACKET = 160
"""Samples of an RTP packet, 20 ms."""
JUMPS = tuple(packets * PACKET for packets in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5))
"""By how much the delay may change within what is compared."""
_KEPT = 2 * RATE
"""Samples for which what was played is remembered."""

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


@dataclass(slots=True)
class _Prompt:
    """Clips in a row.  began, until: samples of what we hear; None: it goes on."""

    clips: tuple[str, ...]
    began: int
    until: int | None = None


class Echo:
    """What one caller hears, along the samples that we hear from them.

    sounds: the folder of the clips.  own: that of clips which are named absolutely: prompts that were changed.
    """

    def __init__(self, sounds: Path | None, own: Path | None = None) -> None:
        self._sounds = sounds
        self._own = own
        self._prompts = list[_Prompt]()

    def plays(self, clips: Sequence[str], at: int) -> None:
        """From sample `at` on they hear these (empty: nothing any more)."""
        self._prompts = [one for one in self._prompts if one.until is None or one.until > at - _KEPT]
        if self._prompts and self._prompts[-1].until is None:
            self._prompts[-1].until = at
        if clips:
            self._prompts.append(_Prompt(tuple(clips), at))

    def explains(self, heard: npt.NDArray[np.int16], until: int) -> bool:
        """Whether `heard`, whose last sample has number `until`, is our own prompt."""
        return self.share(heard, until) >= EXPLAINED

    def share(self, heard: npt.NDArray[np.int16], until: int) -> float:
        """How much of its energy the prompt explains, 0 to 1."""
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
        out = np.zeros(end - begin, np.float32)
        if self._sounds is None:
            return out
        for prompt in self._prompts:
            at, until = prompt.began, end if prompt.until is None else min(end, prompt.until)
            for name in prompt.clips:
                if at >= until or (name.startswith("/") and Path(name).parent != self._own):
                    break  # what a caller told is played to them from elsewhere; nobody keeps their voice in memory
                clip = _clip(self._sounds / f"{name}.alaw")
                first, last = max(at, begin), min(at + len(clip), until)
                if first < last:
                    out[first - begin : last - begin] = clip[first - at : last - at]
                at += len(clip)
        return out


def _explained(sound: Sound, played: Sound, energy: float) -> float:
    """The share of `sound` that a filter makes of a stretch of `played` (LONGEST_DELAY samples longer)."""
    _, left = _fit(sound, _shifts(played, _delay(sound, played), len(sound)))
    share = 1.0 - left / energy
    if share >= EXPLAINED:
        return share
    again = 1.0 - _left_with_jump(sound, played) / energy
    return again if again >= EXPLAINED_WITH_JUMP else max(0.0, share)


def _delay(sound: Sound, played: Sound) -> int:
    """Where in `played` the filter begins that is most like `sound`."""
    size = 1 << (len(played) + len(sound) - 1).bit_length()
    spectrum = np.fft.rfft(played, size)
    products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(sound, size)), size)[: LONGEST_DELAY + 1]
    squares = np.concatenate([[0.0], np.cumsum(played.astype(np.float64) ** 2)])
    energies = squares[len(sound) :] - squares[: -len(sound)]
    best = int(np.argmax(products**2 / np.maximum(energies, 1e-6)))
    return min(max(0, best - TAPS // 2), LONGEST_DELAY - TAPS)


def _stretch(played: Sound, first: int, count: int) -> Sound:
    """`count` samples from sample `first` on; silence outside."""
    before, after = max(0, -first), max(0, first + count - len(played))
    return np.pad(played, (before, after))[first + before :][:count]


def _shifts(played: Sound, first: int, count: int) -> Sound:
    """`TAPS` samples for each of `count`, from sample `first` on."""
    return np.lib.stride_tricks.sliding_window_view(_stretch(played, first, count + TAPS - 1), TAPS)


def _fit(sound: Sound, shifts: Sound) -> tuple[Sound, float]:
    """The filter that makes most of `sound` out of `shifts`, and the energy that is left."""
    shifts = np.ascontiguousarray(shifts)
    normal = shifts.T @ shifts
    normal[np.diag_indices(TAPS)] += 1e-4 * normal.trace() / TAPS + 1e-9
    taps = np.linalg.solve(normal, shifts.T @ sound)
    residual = sound - shifts @ taps
    return taps, float(residual @ residual)


def _left_with_jump(sound: Sound, played: Sound) -> float:
    """The energy that is left at best when the delay jumps once: one half of it, or nearly, has one delay."""
    found, best = np.inf, (0, 0, 0, 0)
    middle = len(sound) // 2
    for half in (slice(0, middle), slice(middle, len(sound))):
        part, around = sound[half], played[half.start : half.stop + LONGEST_DELAY]
        first = _delay(part, around)
        taps, _ = _fit(part, _shifts(around, first, len(part)))
        made = np.correlate(_stretch(played, first - JUMPS[-1], len(sound) + 2 * JUMPS[-1] + TAPS - 1), taps)
        left_of = {
            jump: np.concatenate([[0.0], np.cumsum((sound - made[JUMPS[-1] - jump :][: len(sound)]) ** 2)])
            for jump in (0, *JUMPS)
        }
        for early, late in [pair for jump in JUMPS for pair in ((0, jump), (jump, 0))]:
            left = left_of[early] + left_of[late][-1] - left_of[late]
            if left.min() < found:
                found, best = float(left.min()), (int(left.argmin()), first, early, late)
    at, first, early, late = best
    shifts = [_shifts(played, first - jump, len(sound)) for jump in (early, late)]
    return _fit(sound, np.concatenate([shifts[0][:at], shifts[1][at:]]))[1]
