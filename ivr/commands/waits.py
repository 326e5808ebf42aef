"""`ivr waits`: how long callers waited, from Asterisk's record, for the figures of the console."""

import signal
import threading
from pathlib import Path

import click

from domain.store import Store, StoreFault
from ivr.commands.business import BESIDE_A_HOTLINE
from ivr.commands.output import complain, console, fail
from ivr.commands.up import settings_from
from ivr.service.waits import take_in


@click.command("waits")
@click.option("--every", type=click.FloatRange(1.0), metavar="SECONDS", help="Go on, looking this often.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
def waits(every: float | None, config: Path | None, data: Path | None) -> None:
    """Note how long callers waited for an answer and for people, as Asterisk itself recorded it.

    Of calls that are over; each is noted once, however often this runs.  The hotline may run.
    """
    settings = settings_from(config, data=data)
    run = settings.data / "exchange"
    if not run.is_dir():
        fail(f"{settings.data} has no exchange: nothing was ever started there; give --data", 2)
    try:
        with Store.open(settings.store_url, busy=30.0, rest=BESIDE_A_HOTLINE) as store:
            if every is None:
                console.print(f"{take_in(run, store):,} waits were noted")
                return
            stopped = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopped.set())
            while not stopped.is_set():
                try:
                    take_in(run, store)
                except (StoreFault, OSError) as fault:  # it passes; the record stays
                    complain(f"{fault}; trying again in {every:g} s")
                stopped.wait(every)
    except (StoreFault, OSError) as fault:
        fail(str(fault), 2)
