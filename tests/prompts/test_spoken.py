"""Spoken numbers, dates, money and digits, against num2words and against tables written by hand."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from prompts.spoken import KINDS, LANGUAGES, LARGEST, PAUSE, UNITS, Tongue, Unspeakable, groups, ordinal, plural

TONGUES = {lang: Tongue(lang) for lang in LANGUAGES}

numbers = st.one_of(st.integers(0, LARGEST), st.integers(0, 10**6), st.integers(0, 2000))
languages = st.sampled_from(LANGUAGES)


def said(lang: str, kind: str, value: object, **how: bool) -> str:
    tongue = TONGUES[lang]
    return tongue.words(tongue.say(kind, value, **how))


def oracle(lang: str, n: int, **how: str) -> str:
    return num2words(n, lang=lang, **how).replace(",", "").replace(" and ", " ")


@given(languages, numbers)
@example("uk", LARGEST)
@example("en", 21_021_021)
def test_numbers_are_said_as_num2words_says_them(lang: str, n: int) -> None:
    assert said(lang, "number", n) == oracle(lang, n)


@given(st.integers(0, 10**6 - 1))  # above, num2words 0.5.14 errs: "одна миллион"
def test_russian_numbers_of_feminine_things_agree_with_num2words(n: int) -> None:
    tongue = TONGUES["ru"]
    assert tongue.words(tongue.number(n, "f")) == oracle("ru", n, gender="f")


@given(numbers)
def test_ukrainian_numbers_of_feminine_things_differ_in_the_last_word_only(n: int) -> None:
    tongue = TONGUES["uk"]
    *before, last = tongue.words(tongue.number(n)).split()
    feminine = {"один": "одна", "два": "дві"}.get(last, last)
    assert tongue.words(tongue.number(n, "f")).split() == [*before, feminine]


def test_millions_stay_masculine_whatever_is_counted() -> None:
    assert said("ru", "money", 100_000_100) == "один миллион одна гривна"
    assert said("uk", "kwh", 2_002_002) == "два мільйони дві тисячі дві кіловат-години"


@given(languages, numbers, st.booleans())
def test_every_clip_that_is_played_is_a_part_with_a_text(lang: str, n: int, falling: bool) -> None:
    tongue = TONGUES[lang]
    for kind in ("number", "kwh", "money", "figures", "days", "hours", "minutes"):
        clips = tongue.say(kind, n, falling=falling)
        assert " ".join(tongue.parts[clip].text for clip in clips) == tongue.words(clips)
    spelled = tongue.say("digits", str(n))
    assert " ".join(tongue.parts[clip].text for clip in spelled if clip != PAUSE) == tongue.words(spelled).replace(
        ",", ""
    )


@pytest.mark.parametrize(
    ("n", "uk", "ru", "en"),
    [
        (0, "нуль кіловат-годин", "ноль киловатт-часов", "zero kilowatt hours"),
        (1, "одна кіловат-година", "один киловатт-час", "one kilowatt hour"),
        (2, "дві кіловат-години", "два киловатт-часа", "two kilowatt hours"),
        (4, "чотири кіловат-години", "четыре киловатт-часа", "four kilowatt hours"),
        (5, "п'ять кіловат-годин", "пять киловатт-часов", "five kilowatt hours"),
        (11, "одинадцять кіловат-годин", "одиннадцать киловатт-часов", "eleven kilowatt hours"),
        (12, "дванадцять кіловат-годин", "двенадцать киловатт-часов", "twelve kilowatt hours"),
        (21, "двадцять одна кіловат-година", "двадцать один киловатт-час", "twenty-one kilowatt hours"),
        (101, "сто одна кіловат-година", "сто один киловатт-час", "one hundred one kilowatt hours"),
        (111, "сто одинадцять кіловат-годин", "сто одиннадцать киловатт-часов", "one hundred eleven kilowatt hours"),
        (
            2345,
            "дві тисячі триста сорок п'ять кіловат-годин",
            "две тысячи триста сорок пять киловатт-часов",
            "two thousand three hundred forty-five kilowatt hours",
        ),
        (
            21_002,
            "двадцять одна тисяча дві кіловат-години",
            "двадцать одна тысяча два киловатт-часа",
            "twenty-one thousand two kilowatt hours",
        ),
        (
            112_000,
            "сто дванадцять тисяч кіловат-годин",
            "сто двенадцать тысяч киловатт-часов",
            "one hundred twelve thousand kilowatt hours",
        ),
    ],
)
def test_units_agree_with_their_number(n: int, uk: str, ru: str, en: str) -> None:
    assert [said(lang, "kwh", n) for lang in LANGUAGES] == [uk, ru, en]


@pytest.mark.parametrize(
    ("kopiykas", "uk", "ru", "en"),
    [
        (0, "нуль гривень", "ноль гривен", "zero hryvnias"),
        (1, "одна копійка", "одна копейка", "one kopiyka"),
        (100, "одна гривня", "одна гривна", "one hryvnia"),
        (202, "дві гривні дві копійки", "две гривны две копейки", "two hryvnias two kopiykas"),
        (
            12_345,
            "сто двадцять три гривні сорок п'ять копійок",
            "сто двадцать три гривны сорок пять копеек",
            "one hundred twenty-three hryvnias forty-five kopiykas",
        ),
    ],
)
def test_money_is_said_in_hryvnias_and_kopiykas(kopiykas: int, uk: str, ru: str, en: str) -> None:
    assert [said(lang, "money", kopiykas) for lang in LANGUAGES] == [uk, ru, en]


@pytest.mark.parametrize(
    ("kind", "day", "uk", "ru", "en"),
    [
        ("date", date(2026, 12, 3), "третє грудня", "третье декабря", "December third"),
        ("on_date", date(2026, 12, 3), "третього грудня", "третьего декабря", "December third"),
        ("on_date", date(2026, 1, 31), "тридцять першого січня", "тридцать первого января", "January thirty-first"),
        (
            "long_date",
            "2026-02-28",
            "двадцять восьмого лютого дві тисячі двадцять шостого року",
            "двадцать восьмого февраля две тысячи двадцать шестого года",
            "February twenty-eighth twenty twenty-six",
        ),
        (
            "long_date",
            date(2040, 7, 1),
            "першого липня дві тисячі сорокового року",
            "первого июля две тысячи сорокового года",
            "July first twenty forty",
        ),
    ],
)
def test_dates_stand_in_the_case_that_their_place_needs(kind: str, day: object, uk: str, ru: str, en: str) -> None:
    assert [said(lang, kind, day) for lang in LANGUAGES] == [uk, ru, en]


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)))
def test_russian_dates_agree_with_num2words(day: date) -> None:
    words = said("ru", "long_date", day)
    assert words.startswith(oracle("ru", day.day, to="ordinal", gender="n", case="g"))
    assert words.endswith(oracle("ru", day.year, to="ordinal", gender="n", case="g") + " года")


@given(languages, st.dates(date(2001, 1, 1), date(2099, 12, 31)), st.times())
def test_every_date_and_time_can_be_said_in_every_language(lang: str, day: date, at: time) -> None:
    for kind in ("date", "on_date", "long_date"):
        assert all(clip in TONGUES[lang].parts for clip in TONGUES[lang].say(kind, day))
    for kind in ("time", "of_time"):
        assert all(clip in TONGUES[lang].parts for clip in TONGUES[lang].say(kind, at))


@pytest.mark.parametrize(
    ("n", "neuter", "genitive", "feminine"),
    [
        (1, "перше", "першого", "перша"),
        (2, "друге", "другого", "друга"),
        (3, "третє", "третього", "третя"),
        (6, "шосте", "шостого", "шоста"),
        (7, "сьоме", "сьомого", "сьома"),
        (8, "восьме", "восьмого", "восьма"),
        (9, "дев'яте", "дев'ятого", "дев'ята"),
        (20, "двадцяте", "двадцятого", "двадцята"),
        (23, "двадцять третє", "двадцять третього", "двадцять третя"),
    ],
)
def test_ukrainian_ordinals_have_their_forms(n: int, neuter: str, genitive: str, feminine: str) -> None:
    assert [ordinal("uk", n, form) for form in ("neuter", "genitive", "feminine")] == [neuter, genitive, feminine]


@pytest.mark.parametrize(
    ("at", "uk", "ru", "en"),
    [
        (time(0, 0), "нульова година", "ноль часов", "twelve a.m."),
        (
            time(14, 25),
            "чотирнадцята година двадцять п'ять хвилин",
            "четырнадцать часов двадцать пять минут",
            "two twenty-five p.m.",
        ),
        (
            datetime(2026, 1, 1, 9, 5, tzinfo=UTC),
            "дев'ята година п'ять хвилин",
            "девять часов пять минут",
            "nine oh five a.m.",
        ),
        ("21:01", "двадцять перша година одна хвилина", "двадцать один час одна минута", "nine oh one p.m."),
    ],
)
def test_times_of_day(at: object, uk: str, ru: str, en: str) -> None:
    assert [said(lang, "time", at) for lang in LANGUAGES] == [uk, ru, en]


@pytest.mark.parametrize(
    ("at", "uk", "ru", "en"),
    [
        (time(0, 0), "опівночі", "полуночи", "midnight"),
        (time(1, 0), "першої", "часа", "one a.m."),
        (time(3, 0), "третьої", "трёх", "three a.m."),
        ("08:30", "восьмої тридцять", "восьми тридцати", "eight thirty a.m."),
        ("23:07", "двадцять третьої сім", "двадцати трёх семь", "eleven oh seven p.m."),
    ],
)
def test_times_of_day_after_from_and_to(at: object, uk: str, ru: str, en: str) -> None:
    assert [said(lang, "of_time", at) for lang in LANGUAGES] == [uk, ru, en]


def test_a_month_is_named_alone() -> None:
    assert [said(lang, "month", date(2026, 11, 1)) for lang in LANGUAGES] == ["листопад", "ноябрь", "November"]


@given(st.integers(0, LARGEST))
def test_plural_categories_are_cldrs(n: int) -> None:
    """The rule of uk and ru by CLDR 44, written out once more as its tables have it."""
    one = n % 10 == 1 and n % 100 != 11
    few = n % 10 in {2, 3, 4} and n % 100 not in {12, 13, 14}
    for lang in ("uk", "ru"):
        assert plural(lang, n) == ("one" if one else "few" if few else "many")


def test_units_of_a_language_are_known_in_all() -> None:
    assert UNITS["uk"].keys() == UNITS["ru"].keys() == UNITS["en"].keys()


@given(st.text("0123456789", min_size=1, max_size=40))
def test_digits_are_all_said_once_and_in_order(number: str) -> None:
    tongue = TONGUES["uk"]
    clips = [clip for clip in tongue.say("digits", number) if clip != PAUSE]
    assert "".join(clip.removeprefix("uk/n/")[0] for clip in clips) == number
    assert [clip.endswith(".fall") for clip in clips] == [False] * (len(number) - 1) + [True]


@given(st.integers(1, 60))
def test_groups_of_digits_hold_two_or_three(length: int) -> None:
    found = groups(length)
    assert sum(found) == length
    assert length < 2 or set(found) <= {2, 3}


def test_an_account_number_is_said_in_groups_with_pauses() -> None:
    assert said("uk", "digits", "1234567890") == "один два три, чотири п'ять шість, сім вісім, дев'ять нуль"
    assert TONGUES["uk"].say("digits", "1234", size=1).count(PAUSE) == 3


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", -1),
        ("number", 10**9),
        ("number", True),
        ("number", 1.5),
        ("number", "двадцять"),
        ("number", "٣"),
        ("money", -100),
        ("digits", ""),
        ("digits", "12 34"),
        ("digits", 1234),
        ("date", "tomorrow"),
        ("date", 3),
        ("long_date", date(2000, 1, 1)),
        ("time", "noon"),
        ("time", 12),
        ("song", "1"),
    ],
)
def test_what_cannot_be_said_is_refused_rather_than_said_wrongly(kind: str, value: object) -> None:
    with pytest.raises(Unspeakable):
        TONGUES["uk"].say(kind, value)


def test_every_kind_is_tried_above_or_here() -> None:
    sample: dict[str, object] = dict.fromkeys(KINDS, 5) | {
        "digits": "5",
        "date": "2026-05-05",
        "on_date": "2026-05-05",
        "long_date": "2026-05-05",
        "time": "05:05",
        "of_time": "05:05",
        "month": "2026-05-01",
    }
    for lang in LANGUAGES:
        for kind in KINDS:
            assert said(lang, kind, sample[kind])
