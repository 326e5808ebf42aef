"""The way to the database: one writer that commits in groups, readers that wait for nobody.

Rules:
  a job is a function of a connection; it touches nothing else, because it may be run a second time;
  a job's future is done only when what it wrote is on the disk (SQLite: WAL, synchronous=FULL);
  a job that fails fails alone: its neighbours in the same transaction are kept;
  no fault of the disk or the server ends the writer; each is a `StoreFault` that says what to do;
  a reading job sees the store as it was at one moment, however many questions it asks.

Theory.  SQLite lets one connection write at a time, and a durable commit costs a sync of the disk.  So one thread
owns the writing connection, takes every job that has queued up while it was busy, and commits them together: under
load the cost of a commit is shared, alone a job pays for its own and nothing more.  Readers are separate threads on
connections that cannot write; with WAL they see everything that has been acknowledged and block nobody.
On PostgreSQL the same code runs; there the group is only a saving of round trips.  What others do meanwhile can end a
transaction there that has done nothing wrong (two wait for each other; the server was restarted): it is asked once
more by itself, unless it was lost while being committed, when nobody can know what was kept.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from domain import migrations
from domain.store_faults import (
    StoreBusy,
    StoreClosed,
    StoreDamaged,
    StoreFault,
    StoreFull,
    StoreTooNew,
    faults,
    in_doubt,
    is_circle,
    is_fault,
    is_lost,
    is_read_only,
    sqlite_name,
    tears,
    translated,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

__all__ = [
    "Connection",
    "Store",
    "StoreBusy",
    "StoreClosed",
    "StoreDamaged",
    "StoreFault",
    "StoreFull",
    "StoreTooNew",
]

GROUP: Final = 128
"""The most jobs in one transaction: a bound on how long the first of them waits for the last."""


LONGEST_REST: Final = 0.25
"""Seconds: a transaction that waited for the database itself need not be paid for without end."""


AGAIN: Final = 3
"""How often a job is asked once more that met others half-way; each time one of them has got through."""


class _Job(Generic[T]):
    """Work for the writer, and where its result goes."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.future: Future[T] = Future()
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self, conn: Connection) -> None:
        self.result, self.error = None, None
        try:
            self.result = self.work(conn)
        except BaseException as error:  # the writer outlives whatever a job does
            self.error = error

    def settle(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]


