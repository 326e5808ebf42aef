"""Customers from files: what is taken, what is refused and why, and what a second import changes."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from stdnum import damm

from domain import intake
from domain.commands import FindAccount, RecogniseCaller
from domain.handlers import perform
from domain.intake.columns import COLUMNS, NAMES, BadFile, folded, match
from domain.intake.rows import Place, parse
from domain.intake.sources import Csv
from domain.model import Account, AccountKind, Energy, KnownCaller, Zone
from domain.store import Store
from domain.tables import accounts, buildings, meters, readings
from tests.domain.conftest import NOW

REPOSITORY = Path(__file__).parents[2]


def number(n: int) -> str:
    digits = f"4{n:08d}"
    return digits + damm.calc_check_digit(digits)


A, B, C = number(1), number(2), number(3)
HEADER = "account;meter;zone;width;value;read_on"


class Files:
    """Imports texts as files into a store."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.folder, self.store = folder, store
        self.report = folder / "refused.csv"

    def write(self, text: str | bytes, name: str = "a.csv") -> Path:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def __call__(self, *texts: str | bytes, **how: Any) -> intake.Summary:
        paths = [self.write(text, f"{n}.csv") for n, text in enumerate(texts)]
        return self.take(*paths, **how)

    def take(self, *paths: Path, dry: bool = False, **how: Any) -> intake.Summary:
        sources = [intake.source(path, **how) for path in paths]
        return intake.take_in(self.store, sources, at=NOW, report=self.report, folder=self.folder, dry=dry)

    def refused(self) -> list[tuple[str, str, str]]:
        """Row, column and reason of each line of the report."""
        if not self.report.exists():
            return []
        with self.report.open(encoding="utf-8-sig", newline="") as file:
            return [(line["row"], line["column"], line["reason"]) for line in csv.DictReader(file)]

    def account(self, of: str) -> Account | None:
        return self.store.read(lambda conn: perform(conn, FindAccount(of), call=None, seq=None, at=NOW)).result()

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        return self.store.read(lambda conn: [tuple(row) for row in conn.execute(query)]).result()


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Iterator[Files]:
    return Files(tmp_path, store)


# What is taken


def test_an_account_comes_with_address_meter_registers_reading_and_number(files: Files):
    summary = files(
        "account;kind;eic;supplier;region;settlement;street;house;flat;feeder;phone;meter;multiplier;power;smart;zone;"
        "energy;width;usual;value;read_on\n"
        f"{A};household;;ТОВ Світло;Північний;Вишневе;Садова;3а;12;Л-5;067 123-45-67;0100;1;10;no;day;active;6;4,5;"
        "1 234;01.11.2026\n"
        f"{A};;;;;;;;;;;0100;;;;night;;6;;567,0;2026-11-01\n"
    )

    assert (summary.rows, summary.refused_rows, summary.counts.new) == (2, 0, 1)
    found = files.account(A)
    assert found is not None
    assert (found.kind, found.region) == (AccountKind.HOUSEHOLD, "Північний")
    [meter] = found.meters
    assert (meter.number, meter.multiplier, meter.power, meter.smart) == ("0100", 1, 10.0, False)
    assert [(r.zone, r.width, r.last, r.last_on, r.usual) for r in meter.registers] == [
        (Zone.DAY, 6, 1234, date(2026, 11, 1), 4.5),
        (Zone.NIGHT, 6, 567, date(2026, 11, 1), None),
    ]
    known: KnownCaller = files.store.read(
        lambda conn: perform(conn, RecogniseCaller("+380671234567"), call=None, seq=None, at=NOW)
    ).result()
    assert [account.number for account in known.accounts] == [A]
    assert files.rows(select(accounts.c.supplier, accounts.c.flat)) == [("ТОВ Світло", "12")]
    assert files.rows(select(buildings.c.settlement, buildings.c.house, buildings.c.feeder)) == [
        ("Вишневе", "3а", "Л-5")
    ]
    assert files.rows(select(readings.c.purpose, readings.c.source).distinct()) == [("control", "inspector")]


def test_rows_of_an_account_may_stand_anywhere_in_several_files(files: Files):
    summary = files(
        f"account;region;settlement;street;house\n{B};Р;М;В;1\n{A};Р;М;В;1\n",
        f"account,meter,zone,width\n{A},7,night,5\n{B},8,single,5\n{A},7,day,5\n",
        f"о/р\tтелефон\n{A}\t+380671234567; 0671234568\n",
    )

    assert (summary.counts.new, summary.counts.numbers, summary.refused_rows) == (2, 2, 0)
    found = files.account(A)
    assert found is not None
    assert {r.zone for r in found.meters[0].registers} == {Zone.DAY, Zone.NIGHT}
    assert len(files.rows(select(buildings.c.id))) == 1


