"""Figures that people look at: what changed, where callers fail, what to do next.

Rules
1. The state of the page is in its address: period, days, language of the questions.
2. Every number stands beside the one of the span before, and beside the standard where there is one; whether it is
   kept is said in words, not by colour alone; every chart has its numbers as a table.
3. What a figure counts is told by `domain.analytics`; here it is only shown.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from starlette.exceptions import HTTPException

from domain import analytics, calls, report, trail
from domain.analytics import Calls
from domain.model import Language
from domain.report import Notice, Report
from domain.roles import Permission
from domain.rules import local_day
from domain.window import Period, Span
from ivr.console import report_csv, report_pdf
from ivr.console.report_words import Teller
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, page, router
from ivr.console.web.look import language_of, render
from ivr.console.web.words import Tongue

router = router(prefix="/figures")

LONGEST: Final = 366
"""Days of a custom period."""
MONTHS: Final = 12
"""That can be chosen in the list."""
MOST: Final = 50
LINKS: Final = {
    "question": "/figures/missed", "drop_off": "/figures/missed", "overdue": "/requests?pile=overdue",
    "punctual": "/requests?pile=closed", "doubtful": "/readings", "connected": "#service", "lost": "#service",
    "unmeasured": "#service", "containment": "#matters", "repeats": "#reasons", "ours": "#outcomes",
    "first_try": "#questions",
}  # fmt: skip
"""Where somebody goes on from a notice."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The span that was asked for.  error: it could not be read; then it is the last seven days."""

    period: str
    span: Span
    month: str
    language: str | None
    error: bool = False

    def query(self, **other: str) -> str:
        """As an address carries it."""
        own = {"period": self.period, "language": self.language or ""}
        if self.period == "custom":
            own |= {"from": self.span.first.isoformat(), "to": self.span.last.isoformat()}
        elif self.period == "month":
            own["month"] = self.month
        return urlencode({name: value for name, value in {**own, **other}.items() if value})


def months(today: date) -> list[Period]:
    """Those that can be chosen: this one and those before it."""
    return [Period.of(today).plus(-n) for n in range(MONTHS)]


@router.get("", **page(Permission.FIGURES))
async def figures(
    request: Request,
    desk: InDesk,
    me: Asking,
    period: str = "week",
    month: str = "",
    first: str = Query("", alias="from"),
    last: str = Query("", alias="to"),
    language: str = "",
) -> Response:
    """The figures of a period."""
    now = desk.clock()
    today = local_day(now)
    chosen = choose(period, month, first, last, language, today)
    given = await desk.read(lambda conn: report.report(conn, chosen.span, now, chosen.language))
    tongue = Tongue(language_of(request))
    teller = Teller(tongue, desk.catalogue)
    lines, sees = desk.facts.get("lines"), me.may(Permission.REPLAY)
    context = {
        "chosen": chosen, "given": given, "teller": teller, "tiles": teller.tiles(given), "figure": teller.figure,
        "notices": [(one, teller.notice(given, one), link(one, chosen, calls=sees)) for one in report.notices(given)],
        "months": months(today),
        "charts": charts(given, teller, lines), "lines": lines, "first": first, "last": last,
        "questions": beside(given), "places": given.places[:15], "parts": parts(given, teller),
        "weights": weights(given), "may_csv": me.may(Permission.LISTS),
        "may_calls": sees, "question_languages": [each.value for each in Language],
    }  # fmt: skip
    return render(request, "analytics/figures.html", 422 if chosen.error else 200, **context)


@router.get("/missed", **page(Permission.REPLAY))
async def missed(
    request: Request,
    desk: InDesk,
    part: str,
    spot: str,
    period: str = "week",
    month: str = "",
    first: str = Query("", alias="from"),
    last: str = Query("", alias="to"),
) -> Response:
    """The calls in which this place of the conversation went wrong, with links to their replays."""
    today = local_day(desk.clock())
    chosen = choose(period, month, first, last, "", today)

    def job(conn: Any) -> Sequence[calls.CallRecord]:
        found = analytics.missed_at(conn, chosen.span, part, spot, MOST)
        return [record for call in found if (record := calls.one(conn, call)) is not None]

    teller = Teller(Tongue(language_of(request)), desk.catalogue)
    context = {"chosen": chosen, "records": await desk.read(job), "place": teller.place(part, spot), "teller": teller}
    return render(request, "analytics/missed.html", 422 if chosen.error else 200, **context)


@router.get("/report.pdf", **page(Permission.FIGURES))
async def as_pdf(request: Request, desk: InDesk, month: str) -> Response:
    """The report of a month, for people and for the regulator."""
    language, at = language_of(request), desk.clock()
    span = month_of(month, local_day(at))
    given = await desk.read(lambda conn: report.report(conn, span, at))
    made = await asyncio.to_thread(report_pdf.document, given, Teller(Tongue(language), desk.catalogue))
    return _file(made, "application/pdf", f"hotline-{month}-{language}.pdf")


