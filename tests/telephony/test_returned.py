"""Real calls that people gave back, and controllers that come and go meanwhile."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.model import Outcome
from flows import FLOWS, NOBODY_FREE
from ivr.asterisk.bundle import Bundle
from ivr.asterisk.ports import Ports
from ivr.asterisk.server import AsteriskServer, configure
from ivr.dialog import goodbye, transfer, yes_no
from ivr.service.hotline import Hotline, hotline
from ivr.service.settings import Settings
from ivr.simulator.caller import Caller
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.phone import clips_of
from tests.telephony.agent import Agent
from tests.telephony.conftest import SOUNDS
from tests.telephony.world import came

pytestmark = pytest.mark.telephony


async def to_people(call):
    await call.say("notice", bargein=False)
    await call.record()
    return transfer("asked for")


async def nobody_free(call):
    await call.ask("receipt_again", yes_no)
    return goodbye(Outcome.NO_AGENT, "goodbye")


@asynccontextmanager
async def exchange(
    bundle: Bundle, ports: Ports, folder: Path, agent: Agent, **others: int
) -> AsyncIterator[AsteriskServer]:
    config = configure(
        bundle, folder / "exchange", sounds=SOUNDS, ports=ports, loopback_endpoints=True, system_name="test",
        agents=(agent.uri,), **others,
    )  # fmt: skip
    with AsteriskServer(bundle, config, ports=ports) as server:
        yield server


@asynccontextmanager
async def controller(server: AsteriskServer, folder: Path) -> AsyncIterator[Hotline]:
    """One that leaves its calls to the next of its name soon after it is told to stop."""
    async with hotline(Settings(data=folder, name=f"r{os.getpid()}", drain=0.1), server) as house:
        yield house


@pytest.fixture(autouse=True)
def conversations(monkeypatch):
    """Known to every controller before it looks for calls to adopt."""
    monkeypatch.setitem(FLOWS, "main_menu", to_people)
    monkeypatch.setitem(FLOWS, NOBODY_FREE, nobody_free)


def test_a_controller_that_comes_back_adopts_the_conversation_after_people(
    bundle, ports, tmp_path: Path, index: PromptIndex
):
    async def main():
        async with (
            Agent("busy") as agent,
            exchange(bundle, ports, tmp_path, agent, agent_seconds=3) as server,
            asyncio.timeout(90),
            Caller(index, from_user="rfc4733") as caller,
        ):
            async with controller(server, tmp_path) as house:
                await caller.dial(house.address)
                await caller.hears(clips_of(index, "receipt_again"), timeout=30)
            async with controller(server, tmp_path) as house:
                await caller.hears(clips_of(index, "receipt_again"), timeout=30)
                await caller.press("2")
                await caller.hears(clips_of(index, "goodbye"), timeout=30)
                await caller.hung_up()
                return await came(house), house.controller.switchboard.counts

    result, counts = asyncio.run(main())

    assert [line.label for line in result.journal] == ["notice", "record", "returned", "receipt_again"]
    assert result.call.outcome is Outcome.NO_AGENT
    assert (counts["adopted"], counts["claimed"]) == (1, 0)


def test_a_call_that_is_offered_again_while_no_controller_is_there_is_claimed_by_the_one_that_comes(
    bundle, ports, tmp_path: Path, index: PromptIndex
):
    async def main():
        async with (
            Agent("rings") as agent,
            exchange(bundle, ports, tmp_path, agent, agent_seconds=4, claim_ms=9000) as server,
            asyncio.timeout(90),
            Caller(index, from_user="rfc4733") as caller,
        ):
            async with controller(server, tmp_path) as house:
                await caller.dial(house.address)
                await agent.invited.wait()
            await agent.ended.wait()  # nobody took it: the dialplan offers it again, to nobody
            async with controller(server, tmp_path) as house:
                await caller.hears(clips_of(index, "receipt_again"), timeout=30)
                await caller.press("2")
                await caller.hears(clips_of(index, "goodbye"), timeout=30)
                await caller.hung_up()
                return await came(house), house.controller.switchboard.counts

    result, counts = asyncio.run(main())

    assert [line.label for line in result.journal] == ["notice", "record", "returned", "receipt_again"]
    assert result.call.outcome is Outcome.NO_AGENT
    assert (counts["adopted"], counts["claimed"]) == (0, 1)