def test_a_legal_entity_has_reactive_registers(files: Files):
    files(
        "account;kind;meter;multiplier;power;energy;width\n"
        f"{A};legal;9;40;250;active;6\n{A};юридична особа;9;;;reactive;6\n{A};;9;;;reactive_back;6\n"
    )

    found = files.account(A)
    assert found is not None
    assert {r.energy for r in found.meters[0].registers} == set(Energy)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1251"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(files: Files, encoding: str, delimiter: str):
    rows = [
        ["Особовий рахунок", "Район", "Населений пункт", "Вулиця", "Будинок"],
        [A, "Київський", "Їжакове", 'вул. "Ґудзя"; 1, 2|3', "1"],
    ]
    text = "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\r\n" for row in rows)

    assert files(text.encode(encoding)).refused_rows == 0
    assert files.rows(select(buildings.c.region, buildings.c.street)) == [("Київський", 'вул. "Ґудзя"; 1, 2|3')]


def test_what_excel_puts_before_the_header_is_understood(files: Files):
    files(f"sep=,\naccount,meter,width\n{A},5,5\n{number(1)[:-1]}x,5,5\n")

    assert files.account(A) is not None
    assert [row for row, _, _ in files.refused()] == ["4"]


def test_parquet_is_read_like_csv(files: Files):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "account": [A, B, "123"],
            "meter": ["1", "2", "3"],
            "width": [5, 6, 6],
            "smart": [True, False, None],
            "value": [10.0, 20.0, None],
            "read_on": pa.array([date(2026, 11, 1), date(2026, 11, 2), None]),
            "phone": [["+380671234567", "+380671234568"], [], None],
            "of no interest": [1, 2, 3],
        }
    )
    pq.write_table(table, files.folder / "a.parquet", row_group_size=2)

    summary = files.take(files.folder / "a.parquet")

    assert (summary.counts.new, summary.counts.numbers) == (2, 2)
    first = files.account(A)
    assert first is not None
    assert (first.meters[0].smart, first.meters[0].registers[0].last) == (True, 10)
    assert [(row, column) for row, column, _ in files.refused()] == [("3", "account")]


# What is refused


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("account", A[:-1] + str((int(A[-1]) + 1) % 10), "check digit"),
        ("account", "1,00E+09", "spreadsheet"),
        ("account", "123456", "6 digits"),
        ("kind", "martian", "none of"),
        ("eic", "62Z0000000000000", "EIC"),
        ("phone", "12345", "telephone number"),
        ("phone", "+380671234567;call me", "call me"),
        ("multiplier", "0", "from 1"),
        ("power", "-5", "not a number from 0 up"),
        ("power", "nan", "not a number from 0 up"),
        ("smart", "maybe", "none of"),
        ("zone", "evening", "none of"),
        ("energy", "dark", "none of"),
        ("energy", "reactive", "households"),
        ("width", "13", "from 1 to 12"),
        ("value", "12,5", "without decimals"),
        ("value", "100000", "5 digits can't show"),
        ("read_on", "30.02.2026", "not a day"),
        ("read_on", "2027-01-01", "still to come"),
        ("read_on", "1026-11-01", "before 1990"),
        ("read_on", "", "needs its day"),
        ("removed_on", "2027-01-01", "still to come"),
        ("supplier", "x" * 41, "room for 40"),
        ("region", "Р", "address needs"),
        ("meter", "", "no meter"),
        ("flat", "1\x07", "can't be printed"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_reason_and_the_next_account_is_taken(
    files: Files, column: str, value: str, reason: str
):
    good = {"account": A, "kind": "household", "meter": "5", "zone": "single", "width": "5", "value": "10",
            "read_on": "2026-11-01"}  # fmt: skip
    bad = {**good, column: value}
    header = list(bad)
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(
        [header, bad.values(), {**dict.fromkeys(bad, ""), "account": B}.values()]
    )

    summary = files(text.getvalue())

    assert files.account(A) is None
    assert files.account(B) is not None
    assert summary.refused_rows == 1
    assert [(row, reason in why) for row, _, why in files.refused()] == [("2", True)], files.refused()


def test_an_account_with_one_wrong_row_is_left_out_as_a_whole_and_all_its_rows_are_named(files: Files):
    summary = files(f"{HEADER}\n{A};1;day;6;1;2026-11-01\n{B};2;;5;;\n{A};1;night;six;1;2026-11-01\n")

    assert files.account(A) is None
    assert files.account(B) is not None
    assert (summary.refused_rows, summary.refused_accounts) == (2, 1)
    assert [(row, column) for row, column, _ in files.refused()] == [("2", ""), ("4", "width")]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((f"{A};1;day;6;;",), "active register for night is missing"),
        ((f"{A};1;day;6;;", f"{A};1;single;6;;"), "no meter has the active registers day, single together"),
        ((f"{A};1;single;6;5;2026-11-01", f"{A};1;single;6;7;2026-11-01"), "row 2 describes this register"),
        ((f"{A};1;single;;;",), "width of its display is missing"),
        ((f"{A};1;;;;",), "width of its display is missing"),
    ],
)
def test_rows_that_do_not_go_together_are_refused(files: Files, rows: tuple[str, ...], reason: str):
    files("\n".join((HEADER, *rows)))

    assert files.account(A) is None
    assert any(reason in why for _, _, why in files.refused()), files.refused()


