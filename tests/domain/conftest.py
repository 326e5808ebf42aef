"""A store of its own for each test; copied, since making one takes longer than most tests."""

import os
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
from tests.postgres import new_database

NOW = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)  # 23:30 in Kyiv

Run = Callable[[Callable[[Connection], Any]], Any]


ON_BOTH = frozenset(os.environ.get("IVR_TEST_ON_BOTH", "test_stored_calls test_handlers test_analytics").split())
"""Modules whose tests run on SQLite and on PostgreSQL; others can be named in the environment."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What uses a store in these modules does so twice."""
    if "database" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """Which one it is on."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def url(database: str, tmp_path: Path) -> str:
    """Where no database is yet (PostgreSQL's has our tables)."""
    return new_database(empty=False) if database == "postgresql" else f"sqlite:///{tmp_path / 'hotline.db'}"


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
