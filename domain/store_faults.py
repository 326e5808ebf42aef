"""What goes wrong in a database, in our words: each fault says what an operator can do about it.

Rules: whatever the database itself fails at is a `StoreFault`; what it was asked wrongly (a constraint, a syntax) is
the asker's and stays what it is; a code that isn't in these tables is not guessed at.
Source: SQLite's result codes (sqlite.org/rescode), PostgreSQL's SQLSTATEs (its manual, appendix A).
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StoreFault(Exception):
    """The database cannot do its work; nothing of the job was kept (but see `in_doubt`).  The message says what an
    operator can do."""


class StoreFull(StoreFault):
    """No room left."""


class StoreBusy(StoreFault):
    """Another process holds the database for too long."""


class StoreDamaged(StoreFault):
    """The file is not, or no longer, a sound database."""


class StoreTooNew(StoreFault):
    """A newer version of this program has been here; its schema is unknown to us."""


class StoreClosed(StoreFault):
    """Used after `close`."""


_Advice = tuple[type[StoreFault], str]

_SQLITE: Final[dict[str, _Advice]] = {
    "SQLITE_FULL": (StoreFull, "there is no room left on its disk: free some space; work goes on by itself then"),
    "SQLITE_BUSY": (StoreBusy, "another process keeps it locked: find it (fuser FILE) and end it"),
    "SQLITE_LOCKED": (StoreBusy, "it is locked within this process: report this"),
    "SQLITE_CORRUPT": (StoreDamaged, "the file is damaged: stop, keep a copy of it, restore the last good one"),
    "SQLITE_NOTADB": (StoreDamaged, "the file is not a database: check the path, or restore the last good copy"),
    "SQLITE_READONLY": (StoreFault, "it cannot be written to: check the owner and rights of the file and its folder"),
    "SQLITE_CANTOPEN": (StoreFault, "it cannot be opened: check that its folder exists and belongs to this user"),
    "SQLITE_IOERR": (StoreFault, "the disk reports an error: check the system's log and the disk"),
    "SQLITE_PROTOCOL": (StoreBusy, "its lock file does not work: the database must lie on a local disk"),
    "SQLITE_PERM": (StoreFault, "access is denied: check the owner and rights of the file and its folder"),
    "SQLITE_NOMEM": (StoreFault, "the machine has no memory left: free some"),
}

_DISK: Final = (StoreFault, "its server reports an error of the disk: check the server's log and the disk")
_DAMAGED: Final = (StoreDamaged, "its server finds data damaged: stop, keep a copy, restore the last good one")
_LOST: Final = (StoreFault, "the connection to it was lost: work goes on by itself when its server is there again")

_POSTGRESQL: Final[dict[str, _Advice]] = {
    "08": _LOST,
    "25006": (StoreFault, "its server takes no writes: it is a standby, or set to read only; name the one that does"),
    "40": (StoreBusy, "another process and this one kept waiting for each other: try again, and report this"),
    "42501": (StoreFault, "its user may not do this: give it the rights on its database (it makes tables, too)"),
    "53": (StoreFault, "its server lacks memory or another resource: see the server's log"),
    "53100": (StoreFull, "there is no room left on its server's disk: free some space; work goes on by itself then"),
    "53300": (StoreBusy, "its server has no connection to spare: raise max_connections, or end who holds them"),
    "55P03": (StoreBusy, "another process keeps what is needed locked: find it (pg_blocking_pids) and end it"),
    "57": (StoreFault, "its server ended this work: an operator did it, or the server stops or starts"),
    "58": _DISK,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE, or by its class, the first two digits."""

_UNREACHABLE: Final = (
    StoreFault,
    "there is no connection to it: check that its server runs, and its address (host, database, user and password)",
)


def sqlite_name(error: BaseException) -> str | None:
    """The primary result code's name: SQLITE_BUSY for SQLITE_BUSY_SNAPSHOT too."""
    name = getattr(_driver(error), "sqlite_errorname", None)
    return "_".join(str(name).split("_")[:2]) if name else None


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of five digits."""
    return getattr(_driver(error), "sqlstate", None)


def is_lost(error: BaseException) -> bool:
    """Has the connection gone?"""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def is_fault(error: BaseException) -> bool:
    """Is it the database that failed, rather than what it was asked?"""
    return _advice(error) is not None


def tears(error: BaseException) -> bool:
    """Does this fault take along whatever stands in the same transaction?

    SQLite may have rolled it back by itself; on PostgreSQL a savepoint holds, but who waited in a circle has to let
    go of everything.
    """
    return sqlite_name(error) in _SQLITE or is_lost(error) or is_circle(error)


def is_circle(error: BaseException) -> bool:
    """Did two transactions wait for each other, so that PostgreSQL ended ours?  Asked again, it works."""
    return (sqlstate(error) or "").startswith("40")


def is_read_only(error: BaseException) -> bool:
    """Was a connection that only reads asked to write?"""
    return sqlite_name(error) == "SQLITE_READONLY" or sqlstate(error) == "25006"


def translated(error: BaseException, place: str) -> BaseException:
    """A fault of the database in our words; anything else as it is."""
    if (advice := _advice(error)) is not None:
        kind, words = advice
        fault = kind(f"the store {place}: {words} ({str(_driver(error)).strip()})")
    elif isinstance(error, PoolTimeout):
        fault = StoreBusy(f"the store {place}: too many readers at once ({error})")
    else:
        return error
    fault.__cause__ = error
    return fault


def in_doubt(error: BaseException, place: str) -> StoreFault:
    """The connection was lost while a server committed: the one fault after which something may have been kept."""
    fault = StoreFault(
        f"the store {place}: the connection was lost while work was being committed, and nobody can know whether it"
        f" was kept: look before it is done again ({str(_driver(error)).strip()})"
    )
    fault.__cause__ = error
    return fault


@contextmanager
def faults(place: str) -> Generator[None]:
    """Within it the database's faults become ours."""
    try:
        yield
    except NoSuchModuleError as error:
        raise ValueError(f"the store {place}: SQLite and PostgreSQL are what a store can be on") from error
    except ModuleNotFoundError as error:
        if error.name not in ("psycopg", "psycopg_binary"):
            raise
        raise StoreFault(f"the store {place} needs psycopg, which isn't installed (docs/operations.md)") from error
    except Exception as error:
        if (ours := translated(error, place)) is not error:
            raise ours from error
        raise


def _driver(error: BaseException) -> BaseException:
    """The driver's own exception."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _advice(error: BaseException) -> _Advice | None:
    """What we say about it; None: it is no fault of the database."""
    if name := sqlite_name(error):
        return _SQLITE.get(name)
    if code := sqlstate(error):
        found = _POSTGRESQL.get(code) or _POSTGRESQL.get(code[:2])
        return found or (_LOST if is_lost(error) else None)
    if is_lost(error):
        return _LOST
    # psycopg gives no code where there was no server to send one, and for whatever it says at the door
    return _UNREACHABLE if isinstance(error, OperationalError) and hasattr(_driver(error), "sqlstate") else None
