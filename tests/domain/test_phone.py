"""A caller's number is E.164 or nothing."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import phone
from domain.phone import e164

SIGNIFICANT = st.from_regex(r"\A[1-9][0-9]{8}\Z")


@given(SIGNIFICANT, st.sampled_from(["0", "380", "+380", "00380"]))
def test_a_ukrainian_number_is_the_same_however_it_is_written(number, prefix):
    assert e164(prefix + number) == f"+380{number}"


@given(st.from_regex(r"\A[1-9][0-9]{7,14}\Z").filter(lambda number: not number.startswith("380")))
def test_a_foreign_number_needs_its_prefix(number):
    assert e164(f"+{number}") == e164(f"00{number}") == f"+{number}"
    assert e164(number) is None


@pytest.mark.parametrize(
    "raw",
    [None, "", " ", "anonymous", "Anonymous", "unknown", "restricted", "0", "101", "+", "00", "+0671234567",
     "380671234", "+38067123456", "+3806712345678", "+380067123456", "06712345678", "+1234567",
     "+1234567890123456", "0671234567;ext=5", "sip:0671234567@x", "067123456x", "٠٦٧١٢٣٤٥٦٧", "🕾"],
)  # fmt: skip
def test_what_is_not_certainly_a_subscriber_is_nobody(raw):
    assert e164(raw) is None


@given(st.text(max_size=20))
def test_whatever_comes_the_answer_is_e164_and_stays_so(raw):
    number = e164(raw)
    assert number is None or (
        number[0] == "+" and number[1:].isascii() and number[1:].isdigit() and 8 <= len(number) <= 16
    )
    assert number is None or e164(number) == number


def test_the_examples_of_the_documentation_run():
    assert doctest.testmod(phone).failed == 0
