"""The channel API on a real store: what it does, once, and what it says when it can't."""

import asyncio
import json

import httpx
import pytest
from api_world import MISTYPED, NO_METERS, NOBODYS, NOW, ONE_ZONE, TWO_METERS, TWO_ZONES, World, kind, reading
from sqlalchemy import insert, select, update

from domain import readings
from domain.clients import Right
from domain.model import Doubt, Source, Status
from domain.store import StoreBusy, StoreFull
from domain.tables import accounts, bills, events, handover_files
from ivr.console import turns
from ivr.console.api import application
from ivr.console.api.frame import MOST


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def kept(world, account=ONE_ZONE):
    """What other channels have stored of this account."""
    return [r for r in world.read(lambda conn: readings.stored(conn, account=account)) if r.source is Source.WEB]


# Accounts and readings


def test_an_account_shows_its_meters_and_what_a_reading_would_count_for(world):
    got = world.get(f"/accounts/{TWO_ZONES}")

    assert got.status_code == 200
    [meter] = got.json()["meters"]
    assert [(r["zone"], r["last"]) for r in meter["registers"]] == [("day", 10450), ("night", 6120)]
    assert got.json()["terms"]["period"] == "2026-11-01"
    assert got.json()["terms"]["counts"] == "billing"
    assert got.headers["cache-control"] == "no-store"


def test_an_account_without_meters_has_no_terms(world):
    assert world.get(f"/accounts/{NO_METERS}").json()["terms"] is None


def test_a_reading_counts_from_then_on_and_has_a_receipt(world):
    got = world.post(f"/accounts/{ONE_ZONE}/readings", reading(2180))

    [taken] = got.json()["readings"]
    assert got.status_code == 201
    assert (taken["status"], len(taken["receipt"])) == ("accepted", 8)
    assert world.get(f"/accounts/{ONE_ZONE}").json()["meters"][0]["registers"][0]["last"] == 2180
    [reading_] = kept(world)
    assert (reading_.value, reading_.status) == (2180, Status.ACCEPTED)


def test_all_registers_of_a_meter_are_submitted_together_or_none_is(world):
    both = {"meter": "0200004", "readings": [{"zone": "day", "value": 10600}, {"zone": "night", "value": 6200}]}
    assert len(world.post(f"/accounts/{TWO_ZONES}/readings", both).json()["readings"]) == 2

    both["readings"][0]["value"] = 10650
    both["readings"][1]["value"] = 1
    refused = world.post(f"/accounts/{TWO_ZONES}/readings", both)

    assert kind(refused) == "doubtful"
    assert [(r.value, r.status) for r in kept(world, TWO_ZONES)] == [
        (10600, Status.ACCEPTED), (6200, Status.ACCEPTED), (1, Status.DOUBTFUL),
    ]  # fmt: skip


def test_a_doubtful_value_is_asked_about_and_kept_and_taken_when_the_customer_stands_by_it(world):
    asked = world.post(f"/accounts/{ONE_ZONE}/readings", reading(9150))

    [question] = asked.json()["questions"]
    assert (asked.status_code, kind(asked)) == (409, "doubtful")
    assert (question["value"], question["doubt"], question["used"]) == (9150, "higher", 7000)
    assert question["ask"]
    [first] = kept(world)
    assert (first.value, first.status, first.doubt, first.receipt) == (9150, Status.DOUBTFUL, Doubt.HIGHER, None)

    confirmed = world.post(f"/accounts/{ONE_ZONE}/readings", reading(9150, confirm=True))

    [taken] = confirmed.json()["readings"]
    assert (confirmed.status_code, taken["status"]) == (201, "doubtful")
    assert world.get(f"/accounts/{ONE_ZONE}").json()["meters"][0]["registers"][0]["last"] == 2150


