"""From texts to the committed audio: what changed is spoken again, what nobody says any more is removed.

Rules
1. ``audio/index.json`` tells of every clip what it says, who speaks, its length, the hash of its file, and
   the *recipe*: a hash of everything that the sound depends on. Another recipe means a stale clip.
2. ``talent/<language>/<clip>.wav``, recorded by a person, takes the place of the synthesiser. It is conditioned
   into ``audio/`` like every other clip, for Asterisk plays from one folder.
3. A recording is of one text. When the text changes, the recording is not used for the new one in silence: it
   is reported until someone records it again, deletes it, or says that it still holds.
4. An interrupted run loses nothing that was done.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from prompts import rhvoice, sound
from prompts.composer import HERE, SUFFIX, TRIES, Catalogue, Piece, cut, read_texts
from prompts.spoken import LANGUAGES, PAUSE, SILENCES, TONE, WORDLESS, Melody, Part

CHAIN = 2
"""Raise it when the way from text to sound changes in a way that no setting tells."""


@dataclass(frozen=True)
class Voice:
    """Who speaks a language, how fast (1.0 is the voice's own pace), and the carrier word (see ``rhvoice``)."""

    name: str
    rate: float
    carrier: str


VOICES = {
    "uk": Voice("Natalia", 0.93, "потім"),
    "ru": Voice("Elena", 0.93, "потом"),
    "en": Voice("Slt", 0.97, "please"),
}
"""Debian's copyright file has them under LGPL-2.1+ (docs/licences.md); a little slower than their habit."""


class Speaker(Protocol):
    """Who can speak; ``rhvoice.Engine`` does."""

    def say(self, text: str, voice: str, rate: float = 1.0) -> tuple[sound.Samples, int]: ...

    def say_before(
        self, text: str, joint: str, carrier: str, voice: str, rate: float = 1.0
    ) -> tuple[sound.Samples, int]: ...


@dataclass(frozen=True)
class Entry:
    """What the index knows of a clip. ``ms``: its length. ``recording``: hash of the talent's file, or ""."""

    text: str
    voice: str
    ms: int
    recipe: str
    sha256: str
    recording: str = ""


@dataclass
class Report:
    """What a rendering did. ``outdated``: recordings of another text, left alone (rule 3)."""

    spoken: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    kept: int = 0


def wanted(catalogue: Catalogue) -> dict[str, Part]:
    """Every clip that there must be, over all languages."""
    return {clip: part for lang in LANGUAGES for clip, part in catalogue.parts(lang).items()}


def tail_ms(part: Part) -> int:
    """Silence behind a clip: enough between sentences, none inside a number."""
    end = part.text[-1:]
    return {".": 200, "!": 200, "?": 200, ":": 120, ",": 80, ";": 80}.get(end, 60 if part.melody != "runs" else 0)


def recipe(clip: str, part: Part, recording: str = "") -> str:
    """Hash of everything that the sound of a clip depends on."""
    voice = VOICES.get(clip.partition("/")[0])
    chain = (CHAIN, sound.LEVEL_DB, sound.PEAK_DB, sound.LEAD_MS, sound.SILENT_DB, tail_ms(part))
    what = (part.text, recording) if recording else (part.text, part.melody, asdict(voice) if voice else None)
    return hashlib.sha256(repr((chain, what)).encode()).hexdigest()[:16]


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_index(folder: Path = HERE) -> dict[str, Entry]:
    """The index of ``folder/audio``; empty if there is none or if it is damaged."""
    try:
        raw = json.loads((folder / "audio/index.json").read_text("utf-8"))
        return {clip: Entry(**entry) for clip, entry in raw.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def write_index(index: dict[str, Entry], folder: Path = HERE) -> None:
    """One clip a line, sorted, so that a change of one text is a change of one line."""
    lines = []
    for clip in sorted(index):
        entry = {name: value for name, value in asdict(index[clip]).items() if value != ""}
        lines.append(f"{json.dumps(clip)}: {json.dumps(entry, ensure_ascii=False)}")
    path = folder / "audio/index.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    new.replace(path)


def sounds(folder: Path = HERE) -> dict[str, Path]:
    """The files of ``folder/audio``, by clip. Folders that aren't ours (a test's, a colleague's) don't count."""
    return _audio(folder, SUFFIX)


def strays(folder: Path = HERE) -> dict[str, Path]:
    """WAV files among them, by clip: no clips, though Asterisk could play them in the place of clips.

    Somebody may have recorded them, so nothing here touches them.
    """
    return _audio(folder, ".wav")


def _audio(folder: Path, suffix: str) -> dict[str, Path]:
    audio = folder / "audio"
    ours = (*LANGUAGES, PAUSE.partition("/")[0])
    found = (path for name in ours for path in sorted((audio / name).rglob(f"*{suffix}")))
    return {path.relative_to(audio).as_posix().removesuffix(suffix): path for path in found}


def recordings(folder: Path = HERE) -> dict[str, Path]:
    """The talent's files, by clip."""
    talent = folder / "talent"
    return {path.relative_to(talent).as_posix()[: -len(".wav")]: path for path in sorted(talent.rglob("*.wav"))}


def render(
    data: Path,
    folder: Path = HERE,
    *,
    everything: bool = False,
    accept: Collection[str] = (),
    speaker: Speaker | None = None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None,
) -> Report:
    """Bring ``folder/audio`` up to date with the texts and the talent's recordings.

    ``data`` is where RHVoice is kept; it is fetched only when something must be spoken. ``everything``: speak
    also what has not changed. ``accept``: clips whose recordings hold for the present text. ``speaker`` is used
    instead of RHVoice. ``progress`` is told what is at work, how many clips are done, and of how many (0 of 0
    while RHVoice is being fetched). Raises ``CatalogueError``, ``CannotSpeak``, ``BadRecording``.
    """
    catalogue = Catalogue(read_texts(folder), {}, folder)
    parts = wanted(catalogue)
    old = read_index(folder)
    recorded = recordings(folder)
    index: dict[str, Entry] = {}
    report = Report()
    todo: list[tuple[str, Part, str]] = []
    for clip, part in parts.items():
        recording = hash_of(recorded[clip]) if clip in recorded else ""
        entry = old.get(clip)
        path = folder / "audio" / f"{clip}{SUFFIX}"
        if entry and path.is_file():
            same_recording = recording and entry.recording == recording
            if same_recording and entry.text != part.text and clip not in accept:
                report.outdated.append(clip)
                index[clip] = entry
                continue
            if entry.recipe == recipe(clip, part, recording) and entry.sha256 == hash_of(path) and not everything:
                report.kept += 1
                index[clip] = entry
                continue
        todo.append((clip, part, recording))
    try:
        for number, (clip, part, recording) in enumerate(todo):
            progress(clip, number, len(todo))
            if clip in SILENCES:
                samples, voice = np.zeros(int(clip.rpartition("/")[2]) * sound.RATE // 1000), "silence"
            elif clip == TONE:
                samples, voice = sound.tone(), "tone"
            elif recording:
                samples, voice = _conditioned(recorded[clip], part), "talent"
                report.recorded.append(clip)
            else:
                if speaker is None:
                    speaker = engine(data, lambda what, _share: progress(what, 0, 0))
                samples, voice = spoken(speaker, clip, part)
                report.spoken.append(clip)
            path = folder / "audio" / f"{clip}{SUFFIX}"
            sound.write_clip(path, samples)
            length = len(samples) * 1000 // sound.RATE
            index[clip] = Entry(part.text, voice, length, recipe(clip, part, recording), hash_of(path), recording)
        progress("", len(todo), len(todo))
    finally:
        unfinished = {clip: entry for clip, entry in old.items() if clip in parts and clip not in index}
        write_index(index | unfinished, folder)
    for clip, path in sounds(folder).items():
        if clip not in parts:
            path.unlink()
            report.removed.append(clip)
    return report


def engine(data: Path, progress: rhvoice.Progress) -> rhvoice.Engine:
    """RHVoice, fetched if need be, with voices that may be shipped.  Raises CannotSpeak."""
    made = rhvoice.Engine(rhvoice.install(data, progress))
    for voice in VOICES.values():
        made.check_licence(voice.name)
    return made


def spoken(speaker: Speaker, clip: str, part: Part) -> tuple[sound.Samples, str]:
    """A clip as the synthesiser says it, and who speaks.  Raises CannotSpeak, BadRecording."""
    voice = VOICES[clip.partition("/")[0]]
    joints: dict[Melody, str] = {"runs": " ", "leads": ", "}
    text = part.text.rstrip(",;–") if part.melody == "leads" else part.text
    if joint := joints.get(part.melody):
        raw, rate = speaker.say_before(text, joint, voice.carrier, voice.name, voice.rate)
    else:
        raw, rate = speaker.say(text if text[-1] in ".!?:" else f"{text}.", voice.name, voice.rate)
    return sound.condition(raw, rate, tail_ms(part)), voice.name


def _conditioned(path: Path, part: Part) -> sound.Samples:
    raw, rate = sound.read(path)
    try:
        return sound.condition(raw, rate, tail_ms(part))
    except sound.BadRecording as fault:
        raise sound.BadRecording(f"{path}: {fault}") from None


# -- the script for a voice talent -----------------------------------------------------------------------

ENDINGS: dict[Melody, str] = {
    "runs": "runs on into the next words, without a stop",
    "leads": "leads on, as before a comma",
    "falls": "falls, as at a full stop",
}


def script(lang: str, folder: Path = HERE) -> str:
    """What a voice talent has to read in ``lang``: CSV with a heading, one clip a line, sentences first.

    Columns: the file to deliver (below ``talent/``), the text, what stands before and after it in its
    sentence, how it ends, and the note of the catalogue.
    """
    catalogue = Catalogue(read_texts(folder), {}, folder)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["file", "text", "before", "after", "ending", "note"])
    done: set[str] = set()
    parts = catalogue.parts(lang)
    for prompt, texts in catalogue.texts[lang].items():
        for which in TRIES:
            if which not in texts:
                continue
            pieces = cut(f"{lang}/{prompt}" if which == "text" else f"{lang}/{prompt}.{which}", texts[which])
            shown = [piece.text if isinstance(piece, Piece) else f"<{piece.name}>" for piece in pieces]
            for i, piece in enumerate(pieces):
                if isinstance(piece, Piece) and piece.clip:
                    around = ("".join(shown[:i]).strip(), "".join(shown[i + 1 :]).strip())
                    ending = ENDINGS[parts[piece.clip].melody]
                    table.writerow([f"{piece.clip}.wav", piece.spoken, *around, ending, texts.get("note", "")])
                    done.add(piece.clip)
    for clip, part in parts.items():
        if clip not in done and clip not in WORDLESS:
            table.writerow([f"{clip}.wav", part.text, "", "", ENDINGS[part.melody], ""])
    return out.getvalue()
