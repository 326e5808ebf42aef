"""The company's own sign-in, with a provider on loopback that is as good or as bad as a test wants it.

The provider keeps what it was asked (codes, nonces, PKCE challenges), as a real one does, and answers for it.
"""

import base64
import hashlib
import hmac
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from web_world import World

from domain import staff, staffing, trail
from domain.model import Language
from domain.roles import Role
from ivr.console.web.oidc import Company, Doubt
from ivr.console.web.words import Tongue

CLIENT, SECRET = "console", "a secret of the client"
BACK = "http://console/sign-in/company/back"
ROLES = {"hotline-admins": Role.ADMINISTRATOR, "hotline-shift": Role.SUPERVISOR, "hotline": Role.AGENT}


class Provider:
    """An issuer.  `claims` go over those of a good token, `document` over its document; `sign`: how tokens are
    signed."""

    def __init__(self):
        self.key, self.other = (RSAKey.generate_key(2048, {"kid": kid}) for kid in ("k1", "k1"))
        self.claims, self.document, self.sign = {}, {}, "RS256"
        self.codes, self.used, self.asked, self.fetched, self.answer = {}, set(), [], [], 200
        self.now = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.get(self)

            def do_POST(self):
                provider.post(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def say(self, handler, body, status=200):
        text = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def get(self, handler):
        path = urlsplit(handler.path).path
        self.fetched.append(path)
        if path == "/.well-known/openid-configuration":
            known = {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "end_session_endpoint": f"{self.issuer}/leave",
            }  # fmt: skip
            self.say(handler, known | self.document, self.answer)
        elif path == "/keys":
            self.say(handler, {"keys": [self.key.as_dict(private=False)]})
        else:
            self.say(handler, {}, 404)

    def authorize(self, url):
        """What it does when a browser comes with this address and signs in; where it sends it back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked.append(asked)
        code = f"code-{len(self.asked)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def post(self, handler):
        body = handler.rfile.read(int(handler.headers["content-length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        right = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.get(given.get("code"))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if handler.headers.get("authorization") != right:
            self.say(handler, {"error": "invalid_client"}, 401)
        elif (
            asked is None or given["code"] in self.used or given.get("redirect_uri") != asked["redirect_uri"]
            or asked["code_challenge_method"] != "S256" or challenge.decode().rstrip("=") != asked["code_challenge"]
        ):  # fmt: skip
            self.say(handler, {"error": "invalid_grant"}, 400)
        else:
            self.used.add(given["code"])
            self.say(handler, {"access_token": "x", "token_type": "Bearer", "id_token": self.token(asked)})

    def token(self, asked):
        good = {
            "iss": self.issuer, "aud": CLIENT, "sub": "248289761001", "exp": self.now + 300, "iat": self.now,
            "nonce": asked["nonce"], "preferred_username": "olena", "email": "olena@grid.example",
            "email_verified": True, "name": "Олена Бондар", "locale": "uk-UA", "groups": ["staff", "hotline-shift"],
        }  # fmt: skip
        claims = {name: value for name, value in (good | self.claims).items() if value is not None}
        if self.sign == "none":
            return ".".join(_part(each) for each in ({"alg": "none"}, claims)) + "."
        if self.sign == "HS256":  # with what everybody can read as the secret
            signed = f"{_part({'alg': 'HS256', 'kid': 'k1'})}.{_part(claims)}"
            made = hmac.new(self.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
            return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
        if self.sign == "tampered":
            head, _, tail = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key).split(".")
            return f"{head}.{_part(claims | {'groups': ['hotline-admins']})}.{tail}"
        key = self.other if self.sign == "another key" else self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def running():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def provider(running):
    running.claims, running.document, running.sign, running.answer = {}, {}, "RS256", 200
    running.codes, running.used, running.asked, running.fetched = {}, set(), [], []
    return running


@contextmanager
def house(path, provider, **more):
    made = World(path)
    provider.now = int(made.now.timestamp())
    given = {
        "issuer": provider.issuer,
        "client": CLIENT,
        "secret": SECRET,
        "back": BACK,
        "roles": ROLES,
        "make": True,
    }
    made.desk.facts["company"] = Company(**(given | more), tick=lambda: made.tick)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def world(tmp_path, provider):
    with house(tmp_path, provider) as made:
        yield made


def sent(client, there="/password"):
    """Off to the company; where to."""
    answer = client.get("/sign-in/company", params={"next": there}, follow=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def through(world, provider, client=None, **more):
    """The whole way; what comes of it."""
    client = client or world.nobody()
    back = provider.authorize(sent(client, **more))
    return client.get(back.removeprefix("http://console"), follow=False)


def refused(world, answer, why):
    assert answer.status_code == 403
    assert Tongue("uk")(f"access.error_company_{why}") in answer.text
    assert "session=" not in " ".join(answer.headers.get_list("set-cookie"))
    row = world.read(lambda c: trail.page(c, what="signed.refused"))[0]
    assert (row.who, row.details["why"], row.details["way"]) == ("?", why, "oidc")


def test_who_signs_in_at_the_company_is_signed_in_here_with_the_role_of_their_group(world, provider):
    client = world.nobody()
    answer = through(world, provider, client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/password")
    person = world.read(lambda c: staff.of_login(c, "olena"))
    assert (person.role, person.name, person.language) == (Role.SUPERVISOR, "Олена Бондар", Language.UK)
    assert not person.by_password
    assert client.get("/password", follow=False).status_code == 200
    session = world.read(lambda c: staff.session_of(c, client.cookies["session"], world.now))
    assert session.way == "oidc"


def test_what_is_asked_of_the_company_is_what_the_standard_says(world, provider):
    asked = parse_qs(urlsplit(sent(world.nobody())).query)
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == [BACK]
    assert asked["code_challenge_method"] == ["S256"]
    assert set(asked["scope"][0].split()) >= {"openid"}
    values = [asked[name][0] for name in ("state", "nonce", "code_challenge")]
    assert all(len(value) >= 43 for value in values)
    assert len(set(values)) == 3


def test_every_attempt_has_values_of_its_own(world):
    first, second = (parse_qs(urlsplit(sent(world.nobody())).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_the_way_to_the_company_is_known_by_this_browser_only(world, provider):
    client = world.nobody()
    cookie = client.get("/sign-in/company", follow=False).headers["set-cookie"]
    for said in ("HttpOnly", "SameSite=lax", "Max-Age=600", "Path=/"):
        assert said in cookie
    back = provider.authorize(sent(client))
    stranger = world.nobody().get(back.removeprefix("http://console"), follow=False)
    assert stranger.status_code == 403
    assert Tongue("uk")("access.error_company_state") in stranger.text
    assert not world.read(lambda c: trail.page(c, what="signed.refused")), "anybody could fill the trail"
    other = world.nobody()
    sent(other)
    refused(world, other.get(back.removeprefix("http://console"), follow=False), "state")


def test_a_way_back_works_once(world, provider):
    client = world.nobody()
    back = provider.authorize(sent(client)).removeprefix("http://console")
    cookie = client.cookies["company"]
    assert client.get(back, follow=False).status_code == 303
    again = world.nobody()
    again.cookies.set("company", cookie)
    refused(world, again.get(back, follow=False), "unreachable")


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "of another sign-in"}, "token"), ({"nonce": None}, "token"), ({"aud": "another client"}, "token"),
        ({"aud": None}, "token"), ({"aud": []}, "token"), ({"aud": [CLIENT, "another"]}, "token"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "token"), ({"azp": "another"}, "token"),
        ({"iss": "http://127.0.0.1:1"}, "token"), ({"iss": None}, "token"), ({"exp": "expired"}, "token"),
        ({"exp": None}, "token"), ({"iat": None}, "token"), ({"sub": None}, "token"), ({"sub": ""}, "token"),
        ({"sub": "x" * 256}, "token"), ({"nbf": "later"}, "token"),
        ({"groups": ["staff"]}, "no_group"), ({"groups": None}, "no_group"), ({"groups": []}, "no_group"),
        ({"groups": "hotline-"}, "no_group"), ({"groups": [["hotline"], 7]}, "no_group"),
    ],
)  # fmt: skip
def test_who_comes_with_a_token_that_is_not_right_is_not_let_in(world, provider, claims, why):
    times = {"expired": provider.now - 61, "later": provider.now + 61}
    provider.claims = {name: times.get(v, v) if isinstance(v, str) else v for name, v in claims.items()}
    refused(world, through(world, provider), why)
    assert world.read(lambda c: [each.login for each in staff.listed(c)]) == []


@pytest.mark.parametrize("sign", ["none", "HS256", "another key", "tampered"])
def test_a_token_counts_only_with_the_issuers_own_signature(world, provider, sign):
    provider.sign = sign
    refused(world, through(world, provider), "token")


def test_a_minute_between_clocks_is_forgiven(world, provider):
    provider.claims = {"exp": provider.now - 59, "iat": provider.now - 300}
    assert through(world, provider).status_code == 303


def test_several_audiences_are_fine_when_it_was_made_for_us(world, provider):
    provider.claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert through(world, provider).status_code == 303


def test_of_several_groups_the_first_of_the_settings_counts(world, provider):
    provider.claims = {"groups": ["hotline", "hotline-admins"]}
    through(world, provider)
    assert world.read(lambda c: staff.of_login(c, "olena")).role is Role.ADMINISTRATOR


def test_a_role_that_changed_at_the_company_changes_here_with_the_next_sign_in(world, provider):
    first = world.nobody()
    through(world, provider, first)
    provider.claims = {"groups": "hotline"}
    through(world, provider)
    assert world.read(lambda c: staff.of_login(c, "olena")).role is Role.AGENT
    assert first.get("/password", follow=False).status_code == 303, "sessions with the old role ended"
    row = world.read(lambda c: trail.page(c, what="staff.role_changed"))[0]
    assert (row.who, row.of, row.details) == ("oidc", "olena", {"before": "supervisor", "after": "agent"})


def test_somebody_is_the_same_person_under_another_name(world, provider):
    through(world, provider)
    provider.claims = {"preferred_username": "olena.bondar", "email": None}
    through(world, provider)
    assert [each.login for each in world.read(staff.listed)] == ["olena"]


def test_another_person_with_the_same_name_gets_nothing_of_the_first(world, provider):
    through(world, provider)
    provider.claims = {"sub": "another", "email": None}
    refused(world, through(world, provider), "no_account")


def test_an_account_with_a_password_is_never_given_to_somebody_for_a_name(world, provider):
    world.write(
        lambda c: staff.add_hashed(
            c, login="olena", name="Olena", role=Role.ADMINISTRATOR, language=Language.UK, hashed="$x", at=world.now
        )
    )
    provider.claims = {"email": None}
    refused(world, through(world, provider), "no_account")
    assert world.read(lambda c: staff.of_login(c, "olena")).role is Role.ADMINISTRATOR


def test_who_was_disabled_here_is_not_let_in_whatever_the_company_says(world, provider):
    through(world, provider)
    world.write(lambda c: staffing.disable(c, "olena", by="root", at=world.now))
    refused(world, through(world, provider), "no_account")


@pytest.mark.parametrize("login", ["olena", "olena@grid.example"])
def test_when_accounts_are_made_here_it_has_to_be_there_without_a_password(tmp_path, provider, login):
    with house(tmp_path, provider, make=False) as world:
        refused(world, through(world, provider), "no_account")
        world.person(Role.AGENT, login)
        assert through(world, provider).status_code == 303
        assert world.read(lambda c: staff.of_login(c, login)).role is Role.SUPERVISOR
        (row,) = world.read(lambda c: trail.page(c, what="staff.linked"))
        assert row.of == login


@pytest.mark.parametrize("verified", [False, None, "true"])
def test_an_address_that_the_issuer_did_not_verify_stands_for_nobody(tmp_path, provider, verified):
    with house(tmp_path, provider, make=False) as world:
        world.person(Role.AGENT, "olena@grid.example")
        provider.claims = {"email_verified": verified, "preferred_username": None}
        refused(world, through(world, provider), "no_account")


def test_what_the_company_refuses_is_refused_here(world, provider):
    client = world.nobody()
    state = parse_qs(urlsplit(sent(client)).query)["state"][0]
    back = f"/sign-in/company/back?error=access_denied&state={state}"
    refused(world, client.get(back, follow=False), "refused")


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example/"])
def test_the_way_back_leads_nowhere_else(world, provider, there):
    assert through(world, provider, there=there).headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["", "zz", "00", "ff" * 40, "6b657920" + b"//evil.example".hex()])
def test_a_cookie_that_is_none_of_ours_leads_nowhere(world, cookie):
    client = world.nobody()
    client.cookies.set("company", cookie)
    assert client.get("/sign-in/company/back?code=x&state=y", follow=False).status_code == 403


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://another.example"}, {"issuer": None},
        {"authorization_endpoint": "http://elsewhere.example/a"},
        {"token_endpoint": "ftp://127.0.0.1/t"}, {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)  # fmt: skip
def test_a_document_of_another_issuer_or_with_unsafe_addresses_is_not_believed(world, provider, document):
    provider.document = document
    answer = world.nobody().get("/sign-in/company", follow=False)
    refused(world, answer, "unreachable")


def test_when_the_company_can_not_be_reached_the_page_says_so_and_passwords_go_on(world, provider):
    provider.answer = 503
    answer = world.nobody().get("/sign-in/company", follow=False)
    refused(world, answer, "unreachable")
    assert 'name="password"' in answer.text


def test_keys_are_kept_for_an_hour_and_asked_for_again_when_one_is_new(world, provider):
    through(world, provider)
    through(world, provider)
    assert provider.fetched.count("/keys") == 1
    assert provider.fetched.count("/.well-known/openid-configuration") == 1
    before, provider.key = provider.key, RSAKey.generate_key(2048, {"kid": "k2"})
    try:
        refused(world, through(world, provider), "token")  # within the minute in which nobody is asked again
        world.tick += 61
        assert through(world, provider).status_code == 303
        assert provider.fetched.count("/keys") == 2
    finally:
        provider.key = before


def test_who_leaves_is_shown_where_to_leave_there_too(world, provider):
    client = world.nobody()
    through(world, provider, client)
    client.get("/password")
    page = client.post("/sign-out")
    link = re.search(r'href="(http://127[^"]+/leave[^"]*)"', page.text)[1].replace("&amp;", "&")
    assert parse_qs(urlsplit(link).query)["post_logout_redirect_uri"] == ["http://console/sign-in"]


def test_without_settings_there_is_no_such_way(tmp_path):
    world = World(tmp_path)
    try:
        client = world.nobody()
        assert "/sign-in/company" not in client.get("/sign-in").text
        for path in ("/sign-in/company", "/sign-in/company/back?code=x&state=y"):
            assert client.get(path, follow=False).headers["location"] == "/sign-in"
    finally:
        world.close()


def test_a_doubt_says_nothing_of_the_token_on_the_page(world, provider):
    provider.claims = {"aud": "<script>alert(1)</script>"}
    assert "alert(1)" not in through(world, provider).text
    assert len(str(Doubt("token", "x" * 9999))) == 300
