"""The arithmetic of bench.speech: what counts as understood, what becomes of it, and wrong values by simulation."""

import random
from datetime import UTC, datetime

import numpy as np
import pytest

from bench.figures import Machine
from bench.speech.corpus import QUESTIONS, by_a_person, by_pairs, cardinal, listening, one_by_one, sayings
from bench.speech.figures import Accuracy, Cost, Share, SpeechRun, Take, fates, word_errors
from bench.speech.mistaken import Channel, aligned, no_for_yes, repeated, simulate
from bench.speech.offline import Ear
from bench.speech.page import LANGUAGES, facts, page, sections
from domain.rules import account_number_is_sound
from ivr.speech.models import BUILT_IN

MACHINE = Machine(processor="p", cores=2, kernel="6", python="3", load=0.5, at=datetime(2026, 1, 1, tzinfo=UTC))


def take(words="два три", heard="два три", sure=1.0, **more):
    given = {
        "language": "uk", "question": "digits", "words": words, "keys": "23", "voice": "Volodymyr", "line": "clean",
        "heard": [(heard, sure)] if heard else [], "noticed": True, "after": 1.0,
    }  # fmt: skip
    return Take(**(given | more))


def test_right_is_who_understood_the_digits_however_they_were_said():
    assert take().right
    assert take(heard="двадцять три").right
    assert not take(heard="два").right
    assert not take(heard="").right and take(heard="").understood is None


def test_what_answers_nothing_is_right_when_it_is_taken_for_nothing():
    assert take(keys=None, heard="[unk]").right
    assert not take(keys=None, heard="два").right


def test_a_command_is_understood_at_any_question():
    assert take(words="оператор", heard="оператор", keys="0").right


@pytest.mark.parametrize(
    ("meant", "heard", "errors"),
    [("а б в", "а б в", 0), ("а б в", "а в", 1), ("а б", "а х б", 1), ("а б", "б а", 2), ("", "а", 1), ("а", "", 1)],
)
def test_word_errors_are_replaced_left_out_and_added_words(meant, heard, errors):
    assert word_errors(meant.split(), heard.split()) == errors


def test_accuracy_counts_answers_only():
    found = Accuracy.of([take(), take(heard="два"), take(heard="", noticed=False), take(keys=None, heard="[unk]")])

    assert found.whole == Share(1, 3)
    assert found.words == Share(1 + 2, 6)
    assert found.unnoticed == Share(1, 3)


def test_a_share_of_few_says_how_little_it_knows():
    assert Share(0, 10).most == pytest.approx(0.278, abs=0.001)
    assert Share(0, 10_000).most < 0.0004
    assert Share(0, 0).most == 1.0
    assert str(Share(1, 3)) == "33.3%"


def test_thresholds_decide_as_the_exchange_does():
    sure, unsure, wrong, doubtful = take(sure=0.97), take(sure=0.6), take(heard="два два", sure=0.97), take(sure=0.2)

    assert fates([sure, unsure, wrong, doubtful], 0.5, 0.9) == {
        "right": 1, "right, asked back": 1, "asked again": 1, "wrong, asked back": 0, "wrong": 1,
    }  # fmt: skip
    assert fates([unsure, wrong], 0.5, 0.98)["wrong, asked back"] == 1
    assert fates([unsure], 0.7, 0.9)["asked again"] == 1


def test_a_choice_that_is_asked_back_is_told_from_another_one():
    rather = take(question="menu", words="борг", keys="5", heard="борг", sure=0.6)
    other = take(question="menu", words="борг", keys="5", heard="скарга", sure=0.6)

    assert fates([rather, other], 0.5, 0.9) == {
        "right": 0, "right, asked back": 1, "asked again": 0, "wrong, asked back": 1, "wrong": 0,
    }  # fmt: skip


# What is said


