"""Numbers that customers write down by ear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.numbers import NumbersExhausted, Series, number, series_of

counted = st.integers(1, 999_999)


@given(st.sampled_from(Series), counted)
def test_a_number_tells_what_it_is_of(series: Series, n: int):
    assert series_of(number(series, n)) is series


@given(st.tuples(st.sampled_from(Series), counted), st.tuples(st.sampled_from(Series), counted))
def test_no_number_is_given_twice(one: tuple[Series, int], other: tuple[Series, int]):
    assert (number(*one) == number(*other)) == (one == other)


@given(st.sampled_from(Series), counted, st.integers(0, 7), st.integers(1, 9))
def test_one_wrong_digit_makes_it_nobodys(series: Series, n: int, place: int, by: int):
    right = number(series, n)
    wrong = f"{right[:place]}{(int(right[place]) + by) % 10}{right[place + 1 :]}"
    assert series_of(wrong) is None


@given(st.sampled_from(Series), counted, st.integers(0, 6))
def test_two_swapped_digits_make_it_nobodys(series: Series, n: int, place: int):
    right = number(series, n)
    swapped = right[:place] + right[place + 1] + right[place] + right[place + 2 :]
    assert series_of(swapped) in ({series} if swapped == right else {None})


@pytest.mark.parametrize("text", ["", "1000001", "100000120", "1000001a", "１０００００１２", "00000018", "-1000012"])
def test_what_is_no_number_is_of_nothing(text: str):
    assert series_of(text) is None


@pytest.mark.parametrize(("series", "last"), [
    (Series.REQUEST, 2_999_999), (Series.ORDER, 999_999), (Series.CALLBACK, 1_999_999), (Series.REPORT, 2_999_999),
])  # fmt: skip
def test_a_series_ends_with_an_error_and_not_in_the_next_series(series: Series, last: int):
    assert series_of(number(series, last)) is series
    with pytest.raises(NumbersExhausted):
        number(series, last + 1)
    with pytest.raises(ValueError, match="counted from 1"):
        number(series, 0)
