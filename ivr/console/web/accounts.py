"""Customers: found by whatever somebody has in front of them, and one with everything on one time line.

Rules
1. Looking somebody up by a number is for who may see numbers; others get to an account only from what they see.
2. That an account was opened is in the trail: it is personal data on one page.
3. The state of a page is in its address; numbers of customers stand in no log of ours (the log names routes).
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Path, Query, Request, Response
from starlette.exceptions import HTTPException

from domain import account_file, lookup, rules, trail
from domain.account_file import AccountFile, Counter, Device, Kind, Mark
from domain.lookup import Hits
from domain.model import Purpose, Source
from domain.roles import Permission
from domain.store import Connection
from ivr.console.web import drawing, shapes
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.drawing import Drawing, Tick
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import moment
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.words import Tongue

router = router()

Number = Annotated[str, Path(pattern=r"^[0-9]{10}$")]
ROWS: Final = 30


@router.get("/accounts", **page(Permission.ACCOUNTS), name="accounts")
async def find(
    request: Request,
    serving: InDesk,
    me: Asking,
    q: Annotated[str, Query(max_length=60)] = "",
    after: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Whom a number means; one alone is opened at once."""
    hits = Hits((), None)
    if q.strip() and me.may(Permission.PERSONAL):
        hits = await serving.read(lambda conn: lookup.look_up(conn, q, after=after, limit=ROWS))
        if len(hits.customers) == 1 and not after:
            return redirect(f"/accounts/{hits.customers[0].account}")
    return render(
        request, "accounts/find.html", q=q, hits=hits,
        more="/accounts?" + urlencode({"q": q, "after": hits.next}) if hits.next else None,
    )  # fmt: skip


@router.get("/accounts/{number}", **page(Permission.ACCOUNTS, also=Permission.PERSONAL), name="account")
async def one(
    request: Request,
    number: Number,
    serving: InDesk,
    me: Asking,
    kind: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[str, Query(max_length=160)] = "",
) -> Response:
    """Everything that is known of it."""
    now, language = serving.clock(), language_of(request)
    kinds = [Kind(kind)] if kind in set(Kind) else list(Kind)
    mark = _mark(before)

    def job(conn: Connection) -> tuple[AccountFile, Sequence[account_file.Happened], Mark | None] | None:
        found = account_file.whole(conn, number, now)
        if found is None:
            return None
        return found, *account_file.history(conn, number, before=mark, limit=ROWS, kinds=kinds)

    opened = await serving.read(job)
    if opened is None:
        raise HTTPException(404)
    found, happened, more = opened
    if not before:
        await _noted(serving, me, number, now)
    t, today = Tongue(language), rules.local_day(now)
    chosen = {"kind": kind} if kind in set(Kind) else {}
    return render(
        request, "accounts/one.html",
        file=found, happened=happened, kinds=list(Kind), kind=chosen.get("kind", ""), today=today,
        control=found.statement.terms.counts is Purpose.CONTROL,
        charts={
            counter.id: chart(device, counter, t) for device in found.devices for counter in device.counters
        },
        more=f"/accounts/{number}?" + urlencode({**chosen, "before": _written(more)}) + "#happened" if more else None,
        from_start=not before,
    )  # fmt: skip


async def _noted(serving: Desk, me: Me, number: str, now: datetime) -> None:
    await serving.write(lambda conn: trail.note(conn, me.login, "account.opened", of=number, at=now))


def _written(mark: Mark) -> str:
    return f"{mark.at.isoformat()}_{mark.kind}_{mark.id}"


def _mark(text: str) -> Mark | None:
    """Where a page begins; what nobody could have been given begins at the top."""
    at, _, rest = text.partition("_")
    kind, _, key = rest.partition("_")
    try:
        when = moment(at)
    except ValueError:
        return None
    sound = key and len(key) <= 80 and (kind == Kind.CALL or (key.isascii() and key.isdecimal() and len(key) < 19))
    return Mark(when, Kind(kind), key) if kind in set(Kind) and sound else None


def chart(device: Device, counter: Counter, t: Tongue) -> tuple[Drawing, float, float] | None:
    """What a register has used a day, with the least and the most; None where nothing can be drawn."""
    points = counter.points
    spans = [
        (
            one.on.toordinal(), two.on.toordinal(), two.a_day,
            "doubted" if two.source is Source.ESTIMATE else "used",
            f"{one.on:%d.%m.%Y} – {two.on:%d.%m.%Y}: {two.a_day:.1f} {t('accounts.kwh_a_day')}",
        )
        for one, two in pairwise(points)
        if two.a_day is not None
    ]  # fmt: skip
    if not spans:
        return None
    stride = max(len(spans) // 6, 1)
    dates = [
        Tick(each.on.toordinal(), shapes.tick(each.on, t))
        for each in points[::stride]
        if spans[0][0] <= each.on.toordinal() <= spans[-1][1]
    ]
    usual = counter.usual * device.multiplier if counter.usual else None
    amounts = [each[2] for each in spans]
    return drawing.use(spans, usual, dates), min(amounts), max(amounts)