def test_the_same_row_twice_is_harmless(files: Files):
    row = f"{A};1;single;6;5;2026-11-01"
    summary = files("\n".join((HEADER, row, row)))

    assert (summary.counts.readings, summary.refused_rows) == (1, 0)


def test_two_accounts_cannot_have_one_eic_and_a_building_has_one_feeder(files: Files):
    files(
        "account;eic;region;settlement;street;house;feeder\n"
        f"{A};22XWATTPLUS----G;Р;М;В;1;Л-1\n{B};22XWATTPLUS----G;Р;М;В;2;Л-1\n{C};;Р;М;В;1;Л-2\n"
    )

    assert files.account(A) is not None
    assert [(row, column, why[:5]) for row, column, why in files.refused()] == [
        ("3", "eic", "row 2"),
        ("4", "feeder", "row 2"),
    ]


def test_a_quotation_mark_that_is_never_closed_swallows_nothing_unseen(files: Files):
    files(f'{HEADER}\n{A};"1;single;6;;\n{B};2;single;6;;\n{C};"3";single;6;;\n')

    assert [row for row, _, _ in files.refused()] != []
    assert all("quotation mark" in why for _, _, why in files.refused())
    assert files.account(A) is None


def test_a_row_with_too_many_cells_and_one_of_another_encoding_are_refused(files: Files):
    text = f"account;flat\n{A};1;2\n{B};".encode() + "ї".encode("cp1251") + f"\n{C};ї\n{number(4)};ґ\n".encode()
    files(text)

    assert [(row, why.split(":")[0]) for row, _, why in files.refused()] == [
        ("2", "it has 3 cells and the header 2"),
        ("3", "its bytes are not utf-8"),
    ]
    assert files.account(C) is not None


def test_an_account_of_which_one_row_cannot_be_read_is_left_out(files: Files):
    files(f"{HEADER}\n{A};1;day;6;;\n{A};1;night;6;;;and more\n{B};2;single;6;;\n")

    assert files.account(A) is None
    assert files.account(B) is not None
    assert [(row, why) for row, _, why in files.refused()] == [
        ("2", "row 3 of the same account can't be read"),
        ("3", "it has 7 cells and the header 6"),
    ]


