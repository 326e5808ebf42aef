"""A scripted caller: one telephone call, made by a program that presses keys, speaks, and knows what it hears.

    async with Caller(index, from_user="rfc4733", from_number="+380501112233") as caller:
        await caller.dial("sip:700@127.0.0.1:5060")
        await caller.hears("greeting", timeout=5)
        pressed = await caller.press("12345#")
        heard = await caller.hears("uk/read_back", timeout=5)
        print(latency(pressed, heard))
        await caller.hang_up()

Rule 1: Everything that is waited for is an event (a packet, a message); the clock only ends the waiting, with an
        error that tells what came instead (therefore `timeout` parameters, not asyncio.timeout around the call).
Rule 2: One clock, `time.monotonic`, for packets, keys and messages, so that differences mean something.
Rule 3: `heard` is the whole truth, in order. `hears` reads it from where the last `hears` stopped.
Rule 4: However a call ends, and whatever is thrown, the far side learns of it (CANCEL or BYE) and the sockets close.
Rule 5: Only loopback addresses are called, unless the caller is told otherwise: a load generator must not ring at
        somebody's door because of a mistyped address.
"""

import asyncio
import contextlib
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Literal, Self, TypeVar

from ivr.simulator import keys as telephone_keys
from ivr.simulator import sdp, sip
from ivr.simulator.acoustics import Surroundings
from ivr.simulator.g711 import CODECS, RATE, CodecName, Samples
from ivr.simulator.hearing import Clip, Heard, Listener, PromptIndex
from ivr.simulator.keys import Keying, KeySent
from ivr.simulator.outcome import (
    Answered,
    CallEnded,
    CallerError,
    CallFailed,
    Dtmf,
    Event,
    EventKind,
    HangUp,
    Latency,
    NotHeard,
    NotHungUp,
    Pressed,
    Spoken,
    latency,
)
from ivr.simulator.rtp import Clock, RtpStream, Stats

__all__ = [
    "Answered",
    "CallEnded",
    "CallFailed",
    "Caller",
    "CallerError",
    "Dtmf",
    "Event",
    "HangUp",
    "Heard",
    "Keying",
    "Latency",
    "NotHeard",
    "NotHungUp",
    "Pressed",
    "PromptIndex",
    "Spoken",
    "Stats",
    "latency",
]

T = TypeVar("T")
_PATIENCE = 2.0
"""Seconds that a goodbye may take."""


