"""The worker process: callers' audio in over AudioSocket, what they say out to the pool that started us.

    python -m ivr.speech.worker <number of the inherited socket> <what to load, as JSON>

Rules
1. One event loop, one thread: a worker is a core.  All the work is done where the audio arrives.
2. We live as long as the pool's end of the socket is open; nothing outlives the controller.
3. A model is named to the pool before it is loaded: should it take the process with it, the pool knows which one.
4. Audio may come before the call that it belongs to is announced; who has no call within `UNCLAIMED` of connecting is
   hung up on.  The audio port is open to everybody on this machine: of at most `CONNECTIONS` for each call that we
   may have, the one that has waited longest for its call makes room, and nobody takes a living caller's place.
5. Who is late is of no use: how late the loop is, is how late the audio is (all sockets are served once a round).
   When that exceeds `late`, the newest calls go deaf, one of `SHED`, at least one; callers then have their keys.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from ivr.ports import Deaf, Listening, Speech
from ivr.speech import wire
from ivr.speech.audiosocket import Frames, NotAudioSocket
from ivr.speech.decoder import Decoder, SpeechModel, Unusable, unknown_words
from ivr.speech.echo import Echo
from ivr.speech.listener import Listener
from ivr.speech.voice import VoiceActivity, VoiceModel

log = logging.getLogger("ivr.speech.worker")

ALIVE = 0.5
"""Seconds between two signs of life."""
SHED = 5
UNCLAIMED = 5.0
"""Seconds from connecting until the call must be known."""
CONNECTIONS = 2
NICE = 2
"""A prompt that stutters is worse than a word that comes late: whatever sends sound goes first."""
SILENT = 2.0
"""Seconds from the audio's end until the call is told that it is deaf: mostly the caller has hung up."""


@dataclass(slots=True, eq=False)
class Attended:
    """A call that the pool gave us."""

    id: UUID
    listener: Listener
    turn: int = 0
    audio: "AudioStream | None" = None
    unknown: set[str] = field(default_factory=set[str])


