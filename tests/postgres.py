"""A PostgreSQL of this test run: on a socket in a folder of its own, ended with the run.

It is started as the user `postgres` when tests run as root, which PostgreSQL refuses.  Where there is none installed,
tests that need it are skipped, and say so.
"""

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from domain.store import Store

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
UKRAINIAN = ("--locale-provider=icu", "--icu-locale=uk")
"""As a company here has it: text is not in the order of its bytes (nor is the server's time zone UTC)."""
_count = itertools.count(1)


@lru_cache
def _cluster():
    """The folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if who:
        shutil.chown(folder, "postgres", "postgres")
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **who}
    data = folder / "data"
    made = ["-U", "ivr", "-A", "trust", "-E", "UTF8", *UKRAINIAN, "--no-sync"]
    subprocess.run([BIN / "initdb", "-D", data, *made], **run)
    settings = {
        "listen_addresses": "''", "fsync": "off", "autovacuum": "off", "shared_buffers": "32MB",
        "max_connections": 40, "timezone": "Europe/Kyiv", "deadlock_timeout": "200ms",
    }  # fmt: skip
    options = " ".join([f"-k {folder}", *(f"-c {name}={value}" for name, value in settings.items())])
    subprocess.run([BIN / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **run)

    def stop():
        subprocess.run([BIN / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **{**run, "check": False})
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return folder


def on_both(module, default=()):
    """Whether this module's tests run on SQLite and on PostgreSQL: those of `default`, others by the environment.

    IVR_TEST_ON_BOTH: names of modules, with spaces between; it takes the place of the default.
    """
    named = os.environ.get("IVR_TEST_ON_BOTH")
    return module.__name__.rpartition(".")[2] in (default if named is None else named.split())


def _admin(*words):
    """Run one command of SQL beside all databases of the tests."""
    with psycopg.connect(f"host={_cluster()} user=ivr dbname=postgres", autocommit=True) as conn:
        conn.execute(sql.SQL(" ").join(word if isinstance(word, sql.Composable) else sql.SQL(word) for word in words))


def _name(url):
    return sql.Identifier(url.rpartition("@/")[2].partition("?")[0])


@lru_cache
def _template(fill=None, at=None):
    """A database with our tables and what `fill(conn, at)` writes, to be copied: making one takes seconds."""
    url = new_database()
    with Store.open(url) as store:
        if fill is not None:
            store.write(lambda conn: fill(conn, at)).result()
    return url


def new_database(*, empty=True, fill=None, at=None):
    """The URL of a new database: without anything in it, with our tables (empty=False), or with what `fill(conn, at)`
    writes into them.  It is gone with the run; who makes many says `drop`."""
    if BIN is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    name = f"t{next(_count)}"
    like = ("TEMPLATE", _name(_template(fill, at))) if fill or not empty else ()
    # files copied, not written through the log: a quarter of the time, where nothing has to outlive a crash
    _admin("CREATE DATABASE", sql.Identifier(name), *like, "STRATEGY file_copy")
    return f"postgresql+psycopg://ivr@/{name}?host={_cluster()}"


def drop(url):
    """Remove it, whoever is connected."""
    _admin("DROP DATABASE", _name(url), "WITH (FORCE)")


def throw_out(url):
    """End all connections to it, as a restart of the server does."""
    name = sql.Literal(url.rpartition("@/")[2].partition("?")[0])
    _admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =", name)
