"""The queue of requests as staff work through it: filtered, counted, a page at a time, with what is at stake.

Rules: what is open is ordered by the day that is due, what is closed by when it was, newest first; a page begins
after the row that the last one ended with (keyset), so that what is closed meanwhile moves nothing; "mine" is what
was assigned to my login, or to my name by somebody who did not say which login.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, literal, or_, select

from domain import policies, rules, terms
from domain.model import AccountKind, ReplyBy, RequestKind, RequestState, Topic
from domain.policy import Policies
from domain.requests import hours_left
from domain.stakes import Stake, stake
from domain.tables import accounts, requests

SOON: Final = timedelta(days=3)
"""What is due within these days is counted as soon."""


class Pile(StrEnum):
    """A part of the queue."""

    OPEN = "open"
    MINE = "mine"
    UNASSIGNED = "unassigned"  # complete, and nobody answers for it
    OVERDUE = "overdue"
    SOON = "soon"  # due within `SOON`, today included
    DRAFTS = "drafts"
    CLOSED = "closed"


class Me(NamedTuple):
    """Who looks."""

    login: str
    name: str


class Place(NamedTuple):
    """Where a page ended: the day that is due (open) or the moment of closing (closed), and the row."""

    when: date | datetime
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests.  Everything that is said must hold."""

    pile: Pile = Pile.OPEN
    kind: RequestKind | None = None
    topic: Topic | None = None
    state: RequestState | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A request in the queue.  hours_left: to the end of the day that is due, negative when late; of a closed one,
    when it was closed.  stake: None: nothing, or nobody knows."""

    number: str
    kind: RequestKind
    topic: Topic
    state: RequestState
    account: str | None
    contact: str | None
    registered_at: datetime
    due: date
    hours_left: int
    responsible: str | None
    assigned_to: str | None
    reply_by: ReplyBy
    told: bool
    call: str | None
    closed_at: datetime | None
    stake: Stake | None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next page begins; None: that was all."""

    rows: Sequence[Row]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many are in each pile (closed ones are not counted), and what is at stake in all that is open.

    lost: what is owed already.  soon: what will be, unless it is answered within `SOON`.  Kopiykas, least and most.
    """

    piles: Mapping[Pile, int]
    lost: tuple[int, int]
    soon: tuple[int, int]
    topics: Mapping[Topic, int] = field(default_factory=dict[Topic, int])


def page(
    conn: Connection, wanted: Wanted, at: datetime, me: Me, *, after: Place | None = None, limit: int = 50
) -> Page:
    """A page of what is wanted.  at: now, timezone-aware."""
    closed = wanted.pile is Pile.CLOSED
    statement = _ROWS.where(_pile(wanted.pile, rules.local_day(at), me)).limit(limit + 1)
    for column, value in (
        (requests.c.kind, wanted.kind),
        (requests.c.topic, wanted.topic),
        (requests.c.state, wanted.state),
    ):
        if value is not None:
            statement = statement.where(column == value)
    by: ColumnElement[Any] = requests.c.closed_at if closed else requests.c.due
    if after is not None:
        when = literal(after.when, by.type)
        behind = by < when if closed else by > when
        further = requests.c.id < after.id if closed else requests.c.id > after.id
        statement = statement.where(or_(behind, and_(by == when, further)))
    order = (by.desc(), requests.c.id.desc()) if closed else (by, requests.c.id)
    found = conn.execute(statement.order_by(*order)).all()
    book = policies.load(conn)
    rows = [_row(each, at, book) for each in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return Page(rows, Place(last.closed_at if closed else last.due, last.id) if last else None)


def counts(conn: Connection, at: datetime, me: Me) -> Counts:
    """Of all that is open.  One pass over what is open, which an index finds; so it stays small however much was
    closed."""
    today = rules.local_day(at)
    piles: dict[Pile, int] = {}
    sums = conn.execute(
        select(
            *(
                func.coalesce(func.sum(case((_pile(pile, today, me), 1), else_=0)), 0).label(pile.value)
                for pile in Pile
                if pile is not Pile.CLOSED
            )
        ).where(requests.c.closed_at.is_(None))
    ).one()
    for pile in Pile:
        if pile is not Pile.CLOSED:
            piles[pile] = int(getattr(sums, pile.value))
    book = policies.load(conn)
    lost, soon = [0, 0], [0, 0]
    for row in conn.execute(_AT_STAKE):
        owed = _stake(row, book)
        if owed is None or owed.until > today + SOON:
            continue
        into = lost if owed.lost(today) else soon
        into[0] += owed.least
        into[1] += owed.most
    topics = {row.topic: row.count_ for row in conn.execute(_TOPICS)}
    return Counts(piles, (lost[0], lost[1]), (soon[0], soon[1]), topics)


def stake_of(conn: Connection, number: str) -> Stake | None:
    """What is at stake for the request of this number."""
    row = conn.execute(_ROWS.where(requests.c.number == number)).one_or_none()
    return _stake(row, policies.load(conn)) if row else None


def phone_of(conn: Connection, login: str) -> str | None:
    """The telephone that customers were given last for this person, so that nobody types it twice."""
    return conn.execute(_PHONE, {"of": login}).scalar_one_or_none()


def _pile(pile: Pile, today: date, me: Me) -> ColumnElement[bool]:
    open_ = requests.c.closed_at.is_(None)
    match pile:
        case Pile.OPEN:
            return open_
        case Pile.MINE:
            by_name = and_(requests.c.assigned_to.is_(None), requests.c.responsible == me.name)
            return and_(open_, or_(requests.c.assigned_to == me.login, by_name))
        case Pile.UNASSIGNED:
            return and_(open_, requests.c.state == RequestState.REGISTERED)
        case Pile.OVERDUE:
            return and_(open_, requests.c.due < today)
        case Pile.SOON:
            return and_(open_, requests.c.due.between(today, today + SOON))
        case Pile.DRAFTS:
            return and_(open_, requests.c.state == RequestState.DRAFT)
        case Pile.CLOSED:
            return requests.c.closed_at.is_not(None)


def _row(row: Any, at: datetime, book: Policies) -> Row:
    return Row(
        row.number, row.kind, row.topic, row.state, row.account, row.contact, row.registered_at, row.due,
        hours_left(row.due, row.closed_at or at), row.responsible, row.assigned_to, row.reply_by,
        row.told_from is not None, row.call, row.closed_at, _stake(row, book),
    )  # fmt: skip


def _stake(row: Any, book: Policies) -> Stake | None:
    customer: AccountKind | None = row.customer
    return stake(row.kind, row.topic, terms.loaded(row.rule).case, row.registered_at, customer, book)


# How: what never changes is made once, for making a statement costs more than running it

_ROWS: Final = select(requests, accounts.c.kind.label("customer")).select_from(
    requests.outerjoin(accounts, accounts.c.number == requests.c.account)
)
_AT_STAKE: Final = (
    select(
        requests.c.kind, requests.c.topic, requests.c.rule, requests.c.registered_at,
        accounts.c.kind.label("customer"),
    )
    .select_from(requests.join(accounts, accounts.c.number == requests.c.account))
    .where(requests.c.closed_at.is_(None))
)  # fmt: skip
_TOPICS: Final = (
    select(requests.c.topic, func.count().label("count_"))
    .where(requests.c.closed_at.is_(None))
    .group_by(requests.c.topic)
)
_PHONE: Final = (
    select(requests.c.responsible_phone)
    .where(requests.c.assigned_to == bindparam("of"), requests.c.responsible_phone.is_not(None))
    .order_by(requests.c.id.desc())
    .limit(1)
)
