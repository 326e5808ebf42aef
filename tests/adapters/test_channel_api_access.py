"""Who may do what, by every route; keys; and how often."""

import json

import pytest
from api_world import NOW, ONE_ZONE, World, kind
from click.testing import CliRunner
from sqlalchemy import select

from domain import clients
from domain.clients import NameTaken, NoSuchClient, Right
from domain.model import Source
from domain.tables import clients as stored
from ivr.__main__ import main
from ivr.console.api import channel_api, document
from ivr.console.api.access import SCHEME, WRONG_KEYS

BODIES = {
    "submitReading": {"meter": "0100001", "readings": [{"value": 2180}]},
    "putBill": {"kwh": 180},
    "registerRequest": {"kind": "question", "topic": "other", "reply_by": "post"},
    "reportOutage": {"kind": "danger"},
    "placeOrder": {"kind": "seal", "account": ONE_ZONE},
    "orderCallBack": {"contact": "+380441234567", "about": "reading"},
    "createWebhook": {"url": "https://cabinet.example/", "kinds": ["*"]},
}
PLACES = {
    "/accounts/{number}": ONE_ZONE, "/requests/{number}": "10000012", "{period}": "2026-10", "{webhook}": "1",
    "{event}": "1", "{name}": "x.csv",
}  # fmt: skip

ROUTES = [
    (operation["operationId"], method.upper(), path, operation["security"][0][SCHEME][0])
    for path, methods in document(channel_api(None))["paths"].items()
    for method, operation in methods.items()
]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def ask(world, operation, method, path, by):
    for place, value in PLACES.items():
        path = path.replace(place, place.replace("{number}", value) if "/" in place else value)
    more = {"json": BODIES[operation]} if operation in BODIES else {}
    return world.ask(method, path, by=by, **more)


def test_every_route_needs_one_right_but_those_that_tell_nothing_of_anybody():
    app = channel_api(None)
    paths = {operation[2] for operation in ROUTES}

    assert all(right in set(Right) for *_, right in ROUTES)
    assert {right for *_, right in ROUTES} == set(Right), "a right that opens nothing is none"
    every = {
        route.path
        for part in app.routes
        for route in getattr(getattr(part, "original_router", None), "routes", [part])
    }
    assert every - paths == {"/api/v1/openapi.json", "/healthz", "/readyz", "/metrics"}


@pytest.mark.parametrize(("operation", "method", "path", "right"), ROUTES, ids=[route[0] for route in ROUTES])
def test_a_route_opens_to_the_key_with_its_right_and_to_no_other(world, operation, method, path, right):
    world.add("with", [right])
    world.add("without", set(Right) - {right})
    revoked = world.add("revoked", Right)
    world.write(lambda conn: clients.revoke(conn, "revoked", NOW))

    for by in (None, revoked, "nonsense", f"hlk_{'0' * 12}_{'A' * 43}", world.keys["with"][:-1] + "."):
        refused = ask(world, operation, method, path, by)
        assert (refused.status_code, kind(refused)) == (401, "no-key"), by
        assert refused.headers["www-authenticate"].startswith("Bearer")
    refused = ask(world, operation, method, path, "without")
    assert (refused.status_code, kind(refused)) == (403, "not-allowed")
    assert ask(world, operation, method, path, "with").status_code in {200, 201, 204, 404}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic {key}", "{key}", "Bearer {key} x", "Bearer\t{key}"]
)
def test_a_key_in_another_form_is_none(world, header):
    headers = {"Authorization": header.format(key=world.keys["everything"])}

    assert kind(world.get("/people", by=None, headers=headers)) == "no-key"


def test_who_may_not_is_told_so_before_anything_of_the_body_is_looked_at(world):
    world.add("reader", [Right.ACCOUNTS_READ])
    for by, problem in ((None, "no-key"), ("reader", "not-allowed")):
        got = world.ask("POST", "/api/v1/orders", by=by, content=b"{", headers={"Content-Type": "text/plain"})
        assert kind(got) == problem


# Keys


