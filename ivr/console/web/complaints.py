"""Requests of customers: the queue by the hours that are left, one with everything beside its form, calls back,
orders.

Rules
1. What can be done is what the domain says (`Request.can`); a page shows no other form, and the domain refuses it.
2. Who acts says which version they saw.  If somebody else did something meanwhile, nothing is done, what was typed is
   kept, and the page shows what happened; the same form sent twice is done once.
3. Every deed is in the trail, in the transaction of the deed; so is that a request was opened by who sees it in full.
4. The state of a list is in its address.
5. What closes a request is shown once more, with everything that it will say, before it is done: closed is for good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Path, Query, Request, Response
from starlette.exceptions import HTTPException

from domain import account_file, duties, lookup, request_queue, requests, rules, staff, trail, transcripts
from domain.account_file import Kind
from domain.commands import Command
from domain.desk import (
    AlreadyDone,
    CallBackFailed,
    DeskRefusal,
    FinishCallBack,
    FinishOrder,
    RefusalGround,
)
from domain.handlers import perform
from domain.handling import Unanswerable
from domain.model import ReplyBy, RequestKind, RequestState, Topic
from domain.numbers import Series, series_of
from domain.policy import Case
from domain.request_life import Act
from domain.request_queue import Pile, Place, Wanted
from domain.requests import Event
from domain.requests import Request as Matter
from domain.roles import Permission
from domain.store import Connection
from domain.tables import TranscriptState
from domain.transcripts import Transcript
from ivr.console.web import letters
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import LARGEST, day, moment
from ivr.console.web.hearing import REASONS, Hearing, hearing
from ivr.console.web.letters import Letter
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.request_forms import (
    CLOSE,
    WORK,
    Filled,
    acts_since,
    done_already,
    fault,
    filled,
    noted,
)
from ivr.console.web.sources import remarks_in, rule_in
from ivr.console.web.words import Tongue

router = router()

Number = Annotated[str, Path(pattern=r"^[0-9]{8}$")]
LETTER_BODY: Final = 256 * 1024
"""Bytes of a form that carries a letter, percent-encoded."""
ROWS: Final = 50

FIRST: Final = (Act.CONSIDER, Act.ASSIGN, Act.COMPLETE, Act.INTERIM, Act.REFUSE, Act.EXAMINE, Act.NOTE)
"""Which form is open: the first that is possible."""
TABS: Final = (Act.COMPLETE, Act.ASSIGN, Act.CONSIDER, Act.INTERIM, Act.EXAMINE, Act.REFUSE, Act.NOTE)
"""In the order in which they stand."""


class Changed(Exception):
    """Somebody did something about the request while this person looked at it.  Nothing was done."""

    def __init__(self, now: Matter, since: Sequence[Event]) -> None:
        self.now, self.since = now, since
        super().__init__(now.number)


class Unconfirmed(Exception):
    """It could be closed like this, but nobody has said yet that it shall be.  Nothing was done."""


# The queue


@router.get("/requests", **page(Permission.REQUESTS), name="requests")
async def queue(
    request: Request,
    serving: InDesk,
    me: Asking,
    pile: Pile = Pile.OPEN,
    kind: Annotated[str, Query(max_length=20)] = "",
    topic: Annotated[str, Query(max_length=20)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """What is open, the most urgent first; or another pile of it."""
    now = serving.clock()
    wanted = Wanted(
        pile,
        RequestKind(kind) if kind in set(RequestKind) else None,
        Topic(topic) if topic in set(Topic) else None,
        RequestState(state) if state in set(RequestState) else None,
    )
    who = request_queue.Me(me.login, me.name)

    def job(conn: Connection) -> tuple[request_queue.Page, request_queue.Counts]:
        found = request_queue.page(conn, wanted, now, who, after=_place(after, pile), limit=ROWS)
        return found, request_queue.counts(conn, now, who)

    found, counts = await serving.read(job)
    chosen = {
        name: str(value)
        for name, value in (("kind", wanted.kind), ("topic", wanted.topic), ("state", wanted.state))
        if value
    }
    return render(
        request, "requests/queue.html",
        rows=found.rows, counts=counts, wanted=wanted, piles=list(Pile), kinds=list(RequestKind), topics=list(Topic),
        states=_states(pile), today=rules.local_day(now),
        link=lambda to: _address(to, chosen),
        more=_address(pile, chosen, found.next) if found.next else None,
        from_start=not after,
    )  # fmt: skip


def _address(pile: Pile, chosen: Mapping[str, str], after: Place | None = None) -> str:
    return "/requests?" + urlencode({"pile": str(pile), **chosen, **({"after": _written(after)} if after else {})})


def _states(pile: Pile) -> list[RequestState]:
    closed = (RequestState.CONSIDERED, RequestState.REFUSED)
    return [each for each in RequestState if (each in closed) == (pile is Pile.CLOSED)]


def _written(place: Place) -> str:
    return f"{place.when.isoformat()}_{place.id}"


def _place(text: str, pile: Pile) -> Place | None:
    """Where a page begins; what nobody could have been given begins at the top."""
    when, _, key = text.rpartition("_")
    if not key.isascii() or not key.isdecimal() or len(key) > 18:
        return None
    try:
        if pile is Pile.CLOSED:
            return Place(moment(when), int(key))
        return Place(day(when), int(key))
    except ValueError:
        return None


# One request


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as the page shows it.  staff: name by login of who may be given it; phone: of who looks.

    reachable: is there anywhere to reply to."""

    matter: Matter
    stake: Any
    hearing: Hearing | None
    transcripts: Sequence[Transcript]
    account: account_file.AccountFile | None
    past: Sequence[account_file.Happened]
    staff: Mapping[str, str]
    phone: str | None
    reachable: bool


