"""One conversation without a telephone: answers go in, turns come out.

Rules
1. No event loop, no clock, no I/O.  Given the same answers, a dialog always arrives at the same turn.  That lets a
   restarted controller pick up a call where it was, and a test hold thousands of conversations a second.
2. The journal is the truth.  What it holds must answer what the flow asks, word for word; else `Diverged`.
3. Every dialog ends in exactly one `Ending`, also when nobody in the flow minds an interruption.

Theory of operation: a flow is a coroutine that yields turns.  `answer` sends it the answer (or throws an
interruption into it) and holds the next turn that it yields.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from domain.model import Began, Outcome
from ivr.dialog.call import NOTHING, Call
from ivr.dialog.grammar import understand
from ivr.dialog.monologue import told as told_in
from ivr.dialog.turns import (
    INTERRUPTIONS,
    Ask,
    Back,
    Do,
    Ending,
    GaveUp,
    HungUp,
    Interruption,
    Listen,
    Phrase,
    Turn,
    WantsAgent,
    needs_caller,
)

Flow: TypeAlias = Callable[[Call], Coroutine[Turn[Any], Any, Ending]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one turn.

    label, asked: which turn it answers, and what exactly the flow had wanted (`Turn.asked`).
    at: when, timezone-aware UTC.  heard: what the caller keyed or said, unparsed.  result: what the business said.
    interruption: the `name` of what happened instead.  confidence: of what was said, 0 to 1; None when keyed.
    """

    label: str
    asked: str
    at: datetime
    heard: str | None = None
    result: Any = None
    interruption: str | None = None
    confidence: float | None = None


class Diverged(Exception):
    """The journal answers something that the flow does not ask: the flow was changed under a call."""


class Dialog:
    """A conversation in progress.  `turn`: what the flow wants now; None when it has come to its `ending`.

    achieved: the weightiest thing that was done; said: the ending as the flow said it.
    """

    __slots__ = ("achieved", "call", "coroutine", "hung_up", "said", "turn")

    turn: Turn[Any] | None
    said: Ending | None

    def __init__(
        self, flow: Flow, began: Began, told: Mapping[str, str] = NOTHING, *, call: Call | None = None
    ) -> None:
        self.call = call or Call(began, told)
        self.coroutine = flow(self.call)
        self.turn = self.said = None
        self.achieved: Outcome | None = None
        self.hung_up = False
        self._step(self.coroutine.send, None)

    @classmethod
    def replay(
        cls, flow: Flow, began: Began, journal: Iterable[Answer], told: Mapping[str, str] = NOTHING
    ) -> "Dialog":
        """The conversation as it stood after these answers.  Raises `Diverged`."""
        dialog = cls(flow, began, told)
        for answer in journal:
            dialog.answer(answer)
        return dialog

    def answer(self, answer: Answer) -> None:
        """Go on with this answer to the present turn.  Raises `Diverged` when it answers another one, and
        `Nomatch` when the grammar of the question doesn't understand what was heard."""
        turn = self.turn
        if turn is None:
            raise Diverged(f"the journal goes on with {answer.asked!r}; the flow has ended ({self.ending})")
        if turn.asked != answer.asked:
            raise Diverged(f"the journal answers {answer.asked!r}; the flow wants {turn.asked!r}")
        self.call.now = answer.at
        if answer.interruption is not None:
            interruption = INTERRUPTIONS[answer.interruption]()
            self.hung_up = self.hung_up or isinstance(interruption, HungUp)
            self._step(self.coroutine.throw, interruption)
        elif isinstance(turn, Ask | Listen):
            if answer.heard is None:
                raise Diverged(f"the journal holds no answer to the question {turn.asked!r}")
            heard = told_in(answer.heard) if isinstance(turn, Listen) else understand(turn.accepts, answer.heard)
            self._step(self.coroutine.send, heard)
        else:
            if isinstance(turn, Do):
                self.achieved = weightier(turn.command.achieves, self.achieved)
            self._step(self.coroutine.send, answer.result)

    def _step(self, advance: Callable[[Any], Any], value: Any) -> None:
        try:
            turn: Any = advance(value)
        except StopIteration as stop:
            if not isinstance(stop.value, Ending):
                raise TypeError(f"a flow ends in an Ending, not in {stop.value!r}") from None
            self.turn, self.said = None, stop.value
        except Interruption as interruption:
            self.turn, self.said = None, self._unminded(interruption)
        else:
            if not isinstance(turn, Turn):
                raise TypeError(f"a flow may only await turns, not {turn!r}")
            self.turn = turn  # pyright: ignore[reportUnknownMemberType]

    @property
    def ending(self) -> Ending | None:
        """How the conversation ended; None while it goes on."""
        return named(self.said, self.achieved) if self.said else None

    def _unminded(self, interruption: Interruption) -> Ending:
        """The one place where silence, giving up, "operator" and hang-up are handled, unless a flow minds itself."""
        match interruption:
            case HungUp():
                return Ending(Outcome.ABANDONED, because=interruption.name)
            case WantsAgent() | Back():
                return transfer(interruption.name)
            case GaveUp():
                return transfer(interruption.name, "gave_up")
            case _:
                return Ending(Outcome.FAILED, "agents", interruption.name, (Phrase("apology"),))

    def abandon(self) -> None:
        """Forget the flow's coroutine without running its clean-up (it may not await any more)."""
        self.coroutine.close()


def weightier(one: Outcome | None, other: Outcome | None) -> Outcome | None:
    """Of two things that a caller has got, the one that names the call."""
    return min((o for o in (one, other) if o is not None), key=lambda o: o.weight, default=None)


def named(said: Ending, achieved: Outcome | None) -> Ending:
    """The ending under the name of the weightiest thing achieved.  Who is sent to people has not got it all yet."""
    if said.to is not None or achieved is None or achieved.weight > said.outcome.weight:
        return said
    return replace(said, outcome=achieved)


def goodbye(outcome: Outcome, *farewell: str) -> Ending:
    """The conversation has come to its end: say these prompts and hang up."""
    return Ending(outcome, farewell=tuple(Phrase(p) for p in farewell))


def transfer(because: str, *farewell: str, to: str = "agents") -> Ending:
    """Hand the caller over to people.  Who answers, and that nobody does, is for the exchange to say."""
    return Ending(Outcome.TRANSFERRED, to, because, tuple(Phrase(p) for p in farewell))


def must_interrupt(dialog: Dialog) -> bool:
    """Whether the present turn can't be performed any more because the caller is gone."""
    return dialog.hung_up and needs_caller(dialog.turn)
