"""A recogniser with a memory: its ears are real AudioSocket servers that understand nothing and forget nothing.

A test speaks through them (`Hears.heard`), and looks at what they were asked and what audio came.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt

from ivr.ports import Listening, Speech

Samples = npt.NDArray[np.int16]


class Hears:
    """`ivr.ports.Ear`.  asked: every request in order.  connected: connections so far.  pcm: what came of audio."""

    def __init__(self, heard: Callable[[Speech], None], address: tuple[str, int]) -> None:
        self.heard = heard
        self.address = address
        self.id: UUID = uuid4()
        self.asked: list[Any] = []
        self.closed = False
        self.kinds: set[int] = set()
        self.lengths: set[int] = set()
        self.pcm = bytearray()
        self.arrivals: list[float] = []
        self.connected = 0
        self.hung_up = asyncio.Event()
        self.news = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None

    def listen(self, wanted: Listening | None) -> None:
        self.asked.append(wanted)

    def conclude(self) -> None:
        self.asked.append("conclude")

    def plays(self, clips: Sequence[str]) -> None:
        self.asked.append(tuple(clips))

    def close(self) -> None:
        """As a worker does: the connection goes with the ear."""
        self.closed = True
        self.cut()

    def cut(self) -> None:
        """The worker dies."""
        if self.writer is not None:
            self.writer.close()

    @property
    def samples(self) -> Samples:
        return np.frombuffer(bytes(self.pcm[: len(self.pcm) // 2 * 2]), np.dtype("<i2")).astype(np.int16)

    async def audio(self, seconds: float = 0.02, within: float = 5.0) -> None:
        """Return when so much audio has come since now."""
        wanted = len(self.pcm) + round(seconds * 16000)
        async with asyncio.timeout(within):
            while len(self.pcm) < wanted:
                self.news.clear()
                await self.news.wait()


class Listens:
    """`ivr.ports.Recogniser`.  Use as `async with Listens() as recogniser`.  ears: of every call attended."""

    languages = frozenset({"uk", "ru"})

    def __init__(self) -> None:
        self.ears: list[Hears] = []
        self.calls: list[str] = []
        self.room = True
        self.strangers = 0
        self.address: tuple[str, int] | None = None
        """Where ears say that they are, instead of where they are."""
        self._server: asyncio.Server | None = None
        self._here = ("127.0.0.1", 0)

    async def __aenter__(self) -> "Listens":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._here = self._server.sockets[0].getsockname()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for ear in self.ears:
            ear.cut()

    def attend(self, call: str, heard: Callable[[Speech], None]) -> Hears | None:
        if not self.room:
            return None
        self.calls.append(call)
        self.ears.append(Hears(heard, self.address or self._here))
        return self.ears[-1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear: Hears | None = None
        try:
            while True:
                kind, *length = await reader.readexactly(3)
                payload = await reader.readexactly(int.from_bytes(bytes(length), "big"))
                if kind == 0x01:
                    ear = next((one for one in self.ears if one.id == UUID(bytes=payload)), None)
                    if ear is None or ear.closed:
                        self.strangers += 1
                        return
                    ear.writer = writer
                    ear.connected += 1
                elif ear is not None:
                    ear.kinds.add(kind)
                    ear.lengths.add(len(payload))
                    ear.pcm += payload
                    ear.arrivals.append(asyncio.get_running_loop().time())
                    ear.news.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            if ear is not None:
                ear.hung_up.set()
                ear.news.set()


def nobody_there() -> tuple[str, int]:
    """An address where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()
