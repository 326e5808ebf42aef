"""What staff do, as commands: requests, incidents, orders, calls back, announcements.

Rules: a closed request can't change; what can't be done is a `DeskRefusal` that says what is in the way, and then
nothing was changed; who did it is `Context.by`.

"Considered" is three things (the service standards' words): found justified or not, with reasons; where justified,
which rights are restored and how, and measures with a planned date; a reply that was sent.  They are values here that
can't be made with one of them missing: `Justified`, `Unjustified`, `Reply`.  The table's CHECKs say the same again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeAlias

from domain.commands import Command
from domain.model import ReplyBy, RequestState, RequestStatus, Topic
from domain.policy import Case
from domain.request_life import LEADS, Act


class RefusalGround(StrEnum):
    """Why a request may be refused."""

    INSULTING = "insulting"  # obscene or insulting words
    THREATS = "threats"
    UNINTELLIGIBLE = "unintelligible"
    ALREADY_ANSWERED = "already_answered"  # and no new arguments
    SECRECY = "secret"  # an answer would disclose one
    NO_CONTACT = "no_contact"  # nowhere to reply to; the only ground on which nobody can be notified


class Element(StrEnum):
    """What closing a request needs, by the name of its field."""

    JUSTIFIED = "justified"
    REASONS = "reasons"
    RIGHTS = "rights"
    MEASURES = "measures"
    PLANNED_ON = "planned_on"
    REPLY = "reply"
    REPLIED_BY = "replied_by"
    REPLIED_AT = "replied_at"
    NOTIFIED_BY = "notified_by"
    NOTIFIED_AT = "notified_at"
    NOTICE = "text"


class DeskRefusal(ValueError):
    """It can't be done; the message says why and what can."""


class Incomplete(DeskRefusal):
    """Something that it needs is missing.  missing: what, in the order in which staff fill it in."""

    def __init__(self, missing: Iterable[Element]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"a request can't be closed like this; missing: {', '.join(self.missing)}")


class NotPossible(DeskRefusal):
    """The request is in a state in which this can't be done."""

    def __init__(self, number: str, state: RequestState, act: Act) -> None:
        self.number, self.state, self.act = number, state, act
        can = ", ".join(LEADS[state]) or "nothing: it is closed"
        super().__init__(f"request {number} is {state} and can't be {act} now; what can be: {can}")


class WrongChannel(DeskRefusal):
    """The customer chose another channel for the reply, and nobody said why this one."""


class Late(DeskRefusal):
    """An interim reply can't extend this deadline: it comes too late, or the rule knows none."""


class BadTime(DeskRefusal):
    """A time that can't be: a reply sent in the future, measures planned before the complaint, an end before a
    beginning."""


class Reachable(DeskRefusal):
    """There is somewhere to reply to: it can't be refused because there is nowhere."""


class AlreadyDone(DeskRefusal):
    """It is finished, or over; the message says since when."""


# What "considered" consists of


@dataclass(frozen=True, slots=True)
class Unjustified:
    """The complaint was found not justified, for these reasons."""

    reasons: str

    def __post_init__(self) -> None:
        _need({Element.REASONS: self.reasons})


@dataclass(frozen=True, slots=True)
class Justified:
    """It was found justified.

    reasons: what was found.  rights: which are restored, and how.  measures: what will be done, or was.
    planned_on: the day by which, Europe/Kyiv.
    """

    reasons: str
    rights: str
    measures: str
    planned_on: date

    def __post_init__(self) -> None:
        _need(
            {
                Element.REASONS: self.reasons,
                Element.RIGHTS: self.rights,
                Element.MEASURES: self.measures,
                Element.PLANNED_ON: self.planned_on,
            }
        )


@dataclass(frozen=True, slots=True)
class Answered:
    """A question, suggestion or opinion, in which nothing is justified or not.  reasons: what was decided."""

    reasons: str

    def __post_init__(self) -> None:
        _need({Element.REASONS: self.reasons})


