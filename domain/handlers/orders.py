"""Services that customers order, and calls back."""

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, update

from domain import deadlines, hours, news, numbers, policies, rules, terms
from domain.commands import OrderCallBack, PlaceOrder
from domain.handling import Context, Unanswerable, handles
from domain.model import Registered, Slot
from domain.numbers import Series
from domain.once import Once, account_exists
from domain.policy import Policies
from domain.tables import callbacks, orders


@handles(PlaceOrder)
def place_order(conn: Connection, command: PlaceOrder, context: Context) -> Registered:
    """The day by which it is done is that of the policy of today."""
    account_exists(conn, command.account)
    book = policies.load(conn)
    due = deadlines.deadline(command.kind, None, terms.channel(context.source), context.at, book).due
    said = {"kind": command.kind, "account": command.account, "contact": command.contact}
    key = _ORDERS.keep(conn, {**said, "source": context.source, "at": context.at, "due": due}, context)
    if key is None:
        first = _ORDERS.again(conn, said, context)
        return Registered(first.number, first.due)
    number = numbers.number(Series.ORDER, key)
    conn.execute(_ORDER_NUMBER, {"of": key, "new": number})
    news.tell(conn, "order.placed", context.at, command.account, number=number, order=command.kind, due=due)
    return Registered(number, due)


@handles(OrderCallBack)
def order_call_back(conn: Connection, command: OrderCallBack, context: Context) -> Registered:
    """Without a slot: from now, or from when operators work, as long as the policy allows."""
    account_exists(conn, command.account)
    slot = command.slot or soonest(context, policies.load(conn))
    if not context.at < slot.ends or not slot.begins < slot.ends:
        raise Unanswerable(f"nobody can be called back between {slot.begins} and {slot.ends}: it is {context.at}")
    said = {"contact": command.contact, "about": command.about, "account": command.account}
    if command.slot:
        said |= {"begins_at": slot.begins, "ends_at": slot.ends}
    promise = {**said, "begins_at": slot.begins, "ends_at": slot.ends, "source": context.source, "at": context.at}
    key = _CALLBACKS.keep(conn, promise, context)
    if key is None:
        first = _CALLBACKS.again(conn, said, context)
        return Registered(first.number, rules.local_day(first.ends_at))
    number = numbers.number(Series.CALLBACK, key)
    conn.execute(_CALLBACK_NUMBER, {"of": key, "new": number})
    news.tell(
        conn, "callback.ordered", context.at, command.account,
        number=number, about=command.about, begins=slot.begins, ends=slot.ends,
    )  # fmt: skip
    return Registered(number, rules.local_day(slot.ends))


def soonest(context: Context, book: Policies) -> Slot:
    """The stretch in which somebody is called back who doesn't mind when: `within_hours` opening hours from now."""
    policy = book.callback(rules.local_day(context.at))
    left = timedelta(hours=policy.within_hours)
    begins = None
    for stretch in hours.openings(policy.service, context.at, book):
        from_ = max(stretch.begins, context.at)
        begins = begins or from_
        if stretch.ends - from_ >= left:
            return Slot(begins, from_ + left)
        left -= stretch.ends - from_
    raise Unanswerable(
        f"{policy.service} don't work {policy.within_hours} hours within a month: nobody can call back"
    )


# How: statements are made once, for making one costs more than running it

_ORDERS: Final = Once(orders)
_CALLBACKS: Final = Once(callbacks)
_ORDER_NUMBER: Final = update(orders).where(orders.c.id == bindparam("of")).values(number=bindparam("new"))
_CALLBACK_NUMBER: Final = update(callbacks).where(callbacks.c.id == bindparam("of")).values(number=bindparam("new"))
