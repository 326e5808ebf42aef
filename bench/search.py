"""The search through a million calls: every filter alone and in any company, on SQLite and on PostgreSQL.

    python -m bench.search [--data DIR] [--calls 1000000] [--only sqlite|postgresql]

The store is made once and kept in DIR (ten minutes; without --data in a folder that is deleted afterwards);
PostgreSQL gets a copy.  Three years of calls; one in five told something in own words, of 3,000 words that are used
as words are (Zipf).  Two customers are heavy: one number with 5 % of all calls, one account with 2 %.

A query is timed as a page asks it: on a reader of the store, from the values to the values, count and page together.
Each of 300 random joins has two to six filters at once; nothing is excluded because it is slow.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from sqlalchemy import Boolean, Table, func, insert, select, text

from bench import tables
from bench.cluster import binaries, cluster
from bench.figures import Machine, Searched, SearchRun, save
from domain import indexing, marks
from domain.debts import Debt
from domain.findings import Query, search
from domain.indexing import Facts, Stored, Words
from domain.model import Language, Outcome
from domain.store import Connection, Store
from domain.tables import RecordingState, calls, findings, index_debts, mark_blocks
from domain.tables import marks as marks_table
from domain.topics import lemmas

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
YEARS = 3
LIMIT = 100.0
"""Milliseconds."""
TIMES = 40
JOINS = 300

FLOWS = ("main_menu", "meter_reading", "complaint", "outage", "statement", "service_order", "status", "hours")
OUTCOMES = {
    Outcome.READING_TAKEN: 40, Outcome.INFORMED: 22, Outcome.ABANDONED: 12, Outcome.OUTAGE_REPORTED: 10,
    Outcome.TRANSFERRED: 6, Outcome.REQUEST_REGISTERED: 4, Outcome.READING_PARTIAL: 2, Outcome.ORDER_PLACED: 2,
    Outcome.CALLBACK_ORDERED: 1, Outcome.DRAFT_KEPT: 0.5, Outcome.NO_AGENT: 0.3, Outcome.FAILED: 0.1,
    Outcome.DIVERGED: 0.05, Outcome.LOST: 0.05,
}  # fmt: skip
BROAD = ("світло", "немає", "лічильник", "рахунок", "показник", "вчора", "будинок", "напруга")
TRUNK = "+380444900000"
HEAVY = "1000000018"


class World:
    """What is drawn at random, always the same."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.chance = random.Random(1)
        syllables = [c + v for c in "бвгдзклмнпрстх" for v in "аеиоуі"]
        made = ["".join(self.chance.choices(syllables, k=self.chance.randint(2, 4))) for _ in range(3000)]
        self.words = [*BROAD, *made]
        self.forms = [lemmas(word) for word in self.words]
        weights = np.array([1 / (k + 3) for k in range(len(self.words))])
        self.often = np.cumsum(weights / weights.sum())

    def number(self) -> str:
        return TRUNK if self.chance.random() < 0.05 else f"+38067{int(self.chance.triangular(0, 10**7, 0)):07d}"

    def account(self) -> str:
        return (
            HEAVY if self.chance.random() < 0.02 else f"{1_000_000_100 + int(self.chance.triangular(0, 600_000, 0))}"
        )

    def told(self) -> Words:
        """Forty words; a tenth of the texts hold a name."""
        drawn = np.searchsorted(self.often, np.random.default_rng(self.chance.getrandbits(32)).random(40))
        shown = frozenset().union(*(self.forms[int(k)] for k in drawn))
        hidden = frozenset(self.forms[-self.chance.randint(1, 500)]) if self.chance.random() < 0.1 else frozenset()
        return Words(shown, hidden)

    def facts(self, n: int) -> Facts:
        """The `n`th call, 0 being the first of all."""
        c = self.chance
        began = NOW - timedelta(days=365 * YEARS) * (1 - n / self.count) + timedelta(seconds=c.random() * 90)
        outcome = c.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
        told = c.random() < 0.2
        flow = c.choices(FLOWS[1:], (45, 8, 20, 10, 5, 5, 7))[0]
        return Facts(
            call=f"bench-{n:07d}", began=began, seconds=int(min(c.lognormvariate(4.2, 0.8), 7200)),
            caller=self.number() if c.random() < 0.95 else None,
            dialled=c.choices(("100", "101", "102"), (8, 1, 1))[0],
            flow="main_menu", flows=("main_menu", flow), language=c.choices(list(Language), (70, 25, 5))[0],
            outcome=outcome, transferred_to="agents" if outcome is Outcome.TRANSFERRED else None,
            doubts=c.choices((0, 1, 3), (80, 15, 5))[0], gave_up=c.random() < 0.04,
            accounts=(self.account(),) if c.random() < 0.8 else (),
            stored=Stored(
                requests=int(flow == "complaint"), complaint=flow == "complaint" and c.random() < 0.8,
                readings=int(outcome is Outcome.READING_TAKEN),
                recording=c.choices(list(RecordingState), (0, 97, 2, 1))[0],
                score=80.0 if c.random() < 0.01 else None, noted=c.random() < 0.005, told=told,
                words=self.told() if told else Words(),
            ),
        )  # fmt: skip


