"""What conversations share: how they begin, whose account it is about, and how people are reached."""

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from domain.commands import AskPeople, FindAccount, HearAnnouncements, RecogniseCaller, RememberLanguage
from domain.model import Account, Announcement, KnownCaller, Language
from domain.rules import account_number_is_sound
from flows.call_back import call_back
from flows.repair import mended
from flows.when import clock, day
from ivr.dialog import (
    SAID_BACK,
    Back,
    Call,
    Ending,
    GaveUp,
    Interruption,
    Manner,
    Phrase,
    Trouble,
    Turn,
    WantsAgent,
    digits,
    one_of,
    transfer,
    yes_no,
)

Business: TypeAlias = Callable[[Call, KnownCaller, str | None], Coroutine[Turn[Any], Any, str | None]]
"""What a caller may have come for.  Takes the number of the account that was identified in this call, if any, and
returns the one that is known afterwards."""

ACCOUNT: Final = digits(
    10,
    specimens={
        "account number": "1000000005",
        "mis-keyed": "1234567890",
        "mis-keyed in one other digit": "1234167890",
    },
    check=account_number_is_sound,
)
BRISK: Final = Manner(timeout=4.0, tries=2, speech=False)
"""By keys only: who picks up says "hello?", and nobody has agreed to be recorded yet."""
THE_ACCOUNT: Final = Manner(confidencelevel=0.1, surelevel=SAID_BACK, incompletetimeout=2.5, maxspeechtimeout=30.0)
"""A number that was said is said back: somebody else's account is one digit away.  It has a check digit, which judges
better than the recogniser's confidence (decision 104)."""
LINES: Final = tuple(Phrase("language", language=language) for language in Language)

MOST_BACKS: Final = 3
"""Times that `*` may be pressed in a row where there is nothing to go back to: a jammed key, or somebody lost."""


class NeedsPeople(Interruption):
    """This can't be settled by keypad.  because: in the words of the journal; farewell: what to say first."""

    name = "needs people"

    def __init__(self, because: str, *farewell: str) -> None:
        super().__init__(because, *farewell)
        self.because, self.farewell = because, farewell


class Left(Back):
    """The caller went back out of a business that knows by now whose account it is about."""

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account


# How a conversation begins


async def welcome(call: Call) -> KnownCaller:
    """Agree on a language, say that the call is recorded, and only then keep anything."""
    known = await call.do(RecogniseCaller(call.began.caller))
    chosen, wants_agent = known.language, False
    if chosen is None:
        try:
            chosen = await call.hold(choose_language)
        except WantsAgent:
            wants_agent = True  # people record too: the notice first
    await call.speak(chosen or Language.UK)
    await call.say("notice", bargein=False)
    await call.record()
    if wants_agent:
        raise WantsAgent
    if chosen is not None and chosen != known.language:
        await remember(call, chosen)
    return known


async def choose_language(call: Call) -> Language | None:
    """None for who presses nothing: they are spoken to in Ukrainian, better than being sent away for silence."""
    for _ in range(MOST_BACKS):
        try:
            return await call.ask("languages", one_of(*Language), manner=BRISK, choices=LINES)
        except GaveUp:
            return None
        except Back:
            pass
    return None


async def remember(call: Call, language: Language) -> None:
    """Begin in this language the next time."""
    if call.began.caller:
        try:
            await call.do(RememberLanguage(call.began.caller, language))
        except Trouble:
            pass  # a nicety; the caller has come for something else


async def announce(call: Call, known: KnownCaller) -> None:
    """What everybody must hear now, and what concerns the districts of the caller's accounts."""
    regions = sorted({account.region for account in known.accounts if account.region})
    for announcement in await announcements(call, *regions):
        await tell(call, announcement)


async def announce_for(call: Call, region: str) -> None:
    """What concerns a district that we have only now learned about."""
    for_all = await announcements(call)
    for announcement in await announcements(call, region):
        if announcement not in for_all:
            await tell(call, announcement)


async def announcements(call: Call, *regions: str) -> tuple[Announcement, ...]:
    try:
        return await call.do(HearAnnouncements(regions))
    except Trouble:
        return ()  # the caller has come for something else


async def tell(call: Call, announcement: Announcement) -> None:
    """Its prompt has a place `until`: one sentence more, or nothing."""
    until: tuple[Phrase, ...] = ()
    if announcement.until:
        words = (("day", day(announcement.until, call.now)), ("at", clock(announcement.until)))
        until = (Phrase("announced_until", words),)
    await call.say(announcement.prompt, until=until)


# Whose account is it?


async def identify(call: Call, known: KnownCaller, account: str | None = None) -> Account | None:
    """The account that the caller means; None after three tries.

    The one they have named in this call already (`account`), one that we know them by, or one that they key.  Who it
    is is read back without telling a stranger anything: the last digits of the number only.
    """
    found = await recall(call, known, account) or await call.hold(ask_account, known)
    if found is not None:
        call.about(account=found.number)
    return found


async def recall(call: Call, known: KnownCaller, account: str | None) -> Account | None:
    """The account of before, or one that we know the caller by, if they say so."""
    if account is not None and await call.ask("same_account", yes_no, ending=account[-4:]):
        return await call.do(FindAccount(account))
    for one in known.accounts:
        if one.number != account and await call.ask("your_account", yes_no, ending=one.number[-4:]):
            return one
    return None


async def ask_account(call: Call, known: KnownCaller) -> Account | None:
    """The account whose number the caller keys."""
    before = None
    for _ in range(3):
        number = await call.hold(mended, before, await call.ask("account", ACCOUNT, manner=THE_ACCOUNT))
        before = number
        if not account_number_is_sound(number):
            await call.say("account_check_failed", fresh=True, number=number)
        elif account := await call.do(FindAccount(number)):
            if account.region and account.region not in [one.region for one in known.accounts]:
                await announce_for(call, account.region)
            return account
        else:
            await call.say("account_unknown", fresh=True, number=number)
    return None


# People


async def people(call: Call, because: str, *farewell: str) -> Ending:
    """To people if they work now, with these words; else a call back is offered, with what was noted of the call."""
    try:
        staff = await call.do(AskPeople())
    except Trouble:
        return transfer(because, *farewell)
    if staff.open:
        return transfer(because, *farewell)
    await call.say("closed_now", fresh=True)
    return await call.hold(call_back, staff, call.noted.get("topic", "agent"), call.noted.get("account"))
