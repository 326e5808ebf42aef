"""Words for numbers, in Ukrainian, Russian and English: what `ivr.dialog.numbers` understands and recognisers are
told to expect.

Rules: tables only.  A word stands here as a careful speaker's recogniser writes it (small letters, ' for the
apostrophe, ё); `VARIANTS` are other spellings and what people say instead, understood but not asked for.  `fold`
makes spellings equal that differ by apostrophes, ё or case; what is compared is folded on both sides, and so one
table serves both languages mixed ("двадцать п'ять").
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

CARDINALS: Final[Mapping[str, Mapping[int, str]]] = {
    "uk": {
        **{0: "нуль ноль", 1: "один одна одне", 2: "два дві", 3: "три", 4: "чотири", 5: "п'ять", 6: "шість"},
        **{7: "сім", 8: "вісім", 9: "дев'ять", 10: "десять", 11: "одинадцять", 12: "дванадцять", 13: "тринадцять"},
        **{14: "чотирнадцять", 15: "п'ятнадцять", 16: "шістнадцять", 17: "сімнадцять", 18: "вісімнадцять"},
        **{19: "дев'ятнадцять", 20: "двадцять", 30: "тридцять", 40: "сорок", 50: "п'ятдесят", 60: "шістдесят"},
        **{70: "сімдесят", 80: "вісімдесят", 90: "дев'яносто", 100: "сто", 200: "двісті", 300: "триста"},
        **{400: "чотириста", 500: "п'ятсот", 600: "шістсот", 700: "сімсот", 800: "вісімсот", 900: "дев'ятсот"},
    },
    "ru": {
        **{0: "ноль нуль", 1: "один одна одно", 2: "два две", 3: "три", 4: "четыре", 5: "пять", 6: "шесть"},
        **{7: "семь", 8: "восемь", 9: "девять", 10: "десять", 11: "одиннадцать", 12: "двенадцать", 13: "тринадцать"},
        **{14: "четырнадцать", 15: "пятнадцать", 16: "шестнадцать", 17: "семнадцать", 18: "восемнадцать"},
        **{19: "девятнадцать", 20: "двадцать", 30: "тридцать", 40: "сорок", 50: "пятьдесят", 60: "шестьдесят"},
        **{70: "семьдесят", 80: "восемьдесят", 90: "девяносто", 100: "сто", 200: "двести", 300: "триста"},
        **{400: "четыреста", 500: "пятьсот", 600: "шестьсот", 700: "семьсот", 800: "восемьсот", 900: "девятьсот"},
    },
    "en": {
        **{0: "zero oh", 1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"},
        **{9: "nine", 10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen"},
        **{16: "sixteen", 17: "seventeen", 18: "eighteen", 19: "nineteen", 20: "twenty", 30: "thirty", 40: "forty"},
        **{50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty", 90: "ninety"},
    },
}
"""Value -> its words: the digits, 10 to 19, tens, hundreds."""

SCALES: Final[Mapping[str, Mapping[int, tuple[str, str]]]] = {
    "uk": {1000: ("тисяча", "тисячі тисяч"), 10**6: ("мільйон", "мільйони мільйонів")},
    "ru": {1000: ("тысяча", "тысячи тысяч"), 10**6: ("миллион", "миллиона миллионов")},
    "en": {100: ("hundred", ""), 1000: ("thousand", ""), 10**6: ("million", "")},
}
"""Multiplier -> the form that may stand without a number ("тисяча двісті"), and the others."""

NOUNS: Final[Mapping[str, Mapping[int, tuple[str, str]]]] = {
    "uk": {
        0: ("нулик", "нулі нулів"),
        1: ("одиниця одиничка", "одиниці одиниць одинички одиничок"),
        2: ("двійка", "двійки двійок"),
        3: ("трійка", "трійки трійок"),
        4: ("четвірка", "четвірки четвірок"),
        5: ("п'ятірка", "п'ятірки п'ятірок"),
        6: ("шістка", "шістки шісток"),
        7: ("сімка", "сімки сімок"),
        8: ("вісімка", "вісімки вісімок"),
        9: ("дев'ятка", "дев'ятки дев'яток"),
    },
    "ru": {
        0: ("нолик", "нуля нулей ноля нолей"),
        1: ("единица единичка", "единицы единиц единички единичек"),
        2: ("двойка", "двойки двоек"),
        3: ("тройка", "тройки троек"),
        4: ("четвёрка", "четвёрки четвёрок"),
        5: ("пятёрка", "пятёрки пятёрок"),
        6: ("шестёрка", "шестёрки шестёрок"),
        7: ("семёрка", "семёрки семёрок"),
        8: ("восьмёрка", "восьмёрки восьмёрок"),
        9: ("девятка", "девятки девяток"),
    },
    "en": {
        0: ("", "zeros zeroes ohs"),
        **{1: ("", "ones"), 2: ("", "twos"), 3: ("", "threes"), 4: ("", "fours"), 5: ("", "fives")},
        **{6: ("", "sixes"), 7: ("", "sevens"), 8: ("", "eights"), 9: ("", "nines")},
    },
}
"""Digit -> nouns that mean one of it ("сімка"), and nouns that are counted ("дві сімки", "три нулі")."""

TIMES: Final[Mapping[str, Mapping[int, str]]] = {
    "uk": {2: "подвійна подвійний подвійне двічі", 3: "потрійна потрійний потрійне тричі"},
    "ru": {2: "двойная двойной двойное дважды", 3: "тройная тройной тройное трижды"},
    "en": {2: "double", 3: "triple treble"},
}
"""How often the digit that follows is meant."""

CORRECTIONS: Final[Mapping[str, str]] = {
    "uk": "ні нє не ой вірніше точніше тобто вибачте вибачаюсь пробачте перепрошую помилився помилилася помилилась",
    "ru": "нет не ой вернее точнее извините извиняюсь простите ошибся ошиблась",
    "en": "no sorry correction rather oops",
}
"""What takes back what was said last (see `ivr.dialog.numbers`).  "То есть" of two words is understood as well."""

DENIALS: Final = frozenset({"не"})
"""Corrections that turn their meaning round where nothing stands before them ("не сорок, а п'ятдесят")."""

POINTS: Final[Mapping[str, str]] = {
    "uk": "кома крапка цілих ціла",
    "ru": "запятая точка целых целая",
    "en": "point comma decimal",
}
"""What stands between the whole units and the decimals of a display."""

PARTS: Final[Mapping[str, str]] = {
    "uk": "десятих десята десяті сотих сота соті тисячних",
    "ru": "десятых десятая сотых сотая тысячных",
    "en": "tenths hundredths",
}
"""What decimals are called; said after them."""

HESITATIONS: Final[Mapping[str, str]] = {
    "uk": "ну е ее еее м мм ммм о от значить отже так і й та",
    "ru": "ну э ээ эээ м мм ммм вот значит так и",
    "en": "um uh er erm well so and a",
}
"""Stand anywhere and mean nothing: "сто і п'ять", "a hundred and five".  "А" is none of them: it contrasts."""

LABELS: Final[Mapping[str, str]] = {
    "uk": "номер рахунок рахунку особовий показник показники показання показань лічильник лічильника мій мої моя на "
    "у мене це зараз день ніч",
    "ru": "номер счёт счёта лицевой показание показания показаний счётчик счётчика мой мои моя на у меня это сейчас "
    "день ночь",
    "en": "number account reading meter my the is it's it its shows",
}
"""Stand before a number and say what it is of.  Between two numbers they would say that there are two."""

COUNTED: Final[Mapping[str, str]] = {
    "uk": "кіловат кіловати кіловатів кіловата година години годин",
    "ru": "киловатт киловатта киловат киловата час часа часов",
    "en": "kilowatt kilowatts hour hours",
}
"""Stand after a number and say what it counts."""

VARIANTS: Final[Mapping[str, str]] = {
    "один": "адин",
    "чотири": "чотирі чтири четирі",
    "п'ять": "пьять",
    "шість": "шисть",
    "сім": "сем сємь",
    "вісім": "восім восемь",
    "дев'ять": "девьять",
    "одинадцять": "одинадцать одинацять",
    "дванадцять": "дванацять двенадцять двінадцять",
    "тринадцять": "тринацять тринацать",
    "чотирнадцять": "чотирнацять четирнадцять",
    "п'ятнадцять": "пятнацять",
    "шістнадцять": "шіснадцять шіснацять шестнадцять",
    "сімнадцять": "сімнацять семнадцять",
    "вісімнадцять": "вісімнацять восімнадцять восемнадцять",
    "дев'ятнадцять": "девятнацять",
    "двадцять": "двацять двацать",
    "тридцять": "трицять трицать",
    "п'ятдесят": "пісят писят пийсят пядесят",
    "шістдесят": "шісят шисят шестдесят шіздесят",
    "сімдесят": "сімсят семсят семдесят",
    "вісімдесят": "вісімсят восімдесят восемдесят восемсят",
    "двісті": "двєсті",
    "чотириста": "чотирста четиреста",
    "шістсот": "шестсот шісот шіссот",
    "сімсот": "семсот сьомсот",
    "вісімсот": "восімсот восемсот",
    "тисяча": "тисячу тища тищу",
    "тысяча": "тысячу тыща тыщу",
    "тисяч": "тищі тищ",
    "тысяч": "тыщи тыщ",
    "мільйон": "міліон",
    "мільйонів": "мільйона міліони міліонів",
    "миллион": "милион",
    "миллионов": "миллионы милионов",
    "нулів": "нули ноли нолі нулики нолики",
    "zero": "o nought naught nil",
    "forty": "fourty",
    "ninety": "ninty",
}
"""A word of the tables above -> other spellings and pronunciations of it."""

_APOSTROPHES: Final = dict.fromkeys(map(ord, "'’ʼ‘`´′ʹ＇"))
_BETWEEN: Final = dict.fromkeys(map(ord, '.,!?;:…"«»„“”()-‐‑–—'), " ")


def fold(words: str) -> list[str]:
    """Words that are written alike when they are one: without case, apostrophes, ё and punctuation."""
    plain = unicodedata.normalize("NFC", words).lower().translate(_APOSTROPHES).replace("ё", "е")
    return plain.translate(_BETWEEN).replace("то есть", "тобто").split()
