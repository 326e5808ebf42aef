"""What a call asks of the store, with a million accounts in it: each command of the conversation, and each of its
queries with the plan by which SQLite runs it.

    python -m bench.lookups [--accounts 1000000] [--data DIR]

Without --data the accounts are made first, as `ivr demo load` makes them, in a folder that is deleted afterwards.
Every command of `domain.commands` is measured, by specimens for random customers: a command without one ends the run.
Reads go through `Store.read` and are timed on the reader's thread; writes go through `Store.write` and are timed with
their commit.  LIMIT is the bound for the queries of a command together: one that takes longer fails the run.
"""

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from sqlalchemy import event, func, select

from bench import tables
from bench.figures import Lookup, LookupsRun, Machine, save
from domain import calls, commands
from domain.calls import Line
from domain.commands import Command
from domain.demo.fiction import account_number, person
from domain.demo.generate import generate
from domain.handlers import perform
from domain.model import Began, Doubt, Language, OrderKind, OutageKind, Outcome, ReplyBy, RequestKind, Told, Topic
from domain.numbers import Series, number
from domain.store import Connection, Store
from domain.tables import accounts
from ivr.commands.gauge import Gauge

LIMIT = 5.0
"""Milliseconds."""
SMALL = ("policies",)
"""Tables that stay small, whatever the number of customers: going through them costs nothing."""
TIMES = 300
NOW = datetime.now(UTC)
Specimen = Callable[[int], Command[Any]]


def _face(n: int) -> dict[str, Any]:
    face = person(n, 1).faces[0]
    counter = face.counters[0]
    return {"account": account_number(n), "meter": face.number, "zone": counter.zone, "energy": counter.energy,
            "value": counter.begins}  # fmt: skip


SPECIMENS: Mapping[type[Command[Any]], Specimen] = {
    commands.RecogniseCaller: lambda n: commands.RecogniseCaller(person(n, 1).phone),
    commands.FindAccount: lambda n: commands.FindAccount(account_number(n)),
    commands.RememberLanguage: lambda n: commands.RememberLanguage(f"+380440{n % 1_000_000:06d}", Language.UK),
    commands.HearAnnouncements: lambda n: commands.HearAnnouncements((person(n, 1).building[0],)),
    commands.AskTerms: lambda n: commands.AskTerms(account_number(n)),
    commands.SubmitReading: lambda n: commands.SubmitReading(**_face(n)),
    commands.KeepDoubtful: lambda n: commands.KeepDoubtful(**_face(n), doubt=Doubt.LOWER, said="keyed again"),
    commands.AskStatement: lambda n: commands.AskStatement(account_number(n)),
    commands.RegisterRequest: lambda n: commands.RegisterRequest(
        RequestKind.COMPLAINT, Topic.QUALITY, ReplyBy.PHONE, "+380440000001", account_number(n)
    ),
    commands.KeepDraft: lambda n: commands.KeepDraft(
        RequestKind.COMPLAINT,
        Topic.QUALITY,
        Told(NOW, NOW + timedelta(seconds=40)),
        "+380440000001",
        account_number(n),
    ),
    commands.FindRequest: lambda n: commands.FindRequest(number(Series.REQUEST, n % 80 + 1)),
    commands.AskSupply: lambda n: commands.AskSupply(account_number(n)),
    commands.ReportOutage: lambda n: commands.ReportOutage(OutageKind.NO_SUPPLY, account_number(n), "+380440000001"),
    commands.PlaceOrder: lambda n: commands.PlaceOrder(OrderKind.SEAL, account_number(n), "+380440000001"),
    commands.AskPeople: lambda n: commands.AskPeople(),
    commands.AskHours: lambda n: commands.AskHours(),
    commands.OrderCallBack: lambda n: commands.OrderCallBack("+380440000001", "reading", account_number(n)),
}
"""A command of each kind about the `n`th customer."""


def call_path() -> list[type[Command[Any]]]:
    """Every command that a conversation can give."""
    found = [
        each for each in vars(commands).values()
        if isinstance(each, type) and issubclass(each, Command) and each is not Command
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.__name__)


class Listening:
    """Which statements are run, and by which plan."""

    def __init__(self, store: Store) -> None:
        self.plans: dict[str, tuple[str, ...]] = {}
        self._on = False
        for engine in (store._reader, store._writer):
            event.listen(engine, "before_cursor_execute", self._before)

    def _before(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        verb = statement.split(None, 1)[0]
        if self._on and verb in ("SELECT", "UPDATE", "DELETE", "WITH") and statement not in self.plans:
            asking = cursor.connection.cursor()
            rows = asking.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters).fetchall()
            self.plans[statement] = tuple(row[3] for row in rows)

    def to(self, job: Callable[[], Any]) -> tuple[str, ...]:
        """The steps of the plans of what this runs, each once."""
        self.plans.clear()
        self._on = True
        try:
            job()
        finally:
            self._on = False
        return tuple(dict.fromkeys(step for plan in self.plans.values() for step in plan))


