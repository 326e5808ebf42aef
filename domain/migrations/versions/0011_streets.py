"""Customers are found by where they live: a street's beginning is an index's range, in any collation."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PATTERNS = {"street": "text_pattern_ops", "settlement": "text_pattern_ops"}


def upgrade() -> None:
    op.create_index("ix_buildings_street", "buildings", ["street", "house", "settlement"], postgresql_ops=PATTERNS)
    op.create_index("ix_buildings_settlement", "buildings", ["settlement", "street"], postgresql_ops=PATTERNS)


def downgrade() -> None:
    op.drop_index("ix_buildings_settlement", "buildings")
    op.drop_index("ix_buildings_street", "buildings")
