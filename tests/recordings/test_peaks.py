"""The waveform of a recording: true to the samples, made in time, never in the way."""

import stat
import struct
import wave
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as shapes

from domain import calls
from domain.calls import Line
from domain.model import Began
from domain.store import Store
from recordings import Archive, peaks
from recordings.peaks import Maker, NoPeaks, Peaks

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
NAME = "recordings/2026/10/01/vm-1.7.wav"


def wav(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(samples.astype("<i2").tobytes())


def noise(seconds, *, caller, prompts, seed=1):
    rng = np.random.default_rng(seed)
    loud = np.array([caller, prompts])
    return np.clip(rng.standard_normal((int(seconds * 8000), 2)) * loud / 3, -32768, 32767)


@given(shapes.arrays(np.int16, st.tuples(st.integers(0, 700), st.just(2))), st.sampled_from([80, 160, 400]))
def test_each_piece_has_the_lowest_and_highest_of_its_samples(samples, chunk):
    maker = Maker(len(samples))
    for start in range(0, len(samples), chunk * 2):
        maker.take(samples[start : start + chunk * 2].astype("<i2").tobytes())
    made = maker.made()

    assert len(made.low) == -(-len(samples) // maker.piece)
    for n in range(len(made.low)):
        piece = samples[n * maker.piece : (n + 1) * maker.piece]
        assert made.low[n].tolist() == piece.min(axis=0).tolist()
        assert made.high[n].tolist() == piece.max(axis=0).tolist()


@pytest.mark.parametrize(("minutes", "per_second"), [(0, 100), (12, 100), (13, 50), (60, 20), (61, 10), (600, 2)])
def test_no_recording_has_more_pieces_than_an_hour_of_twentieths(minutes, per_second):
    maker = Maker(minutes * 60 * 8000)

    assert 8000 / maker.piece == per_second


def test_what_is_kept_is_read_as_it_was_and_by_audiowaveforms_rules(tmp_path):
    wav(tmp_path / NAME, noise(3.03, caller=2000, prompts=9000))
    made = peaks.had(tmp_path, NAME)
    kept = peaks.place(tmp_path, NAME)

    assert kept == tmp_path / "peaks/2026/10/01/vm-1.7.dat"
    version, flags, rate, piece, length, channels = struct.unpack_from("<iIiiIi", kept.read_bytes())
    assert (version, flags, rate, piece, length, channels) == (2, 0, 8000, 80, 303, 2)
    first = struct.unpack_from("<hhhh", kept.read_bytes(), 24)
    assert first == (made.low[0][0], made.high[0][0], made.low[0][1], made.high[0][1])
    again = peaks.read(kept)
    assert np.array_equal(again.low, made.low) and np.array_equal(again.high, made.high)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in kept.parents[:4]} == {0o700}


@pytest.mark.parametrize("damage", [b"", b"xy", b"\0" * 400, None])
def test_what_is_missing_or_damaged_is_made_anew_from_the_sound(tmp_path, damage):
    wav(tmp_path / NAME, noise(2, caller=2000, prompts=9000))
    good = peaks.had(tmp_path, NAME)
    kept = peaks.place(tmp_path, NAME)
    if damage is None:
        kept.unlink()
    else:
        kept.write_bytes(damage)

    again = peaks.had(tmp_path, NAME)

    assert np.array_equal(again.high, good.high)
    assert np.array_equal(peaks.read(kept).high, good.high)


def test_without_room_they_are_made_and_not_kept(tmp_path):
    wav(tmp_path / NAME, noise(2, caller=2000, prompts=9000))
    (tmp_path / "peaks").write_text("a file in the place of the folder")

    assert peaks.had(tmp_path, NAME).seconds == 2


def test_of_what_is_no_recording_or_gone_nothing_is_drawn(tmp_path):
    with pytest.raises(NoPeaks, match="can't be read"):
        peaks.had(tmp_path, NAME)
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(b"RIFF of nothing")
    with pytest.raises(NoPeaks, match="no recording of ours"):
        peaks.had(tmp_path, NAME)


def test_levels_go_from_nothing_to_full():
    low = np.array([[0, -32768], [-256, 0]], np.int16)
    high = np.array([[0, 5], [100, 32767]], np.int16)
    made = Peaks(8000, 80, low, high)

    assert made.levels(0) == [0, 1]
    assert made.levels(1) == [127, 127]


# Silence


def spans(*parts):
    made = Maker(sum(int(part[0] * 8000) for part in parts))
    sound = np.concatenate([noise(seconds, caller=c, prompts=p, seed=n) for n, (seconds, c, p) in enumerate(parts)])
    made.take(sound.astype("<i2").tobytes())
    return made.made().silence()


def test_silence_is_where_neither_side_is_heard():
    found = spans((2, 0, 9000), (3, 20, 0), (2, 3000, 0), (4, 20, 0), (1, 20, 9000))

    assert found == [(2.2, 4.8), (7.2, 10.8)]


def test_a_short_pause_is_not_silence():
    assert spans((2, 0, 9000), (1.4, 0, 0), (2, 0, 9000)) == []


def test_a_noisy_line_is_silent_while_nobody_speaks_over_its_noise():
    assert spans((2, 200, 9000), (3, 200, 0), (2, 6000, 0)) == [(2.2, 4.8)]


def test_a_quiet_caller_is_not_skipped():
    """-40 dBFS is a caller who holds the telephone away; the line itself is at -66."""
    assert spans((5, 16, 9000), (3, 330, 0), (2, 16, 9000)) == []


def test_an_empty_recording_has_neither_waveform_nor_silence(tmp_path):
    wav(tmp_path / NAME, np.zeros((0, 2)))

    made = peaks.had(tmp_path, NAME)

    assert (made.seconds, made.levels(0), made.silence()) == (0, [], [])


# In the archive


@pytest.fixture
def archive(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as store:
        (tmp_path / "spool").mkdir()
        made = Archive(tmp_path, tmp_path / "spool", store)
        store.write(lambda c: calls.begin(c, Began("vm-1.7", None, "100", AT), "a")).result()
        store.write(lambda c: calls.append(c, "vm-1.7", Line(0, AT, "record", "record"))).result()
        sound = noise(21.37, caller=2000, prompts=9000).astype("<i2")  # more than two chunks, and a torn piece
        (tmp_path / "spool" / "vm-1.7.raw").write_bytes(sound.tobytes())
        yield made


def test_sealing_leaves_the_same_waveform_as_the_sound_itself(archive):
    record = archive.settle("vm-1.7", AT + timedelta(seconds=21.37))

    kept = peaks.read(peaks.place(archive.data, record.path))
    made = peaks.of_wav(str(archive.path(record)))
    assert kept.piece == made.piece == 80
    assert np.array_equal(kept.low, made.low) and np.array_equal(kept.high, made.high)


def test_a_waveform_that_can_not_be_kept_stops_no_sealing(archive):
    (archive.data / "peaks").write_text("in the way")

    assert archive.settle("vm-1.7", AT + timedelta(seconds=21.37)).state == "sealed"


def test_erasing_a_recording_erases_its_waveform_and_says_why(archive):
    record = archive.settle("vm-1.7", AT + timedelta(seconds=21.37))

    erased = archive.erase(record, "its time is over", AT)

    assert (erased.state, erased.reason) == ("erased", "its time is over")
    assert not archive.path(record).exists()
    assert not peaks.place(archive.data, record.path).exists()