class Store:
    """The store of one process.  Make it with `open`; it is also a context manager that closes."""

    def __init__(self, writer: Engine, reader: Engine, *, place: str, readers: int, rest: float) -> None:
        self._rest = rest
        self._writer = writer
        self._reader = reader
        self._place = place
        self._conn: Connection | None = None
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._gate = threading.Lock()  # between `write` and `close`: nothing is queued behind the end
        self._closed = False
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-reader")
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, url: str, *, busy: float = 5.0, readers: int = 2, rest: float = 0.0) -> Self:
        """Open the database at `url`, creating it or bringing its schema up to date first.

        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, or one of PostgreSQL.
        busy: seconds to wait while another process writes.  readers: threads for `read`.
        rest: how many times as long as a transaction took the database is left alone after it (`LONGEST_REST` at
        most): for processes that write much beside a hotline, since SQLite's lock is not fair and they would starve
        it (docs/decisions/068).
        Several processes may open the same new database at once: one migrates, the others wait.
        Raises StoreFault (StoreTooNew, StoreDamaged, ...) with what to do about it; ValueError for a bad url.
        """
        place = _place(url)
        with faults(place):
            _prepare(url, busy)
            writer = _engine(url, busy, writes=True, size=1)
            try:
                migrations.upgrade(writer)
            except migrations.UnknownRevision as unknown:
                raise StoreTooNew(
                    f"{place} was made by a newer version of this program (schema {unknown}); "
                    "start that version, or restore the copy from before the update"
                ) from None
            finally:
                writer.dispose()
        return cls(
            _engine(url, busy, writes=True, size=1), _engine(url, busy, writes=False, size=readers),
            place=place, readers=readers, rest=rest,
        )  # fmt: skip

    def write(self, job: Callable[[Connection], T]) -> Future[T]:
        """Run `job` in a transaction; the future has its result once that is durable, or what it raised.

        A job must not commit, roll back, or ask for another job.  A future cancelled before its turn is skipped.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a job asked for another job, which cannot begin before this one ends")
        queued = _Job(job)
        with self._gate:
            if self._closed:
                raise StoreClosed(f"the store {self._place} is closed")
            self._queue.put(queued)
        return queued.future

    def read(self, job: Callable[[Connection], T]) -> Future[T]:
        """Run `job` on a connection that cannot write.  It sees every write that was acknowledged before."""

        def once() -> T:
            with self._reader.connect() as conn, conn.begin():
                return job(conn)

        def reading() -> T:
            try:
                try:
                    return once()
                except Exception as error:
                    if not is_lost(error):
                        raise
                    return once()  # the server was restarted since this connection was used last
            except Exception as error:
                if is_read_only(error):
                    raise TypeError("a reading job tried to write: give it to Store.write") from error
                raise translated(error, self._place) from error.__cause__

        with self._gate:
            if self._closed:
                raise StoreClosed(f"the store {self._place} is closed")
            return self._readers.submit(reading)

    def close(self) -> None:
        """Finish everything that was asked for, then let go of the database.  May be called twice."""
        with self._gate:
            first, self._closed = not self._closed, True
            if first:
                self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()
        self._writer.dispose()
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The writer's thread

    def _serve(self) -> None:
        open_ = True
        while open_:
            taken = [self._queue.get()]
            try:
                while len(taken) < GROUP:
                    taken.append(self._queue.get_nowait())
            except Empty:
                pass
            open_ = None not in taken
            jobs = [job for job in taken if job is not None and job.future.set_running_or_notify_cancel()]
            began = time.monotonic()
            if jobs:
                try:
                    self._commit(jobs)
                except BaseException as error:  # a mistake of ours in here must not leave callers waiting for ever
                    log.exception("the writer made a mistake; %d jobs are told", len(jobs))
                    for job in jobs:
                        job.error = error
                for job in jobs:
                    job.settle()
            if open_ and self._rest:
                time.sleep(min((time.monotonic() - began) * self._rest, LONGEST_REST))
        self._drop()

    def _commit(self, jobs: Sequence[_Job[Any]], again: int = AGAIN) -> None:
        """Run them in one transaction; when that is lost half-way, each in one of its own.

        again: how often a job alone is asked once more, that others got into the way of.
        """
        try:
            conn = self._connection()
            transaction = conn.begin()
        except Exception as error:  # nothing has run yet, and asking again for each would wait as long again
            self._drop()
            for job in jobs:
                job.error = translated(error, self._place)
            return
        done = False
        try:
            with transaction:
                if len(jobs) == 1:
                    jobs[0].run(conn)
                    if jobs[0].error is not None:
                        raise jobs[0].error
                else:
                    for job in jobs:
                        self._apart(conn, job)
                done = True
        except BaseException as error:
            if is_fault(error):
                self._drop()  # a fresh one next time: this one may be tied to a lost file or a torn transaction
            if done and is_lost(error):  # it may have been kept, and must not be done twice
                for job in jobs:
                    job.error = in_doubt(error, self._place)
                return
            if len(jobs) == 1:
                if again and (is_lost(error) or is_circle(error)):
                    log.info("a job is asked once more (%s)", error)
                    self._commit(jobs, again - 1)
                else:
                    jobs[0].error = translated(error, self._place)
                return
            log.warning("a transaction of %d jobs was lost (%s); each is tried alone", len(jobs), error)
            for job in jobs:
                self._commit([job])

    def _apart(self, conn: Connection, job: _Job[Any]) -> None:
        """Run a job so that its failure leaves its neighbours' work alone."""
        conn.exec_driver_sql("SAVEPOINT job")
        job.run(conn)
        if job.error is None:
            conn.exec_driver_sql("RELEASE SAVEPOINT job")
            return
        if tears(job.error):
            raise job.error  # everybody's work is gone: see what each can do alone
        conn.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        conn.exec_driver_sql("RELEASE SAVEPOINT job")
        job.error = translated(job.error, self._place)

    def _connection(self) -> Connection:
        if self._conn is None or self._conn.invalidated:
            self._drop()
            self._conn = self._writer.connect()
        return self._conn

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            try:
                conn.invalidate()
                conn.close()
            except Exception as error:  # it was broken anyway
                log.debug("while dropping a broken connection: %s", error)


# Connections


