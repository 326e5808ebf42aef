"""Somebody orders a service: a meter replaced, sealed, read; a new connection."""

from typing import Final

from domain.commands import PlaceOrder
from domain.model import KnownCaller, OrderKind
from flows import vocabulary
from flows.common import NeedsPeople
from flows.contact import contact
from flows.parting import by, hand_out
from flows.whose import whose
from ivr.dialog import Call, one_of

SERVICES: Final = one_of(
    OrderKind.REPLACE_METER,
    OrderKind.SET_UP_METER,
    OrderKind.SEAL,
    OrderKind.UNSEAL,
    OrderKind.CONTROL_READING,
    OrderKind.CONNECTION,
    said=vocabulary.ORDERS,
    named="order",
)


async def service_order(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Place it and tell its number and the last day for the work; the account that it is for."""
    call.about(topic="order")
    kind = await call.ask("order_kind", SERVICES)
    account = await call.hold(whose, known, account)
    if account is None:
        raise NeedsPeople("account not found", "order_needs_account")
    number = await call.hold(contact)
    order = await call.do(PlaceOrder(kind, account, number))
    await call.hold(hand_out, "order_placed", by(order), "number_and_date_slowly")
    return account
