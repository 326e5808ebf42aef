"""News reaches webhooks: signed, in order, at least once, and nowhere where it may not go."""

import asyncio
import json
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver
from api_world import NOW, ONE_ZONE, TWO_METERS, World, kind
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from domain import clients, news, webhooks
from domain.clients import Right
from domain.tables import accounts, events
from domain.webhooks import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, REFUSALS, ROTATION
from ivr.console import addresses
from ivr.console.addresses import BadAddress, checked, public
from ivr.console.courier import LEASE, LONGEST_WISH, Courier, sign
from ivr.console.turns import LONGEST_REST, MOST, Turns

ROOT = Path(__file__).parents[2]


class Receiver:
    """A receiver on loopback with a memory.  answers: statuses to answer with, then 204 for ever."""

    def __init__(self, answers=()):
        self.got, self.answers, self.headers = [], list(answers), {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == "hang":
                    receiver.hung.wait(20)
                    status = 204
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.hung = threading.Event()

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A sender that was killed."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def facts(self):
        return [json.loads(body)["data"]["n"] for _, body in self.got]

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.got]

    def close(self):
        self.hung.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receivers():
    made = []

    def receiver(*answers):
        made.append(Receiver(answers))
        return made[-1]

    yield receiver
    for each in made:
        each.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, private_webhooks=True, plain_webhooks=True)
    yield made
    made.close()


def subscribe(world, url, *kinds, by="everything"):
    made = world.post("/webhooks", {"url": url, "kinds": list(kinds or ["*"])}, by=by)
    assert made.status_code == 201, made.text
    return made.json()


def happen(world, *numbers, matter="test.happened", account=None):
    for n in numbers:
        world.write(lambda conn, n=n: news.tell(conn, matter, world.now, account, n=n))


def made(world, *, private=True, **more):
    """Another courier of this world."""
    serving = world.app.state.services
    return Courier(world.store, Turns(world.store), serving.clock, serving.news, plain=True, private=private, **more)


def shown(world, hook, by="everything"):
    return world.get(f"/webhooks/{hook['id']}", by=by).json()


def fates(world, hook):
    return {f["event"]: f for f in world.get(f"/webhooks/{hook['id']}/deliveries").json()["items"]}


def verified(secret, headers, body):
    wanted = sign(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), body)
    return wanted in headers["webhook-signature"].split(" ")


def test_a_signature_is_that_of_standard_webhooks():
    """The example of the specification's reference libraries."""
    body = b'{"test": 2432232314}'

    assert (
        sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_what_happens_reaches_who_wants_to_be_told_of_it_signed(world, receivers):
    receiver = receivers()
    secret = subscribe(world, receiver.url)["secret"]
    world.post("/orders", {"kind": "seal", "account": ONE_ZONE, "contact": "+380441234567"})
    world.carry()

    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert (told["type"], told["data"]["account"], told["data"]["order"]) == ("order.placed", ONE_ZONE, "seal")
    assert told["timestamp"] == "2026-11-30T09:00:00Z"
    assert verified(secret, headers, body)
    assert not verified(secret, headers, body + b" ")
    assert "380441234567" not in body.decode()


def test_a_webhook_is_told_of_the_kinds_that_it_wants_and_of_nothing_from_before(world, receivers):
    some, all_ = receivers(), receivers()
    happen(world, 0)
    world.passes(seconds=1)
    subscribe(world, some.url, "request.*", "order.placed")
    subscribe(world, all_.url)
    for n, matter in enumerate(("request.registered", "order.placed", "order.finished", "webhook.disabled"), 1):
        happen(world, n, matter=matter)
    world.carry()

    assert some.facts == [1, 2]
    assert all_.facts == [1, 2, 3]


def test_a_suppliers_client_is_told_of_its_own_accounts_alone(world, receivers):
    receiver = receivers()
    world.write(lambda c: c.execute(update(accounts).where(accounts.c.number == ONE_ZONE).values(supplier="A")))
    world.add("supplier", Right, supplier="A")
    subscribe(world, receiver.url, by="supplier")
    happen(world, 1, account=ONE_ZONE)
    happen(world, 2, account=TWO_METERS)
    happen(world, 3)
    world.carry()

    assert receiver.facts == [1]


def test_a_revoked_client_is_told_nothing_more(world, receivers):
    receiver = receivers()
    subscribe(world, receiver.url)
    happen(world, 1)
    world.write(lambda conn: clients.revoke(conn, "everything", NOW))
    world.carry()

    assert receiver.got == []


def test_a_failing_receiver_is_tried_again_in_order_and_holds_up_nobody_else(world, receivers):
    bad, good = receivers(500, 503), receivers()
    hook = subscribe(world, bad.url)
    subscribe(world, good.url)
    happen(world, 1, 2, 3)
    world.carry()
    assert (bad.facts, good.facts) == ([1], [1, 2, 3])
    assert "500" in fates(world, hook)[1]["last_error"]
    assert shown(world, hook)["failing_since"]

    world.carry()
    assert bad.facts == [1], "not before its time"
    world.passes(seconds=5)
    world.carry()
    world.passes(seconds=15)
    world.carry()

    assert bad.facts == [1, 1, 1, 2, 3]
    assert len(set(bad.ids[:3])) == 1
    assert len(set(bad.ids)) == 3
    assert bad.got[0][1] == bad.got[2][1]
    assert bad.got[0][0]["webhook-timestamp"] < bad.got[2][0]["webhook-timestamp"]
    assert shown(world, hook)["failing_since"] is None
    assert {f["state"] for f in fates(world, hook).values()} == {"delivered"}


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 429, 500])
def test_whatever_is_no_success_is_tried_again(world, receivers, status):
    receiver = receivers(status)
    receiver.headers["Location"] = receiver.url + "/elsewhere"
    subscribe(world, receiver.url)
    happen(world, 1)
    world.carry()
    world.passes(seconds=5)
    world.carry()

    assert receiver.facts == [1, 1]


