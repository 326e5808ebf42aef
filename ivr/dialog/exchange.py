"""One question's life, and one statement's: keys and time in; what to play, when to stop, what was answered out.

Rules
1. No clock.  Whoever drives it says what time it is; `wake_at` says when to come back with `tick`.
2. Collecting keys follows VoiceXML 2.0 by name (`Manner`).  Time counts from the end of the prompt.
3. Keys are never swallowed, except where it is written here that they are:

   | bargein | typeahead | key before the question | key during the prompt    | key after it |
   |---------|-----------|-------------------------|--------------------------|--------------|
   | yes     | yes       | counts, prompt unheard  | stops the prompt, counts | counts       |
   | yes     | no        | forgotten               | stops the prompt, counts | counts       |
   | no      | yes       | counts after the prompt | counts after the prompt  | counts       |
   | no      | no        | forgotten               | forgotten                | counts       |

   A reprompt forgets what was typed ahead: it was meant for a question that the caller believed answered.
4. `#` ends an answer.  A `#` that comes right after a question which its last digit had already settled belongs to
   that question and is dropped (people key it out of habit).  `#` with nothing before it repeats the prompt (at
   most `REPEATS` times a question, then it is a nomatch: a jammed key must not keep a call for ever).
5. `*` erases what was keyed; with nothing keyed it goes back to where the choice was (`Back`).
6. A single `0` where it is no answer asks for a person.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from ivr.dialog.grammar import KEYS, Grammar, Nomatch, Progress
from ivr.dialog.turns import Back, GaveUp, Manner, Say, WantsAgent

REPEATS = 3
LONGEST_TYPEAHEAD = 64
"""Keys kept for questions still to come, at most; a cat on the keypad fills no memory."""


@dataclass(frozen=True, slots=True)
class Play:
    """Say the question.  `attempt`: 1, 2, ... (tapered prompts).  `after`: what to say before it:
    "noinput", "nomatch", "erased", or None."""

    attempt: int = 1
    after: str | None = None
    whole: bool = True  # False: only say what comes before it ("erased"), the question is still in their ear


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what is playing; the caller has begun."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The question is over: `heard` parses, or `interruption` names what happened instead."""

    heard: str | None = None
    interruption: str | None = None


Action: TypeAlias = Play | Hush | Settled


@dataclass(slots=True)
class Typed:
    """Keys that the caller pressed ahead of the question they answer; one per call, handed from turn to turn."""

    keys: str = ""
    stray_termchar: bool = False

    def add(self, key: str) -> None:
        """Keep a key for later; beyond `LONGEST_TYPEAHEAD` the newest are dropped."""
        if len(self.keys) < LONGEST_TYPEAHEAD:
            self.keys += key

    def forget(self) -> None:
        """What was typed ahead can't have been meant for what comes now."""
        self.keys = ""


