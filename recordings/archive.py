"""From the exchange's raw tape to a sealed recording.

Rules
1. A recording is kept only if the caller heard the notice to its end; else it is erased, and that is noted.
2. Sealing may be cut off anywhere and run again: the raw tape goes last, after the file and its SHA-256 are safe.
3. The tape is touched only when the exchange has let go of it (a read lease is refused while anybody writes).
4. One process at a time seals a call, into one file `<call>.wav.partial`, which its lock makes its own; whoever comes
   after one that was killed takes that file over.
5. What is sealed is checked: as long as the call, a sound from each side; what is odd is noted, not hidden.
6. Its waveform is made in the same pass (`recordings.peaks`); without room for that, it is made when it is looked at.

The tape is headerless (s16le, 8 kHz, two channels: caller, prompts), so that a power cut costs its last second and
not the whole of it; a sealed recording is a standard WAV of the same samples.
"""

import fcntl
import hashlib
import logging
import os
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from domain import calls
from domain.store import Connection, Store
from recordings import peaks
from recordings.cutting import Cutting

log = logging.getLogger(__name__)

RATE: Final = 8000
"""Samples a second, of each channel."""
FRAME: Final = 4
"""Bytes of one moment: two channels of 16 bits."""
SLACK: Final = 0.5
"""Seconds by which a recording may differ from its call without a note."""
AUDIBLE: Final = 100
"""A channel whose loudest sample stays below this (of 32767) carried no sound."""
_CHUNK: Final = RATE * FRAME * 10


class Unsettled(Exception):
    """The tape can't be settled yet, or the disk refuses; it stays where it is, to be tried again."""


@dataclass(slots=True)
class Tape:
    """What a raw tape holds.  seconds: its length; loudest: the loudest sample of caller and prompts."""

    wave: peaks.Maker
    bytes: int = 0
    loudest: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def seconds(self) -> float:
        return self.bytes / FRAME / RATE


