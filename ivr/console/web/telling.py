"""Events of a call as rows that people read, and lanes in which they are drawn.

Rules: every row says what happened in words of the reader's language (`story.<kind>_<label>`, `replay.kind_<kind>`);
the list of rows is the page, and the drawn time line repeats it.  What the store was given and answered is said in
the same words (`story.fact_<fact>`, `story.value_<fact>_<value>`; a test goes through every type of the domain),
days, times and telephones as everywhere on our pages.  Words that nobody has translated are shown as they stand in
the code, never left out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

from domain.model import Outcome
from domain.tallies import NOTHING
from ivr.console.web import shapes
from ivr.console.web.words import Tongue
from ivr.story import Event

LANES: Final = ("prompt", "caller", "signal", "step", "deed", "mark")
"""From top to bottom."""

LANE: Final[Mapping[str, str]] = {
    "prompt": "prompt",
    "key": "caller", "said": "caller", "told": "caller",
    "silence": "signal", "barge_in": "signal", "noinput": "signal", "nomatch": "signal", "deaf": "signal",
    "fault": "signal",
    "step": "step",
    "deed": "deed", "lookup": "deed", "handed_over": "deed", "returned": "deed", "hung_up": "deed", "ended": "deed",
    "doubt": "mark", "note": "mark", "score": "mark",
}  # fmt: skip

LOOK: Final[Mapping[Outcome, str]] = {
    Outcome.OUTAGE_REPORTED: "ok", Outcome.REQUEST_REGISTERED: "ok", Outcome.ORDER_PLACED: "ok",
    Outcome.READING_TAKEN: "ok", Outcome.CALLBACK_ORDERED: "ok", Outcome.INFORMED: "ok", Outcome.TRANSFERRED: "ok",
    Outcome.DRAFT_KEPT: "warn", Outcome.READING_PARTIAL: "warn", Outcome.NO_AGENT: "warn", Outcome.ABANDONED: "warn",
    Outcome.FAILED: "danger", Outcome.DIVERGED: "danger", Outcome.LOST: "danger",
}  # fmt: skip
"""Of an outcome's badge."""

UNTOLD: Final = frozenset({"zones_left", "energy", "multiplier", "silent"})
"""Facts of a deed that tell nothing to whoever looks at one call."""

_DAY: Final = re.compile(r"20\d\d-\d\d-\d\d")
_MOMENT: Final = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d\S*")
_PHONE: Final = re.compile(r"\+380\d{9}")
_OWN_WORDS: Final = re.compile(r"\.\.\. \((\d+) s\)")
"""In the place of what the caller told, where a prompt plays it back."""
_CORRECTED: Final = "corrected to "
_OTHER: Final = (("it is of meter ", "meter"), ("it is ", "zone"))

MINOR: Final = frozenset({"lookup", "silence", "step"})
"""Kinds that are left out where only the conversation is wanted."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the caller's, or a key.  at, until: seconds.  sure: 0 to 1, or None."""

    text: str
    at: float
    until: float
    sure: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """What a line of the list says.

    at, until: seconds of the recording.  title: what it is; text: what was said, keyed or written.
    short: what stands on the drawn time line.  words: of speech, or keys, each at its time.  sure: of speech, 0 to 1.
    """

    at: float
    until: float | None
    kind: str
    lane: str
    title: str
    text: str
    short: str
    words: Sequence[Word] = ()
    sure: float | None = None
    also: Sequence[str] = ()

    @property
    def minor(self) -> bool:
        """Whether the conversation can be followed without it."""
        return self.kind in MINOR


def rows(events: Sequence[Event], t: Tongue) -> list[Row]:
    """Every event, in order; keys between which nothing else happened are one row, each at its time."""
    found: list[Row] = []
    for kind, run in groupby(events, lambda event: event.kind):
        together = list(run)
        if kind == "key":
            found.append(_keys(together, t))
            continue
        for event in together:
            if kind == "told":  # a question like others, that is answered at length
                found.append(_step_of(event, t))
            found.append(_row(event, t))
    return found


def _step_of(told: Event, t: Tongue) -> Row:
    name = named(told, t)
    return Row(told.at, told.until, "step", LANE["step"], t("replay.kind_step"), name, name)


def _keys(keys: Sequence[Event], t: Tongue) -> Row:
    first, last = keys[0].at, keys[-1].at
    text = "".join(key.label for key in keys)
    return Row(
        first, last, "key", LANE["key"], t("replay.kind_key" if len(keys) == 1 else "replay.kind_keys"), text, text,
        [Word(key.label, key.at, key.at, None) for key in keys],
    )  # fmt: skip


def _row(event: Event, t: Tongue) -> Row:
    title = t(f"replay.kind_{event.kind}") if t.knows(f"replay.kind_{event.kind}") else event.kind
    name = named(event, t)
    text, short, also = event.text, event.text, []
    match event.kind:
        case "prompt":
            if after := event.facts.get("after"):
                also.append(_among(t, "after", after))
            if attempt := _again(event):
                also.append(t("replay.attempt", n=attempt))
            if not text:  # a sound without words
                text = short = name
            text = _OWN_WORDS.sub(lambda found: t("replay.own_words", seconds=found[1]), text)
            short = text
        case "said":
            also = [t("replay.or", text=said) for said, _ in (event.facts.get("alternatives") or ())[1:3]]
            if not event.text:
                text, short = t("replay.noise"), ""
        case "step":
            text, short = name, name
            if event.text:
                also.append(t("replay.heard", text=event.text))
            if why := event.facts.get("interruption"):
                also.append(_among(t, "interruption", why))
        case "noinput" | "nomatch":
            text, short = name, title
            also = [t("replay.attempt", n=event.facts.get("attempt", 1))]
        case "silence":
            text = t("replay.lasts", seconds=round((event.until or event.at) - event.at))
            short = ""
        case "doubt":
            text, short = name, name
            if event.text:
                also.append(_known(t, f"story.step_{event.text}", event.text))
        case "barge_in":
            text, short = name, ""
        case "told":
            text = short = name
            if event.text and not event.facts.get("each"):
                also.append(event.text)
        case _:
            text = short = name
            if event.text:
                also.append(_because(t, event.text))
            also += _facts(event, t)
    sure = event.facts.get("confidence")
    return Row(
        event.at, event.until, event.kind, LANE.get(event.kind, "signal"), title, text, short,
        [Word(str(word), at, until, sure) for word, at, until, sure in event.facts.get("each") or ()],
        sure, also,
    )  # fmt: skip


