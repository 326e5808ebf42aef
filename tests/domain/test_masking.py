"""What is personal is hidden, what is not stays, and nothing moves."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from domain.masking import HIDDEN, Personal, masked, masked_text, personal

DIGITS = {
    "uk": ["нуль", "один", "два", "три", "чотири", "п'ять", "шість", "сім", "вісім", "дев'ять"],
    "ru": ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"],
    "en": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
}
PLAIN = ["світла", "немає", "цілу", "добу", "холодильник", "тече", "приїдьте", "light", "нет", "уже", "вчера"]

languages = st.sampled_from(sorted(DIGITS))
plain = st.lists(st.sampled_from(PLAIN), max_size=4)
any_words = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "вулиця",
                "Сумська",
                "будинок",
                "кв.",
                "прізвище",
                "звати",
                "моє",
                "і",
                "12",
                "34а",
                "п'ять",
                "сто",
                "ну",
            ]
        ),
        st.sampled_from(
            ["собака", "собака,", "крапка", "точка,", "укр", "нет", "джимейл", "ком", "at", "dot", "а", "пошта"]
        ),
        st.sampled_from([*PLAIN, "тисяча", "двадцять", "нуль", "+380", HIDDEN, "a@b.ua", "Іван"]),
    ),
    max_size=14,
)


def spoken(number: int, language: str) -> list[str]:
    return num2words(number, lang=language).replace("-", " ").replace(",", "").split()


@given(st.lists(st.integers(0, 9), min_size=4, max_size=16), languages, plain, plain)
def test_a_long_number_digit_by_digit_is_hidden_and_nothing_else(
    digits: list[int], language: str, before: list[str], after: list[str]
):
    number = [DIGITS[language][digit] for digit in digits]
    hidden = masked([*before, *number, *after])
    assert list(hidden[len(before) : len(before) + len(number)]) == [HIDDEN] * len(number)


@given(st.integers(1000, 10**9), st.sampled_from(["uk", "ru", "en"]))
def test_a_long_number_as_one_is_hidden(number: int, language: str):
    assert set(masked(spoken(number, language))) == {HIDDEN}


@given(st.lists(st.integers(0, 99), min_size=2, max_size=8), st.sampled_from(["uk", "ru", "en"]))
def test_a_long_number_in_groups_is_hidden(groups: list[int], language: str):
    words = [word for group in groups for word in spoken(group, language)]
    if len("".join(str(group) for group in groups)) >= 4 and (len(words) >= 4 or 0 not in groups):
        # "twenty five" could be two groups too: what sounds like a shorter number is one
        sounds_shorter = any(a >= 20 and a % 10 == 0 and 0 < b < 10 for a, b in pairwise(groups))
        if len(words) >= 4 or not sounds_shorter:
            assert set(masked(words)) == {HIDDEN}


@given(st.integers(0, 999), st.sampled_from(["uk", "ru"]))
def test_a_short_number_stays(number: int, language: str):
    words = ["напруга", *spoken(number, language), "вольт"]
    assert masked(words) == tuple(words)


@given(st.integers(1, 9999), st.sampled_from(["n", "g", "a", "d", "i", "p"]))
def test_number_words_in_any_case_are_number_words(number: int, case: str):
    words = num2words(number, lang="ru", case=case).split()
    assert set(masked([*words, *words, *words, *words])) == {HIDDEN}


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 20, 30, 40, 50, 70, 80, 90, 100, 1000])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_ordinals_are_number_words_too(number: int, language: str):
    ordinal = num2words(number, lang=language, to="ordinal").split()
    assert set(masked([*ordinal] * 4)) == {HIDDEN}


@given(any_words)
def test_hiding_again_changes_nothing(words: list[str]):
    once = masked(words)
    assert masked(once) == once


@given(any_words)
def test_every_word_is_hidden_or_as_it_was(words: list[str]):
    after = masked(words)
    assert len(after) == len(words)
    assert all(new in (old, HIDDEN) for old, new in zip(words, after, strict=True))


@given(plain)
def test_what_is_not_personal_stays(words: list[str]):
    assert masked(words) == tuple(words)


@given(any_words)
def test_a_text_is_masked_as_its_words_are(words: list[str]):
    words = [word for word in words if word and not any(c.isspace() for c in word)]
    assert masked_text("  ".join(words)) == "  ".join(masked(words))


def shown(sentence: str) -> str:
    return masked_text(sentence).replace(HIDDEN, "*")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("мій рахунок один нуль нуль п'ять в мене немає світла", "мій рахунок * * * * в мене немає світла"),
        ("мой телефон ноль шестьдесят семь сто двадцать три", "мой телефон * * * * * *"),
        ("двадцять п'ять сорок шість", "* * * *"),
        ("сорок вісім двадцять", "* * *"),
        ("двадцять нуль п'ять", "* * *"),
        ("один два ну потім три чотири", "* * * * * *"),
        ("сто вісімдесят вольт", "сто вісімдесят вольт"),
        ("о п'ятій годині", "о п'ятій годині"),
        ("третій день немає", "третій день немає"),
        ("+380 67 123-45-67 дзвоніть", "* * * дзвоніть"),
        ("картка 4149 4993 1234 5678", "картка * * * *"),
        ("паспорт АА123456", "паспорт *"),
        ("у 2026 році", "у * році"),
        ("Мене звати Петро Сидоренко, у нас немає світла", "Мене звати * * у нас немає світла"),
        ("меня зовут Мария Ивановна Петренко я живу на Садовой", "меня зовут * * * я живу на Садовой"),
        ("прізвище моє Коваль", "прізвище моє *"),
        ("фамилия Коваль, адрес тот же", "фамилия * адрес тот же"),
        ("на вулиці Шевченка п'ятнадцять квартира три", "на вулиці * * квартира *"),
        ("улица Героев Днепра дом 12 а квартира сорок пять нет света", "улица * * дом * * квартира * * нет света"),
        ("на Сумській вулиці в будинку сім", "на * вулиці в будинку *"),
        ("у двадцять п'ятому будинку немає світла", "у * * будинку немає світла"),
        ("в будинку немає світла", "в будинку немає світла"),
        ("пишіть на ivan.koval@example.com", "пишіть на *"),
        ("іван крапка петренко собака укр нет", "* * * * * *"),
        ("пишіть на іван крапка петренко собака gmail крапка com завтра", "пишіть на * * * * * * * завтра"),
        ("моя пошта марія дев'ять собака джимейл ком і дзвоніть", "моя пошта * * * * * і дзвоніть"),
        ("моя почта ivan точка иванов собачка укр точка нет нет света", "моя почта * * * * * * * нет света"),
        ("ivan dot smith at gmail dot com please write", "* * * * * * * please write"),
        ("немає світла, іван, крапка, коваль собака укр нет, приїдьте", "немає світла * * * * * * приїдьте"),
        ("маша джимейл крапка ком", "* * * *"),
        ("а ка о собака мета крапка юа дякую", "* * * * * * * дякую"),
        ("іван крапка коваль собака", "* * * *"),
        ("во дворе собака нет света", "во дворе собака нет света"),
        ("у дворі собака гавкає на електрика", "у дворі собака гавкає на електрика"),
        ("look at the meter", "look at the meter"),
        ("стою в сторонке сорока сідає на столб", "стою в сторонке сорока сідає на столб"),
    ],
)
def test_sentences_with_personal_data(said: str, kept: str):
    words = kept.split()
    assert shown(said).replace(",", "").split() == words


def test_kinds_are_told():
    assert personal(["звати", "Іван"]) == (None, Personal.NAME)
    assert personal(["вулиця", "Хорива"]) == (None, Personal.ADDRESS)
    assert personal(["a@b.ua"]) == (Personal.MAILBOX,)
    assert personal(["іван", "собака", "укр", "нет"]) == (Personal.MAILBOX,) * 4
    assert personal(["1234"]) == (Personal.NUMBER,)
