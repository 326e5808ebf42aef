"""What the console says, in three languages.

Rules: no text stands in a template or a script; a key is `part.name`, a part is one file `words/<part>.toml`; every
key is there in every language (a test), and Ukrainian is what stands in for anything that is missing at run time.
Plural forms are CLDR's for integers: `uk = {one = "...", few = "...", many = "..."}`, chosen by `n`.
"""

import logging
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

log = logging.getLogger(__name__)

LANGUAGES: Final = ("uk", "ru", "en")
FOLDER: Final = Path(__file__).parent / "words"


@cache
def words() -> Mapping[str, Mapping[str, Any]]:
    """Every key with its texts by language.  Raises ValueError for a file that is none of ours."""
    found: dict[str, Mapping[str, Any]] = {}
    for file in sorted(FOLDER.glob("*.toml")):
        try:
            read = tomllib.loads(file.read_text("utf-8"))
        except tomllib.TOMLDecodeError as fault:
            raise ValueError(f"{file.name}: {fault}") from None
        found |= {f"{file.stem}.{name}": texts for name, texts in read.items()}
    return found


class Tongue:
    """Speaks one language: `tongue("calls.title", n=3)`."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]

    def __call__(self, key: str, **facts: Any) -> str:
        """The text of this key with the facts in their places; the key itself when there is none."""
        texts = words().get(key)
        if texts is None:
            log.error("the console has no words for %r", key)
            return key
        text: Any = texts.get(self.language) or texts["uk"]
        if isinstance(text, Mapping):
            text = text[plural(self.language, int(facts.get("n", 0)))]
        if any(isinstance(fact, Markup) for fact in facts.values()):  # a time, a person: stays what it is in a page
            return escape(text).format(**facts)
        return text.format(**facts) if facts else text

    def number(self, value: float | None, places: int = 0) -> str:
        """12 345,6 with spaces that don't break; 12,345.6 in English."""
        if value is None:
            return "–"
        shown = f"{value:,.{places}f}"
        return shown if self.language == "en" else shown.replace(",", "\u00a0").replace(".", ",")

    def money(self, kopiykas: int | None) -> str:
        """12345 -> 123,45 ₴; ₴123.45 in English."""
        if kopiykas is None:
            return "–"
        sign, shown = "-" if kopiykas < 0 else "", self.number(abs(kopiykas) / 100, 2)
        return f"{sign}₴{shown}" if self.language == "en" else f"{sign}{shown}\u00a0₴"

    def percent(self, share: float | None, places: int = 0) -> str:
        """0.873 -> 87 %; 87% in English."""
        if share is None:
            return "–"
        shown = self.number(share * 100, places)
        return f"{shown}%" if self.language == "en" else f"{shown}\u00a0%"

    def knows(self, key: str) -> bool:
        """Whether there is a text."""
        return key in words()


def plural(language: str, n: int) -> str:
    """one, few or many, by CLDR's rules for integers."""
    n = abs(n)
    if language == "en":
        return "one" if n == 1 else "many"
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    return "few" if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14) else "many"