@pytest.fixture(scope="module")
def ear():
    return Ear(BUILT_IN["uk"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_is_said_is_an_answer_and_means_what_it_should(ear, language):
    said = sayings(ear.model, language, 6)

    answers = [s for s in said if s.keys is not None]
    assert len(answers) == 6 * len(QUESTIONS) and len(said) == 9 * len(QUESTIONS)
    for saying in answers:
        assert take(**{"question": saying.question, "keys": saying.keys, "heard": saying.words}).right, saying
        phrases = {word for phrase in listening(saying.question, language).phrases for word in phrase.split()}
        assert set(saying.words.split()) <= phrases
    assert sayings(ear.model, language, 6) == said, "the same every time"
    assert all(account_number_is_sound(s.keys) for s in answers if s.question == "account")


def test_numbers_are_said_in_three_ways():
    assert cardinal(25, "uk") == "двадцять п'ять"
    assert one_by_one("205", "uk") == "два нуль п'ять"
    assert by_pairs("2005", "ru") == "двадцать ноль пять"
    assert {s.voice for s in by_a_person(2)} == {"a person"}


def test_silence_is_no_utterance_and_costs_little(ear):
    saying = sayings(ear.model, "uk", 1)[0]
    found = ear.take(saying, np.zeros(8000, np.int16), "clean")

    assert (found.noticed, found.heard, found.after) == (False, [], None)
    assert ear.cost.sound > 1


# Wrong values


@pytest.mark.parametrize(
    ("said", "heard", "pairs"),
    [
        ("123", "123", [("1", "1"), ("2", "2"), ("3", "3")]),
        ("123", "13", [("1", "1"), ("2", ""), ("3", "3")]),
        ("13", "123", [("1", "1"), ("", "2"), ("3", "3")]),
        ("1", "7", [("1", "7")]),
        ("", "", []),
    ],
)
def test_digits_are_aligned_with_the_fewest_errors(said, heard, pairs):
    assert aligned(said, heard) == pairs


def test_a_channel_without_errors_hears_everything_and_nothing_wrong_is_accepted():
    perfect = [
        take(words=one_by_one(f"{d}1", "uk"), heard=one_by_one(f"{d}1", "uk"), keys=f"{d}1") for d in range(10)
    ]
    channel = Channel.of(perfect)

    assert channel.errors.of == 0
    assert channel.hear("9876543210", random.Random(1)) == "9876543210"
    found = simulate(perfect, 200)
    assert found.misheard == 0 and {n for row in found.accepted.values() for n in row} == {0.0}


def taken(digit: str, heard: str) -> Take:
    """A 0 behind the digit, so that nobody asks for a person."""
    return take(words=one_by_one(f"{digit}0", "uk"), keys=f"{digit}0", heard=one_by_one(f"{heard}0", "uk"))


def test_a_digit_that_is_always_misheard_is_misheard_in_the_simulation():
    deaf = [taken(str(d), "8" if d == 7 else str(d)) for d in range(1, 10)]
    found = simulate(deaf, 400)

    assert Channel.of(deaf).hear("1777", random.Random(1)) == "1888"
    assert 0.2 < found.misheard < 0.6
    assert found.spoilt == 0, "who was understood said no 7"


def test_what_is_misheard_again_and_what_is_not_noticed_is_accepted():
    sometimes = [taken("7", "8"), *(taken(str(d), str(d)) for d in range(1, 10))]
    found = simulate(sometimes, 400)

    assert 0 < found.spoilt < found.misheard
    never, seldom, half = (found.accepted[repeat] for repeat in ("0%", "10%", "50%"))
    assert half[2] > 2 * seldom[2] > 20 * never[2]
    assert half[0] < half[1] < half[2], "who notices less accepts more"


def test_what_is_not_taken_confuses_nobody():
    unsure = [take(heard="два два", sure=0.6), *(taken(str(d), str(d)) for d in range(1, 10))]

    assert Channel.of(unsure, 0.5).errors.of == 1
    assert Channel.of(unsure, 0.7).errors.of == 0
    assert simulate(unsure, 200, 0.7).misheard == 0


def test_the_same_mistake_on_two_lines_is_told_from_another_one():
    hiss = {"line": "white noise, 20 dB"}
    same = [take(heard="два два"), take(heard="два два", **hiss)]
    other = [take(words="три", keys="3", heard="два"), take(words="три", keys="3", heard="три", **hiss)]
    right = [take(words="один", keys="1", heard="один"), take(words="один", keys="1", heard="два", **hiss)]

    assert repeated([*same, *other, *right]) == Share(1, 2)


def test_a_no_that_is_taken_for_a_yes_is_counted_among_the_noes():
    says = {"question": "yes or no", "words": "ні", "keys": "2"}
    takes = [take(**says, heard="ні"), take(**says, heard="так"), take(**says, heard=""), take()]

    assert no_for_yes(takes) == Share(1, 3)


# The page


def test_a_run_becomes_tables_in_the_places_of_the_page():
    takes = [
        take(question=question, language=language, line=line, keys=keys)
        for question in QUESTIONS for language in LANGUAGES for line in ("clean", "babble, 10 dB")
        for keys in ("1", None)
    ]  # fmt: skip
    run = SpeechRun(
        machine=MACHINE, model="m", takes=takes, calls=takes, cost=Cost(sound=100, cpu=2),
        known={f"{language} {q}": (1, 2) for language in LANGUAGES for q in QUESTIONS},
        answers={"menu": [900.0, 1000.0]}, stops=[150.0], echoes={"-12 dB, 60 ms": True},
    )  # fmt: skip
    found, told = sections(run, 20), facts(run)
    marks = "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in (*found, "facts"))
    shown = page(marks, found, told)

    assert "| last word (menu) | first packet of the next prompt | 2 | 950 | 995 |" in shown
    assert "| -12 dB, 60 ms | whole |" in shown
    assert "50 streams" in shown and len(told) == 6
    assert page(shown, found, told) == shown
