"""By when a request is answered: every day of 2024-2030, against days counted by hand."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from domain.deadlines import Deadline, NotExtendable, deadline, escalate_at, extended, remaining, warnings_due
from domain.decrees import DEFAULTS
from domain.model import OrderKind, RequestKind, Topic
from domain.policy import (
    ALWAYS,
    CalendarPolicy,
    Case,
    DayPolicy,
    DeadlinePolicy,
    EscalationPolicy,
    NoPolicy,
    Policies,
    Row,
    Unit,
)
from domain.rules import HOME

COMPLAINT = RequestKind.COMPLAINT
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range((date(2030, 12, 31) - date(2024, 1, 1)).days + 1)]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), HOME).astimezone(UTC)


def due(day: date, topic: Topic = Topic.OTHER, channel: str = "phone", case: Case | None = None) -> date:
    return deadline(COMPLAINT, topic, channel, noon(day), DEFAULTS, case).due


def on_a_weekday(day: date) -> date:
    """Saturday and Sunday become Monday: under martial law there are no other days off."""
    return day + timedelta(days={5: 2, 6: 1}.get(day.weekday(), 0))


def fifth_weekday_after(day: date) -> date:
    """From Monday: the Monday after; from Friday the Friday; from Saturday and Sunday the Friday."""
    return day + timedelta(days={5: 6, 6: 5}.get(day.weekday(), 7))


TERMS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 30, "2.3: 30 days"),
    ({"topic": Topic.METERING}, 30, "2.3: 30 days"),
    ({"topic": Topic.INTERRUPTIONS, "channel": "post"}, 30, "2.3: 30 days"),
    ({"channel": "web"}, 15, "web and e-mail"),
    ({"channel": "email", "topic": Topic.SERVICE}, 15, "web and e-mail"),
    ({"topic": Topic.METERING, "case": Case.METER_EXAMINED}, 45, "45 days when the meter"),
    ({"topic": Topic.METERING, "case": Case.METER_EXAMINED, "channel": "web"}, 45, "45 days when the meter"),
    ({"topic": Topic.QUALITY}, 15, "15 days without measurements"),
    ({"topic": Topic.QUALITY, "channel": "web"}, 15, "15 days without measurements"),
    ({"topic": Topic.QUALITY, "case": Case.MEASURED}, 30, "30 days with measurements"),
    ({"topic": Topic.QUALITY, "case": Case.MEASURED, "channel": "web"}, 30, "30 days with measurements"),
    ({"topic": Topic.QUALITY, "case": Case.COLLECTIVE}, 45, "several customers"),
]


@pytest.mark.parametrize(("asked", "days", "source"), TERMS)
def test_calendar_days_are_counted_from_the_next_day_and_end_on_a_working_day(
    asked: dict[str, Any], days: int, source: str
):
    for day in DAYS:
        assert due(day, **asked) == on_a_weekday(day + timedelta(days=days)), day
    topic, channel = asked.get("topic", Topic.OTHER), asked.get("channel", "phone")
    found = deadline(COMPLAINT, topic, channel, noon(DAYS[0]), DEFAULTS, asked.get("case"))
    assert (found.days, found.unit) == (days, Unit.CALENDAR) and source in found.source


@pytest.mark.parametrize("channel", ["phone", "web", "email", "post"])
def test_a_bill_is_checked_within_five_working_days_by_whichever_channel(channel: str):
    for day in DAYS:
        assert due(day, Topic.BILLING, channel) == fifth_weekday_after(day), day


@pytest.mark.parametrize(
    ("registered", "topic", "channel", "expected"),
    [
        (date(2024, 1, 31), Topic.OTHER, "phone", date(2024, 3, 1)),  # over 29 February
        (date(2025, 1, 31), Topic.OTHER, "phone", date(2025, 3, 3)),  # 2 March is a Sunday
        (date(2024, 2, 14), Topic.OTHER, "web", date(2024, 2, 29)),
        (date(2026, 12, 17), Topic.QUALITY, "phone", date(2027, 1, 1)),  # New Year is a working day under martial law
        (date(2026, 12, 29), Topic.BILLING, "phone", date(2027, 1, 5)),
        (date(2024, 3, 25), Topic.BILLING, "phone", date(2024, 4, 1)),  # over the clock change of 31 March
        (date(2027, 10, 25), Topic.BILLING, "phone", date(2027, 11, 1)),  # over that of 31 October
        (date(2027, 10, 1), Topic.OTHER, "phone", date(2027, 11, 1)),  # due on the very day: a Sunday
    ],
)
def test_deadlines_counted_on_the_calendar_on_the_wall(registered: date, topic: Topic, channel: str, expected: date):
    assert due(registered, topic, channel) == expected


@pytest.mark.parametrize(
    ("at", "registered_on"),
    [
        (datetime(2024, 3, 31, 0, 30, tzinfo=UTC), date(2024, 3, 31)),  # 02:30, before the hour that is missing
        (datetime(2024, 3, 31, 20, 59, tzinfo=UTC), date(2024, 3, 31)),  # 23:59 in summer time
        (datetime(2024, 3, 31, 21, 0, tzinfo=UTC), date(2024, 4, 1)),
        (datetime(2027, 10, 30, 21, 0, tzinfo=UTC), date(2027, 10, 31)),
        (datetime(2027, 10, 31, 21, 59, tzinfo=UTC), date(2027, 10, 31)),  # 23:59 in winter time
        (datetime(2027, 10, 31, 22, 0, tzinfo=UTC), date(2027, 11, 1)),
        (datetime(2026, 12, 31, 22, 30, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_request_at_night_is_registered_on_the_day_that_it_is_in_kyiv(at: datetime, registered_on: date):
    found = deadline(COMPLAINT, Topic.OTHER, "phone", at, DEFAULTS)
    assert found.registered_on == registered_on
    assert found.ends == registered_on + timedelta(days=30)


def test_an_instant_without_a_zone_has_no_deadline():
    with pytest.raises(ValueError, match="time zone"):
        deadline(COMPLAINT, Topic.OTHER, "phone", datetime(2026, 1, 1), DEFAULTS)  # noqa: DTZ001


def test_every_kind_topic_and_channel_has_a_deadline():
    for kind in (*RequestKind, *OrderKind):
        for topic in (*Topic, None):
            for channel in ("phone", "web", "email", "post", "bot", "messenger", "one that comes later"):
                for case in (*Case, None):
                    found = deadline(kind, topic, channel, noon(DAYS[0]), DEFAULTS, case)
                    assert found.registered_on < found.due and found.source


def test_holidays_move_a_deadline_once_martial_law_has_ended():
    peace = DEFAULTS.extended([Row(date(2026, 6, 1), CalendarPolicy(holidays_off=True, moved=True), "it ended")])

    def at(day: date, topic: Topic) -> date:
        return deadline(COMPLAINT, topic, "phone", noon(day), peace).due

    assert at(date(2026, 12, 10), Topic.QUALITY) == date(2026, 12, 28)  # 25 December is a Friday
    assert at(date(2026, 12, 21), Topic.BILLING) == date(2026, 12, 29)
    assert at(date(2026, 7, 25), Topic.OTHER) == date(2026, 8, 25)  # 24 August is a Monday


def test_a_decree_about_one_day_moves_a_deadline():
    day = date(2026, 12, 7)
    book = DEFAULTS.extended([Row(day, DayPolicy(day, working=False), "decree")])
    assert deadline(COMPLAINT, Topic.QUALITY, "phone", noon(date(2026, 11, 22)), book).due == date(2026, 12, 8)
    assert due(date(2026, 11, 22), Topic.QUALITY) == day


def test_a_row_may_say_that_a_last_day_does_not_move():
    book = DEFAULTS.extended([Row(date(2026, 1, 1), DeadlinePolicy(30, moves=False), "a stricter contract")])
    sunday = date(2026, 11, 22)
    assert deadline(COMPLAINT, Topic.OTHER, "phone", noon(sunday - timedelta(days=30)), book).due == sunday
    assert due(sunday - timedelta(days=30)) == sunday + timedelta(days=1)


def test_the_rule_is_the_one_of_the_day_of_registration():
    book = DEFAULTS.extended([Row(date(2026, 12, 1), DeadlinePolicy(20), "a decree of December")])
    assert deadline(COMPLAINT, Topic.OTHER, "phone", noon(date(2026, 11, 30)), book).days == 30
    assert deadline(COMPLAINT, Topic.OTHER, "phone", noon(date(2026, 12, 1)), book).days == 20


def test_of_two_rules_the_one_that_says_more_holds():
    book = Policies(
        [
            Row(ALWAYS, DeadlinePolicy(30), "any"),
            Row(ALWAYS, DeadlinePolicy(10, request=RequestKind.QUESTION), "questions"),
            Row(ALWAYS, DeadlinePolicy(15, channel="web"), "web"),
            Row(ALWAYS, DeadlinePolicy(20, topic=Topic.BILLING), "bills"),
            Row(ALWAYS, DeadlinePolicy(45, case=Case.METER_EXAMINED), "meters"),
            Row(ALWAYS, DeadlinePolicy(7, topic=Topic.BILLING, channel="web"), "bills by web"),
        ]
    )

    def source(request: RequestKind, topic: Topic, channel: str, case: Case | None = None) -> str:
        return book.deadline(request, topic, channel, DAYS[0], case).source

    assert source(COMPLAINT, Topic.OTHER, "phone") == "any"
    assert source(RequestKind.QUESTION, Topic.OTHER, "phone") == "questions"
    assert source(RequestKind.QUESTION, Topic.OTHER, "web") == "web"
    assert source(RequestKind.QUESTION, Topic.BILLING, "phone") == "bills"
    assert source(RequestKind.QUESTION, Topic.BILLING, "web") == "bills by web"
    assert source(RequestKind.QUESTION, Topic.BILLING, "web", Case.METER_EXAMINED) == "meters"


def test_a_book_without_deadlines_says_what_to_do():
    with pytest.raises(NoPolicy, match="enter one"):
        deadline(COMPLAINT, Topic.OTHER, "phone", noon(DAYS[0]), Policies(()))


# Interim replies


def test_an_interim_reply_adds_fifteen_days_to_the_term_and_not_to_the_day_that_it_was_moved_to():
    for day in DAYS:
        running = deadline(COMPLAINT, Topic.OTHER, "phone", noon(day), DEFAULTS)
        longer = extended(running, noon(running.due), DEFAULTS)
        assert longer.due == on_a_weekday(day + timedelta(days=45)) and longer.extended
        assert longer.interim_until is None
    by_web = deadline(COMPLAINT, Topic.OTHER, "web", noon(date(2026, 11, 1)), DEFAULTS)
    assert extended(by_web, noon(date(2026, 11, 10)), DEFAULTS).due == date(2026, 12, 1)


def running(topic: Topic = Topic.OTHER, on: date = date(2026, 11, 2)) -> Deadline:
    return deadline(COMPLAINT, topic, "phone", noon(on), DEFAULTS)


def test_an_interim_reply_extends_once():
    with pytest.raises(NotExtendable, match="once"):
        extended(extended(running(), noon(date(2026, 11, 3)), DEFAULTS), noon(date(2026, 12, 3)), DEFAULTS)


def test_an_interim_reply_after_the_deadline_does_not_extend_it():
    found = running()
    assert found.interim_until == found.due == date(2026, 12, 2)
    midnight = datetime(2026, 12, 2, 22, 0, tzinfo=UTC)
    assert extended(found, midnight - timedelta(seconds=1), DEFAULTS).extended
    with pytest.raises(NotExtendable, match="2026-12-03"):
        extended(found, midnight, DEFAULTS)


def test_an_interim_reply_from_before_the_registration_is_a_mistake():
    assert extended(running(), noon(date(2026, 11, 2)), DEFAULTS).extended
    with pytest.raises(NotExtendable, match="2026-11-01"):
        extended(running(), noon(date(2026, 11, 1)), DEFAULTS)


@pytest.mark.parametrize("topic", [Topic.QUALITY, Topic.BILLING])
def test_a_guaranteed_standard_knows_no_interim_reply(topic: Topic):
    with pytest.raises(NotExtendable, match="375"):
        extended(running(topic), noon(date(2026, 11, 3)), DEFAULTS)


def test_a_term_that_does_not_move_does_not_move_after_an_interim_reply_either():
    book = DEFAULTS.extended([Row(ALWAYS, DeadlinePolicy(15, interim_days=15, moves=False), "x")])
    found = deadline(COMPLAINT, Topic.OTHER, "phone", noon(date(2026, 10, 23)), book)
    assert extended(found, noon(date(2026, 11, 1)), book).due == date(2026, 11, 22)  # a Sunday


def test_a_meter_that_must_be_examined_lengthens_the_term_from_the_same_registration():
    at = noon(date(2026, 11, 2))
    assert deadline(COMPLAINT, Topic.METERING, "phone", at, DEFAULTS).due == date(2026, 12, 2)
    assert deadline(COMPLAINT, Topic.METERING, "phone", at, DEFAULTS, Case.METER_EXAMINED).due == date(2026, 12, 17)


# Warnings


def test_a_supervisor_is_warned_five_working_days_before_and_one():
    assert escalate_at(running(), DEFAULTS) == (date(2026, 11, 25), date(2026, 12, 1))
    for day in DAYS:
        found = deadline(COMPLAINT, Topic.OTHER, "phone", noon(day), DEFAULTS)
        week_ahead = found.due - timedelta(days=7)
        eve = found.due - timedelta(days=3 if found.due.weekday() == 0 else 1)
        assert escalate_at(found, DEFAULTS) == (week_ahead, eve)


def test_a_short_term_is_not_warned_of_on_the_day_that_it_begins():
    found = running(Topic.BILLING)
    assert (found.registered_on, found.due) == (date(2026, 11, 2), date(2026, 11, 9))
    assert escalate_at(found, DEFAULTS) == (date(2026, 11, 6),)


@pytest.mark.parametrize(
    ("now", "given"),
    [
        (datetime(2026, 11, 24, 21, 59, tzinfo=UTC), 0),
        (datetime(2026, 11, 24, 22, 0, tzinfo=UTC), 1),  # midnight in Kyiv
        (datetime(2026, 11, 30, 21, 59, tzinfo=UTC), 1),
        (datetime(2026, 11, 30, 22, 0, tzinfo=UTC), 2),
        (datetime(2027, 1, 1, tzinfo=UTC), 2),
    ],
)
def test_warnings_fall_due_at_midnight_in_kyiv(now: datetime, given: int):
    assert warnings_due(running(), now, DEFAULTS) == given


def test_an_extended_deadline_is_warned_of_anew():
    longer = extended(running(), noon(date(2026, 12, 2)), DEFAULTS)
    assert longer.due == date(2026, 12, 17)
    assert escalate_at(longer, DEFAULTS) == (date(2026, 12, 10), date(2026, 12, 16))


@pytest.mark.parametrize("days", [(1, 5), (5, 5), (-1,)])
def test_warnings_out_of_order_are_refused(days: tuple[int, ...]):
    with pytest.raises(ValueError, match="warning"):
        EscalationPolicy(days)


@pytest.mark.parametrize(
    ("now", "days", "working", "overdue"),
    [
        (datetime(2026, 11, 2, 10, tzinfo=UTC), 30, 22, False),
        (datetime(2026, 11, 28, 10, tzinfo=UTC), 4, 3, False),  # Saturday
        (datetime(2026, 12, 2, 21, 59, tzinfo=UTC), 0, 0, False),
        (datetime(2026, 12, 2, 22, 0, tzinfo=UTC), -1, -1, True),
        (datetime(2026, 12, 7, 10, tzinfo=UTC), -5, -3, True),
    ],
)
def test_what_is_left_is_counted_in_days_of_kyiv(now: datetime, days: int, working: int, overdue: bool):
    left = remaining(running(), now, DEFAULTS)
    assert (left.days, left.working_days, left.overdue) == (days, working, overdue)


@pytest.mark.parametrize(("days", "interim"), [(0, 0), (367, 0), (30, -1), (30, 400)])
def test_a_term_of_no_days_or_of_years_is_refused(days: int, interim: int):
    with pytest.raises(ValueError, match="a term has"):
        DeadlinePolicy(days, interim_days=interim)
