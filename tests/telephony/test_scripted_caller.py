"""The scripted caller against the real Asterisk: what it sends arrives, and what Asterisk plays is recognised.

What is proved here the other telephony tests rely on: Asterisk encodes a prompt frame by frame as `hearing` assumes,
and a key is one key however it is sent.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from ivr.simulator.caller import Caller, Dtmf, latency
from ivr.simulator.g711 import CODECS, CodecName
from ivr.simulator.hearing import PromptIndex, read_sound
from ivr.simulator.keys import KEYS, Keying

pytestmark = pytest.mark.telephony

NUMBER = "+380501112233"


@pytest.fixture(scope="module")
def index(asterisk: Any) -> PromptIndex:
    return PromptIndex.from_folder(Path(asterisk.config.sounds))


@dataclass(frozen=True)
class Prompts:
    """Some of the hotline's own clips: two of some seconds, and some short ones."""

    greeting: str
    account: str
    short: list[str]


@pytest.fixture(scope="module")
def prompts(index: PromptIndex) -> Prompts:
    long = [clip.name for clip in index.clips if clip.lang == "uk" and 60 <= clip.frames <= 150]
    short = [clip.name for clip in index.clips if clip.lang == "uk" and 10 <= clip.frames <= 40]
    return Prompts(long[0], long[-1], short[:: len(short) // 4])


class Controller:
    """Plays a greeting, answers `#` with another prompt, `D` with a hang-up, and remembers every key."""

    def __init__(self, url: str, http: aiohttp.ClientSession, name: str, prompts: Prompts) -> None:
        self.url, self.http, self.name = url, http, name
        self.greeting, self.answer = [prompts.greeting], [prompts.account]
        self.keys: dict[str, str] = {}
        """Caller's number -> keys."""
        self.durations: list[int] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def post(self, path: str, **query: str) -> None:
        async with self.http.post(f"{self.url}/{path}", params=query) as response:
            assert response.status < 300, await response.text()

    def play(self, channel: str, clips: list[str]) -> None:
        self.do(self.post(f"channels/{channel}/play", media=",".join(f"sound:ivr/{clip}" for clip in clips)))

    def do(self, work: Any) -> None:
        self.tasks.add(asyncio.create_task(work))

    async def delete(self, channel: str) -> None:
        async with self.http.delete(f"{self.url}/channels/{channel}"):
            pass

    async def run(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = json.loads(message.data)
            channel = event.get("channel", {}).get("id", "")
            match event["type"]:
                case "CallBroadcast":
                    self.do(self.post("events/claim", channelId=channel, application=self.name))
                case "StasisStart":
                    self.keys[event["channel"]["caller"]["number"]] = ""
                    self.play(channel, self.greeting)
                case "ChannelDtmfReceived":
                    self.keys[event["channel"]["caller"]["number"]] += event["digit"]
                    self.durations.append(event["duration_ms"])
                    if event["digit"] == "#":
                        self.play(channel, self.answer)
                    if event["digit"] == "D":
                        self.do(self.delete(channel))


@contextlib.asynccontextmanager
async def controller(asterisk: Any, prompts: Prompts) -> AsyncIterator[Controller]:
    config = asterisk.config
    account = f"{config.ari_user}:{config.ari_password.get_secret_value()}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(account).decode()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        name = "ivr-scripted"
        async with http.ws_connect(f"{config.ari_url}/events", params={"app": name}) as socket:
            work = Controller(config.ari_url, http, name, prompts)
            running = asyncio.create_task(work.run(socket))
            try:
                yield work
            finally:
                running.cancel()
                done = await asyncio.gather(running, *work.tasks, return_exceptions=True)
        assert not [each for each in done if isinstance(each, Exception)], "the controller failed"


def uri(asterisk: Any) -> str:
    return f"sip:700@127.0.0.1:{asterisk.config.sip_port}"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtmf", ["rfc4733", "inband", "info"])
def test_every_key_arrives_once_and_every_prompt_is_recognised_frame_by_frame(
    asterisk: Any, index: PromptIndex, prompts: Prompts, dtmf: Dtmf, codec: CodecName
):
    async def test() -> None:
        async with controller(asterisk, prompts) as conductor:
            conductor.greeting = [prompts.greeting, *prompts.short, prompts.short[-1]]
            async with Caller(index, from_user=dtmf, from_number=NUMBER, dtmf=dtmf, codec=codec) as call:
                await call.dial(uri(asterisk))
                for clip in conductor.greeting:
                    heard = await call.hears(clip, timeout=5)
                await call.quiet(0.3)
                assert heard.complete
                pressed = await call.press("0123456789*ABC#")
                answer = await call.hears(prompts.account, timeout=3)
                assert 0 < latency(pressed, answer).packet < 1
                assert answer.onset - answer.first_packet == pytest.approx(answer.clip.onset * 0.02, abs=0.02)
                await call.quiet(0.3)
                await call.press("D")
                hangup = await call.hung_up(timeout=3)
                assert (hangup.by, hangup.cause) == ("them", 16)
            assert conductor.keys == {NUMBER: "0123456789*ABC#D"}
            assert [str(each) for each in call.heard] == [*conductor.greeting, prompts.account]
            assert all(each.by == "frames" and each.complete for each in call.heard)
            assert call.unknown == 0

    asyncio.run(test())


def test_what_the_dialplan_plays_is_recognised_too(asterisk: Any, index: PromptIndex, prompts: Prompts):
    """Nobody conducts the call, so Playback apologises."""

    async def test() -> None:
        async with Caller(index, from_user="rfc4733") as call:
            await call.dial(uri(asterisk))
            assert (await call.hears("uk/apology", timeout=5)).by == "frames"

    asyncio.run(test())


ODD_TELEPHONES = {
    "20 ms": Keying(20, 60),
    "40 ms": Keying(40, 40),
    "2 s": Keying(2000, 80),
    "ten ends": Keying(end_packets=10),
    "one end": Keying(end_packets=1),
    "no marker": Keying(marker=False),
    "doubled": Keying(doubled=True),
    "first packet lost": Keying(lost=frozenset({0})),
    "two ends lost": Keying(lost=frozenset({5, 6})),
    "middle lost": Keying(lost=frozenset({1, 2, 3})),
}


def test_a_key_of_an_odd_telephone_is_one_key(asterisk: Any, index: PromptIndex, prompts: Prompts):
    numbers = {name: f"+38067{n:07}" for n, name in enumerate(ODD_TELEPHONES)}
    keys = {name: "1123#" if each.tone_ms > 1000 else KEYS[:10] + "5500**#" for name, each in ODD_TELEPHONES.items()}

    async def one(name: str, number: str) -> None:
        keying = ODD_TELEPHONES[name]
        async with Caller(index, from_user="rfc4733", from_number=number, keying=keying) as call:
            await call.dial(uri(asterisk))
            await call.hears(prompts.greeting, timeout=5)
            await call.press(keys[name])
            await call.hears(prompts.account, timeout=5)

    async def test() -> None:
        async with controller(asterisk, prompts) as conductor:
            await asyncio.gather(*(one(name, number) for name, number in numbers.items()))
        assert {name: conductor.keys[number] for name, number in numbers.items()} == keys

    asyncio.run(test())


def test_the_time_line_of_what_was_heard_holds_the_prompts_where_they_were_played(
    asterisk: Any, index: PromptIndex, prompts: Prompts
):
    async def test() -> None:
        async with controller(asterisk, prompts), Caller(index, from_user="rfc4733", from_number=NUMBER) as call:
            await call.dial(uri(asterisk))
            heard = await call.hears(prompts.greeting, timeout=5)
            await call.quiet(1.0)
            await call.press("#")
            answer = await call.hears(prompts.account, timeout=5)
            await call.quiet(0.3)
        audio = call.audio().astype(float)
        for each in (heard, answer):
            sound = read_sound(Path(asterisk.config.sounds) / f"{each}.alaw")[: 160 * each.clip.frames].astype(float)
            at = round(call.since_answer(each.first_packet) * 8000)
            around = audio[max(0, at - 480) : at + len(sound) + 480]
            likeness = np.correlate(around, sound, "valid") / np.linalg.norm(sound) ** 2
            assert likeness.max() == pytest.approx(1, abs=0.01)

    asyncio.run(test())


def test_a_telephone_that_sends_no_packets_hears_all_the_same(asterisk: Any, index: PromptIndex, prompts: Prompts):
    async def test() -> None:
        async with controller(asterisk, prompts) as conductor:
            silent = Caller(index, from_user="info", dtmf="info", from_number=NUMBER, send_rtp=False)
            async with silent as call:
                await call.dial(uri(asterisk))
                await call.hears(prompts.greeting, timeout=5)
                await call.press("12#")
                await call.hears(prompts.account, timeout=5)
            assert conductor.keys == {NUMBER: "12#"} and call.stats.sent == 0

    asyncio.run(test())


def test_twenty_calls_at_once_lose_no_key(asterisk: Any, index: PromptIndex, prompts: Prompts):
    keys = "0123456789#"

    async def one(n: int) -> Caller:
        await asyncio.sleep(n * 0.037)
        async with Caller(index, from_user="rfc4733", from_number=f"+38050{n:07}", keep_audio=False) as call:
            await call.dial(uri(asterisk))
            await call.hears(prompts.greeting, timeout=10)
            await call.press(keys)
            await call.hears(prompts.account, timeout=10)
        return call

    async def test() -> None:
        async with controller(asterisk, prompts) as conductor:
            calls = await asyncio.gather(*(one(n) for n in range(20)))
            assert conductor.keys == {f"+38050{n:07}": keys for n in range(20)}
        assert all(call.unknown == 0 for call in calls)

    asyncio.run(test())