# Making


def make(store: Store, count: int, console: Console) -> None:
    """So many calls, unless they are there: the rows that `indexing.fill` would write, bitmaps in their order."""
    there = store.read(lambda conn: conn.scalar(select(func.count()).select_from(findings))).result()
    if there == count:
        return
    if there:
        sys.exit(f"bench: the store holds {there:,} calls, not {count:,}: give another --data")
    world = World(count)
    bitmaps = list[tuple[str, int, bytes]]()
    with Progress(console=console) as progress:
        task = progress.add_task("calls", total=count)
        for block, first in enumerate(range(0, count, marks.SIZE)):
            several = [world.facts(n) for n in range(first, min(first + marks.SIZE, count))]
            bits: dict[str, int] = defaultdict(int)
            rows = list[dict[str, Any]]()
            for place, each in enumerate(several):
                has = indexing.marked(each)
                rows.append(indexing.row(first + place, each, has))
                for mark in has:
                    bits[mark] |= 1 << place
            bitmaps += [(mark, block, marks.packed(some)) for mark, some in bits.items()]
            began = [indexing.micros(each.began) for each in several]
            held = {"block": block, "used": len(several), "first": min(began), "last": max(began)}
            store.write(lambda conn, several=several, rows=rows, held=held: _keep(conn, several, rows, held)).result()
            progress.advance(task, len(several))
    bitmaps.sort()
    for k in range(0, len(bitmaps), 50_000):
        some = [{"mark": mark, "block": block, "bits": bits} for mark, block, bits in bitmaps[k : k + 50_000]]
        store.write(lambda conn, some=some: conn.execute(insert(marks_table), some)).result()
    store.write(lambda conn: conn.execute(text("ANALYZE"))).result()


def _keep(conn: Connection, several: list[Facts], rows: list[dict[str, Any]], held: dict[str, int]) -> None:
    conn.execute(insert(calls), _calls(several))
    conn.execute(insert(findings), rows)
    conn.execute(insert(mark_blocks), held)


def _calls(several: list[Facts]) -> list[dict[str, Any]]:
    return [
        {
            "id": each.call, "caller": each.caller, "dialled": each.dialled, "began_at": each.began,
            "driver": "bench", "ended_at": each.began + timedelta(seconds=each.seconds), "outcome": each.outcome,
        }
        for each in several
    ]  # fmt: skip


