"""The line and the switchboard on a real Asterisk, with a real caller: every assumption that they lean on.

tests/adapters/fake_ari.py behaves as these tests find Asterisk to behave.
"""

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from ivr.asterisk.ari import ApplicationTaken, Ari, AriError, AriSettings, Backoff
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.server import AsteriskServer
from ivr.asterisk.switchboard import Switchboard, SwitchboardSettings
from ivr.ports import Cause, Gone, Heard, Key, Played, Recogniser
from ivr.simulator.caller import Caller
from ivr.simulator.hearing import PromptIndex

pytestmark = pytest.mark.telephony


@dataclass(frozen=True)
class Clips:
    """Clips among those that Asterisk serves, by their length."""

    index: PromptIndex
    long: str  # at least 3 s
    first: str  # 0.4 to 2 s, unlike each other
    second: str
    count: int = 40

    @property
    def many(self) -> list[str]:
        short = sorted(self.index.clips, key=lambda clip: clip.frames)
        return [clip.name for clip in short[: self.count]]


@pytest.fixture(scope="session")
def clips(asterisk: AsteriskServer) -> Clips:
    index = PromptIndex.from_folder(asterisk.config.sounds)
    long = max(index.clips, key=lambda clip: clip.frames)
    assert long.frames >= 150, "the longest prompt lasts at least 3 s"
    short = [clip.name for clip in index.clips if 20 <= clip.frames <= 100 and clip.lang == "uk"]
    return Clips(index, long.name, short[0], short[-1])


class Cable:
    """The network between controller and Asterisk; it can be cut and mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._links: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._cut = False
        self.port = 0

    async def __aenter__(self) -> "Cable":
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()

    def cut(self) -> None:
        self._cut = True
        for writer in self._links:
            writer.transport.abort()

    def mend(self) -> None:
        self._cut = False

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._links |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        self._links -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()


class Desk:
    """A controller whose conversations the test conducts itself, line by line."""

    def __init__(self, ari: Ari, *, ours: bool = True, recogniser: Recogniser | None = None, **settings: Any) -> None:
        self.ari = ari
        self._ours = ours
        self.over: dict[str, Cause] = {}
        self.board = Switchboard(ari, self._on_call, self._on_over, SwitchboardSettings(**settings), recogniser)
        self._lines: asyncio.Queue[tuple[AsteriskLine, bool]] = asyncio.Queue()
        self._news = asyncio.Event()
        self._done: dict[str, asyncio.Event] = {}

    async def line(self, *, adopted: bool = False) -> AsteriskLine:
        """The next call that comes in, or is adopted."""
        async with asyncio.timeout(10):
            line, was_adopted = await self._lines.get()
        assert was_adopted == adopted
        return line

    def fail(self, line: AsteriskLine) -> None:
        """Let the conversation end as it should not."""
        self._done[line.began.call].set()

    async def ended(self, call: str) -> Cause:
        async with asyncio.timeout(10):
            while call not in self.over:
                self._news.clear()
                await self._news.wait()
        return self.over[call]

    async def _on_call(self, line: AsteriskLine, adopted: bool) -> bool:
        done = self._done[line.began.call] = asyncio.Event()
        self._lines.put_nowait((line, adopted))
        if not self._ours:
            return False
        await until(lambda: line.over is not None or line.parting is not None or done.is_set(), 60)
        return True

    async def _on_over(self, call: str, cause: Cause, at: object) -> None:
        self.over[call] = cause
        self._news.set()


def settings(asterisk: AsteriskServer, name: str, port: int | None = None) -> AriSettings:
    config = asterisk.config
    return AriSettings(
        url=f"http://127.0.0.1:{port or config.http_port}/ari",
        application=f"ivr-{name}",
        user=config.ari_user,
        password=config.ari_password.get_secret_value(),
        backoff=Backoff(first=0.02, longest=0.1),
    )


@contextlib.asynccontextmanager
async def desk(
    asterisk: AsteriskServer, name: str = "desk", port: int | None = None, heartbeat: float = 5.0, **others: Any
) -> AsyncIterator[Desk]:
    async with Ari(replace(settings(asterisk, name, port), heartbeat=heartbeat)) as ari:
        one = Desk(ari, **others)
        task = asyncio.create_task(one.board.run())
        try:
            await until(lambda: one.board.ready)
            yield one
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ApplicationTaken):
                await task


@contextlib.asynccontextmanager
async def calling(
    asterisk: AsteriskServer, clips: Clips, number: str | None = "0671234567", **others: Any
) -> AsyncIterator[Caller]:
    async with Caller(clips.index, from_user="rfc4733", from_number=number, **others) as caller:
        await caller.dial(f"sip:0800505050@127.0.0.1:{asterisk.config.sip_port}")
        yield caller


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


async def hear(line: AsteriskLine, seconds: float = 10.0) -> Heard:
    return await line.hear(line.now() + seconds)


async def until(fact: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a fact that no event announces."""
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110 - there is nothing to wait for but the fact
            await asyncio.sleep(0.01)


