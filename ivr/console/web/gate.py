"""Who asks, may they, and do they mean it: settled before anything of a request's body is used.

Rules
1. Every route is made with `page`: it names the permissions that it needs, or says that any signed-in person may, or
   that it is open.  A route without it doesn't start (`Page`).
2. What changes something is a POST (or another unsafe method), comes from our own pages (`Sec-Fetch-Site`, `Origin`)
   and carries the session's CSRF token.  A GET changes nothing, so that a link from elsewhere does no harm; that is
   why the cookie may be SameSite=Lax, and a link to a moment of a call can be sent to a colleague.
3. Who isn't signed in is asked to, and comes back to where they wanted to go; who may not gets 403, and the trail
   knows.  Who has a temporary password can do nothing but change it.
4. A body has a limit that its route names, is read no further, and has to come in time.
5. Somebody's page that asks by itself (a live board) does not keep a session going: its route is `polled`.
6. When the console has a name (`console_name`), nothing is answered under another one: no page of ours can be led
   about by a Host header or by a name that somebody points at this machine.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from domain import staff, trail
from domain.roles import Permission, Role, may
from domain.staff import Session
from domain.store import StoreFault
from ivr.console.web.desk import Desk, desk
from ivr.console.web.look import redirect

log = logging.getLogger(__name__)

OPEN: Final = "open"
SIGNED_IN: Final = "signed_in"
LARGEST_BODY: Final = 64 * 1024
"""Bytes of a form."""
PATIENCE: Final = 20.0
"""Seconds that a body may take to come, and more for what may be large:"""
SLOWEST: Final = 20_000
"""bytes a second."""
AGAIN: Final = 60.0
"""Seconds after which the same refusal is noted once more."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FIRST: Final = frozenset({"/password", "/sign-out", "/language"})
"""All that somebody with a temporary password can do."""
SESSION: Final = "session"
PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Asked by machines, under any name."""


@dataclass(frozen=True, slots=True)
class Me:
    """Who asks."""

    session: Session

    @property
    def id(self) -> int:
        return self.session.person.id

    @property
    def login(self) -> str:
        return self.session.person.login

    @property
    def name(self) -> str:
        return self.session.person.name

    @property
    def role(self) -> Role:
        return self.session.person.role

    @property
    def language(self) -> str:
        return self.session.person.language

    def may(self, permission: Permission) -> bool:
        """Whether they may."""
        return may(self.role, permission)

    def may_see(self, permission: Permission | None) -> bool:
        """The same; None: everybody who is signed in."""
        return permission is None or self.may(permission)


def person(request: Request) -> Me:
    """Who asks; settled by the route before."""
    return request.state.person


Asking = Annotated[Me, Depends(person)]


def page(
    permission: Permission | None = None,
    *,
    also: Permission | None = None,
    open_: bool = False,
    polled: bool = False,
    largest: int = LARGEST_BODY,
) -> dict[str, Any]:
    """What a route is declared with.  permission: None for everybody who is signed in; open_: for everybody.

    also: a second permission that is needed.  polled: pages ask for it by themselves.  largest: bytes of a body.
    """
    named = [each.value for each in (permission, also) if each is not None]
    needs = OPEN if open_ else " ".join(named) or SIGNED_IN
    return {"openapi_extra": {"x-needs": needs, "x-largest": largest, "x-polled": polled}}


def needs(route: APIRoute) -> str:
    """What this route asks for: permissions' values with spaces between, `SIGNED_IN` or `OPEN`."""
    return (route.openapi_extra or {})["x-needs"]


def lacks(role: Role, wanted: str) -> str | None:
    """The first of the permissions wanted that this role has not."""
    if wanted in (OPEN, SIGNED_IN):
        return None
    return next((each for each in wanted.split() if not may(role, Permission(each))), None)


class Page(APIRoute):
    """A route that is guarded."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Session, permission, CSRF; then what the framework does."""
        if "x-needs" not in (self.openapi_extra or {}):
            raise TypeError(f"{self.path} says nothing of who may: declare it with **page(...)")
        handle = super().get_route_handler()
        said = self.openapi_extra or {}
        wanted, largest, polled = said["x-needs"], said["x-largest"], said["x-polled"]

        async def guarded(request: Request) -> Response:
            serving = desk(request)
            request.state.person, request.state.csrf = None, ""
            if serving.name and self.path not in PROBES and request.headers.get("host", "").lower() != serving.name:
                raise HTTPException(421)
            session = await session_of(request, seen=not polled)
            if session is not None:
                request.state.person, request.state.csrf = Me(session), session.csrf
            if session is not None:
                await serving.meet(session.person.login)
            if wanted != OPEN:
                if session is None:
                    return _sign_in_first(request)
                if session.person.must_change and request.url.path not in FIRST:
                    return _elsewhere(request, "/password")
                if (lacking := lacks(session.person.role, wanted)) is not None:
                    await refused(serving, session, self.path, lacking)
                    raise HTTPException(403)
            if request.method not in SAFE:
                request = await _limited(request, largest)
                await _meant(serving, request, session if wanted != OPEN else None)
            return await handle(request)

        return guarded