def test_a_doubtful_answer_comes_again_for_the_same_key_and_keeps_the_value_once(world):
    answers = [world.post(f"/accounts/{ONE_ZONE}/readings", reading(9150), key="k") for _ in range(2)]

    assert answers[0].text == answers[1].text
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert kind(answers[1]) == "doubtful"
    assert len(kept(world)) == 1


def test_more_digits_than_the_display_has_are_kept_and_cannot_be_confirmed(world):
    for confirm in (False, True):
        asked = world.post(f"/accounts/{ONE_ZONE}/readings", reading(98765432, confirm=confirm))
        assert (kind(asked), asked.json()["questions"][0]["doubt"]) == ("doubtful", "too_wide")

    assert {(r.value, r.status, r.doubt) for r in kept(world)} == {(98765432, Status.DOUBTFUL, Doubt.TOO_WIDE)}


@pytest.mark.parametrize(
    ("account", "body", "status", "problem"),
    [
        (ONE_ZONE, reading(1, meter="nobody's"), 404, "not-found"),
        (ONE_ZONE, reading(1, meter="0200004"), 404, "not-found"),  # somebody else's
        (ONE_ZONE, reading(1, zone="night"), 422, "unanswerable"),
        (ONE_ZONE, reading(1, energy="reactive"), 422, "unanswerable"),
        (MISTYPED, reading(1), 422, "invalid"),
        (NOBODYS, reading(1), 404, "not-found"),
        ("1234567890", reading(1), 422, "invalid"),
        (ONE_ZONE, reading(-1), 422, "invalid"),
        (ONE_ZONE, reading("2180"), 422, "invalid"),
        (ONE_ZONE, reading(2180.5), 422, "invalid"),
        (ONE_ZONE, reading(True), 422, "invalid"),
        (ONE_ZONE, reading(10**30), 422, "invalid"),
        (ONE_ZONE, reading(2180, confirm="yes"), 422, "invalid"),
        (ONE_ZONE, reading(2180, confrim=True), 422, "invalid"),
        (ONE_ZONE, {"meter": "0100001", "readings": []}, 422, "invalid"),
        (ONE_ZONE, {"meter": "0100001", "readings": [{"value": 1}, {"value": 2}]}, 422, "invalid"),
        (ONE_ZONE, {"meter": "\u0000", "readings": [{"value": 1}]}, 422, "invalid"),
        (ONE_ZONE, {"meter": "  ", "readings": [{"value": 1}]}, 422, "invalid"),
        (ONE_ZONE, [], 422, "invalid"),
    ],
)
def test_a_submission_that_cannot_be_is_refused_and_nothing_is_stored(world, account, body, status, problem):
    got = world.post(f"/accounts/{account}/readings", body)

    assert (got.status_code, kind(got)) == (status, problem)
    assert kept(world, account) == []


def test_an_account_that_nobody_has_is_not_found(world):
    for path in ("", "/readings", "/statement", "/supply"):
        assert kind(world.get(f"/accounts/{NOBODYS}{path}")) == "not-found", path


def test_readings_come_in_pages_without_repeating_or_skipping_while_new_ones_arrive(world):
    for value in range(2160, 2200, 4):
        world.post(f"/accounts/{ONE_ZONE}/readings", reading(value))
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = world.get(f"/accounts/{ONE_ZONE}/readings?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += [item["value"] for item in page["items"]]
        cursor, pages = page["next"], pages + 1
        world.post(f"/accounts/{ONE_ZONE}/readings", reading(2200 + pages))

    assert seen == [*range(2196, 2156, -4), 2150]
    assert pages == 4


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=djE6LTE", "cursor=djI6MQ", "page=2"]
)
def test_a_page_that_cannot_be_is_refused(world, query):
    assert kind(world.get(f"/accounts/{ONE_ZONE}/readings?{query}")) == "invalid"


