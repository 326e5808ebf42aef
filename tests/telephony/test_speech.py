"""Callers who speak, on the real Asterisk: what is understood, and what happens when it is none of what we expect.

Whatever comes out of the caller's room, the call goes on and ends in a recorded outcome.
"""

import asyncio
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.model import Outcome
from ivr.ports import Voice
from ivr.simulator.caller import CallEnded
from ivr.simulator.given import prepare
from ivr.simulator.phone import hold
from ivr.simulator.scenario import Given, Hears, Plays, Says, Scenario
from ivr.simulator.voices import CALLERS, TALK
from ivr.speech.models import BUILT_IN
from tests.telephony import sounds
from tests.telephony.world import came, open_hotline, steps

pytestmark = pytest.mark.telephony

KNOWN = "+380440000001"
"""Greeted in Ukrainian; the first question, "is it your account?", comes right after the notice."""
QUICK = {"your_account": {"timeout": 2.0}}
"""So that nobody waits for the end of their patience."""
KEYED = (
    *("your_account", "1", "value_single", "2300#", "value_again", "2300#", "read_back", "1"),
    *("receipt", "hangs up"),
)
"""A reading by keys only."""
PEOPLE = (Hears(hears="closed_now", within=60), "hangs up")
"""They are sent to people, who are at home (`Given`), don't want to be called back, and hang up: abandoned."""


class Watching:
    """Looks on: what the recogniser made of the caller, and whether it was lost.

    voice: the conversation has heard that the caller speaks, and not yet what.
    """

    def __init__(self):
        self.utterances = []
        self.lost = []
        self.voice = asyncio.Event()

    def began(self, line, adopted):
        hear = line.hear

        async def looked_at(until):
            heard = await hear(until)
            if isinstance(heard, Voice):
                self.voice.set()
            return heard

        line.hear = looked_at

    def spoke(self, call, alternatives):
        self.utterances.append(alternatives[0].words if alternatives else "")

    def deaf(self, call, why):
        self.lost.append(why)

    def said(self, call, prompt, text): ...
    def keyed(self, call, key): ...
    def answered(self, call, answer): ...
    def ended(self, call, ending): ...
    def left(self, call): ...


def converse(asterisk, folder, index, voices, *written, meanwhile=None, person=None, **settings):
    """Hold a call with speech; what came of it, and what was heard of the caller's speech."""
    watching = Watching()
    scenario = Scenario(about="speaks", steps=steps(*written), **({"caller": KNOWN} | (person or {})))

    async def main():
        options = {"speech": True, "speech_workers": 1, "questions": QUICK, **settings}
        async with open_hotline(asterisk, folder, [watching], **options) as house:
            now = datetime.now(UTC)
            await asyncio.wrap_future(house.store.write(lambda conn: prepare(conn, Given(people="closed"), now)))
            doing = asyncio.create_task(meanwhile(house, watching)) if meanwhile else None
            try:
                await hold(scenario, house.address, index, voices=voices)
            except CallEnded:
                pass  # we hung up on somebody who went on
            if doing:
                await doing
            return await came(house)

    return asyncio.run(main()), watching


def interruptions(result):
    """Everything that happened instead of an answer, in order."""
    return [line.interruption for line in result.journal if line.interruption]


def the_reading_was_taken(result):
    assert result.readings == [("1000000018", "single", 2300, "accepted")]
    assert result.call.outcome is Outcome.READING_TAKEN


def plays(folder, name, sound, level=-26.0):
    return Plays(play=name, file=sounds.write(folder / name, sound, level))


def says(words):
    return Says(say=words)


# What is understood


def test_a_caller_who_only_speaks_enters_a_reading(asterisk, tmp_path, index, voices):
    result, watching = converse(
        asterisk, tmp_path, index, voices,
        "your_account", "listens", says("так"),
        "value_single", "listens", says("два три нуль нуль"),
        "value_again", "listens", says("два три нуль нуль"),
        "read_back", "listens", says("так"),
        "receipt", "hangs up",
    )  # fmt: skip

    the_reading_was_taken(result)
    assert result.heard("your_account") == ["так"]
    assert all(line.confidence is not None for line in result.journal if line.heard)
    assert watching.lost == []