@router.get("/requests/callbacks", **page(Permission.REQUESTS), name="callbacks")
async def callbacks(request: Request, serving: InDesk, me: Asking) -> Response:
    """Calls back that were promised, by the end of their time."""
    return await _callbacks(request, serving)


@router.get("/requests/orders", **page(Permission.REQUESTS), name="orders")
async def orders(request: Request, serving: InDesk, me: Asking) -> Response:
    """Services that were ordered, by their day."""
    return await _orders(request, serving)


@router.get("/requests/{number}", **page(Permission.REQUESTS), name="request")
async def one(
    request: Request,
    number: Number,
    serving: InDesk,
    me: Asking,
    act: Annotated[str, Query(max_length=20)] = "",
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One with its form, its recording, its customer and its history."""
    opened = await _opened(serving, number, me)
    chosen = _chosen(opened.matter, me, act)
    return _shown(request, serving, me, opened, chosen, done=done if done in set(Act) else "")


@router.get("/requests/{number}/account", **page(Permission.ACCOUNTS), name="request_account")
async def account_of(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """To the account, for who may see its number."""
    opened = await _opened(serving, number, me)
    if opened.matter.account is None or not me.may(Permission.PERSONAL):
        raise HTTPException(404)
    return redirect(f"/accounts/{opened.matter.account}")


@router.post("/requests/{number}/work", **page(Permission.WORK_REQUESTS, largest=LETTER_BODY))
async def work(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """Complete, assign, note, have it examined, reply for the time being."""
    return await _act(request, number, serving, me, WORK)


@router.post("/requests/{number}/close", **page(Permission.CLOSE_REQUESTS, largest=LETTER_BODY))
async def close(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """Considered, or refused."""
    return await _act(request, number, serving, me, CLOSE)


@router.post("/requests/{number}/letter", **page(Permission.WORK_REQUESTS, largest=LETTER_BODY))
async def letter(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """The same page with a letter drafted into its form; nothing is kept."""
    typed = await _typed(request)
    act = typed.get("act", "")
    opened = await _opened(serving, number, me)
    if act not in opened.matter.can or act not in (Act.CONSIDER, Act.INTERIM, Act.REFUSE):
        raise HTTPException(409)
    form = Filled(Act(act), typed)
    what = _which(opened.matter, form)
    into = "reply" if form.act is Act.CONSIDER else "text"
    if what is None:
        form.errors["justified"] = "missing"
        return _shown(request, serving, me, opened, form.act, form, status=422)
    spoken = typed.get("letter_language", language_of(request))
    given = {
        **{name: form.text(name) for name in ("reasons", "rights", "measures")},
        "planned_on": form.day("planned_on"),
        "ground": form.one_of(RefusalGround, "ground"),
    }
    form.errors.clear()
    written = letters.drafted(
        what, spoken, _about(opened.matter, serving, spoken), rules.local_day(serving.clock()), given
    )
    return _shown(request, serving, me, opened, form.act, replace(form, typed={**typed, into: written}))


@router.get("/requests/{number}/letter", **page(Permission.REQUESTS), name="request_letter")
async def printed(
    request: Request, number: Number, serving: InDesk, me: Asking, event: Annotated[int, Query(ge=0, le=LARGEST)] = 0
) -> Response:
    """A letter as it was sent, to be printed.  event: the act that sent it; 0: the last one that did."""
    opened = await _opened(serving, number, me)
    sent = [
        each
        for each in opened.matter.history
        if each.what in (Act.CONSIDER, Act.INTERIM, Act.REFUSE) and _sent(each) and event in (0, each.id)
    ]
    if not sent or not me.may(Permission.PERSONAL):
        raise HTTPException(404)
    return render(
        request, "requests/letter.html", matter=opened.matter, text=_sent(sent[-1]), event=sent[-1],
        company=_company(serving, language_of(request)),
    )  # fmt: skip


def _sent(event: Event) -> str | None:
    return event.details.get("reply") or event.details.get("text")


def _which(matter: Matter, form: Filled) -> Letter | None:
    """The letter that this form needs; None while nobody can know."""
    match form.act:
        case Act.INTERIM:
            return Letter.INTERIM
        case Act.REFUSE:
            return Letter.REFUSED
        case _ if matter.kind is not RequestKind.COMPLAINT:
            return Letter.ANSWERED
        case _:
            return {"yes": Letter.JUSTIFIED, "no": Letter.UNJUSTIFIED}.get(form.text("justified"))


def _about(matter: Matter, serving: Desk, language: str) -> letters.Matter:
    return letters.Matter(
        matter.number, matter.registered_at, matter.topic, matter.due, _company(serving, language),
        matter.responsible, matter.responsible_phone,
    )  # fmt: skip


def _company(serving: Desk, language: str) -> str:
    return str(serving.facts.get("organisation") or Tongue(language)("requests.company"))


async def _opened(serving: Desk, number: str, me: Me) -> Opened:
    """Everything that the page shows of it.  Raises HTTPException 404."""
    now = serving.clock()

    def job(conn: Connection) -> Opened | None:
        matter = requests.one(conn, number)
        if matter is None:
            return None
        told = matter.told
        past: Sequence[account_file.Happened] = ()
        if matter.account:
            past, _ = account_file.history(
                conn, matter.account, limit=6, kinds=[each for each in Kind if each is not Kind.BILL]
            )
        return Opened(
            matter, request_queue.stake_of(conn, number),
            hearing(conn, matter.call, me, now, told.began if told else None, told.ended if told else None),
            [
                each
                for each in transcripts.of_request(conn, number, clear=me.may(Permission.PERSONAL))
                if each.state is TranscriptState.DONE
            ],
            account_file.whole(conn, matter.account, now) if matter.account else None, past,
            _helpers(conn), request_queue.phone_of(conn, me.login),
            lookup.reachable(conn, matter.contact, matter.account),
        )  # fmt: skip

    opened = await serving.read(job)
    if opened is None:
        raise HTTPException(404)
    return opened


def _helpers(conn: Connection) -> dict[str, str]:
    """Who may be given a request: name by login."""
    return {
        each.login: each.name for each in staff.listed(conn) if each.active and each.may(Permission.WORK_REQUESTS)
    }


def _may(me: Me, act: Act) -> bool:
    return me.may(Permission.CLOSE_REQUESTS if act in CLOSE else Permission.WORK_REQUESTS)


def _chosen(matter: Matter, me: Me, wanted: str) -> Act | None:
    able = [act for act in FIRST if act in matter.can and _may(me, act)]
    if wanted in able:
        return Act(wanted)
    return able[0] if able else None


def _shown(
    request: Request,
    serving: Desk,
    me: Me,
    opened: Opened,
    act: Act | None,
    form: Filled | None = None,
    *,
    status: int = 200,
    changed: Sequence[Event] = (),
    done: str = "",
    confirm: bool = False,
) -> Response:
    matter, now, tongue = opened.matter, serving.clock(), Tongue(language_of(request))
    fresh = Filled(act or Act.NOTE, _defaults(opened, me, act, language_of(request)))
    return render(
        request, "requests/one.html", status,
        opened=opened, matter=matter, act=act, form=form or fresh,
        tabs=[each for each in TABS if each in matter.can and _may(me, each)],
        closing=act in CLOSE, changed=changed, done=done, confirm=confirm,
        mine=_mine(opened, me),
        hours_left=requests.hours_left(matter.due, matter.closed_at or now), today=rules.local_day(now),
        reply_ways=list(ReplyBy), topics=list(Topic), cases=list(Case), grounds=_grounds(opened), reasons=REASONS,
        with_letter=act in (Act.CONSIDER, Act.INTERIM, Act.REFUSE), kinds=Kind,
        complaint=matter.kind is RequestKind.COMPLAINT,
        rule=rule_in(tongue, matter.rule), remarks=lambda text: remarks_in(tongue, text),
    )  # fmt: skip


def _mine(opened: Opened, me: Me) -> bool:
    """Can who looks take it in one press: it is nobody's, and customers were told their telephone before."""
    return (
        Act.ASSIGN in opened.matter.can
        and not opened.matter.responsible
        and me.login in opened.staff
        and bool(opened.phone)
    )


def _grounds(opened: Opened) -> list[RefusalGround]:
    """On which it can be refused."""
    return [each for each in RefusalGround if each is not RefusalGround.NO_CONTACT or not opened.reachable]


def _defaults(opened: Opened, me: Me, act: Act | None, language: str) -> dict[str, str]:
    """What a form begins with."""
    matter = opened.matter
    match act:
        case Act.ASSIGN:
            return {"to": me.login if me.login in opened.staff else "", "phone": opened.phone or ""}
        case Act.COMPLETE:
            return {
                "reply_by": matter.reply_by, "contact": matter.contact or "", "topic": matter.topic,
                "account": matter.account or "",
            }  # fmt: skip
        case Act.CONSIDER:
            return {"replied_by": matter.reply_by, "letter_language": language}
        case Act.INTERIM:
            return {"by": matter.reply_by, "letter_language": language}
        case Act.REFUSE:
            return {"notified_by": matter.reply_by, "letter_language": language}
        case _:
            return {}


async def _typed(request: Request) -> dict[str, str]:
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str) and name != "csrf"}


