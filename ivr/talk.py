"""One caller on the line: what turns of a conversation have us say to them and hear from them.

Rules
1. `Exchange`, `Telling` and `Monologue` decide how to listen; here it is only done, in order.
2. A statement that must be heard (no barge-in) and could not be played is tried once more, then it is our trouble.
3. A prompt of which the exchange never says that it is over ends when it is `LATE`.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.model import Told
from ivr.dialog import (
    Answer,
    Ask,
    Back,
    GaveUp,
    Grammar,
    HungUp,
    Manner,
    Phrase,
    PlayBack,
    Say,
    Trouble,
    Turn,
    WantsAgent,
    monologue,
    turns,
)
from ivr.dialog.exchange import Action, Conclude, Exchange, Hush, Listen, Play, Settled, Telling, Typed
from ivr.dialog.monologue import Attend, Beep, Monologue, Said, interval
from ivr.dialog.vocabulary import commands
from ivr.house import House
from ivr.ports import CannotCut, Deaf, Gone, Heard, Key, Line, Listening, Pause, Played, Tick, Utterance, Voice
from ivr.recorder import Recorder
from prompts import Composition
from prompts.spoken import TONE

log = logging.getLogger(__name__)

MISSED = ("noinput", "nomatch")
"""What is said before a question that is put again because it was not answered."""
SKIPPED = 0.3
"""Seconds by which a statement that must be heard may end early; more, and the exchange has left out a clip, which it
doesn't tell."""
AS_KEY = {WantsAgent.name: "0", Back.name: "*"}
"""What the caller wanted instead, as the key that says so at the next question."""
LATE = 5.0
"""Seconds after a prompt should have ended until we go on without the exchange's word for it."""


