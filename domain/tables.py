"""The shape of the store.

Rules:
  a meter reading is never changed or removed; what counts is derived: the accepted one of the latest day, and of one
  day the one stored last (`counting`);
  what a call does is keyed by (call, seq), so that doing it again is noticed by the database itself;
  instants are UTC and timezone-aware outside, and order the same in SQLite (text of fixed width) and PostgreSQL.
Every change here needs a migration in `domain/migrations/versions`; a test compares the two.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    select,
)

from domain.model import Doubt, Language, Outcome, Source, Status, Zone


class Instant(TypeDecorator[datetime]):
    """A moment: timezone-aware in and out, UTC in between.  A naive one is a ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: instants are timezone-aware UTC here")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class RecordingState(StrEnum):
    """What became of the recording of a call."""

    RECORDING = "recording"  # being made, or not looked at since the call ended
    SEALED = "sealed"
    ERASED = "erased"  # on purpose; the reason says which
    FAILED = "failed"  # it should be there and is not; may still be sealed later


def _words(kind: type[StrEnum]) -> Enum:
    """A column of our words, kept as text: a new word needs no migration, an unknown one is an error on reading."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=20,
        values_callable=lambda words: [str(word.value) for word in words],  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
    )


_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself in INTEGER PRIMARY KEY only
_CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False}  # one tree to write in place of two

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

accounts = Table(
    "accounts",
    metadata,
    Column("number", String(10), primary_key=True),
    **_CLUSTERED,
)

caller_numbers = Table(
    "caller_numbers",
    metadata,
    Column("number", String(20), primary_key=True),  # E.164 with "+"
    Column("language", _words(Language)),  # that they chose last
    **_CLUSTERED,
)

caller_accounts = Table(
    "caller_accounts",
    metadata,
    Column("number", String(20), ForeignKey("caller_numbers.number"), primary_key=True),
    Column("account", String(10), ForeignKey("accounts.number"), primary_key=True),
    **_CLUSTERED,
)

meters = Table(
    "meters",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account", String(10), ForeignKey("accounts.number"), nullable=False),
    Column("number", String(40), nullable=False),  # on its face; makers don't agree on who uses which
    Column("multiplier", Integer, nullable=False),
    Column("power", Float, nullable=False),  # kW
    UniqueConstraint("account", "number"),
    CheckConstraint("multiplier >= 1", "multiplier"),
)

registers = Table(
    "registers",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("meter", _Id, ForeignKey("meters.id"), nullable=False),
    Column("zone", _words(Zone), nullable=False),
    Column("width", Integer, nullable=False),  # digits before the point
    Column("usual", Float),  # kWh a day as displayed
    UniqueConstraint("meter", "zone"),
    CheckConstraint("width BETWEEN 1 AND 12", "width"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(80), primary_key=True),  # the exchange's
    Column("caller", String(20)),
    Column("dialled", String(40), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("driver", String(80), nullable=False),  # the controller that conducts it
    Column("ended_at", Instant),
    Column("outcome", _words(Outcome)),
    Column("transferred_to", String(80)),
    Column("because", Text),
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
    **_CLUSTERED,
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("receipt", String(8)),  # set in the same transaction, from the id
    Column("meter", _Id, ForeignKey("meters.id"), nullable=False),
    Column("call", String(80), ForeignKey("calls.id")),  # None: another channel
    Column("at", Instant, nullable=False),
    UniqueConstraint("call", "meter"),
    Index("ix_submissions_receipt", "receipt"),
)

readings = Table(
    "readings",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("register", _Id, ForeignKey("registers.id"), nullable=False),
    Column("value", BigInteger, nullable=False),  # whole kWh as displayed
    Column("read_on", Date, nullable=False),  # Europe/Kyiv
    Column("at", Instant, nullable=False),  # when we learned of it
    Column("source", _words(Source), nullable=False),
    Column("status", _words(Status), nullable=False),
    Column("doubt", _words(Doubt)),
    Column("submission", _Id, ForeignKey("submissions.id")),
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),  # the journal line that caused it
    UniqueConstraint("call", "seq"),
    CheckConstraint("value >= 0", "value"),
    CheckConstraint("status <> 'doubtful' OR doubt IS NOT NULL", "doubt_has_a_reason"),
    Index("ix_readings_counting", "register", "status", "read_on", "id"),
)

recordings = Table(
    "recordings",
    metadata,
    Column("call", String(80), ForeignKey("calls.id"), primary_key=True),
    Column("state", _words(RecordingState), nullable=False),
    Column("path", Text),  # relative to the data directory
    Column("began_at", Instant, nullable=False),
    Column("settled_at", Instant),  # sealed, erased or failed
    Column("sha256", String(64)),
    Column("seconds", Float),
    Column("bytes", BigInteger),
    Column("reason", Text),
    Index("ix_recordings_state", "state"),
    **_CLUSTERED,
)

_later = readings.alias("later")
counting = (
    readings.c.id
    == select(_later.c.id)
    .where(_later.c.register == registers.c.id, _later.c.status == Status.ACCEPTED)
    .order_by(_later.c.read_on.desc(), _later.c.id.desc())
    .limit(1)
    .correlate(registers)
    .scalar_subquery()
)
"""Joins a register with the one reading that counts; a descent of `ix_readings_counting`, not a scan."""
