"""Health, readiness and figures over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain import calls
from domain.model import Began, Outcome
from domain.store import Store
from ivr.console import application
from ivr.dialog import Answer, goodbye, transfer
from ivr.service.figures import Figures

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class FakeLine:
    """A line that is 42 seconds old."""

    def __init__(self, call, dialled="100"):
        self.began = Began(call, "+380440000001", dialled, AT)

    def date(self):
        return AT + timedelta(seconds=42)


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture
def console(tmp_path, figures):
    ready = [True]
    with Store.open(f"sqlite:///{tmp_path}/s.db") as store:
        store.write(lambda c: calls.begin(c, Began("c1", "+380440000001", "100", AT), "a")).result()
        store.write(lambda c: calls.end(c, "c1", Outcome.ABANDONED, at=AT)).result()
        app = application(store, figures.registry, lambda: ready[0], lambda: {"speech": "uk"})

        async def ask(path):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://console") as client:
                return await client.get(path)

        yield lambda path: __import__("asyncio").run(ask(path)), ready


def test_ready_only_while_calls_would_be_taken_alive_always(console):
    ask, ready = console

    assert ask("/readyz").status_code == 200
    ready[0] = False
    assert ask("/readyz").status_code == 503
    assert ask("/healthz").status_code == 200


def test_what_readiness_does_not_depend_on_is_shown_beside_it(console):
    ask, ready = console

    assert ask("/readyz").json() == {"status": "ready", "speech": "uk"}
    ready[0] = False
    assert ask("/readyz").json()["speech"] == "uk"


def test_what_others_count_is_shown_as_it_stands(console, figures):
    ask, _ = console
    died = [2]
    figures.count("hotline_speech_workers_died", "Workers lost", lambda: died[0])

    assert "hotline_speech_workers_died_total 2.0" in ask("/metrics").text
    died[0] = 3
    assert "hotline_speech_workers_died_total 3.0" in ask("/metrics").text


def test_the_last_calls_are_listed_without_anything_personal(console):
    ask, _ = console

    [listed] = ask("/calls").json()

    assert (listed["call"], listed["outcome"]) == ("c1", "abandoned")
    assert "380" not in ask("/calls").text
    assert len(ask("/calls?n=100000").json()) == 1


def test_figures_tell_outcomes_and_calls_in_which_no_key_arrived(console, figures):
    ask, _ = console
    for call, key in (("a", "1"), ("b", None)):
        figures.began(FakeLine(call), adopted=False)
        if key:
            figures.keyed(call, key)
        figures.answered(call, Answer("account", "account", AT, interruption="gave up"))
        figures.ended(call, goodbye(Outcome.READING_TAKEN) if key else transfer("gave up"))
    figures.settled("sealed", odd=True)

    text = ask("/metrics").text

    assert 'hotline_outcomes_total{outcome="reading_taken"} 1.0' in text
    assert 'hotline_outcomes_total{outcome="transferred"} 1.0' in text
    assert 'hotline_calls_without_key_total{dialled="100"} 1.0' in text
    assert 'hotline_interruptions_total{question="account",what="gave up"} 2.0' in text
    assert 'hotline_recordings_total{state="sealed"} 1.0' in text
    assert "hotline_recordings_odd_total 1.0" in text
    assert 'hotline_call_seconds_bucket{le="60.0"} 2.0' in text
