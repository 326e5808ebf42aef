"""The caller's audio on a real Asterisk: it arrives, it is the caller's only, and nothing of it outlives the call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.server import AsteriskServer, configure
from ivr.ports import Cause, Deaf, Gone, Key, Listening, Played, Utterance
from ivr.simulator.caller import Caller, CallFailed
from ivr.simulator.g711 import CODECS, FRAME, Codec, CodecName, Samples
from ivr.simulator.keys import Keying
from tests.ears import Hears, Listens, nobody_there
from tests.telephony.test_line import Cable, Clips, Desk, calling, clips, desk, hear, in_loop, until

__all__ = ["clips"]

pytestmark = pytest.mark.telephony

YES_NO = Listening("uk", ("так", "ні"))
MOST_SILENCE = 5
"""Frames that may be put into an utterance of a second on a busy machine."""


@dataclass
class Listened:
    """A call whose caller is listened to, with audio flowing."""

    desk: Desk
    caller: Caller
    line: AsteriskLine
    ear: Hears
    recogniser: Listens

    async def ends_without_a_trace(self, asterisk: AsteriskServer) -> None:
        """Once the call is over, nothing of ours is left, neither here nor on Asterisk."""
        await self.desk.ended(self.line.began.call)
        assert not self.desk.board.leaked()
        assert taps(asterisk) == 0
        assert self.ear.closed
        async with asyncio.timeout(5):
            await self.ear.hung_up.wait()


@contextlib.asynccontextmanager
async def listened(
    asterisk: AsteriskServer, clips: Clips, name: str = "desk", port: int | None = None, **caller: Any
) -> AsyncIterator[Listened]:
    async with (
        Listens() as recogniser,
        desk(asterisk, name, port, recogniser=recogniser) as ours,
        calling(asterisk, clips, **caller) as phone,
    ):
        line = await ours.line()
        await line.listen(YES_NO)
        [ear] = recogniser.ears
        await ear.audio()
        yield Listened(ours, phone, line, ear, recogniser)


def came_whole(heard: Samples, said: Samples, codec: Codec) -> bool:
    """Every frame of what was said came, unchanged and in order, with nothing but silence around and between.

    A tap reads every 20 ms by its own clock: where a packet is late it hears silence, and is a frame later from then.
    """
    silence = codec.decode(codec.silence)
    whole = np.concatenate([said, np.zeros(-len(said) % FRAME, np.int16)]).reshape(-1, FRAME)
    wanted = [codec.decode(codec.encode(frame + silence)).tobytes() for frame in whole]
    silent = {silence.tobytes(), bytes(2 * FRAME)}
    came: list[int] = []
    for place, frame in enumerate(heard.reshape(-1, FRAME)):
        if len(came) < len(wanted) and frame.tobytes() == wanted[len(came)]:
            came.append(place)
        elif frame.tobytes() not in silent:
            return False
    return len(came) == len(wanted) and came[-1] - came[0] < len(wanted) + MOST_SILENCE


def clip(asterisk: AsteriskServer, name: str) -> Samples:
    return CODECS["PCMA"].decode((asterisk.config.sounds / f"{name}.alaw").read_bytes())


def taps(asterisk: AsteriskServer) -> int:
    """Channels on Asterisk that snoop."""
    return sum(line.startswith("Snoop/") for line in asterisk.cli("core show channels concise").splitlines())


async def gone(line: AsteriskLine) -> Gone:
    while not isinstance(what := await hear(line), Gone):
        pass
    return what


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
@in_loop
async def test_what_the_caller_says_arrives_sample_by_sample_and_nothing_of_the_prompt(
    asterisk, clips, codec: CodecName
):
    async with listened(asterisk, clips, codec=codec) as call:
        await call.line.play([clips.long])
        await call.caller.hears(clips.long)
        said = clip(asterisk, clips.first)
        await call.caller.play(said)
        await call.ear.audio(0.3)
        assert came_whole(call.ear.samples, said, CODECS[codec])
        assert (call.ear.kinds, call.ear.lengths) == ({0x10}, {320})
        assert [asked for asked in call.ear.asked if asked] == [YES_NO, (clips.long,)]


@in_loop
async def test_who_hangs_up_is_listened_to_no_longer(asterisk, clips):
    async with listened(asterisk, clips) as call:
        await call.caller.hang_up()
        assert await gone(call.line) == Gone(Cause.CALLER)
        await call.ends_without_a_trace(asterisk)


@in_loop
async def test_whom_we_hang_up_on_is_listened_to_no_longer(asterisk, clips):
    async with listened(asterisk, clips) as call:
        await call.line.hang_up()
        await call.caller.hung_up()
        assert await gone(call.line) == Gone(Cause.US)
        await call.ends_without_a_trace(asterisk)


@in_loop
async def test_a_caller_who_goes_to_people_is_listened_to_no_longer(asterisk, clips):
    asterisk.cli("dialplan add extension s,1,Wait(30) into people")
    async with listened(asterisk, clips) as call:
        await call.line.hand_over("people", "asked for them", "uk", {})
        await until(lambda: taps(asterisk) == 0)
        assert call.ear.closed
        assert await gone(call.line) == Gone(Cause.US)
        assert not call.desk.board.leaked()
        await call.caller.hang_up()
        await call.ends_without_a_trace(asterisk)


@in_loop
async def test_a_tap_is_no_caller(asterisk, clips):
    async with listened(asterisk, clips) as call:
        board = call.desk.board
        assert (board.in_hand, board.counts["taken"], taps(asterisk)) == (1, 1, 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await call.desk.line()
        await board.account_for([call.line.began.call])
        assert board.in_hand == 1


@in_loop
async def test_a_connection_that_breaks_is_heard_once_and_the_call_goes_on_by_keys(asterisk, clips):
    async with listened(asterisk, clips) as call:
        call.ear.cut()
        assert isinstance(await hear(call.line), Deaf)
        await until(lambda: taps(asterisk) == 0 and not call.desk.board.leaked())
        await call.line.listen(YES_NO)
        await call.line.play([clips.second])
        await call.caller.hears(clips.second)
        assert await hear(call.line) == Played(whole=True)
        await call.caller.press("5")
        assert await hear(call.line) == Key("5")
        await call.caller.hang_up()
        assert await hear(call.line) == Gone(Cause.CALLER)
        assert len(call.recogniser.ears) == 1, "who is deaf doesn't listen again"


@in_loop
async def test_a_recogniser_that_is_not_where_it_says_is_heard_once_and_does_no_harm(asterisk, clips):
    async with (
        Listens() as recogniser,
        desk(asterisk, recogniser=recogniser) as ours,
        calling(asterisk, clips) as caller,
    ):
        recogniser.address = nobody_there()
        line = await ours.line()
        await line.listen(YES_NO)
        await line.play([clips.first])
        heard = [await hear(line), await hear(line)]
        assert [type(one) for one in heard] == [Deaf, Played]
        assert heard[1] == Played(whole=True)
        await until(lambda: taps(asterisk) == 0 and not ours.board.leaked())
        await caller.press("1")
        assert await hear(line) == Key("1")


@in_loop
async def test_an_heir_takes_away_its_predecessors_tap_and_listens_itself(asterisk, clips):
    async with (
        Cable(asterisk.config.http_port) as cable,
        listened(asterisk, clips, "mortal", cable.port) as call,
        Listens() as heirs,
    ):
        cable.cut()
        async with desk(asterisk, "mortal", recogniser=heirs) as heir:
            line = await heir.line(adopted=True)
            await line.listen(YES_NO)
            async with asyncio.timeout(5):
                await call.ear.hung_up.wait()
            await heirs.ears[0].audio()
            assert taps(asterisk) == 1
            said = clip(asterisk, clips.first)
            await call.caller.play(said)
            await heirs.ears[0].audio(0.3)
            assert came_whole(heirs.ears[0].samples, said, CODECS["PCMA"])
            await line.conclude()
            heirs.ears[0].heard(Utterance())
            assert await hear(line) == Utterance()
            await call.caller.hang_up()
            assert await gone(line) == Gone(Cause.CALLER)
            await heir.ended(line.began.call)
            assert not heir.board.leaked()
            assert taps(asterisk) == 0


@in_loop
async def test_keys_sent_as_events_are_not_heard_as_sound(asterisk, clips):
    async with listened(asterisk, clips) as call:
        before = len(call.ear.samples)
        await call.caller.press("159", keying=Keying(tone_ms=200, gap_ms=100))
        assert [await hear(call.line) for _ in range(3)] == [Key("1"), Key("5"), Key("9")]
        await call.ear.audio(0.1)
        assert np.abs(call.ear.samples[before:]).max() <= 8, "A-law's silence"


@in_loop
async def test_of_keys_sent_as_tones_no_more_than_their_first_frame_is_heard(asterisk, clips):
    async with (
        Listens() as recogniser,
        desk(asterisk, recogniser=recogniser) as ours,
        Caller(clips.index, from_user="inband", from_number="0671234567", dtmf="inband") as caller,
    ):
        await caller.dial(f"sip:0800505050@127.0.0.1:{asterisk.config.sip_port}")
        line = await ours.line()
        await line.listen(YES_NO)
        [ear] = recogniser.ears
        await ear.audio()
        await caller.press("159", keying=Keying(tone_ms=200, gap_ms=100))
        assert [await hear(line) for _ in range(3)] == [Key("1"), Key("5"), Key("9")]
        await ear.audio(0.1)
        loud = np.abs(ear.samples.reshape(-1, FRAME)).max(axis=1) > 8
        assert np.count_nonzero(loud) <= 3
        assert not np.any(loud[1:] & loud[:-1])


@in_loop
async def test_a_telephone_that_sends_nothing_is_heard_as_silence_so_that_time_goes_on(asterisk, clips):
    async with (
        Listens() as recogniser,
        desk(asterisk, recogniser=recogniser) as ours,
        Caller(clips.index, from_user="info", from_number="0671234567", dtmf="info", send_rtp=False) as caller,
    ):
        await caller.dial(f"sip:0800505050@127.0.0.1:{asterisk.config.sip_port}")
        await (await ours.line()).listen(YES_NO)
        [ear] = recogniser.ears
        await ear.audio(0.5)
        began = ear.arrivals[0]
        assert len(ear.arrivals) == pytest.approx(50 * (ear.arrivals[-1] - began) + 1, abs=5)
        assert not ear.samples.any()


@in_loop
async def test_a_call_that_is_listened_to_counts_as_one(bundle, ports, tmp_path, asterisk, clips):
    config = configure(
        bundle, tmp_path, sounds=asterisk.config.sounds, ports=ports, loopback_endpoints=True, max_calls=2
    )
    async with (
        AsteriskServer(bundle, config, ports=ports) as small,
        Listens() as recogniser,
        desk(small, recogniser=recogniser) as ours,
        calling(small, clips),
        calling(small, clips) as second,
    ):
        for _ in range(2):
            await (await ours.line()).listen(YES_NO)
        for ear in recogniser.ears:
            await ear.audio()
        with pytest.raises(CallFailed) as refused:
            async with calling(small, clips):
                pass
        assert refused.value.status == 503
        await second.hang_up()
        async with calling(small, clips):
            await ours.line()
