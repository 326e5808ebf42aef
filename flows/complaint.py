"""Somebody complains, suggests or asks something.

Rules: what can be answered is answered in the call; the rest is registered, and nobody is refused.  Without a light,
or in danger, the matter is an outage and goes there at once.  They tell it before they are asked what only we want to
know; from then on it is never lost: who hangs up, gives up or asks for a person before it is complete leaves a draft,
and is called back.  Only who goes back and says nothing any more has taken it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from domain.commands import KeepDraft, RegisterRequest
from domain.model import KnownCaller, Registered, ReplyBy, RequestKind, Told, Topic
from flows import vocabulary
from flows.common import Business
from flows.contact import contact
from flows.hours import hours
from flows.outage import outage
from flows.parting import by, hand_out
from flows.statement import statement
from flows.whose import whose
from ivr.dialog import Back, Call, GaveUp, HungUp, Manner, Trouble, WantsAgent, on_keys, one_of, yes_no


class Urgent(StrEnum):
    """Not a topic: it can't wait."""

    NOW = "urgent"


KINDS: Final = on_keys(
    ("1", RequestKind.COMPLAINT),
    ("2", RequestKind.SUGGESTION),
    ("3", RequestKind.QUESTION),
    ("9", Urgent.NOW),
    said={**vocabulary.KINDS, Urgent.NOW: vocabulary.URGENT},
    named="kind",
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
    Urgent.NOW,
    said={**vocabulary.TOPICS, Urgent.NOW: vocabulary.URGENT},
    named="service",
)
"""What people call about most comes first; what can't wait has the last key, and words of its own."""

BY_TELEPHONE: Final = one_of(ReplyBy.PHONE, ReplyBy.MESSENGER, said=vocabulary.REPLIES, named="by")
REPLY_BY: Final = one_of(ReplyBy.PHONE, ReplyBy.MESSENGER, ReplyBy.POST, said=vocabulary.REPLIES, named="by")


class Next(StrEnum):
    """What to do with what was told."""

    HEAR = "hear"
    AGAIN = "again"
    GO_ON = "go_on"


NEXT: Final = one_of(
    Next.HEAR,
    Next.AGAIN,
    Next.GO_ON,
    said={
        Next.HEAR: vocabulary.TOLD_HEAR,
        Next.AGAIN: vocabulary.TOLD_AGAIN,
        Next.GO_ON: vocabulary.TOLD_GO_ON,
    },
)

ANSWERS: Final[Mapping[Topic, Business]] = {
    Topic.BILLING: statement,
    Topic.METERING: statement,
    Topic.SERVICE: hours,
}
"""Conversations that may answer a question about this at once."""

TELLING: Final = Manner(timeout=10.0, completetimeout=5.0, maxspeechtimeout=180.0)
"""Who tells a story thinks before it and pauses within it (`ivr.dialog.monologue`)."""
REVIEW: Final = Manner(timeout=5.0, tries=1)
"""Who says nothing has nothing against it."""


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
    if isinstance(kind, Urgent):
        return outage
    topic = await call.ask("request_topic", TOPICS)
    if isinstance(topic, Urgent) or (topic is Topic.INTERRUPTIONS and await call.ask("no_light_now", yes_no)):
        return outage
    answer = ANSWERS.get(topic) if kind is RequestKind.QUESTION else None
    if answer and await call.ask("offer_answer", yes_no):
        return answer
    return Subject(kind, topic)


async def register(call: Call, subject: Subject, account: str | None) -> Registered:
    """Let them tell it, then ask how to answer.  `*` leads from there back to what they told."""
    told = await call.listen("tell", manner=TELLING)
    draft = KeepDraft(subject.kind, subject.topic, told, call.began.caller, account)
    while True:
        draft = await call.hold(review, draft)
        try:
            reply_by, number = await call.hold(how_to_answer, draft)
        except Back:
            continue
        return await call.do(
            RegisterRequest(draft.kind, draft.topic, reply_by, number, draft.account, told=draft.told)
        )


async def review(call: Call, draft: KeepDraft) -> KeepDraft:
    """They may hear it, or tell it anew, as often as they like; the draft with what they told last."""
    try:
        while True:
            what = await after_telling(call)
            if what is Next.GO_ON:
                return draft
            if what is Next.HEAR:
                await play_back(call, draft.told)
            else:
                draft = replace(draft, told=await call.listen("tell_again", manner=TELLING))
    except (HungUp, WantsAgent, GaveUp):
        await keep(call, draft)
        raise


async def after_telling(call: Call) -> Next:
    """`*` erases what they told, as it erases what they keyed."""
    try:
        return await call.ask("told_menu", NEXT, manner=REVIEW)
    except GaveUp:
        return Next.GO_ON
    except Back:
        return Next.AGAIN


async def play_back(call: Call, told: Told) -> None:
    try:
        await call.play_back("played_back", told)
    except Trouble:
        await call.say("no_play_back")


async def how_to_answer(call: Call, draft: KeepDraft) -> tuple[ReplyBy, str]:
    """By which channel, and the number that they confirmed."""
    number = draft.contact
    try:
        number = await call.hold(contact)
        return await choose_reply(call, draft.account), number
    except (HungUp, WantsAgent, GaveUp):
        await keep(call, replace(draft, contact=number))
        raise


async def keep(call: Call, draft: KeepDraft) -> None:
    """It was told; we call back for the rest."""
    try:
        await call.do(draft)
    except Trouble:
        pass  # the recording and the journal have it; where they wanted to go they go


async def choose_reply(call: Call, account: str | None) -> ReplyBy:
    """A letter goes to the address of the account; without one we don't know where to.  No address of a mailbox can
    be keyed: who wants a reply by e-mail is told where to leave it."""
    if account is None:
        return await call.ask("reply_by_telephone", BY_TELEPHONE)
    return await call.ask("reply_by", REPLY_BY)
