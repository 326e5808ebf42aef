"""The console in process, for tests of its pages."""

import pytest
from web_world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()
