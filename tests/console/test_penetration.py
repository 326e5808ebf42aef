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

from domain import passwords, quality, saved, staff, trail
from domain.calls import Line
from domain.model import Language
from domain.roles import Role
from domain.store import StoreFault
from ivr.console.web import gate
from ivr.console.web.look import local
from ivr.console.web.masked import hidden_text
from ivr.console.web.oidc import Company
from ivr.console.web.sound import _reason

NASTY = "\"'><img src=x onerror=alert(1)></script><script>alert(1)</script>{{7*7}}"
RAW = ("<img src=x", "<script>alert(1)", "{49}", "49</")


@pytest.fixture(scope="module")
def house(tmp_path_factory, database):
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
    mine = house.read(lambda c: saved.listed(c, "supervisor", personal=True))
    assert "моє" in str(mine)
    for each in mine:
        house.clients[Role.AUDITOR].post(f"/calls/searches/{each.id}/forget", {})
    assert house.read(lambda c: saved.listed(c, "supervisor", personal=True)) == mine
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


def raw(app, chunks, *, headers=(), wait=0.0, gone=False):
    """POST /language by hand: these chunks, and then a long wait, or nobody is there any more; (status, bytes that
    were read)."""
    read, sent = [0], []

    async def go():
        left = list(chunks)

        async def receive():
            if left:
                read[0] += len(left[0])
                return {"type": "http.request", "body": left.pop(0), "more_body": True}
            await asyncio.sleep(wait)
            return {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False}

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


def test_who_leaves_while_sending_a_form_is_no_mistake_of_ours(house, caplog):
    assert raw(house.app, [b"language=en"], gone=True) == (400, 11)
    assert "a mistake of ours" not in caplog.text


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


# What a role may not see


