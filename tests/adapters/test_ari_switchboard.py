"""Calls are taken, adopted, watched and accounted for, whatever is lost on the way."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fake_ari import APP, FakeAri, FakeChannel, Fault, in_loop, running

from ivr.asterisk.ari import ApplicationTaken, Ari, AriUnreachable
from ivr.asterisk.events import StasisStart, channel
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.switchboard import Switchboard, SwitchboardSettings
from ivr.ports import Cause, Gone, Heard, Key, NotOurs, Played, Tick

NEVER = 3600.0


class Hotline:
    """Conducts calls by a script of the test, and remembers what came of them."""

    def __init__(self, script: Callable[[AsteriskLine], Awaitable[bool | None]] | None = None) -> None:
        self.lines: list[AsteriskLine] = []
        self.adopted: list[AsteriskLine] = []
        self.heard: list[Heard] = []
        self.over: list[tuple[str, Cause, datetime]] = []
        self.settled = asyncio.Event()
        self.settled.set()
        self._script = script or self.listen

    async def listen(self, line: AsteriskLine) -> None:
        """Hear everything until the caller is gone."""
        while not isinstance(what := await line.hear(None), Gone):
            self.heard.append(what)
        self.heard.append(what)

    async def on_call(self, line: AsteriskLine, adopted: bool) -> bool:
        self.lines.append(line)
        if adopted:
            self.adopted.append(line)
        return await self._script(line) is not False

    async def on_over(self, call: str, cause: Cause, at: datetime) -> None:
        self.over.append((call, cause, at))
        await self.settled.wait()

    @property
    def causes(self) -> dict[str, Cause]:
        return {call: cause for call, cause, _ in self.over}


@contextlib.asynccontextmanager
async def controller(
    asterisk: FakeAri, hotline: Hotline, ari: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Switchboard]:
    """A controller at work.  Leaving it is a kill: its calls stay on Asterisk."""
    usual: dict[str, Any] = {"tidy_every": NEVER, "patience": 0.2, "filler": ()}
    async with Ari(asterisk.settings(**(ari or {}))) as client:
        board = Switchboard(client, hotline.on_call, hotline.on_over, SwitchboardSettings(**(usual | settings)))
        async with running(board.run()):
            await asterisk.until(lambda: board.ready)
            yield board


def later() -> float:
    """A time at which everything is overdue."""
    return asyncio.get_running_loop().time() + NEVER


# --- new calls ---


@in_loop
async def test_a_call_is_taken_keys_are_heard_once_each_and_its_end_is_told():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial("0671234567", "0800505050")
        await asterisk.until(lambda: hotline.lines)
        began = hotline.lines[0].began
        assert (began.call, began.caller, began.dialled) == (call, "+380671234567", "0800505050")
        await asterisk.press(call, "12#")
        await asterisk.until(lambda: APP in asterisk.channels[call].watchers)
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.over)
        assert hotline.heard == [Key("1"), Key("2"), Key("#"), Gone(Cause.CALLER)]
        assert hotline.over == [(call, Cause.CALLER, datetime(2026, 11, 21, 19, 26, 18, 710000, UTC))]
        assert not board.leaked()
        assert board.in_hand == 0


@in_loop
async def test_no_more_calls_are_claimed_than_there_is_room_for_and_the_next_after_one_left():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, capacity=2) as board:
        calls = [await asterisk.dial() for _ in range(3)]
        await asterisk.until(lambda: len(hotline.lines) == 2 and board.counts["refused"] == 1)
        assert asterisk.channels[calls[2]].owner is None
        await asterisk.hang_up(calls[0])
        await asterisk.until(lambda: board.in_hand == 1)
        await asterisk.dial()
        await asterisk.until(lambda: len(hotline.lines) == 3)


@in_loop
async def test_draining_lets_calls_end_and_takes_no_new_ones():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        draining = asyncio.create_task(board.drain())
        await asterisk.until(lambda: board.draining)
        assert not board.ready
        refused = await asterisk.dial()
        await asterisk.until(lambda: board.counts["refused"] == 1)
        assert asterisk.channels[refused].owner is None
        assert not draining.done()
        await asterisk.hang_up(call)
        await draining


@in_loop
async def test_of_two_controllers_one_gets_the_call_and_the_other_forgets_it():
    one, two = Hotline(), Hotline()
    async with (
        FakeAri() as asterisk,
        controller(asterisk, one) as first,
        controller(asterisk, two, {"application": "ivr-two"}) as second,
    ):
        for _ in range(10):
            await asterisk.dial()
        await asterisk.until(lambda: len(one.lines) + len(two.lines) == 10)
        await asterisk.until(lambda: first.in_hand == len(one.lines) and second.in_hand == len(two.lines))
        assert first.counts["lost"] + second.counts["lost"] == 10


@in_loop
async def test_a_claim_whose_answer_is_lost_still_makes_a_call():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        asterisk.faults.append(Fault("POST /events/claim", deaf=True))
        await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        assert board.in_hand == 1


@in_loop
async def test_a_claim_that_came_to_nothing_is_cleared_away():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        asterisk.faults.append(Fault("POST /events/claim", stall=True))
        call = await asterisk.dial()
        await asterisk.until(lambda: board.in_hand == 1)
        await board.tidy(later())
        assert board.in_hand == 1, "still on offer: somebody may have it yet"
        assert board.counts["taken"] == 0, "and not ours"
        asterisk.channels[call].app = "Playback"  # the dialplan went on
        await board.tidy(later())
        assert board.in_hand == 0
        assert not hotline.over, "it was never ours"


@in_loop
async def test_a_start_that_was_lost_with_the_connection_is_found():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        asterisk.filters[APP] = {"CallBroadcast"}  # StasisStart gets lost
        await asterisk.dial()
        await asterisk.until(lambda: any("claim" in request for request in asterisk.requests))
        await asterisk.drop_sockets()
        await asterisk.until(lambda: hotline.lines)
        assert not hotline.adopted, "nobody has spoken with this caller yet"


# --- what becomes of a conversation ---


@in_loop
async def test_a_conversation_that_fails_brings_the_caller_to_people(caplog):
    async def fail(line: AsteriskLine) -> None:
        await line.play(["uk/account"])
        raise LookupError("no such meter")

    hotline = Hotline(fail)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: call in asterisk.channels and asterisk.channels[call].app == "Playback")
        one = asterisk.channels[call]
        assert (one.context, one.exten) == ("call", "s"), "after the application that gave it to us: the apology"
        assert one.variables == {"IVR_BECAUSE": "the conversation failed", "IVR_LANGUAGE": "uk"}
        assert "no such meter" in caplog.text
        assert board.counts["rescued"] == 1
        await asterisk.until(lambda: board.in_hand == 0)


@in_loop
async def test_a_conversation_that_just_stops_does_not_leave_the_caller_in_silence():
    async def stop(line: AsteriskLine) -> None:
        return

    async with FakeAri() as asterisk, controller(asterisk, Hotline(stop)) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[call].app == "Playback")
        assert board.counts["rescued"] == 1
        assert not board.leaked()


@in_loop
async def test_a_caller_sent_to_people_is_watched_to_the_end():
    async def hand_over(line: AsteriskLine) -> None:
        await line.hand_over("agents", "asked for them", "en", {})
        assert await line.hear(None) == Gone(Cause.US)

    hotline = Hotline(hand_over)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[call].context == "agents" and board.in_hand == 0)
        assert asterisk.channels[call].variables == {"IVR_BECAUSE": "asked for them", "IVR_LANGUAGE": "en"}
        await asterisk.until(lambda: APP in asterisk.channels[call].watchers)
        assert not hotline.over
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.causes == {call: Cause.CALLER})
        assert board.counts["rescued"] == 0


@in_loop
async def test_the_end_of_a_call_is_told_after_its_conversation_has_ended():
    slow = asyncio.Event()

    async def write_slowly(line: AsteriskLine) -> None:
        await line.hear(None)
        await slow.wait()

    hotline = Hotline(write_slowly)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines and APP in asterisk.channels[call].watchers)
        await asterisk.hang_up(call)
        await asterisk.until(lambda: board.in_hand == 0)
        assert not hotline.over
        slow.set()
        await asterisk.until(lambda: hotline.causes == {call: Cause.CALLER})


@in_loop
async def test_the_longest_duration_ends_our_part_and_is_called_by_its_name():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await asterisk.time_over(call)
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.TIME_OVER)])
        assert board.counts["rescued"] == 0
        await asterisk.end_softly(call, 16)
        await asterisk.until(lambda: hotline.causes == {call: Cause.TIME_OVER})


@in_loop
async def test_a_network_that_falls_silent_is_a_fault_and_no_choice_of_ours():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines and APP in asterisk.channels[call].watchers)
        await asterisk.end_softly(call, 44)
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.FAULT)])


@in_loop
async def test_a_hang_up_of_ours_that_asterisk_does_not_answer_is_repeated():
    async def hang_up(line: AsteriskLine) -> None:
        await line.hang_up()

    hotline = Hotline(hang_up)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        asterisk.faults.append(Fault("DELETE /channels", status=503))
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines and hotline.lines[0].parting)
        await board.tidy(later())
        await asterisk.until(lambda: hotline.causes == {call: Cause.US})


@in_loop
async def test_a_call_that_ended_before_it_could_be_watched_is_over_all_the_same():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        asterisk.faults.append(Fault("POST /applications/.*/subscription", status=422))
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.causes == {call: Cause.CALLER})


@in_loop
async def test_a_call_that_could_not_be_watched_at_first_is_watched_later():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        asterisk.faults.append(Fault("POST /applications/.*/subscription", status=500))
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines and not asterisk.faults[0].times)
        await board.tidy(later())
        assert APP in asterisk.channels[call].watchers


# --- calls that people give back ---


async def to_people(line: AsteriskLine) -> None:
    """Sends the caller to people, and listens to who comes back from them."""
    if line.began.returned:
        await Hotline().listen(line)
    else:
        await line.hand_over("agents", "asked for them", "en", {})


async def with_people(asterisk: FakeAri) -> str:
    """Somebody calls, and people have the call now."""
    call = await asterisk.dial()
    await asterisk.until(lambda: APP in asterisk.channels[call].watchers)
    await asterisk.until(lambda: asterisk.channels[call].context == "agents")
    return call


@in_loop
async def test_a_call_that_people_gave_back_is_conducted_again_and_its_end_told_once():
    hotline = Hotline(to_people)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await with_people(asterisk)
        await asterisk.offer_again(call)
        await asterisk.until(lambda: len(hotline.lines) == 2)
        assert [line.began.returned for line in hotline.lines] == [0, 1]
        assert not hotline.adopted
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.over)
        assert [one for one, _, _ in hotline.over] == [call]
        assert (board.in_hand, board.leaked()) == (0, [])


@in_loop
async def test_an_offer_that_overtakes_the_end_of_our_part_is_taken_even_when_there_is_room_for_one_call_only():
    """As it happens on a real Asterisk, while the first conversation isn't through with its hand-over."""

    async def script(line: AsteriskLine) -> None:
        await (hotline.listen(line) if line.began.returned else to_people(line))

    hotline = Hotline(script)
    async with FakeAri() as asterisk, controller(asterisk, hotline, capacity=1) as board:
        asterisk.filters[APP] -= {"StasisEnd"}
        handed_over = asyncio.Event()
        asterisk.faults.append(Fault("POST /channels/.*/continue", pause=handed_over))
        call = await with_people(asterisk)
        asterisk.filters[APP] |= {"StasisEnd"}
        await asterisk.offer_again(call)
        await asterisk.tell(APP, "StasisEnd", channel=asterisk.channels[call].json())
        await asterisk.until(lambda: len(hotline.lines) == 2)
        assert hotline.lines[0].over is Cause.US
        await asterisk.press(call, "5")
        await asterisk.until(lambda: hotline.heard == [Key("5")])
        handed_over.set()
        await asterisk.press(call, "6")
        await asterisk.until(lambda: hotline.heard == [Key("5"), Key("6")])
        assert (board.in_hand, board.counts["refused"], board.counts["rescued"]) == (1, 0, 0)
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.over)
        assert [one for one, _, _ in hotline.over] == [call]
        assert board.in_hand == 0


