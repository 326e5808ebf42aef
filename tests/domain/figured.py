"""A small world of calls whose figures can be worked out by hand."""

from datetime import UTC, datetime, timedelta

from domain import calls, tallies
from domain.model import Began, Outcome
from domain.tallies import By, Left, Step, Tally, Wait, Waited, Waiting

NOON = datetime(2026, 11, 10, 10, 0, tzinfo=UTC)  # 12:00 in Kyiv
DAY = timedelta(days=1)

ASK = Step("ask_account", "account", By.KEYS, 1)
ASK_TWICE = Step("ask_account", "account", By.KEYS, 2, nomatch=1)
SAID = Step("ask_account", "account", By.SPEECH, 1, barge_in=True)
GAVE_UP = Step("ask_account", "account", None, 3, noinput=2, nomatch=1, left=Left.GAVE_UP)
HUNG_UP = Step("ask_account", "account", None, 1, left=Left.HUNG_UP)
MENU = Step("main_menu", "menu", By.KEYS, 1)
NOTICE = Step("main_menu", "notice")


def call(conn, name, *steps, at=NOON, outcome=Outcome.READING_TAKEN, caller="+380671234567", seconds=60, **tally):
    """A call that ended, counted."""
    over(conn, name, at=at, outcome=outcome, caller=caller, seconds=seconds)
    tallies.count(conn, name, Tally(**{"matter": "meter_reading", **tally}, steps=steps))


def over(conn, name, *, at=NOON, outcome=Outcome.READING_TAKEN, caller="+380671234567", seconds=60):
    """A call that ended, and is not counted."""
    calls.begin(conn, Began(name, caller, "100", at), "here")
    calls.end(conn, name, outcome, at=at + timedelta(seconds=seconds))


def waited(call, seconds, ended=Waited.ANSWERED, *, at=NOON, kind=Wait.PEOPLE, n=0):
    return Waiting(call, kind, n, at, seconds, ended)
