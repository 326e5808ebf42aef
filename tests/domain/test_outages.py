"""Which reports are one outage, and what each caller hears of it."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle

import pytest
from business import (
    FIRST,
    FIVE,
    FOUR,
    FOURTH,
    HOMELESS,
    HOUR,
    ONE,
    SECOND,
    THIRD,
    THREE,
    TWO,
    Ask,
    caller,
    move,
    settle,
    staff,
    told,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from domain import calls, demo, duties
from domain.calls import AlreadyAnswered, UnknownCall
from domain.commands import AskSupply, ReportOutage
from domain.desk import AlreadyDone, BadTime, DeskRefusal, OpenIncident, PlanWorks, RestoreIncident, UpdateIncident
from domain.handlers import Unanswerable, perform
from domain.incidents import FEEDER_BUILDINGS, FEEDER_WITHIN
from domain.model import Began, OutageKind, OutageNews
from domain.numbers import Series, series_of
from domain.store import Store
from domain.tables import accounts, buildings, incidents, outage_reports
from tests.domain.conftest import NOW, Run

SIX = "1000000060"


@pytest.fixture
def ask(run: Run) -> Ask:
    run(settle)
    return caller(run)


@pytest.fixture
def act(run: Run) -> Ask:
    return staff(run, "dispatcher")


def dark(account: str | None) -> ReportOutage:
    return ReportOutage(OutageKind.NO_SUPPLY, account)


def going_on(run: Run) -> list[duties.Incident]:
    return list(run(duties.incidents_open))


def test_the_first_caller_is_told_that_nobody_knew_and_the_third_that_two_neighbours_reported(run: Run, ask: Ask):
    run(lambda conn: move(conn, SIX, FIRST))
    first, second, third = ask(dark(ONE), 1), ask(dark(FIVE), 2), ask(dark(SIX), 3)
    assert (first.known, first.neighbours) == (False, 0)
    assert (second.known, second.neighbours) == (True, 1)
    assert (third.known, third.neighbours) == (True, 2)
    assert len({first.number, second.number, third.number}) == 3
    assert {series_of(news.number) for news in (first, second, third)} == {Series.REPORT}
    assert len(going_on(run)) == 1


def test_what_the_dispatcher_expects_is_told_until_that_time_has_passed(run: Run, ask: Ask, act: Ask):
    ask(dark(ONE), 1)
    (incident,) = going_on(run)
    act(UpdateIncident(incident.id, NOW + 2 * HOUR, "a cable"))
    assert ask(dark(FIVE), 2).expected == NOW + 2 * HOUR
    assert ask(AskSupply(FIVE), at=NOW + HOUR).expected == NOW + 2 * HOUR
    assert ask(AskSupply(FIVE), at=NOW + 2 * HOUR).expected is None
    act(UpdateIncident(incident.id))
    assert ask(AskSupply(FIVE)).expected is None
    assert going_on(run)[0].cause == "a cable"


def test_who_has_not_reported_hears_what_is_known_without_a_number(ask: Ask):
    assert ask(AskSupply(ONE)) == OutageNews()
    ask(dark(ONE), 1)
    assert ask(AskSupply(FIVE)) == OutageNews(None, known=True, neighbours=1)
    assert ask(AskSupply(TWO)) == OutageNews()


def test_the_same_account_again_is_the_same_report_and_what_it_adds_is_kept(run: Run, ask: Ask):
    first = ask(ReportOutage(OutageKind.PARTIAL, ONE, "+380440000001"), 1)
    again = ask(ReportOutage(OutageKind.DANGER, ONE, "+380440000009"), 2)
    assert again.number == first.number
    assert (again.known, again.neighbours) == (True, 0)
    assert [i.danger for i in going_on(run)] == [True]
    kept = run(lambda conn: conn.execute(select(outage_reports).order_by(outage_reports.c.id)).all())
    assert [(r.kind, r.contact, r.number) for r in kept] == [
        (OutageKind.PARTIAL, "+380440000001", first.number),
        (OutageKind.DANGER, "+380440000009", None),
    ]
    assert ask(AskSupply(ONE)).neighbours == 0
    assert ask(AskSupply(FIVE)).neighbours == 1


def test_a_report_after_restoration_is_a_new_incident(run: Run, ask: Ask, act: Ask):
    first = ask(dark(ONE), 1)
    (old,) = going_on(run)
    act(RestoreIncident(old.id), at=NOW + HOUR)
    assert ask(AskSupply(ONE), at=NOW + HOUR) == OutageNews()
    again = ask(dark(ONE), 2, at=NOW + 2 * HOUR)
    assert not again.known
    assert again.number != first.number
    (new,) = going_on(run)
    assert new.id != old.id


def test_reports_of_three_buildings_of_a_feeder_are_one_outage_of_the_feeder(run: Run, ask: Ask):
    assert FEEDER_BUILDINGS == 3
    ask(dark(ONE), 1)
    ask(dark(FIVE), 2)
    second = ask(dark(TWO), 3)
    assert not second.known
    assert len(going_on(run)) == 2

    third = ask(dark(THREE), 4)

    assert (third.known, third.neighbours) == (True, 3)
    (whole,) = going_on(run)
    assert (whole.building, whole.feeder, whole.reports) == (None, "F1", 4)
    assert ask(AskSupply(TWO)).number == second.number
    assert ask(dark(TWO), 5).number == second.number
    (merged,) = [says for kind, says in told(run, "incident.updated") if says["what"] == "widened"]
    assert merged["incident"] == whole.id


def test_a_building_of_that_feeder_that_nobody_reported_is_known_too(run: Run, ask: Ask):
    run(lambda conn: conn.execute(buildings.update().where(buildings.c.id == FOURTH).values(feeder="F1")))
    for seq, account in enumerate((ONE, TWO, THREE)):
        ask(dark(account), seq)
    assert ask(AskSupply(FOUR)) == OutageNews(None, known=True, neighbours=3)


def test_two_neighbours_in_one_building_say_nothing_of_the_feeder(run: Run, ask: Ask):
    run(lambda conn: move(conn, SIX, FIRST))
    for seq, account in enumerate((ONE, FIVE, SIX, TWO)):
        ask(dark(account), seq)
    assert sorted((i.building or 0) for i in going_on(run)) == [FIRST, SECOND]


@pytest.mark.parametrize("kind", [OutageKind.PARTIAL, OutageKind.DANGER])
def test_only_no_supply_at_all_says_something_of_the_feeder(run: Run, ask: Ask, kind: OutageKind):
    for seq, account in enumerate((ONE, TWO, THREE)):
        ask(ReportOutage(kind, account), seq)
    assert len(going_on(run)) == 3


def test_an_outage_that_is_much_older_is_another_one(run: Run, ask: Ask):
    ask(dark(ONE), 1, at=NOW - FEEDER_WITHIN - HOUR)
    ask(dark(TWO), 2)
    ask(dark(THREE), 3)
    assert len(going_on(run)) == 3
    run(lambda conn: conn.execute(buildings.update().where(buildings.c.id == FOURTH).values(feeder="F1")))
    ask(dark(FOUR), 4)
    assert sorted((i.building or 0) for i in going_on(run)) == [0, FIRST]


def test_a_building_without_a_known_feeder_is_never_merged(run: Run, ask: Ask):
    for seq, account in enumerate((FOUR, ONE, TWO)):
        ask(dark(account), seq)
    assert len(going_on(run)) == 3


@pytest.mark.parametrize(("hours", "common"), [((2, 3, None), None), ((2, None, None), None), ((2, 3, 1), 3)])
def test_what_was_expected_of_one_building_is_not_promised_to_its_feeder(
    run: Run, ask: Ask, act: Ask, hours: tuple[int | None, ...], common: int | None
):
    for building, expected in zip((FIRST, SECOND, THIRD), hours, strict=True):
        act(OpenIncident(building=building, expected=NOW + expected * HOUR if expected else None))
    for seq, account in enumerate((ONE, TWO, THREE)):
        news = ask(dark(account), seq)
    assert news.expected == (NOW + common * HOUR if common else None)


def test_a_report_without_an_account_or_an_address_is_kept_to_be_followed_up(run: Run, ask: Ask):
    nobody = ask(ReportOutage(OutageKind.DANGER, None, "+380441112233"), 1)
    homeless = ask(dark(HOMELESS), 2)
    assert (nobody.known, nobody.neighbours, homeless.known) == (False, 0, False)
    assert nobody.number != homeless.number
    assert going_on(run) == []
    assert [says["danger"] for _, says in told(run, "outage.reported")] == [True, False]
    assert ask(AskSupply(HOMELESS)) == OutageNews()


def test_danger_flags_the_incident_whoever_opened_it(run: Run, ask: Ask):
    ask(dark(ONE), 1)
    ask(dark(TWO), 2)
    ask(ReportOutage(OutageKind.DANGER, FIVE), 3)
    assert [(i.building, i.danger) for i in going_on(run)] == [(FIRST, True), (SECOND, False)]  # danger first
    ask(dark(THREE), 4)
    assert [i.danger for i in going_on(run)] == [True]


# Planned works and the dispatcher


def test_planned_works_are_known_while_they_last(run: Run, ask: Ask, act: Ask):
    until = NOW + 4 * HOUR
    act(PlanWorks(NOW + HOUR, until, feeder="F1", cause="a transformer"))
    assert ask(AskSupply(ONE)) == OutageNews()
    during = ask(AskSupply(ONE), at=NOW + HOUR)
    assert during == OutageNews(None, known=True, planned=True, expected=until)
    assert ask(AskSupply(FOUR), at=NOW + HOUR) == OutageNews()
    reported = ask(dark(ONE), 1, at=NOW + 2 * HOUR)
    assert (reported.known, reported.planned, reported.expected) == (True, True, until)
    assert len(going_on(run)) == 1


def test_no_light_after_the_works_should_be_over_is_an_outage(run: Run, ask: Ask, act: Ask):
    act(PlanWorks(NOW, NOW + HOUR, building=FIRST))
    assert not ask(dark(ONE), 1, at=NOW + HOUR).known
    assert [i.planned for i in going_on(run)] == [False, True]


def test_of_works_that_overlap_the_later_end_is_told(ask: Ask, act: Ask):
    act(PlanWorks(NOW, NOW + 3 * HOUR, building=FIRST))
    act(PlanWorks(NOW, NOW + HOUR, feeder="F1"))
    assert ask(AskSupply(ONE)).expected == NOW + 3 * HOUR


def test_an_outage_goes_before_works(ask: Ask, act: Ask):
    ask(dark(ONE), 1)
    act(PlanWorks(NOW, NOW + HOUR, building=FIRST))
    assert not ask(AskSupply(ONE)).planned


def test_works_never_become_an_outage_of_the_feeder(run: Run, ask: Ask, act: Ask):
    for building in (FIRST, SECOND, THIRD):
        act(PlanWorks(NOW, NOW + HOUR, building=building))
    for seq, account in enumerate((ONE, TWO, THREE)):
        assert ask(dark(account), seq).planned
    assert len(going_on(run)) == 3


def test_works_can_be_prolonged_and_called_off(ask: Ask, act: Ask):
    works = act(PlanWorks(NOW, NOW + HOUR, building=FIRST))
    act(UpdateIncident(works, NOW + 2 * HOUR))
    assert ask(AskSupply(ONE), at=NOW + HOUR).planned
    with pytest.raises(BadTime, match="works have an end"):
        act(UpdateIncident(works))
    act(RestoreIncident(works))
    assert ask(AskSupply(ONE)) == OutageNews()


def test_the_dispatcher_knows_before_anybody_calls(run: Run, ask: Ask, act: Ask):
    ask(dark(ONE), 1)
    whole = act(OpenIncident(feeder="F1", expected=NOW + HOUR, cause="a storm"))
    (incident,) = going_on(run)
    assert (incident.id, incident.building, incident.reports) == (whole, None, 1)
    news = ask(dark(TWO), 2)
    assert (news.known, news.neighbours, news.expected) == (True, 1, NOW + HOUR)
    assert act(OpenIncident(feeder="F1", expected=NOW + 2 * HOUR)) == whole
    with pytest.raises(AlreadyDone, match=f"incident {whole} of feeder F1"):
        act(OpenIncident(building=FIRST))


def test_what_can_not_be_is_refused_with_a_reason(run: Run, ask: Ask, act: Ask):
    incident = act(OpenIncident(building=FIRST))
    with pytest.raises(BadTime, match="can't be expected back"):
        act(UpdateIncident(incident, NOW - HOUR))
    with pytest.raises(BadTime, match="are over"):
        act(PlanWorks(NOW - 2 * HOUR, NOW - HOUR, building=FIRST))
    with pytest.raises(BadTime, match="end after they begin"):
        PlanWorks(NOW, NOW, building=FIRST)
    for building, feeder in ((None, None), (FIRST, "F1")):
        with pytest.raises(DeskRefusal, match="one of the two"):
            OpenIncident(building, feeder)
    for command in (OpenIncident(9), OpenIncident(None, "F9"), RestoreIncident(99), UpdateIncident(99)):
        with pytest.raises(Unanswerable):
            act(command)
    with pytest.raises(Unanswerable):
        ask(AskSupply("9999999999"))
    with pytest.raises(Unanswerable):
        ask(dark("9999999999"), 1)
    act(RestoreIncident(incident))
    for command in (RestoreIncident(incident), UpdateIncident(incident, NOW + HOUR)):
        with pytest.raises(AlreadyDone, match="over since"):
            act(command)


def test_what_became_part_of_another_is_not_touched_by_its_old_number(run: Run, ask: Ask, act: Ask):
    ask(dark(ONE), 1)
    ask(dark(TWO), 2)
    part = going_on(run)[0].id
    ask(dark(THREE), 3)
    (whole,) = going_on(run)
    with pytest.raises(AlreadyDone, match=f"part of incident {whole.id}"):
        act(RestoreIncident(part))


def test_there_is_one_open_incident_of_a_place_whatever_the_code_does(run: Run, ask: Ask):
    ask(dark(ONE), 1)
    run(lambda conn: conn.execute(insert(incidents).values(began_at=NOW, feeder="F1")))
    for place in ({"building": FIRST}, {"feeder": "F1"}):
        with pytest.raises(IntegrityError, match=r"(?i)unique"):
            run(lambda conn, place=place: conn.execute(insert(incidents).values(began_at=NOW, **place)))


# Once


def test_a_line_that_comes_again_hears_what_it_heard_the_first_time(run: Run, ask: Ask, act: Ask):
    first = ask(dark(ONE), 1)
    ask(dark(FIVE), 2)
    act(OpenIncident(building=FIRST, expected=NOW + HOUR))
    assert ask(dark(ONE), 1) == first
    act(RestoreIncident(going_on(run)[0].id))
    assert ask(dark(ONE), 1) == first
    assert going_on(run) == []
    assert len(told(run, "outage.reported")) == 2


@pytest.mark.parametrize("other", [dark(FIVE), ReportOutage(OutageKind.DANGER, ONE), dark(None)])
def test_one_line_can_not_report_two_things(ask: Ask, other: ReportOutage):
    ask(dark(ONE), 1)
    with pytest.raises(AlreadyAnswered, match="line 1 of call 'c1'"):
        ask(other, 1)


def test_a_call_that_never_began_reports_nothing(run: Run, ask: Ask):
    with pytest.raises(UnknownCall, match="'c9'"):
        ask(dark(ONE), 1, call="c9")
    assert going_on(run) == []


RESIDENTS = {ONE: FIRST, FIVE: FIRST, TWO: SECOND, THREE: THIRD, FOUR: FOURTH}


@dataclass
class Outage:
    """What one outage is to a clerk with a notebook."""

    building: int | None  # None: the whole feeder
    began: datetime
    numbers: dict[str, str | None] = field(default_factory=dict)

    def covers(self, account: str) -> bool:
        home = RESIDENTS[account]
        return self.building == home or (self.building is None and home != FOURTH)


def clerk(notebook: list[Outage], account: str) -> Outage | None:
    fitting = [outage for outage in notebook if outage.covers(account)]
    return min(fitting, key=lambda outage: outage.building is not None, default=None)


def write_down(notebook: list[Outage], account: str, now: datetime) -> tuple[Outage, bool]:
    """The outage that a report belongs to, and whether it was known before."""
    outage = clerk(notebook, account)
    known = outage is not None
    if outage is None:
        outage = Outage(RESIDENTS[account], now)
        notebook.append(outage)
    outage.numbers.setdefault(account, None)
    fresh = [each for each in notebook if each.building not in (None, FOURTH) and each.began >= now - FEEDER_WITHIN]
    if outage.building not in (None, FOURTH) and len(fresh) >= FEEDER_BUILDINGS:
        whole = Outage(None, fresh[0].began)
        for each in fresh:
            whole.numbers |= each.numbers
            notebook.remove(each)
        notebook.append(whole)
        return whole, True
    return outage, known


steps = st.tuples(
    st.sampled_from(["report", "report", "report", "restore", "wait"]), st.sampled_from(sorted(RESIDENTS))
)


@given(st.lists(steps, max_size=16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
def test_the_store_agrees_with_a_clerk_who_keeps_a_notebook(run: Run, script: list[tuple[str, str]]):
    def fresh_page(conn: Connection) -> None:
        for table in (outage_reports, incidents):
            conn.execute(delete(table))
        if not conn.execute(select(buildings).where(buildings.c.id == FIRST)).first():
            settle(conn)

    run(fresh_page)
    now, notebook = NOW, list[Outage]()
    ask, act = caller(run), staff(run)
    for what, account in script:
        if what == "wait":
            now += HOUR
        elif what == "restore":
            outage = clerk(notebook, account)
            if outage is None:
                continue
            notebook.remove(outage)
            for incident in going_on(run):
                if incident.building == outage.building:
                    act(RestoreIncident(incident.id), at=now)
        else:
            outage, known = write_down(notebook, account, now)
            news = ask(dark(account), at=now)
            assert (news.known, news.neighbours) == (known, len(outage.numbers) - 1)
            assert outage.numbers[account] in (None, news.number)
            outage.numbers[account] = news.number
        assert sorted((each.building or 0, each.reports) for each in going_on(run)) == sorted(
            (each.building or 0, len(each.numbers)) for each in notebook
        )


def test_two_controllers_report_and_the_second_is_told_to_leave_the_call(run: Run, ask: Ask):
    run(lambda conn: calls.begin(conn, Began("c2", None, "100", NOW), "controller-2"))
    first = ask(dark(ONE), 1, call="c2")
    with pytest.raises(AlreadyAnswered):
        ask(dark(TWO), 1, call="c2")
    assert ask(AskSupply(ONE)).number == first.number


def test_two_controllers_at_once_agree_upon_one_outage(store: Store, url: str):
    """Forty customers of three buildings call within a moment, and every second one is another controller's."""

    def people(conn: Connection) -> list[str]:
        demo.load(conn, NOW)
        settle(conn)
        crowd = [f"20000000{n:02d}" for n in range(40)]
        for n, account in enumerate(crowd):
            conn.execute(insert(accounts).values(number=account, building=(FIRST, SECOND, THIRD)[n % 3]))
        return crowd

    crowd = store.write(people).result()
    with Store.open(url) as other:
        told = [
            mine.write(lambda conn, a=account: perform(conn, dark(a), call=None, seq=None, at=NOW))
            for account, mine in zip(crowd, cycle((store, other)), strict=False)
        ]
        news = [each.result() for each in told]
    assert len({each.number for each in news}) == len(crowd)
    (whole,) = store.read(duties.incidents_open).result()
    assert (whole.building, whole.feeder, whole.reports) == (None, "F1", len(crowd))
