"""A database with the demo's customers, to be copied: making one takes longer than most tests."""

import tempfile
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from domain import demo
from domain.store import Store

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)  # a Monday, 11:00 in Kyiv, within the window of November

_KEPT = []  # folders, until the process ends


@lru_cache
def filled(at=NOW):
    """The file, as it is at this moment.  Once for a process."""
    folder = tempfile.TemporaryDirectory()
    with Store.open(f"sqlite:///{folder.name}/filled.db") as store:
        store.write(lambda conn: demo.load(conn, at)).result()
    _KEPT.append(folder)
    return Path(folder.name) / "filled.db"
