"""Health, readiness and figures over HTTP, for load balancers, orchestrators and dashboards.

Rules: reads the store and what it is given, drives nothing; listens on loopback unless told otherwise.
Every answer is given on the controller's own loop: what it tells of belongs to it.
Ready means that a call would be taken now: events really flow and we are not draining.  Alive means only that we
answer; a controller that isn't ready is not to be killed for it, since it may hold calls.
"""

import asyncio
from collections.abc import Callable, Mapping
from socket import socket
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from domain import calls
from domain.store import Store
from ivr.console.quiet import Quiet


def application(
    store: Store,
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    remarks: Callable[[], Mapping[str, str]] = dict,
) -> FastAPI:
    """The HTTP application of one controller.  remarks: what `/readyz` tells beside, whatever it is."""
    app = FastAPI(title="Hotline controller", docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "alive"}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        if ready():
            return {"status": "ready", **remarks()}
        response.status_code = 503
        return {"status": "not ready: no events from Asterisk, or draining", **remarks()}

    @app.get("/metrics")
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/calls")
    async def latest(n: int = 20) -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction]
        """The last calls, without anything personal."""
        found = await asyncio.wrap_future(store.read(lambda conn: calls.latest(conn, max(1, min(n, 200)))))
        return [
            {
                "call": record.began.call,
                "began": record.began.at.isoformat(),
                "ended": record.ended_at.isoformat() if record.ended_at else None,
                "outcome": record.outcome,
                "to": record.to,
            }
            for record in found
        ]

    return app


async def serve(
    store: Store,
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    listening: socket,
    remarks: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Serve the application on a socket that listens already, until cancelled."""
    app = application(store, registry, ready, remarks)
    await Quiet(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).serve([listening])
