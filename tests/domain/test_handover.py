"""Readings go to the suppliers: each once at each stage, whatever crashes, and the same bytes when asked again."""

import csv
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from houses import NOVEMBER, OCTOBER, House, house, noon, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import plan
from sqlalchemy import delete, insert, select, update

from domain import handover
from domain.billing import close
from domain.desk_readings import ResolveReading
from domain.handlers import perform
from domain.handover import COLUMNS, File, NoSuchFile, Stage, content, export, files, hand_over
from domain.model import Doubt, Energy, Source, Zone
from domain.placing import NotWritten, place
from domain.store import Store
from domain.tables import (
    accounts,
    billings,
    closings,
    events,
    handover_files,
    handovers,
    meters,
    readings,
    registers,
    submissions,
)
from domain.window import Period
from tests.domain.conftest import Run

NOW = noon("11-05")


@pytest.fixture
def bare(store: Store) -> Run:
    """A store without anybody in it."""
    return lambda job: store.write(job).result()


def crowd(conn: Any, houses: int = 6) -> None:
    """Of two suppliers and of none; every third was not read in October."""
    for n in range(houses):
        supplier = ("Світло", "Grid/Co. 2", None)[n % 3]
        there = house(conn, f"70000000{n:02d}", (Zone.DAY, Zone.NIGHT), usual=3.0, supplier=supplier)
        for register in there.registers:
            read(conn, register, "10-01", 1000, Source.INSPECTOR)
            if n % 4:
                read(conn, register, "10-31", 1100 + n, closes=OCTOBER)


def shut(store: Store) -> None:
    list(close(store, OCTOBER, lambda: noon("11-04")))


def go(store: Store, folder: Path, **more: Any) -> list[File]:
    return list(hand_over(store, folder, lambda: NOW, **more))


def parsed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def on_disk(folder: Path) -> Counter[tuple[str, str]]:
    """How often each reading is in the files of each stage."""
    return Counter((row["stage"], row["reading"]) for path in folder.glob("*.csv") for row in parsed(path))


def due(run: Run) -> Counter[tuple[str, str]]:
    """What must be in the files, said in another way than the code does."""
    taken = select(readings.c.id).where(
        readings.c.status == "accepted", readings.c.source != "estimate", readings.c.period.is_not(None)
    )
    billed = select(billings.c.reading).join(closings, closings.c.period == billings.c.period)
    return Counter(
        (stage, str(each))
        for stage, statement in (("taken", taken), ("billed", billed.where(closings.c.closed_at.is_not(None))))
        for each in run(lambda conn, statement=statement: conn.execute(statement).scalars().all())
    )


# What is in a file


def test_a_file_says_what_was_read_by_whom_and_for_which_month(store: Store, bare: Run, tmp_path: Path):
    def make(conn: Any) -> House:
        there = house(conn, "7000000001", multiplier=40, supplier="Світло")
        conn.execute(update(accounts).values(eic="62Z1234567890123"))
        read(conn, there.registers[0], "10-01", 100, Source.INSPECTOR)
        kept = read(conn, there.registers[0], "10-31", 110, closes=OCTOBER)
        of = conn.execute(select(meters.c.id)).scalar_one()
        conn.execute(insert(submissions).values(id=9, receipt="00000013", meter=of, at=NOW))
        conn.execute(update(readings).where(readings.c.id == kept).values(submission=9))
        return there

    bare(make)
    shut(store)
    taken, billed = go(store, tmp_path)
    assert (tmp_path / taken.name).read_bytes() == (
        b"reading,stage,period,account,eic,meter,zone,energy,value,multiplier,read_on,source,received_at,receipt,used"
        b"\r\n2,taken,2026-10,7000000001,62Z1234567890123,m1,single,active,110,40,2026-10-31,caller,"
        b"2026-10-31T12:00:00Z,00000013,\r\n"
    )
    (row,) = parsed(tmp_path / billed.name)
    assert (row["stage"], row["value"], row["used"]) == ("billed", "110", "400")
    assert (billed.stage, billed.supplier, billed.period, billed.rows) == (Stage.BILLED, "Світло", OCTOBER.first, 1)