@in_loop
async def test_an_offer_is_taken_though_the_claim_before_it_was_never_answered():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        asterisk.faults.append(Fault("POST /events/claim", stall=True))
        call = await asterisk.dial()
        await asterisk.until(lambda: "POST /events/claim" in asterisk.requests)
        await asterisk.offer_again(call)
        await asterisk.until(lambda: hotline.lines)
        assert hotline.lines[0].began.returned == 1
        assert (board.in_hand, board.counts["taken"]) == (1, 1)


@in_loop
async def test_a_call_that_was_anothers_is_ours_to_claim_once_people_gave_it_back():
    async def anothers(line: AsteriskLine) -> bool:
        if line.began.returned:
            await hotline.listen(line)
            return True
        return False

    hotline = Hotline(anothers)
    async with FakeAri() as asterisk:
        call = await asterisk.dial()
        asterisk.channels[call].owner = "ivr-two"
        asterisk.channels[call].watchers.add(APP)
        async with controller(asterisk, hotline) as board:
            await asterisk.until(lambda: board.counts["another's"])
            asterisk.channels[call].owner = None
            await asterisk.offer_again(call)
            await asterisk.until(lambda: len(hotline.lines) == 2)
            assert asterisk.channels[call].owner == APP


@in_loop
async def test_of_a_call_that_another_takes_from_people_each_is_told_the_end_once():
    one, two = Hotline(to_people), Hotline()
    async with FakeAri() as asterisk, controller(asterisk, one) as first:
        call = await with_people(asterisk)
        async with controller(asterisk, two, {"application": "ivr-two"}) as second:
            asterisk.faults.append(Fault(f"POST /events/claim.*{APP}", status=409))
            await asterisk.offer_again(call)
            await asterisk.until(lambda: two.lines)
            assert first.in_hand == 0
            await asterisk.until(lambda: "ivr-two" in asterisk.channels[call].watchers)
            await asterisk.hang_up(call)
            await asterisk.until(lambda: one.over and two.over)
            assert [len(one.over), len(two.over), len(one.lines)] == [1, 1, 1]
            assert second.in_hand == 0


