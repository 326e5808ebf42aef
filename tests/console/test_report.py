"""The monthly report: the same figures in the page, the PDF and the CSV; the same files for the same data."""

import csv
import io
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from domain import analytics, desk_figures, report, tallies
from domain.model import Outcome
from domain.roles import Role
from domain.tallies import Waited
from domain.window import Span
from ivr.commands.report import renewed
from ivr.commands.report import report as command
from ivr.console import report_csv, report_pdf
from ivr.console.report_words import Teller, length
from ivr.console.web.words import LANGUAGES, Tongue
from prompts import Catalogue

sys.path.append(str(Path(__file__).parents[1] / "domain"))
from figured import ASK, ASK_TWICE, GAVE_UP, MENU, call, waited

MONTH = Span(date(2026, 11, 1), date(2026, 11, 30))
CATALOGUE = Catalogue.load()


def fill(conn, now):
    for n in range(40):
        at = now - timedelta(hours=11 * n)
        good = n % 4 != 0
        call(
            conn, f"r{n}", MENU, (ASK if n % 3 else ASK_TWICE) if good else GAVE_UP, at=at, sent=not good,
            outcome=Outcome.READING_TAKEN if good else Outcome.TRANSFERRED, caller=f"+38067{n % 30:07d}",
        )  # fmt: skip
        if not good:
            ended = Waited.LEFT if n % 8 else Waited.ANSWERED
            tallies.keep_waits(conn, [waited(f"r{n}", 12.5 + n, ended, at=at)])


@pytest.fixture
def full(world):
    world.write(lambda conn: fill(conn, world.now))
    return world


def made(world, language="uk", span=MONTH):
    given = world.read(lambda conn: report.report(conn, span, world.now))
    return given, Teller(Tongue(language), CATALOGUE)


def words_of(pdf, tmp_path):
    (tmp_path / "x.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", "-layout", str(tmp_path / "x.pdf"), "-"], capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_has_every_part_in_letters_that_can_be_read(full, language, tmp_path):
    given, teller = made(full, language)
    said = re.sub(r"\s+", " ", words_of(report_pdf.document(given, teller), tmp_path))
    for key in ("pdf_summary", "notices", "service_title", "questions_title", "drop_title", "requests_title",
                "definitions"):  # fmt: skip
        assert teller(key) in said
    assert teller.figure(given.calls.calls) in said
    assert teller.percent(given.calls.containment, 1).replace("\xa0", " ") in said.replace("\xa0", " ")
    assert "analytics." not in said
    assert "\ufffd" not in said


def test_the_same_figures_give_the_same_files(full):
    given, teller = made(full)
    again, other = made(full)
    assert given == again
    assert report_pdf.document(given, teller) == report_pdf.document(again, other)
    assert report_csv.document(given, teller) == report_csv.document(again, other)
    full.write(lambda conn: call(conn, "one-more", MENU, at=full.now - timedelta(days=1)))
    changed, _ = made(full)
    assert report_pdf.document(changed, teller) != report_pdf.document(given, teller)


def test_the_pdf_tells_its_language_and_title_and_embeds_its_fonts(full, tmp_path):
    given, teller = made(full)
    (tmp_path / "x.pdf").write_bytes(report_pdf.document(given, teller))
    fonts = subprocess.run(["pdffonts", str(tmp_path / "x.pdf")], capture_output=True, check=True, text=True).stdout
    rows = [line for line in fonts.splitlines()[2:] if line.strip()]
    assert len(rows) == 2
    assert all(re.search(r"DejaVu.*\byes yes yes\b", row) for row in rows), "embedded, a subset, with Unicode"
    facts = subprocess.run(["pdfinfo", str(tmp_path / "x.pdf")], capture_output=True, check=True, text=True).stdout
    assert "листопад 2026" in facts
    assert b"/Lang (uk-UA)" in (tmp_path / "x.pdf").read_bytes()


def test_the_fonts_are_small_and_come_with_their_licence():
    files = list(report_pdf.FONTS.glob("*.ttf"))
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) < 200_000
    assert "Bitstream" in (report_pdf.FONTS / "LICENSE.txt").read_text("utf-8")


