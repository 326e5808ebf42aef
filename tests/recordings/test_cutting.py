"""A part of a tape that is still being made: the caller's side, at its place, and nowhere any more afterwards."""

import stat
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.model import Told
from recordings import CannotCut, Cutting, NotYet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import audioop

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
CALL = "hotline-1790845200.17"


def told(began, ended):
    return Told(AT + timedelta(seconds=began), AT + timedelta(seconds=ended))


@pytest.fixture
def cutting(tmp_path):
    """A tape of ten seconds: the caller's level rises by 1000 every second, prompts are loud all the time."""
    caller = np.repeat(np.arange(10) * 1000, 8000)
    samples = np.stack([caller, np.full_like(caller, 30000)], axis=1).astype("<i2")
    (tmp_path / f"{CALL}.raw").write_bytes(samples.tobytes())
    return Cutting(tmp_path)


def heard(clip):
    return np.frombuffer(audioop.alaw2lin(clip.read_bytes(), 2), "<i2")


def test_a_clip_is_the_callers_side_of_that_part_and_nothing_of_ours(cutting):
    clip = cutting.cut(CALL, AT, told(2.5, 4.0))

    samples = heard(clip)
    assert len(samples) == 12_000
    assert samples[:4000] == pytest.approx(2000, rel=0.05)
    assert samples[4000:] == pytest.approx(3000, rel=0.05)
    assert clip.name == f"{CALL}.alaw"


def test_a_clip_is_its_owners_alone_and_gone_when_it_was_heard(cutting):
    clip = cutting.cut(CALL, AT, told(1, 2))
    assert stat.S_IMODE(clip.stat().st_mode) == 0o600
    assert stat.S_IMODE(clip.parent.stat().st_mode) == 0o700
    cutting.forget(clip)
    cutting.forget(clip)
    assert list(clip.parent.iterdir()) == []


def test_of_one_call_there_is_one_clip(cutting):
    first = cutting.cut(CALL, AT, told(1, 2))
    again = cutting.cut(CALL, AT, told(5, 8))
    assert first == again
    assert len(heard(again)) == 24_000


def test_what_was_left_behind_goes_with_the_call(cutting):
    clip = cutting.cut(CALL, AT, told(1, 2))
    half = clip.with_suffix(".new")
    half.write_bytes(b"x")
    cutting.forget_call("another")
    assert clip.exists()
    cutting.forget_call(CALL)
    assert list(clip.parent.iterdir()) == []


def test_what_is_not_written_yet_is_waited_for_and_then_taken_as_it_is(cutting):
    with pytest.raises(NotYet, match=r"lacks 0\.5 s"):
        cutting.cut(CALL, AT, told(8, 10.5))
    assert len(heard(cutting.cut(CALL, AT, told(8, 10.5), whole=False))) == 16_000


def test_a_moment_that_was_written_by_half_is_left_out(cutting, tmp_path):
    with (tmp_path / f"{CALL}.raw").open("ab") as tape:
        tape.write(b"\1\2\3")
    assert len(heard(cutting.cut(CALL, AT, told(9, 10.5), whole=False))) == 8_000


@pytest.mark.parametrize(("span", "why"), [
    ((11, 12), "not come that far"), ((-1, 2), "no part"), ((1, 900), "no part"),
])  # fmt: skip
def test_a_part_that_is_not_there_is_said_so(cutting, span, why):
    with pytest.raises(CannotCut, match=why):
        cutting.cut(CALL, AT, told(*span), whole=False)
    assert not cutting.folder.exists()


def test_without_a_tape_or_without_room_nothing_is_left_behind(cutting, tmp_path):
    with pytest.raises(CannotCut, match="can't be read"):
        cutting.cut("unknown", AT, told(1, 2))
    (tmp_path / "told").write_bytes(b"")  # a file in the place of the folder
    with pytest.raises(CannotCut, match="no room"):
        cutting.cut(CALL, AT, told(1, 2))
