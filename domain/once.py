"""What a journal line causes is kept once.

Rules: the table says so itself (UNIQUE (call, seq)); a line that comes again finds the row that it made the first
time.  Other channels have no lines; they have idempotency keys of their own.
"""

from typing import Any, Final

from sqlalchemy import Connection, Insert, Select, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain.calls import AlreadyAnswered, UnknownCall
from domain.handling import Context, Unanswerable
from domain.tables import accounts


class Once:
    """Keeps rows of this table once for each line.  Made at import: making a statement costs more than running it."""

    def __init__(self, table: Table) -> None:
        self._table: Final = table
        self._insert: Final[dict[str, Insert]] = {
            name: dialect.insert(table).on_conflict_do_nothing(index_elements=["call", "seq"]).returning(table.c.id)
            for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
        }
        self._first: Final[Select[Any]] = select(table).where(
            table.c.call == bindparam("of_call"), table.c.seq == bindparam("of_seq")
        )

    def keep(self, conn: Connection, values: dict[str, Any], context: Context) -> int | None:
        """Insert the row; its id, or None when this line has made one before.  Raises UnknownCall."""
        try:
            return conn.execute(
                self._insert[conn.dialect.name], {**values, "call": context.call, "seq": context.seq}
            ).scalar_one_or_none()
        except IntegrityError as error:
            if context.call is None:
                raise
            raise UnknownCall(f"call {context.call!r} asks for something and never began here") from error

    def first(self, conn: Connection, context: Context) -> Any | None:
        """The row that this line made, None when it made none."""
        if context.call is None:
            return None
        return conn.execute(self._first, {"of_call": context.call, "of_seq": context.seq}).one_or_none()

    def again(self, conn: Connection, values: dict[str, Any], context: Context) -> Any:
        """The row that this line made, which must say the same.  Raises AlreadyAnswered when it doesn't."""
        row = self.first(conn, context)
        if row is None or any(getattr(row, name) != value for name, value in values.items()):
            raise AlreadyAnswered(
                f"line {context.seq} of call {context.call!r} was used for something else in {self._table.name}"
            )
        return row


def account_exists(conn: Connection, number: str | None) -> None:
    """Raises Unanswerable when a number is given and nobody has it."""
    if number is not None and conn.execute(_ACCOUNT, {"of": number}).one_or_none() is None:
        raise Unanswerable(f"there is no account {number!r}")


_ACCOUNT: Final = select(accounts.c.number).where(accounts.c.number == bindparam("of"))