@in_loop
async def test_a_call_on_offer_again_is_claimed_by_a_controller_that_comes_back_and_not_conducted_unclaimed():
    before, after = Hotline(to_people), Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, before):
            call = await with_people(asterisk)
        await asterisk.offer_again(call)
        async with controller(asterisk, after) as board:
            await asterisk.until(lambda: after.lines)
            assert asterisk.channels[call].owner == APP
            assert board.counts["claimed"] == 1
            assert not after.adopted
            await asterisk.press(call, "5")
            await asterisk.until(lambda: after.heard == [Key("5")])


@in_loop
async def test_a_call_in_its_second_conversation_is_adopted_like_any_other():
    before, after = Hotline(to_people), Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, before):
            call = await with_people(asterisk)
            await asterisk.offer_again(call)
            await asterisk.until(lambda: len(before.lines) == 2)
        async with controller(asterisk, after):
            await asterisk.until(lambda: after.adopted)
            assert after.adopted[0].began.returned == 1
            await asterisk.press(call, "5")
            await asterisk.until(lambda: after.heard == [Key("5")])


@in_loop
async def test_a_call_that_people_gave_back_to_another_is_not_sent_to_people_again_by_the_first():
    """Who was cut off all the time, and does not know that the hand-over was done."""
    now = asyncio.Event()

    async def hand_over(line: AsteriskLine) -> None:
        await now.wait()
        await line.hand_over("agents", "asked for them", "en", {})

    hotline = Hotline(hand_over)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        asterisk.refusing = True
        await asterisk.drop_sockets()
        now.set()
        await asterisk.until(lambda: hotline.lines[0].parting)
        await asterisk.offer_again(call)
        asterisk.channels[call].owner = "ivr-two"
        asterisk.refusing = False
        await asterisk.until(lambda: board.ready and board.in_hand == 0)
        await board.tidy(later())
        assert asterisk.channels[call].owner == "ivr-two"


