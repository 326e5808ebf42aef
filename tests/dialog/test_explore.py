"""The explorer finds what no caller must meet, and tells moments apart exactly."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from typing import ClassVar

import pytest

from domain.commands import AskPeople, AskSupply, Command, OrderCallBack, ReportOutage
from domain.model import Began, OutageKind, OutageNews, Outcome, People, Registered
from ivr.dialog import (
    Answer,
    Back,
    Dialog,
    GaveUp,
    Interruption,
    Progress,
    WantsAgent,
    digits,
    goodbye,
    one_of,
    transfer,
    yes_no,
)
from ivr.dialog.exchange import ALONGSIDE
from ivr.dialog.explore import Unbounded, explore
from ivr.dialog.grammar import OneOf
from ivr.dialog.moment import Opaque, freeze, moment
from ivr.dialog.proof import Proof
from ivr.dialog.proof import problems as proved

BEGAN = Began("c1", None, "100", datetime(2026, 5, 1, tzinfo=UTC))
DONE = goodbye(Outcome.READING_TAKEN)


@dataclass(frozen=True)
class Look(Command[int]):
    """Reads something."""


@dataclass(frozen=True)
class Keep(Command[None]):
    """Writes something."""

    writes: ClassVar[bool] = True


def world(command):
    return {"one": 1, "two": 2} if isinstance(command, Look) else {"": None}


async def announced(call):
    await call.say("notice", bargein=False)
    await call.record()


def minding(flow):
    """A flow that takes `*` as it should be taken; what is tested here is something else."""

    @wraps(flow)
    async def minded(call):
        try:
            return await flow(call)
        except Back:
            return transfer("went back")

    return minded


def problems(flow):
    return proved(explore(minding(flow), BEGAN, world))


def test_a_sound_flow_has_no_problems():
    async def sound(call):
        await announced(call)
        for _ in range(3):
            if await call.ask("right", yes_no):
                await call.do(Keep())
                return DONE
        return transfer("no answer was right")

    found = explore(minding(sound), BEGAN, world)

    assert proved(found) == []
    assert {Outcome.READING_TAKEN, Outcome.TRANSFERRED, Outcome.ABANDONED, Outcome.FAILED} == found.outcomes
    assert {"notice", "right", "apology", "gave_up", *ALONGSIDE} == set(found.prompts())


def test_a_dead_end_is_found():
    async def maze(call):
        await announced(call)
        while True:
            await call.ask("left_or_right", one_of("left", "right"))

    found = explore(maze, BEGAN, world)

    assert [i for i, s in enumerate(found.spots) if not s.ending and not s.hung_up] == [
        i for _, i in Proof(found).trapped()
    ]
    assert "dead end: maze at 'left_or_right' after notice record" in proved(found)


def test_a_flow_that_will_not_let_go_of_somebody_who_hung_up_is_a_dead_end():
    async def clingy(call):
        await announced(call)
        while True:
            try:
                await call.ask("more", yes_no)
                return DONE
            except Interruption:
                continue

    assert any(p.startswith("dead end") for p in problems(clingy))


def test_a_flow_that_keeps_people_from_people_is_found():
    async def stubborn(call):
        await announced(call)
        try:
            await call.ask("account", digits(10))
        except Interruption:
            pass
        return DONE

    async def cold(call):
        await announced(call)
        try:
            await call.ask("account", digits(10))
        except GaveUp:
            return goodbye(Outcome.ABANDONED)
        return DONE

    assert problems(stubborn) == ["no way to people: stubborn at 'account' after notice record"]
    assert problems(cold) == ["no way to people: cold at 'account' after notice record"]


def test_giving_up_with_everything_done_is_no_loss():
    async def parting(call):
        await announced(call)
        await call.do(Keep())
        try:
            await call.ask("anything_else", yes_no)
        except GaveUp:
            pass
        return DONE

    assert problems(parting) == []


def test_keeping_something_before_the_notice_is_found():
    async def sneaky(call):
        await call.do(Keep())
        await announced(call)
        return DONE

    assert problems(sneaky) == ["kept before the notice: sneaky at 'Keep()' after nothing"]


def test_asking_for_personal_data_before_the_notice_is_found():
    async def nosy(call):
        await call.ask("account", digits(10))
        await announced(call)
        return DONE

    assert problems(nosy) == ["kept before the notice: nosy at 'account' after nothing"]


def test_a_notice_that_a_key_can_cut_short_is_no_notice():
    async def hasty(call):
        await call.say("notice")
        await call.record()
        return DONE

    assert problems(hasty) == ["kept before the notice: hasty at 'record' after notice"]


class Odd(type(digits(2))):
    def progress(self, keyed):
        return Progress.MORE


def test_an_answer_that_no_keypad_can_give_is_found():
    async def odd(call):
        await announced(call)
        await call.ask("number", Odd(2, 2, 2))
        return DONE

    assert problems(odd) == ["can't be keyed: digits (11) at number"]


def test_a_phrase_that_is_listened_for_and_not_understood_is_found():
    async def odd(call):
        await announced(call)
        await call.ask("choice", OneOf((True,), words=(("uk", "так", "5"),)))
        return DONE

    assert problems(odd) == ["is listened to and not understood: 'так' (uk) at choice"]


def test_what_an_answer_is_said_back_with_is_among_the_prompts():
    async def unsure(call):
        await announced(call)
        await call.ask("choice", one_of("left", "right", named="side"))
        return DONE

    assert {"did_i_hear", "side_left", "side_right"} <= set(explore(unsure, BEGAN, world).prompts())


def test_what_only_a_loop_knows_tells_two_moments_apart():
    """The iterator of a `for` loop is in no variable."""

    async def same_again(call):
        await announced(call)
        for word in ("again", "again", "again"):
            await call.ask(word, yes_no)
        return DONE

    asks = [
        s for s in explore(same_again, BEGAN, world).spots if s.turn and s.turn.label == "again" and not s.hung_up
    ]

    assert len(asks) == 3


def test_a_long_conversation_needs_no_deep_stack():
    async def patient(call):
        await announced(call)
        for _ in range(1200):
            await call.say("again")
        return DONE

    assert explore(patient, BEGAN, lambda _: {}, limit=20_000).longest == 1202


def test_an_endless_variety_of_moments_is_refused():
    async def counting(call):
        n = 0
        while True:
            n += await call.do(Look())

    with pytest.raises(Unbounded, match="more than 50 moments"):
        explore(counting, BEGAN, world, limit=50)


def test_what_cannot_be_compared_is_refused_not_guessed_at():
    async def generating(call):
        numbers = (n for n in range(3))
        await call.say("hello")
        return transfer(str(list(numbers)))

    with pytest.raises(Opaque, match="generator"):
        explore(generating, BEGAN, world)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        ("1", 1),
        ([1], (1,)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (ValueError("a"), ValueError("b")),
        (iter((1, 2)), iter((1, 3))),
        (enumerate((1, 2)), enumerate((1, 2), 1)),
        (range(2), range(3)),
        (Outcome.LOST, "lost"),
    ],
)
def test_different_things_are_told_apart(one, other):
    assert freeze(one) != freeze(other)


def test_an_iterator_that_has_moved_on_is_another():
    ahead = iter((1, 1, 1))
    next(ahead)

    assert freeze(iter((1, 1, 1))) != freeze(ahead)


def test_equal_paths_come_to_equal_moments():
    async def flow(call):
        await call.ask("one", yes_no)
        await call.ask("two", yes_no)
        return DONE

    def after(heard):
        return moment(Dialog.replay(flow, BEGAN, [Answer("one", "one", BEGAN.at, heard=heard)]))

    assert after("1") == after("2")


def test_a_star_that_nobody_minds_is_found():
    async def deaf(call):
        await announced(call)
        await call.ask("right", yes_no)
        return DONE

    assert proved(explore(deaf, BEGAN, world)) == ["nobody minds the star: deaf at 'right' after notice record"]


async def offering(call, then):
    """Somebody asks for people, and none work now."""
    try:
        await call.ask("right", yes_no)
    except (WantsAgent, GaveUp):
        people = await call.do(AskPeople())
        if people.open:
            return transfer("asked for")
        if await then(call):
            await call.do(OrderCallBack("+380440000001", "reading"))
            return goodbye(Outcome.CALLBACK_ORDERED)
        return goodbye(Outcome.NO_AGENT)
    return DONE


def with_people(command):
    match command:
        case AskPeople():
            return {"open": People(True), "closed": People(False)}
        case OrderCallBack():
            return {"": Registered("00000013", date(2026, 5, 1))}
        case _:
            return world(command)


def test_a_call_back_that_is_offered_is_as_good_as_people():
    async def fair(call):
        await announced(call)
        return await offering(call, lambda call: call.ask("call_back", yes_no))

    async def mean(call):
        await announced(call)
        return await offering(call, lambda call: call.do(Look()))

    assert proved(explore(minding(fair), BEGAN, with_people)) == []
    assert proved(explore(minding(mean), BEGAN, with_people)) == [
        "no way to people: mean at 'right' after notice record"
    ]


def test_a_call_is_named_after_the_weightiest_thing_that_was_done():
    async def several(call):
        await announced(call)
        try:
            while await call.ask("more", yes_no):
                if await call.ask("which", yes_no):
                    await call.do(AskSupply("1000000018"))
                else:
                    await call.do(ReportOutage(OutageKind.NO_SUPPLY))
        except (GaveUp, Back):
            pass
        return goodbye(Outcome.ABANDONED)

    found = explore(several, BEGAN, lambda command: {"": OutageNews()})

    assert found.outcomes == {
        Outcome.ABANDONED, Outcome.INFORMED, Outcome.OUTAGE_REPORTED, Outcome.TRANSFERRED, Outcome.FAILED
    }  # fmt: skip
    assert len(found.spots) < 30, "what was done must not multiply the moments"
