"""One handler for each command: `perform` is the way in; each module here answers for one matter."""

from domain.handlers import customers, readings
from domain.handling import HANDLERS, Context, Unanswerable, perform

__all__ = ["HANDLERS", "Context", "Unanswerable", "customers", "perform", "readings"]
