"""One handler for each command: `perform` is the way in; each module here answers for one matter."""

from domain.handlers import announcements, customers, orders, outages, people, readings, requests, statements
from domain.handling import HANDLERS, Context, Unanswerable, perform

__all__ = [
    "HANDLERS",
    "Context",
    "Unanswerable",
    "announcements",
    "customers",
    "orders",
    "outages",
    "people",
    "perform",
    "readings",
    "requests",
    "statements",
]
