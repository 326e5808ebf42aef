"""One worker process as the pool sees it: started, spoken to, watched, ended.

Rules
1. A process is ready within `LOADS` of its start, and then shows a sign of life between any `STUCK` looks; else it is
   killed.  Looks are counted, not seconds: when our own loop was held up, that isn't the worker's fault.
2. When it is over, every call that it had hears `Deaf`, once.
3. What is heard for a listening that is over is dropped here, so nobody hears an answer to the question before.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from ivr.ports import Deaf, Listening, Speech, Utterance
from ivr.speech import wire

log = logging.getLogger(__name__)

LOADS = 120.0
"""Seconds that a worker may take to load its models."""
CHECK = 1.0
"""Seconds from one look for signs of life to the next; a worker gives two in that time."""
STUCK = 5
"""So many looks without one, and it is stuck."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_PROJECT = str(Path(__file__).resolve().parents[2])


@dataclass(slots=True)
class Health:
    """As the worker tells it.  lag: seconds behind; memory: resident bytes; cpu: seconds of CPU since its start."""

    lag: float = 0.0
    memory: int = 0
    cpu: float = 0.0


class WorkersEar:
    """`ivr.ports.Ear` of one call at one worker."""

    def __init__(self, worker: "WorkerProcess", call: str, heard: Callable[[Speech], None]) -> None:
        self.id = uuid4()
        self.call = call
        self._worker = worker
        self._heard: Callable[[Speech], None] | None = heard
        self._turn = 0
        self._listens = self._concluded = False

    @property
    def address(self) -> tuple[str, int]:
        """Where the caller's audio is to be sent."""
        return "127.0.0.1", self._worker.port

    def listen(self, wanted: Listening | None) -> None:
        """As `ivr.ports.Ear.listen`."""
        if self._heard:
            self._turn += 1
            self._listens, self._concluded = wanted is not None, False
            self._worker.send("listen", self.id, turn=self._turn, wanted=wire.from_listening(wanted))

    def conclude(self) -> None:
        """As `ivr.ports.Ear.conclude`."""
        if self._heard and self._listens and not self._concluded:
            self._concluded = True
            self._worker.send("conclude", self.id)

    def plays(self, clips: Sequence[str]) -> None:
        """As `ivr.ports.Ear.plays`."""
        if self._heard:
            self._worker.send("plays", self.id, clips=list(clips))

    def close(self) -> None:
        """As `ivr.ports.Ear.close`."""
        if self._heard:
            self._heard = None
            self._worker.send("close", self.id)
            self._worker.forget(self)

    def told(self, turn: int, speech: Speech) -> None:
        """The worker heard this."""
        if isinstance(speech, Deaf):
            self.deaf(speech.why)
            return
        if self._heard is None or turn != self._turn or not self._listens:
            return
        if isinstance(speech, Utterance):
            self._listens = False
        elif self._concluded:
            return
        self._heard(speech)

    def deaf(self, why: str) -> None:
        """Nothing more is heard."""
        heard, self._heard = self._heard, None
        self._worker.forget(self)
        if heard:
            heard(Deaf(why))


