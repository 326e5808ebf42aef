"""Try a model in a process of its own: `python probe.py DIRECTORY < words.json`.

Loads it, recognises half a second of noise at 8 kHz with a grammar and without, and tells as JSON which of the words
on standard input it doesn't know.  Whatever is wrong with the model, this process dies of it, and nobody else.
It is run as a file and imports nothing of ours.
"""

import json
import os
import random
import resource
import sys

RATE = 8000  # Hz, the telephone's


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the library prints is no answer
    directory, words = sys.argv[1], json.load(sys.stdin)
    import vosk

    model = vosk.Model(model_path=directory)
    unknown = [word for word in words if model.vosk_model_find_word(word) < 0]
    noise = random.Random(1).randbytes(RATE)
    known = [word for word in words if word not in unknown][:20]
    for grammar in ([json.dumps([*known, "[unk]"])], []):
        recogniser = vosk.KaldiRecognizer(model, RATE, *grammar)
        recogniser.AcceptWaveform(noise)
        recogniser.FinalResult()
    json.dump({"unknown": unknown}, told)
    told.close()


main()
