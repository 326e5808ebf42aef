"""All figures of a span of days beside those of the span before, and what of them somebody should look at.

Rules: what is said to have changed is more than chance would do (two shares, z of 2.6, about one false alarm in a
hundred) and more than two points of a hundred, else it is no news; at most `MOST_NOTICES`, the gravest first; each
names a figure, so that it can be looked up.
"""

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from domain import analytics, desk_figures
from domain.analytics import Calls, Hour, Place, Question, Reason, Service, Waits, share
from domain.desk_figures import Readings, Requests
from domain.model import Outcome
from domain.window import Span

CERTAIN: Final = 2.6
CHANGED: Final = 0.02
ENOUGH: Final = 30
"""Fewer of anything are not worth a share."""
UNDERSTOOD: Final = 0.85
"""A question that is understood less often at first is worth a look; our own."""
LEAVING: Final = 0.05
"""A place at which a greater share of callers leaves is worth a look; our own."""
MOST_NOTICES: Final = 6


class Level(StrEnum):
    """How grave it is."""

    DANGER = "danger"  # a standard is not kept
    WARN = "warn"
    OK = "ok"  # it got better


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look at.

    kind: which figure: connected, lost, unmeasured, containment, repeats, ours, first_try, question, drop_off,
    overdue, punctual, doubtful.  value: the figure, a share where it is one; before: of the span before; target:
    the standard.
    part, spot: where.  n: how many calls or requests it is about.
    """

    kind: str
    level: Level
    value: float
    before: float | None = None
    target: float | None = None
    part: str = ""
    spot: str = ""
    n: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of `span`; `earlier` has the same of the span before, without what only one of the two needs."""

    span: Span
    calls: Calls
    questions: Sequence[Question]
    service: Service
    requests: Requests
    outcomes: Mapping[Outcome, int]
    matters: Sequence[tuple[str, Calls]]
    days: Sequence[tuple[date, Calls]]
    hours: Sequence[Hour]
    reasons: Sequence[Reason]
    places: Sequence[Place]
    people_days: Sequence[tuple[date, Waits]]
    readings: Sequence[Readings]
    earlier: "Earlier"
    language: str | None = None

    @property
    def first_try(self) -> float | None:
        return first_try(self.questions)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a report is compared with."""

    span: Span
    calls: Calls
    questions: Sequence[Question]
    service: Service
    requests: Requests

    @property
    def first_try(self) -> float | None:
        return first_try(self.questions)


def first_try(questions: Sequence[Question]) -> float | None:
    """Of all questions together: the share that was answered at the first prompt."""
    return share(sum(each.first for each in questions), sum(each.asked for each in questions))


def report(conn: Connection, span: Span, at: datetime, language: str | None = None) -> Report:
    """The figures of these days.  at: now; language: of the questions, None: all."""
    old = analytics.before(span)
    return Report(
        span,
        analytics.calls(conn, span),
        analytics.questions(conn, span, language),
        analytics.service(conn, span),
        desk_figures.requests_of(conn, span, at),
        analytics.outcomes(conn, span),
        analytics.by_matter(conn, span),
        analytics.by_day(conn, span),
        analytics.by_hour(conn, span),
        analytics.repeats(conn, span),
        analytics.drop_off(conn, span),
        analytics.people_by_day(conn, span),
        desk_figures.readings_of(conn, span),
        Earlier(
            old,
            analytics.calls(conn, old),
            analytics.questions(conn, old, language),
            analytics.service(conn, old),
            desk_figures.requests_of(conn, old, at),
        ),
        language,
    )


def notices(given: Report) -> Sequence[Notice]:
    """What somebody should look at, the gravest first."""
    found = [*_standards(given), *_changes(given), *_places(given), *_desk(given)]
    order = list(Level)
    return sorted(found, key=lambda one: (order.index(one.level), -one.n))[:MOST_NOTICES]


def differ(part: int, whole: int, other: int, of: int) -> bool:
    """Whether two shares differ by more than chance would have it, and by enough to matter."""
    if min(whole, of) < ENOUGH:
        return False
    difference = abs(part / whole - other / of)
    both = (part + other) / (whole + of)
    spread = math.sqrt(both * (1 - both) * (1 / whole + 1 / of))
    return difference >= CHANGED and (spread == 0 or difference / spread >= CERTAIN)


def _standards(given: Report) -> Iterator[Notice]:
    terms, people, old = given.service.terms, given.service.people, given.earlier.service.people
    if people.connected is not None and people.connected < terms.connected:
        value = people.connected
        yield Notice("connected", Level.DANGER, value, old.connected, terms.connected, n=people.all - people.within)
    if people.lost is not None and people.lost > terms.lost:
        lost = people.left + people.unanswered
        yield Notice("lost", Level.DANGER, people.lost, old.lost, terms.lost, n=lost)
    if given.service.handed >= ENOUGH and people.all < given.service.handed / 2:
        yield Notice("unmeasured", Level.WARN, people.all / given.service.handed, n=given.service.handed - people.all)


def _changes(given: Report) -> Iterator[Notice]:
    now, old = given.calls, given.earlier.calls
    for kind, part, whole, other, of, better in (
        ("containment", now.contained, now.calls, old.contained, old.calls, +1),
        ("repeats", now.repeated, now.known, old.repeated, old.known, -1),
        ("ours", now.ours, now.calls, old.ours, old.calls, -1),
        (
            "first_try",
            sum(each.first for each in given.questions), sum(each.asked for each in given.questions),
            sum(each.first for each in given.earlier.questions), sum(each.asked for each in given.earlier.questions),
            +1,
        ),
    ):  # fmt: skip
        if differ(part, whole, other, of):
            value, was = part / whole, other / of
            level = Level.OK if (value - was) * better > 0 else Level.WARN
            yield Notice(kind, level, value, was, n=whole)


def _places(given: Report) -> Iterator[Notice]:
    old = {(each.part, each.spot): each for each in given.earlier.questions}
    for each in given.questions:
        value = each.first_try
        if value is None or each.asked < ENOUGH:
            continue
        was = old.get((each.part, each.spot))
        worse = (
            was is not None and differ(each.first, each.asked, was.first, was.asked) and value < (was.first_try or 0)
        )
        if value < UNDERSTOOD or worse:
            before = was.first_try if was else None
            yield Notice(
                "question", Level.WARN, value, before, UNDERSTOOD, each.part, each.spot, each.asked - each.first
            )
    for place in given.places:
        if place.visits >= ENOUGH and (place.drop_off or 0) > LEAVING:
            yield Notice("drop_off", Level.WARN, place.drop_off or 0, None, None, place.part, place.spot, place.left)


def _desk(given: Report) -> Iterator[Notice]:
    requests = given.requests
    if requests.overdue:
        yield Notice("overdue", Level.DANGER, requests.overdue, n=requests.overdue)
    if requests.late and requests.punctual is not None:
        was = given.earlier.requests.punctual
        yield Notice("punctual", Level.DANGER, requests.punctual, was, 1.0, n=requests.late)
    open_ = sum(each.open for each in given.readings)
    if open_:
        yield Notice("doubtful", Level.WARN, open_, n=open_)


def definitions() -> str:
    """Every figure as its function defines it, in Markdown: `docs/figures.md` is made of it."""
    found: list[str] = []
    for each in (*analytics.DEFINED, *desk_figures.DEFINED):
        text = inspect.cleandoc(each.__doc__ or "")
        found += [f"### {each.__name__}", text.replace("`", ""), ""]
    return "\n".join(found).strip()