@dataclass(slots=True, eq=False)
class WorkerProcess:
    """A worker, from its start to its end (`run`).

    changed: called when it is ready, when a model turns out to be bad (`unusable`), and when a call leaves it.
    fatal: the model at whose loading it ended.  proved: the pool has seen it ready.  lost: calls that it had then.
    """

    models: Mapping[str, Path]
    sounds: Path | None
    late: float
    streams: int
    changed: Callable[["WorkerProcess"], None]
    own: Path | None = None
    port: int = 0
    languages: frozenset[str] = frozenset()
    unusable: dict[Path, str] = field(default_factory=dict[Path, str])
    health: Health = field(default_factory=Health)
    ears: dict[UUID, WorkersEar] = field(default_factory=dict[UUID, WorkersEar])
    attended: int = 0
    ready: bool = False
    retired: asyncio.Event = field(default_factory=asyncio.Event)
    fatal: Path | None = None
    proved: bool = False
    lost: int = 0
    memory_at_first: int = 0
    _loading: Path | None = None
    _process: asyncio.subprocess.Process | None = None
    _writer: asyncio.StreamWriter | None = None
    _is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    _alive: bool = False
    _verdict: str = ""
    _last_words: str = ""

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process else None

    async def run(self) -> str:
        """Start it and be with it until it ends; why it ended.  Cancelled: it is ended."""
        ours, theirs = socket.socketpair()
        wanted = {
            "models": {language: str(path) for language, path in self.models.items()},
            "sounds": self.sounds and str(self.sounds),
            "own": self.own and str(self.own),
            "late": self.late,
            "streams": self.streams,
        }
        with theirs:
            path = os.pathsep.join(filter(None, (_PROJECT, os.environ.get("PYTHONPATH"))))
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ivr.speech.worker", str(theirs.fileno()), json.dumps(wanted),
                pass_fds=[theirs.fileno()], stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            )  # fmt: skip
        reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=wire.LONGEST_LINE)
        watch = asyncio.create_task(self._watch())
        listen = asyncio.create_task(self._listen_to_complaints())
        try:
            with contextlib.suppress(ConnectionError):
                while line := await reader.readline():
                    self._told(wire.unpack(line))
            return await self._over()
        finally:
            watch.cancel()
            self.lost = len(self.ears)
            self._deafen(self._verdict or "the speech worker was ended")
            self.end()
            if self._process.returncode is None:
                self._process.kill()  # it keeps nothing that could be lost
            await self._process.wait()
            await listen

    def attend(self, call: str, heard: Callable[[Speech], None]) -> WorkersEar:
        """Take up a call."""
        ear = WorkersEar(self, call, heard)
        self.ears[ear.id] = ear
        self.attended += 1
        self.send("attend", ear.id)
        return ear

    def send(self, kind: str, id: UUID, **told: object) -> None:
        """Tell the worker something of a call."""
        if self._writer and not self._writer.is_closing():
            self._writer.write(wire.pack(kind, call=str(id), **told))

    def forget(self, ear: WorkersEar) -> None:
        """This call is no longer here."""
        if self.ears.pop(ear.id, None):
            self.changed(self)

    def end(self) -> None:
        """Let it end: a worker ends when our end of the socket is closed."""
        self.ready = False
        if self._writer:
            self._writer.close()

    def _told(self, message: wire.Message) -> None:
        match message["is"]:
            case "heard":
                if ear := self.ears.get(UUID(message["call"])):
                    ear.told(message["turn"], wire.to_speech(message))
            case "alive":
                self._alive = True
                self.health = Health(message["lag"], message["memory"], message["cpu"])
                self.memory_at_first = self.memory_at_first or self.health.memory
            case "loading":
                self._loading = Path(message["model"])
            case "unusable":
                self._loading = None
                self.unusable[Path(message["model"])] = message["why"]
                self.changed(self)
            case "unknown":
                log.debug("the model for %s doesn't know: %s", message["language"], ", ".join(message["words"]))
            case "ready":
                self._loading = None
                self.port, self.languages = message["port"], frozenset(message["languages"])
                self.ready = self._alive = True
                self._is_ready.set()
                self.changed(self)
            case other:
                log.error("a speech worker says %s, which we don't know", other)

    async def _watch(self) -> None:
        """Kill it when it gives no sign of life."""
        try:
            async with asyncio.timeout(LOADS):
                await self._is_ready.wait()
        except TimeoutError:
            self._kill(f"it was not ready after {LOADS:.0f} s")
            return
        missed = 0
        while missed < STUCK:
            await asyncio.sleep(CHECK)
            missed, self._alive = 0 if self._alive else missed + 1, False
        self._kill("it gave no sign of life")

    async def _listen_to_complaints(self) -> None:
        assert self._process and self._process.stderr
        while said := await self._process.stderr.read(4096):
            text = said.decode(errors="replace").strip()
            self._last_words = text.rpartition("\n")[2] or self._last_words
            log.debug("worker %s: %s", self.pid, text)

    async def _over(self) -> str:
        """Its end of the socket is closed: why."""
        assert self._process
        self.ready = False
        try:
            async with asyncio.timeout(CHECK):
                code = await self._process.wait()
        except TimeoutError:
            self._kill("it closed its socket and went on")
            code = await self._process.wait()
        self._verdict = self._verdict or _how(code)
        if self._last_words and code > 0:
            self._verdict += f": {self._last_words}"
        if self._loading:
            self._verdict += f" while it loaded {self._loading}"
        self.fatal = self._loading
        return self._verdict

    def _kill(self, why: str) -> None:
        self._verdict = why
        if self._process and self._process.returncode is None:
            self._process.kill()

    def _deafen(self, why: str) -> None:
        for ear in list(self.ears.values()):
            ear.deaf(why)


def _how(code: int) -> str:
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"