def test_the_supplier_posts_a_bill_and_later_what_was_paid_and_the_statement_shows_it(world):
    path = f"/accounts/{ONE_ZONE}/bills/2026-10"
    for body in (
        {"kwh": 180, "amount": 77760},
        {"kwh": 180, "amount": 77760, "paid": 77760, "paid_on": "2026-11-15"},
    ):
        for _ in range(2):
            assert world.put(path, body).status_code == 204

    [row] = world.read(lambda conn: conn.execute(select(bills)).all())
    assert (row.kwh, row.amount, row.paid, str(row.paid_on)) == (180, 77760, 77760, "2026-11-15")
    told = world.read(lambda conn: conn.execute(select(events.c.body).where(events.c.kind == "bill.posted")).all())
    assert [json.loads(body)["paid"] for (body,) in told] == [0, 77760], "what says nothing new is not told"
    last = world.get(f"/accounts/{ONE_ZONE}/statement").json()["last"]
    assert (last["period"], last["amount"], last["paid_on"]) == ("2026-10-01", 77760, "2026-11-15")


@pytest.mark.parametrize("period", ["2026-13", "2026-1", "1999-12", "2026-10-01", "x"])
def test_a_bill_of_no_month_is_refused(world, period):
    assert kind(world.put(f"/accounts/{ONE_ZONE}/bills/{period}", {"kwh": 1})) in {"invalid"}


@pytest.mark.parametrize(
    "body", [{}, {"kwh": -1}, {"kwh": 1, "paid_on": 5}, {"kwh": 1, "paid_on": "0001-01-01"}, {"kwh": 1, "sum": 2}]
)
def test_a_bill_that_cannot_be_is_refused(world, body):
    assert kind(world.put(f"/accounts/{ONE_ZONE}/bills/2026-10", body)) == "invalid"


# Requests, supply, services


def test_a_request_gets_a_number_by_which_its_state_is_told(world):
    body = {"kind": "complaint", "topic": "billing", "reply_by": "phone", "contact": "+380441234567",
            "account": ONE_ZONE, "text": "Рахунок удвічі більший"}  # fmt: skip
    made = world.post("/requests", body)

    assert made.status_code == 201
    assert made.headers["location"] == f"/api/v1/requests/{made.json()['number']}"
    shown = world.ask("GET", made.headers["location"]).json()
    assert (shown["state"], shown["topic"], shown["due"]) == ("registered", "billing", made.json()["due"])
    assert "380" not in json.dumps(shown)


@pytest.mark.parametrize("number", ["10000000", "99999999"])
def test_a_request_that_is_not_there_is_not_found(world, number):
    assert kind(world.get(f"/requests/{number}")) == "not-found"


@pytest.mark.parametrize(
    "change",
    [
        {"contact": "0441234567"}, {"contact": "x"}, {"reply_by": "email", "contact": "+380441234567"},
        {"reply_by": "pigeon"}, {"account": "1000000019"}, {"text": "a\u0000b"}, {"text": "a" * 10_001},
        {"text": " "}, {"kind": None},
    ],
)  # fmt: skip
def test_a_request_that_nobody_could_answer_is_refused(world, change):
    body = {"kind": "complaint", "topic": "billing", "reply_by": "phone", "contact": "+380441234567", **change}

    assert kind(world.post("/requests", body)) == "invalid"


def test_a_request_about_an_account_that_nobody_has_is_not_found(world):
    body = {"kind": "question", "topic": "other", "reply_by": "post", "account": NOBODYS}

    assert kind(world.post("/requests", body)) == "not-found"


def test_an_outage_is_reported_and_known_from_then_on(world):
    reported = world.post("/outages", {"kind": "no_supply", "account": ONE_ZONE, "contact": "+380441234567"})

    assert (reported.status_code, len(reported.json()["number"])) == (201, 8)
    assert world.get(f"/accounts/{ONE_ZONE}/supply").json()["number"] == reported.json()["number"]
    assert world.post("/outages", {"kind": "danger"}).status_code == 201


def test_an_order_gets_a_number_and_a_day(world):
    made = world.post("/orders", {"kind": "seal", "account": ONE_ZONE})

    assert made.status_code == 201
    assert made.json()["due"] > "2026-11-30"


