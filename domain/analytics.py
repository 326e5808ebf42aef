"""Figures that people decide by: each with what it counts, of what, and where the rule comes from.

Rules
1. Days are Kyiv's; a call belongs to the day on which it began.  Calls in progress are in no figure.
2. A share is None, not 0, where there is nothing that it could be a share of.
3. What we can't measure is not estimated; `docs/figures.md` says what that is.
4. Read from sums by day (`domain.tallies`), so that a month with a million calls takes milliseconds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from domain import policies
from domain.model import Outcome
from domain.policy import ServicePolicy
from domain.rules import HOME
from domain.tables import (
    By,
    Wait,
    Waited,
    call_days,
    call_hours,
    counted_calls,
    counted_steps,
    repeat_days,
    spots,
    step_days,
    wait_days,
)
from domain.window import Period, Span

CONTAINED: Final = frozenset(
    {
        Outcome.OUTAGE_REPORTED,
        Outcome.REQUEST_REGISTERED,
        Outcome.ORDER_PLACED,
        Outcome.READING_TAKEN,
        Outcome.INFORMED,
    }
)
"""Outcomes in which callers have got what they called for."""
_DAY: Final = timedelta(days=1)
_HOUR: Final = 3600


def share(part: float, whole: float) -> float | None:
    """0 to 1; None of nothing."""
    return part / whole if whole else None


def before(span: Span) -> Span:
    """What a span is compared with: the month before of a whole month; the same days of the month before (to its end
    at most) where it begins on the first of a month and ends within it; else as many days just before."""
    period = Period.of(span.first)
    if span.first == period.first and span.last <= period.last:
        earlier = period.previous
        if span.last == period.last:
            return Span(earlier.first, earlier.last)
        return Span(earlier.first, min(earlier.last, earlier.first + (span.last - span.first)))
    days = (span.last - span.first).days + 1
    return Span(span.first - days * _DAY, span.first - _DAY)


# Calls


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of calls.  contained, repeated, known: see `calls`.  people: that were handed to people.
    left: whose caller hung up before anything was done.  ours: that failed by a fault of ours, or were lost."""

    calls: int = 0
    contained: int = 0
    people: int = 0
    left: int = 0
    ours: int = 0
    known: int = 0
    repeated: int = 0
    seconds: int = 0

    @property
    def containment(self) -> float | None:
        return share(self.contained, self.calls)

    @property
    def repeats(self) -> float | None:
        return share(self.repeated, self.known)

    @property
    def average(self) -> float | None:
        """Seconds of a call."""
        return share(self.seconds, self.calls)


def calls(conn: Connection, span: Span) -> Calls:
    """Containment: the share of calls that came to what they were for without people.

    Numerator: calls with an outcome of `CONTAINED` that were never handed to people.  Partial readings, drafts and
    ordered calls back are not contained: people still have to do something.  Denominator: all calls that ended.

    Repeated calls: calls whose caller's number or account had another call within the 7 days before.  Denominator:
    calls of which a number or an account is known; others can't be told apart.

    Rule: our own; no regulator defines either.  A repeat looks back, so that the last week is as true as the others.
    """
    return _calls(conn, span).get((), Calls())


def by_matter(conn: Connection, span: Span) -> Sequence[tuple[str, Calls]]:
    """The same, by what the call was about (the first part of the conversation that has a matter of its own, "none"
    where the caller left before), the most calls first."""
    found = _calls(conn, span, call_days.c.matter)
    return sorted(((key[0], each) for key, each in found.items()), key=lambda one: (-one[1].calls, one[0]))


def by_day(conn: Connection, span: Span) -> Sequence[tuple[date, Calls]]:
    """The same, by day; every day of the span, without calls too."""
    found = _calls(conn, span, call_days.c.day)
    return [(day, found.get((day,), Calls())) for day in days(span)]


def outcomes(conn: Connection, span: Span) -> Mapping[Outcome, int]:
    """How calls ended, the most frequent first.  Denominator of a share: all calls that ended."""
    rows = conn.execute(
        select(call_days.c.outcome, func.sum(call_days.c.calls))
        .where(call_days.c.day.between(span.first, span.last))
        .group_by(call_days.c.outcome)
    )
    found = {outcome: int(n) for outcome, n in rows if n}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0].weight)))