def test_a_message_that_the_receiver_cannot_take_is_set_aside_and_can_be_sent_again(world, receivers):
    receiver = receivers(*[422] * REFUSALS)
    hook = subscribe(world, receiver.url)
    happen(world, 1, 2)
    for _ in range(REFUSALS):
        world.carry()
        world.passes(hours=3)

    assert receiver.facts == [1] * REFUSALS + [2]
    assert [fates(world, hook)[n]["state"] for n in (1, 2)] == ["set aside", "delivered"]
    assert shown(world, hook)["failing_since"] is None, "the receiver itself is well"

    assert world.post(f"/webhooks/{hook['id']}/deliveries/1/again").status_code == 200
    world.carry()
    assert receiver.facts[-1] == 1
    assert receiver.ids[-1] == receiver.ids[0]
    assert kind(world.post(f"/webhooks/{hook['id']}/deliveries/99/again")) == "not-found"


def test_a_receiver_that_is_gone_is_disabled_staff_are_told_and_it_goes_on_when_enabled(world, receivers):
    receiver = receivers(410)
    hook = subscribe(world, receiver.url)
    happen(world, 1, 2)
    world.carry()
    world.passes(days=1)
    happen(world, 3)
    world.carry()

    assert receiver.facts == [1]
    assert "410" in shown(world, hook)["disabled_because"]
    [told] = world.read(lambda c: c.scalars(select(events.c.body).where(events.c.kind == "webhook.disabled")).all())
    assert json.loads(told)["client"] == "everything"

    assert world.post(f"/webhooks/{hook['id']}/enable").json()["disabled_at"] is None
    happen(world, 4)
    world.carry()
    assert receiver.facts == [1, 1, 2, 4], "what happened meanwhile is not kept for it"


def test_a_receiver_that_fails_for_days_is_disabled(world, receivers):
    receiver = receivers(*[500] * 1000)
    hook = subscribe(world, receiver.url)
    happen(world, 1)
    while world.now < NOW + PATIENCE:
        world.carry()
        assert shown(world, hook)["disabled_at"] is None
        world.passes(hours=3)
    world.carry()

    assert "failing since 2026-11-30 09:00 UTC" in shown(world, hook)["disabled_because"]
    assert 20 < len(receiver.got) < 40


