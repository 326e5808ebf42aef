"""The client of Asterisk's REST Interface: requests over a pool of connections, events on one WebSocket.

Rules
1. Every request has a time-out and ends in exactly one of: its answer, `AriNotFound`, `AriError`,
   `AriUnreachable`.
2. Resources and operations are named as ARI names them; only those that we use are here.
3. The socket is connected for ever: when it breaks, again, with growing and jittered pauses.  An end without an
   error is a break too; so is silence, for we cause an event of our own now and then.
4. `ready` is true only while events really flow: connected, proved by such an event, caught up, and heard from
   lately.  An open socket proves nothing: Asterisk may have taken our name off it (docs/decisions/080-proof.md).
5. Asterisk knows a controller by its application's name.  If another one takes the name, events go there while
   our requests would still work: `ApplicationTaken` ends `run` and every further request, loudly.

Theory: one shared socket for both directions has head-of-line blocking (Asterisk serves a socket with one
thread, and some requests wait for a prompt's end), hence the pool.  A response and the events it causes come in
no particular order, hence ids that we choose ourselves.
"""

import asyncio
import contextlib
import json
import logging
import random
from base64 import b64encode
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from ivr.asterisk.events import (
    ApplicationReplaced,
    Channel,
    ChannelUserevent,
    Event,
    Strangers,
    channel,
    event_filter,
    read,
)
from ivr.ports import NotOurs

log = logging.getLogger(__name__)

_PROOF = "proof"


class AriError(Exception):
    """Asterisk refused a request.  `status`: HTTP; `message`: its own words; `request`: method and path."""

    def __init__(self, status: int, message: str, request: str) -> None:
        super().__init__(f"Asterisk answered {status} {message!r} to {request}")
        self.status = status
        self.message = message
        self.request = request


class AriNotFound(AriError):
    """What the request was about is gone: the normal outcome of a race with a hang-up."""


class AriUnreachable(Exception):
    """No answer: no connection, it broke, or the time is over.  Whether the request was carried out is unknown."""


class ApplicationTaken(NotOurs):
    """Another controller uses our application's name; calls that we drive would be driven twice."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt: doubling, half of it left to chance.

    first, longest: seconds.  chance: uniform in [0, 1).
    """

    first: float = 0.1
    longest: float = 5.0
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int) -> float:
        """Seconds before attempt number `attempt`; the one after the first failure is number 0."""
        ceiling = min(self.longest, self.first * 2.0 ** min(attempt, 32))
        return ceiling * (1.0 + self.chance()) / 2.0


@dataclass(frozen=True, slots=True)
class AriSettings:
    """Where Asterisk is and how patient we are with it.

    url: of ARI itself, e.g. `http://127.0.0.1:8088/ari`.
    application: our name; begins with `ivr-`, unique among the controllers of one Asterisk.
    connections: the most requests at one time.
    timeout: seconds for a request.  Some requests wait for a prompt's end; we don't use those while one plays.
    claim_timeout: seconds for a claim; the dialplan gives up on us after 0.7.
    heartbeat: seconds between proofs that events flow; after two without any event the socket is dead.
    proof_timeout: seconds from Asterisk's word that it sent the proof to the first event; without one, it is deaf.
    """

    url: str
    application: str
    user: str
    password: str = field(repr=False)
    connections: int = 48
    timeout: float = 5.0
    claim_timeout: float = 1.0
    heartbeat: float = 5.0
    proof_timeout: float = 1.0
    backoff: Backoff = Backoff()


