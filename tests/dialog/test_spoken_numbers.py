"""Numbers as people say them, back to digits: whatever the composer of prompts can say is understood, in every
language and grouping; what is no number is never guessed."""

import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from ivr.dialog.numbers import NotANumber, number_words, readings, side_words, spoken_digits
from ivr.dialog.numerals import CARDINALS, VARIANTS, fold
from prompts.spoken import LANGUAGES, Tongue, groups

MODEL = Path(__file__).parents[2] / "ivr" / "speech" / "models" / "proof-uk-ru" / "graph" / "words.txt"
ZERO = {"uk": "нуль", "ru": "ноль", "en": "zero"}
TONGUES = {lang: Tongue(lang) for lang in LANGUAGES}

languages = st.sampled_from(LANGUAGES)
shown = st.one_of(
    st.integers(0, 10**8).map(str),
    st.integers(0, 10**8).flatmap(lambda n: st.integers(1, 9).map(lambda width: str(n).zfill(width))),
    st.text("0123456789", min_size=1, max_size=9),
    st.text("012", min_size=1, max_size=9),
)
"""What a display shows, leading zeros and all."""


# Saying


@cache
def small(lang: str, n: int) -> str:
    return cardinal(lang, n)


def cardinal(lang: str, n: int) -> str:
    """As our own voice says it."""
    return TONGUES[lang].words(TONGUES[lang].number(n))


def group(lang: str, digits: str) -> str:
    """Leading zeros one by one, and the rest as a cardinal."""
    rest = digits.lstrip("0")
    say = small if len(rest) < 4 else cardinal
    return " ".join([ZERO[lang]] * (len(digits) - len(rest)) + ([say(lang, int(rest))] if rest else []))


def in_groups(lang: str, digits: str, lengths: list[int]) -> str:
    said, at = [], 0
    for length in lengths:
        said.append(group(lang, digits[at : at + length]))
        at += length
    return " ".join(said)


def lengths(digits: str, size: int) -> list[int]:
    return groups(len(digits), size)


# The composer and an oracle


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_number_below_ten_thousand_is_understood_however_it_is_grouped(lang):
    for n in range(10_000):
        digits = f"{n:04d}"
        assert spoken_digits(cardinal(lang, n)) == str(n)
        assert spoken_digits(in_groups(lang, digits, [1, 1, 1, 1])) == digits
        for said in (in_groups(lang, digits, [2, 2]), in_groups(lang, digits, [3, 1])):
            assert next(each for each in readings(said) if len(each) == 4) == digits, said


@given(languages, shown)
@example("uk", "100000000")
@example("en", "000000000")
@example("ru", "001000000")
def test_a_number_is_understood_as_its_digits_its_groups_and_whole(lang, digits):
    assert readings(in_groups(lang, digits, lengths(digits, 1))) == (digits,)
    assert spoken_digits(group(lang, digits)) == digits
    for grouping in (lengths(digits, 2), lengths(digits, 3), groups(len(digits))):
        assert digits in readings(in_groups(lang, digits, grouping))


@given(languages, st.one_of(st.integers(0, 10**8), st.integers(0, 10**9 - 1)))
def test_numbers_are_understood_as_num2words_says_them(lang, n):
    assert spoken_digits(num2words(n, lang=lang)) == str(n)


@given(languages, st.text("0123456789", min_size=10, max_size=10))
def test_a_number_of_ten_digits_is_among_the_readings_of_its_groups(lang, digits):
    for grouping in (groups(10), [2] * 5, [3, 3, 3, 1], [4, 3, 3]):
        assert digits in readings(in_groups(lang, digits, grouping))


@given(shown, st.lists(languages, min_size=9, max_size=9))
def test_languages_may_change_in_the_middle_of_a_number(digits, mixed):
    at = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    said = " ".join(group(lang, pair) for lang, pair in zip(mixed, at, strict=False))
    assert digits in readings(said)


