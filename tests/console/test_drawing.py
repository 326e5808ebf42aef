"""Drawings say in geometry what the tables beside them say in figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.console.web import drawing


@given(st.floats(0, 1e9))
def test_a_scale_is_round_and_holds_everything(top):
    scale = drawing.steps(top)
    assert scale[0] == 0 and scale[-1] >= min(top, scale[-1]) and scale[-1] >= top * 0.999999
    assert 2 <= len(scale) <= 6
    size = scale[1]
    assert size / 10 ** (len(f"{size:.0f}") - 1) in (1, 2, 5)


def test_what_was_used_is_as_high_as_it_was_much():
    drawn = drawing.use([(0, 30, 4.0, "used", "a"), (30, 60, 8.0, "used", "b")], 6.0, [])
    low, high = drawn.bars
    assert high.height == pytest.approx(2 * low.height, rel=0.02)
    assert low.y + low.height == pytest.approx(high.y + high.height)
    assert [name for name, _ in drawn.lines] == ["usual"]


def test_a_window_fills_from_the_left_and_knows_where_it_stands():
    drawn = drawing.window(
        [[2, 0], [0, 0], [1, 1]], ["caller", "web"], 8, target=0.5, before=[1, 2, 4], upto=1,
        days=["x"], titles=["a", "b", "c"],
    )  # fmt: skip
    assert [(bar.at, bar.kind) for bar in drawn.bars] == [(0, "caller"), (2, "caller"), (2, "web")]
    lines = dict(drawn.lines)
    assert lines.keys() == {"target", "before", "now"}
    assert lines["now"].count("L") == 2  # what is yet to come is not drawn
    assert all(bar.x >= drawn.start for bar in drawn.bars)


def test_where_nothing_is_to_be_read_nothing_divides_by_it():
    drawn = drawing.window([[0]], ["web"], 0, target=0.78, before=[], upto=None, days=["x"], titles=["a"])
    assert not drawn.bars
