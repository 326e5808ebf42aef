"""The past of the store's schema, and the way from any point of it to the present.

Rules: a migration that has been released is never changed; the newest one agrees with `domain.tables` (tested).
Make one:  edit `tables`, then  python -m domain.migrations "what changed"  and read what it wrote.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect

if TYPE_CHECKING:  # it is loaded only when there is something to migrate: a restart has callers waiting
    from alembic.config import Config

_LOCK: Final = 0x677269  # the name of PostgreSQL's advisory lock: "gri"


class UnknownRevision(Exception):
    """The database has a schema that this program doesn't know."""


class BrokenReference(Exception):
    """A migration would have left rows that refer to nothing; it was undone."""


def config(conn: Connection | None = None) -> "Config":
    """Alembic's settings, without a file; with `conn` it works on that connection, in its transaction."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = conn
    return settings


def upgrade(engine: Engine) -> None:
    """Bring the schema to head, in one transaction.  Whoever comes second waits and finds it done.

    Raises UnknownRevision when the schema is none of ours.
    """
    with (
        engine.connect() as conn,
        _foreign_keys_off(conn),
        conn.begin(),
    ):  # SQLite: BEGIN IMMEDIATE, a lock to wait for
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        here = _revision(conn)
        if here == head():
            return
        from alembic import command
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        settings = config(conn)
        try:
            ScriptDirectory.from_config(settings).get_revision(here or "base")
        except CommandError as error:
            raise UnknownRevision(here) from error
        command.upgrade(settings, "head")
        if conn.dialect.name == "sqlite" and (broken := conn.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise BrokenReference(
                f"after migrating, a row of {broken[0]} refers to a row of {broken[2]} that isn't there"
            )


@contextmanager
def _foreign_keys_off(conn: Connection) -> Generator[None]:
    """SQLite changes a constraint by making the table anew; others refer to it meanwhile.  It can't be switched
    within a transaction, and is on again for whoever uses this connection next."""
    if conn.dialect.name != "sqlite":
        yield
        return
    raw = conn.connection.dbapi_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys=OFF")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys=ON")  # pyright: ignore[reportAttributeAccessIssue]


def head() -> str:
    """The newest revision: the files are numbered, and a revision is its file's number (tested)."""
    return max(path.name[:4] for path in (Path(__file__).parent / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))


def _revision(conn: Connection) -> str | None:
    """The revision that the database is at; None when it is new."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
