"""The design's central claim: a caller does not notice that the controller died."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import wave
from pathlib import Path

import httpx
import pytest

from ivr.asterisk import bundle as bundles
from ivr.asterisk.server import AsteriskServer
from ivr.simulator.caller import Caller
from ivr.simulator.phone import clips_of

pytestmark = pytest.mark.telephony

REPOSITORY = Path(__file__).parents[2]


class Process:
    """`ivr up` as an operator runs it, in a process of its own."""

    def __init__(self, data: Path) -> None:
        # The callers dial without a trunk; the demo customers come with the first start.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "up", "--loopback-endpoints", "--demo-customers", "--data", str(data)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=(data / "up.log").open("a"),
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        self.address = self.console = ""

    async def ready(self) -> "Process":
        """Wait until it says that it is ready, and note what to dial."""
        line = await asyncio.wait_for(asyncio.to_thread(self._process.stdout.readline), 60)
        found = re.search(r"ready: (sip:\S+); health: (http://\S+)/readyz", line)
        assert found, f"said {line!r} instead of being ready"
        self.address, self.console = found.groups()
        return self

    def kill(self) -> None:
        """Everything of ours dies; Asterisk doesn't."""
        self._process.send_signal(signal.SIGKILL)
        assert self._process.wait(10) == -signal.SIGKILL

    def kill_controller(self) -> None:
        """The controller dies, its keeper doesn't."""
        os.kill(self.controller, signal.SIGKILL)

    @property
    def controller(self) -> int:
        """Its process."""
        keeper = self._process.pid
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        [controller] = [c for c in children if b"ivr" in Path(f"/proc/{c}/cmdline").read_bytes()]
        return int(controller)

    def waited(self) -> float:
        """Seconds for which the controller could have worked, had the machine not been at other work."""
        return int(Path(f"/proc/{self.controller}/schedstat").read_text().split()[1]) / 1e9

    def ended(self) -> int:
        return self._process.wait(60)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)


@pytest.fixture
def data(tmp_path, bundle):
    """A data directory with the bundle in it, whose Asterisk is ended whatever happens."""
    (tmp_path / "asterisk").symlink_to(bundle.root.parent if bundle.root else "/nonexistent")
    yield tmp_path
    left = AsteriskServer.running(bundles.find(tmp_path), tmp_path / "exchange")
    if left is not None:
        left.stop()


def rows(data, query):
    with sqlite3.connect(f"file:{data}/hotline.db?mode=ro", uri=True) as store:
        return store.execute(query).fetchall()


@pytest.mark.parametrize("silent_for", [0.0, 3.0], ids=["restarted at once", "restarted after three seconds"])
def test_killed_in_the_middle_of_a_question_it_comes_back_repeats_it_and_stores_the_reading_once(
    data, index, silent_for
):
    async def main():
        process = await Process(data).ready()

        async def hears(prompt):
            return await caller.hears(clips_of(index, prompt), timeout=30)

        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await hears("language")
            await caller.press("3")
            await hears("menu")
            await caller.press("1")
            await hears("account")
            await caller.press("1000000083")
            await hears("value_single")
            await caller.press("104")

            process.kill()
            await asyncio.sleep(silent_for)  # the world goes on without a controller
            process = await Process(data).ready()

            again = await hears("value_single")
            await caller.press("104700#")
            await hears("value_again")
            await caller.press("700#")
            await hears("read_back")
            await caller.press("1")
            await hears("receipt")
            await hears("receipt_again")
            await caller.press("2")
            await hears("goodbye")
            await caller.hung_up()
        code = await asyncio.to_thread(process.stop)
        return caller, again, code

    caller, again, code = asyncio.run(main())

    assert code == 0
    assert [h.clip.key for h in caller.heard].count("notice") == 1, "what was heard is not said again"
    assert again.clip.lang == "en", "the caller's language outlived the controller"
    assert rows(data, "SELECT value, status FROM readings WHERE source = 'caller'") == [(104700, "accepted")]
    assert rows(data, "SELECT outcome FROM calls") == [("reading_taken",)]
    lines = [seq for (seq,) in rows(data, "SELECT seq FROM journal ORDER BY seq")]
    assert lines == list(range(len(lines)))
    [(state, path, seconds)] = rows(data, "SELECT state, path, seconds FROM recordings")
    assert state == "sealed"
    assert abs(seconds - (caller.hangup.at - caller.answered.at)) < 0.5
    with wave.open(str(data / path)) as recording:
        assert recording.getnchannels() == 2
    left = AsteriskServer.running(bundles.find(data), data / "exchange")
    assert left is not None, "an orderly stop leaves the exchange to the next controller"
    assert "0 active channels" in left.cli("core show channels")


