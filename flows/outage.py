"""There is no light, or something is dangerous.

Rules: danger is the first question and goes to people at once, at any hour; what is known already is told before
anything is asked.  Six hundred people ask the same during a storm: every prompt here is paid for 600 times.
"""

from datetime import datetime
from typing import Final

from domain.commands import AskSupply, ReportOutage
from domain.model import KnownCaller, OutageKind, OutageNews
from flows import vocabulary
from flows.contact import contact
from flows.parting import hand_out, parting
from flows.when import clock, day
from flows.whose import whose
from ivr.dialog import Call, GaveUp, Manner, Phrase, Trouble, WantsAgent, one_of, yes_no

KINDS: Final = one_of(
    OutageKind.DANGER, OutageKind.NO_SUPPLY, OutageKind.PARTIAL, said=vocabulary.OUTAGES, named="outage"
)

AT_THE_BREAKERS: Final = Manner(timeout=40.0)
"""Somebody walks to the breakers with a torch, and comes back to the telephone."""


class Emergency(WantsAgent):
    """People are needed whatever the hour: who raises this is sent to them at once, open or closed, and is never
    offered a call back in their place.  Its first argument says why, for the call's record."""


async def outage(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Report it, and tell what is known; the account that it is about.  Raises Emergency."""
    call.about(topic="outage")
    try:
        kind = await call.ask("outage_kind", KINDS)
        if kind is not OutageKind.DANGER:
            return await call.hold(no_light, known, account, kind)
    except (WantsAgent, GaveUp) as wish:
        raise Emergency(wish.name) from None
    await danger(call, account)
    raise Emergency("danger")


async def danger(call: Call, account: str | None) -> None:
    """Keep it before anything else, and say the one thing that saves lives until people answer."""
    call.about(topic="danger")
    try:
        await call.do(ReportOutage(OutageKind.DANGER, account, call.began.caller))
    except Trouble:
        pass  # people will be told by the caller
    await call.say("danger", fresh=True)


async def no_light(call: Call, known: KnownCaller, account: str | None, kind: OutageKind) -> str | None:
    account = await call.hold(whose, known, account)
    news = await call.do(AskSupply(account)) if account else OutageNews()
    if news.known:
        await call.say("outage_known", news=told(news, call.now))
        if news.number or not await parting(call, "outage_add"):
            return account
    elif kind is OutageKind.PARTIAL and await call.ask("outage_breakers", yes_no, manner=AT_THE_BREAKERS):
        await call.say("outage_solved")
        return account
    number = call.began.caller if account else await call.hold(contact)
    after = await call.do(ReportOutage(kind, account, number))
    unheard = () if news.known else told(after, call.now)
    await call.hold(hand_out, "outage_reported", (("number", after.number or ""), ("news", unheard)))
    return account


def told(news: OutageNews, now: datetime) -> tuple[Phrase, ...]:
    """What we know of the supply, as sentences; none when we know nothing."""
    if not news.known:
        return ()
    neighbours = (Phrase("supply_neighbours", (("count", news.neighbours),)),) if news.neighbours else ()
    works = (Phrase("supply_planned"),) if news.planned else ()
    return (*works, *neighbours, expected(news.expected, now))


def expected(at: datetime | None, now: datetime) -> Phrase:
    """When the supply should be back."""
    if at is None:
        return Phrase("supply_unknown")
    return Phrase("supply_expected", (("day", day(at, now)), ("at", clock(at))))
