"""One account with everything: what stands there, and what happened, on one line."""

from datetime import timedelta
from itertools import count

import pytest
from business import DAY, HOUR, ONE, Ask, caller, settle, staff
from plans import steps
from sqlalchemy import Connection, insert, select
from test_plans import assert_by_index

from domain import account_file, debts, doubt_cases, history, indexing, reading_proof
from domain.account_file import AccountFile, Happened, Kind, Mark
from domain.calls import Line, append, begin, end
from domain.commands import KeepDoubtful, OrderCallBack, PlaceOrder, RegisterRequest, ReportOutage, SubmitReading
from domain.desk_readings import CALLER, ResolveReading
from domain.doubt import Ask as Question
from domain.model import (
    Began,
    Doubt,
    Language,
    OrderKind,
    OutageKind,
    Outcome,
    ReplyBy,
    RequestKind,
    Source,
    Topic,
    Zone,
)
from domain.slips import Hypothesis
from domain.tables import meters as meters_table
from domain.tables import readings, registers
from tests.domain.conftest import NOW, Run

SEQ = count(1)


@pytest.fixture
def ask(run: Run) -> Ask:
    return caller(run)


@pytest.fixture
def act(run: Run) -> Ask:
    return staff(run, "olena")


def whole(run: Run, account: str = ONE) -> AccountFile:
    found = run(lambda conn: account_file.whole(conn, account, NOW))
    assert found is not None
    return found


def line(run: Run, limit: int = 100, before: Mark | None = None, **more) -> tuple[list[Happened], Mark | None]:
    return run(lambda conn: account_file.history(conn, ONE, before=before, limit=limit, **more))


@pytest.fixture
def busy(run: Run, ask: Ask) -> Run:
    """An account about which there is one of everything."""
    run(settle)
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, 2300), next(SEQ))
    ask(RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, None, ONE), next(SEQ))
    ask(ReportOutage(OutageKind.NO_SUPPLY, ONE), next(SEQ))
    ask(PlaceOrder(OrderKind.SEAL, ONE), next(SEQ))
    ask(OrderCallBack("+380440000001", "reading", ONE), next(SEQ))
    run(
        lambda conn: history.post_bill(
            conn, ONE, NOW.date().replace(day=1, month=9), kwh=120, amount=316_80, paid=0, paid_on=None, at=NOW
        )
    )
    return run


def test_nobody_has_an_account_that_is_not_there(run: Run):
    assert run(lambda conn: account_file.whole(conn, "1000000000", NOW)) is None


def test_it_says_where_it_stands(busy: Run):
    found = whole(busy)
    assert found.address and found.address.street == "Khoryva" and found.feeder == "F1"
    assert found.phones == ("+380440000001",)
    (device,) = found.devices
    (counter,) = device.counters
    assert counter.last and counter.last.value == 2300 and counter.last.source is Source.CALLER
    assert found.statement.terms.submitted and found.supply.known


def test_everything_that_happened_is_on_one_line_newest_first(busy: Run):
    happened, more = line(busy)
    assert more is None
    assert {each.kind for each in happened} == set(Kind)
    moments = [each.at for each in happened]
    assert moments == sorted(moments, reverse=True)
    call = next(each for each in happened if each.kind is Kind.CALL)
    assert call.id == "c1" and call.facts["caller"] == "+380440000001"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_leave_nothing_out_though_all_came_at_one_moment(busy: Run, ask: Ask, size: int):
    for value in range(2301, 2309):
        ask(SubmitReading(ONE, "0100001", Zone.SINGLE, value), next(SEQ))
    all_of_it, _ = line(busy)
    seen: list[Happened] = []
    before = None
    while True:
        page, before = line(busy, size, before)
        seen += page
        if before is None:
            break
    assert [(each.kind, each.id) for each in seen] == [(each.kind, each.id) for each in all_of_it]


def known_by_the_search(conn: Connection) -> None:
    """What the indexer does for a call that ended: it is found by its account from now on."""
    debts.owe(conn, "c9", NOW)
    facts = indexing.Facts(
        "c9", NOW, 3600, "+380440000099", "100", "statement", ("statement",), Language.UK, Outcome.INFORMED, None, 0,
        False, (ONE,),
    )  # fmt: skip
    indexing.fill(conn, {debt: facts if debt.call == "c9" else None for debt in debts.owed(conn, 100)})


