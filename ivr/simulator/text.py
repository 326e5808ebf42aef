"""A telephone made of text, with a clock that is only turned forward.

Theory: `TextLine` is a `Line`.  Prompts take as long as their clips last, keys as long as fingers do, silence as long
as it is waited for; but it is all arithmetic, so a call of three minutes is held in milliseconds, and every timer of
a question is tested without a wait.  What comes next is asked of a `Finger`: a scenario, or somebody at a keyboard.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from domain.model import Began, Told
from ivr.dialog.grammar import KEYS
from ivr.ports import (
    Alternative,
    Cause,
    Gone,
    Heard,
    Key,
    Listening,
    Pause,
    Played,
    SpokenWord,
    Tick,
    Utterance,
    Voice,
)
from ivr.simulator.scenario import HangsUp, Hears, Listens, Plays, Presses, Says, Scenario, Step, Waits, prompt_of
from prompts import sound


class NotHeard(BaseException):
    """The caller waited for a prompt that did not come in time.  The message says what came instead.

    It ends whoever drives the line: a session that took it for a fault of its own would apologise to a caller who has
    left, and the scenario would seem to have gone on.
    """


MOST_RETURNS = 3
"""How often a call is offered to us again, as asterisk-config/extensions.conf does."""


WORD = 0.35
"""Seconds that a word takes."""
UNKNOWN = "[unk]"
"""What a recogniser makes of a word that is none of the expected ones."""


@dataclass(frozen=True, slots=True)
class Said:
    """A clip, and when it begins (seconds from the start of the call)."""

    clip: str
    at: float


@dataclass(slots=True)
class _Speech:
    """What the caller is saying.  each: seconds of a word.  skipped: words that were said before we listened."""

    words: list[str]
    began: float
    each: float
    ends: float
    confidence: float
    skipped: int = 0

    def until(self, now: float) -> list[tuple[str, float]]:
        """The words that were said by now, of those that count, and when each began."""
        said = len(self.words) if now >= self.ends else int((now - self.began) / self.each)
        at = [(word, self.began + n * self.each) for n, word in enumerate(self.words[:said])]
        return at[self.skipped :]

    def skip(self, now: float) -> None:
        """Somebody begins to listen: the word that has just begun counts, those before it don't."""
        self.skipped = int((now - self.began) / self.each)


class _Recogniser:
    """What is made of the caller's speech, from one `listen` to the next."""

    def __init__(self) -> None:
        self.wanted: Listening | None = None
        self.told = False  # Voice, for what is being said
        self._words: list[SpokenWord] = []  # at seconds of the call
        self._confidence = 1.0

    def listen(self, wanted: Listening | None) -> None:
        self.wanted, self.told = wanted, False
        self._words, self._confidence = [], 1.0

    def take(self, words: Sequence[tuple[str, float]], each: float, confidence: float) -> None:
        """These words were said then; each took so long."""
        if self.wanted is not None and self.wanted.phrases and words:
            known = {word for phrase in self.wanted.phrases for word in phrase.split()}
            self._words += [
                SpokenWord(word if word in known else UNKNOWN, at, at + each, confidence) for word, at in words
            ]
            self._confidence = min(self._confidence, confidence)

    @property
    def words(self) -> str:
        return " ".join(said.word for said in self._words)

    def utterance(self, now: float) -> Utterance:
        if not self._words:
            return Utterance()
        each = tuple(replace(said, begin=said.begin - now, end=said.end - now) for said in self._words)
        return Utterance((Alternative(self.words, self._confidence, each),))


class Finger(Protocol):
    """What the caller does next."""

    def next(self, line: "TextLine") -> Step | None:
        """The next step, or None: nothing more, stay on the line."""
        ...


