"""What callers hear in place of the shipped words: versions of prompts, their clips, and when they went live."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from domain.model import Language
from domain.tables.base import Id, Instant, metadata, words

wordings = Table(
    "wordings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("prompt", String(60), nullable=False),  # its name in the catalogue, or of a part of numbers: n/45
    Column("language", words(Language), nullable=False),
    Column("text", Text),  # None: as shipped
    Column("second", Text),
    Column("third", Text),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String(120), nullable=False),
    Column("reason", Text),
    Column("based_on", Id, ForeignKey("wordings.id")),  # what was live when it was made; None: the shipped words
    Column("undoes", Id, ForeignKey("wordings.id")),
    Column("dropped_at", Instant),  # a draft that nobody wants any more
    Column("dropped_by", String(120)),
    CheckConstraint("text IS NOT NULL OR (second IS NULL AND third IS NULL)", "whole"),
    CheckConstraint("(dropped_at IS NULL) = (dropped_by IS NULL)", "dropped_by_somebody"),
    Index("ix_wordings_prompt", "prompt", "language"),
)

wording_clips = Table(
    "wording_clips",
    metadata,
    Column("wording", Id, ForeignKey("wordings.id"), primary_key=True),
    Column("clip", String(80), primary_key=True),  # as the composer calls it: uk/goodbye, uk/read_back.1
    Column("said", Text, nullable=False),
    Column("melody", String(10), nullable=False),  # how it ends
    Column("sha256", String(64), nullable=False),  # of the file, which is named after it
    Column("ms", Integer, nullable=False),
    Column("voice", String(40), nullable=False),  # the synthesiser's, or "talent"
    Column("original", String(64)),  # SHA-256 of what a talent recorded
    CheckConstraint("ms > 0", "clip_lasts"),
)

publications = Table(
    "publications",
    metadata,
    Column("id", Id, primary_key=True),
    Column("wording", Id, ForeignKey("wordings.id"), nullable=False, unique=True),
    Column("published_at", Instant, nullable=False),
    Column("published_by", String(120), nullable=False),
)
"""Of a prompt and a language the newest one counts."""
