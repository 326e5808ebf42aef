"""The number at which we reach the caller: the one they call from, or the one they key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.phone import as_dialled, e164
from ivr.dialog import Call, Grammar, Manner, Nomatch, Progress, yes_no

BY_HEART: Final = Manner(timeout=10.0, interdigittimeout=5.0)
"""Few people know their own number by heart; most look it up."""


async def contact(call: Call) -> str:
    """The number in E.164, confirmed."""
    shown = call.began.caller
    if shown and await call.ask("contact_shown", yes_no, number=as_dialled(shown)):
        return shown
    while True:
        number = await call.ask("contact", TELEPHONE, manner=BY_HEART)
        if await call.ask("contact_read_back", yes_no, number=as_dialled(number)):
            return number


@dataclass(frozen=True, slots=True)
class Telephone:
    """A telephone number as it is dialled here; what `domain.phone` understands is an answer.

    Ten digits from 0, twelve from 380, or 00 and a foreign number, whose length only its country knows.
    """

    def parse(self, heard: str) -> str:
        if number := e164(heard):
            return number
        raise Nomatch(heard)

    def progress(self, keyed: str) -> Progress:
        longest = 17 if keyed.startswith("00") else 10 if keyed.startswith("0") else 12
        if not (keyed.isascii() and keyed.isdigit()) or len(keyed) > longest:
            return Progress.NEVER
        if e164(keyed) is None:
            return Progress.MORE if len(keyed) < longest else Progress.NEVER
        return Progress.FULL if len(keyed) == longest else Progress.ENOUGH

    def examples(self) -> Mapping[str, str]:
        return {"a number": "0671234567"}


TELEPHONE: Final[Grammar[str]] = Telephone()
