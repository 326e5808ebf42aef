"""RTP of one call (RFC 3550): audio and keys out, paced at 20 ms; what comes in, on a wall-clock time line.

Rule 1: Silence is audio. A telephone never stops sending: without packets the far side's silence detection does
        not run. Only hold, or a caller made so on purpose, stops them.
Rule 2: The n-th tick is due at origin + n * 20 ms, whenever the ticks before it ran: lateness does not add up.
        One pacer serves all calls of an event loop, in four phases, so that they do not all send at once. What was
        late is counted: a load run with more than 1 % of late ticks says nothing about the far side.
Rule 3: The timestamp follows the ticks, the sequence number the packets. All packets of a key carry the
        timestamp of its start.
Rule 4: The far side sends nothing between prompts, so what was heard is placed by time of arrival, and inside a
        run of packets by timestamp.
Rule 5: What a caller's surroundings do to their sound happens last, as it goes out; without any, nothing is decoded.
Rule 6: Whatever cannot be read or does not belong to the call is counted and dropped.
"""

import asyncio
import math
import secrets
import struct
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, cast

import numpy as np

from ivr.simulator.acoustics import Surroundings
from ivr.simulator.g711 import FRAME, RATE, Codec, Samples
from ivr.simulator.keys import EventPacket, Keying, KeySent, Tick, event_ticks, tone_ticks, tones
from ivr.simulator.outcome import Spoken
from ivr.simulator.sdp import Malformed

TICK = 0.02
LATE = TICK / 2
"""A tick that runs this long after it was due, in seconds, is late."""
CATCH_UP = 10
"""Ticks that are sent in a burst after a stall; of a longer stall the rest is left out, as a telephone would."""
SKEW = 0.06
"""Seconds by which arrival and timestamp may disagree before a new run of packets is assumed."""

Clock = Callable[[], float]
FrameHandler = Callable[[int, bytes, float, bool], None]
"""Called with (sequence number counted on, payload of one frame, time of arrival, audible)."""


class Packet(NamedTuple):
    """An RTP packet as it was received."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    payload: bytes


def parse(data: bytes) -> Packet:
    """Raises Malformed where this is no RTP packet."""
    if len(data) < 12 or data[0] >> 6 != 2:
        raise Malformed("no RTP header")
    start = 12 + 4 * (data[0] & 15)
    if data[0] & 0x10:  # a header extension
        if len(data) < start + 4:
            raise Malformed("cut inside the header extension")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if data[0] & 0x20:
        end -= data[-1]
    if not start <= end:
        raise Malformed("header or padding longer than the packet")
    sequence, timestamp, source = struct.unpack_from("!HII", data, 2)
    return Packet(data[1] & 0x7F, sequence, timestamp, source, data[start:end])


@dataclass(slots=True)
class Stats:
    """Counts of one stream. `late_share` tells whether the machine kept up."""

    ticks: int = 0
    late_ticks: int = 0
    latest: float = 0.0
    """The worst lateness of a tick, in seconds."""
    sent: int = 0
    received: int = 0
    lost: int = 0
    duplicate: int = 0
    out_of_order: int = 0
    other: int = 0
    """Readable, but not audio of this call: another payload type or another sender."""
    garbage: int = 0

    @property
    def late_share(self) -> float:
        return self.late_ticks / self.ticks if self.ticks else 0.0


class TimeLine:
    """What was received, in order of arrival, on the caller's clock."""

    def __init__(self, codec: Codec, *, keep: bool) -> None:
        self._codec = codec
        self._keep = keep
        self._kept: list[tuple[float, int, int, bytes]] = []
        self.first = math.nan
        self.last = math.nan
        self.last_audible = math.nan

    def add(self, arrival: float, source: int, timestamp: int, payload: bytes, audible: bool) -> None:
        if math.isnan(self.first):
            self.first = arrival
        self.last = arrival
        if audible:
            self.last_audible = arrival
        if self._keep:
            self._kept.append((arrival, source, timestamp, payload))

    def audio(self, origin: float, until: float) -> Samples:
        """What was heard from `origin` to `until` (times of the clock), silent where nothing came."""
        heard = np.zeros(max(0, round((until - origin) * RATE)), dtype=np.int16)
        run_source, run_arrival, run_timestamp = -1, -math.inf, 0
        for arrival, source, timestamp, payload in self._kept:
            ahead = (timestamp - run_timestamp + 0x80000000) % 0x100000000 - 0x80000000
            place = run_arrival + ahead / RATE
            if source != run_source or not abs(place - arrival) <= SKEW:
                run_source, run_arrival, run_timestamp, place = source, arrival, timestamp, arrival
            at = round((place - origin) * RATE)
            samples = self._codec.decode(payload)[max(0, -at) :]
            at = max(0, at)
            room = heard[at : at + len(samples)]
            room[:] = samples[: len(room)]
        return heard


