"""The text telephone's recogniser, and the steps of a scenario that are heard: voice, pause, what was understood."""

import asyncio
import wave
from datetime import UTC, datetime

import numpy as np
import pytest

from domain.model import Began
from ivr.ports import Alternative, Cause, Gone, Key, Listening, Pause, Played, Tick, Utterance, Voice
from ivr.simulator.scenario import Presses, Says, Scenario, ScenarioError, Waits, load
from ivr.simulator.text import WORD, Script, TextLine

DIGITS = Listening("uk", ("один", "два", "три", "двадцять", "п'ять"), sequence=True)
CLIPS = {"uk/question": 2.0}


def line(*steps) -> TextLine:
    scenario = Scenario(about="x", steps=list(steps))
    return TextLine(Began("c", None, "100", datetime(2026, 1, 1, tzinfo=UTC)), Script(scenario.steps), CLIPS)


def heard(line: TextLine, *, until: float | None = 60.0, most: int = 20) -> list[object]:
    """What is heard until nothing more is, or `until`."""

    async def all_of_it():
        found = []
        while len(found) < most:
            found.append(await line.hear(until))
            if isinstance(found[-1], Tick | Gone):
                break
        return found

    return asyncio.run(all_of_it())


def listen(line: TextLine, wanted: Listening | None = DIGITS) -> TextLine:
    asyncio.run(line.listen(wanted))
    return line


def conclude(line: TextLine) -> object:
    asyncio.run(line.conclude())
    return asyncio.run(line.hear(line.now()))


def test_words_are_a_voice_a_pause_with_what_was_understood_and_after_the_conclusion_an_utterance():
    call = listen(line({"say": "двадцять п'ять"}))

    assert heard(call) == [Voice(), Pause("двадцять п'ять"), Tick()]
    assert conclude(call) == Utterance((Alternative("двадцять п'ять", 1.0),))


def test_words_take_their_time_and_the_questions_timers_run_meanwhile():
    call = listen(line({"say": "двадцять п'ять"}, "hangs up"))

    assert heard(call, until=0.5) == [Voice(), Tick()]
    assert call.now() == 0.5
    assert heard(call) == [Pause("двадцять п'ять"), Gone(Cause.CALLER)]
    assert call.now() == pytest.approx(2 * WORD)


def test_who_goes_on_after_a_pause_is_understood_as_a_whole():
    call = listen(line({"say": "двадцять"}, {"waits": 1}, {"say": "п'ять"}))

    assert heard(call) == [Voice(), Pause("двадцять"), Voice(), Pause("двадцять п'ять"), Tick()]
    assert conclude(call) == Utterance((Alternative("двадцять п'ять", 1.0),))


def test_a_word_that_nobody_expects_is_unknown():
    call = listen(line({"say": "Два, собаки!"}))

    assert heard(call)[1] == Pause("два [unk]")


def test_a_scenario_may_say_what_is_misheard_and_how_sure_of_it_the_recogniser_is():
    call = listen(line({"say": "два", "heard": "три", "confidence": 0.4}, {"say": "один"}))

    assert heard(call)[1] == Pause("три")
    assert conclude(call) == Utterance((Alternative("три один", 0.4),)), "the least certain word"


def test_speech_that_is_taken_for_none_makes_an_empty_utterance():
    call = listen(line({"say": "кхе", "heard": ""}))

    assert heard(call) == [Voice(), Pause(""), Tick()]
    assert conclude(call) == Utterance()


def test_free_speech_is_noticed_and_not_recognised():
    call = listen(line({"say": "у нас немає світла"}), Listening("uk"))

    assert heard(call) == [Voice(), Pause(""), Tick()]
    assert conclude(call) == Utterance()


def test_nobody_listens_nothing_is_told_and_the_time_passes():
    call = line({"say": "двадцять п'ять"}, {"keys": "1"})

    assert heard(call, most=1) == [Key("1")]
    assert call.now() == pytest.approx(2 * WORD + 0.1)