def test_who_speaks_over_the_prompt_stops_it_and_is_understood(asterisk, tmp_path, index, voices):
    """They answer 1.5 s into a prompt of six seconds and more."""
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "may_speak", 3.5, says("так"), "value_single", "hangs up",
    )  # fmt: skip

    [asked] = [line for line in result.journal if line.label == "your_account"]
    assert asked.heard == "так"
    assert result.call.outcome is Outcome.ABANDONED


def test_keys_and_speech_answer_the_same_call(asterisk, tmp_path, index, voices):
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "your_account", "listens", says("так"), *KEYED[2:],
    )  # fmt: skip

    the_reading_was_taken(result)


def test_a_word_leads_to_people(asterisk, tmp_path, index, voices):
    result, _ = converse(asterisk, tmp_path, index, voices, "your_account", "listens", says("оператор"), *PEOPLE)

    assert interruptions(result)[:1] == ["wants agent"]
    assert result.call.outcome is Outcome.ABANDONED


def test_another_language_is_understood_by_its_own_words(asterisk, tmp_path, index, voices):
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "your_account", "listens", says("да"), "value_single", "hangs up",
        person={"caller": "+380440000002", "language": "ru"},
    )  # fmt: skip

    assert result.heard("your_account") == ["да"]
    assert result.call.outcome is Outcome.ABANDONED


# What is no answer


def nothing_was_understood(result, outcome):
    """The caller was asked again, never taken at a word they did not say, and the call has this outcome."""
    assert result.heard("your_account") == []
    assert result.call.outcome is outcome and result.readings == []
    assert result.recording.state == "sealed"


def test_silence_is_asked_again_and_then_people_answer(asterisk, tmp_path, index, voices):
    result, watching = converse(asterisk, tmp_path, index, voices, "may_speak", *PEOPLE)

    nothing_was_understood(result, Outcome.ABANDONED)
    assert interruptions(result)[:1] == ["gave up"]
    assert watching.utterances == []


def test_music_in_the_room_is_no_answer(asterisk, tmp_path, index, voices):
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "may_speak", plays(tmp_path, "music.wav", sounds.music(25.0)), "hangs up",
    )  # fmt: skip

    nothing_was_understood(result, Outcome.ABANDONED)


def test_a_dog_is_no_answer(asterisk, tmp_path, index, voices):
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "may_speak", plays(tmp_path, "dog.wav", sounds.barking(25.0)), "hangs up",
    )  # fmt: skip

    nothing_was_understood(result, Outcome.ABANDONED)


def test_after_music_and_a_dog_a_key_is_heard_as_ever(asterisk, tmp_path, index, voices):
    room = [
        plays(tmp_path, "music.wav", sounds.music(6.0)),
        plays(tmp_path, "dog.wav", sounds.barking(6.0)),
    ]
    result, _ = converse(asterisk, tmp_path, index, voices, "may_speak", *room, *KEYED[1:])

    the_reading_was_taken(result)


def test_two_who_say_opposite_things_at_once_are_asked_again_or_one_is_heard(asterisk, tmp_path, index, voices):
    """Which of them is right nobody can say; that `*` leads back to the question, and a key answers it, we can."""
    first, second = CALLERS["uk"][:2]
    both = sounds.together(voices.say("так так", first), voices.say("ні ні", second))
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "your_account", "listens", plays(tmp_path, "both.wav", both), "listens", "*", *KEYED,
    )  # fmt: skip

    *said, keyed = result.heard("your_account")
    assert (said, keyed) in [([], "1"), (["так"], "1"), (["ні"], "1")]
    assert interruptions(result)[:1] == ["back"]
    the_reading_was_taken(result)


