"""What callers told in their own words, written down by machines."""

from enum import StrEnum
from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from domain.model import Language, Topic
from domain.tables.base import Id, Instant, metadata, words
from domain.tables.requests import requests, where
from domain.topics import Urgency


class TranscriptState(StrEnum):
    """How far it has come."""

    OWED = "owed"
    WORKING = "working"  # until the lease ends (`next_at`); then it is owed again
    DONE = "done"
    FAILED = "failed"  # given up; `error` says why


transcripts = Table(
    "transcripts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("call", String(80), ForeignKey("calls.id"), nullable=False),
    Column("told_from", Instant, nullable=False),  # the part of the call's recording
    Column("told_to", Instant, nullable=False),
    Column("engine", String(20), nullable=False),
    Column("language", words(Language), nullable=False),  # of the call at that moment
    Column("state", words(TranscriptState), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant),  # not before; None: nothing more to do
    Column("owed_at", Instant, nullable=False),
    Column("settled_at", Instant),  # done or failed
    Column("error", Text),  # of the last attempt
    Column("model", String(200)),
    Column("words", Text),  # JSON: [word, begin, end, confidence] each; seconds after `told_from`
    Column("confidence", Float),  # of all words, 0 to 1; None: the engine tells none, or nothing was said
    Column("remark", Text),  # what whoever reads it should know
    Column("topic", words(Topic)),
    Column("urgency", words(Urgency)),
    Column("profanity", Boolean),
    Column("threat", Boolean),
    Column("reasons", Text),  # JSON: what the suggestions rest on
    UniqueConstraint("call", "told_from", "engine"),
    CheckConstraint("told_from < told_to", "told_lasts"),
    CheckConstraint("state <> 'done' OR (words IS NOT NULL AND urgency IS NOT NULL)", "done_has_words"),
    CheckConstraint("state <> 'failed' OR error IS NOT NULL", "failed_says_why"),
    CheckConstraint("(next_at IS NULL) = (state IN ('done', 'failed'))", "pending_has_a_time"),
    Index("ix_transcripts_pending", "next_at", **where("next_at IS NOT NULL")),
)

told_requests: Final = Index(
    "ix_requests_told_from", requests.c.told_from, **where("told_from IS NOT NULL")
)  # finds what is to be written down
