"""Parts of a conversation are explored once, and what is proved with them is what is proved without them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from domain.commands import Command
from domain.model import Began, Outcome
from ivr.dialog import (
    Answer,
    Back,
    Call,
    Dialog,
    GaveUp,
    HungUp,
    Interruption,
    Trouble,
    WantsAgent,
    goodbye,
    one_of,
    transfer,
    yes_no,
)
from ivr.dialog.explore import Unbounded, explore
from ivr.dialog.moment import Opaque
from ivr.dialog.proof import problems

BEGAN = Began("c1", None, "100", datetime(2026, 5, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Put(Command[None]):
    """Writes something."""

    writes: ClassVar[bool] = True

    @property
    def achieves(self):
        return Outcome.READING_TAKEN


def world(_):
    return {"": None}


async def confirmed(call, what):
    """A part: asks, keeps, and says whether it did."""
    if not await call.ask("right", yes_no, what=what):
        return False
    await call.do(Put())
    return True


async def inlined(call, part, *args):
    return await part(call, *args)


async def held(call, part, *args):
    return await call.hold(part, *args)


def menu(way):
    """A conversation of two matters, its parts handed out or not."""

    async def conversation(call):
        await call.say("notice", bargein=False)
        await call.record()
        try:
            while True:
                try:
                    which = await call.ask("menu", one_of("a", "b", "end"))
                    if which == "end":
                        return goodbye(Outcome.INFORMED, "goodbye")
                    if await way(call, confirmed, which):
                        await call.say("thanks")
                except Back:
                    await call.say("again")
        except (WantsAgent, GaveUp):
            return transfer("asked for")

    return conversation


@pytest.fixture(scope="module")
def both():
    return explore(menu(inlined), BEGAN, world), explore(menu(held), BEGAN, world)


def test_the_same_is_proved_with_parts_and_without(both):
    whole, parted = both

    assert problems(whole) == problems(parted) == []
    assert whole.outcomes == parted.outcomes
    assert whole.prompts() == parted.prompts()


def test_a_part_is_gone_through_once_for_each_set_of_arguments(both):
    _, parted = both

    assert [one.flow for one in parted.maps()].count("confirmed") == 2
    assert parted.moments == sum(len(one.spots) for one in parted.maps())


def test_a_conversation_with_parts_is_replayed_as_any_other():
    heard = {"menu": "1", "right": "1"}
    dialog, journal = Dialog(menu(held), BEGAN), []
    for _ in range(8):
        turn = dialog.turn
        answer = Answer(turn.label, turn.asked, BEGAN.at, heard=heard.get(turn.label))
        journal.append(answer)
        dialog.answer(answer)

    again = Dialog.replay(menu(held), BEGAN, journal)

    assert again.turn == dialog.turn
    assert again.achieved is Outcome.READING_TAKEN


async def trap(call, really):
    while really:
        await call.ask("for_ever", yes_no)


async def rude(call):
    """Keeps people from people."""
    try:
        await call.ask("rude", yes_no)
    except (WantsAgent, GaveUp):
        pass


async def greedy(call):
    await call.ask("greedy", yes_no)


async def swallowing(call):
    try:
        await call.ask("swallowing", yes_no)
    except HungUp:
        return "gone"
    return "there"


async def begun(call: Call):
    await call.say("notice", bargein=False)
    await call.record()


async def with_trap(call):
    await begun(call)
    try:
        if await call.ask("which", yes_no):
            await call.hold(trap, False)
        else:
            await call.hold(trap, True)
    except Back:
        pass
    return goodbye(Outcome.INFORMED)


async def with_rude(call):
    await begun(call)
    try:
        await call.hold(rude)
    except Back:
        pass
    return goodbye(Outcome.INFORMED)


async def hasty(call):
    await call.hold(greedy)
    await begun(call)
    return goodbye(Outcome.INFORMED)


async def asking_at_two_places(call):
    """After the first place people are reached, after the second they aren't."""
    await begun(call)
    try:
        await call.hold(greedy)
    except (WantsAgent, GaveUp, Back):
        return transfer("asked for")
    try:
        await call.hold(greedy)
    except (WantsAgent, GaveUp, Back):
        pass
    return goodbye(Outcome.ABANDONED)


async def gone_within(call):
    await begun(call)
    try:
        if await call.hold(swallowing) == "gone":
            await call.do(Put())
    except Back:
        pass
    return goodbye(Outcome.ABANDONED)


@pytest.mark.parametrize(
    ("flow", "complaint"),
    [
        (with_trap, "dead end: with_trap, trap at 'for_ever'"),
        (with_rude, "no way to people: with_rude, rude at 'rude'"),
        (hasty, "kept before the notice: hasty, greedy at 'greedy'"),
        (asking_at_two_places, "no way to people: asking_at_two_places, greedy at 'greedy'"),
    ],
)
def test_what_is_wrong_within_a_part_is_found(flow, complaint):
    assert any(problem.startswith(complaint) for problem in problems(explore(flow, BEGAN, world)))


