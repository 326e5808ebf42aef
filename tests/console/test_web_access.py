"""Signing in and out, one's own password and sessions, accounts of staff, the audit log: as a browser sees them."""

import asyncio
import csv
import io
import re
from datetime import timedelta
from html import unescape
from threading import Event

import argon2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from web_world import World

from domain import passwords, staff, staffing, trail
from domain.model import Language
from domain.roles import Role
from domain.store import StoreFull
from ivr.console.web import access, gate, hashing
from ivr.console.web.words import LANGUAGES, Tongue

RIGHT = "сім зелених трамваїв"
NEW = "вісім синіх тролейбусів"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    """Hashes that take a millisecond; what real ones are is tested in tests/domain/test_staff.py."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(passwords, "_NOBODYS", hasher.hash("nobody"))


@pytest.fixture
def anna(world):
    return hired(world, "anna", Role.SUPERVISOR)


def hired(world, login, role, password=RIGHT, **more):
    return world.write(
        lambda c: staff.add(
            c,
            login=login,
            name=login.title(),
            role=role,
            language=Language.UK,
            password=password,
            at=world.now,
            **more,
        )
    )


def entered(client, login="anna", password=RIGHT, **more):
    """What comes of the form."""
    client.get("/sign-in")
    return client.post("/sign-in", {"login": login, "password": password, **more}, follow=False)


def said(answer):
    """Texts of notes and errors."""
    found = re.findall(r'class="(?:note[^"]*|error)"[^>]*>(.*?)</(?:p|span)>', answer.text, re.DOTALL)
    return [re.sub(r"<[^>]+>|\s+", " ", unescape(each)).strip() for each in found]


def noted(world, what):
    return world.read(lambda c: trail.page(c, what=what))


# Signing in


def test_who_is_not_signed_in_is_asked_to_and_comes_to_where_they_wanted(world, anna):
    client = world.nobody()
    asked = client.get("/trail?who=a%26b", follow=False)
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=%2Ftrail%3Fwho%3Da%2526b"
    page = client.get(asked.headers["location"])
    there = unescape(re.findall(r'name="next" value="([^"]*)"', page.text)[-1])
    assert there == "/trail?who=a%26b"
    answer = client.post("/sign-in", {"login": "anna", "password": RIGHT, "next": there}, follow=False)
    assert (answer.status_code, answer.headers["location"]) == (303, there)


def test_the_session_cookie_is_for_this_browser_and_these_pages_alone(world, anna):
    cookie = entered(world.nobody()).headers["set-cookie"]
    session = next(each for each in re.split(r", (?=\w+=)", cookie) if each.startswith("session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert "Path=/" in session
    assert "Domain" not in session
    assert "Max-Age" not in session, "it ends with the browser"


def test_with_https_the_browser_itself_binds_it_to_this_host(tmp_path):
    world = World(tmp_path, https=True)
    try:
        hired(world, "anna", Role.SUPERVISOR)
        client = world.nobody()
        page = client.get("/sign-in")  # by http, as from the proxy: this client sends no secure cookie by itself
        token = re.search(r"__Host-visitor=([^;]+)", page.headers["set-cookie"])[1]
        answer = client.post(
            "/sign-in", {"login": "anna", "password": RIGHT}, follow=False,
            headers={"cookie": f"__Host-visitor={token}"},
        )  # fmt: skip
        assert answer.status_code == 303
        session = next(e for e in answer.headers.get_list("set-cookie") if e.startswith("__Host-session="))
        assert "Secure" in session
        assert "Path=/" in session
        assert "Domain" not in session
    finally:
        world.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_password_and_an_unknown_login_look_the_same(world, anna, language):
    hired(world, "left", Role.AGENT)
    world.write(lambda c: staffing.disable(c, "left", by="root", at=world.now))
    pages, heads = [], []
    for login, password in [("anna", "wrong"), ("nobody", RIGHT), ("left", RIGHT)]:
        answer = entered(world.nobody(language=language), login, password)
        assert answer.status_code == 422
        assert said(answer) == [Tongue(language)("access.error_wrong")]
        pages.append(re.sub(r'(content|value|nonce)="[^"]*"', "", answer.text))
        heads.append({name for name in answer.headers if name != "content-length"})
    assert pages[0] == pages[1] == pages[2]
    assert heads[0] == heads[1] == heads[2]


def test_the_password_is_never_sent_back(world, anna):
    answer = entered(world.nobody(), "anna", "wrong-but-private")
    assert "wrong-but-private" not in answer.text
    assert 'value="anna"' in answer.text


def test_after_too_many_mistakes_the_page_says_how_long_to_wait(world, anna):
    client = world.nobody()
    for _ in range(6):
        assert entered(client, "anna", "wrong").status_code == 422
        world.passes(seconds=2)
    world.passes(seconds=-1)
    answer = entered(client)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert said(answer) == [Tongue("uk")("access.error_wait", n=3)]
    world.passes(seconds=3)
    assert entered(client).status_code == 303


def test_a_pause_is_the_same_for_a_login_that_nobody_has(world, anna):
    answers = []
    for login in ("anna", "nobody"):
        client = world.nobody()
        for _ in range(5):
            entered(client, login, "wrong")
        answers.append(entered(client, login, "wrong"))
    assert [a.status_code for a in answers] == [429, 429]
    assert answers[0].headers["retry-after"] == answers[1].headers["retry-after"]


def test_when_too_many_sign_in_at_once_they_are_asked_to_come_back_and_nothing_is_counted(world, anna, monkeypatch):
    full = hashing.Hashing()
    monkeypatch.setattr(full, "_asked", hashing.MOST)
    monkeypatch.setattr(access, "_HASHING", full)
    answer = entered(world.nobody())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert world.read(lambda c: c.execute(sa.text("SELECT count(*) FROM attempts")).scalar()) == 0


def test_hashes_are_reckoned_one_at_a_time_and_only_so_many_wait():
    async def go():
        one, going, most, gate = hashing.Hashing(), [0], [0], Event()

        def work():
            going[0] += 1
            most[0] = max(most[0], going[0])
            gate.wait(10)
            going[0] -= 1

        asked = [asyncio.create_task(one.do(work)) for _ in range(hashing.MOST)]
        await asyncio.sleep(0)
        with pytest.raises(hashing.Busy):
            await one.do(work)
        gate.set()
        await asyncio.gather(*asked)
        await one.do(work)
        return most[0]

    assert asyncio.run(go()) == 1


def test_the_form_needs_the_token_of_this_browser(world, anna):
    other = world.nobody()
    other.get("/sign-in")
    mine = world.nobody()
    mine.get("/sign-in")
    for csrf in ("", other.csrf, "x"):
        answer = mine.post("/sign-in", {"login": "anna", "password": RIGHT, "csrf": csrf}, follow=False)
        assert answer.status_code == 403
        assert "session=" not in answer.headers.get("set-cookie", "")
    without = world.nobody()
    answer = without.post("/sign-in", {"login": "anna", "password": RIGHT, "csrf": other.csrf}, follow=False)
    assert answer.status_code == 403


def test_a_sign_in_makes_a_new_session_and_ends_the_one_that_was_there(world, anna):
    client = world.nobody()
    entered(client)
    first = client.cookies["session"]
    client.cookies.set("visitor", "of-another-window")
    csrf = staff.csrf_of("of-another-window")
    client.post("/sign-in", {"login": "anna", "password": RIGHT, "csrf": csrf}, follow=False)
    assert client.cookies["session"] != first
    assert world.read(lambda c: staff.session_of(c, first, world.now)) is None
    assert client.get("/password", follow=False).status_code == 200


def test_a_session_that_somebody_put_there_is_not_the_one_that_is_given(world, anna):
    client = world.nobody()
    client.get("/sign-in")
    client.cookies.set("session", "chosen-by-somebody-else-0000000000000000000", domain="console.local")
    answer = client.post("/sign-in", {"login": "anna", "password": RIGHT}, follow=False)
    assert answer.status_code == 303
    given = re.search(r"session=([^;]+)", " ".join(answer.headers.get_list("set-cookie")))[1]
    assert given != "chosen-by-somebody-else-0000000000000000000"
    assert len(given) >= 43


def test_who_is_signed_in_is_not_asked_again(world):
    client = world.sign_in()
    assert client.get("/sign-in?next=/password", follow=False).headers["location"] == "/password"


@pytest.mark.parametrize(
    "there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_nowhere_else(world, anna, there):
    answer = entered(world.nobody(), next=there)
    assert answer.headers["location"] == "/"
    page = world.nobody().get("/sign-in", params={"next": there})
    assert 'name="next" value="/"' in page.text


def test_a_language_can_be_chosen_before_signing_in(world):
    client = world.nobody(language="uk")
    client.post("/language", {"language": "en", "next": "/sign-in"})
    assert Tongue("en")("access.enter") in client.get("/sign-in").text


def test_what_is_asked_for_by_a_script_without_a_session_is_401(world):
    client = world.nobody()
    for headers in ({"hx-request": "true"}, {"sec-fetch-dest": "audio"}, {"sec-fetch-dest": "empty"}):
        assert client.get("/staff", headers=headers, follow=False).status_code == 401
    assert client.get("/staff", headers={"hx-request": "true"}).headers["hx-redirect"] == "/sign-in"


# Sessions


def test_signing_out_ends_the_session_and_the_cookie(world):
    client = world.sign_in()
    token = client.cookies["session"]
    answer = client.post("/sign-out", follow=False)
    assert answer.headers["location"] == "/sign-in?left=1"
    assert answer.headers["clear-site-data"]
    assert re.search(r'session="";.* Max-Age=0', answer.headers["set-cookie"])
    assert world.read(lambda c: staff.session_of(c, token, world.now)) is None
    assert Tongue("uk")("access.left") in client.get("/sign-in?left=1").text


def test_a_session_that_was_left_alone_is_over(world):
    client = world.sign_in()
    world.passes(minutes=29)
    assert client.get("/password", follow=False).status_code == 200
    world.passes(minutes=29)
    assert client.get("/password", follow=False).status_code == 200, "the request before kept it going"
    world.passes(minutes=30)
    assert client.get("/password", follow=False).status_code == 303


def test_a_session_ends_when_the_day_is_over_whatever_is_asked(world):
    client = world.sign_in()
    for _ in range(35):
        world.passes(minutes=20)
        assert client.get("/password", follow=False).status_code == 200
    world.passes(minutes=20)
    assert client.get("/password", follow=False).status_code == 303


def test_what_a_page_asks_by_itself_does_not_keep_a_session_going(world):
    part = gate.router()

    @part.get("/polled", **gate.page(polled=True))
    async def polled():
        return "still here"

    mine = FastAPI()
    mine.state.desk = world.desk
    mine.include_router(part)
    world.app = mine
    client = world.sign_in()
    for _ in range(2):
        world.passes(minutes=15)
        answer = client.get("/polled", follow=False)
    assert answer.status_code == 303


def test_a_full_disk_keeps_nobody_from_reading(world, monkeypatch):
    client = world.sign_in()
    world.passes(minutes=5)

    async def full(job):
        raise StoreFull("no room")

    monkeypatch.setattr(world.desk, "write", full)
    assert client.get("/password").status_code == 200


def test_ones_sessions_are_shown_and_ended(world):
    here, there = world.sign_in(), world.sign_in()
    page = here.get("/password")
    (number,) = re.findall(r'name="number" value="(\d+)"', page.text)
    here.post("/password/sessions", {"number": number})
    assert there.get("/password", follow=False).status_code == 303
    assert here.get("/password", follow=False).status_code == 200


def test_all_other_sessions_are_ended_at_once(world):
    here, *others = [world.sign_in() for _ in range(3)]
    here.get("/password")
    here.post("/password/sessions")
    assert [each.get("/password", follow=False).status_code for each in others] == [303, 303]
    assert here.get("/password", follow=False).status_code == 200


def test_nobody_ends_the_session_of_somebody_else(world):
    other = world.sign_in(Role.AUDITOR)
    number = world.read(lambda c: staff.session_of(c, other.cookies["session"], world.now)).id
    world.sign_in(Role.AGENT).post("/password/sessions", {"number": str(number)})
    assert other.get("/password", follow=False).status_code == 200


# Passwords


def test_a_changed_password_is_the_one_from_now_on_and_ends_other_sessions(world, anna):
    client, other = world.nobody(), world.nobody()
    entered(client)
    entered(other)
    before = client.cookies["session"]
    client.get("/password")
    answer = client.post("/password", {"old": RIGHT, "new": NEW, "again": NEW})
    assert said(answer)[0] == Tongue("uk")("access.done_password")
    assert client.cookies["session"] != before
    assert other.get("/password", follow=False).status_code == 303
    assert entered(world.nobody(), password=RIGHT).status_code == 422
    assert entered(world.nobody(), password=NEW).status_code == 303
    assert [row.who for row in noted(world, "password.changed")] == ["anna"]


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"old": "wrong password"}, "old", "wrong"), ({"old": ""}, "old", "missing"),
        ({"new": "short", "again": "short"}, "new", "short"), ({"again": "something else"}, "again", "differs"),
        ({"new": RIGHT, "again": RIGHT}, "new", "same"),
        ({"new": "password1234", "again": "password1234"}, "new", "common"),
        ({"new": "ї" * 201, "again": "ї" * 201}, "new", "long"),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_the_field(world, anna, fields, field, why):
    client = world.nobody()
    entered(client)
    client.get("/password")
    answer = client.post("/password", {"old": RIGHT, "new": NEW, "again": NEW, **fields})
    assert answer.status_code == 422
    wanted = Tongue("uk")(f"access.error_{why}", n=0, seconds=0, least=12, most=200)
    assert re.search(rf'id="{field}-error">{re.escape(wanted)}<', unescape(answer.text))
    assert f'aria-describedby="{field}-error' in answer.text
    for secret in (NEW, RIGHT):
        assert secret not in answer.text
    assert entered(world.nobody()).status_code == 303, "nothing was changed"


def test_who_stole_a_session_can_not_guess_the_password_in_it(world, anna):
    client = world.nobody()
    entered(client)
    client.get("/password")
    for _ in range(5):
        client.post("/password", {"old": "guessed wrongly", "new": NEW, "again": NEW})
    answer = client.post("/password", {"old": RIGHT, "new": NEW, "again": NEW})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"


def test_with_a_temporary_password_nothing_can_be_done_but_change_it(world):
    hired(world, "new", Role.SUPERVISOR, temporary=True)
    client = world.nobody()
    answer = entered(client, "new", next="/calls")
    assert answer.headers["location"] == "/password"
    for path in ("/", "/prompts", "/trail"):
        assert client.get(path, follow=False).headers.get("location", "/password") == "/password"
    assert client.get("/staff", headers={"hx-request": "1"}, follow=False).status_code == 401
    page = client.get("/password")
    assert Tongue("uk")("access.must_change") in unescape(page.text)
    answer = client.post("/password", {"old": RIGHT, "new": NEW, "again": NEW})
    assert answer.status_code == 200
    assert client.get("/password").text.count("must") == 0
    assert Tongue("uk")("access.must_change") not in unescape(answer.text)


def test_who_comes_by_the_companys_sign_in_has_no_password_to_change(world):
    client = world.sign_in(Role.AGENT)
    assert 'name="old"' not in client.get("/password").text
    answer = client.post("/password", {"old": RIGHT, "new": NEW, "again": NEW})
    assert answer.status_code == 422


# Staff


@pytest.fixture
def root(world):
    hired(world, "second", Role.ADMINISTRATOR)
    return world.sign_in(Role.ADMINISTRATOR, login="root")


def test_a_new_colleague_gets_a_temporary_password_that_is_shown_once(world, root):
    root.get("/staff/add")
    made = root.post("/staff/add", {"login": " Olena ", "name": "Олена Бондар", "role": "agent", "language": "uk"})
    password = re.search(r'class="secret">([^<]+)<', made.text)[1]
    assert password not in root.get("/staff/olena").text
    client = world.nobody()
    assert entered(client, "olena", password).headers["location"] == "/password"
    (row,) = noted(world, "staff.added")
    assert (row.who, row.of, row.details["role"]) == ("root", "olena", "agent")
    assert password not in str(noted(world, "staff.added"))
    kept = world.read(lambda c: [str(row) for row in c.execute(sa.text("SELECT * FROM staff"))])
    assert not any(password in each for each in kept)


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({"login": "a b"}, "login", "login"), ({"login": "add"}, "login", "login"),
        ({"login": "root"}, "login", "taken"),
        ({"name": " "}, "name", "name"), ({"role": "king"}, "role", "choose"), ({"role": ""}, "role", "choose"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_account_stands_beside_the_field(world, root, fields, field, why):
    root.get("/staff/add")
    answer = root.post("/staff/add", {"login": "olena", "name": "Олена", "role": "agent", **fields})
    assert answer.status_code == 422
    assert f'id="{field}-error">{Tongue("uk")(f"staff.error_{why}")}<' in unescape(answer.text)
    assert len(world.read(staff.listed)) == 2


DEEDS = {
    "role": ({"role": "auditor"}, "staff.role_changed"), "disable": ({}, "staff.disabled"),
    "password": ({}, "staff.password_given"), "sessions": ({}, "staff.signed_out"),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_what_an_administrator_does_is_done_noted_and_ends_their_sessions(world, root, anna, deed):
    client = world.nobody()
    entered(client)
    fields, what = DEEDS[deed]
    root.get("/staff/anna")
    answer = root.post(f"/staff/anna/{deed}", fields)
    assert answer.status_code == 200
    assert [(row.who, row.of) for row in noted(world, what)] == [("root", "anna")]
    assert client.get("/password", follow=False).status_code == 303


@pytest.mark.parametrize("deed", ["role", "disable", "password"])
def test_nobody_administers_their_own_account(world, root, deed):
    root.get("/staff/root")
    answer = root.post(f"/staff/root/{deed}", {"role": "agent"})
    assert answer.status_code == 422
    assert said(answer)[0] == Tongue("uk")("staff.error_own")
    assert world.read(lambda c: staff.of_login(c, "root")).role is Role.ADMINISTRATOR


@pytest.mark.parametrize("deed", ["role", "disable"])
def test_the_last_administrator_who_can_sign_in_stays(world, root, deed):
    root.get("/staff/second")
    answer = root.post(f"/staff/second/{deed}", {"role": "agent"})  # root has no password in this test
    assert answer.status_code == 422
    assert said(answer)[0] == Tongue("uk")("staff.error_last")


def test_who_was_disabled_can_be_let_in_again(world, root, anna):
    root.get("/staff/anna")
    root.post("/staff/anna/disable")
    assert entered(world.nobody()).status_code == 422
    root.get("/staff/anna")
    root.post("/staff/anna/enable")
    assert entered(world.nobody()).status_code == 303


@pytest.mark.parametrize("path", ["/staff/nobody", "/staff/..%2Fanna", "/staff/%00", "/staff/" + "x" * 500])
def test_somebody_who_is_not_there_is_not_found(root, path):
    assert root.get(path).status_code == 404
    assert root.post(f"{path}/disable").status_code in (404, 405)


def test_a_role_that_was_taken_away_is_gone_with_the_next_request(world, root, anna):
    client = world.sign_in(Role.AUDITOR)
    assert client.get("/trail").status_code == 200
    root.get("/staff/auditor")
    root.post("/staff/auditor/role", {"role": "agent"})
    again = world.sign_in(Role.AGENT, login="auditor")
    assert again.get("/trail").status_code == 403
    assert [row.details["needs"] for row in noted(world, "access.refused")] == ["trail"]


# The audit log


@pytest.fixture
def auditor(world):
    return world.sign_in(Role.AUDITOR)


def fill(world, n):
    for each in range(n):
        world.write(
            lambda c, e=each: trail.note(c, "boris", "recording.heard", of=f"c{e}", reason="=1+1", at=world.now)
        )


def numbers(page):
    return [int(n) for n in re.findall(r'data-label="№"[^>]*>(\d+)<', page.text)]


def test_the_log_is_paged_without_gaps_or_repeats(world, auditor):
    fill(world, 120)
    found, path = [], "/trail"
    while path:
        page = auditor.get(path)
        found += numbers(page)
        more = re.search(r'href="(/trail\?[^"]*before=\d+)"', page.text)
        path = unescape(more[1]) if more else None
    assert found == list(range(max(found), 0, -1))


def test_the_log_is_filtered_by_who_what_of_and_day(world):
    fill(world, 3)
    world.passes(days=2)
    world.write(lambda c: trail.note(c, "boris", "call.exported", of="c1", at=world.now))
    auditor = world.sign_in(Role.AUDITOR)
    assert len(numbers(auditor.get("/trail?who=boris"))) == 4
    assert len(numbers(auditor.get("/trail?who=boris&what=recording"))) == 3
    assert len(numbers(auditor.get("/trail?of=c1"))) == 2
    assert len(numbers(auditor.get(f"/trail?who=boris&until={world.now - timedelta(days=1):%Y-%m-%d}"))) == 3
    assert len(numbers(auditor.get(f"/trail?since={world.now:%Y-%m-%d}"))) == 2
    assert numbers(auditor.get("/trail?who=' OR 1=1 --")) == []
    assert auditor.get("/trail?since=tomorrow&until=9999-12-31&before=99999").status_code == 200
    assert auditor.get("/trail?before=-1").status_code == 422


def test_the_log_is_proven_on_the_page(world, auditor):
    fill(world, 3)
    kept = world.read(trail.head)
    auditor.get("/trail")
    answer = auditor.post("/trail/verify", {"head": str(kept)})
    assert Tongue("uk")("trail.sound", n=kept.n) in said(answer)[0]
    assert Tongue("uk")("trail.through") in said(answer)[0]
    assert [row.details["rows"] for row in noted(world, "trail.verified")] == [kept.n]


def test_a_broken_log_is_shown_as_broken_with_its_first_broken_row(world, auditor):
    fill(world, 5)
    engine = sa.create_engine(world.url)
    with engine.begin() as conn:
        if engine.dialect.name == "sqlite":
            conn.exec_driver_sql("DROP TRIGGER trail_no_update")
        else:
            conn.exec_driver_sql("ALTER TABLE trail DISABLE TRIGGER USER")
        conn.exec_driver_sql("UPDATE trail SET who = 'nobody' WHERE n = 4")
    engine.dispose()
    auditor.get("/trail")
    answer = auditor.post("/trail/verify")
    assert Tongue("uk")("trail.fault_changed", at=4) in unescape(answer.text)
    auditor.get("/trail")
    assert auditor.post("/trail/verify", {"head": "nonsense"}).status_code == 422


def test_the_log_as_a_file_is_noted_and_no_formula(world, auditor):
    fill(world, 2)
    answer = auditor.get("/trail/rows.csv?who=boris")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:4] == ["n", "at", "who", "what"]
    assert [row[5] for row in rows[1:]] == ["'=1+1", "'=1+1"]
    assert answer.headers["content-disposition"] == 'attachment; filename="trail-2026-11-30.csv"'
    (row,) = noted(world, "trail.exported")
    assert row.details == {"rows": 2, "filters": {"who": "boris"}}


def test_who_may_see_the_log_and_not_lists_gets_no_file(world):
    client = world.sign_in(Role.ADMINISTRATOR)
    assert "rows.csv" not in client.get("/trail").text
    assert client.get("/trail/rows.csv").status_code == 403
