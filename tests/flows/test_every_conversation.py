"""What is proved of the conversations before anyone dials them: all of them, not samples."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from domain.model import Outcome
from flows import FLOWS
from flows.worlds import NOTICES, SHOWN
from ivr.commands.flows import beginnings, digest, explored, missing_words, named, renewed, renewed_parts
from ivr.console.web import uses
from ivr.dialog import Ask
from ivr.dialog.chart import charts
from ivr.dialog.proof import problems
from prompts import Catalogue

REPOSITORY = Path(__file__).parents[2]
SAID_BY_THE_EXCHANGE = {"agents_busy", "connecting", "time_over", "apology"}
"""Prompts that the dialplan plays when no controller is there to."""


MAPS = REPOSITORY / "ivr/console/web/maps.json"


@pytest.fixture(scope="module", params=list(beginnings()), ids=lambda beginning: named(*beginning))
def beginning(request):
    return request.param


_EXPLORED = {}


def once(beginning):
    """Exploring takes seconds: once for all tests of this file."""
    name = named(*beginning)
    if name not in _EXPLORED:
        _EXPLORED[name] = explored(*beginning)
    return _EXPLORED[name]


@pytest.fixture(scope="module")
def found(beginning):
    return once(beginning)


def test_no_caller_meets_a_dead_end_or_is_kept_from_people_or_recorded_unawares(found):
    assert problems(found, notice=NOTICES.get(found.flow, "notice")) == []


def test_every_prompt_has_a_text_in_every_language_and_a_word_for_every_place(found):
    assert missing_words(Catalogue.load(), found.prompts()) == []


def test_no_call_is_longer_than_patience_allows(found):
    assert found.longest < 60


def test_every_branch_of_every_flow_is_taken_by_exploration_alone(tmp_path):
    """What no caller can reach is dead code; what exploration does not reach is not proved."""
    script = (
        "from itertools import product\n"
        "from flows import FLOWS\nfrom flows.worlds import NOTICES, SHOWN, TOLD, WITHHELD, world\n"
        "from ivr.dialog.explore import explore\n"
        "for name, flow in FLOWS.items():\n"
        "    for began, told in product((WITHHELD, SHOWN), TOLD[name]):\n"
        "        explore(flow, began, world, told=told)\n"
    )
    (tmp_path / "all.py").write_text(script)
    run = [sys.executable, "-m", "coverage"]
    options = ["--branch", "--source=flows", "--omit=flows/worlds.py", f"--data-file={tmp_path}/data"]
    subprocess.run([*run, "run", *options, f"{tmp_path}/all.py"], cwd=REPOSITORY, check=True, env=_environment())
    subprocess.run(
        [*run, "json", "-q", f"--data-file={tmp_path}/data", "-o", f"{tmp_path}/report.json"],
        cwd=REPOSITORY,
        check=True,
    )

    report = json.loads((tmp_path / "report.json").read_text())
    gaps = {name: file["missing_lines"] + file["missing_branches"] for name, file in report["files"].items()}
    assert {name: gap for name, gap in gaps.items() if gap} == {}
    assert report["totals"]["percent_covered"] == 100


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def test_the_maps_show_every_question_and_every_ending(found):
    drawn = charts(found)

    for one in found.maps():
        assert drawn[one.flow].startswith("flowchart TD")
        for spot in one.spots:
            if (isinstance(spot.turn, Ask) and not spot.hung_up) or (
                spot.ending and spot.ending.outcome is Outcome.INFORMED
            ):
                assert spot.name.replace("_", " ") in drawn[one.flow]


@pytest.mark.parametrize(("page", "parts"), [("README.md", False), ("docs/conversations.md", True)])
def test_the_maps_in_the_pages_are_the_maps_of_the_code(page, parts):
    text = (REPOSITORY / page).read_text("utf-8")
    drawn = charts(once(("main_menu", SHOWN, {})))

    renew = renewed_parts if parts else renewed
    assert renew(text, "main_menu", drawn) == text, f"run: ivr map {'--parts ' * parts}--write {page}"


def test_the_maps_that_the_console_draws_are_made_of_this_conversation(beginning, found):
    made_of = json.loads(MAPS.read_text("utf-8"))["made_of"]

    assert made_of[named(*beginning)] == digest(found), f"run: ivr map --json --write {MAPS.relative_to(REPOSITORY)}"


def test_the_console_draws_maps_of_all_conversations_and_of_nothing_else():
    maps = json.loads(MAPS.read_text("utf-8"))

    assert maps["flows"] == {name: flow.__name__ for name, flow in FLOWS.items()}
    assert set(maps["made_of"]) == {named(*one) for one in beginnings()}
    held = {node["name"] for chart in maps["charts"].values() for node in chart["nodes"] if node["kind"] == "part"}
    assert set(maps["charts"]) == held | set(maps["flows"].values())
    for chart in maps["charts"].values():
        drawn = {node["name"] for node in chart["nodes"]}
        assert all({one, other} <= drawn for one, other, _ in chart["ways"])


def test_the_list_of_where_prompts_are_said_is_what_the_conversations_say():
    found = [(beginning[0], once(beginning)) for beginning in beginnings()]

    assert uses.FILE.read_text("utf-8") == uses.written(found), "run: ivr prompts uses --write"


def test_a_map_is_renewed_in_its_place():
    text = "before <!-- map of x -->old<!-- end of map --> after"

    renew = renewed(text, "x", {"x": "new", "part": "other"})
    assert renew == "before <!-- map of x -->\n```mermaid\nnew\n```\n<!-- end of map --> after"
    with pytest.raises(ValueError, match="no place for the map"):
        renewed("nothing here", "x", {"x": "new"})
