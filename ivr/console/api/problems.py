"""What went wrong, in the words of RFC 9457 (problem details), for every error that leaves us.

Rules
1. Each kind of problem has a type that never changes (`urn:hotline:problem:...`): a program can tell them apart.
2. What the client sent is not repeated; nothing of our inside is told.  `instance` leads whoever looks after us to
   the line in the log.
3. A fault of ours is a 5xx and says when to try again, where trying again can help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from domain.handling import Unanswerable
from domain.idempotency import KeyInUse, KeyReused
from domain.store import StoreFault

MEDIA: Final = "application/problem+json"
PREFIX: Final = "urn:hotline:problem:"

TITLES: Final[Mapping[str, str]] = {
    "malformed": "The request can't be read",
    "invalid": "The request says something impossible",
    "idempotency-key-missing": "A request that changes something needs an Idempotency-Key",
    "no-key": "No valid API key was given",
    "not-allowed": "The key does not have the right that this needs",
    "not-found": "There is no such thing",
    "no-method": "This can't be done to that address",
    "conflict": "It can't be done as things stand",
    "doubtful": "A value is doubtful: ask the customer, then send it again",
    "in-progress": "The same request is being worked at",
    "too-large": "The request is too large",
    "not-json": "The request is not application/json",
    "unanswerable": "The business can't do that",
    "key-reused": "The Idempotency-Key was used for another request",
    "too-many": "Too many requests",
    "fault": "Something is wrong on our side",
    "busy": "We can't do that at the moment",
}
"""Kind -> title."""

_KINDS: Final[Mapping[int, str]] = {400: "malformed", 404: "not-found", 405: "no-method", 413: "too-large"}


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid")

    where: str = Field(description="`body`, `query`, `path` or `header`", examples=["body"])
    pointer: str = Field(description="JSON pointer within the body, or the name", examples=["/readings/0/value"])
    detail: str = Field(examples=["Input should be a valid integer"])


class ProblemDetails(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="never changes for one kind of problem", examples=["urn:hotline:problem:not-found"])
    title: str = Field(examples=["There is no such thing"])
    status: Annotated[int, Field(ge=400, le=599, examples=[404])]
    detail: str | None = Field(None, description="what to do about it", examples=["there is no such account"])
    instance: str | None = Field(None, description="of this one occurrence; names it in our log")
    errors: list[Wrong] | None = Field(None, description="what is wrong with the request, of type `invalid`")


@dataclass
class Problem(Exception):
    """An error that leaves us.  more: further members; headers: of the response."""

    status: int
    kind: str
    detail: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, instance: str | None = None) -> dict[str, Any]:
        """As JSON."""
        said = {
            "type": PREFIX + self.kind,
            "title": TITLES[self.kind],
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        return {name: value for name, value in said.items() if value is not None} | dict(self.more)


def of(error: Exception) -> Problem:
    """The problem that this is for whoever asked; a mistake of ours when we don't know better."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error.errors())
        case KeyReused():
            return Problem(422, "key-reused", str(error))
        case KeyInUse():
            return Problem(409, "in-progress", str(error), headers={"Retry-After": "1"})
        case Unanswerable():
            return Problem(422, "unanswerable", str(error))
        case StoreFault():
            return Problem(
                503, "busy", "nothing was kept: send it again, with the same key", headers={"Retry-After": "5"}
            )
        case HTTPException():
            if error.status_code not in _KINDS and error.status_code < 500:
                return Problem(error.status_code, "malformed", HTTPStatus(error.status_code).phrase)
            kind = _KINDS.get(error.status_code, "fault")
            return Problem(error.status_code, kind, headers=dict(error.headers or {}))
        case _:
            return Problem(500, "fault", "it was noted; tell us the instance if it happens again")


def response(problem: Problem, instance: str | None) -> Response:
    """As it is sent."""
    return JSONResponse(problem.body(instance), problem.status, dict(problem.headers), media_type=MEDIA)


async def answer(request: Request, error: Exception) -> Response:
    """The handler of errors of the framework and of ours."""
    return response(of(error), instance_of(request.scope))


def instance_of(scope: Any) -> str | None:
    """The name of this exchange of request and response."""
    return scope.get("state", {}).get("instance")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer beside its result, for the OpenAPI document."""
    always = (401, 403, 429, 500, 503)
    return {
        status: {
            "description": _DESCRIBED[status],
            "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in sorted({*always, *statuses})
    }


_DESCRIBED: Final[Mapping[int, str]] = {
    400: "The request can't be read, or lacks an Idempotency-Key.",
    401: "No key was given, or one that is unknown or revoked.",
    403: "The key does not have the right that this needs.",
    404: "There is no such thing, or not for this client.",
    409: "It can't be done as things stand; the type says why.",
    413: "The body is larger than 64 KiB.",
    415: "The body is not application/json.",
    422: "The request says something impossible; `errors` says what.",
    429: "Too many requests: `Retry-After` says for how many seconds to wait.",
    500: "A mistake of ours.",
    503: "We can't do it now and kept nothing: try again after `Retry-After` seconds, with the same Idempotency-Key.",
}


def _invalid(errors: Sequence[Any]) -> Problem:
    found: list[dict[str, str]] = []
    for error in errors:
        where, *path = (str(part) for part in error["loc"])
        if error["type"] == "json_invalid":
            return Problem(400, "malformed", f"the body is no JSON, from character {path[0] if path else 0} on")
        if (
            where == "header"
            and [name.lower() for name in path] == ["idempotency-key"]
            and error["type"] == "missing"
        ):
            return Problem(400, "idempotency-key-missing", "send one: a UUID, the same when you send this again")
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
        name = pointer if where == "body" else ".".join(path)
        found.append(
            Wrong(where=where, pointer=name[:200], detail=error["msg"].removeprefix("Value error, ")).model_dump()
        )
    return Problem(422, "invalid", more={"errors": found[:50]})