class AudioStream(asyncio.Protocol):
    """One AudioSocket connection."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._frames = Frames()
        self.call: Attended | None = None
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._worker.opened(self)

    def data_received(self, data: bytes) -> None:
        unknown = self._frames.id is None
        try:
            pcm = self._frames.feed(data)
        except NotAudioSocket as fault:
            log.warning("a connection to the audio port is closed: %s", fault)
            self.close()
            return
        if unknown and self._frames.id is not None:
            self._worker.connected(self._frames.id, self)
        if self.call and pcm:
            self.call.listener.feed(pcm)

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.closed(self)
        if self.call:
            self._worker.disconnected(self.call, self)

    def close(self) -> None:
        """Hang up; Asterisk ends its channel then."""
        if self.transport:
            self.transport.close()


class Worker:
    """See above.  models: language -> directory of the model.  late: seconds.  streams: calls at once."""

    def __init__(
        self, pool: socket.socket, models: Mapping[str, Path], sounds: Path | None, late: float, streams: int,
        own: Path | None = None,
    ) -> None:  # fmt: skip
        self._socket, self._directories, self._sounds, self._late = pool, models, sounds, late
        self._own = own
        self._models = dict[str, SpeechModel]()
        self._calls = dict[UUID, Attended]()
        self._waiting = dict[UUID, AudioStream]()
        self._streams = dict[AudioStream, None]()  # oldest first
        self._most = CONNECTIONS * streams
        self._memory = 0

    async def run(self) -> None:
        """Until the pool is gone."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket, limit=wire.LONGEST_LINE)
        self._voice = VoiceModel()
        self._load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: AudioStream(self), "127.0.0.1", 0)
        self._send("ready", port=server.sockets[0].getsockname()[1], languages=sorted(self._models))
        pulse = asyncio.create_task(self._beat())
        try:
            while line := await self._reader.readline():
                self._told(wire.unpack(line))
        finally:
            pulse.cancel()
            server.close()

    def _load(self) -> None:
        loaded = dict[Path, SpeechModel]()
        for language, directory in self._directories.items():
            if directory not in loaded:
                self._send("loading", model=str(directory))
                try:
                    loaded[directory] = SpeechModel(directory)
                except (Unusable, ValueError) as fault:  # an OSError may pass: it ends us, and the pool counts
                    self._send("unusable", model=str(directory), why=str(fault))
                    continue
            self._models[language] = loaded[directory]

    def _told(self, message: wire.Message) -> None:
        """What the pool wants of us."""
        if message["is"] == "attend":
            self._attend(UUID(message["call"]))
            return
        if not (call := self._calls.get(UUID(message["call"]))):
            return  # it went deaf meanwhile
        try:
            self._do(call, message)
        except Exception as fault:  # what Vosk refuses is one call's misfortune
            log.exception("%s failed", message["is"])
            self._deafen(call, f"{message['is']}: {fault}")

    def _do(self, call: Attended, message: wire.Message) -> None:
        match message["is"]:
            case "listen":
                call.turn = message["turn"]
                self._listen(call, wire.to_listening(message["wanted"]))
            case "conclude":
                call.listener.conclude()
            case "plays":
                call.listener.plays(message["clips"])
            case "close":
                self._drop(call)
            case other:
                log.error("the pool says %s, which we don't know", other)

    def _attend(self, id: UUID) -> None:
        call: Attended

        def tell(speech: Speech) -> None:
            self._send("heard", call=str(id), turn=call.turn, **wire.from_speech(speech))

        def decoding(wanted: Listening) -> Decoder | None:
            model = self._models[wanted.language]
            if missing := unknown_words(model, wanted.phrases) - call.unknown:
                call.unknown |= missing
                self._send("unknown", language=wanted.language, words=sorted(missing))
            return model.decoder(wanted)

        call = Attended(id, Listener(VoiceActivity(self._voice), decoding, Echo(self._sounds, self._own), tell))
        self._calls[id] = call
        if stream := self._waiting.pop(id, None):
            self._bind(call, stream)

    def _listen(self, call: Attended, wanted: Listening | None) -> None:
        if wanted and wanted.phrases and wanted.language not in self._models:
            self._deafen(call, f"no model for the language {wanted.language}")
            return
        call.listener.listen(wanted)

    def opened(self, stream: AudioStream) -> None:
        """Somebody connects."""
        self._streams[stream] = None
        asyncio.get_running_loop().call_later(UNCLAIMED, self._unclaimed, stream)
        if len(self._streams) > self._most:
            self._hang_up(next((each for each in self._streams if each.call is None), stream), "there are too many")

    def connected(self, id: UUID, stream: AudioStream) -> None:
        """The audio of a call arrives."""
        call = self._calls.get(id)
        if id in self._waiting or (call and call.audio):
            self._hang_up(stream, f"{id} is connected already")
        elif call:
            self._bind(call, stream)
        else:
            self._waiting[id] = stream

    def closed(self, stream: AudioStream) -> None:
        """The connection is gone."""
        self._streams.pop(stream, None)
        for id in [id for id, waiting in self._waiting.items() if waiting is stream]:
            del self._waiting[id]

    def disconnected(self, call: Attended, stream: AudioStream) -> None:
        """The audio of a call has ended."""
        if call.audio is stream:
            call.audio = None
            asyncio.get_running_loop().call_later(SILENT, self._still_silent, call)

    def _bind(self, call: Attended, stream: AudioStream) -> None:
        call.audio, stream.call = stream, call

    def _unclaimed(self, stream: AudioStream) -> None:
        if stream in self._streams and stream.call is None:
            self._hang_up(stream, f"it had no call for {UNCLAIMED:.0f} s")

    def _hang_up(self, stream: AudioStream, why: str) -> None:
        log.warning("a connection to the audio port is closed: %s", why)
        self.closed(stream)
        stream.close()

    def _still_silent(self, call: Attended) -> None:
        if call.audio is None and self._calls.get(call.id) is call:
            self._deafen(call, "the caller's audio has ended")

    def _deafen(self, call: Attended, why: str) -> None:
        self._send("heard", call=str(call.id), turn=call.turn, **wire.from_speech(Deaf(why)))
        self._drop(call)

    def _drop(self, call: Attended) -> None:
        del self._calls[call.id]
        if call.audio:
            call.audio.call = None
            call.audio.close()

    async def _beat(self) -> None:
        while True:
            due = time.monotonic() + ALIVE
            await asyncio.sleep(ALIVE)
            lag = time.monotonic() - due
            with contextlib.suppress(OSError):  # out of files: as it was is good enough
                self._memory = _memory()
            self._send("alive", lag=round(lag, 3), memory=self._memory, cpu=round(time.process_time(), 3))
            if lag > self._late and self._calls:
                for call in list(self._calls.values())[-max(1, len(self._calls) // SHED) :]:
                    self._deafen(call, f"the worker is {lag:.1f} s behind")

    def _send(self, kind: str, **told: object) -> None:
        self._writer.write(wire.pack(kind, **told))


def _memory() -> int:
    """Resident bytes."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * 4096


def main() -> None:
    """See above."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a ^C is the controller's business
    os.nice(NICE)
    wanted = json.loads(sys.argv[2])
    models = {language: Path(directory) for language, directory in wanted["models"].items()}
    sounds = wanted["sounds"] and Path(wanted["sounds"])
    own = wanted["own"] and Path(wanted["own"])
    pool = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(Worker(pool, models, sounds, wanted["late"], wanted["streams"], own).run())


if __name__ == "__main__":
    main()
