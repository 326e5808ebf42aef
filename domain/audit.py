"""What the store has of calls, for proving that it is complete: an outcome, a journal without gaps, a recording.

Rules: reads only; a page at a time, in the order of the calls' ids, so that a million calls need no more memory than
a thousand.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from domain.calls import RecordingRecord
from domain.model import Outcome, RequestState, Told
from domain.tables import callbacks, calls, journal, recordings, requests


@dataclass(frozen=True, slots=True)
class Story:
    """A request of a call that was told, not keyed.  number: of the request.  told: the part of the recording.

    deserted: it was left a draft by somebody whose number we know, and no call back was ordered with it.
    """

    number: str
    told: Told
    deserted: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A call in the store.

    lines: of its journal; first, last: their numbers, None when there is none.  recording: None when nobody noted it.
    stories: what was told in it.
    """

    call: str
    began_at: datetime
    driver: str
    ended_at: datetime | None
    outcome: Outcome | None
    because: str | None
    lines: int
    first: int | None
    last: int | None
    recording: RecordingRecord | None
    stories: tuple[Story, ...] = ()


def page(conn: Connection, after: str, size: int, since: datetime | None = None) -> list[Kept]:
    """The next `size` calls after this id; of those that began at `since` or later.  Empty: there are no more."""
    statement = select(calls.c.id).where(calls.c.id > after).order_by(calls.c.id).limit(size)
    if since is not None:
        statement = statement.where(calls.c.began_at >= since)
    return list(_of(conn, conn.scalars(statement).all()))


def of(conn: Connection, wanted: Sequence[str]) -> dict[str, Kept]:
    """Those of these calls that the store has."""
    return {kept.call: kept for kept in _of(conn, wanted)}


def recorded(conn: Connection, wanted: Sequence[str]) -> dict[str, RecordingRecord]:
    """What is noted of the recordings of these calls."""
    return {row.call: RecordingRecord(*row) for row in conn.execute(_RECORDINGS, {"of": list(wanted)})}


def _of(conn: Connection, wanted: Sequence[str]) -> Iterator[Kept]:
    if not wanted:
        return
    lines = {row.call: row for row in conn.execute(_LINES, {"of": list(wanted)})}
    tapes = recorded(conn, wanted)
    stories: defaultdict[str, list[Story]] = defaultdict(list)
    for row in conn.execute(_STORIES, {"of": list(wanted)}):
        deserted = row.state is RequestState.DRAFT and row.contact is not None and row.callback is None
        stories[row.call].append(Story(row.number, Told(row.told_from, row.told_to), deserted))
    for row in conn.execute(_CALLS, {"of": list(wanted)}):
        said = lines.get(row.id)
        yield Kept(
            row.id, row.began_at, row.driver, row.ended_at, row.outcome, row.because,
            said.count_ if said else 0, said.first if said else None, said.last if said else None, tapes.get(row.id),
            tuple(stories[row.id]),
        )  # fmt: skip


_CALLS: Final = (
    select(calls).where(calls.c.id.in_(bindparam("of", expanding=True, value=list[str]()))).order_by(calls.c.id)
)
_LINES: Final = (
    select(
        journal.c.call, func.count().label("count_"), func.min(journal.c.seq).label("first"),
        func.max(journal.c.seq).label("last"),
    )
    .where(journal.c.call.in_(bindparam("of", expanding=True, value=list[str]())))
    .group_by(journal.c.call)
)  # fmt: skip
_STORIES: Final = (
    select(
        requests.c.call, requests.c.number, requests.c.state, requests.c.contact, requests.c.told_from,
        requests.c.told_to, callbacks.c.id.label("callback"),
    )
    .outerjoin(callbacks, (callbacks.c.call == requests.c.call) & (callbacks.c.seq == requests.c.seq))
    .where(
        requests.c.call.in_(bindparam("of", expanding=True, value=list[str]())), requests.c.told_from.is_not(None)
    )
    .order_by(requests.c.id)
)  # fmt: skip
_RECORDINGS: Final = select(recordings).where(
    recordings.c.call.in_(bindparam("of", expanding=True, value=list[str]()))
)
