"""What every conversation begins with: a language, the notice, and whose account it is about."""

from typing import Final

from domain.commands import FindAccount, RecogniseCaller, RememberLanguage
from domain.model import Account, KnownCaller, Language
from domain.rules import account_number_is_sound
from ivr.dialog import Call, GaveUp, Manner, Phrase, Trouble, digits, one_of, yes_no

ACCOUNT: Final = digits(10, specimens={"account number": "1000000005", "mis-keyed": "1234567890"})
BRISK: Final = Manner(timeout=4.0, tries=2)
LINES: Final = tuple(Phrase("language", language=language) for language in Language)


async def welcome(call: Call) -> KnownCaller:
    """Agree on a language, say that the call is recorded, and only then keep anything."""
    known = await call.do(RecogniseCaller(call.began.caller))
    language = known.language or await choose_language(call)
    await call.speak(language)
    await call.say("notice", bargein=False)
    await call.record()
    if call.began.caller and language != known.language:
        try:
            await call.do(RememberLanguage(call.began.caller, language))
        except Trouble:
            pass  # a nicety; the caller has come for something else
    return known


async def choose_language(call: Call) -> Language:
    """Who presses nothing is spoken to in Ukrainian: better than being sent away for silence."""
    try:
        return await call.ask("languages", one_of(*Language), manner=BRISK, choices=LINES)
    except GaveUp:
        return Language.UK


async def identify(call: Call, known: KnownCaller) -> Account | None:
    """The account that the caller means: the one we know them by, or the one they key; None after three tries.

    Who it is is read back without telling a stranger anything: the last digits of the number only.
    """
    for account in known.accounts:
        if await call.ask("your_account", yes_no, ending=account.number[-4:]):
            return account
    for _ in range(3):
        number = await call.ask("account", ACCOUNT)
        if not account_number_is_sound(number):
            await call.say("account_check_failed", fresh=True, number=number)
        elif account := await call.do(FindAccount(number)):
            return account
        else:
            await call.say("account_unknown", fresh=True, number=number)
    return None
