"""What a caller keys for one register, until it is certain what it means.

Rules: nobody is told that they are wrong; whatever is asked, "it shows what I keyed" is one of the answers, and is
believed and written down; what we propose is keyed by the caller, never taken on a yes; a doubted value that nobody
stands by is kept all the same, also when the caller leaves in the middle of the question (`domain.doubt` ranks the
explanations and picks the question).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum, auto
from functools import lru_cache
from typing import Final, TypeAlias

from domain.commands import KeepDoubtful
from domain.doubt import (
    Ask,
    Doubtful,
    Plausible,
    Question,
    Verdict,
    diagnose,
    offer,
    specimens,
    too_wide,
    wide_specimens,
)
from domain.model import Account, Doubt, Energy, Meter, Register
from domain.rules import local_day
from flows.common import NeedsPeople
from flows.repair import settle_position
from ivr.dialog import Call, Grammar, Interruption, Manner, Phrase, Progress, Trouble, digits, one_of
from ivr.dialog.displayed import Displayed
from ivr.dialog.vocabulary import NO, YES

TRIES: Final = 3

AT_THE_METER: Final = Manner(
    timeout=12.0, interdigittimeout=5.0, termtimeout=2.5, incompletetimeout=2.5, maxspeechtimeout=30.0, surelevel=0.5
)
"""People read a display in a dark corridor, torch in hand, and key or say what they see digit by digit.  Whatever we
understood is read back (surelevel = confidencelevel)."""

CAREFUL: Final = Manner(bargein=False, typeahead=False)
"""Nobody can have answered a doubt that they have not heard yet."""

Given: TypeAlias = tuple[tuple[Register, int], ...]
"""Values of this call that nobody doubts, of other registers of the same meter."""

diagnosed: Final[Callable[..., Verdict]] = lru_cache(maxsize=4096)(diagnose)


class Reply(Enum):
    """What becomes of a question about a value."""

    OTHER = auto()  # it is what we proposed
    AS_KEYED = auto()
    AGAIN = auto()  # let me key it again


@dataclass(frozen=True, slots=True)
class Taken:
    """A value that the caller stands by.  doubt, said: set when they had to insist (see `SubmitReading`)."""

    register: Register
    value: int
    doubt: Doubt | None = None
    said: str | None = None


async def take_value(call: Call, account: Account, meter: Meter, left: tuple[Register, ...], given: Given) -> Taken:
    """A value of one of the registers that are `left`: the first, unless it turns out to be another's.

    Raises NeedsPeople when three tries settle nothing.
    """
    for _ in range(TRIES):
        if taken := await call.hold(attempt, account, meter, left, given):
            return taken
    raise NeedsPeople("reading in doubt")


async def attempt(
    call: Call, account: Account, meter: Meter, left: tuple[Register, ...], given: Given
) -> Taken | None:
    """One value keyed, and what becomes of it; None: it is to be keyed again."""
    register = left[0]
    shown = Shown(meter, register, local_day(call.now), others_of(account, meter))
    keyed = await call.ask(f"value_{named(register)}", shown, manner=AT_THE_METER)
    if len(keyed) > register.width:
        return await call.hold(too_many, account, meter, register, keyed)
    found = await call.hold(settle, account, meter, register, left, int(keyed), given)
    if isinstance(found, Register):
        found = await call.hold(settle, account, meter, found, left, int(keyed), given)
    return found if isinstance(found, Taken) else None


async def settle(
    call: Call,
    account: Account,
    meter: Meter,
    register: Register,
    left: tuple[Register, ...],
    value: int,
    given: Given,
) -> Taken | Register | None:
    """The value, confirmed; the register whose value it is instead; or None: it is to be keyed again."""
    neighbours, today = others_of(account, meter), local_day(call.now)
    verdict = diagnosed(meter, register, value, today, neighbours=neighbours, given=given)
    if isinstance(verdict, Plausible):
        agreed = await given_twice(call, register, verdict, value)
        if agreed is None:
            return None
        if agreed != value:
            value = agreed
            verdict = diagnosed(meter, register, value, today, neighbours=neighbours, given=given)
    if isinstance(verdict, Plausible):
        question = verdict.confirm
        reply = await put(call, question, None, register, value)
    else:
        question = verdict.question
        reply = await put_or_keep(call, account, meter, register, value, verdict.doubt, question)
    if reply is Reply.AS_KEYED and isinstance(verdict, Doubtful):
        return Taken(register, value, verdict.doubt, f"{question.ask}: as keyed")
    if reply is Reply.AS_KEYED:
        return Taken(register, value)
    whose = [one for one in left if (one.zone, one.energy) == (question.zone, question.energy)]
    if reply is Reply.OTHER and whose:
        return whose[0]
    if reply is Reply.OTHER:
        await call.say("again_in_full", fresh=True)
    return None


async def given_twice(call: Call, register: Register, verdict: Plausible, value: int) -> int | None:
    """The value, of which the caller keys the last digits once more before they have heard what they keyed.

    Where one digit of the two differs, that digit is asked for, and what was given twice then counts: this value or
    another.  None: all of it anew.
    """
    if verdict.sure:
        return value
    keyed = await call.ask("value_again", Again(value, verdict), manner=AT_THE_METER, count=verdict.again)
    if verdict.agrees(value, keyed):
        return value
    first = f"{value:0{register.width}d}"[-len(keyed) :]
    if len(keyed) >= verdict.again:
        settled = await call.hold(settle_position, "digit_of_value", first, keyed)
        if settled in (first, keyed):
            return value - int(first) + int(settled)
    await call.say("again_differs", fresh=True)
    return None


async def too_many(call: Call, account: Account, meter: Meter, register: Register, keyed: str) -> None:
    """More digits than we believe the display to have.  Who insists knows better than our records: NeedsPeople."""
    question = offer(too_wide(meter, register, keyed, local_day(call.now)))
    if question is None:
        await keep(call, account, meter, register, int(keyed), Doubt.TOO_WIDE, "keyed again")
        await call.say("too_many_digits", fresh=True, width=register.width)
        return
    reply = await put_or_keep(call, account, meter, register, int(keyed), Doubt.TOO_WIDE, question)
    if reply is Reply.AS_KEYED:
        await keep(call, account, meter, register, int(keyed), Doubt.TOO_WIDE, f"{question.ask}: as keyed")
        raise NeedsPeople("display wider than known")
    if reply is Reply.OTHER:
        await call.say("again_in_full", fresh=True)
    return


# Questions about a value


async def put_or_keep(
    call: Call, account: Account, meter: Meter, register: Register, value: int, doubt: Doubt, question: Question
) -> Reply:
    """Ask; a value that the caller then does not stand by is kept with what they said."""
    try:
        reply = await put(call, question, doubt, register, value)
    except Interruption as wish:
        await keep(call, account, meter, register, value, doubt, wish.name)
        raise
    if reply is not Reply.AS_KEYED:
        said = "keyed again" if reply is Reply.AGAIN else instead(question)
        await keep(call, account, meter, register, value, doubt, said)
    return reply


async def put(call: Call, question: Question, doubt: Doubt | None, register: Register, value: int) -> Reply:
    """The one question, in the words of its kind.  doubt: None when it only confirms."""
    zone, shown = Phrase(f"zone_{named(register)}"), said(register, value)
    if question.ask is Ask.OTHER_ZONE:
        other = Phrase(f"zone_{question.zone if question.energy is Energy.ACTIVE else question.energy}")
        return await call.ask("doubtful_other_zone", PROPOSAL, manner=CAREFUL, value=shown, other=other, zone=zone)
    if question.ask is Ask.OTHER_METER:
        ending = (question.meter or "")[-4:]
        return await call.ask("doubtful_other_meter", PROPOSAL, manner=CAREFUL, value=shown, ending=ending)
    if question.ask is Ask.DECIMALS:
        return await call.ask("doubtful_decimals", PROPOSAL, manner=CAREFUL, value=shown)
    if question.ask is Ask.OTHER_VALUE:
        meant = said(register, question.meant or 0)
        return await call.ask("doubtful_other_value", PROPOSAL, manner=CAREFUL, value=shown, meant=meant)
    if question.ask is Ask.READ_BACK:
        return await call.ask("read_back", RIGHT, zone=zone, value=shown)
    why = doubt if question.ask is Ask.INSIST else question.ask
    return await call.ask(f"doubtful_{why}", RIGHT, manner=CAREFUL, value=shown)


async def keep(
    call: Call, account: Account, meter: Meter, register: Register, value: int, doubt: Doubt, said: str
) -> None:
    """Nothing that was doubted is lost.  What can't be kept stands in the call's journal."""
    try:
        await call.do(KeepDoubtful(account.number, meter.number, register.zone, value, doubt, said, register.energy))
    except Trouble:
        pass  # the caller can do nothing about it, and has more to say


def others_of(account: Account, meter: Meter) -> tuple[Meter, ...]:
    """The account's other meters, from which a value may have been read by mistake."""
    return tuple(one for one in account.meters if one != meter)