@in_loop
async def test_a_playlist_is_heard_in_order_and_its_end_is_whole(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.first, clips.second])
        first = await caller.hears(clips.first)
        second = await caller.hears(clips.second)
        assert await hear(line) == Played(whole=True)
        assert first.frames >= first.clip.tail, "to its end, but perhaps for the last 20 ms"
        assert second.first_packet - first.first_packet == pytest.approx(first.clip.frames * 0.02, abs=0.1), "gapless"
        assert not ours.board.leaked()


@in_loop
async def test_forty_clips_are_one_prompt(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips):
        line = await ours.line()
        await line.play(clips.many)
        assert await hear(line, 40) == Played(whole=True)


@in_loop
async def test_who_calls_is_told_in_e164_and_whoever_withholds_it_is_nobody(asterisk, clips):
    async with desk(asterisk) as ours:
        async with calling(asterisk, clips, "0671234567"):
            began = (await ours.line()).began
            assert (began.caller, began.dialled) == ("+380671234567", "0800505050")
        async with calling(asterisk, clips, None):
            other = (await ours.line()).began
            assert other.caller is None
        async with calling(asterisk, clips, "0671234567", headers=[("Privacy", "id")]):
            assert (await ours.line()).began.caller is None
        assert began.call != other.call


@in_loop
async def test_keys_during_a_prompt_are_heard_at_once_and_hushing_makes_room_for_the_next(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.long])
        await caller.hears(clips.long)
        await caller.press("1*#9")
        assert [await hear(line) for _ in range(4)] == [Key("1"), Key("*"), Key("#"), Key("9")]
        await line.hush()
        assert await hear(line, 1) == Played(whole=False)
        await line.play([clips.first])
        await caller.hears(clips.first, timeout=2)
        assert await hear(line) == Played(whole=True)


@in_loop
@pytest.mark.parametrize(("tone", "gap"), [(40, 20), (40, 40), (60, 40), (70, 60), (100, 40), (300, 80)])
async def test_quick_keys_after_a_prompt_and_slow_ones_are_neither_doubled_nor_lost(asterisk, clips, tone, gap):
    keys = "1122334455667788990*#" if tone < 300 else "11*#"
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.first])
        assert await hear(line) == Played(whole=True)
        await caller.press(keys, tone_ms=tone, gap_ms=gap)
        await line.play([clips.second])
        heard = []
        while not isinstance(what := await hear(line), Played):
            heard.append(what)
        assert "".join(key.digit for key in heard) == keys


@in_loop
async def test_a_prompt_can_be_hushed_in_the_moment_it_begins(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips):
        line = await ours.line()
        for _ in range(20):
            await line.play([clips.long, clips.first])
            await line.hush()
            assert await hear(line, 1) == Played(whole=False)
        assert not ours.board.leaked()


@in_loop
async def test_a_missing_last_clip_is_a_fault_and_one_before_it_is_skipped_without_a_word(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.first, "uk/there_is_no_such_clip"])
        assert await hear(line) == Played(whole=False, fault="could not play sound:ivr/uk/there_is_no_such_clip")
        await line.play(["uk/there_is_no_such_clip", clips.second])
        await caller.hears(clips.second)
        assert await hear(line) == Played(whole=True)


@in_loop
async def test_a_caller_who_hangs_up_is_gone_and_the_call_over(asterisk, clips):
    async with desk(asterisk) as ours:
        async with calling(asterisk, clips) as caller:
            line = await ours.line()
            await line.play([clips.long])
            await caller.hears(clips.long)
        assert await hear(line, 2) == Gone(Cause.CALLER), "and no Played before it"
        assert await ours.ended(line.began.call) is Cause.CALLER
        await line.play([clips.first])
        await line.hang_up()
        assert not ours.board.leaked()
        assert not ours.ari.strangers.counts


