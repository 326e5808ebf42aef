"""The store alone: a journal line, with and without a command, as the event loop sees it.

    python -m bench.store

SQLite with WAL and synchronous=FULL on this disk.  A job is what a turn of a conversation commits: a line of the
journal alone, or together with a look-up or a reading, for a random one of many accounts.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import uvloop
from rich.console import Console
from sqlalchemy import insert

from bench import tables
from bench.figures import Job, Machine, StoreRun, save
from domain import calls
from domain.calls import Line
from domain.commands import FindAccount, SubmitReading
from domain.handlers import perform
from domain.model import Began, Source, Status, Zone
from domain.store import Connection, Store
from domain.tables import accounts, meters, readings, registers

NOW = datetime.now(UTC)
RESULT = '{"text":"' + "y" * 300 + '"}'
"""As long as an account's is."""
Work = Callable[[Connection], object]


def fill(conn: Connection, count: int) -> None:
    """`count` accounts with a meter of two zones, three readings of each."""
    each = range(count)
    faces = [(2 * n + k, n, zone) for n in each for k, zone in enumerate((Zone.DAY, Zone.NIGHT))]
    conn.execute(insert(accounts), [{"number": _account(n)} for n in each])
    conn.execute(
        insert(meters),
        [{"id": n, "account": _account(n), "number": str(n), "multiplier": 1, "power": 15.0} for n in each],
    )
    conn.execute(
        insert(registers),
        [{"id": i, "meter": n, "zone": zone, "width": 6, "usual": 5.0} for i, n, zone in faces],
    )
    read = {"read_on": NOW.date(), "at": NOW, "source": Source.INSPECTOR, "status": Status.ACCEPTED}
    for value in (100, 200, 300):
        conn.execute(insert(readings), [{"register": i, "value": value, **read} for i, _, _ in faces])


def line(call: str, seq: int, _: int) -> Work:
    """What the caller answered."""
    return lambda conn: calls.append(conn, call, Line(seq, NOW, "value_day", "Наберіть показник", str(seq)))


def find(call: str, seq: int, n: int) -> Work:
    """An account, and the line that says so."""

    def job(conn: Connection) -> None:
        perform(conn, FindAccount(_account(n)), call=call, seq=seq, at=NOW)
        calls.append(conn, call, Line(seq, NOW, "FindAccount", _account(n), None, RESULT))

    return job


def submit(call: str, seq: int, n: int) -> Work:
    """A reading, and the line that says so."""

    def job(conn: Connection) -> None:
        command = SubmitReading(_account(n), str(n), Zone.DAY, 400 + seq)
        perform(conn, command, call=call, seq=seq, at=NOW)
        calls.append(conn, call, Line(seq, NOW, "SubmitReading", _account(n), None, "{}"))

    return job


JOBS = {"journal line": line, "look-up and line": find, "reading and line": submit}


async def held(store: Store, kind: str, at_once: int, each: int, think: float, count: int) -> Job:
    """So many calls, each with `each` jobs; think: seconds between them, on average."""
    chance, took = random.Random(at_once), list[float]()

    async def one(call: str) -> None:
        await asyncio.wrap_future(store.write(lambda c: calls.begin(c, Began(call, None, "100", NOW), "bench")))
        for seq in range(each):
            if think:
                await asyncio.sleep(chance.expovariate(1 / think))
            began = time.perf_counter()
            await asyncio.wrap_future(store.write(JOBS[kind](call, seq, chance.randrange(count))))
            took.append((time.perf_counter() - began) * 1e3)

    cpu = time.process_time()
    await asyncio.gather(*(one(f"{kind}-{at_once}-{think}-{n}") for n in range(at_once)))
    cpu = (time.process_time() - cpu) * 1e3 / len(took)
    p50, p99 = (float(p) for p in np.percentile(took, (50, 99)))
    name = f"{kind}; {f'one every {think:g} s in each call' if think else 'without a pause'}"
    return Job(name=name, calls=at_once, n=len(took), p50=round(p50, 3), p99=round(p99, 3), cpu=round(cpu, 3))


def measure(count: int, quick: bool) -> list[Job]:
    """Every kind of job: one call without a pause; then many calls, as they talk and without a pause."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as d, Store.open(f"sqlite:///{Path(d) / 's.db'}") as s:
        s.write(lambda conn: fill(conn, count)).result()
        share = 10 if quick else 1
        return [
            uvloop.run(held(s, kind, at_once, max(3, each // share), think, count))
            for at_once, each, think in ((1, 1000, 0.0), (50, 12, 1.0), (50, 60, 0.0))
            for kind in JOBS
        ]


def _account(n: int) -> str:
    return f"2{n:09d}"


def main() -> None:
    """Measure the store alone."""
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="few jobs, not kept; to see that it works")
    parser.add_argument("--accounts", type=int, default=50_000)
    given = parser.parse_args()
    count = 1000 if given.quick else given.accounts
    run = StoreRun(machine=Machine.this(), accounts=count, jobs=measure(count, given.quick))
    console = Console(highlight=False)
    tables.show(console, tables.of_store(run))
    console.print(f"{run.machine}")
    if not given.quick:
        console.print(f"kept as {save('store', run)}")


if __name__ == "__main__":
    main()
