"""A world for the scripted caller without waiting and without a network.

`world()` runs a test on an event loop whose clock jumps to the next timer as soon as nothing is left to do, and
whose datagrams travel through memory: an hour of ringing takes a millisecond, and every run is the same.
`Exchange` is the far side: a telephone exchange with a memory, written on raw text so that it shares no code with
what it tests.
"""

import asyncio
import re
import selectors
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

Address = tuple[str, int]


class _Jump(selectors.SelectSelector):
    """Never waits: time passes instead."""

    now = 1000.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits and nothing will ever happen")
        if not ready and timeout:
            self.now += timeout
        return ready


class _Transport(asyncio.DatagramTransport):
    def __init__(self, net, protocol, local, remote):
        super().__init__()
        self.net, self.protocol, self.local, self.remote = net, protocol, local, remote
        self.closing = False

    def get_extra_info(self, name, default=None):
        return {"sockname": self.local, "peername": self.remote}.get(name, default)

    def sendto(self, data, addr=None):
        assert not self.closing, "sent on a closed socket"
        self.net.send(self, bytes(data), addr or self.remote)

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True
        self.net.sockets.pop(self.local, None)


class Net:
    """Datagrams, 1 ms on their way. `copies` decides how many of each arrive (0 = lost)."""

    def __init__(self, loop):
        self.loop = loop
        self.sockets: dict[Address, _Transport] = {}
        self.copies: Callable[[bytes], int] = lambda data: 1
        self.next_port = 30001
        self.last = 0.0

    def bind(self, protocol, local=None, remote=None):
        if local is None or local[1] == 0:
            local = ("127.0.0.1", self.next_port)
            self.next_port += 1
        transport = self.sockets[local] = _Transport(self, protocol, local, remote)
        protocol.connection_made(transport)
        return transport

    def send(self, sender, data, to):
        for _ in range(self.copies(data)):
            self.last = max(self.loop.time() + 0.001, self.last + 1e-7)  # in the order of their sending
            self.loop.call_at(self.last, self._deliver, sender, data, to)

    def _deliver(self, sender, data, to):
        receiver = self.sockets.get(to)
        if receiver is None:
            if sender.remote is not None and not sender.closing:
                sender.protocol.error_received(ConnectionRefusedError(111, "Connection refused"))
        elif receiver.remote in (None, sender.local):
            receiver.protocol.datagram_received(data, sender.local)


class World(asyncio.SelectorEventLoop):
    def __init__(self):
        self.selector = _Jump()
        super().__init__(self.selector)
        self._clock_resolution = 1e-9
        self.net = Net(self)
        self.troubles: list[dict] = []
        self.set_exception_handler(lambda loop, context: self.troubles.append(context))

    def time(self):
        return self.selector.now

    async def create_datagram_endpoint(self, protocol_factory, local_addr=None, remote_addr=None, **_):
        protocol = protocol_factory()
        return self.net.bind(protocol, local_addr, remote_addr), protocol

    async def getaddrinfo(self, host, port, **_):
        return [(2, 2, 17, "", ("127.0.0.1" if host == "localhost" else host, port))]


def world(test: Callable[[World], Awaitable[None]]) -> None:
    """Run `test` in a world of its own; an exception that only the loop saw fails it, too."""
    loop = World()
    try:
        loop.run_until_complete(asyncio.wait_for(test(loop), 3600))
        assert not loop.troubles, loop.troubles
        assert not loop.net.sockets, f"sockets left open: {list(loop.net.sockets)}"
    finally:
        loop.close()


def speech(seed: int, seconds: float, lead: float = 0.04, tail: float = 0.1) -> np.ndarray:
    """Something like speech: harmonics of a wandering pitch under wandering formants, in syllables."""
    random = np.random.default_rng(seed)
    count = round(seconds * 50) * 160
    time, knots = np.arange(count), max(4, int(seconds * 8))

    def curve(low, high):
        return np.interp(time, np.linspace(0, count, knots), random.uniform(low, high, knots))

    pitch, low, high = curve(90, 180), curve(300, 800), curve(900, 2200)
    phase = 2 * np.pi * np.cumsum(pitch) / 8000
    sound = 0.05 * random.standard_normal(count)
    for harmonic in range(1, 20):
        hertz = harmonic * pitch
        level = np.exp(-(((hertz - low) / 150) ** 2)) + 0.5 * np.exp(-(((hertz - high) / 250) ** 2))
        sound += level * np.sin(harmonic * phase)
    sound *= np.clip(curve(0.1, 1), 0, 1)
    sound *= 12000 / np.abs(sound).max()
    silence = [np.zeros(round(part * 50) * 160) for part in (lead, tail)]
    return np.round(np.concatenate([silence[0], sound, silence[1]])).astype(np.int16)


@dataclass
class Rtp:
    """A packet as the exchange received it."""

    at: float
    type: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes


