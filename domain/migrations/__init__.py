"""The past of the store's schema, and the way from any point of it to the present.

Rules: a migration that has been released is never changed; the newest one agrees with `domain.tables` (tested).
Make one:  edit `tables`, then  python -m domain.migrations "what changed"  and read what it wrote.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

_LOCK: Final = 0x677269  # the name of PostgreSQL's advisory lock: "gri"


class UnknownRevision(Exception):
    """The database has a schema that this program doesn't know."""


def config(conn: Connection | None = None) -> Config:
    """Alembic's settings, without a file; with `conn` it works on that connection, in its transaction."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = conn
    return settings


def upgrade(engine: Engine) -> None:
    """Bring the schema to head, in one transaction.  Whoever comes second waits and finds it done.

    Raises UnknownRevision when the schema is none of ours.
    """
    with engine.connect() as conn, conn.begin():  # SQLite: BEGIN IMMEDIATE, the lock that the second one waits for
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        settings = config(conn)
        here = MigrationContext.configure(conn).get_current_revision()
        scripts = ScriptDirectory.from_config(settings)
        if here == scripts.get_current_head():
            return
        try:
            scripts.get_revision(here or "base")
        except CommandError as error:
            raise UnknownRevision(here) from error
        command.upgrade(settings, "head")
