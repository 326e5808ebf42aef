"""A scenario, held as a real call: the same file that the text telephone holds.

Rules: what is waited for is heard, never timed; only `waits` is a clock, because that is what it says.  What the
caller will say is made into sound before they dial: no call waits for a synthesiser.
"""

import asyncio
import re
from collections.abc import Callable

from ivr.simulator.acoustics import Surroundings
from ivr.simulator.caller import CallEnded, Caller, Event
from ivr.simulator.g711 import CodecName, Samples
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.scenario import (
    Acoustics,
    HangsUp,
    Hears,
    Listens,
    Plays,
    Presses,
    Says,
    Scenario,
    ScenarioError,
    Waits,
    prompt_of,
)
from ivr.simulator.voices import Voices
from prompts.rhvoice import CannotSpeak
from prompts.sound import BadRecording

SPOKEN_OUT = 0.4
"""Seconds without a sound after which a prompt is over; pauses within prompts are shorter."""


def clips_of(index: PromptIndex, prompt: str) -> list[str]:
    """The names of all clips with which `prompt` may begin or go on.  Raises ScenarioError when there is none."""
    every = [*index.clips, *(clip for twins in index.twins.values() for clip in twins)]
    found = sorted({clip.name for clip in every if "/" not in clip.key and prompt_of(clip.name) == prompt})
    if not found:
        raise ScenarioError(f"hears: {prompt}: there is no sound of that name")
    return found


async def hold(
    scenario: Scenario,
    uri: str,
    index: PromptIndex,
    *,
    voices: Voices | None = None,
    codec: CodecName = "PCMA",
    patience: float = 60.0,
    on_event: Callable[[Event], None] | None = None,
    beyond_loopback: bool = False,
) -> Caller:
    """Call `uri` and do what the scenario says, to the end of the call.  Returns the caller with all it heard.

    voices: who says what is to be said; None: scenarios with `say` or `acoustics` are refused.
    patience: seconds to wait for the far side to hang up when the steps are done.
    Raises ScenarioError for what can't be said; CallFailed, NotHeard, CallEnded (hung up before the steps were done),
    NotHungUp; ValueError for a `uri` that is none, or another machine's; OSError for one that can't be reached.
    """
    user, host = _address(uri)
    sounds, surroundings = await asyncio.to_thread(_rehearsed, scenario, voices)
    caller = Caller(
        index,
        from_user=scenario.dtmf,
        from_number=scenario.caller,
        dtmf=scenario.dtmf,
        codec=codec,
        send_rtp=scenario.rtp,
        surroundings=surroundings,
        on_event=on_event,
        beyond_loopback=beyond_loopback,
    )
    async with caller:
        await caller.dial(f"sip:{user or scenario.dialled}@{host}")
        for n, step in enumerate(scenario.steps):
            match step:
                case Hears(hears=prompt, within=within):
                    await caller.hears(clips_of(index, prompt), timeout=within)
                case Presses(keys=keys, tone=tone, gap=gap):
                    await caller.press(keys, tone_ms=tone, gap_ms=gap)
                case Says(say=about) | Plays(play=about):
                    await caller.play(sounds[n], about)
                case Waits(waits=seconds):
                    await _nothing(caller, seconds)
                case Listens():
                    await caller.quiet(SPOKEN_OUT)
                case HangsUp():
                    await caller.hang_up()
                    return caller
        await caller.hung_up(timeout=patience)
    return caller


def _rehearsed(scenario: Scenario, voices: Voices | None) -> tuple[dict[int, Samples], Surroundings | None]:
    """The sound of each step that has one, and where it is made."""
    sounding = [(n, step) for n, step in enumerate(scenario.steps) if isinstance(step, Says | Plays)]
    if not sounding and scenario.acoustics == Acoustics():
        return {}, None
    if voices is None:
        raise ScenarioError(f"{scenario.about}: the caller speaks, and nobody gave them a voice")
    if not scenario.rtp:
        raise ScenarioError(f"{scenario.about}: a telephone without rtp: can't be spoken into")
    try:
        surroundings = voices.surroundings(scenario.acoustics)
        return {n: voices.sound_of(step, scenario) for n, step in sounding}, surroundings
    except (CannotSpeak, BadRecording, OSError) as fault:
        raise ScenarioError(f"{scenario.about}: {fault}") from fault


def _address(uri: str) -> tuple[str, str]:
    """User part (may be empty) and host with its port, of `sip:user@host:port`; the scheme may be left out."""
    found = re.fullmatch(r"(?:sip:)?(?:([^@\s]+)@)?([A-Za-z0-9.-]+(?::(\d{1,5}))?)", uri)
    if not found or not 1 <= int(found[3] or 5060) <= 65535:
        raise ValueError(f"{uri!r} is no address to call; write e.g. sip:hotline@127.0.0.1:5060")
    return found[1] or "", found[2]


async def _nothing(caller: Caller, seconds: float) -> None:
    """Neither say nor key anything; raises CallEnded when the far side has enough of it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if caller.hangup is not None:
            raise CallEnded(f"the far side hung up while the caller was waiting for {seconds:g} s")
        await asyncio.sleep(min(0.1, seconds))
