"""What counts of a call, told from its story (`ivr.story`): for the figures (`domain.tallies`).

Rules
1. A place is a visit of the story, a question is a visit that a step or something told answers; what happened between
   the beginning and the end of a question is its own.
2. The matter is the first part of the conversation that has one.
3. Who was served left nowhere.  Who was not, left at the last question before people were asked for, if they gave it
   up or answered it by asking for people; at the question at which the line went dead; else at the last thing that
   was said to them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from domain.analytics import CONTAINED
from domain.commands import AskPeople
from domain.model import Outcome
from domain.plays import Play
from domain.tallies import NOTHING, By, Left, Step, Tally
from ivr.dialog.followed import BACK, END
from ivr.dialog.turns import GaveUp, HungUp, WantsAgent
from ivr.story import Event, Story, Visit

MATTERS: Final = ("meter_reading", "outage", "complaint", "service_order", "statement", "status", "hours")
"""Parts of conversations that callers call for."""
SILENT: Final = ("speak", "record")
"""Turns in which the caller hears nothing."""
CUT: Final[Mapping[str, str]] = {"key": "by_key", "voice": "by_voice"}
"""What stopped a prompt, by the sum that it is counted in."""
PEOPLE: Final = AskPeople.__name__
"""The deed that comes before people, or a call back, are offered."""
_LEFT: Final = {GaveUp.name: Left.GAVE_UP, WantsAgent.name: Left.PEOPLE}


def tally_of(story: Story) -> Tally:
    """What counts of this call."""
    asked = list(_questions(story))
    steps = [
        Step(visit.part, visit.spot) if event is None else _question(story, visit, event)
        for visit, event in zip(story.visits, asked, strict=True)
    ]
    sent = _was_sent(story)
    if (place := _left_at(story, asked, sent)) is not None:
        where, how = place
        one = steps[where]
        steps[where] = Step(
            one.part, one.spot, one.answered_by, one.tries, one.noinput, one.nomatch, one.barge_in, how
        )
    return Tally(matter_of(story), story.language, sent, tuple(story.accounts), steps, plays_of(story))


def plays_of(story: Story) -> list[Play]:
    """What the caller heard: each prompt in each language once, in that order."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in story.events:
        if one.kind != "prompt" or not one.label:
            continue
        language = str(one.facts.get("language", story.language))
        own = found[one.label, language]
        own["plays"] += 1
        if (by := one.facts.get("by")) in CUT:
            own[CUT[by]] += 1
        before = str(one.facts.get("after") or "")
        if before not in ("", one.label):  # some are said alone, and are the prompt itself
            found[before, language]["before"] += 1
    return [Play(*key, **sums) for key, sums in sorted(found.items())]


def _questions(story: Story) -> Iterator[Event | None]:
    """Of each visit the step that it was, where it was a question."""
    steps = [event for event in story.events if event.kind in ("step", "told")]
    steps.sort(key=lambda event: event.facts.get("seq", 0))
    following = 0
    for visit in story.visits:
        event = steps[following] if following < len(steps) else None
        if event is not None and (event.facts.get("part"), event.label) == (visit.part, visit.spot):
            following += 1
            yield event
        else:
            yield None


def _question(story: Story, visit: Visit, event: Event) -> Step:
    until = event.until if event.until is not None else visit.at
    within = [one for one in story.events if visit.at <= one.at <= until]
    noinput, nomatch = (
        sum(one.kind == kind and one.label == visit.spot for one in within) for kind in ("noinput", "nomatch")
    )
    interruption = event.facts.get("interruption")
    answered = event.kind == "told" or (bool(event.text) and not interruption)
    by = None
    if answered:
        by = By.SPEECH if event.kind == "told" or "confidence" in event.facts else By.KEYS
    gave_up = interruption == GaveUp.name
    tries = max(noinput + nomatch + (not gave_up), 1) if story.fully else None
    barge_in = any(one.kind == "barge_in" and one.facts.get("prompt") == visit.spot for one in within)
    return Step(visit.part, visit.spot, by, tries, noinput, nomatch, barge_in)


def _was_sent(story: Story) -> bool:
    to_people = (Outcome.TRANSFERRED, Outcome.NO_AGENT)
    return story.call.outcome in to_people or any(one.kind in ("handed_over", "returned") for one in story.events)


def _left_at(story: Story, asked: Sequence[Event | None], sent: bool) -> tuple[int, Left] | None:
    """The visit at which the conversation was left, and how; None: it came to what the caller called for."""
    outcome = story.call.outcome
    if outcome is None or (outcome in CONTAINED and not sent):
        return None
    said = [n for n, visit in enumerate(story.visits) if _is_heard(visit)]
    if not said:
        return None
    if outcome in (Outcome.FAILED, Outcome.DIVERGED, Outcome.LOST):
        return said[-1], Left.FAULT
    interrupted = [str(event.facts.get("interruption", "")) if event else None for event in asked]
    if HungUp.name in interrupted or (not sent and outcome is not Outcome.CALLBACK_ORDERED):
        gone = interrupted.index(HungUp.name) if HungUp.name in interrupted else _last_heard(story, said)
        return gone, Left.HUNG_UP
    limit = next((n for n, visit in enumerate(story.visits) if visit.spot == PEOPLE), len(asked))
    last = max((n for n in range(limit) if asked[n] is not None), default=None)
    if last is not None and (how := _LEFT.get(interrupted[last] or "")):
        return last, how
    return max((n for n in said if n < limit), default=said[-1]), Left.PEOPLE


def _last_heard(story: Story, said: Sequence[int]) -> int:
    """Where they were when the line went dead: what the flow did afterwards was heard by nobody."""
    gone = next((one.at for one in story.events if one.kind == "hung_up"), None)
    before = [n for n in said if gone is None or story.visits[n].at < gone]
    return (before or said)[-1]


def _is_heard(visit: Visit) -> bool:
    """Whether it is something that callers hear: no deed (commands are classes), no ending, no way back."""
    return not (visit.spot.startswith((END, BACK)) or visit.spot[:1].isupper() or visit.spot in SILENT)


def matter_of(story: Story) -> str:
    """What the call was about: one of `MATTERS`, or `NOTHING`."""
    return next((name for visit in story.visits for name in (visit.part, visit.spot) if name in MATTERS), NOTHING)
