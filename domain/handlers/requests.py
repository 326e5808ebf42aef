"""Somebody wants an answer, and asks how it stands.

Rules: registering never depends on what is missing: a request without account, contact or text is one too
(regulators: "call centres refused to register"); who was gone before we knew how to answer has left a draft, and is
called back.  Who knows a number learns how its request stands and nothing about the person.
"""

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from domain import deadlines, news, numbers, policies, rules, terms
from domain.commands import FindRequest, KeepDraft, OrderCallBack, RegisterRequest
from domain.handlers.orders import order_call_back
from domain.handling import Context, Unanswerable, handles
from domain.model import Registered, ReplyBy, RequestState, RequestStatus, Told
from domain.numbers import Series
from domain.once import Once, account_exists
from domain.request_history import note
from domain.tables import requests
from domain.terms import Term

log = logging.getLogger(__name__)

ABOUT: Final = "complaint"
"""What a call back for a draft is about, as the conversation names it."""


@handles(RegisterRequest)
def register_request(conn: Connection, command: RegisterRequest, context: Context) -> Registered:
    """The deadline is that of the policy of today; it is kept with what set it."""
    said = {
        "kind": command.kind,
        "topic": command.topic,
        "reply_by": command.reply_by,
        "contact": command.contact,
        "account": command.account,
        "text": command.text,
    }
    kept, key = _keep(conn, said, command.told, RequestState.REGISTERED, context)
    if key is not None:
        note(conn, key, context, "registered", due=kept.due, source=context.source, rule=kept.rule)
        news.tell(
            conn, "request.registered", context.at, command.account,
            number=kept.number, topic=command.topic, request=command.kind, due=kept.due, source=context.source,
        )  # fmt: skip
    return Registered(kept.number, kept.due)


@handles(KeepDraft)
def keep_draft(conn: Connection, command: KeepDraft, context: Context) -> Registered:
    """The call back is ordered in the same transaction, under the same line.  A draft is kept, too, where nobody can
    call back: no number, or nobody who works within a month."""
    said = {
        "kind": command.kind,
        "topic": command.topic,
        "reply_by": ReplyBy.PHONE,  # until we know better
        "contact": command.contact,
        "account": command.account,
        "text": None,
    }
    kept, key = _keep(conn, said, command.told, RequestState.DRAFT, context)
    if key is not None:
        callback = _call_back(conn, command, context)
        note(conn, key, context, "drafted", due=kept.due, source=context.source, rule=kept.rule, callback=callback)
        news.tell(
            conn, "request.drafted", context.at, command.account, number=kept.number, topic=command.topic,
            request=command.kind, due=kept.due, source=context.source, callback=callback,
        )  # fmt: skip
    return Registered(kept.number, kept.due)


@dataclass(frozen=True, slots=True)
class _Kept:
    number: str
    due: date
    rule: str


def _keep(
    conn: Connection, said: dict[str, Any], told: Told | None, state: RequestState, context: Context
) -> tuple[_Kept, int | None]:
    """The request as this line has registered it; its id, None when it did so before.

    What is told has a place in the recording of a call; another channel has none.
    """
    if told is not None and context.call is None:
        raise Unanswerable("what was told is a part of a call's recording, and there is no call")
    account_exists(conn, said["account"])
    said |= {"told_from": told.began if told else None, "told_to": told.ended if told else None}
    book = policies.load(conn)
    running = deadlines.deadline(said["kind"], said["topic"], terms.channel(context.source), context.at, book)
    request = {
        **said,
        "state": state,
        "source": context.source,
        "registered_at": context.at,
        "due": running.due,
        "rule": terms.dumped(Term(running.due, running)),
        "escalate_at": terms.next_warning(running, context.at, book),
    }
    key = _ONCE.keep(conn, request, context)
    if key is None:
        first = _ONCE.again(conn, said, context)
        return _Kept(first.number, terms.loaded(first.rule).promised, running.source), None
    number = numbers.number(Series.REQUEST, key)
    conn.execute(_NUMBER, {"of": key, "new": number})
    return _Kept(number, running.due, running.source), key


def _call_back(conn: Connection, draft: KeepDraft, context: Context) -> str | None:
    """Its number; None where nobody can call back."""
    if draft.contact is None:
        return None
    try:
        return order_call_back(conn, OrderCallBack(draft.contact, ABOUT, draft.account), context).number
    except Unanswerable as fault:
        log.error("a draft of call %s is kept, and nobody calls back: %s", context.call, fault)
        return None


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
