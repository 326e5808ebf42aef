"""Every page and every address of the console, asked for by every role and by nobody.

Rule: what a route needs is said three times: by the route itself (`page`), by the table below, written by hand, and
by `domain.roles.TABLE`, which says who has it.  A new address is not there until it stands in this table, and an
address that lost its guard fails here.  (The channel API has keys in place of roles: each of its operations is asked
for without one, and with one without rights, in tests/adapters/test_channel_api_document.py.)
"""

import re

import pytest
from starlette.routing import Mount
from web_world import World

from domain import trail
from domain.roles import TABLE, Permission, Role
from ivr.console.web import gate
from ivr.console.web.gate import OPEN, SIGNED_IN, Page

# Method, address, what it needs.  "a b": both.
WRITTEN = """
    GET  /healthz                                      open
    GET  /readyz                                       open
    POST /language                                     open
    GET  /                                             signed_in
    GET  /sign-in                                      open
    POST /sign-in                                      open
    POST /sign-out                                     signed_in
    GET  /password                                     signed_in
    POST /password                                     signed_in
    POST /password/sessions                            signed_in
    GET  /sign-in/company                              open
    GET  /sign-in/company/back                         open
    GET  /staff                                        staff
    GET  /staff/add                                    staff
    POST /staff/add                                    staff
    GET  /staff/{login}                                staff
    POST /staff/{login}/role                           staff
    POST /staff/{login}/disable                        staff
    POST /staff/{login}/enable                         staff
    POST /staff/{login}/sessions                       staff
    POST /staff/{login}/password                       staff
    GET  /trail                                        trail
    POST /trail/verify                                 trail
    GET  /trail/rows.csv                               trail lists
    GET  /calls/live                                   watch_live
    GET  /calls/live/board                             watch_live
    GET  /calls                                        search_calls
    GET  /calls.csv                                    lists
    POST /calls/searches                               search_calls
    POST /calls/searches/{search}/forget               search_calls
    GET  /calls/maps                                   signed_in
    GET  /calls/{call}/audio                           listen
    POST /calls/{call}/listen                          listen
    GET  /calls/{call}/peaks                           replay
    GET  /calls/{call}/export                          export
    POST /calls/{call}/export                          export
    GET  /calls/{call}                                 replay
    GET  /calls/{call}/story                           replay
    POST /calls/{call}/notes                           score
    POST /calls/{call}/notes/{note}                    score
    POST /calls/{call}/scores                          score
    GET  /requests                                     requests
    GET  /requests/callbacks                           requests
    GET  /requests/orders                              requests
    GET  /requests/{number}                            requests
    GET  /requests/{number}/account                    accounts
    POST /requests/{number}/work                       work_requests
    POST /requests/{number}/close                      close_requests
    POST /requests/{number}/letter                     work_requests
    GET  /requests/{number}/letter                     requests
    POST /requests/callbacks/{number}                  work_requests
    POST /requests/orders/{number}                     work_requests
    GET  /readings                                     readings
    GET  /readings/{reading}                           readings
    POST /readings/{reading}/resolve                   resolve_readings
    GET  /accounts                                     accounts
    GET  /accounts/{number}                            accounts personal
    GET  /figures                                      figures
    GET  /figures/missed                               replay
    GET  /figures/report.pdf                           figures
    GET  /figures/report.csv                           lists
    GET  /quality                                      replay
    GET  /quality/form                                 replay
    POST /quality/form                                 score_form
    GET  /prompts/announcements  prompts
    GET  /prompts/announcements/confirm  announce
    POST /prompts/announcements  announce
    GET  /prompts/announcements/{number}/off  announce
    POST /prompts/announcements/{number}/off  announce
    GET  /prompts/announcements/sound/{language}  prompts
    GET  /prompts                                      prompts
    GET  /prompts/versions                             prompts
    GET  /prompts/parts/{language}                     prompts
    GET  /prompts/sound/{language}/{prompt:path}       prompts
    GET  /prompts/clip/{language}/{clip:path}          prompts
    POST /prompts/draft/{language}/{prompt:path}       edit_prompts
    POST /prompts/record/{language}/{prompt:path}      edit_prompts
    POST /prompts/versions/{version}/speak             edit_prompts
    POST /prompts/versions/{version}/publish           edit_prompts
    POST /prompts/versions/{version}/drop              edit_prompts
    POST /prompts/undo/{language}/{prompt:path}        edit_prompts
    GET  /prompts/{language}/{prompt:path}             prompts
    GET  /{path:path}                                  signed_in
"""
NEEDS = {(method, path): " ".join(needs) for method, path, *needs in map(str.split, WRITTEN.strip().splitlines())}
EVERYBODY = [*Role, None]

FILLED = {
    "login": "target", "call": "test-1", "number": "1", "search": "1", "note": "1", "reading": "1", "version": "1",
    "language": "uk", "prompt": "no_such_prompt", "clip": "no_such_clip", "path": "no/such/page",
}  # fmt: skip


