"""Words that mean the same in every question: yes and no, the keys by their numbers, a way out.

Rules: small letters, as recognisers give them; a phrase of several words has one space between two.  A word that a
model does not know is simply never heard.  Nothing long that few people say: talk about something else is bent into
it ("у під'їзді темно" became "підтверджую").
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Vocabulary: TypeAlias = Mapping[str, tuple[str, ...]]
"""Language (ISO 639-1) -> phrases."""

UNKNOWN: Final = "[unk]"
"""What recognisers write for a word that is none of the expected."""

YES: Final[Vocabulary] = {
    "uk": ("так", "авжеж", "звичайно", "правильно", "вірно", "да"),
    "ru": ("да", "конечно", "правильно", "верно"),
    "en": ("yes", "yeah", "correct", "right"),
}
NO: Final[Vocabulary] = {
    "uk": ("ні", "неправильно", "невірно", "нє"),
    "ru": ("нет", "неправильно", "неверно"),
    "en": ("no", "wrong", "incorrect"),
}

KEYS: Final[Mapping[str, Vocabulary]] = {
    "1": {"uk": ("один", "одна", "перший", "перше"), "ru": ("один", "одна", "первый", "первое"), "en": ("one",)},
    "2": {"uk": ("два", "дві", "другий", "друге"), "ru": ("два", "две", "второй", "второе"), "en": ("two",)},
    "3": {"uk": ("три", "третій", "третє"), "ru": ("три", "третий", "третье"), "en": ("three",)},
    "4": {"uk": ("чотири",), "ru": ("четыре",), "en": ("four",)},
    "5": {"uk": ("п'ять",), "ru": ("пять",), "en": ("five",)},
    "6": {"uk": ("шість",), "ru": ("шесть",), "en": ("six",)},
    "7": {"uk": ("сім",), "ru": ("семь",), "en": ("seven",)},
    "8": {"uk": ("вісім",), "ru": ("восемь",), "en": ("eight",)},
    "9": {"uk": ("дев'ять",), "ru": ("девять",), "en": ("nine",)},
}
"""The number of a key, said instead of pressed."""

COMMANDS: Final[Mapping[str, Vocabulary]] = {
    "0": {
        "uk": ("оператор", "оператора", "з'єднайте з оператором"),
        "ru": ("оператор", "оператора", "соедините с оператором"),
        "en": ("operator", "agent"),
    },
    "*": {"uk": ("назад", "меню", "головне меню"), "ru": ("назад", "меню", "главное меню"), "en": ("back", "menu")},
    "#": {
        "uk": ("повторити", "повторіть", "ще раз"),
        "ru": ("повторить", "повторите", "ещё раз"),
        "en": ("repeat", "again"),
    },
}
"""What these keys do everywhere (`ivr.dialog.exchange`), said instead of pressed."""

_COMMANDS: Final = {phrase: key for key, said in COMMANDS.items() for phrases in said.values() for phrase in phrases}


def command(words: str) -> str | None:
    """The key whose meaning everywhere these words have."""
    return _COMMANDS.get(words)


def commands(language: str) -> tuple[str, ...]:
    """What may be said at any question."""
    return tuple(phrase for said in COMMANDS.values() for phrase in said.get(language, ()))
