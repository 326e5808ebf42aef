"""A request from its registration to its end: what can be done when, and what closing it needs."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from business import DAY, HOUR, ONE, Ask, at, caller, staff, told
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from domain import calls, demo, requests, rules
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import Command, FindRequest, KeepDraft, RegisterRequest
from domain.desk import (
    Answered,
    AssignRequest,
    BadTime,
    CompleteRequest,
    ConsiderRequest,
    DeskRefusal,
    Element,
    ExamineRequest,
    Incomplete,
    Justified,
    Late,
    NoteRequest,
    NotPossible,
    Reachable,
    RefusalGround,
    RefuseRequest,
    Reply,
    SendInterim,
    Unjustified,
    WrongChannel,
)
from domain.handlers import Unanswerable, perform
from domain.model import Began, Registered, ReplyBy, RequestKind, RequestState, RequestStatus, Told, Topic
from domain.numbers import Series, number
from domain.policy import Case
from domain.request_life import CLOSED, LEADS, Act
from domain.store import Store
from domain.tables import accounts, request_events
from domain.tables import requests as table
from tests.domain.conftest import NOW, Run

COMPLAINT = RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, "+380440000001", ONE)
TOLD = Told(NOW - HOUR, NOW - HOUR + timedelta(seconds=70))
DRAFT = KeepDraft(COMPLAINT.kind, COMPLAINT.topic, TOLD, COMPLAINT.contact, ONE)
LATER = NOW + 2 * DAY
JUSTIFIED = Justified(
    "the meter was never examined", "a recount of October", "the meter is replaced", date(2026, 12, 20)
)
UNJUSTIFIED = Unjustified("the bill follows the readings of 31 October")
REPLY = Reply("Dear customer ...", ReplyBy.PHONE, LATER)


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


# Registering


def test_a_request_is_registered_with_a_number_and_the_day_of_the_policy(run: Run, ask: Ask):
    registered = ask(COMPLAINT, 1)
    assert registered == Registered(number(Series.REQUEST, 1), date(2026, 12, 30))
    kept = one(run, registered.number)
    assert (kept.state, kept.contact, kept.account, kept.source) == ("registered", "+380440000001", ONE, "caller")
    assert kept.registered_at == NOW
    assert kept.promised == kept.due == date(2026, 12, 30)
    assert "30 days" in kept.rule
    assert (kept.call, kept.seq) == ("c1", 1)
    assert [event.what for event in kept.history] == ["registered"]


@pytest.mark.parametrize(
    ("topic", "kind", "due"),
    [
        (Topic.SERVICE, RequestKind.COMPLAINT, date(2026, 12, 30)),
        (Topic.BILLING, RequestKind.QUESTION, date(2026, 12, 7)),  # five working days
        (Topic.QUALITY, RequestKind.COMPLAINT, date(2026, 12, 15)),
    ],
)
def test_the_deadline_follows_topic_and_policy(ask: Ask, topic: Topic, kind: RequestKind, due: date):
    assert ask(RegisterRequest(kind, topic, ReplyBy.POST), 1).due == due


def test_a_complaint_by_the_web_is_due_sooner(act: Ask):
    assert act(COMPLAINT).due == date(2026, 12, 15)


def test_nothing_that_is_missing_hinders_registration(ask: Ask):
    wishes = [RegisterRequest(*each) for each in product(RequestKind, Topic, ReplyBy)]
    numbers = {ask(command, seq).number for seq, command in enumerate(wishes)}
    assert len(numbers) == len(wishes)


def test_a_request_about_an_account_that_nobody_has_is_refused(ask: Ask):
    with pytest.raises(Unanswerable, match="9999999999"):
        ask(replace(COMPLAINT, account="9999999999"), 1)


def test_a_call_that_never_began_registers_nothing(run: Run, ask: Ask):
    with pytest.raises(UnknownCall, match="'c9'"):
        ask(COMPLAINT, 1, call="c9")
    assert run(lambda conn: requests.queue(conn, NOW)) == []


def test_a_line_that_comes_again_is_answered_as_the_first_time_whatever_happened_since(run: Run, ask: Ask, act: Ask):
    first = ask(COMPLAINT, 1)
    act(AssignRequest(first.number, "Olena", "+380440000100"))
    act(SendInterim(first.number, "we are looking into it", ReplyBy.PHONE), at=LATER)
    assert one(run, first.number).due > first.due
    assert ask(COMPLAINT, 1) == first
    assert len(told(run, "request.registered")) == 1
    assert len(one(run, first.number).history) == 3


@pytest.mark.parametrize("change", [
    {"topic": Topic.OTHER}, {"kind": RequestKind.OPINION}, {"account": None}, {"text": "x"}, {"contact": None},
    {"reply_by": ReplyBy.POST}, {"told": TOLD},
])  # fmt: skip
def test_one_line_can_not_register_two_things(run: Run, ask: Ask, change: dict[str, Any]):
    ask(COMPLAINT, 1)
    with pytest.raises(AlreadyAnswered, match="line 1 of call 'c1'"):
        ask(replace(COMPLAINT, **change), 1)
    assert len(run(lambda conn: requests.queue(conn, NOW))) == 1


def test_two_requests_of_one_call_have_two_numbers(run: Run, ask: Ask):
    run(lambda conn: calls.begin(conn, Began("c2", None, "100", NOW), "controller-1"))
    numbers = {ask(COMPLAINT, 1).number, ask(COMPLAINT, 2).number, ask(COMPLAINT, 1, call="c2").number}
    assert len(numbers) == 3


# Finding it by number


def test_who_knows_the_number_hears_how_it_stands_and_nothing_about_the_person(ask: Ask):
    registered = ask(replace(COMPLAINT, text="a secret of mine"), 1)
    assert ask(FindRequest(registered.number)) == RequestStatus(
        registered.number, RequestKind.COMPLAINT, Topic.SERVICE, RequestState.REGISTERED, date(2026, 11, 30),
        date(2026, 12, 30), ReplyBy.PHONE,
    )  # fmt: skip


def test_a_number_of_something_else_or_of_nothing_finds_none(ask: Ask):
    right = ask(COMPLAINT, 1).number
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    for text in (wrong, "", "00000018", number(Series.ORDER, 1), number(Series.REPORT, 1), number(Series.REQUEST, 2)):
        assert ask(FindRequest(text)) is None


# The life of a request: every state and every act


def acts(number: str) -> dict[Act, Command[Any]]:
    return {
        Act.COMPLETE: CompleteRequest(number, ReplyBy.POST, "Kyiv, Khoryva 1"),
        Act.ASSIGN: AssignRequest(number, "Petro", "+380440000101"),
        Act.NOTE: NoteRequest(number, "called the district"),
        Act.EXAMINE: ExamineRequest(number, Case.METER_EXAMINED),
        Act.INTERIM: SendInterim(number, "we are looking into it", ReplyBy.PHONE),
        Act.CONSIDER: ConsiderRequest(number, JUSTIFIED, REPLY),
        Act.REFUSE: RefuseRequest(number, RefusalGround.THREATS, ReplyBy.POST, LATER, "refused"),
    }


ROADS = {
    RequestState.DRAFT: (),
    RequestState.REGISTERED: (),
    RequestState.ASSIGNED: (Act.ASSIGN,),
    RequestState.INTERIM: (Act.ASSIGN, Act.INTERIM),
    RequestState.CONSIDERED: (Act.ASSIGN, Act.CONSIDER),
    RequestState.REFUSED: (Act.REFUSE,),
}
CAN = """
            completed  assigned noted examined interim considered refused escalated
