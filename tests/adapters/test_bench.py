"""The arithmetic of the benchmarks, and the places in the page where their figures go."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench import tables
from bench.calls import complaints
from bench.figures import Calls, Machine, Round, Sample
from bench.report import put
from bench.rig import plain_dialplan

MACHINE = Machine(
    processor="a processor", cores=2, kernel="6", python="3.11", load=0.5, at=datetime(2026, 1, 1, tzinfo=UTC)
)


def round_of(**facts: Any) -> Round:
    given: dict[str, Any] = {
        "arm": "controller", "at_once": 50, "calls": 10, "answers": 40, "seconds": 10.0, "calls_in_hand": 48.0,
        "controller_ms": 300.0, "asterisk_ms": 900.0, "caller_ms": 100.0, "threads": {"event loop": 200.0},
        "late_share": 0.0, "load": 1.0, "failed": [], "samples": [Sample("goodbye", 5.0, 15.0)],
    }  # fmt: skip
    return Round(**(given | facts))


def run_of(*rounds: Round, kept: dict[str, int] | None = None) -> Calls:
    return Calls(machine=MACHINE, asterisk="22", quick=False, idle_ms=1.0, rounds=list(rounds), kept=kept or {})


def test_a_round_in_which_the_caller_ran_late_counts_for_nothing() -> None:
    late = round_of(late_share=0.011, controller_ms=9000.0, samples=[Sample("goodbye", 500.0, 500.0)])
    run = run_of(round_of(), late)
    latency, cost = run.latency("controller", 50), run.cost("controller", 50)
    assert latency is not None
    assert cost is not None
    assert (latency.n, latency.packet_p99, cost.controller.most) == (1, 5.0, 30.0)
    assert any("ran late in 1.1%" in cell for _, rows in tables.of_calls(run) for row in rows for cell in row)


def test_exactly_one_per_cent_late_still_counts() -> None:
    assert round_of(late_share=0.01).discarded == ""


def test_a_round_with_a_failed_call_counts_for_nothing_and_is_complained_about() -> None:
    run = run_of(round_of(failed=["nobody answered"]), kept={"controller: calls held": 9, "dialplan: calls held": 0})
    assert run.latency("controller", 50) is None
    assert run.cost("controller", 50) is None
    assert complaints(run) == ["nobody answered"]
    assert tables.of_calls(run), "a run of which nothing counts can still be shown"


def test_percentiles_are_of_all_samples_and_cpu_is_the_median_of_rounds() -> None:
    rounds = [
        round_of(controller_ms=ms, samples=[Sample("goodbye", float(n), n + 10.0) for n in range(start, start + 50)])
        for ms, start in ((100.0, 0), (200.0, 50), (600.0, 100))
    ]
    run = run_of(*rounds)
    latency, cost = run.latency("controller", 50), run.cost("controller", 50)
    assert latency is not None
    assert cost is not None
    assert (latency.n, latency.packet_p50, latency.onset_p50) == (150, 74.5, 84.5)
    assert latency.packet_p99 == pytest.approx(147.51)
    assert cost.controller == (20.0, 10.0, 60.0)
    assert cost.threads == {"event loop": 20.0}


def test_samples_are_told_apart_by_who_spoke_how_many_called_and_which_prompt_came() -> None:
    run = run_of(
        round_of(samples=[Sample("goodbye", 1.0, 1.0), Sample("receipt", 3.0, 3.0)]),
        round_of(arm="dialplan", samples=[Sample("goodbye", 5.0, 5.0)]),
        round_of(at_once=1, samples=[Sample("goodbye", 7.0, 7.0)]),
    )
    asked = [("controller", 50, "goodbye"), ("dialplan", 50, None), ("controller", 1, "goodbye")]
    found = [run.latency(arm, at_once, step) for arm, at_once, step in asked]  # type: ignore[arg-type]
    assert [f.packet_p50 for f in found if f] == [1.0, 5.0, 7.0]


def test_calls_that_left_less_behind_than_they_should_are_complained_about() -> None:
    kept = {
        "controller: calls held": 3, "controller: readings stored": 2,
        "dialplan: calls held": 3, "dialplan: tapes": 3,
    }  # fmt: skip
    assert complaints(run_of(round_of(), kept=kept)) == ["controller: readings stored: 2, but 3 calls were held"]


def test_a_run_survives_being_kept() -> None:
    run = run_of(round_of(), round_of(arm="dialplan", late_share=0.5))
    assert Calls.model_validate_json(run.model_dump_json()) == run


def test_figures_go_between_their_marks_and_nothing_else_changes() -> None:
    page = "before\n<!-- calls -->\nold\n| old |\n<!-- /calls -->\nbetween\n<!-- store -->\n<!-- /store -->\nafter\n"
    new = put(page, {"calls": "| new \\1 |\n"})
    assert new == page.replace("old\n| old |\n", "| new \\1 |\n")
    assert put(new, {"calls": "| new \\1 |\n"}) == new


def test_figures_without_a_place_are_an_error() -> None:
    with pytest.raises(LookupError, match="0 places between <!-- store -->"):
        put("a page", {"store": "figures"})


def test_the_plain_dialplan_names_its_clips() -> None:
    text = plain_dialplan(Path("/run/plain"))
    assert "@" not in text, "every place is filled"
    assert "MixMonitor(/run/plain/${UNIQUEID}.raw,D)" in text
    assert "Read(VALUE,ivr/uk/value_single,8," in text
