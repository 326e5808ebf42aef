"""One call: the only place where a dialog meets the world.

Rules
1. What is decided is decided elsewhere: the flow says what to do, `Talk` does what concerns the line.  Here it is
   put in order, and written down before the conversation goes on.
2. The caller is never left in silence.  Whatever breaks, they hear an apology and get to people; and a call that
   can't be driven any more is recorded as what it was.
3. Cancelling a session leaves the call on the exchange as it is: another controller, or we after a restart, adopt it.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from domain.model import Outcome
from domain.moments import Moment
from domain.store import StoreFault
from flows import FLOWS
from ivr.dialog import (
    Answer,
    Ask,
    Dialog,
    Diverged,
    Do,
    Ending,
    HungUp,
    Nomatch,
    Phrase,
    PlayBack,
    Record,
    Say,
    Speak,
    Trouble,
    Turn,
    must_interrupt,
    turns,
)
from ivr.dialog.grammar import KEYS
from ivr.house import House, Watcher
from ivr.journal import RETURNED, AlreadyAnswered, Unwritten, notes, read
from ivr.journal import Line as Written
from ivr.ports import Line, NotOurs
from ivr.talk import Talk

__all__ = ["House", "Session", "Watcher"]

log = logging.getLogger(__name__)

LAST_SAID = 8
"""How many of the caller's last answers people are told."""


class Session:
    """One call from its first turn, or from where its journal stops, to its end."""

    def __init__(self, house: House, line: Line) -> None:
        self.house = house
        self.line = line
        self.call = line.began.call
        self.talk = Talk(house, line)
        self.seq = 0  # of the next line to be written
        self.unwritten: list[Answer] = []
        self.happened: Sequence[Moment] = ()  # what is being written with them
        self.due = False  # whether they must be written before the conversation goes on
        self.opened = False  # whether the store has told what it knows of the call
        self.recorded = False  # whether the store knows the outcome
        self.told: Mapping[str, str] = {}  # what people knew of the call when they got it last
        self.dialog: Dialog | None = None
        self.said: deque[str] = deque(maxlen=LAST_SAID)

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

    def left(self) -> Unwritten:
        """What the store would not take, once the call is over: it is owed with the outcome (`recorded`)."""
        self.talk.moments.over()
        return Unwritten(self.seq, tuple(self.unwritten), tuple(self.talk.moments.pending), self.opened)

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
        self.opened, self.recorded = True, opened.ended is not None
        self.told = opened.told
        self.seq = len(opened.lines)
        self.talk.moments.resume(opened.moments)
        self.talk.invited = bool(opened.lines)
        dialog = self.dialog = self._resume(opened.lines)
        if opened.ended is not None:  # all that is left is to part
            farewell = dialog.ending.farewell if dialog.ending else (Phrase("apology"),) if opened.ended.to else ()
            return replace(opened.ended, farewell=farewell)
        self._note_flow(opened.lines)
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
            return self._later(self.talk.answer(turn, interruption=HungUp.name))
        match turn:
            case Ask():
                return self._soon(await self.talk.ask(turn))
            case Say():
                return self._later(await self.talk.say(turn))
            case turns.Listen():
                return self._soon(await self.talk.listen(turn, dialog.call.now))
            case PlayBack():
                return self._later(await self.talk.play_back(turn))
            case Do():
                return await self._do(turn)
            case Record():
                return self._soon(self.talk.answer(turn))  # a crash must not forget that the notice was heard
            case _:
                return self._later(self.talk.answer(turn))

    async def _do(self, turn: Do[Any]) -> Answer:
        answer = self.talk.answer(turn)
        try:
            answer = await self.house.journal.perform(
                self.call, self.seq, self.unwritten, turn, answer, self._happened()
            )
        except (AlreadyAnswered, StoreFault):
            raise
        except Exception:
            log.exception("call %s: %s could not be done", self.call, turn.label)
            return self._soon(self.talk.answer(turn, interruption=Trouble.name))
        self._written(1)
        return answer

    # The end

    async def _end(self, ending: Ending) -> Ending:
        if self.talk.gone and ending.because == HungUp.name:
            ending = replace(ending, because=self.talk.gone.cause)
        self.talk.will_part(ending.farewell)
        self.talk.moments.over()
        try:
            await self.house.journal.end(
                self.call, self.seq, self.unwritten, ending, self.line.date(), self._known(), self._happened()
            )
            self._written()
            self.recorded = True
        except (StoreFault, LookupError) as fault:
            log.critical("call %s ended as %s, which could not be recorded: %s", self.call, ending.outcome, fault)
        self._tell("ended", self.call, ending)
        return ending

    async def _part(self, ending: Ending) -> None:
        """Say goodbye, and let the caller go: to people, or altogether."""
        await self.talk.part(ending.farewell)
        if self.talk.gone:
            return
        if ending.to is None:
            await self.line.hang_up()
        else:
            await self.line.hand_over(ending.to, ending.because, self.talk.language, self._known())

    # Small things

    def _note_language(self, turn: Turn[Any] | None) -> None:
        if isinstance(turn, Speak):
            self.talk.language = turn.language

    def _note_flow(self, lines: Sequence[Written]) -> None:
        """Which conversation it is, for whoever follows the call later."""
        began = self.line.began
        flow = self.house.conversation(began, returned=bool(began.returned))
        name = next((name for name, known in FLOWS.items() if known is flow), flow.__name__)
        anew = not lines or lines[-1].label == RETURNED
        self.talk.moments.begins(name, began.returned, adopted=not anew)

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

    def _tell(self, event: str, *facts: Any) -> None:
        self.house.tell(self.call, event, *facts)

    def _later(self, answer: Answer) -> Answer:
        """To be written with the next line that matters."""
        self.unwritten.append(answer)
        return answer

    def _soon(self, answer: Answer) -> Answer:
        """To be written before the caller hears anything more."""
        self.due = True
        return self._later(answer)

    async def _write(self) -> None:
        await self.house.journal.keep(self.call, self.seq, self.unwritten, self._happened())
        self._written()

    def _happened(self) -> Sequence[Moment]:
        """What is to be written with the next line."""
        self.happened = tuple(self.talk.moments.pending)
        return self.happened

    def _written(self, more: int = 0) -> None:
        self.talk.moments.written(len(self.happened))
        self.seq, self.unwritten, self.due = self.seq + len(self.unwritten) + more, [], False


def _sorry(outcome: Outcome, because: str) -> Ending:
    return Ending(outcome, "agents", because, (Phrase("apology"),))