# --- connections that break, controllers that die ---


@in_loop
async def test_calls_of_a_controller_that_died_are_adopted_and_its_prompt_is_silenced_first():
    before, after = Hotline(), Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, before):
            call = await asterisk.dial()
            await asterisk.until(lambda: before.lines)
            for _ in range(4):
                await before.lines[0].play(["uk/long"])
                await asterisk.finish(call)
                await asterisk.until(lambda: before.heard.pop() if before.heard else None)
            await before.lines[0].play(["uk/long"])
        stale = next(iter(asterisk.channels[call].playing))
        assert stale == f"{call}-{APP}-p0", "the prompt plays on"
        asterisk.faults.append(Fault("DELETE /playbacks", status=500, times=2))
        async with controller(asterisk, after) as board:
            await asterisk.until(lambda: after.adopted)
            assert not asterisk.channels[call].playing
            assert after.lines[0].began == before.lines[0].began
            await after.lines[0].play(["uk/value"])
            late = {"id": stale, "state": "done", "media_uri": "uk/long", "target_uri": f"channel:{call}"}
            await asterisk.tell(APP, "PlaybackFinished", playback=late)
            await asterisk.press(call, "5")
            await asterisk.until(lambda: after.heard)
            assert after.heard.pop(0) == Key("5"), "the end of what was silenced is not the end of what plays"
            assert [*asterisk.channels[call].playing.values()] == [["sound:ivr/uk/value"]]
            await asterisk.finish(call)
            await asterisk.until(lambda: after.heard == [Played(whole=True)])
            await asterisk.press(call, "7")
            await asterisk.until(lambda: after.heard[-1] == Key("7"))
            assert not board.leaked()


@in_loop
async def test_a_stopped_controller_leaves_its_callers_to_the_next_and_writes_no_end():
    hotline = Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, hotline) as board:
            call = await asterisk.dial()
            await asterisk.until(lambda: hotline.lines)
        assert asterisk.channels[call].owner == APP
        assert (hotline.heard, hotline.over) == ([], [])
        assert board.counts["rescued"] == 0


@in_loop
async def test_callers_whom_people_already_have_are_watched_and_not_taken_back():
    async def hand_over(line: AsteriskLine) -> None:
        await line.hand_over("agents", "asked for them", "en", {})

    after = Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, Hotline(hand_over)):
            call = await asterisk.dial()
            await asterisk.until(lambda: APP in asterisk.channels[call].watchers)
            await asterisk.until(lambda: asterisk.channels[call].context == "agents")
        async with controller(asterisk, after) as board:
            assert (after.lines, board.in_hand) == ([], 0)
            await asterisk.hang_up(call)
            await asterisk.until(lambda: after.causes == {call: Cause.CALLER})


@in_loop
async def test_calls_that_ended_while_nobody_looked_are_accounted_for():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        with_people = await asterisk.dial()
        asterisk.channels[with_people].app = "Dial"
        await board.account_for(["fake-1.1", with_people])
        await asterisk.until(lambda: hotline.causes == {"fake-1.1": Cause.UNKNOWN})
        await asterisk.hang_up(with_people)
        await asterisk.until(lambda: hotline.causes.get(with_people) is Cause.CALLER)


@in_loop
async def test_a_prompt_that_ended_during_a_disconnect_is_heard_to_have_ended_exactly_once():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        ended, going = await asterisk.dial(), await asterisk.dial()
        await asterisk.until(lambda: len(hotline.lines) == 2)
        for line in hotline.lines:
            await line.play(["uk/long"])
        del asterisk.channels[ended].playing[f"{ended}-{APP}-p0"]
        await asterisk.drop_sockets()
        await asterisk.until(lambda: hotline.heard == [Played(whole=True)])
        await asterisk.until(lambda: board.ready)
        await asterisk.finish(going)
        await asterisk.until(lambda: hotline.heard == [Played(whole=True), Played(whole=True)])
        assert not board.leaked()


@in_loop
async def test_a_caller_who_left_during_a_disconnect_is_heard_to_be_gone():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a"])
        await asterisk.vanish(call)
        await asterisk.drop_sockets()
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.UNKNOWN)])
        await asterisk.until(lambda: hotline.causes == {call: Cause.UNKNOWN})
        assert board.in_hand == 0
        assert not board.leaked()


@in_loop
async def test_an_asterisk_that_restarted_lost_all_calls_by_a_fault():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        calls = {await asterisk.dial() for _ in range(3)}
        await asterisk.until(lambda: len(hotline.lines) == 3)
        await asterisk.restart()
        await asterisk.until(lambda: hotline.causes == dict.fromkeys(calls, Cause.FAULT))
        assert hotline.heard == [Gone(Cause.FAULT)] * 3
        await asterisk.until(lambda: board.ready)
        assert not board.leaked()


