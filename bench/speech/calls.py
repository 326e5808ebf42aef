"""The same utterances as real calls: SIP caller, Asterisk, tap and AudioSocket, worker process.

Rules
1. Everything between the caller's lips and the answer is the product's: Asterisk's configuration, `Switchboard`,
   `Workers`, and `Exchange` with its timers; only the prompts are left out, so that a call holds many utterances.
2. Callers say what they have to say one utterance after another, when they are listened to; calls run side by side.
3. Times are of one clock: that of the caller's packets and of the line is the same.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.speech.corpus import MANNERS, QUESTIONS, Saying, listening
from bench.speech.figures import Take
from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.ari import Ari, AriSettings
from ivr.asterisk.line import AsteriskLine
from ivr.asterisk.server import AsteriskServer, configure
from ivr.asterisk.switchboard import Switchboard
from ivr.dialog.exchange import Action, Conclude, Exchange, Typed
from ivr.ports import Cause, Deaf, Gone, Pause, Tick, Utterance, Voice
from ivr.service.hotline import SOUNDS
from ivr.simulator.acoustics import Surroundings
from ivr.simulator.caller import Caller
from ivr.simulator.g711 import CodecName, Samples
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.voices import Voices
from ivr.speech.workers import Workers

PATIENCE = 40.0
"""Seconds until an utterance that nobody has noticed is given up."""
UNNOTICED = 6.0
"""Seconds after the words in which a voice must have been told."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is between a caller and us."""

    name: str
    codec: CodecName = "PCMA"
    noise: str | None = None
    snr: float = 20.0
    loss: float = 0.0

    def surroundings(self, voices: Voices, seed: int) -> Surroundings | None:
        """Where they call from; None: nowhere in particular."""
        if self.noise is None and not self.loss:
            return None
        noise = None if self.noise is None else voices.noise(self.noise, self.snr, seed)
        return Surroundings(noise=noise, loss=self.loss, seed=seed)


CLEAN = Line("clean")
LINES = (
    CLEAN,
    Line("clean, mu-law", "PCMU"),
    Line("white noise, 20 dB", noise="white", snr=20),
    Line("white noise, 10 dB", noise="white", snr=10),
    Line("babble, 20 dB", noise="babble", snr=20),
    Line("babble, 10 dB", noise="babble", snr=10),
    Line("1 % of packets lost", loss=0.01),
    Line("5 % of packets lost", loss=0.05),
)


@dataclass
class _Call:
    """What passes between a caller and who conducts their call."""

    said: asyncio.Queue[Saying | None] = field(default_factory=lambda: asyncio.Queue(1))
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    spoken: asyncio.Future[tuple[float, float]] | None = None
    takes: list[Take] = field(default_factory=list)


