"""Numbers, dates, money and strings of digits, as a voice says them.

Rules
1. A *part* is one recorded clip with one fixed text. ``Tongue.parts`` names every part of a language, so
   the renderer, the talent's script, the checker and the composer share one list and cannot disagree.
2. ``Tongue.say`` turns a value into clips and nothing else. What is said is the texts of these clips in a
   row; there is no second grammar for the text, hence no way for text and sound to differ.
3. Joints lie where a speaker would take one: after the thousands, after the hundreds, before the unit. What
   people hear as one group is one clip: "сорок п'ять", "дві тисячі" (of larger thousands the last word only:
   "сорок | п'ять тисяч"; the whole of them would cost 4 MB and be heard as little better).

Grammar: words of cardinals and ordinals come from num2words; what it lacks stands here (Ukrainian gender,
forms of ordinals, agreement). The plural categories are CLDR's for uk, ru and en, integers only. Cardinals
reach from 0 to 999,999,999. English numbers are American ("three hundred forty-five", without "and"),
like the voice that says them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

from num2words import num2words

LANGUAGES = ("uk", "ru", "en")
"""Ukrainian is first: it is what every fallback falls back to."""

LARGEST = 10**9 - 1
PAUSE = "pause/200"
"""Clip of 200 ms of silence, between groups of digits and after a value that ends a sentence."""
FILLER = "pause/10000"
"""Clip of 10 s of silence, for the exchange to play while the hotline listens (docs/decisions/044)."""
SILENCES = (PAUSE, FILLER)
TONE = "pause/tone"
"""Clip of the tone after which the caller speaks."""
WORDLESS = (*SILENCES, TONE)


class Unspeakable(ValueError):
    """The value does not suit the place it is meant for (its type or its range)."""


Melody = Literal["runs", "leads", "falls"]
"""How a clip ends: runs straight into the next one, leads on as before a comma, falls as before a full stop."""


@dataclass(frozen=True)
class Part:
    """One recorded clip: what it says and how it ends."""

    text: str
    melody: Melody = "runs"


@dataclass(frozen=True)
class Unit:
    """What is counted: its gender, and its forms after 1, 2 and 5 (English: after 1, and otherwise)."""

    gender: str
    forms: tuple[str, str, str]


def _english(one: str, many: str) -> Unit:
    return Unit("m", (one, many, many))


UNITS: dict[str, dict[str, Unit]] = {
    "uk": {
        "million": Unit("m", ("мільйон", "мільйони", "мільйонів")),
        "thousand": Unit("f", ("тисяча", "тисячі", "тисяч")),
        "kwh": Unit("f", ("кіловат-година", "кіловат-години", "кіловат-годин")),
        "kvarh": Unit("f", ("кіловар-година", "кіловар-години", "кіловар-годин")),
        "hryvnia": Unit("f", ("гривня", "гривні", "гривень")),
        "kopiyka": Unit("f", ("копійка", "копійки", "копійок")),
        "figures": Unit("f", ("цифра", "цифри", "цифр")),
        "days": Unit("m", ("день", "дні", "днів")),
        "hours": Unit("f", ("година", "години", "годин")),
        "minutes": Unit("f", ("хвилина", "хвилини", "хвилин")),
        "neighbours": Unit("m", ("сусід", "сусіди", "сусідів")),
    },
    "ru": {
        "million": Unit("m", ("миллион", "миллиона", "миллионов")),
        "thousand": Unit("f", ("тысяча", "тысячи", "тысяч")),
        "kwh": Unit("m", ("киловатт-час", "киловатт-часа", "киловатт-часов")),
        "kvarh": Unit("m", ("киловар-час", "киловар-часа", "киловар-часов")),
        "hryvnia": Unit("f", ("гривна", "гривны", "гривен")),
        "kopiyka": Unit("f", ("копейка", "копейки", "копеек")),
        "figures": Unit("f", ("цифра", "цифры", "цифр")),
        "days": Unit("m", ("день", "дня", "дней")),
        "hours": Unit("m", ("час", "часа", "часов")),
        "minutes": Unit("f", ("минута", "минуты", "минут")),
        "neighbours": Unit("m", ("сосед", "соседа", "соседей")),
    },
    "en": {
        "million": _english("million", "million"),
        "thousand": _english("thousand", "thousand"),
        "kwh": _english("kilowatt hour", "kilowatt hours"),
        "kvarh": _english("kilovar hour", "kilovar hours"),
        "hryvnia": _english("hryvnia", "hryvnias"),
        "kopiyka": _english("kopiyka", "kopiykas"),
        "figures": _english("digit", "digits"),
        "days": _english("day", "days"),
        "hours": _english("hour", "hours"),
        "minutes": _english("minute", "minutes"),
        "neighbours": _english("neighbor", "neighbors"),
    },
}

_COUNTED = ("kwh", "kvarh", "figures", "days", "hours", "minutes", "neighbours")

_MONTHS = {  # genitive in uk and ru: "третє грудня"
    "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "en": "January February March April May June July August September October November December",
}
_MONTH_NAMES = {  # as they stand alone and after "за": nominative and accusative are one word
    "uk": "січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень",
    "ru": "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "en": _MONTHS["en"],
}
_MIDNIGHT = {"uk": "опівночі", "ru": "полуночи", "en": "midnight"}
_YEAR = {"uk": "року", "ru": "года"}

_FEMININE = {
    "uk": {"один": "одна", "два": "дві"},
    "ru": {"один": "одна", "два": "две"},
    "en": {},
}

_UK_ORDINAL_ENDINGS = {  # of the masculine -ий; "третій" is soft
    "neuter": ("е", "є"),
    "genitive": ("ого", "ього"),
    "feminine": ("а", "я"),
}

CATEGORIES = ("one", "few", "many")


def plural(lang: str, n: int) -> str:
    """CLDR's plural category of the integer ``n``: ``one``, ``few`` or ``many``.

    English has ``one`` and ``other``; its ``other`` is called ``many`` here.
    """
    if lang == "en":
        return "one" if n == 1 else "many"
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14:
        return "few"
    return "many"


def ordinal(lang: str, n: int, form: str) -> str:
    """The ordinal of ``n`` in words; ``form`` is ``neuter``, ``genitive`` (neuter) or ``feminine``.

    "третє", "третього", "третя". Without forms in English. ``feminine`` (Ukrainian hours) also takes 0.
    """
    if lang == "en":
        return num2words(n, to="ordinal")
    if lang == "ru":
        case = "g" if form == "genitive" else "n"
        return num2words(n, lang="ru", to="ordinal", gender="f" if form == "feminine" else "n", case=case)
    word = "нульовий" if n == 0 else num2words(n, lang="uk", to="ordinal")
    hard, soft = _UK_ORDINAL_ENDINGS[form]
    return word[:-2] + (soft if word.endswith("ій") else hard)


def _cardinal(lang: str, n: int, gender: str = "m") -> str:
    words = num2words(n, lang=lang).replace(",", "").replace(" and ", " ")
    head, _, last = words.rpartition(" ")
    if gender == "f" and last in _FEMININE[lang]:
        last = _FEMININE[lang][last]
    return f"{head} {last}".strip()


def groups(length: int, size: int | None = None) -> list[int]:
    """How many digits are said in one breath: threes, the rest in twos (10 digits: 3, 3, 2, 2).

    >>> groups(10), groups(7), groups(4), groups(6, size=2)
    ([3, 3, 2, 2], [3, 2, 2], [2, 2], [2, 2, 2])
    """
    if size:
        whole, rest = divmod(length, size)
        return [size] * whole + [rest] * bool(rest)
    if length < 4:
        return [length] * bool(length)
    twos = {0: 0, 1: 2, 2: 1}[length % 3]
    return [3] * ((length - 2 * twos) // 3) + [2] * twos


class Tongue:
    """One language: all its parts, and the way from a value to clips."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.parts: dict[str, Part] = dict.fromkeys(WORDLESS, Part(",", "leads"))
        self._name_numbers()
        self._name_units()
        self._name_dates()
        self._kinds: dict[str, Callable[[object, bool, int | None], list[str]]] = {
            "number": lambda value, falling, _: self.number(_whole(value), falling=falling),
            "money": lambda value, _f, _s: self.money(_whole(value)),
            "digits": lambda value, _, size: self.digits(value, size),
            "date": lambda value, _f, _s: self.short_date(_date(value)),
            "on_date": lambda value, _f, _s: self.short_date(_date(value), genitive=True),
            "long_date": lambda value, _f, _s: self.long_date(_date(value)),
            "time": lambda value, _f, _s: self.clock(_time(value)),
            "of_time": lambda value, _f, _s: self.hour_of(_time(value)),
            "month": lambda value, _f, _s: [self._id(f"date/n{_date(value).month}")],
        }
        for unit in _COUNTED:
            self._kinds[unit] = lambda value, _f, _s, unit=unit: self.counted(_whole(value), unit)

    def say(self, kind: str, value: object, *, falling: bool = False, size: int | None = None) -> list[str]:
        """Clips that say ``value``. ``falling``: nothing follows in the sentence. ``size``: digits a breath.

        Kinds and what they take: ``number``, ``kwh``, ``kvarh``, ``figures``, ``days``, ``hours``, ``minutes``
        an int (or its digits); ``money`` an int of kopiykas; ``digits`` a string of digits; ``date`` ("третє
        грудня"), ``on_date`` ("третього грудня", after "до", "з" or alone) and ``long_date`` (with the year,
        genitive) a date or an ISO 8601 string; ``time`` likewise, ``of_time`` ("восьмої тридцять") after "з" and
        "до"; ``month`` a date, of which the month alone is named. Raises :class:`Unspeakable`.
        """
        if kind not in self._kinds:
            raise Unspeakable(f"no way to say a value as {kind!r}")
        return self._kinds[kind](value, falling, size)

    def words(self, clips: list[str]) -> str:
        """What these clips say."""
        said = "".join(text if (text := self.parts[clip].text) == "," else f" {text}" for clip in clips)
        return said.strip()

    # -- numbers -------------------------------------------------------------------------------------

    def number(self, n: int, gender: str = "m", *, falling: bool = False) -> list[str]:
        """A cardinal from 0 to 999,999,999."""
        if not 0 <= n <= LARGEST:
            raise Unspeakable(f"{n} lies outside 0..{LARGEST}")
        if n == 0:
            return [self._id("n/0.fall" if falling else "n/0")]
        clips: list[str] = []
        millions, thousands, rest = n // 10**6, n // 1000 % 1000, n % 1000
        if millions:
            clips += [*self._hundreds(millions, "m"), self._unit("million", millions)]
        if thousands:
            tail = self._last(thousands)
            clips += self._hundreds(thousands - tail, "f")
            clips.append(self._id(f"n/t{tail}" if tail else "n/thousand"))
        clips += self._hundreds(rest, gender)
        if falling and 0 < rest % 100 < 10 and clips[-1] == self._id(f"n/{rest % 100}"):
            clips[-1] += ".fall"
        return clips

    def counted(self, n: int, unit: str) -> list[str]:
        """A cardinal and what it counts, in agreement: "дві цифри", "п'ять цифр"."""
        return [*self.number(n, UNITS[self.lang][unit].gender), self._unit(unit, n)]

    def money(self, kopiykas: int) -> list[str]:
        """A sum, given in kopiykas; nothing is said of zero kopiykas."""
        hryvnias, rest = divmod(kopiykas, 100)
        if kopiykas < 0:
            raise Unspeakable(f"a negative sum ({kopiykas}) needs words of its own, such as a debt")
        clips = self.counted(hryvnias, "hryvnia") if hryvnias or not rest else []
        return clips + (self.counted(rest, "kopiyka") if rest else [])

    def digits(self, value: object, size: int | None = None) -> list[str]:
        """Digit by digit, with a pause between groups; each leads on, the last one falls."""
        if not isinstance(value, str) or not re.fullmatch("[0-9]+", value):
            raise Unspeakable(f"{value!r} is not a string of digits")
        clips: list[str] = []
        at = 0
        for length in groups(len(value), size):
            if clips:
                clips.append(PAUSE)
            clips += [self._id(f"n/{digit}.lead") for digit in value[at : at + length]]
            at += length
        clips[-1] = self._id(f"n/{value[-1]}.fall")
        return clips

    # -- dates and times -----------------------------------------------------------------------------

    def short_date(self, day: date, *, genitive: bool = False) -> list[str]:
        """Day and month: "третє грудня", in the genitive "третього грудня", "December third"."""
        month = self._id(f"date/m{day.month}")
        if self.lang == "en":
            return [month, self._id(f"date/d{day.day}")]
        return [self._id(f"date/d{day.day}.of" if genitive else f"date/d{day.day}"), month]

    def long_date(self, day: date) -> list[str]:
        """Day, month and year from 2001 to 2099, in the genitive."""
        if not 2001 <= day.year <= 2099:
            raise Unspeakable(f"the year {day.year} lies outside 2001..2099")
        clips = self.short_date(day, genitive=True)
        year = day.year % 100
        if self.lang == "en":
            return clips + (self.number(day.year) if year < 10 else [self._id("n/20"), self._id(f"n/{year}")])
        last = self._last(year)
        tens = [self._id(f"n/{year - last}")] if last < year else []
        return [*clips, self._id("n/t2"), *tens, self._id(f"date/d{last}.of"), self._id("date/year")]

    def clock(self, at: time) -> list[str]:
        """The time of day to the minute; in English by the twelve-hour clock."""
        if self.lang == "en":
            hour = self._id(f"n/{at.hour % 12 or 12}")
            half = self._id("time/pm" if at.hour >= 12 else "time/am")
            oh = [self._id("time/oh")] if 0 < at.minute < 10 else []
            return [hour, *oh, *([self._id(f"n/{at.minute}")] if at.minute else []), half]
        hours = [self._id(f"time/h{at.hour}")] if self.lang == "uk" else self.counted(at.hour, "hours")
        return hours + (self.counted(at.minute, "minutes") if at.minute else [])

    def hour_of(self, at: time) -> list[str]:
        """The time of day in the genitive: "восьмої", "двадцятої тридцять"; 0:00 is midnight."""
        if at.hour == at.minute == 0:
            return [self._id("time/midnight")]
        if self.lang == "en":
            return self.clock(at)
        minutes = f"time/m{at.minute}.of" if self.lang == "ru" and at.minute % 5 == 0 else f"n/{at.minute}"
        return [self._id(f"time/h{at.hour}.of"), *([self._id(minutes)] if at.minute else [])]

    # -- the list of parts ---------------------------------------------------------------------------

    def _name_numbers(self) -> None:
        for n in range(100):
            self._part(f"n/{n}", _cardinal(self.lang, n))
            if n < 10:
                self._part(f"n/{n}.lead", _cardinal(self.lang, n), "leads")
                self._part(f"n/{n}.fall", _cardinal(self.lang, n), "falls")
            if self._differs(n):
                self._part(f"n/f{n}", _cardinal(self.lang, n, "f"))
            if n and self._last(n) == n:
                self._part(f"n/t{n}", _cardinal(self.lang, n * 1000))
        for n in range(100, 1000, 100):
            self._part(f"n/h{n // 100}", _cardinal(self.lang, n))
        self._part("n/thousand", UNITS[self.lang]["thousand"].forms[2])

    def _name_units(self) -> None:
        for name, unit in UNITS[self.lang].items():
            if name == "thousand":
                continue  # part of n/t1 ... n/t99
            for category in CATEGORIES:
                clip = self._unit_name(name, category)
                self._part(clip, unit.forms[CATEGORIES.index(category)], "runs" if name == "million" else "falls")

    def _name_dates(self) -> None:
        for n, month in enumerate(_MONTHS[self.lang].split(), start=1):
            self._part(f"date/m{n}", month, "runs" if self.lang == "en" else "falls")
        for n, month in enumerate(_MONTH_NAMES[self.lang].split(), start=1):
            self._part(f"date/n{n}", month, "leads")
        self._part("time/midnight", _MIDNIGHT[self.lang], "leads")
        for n in range(1, 32):
            self._part(f"date/d{n}", ordinal(self.lang, n, "neuter"), "falls" if self.lang == "en" else "runs")
        if self.lang == "en":
            self._part("time/oh", "oh")
            self._part("time/am", "a.m.", "falls")
            self._part("time/pm", "p.m.", "falls")
            return
        for n in (*range(1, 32), *range(40, 100, 10)):
            self._part(f"date/d{n}.of", ordinal(self.lang, n, "genitive"))
        self._part("date/year", _YEAR[self.lang], "falls")
        if self.lang == "uk":
            for n in range(24):
                self._part(f"time/h{n}", f"{ordinal('uk', n, 'feminine')} година", "leads")
        for n in range(24):
            self._part(f"time/h{n}.of", _hour_of(self.lang, n), "leads")
        if self.lang == "ru":
            for n in range(5, 60, 5):
                self._part(f"time/m{n}.of", num2words(n, lang="ru", case="g"), "leads")

    def _part(self, name: str, text: str, melody: Melody = "runs") -> None:
        self.parts[self._id(name)] = Part(text, melody)

    def _id(self, name: str) -> str:
        return f"{self.lang}/{name}"

    def _differs(self, n: int) -> bool:
        """Whether the feminine of ``n`` (0..99) has a form of its own."""
        return self.lang != "en" and n % 10 in (1, 2) and n not in (11, 12)

    def _last(self, n: int) -> int:
        """What the last word of ``n`` stands for: 21 -> 1, 112 -> 12, 140 -> 40; twenty-one is one word."""
        return n % 100 if self.lang == "en" or n % 100 < 20 or n % 10 == 0 else n % 10

    def _hundreds(self, n: int, gender: str) -> list[str]:
        """0..999 without a word for zero."""
        clips = [self._id(f"n/h{n // 100}")] if n >= 100 else []
        if n % 100:
            feminine = "f" if gender == "f" and self._differs(n % 100) else ""
            clips.append(self._id(f"n/{feminine}{n % 100}"))
        return clips

    def _unit(self, name: str, n: int) -> str:
        return self._id(self._unit_name(name, plural(self.lang, n)))

    def _unit_name(self, name: str, category: str) -> str:
        """Equal forms share a clip: the last category that has the form names it."""
        forms = UNITS[self.lang][name].forms
        form = forms[CATEGORIES.index(category)]
        return f"unit/{name}.{next(c for c, f in zip(CATEGORIES[::-1], forms[::-1], strict=True) if f == form)}"


