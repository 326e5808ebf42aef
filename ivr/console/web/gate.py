"""Who asks, may they, and do they mean it: settled before anything of a request's body is used.

Rules
1. Every route is made with `page`: it names the permission that it needs, or says that any signed-in person may, or
   that it is open.  A route without it doesn't start (`Page`).
2. What changes something is a POST (or another unsafe method), comes from our own pages (`Origin`, `Sec-Fetch-Site`)
   and carries the session's CSRF token.
3. Who isn't signed in is asked to, and comes back to where they wanted to go; who may not gets 403, and the trail
   knows.
4. A body has a limit that its route names, and is read no further.
"""

import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from domain import staff, trail
from domain.roles import Permission, Role, may
from domain.staff import Session
from ivr.console.web.desk import Desk, desk
from ivr.console.web.look import redirect

OPEN: Final = "open"
SIGNED_IN: Final = "signed in"
LARGEST_BODY: Final = 64 * 1024
"""Bytes of a form."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION: Final = "session"


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


def page(permission: Permission | None = None, *, open_: bool = False, largest: int = LARGEST_BODY) -> dict[str, Any]:
    """What a route is declared with.  permission: None for everybody who is signed in; open_: for everybody.

    largest: bytes of a request's body.
    """
    needs = OPEN if open_ else (permission.value if permission else SIGNED_IN)
    return {"openapi_extra": {"x-needs": needs, "x-largest": largest}}


def needs(route: APIRoute) -> str:
    """What this route asks for: a permission's value, `SIGNED_IN` or `OPEN`."""
    return (route.openapi_extra or {})["x-needs"]


class Page(APIRoute):
    """A route that is guarded."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Session, permission, CSRF; then what the framework does."""
        if "x-needs" not in (self.openapi_extra or {}):
            raise TypeError(f"{self.path} says nothing of who may: declare it with **page(...)")
        handle = super().get_route_handler()
        wanted, largest = needs(self), (self.openapi_extra or {})["x-largest"]

        async def guarded(request: Request) -> Response:
            serving = desk(request)
            token = request.cookies.get(cookie_name(serving))
            session = await _session(serving, token) if token else None
            request.state.person = Me(session) if session else None
            request.state.csrf = session.csrf if session else ""
            if wanted != OPEN:
                if session is None:
                    return _sign_in_first(request)
                if session.person.must_change and not request.url.path.startswith(("/password", "/sign-out")):
                    return redirect("/password")
                if wanted != SIGNED_IN and not may(session.person.role, Permission(wanted)):
                    await _refused(serving, request, session, wanted)
                    raise HTTPException(403)
            if request.method not in SAFE:
                request = await _limited(request, largest)
                await _meant(request, session)
            return await handle(request)

        return guarded


def router(prefix: str = "") -> APIRouter:
    """For the pages of one part."""
    return APIRouter(prefix=prefix, route_class=Page, default_response_class=HTMLResponse, include_in_schema=False)


def cookie_name(serving: Desk) -> str:
    """With https the browser itself keeps it from other sites and from plain http (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{SESSION}" if serving.https else SESSION


async def _session(serving: Desk, token: str) -> Session | None:
    now = serving.clock()
    found = await serving.read(lambda conn: staff.session_of(conn, token, now))
    if found is not None and staff.due(found, now):
        await serving.write(lambda conn: staff.session_seen(conn, found.id, now))
    return found


def _sign_in_first(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = f"/sign-in?next={quote(wanted, safe='')}" if request.method in SAFE else "/sign-in"
    if request.headers.get("hx-request") or request.headers.get("sec-fetch-dest", "document") != "document":
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
    return redirect(there)


async def _refused(serving: Desk, request: Request, session: Session, wanted: str) -> None:
    now, path = serving.clock(), getattr(request.scope.get("route"), "path", request.url.path)
    await serving.write(
        lambda conn: trail.note(conn, session.person.login, "access.refused", of=path, at=now, needs=wanted)
    )


async def _meant(request: Request, session: Session | None) -> None:
    """The request comes from a page of ours, and from this session.  Raises HTTPException 403."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "it does not come from a page of ours")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "it does not come from a page of ours")
    if session is None:
        return
    given = request.headers.get("x-csrf-token")
    if given is None:
        form = await request.form()
        given = form.get("csrf")
    if not isinstance(given, str) or not secrets.compare_digest(given.encode(), session.csrf.encode()):
        raise HTTPException(403, "this page is too old: load it again")


async def _limited(request: Request, largest: int) -> Request:
    """The request with its body, which is not too large.  Raises HTTPException 413."""
    body = bytearray()
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:19]) <= largest:
        async for chunk in request.stream():
            body += chunk
            if len(body) > largest:
                break
        else:
            return Request(request.scope, _replayed(bytes(body)))
    raise HTTPException(413, headers={"Connection": "close"})


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
