"""Accounts of staff: who works here and what they may do.

Rules: what can't be done is said beside the person and nothing was done (domain.staffing); a temporary password is
shown once, in the answer to the request that made it, and stands nowhere else.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import Form, Request, Response
from starlette.exceptions import HTTPException

from domain import passwords, staff, staffing, trail
from domain.model import Language
from domain.roles import TABLE, Permission, Role
from domain.staff import BadLogin, LoginTaken, NoSuchPerson, Person
from domain.staffing import LastAdministrator, OwnAccount
from domain.store import Connection
from ivr.console.web import gate
from ivr.console.web.deeds import Deeds
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, page
from ivr.console.web.hashing import Busy, Hashing
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.words import Tongue

router = gate.router("/staff")

_HASHING = Hashing()


@router.get("", **page(Permission.STAFF))
async def everybody(request: Request, serving: InDesk) -> Response:
    """All accounts, those who are out last."""

    def job(conn: Connection) -> Any:
        return staff.listed(conn), staff.last_seen(conn)

    people, seen = await serving.read(job)
    people.sort(key=lambda each: (not each.active, each.login))
    return render(request, "staff/all.html", people=people, seen=seen, roles=TABLE)


@router.get("/add", **page(Permission.STAFF))
async def form(request: Request) -> Response:
    """For a new account."""
    return _form(request)


@router.post("/add", **page(Permission.STAFF))
async def add(
    request: Request,
    serving: InDesk,
    me: Asking,
    login: Annotated[str, Form(max_length=200)] = "",
    name: Annotated[str, Form(max_length=400)] = "",
    role: Annotated[str, Form(max_length=20)] = "",
    language: Annotated[str, Form(max_length=2)] = "uk",
    way: Annotated[str, Form(max_length=20)] = "password",
) -> Response:
    """Make it; with a temporary password, which is shown once, or without one for the company's sign-in."""
    given = {"login": login, "name": name, "role": role, "language": language, "way": way}
    errors: dict[str, str] = {}
    if role not in set(Role):
        errors["role"] = "choose"
    if not staff.LOGIN.fullmatch(staff.normal(login)):
        errors["login"] = "login"
    if not name.strip() or len(name) > 120 or not name.isprintable():
        errors["name"] = "name"
    if errors or language not in set(Language):
        return _form(request, given, errors)
    try:
        password, hashed = (None, None) if way == "company" else await _temporary()
        now = serving.clock()
        made = await serving.write(
            lambda conn: staffing.hire(
                conn, by=me.login, login=login, name=name, role=Role(role), language=Language(language),
                hashed=hashed, at=now, temporary=hashed is not None,
            )
        )  # fmt: skip
    except LoginTaken:
        return _form(request, given, {"login": "taken"})
    except BadLogin:
        return _form(request, given, {"login": "login"})
    except Busy:
        return _busy()
    return await _one(request, serving, me.login, made.login, password=password, done="added")


@router.get("/{login}", **page(Permission.STAFF))
async def one(request: Request, serving: InDesk, me: Asking, login: str, done: str = "") -> Response:
    """One account."""
    return await _one(request, serving, me.login, login, done=done if done in DONE else "")


@router.post("/{login}/role", **page(Permission.STAFF))
async def role(
    request: Request, serving: InDesk, me: Asking, login: str, role: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Give a role."""
    if role not in set(Role):
        return await _one(request, serving, me.login, login, 422, error="choose")
    return await _do(request, serving, me.login, login, "role", partial(staffing.set_role, role=Role(role)))


@router.post("/{login}/disable", **page(Permission.STAFF))
async def disable(request: Request, serving: InDesk, me: Asking, login: str) -> Response:
    """Lock somebody out."""
    return await _do(request, serving, me.login, login, "disabled", staffing.disable)


@router.post("/{login}/enable", **page(Permission.STAFF))
async def enable(request: Request, serving: InDesk, me: Asking, login: str) -> Response:
    """Let somebody in again."""
    return await _do(request, serving, me.login, login, "enabled", staffing.enable)


@router.post("/{login}/sessions", **page(Permission.STAFF))
async def sign_out(request: Request, serving: InDesk, me: Asking, login: str) -> Response:
    """End all their sessions."""
    return await _do(request, serving, me.login, login, "signed_out", staffing.end_sessions)


@router.post("/{login}/password", **page(Permission.STAFF))
async def password(request: Request, serving: InDesk, me: Asking, login: str) -> Response:
    """A temporary password, shown once."""
    try:
        given, hashed = await _temporary()
    except Busy:
        return _busy()
    now = serving.clock()
    try:
        await serving.write(lambda conn: staffing.give_password(conn, login, hashed, by=me.login, at=now))
    except NoSuchPerson:
        raise HTTPException(404) from None
    except OwnAccount:
        return await _one(request, serving, me.login, login, 422, error="own")
    return await _one(request, serving, me.login, login, password=given, done="password")


DONE = frozenset({"role", "disabled", "enabled", "signed_out"})


async def _do(request: Request, serving: Desk, me: str, login: str, done: str, deed: Any) -> Response:
    now = serving.clock()
    try:
        await serving.write(lambda conn: deed(conn, login, by=me, at=now))
    except NoSuchPerson:
        raise HTTPException(404) from None
    except OwnAccount:
        return await _one(request, serving, me, login, 422, error="own")
    except LastAdministrator:
        return await _one(request, serving, me, login, 422, error="last")
    return redirect(f"/staff/{staff.normal(login)}?done={done}")


async def _one(
    request: Request, serving: Desk, me: str, login: str, status: int = 200, *, error: str = "", done: str = "",
    password: str | None = None,
) -> Response:  # fmt: skip
    now = serving.clock()

    def job(conn: Connection) -> tuple[Person, Any, Any]:
        person = staff.of_login(conn, login)
        return (
            person,
            staff.sessions_of(conn, person.id, now),
            trail.page(conn, of=person.login, what="staff", size=20),
        )

    try:
        person, sessions, deeds = await serving.read(job)
    except NoSuchPerson:
        raise HTTPException(404) from None
    return render(
        request, "staff/one.html", status, person=person, sessions=sessions, deeds=deeds, own=person.login == me,
        told=Deeds(Tongue(language_of(request)), serving.names),
        error=error, done=done, password=password, days=staff.TEMPORARY.days, roles=list(Role),
    )  # fmt: skip


def _form(request: Request, given: dict[str, str] | None = None, errors: dict[str, str] | None = None) -> Response:
    return render(
        request, "staff/add.html", 422 if given else 200, given=given or {}, errors=errors or {}, roles=list(Role),
        company=request.app.state.desk.facts.get("company") is not None,
    )  # fmt: skip


async def _temporary() -> tuple[str, str]:
    """A password and its hash.  Raises Busy."""
    given = passwords.temporary()
    return given, await _HASHING.do(partial(passwords.hashed, given))


def _busy() -> Response:
    raise HTTPException(429, headers={"Retry-After": "5"})