def routes(found, prefix=""):
    """Addresses and routes of an application or a router, and of what is included in it."""
    for each in found:
        if isinstance(each, Page):
            yield prefix + each.path, each
        elif (inner := getattr(each, "original_router", None)) is not None:
            yield from routes(inner.routes, prefix + each.include_context.prefix)
        else:
            assert isinstance(each, Mount), each
            assert each.path == "/static", "files that are the same for everybody, and nothing else"


def methods(route):
    return sorted(route.methods - {"HEAD"})


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("house"))
    made.call(("main_menu", "1", "1"), id="test-1")
    made.person(Role.AGENT, "target")
    made.clients = {role: made.sign_in(role) for role in Role} | {None: made.nobody()}
    yield made
    made.close()


def test_the_table_has_every_address_and_every_address_is_in_the_table(house):
    declared = {
        (method, path): gate.needs(route) for path, route in routes(house.app.routes) for method in methods(route)
    }
    assert set(NEEDS) - set(declared) == set(), "no longer there"
    assert set(declared) - set(NEEDS) == set(), "new: write down by hand what it needs"
    assert declared == NEEDS


def test_what_the_table_names_are_permissions():
    known = {OPEN, SIGNED_IN, *(each.value for each in Permission)}
    assert {word for needs in NEEDS.values() for word in needs.split()} <= known


def test_every_permission_is_needed_somewhere_or_asked_for_by_a_page():
    by_pages = {"personal", "evidence"}  # what a page shows or holds back: tests of those pages
    assert {each.value for each in Permission} - {w for needs in NEEDS.values() for w in needs.split()} <= by_pages


def test_only_signing_in_and_what_machines_ask_are_open():
    assert {path for (_, path), needs in NEEDS.items() if needs == OPEN} == {
        "/healthz", "/readyz", "/language", "/sign-in", "/sign-in/company", "/sign-in/company/back",
    }  # fmt: skip


def test_a_route_that_says_nothing_does_not_start():
    part = gate.router()

    async def forgotten():
        return "everybody's"

    with pytest.raises(TypeError, match="says nothing of who may"):
        part.add_api_route("/forgotten", forgotten)


def may(role, needs):
    if needs == OPEN:
        return True
    if role is None:
        return False
    return needs == SIGNED_IN or all(Permission(word) in TABLE[role] for word in needs.split())


def address(path):
    return re.sub(r"\{(\w+)(:path)?\}", lambda found: FILLED[found[1]], path)


@pytest.mark.parametrize("role", EVERYBODY, ids=lambda role: role.value if role else "nobody")
@pytest.mark.parametrize(("method", "path"), NEEDS, ids=lambda each: each)
def test_each_address_lets_in_whom_the_table_names_and_nobody_else(house, method, path, role):
    needs, url = NEEDS[method, path], address(path)
    house.tick += 61  # one row a minute tells of refusals at one route
    client = house.sign_in(role) if path == "/sign-out" and role else house.clients[role]
    before = house.read(lambda c: trail.page(c, what="access.refused", size=1))
    answer = client.get(url, follow=False) if method == "GET" else client.post(url, {}, follow=False)

    if role is None and needs != OPEN:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
    elif not may(role, needs):
        assert answer.status_code == 403
        (row, *_) = house.read(lambda c: trail.page(c, what="access.refused", size=1))
        assert [row] != before, "who was refused is in the trail"
        assert row.who == role.value
        assert path.endswith(row.of), "as the part itself calls it"
        assert row.details["needs"] in needs.split()
    else:
        told = needs == OPEN and path == "/sign-in" and method == "POST"  # without the form's token: 403
        assert answer.status_code != 403 or told
        assert answer.status_code < 500, answer.text
        assert not answer.headers.get("location", "").startswith("/sign-in") or path in LEADS_THERE
    for said in ("no-store", "private"):
        if said in answer.headers["cache-control"]:
            break
    else:
        pytest.fail("a page that a cache may keep")


LEADS_THERE = {"/sign-out", "/sign-in", "/sign-in/company", "/sign-in/company/back", "/language"}


@pytest.mark.parametrize(("method", "path"), [each for each in NEEDS if each[0] != "GET"], ids=lambda each: each)
def test_nothing_is_changed_without_the_token_of_the_session(house, method, path):
    needs = NEEDS[method, path]
    if needs == OPEN:
        assert path in ("/language", "/sign-in"), "they change nothing of anybody's, or have a token of their own"
        return
    role = next(role for role in Role if may(role, needs))
    client = house.sign_in(role)
    other = house.sign_in(role).csrf
    for csrf in ("", "0" * 64, other):
        assert client.post(address(path), {"csrf": csrf}, follow=False).status_code == 403
    assert client.post(address(path), {}, csrf=False, follow=False).status_code == 403
    elsewhere = {"origin": "https://evil.example"}
    assert client.post(address(path), {}, headers=elsewhere, follow=False).status_code == 403
    assert client.post(address(path), {}, headers={"origin": "null"}, follow=False).status_code == 403
    assert client.post(address(path), {}, headers={"sec-fetch-site": "cross-site"}, follow=False).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_do_nothing(house, method):
    for path in {path for _, path in NEEDS}:
        assert house.clients[Role.SUPERVISOR].ask(method, address(path), follow=False).status_code in (404, 405), path
