"""Supervisors and operators at the command line: announcements, policies, escalation."""

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain.commands import HearAnnouncements, RegisterRequest
from domain.handlers import perform
from domain.model import ReplyBy, RequestKind, Topic
from domain.store import Store
from ivr.__main__ import main
from ivr.commands.announce import _moment

SPOKEN = "goodbye"  # a prompt of every language without places


@pytest.fixture
def ivr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str):
        return CliRunner().invoke(main, [*arguments, "--data", str(tmp_path / "data")])

    return run


def opened(tmp_path: Path) -> Store:
    return Store.open(f"sqlite:///{tmp_path / 'data' / 'hotline.db'}")


def heard(tmp_path: Path):
    with opened(tmp_path) as store:
        now = datetime.now(UTC)
        return store.read(lambda conn: perform(conn, HearAnnouncements(), call=None, seq=None, at=now)).result()


def test_an_announcement_is_switched_on_listed_and_switched_off(ivr, tmp_path: Path):
    assert "nothing is announced" in ivr("announce", "list").output
    on = ivr("announce", "on", SPOKEN)
    assert on.exit_code == 0
    number = re.search(r"announcement (\d+) is on", on.output)[1]
    assert [each.prompt for each in heard(tmp_path)] == [SPOKEN]
    listed = ivr("announce", "list").output
    assert SPOKEN in listed
    assert "all callers" in listed
    assert ivr("announce", "off", number).exit_code == 0
    assert heard(tmp_path) == ()
    again = ivr("announce", "off", number)
    assert (again.exit_code, "is off since" in again.output) == (1, True)


def test_what_callers_could_not_hear_is_not_switched_on(ivr, tmp_path: Path):
    for arguments, says in (
        (("goodby",), "did you mean goodbye"),
        (("read_back",), "it has places"),
        ((SPOKEN, "--region", "Podil"), "no addresses have been imported"),
        ((SPOKEN, "--until", "25:00"), "a time is HH:MM"),
        ((SPOKEN, "--until", "2020-01-01T10:00"), "nothing can be announced until"),
    ):
        refused = ivr("announce", "on", *arguments)
        assert refused.exit_code in (1, 2)
        assert says in refused.output
        assert refused.output.startswith("ivr:")
    assert heard(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:30", datetime(2026, 12, 1, 16, 30, tzinfo=UTC)),
        ("9:00", datetime(2026, 12, 2, 7, 0, tzinfo=UTC)),  # it is past nine: tomorrow
        ("2026-12-05T07:00", datetime(2026, 12, 5, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_next_one_that_a_clock_in_kyiv_shows(text: str, meant: datetime):
    assert _moment(text, datetime(2026, 12, 1, 10, 0, tzinfo=UTC)) == meant


def test_a_policy_is_entered_and_listed_with_its_source(ivr):
    terms = '{"before": 3, "after": 3}'
    assert ivr("policy", "enter", "window", "2030-01-01", terms, "--source", "the code, [six] days").exit_code == 0
    now, later = ivr("policy", "list", "--kind", "window"), ivr("policy", "list", "--on", "2030-06-01")
    assert '"before":2' in now.output
    assert '"before":3' in later.output
    assert "the code, [six] days" in later.output
    assert "2030-01-01" in ivr("policy", "list", "--kind", "window", "--all").output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("window", "2030-01-01", '{"before": 3}', "--source", "x"), "after: Field required"),
        (("window", "2030-01-01", "before 3", "--source", "x"), "Invalid JSON"),
        (("window", "2030-01-01", '{"before": 3, "after": 3}', "--source", " "), "needs its source"),
        (("windows", "2030-01-01", "{}", "--source", "x"), "is not one of"),
        (("window", "tomorrow", "{}", "--source", "x"), "does not match the format"),
    ],
)
def test_a_policy_that_is_none_is_not_entered(ivr, arguments: tuple[str, ...], says: str):
    refused = ivr("policy", "enter", *arguments)
    assert refused.exit_code == 2
    assert says in refused.output
    assert "2030" not in ivr("policy", "list", "--all").output


def late(tmp_path: Path, days: int = 60) -> str:
    """A request that nobody has looked at for so long."""
    with opened(tmp_path) as store:
        command = RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE)
        then = datetime.now(UTC) - timedelta(days=days)
        return store.write(lambda conn: perform(conn, command, call=None, seq=None, at=then)).result().number


def test_what_is_late_is_escalated_once(ivr, tmp_path: Path):
    number = late(tmp_path)
    first, second = ivr("escalate"), ivr("escalate")
    assert f"request {number}: due" in first.output
    assert "late; nobody is responsible" in first.output
    assert first.output.endswith("1 requests were escalated\n")
    assert second.output == "0 requests were escalated\n"


def test_escalation_goes_on_until_it_is_ended_in_order(tmp_path: Path):
    number = late(tmp_path)
    worker = subprocess.Popen(
        [sys.executable, "-m", "ivr", "escalate", "--every", "3600", "--data", str(tmp_path / "data")],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert worker.stdout is not None
    assert number in worker.stdout.readline()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    with opened(tmp_path) as store:
        body = store.read(
            lambda conn: conn.exec_driver_sql("SELECT body FROM events WHERE kind = 'request.escalated'").scalar_one()
        ).result()
    assert json.loads(body)["number"] == number


def test_a_store_that_can_not_be_opened_is_a_message(ivr, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hotline.db").write_text("this is no database, and long enough to be looked at " * 100)
    for command in (("announce", "list"), ("policy", "list"), ("escalate",)):
        refused = ivr(*command)
        assert (refused.exit_code, "the file is not a database" in refused.output) == (1, True)
