"""The recogniser of a hotline: which models, which workers, and what becomes of calls without them.

Rules
1. Speech is an extra: whatever is wrong with it is loud in the log and never keeps a call waiting.  Until the workers
   are there, and when they can't be had, no language is understood and callers have their keys.
2. A model can load and still take every worker along that listens with it (decision 090).  So each is tried once more
   in a process of its own while the workers already work with it; a bad one is then taken from them.
3. What the conversations expect and the model has no words for is said at the start, in one line for each language.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import flows.vocabulary
import ivr.dialog.vocabulary
from domain.model import Language
from ivr.dialog.numbers import number_words
from ivr.ports import Ear, Speech
from ivr.service.settings import Settings
from ivr.speech.models import BadModel, Model, ShelfFault, find, foreign, verify
from ivr.speech.workers import Counts, Workers
from prompts.overlay import clips_below

log = logging.getLogger(__name__)

NOTHING = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0)
SHOWN = 8
"""Unknown words that a line of the log names."""


class Recognition:
    """`ivr.ports.Recogniser` for the calls of a hotline.  sounds: the folder of the clips that callers hear."""

    def __init__(self, settings: Settings, sounds: Path) -> None:
        self._settings = settings
        self._sounds = sounds
        self._workers: Workers | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._state = "switched off" if not settings.speech else "starting"

    @property
    def languages(self) -> frozenset[str]:
        """Understood at this moment."""
        return self._workers.languages if self._workers else frozenset()

    @property
    def state(self) -> str:
        """In words, for people who look at health."""
        understood = ", ".join(language for language in Language if language in self.languages)
        if understood or not self._started.is_set() or not self._settings.speech:
            return understood or self._state
        return "none: the log says why; callers have their keys"

    @property
    def counts(self) -> Counts:
        """Figures of the workers."""
        return self._workers.counts if self._workers else NOTHING

    def attend(self, call: str, heard: Callable[[Speech], None]) -> Ear | None:
        """As `ivr.ports.Recogniser.attend`."""
        return self._workers.attend(call, heard) if self._workers else None

    def start(self) -> None:
        """Begin to have workers; returns at once."""
        if self._settings.speech:
            self._task = asyncio.create_task(self._begin())
        else:
            log.info("speech is switched off (speech = false): callers have their keys")
            self._started.set()

    async def ready(self) -> None:
        """Return when the workers are there, or can't be had."""
        await self._started.wait()

    async def close(self) -> None:
        """End the workers; calls that they attend to hear `Deaf`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._workers is not None:
            await self._workers.close()

    async def _begin(self) -> None:
        try:
            models = await asyncio.to_thread(find, self._settings.data, self._settings.models)
            await self._work_with(models)
            self._started.set()
            good = [await self._try(path, _languages(models, path)) for path in sorted(set(models.values()))]
            kept = {language: models[language] for languages in good for language in languages}
            if kept != models:
                await self._work_with(kept)
        except ShelfFault as fault:
            log.error("no speech: %s; callers have their keys", fault)
        except Exception:
            log.exception("no speech: it failed to start; callers have their keys")
        finally:
            self._started.set()

    async def _work_with(self, models: Mapping[str, Path]) -> None:
        """Have workers with these models, in the place of those that were."""
        old, self._workers = self._workers, None
        if old is not None:
            await old.close()
        present = {language: path for language, path in models.items() if path.is_dir()}
        if present:
            self._workers = Workers(
                present, self._sounds, self._settings.speech_workers, own=clips_below(self._settings.data)
            )
            await self._workers.start()

    async def _try(self, path: Path, languages: Sequence[str]) -> list[str]:
        """Those of its languages that the model is good for; the log says so."""
        expected = {language: expected_words(language) for language in languages}
        try:
            model = await asyncio.to_thread(verify, path, frozenset().union(*expected.values()))
        except BadModel as fault:
            log.error("no speech in %s: %s. Callers have their keys", ", ".join(languages), fault)
            return []
        for language in languages:
            if expected[language] <= model.unknown:
                log.error("no speech in %s: %s. Callers have their keys", language, foreign(path, language))
            else:
                own = replace(model, unknown=model.unknown & expected[language])
                log.info("speech in %s", described(language, own, expected[language]))
        return [language for language in languages if not expected[language] <= model.unknown]


def described(language: str, model: Model, expected: frozenset[str], *, every: bool = False) -> str:
    """One line on what a model understands of what the conversations expect.  every: name all unknown words."""
    known = len(expected) - len(model.unknown)
    line = (
        f"{language}: {model.name}, {model.words} words; it knows {known} of the {len(expected)} that callers may use"
    )
    if not model.grammars:
        line += "; it can't be told what to expect (no HCLr.fst and Gr.fst), so it understands closed questions worse"
    if model.unknown:
        shown = sorted(model.unknown)[: None if every else SHOWN]
        line += f"; not {', '.join(shown)}{', ...' if len(shown) < len(model.unknown) else ''}"
    return line


def _languages(models: Mapping[str, Path], path: Path) -> list[str]:
    return sorted(language for language, one in models.items() if one == path)


def expected_words(language: str) -> frozenset[str]:
    """Every word that some question of the conversations may be answered with, in this language (ISO 639-1)."""
    found = set(number_words(language))
    for module in (ivr.dialog.vocabulary, flows.vocabulary):
        found.update(word for phrase in _phrases(module, language) for word in phrase.split())
    return frozenset(found)


def _phrases(module: ModuleType, language: str) -> Iterator[str]:
    """The phrases in the tables of a module, however they are nested."""
    waiting: list[Any] = [value for name, value in vars(module).items() if not name.startswith("_")]
    while waiting:
        table = waiting.pop()
        if isinstance(table, Mapping):
            if all(isinstance(phrases, tuple) for phrases in table.values()):
                with contextlib.suppress(KeyError):
                    yield from table[language]
            else:
                waiting += table.values()