async def _act(request: Request, number: str, serving: Desk, me: Me, acts: Sequence[Act]) -> Response:
    typed = await _typed(request)
    act = next((each for each in acts if each == typed.get("act")), None)
    version = typed.get("version", "")
    if act is None or not (version.isascii() and version.isdecimal() and len(version) < 19):
        raise HTTPException(400)
    opened, now = await _opened(serving, number, me), serving.clock()
    form = filled(opened.matter, act, typed, now, opened.staff)
    confirmed = act not in CLOSE or typed.get("confirmed") == "yes"
    if typed.get("confirmed") == "no":
        form.errors.clear()
        return _shown(request, serving, me, opened, act, form)
    if form.command is None:
        since = acts_since(opened.matter, int(version))
        if act not in opened.matter.can:
            form.errors = {"": "not_possible"}
        return _shown(request, serving, me, opened, act, form, status=422, changed=since)
    command = form.command
    try:
        await serving.write(lambda conn: _done(conn, number, int(version), act, command, me, now, confirmed))
    except Unconfirmed:
        return _shown(request, serving, me, opened, act, form, confirm=True)
    except Changed as meanwhile:
        again = replace(opened, matter=meanwhile.now)
        form.errors[""] = "changed" if act in meanwhile.now.can else "not_possible"
        return _shown(request, serving, me, again, act, form, status=409, changed=meanwhile.since)
    except (DeskRefusal, Unanswerable) as refusal:
        where, why = fault(refusal)
        form.errors["notified_at" if act is Act.REFUSE and where == "replied_at" else where] = why
        return _shown(request, serving, me, await _opened(serving, number, me), act, form, status=422)
    return redirect(f"/requests/{number}?done={act}")


