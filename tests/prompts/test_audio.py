"""The committed catalogue and its sound are complete, fresh and fit for the telephone."""

import re
from pathlib import Path

import numpy as np
import pytest

from prompts import Catalogue, sound
from prompts.checker import BYTES, check
from prompts.composer import HERE
from prompts.render import VOICES, read_index, sounds, wanted
from prompts.spoken import SILENCES

AUDIO = HERE / "audio"
FILES = sounds()


def test_nothing_is_missing_stale_or_unfit() -> None:
    assert check(Catalogue.load()) == []


def test_the_checkers_own_list_of_clips_is_what_lies_there() -> None:
    assert FILES.keys() == wanted(Catalogue.load()).keys() == read_index().keys()


def test_every_clip_is_in_whole_packets_and_even() -> None:
    levels: dict[str, float] = {}
    onsets: list[float] = []  # milliseconds until -44 dB of full scale
    for clip, path in FILES.items():
        raw = path.read_bytes()
        assert len(raw) % 160 == 0, path
        if clip in SILENCES:
            assert raw == b"\xd5" * int(clip.rpartition("/")[2]) * 8  # the nought of A-law
            continue
        samples = sound.read_clip(path)
        levels[clip] = sound.active_db(samples)
        onsets.append(float(np.flatnonzero(np.abs(samples) > 0.006)[0]) / 8)
        assert np.abs(samples).max() < 0.75, f"{clip} is near the limit"
    assert max(levels.values()) - min(levels.values()) < 2.0
    assert np.percentile(onsets, 99) < 30
    assert max(onsets) < 70  # "цифри": most of a soft hiss lies above the telephone's band


def test_the_audio_keeps_to_its_size() -> None:
    assert sum(path.stat().st_size for path in FILES.values()) < BYTES


def test_file_names_are_plain_ascii() -> None:
    assert all(re.fullmatch(r"[a-z0-9_./]+", clip) for clip in FILES)


def test_every_voice_that_speaks_is_named_in_the_attribution() -> None:
    attribution = (AUDIO / "ATTRIBUTION.md").read_text("utf-8")
    speaking = {entry.voice for entry in read_index().values()} - {"silence", "tone"}
    assert speaking <= {voice.name for voice in VOICES.values()} | {"talent"}
    assert all(voice in attribution for voice in speaking)


# -- the way from a recording to a clip ---------------------------------------------------------------------


def tone(hertz: float, seconds: float, rate: int, gain: float = 0.2) -> sound.Samples:
    return gain * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_resampling_keeps_a_tone_and_its_place(rate: int) -> None:
    heard = sound.to_telephone(tone(1000, 0.5, rate), rate)
    wanted_tone = tone(1000, 0.5, 8000)
    assert abs(len(heard) - 4000) <= 1
    assert np.abs(heard[400:3600] - wanted_tone[400:3600]).max() < 0.01


@pytest.mark.parametrize("hertz", [20.0, 4400.0, 5000.0, 7000.0, 11_000.0])
def test_what_a_telephone_cannot_carry_is_gone_and_not_folded_back(hertz: float) -> None:
    heard = sound.to_telephone(tone(hertz, 0.5, 24_000), 24_000)
    assert sound.active_db(heard[800:-800]) < -60


@pytest.mark.parametrize("gain", [0.003, 0.05, 0.9])
@pytest.mark.parametrize(("before", "behind"), [(0.0, 0.0), (0.5, 0.3), (0.013, 0.007)])
def test_a_recording_is_trimmed_levelled_and_padded(gain: float, before: float, behind: float) -> None:
    rate = 44_100
    voice = tone(300, 0.7, rate, gain) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * np.arange(int(0.7 * rate)) / rate))
    raw = np.concatenate([np.zeros(int(before * rate)), voice, np.zeros(int(behind * rate))])
    clip = sound.condition(raw, rate, tail_ms=100)
    lead, tail = sound.silence_ms(clip)
    assert lead <= 20
    assert 95 <= tail <= 145
    assert len(clip) % sound.FRAME == 0
    assert sound.active_db(clip) == pytest.approx(sound.LEVEL_DB, abs=0.5)


def test_peaks_are_limited_without_touching_what_is_below() -> None:
    quiet, loud = tone(440, 0.1, 8000, 0.3), tone(440, 0.1, 8000, 1.5)
    assert np.array_equal(sound.limit(quiet), quiet)
    assert np.abs(sound.limit(loud)).max() <= 10 ** (sound.PEAK_DB / 20)


def test_silence_and_slow_recordings_are_refused() -> None:
    with pytest.raises(sound.BadRecording, match="silent"):
        sound.condition(np.zeros(16_000), 16_000, 100)
    with pytest.raises(sound.BadRecording, match="6000 Hz"):
        sound.condition(tone(300, 1, 6000), 6000, 100)


def test_a_file_that_is_no_sound_is_refused_with_advice(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"RIFF\x00\x00\x00\x00WAVE"):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(sound.BadRecording, match="save it as WAV"):
            sound.read(tmp_path / "x.wav")


@pytest.mark.parametrize("gain", [0.01, 0.1, 0.7])
def test_a_clip_loses_no_more_than_g711_must(tmp_path: Path, gain: float) -> None:
    written = tone(700, 0.1, 8000, gain)
    sound.write_clip(tmp_path / "a/b.alaw", written)
    samples = sound.read_clip(tmp_path / "a/b.alaw")
    noise = samples - written
    assert (np.abs(noise) <= np.maximum(np.abs(written) / 32, 2**-12) + 2**-15).all()  # half a step
    assert 10 * np.log10((written**2).mean() / (noise**2).mean()) > 33  # dB, which G.712 asks of a whole channel
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.alaw"]


def test_what_was_a_law_once_loses_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "every.alaw").write_bytes(bytes(range(256)))
    sound.write_clip(tmp_path / "again.alaw", sound.read_clip(tmp_path / "every.alaw"))
    assert (tmp_path / "again.alaw").read_bytes() == bytes(range(256))