Finding: TypeAlias = Justified | Unjustified | Answered


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was sent.  sent_at: timezone-aware.  by: how; because: why not as the customer chose."""

    text: str
    by: ReplyBy
    sent_at: datetime
    because: str | None = None

    def __post_init__(self) -> None:
        _need({Element.REPLY: self.text, Element.REPLIED_BY: self.by, Element.REPLIED_AT: self.sent_at})


# Requests


@dataclass(frozen=True)
class CompleteRequest(Command[RequestStatus]):
    """A draft is complete: the caller was asked, or what they told is enough.  Its call back is finished with it.

    contact: where to reply, as `reply_by` wants.  topic, account: None: as they are.  The deadline stays: it runs
    from the day on which it was told.
    """

    writes: ClassVar[bool] = True
    number: str
    reply_by: ReplyBy
    contact: str
    topic: Topic | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        _said(self.contact, "where to reply")


@dataclass(frozen=True)
class AssignRequest(Command[RequestStatus]):
    """From now on this person answers for it.  responsible: a name; phone: what customers may call.  Both are told
    to the customer with every reply.  login: of that person at the console, None for who has none."""

    writes: ClassVar[bool] = True
    number: str
    responsible: str
    phone: str
    login: str | None = None

    def __post_init__(self) -> None:
        if not (self.responsible.strip() and self.phone.strip()):
            raise DeskRefusal("a request is assigned to a person with a name and a telephone")


@dataclass(frozen=True)
class NoteRequest(Command[RequestStatus]):
    """Something worth knowing; changes nothing else."""

    writes: ClassVar[bool] = True
    number: str
    text: str


@dataclass(frozen=True)
class ExamineRequest(Command[RequestStatus]):
    """It turned out to need an examination or a measurement: its term is computed anew, from its registration.

    It never gets shorter by that."""

    writes: ClassVar[bool] = True
    number: str
    case: Case


@dataclass(frozen=True)
class SendInterim(Command[RequestStatus]):
    """An interim reply was sent: the deadline is extended, once, as the policy says.  Raises Late."""

    writes: ClassVar[bool] = True
    number: str
    text: str
    by: ReplyBy

    def __post_init__(self) -> None:
        _need({Element.REPLY: self.text, Element.REPLIED_BY: self.by})


@dataclass(frozen=True)
class ConsiderRequest(Command[RequestStatus]):
    """It has been considered: there is a finding, and a reply was sent."""

    writes: ClassVar[bool] = True
    number: str
    finding: Finding
    reply: Reply

    @classmethod
    def filled_in(
        cls,
        number: str,
        *,
        justified: bool | None = None,
        reasons: str | None = None,
        rights: str | None = None,
        measures: str | None = None,
        planned_on: date | None = None,
        reply: str | None = None,
        replied_by: ReplyBy | None = None,
        replied_at: datetime | None = None,
        because: str | None = None,
        complaint: bool = True,
    ) -> Self:
        """The command from a form that somebody filled in.

        complaint: False for questions, suggestions and opinions, which aren't justified or not.
        Raises Incomplete, which names everything that is missing at once.
        """
        wanted: dict[Element, Any] = {Element.REASONS: reasons}
        if complaint:
            wanted = {Element.JUSTIFIED: justified, **wanted}
            if justified:
                wanted |= {Element.RIGHTS: rights, Element.MEASURES: measures, Element.PLANNED_ON: planned_on}
        wanted |= {Element.REPLY: reply, Element.REPLIED_BY: replied_by, Element.REPLIED_AT: replied_at}
        _need(wanted)
        assert reasons and reply and replied_by and replied_at
        sent = Reply(reply, replied_by, replied_at, because)
        if not complaint:
            return cls(number, Answered(reasons), sent)
        if not justified:
            return cls(number, Unjustified(reasons), sent)
        assert rights and measures and planned_on
        return cls(number, Justified(reasons, rights, measures, planned_on), sent)


@dataclass(frozen=True)
class RefuseRequest(Command[RequestStatus]):
    """It is refused, and the customer was told: how, when, and in which words (`text`).

    Only NO_CONTACT needs no notification; where there is somewhere to reply to, it raises Reachable."""

    writes: ClassVar[bool] = True
    number: str
    ground: RefusalGround
    notified_by: ReplyBy | None = None
    notified_at: datetime | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.ground is not RefusalGround.NO_CONTACT:
            _need(
                {
                    Element.NOTICE: self.text,
                    Element.NOTIFIED_BY: self.notified_by,
                    Element.NOTIFIED_AT: self.notified_at,
                }
            )


# Supply


@dataclass(frozen=True)
class OpenIncident(Command[int]):
    """The dispatcher knows of an outage before anybody calls; the incident's id.  One of building (its id) and
    feeder.  expected: when supply should be back.  Where one is open, that one is meant and updated."""

    writes: ClassVar[bool] = True
    building: int | None = None
    feeder: str | None = None
    expected: datetime | None = None
    cause: str | None = None

    def __post_init__(self) -> None:
        _one_place(self.building, self.feeder)


@dataclass(frozen=True)
class PlanWorks(Command[int]):
    """Works are planned there: from `begins` until `until` there is no supply, and callers are told so; the
    incident's id.  One of building (its id) and feeder."""

    writes: ClassVar[bool] = True
    begins: datetime
    until: datetime
    building: int | None = None
    feeder: str | None = None
    cause: str | None = None

    def __post_init__(self) -> None:
        _one_place(self.building, self.feeder)
        if self.until <= self.begins:
            raise BadTime("works end after they begin")