@in_loop
async def test_one_odd_channel_does_not_keep_the_others_from_being_adopted():
    after = Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, before := Hotline()):
            odd, plain = await asterisk.dial(), await asterisk.dial()
            await asterisk.until(lambda: len(before.lines) == 2)
        asterisk.faults.append(Fault(f"GET /channels/{odd}", status=500))
        async with controller(asterisk, after) as board:
            await asterisk.until(lambda: [line.began.call for line in after.adopted] == [plain])
            await board.tidy(later())
            await asterisk.until(lambda: len(after.adopted) == 2)


@in_loop
async def test_a_controller_whose_name_was_taken_stops_driving_calls():
    first, second = Hotline(), Hotline()
    async with FakeAri() as asterisk, Ari(asterisk.settings()) as client:
        board = Switchboard(client, first.on_call, first.on_over, SwitchboardSettings(filler=()))
        task = asyncio.create_task(board.run())
        await asterisk.until(lambda: board.ready)
        await asterisk.dial()
        await asterisk.until(lambda: first.lines)
        async with controller(asterisk, second):
            with pytest.raises(ApplicationTaken):
                await task
            await asterisk.until(lambda: second.adopted)
            assert (first.heard, first.over) == ([], []), "the call goes on, elsewhere"
            before = len(asterisk.requests)
            with pytest.raises(ApplicationTaken):
                await first.lines[0].play(["uk/account"])
            assert not any("play" in request for request in asterisk.requests[before:])


# --- calls of others ---


async def speak(line: AsteriskLine) -> None:
    """Say something, and hear everything until the caller is gone."""
    await line.play(["uk/long"])
    while not isinstance(await line.hear(None), Gone):
        pass


def acts(asterisk: FakeAri, since: int = 0) -> list[str]:
    """What was asked of Asterisk that callers could notice."""
    return [one for one in asterisk.requests[since:] if re.match("(POST|DELETE) /(channels|playbacks)", one)]


@in_loop
async def test_a_call_that_is_another_controllers_is_let_go_without_a_word_and_not_taken_again():
    hotline = Hotline(decline)
    async with FakeAri() as asterisk, controller(asterisk, hotline, filler=FILLER) as board:
        asterisk.faults.append(Fault("POST /applications/.*/subscription", status=500))
        call = await asterisk.dial()
        await asterisk.until(lambda: board.counts["another's"] == 1 and not asterisk.faults[0].times)
        assert (acts(asterisk), board.in_hand, board.leaked()) == ([], 0, [])
        await asterisk.drop_sockets()
        await asterisk.until(lambda: not board.ready)
        await asterisk.until(lambda: board.ready)
        await board.tidy(later())
        await board.account_for([call])
        assert len(hotline.lines) == 1, "not offered again"
        assert not asterisk.channels[call].watchers, "nor subscribed to"
        await asyncio.wait_for(board.drain(), 1)
        await asterisk.hang_up(call)
        await board.tidy(later())
        assert not board._calls
        assert (acts(asterisk), hotline.over) == ([], [])


async def decline(line: AsteriskLine) -> bool:
    return False


@in_loop
async def test_what_we_played_into_a_call_that_is_anothers_is_taken_back():
    async def find_out_late(line: AsteriskLine) -> bool:
        await line.play(["uk/long"])
        return False

    async with FakeAri() as asterisk, controller(asterisk, Hotline(find_out_late), filler=FILLER) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: board.counts["another's"] == 1)
        await asterisk.until(lambda: not asterisk.channels[call].playing)
        await board.tidy(later())
        assert asterisk.channels[call].owner == APP
        assert board.leaked() == []
        assert board.counts["rescued"] == 0


@in_loop
async def test_the_end_of_a_call_that_turned_out_to_be_anothers_is_not_told():
    async def find_out_too_late(line: AsteriskLine) -> bool:
        await hotline.listen(line)
        return False

    hotline = Hotline(find_out_too_late)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await asterisk.hang_up(call)
        await asterisk.until(lambda: board.counts["another's"] == 1)
        await asyncio.wait_for(board.drain(), 1)
        assert hotline.over == []


@in_loop
async def test_a_line_that_is_lost_to_a_controller_of_our_name_ends_the_conversation_without_a_rescue():
    async def go_on_regardless(line: AsteriskLine) -> None:
        raise NotOurs

    hotline = Hotline(go_on_regardless)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        await asterisk.dial()
        await asterisk.until(lambda: board.counts["another's"] == 1)
        assert (acts(asterisk), board.counts["rescued"], board.counts["faults"]) == ([], 0, 0)


@in_loop
async def test_a_call_in_another_controllers_hands_is_not_subscribed_to_when_it_is_asked_about():
    mine, theirs = Hotline(), Hotline(speak)
    async with (
        FakeAri() as asterisk,
        controller(asterisk, theirs, {"application": "ivr-two"}),
        controller(asterisk, mine, capacity=0) as board,
    ):
        call = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[call].playing)
        await board.account_for([call])
        assert asterisk.channels[call].watchers <= {"ivr-two"}
        await asterisk.drop_sockets()
        await asterisk.until(lambda: not board.ready)
        await asterisk.until(lambda: board.ready)
        assert (mine.lines, mine.over) == ([], [])
        await asterisk.hang_up(call)
        await asterisk.until(lambda: theirs.over)
        await board.account_for([call])
        await asterisk.until(lambda: mine.causes == {call: Cause.UNKNOWN})


