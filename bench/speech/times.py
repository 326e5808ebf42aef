"""What callers wait for, in real calls to the hotline as it is: from their last word to the next prompt, and from
their first word over a prompt to its silence.

Rule: both ends are packets of the caller: the last (first) audible one that was sent, the first (last) that came.
And whether our own voice, as it comes back from a telephone, is taken for theirs: callers who say nothing must hear
the whole menu, whatever echo they make.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from domain import demo
from ivr.asterisk import bundle as bundles
from ivr.asterisk import ports as reserved
from ivr.asterisk.server import AsteriskServer, configure
from ivr.service.hotline import SOUNDS, Hotline, hotline
from ivr.service.settings import Settings
from ivr.simulator.acoustics import Echo, Surroundings
from ivr.simulator.caller import Caller, NotHeard
from ivr.simulator.g711 import Samples
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.outcome import Spoken, latency
from ivr.simulator.phone import SPOKEN_OUT, clips_of
from ivr.simulator.voices import Voices

KNOWN: Final = "+380440000001"
"""A customer of the demo; the reading below is plausible for them."""
STEPS: Final = (
    ("menu", "menu", "показання", ("your_account",)),
    ("yes or no", "your_account", "так", ("control_before", "value_single")),
    ("digits", "value_single", "два три три нуль", ("value_again",)),
)
"""Kind of answer, the question, what is said, and the prompts that it may lead to."""
VOICE: Final = "Marianna"
ECHOES: Final = (Echo(-6, 40), Echo(-12, 60), Echo(-20, 150), Echo(-30, 300))
"""A loudspeaker telephone, a bad one, two hybrids."""


@dataclass
class Times:
    """Milliseconds.  answers: from the last word to the next prompt, by kind; stops: from the first word to silence.
    echoes: whether the menu was heard to its end, by echo."""

    answers: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stops: list[float] = field(default_factory=list)
    echoes: dict[str, bool] = field(default_factory=dict)


async def measure(data: Path, voices: Voices, count: int, told: Callable[[str, int, int], None]) -> Times:
    """Of so many calls one after another.  Steps that were not understood count for nothing."""
    bundle = await asyncio.to_thread(bundles.install, data)
    said = {words: await asyncio.to_thread(voices.say, words, VOICE) for _, _, words, _ in STEPS}
    index, times = PromptIndex.from_folder(SOUNDS), Times()
    with (
        TemporaryDirectory(prefix="ivr-bench-speech-", ignore_cleanup_errors=True) as own,
        reserved.reserve() as ports,
    ):
        home = Path(own)
        config = configure(
            bundle, home / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True, system_name="bench"
        )
        settings = Settings(data=home / "data", name="bench", drain=5.0, flow="main_menu", speech_workers=1)
        async with AsteriskServer(bundle, config, ports=ports) as server, hotline(settings, server) as house:
            await asyncio.wrap_future(house.store.write(lambda conn: demo.load(conn, datetime.now(UTC))))
            await house.recognition.ready()
            for n in range(count):
                told("waits", n, count)
                with contextlib.suppress(NotHeard):
                    await _call(house, index, said, times)
            await asyncio.gather(*(_echo(house, index, echo, times) for echo in ECHOES))
    return times


async def _echo(house: Hotline, index: PromptIndex, echo: Echo, times: Times) -> None:
    """A caller who says nothing, until they are asked again."""
    async with Caller(
        index, from_user="rfc4733", from_number=KNOWN, surroundings=Surroundings(echo=echo), keep_audio=False
    ) as caller:
        await caller.dial(house.address)
        first = await caller.hears(clips_of(index, "menu"), timeout=60)
        again = await caller.hears([c for p in ("noinput", "nomatch") for c in clips_of(index, p)], timeout=90)
        asked = [one for one in caller.heard if first.first_packet <= one.first_packet < again.first_packet]
        times.echoes[f"{echo.gain:g} dB, {echo.delay} ms"] = all(one.complete for one in asked)


async def _call(house: Hotline, index: PromptIndex, said: dict[str, Samples], times: Times) -> None:
    async with Caller(index, from_user="rfc4733", from_number=KNOWN, keep_audio=False) as caller:
        await caller.dial(house.address)
        for kind, question, words, then in STEPS:
            await caller.hears(clips_of(index, question), timeout=60)
            over = kind == "menu"
            if not over:
                await caller.quiet(SPOKEN_OUT)
            spoken = await caller.play(said[words], words)
            answer = await caller.hears([clip for prompt in then for clip in clips_of(index, prompt)], timeout=8)
            times.answers[kind].append(1000 * latency(spoken, answer).packet)
            if over:
                times.stops.append(1000 * (_silent(caller, spoken, answer.first_packet) - spoken.started))


def _silent(caller: Caller, spoken: Spoken, until: float) -> float:
    """When the last packet came of what was being said when the caller began."""
    return max(one.last_packet for one in caller.heard if one.first_packet < spoken.started < until)
