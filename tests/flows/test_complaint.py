"""A complaint, told by voice: where each way out of it leads, and what is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.commands import KeepDraft, RegisterRequest
from domain.model import Outcome, ReplyBy, RequestKind, Told, Topic
from flows.complaint import Subject, choose, register
from flows.outage import outage
from flows.worlds import SHOWN, WITHHELD, world
from ivr.dialog import Answer, Ask, Back, Dialog, Do, Listen, PlayBack, goodbye
from ivr.dialog.monologue import interval

NOW = datetime(2026, 12, 3, 10, 0, tzinfo=UTC)
FIRST, SECOND = (Told(NOW + timedelta(seconds=at), NOW + timedelta(seconds=at + 20)) for at in (0, 60))
SUBJECT = Subject(RequestKind.COMPLAINT, Topic.QUALITY)


async def complaint(call):
    try:
        await register(call, SUBJECT, "1000000018")
    except Back:
        return goodbye(Outcome.INFORMED)
    return goodbye(Outcome.INFORMED)


def held(*steps, began=SHOWN):
    """The labels of what was asked, the command that was done, if any, and the dialog.  A step: a heard answer, a
    `Told`, or an interruption in angular brackets."""
    dialog = Dialog(complaint, began)
    left, labels, done = list(steps), [], None
    while (turn := dialog.turn) is not None:
        labels.append(turn.label)
        if isinstance(turn, Do):
            done = turn.command
            dialog.answer(Answer(turn.label, turn.asked, NOW, result=next(iter(world(done).values()))))
        elif isinstance(turn, Ask | Listen | PlayBack):
            step = left.pop(0)
            told = interval(step) if isinstance(step, Told) else step
            over = step[1:-1] if isinstance(step, str) and step.startswith("<") else None
            dialog.answer(Answer(turn.label, turn.asked, NOW, None if over else told, interruption=over))
        else:
            dialog.answer(Answer(turn.label, turn.asked, NOW))
    assert left == []
    return labels, done, dialog.ending


def test_it_is_told_before_anything_else_is_asked():
    labels, done, ending = held(FIRST, "3", "1", "2")

    assert labels == ["tell", "told_menu", "contact_shown", "reply_by", "RegisterRequest"]
    assert done == RegisterRequest(
        RequestKind.COMPLAINT, Topic.QUALITY, ReplyBy.MESSENGER, SHOWN.caller, "1000000018", told=FIRST
    )
    assert ending.outcome is Outcome.REQUEST_REGISTERED


@pytest.mark.parametrize("again", ["2", "<back>"])
def test_what_is_told_again_replaces_what_was_told(again):
    labels, done, _ = held(FIRST, again, SECOND, "<gave up>", "1", "1")

    assert labels[:4] == ["tell", "told_menu", "tell_again", "told_menu"]
    assert done.told == SECOND


def test_it_is_heard_as_often_as_they_like_and_where_it_can_not_be_that_is_said():
    labels, _, _ = held(FIRST, "1", None, "1", "<trouble>", "3", "1", "1")

    assert labels[1:6] == ["told_menu", "played_back", "told_menu", "played_back", "no_play_back"]


def test_the_star_leads_from_what_we_want_to_know_back_to_what_they_told():
    labels, done, _ = held(FIRST, "3", "1", "<back>", "3", "<back>", "3", "1", "3")

    assert labels.count("told_menu") == 3
    assert done.reply_by is ReplyBy.POST


def test_who_erases_it_and_says_nothing_more_has_taken_it_back():
    labels, done, ending = held(FIRST, "<back>", "<back>")

    assert labels == ["tell", "told_menu", "tell_again"]
    assert done is None
    assert ending.outcome is Outcome.INFORMED


@pytest.mark.parametrize("how", ["<hung up>", "<wants agent>"])
@pytest.mark.parametrize(
    "steps",
    [(FIRST,), (FIRST, "1"), (FIRST, "2"), (FIRST, "3"), (FIRST, "3", "1")],
    ids=lambda steps: str(len(steps)),
)
def test_whoever_goes_after_telling_leaves_a_draft(steps, how):
    if steps == (FIRST, "1") and how == "<wants agent>":
        steps = (FIRST, "1", None)  # a statement is interrupted by nothing but a hang-up
    labels, done, ending = held(*steps, how)

    assert labels[-1] == "KeepDraft"
    assert done == KeepDraft(RequestKind.COMPLAINT, Topic.QUALITY, FIRST, SHOWN.caller, "1000000018")
    assert ending.outcome is (Outcome.DRAFT_KEPT if how == "<hung up>" else Outcome.TRANSFERRED)


def test_a_draft_has_the_number_that_was_confirmed():
    _, done, _ = held(FIRST, "3", "0671234567", "1", "<hung up>", began=WITHHELD)
    assert done.contact == "+380671234567"
    _, done, _ = held(FIRST, "3", "<hung up>", began=WITHHELD)
    assert done.contact is None


@pytest.mark.parametrize("how", ["<hung up>", "<wants agent>", "<gave up>", "<back>"])
def test_who_told_nothing_leaves_nothing(how):
    _, done, _ = held(how)
    assert done is None


@pytest.mark.parametrize("heard", [("9",), ("горить",), ("1", "9"), ("1", "немає світла"), ("2", "пожар")])
def test_what_can_not_wait_leads_to_help_at_once(heard):
    async def only_choose(call):
        found = await choose(call)
        assert found is outage
        return goodbye(Outcome.INFORMED)

    dialog = Dialog(only_choose, SHOWN)
    for words in heard:
        dialog.answer(Answer(dialog.turn.label, dialog.turn.asked, NOW, heard=words))
    assert dialog.ending is not None
