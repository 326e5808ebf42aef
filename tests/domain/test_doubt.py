"""What a keyed value may mean, and what is asked about it."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.doubt import (
    Ask,
    Doubtful,
    Plausible,
    Question,
    Verdict,
    diagnose,
    name,
    offer,
    specimens,
    too_wide,
    wide_specimens,
)
from domain.model import Doubt, Energy, Meter, Register, Zone
from domain.slips import BESIDE, RATES, Hypothesis, meanings, pressed
from domain.usage import Use

TODAY = date(2026, 11, 30)


def register(
    last: int | None = 2000,
    *,
    days: int | None = 30,
    usual: float | None = 6.0,
    width: int = 5,
    zone: Zone = Zone.SINGLE,
) -> Register:
    last_on = None if days is None or last is None else TODAY - timedelta(days=days)
    return Register(zone, width, last, last_on, usual)


def meter(*registers: Register, multiplier: int = 1, power: float = 15.0, number: str = "m") -> Meter:
    return Meter(number, registers, multiplier, power)


def verdict(of: Register, value: int, *, power: float = 15.0, multiplier: int = 1) -> Verdict:
    return diagnose(meter(of, power=power, multiplier=multiplier), of, value, TODAY)


def doubted(of: Register, value: int, **more: float) -> tuple[Doubt, int]:
    found = verdict(of, value, **more)  # pyright: ignore[reportArgumentType]
    assert isinstance(found, Doubtful)
    return found.doubt, found.used


DAY = register(10450, usual=5.0, width=6, zone=Zone.DAY)
NIGHT = register(6120, usual=3.0, width=6, zone=Zone.NIGHT)
TWO = meter(DAY, NIGHT)
OTHER = meter(register(44100, usual=8.0), number="0200006")


@st.composite
def registers(draw: st.DrawFn, widest: int = 8, zone: Zone = Zone.SINGLE) -> Register:
    width = draw(st.integers(1, widest))
    return register(
        draw(st.none() | st.integers(0, 10**width - 1)),
        days=draw(st.none() | st.integers(-2, 800)),
        usual=draw(st.none() | st.floats(0, 200)),
        width=width,
        zone=zone,
    )


meters = st.builds(
    lambda registers, multiplier, power: Meter("m", registers, multiplier, power),
    st.tuples(registers()) | st.tuples(registers(zone=Zone.DAY), registers(zone=Zone.NIGHT)),
    st.sampled_from((1, 20, 40, 100)),
    st.sampled_from((3.0, 5.0, 15.0, 250.0)),
)


# --- classic examples


@pytest.mark.parametrize(
    ("last", "keyed", "hypothesis", "meant", "ask"),
    [
        (2000, 21504, Hypothesis.DECIMALS, 2150, Ask.DECIMALS),  # 02150,4: the red digit too
        (10300, 13045, Hypothesis.SWAPPED_DIGITS, 10345, Ask.OTHER_VALUE),
        (12200, 21345, Hypothesis.SWAPPED_DIGITS, 12345, Ask.OTHER_VALUE),
        (2000, 7180, Hypothesis.WRONG_DIGIT, 2180, Ask.OTHER_VALUE),
        (12200, 12645, Hypothesis.WRONG_DIGIT, 12345, None),  # within what a cold month takes
        (31200, 3131, Hypothesis.MISSING_DIGIT, 31314, Ask.MISSING_DIGIT),  # a digit is missing; nobody knows which
        (52000, 5214, Hypothesis.MISSING_DIGIT, 52214, Ask.MISSING_DIGIT),
        (2890, 33010, Hypothesis.EXTRA_DIGIT, 3010, Ask.OTHER_VALUE),
    ],
)
def test_a_slip_is_found_out(last: int, keyed: int, hypothesis: Hypothesis, meant: int, ask: Ask | None):
    found = verdict(register(last), keyed)
    right = [guess for guess in found.guesses if (guess.hypothesis, guess.meant) == (hypothesis, meant)]
    assert right
    if ask is None:
        assert isinstance(found, Plausible) and found.again == 3
    else:
        assert isinstance(found, Doubtful)
        assert next(guess for guess in found.guesses if not guess.as_keyed).hypothesis is hypothesis
        assert found.question.ask is ask
        assert found.question.meant == (None if ask is Ask.MISSING_DIGIT else meant)


def test_digits_after_the_point_are_counted():
    one, two = verdict(register(2000), 21504), verdict(register(200), 21504)
    assert isinstance(one, Doubtful) and one.question == Question(Ask.DECIMALS, 2150, digits=1)
    assert isinstance(two, Doubtful) and two.question == Question(Ask.DECIMALS, 215, digits=2)


def test_the_nights_value_keyed_for_the_day_is_recognised_and_the_other_way_round():
    day, night = diagnose(TWO, DAY, 6215, TODAY), diagnose(TWO, NIGHT, 10600, TODAY)
    assert isinstance(day, Doubtful) and isinstance(night, Doubtful)
    assert day.question == Question(Ask.OTHER_ZONE, zone=Zone.NIGHT)
    assert night.question == Question(Ask.OTHER_ZONE, zone=Zone.DAY)
    assert day.guesses[0].meant is None  # what the day shows is still to be keyed


def test_two_zones_tell_more_together_than_each_alone():
    day = register(300, usual=5.0, zone=Zone.DAY)
    night = replace(register(250, usual=3.0), zone=Zone.NIGHT)
    both = meter(day, night)
    true_day, true_night = 450, 340
    assert isinstance(diagnose(both, day, true_night, TODAY), Plausible)  # a frugal month, for all we know
    alone = diagnose(both, night, true_day, TODAY)
    together = diagnose(both, night, true_day, TODAY, given=((day, true_night),))
    assert isinstance(alone, Plausible)
    assert isinstance(together, Doubtful) and together.question.ask is Ask.OTHER_ZONE


def test_reactive_energy_keyed_for_active_energy_is_recognised():
    active = register(50000, usual=40.0, width=6)
    reactive = replace(register(20000, usual=15.0, width=6), energy=Energy.REACTIVE)
    found = diagnose(meter(active, reactive), active, 20450, TODAY)
    assert isinstance(found, Doubtful)
    assert found.question == Question(Ask.OTHER_ZONE, zone=Zone.SINGLE, energy=Energy.REACTIVE)


def test_the_value_of_another_meter_of_the_account_is_recognised():
    found = diagnose(meter(register()), register(), 44350, TODAY, neighbours=(OTHER,))
    assert isinstance(found, Doubtful)
    assert found.question == Question(Ask.OTHER_METER, zone=Zone.SINGLE, meter="0200006")


def test_a_value_that_would_fit_elsewhere_as_well_is_confirmed_by_naming_that():
    twin = meter(register(1990), number="twin")
    found = diagnose(meter(register()), register(), 2180, TODAY, neighbours=(twin,))
    assert isinstance(found, Plausible)
    assert found.confirm == Question(Ask.OTHER_METER, zone=Zone.SINGLE, meter="twin")


def test_past_all_nines_is_plausible():
    found = verdict(register(99950), 130)
    assert isinstance(found, Plausible) and found.used == 180
    assert found.guesses[0].hypothesis is Hypothesis.ROLLED_OVER
    assert found.guesses[0].meant == 130


def test_last_months_value_is_asked_about_where_somebody_lives_and_confirmed_where_nobody_does():
    lived_in, empty = verdict(register(), 2000), verdict(register(usual=0.05), 2000)
    assert isinstance(lived_in, Doubtful) and lived_in.question == Question(Ask.UNCHANGED)
    assert {g.hypothesis for g in lived_in.guesses[:2]} == {Hypothesis.UNCHANGED, Hypothesis.TRUE}
    assert empty == Plausible(0, confirm=Question(Ask.UNCHANGED))


def test_more_than_the_connection_carries_is_an_error_or_our_records_are_wrong():
    found = verdict(register(usual=None), 2000 + 11161)
    assert isinstance(found, Doubtful)
    assert Hypothesis.TRUE not in {guess.hypothesis for guess in found.guesses}
    assert Hypothesis.BEYOND_CAPACITY in {guess.hypothesis for guess in found.guesses}


def test_a_heater_in_winter_is_asked_about_by_its_amount_and_not_explained_away():
    found = verdict(register(12200), 13167)
    assert isinstance(found, Doubtful)
    assert found.question == Question(Ask.INSIST)
    assert found.guesses[0].hypothesis is Hypothesis.TRUE


def test_neighbouring_digits_swapped_within_the_bounds_are_for_the_second_keying():
    found = verdict(register(12200), 12354)
    assert isinstance(found, Plausible) and not found.sure
    assert not found.agrees(12354, "345")
    assert found.agrees(12354, "354") and found.agrees(12354, "12354")


def test_as_many_digits_are_keyed_again_as_the_believable_range_has():
    month, year = verdict(register(), 2180), verdict(register(days=365), 4190)
    assert isinstance(month, Plausible) and isinstance(year, Plausible)
    assert (month.again, year.again) == (3, 4)
    first = verdict(register(None), 1234)
    assert isinstance(first, Plausible) and first.again == 5


def test_leading_zeros_of_the_digits_keyed_again_do_not_matter():
    found = verdict(register(), 2007)
    assert isinstance(found, Plausible)
    assert found.agrees(2007, "007") and found.agrees(2007, "7") and found.agrees(2007, "02007")
    assert not found.agrees(2007, "70")


def test_how_sure_is_sure_enough_is_an_argument():
    found = diagnose(meter(register()), register(), 2180, TODAY, sure=0.02)
    assert isinstance(found, Plausible) and found.sure and found.again == 0
    odd = diagnose(meter(register()), register(), 2810, TODAY, sure=0.02)
    assert isinstance(odd, Plausible) and not odd.sure


def test_every_explanation_knows_its_question():
    asked = {guess.hypothesis: guess.question.ask for guess in verdict(register(), 2000).guesses}
    assert asked[Hypothesis.UNCHANGED] is Ask.UNCHANGED
    assert asked[Hypothesis.TRUE] is Ask.INSIST


def test_which_other_registers_are_thought_of_is_an_argument():
    alone = diagnose(TWO, DAY, 6215, TODAY, others=())
    assert Hypothesis.ZONES_SWAPPED not in {guess.hypothesis for guess in alone.guesses}


# --- the bounds of decision 034


@pytest.mark.parametrize(
    ("of", "value", "used"),
    [
        (register(), 2180, 180),
        (register(), 2180 + 600, 780),  # four times as much, in a cold month
        (register(days=0), 2000, 0),  # rings again on the same day
        (register(usual=None, days=3), 2000, 0),
        (register(usual=None), 2000 + 11160, 11160),  # 15 kW for 31 days
        (register(99950), 130, 180),
        (register(None), 77777, None),
        (register(days=None), 2000 + 8000, 8000),  # nobody knows since when
    ],
)
def test_what_may_be_is_plausible(of: Register, value: int, used: int | None):
    found = verdict(of, value)
    assert isinstance(found, Plausible) and found.used == used


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (register(), 2000, (Doubt.UNCHANGED, 0)),
        (register(usual=None), 2000, (Doubt.UNCHANGED, 0)),
        (register(), 1990, (Doubt.LOWER, -10)),
        (register(), 21800, (Doubt.HIGHER, 19800)),
        (register(usual=None), 2000 + 11161, (Doubt.HIGHER, 11161)),
        (register(99950), 3000, (Doubt.HIGHER, 3050)),  # rolled over, and too much of it
        (register(99950), 49000, (Doubt.LOWER, -50950)),  # more than the connection carries
        (register(5000, days=366, usual=None), 4900, (Doubt.LOWER, -100)),  # not nearly all the way round
    ],
)
def test_what_can_hardly_be_is_asked_about(of: Register, value: int, expected: tuple[Doubt, int]):
    assert doubted(of, value) == expected


def test_a_small_connection_cannot_have_used_what_a_large_one_can():
    of = register(usual=None)
    assert isinstance(verdict(of, 6000, power=15.0), Plausible)
    assert doubted(of, 6000, power=5.0) == (Doubt.HIGHER, 4000)


def test_current_transformers_divide_what_the_display_can_have_counted():
    of = register(usual=None)
    assert isinstance(verdict(of, 2000 + 4650, power=250.0, multiplier=40), Plausible)  # 250 kW x 744 h / 40
    assert doubted(of, 2000 + 4651, power=250.0, multiplier=40) == (Doubt.HIGHER, 4651)


def test_a_last_value_from_tomorrow_is_judged_as_one_from_today():
    assert verdict(register(days=-1), 2010) == verdict(register(days=0), 2010)


@pytest.mark.parametrize("value", [-1, 100_000])
def test_a_value_that_the_display_cannot_show_is_the_callers_mistake(value: int):
    with pytest.raises(ValueError, match="5 digits"):
        verdict(register(), value)


# --- digits that are too many


@pytest.mark.parametrize(
    ("last", "keyed", "question"),
    [
        (10300, "104704", Question(Ask.DECIMALS, 10470, digits=1)),
        (10300, "1047012", Question(Ask.DECIMALS, 10470, digits=2)),
        (2000, "021504", Question(Ask.DECIMALS, 2150, digits=1)),  # with the zero that the display shows
        (10300, "110470", Question(Ask.OTHER_VALUE, 10470)),
        (2000, "002150", Question(Ask.OTHER_VALUE, 2150)),
        (10300, "999999", None),
        (10300, "99999999", None),
    ],
)
def test_too_many_digits_are_explained(last: int, keyed: str, question: Question | None):
    assert offer(too_wide(meter(register(last)), register(last), keyed, TODAY)) == question


def test_digits_that_fit_are_not_too_many():
    with pytest.raises(ValueError, match="diagnose it"):
        too_wide(meter(register()), register(), "12345", TODAY)


@given(meters, st.data())
def test_what_is_offered_for_too_many_digits_fits_the_display(of: Meter, data: st.DataObject):
    for r in of.registers:
        keyed = data.draw(st.text("0123456789", min_size=r.width + 1, max_size=r.width + 3))
        guesses = too_wide(of, r, keyed, TODAY)
        assert sum(guess.weight for guess in guesses) == pytest.approx(1)
        question = offer(guesses)
        assert question is None or (question.meant is not None and 0 <= question.meant < 10**r.width)


# --- for any meter


def conversation(of: Meter, r: Register, value: int, given: tuple[tuple[Register, int], ...] = ()) -> tuple[int, int]:
    """A caller whose meter shows `value` and who says so: what is stored, and how many questions were asked beyond
    the one confirmation that everybody answers."""
    found = diagnose(of, r, value, TODAY, neighbours=(OTHER,), given=given)
    match found:
        case Plausible(again=again):
            shown = f"{value:0{r.width}d}"
            assert again <= r.width
            assert not again or found.agrees(value, shown[-again:]), "who keys the same digits again is believed"
            question = found.confirm
        case Doubtful(question=question):
            assert found.guesses
    assert question.meant != value, "a proposal that is what was keyed leaves no way to say so"
    return value, int(isinstance(found, Doubtful))


@given(meters, st.data())
def test_a_correct_value_within_the_capacity_is_never_refused(of: Meter, data: st.DataObject):
    told: tuple[tuple[Register, int], ...] = ()
    for r in of.registers:
        carried = min(Use.of(of, r, TODAY).capacity, 10**r.width - 1)
        used = data.draw(st.integers(0, carried))
        value = ((r.last or 0) + used) % 10**r.width
        stored, extra = conversation(of, r, value, told)
        assert (stored, extra) in ((value, 0), (value, 1))
        told = (*told, (r, value))


@given(meters, st.data())
def test_a_value_that_the_register_can_show_has_that_among_its_explanations(of: Meter, data: st.DataObject):
    for r in of.registers:
        if r.last is None:
            continue
        carried = min(Use.of(of, r, TODAY).capacity, 10**r.width // 2)
        used = data.draw(st.integers(0, carried))
        value = (r.last + used) % 10**r.width
        found = diagnose(of, r, value, TODAY)
        assert any(guess.as_keyed and guess.meant == value for guess in found.guesses)
        assert isinstance(found, Doubtful) or found.used == used


@given(meters, st.data())
def test_a_ranking_is_a_distribution_likeliest_first(of: Meter, data: st.DataObject):
    for r in of.registers:
        value = data.draw(st.integers(0, 10**r.width - 1))
        found = diagnose(of, r, value, TODAY, neighbours=(OTHER,))
        weights = [guess.weight for guess in found.guesses]
        assert weights == sorted(weights, reverse=True)
        assert sum(weights) == pytest.approx(1)
        assert all(guess.meant is None or 0 <= guess.meant < 10**r.width for guess in found.guesses)
        assert len({replace(guess, weight=0) for guess in found.guesses}) == len(found.guesses)
        assert found == diagnose(of, r, value, TODAY, neighbours=(OTHER,))


@given(st.data(), st.integers(4, 8), st.integers(1, 366), st.floats(0.5, 200), st.sampled_from((3.0, 15.0, 100.0)))
def test_average_use_is_never_asked_about(data: st.DataObject, width: int, days: int, usual: float, power: float):
    last = data.draw(st.integers(0, 10**width - 1))
    most = int(min(2 * usual * days, power * 24 * days, 10**width // 2))
    assume(most >= usual * days / 2)  # else the connection cannot carry the average
    used = data.draw(st.integers(max(1, int(usual * days / 2)), most))
    of = register(last, days=days, usual=usual, width=width)
    found = verdict(of, (last + used) % 10**width, power=power)
    assert isinstance(found, Plausible) and found.used == used


@given(
    st.data(), st.integers(5, 8), st.integers(0, 31), st.none() | st.floats(0, 200),
    st.sampled_from((3.0, 15.0)), st.sampled_from((1, 40)),
)  # fmt: skip
def test_more_than_the_connection_carries_is_always_asked_about(
    data: st.DataObject, width: int, days: int, usual: float | None, power: float, multiplier: int
):
    carried = int(power * 24 * (days + 1) / multiplier) + 1
    last = data.draw(st.integers(0, 10**width - 1))
    used = data.draw(st.integers(carried + 1, 10**width - 1))
    of = register(last, days=days, usual=usual, width=width)
    assert isinstance(verdict(of, (last + used) % 10**width, power=power, multiplier=multiplier), Doubtful)


# --- specimens


@settings(max_examples=10, deadline=None)
@given(meters)
def test_every_specimen_gets_the_verdict_that_it_is_named_for(of: Meter):
    for r in of.registers:
        found = specimens(of, r, TODAY, neighbours=(OTHER,))
        assert found
        for kind, value in found.items():
            assert name(r, value, diagnose(of, r, value, TODAY, neighbours=(OTHER,))) == kind


SMALL = [
    meter(register(last, days=days, usual=usual, width=3), power=power)
    for last, days, usual, power in (
        (None, None, None, 15.0),
        (0, 30, None, 15.0),
        (95, None, 0.05, 15.0),
        (430, 400, 6.0, 15.0),
        (430, None, 1.0, 15.0),
        (995, 10, 0.1, 15.0),
        (995, 30, 6.0, 15.0),
        (95, 30, 1.0, 0.05),
    )
]


@pytest.mark.parametrize("of", SMALL, ids=lambda of: "{0.last}-{0.usual}".format(of.registers[0]))
def test_no_verdict_that_a_register_can_give_lacks_a_specimen(of: Meter):
    (r,) = of.registers
    possible = {name(r, value, diagnose(of, r, value, TODAY)) for value in range(10**r.width)}
    assert set(specimens(of, r, TODAY)) == possible


@settings(max_examples=10, deadline=None)
@given(meters)
def test_every_too_wide_specimen_is_what_it_is_named_for(of: Meter):
    for r in of.registers:
        for kind, keyed in wide_specimens(of, r, TODAY).items():
            question = offer(too_wide(of, r, keyed, TODAY))
            assert kind == (f"too wide, {question.ask}" if question else "too wide")


def test_an_ordinary_household_can_be_asked_about_nearly_everything():
    of = register(2150)
    found = specimens(meter(of), of, TODAY)
    assert found["plausible"] == 2330
    assert {"unchanged", "higher", "higher, decimals", "higher, other_value", "lower, other_value"} <= set(found)
    assert set(wide_specimens(meter(of), of, TODAY)) == {"too wide", "too wide, decimals", "too wide, other_value"}


# --- the generative model


@pytest.mark.parametrize("meant", "0123456789")
def test_some_other_key_is_pressed_when_a_wrong_key_is_pressed(meant: str):
    assert sum(pressed(keyed, meant) for keyed in "0123456789" if keyed != meant) == pytest.approx(1)


def test_keys_that_touch_touch_both_ways():
    assert all(key in BESIDE[other] for key, others in BESIDE.items() for other in others)
    assert BESIDE["5"] == "2468" and BESIDE["0"] == "8"


@given(st.integers(0, 99999))
def test_no_slip_explains_a_value_by_itself_and_none_more_often_than_it_happens(value: int):
    found = list(meanings(str(value), 5))
    assert all(0 <= meaning.meant < 10**5 for meaning in found)
    assert all(meaning.meant != value for meaning in found)
    assert len({(meaning.hypothesis, meaning.meant) for meaning in found}) == len(found)
    assert all(0 < meaning.chance <= RATES[meaning.hypothesis] for meaning in found)


@given(st.integers(10, 9999), st.integers(1, 3), st.integers(0, 999))
def test_decimals_that_were_keyed_are_taken_off(shown: int, places: int, tail: int):
    keyed = f"{shown}{tail % 10**places:0{places}d}"
    found = {(m.meant, m.decimals) for m in meanings(keyed, 8) if m.hypothesis is Hypothesis.DECIMALS}
    assert (shown, places) in found
