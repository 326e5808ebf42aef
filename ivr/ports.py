"""What a call session needs of the world: a line to a caller, and a clock.

Rules: a session awaits nothing but these; the Asterisk line, the text telephone and the fakes of the tests are
equal before it.  Times are seconds of one monotonic clock (`Line.now`) unless they are called a date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from domain.model import Began


class Cause(StrEnum):
    """Why a call is over, in our words; adapters translate the exchange's."""

    CALLER = "caller hung up"
    US = "we hung up"
    TIME_OVER = "longest duration reached"
    FAULT = "network or exchange fault"
    UNKNOWN = "unknown cause"


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key: one of `0-9*#A-D`.  Exactly one per key press, however long the tone."""

    digit: str


@dataclass(frozen=True, slots=True)
class Played:
    """What we were playing is over: to its end, or stopped by `hush` (`whole` is then False).

    `whole` is False too when the exchange could not play it; `fault` then says why, in the exchange's words.
    """

    whole: bool
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The caller is no longer there.  Nothing follows it."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that `hear` was told to wait for has come and nothing was heard."""


Heard: TypeAlias = Key | Played | Gone | Tick


class NotOurs(Exception):
    """The line is another controller's now; nothing may be done to it any more, not even an apology."""


class Line(Protocol):
    """A caller, connected.  One session uses it, one operation at a time."""

    @property
    def began(self) -> Began:
        """How the call came in."""
        ...

    def now(self) -> float:
        """Monotonic seconds; the scale of `hear`'s `until`."""
        ...

    def date(self) -> datetime:
        """Wall-clock time, timezone-aware UTC."""
        ...

    async def hear(self, until: float | None) -> Heard:
        """The next thing that happens, in order; `Tick` when nothing did before `until` (None: wait for ever)."""
        ...

    async def play(self, clips: Sequence[str]) -> None:
        """Start playing these clips (names below the sounds folder, no extension) one after another, gapless.

        Returns when the exchange took the request; exactly one `Played` is heard when it is over.  Never raises
        because the caller is gone: `Gone` is heard then.  Called when nothing else plays, or when what plays should
        have ended long ago: that is stopped then, and its `Played` never heard.
        """
        ...

    async def hush(self) -> None:
        """Stop what is playing; its `Played(whole=False)` is still heard.  Without effect when nothing plays."""
        ...

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        """Send the caller on to people (`to` names a dialplan context), who go on in this language (ISO 639-1) and
        see what they are `told`: topic, account, said; the line is ours no longer."""
        ...

    async def hang_up(self) -> None:
        """End the call.  Without effect when the caller is gone."""
        ...
