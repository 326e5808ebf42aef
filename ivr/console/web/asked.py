"""What somebody looks for among calls: one line that understands what is typed, and fields beside it.

Rules
1. Digits are an account (ten of them, not beginning with 0) or a caller's number (in any spelling, or its last four
   digits at least); `about:`, `flow:`, `outcome:`, `language:`, `dialled:`, `number:`, `account:`, `is:` filter, in
   any of the three languages; a word before a colon that names no filter is refused and not looked for as a word;
   everything else are words that were told or said.
2. All of it stands in the address, as it was typed: a search can be sent as a link.
3. Line and fields are joined by "and"; of several values of one filter any will do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from domain.model import Language, Outcome, Topic
from domain.queries import BadQuery, Query
from domain.tables import RecordingState
from domain.tallies import NOTHING
from ivr.console.tallying import MATTERS
from ivr.console.web.given import within
from ivr.console.web.look import KYIV
from ivr.console.web.words import LANGUAGES, Tongue

E = TypeVar("E", bound=StrEnum)

FIELDS: Final = (
    "q",
    "since",
    "until",
    "about",
    "flow",
    "outcome",
    "language",
    "recording",
    "shortest",
    "longest",
    "is",
)
"""Names in the address, in the order in which they stand there."""

FACTS: Final = ("doubt", "gave_up", "transferred", "complaint", "scored", "noted", "told")
"""What a call is or is not: `is=doubt`, `is=-doubt`."""

FLOWS: Final = ("main_menu", "meter_reading", "complaint", "outage", "service_order", "bill", "status", "nobody_free")

ABOUT: Final = (*MATTERS, NOTHING, *(str(topic) for topic in Topic))
"""What a call may have been about: matters as figures count them, and topics of requests."""

NAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "about": {"uk": "про", "ru": "тема", "en": "about"},
    "flow": {"uk": "розмова", "ru": "разговор", "en": "flow"},
    "outcome": {"uk": "підсумок", "ru": "итог", "en": "outcome"},
    "language": {"uk": "мова", "ru": "язык", "en": "language"},
    "recording": {"uk": "запис", "ru": "запись", "en": "recording"},
    "dialled": {"uk": "набрано", "ru": "набрано", "en": "dialled"},
    "number": {"uk": "номер", "ru": "номер", "en": "number"},
    "account": {"uk": "рахунок", "ru": "счёт", "en": "account"},
    "is": {"uk": "є", "ru": "есть", "en": "is"},
    "since": {"uk": "від", "ru": "от", "en": "since"},
    "until": {"uk": "до", "ru": "до", "en": "until"},
}
"""Filters of the line as each language calls them."""
_NAMES: Final[Mapping[str, str]] = {
    **{named: name for name, several in NAMED.items() for named in several.values()},
    "о": "about", "об": "about", "lang": "language", "набран": "dialled", "счет": "account", "з": "since",
    "с": "since",
}  # fmt: skip
_DRESSING: Final = frozenset(" ()+-.\u2010\u2011\u2012\u2013\u2014\u00a0")


class UnknownFilter(BadQuery):
    """A word before a colon that names no filter.  name: that word."""

    def __init__(self, name: str) -> None:
        super().__init__("q", "filter")
        self.name = name


def filters(language: str) -> list[str]:
    """Names of the line's filters in this language."""
    return [several[language] for several in NAMED.values()]