@pytest.fixture
def office(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


ACCOUNT, OTHER, PHONE = "1000000018", "1000000026", "+380671234567"


def test_who_may_not_see_numbers_reads_notes_and_comments_without_them(office):
    call, writer, reader = office.call(("main", "main()", "1")), office.sign_in(), office.sign_in(Role.QUALITY)
    for client in (writer, reader):
        said = {"text": f"абонент {ACCOUNT}, тел {PHONE} {client is reader}", "second": "3"}
        assert client.post(f"/calls/{call}/notes", said, follow=False).status_code == 303
    shown = reader.get(f"/calls/{call}").text
    assert "тел" in shown
    own = re.findall(r"<textarea[^>]*>([^<]*)</textarea>", shown)
    assert [each for each in own if ACCOUNT in each] == [f"абонент {ACCOUNT}, тел {PHONE} True"]
    outside = re.sub(r"<textarea[^>]*>[^<]*</textarea>", "", shown)
    assert ACCOUNT not in outside
    assert PHONE not in outside
    assert shown.count(ACCOUNT) == 1
    assert writer.get(f"/calls/{call}").text.count(ACCOUNT) >= 4


def test_a_shared_search_tells_no_number_to_who_may_not_see_it(office):
    writer, reader = office.sign_in(), office.sign_in(Role.QUALITY)
    for n, query in enumerate((f"q=account:{OTHER}", "q=number:0509876543", "is=doubt")):
        asked = {"name": f"тел +380509876543 {n}", "shared": "yes", "asked": query}
        assert writer.post("/calls/searches", asked, follow=False).status_code == 303
    assert writer.get("/calls").text.count("saved-one") == 3
    shown = reader.get("/calls").text
    assert shown.count("saved-one") == 1
    for number in (OTHER, "509876543"):
        assert number not in shown
    assert reader.post("/calls/searches", {"name": "x", "asked": f"q={OTHER}"}).status_code == 422


def test_the_administrator_reads_no_customers_number_in_the_trail(office):
    writer, reader, auditor = office.sign_in(), office.sign_in(Role.ADMINISTRATOR), office.sign_in(Role.AUDITOR)
    assert writer.get(f"/accounts/{ACCOUNT}").status_code == 200
    assert writer.get(f"/calls.csv?q=account:{ACCOUNT}").status_code == 200
    office.write(
        lambda c: trail.note(c, "x", "recording.heard", of="test-1", reason=f"рахунок {ACCOUNT}", at=office.now)
    )
    assert ACCOUNT not in reader.get("/trail").text
    assert "account.opened" in reader.get("/trail").text
    assert auditor.get("/trail").text.count(ACCOUNT) >= 3
    for number in (ACCOUNT, "067 123-45-67", PHONE):
        asked = f"/trail?{urlencode({'of': number})}"
        assert reader.get(asked).status_code == 422
        assert auditor.get(asked).status_code == 200
    assert office.read(trail.verify).sound


def test_a_refusal_is_noted_once_a_minute_and_a_personal_search_without_its_number(office):
    agent, reader = office.sign_in(Role.AGENT), office.sign_in(Role.QUALITY)
    before = office.read(trail.count)
    for _ in range(5):
        assert agent.get("/calls").status_code == 403
        assert reader.get(f"/calls?q={ACCOUNT}").status_code == 422
    rows = office.read(trail.page)[: office.read(trail.count) - before]
    assert sorted((row.who, row.what, row.of) for row in rows) == [
        ("agent", "access.refused", "/calls"), ("quality", "access.refused", "/calls"),
    ]  # fmt: skip
    office.passes(seconds=61)
    assert agent.get("/calls").status_code == 403
    assert office.read(trail.count) == before + 3


def test_a_refusal_stays_one_when_it_can_not_be_written(office, monkeypatch):
    agent = office.sign_in(Role.AGENT)

    async def full(job):
        raise StoreFault("disk full")

    monkeypatch.setattr(office.desk, "write", full)
    assert agent.get("/calls").status_code == 403


def test_what_nobody_can_reckon_with_is_refused_or_passed_over(office):
    call, clients = office.call(("main", "main()", "1")), {role: office.sign_in(role) for role in Role}
    large = 2**63
    addresses = (
        "/calls?until=9999-12-31", "/calls?since=0001-01-01", "/calls.csv?until=9999-12-31",
        "/calls?q=until:31.12.9999",
        "/requests?pile=closed&after=9999-12-31T23:59:59-12:00_1",
        "/requests?pile=closed&after=0001-01-01T00:00:00%2B14:00_1", "/requests?after=0001-01-01_1",
        "/trail?since=0001-01-01", "/trail?until=9999-12-31", f"/trail?before={large}",
        f"/accounts/{ACCOUNT}?before=0001-01-01T00:00:00%2B14:00_call_x", f"/prompts/clip/uk/x?version={large}",
        f"/prompts/sound/uk/main?version={large}", f"/prompts/announcements/{large}/off", f"/readings/{large}",
        f"/requests/00000000/letter?event={large}", "/figures?period=custom&from=0001-01-01&to=0001-01-02",
        "/prompts/announcements/sound/uk?prompt=main&until=9999-12-31T23:59:59-12:00",
    )  # fmt: skip
    for role, client in clients.items():
        for where in addresses:
            assert client.get(where).status_code < 500, (role, where)
    supervisor = clients[Role.SUPERVISOR]
    for where in addresses[:4]:
        assert supervisor.get(where).status_code == 422, where
    posts = (
        f"/calls/searches/{10**23}/forget", f"/calls/searches/{large}/forget", f"/calls/{call}/notes/{large}",
        f"/readings/{large}/resolve", f"/prompts/versions/{large}/publish", f"/prompts/versions/{large}/drop",
        f"/prompts/versions/{large}/speak", f"/prompts/announcements/{large}/off",
    )  # fmt: skip
    for where in posts:
        assert 400 <= supervisor.post(where, {"text": "x", "seen": "1"}).status_code < 500, where


def test_every_number_in_an_address_may_be_too_large(office):
    clients = {role: office.sign_in(role) for role in Role}
    for (method, path), needs in NEEDS.items():
        for role, client in clients.items():
            if may(role, needs) and "{" in path:
                where = re.sub(r"\{[^}]*\}", str(2**63), path)
                answer = client.get(where) if method == "GET" else client.post(where, {"seen": "1"})
                assert answer.status_code < 500, (method, where)


def test_a_note_that_is_sent_twice_is_one(office):
    call, writer = office.call(("main", "main()", "1")), office.sign_in()
    for text in ("те саме", "те саме", "інше", "те саме"):
        assert writer.post(f"/calls/{call}/notes", {"text": text, "second": "3"}, follow=False).status_code == 303
    assert [one.text for one in office.read(lambda c: quality.notes(c, call))] == ["те саме", "інше", "те саме"]


@pytest.mark.parametrize(("reason", "words"), [(".", ""), ("x", "довге пояснення"), ("other", "так")])
def test_a_reason_to_listen_is_one_of_those_offered_or_told_in_words(reason, words):
    assert _reason(reason, words) is None


def test_only_an_instant_alone_is_left_as_it_is():
    for at in ("2026-11-22", "2026-11-22 10:00", "2026-11-22T10:00:59.123456+02:00", "2026-11-22T10:00Z"):
        assert hidden_text(at) == at
    for told in (
        f"2026-11-22 10:00 рахунок {ACCOUNT}",
        f"2026-11-22 10:00:00 {ACCOUNT}",
        f"2026-11-22T10:00{ACCOUNT}",
    ):
        assert ACCOUNT not in hidden_text(told)


def test_nobody_fills_the_trail_by_coming_back_from_the_company(tmp_path):
    company = Company(
        issuer="https://id.example", client="c", secret=None, back="http://console/sign-in/company/back",
        roles={"g": Role.AGENT},
    )  # fmt: skip
    made = World(tmp_path, company=company)
    before, nobody = made.read(trail.count), made.nobody()
    for _ in range(40):
        assert nobody.get("/sign-in/company/back?code=a&state=b", follow=False).status_code == 403
    assert made.read(trail.count) == before
    statuses = []
    for _ in range(40):  # with a cookie that anybody can make
        nobody.cookies.set("company", b"key /".hex())
        statuses.append(nobody.get("/sign-in/company/back?code=a&state=b", follow=False).status_code)
    assert set(statuses) == {403, 429}
    assert made.read(trail.count) - before == statuses.count(403) <= 10
    made.close()


def test_details_of_the_trail_may_be_called_like_its_arguments(office):
    names = ("who", "what", "of", "reason", "at", "conn", "details")
    office.write(
        lambda c: trail.note(c, "x", "staff.changed", at=office.now, details=dict.fromkeys(names, "y"), who="z")
    )
    assert office.read(trail.page)[0].details == {**dict.fromkeys(names, "y"), "who": "z"}
