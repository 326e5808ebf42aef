"""Outages, requests, orders, their status and calls back: each explored as the only matter of a call; their parts."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.commands import RecogniseCaller
from domain.model import OutageNews, Outcome, Topic
from flows.attended import about, attended
from flows.call_back import nobody_free
from flows.complaint import complaint
from flows.outage import Emergency, outage, told
from flows.service_order import service_order
from flows.status import status
from flows.when import clock, day
from flows.whose import IF_ANY
from flows.worlds import SHOWN, WITHHELD, world
from ivr.commands.flows import missing_words
from ivr.dialog import Answer, Ask, Back, Dialog, Do, Nomatch, Progress, Say, goodbye, transfer
from ivr.dialog.explore import explore
from ivr.dialog.proof import problems
from prompts import Catalogue

NOW = datetime(2026, 12, 3, 10, 0, tzinfo=UTC)


async def outages(call):
    return await attended(call, _outages)


async def _outages(call):
    return await about(call, outage)


async def complaints(call):
    return await attended(call, _complaints)


async def _complaints(call):
    return await about(call, complaint)


async def orders(call):
    return await attended(call, _orders)


async def _orders(call):
    return await about(call, service_order)


async def questions(call):
    return await attended(call, _questions)


async def _questions(call):
    return await about(call, status)


async def answered(call, known, account):
    await call.say("statement", last=(), coming=())
    return account


GIVE = {
    outages: {Outcome.OUTAGE_REPORTED, Outcome.INFORMED, Outcome.TRANSFERRED},
    complaints: {Outcome.REQUEST_REGISTERED, Outcome.OUTAGE_REPORTED, Outcome.TRANSFERRED, Outcome.CALLBACK_ORDERED},
    orders: {Outcome.ORDER_PLACED, Outcome.TRANSFERRED, Outcome.CALLBACK_ORDERED, Outcome.NO_AGENT},
    questions: {Outcome.INFORMED, Outcome.TRANSFERRED, Outcome.CALLBACK_ORDERED},
    nobody_free: {Outcome.CALLBACK_ORDERED, Outcome.NO_AGENT, Outcome.ABANDONED},
}


@pytest.mark.parametrize("began", [WITHHELD, SHOWN], ids=["withheld", "shown"])
@pytest.mark.parametrize("flow", GIVE, ids=lambda flow: flow.__name__)
def test_whatever_the_caller_does_the_matter_comes_to_something(flow, began, monkeypatch):
    monkeypatch.setattr("flows.complaint.ANSWERS", {Topic.BILLING: answered})  # the real ones: as parts of the menu
    found = explore(flow, began, world)

    assert problems(found, notice="notice_again" if flow is nobody_free else "notice") == []
    assert missing_words(Catalogue.load(), found.prompts()) == []
    assert found.outcomes >= GIVE[flow]


async def emergencies(call):
    known = await call.do(RecogniseCaller(call.began.caller))
    await call.say("notice", bargein=False)
    await call.record()
    try:
        await outage(call, known, None)
    except Emergency as emergency:
        return transfer(str(emergency))
    except Back:
        pass
    return goodbye(Outcome.INFORMED)


@pytest.mark.parametrize("began", [WITHHELD, SHOWN], ids=["withheld", "shown"])
def test_who_wants_people_about_an_outage_gets_to_them_whether_they_work_or_not(began):
    found = explore(emergencies, began, world)

    assert problems(found) == []
    assert found.outcomes >= {Outcome.OUTAGE_REPORTED, Outcome.TRANSFERRED}
    assert not found.outcomes & {Outcome.CALLBACK_ORDERED, Outcome.NO_AGENT}


# A call back after danger


def led(dialog, *answers):
    """The prompts that are said or asked while these answers are given; commands are answered with their first."""
    heard = []
    left = list(answers)
    while dialog.turn is not None:
        turn = dialog.turn
        if isinstance(turn, Ask):
            heard.append(turn.label)
            if not left:
                break
            dialog.answer(Answer(turn.label, turn.asked, NOW, heard=left.pop(0)))
        else:
            if isinstance(turn, Say):
                heard.append(turn.label)
            result = next(iter(world(turn.command).values())) if isinstance(turn, Do) else None
            dialog.answer(Answer(turn.label, turn.asked, NOW, result=result))
    return heard


def test_who_reported_danger_and_reached_nobody_hears_whom_to_call_and_is_called_back_about_it():
    told_before = {"topic": "danger", "account": "1000000018"}
    dialog = Dialog(nobody_free, SHOWN, told_before)

    heard = led(dialog, "1", "1", "2")

    assert heard[0] == "danger_again"
    assert Catalogue.load().compose("uk", "danger_again").whole
    assert dialog.ending is not None
    assert dialog.ending.outcome is Outcome.CALLBACK_ORDERED


def test_what_a_call_back_is_about_is_what_people_would_have_been_told():
    dialog = Dialog(nobody_free, SHOWN, {"topic": "bill", "account": "1000000018"})
    led(dialog, "1")
    dialog.answer(Answer(dialog.turn.label, dialog.turn.asked, NOW, heard="1"))

    command = dialog.turn.command
    assert (command.about, command.account, command.contact) == ("bill", "1000000018", SHOWN.caller)


# Account numbers, if there are any


def test_who_has_no_account_at_hand_says_so_with_one_key():
    assert IF_ANY.parse("1") is None
    assert IF_ANY.progress("1") is Progress.ENOUGH
    assert IF_ANY.progress("10") is Progress.MORE
    assert IF_ANY.parse("1000000005") == "1000000005"
    with pytest.raises(Nomatch):
        IF_ANY.parse("12")


# Days, hours, and what is known


@pytest.mark.parametrize(
    ("hours", "prompt"),
    [(0, "today"), (11, "today"), (12, "tomorrow"), (35, "tomorrow"), (36, "on_day"), (900, "on_day")],
)
def test_a_day_is_named_as_people_at_the_place_see_it(hours, prompt):
    """At 10:00 UTC it is 12:00 in Kyiv, in winter."""
    assert day(NOW + timedelta(hours=hours), NOW).prompt == prompt


def test_an_hour_is_that_of_the_customers_clock():
    assert clock(NOW) == "12:00"
    assert clock(datetime(2026, 7, 1, 10, 5, tzinfo=UTC)) == "13:05"


def test_of_the_supply_only_what_is_known_is_told():
    assert told(OutageNews(), NOW) == ()
    assert [p.prompt for p in told(OutageNews(known=True), NOW)] == ["supply_unknown"]
    news = OutageNews(known=True, planned=True, neighbours=3, expected=NOW + timedelta(hours=2))
    assert [p.prompt for p in told(news, NOW)] == ["supply_planned", "supply_neighbours", "supply_expected"]
    said = Catalogue.load().compose("uk", "outage_known", (("news", told(news, NOW)),))
    assert said.whole
    assert said.text.endswith(
        "Це планові роботи. Про це вже повідомили: три сусіди. Світло має з'явитися сьогодні, до чотирнадцятої."
    )
