"""Letters to customers: a draft from a template, which a person edits before it is sent.

Rules: what a template can't fill stays a visible gap (`GAP`), and a letter with a gap is not taken; the letter is
plain text, and what was sent is what is stored, word for word.  Templates: `letters/<what>.<language>.txt`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.rules import local_day
from ivr.console.web import shapes
from ivr.console.web.look import HERE
from ivr.console.web.words import LANGUAGES, Tongue

GAP: Final = "[…]"
"""Stands for what is not known yet."""

LONGEST: Final = 20_000
"""Characters of a letter."""


class Letter(StrEnum):
    """What a letter says."""

    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"
    ANSWERED = "answered"
    INTERIM = "interim"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Matter:
    """What a letter is about.  company: whose letter it is."""

    number: str
    registered_at: datetime
    topic: str
    due: date
    company: str
    responsible: str | None
    phone: str | None


def drafted(what: Letter, language: str, matter: Matter, today: date, given: Mapping[str, Any]) -> str:
    """A letter as far as it can be written.

    given: of reasons, rights, measures, planned_on (a date), ground (a word of `RefusalGround`): what is filled in.
    """
    spoken = language if language in LANGUAGES else LANGUAGES[0]
    t = Tongue(spoken)

    def text(name: str) -> str:
        return str(given.get(name) or "").strip().rstrip(".") or GAP

    planned, ground = given.get("planned_on"), given.get("ground")
    return (
        _environment()
        .get_template(f"{what}.{spoken}.txt")
        .render(
            number=matter.number,
            registered=day(local_day(matter.registered_at), spoken),
            topic=t(f"requests.topic_{matter.topic}").lower(),
            due=day(matter.due, spoken),
            today=day(today, spoken),
            company=matter.company,
            responsible=matter.responsible or GAP,
            phone=matter.phone or GAP,
            reasons=text("reasons"),
            rights=text("rights"),
            measures=text("measures"),
            planned_on=day(planned, spoken) if isinstance(planned, date) else GAP,
            ground=t(f"requests.letter_ground_{ground}") if ground else GAP,
        )
        .strip()
    )


def day(that: date, language: str) -> str:
    """1 грудня 2026 року; 1 December 2026."""
    shown = shapes.dated(that, Tongue(language))
    return shown + {"uk": " року", "ru": " года", "en": ""}[language]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "letters"),
        autoescape=False,  # noqa: S701  plain text, no HTML: what shows a letter escapes it
        undefined=StrictUndefined,
        trim_blocks=True,
    )
