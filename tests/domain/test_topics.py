"""What sentences suggest, and how often that is right.  The sentences are in `sentences.yaml`."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain import topics
from domain.desk import RefusalGround
from domain.model import Topic
from domain.topics import Flag, Pattern, Urgency, lemmas, plain, suggest

SENTENCES: dict[str, list[tuple[str, str | None, str, list[str]]]] = yaml.safe_load(
    Path(__file__).with_name("sentences.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("sentence", "topic", "urgency", "flags"), SENTENCES["known"], ids=lambda each: str(each)[:40]
)
def test_a_sentence_that_the_table_was_made_with_is_understood(
    sentence: str, topic: str | None, urgency: str, flags: list[str]
):
    found = suggest(sentence.split())
    assert found.topic == topic
    assert found.urgency == urgency
    assert found.flags == set(flags)


def test_of_unseen_sentences_most_are_understood_and_what_is_suggested_is_right():
    found = [(suggest(sentence.split()), *wanted) for sentence, *wanted in SENTENCES["unseen"]]
    suggested = [(each.topic, topic) for each, topic, _, _ in found if each.topic]
    wanted = [topic for _, topic, _, _ in found if topic]
    assert sum(got == topic for got, topic in suggested) / len(suggested) >= 0.95  # precision; 18 of 18 when measured
    assert sum(each.topic == topic for each, topic, _, _ in found if topic) / len(wanted) >= 0.8  # recall; 18 of 22
    assert sum(each.urgency == urgency for each, _, urgency, _ in found) / len(found) >= 0.9  # 28 of 30
    assert [each.flags for each, *_ in found] == [set(flags) for *_, flags in found]


def test_no_unseen_danger_is_taken_for_routine():
    for sentence, _, urgency, _ in SENTENCES["unseen"]:
        if urgency == "danger":
            assert suggest(sentence.split()).urgency is not Urgency.ROUTINE, sentence


def test_the_words_that_led_to_it_are_told():
    words = ["У", "щитку", "ІСКРИТЬ,", "світла", "немає!"]
    found = suggest(words)
    told = {each.of: {words[k] for k in each.words} for each in found.reasons}
    assert told[Urgency.DANGER] == {"ІСКРИТЬ,"}
    assert told[Topic.INTERRUPTIONS] == {"світла", "немає!"}


def test_two_topics_of_one_weight_are_no_suggestion():
    assert suggest(["показання", "сайт"]).topic is None


def test_nothing_said_suggests_nothing():
    for words in ([], [""], ["..."], ["[unk]"], ["ну", "е"]):
        found = suggest(words)
        assert (found.topic, found.urgency, found.flags, found.reasons) == (None, Urgency.ROUTINE, set(), ())


@pytest.mark.parametrize(
    "words", ["не горить", "нічого не іскрить", "світло горить", "лампочка горит тускло", "пожежна безпека", "димар"]
)
def test_what_is_denied_or_meant_otherwise_is_no_danger(words: str):
    assert suggest(words.split()).urgency is Urgency.ROUTINE


DECENT = """
    требую потребитель хлеба оскорбляли корабля употребляли рубля підорожчало підорвали худой страхует художник хутір
    сукня суканина небо ребенок погребли себе тебе вебінар запізнилися козлятина добре об'єкт Лариса бляха небезпека
"""


@pytest.mark.parametrize("word", DECENT.split())
def test_decent_words_with_the_letters_of_others_are_not_flagged(word: str):
    assert suggest([word]).flags == set()


@pytest.mark.parametrize(
    ("words", "flagged"),
    [
        ("я вас убью", True),
        ("вб'ю", True),
        ("подожгу офис", True),
        ("повыбиваю вам зубы", False),  # not known: a person hears it
        ("голову відірву", True),
        ("вирву кабель", False),
        ("не вб'ю", False),
        ("мене вб'є струмом", False),
        ("вас засудять", False),
        ("буду скаржитися в прокуратуру", False),
    ],
)
def test_a_threat_is_what_speakers_say_that_they_will_do(words: str, flagged: bool):
    assert (Flag.THREAT in suggest(words.split()).flags) is flagged


def test_a_flag_names_the_ground_of_refusal_that_it_may_be():
    assert Flag.PROFANITY.ground is RefusalGround.INSULTING
    assert Flag.THREAT.ground is RefusalGround.THREATS


def test_every_form_in_the_table_is_one_that_a_word_can_have():
    """A form that no word leads to is a mistake of whoever wrote the line."""
    table: Any = topics.table()
    patterns = [each for rows in table.topics.values() for _, each in rows]
    patterns += [each for rows in table.urgencies.values() for each in rows]
    forms = {form for pattern in patterns for part in (*pattern.parts, pattern.voids) for form in part}
    indeclinable = {"нема"}
    analysers = topics._analysers()  # pyright: ignore[reportPrivateUsage]
    for form in forms - indeclinable:
        readers = [each for each in analysers if each.word_is_known(form)] or analysers
        assert form in {parse.normal_form for each in readers for parse in each.parse(form)}, form


def test_every_topic_but_the_rest_has_lines():
    assert set(topics.table().topics) == set(Topic) - {Topic.OTHER}


@pytest.mark.parametrize("line", ["", "-а", "а||б", "|"])
def test_a_malformed_line_is_refused(line: str):
    with pytest.raises(ValueError, match="pattern"):
        Pattern.parse(line)


def test_words_far_from_each_other_are_not_put_together():
    assert suggest(["світла", *["слово"] * topics.WINDOW, "немає"]).topic is None


def test_letters_apostrophes_and_punctuation_do_not_matter():
    assert plain("«П’ЯТЬ»,") == plain("п'ять") == "п'ять"
    assert plain("123") == plain("") == ""


@given(st.lists(st.text(max_size=12), max_size=12))
def test_any_words_can_be_looked_at_and_reasons_point_at_words(words: list[str]):
    found = suggest(words)
    assert all(0 <= k < len(words) for reason in found.reasons for k in reason.words)
    assert all(lemmas(plain(words[k])) for reason in found.reasons for k in reason.words)
