"""The process that an engine works in: sound on stdin, two lines on stdout: "loaded", then what was understood.

Ends with 0; with 2 and a message where the engine can't be used at all; any other way it is a fault of the engine.

    python -m ivr.speech.transcribe_child vosk|whisper MODEL LANGUAGE PARENT

Whisper's loops.  On noise, music and silence Whisper repeats itself, fluently.  A stretch is thrown away, and the
remark says so, where its text compresses better than speech does (OpenAI's own threshold, 2.4), where three words
come three times running, or where the model itself thinks that nobody speaks (no_speech above 0.6 and an average
log-probability below -1: OpenAI's thresholds as well).
"""

import ctypes
import json
import os
import signal
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from domain.transcription import Transcription, Word

RATE: Final = 8000
CHUNK: Final = RATE
"""Bytes that Vosk is given at a time: half a second."""
FEW: Final = 10_000
"""A model with fewer words is made for closed questions; free speech has most of its words elsewhere."""
LONGEST: Final = 300.0
"""Seconds that Whisper is given: it costs most, and longer than that nobody is let to speak."""
COMPRESSES: Final = 2.4
NO_SPEECH: Final = 0.6
UNLIKELY: Final = -1.0
REPEATED: Final = 3
"""Words that loop, and how often."""
_PR_SET_PDEATHSIG: Final = 1

Engine = Callable[[bytes], Transcription]


class Unusable(Exception):
    """The engine can't be used; says why and what to do."""


# Vosk


def vosk(directory: Path, language: str) -> Engine:
    """Vosk with this model.  Raises Unusable."""
    import vosk as libvosk

    from ivr.speech.decoder import Upsampler, takes_8_khz
    from ivr.speech.models.vocabulary import vocabulary

    libvosk.SetLogLevel(-1)
    try:
        known = vocabulary(directory / "graph")
        upsamples = not takes_8_khz(directory)
        model = libvosk.Model(str(directory))
        libvosk.KaldiRecognizer(model, RATE)  # some damage is found only here
    except Exception as fault:  # libvosk knows no other kind
        raise Unusable(f"the model {directory} can't be used: {fault}; `ivr models` tells how to get one") from fault
    few = len(known) if known is not None and len(known) < FEW else 0

    def transcribe(audio: bytes) -> Transcription:
        recogniser = libvosk.KaldiRecognizer(model, RATE * (1 + upsamples))
        recogniser.SetWords(True)
        upsample = Upsampler() if upsamples else bytes
        words: list[Word] = []
        for at in range(0, len(audio), CHUNK):
            if recogniser.AcceptWaveform(upsample(audio[at : at + CHUNK])):
                words += _of_vosk(recogniser.Result(), bool(few))
        words += _of_vosk(recogniser.FinalResult(), bool(few))
        remark = f"the model knows {few} words only: whatever else was said is missing or made into these"
        return Transcription(tuple(words), directory.name, remark if few else None)

    return transcribe


def _of_vosk(result: str, few: bool) -> list[Word]:
    """The words of a stretch.  few: how certain the engine is among a few words says nothing about all others."""
    return [
        Word(word["word"], word["start"], word["end"], None if few else word["conf"])
        for word in json.loads(result).get("result", ())
    ]


# Whisper


def whisper(directory: Path, language: str) -> Engine:
    """faster-whisper with this model.  Raises Unusable."""
    try:
        import faster_whisper  # pyright: ignore[reportMissingImports]
        import numpy as np
    except ImportError as fault:
        raise Unusable(f"faster-whisper is not installed ({fault}): pip install 'grid-hotline[whisper]'") from fault
    if not (directory / "model.bin").is_file():
        raise Unusable(f"{directory} holds no model in CTranslate2's format (model.bin): set whisper_model")
    try:
        model: Any = faster_whisper.WhisperModel(
            str(directory), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )
    except Exception as fault:  # what it raises is not documented
        raise Unusable(f"faster-whisper can't load {directory}: {fault}") from fault

    def transcribe(audio: bytes) -> Transcription:
        from ivr.speech.decoder import Upsampler

        given = audio[: int(LONGEST * RATE) * 2]
        sound = np.frombuffer(Upsampler()(given), np.int16).astype(np.float32) / 32768  # it takes 16 kHz
        stretches, _ = model.transcribe(
            sound, language=language, beam_size=5, word_timestamps=True, condition_on_previous_text=False,
            vad_filter=True, compression_ratio_threshold=COMPRESSES, no_speech_threshold=NO_SPEECH,
            log_prob_threshold=UNLIKELY,
        )  # fmt: skip
        words, dropped = sensible(stretches)
        remarks: list[str] = []
        if dropped:
            remarks.append(f"{dropped} stretches in which it repeated itself or heard nobody were left out")
        if len(given) < len(audio):
            remarks.append(f"only the first {LONGEST:.0f} s were written down")
        return Transcription(words, f"whisper {directory.name}", "; ".join(remarks) or None)

    return transcribe


def sensible(stretches: Iterable[Any]) -> tuple[tuple[Word, ...], int]:
    """The words of Whisper's stretches that are none of its loops, and how many stretches were left out."""
    words: list[Word] = []
    dropped = 0
    for stretch in stretches:
        told = [
            Word(word.word.strip(), float(word.start), float(word.end), float(word.probability))
            for word in stretch.words or ()
            if word.word.strip()
        ]
        nobody = stretch.no_speech_prob > NO_SPEECH and stretch.avg_logprob < UNLIKELY
        if nobody or compresses(stretch.text) > COMPRESSES or loops([word.text for word in told]):
            dropped += 1
        elif loops([word.text for word in (*words[-len(told) * 2 :], *told)]):
            dropped += 1  # the same stretch again and again
        else:
            words += told
    return tuple(words), dropped


def compresses(text: str) -> float:
    """How many times shorter the text becomes; speech stays below 2."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def loops(words: Sequence[str], longest: int = 8) -> bool:
    """Whether words come `REPEATED` times running: `REPEATED` words or more in all, up to `longest` at a time.

    One word three times ("ні ні ні") is how people speak; four times that is not.
    """
    said = [word.casefold().strip(".,!?… ") for word in words]
    for length in range(1, longest + 1):
        times = REPEATED if length >= REPEATED else REPEATED * 2
        for start in range(len(said) - length * times + 1):
            first = said[start : start + length]
            if all(said[start + k * length : start + (k + 1) * length] == first for k in range(1, times)):
                return True
    return False


# The process


def main(kind: str, model: str, language: str, parent: str) -> None:
    """Load, say so, listen, tell."""
    _die_with(int(parent))
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print is not our answer
    try:
        engine = {"vosk": vosk, "whisper": whisper}[kind](Path(model), language)
    except Unusable as fault:
        _end(told, str(fault))
    told.write("loaded\n")
    told.flush()
    found = engine(sys.stdin.buffer.read())
    words = [(word.text, word.began, word.ended, word.confidence) for word in found.words]
    told.write(json.dumps({"words": words, "model": found.model, "remark": found.remark}) + "\n")
    told.flush()


def _end(told: Any, why: str) -> NoReturn:
    told.write(" ".join(why.split()) + "\n")
    told.flush()
    sys.exit(2)


def _die_with(parent: int) -> None:
    """The kernel ends us when whoever started us is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
