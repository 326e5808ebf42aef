"""The customers who are made in numbers."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select
from stdnum.eu import eic

from domain import demo, phone, rules
from domain.commands import AskStatement, FindAccount
from domain.demo.fiction import account_number, person
from domain.demo.generate import generate
from domain.handlers import perform
from domain.model import AccountKind, Energy, RequestState, Source, Zone
from domain.store import Store
from domain.tables import accounts, billings, bills, incidents, orders, readings, registers, requests
from tests.domain.conftest import NOW

COUNT = 120


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory):
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('demo') / 'hotline.db'}") as store:
        generate(store, COUNT, at=NOW)
        yield store


def rows(store: Store, query: Any) -> list[tuple[Any, ...]]:
    return store.read(lambda conn: [tuple(row) for row in conn.execute(query)]).result()


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    of = (accounts, registers, readings, billings, bills)
    return {table.name: rows(store, select(table).order_by(*table.primary_key)) for table in of}


def test_they_are_the_same_again_and_another_seed_makes_others(loaded: Store, store: Store, tmp_path: Any):
    generate(store, COUNT, at=NOW)
    assert contents(store) == contents(loaded)
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        generate(other, 10, at=NOW, seed=2)
        values = select(readings.c.value).order_by(readings.c.id).limit(10)
        assert rows(other, values) != rows(store, values)


def test_loading_again_changes_nothing_and_more_adds_the_rest(store: Store):
    generate(store, 30, at=NOW)
    before = contents(store)
    again = generate(store, 30, at=NOW)
    assert (again.accounts, again.readings, again.matters) == (0, 0, 0)
    assert contents(store) == before
    assert generate(store, 40, at=NOW).accounts == 10
    assert contents(store)["readings"][: len(before["readings"])] == before["readings"]


def test_the_dozen_made_by_hand_and_the_generated_ones_go_together(store: Store):
    assert store.write(lambda conn: demo.load(conn, NOW)).result() == len(demo.DEMOS)
    assert generate(store, 10, at=NOW).accounts == 10
    assert store.write(lambda conn: demo.load(conn, NOW)).result() == 0


def test_no_number_belongs_to_anybody_and_every_code_is_sound():
    people = [person(n, 1) for n in (*range(3000), 999_999, 6_999_999)]

    assert all(rules.account_number_is_sound(each.number) for each in people)
    assert [each.number for each in people] == sorted(each.number for each in people)
    assert all(eic.is_valid(each.eic) for each in people)
    numbers = [each.phone for each in people if each.phone]
    assert all(phone.e164(number) == number and number[6] == "0" for number in numbers), (
        "a subscriber's begins not so"
    )
    assert len(numbers) - len(set(numbers)) == 30, "one of a hundred calls for two accounts"
    places = {each.number: (each.building, each.flat) for each in people if each.flat}
    assert len(set(places.values())) == len(places), "nobody lives in another's flat"
    houses = {each.building: each.feeder for each in people}
    assert len(set(houses)) < len(people)


def test_they_are_of_every_kind(loaded: Store):
    people = [person(n, 1) for n in range(COUNT)]
    faces = [face for each in people for face in each.faces]
    assert {each.kind for each in people} == set(AccountKind)
    assert {c.zone for face in faces for c in face.counters} == set(Zone)
    assert {c.energy for face in faces for c in face.counters} == set(Energy)
    assert {face.smart for face in faces} == {True, False}
    assert any(face.multiplier > 1 for face in faces)
    assert max(len(each.faces) for each in people) == 2
    households = [each for each in people if each.kind is AccountKind.HOUSEHOLD]
    assert all(c.energy is Energy.ACTIVE for each in households for face in each.faces for c in face.counters)


def test_two_years_lie_behind_them_read_by_everybody_and_a_quarter_estimated(loaded: Store):
    found = dict(rows(loaded, select(readings.c.source, func.count()).group_by(readings.c.source)))
    billed = rows(loaded, select(func.count()).select_from(billings))[0][0]

    assert set(found) == set(Source)
    assert 0.15 < found[Source.ESTIMATE] / billed < 0.3
    months = [month for (month,) in rows(loaded, select(bills.c.period).distinct().order_by(bills.c.period))]
    assert (months[0], months[-1], len(months)) == (date(2024, 11, 1), date(2026, 10, 1), 24)
    assert rows(loaded, select(func.count()).select_from(bills)) == [(24 * COUNT,)]
    inputs = rows(loaded, select(readings.c.inputs).where(readings.c.source == Source.ESTIMATE))
    assert all("method" in text for (text,) in inputs)


def test_nothing_lies_in_the_future_and_every_reading_fits_its_display(loaded: Store):
    today = rules.local_day(NOW)
    [(read_on, at)] = rows(loaded, select(func.max(readings.c.read_on), func.max(readings.c.at)))
    [(paid_on,)] = rows(loaded, select(func.max(bills.c.paid_on)))
    assert max(read_on, paid_on) <= today
    assert at <= NOW
    wide = select(readings.c.value, registers.c.width).join(registers, registers.c.id == readings.c.register)
    assert all(0 <= value < 10**width for value, width in rows(loaded, wide))


def test_winter_costs_more_than_summer(loaded: Store):
    used = dict(rows(loaded, select(bills.c.period, func.sum(bills.c.kwh)).group_by(bills.c.period)))

    assert used[date(2026, 1, 1)] > 1.1 * used[date(2026, 7, 1)]


def test_a_generated_customer_is_answered_like_any_other(loaded: Store):
    for n in range(0, COUNT, 7):
        number = account_number(n)
        account = loaded.read(lambda conn, of=number: perform(conn, FindAccount(of), call=None, seq=None, at=NOW))
        found = account.result()
        assert found is not None
        assert found.region
        assert all(r.last is not None for meter in found.meters for r in meter.registers)
        answer = loaded.read(lambda conn, of=number: perform(conn, AskStatement(of), call=None, seq=None, at=NOW))
        statement = answer.result()
        assert statement.last is not None
        assert statement.last.period == date(2026, 10, 1)
        active = [each for each in statement.last.readings if each.energy is Energy.ACTIVE]
        assert len(active) == len([r for m in found.meters for r in m.registers if r.energy is Energy.ACTIVE])


def test_requests_are_in_every_state_and_outages_open_and_over(store: Store):
    generate(store, 400, at=NOW)

    assert {state for (state,) in rows(store, select(requests.c.state))} == set(RequestState) - {RequestState.DRAFT}
    over = [row[0] is not None for row in rows(store, select(incidents.c.restored_at))]
    assert {True, False} <= set(over)
    done = [row[0] is not None for row in rows(store, select(orders.c.done_at))]
    assert {True, False} <= set(done)


def test_too_many_are_refused(store: Store):
    with pytest.raises(ValueError, match="at most 7,000,000"):
        generate(store, 7_000_001, at=NOW)
