"""Whole conversations with a caller who speaks, without a telephone: what is asked back, kept, and survives."""

from dataclasses import replace

import pytest

from domain.model import Outcome
from flows import FLOWS
from ivr.dialog import goodbye
from ivr.ports import Deaf, Listening, Utterance
from ivr.simulator.scenario import HangsUp, Listens, Presses, Says, Waits, prompt_of
from ivr.simulator.text import TextLine

ACCOUNT = "один нуль нуль нуль нуль нуль нуль нуль вісім три"
READS = {
    "language": "1",
    "account": ACCOUNT,
    "did_i_hear": "так",
    "value_single": "сто чотири тисячі сімсот",
    "value_again": "сімсот",
    "read_back": "правильно",
    "receipt_again": "ні",
}


class Speaks:
    """Answers each question whenever they hear it; a word is said, digits are keyed, a list is used up."""

    def __init__(self, answers, *, confidence=1.0):
        self.answers = {prompt: list(said) if isinstance(said, list) else said for prompt, said in answers.items()}
        self.confidence = confidence
        self.seen = 0
        self.then = ""

    def says(self, words):
        return Says(say=words, confidence=self.confidence)

    def next(self, line):
        if self.then and not line.playing:
            answer, self.then, self.seen = self.then, "", len(line.said)
            return Presses(keys=answer, tone=100, gap=80) if answer[0] in "0123456789*#" else self.says(answer)
        fresh, self.seen = line.said[self.seen :], len(line.said)
        for said in reversed(fresh):
            answer = self.answers.get(prompt_of(said.clip))
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else None
            if prompt_of(said.clip) == "did_i_hear" and answer:  # a number is heard out before it is confirmed
                self.then = answer
                return Listens()
            if answer == "hang up":
                return HangsUp(hangs_up=None)
            if answer and answer[0] in "0123456789*#":
                return Presses(keys=answer, tone=100, gap=80)
            if answer:
                return self.says(answer)
        return Listens() if line.playing else Waits(waits=0.5)


@pytest.fixture
def house(hotline):
    return replace(hotline.house, spoken=lambda: ("uk", "ru"))


def lines(hotline, line):
    return [(one.label, one.heard, one.confidence) for one in hotline.journal(line) if one.heard is not None]


def test_a_household_says_one_reading(hotline, house):
    line = hotline.line(Speaks(READS))

    assert hotline.hold(line, house=house) == goodbye(Outcome.READING_TAKEN, "goodbye")
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]
    assert lines(hotline, line)[:3] == [
        ("languages", "1", None),
        ("account", ACCOUNT, 1.0),
        ("value_single", READS["value_single"], 1.0),
    ]


def test_the_caller_learns_once_that_they_may_speak(hotline, house):
    line = hotline.line(Speaks(READS))
    hotline.hold(line, house=house)

    assert line.heard().count("may_speak") == 1
    assert line.heard().index("may_speak") < line.heard().index("account")


@pytest.mark.parametrize("spoken", [(), ("ru",)])
def test_where_the_language_is_not_understood_nothing_is_said_of_it_and_keys_work(hotline, spoken):
    keyed = READS | {"account": "1000000083", "value_single": "104700#", "value_again": "700#", "read_back": "1"}
    line = hotline.line(Speaks(keyed | {"receipt_again": "2"}))

    hotline.hold(line, house=replace(hotline.house, spoken=lambda: spoken))

    assert "may_speak" not in line.heard()
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_speech_can_be_switched_off_for_one_question(hotline, house):
    line = hotline.line(Speaks(READS | {"account": [ACCOUNT, "1000000083"]}))
    hotline.hold(line, house=replace(house, manners={"account": {"speech": False}}))

    assert line.heard().count("noinput") == 1, "nobody listened"
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_an_account_that_was_said_is_said_back_and_no_asks_again(hotline, house):
    wrong = ACCOUNT.replace("три", "п'ять")
    line = hotline.line(Speaks(READS | {"account": [wrong, ACCOUNT], "did_i_hear": ["ні", "так"]}))
    hotline.hold(line, house=house)

    assert line.heard().count("did_i_hear") == 2
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_the_word_operator_leads_to_people_from_every_question(hotline, house):
    for prompt in ("account", "did_i_hear", "value_single", "value_again", "read_back"):
        line = hotline.line(Speaks(READS | {prompt: "оператор"}))
        ending = hotline.hold(line, house=house)

        assert (ending.outcome, ending.to) == (Outcome.TRANSFERRED, "agents"), prompt
    assert hotline.readings() == []


def test_mumbling_is_asked_again_and_then_people_answer(hotline, house):
    line = hotline.line(Speaks(READS, confidence=0.05))
    ending = hotline.hold(line, house=house)

    assert ending.to == "agents"
    assert [line.heard()[i] for i, said in enumerate(line.heard()) if said == "nomatch"] == ["nomatch", "nomatch"]


