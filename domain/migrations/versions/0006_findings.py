"""What calls are found by: facts of a call and words of its transcripts; saved searches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "findings",
        sa.Column("n", number, autoincrement=False, nullable=False),
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("caller", sa.String(length=20), nullable=True),
        sa.Column("dialled", sa.String(length=40), nullable=False),
        sa.Column("flow", sa.String(length=40), nullable=False),
        sa.Column("flows", sa.Text(), nullable=False),
        sa.Column("matter", sa.String(length=20), nullable=False),
        sa.Column("request_kind", sa.String(length=20), nullable=True),
        sa.Column("topic", sa.String(length=20), nullable=True),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("transferred_to", sa.String(length=80), nullable=True),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("gave_up", sa.Boolean(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("complaint", sa.Boolean(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("recording", sa.String(length=20), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("noted", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_findings_call_calls")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_findings")),
        sa.UniqueConstraint("call", name=op.f("uq_findings_call")),
    )
    op.create_table(
        "marks",
        sa.Column(
            "mark",
            sa.String(length=80).with_variant(postgresql.VARCHAR(80, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("mark", "block", name=op.f("pk_marks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mark_blocks",
        sa.Column("block", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", name=op.f("pk_mark_blocks")),
    )
    op.create_table(
        "index_debts",
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("owed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_index_debts_call_calls")),
        sa.PrimaryKeyConstraint("call", name=op.f("pk_index_debts")),
    )
    op.create_index("ix_index_debts_owed_at", "index_debts", ["owed_at"])
    # Every call that has ended by now is owed: who looks for calls looks for old ones, too.
    op.execute("INSERT INTO index_debts (call, owed_at) SELECT id, ended_at FROM calls WHERE ended_at IS NOT NULL")
    op.create_table(
        "saved_searches",
        sa.Column("id", number, nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_saved_searches_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("by", "name", name=op.f("uq_saved_searches_by")),
    )


def downgrade() -> None:
    for table in ("saved_searches", "index_debts", "mark_blocks", "marks", "findings"):
        op.drop_table(table)
