"""How often prompts are heard, and how often they are cut off.

Calls of the last 31 days are owed to the index again, which counts them by the way.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

DAYS = 31


def _sums() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in ("plays", "by_key", "by_voice", "before")]


def upgrade() -> None:
    op.create_table(
        "counted_plays",
        sa.Column("counted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("prompt", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        *_sums(),
        sa.ForeignKeyConstraint(
            ["counted"], ["counted_calls.id"], name=op.f("fk_counted_plays_counted_counted_calls")
        ),
        sa.PrimaryKeyConstraint("counted", "prompt", "language", name=op.f("pk_counted_plays")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "play_days",
        sa.Column("prompt", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *_sums(),
        sa.PrimaryKeyConstraint("prompt", "language", "day", name=op.f("pk_play_days")),
        sqlite_with_rowid=False,
    )
    owe = sa.text(
        'INSERT INTO index_debts ("call", revision, owed_at) SELECT calls.id, 1, calls.ended_at '
        'FROM counted_calls JOIN calls ON calls.id = counted_calls."call" '
        "WHERE counted_calls.day >= :since AND calls.ended_at IS NOT NULL "
        "ON CONFLICT DO NOTHING"
    ).bindparams(sa.bindparam("since", (datetime.now(UTC) - timedelta(days=DAYS)).date(), sa.Date()))
    op.execute(owe)


def downgrade() -> None:
    op.drop_table("play_days")
    op.drop_table("counted_plays")