draft       registered -        draft      -          -       -          refused draft
registered  -          assigned registered registered -       -          refused registered
assigned    -          assigned assigned   assigned   interim considered refused assigned
interim     -          interim  interim    interim    -       considered refused interim
considered  -          -        -          -          -       -          -       -
refused     -          -        -          -          -       -          -       -
"""


def test_the_table_is_the_one_on_paper():
    head, *rows = (line.split() for line in CAN.strip().splitlines())
    on_paper = {row[0]: {act: to for act, to in zip(head, row[1:], strict=True) if to != "-"} for row in rows}
    assert {str(state): {str(a): str(to) for a, to in leads.items()} for state, leads in LEADS.items()} == on_paper
    assert {RequestState.CONSIDERED, RequestState.REFUSED} == CLOSED
    assert set(head) == set(Act)


@pytest.mark.parametrize("doing", [each for each in Act if each is not Act.ESCALATE])
@pytest.mark.parametrize("state", RequestState)
def test_every_act_in_every_state_does_what_the_table_says(run: Run, state: RequestState, doing: Act):
    ask, act = caller(run), staff(run)
    registered = ask(DRAFT if state is RequestState.DRAFT else COMPLAINT, 1)
    commands = acts(registered.number)
    for step in ROADS[state]:
        act(commands[step], at=LATER)
    before = one(run, registered.number)
    events = len(told(run))
    assert before.state is state
    if doing in LEADS[state]:
        status = act(commands[doing], at=LATER + HOUR)
        after = one(run, registered.number)
        assert status.state is after.state is LEADS[state][doing]
        assert status.due == after.due
        assert [event.what for event in after.history[len(before.history) :]] == [doing]
        assert after.history[-1].by == "Olena"
        assert after.history[-1].at == LATER + HOUR
        assert (after.closed_at is None) == (after.state not in CLOSED)
        assert after.can == tuple(LEADS[after.state])
        assert [kind for kind, _ in told(run)[events:]] == ([] if doing is Act.NOTE else [f"request.{doing}"]) + (
            ["callback.finished"] if state is RequestState.DRAFT and doing in (Act.COMPLETE, Act.REFUSE) else []
        )
    else:
        with pytest.raises(NotPossible, match=registered.number) as refused:
            act(commands[doing], at=LATER + HOUR)
        assert (refused.value.state, refused.value.act) == (state, doing)
        assert one(run, registered.number) == before
        assert len(told(run)) == events


def test_what_nobody_registered_can_not_be_acted_upon(act: Ask):
    for command in acts(number(Series.REQUEST, 7)).values():
        with pytest.raises(Unanswerable, match="there is no request"):
            act(command)


# Deadlines that move


def assigned(run: Run, command: RegisterRequest = COMPLAINT) -> str:
    registered = caller(run)(command, 1)
    staff(run)(AssignRequest(registered.number, "Olena", "+380440000100"))
    return registered.number


def test_an_interim_reply_extends_the_deadline_once_and_the_promise_stays_readable(run: Run, act: Ask):
    number = assigned(run)
    assert act(SendInterim(number, "soon", ReplyBy.PHONE), at=LATER).due == date(2027, 1, 14)
    kept = one(run, number)
    assert (kept.promised, kept.due) == (date(2026, 12, 30), date(2027, 1, 14))
    with pytest.raises(NotPossible):
        act(SendInterim(number, "soon", ReplyBy.PHONE), at=LATER)


def test_an_interim_reply_that_comes_too_late_extends_nothing(run: Run, act: Ask):
    number = assigned(run)
    with pytest.raises(Late, match=number):
        act(SendInterim(number, "sorry", ReplyBy.PHONE), at=NOW + 31 * DAY)
    assert one(run, number).due == date(2026, 12, 30)


def test_where_the_rule_knows_no_interim_reply_there_is_none(run: Run, act: Ask):
    number = assigned(run, replace(COMPLAINT, topic=Topic.BILLING))
    with pytest.raises(Late):
        act(SendInterim(number, "soon", ReplyBy.PHONE))


def test_an_examination_of_the_meter_gives_the_term_that_the_standards_say(run: Run, act: Ask):
    number = assigned(run, replace(COMPLAINT, topic=Topic.METERING))
    assert act(ExamineRequest(number, Case.METER_EXAMINED), at=LATER).due == date(2027, 1, 14)
    assert one(run, number).case is Case.METER_EXAMINED


def test_an_examination_never_shortens_a_term_that_an_interim_reply_extended(run: Run, act: Ask):
    number = assigned(run, replace(COMPLAINT, topic=Topic.QUALITY, kind=RequestKind.COMPLAINT))
    act(ExamineRequest(number, Case.COLLECTIVE), at=LATER)
    due = one(run, number).due
    assert act(ExamineRequest(number, Case.MEASURED), at=LATER).due == due
    assert one(run, number).case is Case.MEASURED


# Considered


def filled_in(**without: Any) -> ConsiderRequest:
    whole = {
        "justified": True, "reasons": "a", "rights": "b", "measures": "c", "planned_on": date(2026, 12, 20),
        "reply": "d", "replied_by": ReplyBy.PHONE, "replied_at": LATER,
    }  # fmt: skip
    return ConsiderRequest.filled_in("10000012", **{**whole, **without})


TEXTS = (Element.REASONS, Element.RIGHTS, Element.MEASURES, Element.REPLY)
OTHERS = (Element.JUSTIFIED, Element.PLANNED_ON, Element.REPLIED_BY, Element.REPLIED_AT)


@pytest.mark.parametrize(
    ("element", "blank"),
    [(each, None) for each in (*TEXTS, *OTHERS)] + [(each, blank) for each in TEXTS for blank in ("", "  ")],
)
def test_each_element_that_is_missing_is_named(element: Element, blank: Any):
    with pytest.raises(Incomplete, match=element) as refused:
        filled_in(**{element: blank})
    assert refused.value.missing == (element,)


def test_everything_that_is_missing_is_named_at_once():
    with pytest.raises(Incomplete) as refused:
        ConsiderRequest.filled_in("10000012")
    assert refused.value.missing == (
        Element.JUSTIFIED, Element.REASONS, Element.REPLY, Element.REPLIED_BY, Element.REPLIED_AT,
    )  # fmt: skip


def test_an_unjustified_complaint_needs_reasons_and_a_reply_and_no_measures():
    found = filled_in(justified=False, rights=None, measures=None, planned_on=None)
    assert found.finding == Unjustified("a")
    with pytest.raises(Incomplete, match="reasons"):
        filled_in(justified=False, reasons=None)


def test_a_question_is_answered_and_neither_justified_nor_not(run: Run, act: Ask):
    number = assigned(run, replace(COMPLAINT, kind=RequestKind.QUESTION))
    form = ConsiderRequest.filled_in(
        number, complaint=False, reasons="since June", reply="Dear ...", replied_by=ReplyBy.PHONE, replied_at=LATER
    )
    assert act(form, at=LATER).state is RequestState.CONSIDERED
    assert one(run, number).justified is None


def test_a_complaint_is_not_closed_as_if_it_were_a_question(run: Run, act: Ask):
    number = assigned(run)
    with pytest.raises(Incomplete, match="justified"):
        act(ConsiderRequest(number, Answered("since June"), REPLY), at=LATER)
    assert one(run, number).state is RequestState.ASSIGNED


@pytest.mark.parametrize("make", [
    lambda: Justified("a", "b", " ", date(2026, 12, 20)), lambda: Justified("a", "", "c", date(2026, 12, 20)),
    lambda: Justified("", "b", "c", date(2026, 12, 20)), lambda: Justified("a", "b", "c", None),  # type: ignore[arg-type]
    lambda: Unjustified(""), lambda: Answered(" "), lambda: Reply("", ReplyBy.PHONE, NOW),
    lambda: Reply("x", None, NOW), lambda: Reply("x", ReplyBy.PHONE, None),  # type: ignore[arg-type]
    lambda: SendInterim("10000012", "", ReplyBy.PHONE),
])  # fmt: skip
def test_a_finding_or_reply_with_something_missing_can_not_even_be_made(make: Any):
    with pytest.raises(Incomplete):
        make()


def test_what_was_found_and_replied_is_kept_word_for_word(run: Run, act: Ask):
    number = assigned(run)
    act(ConsiderRequest(number, JUSTIFIED, REPLY), at=LATER + HOUR)
    kept = one(run, number)
    assert (kept.justified, kept.reasons, kept.rights, kept.measures, kept.planned_on) == (
        True, JUSTIFIED.reasons, JUSTIFIED.rights, JUSTIFIED.measures, JUSTIFIED.planned_on,
    )  # fmt: skip
    assert (kept.reply, kept.replied_by, kept.replied_at) == (REPLY.text, REPLY.by, REPLY.sent_at)
    assert (kept.closed_at, kept.escalate_at) == (LATER + HOUR, None)
    assert kept.history[-1].details["measures"] == JUSTIFIED.measures


def test_a_reply_by_another_channel_than_the_customer_chose_says_why(run: Run, act: Ask):
    number = assigned(run, replace(COMPLAINT, reply_by=ReplyBy.EMAIL))
    with pytest.raises(WrongChannel, match="email"):
        act(ConsiderRequest(number, UNJUSTIFIED, REPLY), at=LATER)
    act(ConsiderRequest(number, UNJUSTIFIED, replace(REPLY, because="the e-mail came back")), at=LATER)
    assert one(run, number).history[-1].details["because"] == "the e-mail came back"


@pytest.mark.parametrize(
    ("finding", "sent_at"),
    [
        (UNJUSTIFIED, NOW - HOUR),  # before it was registered
        (UNJUSTIFIED, LATER + HOUR),  # not yet
        (replace(JUSTIFIED, planned_on=date(2026, 11, 29)), LATER),
    ],
)
def test_times_that_can_not_be_are_refused(run: Run, act: Ask, finding: Any, sent_at: datetime):
    number = assigned(run)
    with pytest.raises(BadTime):
        act(ConsiderRequest(number, finding, replace(REPLY, sent_at=sent_at)), at=LATER)
    assert one(run, number).state is RequestState.ASSIGNED


# Refused


def test_a_refusal_needs_a_notification_unless_there_is_nobody_to_notify(run: Run, ask: Ask, act: Ask):
    for ground in RefusalGround:
        if ground is RefusalGround.NO_CONTACT:
            continue
        with pytest.raises(Incomplete) as refused:
            RefuseRequest("10000012", ground)
        assert refused.value.missing == (Element.NOTICE, Element.NOTIFIED_BY, Element.NOTIFIED_AT)
        with pytest.raises(Incomplete) as refused:
            RefuseRequest("10000012", ground, ReplyBy.POST, NOW, "  ")
        assert refused.value.missing == (Element.NOTICE,)
    registered = ask(replace(COMPLAINT, contact=None, account=None), 1)
    assert act(RefuseRequest(registered.number, RefusalGround.NO_CONTACT)).state is RequestState.REFUSED
    assert one(run, registered.number).ground is RefusalGround.NO_CONTACT


@pytest.mark.parametrize("there", [{"account": None}, {"contact": None}, {}], ids=["contact", "account", "both"])
def test_who_can_be_replied_to_is_not_refused_because_there_is_nowhere_to_reply(
    run: Run, ask: Ask, act: Ask, there: dict[str, Any]
):
    registered = ask(replace(COMPLAINT, **there), 1)
    with pytest.raises(Reachable):
        act(RefuseRequest(registered.number, RefusalGround.NO_CONTACT))
    assert one(run, registered.number).state is RequestState.REGISTERED


def test_an_account_without_an_address_and_a_telephone_is_nowhere_to_reply_to(run: Run, ask: Ask, act: Ask):
    run(lambda conn: conn.execute(insert(accounts).values(number="1000000992")))
    registered = ask(replace(COMPLAINT, contact=None, account="1000000992"), 1)
    assert act(RefuseRequest(registered.number, RefusalGround.NO_CONTACT)).state is RequestState.REFUSED


def test_nobody_can_have_been_notified_tomorrow(run: Run, ask: Ask, act: Ask):
    registered = ask(COMPLAINT, 1)
    with pytest.raises(BadTime):
        act(RefuseRequest(registered.number, RefusalGround.THREATS, ReplyBy.POST, LATER, "refused"))
    assert one(run, registered.number).state is RequestState.REGISTERED


def test_a_request_is_assigned_to_somebody_with_a_name_and_a_telephone():
    for who, phone in (("", "+380440000100"), ("Olena", " ")):
        with pytest.raises(DeskRefusal, match="name and a telephone"):
            AssignRequest("10000012", who, phone)


# The database says the same again


CLOSING = {
    "state": "considered", "closed_at": LATER, "justified": True, "reasons": "a", "rights": "b", "measures": "c",
    "planned_on": date(2026, 12, 20), "reply": "d", "replied_by": "phone", "replied_at": LATER,
    "responsible": "Olena",
}  # fmt: skip
REFUSING = {"state": "refused", "closed_at": LATER, "ground": "threats", "notified_by": "post", "notified_at": LATER}


@pytest.mark.parametrize(
    ("closing", "lacking"),
    [(CLOSING, each) for each in CLOSING if each != "state"] + [(REFUSING, e) for e in REFUSING if e != "state"],
)
def test_no_row_of_the_table_is_closed_with_something_missing(run: Run, closing: dict[str, Any], lacking: str):
    registered = caller(run)(COMPLAINT, 1)

    def close(values: dict[str, Any]) -> None:
        run(lambda conn: conn.execute(update(table).where(table.c.number == registered.number).values(values)))

    with pytest.raises(IntegrityError, match=r"(?i)check"):
        close({**closing, lacking: None})
    close(closing)  # with everything it can be


# What staff see


def test_the_queue_is_in_the_order_of_urgency_and_counts_the_hours_to_the_end_of_the_day(
    run: Run, ask: Ask, act: Ask
):
    slow = ask(COMPLAINT, 1).number
    quick = ask(replace(COMPLAINT, topic=Topic.BILLING), 2).number
    gone = ask(COMPLAINT, 3).number
    act(RefuseRequest(gone, RefusalGround.THREATS, ReplyBy.POST, NOW, "refused"))
    queue = run(lambda conn: requests.queue(conn, NOW))
    assert [each.number for each in queue] == [quick, slow]
    assert queue[0].hours_left == 7 * 24  # from 23:30 on the 30th to midnight at the end of the 7th
    late = run(lambda conn: requests.queue(conn, NOW + 8 * DAY))
    assert late[0].hours_left == -24
    assert [each.number for each in run(lambda conn: requests.queue(conn, NOW, limit=1))] == [quick]


def test_the_last_day_counts_to_its_end_when_the_clock_changes():
    assert requests.hours_left(date(2027, 3, 28), at(2027, 3, 27, 22)) == 23  # midnight in Kyiv; an hour is missing
    assert requests.hours_left(date(2027, 10, 31), at(2027, 10, 30, 21)) == 25
    assert requests.hours_left(date(2026, 12, 7), at(2026, 12, 7, 22, 1)) == -1


def test_all_requests_of_an_account_are_found_newest_first(run: Run, ask: Ask):
    numbers = [ask(COMPLAINT, seq).number for seq in (1, 2)]
    ask(replace(COMPLAINT, account=None), 3)
    assert [each.number for each in run(lambda conn: requests.of_account(conn, ONE))] == numbers[::-1]
    assert run(lambda conn: requests.one(conn, "10000099")) is None


def test_events_say_nothing_about_the_person(run: Run, ask: Ask, act: Ask):
    registered = ask(replace(COMPLAINT, text="my neighbour steals"), 1)
    for step in (Act.ASSIGN, Act.CONSIDER):
        act(acts(registered.number)[step], at=LATER)
    said = json.dumps(told(run), ensure_ascii=False)
    assert "steals" not in said
    assert "+38044000000" not in said
    assert JUSTIFIED.reasons not in said


# Whatever anybody does


class Life(RuleBasedStateMachine):
    """Callers and staff do whatever they like, in any order and more than once."""

    store: Store
    calls = 0

    @initialize()
    def begin(self) -> None:
        Life.calls += 1
        self.call = f"life-{Life.calls}"
        self.now = NOW
        self.command = COMPLAINT
        self._run(lambda conn: calls.begin(conn, Began(self.call, None, "100", NOW), "controller-1"))
        self.first = self._ask(COMPLAINT, 1)
        self.closed: requests.Request | None = None
        self.interims = 0

    def _run(self, job: Any) -> Any:
        return self.store.write(job).result()

    def _ask(self, command: Command[Any], seq: int | None = None) -> Any:
        call = None if seq is None else self.call
        return self._run(lambda conn: perform(conn, command, call=call, seq=seq, at=self.now, by="anybody"))

    def _one(self) -> requests.Request:
        return self._run(lambda conn: requests.one(conn, self.first.number))

    def _do(self, command: Command[Any]) -> bool:
        before = self._one()
        try:
            self._ask(command)
        except DeskRefusal:
            assert self._one() == before
            return False
        assert before.state not in CLOSED
        return True

    @rule(days=st.integers(1, 12))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY

    @rule()
    def the_line_comes_again(self) -> None:
        assert self._ask(COMPLAINT, 1) == self.first

    @rule(who=st.sampled_from(["Olena", "Petro"]))
    def assign(self, who: str) -> None:
        self._do(AssignRequest(self.first.number, who, "+380440000100"))

    @rule()
    def note(self) -> None:
        self._do(NoteRequest(self.first.number, "x"))

    @rule(case=st.sampled_from(Case))
    def examine(self, case: Case) -> None:
        due = self._one().due
        self._do(ExamineRequest(self.first.number, case))
        assert self._one().due >= due

    @rule()
    def interim(self) -> None:
        due = self._one().due
        if self._do(SendInterim(self.first.number, "x", ReplyBy.PHONE)):
            self.interims += 1
            assert rules.local_day(self.now) <= due < self._one().due

    @rule(
        finding=st.sampled_from([JUSTIFIED, UNJUSTIFIED, Answered("x")]),
        by=st.sampled_from(ReplyBy),
        because=st.none() | st.just("wished"),
        ago=st.integers(-1, 20),
    )
    def consider(self, finding: Any, by: ReplyBy, because: str | None, ago: int) -> None:
        self._do(ConsiderRequest(self.first.number, finding, Reply("x", by, self.now - ago * DAY, because)))

    @rule(ground=st.sampled_from(RefusalGround), ago=st.integers(-1, 20))
    def refuse(self, ground: RefusalGround, ago: int) -> None:
        self._do(RefuseRequest(self.first.number, ground, ReplyBy.POST, self.now - ago * DAY, "refused"))

    @invariant()
    def it_is_closed_rightly_or_not_at_all(self) -> None:
        if not hasattr(self, "first"):
            return
        now = self._one()
        assert self.interims <= 1
        assert (now.closed_at is None) == (now.state not in CLOSED)
        assert now.promised == self.first.due <= now.due
        if now.state is RequestState.CONSIDERED:
            assert now.responsible
            assert now.reasons
            assert now.reply
            assert now.replied_by
            assert now.justified is not None
            assert now.replied_at is not None
            assert now.closed_at is not None
            assert now.registered_at <= now.replied_at <= now.closed_at
            if now.justified:
                assert now.rights
                assert now.measures
                assert now.planned_on
        if now.state is RequestState.REFUSED:
            assert now.ground
            assert now.notified_at
        whats = [event.what for event in now.history]
        assert whats[0] == "registered"
        state = RequestState.REGISTERED
        for what in whats[1:]:
            state = LEADS[state][Act(what)]
        assert state is now.state

    @invariant()
    def what_is_closed_stays_as_it_is(self) -> None:
        if not hasattr(self, "first"):
            return
        now = self._one()
        if self.closed is not None:
            assert now == self.closed
        elif now.state in CLOSED:
            self.closed = now

    @precondition(lambda self: self.closed is not None)
    @rule()
    def the_customer_comes_back_and_gets_a_new_number(self) -> None:
        assert self._ask(COMPLAINT).number != self.first.number


def test_whatever_anybody_does_a_request_is_closed_rightly_or_not_at_all(store: Store):
    store.write(lambda conn: demo.load(conn, NOW)).result()
    Life.store = store
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=30, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_history_rows_of_no_request_can_not_be(run: Run):
    with pytest.raises(IntegrityError):
        run(
            lambda conn: conn.execute(
                insert(request_events).values(request=99, at=NOW, by="x", what="noted", details="{}")
            )
        )
    assert run(lambda conn: conn.execute(select(request_events)).all()) == []
