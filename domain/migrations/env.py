"""Alembic's entry: runs migrations on the connection that `domain.migrations` hands over."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from domain.tables import Instant, metadata


def render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our types as plain ones: a migration must not change when they do."""
    if kind != "type":
        return False
    if isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    return False


connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through domain.migrations (Store.open does it by itself)")

context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=True,  # the transaction is ours, on SQLite too
    render_item=render,
    render_as_batch=True,  # SQLite alters a table by making a new one
)
context.run_migrations()
