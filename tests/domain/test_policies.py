"""The book of rules: what holds on which day, and how an operator changes it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, insert

from domain import tables
from domain.decrees import ALTERNATIVES, DEFAULTS
from domain.model import RequestKind, Source, Topic
from domain.policies import MalformedPolicy, enter, load
from domain.policy import (
    ALWAYS,
    KINDS,
    AnyTerms,
    CalendarPolicy,
    CallbackPolicy,
    Case,
    DayPolicy,
    DeadlinePolicy,
    EscalationPolicy,
    EstimatePolicy,
    HolidayPolicy,
    HoursPolicy,
    Method,
    NoPolicy,
    Open,
    Policies,
    PrecedencePolicy,
    Row,
    ServicePolicy,
    Unit,
    WindowPolicy,
)
from domain.store import Store
from tests.domain.conftest import NOW

DAY = date(2026, 12, 1)
FIVE, SIX = WindowPolicy(2, 3), WindowPolicy(3, 3)

TERMS: list[AnyTerms] = [
    SIX,
    EstimatePolicy((Method.YEAR_AGO, Method.USUAL), days=60, least_days=10, gap_days=40),
    PrecedencePolicy(((Source.SMART_METER, Source.INSPECTOR), (Source.BOT,)), control_binds=False),
    DeadlinePolicy(
        7,
        Unit.WORKING,
        3,
        moves=False,
        request=RequestKind.QUESTION,
        topic=Topic.BILLING,
        channel="web",
        case=Case.MEASURED,
    ),
    EscalationPolicy((10, 3, 0)),
    HoursPolicy("desk", (Open((1, 2), time(8, 30), time(0)), Open((6,), time(9), time(12))), holidays=True),
    CallbackPolicy(6, 180, 30, "desk"),
    ServicePolicy(20, 0.8, 0.05),
    CalendarPolicy(holidays_off=True, moved=False, weekend=(5, 6)),
    HolidayPolicy("unity", 1, 22),
    HolidayPolicy("ascension", after_easter=39),
    DayPolicy(date(2027, 3, 9), working=False),
]


# The book


@pytest.mark.parametrize(
    ("on", "expected"),
    [(DAY - timedelta(days=1), FIVE), (DAY, SIX), (date(2030, 1, 1), SIX), (date(2018, 1, 1), FIVE)],
)
def test_the_row_of_the_latest_date_that_has_come_holds(on: date, expected: WindowPolicy):
    assert DEFAULTS.extended([Row(DAY, SIX, "x")]).window(on) == expected


def test_a_row_of_the_same_kind_key_and_date_replaces_the_earlier_one():
    book = DEFAULTS.extended([Row(ALWAYS, SIX, "the other reading")])
    assert book.window(DAY) == SIX and len(book.rows) == len(DEFAULTS.rows)
    assert len(book.extended([Row(DAY, FIVE, "x")]).rows) == len(book.rows) + 1


def test_books_are_compared_by_their_rows_in_whichever_order():
    again = Policies(reversed(DEFAULTS.rows))
    assert again == DEFAULTS and hash(again) == hash(DEFAULTS) and again is not DEFAULTS
    assert DEFAULTS.extended([Row(DAY, SIX, "x")]) != DEFAULTS and DEFAULTS != "a book"


def test_what_holds_on_a_day_is_one_row_of_each_kind_and_key():
    rows = DEFAULTS.extended([Row(DAY, SIX, "x")]).at(DAY)
    places = [(row.terms.kind, row.terms.key) for row in rows]
    assert len(places) == len(set(places))
    assert {kind for kind, _ in places} == set(KINDS) - {"day"}
    assert Row(DAY, SIX, "x") in rows


def test_every_row_names_its_source():
    assert all(row.source.strip() for row in (*DEFAULTS.rows, *ALTERNATIVES))


def test_an_alternative_is_another_reading_of_a_rule_that_there_is():
    for row in ALTERNATIVES:
        assert DEFAULTS.row(type(row.terms), DAY, row.terms.key).terms != row.terms


@pytest.mark.parametrize(
    "ask",
    [
        lambda book: book.window(DAY), lambda book: book.estimate(DAY), lambda book: book.precedence(DAY),
        lambda book: book.escalation(DAY), lambda book: book.callback(DAY), lambda book: book.calendar(DAY),
        lambda book: book.hours("office", DAY),
        lambda book: book.deadline(RequestKind.OPINION, Topic.OTHER, "web", DAY),
    ],
)  # fmt: skip
def test_a_kind_without_a_row_for_the_day_says_what_to_do(ask: Callable[[Policies], object]):
    assert ask(DEFAULTS)
    with pytest.raises(NoPolicy, match="enter one"):
        ask(Policies(()))
    with pytest.raises(NoPolicy, match="2026-12-01"):
        ask(Policies(replace(row, since=DAY + timedelta(days=1)) for row in DEFAULTS.rows))


def test_a_service_without_hours_of_its_own_has_those_of_all():
    assert DEFAULTS.hours("a new desk", DAY) == DEFAULTS.hours("*", DAY)
    assert DEFAULTS.hours(Topic.INTERRUPTIONS, DAY).service == "interruptions"


def test_no_day_has_an_exception_but_those_that_were_decreed():
    book = DEFAULTS.extended([Row(DAY, DayPolicy(DAY, working=False), "x")])
    assert book.exception(DAY) == DayPolicy(DAY, working=False)
    assert book.exception(DAY + timedelta(days=1)) is None and DEFAULTS.exception(DAY) is None


# The table


def test_an_empty_table_changes_nothing(store: Store):
    assert store.write(load).result() == DEFAULTS


@pytest.mark.parametrize("terms", TERMS, ids=lambda terms: terms.kind)
def test_terms_of_every_kind_come_back_as_they_were_entered(store: Store, terms: AnyTerms):
    store.write(lambda conn: enter(conn, terms.kind, DAY, terms, "a decree", NOW)).result()
    book = store.write(load).result()
    assert Row(DAY, terms, "a decree") in book.rows
    assert len(book.rows) == len(DEFAULTS.rows) + 1


def test_terms_may_be_entered_as_an_operator_writes_them(store: Store):
    written = {"days": 10, "unit": "working", "topic": "metering", "channel": "web"}
    store.write(lambda conn: enter(conn, "deadline", DAY, written, "a decree", NOW)).result()
    row = store.write(load).result().deadline(RequestKind.COMPLAINT, Topic.METERING, "web", DAY)
    assert row == Row(DAY, DeadlinePolicy(10, Unit.WORKING, topic=Topic.METERING, channel="web"), "a decree")


def test_every_default_can_be_entered_and_read(store: Store):
    def all_of_them(conn: Connection) -> None:
        for row in (*DEFAULTS.rows, *ALTERNATIVES):
            enter(conn, row.terms.kind, row.since, row.terms, row.source, NOW)

    store.write(all_of_them).result()
    assert store.write(load).result() == DEFAULTS.extended(ALTERNATIVES)


def test_of_two_rows_for_one_day_the_one_entered_last_holds(store: Store):
    for terms in (SIX, FIVE, WindowPolicy(4, 3)):
        store.write(lambda conn, terms=terms: enter(conn, "window", DAY, terms, "x", NOW)).result()
    assert store.write(load).result().window(DAY) == WindowPolicy(4, 3)


def test_a_new_row_is_seen_at_once_and_an_unchanged_table_is_not_read_again(store: Store):
    read: list[str] = []
    book = store.write(load).result()
    key = store.write(lambda conn: enter(conn, "window", DAY, SIX, "x", NOW)).result()
    assert key == 1
    changed = store.write(load).result()
    assert changed.window(DAY) == SIX != book.window(DAY)

    def watched(conn: Connection) -> Policies:
        def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
            read.append(statement)

        event.listen(conn, "before_cursor_execute", note)
        return load(conn)

    assert store.write(watched).result() is changed
    assert len(read) == 1 and "LIMIT" in read[0]


def test_rows_that_were_taken_back_are_forgotten(store: Store):
    def taken_back(conn: Connection) -> None:
        enter(conn, "window", DAY, SIX, "taken back", NOW)
        assert load(conn).window(DAY) == SIX
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(taken_back).result()
    assert store.write(load).result() == DEFAULTS
    store.write(lambda conn: enter(conn, "window", DAY, WindowPolicy(4, 3), "x", NOW)).result()
    assert store.write(load).result().window(DAY) == WindowPolicy(4, 3)


@pytest.mark.parametrize(
    ("kind", "terms", "says"),
    [
        ("window", {"before": 0, "after": 3}, "1 to 14 days"),
        ("window", {"before": 3}, "after: Field required"),
        ("window", {"before": "many", "after": 3}, "before: .*integer"),
        ("window", {"before": 3, "after": 3, "beyond": 1}, "beyond: "),
        ("windows", {"before": 3, "after": 3}, "no kind 'windows'; known are calendar, callback"),
        ("deadline", {"days": 30, "topic": "weather"}, "topic: .*'connection'"),
        ("hours", {"service": "desk", "openings": [{"days": [8], "opens": "08:00", "closes": "17:00"}]}, "Monday"),
        (
            "hours",
            {"service": "desk", "openings": [{"days": [1], "opens": "8", "closes": "17:00"}]},
            "openings.0.opens",
        ),
        (
            "hours",
            {"service": "desk", "openings": [{"days": [1], "opens": "08:00", "closes": "17:00", "shut": 1}]},
            "openings.0.shut",
        ),
        ("holiday", {"name": "x", "month": 2, "day": 30}, "day is out of range"),
    ],
)
def test_terms_that_are_none_are_refused_and_a_row_that_says_so_is_named(
    store: Store, kind: str, terms: dict[str, Any], says: str
):
    with pytest.raises(MalformedPolicy, match=says) as refused:
        store.write(lambda conn: enter(conn, kind, DAY, terms, "x", NOW)).result()
    assert "from 2026-12-01" in str(refused.value)
    assert store.write(load).result() == DEFAULTS  # nothing was written

    by_hand = {"kind": kind, "since": DAY, "terms": json.dumps(terms), "source": "x", "entered_at": NOW}
    store.write(lambda conn: conn.execute(insert(tables.policies).values(by_hand))).result()
    with pytest.raises(MalformedPolicy, match=f"row 1 of table policies.*{says}"):
        store.write(load).result()


def test_a_row_that_is_no_json_is_named(store: Store):
    by_hand = {"kind": "window", "since": DAY, "terms": "{", "source": "x", "entered_at": NOW}
    store.write(lambda conn: conn.execute(insert(tables.policies).values(by_hand))).result()
    with pytest.raises(MalformedPolicy, match=r"row 1 of table policies.*JSON"):
        store.write(load).result()


def test_terms_of_another_kind_and_terms_without_a_source_are_refused(store: Store):
    with pytest.raises(MalformedPolicy, match="'window'"):
        store.write(lambda conn: enter(conn, "hours", DAY, SIX, "x", NOW)).result()
    with pytest.raises(MalformedPolicy, match="source"):
        store.write(lambda conn: enter(conn, "window", DAY, SIX, " ", NOW)).result()


@given(st.lists(st.tuples(st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.integers(1, 14)), max_size=8))
def test_whatever_is_entered_the_book_holds_for_each_day_what_was_last_decreed_for_it(
    decrees: list[tuple[date, int]],
):
    book = DEFAULTS.extended(Row(since, WindowPolicy(before, 3), "x") for since, before in decrees)
    for day in {since for since, _ in decrees}:
        latest = max(since for since, _ in decrees if since <= day)
        assert book.window(day).before == [before for since, before in decrees if since == latest][-1]