class Bench:
    """An Asterisk, workers, and a switchboard whose calls are conducted here."""

    def __init__(self, server: AsteriskServer, voices: Voices, sounds: Mapping[Saying, Samples]) -> None:
        self._server, self._voices, self._sounds = server, voices, sounds
        self._index = PromptIndex({})
        self._calls: dict[str, _Call] = {}
        self.late_share = 0.0

    async def held(self, line: Line, sayings: Sequence[Saying], seed: int = 0) -> list[Take]:
        """A call in which all of these are said; another one for the rest where speech is lost on the way.

        Raises what a call may fail with.
        """
        takes = list[Take]()
        while len(takes) < len(sayings):
            takes += await self._call(line, sayings[len(takes) :], seed + len(takes))
        return [take.model_copy(update={"line": line.name}) for take in takes]

    async def _call(self, line: Line, sayings: Sequence[Saying], seed: int) -> list[Take]:
        """One call, until all is said or speech is lost."""
        call, number = _Call(), f"+38044{secrets.randbelow(10**7):07d}"
        self._calls[number] = call
        surroundings = await asyncio.to_thread(line.surroundings, self._voices, seed)
        async with Caller(
            self._index, from_user="rfc4733", from_number=number, codec=line.codec, surroundings=surroundings,
            keep_audio=False,
        ) as caller:  # fmt: skip
            await caller.dial(f"sip:100@127.0.0.1:{self._server.config.sip_port}")
            for saying in sayings:
                await self._say(caller, call, saying, self._sounds[saying])
                if call.takes[-1].deaf:
                    break
            else:
                await call.said.put(None)
            self.late_share = max(self.late_share, caller.stats.late_share)
        del self._calls[number]
        return call.takes

    async def _say(self, caller: Caller, call: _Call, saying: Saying, sound: Samples) -> None:
        call.listening.clear()
        call.spoken = asyncio.get_running_loop().create_future()
        done = len(call.takes)
        await call.said.put(saying)
        async with asyncio.timeout(PATIENCE + 20):
            await call.listening.wait()
            await asyncio.sleep(0.3)
            spoken = await caller.play(sound)
            if not call.spoken.done():
                call.spoken.set_result((spoken.started, spoken.ended))
            while len(call.takes) == done:  # noqa: ASYNC110  two tasks of one loop, 20 ms are nothing here
                await asyncio.sleep(0.02)

    async def conduct(self, line: AsteriskLine, adopted: bool) -> bool:
        """Listen to one caller until they have said everything."""
        call = self._calls.get(line.began.caller or "")
        while call is not None and not adopted and (saying := await call.said.get()) is not None:
            take = await self._hear(line, call, saying)
            if take is None:
                break
            call.takes.append(take)
            if take.deaf:
                break
        await line.hang_up()
        return True

    async def _hear(self, line: AsteriskLine, call: _Call, saying: Saying) -> Take | None:
        exchange = Exchange(
            QUESTIONS[saying.question], replace(MANNERS[saying.question], timeout=60.0), Typed(), hears=True
        )
        exchange.begin(line.now())
        exchange.played(line.now())
        await line.listen(listening(saying.question, saying.language))
        call.listening.set()
        assert call.spoken is not None
        noticed, asked, utterance, deaf = False, None, None, ""
        while utterance is None:
            until = exchange.wake_at if noticed else line.now() + 0.5
            heard = await line.hear(until)
            now = line.now()
            actions: list[Action] = []
            match heard:
                case Voice():
                    noticed = True
                    exchange.voice(now)
                case Pause(words):
                    exchange.pause(words, now)
                case Utterance():
                    utterance = heard
                case Gone():
                    return None
                case Deaf(why):
                    deaf, utterance = why, Utterance()
                case Tick() if noticed:
                    actions = exchange.tick(now)
                case Tick() if call.spoken.done() and now > call.spoken.result()[1] + UNNOTICED:
                    utterance = Utterance()
                case _:
                    pass
            if any(isinstance(action, Conclude) for action in actions):
                asked = now
                await line.conclude()
        _, ended = await asyncio.shield(call.spoken)
        return Take(
            language=saying.language, question=saying.question, words=saying.words, keys=saying.keys,
            voice=saying.voice, line="", noticed=noticed, deaf=deaf,
            heard=[(said.words, round(said.confidence, 4)) for said in utterance.alternatives],
            after=round(asked - ended, 3) if asked is not None and asked >= ended else None,
            cut=round(ended - asked, 3) if asked is not None and asked < ended else None,
        )  # fmt: skip


@asynccontextmanager
async def bench(
    data: Path, models: Mapping[str, Path], voices: Voices, sounds: Mapping[Saying, Samples]
) -> AsyncIterator[Bench]:
    """Start everything; end it whatever happens.  sounds: of what will be said.

    Raises what an installation or a start of Asterisk raises.
    """
    bundle = await asyncio.to_thread(bundles.install, data)
    pool = Workers(models, SOUNDS, count=1)
    with (
        TemporaryDirectory(prefix="ivr-bench-speech-", ignore_cleanup_errors=True) as own,
        reserved.reserve() as ports,
    ):
        config = configure(
            bundle, Path(own) / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True, system_name="bench"
        )
        async with AsteriskServer(bundle, config, ports=ports) as server:
            await pool.start()
            try:
                async with Ari(_ari(server)) as ari:
                    one = Bench(server, voices, sounds)
                    board = Switchboard(ari, one.conduct, _over, recogniser=pool)
                    running = asyncio.create_task(board.run())
                    try:
                        async with asyncio.timeout(20):
                            while not board.ready:  # noqa: ASYNC110  no event tells it
                                await asyncio.sleep(0.02)
                        yield one
                    finally:
                        running.cancel()
                        with contextlib.suppress(asyncio.CancelledError):
                            await running
            finally:
                await pool.close()


def _ari(server: AsteriskServer) -> AriSettings:
    config = server.config
    return AriSettings(
        url=f"http://127.0.0.1:{config.http_port}/ari",
        application="ivr-speech",
        user=config.ari_user,
        password=config.ari_password.get_secret_value(),
    )


async def _over(call: str, cause: Cause, at: datetime) -> None:
    """Nothing is kept of these calls."""


async def hold(
    one: Bench,
    plan: Sequence[tuple[Line, Sequence[Saying]]],
    at_once: int,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Take]:
    """Hold these calls, so many at a time."""
    gate, takes, done = asyncio.Semaphore(at_once), list[Take](), 0

    async def call(n: int, line: Line, sayings: Sequence[Saying]) -> None:
        nonlocal done
        async with gate:
            takes.extend(await one.held(line, sayings, seed=n))
            done += 1
            progress(done, len(plan))

    async with asyncio.TaskGroup() as group:
        for n, (line, sayings) in enumerate(plan):
            group.create_task(call(n, line, sayings))
    return takes
