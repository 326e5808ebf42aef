"""One question's life, and one statement's: keys, speech and time in; what to play and when to stop, what to listen
for, what was answered out.

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
7. Speech and keys answer the same question, whichever comes first.  A key ends all listening until the next prompt.
8. Who begins to speak stops the prompt, if it may be stopped; else we listen from its end on.  They have finished
   after completetimeout when it is an answer already, after incompletetimeout when it is not; the recogniser then
   says what it was, and for how sure.  What was no speech after all (noise) costs no try: the question is repeated if
   it was cut off, else we go on waiting; at most `REPEATS` times.  A prompt that was cut off by what was no answer is
   not cut off again: from then on we listen from its end, or with a television on nobody would hear a question out.
   `#` ends speech as it ends keys.
9. Understood too badly (confidencelevel) is a nomatch; not quite surely (surelevel), or among other words, is said
   back: yes or no; a number must then be heard to its end.  Commands must be sure.
10. When nobody can hear speech any more (`deaf`), the caller is told to use the keys, if they were speaking, at the
   cost of no try.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ivr.dialog.grammar import KEYS, Echo, Grammar, Nomatch, Progress, understand, yes_no
from ivr.dialog.turns import PATIENT, Back, GaveUp, Manner, Say, WantsAgent
from ivr.dialog.vocabulary import UNKNOWN, command

ALONGSIDE = ("noinput", "nomatch", "erased", "may_speak", "keys_only")
"""Prompts that may be said before a question, besides "did_i_hear"."""
REPEATS = 3
RECOGNISING = 4.0
"""Seconds until a recogniser that says nothing counts as gone; longer than the line waits for it."""
CONFIRMING = Manner(timeout=4.0, tries=2)
"""How "did I hear right?" is asked."""
CONFIRMING_DIGITS = Manner(timeout=4.0, tries=2, bargein=False, typeahead=False)
"""The same of a number, which has to be heard first: who keys it anew would say yes by its first 1."""
LONGEST_TYPEAHEAD = 64
"""Keys kept for questions still to come, at most; a cat on the keypad fills no memory."""


@dataclass(frozen=True, slots=True)
class Play:
    """Say the question.  `attempt`: 1, 2, ... (tapered prompts).  `after`: what to say before it:
    "noinput", "nomatch", "erased", "keys_only", or None."""

    attempt: int = 1
    after: str | None = None
    whole: bool = True  # False: only say what comes before it ("erased"), the question is still in their ear
    echo: Echo | None = None  # ask instead whether this is what was meant


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop what is playing; the caller has begun."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen for what this grammar can hear, anew; None: no longer."""

    to: Grammar[object] | None


@dataclass(frozen=True, slots=True)
class Conclude:
    """The caller has finished speaking: what was it?"""


@dataclass(frozen=True, slots=True)
class Settled:
    """The question is over: `heard` is understood, or `interruption` names what happened instead.

    confidence: of what was said; None when it was keyed.
    """

    heard: str | None = None
    interruption: str | None = None
    confidence: float | None = None


class Understood(Protocol):
    """One way to understand what was said: `ivr.ports.Alternative`."""

    @property
    def words(self) -> str: ...

    @property
    def confidence(self) -> float: ...


Action: TypeAlias = Play | Hush | Listen | Conclude | Settled


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
class _Talk:
    """Speech of one answer.  since: when it began.  paused: when they fell silent.  asked: whether we wait for the
    recogniser's word."""

    since: float | None = None
    paused: float | None = None
    asked: bool = False
    cut: bool = False  # the prompt was stopped for it


