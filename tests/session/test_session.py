"""Whole conversations, without a telephone: what the caller does, what is said, and what is in the store then."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.commands import SubmitReading
from domain.model import Language, Outcome
from domain.store import StoreFull
from ivr.dialog import Ending, goodbye
from ivr.journal import Journal
from ivr.ports import Cause, Played
from ivr.session import Session
from ivr.simulator.scenario import HangsUp, Hears, Listens, Presses, Waits
from tests.session.conftest import Reacts

ENGLISH = {"language": "3"}
READS = ENGLISH | {
    "account": "1000000083",
    "value_single": "104700#",
    "read_back": "1",
    "receipt_again": "2",
}


def hears(prompt, within=40):
    return Hears(hears=prompt, within=within)


def keys(pressed):
    return Presses(keys=pressed, tone=100, gap=80)


def listens():
    return Listens(listens=None)


def hangs_up():
    return HangsUp(hangs_up=None)


def test_a_household_enters_one_reading(hotline):
    line = hotline.line(Reacts(READS))

    assert hotline.hold(line) == goodbye(Outcome.READING_TAKEN, "goodbye")
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]
    assert line.over is Cause.US
    assert line.heard()[:2] == ["language", "notice"]
    assert line.heard()[-1] == "goodbye"


@pytest.mark.parametrize(
    "typed",
    [
        "31000000083104700#700#1",
        "31000000083104700#700#1#",
        "31000000083#104700#700#1#",
        "31000000083104700#104700#12",
    ],
)
def test_everything_typed_ahead_is_taken_and_only_the_notice_and_the_receipt_are_heard(hotline, typed):
    line = hotline.line([hears("language"), keys(typed), hears("receipt_again"), keys("2")])

    assert hotline.hold(line).outcome is Outcome.READING_TAKEN
    assert line.heard() == [
        "language", "notice", "receipt", "counts_billing", "receipt", "receipt_again", "goodbye",
    ]  # fmt: skip
    assert line.left_undone() is None


def test_two_zones_are_asked_one_after_the_other_and_share_a_receipt(hotline):
    caller = Reacts(READS | {"account": "1000000047", "value_day": "10500#", "value_night": "6150#"})

    hotline.hold(hotline.line(caller))

    assert hotline.readings() == [
        ("1000000047", "day", 10500, "accepted"),
        ("1000000047", "night", 6150, "accepted"),
    ]


def test_hanging_up_between_two_zones_keeps_the_confirmed_one(hotline):
    caller = Reacts(READS | {"account": "1000000047", "value_day": "10500#", "value_night": "q"})
    caller.answers.pop("value_night")
    line = hotline.line(caller)
    original = caller.next
    caller.next = lambda _: hangs_up() if line.heard()[-1:] == ["value_night"] else original(line)

    assert hotline.hold(line).outcome is Outcome.READING_PARTIAL
    assert hotline.readings() == [("1000000047", "day", 10500, "accepted")]


STEPS = [
    hears("language"), keys("3"), hears("account"), keys("1000000083"), hears("value_single"), keys("104700#"),
    hears("value_again"), keys("700#"), hears("read_back"), keys("1"), hears("receipt"), hears("receipt_again"),
    keys("2"), hears("goodbye"),
]  # fmt: skip


@pytest.mark.parametrize("after", range(len(STEPS)))
def test_hanging_up_at_any_step_leaves_one_outcome_and_what_was_confirmed(hotline, after):
    line = hotline.line([*STEPS[:after], hangs_up()])

    hotline.hold(line)

    confirmed = after > STEPS.index(keys("1"))
    assert hotline.record(line).outcome is (Outcome.READING_TAKEN if confirmed else Outcome.ABANDONED)
    assert len(hotline.readings()) == confirmed
    recorded = [entry for entry in hotline.journal(line) if entry.label == "record"]
    assert len(recorded) == (after > 2), "the notice counts only when it was heard to its end"


def test_a_known_caller_is_greeted_in_their_language_and_asked_whether_it_is_their_account(hotline):
    line = hotline.line(Reacts({"your_account": "1"} | READS | {"value_single": "2300#"}), number="+380440000001")

    hotline.hold(line)

    assert line.heard()[:3] == ["notice", "your_account", "value_single"]
    assert {clip.clip[:2] for clip in line.said} - {"pa"} == {"uk"}, "pauses have no language"
    assert [account for account, *_ in hotline.readings()] == ["1000000018"]


def test_the_language_is_remembered_for_a_number(hotline):
    from domain.commands import RecogniseCaller

    hotline.hold(hotline.line([hears("language"), keys("2"), hears("account"), hangs_up()], number="+380440000099"))

    assert hotline.ask(RecogniseCaller("+380440000099")).language is Language.RU
    line = hotline.line([hears("account"), hangs_up()], number="+380440000099")
    hotline.hold(line)
    assert line.heard() == ["notice", "account"]


def test_silence_at_the_language_question_is_answered_in_ukrainian(hotline):
    line = hotline.line([Hears(hears="account", within=60), hangs_up()])

    hotline.hold(line)

    assert line.said[-1].clip.startswith("uk/account")


def test_zero_leads_to_people_from_every_question(hotline):
    for question in ("language", "account", "value_single", "read_back", "receipt_again"):
        line = hotline.line(Reacts(READS | {question: "0#"}))
        assert hotline.hold(line).outcome is Outcome.TRANSFERRED
        assert (line.to, line.because) == ("agents", "wants agent")


def test_silence_is_asked_three_times_with_more_help_each_and_then_people_answer(hotline):
    line = hotline.line([hears("language"), keys("1")])

    assert hotline.hold(line).outcome is Outcome.TRANSFERRED
    assert (line.to, line.because) == ("agents", "gave up")
    asked = [s.clip for s in line.said if "account" in s.clip]
    assert [a.partition(".")[2].partition(".")[0] for a in asked] == ["", "second", "third"]
    assert line.heard().count("noinput") == 2


def test_an_unknown_account_and_a_mistyped_one_get_an_explanation_each(hotline):
    line = hotline.line(
        [
            hears("language"), keys("1"), hears("account"), keys("1000000005"), hears("account_unknown"), listens(),
            hears("account"), keys("1000000082"), hears("account_check_failed"), listens(),
            hears("account"), keys("1000000083"), hears("value_single"), hangs_up(),
        ]
    )  # fmt: skip

    hotline.hold(line)

    assert line.left_undone() is None


def test_three_accounts_that_do_not_exist_lead_to_people(hotline):
    line = hotline.line(Reacts({"language": "1", "account": "1000000005"}))

    assert hotline.hold(line).because == "account not found"
    assert line.to == "agents"


def test_a_digit_too_many_is_explained(hotline):
    steps = [
        *STEPS[:5],
        keys("9999999#"),
        hears("too_many_digits"),
        listens(),
        hears("value_single"),
        keys("104700#"),
    ]
    line = hotline.line([*steps, *STEPS[6:]])

    assert hotline.hold(line).outcome is Outcome.READING_TAKEN


def test_a_doubtful_value_is_asked_about_and_kept_as_doubtful_when_the_caller_insists(hotline):
    caller = Reacts(READS | {"value_single": "90000#", "doubtful_lower": "1"})
    line = hotline.line(caller)

    hotline.hold(line)

    assert hotline.readings() == [("1000000083", "single", 90000, "doubtful")]
    assert "accepted_doubtful" in line.heard()


def test_a_doubt_is_not_answered_by_what_was_typed_ahead_of_it(hotline):
    line = hotline.line([*STEPS[:5], keys("90000#11111"), hears("doubtful_lower"), hangs_up()])

    assert hotline.hold(line).outcome is Outcome.ABANDONED
    assert hotline.readings() == [("1000000083", "single", 90000, "doubtful")], "kept, and not accepted"


def test_forty_keys_at_once_harm_nobody(hotline):
    line = hotline.line([hears("language"), keys("1234567890" * 4), Waits(waits=60), hangs_up()])

    hotline.hold(line)

    assert hotline.record(line).outcome in (Outcome.ABANDONED, Outcome.TRANSFERRED)
    assert hotline.readings() == []


def test_star_and_hash_anywhere_harm_nobody(hotline):
    line = hotline.line(Reacts(dict.fromkeys((*READS, "noinput", "nomatch"), "*#*#")))

    assert hotline.hold(line).outcome is Outcome.TRANSFERRED


def test_timers_can_be_set_by_question(hotline):
    house = replace(hotline.house, manners={"account": {"timeout": 1.0, "tries": 1}})
    line = hotline.line([hears("language"), keys("1")])

    hotline.hold(line, house=house)

    assert line.heard().count("account") == 1


# What breaks


class Lossy(Journal):
    """A journal whose store fails from its `fails_at`th write on."""

    def __init__(self, journal, fails_at, fault):
        super().__init__(journal.store, journal.driver)
        self.left, self.fault = fails_at, fault

    def _count(self):
        self.left -= 1
        if self.left < 0:
            raise self.fault

    async def open(self, *args):
        self._count()
        return await super().open(*args)

    async def keep(self, *args):
        self._count()
        return await super().keep(*args)

    async def perform(self, *args):
        self._count()
        return await super().perform(*args)

    async def end(self, *args):
        self._count()
        return await super().end(*args)


@pytest.mark.parametrize("fails_at", range(10))
def test_when_the_store_fails_the_caller_hears_an_apology_and_gets_to_people(hotline, fails_at):
    house = replace(hotline.house, journal=Lossy(hotline.house.journal, fails_at, StoreFull("no room")))
    line = hotline.line(Reacts(READS))

    hotline.hold(line, house=house)

    if fails_at < 9:
        assert line.heard()[-1] == "apology"
        assert line.to == "agents"
    else:  # only the outcome could not be written
        assert line.heard()[-1] == "goodbye"


def test_what_the_business_cannot_do_is_our_trouble_and_is_written_down(hotline):
    class Refusing(Journal):
        async def perform(self, call, seq, before, turn, answer):
            if isinstance(turn.command, SubmitReading):
                raise RuntimeError("no such meter")
            return await super().perform(call, seq, before, turn, answer)

    house = replace(hotline.house, journal=Refusing(hotline.store, "controller"))
    line = hotline.line(Reacts(READS))

    ending = hotline.hold(line, house=house)

    assert (ending.outcome, line.heard()[-1], line.to) == (Outcome.FAILED, "apology", "agents")
    assert hotline.journal(line)[-1].interruption == "trouble"
    assert hotline.record(line).outcome is Outcome.FAILED


def test_a_fault_in_a_flow_is_recorded_and_the_caller_gets_to_people(hotline):
    async def broken(call):
        await call.say("notice")
        raise ZeroDivisionError

    line = hotline.line([])

    hotline.hold(line, house=replace(hotline.house, flow=broken))

    assert line.to == "agents"
    assert hotline.record(line).outcome is Outcome.FAILED


def test_a_second_controller_leaves_the_call_to_the_first(hotline):
    line = hotline.line(Reacts(READS), call="contested")

    class Rival(Journal):
        async def keep(self, call, seq, answers, happened=()):
            await super().keep(call, seq, answers, happened)
            await super().keep(call, seq, answers, happened)

    assert hotline.hold(line, house=replace(hotline.house, journal=Rival(hotline.store, "rival"))) is None
    assert line.over is None


def test_a_call_that_another_controller_drives_is_left_to_it(hotline):
    line = hotline.line(Reacts(READS))
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(8),)))
    said = len(line.said)

    assert hotline.hold(line, house=replace(hotline.house, journal=Journal(hotline.store, "another"))) is None
    assert (len(line.said), line.over) == (said, None)
    assert hotline.record(line).driver == "controller"


def test_a_notice_that_could_not_be_played_is_tried_again_and_then_nothing_is_kept(hotline):
    line = hotline.line(Reacts(READS))
    play = line.play
    line.broken = 0

    async def failing(clips):
        await play(clips)
        if clips[0].endswith("notice"):
            line.broken += 1
            await line.hush()

    line.play = failing

    assert hotline.hold(line).outcome is Outcome.FAILED
    assert line.broken == 2
    assert not [entry for entry in hotline.journal(line) if entry.label == "record"]


def test_a_notice_that_ended_too_soon_was_not_heard(hotline):
    """The exchange skips a clip that it can't open, and reports nothing."""
    line = hotline.line(Reacts(READS))
    play = line.play

    async def skipping(clips):
        await play(() if clips[0].endswith("notice") else clips)

    line.play = skipping

    assert hotline.hold(line).outcome is Outcome.FAILED
    assert not [entry for entry in hotline.journal(line) if entry.label == "record"]


