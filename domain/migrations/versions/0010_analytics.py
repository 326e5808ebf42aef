"""What calls amount to: each counted once, and sums by day."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {f"{name}_where": sa.text(condition) for name in ("sqlite", "postgresql")}


def upgrade() -> None:
    op.create_table(
        "call_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("matter", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "matter", "outcome", "sent", name=op.f("pk_call_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "call_hours",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "hour", name=op.f("pk_call_hours")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "repeat_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("matter", sa.String(length=40), nullable=False),
        sa.Column("before_matter", sa.String(length=40), nullable=False),
        sa.Column("before_outcome", sa.String(length=20), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "matter", "before_matter", "before_outcome", name=op.f("pk_repeat_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spots",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.String(length=60), nullable=False),
        sa.Column("spot", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spots")),
        sa.UniqueConstraint("part", "spot", name=op.f("uq_spots_part")),
    )
    op.create_table(
        "wait_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("ended", sa.String(length=20), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "ended", "seconds", name=op.f("pk_wait_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waits",
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("ended", sa.String(length=20), nullable=False),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_waits_seconds")),
        sa.PrimaryKeyConstraint("call", "kind", "n", name=op.f("pk_waits")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_waits_began_at", "waits", ["began_at"])
    op.create_table(
        "counted_calls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("matter", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("before", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["before"], ["counted_calls.id"], name=op.f("fk_counted_calls_before_counted_calls")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_counted_calls_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counted_calls")),
        sa.UniqueConstraint("call", name=op.f("uq_counted_calls_call")),
    )
    op.create_index("ix_counted_calls_before", "counted_calls", ["before"], **_where("before IS NOT NULL"))
    op.create_index("ix_counted_calls_day", "counted_calls", ["day"])
    op.create_table(
        "step_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spot", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("answered_by", sa.String(length=8), nullable=False),
        sa.Column("visits", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("prompts", sa.Integer(), nullable=False),
        sa.Column("noinput", sa.Integer(), nullable=False),
        sa.Column("nomatch", sa.Integer(), nullable=False),
        sa.Column("barge_in", sa.Integer(), nullable=False),
        sa.Column("hung_up", sa.Integer(), nullable=False),
        sa.Column("gave_up", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["spot"], ["spots.id"], name=op.f("fk_step_days_spot_spots")),
        sa.PrimaryKeyConstraint("day", "spot", "language", "answered_by", name=op.f("pk_step_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "call_parties",
        sa.Column("party", sa.String(length=24), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["counted"], ["counted_calls.id"], name=op.f("fk_call_parties_counted_counted_calls")
        ),
        sa.PrimaryKeyConstraint("party", "at", "counted", name=op.f("pk_call_parties")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_parties_counted", "call_parties", ["counted"])
    op.create_table(
        "counted_steps",
        sa.Column("counted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("spot", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("answered_by", sa.String(length=20), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=True),
        sa.Column("noinput", sa.Integer(), nullable=False),
        sa.Column("nomatch", sa.Integer(), nullable=False),
        sa.Column("barge_in", sa.Boolean(), nullable=False),
        sa.Column("left", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["counted"], ["counted_calls.id"], name=op.f("fk_counted_steps_counted_counted_calls")
        ),
        sa.ForeignKeyConstraint(["spot"], ["spots.id"], name=op.f("fk_counted_steps_spot_spots")),
        sa.PrimaryKeyConstraint("counted", "n", name=op.f("pk_counted_steps")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_counted_steps_missed", "counted_steps", ["spot", "counted"], **_where('tries > 1 OR "left" IS NOT NULL')
    )
    op.create_index("ix_readings_at", "readings", ["at", "source", "status"])


def downgrade() -> None:
    op.drop_index("ix_readings_at", "readings")
    op.drop_table("counted_steps")
    op.drop_table("call_parties")
    op.drop_table("step_days")
    op.drop_table("counted_calls")
    op.drop_table("waits")
    op.drop_table("wait_days")
    op.drop_table("spots")
    op.drop_table("repeat_days")
    op.drop_table("call_hours")
    op.drop_table("call_days")
