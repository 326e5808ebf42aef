"""What a scripted call tells: its values, and the errors a script can run into.

All times are seconds of the caller's clock (`time.monotonic`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ivr.simulator.g711 import CodecName
from ivr.simulator.hearing import Heard
from ivr.simulator.keys import KeySent

Dtmf = Literal["rfc4733", "inband", "info"]
EventKind = Literal["sip>", "sip<", "key", "voice", "heard", "note"]


class CallerError(Exception):
    """What a script can run into; the message is made for the person who debugs it."""


class CallFailed(CallerError):
    """The call was not answered."""

    def __init__(self, status: int, reason: str, cause: int | None = None) -> None:
        super().__init__(f"the call failed: {status} {reason}" + (f" (Q.850 cause {cause})" if cause else ""))
        self.status, self.reason, self.cause = status, reason, cause


class CallEnded(CallerError):
    """There is no call (any more) in which to do that."""


class NotHungUp(CallerError):
    """The far side did not hang up in time."""


class NotHeard(CallerError):
    """A prompt did not come. `instead` is what was recognised while waiting."""

    def __init__(self, prompts: Sequence[str], waited: float, instead: Sequence[Heard], story: str) -> None:
        super().__init__(f"did not hear {' or '.join(map(repr, prompts))} in {waited:.1f} s; {story}")
        self.prompts, self.waited, self.instead = tuple(prompts), waited, tuple(instead)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in the call, for the log of a test or for printing a conversation as it is held."""

    at: float
    """Seconds of the caller's clock."""
    kind: EventKind
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    at: float
    dialled: float
    codec: CodecName
    dtmf: Dtmf


@dataclass(frozen=True, slots=True)
class HangUp:
    """How the call ended."""

    by: Literal["us", "them"]
    at: float
    cause: int | None = None
    """Q.850 cause, where one was stated."""
    text: str = ""

    def __str__(self) -> str:
        who = "we" if self.by == "us" else "the far side"
        return f"{who} hung up" + (f" (Q.850 {self.cause} {self.text})".replace(" )", ")") if self.cause else "")


@dataclass(frozen=True, slots=True)
class Pressed:
    """Keys as they went out."""

    keys: tuple[KeySent, ...]

    @property
    def started(self) -> float:
        """Sending of the first packet of the first key."""
        return self.keys[0].started

    @property
    def ended(self) -> float:
        """Sending of the first end-of-event packet of the last key."""
        return self.keys[-1].ended


@dataclass(slots=True)
class Spoken:
    """Sound as it went out; nan: not yet.  started, ended: sending of its first and of its last audible packet."""

    started: float = math.nan
    ended: float = math.nan


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the end of the last key or word to the answer of the hotline."""

    packet: float
    """To the first RTP packet of the next clip."""
    onset: float
    """To its first audible packet."""


def latency(pressed: Pressed | Spoken, heard: Heard) -> Latency:
    """What the caller feels. Negative where the prompt had begun before the key or the word ended."""
    return Latency(heard.first_packet - pressed.ended, heard.onset - pressed.ended)
