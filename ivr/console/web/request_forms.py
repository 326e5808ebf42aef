"""From a form about a request to the command of staff that it means, or to what is missing beside each field.

Rules: pure; nothing is decided here that the domain decides (`domain.desk`): a form that is whole here may still be
refused there, and `fault` says at which field.  Days and times in forms are Kyiv's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from domain import rules
from domain.commands import Command
from domain.desk import (
    AssignRequest,
    BadTime,
    CompleteRequest,
    ConsiderRequest,
    DeskRefusal,
    ExamineRequest,
    Incomplete,
    Justified,
    Late,
    NoteRequest,
    NotPossible,
    Reachable,
    RefusalGround,
    RefuseRequest,
    SendInterim,
    Unjustified,
    WrongChannel,
)
from domain.handling import Unanswerable
from domain.masking import masked_account, masked_phone
from domain.model import ReplyBy, RequestKind, Topic
from domain.phone import e164
from domain.policy import Case
from domain.request_life import Act
from domain.requests import Event, Request
from ivr.console.web.given import day, moment
from ivr.console.web.letters import GAP, LONGEST
from ivr.console.web.look import KYIV

E = TypeVar("E", bound=StrEnum)

WORK: Final = (Act.COMPLETE, Act.ASSIGN, Act.NOTE, Act.EXAMINE, Act.INTERIM)
CLOSE: Final = (Act.CONSIDER, Act.REFUSE)

_WRITTEN: Final = frozenset({"reply", "text", "reasons", "rights", "measures"})


@dataclass
class Filled:
    """A form as it came.

    command: what it means, None while something is in the way.  typed: the fields as filled in, to be shown again.
    errors: a word (`requests.error_...`) for each field that is in the way; "" for the form as a whole.
    """

    act: Act
    typed: Mapping[str, str]
    command: Command[Any] | None = None
    errors: dict[str, str] = field(default_factory=dict[str, str])

    def text(self, name: str) -> str:
        """What was filled in there."""
        return self.typed.get(name, "").replace("\r\n", "\n").strip()

    def one_of(self, kind: type[E], name: str) -> E | None:
        """The word that was chosen; an unknown one is as if none was."""
        chosen = self.text(name)
        return kind(chosen) if chosen in set(kind) else None

    def day(self, name: str) -> date | None:
        """A day; one that can't be read is an error of its field."""
        try:
            return day(self.text(name)) if self.text(name) else None
        except ValueError:
            self.errors[name] = "not_a_day"
            return None

    def moment(self, name: str, now: datetime) -> datetime | None:
        """A minute of Kyiv's; the present one stands for now."""
        try:
            at = moment(self.text(name), KYIV) if self.text(name) else None
        except ValueError:
            self.errors[name] = "not_a_time"
            return None
        if at is None:
            return None
        return now if at == now.replace(second=0, microsecond=0) else at

    def need(self, *names: str) -> None:
        """These have to be there."""
        for name in names:
            if not self.text(name) and name not in self.errors:
                self.errors[name] = "missing"


def filled(request: Request, act: Act, typed: Mapping[str, str], now: datetime, staff: Mapping[str, str]) -> Filled:
    """What this form means.  staff: name by login of who may be given a request."""
    form = Filled(act, typed)
    for name in _WRITTEN & typed.keys():
        if len(typed[name]) > LONGEST:
            form.errors[name] = "too_long"
        elif GAP in typed[name]:
            form.errors[name] = "gap"
    try:
        made = _MAKERS[act](form, request, now, staff)
    except Incomplete as missing:
        for element in missing.missing:
            form.errors.setdefault(element.value, "missing")
        made = None
    except DeskRefusal:
        form.need(*_NEEDS[act])
        made = None
    form.command = None if form.errors else made
    return form


def fault(refusal: Exception) -> tuple[str, str]:
    """Where the domain's refusal belongs: a field ("" for the whole form) and a word."""
    match refusal:
        case Incomplete(missing=missing):
            return missing[0].value, "missing"
        case Reachable():
            return "ground", "has_contact"
        case WrongChannel():
            return "because", "other_channel"
        case BadTime():
            return ("planned_on", "before_request") if "measures" in str(refusal) else ("replied_at", "not_then")
        case Late():
            return "", "late"
        case NotPossible():
            return "", "not_possible"
        case Unanswerable():
            return "account", "no_account"
        case _:
            return "", "refused"


def acts_since(request: Request, version: int) -> tuple[Event, ...]:
    """What people did since this version was seen; warnings of deadlines change nothing."""
    return tuple(each for each in request.history if each.id > version and each.what != Act.ESCALATE)


def done_already(since: tuple[Event, ...], act: Act, command: Command[Any], by: str) -> bool:
    """Is what was done since just this, by the same person?  Then the form was sent twice."""
    if len(since) != 1 or since[0].by != by or since[0].what != act:
        return False
    details = since[0].details
    said = _said(command)
    return bool(said) and all(details.get(name) == value for name, value in said.items())


def _said(command: Command[Any]) -> dict[str, Any]:
    """What an act leaves in the history, as far as it tells one form from another."""
    match command:
        case AssignRequest():
            return {"responsible": command.responsible, "phone": command.phone}
        case NoteRequest() | SendInterim():
            return {"text": command.text}
        case ExamineRequest():
            return {"case": command.case.value}
        case CompleteRequest():
            return {"contact": command.contact, "reply_by": command.reply_by.value}
        case ConsiderRequest():
            return {"reply": command.reply.text, "reasons": command.finding.reasons}
        case RefuseRequest():
            return {"ground": command.ground.value, "text": command.text}
        case _:
            return {}


