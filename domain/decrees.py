"""The rules as they stand in decrees, laws and press texts, each with the paragraph that it comes from.

Rules: nothing here is computed; who disagrees with a row enters another one of a later date (`domain.policies`).
`since` is the day from which the source holds, or `ALWAYS` where nothing that we store is older.
"""

from datetime import date, time
from typing import Final

from domain.model import Source, Topic
from domain.policy import (
    ALWAYS,
    AnyRow,
    CalendarPolicy,
    CallbackPolicy,
    Case,
    CompensationPolicy,
    DeadlinePolicy,
    EscalationPolicy,
    EstimatePolicy,
    HolidayPolicy,
    HoursPolicy,
    Method,
    Open,
    Policies,
    PrecedencePolicy,
    Row,
    ServicePolicy,
    TargetPolicy,
    Unit,
    WindowPolicy,
)

_CODE: Final = "Commercial Metering Code (NEURC resolution 311 of 14.03.2018)"
_STANDARDS: Final = "Guaranteed standards (NEURC resolution 375 of 12.06.2018)"
_LABOUR: Final = "Labour Code, art. 73"
_HOLIDAYS_2023: Final = "Labour Code, art. 73, as amended by law 3107-IX of 14.07.2023, in force from 1.9.2023"
_OURS: Final = "our own; no rule says so: the operator enters theirs"

_EVERY_DAY: Final = (1, 2, 3, 4, 5, 6, 7)
_WORKDAYS: Final = (1, 2, 3, 4, 5)

_READINGS: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, WindowPolicy(2, 3), f"{_CODE}, 8.6.3, read as the last two days and the first three (press texts)"),
    Row(
        ALWAYS,
        EstimatePolicy((Method.AVERAGE, Method.YEAR_AGO, Method.USUAL)),
        f"{_CODE}, 8.6: average daily consumption",
    ),
    Row(
        ALWAYS,
        PrecedencePolicy(
            (
                (Source.SMART_METER,),
                (Source.INSPECTOR,),
                (Source.CALLER, Source.WEB, Source.BOT),
                (Source.ESTIMATE,),
            )
        ),
        "operators' practice: the inspector's figure overrides the customer's; our own: the customer's last word "
        "counts, whatever the channel",
    ),
)

_DEADLINES: Final[tuple[AnyRow, ...]] = (
    Row(
        ALWAYS,
        DeadlinePolicy(30, interim_days=15),
        f"{_STANDARDS}, 2.3: 30 days; law 393/96-ВР, art. 20: 45 altogether after an interim reply",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(15, interim_days=15, channel="web"),
        "operators' service standards: 15 calendar days for web and e-mail, at most 15 more after an interim reply",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(15, interim_days=15, channel="email"),
        "operators' service standards: 15 calendar days for web and e-mail, at most 15 more after an interim reply",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(45, case=Case.METER_EXAMINED),
        f"{_STANDARDS}, 2.3: 45 days when the meter must be checked or examined",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(15, topic=Topic.QUALITY),
        f"{_STANDARDS}, 2.3(3): quality of electricity, 15 days without measurements",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(30, topic=Topic.QUALITY, case=Case.MEASURED),
        f"{_STANDARDS}, 2.3(3): quality of electricity, 30 days with measurements",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(45, topic=Topic.QUALITY, case=Case.COLLECTIVE),
        f"{_STANDARDS}, 2.3(3): quality of electricity, 45 days when several customers complain together",
    ),
    Row(
        ALWAYS,
        DeadlinePolicy(5, Unit.WORKING, topic=Topic.BILLING),
        f"{_STANDARDS}: 5 working days for checking whether a bill is right",
    ),
    Row(ALWAYS, EscalationPolicy((5, 1)), _OURS),
)

_HRYVNIA: Final = 100
_ANNEX: Final = f"{_STANDARDS}, 2.3 and annex 1, as operators and suppliers publish it"
_COMPENSATIONS: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, CompensationPolicy(200 * _HRYVNIA, 400 * _HRYVNIA, 600 * _HRYVNIA, 30), f"{_ANNEX}: 30 days"),
    Row(
        ALWAYS,
        CompensationPolicy(200 * _HRYVNIA, 400 * _HRYVNIA, 600 * _HRYVNIA, 45, case=Case.METER_EXAMINED),
        f"{_ANNEX}: 45 days when the meter must be checked or examined",
    ),
    Row(
        ALWAYS,
        CompensationPolicy(100 * _HRYVNIA, 200 * _HRYVNIA, 400 * _HRYVNIA, 5, Unit.WORKING, topic=Topic.BILLING),
        f"{_ANNEX}: 5 working days for checking whether a bill is right",
    ),
    Row(
        ALWAYS,
        CompensationPolicy(100 * _HRYVNIA, 200 * _HRYVNIA, 400 * _HRYVNIA, 15, topic=Topic.QUALITY),
        f"{_ANNEX}, 2.3(3): quality of electricity, 15 days without measurements",
    ),
    Row(
        ALWAYS,
        CompensationPolicy(
            100 * _HRYVNIA, 200 * _HRYVNIA, 400 * _HRYVNIA, 30, topic=Topic.QUALITY, case=Case.MEASURED
        ),
        f"{_ANNEX}, 2.3(3): quality of electricity, 30 days with measurements",
    ),
    Row(
        ALWAYS,
        CompensationPolicy(
            100 * _HRYVNIA, 200 * _HRYVNIA, 400 * _HRYVNIA, 45, topic=Topic.QUALITY, case=Case.COLLECTIVE
        ),
        f"{_ANNEX}, 2.3(3): quality of electricity, 45 days when several customers complain together",
    ),
)

