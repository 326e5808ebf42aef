"""The schema's past leads to its present."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from domain import calls, debts, demo, migrations, staff, trail, transcripts
from domain.calls import Line
from domain.commands import RegisterRequest, ReportOutage, SubmitReading
from domain.handlers import perform
from domain.model import Began, Language, OutageKind, Outcome, ReplyBy, RequestKind, Told, Topic, Zone
from domain.roles import Role
from domain.store import Store
from domain.tables import metadata, readings, requests
from domain.transcription import Transcription, Word
from tests.domain.business import HOUR, ONE, TWO, settle
from tests.domain.conftest import NOW
from tests.postgres import drop, new_database

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def url(database: str, tmp_path: Path) -> Iterator[str]:
    """Where nothing is yet, on PostgreSQL neither."""
    made = new_database() if database == "postgresql" else f"sqlite:///{tmp_path / 'hotline.db'}"
    yield made
    if database == "postgresql":
        drop(made)


@pytest.fixture
def engine(url: str):
    made = sa.create_engine(url)
    yield made
    made.dispose()


POSTGRESQL_SCHEMA = """
SELECT table_name || '.' || column_name AS name,
       concat_ws(' ', data_type, character_maximum_length, collation_name, is_nullable, column_default,
                 identity_generation) AS what
  FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT relname, 'sequence' FROM pg_class WHERE relkind = 'S'
ORDER BY 1, 2
"""


def schema(engine: sa.Engine) -> list[tuple[str, str]]:
    """Everything in it by name, as the database would make it again."""
    asked = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with engine.connect() as conn:
        of = POSTGRESQL_SCHEMA if conn.dialect.name == "postgresql" else asked
        return [tuple(row) for row in conn.exec_driver_sql(of)]


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
    left = [name for name, _ in schema(engine) if "alembic_version" not in name and "autoindex" not in name]
    assert left == []
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

        assert [tuple(row) for row in found] == [("1000000018", False, "single", "active", 2150, "billing", None)]
        with pytest.raises(sa.exc.IntegrityError):  # references are looked after again
            store.write(
                lambda conn: conn.exec_driver_sql("INSERT INTO registers (meter, zone, width) VALUES (99, 'x', 5)")
            ).result()


OLD = "0003"
"""What the first version with speech made: the oldest whose stores hold everything that the console came to show."""


def fill(store: Store) -> None:
    """A day of the business, by the program's own commands."""

    def customers(conn: Connection) -> None:
        demo.load(conn, NOW)
        settle(conn)
        for n, call in enumerate(("c1", "c2", "c3")):
            calls.begin(conn, Began(call, "+380671234567" if n else None, "100", NOW + n * MINUTE), "controller-1")

    def talk(conn: Connection) -> None:
        told = Told(NOW + 10 * SECOND, NOW + 25 * SECOND)
        for seq, asked in enumerate((
            SubmitReading(TWO, "0100002", Zone.SINGLE, 7500),
            ReportOutage(OutageKind.NO_SUPPLY, ONE),
            RegisterRequest(RequestKind.COMPLAINT, Topic.OTHER, ReplyBy.PHONE, told=told),
        )):  # fmt: skip
            calls.append(
                conn, "c1", Line(seq, NOW + seq * SECOND, type(asked).__name__, "?", "так ї", confidence=0.75)
            )
            perform(conn, asked, call="c1", seq=seq, at=NOW + seq * SECOND)
        seal = {"sha256": "0" * 64, "seconds": 60.0, "bytes": 1_920_044, "at": NOW + MINUTE}
        calls.recording_sealed(conn, "c1", "recordings/c1.wav", **seal)
        calls.end(conn, "c1", Outcome.READING_TAKEN, at=NOW + MINUTE)
        calls.end(conn, "c2", Outcome.INFORMED, at=NOW + 2 * MINUTE)  # the third one goes on

    def write_down(conn: Connection) -> None:
        later = NOW + HOUR
        assert transcripts.owe(conn, "vosk", transcripts.unwritten(conn, "vosk", ("uk",), later), later) == 1
        work = transcripts.take(conn, {"vosk": ("uk",)}, later, HOUR)
        assert work is not None
        made = Transcription((Word("немає", 0.5, 0.9, 0.9), Word("світла", 1.0, 1.4, 0.6)), "a model", "a remark")
        assert transcripts.finish(conn, work, made, transcripts.suggested(made), later)

    for job in (customers, talk, write_down):
        store.write(job).result()


def rows(engine: sa.Engine, of: Mapping[str, sa.Table]) -> dict[str, list[tuple[Any, ...]]]:
    """All of these tables, as the database itself has them."""
    with engine.connect() as conn:
        return {
            name: sorted((tuple(row) for row in conn.execute(sa.select(table))), key=repr)
            for name, table in of.items()
        }


def tables(engine: sa.Engine) -> dict[str, sa.Table]:
    found = sa.MetaData()
    found.reflect(engine)
    return {table.name: table for table in found.sorted_tables if table.name != "alembic_version"}


def test_a_filled_store_of_before_the_console_keeps_every_row_and_its_calls_are_owed_to_the_index(
    url: str, engine: sa.Engine
):
    """Written by commands, then brought back to the schema that a store of then had: of the tables of then nothing
    is lost on this way, which is made sure of first."""
    with engine.begin() as conn:
        command.upgrade(migrations.config(conn), OLD)
    then, past = tables(engine), schema(engine)
    with Store.open(url) as store:
        fill(store)
    written = rows(engine, then)
    filled = {name for name, found in written.items() if found}
    assert filled >= {
        "accounts", "buildings", "caller_accounts", "calls", "events", "incidents", "journal", "meters",
        "outage_reports", "readings", "recordings", "registers", "request_events", "requests", "submissions",
        "transcripts",
    }  # fmt: skip
    with engine.begin() as conn:
        command.downgrade(migrations.config(conn), OLD)
    assert schema(engine) == past
    assert rows(engine, then) == written

    with Store.open(url) as store:
        assert rows(engine, then) == written
        assert store.read(lambda conn: {debt.call for debt in debts.owed(conn, 100)}).result() == {"c1", "c2"}
        assert store.read(lambda conn: conn.scalar(sa.select(sa.func.max(requests.c.assigned_to)))).result() is None

        def go_on(conn: Connection) -> tuple[int, int]:  # keys go on where they were
            before = conn.scalar(sa.select(sa.func.max(readings.c.id)))
            perform(conn, SubmitReading(ONE, "0100001", Zone.SINGLE, 2200), call="c3", seq=0, at=NOW + HOUR)
            calls.end(conn, "c3", Outcome.READING_TAKEN, at=NOW + HOUR)
            staff.add(
                conn, login="olha", name="Ольга", role=Role.SUPERVISOR, language=Language.UK, password=None, at=NOW
            )
            trail.note(conn, "olha", "recording.heard", at=NOW, of="c1")
            return before or 0, conn.scalar(sa.select(sa.func.max(readings.c.id))) or 0

        before, after = store.write(go_on).result()
        assert 0 < before < after
        assert store.read(lambda conn: {debt.call for debt in debts.owed(conn, 100)}).result() == {"c1", "c2", "c3"}
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata) == []