class Script:
    """A caller who does what a scenario says."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._left = deque(steps)

    def next(self, line: "TextLine") -> Step | None:
        return self._left.popleft() if self._left else None


class TextLine:
    """A call without a telephone; see the module's theory.

    seconds: how long each clip lasts.  said: every clip that began, in order.
    to, because: where the caller was handed over.  over: how the call ended, None while it goes on.
    """

    def __init__(self, began: Began, finger: Finger, seconds: Mapping[str, float]) -> None:
        self.began = began
        self.said: list[Said] = []
        self.to: str | None = None
        self.because: str | None = None
        self.told: dict[str, str] = {}
        self.over: Cause | None = None
        self._finger = finger
        self._seconds = seconds
        self._now = 0.0
        self._playing: list[Said] = []
        self._ends_at: float | None = None
        self._hushed = False
        self._step: Step | None = None
        self._speech: _Speech | None = None
        self._recogniser = _Recogniser()
        self._concluded: Utterance | None = None
        self._heard_up_to = -1.0  # "hears" looks for what begins after this
        self._hears_until: float | None = None
        self._waits_until: float | None = None

    @classmethod
    def hold(cls, scenario: Scenario, call: str, at: datetime, seconds: Mapping[str, float]) -> "TextLine":
        """The line of a scripted caller."""
        return cls(Began(call, scenario.caller, scenario.dialled, at), Script(scenario.steps), seconds)

    @property
    def playing(self) -> bool:
        """Whether something is being said."""
        return self._ends_at is not None

    @property
    def listening(self) -> bool:
        """Whether the caller's speech is listened to."""
        return self._recogniser.wanted is not None

    # Line

    def now(self) -> float:
        return self._now

    def date(self) -> datetime:
        return self.began.at + timedelta(seconds=self._now)

    async def play(self, clips: Sequence[str]) -> None:
        self._playing, at = [], self._now
        for clip in clips:
            self._playing.append(Said(clip, at))
            at += self._seconds.get(clip, 0.0)
        self._ends_at, self._hushed = at, False

    async def hush(self) -> None:
        if self._ends_at is not None:
            self._pass_to(self._now)
            self._ends_at, self._hushed = self._now, True
            self._playing = []

    async def listen(self, wanted: Listening | None) -> None:
        self._recogniser.listen(wanted)
        self._concluded = None
        if self._speech is not None:
            self._speech.skip(self._now)

    async def conclude(self) -> None:
        if self.listening:
            if self._speech is not None and self._recogniser.told:
                speech = self._speech
                self._recogniser.take(speech.until(self._now), speech.each, speech.confidence)
            self._concluded = self._recogniser.utterance(self._now)
            self._recogniser.listen(None)

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        if self.over is None:
            self.to, self.because, self.told, self.over = to, because, dict(told), Cause.US

    def give_back(self) -> bool:
        """People did not answer, if it was them that the caller was sent to: the line is to be conducted again."""
        if self.to is None or self.over is not Cause.US or self.began.returned >= MOST_RETURNS:
            return False
        self.to = self.over = None
        self.began = replace(self.began, returned=self.began.returned + 1)
        return True

    async def hang_up(self) -> None:
        self.over = self.over or Cause.US

    async def hear(self, until: float | None) -> Heard:
        while True:
            if self._hushed:
                return self._prompt_over()
            if self._concluded is not None:
                utterance, self._concluded = self._concluded, None
                return utterance
            heard = self._do(until)
            if heard is not None:
                return heard

    # The caller

    def _do(self, until: float | None) -> Heard | None:
        """Go on with the present step; something heard, or None: look again."""
        if self._step is None:
            self._step = self._finger.next(self)
        match self._step:
            case None:
                return self._pass(until, None)
            case Presses(keys=keys) as press:
                self._pass_to(self._now + press.tone / 1000)
                left = keys[1:]
                self._step = press.model_copy(update={"keys": left}) if left else None
                return Key(keys[0])
            case Says() | Plays() as sound:
                return self._speak(sound, until)
            case HangsUp():
                self.over = self.over or Cause.CALLER
                self._step = None
                return Gone(Cause.CALLER)
            case Waits(waits=seconds):
                self._waits_until = self._waits_until if self._waits_until is not None else self._now + seconds
                heard = self._pass(until, self._waits_until)
                if heard is None:
                    self._step = self._waits_until = None
                return heard
            case Listens():
                if self._ends_at is None:
                    self._step = None
                    return None
                return self._pass(until, None)
            case Hears(hears=prompt, within=within):
                if self._hears_until is None:
                    self._hears_until = self._now + within
                found = next((s for s in self._coming() if prompt_of(s.clip) == prompt), None)
                if found is not None and found.at <= self._hears_until:
                    self._pass_to(max(found.at, self._now))
                    self._heard_up_to = found.at
                    self._step = self._hears_until = None
                    return None
                if self._now >= self._hears_until:
                    raise NotHeard(f"{prompt} did not begin within {within:g} s; heard {', '.join(self.heard())}")
                return self._pass(until, self._hears_until)

    def _speak(self, step: Says | Plays, until: float | None) -> Heard | None:
        """Go on speaking; tell of it who listens."""
        if self._speech is None:
            self._speech = self._begin(step)
        if self.listening and not self._recogniser.told and (self._speech.words or isinstance(step, Says)):
            self._recogniser.told = True
            return Voice()
        if (heard := self._pass(until, self._speech.ends)) is not None:
            return heard
        speech, self._speech, self._step = self._speech, None, None
        if not self._recogniser.told:
            return None
        self._recogniser.told = False
        self._recogniser.take(speech.until(self._now), speech.each, speech.confidence)
        return Pause(self._recogniser.words)

    def _begin(self, step: Says | Plays) -> _Speech:
        if isinstance(step, Says):
            words, lasts = step.understood.split(), len(step.say.split()) * WORD
        else:
            assert step.file is not None, "only scenarios that were loaded have files"
            samples, hertz = sound.read(step.file)
            words, lasts = (step.heard or "").split(), len(samples) / hertz
        return _Speech(words, self._now, lasts / max(1, len(words)), self._now + lasts, step.confidence)

    def _coming(self) -> list[Said]:
        began = [s for s in self.said if s.at > self._heard_up_to]
        return began + [s for s in self._playing if s not in began]

    def _pass(self, until: float | None, ready: float | None) -> Heard | None:
        """Let time pass to whatever comes first: the prompt's end, the caller's next move, or the session's timer."""
        ends = [t for t in (self._ends_at, ready, until) if t is not None]
        if not ends:
            raise NotHeard(f"nobody would ever say anything again; heard {', '.join(self.heard())}")
        first = min(ends)
        self._pass_to(first)
        if self._ends_at is not None and self._ends_at <= first:
            return self._prompt_over()
        if ready is not None and ready <= first:
            return None
        return Tick()

    def _prompt_over(self) -> Played:
        whole, self._ends_at, self._hushed, self._playing = not self._hushed, None, False, []
        return Played(whole)

    def _pass_to(self, time: float) -> None:
        self._now = max(self._now, time)
        begun = [s for s in self._playing if s.at <= self._now]
        self._playing = self._playing[len(begun) :]
        self.said += begun

    def forget_prompt(self) -> None:
        """The controller is gone, and with it whoever waited for the end of what plays.  A caller in the midst of
        keying or speaking stops, and starts again when the question does."""
        self._pass_to(self._now)
        self._step = self._hears_until = self._waits_until = self._speech = self._concluded = None
        self._recogniser.listen(None)
        self._ends_at, self._hushed, self._playing = None, False, []

    def heard(self) -> list[str]:
        """The prompts that began, in order, each once in a row."""
        spoken = [s.clip for s in self.said if s.clip.count("/") == 1 and not s.clip.startswith("pause/")]
        names = [prompt_of(clip) for clip in spoken]  # deeper folders hold numbers
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    def left_undone(self) -> Step | None:
        """What the caller was still waiting to do when the call ended."""
        return self._step or self._finger.next(self)


