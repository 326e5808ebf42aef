"""What counts of calls that were really held: by text, with the real session, journal, moments and flows."""

from importlib import import_module

import pytest

from domain import calls, moments
from domain.model import Outcome
from domain.tallies import By, Left
from ivr.console.tallying import MATTERS, NOTHING, tally_of
from ivr.simulator.scenario import Waits
from ivr.story import story
from tests.session.conftest import Reacts
from tests.session.test_session import READS, STEPS, hangs_up, hears, keys


@pytest.fixture
def held(hotline):
    """Hold a call; its outcome, and what counts of it."""

    def hold(caller):
        line = hotline.line(caller)
        hotline.hold(line)
        record = hotline.record(line)
        lines, happened = hotline.store.read(
            lambda c: (calls.lines(c, record.began.call), moments.of_call(c, record.began.call))
        ).result()
        return record.outcome, tally_of(story(record, lines, happened))

    return hold


def step(tally, spot, n=0):
    return [each for each in tally.steps if each.spot == spot][n]


def left(tally):
    return [(each.part, each.spot, each.left) for each in tally.steps if each.left]


def test_a_reading_that_was_taken_counts_its_questions_and_is_left_nowhere(held):
    outcome, tally = held(Reacts(READS))
    assert outcome is Outcome.READING_TAKEN
    assert (tally.matter, tally.language, tally.sent, list(tally.accounts)) == (
        "meter_reading", "en", False, ["1000000083"]
    )  # fmt: skip
    account = step(tally, "account")
    assert (account.part, account.answered_by, account.tries, account.noinput, account.nomatch) == (
        "ask_account", By.KEYS, 1, 0, 0
    )  # fmt: skip
    assert left(tally) == []
    assert {each.tries for each in tally.steps if each.answered_by} == {1}


def test_silence_and_a_wrong_key_cost_tries(held):
    _, tally = held(
        [hears("language"), keys("3"), hears("account"), Waits(waits=9), hears("noinput"), hears("account"),
         keys("12#"), hears("nomatch"), hears("account"), keys("1000000083"), hears("value_single"), hangs_up()]
    )  # fmt: skip
    account = step(tally, "account")
    assert (account.answered_by, account.tries, account.noinput, account.nomatch) == (By.KEYS, 3, 1, 1)


def test_who_hangs_up_left_where_the_line_went_dead(held):
    outcome, tally = held([hears("language"), keys("3"), hears("account"), hangs_up()])
    assert outcome is Outcome.ABANDONED
    assert left(tally) == [("ask_account", "account", Left.HUNG_UP)]
    account = step(tally, "account")
    assert (account.answered_by, account.tries) == (None, 1)


def test_who_hangs_up_during_the_notice_left_there_with_no_matter(held):
    outcome, tally = held([hears("language"), keys("3"), hears("notice"), Waits(waits=1), hangs_up()])
    assert outcome is Outcome.ABANDONED
    assert [spot for _, spot, _ in left(tally)] == ["notice"]
    assert tally.matter == NOTHING


def test_who_asks_for_people_left_at_that_question_and_was_sent(held):
    outcome, tally = held([hears("language"), keys("3"), hears("account"), keys("0")])
    assert (outcome, tally.sent) == (Outcome.TRANSFERRED, True)
    assert left(tally) == [("ask_account", "account", Left.PEOPLE)]


def test_who_gives_no_usable_answer_gave_up_there(held):
    outcome, tally = held([hears("language"), keys("3"), hears("account"), Waits(waits=120)])
    assert (outcome, tally.sent) == (Outcome.TRANSFERRED, True)
    assert left(tally) == [("ask_account", "account", Left.GAVE_UP)]
    account = step(tally, "account")
    assert (account.answered_by, account.tries, account.noinput) == (None, 3, 3)


def test_whose_account_is_not_found_needed_people_at_the_last_thing_they_heard(held):
    wrong = [hears("account"), keys("1234567890"), hears("account_check_failed")]
    outcome, tally = held([hears("language"), keys("3"), *wrong, *wrong, *wrong, Waits(waits=30)])
    assert (outcome, tally.sent) == (Outcome.TRANSFERRED, True)
    ((_, spot, how),) = left(tally)
    assert (spot, how) == ("account_check_failed", Left.PEOPLE)


@pytest.mark.parametrize("after", range(len(STEPS)))
def test_whoever_was_served_left_nowhere_and_whoever_was_not_left_once(held, after):
    outcome, tally = held([*STEPS[:after], hangs_up()])
    assert len(left(tally)) == (outcome is not Outcome.READING_TAKEN)


def test_matters_are_parts_that_conversations_hold():
    menu = import_module("flows.main_menu")
    assert all(getattr(menu, name).__name__ == name for name in MATTERS)


def heard(tally, prompt):
    return [
        (one.language, one.plays, one.by_key, one.by_voice, one.before) for one in tally.plays if one.prompt == prompt
    ]


def test_each_prompt_that_was_heard_is_counted_with_what_cut_it_off(held):
    _, tally = held(
        [hears("language"), keys("3"), hears("account"), Waits(waits=9), hears("noinput"), hears("account"),
         keys("12#"), hears("nomatch"), hears("account"), keys("1000000083"), hears("value_single"), hangs_up()]
    )  # fmt: skip
    ((_, plays, by_key, by_voice, before),) = heard(tally, "account")
    assert (plays, by_voice, before) == (3, 0, 0)
    assert 1 <= by_key <= 2, "keyed into it twice at most: the first time it was heard to its end"
    assert [one[4] for one in heard(tally, "noinput")] == [1], "said before the question, in one playing"
    assert heard(tally, "value_single") == [("en", 1, 0, 0, 0)], "who hangs up cuts nothing off"
    assert [(one.prompt, one.language) for one in tally.plays] == sorted(
        (one.prompt, one.language) for one in tally.plays
    )
