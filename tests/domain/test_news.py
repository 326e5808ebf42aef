"""What is told of what happened: each kind at least once, with the facts that the list of kinds promises."""

import re
from datetime import date

import pytest
from business import DAY, FIRST, FIVE, HOUR, ONE, THREE, TWO, caller, settle, staff, told

from domain import escalation, news
from domain.commands import KeepDraft, OrderCallBack, PlaceOrder, RegisterRequest, ReportOutage
from domain.desk import (
    AssignRequest,
    CallBackFailed,
    CompleteRequest,
    ConsiderRequest,
    ExamineRequest,
    FinishCallBack,
    FinishOrder,
    PlanWorks,
    RefusalGround,
    RefuseRequest,
    Reply,
    RestoreIncident,
    SendInterim,
    SwitchOff,
    SwitchOn,
    Unjustified,
    UpdateIncident,
)
from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, Told, Topic
from domain.news import KINDS
from domain.policy import Case
from tests.domain.conftest import NOW, Run


def everything(run: Run) -> None:
    run(settle)
    ask, act = caller(run), staff(run)
    complaint = RegisterRequest(RequestKind.COMPLAINT, Topic.METERING, ReplyBy.POST, None, ONE, "text")
    kept, other = ask(complaint, 1).number, ask(complaint, 2).number
    act(AssignRequest(kept, "Olena", "+380440000100"))
    act(ExamineRequest(kept, Case.METER_EXAMINED))
    act(RefuseRequest(other, RefusalGround.THREATS, ReplyBy.POST, NOW, "refused"))
    late = ask(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.POST), 3).number
    act(AssignRequest(late, "Olena", "+380440000100"))
    act(SendInterim(late, "soon", ReplyBy.POST))
    run(lambda conn: escalation.escalate(conn, NOW + 60 * DAY))
    act(ConsiderRequest(kept, Unjustified("because"), Reply("Dear ...", ReplyBy.POST, NOW)))
    for seq, (kind, account) in enumerate(
        [(OutageKind.NO_SUPPLY, ONE), (OutageKind.DANGER, FIVE), (OutageKind.NO_SUPPLY, TWO),
         (OutageKind.NO_SUPPLY, THREE), (OutageKind.NO_SUPPLY, None)], 4
    ):  # fmt: skip
        ask(ReportOutage(kind, account), seq)
    incident = act(PlanWorks(NOW, NOW + HOUR, building=FIRST))
    act(UpdateIncident(incident, NOW + 2 * HOUR))
    act(RestoreIncident(incident))
    act(FinishOrder(ask(PlaceOrder(OrderKind.SEAL, ONE), 20).number, "sealed"))
    back = ask(OrderCallBack("+380440000001", "reading"), 21).number
    act(CallBackFailed(back, "busy"))
    act(FinishCallBack(back, "done"))
    draft = ask(KeepDraft(RequestKind.COMPLAINT, Topic.METERING, Told(NOW - HOUR, NOW), "+380440000001"), 22).number
    act(CompleteRequest(draft, ReplyBy.PHONE, "+380440000001"))
    act(SwitchOff(act(SwitchOn("storm"))))


def test_every_kind_is_told_with_the_facts_that_are_promised_and_no_other(run: Run):
    everything(run)
    facts: dict[str, set[str]] = {}
    for kind, says in told(run):
        facts.setdefault(kind, set()).update(says)
    promised = {
        kind: set(re.sub(r"\([^)]*\)", "", listed).replace(" ", "").split(",")) for kind, listed in KINDS.items()
    }
    assert {kind: found for kind, found in facts.items() if kind in promised} == promised


def test_dates_and_instants_are_told_as_iso_8601_and_what_is_neither_is_an_error(run: Run):
    run(lambda conn: news.tell(conn, "test.done", NOW, None, day=date(2026, 12, 1), moment=NOW))
    assert told(run) == [("test.done", {"day": "2026-12-01", "moment": "2026-11-30T21:30:00+00:00"})]
    with pytest.raises(TypeError, match="can't be told"):
        run(lambda conn: news.tell(conn, "test.done", NOW, thing=object()))


def test_what_is_undone_is_not_told(run: Run):
    def job(conn) -> None:  # type: ignore[no-untyped-def]
        news.tell(conn, "test.done", NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(job)
    assert told(run) == []
