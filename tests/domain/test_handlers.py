"""What the business answers, and that it does everything once."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from domain import calls, commands, demo, desk, desk_readings, readings, rules
from domain.calls import AlreadyAnswered, Line, UnknownCall
from domain.commands import Command, FindAccount, RecogniseCaller, RememberLanguage, SubmitReading
from domain.handlers import HANDLERS, Unanswerable, perform
from domain.model import Account, Began, Doubt, KnownCaller, Language, Receipt, Register, Source, Status, Zone
from domain.tables import accounts, meters, registers
from tests.domain.conftest import NOW, Run

TWO_ZONES = "1000000047"
TODAY = date(2026, 11, 30)


def ask(run: Run, command: Command[Any], seq: int | None = None, *, call: str | None = "c1") -> Any:
    return run(lambda conn: perform(conn, command, call=None if seq is None else call, seq=seq, at=NOW))


def day(value: int, doubt: Doubt | None = None) -> SubmitReading:
    return SubmitReading(TWO_ZONES, "0200004", Zone.DAY, value, doubt, zones_left=1)


def night(value: int) -> SubmitReading:
    return SubmitReading(TWO_ZONES, "0200004", Zone.NIGHT, value)


def shown(run: Run, account: str = TWO_ZONES) -> tuple[Register, ...]:
    return ask(run, FindAccount(account)).meters[0].registers


def test_every_command_has_exactly_one_handler():
    def kinds(kind: type[Command[Any]]) -> set[type[Command[Any]]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))

    assert set(HANDLERS) == {
        kind
        for kind in kinds(Command)
        if kind is not Command and kind.__module__ in (commands.__name__, desk.__name__, desk_readings.__name__)
    }
    assert len(set(HANDLERS.values())) == len(HANDLERS)


def test_an_account_is_found_with_all_its_meters_and_registers_in_order(run: Run):
    for each in demo.DEMOS:
        found = ask(run, FindAccount(each.account))
        assert [meter.number for meter in found.meters] == [meter.number for meter in each.meters]
        for meter, loaded in zip(found.meters, each.meters, strict=True):
            assert (meter.power, meter.multiplier) == (loaded.power, loaded.multiplier)
            assert [(r.zone, r.width, r.last, r.usual) for r in meter.registers] == [
                (r.zone, r.width, r.last, r.usual) for r in loaded.registers
            ]


def test_an_account_that_nobody_has_is_none(run: Run):
    assert ask(run, FindAccount("9999999999")) is None


def test_a_meter_without_registers_is_a_meter(run: Run):
    run(lambda conn: conn.execute(insert(meters).values(account="1000000132", number="x", multiplier=1, power=1.0)))
    (meter,) = ask(run, FindAccount("1000000132")).meters
    assert meter.registers == ()


@pytest.mark.parametrize("language", Language)
def test_a_known_caller_is_greeted_in_the_language_that_they_chose(run: Run, language: Language):
    number = next(number for number, chosen in demo.LANGUAGES.items() if chosen == language)
    caller = ask(run, RecogniseCaller(number))
    assert caller.language == language
    assert [account.number for account in caller.accounts] == [d.account for d in demo.DEMOS if number in d.callers]


def test_a_caller_with_two_accounts_has_both(run: Run):
    caller = ask(run, RecogniseCaller("+380440000004"))
    assert caller.language is None
    assert caller.accounts == tuple(ask(run, FindAccount(number)) for number in ("1000000110", "1000000129"))


@pytest.mark.parametrize("number", [None, "+380449999999", "anonymous"])
def test_a_number_that_nobody_knows_tells_nothing(run: Run, number: str | None):
    assert ask(run, RecogniseCaller(number)) == KnownCaller()


def test_a_language_is_remembered_for_new_numbers_and_changed_for_known_ones(run: Run):
    for number in ("+380440000001", "+380440000099"):
        for language in (Language.RU, Language.EN):
            assert ask(run, RememberLanguage(number, language), 0) is None
            assert ask(run, RecogniseCaller(number)).language == language
    assert [each.number for each in ask(run, RecogniseCaller("+380440000001")).accounts] == ["1000000018"]


def test_a_reading_becomes_the_registers_last_value_on_the_day_in_kyiv(run: Run):
    receipt = ask(run, day(10600), 7)
    by_day, by_night = shown(run)
    assert (by_day.last, by_day.last_on) == (10600, TODAY)
    assert (by_night.last, by_night.last_on) == (6120, TODAY - timedelta(days=30))
    assert run(lambda conn: readings.stored(conn, call="c1")) == [
        readings.StoredReading(
            TWO_ZONES, "0200004", Zone.DAY, 10600, TODAY, NOW, Source.CALLER, Status.ACCEPTED, None,
            "c1", receipt.number, 7,
        )
    ]  # fmt: skip


def test_a_doubtful_reading_is_kept_and_does_not_count(run: Run):
    assert isinstance(ask(run, day(9000, Doubt.LOWER), 3), Receipt)
    assert shown(run)[0].last == 10450
    (kept,) = run(lambda conn: readings.stored(conn, call="c1"))
    assert (kept.value, kept.status, kept.doubt) == (9000, Status.DOUBTFUL, Doubt.LOWER)


def test_the_later_of_two_values_counts_and_both_are_kept(run: Run):
    ask(run, day(10600), 1)
    ask(run, day(10590), 2)
    assert shown(run)[0].last == 10590
    assert [each.value for each in run(lambda conn: readings.stored(conn, call="c1"))] == [10600, 10590]
    assert [each.value for each in run(lambda conn: readings.stored(conn, account=TWO_ZONES))][-2:] == [10600, 10590]


def test_the_value_of_the_latest_day_counts_even_if_an_older_one_is_stored_later(run: Run):
    ask(run, day(10600), 1)
    run(lambda conn: perform(conn, day(10500), call="c1", seq=2, at=NOW - timedelta(days=3)))
    assert shown(run)[0].last == 10600


def test_readings_of_one_call_and_meter_share_a_receipt(run: Run):
    first = ask(run, day(10600), 1)
    assert ask(run, night(6200), 2) == first
    other_meter = ask(run, SubmitReading("1000000060", "0100006", Zone.SINGLE, 4590), 3)
    run(lambda conn: calls.begin(conn, Began("c2", None, "100", NOW), "controller-1"))
    other_call = ask(run, day(10601), 1, call="c2")
    assert len({first, other_meter, other_call}) == 3


def test_a_receipt_has_eight_digits_with_a_check_digit(run: Run):
    assert ask(run, day(10600), 1).number == rules.receipt_number(1)


def test_a_channel_without_a_call_gets_a_receipt_for_each_reading(run: Run):
    one, other = ask(run, day(10600)), ask(run, day(10600))
    assert one != other


def test_a_repeated_command_gets_the_first_receipt_and_stores_nothing(run: Run):
    first = ask(run, day(10600), 1)
    assert ask(run, day(10600), 1) == first
    assert len(run(lambda conn: readings.stored(conn, call="c1"))) == 1


@pytest.mark.parametrize("other", [day(10601), night(10600), day(10600, Doubt.HIGHER),
                                   SubmitReading("1000000060", "0100006", Zone.SINGLE, 4590)])  # fmt: skip
def test_one_line_cannot_submit_two_things(run: Run, other: SubmitReading):
    ask(run, day(10600), 1)
    with pytest.raises(AlreadyAnswered, match="line 1 of call 'c1'"):
        ask(run, other, 1)
    assert [each.value for each in run(lambda conn: readings.stored(conn, call="c1"))] == [10600]


def test_a_line_that_was_answered_undoes_the_reading_that_came_with_it(run: Run):
    run(lambda conn: calls.append(conn, "c1", Line(1, NOW, "value", "?")))

    def late(conn: Any) -> None:
        perform(conn, day(10600), call="c1", seq=1, at=NOW)
        calls.append(conn, "c1", Line(1, NOW, "SubmitReading", ""))

    with pytest.raises(AlreadyAnswered):
        run(late)
    assert run(lambda conn: readings.stored(conn, call="c1")) == []


@pytest.mark.parametrize(
    "command",
    [
        SubmitReading("9999999999", "0200004", Zone.DAY, 1),
        SubmitReading("1000000018", "0200004", Zone.DAY, 1),  # somebody else's meter
        SubmitReading(TWO_ZONES, "0200004", Zone.PEAK, 1),
        SubmitReading(TWO_ZONES, "0200004", Zone.DAY, 1_000_000),
        SubmitReading(TWO_ZONES, "0200004", Zone.DAY, -1),
    ],
)
def test_a_command_about_what_is_not_there_is_refused_whole(run: Run, command: SubmitReading):
    with pytest.raises(Unanswerable):
        ask(run, command, 1)
    assert run(lambda conn: readings.stored(conn, call="c1")) == []


def test_a_reading_of_a_call_that_never_began_is_refused(run: Run):
    with pytest.raises(UnknownCall, match="'c9'"):
        ask(run, day(10600), 1, call="c9")


submitted = st.builds(
    SubmitReading,
    st.just("account"),
    st.sampled_from(("m1", "m2")),
    st.sampled_from((Zone.DAY, Zone.NIGHT)),
    st.integers(0, 99_999),
    st.none() | st.sampled_from(Doubt),
)


@given(st.lists(st.tuples(submitted, st.integers(1, 3)), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_however_often_commands_are_repeated_each_is_done_once(run: Run, script: list[tuple[SubmitReading, int]]):
    number = f"7{len(run(lambda conn: calls.latest(conn, 10_000))):09d}"
    call = f"call-{number}"

    def fresh(conn: Any) -> None:
        calls.begin(conn, Began(call, None, "100", NOW), "controller-1")
        conn.execute(insert(accounts).values(number=number))
        for name in ("m1", "m2"):
            (key,) = conn.execute(
                insert(meters).values(account=number, number=name, multiplier=1, power=15.0)
            ).inserted_primary_key
            for zone in (Zone.DAY, Zone.NIGHT):
                conn.execute(insert(registers).values(meter=key, zone=zone, width=5))

    run(fresh)
    receipts: dict[str, set[Receipt]] = {}
    last: dict[tuple[str, Zone], int] = {}
    for seq, (template, times) in enumerate(script):
        command = SubmitReading(number, template.meter, template.zone, template.value, template.doubt)
        for _ in range(times):
            receipts.setdefault(command.meter, set()).add(ask(run, command, seq, call=call))
        if command.doubt is None:
            last[command.meter, command.zone] = command.value
    assert [each.value for each in run(lambda conn: readings.stored(conn, call=call))] == [c.value for c, _ in script]
    assert all(len(each) == 1 for each in receipts.values())
    account: Account = ask(run, FindAccount(number))
    assert {(m.number, r.zone): r.last for m in account.meters for r in m.registers if r.last is not None} == last
