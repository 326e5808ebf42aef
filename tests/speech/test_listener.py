"""One caller's speech, sample by sample: when it is voice, when it isn't, and what the recogniser gets."""

import numpy as np
import pytest

from ivr.ports import Alternative, Listening, Pause, Utterance, Voice
from ivr.speech.echo import Echo
from ivr.speech.listener import CHUNK, LONGEST, ONSET, PREROLL, Listener
from ivr.speech.voice import VoiceActivity, VoiceModel
from tests.speech.hearing import RATE, SOUNDS, frames, joined, keys, noise, silence, spoken

CLOSED = Listening("uk", ("так", "ні"))
FREE = Listening("uk")


class Loudness:
    """Voice activity for tests: loud is voice.  Counts what it was asked."""

    def __init__(self):
        self.asked = 0

    def reset(self):
        pass

    def __call__(self, chunk):
        self.asked += 1
        return float(np.abs(chunk).mean() > 1000)


class Notes:
    """A recogniser that remembers what it was given, and knows a word a chunk."""

    def __init__(self):
        self.pcm = b""
        self.words = ""

    def accept(self, pcm):
        self.pcm += pcm

    def partial(self):
        return self.words

    def final(self):
        return (Alternative("так", 0.9),)


class NoEcho:
    def plays(self, clips, at):
        pass

    def explains(self, heard, until):
        return False


class World:
    def __init__(self, voice=None, echo=None):
        self.heard, self.made = [], []
        self.knows = True
        self.voice = voice or Loudness()
        self.listener = Listener(self.voice, self.decoder, echo or NoEcho(), self.tell)

    def tell(self, speech):
        self.heard.append((self.listener.samples / RATE, speech))

    def decoder(self, _wanted):
        if not self.knows:
            return None
        self.made.append(Notes())
        return self.made[-1]

    def feed(self, sound):
        for frame in frames(sound):
            self.listener.feed(frame)

    @property
    def kinds(self):
        return [type(speech) for _, speech in self.heard]


LOUD, QUIET = np.full(CHUNK, 5000.0), np.zeros(CHUNK)


def test_voice_pause_and_utterance_come_in_order_and_the_utterance_once():
    world = World()
    world.listener.listen(CLOSED)
    world.feed(np.concatenate([np.tile(LOUD, 10), np.tile(QUIET, 10)]))
    world.listener.conclude()
    world.listener.conclude()
    world.feed(np.tile(LOUD, 10))

    assert world.kinds == [Voice, Pause, Utterance]
    assert world.heard[-1][1] == Utterance((Alternative("так", 0.9),))


def test_a_caller_who_goes_on_is_heard_as_voice_again_and_recognised_as_one():
    world = World()
    world.listener.listen(CLOSED)
    world.feed(np.concatenate([np.tile(LOUD, 10), np.tile(QUIET, 10), np.tile(LOUD, 10), np.tile(QUIET, 10)]))

    assert world.kinds == [Voice, Pause, Voice, Pause]
    assert len(world.made) == 1


def test_words_that_become_known_in_a_pause_are_told():
    world = World()
    world.listener.listen(CLOSED)
    world.feed(np.concatenate([np.tile(LOUD, 10), np.tile(QUIET, 6)]))
    world.made[0].words = "так"
    world.feed(np.tile(QUIET, 6))

    assert [speech for _, speech in world.heard] == [Voice(), Pause(""), Pause("так")]


def test_the_recogniser_gets_what_was_before_the_voice_and_everything_after_it():
    world = World()
    world.listener.listen(CLOSED)
    before = np.repeat(np.arange(20.0), CHUNK)
    world.feed(np.concatenate([before, np.tile(LOUD, 10), np.tile(QUIET, 3)]))
    given = np.frombuffer(world.made[0].pcm, np.int16)

    assert len(given) == (PREROLL - ONSET + 10 + 3) * CHUNK
    assert given[0] == 20 - (PREROLL - ONSET)
    assert (np.diff(np.flatnonzero(given == 5000)) == 1).all()


def test_the_first_syllable_of_what_began_before_we_listened_is_not_cut():
    world = World()
    world.feed(np.concatenate([np.tile(QUIET, 18), np.tile(LOUD, 2)]))
    world.listener.listen(CLOSED)
    world.feed(np.tile(LOUD, 5))
    given = np.frombuffer(world.made[0].pcm, np.int16)

    assert world.kinds == [Voice]
    assert (given == 5000).sum() == 7 * CHUNK


def test_nothing_is_told_and_nothing_computed_while_nobody_listens():
    world = World()
    world.feed(np.tile(LOUD, 20))
    world.listener.listen(CLOSED)
    world.listener.listen(None)
    asked = world.voice.asked
    world.feed(np.tile(LOUD, 20))
    world.listener.conclude()

    assert world.voice.asked == asked
    assert all(kind is not Utterance for kind in world.kinds)


def test_silence_is_concluded_with_an_empty_utterance():
    world = World()
    world.listener.listen(CLOSED)
    world.feed(np.tile(QUIET, 20))
    world.listener.conclude()

    assert [speech for _, speech in world.heard] == [Utterance()]


def test_free_speech_has_voice_and_pause_but_no_words():
    world = World()
    world.listener.listen(FREE)
    world.feed(np.concatenate([np.tile(LOUD, 10), np.tile(QUIET, 10)]))
    world.listener.conclude()

    assert [speech for _, speech in world.heard] == [Voice(), Pause(""), Utterance()]
    assert world.made == []


def test_what_the_model_knows_no_word_of_is_not_listened_for():
    world = World()
    world.knows = False
    world.listener.listen(CLOSED)
    world.feed(np.tile(LOUD, 20))
    world.listener.conclude()

    assert [speech for _, speech in world.heard] == [Utterance()]


