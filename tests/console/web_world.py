"""The console on a real store, asked in process; its clock stands still until a test moves it."""

import asyncio
import itertools
import re
import shutil
from datetime import timedelta
from html import unescape

import httpx

from domain import calls, demo, staff
from domain.calls import Line
from domain.model import Began, Language, Outcome
from domain.roles import Role
from domain.store import Store
from ivr.console.web.application import console
from ivr.console.web.desk import Desk
from prompts import Catalogue
from tests.demo_store import NOW, filled
from tests.postgres import drop, new_database

CATALOGUE = Catalogue.load()
PASSWORD = "a long enough password"
ADDRESS = "http://console"


class Client:
    """A browser without scripts: it keeps cookies and sends the CSRF token of its session."""

    def __init__(self, world, *, language="uk"):
        self.world = world
        self.cookies = httpx.Cookies()
        self.cookies.set("language", language)
        self.csrf = ""

    def ask(self, method, path, *, follow=True, **more):
        async def go():
            transport = httpx.ASGITransport(self.world.app, raise_app_exceptions=False, client=("127.0.0.1", 5000))
            async with httpx.AsyncClient(
                transport=transport, base_url=ADDRESS, cookies=self.cookies, follow_redirects=follow
            ) as http:
                answer = await http.request(method, path, **more)
                self.cookies = http.cookies
                return answer

        return asyncio.run(go())

    def get(self, path, **more):
        answer = self.ask("GET", path, **more)
        if found := re.search(r'<meta name="csrf" content="([^"]*)"', answer.text if _is_text(answer) else ""):
            self.csrf = unescape(found[1])
        return answer

    def post(self, path, data=None, *, csrf=True, **more):
        data = dict(data or {})
        if csrf:
            data.setdefault("csrf", self.csrf)
        return self.ask("POST", path, data=data, **more)


class World:
    """A store with the demo's customers, the console on it, and people of every role."""

    database = "sqlite"  # what the next one is made on: conftest's `database` says it for each test

    def __init__(self, path, *, at=NOW, **facts):
        self.path, self.url = path, f"sqlite:///{path}/hotline.db"
        if World.database == "sqlite":
            shutil.copy(filled(at), path / "hotline.db")
        else:
            self.url = new_database(fill=demo.load, at=at)
        self.store = Store.open(self.url)
        self.now, self.tick = at, 0.0
        https = facts.pop("https", False)
        self.desk = Desk(self.store, lambda: self.now, lambda: self.tick, path, CATALOGUE, https=https, facts=facts)
        self.app = console(self.desk)
        self._count = itertools.count(1)

    def write(self, job):
        return self.store.write(job).result()

    def read(self, job):
        return self.store.read(job).result()

    def passes(self, **time):
        self.now += timedelta(**time)
        self.tick += timedelta(**time).total_seconds()

    def person(self, role, login=None, **more):
        """Somebody of this role, without a password (making one takes long); the first one is made."""
        login = login or role.value

        def job(conn):
            try:
                return staff.of_login(conn, login)
            except LookupError:
                return staff.add(
                    conn, login=login, name=more.pop("name", login.title()), role=role,
                    language=Language(more.pop("language", "uk")), password=None, at=self.now, **more,
                )  # fmt: skip

        return self.write(job)

    def sign_in(self, role=Role.SUPERVISOR, *, login=None, language="uk", **more):
        """A browser of somebody of this role, signed in."""
        person = self.person(role, login, **more)
        token = self.write(lambda c: staff.session_open(c, person, address="127.0.0.1", agent="test", at=self.now))
        client = Client(self, language=language)
        client.cookies.set("__Host-session" if self.desk.https else "session", token)
        client.csrf = staff.csrf_of(token)
        return client

    def nobody(self, *, language="uk"):
        """A browser that isn't signed in."""
        return Client(self, language=language)

    def call(
        self,
        *lines,
        caller="+380671234567",
        dialled="hotline",
        outcome=Outcome.READING_TAKEN,
        seconds=60.0,
        at=None,
        id=None,
    ):
        """A call that has ended (outcome None: goes on), with these lines: Line, or (label, asked, heard)."""
        call = id or f"test-{next(self._count)}"
        began = Began(call, caller, dialled, at or self.now)

        def job(conn):
            calls.begin(conn, began, "test")
            for seq, line in enumerate(lines):
                if not isinstance(line, Line):
                    label, asked, heard = line
                    line = Line(seq, began.at + timedelta(seconds=seq + 1), label, asked, heard)
                calls.append(conn, call, line)
            if outcome is not None:
                calls.end(conn, call, outcome, at=began.at + timedelta(seconds=seconds))

        self.write(job)
        return call

    def close(self):
        self.store.close()
        if not self.url.startswith("sqlite"):
            drop(self.url)


def _is_text(answer):
    return answer.headers.get("content-type", "").startswith("text/html")