class Talk:
    """What is said and heard in one call.

    language: ISO 639-1, of what is said next.  gone: set once the caller is no longer there.
    invited: the caller knows that they may speak.
    """

    def __init__(self, house: House, line: Line) -> None:
        self.house = house
        self.moments = Recorder(line)
        self.line = line
        self.call = line.began.call
        self.catalogue = house.wording() if house.wording else house.catalogue  # of the whole call
        self.language = "uk"
        self.typed = Typed()
        self.gone: Gone | None = None
        self.invited = False
        self._deaf = False  # speech can't be heard any more
        self._backlog: deque[Heard] = deque()
        self._late_at: float | None = None  # while something plays: when to stop waiting for its end
        self._spoke = False  # what was heard last is voice

    def answer(
        self,
        turn: Turn[Any],
        *,
        heard: str | None = None,
        interruption: str | None = None,
        confidence: float | None = None,
    ) -> Answer:
        """What became of a turn, now."""
        return Answer(turn.label, turn.asked, self.line.date(), heard, None, interruption, confidence)

    # Turns

    async def say(self, turn: Say) -> Answer:
        """Make a statement; `Trouble` where it must be heard and can't be."""
        telling = Telling(turn, self.typed)
        if self.gone:
            return self.answer(turn, interruption=HungUp.name)
        if not telling.begin():
            return self.answer(turn)
        said = self._compose(Phrase(turn.label, turn.words))
        if not said.whole and not turn.bargein:
            log.critical("call %s: %s has no sound and must be heard", self.call, turn.label)
            return self.answer(turn, interruption=Trouble.name)
        for _ in range(2):
            await self._play(turn.label, said)
            least = self.line.now() + said.duration_s - SKIPPED
            told = await self._told(telling)
            if isinstance(told, Gone):
                return self.answer(turn, interruption=HungUp.name)
            if turn.bargein or (told.whole and self.line.now() >= least):
                return self.answer(turn)
            log.error("call %s: %s was not heard to its end", self.call, turn.label)
        return self.answer(turn, interruption=Trouble.name)

    async def _told(self, telling: Telling) -> Played | Gone:
        """Listen while a statement is made."""
        while True:
            match heard := await self._hear(None):
                case Key(digit):
                    if telling.key(digit):
                        await self._hush()
                        return Played(whole=False)
                case Played() | Gone():
                    return heard
                case Tick() if self._late_at is None:
                    return Played(whole=False, fault="no word from the exchange")
                case Tick():
                    pass

    async def ask(self, turn: Ask[Any]) -> Answer:
        """Put a question until it is settled."""
        exchange = Exchange(turn.accepts, self._manner(turn), self.typed, self._hears(turn))
        actions = exchange.begin(self.line.now())
        while True:
            for action in actions:
                if isinstance(action, Settled):
                    if action.interruption == GaveUp.name:
                        self.moments.missed(exchange.missed or "noinput", turn.label, exchange.attempt)
                    self._deaf = self._deaf or exchange.lost
                    return self.answer(
                        turn, heard=action.heard, interruption=action.interruption, confidence=action.confidence
                    )
                await self._act(turn, action)
            if self.gone and not self._backlog:
                return self.answer(turn, interruption=HungUp.name)
            actions = self._put(exchange, await self._hear(exchange.wake_at))

    def _put(self, exchange: Exchange, heard: Heard) -> list[Action]:
        """What the exchange makes of something heard."""
        now = self.line.now()
        match heard:
            case Key(digit):
                return exchange.key(digit, now)
            case Voice():
                return exchange.voice(now)
            case Pause(words):
                return exchange.pause(words, now)
            case Utterance(alternatives):
                return exchange.utterance(alternatives, now)
            case Deaf():
                return exchange.deaf(now)
            case Played():
                return exchange.played(now)
            case Tick():
                return exchange.played(now) if exchange.playing else exchange.tick(now)
            case Gone():
                return []

    async def _act(self, turn: Ask[Any], action: Action) -> None:
        match action:
            case Hush():
                await self._hush()
            case Play(attempt, after, whole, echo):
                if after in MISSED:
                    self.moments.missed(after, turn.label, attempt - 1)
                asked = Phrase("did_i_hear", (("what", Phrase(*echo)),)) if echo else Phrase(turn.label, turn.words)
                before = self._compose(Phrase(after)) if after else self._invitation(turn)
                said = before + self._compose(asked, attempt) if whole else before
                name = asked.prompt if whole or not after else after
                await self._play(name, said, question=turn.label, attempt=attempt, after=after)
            case Listen(to):
                await self.line.listen(self._listening(to) if to is not None else None)
            case Conclude():
                self.moments.concluded()
                await self.line.conclude()
            case Settled():
                pass

    async def listen(self, turn: turns.Listen, since: datetime) -> Answer:
        """What the caller tells in their own words, as a span of the call's recording.

        since: when the conversation came to it; long ago, where the controller died that asked.
        """
        manner = self._manner(turn)
        story, unseen = (
            Monologue(manner, self.typed, manner.speech and not self._deaf),
            self._told_unseen(turn, since),
        )
        actions = story.begin()
        while True:
            for action in actions:
                match action:
                    case Said(began, ended):
                        return self.answer(turn, heard=interval(Told(self._date(began), self._date(ended))))
                    case Settled(interruption=interruption):
                        if interruption == GaveUp.name:
                            self.moments.missed(story.missed or "noinput", turn.label, story.attempt)
                        if unseen is None:
                            return self.answer(turn, interruption=interruption)
                        self.typed.keys += AS_KEY.get(interruption or "", "")
                        return self.answer(turn, heard=interval(unseen))
                    case Hush():
                        await self._hush()
                    case Beep():
                        tone = Composition((TONE,), "", self.catalogue.seconds.get(TONE, 0.0))
                        await self._play("tone", tone)
                    case Attend(on):
                        await self.line.listen(Listening(self.language) if on else None)
                    case Play(attempt, after, whole):
                        if after and after == story.missed:
                            self.moments.missed(after, turn.label, attempt - 1)
                        before = self._compose(Phrase(after)) if after else Composition()
                        asked = self._compose(Phrase(turn.label, turn.words), attempt) if whole else Composition()
                        name = turn.label if whole or not after else after
                        await self._play(name, before + asked, question=turn.label, attempt=attempt, after=after)
            if self.gone and not self._backlog:
                if actions := story.gone(self.line.now()):
                    continue
                if unseen is not None:
                    return self.answer(turn, heard=interval(unseen))
                return self.answer(turn, interruption=HungUp.name)
            actions = self._tell_on(story, await self._hear(story.wake_at))

    def _told_unseen(self, turn: turns.Listen, since: datetime) -> Told | None:
        """What the caller told after the controller had died that asked: the tape has it, whatever they do next.

        If it had not come to asking yet, they waited for us in vain; then, too, it is right to call them back.
        """
        asked = self._compose(Phrase(turn.label, turn.words)).duration_s
        began, ended = since + timedelta(seconds=asked), self.line.date()
        return Told(began, ended) if (ended - began).total_seconds() >= monologue.LEAST else None

    def _tell_on(self, story: Monologue, heard: Heard) -> list[monologue.Action]:
        """What the monologue makes of something heard."""
        now = self.line.now()
        match heard:
            case Key(digit):
                return story.key(digit, now)
            case Voice():
                return story.voice(now)
            case Pause():
                return story.pause(now)
            case Deaf():
                return story.deaf(now)
            case Played():
                return story.played(now)
            case Tick():
                return story.played(now) if story.playing else story.tick(now)
            case Utterance() | Gone():
                return []

    async def play_back(self, turn: PlayBack) -> Answer:
        """What the caller told, from the tape that is being made."""
        telling = Telling(Say(turn.label), self.typed)
        if self.gone:
            return self.answer(turn, interruption=HungUp.name)
        if not telling.begin():
            return self.answer(turn)
        if self.house.tape is None:
            return self.answer(turn, interruption=Trouble.name)
        try:
            clip = await self.house.tape.cut(self.line.began, turn.told)
        except CannotCut as fault:
            log.error("call %s: what the caller said can't be played back: %s", self.call, fault)
            return self.answer(turn, interruption=Trouble.name)
        try:
            said = Composition((clip,), f"... ({turn.told.seconds:.0f} s)", turn.told.seconds)
            await self._play(turn.label, self._compose(Phrase(turn.label)) + said)
            heard = await self._told(telling)
        finally:
            await self.house.tape.forget(clip)
        if isinstance(heard, Gone):
            return self.answer(turn, interruption=HungUp.name)
        return self.answer(turn, interruption=Trouble.name if heard.fault else None)

    def will_part(self, farewell: Sequence[Phrase]) -> None:
        """Note the farewell that comes next: nothing is written after it."""
        if not self.gone and farewell:
            self.moments.plays(farewell[0].prompt, self._farewell(farewell), self.language)

    async def part(self, farewell: Sequence[Phrase]) -> None:
        """Say goodbye, and be heard, if the caller is still there."""
        if self.gone or not farewell:
            return
        await self._play(farewell[0].prompt, self._farewell(farewell))
        while not self.gone and self._late_at is not None:
            await self._hear(None)

    def _farewell(self, farewell: Sequence[Phrase]) -> Composition:
        return sum((self._compose(phrase) for phrase in farewell), Composition())

    # Speech

    def _hears(self, turn: Ask[Any]) -> bool:
        """Whether this question may be answered by speech."""
        return not self._deaf and self.language in self.house.spoken() and bool(turn.accepts.phrases(self.language))

    def _listening(self, to: Grammar[object]) -> Listening:
        return Listening(self.language, (*to.phrases(self.language), *commands(self.language)), to.sequence)

    def _invitation(self, turn: Ask[Any]) -> Composition:
        """Before the first question that may be answered by speech: that it may."""
        if self.invited or not self._manner(turn).speech or not self._hears(turn):
            return Composition()
        self.invited = True
        return self._compose(Phrase("may_speak"))

    # The line

    async def _play(
        self,
        prompt: str,
        said: Composition,
        *,
        question: str | None = None,
        attempt: int = 1,
        after: str | None = None,
    ) -> None:
        """Start to play; what was hushed before is waited for, other things heard meanwhile keep their turn."""
        while self._late_at is not None and not self.gone:
            heard = await self._hear_line(None)
            if isinstance(heard, Key | Deaf):
                self._backlog.append(heard)
        if self.gone:
            return
        self._late_at = self.line.now() + said.duration_s + LATE
        self.house.tell(self.call, "said", self.call, prompt, said.text)
        self.moments.plays(prompt, said, self.language, question=question, attempt=attempt, after=after)
        await self.line.play(said.clips)

    async def _hush(self) -> None:
        self.moments.hushed("voice" if self._spoke else "key")
        await self.line.hush()

    async def _hear(self, until: float | None) -> Heard:
        """The next thing that happens.  `Tick` when nothing did before `until`, or before a prompt was overdue."""
        heard = self._backlog.popleft() if self._backlog else await self._hear_line(until)
        self._spoke = isinstance(heard, Voice)
        return heard

    async def _hear_line(self, until: float | None) -> Heard:
        limits = [t for t in (until, self._late_at) if t is not None]
        heard = await self.line.hear(min(limits) if limits else None)
        match heard:
            case Key(digit):
                self.moments.keyed(digit)
                self.house.tell(self.call, "keyed", self.call, digit)
            case Gone(cause):
                self.gone = heard
                self.moments.gone(cause)
            case Utterance(alternatives):
                self.moments.understood(alternatives)
                self.house.tell(self.call, "spoke", self.call, alternatives)
            case Deaf(why, lost):
                self._deaf = True
                if lost:
                    self.moments.deaf(why)
                    self.house.tell(self.call, "deaf", self.call, why)
            case Voice():
                self.moments.voice()
            case Pause(words):
                self.moments.pause(words)
            case Played(whole, fault):
                self._late_at = None
                self.moments.played(whole, fault)
                if fault:
                    log.error("call %s: a prompt could not be played: %s", self.call, fault)
            case Tick():
                if self._late_at is not None and self.line.now() >= self._late_at:
                    self._late_at = None
                    self.moments.overdue()
                    log.error("call %s: the exchange never said that a prompt was over", self.call)
        return heard

    # Small things

    def _date(self, moment: float) -> datetime:
        """A moment of the line's clock, as a date."""
        return self.line.date() + timedelta(seconds=moment - self.line.now())

    def _manner(self, turn: Ask[Any] | turns.Listen) -> Manner:
        ours = (self.house.manners or {}).get(turn.label)
        return replace(turn.manner, **ours) if ours else turn.manner

    def _compose(self, phrase: Phrase, attempt: int = 1) -> Composition:
        return self.catalogue.compose(phrase.language or self.language, phrase.prompt, phrase.words, attempt)
