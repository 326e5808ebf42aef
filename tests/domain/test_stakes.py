"""What a late answer costs: the regulator's term, not ours, and only where somebody is there to be paid."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decrees import DEFAULTS
from domain.model import AccountKind, RequestKind, Topic
from domain.policy import ALWAYS, Case, CompensationPolicy, Row
from domain.stakes import Stake, stake, together

REGISTERED = datetime(2026, 11, 2, 10, tzinfo=UTC)  # a Monday
HOUSEHOLD = AccountKind.HOUSEHOLD


def of(
    topic: Topic = Topic.SERVICE,
    case: Case | None = None,
    customer: AccountKind | None = HOUSEHOLD,
    at: datetime = REGISTERED,
) -> Stake | None:
    return stake(RequestKind.COMPLAINT, topic, case, at, customer, DEFAULTS)


@pytest.mark.parametrize(
    ("topic", "case", "hryvnias", "until"),
    [
        (Topic.SERVICE, None, 200, date(2026, 12, 2)),
        (Topic.METERING, Case.METER_EXAMINED, 200, date(2026, 12, 17)),
        (Topic.BILLING, None, 100, date(2026, 11, 9)),  # five working days
        (Topic.QUALITY, None, 100, date(2026, 11, 17)),
        (Topic.QUALITY, Case.MEASURED, 100, date(2026, 12, 2)),
        (Topic.QUALITY, Case.COLLECTIVE, 100, date(2026, 12, 17)),
    ],
)
def test_a_household_is_owed_what_the_standards_say(topic: Topic, case: Case | None, hryvnias: int, until: date):
    found = of(topic, case)
    assert found and (found.least, found.most, found.until) == (hryvnias * 100, hryvnias * 100, until)
    assert "375" in found.source


def test_a_firm_is_owed_something_between_for_nobody_knows_its_class():
    found = of(customer=AccountKind.LEGAL)
    assert found and (found.least, found.most) == (400_00, 600_00)


def test_nobody_is_owed_anything_where_no_account_is_named():
    assert of(customer=None) is None


def test_a_term_that_ends_on_a_day_off_ends_on_the_next_working_day():
    found = of(at=datetime(2026, 11, 5, 10, tzinfo=UTC))  # thirty days later is a Saturday
    assert found and found.until == date(2026, 12, 7)


def test_it_is_lost_only_when_the_last_day_is_over():
    found = of()
    assert found
    assert not found.lost(found.until)
    assert found.lost(found.until + timedelta(days=1))


def test_an_operator_whose_rule_promises_nothing_has_nothing_at_stake():
    book = DEFAULTS.extended([Row(ALWAYS, CompensationPolicy(0, 0, 0, 30), "a decree of tomorrow")])
    assert stake(RequestKind.COMPLAINT, Topic.SERVICE, None, REGISTERED, HOUSEHOLD, book) is None


def test_a_kind_can_have_a_rule_of_its_own():
    book = DEFAULTS.extended(
        [Row(ALWAYS, CompensationPolicy(0, 0, 0, 30, request=RequestKind.OPINION), "opinions cost nothing")]
    )
    assert stake(RequestKind.OPINION, Topic.SERVICE, None, REGISTERED, HOUSEHOLD, book) is None
    assert stake(RequestKind.COMPLAINT, Topic.SERVICE, None, REGISTERED, HOUSEHOLD, book)


@pytest.mark.parametrize(("sum_", "days"), [(-1, 30), (1, 0), (1, 367)])
def test_nonsense_is_no_rule(sum_: int, days: int):
    with pytest.raises(ValueError, match=r"less than nothing|1 to 366"):
        CompensationPolicy(sum_, 1, 1, days)


@given(
    st.lists(
        st.one_of(
            st.none(), st.builds(Stake, st.integers(0, 100), st.integers(0, 100), st.just(date.max), st.just("x"))
        )
    )
)
def test_sums_are_of_what_is_known(stakes: list[Stake | None]):
    least, most = together(stakes)
    assert least == sum(each.least for each in stakes if each)
    assert most == sum(each.most for each in stakes if each)