@dataclass(frozen=True, slots=True)
class Asked:
    """typed: what stands in the address, by name; several values of one name are several.  query: what it means.

    fault: the name of the field that can't be understood, and a word why; then `query` is what can be.
    unknown: the filter that there is none of, where that is the fault.
    """

    typed: Mapping[str, Sequence[str]]
    query: Query
    fault: tuple[str, str] | None = None
    unknown: str = ""

    def one(self, name: str) -> str:
        """What stands in this field."""
        return next(iter(self.typed.get(name, ())), "")

    def last(self, name: str) -> str:
        """What a field shows that can show one."""
        return self.typed[name][-1] if self.typed.get(name) else ""

    def several(self, name: str) -> Sequence[str]:
        """What is chosen in this field."""
        return self.typed.get(name, ())

    @property
    def filtered(self) -> bool:
        """Whether more is asked than stands in the line."""
        return any(self.typed.get(name) for name in FIELDS if name != "q")

    def address(self, **more: str | None) -> str:
        """What stands after the question mark; more: other values, None for none."""
        pairs = [(name, value) for name in FIELDS for value in self.typed.get(name, ()) if name not in more]
        pairs += [(name, value) for name, value in more.items() if value is not None]
        return urlencode(pairs)

    def without(self, name: str, value: str) -> str:
        """The address of the same without this one value."""
        pairs = [(n, v) for n in FIELDS for v in self.typed.get(n, ()) if (n, v) != (name, value)]
        return urlencode(pairs)

    @property
    def chips(self) -> list[tuple[str, str]]:
        """Every filter beside the line."""
        return [(name, value) for name in FIELDS if name != "q" for value in self.typed.get(name, ())]


@dataclass
class _Found:
    number: str | None = None
    account: str | None = None
    words: list[str] = field(default_factory=list[str])
    sets: dict[str, set[Any]] = field(default_factory=dict[str, set[Any]])
    facts: dict[str, bool] = field(default_factory=dict[str, bool])
    since: datetime | None = None
    until: datetime | None = None


def asked(pairs: Iterable[tuple[str, str]]) -> Asked:
    """What an address asks for; pairs: name and value.  What it doesn't know in it is passed over."""
    typed: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in FIELDS and (value := value.strip()[:200]) and value not in typed.get(name, ()):
            typed.setdefault(name, []).append(value)
    found = _Found()
    fault: tuple[str, str] | None = None
    unknown = ""
    seconds: dict[str, int] = {}
    for name in FIELDS:
        for value in typed.get(name, ()):
            try:
                if name == "q":
                    _line(found, value)
                elif name in ("shortest", "longest"):
                    seconds[name] = _seconds(name, value)
                else:
                    _filter(found, name, value)
            except BadQuery as wrong:
                if fault is None and isinstance(wrong, UnknownFilter):
                    unknown = wrong.name
                fault = fault or (name, wrong.why)
    try:
        return Asked(typed, _query(found, seconds), fault, unknown)
    except BadQuery as wrong:
        where = {"number": "q", "account": "q", "words": "q"}.get(wrong.field, wrong.field)
        return Asked(typed, Query(), fault or (where, wrong.why), unknown)


def of_query(query: Query) -> list[tuple[str, str]]:
    """The fields that ask the same: for saved searches.  Inverse of `asked`."""
    line = [f"{name}:{value}" for name in ("number", "account") if (value := getattr(query, name))]
    line += [query.words] if query.words else []
    line += [f"dialled:{each}" for each in sorted(query.dialled)]
    pairs = [("q", " ".join(line))] if line else []
    if query.since:
        pairs.append(("since", query.since.astimezone(KYIV).date().isoformat()))
    if query.until:
        pairs.append(("until", (query.until.astimezone(KYIV) - timedelta(microseconds=1)).date().isoformat()))
    for name, values in (
        ("about", query.about), ("flow", query.flows), ("outcome", query.outcomes), ("language", query.languages),
        ("recording", query.recording),
    ):  # fmt: skip
        pairs += [(name, str(value)) for value in sorted(values)]
    pairs += [(name, str(value)) for name in ("shortest", "longest") if (value := getattr(query, name)) is not None]
    for fact in FACTS:
        if (value := getattr(query, fact)) is not None:
            pairs.append(("is", fact if value else f"-{fact}"))
    return pairs


# The line


