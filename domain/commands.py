"""What a conversation, or any other channel, may ask of the business, and what it gets back.

Rules: a command is a value; `Command[T]` is answered with a `T`; one handler per command (`domain.handlers`);
`writes` says whether it keeps anything; `achieves` says which outcome a call has earned once it is done.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

from domain.model import Account, Doubt, KnownCaller, Language, Outcome, Receipt, Zone

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
class SubmitReading(Command[Receipt]):
    """The customer has confirmed what one register shows.

    value: whole kWh as displayed.  doubt: set when the customer insisted on a doubtful value.
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

    @property
    def achieves(self) -> Outcome | None:
        return Outcome.READING_PARTIAL if self.zones_left else Outcome.READING_TAKEN