def test_keys_and_words_may_take_turns(hotline, house):
    line = hotline.line(Speaks(READS | {"account": "1000000083", "read_back": "1"}))
    hotline.hold(line, house=house)

    assert "did_i_hear" not in line.heard(), "what was keyed is not asked back"
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


class GoesDeaf(TextLine):
    """A line whose recogniser is lost at the caller's n-th word."""

    at = 1
    _heard_words = 0

    async def hear(self, until):
        heard = await super().hear(until)
        if type(heard).__name__ == "Voice":
            self._heard_words += 1
            if self._heard_words == self.at:
                await super().listen(None)
                return Deaf("worker died")
        return heard


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_recogniser_that_is_lost_costs_one_reprompt_and_then_keys_work(hotline, house, at):
    """Lost while the caller answers a question by voice: they are told to use the keys, and do."""
    keys = {"account": "1000000083", "did_i_hear": "1", "value_single": "104700#", "value_again": "700#",
            "read_back": "1", "receipt_again": "2"}  # fmt: skip
    both = {prompt: [READS[prompt], keys[prompt], keys[prompt]] for prompt in keys} | {"language": "1"}

    class Switches(Speaks):
        def next(self, line):
            if "keys_only" in line.heard():
                self.answers = {"language": "1"} | keys
            return super().next(line)

    line = hotline.line(Switches(both))
    line.__class__ = GoesDeaf
    line.at = at

    assert hotline.hold(line, house=house) == goodbye(Outcome.READING_TAKEN, "goodbye")
    assert line.heard().count("keys_only") <= 1
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_a_recogniser_that_never_answers_counts_as_lost(hotline, house):
    class Mute(TextLine):
        async def conclude(self):
            await super().listen(None)

    line = hotline.line(Speaks(READS | {"account": [ACCOUNT, "1000000083"], "value_single": "104700#",
                                        "value_again": "700#", "read_back": "1", "receipt_again": "2"}))  # fmt: skip
    line.__class__ = Mute

    assert hotline.hold(line, house=house) == goodbye(Outcome.READING_TAKEN, "goodbye")
    assert line.heard().count("keys_only") == 1


def test_noise_that_is_no_speech_costs_nothing(hotline, house):
    class Hums(Speaks):
        def next(self, line):
            step = super().next(line)
            return step.model_copy(update={"heard": ""}) if isinstance(step, Says) and step.say == "гм" else step

    line = hotline.line(Hums(READS | {"account": ["гм", ACCOUNT]}))
    hotline.hold(line, house=house)

    assert "nomatch" not in line.heard()
    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]


def test_the_menu_and_a_matter_by_voice(hotline, house):
    spoken = replace(house, flow=FLOWS["main_menu"])
    line = hotline.line(Speaks({"language": "2", "menu": "часы работы", "which_hours": "один"}))
    ending = hotline.hold(line, house=spoken)

    assert ending.outcome is Outcome.INFORMED
    assert lines(hotline, line)[1:3] == [("menu", "часы работы", 1.0), ("which_hours", "один", 1.0)]


def test_half_sure_of_a_menu_asks_back_in_its_own_words(hotline, house):
    spoken = replace(house, flow=FLOWS["main_menu"])
    said = Speaks({"language": "1", "menu": "показники", "did_i_hear": "1", "account": "0"}, confidence=0.6)
    line, played = hotline.line(said), []
    play = line.play

    async def spied(clips):
        played.append(clips)
        await play(clips)

    line.play = spied
    hotline.hold(line, house=spoken)

    assert any("uk/matter_reading" in clips and prompt_of(clips[0]) == "did_i_hear" for clips in played)


@pytest.mark.parametrize("moment", range(1, 12))
def test_a_power_cut_while_somebody_speaks_loses_nothing_that_was_settled(hotline, house, moment):
    """The controller dies at its n-th word from the line; the next one asks the open question again."""

    class PowerCut(BaseException):
        pass

    line = hotline.line(Speaks(READS))
    count, hear = 0, line.hear

    async def dying(until):
        nonlocal count
        heard = await hear(until)
        count += isinstance(heard, Utterance) or type(heard).__name__ in ("Voice", "Pause")
        if count == moment:
            count += 1000
            raise PowerCut
        return heard

    line.hear = dying
    try:
        hotline.hold(line, house=house)
    except PowerCut:
        line.hear = hear
        line.forget_prompt()
        hotline.hold(line, house=house, adopted=True)

    assert hotline.readings() == [("1000000083", "single", 104700, "accepted")]
    assert hotline.record(line).outcome is Outcome.READING_TAKEN


def test_what_is_listened_for_is_in_the_callers_language_with_the_ways_out(hotline, house):
    wanted = []
    line = hotline.line(Speaks(READS))
    listen = line.listen

    async def spied(listening):
        wanted.append(listening)
        await listen(listening)

    line.listen = spied
    hotline.hold(line, house=house)
    asked = [one for one in wanted if isinstance(one, Listening)]

    assert {one.language for one in asked} == {"uk"}
    assert all("оператор" in one.phrases for one in asked)
    assert asked[0].sequence and not asked[-1].sequence
