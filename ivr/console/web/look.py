"""From facts to a page.

Rules: everything is escaped (autoescape), a name that a template misspells is an error and not a hole; who may not
see personal data gets numbers masked by the filters, so that no page has to think of it.
"""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from domain.findings import Found
from domain.masking import masked_account, masked_phone
from domain.roles import Permission
from ivr.console.web import shapes, telling
from ivr.console.web.shapes import KYIV
from ivr.console.web.words import LANGUAGES, Tongue

HERE: Final = Path(__file__).parent
LANGUAGE_COOKIE: Final = "language"
FIRST_PIECE: Final = 2_000
PIECE: Final = 32_000

NAVIGATION: Final = (
    ("home", "/", None, "g h"),
    ("live", "/calls/live", Permission.WATCH_LIVE, "g l"),
    ("calls", "/calls", Permission.SEARCH_CALLS, "g c"),
    ("requests", "/requests", Permission.REQUESTS, "g r"),
    ("readings", "/readings", Permission.READINGS, "g m"),
    ("accounts", "/accounts", Permission.ACCOUNTS, "g a"),
    ("figures", "/figures", Permission.FIGURES, "g f"),
    ("quality", "/quality", Permission.REPLAY, "g q"),
    ("prompts", "/prompts", Permission.PROMPTS, "g p"),
    ("staff", "/staff", Permission.STAFF, "g s"),
    ("trail", "/trail", Permission.TRAIL, "g t"),
)
"""Part, address, what it asks for, keys."""


def language_of(request: Request) -> str:
    """The language chosen in this browser, else the person's, else what the browser asks for, else Ukrainian."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    person = getattr(request.state, "person", None)
    if person is not None:
        return str(person.language)
    for asked in request.headers.get("accept-language", "").split(","):
        if (tag := asked.strip()[:2].lower()) in LANGUAGES:
            return tag
    return LANGUAGES[0]


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page.  The template also knows: me (None when nobody is signed in), t, nonce, request, path."""
    return HTMLResponse(environment().get_template(template).render(_known(request) | context), status)


def render_as_it_comes(request: Request, template: str, **context: Any) -> StreamingResponse:
    """A long page, piece by piece: the browser reads its beginning while the rest is still being made.

    What could go wrong must have gone wrong before: once it has begun, a page can only be broken off.
    """
    made = environment().get_template(template).generate(_known(request) | context)
    return StreamingResponse(pieces(made), media_type="text/html; charset=utf-8")


def pieces(made: Iterator[str]) -> Iterator[bytes]:
    """Of `PIECE` characters and more; the first one is small, it names the scripts and styles."""
    kept: list[str] = []
    size, least = 0, FIRST_PIECE
    for each in made:
        kept.append(each)
        size += len(each)
        if size >= least:
            yield "".join(kept).encode()
            kept, size, least = [], 0, PIECE
    yield "".join(kept).encode()


def _known(request: Request) -> dict[str, Any]:
    """What every template knows."""
    person = getattr(request.state, "person", None)
    tongue = Tongue(language_of(request))
    return {
        "request": request,
        "path": request.url.path,
        "me": person,
        "t": tongue,
        "language": tongue.language,
        "languages": LANGUAGES,
        "nonce": nonce(request),
        "csrf_token": getattr(request.state, "csrf", ""),
        "navigation": [each for each in NAVIGATION if person is not None and person.may_see(each[2])],
        "now": request.app.state.desk.clock(),
    }


def redirect(url: str) -> RedirectResponse:
    """After a POST: see other.  url: a path of ours, never anything from a request that wasn't checked (`local`)."""
    return RedirectResponse(url, 303)


def local(url: str | None, otherwise: str = "/") -> str:
    """`url` if it is a path of this site, else `otherwise`: nobody is sent elsewhere by a link to us."""
    if url and url.startswith("/") and not url.startswith(("//", "/\\")) and url.isprintable() and "\\" not in url:
        return url
    return otherwise


def nonce(request: Request) -> str:
    """Of the styles that a library puts into this page; the Content-Security-Policy names it."""
    if not hasattr(request.state, "nonce"):
        request.state.nonce = secrets.token_urlsafe(16)
    return request.state.nonce


# Filters


