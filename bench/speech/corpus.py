"""What simulated callers say: answers to questions of the hotline, in voices that the recogniser was not trained on.

Rules
1. The questions are the product's: their grammars say what may be said and what it means.
2. Only what the model can hear is said; how much of a vocabulary that is, is a figure of its own (`known`).
3. What is meant is known in keys: right is who understood the keys, however the words were written.
"""

import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from num2words import num2words
from stdnum import damm

from domain.model import Meter, Register, Zone
from flows.common import ACCOUNT, THE_ACCOUNT
from flows.doubt import AT_THE_METER, Shown
from flows.main_menu import MENU
from ivr.dialog.grammar import Grammar, yes_no
from ivr.dialog.turns import PATIENT, Manner
from ivr.dialog.vocabulary import commands
from ivr.ports import Listening
from ivr.simulator.voices import CALLERS
from ivr.speech.decoder import SpeechModel

REGISTER: Final = Register(Zone.SINGLE, width=6, last=41_000, last_on=date(2026, 10, 31), usual=8.0)
VALUE: Final = Shown(Meter("1", (REGISTER,)), REGISTER, date(2026, 11, 30))
"""A reading of a display of six digits."""
QUESTIONS: Final[dict[str, Grammar[Any]]] = {
    "account": ACCOUNT, "digits": VALUE, "numbers": VALUE, "pairs": VALUE, "yes or no": yes_no, "menu": MENU,
}  # fmt: skip
MANNERS: Final[dict[str, Manner]] = {
    "account": THE_ACCOUNT, "digits": AT_THE_METER, "numbers": AT_THE_METER, "pairs": AT_THE_METER,
    "yes or no": PATIENT, "menu": PATIENT,
}  # fmt: skip
"""How each question listens."""
HUMAN: Final = "a person"
"""Whose voice `people` has: some of the Russian words of numbers."""
SIDE: Final = {
    "uk": (
        "алло", "добрий день", "зачекайте хвилинку", "а що треба казати", "я не чую", "Оксано, вимкни телевізор",
        "собака гавкає", "вчора приходив електрик", "у під'їзді темно", "холодильник потік", "я дуже поспішаю",
        "будь ласка", "мене звати Тарас Шевченко", "хто це говорить", "сходи подивися за вікно",
    ),
    "ru": (
        "алло", "добрый день", "подождите минутку", "а что надо говорить", "я не слышу", "Оксана, выключи телевизор",
        "собака лает", "вчера приходил электрик", "в подъезде темно", "холодильник потёк", "я очень спешу",
        "пожалуйста", "меня зовут Тарас Шевченко", "кто это говорит", "сходи посмотри в окно",
    ),
}  # fmt: skip
"""What no question has asked for."""


@dataclass(frozen=True, slots=True)
class Saying:
    """An utterance.

    question: of `QUESTIONS`.  words: what is said.  keys: what it means; None: nothing, it must not be taken for an
    answer.  voice, rate: who says it and how fast (1: as usual).
    """

    language: str
    question: str
    words: str
    keys: str | None
    voice: str
    rate: float

    @property
    def seed(self) -> int:
        """For the noise around it."""
        return zlib.crc32(f"{self.words}{self.voice}".encode())


def listening(question: str, language: str) -> Listening:
    """What is listened for, as a session does it."""
    grammar = QUESTIONS[question]
    return Listening(language, (*grammar.phrases(language), *commands(language)), grammar.sequence)


def known(model: SpeechModel, question: str, language: str) -> tuple[tuple[str, ...], int]:
    """The phrases that the model can hear, and of how many."""
    phrases = QUESTIONS[question].phrases(language)
    return tuple(model.grammar(phrases).values()), len(phrases)


def sayings(model: SpeechModel, language: str, each: int, seed: int = 102) -> list[Saying]:
    """`each` utterances of every kind, among them some that answer nothing, by all voices in turn."""
    chance = random.Random(f"{seed}{language}")
    found = list[Saying]()
    for question in QUESTIONS:
        said = _said(question, model, language, chance)
        found += _spoken(question, language, [next(said) for _ in range(each)], chance)
        found += _spoken(
            question, language, [(chance.choice(SIDE[language]), None) for _ in range(each // 2)], chance
        )
    return found


def by_a_person(each: int, seed: int = 102) -> list[Saying]:
    """`each` utterances of every kind of number that Debian's Russian prompts have the words for."""
    chance = random.Random(f"{seed}{HUMAN}")
    found = list[Saying]()
    for question in ("account", "digits", "pairs"):
        for _ in range(each):
            number = account_number(chance) if question == "account" else _value(chance, 4, 6, 2)
            words = (by_pairs if question == "pairs" else one_by_one)(number, "ru")
            found.append(Saying("ru", question, words, number, HUMAN, 1.0))
    return found


def account_number(chance: random.Random) -> str:
    """Ten digits that are sound."""
    number = "1" + "".join(chance.choice("0123456789") for _ in range(8))
    return number + str(damm.calc_check_digit(number))


def _spoken(
    question: str, language: str, said: Sequence[tuple[str, str | None]], chance: random.Random
) -> Iterator[Saying]:
    for n, (words, keys) in enumerate(said):
        voices = CALLERS[language]
        yield Saying(language, question, words, keys, voices[n % len(voices)], round(chance.uniform(0.9, 1.25), 2))


def _said(
    question: str, model: SpeechModel, language: str, chance: random.Random
) -> Iterator[tuple[str, str | None]]:
    phrases, _ = known(model, question, language)
    while True:
        match question:
            case "account":
                number = account_number(chance)
                yield (one_by_one if chance.random() < 0.5 else by_pairs)(number, language), number
            case "digits":
                number = _value(chance, 4, 6)
                yield one_by_one(number, language), number
            case "pairs":
                number = _value(chance, 4, 6, 2)
                yield by_pairs(number, language), number
            case "numbers":
                number = _value(chance, 1, 6)
                yield cardinal(int(number), language), number
            case _:
                phrase = chance.choice(phrases)
                yield phrase, QUESTIONS[question].spelled(phrase)


def _value(chance: random.Random, least: int, most: int, step: int = 1) -> str:
    length = chance.randrange(least, most + 1, step)
    return str(chance.randrange(10 ** (length - 1), 10**length))


def cardinal(number: int, language: str) -> str:
    """As one says a number."""
    return str(num2words(number, lang=language)).replace("’", "'").replace("ʼ", "'")


def one_by_one(number: str, language: str) -> str:
    """Digit by digit."""
    return " ".join(cardinal(int(digit), language) for digit in number)


def by_pairs(number: str, language: str) -> str:
    """Two digits at a time, as telephone numbers are said."""
    pairs = [number[at : at + 2] for at in range(0, len(number), 2)]
    return " ".join(one_by_one(p, language) if p[0] == "0" else cardinal(int(p), language) for p in pairs)
