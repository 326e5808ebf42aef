"""Signing in and out, one's own password and sessions.

Rules
1. What was wrong is never told apart: an unknown login, a disabled one and a wrong password look and take the same.
2. A sign-in makes a new session and ends the one that this browser had: nobody can put theirs on somebody else.
3. The form to sign in carries a token of this browser (a cookie), so that nobody is signed in as somebody else by a
   page from elsewhere.
4. `next` leads to a path of ours or nowhere.
"""

import secrets
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Annotated, Final

from fastapi import Form, Query, Request, Response

from domain import passwords, staff, staffing, throttle
from domain.passwords import BadPassword
from domain.staff import Person, Refused
from domain.store import Connection
from domain.throttle import Keys
from ivr.console.web import gate
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, Me, drop_session, page, same, set_session, token_of
from ivr.console.web.hashing import Busy, Hashing
from ivr.console.web.look import local, redirect, render
from ivr.console.web.oidc import COMPANY, Company, Doubt

router = gate.router()

VISITOR: Final = "visitor"
COMPANY_COOKIE: Final = "company"
CLEAR: Final = '"cache"'
"""What a browser forgets when somebody leaves: pages that "back" would show; not the chosen language and colours."""

_HASHING = Hashing()


@router.get("/sign-in", **page(open_=True))
async def sign_in(
    request: Request, serving: InDesk, next_: Annotated[str, Query(alias="next", max_length=2000)] = "/",
    left: str = "",
) -> Response:  # fmt: skip
    """The form; who is signed in already goes on."""
    if request.state.person is not None:
        return redirect(local(next_))
    return await _form(request, serving, local(next_), left=left == "1")


