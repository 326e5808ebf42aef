"""What calls amount to: each counted once when it is over, and sums by day, so that a month is read in milliseconds.

Rules: the sums follow from the rows of single calls (`domain.tallies.recount` proves it); days and hours are Kyiv's
and those of the call's beginning; a call that goes on after it was counted is counted anew, never twice.
"""

from enum import StrEnum

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from domain.model import Outcome
from domain.tables.base import CLUSTERED, Id, Instant, metadata, words
from domain.tables.requests import where


class Left(StrEnum):
    """How somebody left a conversation that had not come to what they called for."""

    HUNG_UP = "hung_up"
    GAVE_UP = "gave_up"  # no usable answer after as many tries as the question has
    PEOPLE = "people"  # asked for them, or the conversation could not go on without
    FAULT = "fault"  # of ours


class By(StrEnum):
    """How a question was answered."""

    KEYS = "keys"
    SPEECH = "speech"


class Wait(StrEnum):
    """What a caller waits for."""

    ANSWER = "answer"  # that the hotline takes the call
    PEOPLE = "people"  # that somebody answers after a hand-over


class Waited(StrEnum):
    """How a wait ended."""

    ANSWERED = "answered"
    LEFT = "left"  # the caller hung up
    UNANSWERED = "unanswered"  # nobody did within the time that telephones ring


spots = Table(
    "spots",
    metadata,
    Column("id", Id, primary_key=True),
    Column("part", String(60), nullable=False),  # of a conversation, by its name on the map
    Column("spot", String(80), nullable=False),
    UniqueConstraint("part", "spot"),
)

counted_calls = Table(
    "counted_calls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("call", String(80), ForeignKey("calls.id"), nullable=False, unique=True),
    Column("day", Date, nullable=False),
    Column("hour", Integer, nullable=False),
    Column("matter", String(40), nullable=False),  # what it was about, by the part of the conversation; or "none"
    Column("language", String(2), nullable=False),
    Column("outcome", words(Outcome), nullable=False),
    Column("sent", Boolean, nullable=False),  # to people, whatever came of it
    Column("seconds", Integer, nullable=False),
    Column("known", Boolean, nullable=False),  # it can be told who called: a number, or an account
    Column("before", Id, ForeignKey("counted_calls.id")),  # the call that it repeats
    Index("ix_counted_calls_day", "day"),
    Index("ix_counted_calls_before", "before", **where("before IS NOT NULL")),
)

call_parties = Table(
    "call_parties",
    metadata,
    Column("party", String(24), primary_key=True),  # a caller's number, or an account's
    Column("at", Instant, primary_key=True),
    Column("counted", Id, ForeignKey("counted_calls.id"), primary_key=True),
    Index("ix_call_parties_counted", "counted"),
    **CLUSTERED,
)

counted_steps = Table(
    "counted_steps",
    metadata,
    Column("counted", Id, ForeignKey("counted_calls.id"), primary_key=True),
    Column("n", Integer, primary_key=True),  # in the order of the call
    Column("spot", Id, ForeignKey("spots.id"), nullable=False),
    Column("answered_by", words(By)),  # of a question; None: not answered
    Column("tries", Integer),  # prompts until it was over; None: no question, or nobody noted them
    Column("noinput", Integer, nullable=False),
    Column("nomatch", Integer, nullable=False),
    Column("barge_in", Boolean, nullable=False),
    Column("left", words(Left)),  # here the conversation was left
    Index("ix_counted_steps_missed", "spot", "counted", **where('tries > 1 OR "left" IS NOT NULL')),
    **CLUSTERED,
)

counted_plays = Table(
    "counted_plays",
    metadata,
    Column("counted", Id, ForeignKey("counted_calls.id"), primary_key=True),
    Column("prompt", String(60), primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("plays", Integer, nullable=False),  # times that it was played by itself
    Column("by_key", Integer, nullable=False),  # of them, cut off by a key
    Column("by_voice", Integer, nullable=False),
    Column("before", Integer, nullable=False),  # times that it was said first in the playing of another one
    **CLUSTERED,
)

call_days = Table(
    "call_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("matter", String(40), primary_key=True),
    Column("outcome", words(Outcome), primary_key=True),
    Column("sent", Boolean, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("repeated", Integer, nullable=False),
    **CLUSTERED,
)

call_hours = Table(
    "call_hours",
    metadata,
    Column("day", Date, primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    **CLUSTERED,
)

step_days = Table(
    "step_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("spot", Id, ForeignKey("spots.id"), primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("answered_by", String(8), primary_key=True),  # "": not answered
    Column("visits", Integer, nullable=False),
    Column("asked", Integer, nullable=False),  # questions that were answered, or missed at least once
    Column("first", Integer, nullable=False),  # answered at the first prompt
    Column("prompts", Integer, nullable=False),
    Column("noinput", Integer, nullable=False),
    Column("nomatch", Integer, nullable=False),
    Column("barge_in", Integer, nullable=False),
    Column("hung_up", Integer, nullable=False),
    Column("gave_up", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    Column("fault", Integer, nullable=False),
    **CLUSTERED,
)

play_days = Table(
    "play_days",
    metadata,
    Column("prompt", String(60), primary_key=True),
    Column("language", String(2), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("plays", Integer, nullable=False),
    Column("by_key", Integer, nullable=False),
    Column("by_voice", Integer, nullable=False),
    Column("before", Integer, nullable=False),
    **CLUSTERED,
)

repeat_days = Table(
    "repeat_days",
    metadata,
    Column("day", Date, primary_key=True),  # of the repeated call
    Column("matter", String(40), primary_key=True),
    Column("before_matter", String(40), primary_key=True),  # of the call before
    Column("before_outcome", words(Outcome), primary_key=True),
    Column("calls", Integer, nullable=False),
    **CLUSTERED,
)

waits = Table(
    "waits",
    metadata,
    Column("call", String(80), primary_key=True),  # the exchange's id: we may never have got it
    Column("kind", words(Wait), primary_key=True),
    Column("n", Integer, primary_key=True),  # a call may be handed over several times
    Column("began_at", Instant, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("ended", words(Waited), nullable=False),
    CheckConstraint("seconds >= 0", "seconds"),
    Index("ix_waits_began_at", "began_at"),
    **CLUSTERED,
)

wait_days = Table(
    "wait_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("kind", words(Wait), primary_key=True),
    Column("ended", words(Waited), primary_key=True),
    Column("seconds", Integer, primary_key=True),  # whole ones, rounded up; `domain.tallies.LONGEST` and more
    Column("calls", Integer, nullable=False),
    **CLUSTERED,
)
