"""What the generated customers wanted of people: requests in every state, outages, orders, calls back.

Rules: all of it is done by the commands that callers and staff give, at moments in the past, so that numbers,
deadlines and histories are what they would have been; each matter is one job, and is left out when its account has
one already.  Names of staff are roles.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from domain.commands import Command, OrderCallBack, PlaceOrder, RegisterRequest, ReportOutage
from domain.demo.fiction import GROUP, account_number, dice, person
from domain.desk import (
    Answered,
    AssignRequest,
    ConsiderRequest,
    FinishCallBack,
    FinishOrder,
    Justified,
    Late,
    OpenIncident,
    PlanWorks,
    RefusalGround,
    RefuseRequest,
    Reply,
    RestoreIncident,
    SendInterim,
    Unjustified,
    UpdateIncident,
)
from domain.handlers import perform
from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, RequestState, Source, Topic
from domain.rules import local_day
from domain.tables import accounts, callbacks, incidents, orders, outage_reports, requests

Job = Callable[[Connection], bool]
"""Within a transaction; False when it was done before."""

_PHONE: Final = "+380440000000"
_REFUSED: Final = "На це питання Вам уже надано відповідь, а нових доводів не наведено."
_WISHES: Final = (
    (RequestKind.COMPLAINT, Topic.QUALITY, "Увечері лампи блимають, а чайник ледь гріє."),
    (RequestKind.COMPLAINT, Topic.BILLING, "Нараховано більше, ніж показує лічильник."),
    (RequestKind.QUESTION, Topic.CONNECTION, "Які документи потрібні, щоб збільшити потужність?"),
    (RequestKind.COMPLAINT, Topic.INTERRUPTIONS, "Світло вимкнули без попередження."),
    (RequestKind.SUGGESTION, Topic.SERVICE, "Надсилайте нагадування про показники за день до кінця періоду."),
    (RequestKind.COMPLAINT, Topic.METERING, "Лічильник рахує, коли все вимкнено."),
    (RequestKind.OPINION, Topic.SERVICE, "Оператор допомогла швидко, дякую."),
    (RequestKind.COMPLAINT, Topic.SUPPLY, "Дріт над подвір'ям висить надто низько."),
)


@dataclass(frozen=True, slots=True)
class _At:
    """Gives commands at moments of the past."""

    conn: Connection
    source: Source = Source.WEB

    def __call__(self, at: datetime, command: Command[Any], by: str = "demo") -> Any:
        return perform(self.conn, command, call=None, seq=None, at=at, source=self.source, by=by)


def matters(count: int, seed: int, now: datetime) -> Iterator[Job]:
    """What the first `count` generated customers wanted until `now`; a job for each."""
    for n in range(3, count, 12):
        yield _request(n, seed, now)
    for n in range(8, count, 40):
        yield _order(n, seed, now)
    for n in range(13, count, 80):
        yield _callback(n, seed, now)
    for n in range(0, count - GROUP, GROUP * 3):
        yield _outage(n, seed, now, still=n == 0)
    if count > GROUP * 2:
        yield _works(GROUP, now)


def _request(n: int, seed: int, now: datetime) -> Job:
    """A request that has come as far as its turn says."""
    account, of, turn = account_number(n), person(n, seed), n // 12
    states = [state for state in RequestState if state is not RequestState.DRAFT]  # those are told in calls
    state = states[turn % len(states)]
    kind, topic, text = _WISHES[turn % len(_WISHES)]
    if kind is not RequestKind.COMPLAINT and state is RequestState.REFUSED:
        state = RequestState.CONSIDERED
    reply_by = ReplyBy.PHONE if of.phone else ReplyBy.EMAIL
    contact = of.phone or f"customer{n}@example.org"
    ended = state in (RequestState.CONSIDERED, RequestState.REFUSED)
    days = dice(seed, n, 2).randint(20, 300) if ended else dice(seed, n, 2).randint(7, 9)
    began = now - timedelta(days=days, hours=3)

    def job(conn: Connection) -> bool:
        if _has(conn, requests, account):
            return False
        do = _At(conn, Source.BOT if turn % 3 else Source.WEB)
        number = do(began, RegisterRequest(kind, topic, reply_by, contact, account, text)).number
        if state is not RequestState.REGISTERED:
            do(began + timedelta(days=1), AssignRequest(number, "Черговий фахівець", _PHONE), "dispatcher")
        if state is RequestState.INTERIM:
            with suppress(Late):  # some terms know no interim reply: then it stays assigned
                do(began + timedelta(days=5), SendInterim(number, "Потрібен виїзд на місце.", reply_by), "clerk")
        closed = began + timedelta(days=6)
        if state is RequestState.CONSIDERED:
            finding = (
                Answered("Розглянуто й відповіли по суті.") if kind is not RequestKind.COMPLAINT
                else Unjustified("Вимірювання показали, що все в межах норми.") if turn % 2
                else Justified("Контакт у щиті підгорів.", "Якість напруги відновлено.", "Заміна контакту.",
                               local_day(closed) + timedelta(days=3))
            )  # fmt: skip
            reply = Reply("Докладна відповідь надіслана.", reply_by, closed)
            do(closed, ConsiderRequest(number, finding, reply), "clerk")
        elif state is RequestState.REFUSED:
            do(closed, RefuseRequest(number, RefusalGround.ALREADY_ANSWERED, reply_by, closed, _REFUSED), "clerk")
        return True

    return job


def _order(n: int, seed: int, now: datetime) -> Job:
    account, of, turn = account_number(n), person(n, seed), n // 40
    kind = list(OrderKind)[turn % len(OrderKind)]

    def job(conn: Connection) -> bool:
        if _has(conn, orders, account):
            return False
        do, began = _At(conn), now - timedelta(days=4 + turn % 9)
        number = do(began, PlaceOrder(kind, account, of.phone)).number
        if turn % 2:
            do(began + timedelta(days=3), FinishOrder(number, "Виконано."), "electrician")
        return True

    return job


def _callback(n: int, seed: int, now: datetime) -> Job:
    account, of, turn = account_number(n), person(n, seed), n // 80

    def job(conn: Connection) -> bool:
        if of.phone is None or _has(conn, callbacks, account):
            return False
        do, began = _At(conn), now - timedelta(days=turn % 3, minutes=20)
        number = do(began, OrderCallBack(of.phone, "reading", account)).number
        if turn % 3:
            do(began + timedelta(minutes=15), FinishCallBack(number, "Показники прийнято."), "operator")
        return True

    return job


def _outage(n: int, seed: int, now: datetime, *, still: bool) -> Job:
    """Some who live in one house reported it; it is over, except the first."""
    began = now - (timedelta(minutes=50) if still else timedelta(days=10 + n % 600, hours=2))

    def job(conn: Connection) -> bool:
        if _has(conn, outage_reports, account_number(n)):
            return False
        building = conn.scalar(select(accounts.c.building).where(accounts.c.number == account_number(n)))
        if building is None:
            return False
        do = _At(conn)
        incident = do(began, OpenIncident(building=building), "dispatcher")
        for k in range(2 + n % 4):
            kind = OutageKind.PARTIAL if k == 3 else OutageKind.NO_SUPPLY
            neighbour = person(n + k, seed)
            do(began + timedelta(minutes=4 * k + 2), ReportOutage(kind, neighbour.number, neighbour.phone))
        expected = began + timedelta(hours=2)
        cause = "Пошкоджено кабель вводу"
        do(began + timedelta(minutes=30), UpdateIncident(incident, expected, cause), "dispatcher")
        if not still:
            do(began + timedelta(minutes=105), RestoreIncident(incident), "dispatcher")
        return True

    return job


def _works(n: int, now: datetime) -> Job:
    """Works of tomorrow, where nothing else is known."""

    def job(conn: Connection) -> bool:
        account = account_number(n)
        building = conn.scalar(select(accounts.c.building).where(accounts.c.number == account))
        begins = now + timedelta(days=1)
        if building is None or _planned(conn, building):
            return False
        works = PlanWorks(begins, begins + timedelta(hours=4), building=building, cause="Заміна опори")
        _At(conn)(now, works, "dispatcher")
        return True

    return job


def _has(conn: Connection, table: Table, account: str) -> bool:
    return conn.execute(select(table.c.id).where(table.c.account == account).limit(1)).first() is not None


def _planned(conn: Connection, building: int) -> bool:
    found = select(incidents.c.id).where(incidents.c.building == building, incidents.c.planned).limit(1)
    return conn.execute(found).first() is not None
