"""Speech: how surely an answer was understood; what callers told, as parts of recordings; drafts of requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _instant() -> str:
    return "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"


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


def downgrade() -> None:
    op.execute("ALTER TABLE requests DROP COLUMN told_to")  # with its conditions
    op.execute("ALTER TABLE requests DROP COLUMN told_from")
    op.drop_column("journal", "confidence")
