"""Try a model in a process of its own: `python -m ivr.speech.models.probe DIRECTORY < words.json`.

Loads it as a worker does, recognises half a second of noise with a grammar and without, and tells as JSON how many
words it knows, and which of those on standard input it doesn't.  Whatever is wrong with the model, this process dies
of it, and nobody else.
"""

import json
import os
import random
import resource
import sys
from pathlib import Path

POLITE = 10
"""Callers come first (nice(2))."""


def main() -> None:
    os.nice(POLITE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is no answer
    try:
        json.dump(_try(Path(sys.argv[1]), json.load(sys.stdin)), answers)
    except Exception as fault:  # told, not raised: the traceback would help nobody
        json.dump({"fault": str(fault) or type(fault).__name__}, answers)
    answers.close()


def _try(directory: Path, words: list[str]) -> dict[str, object]:
    import vosk

    from ivr.ports import Listening
    from ivr.speech.decoder import SpeechModel, unknown_words
    from ivr.speech.models.vocabulary import vocabulary

    known = vocabulary(directory / "graph")
    if not known:
        raise ValueError("it has no words: neither graph/words.txt nor the graph itself lists them")
    vosk.SetLogLevel(0)  # what is wrong is told in errors only
    model = SpeechModel(directory)
    noise = random.Random(1).randbytes(8000)
    decoder = model.decoder(Listening("", tuple(sorted(known)[:20])))
    if decoder is None:
        raise ValueError("it does not know the words that it lists")
    decoder.accept(noise)
    decoder.final()
    free = vosk.KaldiRecognizer(model._vosk, 16000)
    free.AcceptWaveform(noise)
    free.FinalResult()
    return {"words": len(known), "unknown": sorted(unknown_words(model, words))}


main()
