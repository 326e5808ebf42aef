"""The channel API: the same business as the telephone's, for a web cabinet, a chat bot, billing.

Rules: a process of its own (`ivr api`), so that no load on it delays a caller; versioned by its path; everything that
can be asked is in the OpenAPI document, which is made from the code and committed (`docs/api/openapi.json`).
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from socket import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from domain.handling import Unanswerable
from domain.idempotency import KeyInUse, KeyReused
from domain.store import Store, StoreFault
from ivr.console.api import problems, shapes
from ivr.console.api.access import SCHEME, Services
from ivr.console.api.accounts import accounts
from ivr.console.api.files import files
from ivr.console.api.frame import Figures, Frame, note_fault
from ivr.console.api.hooks import hooks
from ivr.console.api.matters import requests, services, supply
from ivr.console.api.problems import Problem, ProblemDetails
from ivr.console.courier import Courier
from ivr.console.quiet import Quiet

VERSION: Final = "1.0"

ABOUT: Final = """\
One place for everything about an account: the same commands as the telephone hotline's.

- `Authorization: Bearer KEY`; what a key may do is said at each operation.
- POST needs an `Idempotency-Key`: the same key with the same request is answered as the first time.
- Errors are `application/problem+json` (RFC 9457). Lists have `limit` and an opaque `cursor`.
- Energy is whole kWh (kvarh), money kopiykas; days are those of Kyiv, instants UTC.
- `RateLimit` tells how many requests are left; after 429 and 503 wait for `Retry-After` seconds.
"""

TAGS: Final = [
    {"name": "accounts", "description": "Accounts, their meters and readings, what is billed."},
    {"name": "requests", "description": "Complaints, suggestions, opinions, questions."},
    {"name": "supply", "description": "Outages and announcements."},
    {"name": "services", "description": "Orders, calls back, opening hours."},
    {"name": "hand-over", "description": "Files of readings for suppliers."},
    {"name": "webhooks", "description": "Being told of what happens (Standard Webhooks)."},
]


def channel_api(
    store: Store,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    tick: Callable[[], float] = time.monotonic,
    plain_webhooks: bool = False,
    private_webhooks: bool = False,
) -> FastAPI:
    """The application.  clock: the time, UTC; tick: seconds that never go back.

    plain_webhooks, private_webhooks: webhooks may lead to http, and into our own networks.
    """
    app = FastAPI(
        title="Hotline channel API",
        version=VERSION,
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        openapi_tags=TAGS,
        redirect_slashes=False,
    )
    app.state.services = Services(
        store, clock, tick, private_webhooks=private_webhooks, plain_webhooks=plain_webhooks
    )
    app.state.figures = Figures()
    for part in (accounts, requests, supply, services, files, hooks):
        app.include_router(part)
    for error in (Problem, RequestValidationError, KeyReused, KeyInUse, Unanswerable, HTTPException):
        app.add_exception_handler(error, problems.answer)
    app.add_exception_handler(StoreFault, _store_failed)
    app.add_middleware(Frame, figures=app.state.figures)
    _open_routes(app)
    app.openapi = lambda: document(app)
    return app


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS,
            summary="Readings, requests, outages, orders, bills and news of a power distribution company",
        )  # fmt: skip
        parts = made.setdefault("components", {})
        parts["securitySchemes"] = {
            SCHEME: {"type": "http", "scheme": "bearer", "description": "A key made with `ivr client add`."}
        }
        for shape in (ProblemDetails, shapes.DoubtfulProblem):
            own = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            parts["schemas"].update(own.pop("$defs", {}))
            parts["schemas"][shape.__name__] = own
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        made["paths"] = dict(sorted(made["paths"].items()))
        parts["schemas"] = dict(sorted(parts["schemas"].items()))
        app.openapi_schema = made
    return app.openapi_schema


def courier_of(app: FastAPI) -> Courier:
    """That carries the news of this application's store."""
    serving: Services = app.state.services
    return Courier(
        serving.store,
        serving.turns,
        serving.clock,
        serving.news,
        plain=serving.plain_webhooks,
        private=serving.private_webhooks,
        counted=app.state.figures.attempted,
    )


@contextlib.asynccontextmanager
async def served(app: FastAPI, listening: socket, *, seconds: int = 20) -> AsyncIterator[None]:
    """The application on a socket that listens already, and its courier; both end with the block.

    seconds: that requests in hand have to end.
    """
    server = Quiet(
        uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, server_header=False,
            timeout_keep_alive=30, timeout_graceful_shutdown=seconds,
        )
    )  # fmt: skip
    serving = asyncio.create_task(server.serve([listening]), name="api")
    carrying = asyncio.create_task(courier_of(app).run(), name="courier")
    try:
        yield
    finally:
        server.should_exit = True
        carrying.cancel()
        await asyncio.gather(serving, carrying, return_exceptions=True)


async def _store_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreFault)
    note_fault(error, problems.instance_of(request.scope))
    return await problems.answer(request, error)


def _open_routes(app: FastAPI) -> None:
    """What needs no key: the document, health, figures.  None of it tells anything of anybody."""

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(json.dumps(document(app), ensure_ascii=False), media_type="application/json")

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "alive"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        serving: Services = app.state.services
        await serving.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
        return {"status": "ready"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(generate_latest(app.state.figures.registry), media_type=CONTENT_TYPE_LATEST)