def test_ten_minutes_of_talk_cost_the_recogniser_half_a_minute():
    world = World()
    world.listener.listen(CLOSED)
    for _ in range(60):
        world.feed(np.tile(LOUD, 10 * RATE // CHUNK))

    assert len(world.made[0].pcm) == 2 * CHUNK * LONGEST


@pytest.mark.parametrize("size", [1, 7, 320, 512, 4001])
def test_it_does_not_matter_how_the_audio_is_cut(size):
    pcm = b"".join(frames(np.concatenate([np.tile(QUIET, 9), np.tile(LOUD, 9), np.tile(QUIET, 9)])))
    world = World()
    world.listener.listen(CLOSED)
    for at in range(0, len(pcm), size):
        world.listener.feed(pcm[at : at + size])

    assert world.kinds == [Voice, Pause]
    assert [time for time, _ in world.heard] == [12 * CHUNK / RATE, 22 * CHUNK / RATE]


# -- with the real network --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def silero():
    return VoiceModel()


@pytest.mark.parametrize("level", [-10, -20, -30, -40])
@pytest.mark.parametrize("word", ["uk.yes", "uk.no", "ru.yes", "ru.no"])
def test_short_words_are_voice_at_any_level_within_a_quarter_of_a_second(silero, word, level):
    world = World(VoiceActivity(silero))
    world.listener.listen(CLOSED)
    world.feed(joined(silence(0.5), spoken(word, level), silence(0.5)))

    assert world.kinds[:2] == [Voice, Pause]
    assert world.heard[0][0] - 0.5 < 0.25


@pytest.mark.parametrize(
    "sound",
    [
        silence(10),
        noise(10, -50),
        noise(10, -30),
        keys(10, 0.06),
        keys(10, 0.1),
        keys(10, 0.4),
        np.tile(np.concatenate([[20000.0, -20000.0], np.zeros(3998)]), 20),
        32768 * 0.2 * np.sin(2 * np.pi * 425 * np.arange(80000) / RATE),
    ],
    ids=["silence", "hiss", "noise", "short keys", "keys", "long keys", "clicks", "dial tone"],
)
def test_what_is_no_speech_is_no_voice(silero, sound):
    world = World(VoiceActivity(silero))
    world.listener.listen(CLOSED)
    world.feed(joined(sound))

    assert world.heard == []


def test_speech_under_key_tones_is_voice(silero):
    world = World(VoiceActivity(silero))
    world.listener.listen(CLOSED)
    world.feed(joined(silence(0.5), spoken("uk.sentence", -15) + keys(3)[: len(spoken("uk.sentence"))] / 20))

    assert Voice in world.kinds


# -- our own prompt, come back ----------------------------------------------------------------------------------


@pytest.fixture
def prompt(tmp_path):
    """A folder of sounds with one clip in two parts, and what it sounds like."""
    (tmp_path / "uk").mkdir()
    for name in ("sentence", "menu"):
        (tmp_path / f"uk/{name}.alaw").write_bytes((SOUNDS / f"uk.{name}.alaw").read_bytes())
    return tmp_path, np.concatenate([spoken("uk.sentence"), spoken("uk.menu")])


def come_back(sound, delay, gain):
    """Through a hybrid: later, quieter, smeared over 4 ms."""
    rng = np.random.default_rng(3)
    path = rng.standard_normal(32) * np.exp(-np.arange(32) / 7)
    path /= np.sqrt((path**2).sum())
    return np.concatenate([np.zeros(int(delay * RATE)), np.convolve(sound, path)]) * 10 ** (gain / 20)


def with_prompt(silero, prompt, heard, clips=("uk/sentence", "uk/menu")):
    folder, _ = prompt
    world = World(VoiceActivity(silero), Echo(folder))
    world.feed(silence(1))
    world.listener.plays(clips)
    world.listener.listen(FREE)
    world.feed(joined(heard))
    return world


@pytest.mark.parametrize("gain", [-6, -12, -20, -30])
@pytest.mark.parametrize("delay", [0.02, 0.15, 0.5])
def test_the_echo_of_the_prompt_is_no_voice(silero, prompt, gain, delay):
    world = with_prompt(silero, prompt, come_back(prompt[1], delay, gain))

    assert world.heard == []


def test_the_same_sound_is_voice_when_nothing_of_it_was_played(silero, prompt):
    echo = come_back(prompt[1], 0.15, -12)

    assert Voice in with_prompt(silero, prompt, echo, ()).kinds
    assert Voice in with_prompt(silero, prompt, echo, ("uk/lost",)).kinds


@pytest.mark.parametrize("gain", [-12, -20, -30])
def test_a_caller_who_speaks_over_the_echo_is_heard(silero, prompt, gain):
    echo = come_back(prompt[1], 0.15, gain)
    caller = np.zeros(len(echo))
    caller[RATE : RATE + len(spoken("ru.digits"))] = spoken("ru.digits", -20)
    world = with_prompt(silero, prompt, echo + caller)

    assert world.kinds[:1] == [Voice]
    assert 1 + 1 < world.heard[0][0] < 1 + 1 + 0.6


def test_an_echo_that_comes_after_the_prompt_was_stopped_is_no_voice(silero, prompt):
    world = World(VoiceActivity(silero), Echo(prompt[0]))
    world.feed(silence(1))
    world.listener.plays(("uk/sentence",))
    world.listener.listen(FREE)
    echo = come_back(spoken("uk.sentence")[: int(0.8 * RATE)], 0.4, -12)
    world.feed(joined(echo[: int(0.8 * RATE)]))
    world.listener.plays(())
    world.feed(joined(echo[int(0.8 * RATE) :], silence(0.5)))

    assert world.heard == []
