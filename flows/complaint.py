"""Somebody complains, suggests or asks something.

Rules: whatever can be answered is answered in the call; the rest is registered, and nobody is refused.  Without a
light the matter is an outage and goes there at once.  What is known when the caller hangs up while telling is
registered all the same.
"""

from typing import Final

from domain.commands import RegisterRequest
from domain.model import KnownCaller, ReplyBy, RequestKind, Topic
from flows.contact import contact
from flows.outage import outage
from flows.parting import hand_out
from flows.whose import whose
from ivr.dialog import Call, GaveUp, HungUp, Manner, one_of, yes_no

KINDS: Final = one_of(RequestKind.COMPLAINT, RequestKind.SUGGESTION, RequestKind.QUESTION)
TOPICS: Final = one_of(
    Topic.INTERRUPTIONS,
    Topic.QUALITY,
    Topic.METERING,
    Topic.BILLING,
    Topic.CONNECTION,
    Topic.SERVICE,
    Topic.SUPPLY,
    Topic.OTHER,
)
"""What people call about most comes first."""

TELLING: Final = Manner(timeout=180.0, tries=1)
"""As long as somebody may speak."""


async def complaint(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Register it and tell its number and the last day for the reply; the account that it is about."""
    call.about(topic="complaint")
    kind = await call.ask("request_kind", KINDS)
    topic = await call.ask("request_topic", TOPICS)
    if topic is Topic.INTERRUPTIONS and await call.ask("no_light_now", yes_no):
        return await outage(call, known, account)
    account = await whose(call, known, account)
    if account is not None:
        call.about(account=account)
    number = await contact(call)
    reply_by = await choose_reply(call, account)
    try:
        text = await told(call)
    except HungUp:
        await call.do(RegisterRequest(kind, topic, reply_by, number, account))
        raise
    registered = await call.do(RegisterRequest(kind, topic, reply_by, number, account, text))
    await hand_out(
        call, "request_registered", "number_and_date_slowly", number=registered.number, due=registered.due.isoformat()
    )
    return account


async def choose_reply(call: Call, account: str | None) -> ReplyBy:
    """A letter goes to the address of the account; without one we don't know where to.  No address of a mailbox can
    be keyed: who wants a reply by e-mail is told where to leave it."""
    if account is None:
        return await call.ask("reply_by_telephone", one_of(ReplyBy.PHONE, ReplyBy.MESSENGER))
    return await call.ask("reply_by", one_of(ReplyBy.PHONE, ReplyBy.MESSENGER, ReplyBy.POST))


async def told(call: Call) -> str | None:
    """What it is about, in the caller's own words: they speak, and press a key when they are done.

    The answer is the text, or None as long as only the call's recording holds it: by keypad, always.  Silence is no
    fault here: somebody who speaks presses nothing.
    """
    try:
        await call.ask("tell", one_of(True), manner=TELLING)
    except GaveUp:
        pass
    return None
