"""Vosk, one utterance at a time: a grammar and audio in, words and how certain they are out.

Rules
1. A grammar is always given: the phrases, and `[unk]` for everything else.  What becomes of its weight and where the
   confidences come from: docs/decisions/086-grammar-and-confidence.md.
2. A phrase with a word that the model doesn't know is left out; it can't be heard.  Ours and the model's spelling
   may differ in apostrophes and in the two dots of `ё`; what is told is ours.
3. Vosk's own end-pointing is passed over: when an utterance is over is not its business.

Theory: Vosk makes a bigram of the grammar's lines (absolute discounting by 0.5, back-off to unigrams).  So any line
may follow any other at the cost of a back-off, and a line that is written several times weighs more.
"""

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import vosk

from ivr.ports import Alternative, Listening, SpokenWord
from ivr.speech.models.check import BadModel, look

log = logging.getLogger(__name__)

RATE = 8000
UNKNOWN = "[unk]"
UNKNOWN_LINES = 2
"""How often `[unk]` stands in the grammar: measured in decision 086."""
READINGS = 10
"""Readings that shares are made of."""
ALTERNATIVES = 5
"""Of them told."""
LATTICE_BEAM = 8.0
"""How much likelier the best reading may be than one that is kept; small models come with 2 to 4 (decision 086)."""
FLATTER = 0.4
"""What log-likelihoods are scaled by before they become shares: neighbouring frames are no independent evidence."""
_SPELLINGS = {"ё": "ёе", **dict.fromkeys("'’ʼ`", "'’ʼ`")}
_TAPS = 32

vosk.SetLogLevel(-1)


class Unusable(Exception):
    """The model can't be used; says why."""


class SpeechModel:
    """A Vosk model, loaded.  Raises `Unusable`; OSError when the system lacks something now."""

    def __init__(self, directory: Path) -> None:
        try:
            look(directory)
        except BadModel as fault:
            raise Unusable(str(fault)) from None
        self._upsamples = not takes_8_khz(directory)
        try:  # a damaged graph is found by who uses it, not by who loads it
            with _wider(directory) as wider:
                self._vosk = vosk.Model(str(wider))
            decoder = Decoder(self, {}, upsamples=self._upsamples)
            decoder.accept(bytes(RATE))
            decoder.final()
        except OSError:
            raise
        except Exception as fault:  # vosk knows no other kind
            raise Unusable(f"{directory} can't be used: {fault}. Unpack or install it anew") from fault

    def spelling(self, word: str) -> str | None:
        """The word as this model writes it; None if it doesn't know it."""
        ways = (
            product(*(_SPELLINGS.get(letter, letter) for letter in word)) if set(word) & set(_SPELLINGS) else (word,)
        )
        for way in map("".join, ways):
            if self._vosk.vosk_model_find_word(way) >= 0:
                return way
        return None

    def grammar(self, phrases: Iterable[str]) -> Mapping[str, str]:
        """The phrases that can be understood, as the model writes them -> as we do."""
        found = dict[str, str]()
        for phrase in phrases:
            words = [self.spelling(word) for word in phrase.split()]
            if words and None not in words:
                found[" ".join(word for word in words if word)] = phrase
        return found

    def recogniser(self, lines: tuple[str, ...]) -> Any:
        """A recogniser of Vosk; about 0.2 ms."""
        made = vosk.KaldiRecognizer(self._vosk, RATE * (1 + self._upsamples), json.dumps(lines, ensure_ascii=False))
        made.SetMaxAlternatives(READINGS)
        made.SetWords(True)
        return made

    def decoder(self, wanted: Listening) -> "Decoder | None":
        """For one utterance; None when nothing of what is wanted can be understood."""
        grammar = _grammar(self, wanted.phrases)
        return Decoder(self, grammar, upsamples=self._upsamples) if grammar else None


@lru_cache(maxsize=256)
def _grammar(model: SpeechModel, phrases: tuple[str, ...]) -> Mapping[str, str]:
    return model.grammar(phrases)


