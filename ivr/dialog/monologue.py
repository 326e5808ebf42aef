"""Somebody tells something in their own words: keys, voice and time in; what to play, when it began and ended out.

Rules
1. No clock, as in `exchange`: whoever drives it says what time it is.  What was said is a span of time; the words are
   nobody's business here, the call's recording holds them.
2. The question, then a tone, then the caller.  `#` or 1 before the tone passes over the explanation; after it they
   say "that was all".  Other digits mean nothing here: a cheek on the screen must not end it.
3. It ends by itself after `completetimeout` of silence.  That is long: who thinks back pauses for seconds, the older
   the longer, and to be cut off costs them the whole story, to wait costs five seconds once.
   It ends after `maxspeechtimeout` in any case; the caller is told so, and what they said is kept.
4. Silence from the beginning (`timeout`) and less than `LEAST` of voice are asked again, `tries` times in all.
5. What was said is never lost: who hangs up, asks for a person (0) or goes back (`*`) having said enough, has
   answered, and the key counts for the next question.  With less, they have done just that.
6. Where nobody can hear voice it goes by keys and time alone: silence ends nothing.
7. The span begins at the first voice and ends with the last, `MARGIN` wider on either side: the detector is late by a
   syllable and the tape true to half a second.  Without voice it reaches from the tone to the end.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Final, TypeAlias

from domain.model import Told
from ivr.dialog.exchange import Hush, Play, Settled, Typed
from ivr.dialog.grammar import KEYS, Nomatch
from ivr.dialog.turns import Back, GaveUp, Manner, WantsAgent

LEAST: Final = 1.5
"""Seconds of voice below which nothing was told: "hello?", a cough."""
MARGIN: Final = 0.5
ENOUGH: Final = "1"
"""A key that means the same as `termchar`, for who doesn't find that."""
WAYS_OUT: Final = "0*"
"""To people; back."""
ALONGSIDE: Final = ("noinput", "too_short", "telling_over")
"""Prompts that may be said before the question, or after it."""


@dataclass(frozen=True, slots=True)
class Beep:
    """Play the tone."""


@dataclass(frozen=True, slots=True)
class Attend:
    """Tell of voice and pauses from now on; or no longer."""

    on: bool


@dataclass(frozen=True, slots=True)
class Said:
    """It is over: this was said, in seconds of the driver's clock."""

    began: float
    ended: float


Action: TypeAlias = Play | Beep | Hush | Attend | Said | Settled


class _Stage(Enum):
    ASKING = auto()
    TONE = auto()
    TELLING = auto()
    TIME_OVER = auto()  # they are told so
    OVER = auto()


