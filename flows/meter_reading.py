"""A caller reads us their meter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.commands import SubmitReading
from domain.model import Account, Doubt, Meter, Outcome, Receipt, Register
from domain.rules import Doubtful, judge, local_day, specimens
from flows.common import identify, welcome
from ivr.dialog import (
    Call,
    Ending,
    GaveUp,
    Grammar,
    Manner,
    Phrase,
    Progress,
    digits,
    goodbye,
    one_of,
    transfer,
    yes_no,
)

MOST_METERS: Final = 9
"""As many as a menu has keys."""

AT_THE_METER: Final = Manner(timeout=12.0, interdigittimeout=5.0, termtimeout=2.5)
"""People read a display in a dark corridor, torch in hand, and key what they see digit by digit."""

CAREFUL: Final = Manner(bargein=False, typeahead=False)
"""Nobody can have answered a doubt that they have not heard yet."""

PARTING: Final = Manner(timeout=4.0, tries=1)
"""Who says nothing any more has what they called for."""


async def meter_reading(call: Call) -> Ending:
    known = await welcome(call)
    account = await identify(call, known)
    if account is None:
        return transfer("account not found")
    if not 1 <= len(account.meters) <= MOST_METERS:
        await call.say("no_meter")
        return transfer("no meter to choose by key")

    left = account.meters
    while left:
        meter = await choose_meter(call, left)
        receipt = await read_meter(call, account, meter)
        if receipt is None:
            return transfer("reading in doubt")
        await hand_out(call, receipt)
        left = tuple(m for m in left if m != meter)
        if left and not await parting(call, "another_meter"):
            break
    return goodbye(Outcome.READING_TAKEN, "goodbye")


async def choose_meter(call: Call, meters: tuple[Meter, ...]) -> Meter:
    """The one there is, or the one whose last digits the caller picks."""
    if len(meters) == 1:
        return meters[0]
    choices = tuple(
        Phrase("meter_choice", (("ending", meter.number[-4:]), ("key", key))) for key, meter in enumerate(meters, 1)
    )
    return await call.ask("which_meter", one_of(*meters), choices=choices)


async def read_meter(call: Call, account: Account, meter: Meter) -> Receipt | None:
    """A confirmed value of every register.  Each is kept as soon as it is confirmed, whatever happens next."""
    receipt = None
    doubted = False
    for number, register in enumerate(meter.registers, 1):
        taken = await take_value(call, meter, register)
        if taken is None:
            return None
        value, doubt = taken
        doubted = doubted or doubt is not None
        left = len(meter.registers) - number
        receipt = await call.do(SubmitReading(account.number, meter.number, register.zone, value, doubt, left))
    if doubted:
        await call.say("accepted_doubtful", fresh=True)
    return receipt


async def take_value(call: Call, meter: Meter, register: Register) -> tuple[int, Doubt | None] | None:
    """Ask, judge, read back.  None when three tries settle nothing."""
    today = local_day(call.now)
    for _ in range(3):
        value = await call.ask(f"value_{register.zone}", Shown(meter, register, today), manner=AT_THE_METER)
        if value >= 10**register.width:
            await call.say("too_many_digits", fresh=True, width=register.width)
            continue
        verdict = judge(meter, register, value, today)
        if isinstance(verdict, Doubtful):
            if await call.ask(f"doubtful_{verdict.doubt}", yes_no, manner=CAREFUL, value=value):
                return value, verdict.doubt
        elif await call.ask("read_back", yes_no, zone=Phrase(f"zone_{register.zone}"), value=value):
            return value, None
    return None


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be keyed for a register: the digits that it shows, and a few too many, so that we can say so."""

    meter: Meter
    register: Register
    today: date

    @property
    def _digits(self) -> Grammar[str]:
        return digits(1, self.register.width + 3, expected=self.register.width)

    def parse(self, heard: str) -> int:
        return 0 if self._zero(heard) else int(self._digits.parse(heard))

    def progress(self, keyed: str) -> Progress:
        return Progress.ENOUGH if self._zero(keyed) else self._digits.progress(keyed)

    def _zero(self, keyed: str) -> bool:
        """A register that has counted nothing yet may show a single 0; elsewhere it asks for a person."""
        return keyed == "0" and not self.register.last

    def examples(self) -> Mapping[str, str]:
        """One value for each verdict, and one with a digit too many."""
        kinds = specimens(self.meter, self.register, self.today)
        shown = {kind: str(value) if value or self._zero("0") else "00" for kind, value in kinds.items()}
        return shown | {"too many digits": "9" * (self.register.width + 1)}


async def hand_out(call: Call, receipt: Receipt) -> None:
    """Say the receipt's number, whatever was typed ahead, and again as long as the caller asks for it."""
    await call.say("receipt", fresh=True, number=receipt.number)
    while await parting(call, "receipt_again"):
        await call.say("receipt", number=receipt.number)


async def parting(call: Call, question: str) -> bool:
    """A question to somebody whose business is done: silence means no."""
    try:
        return await call.ask(question, yes_no, manner=PARTING)
    except GaveUp:
        return False
