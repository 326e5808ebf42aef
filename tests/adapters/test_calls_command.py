"""`ivr calls`: found at the command line, masked unless asked otherwise."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from domain import calls as kept
from domain.calls import Line
from domain.model import Began, Outcome
from domain.store import Store
from ivr.commands.calls import calls

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def held(tmp_path_factory):
    """A store in which two calls have ended."""
    path = tmp_path_factory.mktemp("calls")

    def job(conn):
        for n, outcome in enumerate((Outcome.INFORMED, Outcome.ABANDONED)):
            kept.begin(conn, Began(f"c-{n}", "+380671234567", "100", AT + timedelta(minutes=n)), "test")
            kept.append(conn, f"c-{n}", Line(0, AT, "AskTerms", "AskTerms(account='1000000018')"))
            kept.end(conn, f"c-{n}", outcome, at=AT + timedelta(minutes=n + 1))

    with Store.open(f"sqlite:///{path / 'hotline.db'}") as store:
        store.write(job).result()
    return path


@pytest.fixture
def run(held, tmp_path):
    data = shutil.copytree(held, tmp_path / "data")
    return lambda *words: CliRunner().invoke(calls, [*words, "--data", str(data)])


def test_calls_are_indexed_and_found(run):
    assert json.loads(run("search", "--json").output)["owed"] == 2
    assert "2 calls indexed" in run("index").output
    found = json.loads(run("search", "--json", "--outcome", "abandoned").output)
    assert (found["count"], found["owed"]) == (1, 0)
    assert [(each["call"], each["caller"], each["accounts"]) for each in found["calls"]] == [
        ("c-1", "+38067*****67", ["10******18"])
    ]
    assert "2 calls are owed" in run("index", "--all").output
    assert json.loads(run("search", "--json").output)["count"] == 2


def test_a_number_is_asked_for_only_in_clear(run):
    run("index")
    refused = run("search", "--number", "4567")
    assert refused.exit_code == 2 and "--clear" in refused.output
    found = json.loads(run("search", "--clear", "--number", "4567", "--json").output)
    assert found["calls"][0]["caller"] == "+380671234567"


def test_pages_follow_each_other(run):
    run("index")
    first = json.loads(run("search", "--limit", "1", "--json").output)
    second = json.loads(run("search", "--limit", "1", "--after", first["after"], "--json").output)
    assert [first["calls"][0]["call"], second["calls"][0]["call"], second["after"]] == ["c-1", "c-0", None]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--clear", "--account", "7"), "ten digits"),
        (("--words", "..."), "no word"),
        (("--after", "there"), "first page"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "ends before"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words(run, words, message):
    refused = run("search", *words)
    assert refused.exit_code == 2
    assert message in refused.output


def test_a_table_says_how_many_there_are(run):
    run("index")
    shown = run("search", "--limit", "1").output
    assert "2 found" in shown and "--after" in shown
