"""The deadline of a request as it is kept beside it (`requests.rule`), and when somebody must be warned of it.

Rules: what was promised first stays readable, whatever extends it later; warnings come at the beginning of a day in
Kyiv, as the policy of the day of registration says, and one more on the day after the last, for then it is late.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from pydantic import TypeAdapter

from domain import deadlines
from domain.deadlines import Deadline
from domain.model import Source
from domain.policy import Case, Policies
from domain.rules import HOME

CHANNELS: Final = {Source.CALLER: "phone", Source.WEB: "web", Source.BOT: "web"}
"""How the deadlines' policies name the channels.  A bot writes as the web does."""


@dataclass(frozen=True, slots=True)
class Term:
    """promised: the day that the customer was told first.  running: as it is now.  case: what it turned out to be."""

    promised: date
    running: Deadline
    case: Case | None = None


def channel(source: Source) -> str:
    """How the deadlines' policies name it."""
    return CHANNELS.get(source, source.value)


def dumped(term: Term) -> str:
    return _TERM.dump_json(term).decode()


def loaded(text: str) -> Term:
    return _TERM.validate_json(text)


def next_warning(running: Deadline, after: datetime, book: Policies) -> datetime | None:
    """When somebody must be warned next, later than this (timezone-aware); None when all was said."""
    late = running.due + timedelta(days=1)
    warnings = (begins(day) for day in (*deadlines.escalate_at(running, book), late))
    return next((at for at in warnings if at > after), None)


def begins(day: date) -> datetime:
    """The first instant of this day in Kyiv."""
    return datetime.combine(day, time(0), HOME)


def ends(day: date) -> datetime:
    """The instant at which this day is over in Kyiv: until then an answer is in time."""
    return begins(day + timedelta(days=1))


_TERM: Final = TypeAdapter(Term)