def test_a_file_is_of_one_stage_one_month_and_one_supplier(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    shut(store)
    written = go(store, tmp_path)
    assert sorted((each.stage.value, str(each.supplier)) for each in written) == [
        (stage, supplier) for stage in ("billed", "taken") for supplier in ("Grid/Co. 2", "None", "Світло")
    ]
    assert [each.name for each in written] == [
        "taken_2026-10_Grid-Co--2_000001.csv", "taken_2026-10_no-supplier_000002.csv",
        "taken_2026-10_Світло_000003.csv", "billed_2026-10_Grid-Co--2_000004.csv",
        "billed_2026-10_no-supplier_000005.csv", "billed_2026-10_Світло_000006.csv",
    ]  # fmt: skip
    for each in written:
        owners = {row["account"] for row in parsed(tmp_path / each.name)}
        suppliers = bare(
            lambda conn, o=owners: (
                conn.execute(select(accounts.c.supplier).where(accounts.c.number.in_(o))).scalars().all()
            )
        )
        assert set(suppliers) == {each.supplier}


def test_the_list_of_files_knows_rows_and_sums_and_what_happened_is_told(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    written = go(store, tmp_path)
    assert bare(files) == written
    for each in written:
        data = (tmp_path / each.name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == each.sha256
        assert data.decode().count("\r\n") - 1 == each.rows
        assert each.written_at == NOW
    assert [each.kind for each in bare(lambda conn: conn.execute(select(events)).all())] == ["handover.made"] * 3


def test_names_and_numbers_that_hold_commas_and_quotes_are_quoted(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    bare(lambda conn: conn.execute(update(meters).values(number='a,"b"\nc')))
    for each in go(store, tmp_path):
        assert {row["meter"] for row in parsed(tmp_path / each.name)} == {'a,"b"\nc'}


# What is handed over, and when


def test_control_doubtful_and_void_readings_are_not_handed_over_as_they_come(store: Store, bare: Run, tmp_path: Path):
    def make(conn: Any) -> House:
        there = house(conn, "7000000001")
        read(conn, there.registers[0], "10-15", 100)
        read(conn, there.registers[0], "10-31", 900, closes=OCTOBER, doubt=Doubt.HIGHER)
        return there

    bare(make)
    assert go(store, tmp_path) == []
    resolve = ResolveReading(2, True, "seen")
    bare(lambda conn: perform(conn, resolve, call=None, seq=None, at=NOW, by="Olena"))
    (file,) = go(store, tmp_path)
    assert [row["value"] for row in parsed(tmp_path / file.name)] == ["900"]


def test_what_was_billed_is_handed_over_when_all_of_the_month_is_closed(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    going = close(store, OCTOBER, lambda: noon("11-04"), batch=2)
    next(going)
    going.close()
    assert {each.stage for each in go(store, tmp_path)} == {Stage.TAKEN}
    shut(store)
    written = go(store, tmp_path)
    assert {each.stage for each in written} == {Stage.BILLED}
    assert {row["source"] for each in written for row in parsed(tmp_path / each.name)} == {"caller", "estimate"}


def test_readings_that_come_later_are_in_the_next_file(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    go(store, tmp_path)
    assert go(store, tmp_path) == []
    bare(lambda conn: read(conn, 3, "11-01", 1500, Source.WEB, closes=OCTOBER))
    (file,) = go(store, tmp_path)
    assert [(row["value"], row["source"]) for row in parsed(tmp_path / file.name)] == [("1500", "web")]


def test_one_supplier_alone_and_months_from_one_on(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    bare(lambda conn: read(conn, 3, "11-30", 1500, closes=NOVEMBER))
    assert [each.supplier for each in go(store, tmp_path, supplier="Світло")] == ["Світло"]
    assert [each.period for each in go(store, tmp_path, since=NOVEMBER)] == [NOVEMBER.first]
    assert all(each.period == OCTOBER.first for each in go(store, tmp_path))
    assert on_disk(tmp_path) == due(bare)


def test_large_suppliers_get_several_files(store: Store, bare: Run, tmp_path: Path):
    bare(lambda conn: crowd(conn, 18))
    written = go(store, tmp_path, rows=3)
    assert max(each.rows for each in written) == 3
    assert on_disk(tmp_path) == due(bare)


# Again


def test_a_lost_file_is_written_again_with_the_same_bytes_whatever_was_corrected(
    store: Store, bare: Run, tmp_path: Path
):
    bare(crowd)
    (file, *_) = go(store, tmp_path)
    before = (tmp_path / file.name).read_bytes()

    def corrected(conn: Any) -> None:
        conn.execute(update(accounts).values(supplier="another", eic="62Z0000000000000"))
        conn.execute(update(meters).values(number="another", multiplier=7))

    bare(corrected)
    again = export(store, file.name, tmp_path / "again")
    assert (again.name, again.read_bytes()) == (file.name, before)
    assert bare(lambda conn: content(conn, file.name)) == before


def test_a_file_that_nobody_made_is_not_exported(store: Store, bare: Run, tmp_path: Path):
    with pytest.raises(NoSuchFile, match=r"'x\.csv'"):
        export(store, "x.csv", tmp_path)


def test_a_folder_that_cannot_be_written_says_so_and_the_next_run_writes_the_same(
    store: Store, bare: Run, tmp_path: Path
):
    bare(crowd)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritten, match="nothing is lost"):
        go(store, tmp_path / "file")
    waiting = [each for each in bare(files) if each.written_at is None]
    assert len(waiting) == 1
    written = go(store, tmp_path / "good")
    assert (written[0].name, written[0].sha256) == (waiting[0].name, waiting[0].sha256)
    assert on_disk(tmp_path / "good") == due(bare)


def test_a_half_written_file_of_a_killed_run_is_written_over(tmp_path: Path):
    (tmp_path / ".a.csv.part").write_bytes(b"half of something much longer than the whole")
    assert place(tmp_path, "a.csv", b"whole").read_bytes() == b"whole"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


# Crashes

STEPS = ("_open", "_lines", "_put_down", "_seal", "_bytes", "place", "_written")


class Crash(Exception):
    """As if the process had ended here."""


def crashing(patch: pytest.MonkeyPatch, at: int) -> None:
    """Raise at the `at`th step of a run; before it, or, with an odd number, just after it."""
    count = 0

    def wrapped(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 2
            if count - 2 == at:
                raise Crash
            result = step(*args, **more)
            if count - 1 == at:
                raise Crash
            return result

        return run

    for name in STEPS:
        patch.setattr(handover, name, wrapped(getattr(handover, name)))


@given(st.lists(st.integers(0, 90), max_size=4), st.booleans(), st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_every_reading_is_handed_over_once_however_often_and_wherever_it_crashes(
    store: Store, bare: Run, tmp_path_factory: pytest.TempPathFactory, crashes: list[int], closed: bool, rows: int
):
    folder = tmp_path_factory.mktemp("files")

    def fresh(conn: Any) -> None:
        for table in (handovers, handover_files, billings, closings, readings, registers, meters, accounts):
            conn.execute(delete(table))
        crowd(conn)

    bare(fresh)
    if closed:
        shut(store)
    seen: dict[str, bytes] = {}
    for at in crashes:
        with pytest.MonkeyPatch.context() as patch:
            crashing(patch, at)
            try:
                go(store, folder, rows=rows)
            except Crash:
                pass
        for path in folder.glob("*.csv"):
            assert seen.setdefault(path.name, path.read_bytes()) == path.read_bytes()
    go(store, folder, rows=rows)
    assert on_disk(folder) == due(bare)
    assert set(on_disk(folder).values()) <= {1}
    for name, data in seen.items():
        assert (folder / name).read_bytes() == data
    assert {each.name for each in bare(files)} == {each.name for each in folder.glob("*.csv")}
    assert go(store, folder, rows=rows) == []


@pytest.mark.parametrize("at", [1, 4, 7, 10, 13, 16, 25, 40])
def test_kill_9_at_a_system_call_loses_nothing_and_repeats_nothing(
    store: Store, bare: Run, url: str, tmp_path: Path, at: int
):
    bare(crowd)
    shut(store)
    folder = tmp_path / "files"
    child = subprocess.run([sys.executable, "-c", HANDING, url, str(folder), str(at)], cwd=ROOT)
    assert child.returncode == -9
    seen = {path.name: path.read_bytes() for path in folder.glob("*.csv")} if folder.exists() else {}
    go(store, folder, rows=3)
    assert on_disk(folder) == due(bare)
    for name, data in seen.items():
        assert (folder / name).read_bytes() == data
    for each in bare(files):
        assert hashlib.sha256((folder / each.name).read_bytes()).hexdigest() == each.sha256
    assert not list(folder.glob(".*.part"))


ROOT = Path(__file__).parents[2]
HANDING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from domain import handover
from domain.store import Store

left = int(sys.argv[3])

def counted(step):
    def run(*args, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **more)
    return run

for name in ("_put_down", "_seal", "_written"):
    setattr(handover, name, counted(getattr(handover, name)))
os.fsync = counted(os.fsync)
Path.replace = counted(Path.replace)
with Store.open(sys.argv[1]) as store:
    list(handover.hand_over(store, Path(sys.argv[2]), lambda: datetime(2026, 11, 5, tzinfo=UTC), rows=3))
"""


def test_two_runs_at_once_hand_each_reading_over_once(store: Store, bare: Run, tmp_path: Path):
    bare(lambda conn: crowd(conn, 12))
    shut(store)
    running = [hand_over(store, tmp_path, lambda: NOW, rows=2) for _ in range(2)]
    while running:
        running = [each for each in running if next(each, None) is not None]
    assert on_disk(tmp_path) == due(bare)


def test_a_run_that_fills_a_file_which_another_one_sealed_adds_nothing(store: Store, bare: Run, tmp_path: Path):
    bare(crowd)
    first = handover._Due(Stage.TAKEN, OCTOBER.first, "Світло")
    file = bare(lambda conn: handover._open(conn, first, NOW))
    lines = bare(lambda conn: handover._lines(conn, file, (0, 0), 9))
    bare(lambda conn: handover._put_down(conn, file, lines[:1]))
    sealed = bare(lambda conn: handover._seal(conn, file))
    assert bare(lambda conn: handover._put_down(conn, file, lines)) == sealed
    assert go(store, tmp_path)[0] == bare(files)[0]
    assert on_disk(tmp_path) == due(bare)


@pytest.mark.parametrize("stage", Stage)
def test_what_is_still_to_be_handed_over_is_found_in_the_order_of_an_index(bare: Run, stage: Stage):
    asked = {"of_period": OCTOBER.first, "of_supplier": "x", "after_register": 0, "after_reading": 0, "most": 9}
    steps = bare(
        lambda conn: plan(conn, handover._PENDING[stage], without=("enable_sort", "enable_bitmapscan"), **asked)
    )
    assert not any(each.startswith("SCAN") or "B-TREE FOR ORDER BY" in each for each in steps), steps


def test_the_columns_are_those_of_the_document():
    text = (ROOT / "docs" / "hand-over.md").read_text("utf-8")
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == list(COLUMNS)
    assert all(f"`{word}`" in text for kind in (Zone, Energy, Source, Stage) for word in kind)


def test_a_month_before_the_store_began_is_no_fault(store: Store, bare: Run, tmp_path: Path):
    assert go(store, tmp_path, since=Period(1999, 1)) == []