@dataclass(slots=True)
class Exchange:
    """One question put to one caller.

    Drive it with `begin`, then `key`, `voice`, `pause`, `utterance`, `deaf`, `played` and `tick` as things happen,
    until an action is `Settled`.  hears: whether there is somebody to listen to speech.
    """

    accepts: Grammar[object]
    manner: Manner
    typed: Typed
    hears: bool = False
    keyed: str = ""
    attempt: int = 1
    playing: bool = False
    wake_at: float | None = None
    settled: bool = False
    missed: str | None = None  # why the last attempt was none: "noinput" or "nomatch"
    _repeats: int = field(default=0)
    _talk: _Talk | None = field(default=None)  # None: we don't listen
    _confirming: "Exchange | None" = field(default=None)
    _said: Settled = field(default=Settled())  # what is being confirmed
    _echo: Echo | None = field(default=None)
    _lost: bool = field(default=False)
    _disturbed: bool = field(default=False)  # something that was no answer cut off the prompt

    @property
    def lost(self) -> bool:
        """Whether nobody hears speech any more, though somebody did when the question began."""
        return self._lost

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
        if self._confirming:
            return self._confirm(self._confirming.key(key, now), now)
        if self.playing:
            if not self.manner.bargein:
                if self.manner.typeahead:
                    self.typed.add(key)
                return []
            if self._is_stray(key):
                return []
            return [*self._hush(), *self._unlisten(), *self._take(key, now)]
        if self._is_stray(key):
            return []
        if key == self.manner.termchar and self._talk and self._talk.since is not None:
            return self._spoken_out(now)
        return [*self._unlisten(), *self._take(key, now)]

    def played(self, now: float) -> list[Action]:
        """The prompt has come to its end, or was stopped."""
        if self._confirming:
            return self._confirm(self._confirming.played(now), now)
        if not self.playing:
            return []
        self.playing = False
        if self.typed.keys:
            actions = self._drain(now)
            if actions or self.keyed or self.settled:
                return actions
        self._wait(now)
        return self._listen() if self._talk is None else []

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        if self._confirming:
            return self._confirm(self._confirming.tick(now), now)
        if self.settled or self.playing or self.wake_at is None or now < self.wake_at:
            return []
        if self._talk and self._talk.asked:
            return self.deaf(now)
        if self._talk and self._talk.since is not None:
            return self._spoken_out(now)
        return self._settle(now) if self.keyed else self._again("noinput")

    # Speech

    def voice(self, now: float) -> list[Action]:
        """The caller began to speak, or goes on."""
        if self._confirming:
            return self._confirm(self._confirming.voice(now), now)
        if self.settled or self._talk is None or self._talk.asked:
            return []
        hush: list[Action] = self._hush() if self.playing else []
        self._talk.cut = self._talk.cut or bool(hush)
        if self._talk.since is None:
            self._talk.since = now
        self._talk.paused = None
        self.wake_at = self._talk.since + self.manner.maxspeechtimeout
        return hush

    def pause(self, words: str, now: float) -> list[Action]:
        """The caller fell silent; told again when more was understood of it.  words: all so far."""
        if self._confirming:
            return self._confirm(self._confirming.pause(words, now), now)
        talk = self._talk
        if talk is not None and talk.since is not None and not talk.asked:
            talk.paused = now if talk.paused is None else talk.paused
            wait = self.manner.completetimeout if self._complete(words) else self.manner.incompletetimeout
            self.wake_at = min(talk.paused + wait, talk.since + self.manner.maxspeechtimeout)
        return []

    def utterance(self, alternatives: Sequence[Understood], now: float) -> list[Action]:
        """What the caller said, best first."""
        if self._confirming:
            return self._confirm(self._confirming.utterance(alternatives, now), now)
        if self.settled or self._talk is None or not self._talk.asked:
            return []
        cut, self._talk = self._talk.cut, None
        self._disturbed = self._disturbed or cut
        if not any(said.words for said in alternatives):
            return self._noise(cut, now)
        return self._judge([one for one in alternatives if one.confidence >= self.manner.confidencelevel], now)

    def deaf(self, now: float) -> list[Action]:
        """Nobody hears speech any more."""
        if self._confirming:
            return self._confirm(self._confirming.deaf(now), now)
        self.hears, self._lost = False, True
        talk, self._talk = self._talk, None
        if self.settled or talk is None or talk.since is None:
            return []
        return self._play("keys_only")

    def _spoken_out(self, now: float) -> list[Action]:
        """They have finished speaking, as far as we or they are concerned."""
        assert self._talk is not None
        if self._talk.asked:
            return []
        self._talk.asked = True
        self.wake_at = now + RECOGNISING
        return [Conclude()]

    def _complete(self, words: str) -> bool:
        if command(words):
            return True
        try:
            return self.accepts.progress(self.accepts.spelled(words)) in (Progress.EXPECTED, Progress.FULL)
        except Nomatch:
            return False

    def _noise(self, cut: bool, now: float) -> list[Action]:
        self._repeats += 1
        if self._repeats > REPEATS:
            return self._again("nomatch")
        if cut:
            return self._play(None)
        self._wait(now)
        return self._listen()

    def _judge(self, alternatives: Sequence[Understood], now: float) -> list[Action]:
        """Take the best that is an answer; of several, one that is sound by itself."""
        fits: list[tuple[bool, str, Understood]] = []
        for n, said in enumerate(alternatives):
            if key := command(said.words):
                if n == 0 and said.confidence >= PATIENT.surelevel:  # whatever the question asks of its answers
                    return self._commanded(key, now)
                continue
            try:
                keys = self.accepts.spelled(said.words)
                self.accepts.parse(keys)
            except Nomatch:
                continue
            fits.append((not self.accepts.sound(keys), keys, said))
        if not fits:
            return self._again("nomatch")
        _, keys, said = min(fits, key=lambda fit: fit[0])  # the first of those: they come best first
        answer = Settled(heard=said.words, confidence=said.confidence)
        echo = self.accepts.echo(keys)
        alone = UNKNOWN not in said.words.split() or (echo is None and not said.words.startswith(UNKNOWN))
        if said.confidence >= self.manner.surelevel and alone:
            self.typed.stray_termchar = self.accepts.sequence
            return self._over(answer)
        if echo is None:
            return self._again("nomatch")
        self._said, self._echo = answer, echo
        manner = CONFIRMING_DIGITS if self.accepts.sequence else CONFIRMING
        self._confirming = Exchange(yes_no, manner, self.typed, self.hears)
        return self._confirm(self._confirming.begin(now), now)

    def _commanded(self, key: str, now: float) -> list[Action]:
        if key == "0":
            return self._over(Settled(interruption=WantsAgent.name))
        if key == "*":
            return self._over(Settled(interruption=Back.name))
        return self._repeat()

    def _confirm(self, actions: Sequence[Action], now: float) -> list[Action]:
        """What "did I hear right?" wants done, and what follows from its answer."""
        asked = self._confirming
        assert asked is not None
        self.hears, self._lost = asked.hears, self._lost or asked.lost
        self.playing, self.wake_at = asked.playing, asked.wake_at
        mine: list[Action] = []
        for action in actions:
            match action:
                case Settled(heard=None, interruption=GaveUp.name):
                    self._confirming = None
                    mine += self._again("noinput")
                case Settled(heard=None):
                    self._confirming = None
                    mine += self._over(action)
                case Settled(heard=str(heard)):
                    self._confirming = None
                    mine += self._over(self._said) if understand(yes_no, heard) else self._again("nomatch")
                case Play(attempt, after, whole):
                    mine.append(Play(attempt, after, whole, self._echo))
                case _:
                    mine.append(action)
        return mine

    def _listen(self) -> list[Action]:
        if not self.hears or not self.manner.speech:
            return []
        self._talk = _Talk()
        return [Listen(self.accepts)]

    def _unlisten(self) -> list[Action]:
        if self._talk is None:
            return []
        self._talk = None
        return [Listen(None)]

    # Keys

    def _drain(self, now: float) -> list[Action]:
        """Take what was typed ahead, until that settles the question or makes us say something."""
        self._wait(now)
        actions: list[Action] = self._unlisten()
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
        self.missed = after
        if self.attempt >= (self.manner.tries if after == "noinput" else max(self.manner.tries, 2)):
            return self._over(Settled(interruption=GaveUp.name))
        self.attempt += 1
        self.keyed = ""
        self.typed.forget()
        return self._play(after)

    def _over(self, settled: Settled) -> list[Action]:
        self.settled, self.wake_at = True, None
        return [*self._unlisten(), settled]

    def _play(self, after: str | None, *, whole: bool = True) -> list[Action]:
        self.playing, self.wake_at, self._talk = True, None, None
        at_once = self.manner.bargein and not self._disturbed
        return [Play(self.attempt, after, whole), *(self._listen() if at_once else [])]

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
