"""The worlds in which the conversations are explored: one specimen of each kind of answer the business can give.

Rules: a kind of answer that leads anywhere else in a flow has a specimen here; 100 % branch coverage of `flows/` by
exploration alone is what holds us to it.  What varies independently of the meters (terms of a reading, statements)
varies for one account only.  What an earlier conversation of the call noted, and a flow asks after, is in `TOLD`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias

from domain.commands import (
    AskHours,
    AskPeople,
    AskStatement,
    AskSupply,
    AskTerms,
    FindAccount,
    FindRequest,
    HearAnnouncements,
    KeepDoubtful,
    KeepDraft,
    OrderCallBack,
    PlaceOrder,
    RecogniseCaller,
    RegisterRequest,
    RememberLanguage,
    ReportOutage,
    SubmitReading,
)
from domain.model import (
    Account,
    AccountKind,
    Announcement,
    Began,
    Bill,
    BilledReading,
    Energy,
    KnownCaller,
    Language,
    Meter,
    Opening,
    OutageNews,
    People,
    Purpose,
    Receipt,
    Register,
    Registered,
    ReplyBy,
    RequestKind,
    RequestState,
    RequestStatus,
    Slot,
    Source,
    Statement,
    Terms,
    Topic,
    Zone,
)
from flows import FLOWS, NOBODY_FREE
from flows.hours import DAYS, SERVICES

World: TypeAlias = Callable[[Any], Mapping[str, Any]]

NOW: Final = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
BEFORE: Final = date(2026, 9, 1)

WITHHELD: Final = Began("explored", None, "100", NOW)
SHOWN: Final = Began("explored", "+380000000001", "100", NOW)

NOTICES: Final[Mapping[str, str]] = {NOBODY_FREE: "notice_again"}
"""Conversation -> the prompt by which its callers learn that they are recorded, where that is not `notice`."""

TOLD: Final[Mapping[str, tuple[Mapping[str, str], ...]]] = {
    **dict.fromkeys(FLOWS, ({},)),
    NOBODY_FREE: ({}, {"topic": "danger"}),
}
"""By flow: what an earlier conversation of the same call may have noted, one of each kind that leads elsewhere."""


def _register(zone: Zone, last: int | None = 41_200, width: int = 6, energy: Energy = Energy.ACTIVE) -> Register:
    known = last is not None
    return Register(zone, width, last, BEFORE if known else None, 9.0 if known else None, energy)


REGION: Final = "Lysohirskyi"
VARIED: Final = "1000000005"
"""The account of which everything that varies independently of the meters does."""
OTHER: Final = "1000000018"

FLAT: Final = Account(VARIED, (Meter("00100001", (_register(Zone.SINGLE),)),))
OLD_COUNTER: Final = Account(OTHER, (Meter("00100002", (_register(Zone.SINGLE, 99_950, 5),)),), region=REGION)
NEW_METER: Final = Account(OTHER, (Meter("00100003", (_register(Zone.SINGLE, None),)),))
READ_YESTERDAY: Final = Account(
    OTHER, (Meter("00100008", (replace(_register(Zone.SINGLE), last_on=date(2026, 9, 30), usual=1.0),)),)
)
TWO_ZONES: Final = Account(OTHER, (Meter("00100004", (_register(Zone.DAY), _register(Zone.NIGHT, 31_200))),))
THREE_ZONES: Final = Account(
    OTHER,
    (Meter("00100005", (_register(Zone.PEAK, None), _register(Zone.HALF_PEAK, 0), _register(Zone.NIGHT, None))),),
)
TWO_METERS: Final = Account(
    OTHER, (*FLAT.meters, *NEW_METER.meters, Meter("00100007", (_register(Zone.SINGLE, 31_200),)))
)
SMART: Final = Account(OTHER, (replace(NEW_METER.meters[0], smart=True),))
REACTIVE: Final = Account(
    OTHER,
    (
        Meter(
            "00400006",
            (
                _register(Zone.SINGLE, None),
                _register(Zone.SINGLE, 31_200, energy=Energy.REACTIVE),
                _register(Zone.SINGLE, None, energy=Energy.REACTIVE_BACK),
            ),
            multiplier=40,
            power=250.0,
        ),
    ),
    AccountKind.LEGAL,
)
NO_METER: Final = Account(OTHER, ())
TOO_MANY: Final = Account(OTHER, tuple(Meter(f"001001{n:02}", FLAT.meters[0].registers) for n in range(10)))

PERIOD: Final = date(2026, 9, 1)
TERMS: Final = Terms(Purpose.BILLING, PERIOD, date(2026, 9, 29), date(2026, 10, 3), 210)
ALL_TERMS: Final = {
    "in the window": TERMS,
    "outside the window": replace(TERMS, counts=Purpose.CONTROL),
    "use unknown": replace(TERMS, silent=None),
    "submitted already": replace(TERMS, submitted=True),
}


def _billed(source: Source, energy: Energy = Energy.ACTIVE) -> BilledReading:
    return BilledReading("00100001", Zone.SINGLE, energy, 41_200, date(2026, 8, 31), source)


BILL: Final = Bill(date(2026, 8, 1), 230, 60_720, 60_720, date(2026, 9, 14), (_billed(Source.CALLER),))
STATEMENTS: Final = {
    "paid, nothing read since": Statement(BILL, TERMS, 210, Source.ESTIMATE),
    "no bill yet, use unknown": Statement(None, ALL_TERMS["outside the window"], None, None),
    "half paid, read since": Statement(
        replace(BILL, paid=30_000, readings=tuple(_billed(source) for source in Source)),
        ALL_TERMS["submitted already"],
        190,
        Source.CALLER,
    ),
    "not paid": Statement(replace(BILL, paid=0, paid_on=None), TERMS, 210, Source.INSPECTOR),
    "paid before": Statement(replace(BILL, amount=0, paid=0, paid_on=None), TERMS, 210, Source.SMART_METER),
    "sum unknown, reactive": Statement(
        replace(BILL, amount=None, readings=(_billed(Source.CALLER, Energy.REACTIVE),)), TERMS, 210, Source.ESTIMATE
    ),
}
HOURS: Final = (
    Opening("agents", "daily", "08:00", "20:00"),
    Opening("interruptions", "daily"),
    *(Opening("service", day, "08:00", "17:00") for day in DAYS[1:]),
    *(Opening(service, "workdays", "08:00", "17:00") for service in SERVICES[3:]),
    Opening("smoke signals", "daily"),
    Opening("billing", "on a full moon"),
)

LATER: Final = tuple(NOW + timedelta(hours=hours) for hours in (3, 26, 75))
"""Today, tomorrow, another day."""
SLOTS: Final = tuple(Slot(begins, begins + timedelta(hours=2)) for begins in LATER)
DUE: Final = date(2026, 10, 31)

NEWS: Final = {
    "nothing known": OutageNews(),
    "planned works": OutageNews(known=True, planned=True, expected=LATER[0]),
    "neighbours reported it": OutageNews(known=True, neighbours=2, expected=LATER[1]),
    "reported before": OutageNews("70000014", known=True, expected=LATER[2]),
    "known and no more": OutageNews(known=True),
}


def _request(state: RequestState, reply_by: ReplyBy = ReplyBy.PHONE) -> RequestStatus:
    return RequestStatus(
        "10000012", RequestKind.COMPLAINT, Topic.QUALITY, state, date(2026, 9, 20), date(2026, 10, 5), reply_by
    )


def world(command: Any) -> Mapping[str, Any]:
    """Every kind of answer to `command`, by name.  Raises `LookupError` for a command it has never heard of."""
    match command:
        case RecogniseCaller(None):
            return {"number withheld": KnownCaller()}
        case RecogniseCaller():
            return {
                "unknown number": KnownCaller(),
                "language known": KnownCaller(Language.EN),
                "one account": KnownCaller(Language.UK, (FLAT,)),
                "two accounts": KnownCaller(None, (FLAT, TWO_ZONES)),
            }
        case FindAccount():
            return {
                "no such account": None,
                "a flat": FLAT,
                "a counter about to roll over": OLD_COUNTER,
                "a new meter": NEW_METER,
                "a meter read yesterday": READ_YESTERDAY,
                "two zones": TWO_ZONES,
                "three zones": THREE_ZONES,
                "two meters": TWO_METERS,
                "a smart meter": SMART,
                "reactive energy": REACTIVE,
                "no meter": NO_METER,
                "ten meters": TOO_MANY,
            }
        case RememberLanguage():
            return {"": None}
        case HearAnnouncements(()):
            return {"all is well": (), "for all": (Announcement("announce_schedule"),)}
        case HearAnnouncements():
            return {
                "all is well here": (),
                "for all and for the region": (
                    Announcement("announce_schedule"),
                    Announcement("announce_outage", LATER[0]),
                ),
                "works": (Announcement("announce_works", LATER[1]), Announcement("announce_technical")),
            }
        case AskTerms(account):
            return ALL_TERMS if account == VARIED else {"": TERMS}
        case AskStatement(account):
            return STATEMENTS if account == VARIED else {"": STATEMENTS["sum unknown, reactive"]}
        case AskHours():
            return {"several services": HOURS, "one service": HOURS[:1], "nothing we can name": HOURS[-2:]}
        case SubmitReading(zones_left=0):
            return {
                "for the bill": Receipt("00000013", period=PERIOD),
                "control": Receipt("00000013", Purpose.CONTROL),
                "for a bill": Receipt("00000013"),
            }
        case SubmitReading():
            return {"": Receipt("00000013")}
        case KeepDoubtful():
            return {"": None}
        case AskSupply():
            return NEWS
        case ReportOutage():
            number = "70000014"
            return {kind: replace(news, number=number) for kind, news in NEWS.items() if kind != "reported before"}
        case RegisterRequest() | KeepDraft():
            return {"": Registered("10000012", DUE)}
        case FindRequest():
            return {
                "no such request": None,
                **{state: _request(state) for state in RequestState},
                **{f"reply {by}": _request(RequestState.CONSIDERED, by) for by in ReplyBy},
            }
        case PlaceOrder():
            return {"": Registered("40000015", DUE)}
        case AskPeople():
            return {
                "people are there": People(open=True, slots=SLOTS),
                "closed": People(open=False, opens_at=LATER[1], slots=SLOTS),
                "closed for long": People(open=False),
            }
        case OrderCallBack():
            return {"": Registered("50000017", DUE)}
        case _:
            raise LookupError(f"flows/worlds.py doesn't say how the business may answer {command!r}")
