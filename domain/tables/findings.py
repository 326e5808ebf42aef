"""What calls are found by: facts, bitmaps over them, what is owed to these; searches worth keeping."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import VARCHAR

from domain.model import Language, Outcome, RequestKind, Topic
from domain.tables.base import CLUSTERED, Id, Instant, metadata, words
from domain.tables.calls import RecordingState

Mark: Final = String(80).with_variant(VARCHAR(80, collation="C"), "postgresql")
"""What a bitmap is of; ordered by its bytes in every database, since the last digits of a number are a range."""

findings = Table(
    "findings",
    metadata,
    Column("n", Id, primary_key=True, autoincrement=False),  # its place in the bitmaps: domain.marks
    Column("call", String(80), ForeignKey("calls.id"), nullable=False, unique=True),
    Column("began", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("seconds", Integer, nullable=False),
    Column("caller", String(20)),
    Column("dialled", String(40), nullable=False),
    Column("flow", String(40), nullable=False),
    Column("flows", Text, nullable=False),  # with a space between two; so are accounts and marks
    Column("matter", String(20), nullable=False),  # what it was about, as figures count it: domain.tallies
    Column("request_kind", words(RequestKind)),  # of the first request that was made in it
    Column("topic", words(Topic)),
    Column("language", words(Language), nullable=False),
    Column("outcome", words(Outcome), nullable=False),
    Column("transferred_to", String(80)),
    Column("doubts", Integer, nullable=False),
    Column("gave_up", Boolean, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("complaint", Boolean, nullable=False),
    Column("readings", Integer, nullable=False),
    Column("recording", words(RecordingState)),
    Column("score", Float),
    Column("noted", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("marks", Text, nullable=False),  # those in which its bit is set
)

marks = Table(
    "marks",
    metadata,
    Column("mark", Mark, primary_key=True),
    Column("block", Integer, primary_key=True),
    Column("bits", LargeBinary, nullable=False),  # of calls n = block * 4096 + bit: domain.marks
    **CLUSTERED,
)

mark_blocks = Table(
    "mark_blocks",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("used", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),  # when the earliest of its calls began; microseconds since 1970
    Column("last", BigInteger, nullable=False),
)

index_debts = Table(
    "index_debts",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("revision", Integer, nullable=False, server_default="1"),  # how often something changed since
    Column("owed_at", Instant, nullable=False),
    Index("ix_index_debts_owed_at", "owed_at"),
)

saved_searches = Table(
    "saved_searches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("by", String(120), nullable=False),  # whose it is
    Column("name", String(80), nullable=False),
    Column("query", Text, nullable=False),  # JSON: domain.queries
    Column("shared", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("by", "name"),
    CheckConstraint("name <> ''", "named"),
)
