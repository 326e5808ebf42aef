"""Real calls that go to people: what these are told, and what happens when nobody answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.model import Outcome
from ivr.asterisk.bundle import Bundle
from ivr.asterisk.ports import Ports
from ivr.asterisk.server import AsteriskServer, configure
from ivr.dialog import goodbye
from ivr.service.hotline import Hotline
from ivr.simulator.caller import Caller
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.phone import clips_of
from ivr.simulator.scenario import Hears
from tests.telephony.agent import Agent, Answers
from tests.telephony.conftest import SOUNDS
from tests.telephony.world import came, dial, open_hotline, steps

pytestmark = pytest.mark.telephony

ASKS = steps("language", "1", "account", "1000000083", "value_single", "0#")


@asynccontextmanager
async def with_agent(
    bundle: Bundle, ports: Ports, folder: Path, answers: Answers
) -> AsyncIterator[tuple[Hotline, Agent]]:
    """A hotline, and one person at whose telephone its calls arrive."""
    async with Agent(answers) as agent:
        config = configure(
            bundle, folder / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True, system_name="test",
            agents=(agent.uri,), agent_seconds=3,
        )  # fmt: skip
        with AsteriskServer(bundle, config, ports=ports) as server:
            async with open_hotline(server, folder, flow="meter_reading") as house:
                yield house, agent


def test_people_see_what_the_call_is_about_and_what_was_said(bundle, ports, tmp_path: Path, index: PromptIndex):
    async def main():
        async with with_agent(bundle, ports, tmp_path, "takes") as (house, agent):
            async with asyncio.timeout(60), Caller(index, from_user="rfc4733") as caller:
                await caller.dial(house.address)
                for step in ASKS:
                    if isinstance(step, Hears):
                        await caller.hears(clips_of(index, step.hears), timeout=30)
                    else:
                        await caller.press(step.keys)
                await agent.confirmed.wait()
                await caller.hang_up()
                await agent.ended.wait()
            return await came(house), agent.headers

    result, headers = asyncio.run(main())

    assert result.call.outcome is Outcome.TRANSFERRED
    assert headers["x-hotline-call"] == result.call.began.call
    assert headers["x-hotline-language"] == "uk"
    assert headers["x-hotline-account"] == "1000000083"
    assert headers["x-hotline-topic"] == "reading"
    assert "account=1000000083" in headers["x-hotline-said"]
    assert "reading 1000000083" in headers["from"], "what an ordinary telephone shows"
    assert json.loads(result.call.context)["account"] == "1000000083"


@pytest.mark.parametrize("answers", ["busy", "rings"])
def test_when_nobody_answers_the_caller_is_ours_again(bundle, ports, tmp_path: Path, index: PromptIndex, answers):
    async def nobody(call):
        await call.say("goodbye", bargein=False)
        return goodbye(Outcome.NO_AGENT)

    async def main():
        async with with_agent(bundle, ports, tmp_path, answers) as (house, agent):
            object.__setattr__(house.controller.house, "returned", nobody)
            await dial(house, index, [*ASKS, Hears(hears="connecting", within=20), Hears(hears="goodbye", within=20)])
            assert agent.invited.is_set()
            return await came(house)

    result = asyncio.run(main())

    assert result.call.outcome is Outcome.NO_AGENT
    assert [line.label for line in result.journal][-2:] == ["returned", "goodbye"]
    assert result.recording.state == "sealed"
    assert result.recording.reason == "no sound came from the caller", (
        "nothing else is odd: it is as long as the call"
    )
