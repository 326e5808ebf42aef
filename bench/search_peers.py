"""What the databases' own full-text search does with the same million calls: SQLite's FTS5 and PostgreSQL's GIN,
beside our bitmaps, query by query in one run.

    python -m bench.search_peers [--data DIR] [--calls 1000000] [--only sqlite|postgresql]

DIR holds the stores that `python -m bench.search --data DIR` made.  SQLite's peers are made of them beside them and
are gone when all was measured: what an interrupted run had made is there for the next.  Each database has two peers,
both straightforward:

  words    words, number, account and flow in the full text; other facts are columns with indexes; the planner joins
  all      every fact is a word of the full text as well (FTS5 with detail=none; one tsvector), only lengths a column

Both have the moment at which a call began as their key, so that "the newest first" costs as little as it can.  A
query is a count and a page of 50 calls with all that the page shows.  Counts and pages must be those that our search
finds, else the run fails: nobody is measured at another question.
"""

# ruff: noqa: S608  the statements are made of this file's own words; values are parameters

import argparse
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final

import psycopg
from rich.console import Console
from sqlalchemy import Boolean

from bench import tables
from bench.cluster import binaries, cluster
from bench.figures import Machine, Peer, PeersRun, Searched, save
from bench.search import NOW, Asking, World, copy, make
from domain import findings as calls_found
from domain import indexing, marks
from domain.findings import Query
from domain.indexing import micros
from domain.model import Language, Outcome
from domain.store import Connection, Store
from domain.tables import findings
from domain.topics import lemmas

