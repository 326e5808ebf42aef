"""A caller hears again what they told, cut from the tape of their own call: proved by that tape."""

import asyncio
import wave

import numpy as np
import pytest

from ivr.dialog.monologue import told
from ivr.simulator.phone import hold
from ivr.simulator.scenario import Listens, Presses, Says, Scenario
from tests.telephony.world import came, open_hotline, steps

pytestmark = pytest.mark.telephony

RATE = 8000
STORY = "п'ять шість сім вісім дев'ять десять двадцять тридцять сорок п'ятдесят"
CALL = steps(
    "menu", "3", "request_kind", "1", "request_topic", "2", "your_account", "1", "tone", Listens(),
    Says(say=STORY), 0.5, Presses(keys="#"), "told_menu", "1", "played_back", "told_menu", "3", "contact_shown",
    "1", "reply_by", "1", "request_registered", "hangs up",
)  # fmt: skip


def likeness(part, whole):
    """Of the best place of `part` in `whole`, 0 to 1."""
    part, whole = part - part.mean(), whole - whole.mean()
    size = 1 << (len(whole) + len(part)).bit_length()
    found = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)[: len(whole) - len(part)]
    energy = np.convolve(whole**2, np.ones(len(part)), "valid")[: len(found)]
    return float(np.max(found / np.sqrt(np.maximum(energy, 1.0) * (part @ part))))


@pytest.mark.parametrize("speech", [True, False], ids=["voice is heard", "keys only"])
def test_what_is_played_back_is_what_the_caller_said(asterisk, tmp_path, index, voices, speech):
    async def main():
        async with open_hotline(asterisk, tmp_path, flow="main_menu", speech=speech) as house:
            scenario = Scenario(about="tells", steps=CALL, caller="+380440000001")
            await hold(scenario, house.address, index, voices=voices)
            return await came(house), list(house.server.config.spool.glob("told/*"))

    result, left = asyncio.run(main())

    assert left == [], "nothing of it stays but the recording"
    again = next(line for line in result.journal if line.label == "played_back")
    assert again.interruption is None
    span = told(result.heard("tell")[0])
    assert 2.0 < span.seconds < 12.0
    with wave.open(str(tmp_path / result.recording.path)) as file:
        tape = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    began = result.call.began.at
    first, last = (round((moment - began).total_seconds() * RATE) for moment in (span.began, span.ended))
    over = round((again.at - began).total_seconds() * RATE)
    played = tape[over - (last - first) - 2 * RATE : over + RATE, 1]
    assert likeness(tape[first:last, 0], played) > 0.9
