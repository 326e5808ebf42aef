"""A customer is found by whatever somebody has in front of them, and by an index."""

from datetime import date
from typing import Any

import pytest
from plans import steps
from sqlalchemy import insert, select, update
from test_plans import assert_by_index

from domain import lookup
from domain.lookup import By, Hits
from domain.tables import accounts, buildings, meters
from tests.domain.conftest import Run

EIC = "62Z1234567890123"


def find(run: Run, text: str, **more: Any) -> Hits:
    return run(lambda conn: lookup.look_up(conn, text, **more))


@pytest.mark.parametrize(
    ("text", "account", "by"),
    [
        ("1000000018", "1000000018", By.ACCOUNT),
        ("10 0000 0018", "1000000018", By.ACCOUNT),
        ("044 000-00-01", "1000000018", By.PHONE),
        ("+380440000001", "1000000018", By.PHONE),
        ("0300005", "1000000052", By.METER),
        ("03000", "1000000052", By.METER),
        ("Показова", "1000000018", By.ADDRESS),
        ("показ", "1000000018", By.ADDRESS),
        ("вул. Показова", "1000000018", By.ADDRESS),
        ("Зразкове", "1000000018", By.ADDRESS),
        ("с. Зразкове, вул. показова", "1000000018", By.ADDRESS),
    ],
)
def test_a_customer_is_found(run: Run, text: str, account: str, by: By):
    hits = find(run, text)
    assert (account, by) in [(each.account, each.by) for each in hits.customers]


def test_an_eic_is_found_however_it_is_written(run: Run):
    run(lambda conn: conn.execute(update(accounts).where(accounts.c.number == "1000000018").values(eic=EIC)))
    assert [each.account for each in find(run, f" {EIC.lower()} ").customers] == ["1000000018"]
    assert not find(run, EIC[:-1]).customers


@pytest.fixture
def town(run: Run):
    def job(conn: Any) -> None:
        place = {"region": "Київська", "settlement": "Бровари"}
        for n, (street, house, flat) in enumerate(
            (
                ("вул. Об'їзна", "12а", "3"),
                ("вул. Об'їзна", "12а", "4"),
                ("вул. Об'їзна", "7", None),
                ("Обухівська", "12", None),
            )
        ):
            at = {**place, "street": street, "house": house}
            known = conn.execute(
                select(buildings.c.id).where(buildings.c.street == street, buildings.c.house == house)
            )
            building = known.scalar() or conn.execute(insert(buildings).values(at)).inserted_primary_key[0]
            conn.execute(insert(accounts), {"number": f"200000000{n}", "building": building, "flat": flat})

    run(job)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Об'їзна", [0, 1, 2]),
        ("об’їзна 12А", [0, 1]),
        ("вулиця Об'їзна, буд. 12а, кв. 4", [1]),
        ("Бровари, об'їзна, 7", [2]),
        ("м. Бровари", [0, 1, 2, 3]),
        ("Обухівська 12", [3]),
        ("Обухівська 13", []),
        ("Київ, Об'їзна", []),
        ("Об", []),
        ("Об%", []),
        ("Об'_зна", []),
    ],
)
def test_an_address_finds_who_lives_there(run: Run, town: None, text: str, found: list[int]):
    assert [each.account for each in find(run, text).customers] == [f"200000000{n}" for n in found]


def test_one_caller_may_have_several_accounts(run: Run):
    assert len(find(run, "0440000004").customers) == 2


@pytest.mark.parametrize("text", ["", "123", "Коваль", "%", "_____", "' OR 1=1 --", "044000000"])
def test_what_means_nobody_finds_nobody(run: Run, text: str):
    assert not find(run, text).customers


def test_pages_follow_each_other(run: Run):
    seen: list[str] = []
    after = ""
    while True:
        hits = find(run, "1000", after=after, limit=4)
        seen += [each.account for each in hits.customers]
        if hits.next is None:
            break
        after = hits.next
    assert seen == sorted(set(seen)) and len(seen) >= 12


def test_a_beginning_of_nines_has_no_end(run: Run):
    run(lambda conn: conn.execute(insert(accounts), {"number": "9999999999"}))
    run(
        lambda conn: conn.execute(
            insert(meters), {"account": "9999999999", "number": "99990", "multiplier": 1, "power": 5.0}
        )
    )
    assert [each.account for each in find(run, "9999").customers] == ["9999999999"]
    assert [each.account for each in find(run, "999899").customers] == []


def test_a_removed_meter_finds_its_account_and_is_not_listed_there(run: Run):
    run(
        lambda conn: conn.execute(
            insert(meters),
            {
                "account": "1000000018",
                "number": "OLD-77",
                "multiplier": 1,
                "power": 5.0,
                "removed_on": date(2026, 1, 1),
            },
        )
    )
    (found,) = find(run, " OLD-77").customers
    assert (found.account, found.meters) == ("1000000018", ("0100001",))


@pytest.mark.parametrize(
    "text",
    [
        "1000000018",
        "+380440000001",
        EIC,
        "0300005",
        "03000",
        "AB12345",
        "Показова",
        "Зразкове, Показова 1",
        "Зразкове",
    ],
)
def test_every_way_descends_an_index(run: Run, text: str):
    assert_by_index(run, lambda conn: lookup.look_up(conn, text))


@pytest.mark.parametrize("text", ["1000000018", "0300"])
def test_digits_are_looked_for_among_the_numbers_of_meters_and_not_through_all_meters(run: Run, text: str):
    plan = run(lambda conn: steps(conn, lambda conn: lookup.look_up(conn, text)))
    assert any("ix_meters_number" in step for step in plan), plan
