"""`ivr import` as an operator sees it: what it says, what it leaves, and its exit code."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from stdnum import damm

from domain.store import Store
from domain.tables import accounts
from ivr.__main__ import main


def number(n: int) -> str:
    digits = f"4{n:08d}"
    return digits + damm.calc_check_digit(digits)


GOOD = f"account;meter;width\n{number(1)};5;6\n{number(2)};6;6\n"
BAD = GOOD.replace(";5;6", ";5;six")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take_in(here: Path, text: str, *options: str, name: str = "customers.csv") -> Result:
    (here / name).write_text(text)
    return CliRunner().invoke(main, ["import", name, "--data", "data", *options])


def there(here: Path) -> int:
    with Store.open(f"sqlite:///{here / 'data/hotline.db'}") as store:
        return store.read(lambda conn: len(conn.execute(accounts.select()).all())).result()


def test_all_is_imported_and_the_exit_code_is_nought(here: Path):
    done = take_in(here, GOOD)

    assert done.exit_code == 0, done.output
    assert "2 accounts imported: 2 new" in done.output
    assert "accounts: 100 % (2 of 2" in done.output, "without a terminal progress is told in lines"
    assert not (here / "customers.rejected.csv").exists()
    assert there(here) == 2


def test_refused_rows_are_reported_the_rest_is_imported_and_the_exit_code_is_3(here: Path):
    done = take_in(here, BAD)

    assert done.exit_code == 3
    assert "1 rows of 2 were refused" in done.output
    assert "customers.rejected.csv" in done.output
    assert "2,width,six,not a number" in (here / "customers.rejected.csv").read_text("utf-8-sig")
    assert there(here) == 1


def test_a_dry_run_reports_and_writes_nothing(here: Path):
    done = take_in(here, BAD, "--dry-run", "--rejected", "why.csv")

    assert done.exit_code == 3
    assert "1 accounts would be imported" in done.output
    assert (here / "why.csv").exists()
    assert there(here) == 0


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("a;b\n1;2\n", (), "no header means the account"),
        (GOOD, ("--encoding", "klingon"), "no encoding 'klingon'"),
        (GOOD, ("--rename", "meter"), "HEADER=COLUMN"),
        (GOOD, ("--rename", "x=account"), "no header 'x'"),
        (GOOD, ("--delimiter", ";;"), "one sign"),
        ("PAR1 and nothing else", (), "not a sound Parquet file"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_begun(here: Path, text: str, options: Any, said: str):
    if text.startswith("PAR1"):
        pytest.importorskip("pyarrow")
    done = take_in(here, text, *options)

    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (here / "data").exists()


def test_without_pyarrow_a_parquet_file_says_what_to_install(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    done = take_in(here, "PAR1")

    assert done.exit_code == 2
    assert "grid-hotline[parquet]" in done.output


def test_strange_headers_are_named(here: Path):
    done = take_in(here, GOOD.replace("width", "width;Farbe").replace(";6\n", ";6;blau\n"))

    assert done.exit_code == 0
    assert "passed over, no column of ours: Farbe" in done.output


def test_the_columns_can_be_listed():
    done = CliRunner().invoke(main, ["import", "--columns"])

    assert done.exit_code == 0
    assert "| `account` |" in done.output


def test_a_report_that_cannot_be_written_is_said_and_what_was_imported_stays(here: Path):
    done = take_in(here, BAD, "--rejected", "nowhere/why.csv")

    assert done.exit_code == 1
    assert "nowhere/why.csv" in done.output
    assert "what could be imported is" in done.output
    assert there(here) == 1


@pytest.mark.parametrize("arguments", [("demo", "load", "--data", "data"), ("demo", "--data", "data", "load")])
def test_demo_customers_are_loaded_once_however_often_it_is_asked(here: Path, arguments: tuple[str, ...]):
    first = CliRunner().invoke(main, [*arguments, "--accounts", "5"])
    again = CliRunner().invoke(main, [*arguments, "--accounts", "5"])

    assert first.exit_code == again.exit_code == 0, first.output
    assert "18 customers" in first.output, "thirteen made by hand, five generated"
    assert "0 customers with 0 readings" in again.output
    assert there(here) == 18
