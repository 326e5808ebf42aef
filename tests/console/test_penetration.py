"""What an attacker tries, and what comes of it; docs/security.md lists it with the tests that stand elsewhere."""

import asyncio
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import argon2
import pytest
from test_every_route import EVERYBODY, NEEDS, address, may
from web_world import World

from domain import passwords, saved, staff, trail
from domain.calls import Line
from domain.model import Language
from domain.roles import Role
from ivr.console.web import gate
from ivr.console.web.look import local

NASTY = "\"'><img src=x onerror=alert(1)></script><script>alert(1)</script>{{7*7}}"
RAW = ("<img src=x", "<script>alert(1)", "{49}", "49</")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A console in which everything that people can write says something nasty."""
    made = World(tmp_path_factory.mktemp("house"))
    made.call(
        Line(0, made.now + timedelta(seconds=2), "main_menu", NASTY, NASTY),
        ("register", NASTY, "12345"),
        id="test-1", caller=None, dialled=NASTY[:40],
    )  # fmt: skip
    for role in Role:
        made.write(
            lambda c, role=role: staff.add(
                c, login=role.value, name=NASTY, role=role, language=Language.UK, password=None, at=made.now
            )
        )
    made.clients = {role: made.sign_in(role) for role in Role} | {None: made.nobody()}
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        person = made.person(role)
        made.write(lambda c, p=person: staff.session_open(c, p, address=NASTY, agent=NASTY, at=made.now))
    made.write(
        lambda c: trail.note(c, NASTY, "recording.heard", of=NASTY, reason=NASTY, at=made.now, **{NASTY: NASTY})
    )
    writer = made.clients[Role.SUPERVISOR]
    assert writer.post("/calls/test-1/notes", {"text": NASTY, "second": "1"}, follow=False).status_code == 303
    yield made
    made.close()


def gets(role):
    return [address(path) for (method, path), needs in NEEDS.items() if method == "GET" and may(role, needs)]


# Stored and reflected scripts


@pytest.mark.parametrize("role", Role, ids=lambda role: role.value)
def test_what_people_wrote_is_text_on_every_page(house, role):
    seen = 0
    for path in gets(role):
        answer = house.clients[role].get(path)
        if answer.headers.get("content-type", "").startswith("text/html"):
            seen += "onerror" in answer.text
            for raw in RAW:
                assert raw not in answer.text, path
    assert seen >= 1, "nothing nasty was shown at all: this test proves nothing"


NAMES = {
    "q", "who", "what", "of", "since", "until", "next", "done", "error", "after", "before", "flow", "from", "to",
    "state", "pile", "language", "kind", "month", "page", "left", "t", "format", "topic", "day", "outcome", "account",
    "caller",
}  # fmt: skip


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR, None])
def test_what_stands_in_an_address_is_text_on_every_page(house, role):
    names = sorted(NAMES)
    for path in gets(role):
        answer = house.clients[role].get(f"{path}?{urlencode(dict.fromkeys(names, NASTY))}")
        assert answer.status_code < 500, path
        if answer.headers.get("content-type", "").startswith("text/html"):
            for raw in RAW:
                assert raw not in answer.text, path


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_no_page_runs_a_script_that_is_not_a_file_of_ours(house, role):
    for path in gets(role):
        answer = house.clients[role].get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        if answer.headers.get("content-type", "").startswith("text/html"):
            for script in re.findall(r"<script\b[^>]*>", answer.text):
                assert 'src="/static/' in script or 'type="application/json"' in script, path
            assert not inline(answer.text), path


def inline(text):
    """Attributes that would run code or style something, as a browser reads the page."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend(
                f"{tag} {name}={value}" for name, value in attrs
                if name.startswith("on") or name == "style" or (value or "").strip().lower().startswith("javascript:")
            )  # fmt: skip

    Reader().feed(text)
    return found


