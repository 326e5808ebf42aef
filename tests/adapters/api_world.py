"""The channel API on a real store, asked in process; its clock stands still until a test moves it."""

import asyncio
import itertools
import shutil
from datetime import timedelta

import httpx
from stdnum import damm

from domain import clients
from domain.clients import Right
from domain.model import Source
from domain.store import Store
from ivr.console.api import channel_api, courier_of
from tests.demo_store import NOW, filled

ONE_ZONE, TWO_ZONES, TWO_METERS, NO_METERS = "1000000018", "1000000047", "1000000060", "1000000132"
MISTYPED = "9999999991"
NOBODYS = "999999999" + damm.calc_check_digit("999999999")


class World:
    """A store with the demo's customers, the API on it, and clients with keys."""

    def __init__(self, path, *, at=NOW, **settings):
        shutil.copy(filled(at), path / "api.db")
        self.store = Store.open(f"sqlite:///{path}/api.db")
        self.now, self.tick = at, 0.0
        self.app = channel_api(self.store, clock=lambda: self.now, tick=lambda: self.tick, **settings)
        self.keys = {}
        self._count = itertools.count()
        self.add("everything", Right)

    def add(self, name, rights, **more):
        """A client; its key."""
        _, key = self.write(
            lambda conn: clients.make(
                conn, name, source=Source.WEB, rights=rights, at=self.now, **{"per_minute": 100_000, **more}
            )
        )
        self.keys[name] = key
        return key

    def write(self, job):
        return self.store.write(job).result()

    def read(self, job):
        return self.store.read(job).result()

    def passes(self, **time):
        self.now += timedelta(**time)
        self.tick += timedelta(**time).total_seconds()

    def ask(self, method, path, *, by="everything", key=None, idempotent=True, **more):
        """One request.  by: a client's name, or None for no key.  key: the Idempotency-Key, a new one by default."""
        headers = dict(more.pop("headers", {}))
        if by is not None:
            headers["Authorization"] = f"Bearer {self.keys.get(by, by)}"
        if method == "POST" and idempotent:
            headers["Idempotency-Key"] = key or f"key-{next(self._count)}"

        async def go():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as http:
                return await http.request(method, path, headers=headers, **more)

        return asyncio.run(go())

    def get(self, path, **more):
        return self.ask("GET", f"/api/v1{path}", **more)

    def post(self, path, body=None, **more):
        return self.ask("POST", f"/api/v1{path}", **({} if body is None else {"json": body}), **more)

    def put(self, path, body, **more):
        return self.ask("PUT", f"/api/v1{path}", json=body, **more)

    def delete(self, path, **more):
        return self.ask("DELETE", f"/api/v1{path}", **more)

    def carry(self):
        """Deliver what is due."""
        asyncio.run(courier_of(self.app).once())

    def close(self):
        self.store.close()


def kind(response):
    """The kind of problem that was answered."""
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    return body["type"].removeprefix("urn:hotline:problem:")


def reading(value, zone="single", meter="0100001", **more):
    return {"meter": meter, "readings": [{"zone": zone, "value": value, **more}]}
