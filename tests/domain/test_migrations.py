"""The schema's past leads to its present."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from domain import migrations
from domain.store import Store
from domain.tables import metadata


@pytest.fixture
def engine(url: str):
    made = sa.create_engine(url)
    yield made
    made.dispose()


def schema(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as conn:
        return [tuple(row) for row in conn.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name")]


def test_an_empty_database_is_brought_to_what_tables_says(url: str, engine: sa.Engine):
    Store.open(url).close()
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata) == []


def test_opening_again_changes_nothing(url: str, engine: sa.Engine):
    Store.open(url).close()
    before = schema(engine)
    Store.open(url).close()
    assert schema(engine) == before


def test_every_step_can_be_gone_back_and_forth(url: str, engine: sa.Engine):
    Store.open(url).close()
    before = schema(engine)
    with engine.begin() as conn:
        command.downgrade(migrations.config(conn), "base")
    assert [name for name, _ in schema(engine) if name != "alembic_version" and "autoindex" not in name] == []
    Store.open(url).close()
    assert schema(engine) == before


def test_the_past_is_one_line_without_branches():
    scripts = ScriptDirectory.from_config(migrations.config())
    assert len(scripts.get_heads()) == 1
    files = [Path(each.path).name for each in scripts.walk_revisions()]
    assert files == sorted(files, reverse=True)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_made_on_postgresql(table: sa.Table):
    dialect = postgresql.dialect()
    text = str(CreateTable(table).compile(dialect=dialect))
    assert "ROWID" not in text
    assert ("TIMESTAMP WITH TIME ZONE" in text) == any("at" in c.name.split("_") for c in table.columns)
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=dialect)).startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


def test_the_newest_file_is_alembics_head() -> None:
    assert migrations.head() == ScriptDirectory.from_config(migrations.config()).get_current_head()


def test_what_the_first_version_stored_is_there_after_the_second_came(url: str, engine: sa.Engine):
    with engine.begin() as conn:
        command.upgrade(migrations.config(conn), "0001")
        for statement in (
            "INSERT INTO accounts (number) VALUES ('1000000018')",
            "INSERT INTO meters (id, account, number, multiplier, power) VALUES (7, '1000000018', '0100001', 1, 15)",
            "INSERT INTO registers (id, meter, zone, width, usual) VALUES (9, 7, 'single', 5, 6.0)",
            "INSERT INTO readings (register, value, read_on, at, source, status)"
            " VALUES (9, 2150, '2026-10-31', '2026-10-31 12:00:00.000000', 'inspector', 'accepted')",
        ):
            conn.exec_driver_sql(statement)

    with Store.open(url) as store:
        found = store.read(
            lambda conn: conn.exec_driver_sql(
                "SELECT m.account, m.smart, g.zone, g.energy, r.value, r.purpose, r.period FROM readings r"
                " JOIN registers g ON g.id = r.register JOIN meters m ON m.id = g.meter"
            ).all()
        ).result()

        assert [tuple(row) for row in found] == [("1000000018", 0, "single", "active", 2150, "billing", None)]
        with pytest.raises(sa.exc.IntegrityError):  # references are looked after again
            store.write(
                lambda conn: conn.exec_driver_sql("INSERT INTO registers (meter, zone, width) VALUES (99, 'x', 5)")
            ).result()
