"""What is round every request: its name, its time, its line in the log, its headers, and a net under it.

Rules: the log and the figures name the route, never the path: an account number is personal.  A mistake of ours is
logged with its trace and answered without it.  More than `MOST` requests at one time are turned away at once instead
of all becoming slow.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.store import StoreFault
from domain.webhooks import Result
from ivr.console.api import problems
from ivr.console.api.problems import Problem

log = logging.getLogger("ivr.console.access")

MOST: Final = 200
"""Requests at one time."""

ALWAYS: Final = {
    b"cache-control": b"no-store",
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'",
}


class Figures:
    """What the API counts, for Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "hotline_api_requests", "Requests, by route and status", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "hotline_api_seconds", "Time to answer", ["method", "route"], registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )  # fmt: skip
        self._now = Gauge("hotline_api_requests_in_hand", "Requests being answered", registry=self.registry)
        self._deliveries = Counter(
            "hotline_webhook_attempts", "Attempts to deliver to webhooks, by result", ["result"],
            registry=self.registry,
        )  # fmt: skip

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def in_hand(self, count: int) -> None:
        """So many are being answered."""
        self._now.set(count)

    def attempted(self, result: Result) -> None:
        """A delivery was."""
        self._deliveries.labels(result.value).inc()


class Frame:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, figures: Figures, tick: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._figures = figures
        self._tick = tick
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._tick()
        state: dict[str, Any] = scope.setdefault("state", {})
        state["instance"] = f"urn:uuid:{uuid4()}"
        status: list[int] = []

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
                present = {name.lower() for name, _ in message["headers"]}
                told = {n.encode(): v.encode() for n, v in state.get("headers", {}).items()}
                ours = {b"x-instance": state["instance"].encode(), **ALWAYS, **told}
                more = [(name, value) for name, value in ours.items() if name.lower() not in present]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        self._in_hand += 1
        self._figures.in_hand(self._in_hand)
        try:
            if self._in_hand > MOST:
                raise Problem(503, "busy", "too many requests at one time", headers={"Retry-After": "1"})
            await self._app(scope, receive, framed)
        except Exception as error:
            problem = problems.of(error)
            if problem.status == 500:
                log.exception("%s: a mistake of ours", state["instance"])
            if status:
                raise
            await problems.response(problem, state["instance"])(scope, receive, framed)
        finally:
            self._in_hand -= 1
            self._figures.in_hand(self._in_hand)
            self._note(scope, state, status[0] if status else 500, self._tick() - began)

    def _note(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = template(scope)
        method = scope["method"] if route else "-"
        self._figures.answered(method, route or "-", status, seconds)
        if route and not route.startswith("/api/"):
            return  # health and figures are asked every few seconds
        client = getattr(state.get("client"), "name", "-")
        log.info(
            "%s %s %d %.0f ms, client %r, %s", method, route or "-", status, seconds * 1000, client, state["instance"]
        )


def note_fault(fault: StoreFault, instance: str | None) -> None:
    """The store can't do its work: somebody has to look."""
    log.error("%s: %s", instance, fault)


def template(scope: Scope) -> str | None:
    """The path of the route that answered, with names in place of what is personal; None when none did."""
    return getattr(scope.get("route"), "path", None)