class Archive:
    """The recordings of one data directory.  spool: where the exchange writes tapes, named `<call>.raw`.

    cutting: parts of tapes that are still being made.
    """

    def __init__(self, data: Path, spool: Path, store: Store) -> None:
        self.data = data
        self.spool = spool
        self._store = store
        self.cutting = Cutting(spool)

    def settle(self, call: str, ended: datetime) -> calls.RecordingRecord:
        """Seal or erase the tape of a call that is over, and note it.  Blocks; for a worker thread.

        ended: when the caller was gone.  May be called again and again.  Raises `Unsettled`.
        """
        self.cutting.forget_call(call)
        record, began, may_be_kept = self._store.read(lambda conn: _facts(conn, call)).result()
        tape = self.spool / f"{call}.raw"
        if record is not None and record.state in ("sealed", "erased"):
            tape.unlink(missing_ok=True)  # noted already: we were cut off just before this
            return record
        if not tape.exists():
            return self._note(lambda c: calls.recording_failed(c, call, "the exchange left no tape", ended), call)
        try:
            with tape.open("rb") as file:
                if _still_written(file.fileno()):
                    raise Unsettled(f"the tape of call {call} is still being written")
                if not may_be_kept:
                    return self._erase(call, tape, ended)
                assert began is not None, f"call {call} has a journal but never began"
                return self._seal(call, tape, began, ended)
        except OSError as fault:
            raise Unsettled(
                f"the tape of call {call} can't be sealed ({fault}); it stays in {self.spool}: "
                "make room, or mend the rights of the folder, and it is tried again"
            ) from fault

    def waiting(self) -> list[str]:
        """The calls whose tapes lie in the spool, of calls in progress too."""
        return sorted(tape.stem for tape in self.spool.glob("*.raw"))

    def written(self, call: str, otherwise: datetime) -> datetime:
        """When the tape of this call was last written to; `otherwise` when there is none."""
        try:
            return datetime.fromtimestamp((self.spool / f"{call}.raw").stat().st_mtime, UTC)
        except FileNotFoundError:
            return otherwise

    def path(self, record: calls.RecordingRecord) -> Path:
        """Where a sealed recording lies."""
        return self.data / str(record.path)

    def verify(self, record: calls.RecordingRecord) -> bool:
        """Whether a sealed recording is still what was sealed."""
        return _sha256(self.path(record)) == record.sha256

    def erase(self, record: calls.RecordingRecord, reason: str, at: datetime) -> calls.RecordingRecord:
        """Erase a sealed recording, its waveform and what was written down from it; the store keeps that and why.

        Noted first, so that who is cut off here is found out by the proof (a file that no recording is).
        Raises OSError, StoreFault.
        """
        erased = self._note(lambda c: calls.recording_erased(c, record.call, reason, at), record.call)
        if record.path is not None:
            self.path(record).unlink(missing_ok=True)
            peaks.forget(self.data, record.path)
        log.info("call %s: recording erased: %s", record.call, reason)
        return erased

    def _erase(self, call: str, tape: Path, ended: datetime) -> calls.RecordingRecord:
        reason = "the notice was not heard to its end"
        record = self._note(lambda c: calls.recording_erased(c, call, reason, ended), call)
        tape.unlink(missing_ok=True)
        log.info("call %s: recording erased: %s", call, reason)
        return record

    def _seal(self, call: str, tape: Path, at: datetime, ended: datetime) -> calls.RecordingRecord:
        name = Path("recordings", f"{at:%Y}", f"{at:%m}", f"{at:%d}", f"{call}.wav")
        self._make_folder(name.parent)
        held = _write_wav(tape, self.data / name)
        self._keep_wave(held, name)
        odd = _odd(held, (ended - at).total_seconds())
        if odd:
            log.info("call %s: recording sealed; remark: %s", call, odd)
        digest = _sha256(self.data / name)
        record = self._note(
            lambda c: calls.recording_sealed(
                c,
                call,
                str(name),
                sha256=digest,
                seconds=held.seconds,
                bytes=(self.data / name).stat().st_size,
                at=ended,
                remark=odd or None,
            ),
            call,
        )
        tape.unlink(missing_ok=True)
        return record

    def _keep_wave(self, held: Tape, name: Path) -> None:
        try:
            peaks.write(held.wave.made(), peaks.place(self.data, name))
        except OSError as fault:
            log.warning("the waveform of %s can't be kept (%s); it is made when it is looked at", name, fault)

    def _make_folder(self, name: Path) -> None:
        """A folder of the archive, and those above it, readable by us only."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (*reversed(name.parents), name):
            (self.data / folder).mkdir(mode=0o700, exist_ok=True)

    def _note(self, job: Callable[[Connection], object], call: str) -> calls.RecordingRecord:
        def noted(conn: Connection) -> calls.RecordingRecord:
            job(conn)
            record = calls.recording(conn, call)
            assert record is not None
            return record

        return self._store.write(noted).result()


def _facts(conn: Connection, call: str) -> tuple[calls.RecordingRecord | None, datetime | None, bool]:
    """What is noted of the recording, when the call began, and whether its tape may be kept.

    The journal says that: the turn `record` comes only after the notice was heard to its end.
    """
    record, known = calls.recording(conn, call), calls.one(conn, call)
    announced = any(line.label == "record" and line.interruption is None for line in calls.lines(conn, call))
    return record, known.began.at if known else None, announced


def _still_written(descriptor: int) -> bool:
    """Whether anybody has the file open for writing: the kernel grants no read lease then (fcntl(2))."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _write_wav(tape: Path, target: Path) -> Tape:
    """The tape as a WAV at `target`, whole or not at all, and on the disk when this returns.

    Raises Unsettled while another process does the same.
    """
    held = Tape(peaks.Maker(tape.stat().st_size // FRAME, RATE))
    partial = target.with_name(f"{target.name}.partial")
    with _alone(partial) as file:
        try:
            with tape.open("rb") as raw, wave.open(file, "wb") as wav:
                wav.setparams((2, 2, RATE, 0, "NONE", "not compressed"))
                while chunk := raw.read(_CHUNK):
                    chunk = chunk[: len(chunk) - len(chunk) % FRAME]  # a power cut may tear the last moment
                    wav.writeframesraw(chunk)
                    _listen(held, chunk)
            file.flush()
            os.fsync(file.fileno())
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    return held


@contextmanager
def _alone(partial: Path) -> Iterator[BinaryIO]:
    """The file `partial`, empty and ours until the end.  Raises Unsettled while it is another's."""
    while True:
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unsettled(f"{partial.name} is being written by another process") from None
            if not _lies_at(partial, file):
                continue  # between our open and our lock its owner was done with it: it is a sealed recording now
            file.truncate()  # what one that was killed had written
            yield file
            return


def _lies_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _listen(held: Tape, chunk: bytes) -> None:
    held.bytes += len(chunk)
    held.loudest = [max(each) for each in zip(held.loudest, held.wave.take(chunk), strict=True)]


def _odd(held: Tape, lasted: float) -> str:
    """What a listener should know about this recording, or nothing."""
    remarks: list[str] = []
    if abs(held.seconds - lasted) > SLACK:
        remarks.append(f"it lasts {held.seconds:.1f} s and the call {lasted:.1f} s")
    if held.loudest[0] < AUDIBLE:
        remarks.append("no sound came from the caller")
    if held.loudest[1] < AUDIBLE:
        remarks.append("no prompt is on it")
    return "; ".join(remarks)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
