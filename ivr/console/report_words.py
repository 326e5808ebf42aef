"""Figures in words of three languages, the same on the page, in the PDF and in the CSV.

Rules: numbers are written as the language does (`Tongue.number`); a share that there is none of is a dash;
places of the conversation have the names of its map.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from domain.decrees import DEFAULTS
from domain.model import Outcome
from domain.policy import ALWAYS, ServicePolicy
from domain.report import Notice, Report
from ivr.console.web import shapes
from ivr.console.web.words import Tongue
from prompts import Catalogue

NOTHING: Final = "–"
LONGEST: Final = 70
"""Letters of a prompt by which its place is named."""
SHARES: Final = frozenset(
    {
        "connected",
        "lost",
        "unmeasured",
        "containment",
        "repeats",
        "ours",
        "first_try",
        "question",
        "drop_off",
        "punctual",
    }
)
"""Notices whose value is a share."""
DEFAULT: Final = DEFAULTS.row(ServicePolicy, ALWAYS).source
_PLACE: Final = re.compile(r"(\s*\{[^}]*\})+")


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that is looked at first.  before: of the span before.  target: the standard in words.

    state: "ok", "danger" where there is a standard, "" where none is.
    """

    name: str
    words: str
    value: str
    before: str
    target: str = ""
    state: str = ""


class Teller:
    """Tells figures in one language.  catalogue: whose prompts name the places of a conversation."""

    def __init__(self, tongue: Tongue, catalogue: Catalogue) -> None:
        self.tongue = tongue
        self.language = tongue.language
        self._texts = catalogue.texts.get(tongue.language, {})

    def __call__(self, key: str, **facts: object) -> str:
        """Words of this part."""
        return self.tongue(f"analytics.{key}", **facts)

    def day(self, day: date) -> str:
        """22.11, as tables and charts have room for."""
        return f"{day:%d.%m}"

    def full(self, day: date) -> str:
        """22.11.2026."""
        return f"{day:%d.%m.%Y}"

    def month(self, day: date) -> str:
        """листопад 2026."""
        return shapes.month(day, self.tongue)

    def part(self, part: str) -> str:
        """A part of the conversation, by the name that the map has for it."""
        return self._known(f"story.part_{part}", part)

    def place(self, part: str, spot: str) -> str:
        """A place of it by the map's name, else by the beginning of what is said there."""
        keys = (f"story.{kind}_{spot}" for kind in ("step", "prompt", "part", "deed"))
        said = next((self.tongue(key) for key in keys if self.tongue.knows(key)), None)
        if said is None and (text := self._texts.get(spot, {}).get("text")) is not None:
            said = _PLACE.sub(" …", text).strip()
            said = said if len(said) <= LONGEST else f"{said[:LONGEST].rsplit(' ', 1)[0]}…"
        return f"{self.part(part)}: {said or spot.replace('_', ' ')}"

    def matter(self, matter: str) -> str:
        return self._known(f"analytics.matter_{matter}", matter)

    def source(self, source: str) -> str:
        """Where the standard comes from; the operator's own rule as they entered it."""
        return self("rule_default") if source == DEFAULT else source

    def outcome(self, outcome: Outcome) -> str:
        return self._known(f"calls.outcome_{outcome.value}", outcome.value)

    def notice(self, given: Report, notice: Notice) -> str:
        """A notice as sentences."""
        share = notice.kind in SHARES
        said = self(
            f"notice_{notice.kind}",
            value=self.percent(notice.value, 1) if share else self.figure(notice.value),
            target=self.percent(notice.target),
            n=self.figure(notice.n),
            seconds=given.service.terms.seconds,
            where=self.place(notice.part, notice.spot) if notice.part else "",
        )
        return f"{said} ({self('was', before=self.percent(notice.before, 1))})" if notice.before is not None else said

    def tiles(self, given: Report) -> Sequence[Tile]:
        """What is looked at first."""
        now, old = given.calls, given.earlier.calls
        people, was, terms = given.service.people, given.earlier.service.people, given.service.terms
        told = {"seconds": terms.seconds}
        return (
            Tile("calls", self("tile_calls"), self.figure(now.calls), self.figure(old.calls)),
            self._share("containment", now.containment, old.containment),
            self._share("first_try", given.first_try, given.earlier.first_try),
            self._share("repeats", now.repeats, old.repeats),
            self._share("connected", people.connected, was.connected, least=terms.connected, **told),
            self._share("lost", people.lost, was.lost, most=terms.lost),
            self._share("punctual", given.requests.punctual, given.earlier.requests.punctual, least=1.0),
            Tile("length", self("tile_length"), length(now.average), length(old.average)),
        )

    def _share(
        self,
        name: str,
        value: float | None,
        before: float | None,
        *,
        least: float | None = None,
        most: float | None = None,
        **facts: object,
    ) -> Tile:
        target, state = "", ""
        if least is not None:
            target = self("at_least" if least < 1 else "exactly", target=self.percent(least))
            state = "" if value is None else "ok" if value >= least else "danger"
        elif most is not None:
            target = self("at_most", target=self.percent(most))
            state = "" if value is None else "ok" if value <= most else "danger"
        return Tile(
            name, self(f"tile_{name}", **facts), self.percent(value, 1), self.percent(before, 1), target, state
        )

    def figure(self, value: float | None, places: int = 0) -> str:
        """A number as this language writes it."""
        return self.tongue.number(value, places)

    def percent(self, share: float | None, places: int = 0) -> str:
        """A share as this language writes it."""
        return self.tongue.percent(share, places)

    def money(self, kopiykas: int) -> str:
        """Hryvnias as this language writes them."""
        return self.tongue.money(kopiykas)

    def _known(self, key: str, name: str) -> str:
        return self.tongue(key) if self.tongue.knows(key) else name.replace("_", " ")


def length(seconds: float | None) -> str:
    """83.2 -> 1:23."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"
