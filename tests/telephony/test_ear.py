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
from ivr.simulator.g711 import CODECS, RATE, CodecName, Samples
from ivr.simulator.keys import Keying
from tests.ears import Hears, Listens, nobody_there
from tests.telephony.test_line import Cable, Clips, Desk, calling, clips, desk, hear, in_loop, until

__all__ = ["clips"]

pytestmark = pytest.mark.telephony

YES_NO = Listening("uk", ("так", "ні"))
UNLIKE = 0.2
"""Correlation of audio that has nothing to do with each other stays below."""


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


def likeness(heard: Samples, said: Samples) -> tuple[float, int]:
    """The best correlation of `said` anywhere in `heard` (1: the same but for loudness), and at which sample."""
    a, b = heard.astype(np.float64), said.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    against = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a) - len(b) + 1]
    power = np.concatenate([[0.0], np.cumsum(a * a)])
    window = np.maximum(power[len(b) :] - power[: len(a) - len(b) + 1], 1.0)
    at = int(np.argmax(against / np.sqrt(window)))
    return float(against[at] / np.sqrt(window[at] * float(b @ b))), at


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
        through = CODECS[codec].decode(CODECS[codec].encode(said))
        exact, at = likeness(call.ear.samples, through)
        assert exact > 0.999
        assert np.array_equal(call.ear.samples[at : at + len(through)], through), "not one sample is changed"
        prompt = clip(asterisk, clips.long)[: 2 * RATE]
        assert likeness(call.ear.samples, prompt)[0] < UNLIKE, "the prompt is not what the caller says"
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
            assert likeness(heirs.ears[0].samples, said)[0] > 0.999
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
