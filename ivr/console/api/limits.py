"""How often a client may ask: a token bucket for each.

Rules: a bucket holds a minute's worth, fills evenly, and is full at the start; the clock is an argument.  Buckets
are this process's own: two processes allow twice as much.  Theory: the header fields are those of the IETF's draft
"RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers).
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from math import ceil
from typing import Final

MOST: Final = 10_000
"""Buckets that are kept; the one that was not asked for longest is forgotten first, that is: taken as full."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """granted: may this request pass?  remaining: how many more may at once.  wait: seconds to the next one."""

    granted: bool
    limit: int
    remaining: int
    wait: int

    def headers(self) -> dict[str, str]:
        """For the response."""
        told = {
            "RateLimit-Policy": f'"minute";q={self.limit};w=60',
            "RateLimit": f'"minute";r={self.remaining};t={self.wait}',
        }
        return told if self.granted else {**told, "Retry-After": str(self.wait)}


class Limits:
    """The buckets of all who ask."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # tokens, when

    def take(self, who: Hashable, per_minute: int, now: float) -> Allowance:
        """May `who` ask once more?  now: seconds of a clock that never goes back."""
        tokens, since = self._buckets.pop(who, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - since) * per_minute / 60)
        granted = tokens >= 1
        left = tokens - 1 if granted else tokens
        self._buckets[who] = (left, now)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        wait = 0 if left >= 1 else max(1, ceil((1 - left) * 60 / per_minute))
        return Allowance(granted, per_minute, int(left), wait)
