"""Somebody is warned before a deadline is missed: once each time, whoever runs, whatever dies."""

import json
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest
from business import DAY, HOUR, ONE, at, caller, staff, told
from sqlalchemy import select

from domain import demo, escalation, policies, requests
from domain.commands import RegisterRequest
from domain.desk import AssignRequest, RefusalGround, RefuseRequest, SendInterim
from domain.handlers import perform
from domain.model import ReplyBy, RequestKind, RequestState, Topic
from domain.news import KINDS
from domain.request_life import Act
from domain.store import Store
from domain.tables import events
from tests.domain.conftest import NOW, Run

ROOT = Path(__file__).parents[2]
COMPLAINT = RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, None, ONE)  # due on 30 December
FIRST = at(2026, 12, 22, 22)  # midnight to the 23rd in Kyiv, five working days before
LAST = at(2026, 12, 28, 22)
LATE = at(2026, 12, 30, 22)


def warned(run: Run, now) -> list[str]:  # type: ignore[no-untyped-def]
    return [each.number for each in run(lambda conn: escalation.escalate(conn, now))]


def test_it_is_warned_of_on_the_days_of_the_policy_and_when_it_is_late(run: Run):
    number = caller(run)(COMPLAINT, 1).number
    given = []
    for hour in range(40 * 24):
        now = at(2026, 12, 1) + hour * HOUR
        if warned(run, now):
            given.append(now)
    assert given == [FIRST, LAST, LATE]
    kept = run(lambda conn: requests.one(conn, number))
    assert kept.escalate_at is None
    assert [(e.what, e.by, e.details) for e in kept.history[1:]] == [
        ("escalated", "escalation", {"hours_left": 8 * 24, "overdue": False}),
        ("escalated", "escalation", {"hours_left": 2 * 24, "overdue": False}),
        ("escalated", "escalation", {"hours_left": 0, "overdue": True}),
    ]
    assert [says["overdue"] for _, says in told(run, "request.escalated")] == [False, False, True]


def test_warnings_that_were_missed_are_one_warning(run: Run):
    number = caller(run)(COMPLAINT, 1).number
    assert warned(run, LAST) == [number]
    assert warned(run, LAST) == []
    assert warned(run, LATE + 9 * DAY) == [number]
    assert warned(run, LATE + 99 * DAY) == []


def test_looking_changes_nothing(run: Run):
    number = caller(run)(COMPLAINT, 1).number
    staff(run)(AssignRequest(number, "Olena", "+380440000100"))
    for _ in range(2):
        (due,) = run(lambda conn: escalation.due(conn, FIRST))
        assert (due.number, due.account, due.due, due.hours_left, due.responsible) == (
            number, ONE, date(2026, 12, 30), 8 * 24, "Olena",
        )  # fmt: skip
    assert run(lambda conn: escalation.due(conn, FIRST - HOUR)) == []


def test_what_is_closed_is_not_warned_of(run: Run):
    number = caller(run)(COMPLAINT, 1).number
    staff(run)(RefuseRequest(number, RefusalGround.THREATS, ReplyBy.PHONE, NOW, "refused"))
    assert warned(run, LATE + DAY) == []


def test_an_interim_reply_puts_the_warnings_off(run: Run):
    number = caller(run)(COMPLAINT, 1).number
    staff(run)(AssignRequest(number, "Olena", "+380440000100"))
    staff(run)(SendInterim(number, "soon", ReplyBy.PHONE), at=FIRST - HOUR)
    assert warned(run, LATE) == []
    assert warned(run, at(2027, 1, 7)) == [number]


def test_a_policy_without_warnings_still_tells_what_is_late(run: Run):
    run(
        lambda conn: policies.enter(
            conn, "escalation", date(2026, 1, 1), {"working_days_before": []}, "the operator's own", NOW
        )
    )
    number = caller(run)(COMPLAINT, 1).number
    assert warned(run, LATE - HOUR) == []
    assert warned(run, LATE) == [number]


def test_a_long_list_is_worked_through_in_pieces(run: Run):
    ask = caller(run)
    numbers = [ask(COMPLAINT, seq).number for seq in range(5)]
    pieces = [[e.number for e in run(lambda conn: escalation.escalate(conn, FIRST, limit=2))] for _ in range(4)]
    assert pieces == [numbers[:2], numbers[2:4], numbers[4:], []]


def test_of_two_processes_at_once_one_warns(store: Store, url: str):
    def fill(conn) -> list[str]:  # type: ignore[no-untyped-def]
        demo.load(conn, NOW)
        return [perform(conn, COMPLAINT, call=None, seq=None, at=NOW).number for _ in range(60)]

    numbers = store.write(fill).result()
    given: list[str] = []
    with Store.open(url) as other:
        gate = threading.Barrier(2)

        def work(mine: Store) -> None:
            gate.wait()
            while found := mine.write(lambda conn: escalation.escalate(conn, FIRST, limit=3)).result():
                given.extend(each.number for each in found)

        threads = [threading.Thread(target=work, args=(each,)) for each in (store, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(given) == sorted(numbers)
    said = store.read(lambda conn: conn.scalars(select(events.c.kind)).all()).result()
    assert said.count("request.escalated") == 60


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_a_process_that_is_killed_has_warned_and_said_so_or_neither(url: str, acknowledged: int):
    with Store.open(url) as store:
        store.write(lambda conn: demo.load(conn, NOW)).result()
        for _ in range(100):
            store.write(lambda conn: perform(conn, COMPLAINT, call=None, seq=None, at=NOW)).result()
    child = subprocess.Popen(
        [sys.executable, "-c", ESCALATING, url, FIRST.isoformat()], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    heard = [child.stdout.readline().strip() for _ in range(acknowledged)]
    child.kill()
    child.wait()
    with Store.open(url) as store:
        while store.write(lambda conn: escalation.escalate(conn, FIRST)).result():
            pass
        said = store.read(
            lambda conn: conn.scalars(select(events.c.body).where(events.c.kind == "request.escalated")).all()
        ).result()
        queue = store.read(lambda conn: requests.queue(conn, FIRST)).result()
        noted = [store.read(lambda conn, n=each.number: requests.one(conn, n)).result().history for each in queue]
    numbers = [each.number for each in queue]
    assert len(numbers) == 100
    assert set(heard) <= set(numbers)
    assert sorted(json.loads(body)["number"] for body in said) == sorted(numbers)
    assert [[event.what for event in history] for history in noted] == [["registered", "escalated"]] * 100


ESCALATING = """
import sys
from datetime import datetime
from domain import escalation
from domain.store import Store
from domain.tables import events

store = Store.open(sys.argv[1])
while found := store.write(lambda conn: escalation.escalate(conn, datetime.fromisoformat(sys.argv[2]), 1)).result():
    print(found[0].number, flush=True)
"""


def test_every_kind_of_news_about_requests_is_listed(run: Run):
    assert {f"request.{act}" for act in Act if act is not Act.NOTE} | {"request.registered", "request.drafted"} == {
        kind for kind in KINDS if kind.startswith("request.")
    }
    assert RequestState.REGISTERED == "registered"