class Ari:
    """One controller's way to one Asterisk.

    Use as `async with Ari(settings) as ari`, then `run`.  counts: requests, their failures, connections, those of
    them that were open but deaf, and events so far (without our own proofs), for the figures.  strangers: foreign
    words met.
    """

    def __init__(self, settings: AriSettings, strangers: Strangers | None = None) -> None:
        self.settings = settings
        self.application = settings.application
        self.strangers = strangers or Strangers()
        self.counts: Counter[str] = Counter()
        self.channels = Channels(self)
        self.playbacks = Playbacks(self)
        self.applications = Applications(self)
        self.events = Events(self)
        self.asterisk = AsteriskInfo(self)
        self._url = settings.url.rstrip("/")
        self._http: aiohttp.ClientSession | None = None
        self._patience = aiohttp.ClientTimeout(total=settings.timeout)
        self.claim_patience = aiohttp.ClientTimeout(total=settings.claim_timeout)
        self._caught_up = False
        self._heard_at = float("-inf")
        self._sign = asyncio.Event()
        self._taken = False
        self._closed = False

    async def __aenter__(self) -> "Ari":
        credentials = f"{self.settings.user}:{self.settings.password}"
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.settings.connections, keepalive_timeout=60),
            headers={"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    @property
    def ready(self) -> bool:
        """Events really flow: proved, caught up with what we missed, and one heard within two heartbeats."""
        silent = asyncio.get_running_loop().time() - self._heard_at
        return self._caught_up and not self._taken and not self._closed and silent <= 2 * self.settings.heartbeat

    def close(self) -> None:
        """Asterisk is gone for good: from now on every request is AriUnreachable at once, without being sent."""
        self._closed = True

    async def request(
        self, method: str, path: str, body: object = None, patience: aiohttp.ClientTimeout | None = None
    ) -> Any:
        """Send one request (`path` quoted, as `_path` makes it) and return its answer's JSON, or None.

        Raises AriNotFound, AriError, AriUnreachable, and ApplicationTaken once our name is another's.
        """
        if self._taken:
            raise ApplicationTaken(self._taken_words())
        if self._closed:
            raise AriUnreachable(f"{method} {path}: Asterisk is gone")
        if self._http is None:
            raise RuntimeError("an Ari is used inside `async with`")
        self.counts["requests"] += 1
        request = f"{method} {path}"
        url = URL(self._url + path, encoded=True)
        data, headers = None, None
        if body is not None:
            data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        try:
            async with self._http.request(
                method, url, data=data, headers=headers, timeout=patience or self._patience
            ) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            self.counts["requests without answer"] += 1
            raise AriUnreachable(f"{request}: {type(fault).__name__} {fault}".rstrip()) from fault
        if answer.status >= 300:
            self.counts[f"requests answered {answer.status}"] += 1
            kind = AriNotFound if answer.status == 404 else AriError
            raise kind(answer.status, _message(text), request)
        try:
            return json.loads(text) if text else None
        except ValueError as fault:
            raise AriError(answer.status, f"no JSON: {text[:100]!r}", request) from fault

    async def run(
        self,
        on_event: Callable[[Event], None],
        on_connect: Callable[[], Awaitable[None]],
        on_disconnect: Callable[[], None] = lambda: None,
    ) -> None:
        """Stay connected and hand out events until cancelled.

        on_event: called in order, must not block.  on_connect: catches up with what was missed; events arrive
        while it runs; `ready` follows its end, and its failure breaks the connection.  on_disconnect: called
        once per connection that was made.  Raises ApplicationTaken.
        """
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            since = loop.time()
            try:
                await self._connection(on_event, on_connect, on_disconnect)
            except ApplicationTaken:
                raise
            except (aiohttp.ClientError, AriError, AriUnreachable, TimeoutError, OSError) as fault:
                why = f"{type(fault).__name__} {fault}"
            except Exception as fault:  # ours, in on_connect; to be deaf for good would be worse
                log.exception("catching up with Asterisk failed")
                why = repr(fault)
            if loop.time() - since > self.settings.backoff.longest:
                attempt = 0
            pause = self.settings.backoff.pause(attempt)
            attempt += 1
            if attempt in (1, 2, 5) or attempt % 20 == 0:
                log.warning("no events from Asterisk at %s (attempt %d): %s", self._url, attempt, _advice(why))
            await asyncio.sleep(pause)

    async def _connection(
        self,
        on_event: Callable[[Event], None],
        on_connect: Callable[[], Awaitable[None]],
        on_disconnect: Callable[[], None],
    ) -> NoReturn:
        if self._http is None:
            raise RuntimeError("an Ari is used inside `async with`")
        async with asyncio.timeout(self.settings.timeout):
            socket = await self._http.ws_connect(
                URL(self._url + _path("events", app=self.application, subscribeAll="false"), encoded=True),
                max_msg_size=0,  # some events exceed the usual 64 KB
                timeout=aiohttp.ClientWSTimeout(ws_close=1.0),  # pyright: ignore[reportCallIssue] - an attrs class
            )
        self.counts["connections"] += 1
        self._heard_at = asyncio.get_running_loop().time()
        tasks = [
            asyncio.create_task(self._read(socket, on_event)),
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._catch_up(on_connect)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            raise ConnectionError("unreachable: reading never ends by itself")
        finally:
            self._caught_up = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            on_disconnect()
            with contextlib.suppress(Exception):
                await socket.close()

    async def _catch_up(self, on_connect: Callable[[], Awaitable[None]]) -> None:
        await self.applications.filter(event_filter())
        await self._prove()
        await on_connect()
        self._caught_up = True
        log.info("events flow from Asterisk at %s to %s", self._url, self.application)

    async def _prove(self) -> None:
        """Cause an event and return when one has come.

        Any will do: behind a queue of others ours may be late, and a busy socket must not be dropped for that.
        Raises ConnectionError when Asterisk has sent it and nothing comes, or says that it does not know us;
        AriError, AriUnreachable when it did not say.
        """
        self._sign.clear()
        try:
            await self.events.user_event(_PROOF)
            async with asyncio.timeout(self.settings.proof_timeout):
                await self._sign.wait()
        except (AriNotFound, TimeoutError) as fault:
            self.counts["deaf"] += 1
            raise ConnectionError("the socket is open, but Asterisk sends our events nowhere") from fault

    async def _beat(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.settings.heartbeat)
            try:
                await self._prove()
            except (AriError, AriUnreachable) as fault:  # proves nothing; other events may flow
                log.warning("whether events flow could not be proved: %s", fault)
            silent = loop.time() - self._heard_at
            if silent > 2 * self.settings.heartbeat:
                raise TimeoutError(f"nothing heard for {silent:.1f} s")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, on_event: Callable[[Event], None]) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            frame = await socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"the socket ended: {frame.type.name} {frame.data or ''}".rstrip())
            self._heard_at = loop.time()
            self._sign.set()
            event = read(frame.data, self.strangers)
            if isinstance(event, ChannelUserevent) and event.name == _PROOF:
                continue
            self.counts["events"] += 1
            if event is None:
                continue
            if isinstance(event, ApplicationReplaced):
                self._taken = True
                log.critical("%s", self._taken_words())
                raise ApplicationTaken(self._taken_words())
            try:
                on_event(event)
            except Exception:  # ours; the next event is another call's
                self.counts["events mishandled"] += 1
                log.exception("an event could not be dealt with: %r", event)

    def _taken_words(self) -> str:
        return (
            f"another controller has connected to {self._url} as {self.application}: this one stops."
            " Give every controller of one Asterisk a name of its own."
        )


