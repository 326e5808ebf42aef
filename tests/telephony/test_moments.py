"""What is noted of a call, against the sound of its recording."""

import asyncio
import wave

import numpy as np
import pytest

from domain import moments
from domain.moments import Kind
from ivr.story import story
from prompts.composer import HERE
from prompts.sound import read_clip
from tests.telephony.world import came, dial, open_hotline, steps

pytestmark = pytest.mark.telephony

RATE = 8000
CLOSE = 0.3
"""Seconds that people who click on a moment would not notice, where the recording is as long as the call: on a
machine out of breath it loses some."""
AT_ONCE = 0.1
CALL = (
    "language", "3", "account", 1.5, "1000000083", "value_single", 1.5, "104700#", "value_again", "700#",
    "read_back", "1", "receipt", "hangs up",
)  # fmt: skip
OF_ONE_CLIP = ("notice", "account", "value_single")


def found_at(sound, clip):
    """Where the beginning of this clip is in the sound, in seconds: the peak of their correlation."""
    sought = clip[: int(0.8 * RATE)]
    size = len(sound) + len(sought)
    likeness = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(sought, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(sound**2)])
    power = np.sqrt(energy[len(sought) :] - energy[: -len(sought)] + 1e-6)
    likeness = likeness[: len(power)] / power
    at = int(np.argmax(likeness))
    assert likeness[at] > 0.5 * np.sqrt(np.sum(sought**2)), "it is there at all"
    return at / RATE


def test_moments_are_where_the_recording_has_their_sound(asterisk, tmp_path, index):
    async def main():
        async with open_hotline(asterisk, tmp_path) as house:
            caller = await dial(house, index, steps(*CALL))
            result = await came(house)
            call = result.call.began.call
            happened = await asyncio.wrap_future(house.store.read(lambda conn: moments.of_call(conn, call)))
            return result, happened, caller

    result, happened, caller = asyncio.run(main())
    told = story(result.call, result.journal, happened)
    with wave.open(str(tmp_path / result.recording.path)) as wav:
        both = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2) / 32768
    prompts = {event.label: event for event in told.events if event.kind == "prompt"}
    by_ear = {heard.clip.key: heard.first_packet - caller.answered.at for heard in caller.heard}
    for name in OF_ONE_CLIP:
        assert by_ear[name] == pytest.approx(prompts[name].at, abs=AT_ONCE), "as the caller heard it"

    lost = max(0.0, caller.hangup.at - caller.answered.at - result.recording.seconds)
    off = {}
    for name in OF_ONE_CLIP:
        clip = read_clip(HERE / "audio/en" / f"{name}.alaw")
        off[name] = found_at(both[:, 1], clip) - prompts[name].at
    print("seconds that the sound comes after its moment:", off, "lost by the recording:", lost)
    assert all(-CLOSE - lost < late < CLOSE for late in off.values()), off

    stopped = prompts["value_single"]
    assert stopped.facts["by"] == "key"
    loud = np.flatnonzero(np.abs(both[int(stopped.at * RATE) : int((stopped.until + 1) * RATE), 1]) > 0.03)
    again = prompts["value_again"].at - stopped.at - lost - CLOSE  # its sound may come as much before its moment
    silent = loud[loud < again * RATE][-1] / RATE + stopped.at
    assert silent - off["value_single"] == pytest.approx(stopped.until, abs=CLOSE)
    pressed = "".join(event.label for event in told.events if event.kind == "key")
    assert pressed == "".join(step for step in CALL if isinstance(step, str) and step[0].isdigit())
    assert told.events[-1].at <= result.recording.seconds + CLOSE
    assert next(one for one in happened if one.kind == Kind.FLOW).facts["flow"] == "meter_reading"