def test_the_report_is_its_owners_alone_and_disarms_formulas(files: Files):
    files(f"account;flat\n{A};1\n=1+2;3\n")

    assert files.report.stat().st_mode & 0o777 == 0o600
    assert "'=1+2" in files.report.read_text("utf-8-sig")
    files(f"account;flat\n{A};1\n")
    assert not files.report.exists(), "it tells of the last import"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("number;name\n1;2\n", "no header means the account"),
        (f"account;О/Р\n{A};{A}\n", "both mean account"),
        ("a\0c", "UTF-16"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused_before_anything_is_written(files: Files, text: str, reason: str):
    with pytest.raises(BadFile, match=reason):
        files(text)


def test_headers_can_be_renamed_and_strange_ones_are_named(files: Files):
    source = intake.source(files.write(f"Konto;Farbe\n{A};blau\n"), renamed={"konto": "account"})

    assert source.header.unknown == ("Farbe",)
    assert source.header.named == ("account",)
    with pytest.raises(BadFile, match="no column 'colour'"):
        intake.source(files.write("Konto\n"), renamed={"konto": "colour"})
    with pytest.raises(BadFile, match="no header 'farbe'"):
        intake.source(files.write("account\n"), renamed={"Farbe": "flat"})


def test_a_dry_run_says_the_same_and_writes_nothing(files: Files):
    text = f"{HEADER}\n{A};1;single;6;5;2026-11-01\n{B};2;day;6;;\n"
    path = files.write(text)

    would = files.take(path, dry=True)
    assert files.account(A) is None
    did = files.take(path)

    assert would.counts == did.counts
    assert would.refused_rows == did.refused_rows == 1


# Again


def test_importing_again_changes_nothing(files: Files):
    text = (
        "account;region;settlement;street;house;feeder;phone;meter;zone;width;usual;value;read_on\n"
        f"{A};Р;М;В;1;Л;0671234567;1;single;5;3,5;10;2026-11-01\n"
    )
    first = files(text)
    before = files.rows(select(readings)), files.rows(select(meters)), files.rows(select(buildings))
    again = files(text)

    assert first.counts.new == 1
    assert (again.counts.new, again.counts.changed, again.counts.readings, again.counts.meters) == (0, 0, 0, 0)
    assert (files.rows(select(readings)), files.rows(select(meters)), files.rows(select(buildings))) == before


def test_a_meter_that_vanished_is_taken_down_not_deleted_and_one_that_is_back_hangs_again(files: Files):
    def hanging() -> list[str]:
        found = files.account(A)
        assert found is not None
        return [meter.number for meter in found.meters]

    files(f"{HEADER}\n{A};old;single;5;10;2026-11-01\n")
    summary = files(f"{HEADER}\n{A};new;single;5;;\n")
    assert (hanging(), summary.counts.removed) == (["new"], 1)
    assert files.rows(select(meters.c.removed_on).where(meters.c.number == "old")) == [(date(2026, 11, 30),)]
    assert len(files.rows(select(readings))) == 1

    files(f"account;supplier\n{A};another\n")
    assert hanging() == ["new"], "a file without meters says nothing about them"
    files(f"{HEADER}\n{A};new;single;5;;\n{A};old;single;5;;\n")
    assert hanging() == ["old", "new"]


def test_an_empty_cell_says_nothing_and_a_value_replaces(files: Files):
    files(f"account;kind;supplier;flat;meter;width;power\n{A};legal;S1;4;1;5;99\n")
    files(f"account;kind;supplier;flat;meter;width;power\n{A};;S2;;1;;\n")

    assert files.rows(select(accounts.c.kind, accounts.c.supplier, accounts.c.flat)) == [("legal", "S2", "4")]
    assert files.rows(select(meters.c.power)) == [(99.0,)]


def test_a_later_reading_is_added_and_counts(files: Files):
    files(f"{HEADER}\n{A};1;single;5;10;2026-11-01\n")
    summary = files(f"{HEADER}\n{A};1;;;25;2026-11-20\n")

    assert summary.counts.readings == 1
    found = files.account(A)
    assert found is not None
    assert found.meters[0].registers[0].last == 25


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{A};1;single;6;;", "a display doesn't change"),
        (f"{A};1;day;5;;", "suffix to its number"),
        (f"{A};1;single;;100000;2026-11-02", "5 digits can't show"),
    ],
)
def test_what_contradicts_the_store_is_refused(files: Files, row: str, reason: str):
    files(f"{HEADER}\n{A};1;single;5;10;2026-11-01\n")
    summary = files(f"{HEADER}\n{row}\n")

    assert summary.refused_accounts == 1
    assert reason in files.refused()[0][2]


def test_a_building_gets_another_feeder(files: Files):
    files(f"account;region;settlement;street;house;feeder\n{A};Р;М;В;1;Л-1\n{B};Р;М;В;1;\n")
    files(f"account;region;settlement;street;house;feeder\n{A};Р;М;В;1;Л-2\n")

    assert files.rows(select(buildings.c.feeder)) == [("Л-2",)]


# Cut off, and beside others


def many(count: int) -> str:
    rows = [f"{number(n)};{n};single;6;{n % 900};2026-11-01" for n in range(count)]
    return "\n".join((HEADER, *rows))


IMPORT = """
import sys
from datetime import datetime
from pathlib import Path
from domain import intake
from domain.store import Store
with Store.open(sys.argv[2]) as store:
    intake.take_in(store, [intake.source(Path(sys.argv[1]))], at=datetime.fromisoformat(sys.argv[3]),
                   report=Path(sys.argv[4]), folder=Path(sys.argv[4]).parent)
"""


def start(path: Path, url: str, report: Path) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", IMPORT, str(path), url, NOW.isoformat(), str(report)]
    return subprocess.Popen(arguments, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})


