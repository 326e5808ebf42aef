"""What is round every answer: headers that keep a page to itself, a line in the log, a net under mistakes.

Rules: the log names the route, never the path, which may hold an account number; no cache keeps anything of a page; a
page loads nothing from elsewhere and runs no script but our files (Content-Security-Policy).
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.console.web.look import nonce

log = logging.getLogger("ivr.console.access")

SLOW: Final = 0.5
"""Seconds from which on an answer is worth a warning."""

ALWAYS: Final = {
    b"cache-control": b"no-store",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), payment=()",
}

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

FOR_EVER: Final = b"private, max-age=31536000, immutable"
"""Of static files: their address changes when they do."""


def around(request: Request, *, https: bool) -> dict[bytes, bytes]:
    """The headers of every answer to this request.  https: browsers come by https."""
    ours = {**ALWAYS, b"content-security-policy": POLICY.format(nonce=nonce(request)).encode()}
    if https:
        ours[b"strict-transport-security"] = b"max-age=31536000"
    return ours


class Frame:
    """ASGI middleware, outermost.  https: browsers come by https."""

    def __init__(self, app: ASGIApp, *, https: bool, tick: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._https = https
        self._tick = tick

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._tick()
        status: list[int] = []
        ours = around(Request(scope), https=self._https)
        if scope["path"].startswith("/static/") and scope["query_string"].startswith(b"v="):
            ours[b"cache-control"] = FOR_EVER

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                present = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in ours.items() if name not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        try:
            await self._app(scope, receive, framed)
        finally:
            self._note(scope, status[0] if status else 500, self._tick() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None)
        if route is None or route in ("/healthz", "/readyz"):
            return
        person: Any = scope.get("state", {}).get("person")
        level = logging.WARNING if seconds > SLOW and status != 499 else logging.INFO
        log.log(
            level, "%s %s %d %.0f ms, %s", scope["method"], route, status, seconds * 1000,
            person.login if person else "nobody",
        )  # fmt: skip
