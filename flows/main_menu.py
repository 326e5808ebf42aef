"""What did you call for?  The conversation of the number that everybody knows.

Rules: what everybody must hear comes before the menu, and any key passes it over; after each matter the caller is
asked whether there is more, and silence says no; `*` leads back here from everywhere.
"""

from enum import StrEnum
from typing import Final

from domain.model import KnownCaller, Language, Outcome
from flows import vocabulary
from flows.attended import attended
from flows.common import MOST_BACKS, Left, announce, choose_language, remember, welcome
from flows.complaint import complaint
from flows.hours import hours
from flows.meter_reading import meter_reading
from flows.outage import outage
from flows.parting import parting
from flows.service_order import service_order
from flows.statement import statement
from flows.status import status
from ivr.dialog import Back, Call, Ending, GaveUp, Phrase, goodbye, on_keys


class Matter(StrEnum):
    """What is on the menu."""

    READING = "reading"
    OUTAGE = "outage"
    COMPLAINT = "complaint"
    ORDER = "order"
    BILL = "bill"
    STATUS = "status"
    HOURS = "hours"
    LANGUAGE = "language"


MENU: Final = on_keys(
    ("1", Matter.READING),
    ("2", Matter.OUTAGE),
    ("3", Matter.COMPLAINT),
    ("4", Matter.ORDER),
    ("5", Matter.BILL),
    ("6", Matter.STATUS),
    ("7", Matter.HOURS),
    ("9", Matter.LANGUAGE),
    said={
        Matter.READING: vocabulary.READING,
        Matter.OUTAGE: vocabulary.OUTAGE,
        Matter.COMPLAINT: vocabulary.COMPLAINT,
        Matter.ORDER: vocabulary.ORDER,
        Matter.BILL: vocabulary.BILL,
        Matter.STATUS: vocabulary.STATUS,
        Matter.HOURS: vocabulary.HOURS,
        Matter.LANGUAGE: vocabulary.LANGUAGE,
    },
    named="matter",
)


async def main_menu(call: Call) -> Ending:
    """One matter after another, and people whenever they are wanted."""
    return await attended(call, conversation)


async def conversation(call: Call) -> Ending:
    known = await welcome(call)
    await announce(call, known)
    languages = other_languages(known)
    known = KnownCaller(None, known.accounts)
    account, more = None, True
    while more:
        account, more = await one_matter(call, await choose(call, languages), known, account)
        languages = ()  # once is enough; the key remains
    return goodbye(Outcome.INFORMED, "goodbye")


async def choose(call: Call, languages: tuple[Phrase, ...]) -> Matter:
    """What is it about?  languages: what to say about the language after it."""
    for _ in range(MOST_BACKS):
        try:
            return await call.ask("menu", MENU, languages=languages)
        except Back:
            pass
    raise GaveUp


def other_languages(known: KnownCaller) -> tuple[Phrase, ...]:
    """Who was greeted in the language of their last call is told, in the others, how to change it."""
    return tuple(Phrase("other_language", language=one) for one in Language if known.language not in (None, one))


async def one_matter(call: Call, wanted: Matter, known: KnownCaller, account: str | None) -> tuple[str | None, bool]:
    """See to it; the account that is known afterwards, and whether the caller wants the menu again."""
    if wanted is Matter.LANGUAGE:
        await change_language(call)
        return account, True
    try:
        account = await see_to(call, wanted, known, account)
        return account, await parting(call, "anything_else")
    except Left as left:
        return left.account, True
    except Back:
        return account, True


async def see_to(call: Call, wanted: Matter, known: KnownCaller, account: str | None) -> str | None:
    """The account that is known afterwards."""
    if wanted is Matter.READING:
        return await call.hold(meter_reading, known, account)
    if wanted is Matter.OUTAGE:
        return await call.hold(outage, known, account)
    if wanted is Matter.COMPLAINT:
        return await call.hold(complaint, known, account)
    if wanted is Matter.ORDER:
        return await call.hold(service_order, known, account)
    if wanted is Matter.BILL:
        return await call.hold(statement, known, account)
    if wanted is Matter.STATUS:
        return await call.hold(status, known, account)
    return await call.hold(hours, known, account)


async def change_language(call: Call) -> None:
    """Who chooses nothing goes on as before."""
    chosen = await call.hold(choose_language)
    if chosen is not None:
        await call.speak(chosen)
        await remember(call, chosen)
