"""Who asks, may they, and not too often: settled before anything of the request's body is read.

Rules: every route below `/api/v1` is made with `guarded`, which names the one right that it needs (a test goes
through all of them); a wrong key costs its sender tries, so that nobody can keep the store busy with guesses.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from domain import clients
from domain.clients import Client, Right
from domain.store import Connection, Store
from ivr.console.api.limits import Limits
from ivr.console.api.problems import Problem, documented
from ivr.console.turns import Turns

T = TypeVar("T")

SCHEME: Final = "apiKey"
WRONG_KEYS: Final = 60
"""Wrong keys a minute from one address, before it is not listened to for a while."""

LARGEST_BODY: Final = 64 * 1024


@dataclass
class Services:
    """What routes work with.  clock: the time, UTC.  tick: seconds that never go back."""

    store: Store
    clock: Callable[[], datetime]
    tick: Callable[[], float]
    private_webhooks: bool = False
    plain_webhooks: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    limits: Limits = field(default_factory=Limits)
    flights: set[tuple[int, str]] = field(default_factory=set[tuple[int, str]])
    turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self.turns = Turns(self.store)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """What the store knows."""
        return await asyncio.wrap_future(self.store.read(job))

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Do it in a transaction; who waits for deliveries is woken."""
        done = await self.turns.write(job)
        self.news.set()
        return done


def services(request: Request) -> Services:
    """Of this application."""
    return request.app.state.services


def client(request: Request) -> Client:
    """Who asks; settled by the route before."""
    return request.state.client


InService = Annotated[Services, Depends(services)]
Asking = Annotated[Client, Depends(client)]


class Guarded(APIRoute):
    """A route for clients with the right."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Authentication first, then what the framework does."""
        handle = super().get_route_handler()
        [wanted] = (self.openapi_extra or {})["security"]
        [right] = wanted[SCHEME]
        asked = {parameter.alias for parameter in self.dependant.query_params}

        async def guarded_handle(request: Request) -> Response:
            found = await _authenticated(request)
            request.state.client = found
            allowance = services(request).limits.take(found.id, found.per_minute, services(request).tick())
            request.state.headers = allowance.headers()
            if not allowance.granted:
                raise Problem(429, "too-many", f"this client may send {found.per_minute} requests a minute")
            if right not in found.rights:
                raise Problem(403, "not-allowed", f"it needs the right {right}")
            if strange := set(request.query_params) - asked:
                raise _no_such_parameter(strange, asked)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if self.body_field is not None and kind != "application/json":
                raise Problem(415, "not-json", "send Content-Type: application/json")
            return await handle(await _read(request) if self.body_field is not None else request)

        return guarded_handle


def guarded(right: Right, *problems: int) -> dict[str, Any]:
    """What a guarded route is declared with.  problems: statuses that it may answer beside those of every route."""
    return {
        "openapi_extra": {"security": [{SCHEME: [right.value]}]},
        "responses": documented(*problems),
    }


def _no_such_parameter(strange: set[str], known: set[str]) -> Problem:
    """A misspelt parameter that is passed over gives an answer to another question."""
    told = f"there is no such parameter; there are: {', '.join(sorted(known)) or 'none'}"
    errors = [{"where": "query", "pointer": name[:200], "detail": told} for name in sorted(strange)[:50]]
    return Problem(422, "invalid", more={"errors": errors})


async def _read(request: Request) -> Request:
    """The request with its body, which is not too large."""
    body = bytearray()
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:19]) <= LARGEST_BODY:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                break
        else:
            return Request(request.scope, _replayed(bytes(body)))
    raise Problem(413, "too-large", f"at most {LARGEST_BODY // 1024} KiB", headers={"Connection": "close"})


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _authenticated(request: Request) -> Client:
    serving = services(request)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and key:
        key = key.strip()
        found = await serving.read(lambda conn: clients.of_key(conn, key))
    if found is None:
        peer = request.client.host if request.client else "?"
        allowance = serving.limits.take(("wrong key", peer), WRONG_KEYS, serving.tick())
        if not allowance.granted:
            raise Problem(429, "too-many", "too many wrong keys", headers={"Retry-After": str(allowance.wait)})
        raise Problem(
            401, "no-key", "send Authorization: Bearer KEY", headers={"WWW-Authenticate": 'Bearer realm="hotline"'}
        )
    return found