def test_a_call_back_is_ordered_in_an_offered_stretch_of_time_or_as_soon_as_may_be(world):
    slot = world.get("/people").json()["slots"][1]
    body = {"contact": "+380441234567", "about": "reading"}

    assert world.post("/callbacks", {**body, "slot": slot}).status_code == 201
    assert world.post("/callbacks", body).status_code == 201


@pytest.mark.parametrize(
    ("slot", "problem"),
    [
        ({"begins": "2026-11-30T03:00:00Z", "ends": "2026-11-30T04:00:00Z"}, "conflict"),
        ({"begins": "2026-11-30T10:00:00", "ends": "2026-11-30T12:00:00"}, "invalid"),
        ({"begins": "0001-01-01T00:00:00+23:59", "ends": "9999-12-31T23:59:59-23:59"}, "invalid"),
        ({"begins": 1, "ends": 2}, "invalid"),
    ],
)
def test_nobody_is_called_back_at_a_time_that_was_not_offered(world, slot, problem):
    body = {"contact": "+380441234567", "about": "reading", "slot": slot}

    assert kind(world.post("/callbacks", body)) == problem


def test_opening_hours_and_announcements_are_told(world):
    assert "agents" in {each["service"] for each in world.get("/opening-hours").json()}
    assert world.get("/announcements?region=x").json() == []


def test_hand_over_files_are_listed_and_a_suppliers_client_sees_its_own(world):
    def two(conn):
        for name, supplier in (("taken_2026-10_ЕнергоЗбут_000001.csv", "ЕнергоЗбут"), ("b.csv", None)):
            row = {"name": name, "supplier": supplier, "stage": "taken", "at": NOW, "rows": 0, "sha256": "0" * 64}
            conn.execute(insert(handover_files), {k: v for k, v in row.items() if k in handover_files.c})

    world.write(two)
    hers = "taken_2026-10_ЕнергоЗбут_000001.csv"
    world.add("supplier", [Right.HANDOVERS_READ], supplier="ЕнергоЗбут")

    assert [file["name"] for file in world.get("/handover-files").json()["items"]] == ["b.csv", hers]
    assert [file["name"] for file in world.get("/handover-files", by="supplier").json()["items"]] == [hers]
    assert world.get(f"/handover-files/{hers}", by="supplier").headers["content-type"].startswith("text/csv")
    assert kind(world.get("/handover-files/b.csv", by="supplier")) == "not-found"
    page = world.get("/handover-files?limit=1").json()
    assert world.get(f"/handover-files?limit=1&cursor={page['next']}").json()["items"][0]["name"] == hers


def test_a_suppliers_client_deals_with_its_own_accounts_alone(world):
    world.write(lambda c: c.execute(update(accounts).where(accounts.c.number == ONE_ZONE).values(supplier="A")))
    world.add("supplier", Right, supplier="A")

    assert world.get(f"/accounts/{ONE_ZONE}", by="supplier").status_code == 200
    assert kind(world.get(f"/accounts/{TWO_METERS}", by="supplier")) == "not-found"
    assert kind(world.put(f"/accounts/{TWO_METERS}/bills/2026-10", {"kwh": 1}, by="supplier")) == "not-found"
    assert kind(world.post("/orders", {"kind": "seal", "account": TWO_METERS}, by="supplier")) == "not-found"


# Once


def test_the_same_request_with_the_same_key_is_done_once_and_answered_alike(world):
    body = {"kind": "complaint", "topic": "billing", "reply_by": "post"}
    first, second = (world.post("/requests", body, key="k") for _ in range(2))
    spelt = world.ask("POST", "/api/v1/requests", key="k", content=json.dumps(dict(reversed(body.items())), indent=3),
                      headers={"Content-Type": "application/json; charset=utf-8"})  # fmt: skip

    assert first.text == second.text == spelt.text
    assert first.headers["location"] == second.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


