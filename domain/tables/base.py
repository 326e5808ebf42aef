"""What all tables share: instants, words, keys, names of constraints."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, MetaData, TypeDecorator


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


def words(kind: type[StrEnum]) -> Enum:
    """A column of our words, kept as text: a new word needs no migration, an unknown one is an error on reading."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=20,
        values_callable=lambda words: [str(word.value) for word in words],  # pyright: ignore[reportUnknownLambdaType, reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
    )


Id: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts by itself in INTEGER PRIMARY KEY only
CLUSTERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}  # one tree to write in place of two

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