def instead(question: Question) -> str:
    """What the caller took for the truth, in the words of the journal."""
    if question.ask is Ask.OTHER_ZONE:
        return f"it is {question.zone}"
    if question.ask is Ask.OTHER_METER:
        return f"it is of meter {question.meter}"
    return f"corrected to {question.meant}"


def named(register: Register) -> str:
    """How prompts call a register."""
    return register.zone if register.energy is Energy.ACTIVE else register.energy


def said(register: Register, value: int) -> Phrase:
    """A value with its unit."""
    return Phrase("in_kwh" if register.energy is Energy.ACTIVE else "in_kvarh", (("value", value),))


PROPOSAL: Final[Grammar[Reply]] = one_of(Reply.OTHER, Reply.AS_KEYED, Reply.AGAIN)
RIGHT: Final[Grammar[Reply]] = one_of(Reply.AS_KEYED, Reply.AGAIN, said={Reply.AS_KEYED: YES, Reply.AGAIN: NO})


# What may be keyed


@dataclass(frozen=True, slots=True)
class Shown(Displayed):
    """The digits that a register shows, leading zeros and all, and a few too many, so that we can ask about them."""

    meter: Meter
    register: Register
    today: date
    neighbours: tuple[Meter, ...] = ()

    @property
    def _digits(self) -> Grammar[str]:
        return digits(1, self.widest + 3, expected=self.widest)

    @property
    def widest(self) -> int:
        return self.register.width

    def parse(self, heard: str) -> str:
        return heard if self._zero(heard) else self._digits.parse(heard)

    def progress(self, keyed: str) -> Progress:
        return Progress.ENOUGH if self._zero(keyed) else self._digits.progress(keyed)

    def _zero(self, keyed: str) -> bool:
        """A register that has counted nothing yet may show a single 0; elsewhere it asks for a person."""
        return keyed == "0" and not self.register.last

    def examples(self) -> Mapping[str, str]:
        """One value for everything that can be asked about it."""
        nothing = {"nothing counted yet": "0"} if self._zero("0") else {}
        kinds = specimens(self.meter, self.register, self.today, neighbours=self.neighbours)
        shown = {kind: str(value) if value else "00" for kind, value in kinds.items()}
        return {**nothing, **shown, **wide_specimens(self.meter, self.register, self.today)}


@dataclass(frozen=True, slots=True)
class Again(Displayed):
    """The last digits of a value, once more; or all of it."""

    value: int
    verdict: Plausible

    @property
    def _digits(self) -> Grammar[str]:
        return digits(1, self.widest, expected=self.verdict.again)

    @property
    def widest(self) -> int:
        return 12

    def parse(self, heard: str) -> str:
        return heard if heard == "0" and not self.value else self._digits.parse(heard)

    def progress(self, keyed: str) -> Progress:
        return Progress.ENOUGH if keyed == "0" and not self.value else self._digits.progress(keyed)

    def examples(self) -> Mapping[str, str]:
        last = f"{self.value % 10**self.verdict.again:0{self.verdict.again}d}"
        other = "".join("1" if digit != "1" else "2" for digit in last)
        return {
            "the same": last if self.value else "0",
            "one digit differs": last[:-1] + other[-1],
            "all digits differ": other,
            "too few": other[1:],
        }
