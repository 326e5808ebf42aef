"""Real calls: a caller enters a reading with our controller, and with a plain dialplan on the same Asterisk.

    python -m bench.calls [--quick] [--data DIR]

What is measured
- From the end of the last key of an answer to the next prompt, as the caller hears it: its first RTP packet and its
  first audible one, after every answer of the call.
- CPU of the controller, of its threads, and of Asterisk, per call.

How: rounds of both sides in turns (A B A B ...) in one run, after a warm-up.  In a round so many callers at once, who
start one every `APART` seconds, hold calls one after another; every call is another customer's.  A caller keys its
answer a short while into the prompt (barge-in).  Callers who call alone ask for their receipt number a dozen times:
more answers in less time, so their CPU per call is that of a longer call and is shown with its number of answers.
"""

import argparse
import asyncio
import gc
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench import tables
from bench.figures import ARMS, Arm, Calls, Machine, Round, Sample, save
from bench.rig import VALUE, Rig, customer, rig
from domain import calls, readings
from domain.model import Outcome
from domain.store import Connection, Store
from ivr.asterisk.bundle import CannotInstall
from ivr.asterisk.ports import NoFreePorts
from ivr.asterisk.server import AsteriskFailed
from ivr.service.hotline import SOUNDS
from ivr.simulator.caller import Caller, CallerError, latency
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.phone import clips_of
from ivr.simulator.rtp import Stats

THINK = (0.15, 0.45)
"""Seconds after a prompt is recognised until the answer is keyed."""
APART = 0.12
"""Seconds from the first call of one caller to that of the next."""
PATIENCE = 20.0
REPEATS = 3
"""Rounds that may be held again because one was discarded."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind of round.  each: calls of each caller; again: how often the receipt number is asked for once more."""

    at_once: int
    each: int
    again: int = 0


ALONE, WARM = Plan(1, 2, 12), Plan(4, 1, 2)
MANY = 50
QUICK = (Plan(1, 1), Plan(8, 1))


def full(at_once: int) -> tuple[Plan, ...]:
    """The rounds of a whole run; each is held by both sides."""
    load = Plan(at_once, 2)
    return ALONE, load, ALONE, load, load


LONGEST = {True: 90.0, False: 480.0}
"""Seconds after which a run gives up, quick or not."""


@dataclass(slots=True)
class Tally:
    """What the callers of a round have seen."""

    samples: list[Sample] = field(default_factory=list[Sample])
    failed: list[str] = field(default_factory=list[str])
    stats: list[Stats] = field(default_factory=list[Stats])
    seconds: float = 0.0


class Callers:
    """People with telephones.  One process, one event loop."""

    def __init__(self, index: PromptIndex) -> None:
        self.index = index
        self._clips = {
            name: clips_of(index, name)
            for name in ("notice", "your_account", "value_single", "read_back", "receipt", "goodbye")
        }
        self._customers: Iterator[int] = itertools.count(1)
        self._random = random.Random(1)

    async def call(self, uri: str, again: int, tally: Tally) -> None:
        """Enter a reading."""
        number = customer(next(self._customers))
        began = time.monotonic()
        caller = Caller(self.index, from_user="rfc4733", from_number=number, keep_audio=False)
        try:
            async with caller:
                await caller.dial(uri)
                await caller.hears(self._clips["notice"], timeout=PATIENCE)
                await caller.hears(self._clips["your_account"], timeout=PATIENCE)
                answers = [("1", "value_single"), (f"{VALUE}#", "read_back"), ("1", "receipt")]
                for keys, then in (*answers, *[("1", "receipt")] * again, ("2", "goodbye")):
                    await asyncio.sleep(self._random.uniform(*THINK))
                    pressed = await caller.press(keys)
                    took = latency(pressed, await caller.hears(self._clips[then], timeout=PATIENCE))
                    tally.samples.append(Sample(then, round(took.packet * 1e3, 3), round(took.onset * 1e3, 3)))
                await caller.hung_up(timeout=PATIENCE)
        except CallerError as fault:
            tally.failed.append(f"{number}: {fault}")
        finally:
            tally.stats.append(caller.stats)
            tally.seconds += time.monotonic() - began

    async def round(self, on: Rig, arm: Arm, plan: Plan) -> Round:
        """Hold the calls of a round, and wait until all that they leave behind is done."""
        tally = Tally()

        async def one(delay: float) -> None:
            await asyncio.sleep(delay)
            for _ in range(plan.each):
                await self.call(on.address(arm), plan.again, tally)

        threads, load = on.controller_threads(), os.getloadavg()[0]
        controller, asterisk, own = on.controller_cpu(), on.asterisk_cpu(), time.process_time()
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for n in range(plan.at_once):
                group.create_task(one(APART * n))
        seconds = time.monotonic() - began
        await on.settled()
        ticks = sum(s.ticks for s in tally.stats)
        return Round(
            arm=arm,
            at_once=plan.at_once,
            calls=plan.at_once * plan.each,
            answers=plan.at_once * plan.each * (4 + plan.again),
            seconds=round(seconds, 2),
            calls_in_hand=round(tally.seconds / seconds, 1),
            controller_ms=round((on.controller_cpu() - controller) * 1e3, 1),
            asterisk_ms=round((on.asterisk_cpu() - asterisk) * 1e3, 1),
            caller_ms=round((time.process_time() - own) * 1e3, 1),
            threads={
                name: round((cpu - threads.get(name, 0.0)) * 1e3, 1) for name, cpu in on.controller_threads().items()
            },
            late_share=round(sum(s.late_ticks for s in tally.stats) / max(1, ticks), 5),
            load=round(load, 2),
            failed=tally.failed,
            samples=tally.samples,
        )


