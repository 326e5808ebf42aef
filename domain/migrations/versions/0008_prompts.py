"""Changed texts of prompts, with their versions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "wordings",
        sa.Column("id", _id(), nullable=False),
        sa.Column("prompt", sa.String(length=60), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("second", sa.Text(), nullable=True),
        sa.Column("third", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("based_on", _id(), nullable=True),
        sa.Column("undoes", _id(), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_by", sa.String(length=120), nullable=True),
        sa.CheckConstraint("text IS NOT NULL OR (second IS NULL AND third IS NULL)", name=op.f("ck_wordings_whole")),
        sa.CheckConstraint(
            "(dropped_at IS NULL) = (dropped_by IS NULL)", name=op.f("ck_wordings_dropped_by_somebody")
        ),
        sa.ForeignKeyConstraint(["based_on"], ["wordings.id"], name=op.f("fk_wordings_based_on_wordings")),
        sa.ForeignKeyConstraint(["undoes"], ["wordings.id"], name=op.f("fk_wordings_undoes_wordings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wordings")),
    )
    op.create_index("ix_wordings_prompt", "wordings", ["prompt", "language"])
    op.create_table(
        "wording_clips",
        sa.Column("wording", _id(), nullable=False),
        sa.Column("clip", sa.String(length=80), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("melody", sa.String(length=10), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("voice", sa.String(length=40), nullable=False),
        sa.Column("original", sa.String(length=64), nullable=True),
        sa.CheckConstraint("ms > 0", name=op.f("ck_wording_clips_clip_lasts")),
        sa.ForeignKeyConstraint(["wording"], ["wordings.id"], name=op.f("fk_wording_clips_wording_wordings")),
        sa.PrimaryKeyConstraint("wording", "clip", name=op.f("pk_wording_clips")),
    )
    op.create_table(
        "publications",
        sa.Column("id", _id(), nullable=False),
        sa.Column("wording", _id(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["wording"], ["wordings.id"], name=op.f("fk_publications_wording_wordings")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publications")),
        sa.UniqueConstraint("wording", name=op.f("uq_publications_wording")),
    )


def downgrade() -> None:
    op.drop_table("publications")
    op.drop_table("wording_clips")
    op.drop_index("ix_wordings_prompt", "wordings")
    op.drop_table("wordings")