class Bench:
    def __init__(self, store: Store, accounts: int) -> None:
        self.store, self.accounts = store, accounts
        self.listening = Listening(store)
        self._chance = random.Random(7)
        self._calls = count()

    def command(self, kind: type[Command[Any]], times: int) -> Lookup:
        """A command of this kind, so often, each for another customer and (where it writes) in another call."""
        specimen = SPECIMENS[kind]

        def job(conn: Connection, command: Command[Any], call: str | None) -> float:
            began = time.perf_counter()
            perform(conn, command, call=call, seq=None if call is None else 0, at=NOW)
            return time.perf_counter() - began

        def once() -> tuple[float, float]:
            command = specimen(self._chance.randrange(self.accounts))
            if not kind.writes:
                took = self.store.read(lambda conn: job(conn, command, None)).result()
                return took, took
            call = self.begin()
            began = time.perf_counter()
            took = self.store.write(lambda conn: job(conn, command, call)).result()
            return took, time.perf_counter() - began

        return self.lookup(kind.__name__, kind.writes, once, times)

    def call(self, name: str, job: Callable[[Connection, str], Any], writes: bool, times: int) -> Lookup:
        """Something that every call does, beside its commands."""

        def timed(conn: Connection, call: str) -> float:
            began = time.perf_counter()
            job(conn, call)
            return time.perf_counter() - began

        def once() -> tuple[float, float]:
            call = self.begin()
            began = time.perf_counter()
            way = self.store.write if writes else self.store.read
            took = way(lambda conn: timed(conn, call)).result()
            return took, time.perf_counter() - began if writes else took

        return self.lookup(name, writes, once, times)

    def lookup(self, name: str, writes: bool, once: Callable[[], tuple[float, float]], times: int) -> Lookup:
        plan = self.listening.to(once)
        for _ in range(5):
            once()
        samples = [once() for _ in range(times)]
        queries, whole = ([round(each * 1e3, 3) for each in column] for column in zip(*samples, strict=True))
        return Lookup(name=name, writes=writes, queries=queries, whole=whole, plan=plan)

    def begin(self) -> str:
        call = f"bench-{next(self._calls)}"
        self.store.write(lambda conn: calls.begin(conn, Began(call, None, "100", NOW), "bench")).result()
        return call


CALLS: Mapping[str, tuple[Callable[[Connection, str], Any], bool]] = {
    "call begins": (lambda conn, call: calls.begin(conn, Began(f"{call}-b", None, "100", NOW), "bench"), True),
    "journal line": (lambda conn, call: calls.append(conn, call, Line(0, NOW, "value", "say", "1")), True),
    "call ends": (lambda conn, call: calls.end(conn, call, Outcome.INFORMED, at=NOW + timedelta(seconds=9)), True),
    "journal of a call": (lambda conn, call: calls.lines(conn, call), False),
    "recording of a call": (lambda conn, call: calls.recording(conn, call), False),
    "unfinished calls": (lambda conn, call: calls.unfinished(conn, "nobody"), False),
}
"""What a call does beside its commands."""


def make(store: Store, count: int, console: Console) -> dict[str, float]:
    """So many customers, and what that took; this process has done nothing else before."""
    began, cpu = time.monotonic(), time.process_time()
    with Gauge(console) as gauge:
        generate(store, count, at=NOW, tell=gauge.tell)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "cpu": round(time.process_time() - cpu, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def measure(store: Store, times: int) -> LookupsRun:
    """Everything that a call asks, each so often."""
    there = store.read(lambda conn: conn.scalar(select(func.count()).select_from(accounts))).result() or 0
    generated = store.read(
        lambda conn: conn.scalar(select(func.count()).where(accounts.c.number >= account_number(0)))
    ).result()
    bench = Bench(store, generated or 1)
    found = [bench.command(kind, times) for kind in call_path()]
    found += [bench.call(name, job, writes, times) for name, (job, writes) in CALLS.items()]
    return LookupsRun(machine=Machine.this(), accounts=there, limit=LIMIT, lookups=found)


def slow(run: LookupsRun) -> list[str]:
    """What takes longer than the limit."""
    found: list[str] = []
    for each in run.lookups:
        p99 = float(np.percentile(each.queries, 99))
        if p99 > run.limit:
            found.append(f"{each.name}: one of 100 takes {p99:.2f} ms and more")
    return found


def scans(run: LookupsRun) -> list[str]:
    """What goes through a whole table that grows with customers or calls."""
    return [
        f"{each.name}: {step}"
        for each in run.lookups
        for step in each.plan
        if step.startswith("SCAN ") and step.split()[1] not in (*SMALL, "CONSTANT")
    ]


def main() -> None:
    """Measure what a call asks of a store with many accounts."""
    parser = argparse.ArgumentParser(prog="python -m bench.lookups", description=main.__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000, help="how many are made")
    parser.add_argument(
        "--data", type=Path, help="measure this store, made by `ivr demo load`, in place of a new one"
    )
    parser.add_argument("--quick", action="store_true", help="few accounts, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    given = parser.parse_args()
    if lacking := [kind.__name__ for kind in call_path() if kind not in SPECIMENS]:
        sys.exit(f"bench: no specimen for {', '.join(lacking)}: add them to SPECIMENS")
    console = Console(highlight=False)
    made: dict[str, float] = {}
    temporary = tempfile.TemporaryDirectory(prefix="ivr-bench-") if given.data is None else nullcontext(given.data)
    with temporary as folder, Store.open(f"sqlite:///{Path(folder) / 'hotline.db'}") as store:
        if given.data is None:
            made = make(store, 2000 if given.quick else given.accounts, console)
            made["store_mb"] = round((Path(folder) / "hotline.db").stat().st_size / 1e6, 1)
        run = measure(store, 10 if given.quick else TIMES)
    run.made, run.remark = made, given.remark
    tables.show(console, tables.of_lookups(run))
    if not given.quick:
        console.print(f"kept as {save('lookups', run)}")
    if wrong := scans(run) + slow(run):
        sys.exit("bench: " + "\nbench: ".join(wrong))


if __name__ == "__main__":
    main()
