"""Calls as they are found: the facts of each, and the search through them.

Rules: who may not see personal data finds nothing by it (`PersonalQuery`), and gets numbers and accounts masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from domain.model import Language, Outcome
from domain.queries import BadQuery, PersonalQuery, Query, read, written
from domain.tables import RecordingState

__all__ = ["BadQuery", "Found", "Page", "PersonalQuery", "Query", "read", "search", "written"]


class BadCursor(ValueError):
    """None of ours: begin at the first page again."""


@dataclass(frozen=True, slots=True)
class Found:
    """A call that ended.

    began: UTC.  seconds: whole ones.  caller, accounts: masked unless personal data was asked for.
    flow: the one that it was mainly in; flows: all of them.  transferred_to: None when it was not.
    doubts: moments of doubt.  gave_up: on a question.  requests, readings: how many were made in it.
    recording: None when nobody noted one.  score: 0 to 100, the mean of its scorers.  told: whether there are words.
    """

    call: str
    began: datetime
    seconds: int
    caller: str | None
    dialled: str
    flow: str
    flows: tuple[str, ...]
    language: Language
    outcome: Outcome
    transferred_to: str | None
    doubts: int
    gave_up: bool
    requests: int
    complaint: bool
    readings: int
    recording: RecordingState | None
    score: float | None
    noted: bool
    told: bool
    accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, those that began last first.

    count: exactly how many the query finds, on all pages.  after: the cursor of the next page; None: this is the last.
    owed: calls that ended and are not, or not anew, among what is searched, 1,000 at most: "more may follow".
    """

    calls: Sequence[Found]
    count: int
    after: str | None
    owed: int


def search(
    conn: Connection, query: Query, *, personal: bool = False, after: str | None = None, limit: int = 50
) -> Page:
    """What the query finds, `limit` calls at most, those that began last first.

    personal: whether who asks may see personal data.  after: the cursor of the page before.
    Raises PersonalQuery, BadCursor.
    """
    if query.personal and not personal:
        raise PersonalQuery("only who may see personal data may look for a number or an account")
    raise NotImplementedError