# As people say it


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("двадцять п'ять сорок шість", "2546"),
        ("дванадцять тисяч триста сорок п'ять", "12345"),
        ("нуль нуль сто двадцять три", "00123"),
        ("тисяча двісті", "1200"),
        ("мільйон тисяча один", "1001001"),
        ("нуль тисяча двісті", "01200"),
        ("одна тисяча одна", "1001"),
        ("двадцать п'ять", "25"),
        ("двадцять пять тысяч шестсот", "25600"),
        ("шестьсот сорок вісім", "648"),
        ("пятдесят шість", "56"),
        ("тыща двести", "1200"),
        ("дві тищі", "2000"),
        ("два нулі сім", "007"),
        ("три нулі", "000"),
        ("два нуля пять", "005"),
        ("подвійна сім", "77"),
        ("двойная семь", "77"),
        ("дві сімки і вісімка", "778"),
        ("три п'ятірки", "555"),
        ("одна сімка", "7"),
        ("двічі нуль тричі один", "00111"),
        ("сорок два нулі", "4000"),
        ("double seven oh five", "7705"),
        ("triple zero one", "0001"),
        ("two fives", "55"),
        ("twelve thirty-four", "1234"),
        ("one hundred and five", "105"),
        ("a thousand and one", "1001"),
        ("nineteen hundred and six", "1906"),
        ("twenty five hundred", "2500"),
        ("two hundred thousand", "200000"),
        ("ну, номер рахунку: сто двадцять, е, три", "123"),
        ("показник дванадцять тисяч кіловат-годин", "12000"),
        ("мой номер ээ двадцать пять", "25"),
    ],
)
def test_what_people_say(said, digits):
    assert spoken_digits(said) == digits


@pytest.mark.parametrize("apostrophe", ["'", "’", "ʼ", "`", ""])
def test_apostrophes_of_every_kind_and_none(apostrophe):
    assert spoken_digits(f"дев{apostrophe}яносто п{apostrophe}ять") == "95"


def test_yo_may_be_written_as_ye():
    assert spoken_digits("две семёрки") == spoken_digits("две семерки") == "77"


def test_words_that_may_be_grouped_in_several_ways_are_read_in_all_of_them_the_fewest_groups_first():
    assert readings("двадцять п'ять") == ("25", "205")
    assert readings("сто двадцять три") == ("123", "1203", "10023", "100203")
    assert set(readings("двадцять п'ять сорок шість")) == {"2546", "25406", "20546", "205406"}


def test_a_number_is_not_torn_from_its_thousands():
    assert readings("двадцять тисяч") == ("20000",)
    assert "201000" not in readings("двадцять тисяча")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "ну",
        "[unk]",
        "двадцять [unk] п'ять",
        "[unk] двадцять п'ять",
        "двадцять п'ять [unk]",
        "двадцять яблук",
        "тисяч",
        "п'ять мільйонів мільйонів",
        "сімки",
        "двадцять сімки",
        "подвійна",
        "подвійна двадцять",
        "подвійна сім тисяч",
        "номер сто показник двісті",
        "сто кіловат двадцять",
        "25",
    ],
)
def test_what_is_no_number_is_not_guessed(said):
    with pytest.raises(NotANumber):
        readings(said)


# Corrections


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("сорок п'ять, ні, сорок сім", "47"),
        ("двадцять п'ять, ні, сім", "27"),
        ("один два три ой чотири", "124"),
        ("двадцять п'ять сорок шість ні сорок сім", "2547"),
        ("дванадцять тисяч триста сорок п'ять вернее шесть", "12346"),
        ("сто двадцять три точніше двадцять чотири", "124"),
        ("двадцять п'ять тисяч, ні, шість тисяч", "26000"),
        ("нуль сорок п'ять вибачте сорок сім", "047"),
        ("дванадцять сорок п'ять, ні, дванадцять сорок сім", "1247"),
        ("двадцять... ой, ні, сто двадцять три", "123"),
        ("сорок, то есть, пятьдесят, ні, тридцять", "30"),
        ("ні, сорок сім", "47"),
        ("twelve thirty four no thirty five", "1235"),
        ("one two three sorry four", "124"),
    ],
)
def test_a_correction_takes_back_as_many_digits_as_follow_it(said, digits):
    assert spoken_digits(said) == digits


def test_a_correction_in_the_middle_is_understood_by_the_length_that_is_wanted():
    said = readings("один два три чотири ні п'ять шість сім вісім дев'ять нуль")
    assert said[0] == "567890"
    assert "123567890" in said


@pytest.mark.parametrize(
    "said",
    [
        "двадцять п'ять, ні, тридцять",  # 30 or 35?
        "двадцять, ні, сім",  # 7 or 27?
        "сорок п'ять, ні",
        "не сорок п'ять",
        "сорок п'ять, а не сорок сім",
        "двадцять три сорок шість, ні, чотириста сімдесят п'ять",
    ],
)
def test_a_correction_that_may_mean_something_else_is_not_guessed(said):
    with pytest.raises(NotANumber):
        readings(said)


