"""One call: the only place where a dialog meets the world.

Rules
1. What is decided is decided elsewhere: the flow says what to do, `Exchange` and `Telling` how to listen.  Here it
   is only done, in order, and written down before the conversation goes on.
2. The caller is never left in silence.  Whatever breaks, they hear an apology and get to people; and a call that
   can't be driven any more is recorded as what it was.
3. A statement that must be heard (no barge-in) and could not be played is tried once more, then it is our trouble.
4. Cancelling a session leaves the call on the exchange as it is: another controller, or we after a restart, adopt it.
"""

import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from domain.model import Began, Outcome, Told
from domain.store import StoreFault
from ivr.dialog import (
    Answer,
    Ask,
    Back,
    Dialog,
    Diverged,
    Do,
    Ending,
    Flow,
    Grammar,
    HungUp,
    Manner,
    Nomatch,
    Phrase,
    PlayBack,
    Record,
    Say,
    Speak,
    Trouble,
    Turn,
    WantsAgent,
    monologue,
    must_interrupt,
    turns,
)
from ivr.dialog.exchange import Action, Conclude, Exchange, Hush, Listen, Play, Settled, Telling, Typed
from ivr.dialog.grammar import KEYS
from ivr.dialog.monologue import Attend, Beep, Monologue, Said, interval
from ivr.dialog.vocabulary import commands
from ivr.journal import RETURNED, AlreadyAnswered, Journal, notes, read
from ivr.journal import Line as Written
from ivr.ports import (
    Alternative,
    CannotCut,
    Deaf,
    Gone,
    Heard,
    Key,
    Line,
    Listening,
    NotOurs,
    Pause,
    Played,
    Tape,
    Tick,
    Utterance,
    Voice,
)
from prompts import Catalogue, Composition
from prompts.spoken import TONE

log = logging.getLogger(__name__)

SKIPPED = 0.3
"""Seconds by which a statement that must be heard may end early; more, and the exchange has left out a clip, which it
doesn't tell."""
LAST_SAID = 8
"""How many of the caller's last answers people are told."""
AS_KEY = {WantsAgent.name: "0", Back.name: "*"}
"""What the caller wanted instead, as the key that says so at the next question."""
LATE = 5.0
"""Seconds after a prompt should have ended until we go on without the exchange's word for it."""