def test_the_reader_of_these_tests_sees_what_a_browser_would_run():
    bad = "<p onclick=x()>", "<a href=' javascript:x()'>", "<img src=x OnError='x'>", "<b style=color:red>"
    assert [len(inline(each)) for each in bad] == [1, 1, 1, 1]
    assert inline("<button aria-label='&lt;img onerror=x&gt; onclick=y'>") == []


# Frames, caches, types


@pytest.mark.parametrize("role", EVERYBODY, ids=str)
def test_no_page_is_shown_in_a_frame_guessed_at_or_kept(house, role):
    for path in [*gets(role), "/static/console.css"]:
        headers = house.clients[role].get(path, follow=False).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin", "a call's address goes nowhere else"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        if not path.startswith("/static/"):
            assert re.search("no-store|private", headers["cache-control"]), path


# Paths


TRAVERSALS = (
    "../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd",
    "..\\..\\etc\\passwd", "..%5c..%5cetc%5cpasswd", "/etc/passwd", "%2fetc%2fpasswd", "test-1%00.wav",
    "test-1/../../x",
    "..%252f..%252fetc%252fpasswd", "hotline.db", "%c0%ae%c0%ae/etc/passwd",
)  # fmt: skip


@pytest.mark.parametrize("what", TRAVERSALS)
def test_an_address_leads_out_of_nothing(house, what):
    for path in (
        f"/calls/{what}", f"/calls/{what}/audio", f"/calls/{what}/peaks", f"/calls/{what}/export", f"/static/{what}",
        f"/prompts/sound/uk/{what}", f"/prompts/clip/uk/{what}", f"/prompts/uk/{what}", f"/prompts/sound/{what}/x",
        f"/requests/{what}", f"/accounts/{what}", f"/{what}",
    ):  # fmt: skip
        answer = house.clients[Role.SUPERVISOR].get(path)
        assert answer.status_code in (400, 403, 404, 405, 422), path
        assert "root:" not in answer.text
        assert not answer.content.startswith(b"SQLite")


# Redirects and headers


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "///evil.example",
        "/\t/evil.example", "/\r\n//evil.example", " //evil.example", "javascript:alert(1)", "http:evil.example",
        "/\r\nSet-Cookie: x=1", "data:text/html,x", "@evil.example", "\x00//evil.example",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere(house, there):
    client = house.nobody()
    page = client.get(f"/sign-in?next={quote(there, safe='')}")
    assert 'name="next" value="/"' in page.text
    answer = client.post("/language", {"language": "en", "next": there}, follow=False)
    assert answer.headers["location"] == "/"
    assert "x=1" not in str(answer.headers)
    signed_in = house.clients[Role.AGENT].get(f"/sign-in?next={quote(there, safe='')}", follow=False)
    assert signed_in.headers["location"] == "/"
    assert local(there) == "/"


@pytest.mark.parametrize(
    "what", ["x%0d%0aSet-Cookie:%20a=b", "x%0aX-Evil:%201", "x%22;%20filename=evil.exe", "х%D1%85"]
)
def test_no_part_of_an_address_becomes_a_header(house, what):
    for path in (f"/calls/{what}/audio", f"/calls/{what}/export", f"/staff/{what}", f"/trail/rows.csv?who={what}",
                 f"/calls.csv?q={what}", f"/figures/report.csv?month={what}", f"/sign-in?next=/{what}"):  # fmt: skip
        for role in (Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR):
            answer = house.clients[role].get(path, follow=False)
            assert answer.status_code < 500, path
            assert "x-evil" not in answer.headers
            assert "a=b" not in str(answer.headers.get_list("set-cookie"))
            assert "evil.exe" not in answer.headers.get("content-disposition", "")


# Host


