"""What happened in a call, for who may not see personal data.

Rules: the same as of transcripts (`domain.masking`, decision 101): numbers of four digits or more, names, places and
mailboxes are hidden wherever they are told, said, keyed or written; in doubt they are hidden.  Times stay true.

Theory of keys: each key is an event of its own and tells nothing; a number is a run of them.  So digits are hidden by
runs: those that were keyed for one question, and those that follow each other without a pause (type-ahead runs over
the border of two questions).  From four digits on all of a run are hidden.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from domain.masking import HIDDEN, LONG, masked, masked_text
from domain.trail import Entry
from ivr.story import Event

PAUSE: Final = 4.0
"""Seconds between two keys of one number, at most: the longest time between two digits (`Manner`)."""

_DIGITS: Final = re.compile(r"\d")
_INSTANT: Final = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?)?", re.ASCII)
_CALM: Final = frozenset({"language", "attempt", "seq", "part", "confidence", "by", "question", "prompt", "after"})
"""Facts that are our own words and numbers, never a caller's."""
_WORDS: Final = frozenset({"each", "alternatives"})
_OURS: Final = frozenset(
    {
        "address", "after", "announcement", "because", "before", "changed", "count", "fault", "form", "format",
        "issuer", "list", "masked", "name", "needs", "note", "over", "recorded", "region", "role", "row", "rows",
        "sealed", "session", "sessions", "temporary", "to", "total", "undone", "until", "version", "way", "why",
    }
)  # fmt: skip
"""Details of the trail that are about the staff and the program, never about a customer."""
_SHORTEST: Final = 9
"""Digits of a telephone number, at least; an account has ten."""


def hidden(events: Sequence[Event]) -> list[Event]:
    """The same events at the same times, with `HIDDEN` in place of what is personal."""
    keyed = _keyed(events)
    return [_hidden(event, n in keyed) for n, event in enumerate(events)]


def hidden_text(text: str) -> str:
    """A text of ours or the caller's; keys that were written down as they came ("1000000018#") are hidden, too."""
    if _INSTANT.fullmatch(text):
        return text
    if len(_DIGITS.findall(text)) >= LONG and re.fullmatch(r"[\d*#\s+-]+", text):
        return HIDDEN
    return masked_text(text)


def names_customer(text: str) -> bool:
    """Whether it is written like an account or a telephone number."""
    return len(_DIGITS.findall(text)) >= _SHORTEST and re.fullmatch(r"[\d\s()+-]+", text) is not None


def hidden_entry(row: Entry) -> Entry:
    """A row of the trail.  One in which something is hidden comes without its hash: out of a hash and all the rest of
    a row an account of ten digits is soon found by trying."""
    of = HIDDEN if row.of and (row.what.startswith("account.") or names_customer(row.of)) else row.of
    reason = None if row.reason is None else hidden_text(row.reason)
    details = {name: value if name in _OURS else _fact(value) for name, value in row.details.items()}
    same = (of, reason, details) == (row.of, row.reason, dict(row.details))
    return row if same else replace(row, of=of, reason=reason, details=details, hash="")


def _hidden(event: Event, number: bool) -> Event:
    label = HIDDEN[0] if number else event.label
    facts = {key: fact if key in _CALM | _WORDS else _fact(fact) for key, fact in event.facts.items()}
    if "each" in facts:
        return _said(event, facts)
    return replace(event, label=label, text=hidden_text(event.text), facts=facts)


def _said(event: Event, facts: dict[str, Any]) -> Event:
    """Words keep their times.  What was heard for each of several meanings is hidden like the best one."""
    each: Sequence[Sequence[Any]] = facts["each"]
    shown = masked([str(word) for word, *_ in each])
    facts["each"] = [[word, *rest] for word, (_, *rest) in zip(shown, each, strict=True)]
    if "alternatives" in facts:
        facts["alternatives"] = [[masked_text(str(text)), sure] for text, sure in facts["alternatives"]]
    return replace(event, text=masked_text(event.text), facts=facts)


def _fact(fact: Any) -> Any:
    """Numbers too: a value of four digits tells as much as its words."""
    if isinstance(fact, bool) or fact is None:
        return fact
    if isinstance(fact, int):
        return HIDDEN if abs(fact) >= 10 ** (LONG - 1) else fact
    if isinstance(fact, str):
        return hidden_text(fact)
    if isinstance(fact, Mapping):
        return {key: _fact(one) for key, one in fact.items()}
    if isinstance(fact, Sequence):
        return [_fact(one) for one in fact]
    return fact


def _keyed(events: Sequence[Event]) -> set[int]:
    """Places of the keys that belong to a long number."""
    keys = [(n, event.at) for n, event in enumerate(events) if event.kind == "key" and event.label.isdigit()]
    found: set[int] = set()
    run: list[tuple[int, float]] = []
    for key in [*keys, None]:
        if key is not None and (not run or key[1] - run[-1][1] <= PAUSE):
            run.append(key)
            continue
        if len(run) >= LONG:
            found.update(n for n, _ in run)
        run = [key] if key is not None else []
    for step in (event for event in events if event.kind == "step"):
        until = step.until if step.until is not None else float("inf")
        here = [n for n, at in keys if step.at <= at <= until]
        if len(here) >= LONG or len(_DIGITS.findall(step.text)) >= LONG:
            found.update(here)
    return _spread(keys, found)


def _spread(keys: Sequence[tuple[int, float]], found: set[int]) -> set[int]:
    """With the keys that touch a hidden one without a pause: they may be of the same number."""
    for order in (keys, keys[::-1]):
        before: tuple[int, float] | None = None
        for key in order:
            if before is not None and before[0] in found and abs(key[1] - before[1]) <= PAUSE:
                found.add(key[0])
            before = key
    return found
