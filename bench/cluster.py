"""A PostgreSQL of our own for a measurement: on a socket in a folder, ended with the run, the data kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """Where the newest one that is installed has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The URL of a database in a cluster that lies in `folder`; both are made if they aren't there.

    As it comes, but for `shared_buffers`, an eighth of a small machine's memory; fsync stays on.
    """
    programs = binaries()
    if programs is None:
        sys.exit("bench: PostgreSQL is not installed: apt-get install postgresql")
    run = {"check": True, "stdout": subprocess.DEVNULL}
    if os.getuid() == 0:  # which PostgreSQL refuses
        run |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, socket = folder / "data", folder
    if not data.exists():
        subprocess.run([programs / "initdb", "-D", data, "-U", "ivr", "-A", "trust", "-E", "UTF8"], cwd=folder, **run)
    options = f"-k {socket} -c listen_addresses='' -c shared_buffers=1GB -c max_wal_size=4GB"
    subprocess.run(
        [programs / "pg_ctl", "-D", data, "-w", "-t", "120", "-l", folder / "log", "-o", options, "start"],
        cwd=folder, **run,
    )  # fmt: skip
    try:
        there = subprocess.run(
            [programs / "psql", "-h", socket, "-U", "ivr", "-Atc", "SELECT 1 FROM pg_database WHERE datname = 'ivr'",
             "postgres"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        if not there.stdout.strip():
            subprocess.run([programs / "createdb", "-h", socket, "-U", "ivr", "ivr"], check=True)
        yield f"postgresql+psycopg://ivr@/ivr?host={socket}"
    finally:
        subprocess.run([programs / "pg_ctl", "-D", data, "-w", "-m", "fast", "stop"], cwd=folder, **run)