@pytest.fixture
def named(tmp_path):
    made = World(tmp_path)
    made.desk.name = "console"
    yield made
    made.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "console.evil.example", "console:8080", "127.0.0.1", "", "a, console"]
)
def test_under_another_name_nothing_is_answered(named, host):
    for path in ("/", "/sign-in", "/trail", "/sign-in/company", "/no-such-page"):
        assert named.sign_in(Role.AUDITOR).get(path, headers={"host": host}, follow=False).status_code == 421
    assert named.nobody().get("/healthz", headers={"host": host}).status_code == 200, "a probe may come by address"
    assert named.sign_in(Role.AUDITOR).get("/trail", headers={"host": "CONSOLE"}).status_code == 200


@pytest.mark.parametrize("header", ["host", "x-forwarded-host", "x-original-url", "x-rewrite-url", "forwarded"])
def test_no_address_is_made_of_what_a_browser_says_of_itself(house, header):
    for path in ("/", "/sign-in", "/trail", "/staff"):
        for client in house.clients.values():
            answer = client.get(path, headers={header: "evil.example"}, follow=False)
            assert "evil.example" not in answer.text
            assert "evil.example" not in str(answer.headers)


def test_where_a_browser_is_is_not_what_it_says(house, monkeypatch):
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_NOBODYS", cheap.hash("x"))
    statuses = []
    for n in range(8):
        client = house.nobody()
        client.get("/sign-in")
        forged = {"x-forwarded-for": f"192.0.2.{n}", "x-real-ip": f"192.0.2.{n}", "forwarded": f"for=192.0.2.{n}"}
        statuses.append(client.post("/sign-in", {"login": "x1", "password": "y"}, headers=forged).status_code)
    assert statuses == [422] * 5 + [429] * 3


def test_a_session_is_no_session_outside_its_cookie(house):
    token = house.clients[Role.AUDITOR].cookies["session"]
    client = house.nobody()
    for path in (f"/trail?session={token}", f"/trail;session={token}"):
        assert client.get(path, follow=False).status_code == 303
    assert client.get("/trail", headers={"authorization": f"Bearer {token}"}, follow=False).status_code == 303


# Somebody else's things


def test_a_search_of_somebody_else_is_not_forgotten_or_seen(house):
    house.clients[Role.SUPERVISOR].get("/calls")
    house.clients[Role.SUPERVISOR].post("/calls/searches", {"name": "моє", "asked": "outcome=abandoned"})
    mine = house.read(lambda c: saved.listed(c, "supervisor"))
    assert "моє" in str(mine)
    for each in mine:
        house.clients[Role.AUDITOR].post(f"/calls/searches/{each.id}/forget", {})
    assert house.read(lambda c: saved.listed(c, "supervisor")) == mine
    assert "моє" not in house.clients[Role.AUDITOR].get("/calls").text


# SQL and the language of the full-text index


