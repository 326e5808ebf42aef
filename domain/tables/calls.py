"""Calls, what was said in them, and what became of their recordings."""

from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from domain.model import Outcome
from domain.tables.base import CLUSTERED, Instant, metadata, words


class RecordingState(StrEnum):
    """What became of the recording of a call."""

    RECORDING = "recording"  # being made, or not looked at since the call ended
    SEALED = "sealed"
    ERASED = "erased"  # on purpose; the reason says which
    FAILED = "failed"  # it should be there and is not; may still be sealed later


DIALLED: Final = 40
"""As many characters of the number that was dialled are kept."""

calls = Table(
    "calls",
    metadata,
    Column("id", String(80), primary_key=True),  # the exchange's
    Column("caller", String(20)),
    Column("dialled", String(DIALLED), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("driver", String(80), nullable=False),  # the controller that conducts it
    Column("ended_at", Instant),
    Column("outcome", words(Outcome)),
    Column("transferred_to", String(80)),
    Column("because", Text),
    Column("context", Text),  # JSON: what people were told when they got the call
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", "ends_once"),
    Index("ix_calls_began_at", "began_at"),
    Index("ix_calls_ended_at", "ended_at"),  # finds the unfinished ones
)

journal = Table(
    "journal",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),  # two controllers cannot write the same line
    Column("at", Instant, nullable=False),
    Column("label", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("heard", Text),
    Column("result", Text),  # JSON
    Column("interruption", Text),
    Column("confidence", Float),  # of what was said, 0 to 1; null when it was keyed
    **CLUSTERED,
)

recordings = Table(
    "recordings",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("state", words(RecordingState), nullable=False),
    Column("path", Text),  # relative to the data directory
    Column("began_at", Instant, nullable=False),
    Column("settled_at", Instant),  # sealed, erased or failed
    Column("sha256", String(64)),
    Column("seconds", Float),
    Column("bytes", BigInteger),
    Column("reason", Text),
    Index("ix_recordings_state", "state"),
    **CLUSTERED,
)
