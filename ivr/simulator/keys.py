"""How a key of the telephone goes out: as telephone-event packets (RFC 4733) or as two tones in the audio (Q.23).

Rule 1: A key is planned once, tick by tick of 20 ms, and then sent by the clock of the audio; both run in step.
Rule 2: An event's packets carry its growing duration in samples; the first has the marker bit; when the key has
        ended the final duration is repeated with the end bit. The key has *ended* with the first end packet.
Rule 3: Telephones in the field break rule 2. `Keying` breaks it on purpose, so that tests can.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ivr.simulator.g711 import FRAME, RATE, Samples

KEYS = "0123456789*#ABCD"
"""In the order of their telephone-event codes."""
TICK_MS = 20
VOLUME = 10
"""Power of the tone an event stands for, in -dBm0."""
TONE_LEVEL = 4000
"""Peak of each of the two in-band tones, in 16-bit units: -18 dBFS each."""
_LOW, _HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_PAD = ("123A", "456B", "789C", "*0#D")


@dataclass(frozen=True, slots=True)
class Keying:
    """How keys are pressed. The defaults are a well-made telephone; the rest are faults met in the field.

    Times are rounded up to whole ticks of 20 ms; an event's stated duration is exact.

    Raises:
        ValueError: a tone outside 1..8000 ms (the duration field ends at 8191 ms) or a negative count.
    """

    tone_ms: int = 100
    gap_ms: int = 80
    """From the end of a key to the start of the next."""
    end_packets: int = 3
    marker: bool = True
    doubled: bool = False
    """The network delivers every event packet twice."""
    lost: frozenset[int] = frozenset()
    """The packets of each key, counted from 0, that the network loses; their sequence numbers stay used."""

    def __post_init__(self) -> None:
        if not 1 <= self.tone_ms <= 8000:
            raise ValueError(f"a key is pressed for 1 to 8000 ms, not {self.tone_ms}")
        if self.gap_ms < 0 or self.end_packets < 0:
            raise ValueError("gap_ms and end_packets cannot be negative")

    @property
    def tone_ticks(self) -> int:
        return math.ceil(self.tone_ms / TICK_MS)

    @property
    def gap_ticks(self) -> int:
        return max(1, math.ceil(self.gap_ms / TICK_MS))


@dataclass(slots=True)
class KeySent:
    """One key as it went out, in seconds of the caller's clock; nan = not yet."""

    key: str
    started: float = math.nan
    """The first event packet or the first frame with the tone was sent."""
    ended: float = math.nan
    """The first end packet, the last frame with the tone, or the INFO request was sent."""


class EventPacket(NamedTuple):
    """One telephone-event packet before it gets its numbers."""

    code: int
    duration: int
    """Samples since the key was pressed."""
    end: bool
    marker: bool
    lost: bool

    def payload(self) -> bytes:
        return bytes((self.code, (0x80 if self.end else 0) | VOLUME)) + self.duration.to_bytes(2, "big")


@dataclass(slots=True)
class Tick:
    """What the key that is being pressed does in one tick."""

    events: list[EventPacket] = field(default_factory=list)
    """Sent in place of the tick's audio, if any."""
    starts: KeySent | None = None
    ends: KeySent | None = None


def check(keys: str) -> None:
    """Raises ValueError unless every character is a key of the telephone."""
    if wrong := set(keys) - set(KEYS):
        raise ValueError(f"no such key on a telephone: {''.join(sorted(wrong))!r}")


def event_ticks(sent: KeySent, keying: Keying) -> list[Tick]:
    """A key as telephone-events, the gap after it included."""
    code = KEYS.index(sent.key)
    samples = keying.tone_ms * RATE // 1000
    plan = [Tick() for _ in range(keying.tone_ticks + keying.gap_ticks)]
    last = len(plan) - 1
    for n in range(keying.tone_ticks + keying.end_packets):
        end = n >= keying.tone_ticks
        duration = samples if end else min(samples, (n + 1) * FRAME)
        packet = EventPacket(code, duration, end, keying.marker and n == 0, n in keying.lost)
        plan[min(n, last)].events += [packet] * (2 if keying.doubled else 1)
    plan[0].starts = sent
    plan[keying.tone_ticks].ends = sent
    return plan


def tone_ticks(sent: KeySent, keying: Keying) -> list[Tick]:
    """The ticks of a key whose tones are mixed into the audio; `tones` are those tones."""
    plan = [Tick() for _ in range(keying.tone_ticks + keying.gap_ticks)]
    plan[0].starts = sent
    plan[keying.tone_ticks - 1].ends = sent
    return plan


@lru_cache(maxsize=64)
def tones(key: str, tone_ms: int) -> Samples:
    """The two frequencies of a key, `tone_ms` long."""
    row = next(n for n, line in enumerate(_PAD) if key in line)
    time = np.arange(tone_ms * RATE // 1000) / RATE
    both = sum(np.sin(2 * np.pi * hz * time) for hz in (_LOW[row], _HIGH[_PAD[row].index(key)]))
    return np.round(TONE_LEVEL * np.asarray(both)).astype(np.int16)
