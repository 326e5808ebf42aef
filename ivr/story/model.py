"""What a story is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from domain.calls import CallRecord

SILENCE: Final = 3.0
"""Seconds of it that are told."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something on the time line.

    at, until: seconds from the beginning of the recording; until: None for what has no length, or an unknown one.
    kind:
      prompt       we said something.  label: its name; text: as it was spoken; facts: language, attempt, after (what
                   was said before it: noinput, nomatch ...), question, by (key or voice, where it was stopped)
      key          label: the key
      said         the caller was understood.  text: the words; facts: confidence, each ([word, at, until,
                   confidence]), alternatives ([words, confidence]); text "" where it was noise
      step         a question, from when the flow came to it until it was answered.  label: its name; text: what was
                   heard, unparsed; facts: part, seq, confidence, interruption (what happened instead), optional
                   (silence is an answer)
      deed         the store was written.  label: the command; facts: seq, words, interruption ("trouble")
      lookup       the store was asked: the same
      told         the caller told something in their own words.  label: the question
      silence      nobody spoke or keyed for `SILENCE` seconds or more
      barge_in     the caller stopped a prompt.  label: key or voice; facts: prompt
      noinput      nothing was answered.  label: the question; facts: attempt
      nomatch      what was answered is no answer: the same
      doubt        something went less than smoothly.  label: a `Doubt`; text: the question
      deaf         speech was lost.  text: why
      fault        something else went wrong.  label: overdue, unplayed, trouble, cut
      handed_over  to people.  label: whom; text: why
      returned     they did not answer.  label: for which time
      hung_up      the caller, or the line.  label: the cause
      ended        the outcome was written down.  label: the outcome; text: why
    """

    at: float
    until: float | None
    kind: str
    label: str
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Doubt(Enum):
    """What makes a moment worth a second look."""

    DOUBTFUL = "doubtful"  # a value was asked about
    REPEATED = "repeated"  # a question was put again: nothing, or no answer, came; or the caller wanted it again
    BACK = "back"  # `*`
    WANTS_AGENT = "wants_agent"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Visit:
    """The call was at a spot of a map.  part: whose map; spot: its name there; at: seconds of the recording."""

    part: str
    spot: str
    at: float


@dataclass(frozen=True, slots=True)
class Story:
    """A call from its beginning to its end, or to where it is now.

    events: by time.  visits: in order.  doubts: when something was doubtful, in seconds, ascending.
    flow: the name of the conversation that the call began with, of `FLOWS`; language: ISO 639-1, the last one spoken;
    accounts: that it was about, in order of their first mention.
    diverged: why the journal can't be followed by the flow of today to its end; None when it can.
    """

    call: CallRecord
    events: Sequence[Event]
    visits: Sequence[Visit]
    doubts: Sequence[float]
    flow: str
    language: str
    accounts: Sequence[str]
    diverged: str | None = None
    fully: bool = True
    """Whether there are moments (prompts, keys and voices with their times) to the end of the call, or until now."""
