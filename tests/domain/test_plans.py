"""What a caller waits for is found by an index: not one statement of these commands reads a table from end to end."""

from typing import Any

import pytest
from business import FIRST, FIVE, HOUR, ONE, THREE, TWO, caller, settle, staff
from plans import steps

from domain import escalation, requests
from domain.commands import (
    AskHours,
    AskPeople,
    AskSupply,
    Command,
    FindRequest,
    HearAnnouncements,
    OrderCallBack,
    PlaceOrder,
    RegisterRequest,
    ReportOutage,
)
from domain.desk import (
    AssignRequest,
    CallBackFailed,
    FinishOrder,
    PlanWorks,
    RestoreIncident,
    SwitchOff,
    UpdateIncident,
)
from domain.handlers import perform
from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, Topic
from tests.domain.conftest import NOW, Run

NEWEST = "SCAN policies"
"""The newest row of the policies, ORDER BY id DESC LIMIT 1: SQLite calls the first step from the end a scan."""

NOTHING = ("SCAN CONSTANT ROW", "SCAN (subquery-")
"""An empty list of regions, as SQLAlchemy writes it: a table of one row without FROM."""


def assert_by_index(run: Run, job: Any) -> None:
    scans = [step for step in run(lambda conn: steps(conn, job)) if step.startswith("SCAN")]
    assert [scan for scan in scans if scan != NEWEST and not scan.startswith(NOTHING)] == []


@pytest.fixture
def busy(run: Run) -> Run:
    """A store in which something is going on everywhere."""
    run(settle)
    ask, act = caller(run), staff(run)
    ask(ReportOutage(OutageKind.NO_SUPPLY, ONE), 1)
    ask(ReportOutage(OutageKind.NO_SUPPLY, TWO), 2)
    act(PlanWorks(NOW, NOW + HOUR, building=FIRST))
    ask(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, None, ONE), 3)
    ask(PlaceOrder(OrderKind.SEAL, ONE), 4)
    ask(OrderCallBack("+380440000001", "reading"), 5)
    return run


@pytest.mark.parametrize("command", [
    HearAnnouncements(), HearAnnouncements(("Podil", "Troieshchyna")), AskPeople(), AskHours(),
    AskSupply(ONE), AskSupply(FIVE), ReportOutage(OutageKind.NO_SUPPLY, FIVE), ReportOutage(OutageKind.DANGER, ONE),
    ReportOutage(OutageKind.NO_SUPPLY, THREE), ReportOutage(OutageKind.NO_SUPPLY),
    FindRequest("10000012"), RegisterRequest(RequestKind.QUESTION, Topic.OTHER, ReplyBy.POST, None, ONE),
    PlaceOrder(OrderKind.SEAL, ONE), OrderCallBack("+380440000001", "outage", ONE),
], ids=lambda command: type(command).__name__)  # fmt: skip
def test_nothing_that_a_call_asks_reads_a_table_from_end_to_end(busy: Run, command: Command[Any]):
    assert_by_index(busy, lambda conn: perform(conn, command, call="c1", seq=9, at=NOW))
    assert_by_index(busy, lambda conn: perform(conn, command, call="c1", seq=9, at=NOW))  # the same line again


@pytest.mark.parametrize("command", [
    AssignRequest("10000012", "Olena", "+380440000100"), FinishOrder("40000015", "sealed"),
    CallBackFailed("50000017", "busy"), UpdateIncident(1, NOW + HOUR), RestoreIncident(1),
], ids=lambda command: type(command).__name__)  # fmt: skip
def test_what_staff_do_with_one_thing_reads_no_table_from_end_to_end(busy: Run, command: Command[Any]):
    assert_by_index(busy, lambda conn: perform(conn, command, call=None, seq=None, at=NOW))


@pytest.mark.parametrize("job", [
    lambda conn: requests.one(conn, "10000012"), lambda conn: requests.of_account(conn, ONE),
    lambda conn: escalation.escalate(conn, NOW),
])  # fmt: skip
def test_looking_at_requests_and_warning_of_them_reads_no_table_from_end_to_end(busy: Run, job: Any):
    assert_by_index(busy, job)


def test_these_tests_notice_a_scan(busy: Run):
    with pytest.raises(AssertionError, match="SCAN callbacks"):
        assert_by_index(busy, lambda conn: conn.exec_driver_sql("SELECT * FROM callbacks WHERE about = 'x'").all())


def test_an_announcement_that_nobody_has_is_not_looked_for_everywhere(busy: Run):
    with pytest.raises(LookupError):
        assert_by_index(busy, lambda conn: perform(conn, SwitchOff(7), call=None, seq=None, at=NOW))
