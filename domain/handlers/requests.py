"""Somebody wants an answer, and asks how it stands.

Rules: registering never depends on what is missing: a request without account, contact or text is one too
(regulators: "call centres refused to register").  Who knows a number learns how its request stands and nothing about
the person.
"""

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from domain import deadlines, news, numbers, policies, rules, terms
from domain.commands import FindRequest, RegisterRequest
from domain.handling import Context, handles
from domain.model import Registered, RequestState, RequestStatus
from domain.numbers import Series
from domain.once import Once, account_exists
from domain.request_history import note
from domain.tables import requests
from domain.terms import Term


@handles(RegisterRequest)
def register_request(conn: Connection, command: RegisterRequest, context: Context) -> Registered:
    """The deadline is that of the policy of today; it is kept with what set it."""
    account_exists(conn, command.account)
    book = policies.load(conn)
    running = deadlines.deadline(command.kind, command.topic, terms.channel(context.source), context.at, book)
    said = {
        "kind": command.kind,
        "topic": command.topic,
        "reply_by": command.reply_by,
        "contact": command.contact,
        "account": command.account,
        "text": command.text,
    }
    request = {
        **said,
        "state": RequestState.REGISTERED,
        "source": context.source,
        "registered_at": context.at,
        "due": running.due,
        "rule": terms.dumped(Term(running.due, running)),
        "escalate_at": terms.next_warning(running, context.at, book),
    }
    key = _ONCE.keep(conn, request, context)
    if key is None:
        first = _ONCE.again(conn, said, context)
        return Registered(first.number, terms.loaded(first.rule).promised)
    number = numbers.number(Series.REQUEST, key)
    conn.execute(_NUMBER, {"of": key, "new": number})
    note(conn, key, context, "registered", due=running.due, source=context.source, rule=running.source)
    news.tell(
        conn, "request.registered", context.at, command.account,
        number=number, topic=command.topic, request=command.kind, due=running.due, source=context.source,
    )  # fmt: skip
    return Registered(number, running.due)


@handles(FindRequest)
def find_request(conn: Connection, command: FindRequest, _: Context) -> RequestStatus | None:
    """A mistyped number, and one of an order or a report (`numbers.series_of` tells), is none of a request's."""
    if numbers.series_of(command.number) is not Series.REQUEST:
        return None
    row = conn.execute(_STATUS, {"of": command.number}).one_or_none()
    if row is None:
        return None
    return RequestStatus(
        row.number, row.kind, row.topic, row.state, rules.local_day(row.registered_at), row.due, row.reply_by
    )


# How: statements are made once, for making one costs more than running it

_ONCE: Final = Once(requests)
_NUMBER: Final = update(requests).where(requests.c.id == bindparam("of")).values(number=bindparam("new"))
_STATUS: Final = select(
    requests.c.number,
    requests.c.kind,
    requests.c.topic,
    requests.c.state,
    requests.c.registered_at,
    requests.c.due,
    requests.c.reply_by,
).where(requests.c.number == bindparam("of"))
