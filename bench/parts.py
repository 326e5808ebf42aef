"""What a call costs without an exchange, and what its tape costs: the parts of `bench.calls`' figure that can be
done alone.

    python -m bench.parts

- The same conversation as in `bench.calls`, held by the same session, flow, catalogue, journal and store (SQLite on
  this disk), with a caller who answers at once and no Asterisk: everything but ARI.
- Sealing the tape of each of those calls, made of noise: reading, WAV, loudness, SHA-256, fsync, note in the store.

What the event loop spends in `bench.calls` beyond its share of the first is ARI: requests, events, JSON, the line.
"""

import argparse
import asyncio
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import numpy as np
import uvloop
from rich.console import Console

from bench import tables
from bench.figures import Machine, Part, Parts, save
from bench.rig import ENDING, VALUE, customer, load_customers
from domain import calls
from domain.model import Began, Outcome
from domain.store import Store
from flows import FLOWS
from ivr.dialog import Phrase
from ivr.journal import Journal
from ivr.ports import Cause, Gone, Heard, Key, Played
from ivr.session import House, Session
from prompts import Catalogue
from recordings import Archive

SECONDS = 12.5
"""Length of a tape: that of a call of `bench.calls`."""
ANSWERS = {
    "your_account": "1", "value_single": f"{VALUE}#", "value_again": f"{VALUE % 1000}#", "read_back": "1",
    "receipt": "2",
}  # fmt: skip


class QuickLine:
    """A caller who hears the first clip of a prompt and answers at once.  An `ivr.ports.Line`."""

    def __init__(self, began: Began) -> None:
        self.began = began
        self._heard: deque[Heard] = deque()
        self._playing = False
        self._ahead = 0.0  # prompts are heard out in no time; the session must not think that they were cut short

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def date(self) -> datetime:
        return datetime.now(UTC)

    async def hear(self, until: float | None) -> Heard:
        heard = self._heard.popleft() if self._heard else Gone(Cause.FAULT)  # nothing to hear: the script is at fault
        if isinstance(heard, Played) and heard.whole:
            self._ahead += 60.0
        return heard

    async def play(self, clips: Sequence[str]) -> None:
        prompt = clips[0].rpartition("/")[2].partition(".")[0]
        keys = ANSWERS.get(prompt, "")
        self._playing = bool(keys)
        self._heard.extend([Key(key) for key in keys] or [Played(whole=True)])

    async def hush(self) -> None:
        if self._playing:
            self._playing = False
            self._heard.append(Played(whole=False))

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        raise AssertionError(f"the conversation went wrong: {because}")

    async def hang_up(self) -> None:
        pass


class Threads:
    """CPU of this process's threads by name, from where it was made on."""

    def __init__(self) -> None:
        self._before = self._now()

    def ms(self) -> dict[str, float]:
        return {
            name: (cpu - self._before.get(name, 0.0)) * 1e3
            for name, cpu in self._now().items()
            if cpu > self._before.get(name, 0.0)
        }

    def _now(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for thread in threading.enumerate():
            name = "event loop" if thread is threading.main_thread() else thread.name.split("_")[0]
            used = int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text().split()[0]) / 1e9
            found[name] = found.get(name, 0.0) + used
        return found


def timed(name: str, times: int, work: Callable[[], object], *, by_thread: bool = False) -> Part:
    """Do all of the work once, which is `times` pieces."""
    threads, cpu, wall = Threads(), time.process_time(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    each = {name: round(ms / times, 3) for name, ms in threads.ms().items()} if by_thread else {}
    return Part(
        name=name, times=times, cpu_ms=round(cpu * 1e3 / times, 3), wall_ms=round(wall * 1e3 / times, 3), threads=each
    )


def measure(count: int, at_once: int) -> list[Part]:
    """Every part, `count` times."""
    catalogue = Catalogue.load()
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        data = Path(name)
        (data / "spool").mkdir()
        with Store.open(f"sqlite:///{data / 'hotline.db'}") as store:
            store.write(load_customers).result()
            house = House(FLOWS["meter_reading"], catalogue, Journal(store, "bench"))

            async def one(n: int) -> None:
                ending = await Session(
                    house, QuickLine(Began(f"bench-{n}", customer(n), "100", datetime.now(UTC)))
                ).run()
                assert ending is not None
                assert ending.outcome is Outcome.READING_TAKEN, ending

            async def hold(first: int, number: int, together: int) -> None:
                for start in range(first, first + number, together):
                    await asyncio.gather(*(one(n) for n in range(start, start + together)))

            uvloop.run(hold(1, 2 * at_once, at_once))  # warm
            first, second = 2 * at_once + 1, 2 * at_once + 1 + count
            parts = [
                timed(
                    tables.CONVERSATION, count,
                    lambda: uvloop.run(hold(first, count, 1)), by_thread=True,
                ),
                timed(
                    f"the same, {at_once} calls at once, all in step", count,
                    lambda: uvloop.run(hold(second, count, at_once)), by_thread=True,
                ),
                timed("of it: composing its seven prompts", count, lambda: _compose(catalogue, count)),
            ]  # fmt: skip
            archive = Archive(data, data / "spool", store)
            ended = datetime.now(UTC) + timedelta(seconds=SECONDS)
            noise = np.random.default_rng(1).integers(-3000, 3000, (int(8000 * SECONDS), 2), "<i2").tobytes()
            held = [f"bench-{n}" for n in range(first, first + count)]
            for call in held:
                (data / "spool" / f"{call}.raw").write_bytes(noise)
            with ThreadPoolExecutor(1, thread_name_prefix="archive") as hands:
                hands.submit(int).result()  # so that its thread is there before it is watched
                parts.append(
                    timed(
                        f"sealing a tape of {SECONDS} s", count,
                        lambda: list(hands.map(archive.settle, held, repeat(ended))), by_thread=True,
                    )
                )  # fmt: skip
            sealed = store.read(lambda conn: [calls.recording(conn, call) for call in held]).result()
            assert all(record is not None and record.state == "sealed" for record in sealed)
    return parts


def _compose(catalogue: Catalogue, count: int) -> None:
    for n in range(count):
        catalogue.compose("uk", "notice")
        catalogue.compose("uk", "your_account", (("ending", ENDING),))
        catalogue.compose("uk", "value_single")
        catalogue.compose("uk", "read_back", (("zone", Phrase("zone_single")), ("value", VALUE + n)))
        catalogue.compose("uk", "receipt", (("number", f"{n:08d}"),))
        catalogue.compose("uk", "receipt_again")
        catalogue.compose("uk", "goodbye")


def main() -> None:
    """Measure what a call costs without an exchange, and what its tape costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.parts", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="few calls, not kept; to see that it works")
    quick: bool = parser.parse_args().quick
    machine = Machine.this()
    run = Parts(machine=machine, parts=measure(50 if quick else 400, 50))
    console = Console(highlight=False)
    tables.show(console, tables.of_parts(run))
    console.print(f"{machine}")
    if not quick:
        console.print(f"kept as {save('parts', run)}")


if __name__ == "__main__":
    main()