@dataclass(slots=True)
class _Speaking:
    """Sound that is going out, by turns: its first and its last audible one, and the one after which it is over."""

    first: int
    last: int
    over: int
    done: asyncio.Future[None]
    spoken: Spoken = field(default_factory=Spoken)

    def sent(self, turn: int, at: float) -> None:
        if turn == self.first:
            self.spoken.started = at
        if turn == self.last:
            self.spoken.ended = at
        if turn >= self.over and not self.done.done():
            self.done.set_result(None)


class RtpStream(asyncio.DatagramProtocol):
    """The audio of one call, both ways."""

    def __init__(
        self,
        codec: Codec,
        on_frame: FrameHandler,
        *,
        clock: Clock = time.monotonic,
        sending: bool = True,
        keep_audio: bool = True,
        stats: Stats | None = None,
        on_tick: Callable[[float], None] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.stats = stats or Stats()
        self.heard = TimeLine(codec, keep=keep_audio)
        self.remote: tuple[str, int] | None = None
        self.event_type: int | None = None
        """Payload type for telephone-event."""
        self.sending = sending
        self.clock = clock
        self._codec = codec
        self._on_frame = on_frame
        self._on_tick = on_tick
        self._surroundings = surroundings
        self._transport: asyncio.DatagramTransport | None = None
        self._frames: deque[bytes] = deque()
        self._plan: deque[Tick] = deque()
        self._ends: list[tuple[KeySent, asyncio.Future[None]]] = []
        self._spoken: list[_Speaking] = []
        self._turn = 0
        self._source = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._event_timestamp = 0
        self._pending_marker = True
        self._highest: int | None = None
        self._recent: deque[int] = deque(maxlen=256)
        self._remote_source: int | None = None

    async def open(self, host: str) -> None:
        """Give the stream a free even port of `host`; the odd one above is where the far side sends RTCP.

        Raises:
            OSError: no socket to be had (too many open files, no such address).
        """
        loop = asyncio.get_running_loop()
        for _ in range(64):
            transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
            if transport.get_extra_info("sockname")[1] % 2 == 0:
                return
            transport.close()
        raise OSError(f"no free even port for RTP on {host} in 64 attempts")

    @property
    def port(self) -> int:
        assert self._transport is not None
        return self._transport.get_extra_info("sockname")[1]

    def start(self) -> None:
        """Begin to send (once)."""
        Pacer.of_this_loop().join(self)

    def stop(self) -> None:
        """Send no more. What is still under way is received until `close`."""
        Pacer.of_this_loop().leave(self)
        for waiting in (*(done for _, done in self._ends), *(each.done for each in self._spoken)):
            waiting.cancel()

    def close(self) -> None:
        self.stop()
        if self._transport is not None:
            self._transport.close()

    # What goes out.

    async def key(self, sent: Sequence[KeySent], keying: Keying) -> None:
        """Press keys one after the other as telephone-events; returns when the last one has ended."""
        for each in sent:
            self._plan.extend(event_ticks(each, keying))
        await self._ended(sent)

    async def key_in_band(self, sent: Sequence[KeySent], keying: Keying) -> None:
        """Press keys as tones over whatever is being said; returns when the last one has ended."""
        for each in sent:
            self._mix(tones(each.key, keying.tone_ms), len(self._plan))
            self._plan.extend(tone_ticks(each, keying))
        await self._ended(sent)

    async def play(self, samples: Samples) -> Spoken:
        """Speak; returns when the last frame was sent. Two at once are mixed."""
        frames = self._codec.frames(samples)
        if not frames:
            return Spoken()
        self._mix(samples, 0)
        audible = [n for n, frame in enumerate(frames, self._turn + 1) if self._codec.audible(frame)]
        first, last = (audible[0], audible[-1]) if audible else (0, 0)
        speaking = _Speaking(first, last, self._turn + len(frames), asyncio.get_running_loop().create_future())
        self._spoken.append(speaking)
        await speaking.done
        return speaking.spoken

    async def _ended(self, sent: Sequence[KeySent]) -> None:
        if sent:
            done = asyncio.get_running_loop().create_future()
            self._ends.append((sent[-1], done))
            await done

    def _mix(self, samples: Samples, skip: int) -> None:
        frames = math.ceil(len(samples) / FRAME)
        missing = skip + frames - len(self._frames)
        self._frames.extend([self._codec.silence] * missing)
        pending = list(self._frames)
        under = self._codec.decode(b"".join(pending[skip : skip + frames])).astype(np.int32)
        under[: len(samples)] += samples
        mixed = self._codec.frames(np.clip(under, -32768, 32767).astype(np.int16))
        pending[skip : skip + frames] = mixed
        self._frames = deque(pending)

    def tick(self, lateness: float) -> None:
        """Send what is due. Called by the pacer every 20 ms."""
        self._turn += 1
        self.stats.ticks += 1
        self.stats.late_ticks += lateness > LATE
        self.stats.latest = max(self.stats.latest, lateness)
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        frame = self._frames.popleft() if self._frames else self._codec.silence
        if self._surroundings is not None:
            frame = self._codec.encode(self._surroundings.sent(self._codec.decode(frame)))
        step = self._plan.popleft() if self._plan else None
        if step is None or not step.events:
            self._send(self._codec.payload_type, self._pending_marker, self._timestamp, frame)
            self._pending_marker = False
        if step is not None:
            self._press(step)
        for speaking in self._spoken:
            speaking.sent(self._turn, self.clock())
        self._spoken = [each for each in self._spoken if each.over > self._turn]
        if self._on_tick is not None:
            self._on_tick(self.clock())

    def skip(self, ticks: int) -> None:
        """Leave out ticks that came far too late; their time has passed all the same."""
        self.stats.ticks += ticks
        self.stats.late_ticks += ticks
        self._timestamp = (self._timestamp + ticks * FRAME) & 0xFFFFFFFF

    def _press(self, step: Tick) -> None:
        if step.starts is not None:
            self._event_timestamp = self._timestamp
            step.starts.started = self.clock()
        if step.ends is not None:
            step.ends.ended = self.clock()
        before: EventPacket | None = None
        for packet in step.events:
            assert self.event_type is not None
            if packet is before:  # the network's copy has the number of the first one
                self._sequence = (self._sequence - 1) & 0xFFFF
            before = packet
            if packet.lost:
                self._sequence = (self._sequence + 1) & 0xFFFF
            else:
                self._send(self.event_type, packet.marker, self._event_timestamp, packet.payload())
        if step.ends is not None:
            for sent, done in self._ends:
                if sent is step.ends and not done.done():
                    done.set_result(None)
            self._ends = [waiting for waiting in self._ends if waiting[0] is not step.ends]

    def _send(self, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        if not self.sending or self.remote is None or self._transport is None:
            return
        if self._surroundings is not None and self._surroundings.lost():
            return
        mark = 0x80 if marker else 0
        header = struct.pack("!BBHII", 0x80, mark | payload_type, self._sequence, timestamp, self._source)
        self._transport.sendto(header + payload, self.remote)
        self.stats.sent += 1

    # What comes in.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        arrival = self.clock()
        try:
            packet = parse(data)
        except Malformed:
            self.stats.garbage += 1
            return
        if packet.payload_type != self._codec.payload_type or self.remote not in (None, addr[:2]):
            self.stats.other += 1
            return
        sequence = self._counted_on(packet)
        if sequence is None:
            return
        self.stats.received += 1
        audible = self._codec.audible(packet.payload)
        self.heard.add(arrival, packet.source, packet.timestamp, packet.payload, audible)
        if self._surroundings is not None:
            self._surroundings.heard(self._codec.decode(packet.payload))
        if len(packet.payload) == FRAME:  # what has another length is heard, but in no clip's frames
            self._on_frame(sequence, packet.payload, arrival, audible)

    def _counted_on(self, packet: Packet) -> int | None:
        """The sequence number without its wrap-around; None for a packet that was there already."""
        if packet.source != self._remote_source or self._highest is None:
            # A new source starts its own count; ours goes on above everything so far.
            self._remote_source = packet.source
            self._highest = packet.sequence + (0 if self._highest is None else ((self._highest >> 16) + 2) << 16)
            self._recent.append(self._highest)
            return self._highest
        step = (packet.sequence - self._highest + 0x8000) % 0x10000 - 0x8000
        sequence = self._highest + step
        if step > 0:
            self.stats.lost += step - 1
            self._highest = sequence
        elif sequence in self._recent:
            self.stats.duplicate += 1
            return None
        else:
            self.stats.out_of_order += 1
            self.stats.lost = max(0, self.stats.lost - 1)
        self._recent.append(sequence)
        return sequence

    def error_received(self, exc: Exception) -> None:
        """The far side's port is closed (ICMP). Signalling tells us what became of the call."""


class Pacer:
    """The one clock of all streams of an event loop."""

    PHASES = 4
    _of_loop: ClassVar["weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer]"] = weakref.WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._phases: list[list[RtpStream]] = [[] for _ in range(self.PHASES)]
        self._timer: asyncio.TimerHandle | None = None
        self._origin = 0.0
        self._step = 0

    @classmethod
    def of_this_loop(cls) -> "Pacer":
        loop = asyncio.get_running_loop()
        return cls._of_loop.setdefault(loop, cls(loop))

    def join(self, stream: RtpStream) -> None:
        if any(stream in phase for phase in self._phases):
            return
        min(self._phases, key=len).append(stream)
        if self._timer is None and (loop := self._loop()) is not None:
            self._origin, self._step = loop.time(), 0
            self._wait(loop)

    def leave(self, stream: RtpStream) -> None:
        for phase in self._phases:
            if stream in phase:
                phase.remove(stream)
        if self._timer is not None and not any(self._phases):
            self._timer.cancel()
            self._timer = None

    def _due(self, step: int) -> float:
        return self._origin + step * TICK / self.PHASES

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(self._due(self._step), self._run)

    def _run(self) -> None:
        loop = self._loop()
        if loop is None:
            return
        behind = int((loop.time() - self._due(self._step)) / TICK)
        if behind > CATCH_UP:
            left_out = behind - CATCH_UP
            self._step += left_out * self.PHASES
            for phase in self._phases:
                for stream in phase:
                    stream.skip(left_out)
        while (due := self._due(self._step)) <= loop.time() + 0.0005:
            for stream in tuple(self._phases[self._step % self.PHASES]):
                stream.tick(loop.time() - due)
            self._step += 1
        if self._timer is not None:  # nobody left while we were at it
            self._wait(loop)
