"""The raw recording and the clock: as long as the call, every prompt where it was, also if nobody else speaks.

The caller here never sends RTP: what Asterisk writes then comes from us alone. The caller shares no code with
the scripted caller, and the controller none with ours: what is tested is the configuration.
"""

import asyncio
import base64
import re
import secrets
import time
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import aiohttp
import numpy as np
import pytest

from ivr.asterisk.bundle import Bundle
from ivr.asterisk.config import AsteriskConfig
from ivr.asterisk.ports import Ports
from ivr.asterisk.server import AsteriskServer, configure

pytestmark = pytest.mark.telephony

RATE = 8000
CLOSE = 0.1  # seconds: what a prompt may be off its time
OFFERED = 0.7  # seconds in which nobody claims the call; what is missing in the recording for it


class MuteCaller(asyncio.DatagramProtocol):
    """Calls, answers what it must, sends no audio and hears none."""

    def __init__(self, port: int, user: str = "hotline", *, accept: int = 200) -> None:
        self.accept = accept
        self.to = f"sip:{user}@127.0.0.1:{port}"
        self.port = port
        self.call = secrets.token_hex(8)
        self.far = ""
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.over: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.answered = 0.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.wire, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.own = self.wire.get_extra_info("sockname")[1]
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.own} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )
        self.send("INVITE", 1, sdp)
        async with asyncio.timeout(10):
            assert await self.code == self.accept
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        self.wire.close()

    def hang_up(self) -> None:
        if self.accept == 200 and not self.over.done():
            self.send("BYE", 2)
            self.over.set_result(time.monotonic())

    def send(self, method: str, number: int, body: str = "") -> None:
        lines = [
            f"{method} {self.to} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.own};branch=z9hG4bK{secrets.token_hex(6)}",
            f"From: <sip:rfc4733@127.0.0.1>;tag={self.call[:4]}",
            f"To: <{self.to}>{self.far}",
            f"Call-ID: {self.call}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:rfc4733@127.0.0.1:{self.own}>",
            "P-Asserted-Identity: <sip:+380441234567@127.0.0.1>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.wire.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), ("127.0.0.1", self.port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[0] >> 6 == 2:
            return  # RTP, to the same port
        text = data.decode()
        if found := re.match(r"SIP/2\.0 ([2-6]\d\d)", text):
            if "INVITE" in text and not self.code.done():
                tag = re.search(r"\r\nTo:[^\r]*;tag=([^\s;]+)", text)
                self.far = f";tag={tag[1]}" if tag else ""
                self.answered = time.monotonic()
                self.send("ACK", 1)
                self.code.set_result(int(found[1]))
        elif not text.startswith("SIP/2.0"):
            kept = [
                line for line in text.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
            ]
            self.wire.sendto(
                ("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0"]) + "\r\n\r\n").encode(), addr
            )
            if text.startswith("BYE") and not self.over.done():
                self.over.set_result(time.monotonic())

    async def length(self) -> float:
        """Seconds from answer to hang-up, once it has come."""
        async with asyncio.timeout(20):
            return await self.over - self.answered