@in_loop
async def test_we_hang_up_in_the_middle_of_a_prompt(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.long])
        await caller.hears(clips.long)
        await line.hang_up()
        assert await hear(line, 2) == Gone(Cause.US)
        assert (await caller.hung_up(2)).by == "them"
        assert await ours.ended(line.began.call) is Cause.US


@in_loop
async def test_an_administrator_who_ends_the_call_is_on_our_side(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips):
        line = await ours.line()
        await until(lambda: is_watched(ours, line.began.call))
        await asyncio.to_thread(asterisk.cli, "channel request hangup all")
        assert await hear(line, 2) == Gone(Cause.US)


@in_loop
async def test_a_caller_handed_over_in_the_middle_of_a_prompt_reaches_people_at_once(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        call = line.began.call
        await ours.ari.channels.set_channel_var(call, "IVR_BECAUSE", "overwritten")
        await line.play([clips.long])
        await caller.hears(clips.long)
        began = line.now()
        await line.hand_over("agents", "asked for them", "uk", {})
        assert await hear(line, 2) in (Played(whole=False), Gone(Cause.US))
        assert line.now() - began < 0.5, "not at the end of the prompt"
        again = await ours.line()
        assert (again.began.call, again.began.returned) == (call, 1), "nobody was there"
        assert not ours.over, "it is the same call still"
        await again.hang_up()
        await caller.hung_up()
        assert await ours.ended(call) is Cause.US
        cel = asterisk.config.run / "log/cel-custom/calls.csv"  # written beside the events, now before and now after
        await until(lambda: any(call in row and '"agents"' in row for row in cel.read_text().splitlines()))


@in_loop
async def test_a_call_that_nobody_answers_comes_back_three_times_and_then_is_told_to_call_again(asterisk, clips):
    async with desk(asterisk, capacity=1) as ours, calling(asterisk, clips) as caller:
        for times in range(4):
            line = await ours.line()
            assert line.began.returned == times
            await line.play([clips.first])
            assert await hear(line) == Played(whole=True), "of this conversation, not of the one before"
            await line.hand_over("agents", "asked for them", "uk", {})
            assert await hear(line) == Gone(Cause.US)
        await caller.hears("uk/agents_busy")
        await caller.hung_up()
        await until(lambda: bool(ours.over))
        assert [*ours.over.values()] == [Cause.US]
        assert ours.board.counts["taken"] == 4
        assert not ours.board.leaked()


@in_loop
async def test_a_conversation_that_fails_ends_with_an_apology_and_not_in_silence(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        ours.fail(line)
        await caller.hears("uk/apology")
        again = await ours.line()
        assert again.began.returned == 1, "nobody was there"
        ours.fail(again)
        await caller.hears("uk/agents_busy")
        await caller.hung_up()
        assert await ours.ended(line.began.call) is Cause.US
        assert ours.board.counts["rescued"] == 2


@in_loop
async def test_the_longest_duration_is_told_from_a_hang_up(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips):
        line = await ours.line()
        await ours.ari.channels.set_channel_var(line.began.call, "TIMEOUT(absolute)", "1")
        assert await hear(line) == Gone(Cause.TIME_OVER)
        assert await ours.ended(line.began.call) is Cause.TIME_OVER


@in_loop
async def test_a_call_is_adopted_from_a_controller_that_died_and_its_prompt_ends_at_once(asterisk, clips):
    async with (
        Cable(asterisk.config.http_port) as cable,
        desk(asterisk, "mortal", cable.port) as mortal,
        calling(asterisk, clips) as caller,
    ):
        line = await mortal.line()
        for _ in range(5):  # whatever the count, the heir finds the prompt
            await line.play([clips.first])
            assert await hear(line) == Played(whole=True)
        await line.play([clips.long])
        await caller.hears(clips.long)
        cable.cut()
        async with desk(asterisk, "mortal") as heir:
            adopted = await heir.line(adopted=True)
            assert adopted.began == line.began
            await adopted.play([clips.second])
            began = adopted.now()
            await caller.hears(clips.second, timeout=2)
            assert adopted.now() - began < 1, "not behind the old prompt"
            assert await hear(adopted) == Played(whole=True)
            await caller.press("42")
            assert [await hear(adopted), await hear(adopted)] == [Key("4"), Key("2")]
            await adopted.hang_up()
            await caller.hung_up()
            assert await heir.ended(line.began.call) is Cause.US
            assert not heir.board.leaked()


@in_loop
async def test_a_caller_who_is_with_people_is_not_taken_back_but_watched(asterisk, clips):
    asterisk.cli("dialplan add extension s,1,Wait(30) into people")
    async with contextlib.AsyncExitStack() as outlives:
        async with desk(asterisk, "mortal") as mortal:
            caller = await outlives.enter_async_context(calling(asterisk, clips))
            line = await mortal.line()
            call = line.began.call
            await until(lambda: is_watched(mortal, call))
            await line.hand_over("people", "asked for them", "uk", {})
            assert await hear(line) == Gone(Cause.US)
        async with desk(asterisk, "mortal") as heir:
            assert (heir.board.in_hand, heir.board.counts["adopted"]) == (0, 0)
            assert is_watched(heir, call)
            await caller.hang_up()
            assert await heir.ended(call) is Cause.CALLER


def is_watched(ours: Desk, call: str) -> bool:
    known = ours.board._calls.get(call)
    return known is not None and known.watched


@in_loop
async def test_what_happens_while_the_connection_is_broken_is_found_out(asterisk, clips):
    async with (
        Cable(asterisk.config.http_port) as cable,
        desk(asterisk, "cut", cable.port) as ours,
        calling(asterisk, clips) as stays,
    ):
        staying = await ours.line()
        async with calling(asterisk, clips) as leaves:
            leaving = await ours.line()
            await staying.play([clips.first])
            await leaving.play([clips.long])
            await stays.hears(clips.first)
            await leaves.hears(clips.long)
            cable.cut()
            await until(lambda: not ours.ari.ready)
            await stays.quiet(1.0)
        cable.mend()
        assert await hear(staying) == Played(whole=True)
        assert await hear(leaving) == Gone(Cause.UNKNOWN)
        assert await ours.ended(leaving.began.call) is Cause.UNKNOWN
        await stays.press("5")
        assert await hear(staying) == Key("5")
        assert ours.board.in_hand == 1
        assert not ours.board.leaked()


async def deafen(asterisk: AsteriskServer, ari: Ari) -> None:
    """Bring Asterisk to take our name off our socket, as it does when the end of a predecessor's socket comes late.

    Another socket takes the name and goes; we are not told, since the event that says so is filtered out.
    """
    await ari.applications.filter({"allowed": [{"type": "ChannelUserevent"}], "disallowed": []})
    config = asterisk.config
    auth = aiohttp.encode_basic_auth(config.ari_user, config.ari_password.get_secret_value())
    url = f"http://127.0.0.1:{config.http_port}/ari/events?app={ari.application}"
    async with aiohttp.ClientSession(headers={"Authorization": auth}) as http, http.ws_connect(url) as socket:
        await ari.events.user_event("bell")
        assert json.loads((await socket.receive()).data)["eventname"] == "bell"


@in_loop
async def test_an_open_socket_that_asterisk_sends_nothing_to_is_found_out_and_replaced(asterisk, clips):
    async with desk(asterisk, "deaf", heartbeat=1.0) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.long])
        await caller.hears(clips.long)
        await deafen(asterisk, ours.ari)
        await ours.ari.events.user_event("bell")
        assert await ours.ari.applications.get() == [line.began.call], "no request tells that we are deaf"
        await until(lambda: ours.ari.counts["deaf"] == 1 and ours.ari.ready)
        await caller.press("7")
        assert await hear(line) == Key("7")
        await line.hush()
        assert await hear(line) == Played(whole=False)
        assert not ours.ari.strangers.counts
        assert not ours.board.leaked()