def _done(
    conn: Connection,
    number: str,
    version: int,
    act: Act,
    command: Command[Any],
    me: Me,
    now: datetime,
    confirmed: bool,
) -> None:
    """In one transaction: nobody else did anything since, the deed, the trail.

    Raises Changed, DeskRefusal; and Unconfirmed instead of doing what could be done."""
    matter = requests.one(conn, number, hold=True)
    assert matter is not None
    if since := acts_since(matter, version):
        if done_already(since, act, command, me.login):
            return
        raise Changed(matter, since)
    perform(conn, command, call=None, seq=None, at=now, by=me.login)
    if not confirmed:
        raise Unconfirmed
    trail.note(conn, me.login, f"request.{act}", of=number, at=now, **noted(matter, command))


# Calls back and orders


async def _callbacks(
    request: Request,
    serving: Desk,
    *,
    status: int = 200,
    errors: Mapping[str, str] = {},
    typed: Mapping[str, str] = {},
) -> Response:
    now = serving.clock()
    rows = await serving.read(lambda conn: duties.callbacks_waiting(conn, now))
    drafts = await serving.read(duties.drafts_waiting)
    return render(
        request, "requests/callbacks.html", status,
        rows=rows, drafts={each.callback: each for each in drafts if each.callback}, attempts=duties.ATTEMPTS,
        errors=errors, typed=typed,
    )  # fmt: skip


