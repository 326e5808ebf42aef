"""A store of its own for each test; copied, since making one takes longer than most tests."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from domain import calls, demo
from domain.model import Began
from domain.store import Store
from tests.postgres import drop, new_database, on_both

NOW = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)  # 23:30 in Kyiv

Run = Callable[[Callable[[Connection], Any]], Any]


ON_BOTH = frozenset({"test_stored_calls", "test_handlers", "test_analytics", "test_migrations", "test_plans"})
"""Modules whose tests run on SQLite and on PostgreSQL (docs/decisions/132)."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What uses a store in these modules does so twice, unless it is about SQLite's own ways."""
    names = metafunc.fixturenames
    if "database" in names and "on_sqlite" not in names and on_both(metafunc.module, ON_BOTH):
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def on_sqlite() -> None:
    """What asks for this is about SQLite's own ways."""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which one it is on."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def url(database: str, tmp_path: Path) -> Iterator[str]:
    """Where no database is yet (PostgreSQL's has our tables)."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'hotline.db'}"
        return
    made = new_database(empty=False)
    yield made
    drop(made)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "hotline.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(database: str, url: str, empty: Path, tmp_path: Path) -> Iterator[Store]:
    if database == "sqlite":
        shutil.copy(empty, tmp_path / "hotline.db")
    with Store.open(url) as opened:
        yield opened


@pytest.fixture
def run(store: Store) -> Run:
    """Do one job in a transaction and wait for it; the demo customers and a call "c1" are there."""

    def now(job: Callable[[Connection], Any]) -> Any:
        return store.write(job).result()

    now(lambda conn: demo.load(conn, NOW))
    now(lambda conn: calls.begin(conn, Began("c1", "+380440000001", "100", NOW), "controller-1"))
    return now
