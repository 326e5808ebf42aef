"""What a conversation, or any other channel, may ask of the business, and what it gets back.

Rules: a command is a value; `Command[T]` is answered with a `T`; one handler per command (`domain.handlers`);
`writes` says whether it keeps anything; `achieves` says which outcome a call has earned once it is done.
What only staff do stands in `domain.desk`.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

from domain.model import (
    Account,
    Announcement,
    Doubt,
    Energy,
    KnownCaller,
    Language,
    Opening,
    OrderKind,
    OutageKind,
    OutageNews,
    Outcome,
    People,
    Receipt,
    Registered,
    ReplyBy,
    RequestKind,
    RequestStatus,
    Slot,
    Statement,
    Terms,
    Told,
    Topic,
    Zone,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Command(Generic[T]):
    """A request to the business, answered with a `T`."""

    writes: ClassVar[bool] = False

    @property
    def achieves(self) -> Outcome | None:
        """The outcome of a call that did this and then ended; None when it changes nothing about it."""
        return None

    @classmethod
    def result_type(cls) -> Any:
        """The `T` of `Command[T]`: what the journal reads a stored result back as."""
        return get_args(cls.__orig_bases__[0])[0]  # type: ignore[attr-defined]


# Who is it, and what is new?


@dataclass(frozen=True)
class RecogniseCaller(Command[KnownCaller]):
    """Who usually calls from this number?  `number`: E.164 with "+", or None when withheld."""

    number: str | None


@dataclass(frozen=True)
class FindAccount(Command[Account | None]):
    """The account of this number (ten digits), or None."""

    number: str


@dataclass(frozen=True)
class RememberLanguage(Command[None]):
    """The next call from this number is held in this language from the start."""

    writes: ClassVar[bool] = True
    number: str
    language: Language


@dataclass(frozen=True)
class HearAnnouncements(Command[tuple[Announcement, ...]]):
    """What callers from these regions must hear now: what is switched on for all, and for any of them."""

    regions: tuple[str, ...] = ()


# Readings


@dataclass(frozen=True)
class AskTerms(Command[Terms]):
    """What would a reading of this account, given now, count for; and what is billed without one?"""

    account: str


@dataclass(frozen=True)
class SubmitReading(Command[Receipt]):
    """The customer has confirmed what one register shows.

    value: whole kWh (or kvarh) as displayed.  doubt: set when the customer insisted on a doubtful value; said: what
    they answered to which question, in the words of the journal.
    zones_left: how many registers of this meter are still to come in this submission.
    Submissions of the same call and meter share one receipt; the same register again replaces nothing: the
    later value is the one that counts, both are kept.
    """

    writes: ClassVar[bool] = True
    account: str
    meter: str
    zone: Zone
    value: int
    doubt: Doubt | None = None
    zones_left: int = 0
    energy: Energy = Energy.ACTIVE
    said: str | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.READING_PARTIAL if self.zones_left else Outcome.READING_TAKEN


@dataclass(frozen=True)
class KeepDoubtful(Command[None]):
    """A value was keyed and doubted and the customer did not stand by it: it is kept all the same, as doubtful.

    value: as keyed; may have more digits than the display.  said: what became of the question, in the words of the
    journal: "corrected to 10470", "keyed again", "hung up", "wants agent".
    """

    writes: ClassVar[bool] = True
    account: str
    meter: str
    zone: Zone
    value: int
    doubt: Doubt
    said: str
    energy: Energy = Energy.ACTIVE


@dataclass(frozen=True)
class AskStatement(Command[Statement]):
    """For which reading did I pay, and what will be billed?"""

    account: str

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.INFORMED


# Complaints and other requests


@dataclass(frozen=True)
class RegisterRequest(Command[Registered]):
    """Somebody complains, suggests, thinks or asks something that can't be answered at once.

    account: None when it is about none, or not known.  contact: a number in E.164, an address, as `reply_by` wants.
    text: None while only the call's recording holds it; told: the part of that recording.
    """

    writes: ClassVar[bool] = True
    kind: RequestKind
    topic: Topic
    reply_by: ReplyBy
    contact: str | None = None
    account: str | None = None
    text: str | None = None
    told: Told | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.REQUEST_REGISTERED


@dataclass(frozen=True)
class KeepDraft(Command[Registered]):
    """Somebody told what it is about and was gone before we knew how to answer them.

    It is registered all the same, its deadline runs, and we call back for what is missing; nobody can where
    `contact` (E.164) is None.  told: what they said, a part of this call's recording.
    """

    writes: ClassVar[bool] = True
    kind: RequestKind
    topic: Topic
    told: Told
    contact: str | None = None
    account: str | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.DRAFT_KEPT


@dataclass(frozen=True)
class FindRequest(Command[RequestStatus | None]):
    """How does the request of this number (eight digits) stand?  None when there is none."""

    number: str

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.INFORMED


# Supply


@dataclass(frozen=True)
class AskSupply(Command[OutageNews]):
    """Is anything known of the supply at the address of this account?"""

    account: str

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.INFORMED


@dataclass(frozen=True)
class ReportOutage(Command[OutageNews]):
    """There is no light, or danger.  Reports of one building and feeder are one incident.

    account: None when the caller has no number at hand; the report is then only a call to follow up.
    contact: E.164.  The same account again within an open incident is the same report.
    """

    writes: ClassVar[bool] = True
    kind: OutageKind
    account: str | None = None
    contact: str | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.OUTAGE_REPORTED


# Services and people


@dataclass(frozen=True)
class PlaceOrder(Command[Registered]):
    """The customer orders a service.  contact: E.164, for agreeing upon the day."""

    writes: ClassVar[bool] = True
    kind: OrderKind
    account: str
    contact: str | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.ORDER_PLACED


@dataclass(frozen=True)
class AskPeople(Command[People]):
    """Do operators work now, and when can we call back?"""


@dataclass(frozen=True)
class AskHours(Command[tuple[Opening, ...]]):
    """When is what open?"""

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.INFORMED


@dataclass(frozen=True)
class OrderCallBack(Command[Registered]):
    """We call back.  contact: E.164.  about: the topic as the conversation names it ("reading", "outage", ...).
    slot: when; None: as soon as somebody is free.  `due` of the answer is the day of its end."""

    writes: ClassVar[bool] = True
    contact: str
    about: str
    account: str | None = None
    slot: Slot | None = None

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.CALLBACK_ORDERED
