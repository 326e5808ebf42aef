"""The outermost level of a conversation: whoever asks for people, or can't go on without them, gets to them.

Rules: `*` leads back to where the choice was, at most `MOST_BACKS` times where there is nothing before it; danger
goes to people whatever the hour (`Emergency`); everybody else is offered a call back when nobody works.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from domain.model import KnownCaller, Outcome
from flows.common import MOST_BACKS, Business, NeedsPeople, announce, people, welcome
from flows.outage import Emergency
from ivr.dialog import Back, Call, Ending, GaveUp, Turn, WantsAgent, goodbye, transfer

Conversation: TypeAlias = Callable[[Call], Coroutine[Turn[Any], Any, Ending]]


async def attended(call: Call, conversation: Conversation) -> Ending:
    """Hold a conversation; its ending, or the way to people."""
    try:
        return await conversation(call)
    except Emergency as emergency:
        return transfer(str(emergency))
    except WantsAgent:
        because, farewell = WantsAgent.name, ()
    except GaveUp:
        because, farewell = GaveUp.name, ("gave_up",)
    except NeedsPeople as needs:
        because, farewell = needs.because, needs.farewell
    return await people(call, because, *farewell)


async def about(call: Call, business: Business) -> Ending:
    """A conversation about one thing: its number was dialled."""
    known = await welcome(call)
    await announce(call, known)
    known = KnownCaller(None, known.accounts)  # the rest has served its turn
    for _ in range(MOST_BACKS):
        try:
            await call.hold(business, known, None)
        except Back:
            continue
        return goodbye(Outcome.INFORMED, "goodbye")
    raise GaveUp
