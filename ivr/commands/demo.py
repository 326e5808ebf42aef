"""`ivr demo`: what `./run` does.  A hotline with demo customers, one scripted call, and an address to dial.

`ivr demo load` puts generated customers into a store, as many as are asked for.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from domain import calls, demo, passwords, staff, staffing
from domain.commands import AskTerms
from domain.demo.fiction import account_number
from domain.demo.generate import DETAILED, MOST, generate
from domain.handlers import perform
from domain.model import Language
from domain.roles import Role
from domain.store import Connection, Store, StoreFault
from ivr.commands.gauge import Gauge
from ivr.commands.output import console, errors, fail
from ivr.commands.screen import Screen
from ivr.commands.up import common, run, settings_from
from ivr.commands.verdict import shortcomings, show
from ivr.service.beside import supervisors, transcriber
from ivr.service.hotline import SOUNDS, Hotline, exchange, hotline
from ivr.service.settings import Settings
from ivr.simulator.caller import CallerError
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.phone import hold
from ivr.simulator.scenario import ExpectedReading, Expects, Hears, Presses, Scenario

T = TypeVar("T")

LOGIN: Final = "demo"
"""Of the demo's supervisor."""
BY: Final = "cli:demo"
"""Who gives them their password, in the trail; nobody gives one to themselves."""


@click.group("demo", invoke_without_command=True)
@common
@click.option("--once", is_flag=True, help="End after the demo call; exit 0 only if its reading is in the store.")
@click.pass_context
def demonstrate(context: click.Context, config: Path | None, once: bool, **given: Any) -> None:
    """Start a hotline on loopback, place one real SIP call that enters a reading, and stay up to be dialled."""
    if context.invoked_subcommand is not None:
        context.obj = (config, given["data"])
        return
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    complaints = run(_demonstrate(settings_from(config, keep_asterisk=False, **given), config, once))
    for complaint in complaints:
        errors.print(f"[bold red]ivr:[/] {complaint}")
    raise SystemExit(1 if complaints else 0)


@demonstrate.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--accounts", type=click.IntRange(1, MOST), default=DETAILED, show_default=True,
              help="How many; the first thousand with two years of readings, bills, requests, outages.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Another one, other people.")
@click.pass_context
def load(context: click.Context, config: Path | None, data: Path | None, accounts: int, seed: int) -> None:
    """Put customers into the store who don't exist: the dozen made by hand, and generated ones.

    Who is there already stays as they are.  Cut off, it goes on when it is started again.
    """
    outer: tuple[Path | None, Path | None] = context.obj
    settings = settings_from(config or outer[0], data=data or outer[1])
    now = datetime.now(UTC)
    began = time.monotonic()
    try:
        with Store.open(settings.store_url, busy=60.0) as store, Gauge(console) as gauge:
            hand_made = store.write(lambda conn: demo.load(conn, now)).result()
            loaded = generate(store, accounts, at=now, seed=seed, tell=gauge.tell)
    except KeyboardInterrupt:
        fail("stopped; start it again to load the rest", 130)
    except (StoreFault, OSError) as fault:
        fail(f"{fault}\nwhat was loaded stays: start it again to load the rest")
    console.print(
        f"added in {time.monotonic() - began:.1f} s: {loaded.accounts + hand_made:,} customers with "
        f"{loaded.readings:,} readings and {loaded.bills:,} bills; {loaded.matters:,} requests, orders and outages"
    )
    console.print(f"generated customers have the accounts {account_number(0)} to {account_number(accounts - 1)}")


