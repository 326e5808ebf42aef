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

import pytest

from domain.store import Store

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None, key=lambda path: int(path.parent.name))
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
    subprocess.run([BIN / "initdb", "-D", data, "-U", "ivr", "-A", "trust", "-E", "UTF8", "--no-sync"], **run)
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=32MB -c max_connections=40"
    subprocess.run([BIN / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **run)

    def stop():
        subprocess.run([BIN / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **{**run, "check": False})
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return folder


@lru_cache
def _template():
    """The name of a database with our tables and nothing in them."""
    url = new_database()
    Store.open(url).close()
    return url.rpartition("@/")[2].partition("?")[0]


def new_database(*, empty=True):
    """The URL of a new database: without anything in it, or with our tables already (empty=False, much faster)."""
    if BIN is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder, name = _cluster(), f"t{next(_count)}"
    copied = [] if empty else ["-T", _template()]
    subprocess.run([BIN / "createdb", "-h", folder, "-U", "ivr", *copied, name], check=True)
    return f"postgresql+psycopg://ivr@/{name}?host={folder}"
