"""Keeps the index of calls up to date: what ended, what was written down, scored, erased since.

Rules: what is owed stands in the store (`domain.debts`), and is settled together with what was written; nothing is
kept here, so that being killed loses nothing.  Writes are turns (`ivr.console.turns`), and between two looks at much
that is owed this process rests as long as it worked: a million calls are caught up with while callers and pages go
first.  The newest calls come first.  A call that can't be told is found by what its row says, one that can't be
counted is in no figures, and either is logged once.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from domain import calls, debts, indexing, moments, tallies
from domain.calls import CallRecord
from domain.debts import Debt
from domain.indexing import Facts, Stored
from domain.model import Language, Outcome
from domain.store import Connection, Store, StoreFault
from ivr.console.tallying import matter_of, tally_of
from ivr.console.turns import Turns
from ivr.dialog import GaveUp
from ivr.story import Doubt, Story, story

log = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between looks at the store, when nothing is owed."""

AT_ONCE: Final = 16
"""Calls of one look: some 50 ms of work, and a turn of some 20 ms."""

LONGEST_REST: Final = 0.25
"""Seconds between two looks when more is owed."""

UNKNOWN: Final = "unknown"
"""The flow of a call that can't be told."""


class Indexer:
    """Runs in the console's process.  turns: its writes."""

    def __init__(self, store: Store, turns: Turns) -> None:
        self._store = store
        self._turns = turns

    async def run(self) -> None:
        """Index until cancelled.  A store that fails is waited for; anything else is a mistake and is logged."""
        while True:
            try:
                await self.once()
            except StoreFault as fault:
                log.warning("calls wait to be found: %s", fault)
            except Exception:
                log.exception("a mistake while indexing calls")
            await asyncio.sleep(LOOK)

    async def once(self) -> int:
        """Index what is owed now, and return; how many calls were.

        What changes again while it is being indexed is left for the next time.
        """
        indexed = 0
        while True:
            began = time.perf_counter()
            owed, done = await self._some()
            indexed += done
            if owed < AT_ONCE or not done:
                return indexed
            await asyncio.sleep(min(time.perf_counter() - began, LONGEST_REST))

    async def _some(self) -> tuple[int, int]:
        """Index a few; how many were owed, and how many are in order now."""
        owed = await asyncio.wrap_future(self._store.read(lambda conn: debts.owed(conn, AT_ONCE)))
        if not owed:
            return 0, 0
        told: dict[str, Story] = {}
        found = await asyncio.wrap_future(self._store.read(lambda conn: facts(conn, owed, told)))
        for debt in owed:  # before the debts are settled, and one at a time: callers come first
            await self._count(debt.call, told.get(debt.call))
        return len(owed), await self._turns.write(lambda conn: indexing.fill(conn, found))

    async def _count(self, call: str, told: Story | None) -> None:
        """Into the figures, or out of them while it goes on (again).  One that can't be counted is found without: it
        must not keep all others from being found."""
        try:
            if told is None:
                await self._turns.write(lambda conn: tallies.uncount(conn, call))
                return
            tally = tally_of(told)
            await self._turns.write(lambda conn: tallies.count(conn, call, tally))
        except StoreFault:
            raise
        except Exception:  # of whatever an old row holds
            log.exception("call %s can't be counted: it is found, and not in the figures", call)


def facts(
    conn: Connection, owed: Sequence[Debt], stories: dict[str, Story] | None = None
) -> dict[Debt, Facts | None]:
    """What these calls are found by; None: it goes on (again), and is owed anew when it ends.  stories: gets what was
    told of each."""
    ids = [debt.call for debt in owed]
    stored = indexing.gather(conn, ids)
    happened = moments.of_calls(conn, ids)
    found: dict[Debt, Facts | None] = {}
    for debt in owed:
        record = calls.one(conn, debt.call)
        if record is None or record.ended_at is None or record.outcome is None:
            found[debt] = None
            continue
        try:
            told = story(record, calls.lines(conn, debt.call), happened[debt.call])
        except Exception:  # of whatever an old row holds: the call is found all the same
            log.exception("call %s can't be told: it is found by what its row says", debt.call)
            told = Story(record, (), (), (), UNKNOWN, Language.UK, ())
        if stories is not None:
            stories[debt.call] = told
        found[debt] = of_story(told, record.ended_at, record.outcome, stored[debt.call])
    return found


def of_story(told: Story, ended: datetime, outcome: Outcome, stored: Stored) -> Facts:
    """What a call is found by that has ended so."""
    record: CallRecord = told.call
    return Facts(
        call=record.began.call,
        began=record.began.at,
        seconds=max(0, int((ended - record.began.at).total_seconds())),
        caller=record.began.caller,
        dialled=record.began.dialled,
        flow=told.flow,
        flows=tuple(dict.fromkeys((told.flow, *(visit.part for visit in told.visits)))),
        language=Language(told.language) if told.language in set(Language) else Language.UK,
        outcome=outcome,
        transferred_to=record.to,
        doubts=len(told.doubts),
        gave_up=record.because == GaveUp.name or _gave_up(told),
        accounts=tuple(told.accounts),
        stored=stored,
        matter=matter_of(told),
        said=indexing.words_of(_answers(told), numbers=False),
    )


def _answers(told: Story) -> Iterator[list[str]]:
    """What was recognised, each answer in its words."""
    for event in told.events:
        if event.kind == "said":
            yield [str(word) for word, *_ in event.facts.get("each") or ()] or event.text.split()


def _gave_up(told: Story) -> bool:
    """Whether a question was given up that needed an answer."""
    return any(event.kind == "doubt" and event.label == Doubt.GAVE_UP.value for event in told.events)


__all__ = ["AT_ONCE", "Indexer", "facts", "of_story"]