@dataclass(slots=True)
class Exchange:
    """One question put to one caller.

    Drive it with `begin`, then `key`, `played` and `tick` as things happen, until an action is `Settled`.
    """

    accepts: Grammar[object]
    manner: Manner
    typed: Typed
    keyed: str = ""
    attempt: int = 1
    playing: bool = False
    wake_at: float | None = None
    settled: bool = False
    _repeats: int = field(default=0)

    def begin(self, now: float) -> list[Action]:
        """Put the question, or find it answered already by what was typed ahead."""
        if not self.manner.typeahead:
            self.typed.forget()
        if self.typed.keys and self.manner.bargein:
            actions = self._drain(now)
            if actions or self.keyed:
                return actions  # else nothing but a stray termchar was there
        return self._play(None)

    def key(self, key: str, now: float) -> list[Action]:
        """The caller pressed a key."""
        if key not in KEYS or self.settled:
            return []
        if self.playing:
            if not self.manner.bargein:
                if self.manner.typeahead:
                    self.typed.add(key)
                return []
            if self._is_stray(key):
                return []
            return [*self._hush(), *self._take(key, now)]
        return self._take(key, now)

    def played(self, now: float) -> list[Action]:
        """The prompt has come to its end, or was stopped."""
        if not self.playing:
            return []
        self.playing = False
        if self.typed.keys:
            return self._drain(now)
        self._wait(now)
        return []

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if self.settled or self.playing or self.wake_at is None or now < self.wake_at:
            return []
        return self._settle(now) if self.keyed else self._again("noinput")

    def _drain(self, now: float) -> list[Action]:
        """Take what was typed ahead, until that settles the question or makes us say something."""
        self._wait(now)
        actions: list[Action] = []
        while self.typed.keys and not self.settled and not self.playing:
            key, self.typed.keys = self.typed.keys[0], self.typed.keys[1:]
            actions += self._take(key, now)
        return actions

    def _is_stray(self, key: str) -> bool:
        stray = self.typed.stray_termchar and key == self.manner.termchar and not self.keyed
        self.typed.stray_termchar = False
        return stray

    def _take(self, key: str, now: float) -> list[Action]:
        if self._is_stray(key):
            return []
        if key == self.manner.termchar:
            return self._settle(now) if self.keyed else self._repeat()
        if key == "*":
            return self._star(now)
        self.keyed += key
        match self.accepts.progress(self.keyed):
            case Progress.NEVER:
                return self._settle(now)
            case Progress.FULL if self.manner.termtimeout <= 0:
                return self._settle(now, by_length=True)
            case Progress.FULL | Progress.EXPECTED:
                self.wake_at = now + self.manner.termtimeout
            case Progress.MORE | Progress.ENOUGH:
                self.wake_at = now + self.manner.interdigittimeout
        return []

    def _star(self, now: float) -> list[Action]:
        if self.keyed:
            self.keyed = ""
            self.typed.forget()
            return self._play("erased", whole=False)
        return self._over(Settled(interruption=Back.name))

    def _repeat(self) -> list[Action]:
        self._repeats += 1
        return self._play(None) if self._repeats <= REPEATS else self._again("nomatch")

    def _settle(self, now: float, *, by_length: bool = False) -> list[Action]:
        try:
            self.accepts.parse(self.keyed)
        except Nomatch:
            if self.keyed == "0":
                return self._over(Settled(interruption=WantsAgent.name))
            return self._again("nomatch")
        self.typed.stray_termchar = by_length
        return self._over(Settled(heard=self.keyed))

    def _again(self, after: str) -> list[Action]:
        if self.attempt >= self.manner.tries:
            return self._over(Settled(interruption=GaveUp.name))
        self.attempt += 1
        self.keyed = ""
        self.typed.forget()
        return self._play(after)

    def _over(self, settled: Settled) -> list[Action]:
        self.settled, self.wake_at = True, None
        return [settled]

    def _play(self, after: str | None, *, whole: bool = True) -> list[Action]:
        self.playing, self.wake_at = True, None
        return [Play(self.attempt, after, whole)]

    def _hush(self) -> list[Action]:
        self.playing = False
        return [Hush()]

    def _wait(self, now: float) -> None:
        self.wake_at = now + self.manner.timeout


@dataclass(slots=True)
class Telling:
    """One statement told to one caller.  `begin` says whether to play it at all."""

    say: Say
    typed: Typed

    def begin(self) -> bool:
        """Whether it is to be played: a caller who has typed ahead knows what we would say."""
        if self.say.fresh:
            self.typed.forget()
        if self.typed.stray_termchar and self.typed.keys.startswith("#"):
            self.typed.keys = self.typed.keys[1:]
        self.typed.stray_termchar = self.typed.stray_termchar and not self.typed.keys
        return not (self.typed.keys and self.say.bargein)

    def key(self, key: str) -> bool:
        """The caller pressed a key.  Returns whether to stop the statement; the key is kept for what comes next."""
        if key not in KEYS:
            return False
        if self.typed.stray_termchar and key == "#" and not self.typed.keys:
            self.typed.stray_termchar = False
            return False
        self.typed.stray_termchar = False
        self.typed.add(key)
        return self.say.bargein
