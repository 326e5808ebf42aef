"""The exchange in an operator's hands: `ivr asterisk ...`, a damaged run directory, logs of years."""

import asyncio
import fcntl
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain import calls
from ivr.__main__ import main
from ivr.asterisk import server as servers
from ivr.asterisk.server import AsteriskFailed, AsteriskServer, configure
from ivr.service.hotline import exchange
from ivr.service.settings import load
from ivr.simulator.caller import Caller, CallFailed
from ivr.simulator.phone import clips_of
from tests.telephony.world import open_hotline

pytestmark = pytest.mark.telephony

REPOSITORY = Path(__file__).parents[2]
SOUNDS = REPOSITORY / "prompts/audio"


@pytest.fixture
def data(tmp_path, bundle, monkeypatch):
    """A data directory with the bundle in it, named by a hotline.toml in the folder where commands are started."""
    data = tmp_path / "kept here"
    data.mkdir()
    (data / "asterisk").symlink_to(bundle.root.parent if bundle.root else "/nonexistent")
    (tmp_path / "hotline.toml").write_text(f"data = {json.dumps(str(data))}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IVR_DATA", raising=False)
    return data


@pytest.fixture
def own(data, bundle, ports):
    """An Asterisk that runs in the data directory and is ended whatever happens."""
    config = configure(bundle, data / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True)
    with AsteriskServer(bundle, config, ports=ports) as server:
        yield server


def ivr(*arguments):
    return CliRunner().invoke(main, ["asterisk", *arguments])


def test_commands_look_where_the_settings_say(own):
    status = ivr("status")

    assert status.exit_code == 0, status.output
    assert f"pid {own.pid}, version {own.bundle.version}, calls: 0" in status.output
    assert "0 active channels" in ivr("console", "core", "show", "channels").output
    assert own.bundle.version in ivr("install").output
    assert ivr("status", "--config", "none.toml").exit_code == 2


def test_where_nothing_runs_status_says_so_and_stop_has_nothing_to_do(data):
    assert (ivr("status").exit_code, ivr("console", "x").exit_code, ivr("stop").exit_code) == (3, 1, 0)
    assert "no Asterisk runs for the data directory" in ivr("stop").output


def test_stop_lets_a_call_come_to_its_end_and_takes_no_other(own, index, data):
    address = f"sip:hotline@127.0.0.1:{own.config.sip_port}"

    command = [sys.executable, "-m", "ivr", "asterisk", "stop", "--drain", "60", "--data", str(data)]

    async def refused():
        """Nobody who calls now gets in; one who calls just before Asterisk has heard the order may."""
        for _ in range(50):
            async with Caller(index, from_user="rfc4733") as late:
                try:
                    await late.dial(address)
                except CallFailed:
                    return True
        return False

    async def scene():
        async with Caller(index, from_user="rfc4733") as caller:
            await caller.dial(address)
            assert own.calls() == 1
            stopping = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=subprocess.PIPE)
            assert await stopping.stdout.readline() == b"calls: 1; they have 60 seconds to end\n"
            assert await refused()
            assert caller.hangup is None, "the call that was there goes on"
            assert own.alive()
            await caller.hang_up()
            assert await asyncio.wait_for(stopping.wait(), 30) == 0

    asyncio.run(scene())

    assert not own.alive()


def test_an_asterisk_that_a_controller_owns_is_not_stopped_under_it(own, data):
    with (data / "exchange.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = ivr("stop")

    assert refused.exit_code == 1
    assert "belongs to an `ivr up` that runs" in refused.output
    assert own.alive()


@pytest.mark.parametrize("text", ["", '{"sip_port": 5060, "of an older version": true}', "\x00\xff"])
def test_an_unreadable_server_json_is_said_and_the_asterisk_there_is_neither_doubled_nor_lost(own, bundle, text):
    (own.config.run / "server.json").write_text(text, "latin-1")

    with pytest.raises(
        AsteriskFailed, match=rf"\(pid {own.pid}\) runs already.*unreadable: end it.*ivr asterisk stop"
    ):
        AsteriskServer.running(bundle, own.config.run)
    with pytest.raises(AsteriskFailed, match="runs already"):
        AsteriskServer(bundle, own.config).start()
    assert f"pid {own.pid}" in ivr("status").output

    assert ivr("stop", "--drain", "0").exit_code == 0
    assert not own.alive()


def test_an_unreadable_server_json_of_one_that_has_ended_does_not_hinder_the_next(own, bundle, caplog):
    own.stop()
    (own.config.run / "server.json").write_bytes(b"")

    assert AsteriskServer.running(bundle, own.config.run) is None
    assert "server.json can't be read" in caplog.text
    own.start()
    found = AsteriskServer.running(bundle, own.config.run)
    assert found is not None
    assert found.pid == own.pid


def test_long_logs_are_put_aside_and_asterisk_goes_on_in_new_ones(own, monkeypatch):
    log = own.config.run / "log"
    own.cli('dialplan add extension 1,1,Log(WARNING,"x") into nowhere')
    (log / "cel-custom/calls.csv").write_text("a call\n")

    for _ in range(servers.LOGS_KEPT + 2):
        (log / "messages.log").open("a").write("long\n" * 30)
        assert "messages.log" in own.put_logs_aside(longest=100)
        assert (log / "messages.log").exists(), "Asterisk has begun another"

    assert own.put_logs_aside() == []
    kept = sorted(path.name for path in log.glob("messages.log.[0-9]*"))
    assert kept == [f"messages.log.{n}" for n in range(1, servers.LOGS_KEPT + 1)]
    assert own.put_logs_aside(longest=1)
    assert (log / "cel-custom/calls.csv.1").read_text() == "a call\n"
    own.cli("core set debug 0")
    assert own.alive()


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        ("+380441110001", "+380441110001"),
        ("1%3F2%3A380441110001", None),
        ("%3A%3F", None),
        ("0%3F%22%3A1%29%7D", None),
        ("12a34", None),
        ("anonymous", None),
    ],
)
def test_a_number_that_is_none_does_not_get_past_the_dialplan(asterisk, tmp_path, index, shown, known):
    async def scene():
        async with open_hotline(asterisk, tmp_path) as house:
            async with Caller(index, from_user="rfc4733", from_number=shown) as caller:
                await caller.dial(house.address)
                await caller.hears(clips_of(index, "language") + clips_of(index, "notice"), timeout=10)
                [record] = await asyncio.wrap_future(house.store.read(lambda conn: calls.latest(conn, 2)))
            await house.controller.settled(record.began.call)
            return record.began

    assert asyncio.run(scene()).caller == known
    assert "380441110001" not in (asterisk.config.run / "log/cel-custom/calls.csv").read_text()


def test_a_hotline_looks_after_the_logs_of_its_asterisk(data, bundle, monkeypatch, caplog):
    settings = load()
    attempts = []

    def look(self, *_):
        attempts.append(self.pid)
        looked.set()
        if len(attempts) == 1:
            raise PermissionError("somebody else's")
        return []

    async def scene():
        async with exchange(settings, loopback_endpoints=True, die_with_parent=True) as server:
            for _ in range(2):
                await asyncio.to_thread(looked.wait, 10)
                looked.clear()
            assert set(attempts) == {server.pid}
            await asyncio.to_thread(server.stop)

    looked = threading.Event()
    monkeypatch.setattr(AsteriskServer, "put_logs_aside", look)
    monkeypatch.setattr(servers, "LOOK_AT_LOGS", 0.01)
    asyncio.run(scene())

    assert len(attempts) >= 2, "a look that failed is not the last"
    assert "logs can't be put aside" in caplog.text