def test_who_hung_up_within_a_part_is_gone_after_it():
    found = explore(gone_within, BEGAN, world)

    kept = [spot for spot in found.spots if spot.turn and spot.turn.label == "Put"]
    assert [spot.hung_up for spot in kept] == [True]
    assert Outcome.READING_TAKEN in found.outcomes


def test_a_star_that_nobody_minds_is_found_though_it_was_pressed_within_a_part():
    async def deaf(call):
        await begun(call)
        await call.hold(greedy)
        return goodbye(Outcome.INFORMED)

    assert any(problem.startswith("nobody minds the star") for problem in problems(explore(deaf, BEGAN, world)))


def test_a_conversation_that_goes_on_after_the_notice_need_not_repeat_it():
    async def later(call):
        if await call.ask("right", yes_no):
            await call.do(Put())
        return transfer("asked for")

    found = explore(later, BEGAN, world)

    assert [p for p in problems(found) if p.startswith("kept")]
    assert not [p for p in problems(found, announced=True) if p.startswith("kept")]


# What a part and its holder may know of each other


class Found(Interruption):
    """Says what it found in words of its own, not in its arguments."""

    name = "found"

    def __init__(self, really):
        super().__init__()
        self.really = really

    def __reduce__(self):
        return Found, (self.really,)


async def raising(call):
    raise Found(await call.ask("q", yes_no))


async def appending(call, found):
    found.append(await call.ask("q", yes_no))


async def listing(call):
    return [await call.ask("q", yes_no)]


def either(really):
    async def part(call, really=really):
        await trap(call, really)

    return part


HARMLESS, TRAP = either(False), either(True)


async def again(call):
    if await call.ask("q", yes_no):
        await call.hold(again)


async def deeper(call, depth):
    if await call.ask("q", yes_no):
        await call.hold(deeper, depth + 1)


def holding(*parts):
    """A conversation that holds these parts, one after another, and falls into a trap if one of them finds it."""

    async def conversation(call):
        await begun(call)
        try:
            for part in parts:
                await call.hold(*part)
        except Found as found:
            await trap(call, found.really)
        except (WantsAgent, GaveUp, Back):
            return transfer("asked for")
        return goodbye(Outcome.INFORMED)

    return conversation


def test_two_exits_by_one_exception_that_says_different_things_are_two():
    assert any(p.startswith("dead end") for p in problems(explore(holding((raising,)), BEGAN, world)))


def test_two_parts_of_one_name_are_two():
    assert any(p.startswith("dead end") for p in problems(explore(holding((HARMLESS,), (TRAP,)), BEGAN, world)))


@pytest.mark.parametrize("part", [(appending, []), (listing,)], ids=["given", "left with"])
def test_what_can_be_changed_does_not_pass_between_a_part_and_its_holder(part):
    with pytest.raises(Opaque, match="can be changed"):
        explore(holding(part), BEGAN, world)


@pytest.mark.parametrize("part", [(again,), (deeper, 0)], ids=["the same", "ever another"])
def test_a_part_that_holds_itself_is_said_to(part):
    with pytest.raises(Unbounded, match="is held within itself"):
        explore(holding(part), BEGAN, world)


# What was taken for proved


async def restless(call):
    """Works on for ever, unless the business can't."""
    while True:
        await call.do(Put())


@pytest.mark.parametrize("way", [inlined, held])
def test_who_hung_up_is_let_go_of_and_not_only_when_the_business_fails(way):
    async def endless(call):
        await begun(call)
        try:
            await call.ask("q", yes_no)
        except HungUp:
            await way(call, restless)
        except (WantsAgent, GaveUp, Back):
            return transfer("asked for")
        return goodbye(Outcome.INFORMED)

    assert any(p.startswith("dead end") for p in problems(explore(endless, BEGAN, world)))


def test_a_star_that_nobody_minds_is_found_behind_what_is_said_about_it():
    async def sorry(call):
        await begun(call)
        try:
            await call.ask("q", yes_no)
        except Back:
            await call.say("sorry")
            raise
        return goodbye(Outcome.INFORMED)

    assert any(p.startswith("nobody minds the star") for p in problems(explore(sorry, BEGAN, world)))


@pytest.mark.parametrize("wish", [WantsAgent, GaveUp])
@pytest.mark.parametrize("way", [inlined, held])
def test_people_are_reached_also_when_the_business_fails(way, wish):
    async def fair(call):
        await begun(call)
        try:
            await way(call, greedy)
        except wish:
            try:
                await call.do(Put())
            except Trouble:
                return goodbye(Outcome.ABANDONED)
            return transfer("asked for")
        except (WantsAgent, GaveUp, Back):
            return transfer("asked for")
        return goodbye(Outcome.INFORMED)

    assert any(p.startswith("no way to people") for p in problems(explore(fair, BEGAN, world)))
