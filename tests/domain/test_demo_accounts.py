"""The customers who don't exist."""

from datetime import timedelta
from typing import Any

from domain import demo, rules
from domain.commands import FindAccount, SubmitReading
from domain.doubt import Plausible, diagnose
from domain.handlers import perform
from domain.model import Language, Meter, Zone
from tests.domain.conftest import NOW, Run


def listed(run: Run) -> list[demo.Listed]:
    return run(lambda conn: demo.listing(conn, NOW))


def meter(run: Run, account: str, number: str) -> Meter:
    found: Any = run(lambda conn: perform(conn, FindAccount(account), call=None, seq=None, at=NOW))
    return next(each for each in found.meters if each.number == number)


def test_loading_twice_changes_nothing(run: Run):
    before = listed(run)
    assert run(lambda conn: demo.load(conn, NOW + timedelta(days=5))) == 0
    assert listed(run) == before


def test_loading_again_keeps_the_language_that_a_caller_chose_since(run: Run):
    from domain.commands import RecogniseCaller, RememberLanguage

    number = "+380440000001"
    run(lambda conn: perform(conn, RememberLanguage(number, Language.EN), call=None, seq=None, at=NOW))
    run(lambda conn: demo.load(conn, NOW))
    known: Any = run(lambda conn: perform(conn, RecogniseCaller(number), call=None, seq=None, at=NOW))
    assert known.language == Language.EN


def test_every_demo_number_is_sound_and_its_own(run: Run):
    numbers = [each.account for each in demo.DEMOS]
    assert all(rules.account_number_is_sound(number) for number in numbers)
    assert len(set(numbers)) == len(numbers) == len(listed(run))


def test_the_demo_customers_cover_what_the_hotline_must_handle():
    registers = [r for each in demo.DEMOS for m in each.meters for r in m.registers]
    assert {len(m.registers) for each in demo.DEMOS for m in each.meters} == {1, 2, 3}
    assert {len(each.meters) for each in demo.DEMOS} == {0, 1, 2}
    assert {r.zone for r in registers} == set(Zone)
    assert {r.width for r in registers} == {5, 6}
    assert any(m.multiplier > 1 for each in demo.DEMOS for m in each.meters)
    assert any(r.last is None for r in registers)
    assert set(demo.LANGUAGES.values()) == {*Language, None}
    assert {number for each in demo.DEMOS for number in each.callers} == set(demo.LANGUAGES)


def test_what_the_listing_says_to_key_is_plausible_and_can_be_keyed(run: Run):
    rolled = False
    for each in listed(run):
        for value in each.values:
            of = meter(run, each.account, value.meter)
            register = next(r for r in of.registers if r.zone == value.zone)
            assert isinstance(diagnose(of, register, value.value, rules.local_day(NOW)), Plausible)
            rolled = rolled or (register.last is not None and value.value < register.last)
            command = SubmitReading(each.account, value.meter, value.zone, value.value)
            run(lambda conn, command=command: perform(conn, command, call=None, seq=None, at=NOW))
    assert rolled  # the one that is about to
    for each in listed(run):  # and again, now that they were keyed
        for value in each.values:
            of = meter(run, each.account, value.meter)
            register = next(r for r in of.registers if r.zone == value.zone)
            assert isinstance(diagnose(of, register, value.value, rules.local_day(NOW)), Plausible)
