"""The words of the hotline as the console works with them: what is heard now, how a draft sounds, who speaks it.

Rules: what a page lets be heard is composed as in a call; a draft is spoken in a thread and a process of its own, one
at a time, while pages go on; if that ends with this process, the draft has no sound and is spoken again when somebody
asks for it: nothing is half done.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from domain import wording
from domain.model import Language
from domain.store import StoreFault
from domain.wording import Clip, NotADraft, Version
from ivr.console.web import uses
from ivr.console.web.desk import Desk
from ivr.dialog import Phrase
from prompts import Catalogue, sound
from prompts.composer import SUFFIX, TRIES, Place, cut
from prompts.overlay import Overlay, clips_below, overlaid, state_of
from prompts.rhvoice import CannotSpeak
from prompts.speaking import Spoken, speak
from prompts.spoken import Part
from prompts.workshop import made

log = logging.getLogger(__name__)

EXAMPLES: Final[Mapping[str, Any]] = {
    "number": 21, "money": 12345, "digits": "40718293", "date": "2026-12-03", "on_date": "2026-12-03",
    "long_date": "2026-12-03", "time": "14:25", "of_time": "14:25", "month": "2026-11-01", "kwh": 2345, "kvarh": 22,
    "figures": 5, "days": 3, "hours": 2, "minutes": 20, "neighbours": 12,
}  # fmt: skip
"""A value of each type, for places of which no conversation gives an example."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How the speaking of a draft goes.  doing: `waiting`, `fetching`, `speaking`, `failed`.  why: in English."""

    doing: str
    done: int = 0
    of: int = 0
    why: str = ""


Job = tuple[int, Mapping[str, Part]]


class Studio:
    """Of one console."""

    def __init__(self, desk: Desk, speaking: Callable[..., Any] = speak) -> None:
        self._desk = desk
        self._speak = speaking
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._heard: tuple[object, Overlay] | None = None
        self.regions: tuple[float, Sequence[str]] | None = None
        """When they were looked up (`Desk.tick`), and what was found."""
        self.progress: dict[int, Progress] = {}
        """By version, from when it was asked for until it is spoken."""

    @property
    def shipped(self) -> Catalogue:
        return self._desk.catalogue

    @property
    def data(self) -> Path:
        return self._desk.data

    @property
    def clips(self) -> Path:
        return clips_below(self._desk.data)

    async def heard(self) -> Overlay:
        """What callers hear now."""
        generation = await self._desk.read(wording.generation)
        if self._heard is not None:
            seen, over = self._heard
            if seen == (generation, state_of(over.files)):
                return over
        versions = await self._desk.read(wording.live)
        over = await asyncio.to_thread(overlaid, self._quiet(), versions, self.clips)
        self._heard = ((generation, state_of(over.files)), over)
        return over

    def shipped_part(self, language: str, name: str) -> str:
        """What a part of numbers says; nothing for a prompt that there isn't."""
        part = self.shipped.tongues[language].parts.get(f"{language}/{name}")
        return part.text if part else ""

    def with_draft(self, over: Overlay, version: Version) -> Overlay:
        """What callers would hear if this version were live, over what they hear."""
        quiet = replace(self._quiet(), texts=over.catalogue.texts, seconds=over.catalogue.seconds)
        quiet.media.update(over.catalogue.media)
        if version.texts.text is None and version.prompt in self.shipped.texts[version.language]:
            texts = {lang: dict(prompts) for lang, prompts in over.catalogue.texts.items()}
            texts[version.language][version.prompt] = self.shipped.texts[version.language][version.prompt]
            quiet = replace(quiet, texts=texts)
        return overlaid(quiet, [version], self.clips)

    def as_shipped(self) -> Overlay:
        """Without any version."""
        return Overlay(self._quiet(), {}, frozenset())

    def _quiet(self) -> Catalogue:
        """The shipped catalogue with a count of its own: a page that looks is no call that missed something."""
        return Catalogue(self.shipped.texts, self.shipped.seconds, self.shipped.folder)

    # Speaking

    def ask_to_speak(self, version: int, parts: Mapping[str, Part]) -> None:
        """Have these clips of a draft spoken, after those that were asked for before."""
        with self._lock:
            if (now := self.progress.get(version)) is not None and now.doing != "failed":
                return
            self.progress[version] = Progress("waiting", 0, len(parts))
            self._jobs.put((version, parts))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="studio", daemon=True)
                self._thread.start()

    def join(self, patience: float) -> None:
        """Return when all that was asked for is spoken, or has failed; after `patience` seconds in any case."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(patience)

    def _work(self) -> None:
        while True:
            with self._lock:
                try:
                    version, parts = self._jobs.get_nowait()
                except queue.Empty:
                    self._thread = None
                    return
            try:
                asyncio.run(self._spoken(version, parts))
                self.progress.pop(version, None)
            except (CannotSpeak, sound.BadRecording, OSError, StoreFault) as fault:
                log.warning("version %s can't be spoken: %s", version, fault)
                self.progress[version] = Progress("failed", why=str(fault))
            except NotADraft:  # somebody dropped it meanwhile
                self.progress.pop(version, None)
            except Exception as fault:
                log.exception("version %s can't be spoken", version)
                self.progress[version] = Progress("failed", why=type(fault).__name__)

    async def _spoken(self, version: int, parts: Mapping[str, Part]) -> None:
        clips: list[Clip] = []
        self.progress[version] = Progress("speaking", 0, len(parts))
        try:
            async for one in self._speak(self.data, parts):
                if isinstance(one, Spoken):
                    clips.append(made(self.data, one.clip, parts[one.clip], one.content, one.voice))
                    self.progress[version] = Progress("speaking", len(clips), len(parts))
                else:
                    self.progress[version] = Progress("fetching", len(clips), len(parts))
        finally:  # what was spoken before a fault needs not be spoken again
            await asyncio.wrap_future(self._desk.store.write(lambda conn: wording.add_clips(conn, version, clips)))


def studio(desk: Desk) -> Studio:
    """Of this console."""
    if "studio" not in desk.facts:
        desk.facts["studio"] = Studio(desk)
    return desk.facts["studio"]


# Sound


def example_words(catalogue: Catalogue, language: str, prompt: str) -> list[tuple[str, Any]]:
    """Words for every place of a prompt: such as a conversation gives, else a value of the place's type."""
    given = dict(uses.words(prompt))
    for which in TRIES:
        for place in cut("", catalogue.texts[language].get(prompt, {}).get(which, "")):
            if isinstance(place, Place) and place.name not in given and place.name not in catalogue.prompts:
                given[place.name] = EXAMPLES.get(place.kind, "") if place.kind else ()
    return list(given.items())


