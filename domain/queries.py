"""What a supervisor looks for among calls, as a value.

Rules: filters are joined by "and"; of several values of one filter any will do; what isn't asked for doesn't matter.
A query goes into a link and into a saved search as it was asked (`written`, `read`): names of filters are stable, an
unknown one is refused and not passed over, so that a link never finds more than it says.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from domain.model import Language, Outcome
from domain.phone import e164
from domain.tables import RecordingState
from domain.topics import plain

SHORTEST_TAIL: Final = 4
"""Digits of a number that are enough to look for it: fewer are the end of too many numbers to be of use."""

MOST_WORDS: Final = 8
"""Words in one query: a bound on its time."""


class BadQuery(ValueError):
    """It can't be looked for like this.  field: of `Query`; why: a word for the reason, of which the console makes a
    sentence: "number" (neither a number nor 4 last digits), "account", "words" (none of letters), "many" (more than
    `MOST_WORDS`), "order" (ends before it begins), "zone" (no time zone), "unknown"."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


class PersonalQuery(PermissionError):
    """Only who may see personal data may look for a number or an account: who may not would find it out by trying."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.  Raises BadQuery.

    number: of the caller, in full in any spelling, or its last digits (`SHORTEST_TAIL` at least).
    account: ten digits; of a call that was about it.  since, until: the call began then or later, and before;
    parts of a second are cut off.
    flows: the call was in one of these (`Found.flows`).  about: its matter, or the topic of a request that was made
    in it, is one of these.  words: all of them were told, said or noted, in any form, in any order.
    shortest, longest: whole seconds, both included.  complaint: one was registered or drafted in the call.
    recording: what became of it.  doubt, gave_up, transferred, complaint, scored, noted, told: True or False where it
    matters; told: something was told in own words and written down.
    """

    number: str | None = None
    account: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    flows: frozenset[str] = frozenset()
    about: frozenset[str] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()
    languages: frozenset[Language] = frozenset()
    dialled: frozenset[str] = frozenset()
    words: str | None = None
    shortest: int | None = None
    longest: int | None = None
    doubt: bool | None = None
    gave_up: bool | None = None
    transferred: bool | None = None
    complaint: bool | None = None
    scored: bool | None = None
    noted: bool | None = None
    told: bool | None = None
    recording: frozenset[RecordingState] = frozenset()

    def __post_init__(self) -> None:
        if self.number is not None and not (e164(self.number) or len(_digits(self.number)) >= SHORTEST_TAIL):
            raise BadQuery("number", "number")
        if self.account is not None and not re.fullmatch(r"[0-9]{10}", self.account):
            raise BadQuery("account", "account")
        if self.words is not None and not self.said:
            raise BadQuery("words", "words")
        if len(self.said) > MOST_WORDS:
            raise BadQuery("words", "many")
        for name in ("since", "until"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise BadQuery(name, "zone")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise BadQuery("until", "order")
        if self.shortest is not None and self.longest is not None and self.shortest > self.longest:
            raise BadQuery("longest", "order")

    @property
    def personal(self) -> bool:
        """Whether only who may see personal data may ask this."""
        return self.number is not None or self.account is not None

    @property
    def said(self) -> tuple[str, ...]:
        """The words, each alone (`topics.plain`)."""
        return tuple(dict.fromkeys(filter(None, map(plain, (self.words or "").split()))))

    @property
    def tail(self) -> str | None:
        """The digits by which the number ends, the last first; a full number's with "+" at the end."""
        if self.number is None:
            return None
        return (e164(self.number) or _digits(self.number))[::-1]


def written(query: Query) -> dict[str, Any]:
    """What JSON can hold of it; only what was asked for."""
    found: dict[str, Any] = {}
    for each in fields(Query):
        value = getattr(query, each.name)
        if value is None or value == frozenset():
            continue
        if isinstance(value, frozenset):
            found[each.name] = sorted(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        else:
            found[each.name] = value.isoformat() if isinstance(value, datetime) else value
    return found


def read(asked: Mapping[str, Any]) -> Query:
    """The query of what `written` wrote.  Raises BadQuery for anything else."""
    values: dict[str, Any] = {}
    for name, value in asked.items():
        try:
            values[name] = _READERS[name](value)
        except (KeyError, ValueError, TypeError) as fault:
            raise BadQuery(name, "unknown") from fault
    return Query(**values)


def _digits(number: str) -> str:
    return "".join(filter(str.isdecimal, number)) if number.isascii() else ""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _several(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    return [_text(each) for each in value]  # pyright: ignore[reportUnknownVariableType]


def _set(of: Callable[[str], Any]) -> Callable[[Any], frozenset[Any]]:
    return lambda value: frozenset(of(each) for each in _several(value))


def _instant(value: Any) -> datetime:
    return datetime.fromisoformat(_text(value))


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "number": _text,
    "account": _text,
    "words": _text,
    "since": _instant,
    "until": _instant,
    "flows": _set(str),
    "about": _set(str),
    "dialled": _set(str),
    "outcomes": _set(Outcome),
    "languages": _set(Language),
    "recording": _set(RecordingState),
    "shortest": _whole,
    "longest": _whole,
    "doubt": _truth,
    "gave_up": _truth,
    "transferred": _truth,
    "complaint": _truth,
    "scored": _truth,
    "noted": _truth,
    "told": _truth,
}
