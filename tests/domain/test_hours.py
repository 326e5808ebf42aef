"""When services are there, and when we promise to call back."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decrees import DEFAULTS
from domain.hours import callback_windows, next_opening, open_at, openings, timetable
from domain.model import Opening, Slot, Topic
from domain.policy import (
    ALWAYS,
    CalendarPolicy,
    CallbackPolicy,
    DayPolicy,
    HoursPolicy,
    NoPolicy,
    Open,
    Policies,
    Row,
)
from domain.rules import HOME

WORKDAYS, DAILY = (1, 2, 3, 4, 5), (1, 2, 3, 4, 5, 6, 7)
PEACE = DEFAULTS.extended([Row(date(2026, 6, 1), CalendarPolicy(holidays_off=True, moved=True), "it ended")])


def kyiv(text: str, fold: int = 0) -> datetime:
    """Of "2026-11-23 08:00", on the clock in Kyiv."""
    return datetime.fromisoformat(text).replace(tzinfo=HOME, fold=fold).astimezone(UTC)


def service(name: str, *hours: Open, holidays: bool = False) -> Policies:
    return DEFAULTS.extended([Row(ALWAYS, HoursPolicy(name, hours, holidays), "ours")])


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23 07:59:59", False),  # a Monday
        ("2026-11-23 08:00", True),
        ("2026-11-23 16:59:59", True),
        ("2026-11-23 17:00", False),
        ("2026-11-21 12:00", False),  # a Saturday
        ("2026-12-25 12:00", True),  # under martial law
        ("2027-07-01 08:00", True),  # in summer
        ("2027-07-01 17:00", False),
    ],
)
def test_an_office_is_open_on_working_days_by_the_clock_in_kyiv(at: str, is_open: bool):
    assert open_at("office", kyiv(at), DEFAULTS) == is_open
    assert open_at(Topic.BILLING, kyiv(at), DEFAULTS) == is_open


def test_a_service_around_the_clock_is_always_open_also_on_the_nights_of_clock_changes():
    for day in (date(2024, 3, 31), date(2027, 10, 31), date(2026, 12, 31)):
        for minutes in range(0, 30 * 60, 30):
            at = datetime.combine(day, time(0), UTC) - timedelta(hours=4) + timedelta(minutes=minutes)
            assert (
                open_at(Topic.INTERRUPTIONS, at, DEFAULTS) and next_opening(Topic.INTERRUPTIONS, at, DEFAULTS) == at
            )


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-20 17:00", "2026-11-23 08:00"),  # Friday evening
        ("2026-11-23 03:00", "2026-11-23 08:00"),
        ("2026-11-23 09:30", "2026-11-23 09:30"),
        ("2024-03-29 18:00", "2024-04-01 08:00"),  # over the clock change: 62 - 1 hours
        ("2027-10-29 18:00", "2027-11-01 08:00"),
    ],
)
def test_the_next_opening_is_told_by_the_clock_in_kyiv(at: str, opens: str):
    assert next_opening("office", kyiv(at), DEFAULTS) == kyiv(opens)


def test_holidays_and_decrees_close_who_keeps_them():
    assert next_opening("office", kyiv("2026-12-25 12:00"), PEACE) == kyiv("2026-12-28 08:00")
    assert open_at("agents", kyiv("2026-12-25 12:00"), PEACE)
    monday, saturday = date(2026, 11, 23), date(2026, 11, 28)
    book = DEFAULTS.extended(
        [Row(monday, DayPolicy(monday, working=False), "x"), Row(monday, DayPolicy(saturday, working=True), "x")]
    )
    assert not open_at("office", kyiv("2026-11-23 12:00"), book) and open_at("agents", kyiv("2026-11-23 12:00"), book)
    assert not open_at("office", kyiv("2026-11-28 12:00"), book)  # a decree opens nothing by itself


def test_a_decree_that_makes_a_holiday_a_working_day_opens_the_office():
    christmas = date(2026, 12, 25)
    book = PEACE.extended([Row(christmas, DayPolicy(christmas, working=True), "x")])
    assert open_at("office", kyiv("2026-12-25 12:00"), book)


def test_a_break_at_noon_and_hours_over_midnight():
    book = service("office", Open(WORKDAYS, time(13), time(17)), Open(WORKDAYS, time(8), time(12)))
    assert next_opening("office", kyiv("2026-11-23 12:30"), book) == kyiv("2026-11-23 13:00")
    assert next_opening("office", kyiv("2026-11-23 06:00"), book) == kyiv("2026-11-23 08:00")
    night = service("crew", Open((5,), time(22), time(6)))
    assert open_at("crew", kyiv("2026-11-28 05:59"), night) and not open_at("crew", kyiv("2026-11-28 06:00"), night)
    assert not open_at("crew", kyiv("2026-11-27 05:00"), night)


def test_hours_that_end_at_an_ambiguous_time_end_when_it_comes_the_second_time():
    night = service("crew", Open(DAILY, time(22), time(3, 30)), holidays=True)
    assert open_at("crew", datetime(2027, 10, 31, 1, 29, tzinfo=UTC), night)  # 03:29, the second time
    assert not open_at("crew", datetime(2027, 10, 31, 1, 30, tzinfo=UTC), night)


def test_new_hours_hold_from_their_day_on():
    book = DEFAULTS.extended(
        [Row(date(2026, 12, 1), HoursPolicy("office", (Open(WORKDAYS, time(9), time(18)),)), "x")]
    )
    assert open_at("office", kyiv("2026-11-30 08:30"), book) and not open_at("office", kyiv("2026-12-01 08:30"), book)
    assert next_opening("office", kyiv("2026-11-30 17:30"), book) == kyiv("2026-12-01 09:00")


def test_a_stretch_that_ends_at_this_instant_is_over():
    assert next(openings("office", kyiv("2026-11-23 17:00"), DEFAULTS)).begins == kyiv("2026-11-24 08:00")


def test_a_service_that_never_opens_has_no_next_opening_and_no_windows():
    book = service("callbacks")
    assert next_opening("callbacks", kyiv("2026-11-23 12:00"), book) is None
    assert not open_at("callbacks", kyiv("2026-11-23 12:00"), book)
    assert callback_windows(kyiv("2026-11-23 12:00"), book) == ()


def test_a_book_without_hours_says_what_to_do():
    with pytest.raises(NoPolicy, match="'hours'"):
        open_at("office", kyiv("2026-11-23 12:00"), Policies(()))


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        open_at("office", datetime(2026, 11, 23, 12), DEFAULTS)  # noqa: DTZ001


# Windows for calling back


def slots(*texts: str) -> tuple[Slot, ...]:
    """Of "2026-11-23 14 16"."""
    parts = (text.split() for text in texts)
    return tuple(Slot(kyiv(f"{day} {begins}:00"), kyiv(f"{day} {ends}:00")) for day, begins, ends in parts)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23 13:40", slots("2026-11-23 14 16", "2026-11-23 16 18", "2026-11-23 18 20")),
        ("2026-11-23 13:45", slots("2026-11-23 14 16", "2026-11-23 16 18", "2026-11-23 18 20")),
        ("2026-11-23 13:46", slots("2026-11-23 15 17", "2026-11-23 17 19", "2026-11-23 19 20")),  # too short a notice
        ("2026-11-23 18:50", slots("2026-11-24 08 10", "2026-11-24 10 12", "2026-11-24 12 14")),
        ("2026-11-23 18:40", slots("2026-11-23 19 20", "2026-11-24 08 10", "2026-11-24 10 12")),
        ("2026-11-22 02:00", slots("2026-11-22 08 10", "2026-11-22 10 12", "2026-11-22 12 14")),  # a Sunday night
        ("2024-03-31 02:30", slots("2024-03-31 08 10", "2024-03-31 10 12", "2024-03-31 12 14")),
        ("2027-10-31 03:30", slots("2027-10-31 08 10", "2027-10-31 10 12", "2027-10-31 12 14")),
    ],
)
def test_windows_to_call_back_lie_within_the_hours_in_which_people_are_called_back(
    at: str, expected: tuple[Slot, ...]
):
    assert callback_windows(kyiv(at), DEFAULTS) == expected


def test_windows_begin_when_the_service_opens_be_it_at_half_past():
    book = service("callbacks", Open(DAILY, time(8, 30), time(12)))
    first, second = callback_windows(kyiv("2026-11-23 05:00"), book, 2)
    assert first == Slot(kyiv("2026-11-23 08:30"), kyiv("2026-11-23 10:30"))
    assert second == Slot(kyiv("2026-11-23 10:30"), kyiv("2026-11-23 12:00"))


def test_less_than_an_hour_before_closing_is_no_window():
    book = service("callbacks", Open(DAILY, time(8), time(12, 30)))
    assert callback_windows(kyiv("2026-11-23 05:00"), book) == slots(
        "2026-11-23 08 10", "2026-11-23 10 12", "2026-11-24 08 10"
    )


def test_around_the_clock_a_window_may_go_over_midnight():
    book = service("callbacks", Open(DAILY, time(0), time(0)), holidays=True)
    (window,) = callback_windows(kyiv("2026-11-23 22:30"), book, 1)
    assert window == Slot(kyiv("2026-11-23 23:00"), kyiv("2026-11-24 01:00"))


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)), st.integers(1, 6))  # noqa: DTZ001
def test_who_is_called_back_waits_four_opening_hours_at_most(at: datetime, n: int):
    windows = callback_windows(at, DEFAULTS, n)
    assert len(windows) == n
    hours = openings("callbacks", at, DEFAULTS)
    opened = timedelta(0)
    while not (slot := next(hours)).ends >= windows[0].ends:
        opened += slot.ends - max(slot.begins, at)
    opened += windows[0].ends - max(slot.begins, at)
    assert opened <= timedelta(hours=4)
    previous = at + timedelta(minutes=15)
    for window in windows:
        assert previous <= window.begins < window.ends <= window.begins + timedelta(hours=2)
        assert window.ends - window.begins >= timedelta(hours=1)
        assert all(open_at("callbacks", window.begins + timedelta(minutes=m), DEFAULTS) for m in (0, 30, 59))
        previous = window.ends


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_open_now_and_next_opening_agree_with_the_clock_on_the_wall(at: datetime):
    local = at.astimezone(HOME)
    expected = local.weekday() < 5 and 8 <= local.hour < 17
    assert open_at("office", at, DEFAULTS) == expected
    following = next_opening("office", at, DEFAULTS)
    assert following and (following == at) == expected
    if not expected:
        opening = following.astimezone(HOME)
        assert (opening.weekday() < 5, opening.hour, opening.minute) == (True, 8, 0)
        assert following - at < timedelta(hours=64)


def test_a_window_that_cannot_end_in_time_is_refused():
    with pytest.raises(ValueError, match="must end within"):
        CallbackPolicy(within_hours=3)
    with pytest.raises(ValueError, match="at least 60"):
        CallbackPolicy(within_hours=4, window_minutes=30)


# What is read out


def test_hours_are_read_out_in_words_that_have_prompts():
    on = date(2026, 11, 23)
    assert timetable("office", on, DEFAULTS) == (Opening("office", "workdays", "08:00", "17:00"),)
    assert timetable("interruptions", on, DEFAULTS) == (Opening("interruptions", "daily"),)
    odd = service(
        "desk",
        Open((1, 2, 3, 4, 5, 6), time(8), time(17)),
        Open((7,), time(9), time(12)),
        Open((1, 3), time(18), time(0)),
    )
    assert timetable("desk", on, odd) == (
        Opening("desk", "workdays", "08:00", "17:00"),
        Opening("desk", "saturday", "08:00", "17:00"),
        Opening("desk", "sunday", "09:00", "12:00"),
        Opening("desk", "monday", "18:00", "00:00"),
        Opening("desk", "wednesday", "18:00", "00:00"),
    )


@pytest.mark.parametrize("days", [(), (0,), (8,), (1, 9)])
def test_a_day_that_no_week_has_is_refused(days: tuple[int, ...]):
    with pytest.raises(ValueError, match="Monday"):
        Open(days, time(8), time(17))
