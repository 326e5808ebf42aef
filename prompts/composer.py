"""From a prompt and its words to the clips that Asterisk plays and to the sentence that they say.

Rules
1. A catalogue is one TOML file per language; whoever can edit a text file can edit it (docs/prompts.md).
   A prompt is ``text``, with optional ``second`` and ``third`` for the second and every later try
   (VoiceXML's prompt counts), and an optional ``note`` for the voice talent.
2. A text carries places. ``{value|kwh}`` is a value said in a certain way (``spoken.KINDS``),
   ``{number|digits:2}`` digits two in a breath, ``{zone}`` a phrase (or several in a row) given by the flow,
   ``{hint_agent}``, if there is a prompt of that name, this prompt.
3. What stands between places is one clip per piece: ``uk/goodbye``, or ``uk/read_back.1``,
   ``uk/read_back.2``; tapered texts are ``uk/account.second``, ``uk/account.third.1``.
4. Composing never raises and never says a wrong number. What is missing (prompt, word, clip) is replaced
   by the next best thing, logged once and counted in ``Catalogue.missing``. That nothing is missing is for
   ``prompts.checker`` to prove before any call.

Static pieces are cut once per prompt, language and try; a call of ``compose`` takes some 10-20 µs.
"""

import json
import logging
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ivr.dialog import Phrase
from prompts.spoken import LANGUAGES, PAUSE, Melody, Part, Tongue, Unspeakable

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
TRIES = ("text", "second", "third")
SUFFIX = ".alaw"
"""Of every clip in ``audio/``: bare A-law, which Asterisk's ``format_pcm`` knows by this name."""
_PLACE = re.compile(r"\{(\w+)(?:\|(\w+)(?::(\d+))?)?\}")
_LETTER = re.compile(r"\w")
_TO_STRIP = " \t\r\n.,;:!?–—-"  # what cannot open a clip: it belongs to the place before it


class CatalogueError(Exception):
    """A catalogue file cannot be read at all; the message names the file and the line."""


@dataclass(frozen=True)
class Composition:
    """One utterance, ready to be played and to be read."""

    clips: tuple[str, ...] = ()
    """Paths below the sounds directory, or absolute, without extension: to be played as ``sound:ivr/<clip>``."""
    text: str = ""
    """The whole sentence as spoken."""
    duration_s: float = 0.0
    """Seconds of sound, without what the exchange adds between clips."""
    whole: bool = True
    """Whether everything could be said as written."""

    def __add__(self, other: "Composition") -> "Composition":
        """One after the other, as ``noinput`` and then the question again."""
        return Composition(
            self.clips + other.clips,
            f"{self.text} {other.text}".strip(),
            self.duration_s + other.duration_s,
            self.whole and other.whole,
        )


@dataclass(frozen=True)
class Place:
    """A gap in a text. ``kind`` is None for a phrase or a prompt of that name."""

    name: str
    kind: str | None = None
    size: int | None = None
    closes: bool = False
    """A sentence ends right behind it."""


@dataclass(frozen=True)
class Piece:
    """Static text between places; ``clip`` is None where there is only punctuation."""

    text: str
    clip: str | None = None
    last: bool = False
    """Nothing follows in this text."""

    @property
    def melody(self) -> Melody:
        if self.spoken.endswith((".", "!", "?", ":")):
            return "falls"
        return "leads" if self.last or not self.spoken[-1:].isalpha() else "runs"

    @property
    def spoken(self) -> str:
        """What the clip says: without the punctuation that belongs to the place before."""
        return self.text.lstrip(_TO_STRIP).rstrip()


def cut(stem: str, text: str) -> tuple[Piece | Place, ...]:
    """Cut a text into pieces and places; ``stem`` names the clips (``uk/read_back``)."""
    found: list[Piece | Place] = []
    at = 0
    for match in _PLACE.finditer(text):
        if match.start() > at:
            found.append(Piece(text[at : match.start()]))
        at = match.end()
        name, kind, size = match.groups()
        closes = not (after := text[at:].lstrip()) or after[0] in ".!?"
        found.append(Place(name, kind, int(size) if size else None, closes))
    if at < len(text):
        found.append(Piece(text[at:], last=True))
    if len(found) == 1 and isinstance(found[0], Piece):
        return (Piece(text, stem, last=True),)
    number = 0
    for i, item in enumerate(found):
        if isinstance(item, Piece) and _LETTER.search(item.text):
            number += 1
            found[i] = replace(item, clip=f"{stem}.{number}")
    return tuple(found)


