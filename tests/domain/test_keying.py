"""Keying errors, simulated (`bench.keying`): the promise of docs/doubt.md, held against today's rules."""

import random
from functools import cache

import pytest

from bench import keying
from bench.callers import RATES, SLIPS, reading, slips
from bench.keying import CHOSEN, DESIGNS, MISSES, Fate, Habits, Keying, fate
from domain.slips import Hypothesis


@cache
def every_slip() -> list[Fate]:
    """Nothing diced but the callers: every single slip that each of them can make, by its likelihood."""
    chance = random.Random(51)
    return [
        fate(kind, RATES[kind] * weight, at, keyed)
        for at in (reading(chance) for _ in range(25))
        for kind, keyed, weight in slips(at.digits)
        if keyed and (len(keyed) > at.register.width or int(keyed) != at.shown)
    ]


def accepted(fates: list[Fate], design: keying.Design, habits: Habits) -> float:
    return keying.per(fates, lambda f: f.accepted(design, habits))


def test_of_ten_thousand_slips_at_most_one_is_accepted():
    assert accepted(every_slip(), CHOSEN, Habits()) < 1e-4


def test_a_read_back_alone_lets_dozens_through():
    assert accepted(every_slip(), DESIGNS[1], Habits()) > 10e-4


def test_whoever_slips_the_same_way_each_time_and_hears_nothing_is_believed_where_it_is_plausible():
    deaf = Habits(miss=1.0, repeat=1.0)
    plausible = keying.per(every_slip(), lambda f: f.risk is not None)
    assert accepted(every_slip(), CHOSEN, deaf) == pytest.approx(plausible, rel=0.05)


def test_swapped_zones_that_pass_at_the_first_register_are_caught_at_the_second():
    chance = random.Random(52)
    found = list[Fate]()
    for _ in range(400):
        at = keying.first(reading(chance, zoned=True, several=False))
        if (made := keying.keyed(chance, Hypothesis.ZONES_SWAPPED, at)) is not None:
            found.append(fate(Hypothesis.ZONES_SWAPPED, 1.0, at, made))
    assert accepted(found, CHOSEN, Habits(deny=0.0)) < 0.01


def test_the_kinds_of_errors_that_are_simulated_are_slips_and_mistakes():
    assert set(RATES) == set(SLIPS) | set(keying.ASKS)


@cache
def small() -> Keying:
    return keying.measure(60)


def test_a_run_fills_the_page_and_the_page_is_what_the_last_run_says():
    page = keying.PAGE.read_text("utf-8")
    assert keying.page(page, keying.kept()) == page, "run python -m bench.keying"
    assert keying.page(page, small()) != page


def test_the_last_run_that_was_kept_holds_the_promise_where_the_page_says_so():
    kept = keying.kept()
    assert kept.accepted[CHOSEN.name][MISSES.index(0.01)] <= 1.0


def test_the_more_is_missed_the_more_is_accepted():
    for row in small().accepted.values():
        assert row == sorted(row)


def test_the_same_seed_gives_the_same_figures():
    again = keying.measure(60)
    assert (again.accepted, again.kinds) == (small().accepted, small().kinds)