def _place(url: str) -> str:
    """The database as a message may name it: a path, or an address without its password."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise ValueError(f"{url!r} is not the address of a database; try sqlite:///hotline.db") from error
    if parsed.get_backend_name() != "sqlite":
        return parsed.render_as_string(hide_password=True)
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("a store needs a file: readers have connections of their own; try sqlite:///hotline.db")
    return str(parsed.database)


def _prepare(url: str, busy: float) -> None:
    """Put a SQLite file into WAL mode, once for ever.  SQLite's own waiting does not cover this switch."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return
    folder = Path(str(parsed.database)).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreFault(f"the store's folder {folder} cannot be made: {error.strerror}") from error
    _create_private(Path(str(parsed.database)))
    engine = _engine(url, busy, writes=True, size=1)
    until = time.monotonic() + busy
    try:
        while (mode := _switch_to_wal(engine)) is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        engine.dispose()
    if mode is None:
        raise StoreBusy(f"the store {parsed.database}: another process keeps it locked: find it (fuser FILE)")
    if mode != "wal":
        raise StoreFault(f"the store {parsed.database} cannot be kept in WAL mode ({mode}): use a local disk")
    _make_private(str(parsed.database))


def _create_private(file: Path) -> None:
    """A new database is its owner's alone, and so are its -wal and -shm, to which SQLite gives the same rights.

    One that exists is not opened and closed here: that would drop SQLite's own locks on it (sqlite.org/howtocorrupt,
    2.2).
    """
    with suppress(OSError):  # it exists, or SQLite will say what is wrong
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(database: str) -> None:
    """An older database becomes its owner's alone, too."""
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):  # not there, or another user's, who has to see to it
            Path(f"{database}{suffix}").chmod(0o600)


def _switch_to_wal(engine: Engine) -> str | None:
    """The mode that the file is in now; None when somebody is in the way."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        mode = cursor.fetchone()
        assert mode is not None
        return str(mode[0])
    except sqlite3.OperationalError as error:
        if sqlite_name(error) in ("SQLITE_BUSY", "SQLITE_LOCKED"):
            return None
        raise
    finally:
        raw.close()


def _engine(url: str, busy: float, *, writes: bool, size: int) -> Engine:
    parsed = sa.make_url(url)
    more: dict[str, Any] = {}
    if parsed.get_backend_name() == "postgresql":
        more["connect_args"] = {name: value for name, value in _patience(busy).items() if name not in parsed.query}
        if not writes:
            more["isolation_level"] = "REPEATABLE READ"  # one moment for all that a job asks; SQLite always does so
    # How many rows an INSERT made is asked of the driver only when it is asked for; on SQLite it is there anyway.
    engine = sa.create_engine(
        url, pool_size=size, max_overflow=0, pool_timeout=30, execution_options={"preserve_rowcount": True}, **more
    )
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "connect")
        def _(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
            _take_any_text(connection)
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(f"SET lock_timeout = {int(busy * 1000)}")
            if not writes:
                cursor.execute("SET default_transaction_read_only = on")
            cursor.close()
            connection.autocommit = False

    if engine.dialect.name != "sqlite":
        return engine

    # SQLAlchemy's recipe for SQLite: its driver must not begin transactions by itself, or savepoints and DDL leak.
    @event.listens_for(engine, "connect")
    def _(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None  # pyright: ignore[reportAttributeAccessIssue]
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(busy * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        if not writes:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    # A writer that began as a reader could be refused half-way; so it asks for the lock at once.
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "begin")
    def _(conn: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        conn.exec_driver_sql(begin)

    return engine


def _take_any_text(connection: Any) -> None:
    """PostgreSQL refuses a NUL in a text, SQLite takes it: who sends one in an address or a form
    gets the sign for what can't be shown, and finds nothing by it."""
    from psycopg.types.string import StrDumperUnknown  # the driver is there by now; it is an extra

    class Dumper(StrDumperUnknown):
        def dump(self, obj: str) -> bytes | bytearray | memoryview | None:
            return super().dump(obj.replace("\0", "\ufffd"))

    connection.adapters.register_dumper(str, Dumper)


def _patience(busy: float) -> dict[str, int]:
    """How long libpq waits for a server that doesn't answer, in the units of its parameters.  By itself it would wait
    two minutes for one that can't be reached, and a quarter of an hour for one whose network was lost."""
    return {
        "connect_timeout": max(2, round(busy)),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
