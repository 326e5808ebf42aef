"""The scripted caller speaks in a real call: what they said is on the recording, as loud as it was said."""

import asyncio
import wave

import numpy as np
import pytest

from ivr.simulator.acoustics import SPEECH_DB
from ivr.simulator.phone import hold
from ivr.simulator.scenario import Acoustics, Scenario
from ivr.simulator.voices import CALLERS, Voices
from tests.telephony.world import came, open_hotline

pytestmark = pytest.mark.telephony


def recorded(asterisk, folder, index, voices, *steps, codec="PCMA", **more):
    """The caller's side of the recording (8 kHz, -1 to 1), and the caller."""
    scenario = Scenario(about="speaks", steps=list(steps), caller="+380440000001", **more)

    async def main():
        async with open_hotline(asterisk, folder) as house:
            caller = await hold(scenario, house.address, index, voices=voices, codec=codec)
            return await came(house), caller

    result, caller = asyncio.run(main())
    with wave.open(str(folder / result.recording.path)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
    return samples[:, 0] / 32768, caller


def likeness(heard, said) -> float:
    """The greatest correlation of what was said with what is on the tape, 0 to 1."""
    said = said / np.sqrt(np.sum(said.astype(float) ** 2))
    count = 1 << (len(heard) + len(said)).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, count) * np.conj(np.fft.rfft(said, count)), count)[: len(heard)]
    energy = np.convolve(heard**2, np.ones(len(said)), "full")[len(said) - 1 :][: len(heard)]
    return float(np.max(np.abs(match) / np.sqrt(np.maximum(energy, 1e-3))))


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_what_a_caller_says_is_on_the_tape_word_for_word(asterisk, tmp_path, index, voices, codec):
    heard, _ = recorded(
        asterisk, tmp_path, index, voices,
        {"hears": "notice"}, "listens", {"say": "двадцять п'ять"}, {"waits": 0.5}, "hangs up", codec=codec,
    )  # fmt: skip

    said = voices.say("двадцять п'ять", CALLERS["uk"][0])
    assert likeness(heard, said / 32768) > 0.98
    assert likeness(heard, voices.say("сорок шість", CALLERS["uk"][0]) / 32768) < 0.6, "and not just anything"


def test_words_over_a_noisy_line_are_as_noisy_on_the_tape_and_so_is_the_silence_around_them(
    asterisk, tmp_path, index, voices: Voices
):
    heard, _ = recorded(
        asterisk, tmp_path, index, voices,
        {"hears": "notice"}, "listens", {"say": "двадцять п'ять"}, {"waits": 0.5}, "hangs up",
        acoustics=Acoustics(noise="white", snr=10.0, loss=0.05),
    )  # fmt: skip

    silent = heard[8000:16000]
    assert 10 * np.log10(np.mean(silent**2)) == pytest.approx(SPEECH_DB - 10, abs=1.5)
    assert 0.6 < likeness(heard, voices.say("двадцять п'ять", CALLERS["uk"][0]) / 32768) < 0.97