@pytest.mark.parametrize(
    ("wish", "pause"),
    [("120", 120), ("Mon, 30 Nov 2026 09:10:00 GMT", 600), ("999999999999", LONGEST_WISH.total_seconds()),
     ("nonsense", 5), ("-5", 5)],
)  # fmt: skip
def test_a_receiver_may_say_when_to_come_again(world, receivers, wish, pause):
    receiver = receivers(503)
    receiver.headers["Retry-After"] = wish
    subscribe(world, receiver.url)
    happen(world, 1)
    world.carry()
    if pause > 5:
        world.passes(seconds=pause - 1)
        world.carry()
        assert len(receiver.got) == 1
        world.passes(seconds=1)
    else:
        world.passes(seconds=pause)
    world.carry()

    assert len(receiver.got) == 2


def test_a_receiver_that_does_not_answer_or_is_not_there_is_tried_again(world, receivers):
    receiver = receivers("hang")
    hook = subscribe(world, receiver.url)
    happen(world, 1)

    def impatient():
        return addresses.session(private=True, seconds=0.3)

    courier = made(world, session=impatient)
    asyncio.run(courier.once())
    assert "no answer" in fates(world, hook)[1]["last_error"]

    receiver.close()
    world.passes(seconds=5)
    world.carry()
    assert "Connect" in fates(world, hook)[1]["last_error"]


def test_for_a_day_after_a_change_of_secrets_both_sign(world, receivers):
    receiver = receivers()
    hook = subscribe(world, receiver.url)
    fresh = world.post(f"/webhooks/{hook['id']}/secret", key="k").json()["secret"]
    assert world.post(f"/webhooks/{hook['id']}/secret", key="k").json()["secret"] == fresh, "done once"
    happen(world, 1)
    world.carry()
    world.passes(seconds=ROTATION.total_seconds())
    happen(world, 2)
    world.carry()

    (first, later) = receiver.got
    assert verified(hook["secret"], *first)
    assert verified(fresh, *first)
    assert not verified(hook["secret"], *later)
    assert verified(fresh, *later)


def test_unsubscribing_forgets_what_was_pending(world, receivers):
    receiver = receivers()
    hook = subscribe(world, receiver.url)
    happen(world, 1)
    assert world.delete(f"/webhooks/{hook['id']}").status_code == 204
    world.carry()

    assert receiver.got == []
    assert kind(world.get(f"/webhooks/{hook['id']}")) == "not-found"
    assert kind(world.delete(f"/webhooks/{hook['id']}")) == "not-found"


def test_a_webhook_is_its_clients_own(world, receivers):
    world.add("other", Right)
    hook = subscribe(world, receivers().url)
    path = f"/webhooks/{hook['id']}"

    assert world.get("/webhooks", by="other").json() == {"items": []}
    for answer in (
        world.get(path, by="other"), world.delete(path, by="other"), world.get(f"{path}/deliveries", by="other"),
        world.post(f"{path}/secret", by="other"), world.post(f"{path}/enable", by="other"),
        world.post(f"{path}/deliveries/1/again", by="other"),
    ):  # fmt: skip
        assert kind(answer) == "not-found"


def test_a_client_has_one_webhook_at_an_address_and_not_too_many(world):
    subscribe(world, "https://a.example/")
    assert kind(world.post("/webhooks", {"url": "https://a.example/", "kinds": ["*"]})) == "conflict"
    for n in range(webhooks.MOST - 1):
        subscribe(world, f"https://a.example/{n}")
    assert kind(world.post("/webhooks", {"url": "https://b.example/", "kinds": ["*"]})) == "conflict"


def test_what_became_of_messages_comes_in_pages_and_is_forgotten_in_the_end(world, receivers):
    receiver = receivers()
    hook = subscribe(world, receiver.url)
    happen(world, *range(5))
    world.carry()
    path = f"/webhooks/{hook['id']}/deliveries?limit=2"
    first = world.get(path).json()
    second = world.get(f"{path}&cursor={first['next']}").json()
    last = world.get(f"{path}&cursor={second['next']}").json()
    assert [[f["event"] for f in page["items"]] for page in (first, second, last)] == [[5, 4], [3, 2], [1]]
    assert last["next"] is None

    world.passes(days=31)
    world.carry()
    assert fates(world, hook) == {}


def test_two_couriers_carry_everything_once(world, receivers):
    receiver = receivers()
    subscribe(world, receiver.url)
    happen(world, *range(20))

    async def both():
        await asyncio.gather(*(made(world).once() for _ in range(2)))

    asyncio.run(both())

    assert receiver.facts == list(range(20))


