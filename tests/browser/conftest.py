"""The console as people see it: a real server with calls that were really held and recorded, in a real Chromium.

`recorded`: a store and an archive, made by the scripted caller on a real Asterisk once for a worker.
`site`: the console on a copy of it, for one file of tests.  `visit`: a page of somebody who is signed in.
Every page is watched: an error in a script, a refused resource, a violation of the Content-Security-Policy fails the
test.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from domain import staff
from domain.model import Language
from domain.roles import Role
from domain.store import Store
from ivr.simulator.given import prepare
from ivr.simulator.phone import hold
from ivr.simulator.scenario import load
from tests.telephony.conftest import asterisk, bundle, index, voices  # noqa: F401  the same fixtures
from tests.telephony.world import all_came, open_hotline

ROOT = Path(__file__).resolve().parents[2]
CALLS = (
    "complaint_by_voice", "complaint", "insisted", "corrected", "hung_up_half_way", "wants_a_person",
)  # fmt: skip
"""Scenarios that are held; each is a call in the store."""
WIDE, PHONE = (1280, 800), (390, 844)
PLAYS = """{
window.plays = 0;
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { window.plays += 1; return play.call(this); };
}"""
"""Counts how often a page began to play a sound."""
CHROMIUM = os.environ.get("TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MOST = ("serious", "critical")
"""Accessibility faults that fail a test, as axe weighs them."""


class Recorded:
    """folder: a data directory.  calls: scenario -> the id of its call."""

    def __init__(self, folder: Path, calls: dict[str, str]) -> None:
        self.folder, self.calls = folder, calls


@pytest.fixture(scope="session")
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Calls that were held.  TEST_RECORDED=DIR keeps them there from one run to the next, for who works on pages."""
    kept = os.environ.get("TEST_RECORDED")
    shared = tmp_path_factory.getbasetemp().parent if os.environ.get("PYTEST_XDIST_WORKER") else None
    folder = Path(kept) if kept else (shared or tmp_path_factory.mktemp("recorded")) / "recorded"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "recorded.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes the calls, the others wait for them
        listed = folder / "calls.txt"
        if not listed.exists():
            needed = {name: request.getfixturevalue(name) for name in ("asterisk", "index", "voices")}
            calls = asyncio.run(_hold(folder, **needed))
            done = subprocess.run(
                [sys.executable, "-m", "ivr", "transcribe", "--once", "--data", str(folder)],
                cwd=ROOT, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            listed.write_text("\n".join(f"{name} {call}" for name, call in calls.items()))
    return Recorded(folder, dict(line.split() for line in listed.read_text().splitlines()))


async def _hold(folder: Path, asterisk: Any, index: Any, voices: Any) -> dict[str, str]:  # noqa: F811
    calls: dict[str, str] = {}
    async with open_hotline(asterisk, folder, flow="main_menu", speech=True) as house:
        scenarios = {name: load(ROOT / f"tests/conversations/{name}.yaml") for name in CALLS}
        now = datetime.now(UTC)
        await asyncio.wrap_future(house.store.write(lambda c: prepare(c, scenarios["complaint"].given, now)))
        dialled = house.address.replace("hotline@", "")
        async with asyncio.TaskGroup() as tasks:
            for scenario in scenarios.values():
                tasks.create_task(hold(scenario, dialled, index, voices=voices))
        for came in await all_came(house, len(CALLS)):
            calls[_which(came, calls)] = came.call.began.call
    return calls


def _which(came: Any, taken: dict[str, str]) -> str:
    """The scenario of a call, by what came of it."""
    said = {line.label for line in came.journal}
    heard = {line.heard for line in came.journal}
    for name in CALLS:
        outcome, sign = SIGNS[name]
        if name not in taken and came.call.outcome == outcome and (sign in said or sign in heard):
            return name
    raise AssertionError(f"no scenario fits {came.call}: {[(line.label, line.heard) for line in came.journal]}")


SIGNS = {
    "complaint_by_voice": ("request_registered", "скарга"), "complaint": ("request_registered", "tell"),
    "insisted": ("reading_taken", "doubtful_lower"), "corrected": ("reading_taken", "read_back"),
    "hung_up_half_way": ("reading_partial", "read_back"), "wants_a_person": ("abandoned", "notice"),
}  # fmt: skip
"""Outcome, and a question or an answer that only it has among those not found before it."""


class Site:
    """A running console.  address: with no slash at its end.  folder: its data directory; store: opened for tests."""

    def __init__(self, address: str, folder: Path, calls: dict[str, str], store: Store) -> None:
        self.address, self.folder, self.calls, self.store = address, folder, calls, store

    def write(self, job: Any) -> Any:
        return self.store.write(job).result()

    def read(self, job: Any) -> Any:
        return self.store.read(job).result()

    def token(self, role: Role, language: str = "uk") -> str:
        """A session of somebody of this role."""

        def job(conn: Any) -> str:
            now = datetime.now(UTC)
            try:
                person = staff.of_login(conn, role.value)
            except LookupError:
                person = staff.add(
                    conn, login=role.value, name=NAMES[role], role=role, language=Language(language), password=None,
                    at=now,
                )  # fmt: skip
            return staff.session_open(conn, person, address="127.0.0.1", agent="Chromium", at=now)

        return self.write(job)


NAMES = {
    Role.AGENT: "Оксана Бондар", Role.SUPERVISOR: "Ірина Коваль", Role.QUALITY: "Петро Гнатюк",
    Role.AUDITOR: "Марія Шевчук", Role.ADMINISTRATOR: "Андрій Мельник",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The console on a copy of the recorded calls, for this file of tests."""
    folder = tmp_path_factory.mktemp("site") / "data"
    shutil.copytree(recorded.folder, folder, ignore=shutil.ignore_patterns("*.lock", "exchange"))
    with console_on(folder) as address, Store.open(f"sqlite:///{folder}/hotline.db") as store:
        yield Site(address, folder, recorded.calls, store)


@contextmanager
def console_on(folder: Path, *more: str, **environment: str) -> Iterator[str]:
    """`ivr console` on this data directory; its address."""
    log = folder.parent / "console.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr", "console", "--data", str(folder), *more],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, text=True,
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready.startswith("ready: "), log.read_text()
        yield ready.split()[1].rstrip("/;")
    finally:
        process.terminate()
        try:
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.stdout.close()
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    assert CHROMIUM, "no Chromium here: run deploy/setup dev"
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"],
        )
        yield browser
        browser.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Visit]:
    """`visit("/calls", Role.SUPERVISOR, language="uk", size=WIDE, dark=False)`: that page; role None: not signed in.

    The page's `faults` are what went wrong on it; a test that provokes some empties the list.
    """
    opened: list[tuple[Any, Page]] = []

    def open_(
        path: str,
        role: Role | None = Role.SUPERVISOR,
        *,
        language: str = "uk",
        size: tuple[int, int] = WIDE,
        dark: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=language,
            color_scheme="dark" if dark else "light", base_url=site.address, accept_downloads=True,
            has_touch=size == PHONE,
        )  # fmt: skip
        cookies = [{"name": "language", "value": language, "url": site.address}]
        if role is not None:
            cookies.append({"name": "session", "value": site.token(role, language), "url": site.address})
        context.add_cookies(cookies)  # type: ignore[arg-type]
        context.add_init_script(PLAYS)
        page = context.new_page()
        page.set_default_timeout(30_000)
        faults: list[str] = []
        page.faults = faults  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
        opened.append((context, page))
        page.goto(path)
        return page

    yield open_
    for context, page in opened:
        faults = list(page.faults)  # type: ignore[attr-defined]
        context.close()
        assert faults == []


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """`shot(page, "replay")`: a picture of the whole page, into TEST_SHOTS if that is set (docs/screens, see
    `deploy/screens`), else nowhere."""
    folder = os.environ.get("TEST_SHOTS")

    def take(page: Page, name: str, *, whole: bool = True) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)

    return take


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """`accessible(page)`: axe finds nothing serious."""
    axe = Axe()

    def check(page: Page) -> None:
        found = [v for v in axe.run(page).response["violations"] if v["impact"] in MOST]
        told = [f"{v['id']} ({v['impact']}): {v['help']}: {[n['target'] for n in v['nodes']][:5]}" for v in found]
        assert told == [], "\n".join(told)

    return check


def until(page: Page, condition: str) -> None:
    """Wait for this to be true of the page.  Playwright's own way needs eval, which our pages forbid."""
    for _ in range(800):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never: {condition}")


@contextmanager
def playing(page: Page) -> Iterator[None]:
    """What is done within makes a sound play: seen also if it is over before one looks again."""
    before = page.evaluate("window.plays")
    yield
    until(page, f"window.plays > {before}")


def fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page is {wide} px wider than the window"
