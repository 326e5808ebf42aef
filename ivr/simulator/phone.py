"""A scenario, held as a real call: the same file that the text telephone holds.

Rule: what is waited for is heard, never timed; only `waits` is a clock, because that is what it says.
"""

import asyncio
import re
from collections.abc import Callable

from ivr.simulator.caller import CallEnded, Caller, Event
from ivr.simulator.g711 import CodecName
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.scenario import HangsUp, Hears, Listens, Presses, Scenario, ScenarioError, Waits, prompt_of

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
    codec: CodecName = "PCMA",
    patience: float = 60.0,
    on_event: Callable[[Event], None] | None = None,
    beyond_loopback: bool = False,
) -> Caller:
    """Call `uri` and do what the scenario says, to the end of the call.  Returns the caller with all it heard.

    patience: seconds to wait for the far side to hang up when the steps are done.
    Raises CallFailed, NotHeard, CallEnded (hung up before the steps were done), NotHungUp; ValueError for a `uri`
    that is none, or another machine's; OSError for one that can't be reached.
    """
    user, host = _address(uri)
    caller = Caller(
        index,
        from_user=scenario.dtmf,
        from_number=scenario.caller,
        dtmf=scenario.dtmf,
        codec=codec,
        send_rtp=scenario.rtp,
        on_event=on_event,
        beyond_loopback=beyond_loopback,
    )
    async with caller:
        await caller.dial(f"sip:{user or scenario.dialled}@{host}")
        for step in scenario.steps:
            match step:
                case Hears(hears=prompt, within=within):
                    await caller.hears(clips_of(index, prompt), timeout=within)
                case Presses(keys=keys, tone=tone, gap=gap):
                    await caller.press(keys, tone_ms=tone, gap_ms=gap)
                case Waits(waits=seconds):
                    await _nothing(caller, seconds)
                case Listens():
                    await caller.quiet(SPOKEN_OUT)
                case HangsUp():
                    await caller.hang_up()
                    return caller
        await caller.hung_up(timeout=patience)
    return caller


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
