"""What a call's journal and moments tell of it."""

from datetime import UTC, datetime, timedelta

from domain.calls import CallRecord, Line
from domain.model import Began, Outcome
from ivr.story import story

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

