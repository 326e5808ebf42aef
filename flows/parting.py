"""How a matter is closed: its number is handed out as often as it is asked for, and silence means "that was all"."""

from typing import Final

from domain.model import Registered
from ivr.dialog import Call, GaveUp, Manner, Say, Word, Words, yes_no

PARTING: Final = Manner(timeout=4.0, tries=1)
"""Who says nothing any more has what they called for."""


async def parting(call: Call, question: str, **words: Word) -> bool:
    """A question to somebody whose business is done: silence means no."""
    try:
        return await call.ask(question, yes_no, manner=PARTING, **words)
    except GaveUp:
        return False


async def hand_out(call: Call, prompt: str, words: Words, slowly: str = "number_slowly") -> None:
    """Tell what was registered, whatever was typed ahead; then digit by digit as long as the caller asks for it."""
    await Say(prompt, words, fresh=True)
    while await parting(call, "receipt_again"):
        await Say(slowly, words)


def by(registered: Registered) -> Words:
    """Its number, and the day by which something comes of it."""
    return (("number", registered.number), ("due", registered.due.isoformat()))