class TextTape:
    """A tape that holds nothing but how long each part of it is: `ivr.ports.Tape` for a `TextLine`.

    seconds: how long clips last, as the line knows it.
    """

    CLIP: Final = "told/told"

    def __init__(self, seconds: MutableMapping[str, float]) -> None:
        self._seconds = seconds

    async def cut(self, began: Began, told: Told) -> str:
        self._seconds[self.CLIP] = told.seconds
        return self.CLIP

    async def forget(self, clip: str) -> None:
        self._seconds.pop(clip, None)


class Keyboard:
    """Somebody at a keyboard, who hears everything out: digits are keys, words are spoken, an empty line is silence,
    `q` hangs up."""

    def __init__(self, ask: Callable[[str], str] = input) -> None:
        self._ask = ask

    def next(self, line: TextLine) -> Step | None:
        if line.playing:
            return Listens()
        question = "> "
        while True:
            try:
                written = self._ask(question).strip()
            except EOFError:
                return HangsUp()
            if written == "":
                return Waits(waits=8.0)
            if written.upper() in ("Q", "QUIT"):
                return HangsUp()
            if set(written.upper()) <= KEYS and not (line.listening and written.isalpha()):
                return Presses(keys=written.upper(), tone=100, gap=80)
            if line.listening and (words := " ".join(re.findall(r"[^\W\d_]+(?:['’ʼ-][^\W\d_]+)*", written))):
                return Says(say=words)
            spoken = ", words are spoken" if line.listening else ""
            question = f"keys are 0-9 * #{spoken}, nothing is silence, q hangs up > "
