"""Which reading is billed, and that nobody's figure disappears without a reason."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decrees import ALTERNATIVES, DEFAULTS
from domain.model import Purpose, Source
from domain.policy import PrecedencePolicy
from domain.precedence import Candidate, PassedOver, Reason, Why, billed, explain

POLICY = DEFAULTS.precedence(date(2026, 10, 31))
(LATEST,) = (row.terms for row in ALTERNATIVES if isinstance(row.terms, PrecedencePolicy))

CALLER = Candidate(1080, date(2026, 10, 30), Source.CALLER, 10)
WEB = Candidate(1085, date(2026, 11, 1), Source.WEB, 11)
INSPECTOR = Candidate(1083, date(2026, 10, 31), Source.INSPECTOR, 12)
SMART = Candidate(1084, date(2026, 11, 1), Source.SMART_METER, 13)
ESTIMATE = Candidate(1100, date(2026, 11, 1), Source.ESTIMATE, 14)
CONTROL = Candidate(1050, date(2026, 10, 15), Source.INSPECTOR, 5, purpose=Purpose.CONTROL)
DOUBTFUL = replace(INSPECTOR, doubtful=True)
EQUAL = replace(CALLER, value=CONTROL.value)


@pytest.mark.parametrize(
    ("candidates", "choice", "why", "passed"),
    [
        ([CALLER], CALLER, Why.ONLY, {}),
        ([], None, Why.NOTHING, {}),
        ([CALLER, ESTIMATE], CALLER, Why.STRONGER, {ESTIMATE: Reason.WEAKER}),
        ([CALLER, INSPECTOR], INSPECTOR, Why.STRONGER, {CALLER: Reason.WEAKER}),
        (
            [CALLER, WEB, INSPECTOR, SMART, ESTIMATE], SMART, Why.STRONGER,
            {CALLER: Reason.WEAKER, WEB: Reason.WEAKER, INSPECTOR: Reason.WEAKER, ESTIMATE: Reason.WEAKER},
        ),
        # the customer's last word, whatever the channel
        ([CALLER, WEB], WEB, Why.LATER_DAY, {CALLER: Reason.EARLIER_DAY}),
        ([replace(CALLER, stored=20), WEB], WEB, Why.LATER_DAY, {replace(CALLER, stored=20): Reason.EARLIER_DAY}),
        (
            [CALLER, replace(CALLER, value=1081, stored=11)], replace(CALLER, value=1081, stored=11),
            Why.LATER_STORED, {CALLER: Reason.EARLIER_STORED},
        ),
        # doubtful ones never before somebody has looked at them
        ([DOUBTFUL, CALLER], CALLER, Why.ONLY, {DOUBTFUL: Reason.DOUBTFUL}),
        ([replace(CALLER, doubtful=True)], None, Why.NOTHING, {replace(CALLER, doubtful=True): Reason.DOUBTFUL}),
        # a control reading in the month closes nothing
        ([CONTROL, CALLER], CALLER, Why.ONLY, {CONTROL: Reason.OUTSIDE_WINDOW}),
        ([CONTROL], None, Why.NOTHING, {CONTROL: Reason.OUTSIDE_WINDOW}),
        ([CONTROL, ESTIMATE], ESTIMATE, Why.ONLY, {CONTROL: Reason.OUTSIDE_WINDOW}),
        # but who shows less than it did, later, contradicts it
        (
            [CONTROL, replace(CALLER, value=1040), WEB], WEB, Why.ONLY,
            {CONTROL: Reason.OUTSIDE_WINDOW, replace(CALLER, value=1040): Reason.CONTRADICTS_CONTROL},
        ),
        (
            [CONTROL, replace(CALLER, value=1040)], CONTROL, Why.CONTROL,
            {replace(CALLER, value=1040): Reason.CONTRADICTS_CONTROL},
        ),
        ([CONTROL, EQUAL], EQUAL, Why.ONLY, {CONTROL: Reason.OUTSIDE_WINDOW}),
        (
            [replace(CONTROL, read_on=date(2026, 10, 31)), replace(CALLER, value=1040)], replace(CALLER, value=1040),
            Why.ONLY, {replace(CONTROL, read_on=date(2026, 10, 31)): Reason.OUTSIDE_WINDOW},
        ),  # the customer read before the inspector did
        (
            [replace(CONTROL, doubtful=True), replace(CALLER, value=1040)], replace(CALLER, value=1040), Why.ONLY,
            {replace(CONTROL, doubtful=True): Reason.DOUBTFUL},
        ),
        # a customer's own control reading binds an estimate and no measured reading of theirs
        (
            [replace(CONTROL, source=Source.CALLER), replace(ESTIMATE, value=1049), replace(CALLER, value=1040)],
            replace(CALLER, value=1040), Why.ONLY,
            {
                replace(CONTROL, source=Source.CALLER): Reason.OUTSIDE_WINDOW,
                replace(ESTIMATE, value=1049): Reason.CONTRADICTS_CONTROL,
            },
        ),
    ],
)  # fmt: skip
def test_one_reading_is_billed_and_each_other_has_its_reason(
    candidates: list[Candidate], choice: Candidate | None, why: Why, passed: dict[Candidate, Reason]
):
    for given_ in (candidates, candidates[::-1]):
        found = billed(given_, POLICY)
        assert (found.choice, found.why) == (choice, why)
        assert {each.candidate: each.reason for each in found.passed_over} == passed


def test_an_inspectors_figure_that_overrides_the_customers_leaves_a_trace_that_names_both():
    found = billed([CALLER, INSPECTOR, ESTIMATE], POLICY)
    assert found.passed_over[0] == PassedOver(CALLER, Reason.WEAKER, INSPECTOR)
    assert found.overridden == (CALLER,)
    assert explain(found) == (
        "Billed: 1083 of 2026-10-31 (inspector), because its source goes before the others. "
        "Not billed: 1080 of 2026-10-30 (caller), because its source ranks lower. "
        "Not billed: 1100 of 2026-11-01 (estimate), because its source ranks lower."
    )


def test_a_control_reading_that_is_billed_leaves_the_same_trace():
    wrong = replace(CALLER, value=1040)
    found = billed([CONTROL, wrong], POLICY)
    assert found.passed_over == (PassedOver(wrong, Reason.CONTRADICTS_CONTROL, CONTROL),)
    assert found.overridden == (wrong,)
    assert "all later readings show less" in explain(found)


def test_a_contradicted_control_reading_is_named_where_another_reading_is_billed():
    found = billed([CONTROL, replace(CALLER, value=1040), WEB], POLICY)
    assert "less than an earlier control reading (1050 of 2026-10-15 (inspector))" in explain(found)


def test_readings_that_agree_override_nobody():
    assert billed([replace(CALLER, value=1083), INSPECTOR], POLICY).overridden == ()
    assert billed([CALLER, ESTIMATE], POLICY).overridden == ()


def test_a_meter_that_rolled_over_since_the_control_reading_does_not_contradict_it():
    control, caller = replace(CONTROL, value=99950), replace(CALLER, value=130)
    assert billed([control, caller], POLICY, width=5).choice == caller
    assert billed([control, caller], POLICY, width=6).choice == control


def test_where_control_readings_do_not_bind_the_customer_is_billed_as_they_read():
    free = replace(POLICY, control_binds=False)
    assert billed([CONTROL, replace(CALLER, value=1040)], free).choice == replace(CALLER, value=1040)


def test_in_the_other_reading_of_the_rule_inspector_and_customer_are_equals():
    assert billed([CALLER, INSPECTOR], LATEST).choice == INSPECTOR
    assert billed([WEB, INSPECTOR], LATEST).choice == WEB
    assert billed([CONTROL, replace(CALLER, value=1040)], LATEST).choice == replace(CALLER, value=1040)


def test_every_source_has_a_rank_and_one_that_is_not_named_ranks_last():
    for policy in (POLICY, LATEST):
        assert {source for group in policy.order for source in group} == set(Source)
    only = PrecedencePolicy(((Source.WEB,),))
    assert billed([CALLER, WEB], only).choice == WEB
    assert billed([CALLER, SMART], only).choice == SMART  # equals: the later day


@pytest.mark.parametrize("order", [(), ((),), ((Source.WEB,), (Source.WEB,))])
def test_an_order_that_names_nobody_or_somebody_twice_is_refused(order: tuple[tuple[Source, ...], ...]):
    with pytest.raises(ValueError, match="order of sources"):
        PrecedencePolicy(order)


candidates = st.lists(
    st.builds(
        Candidate,
        st.integers(0, 999),
        st.integers(0, 34).map(lambda n: date(2026, 10, 1) + timedelta(days=n)),
        st.sampled_from(Source),
        st.integers(1, 99),
        st.booleans(),
        st.sampled_from(Purpose),
    ),
    unique_by=lambda each: each.stored,
    max_size=7,
)


@given(candidates, st.sampled_from((POLICY, LATEST, replace(POLICY, control_binds=False))))
def test_all_that_is_not_billed_is_named_once_with_a_reason(known: list[Candidate], policy: PrecedencePolicy):
    found = billed(known, policy, width=3)
    named = [each.candidate for each in found.passed_over]
    assert sorted([*named, *([found.choice] if found.choice else [])], key=lambda each: each.stored) == sorted(
        known, key=lambda each: each.stored
    )
    assert (found.choice is None) == (found.why is Why.NOTHING)
    assert found == billed(known[::-1], policy, width=3)
    assert explain(found).count("illed:") == len(known) or found.choice is None
    if found.choice:
        assert not found.choice.doubtful
        closing = [each for each in known if each.purpose is Purpose.BILLING and not each.doubtful]
        assert closing
        contradicted = {each.candidate for each in found.passed_over if each.reason is Reason.CONTRADICTS_CONTROL}
        if found.why is Why.CONTROL:
            assert contradicted == set(closing)
        else:
            rivals = [each for each in closing if each not in contradicted]
            assert policy.rank(found.choice.source) == min(policy.rank(each.source) for each in rivals)
    else:
        assert all(each.doubtful or each.purpose is Purpose.CONTROL for each in known)
