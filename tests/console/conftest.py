"""The console in process, for tests of its pages."""

import pytest
from web_world import World

from tests.postgres import on_both

ON_BOTH = frozenset[str]()
"""Modules whose tests run on both databases by themselves: none, pages ask `domain` (docs/decisions/132)."""


def pytest_generate_tests(metafunc):
    """Every World in these modules is made twice."""
    if "database" in metafunc.fixturenames and on_both(metafunc.module, ON_BOTH):
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def database(request):
    """What Worlds are made on; one that several tests share asks for it, to be made on each."""
    World.database = getattr(request, "param", "sqlite")
    yield World.database
    World.database = "sqlite"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()
