"""Calls that are sent to people, and calls that people give back because nobody is free."""

import json
from dataclasses import replace

import pytest

from domain.commands import OrderCallBack, RememberLanguage, SubmitReading
from domain.model import Language, Outcome, Zone
from ivr.dialog import digits, goodbye, transfer, yes_no
from ivr.journal import Journal
from tests.session.conftest import Reacts
from tests.session.test_session import Cuts, PowerCut


async def wants_people(call):
    """Notes what it is about, does something, and sends the caller to people."""
    await call.speak("ru")
    await call.say("notice", bargein=False)
    await call.record()
    number = await call.ask("account", digits(10))
    call.about(topic="reading", account=number)
    await call.do(RememberLanguage("+380440000001", Language.RU))
    return transfer("asked for")


async def nobody_free(call):
    assert call.told["account"] == "1000000083"
    if await call.ask("receipt_again", yes_no):
        await call.do(OrderCallBack("+380440000001", call.told["topic"], call.told["account"]))
    return goodbye(Outcome.NO_AGENT)


READS_ACCOUNT = {"account": "1000000083", "receipt_again": "2"}


def sent(hotline, answers=READS_ACCOUNT):
    """A hotline whose callers want people, and the line of one of them, who is with people now."""
    house = replace(hotline.house, flow=wants_people, returned=nobody_free)
    line = hotline.line(Reacts(answers))
    hotline.hold(line, house=house)
    return house, line


def test_people_are_told_what_a_call_is_about_and_what_was_said(hotline):
    _, line = sent(hotline)

    assert line.told == {"topic": "reading", "account": "1000000083", "said": "account=1000000083"}
    record = hotline.record(line)
    assert (record.outcome, json.loads(record.context)) == (Outcome.TRANSFERRED, line.told)


def test_a_call_that_people_did_not_answer_goes_on_in_its_language_with_what_is_known(hotline):
    house, line = sent(hotline)
    line.forget_prompt()
    before = len(line.said)

    assert line.give_back()
    ending = hotline.hold(line, house=house)

    assert ending.outcome is Outcome.NO_AGENT
    assert {s.clip.split("/")[0] for s in line.said[before:] if not s.clip.startswith("pause")} == {"ru"}
    assert hotline.record(line).outcome is Outcome.NO_AGENT
    labels = [entry.label for entry in hotline.journal(line)]
    assert labels == ["speak", "notice", "record", "account", "RememberLanguage", "returned", "receipt_again"]


@pytest.mark.parametrize("killed_at", range(5))
def test_a_controller_that_dies_after_people_gave_the_call_back_is_not_noticed(hotline, killed_at):
    house, line = sent(hotline)
    line.forget_prompt()
    line.give_back()
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(house, watchers=(Cuts(killed_at),)))
    line.forget_prompt()

    ending = hotline.hold(line, house=house, adopted=True)

    assert ending.outcome is Outcome.NO_AGENT
    assert [e.label for e in hotline.journal(line)].count("returned") == 1


def test_a_call_that_came_back_after_an_earlier_flow_was_changed_still_goes_on(hotline):
    async def changed(call):
        await call.ask("something_new", yes_no)
        return goodbye(Outcome.INFORMED)

    house, line = sent(hotline)
    line.forget_prompt()
    line.give_back()

    assert hotline.hold(line, house=replace(house, flow=changed)).outcome is Outcome.NO_AGENT


def test_another_controller_may_take_what_people_gave_back(hotline):
    house, line = sent(hotline)
    line.forget_prompt()
    line.give_back()
    other = replace(house, journal=Journal(hotline.store, "another"))

    assert hotline.hold(line, house=other).outcome is Outcome.NO_AGENT
    assert hotline.record(line).driver == "another"


def test_what_was_done_before_people_had_the_call_still_names_it(hotline):
    async def reads_first(call):
        await call.say("notice", bargein=False)
        await call.record()
        await call.do(SubmitReading("1000000083", "0100008", Zone.SINGLE, 104700))
        return transfer("asked for")

    async def nobody(call):
        await call.say("goodbye")
        return goodbye(Outcome.NO_AGENT)

    house = replace(hotline.house, flow=reads_first, returned=nobody)
    line = hotline.line(Reacts({}))
    hotline.hold(line, house=house)
    assert hotline.record(line).outcome is Outcome.TRANSFERRED
    line.give_back()

    assert hotline.hold(line, house=house).outcome is Outcome.READING_TAKEN


def test_a_number_leads_to_its_own_conversation(hotline):
    async def other(call):
        await call.say("goodbye")
        return goodbye(Outcome.INFORMED)

    line = hotline.line(Reacts({}))
    line.began = replace(line.began, dialled="105")

    assert hotline.hold(line, house=replace(hotline.house, numbers={"105": other})).outcome is Outcome.INFORMED