class Controller:
    """The least that claims a call."""

    def __init__(self, config: AsteriskConfig) -> None:
        self.config = config

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Self]:
        pair = f"{self.config.ari_user}:{self.config.ari_password.get_secret_value()}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        async with (
            aiohttp.ClientSession(headers=headers) as self.http,
            self.http.ws_connect(f"{self.config.ari_url}/events?app=ivr-mute") as self.events,
        ):
            yield self

    async def post(self, path: str, **values: str) -> None:
        async with self.http.post(self.config.ari_url + path, params=values) as answer:
            assert answer.status < 300, await answer.text()

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while (event := await self.events.receive_json())["type"] != kind:
                pass
        return event

    async def take(self) -> tuple[str, list[str]]:
        call = (await self.until("CallBroadcast"))["channel"]["id"]
        await self.post("/events/claim", channelId=call, application="ivr-mute")
        return call, (await self.until("StasisStart"))["args"]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Prompts that can be told from silence and from ringing."""
    (tmp_path / "sounds/uk").mkdir(parents=True)
    for name, seconds in (("half", 0.5), ("long", 3.0), ("apology", 0.5), ("agents_busy", 0.5), ("time_over", 0.5)):
        wave_form = 8000 * np.sin(2 * np.pi * 700 * np.arange(int(RATE * seconds)) / RATE)
        with wave.open(str(tmp_path / f"sounds/uk/{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(wave_form.astype("<i2").tobytes())
    return tmp_path / "sounds"


def start(bundle: Bundle, ports: Ports, tmp_path: Path, sounds: Path, **others: Any) -> AsteriskServer:
    config = configure(bundle, tmp_path / "run", sounds=sounds, ports=ports, loopback_endpoints=True, **others)
    return AsteriskServer(bundle, config, ports=ports)


def heard(recording: Path) -> tuple[float, list[tuple[float, float]]]:
    """Length of a raw recording, and when there was sound on the prompts' side (channel 1), in seconds."""
    both = np.fromfile(recording, "<i2").reshape(-1, 2)
    loud = np.flatnonzero(np.abs(both[:, 1].astype(int)) > 1000)
    cuts = np.flatnonzero(np.diff(loud) > RATE // 10)
    firsts, lasts = [loud[0], *loud[cuts + 1]], [*loud[cuts], loud[-1]]
    return len(both) / RATE, [(first / RATE, last / RATE) for first, last in zip(firsts, lasts, strict=True)]


def assert_media_on_loopback(server: AsteriskServer) -> None:
    ports = range(server.config.rtp_first, server.config.rtp_last + 1)
    lines = Path(f"/proc/{server.pid}/net/udp").read_text().splitlines()[1:]
    pairs = [line.split()[1].split(":") for line in lines]
    ours = [ip_address(bytes.fromhex(address)[::-1]) for address, port in pairs if int(port, 16) in ports]
    assert ours
    assert all(address.is_loopback for address in ours)


def test_prompts_stand_at_their_times_although_the_caller_sends_nothing(
    bundle: Bundle, ports: Ports, tmp_path: Path, sounds: Path
):
    with start(bundle, ports, tmp_path, sounds) as server:
        length, call, began = asyncio.run(_conduct(server))
    recorded, sounded = heard(server.config.spool / f"{call}.raw")
    assert recorded == pytest.approx(length, abs=CLOSE)
    assert [first for first, _ in sounded] == pytest.approx(began, abs=CLOSE)
    assert [last - first for first, last in sounded] == pytest.approx([0.5, 0.65, 0.5], abs=CLOSE)


async def _conduct(server: AsteriskServer) -> tuple[float, str, list[float]]:
    async with Controller(server.config).connected() as controller, MuteCaller(server.config.sip_port) as caller:
        call, arguments = await controller.take()
        assert arguments == ["hotline", "+380441234567"]
        began: list[float] = []
        for name, stop_after in (("half", 0.0), ("long", 0.6), ("half", 0.0)):
            await asyncio.sleep(1.2)  # nobody speaks: this is what the test is about
            playback = secrets.token_hex(4)
            began.append(time.monotonic() - caller.answered)
            await controller.post(f"/channels/{call}/play/{playback}", media=f"sound:ivr/uk/{name}")
            await controller.post(f"/channels/{call}/silence")
            if stop_after:
                await asyncio.sleep(stop_after)
                async with controller.http.delete(f"{server.config.ari_url}/playbacks/{playback}") as answer:
                    assert answer.status == 204
            await controller.until("PlaybackFinished")
        assert_media_on_loopback(server)
        await asyncio.sleep(1.2)
        async with controller.http.delete(f"{server.config.ari_url}/channels/{call}"):
            pass
        return await caller.length(), call, began


def test_without_a_controller_the_caller_hears_why_and_is_recorded(
    bundle: Bundle, ports: Ports, tmp_path: Path, sounds: Path
):
    with start(bundle, ports, tmp_path, sounds) as server:
        length = asyncio.run(_alone(server))
        (recording,) = server.config.spool.glob("*.raw")
    recorded, sounded = heard(recording)
    assert len(sounded) == 1
    assert recorded == pytest.approx(1.0, abs=CLOSE), "apology and agents_busy"
    assert length - recorded == pytest.approx(2 * OFFERED, abs=CLOSE), (
        "what is missing is the wait for a claim, before people and after them, and no more"
    )


async def _alone(server: AsteriskServer) -> float:
    async with MuteCaller(server.config.sip_port, "+380800500000") as caller:
        return await caller.length()


def test_a_call_without_any_prompt_file_still_ends(bundle: Bundle, ports: Ports, tmp_path: Path):
    with start(bundle, ports, tmp_path, tmp_path / "nothing") as server:
        assert asyncio.run(_alone(server)) == pytest.approx(2 * OFFERED, abs=0.3)


def test_a_call_whose_controller_vanished_ends_when_its_time_is_over(
    bundle: Bundle, ports: Ports, tmp_path: Path, sounds: Path
):
    with start(bundle, ports, tmp_path, sounds, longest_call=2) as server:
        length, call = asyncio.run(_abandon(server))
    assert length == pytest.approx(2.5, abs=0.3)
    recorded, sounded = heard(server.config.spool / f"{call}.raw")
    assert recorded == pytest.approx(length, abs=CLOSE)
    assert [first for first, _ in sounded] == pytest.approx([2.0], abs=CLOSE), "time_over"


async def _abandon(server: AsteriskServer) -> tuple[float, str]:
    async with AsyncExitStack() as calling:
        async with Controller(server.config).connected() as controller:
            caller = await calling.enter_async_context(MuteCaller(server.config.sip_port))
            call, _ = await controller.take()
        return await caller.length(), call


def test_the_recording_goes_on_while_agents_are_called(bundle: Bundle, ports: Ports, tmp_path: Path, sounds: Path):
    """Nobody is behind the agent's address: the caller hears ringing, one second in five.  Nobody claims it then."""
    settings = {"agents": ("sip:101@127.0.0.1:9",), "agent_seconds": 2}
    with start(bundle, ports, tmp_path, sounds, **settings) as server:
        length, call = asyncio.run(_hand_over(server))
    recorded, sounded = heard(server.config.spool / f"{call}.raw")
    assert length - recorded == pytest.approx(OFFERED, abs=2 * CLOSE)
    ringing, busy = sounded
    assert ringing[1] - ringing[0] == pytest.approx(1.0, abs=CLOSE)
    assert busy[0] - ringing[0] == pytest.approx(2.0, abs=2 * CLOSE)


async def _hand_over(server: AsteriskServer) -> tuple[float, str]:
    async with Controller(server.config).connected() as controller, MuteCaller(server.config.sip_port) as caller:
        call, _ = await controller.take()
        await controller.post(f"/channels/{call}/continue", context="agents", extension="s", priority="1")
        return await caller.length(), call


@pytest.mark.parametrize("user", ["s", "h", "T", "i", "agents", "hotline2"])
def test_no_extension_of_the_dialplans_own_can_be_dialled(asterisk: AsteriskServer, user: str):
    assert asyncio.run(_answer_to(asterisk, user)) == 404


async def _answer_to(server: AsteriskServer, user: str) -> int:
    async with MuteCaller(server.config.sip_port, user, accept=404) as caller:
        return await caller.code