@in_loop
async def test_a_call_that_asterisk_lists_for_us_though_it_is_anothers_is_not_disturbed():
    mine, theirs = Hotline(decline), Hotline(speak)
    async with FakeAri() as asterisk, controller(asterisk, theirs, {"application": "ivr-two"}, filler=FILLER):
        call = await asterisk.dial()
        await asterisk.until(lambda: len(asterisk.channels[call].playing) == 2)
        asterisk.channels[call].watchers.add(APP)
        before = dict(asterisk.channels[call].playing)
        async with controller(asterisk, mine, filler=FILLER) as board:
            await asterisk.until(lambda: board.counts["another's"] == 1)
            assert [line.began.call for line in mine.adopted] == [call]
            assert asterisk.channels[call].playing == before
            await asterisk.hang_up(call)
            await asterisk.until(lambda: theirs.causes == {call: Cause.CALLER})
            await asterisk.until(lambda: not board._calls)
            assert (mine.over, board.counts["rescued"]) == ([], 0)


@in_loop
async def test_a_call_that_is_offered_while_it_is_looked_for_is_claimed():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, {"timeout": 5.0}) as board:
        call = "fake-1795289178.7"
        asterisk.faults.append(Fault(f"GET /channels/{call}", pause=asyncio.Event()))
        looking = asyncio.create_task(board.account_for([call]))
        await asterisk.until(lambda: any(call in request for request in asterisk.requests))
        await asterisk.dial(channel=call)
        await asterisk.until(lambda: hotline.lines)
        asterisk.faults[0].go_on()
        await looking
        assert not hotline.adopted, "nobody has spoken with this caller yet"
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.causes == {call: Cause.CALLER})


@in_loop
async def test_a_call_that_was_looked_for_before_its_offer_is_claimed():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        early = FakeChannel("fake-1795289178.7", "0671234567", app="MixMonitor")
        asterisk.channels[early.id] = early
        await board.account_for([early.id])
        await asterisk.dial(channel=early.id)
        await asterisk.until(lambda: hotline.lines)
        assert not hotline.over


# --- an exchange that is no more, or does not answer ---


@in_loop
async def test_when_the_exchange_died_every_call_is_over_now_and_nothing_more_is_asked_of_it():
    slow = asyncio.Event()

    async def write_slowly(line: AsteriskLine) -> None:
        await hotline.listen(line)
        await slow.wait()
        await line.play(["uk/sorry"])
        await line.hang_up()

    async def hand_over(line: AsteriskLine) -> None:
        await line.hand_over("agents", "asked for them", "en", {})

    hotline = Hotline(hand_over)
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        with_people = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[with_people].context == "agents" and board.in_hand == 0)
        hotline._script = write_slowly
        calls = [await asterisk.dial() for _ in range(2)]
        await asterisk.until(lambda: all(APP in one.watchers for one in asterisk.channels.values()))
        await asterisk.until(lambda: not asterisk.waiting)
        asked = len(asterisk.requests)
        hotline.settled.clear()
        board.exchange_died()
        late = asterisk.channels[calls[0]].json()
        board._on_event(StasisStart(channel(late), (), None))
        assert (board.ready, board.in_hand) == (False, 0)
        draining = asyncio.create_task(board.drain())
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.FAULT)] * 2)
        assert not draining.done(), "the conversations write their ends"
        slow.set()
        await asterisk.until(lambda: hotline.causes == dict.fromkeys([with_people, *calls], Cause.FAULT))
        assert not draining.done(), "and what they leave is put in order"
        hotline.settled.set()
        await draining
        assert len(hotline.over) == 3
        board.exchange_died()
        assert asterisk.requests[asked:] == []
        with pytest.raises(AriUnreachable):
            await board.account_for(["fake-1.1"])


@in_loop
async def test_an_exchange_that_does_not_answer_is_asked_no_more_than_a_few_things_per_call_and_calls_go_on_after():
    async def talk(line: AsteriskLine) -> None:
        while True:
            await line.play(["uk/a"])
            if isinstance(what := await line.hear(None), Gone):
                return
            if isinstance(what, Played) and what.fault is None:
                await hotline.listen(line)
                return

    hotline = Hotline(talk)
    async with (
        FakeAri() as asterisk,
        controller(asterisk, hotline, {"timeout": 0.05, "claim_timeout": 0.05}, capacity=5) as board,
    ):
        stall = Fault("", stall=True, times=1_000_000)
        asterisk.faults.append(stall)
        calls = [await asterisk.dial() for _ in range(20)]
        await asterisk.until(lambda: board._ari.counts["requests without answer"] == 5)
        assert (board.in_hand, board.counts["refused"]) == (5, 15)
        stall.times = 0
        for call in calls:
            asterisk.channels[call].app = "Playback"  # the dialplan went on
        await tidied(board)
        assert board.in_hand == 0, "and there is room again"
        calls = [await asterisk.dial() for _ in range(5)]
        await asterisk.until(lambda: len(hotline.lines) == 5)
        stall.times = 1_000_000
        asterisk.most_waiting = 0
        for _ in range(5):
            asked = len(asterisk.requests)
            with pytest.raises(AriUnreachable):
                await board.tidy(later())
            await asterisk.until(lambda asked=asked: len(asterisk.requests) >= asked + 20)
        assert asterisk.most_waiting <= 5 * 3 + 1
        stall.times = 0
        await asterisk.until(lambda: all(asterisk.channels[call].playing for call in calls))
        while not all(asterisk.channels[call].watchers for call in calls):
            await tidied(board)
        for call in calls:
            await asterisk.hang_up(call)
        await asterisk.until(lambda: len(hotline.over) == 5)
        await tidied(board)
        assert not board.leaked()


