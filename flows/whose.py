"""Whose account is it about?  Here it is welcome, not needed: nobody is turned away for lack of a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.commands import FindAccount
from domain.model import KnownCaller
from domain.rules import account_number_is_sound
from flows.common import ACCOUNT, THE_ACCOUNT
from flows.repair import mended
from ivr.dialog import Call, GaveUp, Grammar, Progress, Spoken, yes_no

NONE: Final = "1"
"""The key of who has no account number at hand; one that begins so is told apart by what follows."""


async def whose(call: Call, known: KnownCaller, account: str | None) -> str | None:
    """The account that was named before in this call, that we know the caller by, or that they key; None without."""
    if account is None:
        account = await ask(call, known)
    if account is not None:
        call.about(account=account)
    return account


async def ask(call: Call, known: KnownCaller) -> str | None:
    for one in known.accounts:
        if await call.ask("your_account", yes_no, ending=one.number[-4:]):
            return one.number
    try:
        return await keyed(call)
    except GaveUp:
        return None


async def keyed(call: Call) -> str | None:
    """The account that the caller keys; None when they have no number at hand."""
    before = None
    while True:
        number = await call.ask("account_if_any", IF_ANY, manner=THE_ACCOUNT)
        if number is None:
            return None
        number = before = await call.hold(mended, before, number)
        if not account_number_is_sound(number):
            await call.say("account_check_failed", fresh=True, number=number)
        elif await call.do(FindAccount(number)):
            return number
        else:
            await call.say("account_unknown", fresh=True, number=number)


@dataclass(frozen=True, slots=True)
class IfAny(Spoken):
    """An account number, or the one key that says that there is none at hand."""

    def parse(self, heard: str) -> str | None:
        return None if heard == NONE else ACCOUNT.parse(heard)

    def progress(self, keyed: str) -> Progress:
        return Progress.ENOUGH if keyed == NONE else ACCOUNT.progress(keyed)

    def examples(self) -> Mapping[str, str]:
        return {"none at hand": NONE, **ACCOUNT.examples()}


IF_ANY: Final[Grammar[str | None]] = IfAny()
