"""G.711 by tables: 16-bit linear samples to A-law and mu-law bytes and back.

Rule 1: One byte per sample, 8000 samples a second, 160 bytes per 20 ms frame.
Rule 2: Encoding is bit-exact with Asterisk's. G.711 needs 13 bits of A-law and 14 of mu-law; Asterisk looks the
        sample up without its lowest 3 (A-law) or 2 (mu-law) bits, in a table filled from the largest sample of
        each such group. So `encode` sets those bits first. One sample encoded otherwise would make a whole frame
        unknown to `hearing`.
Rule 3: Nothing per packet touches numpy: whether a frame is audible is one `bytes.translate`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

RATE = 8000
FRAME = 160
"""Samples, and so G.711 bytes, in a frame of 20 ms."""
AUDIBLE = 256
"""A frame is audible from this peak on, in 16-bit units: -42 dBFS, above the noise of any prompt's silence."""

CodecName = Literal["PCMA", "PCMU"]
Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """One of the two laws, with its static RTP payload type (RFC 3551)."""

    name: CodecName
    payload_type: int
    silence: bytes
    """One frame of it."""
    encoding: npt.NDArray[np.uint8]
    decoding: Samples
    quiet: bytes
    """Every byte whose sample is below `AUDIBLE`."""

    def encode(self, samples: Samples) -> bytes:
        """Linear samples (int16, 8 kHz) as G.711 bytes."""
        return self.encoding[np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> Samples:
        """G.711 bytes as linear samples (int16, 8 kHz)."""
        return self.decoding[np.frombuffer(payload, dtype=np.uint8)]

    def frames(self, samples: Samples) -> list[bytes]:
        """Samples encoded and cut into 20 ms frames, the last one filled up with silence."""
        data = self.encode(samples)
        data += self.silence[: -len(data) % FRAME]
        return [data[at : at + FRAME] for at in range(0, len(data), FRAME)]

    def audible(self, payload: bytes) -> bool:
        """Whether any sample of this payload reaches `AUDIBLE`."""
        return bool(payload.translate(None, self.quiet))


def _bit_length(magnitude: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.frexp(magnitude.astype(np.float64))[1].astype(np.int32)


def _every_sample() -> npt.NDArray[np.int32]:
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _a_law() -> tuple[npt.NDArray[np.uint8], Samples]:
    linear = _every_sample() | 7
    magnitude = np.abs(linear)
    segment = np.maximum(_bit_length(magnitude) - 8, 0)
    mantissa = (magnitude >> np.where(segment > 0, segment + 3, 4)) & 15
    encoding = ((segment << 4) | mantissa) ^ np.where(linear >= 0, 0xD5, 0x55)
    code = np.arange(256) ^ 0x55
    segment = (code >> 4) & 7
    step = ((code & 15) << 4) + 8
    magnitude = np.where(segment > 0, (step + 0x100) << np.maximum(segment - 1, 0), step)
    return encoding.astype(np.uint8), np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _mu_law() -> tuple[npt.NDArray[np.uint8], Samples]:
    bias = 132
    linear = _every_sample() | 3
    magnitude = np.minimum(np.abs(linear), 32635) + bias
    segment = _bit_length(magnitude) - 8
    mantissa = (magnitude >> (segment + 3)) & 15
    encoding = ((segment << 4) | mantissa | np.where(linear < 0, 0x80, 0)) ^ 0xFF
    code = np.arange(256) ^ 0xFF
    magnitude = ((((code & 15) << 3) + bias) << ((code >> 4) & 7)) - bias
    return encoding.astype(np.uint8), np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _codec(name: CodecName, payload_type: int, tables: tuple[npt.NDArray[np.uint8], Samples]) -> Codec:
    encoding, decoding = tables
    quiet = bytes(np.flatnonzero(np.abs(decoding.astype(np.int32)) < AUDIBLE).astype(np.uint8))
    return Codec(name, payload_type, bytes([encoding[0]]) * FRAME, encoding, decoding, quiet)


PCMA = _codec("PCMA", 8, _a_law())
PCMU = _codec("PCMU", 0, _mu_law())
CODECS: dict[CodecName, Codec] = {"PCMA": PCMA, "PCMU": PCMU}