@in_loop
async def test_a_name_that_asterisk_forgot_is_made_known_again(asterisk, clips):
    async with desk(asterisk, "forgotten", heartbeat=1.0) as ours:
        await deafen(asterisk, ours.ari)
        await until(lambda: ours.ari.counts["connections"] == 2 and ours.ari.ready)
        async with calling(asterisk, clips):
            await ours.line()


@in_loop
async def test_a_second_controller_of_the_same_name_takes_the_calls_and_ends_the_first(asterisk, clips):
    async with Ari(settings(asterisk, "twin")) as ari:
        first = Desk(ari)
        task = asyncio.create_task(first.board.run())
        await until(lambda: first.board.ready)
        async with calling(asterisk, clips) as caller:
            line = await first.line()
            async with desk(asterisk, "twin") as second:
                with pytest.raises(ApplicationTaken):
                    await asyncio.wait_for(task, 5)
                adopted = await second.line(adopted=True)
                assert adopted.began == line.began
                with pytest.raises(ApplicationTaken):
                    await line.play([clips.first])
                await caller.press("7")
                assert await hear(adopted) == Key("7")


@in_loop
async def test_of_two_controllers_each_call_has_exactly_one(asterisk, clips):
    async with desk(asterisk, "left") as left, desk(asterisk, "right") as right:
        async with contextlib.AsyncExitStack() as calls:
            for _ in range(6):
                await calls.enter_async_context(calling(asterisk, clips))
            await until(lambda: left.board.in_hand + right.board.in_hand == 6)
            taken = left.board.counts["taken"], right.board.counts["taken"]
            assert sum(taken) == 6
        await until(lambda: left.board.in_hand + right.board.in_hand == 0)


