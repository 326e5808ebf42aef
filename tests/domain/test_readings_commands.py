"""`ivr readings`, as an operator types it."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from houses import OCTOBER, house, noon, read

from domain.model import Doubt, Source
from domain.store import Store
from ivr.__main__ import main
from ivr.commands import readings as commands

ONE = "7000000001"


@pytest.fixture
def data(tmp_path: Path, store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hotline's data: one account, read by the inspector and then by the customer, who shows less; and a doubt."""

    def fill(conn: Any) -> None:
        there = house(conn, ONE, supplier="Світло")
        (register,) = there.registers
        read(conn, register, "10-01", 1000, Source.INSPECTOR)
        read(conn, register, "10-15", 1350, Source.INSPECTOR)
        read(conn, register, "10-31", 1300, closes=OCTOBER)
        read(conn, register, "11-01", 9300, closes=OCTOBER, doubt=Doubt.HIGHER)

    store.write(fill).result()
    monkeypatch.setattr(commands, "_now", lambda: noon("11-05"))
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("IVR_STORE", url)
    monkeypatch.delenv("IVR_TEST_ON_BOTH", raising=False)  # a setting that commands don't know
    return tmp_path


def ivr(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["readings", *words, "--data", str(data)])


def test_a_month_is_closed_explained_and_handed_over(data: Path, tmp_path: Path):
    dry = ivr(data, "close", "2026-10", "--dry-run")
    assert (dry.exit_code, "would be closed: registers billed by a reading 1" in dry.output) == (0, True)
    assert "as things stand" in ivr(data, "explain", ONE, "2026-10").output

    done = ivr(data, "close", "2026-10")
    assert (done.exit_code, "2026-10 was closed on 2026-11-05" in done.output) == (0, True)
    again = ivr(data, "close", "2026-10")
    assert (again.exit_code, "2026-10 was closed on 2026-11-05" in again.output) == (0, True)

    told = ivr(data, "explain", ONE, "2026-10").output
    assert "350 kWh, from 1000 of 2026-10-01 to 1350 (closed on 2026-11-05)" in told
    assert "Billed: 1350 of 2026-10-15 (inspector)" in told  # both are named: the inspector's and the customer's
    assert "Not billed: 1300 of 2026-10-31 (caller)" in told
    assert "Not billed: 9300 of 2026-11-01 (caller), because it is doubtful" in told

    folder = tmp_path / "out"
    handed = ivr(data, "hand-over", "--to", str(folder))
    assert handed.exit_code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["billed_2026-10_Світло_000002.csv", "taken_2026-10_Світло_000001.csv"]
    assert all(name in ivr(data, "files").output for name in names)
    assert "nothing to hand over" in ivr(data, "hand-over", "--to", str(folder)).output
    assert ivr(data, "export", names[0], "--to", str(tmp_path / "again")).exit_code == 0
    assert (tmp_path / "again" / names[0]).read_bytes() == (folder / names[0]).read_bytes()


def test_a_doubtful_reading_is_listed_and_resolved_once(data: Path):
    listed = ivr(data, "doubtful").output
    assert "9300" in listed
    number = next(line.split("│")[1].strip() for line in listed.splitlines() if "9300" in line)
    done = ivr(data, "resolve", number, "void", "--because", "a 9 in front of it")
    assert (done.exit_code, f"reading {number} is void" in done.output) == (0, True)
    other = ivr(data, "resolve", number, "accept", "--because", "seen")
    assert (other.exit_code, "found void by" in other.output) == (1, True)
    assert "9300" not in ivr(data, "doubtful").output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("close", "2026-11"), 2, "up to and including 2026-12-03"),
        (("close", "2026-13"), 2, "Invalid value for 'MONTH'"),
        (("explain", "1", "2026-10"), 2, "there is no account 1"),
        (("export", "x"), 2, "no hand-over file is called 'x'"),
        (("resolve", "9999", "accept", "--because", "seen"), 1, "no doubtful reading 9999"),
        (("resolve", "4", "--because", "seen"), 2, "Missing argument '{accept|void}'"),
        (("resolve", "4", "void"), 2, "Missing option '--because'"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(data: Path, words: tuple[str, ...], code: int, message: str):
    result = ivr(data, *words)
    assert (result.exit_code, message in " ".join(result.output.split())) == (code, True), result.output


def test_a_folder_that_cannot_be_written_is_a_message(data: Path, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    result = ivr(data, "hand-over", "--to", str(tmp_path / "file" / "below"))
    assert (result.exit_code, "nothing is lost" in result.output) == (1, True), result.output
