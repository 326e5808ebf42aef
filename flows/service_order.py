"""Somebody orders a service: a meter replaced, sealed, read; a new connection."""

from typing import Final

from domain.commands import PlaceOrder
from domain.model import KnownCaller, OrderKind
from flows.contact import contact
from flows.parting import hand_out
from flows.whose import whose
from ivr.dialog import Call, WantsAgent, one_of

SERVICES: Final = one_of(
    OrderKind.REPLACE_METER,
    OrderKind.SET_UP_METER,
    OrderKind.SEAL,
    OrderKind.UNSEAL,
    OrderKind.CONTROL_READING,
    OrderKind.CONNECTION,
)


async def service_order(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Place it and tell its number and the last day for the work; the account that it is for."""
    call.about(topic="order")
    kind = await call.ask("order_kind", SERVICES)
    account = await whose(call, known, account)
    if account is None:
        await call.say("order_needs_account")
        raise WantsAgent
    call.about(account=account)
    number = await contact(call)
    order = await call.do(PlaceOrder(kind, account, number))
    await hand_out(call, "order_placed", "number_and_date_slowly", number=order.number, due=order.due.isoformat())
    return account