def test_whoever_takes_over_after_the_lease_sends_the_same_and_the_latecomer_changes_nothing(world):
    hook = subscribe(world, "https://a.example/")
    happen(world, 1)
    world.write(lambda conn: webhooks.spread(conn, world.now))

    def claim():
        return world.write(lambda conn: webhooks.claim(conn, hook["id"], world.now, LEASE))

    dead = claim()
    assert claim() is None
    world.passes(seconds=LEASE.total_seconds())
    heir = claim()
    assert (heir.id, heir.attempt) == (dead.id, 2)

    world.write(lambda conn: webhooks.settle(conn, dead, webhooks.Result.FAILED, world.now))
    assert fates(world, hook)[1]["last_error"] is None
    world.write(lambda conn: webhooks.settle(conn, heir, webhooks.Result.DELIVERED, world.now))
    world.write(lambda conn: webhooks.settle(conn, dead, webhooks.Result.FAILED, world.now))
    assert fates(world, hook)[1]["state"] == "delivered"


@given(st.integers(1, 10_000), st.randoms(use_true_random=False))
def test_pauses_grow_and_differ_and_have_an_end(attempt, chance):
    whole = webhooks.pause(attempt, chance)

    assert FIRST_PAUSE / 2 <= whole <= LONGEST_PAUSE
    assert webhooks.pause(attempt + 2, random.Random(1)) >= webhooks.pause(attempt, random.Random(1))


def test_a_message_has_another_id_than_one_of_a_restored_database():
    one = webhooks.Delivery(1, 1, 1, "", (), "k", NOW, None, {})
    other = webhooks.Delivery(1, 1, 1, "", (), "k", NOW + timedelta(seconds=1), None, {})

    assert one.id != other.id


def test_between_turns_the_database_is_free_for_others_most_of_the_time(world, monkeypatch):
    """Time is what the event loop is told: each job takes 10 ms, and nobody waits for it."""
    rests, clock, done = [], [0.0], []
    sleep = asyncio.sleep

    async def rest(seconds):
        rests.append(seconds)
        await sleep(0)

    monkeypatch.setattr("ivr.console.turns.asyncio.sleep", rest)
    monkeypatch.setattr("ivr.console.turns.time.perf_counter", lambda: clock[0])

    def job(n):
        def work(_):
            clock[0] += 0.01
            done.append(n)

        return work

    async def many():
        turns = Turns(world.store)
        await asyncio.gather(*(turns.write(job(n)) for n in range(10)))
        await sleep(0)

    asyncio.run(many())

    assert sorted(done) == list(range(10))
    assert MOST == 4
    assert rests == pytest.approx([0.12, 0.12, 0.06])
    assert max(rests) <= LONGEST_REST


# Where it may lead


@pytest.mark.parametrize(
    "url",
    [
        "http://cabinet.example/", "ftp://cabinet.example/", "https://", "https:///x", "cabinet.example", "",
        "https://user@cabinet.example/", "https://user:pw@cabinet.example/", "https://cabinet.example/#x",
        "https://cabinet.example:99999/", "https://cabinet.example:0/", "https://cab inet.example/",
        "https://кабінет.example/", "https://[::1", "https://localhost/", "https://LOCALHOST./", "https://127.0.0.1/",
        "https://10.1.2.3/", "https://192.168.1.1/", "https://172.16.0.1/", "https://169.254.169.254/latest/",
        "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/", "https://[::]/", "https://cabinet.example\\@127.0.0.1/", "https://a\n.example/",
    ],
)  # fmt: skip
def test_nobody_can_subscribe_for_an_address_that_is_not_public(tmp_path, url):
    with pytest.raises(BadAddress, match=r"\w"):
        checked(url)


def test_the_api_says_why_an_address_is_refused(tmp_path):
    world = World(tmp_path)
    refused = world.post("/webhooks", {"url": "https://10.0.0.1/", "kinds": ["*"]})
    world.close()

    assert kind(refused) == "invalid"
    assert "private network" in refused.json()["detail"]


@pytest.mark.parametrize(
    "url", ["https://cabinet.example/hooks?x=1", "https://8.8.8.8:8443/", "https://[2606:4700::1]/"]
)
def test_public_addresses_are_fine(url):
    assert checked(url) == url


