"""What goes in and out, as the OpenAPI document shows it.

Rules: what comes in has exactly the fields that are named here, of exactly these types: "12" is no number and an
unknown field is an error, because a misspelt optional field that is passed over is a reading that nobody submitted;
what goes out is made from the domain's values by name.  Energy is whole kWh (kvarh), money is kopiykas, days are
Kyiv's, instants are UTC.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from domain import phone, rules
from domain.model import (
    AccountKind,
    Doubt,
    Energy,
    OrderKind,
    OutageKind,
    Purpose,
    ReplyBy,
    RequestKind,
    RequestState,
    Source,
    Status,
    Topic,
    Zone,
)

MOST_KWH: Final = 10**12


def _sound(number: str) -> str:
    if not rules.account_number_is_sound(number):
        raise ValueError("the last digit does not fit the others: it is mistyped")
    return number


def _readable(text: str) -> str:
    """No characters that a database can't keep or that a person can't read."""
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError("it has control characters")
    if not text.strip():
        raise ValueError("it is blank")
    return text


def telephone(number: str) -> str:
    """The same.  Raises ValueError when it is no telephone number in E.164."""
    if phone.e164(number) != number:
        raise ValueError("a telephone number in E.164: +380441234567")
    return number


def _plain_date(value: Any) -> Any:
    """Days as text only: pydantic would take seconds since 1970, too."""
    if isinstance(value, (int, float)):
        raise ValueError("a day is written YYYY-MM-DD")
    return value


def _our_time(value: datetime) -> datetime:
    if not 2000 <= value.year < 2200:
        raise ValueError("not in our time")
    return value.astimezone(UTC)


def _our_day(value: date) -> date:
    if not 2000 <= value.year < 2200:
        raise ValueError("not in our time")
    return value


AccountNumber = Annotated[
    str,
    Field(pattern=r"^[0-9]{10}$", description="ten digits, the last a check digit (Damm)", examples=["1000000018"]),
    AfterValidator(_sound),
]
Number = Annotated[str, Field(pattern=r"^[0-9]{8}$", examples=["10000018"])]
Telephone = Annotated[
    str,
    Field(pattern=r"^\+[1-9][0-9]{7,14}$", description="E.164", examples=["+380440000001"]),
    AfterValidator(telephone),
]
Amount = Annotated[int, Field(strict=True, ge=0, le=MOST_KWH)]
Day = Annotated[date, BeforeValidator(_plain_date), AfterValidator(_our_day)]
Instant = Annotated[AwareDatetime, BeforeValidator(_plain_date), AfterValidator(_our_time)]


def text(most: int) -> Any:
    """Words of a person, at most so many characters."""
    return Annotated[str, StringConstraints(min_length=1, max_length=most), AfterValidator(_readable)]


class In(BaseModel):
    """A body that comes in."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """A body that goes out."""

    model_config = ConfigDict(from_attributes=True)


# Accounts and readings


class RegisterOut(Out):
    zone: Zone
    energy: Energy
    width: int = Field(description="digits before the point", examples=[5])
    last: int | None = Field(description="the value that counts, as displayed, not multiplied", examples=[2150])
    last_on: date | None = Field(description="the day of `last`")


class MeterOut(Out):
    number: str = Field(description="the serial number on its face", examples=["0100001"])
    multiplier: int = Field(description="kWh per displayed unit", examples=[1])
    smart: bool = Field(description="it reports by itself")
    registers: list[RegisterOut]


class TermsOut(Out):
    """What a reading given today would count for, and what is billed without one."""

    counts: Purpose
    period: date = Field(description="the first day of the month whose account is to be closed next")
    first: date = Field(description="readings for that month are taken from this day ...")
    last: date = Field(description="... to this one")
    silent: int | None = Field(description="kWh that are billed for that month if nobody reads; null: unknown")
    submitted: bool = Field(description="a reading of every register has been taken for that month")


class AccountOut(Out):
    number: str = Field(examples=["1000000018"])
    kind: AccountKind
    region: str | None
    meters: list[MeterOut]
    terms: TermsOut | None = Field(description="null for an account without meters")


class Shown(In):
    """What one register shows."""

    zone: Zone = Field(Zone.SINGLE)
    energy: Energy = Energy.ACTIVE
    value: Amount = Field(description="whole units as displayed, before the multiplier", examples=[2180])
    confirm: StrictBool = Field(
        False,
        description="the customer was asked what a `doubtful` answer wanted to know, and stands by the value",
    )


class Submission(In):
    """What one or all registers of a meter show now."""

    meter: text(40) = Field(description="the serial number on its face", examples=["0100001"])  # pyright: ignore[reportInvalidTypeForm]
    readings: list[Shown] = Field(min_length=1, max_length=10)


class Taken(Out):
    zone: Zone
    energy: Energy
    value: int
    status: Status = Field(description="a doubtful one is kept, and looked at by people, but does not count yet")
    receipt: str = Field(description="eight digits, for the customer", examples=["00000018"])
    counts: Purpose
    period: date | None = Field(description="the first day of the month that it closes; null: none")


class Submitted(Out):
    account: str
    meter: str
    readings: list[Taken]


class Asked(Out):
    """A question to the customer about one value."""

    zone: Zone
    energy: Energy
    value: int
    doubt: Doubt = Field(description="why it is doubted")
    ask: str = Field(
        description="what to ask: `insist` (is it really so much, or so little?), `unchanged` (really the same as "
        "last time?), `other_value` (does it show `meant`?), `other_zone` (is it the value of `other_zone`?), "
        "`other_meter` (of `other_meter`?), `decimals` (do the last `digits` digits stand after the point?), "
        "`missing_digit` (is there no digit missing?), `too_wide` (the display has fewer digits; to be corrected)",
        examples=["insist"],
    )
    used: int | None = Field(None, description="units since the last value; negative: it went back")
    meant: int | None = Field(None, description="what the register may show instead")
    other_zone: Zone | None = None
    other_meter: str | None = None
    digits: int | None = None


class DoubtfulProblem(BaseModel):
    """RFC 9457, of type `urn:hotline:problem:doubtful`.  Nothing was submitted; doubted values are kept for people to
    look at.  Ask the customer, then send what they say with another Idempotency-Key: a corrected value, or the same
    with `confirm: true`."""

    type: str = Field(examples=["urn:hotline:problem:doubtful"])
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    questions: list[Asked]


class ReadingOut(Out):
    meter: str
    zone: Zone
    energy: Energy
    value: int
    read_on: date
    at: datetime = Field(description="when we learned of it")
    source: Source
    status: Status
    doubt: Doubt | None
    purpose: Purpose
    period: date | None
    receipt: str | None


class ReadingsPage(Out):
    items: list[ReadingOut] = Field(description="newest first")
    next: str | None = Field(description="cursor of the next page; null: this is the last one")


class BilledOut(Out):
    meter: str
    zone: Zone
    energy: Energy
    value: int
    read_on: date
    source: Source


class BillOut(Out):
    period: date = Field(description="the first day of the month")
    kwh: int
    amount: int | None = Field(description="kopiykas; null: the supplier has not told us")
    paid: int = Field(description="kopiykas")
    paid_on: date | None
    readings: list[BilledOut] = Field(description="what it was made from")


class StatementOut(Out):
    """For which reading was paid, and what will be billed."""

    last: BillOut | None
    terms: TermsOut
    coming: int | None = Field(description="kWh that would be billed next as things stand; null: unknown")
    by: Source | None = Field(description="the weakest source in it")


class Billed(In):
    """What the supplier billed for a month, and what was paid."""

    kwh: Amount = Field(examples=[180])
    amount: Amount | None = Field(None, description="kopiykas", examples=[77760])
    paid: Amount = Field(0, description="kopiykas", examples=[77760])
    paid_on: Day | None = None


# Requests, supply, services


class RequestIn(In):
    kind: RequestKind
    topic: Topic
    reply_by: ReplyBy
    contact: text(254) | None = Field(  # pyright: ignore[reportInvalidTypeForm]
        None, description="where to reply: E.164 for phone and messenger, else an address", examples=["+380440000001"]
    )
    account: AccountNumber | None = None
    text: Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_readable)] | None = (
        Field(None, description="in the customer's words", examples=["The meter was replaced without us."])
    )

    @model_validator(mode="after")
    def _reply_finds_its_way(self) -> Self:
        if self.contact and self.reply_by in (ReplyBy.PHONE, ReplyBy.MESSENGER):
            telephone(self.contact)
        if self.contact and self.reply_by is ReplyBy.EMAIL and not re.fullmatch(r"[^@\s]+@[^@\s]+", self.contact):
            raise ValueError("contact: an e-mail address, since the reply is wanted by e-mail")
        return self


class RegisteredOut(Out):
    number: str = Field(description="eight digits, the last a check digit", examples=["10000018"])
    due: date = Field(description="the last day for the answer, or for the work")


class RequestOut(Out):
    number: str
    kind: RequestKind
    topic: Topic
    state: RequestState
    registered_on: date
    due: date
    reply_by: ReplyBy


class OutageIn(In):
    kind: OutageKind
    account: AccountNumber | None = None
    contact: Telephone | None = None


class SupplyOut(Out):
    number: str | None = Field(description="of the customer's own report; null: they have not reported")
    known: bool = Field(description="an incident is open at their address")
    planned: bool = Field(description="it is works that were announced")
    neighbours: int = Field(description="how many other customers have reported it")
    expected: datetime | None = Field(description="when supply should be back")


class OrderIn(In):
    kind: OrderKind
    account: AccountNumber
    contact: Telephone | None = None


class SlotIO(Out):
    """A stretch of time."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")

    begins: Instant
    ends: Instant


