"""A hotline without a telephone: real store, catalogue, journal and flow; the caller is text, the clock virtual."""

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from domain import calls, readings
from domain.handlers import perform
from domain.model import Began, Language, Source
from domain.store import Store
from flows import FLOWS
from ivr.journal import Journal
from ivr.session import House, Session
from ivr.simulator.scenario import Listens, Presses, Step, Waits, prompt_of
from ivr.simulator.text import Script, TextLine
from prompts import Catalogue
from tests.demo_store import filled

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class Reacts:
    """A caller who answers each question whenever they hear it; what is in no answer is listened to.

    Asked to key a value once more, they key it once more.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers
        self.seen = 0
        self.value = ""

    def next(self, line: TextLine) -> Step | None:
        fresh, self.seen = line.said[self.seen :], len(line.said)
        for said in reversed(fresh):
            prompt = prompt_of(said.clip)
            if keys := self.answers.get(prompt, self.value if prompt == "value_again" else ""):
                self.value = keys if prompt.startswith("value_") else self.value
                return Presses(keys=keys, tone=100, gap=80)
        return Listens() if line.playing else Waits(waits=0.5)


class Hotline:
    """Holds calls and remembers what came of them."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.store = store
        self.catalogue = catalogue
        self.house = House(FLOWS["meter_reading"], catalogue, Journal(store, "controller"))
        self.count = 0

    def line(self, caller, *, number: str | None = None, call: str | None = None) -> TextLine:
        self.count += 1
        finger = caller if hasattr(caller, "next") else Script(caller)
        at = NOW + timedelta(minutes=self.count)
        return TextLine(Began(call or f"call-{self.count}", number, "100", at), finger, self.catalogue.seconds)

    def hold(self, line: TextLine, *, house: House | None = None, adopted: bool = False):
        """Hold the call to its end."""
        return asyncio.run(Session(house or self.house, line).run(adopted=adopted))

    def record(self, line: TextLine):
        return self.store.read(lambda c: calls.one(c, line.began.call)).result()

    def journal(self, line: TextLine):
        return self.store.read(lambda c: calls.lines(c, line.began.call)).result()

    def readings(self):
        """What callers have submitted: (account, zone, value, status), in order."""
        stored = self.store.read(lambda c: readings.stored(c, source=Source.CALLER)).result()
        return [(r.account, r.zone.value, r.value, r.status.value) for r in stored]

    def ask(self, command):
        return self.store.read(lambda c: perform(c, command, call=None, seq=None, at=NOW)).result()


@pytest.fixture(scope="session")
def catalogue():
    """The texts as they are; a clip lasts as long as its text takes to say, whatever voice was recorded."""
    catalogue = Catalogue.load()
    for language in Language:
        for clip, part in catalogue.parts(language).items():
            catalogue.seconds[clip] = 0.3 + len(part.text) / 15
    return catalogue


@pytest.fixture
def hotline(tmp_path, catalogue):
    shutil.copy(filled(NOW), tmp_path / "hotline.db")
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as store:
        yield Hotline(store, catalogue)
