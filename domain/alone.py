"""One at a time, on PostgreSQL too: a lock until the end of the transaction.

SQLite's writer is alone anyway: its transactions begin with the lock (`domain.store`).
"""

from sqlalchemy import Connection, text

_LOCK = text("SELECT pg_advisory_xact_lock(:name)")


def alone(conn: Connection, name: int) -> None:
    """Wait until nobody else holds the lock of this name; hold it until the transaction ends."""
    if conn.dialect.name == "postgresql":
        conn.execute(_LOCK, {"name": name})