def copy(source: Store, target: Store) -> None:
    """Everything that the search reads, from SQLite to PostgreSQL, unless it is there."""
    if target.read(lambda conn: conn.scalar(select(func.count()).select_from(findings))).result():
        return

    def job(there: Connection) -> None:
        raw: Any = there.connection.dbapi_connection
        for table in (calls, findings, mark_blocks, marks_table):
            flags = {k for k, column in enumerate(table.columns) if isinstance(column.type, Boolean)}
            names = ", ".join(f'"{column.name}"' for column in table.columns)

            def rows(here: Connection, table: Table = table) -> Iterator[Any]:
                yield from here.exec_driver_sql(f"SELECT * FROM {table.name}").yield_per(10_000)  # noqa: S608

            def put(here: Connection, flags: set[int] = flags, table: Table = table, names: str = names) -> None:
                with raw.cursor().copy(f"COPY {table.name} ({names}) FROM STDIN") as into:
                    for row in rows(here, table):
                        into.write_row([bool(value) if k in flags else value for k, value in enumerate(row)])

            source.read(put).result()

    target.write(job).result()
    target.write(lambda conn: conn.execute(text("ANALYZE"))).result()


def _fill(conn: Connection, several: list[Facts]) -> None:
    """As in a hotline: they end, and are indexed."""
    conn.execute(insert(calls), _calls(several))
    conn.execute(insert(index_debts), [{"call": each.call, "owed_at": each.began} for each in several])
    indexing.fill(conn, {Debt(each.call, 1): each for each in several})


# Asking


