"""What free speech becomes without a grammar: word errors, confidences and time of the project's own model.

    python -m bench.transcripts --data DIR      DIR: where RHVoice is or will be, e.g. ./data

Callers' voices that the model was not trained on say words that it knows, and whole complaints, most of whose words
it doesn't.  The figures stand in docs/decisions/099.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ivr.simulator.voices import CALLERS, Voices
from ivr.speech import transcribe_child
from ivr.speech.models import BUILT_IN

VOICES = 3
"""Of each language, where there are so many."""
KNOWN = {
    "uk": (
        "немає світла", "скарга на рахунок", "лічильник показники", "передати показання лічильник",
        "рахунок двісті сорок п'ять гривень", "один два три чотири п'ять шість", "оператор допомога зачекайте",
        "адреса будинок сто двадцять", "тариф нічний день", "особовий рахунок нуль сім вісім дев'ять",
        "відключення світла", "аварія дим вогонь",
    ),
    "ru": (
        "нет света", "жалоба на счет", "счётчик показания", "передать показания", "двести сорок пять",
        "один два три четыре пять шесть", "оператор помощь", "адрес сто двадцать", "тариф дневной",
        "ноль семь восемь девять", "отключение света", "авария",
    ),
}  # fmt: skip
COMPLAINTS = {
    "uk": (
        "у нас вже третю добу немає світла в усьому під'їзді і ніхто не відповідає",
        "щиток у коридорі іскрить і сильно пахне паленим",
        "мені нарахували велику суму за минулий місяць хоча я не користувалася",
        "приїдьте будь ласка обірвало провід біля школи там діти",
        "напруга дуже низька холодильник і насос не працюють",
    ),
    "ru": (
        "у нас третий день нет света во всём подъезде и никто не отвечает",
        "щиток в коридоре искрит и сильно пахнет горелым",
        "мне начислили большую сумму за прошлый месяц хотя я не пользовалась",
        "приезжайте пожалуйста оборвало провод возле школы там дети",
        "напряжение очень низкое холодильник и насос не работают",
    ),
}


def errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words to be put in, left out or changed, at least (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for k, word in enumerate(said, 1):
        before, row = row, [k]
        for j, other in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other)))
    return row[-1]


def measure(voices: Voices, language: str, sentences: Sequence[str]) -> str:
    """One line of figures."""
    engine = transcribe_child.vosk(BUILT_IN[language], language)
    wrong = words = whole = tried = 0
    seconds = cpu = 0.0
    sure: dict[bool, list[float]] = {True: [], False: []}
    for voice in CALLERS[language][:VOICES]:
        for sentence in sentences:
            sound = np.pad(voices.say(sentence, voice), 2400)
            began = time.process_time()
            found = engine(sound.astype("<i2").tobytes()).words
            cpu, seconds = cpu + time.process_time() - began, seconds + len(sound) / 8000
            said, heard = _folded(sentence).split(), [_folded(word.text) for word in found]
            missed = errors(said, heard)
            wrong, words, whole, tried = wrong + missed, words + len(said), whole + (not missed), tried + 1
            for word in found:
                sure[_folded(word.text) in said].append(word.confidence or 0.0)
    right, others = (f"{np.mean(each):.2f} ({len(each)})" if each else "-" for each in (sure[True], sure[False]))
    return (
        f"word errors {wrong / words:.0%} ({wrong} of {words}), whole {whole} of {tried}, "
        f"confidence of right words {right}, of wrong ones {others}, {cpu / seconds:.3f} of real time"
    )


def _folded(text: str) -> str:
    return text.replace("ё", "е")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, default=Path("data"))
    voices = Voices(arguments.parse_args().data)
    transcribe_child.FEW = 0  # show the confidences that are not shown to staff, and why
    for language in ("uk", "ru"):
        for what, sentences in (("words it knows", KNOWN[language]), ("complaints", COMPLAINTS[language])):
            print(f"{language}, {what}: {measure(voices, language, sentences)}")


if __name__ == "__main__":
    main()