async def tidied(board: Switchboard) -> None:
    """A round of the reaper that was not interrupted, which a busy machine does too, where requests last 0.05 s."""
    while True:
        with contextlib.suppress(AriUnreachable):
            return await board.tidy(later())


# --- the line ---


@in_loop
async def test_a_prompt_is_one_request_with_all_its_clips_and_one_end():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a", "uk/b"])
        assert asterisk.channels[call].playing == {f"{call}-{APP}-p0": ["sound:ivr/uk/a", "sound:ivr/uk/b"]}
        await asterisk.finish(call)
        await asterisk.until(lambda: hotline.heard == [Played(whole=True)])


@in_loop
async def test_nothing_to_play_is_not_heard_as_a_whole_prompt():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play([])
        await asterisk.until(lambda: hotline.heard == [Played(whole=False, fault="nothing to play")])


@in_loop
async def test_hushing_is_repeated_while_asterisk_opens_a_file_and_the_end_is_not_whole():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a"])
        asterisk.faults.append(Fault("DELETE /playbacks", status=500, times=3))
        await hotline.lines[0].hush()
        await asterisk.until(lambda: hotline.heard == [Played(whole=False)])
        await hotline.lines[0].hush()
        assert not board.leaked()


@in_loop
async def test_what_cannot_be_played_says_why_in_the_exchanges_words():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        line = hotline.lines[0]
        await line.play(["uk/missing"])
        await asterisk.finish(call, "failed")
        await asterisk.until(lambda: len(hotline.heard) == 1)
        asterisk.faults.append(Fault("POST /channels/.*/play", status=500))
        await line.play(["uk/a"])
        await asterisk.until(lambda: len(hotline.heard) == 2)
        await line.play(["uk/b"])
        await asterisk.finish(call, "exploded")
        await asterisk.until(lambda: len(hotline.heard) == 3)
        faults = [what.fault for what in hotline.heard if isinstance(what, Played) and not what.whole]
        assert faults[0] == "could not play sound:ivr/uk/missing"
        assert "500 'Internal Server Error'" in str(faults[1])
        assert "exploded" in str(faults[2])
        assert not board.leaked()


@in_loop
async def test_a_prompt_whose_answer_is_lost_ends_once_and_does_not_play_on_unheard_of():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, {"timeout": 0.05}) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        asterisk.faults.append(Fault("POST /channels/.*/play", deaf=True))
        await hotline.lines[0].play(["uk/a"])
        await asterisk.until(lambda: len(hotline.heard) == 1)
        assert asterisk.channels[call].playing
        assert board.leaked() == [f"playback {call}-{APP}-p0"]
        await board.tidy(later())
        assert not asterisk.channels[call].playing
        assert not board.leaked()
        await asterisk.press(call, "1")
        await asterisk.until(lambda: hotline.heard[-1] == Key("1"))
        assert len(hotline.heard) == 2, "its late end is none of ours"


@in_loop
async def test_after_a_prompt_that_asterisk_did_not_answer_to_it_is_not_asked_for_a_filler_too():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, {"timeout": 0.05}, filler=FILLER):
        await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        asterisk.faults.append(Fault("POST /channels/.*/play", stall=True))
        await hotline.lines[0].play(["uk/a"])
        assert sum("/play/" in request for request in asterisk.requests) == 1
        await hotline.lines[0].play(["uk/a"])
        assert sum("/play/" in request for request in asterisk.requests) == 3


@in_loop
async def test_playing_to_a_caller_who_just_left_is_no_fault_and_the_true_cause_is_heard():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, patience=NEVER):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        asterisk.faults.append(Fault("POST /channels/.*/play", status=404))
        await hotline.lines[0].play(["uk/a"])
        assert not hotline.heard
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.CALLER)])
        await hotline.lines[0].play(["uk/a"])
        await hotline.lines[0].hush()
        await hotline.lines[0].hang_up()
        assert await hotline.lines[0].hear(None) == Gone(Cause.CALLER), "asked again, it says it again"


@in_loop
async def test_a_caller_whose_end_nobody_tells_is_gone_after_all():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await asterisk.vanish(call)
        await hotline.lines[0].play(["uk/a"])
        await asterisk.until(lambda: hotline.heard == [Gone(Cause.UNKNOWN)])