@router.get("/report.csv", **page(Permission.LISTS))
async def as_csv(request: Request, desk: InDesk, me: Asking, month: str) -> Response:
    """The same figures, for a spreadsheet."""
    language, at = language_of(request), desk.clock()
    span = month_of(month, local_day(at))
    given = await desk.read(lambda conn: report.report(conn, span, at))
    await desk.write(lambda conn: trail.note(conn, me.login, "figures.exported", of=month, at=at))
    made = report_csv.document(given, Teller(Tongue(language), desk.catalogue))
    return _file(made, "text/csv; charset=utf-8", f"hotline-{month}-{language}.csv")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def choose(period: str, month: str, first: str, last: str, language: str, today: date) -> Chosen:
    """What was asked for; what can't be read is an error, and the last seven days are shown instead."""
    spoken = language if language in {each.value for each in Language} else None
    this = str(Period.of(today))
    if period == "today":
        return Chosen(period, Span(today, today), this, spoken)
    try:
        if period == "month":
            return Chosen(period, month_span(month or this, today), month or this, spoken)
        if period == "custom":
            span = Span(date.fromisoformat(first), date.fromisoformat(last))
            if not 0 <= (span.last - span.first).days < LONGEST or span.first.year < 2000 or span.last.year > 2999:
                raise ValueError(f"{span} is no period")
            return Chosen(period, span, this, spoken)
    except ValueError:
        return Chosen("custom", _week(today), this, spoken, error=True)
    return Chosen("week", _week(today), this, spoken, error=period != "week")


def month_span(month: str, today: date) -> Span:
    """A whole month, up to today where it goes on.  Raises ValueError."""
    period = Period.parse(month)
    if not 2000 <= period.year <= 2999:
        raise ValueError(f"{month} is out of all times")
    return Span(period.first, period.last if today > period.last or today < period.first else today)


def month_of(month: str, today: date) -> Span:
    """The same, of an address.  Raises HTTPException 404."""
    try:
        return month_span(month, today)
    except ValueError:
        raise HTTPException(404) from None


def _week(today: date) -> Span:
    return Span(today - timedelta(days=6), today)


def link(notice: Notice, chosen: Chosen, *, calls: bool) -> str:
    """Where to go on from this notice.  calls: they may be looked at."""
    address = LINKS[notice.kind]
    if address == "/figures/missed":
        if not calls:
            return "#questions" if notice.kind == "question" else "#drop"
        return f"{address}?{chosen.query(part=notice.part, spot=notice.spot)}"
    return address


def beside(given: Report) -> Sequence[tuple[analytics.Question, float | None]]:
    """Each question, and its first-try rate of the span before."""
    old = {(each.part, each.spot): each.first_try for each in given.earlier.questions}
    return [(each, old.get((each.part, each.spot))) for each in given.questions]


def parts(given: Report, teller: Teller) -> Sequence[tuple[str, str]]:
    """Parts of the conversation that calls came to, with their names; that in which most callers left first, by
    count and not by share: few are lost where few come."""
    left: dict[str, tuple[int, int]] = {}
    for each in given.places:
        gone, came = left.get(each.part, (0, 0))
        left[each.part] = (gone + each.left, came + each.visits)
    order = sorted(left.items(), key=lambda one: (-one[1][0], -one[1][1], one[0]))
    return [(part, teller.part(part)) for part, _ in order]


def weights(given: Report) -> str:
    """For the map: of each part, by spot: visits, left."""
    found: dict[str, dict[str, Mapping[str, float]]] = {}
    for each in given.places:
        found.setdefault(each.part, {})[each.spot] = {
            "visits": each.visits, "left": each.left, "share": round(each.drop_off or 0, 4)
        }  # fmt: skip
    return island(found)


def charts(given: Report, teller: Teller, lines: int | None) -> Mapping[str, str]:
    """What the charts draw, as JSON.  A series: its words, its colour (a token of console.css), its numbers."""
    t, terms = teller.tongue, given.service.terms
    days = [teller.day(day) for day, _ in given.days]

    def of(name: str, colour: str, value: Any) -> dict[str, Any]:
        return {
            "label": t(f"analytics.series_{name}"),
            "colour": colour,
            "data": [value(each) for _, each in given.days],
        }

    def calls_(each: Calls) -> int:
        return each.calls

    made: dict[str, Any] = {
        "days": {
            "labels": days, "x": t("analytics.col_day"), "unit": "n", "kind": "bars",
            "series": [
                of("calls", "--muted", calls_), of("contained", "--ok", lambda each: each.contained),
                of("people", "--warn", lambda each: each.people), of("left", "--danger", lambda each: each.left),
            ],
        },
        "people": {
            "labels": days, "x": t("analytics.col_day"), "unit": "%", "kind": "line", "from": 0, "to": 1,
            "series": [
                {
                    "label": t("analytics.series_connected", seconds=terms.seconds), "colour": "--accent",
                    "data": [each.connected for _, each in given.people_days],
                },
                {
                    "label": t("analytics.series_target"), "colour": "--danger", "dash": True,
                    "data": [terms.connected for _ in given.people_days],
                },
            ],
        },
        "hours": {
            "labels": [f"{each.hour:02}" for each in given.hours], "x": t("analytics.col_hour"), "unit": "n",
            "kind": "bars",
            "series": [
                {
                    "label": t("analytics.series_erlang"), "colour": "--accent",
                    "data": [round(each.erlang, 2) for each in given.hours],
                },
                *(
                    [{
                        "label": t("analytics.series_lines"), "colour": "--danger", "dash": True,
                        "data": [lines for _ in given.hours],
                    }]
                    if lines else []
                ),
            ],
        },
    }  # fmt: skip
    return {name: island(each) for name, each in made.items()}


def island(value: Any) -> str:
    """JSON that may stand between script tags: no "<" in it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026")