def test_the_store_has_nothing_that_opens_anything(world):
    key = world.add("cabinet", [Right.ACCOUNTS_READ])
    [row] = world.read(lambda conn: conn.execute(select(stored).where(stored.c.name == "cabinet")).all())

    assert key.split("_")[1] == row.prefix
    assert key.split("_", 2)[2] not in str(tuple(row))
    assert len({world.add(f"c{n}", [Right.ACCOUNTS_READ]) for n in range(20)}) == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"rights": []},
        {"source": Source.CALLER},
        {"per_minute": 0},
        {"name": "x" * 81},
    ],
)  # fmt: skip
def test_a_client_that_cannot_be_is_not_made(world, wrong):
    given = {"name": "n", "source": Source.WEB, "rights": [Right.ACCOUNTS_READ], "at": NOW, **wrong}

    with pytest.raises(ValueError, match=r".+"):
        world.write(lambda conn: clients.make(conn, given.pop("name"), **given))


def test_names_are_given_once_and_who_is_not_there_cannot_be_revoked(world):
    with pytest.raises(NameTaken, match="everything"):
        world.add("everything", Right)
    with pytest.raises(NoSuchClient, match="nobody"):
        world.write(lambda conn: clients.revoke(conn, "nobody", NOW))


def test_revoking_again_does_not_change_since_when(world):
    world.write(lambda conn: clients.revoke(conn, "everything", NOW))
    world.passes(hours=1)

    assert world.write(lambda conn: clients.revoke(conn, "everything", world.now)).revoked_at == NOW


def test_the_command_line_makes_lists_and_revokes_and_shows_a_key_once(tmp_path):
    def ivr(*arguments):
        return CliRunner().invoke(main, ["client", "--data", str(tmp_path), *arguments], catch_exceptions=False)

    made = ivr(
        "add", "web cabinet", "--rights", "readings:write, accounts:read", "--per-minute", "50", "--supplier", "A"
    )
    key = made.output.splitlines()[-1]

    assert made.exit_code == 0
    assert key.startswith("hlk_")
    assert key not in ivr("list").output
    assert "web cabinet: web, 50 a minute, accounts of A" in ivr("list").output
    assert ivr("add", "web cabinet", "--rights", "all").exit_code == 2
    assert "there is no right 'x'" in ivr("add", "other", "--rights", "x").output
    assert ivr("revoke", "web cabinet").exit_code == 0
    assert "revoked" in ivr("list").output
    assert ivr("revoke", "nobody").exit_code == 1


# How often


def test_who_asks_too_often_is_told_when_to_come_again(world):
    world.add("slow", [Right.CALLBACKS_WRITE], per_minute=3)
    left = [world.get("/people", by="slow").headers["ratelimit"] for _ in range(3)]
    refused = world.get("/people", by="slow")

    assert left == ['"minute";r=2;t=0', '"minute";r=1;t=0', '"minute";r=0;t=20']
    assert (refused.status_code, kind(refused), refused.headers["retry-after"]) == (429, "too-many", "20")
    assert refused.headers["ratelimit-policy"] == '"minute";q=3;w=60'
    assert world.get("/people").status_code == 200, "each client has its own"
    world.passes(seconds=20)
    assert world.get("/people", by="slow").status_code == 200
    assert world.get("/people", by="slow").status_code == 429
    world.passes(hours=1)
    assert [world.get("/people", by="slow").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_route_that_is_not_allowed_costs_as_much_as_one_that_is(world):
    world.add("slow", [Right.ACCOUNTS_READ], per_minute=2)

    assert [world.get("/people", by="slow").status_code for _ in range(3)] == [403, 403, 429]


def test_wrong_keys_are_not_listened_to_for_long(world):
    answers = [world.get("/people", by="nonsense").status_code for _ in range(WRONG_KEYS + 1)]

    assert answers == [401] * WRONG_KEYS + [429]
    assert world.get("/people").status_code == 200, "the right key is still good"


def test_the_document_names_the_right_of_each_operation():
    listed = json.dumps(document(channel_api(None))["paths"])

    for right in Right:
        assert f'"{right}"' in listed