def _path(*parts: str, **query: str) -> str:
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200].decode(errors="replace")


def _advice(why: object) -> str:
    words = str(why)
    if "401" in words:
        return f"{words}; check the user and password against ari.conf"
    if "403" in words or ("404" in words and "Application not found" not in words):
        return f"{words}; is ARI enabled in ari.conf, its modules loaded, its prefix right?"
    return words


class _Resource:
    def __init__(self, ari: Ari) -> None:
        self._request = ari.request
        self._ari = ari


class Channels(_Resource):
    """`/channels`: a caller's side of a call."""

    async def get(self, channel_id: str) -> Channel:
        """Its present state.  AriNotFound: it is over."""
        answer = await self._request("GET", _path("channels", channel_id))
        try:
            return channel(answer)
        except (KeyError, TypeError, ValueError) as fault:
            self._ari.strangers.note("channel", f"without {fault!r}")
            raise AriError(200, f"unreadable: {fault!r}", f"GET /channels/{channel_id}") from fault

    async def play_with_id(self, channel_id: str, playback_id: str, media: Sequence[str]) -> None:
        """Play these URIs one after another; behind what plays already.

        The list goes in the body: a query of some hundred clips is cut off, and a comma in a JSON string is
        taken for a part of a file's name.
        """
        await self._request("POST", _path("channels", channel_id, "play", playback_id), {"media": list(media)})

    async def start_silence(self, channel_id: str) -> None:
        """Send silence from the end of what plays on, until something else plays."""
        await self._request("POST", _path("channels", channel_id, "silence"))

    async def set_channel_var(self, channel_id: str, variable: str, value: str) -> None:
        """Set a variable.  Waits for the end of what plays on the channel."""
        await self._request("POST", _path("channels", channel_id, "variable", variable=variable, value=value))

    async def continue_in_dialplan(self, channel_id: str, context: str | None = None, extension: str = "s") -> None:
        """Give the channel back to the dialplan: at `context`, or where it came from when None.

        Raises AriError 409 when it is there already.
        """
        where = {"context": context, "extension": extension, "priority": "1"} if context else {}
        await self._request("POST", _path("channels", channel_id, "continue", **where))

    async def snoop_channel_with_id(self, channel_id: str, snoop_id: str) -> None:
        """Make a channel that carries what the far end of this one says; it comes to us by StasisStart.

        It ends with the channel that it snoops on.
        """
        application = self._ari.application
        await self._request("POST", _path("channels", channel_id, "snoop", snoop_id, spy="in", app=application))

    async def hangup(self, channel_id: str) -> None:
        """End the call, as "normal clearing"."""
        await self._request("DELETE", _path("channels", channel_id, reason_code="16"))


