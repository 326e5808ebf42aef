"""The audit log: who did what, and whether it is whole.

Rules: a page by its last row's number (rows only come, so nothing repeats or is skipped); days are Kyiv's; who takes
it away as CSV is in it; a cell that a spreadsheet would reckon is made text (OWASP, CSV injection).
"""

import csv
import io
import json
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from starlette.exceptions import HTTPException

from domain import trail
from domain.roles import Permission
from domain.store import Connection
from domain.trail import Entry, Head, Walk
from ivr.console.web import gate
from ivr.console.web.deeds import Deeds, grouped
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, Me, page
from ivr.console.web.given import day
from ivr.console.web.look import KYIV, language_of, render
from ivr.console.web.masked import hidden_entry, names_customer
from ivr.console.web.words import Tongue

router = gate.router("/trail")

SIZE: Final = 50
MOST: Final = 100_000
"""Rows of a file."""

Text = Annotated[str, Query(max_length=200)]


@router.get("", **page(Permission.TRAIL))
async def shown(
    request: Request, serving: InDesk, me: Asking, who: Text = "", what: Text = "", of: Text = "",
    since: Text = "", until: Text = "", before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:  # fmt: skip
    """A page of it, the newest first.  Who may not see personal data can't look for a customer's number either."""
    wanted = _wanted(who, what, of, since, until)
    if _in_vain(me, wanted):
        return await _page(request, serving, me, {**wanted, "of": ""}, before, 422, refused=True)
    return await _page(request, serving, me, wanted, before)


@router.post("/verify", **page(Permission.TRAIL))
async def verify(
    request: Request, serving: InDesk, me: Asking, head: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Walk the whole chain, through a head that was kept if one is given; others get their turn in between."""
    try:
        heads = [Head.read(head)] if head.strip() else []
    except ValueError:
        return await _page(request, serving, me, {}, None, 422, head=head, bad_head=True)
    walk = Walk(*heads)
    while await serving.read(walk.step):
        pass
    verdict, now = walk.verdict, serving.clock()
    assert verdict is not None
    await serving.write(
        lambda conn: trail.note(conn, me.login, "trail.verified", at=now, rows=verdict.rows, fault=verdict.fault)
    )
    return await _page(request, serving, me, {}, None, verdict=verdict, head=head)


@router.get("/rows.csv", **page(Permission.TRAIL, also=Permission.LISTS))
async def rows(
    serving: InDesk, me: Asking, who: Text = "", what: Text = "", of: Text = "", since: Text = "", until: Text = ""
) -> Response:
    """What the filters leave, as a file; at most the last 100 000 rows."""
    wanted, now = _wanted(who, what, of, since, until), serving.clock()
    if _in_vain(me, wanted):
        raise HTTPException(403)
    found = await serving.read(lambda conn: trail.page(conn, **_asked(wanted), size=MOST))
    kept = {name: value for name, value in wanted.items() if value}
    await serving.write(
        lambda conn: trail.note(conn, me.login, "trail.exported", at=now, rows=len(found), filters=kept)
    )
    return Response(
        _csv(_for(me, found)), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="trail-{now.astimezone(KYIV):%Y-%m-%d}.csv"'},
    )  # fmt: skip


async def _page(
    request: Request,
    serving: Desk,
    me: Me,
    wanted: dict[str, str],
    before: int | None,
    status: int = 200,
    **more: Any,
) -> Response:
    def job(conn: Connection) -> Any:
        found = trail.page(conn, **_asked(wanted), before=before, size=SIZE + 1)
        return found, trail.deeds(conn), trail.head(conn)

    found, deeds, last = await serving.read(job)
    kept = urlencode({name: value for name, value in wanted.items() if value})
    older = f"{kept}&before={found[SIZE - 1].n}".lstrip("&") if len(found) > SIZE else None
    return render(
        request, "trail/all.html", status, rows=_for(me, found[:SIZE]), deeds=grouped(deeds), last=last,
        told=Deeds(Tongue(language_of(request)), serving.names), names=serving.names, wanted=_blank(wanted),
        kept=kept, older=older, newest=before is None,
        **{"verdict": None, "head": "", "bad_head": False, "refused": False, **more},
    )  # fmt: skip


def _in_vain(me: Me, wanted: dict[str, str]) -> bool:
    return names_customer(wanted["of"]) and not me.may(Permission.PERSONAL)


def _for(me: Me, rows: list[Entry]) -> list[Entry]:
    """As they may see them."""
    return rows if me.may(Permission.PERSONAL) else [hidden_entry(row) for row in rows]


def _wanted(who: str, what: str, of: str, since: str, until: str) -> dict[str, str]:
    given = {"who": who, "what": what, "of": of, "since": since, "until": until}
    return {name: value.strip().replace("\0", "") for name, value in given.items()}


def _blank(wanted: dict[str, str]) -> dict[str, str]:
    return {name: wanted.get(name, "") for name in ("who", "what", "of", "since", "until")}


def _asked(wanted: dict[str, str]) -> dict[str, Any]:
    """The filters in the trail's terms; a day that is none is left out."""
    asked: dict[str, Any] = {name: wanted.get(name) or None for name in ("who", "what", "of")}
    asked["since"] = _midnight(wanted.get("since", ""), 0)
    asked["until"] = _midnight(wanted.get("until", ""), 1)
    return asked


def _midnight(text: str, days: int) -> datetime | None:
    """The beginning of this day in Kyiv, or of one after it."""
    try:
        return datetime.combine(day(text) + timedelta(days=days), time(), KYIV)
    except ValueError:
        return None


def _csv(found: list[Entry]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("n", "at", "who", "what", "of", "reason", "details", "hash"))
    for row in found:
        details = json.dumps(dict(row.details), ensure_ascii=False) if row.details else ""
        cells = (row.n, row.at.isoformat(), row.who, row.what, row.of or "", row.reason or "", details, row.hash)
        writer.writerow([plain(each) for each in cells])
    return text.getvalue().encode("utf-8-sig")


def plain(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else cell
