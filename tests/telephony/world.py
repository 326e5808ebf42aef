"""A hotline on the worker's Asterisk, in a folder of its own, for one test; and callers to it."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain import calls, demo, readings
from domain.calls import CallRecord, Line, RecordingRecord
from domain.readings import StoredReading
from ivr.asterisk.server import AsteriskServer
from ivr.service.hotline import Hotline, hotline
from ivr.service.settings import Settings
from ivr.session import Watcher
from ivr.simulator.caller import Caller
from ivr.simulator.g711 import CodecName
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.phone import hold
from ivr.simulator.scenario import HangsUp, Hears, Listens, Presses, Scenario, Step, Waits

_numbers = itertools.count()


@asynccontextmanager
async def open_hotline(
    server: AsteriskServer, folder: Path, watchers: Sequence[Watcher] = (), **settings: Any
) -> AsyncIterator[Hotline]:
    """A controller with the demo customers, where callers come straight to meter readings (else: `flow`).

    By keys only, unless speech=True; then it is there from the start.  Names are never used twice on one Asterisk.
    """
    name = f"t{os.getpid()}-{next(_numbers)}"
    chosen = Settings(data=folder, name=name, drain=5.0, **{"flow": "meter_reading", "speech": False, **settings})
    async with hotline(chosen, server, watchers=watchers) as house:
        await asyncio.wrap_future(house.store.write(lambda conn: demo.load(conn, datetime.now(UTC))))
        await house.recognition.ready()
        yield house
        assert house.controller.switchboard.leaked() == [], "nothing of ours may stay behind on Asterisk"


def steps(*written: str | float | Step) -> list[Step]:
    """`hears` for a name, `presses` for what starts with a key, `waits` for a number."""
    made: list[Step] = []
    for step in written:
        match step:
            case "listens":
                made.append(Listens(listens=None))
            case "hangs up":
                made.append(HangsUp(hangs_up=None))
            case str() if step[0] in "0123456789*#":
                made.append(Presses(keys=step, tone=100, gap=80))
            case str():
                made.append(Hears(hears=step, within=30))
            case float() | int():
                made.append(Waits(waits=float(step)))
            case _:
                made.append(step)
    return made


async def dial(
    house: Hotline, index: PromptIndex, steps: list[Step], *, codec: CodecName = "PCMA", **person: Any
) -> Caller:
    """Hold a call of these steps.  person: further facts of the scenario."""
    return await hold(Scenario(about="a test", steps=steps, **person), house.address, index, codec=codec)


class Came:
    """What came of a call."""

    def __init__(
        self, call: CallRecord, recording: RecordingRecord, journal: list[Line], stored: list[StoredReading]
    ) -> None:
        self.call, self.recording, self.journal = call, recording, journal
        self.readings = [(r.account, r.zone.value, r.value, r.status.value) for r in stored]

    def heard(self, label: str) -> list[str]:
        """What the caller answered to this question, each time it was answered."""
        return [line.heard for line in self.journal if line.label == label and line.heard is not None]


async def all_came(house: Hotline, count: int) -> list[Came]:
    """What came of the calls of this store, once `count` of them are over and settled; oldest first."""

    def look(conn: Any) -> list[Came]:
        found = []
        for record in reversed(calls.latest(conn, 1000)):
            call = record.began.call
            kept = calls.recording(conn, call)
            if record.driver == house.settings.name and record.outcome and kept and kept.state != "recording":
                found.append(Came(record, kept, calls.lines(conn, call), readings.stored(conn, call=call)))
        return found

    async with asyncio.timeout(60):
        while True:
            news = house.controller.aftermath.news
            found = await asyncio.wrap_future(house.store.read(look))
            if len(found) >= count:
                return found
            await news.wait()


async def came(house: Hotline) -> Came:
    """What came of the only call."""
    [only] = await all_came(house, 1)
    return only
