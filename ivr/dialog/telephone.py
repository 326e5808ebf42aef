"""A telephone number as an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.phone import e164
from ivr.dialog.grammar import Grammar, Nomatch, Progress, Spoken


@dataclass(frozen=True, slots=True)
class Telephone(Spoken):
    """A number as it is dialled here; what `domain.phone` understands is an answer, in E.164.

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


telephone: Grammar[str] = Telephone()
