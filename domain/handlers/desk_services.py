"""What staff do with orders and calls back: they finish them, or say what is in the way."""

from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, select, update

from domain import news
from domain.desk import AlreadyDone, CallBackFailed, FinishCallBack, FinishOrder
from domain.duties import ATTEMPTS
from domain.handling import Context, Unanswerable, handles
from domain.tables import callbacks, orders


@handles(FinishOrder)
def finish_order(conn: Connection, command: FinishOrder, context: Context) -> None:
    """Raises AlreadyDone."""
    order = _held(conn, orders, command.number)
    conn.execute(_FINISH[orders.name], {"of": order.id, "now": context.at, "new_result": command.result})
    news.tell(conn, "order.finished", context.at, order.account, number=order.number, result=command.result)


@handles(FinishCallBack)
def finish_call_back(conn: Connection, command: FinishCallBack, context: Context) -> None:
    """Raises AlreadyDone."""
    _finish_call_back(conn, _held(conn, callbacks, command.number), command.result, context)


@handles(CallBackFailed)
def call_back_failed(conn: Connection, command: CallBackFailed, context: Context) -> int:
    """Raises AlreadyDone."""
    order = _held(conn, callbacks, command.number)
    attempts = int(order.attempts) + 1
    conn.execute(_ATTEMPT, {"of": order.id, "new_attempts": attempts})
    news.tell(
        conn, "callback.failed", context.at, order.account, number=order.number, attempts=attempts, why=command.why
    )
    if attempts >= ATTEMPTS:
        _finish_call_back(conn, order, f"not reached in {attempts} attempts: {command.why}", context)
    return attempts


def finish_call_back_of(conn: Connection, call: str, seq: int, result: str, context: Context) -> None:
    """The call back that this line ordered is not needed any more; nothing where none is waiting."""
    order = conn.execute(_OF_LINE, {"of_call": call, "of_seq": seq}).one_or_none()
    if order is not None:
        _finish_call_back(conn, order, result, context)


def _finish_call_back(conn: Connection, order: Any, result: str, context: Context) -> None:
    conn.execute(_FINISH[callbacks.name], {"of": order.id, "now": context.at, "new_result": result})
    news.tell(conn, "callback.finished", context.at, order.account, number=order.number, result=result)


def _held(conn: Connection, table: Table, number: str) -> Any:
    """The row that nobody has finished, held until the transaction ends."""
    row = conn.execute(_HELD[table.name], {"of": number}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no number {number!r} among {table.name}")
    if row.done_at is not None:
        raise AlreadyDone(f"{number} was finished at {row.done_at}: {row.result}")
    return row


# How: statements are made once, for making one costs more than running it

_BOTH: Final = (orders, callbacks)
_HELD: Final = {
    table.name: select(table).where(table.c.number == bindparam("of")).with_for_update() for table in _BOTH
}
_FINISH: Final = {
    table.name: update(table)
    .where(table.c.id == bindparam("of"))
    .values(done_at=bindparam("now", type_=table.c.done_at.type), result=bindparam("new_result"))
    for table in _BOTH
}
_OF_LINE: Final = (
    select(callbacks)
    .where(
        callbacks.c.call == bindparam("of_call"),
        callbacks.c.seq == bindparam("of_seq"),
        callbacks.c.done_at.is_(None),
    )
    .with_for_update()
)
_ATTEMPT: Final = (
    update(callbacks).where(callbacks.c.id == bindparam("of")).values(attempts=bindparam("new_attempts"))
)