def test_the_same_key_with_another_request_is_refused(world):
    world.post("/orders", {"kind": "seal", "account": ONE_ZONE}, key="k")

    assert kind(world.post("/orders", {"kind": "unseal", "account": ONE_ZONE}, key="k")) == "key-reused"
    assert kind(world.post("/outages", {"kind": "danger"}, key="k")) == "key-reused"


def test_a_key_is_its_clients_own(world):
    world.add("other", Right)
    body = {"kind": "seal", "account": ONE_ZONE}

    assert world.post("/orders", body, key="k").text != world.post("/orders", body, key="k", by="other").text


def test_a_refused_request_uses_up_no_key(world):
    assert kind(world.post(f"/accounts/{ONE_ZONE}/readings", reading(1, meter="x"), key="k")) == "not-found"
    assert world.post(f"/accounts/{ONE_ZONE}/readings", reading(2180), key="k").status_code == 201


def test_a_request_without_a_key_is_told_to_send_one(world):
    refused = world.post("/orders", {"kind": "seal", "account": ONE_ZONE}, idempotent=False)

    assert (refused.status_code, kind(refused)) == (400, "idempotency-key-missing")
    assert kind(world.post("/orders", {"kind": "seal", "account": ONE_ZONE}, key="a b")) == "invalid"


