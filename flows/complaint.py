"""Somebody complains, suggests or asks something.

Rules: what can be answered is answered in the call; the rest is registered, and nobody is refused.  Without a light
the matter is an outage and goes there at once.  What is known when the caller hangs up while telling is registered
all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.commands import RegisterRequest
from domain.model import KnownCaller, Registered, ReplyBy, RequestKind, Topic
from flows import vocabulary
from flows.common import Business
from flows.contact import contact
from flows.hours import hours
from flows.outage import outage
from flows.parting import by, hand_out
from flows.statement import statement
from flows.whose import whose
from ivr.dialog import Call, GaveUp, HungUp, Manner, one_of, yes_no

KINDS: Final = one_of(
    RequestKind.COMPLAINT, RequestKind.SUGGESTION, RequestKind.QUESTION, said=vocabulary.KINDS, named="kind"
)
TOPICS: Final = one_of(
    Topic.INTERRUPTIONS,
    Topic.QUALITY,
    Topic.METERING,
    Topic.BILLING,
    Topic.CONNECTION,
    Topic.SERVICE,
    Topic.SUPPLY,
    Topic.OTHER,
    said=vocabulary.TOPICS,
    named="service",
)
"""What people call about most comes first."""

BY_TELEPHONE: Final = one_of(ReplyBy.PHONE, ReplyBy.MESSENGER, said=vocabulary.REPLIES, named="by")
REPLY_BY: Final = one_of(ReplyBy.PHONE, ReplyBy.MESSENGER, ReplyBy.POST, said=vocabulary.REPLIES, named="by")

ANSWERS: Final[Mapping[Topic, Business]] = {
    Topic.BILLING: statement,
    Topic.METERING: statement,
    Topic.SERVICE: hours,
}
"""Conversations that may answer a question about this at once."""

TELLING: Final = Manner(timeout=180.0, tries=1)
"""As long as somebody may speak."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be registered."""

    kind: RequestKind
    topic: Topic


async def complaint(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Register it and tell its number and the last day for the reply; the account that it is about."""
    call.about(topic="complaint")
    subject = await call.hold(choose)
    if not isinstance(subject, Subject):
        return await call.hold(subject, known, account)
    account = await call.hold(whose, known, account)
    registered = await call.hold(register, subject, account)
    await call.hold(hand_out, "request_registered", by(registered), "number_and_date_slowly")
    return account


async def choose(call: Call) -> Subject | Business:
    """What it is about; or the conversation that settles it here and now."""
    kind = await call.ask("request_kind", KINDS)
    topic = await call.ask("request_topic", TOPICS)
    if topic is Topic.INTERRUPTIONS and await call.ask("no_light_now", yes_no):
        return outage
    answer = ANSWERS.get(topic) if kind is RequestKind.QUESTION else None
    if answer and await call.ask("offer_answer", yes_no):
        return answer
    return Subject(kind, topic)


async def register(call: Call, subject: Subject, account: str | None) -> Registered:
    number = await call.hold(contact)
    reply_by = await call.hold(choose_reply, account)
    try:
        text = await told(call)
    except HungUp:
        await call.do(RegisterRequest(subject.kind, subject.topic, reply_by, number, account))
        raise
    return await call.do(RegisterRequest(subject.kind, subject.topic, reply_by, number, account, text))


async def choose_reply(call: Call, account: str | None) -> ReplyBy:
    """A letter goes to the address of the account; without one we don't know where to.  No address of a mailbox can
    be keyed: who wants a reply by e-mail is told where to leave it."""
    if account is None:
        return await call.ask("reply_by_telephone", BY_TELEPHONE)
    return await call.ask("reply_by", REPLY_BY)


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
