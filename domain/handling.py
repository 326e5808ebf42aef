"""How commands come to their handlers.

Rules: one handler for each command; it works within the transaction it is given and commits nothing; with a call and
a seq it is idempotent: the same command of the same journal line is answered as it was the first time, and nothing
is written twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from domain.commands import Command
from domain.model import Source

T = TypeVar("T")
C = TypeVar("C", bound=Command[Any])


class Unanswerable(LookupError):
    """The command names an account, meter or register that isn't there, or a value that it cannot show.

    The fault of whoever sent it: a conversation asks only about what it was given.
    """


@dataclass(frozen=True, slots=True)
class Context:
    """Where a command comes from.

    call, seq: the journal line that causes it; None for other channels.  at: timezone-aware UTC.
    source: the channel.  by: who, for the trail of what staff did: a person, or the name of a channel's client.
    """

    call: str | None
    seq: int | None
    at: datetime
    source: Source = Source.CALLER
    by: str = "caller"


HANDLERS: Final[dict[type[Command[Any]], Callable[[Connection, Any, Context], Any]]] = {}


def perform(
    conn: Connection,
    command: Command[T],
    *,
    call: str | None,
    seq: int | None,
    at: datetime,
    source: Source = Source.CALLER,
    by: str = "caller",
) -> T:
    """Do what the command asks, in this transaction, and answer it.

    call, seq: the journal line that causes it, both or neither.  at: timezone-aware UTC.  source, by: see `Context`.
    Raises Unanswerable; AlreadyAnswered when this line was used for something else; KeyError for a command that
    nobody handles (a test sees to it that there is none).
    """
    return HANDLERS[type(command)](conn, command, Context(call, seq, at, source, by))


def handles(
    kind: type[C],
) -> Callable[[Callable[[Connection, C, Context], Any]], Callable[[Connection, C, Context], Any]]:
    """Make the function below the handler of this command."""

    def note(handler: Callable[[Connection, C, Context], Any]) -> Callable[[Connection, C, Context], Any]:
        if kind in HANDLERS:
            raise TypeError(f"{kind.__name__} has a handler already: {HANDLERS[kind]}")
        HANDLERS[kind] = handler
        return handler

    return note
