"""An import of a million accounts into a store in which another process writes all the time, as a hotline would.

    python -m bench.intake [--accounts 1000000]

The file is made first, of generated customers: a row for each register, with address, number and a reading.  The
import runs in a process of its own (`domain.intake`, what `ivr import` calls); peak memory is the kernel's figure.
Meanwhile this process commits a row every few milliseconds through a `Store` of its own and notes how long each took.
A second import of the same file follows, which finds everything as it is.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.console import Console

from bench import tables
from bench.figures import IntakeRun, Machine, save
from domain import intake
from domain.demo.fiction import person
from domain.store import Store
from ivr.commands.gauge import Gauge

EVERY = 0.02
"""Seconds between the commits of the other process."""
HEADER = (
    "account", "kind", "eic", "supplier", "region", "settlement", "street", "house", "flat", "feeder", "phone",
    "meter", "multiplier", "power", "smart", "zone", "energy", "width", "usual", "value", "read_on",
)  # fmt: skip


def rows(n: int, read_on: date) -> Iterator[tuple[object, ...]]:
    """The `n`th customer as the rows of a file."""
    of = person(n, 1)
    for face in of.faces:
        for c in face.counters:
            yield (
                of.number, of.kind, of.eic, of.supplier, *of.building, of.flat, of.feeder, of.phone, face.number,
                face.multiplier, face.power, "yes" if face.smart else "no", c.zone, c.energy, c.width,
                round(face.daily * c.share / face.multiplier, 2), c.begins, read_on,
            )  # fmt: skip


def make(path: Path, count: int, gauge: Gauge) -> None:
    """A file of so many accounts."""
    read_on = datetime.now(UTC).date() - timedelta(days=20)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(HEADER)
        for n in range(count):
            out.writerows(rows(n, read_on))
            if n % 10_000 == 0:
                gauge.tell("making the file", n, count)


def take_in(path: Path, url: str) -> None:
    """The import, in the process that is measured; says what came of it as JSON."""
    began, cpu = time.monotonic(), time.process_time()
    with Store.open(url, busy=60.0) as store:
        summary = intake.take_in(
            store, [intake.source(path)], at=datetime.now(UTC), report=path.with_suffix(".rejected.csv"),
            folder=path.parent,
        )  # fmt: skip
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({
        "seconds": round(time.monotonic() - began, 1), "cpu": round(time.process_time() - cpu, 1),
        "rows": summary.rows, "accounts": summary.counts.accounts, "new": summary.counts.new,
        "refused": summary.refused_rows, "longest_ms": round(summary.longest * 1e3, 1),
        "peak_mb": round(peak / 1024, 1),
    }))  # fmt: skip


def beside(path: Path, url: str) -> tuple[dict[str, float], list[float]]:
    """An import, and how long each commit of ours took meanwhile, in ms."""
    argv = [sys.executable, "-m", "bench.intake", "--take-in", str(path), url]
    waits: list[float] = []
    with Store.open(url) as store, subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        n = 0
        while process.poll() is None:
            n += 1
            number = f"+99{time.monotonic_ns()}"[:20]
            began = time.monotonic()
            store.write(
                lambda conn, number=number: conn.exec_driver_sql(
                    "INSERT OR IGNORE INTO caller_numbers (number) VALUES (?)", (number,)
                )
            ).result()
            waits.append(round((time.monotonic() - began) * 1e3, 2))
            time.sleep(EVERY)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        sys.exit(f"bench: the import ended with {process.returncode}")
    return json.loads(said), waits


def measure(count: int, console: Console) -> IntakeRun:
    """An import, and the same again."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        path, database = Path(folder) / "customers.csv", Path(folder) / "hotline.db"
        with Gauge(console, counted=frozenset({"making the file"})) as gauge:
            make(path, count, gauge)
        machine = Machine.this()
        url = f"sqlite:///{database}"
        Store.open(url).close()
        first, waits = beside(path, url)
        console.print(f"first: {first}")
        again, waits_again = beside(path, url)
        console.print(f"again: {again}")
        sizes = path.stat().st_size, database.stat().st_size
    return IntakeRun(
        machine=machine, accounts=count, file_mb=round(sizes[0] / 1e6, 1), store_mb=round(sizes[1] / 1e6, 1),
        first=first, again=again, waits=waits, waits_again=waits_again,
    )  # fmt: skip


def main() -> None:
    """Import many accounts beside a process that writes."""
    parser = argparse.ArgumentParser(prog="python -m bench.intake", description=main.__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="few accounts, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    parser.add_argument("--take-in", nargs=2, metavar=("FILE", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take_in:
        take_in(Path(given.take_in[0]), given.take_in[1])
        return
    console = Console(highlight=False)
    run = measure(2000 if given.quick else given.accounts, console)
    run.remark = given.remark
    tables.show(console, tables.of_intake(run))
    if not given.quick:
        console.print(f"kept as {save('intake', run)}")


if __name__ == "__main__":
    main()