@router.post("/sign-in", **page(open_=True, largest=16 * 1024))
async def signed_in(
    request: Request,
    serving: InDesk,
    login: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next_: Annotated[str, Form(alias="next", max_length=2000)] = "/",
    csrf: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Look at the password.  303 to `next`; 422 wrong, 429 too often, 503 too many at once, 403 not our form."""
    there = local(next_)
    visitor = request.cookies.get(_name(serving, VISITOR), "")
    if not visitor or not same(csrf, staff.csrf_of(visitor)):
        return await _form(request, serving, there, 403, login=login, error="stale")
    try:
        answer = await _proven(request, serving, login, password)
    except Busy:
        return await _later(request, serving, there, login, timedelta(seconds=5), 503)
    if isinstance(answer, Refused):
        if answer.wait > timedelta():
            return await _later(request, serving, there, login, answer.wait, 429)
        return await _form(request, serving, there, 422, login=login, error="wrong")
    return await _let_in(request, serving, answer, "/password" if answer.must_change else there)


@router.post("/sign-out", **page())
async def signed_out(request: Request, serving: InDesk) -> Response:
    """End this session."""
    token, now = token_of(request) or "", serving.clock()
    await serving.write(lambda conn: staff.session_close(conn, token, now))
    answer = redirect("/sign-in?left=1")
    drop_session(serving, answer)
    answer.headers["Clear-Site-Data"] = CLEAR
    return answer


@router.get("/password", **page())
async def own(request: Request, serving: InDesk, me: Asking, done: str = "") -> Response:
    """One's own password and sessions."""
    return await _own(request, serving, me, done=done if done in ("password", "sessions") else "")


@router.post("/password", **page())
async def change(
    request: Request,
    serving: InDesk,
    me: Asking,
    old: Annotated[str, Form(max_length=1000)] = "",
    new: Annotated[str, Form(max_length=1000)] = "",
    again: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Change it, knowing the old one; every session ends, and this browser gets a new one."""
    person = me.session.person
    if not person.by_password:
        return await _own(request, serving, me, 422, errors={"old": "elsewhere"})
    errors = _wrong(person, old, new, again)
    if errors:
        return await _own(request, serving, me, 422, errors=errors)
    try:
        answer = await _proven(request, serving, person.login, old)
        if isinstance(answer, Refused):
            status = 429 if answer.wait else 422
            shown = await _own(request, serving, me, status, errors={"old": "wait" if answer.wait else "wrong"},
                               seconds=_seconds(answer.wait))  # fmt: skip
            return _with_retry(shown, answer.wait)
        hashed = await _HASHING.do(partial(passwords.hashed, new))
    except Busy:
        return _with_retry(await _own(request, serving, me, 503, errors={"old": "busy"}), timedelta(seconds=5))
    now = serving.clock()
    changed = await serving.write(lambda conn: staffing.change_password(conn, person, hashed, at=now))
    return await _let_in(request, serving, changed, "/password?done=password", way=me.session.way)


@router.post("/password/sessions", **page())
async def end(
    request: Request, serving: InDesk, me: Asking, number: Annotated[int | None, Form(ge=1)] = None
) -> Response:
    """End one of one's own sessions; all but this one when none is named."""
    now = serving.clock()

    def job(conn: Connection) -> None:
        if number is None:
            staff.sessions_close_all(conn, me.id, now, but=me.session.id)
        else:
            staff.session_end(conn, me.id, number, now)

    await serving.write(job)
    return redirect("/password?done=sessions")


# The company's own sign-in (OpenID Connect)


@router.get("/sign-in/company", **page(open_=True))
async def to_company(
    request: Request, serving: InDesk, next_: Annotated[str, Query(alias="next", max_length=2000)] = "/"
) -> Response:
    """Go there; what comes back is known by a cookie of ten minutes."""
    company = _company(serving)
    if company is None:
        return redirect("/sign-in")
    key = secrets.token_urlsafe(32)
    try:
        there = await company.address(key)
    except Doubt as doubt:
        return await _refused_there(request, serving, doubt)
    answer = Response(status_code=303, headers={"Location": there})
    answer.set_cookie(
        _name(serving, COMPANY_COOKIE), f"{key} {local(next_)}".encode().hex(), max_age=600, path="/", httponly=True,
        samesite="lax", secure=serving.https,
    )  # fmt: skip
    return answer


@router.get("/sign-in/company/back", **page(open_=True))
async def from_company(
    request: Request, serving: InDesk, code: Annotated[str, Query(max_length=4000)] = "",
    state: Annotated[str, Query(max_length=200)] = "", error: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """Who comes back: let in when the company says who it is and one of their groups has a role here."""
    company = _company(serving)
    if company is None:
        return redirect("/sign-in")
    key, there = _kept(request.cookies.get(_name(serving, COMPANY_COOKIE), ""))
    if not key:  # nobody was sent from here: whoever wants to could fill the trail
        return await _form(request, serving, "/", 403, error="company_state")
    now = serving.clock()
    try:
        who = await company.who(key, code, state, error, now)
        person = await serving.write(
            lambda conn: staffing.from_issuer(
                conn, issuer=company.issuer, subject=who.subject, logins=who.logins, name=who.name, role=who.role,
                language=who.language, make=company.make, at=now,
            )
        )  # fmt: skip
        if person is None:
            raise Doubt("no_account", f"no account for any of {', '.join(who.logins)}")
    except Doubt as doubt:
        return await _refused_there(request, serving, doubt)
    answer = await _let_in(request, serving, person, there, way=COMPANY)
    answer.delete_cookie(_name(serving, COMPANY_COOKIE), path="/", secure=serving.https, httponly=True)
    return answer


async def _refused_there(request: Request, serving: Desk, doubt: Doubt) -> Response:
    """Counted like a wrong password from this address; during a pause nothing is written."""
    now, place = serving.clock(), address(request)

    def job(conn: Connection) -> timedelta:
        wait = throttle.claim(conn, Keys.of(COMPANY, place), now, known=True)
        if not wait:
            staff.note_refused(conn, place, doubt.why, at=now, way=COMPANY, because=str(doubt))
        return wait

    wait = await serving.write(job)
    if wait:
        return await _later(request, serving, "/", "", wait, 429)
    answer = await _form(request, serving, "/", 403, error=f"company_{doubt.why}")
    answer.delete_cookie(_name(serving, COMPANY_COOKIE), path="/", secure=serving.https, httponly=True)
    return answer


def _kept(cookie: str) -> tuple[str, str]:
    """The key and where to go afterwards."""
    try:
        key, _, there = bytes.fromhex(cookie).decode().partition(" ")
    except ValueError:
        return "", "/"
    return key, local(there)


def _company(serving: Desk) -> Company | None:
    return serving.facts.get("company")


# What they share


def address(request: Request) -> str:
    """Where the browser is."""
    return request.client.host if request.client else "?"


async def _proven(request: Request, serving: Desk, login: str, password: str) -> Person | Refused:
    """Raises Busy, and then nothing was counted."""
    if _HASHING.full:
        raise Busy
    now, place = serving.clock(), address(request)
    tried = await serving.write(lambda conn: staff.attempt(conn, login, address=place, at=now))
    if isinstance(tried, Refused):
        return tried
    proof = await _HASHING.do(partial(passwords.prove, tried.hash, password))
    return await serving.write(lambda conn: staff.settle(conn, tried, proof, now))


async def _let_in(request: Request, serving: Desk, person: Person, there: str, *, way: str = "password") -> Response:
    """A new session for this browser; the one it had ends."""
    now, before = serving.clock(), token_of(request)
    place, agent = address(request), request.headers.get("user-agent", "")

    def job(conn: Connection) -> str:
        if before:
            staff.session_close(conn, before, now)
        return staff.session_open(conn, person, address=place, agent=agent, at=now, way=way)

    token = await serving.write(job)
    answer = redirect(there)
    set_session(serving, answer, token)
    answer.delete_cookie(_name(serving, VISITOR), path="/", secure=serving.https, httponly=True, samesite="lax")
    return answer


async def _form(
    request: Request, serving: Desk, there: str, status: int = 200, *, login: str = "", error: str = "",
    seconds: int = 0, left: bool = False,
) -> Response:  # fmt: skip
    name = _name(serving, VISITOR)
    visitor = request.cookies.get(name) or secrets.token_urlsafe(32)
    request.state.csrf = staff.csrf_of(visitor)
    company = _company(serving)
    shown = render(
        request, "access/sign_in.html", status, there=there, login=login, error=error, seconds=seconds, left=left,
        company=company is not None, leave=await company.leave() if company is not None and left else None,
    )  # fmt: skip
    if not request.cookies.get(name):
        shown.set_cookie(name, visitor, path="/", httponly=True, samesite="lax", secure=serving.https)
    return shown


async def _later(request: Request, serving: Desk, there: str, login: str, wait: timedelta, status: int) -> Response:
    error = "wait" if status == 429 else "busy"
    shown = await _form(request, serving, there, status, login=login, error=error, seconds=_seconds(wait))
    return _with_retry(shown, wait)


def _with_retry(answer: Response, wait: timedelta) -> Response:
    if wait > timedelta():
        answer.headers["Retry-After"] = str(_seconds(wait))
    return answer


def _seconds(wait: timedelta) -> int:
    return ceil(wait.total_seconds())


async def _own(
    request: Request, serving: Desk, me: Me, status: int = 200, *, errors: dict[str, str] | None = None,
    done: str = "", seconds: int = 0,
) -> Response:  # fmt: skip
    now = serving.clock()
    going = await serving.read(lambda conn: staff.sessions_of(conn, me.id, now))
    return render(
        request, "access/own.html", status, person=me.session.person, sessions=going, here=me.session.id,
        errors=errors or {}, done=done, seconds=seconds, least=passwords.LEAST, most=passwords.MOST,
    )  # fmt: skip


def _wrong(person: Person, old: str, new: str, again: str) -> dict[str, str]:
    """What is wrong with the fields, by their names, in words of ours."""
    errors: dict[str, str] = {}
    if not old:
        errors["old"] = "missing"
    try:
        passwords.check(new, person.login, person.name, old)
    except BadPassword as fault:
        errors["new"] = "same" if new == old and fault.because == "login" else fault.because
    if new != again:
        errors["again"] = "differs"
    return errors


def _name(serving: Desk, name: str) -> str:
    """Of a cookie; with https it is bound to this host by the browser itself."""
    return f"__Host-{name}" if serving.https else name
