"""What callers wait for, in real calls to the hotline as it is: from their last word to the next prompt, and from
their first word over a prompt to its silence.

Rule: both ends are packets of the caller: the last (first) audible one that was sent, the first (last) that came.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable
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


async def measure(
    data: Path, voices: Voices, count: int, told: Callable[[str, int, int], None]
) -> tuple[dict[str, list[float]], list[float]]:
    """Milliseconds, of so many calls one after another.  Steps that were not understood count for nothing."""
    bundle = await asyncio.to_thread(bundles.install, data)
    said = {words: await asyncio.to_thread(voices.say, words, VOICE) for _, _, words, _ in STEPS}
    index, answers, stops = PromptIndex.from_folder(SOUNDS), defaultdict[str, list[float]](list), list[float]()
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
                    await _call(house, index, said, answers, stops)
    return dict(answers), stops


async def _call(
    house: Hotline,
    index: PromptIndex,
    said: dict[str, Samples],
    answers: defaultdict[str, list[float]],
    stops: list[float],
) -> None:
    async with Caller(index, from_user="rfc4733", from_number=KNOWN, keep_audio=False) as caller:
        await caller.dial(house.address)
        for kind, question, words, then in STEPS:
            await caller.hears(clips_of(index, question), timeout=60)
            over = kind == "menu"
            if not over:
                await caller.quiet(SPOKEN_OUT)
            spoken = await caller.play(said[words], words)
            answer = await caller.hears([clip for prompt in then for clip in clips_of(index, prompt)], timeout=8)
            answers[kind].append(1000 * latency(spoken, answer).packet)
            if over:
                stops.append(1000 * (_silent(caller, spoken, answer.first_packet) - spoken.started))


def _silent(caller: Caller, spoken: Spoken, until: float) -> float:
    """When the last packet came of what was being said when the caller began."""
    return max(one.last_packet for one in caller.heard if one.first_packet < spoken.started < until)
