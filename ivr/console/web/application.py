"""The console of supervisors: its parts, put together.

Rules: a process of its own (`ivr console`), so that no load on it delays a caller; it reads the store and the
archive, never live objects; a part is a module with a `router`, and knows no other part but by its addresses.
"""

import logging
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from domain.store import StoreFault
from ivr.console.web import look, parts
from ivr.console.web.desk import Desk
from ivr.console.web.frame import Frame, around
from ivr.console.web.gate import page, router
from ivr.console.web.look import HERE, LANGUAGE_COOKIE, LANGUAGES, local, redirect, render

log = logging.getLogger(__name__)

YEAR: Final = 365 * 24 * 3600

own, last = router(), router()


def console(desk: Desk) -> FastAPI:
    """The application."""
    app = FastAPI(title="Hotline console", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.desk = desk
    app.include_router(own)
    for part in parts.routers():
        app.include_router(part)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(last)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(StoreFault, _store_failed)
    app.add_exception_handler(Exception, _our_mistake)
    app.add_middleware(Frame, https=desk.https)
    return app


@own.get("/healthz", **page(open_=True))
async def healthz() -> Response:
    return Response('{"status": "alive"}', media_type="application/json")


@own.get("/readyz", **page(open_=True))
async def readyz(request: Request) -> Response:
    await request.app.state.desk.read(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())
    return Response('{"status": "ready"}', media_type="application/json")


@own.post("/language", **page(open_=True))
async def language(request: Request) -> Response:
    """The language of this browser."""
    form = await request.form()
    back = redirect(local(str(form.get("next", "/"))))
    chosen = form.get("language")
    if chosen in LANGUAGES:
        back.set_cookie(
            LANGUAGE_COOKIE, str(chosen), max_age=YEAR, httponly=True, samesite="lax",
            secure=request.app.state.desk.https,
        )  # fmt: skip
    return back


@last.get("/{path:path}", **page())
async def nowhere(path: str) -> Response:
    """Whatever else is asked for: who isn't signed in does not learn what there is."""
    raise HTTPException(404)


def fault(request: Request, status: int, key: str, **facts: object) -> Response:
    """A page that says what is wrong and what can be done."""
    if not hasattr(request.state, "person"):
        request.state.person, request.state.csrf = None, ""
    return render(request, "fault.html", status, key=key, facts=facts)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = error.status_code if error.status_code in (401, 403, 404, 405, 409, 410, 413, 416, 429) else 400
    answer = fault(request, error.status_code, f"console.fault_{known}")
    answer.headers.update(error.headers or {})
    return answer


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    log.info("not understood: %s", [each["loc"] for each in error.errors()])
    return fault(request, 422, "console.fault_400")


async def _store_failed(request: Request, error: Exception) -> Response:
    log.error("%s", error)
    answer = fault(request, 503, "console.fault_503")
    answer.headers["Retry-After"] = "5"
    return answer


async def _our_mistake(request: Request, error: Exception) -> Response:
    log.error("a mistake of ours", exc_info=error)
    answer = fault(request, 500, "console.fault_500")
    for name, value in around(request, https=request.app.state.desk.https).items():  # it is made outside the frame
        answer.headers[name.decode()] = value.decode()
    return answer


__all__ = ["console", "fault", "look"]
