"""Speech: how surely an answer was understood; what callers told, as parts of recordings, and its transcripts; drafts
of requests."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _instant() -> str:
    return "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"


def _where(condition: str) -> dict[str, Any]:
    return {f"{name}_where": sa.text(condition) for name in ("sqlite", "postgresql")}


def upgrade() -> None:
    op.add_column("journal", sa.Column("confidence", sa.Float(), nullable=True))
    op.add_column("requests", sa.Column("told_from", sa.DateTime(timezone=True), nullable=True))
    op.execute(  # in one statement: SQLite adds a condition together with its column, or not at all
        f"ALTER TABLE requests ADD COLUMN told_to {_instant()}"
        " CONSTRAINT ck_requests_told_has_both_ends CHECK ((told_from IS NULL) = (told_to IS NULL))"
        " CONSTRAINT ck_requests_told_in_a_call"
        " CHECK (told_from IS NULL OR (told_from < told_to AND call IS NOT NULL))"
        " CONSTRAINT ck_requests_draft_was_told CHECK (state <> 'draft' OR told_from IS NOT NULL)"
    )

    op.create_index("ix_requests_told_from", "requests", ["told_from"], **_where("told_from IS NOT NULL"))
    op.create_table(
        "transcripts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("told_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engine", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("topic", sa.String(length=20), nullable=True),
        sa.Column("urgency", sa.String(length=20), nullable=True),
        sa.Column("profanity", sa.Boolean(), nullable=True),
        sa.Column("threat", sa.Boolean(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.CheckConstraint("told_from < told_to", name=op.f("ck_transcripts_told_lasts")),
        sa.CheckConstraint(
            "state <> 'done' OR (words IS NOT NULL AND urgency IS NOT NULL)",
            name=op.f("ck_transcripts_done_has_words"),
        ),
        sa.CheckConstraint("state <> 'failed' OR error IS NOT NULL", name=op.f("ck_transcripts_failed_says_why")),
        sa.CheckConstraint(
            "(next_at IS NULL) = (state IN ('done', 'failed'))", name=op.f("ck_transcripts_pending_has_a_time")
        ),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_transcripts_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transcripts")),
        sa.UniqueConstraint("call", "told_from", "engine", name=op.f("uq_transcripts_call")),
    )
    op.create_index("ix_transcripts_pending", "transcripts", ["next_at"], **_where("next_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("transcripts")
    op.drop_index("ix_requests_told_from", "requests")
    op.execute("ALTER TABLE requests DROP COLUMN told_to")  # with its conditions
    op.execute("ALTER TABLE requests DROP COLUMN told_from")
    op.drop_column("journal", "confidence")
