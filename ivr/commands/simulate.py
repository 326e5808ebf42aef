"""`ivr simulate`: the hotline on a text telephone.  No Asterisk, no sound; the same flow, store and prompts."""

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from domain import demo
from domain.model import Began
from domain.store import Store, StoreFault
from flows import FLOWS, NOBODY_FREE
from ivr.commands.output import console, fail
from ivr.commands.screen import Screen
from ivr.commands.verdict import shortcomings, show
from ivr.journal import Journal
from ivr.service.settings import BadSettings, Settings
from ivr.service.settings import load as load_settings
from ivr.session import House, Session
from ivr.simulator.given import prepare
from ivr.simulator.scenario import Given, Scenario, ScenarioError, load
from ivr.simulator.text import Keyboard, NotHeard, Script, TextLine, TextTape
from ivr.speech.models import ShelfFault, find
from prompts import Catalogue


@click.command()
@click.option(
    "--script", type=click.Path(path_type=Path, dir_okay=False), help="Hold this scenario instead of asking."
)
@click.option("--flow", type=click.Choice(sorted(FLOWS)), help="Default: what the dialled number leads to.")
@click.option("--caller", help="The caller's number, e.g. +380440000001; without it, withheld.")
@click.option("--store", help="Database URL; without it, a temporary one with the demo accounts.")
def simulate(script: Path | None, flow: str | None, caller: str | None, store: str | None) -> None:
    """Hold a conversation without a telephone.

    Keys are digits, * and #; words are spoken where speech is understood; an empty line is silence; q hangs up.
    """
    try:
        scenario = load(script) if script else None
        settings = load_settings()
        spoken = frozenset(find(settings.data, settings.models)) if settings.speech else frozenset[str]()
    except (ScenarioError, BadSettings, ShelfFault) as fault:
        fail(str(fault))
    given = scenario.given if scenario else Given()
    if store and given != Given():
        fail(f"{script}: what is given: there is put into a store of its own; leave out --store")
    with tempfile.TemporaryDirectory(prefix="ivr-") as folder:
        try:
            opened = Store.open(store or f"sqlite:///{folder}/simulated.db")
        except (StoreFault, ValueError) as fault:
            fail(str(fault))
        with opened:
            if store is None:
                now = datetime.now(UTC)
                opened.write(lambda conn: demo.load(conn, now)).result()
                if scenario:
                    opened.write(lambda conn: prepare(conn, given, now)).result()
            complaints = asyncio.run(_hold(opened, settings, spoken, flow, caller, scenario))
    if complaints:
        fail("\n".join(complaints))


async def _hold(
    store: Store,
    settings: Settings,
    spoken: frozenset[str],
    flow: str | None,
    caller: str | None,
    scenario: Scenario | None,
) -> list[str]:
    catalogue = Catalogue.load()
    now = datetime.now(UTC)
    number = caller or (scenario.caller if scenario else None)
    began = Began(f"simulated-{now:%Y%m%d%H%M%S%f}", number, scenario.dialled if scenario else "100", now)
    finger = Script(scenario.steps) if scenario else Keyboard(console.input)
    line = TextLine(began, finger, catalogue.seconds)
    house = House(
        FLOWS[flow or settings.flow],
        catalogue,
        Journal(store, "simulator"),
        (Screen(console),),
        numbers={} if flow else {n: FLOWS[name] for n, name in settings.numbers.items()},
        returned=FLOWS.get(NOBODY_FREE),
        spoken=lambda: spoken,
        tape=TextTape(catalogue.seconds),
    )
    try:
        await Session(house, line).run()
        while house.returned and line.give_back():  # nobody answers here
            await Session(house, line).run()
    except NotHeard as fault:
        return [str(fault)]
    show(store, began.call)
    complaints = shortcomings(store, began.call, scenario.expects) if scenario and scenario.expects else []
    if scenario and (step := line.left_undone()) is not None:
        complaints.append(f"the call ended before the caller came to {step!r}; heard {', '.join(line.heard())}")
    return complaints
