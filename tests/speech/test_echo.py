"""Our own prompt as it comes back in a call: late packets make it jump, and other prompts follow at once."""

import numpy as np
import pytest

from ivr.ports import Listening, Voice
from ivr.speech.echo import PACKET, Echo
from ivr.speech.listener import Listener
from ivr.speech.voice import VoiceActivity, VoiceModel
from tests.speech.hearing import RATE, SOUNDS, frames, joined, silence, spoken

FREE = Listening("uk")
GAINS = [-6, -14, -20, -30]
DELAY = 0.1


@pytest.fixture(scope="module")
def silero():
    return VoiceModel()


class Call:
    """A caller's telephone that gives back what it hears."""

    def __init__(self, model):
        self.voices = []
        self.listener = Listener(VoiceActivity(model), lambda _: None, Echo(SOUNDS), self.tell)
        self.feed(silence(1))

    def tell(self, speech):
        if isinstance(speech, Voice):
            self.voices.append(self.listener.samples / RATE)

    def feed(self, sound):
        for frame in frames(joined(sound)):
            self.listener.feed(frame)


def prompt(*names):
    return np.concatenate([spoken(name) for name in names])


def come_back(sound, gain):
    """Later, quieter, smeared over 4 ms."""
    path = np.random.default_rng(3).standard_normal(32) * np.exp(-np.arange(32) / 7)
    path /= np.sqrt((path**2).sum())
    return np.concatenate([np.zeros(int(DELAY * RATE)), np.convolve(sound, path)]) * 10 ** (gain / 20)


def late(sound, packets):
    """Every 0.9 s a packet is so many late: silence comes in its place."""
    pieces = np.array_split(sound, max(1, len(sound) // int(0.9 * RATE)))
    return np.concatenate([part for piece in pieces for part in (piece, np.zeros(packets * PACKET))])


def dropped(sound):
    """Every 0.9 s one packet is missing."""
    return np.concatenate([piece[PACKET:] for piece in np.array_split(sound, max(1, len(sound) // int(0.9 * RATE)))])


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize(
    "network",
    [lambda sound: late(sound, 1), lambda sound: late(sound, 2), lambda sound: late(sound, 3), dropped],
    ids=["20 ms late", "40 ms late", "60 ms late", "dropped"],
)
def test_an_echo_over_a_network_that_is_late_is_no_voice(silero, network, gain):
    call = Call(silero)
    call.listener.plays(("uk.sentence", "uk.menu", "uk.digits"))
    call.listener.listen(FREE)
    call.feed(network(come_back(prompt("uk.sentence", "uk.menu", "uk.digits"), gain)))

    assert call.voices == []


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("pause", [0, 1, 4])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.65, 0.8])
def test_the_end_of_a_prompt_that_another_one_follows_at_once_is_no_voice(silero, share, pause, gain):
    """The first one is an announcement; the second begins, and we listen, while the first still comes back."""
    call = Call(silero)
    announced = prompt("uk.sentence")[: int(share * len(prompt("uk.sentence"))) // PACKET * PACKET]
    back = come_back(np.concatenate([announced, np.zeros(pause * PACKET), prompt("uk.menu")]), gain)
    call.listener.plays(("uk.sentence",))
    call.feed(back[: len(announced)])
    call.listener.plays(())
    call.listener.plays(("uk.menu",))
    call.listener.listen(FREE)
    call.feed(back[len(announced) :])

    assert call.voices == []


@pytest.mark.parametrize("gain", [-14, -20, -30])
@pytest.mark.parametrize("moment", [0.7, 1.0, 1.3, 1.6, 1.9])
def test_a_caller_is_heard_over_an_echo_that_jumps(silero, gain, moment):
    call = Call(silero)
    back = late(come_back(prompt("uk.sentence", "uk.menu"), gain), 1)
    at = int(moment * RATE)
    caller = spoken("ru.digits", -20)
    back[at : at + len(caller)] += caller[: len(back) - at]
    call.listener.plays(("uk.sentence", "uk.menu"))
    call.listener.listen(FREE)
    call.feed(back)

    assert 0 < call.voices[0] - (1 + moment) < 0.6


def test_a_caller_who_began_before_we_listened_is_heard_though_a_prompt_has_just_ended(silero):
    call = Call(silero)
    call.listener.plays(("uk.sentence",))
    call.feed(come_back(prompt("uk.sentence"), -14))
    call.listener.plays(("uk.menu",))
    caller = spoken("ru.digits", -20)
    call.feed(caller[: int(0.3 * RATE)])
    call.listener.listen(FREE)
    call.feed(caller[int(0.3 * RATE) :])

    assert call.voices != [] and call.voices[0] < 1 + len(prompt("uk.sentence")) / RATE + DELAY + 0.6


def test_what_was_played_long_ago_is_forgotten():
    echo = Echo(SOUNDS)
    rng = np.random.default_rng(5)
    for at in range(0, 600 * RATE, RATE):
        echo.plays((str(rng.choice(["uk.menu", "uk.yes"])),), at)

    assert len(echo._prompts) <= 4


def test_a_prompt_that_was_changed_is_known_too(tmp_path):
    (tmp_path / "changed").mkdir()
    clip = tmp_path / "changed/abc.alaw"
    clip.write_bytes(bytes(range(256)) * 40)
    echo = Echo(SOUNDS, tmp_path / "changed")
    echo.plays([str(clip.with_suffix(""))], 0)

    assert echo._played(0, 4000).any()


def test_a_callers_own_voice_that_is_played_to_them_is_not_read(tmp_path):
    told = tmp_path / "told.alaw"
    told.write_bytes(bytes(range(256)) * 40)
    echo = Echo(tmp_path)
    echo.plays([str(told.with_suffix(""))], 0)

    assert not echo._played(0, 4000).any()
