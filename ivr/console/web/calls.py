"""The history of calls: searched, saved as a search, taken along as CSV.

Rules: everything that is asked stands in the address (`asked`); pages are cut by where the one before ended, so that
nothing is seen twice however many calls come in meanwhile; who may not see personal data neither sees numbers nor
finds anything by them.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from domain import findings, saved, trail
from domain.findings import BadCursor, Found, Page, PersonalQuery, Query
from domain.model import Language, Outcome
from domain.roles import Permission
from domain.store import Connection
from domain.tables import RecordingState
from ivr.console.web import gate, telling
from ivr.console.web.asked import ABOUT, FACTS, FLOWS, Asked, asked, filters, of_query
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, page, router
from ivr.console.web.given import Id
from ivr.console.web.look import KYIV, language_of, redirect, render
from ivr.console.web.words import Tongue

router = router()

PAGE: Final = 50
TAKEN: Final = 500
"""Calls of one piece of a CSV."""
MOST_TAKEN: Final = 100_000
"""Calls of one CSV: what a spreadsheet still opens."""
NOTHING: Final = Page([], 0, None, 0)


@router.get("/calls", **page(Permission.SEARCH_CALLS))
async def search(request: Request, serving: InDesk, me: Asking) -> Response:
    """The search line, filters, and a page of what was found.  `after`: where the page before ended."""
    wanted = asked(request.query_params.multi_items())
    after, fault = request.query_params.get("after"), wanted.fault
    personal = me.may(Permission.PERSONAL)

    def job(conn: Connection) -> tuple[Page, Sequence[saved.Saved]]:
        mine = saved.listed(conn, me.login, personal=personal)
        if fault is not None:
            return NOTHING, mine
        return findings.search(conn, wanted.query, personal=personal, after=after, limit=PAGE), mine

    try:
        found, mine = await serving.read(job)
    except BadCursor:
        return redirect(f"/calls?{wanted.address()}")
    except PersonalQuery:
        fault, found = ("q", "personal"), NOTHING
        mine = await serving.read(lambda conn: saved.listed(conn, me.login, personal=personal))
        await gate.refused(serving, me.session, request.url.path, Permission.PERSONAL)
    return _page(request, wanted, found, mine, fault, after)


@router.get("/calls.csv", **page(Permission.LISTS))
async def take_along(request: Request, serving: InDesk, me: Asking) -> Response:
    """What was found as CSV, `MOST_TAKEN` calls at most; the trail knows what was asked and how many it were."""
    wanted = asked(request.query_params.multi_items())
    if wanted.fault is not None:
        raise HTTPException(422)
    personal, now, t = me.may(Permission.PERSONAL), serving.clock(), Tongue(language_of(request))

    def piece(after: str | None) -> Any:
        return serving.read(
            lambda conn: findings.search(conn, wanted.query, personal=personal, after=after, limit=TAKEN)
        )

    try:
        first: Page = await piece(None)
    except PersonalQuery:
        await gate.refused(serving, me.session, request.url.path, Permission.PERSONAL)
        raise HTTPException(403) from None
    count = min(first.count, MOST_TAKEN)
    await serving.write(
        lambda conn: trail.note(
            conn, me.login, "list.exported", at=now, list="calls", query=findings.written(wanted.query), count=count,
            masked=not personal,
        )
    )  # fmt: skip

    async def pieces() -> AsyncIterator[bytes]:
        found, taken = first, 0
        yield b"\xef\xbb\xbf" + _csv([[t(f"calls.column_{name}") for name in COLUMNS]])  # a spreadsheet then reads it
        while True:
            taken += len(found.calls)
            yield _csv(_cells(call, t) for call in found.calls)
            if found.after is None or taken >= MOST_TAKEN:
                return
            found = await piece(found.after)

    name = f"calls-{now.astimezone(KYIV):%Y-%m-%d-%H%M}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces(), headers=headers, media_type="text/csv; charset=utf-8")


@router.post("/calls/searches", **page(Permission.SEARCH_CALLS))
async def save(request: Request, serving: InDesk, me: Asking) -> Response:
    """Keep a search under a name.  Form: `name`, `shared`, `asked` (what stands in the address)."""
    form = await request.form()
    name, address = str(form.get("name", "")).strip(), str(form.get("asked", ""))
    wanted = asked(parse_qsl(address))
    now, shared = serving.clock(), form.get("shared") == "yes"
    fault, personal = wanted.fault, me.may(Permission.PERSONAL)
    if fault is None and wanted.query.personal and not personal:
        fault = ("q", "personal")
    if fault is None:
        try:
            await serving.write(lambda conn: saved.keep(conn, me.login, name, wanted.query, now, shared=shared))
        except saved.BadName as wrong:
            fault = ("name", f"name_{wrong.why}")
        else:
            return redirect(f"/calls?{wanted.address()}")
    mine = await serving.read(lambda conn: saved.listed(conn, me.login, personal=personal))
    return _page(request, wanted, NOTHING, mine, fault, None, 422)


@router.post("/calls/searches/{search}/forget", **page(Permission.SEARCH_CALLS))
async def forget(search: Id, serving: InDesk, me: Asking) -> Response:
    """It is no longer kept.  Only one's own."""
    if not await serving.write(lambda conn: saved.remove(conn, search, me.login)):
        raise HTTPException(404)
    return redirect("/calls")


def _page(
    request: Request,
    wanted: Asked,
    found: Page,
    mine: Sequence[saved.Saved],
    fault: tuple[str, str] | None,
    after: str | None,
    status: int = 200,
) -> Response:
    t = Tongue(language_of(request))
    return render(
        request, "calls/list.html", 422 if fault else status,
        asked=wanted, found=found, fault=fault, after=after, columns=COLUMNS,
        saved=[(each, _address(each.query)) for each in mine if each.query is not None],
        flows=FLOWS, matters=ABOUT, filters=", ".join(filters(t.language)),
        outcomes=list(Outcome), tongues=list(Language), states=list(RecordingState), facts=FACTS,
        flow_name=lambda name: telling.flow(name, t), matter_name=lambda name: telling.matter(name, t),
        outcome_name=lambda name: telling.outcome(name, t),
        look=telling.LOOK, language_name=lambda name: t(f"calls.language_{name}"),
        recording_name=lambda name: t(f"calls.recording_{name}"),
    )  # fmt: skip


def _address(query: Query) -> str:
    return asked(of_query(query)).address()


# CSV

COLUMNS: Final = (
    "call", "began", "seconds", "caller", "dialled", "accounts", "about", "outcome", "language", "doubts",
    "gave_up", "transferred_to", "requests", "readings", "recording", "score",
)  # fmt: skip
_ACTS: Final = ("=", "+", "-", "@", "\t", "\r")


def _cells(call: Found, t: Tongue) -> list[str]:
    yes = t("calls.yes")
    return [
        call.call, f"{call.began.astimezone(KYIV):%Y-%m-%d %H:%M:%S}", str(call.seconds), call.caller or "",
        call.dialled, " ".join(call.accounts), telling.about(call.matter, call.request_kind, call.topic, t),
        telling.outcome(call.outcome, t),
        str(call.language), str(call.doubts), yes if call.gave_up else "", call.transferred_to or "",
        str(call.requests), str(call.readings), t(f"calls.recording_{call.recording}") if call.recording else "",
        "" if call.score is None else f"{call.score:.1f}".replace(".", ","),
    ]  # fmt: skip


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    """As spreadsheets here take it: semicolons, CRLF."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    """A spreadsheet would take it for a formula: an apostrophe makes it text (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(_ACTS) else cell
