"""How fast the figures are, with a month of a million calls in the store.

    python -m bench.analytics [--calls 1000000] [--write docs/figures.md]

Rows of single calls and of their steps are made by the database itself, as numerous and as varied as real ones would
be; the sums follow from them by `tallies.recount`.  Then each figure is asked for the last 30 days, and for the 30
before; LIMIT is the bound for everything that a page shows together.
"""

# ruff: noqa: S608  the statements are made of this file's own words and numbers

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from bench import tables
from bench.figures import Machine
from domain import analytics, calls, desk_figures, report, tallies
from domain.model import Began, Outcome
from domain.rules import local_day
from domain.store import Connection, Store
from domain.window import Span
from ivr.commands.pages import between

BEGIN, END = "<!-- bench -->", "<!-- end of bench -->"
LIMIT = 300.0
"""Milliseconds of the processor, for a whole page."""
TIMES = 7
CALLERS = 400_000
STEPS = 12
PLACES = 240
MATTERS = ("meter_reading", "outage", "complaint", "service_order", "statement", "status", "hours", "none")
OUTCOMES = (
    "reading_taken", "reading_taken", "reading_taken", "outage_reported", "request_registered", "order_placed",
    "informed", "transferred", "no_agent", "abandoned", "abandoned", "failed",
)  # fmt: skip


def make(file: Path, count: int, span: Span, tell: Callable[[str], None]) -> None:
    """So many calls, spread over these days, into a store that has its tables.

    In bulk: in the order of every key, without syncs, without looking up keys that are right by construction, and
    with what grows by calls and steps indexed afterwards.  Made by the store's own writer, in one transaction and in
    no order, 2,000,000 calls with their 24,000,000 steps were not done in an hour: each row went to another page of a
    tree that is a hundred times as large as SQLite's cache.
    """
    length = (span.last - span.first).days + 1
    matters, outcomes = _case("i * 11", MATTERS), _case("i * 7", OUTCOMES)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    day = f"date('{span.first}', '+' || ((i - 1) * {length} / {count}) || ' days')"
    at = f"{day} || ' 09:00:00.000000'"
    call, caller = "printf('bench-%08d', i)", f"'+38067' || (1000000 + i % {CALLERS})"
    steps = f"WITH RECURSIVE s(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM s WHERE k < {STEPS - 1})"
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-300000"):
            conn.execute(f"PRAGMA {pragma}")
        later = conn.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
            " AND tbl_name IN ('calls', 'counted_calls', 'call_parties', 'counted_steps', 'waits')"
        ).fetchall()
        for name, _ in later:
            conn.execute(f"DROP INDEX {name}")
        places = [(f"part_{n % 20}", f"spot_{n}") for n in range(PLACES)]
        conn.executemany("INSERT INTO spots (part, spot) VALUES (?, ?)", places)
        first = conn.execute("SELECT min(id) FROM spots").fetchone()[0]
        for what, statement in (
            ("calls", "INSERT INTO calls (id, caller, dialled, began_at, driver, ended_at, outcome)"
            f" {numbers} SELECT {call}, {caller}, '100', {at}, 'bench', {at}, {outcomes} FROM n"),
            ("what counts of them",
            "INSERT INTO counted_calls (id, call, day, hour, matter, language, outcome, sent, seconds, known, before)"
            f" {numbers} SELECT i, {call}, {day}, (i * 13) % 24, {matters}, iif(i % 5, 'uk', 'ru'), {outcomes},"
            " i % 6 = 0, 40 + i % 200, 1, iif(i % 9 = 0 AND i > 9, i - 9, NULL) FROM n"),
            ("callers", "INSERT INTO call_parties (party, at, counted)"
            f" {numbers} SELECT {caller}, {at}, i FROM n ORDER BY 1, 2, 3"),
            ("steps",
            'INSERT INTO counted_steps (counted, n, spot, answered_by, tries, noinput, nomatch, barge_in, "left")'
            f" {steps} SELECT c.id, k, {first} + (c.id * 31 + k * 17) % {PLACES},"
            " CASE k % 3 WHEN 0 THEN 'keys' WHEN 1 THEN 'speech' END, iif(k % 3 < 2, 1 + (c.id % 9 = k), NULL), 0,"
            " k % 3 < 2 AND c.id % 9 = k, k % 4 = 0,"
            f" iif(k = {STEPS - 1} AND c.id % 4 = 0, 'hung_up', NULL) FROM counted_calls c CROSS JOIN s"),
            ("waits", "INSERT INTO waits (call, kind, n, began_at, seconds, ended)"
            f" {numbers} SELECT {call}, 'people', 0, {at}, (i * 37) % 90,"
            " CASE i % 10 WHEN 0 THEN 'left' WHEN 1 THEN 'unanswered' ELSE 'answered' END FROM n WHERE i % 6 = 0"),
            *((name, sql) for name, sql in later),
        ):  # fmt: skip
            began = time.monotonic()
            conn.execute(statement)
            tell(f"{what}: {time.monotonic() - began:.0f} s")