async def measure(data: Path, plans: tuple[Plan, ...], quick: bool, profile: Path | None, console: Console) -> Calls:
    """A whole run."""
    machine = Machine.this()
    console.print(f"{machine}; starting Asterisk and the controller")
    index = await asyncio.to_thread(PromptIndex.from_folder, SOUNDS)
    callers = Callers(index)
    rounds: list[Round] = []
    async with rig(data, profile) as on:
        warm = [] if quick else await asyncio.gather(*(callers.round(on, arm, WARM) for arm in ARMS))
        gc.collect()
        gc.freeze()  # the index of prompts is large, and looking through it again would stall the callers
        idle = on.controller_cpu()
        await asyncio.sleep(seconds := 1.0 if quick else 5.0)
        idle = (on.controller_cpu() - idle) / seconds * 1e3
        left = list(itertools.product(plans, ARMS))
        repeats = 0 if quick else REPEATS
        while left:
            plan, arm = left.pop(0)
            held = await callers.round(on, arm, plan)
            rounds.append(held)
            said = (
                f"{arm:10} {plan.at_once:3} at once: {held.calls} calls in {held.seconds:.0f} s, load {held.load:.1f}"
            )
            console.print(f"{said}; discarded: {held.discarded}" if held.discarded else said)
            if held.discarded and repeats:
                repeats -= 1
                left.append((plan, arm))
        await asyncio.sleep(0.5)
        plain = {
            "dialplan: readings in AstDB": on.server.cli("database show readings").count("/readings/"),
            "dialplan: tapes": len(list(on.plain_tapes.glob("*.raw"))),
        }
        version = on.server.bundle.version
        url = f"sqlite:///{on.data / 'hotline.db'}"
        on.controller.terminate()
        await on.controller.wait()
        kept = {**_kept(url), **plain}
    held_by = {arm: sum(r.calls - len(r.failed) for r in (*rounds, *warm) if r.arm == arm) for arm in ARMS}
    kept |= {f"{arm}: calls held": n for arm, n in held_by.items()}
    return Calls(
        machine=machine, asterisk=version, quick=quick, idle_ms=round(idle, 2), rounds=rounds,
        kept=dict(sorted(kept.items())),
    )  # fmt: skip


def _kept(url: str) -> dict[str, int]:
    """What the controller has to show for its calls."""
    with Store.open(url) as store:
        held = store.read(lambda conn: calls.latest(conn, 100_000)).result()
        taken = [record.began.call for record in held if record.outcome == Outcome.READING_TAKEN]

        def look(conn: Connection) -> tuple[int, int]:
            tapes = [calls.recording(conn, call) for call in taken]
            # A caller who only presses keys is silent, which the archive remarks; another length is a fault.
            whole = [t for t in tapes if t is not None and t.state == "sealed" and "lasts" not in (t.reason or "")]
            return sum(len(readings.stored(conn, call=call)) for call in taken), len(whole)

        stored, sealed = store.read(look).result()
    return {
        "controller: calls with outcome reading_taken": len(taken),
        "controller: readings stored": stored,
        "controller: recordings sealed, as long as the call": sealed,
    }


def complaints(run: Calls) -> list[str]:
    """What is wrong with a run: calls that failed, or left less behind than they should."""
    found = [failed for each in run.rounds for failed in each.failed]
    for arm in ARMS:
        held = run.kept[f"{arm}: calls held"]
        found += [
            f"{what}: {n}, but {held} calls were held"
            for what, n in run.kept.items()
            if what.startswith(arm) and n != held
        ]
    return found


def main() -> None:
    """Enter readings by real calls: with our controller, and with a plain dialplan on the same Asterisk."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=main.__doc__)
    parser.add_argument("--data", type=Path, default=Path("data"), help="where the unpacked Asterisk is, or will be")
    parser.add_argument("--quick", action="store_true", help="few calls, not kept: to see that it works")
    parser.add_argument("--at-once", type=int, default=MANY, help=f"calls at once under load (default: {MANY})")
    parser.add_argument("--profile", type=Path, help="write a profile of the controller's event loop to this file")
    given = parser.parse_args()
    console = Console(highlight=False)

    async def bounded() -> Calls:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that nothing is left behind
        async with asyncio.timeout(LONGEST[given.quick]):
            plans = QUICK if given.quick else full(given.at_once)
            return await measure(given.data, plans, given.quick, given.profile, console)

    try:
        run = asyncio.run(bounded())
    except TimeoutError:
        sys.exit(f"bench: not done after {LONGEST[given.quick]:.0f} s; is the machine busy?")
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("bench: stopped; nothing was kept")
    except (AsteriskFailed, CannotInstall, NoFreePorts) as fault:
        sys.exit(f"bench: {fault}")
    tables.show(console, tables.of_calls(run))
    if not given.quick:
        console.print(f"kept as {save('calls', run)}")
    if wrong := complaints(run):
        sys.exit("bench: " + "\nbench: ".join(wrong))


if __name__ == "__main__":
    main()
