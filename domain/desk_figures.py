"""Figures of requests and readings (rules: `domain.analytics`)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from typing import Final

from sqlalchemy import Connection, and_, func, select

from domain import policies, terms
from domain.analytics import instants, share
from domain.model import AccountKind, RequestKind, RequestState, Source, Status, Topic
from domain.policy import Case
from domain.rules import HOME, local_day
from domain.stakes import Stake, stake
from domain.tables import accounts, readings, requests, resolutions
from domain.window import Span


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of a span.

    registered: that came in it.  considered, refused: closed in it.  on_time, late: of these, by the day that
    was due.  days: from registration to closing, on average.  overdue: open now, and the day that was due is over.
    owed: compensation for what was closed in it too late by the regulator's term; kopiykas, least and most.
    """

    registered: int
    considered: int
    refused: int
    on_time: int
    late: int
    days: float | None
    overdue: int
    owed: tuple[int, int]
    topics: Mapping[Topic, int]

    @property
    def closed(self) -> int:
        return self.on_time + self.late

    @property
    def punctual(self) -> float | None:
        return share(self.on_time, self.closed)


def requests_of(conn: Connection, span: Span, at: datetime) -> Requests:
    """Requests in time: the share of those closed in the span that were closed by the end of the day that was due.

    Denominator: requests closed in the span (considered or refused).  Days: Kyiv's calendar days from registration to
    closing.  Drafts count as registered.  Money: `domain.stakes`, by the regulator's own term, which may differ from
    the day that was promised.  Rule: the policies of kinds "deadline" and "compensation".  at: now.
    """
    begins, ends = instants(span)
    r = requests.c
    registered = conn.execute(
        select(r.topic, func.count()).where(r.registered_at >= begins, r.registered_at < ends).group_by(r.topic)
    ).all()
    rows = conn.execute(
        select(
            r.kind, r.topic, r.state, r.rule, r.registered_at, r.closed_at, r.due, accounts.c.kind.label("customer")
        )
        .select_from(requests.outerjoin(accounts, accounts.c.number == r.account))
        .where(r.closed_at.is_not(None), r.closed_at >= begins, r.closed_at < ends)
    ).all()
    late, took, owed = 0, 0, Counter[str]()
    staked = _staked(conn)
    for row in rows:
        day, came = local_day(row.closed_at), local_day(row.registered_at)
        late += day > row.due
        took += (day - came).days
        if (day - came).days > 0 and row.customer is not None:
            it = staked(row.kind, row.topic, terms.loaded(row.rule).case, came, row.customer)
            if it is not None and it.lost(day):
                owed.update(least=it.least, most=it.most)
    overdue = conn.execute(
        select(func.count()).select_from(requests).where(r.closed_at.is_(None), r.due < local_day(at))
    ).scalar_one()
    refused = sum(row.state is RequestState.REFUSED for row in rows)
    return Requests(
        sum(n for _, n in registered), len(rows) - refused, refused, len(rows) - late, late, share(took, len(rows)),
        overdue, (owed["least"], owed["most"]),
        dict(sorted(((topic, n) for topic, n in registered), key=lambda one: (-one[1], one[0]))),
    )  # fmt: skip


def _staked(
    conn: Connection,
) -> Callable[[RequestKind, Topic, Case | None, date, AccountKind], Stake | None]:
    """What is at stake, worked out once for all requests that are alike."""
    book = policies.load(conn)

    @cache
    def of(kind: RequestKind, topic: Topic, needs: Case | None, came: date, customer: AccountKind) -> Stake | None:
        noon = datetime.combine(came, time(12), HOME)
        return stake(kind, topic, needs, noon, customer, book)

    return of


# Readings


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings that came by a channel.  doubtful: that somebody had to look at, or still has to; of these corrected:
    settled by an accepted one; void: settled without; open: not settled."""

    source: Source
    accepted: int
    doubtful: int
    corrected: int
    void: int

    @property
    def open(self) -> int:
        return self.doubtful - self.corrected - self.void

    @property
    def doubt(self) -> float | None:
        return share(self.doubtful, self.accepted + self.doubtful)


def readings_of(conn: Connection, span: Span) -> Sequence[Readings]:
    """Readings that came in the span, by channel: accepted, and doubtful with what became of them by now.

    Denominator of the share of doubt: all that came by the channel.  Estimates are no readings and left out.  One for
    each register: a two-zone meter has two.  Rule: our own.
    """
    begins, ends = instants(span)
    r = readings.c
    within = and_(r.at >= begins, r.at < ends)
    found: dict[Source, Counter[str]] = defaultdict(Counter)
    for source, status, n in conn.execute(
        select(r.source, r.status, func.count()).where(within).group_by(r.source, r.status)
    ):
        found[source][str(status)] += n
    settled = conn.execute(
        select(r.source, resolutions.c.accepted.is_(None), func.count())
        .select_from(readings.join(resolutions, resolutions.c.reading == r.id))
        .where(within, r.status == Status.DOUBTFUL)
        .group_by(r.source, resolutions.c.accepted.is_(None))
    )
    for source, void, n in settled:
        found[source]["void" if void else "corrected"] += n
    return [
        Readings(source, sums["accepted"], sums["doubtful"], sums["corrected"], sums["void"])
        for source, sums in sorted(found.items(), key=lambda one: (-one[1].total(), one[0]))
        if source is not Source.ESTIMATE
    ]


DEFINED: Final = (requests_of, readings_of)
"""The figures, each defined by its docstring."""