def noted(request: Request, command: Command[Any]) -> dict[str, Any]:
    """What the trail says of a deed: on what ground, how it ended, by which means and to whom; no letter, and of
    contacts no more than tells one from another."""
    match command:
        case AssignRequest():
            return {"responsible": command.responsible, "to": command.login}
        case CompleteRequest():
            return {"reply_by": command.reply_by.value, "contact": _veiled(command.contact)}
        case ExamineRequest():
            return {"case": command.case.value}
        case SendInterim():
            return {"by": command.by.value, **_whom(request)}
        case ConsiderRequest():
            found, reply = command.finding, command.reply
            conclusion = {Justified: "justified", Unjustified: "unjustified"}.get(type(found), "answered")
            return {
                "conclusion": conclusion, "by": reply.by.value, "sent_at": reply.sent_at, "because": reply.because,
                **_whom(request),
            }  # fmt: skip
        case RefuseRequest():
            told = {"by": command.notified_by.value, "sent_at": command.notified_at} if command.notified_by else {}
            return {"ground": command.ground.value, **told, **_whom(request)}
        case _:
            return {}


def _whom(request: Request) -> dict[str, Any]:
    return {
        "contact": _veiled(request.contact),
        "account": masked_account(request.account) if request.account else None,
        "responsible": request.responsible,
    }


def _veiled(contact: str | None) -> str | None:
    """A telephone but for its middle; of a mailbox its host; an address stays in the request."""
    if not contact:
        return None
    if contact.startswith("+"):
        return masked_phone(contact)
    name, at, host = contact.rpartition("@")
    return f"{name[:1]}***@{host}" if at else "***"


# One for each act


def _completed(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    by, contact, account = form.one_of(ReplyBy, "reply_by"), form.text("contact"), form.text("account")
    form.need("reply_by", "contact")
    if by in (ReplyBy.PHONE, ReplyBy.MESSENGER) and contact:
        contact = e164(contact) or ""
        if not contact:
            form.errors["contact"] = "not_a_phone"
    if by is ReplyBy.EMAIL and contact and ("@" not in contact or " " in contact):
        form.errors["contact"] = "not_an_email"
    if len(contact) > 254:
        form.errors["contact"] = "too_long"
    if account and not rules.account_number_is_sound(account):
        form.errors["account"] = "no_account"
    if form.errors or by is None:
        return None
    return CompleteRequest(request.number, by, contact, form.one_of(Topic, "topic"), account or None)


def _assigned(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    login = form.text("to")
    if login and login not in staff:
        form.errors["to"] = "nobody"
        return None
    name, phone = staff[login] if login else form.text("responsible"), e164(form.text("phone"))
    if not name:
        form.errors["responsible"] = "missing"
    form.need("phone")
    if form.text("phone") and phone is None:
        form.errors["phone"] = "not_a_phone"
    if len(name) > 120:
        form.errors["responsible"] = "too_long"
    return AssignRequest(request.number, name, phone, login or None) if phone and not form.errors else None


def _noted(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    form.need("text")
    return NoteRequest(request.number, form.text("text"))


def _examined(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    case = form.one_of(Case, "case")
    form.need("case")
    return ExamineRequest(request.number, case) if case else None


def _interim(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    by = form.one_of(ReplyBy, "by")
    form.need("text", "by")
    return SendInterim(request.number, form.text("text"), by) if by and form.text("text") else None


def _considered(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    return ConsiderRequest.filled_in(
        request.number,
        justified={"yes": True, "no": False}.get(form.text("justified")),
        reasons=form.text("reasons"),
        rights=form.text("rights"),
        measures=form.text("measures"),
        planned_on=form.day("planned_on"),
        reply=form.text("reply"),
        replied_by=form.one_of(ReplyBy, "replied_by"),
        replied_at=form.moment("replied_at", now),
        because=form.text("because") or None,
        complaint=request.kind is RequestKind.COMPLAINT,
    )


def _refused(form: Filled, request: Request, now: datetime, staff: Mapping[str, str]) -> Command[Any] | None:
    ground = form.one_of(RefusalGround, "ground")
    form.need("ground")
    if ground is None:
        return None
    by, at = form.one_of(ReplyBy, "notified_by"), form.moment("notified_at", now)
    if ground is RefusalGround.NO_CONTACT:
        by = at = None
        form.errors.pop("notified_at", None)
        form.errors.pop("text", None)
    return RefuseRequest(
        request.number, ground, by, at, None if ground is RefusalGround.NO_CONTACT else form.text("text") or None
    )


_MAKERS: Final = {
    Act.COMPLETE: _completed,
    Act.ASSIGN: _assigned,
    Act.NOTE: _noted,
    Act.EXAMINE: _examined,
    Act.INTERIM: _interim,
    Act.CONSIDER: _considered,
    Act.REFUSE: _refused,
}
_NEEDS: Final[Mapping[Act, tuple[str, ...]]] = {
    Act.COMPLETE: ("reply_by", "contact"),
    Act.ASSIGN: ("responsible", "phone"),
    Act.NOTE: ("text",),
    Act.EXAMINE: ("case",),
    Act.INTERIM: ("text", "by"),
    Act.CONSIDER: ("reasons", "reply"),
    Act.REFUSE: ("ground",),
}
