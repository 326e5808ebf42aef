"""What staff do with requests.  Which act is possible when: `domain.request_life`; nothing here decides that.

Rules: the request's row is held from reading to writing; every act is a row of its history and, where it changes
something, an event; what a closed request says is what was found and replied, word for word.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Update, bindparam, select, update

from domain import deadlines, lookup, news, policies, rules, terms
from domain.deadlines import NotExtendable
from domain.desk import (
    Answered,
    AssignRequest,
    BadTime,
    CompleteRequest,
    ConsiderRequest,
    Element,
    ExamineRequest,
    Finding,
    Incomplete,
    Justified,
    Late,
    NoteRequest,
    NotPossible,
    Reachable,
    RefusalGround,
    RefuseRequest,
    Reply,
    SendInterim,
    WrongChannel,
)
from domain.handlers.desk_services import finish_call_back_of
from domain.handling import Context, Unanswerable, handles
from domain.model import RequestKind, RequestState, RequestStatus, Source
from domain.once import account_exists
from domain.policy import Policies
from domain.request_history import note
from domain.request_life import LEADS, Act
from domain.tables import requests
from domain.terms import Term


@handles(CompleteRequest)
def complete_request(conn: Connection, command: CompleteRequest, context: Context) -> RequestStatus:
    """The day that was promised when it was told stays."""
    request, state = _held(conn, command.number, Act.COMPLETE)
    account_exists(conn, command.account)
    whole = {
        "reply_by": command.reply_by,
        "contact": command.contact,
        "topic": command.topic or request.topic,
        "account": command.account or request.account,
    }
    conn.execute(_COMPLETE, {"of": request.id, **_new(state=state, **whole)})
    note(conn, request.id, context, Act.COMPLETE, **whole)
    _tell(conn, context, request, Act.COMPLETE, topic=whole["topic"], due=request.due)
    finish_call_back_of(conn, request.call, request.seq, "the draft was completed", context)
    return replace(_status(request, state), topic=whole["topic"], reply_by=command.reply_by)


@handles(AssignRequest)
def assign_request(conn: Connection, command: AssignRequest, context: Context) -> RequestStatus:
    """Again, too: from now on the new one answers for it."""
    request, state = _held(conn, command.number, Act.ASSIGN)
    who = {"responsible": command.responsible, "responsible_phone": command.phone, "assigned_to": command.login}
    conn.execute(_ASSIGN, {"of": request.id, **_new(state=state, **who)})
    note(
        conn, request.id, context, Act.ASSIGN,
        responsible=command.responsible, phone=command.phone, login=command.login,
    )  # fmt: skip
    _tell(conn, context, request, Act.ASSIGN, responsible=command.responsible, due=request.due)
    return _status(request, state)


@handles(NoteRequest)
def note_request(conn: Connection, command: NoteRequest, context: Context) -> RequestStatus:
    request, state = _held(conn, command.number, Act.NOTE)
    note(conn, request.id, context, Act.NOTE, text=command.text)
    return _status(request, state)


@handles(ExamineRequest)
def examine_request(conn: Connection, command: ExamineRequest, context: Context) -> RequestStatus:
    """An extension by an interim reply is kept: the later of the two days holds."""
    request, state = _held(conn, command.number, Act.EXAMINE)
    book = policies.load(conn)
    was = terms.loaded(request.rule)
    channel = terms.channel(Source(request.source))
    new = deadlines.deadline(request.kind, request.topic, channel, request.registered_at, book, command.case)
    if was.running.extended:
        new = replace(new, interim_days=0, extended=True)
    if new.due < was.running.due:
        new = replace(new, due=was.running.due, ends=was.running.ends)
    due = _move(conn, request, Term(was.promised, new, command.case), state, context, book)
    note(conn, request.id, context, Act.EXAMINE, case=command.case, due=due, rule=new.source)
    _tell(conn, context, request, Act.EXAMINE, case=command.case, due=due)
    return _status(request, state, due)


@handles(SendInterim)
def send_interim(conn: Connection, command: SendInterim, context: Context) -> RequestStatus:
    """Once; by the policy of the day of registration."""
    request, state = _held(conn, command.number, Act.INTERIM)
    book = policies.load(conn)
    was = terms.loaded(request.rule)
    try:
        new = deadlines.extended(was.running, context.at, book)
    except NotExtendable as error:
        raise Late(f"request {command.number}: {error}") from error
    due = _move(conn, request, replace(was, running=new), state, context, book)
    note(conn, request.id, context, Act.INTERIM, text=command.text, by=command.by, due=due)
    _tell(conn, context, request, Act.INTERIM, due=due)
    return _status(request, state, due)


@handles(ConsiderRequest)
def consider_request(conn: Connection, command: ConsiderRequest, context: Context) -> RequestStatus:
    """Raises NotPossible, Incomplete, WrongChannel, BadTime; then nothing was changed."""
    request, state = _held(conn, command.number, Act.CONSIDER)
    finding, reply = command.finding, command.reply
    _check(request, finding, reply, context.at)
    found = {
        "justified": None if isinstance(finding, Answered) else isinstance(finding, Justified),
        "reasons": finding.reasons,
        "rights": finding.rights if isinstance(finding, Justified) else None,
        "measures": finding.measures if isinstance(finding, Justified) else None,
        "planned_on": finding.planned_on if isinstance(finding, Justified) else None,
        "reply": reply.text,
        "replied_by": reply.by,
        "replied_at": reply.sent_at,
    }
    conn.execute(_CONSIDER, {"of": request.id, **_new(state=state, closed_at=context.at, escalate_at=None, **found)})
    note(conn, request.id, context, Act.CONSIDER, **found, because=reply.because)
    _tell(conn, context, request, Act.CONSIDER, justified=found["justified"], replied_by=reply.by)
    return _status(request, state)


@handles(RefuseRequest)
def refuse_request(conn: Connection, command: RefuseRequest, context: Context) -> RequestStatus:
    """Raises NotPossible, BadTime, Reachable; then nothing was changed."""
    request, state = _held(conn, command.number, Act.REFUSE)
    if command.ground is RefusalGround.NO_CONTACT and lookup.reachable(conn, request.contact, request.account):
        raise Reachable(f"the customer of request {command.number} can be replied to: name another ground")
    if command.notified_at:
        _sent(request, command.notified_at, context.at)
    refused = {
        "ground": command.ground,
        "notified_by": command.notified_by,
        "notified_at": command.notified_at,
    }
    conn.execute(_REFUSE, {"of": request.id, **_new(state=state, closed_at=context.at, escalate_at=None, **refused)})
    note(conn, request.id, context, Act.REFUSE, **refused, text=command.text)
    _tell(conn, context, request, Act.REFUSE, ground=command.ground)
    if request.state is RequestState.DRAFT:
        finish_call_back_of(conn, request.call, request.seq, "the draft was refused", context)
    return _status(request, state)


# What must hold


def _held(conn: Connection, number: str, act: Act) -> tuple[Any, RequestState]:
    """The request's row, held until the transaction ends, and the state that this act leads to."""
    row = conn.execute(_HELD, {"of": number}).one_or_none()
    if row is None:
        raise Unanswerable(f"there is no request {number!r}")
    leads = LEADS[row.state]
    if act not in leads:
        raise NotPossible(number, row.state, act)
    return row, leads[act]


