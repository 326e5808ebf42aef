"""Every call that a controller knows of, and how it stands with each."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from ivr.asterisk.line import AsteriskLine
from ivr.ports import Cause


class Stage(Enum):
    """Where a call is."""

    CLAIMED = "claimed"  # asked for; not ours before StasisStart
    OURS = "ours"
    STRAY = "stray"  # asked about by `account_for`; nobody knows yet where it is
    LEFT = "left"  # the dialplan has it, or nobody; we wait for its channel's end
    ANOTHERS = "another's"  # not ours to touch, however long Asterisk tells us of it


@dataclass(slots=True, eq=False)
class Call:
    """One call, by its channel."""

    channel: str
    stage: Stage
    asked: float  # monotonic seconds: when we last learned or asked how it stands
    conducted: bool  # we conduct it or did, or one of our name before us
    offered: int = 0  # which offer of it we know of: how often people had given it back by then
    line: AsteriskLine | None = None
    task: asyncio.Task[None] | None = None
    watched: bool = False  # Asterisk will tell us of the channel's end
    soft: bool = False  # the end was asked for on this side
    cause: Cause | None = None


class Calls:
    """By channel.  changed: set whenever one of them was moved or forgotten."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._calls: dict[str, Call] = {}

    def __contains__(self, channel: object) -> bool:
        return channel in self._calls

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        """Those of now, whatever becomes of them meanwhile."""
        return iter([*self._calls.values()])

    def get(self, channel: str) -> Call | None:
        """The one of this channel, if we know of it."""
        return self._calls.get(channel)

    def holds(self, call: Call) -> bool:
        """Whether it is still this one that bears its channel's name."""
        return self._calls.get(call.channel) is call

    def enter(self, channel: str, stage: Stage, *, conducted: bool = False) -> Call:
        """A new one, in the place of any other of that name."""
        call = self._calls[channel] = Call(channel, stage, now(), conducted)
        return call

    def move(self, call: Call, stage: Stage) -> None:
        """It is somewhere else now; we just learned so."""
        call.stage = stage
        call.asked = now()
        self.changed.set()

    def forget(self, call: Call) -> None:
        """It is over, or none of ours."""
        if self.holds(call):
            del self._calls[call.channel]
        self.changed.set()


def now() -> float:
    """The event loop's seconds."""
    return asyncio.get_running_loop().time()
