"""Requests that change something: done once, however often they come.

Rule: the deed and its answer are one transaction (`domain.idempotency`).  A request that is refused changes nothing
and uses up no key; one that is answered "doubtful" has changed something (the value is kept), and has.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from domain import idempotency
from domain.clients import Client
from domain.idempotency import Answer
from domain.store import Connection
from ivr.console.api import problems
from ivr.console.api.access import Services
from ivr.console.api.problems import Problem

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Yours for this one request, e.g. a UUID. Sent again with the same request it is answered as the "
        "first time (`Idempotent-Replayed: true`) and nothing is done twice; remembered for 7 days.",
        examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ),
]

Deed = Callable[[Connection, datetime], Answer]

JSON: Final = "application/json"


def made(what: BaseModel, *, location: str | None = None, status: int = 201) -> Answer:
    """It was done."""
    return Answer(status, what.model_dump_json(), location)


def refused(problem: Problem) -> Answer:
    """Something was kept, but not what was wanted."""
    return Answer(
        problem.status, problems.ProblemDetails.model_validate(problem.body()).model_dump_json(exclude_none=True)
    )


async def once(
    request: Request, serving: Services, client: Client, key: str, body: BaseModel | None, deed: Deed
) -> Response:
    """Do it, or answer as the first time.  Raises what the deed raises; KeyReused, KeyInUse, Problem."""
    told = body.model_dump_json(exclude_unset=True).encode() if body else b""
    same = idempotency.fingerprint(request.method, request.url.path, told)
    now = serving.clock()

    def job(conn: Connection) -> tuple[Answer, bool]:
        before = idempotency.recall(conn, client.id, key, same)
        if before is not None:
            return before, True
        answer = deed(conn, now)
        idempotency.keep(conn, client.id, key, same, answer, now)
        return answer, False

    flight = (client.id, key)
    if flight in serving.flights:
        raise Problem(409, "in-progress", "ask again in a second", headers={"Retry-After": "1"})
    serving.flights.add(flight)
    try:
        answer, replayed = await serving.write(job)
    finally:
        serving.flights.discard(flight)
    headers = {"Idempotent-Replayed": "true"} if replayed else {}
    if answer.location:
        headers["Location"] = answer.location
    media = JSON if answer.status < 400 else problems.MEDIA
    return Response(answer.body, answer.status, headers, media)
