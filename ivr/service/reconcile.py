"""Asterisk's record of calls against ours: every call has one outcome, one journal, and one recording or a reason for
none; and what we have, Asterisk has seen.

Rules
1. Asterisk's record (`ivr.service.cel`) is read first, the store afterwards, so that whatever is in both is found in
   both.  What happens meanwhile, and what ended less than `SETTLING` ago, is in progress and no discrepancy.
2. A call that people gave back to us is one call: one channel, one row, one journal.
3. A reason is written down: an erased recording has one, a call that no controller took has one; silence is none.
4. What Asterisk's record doesn't reach back to is proved as far as the store goes, and counted.
5. Memory is bounded; files are hashed only when asked (`hashes`), for that reads every recording.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from domain import audit
from domain.audit import Kept
from domain.model import Outcome
from domain.store import Store
from ivr.service.cel import Cel, Seen
from recordings.archive import SLACK

T = TypeVar("T")

SETTLING: Final = timedelta(minutes=2)
"""How long after its end a call may still be put in order: sealing waits until the exchange lets go of the tape."""
LONGEST: Final = timedelta(hours=5)
"""No call lasts longer: the dialplan ends ours and the agents' part."""
NOBODY: Final = "nobody"
"""The driver of a call that no controller took (`ivr.service.aftermath`)."""
_PAGE: Final = 500


class Discrepancy(StrEnum):
    """What can be wrong.  What to do about it is in `ADVICE`."""

    NOT_IN_STORE = "not in the store"
    NO_OUTCOME = "no outcome"
    NO_JOURNAL = "no journal"
    GAP = "a gap in the journal"
    NO_RECORDING = "no recording noted"
    NOT_SETTLED = "recording not settled"
    NO_REASON = "no recording and no reason"
    TOLD_NOWHERE = "told, and not in the recording"
    DRAFT_DESERTED = "a draft without a call back"
    FILE_MISSING = "recording file missing"
    FILE_CHANGED = "recording file changed"
    FILE_KEPT = "erased recording still there"
    UNSEEN = "unknown to Asterisk"
    STRAY_FILE = "file of no recording"
    STRAY_TAPE = "tape of no open call"
    UNREADABLE = "Asterisk's record damaged"
    NOT_COVERED = "Asterisk's record too short"


