"""`ivr api` as a process of its own, and the examples of its documentation."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import clients, demo, news, webhooks
from domain.clients import Right
from domain.model import Source
from domain.store import Store

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"```sh\n(.*?)```(?:\n```json\n(.*?)```)?", re.DOTALL)


class Api:
    """`ivr api` on a data directory of its own, on a free port."""

    def __init__(self, data):
        with Store.open(f"sqlite:///{data}/hotline.db") as store:
            store.write(lambda conn: demo.load(conn, datetime.now(UTC))).result()
            made = store.write(
                lambda conn: clients.make(conn, "test", source=Source.WEB, rights=Right, at=datetime.now(UTC))
            )
            self.key = made.result()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "api", "--data", str(data)],
            cwd=data, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=(data / "log").open("w"),
        )  # fmt: skip
        ready = self.process.stdout.readline()
        assert ready.startswith("ready: http://127.0.0.1:"), (data / "log").read_text()
        self.address = ready.split()[1].rstrip(";").rstrip("/")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        return code


@pytest.fixture
def api(tmp_path):
    made = Api(tmp_path)
    yield made
    if made.process.poll() is None:
        made.stop()


MATTERS = {kind.partition(".")[0] for kind in news.KINDS} | {"reading", "bill", "period", "handover", "webhook"}


def shape(value):
    """Names and types; nothing in a place says nothing about what else could be there."""
    match value:
        case dict():
            return {name: shape(each) for name, each in value.items()}
        case list():
            return [shape(each) for each in value[:1]]
        case None:
            return None
        case _:
            return type(value).__name__


def alike(shown, got):
    """Whether an answer looks like the one that is shown."""
    if shown is None or got is None:
        return True
    if isinstance(shown, dict):
        return isinstance(got, dict) and shown.keys() == got.keys() and all(alike(shown[n], got[n]) for n in shown)
    if isinstance(shown, list):
        return isinstance(got, list) and len(got) == len(shown) and all(map(alike, shown, got))
    return shown == got


def test_every_example_of_the_documentation_runs_as_it_is_shown(api):
    examples = EXAMPLE.findall((ROOT / "docs/channel-api.md").read_text("utf-8"))
    assert len(examples) >= 9
    for command, shown in examples:
        done = subprocess.run(
            ["bash", "-euc", command], capture_output=True, text=True, check=True,
            env={**os.environ, "API": api.address, "KEY": api.key},
        )  # fmt: skip
        if not shown:
            assert done.stdout == "", command
            continue
        wanted, got = json.loads(shown), json.loads(done.stdout)
        got.pop("instance", None)
        assert alike(shape(wanted), shape(got)), f"{command}\n{done.stdout}"
        for stable in ("type", "status", "account", "meter", "state", "url"):
            if isinstance(wanted, dict):
                assert got.get(stable) == wanted.get(stable), command


def test_the_kinds_of_news_in_the_documentation_are_those_that_are_told():
    """`webhook.disabled` is for staff alone; kinds made of two parts stand in `news.KINDS`."""
    listed = re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", (ROOT / "docs/channel-api.md").read_text("utf-8"), re.MULTILINE)
    told = {
        kind
        for file in (ROOT / "domain").rglob("*.py")
        if "tell(" in (text := file.read_text("utf-8"))
        for kind in re.findall(rf'"((?:{"|".join(MATTERS)})\.[a-z]+)"', text)
    }

    assert len(set(listed)) == len(listed)
    assert set(listed) == (told | set(news.KINDS)) - webhooks.FOR_STAFF


def test_it_stops_in_order_and_logs_nothing_personal(api, tmp_path):
    subprocess.run(
        ["curl", "-sS", f"{api.address}/accounts/1000000018", "-H", f"Authorization: Bearer {api.key}"], check=True,
        capture_output=True,
    )  # fmt: skip

    assert api.stop() == 0
    log = (tmp_path / "log").read_text()
    assert "GET /api/v1/accounts/{number} 200" in log
    assert "1000000018" not in log
    assert api.key not in log


def test_a_port_that_is_taken_is_a_message(api, tmp_path):
    port = api.address.split(":")[2].split("/")[0]
    other = subprocess.run(
        [sys.executable, "-m", "ivr", "api", "--data", str(tmp_path), "--port", port],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert other.returncode == 1
    assert f"TCP port {port} of 127.0.0.1 for the API can't be had" in other.stderr
    assert "Traceback" not in other.stderr
