"""`ivr report`: the figures of a month as PDF and CSV."""

from datetime import UTC, datetime
from pathlib import Path

import click

from domain import report as figures
from domain.rules import local_day
from domain.window import Period, Span
from ivr.commands.business import opened, where
from ivr.commands.output import console, fail
from ivr.commands.pages import between
from ivr.console import report_csv, report_pdf
from ivr.console.report_words import Teller
from ivr.console.web.words import LANGUAGES, Tongue
from prompts import Catalogue

BEGIN, END = "<!-- definitions -->", "<!-- end of definitions -->"


def renewed(page: str) -> str:
    """The page with the definitions as the code has them.  Raises ValueError where it has no place for them."""
    return between(page, BEGIN, END, figures.definitions(), "definitions")


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Which one; default: the last that is over.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where the files go.")
@click.option("--language", type=click.Choice(LANGUAGES), default=LANGUAGES[0], help="Of the texts.")
@click.option("--definitions", type=click.Path(path_type=Path), help="Renew the definitions in this page only.")
@where
def report(
    month: str | None, out: Path, language: str, definitions: Path | None, config: Path | None, data: Path | None
) -> None:
    """Write the figures of a month into hotline-YYYY-MM-LANGUAGE.pdf and .csv.

    A file that is there is replaced.  The same figures give the same files.
    """
    if definitions is not None:
        definitions.write_text(renewed(definitions.read_text("utf-8")), "utf-8")
        return
    now = datetime.now(UTC)
    today = local_day(now)
    try:
        period = Period.parse(month) if month else Period.of(today).previous
    except ValueError as error:
        fail(str(error), 2)
    if period.first > today:
        fail(f"{period} has not begun", 2)
    span = Span(period.first, min(period.last, today))
    with opened(config, data) as store:
        given = store.read(lambda conn: figures.report(conn, span, now)).result()
    teller = Teller(Tongue(language), Catalogue.load())
    try:
        out.mkdir(parents=True, exist_ok=True)
        for ending, made in (
            ("pdf", report_pdf.document(given, teller)),
            ("csv", report_csv.document(given, teller)),
        ):
            file = out / f"hotline-{period}-{language}.{ending}"
            unfinished = file.with_suffix(f".{ending}.tmp")
            unfinished.write_bytes(made)
            unfinished.replace(file)
            console.print(f"{file}", markup=False, soft_wrap=True)
    except OSError as fault:
        fail(f"the report can't be written: {fault}", 2)
