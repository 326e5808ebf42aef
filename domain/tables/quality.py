"""What staff remark on calls: notes at moments, and quality scores by a form with versions."""

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from domain.tables.base import CLUSTERED, Id, Instant, metadata

call_notes = Table(
    "call_notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("call", String(80), ForeignKey("calls.id"), nullable=False),
    Column("second", Float),  # of the call's recording; None: on the call as a whole
    Column("by", String(120), nullable=False),
    CheckConstraint("second IS NULL OR second >= 0", "not_before_the_call"),
    Index("ix_call_notes_call", "call"),
)

call_note_versions = Table(
    "call_note_versions",
    metadata,
    Column("note", Id, ForeignKey("call_notes.id"), primary_key=True),
    Column("version", Integer, primary_key=True),  # from 1; the highest stands
    Column("at", Instant, nullable=False),
    Column("text", Text),  # None: taken back
    **CLUSTERED,
)

score_forms = Table(
    "score_forms",
    metadata,
    Column("version", Integer, primary_key=True),  # from 2; the first is `domain.scorecard.FIRST`
    Column("at", Instant, nullable=False),
    Column("by", String(120), nullable=False),
    Column("questions", Text, nullable=False),  # JSON
)

scores = Table(
    "scores",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("by", String(120), primary_key=True),
    Column("version", Integer, primary_key=True),  # from 1; of each scorer's the highest stands
    Column("form", Integer, nullable=False),  # its version
    Column("at", Instant, nullable=False),
    Column("total", Float),  # 0 to 100; None: no question applied
    Column("answers", Text, nullable=False),  # JSON: question -> [mark, second or null]
    Column("comment", Text, nullable=False),
    CheckConstraint("total BETWEEN 0 AND 100", "total_is_of_100"),
    Index("ix_scores_at", "at"),
    **CLUSTERED,
)
