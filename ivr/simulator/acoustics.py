"""Where a caller calls from, and over what: noise, packets that get lost, our own voice that comes back.

Rule 1: Small transforms of int16 samples at 8 kHz, each of one thing; `Surroundings` puts them in the order of
        nature: what the microphone takes up (speech, noise, echo), then the network.
Rule 2: Noise is there during the whole call, not only under words: a recogniser must tell the one from the other.
Rule 3: Everything random has a seed.

Levels are of active speech in dB of full scale, in the spirit of ITU-T P.56.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ivr.simulator.g711 import FRAME, RATE, Samples

SPEECH_DB = -26.0
"""Active level of speech on a telephone line, as ITU-T tests it (P.830), in dB of full scale."""
FULL = 32768.0


def louder(samples: Samples, gain: float) -> Samples:
    """The same, `gain` dB louder; what is too loud is clipped."""
    return _int16(samples.astype(np.float64) * 10 ** (gain / 20))


def white(seconds: float, level: float, seed: int = 0) -> Samples:
    """Noise of an even spectrum.  level: dB of full scale."""
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return _at(noise, level)


def babble(talkers: Sequence[Samples], seconds: float, level: float, seed: int = 0) -> Samples:
    """Talkers at once, each from somewhere in what they say and over again.  Raises ValueError without any."""
    if not talkers:
        raise ValueError("a babble needs somebody who talks")
    chance, count = np.random.default_rng(seed), round(seconds * RATE)
    together = np.zeros(count)
    for each in talkers:
        talk = each.astype(np.float64)
        talk /= np.sqrt(np.mean(talk**2)) or 1.0
        together += np.resize(np.roll(talk, int(chance.integers(len(talk)))), count)
    return _at(together, level)


@dataclass(frozen=True, slots=True)
class Echo:
    """What comes out of the caller's earpiece goes into their microphone.  gain: dB.  delay: milliseconds."""

    gain: float
    delay: int = 60


class Surroundings:
    """What becomes of a caller's sound, frame by frame of 20 ms.

    noise: over and over again.  loss: share of packets that the network loses.
    """

    def __init__(
        self, *, noise: Samples | None = None, echo: Echo | None = None, loss: float = 0.0, seed: int = 0
    ) -> None:
        if noise is not None and len(noise) < FRAME:
            raise ValueError("noise of less than 20 ms is a tone")
        self._noise = None if noise is None else np.resize(noise, -(-len(noise) // FRAME) * FRAME)
        self._echo, self._loss = echo, loss
        self._chance = np.random.default_rng(seed)
        self._turn, self._next = 0, 0
        self._coming: dict[int, Samples] = {}

    def sent(self, frame: Samples) -> Samples:
        """The caller's next frame, as the microphone takes it up."""
        self._turn += 1
        heard = frame.astype(np.float64)
        if self._noise is not None:
            at = self._turn * FRAME % len(self._noise)
            heard += self._noise[at : at + FRAME]
        if (back := self._coming.pop(self._turn, None)) is not None and self._echo is not None:
            heard += back.astype(np.float64) * 10 ** (self._echo.gain / 20)
        return _int16(heard)

    def heard(self, frame: Samples) -> None:
        """A frame that comes out of the earpiece now; frames that come together are heard one after the other."""
        if self._echo is not None:
            self._next = max(self._next + 1, self._turn + 1 + self._echo.delay * RATE // 1000 // FRAME)
            self._coming[self._next] = np.resize(frame, FRAME)

    def lost(self) -> bool:
        """Whether the network loses the next packet."""
        return self._loss > 0 and bool(self._chance.random() < self._loss)


def _at(sound: np.ndarray[tuple[int], np.dtype[np.float64]], level: float) -> Samples:
    return _int16(sound / np.sqrt(np.mean(sound**2)) * FULL * 10 ** (level / 20))


def _int16(sound: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Samples:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
