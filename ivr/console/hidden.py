"""Where in a recording something personal is heard, for copies that leave the house.

Rules
1. What is hidden in the text of a call (`ivr.console.web.masked`) is hidden in its sound: one rule, so that neither
   gives away what the other hides.
2. A prompt that says something personal is hidden whole; a run of keys from before its first tone to after its last;
   words by their times.  The margins make up for what recordings are known to be off by (decisions 011, 097).
3. What nobody could look through is hidden whole: what a caller told where no trustworthy transcript is, what was
   heard and not understood, what was said with people, a question of which keys or words are missing.
4. Where nobody noted what was heard (a call from before moments were kept, a controller that died, a store that
   failed, too much at once), nothing is heard in the copy; so after moments that just stop.
5. What callers told is played back to them: that prompt is hidden, too.

What this can't do: a number that a caller says unasked, while nothing listens, is not known to be there.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from domain.masking import LONG
from domain.moments import Kind, Moment, complete
from domain.tables import TranscriptState
from domain.transcripts import Transcript, personal_times
from ivr.console.web.masked import hidden
from ivr.story import Event, Story
from recordings.masking import Span, merged

LEAD: Final = 1.0
"""Seconds before what is hidden: a recording may begin so much after its call (decision 097)."""
TAIL: Final = 0.5
"""Seconds after it."""
TONE: Final = 2.5
"""Seconds before a key ends in which its tone may have begun; keys are told when they end."""
WORD: Final = 0.3
"""Seconds round a word of a transcript."""
PLAYED_BACK: Final = "played_back"
UNHEARD: Final = "[unk]"
"""What recognisers write for a word that they don't know."""

_DIGIT: Final = re.compile(r"\d")


def spans(story: Story, moments: Sequence[Moment], written: Sequence[Transcript], seconds: float) -> list[Span]:
    """The parts to hide of the recording of this call, which lasts so long; apart from each other, in order.

    moments, written: of the same call; transcripts in clear.
    """
    began = story.call.began.at
    found = [
        *_events(story), *_told(story, written), *_with_people(story, seconds), *_unseen(moments, began, seconds),
    ]  # fmt: skip
    return merged([*found, *_unaccounted(story, found)], seconds)


def _events(story: Story) -> Iterator[Span]:
    """Prompts, keys and speech of which the text is hidden."""
    events = list(story.events)
    for event, shown in zip(events, hidden(events), strict=True):
        until = event.until if event.until is not None else event.at
        match event.kind:
            case "prompt" if event.label == PLAYED_BACK:
                yield Span(event.at - LEAD, until + TAIL, "what the caller told, played back")
            case "prompt" if event.text != shown.text:
                yield Span(event.at - LEAD, until + TAIL, "a prompt that says a number")
            case "key" if event.label != shown.label:
                yield Span(event.at - TONE, event.at + TAIL, "keys")
            case "said" if not event.text or UNHEARD in event.text:
                yield Span(event.at - LEAD, until + TAIL, "speech that was not understood")
            case "said" if event.text != shown.text or event.facts.get("alternatives") != shown.facts.get(
                "alternatives"
            ):
                yield Span(event.at - LEAD, until + TAIL, "speech")
            case _:
                pass


def _told(story: Story, written: Sequence[Transcript]) -> Iterator[Span]:
    """What the caller told in their own words."""
    began = story.call.began.at
    trusted: list[tuple[float, float]] = []
    for each in written:
        first = (each.told.began - began).total_seconds()
        if each.state is not TranscriptState.DONE:
            continue
        if each.remark is None:  # else the engine itself says that its words are worth little
            trusted.append((first, first + each.told.seconds))
        for start, end, what in personal_times(each.words):
            yield Span(first + start - LEAD - WORD, first + end + WORD, f"{what} told by the caller")
    for event in story.events:
        if event.kind != "told" or event.until is None:
            continue
        if not any(a <= event.at + 0.05 and event.until - 0.05 <= b for a, b in trusted):
            yield Span(event.at - LEAD, event.until + TAIL, "told by the caller, and not written down reliably")


def _with_people(story: Story, seconds: float) -> Iterator[Span]:
    """From where people got the call to where they gave it back, or to the end."""
    since: float | None = None
    for event in story.events:
        if event.kind == "handed_over":
            since = event.at if since is None else since
        elif event.kind == "returned" and since is not None:
            yield Span(since, event.at, "the conversation with people")
            since = None
    if since is not None:
        yield Span(since, max(seconds, since), "the conversation with people")


def _unseen(moments: Sequence[Moment], began: datetime, seconds: float) -> Iterator[Span]:
    """Where moments are missing: all of them, from a controller's death to what the next one says, after a cut; and
    speech that was never concluded."""
    if not moments:
        yield Span(0.0, seconds, "nobody noted what was heard")
    elif not complete(moments):
        last = (moments[-1].at - began).total_seconds()
        yield Span(last, max(seconds, last), "nobody noted what was heard")
    dark: float | None = None
    voice: float | None = None
    for before, one in zip([None, *moments], moments, strict=False):
        at = (one.at - began).total_seconds()
        if one.kind == Kind.CUT:
            yield Span(at, seconds, "nobody noted what was heard")
        elif one.kind == Kind.FLOW and one.facts.get("adopted"):
            dark = (before.at - began).total_seconds() if before else 0.0
        elif dark is not None and one.kind == Kind.PROMPT:
            yield Span(dark, at, "a controller died")
            dark = None
        if one.kind == Kind.VOICE:
            voice = at if voice is None else voice
        elif one.kind in (Kind.UTTERANCE, Kind.GONE, Kind.DEAF):
            if voice is not None and one.kind != Kind.UTTERANCE:
                yield Span(voice - LEAD, at + TAIL, "speech that was not understood")
            voice = None
    if dark is not None:
        yield Span(dark, seconds, "a controller died")
    if voice is not None:
        yield Span(voice - LEAD, seconds, "speech that was not understood")


def _unaccounted(story: Story, found: Sequence[Span]) -> Iterator[Span]:
    """Questions that were answered with a long number of which the moments don't show every key or word."""
    keys = [event.at for event in story.events if event.kind == "key" and event.label.isdigit()]
    for step in story.events:
        digits = len(_DIGIT.findall(step.text)) if step.kind == "step" else 0
        if step.kind != "step" or _same(step) or step.until is None:
            continue
        spoken = "confidence" in step.facts
        seen = sum(step.at <= at <= step.until and any(at in span for span in found) for at in keys)
        said = any(
            event.kind == "said" and step.at <= event.at <= step.until and any(event.at in span for span in found)
            for event in story.events
        )
        if not (said if spoken else seen >= digits):
            yield Span(step.at - LEAD, step.until + TAIL, "an answer of which keys or words are not known")


def _same(step: Event) -> bool:
    """Whether a question's answer is nothing that has to be hidden."""
    [shown] = hidden([step])
    return shown.text == step.text and len(_DIGIT.findall(step.text)) < LONG