def _check(request: Any, finding: Finding, reply: Reply, now: datetime) -> None:
    if isinstance(finding, Answered) and request.kind is RequestKind.COMPLAINT:
        raise Incomplete([Element.JUSTIFIED])
    if reply.by is not request.reply_by and not (reply.because or "").strip():
        raise WrongChannel(f"the customer wants the reply by {request.reply_by}: say why it went by {reply.by}")
    _sent(request, reply.sent_at, now)
    registered_on = rules.local_day(request.registered_at)
    if isinstance(finding, Justified) and finding.planned_on < registered_on:
        raise BadTime(f"measures of {finding.planned_on} can't answer a request of {registered_on}")


def _sent(request: Any, at: datetime, now: datetime) -> None:
    if not request.registered_at <= at <= now:
        raise BadTime(f"nothing was sent at {at} about a request of {request.registered_at}: it is {now}")


# What changes


def _move(conn: Connection, request: Any, term: Term, state: RequestState, context: Context, book: Policies) -> date:
    """The request's deadline is this now; the day."""
    due = term.running.due
    values = _new(
        state=state, due=due, rule=terms.dumped(term), escalate_at=terms.next_warning(term.running, context.at, book)
    )
    conn.execute(_MOVE, {"of": request.id, **values})
    return due


def _new(**values: Any) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


def _tell(conn: Connection, context: Context, request: Any, act: Act, **facts: Any) -> None:
    news.tell(conn, f"request.{act}", context.at, request.account, number=request.number, **facts)


def _status(request: Any, state: RequestState, due: date | None = None) -> RequestStatus:
    registered_on = rules.local_day(request.registered_at)
    return RequestStatus(
        request.number, request.kind, request.topic, state, registered_on, due or request.due, request.reply_by
    )


# How: statements are made once, for making one costs more than running it


def _sets(*columns: str) -> Update:
    """Changes these columns of one request."""
    new = {name: bindparam(f"new_{name}", type_=requests.c[name].type) for name in columns}
    return update(requests).where(requests.c.id == bindparam("of")).values(new)


_HELD: Final = select(requests).where(requests.c.number == bindparam("of")).with_for_update()
_COMPLETE: Final = _sets("state", "reply_by", "contact", "topic", "account")
_ASSIGN: Final = _sets("state", "responsible", "responsible_phone", "assigned_to")
_MOVE: Final = _sets("state", "due", "rule", "escalate_at")
_CONSIDER: Final = _sets(
    "state", "closed_at", "escalate_at", "justified", "reasons", "rights", "measures", "planned_on",
    "reply", "replied_by", "replied_at",
)  # fmt: skip
_REFUSE: Final = _sets("state", "closed_at", "escalate_at", "ground", "notified_by", "notified_at")