@dataclass(frozen=True)
class UpdateIncident(Command[None]):
    """What is known now.  expected: when supply should be back, None: nobody knows; cause: None: as it was."""

    writes: ClassVar[bool] = True
    incident: int
    expected: datetime | None = None
    cause: str | None = None


@dataclass(frozen=True)
class RestoreIncident(Command[None]):
    """Supply is back, or works are over or called off.  A report from there is a new incident from now on."""

    writes: ClassVar[bool] = True
    incident: int


# Services and calls back


@dataclass(frozen=True)
class FinishOrder(Command[None]):
    """The service was done, or can't be.  result: what was done, or why not."""

    writes: ClassVar[bool] = True
    number: str
    result: str

    def __post_init__(self) -> None:
        _said(self.result, "what was done, or why it was not")


@dataclass(frozen=True)
class FinishCallBack(Command[None]):
    """The customer was called back.  result: what came of it."""

    writes: ClassVar[bool] = True
    number: str
    result: str

    def __post_init__(self) -> None:
        _said(self.result, "what came of it")


@dataclass(frozen=True)
class CallBackFailed(Command[int]):
    """Nobody answered; how many attempts that makes.  The last one (`domain.duties.ATTEMPTS`) finishes it."""

    writes: ClassVar[bool] = True
    number: str
    why: str

    def __post_init__(self) -> None:
        _said(self.why, "why the customer was not reached")


# Announcements


@dataclass(frozen=True)
class SwitchOn(Command[int]):
    """Callers hear this before the menu, from now on; the announcement's id.

    prompt: its name in the catalogue of prompts; whoever switches it on sees to it that it is there.
    region: for callers of this district only; None: for all.
    until: what callers are told, and when it goes off by itself; None: until it is switched off.
    """

    writes: ClassVar[bool] = True
    prompt: str
    region: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class SwitchOff(Command[None]):
    """Callers don't hear it any more."""

    writes: ClassVar[bool] = True
    announcement: int


def _need(fields: dict[Element, Any]) -> None:
    missing = [
        name for name, value in fields.items() if value is None or (isinstance(value, str) and not value.strip())
    ]
    if missing:
        raise Incomplete(missing)


def _said(text: str, what: str) -> None:
    if not text.strip():
        raise DeskRefusal(f"say {what}")


def _one_place(building: int | None, feeder: str | None) -> None:
    if (building is None) == (feeder is None):
        raise DeskRefusal("name a building or a feeder, one of the two")
