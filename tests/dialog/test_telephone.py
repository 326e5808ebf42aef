"""Telephone numbers as callers key them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.phone import as_dialled, e164
from ivr.dialog import Nomatch, Progress
from ivr.dialog.exchange import Exchange, Settled, Typed
from ivr.dialog.telephone import telephone
from ivr.dialog.turns import Manner, WantsAgent

ENOUGH = (Progress.ENOUGH, Progress.EXPECTED, Progress.FULL)

subscribers = st.from_regex(r"\A[1-9][0-9]{8}\Z")
numbers = st.one_of(
    subscribers.map(lambda n: f"0{n}"),
    subscribers.map(lambda n: f"380{n}"),
    subscribers.map(lambda n: f"00380{n}"),
    st.from_regex(r"\A00(?!380)[1-9][0-9]{7,14}\Z"),
)


@given(numbers)
def test_a_number_may_be_keyed_in_every_way_that_people_write_it(keyed):
    assert telephone.parse(keyed) == e164(keyed)
    assert telephone.progress(keyed) in ENOUGH
    assert all(telephone.progress(keyed[:n]) is not Progress.NEVER for n in range(1, len(keyed)))


@given(st.text("0123456789", min_size=1, max_size=20))
def test_the_keypad_takes_what_is_a_number_and_nothing_else(keyed):
    try:
        telephone.parse(keyed)
    except Nomatch:
        assert telephone.progress(keyed) in (Progress.MORE, Progress.NEVER)
    else:
        assert telephone.progress(keyed) in ENOUGH


@given(numbers)
def test_a_number_is_read_back_as_it_would_be_dialled(keyed):
    number = e164(keyed)

    assert e164(as_dialled(number)) == number


def keyed_in(keys, *, gap=0.3):
    """What becomes of the question when these keys come after its prompt, and then silence."""
    exchange = Exchange(telephone, Manner(interdigittimeout=5.0), Typed())
    exchange.begin(0.0)
    exchange.played(1.0)
    now, done = 1.0, []
    for key in keys:
        now += gap
        done += exchange.key(key, now)
    return done, exchange.tick(now + 5.0)


@pytest.mark.parametrize("keys", ["0671234567", "380671234567", "0048221234567#"])
def test_a_number_that_can_have_no_more_digits_is_taken_at_once(keys):
    done, _ = keyed_in(keys)

    assert done == [Settled(heard=keys.rstrip("#"))]


def test_of_a_foreign_number_only_silence_tells_that_it_is_whole():
    done, after = keyed_in("0048221234567")

    assert (done, after) == ([], [Settled(heard="0048221234567")])


def test_a_zero_and_no_more_asks_for_a_person_though_numbers_begin_with_it():
    done, after = keyed_in("0")

    assert (done, after) == ([], [Settled(interruption=WantsAgent.name)])
