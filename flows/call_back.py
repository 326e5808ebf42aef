"""Nobody is there to answer: we call back.

Rules: who asks for a person once more is offered the call back once more; whose number is known, and who has chosen
a time, is called back even if they hang up before the number is confirmed.  This module knows no other conversation,
so that all can lead here.
"""

from datetime import datetime
from typing import Final

from domain.commands import AskPeople, OrderCallBack
from domain.model import Outcome, People, Slot
from flows.contact import contact
from flows.parting import hand_out
from flows.when import clock, day
from ivr.dialog import Back, Call, Ending, GaveUp, HungUp, Phrase, Trouble, WantsAgent, goodbye, one_of

MOST_SLOTS: Final = 3


async def nobody_free(call: Call) -> Ending:
    """People were tried and did not answer; what they would have been told is in `call.told`.

    The notice is repeated: who was sent to people by a fault of ours at the very beginning has not heard it.
    """
    await call.say("danger_again" if call.told.get("topic") == "danger" else "nobody_free", fresh=True)
    await call.say("notice_again", bargein=False)
    await call.record()
    try:
        people = await call.do(AskPeople())
    except Trouble:
        return goodbye(Outcome.NO_AGENT, "agents_busy")
    return await call.hold(call_back, people, call.told.get("topic", "agent"), call.told.get("account"))


async def call_back(call: Call, people: People, about: str = "agent", account: str | None = None) -> Ending:
    """Offer a call back until it is ordered or declined.  about, account: what people should know when they call."""
    while True:
        try:
            return await order(call, choices(people), about, account)
        except (WantsAgent, Back):
            await call.say("nobody_now", fresh=True)
        except GaveUp:
            return goodbye(Outcome.NO_AGENT, "goodbye")
        except Trouble:
            return goodbye(Outcome.NO_AGENT, "agents_busy")


def choices(people: People) -> tuple[Slot | None, ...]:
    """When we could call, at most three times; None: as soon as somebody is free."""
    soonest = (None,) if people.open or not people.slots else ()
    return (*soonest, *people.slots)[:MOST_SLOTS]


async def order(call: Call, slots: tuple[Slot | None, ...], about: str, account: str | None) -> Ending:
    slot = await call.ask("call_back", one_of(*slots), choices=offers(slots, call.now))
    try:
        number = await call.hold(contact)
    except HungUp:
        if call.began.caller is None:
            raise
        number = call.began.caller
    registered = await call.do(OrderCallBack(number, about, account, slot))
    await call.hold(hand_out, "call_back_ordered", (("number", registered.number), ("when", when(slot, call.now))))
    return goodbye(Outcome.CALLBACK_ORDERED, "goodbye")


def offers(slots: tuple[Slot | None, ...], now: datetime) -> tuple[Phrase, ...]:
    """One choice for each time."""
    return tuple(
        Phrase("call_back_choice", (("when", when(slot, now)), ("key", key))) for key, slot in enumerate(slots, 1)
    )


def when(slot: Slot | None, now: datetime) -> Phrase:
    """A time as it is said."""
    if slot is None:
        return Phrase("call_back_soon")
    words = (("day", day(slot.begins, now)), ("begins", clock(slot.begins)), ("ends", clock(slot.ends)))
    return Phrase("call_back_slot", words)