@dataclass(slots=True)
class Monologue:
    """One story of one caller.

    Drive it with `begin`, then `key`, `voice`, `pause`, `deaf`, `played` and `tick` as things happen, until an action
    is `Said` or `Settled`; `gone` when the caller is.  hears: whether somebody may be there to hear voice.
    """

    manner: Manner
    typed: Typed
    hears: bool = True
    attempt: int = 1
    wake_at: float | None = None
    missed: str | None = None  # why the last attempt was none: "noinput" or "too_short"
    _stage: _Stage = field(default=_Stage.ASKING)
    _tone: float = field(default=0.0)  # when it ended
    _first: float | None = field(default=None)  # voice
    _since: float | None = field(default=None)  # voice, which goes on; None: silence
    _last: float = field(default=0.0)
    _voiced: float = field(default=0.0)  # seconds, up to `_last`
    _said: Said | None = field(default=None)  # while they are told that the time is over

    @property
    def playing(self) -> bool:
        """Whether something is being played."""
        return self._stage in (_Stage.ASKING, _Stage.TONE, _Stage.TIME_OVER)

    def begin(self) -> list[Action]:
        """Put the question; who has typed ahead knows it.  Of what they typed a way out counts before all else."""
        keys, self.typed.keys = (self.typed.keys if self.manner.typeahead else ""), ""
        if self.typed.stray_termchar and keys.startswith(self.manner.termchar):
            keys = keys[1:]
        self.typed.stray_termchar = self.typed.stray_termchar and not keys
        way_out = next((key for key in keys if key in WAYS_OUT), None)
        if way_out:
            return self._interrupted(way_out)
        return self._beep() if any(self._means_done(key) for key in keys) else self._ask(None)

    def key(self, key: str, now: float) -> list[Action]:
        """The caller pressed a key."""
        if key not in KEYS or self._stage is _Stage.OVER:
            return []
        stray = self.typed.stray_termchar and key == self.manner.termchar
        self.typed.stray_termchar = False
        if stray:
            return []
        match self._stage:
            case _Stage.TELLING:
                return self._key_while_telling(key, now)
            case _Stage.TIME_OVER:
                self.typed.add(key)
                return [Hush(), *self._over()]
            case _ if key in WAYS_OUT:
                return [Hush(), *self._interrupted(key)]
            case _Stage.ASKING if self._means_done(key):
                return [Hush(), *self._beep()]
            case _:
                return []

    def voice(self, now: float) -> list[Action]:
        """The caller began to speak, or goes on."""
        if self._stage is _Stage.TELLING and self._since is None:
            self._first = now if self._first is None else self._first
            self._since = self._last = now
            self.wake_at = self._limit
        return []

    def pause(self, now: float) -> list[Action]:
        """The caller fell silent."""
        if self._stage is _Stage.TELLING and self._since is not None:
            self._voiced += now - self._since
            self._since, self._last = None, now
            self.wake_at = min(now + self.manner.completetimeout, self._limit)
        return []

    def deaf(self, now: float) -> list[Action]:
        """Nobody hears voice any more."""
        self.hears = False
        if self._stage is _Stage.TELLING:
            self.wake_at = self._limit
        return []

    def played(self, now: float) -> list[Action]:
        """What was played has come to its end."""
        match self._stage:
            case _Stage.ASKING:
                return self._beep()
            case _Stage.TONE:
                self._stage = _Stage.TELLING
                self._tone, self._first, self._since, self._voiced = now, None, None, 0.0
                self.wake_at = now + self.manner.timeout if self.hears else self._limit
                return [Attend(True)] if self.hears else []
            case _Stage.TIME_OVER:
                return self._over()
            case _:
                return []

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if self._stage is not _Stage.TELLING or self.wake_at is None or now < self.wake_at:
            return []
        if self.hears and self._first is None:
            return self._again("noinput")
        if not self._enough(now):
            return self._again("too_short")
        self._said = self._span(now)
        if now < self._limit:
            return [*self._unattend(), *self._over()]
        self._stage, self.wake_at = _Stage.TIME_OVER, None
        return [*self._unattend(), Play(self.attempt, "telling_over", whole=False)]

    def gone(self, now: float) -> list[Action]:
        """The caller is no longer there: `Said` when they had said enough, else nothing."""
        if self._stage is _Stage.TELLING and self._enough(now):
            self._said = self._span(now)
        return self._over() if self._said and self._stage is not _Stage.OVER else []

    # Keys

    def _means_done(self, key: str) -> bool:
        return key == ENOUGH or key == self.manner.termchar

    def _key_while_telling(self, key: str, now: float) -> list[Action]:
        if key in WAYS_OUT:
            if not self._enough(now):
                return [*self._unattend(), *self._interrupted(key)]
            self.typed.add(key)
        elif not self._means_done(key):
            return []
        elif not self._enough(now):
            return self._again("too_short")
        self._said = self._span(now)
        return [*self._unattend(), *self._over()]

    def _interrupted(self, key: str) -> list[Action]:
        self._stage, self.wake_at = _Stage.OVER, None
        return [Settled(interruption=WantsAgent.name if key == "0" else Back.name)]

    # What was said

    @property
    def _limit(self) -> float:
        return (self._tone if self._first is None else self._first) + self.manner.maxspeechtimeout

    def _enough(self, now: float) -> bool:
        if not self.hears:
            return now - self._tone >= LEAST
        return self._voiced + (now - self._since if self._since is not None else 0.0) >= LEAST

    def _span(self, now: float) -> Said:
        if not self.hears or self._first is None:
            return Said(self._tone, now)
        last = now if self._since is not None else self._last
        return Said(max(self._tone, self._first - MARGIN), min(now, last + MARGIN))

    # What follows

    def _ask(self, after: str | None) -> list[Action]:
        self._stage, self.wake_at = _Stage.ASKING, None
        return [Play(self.attempt, after)]

    def _beep(self) -> list[Action]:
        self.typed.stray_termchar = False  # from here on it says that it is all
        self._stage, self.wake_at = _Stage.TONE, None
        return [Beep()]

    def _again(self, after: str) -> list[Action]:
        self.missed = after
        if self.attempt >= self.manner.tries:
            self._stage, self.wake_at = _Stage.OVER, None
            return [*self._unattend(), Settled(interruption=GaveUp.name)]
        self.attempt += 1
        return [*self._unattend(), *self._ask(after)]

    def _unattend(self) -> list[Action]:
        return [Attend(False)] if self.hears else []

    def _over(self) -> list[Action]:
        """A termchar that comes now was meant for this."""
        assert self._said is not None
        self._stage, self.wake_at = _Stage.OVER, None
        self.typed.stray_termchar = not self.typed.keys
        return [self._said]


def interval(told: Told) -> str:
    """As the journal keeps it: an interval of ISO 8601."""
    return f"{told.began.isoformat(timespec='milliseconds')}/{told.ended.isoformat(timespec='milliseconds')}"


def told(heard: str) -> Told:
    """What the journal keeps.  Raises `Nomatch`."""
    try:
        began, ended = (datetime.fromisoformat(moment) for moment in heard.split("/"))
        if began.tzinfo is None or ended.tzinfo is None:
            raise ValueError(f"{heard!r} has no time zone")
        return Told(began, ended)
    except ValueError as fault:
        raise Nomatch(heard) from fault