def _hour_of(lang: str, n: int) -> str:
    """An hour in the genitive, as it follows "з" and "до"."""
    if lang == "uk":
        feminine = ordinal("uk", n, "feminine")
        return " ".join([*feminine.split()[:-1], _uk_genitive(feminine.split()[-1])])
    return "ноля" if n == 0 else "часа" if n == 1 else num2words(n, lang="ru", case="g")


def _uk_genitive(feminine: str) -> str:
    """Of an ordinal: перша -> першої, третя -> третьої."""
    return feminine[:-1] + ("ьої" if feminine.endswith("я") else "ої")


def _whole(value: object) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]+", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unspeakable(f"{value!r} is not a whole number")
    return value


def _date(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as fault:
            raise Unspeakable(f"{value!r} is not a date: {fault}") from None
    if not isinstance(value, date):
        raise Unspeakable(f"{value!r} is not a date")
    return value


def _time(value: object) -> time:
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError as fault:
            raise Unspeakable(f"{value!r} is not a time of day: {fault}") from None
    if isinstance(value, datetime):
        return value.time()
    if not isinstance(value, time):
        raise Unspeakable(f"{value!r} is not a time of day")
    return value


KINDS = ("number", "money", "digits", "date", "on_date", "long_date", "time", "of_time", "month", *_COUNTED)
"""Every type that a place in the catalogue may have."""