def test_a_caller_who_hangs_up_while_nobody_is_looking_still_gets_an_outcome_and_a_recording(data, index):
    async def main():
        process = await Process(data).ready()
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
            await caller.press("1")
            await caller.hears(clips_of(index, "menu"), timeout=30)
            process.kill()
        process = await Process(data).ready()
        async with asyncio.timeout(30):
            while not rows(data, "SELECT 1 FROM recordings WHERE state = 'sealed'"):  # noqa: ASYNC110  another process's work
                await asyncio.sleep(0.1)
        await asyncio.to_thread(process.stop)

    asyncio.run(main())

    assert rows(data, "SELECT outcome, because FROM calls") == [("abandoned", "unknown cause")]


def test_an_orderly_stop_lets_a_call_come_to_its_end(data, index):
    async def main():
        process = await Process(data).ready()
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
            await caller.press("1")
            await caller.hears(clips_of(index, "notice"), timeout=30)
            stopping = asyncio.create_task(asyncio.to_thread(process.stop))
            await caller.hears(clips_of(index, "menu"), timeout=30)
            await caller.hang_up()
            return await stopping

    assert asyncio.run(main()) == 0
    assert rows(data, "SELECT outcome FROM calls") == [("abandoned",)]
    assert rows(data, "SELECT state FROM recordings") == [("sealed",)]


def test_a_keeper_replaces_a_dead_controller_before_a_caller_wonders(data, index):
    async def main():
        process = await Process(data).ready()
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
            await caller.press("3")
            await caller.hears(clips_of(index, "menu"), timeout=30)
            await caller.press("1")
            await caller.hears(clips_of(index, "account"), timeout=30)
            gaps = []
            for _ in range(3):
                await caller.press("10")
                killed = asyncio.get_running_loop().time()
                process.kill_controller()
                again = await caller.hears(clips_of(index, "account"), timeout=30)
                gaps.append(again.first_packet - killed - process.waited())
                await asyncio.to_thread(process._process.stdout.readline)  # "ready", once more
            await caller.press("1000000083")
            await caller.hears(clips_of(index, "value_single"), timeout=30)
            await caller.hang_up()
        return sorted(gaps), await asyncio.to_thread(process.stop)

    gaps, code = asyncio.run(main())

    assert code == 0
    assert gaps[1] < 1.5, f"seconds of silence: {gaps}"
    assert rows(data, "SELECT heard FROM journal WHERE label = 'account'") == [("1000000083",)]


def test_health_and_figures_are_told_by_the_running_service(data):
    async def main():
        process = await Process(data).ready()
        async with httpx.AsyncClient(base_url=process.console) as console:
            answers = {path: await console.get(path) for path in ("/readyz", "/healthz", "/metrics", "/calls")}
        await asyncio.to_thread(process.stop)
        return answers

    answers = asyncio.run(main())

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "hotline_ready 1.0" in answers["/metrics"].text
    assert answers["/calls"].json() == []


def test_a_second_controller_of_the_same_name_is_refused_and_harms_nobody(data, index):
    async def main():
        first = await Process(data).ready()
        second = Process(data)
        code = await asyncio.to_thread(second.ended)
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(first.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
        await asyncio.to_thread(first.stop)
        return code

    assert asyncio.run(main()) == 2
    assert "a controller named 'a' runs already" in (data / "up.log").read_text()


def test_when_asterisk_dies_the_calls_are_concluded_and_the_service_starts_both_anew(data, index):
    async def main():
        process = await Process(data).ready()
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
            await caller.press("3")
            await caller.hears(clips_of(index, "menu"), timeout=30)
            await caller.press("1")
            await caller.hears(clips_of(index, "account"), timeout=30)
            AsteriskServer.running(bundles.find(data), data / "exchange").kill()
            await process.ready()
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(process.address)
            await caller.hears(clips_of(index, "language"), timeout=30)
        return await asyncio.to_thread(process.stop)

    assert asyncio.run(main()) == 0
    first, _ = rows(data, "SELECT outcome, because FROM calls ORDER BY began_at")
    assert first == ("abandoned", "network or exchange fault")
    assert rows(data, "SELECT state FROM recordings ORDER BY began_at")[0] == ("sealed",)