def test_a_prompt_whose_end_is_never_told_does_not_hold_up_the_call(hotline):
    line = hotline.line(Reacts(READS))
    hear = line.hear

    async def deaf(until):
        heard = await hear(until)
        while isinstance(heard, Played) and line.heard()[-1:] != ["notice"]:
            heard = await hear(until)
        return heard

    line.hear = deaf

    assert hotline.hold(line).outcome is Outcome.READING_TAKEN
    assert hotline.record(line).ended_at - line.began.at < timedelta(minutes=3)


def test_somebody_who_looks_on_and_stumbles_does_not_stop_the_call(hotline):
    class Clumsy:
        def __getattr__(self, name):
            raise RuntimeError(name)

    line = hotline.line(Reacts(READS))

    assert hotline.hold(line, house=replace(hotline.house, watchers=(Clumsy(),))).outcome is Outcome.READING_TAKEN


# A controller that dies


class PowerCut(BaseException):
    """Nothing catches it, like the real one."""


class Cuts:
    """Cuts the power at the `n`th thing that happens."""

    def __init__(self, n):
        self.left = n

    def _count(self, *_):
        self.left -= 1
        if self.left < 0:
            raise PowerCut

    began = said = keyed = answered = ended = _count


@pytest.mark.parametrize("moment", range(0, 62, 1))
def test_a_power_cut_at_any_moment_stores_one_reading_once(hotline, moment):
    line = hotline.line(Reacts(READS))
    try:
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(moment),)))
    except PowerCut:
        line.forget_prompt()
        hotline.hold(line, adopted=True)

    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]
    assert hotline.record(line).outcome is Outcome.READING_TAKEN
    assert [entry.seq for entry in hotline.journal(line)] == list(range(len(hotline.journal(line))))


def test_a_controller_that_dies_again_and_again_still_gets_there(hotline):
    line = hotline.line(Reacts(READS))
    for _ in range(100):
        try:
            hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(16),)))
            break
        except PowerCut:
            line.forget_prompt()

    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_a_flow_that_was_changed_under_a_call_apologises_and_hands_over(hotline):
    async def other(call):
        await call.say("goodbye")
        return Ending(Outcome.ABANDONED)

    line = hotline.line(Reacts(READS))
    with pytest.raises(PowerCut):
        hotline.hold(line, house=replace(hotline.house, watchers=(Cuts(20),)))
    line.forget_prompt()
    hotline.hold(line, house=replace(hotline.house, flow=other), adopted=True)

    assert (line.heard()[-1], line.to) == ("apology", "agents")
    assert hotline.record(line).outcome is Outcome.DIVERGED
    assert "the journal answers" in hotline.record(line).because


def test_a_session_that_is_cancelled_leaves_the_call_as_it_is(hotline):
    class Forever(Reacts):
        def next(self, line):
            raise asyncio.CancelledError

    line = hotline.line(Forever({}))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Session(hotline.house, line).run())

    assert line.over is None
    assert hotline.record(line).outcome is None