@given(st.ip_addresses())
def test_an_address_inside_another_counts_as_itself(address):
    if address.version == 4:
        high, low = divmod(int(address), 2**16)
        for outer in (f"::ffff:{address}", f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::1"):
            assert public(outer) == public(str(address))
    elif address.ipv4_mapped is None and address.sixtofour is None and address.teredo is None:
        assert not (public(str(address)) and address.is_private)


class Names(AbstractResolver):
    """A resolver that knows what it is told."""

    def __init__(self, *hosts):
        self.hosts, self.asked = hosts, []

    async def resolve(self, host, port=0, family=0):
        self.asked.append(host)
        return [
            {"hostname": host, "host": each, "port": port, "family": family or 2, "proto": 0, "flags": 0}
            for each in self.hosts
        ]

    async def close(self):
        pass


@pytest.mark.parametrize("hosts", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:10.0.0.1"]])
def test_a_name_that_leads_into_our_own_network_is_not_followed(tmp_path, receivers, hosts):
    receiver, names = receivers(), Names(*hosts)
    world = World(tmp_path, plain_webhooks=True)
    hook = subscribe(world, f"http://rebinding.example:{receiver.server.server_port}/")
    happen(world, 1)
    courier = made(world, private=False, session=lambda: addresses.session(resolver=names))
    asyncio.run(courier.once())

    assert names.asked == ["rebinding.example"]
    assert receiver.got == []
    assert "private network" in fates(world, hook)[1]["last_error"]
    world.close()


def test_a_setting_that_was_taken_back_stops_what_was_subscribed_under_it(world, receivers):
    receiver = receivers()
    hook = subscribe(world, receiver.url)
    happen(world, 1)
    world.app.state.services.private_webhooks = False
    world.carry()

    assert receiver.got == []
    assert "private network" in fates(world, hook)[1]["last_error"]


# Stopped and killed


@pytest.mark.parametrize("steps", range(6))
def test_it_ends_when_it_is_told_to_even_as_news_arrives(world, steps):
    """`asyncio.wait_for` of Python 3.11 forgets a cancellation that comes while its result is on the way."""

    class News(asyncio.Event):
        def __init__(self):
            super().__init__()
            self.awaited = asyncio.Event()

        async def wait(self):
            self.awaited.set()
            return await super().wait()

    async def stopped():
        news = News()
        clock = world.app.state.services.clock
        running = asyncio.create_task(Courier(world.store, Turns(world.store), clock, news).run())
        await news.awaited.wait()
        await asyncio.sleep(0)
        news.set()
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        ended, _ = await asyncio.wait({running}, timeout=5)
        running.cancel()
        return bool(ended)

    assert asyncio.run(stopped())


CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from domain.store import Store
from ivr.console import courier
from ivr.console.turns import Turns

courier.LOOK = 0.02
courier.LEASE = __import__("datetime").timedelta(seconds=0.3)

async def main():
    with Store.open(sys.argv[1]) as store:
        print("ready", flush=True)
        await courier.Courier(
            store, Turns(store), lambda: datetime.now(UTC), asyncio.Event(), plain=True, private=True
        ).run()

asyncio.run(main())
"""


def test_nothing_is_lost_and_order_is_kept_however_often_it_is_killed(world, receivers, tmp_path):
    receiver = receivers()
    subscribe(world, receiver.url)
    happen(world, *range(40))
    chance = random.Random(7)
    killed = 0
    until = time.monotonic() + 300  # a net; a child takes seconds to start on a busy machine
    while (not receiver.got or max(receiver.facts) < 39) and time.monotonic() < until:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, f"sqlite:///{tmp_path}/api.db"], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert child.stdout.readline() == b"ready\n"
        before = len(receiver.got)
        many = chance.randint(4, 12)
        while len(receiver.got) < before + many and max(receiver.facts, default=0) < 39 and time.monotonic() < until:
            time.sleep(0.0005 + chance.random() / 500)  # until the receiver, a thread, has what we wait for
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        killed += 1

    assert list(dict.fromkeys(receiver.facts)) == list(range(40)), "each came, and came first in order"
    assert killed > 3
    assert len(receiver.got) <= 40 + killed, "at most the one in hand comes again"
    again = [n for n in set(receiver.facts) if receiver.facts.count(n) > 1]
    for n in again:
        assert len({receiver.ids[i] for i, each in enumerate(receiver.facts) if each == n}) == 1