@given(languages, st.text("0123456789", min_size=2, max_size=8), st.data())
def test_the_last_digits_said_again_after_no_replace_those_said_one_by_one(lang, digits, data):
    last = data.draw(st.integers(1, len(digits)))
    wrong = data.draw(st.text("0123456789", min_size=last, max_size=last))
    one_by_one = [1] * len(digits)
    first, second = digits[:-last] + wrong, digits[-last:]
    no = {"uk": "ні", "ru": "нет", "en": "no"}[lang]
    said = f"{in_groups(lang, first, one_by_one)} {no} {in_groups(lang, second, one_by_one[:last])}"
    assert spoken_digits(said) == digits


# Decimals


def test_decimals_are_dropped_where_that_is_wanted_and_no_number_elsewhere():
    for said in (
        "дванадцять кома п'ять",
        "дванадцять цілих п'ять десятих",
        "двенадцать запятая ноль пять",
        "twelve point five",
    ):
        assert readings(said, fraction=True) == ("12",)
        with pytest.raises(NotANumber):
            readings(said)


@pytest.mark.parametrize(
    "said", ["кома п'ять", "один кома два кома три", "сто кома яблуко", "сто кома п'ять ні шість"]
)
def test_decimals_of_nothing_are_not_guessed(said):
    with pytest.raises(NotANumber):
        readings(said, fraction=True)


# Soup

vocabulary = sorted(
    {
        *(word for lang in LANGUAGES for word in (*number_words(lang, fraction=True), *side_words(lang))),
        *(spelling for spellings in VARIANTS.values() for spelling in spellings.split()),
        *("[unk]", "не", "яблуко", "25", "-", "’"),
    }
)


@given(st.lists(st.sampled_from(vocabulary), max_size=45), st.booleans())
def test_any_soup_of_words_is_digits_or_no_number(words, fraction):
    try:
        said = readings(" ".join(words), fraction=fraction)
    except NotANumber:
        return
    assert said and len(set(said)) == len(said)
    assert all(each.isascii() and each.isdigit() for each in said)
    assert "[unk]" not in words and "яблуко" not in words


@given(st.text())
def test_any_text_is_digits_or_no_number(text):
    try:
        assert all(each.isdigit() for each in readings(text))
    except NotANumber:
        pass


@given(
    st.lists(st.sampled_from(sorted({w for lang in LANGUAGES for w in number_words(lang)})), min_size=38, max_size=40)
)
def test_no_utterance_takes_longer_than_a_caller_would_notice(words):
    began = time.thread_time()
    try:
        readings(" ".join(words))
    except NotANumber:
        pass
    assert time.thread_time() - began < 0.25


# Vocabularies


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_vocabulary_suffices_to_say_every_number(lang):
    words = set(number_words(lang))
    for n in (*range(1000), *(n * 10**k for n in range(1, 100) for k in (3, 6)), 10**8):
        assert set(cardinal(lang, n).replace("-", " ").split()) <= words
    assert all(word == word.lower() and len(word.split()) == 1 for word in words)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_word_of_the_vocabulary_has_a_meaning(lang):
    for word in number_words(lang):
        with pytest.raises(NotANumber) as no:
            readings(f"{word} яблуко")
        assert word not in str(no.value) or "яблуко in" in str(no.value), word


def test_a_language_that_nobody_reads_has_no_vocabulary():
    assert number_words("de") == side_words("de") == ()


def test_other_spellings_are_none_that_mean_something_else():
    standard = {
        "".join(fold(w)): value
        for lang in LANGUAGES
        for value, words in CARDINALS[lang].items()
        for w in words.split()
    }
    for word, spellings in VARIANTS.items():
        for spelling in spellings.split():
            known = standard.get("".join(fold(spelling)))
            assert known is None or known == standard.get("".join(fold(word))), spelling


@pytest.mark.skipif(not MODEL.exists(), reason="no model in this copy of the project")
def test_the_model_that_comes_with_the_project_knows_every_cardinal_of_its_languages():
    knows = {line.split()[0] for line in MODEL.read_text("utf-8").splitlines()}
    for lang in ("uk", "ru"):
        lacks = {w for words in CARDINALS[lang].values() for w in words.split()} - knows
        assert lacks <= {"одне", "одно", "нуль"}, lacks