_RUN = "let the hotline run (`ivr up`): it looks for calls and tapes that were left; then reconcile again"
ADVICE: Final = {
    Discrepancy.NOT_IN_STORE: f"{_RUN}; if it stays, the store was restored from an older copy, or changed by hand",
    Discrepancy.NO_OUTCOME: _RUN,
    Discrepancy.NO_JOURNAL: "no controller wrote a line though one had the call: look for it in the log of that time",
    Discrepancy.GAP: "lines were removed, or the store was restored: compare with a copy of the store",
    Discrepancy.NO_RECORDING: _RUN,
    Discrepancy.NOT_SETTLED: f"{_RUN}; if it stays, the log says why the tape can't be sealed (disk full, rights)",
    Discrepancy.NO_REASON: "find out from the log of that time why there is none",
    Discrepancy.TOLD_NOWHERE: "what the caller told can't be heard: call them, and ask again",
    Discrepancy.DRAFT_DESERTED: "call the customer and complete the draft; and see why nobody works within a month",
    Discrepancy.FILE_MISSING: "restore the file from a copy of the data directory",
    Discrepancy.FILE_CHANGED: "it isn't what was sealed: restore it from a copy, and find out who changed it",
    Discrepancy.FILE_KEPT: "it should have been erased: delete the file",
    Discrepancy.UNSEEN: "no call of Asterisk: a test, another Asterisk's call, or a row made by hand",
    Discrepancy.STRAY_FILE: "nothing in the store speaks of it: find out where it is from before you delete it",
    Discrepancy.STRAY_TAPE: _RUN,
    Discrepancy.UNREADABLE: "the disk was full or the machine lost power: what stood there can't be reconciled",
    Discrepancy.NOT_COVERED: "reconcile more often than Asterisk's logs are thrown away, or keep more of them",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.  call: its id, or the file's name.  about: what is wrong, in words."""

    kind: Discrepancy
    call: str
    about: str


@dataclass(slots=True)
class Report:
    """What was compared.

    calls: in the store and proved.  seen: in Asterisk's record.  in_progress: not looked at yet.
    before: calls of the store from before Asterisk's record.  sealed, erased, failed: recordings, the last ones with
    their reasons.  hashed: files whose SHA-256 was computed.  found: discrepancies by kind.
    """

    since: datetime | None = None
    seen: int = 0
    calls: int = 0
    in_progress: int = 0
    before: int = 0
    sealed: int = 0
    erased: int = 0
    failed: int = 0
    hashed: int = 0
    found: Counter[Discrepancy] = field(default_factory=Counter[Discrepancy])

    @property
    def clean(self) -> bool:
        return not self.found


def reconcile(
    data: Path,
    store: Store,
    now: Callable[[], datetime],
    *,
    tell: Callable[[Finding], None],
    since: datetime | None = None,
    hashes: bool = False,
) -> Report:
    """Compare everything from `since` on (None: all that there is) and tell of every discrepancy as it is found.

    data: the data directory.  now: the clock, timezone-aware UTC.  Raises StoreFault, OSError.
    """
    began = now()
    try:
        with Cel(data / "exchange", data) as cel:
            return _Comparison(data, store, cel, began, since, hashes, tell).run()
    except sqlite3.OperationalError as fault:  # the temporary file's; the store's faults are its own
        raise OSError(f"what Asterisk recorded doesn't fit into {data} ({fault}): make room there") from fault


class _Comparison:
    def __init__(
        self, data: Path, store: Store, cel: Cel, now: datetime, since: datetime | None, hashes: bool,
        tell: Callable[[Finding], None],
    ) -> None:  # fmt: skip
        self.data, self.store, self.cel, self.now, self.since, self.hashes = data, store, cel, now, since, hashes
        self._tell = tell
        self.report = Report(since=max(filter(None, (cel.since, since)), default=None))

    def run(self) -> Report:
        if self.cel.unreadable:
            self._found(Discrepancy.UNREADABLE, str(self.data), f"{self.cel.unreadable} lines can't be read")
        if self.since and (self.cel.since is None or self.cel.since > self.since):
            reaches = f"reaches back to {self.cel.since:%Y-%m-%d %H:%M:%S}" if self.cel.since else "is empty"
            self._found(
                Discrepancy.NOT_COVERED, str(self.data),
                f"asked for calls since {self.since:%Y-%m-%d %H:%M:%S} UTC, but it {reaches}",
            )  # fmt: skip
        self._from_asterisk()
        self._from_store()
        self._files()
        self._tapes()
        return self.report

    def _found(self, kind: Discrepancy, call: str, about: str) -> None:
        self.report.found[kind] += 1
        self._tell(Finding(kind, call, about))

    # Asterisk -> store

    def _from_asterisk(self) -> None:
        for seen in _pages(self.cel.calls(self.since)):
            self.report.seen += len(seen)
            kept = self.store.read(lambda conn, of=[each.call for each in seen]: audit.of(conn, of)).result()
            for each in seen:
                if each.call not in kept and not self._goes_on(each):
                    about = (
                        f"Asterisk answered it at {each.began:%Y-%m-%d %H:%M:%S} UTC; the store knows nothing of it"
                    )
                    if each.whole:
                        self._found(Discrepancy.NOT_IN_STORE, each.call, about)
                elif each.call not in kept:
                    self.report.in_progress += 1

    def _goes_on(self, seen: Seen) -> bool:
        """It is not over, or has been for so short a time that it may still be put in order."""
        if not seen.ended:
            return self.now - seen.last < LONGEST
        return self.now - seen.last < SETTLING

    # Store -> Asterisk, and within the store

    def _from_store(self) -> None:
        after = ""
        while page := self.store.read(lambda conn, a=after: audit.page(conn, a, _PAGE, self.since)).result():
            after = page[-1].call
            for kept in page:
                self._call(kept)

    def _call(self, kept: Kept) -> None:
        seen = self.cel.of(kept.call)
        if self._in_progress(kept, seen):
            self.report.in_progress += 1
            return
        self.report.calls += 1
        if seen is None:
            if self.cel.since is None or kept.began_at < self.cel.since:
                self.report.before += 1
            else:
                self._found(
                    Discrepancy.UNSEEN, kept.call, f"the store has it since {kept.began_at:%Y-%m-%d %H:%M:%S} UTC"
                )
        for kind, about in (*faults(kept), *stories(kept)):
            self._found(kind, kept.call, about)
        self._recording(kept)

    def _in_progress(self, kept: Kept, seen: Seen | None) -> bool:
        if kept.began_at > self.now:
            return True
        if _settled(kept):
            return False
        if seen is None:
            return self.now - (kept.ended_at or kept.began_at) < SETTLING
        return self._goes_on(seen)

    def _recording(self, kept: Kept) -> None:
        """Its file, when there should be one, and when there should be none."""
        record = kept.recording
        if record is None:
            return
        match record.state:
            case "sealed":
                self.report.sealed += 1
            case "erased":
                self.report.erased += 1
            case "failed":
                self.report.failed += 1
            case _:
                return
        if record.path is None:
            return
        path = self.data / record.path
        if record.state != "sealed":
            if path.exists():
                self._found(Discrepancy.FILE_KEPT, kept.call, f"{record.path}; erased because: {record.reason}")
            return
        try:
            size = path.stat().st_size
            if size != record.bytes:
                self._found(
                    Discrepancy.FILE_CHANGED, kept.call, f"{record.path} has {size} bytes, not {record.bytes}"
                )
            elif self.hashes:
                self.report.hashed += 1
                if _sha256(path) != record.sha256:
                    self._found(Discrepancy.FILE_CHANGED, kept.call, f"{record.path} has another SHA-256 than noted")
        except FileNotFoundError:
            self._found(Discrepancy.FILE_MISSING, kept.call, str(record.path))

    # Files

    def _files(self) -> None:
        """What lies in the archive and no row speaks of."""
        for paths in _pages(self._archived()):
            names = [_call_of(path) for path in paths]
            noted = self.store.read(lambda conn, of=names: audit.recorded(conn, of)).result()
            for path, call in zip(paths, names, strict=True):
                relative = path.relative_to(self.data)
                record = noted.get(call)
                if record is not None and record.path == str(relative):
                    continue
                if self._fresh(path):
                    continue  # being sealed
                self._found(Discrepancy.STRAY_FILE, path.name, f"{relative}, {path.stat().st_size} bytes")

    def _archived(self) -> Iterator[Path]:
        """Files of the archive, day by day."""
        for day in sorted((self.data / "recordings").glob("[0-9]*/[0-9]*/[0-9]*")):
            if self.since is None or _day(day) >= self.since.date() - timedelta(days=1):
                yield from (path for path in sorted(day.iterdir()) if path.is_file())

    def _tapes(self) -> None:
        """Raw tapes whose calls are over."""
        for paths in _pages(sorted((self.data / "exchange" / "raw").glob("*.raw"))):
            kept = self.store.read(lambda conn, of=[p.stem for p in paths]: audit.of(conn, of)).result()
            for path in paths:
                call = kept.get(path.stem)
                seen = self.cel.of(path.stem)
                going_on = self._fresh(path) or (seen is not None and self._goes_on(seen))
                if not going_on and (call is None or call.outcome is not None):
                    self._found(Discrepancy.STRAY_TAPE, path.stem, f"{path.relative_to(self.data)} is still there")

    def _fresh(self, path: Path) -> bool:
        try:
            return self.now.timestamp() - path.stat().st_mtime < SETTLING.total_seconds()
        except FileNotFoundError:
            return True  # gone meanwhile: sealed, or put in its place


def faults(kept: Kept) -> Iterator[tuple[Discrepancy, str]]:
    """What is wrong with a call that is over, by the store alone."""
    if kept.outcome is None:
        yield Discrepancy.NO_OUTCOME, f"it began at {kept.began_at:%Y-%m-%d %H:%M:%S} UTC and has no end"
    if kept.lines == 0:
        excused = kept.outcome is Outcome.LOST and kept.driver == NOBODY and kept.because
        if not excused:
            yield Discrepancy.NO_JOURNAL, f"conducted by {kept.driver}, outcome {kept.outcome or 'none'}"
    elif (kept.first, kept.last) != (0, kept.lines - 1):
        yield Discrepancy.GAP, f"{kept.lines} lines, numbered {kept.first} to {kept.last}"
    record = kept.recording
    if record is None:
        yield Discrepancy.NO_RECORDING, "neither a recording nor a reason for none is noted"
    elif record.state == "recording":
        yield Discrepancy.NOT_SETTLED, "noted as being made, and the call is over"
    elif record.state != "sealed" and not record.reason:
        yield Discrepancy.NO_REASON, f"noted as {record.state}"
    elif record.state == "sealed" and not (record.path and record.sha256 and record.bytes is not None):
        yield Discrepancy.NO_REASON, "noted as sealed, without its file, size or SHA-256"


def stories(kept: Kept) -> Iterator[tuple[Discrepancy, str]]:
    """What is wrong with what was told in a call that is over."""
    record = kept.recording
    for story in kept.stories:
        began = (story.told.began - kept.began_at).total_seconds()
        ended = (story.told.ended - kept.began_at).total_seconds()
        if record is None or record.state != "sealed":
            if record is None or record.state != "recording":  # else it is told that it isn't settled
                yield Discrepancy.TOLD_NOWHERE, f"request {story.number}: there is no recording"
        elif began < 0 or ended > (record.seconds or 0.0) + 2 * SLACK:
            where = f"second {began:.1f} to {ended:.1f} of {record.seconds or 0.0:.1f}"
            yield Discrepancy.TOLD_NOWHERE, f"request {story.number}: it is noted from {where}"
        if story.deserted:
            yield Discrepancy.DRAFT_DESERTED, f"request {story.number}: we know the number, and nobody will call"


def _settled(kept: Kept) -> bool:
    return kept.outcome is not None and kept.recording is not None and kept.recording.state != "recording"


def _pages(found: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(found)
    while page := list(islice(rest, _PAGE)):
        yield page


def _call_of(path: Path) -> str:
    """The call whose recording this is: its id may hold dots, the endings of our files don't vary."""
    return path.name.removesuffix(".partial").removesuffix(".wav")


def _day(folder: Path) -> date:
    try:
        return date(*(int(part) for part in folder.parts[-3:]))
    except ValueError:
        return date.max  # no day: looked at always


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def worst(found: Counter[Discrepancy]) -> Sequence[Discrepancy]:
    """The kinds that were found, in the order in which they are best looked at."""
    return [kind for kind in Discrepancy if found[kind]]