@dataclass
class Catalogue:
    """Every prompt in every language, and the sound there is. Made by :meth:`load`."""

    texts: dict[str, dict[str, dict[str, str]]]
    """Language -> prompt -> ``text``, ``second``, ``third``, ``note``."""
    seconds: dict[str, float]
    """Clip -> its duration, for every clip whose file exists."""
    folder: Path = HERE
    missing: Counter[str] = field(default_factory=Counter)
    """What could not be said as written since the start, by name: to be exported as a figure."""
    media: dict[str, Path] = field(default_factory=dict[str, Path])
    """Clip -> its file, of clips that don't come from ``folder/audio`` (see ``prompts.overlay``)."""
    _cuts: dict[tuple[str, str, int], tuple[Piece | Place, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tongues: dict[str, Tongue] = {lang: _tongue(lang) for lang in LANGUAGES}

    @classmethod
    def load(cls, folder: Path = HERE) -> "Catalogue":
        """Read ``folder/catalogue/*.toml`` and ``folder/audio``. Raises :class:`CatalogueError`.

        Faults of content do not stop it (see ``prompts.checker``): a call is better served with a gap.
        """
        seconds = _durations(folder / "audio")
        if not seconds:
            log.error("no prompts in %s: callers will hear silence; run `ivr prompts render`", folder / "audio")
        return cls(read_texts(folder), seconds, folder)

    @property
    def prompts(self) -> frozenset[str]:
        """The names of all prompts that any language has."""
        return frozenset(name for texts in self.texts.values() for name in texts)

    def places(self, prompt: str, lang: str = LANGUAGES[0]) -> frozenset[str]:
        """The words that a flow must give with ``prompt`` (over all its tries)."""
        return frozenset(
            item.name
            for attempt in (1, 2, 3)
            for item in self._pieces(lang, prompt, attempt)
            if isinstance(item, Place) and (item.kind or item.name not in self.prompts)
        )

    def mentioned(self, prompt: str, lang: str = LANGUAGES[0]) -> frozenset[str]:
        """The prompts that ``prompt`` says within itself, in any of its tries."""
        items = (item for attempt in (1, 2, 3) for item in self._pieces(lang, prompt, attempt))
        return frozenset(item.name for item in items if isinstance(item, Place) and item.name in self.prompts)

    def parts(self, lang: str) -> dict[str, Part]:
        """Every clip of a language: static pieces and parts of numbers, with what they say."""
        static = {
            piece.clip: Part(piece.spoken, piece.melody)
            for prompt, texts in self.texts[lang].items()
            for attempt, which in enumerate(TRIES, start=1)
            if which in texts
            for piece in self._pieces(lang, prompt, attempt)
            if isinstance(piece, Piece) and piece.clip
        }
        return static | self.tongues[lang].parts

    def compose(
        self,
        lang: str,
        prompt: str,
        words: Mapping[str, object] | Iterable[tuple[str, object]] = (),  # ivr.dialog's Words
        attempt: int = 1,
    ) -> Composition:
        """Say ``prompt`` in ``lang`` (``uk``, ``ru``, ``en``); ``attempt`` counts from 1. Never raises."""
        given = dict(words)
        clips: list[str] = []
        missed = self.missing.total()
        text = self._compose(lang if lang in self.texts else LANGUAGES[0], prompt, given, attempt, clips, 0)
        text = text.strip()
        duration = sum([self.seconds.get(clip, 0.0) for clip in clips])
        if self.media:
            clips = [str(path.with_suffix("")) if (path := self.media.get(clip)) else clip for clip in clips]
        return Composition(tuple(clips), text[:1].upper() + text[1:], duration, self.missing.total() == missed)

    def file(self, clip: str) -> Path:
        """Where the sound of a clip is; of what ``compose`` returned, too."""
        return self.media.get(clip) or self.folder / "audio" / f"{clip}{SUFFIX}"

    def lacking(self) -> list[str]:
        """Every clip that a text needs and that has no sound."""
        return sorted({clip for lang in self.texts for clip in self.parts(lang) if clip not in self.seconds})

    # -- inside --------------------------------------------------------------------------------------

    def _compose(
        self, lang: str, prompt: str, words: dict[str, object], attempt: int, clips: list[str], depth: int
    ) -> str:
        """Append the clips to ``clips`` and return the text."""
        if depth > 5:
            self._miss(f"prompt {prompt}", "prompts contain one another")
            return ""
        said: list[str] = []
        for item in self._pieces(lang, prompt, attempt):
            if isinstance(item, Piece):
                said.append(item.text)
                if item.clip:
                    self._play(item.clip, clips)
                continue
            before = len(clips)
            said.append(self._fill(lang, prompt, item, words, attempt, clips, depth))
            if item.kind and item.closes and len(clips) > before:
                self._play(PAUSE, clips)
        return "".join(said)

    def _fill(
        self,
        lang: str,
        prompt: str,
        place: Place,
        words: dict[str, object],
        attempt: int,
        clips: list[str],
        depth: int,
    ) -> str:
        if place.name not in words:
            if place.kind is None and place.name in self.prompts:
                return self._compose(lang, place.name, words, attempt, clips, depth + 1)
            self._miss(f"word {prompt}.{place.name}", "the flow did not give it")
            return ""
        value = words[place.name]
        if place.kind is None:
            phrases = value if isinstance(value, tuple | list) else (value,)
            said: list[str] = []
            for phrase in phrases:
                if isinstance(phrase, Phrase):
                    tongue = phrase.language if phrase.language in self.texts else lang
                    inner: dict[str, object] = dict(phrase.words)
                    said.append(self._compose(tongue, phrase.prompt, inner, 1, clips, depth + 1).strip())
                else:
                    self._miss(f"word {prompt}.{place.name}", f"{phrase!r} is not a phrase")
            return " ".join(said)
        tongue = self.tongues[lang]
        try:
            wanted = tongue.say(place.kind, value, falling=place.closes, size=place.size)
        except Unspeakable as fault:
            self._miss(f"word {prompt}.{place.name}", str(fault))
            return str(value)
        self._play_value(tongue, value, wanted, clips)
        return tongue.words(wanted)

    def _play_value(self, tongue: Tongue, value: object, wanted: list[str], clips: list[str]) -> None:
        """Play all of it, or else its digits, or else nothing: a number with a gap is a wrong number."""
        if all(clip in self.seconds for clip in wanted):
            clips += wanted
            return
        for clip in wanted:
            if clip not in self.seconds:
                self._miss(f"clip {clip}", "no such sound")
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            spelled = [clip for clip in tongue.digits(str(value)) if clip != PAUSE]
            if all(clip in self.seconds for clip in spelled):
                clips += spelled

    def _play(self, clip: str, clips: list[str]) -> None:
        if clip in self.seconds:
            clips.append(clip)
        else:
            self._miss(f"clip {clip}", "no such sound")

    def _pieces(self, lang: str, prompt: str, attempt: int) -> tuple[Piece | Place, ...]:
        key = (lang, prompt, attempt if attempt < 3 else 3)
        found = self._cuts.get(key)
        if found is None:
            found = self._cuts[key] = self._cut(*key)
        if not found:
            self._miss(f"prompt {prompt}", "not in the catalogue")
        return found

    def _cut(self, lang: str, prompt: str, attempt: int) -> tuple[Piece | Place, ...]:
        for other in (lang, *LANGUAGES):
            texts = self.texts.get(other, {}).get(prompt)
            if texts is None:
                continue
            if other != lang:
                self._miss(f"prompt {lang}/{prompt}", f"said in {other} instead")
            for which in reversed(TRIES[:attempt]):
                if which in texts:
                    tail = "" if which == "text" else f".{which}"
                    return cut(f"{other}/{prompt}{tail}", texts[which])
        return ()

    def _miss(self, what: str, why: str) -> None:
        if not self.missing[what]:
            log.warning("cannot say %s as written: %s (said once; counted from here on)", what, why)
        self.missing[what] += 1


@cache
def _tongue(lang: str) -> Tongue:
    """Naming the parts of three languages takes some 20 ms, and a catalogue is made for each change of a prompt."""
    return Tongue(lang)


def read_texts(folder: Path = HERE) -> dict[str, dict[str, dict[str, str]]]:
    """The catalogue files of every language. Raises :class:`CatalogueError`."""
    return {lang: _read(folder / "catalogue" / f"{lang}.toml") for lang in LANGUAGES}


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"{path} is missing: every language needs its catalogue") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise CatalogueError(f"{path}: {fault}; see docs/prompts.md for how a prompt is written") from None
    for name, texts in found.items():
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise CatalogueError(f'{path}: [{name}] must hold lines such as text = "..." and nothing else')
    return found


def _durations(audio: Path) -> dict[str, float]:
    """Clip -> seconds, from the index, of the clips whose file is there."""
    try:
        index: dict[str, dict[str, object]] = json.loads((audio / "index.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as fault:
        log.error("%s is damaged (%s): run `ivr prompts render`", audio / "index.json", fault)
        return {}
    there = {path.relative_to(audio).as_posix().removesuffix(SUFFIX) for path in audio.rglob(f"*{SUFFIX}")}
    return {
        clip: milliseconds / 1000
        for clip, entry in index.items()
        if clip in there and isinstance(milliseconds := entry.get("ms"), int)
    }
