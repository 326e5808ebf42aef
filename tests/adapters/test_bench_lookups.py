"""What a call asks of the store: nothing is forgotten, and no question goes through a table that grows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.figures import LookupsRun, Machine
from bench.lookups import CALLS, SPECIMENS, Bench, call_path, measure, scans
from domain.demo.generate import generate
from domain.handlers import HANDLERS
from domain.model import Language
from domain.store import Store
from domain.tables import caller_numbers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LookupsRun:
    """SQLite chooses a plan by the indexes, not by the number of rows (nothing was ANALYZEd)."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('lookups') / 'hotline.db'}") as store:
        generate(store, 60, at=datetime.now(UTC))
        return measure(store, 2)


def test_every_command_of_a_conversation_is_measured():
    assert set(SPECIMENS) == set(call_path()) <= set(HANDLERS)


def test_every_query_of_a_call_descends_an_index(run: LookupsRun):
    assert scans(run) == []
    assert {each.name for each in run.lookups} == {kind.__name__ for kind in call_path()} | set(CALLS)
    assert any("USING INDEX" in step for each in run.lookups for step in each.plan)


def test_a_query_that_goes_through_a_table_is_told(tmp_path: Path):
    with Store.open(f"sqlite:///{tmp_path / 'hotline.db'}") as store:
        looked = Bench(store, 1).call(
            "by language",
            lambda conn, _: conn.execute(
                caller_numbers.select().where(caller_numbers.c.language == Language.UK)
            ).all(),
            False,
            1,
        )
    assert scans(LookupsRun(machine=Machine.this(), accounts=1, limit=5.0, lookups=[looked])) == [
        "by language: SCAN caller_numbers"
    ]