@dataclass
class Exchange:
    """Answers one call at sip:...@127.0.0.1:5060. What it does to an INVITE is a list of statuses with delays."""

    loop: World
    script: list[tuple[float, str]] = field(default_factory=lambda: [(0.0, "100 Trying"), (0.1, "200 OK")])
    events: bool = True
    """Whether its answer takes telephone-event."""
    sdp: str | None = None
    """Another session description than the usual one."""
    headers: str = ""
    """More header lines for every response to INVITE."""
    log: list[str] = field(default_factory=list)
    """First lines of what came and (">") went."""
    requests: list[str] = field(default_factory=list)
    rtp: list[Rtp] = field(default_factory=list)

    def __post_init__(self):
        self.sip = self.loop.net.bind(self, ("127.0.0.1", 5060))
        self.media = self.loop.net.bind(_Media(self), ("127.0.0.1", 5062))
        self.caller: Address = ("", 0)
        self.caller_media: Address = ("", 0)
        self.invite = ""
        self.timers: list[asyncio.TimerHandle] = []
        self.sequence, self.timestamp = 65500, 7

    def connection_made(self, transport): ...

    def close(self):
        self.sip.close()
        self.media.close()

    # signalling

    def datagram_received(self, data, addr):
        text = data.decode()
        first = text.split("\r\n", 1)[0]
        self.log.append(first)
        method = first.split(" ")[0]
        self.caller = addr
        if method == "SIP/2.0":
            return
        self.requests.append(text)
        if method == "INVITE" and not self.invite:
            self.invite = text
            host = re.search(r"c=IN IP4 (\S+)", text)[1]
            self.caller_media = host, int(re.search(r"m=audio (\d+)", text)[1])
            for delay, status in self.script:
                self.timers.append(self.loop.call_later(delay, self.respond, text, status))
        elif method in ("BYE", "INFO"):
            self.respond(text, "200 OK")
        elif method == "CANCEL":
            for timer in self.timers:
                timer.cancel()
            self.respond(text, "200 OK")
            self.respond(self.invite, "487 Request Terminated")

    def respond(self, request, status):
        kept = [
            line
            for line in request.split("\r\n\r\n")[0].split("\r\n")[1:]
            if line.split(":")[0].lower() in ("via", "from", "call-id", "cseq")
        ]
        to = re.search(r"\r\nTo: ([^\r]*)", request)[1]
        if "tag=" not in to and not status.startswith("100"):
            to += ";tag=far"
        method = re.search(r"CSeq: \d+ (\w+)", request)[1]
        body = ""
        if method == "INVITE" and status[:3] in ("183", "200"):
            body = self.description() if self.sdp is None else self.sdp
            kept += ["Contact: <sip:far@127.0.0.1:5060>", "Content-Type: application/sdp"]
        extra = self.headers if method == "INVITE" else ""
        self.send("\r\n".join([f"SIP/2.0 {status}", *kept, f"To: {to}"]) + "\r\n" + extra, body)

    def description(self, direction="sendrecv", port=5062):
        events = "a=rtpmap:101 telephone-event/8000\r\n" if self.events else ""
        codec = re.search(r"RTP/AVP (\d+)", self.invite)[1]
        return (
            f"v=0\r\no=far 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {codec}{' 101' if self.events else ''}\r\n{events}a={direction}\r\n"
        )

    def send(self, head, body=""):
        self.log.append("> " + head.split("\r\n", 1)[0])
        self.sip.sendto(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode(), self.caller)

    def ask(self, method, number, headers="", body="", branch=None):
        """A request of the exchange inside the dialog."""
        name = re.search(r"\r\nFrom: ([^\r]*)", self.invite)[1]
        call = re.search(r"\r\nCall-ID: ([^\r]*)", self.invite)[1]
        self.send(
            f"{method} sip:caller@{self.caller[0]}:{self.caller[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch={branch or f'z9hG4bKfar{number}'}\r\nMax-Forwards: 70\r\n"
            f"f: <sip:x@127.0.0.1>;tag=far\r\nt: {name}\r\ni: {call}\r\nCSeq: {number} {method}\r\n{headers}",
            body,
        )

    def count(self, first):
        return sum(line.startswith(first) for line in self.log)

    def header(self, method, name):
        """That header of the last such request."""
        request = next(text for text in reversed(self.requests) if text.startswith(method))
        found = re.search(rf"\r\n{name}: ([^\r]*)", request)
        return found[1] if found else None

    # sound

    async def play(self, frames, gap=0.02):
        """Send frames, one each 20 ms. The sequence numbers wrap around early on."""
        for frame in frames:
            self.frame(frame)
            await asyncio.sleep(gap)

    def frame(self, payload, type=None, repeat=1, source=99):
        self.sequence = (self.sequence + 1) % 65536
        self.timestamp += 160
        type = int(re.search(r"RTP/AVP (\d+)", self.invite)[1]) if type is None else type
        head = bytes([0x80, type]) + self.sequence.to_bytes(2, "big") + self.timestamp.to_bytes(4, "big")
        for _ in range(repeat):
            self.media.sendto(head + source.to_bytes(4, "big") + payload, self.caller_media)

    def keys(self):
        """What a careful receiver makes of the telephone-events: one key per timestamp, with its duration in ms."""
        pressed: dict[int, tuple[str, int, bool]] = {}
        for packet in self.rtp:
            if packet.type == 101:
                code, flags = packet.payload[0], packet.payload[1]
                ended = pressed.get(packet.timestamp, ("", 0, False))[2] or bool(flags & 0x80)
                duration = int.from_bytes(packet.payload[2:4], "big") // 8
                pressed[packet.timestamp] = "0123456789*#ABCD"[code], duration, ended
        return list(pressed.values())


class _Media:
    def __init__(self, exchange):
        self.exchange = exchange

    def connection_made(self, transport): ...

    def datagram_received(self, data, addr):
        self.exchange.rtp.append(
            Rtp(
                self.exchange.loop.time(),
                data[1] & 127,
                bool(data[1] & 128),
                int.from_bytes(data[2:4], "big"),
                int.from_bytes(data[4:8], "big"),
                data[12:],
            )
        )
