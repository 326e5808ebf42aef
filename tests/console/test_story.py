"""What a call's journal and moments tell of it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import calls, demo, moments
from domain.calls import CallRecord, Line
from domain.model import Began, Outcome
from domain.store import Store
from flows import FLOWS
from ivr.journal import Journal
from ivr.session import House, Session
from ivr.simulator.given import prepare
from ivr.simulator.scenario import load
from ivr.simulator.text import Script, TextLine, TextTape
from ivr.story import Board, live, story
from prompts import Catalogue

SCENARIOS = Path(__file__).parents[1] / "conversations"

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
BEGAN = Began("call-1", None, "100", AT)


def line(seq, seconds, label, asked=None, **more):
    return Line(seq, AT + timedelta(seconds=seconds), label, asked or label, **more)


def test_a_call_of_which_nothing_is_known_has_a_story_all_the_same():
    told = story(CallRecord(BEGAN, "here"), ())

    assert (told.flow, told.language, told.accounts, told.doubts) == ("main_menu", "uk", [], [])
    assert [event.kind for event in told.events] == []


def test_a_journal_that_no_flow_can_follow_tells_what_its_lines_say():
    lines = [
        line(0, 1, "riddle", "riddle(of=sphinx)", heard="1"),
        line(1, 3, "SubmitReading", "SubmitReading(account='1000000083', ...)", result='{"number":"00000013"}'),
        line(2, 4, "another", interruption="wants agent"),
    ]
    ended = CallRecord(BEGAN, "here", AT + timedelta(seconds=5), Outcome.TRANSFERRED, "agents", "wants agent")

    told = story(ended, lines)

    assert told.diverged is not None
    assert "riddle" in told.diverged
    assert [(event.kind, event.label) for event in told.events] == [
        ("step", "riddle"),
        ("deed", "SubmitReading"),
        ("step", "another"),
        ("doubt", "wants_agent"),
        ("handed_over", "agents"),
        ("ended", "transferred"),
    ]
    assert told.events[1].facts["words"] == {"number": "00000013"}
    assert told.accounts == ["1000000083"]
    assert told.doubts == [4.0]


# Calls of the scenarios, held as text


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Hold a scenario; its record, lines and moments."""
    catalogue = Catalogue.load()

    def hold(name, *, spoken=()):
        scenario = load(SCENARIOS / f"{name}.yaml")
        store_at = tmp_path_factory.mktemp("story") / "hotline.db"
        with Store.open(f"sqlite:///{store_at}") as store:
            store.write(lambda conn: (demo.load(conn, AT), prepare(conn, scenario.given, AT))).result()
            line = TextLine(
                Began("call-1", scenario.caller, scenario.dialled, AT), Script(scenario.steps), catalogue.seconds
            )
            house = House(
                FLOWS["main_menu"],
                catalogue,
                Journal(store, "here"),
                returned=FLOWS["nobody_free"],
                spoken=lambda: spoken,
                tape=TextTape(catalogue.seconds),
            )

            async def conduct():
                await Session(house, line).run()
                while line.give_back():
                    await Session(house, line).run()

            asyncio.run(conduct())
            return store.read(
                lambda conn: (calls.one(conn, "call-1"), calls.lines(conn, "call-1"), moments.of_call(conn, "call-1"))
            ).result()

    return cache(hold)


def kinds(told, *wanted):
    return [(event.kind, event.label) for event in told.events if event.kind in wanted]


def test_a_reading_by_keys_from_the_first_prompt_to_the_outcome(held):
    record, lines, happened = held("one_reading")
    told = story(record, lines, happened)

    assert (told.flow, told.language, told.accounts) == ("main_menu", "uk", ["1000000083"])
    assert (told.diverged, told.fully) == (None, True)
    assert kinds(told, "deed", "handed_over", "hung_up", "ended") == [
        ("deed", "SubmitReading"),
        ("ended", "reading_taken"),
    ]
    deed = next(event for event in told.events if event.kind == "deed")
    assert (
        deed.facts["words"] | {"value": 104700, "account": "1000000083", "number": "00000013"} == deed.facts["words"]
    )
    pressed = "".join(event.label for event in told.events if event.kind == "key")
    assert pressed.startswith("111000000083")
    notice = next(event for event in told.events if event.label == "notice")
    assert "Розмова записується" in notice.text
    assert notice.until - notice.at > 3
    steps = [event for event in told.events if event.kind == "step"]
    assert all(event.at <= event.until for event in steps)
    assert [event.label for event in steps][:3] == ["languages", "menu", "account"]
    assert told.doubts == [], "silence at the end is no doubt"
    assert [event.at for event in told.events] == sorted(event.at for event in told.events)