class CallBackIn(In):
    contact: Telephone
    about: Annotated[
        str, Field(pattern=r"^[a-z][a-z_]{0,39}$", description="the topic", examples=["reading", "outage"])
    ]
    account: AccountNumber | None = None
    slot: SlotIO | None = Field(None, description="one of those offered; none: as soon as somebody is free")


class PeopleOut(Out):
    open: bool = Field(description="operators work now")
    opens_at: datetime | None = Field(description="when they do next")
    slots: list[SlotIO] = Field(description="for a call back, soonest first")


class OpeningOut(Out):
    service: str
    days: str
    begins: str | None = Field(description="local time, HH:MM; null: around the clock")
    ends: str | None


class AnnouncementOut(Out):
    prompt: str = Field(description="its name", examples=["emergency_outage"])
    until: datetime | None


# Webhooks and files


class WebhookIn(In):
    url: Annotated[str, StringConstraints(min_length=1, max_length=500)] = Field(
        examples=["https://cabinet.example/hooks"]
    )
    kinds: list[Annotated[str, Field(pattern=r"^(\*|[a-z]{1,20}\.(\*|[a-z_]{1,30}))$")]] = Field(
        min_length=1,
        max_length=50,
        description="kinds of events: `request.registered`, all of a matter: `request.*`, or all: `*`",
        examples=[["request.*", "reading.*"]],
    )


class WebhookOut(Out):
    id: int
    url: str
    kinds: list[str]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None


class Secret(Out):
    secret: str = Field(
        description="signs every message; shown once", examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
    )


class NewWebhook(WebhookOut, Secret):
    pass


class Webhooks(Out):
    items: list[WebhookOut]


class FateOut(Out):
    event: int
    kind: str
    at: datetime
    state: str = Field(examples=["pending", "delivered", "set aside"])
    attempts: int
    next_at: datetime | None
    delivered_at: datetime | None
    last_error: str | None


class FatesPage(Out):
    items: list[FateOut] = Field(description="newest first")
    next: str | None


class FileOut(Out):
    name: str
    supplier: str | None
    at: datetime
    rows: int
    sha256: str


class FilesPage(Out):
    items: list[FileOut] = Field(description="newest first")
    next: str | None
