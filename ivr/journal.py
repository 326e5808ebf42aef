"""The journal: what was said in a call, line by line, each committed together with what it caused.

Rules
1. A line holds what the caller keyed, unparsed, or what the business answered, serialised; never a parsed value.
2. A command and its line commit in one transaction, so a command is done exactly once, however often we crash.
3. Lines that cause nothing (statements) may wait for the next line that does; losing them repeats a sentence.
   So may what happened between the lines (`domain.moments`); losing it costs nothing but the knowledge.
4. Who is second with a line does not drive the call (`AlreadyAnswered`).
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from domain import calls, moments
from domain.calls import AlreadyAnswered, Line
from domain.commands import Command
from domain.handlers import perform
from domain.model import Began
from domain.moments import Moment
from domain.store import Connection, Store
from ivr.dialog import Answer, Do, Ending

RETURNED: Final = "returned"
"""The line between two conversations of one call: people did not answer, and the exchange gave the call back.  Its
words say for which time; its result is what people had been told."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A call as the journal knows it.

    lines: in order.  ended: how, if it did (and we were cut off between writing that and doing it).
    told: what people were told of it.  moments: how many are noted.
    """

    lines: Sequence[Line]
    ended: Ending | None
    told: Mapping[str, str]
    moments: int = 0


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What a session could not write any more.  answers: the lines from `seq` on.  happened: numbered after those
    that the store has, unless the call could not even be opened (`opened`)."""

    seq: int
    answers: Sequence[Answer]
    happened: Sequence[Moment]
    opened: bool = True

    def write(self, conn: Connection, call: str) -> None:
        """Write it now; what the store has after all is left as it is.  The call has begun."""
        there = calls.lengths(conn, [call])[call]
        for n, answer in enumerate(self.answers, self.seq):
            if n >= there:
                calls.append(conn, call, write(n, answer))
        happened = self.happened
        if not self.opened:
            following = moments.following(conn, call)
            happened = [replace(one, n=n) for n, one in enumerate(happened, following)]
        moments.append(conn, call, happened)


class Journal:
    """The journals of all calls of one controller, in one store.  `driver`: this controller's name."""

    def __init__(self, store: Store, driver: str) -> None:
        self.store = store
        self.driver = driver

    async def open(self, began: Began, at: datetime) -> Opened:
        """A call has come in, or we come back to it, or people gave it back to us; `at`: now.

        Raises `AlreadyAnswered`: another controller drives it.
        """

        def job(conn: Connection) -> Opened:
            if calls.begin(conn, began, self.driver) and not began.returned:
                return Opened([], None, {})
            record = calls.one(conn, began.call)
            assert record is not None
            lines, noted = calls.lines(conn, began.call), moments.following(conn, began.call)
            this = f"{RETURNED} {began.returned}"  # not their count: a return that we could not write down is missing
            if began.returned and not any(line.label == RETURNED and line.asked == this for line in lines):
                marker = Line(len(lines), at, RETURNED, this, result=record.context)
                calls.append(conn, began.call, marker)
                calls.go_on(conn, began.call, self.driver, at)  # whoever conducted it before gave it away
                return Opened([*lines, marker], None, notes(record.context), noted)
            if record.driver != self.driver:
                raise AlreadyAnswered(f"{record.driver} drives this call, not {self.driver}")
            ended = Ending(record.outcome, record.to, record.because or "") if record.outcome else None
            return Opened(lines, ended, notes(record.context), noted)

        return await asyncio.wrap_future(self.store.write(job))

    async def keep(self, call: str, seq: int, answers: Sequence[Answer], happened: Sequence[Moment] = ()) -> None:
        """Write these answers as the lines from `seq` on, and what happened meanwhile.

        Raises `AlreadyAnswered`, `StoreFault`.
        """
        lines = [write(seq + n, answer) for n, answer in enumerate(answers)]

        def job(conn: Connection) -> None:
            for line in lines:
                calls.append(conn, call, line)
            moments.append(conn, call, happened)

        await asyncio.wrap_future(self.store.write(job))

    async def perform(
        self,
        call: str,
        seq: int,
        before: Sequence[Answer],
        turn: Do[Any],
        answer: Answer,
        happened: Sequence[Moment] = (),
    ) -> Answer:
        """Do what the turn's command asks; write `before` as the lines from `seq` on and then the answer, and what
        happened meanwhile.

        `answer`: the line's label, words and time; returned with its result.
        Raises `AlreadyAnswered`, `StoreFault`, and what the command's handler raises; then nothing was written.
        """
        lines = [write(seq + n, said) for n, said in enumerate(before)]
        own = seq + len(lines)

        def job(conn: Connection) -> Answer:
            for line in lines:
                calls.append(conn, call, line)
            result = perform(conn, turn.command, call=call, seq=own, at=answer.at)
            done = Answer(answer.label, answer.asked, answer.at, result=result)
            calls.append(conn, call, write(own, done))
            moments.append(conn, call, happened)
            return done

        return await asyncio.wrap_future(self.store.write(job))

    async def end(
        self,
        call: str,
        seq: int,
        before: Sequence[Answer],
        ending: Ending,
        at: datetime,
        told: Mapping[str, str] | None = None,
        happened: Sequence[Moment] = (),
    ) -> bool:
        """Write what is left, what happened, and the one outcome of this call.

        False when it had one before, which stands.
        told: what people are told of it.
        """
        context = json.dumps(dict(told), ensure_ascii=False) if told else None
        lines = [write(seq + n, said) for n, said in enumerate(before)]

        def job(conn: Connection) -> bool:
            for line in lines:
                calls.append(conn, call, line)
            moments.append(conn, call, happened)
            return calls.end(conn, call, ending.outcome, at=at, to=ending.to, because=ending.because, context=context)

        return await asyncio.wrap_future(self.store.write(job))


def write(seq: int, answer: Answer) -> Line:
    """An answer as a line of the journal."""
    result = None
    if answer.result is not None:
        result = _adapter(answer.label).dump_json(answer.result).decode()
    said = (answer.heard, result, answer.interruption, answer.confidence)
    return Line(seq, answer.at, answer.label, answer.asked, *said)


def read(line: Line) -> Answer:
    """A line of the journal as the answer that it was.  Raises ValueError when the result's shape has changed."""
    result = None
    if line.result is not None:
        result = _adapter(line.label).validate_json(line.result)
    return Answer(line.label, line.asked, line.at, line.heard, result, line.interruption, line.confidence)


def notes(context: str | None) -> dict[str, str]:
    """What people were told of a call, as it was written down."""
    return dict(json.loads(context)) if context else {}


@cache
def _adapter(label: str) -> TypeAdapter[Any]:
    """How the result of the command of this name is written down."""
    known = {command.__name__: command for command in Command.__subclasses__()}
    if label not in known:
        raise ValueError(f"no command is called {label!r}")
    return TypeAdapter(known[label].result_type())


__all__ = ["RETURNED", "AlreadyAnswered", "Journal", "Line", "Opened", "Unwritten", "notes", "read", "write"]
