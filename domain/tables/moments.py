"""What happened in a call between its answers, with its time."""

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text

from domain.tables.base import CLUSTERED, Instant, metadata

moments = Table(
    "moments",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(20), nullable=False),  # domain.moments.Kind
    Column("facts", Text),  # JSON; null: none
    **CLUSTERED,
)
