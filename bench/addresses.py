"""Finding a customer among a million, by what an operator types: address, account, telephone, EIC, meter.

    python -m bench.addresses [--accounts 1000000] [--remark "what else the machine was doing"]

The customers are made in bulk: 2,000 settlements of 20 streets each, of 40 names that are the same everywhere, as in
life; 500 accounts a settlement, half of them in houses of many flats.  One street of one settlement has a house
of 2,000 flats.  Every text is asked of `domain.lookup.look_up` as the page asks it, first page; nothing is left out
because it is slow.  Clock and processor: on a loaded machine the clock tells more of the load than of the search.
"""

import argparse
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from rich.console import Console

from bench import tables
from bench.figures import AddressRun, Machine, Typed, save
from domain import lookup
from domain.demo.fiction import account_number
from domain.store import Connection, Store

LIMIT: Final = 100.0
"""Milliseconds of the processor, for every single search."""
TIMES: Final = 30
STREETS: Final = 20
HOUSEHOLDS: Final = 500
"""In a settlement."""
TALL: Final = 2000
"""Flats of the largest house."""
_FIRST = ("Зра", "Пока", "При", "Умо", "Уя", "Взі", "Гада", "Про", "Вига", "Небу")
_SECOND = (
    "зкова",
    "льна",
    "вна",
    "рцева",
)


def names() -> list[str]:
    """Of streets: 40, each in every second settlement."""
    return [f"вул. {a}{b}" for a in _FIRST for b in _SECOND]


def make(file: Path, count: int) -> None:
    """So many accounts, with their houses, meters and telephones; in bulk."""
    streets = names()
    with closing(sqlite3.connect(file, isolation_level=None)) as conn:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-200000"):
            conn.execute(f"PRAGMA {pragma}")
        conn.execute("BEGIN")
        houses: dict[tuple[int, int, int], int] = {}

        def placed() -> Iterator[tuple[str, int, str | None, str]]:
            for n in range(count):
                settlement, within = divmod(n, HOUSEHOLDS)
                flats = within >= HOUSEHOLDS // 2
                street = within % STREETS
                house = 100 + within // STREETS % 2 if flats else 1 + within // STREETS
                if n < TALL:
                    settlement, street, house, flats = 0, 0, 200, True
                key = (settlement, street, house)
                building = houses.setdefault(key, len(houses) + 1)
                yield account_number(n), building, str(n % TALL + 1) if flats else None, f"62Z{n:013d}"

        conn.executemany("INSERT INTO accounts (number, building, flat, eic) VALUES (?, ?, ?, ?)", placed())
        conn.executemany(
            "INSERT INTO buildings (id, region, settlement, street, house) VALUES (?, ?, ?, ?, ?)",
            (
                (building, f"Область {s % 8}", f"Зразкове-{s}", streets[(s % 2) * STREETS + street], str(house))
                for (s, street, house), building in houses.items()
            ),
        )
        conn.executemany(
            "INSERT INTO meters (account, number, multiplier, power) VALUES (?, ?, 1, 5.0)",
            ((account_number(n), f"{n:08d}") for n in range(count)),
        )
        numbers = [(f"+38050{n:07d}", account_number(n)) for n in range(0, count, 2)]
        conn.executemany("INSERT INTO caller_numbers (number) VALUES (?)", ((number,) for number, _ in numbers))
        conn.executemany("INSERT INTO caller_accounts (number, account) VALUES (?, ?)", numbers)
        conn.execute("COMMIT")
        conn.execute("ANALYZE")


def typed(count: int) -> dict[str, Callable[[], str]]:
    """What somebody types, by what it is; of random customers."""
    c, streets = random.Random(5), names()
    settlements = max(count // HOUSEHOLDS, 1)

    def street() -> str:
        return c.choice(streets).removeprefix("вул. ")

    def of(n: int) -> str:
        return f"Зразкове-{n}, {streets[(n % 2) * STREETS + c.randrange(STREETS)]}"

    def somewhere() -> str:
        return of(c.randrange(1, settlements) if settlements > 1 else 0)

    return {
        "a street that a thousand settlements have": street,
        "three letters of streets": lambda: c.choice(_FIRST)[:3].lower(),
        "a street everywhere, and a house": lambda: f"{street()} {c.randrange(1, 13)}",
        "a street everywhere, a house, a flat": lambda: f"{street()}, 100, кв. {c.randrange(250, 2000)}",
        "a settlement": lambda: f"Зразкове-{c.randrange(settlements)}",
        "the beginning of all settlements": lambda: "Зразкове",
        "the beginning of all settlements, and a street": lambda: f"Зразкове, {street()}",
        "... and a house that is nowhere": lambda: f"Зразкове, {street()}, 999",
        "a settlement and a street": somewhere,
        "a whole address": lambda: f"{somewhere()}, {c.randrange(1, 13)}",
        "a house of 2,000 flats": lambda: f"Зразкове-0, {streets[0]}, 200",
        "a flat of it": lambda: f"Зразкове-0, {streets[0]}, 200, кв. {c.randrange(1, TALL)}",
        "an address that is nowhere": lambda: "Неіснуюча 5",
        "an account": lambda: account_number(c.randrange(count)),
        "four digits of accounts": lambda: "5000",
        "a telephone": lambda: f"+38050{c.randrange(0, count, 2):07d}",
        "an EIC": lambda: f"62Z{c.randrange(count):013d}",
        "a meter": lambda: f"{c.randrange(count):08d}",
        "four digits of meters": lambda: f"{c.randrange(min(count // 10_000, 99)):04d}",
    }


def measure(store: Store, count: int, times: int) -> list[Typed]:
    """Each so often."""

    def once(text: str) -> tuple[float, float, int]:
        def job(conn: Connection) -> tuple[float, float, int]:
            clock, processor = time.perf_counter(), time.thread_time()
            hits = lookup.look_up(conn, text)
            return (
                (time.perf_counter() - clock) * 1e3, (time.thread_time() - processor) * 1e3, len(hits.customers)
            )  # fmt: skip

        return store.read(job).result()

    found: list[Typed] = []
    for name, text in typed(count).items():
        once(text())
        samples = [once(text()) for _ in range(times)]
        found.append(
            Typed(
                name=name, clock=[round(each[0], 3) for each in samples],
                processor=[round(each[1], 3) for each in samples], found=[each[2] for each in samples],
            )
        )  # fmt: skip
    return found


def main() -> None:
    """Measure how customers are found."""
    parser = argparse.ArgumentParser(prog="python -m bench.addresses", description=main.__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000, help="how many are made")
    parser.add_argument("--quick", action="store_true", help="few, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    given = parser.parse_args()
    count, machine, console = 20_000 if given.quick else given.accounts, Machine.this(), Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as folder:
        file = Path(folder) / "hotline.db"
        with Store.open(f"sqlite:///{file}"):  # makes the tables
            pass
        make(file, count)
        with Store.open(f"sqlite:///{file}") as store:
            asked = measure(store, count, 5 if given.quick else TIMES)
    run = AddressRun(machine=machine, accounts=count, limit=LIMIT, typed=asked, remark=given.remark)
    tables.show(console, tables.of_addresses(run))
    if not given.quick:
        console.print(f"kept as {save('addresses', run)}")
    if slow := [f"{each.name}: {max(each.processor):.0f} ms" for each in asked if max(each.processor) > LIMIT]:
        sys.exit("bench: slower than it may be:\n  " + "\n  ".join(slow))


if __name__ == "__main__":
    main()