def test_visits_lie_on_the_maps_that_the_console_draws(held):
    charts = json.loads((SCENARIOS.parents[1] / "ivr/console/web/maps.json").read_text("utf-8"))["charts"]
    told = story(*held("one_reading"))

    places = {
        part: {node["name"] for node in chart["nodes"]}
        | {f"end: {outcome}" for node in chart["nodes"] for outcome in node.get("outcomes", ())}
        for part, chart in charts.items()
    }
    assert [(visit.part, visit.spot) for visit in told.visits if visit.spot not in places[visit.part]] == []
    assert ("settle", "read_back") in [(visit.part, visit.spot) for visit in told.visits]
    assert (told.visits[0].spot, told.visits[-1].spot) == ("RecogniseCaller", "end: reading_taken")


def test_words_have_their_times_and_a_voice_stops_a_prompt(held):
    told = story(*held("complaint_by_voice", spoken=("uk", "ru")))

    said = next(event for event in told.events if event.kind == "said")
    assert [word for word, *_ in said.facts["each"]] == said.text.split()
    assert said.at == said.facts["each"][0][1]
    assert ("barge_in", "voice") in kinds(told, "barge_in")
    story_told = [event for event in told.events if event.kind == "told"]
    assert story_told
    assert all(event.until > event.at for event in story_told)


def test_people_who_do_not_answer_stand_between_two_conversations(held):
    told = story(*held("nobody_answers"))

    assert kinds(told, "handed_over", "returned", "ended")[:2] == [("handed_over", "agents"), ("returned", "1")]
    parts = [visit.part for visit in told.visits]
    assert parts.index("nobody_free") > parts.index("main_menu")
    assert ("doubt", "wants_agent") in kinds(told, "doubt")
    assert told.doubts


@pytest.mark.parametrize("name", ["one_reading", "nobody_answers", "complaint", "silence"])
def test_a_call_from_before_moments_were_kept_has_the_same_steps_deeds_and_visits(held, name):
    record, lines, happened = held(name)
    told, without = story(record, lines, happened), story(record, lines)

    assert not without.fully
    assert without.visits == told.visits
    assert kinds(without, "step", "deed", "ended") == kinds(told, "step", "deed", "ended")
    assert kinds(without, "prompt", "key") == []


@given(st.data())
def test_no_rows_make_a_story_fail(held, data):
    """Lines and moments lost, out of order, or changed."""
    record, lines, happened = held("one_reading")
    some = data.draw(st.lists(st.sampled_from(lines), max_size=20))
    words = st.sampled_from(["", "?", "1", "menu", "2026-10-01/x", "null", '{"number": []}'])
    broken = [
        replace(
            one, heard=data.draw(words), result=data.draw(words), label=data.draw(st.sampled_from([one.label, "x"]))
        )
        for one in some
    ]
    told = data.draw(st.lists(st.sampled_from(happened), max_size=30))
    odd = [replace(one, kind=data.draw(st.sampled_from([one.kind, "unheard_of"]))) for one in told]

    found = story(record, broken, odd)

    assert all(event.until is None or isinstance(event.until, float) for event in found.events)


# Calls in progress


@pytest.mark.parametrize(
    ("answered", "at"),
    [
        (1, ("choose_language", "languages")),
        (2, ("main_menu", "HearAnnouncements")),
        (6, ("main_menu", "menu")),
        (7, ("ask_account", "account")),
        (11, ("settle", "value_again")),
    ],
)
def test_a_call_in_progress_is_where_the_next_question_is(held, answered, at):
    record, lines, happened = held("one_reading")
    going = replace(record, ended_at=None, outcome=None)
    now = lines[answered - 1].at + timedelta(seconds=4)

    (one,) = live([going], {"call-1": lines[:answered]}, {"call-1": happened[:1]}, now)

    assert (one.part, one.spot) == at
    assert one.since == 4
    assert one.seconds == (now - AT).total_seconds()
    assert (one.flow, one.language, one.diverged) == ("main_menu", "uk", False)
    assert one.account == ("1000000083" if answered > 8 else None)


def test_the_board_reads_only_calls_that_have_grown(held, tmp_path, monkeypatch):
    record, lines, happened = held("one_reading")
    read = []
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as store:

        def fill(conn):
            for call in ("a", "b"):
                calls.begin(conn, replace(record.began, call=call), "here")
                for one in lines[:7]:
                    calls.append(conn, call, one)
                moments.append(conn, call, happened[:3])

        def look():
            return store.read(lambda conn: board.look(conn, AT + timedelta(seconds=60))).result()

        store.write(fill).result()
        several = calls.lines_of
        monkeypatch.setattr(calls, "lines_of", lambda conn, names: read.append(list(names)) or several(conn, names))
        board = Board()

        assert [(one.call.began.call, one.spot) for one in look()] == [("a", "account"), ("b", "account")]
        look()
        store.write(lambda conn: calls.append(conn, "b", lines[7])).result()
        assert [(one.call.began.call, one.spot) for one in look()] == [("a", "account"), ("b", "FindAccount")]
        store.write(lambda conn: calls.end(conn, "a", Outcome.ABANDONED, at=AT)).result()
        assert [one.call.began.call for one in look()] == ["b"]

    assert read == [["a", "b"], [], ["b"], []]
