"""Where a conversation is and was, by the names of its map."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.model import Began, Outcome
from ivr.dialog import Answer, Back, GaveUp, goodbye, on_keys, transfer, yes_no
from ivr.dialog.chart import Chart, drawn
from ivr.dialog.explore import explore
from ivr.dialog.followed import Followed

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
BEGAN = Began("call-1", None, "100", AT)
CHOICE = on_keys(("1", "inner"), ("2", "people"))


async def inner(call):
    await call.say("hello")
    return await call.ask("sure", yes_no)


async def outer(call):
    if await call.ask("choice", CHOICE) == "people":
        return transfer("wished")
    try:
        sure = await call.hold(inner)
    except Back:
        return goodbye(Outcome.ABANDONED)
    return goodbye(Outcome.INFORMED if sure else Outcome.ABANDONED)


def follow(*answers):
    dialog = Followed(outer, BEGAN)
    for n, (heard, interruption) in enumerate(answers, 1):
        turn = dialog.turn
        dialog.answer(Answer(turn.label, turn.asked, AT + timedelta(seconds=n), heard, None, interruption))
    return dialog


def way(dialog):
    return [f"{one.part}:{one.spot}" for one in dialog.visited]


def test_a_part_is_a_spot_of_its_holder_and_has_spots_of_its_own():
    dialog = follow(("1", None), (None, None), ("1", None))

    assert way(dialog) == [
        "outer:choice",
        "outer:inner",
        "inner:hello",
        "inner:sure",
        "inner:back: yes",
        "outer:end: informed",
    ]
    assert [(one.at - AT).total_seconds() for one in dialog.visited] == [0, 1, 1, 2, 3, 3]


def test_it_knows_which_parts_are_held_now():
    assert follow(("1", None)).parts == ["outer", "inner"]
    assert follow(("1", None), (None, None), ("2", None)).parts == ["outer"]


def test_a_part_that_is_interrupted_is_left_by_that_name():
    assert way(follow(("1", None), (None, None), (None, Back.name)))[-2:] == [
        "inner:back: back",
        "outer:end: abandoned",
    ]
    assert way(follow((None, GaveUp.name)))[-1] == "outer:end: transferred to agents"


@pytest.mark.parametrize("answers", [[("2", None)], [("1", None), (None, None), ("1", None)], [("1", None)]])
def test_every_spot_that_people_reach_is_on_the_map(answers):
    charts = drawn([explore(outer, BEGAN, lambda command: {})])

    for one in follow(*answers).visited:
        chart: Chart = charts[one.part]
        endings = {f"end: {outcome}" for node in chart.nodes.values() for outcome in node.outcomes}
        assert one.spot in {node.name for node in chart.drawn} | endings


def test_the_map_as_data_is_the_same_in_whatever_order_it_was_drawn():
    found = explore(outer, BEGAN, lambda command: {})
    once, twice = drawn([found])["outer"], drawn([found, found])["outer"]
    once.nodes = dict(reversed(once.nodes.items()))

    assert once.data() == twice.data()
    assert once.data()["begins"] == ["choice"]
    assert {"name": "inner", "kind": "part"} in once.data()["nodes"]
    assert ["choice", "inner", ["press 1"]] in once.data()["ways"]