class Watcher(Protocol):
    """Somebody who looks on: the log, the screen of the demo call, the figures, later the live board."""

    def began(self, line: Line, adopted: bool) -> None:
        """A session takes up a call."""

    def said(self, call: str, prompt: str, text: str) -> None:
        """The caller starts to hear this."""

    def keyed(self, call: str, key: str) -> None:
        """The caller pressed a key."""

    def spoke(self, call: str, alternatives: Sequence[Alternative]) -> None:
        """The caller said something, understood like this, best first; nothing when it was no speech."""

    def deaf(self, call: str, why: str) -> None:
        """Speech was lost in this call."""

    def answered(self, call: str, answer: Answer) -> None:
        """A turn is over."""

    def ended(self, call: str, ending: Ending) -> None:
        """The conversation is over."""

    def left(self, call: str) -> None:
        """We no longer conduct the call: another controller does, or we are being stopped."""


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of a controller share.

    flow: the conversation to hold; numbers: dialled number -> another one.  returned: the one to hold when people did
    not answer.  manners: settings by question, over what the flow says.  spoken: languages (ISO 639-1) whose speech
    is understood at this moment.  tape: from which callers hear again what they told; None: they can't.
    wording: the catalogue for a call that begins; None: `catalogue`.
    """

    flow: Flow
    catalogue: Catalogue
    journal: Journal
    watchers: Sequence[Watcher] = ()
    manners: Mapping[str, Mapping[str, Any]] | None = None
    numbers: Mapping[str, Flow] = field(default_factory=dict[str, Flow])
    returned: Flow | None = None
    spoken: Callable[[], Collection[str]] = tuple
    tape: Tape | None = None
    wording: Callable[[], Catalogue] | None = None

    def conversation(self, began: Began, *, returned: bool = False) -> Flow:
        """The one that a call holds; returned: after people gave it back."""
        if returned and self.returned is not None:
            return self.returned
        return self.numbers.get(began.dialled, self.flow)


class Session:
    """One call from its first turn, or from where its journal stops, to its end."""

    def __init__(self, house: House, line: Line) -> None:
        self.house = house
        self.line = line
        self.call = line.began.call
        self.catalogue = house.wording() if house.wording else house.catalogue  # of the whole call
        self.language = "uk"
        self.typed = Typed()
        self.seq = 0  # of the next line to be written
        self.unwritten: list[Answer] = []
        self.due = False  # whether they must be written before the conversation goes on
        self.backlog: deque[Heard] = deque()
        self.gone: Gone | None = None
        self.recorded = False  # whether the store knows the outcome
        self.told: Mapping[str, str] = {}  # what people knew of the call when they got it last
        self.dialog: Dialog | None = None
        self.said: deque[str] = deque(maxlen=LAST_SAID)
        self.deaf = False  # speech can't be heard any more
        self.invited = False  # the caller knows that they may speak
        self._late_at: float | None = None  # while something plays: when to stop waiting for its end

    async def run(self, *, adopted: bool = False) -> Ending | None:
        """Conduct the call to its end and return it; None when another controller turned out to drive it."""
        self._tell("began", self.line, adopted)
        try:
            ending = await self._converse_or_apologise()
            await self._part(ending)
        except AlreadyAnswered as fact:
            log.error("call %s: %s; leaving it alone", self.call, fact)
            self._tell("left", self.call)
            return None
        except BaseException:  # cancelled, or the line isn't ours any more
            self._tell("left", self.call)
            raise
        return ending

    async def _converse_or_apologise(self) -> Ending:
        try:
            return await self._converse()
        except (AlreadyAnswered, NotOurs):
            raise
        except StoreFault as fault:
            # No outcome can be written now; whoever runs us owes it to the store (`recorded`).
            log.critical("call %s goes to people, unrecorded: %s", self.call, fault)
            ending = _sorry(Outcome.FAILED, "the store is out of order")
            self._tell("ended", self.call, ending)
            return ending
        except Diverged as fact:  # its words are the caller's: they belong into the store, not into the log
            log.error("call %s: the flow was changed under it; going to people", self.call)
            return await self._end(_sorry(Outcome.DIVERGED, str(fact)))
        except Exception as fault:
            log.exception("call %s: a fault of ours; going to people", self.call)
            return await self._end(_sorry(Outcome.FAILED, f"{type(fault).__name__}: {fault}"))

    async def _converse(self) -> Ending:
        opened = await self.house.journal.open(self.line.began, self.line.date())
        self.recorded = opened.ended is not None
        self.told = opened.told
        self.seq = len(opened.lines)
        self.invited = bool(opened.lines)
        dialog = self.dialog = self._resume(opened.lines)
        if opened.ended is not None:  # all that is left is to part
            farewell = dialog.ending.farewell if dialog.ending else (Phrase("apology"),) if opened.ended.to else ()
            return replace(opened.ended, farewell=farewell)
        while (turn := dialog.turn) is not None:
            self._note_language(turn)
            if self.due and not isinstance(turn, Do):  # a deed is written together with the answer that led to it
                await self._write()
            answer = await self._perform(dialog, turn)
            self._tell("answered", self.call, answer)
            self._note_said(turn, answer)
            dialog.answer(answer)
        assert dialog.ending is not None
        return await self._end(dialog.ending)

    def _resume(self, lines: Sequence[Written]) -> Dialog:
        """The conversation as the journal leaves it.  Raises `Diverged`.

        Where people gave the call back another conversation begins.  What was held before no longer matters to it,
        but for what was achieved; so a change of the earlier flow since then is no harm.
        """
        dialog = Dialog(self.house.conversation(self.line.began), self.line.began)
        part: list[Written] = []
        for line in lines:
            if line.label != RETURNED:
                part.append(line)
                continue
            try:
                self._replay(dialog, part)
            except Diverged:  # what is said of it are the caller's words, and none for the log
                log.warning("call %s: its part before people had it can't be followed any more", self.call)
            earlier, part = dialog, []
            told = {**notes(line.result), **earlier.call.noted}
            dialog = Dialog(self.house.conversation(self.line.began, returned=True), self.line.began, told)
            dialog.achieved = earlier.achieved
        self._replay(dialog, part)
        return dialog

    def _replay(self, dialog: Dialog, lines: Sequence[Written]) -> None:
        for line in lines:
            try:
                answer = read(line)
            except ValueError as fact:
                raise Diverged(f"the journal holds what we can no longer read: {fact}") from fact
            self._note_language(dialog.turn)
            self._note_said(dialog.turn, answer)
            try:
                dialog.answer(answer)
            except Nomatch as fact:
                raise Diverged(f"the question {answer.asked!r} no longer understands {answer.heard!r}") from fact

    async def _perform(self, dialog: Dialog, turn: Turn[Any]) -> Answer:
        if must_interrupt(dialog):
            return self._later(self._answer(turn, interruption=HungUp.name))
        match turn:
            case Ask():
                return self._soon(await self._ask(turn))
            case Say():
                return self._later(await self._say(turn))
            case turns.Listen():
                return self._soon(await self._listen(turn))
            case PlayBack():
                return self._later(await self._play_back(turn))
            case Do():
                return await self._do(turn)
            case Record():
                return self._soon(self._answer(turn))  # a crash must not forget that the notice was heard
            case _:
                return self._later(self._answer(turn))

    # Turns

    async def _say(self, turn: Say) -> Answer:
        telling = Telling(turn, self.typed)
        if self.gone:
            return self._answer(turn, interruption=HungUp.name)
        if not telling.begin():
            return self._answer(turn)
        said = self._compose(Phrase(turn.label, turn.words))
        if not said.whole and not turn.bargein:
            log.critical("call %s: %s has no sound and must be heard", self.call, turn.label)
            return self._answer(turn, interruption=Trouble.name)
        for _ in range(2):
            await self._play(turn.label, said)
            least = self.line.now() + said.duration_s - SKIPPED
            told = await self._told(telling)
            if isinstance(told, Gone):
                return self._answer(turn, interruption=HungUp.name)
            if turn.bargein or (told.whole and self.line.now() >= least):
                return self._answer(turn)
            log.error("call %s: %s was not heard to its end", self.call, turn.label)
        return self._answer(turn, interruption=Trouble.name)

    async def _told(self, telling: Telling) -> Played | Gone:
        """Listen while a statement is made."""
        while True:
            match heard := await self._hear(None):
                case Key(digit):
                    if telling.key(digit):
                        await self.line.hush()
                        return Played(whole=False)
                case Played() | Gone():
                    return heard
                case Tick() if self._late_at is None:
                    return Played(whole=False, fault="no word from the exchange")
                case Tick():
                    pass

    async def _ask(self, turn: Ask[Any]) -> Answer:
        exchange = Exchange(turn.accepts, self._manner(turn), self.typed, self._hears(turn))
        actions = exchange.begin(self.line.now())
        while True:
            for action in actions:
                if isinstance(action, Settled):
                    self.deaf = self.deaf or exchange.lost
                    return self._answer(
                        turn, heard=action.heard, interruption=action.interruption, confidence=action.confidence
                    )
                await self._act(turn, action)
            if self.gone and not self.backlog:
                return self._answer(turn, interruption=HungUp.name)
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
                await self.line.hush()
            case Play(attempt, after, whole, echo):
                asked = Phrase("did_i_hear", (("what", Phrase(*echo)),)) if echo else Phrase(turn.label, turn.words)
                before = self._compose(Phrase(after)) if after else self._invitation(turn)
                await self._play(asked.prompt, before + self._compose(asked, attempt) if whole else before)
            case Listen(to):
                await self.line.listen(self._listening(to) if to is not None else None)
            case Conclude():
                await self.line.conclude()
            case Settled():
                pass

    async def _listen(self, turn: turns.Listen) -> Answer:
        """What the caller tells in their own words, as a span of the call's recording."""
        manner = self._manner(turn)
        story, unseen = Monologue(manner, self.typed, manner.speech and not self.deaf), self._told_unseen(turn)
        actions = story.begin()
        while True:
            for action in actions:
                match action:
                    case Said(began, ended):
                        return self._answer(turn, heard=interval(Told(self._date(began), self._date(ended))))
                    case Settled(interruption=interruption):
                        if unseen is None:
                            return self._answer(turn, interruption=interruption)
                        self.typed.keys += AS_KEY.get(interruption or "", "")
                        return self._answer(turn, heard=interval(unseen))
                    case Hush():
                        await self.line.hush()
                    case Beep():
                        tone = Composition((TONE,), "", self.catalogue.seconds.get(TONE, 0.0))
                        await self._play("tone", tone)
                    case Attend(on):
                        await self.line.listen(Listening(self.language) if on else None)
                    case Play(attempt, after, whole):
                        before = self._compose(Phrase(after)) if after else Composition()
                        asked = self._compose(Phrase(turn.label, turn.words), attempt) if whole else Composition()
                        await self._play(turn.label, before + asked)
            if self.gone and not self.backlog:
                if actions := story.gone(self.line.now()):
                    continue
                if unseen is not None:
                    return self._answer(turn, heard=interval(unseen))
                return self._answer(turn, interruption=HungUp.name)
            actions = self._tell_on(story, await self._hear(story.wake_at))

    def _told_unseen(self, turn: turns.Listen) -> Told | None:
        """What the caller told after the controller had died that asked: the tape has it, whatever they do next.

        If it had not come to asking yet, they waited for us in vain; then, too, it is right to call them back.
        """
        assert self.dialog is not None
        asked = self._compose(Phrase(turn.label, turn.words)).duration_s
        began, ended = self.dialog.call.now + timedelta(seconds=asked), self.line.date()
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

    async def _play_back(self, turn: PlayBack) -> Answer:
        """What the caller told, from the tape that is being made."""
        telling = Telling(Say(turn.label), self.typed)
        if self.gone:
            return self._answer(turn, interruption=HungUp.name)
        if not telling.begin():
            return self._answer(turn)
        if self.house.tape is None:
            return self._answer(turn, interruption=Trouble.name)
        try:
            clip = await self.house.tape.cut(self.line.began, turn.told)
        except CannotCut as fault:
            log.error("call %s: what the caller said can't be played back: %s", self.call, fault)
            return self._answer(turn, interruption=Trouble.name)
        try:
            said = Composition((clip,), f"... ({turn.told.seconds:.0f} s)", turn.told.seconds)
            await self._play(turn.label, self._compose(Phrase(turn.label)) + said)
            heard = await self._told(telling)
        finally:
            await self.house.tape.forget(clip)
        if isinstance(heard, Gone):
            return self._answer(turn, interruption=HungUp.name)
        return self._answer(turn, interruption=Trouble.name if heard.fault else None)

    async def _do(self, turn: Do[Any]) -> Answer:
        answer = self._answer(turn)
        try:
            answer = await self.house.journal.perform(self.call, self.seq, self.unwritten, turn, answer)
        except (AlreadyAnswered, StoreFault):
            raise
        except Exception:
            log.exception("call %s: %s could not be done", self.call, turn.label)
            return self._soon(self._answer(turn, interruption=Trouble.name))
        self._written(1)
        return answer

    # Speech

    def _hears(self, turn: Ask[Any]) -> bool:
        """Whether this question may be answered by speech."""
        return not self.deaf and self.language in self.house.spoken() and bool(turn.accepts.phrases(self.language))

    def _listening(self, to: Grammar[object]) -> Listening:
        return Listening(self.language, (*to.phrases(self.language), *commands(self.language)), to.sequence)

    def _invitation(self, turn: Ask[Any]) -> Composition:
        """Before the first question that may be answered by speech: that it may."""
        if self.invited or not self._manner(turn).speech or not self._hears(turn):
            return Composition()
        self.invited = True
        return self._compose(Phrase("may_speak"))

    # The end

    async def _end(self, ending: Ending) -> Ending:
        if self.gone and ending.because == HungUp.name:
            ending = replace(ending, because=self.gone.cause)
        try:
            await self.house.journal.end(self.call, self.seq, self.unwritten, ending, self.line.date(), self._known())
            self._written()
            self.recorded = True
        except (StoreFault, LookupError) as fault:
            log.critical("call %s ended as %s, which could not be recorded: %s", self.call, ending.outcome, fault)
        self._tell("ended", self.call, ending)
        return ending

    async def _part(self, ending: Ending) -> None:
        """Say goodbye, and let the caller go: to people, or altogether."""
        if not self.gone and ending.farewell:
            farewell = sum((self._compose(phrase) for phrase in ending.farewell), Composition())
            await self._play(ending.farewell[0].prompt, farewell)
            while not self.gone and self._late_at is not None:
                await self._hear(None)
        if self.gone:
            return
        if ending.to is None:
            await self.line.hang_up()
        else:
            await self.line.hand_over(ending.to, ending.because, self.language, self._known())

    # The line

    async def _play(self, prompt: str, said: Composition) -> None:
        """Start to play; what was hushed before is waited for, other things heard meanwhile keep their turn."""
        while self._late_at is not None and not self.gone:
            heard = await self._hear_line(None)
            if isinstance(heard, Key | Deaf):
                self.backlog.append(heard)
        if self.gone:
            return
        self._late_at = self.line.now() + said.duration_s + LATE
        self._tell("said", self.call, prompt, said.text)
        await self.line.play(said.clips)

    async def _hear(self, until: float | None) -> Heard:
        """The next thing that happens.  `Tick` when nothing did before `until`, or before a prompt was overdue."""
        return self.backlog.popleft() if self.backlog else await self._hear_line(until)

    async def _hear_line(self, until: float | None) -> Heard:
        limits = [t for t in (until, self._late_at) if t is not None]
        heard = await self.line.hear(min(limits) if limits else None)
        match heard:
            case Key(digit):
                self._tell("keyed", self.call, digit)
            case Gone():
                self.gone = heard
            case Utterance(alternatives):
                self._tell("spoke", self.call, alternatives)
            case Deaf(why, lost):
                self.deaf = True
                if lost:
                    self._tell("deaf", self.call, why)
            case Voice() | Pause():
                pass
            case Played(fault=fault):
                self._late_at = None
                if fault:
                    log.error("call %s: a prompt could not be played: %s", self.call, fault)
            case Tick():
                if self._late_at is not None and self.line.now() >= self._late_at:
                    self._late_at = None
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

    def _note_language(self, turn: Turn[Any] | None) -> None:
        if isinstance(turn, Speak):
            self.language = turn.language

    def _note_said(self, turn: Turn[Any] | None, answer: Answer) -> None:
        """What the caller answered, as keys, for whoever gets the call: they should not have to ask again."""
        if answer.heard is not None and isinstance(turn, Ask):
            with suppress(Nomatch):
                keys = answer.heard if KEYS.issuperset(answer.heard) else turn.accepts.spelled(answer.heard)
                self.said.append(f"{answer.label}={keys}")

    def _known(self) -> dict[str, str]:
        """What people are told of the call when they get it, whatever brings it to them."""
        noted = self.dialog.call.noted if self.dialog else {}
        return {**self.told, **noted, **({"said": " ".join(self.said)} if self.said else {})}

    def _answer(
        self,
        turn: Turn[Any],
        *,
        heard: str | None = None,
        interruption: str | None = None,
        confidence: float | None = None,
    ) -> Answer:
        return Answer(turn.label, turn.asked, self.line.date(), heard, None, interruption, confidence)

    def _tell(self, event: str, *facts: Any) -> None:
        """Tell those who look on; what goes wrong with them is no business of the caller's."""
        for watcher in self.house.watchers:
            try:
                getattr(watcher, event)(*facts)
            except Exception:
                log.exception("call %s: %s could not be told that it %s", self.call, watcher, event)

    def _later(self, answer: Answer) -> Answer:
        """To be written with the next line that matters."""
        self.unwritten.append(answer)
        return answer

    def _soon(self, answer: Answer) -> Answer:
        """To be written before the caller hears anything more."""
        self.due = True
        return self._later(answer)

    async def _write(self) -> None:
        await self.house.journal.keep(self.call, self.seq, self.unwritten)
        self._written()

    def _written(self, more: int = 0) -> None:
        self.seq, self.unwritten, self.due = self.seq + len(self.unwritten) + more, [], False


def _sorry(outcome: Outcome, because: str) -> Ending:
    return Ending(outcome, "agents", because, (Phrase("apology"),))