@pytest.mark.parametrize(
    "text",
    [
        "' OR '1'='1", "'; DROP TABLE trail; --", "\" OR \"\"=\"", "%", "_", "*", "a*", "\"", "NEAR(a b)", "a AND",
        "NOT",
        "(", "^a", "a:b", "{a b}: c", "\\", "a\x00b", "\ud83d", "x" * 5000, "%' UNION SELECT hash FROM staff --",
        "-1", "1e999", "NaN", "0x10", "9" * 40, "2026-13-45", "../..",
    ],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_what_is_searched_for_is_never_an_order_to_the_database(house, text):
    rows = house.read(trail.count)
    asked = quote(text.encode("utf-8", "surrogatepass"))
    for path in ("/calls", "/calls.csv", "/requests", "/readings", "/accounts", "/figures", "/prompts", "/trail",
                 "/trail/rows.csv", "/requests/callbacks", "/requests/orders", "/calls/live"):  # fmt: skip
        names = (
            "q",
            "who",
            "what",
            "of",
            "from",
            "to",
            "since",
            "until",
            "flow",
            "outcome",
            "after",
            "before",
            "pile",
        )
        for role in (Role.SUPERVISOR, Role.AUDITOR):
            answer = house.clients[role].get(f"{path}?{'&'.join(f'{name}={asked}' for name in names)}", follow=False)
            assert answer.status_code < 500, (path, answer.text[-2000:])
            assert "$argon2" not in answer.text
    assert house.read(trail.count) >= rows


# Bodies


def test_a_body_that_is_announced_too_large_is_not_read(house):
    for method, path in NEEDS:
        role = next((each for each in [*Role, None] if may(each, NEEDS[method, path])), None)
        if method != "POST" or role is None:
            continue
        client = house.sign_in(role)
        body = b"csrf=" + client.csrf.encode() + b"&x=" + b"x" * 13_000_000
        answer = client.ask(
            "POST", address(path), content=body, follow=False,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert answer.status_code == 413, path
        assert answer.headers["connection"] == "close"


def raw(app, chunks, *, headers=(), wait=0.0):
    """POST /language by hand: these chunks, and then a long wait; (status, bytes that were read)."""
    read, sent = [0], []

    async def go():
        left = list(chunks)

        async def receive():
            if left:
                read[0] += len(left[0])
                return {"type": "http.request", "body": left.pop(0), "more_body": True}
            await asyncio.sleep(wait)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/language", "raw_path": b"/language", "query_string": b"", "root_path": "",
            "headers": [(b"host", b"console"), (b"content-type", b"application/x-www-form-urlencoded"), *headers],
            "client": ("127.0.0.1", 5000), "server": ("console", 80), "state": {},
        }  # fmt: skip
        await app(scope, receive, send)

    asyncio.run(go())
    return sent[0]["status"], read[0]


def test_a_body_of_unknown_length_is_read_up_to_its_limit_and_no_further(house):
    status, read = raw(house.app, [b"x" * 10_000] * 1000)
    assert status == 413
    assert read <= gate.LARGEST_BODY + 10_000


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b"99999999999999999999999"])
def test_a_length_that_is_none_is_refused(house, length):
    assert raw(house.app, [b"x"], headers=[(b"content-length", length)]) == (413, 0)


def test_a_body_that_does_not_come_is_not_waited_for(house, monkeypatch):
    monkeypatch.setattr(gate, "PATIENCE", 0.05)
    monkeypatch.setattr(gate, "SLOWEST", 10**9)
    assert raw(house.app, [b"language=en"], wait=600) == (408, 11)


def test_forms_with_thousands_of_fields_or_files_are_refused(house):
    client = house.clients[Role.SUPERVISOR]
    many = "&".join(f"f{n}=1" for n in range(5000))
    answer = client.ask(
        "POST", "/sign-out", content=many, follow=False, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (400, 403)
    assert client.get("/password", follow=False).status_code == 200
    bad = {"content-type": "multipart/form-data; boundary=x"}
    assert client.ask("POST", "/sign-out", content=b"--x\r\nnonsense", follow=False, headers=bad).status_code in (
        400,
        403,
    )


# What is told


def test_a_mistake_of_ours_tells_nothing_of_itself(house, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret words of the inside")

    monkeypatch.setattr(trail, "deeds", broken)
    answer = house.clients[Role.AUDITOR].get("/trail")
    assert answer.status_code == 500
    assert "secret words" not in answer.text
    assert "Traceback" not in answer.text
    assert "no-store" in answer.headers["cache-control"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_console_says_nothing_of_what_it_is_made(house):
    for path in ("/openapi.json", "/docs", "/redoc", "/.git/config", "/.env", "/static/", "/static", "/metrics"):
        assert house.nobody().get(path, follow=False).status_code in (303, 404, 307), path
        assert house.clients[Role.ADMINISTRATOR].get(path).status_code == 404, path
    headers = house.nobody().get("/sign-in").headers
    assert "server" not in headers
    assert "x-powered-by" not in headers


def test_json_in_a_page_can_not_end_its_script(house):
    for role in Role:
        for path in gets(role):
            answer = house.clients[role].get(path)
            for island in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', answer.text, re.DOTALL):
                json.loads(island)