async def _demonstrate(settings: Settings, config: Path | None, once: bool) -> list[str]:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task("Asterisk", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        opened = exchange(settings, loopback_endpoints=True, die_with_parent=True, progress=progress)
        try:
            server = await unless(stopped, opened.__aenter__())
        except Stopped:
            return ["stopped before the hotline was ready"]
        bar.update(task, description=f"Asterisk {server.bundle.version}", completed=1.0)
    try:
        async with hotline(settings, server, watchers=(Screen(console),)) as house:
            now = datetime.now(UTC)
            await asyncio.wrap_future(house.store.write(lambda conn: demo.load(conn, now)))
            try:
                complaints = await unless(stopped, _call(house, now))
            except Stopped:
                return ["stopped before the demo call was over"]
            if not once and not complaints:
                password = await _supervisor(house, now)
                _invite(house, now)
                async with transcriber(settings, config), supervisors(settings, config):
                    console.print(
                        f"console: sign in as [bold]{LOGIN}[/], password [bold]{password}[/]; its address comes"
                    )
                    await house.until(stopped)
                    console.print("stopping ...")
            return complaints
    finally:
        await opened.__aexit__(None, None, None)


class Stopped(Exception):
    """Somebody asked for an end before this was done."""


async def unless(stopped: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """Its result.  When the end comes first, it is cut off and cleaned up; raises Stopped."""
    doing, asked = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({doing, asked}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        console.print("stopping ...")
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        raise Stopped
    finally:
        asked.cancel()


async def _call(house: Hotline, now: datetime) -> list[str]:
    """The demo call; what went wrong with it."""
    scenario = await _scenario(house, now)
    console.print(f"\n[bold]A caller dials {house.address}[/]: {scenario.about}\n")
    before = {r.began.call for r in await _latest(house)}
    try:
        index = await asyncio.to_thread(PromptIndex.from_folder, SOUNDS)
        await hold(scenario, house.address, index)
    except CallerError as fault:
        return [f"the demo call failed: {fault}"]
    call = next((r.began.call for r in await _latest(house) if r.began.call not in before), None)
    if call is None:
        return ["the demo call left no trace in the store"]
    await house.controller.settled(call)
    record = await asyncio.wrap_future(house.store.read(lambda conn: calls.recording(conn, call)))
    console.print()
    show(house.store, call)
    assert scenario.expects is not None
    found = shortcomings(house.store, call, scenario.expects)
    if record is None or record.path is None or record.seconds is None:
        return [*found, f"the call was not recorded: {record.reason if record else 'nothing is known of a tape'}"]
    console.print(f"recording: {house.controller.archive.path(record)}")
    console.print(f"           {record.seconds:.1f} s, left the caller, right the prompts; SHA-256 {record.sha256}")
    if record.reason:
        console.print(f"           remark: {record.reason}")
    return found


async def _latest(house: Hotline) -> list[calls.CallRecord]:
    return await asyncio.wrap_future(house.store.read(lambda conn: calls.latest(conn, 50)))


async def _scenario(house: Hotline, now: datetime) -> Scenario:
    return await asyncio.wrap_future(house.store.write(lambda conn: demo_call(conn, now)))


def demo_call(conn: Connection, now: datetime) -> Scenario:
    """A customer of the demo with one register, who keys what they would read today.

    It is the same on any day and however often: a reading of this month may be there already, or one of today.
    """
    customer = next(
        c for c in demo.listing(conn, now) if c.callers and c.language is Language.UK and len(c.values) == 1
    )
    terms = perform(conn, AskTerms(customer.account), call=None, seq=None, at=now)
    value = customer.values[0]
    corrects = [Hears(hears="submitted_already", within=20), Presses(keys="1", tone=100, gap=80)]
    steps = [
        Hears(hears="notice", within=20),
        Hears(hears="menu", within=40),
        Presses(keys="1", tone=100, gap=80),
        Hears(hears="your_account", within=20),
        Presses(keys="1", tone=100, gap=80),
        *(corrects if terms.submitted else []),
        Hears(hears=f"value_{value.zone}", within=40),
        Presses(keys=f"{value.value}#", tone=100, gap=80),
        Hears(hears="value_again", within=20),
        Presses(keys=f"{value.value}#", tone=100, gap=80),
        Hears(hears="read_back", within=20),
        Presses(keys="1", tone=100, gap=80),
        Hears(hears="receipt", within=20),
        Hears(hears="receipt_again", within=40),
        Presses(keys="2", tone=100, gap=80),
        Hears(hears="anything_else", within=20),
        Hears(hears="goodbye", within=40),
    ]
    reading = ExpectedReading(account=customer.account, meter=value.meter, zone=value.zone, value=value.value)
    return Scenario(
        about=f"a customer known by their number enters {value.value} kWh for account {customer.account}",
        caller=customer.callers[0],
        steps=steps,
        expects=Expects(outcome="reading_taken", readings=[reading]),  # pyright: ignore[reportArgumentType]
    )


async def _supervisor(house: Hotline, now: datetime) -> str:
    """Somebody who may look at the calls of the demo; the password, a new one each time."""
    password = passwords.temporary()
    hashed = await asyncio.to_thread(passwords.hashed, password)
    await asyncio.wrap_future(house.store.write(lambda conn: let_in(conn, hashed, now)))
    return password


def let_in(conn: Connection, hashed: str, now: datetime) -> None:
    """The demo's supervisor comes in with this password, whatever was done to the account before."""
    try:
        staffing.give_password(conn, LOGIN, hashed, by=BY, at=now, temporary=False)
        staffing.enable(conn, LOGIN, by=BY, at=now)
    except staff.NoSuchPerson:
        staff.add_hashed(
            conn, login=LOGIN, name="Demo", role=Role.SUPERVISOR, language=Language.UK, hashed=hashed, at=now
        )


def _invite(house: Hotline, now: datetime) -> None:
    table = Table("account", "what is special", "known by", "key today", title="demo customers", title_justify="left")
    for customer in house.store.read(lambda conn: demo.listing(conn, now)).result():
        values = ", ".join(f"{v.value}" + (f" ({v.zone})" if v.zone != "single" else "") for v in customer.values)
        table.add_row(customer.account, customer.special, ", ".join(customer.callers), values)
    console.print()
    console.print(table)
    console.print(
        f"\nDial [bold]{house.address}[/] with any SIP telephone on this machine (user rfc4733, no password), or:\n"
        f"  .venv/bin/ivr call tests/conversations/one_reading.yaml --to {house.address}\n"
        f"health: http://127.0.0.1:{house.http_port}/readyz   figures: /metrics   Ctrl-C ends it"
    )
