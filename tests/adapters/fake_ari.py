"""A fake of Asterisk's REST Interface with a memory: channels, playbacks, subscriptions, sockets.

It behaves as Asterisk 22.10.1 was measured to (tests/telephony/test_line.py holds the same assumptions against
the real one).  A test plays the world's part: somebody calls, presses, hangs up; the network breaks; Asterisk
stalls, refuses, restarts.  Events are lost while nobody listens.
"""

import asyncio
import contextlib
import functools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ivr.asterisk.ari import Ari, AriSettings, Backoff

USER, PASSWORD, APP = "ivr", "correct horse", "ivr-one"
AUTHORIZATION = "Basic aXZyOmNvcnJlY3QgaG9yc2U="
_STAMP = "2026-11-21T19:26:18.710+0000"


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test to its end, at most 20 seconds."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 20))

    return run


@dataclass
class FakeChannel:
    id: str
    caller: str
    context: str = "call"
    exten: str = "s"
    app: str = "StasisBroadcast"  # the dialplan application
    app_data: str = ""
    owner: str | None = None  # the ARI application that has it
    watchers: set[str] = field(default_factory=set)
    playing: dict[str, list[str]] = field(default_factory=dict)  # in order; the first is heard
    variables: dict[str, str] = field(default_factory=dict)
    snoops_on: str | None = None

    def json(self) -> dict[str, Any]:
        plan = {"context": self.context, "exten": self.exten, "priority": 4}
        plan |= {"app_name": self.app, "app_data": self.app_data}
        caller = {"name": "", "number": self.caller}
        return {"id": self.id, "state": "Up", "caller": caller, "dialplan": plan, "creationtime": _STAMP}


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose "METHOD /path query" matches."""

    pattern: str
    status: int = 0  # answer this without doing anything
    stall: bool = False  # answer nothing until the client gives up
    deaf: bool = False  # do it, but lose the answer
    pause: asyncio.Event | None = None  # answer when it is set; what was so before is answered
    times: int = 1

    def go_on(self) -> None:
        assert self.pause is not None
        self.pause.set()


class FakeAri:
    """Use as `async with FakeAri() as asterisk`.  `requests`: everything that was asked, as "METHOD /path"."""

    def __init__(self) -> None:
        self.channels: dict[str, FakeChannel] = {}
        self.requests: list[str] = []
        self.bodies: dict[str, Any] = {}
        self.filters: dict[str, set[str]] = {}
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.faults: list[Fault] = []
        self.systemname = "fake"
        self.started = _STAMP
        self.refusing = False  # sockets get 503
        self.falls: list[Callable[[FakeAri], None]] = []  # what befalls the next sockets once they are accepted
        self.waiting = self.most_waiting = 0  # requests without an answer as yet
        self._count = 0
        self._news = asyncio.Event()
        self._offers: set[str] = set()
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._deaf: dict[str, web.WebSocketResponse] = {}  # open, and told nothing
        self._forgotten: set[str] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> "FakeAri":
        app = web.Application()
        app.router.add_get("/ari/events", self._socket)
        app.router.add_route("*", "/{path:.*}", self._request)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        assert self._runner.addresses
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for streaming in [*self._streams.values()]:
            streaming.cancel()
        await self.drop_sockets()
        assert self._runner is not None
        await self._runner.cleanup()

    def settings(self, **others: Any) -> AriSettings:
        """How to reach it; impatient, so that faults show at once."""
        usual: dict[str, Any] = {
            "url": f"http://127.0.0.1:{self.port}/ari",
            "application": APP,
            "user": USER,
            "password": PASSWORD,
            "timeout": 0.2,
            "claim_timeout": 0.2,
            "heartbeat": 5.0,
            "proof_timeout": 0.1,
            "backoff": Backoff(first=0.005, longest=0.01),
        }
        return AriSettings(**(usual | others))

    async def until(self, fact: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait until something is so; it is looked at after everything that happens here, and now and then."""
        async with asyncio.timeout(seconds):
            while not fact():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.005):
                        await self._news.wait()

    # --- the world ---

    async def dial(self, caller: str = "0671234567", dialled: str = "0800", channel: str | None = None) -> str:
        """Somebody calls; every controller that listens is told.  Returns the channel."""
        self._count += 1
        channel = channel or f"fake-1795289178.{self._count}"
        data = f"700,^ivr-,{dialled}:{caller}"
        self.channels[channel] = FakeChannel(channel, caller, app_data=data)
        self._offers.add(channel)
        for app in self.sockets:
            await self.tell(app, "CallBroadcast", channel=self.channels[channel].json(), caller=caller, called="s")
        return channel

    async def offer_again(self, channel: str, times: int = 1) -> None:
        """People did not answer: the dialplan offers the call once more."""
        one = self.channels[channel]
        one.context, one.exten, one.app = "agents", "s", "StasisBroadcast"
        one.app_data = ":".join([*one.app_data.split(":")[:2], str(times)])
        self._offers.add(channel)
        for app in self.sockets:
            await self.tell(app, "CallBroadcast", channel=one.json(), caller=one.caller, called="s")

    async def press(self, channel: str, keys: str) -> None:
        for key in keys:
            await self._tell_of(channel, "ChannelDtmfReceived", digit=key, duration_ms=120)

    async def finish(self, channel: str, state: str = "done") -> None:
        """What the caller hears comes to its end."""
        name = next(iter(self.channels[channel].playing))
        await self._end_playback(channel, name, state)

    async def hang_up(self, channel: str, cause: int = 16) -> None:
        """The caller hangs up."""
        await self._tell_of(channel, "ChannelHangupRequest", cause=cause)
        await self._destroy(channel, cause)

    async def end_softly(self, channel: str, cause: int) -> None:
        """Somebody or something on Asterisk's side ends it."""
        await self._tell_of(channel, "ChannelHangupRequest", cause=1, soft=True)
        await self._destroy(channel, cause)

    async def vanish(self, channel: str) -> None:
        """A channel ends, and nobody hears of it."""
        sockets, self.sockets = self.sockets, {}
        await self._destroy(channel, 16)
        self.sockets = sockets

    async def time_over(self, channel: str) -> None:
        """TIMEOUT(absolute) expires: no hang-up, the dialplan goes on at T."""
        await self._leave(channel)
        self.channels[channel].exten, self.channels[channel].app = "T", "Playback"

    async def restart(self) -> None:
        """Asterisk crashes and comes back with nothing."""
        for streaming in self._streams.values():
            streaming.cancel()
        self._streams.clear()
        self.channels.clear()
        self.filters.clear()
        self.started = "2026-11-21T20:00:00.000+0000"
        await self.drop_sockets()

    async def drop_sockets(self) -> None:
        """The network breaks: no close frame, no goodbye."""
        for socket in [*self.sockets.values(), *self._deaf.values()]:
            transport = socket._req.transport if socket._req else None
            if transport is not None:
                transport.abort()
        self.sockets.clear()

    def deactivate(self, app: str = APP) -> None:
        """Asterisk takes our name off our socket and leaves the socket open: the end of the one before came late."""
        self._deaf[app] = self.sockets.pop(app)

    def forget(self, app: str = APP) -> None:
        """The same where no call holds the name: Asterisk does not even know it any more."""
        self.deactivate(app)
        self._forgotten.add(app)

    async def tell(self, app: str, name: str, **fields: Any) -> None:
        if app in self.sockets and (not self.filters.get(app) or name in self.filters[app]):
            await self.say(json.dumps({"type": name, "timestamp": _STAMP, "application": app, **fields}), app)

    async def say(self, frame: str, app: str = APP) -> None:
        """Send any text."""
        with contextlib.suppress(ConnectionError):
            await self.sockets[app].send_str(frame)
        self._news.set()

    # --- inside ---

    async def _tell_of(self, channel: str, name: str, **fields: Any) -> None:
        one = self.channels[channel]
        for app in one.watchers | ({one.owner} if one.owner else set()):
            await self.tell(app, name, channel=one.json(), **fields)

    async def _end_playback(self, channel: str, name: str, state: str) -> None:
        media = self.channels[channel].playing.pop(name)
        playback = {"id": name, "state": state, "media_uri": media[-1], "target_uri": f"channel:{channel}"}
        one = self.channels[channel]
        for app in one.watchers | ({one.owner} if one.owner else set()):
            await self.tell(app, "PlaybackFinished", playback=playback)

    async def _leave(self, channel: str, state: str = "done") -> None:
        for name in [*self.channels[channel].playing]:
            await self._end_playback(channel, name, state)
        await self._tell_of(channel, "StasisEnd")
        self.channels[channel].owner = None

    async def _destroy(self, channel: str, cause: int) -> None:
        if self.channels[channel].owner:
            await self._leave(channel, "failed")
        one = self.channels.pop(channel)
        self._offers.discard(channel)
        if (streaming := self._streams.pop(channel, None)) is not None:
            streaming.cancel()
        for app in one.watchers:
            await self.tell(app, "ChannelDestroyed", channel=one.json(), cause=cause, cause_txt="")
        for tap in [other.id for other in self.channels.values() if other.snoops_on == channel]:
            await self._destroy(tap, 0)

    async def _stream(self, channel: str, extension: str) -> None:
        """The dialplan's context `ear`: AudioSocket to the address; the channel ends with the connection."""
        host, port = extension[32:].rsplit(":", 1)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(b"\x01\x00\x10" + bytes.fromhex(extension[:32]) + b"\x10\x01\x40" + bytes(320))
                await reader.readexactly(1)
            finally:
                writer.close()
        del self._streams[channel]
        await self._destroy(channel, 16)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request):
            return refused
        app = request.query["app"]
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if app in self.sockets:
            await self.tell(app, "ApplicationReplaced")
        self.sockets[app] = socket
        self._forgotten.discard(app)
        if self.falls:
            self.falls.pop(0)(self)
        self._news.set()
        async for _ in socket:
            pass
        if self.sockets.get(app) is socket:
            del self.sockets[app]
        self._news.set()
        return socket

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != AUTHORIZATION:
            return web.json_response({"message": "Authentication required"}, status=401)
        return web.json_response({"message": "booting"}, status=503) if self.refusing else None

    async def _request(self, request: web.Request) -> web.StreamResponse:
        if refused := self._refusal(request):
            return refused
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            return await self._answer(request)
        finally:
            self.waiting -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        words = f"{request.method} {request.path.removeprefix('/ari')}"
        self.requests.append(words)
        self._news.set()
        deaf, pause = False, None
        for fault in self.faults:
            if fault.times and re.search(fault.pattern, f"{words} {request.query_string}"):
                fault.times -= 1
                if fault.stall:
                    await self.until(lambda: request.transport is None or request.transport.is_closing(), 60)
                    return web.Response(status=500)  # nobody is there to read it
                if fault.status:
                    return web.json_response({"message": "Internal Server Error"}, status=fault.status)
                deaf, pause = fault.deaf, fault.pause
        body = await request.json() if request.can_read_body else None
        self.bodies[words] = body
        status, answer = await self._do(request.method, words.split(" ", 1)[1].strip("/").split("/"), request, body)
        self._news.set()
        if pause is not None:
            await pause.wait()
        if deaf:
            await asyncio.sleep(60)
        return web.json_response(answer, status=status) if answer is not None else web.Response(status=status)

    async def _do(self, method: str, path: list[str], request: web.Request, body: Any) -> tuple[int, Any]:
        query = request.query
        match method, path:
            case "GET", ["asterisk", "info"]:
                config, status = {"name": self.systemname}, {"startup_time": self.started}
                return 200, {"system": {"version": "22.10.1"}, "config": config, "status": status}
            case "POST", ["events", "claim"]:
                one = self.channels.get(query["channelId"])
                if one is None or one.id not in self._offers:
                    return (409, {"message": "claimed"}) if one and one.owner else (404, {"message": "not on offer"})
                self._offers.discard(one.id)
                one.owner = query["application"]
                await self.tell(
                    one.owner, "StasisStart", args=one.app_data.split(",")[2].split(":"), channel=one.json()
                )
                return 204, None
            case _, ["applications", app, *_] if app in self._forgotten:
                return 404, {"message": "Application not found"}
            case "POST", ["events", "user", _] if query["application"] in self._forgotten:
                return 404, {"message": "Application not found"}
            case "POST", ["events", "user", name]:
                await self.tell(query["application"], "ChannelUserevent", eventname=name, userevent={})
                return 204, None
            case "GET", ["applications", app]:
                ours = [c.id for c in self.channels.values() if c.owner == app or app in c.watchers]
                return 200, {"name": app, "channel_ids": ours}
            case "PUT", ["applications", app, "eventFilter"]:
                self.filters[app] = {one["type"] for one in body["allowed"]}
                return 200, {}
            case "POST", ["applications", app, "subscription"]:
                one = self.channels.get(query["eventSource"].removeprefix("channel:"))
                if one is None:
                    return 422, {"message": "Event source does not exist"}
                one.watchers.add(app)
                return 200, {}
            case _, ["playbacks", name]:
                for one in self.channels.values():
                    if name in one.playing:
                        if method == "DELETE":
                            await self._end_playback(one.id, name, "done")
                            return 204, None
                        return 200, {"id": name, "state": "playing"}
                return 404, {"message": "Playback not found"}
            case _, ["channels", channel, *rest]:
                one = self.channels.get(channel)
                if one is None:
                    return 404, {"message": "Channel not found"}
                return await self._do_channel(method, one, rest, request, body)
        return 501, {"message": f"the fake does not know {method} {'/'.join(path)}"}

    async def _do_channel(
        self, method: str, one: FakeChannel, rest: list[str], request: web.Request, body: Any
    ) -> tuple[int, Any]:
        match method, rest:
            case "GET", []:
                return 200, one.json()
            case "DELETE", []:
                await self._tell_of(one.id, "ChannelHangupRequest", cause=32, soft=True)
                await self._destroy(one.id, 16)
                return 204, None
            case "POST", ["variable"]:
                await self.until(lambda: not one.playing, 60)
                one.variables[request.query["variable"]] = request.query["value"]
                return 204, None
            case _ if one.owner is None:
                return 409, {"message": "Channel not in Stasis application"}
            case "POST", ["silence"]:
                return 204, None
            case "POST", ["play", name]:
                one.playing[name] = body["media"]
                return 201, {"id": name, "state": "queued"}
            case "POST", ["continue"]:
                one.context = request.query.get("context", one.context)
                one.exten = request.query.get("extension", one.exten)
                one.app = "Playback"
                await self._leave(one.id)
                if one.context == "ear":
                    self._streams[one.id] = asyncio.create_task(self._stream(one.id, one.exten))
                return 204, None
            case "POST", ["snoop", name]:
                if name in self.channels:
                    return 409, {"message": "Channel with given unique ID already exists"}
                app = request.query["app"]
                tap = self.channels[name] = FakeChannel(name, "", app="Stasis", owner=app, snoops_on=one.id)
                await self.tell(app, "StasisStart", args=[], channel=tap.json())
                return 200, tap.json()
        return 501, {"message": f"the fake does not know {method} {rest}"}


@contextlib.asynccontextmanager
async def running(doing: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Run something beside a test; its failure is the test's, its cancellation nobody's."""
    task = asyncio.create_task(doing)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def nothing(*_: object) -> None:
    """An `on_connect` with nothing to catch up with."""


@contextlib.asynccontextmanager
async def connected(
    asterisk: FakeAri,
    on_event: Callable[[Any], None],
    on_connect: Callable[[], Awaitable[None]] = nothing,
    **settings: Any,
) -> AsyncIterator[Ari]:
    """A client that listens."""
    async with Ari(asterisk.settings(**settings)) as ari, running(ari.run(on_event, on_connect)):
        await asterisk.until(lambda: ari.ready)
        yield ari
