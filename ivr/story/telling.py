"""From the rows of the store to a story."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, Final

from domain.calls import CallRecord, Line
from domain.commands import Command
from domain.model import Told
from domain.moments import Kind, Moment, complete
from ivr.dialog import Ask, Back, Do, GaveUp, HungUp, Listen, Nomatch, Trouble, WantsAgent
from ivr.dialog.monologue import told as told_in
from ivr.story.model import SILENCE, Doubt, Event, Story, Visit
from ivr.story.retold import Conversation, Held, noted_in, retold

AT_ONCE: Final = 0.5
"""Seconds within which doubts are one."""
_ACCOUNT: Final = re.compile(r"\baccount='(\d{10})'")
_FOUND: Final = re.compile(r"^FindAccount\(number='(\d{10})'")
_DOUBTFUL: Final = "doubtful_"
_OF_INTERRUPTION: Final = {
    Back.name: Doubt.BACK,
    WantsAgent.name: Doubt.WANTS_AGENT,
    GaveUp.name: Doubt.GAVE_UP,
}


def story(record: CallRecord, lines: Sequence[Line], moments: Sequence[Moment] = ()) -> Story:
    """Of one call; lines, moments: all of its, in order."""
    clock = _Clock(record.began.at)
    parts = list(retold(record.began, lines, moments))
    events: list[Event] = []
    for number, part in enumerate(parts):
        events += _of_lines(part, clock)
        if number + 1 < len(parts):
            events += _given_away(part, parts[number + 1], clock)
    events += _without_optional(_of_moments(moments, clock), events)
    events += _repetitions(events)
    events += _end(record, parts[-1], events, clock)
    events.sort(key=lambda event: (event.at, _ORDER.get(event.kind, 0)))
    return Story(
        record,
        events,
        [Visit(one.part, one.spot, clock.of(one.at)) for part in parts for one in part.visited],
        _doubts(events),
        parts[0].flow,
        parts[-1].language,
        _accounts(record, lines, parts),
        next((part.diverged for part in parts if part.diverged), None),
        complete(moments) if record.ended_at is not None else bool(moments),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """Seconds of the recording."""

    began: datetime

    def of(self, at: datetime) -> float:
        return round((at - self.began).total_seconds(), 3)


# What the journal tells


def _of_lines(part: Conversation, clock: _Clock) -> Iterator[Event]:
    if part.marker is not None:
        yield Event(clock.of(part.marker.at), None, "returned", str(part.returned))
    asked = ""
    for one in part.turns:
        line = one.line
        facts: dict[str, Any] = {"seq": line.seq, "part": one.part}
        if line.interruption:
            facts["interruption"] = line.interruption
        at, until = clock.of(one.began), clock.of(line.at)
        if _is_deed(one):
            kind = "deed" if _writes(line.label) else "lookup"
            yield Event(at, until, kind, line.label, "", {**facts, "words": _words(one)})
        elif (span := _told(line.heard)) is not None:
            asked = ""
            yield Event(clock.of(span.began), clock.of(span.ended), "told", line.label, "", facts)
        elif _is_question(one):
            if line.confidence is not None:
                facts["confidence"] = line.confidence
            if _needs_no_answer(one):
                facts["optional"] = True
            yield Event(at, until, "step", line.label, line.heard or "", facts)
            if line.label.startswith(_DOUBTFUL):
                yield Event(at, None, "doubt", Doubt.DOUBTFUL.value, line.label)
            elif line.asked == asked:
                yield Event(at, None, "doubt", Doubt.REPEATED.value, line.label)
            asked = line.asked
        if line.interruption in _OF_INTERRUPTION and not _needs_no_answer(one):
            yield Event(until, None, "doubt", _OF_INTERRUPTION[line.interruption].value, line.label)
        if line.interruption == Trouble.name:
            yield Event(until, None, "fault", Trouble.name, line.label)


def _is_deed(one: Held) -> bool:
    return isinstance(one.turn, Do) if one.turn is not None else one.line.label in _COMMANDS


def _is_question(one: Held) -> bool:
    if one.turn is not None:
        return isinstance(one.turn, Ask | Listen)
    return one.line.heard is not None or one.line.interruption in _OF_INTERRUPTION


def _needs_no_answer(one: Held) -> bool:
    """Whether silence is an answer: somebody whose business is done says nothing more."""
    return (
        isinstance(one.turn, Ask | Listen)
        and one.turn.manner.tries == 1
        and one.line.interruption in (None, GaveUp.name)
    )


def _writes(label: str) -> bool:
    command = _COMMANDS.get(label)
    return command is not None and command.writes


def _told(heard: str | None) -> Told | None:
    if heard is None or "/" not in heard:
        return None
    try:
        return told_in(heard)
    except Nomatch:
        return None


def _words(one: Held) -> dict[str, str | int]:
    """What a command was given, and answered with: what is a word or a number of it."""
    found: dict[str, str | int] = {}
    if isinstance(one.turn, Do):
        found = _plain(one.turn.command)
    if one.answer is not None and is_dataclass(one.answer.result):
        return {**found, **_plain(one.answer.result)}
    try:
        result = json.loads(one.line.result or "null")
    except ValueError:
        return found
    return (
        {**found, **{k: v for k, v in result.items() if isinstance(v, str | int)}}
        if isinstance(result, dict)
        else found
    )


def _plain(value: Any) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for each in fields(value):
        match getattr(value, each.name):
            case str() | int() as word:
                found[each.name] = str(word) if isinstance(word, str) else word
            case date() as day:
                found[each.name] = day.isoformat()
            case _:
                pass
    return found


def _accounts(record: CallRecord, lines: Sequence[Line], parts: Sequence[Conversation]) -> Sequence[str]:
    found: dict[str, None] = {}
    for line in lines:
        match = _ACCOUNT.search(line.asked) or (_FOUND.match(line.asked) if line.result else None)
        if match is not None:
            found.setdefault(match[1])
    for notes_of in (*(part.noted for part in parts), noted_in(record.context)):
        if account := notes_of.get("account"):
            found.setdefault(account)
    return list(found)


# What the moments tell


def _of_moments(moments: Sequence[Moment], clock: _Clock) -> Iterator[Event]:
    """Prompts, keys, speech and what went wrong, and the silences between."""
    ends = _ends_of_prompts(moments, clock)
    busy: list[tuple[float, float]] = []
    voice: float | None = None  # since when the caller speaks
    prompt = ""
    for number, one in enumerate(moments):
        at, facts = clock.of(one.at), one.facts
        match one.kind:
            case Kind.PROMPT:
                prompt = str(facts.get("prompt", ""))
                until, by = ends[number]
                kept = {key: facts[key] for key in ("language", "attempt", "after", "question") if key in facts}
                yield Event(
                    at, until, "prompt", prompt, str(facts.get("text", "")), kept | ({"by": by} if by else {})
                )
                busy.append((at, until))
            case Kind.PLAYED:
                if facts.get("by"):
                    yield Event(at, None, "barge_in", str(facts["by"]), "", {"prompt": prompt})
                if facts.get("fault"):
                    yield Event(at, None, "fault", "unplayed", str(facts["fault"]))
            case Kind.KEY:
                yield Event(at, None, "key", str(facts.get("key", "")))
                busy.append((at, at))
            case Kind.VOICE:
                voice = at
            case Kind.PAUSE:
                busy.append((voice if voice is not None else at, at))
            case Kind.UTTERANCE:
                said = _said(facts, at, voice)
                busy.append((said.at, said.until or at))
                voice = None
                yield said
            case Kind.NOINPUT | Kind.NOMATCH:
                yield Event(
                    at, None, str(one.kind), str(facts.get("question", "")), "", {"attempt": facts.get("attempt", 1)}
                )
            case Kind.DEAF:
                yield Event(at, None, "deaf", "", str(facts.get("why", "")))
            case Kind.OVER:
                pass
            case Kind.OVERDUE | Kind.CUT:
                yield Event(at, None, "fault", str(one.kind))
            case Kind.GONE:
                yield Event(at, None, "hung_up", str(facts.get("cause", "")))
                busy.append((at, at))
            case _:
                busy.append((at, at))  # a conversation begins; or what only a later version knows
    yield from _silences(busy)


def _ends_of_prompts(moments: Sequence[Moment], clock: _Clock) -> dict[int, tuple[float, str | None]]:
    """By the prompt's place among the moments: when it was over, and what stopped it.  Who never said so is taken to
    have played as long as planned, or to the next prompt."""
    found: dict[int, tuple[float, str | None]] = {}
    playing: int | None = None
    for number, one in enumerate(moments):
        if playing is not None and one.kind in (Kind.PROMPT, Kind.PLAYED, Kind.FLOW, Kind.GONE):
            by = one.facts.get("by") if one.kind == Kind.PLAYED else None
            planned = found[playing][0]
            told = clock.of(one.at)
            found[playing] = (told if one.kind == Kind.PLAYED else min(told, planned), by)
            playing = None
        if one.kind == Kind.PROMPT:
            playing = number
            found[number] = (clock.of(one.at) + float(one.facts.get("seconds", 0.0)), None)
    return found


def _said(facts: Mapping[str, Any], at: float, voice: float | None) -> Event:
    """What was understood, each word at its time."""
    understood = facts.get("alternatives") or []
    began = voice if voice is not None else at
    if not understood:
        return Event(began, at, "said", "")
    best = understood[0]
    each = [[word, round(at + begin, 3), round(at + end, 3), sure] for word, begin, end, sure in best.get("each", ())]
    others = [[one["words"], one["confidence"]] for one in understood]
    told = {"confidence": best["confidence"], "each": each, "alternatives": others}
    first, last = (each[0][1], each[-1][2]) if each else (began, at)
    return Event(first, last, "said", "", best["words"], told)


def _silences(busy: Sequence[tuple[float, float]]) -> Iterator[Event]:
    last: float | None = None
    for began, ended in sorted(busy):
        if last is not None and began - last >= SILENCE:
            yield Event(round(last, 3), began, "silence", "")
        last = ended if last is None else max(last, ended)


# What follows from both


def _repetitions(events: Sequence[Event]) -> list[Event]:
    """Questions that were said again although nothing was amiss: the caller wanted it, or had made a noise."""
    steps = sorted((event for event in events if event.kind == "step"), key=lambda event: event.at)
    found: list[Event] = []
    asked = [event for event in events if event.kind == "prompt" and event.facts.get("question")]
    for step in steps:
        until = step.until if step.until is not None else step.at
        said = [one for one in asked if one.facts["question"] == step.label and step.at <= one.at <= until]
        again = (one for one in said[1:] if not one.facts.get("after") and one.label == step.label)
        found += [Event(one.at, None, "doubt", Doubt.REPEATED.value, step.label) for one in again]
    return found


def _without_optional(heard: Iterator[Event], told: Sequence[Event]) -> list[Event]:
    """Who says nothing where nothing need be said has missed nothing."""
    optional = [one for one in told if one.kind == "step" and one.facts.get("optional")]

    def missed(event: Event) -> bool:
        return event.kind == "noinput" and any(
            one.label == event.label and one.at <= event.at <= (one.until or one.at) for one in optional
        )

    return [event for event in heard if not missed(event)]


def _given_away(part: Conversation, following: Conversation, clock: _Clock) -> Iterator[Event]:
    """Before they gave it back, people had got the call."""
    assert following.marker is not None
    at = part.turns[-1].line.at if part.turns else following.marker.at
    to, because = (part.sent.to or "", part.sent.because) if part.sent else ("", "")
    yield Event(clock.of(at), None, "handed_over", to, because)


def _end(record: CallRecord, part: Conversation, events: Sequence[Event], clock: _Clock) -> Iterator[Event]:
    left = any(event.kind == "hung_up" for event in events)
    gone = next((one.line for one in part.turns if one.line.interruption == HungUp.name), None)
    if gone is not None and not left:
        yield Event(clock.of(gone.at), None, "hung_up", record.because or "")
    if record.ended_at is None or record.outcome is None:
        return
    at = clock.of(record.ended_at)
    if record.to is not None and gone is None and not left:
        yield Event(at, None, "handed_over", record.to, record.because or "")
    yield Event(at, None, "ended", str(record.outcome), record.because or "")


def _doubts(events: Sequence[Event]) -> list[float]:
    found: list[float] = []
    for event in events:
        if event.kind in ("doubt", "noinput", "nomatch") and (not found or event.at - found[-1] > AT_ONCE):
            found.append(event.at)
    return found


_ORDER: Final = {
    kind: number
    for number, kind in enumerate((
        "key", "said", "barge_in", "noinput", "nomatch", "doubt", "fault", "deaf", "hung_up", "lookup", "deed",
        "handed_over", "returned", "step", "prompt", "told", "silence", "ended",
    ))
}  # fmt: skip
"""Of what has the same time: what led to something comes before it."""
_COMMANDS: Final = {command.__name__: command for command in Command.__subclasses__()}
