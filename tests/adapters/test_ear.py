"""Callers are heard, whatever fails on the way to the recogniser, and nothing of it harms a call or outlives it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from fake_ari import APP, FakeAri, Fault, in_loop, running

from ivr.asterisk.ari import Ari
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.switchboard import Switchboard, SwitchboardSettings
from ivr.ports import (
    Alternative,
    Cause,
    Deaf,
    Gone,
    Heard,
    Key,
    Listening,
    Pause,
    Played,
    Recogniser,
    Utterance,
    Voice,
)
from tests.ears import Hears, Listens, nobody_there

NEVER = 3600.0
YES_NO = Listening("uk", ("так", "ні"))
YES = Utterance((Alternative("так", 0.9),))


class Desk:
    """A controller; the test has its lines."""

    def __init__(self, asterisk: FakeAri, ours: bool = True) -> None:
        self.asterisk = asterisk
        self.lines: list[AsteriskLine] = []
        self.over: dict[str, Cause] = {}
        self.ours = ours
        self.board: Switchboard

    async def on_call(self, line: AsteriskLine, _adopted: bool) -> bool:
        self.lines.append(line)
        if self.ours:
            await self.asterisk.until(lambda: line.over is not None or line.parting is not None, 60)
        return self.ours

    async def on_over(self, call: str, cause: Cause, _at: object) -> None:
        self.over[call] = cause

    async def line(self, number: int = 1) -> AsteriskLine:
        await self.asterisk.until(lambda: len(self.lines) >= number)
        return self.lines[number - 1]

    async def is_clean(self) -> None:
        """Nothing of ours is left."""
        await self.asterisk.until(lambda: not self.board.leaked() and not taps(self.asterisk))


@contextlib.asynccontextmanager
async def desk(
    asterisk: FakeAri, recogniser: Recogniser | None, *, ours: bool = True, **settings: Any
) -> AsyncIterator[Desk]:
    """A controller at work.  Leaving it is a kill."""
    one = Desk(asterisk, ours)
    usual: dict[str, Any] = {"tidy_every": NEVER, "patience": 0.2, "filler": ()}
    async with Ari(asterisk.settings()) as client:
        one.board = Switchboard(
            client, one.on_call, one.on_over, SwitchboardSettings(**(usual | settings)), recogniser
        )
        async with running(one.board.run()):
            await asterisk.until(lambda: one.board.ready)
            yield one


@contextlib.asynccontextmanager
async def listened(**settings: Any) -> AsyncIterator[tuple[FakeAri, Desk, AsteriskLine, Hears]]:
    """A caller who is listened to."""
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser, **settings) as ours:
        await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        await recogniser.ears[0].audio()
        yield asterisk, ours, line, recogniser.ears[0]


def taps(asterisk: FakeAri) -> list[str]:
    return [one.id for one in asterisk.channels.values() if one.snoops_on]


async def hear(line: AsteriskLine) -> Heard:
    return await line.hear(line.now() + 5)


async def hear_nothing(line: AsteriskLine) -> None:
    """Whatever was told is heard before a key that is pressed now."""
    line.key("#")
    assert await hear(line) == Key("#")


def snoops(asterisk: FakeAri) -> Sequence[str]:
    return [request for request in asterisk.requests if "/snoop/" in request]


# --- what is heard ---


@in_loop
async def test_the_first_listening_opens_an_ear_and_no_other_does():
    async with listened() as (asterisk, ours, line, ear):
        await line.listen(None)
        await line.listen(YES_NO)
        assert ear.asked == [YES_NO, None, YES_NO]
        assert (len(snoops(asterisk)), ear.connected, ours.board.counts["taps"]) == (1, 1, 1)
        assert ours.board.in_hand == 1


@in_loop
async def test_nothing_is_opened_for_a_call_that_is_never_listened_to():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        await asterisk.dial()
        line = await ours.line()
        await line.listen(None)
        await line.play(["uk/a"])
        assert (snoops(asterisk), recogniser.ears) == ([], [])


@in_loop
async def test_speech_and_keys_are_heard_in_the_order_in_which_they_came():
    async with listened() as (_, _, line, ear):
        ear.heard(Voice())
        line.key("1")
        ear.heard(Pause("так"))
        assert [await hear(line) for _ in range(3)] == [Voice(), Key("1"), Pause("так")]


@in_loop
async def test_an_utterance_is_heard_once_per_conclude_and_nothing_follows_it_until_the_next_listening():
    async with listened() as (_, _, line, ear):
        ear.heard(YES)
        await line.conclude()
        await line.conclude()
        ear.heard(Voice())
        ear.heard(YES)
        ear.heard(YES)
        ear.heard(Pause("ні"))
        assert await hear(line) == YES
        await hear_nothing(line)
        await line.listen(YES_NO)
        ear.heard(Voice())
        assert await hear(line) == Voice()
        assert ear.asked == [YES_NO, "conclude", YES_NO]


@in_loop
async def test_concluding_what_was_never_listened_for_is_answered_all_the_same():
    async with listened() as (_, _, line, ear):
        await line.listen(None)
        await line.conclude()
        assert await hear(line) == Utterance()
        assert "conclude" not in ear.asked


@in_loop
async def test_an_utterance_that_does_not_come_is_deafness_in_the_end():
    async with listened(utterance=0.02) as (asterisk, ours, line, ear):
        await line.conclude()
        assert isinstance(await hear(line), Deaf)
        ear.heard(YES)
        await hear_nothing(line)
        assert ear.closed
        await ours.is_clean()
        assert asterisk.channels, "the call goes on"


@in_loop
async def test_an_utterance_that_a_key_made_needless_is_neither_heard_nor_missed():
    async with listened(utterance=0.02) as (_, _, line, ear):
        await line.conclude()
        await line.listen(YES_NO)
        ear.heard(YES)
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        assert type(await line.hear(line.now() + 0.05)).__name__ == "Tick"
        await line.conclude()
        ear.heard(Utterance())
        assert await hear(line) == Utterance()


@in_loop
async def test_the_ear_knows_what_the_caller_hears_from_the_first_moment():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        await line.play(["uk/a", "uk/b"])
        await line.listen(YES_NO)
        [ear] = recogniser.ears
        assert ear.asked == [("uk/a", "uk/b"), YES_NO]
        await asterisk.finish(call)
        assert await hear(line) == Played(whole=True)
        assert ear.asked[2:] == [()]
        await line.play(["uk/c"])
        await line.hush()
        assert await hear(line) == Played(whole=False)
        assert ear.asked[3:5] == [("uk/c",), ()]


# --- what fails ---


async def one_deafness_and_a_healthy_call(
    asterisk: FakeAri, ours: Desk, call: str, line: AsteriskLine, lost: bool = True
) -> str:
    """Why the line is deaf; it was said once, and everything else works.  lost: and counted."""
    heard = await hear(line)
    assert isinstance(heard, Deaf) and heard.lost is lost
    await line.listen(YES_NO)
    await line.conclude()
    await line.play(["uk/a"])
    await asterisk.press(call, "1")
    await asterisk.until(lambda: asterisk.channels[call].playing)
    await asterisk.finish(call)
    assert [await hear(line), await hear(line)] == [Key("1"), Played(whole=True)]
    await ours.is_clean()
    assert ours.board.counts["deaf"] == lost
    return heard.why


@in_loop
async def test_without_a_recogniser_keys_do_and_nothing_was_lost(caplog):
    async with FakeAri() as asterisk, desk(asterisk, None) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert "no recogniser" in await one_deafness_and_a_healthy_call(asterisk, ours, call, line, lost=False)
        assert snoops(asterisk) == []
    assert "can't hear" not in caplog.text


@in_loop
async def test_a_recogniser_that_only_starts_has_lost_nothing_and_nobody_is_warned(caplog):
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        recogniser.room, recogniser.languages = False, frozenset()
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert "no language" in await one_deafness_and_a_healthy_call(asterisk, ours, call, line, lost=False)
    assert "can't hear" not in caplog.text


@in_loop
async def test_a_recogniser_without_room_means_keys():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        recogniser.room = False
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert "no room" in await one_deafness_and_a_healthy_call(asterisk, ours, call, line)


@in_loop
async def test_a_recogniser_that_fails_is_logged_and_harms_no_call(monkeypatch, caplog):
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        monkeypatch.setattr(Hears, "listen", lambda *_: 1 / 0)
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert "ZeroDivisionError" in await one_deafness_and_a_healthy_call(asterisk, ours, call, line)
        assert recogniser.ears[0].closed
        assert "the ear failed" in caplog.text


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("POST .*/snoop/", {"status": 500}),
        ("POST .*/snoop/", {"stall": True}),
        ("POST .*/snoop/", {"deaf": True}),
        ("POST .*/subscription", {"status": 500}),
        ("POST .*/continue", {"status": 500}),
        ("POST .*/continue", {"deaf": True}),
    ],
)
@in_loop
async def test_what_asterisk_refuses_or_never_answers_means_keys_and_leaves_nothing(pattern, fault, caplog):
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        await asterisk.until(lambda: any("subscription" in request for request in asterisk.requests))
        asterisk.faults.append(Fault(pattern, **fault))
        with caplog.at_level(logging.WARNING):
            await line.listen(YES_NO)
            await one_deafness_and_a_healthy_call(asterisk, ours, call, line)
        assert recogniser.ears[0].closed
        assert caplog.text.count("can't hear speech") == 1


@in_loop
async def test_a_prompt_does_not_wait_for_an_ear_that_asterisk_is_slow_to_open():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        stalled = Fault("POST .*/snoop/", pause=asyncio.Event())
        asterisk.faults.append(stalled)
        await line.listen(YES_NO)
        await line.play(["uk/a"])
        assert asterisk.channels[call].playing
        assert not recogniser.ears[0].connected
        stalled.go_on()
        await recogniser.ears[0].audio()


@in_loop
async def test_a_recogniser_that_is_not_where_it_says_means_keys():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        recogniser.address = nobody_there()
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert "Asterisk ended" in await one_deafness_and_a_healthy_call(asterisk, ours, call, line)


@pytest.mark.parametrize("host", ["192.0.2.7", "recogniser.example"])
@in_loop
async def test_audio_does_not_leave_this_machine_unless_the_settings_say_so(host):
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        recogniser.address = (host, 9)
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        assert host in await one_deafness_and_a_healthy_call(asterisk, ours, call, line)
        assert snoops(asterisk) == []


@in_loop
async def test_a_connection_that_breaks_is_told_once_by_whoever_is_first():
    async with listened() as (asterisk, ours, line, ear):
        ear.cut()
        ear.heard(Deaf("the worker died"))
        ear.heard(Deaf("the worker died"))
        assert await hear(line) == Deaf("the worker died")
        await asterisk.until(lambda: not taps(asterisk))
        await hear_nothing(line)
        await ours.is_clean()


@in_loop
async def test_a_tap_whose_coming_nobody_told_of_is_sent_on_all_the_same():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser, patience=0.02) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        asterisk.filters[APP].discard("StasisStart")
        await line.listen(YES_NO)
        await recogniser.ears[0].audio()
        assert asterisk.channels[taps(asterisk)[0]].snoops_on == call


@in_loop
async def test_a_tap_that_ended_while_events_were_lost_is_missed_after_the_next_connection():
    async with listened() as (asterisk, ours, line, _):
        connections = asterisk.requests.count(f"GET /applications/{APP}")
        await asterisk.vanish(taps(asterisk)[0])
        await asterisk.drop_sockets()
        await asterisk.until(lambda: asterisk.requests.count(f"GET /applications/{APP}") > connections)
        assert isinstance(await hear(line), Deaf)
        await ours.is_clean()


# --- the end ---


@in_loop
async def test_with_the_call_the_ear_closes_and_the_tap_goes():
    async with listened() as (asterisk, ours, line, ear):
        await asterisk.hang_up(line.began.call)
        assert await hear(line) == Gone(Cause.CALLER)
        await asterisk.until(lambda: line.began.call in ours.over)
        assert (ours.board.leaked(), ear.closed) == ([], True)
        assert not any(request.endswith("-e0") for request in asterisk.requests if request.startswith("DELETE"))


@in_loop
async def test_a_tap_whose_end_nobody_told_of_is_taken_away_before_the_call_is_told_over():
    async with listened(patience=0.02) as (asterisk, ours, line, _):
        [tap] = taps(asterisk)
        asterisk.channels[tap].snoops_on = "another"  # it outlives its caller
        asterisk._streams.pop(tap).cancel()
        await asterisk.hang_up(line.began.call)
        await asterisk.until(lambda: line.began.call in ours.over)
        assert (ours.board.leaked(), taps(asterisk)) == ([], [])


@in_loop
async def test_who_is_handed_over_is_listened_to_no_longer_and_who_comes_back_by_another_tap():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        await line.listen(YES_NO)
        await recogniser.ears[0].audio()
        [before] = taps(asterisk)
        await line.hand_over("agents", "asked", "uk", {})
        assert recogniser.ears[0].closed
        await asterisk.until(lambda: not taps(asterisk))
        await asterisk.offer_again(call)
        again = await ours.line(2)
        await again.listen(YES_NO)
        await recogniser.ears[1].audio()
        assert taps(asterisk) != [before]
        assert await hear(line) == Gone(Cause.US)


@in_loop
async def test_a_call_that_another_controller_has_is_not_listened_to():
    async with FakeAri() as asterisk, Listens() as recogniser:
        async with desk(asterisk, recogniser) as ours:
            await asterisk.dial()
            line = await ours.line()
            await line.listen(YES_NO)
            await recogniser.ears[0].audio()
            await line.let_go()
            assert recogniser.ears[0].closed
            await asterisk.until(lambda: not taps(asterisk))
            await line.listen(YES_NO)
        assert len(recogniser.ears) == 1


@in_loop
async def test_a_call_that_ends_while_its_ear_opens_leaves_nothing():
    async with FakeAri() as asterisk, Listens() as recogniser, desk(asterisk, recogniser) as ours:
        call = await asterisk.dial()
        line = await ours.line()
        asterisk.faults.append(Fault("POST .*/snoop/", pause=(pause := asyncio.Event())))
        await line.listen(YES_NO)
        await asterisk.until(lambda: taps(asterisk))
        await asterisk.hang_up(call)
        pause.set()
        await asterisk.until(lambda: call in ours.over)
        assert (ours.board.leaked(), recogniser.ears[0].closed) == ([], True)
        assert [await hear(line), await hear(line)] == [Gone(Cause.CALLER)] * 2


@in_loop
async def test_an_heir_takes_its_predecessors_tap_away_and_opens_its_own():
    async with FakeAri() as asterisk, Listens() as dead, Listens() as living:
        async with desk(asterisk, dead) as ours:
            call = await asterisk.dial()
            await (await ours.line()).listen(YES_NO)
            await dead.ears[0].audio()
            [before] = taps(asterisk)
            await asterisk.drop_sockets()
            asterisk.refusing = True
            dead.ears[0].closed = True  # a process that was killed closes nothing itself
            dead.ears[0].writer, kept = None, dead.ears[0].writer
        asterisk.refusing = False
        assert taps(asterisk) == [before]
        async with desk(asterisk, living) as heir:
            line = await heir.line()
            assert heir.board.in_hand == 1
            await line.listen(YES_NO)
            await living.ears[0].audio()
            [now] = taps(asterisk)
            assert now != before
            assert asterisk.channels[now].snoops_on == call
            assert await line.hear(line.now()) != Deaf
            await asterisk.hang_up(call)
            await asterisk.until(lambda: call in heir.over)
            assert heir.board.leaked() == []
        assert kept is not None
        kept.close()


@in_loop
async def test_a_tap_of_a_call_that_people_have_by_now_is_reaped_not_adopted():
    async with FakeAri() as asterisk, Listens() as recogniser:
        async with desk(asterisk, recogniser) as ours:
            call = await asterisk.dial()
            await (await ours.line()).listen(YES_NO)
            await recogniser.ears[0].audio()
            asterisk.refusing = True
            recogniser.ears[0].writer = None
        asterisk.refusing = False
        one = asterisk.channels[call]
        one.owner, one.app, one.context = None, "Dial", "agents"
        async with desk(asterisk, recogniser) as heir:
            ears = heir.board._ears  # what it keeps is seen nowhere else
            assert heir.board.in_hand == 0
            assert ears.inherited == {f"{call}-{APP}-e0"}
            await heir.board.tidy(asyncio.get_running_loop().time())
            await heir.is_clean()
            await asterisk.until(lambda: not ears.inherited)
            assert call in asterisk.channels


@in_loop
async def test_when_the_exchange_died_nothing_of_its_taps_is_waited_for():
    async with listened(patience=NEVER) as (_, ours, line, ear):
        ours.board.exchange_died()
        await ours.board.drain()
        assert (ours.over, ours.board.leaked()) == ({line.began.call: Cause.FAULT}, [])
        assert ear.closed
