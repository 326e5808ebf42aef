"""Callers tell something in their own words: what the session makes of voice, keys and silence, and plays back."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.commands import KeepDraft
from domain.model import Outcome, RequestKind, Topic
from ivr.dialog import Dialog, HungUp, Manner, Trouble, goodbye, one_of
from ivr.dialog.monologue import MARGIN, told
from ivr.journal import read
from ivr.ports import CannotCut, Cause, Deaf
from ivr.service.aftermath import DeadLine
from ivr.service.figures import Figures
from ivr.session import Session
from ivr.simulator.scenario import HangsUp, Hears, Listens, Presses, Says, Waits
from ivr.simulator.text import WORD, TextTape
from prompts.spoken import TONE

TELLING = Manner(timeout=10.0, completetimeout=5.0, maxspeechtimeout=60.0)
HEARD = []
"""What the flow was told, in order."""


async def tells(call):
    """Tells, hears it if they like, and what was told is kept."""
    await call.say("notice", bargein=False)
    await call.record()
    story = await call.listen("tell", manner=TELLING)
    HEARD.append(story)
    try:
        while await call.ask("told_menu", one_of(True, False)):
            try:
                await call.play_back("played_back", story)
            except Trouble:
                await call.say("no_play_back")
    except HungUp:
        await call.do(KeepDraft(RequestKind.OPINION, Topic.OTHER, story, call.began.caller))
        raise
    return goodbye(Outcome.INFORMED, "goodbye")


@pytest.fixture
def told_by(hotline, catalogue):
    """Holds a call of that caller; the line afterwards."""
    HEARD.clear()
    tape = TextTape(catalogue.seconds)

    def hold(*steps, tape=tape, line=None, number="+380440000001"):
        house = replace(hotline.house, flow=tells, tape=tape)
        line = line or hotline.line(list(steps), number=number)
        return line, hotline.hold(line, house=house)

    return hold


def says(words):
    return Says(say=words)


def keys(pressed):
    return Presses(keys=pressed, tone=100, gap=80)


AT_THE_TONE = (Hears(hears="tone", within=60), Listens())
STORY = "one two three four five six seven eight nine ten"
LASTS = 10 * WORD


def span(line):
    return HEARD[0].began - line.began.at, HEARD[0].ended - line.began.at


def test_what_is_told_is_a_part_of_the_recording_to_the_tenth_of_a_second(told_by, catalogue):
    line, ending = told_by(*AT_THE_TONE, Waits(waits=3), says(STORY), keys("#"), Hears(hears="told_menu"), keys("2"))

    assert ending.outcome is Outcome.INFORMED
    tone = next(s.at for s in line.said if s.clip == TONE) + catalogue.seconds[TONE]
    began, ended = (moment.total_seconds() for moment in span(line))
    assert began == pytest.approx(tone + 3 - MARGIN, abs=0.01)
    assert ended == pytest.approx(tone + 3 + LASTS + 0.1, abs=0.01), "the key came right after"


def test_who_falls_silent_has_told_it(told_by):
    line, ending = told_by(*AT_THE_TONE, says(STORY), Hears(hears="told_menu"), keys("2"))

    assert ending.outcome is Outcome.INFORMED
    assert (span(line)[1] - span(line)[0]).total_seconds() == pytest.approx(LASTS + MARGIN, abs=0.05)


def test_the_journal_holds_the_span_and_a_replay_comes_to_the_same(told_by, hotline):
    line, _ = told_by(*AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("2"))

    lines = hotline.journal(line)
    answers = [read(each) for each in lines]
    heard = next(each.heard for each in lines if each.label == "tell")
    assert told(heard) == HEARD[0]
    HEARD.append(None)
    Dialog.replay(tells, line.began, answers)
    assert HEARD[-1] == HEARD[0]
    assert "tell=" not in str(hotline.record(line).context)


def test_silence_and_a_cough_are_asked_again(told_by):
    line, _ = told_by(
        *AT_THE_TONE, Hears(hears="noinput"), *AT_THE_TONE, says("hm"), Hears(hears="too_short"), *AT_THE_TONE,
        says(STORY), keys("#"), Hears(hears="told_menu"), keys("2"),
    )  # fmt: skip

    assert line.left_undone() is None
    assert len(HEARD) == 1


def test_who_says_nothing_at_all_gets_to_people(told_by):
    _, ending = told_by(*AT_THE_TONE, Waits(waits=120))

    assert (ending.to, ending.because) == ("agents", "gave up")
    assert HEARD == []


def test_who_talks_on_and_on_is_told_that_the_time_is_over_and_nothing_is_lost(told_by):
    line, _ = told_by(*AT_THE_TONE, says(" ".join(["word"] * 400)), Hears(hears="told_menu"), keys("2"))

    assert "telling_over" in line.heard()
    assert HEARD[0].seconds == pytest.approx(60, abs=0.6)


def test_hanging_up_in_the_middle_keeps_what_was_said(told_by, hotline):
    line, ending = told_by(*AT_THE_TONE, says(STORY), HangsUp())

    assert ending.outcome is hotline.record(line).outcome is Outcome.DRAFT_KEPT
    assert HEARD[0].seconds == pytest.approx(LASTS + MARGIN, abs=0.5)
    written = hotline.journal(line)
    assert [each.interruption for each in written if each.label in ("tell", "told_menu")] == [None, "hung up"]


def test_hanging_up_before_anything_was_said_keeps_nothing(told_by, hotline):
    _, ending = told_by(*AT_THE_TONE, HangsUp())

    assert ending.outcome is Outcome.ABANDONED
    assert HEARD == []


def test_asking_for_a_person_in_the_middle_is_done_after_what_was_said_is_kept(told_by):
    _, ending = told_by(*AT_THE_TONE, says(STORY), keys("0"))

    assert (ending.to, ending.because) == ("agents", "wants agent")
    assert len(HEARD) == 1


def test_the_explanation_can_be_passed_over(told_by):
    line, _ = told_by(
        Hears(hears="tell", within=60), keys("#"), *AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"),
        keys("2"),
    )  # fmt: skip
    began = {s.clip: s.at for s in reversed(line.said)}
    assert began[TONE] - began["uk/tell"] < 1


# Nobody hears voice


class DeafLine:
    """A line on which nobody can hear speech."""

    def __init__(self, line, lost=True):
        self.line, self.owed, self.lost = line, False, lost

    def __getattr__(self, name):
        return getattr(self.line, name)

    async def listen(self, wanted):
        self.owed = self.owed or wanted is not None

    async def hear(self, until):
        if self.owed:
            self.owed = False
            return Deaf("no worker", self.lost)
        return await self.line.hear(until)


def test_without_a_recogniser_a_key_says_that_it_is_all(told_by, hotline):
    line = DeafLine(hotline.line([*AT_THE_TONE, Waits(waits=30), keys("1"), Hears(hears="told_menu"), keys("2")]))
    told_by(line=line)

    assert HEARD[0].seconds == pytest.approx(30.1, abs=0.1)


def test_without_a_recogniser_the_longest_time_is_the_end(told_by, hotline):
    line = DeafLine(hotline.line([*AT_THE_TONE, Hears(hears="told_menu", within=90), keys("2")]))
    told_by(line=line)

    assert HEARD[0].seconds == pytest.approx(60, abs=0.1)
    assert "telling_over" in line.heard()


@pytest.mark.parametrize("lost", [True, False])
def test_speech_that_was_never_there_is_not_counted_as_lost(hotline, lost):
    figures = Figures()
    line = DeafLine(
        hotline.line([*AT_THE_TONE, Waits(waits=30), keys("1"), Hears(hears="told_menu"), keys("2")]), lost
    )

    hotline.hold(line, house=replace(hotline.house, flow=tells, watchers=(figures,)))

    assert figures.registry.get_sample_value("hotline_deaf_calls_total") == lost


# To hear it again


def test_it_is_played_back_for_as_long_as_it_lasted_and_then_forgotten(told_by, catalogue):
    line, ending = told_by(
        *AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("1"), Hears(hears="told"),
        Hears(hears="told_menu"), keys("2"),
    )  # fmt: skip

    assert ending.outcome is Outcome.INFORMED
    clips = [s for s in line.said if s.at > 0]
    at = next(i for i, s in enumerate(clips) if s.clip == TextTape.CLIP)
    assert clips[at + 1].at - clips[at].at == pytest.approx(HEARD[0].seconds, abs=0.01)
    assert TextTape.CLIP not in catalogue.seconds


def test_a_key_stops_it_and_answers_the_next_question(told_by, catalogue):
    line, ending = told_by(
        *AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("1"), Hears(hears="told"), keys("2")
    )

    assert ending.outcome is Outcome.INFORMED
    assert line.left_undone() is None
    assert TextTape.CLIP not in catalogue.seconds


class Torn:
    """A tape that can't be cut."""

    async def cut(self, began, told):
        raise CannotCut("the disk is gone")

    async def forget(self, clip):
        raise AssertionError("there is none")


