"""Calls in progress: where each one is now, from rows of the store.

Theory: the journal is written before the caller hears the next question, but for what merely is said.  So the flow is
held again from its lines and then led on over statements, to the question (or the deed) that the caller is at, or
will be at in a moment.  What happened at that question itself is not in the store yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from domain import calls, moments
from domain.calls import CallRecord, Line
from domain.moments import Kind, Moment
from domain.store import Connection
from ivr.dialog import Answer, Ask, Do, Listen, Speak
from ivr.dialog.followed import Followed
from ivr.story.retold import retold

MOST_STATEMENTS: Final = 20
"""In a row; no conversation says as many."""
TOLD_BY: Final = (Kind.FLOW, Kind.NOINPUT, Kind.NOMATCH)
"""Moments that say something about where a call is."""


@dataclass(frozen=True, slots=True)
class Live:
    """A call that goes on.

    flow: name of the conversation, of `FLOWS`.  parts: that are held now, outermost first; part: the innermost.
    spot: what the caller is at, on the map of the part: a question, or something that is being done.
    language: ISO 639-1.  at: when the caller got there; since: seconds since then; seconds: since the call came in.
    account: that the conversation is about, where it is known.  retries: prompts that got no answer so far.
    returned: how many times people had not answered.  diverged: it can't be followed; then part is "".
    """

    call: CallRecord
    flow: str
    parts: Sequence[str]
    part: str
    spot: str
    language: str
    at: datetime
    seconds: float
    since: float
    account: str | None
    retries: int
    returned: int
    diverged: bool = False


class Board:
    """All calls in progress, looked at again and again: only what has grown since is read and held again.

    May be looked at by several threads; at worst two of them find out the same.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Live]] = {}

    def look(self, conn: Connection, now: datetime) -> list[Live]:
        """Oldest first."""
        records = {record.began.call: record for record in calls.unfinished(conn)}
        lengths = calls.lengths(conn, list(records))
        known = self._known
        grown = [call for call, length in lengths.items() if call not in known or known[call][0] != length]
        lines = calls.lines_of(conn, grown)
        happened = moments.of_calls(conn, grown, *TOLD_BY)
        found = {one.call.began.call: one for one in live([records[call] for call in grown], lines, happened, now)}
        fresh = {call: (len(lines[call]), one) for call, one in found.items()}
        self._known = {call: fresh.get(call) or known[call] for call in records}
        return [_later(one, now) for _, one in self._known.values()]


def live(
    records: Sequence[CallRecord],
    lines: Mapping[str, Sequence[Line]],
    happened: Mapping[str, Sequence[Moment]],
    now: datetime,
) -> list[Live]:
    """Where each of these is.  lines: of each call, all of them; happened: moments of the kinds `TOLD_BY` or more."""
    return [
        _where(record, lines.get(record.began.call, ()), happened.get(record.began.call, ()), now)
        for record in records
    ]


def _later(one: Live, now: datetime) -> Live:
    return replace(one, seconds=_since(one.call.began.at, now), since=_since(one.at, now))


def _since(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())


def _where(record: CallRecord, lines: Sequence[Line], happened: Sequence[Moment], now: datetime) -> Live:
    *_, last = retold(record.began, lines, happened)
    at = max(record.began.at, lines[-1].at if lines else record.began.at)
    retries = sum(one.kind in (Kind.NOINPUT, Kind.NOMATCH) for one in happened)
    dialog = last.dialog if last.diverged is None else None
    language = _led_on(dialog, at, last.language) if dialog else last.language
    parts = tuple(dialog.parts) if dialog else ()
    return Live(
        record,
        last.flow,
        parts,
        parts[-1] if parts else "",
        dialog.visited[-1].spot if dialog else (lines[-1].label if lines else ""),
        language,
        at,
        _since(record.began.at, now),
        _since(at, now),
        last.noted.get("account"),
        retries,
        last.returned,
        dialog is None,
    )


def _led_on(dialog: Followed, at: datetime, language: str) -> str:
    """Over what is only said, to the next question or deed; the language that is spoken there."""
    for _ in range(MOST_STATEMENTS):
        turn = dialog.turn
        if turn is None or isinstance(turn, Ask | Listen | Do):
            break
        if isinstance(turn, Speak):
            language = turn.language
        dialog.answer(Answer(turn.label, turn.asked, at))
    return language