class Playbacks(_Resource):
    """`/playbacks`: what plays on a channel."""

    async def get(self, playback_id: str) -> str:
        """Its state, in Asterisk's words.  AriNotFound: it is over."""
        answer = await self._request("GET", _path("playbacks", playback_id))
        return str(answer["state"])

    async def stop(self, playback_id: str) -> None:
        """Stop it.  Raises AriError 500 while Asterisk opens a file: try again."""
        await self._request("DELETE", _path("playbacks", playback_id))


class Applications(_Resource):
    """`/applications`: our own name, and what we are told."""

    async def get(self) -> list[str]:
        """The channels that we are subscribed to: in our hands, or subscribed to by `subscribe`."""
        answer = await self._request("GET", _path("applications", self._ari.application))
        return [str(one) for one in answer["channel_ids"]]

    async def subscribe(self, channel_id: str) -> None:
        """Hear of a channel until it is destroyed; without it a channel is forgotten when it leaves us.

        Raises AriError 422 when it is gone.
        """
        path = _path("applications", self._ari.application, "subscription", eventSource=f"channel:{channel_id}")
        await self._request("POST", path)

    async def filter(self, body: object) -> None:
        """Say which events we want."""
        await self._request("PUT", _path("applications", self._ari.application, "eventFilter"), body)


class Events(_Resource):
    """`/events`: who takes a call, and events of our own."""

    async def claim_channel(self, channel_id: str) -> None:
        """Take a broadcast call.  Raises AriError 409 when another was faster, AriNotFound when it is too late."""
        path = _path("events", "claim", channelId=channel_id, application=self._ari.application)
        await self._request("POST", path, patience=self._ari.claim_patience)

    async def user_event(self, name: str) -> None:
        """Send ourselves a ChannelUserevent.  An answer only says that Asterisk knows our name, not that it comes.

        Raises AriNotFound when it does not.
        """
        await self._request("POST", _path("events", "user", name, application=self._ari.application))


@dataclass(frozen=True, slots=True)
class Info:
    """Which Asterisk this is.

    name: `systemname` of asterisk.conf; channel ids begin with it.  started: its time stamp, as text.
    """

    version: str
    name: str
    started: str


class AsteriskInfo(_Resource):
    """`/asterisk`: the exchange itself."""

    async def get_info(self) -> Info:
        """Version, name and start of the Asterisk that answers."""
        answer = await self._request("GET", "/asterisk/info")
        return Info(answer["system"]["version"], answer["config"].get("name", ""), answer["status"]["startup_time"])