@pass_context
def phone(context: Context, number: str | None) -> str:
    """+380 67 123 45 67, or +380 67 *** ** 67 for who may not see it."""
    if not number:
        return "–"
    shown = number if _personal(context) else masked_phone(number)
    return shapes.telephone(shown)


@pass_context
def account(context: Context, number: str | None) -> str:
    """1000000018, or 100****018 for who may not see it."""
    if not number:
        return "–"
    return number if _personal(context) else masked_account(number)


def _personal(context: Context) -> bool:
    me = context.get("me")
    return me is not None and me.may(Permission.PERSONAL)


@pass_context
def person(context: Context, login: str | None, *, plain: bool = False) -> str:
    """Somebody of the staff by name, the login as a title; plain: the name alone, within a sentence.

    Who is nobody of the staff (`cli:USER`, a system) stays as written."""
    if not login:
        return "–"
    name = context["request"].app.state.desk.names.get(login)
    if name is None or plain:
        return name or login
    return Markup('<span title="{}">{}</span>').format(login, name)


@pass_context
def day(context: Context, at: date | datetime | None, *, year: bool = False) -> str:
    """22 лис, with the year when it is another one or asked for; Kyiv's day of a moment."""
    if at is None:
        return "–"
    that = at.astimezone(KYIV).date() if isinstance(at, datetime) else at
    this_year = context["now"].astimezone(KYIV).year
    return shapes.day(that, context["t"], year=year or that.year != this_year)


@pass_context
def month(context: Context, that: date) -> str:
    """листопад 2026."""
    return shapes.month(that, context["t"])


def clock(at: datetime | None, *, seconds: bool = False) -> str:
    """14:25 in Kyiv."""
    if at is None:
        return "–"
    return f"{at.astimezone(KYIV):%H:%M:%S}" if seconds else f"{at.astimezone(KYIV):%H:%M}"


@pass_context
def moment(context: Context, at: datetime | None, *, seconds: bool = False) -> Markup:
    """Day and time of Kyiv, as <time>."""
    if at is None:
        return Markup("–")
    return Markup('<time datetime="{}">{}&nbsp;{}</time>').format(
        at.astimezone(UTC).isoformat(), day(context, at), clock(at, seconds=seconds)
    )


def span(seconds: float | timedelta | None) -> str:
    """83.2 -> 1:23; from an hour on 1:02:03."""
    if seconds is None:
        return "–"
    whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


@pass_context
def number(context: Context, value: float | None, places: int = 0) -> str:
    """12 345,6 with spaces that don't break; 12,345.6 in English."""
    return context["t"].number(value, places)


@pass_context
def money(context: Context, kopiykas: int | None) -> str:
    """12345 -> 123,45 ₴; ₴123.45 in English."""
    return context["t"].money(kopiykas)


@pass_context
def percent(context: Context, share: float | None, places: int = 0) -> str:
    """0.873 -> 87 %; 87% in English."""
    return context["t"].percent(share, places)


@pass_context
def about(context: Context, call: Found) -> str:
    """What a call was about."""
    return telling.about(call.matter, call.request_kind, call.topic, context["t"])


@pass_context
def csrf(context: Context) -> Markup:
    """The hidden field that every form of ours carries."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(context["csrf_token"])


@cache
def static(name: str) -> str:
    """The address of a static file, which changes when the file does: browsers may keep it for ever."""
    return f"/static/{name}?v={sha256((HERE / 'static' / name).read_bytes()).hexdigest()[:12]}"


@cache
def environment() -> Environment:
    """Templates, filters and functions."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "phone": phone, "account": account, "person": person, "day": day, "clock": clock, "month": month,
        "moment": moment, "span": span, "number": number, "money": money, "percent": percent,
        "about": about,
    }  # fmt: skip
    made.globals |= {"static": static, "csrf": csrf, "Permission": Permission, "attributes": _attributes}
    return made


def _attributes(**given: Any) -> Markup:
    """HTML attributes of what is not None or False; True is an attribute without a value."""
    shown = [
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in ((n.rstrip("_").replace("_", "-"), v) for n, v in given.items())
        if value is not None and value is not False
    ]
    return Markup("").join(shown)


__all__ = ["KYIV", "environment", "language_of", "local", "masked_account", "masked_phone", "redirect", "render"]
