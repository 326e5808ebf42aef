"""The queue that staff work through: what is in which pile, in which order, and what it may cost."""

from datetime import timedelta
from itertools import count

import pytest
from business import DAY, ONE, TWO, Ask, caller, staff
from sqlalchemy import update

from domain import request_queue, requests
from domain.commands import KeepDraft, RegisterRequest
from domain.desk import AssignRequest, RefusalGround, RefuseRequest, SendInterim
from domain.model import AccountKind, ReplyBy, RequestKind, Told, Topic
from domain.request_queue import Counts, Me, Page, Pile, Place, Wanted
from domain.tables import accounts
from tests.domain.conftest import NOW, Run

ME = Me("olena", "Олена Коваль")
SEQ = count(1)


@pytest.fixture
def ask(run: Run) -> Ask:
    return caller(run)


@pytest.fixture
def act(run: Run) -> Ask:
    return staff(run, "olena")


def register(
    ask: Ask, topic: Topic = Topic.SERVICE, kind: RequestKind = RequestKind.COMPLAINT, **more: object
) -> str:
    given = {"contact": "+380440000001", "account": ONE, **more}
    at = given.pop("at", NOW)
    return ask(RegisterRequest(kind, topic, ReplyBy.PHONE, **given), next(SEQ), at=at).number


def page(run: Run, pile: Pile = Pile.OPEN, *, after: Place | None = None, limit: int = 50, at=NOW, **more) -> Page:
    wanted = Wanted(pile, **more)
    return run(lambda conn: request_queue.page(conn, wanted, at, ME, after=after, limit=limit))


def numbers(run: Run, pile: Pile = Pile.OPEN, **more) -> list[str]:
    return [row.number for row in page(run, pile, **more).rows]


def counted(run: Run, at=NOW) -> Counts:
    return run(lambda conn: request_queue.counts(conn, at, ME))


def test_what_is_due_first_stands_first(run: Run, ask: Ask):
    slow, quick, middle = (register(ask, topic) for topic in (Topic.SERVICE, Topic.BILLING, Topic.QUALITY))
    assert numbers(run) == [quick, middle, slow]
    hours = [row.hours_left for row in page(run).rows]
    assert hours == sorted(hours) and hours[0] > 0


def test_pages_follow_each_other_without_a_gap_whatever_is_closed_between(run: Run, ask: Ask, act: Ask):
    all_of_them = [register(ask) for _ in range(7)]
    first = page(run, limit=3)
    assert first.next is not None
    act(RefuseRequest(all_of_them[0], RefusalGround.THREATS, ReplyBy.PHONE, NOW, "refused"))
    second = page(run, limit=3, after=first.next)
    third = page(run, limit=3, after=second.next)
    assert [row.number for each in (first, second, third) for row in each.rows] == all_of_them
    assert third.next is None


def test_mine_is_what_my_login_answers_for_and_what_bears_my_name_alone(run: Run, ask: Ask, act: Ask):
    by_login, by_name, namesake, others = (register(ask) for _ in range(4))
    act(AssignRequest(by_login, "О. Коваль", "+380440000100", "olena"))
    act(AssignRequest(by_name, ME.name, "+380440000100"))
    act(AssignRequest(namesake, ME.name, "+380440000101", "olena.k2"))
    act(AssignRequest(others, "Петро", "+380440000102", "petro"))
    assert numbers(run, Pile.MINE) == [by_login, by_name]
    assert counted(run).piles[Pile.MINE] == 2


def test_every_pile_counts_what_its_page_shows(run: Run, ask: Ask, act: Ask):
    told = Told(NOW - timedelta(hours=1), NOW)
    ask(KeepDraft(RequestKind.COMPLAINT, Topic.OTHER, told, "+380440000001"), next(SEQ))
    mine, closed = register(ask), register(ask)
    register(ask, Topic.BILLING)
    act(AssignRequest(mine, ME.name, "+380440000100", "olena"))
    act(RefuseRequest(closed, RefusalGround.THREATS, ReplyBy.PHONE, NOW, "refused"))
    for later in (NOW, NOW + 6 * DAY, NOW + 9 * DAY, NOW + 40 * DAY):
        found = counted(run, later)
        for pile, many in found.piles.items():
            assert many == len(numbers(run, pile, at=later)), pile
    assert found.piles[Pile.OVERDUE] == 3
    assert numbers(run, Pile.CLOSED) == [closed]


def test_filters_all_must_hold(run: Run, ask: Ask):
    wanted = register(ask, Topic.QUALITY, RequestKind.QUESTION)
    register(ask, Topic.QUALITY)
    register(ask, Topic.SERVICE, RequestKind.QUESTION)
    assert numbers(run, kind=RequestKind.QUESTION, topic=Topic.QUALITY) == [wanted]
    assert counted(run).topics == {Topic.QUALITY: 2, Topic.SERVICE: 1}


def test_money_is_at_stake_for_those_whose_account_is_known(run: Run, ask: Ask):
    run(lambda conn: conn.execute(update(accounts).where(accounts.c.number == TWO).values(kind=AccountKind.LEGAL)))
    register(ask)
    register(ask, account=TWO)
    register(ask, account=None)
    stakes = [row.stake for row in page(run).rows]
    assert [(each.least, each.most) if each else None for each in stakes] == [(200_00,) * 2, (400_00, 600_00), None]
    assert counted(run).soon == (0, 0)
    assert counted(run, NOW + 28 * DAY).soon == (600_00, 800_00)
    assert counted(run, NOW + 32 * DAY).lost == (600_00, 800_00)


def test_an_interim_reply_moves_our_day_and_not_the_regulators(run: Run, ask: Ask, act: Ask):
    number = register(ask)
    act(AssignRequest(number, ME.name, "+380440000100", "olena"))
    before = run(lambda conn: request_queue.stake_of(conn, number))
    act(SendInterim(number, "we are looking", ReplyBy.PHONE), at=NOW + DAY)
    (row,) = page(run).rows
    assert row.stake == before and row.due > before.until


def test_who_acts_can_say_what_they_saw(run: Run, ask: Ask, act: Ask):
    number = register(ask)
    seen = run(lambda conn: requests.one(conn, number)).version
    act(AssignRequest(number, ME.name, "+380440000100", "olena"))
    now = run(lambda conn: requests.one(conn, number))
    assert now.version > seen and now.version == now.history[-1].id
    assert now.assigned_to == "olena"


def test_the_telephone_that_was_given_last_is_remembered(run: Run, ask: Ask, act: Ask):
    assert run(lambda conn: request_queue.phone_of(conn, "olena")) is None
    for phone in ("+380440000100", "+380440000109"):
        act(AssignRequest(register(ask), ME.name, phone, "olena"))
    assert run(lambda conn: request_queue.phone_of(conn, "olena")) == "+380440000109"