@in_loop
async def test_a_hand_over_hushes_first_since_asterisk_would_wait_for_the_end():
    async def hand_over(line: AsteriskLine) -> None:
        await line.play(["uk/long"])
        await line.hand_over("agents", "gave up", "ru", {})

    async with FakeAri() as asterisk, controller(asterisk, Hotline(hand_over)):
        call = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[call].context == "agents")
        order = [request.split("/", 1)[0] + request.rsplit("/", 1)[1] for request in asterisk.requests[-4:]]
        assert order == [f"DELETE {call}-{APP}-p0", "POST variable", "POST variable", "POST continue"]
        assert asterisk.channels[call].variables["IVR_LANGUAGE"] == "ru"


@in_loop
async def test_a_hand_over_does_not_wait_for_the_end_of_the_filler():
    async def hand_over(line: AsteriskLine) -> None:
        await line.play(["uk/long"])
        await line.hush()
        await line.hand_over("agents", "gave up", "uk", {})

    async with FakeAri() as asterisk, controller(asterisk, Hotline(hand_over), filler=("pause/long",)) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: asterisk.channels[call].context == "agents")
        assert board._ari.counts["requests without answer"] == 0


@in_loop
async def test_strange_keys_are_noted_and_not_heard():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await asterisk.press(call, ["E", "12", "", "D"])  # type: ignore[arg-type]
        await asterisk.until(lambda: hotline.heard == [Key("D")])
        assert board._ari.strangers.counts.total() == 3


@in_loop
async def test_a_prompt_that_is_overdue_makes_room_for_the_next_and_is_never_heard_to_end():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a"])
        asterisk.faults.append(Fault("DELETE /playbacks", status=500, times=2))
        await hotline.lines[0].play(["uk/b"])
        assert [*asterisk.channels[call].playing.values()] == [["sound:ivr/uk/b"]]
        await asterisk.finish(call)
        await asterisk.press(call, "1")
        await asterisk.until(lambda: Key("1") in hotline.heard)
        assert hotline.heard == [Played(whole=True), Key("1")]
        assert not board.leaked()


FILLER = ("pause/long",)


@in_loop
async def test_a_filler_waits_behind_every_prompt_makes_room_for_the_next_and_is_never_heard_of():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, filler=FILLER) as board:
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        playing = asterisk.channels[call].playing
        for count in range(1, 7):
            await hotline.lines[0].play(["uk/a"])
            assert [*playing.values()] == [["sound:ivr/uk/a"], ["sound:ivr/pause/long"]]
            await asterisk.finish(call)
            await asterisk.until(lambda count=count: len(hotline.heard) == count)
        assert hotline.heard == [Played(whole=True)] * 6
        await hotline.lines[0].play(["uk/a"])
        await hotline.lines[0].hush()
        await asterisk.until(lambda: hotline.heard[-1] == Played(whole=False))
        assert [*playing.values()] == [["sound:ivr/pause/long"]]
        assert not board.leaked()
        await asterisk.hang_up(call)
        await asterisk.until(lambda: hotline.over)
        assert hotline.heard[6:] == [Played(whole=False), Gone(Cause.CALLER)]
        assert not board.leaked()


@in_loop
async def test_a_filler_that_ran_out_is_followed_by_another():
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, filler=FILLER):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a"])
        await asterisk.finish(call)
        for _ in range(5):
            await asterisk.until(lambda: asterisk.channels[call].playing)
            await asterisk.finish(call)
        await asterisk.until(lambda: asterisk.channels[call].playing)
        assert hotline.heard == [Played(whole=True)]


@in_loop
async def test_a_filler_that_is_missing_is_said_once_per_prompt_and_does_no_harm(caplog):
    hotline = Hotline()
    async with FakeAri() as asterisk, controller(asterisk, hotline, filler=FILLER):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        await hotline.lines[0].play(["uk/a"])
        await asterisk.finish(call)
        await asterisk.finish(call, "failed")
        await asterisk.until(lambda: "the filler can't be played" in caplog.text)
        await hotline.lines[0].play(["uk/b"])
        await asterisk.finish(call)
        await asterisk.until(lambda: hotline.heard == [Played(whole=True)] * 2)


@in_loop
async def test_the_filler_of_a_controller_that_died_is_stopped_too():
    before, after = Hotline(), Hotline()
    async with FakeAri() as asterisk:
        async with controller(asterisk, before, filler=FILLER):
            call = await asterisk.dial()
            await asterisk.until(lambda: before.lines)
            await before.lines[0].play(["uk/a"])
        assert len(asterisk.channels[call].playing) == 2
        async with controller(asterisk, after, filler=FILLER):
            await asterisk.until(lambda: after.adopted)
            assert not asterisk.channels[call].playing


@in_loop
async def test_hearing_waits_no_longer_than_told_and_loses_nothing_when_cancelled():
    done = asyncio.Event()
    hotline = Hotline(lambda _: done.wait())  # type: ignore[arg-type, return-value]
    async with FakeAri() as asterisk, controller(asterisk, hotline):
        call = await asterisk.dial()
        await asterisk.until(lambda: hotline.lines)
        line = hotline.lines[0]
        assert await line.hear(line.now() - 1) == Tick()
        until = line.now() + 0.02
        assert await line.hear(until) == Tick()
        assert line.now() >= until
        waiting = asyncio.create_task(line.hear(None))
        await asyncio.sleep(0)
        waiting.cancel()
        await asterisk.press(call, "5")
        await asterisk.until(lambda: line._heard)
        assert await line.hear(line.now() - 1) == Key("5"), "what was heard comes before the time"
