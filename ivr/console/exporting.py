"""A call as a file for people outside: sound, vCon, or everything as a bundle for a court.

Rules
1. A call that goes on, or whose recording isn't sealed yet, is not given away: what left would not be the whole.
2. Masked copies show and sound nothing that is hidden in the console from who may not see it (`hidden`, `masked`).
   A transcript that is no good is left out of them, as its sound is.
3. What can't be given says why in one word (`NotNow`), which the console and the command line put into sentences.
4. Names of files are made of digits and letters that no header, shell or file system takes for anything else.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from domain import masking, trail
from domain.calls import CallRecord, RecordingRecord
from domain.evidence import CallFile, Proof
from domain.phone import e164
from domain.store import Connection
from domain.tables import RecordingState, TranscriptState
from domain.transcripts import Transcript
from ivr.console import hidden as places
from ivr.console.bundling import Export, bundle
from ivr.console.web.masked import hidden
from ivr.story import Event, Story, story
from recordings import export, vcon
from recordings.export import CannotExport, Gone, Sound
from recordings.masking import Span

LONGEST_WAV: Final = 600.0
"""Seconds of sound that a vCon holds as WAV; a longer one is Opus, at a sixth of the size."""
ORGANISATION: Final = "Оператор системи розподілу"
"""Who runs the hotline, where the settings don't say."""
KYIV: Final = ZoneInfo("Europe/Kyiv")
_STRANGE: Final = re.compile(r"[^A-Za-z0-9.-]+")


class Format(StrEnum):
    """What a call can be exported as."""

    WAV = "wav"
    OPUS = "opus"
    VCON = "vcon"
    BUNDLE = "bundle"


class Why(StrEnum):
    """Why there is nothing to give."""

    LIVE = "live"
    SEALING = "sealing"
    NONE = "none"
    ERASED = "erased"
    FAILED = "failed"


STATUS: Final = {Why.LIVE: 409, Why.SEALING: 409, Why.NONE: 404, Why.ERASED: 410, Why.FAILED: 404}
"""In HTTP's words."""


class NotNow(CannotExport):
    """The state of the call or of its recording is why not."""

    def __init__(self, why: Why, detail: str | None = None) -> None:
        super().__init__(f"{_SAID[why]}{f': {detail}' if detail else ''}")
        self.why = why
        self.detail = detail


