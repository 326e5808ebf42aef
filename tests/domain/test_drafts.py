"""What a caller told before they were gone: kept, and completed by people."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from business import DAY, HOUR, ONE, Ask, caller, staff, told
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from domain import duties, policies, requests
from domain.calls import AlreadyAnswered
from domain.caused import caused
from domain.commands import FindRequest, KeepDraft, RegisterRequest
from domain.desk import CompleteRequest, DeskRefusal, FinishCallBack, RefusalGround, RefuseRequest
from domain.handlers import Unanswerable
from domain.model import Outcome, ReplyBy, RequestKind, RequestState, Told, Topic
from domain.policy import HoursPolicy
from domain.tables import requests as table
from tests.domain.conftest import NOW, Run

TOLD = Told(NOW - HOUR, NOW - HOUR + timedelta(seconds=70))
DRAFT = KeepDraft(RequestKind.COMPLAINT, Topic.SERVICE, TOLD, "+380440000001", ONE)
WHOLE = RegisterRequest(DRAFT.kind, DRAFT.topic, ReplyBy.POST, "+380440000001", ONE, told=TOLD)


@pytest.fixture
def ask(run: Run) -> Ask:
    return caller(run)


@pytest.fixture
def act(run: Run) -> Ask:
    return staff(run)


def one(run: Run, number: str) -> requests.Request:
    found = run(lambda conn: requests.one(conn, number))
    assert found is not None
    return found


def drafts(run: Run) -> Any:
    return run(duties.drafts_waiting)


def test_what_was_told_has_a_beginning_and_then_an_end():
    assert TOLD.seconds == 70
    for ended in (NOW, NOW - HOUR):
        with pytest.raises(ValueError, match="nothing can be told"):
            Told(NOW, ended)


def test_a_complaint_that_was_told_is_a_part_of_the_recording_of_its_call(run: Run, ask: Ask):
    kept = one(run, ask(WHOLE, 1).number)
    assert (kept.told, kept.call, kept.text, kept.state) == (TOLD, "c1", None, RequestState.REGISTERED)
    found = run(lambda conn: caused(conn, "c1")).requests[0]
    assert (found.told_from, found.told_to, found.state) == (TOLD.began, TOLD.ended, RequestState.REGISTERED)


@pytest.mark.parametrize("command", [WHOLE, DRAFT])
def test_without_a_call_there_is_no_recording_in_which_it_was_told(run: Run, act: Ask, command: Any):
    with pytest.raises(Unanswerable, match="there is no call"):
        act(command)
    assert run(lambda conn: requests.queue(conn, NOW)) == []


def test_a_draft_is_a_request_whose_deadline_runs_and_orders_a_call_back(run: Run, ask: Ask):
    registered = ask(DRAFT, 1)

    kept = one(run, registered.number)
    assert (kept.state, kept.told, kept.contact, kept.reply_by) == (
        RequestState.DRAFT, TOLD, "+380440000001", ReplyBy.PHONE,
    )  # fmt: skip
    assert kept.due == registered.due == date(2026, 12, 30)
    assert [event.what for event in kept.history] == ["drafted"]
    back = run(lambda conn: duties.callbacks_waiting(conn, NOW))
    assert [(each.contact, each.about, each.account, each.call) for each in back] == [
        ("+380440000001", "complaint", ONE, "c1")
    ]
    assert [kind for kind, _ in told(run)] == ["callback.ordered", "request.drafted"]
    assert told(run)[1][1]["callback"] == kept.history[0].details["callback"] == back[0].number
    assert DRAFT.achieves is Outcome.DRAFT_KEPT
    assert ask(FindRequest(registered.number)).state is RequestState.DRAFT


def test_a_line_that_comes_again_keeps_one_draft_and_orders_one_call_back(run: Run, ask: Ask):
    assert ask(DRAFT, 1) == ask(DRAFT, 1)
    assert len(drafts(run)) == len(run(lambda conn: duties.callbacks_waiting(conn, NOW))) == 1
    with pytest.raises(AlreadyAnswered):
        ask(replace(DRAFT, told=replace(TOLD, ended=NOW)), 1)


def test_a_draft_of_a_caller_who_hides_the_number_waits_for_people_all_the_same(run: Run, ask: Ask):
    number = ask(replace(DRAFT, contact=None), 1).number
    assert run(lambda conn: duties.callbacks_waiting(conn, NOW)) == []
    assert [(d.number, d.callback, d.attempts, d.waiting) for d in drafts(run)] == [(number, None, None, False)]


def test_a_draft_is_kept_even_where_nobody_works_who_could_call_back(run: Run, ask: Ask, caplog: Any):
    run(lambda conn: policies.enter(conn, "hours", NOW.date(), HoursPolicy("callbacks", (), holidays=True), "x", NOW))
    number = ask(DRAFT, 1).number
    assert [(d.number, d.callback) for d in drafts(run)] == [(number, None)]
    assert "nobody calls back" in caplog.text
    assert "+380440000001" not in caplog.text


def test_staff_see_drafts_with_their_calls_back_until_they_are_completed(run: Run, ask: Ask, act: Ask):
    late = ask(DRAFT, 1).number
    soon = ask(replace(DRAFT, topic=Topic.BILLING, account=None), 2).number
    assert [d.number for d in drafts(run)] == [soon, late]
    assert [d.number for d in run(lambda conn: duties.drafts_waiting(conn, 1))] == [soon]
    seen = drafts(run)[1]
    assert (seen.told, seen.call, seen.contact, seen.account, seen.attempts, seen.waiting) == (
        TOLD, "c1", "+380440000001", ONE, 0, True,
    )  # fmt: skip
    act(FinishCallBack(seen.callback, "not reached"))
    assert [d.waiting for d in drafts(run)] == [True, False]

    status = act(CompleteRequest(soon, ReplyBy.MESSENGER, "+380671234567", Topic.METERING, ONE), at=NOW + DAY)

    assert (status.state, status.topic, status.reply_by) == (
        RequestState.REGISTERED, Topic.METERING, ReplyBy.MESSENGER,
    )  # fmt: skip
    assert [d.number for d in drafts(run)] == [late]
    kept = one(run, soon)
    assert (kept.contact, kept.account, kept.due) == ("+380671234567", ONE, status.due)
    assert kept.due == kept.promised, "the day that was promised when it was told stays"
    assert run(lambda conn: duties.callbacks_waiting(conn, NOW)) == [], "completed: nobody has to call any more"


def test_what_nobody_can_make_out_is_refused_and_nobody_calls_back(run: Run, ask: Ask, act: Ask):
    number = ask(DRAFT, 1).number
    act(RefuseRequest(number, RefusalGround.UNINTELLIGIBLE, ReplyBy.PHONE, NOW, "refused"))
    assert drafts(run) == run(lambda conn: duties.callbacks_waiting(conn, NOW)) == []


def test_a_draft_is_completed_with_a_place_to_reply_to_and_an_account_that_is_there(run: Run, ask: Ask, act: Ask):
    number = ask(DRAFT, 1).number
    with pytest.raises(DeskRefusal, match="where to reply"):
        CompleteRequest(number, ReplyBy.PHONE, " ")
    with pytest.raises(Unanswerable, match="9999999999"):
        act(CompleteRequest(number, ReplyBy.PHONE, "+380671234567", account="9999999999"))
    assert one(run, number).state is RequestState.DRAFT


@pytest.mark.parametrize("values", [
    {"told_to": None}, {"told_from": None}, {"told_from": NOW}, {"told_from": None, "told_to": None}, {"call": None},
])  # fmt: skip
def test_no_row_is_a_draft_without_a_part_of_a_recording(run: Run, ask: Ask, values: dict[str, Any]):
    ask(DRAFT, 1)
    with pytest.raises(IntegrityError, match=r"(?i)check"):
        run(lambda conn: conn.execute(update(table).values(values)))


def test_two_drafts_of_one_call_are_two(run: Run, ask: Ask):
    assert ask(DRAFT, 1).number != ask(DRAFT, 2).number
    assert len(run(lambda conn: duties.callbacks_waiting(conn, NOW))) == 2
