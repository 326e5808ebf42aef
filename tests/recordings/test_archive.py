"""What becomes of a tape: sealed, erased, or waiting; never lost, never kept without the notice."""

import fcntl
import hashlib
import os
import signal
import stat
import subprocess
import sys
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from domain import calls
from domain.calls import Line
from domain.model import Began, Outcome, Told
from domain.store import Store
from recordings import Archive, Unsettled

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
ENDED = AT + timedelta(seconds=3)


class Desk:
    """A store with one call, a spool with its tape, and the archive that settles it."""

    def __init__(self, folder):
        self.store = Store.open(f"sqlite:///{folder}/hotline.db")
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.archive = Archive(folder, self.spool, self.store)
        self.write(lambda c: calls.begin(c, Began("call-1", None, "100", AT), "controller"))

    def write(self, job):
        return self.store.write(job).result()

    def announced(self, interruption=None):
        self.write(lambda c: calls.append(c, "call-1", Line(0, AT, "record", "record", interruption=interruption)))
        return self

    def tape(self, seconds=3.0, *, caller=3000, prompts=8000, torn=b""):
        moments = int(seconds * 8000)
        tone = np.sin(np.arange(moments) / 5)
        samples = np.stack([tone * caller, tone * prompts], axis=1).astype("<i2")
        (self.spool / "call-1.raw").write_bytes(samples.tobytes() + torn)
        return samples

    def settle(self):
        return self.archive.settle("call-1", ENDED)

    def record(self):
        return self.store.read(lambda c: calls.recording(c, "call-1")).result()


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_a_tape_becomes_a_wav_of_the_same_samples_with_its_digest_in_the_store(desk):
    samples = desk.announced().tape()

    record = desk.settle()

    path = desk.archive.path(record)
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (2, 2, 8000)
        assert wav.readframes(wav.getnframes()) == samples.tobytes()
    assert record.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record.state, record.seconds, record.bytes, record.reason) == ("sealed", 3.0, path.stat().st_size, None)
    assert path.stat().st_mode & 0o077 == 0, "nobody else may hear it"
    assert desk.archive.waiting() == []
    assert desk.archive.verify(record)


@pytest.mark.parametrize("announced", [True, False])
def test_what_a_caller_heard_again_is_gone_with_the_call_also_when_its_controller_was_killed(desk, announced):
    desk.tape()
    clip = desk.archive.cutting.cut("call-1", AT, Told(AT, ENDED))
    if announced:
        desk.announced()
    desk.settle()
    assert not clip.exists()


def test_what_was_sealed_and_then_changed_is_found_out(desk):
    desk.announced().tape()
    record = desk.settle()
    path = desk.archive.path(record)
    path.write_bytes(path.read_bytes()[:-2] + b"xx")

    assert not desk.archive.verify(record)


def test_a_call_without_the_whole_notice_leaves_nothing(desk):
    desk.tape()

    record = desk.settle()

    assert (record.state, record.path, record.reason) == ("erased", None, "the notice was not heard to its end")
    assert desk.archive.waiting() == []
    assert not list(desk.archive.data.rglob("*.wav"))


def test_a_recording_turn_that_was_interrupted_does_not_count(desk):
    desk.announced(interruption="hung up").tape()

    assert desk.settle().state == "erased"


def test_a_missing_tape_is_noted_not_passed_over(desk):
    desk.announced()

    assert (desk.settle().state, desk.record().reason) == ("failed", "the exchange left no tape")


def test_a_tape_that_is_still_being_written_waits(desk):
    desk.announced().tape()
    with (desk.spool / "call-1.raw").open("ab") as still:
        still.write(b"1234")
        with pytest.raises(Unsettled, match="still being written"):
            desk.settle()

    assert desk.settle().state == "sealed"


def test_a_last_moment_torn_by_a_power_cut_is_left_out(desk):
    samples = desk.announced().tape(torn=b"\x01\x02\x03")

    assert desk.settle().seconds == len(samples) / 8000


@pytest.mark.parametrize(
    ("seconds", "caller", "prompts", "remark"),
    [
        (1.0, 3000, 8000, "it lasts 1.0 s and the call 3.0 s"),
        (3.0, 0, 8000, "no sound came from the caller"),
        (3.0, 3000, 0, "no prompt is on it"),
        (2.6, 3000, 8000, None),
        (0.0, 0, 0, "it lasts 0.0 s and the call 3.0 s; no sound came from the caller; no prompt is on it"),
    ],
)
def test_what_is_odd_about_a_recording_is_remarked_upon(desk, seconds, caller, prompts, remark):
    desk.announced().tape(seconds, caller=caller, prompts=prompts)

    assert desk.settle().reason == remark


