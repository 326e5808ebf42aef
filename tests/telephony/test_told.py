"""A caller hears again what they told, cut from the tape of their own call: proved by that tape."""

import asyncio
import wave
from datetime import UTC, datetime

import numpy as np
import pytest

from domain import transcripts
from ivr.dialog.monologue import told
from ivr.service.transcriber import Desk
from ivr.simulator.phone import hold
from ivr.simulator.scenario import Listens, Presses, Says, Scenario
from ivr.speech.models import BUILT_IN
from ivr.speech.transcribe import Vosk
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


def write_down(house, call):
    """What `ivr transcribe` makes of it afterwards: the words, as those who may see everything see them."""
    engine = Vosk(BUILT_IN)
    desk = Desk(house.store, house.settings.data, [engine], lambda: datetime.now(UTC))
    desk.all()
    [transcript] = house.store.read(lambda conn: transcripts.of_call(conn, call, clear=True)).result()
    return transcript


@pytest.mark.parametrize("speech", [True, False], ids=["voice is heard", "keys only"])
def test_what_is_played_back_is_what_the_caller_said(asterisk, tmp_path, index, voices, speech):
    async def main():
        async with open_hotline(asterisk, tmp_path, flow="main_menu", speech=speech) as house:
            scenario = Scenario(about="tells", steps=CALL, caller="+380440000001")
            await hold(scenario, house.address, index, voices=voices)
            result = await came(house)
            written = await asyncio.to_thread(write_down, house, result.call.began.call)
            return result, list(house.server.config.spool.glob("told/*")), written

    result, left, written = asyncio.run(main())

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
    words = [word.text for word in written.words]
    assert len(set(words) & set(STORY.split())) >= 7, "most of it was understood"
    assert all(span.seconds + 1 > word.ended > word.began >= 0 for word in written.words)
