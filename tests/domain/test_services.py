"""Orders, calls back, opening hours, announcements: what a caller is told, and what staff make of it."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from business import DAY, HOUR, ONE, Ask, at, caller, settle, staff, told

from domain import duties, policies
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import AskHours, AskPeople, HearAnnouncements, OrderCallBack, PlaceOrder
from domain.desk import (
    AlreadyDone,
    BadTime,
    CallBackFailed,
    DeskRefusal,
    FinishCallBack,
    FinishOrder,
    SwitchOff,
    SwitchOn,
)
from domain.duties import ATTEMPTS
from domain.handlers import Unanswerable
from domain.model import Announcement, Opening, OrderKind, People, Registered, Slot
from domain.numbers import Series, series_of
from tests.domain.conftest import NOW, Run

NIGHT = NOW  # 23:30 in Kyiv, a Monday
MORNING = at(2026, 12, 1, 6)  # 08:00
NOON = at(2026, 12, 1, 10)
SEAL = PlaceOrder(OrderKind.SEAL, ONE, "+380440000001")
BACK = OrderCallBack("+380440000001", "reading", ONE)


@pytest.fixture
def ask(run: Run) -> Ask:
    return caller(run)


@pytest.fixture
def act(run: Run) -> Ask:
    return staff(run)


def enter(run: Run, kind: str, **terms: Any) -> None:
    run(lambda conn: policies.enter(conn, kind, date(2026, 1, 1), terms, "the operator's own", NOW))


# Orders


@pytest.mark.parametrize("kind", OrderKind)
def test_every_service_can_be_ordered(ask: Ask, kind: OrderKind):
    order = ask(replace(SEAL, kind=kind), 1)
    assert series_of(order.number) is Series.ORDER
    assert order.due == date(2026, 12, 30)


def test_the_day_of_a_service_is_a_row_of_the_policy(run: Run, ask: Ask):
    enter(run, "deadline", days=10, unit="working", request="seal")
    assert ask(SEAL, 1).due == date(2026, 12, 14)
    assert ask(replace(SEAL, kind=OrderKind.UNSEAL), 2).due == date(2026, 12, 30)


def test_orders_wait_in_the_order_of_their_days_until_somebody_finishes_them(run: Run, ask: Ask, act: Ask):
    late, early = ask(SEAL, 1, at=NOW + DAY), ask(SEAL, 2)
    assert [each.number for each in run(duties.orders_waiting)] == [early.number, late.number]
    act(FinishOrder(early.number, "sealed, number 7"))
    assert [each.number for each in run(duties.orders_waiting)] == [late.number]
    with pytest.raises(AlreadyDone, match="sealed, number 7"):
        act(FinishOrder(early.number, "again"))
    with pytest.raises(DeskRefusal, match="say what was done"):
        FinishOrder(late.number, " ")
    assert told(run, "order.finished") == [("order.finished", {"number": early.number, "result": "sealed, number 7"})]


# Calls back


def test_who_does_not_mind_when_is_called_back_within_so_many_opening_hours(run: Run, ask: Ask):
    assert ask(BACK, 1, at=NOON).due == date(2026, 12, 1)
    assert ask(BACK, 2, at=NIGHT).due == date(2026, 12, 1)
    evening = at(2026, 12, 1, 17)  # 19:00: one hour today, three tomorrow
    assert ask(BACK, 3, at=evening).due == date(2026, 12, 2)
    windows = [(each.begins, each.ends) for each in run(lambda conn: duties.callbacks_waiting(conn, NIGHT))]
    assert windows == [
        (MORNING, MORNING + 4 * HOUR), (NOON, NOON + 4 * HOUR), (evening, MORNING + DAY + 3 * HOUR),
    ]  # fmt: skip


def test_a_slot_that_was_offered_is_the_one_that_is_promised(run: Run, ask: Ask):
    slot = ask(AskPeople(), at=NOON).slots[-1]
    order = ask(replace(BACK, slot=slot), 1, at=NOON)
    assert series_of(order.number) is Series.CALLBACK
    (kept,) = run(lambda conn: duties.callbacks_waiting(conn, NOON))
    assert (kept.begins, kept.ends, kept.due, kept.overdue, kept.call) == (slot.begins, slot.ends, False, False, "c1")


@pytest.mark.parametrize("slot", [Slot(NOON - 2 * HOUR, NOON), Slot(NOON + HOUR, NOON + HOUR)])
def test_nobody_is_called_back_in_the_past(run: Run, ask: Ask, slot: Slot):
    with pytest.raises(Unanswerable, match="nobody can be called back"):
        ask(replace(BACK, slot=slot), 1, at=NOON)
    assert run(lambda conn: duties.callbacks_waiting(conn, NOON)) == []


def test_where_nobody_ever_works_nobody_can_call_back(run: Run, ask: Ask):
    for service in ("agents", "callbacks"):
        enter(run, "hours", service=service, openings=[])
    with pytest.raises(Unanswerable, match="within a month"):
        ask(BACK, 1)
    assert ask(AskPeople()) == People(False, None, ())


def test_calls_back_wait_in_the_order_in_which_their_time_ends(run: Run, ask: Ask):
    order = [
        ask(replace(BACK, slot=Slot(NOON + begins * HOUR, NOON + ends * HOUR)), seq, at=NOON).number
        for seq, (begins, ends) in enumerate([(0, 4), (1, 2), (2, 3)])
    ]
    waiting = run(lambda conn: duties.callbacks_waiting(conn, NOON + timedelta(minutes=121)))
    assert [each.number for each in waiting] == [order[1], order[2], order[0]]
    assert [(each.due, each.overdue) for each in waiting] == [(True, True), (True, False), (True, False)]


def test_who_does_not_answer_is_called_so_often_and_no_more(run: Run, ask: Ask, act: Ask):
    order = ask(BACK, 1)
    assert [act(CallBackFailed(order.number, "no answer")) for _ in range(ATTEMPTS)] == list(range(1, ATTEMPTS + 1))
    assert run(lambda conn: duties.callbacks_waiting(conn, NOW)) == []
    for command in (CallBackFailed(order.number, "x"), FinishCallBack(order.number, "x")):
        with pytest.raises(AlreadyDone, match="not reached in 3 attempts: no answer"):
            act(command)
    assert [kind for kind, _ in told(run)] == ["callback.ordered"] + ["callback.failed"] * 3 + ["callback.finished"]


def test_a_call_back_that_was_made_is_over(run: Run, ask: Ask, act: Ask):
    order = ask(BACK, 1)
    act(CallBackFailed(order.number, "busy"))
    act(FinishCallBack(order.number, "reading taken"))
    assert run(lambda conn: duties.callbacks_waiting(conn, NOW)) == []


@pytest.mark.parametrize("command", [FinishOrder("40000015", "x"), FinishCallBack("50000017", "x"),
                                     CallBackFailed("50000017", "x")])  # fmt: skip
def test_what_nobody_ordered_is_not_finished(act: Ask, command: Any):
    with pytest.raises(Unanswerable, match="there is no number"):
        act(command)


# Once


@pytest.mark.parametrize("command", [SEAL, BACK, replace(BACK, slot=Slot(NOON, NOON + HOUR))])
def test_the_same_line_again_is_answered_as_the_first_time(run: Run, ask: Ask, command: Any):
    first = ask(command, 1)
    assert isinstance(first, Registered)
    assert ask(command, 1, at=NOW + timedelta(minutes=1)) == first
    assert len(told(run)) == 1
    assert ask(command, 2).number != first.number


@pytest.mark.parametrize(("one", "other"), [
    (SEAL, replace(SEAL, kind=OrderKind.UNSEAL)), (SEAL, replace(SEAL, contact=None)),
    (BACK, replace(BACK, contact="+380440000009")), (BACK, replace(BACK, about="outage")),
    (replace(BACK, slot=Slot(NOON, NOON + HOUR)), replace(BACK, slot=Slot(NOON, NOON + 2 * HOUR))),
])  # fmt: skip
def test_one_line_can_not_order_two_things(ask: Ask, one: Any, other: Any):
    ask(one, 1)
    with pytest.raises(AlreadyAnswered, match="line 1 of call 'c1'"):
        ask(other, 1)


@pytest.mark.parametrize("command", [SEAL, BACK])
def test_an_order_of_nobody_or_of_no_call_is_refused(run: Run, ask: Ask, command: Any):
    with pytest.raises(Unanswerable, match="9999999999"):
        ask(replace(command, account="9999999999"), 1)
    with pytest.raises(UnknownCall, match="'c9'"):
        ask(command, 1, call="c9")
    assert told(run) == []


# People and hours


DAYS = {"days": [1, 2, 3, 4, 5, 6, 7], "opens": "08:00", "closes": "20:00"}


def test_operators_are_there_in_their_hours_and_else_we_say_when(run: Run, ask: Ask):
    enter(run, "hours", service="agents", openings=[DAYS])
    night, noon = ask(AskPeople(), at=NIGHT), ask(AskPeople(), at=NOON)
    assert (night.open, night.opens_at) == (False, MORNING)
    assert (noon.open, noon.opens_at) == (True, None)
    assert night.slots[0] == Slot(MORNING, MORNING + 2 * HOUR)
    assert all(slot.begins > NOON for slot in noon.slots)


def test_operators_who_work_around_the_clock_are_there_by_night_and_ring_nobody_up_then(ask: Ask):
    night = ask(AskPeople(), at=NIGHT)
    assert (night.open, night.opens_at) == (True, None)
    assert night.slots[0].begins == MORNING


def test_hours_are_those_of_the_policy_operators_first_and_all_else_last(run: Run, ask: Ask):
    enter(run, "hours", service="office", openings=[{"days": [1, 6], "opens": "09:00", "closes": "13:00"}])
    enter(run, "hours", service="agents", openings=[DAYS])
    hours = ask(AskHours())
    assert hours[0] == Opening("agents", "daily", "08:00", "20:00")
    assert hours[-1] == Opening("*", "workdays", "08:00", "17:00")
    assert Opening("interruptions", "daily") in hours
    assert [each for each in hours if each.service == "office"] == [
        Opening("office", "monday", "09:00", "13:00"), Opening("office", "saturday", "09:00", "13:00"),
    ]  # fmt: skip
    assert [each.service for each in hours[1:-1]] == sorted(each.service for each in hours[1:-1])


# Announcements


@pytest.fixture
def houses(run: Run) -> None:
    run(settle)


def test_callers_hear_what_is_on_for_all_and_for_their_regions(run: Run, ask: Ask, act: Ask, houses: None):
    act(SwitchOn("storm"))
    act(SwitchOn("works", "Podil"))
    assert ask(HearAnnouncements()) == (Announcement("storm"),)
    assert ask(HearAnnouncements(("Podil",))) == (Announcement("storm"), Announcement("works"))
    assert ask(HearAnnouncements(("Troieshchyna", "nowhere"))) == (Announcement("storm"),)
    assert [(each.prompt, each.on_by) for each in run(lambda conn: duties.announcements_on(conn, NOW))] == [
        ("storm", "Olena"), ("works", "Olena"),
    ]  # fmt: skip


def test_what_is_on_for_all_and_for_two_regions_is_heard_once(ask: Ask, act: Ask, houses: None):
    for region in (None, "Podil", "Troieshchyna"):
        act(SwitchOn("storm", region))
    assert ask(HearAnnouncements(("Podil", "Troieshchyna"))) == (Announcement("storm"),)


def test_an_announcement_goes_off_when_what_it_says_is_over(ask: Ask, act: Ask):
    act(SwitchOn("storm", until=NOW + HOUR))
    assert ask(HearAnnouncements()) == (Announcement("storm", NOW + HOUR),)
    assert ask(HearAnnouncements(), at=NOW + HOUR) == ()


def test_switched_on_again_it_replaces_itself(ask: Ask, act: Ask, houses: None):
    act(SwitchOn("storm", until=NOW + HOUR))
    act(SwitchOn("storm", "Podil"))
    act(SwitchOn("storm", until=NOW + 2 * HOUR))
    assert ask(HearAnnouncements()) == (Announcement("storm", NOW + 2 * HOUR),)
    assert ask(HearAnnouncements(("Podil",))) == (Announcement("storm"), Announcement("storm", NOW + 2 * HOUR))


def test_it_is_switched_off_once(run: Run, ask: Ask, act: Ask):
    number = act(SwitchOn("storm"))
    act(SwitchOff(number), at=NOW + HOUR)
    assert ask(HearAnnouncements(), at=NOW + HOUR) == ()
    with pytest.raises(AlreadyDone):
        act(SwitchOff(number), at=NOW + HOUR)
    assert [kind for kind, _ in told(run)] == ["announcement.on", "announcement.off"]


def test_what_nobody_would_hear_or_what_is_over_is_not_switched_on(run: Run, act: Ask, houses: None):
    with pytest.raises(DeskRefusal, match=r"'Podl'; regions: .*Podil, Troieshchyna"):
        act(SwitchOn("storm", "Podl"))
    with pytest.raises(BadTime):
        act(SwitchOn("storm", until=NOW))
    with pytest.raises(Unanswerable):
        act(SwitchOff(99))
    assert run(lambda conn: duties.announcements_on(conn, NOW)) == []
