"""A sealed recording as a file: the same samples, or none at all and the reason."""

import errno
import hashlib
import io
import os
import wave

import numpy as np
import pytest
import soundfile

from recordings import export
from recordings.export import CannotExport, Changed, Gone, NoRoom
from recordings.masking import Span

RATE = 8000


@pytest.fixture
def sealed(tmp_path):
    """25 seconds: more than two chunks, the last one odd.  (path, sha256, samples)"""
    at = np.arange(25 * RATE + 7) / RATE
    voice = 9000 * np.sin(2 * np.pi * (300 + 40 * at) * at) * (np.sin(2 * np.pi * 0.5 * at) > -0.3)
    samples = np.stack([voice / 2, voice], axis=1).astype("<i2")
    path = tmp_path / "vm-1.7.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(samples.tobytes())
    return path, hashlib.sha256(path.read_bytes()).hexdigest(), samples


def read(out):
    out.seek(0)
    with wave.open(out) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def test_as_sealed_is_byte_for_byte(sealed):
    path, sha256, _ = sealed
    out = io.BytesIO()

    assert export.sealed(path, sha256, out) == path.stat().st_size
    assert out.getvalue() == path.read_bytes()


def test_a_wav_without_hidden_parts_is_the_sealed_file(sealed):
    path, sha256, _ = sealed
    out = io.BytesIO()
    export.wav(path, sha256, [], out)

    assert out.getvalue() == path.read_bytes()


def test_a_masked_wav_differs_in_the_hidden_parts_alone(sealed):
    path, sha256, samples = sealed
    out = io.BytesIO()
    export.wav(path, sha256, [Span(9.5, 11.0), Span(24.0, 25.0)], out)

    found = read(out)
    same = (found == samples).all(axis=1)
    assert same[: int(9.5 * RATE)].all() and same[11 * RATE : 24 * RATE].all() and same[25 * RATE :].all()
    assert same[int(9.5 * RATE) : 11 * RATE].mean() < 0.05


def test_the_same_copy_twice_is_the_same_file(sealed):
    path, sha256, _ = sealed
    first, second = io.BytesIO(), io.BytesIO()
    for out in (first, second):
        export.wav(path, sha256, [Span(3, 4)], out)

    assert first.getvalue() == second.getvalue()


def test_opus_has_two_channels_at_8_khz_as_long_as_the_call_and_sounds_the_same(sealed):
    path, sha256, samples = sealed
    out = io.BytesIO()
    export.opus(path, sha256, [Span(9.5, 11.0)], out)
    out.seek(0)

    assert out.getvalue()[:4] == b"OggS" and b"OpusHead" in out.getvalue()[:64]
    assert len(out.getvalue()) < path.stat().st_size / 2
    found, rate = soundfile.read(out, dtype="int16")
    assert (rate, found.shape[1]) == (RATE, 2)
    assert abs(len(found) - len(samples)) < 0.1 * RATE
    assert max(_alike(found, samples, 2 * RATE, 8 * RATE, shift) for shift in range(-80, 81)) > 0.9
    assert max(_alike(found, samples, 10 * RATE, 10 * RATE + 4000, shift) for shift in range(-80, 81, 4)) < 0.5


def _alike(found, samples, first, last, shift):
    return float(np.corrcoef(found[first + shift : last + shift, 1], samples[first:last, 1])[0, 1])


@pytest.mark.parametrize("how", ["sealed", "wav", "opus"])
def test_a_file_that_was_changed_by_one_bit_is_not_given_away(sealed, how):
    path, sha256, _ = sealed
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)

    with pytest.raises(Changed, match="not what was sealed: restore it"):
        _make(how, path, sha256)
    assert not export.verified(path, sha256)


@pytest.mark.parametrize("how", ["sealed", "wav", "opus"])
def test_a_file_that_is_gone_is_told_to_be(sealed, how):
    path, sha256, _ = sealed
    path.unlink()

    with pytest.raises(Gone, match="not in the archive: restore it"):
        _make(how, path, sha256)
    with pytest.raises(Gone):
        export.verified(path, sha256)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF1234WAVEfmt " + b"\0" * 100])
def test_what_is_no_recording_of_ours_is_refused(sealed, content):
    path, _, _ = sealed
    path.write_bytes(content)

    with pytest.raises(Changed, match=r"vm-1\.7\.wav"):
        _make("wav", path, hashlib.sha256(content).hexdigest())


def _make(how, path, sha256, out=None):
    out = io.BytesIO() if out is None else out
    if how == "sealed":
        export.sealed(path, sha256, out)
    else:
        getattr(export, how)(path, sha256, [], out)


class FullDisk(io.BytesIO):
    """Has room for so many bytes."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.parametrize("how", ["sealed", "wav", "opus"])
@pytest.mark.parametrize("room", [0, 30_000])
def test_a_full_disk_is_told_as_what_it_is(sealed, how, room):
    path, sha256, _ = sealed

    with pytest.raises(NoRoom, match="make room"):
        _make(how, path, sha256, FullDisk(room))


def test_a_library_without_opus_says_what_to_do(sealed, monkeypatch):
    path, sha256, _ = sealed
    monkeypatch.setattr(soundfile, "available_subtypes", lambda _: {"VORBIS": "Vorbis"})

    with pytest.raises(CannotExport, match="take it as WAV"):
        _make("opus", path, sha256)


def test_another_fault_of_the_disk_stays_what_it_is(sealed):
    path, sha256, _ = sealed
    path.unlink()
    path.mkdir()

    with pytest.raises(IsADirectoryError):
        _make("wav", path, sha256)