class Asking:
    """Queries of every kind, for random values."""

    def __init__(self, store: Store, count: int) -> None:
        self.store, self.world, self.chance = store, World(count), random.Random(2)

    def kinds(self) -> dict[str, Callable[[], Query]]:
        c, day = self.chance, timedelta(days=1)

        def at(most: float = 365.0 * YEARS) -> datetime:
            return NOW - day * c.random() * most

        def rare() -> str:
            return c.choice(self.world.words[1000:])

        def call() -> Facts:
            return replace(self.world.facts(c.randrange(self.world.count)), outcome=Outcome.INFORMED)

        def wide(**more: Any) -> Query:
            return Query(since=NOW - 900 * day, **more)

        return {
            "nothing asked: the newest": Query,
            "a number in full": lambda: Query(number=call().caller or TRUNK),
            "a number's last four digits": lambda: Query(number=f"{c.randrange(10_000):04d}"),
            "a number with 5 % of all calls": lambda: Query(number=TRUNK),
            "a number with 5 % of all calls, and what few of them are": lambda: Query(
                number=TRUNK, outcomes=frozenset({Outcome.LOST}), languages=frozenset({Language.EN}), gave_up=True
            ),
            "an account": lambda: Query(account=self.world.account()),
            "an account with 2 % of all calls": lambda: Query(account=HEAVY),
            "one day": lambda: (lambda a: Query(since=a, until=a + day))(at()),
            "one month, one outcome": lambda: (
                lambda a: Query(since=a, until=a + 30 * day, outcomes=frozenset({c.choice(list(OUTCOMES))}))
            )(at()),
            "a flow, a language, had doubt": lambda: Query(
                flows=frozenset({c.choice(FLOWS)}), languages=frozenset({c.choice(list(Language))}), doubt=True
            ),
            "gave up, was transferred, complaint": lambda: Query(gave_up=True, transferred=True, complaint=True),
            "longer than, shorter than": lambda: (lambda s: Query(shortest=s, longest=s + c.randrange(60)))(
                c.randrange(600)
            ),
            "a length that no call has": lambda: Query(shortest=7201),
            "a rare word, three years": lambda: wide(words=rare()),
            "a broad word": lambda: Query(words=c.choice(BROAD)),
            "two broad words, and what few of them are": lambda: wide(
                words=" ".join(c.sample(BROAD, 2)), outcomes=frozenset({Outcome.DIVERGED}), scored=True
            ),
            "eight broad words": lambda: Query(words=" ".join(BROAD)),
            "broad filters that no call passes": lambda: Query(
                outcomes=frozenset({Outcome.READING_TAKEN}), transferred=True, flows=frozenset({"main_menu"}),
                languages=frozenset({Language.UK}), words="світло", shortest=1, longest=7000,
            ),
            "a word that nobody said": lambda: Query(words="екскаватор"),
            "every filter at once, broad values": lambda: Query(
                since=NOW - 1000 * day, until=NOW - day, flows=frozenset(FLOWS[:4]), outcomes=frozenset(OUTCOMES),
                languages=frozenset(Language), dialled=frozenset({"100", "101"}), words="світло немає",
                shortest=3, longest=3000, doubt=False, gave_up=False, transferred=False, complaint=False,
                scored=False, noted=False, told=True, recording=frozenset({RecordingState.SEALED}),
            ),
        }  # fmt: skip

    def joins(self) -> Iterator[Query]:
        """Random joins of two to six filters."""
        c, day = self.chance, timedelta(days=1)
        since = lambda: NOW - day * c.random() * 365 * YEARS  # noqa: E731
        pool: list[Callable[[], dict[str, Any]]] = [
            lambda: {"number": c.choice((TRUNK, f"{c.randrange(10_000):04d}"))},
            lambda: {"account": c.choice((HEAVY, self.world.account()))},
            lambda: {"since": since()},
            lambda: {"until": since() + 1200 * day},
            lambda: {"flows": frozenset(c.sample(FLOWS, c.randint(1, 3)))},
            lambda: {"outcomes": frozenset(c.sample(list(OUTCOMES), c.randint(1, 3)))},
            lambda: {"languages": frozenset({c.choice(list(Language))})},
            lambda: {"words": " ".join(c.sample(self.world.words[: c.choice((8, 100, 3000))], c.randint(1, 3)))},
            lambda: {"shortest": c.randrange(300)},
            lambda: {"longest": 300 + c.randrange(600)},
            lambda: {"dialled": frozenset({c.choice(("100", "101", "102"))})},
            lambda: {"recording": frozenset({c.choice(list(RecordingState))})},
            *(
                lambda name=name: {name: c.random() < 0.6}
                for name in ("doubt", "gave_up", "transferred", "complaint", "scored", "noted", "told")
            ),
        ]
        for _ in range(JOINS):
            asked: dict[str, Any] = {}
            for each in c.sample(pool, c.randint(2, 6)):
                asked |= each()
            yield Query(**asked)

    def one(self, query: Query, after: str | None = None, personal: bool = True) -> tuple[float, int, str | None]:
        """Milliseconds; how many were found; the next page's cursor."""

        def job(conn: Connection) -> tuple[float, int, str | None]:
            began = time.perf_counter()
            page = search(conn, query, personal=personal, after=after)
            return (time.perf_counter() - began) * 1e3, page.count, page.after

        return self.store.read(job).result()

    def measure(self, times: int) -> list[Searched]:
        found = list[Searched]()
        for name, query in self.kinds().items():
            samples = [self.one(query()) for _ in range(times + 2)][2:]
            found.append(_searched(name, samples))
        after, deep = None, list[tuple[float, int, str | None]]()
        for _ in range(times):
            deep.append(self.one(Query(doubt=True), after))
            after = deep[-1][2]
        found.append(_searched("had doubt, page after page", deep))
        middle = f"{indexing.micros(NOW - timedelta(days=500)):x}.0"
        found.append(
            _searched(
                "had doubt, from the middle of all pages", [self.one(Query(doubt=True), middle) for _ in range(times)]
            )
        )
        found.append(
            _searched(f"{JOINS} random joins of two to six filters", [self.one(query) for query in self.joins()])
        )
        return found

    def fills(self, times: int) -> list[Searched]:
        """What a call costs that is indexed, alone and in a turn of the console's indexer, with its commit."""
        chance, found = random.Random(time.time_ns()), list[Searched]()
        world = World(self.world.count)
        world.chance = chance

        def some(told: bool, size: int) -> float:
            several: list[Facts] = []
            while len(several) < size:
                each = world.facts(world.count)
                if each.stored.told == told:
                    several.append(replace(each, call=f"fill-{time.time_ns()}-{len(several)}"))
            began = time.perf_counter()
            self.store.write(lambda conn: _fill(conn, several)).result()
            return (time.perf_counter() - began) * 1e3 / size

        for name, told, size in (
            ("a call", False, 1),
            ("a call with words", True, 1),
            ("a call, 32 at once", False, 32),
            ("a call with words, 32 at once", True, 32),
        ):
            found.append(_searched(name, [(some(told, size), 0, None) for _ in range(times)]))
        self.store.write(_forget_fills).result()
        return found


