"""From a changed text or a recording to a version that may go live.

Rules
1. What a version says is all there: clips whose words did not change are carried over (from the version before, or
   from what is shipped), so that a person's recording is kept where it still holds and nowhere else.
2. A recording is judged by what is in it, never by its name: WAV, PCM of 16 bit, mono or stereo, 8 to 48 kHz.  It
   goes through the same code as those of ``prompts/talent`` (``sound.condition``) and is kept as it came, besides.
3. ``faults`` says everything that is in the way of going live, each with the line that it concerns; nothing goes live
   while it says anything.
"""

import hashlib
import io
import wave
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from domain.wording import Clip, Texts, Version
from prompts import sound
from prompts.checker import Fault, loops, places, unfit, written
from prompts.checker import faults as faults_of_texts
from prompts.composer import TRIES, Catalogue
from prompts.overlay import Unusable, clips_below, keep, originals_below, overlaid, pieces, sound_of
from prompts.render import VOICES, read_index, tail_ms
from prompts.spoken import WORDLESS, Part

TALENT: Final = "talent"
LEGAL: Final = frozenset({"notice", "notice_again"})
"""By these callers learn that they are recorded.  The law wants it said: they change by no slip of a hand."""
LONGEST_TEXT: Final = 1000
"""Letters of a line: a minute and a half of speech, which nobody listens to."""
LONGEST_CLIP: Final = 90.0
SHORTEST_CLIP: Final = 0.1
"""Seconds."""
LARGEST: Final = 12_000_000
"""Bytes of a recording: a minute of 48 kHz in stereo."""
RATES: Final = (8000, 48000)
QUIET_DB: Final = -45.0
"""Active speech level below which a recording would bring its noise along when it is raised, in dB of full scale."""
CLIPPED: Final = 0.001
"""From this share of samples on that stand at full scale, a recording was made too loud to be mended."""


class Refused(Exception):
    """A recording that can't be used.  code: why, for whoever says it in another language; facts: what it names."""

    def __init__(self, code: str, message: str, **facts: str) -> None:
        self.code, self.facts = code, facts
        super().__init__(message)


@dataclass(frozen=True)
class Plan:
    """What a version needs.  ready: clips that are carried over; missing: what is still to be spoken or recorded."""

    ready: Mapping[str, Clip]
    missing: Mapping[str, Part]


def tidy(text: str) -> str:
    """What somebody typed, without line ends and doubled blanks."""
    return " ".join(text.split())


def texts_of(catalogue: Catalogue, lang: str, prompt: str) -> Texts:
    """The lines as they are heard now."""
    lines = catalogue.texts[lang][prompt]
    return Texts(lines.get("text"), lines.get("second"), lines.get("third"))


def needed(shipped: Catalogue, lang: str, prompt: str, texts: Texts) -> dict[str, Part]:
    """The clips of a version.  ``prompt`` may be the name of a part of numbers (``n/45``), whose text is fixed."""
    if prompt not in shipped.texts[lang]:
        part = shipped.tongues[lang].parts.get(f"{lang}/{prompt}")
        return {f"{lang}/{prompt}": part} if part and f"{lang}/{prompt}" not in WORDLESS else {}
    lines = texts.lines() or texts_of(shipped, lang, prompt).lines()
    return pieces(lang, prompt, lines)


def plan(shipped: Catalogue, lang: str, prompt: str, texts: Texts, before: Iterable[Version], data: Path) -> Plan:
    """What of a new version is there already.  before: whose clips may be carried over, the dearest first.

    Raises OSError when a clip can't be kept.
    """
    folder = clips_below(data)
    index = read_index(shipped.folder)
    known: dict[tuple[str, str], Clip] = {}
    for version in before:
        for clip in version.clips:
            if isinstance(sound_of(folder, clip), Path):
                known.setdefault((clip.said, clip.melody), clip)
    ready: dict[str, Clip] = {}
    missing: dict[str, Part] = {}
    for name, part in needed(shipped, lang, prompt, texts).items():
        old = known.get((part.text, part.melody))
        if old:
            ready[name] = Clip(name, part.text, part.melody, old.sha256, old.ms, old.voice, old.original)
            continue
        entry, path = index.get(name), shipped.folder / "audio" / f"{name}.alaw"
        same = shipped.parts(lang).get(name) == part
        if same and entry and entry.text == part.text and path.is_file():
            content = path.read_bytes()
            sha = keep(folder, content)
            ready[name] = Clip(name, part.text, part.melody, sha, _ms(content), entry.voice)
            continue
        missing[name] = part
    return Plan(ready, missing)