def test_settling_twice_is_settling_once(desk):
    desk.announced().tape()
    first = desk.settle()

    assert desk.settle() == first


def test_cut_off_before_the_tape_was_removed_it_is_removed_the_next_time(desk):
    samples = desk.announced().tape()
    first = desk.settle()
    (desk.spool / "call-1.raw").write_bytes(samples.tobytes())

    assert desk.settle() == first
    assert desk.archive.waiting() == []


def test_cut_off_after_the_file_and_before_the_store_it_is_sealed_anew(desk, monkeypatch):
    desk.announced().tape()
    noted = desk.archive._note
    monkeypatch.setattr(desk.archive, "_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        desk.settle()
    assert desk.archive.waiting() == ["call-1"]

    monkeypatch.setattr(desk.archive, "_note", noted)
    assert desk.settle().state == "sealed"


def test_a_full_disk_keeps_the_tape_and_says_what_to_do(desk, monkeypatch):
    desk.announced().tape()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recordings.archive.os.fsync", full)
    with pytest.raises(Unsettled, match=r"No space left.*make room"):
        desk.settle()

    monkeypatch.undo()
    assert not list(desk.archive.data.rglob("*.partial"))
    assert desk.settle().state == "sealed"


def test_what_was_erased_is_never_sealed(desk):
    desk.tape()
    desk.settle()
    desk.announced().tape()

    assert desk.settle().state == "erased"
    assert desk.archive.waiting() == []


def test_the_outcome_of_the_call_has_no_say_in_it(desk):
    desk.announced().tape()
    desk.write(lambda c: calls.end(c, "call-1", Outcome.ABANDONED, at=ENDED))

    assert desk.settle().state == "sealed"


# Two that seal, one that is killed

KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from domain.store import Store
from recordings import Archive

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # in the midst of sealing: all is written, nothing is safe
folder = Path(sys.argv[1])
with Store.open(f"sqlite:///{folder}/hotline.db") as store:
    Archive(folder, folder / "spool", store).settle("call-1", datetime.fromisoformat(sys.argv[2]))
"""


def test_one_that_was_killed_while_sealing_leaves_no_sound_behind(desk):
    samples = desk.announced().tape()
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, desk.archive.data, str(ENDED)], check=False, cwd=ROOT)
        assert done.returncode == -signal.SIGKILL
    [left] = desk.archive.data.rglob("*.partial")
    assert left.stat().st_mode & 0o077 == 0

    record = desk.settle()

    assert not list(desk.archive.data.rglob("*.partial"))
    with wave.open(str(desk.archive.path(record))) as wav:
        assert wav.readframes(wav.getnframes()) == samples.tobytes()


def test_two_that_seal_the_same_call_do_not_write_into_each_other(desk):
    desk.announced().tape()
    partial = desk.archive.data / f"recordings/{AT:%Y/%m/%d}/call-1.wav.partial"
    partial.parent.mkdir(parents=True)

    with partial.open("wb") as others:
        fcntl.flock(others, fcntl.LOCK_EX)
        others.write(b"of another process")
        others.flush()
        with pytest.raises(Unsettled, match=r"call-1.wav.partial is being written by another process"):
            desk.settle()
        assert partial.read_bytes() == b"of another process"

    assert desk.settle().state == "sealed"
    assert desk.archive.waiting() == []


def test_a_recording_that_another_sealed_before_we_had_the_lock_is_not_written_into(desk, monkeypatch):
    desk.announced().tape()
    target = desk.archive.data / f"recordings/{AT:%Y/%m/%d}/call-1.wav"
    kept = target.with_name("seen by another")
    locked = fcntl.flock

    def first_the_other(file, how):
        monkeypatch.setattr("recordings.archive.fcntl.flock", locked)
        partial = target.with_name("call-1.wav.partial")
        partial.write_bytes(b"sealed by another process")
        partial.rename(target)
        os.link(target, kept)
        return locked(file, how)

    monkeypatch.setattr("recordings.archive.fcntl.flock", first_the_other)

    assert desk.settle().state == "sealed"
    assert kept.read_bytes() == b"sealed by another process"


def test_the_folders_of_recordings_are_their_owners_alone(desk):
    old = os.umask(0o022)
    try:
        desk.announced().tape()
        desk.settle()
    finally:
        os.umask(old)

    folders = [path for path in desk.archive.data.glob("recordings/**/") if path.is_dir()]
    assert len(folders) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
