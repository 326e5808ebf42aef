"""Everything that can be wrong with words and sound, found before any call.

The test command and ``ivr prompts check`` run it. What it finds, a call would survive (``composer`` rule 4),
but somebody would hear it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prompts import sound
from prompts.composer import SUFFIX, TRIES, Catalogue, Place, cut
from prompts.render import Entry, hash_of, read_index, recipe, recordings, sounds, strays, wanted
from prompts.spoken import KINDS, LANGUAGES, SILENCES, Part

FIELDS = (*TRIES, "note")
LEAD_MS = 20
LEVEL_TOLERANCE_DB = 2.0
BYTES = 40_000_000
"""All committed audio together."""

_FOREIGN = {  # letters that look at home but aren't; a synthesiser stumbles over them
    "uk": "A-Za-zЁЪЫЭёъыэ",
    "ru": "A-Za-zІЇЄҐіїєґ",
    "en": "Ѐ-ӿ",
}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a text or a clip.  code: which, for whoever says it in another language; line: `text`,
    `second`, `third`, or None: the whole; facts: what it names; message: the English sentence."""

    code: str
    line: str | None
    message: str
    facts: Mapping[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return f"{self.line}: {self.message}" if self.line else self.message


def check(catalogue: Catalogue) -> list[str]:
    """Every problem as a sentence that names the place and the remedy; empty if all is well."""
    return check_texts(catalogue) + check_audio(catalogue)


def check_texts(catalogue: Catalogue) -> list[str]:
    """Problems of the catalogue files alone."""
    problems: list[str] = []
    for prompt in sorted(catalogue.prompts):
        if not re.fullmatch("[a-z][a-z0-9_]*", prompt):
            problems.append(f"[{prompt}]: a name has small Latin letters, digits and _ only")
        given: dict[str, set[tuple[str, str | None]]] = {}
        for lang in LANGUAGES:
            texts = catalogue.texts[lang].get(prompt)
            if texts is None:
                problems.append(f"{lang}.toml: [{prompt}] is missing")
                continue
            where = f"{lang}.toml: [{prompt}]"
            problems += [f"{where} {fault}" for fault in faults(lang, prompt, texts)]
            given[lang] = places(catalogue, texts)
        first = next(iter(given), LANGUAGES[0])
        for lang, found in given.items():
            if found != given[first]:
                differing = ", ".join(sorted(written(place) for place in found ^ given[first]))
                problems.append(f"{lang}.toml: [{prompt}] has other places than {first}.toml: {differing}")
    for lang in LANGUAGES:
        problems += [
            f"{lang}.toml: [{prompt}] contains itself"
            for prompt in catalogue.prompts
            if loops(catalogue, lang, prompt)
        ]
    return problems


def faults(lang: str, prompt: str, texts: Mapping[str, str]) -> list[Fault]:
    """What is wrong with the lines of one prompt in one language, by themselves."""
    found = [
        Fault("unknown_line", None, f"has an unknown line {name!r}; known are {', '.join(FIELDS)}", {"line": name})
        for name in texts
        if name not in FIELDS
    ]
    if not texts.get("text", "").strip():
        found.append(Fault("no_text", None, "has no text"))
    for which in TRIES:
        for place in cut("", texts.get(which, "")):
            found += _of_place(which, place) if isinstance(place, Place) else _of_words(lang, which, place.text)
    return found


def _of_words(lang: str, which: str, text: str) -> list[Fault]:
    found: list[Fault] = []
    if re.search("[{}]", text):
        what = text.strip()
        found.append(Fault("brace", which, f"a place is written {{name}} or {{name|type}}: {what!r}", {"what": what}))
    if match := re.search(r"[0-9#*]", text):
        found.append(Fault("figure", which, f"write {match[0]!r} in words, as it is said", {"what": match[0]}))
    if match := re.search(f"[{_FOREIGN[lang]}]", text):
        code = f"U+{ord(match[0]):04X}"
        message = f"the letter {match[0]!r} ({code}) is not {lang}"
        found.append(Fault("letter", which, message, {"what": match[0], "code": code}))
    if match := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        message = f"the invisible character U+{ord(match[0]):04X} can't be said"
        found.append(Fault("letter", which, message, {"what": "", "code": f"U+{ord(match[0]):04X}"}))
    return found


def _of_place(which: str, place: Place) -> list[Fault]:
    if place.kind is not None and place.kind not in KINDS:
        message = f"unknown type in {{{place.name}|{place.kind}}}; known are {', '.join(KINDS)}"
        return [Fault("kind", which, message, {"what": f"{{{place.name}|{place.kind}}}"})]
    if place.size is not None and (place.kind != "digits" or place.size < 1):
        message = f"only digits take a number of digits, as in {{{place.name}|digits:2}}"
        return [Fault("size", which, message, {"what": f"{{{place.name}|digits:2}}"})]
    return []


def places(catalogue: Catalogue, texts: Mapping[str, str]) -> set[tuple[str, str | None]]:
    """The places that a flow fills, over all lines: names and types.  Prompts that are said within don't count."""
    return {
        (place.name, place.kind)
        for which in TRIES
        for place in cut("", texts.get(which, ""))
        if isinstance(place, Place) and (place.kind or place.name not in catalogue.prompts)
    }


def written(place: tuple[str, str | None]) -> str:
    """A place of :func:`places` as it stands in a text, near enough for people."""
    return f"{{{place[0]}|{place[1] or 'phrase'}}}"


def loops(catalogue: Catalogue, lang: str, prompt: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether the prompt says itself, however deep."""
    if prompt in seen:
        return True
    texts = catalogue.texts[lang].get(prompt, {})
    inner = {
        place.name
        for which in TRIES
        for place in cut("", texts.get(which, ""))
        if isinstance(place, Place) and place.kind is None and place.name in catalogue.prompts
    }
    return any(loops(catalogue, lang, name, seen | {prompt}) for name in inner)


def check_audio(catalogue: Catalogue) -> list[str]:
    """Problems of the sound: missing, stale, damaged, unfit or left over."""
    folder = catalogue.folder
    index = read_index(folder)
    parts = wanted(catalogue)
    files = sounds(folder)
    recorded = recordings(folder)
    if not index:
        return ["prompts/audio/index.json is missing or damaged: run `ivr prompts render`"]
    problems = [
        f"audio/{clip}{SUFFIX} belongs to no text: run `ivr prompts render`"
        for clip in sorted(files.keys() - parts.keys())
    ]
    problems += [
        f"audio/{clip}.wav is no clip, but might be played: put your recording under talent/, or delete it"
        for clip in strays(folder)
    ]
    problems += [
        f"talent/{clip}.wav belongs to no text: rename it as `ivr prompts script` says, or delete it"
        for clip in sorted(recorded.keys() - parts.keys())
    ]
    for clip, part in parts.items():
        if clip not in files or clip not in index:
            problems.append(f"audio/{clip}{SUFFIX} is missing: run `ivr prompts render`")
        else:
            stale = _stale(clip, part, index[clip], files[clip], recorded.get(clip))
            problems += [stale] if stale else _unfit(clip, files[clip], index[clip])
    if (size := sum(path.stat().st_size for path in files.values())) > BYTES:
        problems.append(f"the audio has {size / 1e6:.1f} MB; {BYTES / 1e6:.0f} are allowed: shorten texts")
    return problems


def _stale(clip: str, part: Part, entry: Entry, path: Path, recording: Path | None) -> str | None:
    heard = hash_of(recording) if recording else ""
    if heard and entry.recording == heard and entry.text != part.text:
        return (
            f"talent/{clip}.wav says {entry.text!r}, the text is now {part.text!r}: record it again, delete it, or "
            f"`ivr prompts render --accept {clip}` if it still holds"
        )
    if entry.recipe != recipe(clip, part, heard):
        return f"audio/{clip}{SUFFIX} is stale (it says {entry.text!r}): run `ivr prompts render`"
    if entry.sha256 != hash_of(path):
        return (
            f"audio/{clip}{SUFFIX} was changed by hand: put your recording under talent/ and run `ivr prompts render`"
        )
    return None


def _unfit(clip: str, path: Path, entry: Entry) -> list[str]:
    where = f"audio/{clip}{SUFFIX}"
    samples = sound.read_clip(path)
    problems: list[str] = []
    if len(samples) % sound.FRAME or not len(samples):
        problems.append(f"{where} does not consist of whole 20-ms frames")
    if entry.ms != len(samples) * 1000 // sound.RATE:
        problems.append(f"{where} is not as long as the index says")
    return problems if clip in SILENCES else problems + [f"{where} {fault}" for fault in unfit(samples)]


def unfit(samples: sound.Samples) -> list[Fault]:
    """What of its level and its beginning a caller would notice."""
    found: list[Fault] = []
    level = sound.active_db(samples)
    if abs(level - sound.LEVEL_DB) > LEVEL_TOLERANCE_DB:
        message = f"has {level:.1f} dB, {sound.LEVEL_DB} +- {LEVEL_TOLERANCE_DB} are wanted"
        found.append(Fault("level", None, message, {"level": f"{level:.1f}"}))
    lead, _ = sound.silence_ms(samples)
    if lead > LEAD_MS:
        message = f"starts with {lead:.0f} ms of silence; {LEAD_MS} are allowed"
        found.append(Fault("lead", None, message, {"ms": f"{lead:.0f}"}))
    return found