def _line(found: _Found, line: str) -> None:
    """Raises BadQuery."""
    digits: list[str] = []
    for token in [*line.split(), ""]:
        if token and all(each.isdecimal() or each in _DRESSING for each in token) and any(map(str.isdecimal, token)):
            digits.append(token)
            continue
        if digits:
            _number(found, "".join(digits))
            digits = []
        name, colon, value = token.partition(":")
        if colon and value and name.casefold() in _NAMES:
            _filter(found, _NAMES[name.casefold()], value)
        elif colon and value and name.replace("_", "").isalpha() and not value.startswith("//"):
            raise UnknownFilter(name)
        elif token:
            found.words.append(token)


def _number(found: _Found, written: str) -> None:
    plain = "".join(filter(str.isdecimal, written))
    if len(plain) == 10 and plain.isascii() and not plain.startswith("0") and "+" not in written:
        found.account = plain
    else:
        found.number = written


def _filter(found: _Found, name: str, value: str) -> None:
    """Raises BadQuery."""
    match name:
        case "about":
            meant = _meant(name, value, ABOUT, "analytics.matter_", "requests.topic_")
            if meant is None:
                raise BadQuery(name, "unknown")
            found.sets.setdefault("about", set()).add(meant)
        case "flow":
            found.sets.setdefault("flows", set()).add(_meant(name, value, FLOWS, "calls.flow_") or value)
        case "outcome":
            found.sets.setdefault("outcomes", set()).add(_of(Outcome, name, value, "calls.outcome_"))
        case "language":
            found.sets.setdefault("languages", set()).add(_of(Language, name, value, "calls.language_"))
        case "recording":
            found.sets.setdefault("recording", set()).add(_of(RecordingState, name, value, "calls.recording_"))
        case "number":
            found.number = value
        case "account":
            found.account = value
        case "dialled":
            found.sets.setdefault("dialled", set()).add(value)
        case "is":
            fact = _meant(name, value.removeprefix("-"), FACTS, "calls.is_")
            if fact is None:
                raise BadQuery("is", "unknown")
            found.facts[fact] = not value.startswith("-")
        case "since":
            found.since = datetime.combine(_day(name, value), time(), KYIV)
        case _:
            found.until = datetime.combine(_day(name, value) + timedelta(days=1), time(), KYIV)


def _of(kind: type[E], name: str, value: str, words: str) -> E:
    meant = _meant(name, value, [str(each) for each in kind], words)
    if meant is None:
        raise BadQuery(name, "unknown")
    return kind(meant)


def _meant(name: str, value: str, values: Sequence[str], *words: str) -> str | None:
    """The one of these values that is named so, in the program or in one of the languages; `_` stands for a space.
    The beginning of a name is enough, else that of one of its words."""
    wanted = value.casefold().replace("_", " ")
    for each in values:
        if each.replace("_", " ") == wanted:
            return each
    for language in LANGUAGES:
        t = Tongue(language)
        named = [(each, t(of + each).casefold()) for of in words for each in values if t.knows(of + each)]
        for each, said in named:
            if said.startswith(wanted):
                return each
        for each, said in named:
            if f" {wanted}" in said:
                return each
    return None


def _day(name: str, value: str) -> date:
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return within(datetime.strptime(value, form).replace(tzinfo=KYIV).date())
        except ValueError:
            continue
    raise BadQuery(name, "day")


def _seconds(name: str, value: str) -> int:
    """Whole ones, or minutes and seconds: 90, 1:30."""
    minutes, colon, rest = value.partition(":")
    parts = (minutes, rest) if colon else ("0", minutes)
    if not all(each.isascii() and each.isdecimal() and len(each) < 7 for each in parts):
        raise BadQuery(name, "seconds")
    return int(parts[0]) * 60 + int(parts[1])


def _query(found: _Found, seconds: Mapping[str, int]) -> Query:
    """Raises BadQuery."""
    filters: dict[str, Any] = {name: frozenset(values) for name, values in found.sets.items()}
    filters |= found.facts | dict(seconds)
    words = " ".join(found.words) or None
    return Query(found.number, found.account, found.since, found.until, words=words, **filters)
