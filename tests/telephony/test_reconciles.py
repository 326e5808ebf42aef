"""Calls as they come, among them bad ones; afterwards nothing is lost, and what is taken away is missed."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.simulator.caller import Caller
from ivr.simulator.phone import clips_of
from tests.telephony.test_controller_dies import REPOSITORY, Process, data, rows  # noqa: F401  `data` is a fixture

pytestmark = pytest.mark.telephony


def reconcile(folder: Path) -> tuple[int, str]:
    """`ivr reconcile --hashes` as an operator runs it; exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "ivr", "reconcile", "--hashes", "--data", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "400"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


SETTLED = """SELECT 1 FROM calls c JOIN recordings r ON r.call = c.id
             WHERE c.outcome IS NOT NULL AND r.state <> 'recording'"""


async def until_settled(folder: Path, calls: int) -> None:
    async with asyncio.timeout(60):
        while len(rows(folder, SETTLED)) < calls:  # noqa: ASYNC110  another process's work
            await asyncio.sleep(0.1)


def test_good_calls_abandoned_ones_and_killed_controllers_are_all_accounted_for(
    data,  # noqa: F811
    index,
    monkeypatch,
):
    monkeypatch.setenv("IVR_FLOW", "meter_reading")  # whatever callers get otherwise

    async def main():
        process = await Process(data).ready()

        async def hears(caller, prompt):
            return await caller.hears(clips_of(index, prompt), timeout=30)

        async with Caller(index, from_user="rfc4733") as caller:  # gives up before the notice
            await caller.dial(process.address)
            await hears(caller, "language")
            await caller.hang_up()

        async with Caller(index, from_user="rfc4733") as caller:  # the controller dies, the call goes on
            await caller.dial(process.address)
            await hears(caller, "language")
            await caller.press("3")
            await hears(caller, "account")
            process.kill_controller()
            await hears(caller, "account")
            await asyncio.to_thread(process._process.stdout.readline)  # "ready", once more
            meanwhile = await asyncio.to_thread(reconcile, data)
            await caller.hang_up()

        async with Caller(index, from_user="rfc4733") as caller:  # everything dies, and the caller gives up
            await caller.dial(process.address)
            await hears(caller, "language")
            await caller.press("1")
            await hears(caller, "account")
            process.kill()
        process = await Process(data).ready()
        await until_settled(data, 3)
        await asyncio.to_thread(process.stop)
        return meanwhile

    code, said = asyncio.run(main())

    assert code == 0, said
    assert "1 in progress" in said
    code, said = reconcile(data)
    assert code == 0, said
    assert re.search(r"3 calls in Asterisk's record .*, 3 in the store and over, 0 in progress", said), said
    assert "2 sealed (2 hashed), 1 erased, 0 failed" in said

    [(path, _), (other, call)] = rows(data, "SELECT path, call FROM recordings WHERE state = 'sealed' ORDER BY call")
    (data / path).unlink()
    (data / other).write_bytes((data / other).read_bytes()[:-1] + b"!")
    code, said = reconcile(data)
    assert code == 1
    assert "recording file missing" in said
    assert f"recording file changed: {call}: {other} has another SHA-256" in said
