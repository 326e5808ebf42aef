"""For which reading did I pay, and what will be billed?

Rules: kilowatt-hours and readings are told to whoever has the account number, as the reading conversation does; sums
of money only to a caller whose number is known to be that account's (decision 061).
"""

from datetime import date
from typing import Final

from domain.commands import AskStatement
from domain.model import Account, Bill, BilledReading, Energy, KnownCaller, Purpose, Source, Statement, Terms
from flows import vocabulary
from flows.common import Left, NeedsPeople, identify
from flows.meter_reading import submit
from flows.parting import PARTING
from ivr.dialog import Back, Call, GaveUp, Phrase, one_of

NEXT: Final = one_of(True, False, said={True: vocabulary.READING})
"""Give a reading now, or hear it again."""


async def statement(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """Tell the last bill and the coming one, and take a reading if that is what comes of it; the account's number."""
    call.about(topic="bill")
    found = await call.hold(identify, known, account)
    if found is None:
        raise NeedsPeople("account not found")
    try:
        own = found.number in [one.number for one in known.accounts]
        if await call.hold(tell_bills, found, own):
            await call.hold(submit, found)
    except Back:
        raise Left(found.number) from None
    return found.number


async def tell_bills(call: Call, account: Account, own: bool) -> bool:
    """As often as the caller likes; whether they want to give a reading now.  own: sums may be told."""
    where = await call.do(AskStatement(account.number))
    last, coming = of_last(where.last, own, len(account.meters)), of_coming(where)
    while True:
        await call.say("statement", last=last, coming=coming)
        try:
            reading = await call.ask("statement_next", NEXT, manner=PARTING)
        except GaveUp:
            return False
        if reading:
            return True


# The last bill


def of_last(bill: Bill | None, own: bool, meters: int) -> tuple[Phrase, ...]:
    """What was billed, what was paid, and the readings it was made from."""
    if bill is None:
        return (Phrase("bill_none"),)
    month = Phrase("bill_month", (("period", bill.period.isoformat()), ("kwh", bill.kwh)))
    readings = tuple(_billed(reading, meters) for reading in bill.readings)
    return (month, *(_sums(bill) if own else (Phrase("bill_private"),)), *readings)


def _sums(bill: Bill) -> tuple[Phrase, ...]:
    if bill.amount is None:
        return (Phrase("bill_amount_unknown"),)
    amount = Phrase("bill_amount", (("amount", bill.amount),))
    if bill.paid >= bill.amount:
        return (amount, Phrase("bill_paid", _on(bill.paid_on)) if bill.paid_on else Phrase("bill_settled"))
    if bill.paid:
        return (amount, Phrase("bill_partly_paid", (("paid", bill.paid), ("rest", bill.amount - bill.paid))))
    return (amount, Phrase("bill_unpaid"))


def _on(day: date) -> tuple[tuple[str, str], ...]:
    return (("on", day.isoformat()),)


def _billed(reading: BilledReading, meters: int) -> Phrase:
    """One reading of a bill: whose, how much, of which day, and who read it."""
    active = reading.energy is Energy.ACTIVE
    meter = (Phrase("of_meter", (("ending", reading.meter[-4:]),)),) if meters > 1 else ()
    return Phrase(
        "billed_reading",
        (
            ("meter", meter),
            ("zone", Phrase(f"zone_{reading.zone if active else reading.energy}")),
            ("value", Phrase("in_kwh" if active else "in_kvarh", (("value", reading.value),))),
            *_on(reading.read_on),
            ("source", Phrase(f"source_{reading.source}")),
        ),
    )


# The coming one


def of_coming(where: Statement) -> tuple[Phrase, ...]:
    """What will be billed, on what ground, and until which day a reading changes that."""
    terms = where.terms
    period = ("period", terms.period.isoformat())
    if where.coming is None or where.by is None:
        return (Phrase("coming_unknown", (period,)), _until(terms))
    ground = "coming_estimate" if where.by is Source.ESTIMATE else "coming_reading"
    words = (period, ("kwh", where.coming), ("source", Phrase(f"source_{where.by}")))
    return (Phrase(ground, words), _until(terms))


def _until(terms: Terms) -> Phrase:
    """Until when a reading counts for it; who has given one may still correct it."""
    if terms.counts is Purpose.CONTROL:
        return Phrase("reading_between", (("first", terms.first.isoformat()), ("last", terms.last.isoformat())))
    return Phrase("correct_until" if terms.submitted else "reading_until", (("last", terms.last.isoformat()),))