def test_a_call_that_only_asked_is_there_once_the_search_knows_it(busy: Run):
    asked = Line(0, NOW, "FindAccount", f"FindAccount(number='{ONE}')")
    busy(lambda conn: begin(conn, Began("c9", "+380440000099", "100", NOW), "controller-1"))
    busy(lambda conn: append(conn, "c9", asked))
    busy(lambda conn: end(conn, "c9", Outcome.INFORMED, at=NOW + HOUR))
    calls_of = [each.id for each in line(busy, kinds=[Kind.CALL])[0]]
    assert calls_of == ["c1"]
    busy(known_by_the_search)
    assert {each.id for each in line(busy, kinds=[Kind.CALL])[0]} == {"c1", "c9"}


def test_one_kind_can_be_asked_for(busy: Run):
    happened, _ = line(busy, kinds=[Kind.BILL])
    assert [each.facts["amount"] for each in happened] == [316_80]


def test_no_table_is_read_from_end_to_end(busy: Run):
    assert_by_index(busy, lambda conn: account_file.whole(conn, ONE, NOW))
    for kind in set(Kind) - {Kind.CALL}:
        assert_by_index(busy, lambda conn, kind=kind: account_file.history(conn, ONE, kinds=[kind]))
    taken = busy(lambda conn: steps(conn, lambda c: account_file.history(c, ONE, kinds=[Kind.CALL])))
    scanned = [step.split()[1] for step in taken if step.startswith("SCAN")]
    assert not {"calls", "readings", "requests", "findings", "marks"} & set(scanned), taken  # blocks of marks are few


def test_use_is_told_by_day_and_a_display_that_went_back_is_none(run: Run):
    register = run(
        lambda conn: conn.execute(
            select(registers.c.id)
            .join(meters_table, meters_table.c.id == registers.c.meter)
            .where(meters_table.c.account == ONE)
        ).scalar_one()
    )
    for days, value in ((10, 2250), (20, 2240), (25, 2290)):
        row = {
            "register": register, "value": value, "read_on": (NOW + days * DAY).date(), "at": NOW, "source": "web",
            "status": "accepted",
        }  # fmt: skip
        run(lambda conn, row=row: conn.execute(insert(readings), row))
    points = run(lambda conn: account_file.chart(conn, register, 1, 5))
    assert [each.value for each in points] == [2150, 2250, 2240, 2290]
    assert [each.a_day for each in points][1:] == [pytest.approx(100 / 40, rel=0.05), None, 10.0]


# Doubtful readings


def doubtful(ask: Ask, value: int = 9300, doubt: Doubt = Doubt.HIGHER) -> None:
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, value, doubt, said="insist: 1"), next(SEQ))


def newest(conn: Connection) -> int:
    return conn.execute(select(readings.c.id).order_by(readings.c.id.desc()).limit(1)).scalar_one()


def test_a_doubt_is_diagnosed_as_it_was_then(run: Run, ask: Ask):
    doubtful(ask, 23000)
    reading = run(newest)
    staff(run)(SubmitReading(ONE, "0100001", Zone.SINGLE, 2305), at=NOW + DAY)
    case = run(lambda conn: doubt_cases.of(conn, reading))
    assert case and case.last and case.last.value == 2150 and case.used == 23000 - 2150
    first = case.guesses[0]
    assert first.hypothesis in (Hypothesis.EXTRA_DIGIT, Hypothesis.DECIMALS) and first.question.ask in (
        Question.OTHER_VALUE,
        Question.DECIMALS,
    )
    assert [each.value for each in case.later] == [2305]


def test_what_no_display_can_show_is_explained_too(run: Run, ask: Ask):
    ask(KeepDoubtful(ONE, "0100001", Zone.SINGLE, 215004, Doubt.TOO_WIDE, "hung up"), next(SEQ))
    case = run(lambda conn: doubt_cases.of(conn, newest(conn)))
    assert case and not case.fits and case.receipt is None and case.guesses