def test_who_listens_from_the_midst_on_hears_the_rest_and_the_word_that_was_being_said():
    call = line({"say": "один два три"})
    assert heard(call, until=1.5 * WORD) == [Tick()]

    assert heard(listen(call)) == [Voice(), Pause("два три"), Tick()]


def test_a_new_listening_begins_anew():
    call = listen(line({"say": "один"}, {"waits": 1}, {"say": "два"}))
    assert heard(call, until=0.5) == [Voice(), Pause("один"), Tick()]

    assert heard(listen(call)) == [Voice(), Pause("два"), Tick()]


def test_a_conclusion_in_the_midst_of_speech_has_what_was_said_by_then_and_nothing_follows_it():
    call = listen(line({"say": "один два три"}))
    assert heard(call, until=2.5 * WORD) == [Voice(), Tick()]

    assert conclude(call) == Utterance((Alternative("один два", 1.0),))
    assert not call.listening
    assert heard(call) == [Tick()]


def test_a_conclusion_without_a_listening_is_nothing():
    call = line({"waits": 1})

    assert conclude(call) == Tick()


def test_words_over_a_prompt_are_noticed_before_its_end():
    call = listen(line({"say": "два"}))
    asyncio.run(call.play(["uk/question"]))

    assert heard(call) == [Voice(), Pause("два"), Played(True), Tick()]


def test_who_listens_to_the_prompt_first_speaks_after_it():
    call = listen(line("listens", {"say": "два"}))
    asyncio.run(call.play(["uk/question"]))

    assert heard(call) == [Played(True), Voice(), Pause("два"), Tick()]


def test_a_controller_that_is_gone_hears_no_more_of_what_is_being_said():
    call = listen(line({"say": "один два три"}, {"keys": "5"}))
    assert heard(call, until=0.4) == [Voice(), Tick()]

    call.forget_prompt()

    assert not call.listening
    assert heard(call, most=1) == [Key("5")]


def sound_file(folder, seconds=0.5, rate=8000):
    with wave.open(str(folder / "dog.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.sin(np.arange(int(seconds * rate))) * 8000).astype("<i2").tobytes())


def test_a_sound_file_is_no_speech_unless_the_scenario_says_what_is_heard_in_it(tmp_path):
    sound_file(tmp_path)
    scenario = tmp_path / "s.yaml"
    scenario.write_text("about: x\nsteps:\n  - play: dog.wav\n  - {play: dog.wav, heard: два}\n", "utf-8")
    call = listen(line(*load(scenario).steps))

    assert heard(call) == [Voice(), Pause("два"), Tick()]
    told = listen(line(*load(scenario).steps))
    asyncio.run(told.hear(60.0))
    assert told.now() == pytest.approx(0.5), "the first one took its time"


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("[{say: 25}]", "steps 1: what is said must be words in quotes"),
        ("[{say: yes}]", "steps 1: what is said must be words in quotes"),
        ("[{say: '...'}]", "steps 1 say: '...' has characters that can't be here"),
        ("[{say: так, confidence: 1.5}]", "steps 1 confidence"),
        ("[{say: так, level: .nan}]", "steps 1 level"),
        ("[{say: так, language: de}]", "steps 1 language"),
        ("[{say: так, keys: '1'}]", "is no step"),
        ("[{play: none.wav}]", "steps 1 play: there is no file"),
        ("[{play: s.yaml, file: x}]", "steps 1: the file is what stands behind play:"),
        ("[]\nacoustics: {noise: dog}", "acoustics noise"),
        ("[]\nacoustics: {loss: 1}", "acoustics loss"),
    ],
)
def test_a_step_that_cannot_be_said_is_refused_with_the_place(tmp_path, steps, complaint):
    file = tmp_path / "s.yaml"
    file.write_text(f"about: x\nsteps: {steps}\n", "utf-8")

    with pytest.raises(ScenarioError) as refusal:
        load(file)

    assert complaint in str(refusal.value)


def test_steps_that_a_program_makes_are_as_good_as_those_of_a_file():
    scenario = Scenario(about="x", steps=[Says(say="так"), Presses(keys="1"), Waits(waits=1.0)])

    assert [type(step) for step in scenario.steps] == [Says, Presses, Waits]
