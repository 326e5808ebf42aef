"""When are people there?"""

from typing import Final

from sqlalchemy import Connection

from domain import hours, policies, rules
from domain.commands import AskHours, AskPeople
from domain.handling import Context, handles
from domain.model import Opening, People
from domain.policy import HoursPolicy

AGENTS: Final = "agents"
"""The operators' service in the policies of opening hours."""

ALL_ELSE: Final = "*"


@handles(AskPeople)
def ask_people(conn: Connection, _: AskPeople, context: Context) -> People:
    """`opens_at` only while they don't work."""
    book = policies.load(conn)
    slots = hours.callback_windows(context.at, book)
    if hours.open_at(AGENTS, context.at, book):
        return People(True, None, slots)
    return People(False, hours.next_opening(AGENTS, context.at, book), slots)


@handles(AskHours)
def ask_hours(conn: Connection, _: AskHours, context: Context) -> tuple[Opening, ...]:
    """Operators first, then by name; "*" last: whatever has no hours of its own."""
    book = policies.load(conn)
    today = rules.local_day(context.at)
    ours = book.callback(today).service  # when we ring people up is nothing that somebody can come to
    services = [str(row.terms.service) for row in book.each(HoursPolicy, today) if row.terms.service != ours]
    services.sort(key=lambda service: (service != AGENTS, service == ALL_ELSE, service))
    return tuple(opening for service in services for opening in hours.timetable(service, today, book))
