"""Parts of a recording that nobody outside may hear, replaced by a quiet tone.

Rules
1. In a hidden part nothing of the sound is left, on neither side: what one says is heard back through the other's
   telephone.  Outside of it every sample stays as it was, bit by bit.
2. The tone tells a listener that something was hidden there, and can't be taken for a key (Q.23) or for silence.
3. The copy depends on the recording and the parts alone, not on how it is read: the same twice is the same file.

Which parts those are is for others to say (`ivr.console.hidden`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

SIDES: Final = 2
TONE: Final = 350.0
"""Hz; the lowest tone of a key is 697."""
LEVEL: Final = 600
"""Its peak, of 32767: -35 dBFS."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of a recording.  began, ended: seconds from its beginning; why: what is hidden, for people."""

    began: float
    ended: float
    why: str = ""

    def __contains__(self, moment: float) -> bool:
        return self.began <= moment < self.ended


def merged(spans: Iterable[Span], seconds: float) -> list[Span]:
    """In order, apart from each other, within a recording of so many seconds; the reasons of what was joined stay."""
    found: list[Span] = []
    for span in sorted(Span(max(0.0, each.began), min(each.ended, seconds), each.why) for each in spans):
        if span.began >= span.ended:
            continue
        if found and span.began <= found[-1].ended:
            last = found[-1]
            reasons = dict.fromkeys((*last.why.split(", "), *span.why.split(", ")))
            found[-1] = Span(last.began, max(last.ended, span.ended), ", ".join(filter(None, reasons)))
        else:
            found.append(span)
    return found


def masked(chunk: bytes, first: int, spans: Sequence[Span], rate: int = 8000) -> bytes:
    """These moments (16 bits, two channels) with the tone in hidden parts.

    first: the number of the chunk's first moment in the recording.  spans: as `merged` gives them.
    """
    import numpy as np

    moments = len(chunk) // (2 * SIDES)
    places = [_places(span, first, moments, rate) for span in spans]
    places = [(a, b) for a, b in places if a < b]
    if not places:
        return chunk
    samples = np.frombuffer(chunk, "<i2").reshape(-1, SIDES).copy()
    for a, b in places:
        at = np.arange(first + a, first + b)
        tone = np.rint(LEVEL * np.sin(2 * np.pi * TONE / rate * at)).astype("<i2")
        samples[a:b] = tone[:, None]
    return samples.tobytes()


def _places(span: Span, first: int, moments: int, rate: int) -> tuple[int, int]:
    """From which moment of a chunk to which; outwards to whole moments."""
    began, ended = math.floor(span.began * rate), math.ceil(span.ended * rate)
    return max(began - first, 0), min(ended - first, moments)
