"""How soon the page of an hour's call can be worked with, by the clock, in a real Chromium.

    python -m bench.opening [--times 10] [--remark "what else the machine was doing"]

The call is that of the tests: 60 minutes, some 1,500 events, its sound in the archive.  A console of its own serves
it; the page is opened as often as asked, each time anew, with what a browser keeps of scripts and styles.  By the
clock: from the beginning of the navigation until the page says that it can be worked with (`data-ready`), server and
network included.  Of the processor: what the page's own thread took (scripts, styles, layout), and what the server
took.  LIMIT is the bound for the median by the clock.
"""

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from bench import tables
from bench.figures import Machine, Opened, OpeningRun, save
from domain import calls, staff
from domain.model import Language
from domain.roles import Role
from domain.store import Connection, Store
from tests.browser.conftest import CHROMIUM, console_on
from tests.console import long_call

LIMIT: Final = 300.0
"""Milliseconds."""
SECONDS, EVENTS = 3600, 1500
CALL: Final = "hour-1"


def prepare(folder: Path) -> str:
    """An hour's call in a store of its own; the session of somebody who may see it."""
    now = datetime.now(UTC)
    file = folder / "recordings" / "hour.wav"
    file.parent.mkdir(parents=True)
    long_call.sound(file, SECONDS)
    digest, size = sha256(file.read_bytes()).hexdigest(), file.stat().st_size

    def job(conn: Connection) -> str:
        long_call.store(conn, CALL, now - timedelta(hours=2), seconds=SECONDS, events=EVENTS)
        calls.recording_sealed(
            conn, CALL, "recordings/hour.wav", sha256=digest, seconds=float(SECONDS), bytes=size, at=now
        )
        person = staff.add(
            conn,
            login="bench",
            name="Ірина Коваль",
            role=Role.SUPERVISOR,
            language=Language.UK,
            password=None,
            at=now,
        )
        return staff.session_open(conn, person, address="127.0.0.1", agent="Chromium", at=now)

    with Store.open(f"sqlite:///{folder}/hotline.db") as store:
        return store.write(job).result()


def opened(page: Page, devtools: Any, server: int) -> Opened:
    """The page once more.  server: its process."""
    page.wait_for_timeout(300)  # the page before is done
    before = _processor(server)
    page.reload(wait_until="commit")
    page.wait_for_selector("[data-replay][data-ready]")
    told = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    return Opened(
        ready=round(float(page.get_attribute("[data-replay]", "data-ready") or 0), 1),
        server=round(timing["responseStart"] - timing["requestStart"], 1),
        parsed=round(timing["domContentLoadedEventStart"], 1),
        thread=round(
            sum(told[name] for name in ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")) * 1000, 1
        ),
        server_thread=round(_processor(server) - before, 1),
        load=round(os.getloadavg()[0], 2),
    )


def _processor(process: int) -> float:
    """Milliseconds that it took of the processor so far."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _child(folder: Path) -> int:
    """The console that serves this folder."""
    for each in Path("/proc").iterdir():
        try:
            if each.name.isdigit() and str(folder) in (each / "cmdline").read_text("utf-8").split("\0"):
                return int(each.name)
        except OSError:  # it has just ended
            continue
    raise LookupError("no console runs")


def main() -> None:
    """Measure how soon an hour's call can be worked with."""
    parser = argparse.ArgumentParser(prog="python -m bench.opening", description=main.__doc__)
    parser.add_argument("--times", type=int, default=10, help="how often the page is opened")
    parser.add_argument("--quick", action="store_true", help="twice, not kept: to see that it works")
    parser.add_argument("--remark", default="", help="what else the machine was doing")
    given = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("bench: no Chromium here: run deploy/setup dev")
    machine, console = Machine.this(), Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as scratch, sync_playwright() as play:
        folder = Path(scratch) / "data"
        folder.mkdir()
        token = prepare(folder)
        with console_on(folder) as address:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
            context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="uk-UA")
            context.add_cookies([{"name": "session", "value": token, "url": address}])
            page = context.new_page()
            page.goto(f"{address}/calls/{CALL}")
            page.wait_for_selector("[data-replay][data-ready]")
            page.wait_for_timeout(3000)  # the peaks are made now; they are there when a call was sealed
            devtools = context.new_cdp_session(page)
            devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
            server = _child(folder)
            times = [opened(page, devtools, server) for _ in range(2 if given.quick else given.times)]
            browser.close()
    run = OpeningRun(machine=machine, seconds=SECONDS, events=EVENTS, limit=LIMIT, opened=times, remark=given.remark)
    tables.show(console, tables.of_opening(run))
    if not given.quick:
        console.print(f"kept as {save('opening', run)}")
    if run.median > LIMIT:
        sys.exit(f"bench: it takes {run.median:.0f} ms by the clock, more than {LIMIT:.0f}")


if __name__ == "__main__":
    main()