_TARGETS: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, TargetPolicy(78), "one operator's press text: 22 % of customers were late before April 2022"),
)

_HOURS: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, HoursPolicy("*", (Open(_WORKDAYS, time(8), time(17)),)), _OURS),
    Row(
        ALWAYS,
        HoursPolicy("agents", (Open(_EVERY_DAY, time(0), time(0)),), holidays=True),
        "operators' press texts: several numbers, one service, around the clock",
    ),
    Row(
        ALWAYS,
        HoursPolicy(Topic.INTERRUPTIONS, (Open(_EVERY_DAY, time(0), time(0)),), holidays=True),
        "operators' press texts: outages around the clock",
    ),
    Row(ALWAYS, HoursPolicy("callbacks", (Open(_EVERY_DAY, time(8), time(20)),), holidays=True), _OURS),
    Row(
        ALWAYS,
        CallbackPolicy(within_hours=4, service="callbacks"),
        "a regulator's rule book: a call back within 4 hours",
    ),
    Row(
        ALWAYS,
        ServicePolicy(seconds=30, connected=0.75, lost=0.1),
        f"{_STANDARDS}, 2.2: of the calls in a year at least 75 % connected with an operator within 30 seconds, at "
        "most 10 % lost in the queue",
    ),
)

_CALENDAR: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, CalendarPolicy(holidays_off=True, moved=True), "Labour Code, art. 67(3), 73"),
    Row(
        date(2022, 3, 24),
        CalendarPolicy(holidays_off=False, moved=False),
        "law 2136-IX, art. 6(6): under martial law art. 67(3-5) and 73 of the Labour Code do not apply",
    ),
    Row(ALWAYS, HolidayPolicy("new_year", 1, 1), _LABOUR),
    Row(ALWAYS, HolidayPolicy("christmas_january", 1, 7), _LABOUR),
    Row(date(2023, 9, 1), HolidayPolicy("christmas_january"), _HOLIDAYS_2023),
    Row(ALWAYS, HolidayPolicy("women", 3, 8), _LABOUR),
    Row(ALWAYS, HolidayPolicy("easter", after_easter=0), _LABOUR),
    Row(ALWAYS, HolidayPolicy("trinity", after_easter=49), _LABOUR),
    Row(ALWAYS, HolidayPolicy("labour", 5, 1), _LABOUR),
    Row(ALWAYS, HolidayPolicy("victory", 5, 9), _LABOUR),
    Row(date(2024, 1, 1), HolidayPolicy("victory", 5, 8), "Labour Code, art. 73, as amended in 2023"),
    Row(ALWAYS, HolidayPolicy("constitution", 6, 28), _LABOUR),
    Row(date(2022, 1, 1), HolidayPolicy("statehood", 7, 28), "Labour Code, art. 73, as amended in 2022"),
    Row(date(2023, 9, 1), HolidayPolicy("statehood", 7, 15), _HOLIDAYS_2023),
    Row(ALWAYS, HolidayPolicy("independence", 8, 24), _LABOUR),
    Row(ALWAYS, HolidayPolicy("defenders", 10, 14), _LABOUR),
    Row(date(2023, 9, 1), HolidayPolicy("defenders", 10, 1), _HOLIDAYS_2023),
    Row(ALWAYS, HolidayPolicy("christmas", 12, 25), _LABOUR),
)

DEFAULTS: Final = Policies((*_READINGS, *_DEADLINES, *_COMPENSATIONS, *_TARGETS, *_HOURS, *_CALENDAR))
"""What holds where the operator has entered nothing."""

ALTERNATIVES: Final[tuple[AnyRow, ...]] = (
    Row(ALWAYS, WindowPolicy(3, 3), f"{_CODE}, 8.6.3, read as from the second day before the last one: six days"),
    Row(
        ALWAYS,
        EstimatePolicy((Method.YEAR_AGO, Method.AVERAGE, Method.USUAL)),
        "one operator's practice: the same period a year ago",
    ),
    Row(
        ALWAYS,
        PrecedencePolicy(
            (
                (Source.SMART_METER,),
                (Source.INSPECTOR, Source.CALLER, Source.WEB, Source.BOT),
                (Source.ESTIMATE,),
            )
        ),
        "customers' complaints: whoever read last is right, the inspector or the customer",
    ),
)
"""The other readings of the same sources; each is in force once it is entered with its date."""