_SAID: Final = {
    Why.LIVE: "the call goes on: export it when it is over",
    Why.SEALING: "its recording is not sealed yet: try again in a minute",
    Why.NONE: "no recording of it was ever noted",
    Why.ERASED: "its recording was erased",
    Why.FAILED: "there is no recording of it",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.  masked: personal data hidden; a bundle never is.  who: for the trail; reason: theirs.

    at: now, UTC.  row: of the trail, where this is noted.  organisation, host: of the company, for vCons.
    """

    format: Format
    masked: bool
    who: str
    reason: str
    at: datetime
    row: int | None = None
    organisation: str = ORGANISATION
    host: str = vcon.HOST


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was made.  name: to save it as.  hidden: parts of the sound."""

    name: str
    media: str
    hidden: Sequence[Span] = ()


MEDIA: Final = {
    Format.WAV: "audio/wav",
    Format.OPUS: "audio/ogg",
    Format.VCON: vcon.MEDIA,
    Format.BUNDLE: "application/zip",
}
SOUND: Final = frozenset({Format.WAV, Format.OPUS})
"""Nothing without a recording."""
SUFFIX: Final = {Format.WAV: ".wav", Format.OPUS: ".opus", Format.VCON: vcon.SUFFIX, Format.BUNDLE: ".zip"}


def why_not(record: CallRecord, kept: RecordingRecord | None, *, sound: bool = True) -> NotNow | None:
    """Why nothing can be given of this call now; None when it can.  sound: the format is nothing without it."""
    if record.ended_at is None:
        return NotNow(Why.LIVE)
    if kept is None:
        return NotNow(Why.NONE) if sound else None
    match kept.state:
        case RecordingState.SEALED:
            return None
        case RecordingState.RECORDING:
            return NotNow(Why.SEALING)
        case RecordingState.ERASED:
            return NotNow(Why.ERASED, kept.reason) if sound else None
        case RecordingState.FAILED:
            return NotNow(Why.FAILED, kept.reason) if sound else None


def make(file: CallFile, order: Order, data: Path, out: IO[bytes], proof: Proof | None = None) -> Made:
    """Make the file in `out`, which is empty and can be rewound.  Blocks; for a worker thread.

    proof: for a bundle.  Raises CannotExport (NotNow, Gone, Changed, NoRoom), NotAVcon, OSError.
    """
    wanted = order.format
    if fault := why_not(file.record, file.recording, sound=wanted in SOUND):
        raise fault
    told = story(file.record, file.lines, file.moments)
    masked = order.masked and wanted is not Format.BUNDLE
    spans = hidden_parts(file, told) if masked else []
    match wanted:
        case Format.WAV | Format.OPUS:
            write = export.wav if wanted is Format.WAV else export.opus
            write(path_of(file.recording, data), _sha256(file), spans, out)
        case Format.VCON:
            content = vcon.written(conversation(file, told, order, data, spans))
            with export.room():
                out.write(content)
        case Format.BUNDLE:
            assert proof is not None, "a bundle has the trail's proof"
            bundle(file, told, proof, Export(order.who, order.reason, order.at, order.row), _sealed(file, data), out)
    return Made(filename(file, order), MEDIA[wanted], spans)


def hidden_parts(file: CallFile, told: Story) -> list[Span]:
    """The parts of the recording that a masked copy hides."""
    seconds = (file.recording.seconds if file.recording else None) or 0.0
    return places.spans(told, file.moments, file.transcripts, seconds)


def path_of(kept: RecordingRecord | None, data: Path) -> Path:
    """Where a recording lies.  Raises Gone for a path that leads out of the archive: never one that we wrote."""
    archive = (data / "recordings").resolve()
    path = (data / str(kept.path if kept else "")).resolve()
    if not path.is_relative_to(archive) or path == archive:
        raise Gone("the store names a place for it that is not in the archive")
    return path


def filename(file: CallFile, order: Order) -> str:
    """hotline-20261122-142501-vm-1.7-masked.wav: when it was in Kyiv, which call, what."""
    when = file.record.began.at.astimezone(KYIV)
    call = _STRANGE.sub("-", file.call).strip("-.")[:60] or "call"
    masked = "-masked" if order.masked and order.format is not Format.BUNDLE else ""
    return f"hotline-{when:%Y%m%d-%H%M%S}-{call}{masked}{SUFFIX[order.format]}"


# The trail


def noted(conn: Connection, call: str, order: Order) -> Order:
    """The trail knows of it from now on; the order with the number of its row."""
    row = trail.note(
        conn, order.who, "call.exported", of=call, reason=order.reason, at=order.at, format=order.format.value,
        masked=order.masked,
    )  # fmt: skip
    return replace(order, row=row)


def failed(conn: Connection, call: str, order: Order, why: str, at: datetime) -> None:
    """The export that was noted came to nothing."""
    trail.note(conn, order.who, "export.failed", of=call, at=at, row=order.row, why=why)


# vCon


def conversation(file: CallFile, told: Story, order: Order, data: Path, spans: Sequence[Span]) -> vcon.Conversation:
    """What the vCon of this call is made from; masked as ordered.  Raises CannotExport, OSError."""
    record, began = file.record, file.record.began
    events = hidden(told.events) if order.masked else list(told.events)
    tel = None if order.masked else e164(began.caller)
    sound = None if why_not(file.record, file.recording) else _sound(file, order, data, spans)
    keys = [
        vcon.Key(began.at + timedelta(seconds=event.at), event.label)
        for event in events
        if event.kind == "key" and event.label != masking.HIDDEN[0]
    ]
    people = next((event.label or "agents" for event in events if event.kind == "handed_over"), None)
    return vcon.Conversation(
        call=file.call, began=began.at, made=order.at, subject=f"hotline call: {record.outcome}",
        organisation=order.organisation, tel=tel, people=people, sound=sound, keys=keys,
        transcripts=[_transcript(each, began.at, order.masked) for each in file.transcripts if _shown(each, order)],
        attached=_attached(file, events, spans), masked=order.masked, host=order.host,
    )  # fmt: skip


def _sound(file: CallFile, order: Order, data: Path, spans: Sequence[Span]) -> vcon.Sound:
    assert file.recording is not None and file.recording.seconds is not None
    kind = Sound.WAV if file.recording.seconds <= LONGEST_WAV else Sound.OPUS
    write: Callable[..., None] = export.wav if kind is Sound.WAV else export.opus
    content = BytesIO()
    write(path_of(file.recording, data), _sha256(file), spans, content)
    name = filename(file, Order(Format(kind.value), order.masked, "", "", order.at))
    return vcon.Sound(content.getvalue(), export.MEDIA[kind], name, file.recording.seconds)


def _shown(each: Transcript, order: Order) -> bool:
    done = each.state is TranscriptState.DONE
    return done and (each.remark is None or not order.masked)


def _transcript(each: Transcript, began: datetime, masked: bool) -> vcon.Transcript:
    first = (each.told.began - began).total_seconds()
    texts = [word.text for word in each.words]
    shown = masking.masked(texts) if masked else texts
    words = [
        (text, max(0.0, first + word.began), max(0.0, first + word.ended), word.confidence)
        for text, word in zip(shown, each.words, strict=True)
    ]
    return vcon.Transcript(each.engine, each.model or each.engine, each.language, words)


def _attached(file: CallFile, events: Sequence[Event], spans: Sequence[Span]) -> list[vcon.Attached]:
    kept = file.recording
    facts: dict[str, Any] = {
        "call": file.call,
        "outcome": file.record.outcome,
        "recording": None if kept is None else {"state": kept.state, "sealed_sha256": kept.sha256},
        "hidden": [{"from": round(each.began, 3), "to": round(each.ended, 3), "what": each.why} for each in spans],
    }
    return [
        vcon.Attached("what happened, in seconds of the recording", [plain(asdict(event)) for event in events]),
        vcon.Attached("integrity and masking", plain(facts)),
    ]


def plain(value: Any) -> Any:
    """What JSON can hold; instants and words as text."""
    return json.loads(json.dumps(value, ensure_ascii=False, default=str))


# How


def _sha256(file: CallFile) -> str | None:
    return file.recording.sha256 if file.recording else None


def _sealed(file: CallFile, data: Path) -> Callable[[IO[bytes]], object] | None:
    """Writes the recording as it was sealed; None where there is none."""
    if file.recording is None or file.recording.state is not RecordingState.SEALED:
        return None
    path, sha256 = path_of(file.recording, data), file.recording.sha256
    return lambda out: export.sealed(path, sha256, out)