def router(prefix: str = "") -> APIRouter:
    """For the pages of one part."""
    return APIRouter(prefix=prefix, route_class=Page, default_response_class=HTMLResponse, include_in_schema=False)


def cookie_name(serving: Desk) -> str:
    """With https the browser itself keeps it from other sites and from plain http (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{SESSION}" if serving.https else SESSION


def token_of(request: Request) -> str | None:
    """The session token that this browser has, of a session or not."""
    return request.cookies.get(cookie_name(desk(request)))


def set_session(serving: Desk, answer: Response, token: str) -> None:
    """Give the browser its session.  It ends with the browser; how long it lasts is the store's business."""
    answer.set_cookie(cookie_name(serving), token, path="/", httponly=True, samesite="lax", secure=serving.https)


def drop_session(serving: Desk, answer: Response) -> None:
    """Take it away."""
    answer.delete_cookie(cookie_name(serving), path="/", httponly=True, samesite="lax", secure=serving.https)


async def session_of(request: Request, *, seen: bool = True) -> Session | None:
    """The session of this browser.  seen: this counts as a sign of life."""
    serving, token, now = desk(request), token_of(request), desk(request).clock()
    if not token:
        return None
    found = await serving.read(lambda conn: staff.session_of(conn, token, now))
    if found is not None and seen and staff.is_stale(found, now):
        try:
            await serving.write(lambda conn: staff.session_seen(conn, found.id, now))
        except StoreFault as fault:  # a full disk must not keep anybody from reading
            log.warning("that a session is in use could not be written: %s", fault)
    return found


def _sign_in_first(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return _elsewhere(request, f"/sign-in?next={quote(wanted, safe='')}" if request.method in SAFE else "/sign-in")


def _elsewhere(request: Request, there: str) -> Response:
    """The whole page has to go there; a script or a player, which can't show it, is told 401."""
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": there.partition("?")[0]})
    if request.headers.get("sec-fetch-dest", "document") != "document":
        return Response(status_code=401)
    return redirect(there)


async def refused(serving: Desk, session: Session, path: str, lacking: str) -> None:
    """The trail knows that this route was asked for in vain: once in `AGAIN`, or whoever asks and asks fills it.  A
    store that can't write doesn't make another answer of it."""
    noted: dict[tuple[int, str], float] = serving.facts.setdefault("refusals noted", {})
    key, tick, now = (session.id, path), serving.tick(), serving.clock()
    if key in noted and tick - noted[key] < AGAIN:
        return
    for old in [each for each, at in noted.items() if tick - at >= AGAIN]:
        del noted[old]
    noted[key] = tick
    try:
        await serving.write(
            lambda conn: trail.note(conn, session.person.login, "access.refused", of=path, at=now, needs=lacking)
        )
    except StoreFault as fault:
        noted.pop(key, None)
        log.error("%s was refused %s, and that could not be written: %s", session.person.login, path, fault)


async def _meant(serving: Desk, request: Request, session: Session | None) -> None:
    """The request comes from a page of ours, and from this session (None: the route is open, and has a token of its
    own if it needs one).  Raises HTTPException 403."""
    if not ours(serving, request):
        raise HTTPException(403, "it does not come from a page of ours")
    if session is None:
        return
    given = request.headers.get("x-csrf-token")
    if given is None:
        form = await request.form()
        given = form.get("csrf")
    if not isinstance(given, str) or not same(given, session.csrf):
        raise HTTPException(403, "this page is too old: load it again")


def ours(serving: Desk, request: Request) -> bool:
    """Whether a browser says that a page of ours sends this.  Old ones that say nothing have the token alone."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    from_ = urlsplit(origin)
    there = serving.name or request.headers.get("host", "").lower()
    return from_.netloc.lower() == there and from_.scheme == ("https" if serving.https else "http")


def same(given: str, right: str) -> bool:
    """In constant time."""
    return secrets.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


async def _limited(request: Request, largest: int) -> Request:
    """The request with its body, which is not too large and came in time.  Raises HTTPException 413, 408."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced[:19]) > largest:
        raise HTTPException(413, headers={"Connection": "close"})
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE + largest / SLOWEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise HTTPException(413, headers={"Connection": "close"})
    except ClientDisconnect:  # they went on to another page: nobody reads the answer
        raise HTTPException(400, headers={"Connection": "close"}) from None
    except TimeoutError:
        raise HTTPException(408, headers={"Connection": "close"}) from None
    return Request(request.scope, _replayed(bytes(body)))


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
