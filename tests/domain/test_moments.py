"""What happened in calls, kept."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import calls, moments
from domain.model import Began
from domain.moments import Kind, Moment
from domain.store import Store

AT = datetime(2026, 10, 1, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def store(url):
    with Store.open(url) as store:
        for call in ("one", "other", "silent"):
            store.write(lambda conn, call=call: calls.begin(conn, Began(call, None, "100", AT), "here")).result()
        yield store


def some(*kinds, first=0):
    return [
        Moment(n, AT + timedelta(seconds=n), kind, {"text": "Так? «Ні»\n\0"} if n else {})
        for n, kind in enumerate(kinds, first)
    ]


def test_what_happened_is_told_as_it_was_noted(store):
    happened = some(Kind.FLOW, Kind.PROMPT, Kind.KEY)
    store.write(lambda conn: moments.append(conn, "one", happened)).result()

    assert store.read(lambda conn: moments.of_call(conn, "one")).result() == happened
    assert store.read(lambda conn: moments.of_call(conn, "silent")).result() == []


def test_nothing_is_added_twice(store):
    happened = some(Kind.FLOW, Kind.KEY)
    for _ in range(2):
        store.write(lambda conn: moments.append(conn, "one", happened)).result()

    assert store.read(lambda conn: moments.of_call(conn, "one")).result() == happened


def test_a_call_that_is_taken_over_goes_on_counting(store):
    assert store.read(lambda conn: moments.following(conn, "one")).result() == 0

    store.write(lambda conn: moments.append(conn, "one", some(Kind.FLOW, Kind.KEY))).result()

    assert store.read(lambda conn: moments.following(conn, "one")).result() == 2
    assert store.read(lambda conn: moments.following(conn, "other")).result() == 0


def test_many_calls_are_asked_at_once_and_only_for_what_is_wanted(store):
    store.write(lambda conn: moments.append(conn, "one", some(Kind.FLOW, Kind.KEY, Kind.NOINPUT))).result()
    store.write(lambda conn: moments.append(conn, "other", some(Kind.FLOW))).result()

    def asked(*kinds):
        found = store.read(lambda conn: moments.of_calls(conn, ["one", "other", "silent"], *kinds)).result()
        return {call: [one.kind for one in happened] for call, happened in found.items()}

    assert asked() == {"one": ["flow", "key", "noinput"], "other": ["flow"], "silent": []}
    assert asked(Kind.NOINPUT, Kind.NOMATCH) == {"one": ["noinput"], "other": [], "silent": []}


def test_nobody_asks_a_database_for_more_calls_than_it_takes_in_one_statement(store, monkeypatch):
    monkeypatch.setattr(moments, "AT_ONCE", 2)
    store.write(lambda conn: moments.append(conn, "silent", some(Kind.FLOW))).result()

    found = store.read(lambda conn: moments.of_calls(conn, ["one", "other", "silent"])).result()

    assert [len(happened) for happened in found.values()] == [0, 0, 1]