def wait_for(what: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not what():
        assert process.poll() is None, "the import ended before it could be cut off"
        time.sleep(0.005)  # another process's work


def test_killed_in_the_middle_a_second_run_completes_it_without_duplicates(files: Files, url: str):
    path = files.write(many(3000))

    def count(table: str) -> int:
        return files.rows(text(f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608

    process = start(path, url, files.report)
    wait_for(lambda: count("accounts") >= 100, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    there = count("accounts")
    assert there == count("meters") == count("registers") == count("readings"), "no account is there by half"
    assert there < 3000
    assert not list(files.folder.glob("import-*")), "rows of customers are not left lying about"

    summary = files.take(path)

    assert (summary.counts.accounts, summary.counts.new) == (3000, 3000 - there)
    assert {count(table) for table in ("accounts", "meters", "registers", "readings")} == {3000}


FULL = """
import resource, sys
from datetime import datetime
from pathlib import Path
from domain import intake
from domain.store import Store
with Store.open(sys.argv[2]) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        intake.take_in(store, [intake.source(Path(sys.argv[1]))], at=datetime.fromisoformat(sys.argv[3]),
                       report=Path(sys.argv[4]), folder=Path(sys.argv[4]).parent, dry=True)
    except OSError as fault:
        sys.exit(f"told: {fault}")
"""


def test_a_disk_without_room_for_the_rows_is_said(files: Files, url: str):
    """More rows than the cache of 16 MB holds, so that they have to go to the disk."""
    path = files.write("account;flat\n" + "".join(f"{number(n)};{'x' * 20}\n" for n in range(250_000)))
    arguments = [sys.executable, "-c", FULL, str(path), url, NOW.isoformat(), str(files.report)]
    done = subprocess.run(arguments, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                          capture_output=True, text=True, check=False)  # fmt: skip

    assert "told: a copy of the rows doesn't fit" in done.stderr, done.stderr[-500:]
    assert "make room" in done.stderr


def test_a_process_that_writes_meanwhile_is_not_kept_waiting(files: Files, url: str):
    """What a hotline does to the store while an import runs: a commit every few milliseconds."""
    path = files.write(many(4000))
    process = start(path, url, files.report)
    waits: list[float] = []
    with Store.open(url) as other:
        wait_for(lambda: files.rows(text("SELECT count(*) FROM accounts"))[0][0] > 0, process)
        n = 0
        while process.poll() is None:
            n += 1
            began = time.monotonic()
            phone = f"+38044{n:07d}"
            other.write(
                lambda conn, phone=phone: conn.execute(
                    text("INSERT INTO caller_numbers (number) VALUES (:number)"), {"number": phone}
                )
            ).result()
            waits.append(time.monotonic() - began)
            time.sleep(0.005)
    assert process.wait() == 0
    waits.sort()
    assert len(waits) > 20
    assert waits[len(waits) // 2] < 0.1, f"half of the writers waited {waits[len(waits) // 2]:.3f} s and more"
    assert waits[-1] < 2.0, f"one waited {waits[-1]:.3f} s: as long as a call waits before it apologises"


# Anything


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12) | st.sampled_from(["1", "5", A, "day", "2026-11-01", "yes", "0671234567"]),
                min_size=len(NAMES), max_size=len(NAMES)))  # fmt: skip
def test_whatever_stands_in_the_cells_it_is_understood_or_refused(cells: list[str]):
    said, problems = parse(Place(0, 2), tuple(cells), date(2026, 11, 30))

    empty = {name for name, cell in zip(NAMES, cells, strict=True) if not cell}
    assert not set(said) & empty
    for name, cell in zip(NAMES, cells, strict=True):
        if cell and name != "account":
            assert name in said or any(problem.column == name for problem in problems)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_bytes_a_file_has_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.mktemp("any") / "a.csv"
    path.write_bytes(b"account;flat\n" + content)
    try:
        source = Csv(path, None, None, None)
    except BadFile:
        return
    for raw in source.rows():
        assert len(raw.cells) == len(NAMES)
        "".join(raw.cells).encode()  # it can be stored and reported
        assert raw.wrong or "".join(raw.cells).isprintable()


def test_no_name_means_two_columns():
    names = [folded(name) for column in COLUMNS for name in (column.name, *column.also)]

    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    assert match([column.also[0] if column.also else column.name for column in COLUMNS]).named == NAMES


def test_the_columns_in_the_docs_are_those_of_the_code():
    assert intake.table() in (REPOSITORY / "docs/import.md").read_text("utf-8"), "put in `ivr import --columns`"


def test_the_sample_in_the_docs_can_be_imported(files: Files):
    summary = files.take(REPOSITORY / "docs/import-sample.csv")

    assert summary.refused_rows == 0
    assert summary.counts.new == 4
