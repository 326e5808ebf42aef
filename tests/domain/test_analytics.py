"""Figures of small worlds, worked out by hand; and sums that follow from the rows of single calls."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from figured import (
    ASK,
    ASK_TWICE,
    DAY,
    GAVE_UP,
    HUNG_UP,
    MENU,
    NOON,
    NOTICE,
    SAID,
    call,
    over,
    waited,
)  # fmt: skip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain import analytics, desk_figures, report, tallies
from domain.model import Outcome, Source
from domain.report import Level
from domain.tables import call_days, call_hours, repeat_days, step_days, wait_days
from domain.tallies import Wait, Waited
from domain.window import Span
from tests.domain.conftest import NOW

NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))
SUMS = (call_days, call_hours, step_days, repeat_days, wait_days)


@pytest.fixture
def ask(store):
    """Ask a figure of November."""

    def figure(function, span=NOVEMBER, **more):
        return store.read(lambda conn: function(conn, span, **more)).result()

    return figure


@pytest.fixture
def world(store):
    """Do something in a transaction."""
    return lambda job: store.write(job).result()


def sums(conn):
    """All sums, without those that came to nothing."""
    found = {}
    for table in SUMS:
        keys = [column.name for column in table.columns if column.primary_key]
        for row in conn.execute(select(table)).mappings():
            values = {name: value for name, value in row.items() if name not in keys}
            if any(values.values()):
                found[table.name, tuple(row[key] for key in keys)] = values
    return found


# What became of calls


def test_what_came_to_its_end_without_people_is_contained_and_nothing_else(world, ask):
    def job(conn):
        call(conn, "read", outcome=Outcome.READING_TAKEN)
        call(conn, "told", outcome=Outcome.INFORMED, matter="hours")
        call(conn, "partly", outcome=Outcome.READING_PARTIAL)
        call(conn, "sent", outcome=Outcome.TRANSFERRED, sent=True)
        call(conn, "came-back", outcome=Outcome.REQUEST_REGISTERED, sent=True)
        call(conn, "gone", outcome=Outcome.ABANDONED, matter="none")
        call(conn, "called-back", outcome=Outcome.CALLBACK_ORDERED)
        call(conn, "broken", outcome=Outcome.FAILED)

    world(job)
    found = ask(analytics.calls)
    assert (found.calls, found.contained, found.people, found.left, found.ours) == (8, 2, 2, 1, 1)
    assert found.containment == 2 / 8
    assert dict(ask(analytics.by_matter))["hours"].containment == 1.0
    assert ask(analytics.outcomes)[Outcome.READING_TAKEN] == 1


def test_a_share_of_nothing_is_none_and_no_zero(ask):
    found = ask(analytics.calls)
    assert (found.calls, found.containment, found.repeats, found.average) == (0, None, None, None)
    assert ask(analytics.service).people.connected is None
    assert ask(analytics.questions) == []


def test_a_call_belongs_to_the_day_of_kyiv_on_which_it_began(world, ask):
    late = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)  # 00:30 on 1 November
    world(lambda conn: call(conn, "night", at=late))
    world(lambda conn: call(conn, "before", at=late - timedelta(hours=1)))
    assert ask(analytics.calls).calls == 1
    assert ask(analytics.by_day)[0] == (date(2026, 11, 1), ask(analytics.calls))
    assert ask(analytics.by_hour)[0].busiest == 1


def test_a_call_in_progress_is_not_counted(world, ask):
    from domain import calls
    from domain.model import Began

    world(lambda conn: calls.begin(conn, Began("going-on", None, "100", NOON), "here"))
    assert world(lambda conn: tallies.count(conn, "going-on", tallies.Tally())) is False
    assert world(lambda conn: tallies.count(conn, "never-was", tallies.Tally())) is False
    assert ask(analytics.calls).calls == 0


def test_the_traffic_of_an_hour_is_the_seconds_of_its_calls_by_3600(world, ask):
    for n in range(3):
        world(lambda conn, n=n: call(conn, f"c{n}", seconds=1200, at=NOON + timedelta(minutes=n)))
    noon = ask(analytics.by_hour)[12]
    assert (noon.busiest, noon.on, noon.erlang) == (3, date(2026, 11, 10), 1.0)
    assert noon.calls == 3 / 30


def test_an_hour_is_told_by_one_day_and_not_by_the_calls_of_one_and_the_seconds_of_another(world, ask):
    for n in range(3):
        world(lambda conn, n=n: call(conn, f"short{n}", seconds=60, at=NOON + timedelta(minutes=n)))
    world(lambda conn: call(conn, "long", seconds=3600, at=NOON + DAY))
    noon = ask(analytics.by_hour)[12]
    assert (noon.busiest, noon.on, noon.erlang) == (3, date(2026, 11, 10), 180 / 3600)


# Repeated calls


@pytest.mark.parametrize(("after", "repeated"), [(timedelta(days=7), 1), (timedelta(days=7, seconds=1), 0)])
def test_a_call_repeats_one_of_the_same_number_within_seven_days(world, ask, after, repeated):
    world(lambda conn: call(conn, "first", outcome=Outcome.ABANDONED))
    world(lambda conn: call(conn, "second", at=NOON + after))
    found = ask(analytics.calls)
    assert (found.known, found.repeated) == (2, repeated)


def test_a_call_repeats_one_about_the_same_account_from_another_number(world, ask):
    world(lambda conn: call(conn, "first", accounts=("1000000018",), matter="outage", outcome=Outcome.ABANDONED))
    world(lambda conn: call(conn, "second", at=NOON + DAY, caller="+380500000001", accounts=("1000000018",)))
    assert ask(analytics.calls).repeats == 1 / 2
    assert ask(analytics.repeats) == [analytics.Reason("meter_reading", "outage", Outcome.ABANDONED, 1)]


def test_calls_of_which_nobody_is_known_repeat_nothing(world, ask):
    world(lambda conn: call(conn, "first", caller=None))
    world(lambda conn: call(conn, "second", caller=None, at=NOON + DAY))
    assert ask(analytics.calls).repeats is None


def test_the_latest_call_before_counts_in_whichever_order_calls_are_counted(world, ask):
    for name, day in (("third", 2), ("first", 0), ("second", 1)):
        matter = {"first": "hours", "second": "outage", "third": "status"}[name]
        world(lambda conn, name=name, day=day, matter=matter: call(conn, name, at=NOON + day * DAY, matter=matter))
    assert {(each.matter, each.before_matter) for each in ask(analytics.repeats)} == {
        ("outage", "hours"), ("status", "outage")
    }  # fmt: skip
    world(lambda conn: tallies.uncount(conn, "second"))
    assert {(each.matter, each.before_matter) for each in ask(analytics.repeats)} == {("status", "hours")}


# Conversations


def test_first_try_counts_answers_and_misses_and_nobody_who_just_left(world, ask):
    for n, step in enumerate((ASK, ASK, SAID, ASK_TWICE, GAVE_UP, HUNG_UP)):
        world(lambda conn, n=n, step=step: call(conn, f"c{n}", MENU, step, caller=None))
    questions = {each.spot: each for each in ask(analytics.questions)}
    account = questions["account"]
    assert (account.visits, account.asked, account.first, account.first_try) == (6, 5, 3, 3 / 5)
    assert (account.keys, account.first_by_keys, account.speech, account.first_by_speech) == (3, 2, 1, 1)
    assert (account.prompts, account.noinput, account.nomatch) == (9, 2, 2)
    assert account.barge_in_share == 1 / 6
    assert account.left == 2
    assert [each.spot for each in ask(analytics.questions)] == ["account", "menu"], "the worst first"


def test_questions_of_calls_without_moments_are_in_no_rate(world, ask):
    unknown = tallies.Step("ask_account", "account", tallies.By.KEYS, None)
    world(lambda conn: call(conn, "old", unknown))
    assert ask(analytics.questions) == []
    assert ask(analytics.drop_off)[0].visits == 1


def test_questions_can_be_asked_for_in_one_language(world, ask):
    world(lambda conn: call(conn, "uk", ASK))
    world(lambda conn: call(conn, "ru", ASK_TWICE, language="ru", caller=None))
    assert ask(analytics.questions, language="uk")[0].first_try == 1.0
    assert ask(analytics.questions, language="ru")[0].first_try == 0.0
    assert ask(analytics.questions)[0].first_try == 0.5


def test_drop_off_is_of_those_who_came_there(world, ask):
    for n, steps in enumerate(((NOTICE, MENU, ASK), (NOTICE, MENU, GAVE_UP), (NOTICE, HUNG_UP), (NOTICE, MENU, ASK))):
        world(lambda conn, n=n, steps=steps: call(conn, f"c{n}", *steps, caller=None))
    account, *others = ask(analytics.drop_off)
    assert (account.visits, account.left, account.drop_off) == (4, 2, 0.5)
    assert (account.hung_up, account.gave_up, account.people, account.fault) == (1, 1, 0, 0)
    assert all(each.left == 0 for each in others)
    assert {each.spot for each in ask(analytics.drop_off, part="main_menu")} == {"menu", "notice"}


def test_the_calls_behind_a_place_are_found(world, ask):
    for n, step in enumerate((ASK, ASK_TWICE, GAVE_UP)):
        world(lambda conn, n=n, step=step: call(conn, f"c{n}", step, caller=None))
    assert ask(analytics.missed_at, part="ask_account", spot="account") == ["c2", "c1"]
    assert ask(analytics.missed_at, part="ask_account", spot="nowhere") == []


# Waiting


def test_connected_and_lost_are_of_all_hand_overs(world, ask):
    waits = [
        waited("a", 5.0), waited("b", 30.0), waited("c", 30.1), waited("d", 12.0, Waited.LEFT),
        waited("e", 25.0, Waited.UNANSWERED), waited("f", 0.1, kind=Wait.ANSWER),
    ]  # fmt: skip
    assert world(lambda conn: tallies.keep_waits(conn, waits)) == 6
    assert world(lambda conn: tallies.keep_waits(conn, waits)) == 0, "each is noted once"
    found = ask(analytics.service)
    assert (found.people.all, found.people.within, found.people.connected) == (5, 2, 2 / 5)
    assert found.people.lost == 2 / 5
    assert (found.people.median, found.people.ninety) == (30, 31)
    assert found.answer.connected == 1.0
    assert (found.terms.seconds, found.terms.connected, found.terms.lost) == (30, 0.75, 0.1)
    assert "375" in found.source


# Requests and readings: what the demo's customers have


def test_requests_are_late_by_the_day_that_was_due(run, store):
    from business import caller, settle, staff

    from domain.commands import RegisterRequest
    from domain.desk import AssignRequest, ConsiderRequest, Reply, Unjustified
    from domain.model import ReplyBy, RequestKind, Topic

    run(settle)
    ask, act = caller(run), staff(run)
    for seq, after in ((0, 3), (1, 60)):
        made = ask(
            RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, "+380440000001", "1000000018"), seq
        )
        closed = NOW + after * DAY
        act(AssignRequest(made.number, "Olena", "+380440000002"), at=closed)
        reply = Reply("We looked into it.", ReplyBy.PHONE, closed)
        act(ConsiderRequest(made.number, Unjustified("All is well."), reply), at=closed)
    ask(RegisterRequest(RequestKind.COMPLAINT, Topic.QUALITY, ReplyBy.PHONE, "+380440000001", None), 2)

    span = Span(date(2026, 11, 30), date(2027, 2, 28))
    found = store.read(lambda conn: desk_figures.requests_of(conn, span, NOW + 90 * DAY)).result()
    before = store.read(lambda conn: desk_figures.requests_of(conn, Span(date(2026, 10, 1), date(2026, 10, 31)), NOW))
    old = before.result()
    assert (found.closed, found.on_time, found.late, found.punctual) == (2, 1, 1, 0.5)
    assert found.days == (3 + 60) / 2
    assert found.registered >= 3
    assert found.overdue >= 1
    assert found.owed == (20_000, 20_000), "200 hryvnias to a household, annex 1 of resolution 375"
    assert old.closed == 0


def test_readings_are_counted_by_channel_and_what_became_of_doubt(run, store):
    from domain.commands import KeepDoubtful, SubmitReading
    from domain.handlers import perform
    from domain.model import Doubt, Energy

    account = store.read(lambda conn: _account(conn)).result()
    meter, value = account.meters[0], account.meters[0].registers[0].last or 0
    place = {
        "account": account.number,
        "meter": meter.number,
        "zone": meter.registers[0].zone,
        "energy": Energy.ACTIVE,
    }
    day = Span(date(2026, 11, 30), date(2026, 11, 30))
    before = {each.source: each for each in store.read(lambda c: desk_figures.readings_of(c, day)).result()}
    run(lambda c: perform(c, KeepDoubtful(**place, value=1, doubt=Doubt.LOWER, said=""), call="c1", seq=0, at=NOW))
    run(lambda c: perform(c, SubmitReading(**place, value=value + 9), call="c1", seq=1, at=NOW))
    after = {each.source: each for each in store.read(lambda c: desk_figures.readings_of(c, day)).result()}
    caller, old = after[Source.CALLER], before.get(Source.CALLER)
    assert caller.accepted - (old.accepted if old else 0) == 1
    assert caller.doubtful - (old.doubtful if old else 0) == 1
    assert caller.open + caller.corrected + caller.void == caller.doubtful
    assert Source.ESTIMATE not in after


def _account(conn):
    from domain.commands import FindAccount
    from domain.handlers import perform

    found = perform(conn, FindAccount("1000000018"), call=None, seq=None, at=NOW)
    assert found is not None
    return found


# What changed


def test_a_change_that_chance_explains_is_no_news():
    assert not report.differ(50, 100, 55, 100)
    assert report.differ(500, 1000, 700, 1000)
    assert not report.differ(5, 10, 9, 10), "too few of anything"
    assert not report.differ(999_000, 1_000_000, 998_000, 1_000_000), "certain, and too small to matter"


def test_a_standard_that_is_not_kept_comes_first(world, store):
    def job(conn):
        for n in range(40):
            call(conn, f"c{n}", MENU, GAVE_UP if n % 2 else ASK, caller=None, at=NOON + timedelta(minutes=n))
        tallies.keep_waits(conn, [waited(f"c{n}", 60.0) for n in range(40)])

    world(job)
    given = store.read(lambda conn: report.report(conn, NOVEMBER, NOON)).result()
    found = report.notices(given)
    assert [each.kind for each in found][:1] == ["connected"]
    assert found[0].level is Level.DANGER
    assert {each.kind for each in found} >= {"connected", "question", "drop_off"}
    assert [each.spot for each in found if each.kind == "question"] == ["account"]


def test_a_whole_month_is_compared_with_the_month_before_and_other_days_with_as_many():
    assert analytics.before(NOVEMBER) == Span(date(2026, 10, 1), date(2026, 10, 31))
    assert analytics.before(Span(date(2026, 11, 8), date(2026, 11, 14))) == Span(date(2026, 11, 1), date(2026, 11, 7))


# Sums follow from rows


STEPS = st.lists(st.sampled_from((NOTICE, MENU, ASK, ASK_TWICE, SAID, GAVE_UP, HUNG_UP)), max_size=4)
TALLIES = st.tuples(
    st.integers(0, 4),  # which call
    st.sampled_from(("meter_reading", "outage", "none")),
    st.sampled_from(("uk", "ru")),
    st.booleans(),
    st.sets(st.sampled_from(("1000000018", "1000000026")), max_size=2),
    STEPS,
)
BEGAN = [NOON + timedelta(days=days) for days in (0, 3, 6, 10, 20)]
CALLERS = (None, "+380671234567", "+380671234567", "+380500000001", "+380500000001")
OUTCOMES = (Outcome.READING_TAKEN, Outcome.ABANDONED, Outcome.TRANSFERRED, Outcome.INFORMED, Outcome.FAILED)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(TALLIES, st.integers(0, 4)), max_size=8))
def test_whatever_is_counted_recounted_and_taken_out_sums_are_what_rows_say(store, deeds):
    def job(conn):
        for number in range(5):
            tallies.uncount(conn, f"p{number}")
            over(conn, f"p{number}", at=BEGAN[number], caller=CALLERS[number], outcome=OUTCOMES[number])
        counted = {}
        for deed in deeds:
            if isinstance(deed, int):
                assert tallies.uncount(conn, f"p{deed}") == (deed in counted)
                counted.pop(deed, None)
                continue
            number, matter, language, sent, accounts, steps = deed
            counted[number] = steps
            tally = tallies.Tally(matter, language, sent, tuple(sorted(accounts)), tuple(steps))
            assert tallies.count(conn, f"p{number}", tally)
            assert tallies.count(conn, f"p{number}", tally), "a second time changes nothing"
        kept = sums(conn)
        tallies.recount(conn)
        assert sums(conn) == kept
        assert analytics.calls(conn, NOVEMBER).calls == len(counted)
        visits = Counter(step.spot for steps in counted.values() for step in steps)
        assert {each.spot: each.visits for each in analytics.drop_off(conn, NOVEMBER)} == dict(visits)

    store.write(job).result()
