"""`ivr escalate`: warns of requests whose deadline comes near, once each time."""

import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from domain import escalation
from domain.escalation import Warned
from domain.store import Store, StoreFault
from ivr.commands.business import opened, where
from ivr.commands.output import complain, console


@click.command()
@click.option("--every", type=click.FloatRange(1.0), metavar="SECONDS", help="Go on, looking this often.")
@where
def escalate(every: float | None, config: Path | None, data: Path | None) -> None:
    """Warn of requests that will be due soon, or are late: in their history, and as an event that webhooks carry.

    Of each request by the days that the policy "escalation" names, and on the day after the last.  May run several
    times at once: each warning is given once.  Without --every once; SIGTERM and Ctrl-C end it in order.
    """
    with opened(config, data) as store:
        if every is None:
            console.print(f"{_round(store)} requests were escalated")
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while True:
            try:
                _round(store)
            except StoreFault as fault:  # the disk is full, another process is long: it passes, the requests stay
                complain(f"{fault}; trying again in {every:g} s")
            if stopped.wait(every):
                return


def _round(store: Store) -> int:
    """Warn of everything that is due now; how many that were."""
    now = datetime.now(UTC)
    count = 0
    while warned := store.write(lambda conn: escalation.escalate(conn, now)).result():
        _show(warned)
        count += len(warned)
    return count


def _show(warned: Sequence[Warned]) -> None:
    for each in warned:
        left = f"{each.hours_left} h left" if each.hours_left >= 0 else f"{-each.hours_left} h late"
        who = each.responsible or "nobody is responsible"
        console.print(f"request {each.number}: due {each.due}, {left}; {who}", markup=False)