def _forget_fills(conn: Connection) -> None:
    """The store is as it was, so that the next run finds what this one did."""
    rows = conn.execute(select(findings.c.n, findings.c.marks).where(findings.c.call.like("fill-%"))).all()
    changes = indexing.Changes()
    for n, marked in rows:
        changes.remove(n, marked.split(" "))
    changes.write(conn)
    conn.execute(findings.delete().where(findings.c.call.like("fill-%")))
    conn.execute(calls.delete().where(calls.c.id.like("fill-%")))


def _searched(name: str, samples: list[tuple[float, int, str | None]]) -> Searched:
    return Searched(
        name=name, took=[round(took, 3) for took, _, _ in samples], found=[count for _, count, _ in samples]
    )


def sizes(store: Store) -> dict[str, float]:
    """Rows and MB of what the index is made of."""

    def job(conn: Connection) -> dict[str, float]:
        rows = {
            each.name: float(conn.scalar(select(func.count()).select_from(each)) or 0)
            for each in (findings, marks_table, mark_blocks)
        }
        if conn.dialect.name == "postgresql":
            for name in list(rows):
                rows[f"{name} MB"] = (
                    conn.exec_driver_sql(f"SELECT pg_total_relation_size('{name}')").scalar_one() / 1e6
                )
        else:
            pages = conn.exec_driver_sql("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            rows["whole store MB"] = pages.scalar_one() / 1e6
        return {name: round(value, 1) for name, value in rows.items()}

    return store.read(job).result()


def main() -> None:
    """Measure the search through a million calls."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=main.__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="how many there are")
    parser.add_argument("--data", type=Path, help="where the stores are kept, to be measured again")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="only this database")
    parser.add_argument("--quick", action="store_true", help="few calls, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    given = parser.parse_args()
    count, times = (20_000, 5) if given.quick else (given.calls, TIMES)
    console, machine = Console(), Machine.this()
    with ExitStack() as stack:
        folder = given.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        if given.data is None:
            folder.chmod(0o755)  # PostgreSQL's user has to get through
        urls: dict[str, str] = {}
        if given.only != "postgresql":
            urls["sqlite"] = f"sqlite:///{folder / f'search-{count}.db'}"
        if given.only != "sqlite" and (binaries() or given.only):
            urls["postgresql"] = stack.enter_context(cluster(folder / f"search-{count}.pg"))
        runs: list[SearchRun] = []
        for name, url in urls.items():
            with Store.open(url) as store:
                if name == "postgresql" and "sqlite" in urls:  # made once: the index is the same in both
                    with Store.open(urls["sqlite"]) as first:
                        copy(first, store)
                make(store, count, console)
                asking = Asking(store, count)
                run = SearchRun(
                    machine=machine, database=name, calls=count, limit=LIMIT, sizes=sizes(store),
                    queries=asking.measure(times), fills=asking.fills(times), remark=given.remark,
                )  # fmt: skip
            runs.append(run)
            tables.show(console, tables.of_search([run]))
            if not given.quick:
                save(f"search-{name}", run)
    slow = [
        f"{run.database}, {each.name}: {max(each.took):.0f} ms"
        for run in runs
        for each in run.queries
        if max(each.took) > LIMIT
    ]
    if slow:
        sys.exit("bench: slower than it may be:\n  " + "\n  ".join(slow))


if __name__ == "__main__":
    main()
