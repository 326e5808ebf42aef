"""The audio port of a real worker: who connects and keeps silent, too many, twice, and files that run out."""

import asyncio
import os
import resource
from pathlib import Path

from ivr.ports import Listening
from ivr.speech.audiosocket import ID, frame
from ivr.speech.worker import CONNECTIONS, NICE
from ivr.speech.workers import STREAMS
from tests.speech.hearing import YES_NO
from tests.speech.test_workers import PATIENCE, Caller, pids_of, pool, run, until


async def hung_up(reader):
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""


def test_strangers_who_say_nothing_keep_no_caller_out_and_are_hung_up_on():
    async def main():
        async with pool(streams=2) as made:
            speaking = await Caller(made).connect()
            assert await speaking.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            most = CONNECTIONS * 2
            idle = [await asyncio.open_connection(*speaking.ear.address) for _ in range(3 * most)]
            for reader, _ in idle[: 2 * most + 1]:  # at once: they are too many
                await hung_up(reader)
            late = await Caller(made).connect()
            assert await late.ask("ru.yes", Listening("ru", YES_NO["ru"])) == "да"
            assert await speaking.ask("uk.no", Listening("uk", YES_NO["uk"])) == "ні"
            for reader, writer in idle:  # the others when their time is over
                await hung_up(reader)
                writer.close()

    run(main)


def test_nobody_takes_the_place_of_a_caller_who_is_connected():
    async def main():
        async with pool() as made:
            caller = await Caller(made).connect()
            assert await caller.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            reader, second = await asyncio.open_connection(*caller.ear.address)
            second.write(frame(ID, caller.ear.id.bytes))
            await hung_up(reader)
            assert await caller.ask("uk.no", Listening("uk", YES_NO["uk"])) == "ні"
            second.close()

    run(main)


def test_a_worker_without_files_left_lives_on():
    async def main():
        async with pool() as made:
            (pid,) = pids_of(made)
            (worker,) = made._workers
            await until(lambda: worker.health.memory > 0)
            before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
            for _ in range(3):
                last = worker.health
                await until(lambda last=last: worker.health is not last)
            assert worker.health.memory > 0
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            caller = await Caller(made).connect()
            assert await caller.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            assert made.counts.died == 0

    run(main)


def test_workers_give_way_to_whatever_sends_sound():
    async def main():
        async with pool() as made:
            (pid,) = pids_of(made)
            assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)

    run(main)


def test_the_figure_of_calls_a_worker_is_the_same_wherever_it_stands():
    root = Path(__file__).parents[2]
    for place in ("docs/decisions/088-workers.md", "docs/operations.md", "ivr/speech/models/proof-uk-ru/MODEL.md"):
        text = (root / place).read_text("utf-8")
        assert any(f"{STREAMS} {calls}" in text for calls in ("calls at", "a worker")), place