class Caller:
    """One call. Not to be dialled twice.

    Args:
        index: the hotline's prompts, shared among callers.
        from_user: user part of From; the test configuration of Asterisk selects the endpoint by it.
        from_number: the caller's number, sent as P-Asserted-Identity; None for a caller who shows none.
        display: display name in From and in P-Asserted-Identity.
        send_rtp: False for a telephone that never sends a packet; its keys then go as INFO or not at all.
        keep_audio: False saves 12 kB of memory per second heard; `audio` is then empty.
        headers: more headers for the INVITE.
        events_type: RTP payload type offered for telephone-event.
        surroundings: what becomes of the caller's sound on its way; None: nothing.
        on_event: called with each event as it happens.
        beyond_loopback: allow calls to other machines.
    """

    def __init__(
        self,
        index: PromptIndex,
        *,
        from_user: str,
        from_number: str | None = None,
        display: str | None = None,
        dtmf: Dtmf = "rfc4733",
        codec: CodecName = "PCMA",
        keying: Keying | None = None,
        send_rtp: bool = True,
        keep_audio: bool = True,
        headers: sip.Headers = (),
        events_type: int = 101,
        surroundings: Surroundings | None = None,
        on_event: Callable[[Event], None] | None = None,
        beyond_loopback: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self.heard: list[Heard] = []
        self.events: list[Event] = []
        self.answered: Answered | None = None
        self.hangup: HangUp | None = None
        self.stats = Stats()
        self._index = index
        self._from_user, self._from_number, self._display = from_user, from_number, display
        self._dtmf: Dtmf = dtmf
        self._codec = CODECS[codec]
        self._keying = keying or Keying()
        self._send_rtp, self._keep_audio = send_rtp, keep_audio
        self._headers = headers
        self._events_type = events_type if dtmf == "rfc4733" else None
        self._surroundings = surroundings
        self._on_event = on_event
        self._beyond_loopback = beyond_loopback
        self._clock = clock
        self._listener = Listener(index, self._codec, self._on_heard)
        self._cursor = 0
        self._leg: sip.Leg | None = None
        self._rtp: RtpStream | None = None
        self._session, self._version = secrets.randbits(30), 0
        self._news: asyncio.Future[None] | None = None
        self._progress = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    # The call.

    async def dial(self, uri: str, timeout: float = 20.0) -> Answered:  # noqa: ASYNC109
        """Call `sip:user@host:port`; returns when the far side has answered.

        Cancelling the task takes the call back (CANCEL).

        Raises:
            CallFailed: refused, redirected, not answered in `timeout` seconds, or nobody there.
            ValueError: not such a URI, or an address that may not be called.
        """
        if self._leg is not None:
            raise CallerError("a Caller makes one call; make another Caller for the next")
        host, port = await self._resolve(uri)
        dialled = self._clock()
        try:
            self._leg = await sip.open_leg(sip.Leg(self._on_request, self._on_message, self._on_ack), host, port)
            self._rtp = RtpStream(
                self._codec,
                self._listener.frame,
                clock=self._clock,
                sending=self._send_rtp,
                keep_audio=self._keep_audio,
                stats=self.stats,
                on_tick=self._listener.idle,
                surroundings=self._surroundings,
            )
            await self._rtp.open(self._leg.local[0])
            async with asyncio.timeout(timeout):
                final = await self._leg.invite(
                    uri, self._from(host), self._identity(host), self._describe(), self._on_provisional
                )
        except TimeoutError:
            await self._give_up()
            raise CallFailed(408, f"no answer in {timeout:g} s, last word: {self._progress or 'none'}") from None
        except sip.NoAnswer as silence:
            self._close()
            raise CallFailed(408, str(silence)) from None
        except BaseException:
            await self._give_up()
            raise
        if final.status >= 300:
            self._close()
            moved = f", moved to {final.get('contact')}" if final.status < 400 else ""
            raise CallFailed(final.status, final.reason + moved, sip.q850(final)[0])
        try:
            self._take(sdp.parse(final.body))
        except sdp.Malformed as wrong:
            await self._bye()
            self._close()
            raise CallFailed(488, f"the answer cannot be used: {wrong}") from wrong
        self.answered = Answered(self._clock(), dialled, self._codec.name, self._dtmf)
        self._rtp.start()
        return self.answered

    async def hang_up(self) -> None:
        """End the call, if there still is one, and close everything. May be called at any time and again."""
        if self.answered is not None and self.hangup is None:
            self.hangup = HangUp("us", self._clock())
            self._wake()
            await self._bye()
        self._close()

    async def hung_up(self, timeout: float = 10.0) -> HangUp:  # noqa: ASYNC109
        """Wait until the far side hangs up (or somebody has).

        Raises:
            NotHungUp: still connected after `timeout` seconds.
        """
        self._in_call(or_over=True)
        try:
            async with asyncio.timeout(timeout):
                while self.hangup is None:
                    await self._next_news()
        except TimeoutError:
            raise NotHungUp(f"the far side had not hung up after {timeout:g} s; {self._story(0)}") from None
        assert self.hangup is not None
        return self.hangup

    # Speaking.

    async def press(
        self, keys: str, *, tone_ms: int | None = None, gap_ms: int | None = None, keying: Keying | None = None
    ) -> Pressed:
        """Press keys one after the other; returns when the last one has ended.

        Raises:
            ValueError: no such keys, or none.
            CallEnded: there is no call, or it ended meanwhile.
            CallerError: this call has no way to send them.
        """
        telephone_keys.check(keys)
        if not keys:
            raise ValueError("no key to press")
        leg, rtp = self._in_call()
        keying = keying or self._keying
        if tone_ms is not None or gap_ms is not None:
            keying = replace(
                keying,
                tone_ms=keying.tone_ms if tone_ms is None else tone_ms,
                gap_ms=keying.gap_ms if gap_ms is None else gap_ms,
            )
        if self._dtmf != "info" and not rtp.sending:
            raise CallerError(f"no RTP is being sent (silent telephone, or on hold), so no {self._dtmf} keys either")
        if self._dtmf == "rfc4733" and rtp.event_type is None:
            raise CallerError("the far side's answer takes no telephone-event: is the endpoint's dtmf_mode rfc4733?")
        sent = tuple(KeySent(key) for key in keys)
        match self._dtmf:
            case "rfc4733":
                await self._unless_ended(rtp.key(sent, keying))
            case "inband":
                await self._unless_ended(rtp.key_in_band(sent, keying))
            case "info":
                await self._unless_ended(self._info(leg, sent, keying))
        self._note("key", keys)
        return Pressed(sent)

    async def play(self, samples: Samples, about: str = "") -> Spoken:
        """Speak int16 samples at 8 kHz; returns when they are said. Over keys or another `play` they are mixed.

        Args:
            samples: at 8 kHz, int16.
            about: what it is, for the log.

        Raises:
            CallEnded: there is no call, or it ended meanwhile.
        """
        _, rtp = self._in_call()
        spoken = await self._unless_ended(rtp.play(samples))
        self._note("voice", about or f"{len(samples) / RATE:.1f} s of sound", spoken.started)
        return spoken

    @property
    def silent_since(self) -> float:
        """When the last audible packet came, in seconds of the clock; nan before the first."""
        _, rtp = self._in_call(or_over=True)
        return rtp.heard.last_audible

    # Hearing.

    async def hears(self, prompt: str | Sequence[str], timeout: float = 10.0) -> Heard:  # noqa: ASYNC109
        """Wait until the beginning of a clip (or of any of several) is recognised, after the one found last.

        Args:
            prompt: `lang/key`, or a key in whatever language.
            timeout: seconds.

        Raises:
            NotHeard: it did not come, or the call ended first.
            UnknownPrompt: there is no such clip.
            CallEnded: nobody was called.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        wanted = frozenset(clip for each in prompts for clip in self._index.find(each))
        self._in_call(or_over=True)
        since, began = self._cursor, self._clock()
        self._listener.expect(wanted)
        try:
            async with asyncio.timeout(timeout):
                while (found := self._find(wanted)) is None and self.hangup is None:
                    await self._next_news()
        except TimeoutError:
            found = None
        finally:
            self._listener.expect(frozenset())
        if found is None:
            self._listener.settle()
            found = self._find(wanted)
        if found is None:
            waited = self._clock() - began
            raise NotHeard(prompts, waited, self.heard[since:], self._story(since))
        return found

    async def quiet(self, for_s: float = 0.6) -> None:
        """Wait until nothing audible has come for so many seconds, those before this call included."""
        _, rtp = self._in_call(or_over=True)
        assert self.answered is not None
        while self.hangup is None:
            last = rtp.heard.last_audible
            last = last if last > self.answered.at else self.answered.at
            if (rest := last + for_s - self._clock()) <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._next_news()

    def audio(self) -> Samples:
        """What was heard, int16 at 8 kHz, from the answer to the end of the call, or until now."""
        if self._rtp is None or self.answered is None:
            return self._codec.decode(b"")
        until = self.hangup.at if self.hangup else self._clock()
        return self._rtp.heard.audio(self.answered.at, until)

    @property
    def unknown(self) -> int:
        """Audible frames of 20 ms that belong to no clip: 0 where all that was played is known."""
        return self._listener.unknown

    def since_answer(self, at: float) -> float:
        """A time of the clock as seconds since the answer."""
        assert self.answered is not None
        return at - self.answered.at

    # Inside.

    async def _resolve(self, uri: str) -> tuple[str, int]:
        found = re.fullmatch(r"sip:(?:[^@\s]+@)?([^:;@\s]+)(?::(\d{1,5}))?(?:;\S*)?", uri)
        if not found:
            raise ValueError(f"not a SIP URI such as sip:700@127.0.0.1:5060: {uri!r}")
        port = int(found[2] or 5060)
        infos = await asyncio.get_running_loop().getaddrinfo(found[1], port, family=2)
        host = str(infos[0][4][0])
        if not self._beyond_loopback and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"{uri} is not on this machine; say beyond_loopback=True to call it all the same")
        return host, port

    def _from(self, host: str) -> str:
        return f"{self._quoted()}<sip:{self._from_user}@{host}>"

    def _identity(self, host: str) -> list[tuple[str, str]]:
        headers = list(self._headers)
        if self._from_number is not None:
            headers.append(("P-Asserted-Identity", f"{self._quoted()}<sip:{self._from_number}@{host}>"))
        return headers

    def _quoted(self) -> str:
        return "" if self._display is None else '"' + re.sub(r'(["\\])', r"\\\1", self._display) + '" '

    def _describe(self, direction: sdp.Direction = "sendrecv") -> bytes:
        assert self._leg is not None and self._rtp is not None
        self._version += 1
        return sdp.build(
            self._leg.local[0],
            self._rtp.port,
            codec=self._codec.name,
            payload_type=self._codec.payload_type,
            events=self._events_type,
            session=self._session,
            version=self._version,
            direction=direction,
        )

    def _take(self, media: sdp.Media) -> None:
        """Send where, what and whether the far side says."""
        assert self._rtp is not None
        if media.payload_type(self._codec.name) is None:
            raise sdp.Malformed(f"no {self._codec.name} in it")
        self._rtp.event_type = media.payload_type("telephone-event") if self._dtmf == "rfc4733" else None
        held = media.answer in ("recvonly", "inactive")
        self._rtp.sending = self._send_rtp and not held
        if not media.held:
            self._rtp.remote = media.host, media.port

    def _on_provisional(self, response: sip.Response) -> None:
        self._progress = f"{response.status} {response.reason}"
        if response.body and self._rtp is not None and self._rtp.remote is None:
            with contextlib.suppress(sdp.Malformed):
                self._take(sdp.parse(response.body))
                self._rtp.start()

    def _on_request(self, request: sip.Request) -> sip.Reply:
        match request.method:
            case "BYE":
                if self.hangup is None:
                    self.hangup = HangUp("them", self._clock(), *sip.q850(request))
                    self._stop()
                    self._wake()
                return sip.Reply(200, "OK")
            case "INVITE":
                return self._renegotiate(request)
            case "INFO":
                return sip.Reply(200, "OK")
        return sip.Reply(405, "Method Not Allowed", [("Allow", sip.ALLOW)])

    def _renegotiate(self, request: sip.Request) -> sip.Reply:
        direction: sdp.Direction = "sendrecv"
        if request.body:
            try:
                media = sdp.parse(request.body)
                self._take(media)
            except sdp.Malformed as wrong:
                return sip.Reply(488, f"Not Acceptable Here ({wrong})")
            direction = media.answer
            self._note("note", f"renegotiated: {direction}, RTP to {media.host}:{media.port}")
        return sip.Reply(200, "OK", [("Content-Type", "application/sdp")], self._describe(direction))

    def _on_ack(self, ack: sip.Request) -> None:
        if ack.body:  # the answer to an offer we made in a 200
            with contextlib.suppress(sdp.Malformed):
                self._take(sdp.parse(ack.body))

    def _on_message(self, way: Literal[">", "<"], message: sip.Message) -> None:
        self._note("sip>" if way == ">" else "sip<", str(message))

    def _on_heard(self, heard: Heard) -> None:
        self.heard.append(heard)
        self._note("heard", str(heard), heard.first_packet)
        self._wake()

    def _note(self, kind: EventKind, text: str, at: float | None = None) -> None:
        event = Event(self._clock() if at is None else at, kind, text)
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _next_news(self) -> None:
        if self._news is None or self._news.done():
            self._news = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._news)

    def _find(self, wanted: Iterable[Clip]) -> Heard | None:
        for at in range(self._cursor, len(self.heard)):
            if self.heard[at].is_any_of(wanted):
                self._cursor = at + 1
                return self.heard[at]
        return None

    def _in_call(self, *, or_over: bool = False) -> tuple[sip.Leg, RtpStream]:
        if self.answered is None or self._leg is None or self._rtp is None:
            raise CallEnded("there is no call: dial first")
        if self.hangup is not None and not or_over:
            raise CallEnded(f"the call is over: {self.hangup}")
        return self._leg, self._rtp

    async def _unless_ended(self, doing: Coroutine[None, None, T]) -> T:
        try:
            return await doing
        except asyncio.CancelledError:
            if self.hangup is None:
                raise
            raise CallEnded(f"the call ended meanwhile: {self.hangup}") from None

    async def _info(self, leg: sip.Leg, sent: Sequence[KeySent], keying: Keying) -> None:
        for n, key in enumerate(sent):
            if n:
                await asyncio.sleep(keying.gap_ms / 1000)
            key.started = self._clock()
            await asyncio.sleep(keying.tone_ms / 1000)  # the request tells the duration, so it goes out at the end
            self._in_call()
            key.ended = self._clock()
            body = f"Signal={key.key}\r\nDuration={keying.tone_ms}\r\n".encode()
            response = await leg.request("INFO", [("Content-Type", "application/dtmf-relay")], body)
            if response.status >= 300:
                raise CallerError(f"the far side refused the key {key.key}: {response}")

    async def _give_up(self) -> None:
        """Take the call back; bounded, whatever the far side does."""
        final = self._leg.cancel() if self._leg is not None else None
        if final is not None:
            await asyncio.wait([final], timeout=_PATIENCE)
            answered = final.done() and not final.cancelled() and final.exception() is None
            if answered and final.result().status < 300:
                await self._bye()
        self._close()

    async def _bye(self) -> None:
        assert self._leg is not None
        self._stop()
        with contextlib.suppress(sip.NoAnswer, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._leg.request("BYE")

    def _stop(self) -> None:
        """No more sound."""
        if self._rtp is not None:
            self._rtp.stop()

    def _close(self) -> None:
        self._listener.settle()
        if self._rtp is not None:
            self._rtp.close()
        if self._leg is not None:
            self._leg.close()

    def _story(self, since: int) -> str:
        """What happened instead, in words."""
        assert self.answered is not None and self._rtp is not None
        heard, now = self.heard[since:], self._clock()
        said = ", ".join(f"{each} at {self.since_answer(each.first_packet):.2f} s" for each in heard)
        parts = [f"heard instead: {said}" if said else "no other prompt came"]
        if self.unknown:
            parts.append(f"{self.unknown * 0.02:.1f} s of sound in this call belong to no clip")
        last, audible = self._rtp.heard.last, self._rtp.heard.last_audible
        if last != last:
            parts.append("not one RTP packet has come")
        elif audible != audible:
            parts.append(f"{self.stats.received} RTP packets, all silent")
        elif now - audible > 0.2:
            parts.append(f"silence for the last {now - audible:.1f} s")
        if self.hangup is not None:
            parts.append(str(self.hangup))
        return "; ".join(parts)
