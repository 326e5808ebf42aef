"""The worlds in which the conversations are explored: one specimen of each kind of answer the business can give.

Rule: a kind of answer that leads anywhere else in a flow has a specimen here; 100 % branch coverage of `flows/` by
exploration alone is what holds us to it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from domain.commands import (
    AskPeople,
    AskSupply,
    FindAccount,
    FindRequest,
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
    Began,
    KnownCaller,
    Language,
    Meter,
    OutageNews,
    People,
    Receipt,
    Register,
    Registered,
    ReplyBy,
    RequestKind,
    RequestState,
    RequestStatus,
    Slot,
    Topic,
    Zone,
)

NOW: Final = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
BEFORE: Final = date(2026, 9, 1)

WITHHELD: Final = Began("explored", None, "100", NOW)
SHOWN: Final = Began("explored", "+380000000001", "100", NOW)


def _register(zone: Zone, last: int | None = 41_200, width: int = 6) -> Register:
    return Register(zone, width, last, BEFORE if last is not None else None, 9.0 if last is not None else None)


FLAT: Final = Account("1000000005", (Meter("00100001", (_register(Zone.SINGLE),)),))
OLD_COUNTER: Final = Account("1000000005", (Meter("00100002", (_register(Zone.SINGLE, 99_950, 5),)),))
NEW_METER: Final = Account("1000000005", (Meter("00100003", (_register(Zone.SINGLE, None),)),))
TWO_ZONES: Final = Account("1000000005", (Meter("00100004", (_register(Zone.DAY), _register(Zone.NIGHT, 0))),))
THREE_ZONES: Final = Account(
    "1000000005",
    (Meter("00100005", (_register(Zone.PEAK), _register(Zone.HALF_PEAK), _register(Zone.NIGHT))),),
)
TWO_METERS: Final = Account("1000000005", (*FLAT.meters, *NEW_METER.meters))
NO_METER: Final = Account("1000000005", ())
TOO_MANY: Final = Account("1000000005", tuple(Meter(f"001001{n:02}", FLAT.meters[0].registers) for n in range(10)))


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
                "two zones": TWO_ZONES,
                "three zones": THREE_ZONES,
                "two meters": TWO_METERS,
                "no meter": NO_METER,
                "ten meters": TOO_MANY,
            }
        case RememberLanguage():
            return {"": None}
        case SubmitReading():
            return {"": Receipt("00000013")}
        case AskSupply():
            return NEWS
        case ReportOutage():
            number = "70000014"
            return {kind: replace(news, number=number) for kind, news in NEWS.items() if kind != "reported before"}
        case RegisterRequest():
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
