"""A caller reads us their meter.

Rules: what a reading counts for is said before anything is keyed where it is not what people expect, and again when
it is taken; who leaves without one is told what would be billed; each register is kept as soon as it is confirmed,
whatever happens next.  What is made of a value stands in `flows.doubt`.
"""

from typing import Final

from domain.commands import AskTerms, SubmitReading
from domain.model import Account, KnownCaller, Meter, Purpose, Receipt, Register, Terms
from flows.common import Left, NeedsPeople, identify
from flows.doubt import Given, Taken, take_value
from flows.parting import parting
from ivr.dialog import Back, Call, GaveUp, Phrase, WantsAgent, one_of

MOST_METERS: Final = 9
"""As many as a menu has keys."""


async def meter_reading(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Take what the meters of an account show; its number."""
    call.about(topic="reading")
    found = await call.hold(identify, known, account)
    if found is None:
        raise NeedsPeople("account not found")
    try:
        await call.hold(submit, found)
    except Back:
        raise Left(found.number) from None
    return found.number


async def submit(call: Call, account: Account) -> None:
    """One meter after another, as long as the caller likes."""
    left = account.meters
    if not 1 <= len(left) <= MOST_METERS:
        await call.say("no_meter")
        raise NeedsPeople("no meter to choose by key")
    unread = await call.hold(agree, account)
    if unread is None:
        return
    given: list[Register] = []  # registers of the present meter of which a value was kept
    try:
        while left:
            meter = await call.hold(choose_meter, left)
            receipt = await read_meter(call, account, meter, given)
            unread = ()
            await call.hold(give_receipt, receipt)
            left = tuple(m for m in left if m != meter)
            if left and not await parting(call, "another_meter"):
                break
    except (Back, WantsAgent, GaveUp, NeedsPeople):
        if given:
            await call.say("incomplete", fresh=True)
        elif unread:
            await call.say("if_silent", fresh=True, what=unread)
        raise


async def agree(call: Call, account: Account) -> tuple[Phrase, ...] | None:
    """Tell what a reading would count for, where that may surprise; None when the caller has no need to give one.

    Comes back with what somebody should hear who leaves without.
    """
    if all(meter.smart for meter in account.meters) and not await parting(call, "smart_meter"):
        return None
    terms = await call.do(AskTerms(account.number))
    period = terms.period.isoformat()
    if terms.submitted and not await parting(call, "submitted_already", period=period):
        return None
    if terms.counts is Purpose.CONTROL:
        await call.say("control_before", first=terms.first.isoformat(), last=terms.last.isoformat())
    return if_silent(terms)


def if_silent(terms: Terms) -> tuple[Phrase, ...]:
    """What is billed without a reading; nothing where that is not known, or where one is there already."""
    if terms.silent is None or terms.submitted:
        return ()
    days = (("first", terms.first.isoformat()), ("last", terms.last.isoformat()))
    return (Phrase("billed_if_silent", (("period", terms.period.isoformat()), ("kwh", terms.silent), *days)),)


async def choose_meter(call: Call, meters: tuple[Meter, ...]) -> Meter:
    """The one there is, or the one whose last digits the caller picks."""
    if len(meters) == 1:
        return meters[0]
    choices = tuple(
        Phrase("meter_choice", (("ending", meter.number[-4:]), ("key", key))) for key, meter in enumerate(meters, 1)
    )
    return await call.ask("which_meter", one_of(*meters), choices=choices)


async def read_meter(call: Call, account: Account, meter: Meter, given: list[Register]) -> Receipt:
    """A confirmed value of every register, in whatever order they come."""
    left, doubted = meter.registers, False
    known: Given = ()
    while True:
        taken = await call.hold(take_value, account, meter, left, known)
        left = tuple(r for r in left if r != taken.register)
        submission = SubmitReading(
            account.number,
            meter.number,
            taken.register.zone,
            taken.value,
            taken.doubt,
            len(left),
            taken.register.energy,
            taken.said,
        )
        receipt = await call.do(submission)
        given.append(taken.register)
        doubted = doubted or taken.doubt is not None
        if not left:
            break
        known = telling(known, taken, left)
    given.clear()
    if doubted:
        await call.say("accepted_doubtful", fresh=True)
    return receipt


def telling(known: Given, taken: Taken, left: tuple[Register, ...]) -> Given:
    """The values so far that help to tell what is keyed for one of the registers that are left."""
    known = known if taken.doubt else (*known, (taken.register, taken.value))
    return tuple(pair for pair in known if pair[0].energy in [register.energy for register in left])


async def give_receipt(call: Call, receipt: Receipt) -> None:
    """Say what it counts for and the receipt's number, whatever was typed ahead, and again if the caller asks."""
    await call.say("receipt", fresh=True, counts=counts(receipt), number=receipt.number)
    while await parting(call, "receipt_again"):
        await call.say("receipt", counts=counts(receipt), number=receipt.number)


def counts(receipt: Receipt) -> tuple[Phrase, ...]:
    """What a reading counts for."""
    if receipt.counts is Purpose.CONTROL:
        return (Phrase("counts_control"),)
    if receipt.period is None:
        return ()
    return (Phrase("counts_billing", (("period", receipt.period.isoformat()),)),)