def test_only_doubtful_readings_are_cases(run: Run, ask: Ask):
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, 2300), next(SEQ))
    assert run(lambda conn: doubt_cases.of(conn, newest(conn))) is None
    assert run(lambda conn: doubt_cases.of(conn, 10**9)) is None
    assert run(doubt_cases.waiting) == 0


def test_what_was_decided_is_shown_with_who_and_why(run: Run, ask: Ask, act: Ask):
    doubtful(ask)
    reading = run(newest)
    assert run(doubt_cases.waiting) == 1
    copy = act(ResolveReading(reading, True, "a photograph of the display"), at=NOW + HOUR)
    case = run(lambda conn: doubt_cases.of(conn, reading))
    assert case and (case.resolved_by, case.accepted, case.because) == ("olena", copy, "a photograph of the display")
    assert case.later == [] and run(doubt_cases.waiting) == 0


# Proof


def told(run: Run, *labels: str) -> None:
    """Lines of the journal of c1, a second each, up to the deed that comes next."""
    for label in labels:
        seq = next(SEQ)
        run(
            lambda conn, seq=seq, label=label: append(conn, "c1", Line(seq, NOW + timedelta(seconds=seq), label, "?"))
        )


def test_the_proof_of_a_reading_has_what_was_said_for_it_and_no_more(run: Run, ask: Ask):
    told(run, "which_meter", "value")
    first = next(SEQ)
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, 2300), first)
    run(lambda conn: append(conn, "c1", Line(first, NOW + timedelta(seconds=first), "SubmitReading", "")))
    told(run, "value", "again", "read_back")
    seq = next(SEQ)
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, 2310), seq)
    run(lambda conn: append(conn, "c1", Line(seq, NOW + timedelta(seconds=seq), "SubmitReading", "")))
    proof = run(lambda conn: reading_proof.of(conn, newest(conn)))
    assert [each.label for each in proof.lines] == ["value", "again", "read_back", "SubmitReading"]
    assert proof.caller == "+380440000001" and proof.receipt and proof.corrected
    assert [each.value for each in proof.chain] == [2300, 2310]
    assert proof.said_from and proof.said_to and proof.said_from < proof.said_to


def test_the_chain_tells_a_doubt_and_what_became_of_it(run: Run, ask: Ask, act: Ask):
    doubtful(ask, 9300)
    reading = run(newest)
    copy = act(ResolveReading(reading, True, "the meter was seen"), at=NOW + HOUR)
    for each in (reading, copy):
        chain = run(lambda conn, each=each: reading_proof.of(conn, each)).chain
        assert [link.id for link in chain] == [reading, copy]
        assert (chain[0].resolved_by, chain[0].accepted) == ("olena", copy)
    assert run(lambda conn: reading_proof.of(conn, copy)).seq == run(lambda conn: reading_proof.of(conn, reading)).seq


def test_a_caller_who_corrects_themselves_is_in_the_chain(run: Run, ask: Ask):
    ask(KeepDoubtful(ONE, "0100001", Zone.SINGLE, 93000, Doubt.HIGHER, "keyed again"), next(SEQ))
    ask(SubmitReading(ONE, "0100001", Zone.SINGLE, 2300), next(SEQ))
    proof = run(lambda conn: reading_proof.of(conn, newest(conn)))
    assert [(each.value, each.resolved_by) for each in proof.chain] == [(93000, CALLER), (2300, None)]


def test_a_reading_that_nobody_called_about_has_no_lines(run: Run, act: Ask):
    act(SubmitReading(ONE, "0100001", Zone.SINGLE, 2300))
    proof = run(lambda conn: reading_proof.of(conn, newest(conn)))
    assert (proof.call, proof.caller, proof.lines, proof.recording) == (None, None, (), None)
    assert [each.value for each in proof.chain] == [2300]
    assert run(lambda conn: reading_proof.of(conn, 10**9)) is None


def test_a_case_and_a_proof_are_found_by_index(run: Run, ask: Ask):
    doubtful(ask)
    reading = run(newest)
    assert_by_index(run, lambda conn: doubt_cases.of(conn, reading))
    assert_by_index(run, lambda conn: reading_proof.of(conn, reading))