def test_the_same_request_while_the_first_is_being_worked_at_is_told_to_wait(world):
    async def both():
        transport = httpx.ASGITransport(world.app)
        headers = {"Authorization": f"Bearer {world.keys['everything']}", "Idempotency-Key": "k"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as http:
            ask = [http.post("/api/v1/orders", json={"kind": "seal", "account": ONE_ZONE}) for _ in range(2)]
            return await asyncio.gather(*ask)

    answers = sorted(asyncio.run(both()), key=lambda answer: answer.status_code)

    assert [answer.status_code for answer in answers] == [201, 409]
    assert kind(answers[1]) == "in-progress"
    assert answers[1].headers["retry-after"] == "1"


# Errors


@pytest.mark.parametrize(
    ("content", "media", "problem"),
    [
        (b"{", "application/json", "malformed"),
        (b"\xff\xfe", "application/json", "malformed"),
        (b"[" * 20_000, "application/json", "malformed"),
        (b"1" * 5_000, "application/json", "malformed"),
        (b'{"kind": NaN}', "application/json", "invalid"),
        (b"kind=seal", "application/x-www-form-urlencoded", "not-json"),
        (b"{}", "text/plain", "not-json"),
        (b"", "application/json", "invalid"),
        (b" " * 70_000, "application/json", "too-large"),
        (b'{"text": "\\ud800"}', "application/json", "invalid"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(world, content, media, problem):
    got = world.ask("POST", "/api/v1/orders", content=content, headers={"Content-Type": media})

    assert kind(got) == problem
    assert got.status_code == {"malformed": 400, "not-json": 415, "too-large": 413}.get(problem, 422)


def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_large(world):
    sent = []

    async def endless():
        while len(sent) < 1000:
            sent.append(1)
            yield b" " * 10_000

    got = world.ask("POST", "/api/v1/orders", content=endless(), headers={"Content-Type": "application/json"})

    assert kind(got) == "too-large"
    assert len(sent) < 1000


def test_what_is_not_there_is_told_in_problem_details_too(world):
    assert kind(world.ask("GET", "/nothing")) == "not-found"
    assert kind(world.get("/accounts/")) == "not-found"
    wrong = world.ask("PATCH", "/api/v1/webhooks")
    assert (wrong.status_code, kind(wrong)) == (405, "no-method")
    assert wrong.headers["allow"]


def test_problems_do_not_repeat_what_was_sent(world):
    body = {"kind": "complaint", "topic": "billing", "reply_by": "email", "contact": "secret@of the sender"}

    assert "secret" not in world.post("/requests", body).text


def test_a_mistake_of_ours_is_answered_without_our_inside_and_found_in_the_log(world, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr("ivr.console.api.accounts.perform", broken)
    got = world.get(f"/accounts/{ONE_ZONE}")

    assert (got.status_code, kind(got)) == (500, "fault")
    assert "secret" not in got.text
    assert got.json()["instance"] in caplog.text
    assert "a secret of ours" in caplog.text


@pytest.mark.parametrize("fault", [StoreBusy("locked"), StoreFull("no room")])
def test_a_store_that_cannot_work_is_told_as_such_and_when_to_try_again(world, monkeypatch, fault):
    def broken(*_, **__):
        raise fault

    monkeypatch.setattr("ivr.console.api.accounts.perform", broken)
    got = world.post(f"/accounts/{ONE_ZONE}/readings", reading(2180), key="k")

    assert (got.status_code, kind(got), got.headers["retry-after"]) == (503, "busy", "5")
    monkeypatch.undo()
    assert world.post(f"/accounts/{ONE_ZONE}/readings", reading(2180), key="k").status_code == 201


def test_too_many_requests_at_one_time_are_turned_away_at_once(world, monkeypatch):
    async def flood():
        transport = httpx.ASGITransport(world.app)
        headers = {"Authorization": f"Bearer {world.keys['everything']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as http:
            return await asyncio.gather(*(http.get("/api/v1/people") for _ in range(MOST + 5)))

    answers = asyncio.run(flood())

    assert {answer.status_code for answer in answers} == {200, 503}
    turned_away = [answer for answer in answers if answer.status_code == 503]
    assert len(turned_away) == 5
    assert kind(turned_away[0]) == "busy"


def test_nothing_personal_is_logged_or_counted(world, caplog):
    caplog.set_level("INFO")
    world.get(f"/accounts/{ONE_ZONE}")
    world.post("/orders", {"kind": "seal", "account": ONE_ZONE, "contact": "+380441234567"})
    world.get("/accounts/12345")

    figures = world.ask("GET", "/metrics", by=None).text
    assert 'route="/api/v1/accounts/{number}",status="200"' in figures
    assert "/api/v1/accounts/{number} 200" in caplog.text
    for text in (caplog.text, figures):
        text = "\n".join(line for line in text.splitlines() if "httpx:" not in line)  # the test's own client
        assert ONE_ZONE not in text
        assert "44123" not in text
        assert "12345" not in text


def test_it_is_ready_only_while_the_store_answers(world):
    assert world.ask("GET", "/readyz", by=None).json() == {"status": "ready"}
    world.store.close()
    assert world.ask("GET", "/readyz", by=None).status_code == 503
    assert world.ask("GET", "/healthz", by=None).status_code == 200


def test_no_more_jobs_than_a_few_are_given_to_the_store_at_one_time(world, monkeypatch):
    waiting, most = [0], [0]
    write = world.store.write

    def counted(job):
        waiting[0] += 1
        most[0] = max(most[0], waiting[0])
        future = write(job)
        future.add_done_callback(lambda _: waiting.__setitem__(0, waiting[0] - 1))
        return future

    monkeypatch.setattr(world.store, "write", counted)

    async def flood():
        transport = httpx.ASGITransport(world.app)
        headers = {"Authorization": f"Bearer {world.keys['everything']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as http:
            body = {"kind": "seal", "account": ONE_ZONE}
            return await asyncio.gather(
                *(http.post("/api/v1/orders", json=body, headers={"Idempotency-Key": str(n)}) for n in range(100))
            )

    assert {answer.status_code for answer in asyncio.run(flood())} == {201}
    assert 1 < most[0] <= turns.MOST


def test_the_document_is_served_to_anybody(world):
    served = world.ask("GET", "/api/v1/openapi.json", by=None)

    assert served.json() == json.loads(json.dumps(application.document(world.app)))
    assert served.json()["openapi"].startswith("3.1")
