"""Calls that are sent to people, and calls that people give back because nobody is free."""

import asyncio
import json
from dataclasses import replace

import pytest

from domain.calls import AlreadyAnswered
from domain.commands import OrderCallBack, RememberLanguage, SubmitReading
from domain.model import Language, Outcome, Zone
from domain.store import StoreFault
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


def test_what_a_caller_keyed_before_the_flow_was_changed_is_not_in_the_log(hotline, caplog):
    async def changed(call):
        await call.speak("ru")
        await call.say("notice", bargein=False)
        await call.record()
        await call.ask("account", digits(9))

    house, line = sent(hotline)
    line.forget_prompt()
    line.give_back()

    hotline.hold(line, house=replace(house, flow=changed))

    assert "can't be followed any more" in caplog.text
    assert "1000000083" not in caplog.text


class OutOfOrder(Journal):
    """Of a store that is out of order."""

    async def open(self, began, at):
        raise StoreFault("out of order")


@pytest.mark.parametrize("killed_at", range(5))
def test_a_return_that_could_not_be_written_down_is_not_made_up_for_by_beginning_anew(hotline, killed_at):
    house, line = sent(hotline)
    line.forget_prompt()
    line.give_back()
    hotline.hold(line, house=replace(house, journal=OutOfOrder(hotline.store, "controller")))
    line.forget_prompt()
    assert line.give_back(), "the caller was sent to people once more, and nobody answered once more"
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(house, watchers=(Cuts(killed_at),)))
    line.forget_prompt()

    assert hotline.hold(line, house=house, adopted=True).outcome is Outcome.NO_AGENT
    assert [e.label for e in hotline.journal(line)].count("returned") == 1


def test_a_call_in_its_second_conversation_stays_with_who_conducts_it(hotline):
    """Though it was given back twice, and the first time could not be written down."""
    house, line = sent(hotline)
    line.began = replace(line.began, returned=2)
    other = Journal(hotline.store, "another")

    asyncio.run(house.journal.open(line.began, line.date()))

    with pytest.raises(AlreadyAnswered):
        asyncio.run(other.open(line.began, line.date()))


class CutsAtTheEnd(Cuts):
    """Cuts the power when the outcome has been written."""

    def __init__(self):
        super().__init__(0)

    def nothing(self, *_):
        pass

    began = said = keyed = answered = left = nothing


async def asks_and_notes(call):
    """Doesn't ask for what was known before."""
    if "contact" not in call.told:
        call.about(contact=await call.ask("contact", digits(10)))
    return goodbye(Outcome.NO_AGENT, "goodbye")


def test_what_the_second_conversation_noted_is_not_taken_for_what_the_first_one_knew(hotline):
    """Power is cut between its end and its farewell."""
    house, line = sent(hotline, {**READS_ACCOUNT, "contact": "0440000001"})
    house = replace(house, returned=asks_and_notes)
    line.forget_prompt()
    line.give_back()
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(house, watchers=(CutsAtTheEnd(),)))
    assert hotline.record(line).outcome is Outcome.NO_AGENT
    line.forget_prompt()

    assert hotline.hold(line, house=house, adopted=True).outcome is Outcome.NO_AGENT
    assert line.to is None, "not to people: nothing has diverged"


def test_the_log_does_not_say_why_a_second_outcome_was_refused_since_that_may_be_the_callers_words(hotline, caplog):
    _, line = sent(hotline)

    async def changed(call):
        await call.speak("ru")
        await call.say("notice", bargein=False)
        await call.record()
        await call.ask("account", digits(9))

    hotline.hold(line, house=replace(hotline.house, flow=changed), adopted=True)

    assert "refused to make that diverged" in caplog.text
    assert "1000000083" not in caplog.text


def test_people_are_told_also_when_a_fault_of_ours_brings_them_the_call(hotline):
    async def breaks(call):
        call.about(topic="reading", account=await call.ask("account", digits(10)))
        raise RuntimeError("a fault of ours")

    line = hotline.line(Reacts(READS_ACCOUNT))
    hotline.hold(line, house=replace(hotline.house, flow=breaks))

    assert line.told == {"topic": "reading", "account": "1000000083", "said": "account=1000000083"}


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