@in_loop
async def test_a_call_that_asterisk_lists_for_two_controllers_stays_with_the_one_that_conducts_it(asterisk, clips):
    async with desk(asterisk, "rightful") as rightful, contextlib.AsyncExitStack() as later:
        async with desk(asterisk, "other", capacity=0) as other:
            caller = await later.enter_async_context(calling(asterisk, clips))
            line = await rightful.line()
            call = line.began.call
            await line.play([clips.long])
            await caller.hears(clips.long)
            await other.board.account_for([call])
            assert not await other.ari.applications.get(), "no subscription to a call that another conducts"
            await other.ari.applications.subscribe(call)
            assert await other.ari.applications.get() == [call], "what Asterisk lists is no proof of who conducts it"
        other = await later.enter_async_context(desk(asterisk, "other", ours=False))
        assert (await other.line(adopted=True)).began == line.began
        await until(lambda: other.board.counts["another's"] == 1)
        await caller.press("7")
        assert await hear(line) == Key("7"), "and no Played before it"
        await line.hush()
        assert await hear(line) == Played(whole=False)
        await line.hang_up()
        assert await rightful.ended(call) is Cause.US
        await until(lambda: not other.board._calls)
        assert not other.over
        assert not other.board.leaked()


@in_loop
async def test_a_full_controller_leaves_the_caller_to_the_dialplan(asterisk, clips):
    async with desk(asterisk, capacity=1) as ours, calling(asterisk, clips):
        await ours.line()
        async with calling(asterisk, clips) as second:
            await second.hears("uk/apology")
            await second.hears("uk/agents_busy")
            await second.hung_up()
        assert ours.board.counts["refused"] == 2, "offered before people, and after them"


@in_loop
async def test_asterisk_sends_only_what_was_asked_for_and_all_of_it_is_known(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips) as caller:
        line = await ours.line()
        await line.play([clips.first, clips.second])
        await caller.press("1")
        assert {await hear(line), await hear(line)} == {Key("1"), Played(whole=True)}
        await line.hang_up()
        await ours.ended(line.began.call)
        # broadcast, start, key, prompt finished, 2 requests to hang up, filler finished, end, destroyed
        assert ours.ari.counts["events"] == 9
        assert not ours.ari.strangers.counts


@in_loop
async def test_late_and_mistaken_requests_are_refused_as_the_client_expects(asterisk, clips):
    async with desk(asterisk) as ours, calling(asterisk, clips):
        line = await ours.line()
        call = line.began.call
        for request, status in (
            (ours.ari.channels.get("nobody"), 404),
            (ours.ari.channels.hangup("nobody"), 404),
            (ours.ari.channels.play_with_id("nobody", "x", ["sound:x"]), 404),
            (ours.ari.playbacks.stop("nothing"), 404),
            (ours.ari.applications.subscribe("nobody"), 422),
            (ours.ari.events.claim_channel("nobody"), 404),
            (ours.ari.events.claim_channel(call), 409),
        ):
            with pytest.raises(AriError) as refused:
                await request
            assert refused.value.status == status, refused.value.request