PAGE: Final = 50
JOINS: Final = 100
AGAIN: Final = 10
"""Queries of each kind: a quarter of what `bench.search` asks, for some take seconds here."""
FACTS: Final = [column for column in findings.columns if column.name not in ("n", "marks")]
"""What the page shows of a call."""
TOLD: Final = {"w": "said", "p": "hidden", "n": "number", "a": "account", "f": "flow", "m": "about"}
"""Kinds of marks (domain.indexing) that the peer "words" has in its full text, and its columns there."""
TRUE: Final = {
    "doubt": "doubts > 0", "gave_up": "gave_up", "transferred": "transferred_to IS NOT NULL",
    "complaint": "complaint", "scored": "score IS NOT NULL", "noted": "noted", "told": "told",
}  # fmt: skip
ALL: Final = "all"
OURS: Final = "bitmaps"
DAY: Final = timedelta(days=1)
FILLS: Final = (
    ("a call", False, 1), ("a call with words", True, 1), ("a call, 32 at once", False, 32),
    ("a call with words, 32 at once", True, 32),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query, taken apart.  any_of: of each list of tokens one; none_of: none of these; a token is a mark, with a
    star behind where its beginning is enough.  where, values: conditions on columns."""

    any_of: list[list[str]]
    none_of: list[str]
    where: list[str]
    values: list[Any]


def wanted(query: Query, everything: bool, hole: str) -> Wanted:
    """For the peer "all" (everything) or "words".  hole: how the database writes a parameter."""
    asked = Wanted([], [], [], [])
    if query.tail is not None:
        asked.any_of.append([f"n{query.tail}" if query.tail.endswith("+") else f"n{query.tail}*"])
    if query.account is not None:
        asked.any_of.append([f"a{query.account}"])
    asked.any_of.extend([f"{kind}{form}" for kind in "wp" for form in sorted(lemmas(word))] for word in query.said)
    for kind, values in (("f", query.flows), ("m", query.about)):
        if values:
            asked.any_of.append([f"{kind}{value}" for value in sorted(values)])
    for kind, column, few, every in (
        ("o", "outcome", query.outcomes, len(Outcome)), ("l", "language", query.languages, len(Language)),
        ("d", "dialled", query.dialled, 0), ("r", "recording", query.recording, 0),
    ):  # fmt: skip
        if not few or len(few) == every:
            continue
        if everything:
            asked.any_of.append([f"{kind}{value}" for value in sorted(few)])
        else:
            asked.where.append(f"{column} IN ({', '.join([hole] * len(few))})")
            asked.values.extend(sorted(map(str, few)))
    for name, condition in TRUE.items():
        value: bool | None = getattr(query, name)
        if value is None:
            continue
        if not everything:
            asked.where.append(condition if value else f"NOT ({condition})")
        elif value:
            asked.any_of.append([f"t{name}"])
        else:
            asked.none_of.append(f"t{name}")
    for column, sign, bound in (
        ("id", ">=", query.since and micros(query.since)), ("id", "<", query.until and micros(query.until)),
        ("seconds", ">=", query.shortest), ("seconds", "<=", query.longest),
    ):  # fmt: skip
        if bound is not None:
            asked.where.append(f"{column} {sign} {hole}")
            asked.values.append(bound)
    return asked


class SQLite:
    """FTS5, contentless: the words stand nowhere twice.  The key is the moment at which a call began."""

    COLUMNS = ", ".join(column.name for column in FACTS)

    def __init__(self, path: Path, everything: bool) -> None:
        self.path, self.everything = path, everything
        self.kept = path.with_suffix(".json")
        """Stands beside a peer that is made: how long that took, and its size."""
        if not self.kept.exists():
            path.unlink(missing_ok=True)
        self.conn = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):  # as the product's store
            self.conn.execute(f"PRAGMA {pragma}")

    def build(self, rows: Iterable[Any]) -> None:
        detail = ", detail=none" if self.everything else ""
        self.conn.execute(f"CREATE TABLE found (id INTEGER PRIMARY KEY, {self.COLUMNS})")
        self.conn.execute(
            f"CREATE VIRTUAL TABLE texts USING fts5({', '.join(self.texts)}, content='',"
            f" tokenize=\"ascii tokenchars '_+-'\"{detail})"
        )
        self.add(rows)
        self.conn.execute("INSERT INTO texts(texts) VALUES ('optimize')")
        for index in _indexes(self.everything):
            self.conn.execute(index)
        self.conn.execute("ANALYZE")

    @property
    def texts(self) -> list[str]:
        return ["doc"] if self.everything else list(TOLD.values())

    def add(self, rows: Iterable[Any]) -> None:
        facts = f"INSERT INTO found VALUES ({', '.join('?' * (len(FACTS) + 1))})"
        texts = f"INSERT INTO texts(rowid, {', '.join(self.texts)}) VALUES (?, {', '.join('?' * len(self.texts))})"
        self.conn.execute("BEGIN")
        for some in _chunks(rows):
            self.conn.executemany(facts, ((row["began"], *(row[c.name] for c in FACTS)) for row in some))
            self.conn.executemany(texts, ((row["began"], *self._told(row["marks"])) for row in some))
        self.conn.execute("COMMIT")

    def _told(self, marked: str) -> list[str]:
        if self.everything:
            return [" ".join([ALL, *(mark for mark in marked.split(" ") if mark[0] not in "sb*")])]
        told = _told(marked)
        return [" ".join(told[kind]) for kind in TOLD]

    def search(self, query: Query) -> tuple[int, list[str]]:
        asked = wanted(query, self.everything, "?")
        match = self._match(asked)
        joined = any(not condition.startswith("id ") for condition in asked.where)
        where, values = list(asked.where), list(asked.values)
        if match is not None:
            where = [re.sub("^id ", "texts.rowid ", condition) for condition in where]
            where.insert(0, "texts MATCH ?")
            values.insert(0, match)
        whole = "texts JOIN found ON found.id = texts.rowid" if match is not None else "found"
        source = whole if joined or match is None else "texts"
        order = "texts.rowid" if match is not None else "id"
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        count = self.conn.execute(f"SELECT count(*) FROM {source}{condition}", values).fetchone()[0]
        page = self.conn.execute(
            f"SELECT found.* FROM {whole}{condition} ORDER BY {order} DESC LIMIT {PAGE + 1}", values
        ).fetchall()
        return count, [row[1] for row in page[:PAGE]]

    def _match(self, asked: Wanted) -> str | None:
        groups = [self._group(several) for several in asked.any_of]
        if not groups and not asked.none_of:
            return None
        match = " AND ".join(groups) if groups else f'"{ALL}"'
        if asked.none_of:
            match = f"({match}) NOT ({' OR '.join(map(self._token, asked.none_of))})"
        return match

    def _group(self, several: Sequence[str]) -> str:
        if self.everything:
            return f"({' OR '.join(map(self._token, several))})"
        columns = " ".join(sorted({TOLD[token[0]] for token in several}))
        return f"({{{columns}}} : ({' OR '.join(sorted({self._token(token[1:]) for token in several}))}))"

    @staticmethod
    def _token(token: str) -> str:
        return f'"{token[:-1]}" *' if token.endswith("*") else f'"{token}"'

    def size(self) -> float:
        self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.path.stat().st_size / 1e6

    def close(self) -> None:
        self.conn.close()

    def forget(self) -> None:
        """It has calls now that the bench's store has not."""
        self.close()
        self.kept.unlink()
        self.path.unlink()


class PostgreSQL:
    """A tsvector with a GIN index; arrays with theirs.  The key is the moment at which a call began."""

    def __init__(self, url: str, everything: bool) -> None:
        self.everything = everything
        self.conn: Any = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self.schema = f"peer_{ALL if everything else 'words'}"
        self.conn.execute(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        self.conn.execute(f"CREATE SCHEMA {self.schema}")
        self.conn.execute(f"SET search_path = {self.schema}")
        self.conn.execute("SET jit = off")  # it takes longer than what it makes faster
        own = ["doc"] if everything else ["doc", *(f"of_{name}" for kind, name in TOLD.items() if kind not in "wp")]
        self.into = ", ".join(["id", *(column.name for column in FACTS), *own])
        self.holes = ", ".join(["%s"] * (1 + len(FACTS) + len(own)))

    def build(self, rows: Iterable[Any]) -> None:
        facts = ", ".join(f"{column.name} {_type(column)}" for column in FACTS)
        own = (
            ""
            if self.everything
            else ', of_number text COLLATE "C", of_account text[], of_flow text[], of_about text[]'
        )
        self.conn.execute(f"CREATE TABLE found (id bigint NOT NULL, {facts}, doc tsvector{own})")
        with self.conn.cursor().copy(f"COPY found ({self.into}) FROM STDIN") as into:
            for row in rows:
                into.write_row(self._values(row))
        self.conn.execute("ALTER TABLE found ADD PRIMARY KEY (id)")
        self.conn.execute("CREATE INDEX ON found USING gin (doc)")
        if not self.everything:
            for column in ("of_account", "of_flow", "of_about"):
                self.conn.execute(f"CREATE INDEX ON found USING gin ({column})")
            self.conn.execute("CREATE INDEX ON found (of_number, id)")
        for index in _indexes(self.everything):
            self.conn.execute(index)
        self.conn.execute("VACUUM ANALYZE found")

    def add(self, rows: Iterable[Any]) -> None:
        with self.conn.transaction():
            for row in rows:
                self.conn.execute(f"INSERT INTO found ({self.into}) VALUES ({self.holes})", self._values(row))

    def _values(self, row: Any) -> list[Any]:
        facts = [bool(row[c.name]) if isinstance(c.type, Boolean) else row[c.name] for c in FACTS]
        kept = row["marks"].split(" ")
        if self.everything:
            return [row["began"], *facts, " ".join(_lexeme(mark) for mark in kept if mark[0] not in "sb*")]
        told = _told(row["marks"])
        words = " ".join(_lexeme(mark) for mark in kept if mark[0] in "wp")
        return [row["began"], *facts, words, next(iter(told["n"]), None), told["a"], told["f"], told["m"]]

    def search(self, query: Query) -> tuple[int, list[str]]:
        asked = wanted(query, self.everything, "%s")
        where, values = list(asked.where), list(asked.values)
        lexemes = [f"!{_lexeme(token)}" for token in asked.none_of]
        for several in asked.any_of:
            if self.everything or several[0][0] in "wp":
                lexemes.append(f"({' | '.join(map(_lexeme, several))})")
                continue
            kind, rest = several[0][0], [token[1:] for token in several]
            if kind == "n" and rest[0].endswith("*"):
                first = rest[0][:-1]
                where.append("of_number >= %s AND of_number < %s")
                values += [first, first + ":"]
            else:
                where.append("of_number = %s" if kind == "n" else f"of_{TOLD[kind]} && %s")
                values.append(rest[0] if kind == "n" else rest)
        if lexemes:
            where.append("doc @@ %s::tsquery")
            values.append(" & ".join(lexemes))
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        names = ", ".join(column.name for column in FACTS)
        count: Any = self.conn.execute(f"SELECT count(*) FROM found{condition}", values).fetchone()
        page = self.conn.execute(
            f"SELECT {names} FROM found{condition} ORDER BY id DESC LIMIT {PAGE + 1}", values
        ).fetchall()
        return count[0], [row[0] for row in page[:PAGE]]

    def size(self) -> float:
        row: Any = self.conn.execute("SELECT pg_total_relation_size('found')").fetchone()
        return row[0] / 1e6

    def close(self) -> None:
        self.conn.execute(f"DROP SCHEMA {self.schema} CASCADE")
        self.conn.close()


def _indexes(everything: bool) -> Iterator[str]:
    """Every index ends by the key, so that one fact alone is found in order."""
    yield "CREATE INDEX found_seconds ON found (seconds, id)"
    if everything:
        return
    for column in ("outcome", "language", "dialled", "recording"):
        yield f"CREATE INDEX found_{column} ON found ({column}, id)"
    for name, condition in TRUE.items():
        yield f"CREATE INDEX found_{name}_so ON found (id) WHERE {condition}"


def _told(marked: str) -> dict[str, list[str]]:
    """What stands in the full text, by kind."""
    found: dict[str, list[str]] = {kind: [] for kind in TOLD}
    for mark in marked.split(" "):
        if mark[0] in found:
            found[mark[0]].append(mark[1:])
    return found


def _chunks(rows: Iterable[Any]) -> Iterator[list[Any]]:
    several = iter(rows)
    while some := list(islice(several, 1000)):
        yield some


def _lexeme(token: str) -> str:
    """As a tsvector or a tsquery is written."""
    begins = token.endswith("*")
    quoted = (token[:-1] if begins else token).replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':*" if begins else f"'{quoted}'"


def _type(column: Any) -> str:
    return {"BIGINT": "bigint", "INTEGER": "integer", "BOOLEAN": "boolean", "FLOAT": "double precision"}.get(
        str(column.type), "text"
    )


# Measuring


def stored(store: Path) -> Iterator[sqlite3.Row]:
    """Every call that the bench's store has, in the order of their places."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as conn:
        conn.row_factory = sqlite3.Row
        yield from conn.execute("SELECT * FROM findings WHERE call LIKE 'bench-%' ORDER BY n")


def bitmaps(source: Path, into: Path) -> Peer:
    """Ours, made of the same rows, for the time and the room that it takes."""
    if (kept := into.with_suffix(".json")).exists():
        return Peer.model_validate_json(kept.read_text("utf-8"))
    into.unlink(missing_ok=True)
    with Store.open(f"sqlite:///{into}"):  # makes the tables
        pass
    names = [column.name for column in findings.columns]
    keep = f"INSERT INTO findings ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    began, packed = time.monotonic(), list[tuple[str, int, bytes]]()
    with closing(sqlite3.connect(into)) as conn:
        empty = into.stat().st_size
        conn.execute("PRAGMA foreign_keys=OFF")
        for block, several in groupby(stored(source), lambda row: row["n"] // marks.SIZE):
            bits: dict[str, int] = defaultdict(int)
            for row in several:
                for mark in row["marks"].split(" "):
                    bits[mark] |= 1 << row["n"] % marks.SIZE
                conn.execute(keep, tuple(row[name] for name in names))
            packed += [(mark, block, marks.packed(some)) for mark, some in bits.items()]
        conn.executemany("INSERT INTO marks (mark, block, bits) VALUES (?, ?, ?)", sorted(packed))
        conn.commit()
        conn.execute("ANALYZE")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    took = time.monotonic() - began
    found = Peer(name=OURS, seconds=round(took, 1), mb=round((into.stat().st_size - empty) / 1e6, 1))
    kept.write_text(found.model_dump_json(), "utf-8")
    return found


def made(peer: SQLite | PostgreSQL, name: str, source: Path) -> Peer:
    """Made now, unless a run before has made it."""
    if isinstance(peer, SQLite) and peer.kept.exists():
        return Peer.model_validate_json(peer.kept.read_text("utf-8"))
    began = time.monotonic()
    peer.build(stored(source))
    found = Peer(name=name, seconds=round(time.monotonic() - began, 1), mb=round(peer.size(), 1))
    if isinstance(peer, SQLite):
        peer.kept.write_text(found.model_dump_json(), "utf-8")
    return found


def questions(asking: Asking, again: int, joins: int) -> list[tuple[str, list[Query]]]:
    """What is asked of each, the same."""
    found = [(name, [query() for _ in range(again)]) for name, query in asking.kinds().items()]
    return [(f"{joins} random joins of two to six filters", list(islice(asking.joins(), joins))), *found]


def compare(
    store: Store, peers: Sequence[tuple[str, SQLite | PostgreSQL]], asked: Any, minutes: float, tell: Any
) -> dict[str, list[Searched]]:
    """Each query of ours and of every peer, one after another; no kind is begun when the minutes are over.

    SQLite's are the processor's milliseconds, for it works in the thread that asks, and the clock of a loaded machine
    measures the load; PostgreSQL works elsewhere, so its are the clock's.
    """
    clock = time.perf_counter if any(isinstance(peer, PostgreSQL) for _, peer in peers) else time.thread_time

    def ours(query: Query) -> tuple[float, int, list[str]]:
        def job(conn: Connection) -> tuple[float, int, list[str]]:
            began = clock()
            page = calls_found.search(conn, query, personal=True, limit=PAGE)
            return clock() - began, page.count, [each.call for each in page.calls]

        return store.read(job).result()

    def theirs(peer: SQLite | PostgreSQL, query: Query) -> tuple[float, int, list[str]]:
        began = clock()
        count, shown = peer.search(query)
        return clock() - began, count, shown

    ways: list[tuple[str, Callable[[Query], tuple[float, int, list[str]]]]] = [
        (OURS, ours), *((name, partial(theirs, peer)) for name, peer in peers)
    ]  # fmt: skip
    found: dict[str, list[Searched]] = {name: [] for name, _ in ways}
    end = time.monotonic() + 60 * minutes
    for kind, queries in asked:
        if time.monotonic() > end:
            tell(f"not asked any more: {kind}")
            continue
        took: dict[str, list[float]] = defaultdict(list)
        counts = list[int]()
        for query in queries:
            answers = dict[str, tuple[int, list[str]]]()
            for name, way in ways:
                seconds, count, shown = way(query)
                answers[name] = count, shown
                took[name].append(round(seconds * 1e3, 3))
            for name, answer in answers.items():
                if answer != answers[OURS]:
                    sys.exit(f"bench: {name} finds {answer[0]:,} calls, ours {answers[OURS][0]:,}: {kind}: {query}")
            counts.append(answers[OURS][0])
        for name, _ in ways:
            found[name].append(Searched(name=kind, took=took[name], found=counts))
        tell(f"{kind}: " + ", ".join(f"{name} {max(took[name]):.0f} ms" for name in took))
    return found


def adding(world: World, peer: SQLite | PostgreSQL, times: int) -> list[Searched]:
    """Milliseconds a call, with the commit."""
    chance = random.Random(time.time_ns())
    world.chance = chance

    def some(told: bool, size: int) -> float:
        rows: list[dict[str, Any]] = []
        while len(rows) < size:
            facts = world.facts(world.count)
            if facts.stored.told == told:
                facts = replace(facts, call=f"fill-{time.time_ns()}-{len(rows)}", began=NOW + chance.random() * DAY)
                rows.append(indexing.row(0, facts, indexing.marked(facts)))
        began = time.perf_counter()
        peer.add(rows)
        return (time.perf_counter() - began) * 1e3 / size

    return [
        Searched(name=name, took=[round(some(told, size), 3) for _ in range(times)], found=[0])
        for name, told, size in FILLS
    ]


def main() -> None:
    """Measure what FTS5 and GIN do with the calls of the search's bench."""
    parser = argparse.ArgumentParser(prog="python -m bench.search_peers", description=main.__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="how many there are")
    parser.add_argument("--data", type=Path, help="where `bench.search --data` keeps its stores")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="only this database")
    parser.add_argument("--peers", nargs="+", choices=("words", ALL), default=("words", ALL), help="only these")
    parser.add_argument("--again", type=int, default=AGAIN, help="queries of each kind")
    parser.add_argument("--joins", type=int, default=JOINS, help="random joins of filters")
    parser.add_argument("--minutes", type=float, default=60, help="after which no other kind of query is begun")
    parser.add_argument("--quick", action="store_true", help="few calls, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    given = parser.parse_args()
    count = 20_000 if given.quick else given.calls
    console, machine, runs = Console(), Machine.this(), list[PeersRun]()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivr-bench-")))
        scratch.chmod(0o755)  # PostgreSQL's user has to get through
        folder = given.data or scratch
        source = folder / f"search-{count}.db"
        first = stack.enter_context(Store.open(f"sqlite:///{source}"))
        make(first, count, console)
        for database in ("sqlite", "postgresql"):
            if given.only not in (None, database) or (database == "postgresql" and not binaries()):
                continue
            with ExitStack() as inner:
                store, url = first, ""
                if database == "postgresql":
                    url = inner.enter_context(cluster(folder / f"search-{count}.pg"))
                    store = inner.enter_context(Store.open(url))
                    copy(first, store)
                kept = [] if url else [bitmaps(source, folder / f"peer-{OURS}-{count}.db")]
                peers = list[tuple[str, SQLite | PostgreSQL]]()
                for name in given.peers:
                    everything = name == ALL
                    path = folder / f"peer-{name}-{count}.db"
                    peer = PostgreSQL(url, everything) if url else SQLite(path, everything)
                    inner.callback(peer.close)
                    kept.append(made(peer, name, source))
                    console.print(f"{database}: {name}: built in {kept[-1].seconds:.0f} s, {kept[-1].mb:.0f} MB")
                    peers.append((name, peer))
                asking = Asking(store, count)
                queries = compare(
                    store, peers, questions(asking, given.again, given.joins), given.minutes, console.print
                )
                fills = {OURS: asking.fills(given.again)}
                fills |= {name: adding(World(count), peer, given.again) for name, peer in peers}
                for _, peer in peers:
                    if isinstance(peer, SQLite):
                        peer.forget()
                run = PeersRun(
                    machine=machine, database=database, calls=count, built=kept, queries=queries, fills=fills,
                    remark=given.remark,
                )  # fmt: skip
            runs.append(run)
            tables.show(console, tables.of_peers([run]))
            if not given.quick:
                save(f"search-peers-{database}", run)


if __name__ == "__main__":
    main()