def test_somebody_who_talks_without_end_gets_to_people(asterisk, tmp_path, index, voices):
    """They talk on about something else, through our prompts and their ends, as long as we let them."""
    voice = CALLERS["uk"][0]
    talk = sounds.in_a_row(90.0, voices.say(TALK["uk"], voice))
    result, _ = converse(
        asterisk, tmp_path, index, voices,
        "may_speak", plays(tmp_path, "talk.wav", talk), *PEOPLE,
        questions={"your_account": {"timeout": 2.0, "maxspeechtimeout": 4.0}},
    )  # fmt: skip

    nothing_was_understood(result, Outcome.ABANDONED)
    assert interruptions(result)[:1] == ["gave up"]


def test_our_own_prompt_that_comes_back_from_the_caller_is_no_answer(asterisk, tmp_path, index, voices):
    result, watching = converse(
        asterisk, tmp_path, index, voices, "may_speak", "listens", *KEYED[1:],
        person={"acoustics": {"echo": -14.0}},
    )  # fmt: skip

    said = [line.heard for line in result.journal if line.confidence is not None]
    assert said == [], "on a starved machine an echo may once interrupt us (decision 087); it never answers"
    assert len(watching.utterances) <= 1
    the_reading_was_taken(result)


def test_keys_are_never_taken_for_speech(asterisk, tmp_path, index, voices):
    """Tones in the sound, as old exchanges send them, are heard by the recogniser as well as by Asterisk."""
    result, watching = converse(asterisk, tmp_path, index, voices, *KEYED, person={"dtmf": "inband"})

    assert watching.utterances == []
    the_reading_was_taken(result)


# What we can't do


@pytest.mark.parametrize("models", [{"uk": "none"}, {"uk": "none", "ru": "none"}])
def test_a_language_that_is_not_on_is_served_by_keys_and_nobody_is_told_to_speak(
    asterisk, tmp_path, index, voices, models
):
    result, watching = converse(
        asterisk, tmp_path, index, voices, "your_account", "listens", says("так"), *KEYED[1:], models=models
    )

    assert watching.utterances == []
    the_reading_was_taken(result)


def damaged(folder: Path) -> str:
    directory = folder / "damaged"
    shutil.copytree(BUILT_IN["uk"], directory)
    with (directory / "am/final.mdl").open("r+b") as file:
        file.truncate(100_000)
    return str(directory)


def missing(folder: Path) -> str:
    return str(folder / "nowhere")


@pytest.mark.parametrize("spoil", [damaged, missing])
def test_a_model_that_is_damaged_or_missing_leaves_the_keys(asterisk, tmp_path, index, voices, caplog, spoil):
    model = spoil(tmp_path)
    result, watching = converse(asterisk, tmp_path, index, voices, *KEYED, models={"uk": model, "ru": model})

    the_reading_was_taken(result)
    assert watching.utterances == [] and watching.lost == []
    assert any("no speech in uk" in line or model in line for line in caplog.messages)


def workers() -> list[int]:
    """Our speech workers, by their process ids."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"ivr.speech.worker" in (status.parent / "cmdline").read_bytes():
                found.append(int(status.parent.name))
        except OSError:
            pass  # it ended while we looked
    return found


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_dies_or_hangs_in_mid_word_costs_one_reprompt_and_then_keys_work(
    asterisk, tmp_path, index, voices, blow
):
    struck = []

    async def strike(_house, watching):
        async with asyncio.timeout(40):
            await watching.voice.wait()
        struck.extend(workers())
        for pid in struck:
            os.kill(pid, blow)

    talk = sounds.in_a_row(6.0, voices.say("сорок сорок сорок сорок", CALLERS["uk"][0]))
    try:
        result, watching = converse(
            asterisk, tmp_path, index, voices,
            "may_speak", plays(tmp_path, "talk.wav", talk), "keys_only", "listens", *KEYED[1:], meanwhile=strike,
        )  # fmt: skip
    finally:
        for pid in struck:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    assert len(watching.lost) == 1
    the_reading_was_taken(result)
