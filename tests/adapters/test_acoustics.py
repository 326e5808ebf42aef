"""Where a scripted caller calls from: noise, echo and loss by themselves, and in what goes out; their voices."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from sip_world import Exchange, World, speech, world

from ivr.simulator import voices as voices_module
from ivr.simulator.acoustics import SPEECH_DB, Echo, Surroundings, babble, louder, white
from ivr.simulator.caller import Caller
from ivr.simulator.g711 import FRAME, PCMA
from ivr.simulator.hearing import PromptIndex
from ivr.simulator.outcome import latency
from ivr.simulator.phone import hold
from ivr.simulator.scenario import Acoustics, Says, Scenario, ScenarioError
from ivr.simulator.voices import CALLERS, Voices
from prompts import sound
from prompts.rhvoice import CannotSpeak

SILENCE = np.zeros(FRAME, np.int16)
LOUD = np.full(FRAME, 8000, np.int16)
URI = "sip:700@127.0.0.1:5060"
INDEX = PromptIndex({("uk", "greeting"): speech(1, 1.0)})


def db(samples) -> float:
    return 10 * np.log10(np.mean(samples.astype(float) ** 2) / 32768**2)


# What a room does


def test_gain_is_in_decibels_and_what_is_too_loud_is_clipped():
    assert louder(LOUD, -20).tolist() == [800] * FRAME
    assert louder(LOUD, 20).max() == 32767


@pytest.mark.parametrize("level", [-26.0, -46.0])
def test_noise_has_the_level_that_was_asked_for_and_the_same_seed_makes_the_same(level):
    assert db(white(2, level)) == pytest.approx(level, abs=0.1)
    assert db(babble([speech(1, 1), speech(2, 1.3)], 2, level)) == pytest.approx(level, abs=0.1)
    assert (white(1, level, 5) == white(1, level, 5)).all()
    assert (white(1, level, 5) != white(1, level, 6)).any()


def test_a_babble_needs_somebody_who_talks():
    with pytest.raises(ValueError, match="needs somebody"):
        babble([], 1, -30)


def test_noise_is_there_under_words_and_between_them_over_and_over_again():
    noise = white(0.05, -40)
    room = Surroundings(noise=noise)
    silent = [room.sent(SILENCE) for _ in range(6)]

    assert all(db(frame) == pytest.approx(-40, abs=2) for frame in silent)
    assert (silent[0] == silent[3]).all(), "the loop is three frames long"
    assert (room.sent(LOUD).astype(int) - 8000 == silent[0]).all()


def test_an_echo_comes_later_and_quieter_and_only_once():
    room = Surroundings(echo=Echo(-20, 40))
    room.sent(SILENCE)
    room.heard(LOUD)
    room.heard(LOUD)  # jitter: two came together
    frames = [room.sent(SILENCE) for _ in range(8)]

    assert [int(frame.max()) for frame in frames] == [0, 0, 800, 800, 0, 0, 0, 0]


def test_a_line_without_echo_keeps_nothing_of_what_it_hears():
    room = Surroundings()
    room.heard(LOUD)

    assert not room.sent(SILENCE).any()
    assert not room._coming


def test_losses_are_as_frequent_as_was_asked_for():
    room = Surroundings(loss=0.05)
    assert sum(room.lost() for _ in range(20_000)) == pytest.approx(1000, abs=100)
    assert not any(Surroundings().lost() for _ in range(100))


# What goes out


def test_words_go_out_at_once_and_their_beginning_and_end_are_known():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with Caller(INDEX, from_user="x", clock=loop.time) as call:
            await call.dial(URI)
            await asyncio.sleep(0.5)
            words = np.concatenate(
                [np.zeros(FRAME * 5, np.int16), LOUD, SILENCE, LOUD, np.zeros(FRAME * 3, np.int16)]
            )
            spoken = await call.play(words, "words")
            await asyncio.sleep(0.1)
        audible = [packet for packet in exchange.rtp if PCMA.audible(packet.payload)]
        assert len(audible) == 2
        assert spoken.started == pytest.approx(audible[0].at, abs=0.001)
        assert spoken.ended == pytest.approx(audible[1].at, abs=0.001)
        assert [event.text for event in call.events if event.kind == "voice"] == ["words"]
        sequence = [packet.sequence for packet in exchange.rtp]
        assert all((b - a) % 65536 == 1 for a, b in pairwise(sequence)), "silence goes on after it"
        exchange.close()

    world(test)


def test_nothing_to_say_is_said_at_once():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with Caller(INDEX, from_user="x", clock=loop.time) as call:
            await call.dial(URI)
            spoken = await call.play(np.zeros(0, np.int16))
            assert np.isnan(spoken.started)
        exchange.close()

    world(test)


def test_the_answer_to_words_is_measured_from_their_last_sound():
    async def test(loop: World):
        exchange = Exchange(loop)
        async with Caller(INDEX, from_user="x", clock=loop.time) as call:
            await call.dial(URI)
            spoken = await call.play(LOUD)
            asyncio.get_running_loop().create_task(exchange.play(PCMA.frames(speech(1, 1.0))))
            found = await call.hears("greeting")
            assert latency(spoken, found).packet == pytest.approx(0.0, abs=0.021)
            await call.quiet(0.3)
            assert call.silent_since > found.onset
        exchange.close()

    world(test)


def test_a_noisy_line_that_loses_packets_and_echoes():
    async def test(loop: World):
        exchange = Exchange(loop)
        room = Surroundings(noise=white(1, -50), echo=Echo(-6, 100), loss=0.2, seed=3)
        async with Caller(INDEX, from_user="x", clock=loop.time, surroundings=room) as call:
            await call.dial(URI)
            await asyncio.sleep(4)
            quiet = [packet.payload for packet in exchange.rtp]
            assert len(set(quiet)) > 40, "noise, not silence"
            numbers = [packet.sequence for packet in exchange.rtp]
            sent = (numbers[-1] - numbers[0]) % 65536 + 1
            assert len(numbers) / sent == pytest.approx(0.8, abs=0.08), "lost packets have used their numbers"
            began = loop.time()
            await exchange.play(PCMA.frames(louder(speech(1, 1.0), 0)))
            await asyncio.sleep(0.3)
            back = [
                packet.at for packet in exchange.rtp if packet.at > began and db(PCMA.decode(packet.payload)) > -42
            ]
            assert 0.1 <= back[0] - began <= 0.2
        exchange.close()

    world(test)


# Voices


class Tone:
    """An engine that says everything as a tone, and remembers what it was asked."""

    def __init__(self):
        self.said = []

    def say(self, text, voice, rate=1.0):
        self.said.append((text, voice, rate))
        time = np.arange(24000 // 2) / 24000
        return np.concatenate([np.zeros(4800), 0.5 * np.sin(2 * np.pi * 500 * time), np.zeros(4800)]), 24000


@pytest.fixture
def engine(monkeypatch):
    tone = Tone()
    monkeypatch.setattr(voices_module, "_engine", lambda data: tone)
    return tone


def test_words_are_said_once_and_kept(tmp_path, engine):
    words = Voices(tmp_path).say("так", "Volodymyr")

    assert (Voices(tmp_path).say("так", "Volodymyr") == words).all()
    assert engine.said == [("так.", "Volodymyr", 1.0)]
    Voices(tmp_path).say("так", "Marianna")
    Voices(tmp_path).say("ні?", "Volodymyr", 1.2)
    assert engine.said[1:] == [("так.", "Marianna", 1.0), ("ні?", "Volodymyr", 1.2)]


def test_words_have_the_usual_level_and_no_silence_around(tmp_path, engine):
    words = Voices(tmp_path).say("так", "Volodymyr")

    assert sound.active_db(words / 32768) == pytest.approx(SPEECH_DB, abs=0.5)
    assert 0.5 <= len(words) / 8000 <= 0.58


def test_a_voice_that_no_caller_has_is_refused_with_those_there_are(tmp_path, engine):
    with pytest.raises(CannotSpeak, match="no caller has the voice 'Natalia'; there are uk: Volodymyr, Marianna"):
        Voices(tmp_path).say("так", "Natalia")


def test_callers_have_other_voices_than_prompts_and_than_the_models_training():
    prompts_have = {"Natalia", "Elena", "Slt"}
    trained = {"Aleksandr", "Aleksandr-hq", "Anatol", "Anna", "Elena", "Irina", "Natalia"}

    assert not {name for names in CALLERS.values() for name in names} & (prompts_have | trained)


def test_a_step_is_said_in_its_own_language_and_voice_or_in_the_callers(tmp_path, engine):
    voices, scenario = Voices(tmp_path), Scenario(about="x", steps=[], language="ru")
    for step in (Says(say="да"), Says(say="так", language="uk"), Says(say="да", voice="Pavel")):
        voices.sound_of(step, scenario)

    assert [voice for _, voice, _ in engine.said] == [CALLERS["ru"][0], CALLERS["uk"][0], "Pavel"]
    quiet = voices.sound_of(Says(say="да", level=-20.0), scenario)
    assert sound.active_db(quiet / 32768) == pytest.approx(SPEECH_DB - 20, abs=0.5)


def test_a_quiet_room_is_none_and_a_loud_one_is_as_loud_as_was_asked_for(tmp_path, engine):
    voices = Voices(tmp_path)

    assert voices.surroundings(Acoustics()) is None
    room = voices.surroundings(Acoustics(noise="babble", snr=10))
    frames = np.concatenate([room.sent(SILENCE) for _ in range(500)])
    assert db(frames) == pytest.approx(SPEECH_DB - 10, abs=0.3)


def test_a_caller_who_speaks_needs_a_voice_and_a_telephone_that_sends_sound(tmp_path, engine):
    speaks = Scenario(about="x", steps=[Says(say="так")])

    with pytest.raises(ScenarioError, match="nobody gave them a voice"):
        asyncio.run(hold(speaks, URI, INDEX))
    with pytest.raises(ScenarioError, match="without rtp"):
        asyncio.run(hold(speaks.model_copy(update={"rtp": False}), URI, INDEX, voices=Voices(tmp_path)))


def test_what_cannot_be_said_is_told_before_anybody_is_called(tmp_path, monkeypatch):
    def nobody(data):
        raise CannotSpeak("no network")

    monkeypatch.setattr(voices_module, "_engine", nobody)
    with pytest.raises(ScenarioError, match="x: no network"):
        asyncio.run(hold(Scenario(about="x", steps=[Says(say="так")]), URI, INDEX, voices=Voices(tmp_path)))


def test_a_scenario_that_speaks_is_heard_by_the_far_side(tmp_path, engine):
    async def test(loop: World):
        exchange = Exchange(loop)
        loop.run_in_executor = lambda _pool, work, *args: _done(loop, work(*args))
        steps = [{"say": "так"}, "hangs up"]
        caller = await hold(Scenario(about="x", steps=steps), URI, INDEX, voices=Voices(tmp_path))
        assert [event.text for event in caller.events if event.kind == "voice"] == ["так"]
        audible = [packet for packet in exchange.rtp if PCMA.audible(packet.payload)]
        assert len(audible) * 0.02 == pytest.approx(0.5, abs=0.07)
        exchange.close()

    world(test)


def _done(loop, result):
    future = loop.create_future()
    future.set_result(result)
    return future