def named(event: Event, t: Tongue) -> str:
    """What is spoken of: a question, a deed, an outcome."""
    if not event.label:
        return ""
    if event.kind in ("noinput", "nomatch", "told"):
        return _known(t, f"story.step_{event.label}", event.label)
    if event.kind == "lookup":
        return _known(t, f"story.deed_{event.label}", event.label)
    if event.kind == "ended":
        return outcome(event.label, t)
    return _known(t, f"story.{event.kind}_{event.label}", event.label)


def outcome(name: str, t: Tongue) -> str:
    """How a call ended."""
    return _known(t, f"calls.outcome_{name}", name)


def about(matter: str, kind: str | None, topic: str | None, t: Tongue) -> str:
    """What a call was about: "Readings", "Complaint: billing", or both where a request was made besides.

    matter: as figures count it.  kind, topic: of the request that was made in it."""
    named = _known(t, f"analytics.matter_{matter}", matter)
    if kind is not None and topic is not None:
        request = f"{t(f'requests.kind_{kind}')}: {t(f'requests.topic_{topic}').lower()}"
        if matter in ("complaint", NOTHING):
            return request
        named = f"{named}; {request.lower()}"
    return named[:1].upper() + named[1:]


def matter(name: str, t: Tongue) -> str:
    """A matter, or the topic of a request, as something to look for."""
    for key in (f"analytics.matter_{name}", f"requests.topic_{name}"):
        if t.knows(key):
            return t(key)[:1].upper() + t(key)[1:]
    return name.replace("_", " ")


def flow(name: str, t: Tongue) -> str:
    """The name of a conversation."""
    return _known(t, f"calls.flow_{name}", name)


def spot(name: str, t: Tongue) -> str:
    """Where a call is: a question, or something that is being done."""
    for kind in ("step", "deed"):
        if t.knows(f"story.{kind}_{name}"):
            return t(f"story.{kind}_{name}")
    return name.replace("_", " ")


def part(name: str, t: Tongue) -> str:
    """A part of a conversation."""
    return _known(t, f"story.part_{name}", flow(name, t))


def _known(t: Tongue, key: str, otherwise: str) -> str:
    return t(key) if t.knows(key) else otherwise.replace("_", " ")


def _among(t: Tongue, kind: str, name: Any) -> str:
    return _known(t, f"replay.{kind}_{str(name).replace(' ', '_')}", str(name))


def _because(t: Tongue, why: str) -> str:
    """Why it ended: a word of ours, or what somebody wrote."""
    for key in (f"story.hung_up_{why}", *(f"{of}_{why.replace(' ', '_')}" for of in _REASONS)):
        if t.knows(key):
            return t(key)
    return why


_REASONS: Final = ("replay.interruption", "story.because")


def _again(event: Event) -> int:
    attempt = event.facts.get("attempt")
    return attempt if isinstance(attempt, int) and attempt > 1 else 0


def _facts(event: Event, t: Tongue) -> list[str]:
    words: Mapping[str, Any] = event.facts.get("words") or {}
    return [
        f"{_known(t, f'story.fact_{key}', key)}: {valued(key, value, t)}"
        for key, value in words.items()
        if value not in ("", None) and key not in UNTOLD
    ]


def valued(fact: str, value: Any, t: Tongue) -> str:
    """A fact's value in words.  What was hidden before (`masked`) stays as it is."""
    if isinstance(value, bool):
        return t("story.value_yes" if value else "story.value_no")
    text = str(value)
    if t.knows(key := f"story.value_{fact}_{text}"):
        return t(key)
    if fact == "said":
        return _stood_by(text, t)
    if fact == "about":
        return _because(t, text)
    if _PHONE.fullmatch(text):
        return shapes.telephone(text)
    if fact == "period" and _DAY.fullmatch(text):
        return f"{text[5:7]}.{text[:4]}"
    try:
        if _DAY.fullmatch(text):
            return shapes.day(date.fromisoformat(text), t)
        if _MOMENT.fullmatch(text):
            return shapes.moment(datetime.fromisoformat(text), t)
    except ValueError:
        pass  # written like a day, and none
    return text


def _stood_by(said: str, t: Tongue) -> str:
    """What became of a doubt, from the words of the journal (`KeepDoubtful.said`)."""
    if said.endswith(": as keyed"):
        return t("story.value_said_as_keyed")
    if said.startswith(_CORRECTED):
        return t("story.value_said_corrected", value=said.removeprefix(_CORRECTED))
    for begins, fact in _OTHER:
        if said.startswith(begins):
            which = valued(fact, said.removeprefix(begins), t)
            return f"{_known(t, f'story.fact_{fact}', fact)}: {which}"
    return _known(t, f"story.value_said_{said.replace(' ', '_')}", said)
