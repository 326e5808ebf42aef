"""Notes and quality scores on calls."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_notes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("second", sa.Float(), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.CheckConstraint("second IS NULL OR second >= 0", name=op.f("ck_call_notes_not_before_the_call")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_call_notes_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_notes")),
    )
    op.create_index("ix_call_notes_call", "call_notes", ["call"])
    op.create_table(
        "call_note_versions",
        sa.Column("note", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["note"], ["call_notes.id"], name=op.f("fk_call_note_versions_note_call_notes")),
        sa.PrimaryKeyConstraint("note", "version", name=op.f("pk_call_note_versions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_forms",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("questions", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_score_forms")),
    )
    op.create_table(
        "scores",
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Float(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.CheckConstraint("total BETWEEN 0 AND 100", name=op.f("ck_scores_total_is_of_100")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_scores_call_calls")),
        sa.PrimaryKeyConstraint("call", "by", "version", name=op.f("pk_scores")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scores_at", "scores", ["at"])


def downgrade() -> None:
    op.drop_table("scores")
    op.drop_table("score_forms")
    op.drop_table("call_note_versions")
    op.drop_table("call_notes")