def test_the_csv_opens_in_the_spreadsheets_of_ukraine_and_has_the_same_figures(full):
    given, teller = made(full)
    raw = report_csv.document(given, teller)
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == raw.count(b"\n")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig")), delimiter=";"))
    assert tuple(rows[0]) == report_csv.HEAD
    assert all(len(row) == 5 for row in rows)
    period = {row[2]: row[3] for row in rows if row[0] == "period"}
    assert period["calls"] == str(given.calls.calls)
    assert float(period["containment"].replace(",", ".")) == pytest.approx(given.calls.containment, abs=1e-6)
    waits = {row[2]: row[3] for row in rows if row[0] == "wait_people"}
    assert waits["all"] == str(given.service.people.all)
    assert sum(int(row[3]) for row in rows if row[0] == "day" and row[2] == "calls") == given.calls.calls


@given(st.text(max_size=20))
def test_no_text_is_a_formula(text):
    cell = report_csv.cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.endswith(text)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("uk", ("12\xa0345,6", "87,3\xa0%", "123,45\xa0₴", "-1,00\xa0₴")),
        ("ru", ("12\xa0345,6", "87,3\xa0%", "123,45\xa0₴", "-1,00\xa0₴")),
        ("en", ("12,345.6", "87.3%", "₴123.45", "-₴1.00")),
    ],
)
def test_numbers_are_written_as_each_language_writes_them(language, written):
    t = Teller(Tongue(language), CATALOGUE)
    assert (t.figure(12345.6, 1), t.percent(0.8734, 1), t.money(12345), t.money(-100)) == written
    assert (t.figure(None), t.percent(None), length(None)) == ("–", "–", "–")


def test_what_a_spreadsheet_reads_is_written_as_in_ukraine():
    assert length(83.2) == "1:23"
    assert (report_csv.cell(0.5), report_csv.cell(None), report_csv.cell(7), report_csv.cell(2.0)) == (
        "0,5",
        "",
        "7",
        "2",
    )


def test_files_are_downloaded_by_who_may_and_the_trail_knows_of_lists(full):
    supervisor, quality = full.sign_in(Role.SUPERVISOR), full.sign_in(Role.QUALITY)
    pdf = quality.get("/figures/report.pdf?month=2026-11")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.headers["content-disposition"] == 'attachment; filename="hotline-2026-11-uk.pdf"'
    assert quality.get("/figures/report.csv?month=2026-11").status_code == 403
    assert supervisor.get("/figures/report.csv?month=2026-11").status_code == 200
    from sqlalchemy import select

    from domain.tables import trail

    noted = full.read(lambda conn: conn.execute(select(trail).where(trail.c.what == "figures.exported")).all())
    assert len(noted) == 1


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "..", "2026-11%0d%0aX: y", "0001-01"])
def test_a_month_that_is_none_is_not_found(full, month):
    client = full.sign_in(Role.SUPERVISOR)
    for ending in ("pdf", "csv"):
        answer = client.get(f"/figures/report.{ending}?month={month}")
        assert answer.status_code == 404
        assert "X" not in answer.headers


def test_a_month_that_goes_on_says_up_to_when(full, tmp_path):
    given, teller = made(full, span=Span(date(2026, 11, 1), date(2026, 11, 20)))
    assert "20.11.2026" in words_of(report_pdf.document(given, teller), tmp_path)


def test_a_month_without_anything_is_a_report_too(world, tmp_path):
    given, teller = made(world, span=Span(date(2026, 2, 1), date(2026, 2, 28)))
    assert teller("no_calls") in re.sub(r"\s+", " ", words_of(report_pdf.document(given, teller), tmp_path))
    assert report_csv.document(given, teller)


def test_the_command_writes_both_files(full, tmp_path):
    full.store.close()
    out = tmp_path / "out"
    done = CliRunner().invoke(command, ["--month", "2026-11", "--out", str(out), "--data", str(full.path)])
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in out.iterdir()) == ["hotline-2026-11-uk.csv", "hotline-2026-11-uk.pdf"]
    assert (out / "hotline-2026-11-uk.pdf").read_bytes().startswith(b"%PDF-")
    assert CliRunner().invoke(command, ["--month", "2026-1", "--data", str(full.path)]).exit_code == 2
    assert CliRunner().invoke(command, ["--month", "2999-01", "--data", str(full.path)]).exit_code == 2


def test_the_definitions_in_the_docs_are_those_of_the_code():
    page = (Path(__file__).parents[2] / "docs/figures.md").read_text("utf-8")
    assert renewed(page) == page, "run: ivr report --definitions docs/figures.md"
    for each in (*analytics.DEFINED, *desk_figures.DEFINED):
        assert f"### {each.__name__}\n" in page
        assert each.__doc__


def test_nice_ends_of_axes():
    assert [report_pdf.nice(each) for each in (0, 0.3, 1, 7, 8.5, 130, 999)] == [1, 0.4, 1, 8, 10, 200, 1000]
