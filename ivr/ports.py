"""What a call session needs of the world: a line to a caller, a recogniser of speech, and a clock.

Rules: a session awaits nothing but these; the Asterisk line, the text telephone and the fakes of the tests are
equal before it.  Times are seconds of one monotonic clock (`Line.now`) unless they are called a date.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.model import Began, Told
from domain.transcription import Transcription


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


@dataclass(frozen=True, slots=True)
class Voice:
    """The caller began to speak, or went on after a `Pause`.  Told only while we listen (`Line.listen`)."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The caller fell silent; comes again in the same silence when more was understood.

    words: what was understood so far; "" for free speech, which is not recognised.
    """

    words: str = ""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word, and when it was said: begin and end in seconds after `Line.conclude`, so negative ones."""

    word: str
    begin: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to understand an utterance.

    words: in small letters, one space between two; `[unk]` for what is none of the expected words.
    confidence: 0 to 1, of the least certain word.  each: the words with their times, where the recogniser tells them;
    two ways that only differ in that are the same.
    """

    words: str
    confidence: float
    each: tuple[SpokenWord, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said, as understood, best first; empty when it was none.  Follows `Line.conclude`, once."""

    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Deaf:
    """Speech can't be heard any more in this call: a worker died, or there is none.  Keys can.  Comes once.

    lost: false where nothing was lost, because no language is understood now: switched off, or only starting.
    """

    why: str
    lost: bool = True


Speech: TypeAlias = Voice | Pause | Utterance | Deaf
Heard: TypeAlias = Key | Played | Gone | Tick | Speech


@dataclass(frozen=True, slots=True)
class Listening:
    """What we listen for.

    language: ISO 639-1.  phrases: what may be said, in that language, small letters; sequences of them count too
    when `sequence` is set (digits of a number).  No phrases: anything may be said and nothing is recognised, only
    `Voice` and `Pause` are told.
    """

    language: str
    phrases: tuple[str, ...] = ()
    sequence: bool = False


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
        """Start playing these clips (names below the sounds folder, or absolute; no extension), gapless.

        Returns when the exchange took the request; exactly one `Played` is heard when it is over.  Never raises
        because the caller is gone: `Gone` is heard then.  Called when nothing else plays, or when what plays should
        have ended long ago: that is stopped then, and its `Played` never heard.
        """
        ...

    async def hush(self) -> None:
        """Stop what is playing; its `Played(whole=False)` is still heard.  Without effect when nothing plays."""
        ...

    async def listen(self, wanted: Listening | None) -> None:
        """From now on tell of the caller's speech, until told otherwise; None: no longer.

        Each call begins anew: what was said before doesn't count, but for the first syllable of what has just begun.
        What can't be listened to is heard as `Deaf`.
        """
        ...

    async def conclude(self) -> None:
        """The caller has finished speaking: exactly one `Utterance` (or `Deaf`) follows for what was said since the
        first `Voice`; then nothing more is told before the next `listen`."""
        ...

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        """Send the caller on to people (`to` names a dialplan context), who go on in this language (ISO 639-1) and
        see what they are `told`: topic, account, said; the line is ours no longer."""
        ...

    async def hang_up(self) -> None:
        """End the call.  Without effect when the caller is gone."""
        ...


class Ear(Protocol):
    """One caller's audio at a recogniser.  Its methods return at once; what it hears it tells the one who asked for
    it, in the event loop: `Voice`, `Pause`, `Utterance`, and `Deaf` at most once, as the last thing."""

    @property
    def address(self) -> tuple[str, int]:
        """Where the caller's audio is to be sent: AudioSocket over TCP, frames of 20 ms, 8 kHz 16-bit (kind 0x10)."""
        ...

    @property
    def id(self) -> UUID:
        """The first thing that the connection must send."""
        ...

    def listen(self, wanted: Listening | None) -> None:
        """As `Line.listen`."""
        ...

    def conclude(self) -> None:
        """As `Line.conclude`."""
        ...

    def plays(self, clips: Sequence[str]) -> None:
        """What the caller hears from now on (names below the sounds folder; empty: nothing any more), so that its
        echo is not taken for speech."""
        ...

    def close(self) -> None:
        """The call is over.  May be called twice."""
        ...


class Recogniser(Protocol):
    """Understands speech, somewhere else than in our event loop."""

    @property
    def languages(self) -> frozenset[str]:
        """Languages (ISO 639-1) that are understood; may shrink when workers can't be had."""
        ...

    def attend(self, call: str, heard: Callable[[Speech], None]) -> Ear | None:
        """Take up a call; None when no worker has room for it."""
        ...


class CannotCut(Exception):
    """What a caller said can't be played to them; the message says why."""


class Tape(Protocol):
    """The recordings of calls that go on."""

    async def cut(self, began: Began, told: Told) -> str:
        """What this caller said then, as a clip that `Line.play` takes.  Waits until it is written, for a second or
        two.  Raises CannotCut."""
        ...

    async def forget(self, clip: str) -> None:
        """It was heard, and is to be nowhere but in the recording."""
        ...


class EngineFault(Exception):
    """An engine failed over this sound: it crashed, hung, or said nonsense.  It may do better another time."""


class EngineUnusable(Exception):
    """An engine can do nothing at all until somebody mends it: no model, no program.  The message says what to do."""


class Transcriber(Protocol):
    """Writes down what was told, after the call, somewhere else than in this process."""

    @property
    def name(self) -> str:
        """One word; the same for ever: by it is known what it has done already."""
        ...

    @property
    def languages(self) -> frozenset[str]:
        """Languages (ISO 639-1) that it understands."""
        ...

    def transcribe(self, audio: bytes, language: str) -> Transcription:
        """What is said in it.  audio: 8 kHz 16-bit PCM, one channel.  Blocks, for long.

        Raises EngineFault, EngineUnusable.
        """
        ...

    def stop(self) -> None:
        """For good: what is being written down now ends soon, in an EngineFault.  From another thread."""
        ...
