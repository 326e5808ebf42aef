"""Two attempts that differ in one digit: which digit is asked for, and what becomes of the answer."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import damm

from domain.doubt import Plausible, diagnose
from domain.model import Outcome
from domain.rules import account_number_is_sound
from flows.doubt import Again, Shown, given_twice
from flows.repair import PLACES, OneDigit, differing, mended, settle_position
from flows.worlds import FLAT, WITHHELD
from ivr.dialog import Answer, Ask, Dialog, Ending, Nomatch, Progress, Say
from ivr.dialog.grammar import understand

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
METER = FLAT.meters[0]
REGISTER = METER.registers[0]
"""Six digits, 41200 a month ago."""


def held(part, *args):
    """A dialog that holds only this part, and the list in which its result will stand."""
    results = []

    async def flow(call):
        results.append(await call.hold(part, *args))
        return Ending(Outcome.INFORMED)

    return Dialog(flow, WITHHELD), results


def answers(part, *args, **heard):
    """What comes of a part, and the labels of what it said and asked; heard: by label."""
    dialog, results = held(part, *args)
    said = []
    while (turn := dialog.turn) is not None:
        said.append(turn.label)
        assert isinstance(turn, Ask | Say)
        dialog.answer(Answer(turn.label, turn.asked, NOW, heard=heard[turn.label] if isinstance(turn, Ask) else None))
    return results[0], said


# The digit


@pytest.mark.parametrize(
    ("first", "second", "at"),
    [
        ("699", "799", 0),
        ("0", "1", 0),
        ("1234567890", "1234567891", 9),
        ("12345", "12345", None),
        ("12345", "12354", None),
        ("1234", "12345", None),
        ("", "", None),
        ("12345678901", "12345678902", None),
    ],
)
def test_the_one_position_at_which_two_numbers_differ(first, second, at):
    assert differing(first, second) == at


@given(st.text("0123456789", min_size=1, max_size=PLACES), st.data())
def test_the_digit_that_is_asked_for_takes_its_place_and_nothing_else_changes(first, data):
    at = data.draw(st.integers(0, len(first) - 1))
    second = first[:at] + data.draw(st.sampled_from([d for d in "0123456789" if d != first[at]])) + first[at + 1 :]
    digit = data.draw(st.sampled_from("123456789"))

    settled, _ = answers(settle_position, "digit_of_value", first, second, digit_of_value=digit)

    assert settled == first[:at] + digit + first[at + 1 :]


def test_the_question_names_the_place_and_says_neither_digit():
    dialog, _ = held(settle_position, "digit_of_value", "699", "799")

    assert dialog.turn.asked == "digit_of_value(count=3, place=place_1)"


def test_what_differs_in_more_is_asked_for_by_nobody():
    assert answers(settle_position, "digit_of_value", "699", "788") == (None, [])


def test_a_zero_is_a_digit_where_it_was_one_or_makes_the_number_sound_and_a_call_for_people_elsewhere():
    assert OneDigit("4", ("0", "7"), "1").parse("0") == "401"
    assert OneDigit("1000", ("1", "9"), "00083").parse("0") == "1000000083"
    with pytest.raises(Nomatch):
        OneDigit("4", ("6", "7"), "1").parse("0")


@pytest.mark.parametrize("keyed", ["", "12", "#", "A", "²"])
def test_one_digit_is_one_digit(keyed):
    one = OneDigit("4", ("6", "7"), "1")

    assert one.progress(keyed) is Progress.NEVER
    with pytest.raises(Nomatch):
        one.parse(keyed)


def test_the_digit_may_be_said():
    one = OneDigit("4", ("6", "7"), "1")

    assert understand(one, "сім") == understand(one, "сімка") == understand(one, "семь") == "471"
    assert "сім" in one.phrases("uk") and "сорок" not in one.phrases("uk")
    with pytest.raises(Nomatch):
        understand(one, "сорок сім")


# A value


def verdict(value):
    found = diagnose(METER, REGISTER, value, date(2026, 10, 1))
    assert isinstance(found, Plausible)
    return found


@pytest.mark.parametrize(
    ("again", "digit", "agreed", "said"),
    [
        ("1430", None, 41_430, []),
        ("41430", None, 41_430, []),
        ("041430", None, 41_430, []),
        ("1480", "3", 41_430, ["digit_of_value"]),
        ("1480", "8", 41_480, ["digit_of_value"]),
        ("1480", "5", None, ["digit_of_value", "again_differs"]),
        ("41480", "8", 41_480, ["digit_of_value"]),
        ("141430", "4", None, ["digit_of_value", "again_differs"]),
        ("1481", None, None, ["again_differs"]),
        ("430", None, None, ["again_differs"]),
        ("4143", None, None, ["again_differs"]),
        ("1041430", None, None, ["again_differs"]),
    ],
)
def test_a_value_counts_when_all_its_last_digits_were_given_twice(again, digit, agreed, said):
    heard = {"value_again": again, "digit_of_value": digit}

    assert answers(given_twice, REGISTER, verdict(41_430), 41_430, **heard) == (agreed, ["value_again", *said])


@given(st.integers(41_201, 41_500), st.integers(0, 10**6 - 1), st.sampled_from("123456789"))
def test_no_value_comes_of_it_that_was_not_given_twice(value, again, digit):
    keyed = f"{again:06d}"
    agreed, _ = answers(given_twice, REGISTER, verdict(value), value, value_again=keyed, digit_of_value=digit)

    assert agreed in (None, value, again, value - value % 10**4 + again % 10**4)
    if agreed is not None and agreed != value:
        assert differing(f"{value:06d}", f"{agreed:06d}") is not None


def test_values_are_said_as_they_are_shown_and_decimals_left_out():
    shown = Shown(METER, REGISTER, date(2026, 10, 1))

    assert understand(shown, "сорок одна тисяча чотириста тридцять") == "41430"
    assert understand(shown, "сто двадцять три") == "123"
    assert understand(shown, "сорок одна тисяча чотириста тридцять кома п'ять") == "41430"
    assert understand(Again(41_430, verdict(41_430)), "чотириста тридцять") == "430"
    for wide in ("сорок одна тисяча чотириста тридцять нуль п'ять", "яблуко"):
        with pytest.raises(Nomatch):
            understand(shown, wide)
    assert understand(replace(shown, register=replace(REGISTER, width=7)), "один нуль нуль") == "100"


# An account number


def test_an_account_that_fails_twice_in_one_digit_is_mended_by_that_digit():
    number, said = answers(mended, "1000100083", "1000900083", digit_of_account="0")

    assert (number, said) == ("1000000083", ["digit_of_account"])


@pytest.mark.parametrize(
    ("before", "number"),
    [
        (None, "1000900083"),
        ("1000100083", "1000000083"),
        ("1000000083", "1000900083"),
        ("1000100083", "1009900083"),
    ],
)
def test_nothing_is_asked_at_first_nor_of_a_sound_number_nor_where_more_differs(before, number):
    assert answers(mended, before, number) == (number, [])


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 9), st.data())
def test_the_check_digit_leaves_one_digit_that_can_be_right(digits, at, data):
    sound = digits + damm.calc_check_digit(digits)
    wrong = data.draw(st.lists(st.sampled_from([d for d in "0123456789" if d != sound[at]]), min_size=2, unique=True))
    first, second = (sound[:at] + digit + sound[at + 1 :] for digit in wrong[:2])

    number, _ = answers(mended, first, second, digit_of_account=sound[at])

    assert number == sound
    assert not account_number_is_sound(first) and not account_number_is_sound(second)
