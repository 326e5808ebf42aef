"""The call that `./run` places comes to the same however often and on whatever day it is placed."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain import demo, passwords, staff, staffing
from domain.model import Began
from domain.store import Store
from flows import FLOWS, NOBODY_FREE
from ivr.commands.demo import LOGIN, Stopped, demo_call, let_in, unless
from ivr.commands.verdict import shortcomings
from ivr.journal import Journal
from ivr.session import House, Session
from ivr.simulator.scenario import load
from ivr.simulator.text import Script, TextLine, TextTape

REPOSITORY = Path(__file__).parents[2]

DAYS = {
    "in the middle of a month": datetime(2026, 11, 15, 10, tzinfo=UTC),
    "while the window is open": datetime(2026, 11, 30, 10, tzinfo=UTC),
    "on its last day": datetime(2026, 12, 3, 21, 30, tzinfo=UTC),
    "in a leap year's February": datetime(2028, 2, 29, 10, tzinfo=UTC),
}
LATER = [timedelta(minutes=m) for m in (0, 5, 10)] + [
    timedelta(days=d, minutes=m) for d in (1, 9, 40) for m in (0, 5)
]


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as opened:
        yield opened


@pytest.mark.parametrize("began", DAYS.values(), ids=DAYS)
def test_the_demo_call_enters_its_reading_whenever_it_is_repeated(store, catalogue, began):
    store.write(lambda conn: demo.load(conn, began)).result()
    house = House(FLOWS["main_menu"], catalogue, Journal(store, "controller"))

    for n, later in enumerate(LATER):
        now = began + later
        scenario = store.write(lambda conn, now=now: demo_call(conn, now)).result()
        line = TextLine(Began(f"demo-{n}", scenario.caller, "100", now), Script(scenario.steps), catalogue.seconds)
        asyncio.run(Session(house, line).run())

        assert scenario.expects is not None
        assert shortcomings(store, f"demo-{n}", scenario.expects) == [], (now, line.heard())
        assert line.left_undone() is None


def test_what_a_demo_customer_may_key_today_is_not_what_was_read_today(store):
    day = DAYS["in the middle of a month"]
    store.write(lambda conn: demo.load(conn, day + demo.LAST_READ)).result()
    read = {(m.number, r.zone): r.last for d in demo.DEMOS for m in d.meters for r in m.registers}

    listed = store.read(lambda conn: demo.listing(conn, day)).result()

    values = {(v.meter, v.zone): v.value for customer in listed for v in customer.values}
    assert values.keys() == read.keys()
    assert all(values[register] != read[register] for register in read)


def test_the_demos_supervisor_is_let_in_again_whatever_was_done_to_the_account(store):
    now = DAYS["in the middle of a month"]
    store.write(lambda conn: let_in(conn, passwords.hashed("the first start"), now)).result()
    store.write(lambda conn: staffing.disable(conn, LOGIN, by="somebody", at=now)).result()

    store.write(lambda conn: let_in(conn, passwords.hashed("the second one"), now)).result()

    demo_person = store.read(lambda conn: staff.of_login(conn, LOGIN)).result()
    assert demo_person.active
    assert not demo_person.must_change


def test_the_calls_that_the_readme_places_come_to_the_same_after_the_demo_call(store, catalogue):
    """One after the other, on a store in which the demo call has entered its reading."""
    now = datetime.now(UTC)
    store.write(lambda conn: demo.load(conn, now)).result()
    named = re.findall(r"ivr call (\S+\.yaml) --to", (REPOSITORY / "README.md").read_text("utf-8"))
    calls = [store.write(lambda conn: demo_call(conn, now)).result(), *(load(REPOSITORY / name) for name in named)]
    house = House(
        FLOWS["main_menu"], catalogue, Journal(store, "controller"), spoken=lambda: frozenset({"uk"}),
        returned=FLOWS.get(NOBODY_FREE), tape=TextTape(catalogue.seconds),
    )  # fmt: skip

    assert len(named) > 1
    for n, scenario in enumerate(calls):
        line = TextLine(Began(f"call-{n}", scenario.caller, "100", now), Script(scenario.steps), catalogue.seconds)
        asyncio.run(Session(house, line).run())
        assert scenario.expects is not None
        assert shortcomings(store, f"call-{n}", scenario.expects) == [], scenario.about


def test_who_asks_for_an_end_does_not_wait_for_the_demo_call():
    async def ends_at_once() -> bool:
        stopped, over = asyncio.Event(), asyncio.Event()

        async def call() -> None:
            try:
                stopped.set()
                await asyncio.Event().wait()
            finally:
                over.set()

        with pytest.raises(Stopped):
            await unless(stopped, call())
        return over.is_set()

    assert asyncio.run(ends_at_once())


def test_what_is_done_before_anybody_asks_for_an_end_is_done():
    async def result() -> int:
        return await unless(asyncio.Event(), asyncio.sleep(0, 7))

    assert asyncio.run(result()) == 7