def unknown_words(model: SpeechModel, phrases: Iterable[str]) -> frozenset[str]:
    """The words that the model doesn't know: phrases with them are never heard."""
    return frozenset(word for phrase in phrases for word in phrase.split() if model.spelling(word) is None)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand the audio.  share: its probability among those found.  words: with begin and end, s."""

    share: float
    words: tuple[tuple[str, float, float], ...]


def certainties(reading: Reading, readings: Sequence[Reading]) -> list[float]:
    """Of each of its words: the share of the readings that have the same word in the same place; and no more than is
    left by likelier readings with more words: this one leaves some of them out."""
    more = sum(o.share for o in readings if o.share > reading.share and len(o.words) > len(reading.words))
    common = (
        sum(
            other.share
            for other in readings
            if any(word == theirs and begin < (first + last) / 2 < end for theirs, begin, end in other.words)
        )
        for word, first, last in reading.words
    )
    return [min(share, 1 - more) for share in common]


class Decoder:
    """What is being said.  Give it audio, ask it for words."""

    def __init__(self, model: SpeechModel, grammar: Mapping[str, str], *, upsamples: bool) -> None:
        self._ours = {
            theirs: ours for line in grammar for theirs, ours in zip(line.split(), grammar[line].split(), strict=True)
        }
        self._upsample = Upsampler() if upsamples else None
        self._vosk = model.recogniser((*grammar, *[UNKNOWN] * UNKNOWN_LINES))

    def accept(self, pcm: bytes) -> None:
        """16-bit samples, 8 kHz."""
        if self._upsample:
            pcm = self._upsample(pcm)
        self._vosk.AcceptWaveform(pcm)

    def partial(self) -> str:
        """The words so far, a fifth of a second behind."""
        return self._words(json.loads(self._vosk.PartialResult())["partial"])

    def final(self) -> tuple[Alternative, ...]:
        """The whole utterance, the likeliest reading first; empty when there was nothing.

        Words are at seconds of the audio that was given.
        """
        found = [way for way in json.loads(self._vosk.FinalResult()).get("alternatives", ()) if way.get("result")]
        likely = [math.exp(FLATTER * (way["confidence"] - found[0]["confidence"])) for way in found]
        readings = [
            Reading(share / sum(likely), tuple((w["word"], w["start"], w["end"]) for w in way["result"]))
            for share, way in zip(likely, found, strict=True)
        ]
        told = dict[str, Alternative]()  # the same words with other times are one reading
        for reading in readings:
            words = self._words(" ".join(word for word, _, _ in reading.words))
            if words not in told:
                sure = certainties(reading, readings)
                each = (
                    SpokenWord(self._words(word), begin, end, share)
                    for (word, begin, end), share in zip(reading.words, sure, strict=True)
                )
                told[words] = Alternative(words, min(sure), tuple(each))
        return tuple(told.values())[:ALTERNATIVES]

    def _words(self, text: str) -> str:
        return " ".join(self._ours.get(word, word) for word in text.split())


class Upsampler:
    """8 to 16 kHz for models that neither are made for 8 kHz nor convert by themselves: half-band FIR, stateful."""

    def __init__(self) -> None:
        at = np.arange(-_TAPS + 0.5, _TAPS)
        self._half = (np.sinc(at) * np.hanning(2 * _TAPS + 2)[1:-1]).astype(np.float32)
        self._past = np.zeros(2 * _TAPS - 1, np.float32)

    def __call__(self, pcm: bytes) -> bytes:
        """Twice the samples, 4 ms later."""
        sound = np.concatenate([self._past, np.frombuffer(pcm, np.int16).astype(np.float32)])
        self._past = sound[len(sound) - len(self._past) :]
        between = np.convolve(sound, self._half, "valid")
        both = np.empty((len(between), 2), np.float32)
        both[:, 0], both[:, 1] = sound[_TAPS - 1 : _TAPS - 1 + len(between)], between
        return np.clip(np.rint(both), -32768, 32767).astype(np.int16).tobytes()


@contextmanager
def _wider(directory: Path) -> Iterator[Path]:
    """The same model with a lattice of at least `LATTICE_BEAM`, which Vosk takes from nowhere but its files."""
    conf = directory / "conf/model.conf"
    if not conf.is_file():
        yield directory  # the old layout has no settings
        return
    try:
        temporary = TemporaryDirectory(prefix="ivr-speech-")
    except OSError as fault:
        log.warning("confidences are coarser than they could be: no place for a settings file: %s", fault)
        yield directory
        return
    with temporary:
        made = Path(temporary.name)
        (made / "conf").mkdir()
        for path in (*directory.resolve().iterdir(), *conf.parent.resolve().iterdir()):
            if path.name not in ("conf", "model.conf"):
                (made / ("conf" if path.parent.name == "conf" else "") / path.name).symlink_to(path)
        own = conf.read_text("utf-8").splitlines()
        beams = [float(line.partition("=")[2]) for line in own if line.startswith("--lattice-beam=")]
        kept = [line for line in own if not line.startswith("--lattice-beam=")]
        kept.append(f"--lattice-beam={max([LATTICE_BEAM, *beams])}")
        (made / "conf/model.conf").write_text("\n".join(kept) + "\n", "utf-8")
        yield made


def takes_8_khz(directory: Path) -> bool:
    """Whether 8 kHz can be given to it as it is: made for it, or converting (Kaldi's `--allow-upsample`)."""
    options = dict[str, str]()
    for line in (directory / "conf/mfcc.conf").read_text("utf-8").splitlines():
        name, _, value = line.partition("#")[0].strip().partition("=")
        options[name.strip()] = value.strip()
    return options.get("--sample-frequency", "16000") == "8000" or options.get("--allow-upsample") == "true"