def _case(number: str, words: tuple[str, ...]) -> str:
    """One of the words by this number."""
    return f"CASE ({number}) % {len(words)} " + " ".join(f"WHEN {n} THEN '{w}'" for n, w in enumerate(words)) + " END"


def measure(store: Store, span: Span, at: datetime) -> list[tuple[str, float, float]]:
    """Every figure of this span, milliseconds by the clock and of the processor: the medians."""
    asked: list[tuple[str, Callable[[Connection], Any]]] = [
        (each.__name__, lambda conn, each=each: each(conn, span)) for each in analytics.DEFINED
    ]
    asked += [
        ("requests_of", lambda conn: desk_figures.requests_of(conn, span, at)),
        ("readings_of", lambda conn: desk_figures.readings_of(conn, span)),
        ("everything, with the span before", lambda conn: report.report(conn, span, at)),
    ]

    def timed(conn: Connection, job: Callable[[Connection], Any]) -> tuple[float, float]:
        clock, processor = time.perf_counter(), time.thread_time()
        job(conn)
        return (time.perf_counter() - clock) * 1e3, (time.thread_time() - processor) * 1e3

    found: list[tuple[str, float, float]] = []
    for name, job in asked:
        samples = [store.read(lambda conn, job=job: timed(conn, job)).result() for _ in range(TIMES)]
        found.append((name, median([clock for clock, _ in samples]), median([own for _, own in samples])))
    return found


def counting(store: Store, at: datetime, times: int = 200) -> float:
    """Milliseconds to count one call more, as the indexer does it."""

    def job(conn: Connection) -> float:
        for n in range(times):
            calls.begin(conn, Began(f"one-{n}", f"+38050{n:07d}", "100", at), "bench")
            calls.end(conn, f"one-{n}", Outcome.READING_TAKEN, at=at + timedelta(seconds=70))
        steps = [tallies.Step(f"part_{n % 20}", f"spot_{n}", tallies.By.KEYS, 1, 0, 0, False) for n in range(STEPS)]
        tallied = [tallies.Tally("meter_reading", "uk", False, (f"1{n:09d}",), steps) for n in range(times)]
        began = time.perf_counter()
        for n, tally in enumerate(tallied):
            tallies.count(conn, f"one-{n}", tally)
        return (time.perf_counter() - began) * 1e3 / times

    return store.write(job).result()


def main() -> None:
    """Measure the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.analytics", description=main.__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in a month of 30 days")
    parser.add_argument("--quick", action="store_true", help="few calls: to see that it works")
    parser.add_argument("--write", type=Path, help="put what was measured into this page")
    given = parser.parse_args()
    count = 20_000 if given.quick else given.calls
    console, machine = Console(highlight=False), Machine.this()
    at = datetime.now(UTC)
    today = local_day(at)
    span = Span(today - timedelta(days=29), today)
    whole = Span(today - timedelta(days=59), today)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
        url, began = f"sqlite:///{folder}/hotline.db", time.monotonic()
        with Store.open(url):  # makes the tables
            pass
        make(folder / "hotline.db", count * 2, whole, console.print)
        made = time.monotonic() - began
        store = stack.enter_context(Store.open(url))
        began = time.monotonic()
        store.write(tallies.recount).result()
        recounted = time.monotonic() - began
        found = measure(store, span, at)
        one = counting(store, at)
        size = sum(each.stat().st_size for each in folder.iterdir()) / 1e6
    rows = [["figure, of 30 days", "ms by the clock, median", "of the processor"]]
    rows += [[name, *(f"{ms:.1f}" for ms in both)] for name, *both in found]
    rows += [["counting one call more", f"{one:.2f}", ""]]
    title = f"Figures with {count:,} calls a month, two months in the store ({size:,.0f} MB)"
    told = f"{machine}. Made in {made:.0f} s; all sums made anew from single calls in {recounted:.0f} s."
    tables.show(console, [(title, rows)])
    console.print(told)
    if given.write is not None:
        page = given.write.read_text("utf-8")
        measured = f"{tables.markdown([(title, rows)])}\n{told}"
        given.write.write_text(between(page, BEGIN, END, measured, "figures of the bench"), "utf-8")
    if found[-1][2] > LIMIT:  # the clock of a loaded machine measures the load
        raise SystemExit(f"bench: a page takes {found[-1][2]:.0f} ms of the processor, more than {LIMIT:.0f}")


if __name__ == "__main__":
    main()
