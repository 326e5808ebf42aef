"""First tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("number", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_accounts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "caller_numbers",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_caller_numbers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("caller", sa.String(length=20), nullable=True),
        sa.Column("dialled", sa.String(length=40), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("driver", sa.String(length=80), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("transferred_to", sa.String(length=80), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_calls_ends_once")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_began_at", "calls", ["began_at"], unique=False)
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"], unique=False)

    op.create_table(
        "caller_accounts",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_caller_accounts_account_accounts")),
        sa.ForeignKeyConstraint(
            ["number"], ["caller_numbers.number"], name=op.f("fk_caller_accounts_number_caller_numbers")
        ),
        sa.PrimaryKeyConstraint("number", "account", name=op.f("pk_caller_accounts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal",
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("heard", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("interruption", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_journal_call_calls")),
        sa.PrimaryKeyConstraint("call", "seq", name=op.f("pk_journal")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("multiplier", sa.Integer(), nullable=False),
        sa.Column("power", sa.Float(), nullable=False),
        sa.CheckConstraint("multiplier >= 1", name=op.f("ck_meters_multiplier")),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_meters_account_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meters")),
        sa.UniqueConstraint("account", "number", name=op.f("uq_meters_account")),
    )
    op.create_table(
        "recordings",
        sa.Column("call", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_recordings_call_calls")),
        sa.PrimaryKeyConstraint("call", name=op.f("pk_recordings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_recordings_state", "recordings", ["state"], unique=False)

    op.create_table(
        "registers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("meter", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zone", sa.String(length=20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Float(), nullable=True),
        sa.CheckConstraint("width BETWEEN 1 AND 12", name=op.f("ck_registers_width")),
        sa.ForeignKeyConstraint(["meter"], ["meters.id"], name=op.f("fk_registers_meter_meters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registers")),
        sa.UniqueConstraint("meter", "zone", name=op.f("uq_registers_meter")),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("receipt", sa.String(length=8), nullable=True),
        sa.Column("meter", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_submissions_call_calls")),
        sa.ForeignKeyConstraint(["meter"], ["meters.id"], name=op.f("fk_submissions_meter_meters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        sa.UniqueConstraint("call", "meter", name=op.f("uq_submissions_call")),
    )
    op.create_index("ix_submissions_receipt", "submissions", ["receipt"], unique=False)

    op.create_table(
        "readings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("register", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("read_on", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("doubt", sa.String(length=20), nullable=True),
        sa.Column("submission", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.CheckConstraint("status <> 'doubtful' OR doubt IS NOT NULL", name=op.f("ck_readings_doubt_has_a_reason")),
        sa.CheckConstraint("value >= 0", name=op.f("ck_readings_value")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_readings_call_calls")),
        sa.ForeignKeyConstraint(["register"], ["registers.id"], name=op.f("fk_readings_register_registers")),
        sa.ForeignKeyConstraint(["submission"], ["submissions.id"], name=op.f("fk_readings_submission_submissions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readings")),
        sa.UniqueConstraint("call", "seq", name=op.f("uq_readings_call")),
    )
    op.create_index("ix_readings_counting", "readings", ["register", "status", "read_on", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_readings_counting", "readings")

    op.drop_table("readings")
    op.drop_index("ix_submissions_receipt", "submissions")

    op.drop_table("submissions")
    op.drop_table("registers")
    op.drop_index("ix_recordings_state", "recordings")

    op.drop_table("recordings")
    op.drop_table("meters")
    op.drop_table("journal")
    op.drop_table("caller_accounts")
    op.drop_index("ix_calls_ended_at", "calls")
    op.drop_index("ix_calls_began_at", "calls")

    op.drop_table("calls")
    op.drop_table("caller_numbers")
    op.drop_table("accounts")