def utterance(over: Overlay, language: str, prompt: str, attempt: int = 1) -> tuple[str, bytes]:
    """What is said, as text and as WAV.  Raises HTTPException 404 when a file can't be read."""
    words = example_words(over.catalogue, language, prompt)
    said = over.catalogue.compose(language, prompt, words, attempt)
    return said.text, joined(over.catalogue, said.clips)


def phrase(over: Overlay, language: str, wanted: Phrase) -> tuple[str, bytes]:
    """The same of a phrase with its words."""
    said = over.catalogue.compose(language, wanted.prompt, wanted.words)
    return said.text, joined(over.catalogue, said.clips)


def joined(catalogue: Catalogue, clips: Sequence[str]) -> bytes:
    """Clips in a row, as WAV.  Raises HTTPException 404 when one can't be read."""
    try:
        files = [Path(f"{clip}{SUFFIX}") if clip.startswith("/") else catalogue.file(clip) for clip in clips]
        return sound.as_wav(b"".join(file.read_bytes() for file in files))
    except OSError as fault:
        log.error("a clip can't be read: %s", fault)
        raise HTTPException(404) from None


def audible(request: Request, wav: bytes) -> Response:
    """Sound for an <audio>, whole or the range that was asked for: some browsers play nothing without ranges."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes=") or "," in asked:
        return Response(wav, media_type="audio/wav", headers=headers)
    first, _, last = asked[len("bytes=") :].strip().partition("-")
    if not (first + last).isascii() or not (first + last).isdigit() or len(first + last) > 20:
        return Response(wav, media_type="audio/wav", headers=headers)
    begin = int(first) if first else max(len(wav) - int(last), 0)
    end = min(int(last), len(wav) - 1) if first and last else len(wav) - 1
    if begin > end:
        raise HTTPException(416, headers={"Content-Range": f"bytes */{len(wav)}"})
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(wav)}"
    return Response(wav[begin : end + 1], 206, media_type="audio/wav", headers=headers)


def tongue(language: str) -> Language:
    """Raises HTTPException 404 for none of ours."""
    try:
        return Language(language)
    except ValueError:
        raise HTTPException(404) from None
