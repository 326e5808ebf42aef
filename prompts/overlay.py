"""The catalogue as callers hear it: what is shipped, and over it the versions that are live.

Rules
1. The files of the package are never touched.  A changed clip is ``<data>/prompts/clips/<sha256>.alaw``: named by
   its content, written once, so that a version sounds for ever as it did when somebody listened and agreed.
2. A version is used whole or not at all.  If one of its clips is missing or is not what its name says, or if its
   places are not those that the flow fills (a newer release of the program), callers hear what is shipped: never
   silence, never half of one and half of the other.  It is logged once, counted in ``Catalogue.missing`` and told.
3. A catalogue is never changed while calls use it: ``overlaid`` makes another one, which takes some milliseconds.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from domain.wording import Clip, Version
from prompts.checker import loops, places
from prompts.composer import SUFFIX, TRIES, Catalogue, Piece, cut
from prompts.spoken import Part

log = logging.getLogger(__name__)

BROKEN: Final = "version {}/{}"
"""How ``Catalogue.missing`` names a version that can't be used."""


class Unusable(StrEnum):
    """Why a version is not heard."""

    GONE = "gone"  # a clip has no file
    DAMAGED = "damaged"  # a file is not what its name says
    SILENT = "silent"  # a clip was never made
    UNKNOWN = "unknown"  # there is no such prompt (any more)
    PLACES = "places"  # the flow fills other places
    OTHER_WORDS = "other_words"  # a recording of words that are no longer said


@dataclass(frozen=True)
class Overlay:
    """catalogue: to compose from.  unusable: the versions that are not heard, and why.  files: what was looked at."""

    catalogue: Catalogue
    unusable: Mapping[int, Unusable]
    files: frozenset[Path]


def clips_below(data: Path) -> Path:
    """Where the clips of versions are; the same for the console, which writes, and the controller, which reads."""
    return data.resolve() / "prompts" / "clips"


def originals_below(data: Path) -> Path:
    """Where what people recorded is kept as it came."""
    return data.resolve() / "prompts" / "originals"


def keep(folder: Path, content: bytes, suffix: str = SUFFIX) -> str:
    """Write a file that is named by its content; its SHA-256.  It is on the disk when this returns.

    Raises OSError.
    """
    name = hashlib.sha256(content).hexdigest()
    path = folder / f"{name}{suffix}"
    if path.is_file() and path.read_bytes() == content:
        return name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = folder / f"{name}.{os.getpid()}.new"
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return name


def sound_of(folder: Path, clip: Clip) -> Path | Unusable:
    """The file of a clip, if it is sound."""
    path = folder / f"{clip.sha256}{SUFFIX}"
    try:
        content = path.read_bytes()
    except OSError:
        return Unusable.GONE
    return path if hashlib.sha256(content).hexdigest() == clip.sha256 else Unusable.DAMAGED


def state_of(files: Iterable[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Another value when one of them was changed, lost or brought back; a `stat` each."""
    return tuple(_stat(path) for path in sorted(files))


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def pieces(lang: str, prompt: str, texts: Mapping[str, str]) -> dict[str, Part]:
    """The clips that these lines need, with what each says."""
    return {
        piece.clip: Part(piece.spoken, piece.melody)
        for which in TRIES
        if which in texts
        for piece in cut(f"{lang}/{prompt}" if which == "text" else f"{lang}/{prompt}.{which}", texts[which])
        if isinstance(piece, Piece) and piece.clip
    }


def overlaid(shipped: Catalogue, versions: Iterable[Version], clips: Path) -> Overlay:
    """The catalogue with these versions in it.  clips: the folder of their files.  Never raises."""
    texts = {lang: dict(prompts) for lang, prompts in shipped.texts.items()}
    seconds, media = dict(shipped.seconds), dict(shipped.media)
    made = Catalogue(texts, seconds, shipped.folder, shipped.missing, media)
    unusable: dict[int, Unusable] = {}
    files: set[Path] = set()
    parts: dict[str, dict[str, Part]] = {}
    for version in versions:
        found = {clip.clip: sound_of(clips, clip) for clip in version.clips}
        files.update(clips / f"{clip.sha256}{SUFFIX}" for clip in version.clips)
        if version.language not in parts:
            parts[version.language] = shipped.parts(version.language)
        why = _unusable(shipped, version, parts[version.language]) or next(
            (one for one in found.values() if isinstance(one, Unusable)), None
        )
        if why is not None:
            unusable[version.id] = why
            _tell(shipped, version, why)
            continue
        if lines := version.texts.lines():
            note = shipped.texts[version.language][version.prompt].get("note")
            texts[version.language][version.prompt] = lines | ({"note": note} if note else {})
        for clip in version.clips:
            path = found[clip.clip]
            assert isinstance(path, Path)
            seconds[clip.clip], media[clip.clip] = clip.ms / 1000, path
    for version in versions:  # what is right alone may contain itself together with another
        if (
            version.id not in unusable
            and version.texts.text is not None
            and loops(made, version.language, version.prompt)
        ):
            unusable[version.id] = Unusable.PLACES
            texts[version.language][version.prompt] = shipped.texts[version.language][version.prompt]
            for clip in version.clips:
                _as_shipped(shipped, made, clip.clip)
            _tell(shipped, version, Unusable.PLACES)
    return Overlay(made, unusable, frozenset(files))


def _unusable(shipped: Catalogue, version: Version, parts: Mapping[str, Part]) -> Unusable | None:
    """Whether the version fits the program that runs now; its files aside."""
    if version.texts.text is None:
        return (
            None
            if all(clip.clip in parts and parts[clip.clip].text == clip.said for clip in version.clips)
            else Unusable.OTHER_WORDS
        )
    known = shipped.texts.get(version.language, {}).get(version.prompt)
    if known is None:
        return Unusable.UNKNOWN
    lines = version.texts.lines()
    if places(shipped, lines) != places(shipped, known):
        return Unusable.PLACES
    wanted = {clip: part.text for clip, part in pieces(version.language, version.prompt, lines).items()}
    return None if wanted == {clip.clip: clip.said for clip in version.clips} else Unusable.SILENT


def _as_shipped(shipped: Catalogue, made: Catalogue, clip: str) -> None:
    made.media.pop(clip, None)
    made.seconds.pop(clip, None)
    if clip in shipped.seconds:
        made.seconds[clip] = shipped.seconds[clip]


def _tell(shipped: Catalogue, version: Version, why: Unusable) -> None:
    name = BROKEN.format(version.language, version.prompt)
    if not shipped.missing[name]:
        log.error(
            "version %s of %s/%s can't be heard (%s): callers hear the shipped words; see the prompt in the console",
            version.id, version.language, version.prompt, why.value,
        )  # fmt: skip
    shipped.missing[name] += 1
