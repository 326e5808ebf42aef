"""What staff's pages look for: whose request it is by login, customers by EIC, meter and telephone."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_accounts_eic", "accounts", ["eic"]),
    ("ix_meters_number", "meters", ["number"]),
    ("ix_caller_accounts_account", "caller_accounts", ["account"]),
    ("ix_callbacks_account", "callbacks", ["account"]),
)


def _where(condition: str) -> dict[str, Any]:
    return {f"{name}_where": sa.text(condition) for name in ("sqlite", "postgresql")}


def upgrade() -> None:
    op.add_column("requests", sa.Column("assigned_to", sa.String(length=80), nullable=True))
    op.create_index("ix_requests_closed_at", "requests", ["closed_at", "id"], **_where("closed_at IS NOT NULL"))
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table)
    op.drop_index("ix_requests_closed_at", "requests", **_where("closed_at IS NOT NULL"))
    op.execute("ALTER TABLE requests DROP COLUMN assigned_to")