async def _orders(
    request: Request,
    serving: Desk,
    *,
    status: int = 200,
    errors: Mapping[str, str] = {},
    typed: Mapping[str, str] = {},
) -> Response:
    now = serving.clock()
    rows = await serving.read(duties.orders_waiting)
    return render(
        request, "requests/orders.html", status,
        rows=rows, today=rules.local_day(now), errors=errors, typed=typed,
        left={each.number: requests.hours_left(each.due, now) for each in rows},
    )  # fmt: skip


@router.post("/requests/callbacks/{number}", **page(Permission.WORK_REQUESTS))
async def call_back(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """The customer was called back, or did not answer."""
    typed, now = await _typed(request), serving.clock()
    result, failed, seen = typed.get("result", "").strip(), typed.get("what") == "failed", typed.get("attempts", "")
    if series_of(number) is not Series.CALLBACK or not (seen.isascii() and seen.isdecimal()):
        raise HTTPException(404)
    if not result:
        return await _callbacks(request, serving, status=422, errors={number: "missing"}, typed=typed)

    def job(conn: Connection) -> str:
        made = duties.attempts_of(conn, number)
        if made is None:
            came = duties.result_of(conn, number) or ""
            return "done" if came == result or (failed and came.endswith(f": {result}")) else "gone"
        if made != int(seen):
            return "done" if failed and made == int(seen) + 1 else "changed"
        command = CallBackFailed(number, result) if failed else FinishCallBack(number, result)
        perform(conn, command, call=None, seq=None, at=now, by=me.login)  # pyright: ignore[reportArgumentType]
        trail.note(conn, me.login, "callback.failed" if failed else "callback.finished", of=number, at=now)
        return "done"

    return await _finished(request, serving, number, job, typed, _callbacks, "/requests/callbacks")


@router.post("/requests/orders/{number}", **page(Permission.WORK_REQUESTS))
async def order(request: Request, number: Number, serving: InDesk, me: Asking) -> Response:
    """The service was done, or can't be."""
    typed, now = await _typed(request), serving.clock()
    result = typed.get("result", "").strip()
    if series_of(number) is not Series.ORDER:
        raise HTTPException(404)
    if not result:
        return await _orders(request, serving, status=422, errors={number: "missing"}, typed=typed)

    def job(conn: Connection) -> str:
        try:
            perform(conn, FinishOrder(number, result), call=None, seq=None, at=now, by=me.login)
        except AlreadyDone:
            return "done" if duties.result_of(conn, number) == result else "gone"
        trail.note(conn, me.login, "order.finished", of=number, at=now)
        return "done"

    return await _finished(request, serving, number, job, typed, _orders, "/requests/orders")


async def _finished(
    request: Request, serving: Desk, number: str, job: Any, typed: Mapping[str, str], shown: Any, back: str
) -> Response:
    try:
        came = await serving.write(job)
    except Unanswerable:
        raise HTTPException(404) from None
    except DeskRefusal:
        came = "gone"
    if came == "done":
        return redirect(f"{back}?done={number}")
    return await shown(request, serving, status=409, errors={number: came}, typed=typed)