@pytest.mark.parametrize("tape", [None, Torn()])
def test_where_it_can_not_be_played_they_are_told_so_and_go_on(told_by, tape):
    _, ending = told_by(
        *AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("1"), Hears(hears="no_play_back"),
        Hears(hears="told_menu"), keys("2"), tape=tape,
    )  # fmt: skip
    assert ending.outcome is Outcome.INFORMED


def test_hanging_up_while_it_is_played_forgets_it_too(told_by, catalogue, hotline):
    _, ending = told_by(
        *AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("1"), Hears(hears="told"), HangsUp()
    )

    assert ending.outcome is Outcome.DRAFT_KEPT
    assert TextTape.CLIP not in catalogue.seconds


def test_a_controller_that_comes_back_asks_for_it_again(told_by, hotline):
    """The tape has both; what counts is what was told to the end."""
    line = hotline.line([*AT_THE_TONE, says(STORY), Waits(waits=1), keys("#"), Hears(hears="told_menu"), keys("2")])
    house = replace(hotline.house, flow=tells)

    async def killed_in_the_middle():
        task = asyncio.ensure_future(Session(house, Dying(line, 12.0)).run())
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(killed_in_the_middle())
    line.forget_prompt()
    line._finger = type(line._finger)([*AT_THE_TONE, says(STORY), keys("#"), Hears(hears="told_menu"), keys("2")])
    ending = hotline.hold(line, house=house, adopted=True)

    assert ending.outcome is Outcome.INFORMED
    assert len([s for s in line.said if s.clip == TONE]) == 2


