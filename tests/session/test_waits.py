"""How long callers waited, told from Asterisk's record: its lines as a real one wrote them."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from domain import analytics, tallies
from domain.rules import local_day
from domain.tallies import Wait, Waited
from domain.window import Span
from ivr.service.cel import FILE
from ivr.service.waits import take_in, told

BEGAN = 1795323962.0  # 2026-11-22 05:06:02 UTC


@pytest.fixture
def exchange(tmp_path):
    """Asterisk's run directory, to which events can be written."""
    return Exchange(tmp_path / "exchange")


class Exchange:
    def __init__(self, run: Path) -> None:
        self.run = run
        (run / FILE).parent.mkdir(parents=True)

    def events(self, *events, call="c.0", linked=None, number=None, mode="a"):
        """Each: seconds, kind, context, application, dial status."""
        lines = []
        for at, kind, context, app, *status in events:
            extra = f'{{""hangupcause"":16,""dialstatus"":""{status[0]}""}}' if status else ""
            cells = (f"{BEGAN + at:.6f}", kind, call, linked or call, "PJSIP/x", "s", context, app, extra)
            lines.append(",".join(f'"{cell}"' for cell in cells) + "\n")
        path = self.run / FILE
        path = path if number is None else path.with_name(f"{path.name}.{number}")
        with path.open(mode) as file:
            file.writelines(lines)
        return path


ANSWERED = [
    (0.0, "CHAN_START", "incoming", ""), (0.4, "ANSWER", "call", "Answer"),
    (0.5, "APP_START", "call", "StasisBroadcast"),
]  # fmt: skip
RELEASED = [(30.0, "APP_END", "call", "StasisBroadcast")]
RINGS = [(34.0, "APP_START", "agents", "Dial")]


def gone(at, context="agents", status=""):
    return [(at, "HANGUP", context, "", status), (at, "CHAN_END", context, "")]


def people(exchange):
    return [(each.n, each.seconds, each.ended) for each in told(exchange.run) if each.kind is Wait.PEOPLE]


def test_a_wait_for_people_lasts_from_the_end_of_the_conversation_to_the_bridge(exchange):
    bridged = [(41.5, "BRIDGE_ENTER", "agents", "Dial"), (90.0, "BRIDGE_EXIT", "agents", "Dial"),
               (90.0, "APP_END", "agents", "Dial")]  # fmt: skip
    exchange.events(*ANSWERED, *RELEASED, *RINGS, *bridged, *gone(90.0, status="ANSWER"))
    answer, handed = told(exchange.run)
    assert (answer.kind, round(answer.seconds, 3), answer.ended) == (Wait.ANSWER, 0.4, Waited.ANSWERED)
    assert (handed.kind, round(handed.seconds, 3), handed.ended) == (Wait.PEOPLE, 11.5, Waited.ANSWERED)
    assert handed.began_at.timestamp() == BEGAN + 30.0


def test_who_hangs_up_while_it_rings_left(exchange):
    ends = [(50.0, "APP_END", "agents", "Dial")]
    exchange.events(*ANSWERED, *RELEASED, *RINGS, *ends, *gone(50.0, status="CANCEL"))
    assert people(exchange) == [(0, 20.0, Waited.LEFT)]


def test_who_hangs_up_while_connecting_is_said_left_too(exchange):
    exchange.events(*ANSWERED, *RELEASED, *gone(32.0))
    assert people(exchange) == [(0, 2.0, Waited.LEFT)]


def test_nobody_answers_and_the_second_time_somebody_does(exchange):
    again = [
        (60.0, "APP_END", "agents", "Dial"), (60.1, "APP_START", "agents", "StasisBroadcast"),
        (80.0, "APP_END", "agents", "StasisBroadcast"), (83.0, "APP_START", "agents", "Dial"),
        (85.0, "BRIDGE_ENTER", "agents", "Dial"), (99.0, "APP_END", "agents", "Dial"),
    ]  # fmt: skip
    exchange.events(*ANSWERED, *RELEASED, *RINGS, *again, *gone(99.0, status="ANSWER"))
    assert people(exchange) == [(0, 30.0, Waited.UNANSWERED), (1, 5.0, Waited.ANSWERED)]


def test_a_call_that_came_back_and_ended_with_us_waited_once(exchange):
    back = [(60.0, "APP_END", "agents", "Dial"), (60.1, "APP_START", "agents", "StasisBroadcast"),
            (80.0, "APP_END", "agents", "StasisBroadcast")]  # fmt: skip
    exchange.events(*ANSWERED, *RELEASED, *RINGS, *back, *gone(80.0, status="NOANSWER"))
    assert people(exchange) == [(0, 30.0, Waited.UNANSWERED)]


def test_a_call_that_the_machine_ended_waited_for_nobody(exchange):
    exchange.events(*ANSWERED, *RELEASED, *gone(30.0, context="call"))
    assert people(exchange) == []


def test_a_call_for_which_there_was_no_line_was_not_answered(exchange):
    exchange.events((0.0, "CHAN_START", "incoming", ""), *gone(0.2, context="call"))
    (one,) = told(exchange.run)
    assert (one.kind, one.ended) == (Wait.ANSWER, Waited.UNANSWERED)


def test_telephones_of_operators_are_no_callers(exchange):
    exchange.events(*ANSWERED, *gone(5.0, "nowhere"), call="agent.1", linked="c.0")
    assert list(told(exchange.run)) == []


def test_a_call_that_goes_on_is_told_when_it_is_over_and_each_once(exchange, hotline):
    exchange.events(*ANSWERED, *RELEASED, *RINGS)
    assert take_in(exchange.run, hotline.store) == 0
    exchange.events((40.0, "BRIDGE_ENTER", "agents", "Dial"), *gone(70.0, status="ANSWER"))
    assert take_in(exchange.run, hotline.store) == 2
    assert take_in(exchange.run, hotline.store) == 0
    day = local_day(hotline.store.read(tallies.waits_reach).result())
    found = hotline.store.read(lambda conn: analytics.service(conn, Span(day, day))).result()
    assert (found.people.answered, found.people.within, found.people.median) == (1, 1, 10)


def test_calls_go_on_from_one_file_to_the_next_and_old_files_are_left_out(exchange):
    older = exchange.events(*ANSWERED, *RELEASED, number=1)
    exchange.events(*RINGS, (36.0, "BRIDGE_ENTER", "agents", "Dial"), *gone(70.0, status="ANSWER"))
    assert people(exchange) == [(0, 6.0, Waited.ANSWERED)]
    (first, *_) = told(exchange.run)
    os.utime(older, (BEGAN, BEGAN))
    assert list(told(exchange.run, first.began_at + timedelta(hours=1))) == [], "its beginning is not there"


def test_lines_that_are_none_and_torn_ones_harm_nobody(exchange):
    exchange.events(*ANSWERED)
    with (exchange.run / FILE).open("a") as file:
        file.write('"x","y"\n\n"abc","HANGUP","c.0","c.0","","","","",""\n\0\0\n')
    exchange.events(*gone(9.0, context="call"))
    with (exchange.run / FILE).open("a") as file:
        file.write('"17953')
    assert [each.kind for each in told(exchange.run)] == [Wait.ANSWER]


def test_no_record_is_no_wait(tmp_path):
    assert list(told(tmp_path)) == []