def made(data: Path, name: str, part: Part, content: bytes, voice: str, original: str | None = None) -> Clip:
    """A clip that was just made, kept.  content: bare A-law.  Raises OSError."""
    sha = keep(clips_below(data), content)
    return Clip(name, part.text, part.melody, sha, _ms(content), voice, original)


def take_in(data: Path, name: str, part: Part, recording: bytes) -> Clip:
    """What a person recorded, as the clip ``name``.  Raises Refused; OSError when it can't be kept."""
    samples, rate = read_recording(recording)
    try:
        clip = sound.condition(samples, rate, tail_ms(part))
    except sound.BadRecording as fault:
        raise Refused("quiet", str(fault)) from None
    seconds = len(clip) / sound.RATE
    if seconds > LONGEST_CLIP:
        raise Refused("long", f"it lasts {seconds:.0f} s; {LONGEST_CLIP:.0f} are allowed", most=f"{LONGEST_CLIP:.0f}")
    content = sound.a_law(clip)
    for fault in unfit(sound.heard(content)):
        raise Refused(fault.code, fault.message, **fault.facts)
    original = keep(originals_below(data), recording, ".wav")
    return made(data, name, part, content, TALENT, original)


def read_recording(content: bytes) -> tuple[sound.Samples, int]:
    """Samples (mono) and rate of a WAV file.  Raises Refused."""
    if len(content) > LARGEST:
        raise Refused("large", f"it has {len(content)} bytes; {LARGEST} are allowed", most=f"{LARGEST // 10**6}")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise Refused("not_wav", "it is no WAV file")
    try:
        with wave.open(io.BytesIO(content)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if width != 2 or channels not in (1, 2):
                raise Refused("form", f"it has {channels} channels of {8 * width} bit; 1 or 2 of 16 bit are needed")
            if not RATES[0] <= rate <= RATES[1]:
                raise Refused("rate", f"it was recorded at {rate} Hz; 8000 to 48000 are needed", rate=str(rate))
            raw = file.readframes(len(content) // (width * channels))  # a header may promise what isn't there
    except (wave.Error, EOFError, ValueError, OverflowError, RuntimeError) as fault:
        raise Refused("not_wav", f"it can't be read as WAV: {fault}") from None
    frames = np.frombuffer(raw[: len(raw) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    samples = frames.astype(np.float64).mean(axis=1) / 32768
    seconds = len(samples) / rate
    if seconds < SHORTEST_CLIP:
        raise Refused("short", f"it lasts {seconds:.2f} s", least=f"{SHORTEST_CLIP:g}")
    if seconds > 2 * LONGEST_CLIP:
        raise Refused("long", f"it lasts {seconds:.0f} s; {LONGEST_CLIP:.0f} are allowed", most=f"{LONGEST_CLIP:.0f}")
    if (np.abs(frames.astype(np.int32)) >= 32767).any(axis=1).mean() > CLIPPED:
        raise Refused("clipped", "it was recorded too loud: its peaks are cut off")
    level = sound.active_db(sound.to_telephone(samples, rate))
    if level < QUIET_DB:
        raise Refused("quiet", f"it is too quiet ({level:.0f} dB)", level=f"{level:.0f}")
    return samples, rate


def spellable(shipped: Catalogue, lang: str, prompt: str, texts: Texts) -> list[Fault]:
    """What is wrong with the words of a version, before any sound is made of them."""
    lines = texts.lines()
    if not lines and (prompt not in shipped.texts[lang] or texts.text is None):
        return []  # a recording of words that are shipped
    known = shipped.texts[lang].get(prompt)
    if known is None:
        return [Fault("unknown", None, f"there is no prompt {prompt} in {lang}")]
    found = faults_of_texts(lang, prompt, lines)
    for which in TRIES:
        if len(lines.get(which, "")) > LONGEST_TEXT:
            message = f"has more than {LONGEST_TEXT} letters"
            found.append(Fault("text_long", which, message, {"most": str(LONGEST_TEXT)}))
    wanted, given = places(shipped, known), places(shipped, lines)
    for place in sorted(wanted - given, key=str):
        message = f"the place {written(place)} is gone"
        found.append(Fault("place_gone", _line_of(known, place), message, {"place": _shown(place)}))
    for place in sorted(given - wanted, key=str):
        message = f"nobody fills the place {written(place)}"
        found.append(Fault("place_new", _line_of(lines, place), message, {"place": _shown(place)}))
    trial = Catalogue({**shipped.texts, lang: {**shipped.texts[lang], prompt: lines}}, {}, shipped.folder)
    if not found and loops(trial, lang, prompt):
        found.append(Fault("itself", "text", "contains itself"))
    return found


def faults(shipped: Catalogue, version: Version, data: Path) -> list[Fault]:
    """Everything that is in the way of this version's going live; empty if it may."""
    lang, prompt = version.language, version.prompt
    found = spellable(shipped, lang, prompt, version.texts)
    wanted = needed(shipped, lang, prompt, version.texts)
    there = {clip.clip: clip for clip in version.clips}
    for name in sorted(wanted.keys() - there.keys()):
        if version.texts.text is not None:
            found.append(Fault("no_sound", _line_of_clip(name), f"{name} has no sound yet", {"clip": name}))
    for name, clip in sorted(there.items()):
        found += _of_clip(clip, wanted.get(name), clips_below(data))
    if not there and version.texts.text is None:
        found.append(Fault("empty", None, "changes nothing"))
    if not found and (why := overlaid(shipped, [version], clips_below(data)).unusable.get(version.id)):
        found.append(Fault(why.value, None, f"callers could not hear it: {why.value}"))
    return found


def _of_clip(clip: Clip, part: Part | None, folder: Path) -> Iterable[Fault]:
    line = _line_of_clip(clip.clip)
    if part is None or part.text != clip.said:
        yield Fault("other_words", line, f"{clip.clip} says other words: {clip.said!r}", {"clip": clip.clip})
        return
    path = sound_of(folder, clip)
    if isinstance(path, Unusable):
        yield Fault(path.value, line, f"the file of {clip.clip} is {path.value}", {"clip": clip.clip})
        return
    content = path.read_bytes()
    if len(content) % sound.FRAME or _ms(content) != clip.ms:
        yield Fault("frames", line, f"{clip.clip} does not consist of whole 20-ms frames", {"clip": clip.clip})
    if len(content) > LONGEST_CLIP * sound.RATE:
        yield Fault("long", line, f"{clip.clip} is too long", {"clip": clip.clip, "most": f"{LONGEST_CLIP:.0f}"})
    for fault in unfit(sound.heard(content)):
        yield Fault(fault.code, line, f"{clip.clip} {fault.message}", {**fault.facts, "clip": clip.clip})


def _line_of(lines: Mapping[str, str], place: tuple[str, str | None]) -> str:
    mark = f"{{{place[0]}"
    return next((which for which in TRIES if mark in lines.get(which, "")), "text")


def _line_of_clip(name: str) -> str:
    return next((which for which in TRIES[1:] if f".{which}" in name), "text")


def _shown(place: tuple[str, str | None]) -> str:
    return f"{{{place[0]}|{place[1]}}}" if place[1] else f"{{{place[0]}}}"


def _ms(content: bytes) -> int:
    return len(content) * 1000 // sound.RATE


def voice_of(lang: str) -> str:
    """The synthesiser's voice of a language."""
    return VOICES[lang].name


def digest(content: bytes) -> str:
    """SHA-256, as clips and recordings are named."""
    return hashlib.sha256(content).hexdigest()
