"""What Asterisk tells us, typed: ARI's events under ARI's names, with the fields that we use and no others.

Rules: the wanted types are the keys of one table; Asterisk is asked to send only these (`event_filter`).  What
can't be read - another type, a missing field, no JSON at all - is noted in `Strangers`: logged the first time,
counted every time, never fatal.  Theory: an event is about 700 bytes and costs some 10 microseconds to read with
the standard library, of the several milliseconds that a call costs; see docs/decisions/041-events.md.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as Asterisk sees it.

    app, app_data: the dialplan application that runs on it and its arguments.
    created: when Asterisk made it, UTC.
    """

    id: str
    caller: str
    context: str
    exten: str
    app: str
    app_data: str
    created: datetime

    @property
    def in_stasis(self) -> bool:
        """A controller conducts it (after a claim the application's name stays `StasisBroadcast`)."""
        return self.app in ("Stasis", "StasisBroadcast")


@dataclass(frozen=True, slots=True)
class CallBroadcast:
    """A new call is offered to every controller; the first that claims it gets it."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel is ours now.  `replaces`: the channel whose place it takes (an attended transfer), else None."""

    channel: Channel
    args: tuple[str, ...]
    replaces: str | None


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel is ours no longer: hung up, sent on by `continue`, or its longest duration is reached."""

    channel: str


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived:
    """A key was pressed and let go.  `duration`: milliseconds."""

    channel: str
    digit: str
    duration: int


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """Somebody ends the call.

    soft: this side does (a request, the dialplan, an administrator); `cause` is then no Q.850 cause: Asterisk
    puts its internal flag 32 there.  Not soft: the far end does, and `cause` is Q.850.
    """

    channel: str
    cause: int
    soft: bool


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is no more.  `cause`: Q.850."""

    channel: str
    cause: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A playlist is over.

    state: `done` (to its end, or stopped) or `failed` (its *last* file could not be played, or the caller left;
    a missing file before the last one is skipped without a word).  `media`: the last file's URI.
    """

    channel: str
    playback: str
    state: str
    media: str


@dataclass(frozen=True, slots=True)
class ChannelUserevent:
    """What a controller sends itself (`Events.user_event`), or the dialplan's UserEvent() of a call that we have."""

    name: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another controller has connected under our name; this socket hears nothing more."""


Event: TypeAlias = (
    CallBroadcast
    | StasisStart
    | StasisEnd
    | ChannelDtmfReceived
    | ChannelHangupRequest
    | ChannelDestroyed
    | PlaybackFinished
    | ChannelUserevent
    | ApplicationReplaced
)


class Strangers:
    """Foreign words that we don't know: logged the first time, counted every time, never fatal.

    counts: how often each `(kind, word)` was met.  At most `room` different ones are told apart; the rest is
    counted under the word "..." so that a mad peer can't fill the memory.
    """

    def __init__(self, room: int = 200) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._room = room

    def note(self, kind: str, word: object) -> None:
        """Take note of a foreign word.  `kind` says what it should have been."""
        key = (kind, str(word)[:200])
        if key not in self.counts:
            if len(self.counts) >= self._room:
                key = (kind, "...")
            log.warning("Asterisk said something that we do not know: %s %r (logged once, counted from now on)", *key)
        self.counts[key] += 1


def moment(text: str) -> datetime:
    """Asterisk's time stamp (`2026-11-21T19:26:18.710+0000`) as timezone-aware UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def channel(data: dict[str, Any]) -> Channel:
    """A channel from ARI's JSON.  Raises KeyError, TypeError or ValueError when it isn't one."""
    plan = data["dialplan"]
    return Channel(
        data["id"],
        data["caller"]["number"],
        plan["context"],
        plan["exten"],
        plan.get("app_name", ""),
        plan.get("app_data", ""),
        moment(data["creationtime"]),
    )


def _stasis_start(data: dict[str, Any]) -> StasisStart:
    replaced = data.get("replace_channel")
    return StasisStart(channel(data["channel"]), tuple(data["args"]), replaced["id"] if replaced else None)


def _playback_finished(data: dict[str, Any]) -> PlaybackFinished:
    playback = data["playback"]
    return PlaybackFinished(
        playback["target_uri"].removeprefix("channel:"), playback["id"], playback["state"], playback["media_uri"]
    )


_READ: dict[str, Callable[[dict[str, Any]], Event]] = {
    "CallBroadcast": lambda d: CallBroadcast(channel(d["channel"])),
    "StasisStart": _stasis_start,
    "StasisEnd": lambda d: StasisEnd(d["channel"]["id"]),
    "ChannelDtmfReceived": lambda d: ChannelDtmfReceived(d["channel"]["id"], d["digit"], d["duration_ms"]),
    "ChannelHangupRequest": lambda d: ChannelHangupRequest(
        d["channel"]["id"], d.get("cause", 0), d.get("soft", False)
    ),
    "ChannelDestroyed": lambda d: ChannelDestroyed(d["channel"]["id"], d["cause"], moment(d["timestamp"])),
    "PlaybackFinished": _playback_finished,
    "ChannelUserevent": lambda d: ChannelUserevent(d["eventname"]),
    "ApplicationReplaced": lambda _: ApplicationReplaced(),
}


def event_filter() -> dict[str, list[dict[str, str]]]:
    """The body of `PUT applications/{app}/eventFilter`: only what `read` knows."""
    return {"allowed": [{"type": name} for name in _READ], "disallowed": []}


def read(text: str | bytes, strangers: Strangers) -> Event | None:
    """One frame of the event socket, or None when it can't be read (which `strangers` then knows)."""
    try:
        data = json.loads(text)
        name = data["type"]
    except (ValueError, TypeError, KeyError, RecursionError):
        strangers.note("frame", text[:120])
        return None
    reader = _READ.get(name) if isinstance(name, str) else None
    if reader is None:
        strangers.note("event type", name)
        return None
    try:
        return reader(data)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        strangers.note("event", f"{name} without {fault!r}")
        return None