def _calls(conn: Connection, span: Span, *by: ColumnElement[Any]) -> dict[tuple[Any, ...], Calls]:
    c = call_days.c
    contained = and_(c.outcome.in_(CONTAINED), c.sent.is_(False))
    ours = c.outcome.in_((Outcome.FAILED, Outcome.DIVERGED, Outcome.LOST))

    def of(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, c.calls), else_=0))

    sums = (
        func.sum(c.calls), of(contained), of(c.sent.is_(True)), of(c.outcome == Outcome.ABANDONED), of(ours),
        func.sum(c.known), func.sum(c.repeated), func.sum(c.seconds),
    )  # fmt: skip
    rows = conn.execute(select(*by, *sums).where(c.day.between(span.first, span.last)).group_by(*by))
    n = len(by)
    return {tuple(row[:n]): Calls(*map(int, row[n:])) for row in rows if row[n]}


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day.  calls: on an average day; busiest: most calls on one day, which was `on`.
    erlang: lines that were taken on average in that busiest hour."""

    hour: int
    calls: float
    busiest: int
    on: date | None
    erlang: float


def by_hour(conn: Connection, span: Span) -> Sequence[Hour]:
    """Calls by the hour of Kyiv in which they began, and the traffic of the busiest: the seconds of its calls by
    3,600 (Erlang, ITU-T E.600), to be compared with the lines that there are.

    A call's seconds all count for the hour in which it began; calls that were refused for want of a line are not in
    it (`service`: they are waits for an answer that nobody gave).
    """
    found: dict[int, list[tuple[int, date, int]]] = defaultdict(list)
    c = call_hours.c
    for row in conn.execute(select(call_hours).where(c.day.between(span.first, span.last), c.calls > 0)):
        found[row.hour].append((row.calls, row.day, row.seconds))
    length = (span.last - span.first).days + 1
    hours: list[Hour] = []
    for hour in range(24):
        most, on, seconds = max(found[hour], default=(0, None, 0))  # all of one day: it is one busiest hour
        hours.append(Hour(hour, sum(n for n, _, _ in found[hour]) / length, most, on, seconds / _HOUR))
    return hours


@dataclass(frozen=True, slots=True)
class Reason:
    """So many calls about `matter` followed a call about `before_matter` that had ended so."""

    matter: str
    before_matter: str
    before_outcome: Outcome
    calls: int


def repeats(conn: Connection, span: Span, most: int = 20) -> Sequence[Reason]:
    """Repeated calls (`calls`) by what the call before was about and how it ended, the most frequent first.

    Of several calls before, the latest counts.  Denominator of a share: all repeated calls of the span.
    """
    c = repeat_days.c
    n = func.sum(c.calls)
    key = (c.matter, c.before_matter, c.before_outcome)
    rows = conn.execute(
        select(*key, n)
        .where(c.day.between(span.first, span.last))
        .group_by(*key)
        .having(n > 0)
        .order_by(n.desc(), *key)
        .limit(most)
    )
    return [Reason(matter, earlier, outcome, int(n)) for matter, earlier, outcome, n in rows]


# Conversations


@dataclass(frozen=True, slots=True)
class Question:
    """How a question is understood.

    asked: times it was answered, or missed at least once.  first: answered at the first prompt.  keys, speech: of the
    answers.  prompts, noinput, nomatch: prompts, and how many of them ended in silence or in what is no answer.
    visits: times it was put.  barge_in: answered into the prompt.  left: calls that were left there.
    """

    part: str
    spot: str
    visits: int
    asked: int
    first: int
    keys: int
    speech: int
    prompts: int
    noinput: int
    nomatch: int
    barge_in: int
    left: int
    first_by_keys: int
    first_by_speech: int

    @property
    def first_try(self) -> float | None:
        return share(self.first, self.asked)

    @property
    def noinput_share(self) -> float | None:
        return share(self.noinput, self.prompts)

    @property
    def nomatch_share(self) -> float | None:
        return share(self.nomatch, self.prompts)

    @property
    def barge_in_share(self) -> float | None:
        return share(self.barge_in, self.visits)


def questions(conn: Connection, span: Span, language: str | None = None) -> Sequence[Question]:
    """First-try match: the share of questions that were answered at the first prompt, the worst first.

    Numerator: questions answered with tries = 1.  Denominator: questions that were answered, or met with silence or
    with what is no answer at least once; who hangs up, asks for people or goes back while it is first being asked has
    told nothing of how well it is understood.  Questions of calls without noted moments are in no rate.

    noinput, nomatch: of all prompts of the question (VoiceXML 2.0's events).  barge_in: of all times it was put.
    language: ISO 639-1; None: all.  Rule: first-try (first-attempt) match, as usual for voice interfaces; our own
    denominator.
    """
    c = step_days.c
    names = ("visits", "asked", "first", "prompts", "noinput", "nomatch", "barge_in")
    left = c.hung_up + c.gave_up + c.people + c.fault
    where = [c.day.between(span.first, span.last), *([c.language == language] if language else [])]
    rows = conn.execute(
        select(
            c.spot, c.answered_by, *(func.sum(c[name]).label(name) for name in names), func.sum(left).label("left")
        )
        .where(*where)
        .group_by(c.spot, c.answered_by)
    )
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        sums = found[row.spot]
        for name in (*names, "left"):
            sums[name] += int(getattr(row, name))
        if row.answered_by:
            sums[row.answered_by] += int(row.visits)
            sums[f"first_by_{row.answered_by}"] += int(row.first)
    places = _places(conn)
    made = [Question(*places[spot], **_counts(sums)) for spot, sums in found.items() if sums["asked"] > 0]
    return sorted(made, key=lambda one: (one.first_try, -one.asked, one.part, one.spot))


def _counts(sums: Counter[str]) -> dict[str, int]:
    return {name: sums[name] for name in Question.__slots__ if name not in ("part", "spot")}


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a conversation.  visits: times that calls came to it.  The others: calls that were left there."""

    part: str
    spot: str
    visits: int
    hung_up: int
    gave_up: int
    people: int
    fault: int

    @property
    def left(self) -> int:
        return self.hung_up + self.gave_up + self.people + self.fault

    @property
    def drop_off(self) -> float | None:
        return share(self.left, self.visits)


def drop_off(conn: Connection, span: Span, part: str | None = None) -> Sequence[Place]:
    """Drop-off: of the times that calls came to a place of the conversation, the share that were left there without
    what they had called for.

    Numerator: calls that were not contained, at the last place before they ended or went to people: hung up, gave up
    (no usable answer), wanted or needed people, or failed by a fault of ours.  Denominator: visits; a call may visit
    a place more than once.  Most left first.  part: of this part of the conversation only.  Rule: our own.
    """
    c = step_days.c
    names = ("visits", "hung_up", "gave_up", "people", "fault")
    rows = conn.execute(
        select(c.spot, *(func.sum(c[name]).label(name) for name in names))
        .where(c.day.between(span.first, span.last))
        .group_by(c.spot)
    )
    places = _places(conn)
    found = [
        Place(*places[row.spot], *(int(getattr(row, name)) for name in names))
        for row in rows
        if row.visits and part in (None, places[row.spot][0])
    ]
    return sorted(found, key=lambda one: (-one.left, -one.visits, one.part, one.spot))


def _places(conn: Connection) -> Mapping[int, tuple[str, str]]:
    """Part and spot of each: some hundreds."""
    return {row.id: (row.part, row.spot) for row in conn.execute(select(spots))}


def missed_at(conn: Connection, span: Span, part: str, spot: str, most: int = 50) -> Sequence[str]:
    """The calls that missed this question's first prompt, or were left at this place; the latest first."""
    place = select(spots.c.id).where(spots.c.part == part, spots.c.spot == spot).scalar_subquery()
    rows = conn.scalars(
        select(counted_calls.c.call)
        .where(
            counted_calls.c.id.in_(
                select(counted_steps.c.counted).where(
                    counted_steps.c.spot == place, or_(counted_steps.c.tries > 1, counted_steps.c.left.is_not(None))
                )
            ),
            counted_calls.c.day.between(span.first, span.last),
        )
        .order_by(counted_calls.c.id.desc())
        .limit(most)
    )
    return rows.all()


# Waiting


@dataclass(frozen=True, slots=True)
class Waits:
    """What callers waited for.  within: answered within the regulator's seconds (or those asked for).
    left: hung up before; unanswered: nobody answered.  median, ninety: seconds of the answered ones, rounded up."""

    answered: int = 0
    within: int = 0
    left: int = 0
    unanswered: int = 0
    median: int | None = None
    ninety: int | None = None

    @property
    def all(self) -> int:
        return self.answered + self.left + self.unanswered

    @property
    def connected(self) -> float | None:
        return share(self.within, self.all)

    @property
    def lost(self) -> float | None:
        return share(self.left + self.unanswered, self.all)


@dataclass(frozen=True, slots=True)
class Service:
    """Waiting against the regulator's standard.  handed: calls that were handed to people by what we know ourselves;
    where `people.all` is much less, Asterisk's record was not read (`ivr waits`)."""

    terms: ServicePolicy
    source: str
    answer: Waits
    people: Waits
    handed: int


def service(conn: Connection, span: Span) -> Service:
    """Level of service: of the calls handed to people, the share that somebody answered within 30 seconds; lost: the
    share that hung up before, or that nobody answered.

    Denominator: all hand-overs that Asterisk's own record shows (`ivr waits`).  A wait begins when the conversation
    lets the caller go, so "connecting" is in it; a call that people gave back and that goes to them again counts
    again.  Unanswered calls are offered a call back and still count as lost.

    The hotline itself: from the first ring to its answer; refused for want of a line is unanswered.

    Rule: NEURC resolution 375 of 12.06.2018, 2.2: in a year at least 75 % of calls connected with an operator within
    30 seconds, at most 10 % lost in the queue.  A policy of kind "service".
    """
    row = policies.load(conn).row(ServicePolicy, span.last)
    c = wait_days.c
    rows = conn.execute(
        select(c.kind, c.ended, c.seconds, func.sum(c.calls))
        .where(c.day.between(span.first, span.last))
        .group_by(c.kind, c.ended, c.seconds)
    )
    found: dict[Wait, list[tuple[Waited, int, int]]] = {Wait.ANSWER: [], Wait.PEOPLE: []}
    for kind, ended, seconds, n in rows:
        found[kind].append((ended, int(seconds), int(n)))
    people = _calls(conn, span).get((), Calls()).people
    answer, handed = (_waits(found[kind], row.terms.seconds) for kind in (Wait.ANSWER, Wait.PEOPLE))
    return Service(row.terms, row.source, answer, handed, people)


def people_by_day(conn: Connection, span: Span) -> Sequence[tuple[date, Waits]]:
    """The waits for people of each day (`service`)."""
    c = wait_days.c
    within = policies.load(conn).service(span.last).seconds
    found: dict[date, list[tuple[Waited, int, int]]] = defaultdict(list)
    for row in conn.execute(
        select(wait_days).where(c.day.between(span.first, span.last), c.kind == Wait.PEOPLE, c.calls > 0)
    ):
        found[row.day].append((row.ended, row.seconds, row.calls))
    return [(day, _waits(found[day], within)) for day in days(span)]


def _waits(found: Iterable[tuple[Waited, int, int]], within: int) -> Waits:
    told = sorted((seconds, n) for ended, seconds, n in found if ended is Waited.ANSWERED)
    ends = Counter[Waited]()
    for ended, _, n in found:
        ends[ended] += n
    return Waits(
        ends[Waited.ANSWERED], sum(n for seconds, n in told if seconds <= within), ends[Waited.LEFT],
        ends[Waited.UNANSWERED], _quantile(told, 0.5), _quantile(told, 0.9),
    )  # fmt: skip


def _quantile(sorted_: Sequence[tuple[int, int]], q: float) -> int | None:
    """The least value that this share of all is not above."""
    whole, upto = sum(n for _, n in sorted_), 0
    for value, n in sorted_:
        upto += n
        if upto >= q * whole:
            return value
    return None


# Days


def days(span: Span) -> Sequence[date]:
    """Every day of it."""
    return [span.first + n * _DAY for n in range((span.last - span.first).days + 1)]


def instants(span: Span) -> tuple[datetime, datetime]:
    """When it begins, and when it is over; UTC."""
    return (
        datetime.combine(span.first, time(0), HOME).astimezone(UTC),
        datetime.combine(span.last + _DAY, time(0), HOME).astimezone(UTC),
    )


DEFINED: Final = (
    calls, by_matter, by_day, outcomes, by_hour, repeats, questions, drop_off, service,
)  # fmt: skip
"""The figures of calls, each defined by its docstring, of which `docs/figures.md` is made."""

__all__ = [
    "CONTAINED", "DEFINED", "By", "Calls", "Hour", "Place", "Question", "Reason", "Service",
    "Waits", "before", "by_day", "by_hour", "by_matter", "calls", "days", "drop_off", "instants", "missed_at",
    "outcomes", "people_by_day", "questions", "repeats", "service", "share",
]  # fmt: skip
