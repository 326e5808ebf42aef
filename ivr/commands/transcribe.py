"""`ivr transcribe`: writes down what callers told.

Rule: it lives beside a hotline and loads nothing of the exchange: half a second and 14 MB less (measured).
"""

import logging
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from domain.store import Store, StoreFault
from ivr.commands.output import console, fail
from ivr.ports import Transcriber
from ivr.service.beside import NICE, die_with
from ivr.service.settings import BadSettings, Settings, load
from ivr.service.transcriber import Desk, alone
from ivr.speech.models import ShelfFault, find
from ivr.speech.transcribe import Vosk, Whisper

log = logging.getLogger(__name__)

REST: Final = 3.0
"""How long the store is left to others after each transaction, in times as long as it took: callers come first."""


ENDS: Final = (signal.SIGTERM, signal.SIGINT)
"""What ends us in order."""
EAR: Final = 0.5
"""Seconds from look to look whether the work is done."""


@click.command()
@click.option("--once", is_flag=True, help="Write down what is due, and end.")
@click.option("--with", "parent", type=int, hidden=True, help="End when this process, our parent, ends.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
def transcribe(once: bool, parent: int | None, config: Path | None, data: Path | None) -> None:
    """Write down what callers told, after their calls.

    `ivr up` runs this beside itself; a machine of its own may do it, too, where it has the recordings.  It works with
    the lowest claim to the machine, begins nothing while many calls go on, and may be killed at any time.
    """
    if parent is not None and not die_with(parent):
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        settings = load(config, data=data)
    except BadSettings as fault:
        fail(str(fault), 2)
    if not settings.transcripts:
        fail("transcripts are switched off: set transcripts = true", 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)  # waited for below: a handler could come in the middle of anything
    try:
        _work(settings, once)
    except (StoreFault, ShelfFault, OSError) as fault:
        fail(str(fault))


def _work(settings: Settings, once: bool) -> None:
    """In a thread, so that this one hears when it is to end."""
    with alone(settings.data, ENDS) as mine, ThreadPoolExecutor(1, thread_name_prefix="desk") as hands:
        if not mine:
            return
        with Store.open(settings.store_url, busy=30.0, rest=REST) as store:
            desk = Desk(store, settings.data, _engines(settings), lambda: datetime.now(UTC))
            working = hands.submit(desk.all if once else desk.run)
            while not working.done():
                if signal.sigtimedwait(ENDS, EAR) is not None:
                    desk.stop()
            done = working.result()
    if once:
        console.print(f"{done} transcripts were worked on")


def _engines(settings: Settings) -> Sequence[Transcriber]:
    engines: list[Transcriber] = [Vosk(find(settings.data, settings.models))]
    if settings.whisper_model is not None:
        engines.append(Whisper(settings.whisper_model.resolve()))
    return engines
