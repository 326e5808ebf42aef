"""Everything that can be wrong with words and sound, found before any call.

The test command and ``ivr prompts check`` run it. What it finds, a call would survive (``composer`` rule 4),
but somebody would hear it.
"""

import re
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


def check(catalogue: Catalogue) -> list[str]:
    """Every problem as a sentence that names the place and the remedy; empty if all is well."""
    return check_texts(catalogue) + check_audio(catalogue)


def check_texts(catalogue: Catalogue) -> list[str]:
    """Problems of the catalogue files alone."""
    problems: list[str] = []
    for prompt in sorted(catalogue.prompts):
        if not re.fullmatch("[a-z][a-z0-9_]*", prompt):
            problems.append(f"[{prompt}]: a name has small Latin letters, digits and _ only")
        places: dict[str, set[tuple[str, str | None]]] = {}
        for lang in LANGUAGES:
            texts = catalogue.texts[lang].get(prompt)
            if texts is None:
                problems.append(f"{lang}.toml: [{prompt}] is missing")
                continue
            problems += _faults(lang, prompt, texts)
            places[lang] = {
                (place.name, place.kind)
                for which in TRIES
                for place in cut("", texts.get(which, ""))
                if isinstance(place, Place) and (place.kind or place.name not in catalogue.prompts)
            }
        first = next(iter(places), LANGUAGES[0])
        for lang, found in places.items():
            if found != places[first]:
                differing = ", ".join(
                    sorted(f"{{{name}|{kind or 'phrase'}}}" for name, kind in found ^ places[first])
                )
                problems.append(f"{lang}.toml: [{prompt}] has other places than {first}.toml: {differing}")
    for lang in LANGUAGES:
        problems += [
            f"{lang}.toml: [{prompt}] contains itself"
            for prompt in catalogue.prompts
            if _loops(catalogue, lang, prompt)
        ]
    return problems


def _faults(lang: str, prompt: str, texts: dict[str, str]) -> list[str]:
    where = f"{lang}.toml: [{prompt}]"
    problems = [
        f"{where} has an unknown line {name!r}; known are {', '.join(FIELDS)}" for name in texts if name not in FIELDS
    ]
    if not texts.get("text", "").strip():
        problems.append(f"{where} has no text")
    for which in TRIES:
        if which not in texts:
            continue
        pieces = cut("", texts[which])
        for place in pieces:
            if not isinstance(place, Place):
                if re.search("[{}]", place.text):
                    problems.append(
                        f"{where} {which}: a place is written {{name}} or {{name|type}}: {place.text.strip()!r}"
                    )
                if found := re.search(r"[0-9#*]", place.text):
                    problems.append(f"{where} {which}: write {found[0]!r} in words, as it is said")
                if found := re.search(f"[{_FOREIGN[lang]}]", place.text):
                    problems.append(f"{where} {which}: the letter {found[0]!r} (U+{ord(found[0]):04X}) is not {lang}")
            elif place.kind is not None and place.kind not in KINDS:
                problems.append(
                    f"{where} {which}: unknown type in {{{place.name}|{place.kind}}}; known are {', '.join(KINDS)}"
                )
            elif place.size is not None and (place.kind != "digits" or place.size < 1):
                problems.append(
                    f"{where} {which}: only digits take a number of digits, as in {{{place.name}|digits:2}}"
                )
    return problems


def _loops(catalogue: Catalogue, lang: str, prompt: str, seen: frozenset[str] = frozenset()) -> bool:
    if prompt in seen:
        return True
    texts = catalogue.texts[lang].get(prompt, {})
    inner = {
        place.name
        for which in TRIES
        for place in cut("", texts.get(which, ""))
        if isinstance(place, Place) and place.kind is None and place.name in catalogue.prompts
    }
    return any(_loops(catalogue, lang, name, seen | {prompt}) for name in inner)


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
    if clip in SILENCES:
        return problems
    level = sound.active_db(samples)
    if abs(level - sound.LEVEL_DB) > LEVEL_TOLERANCE_DB:
        problems.append(f"{where} has {level:.1f} dB, {sound.LEVEL_DB} +- {LEVEL_TOLERANCE_DB} are wanted")
    lead, _ = sound.silence_ms(samples)
    if lead > LEAD_MS:
        problems.append(f"{where} starts with {lead:.0f} ms of silence; {LEAD_MS} are allowed")
    return problems