def test_what_was_told_while_the_controller_was_dead_is_kept_when_the_caller_is_gone(hotline):
    line = hotline.line([*AT_THE_TONE, says(STORY)], number="+380440000001")
    house = replace(hotline.house, flow=tells)
    HEARD.clear()

    async def killed_in_the_middle():
        with pytest.raises(asyncio.CancelledError):
            await Session(house, Dying(line, 12.0)).run()

    asyncio.run(killed_in_the_middle())
    gone = DeadLine(line.began, Cause.CALLER, line.began.at + timedelta(seconds=60))
    ending = asyncio.run(Session(house, gone).run(adopted=True))

    assert ending.outcome is Outcome.DRAFT_KEPT
    assert HEARD[0].ended == line.began.at + timedelta(seconds=60)
    assert HEARD[0].began > line.began.at


def test_a_caller_who_was_gone_when_the_question_came_has_told_nothing(hotline):
    line = hotline.line([Hears(hears="notice", within=60), Listens(), HangsUp()], number="+380440000001")
    HEARD.clear()

    assert hotline.hold(line, house=replace(hotline.house, flow=tells)).outcome is Outcome.ABANDONED
    assert HEARD == []


class Dying:
    """The controller is killed when the call is so old."""

    def __init__(self, line, age):
        self.line, self.age = line, age

    def __getattr__(self, name):
        return getattr(self.line, name)

    async def hear(self, until):
        heard = await self.line.hear(until)
        if self.line.now() > self.age and any(s.clip == TONE for s in self.line.said):
            raise asyncio.CancelledError
        return heard
