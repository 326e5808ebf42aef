"""One handler for each command: `perform` is the way in; each module here answers for one matter."""

from domain.handlers import (
    announcements,
    customers,
    desk_announcements,
    desk_requests,
    desk_services,
    desk_supply,
    orders,
    outages,
    people,
    readings,
    requests,
    statements,
)
from domain.handling import HANDLERS, Context, Unanswerable, perform

__all__ = [
    "HANDLERS",
    "Context",
    "Unanswerable",
    "announcements",
    "customers",
    "desk_announcements",
    "desk_requests",
    "desk_services",
    "desk_supply",
    "orders",
    "outages",
    "people",
    "perform",
    "readings",
    "requests",
    "statements",
]
