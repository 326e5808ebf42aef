"""Staff, their sessions, the trail of what they did."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("id", _id(), nullable=False),
        sa.Column("login", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("hash", sa.Text(), nullable=True),
        sa.Column("password_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("must_change", sa.Boolean(), server_default=sa.text("0" if _sqlite() else "false"), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_staff_issuer")),
        sa.UniqueConstraint("login", name=op.f("uq_staff_login")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", _id(), nullable=False),
        sa.Column("staff", _id(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=80), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["staff"], ["staff.id"], name=op.f("fk_sessions_staff_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
    )
    op.create_index("ix_sessions_staff", "sessions", ["staff", "opened_at"])
    op.create_table(
        "grants",
        sa.Column("session", _id(), nullable=False),
        sa.Column("what", sa.String(length=120), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_grants_session_sessions")),
        sa.PrimaryKeyConstraint("session", "what", name=op.f("pk_grants")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempts_last_at", "attempts", ["last_at"])
    op.create_table(
        "trail",
        sa.Column("n", _id(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("of", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_trail")),
    )
    op.create_index("ix_trail_who", "trail", ["who", "n"])
    op.create_index("ix_trail_what", "trail", ["what", "n"])
    op.create_index("ix_trail_of", "trail", ["of", "n"])
    op.create_index("ix_trail_at", "trail", ["at"])
    _protect()


def downgrade() -> None:
    op.drop_table("trail")  # its triggers go with it
    if not _sqlite():
        op.execute("DROP FUNCTION trail_is_kept()")
        op.execute("DROP FUNCTION trail_at_its_end()")
    for table in ("attempts", "grants", "sessions", "staff"):
        op.drop_table(table)


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _protect() -> None:
    """Rows of the trail are added, at the end; who gets round this is found out by the chain."""
    for statement in _SQLITE if _sqlite() else _POSTGRESQL:
        op.execute(statement)


_SQLITE = (
    "CREATE TRIGGER trail_no_update BEFORE UPDATE ON trail"
    " BEGIN SELECT RAISE(ABORT, 'rows of the trail are never changed or removed'); END",
    "CREATE TRIGGER trail_no_delete BEFORE DELETE ON trail"
    " BEGIN SELECT RAISE(ABORT, 'rows of the trail are never changed or removed'); END",
    # INSERT OR REPLACE would remove a row without being a DELETE
    "CREATE TRIGGER trail_at_its_end BEFORE INSERT ON trail"
    " WHEN NEW.n IS NOT (SELECT coalesce(max(n), 0) + 1 FROM trail)"
    " BEGIN SELECT RAISE(ABORT, 'rows of the trail are added at its end'); END",
)

_POSTGRESQL = (
    "CREATE FUNCTION trail_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN RAISE EXCEPTION 'rows of the trail are never changed or removed'"
    " USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE TRIGGER trail_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON trail"
    " FOR EACH STATEMENT EXECUTE FUNCTION trail_is_kept()",
    "CREATE FUNCTION trail_at_its_end() RETURNS trigger LANGUAGE plpgsql AS $$"
    " BEGIN IF NEW.n IS DISTINCT FROM (SELECT coalesce(max(n), 0) + 1 FROM trail) THEN"
    " RAISE EXCEPTION 'rows of the trail are added at its end'"
    " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER trail_at_its_end BEFORE INSERT ON trail FOR EACH ROW EXECUTE FUNCTION trail_at_its_end()",
)
