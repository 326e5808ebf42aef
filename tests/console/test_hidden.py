"""What a masked copy hides: proved on sound, by ears for keys and for prompts."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from spoken_call import ACCOUNT, RATE, SpokenCall, a_reading, keys_in, likeness, wav

from domain import calls, evidence
from domain.model import Language, Outcome, Told
from domain.store import Store
from domain.tables import TranscriptState
from domain.transcription import Word
from domain.transcripts import Transcript
from ivr.console import hidden
from ivr.console.exporting import Format, Order, make
from ivr.dialog.monologue import interval
from ivr.journal import RETURNED
from ivr.story import story

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def told(spoken, written=(), *, whole=True):
    """whole: moments were noted to the end."""
    if whole and spoken.moments:
        spoken.over()
    record = calls.CallRecord(
        began=calls.Began(spoken.call, spoken.caller, "hotline", AT), driver="test",
        ended_at=AT + timedelta(seconds=spoken.ended if not spoken.to else spoken.at), outcome=spoken.outcome,
        to=spoken.to,
    )  # fmt: skip
    return hidden.spans(story(record, spoken.lines, spoken.moments), spoken.moments, written, spoken.ended)


def covers(spans, first, last):
    return any(span.began <= first and last <= span.ended for span in spans)


def touches(spans, first, last):
    return any(span.began < last and first < span.ended for span in spans)


@pytest.fixture
def kept(tmp_path):
    """A call that was recorded, and its masked copy."""
    spoken = a_reading(AT)
    with Store.open(f"sqlite:///{tmp_path}/hotline.db") as store:
        record = spoken.keep(store, tmp_path)
        file = store.read(lambda conn: evidence.of(conn, spoken.call)).result()
        out = io.BytesIO()
        made = make(file, Order(Format.WAV, True, "olena", "training", AT), tmp_path, out)
    out.seek(0)
    return spoken, wav(tmp_path / record.path), wav(out), made


def place(samples, spoken, what):
    first, last, *_ = spoken.places[what]
    return samples[int(first * RATE) - 800 : int(last * RATE) + 800]


def test_the_ears_hear_keys_where_there_are_some(kept):
    spoken, sealed, _, _ = kept

    assert keys_in(place(sealed, spoken, f"{ACCOUNT}#")[:, 0].astype(float)) == f"{ACCOUNT}#"


def test_the_keys_of_an_account_are_gone_from_the_sound_and_those_of_a_menu_are_not(kept):
    spoken, sealed, copy, _ = kept

    assert keys_in(copy[:, 0].astype(float)) == "2"
    assert keys_in(place(sealed, spoken, "2")[:, 0].astype(float)) == "2"


def test_a_prompt_that_says_the_account_is_gone_from_both_sides(kept):
    spoken, sealed, copy, _ = kept
    *_, said = spoken.places["account_unknown"]

    assert likeness(said, sealed[:, 1].astype(float)) > 0.95
    assert likeness(said, sealed[:, 0].astype(float)) > 0.5, "the caller's telephone gives it back"
    assert likeness(said, copy[:, 1].astype(float)) < 0.15
    assert likeness(said, copy[:, 0].astype(float)) < 0.15


def test_a_prompt_that_says_nothing_of_anybody_stays(kept):
    spoken, _, copy, _ = kept
    *_, said = spoken.places["notice"]

    assert likeness(said, copy[:, 1].astype(float)) > 0.95


def test_all_the_rest_is_the_same_bit_by_bit_and_in_what_is_hidden_nothing_is_left(kept):
    _, sealed, copy, made = kept
    outside = np.ones(len(sealed), bool)
    for span in made.hidden:
        outside[int(span.began * RATE) : int(np.ceil(span.ended * RATE))] = False

    assert 0.3 < outside.mean() < 0.9
    assert len(copy) == len(sealed)
    assert np.array_equal(copy[outside], sealed[outside])
    inside = copy[~outside]
    assert np.array_equal(inside[:, 0], inside[:, 1]), "the tone, on both sides"
    assert np.abs(inside).max() <= 600


# By rules


def spoken(seconds=60.0):
    made = SpokenCall(seconds, began=AT)
    made.moment("flow", 0.0, flow="main_menu")
    return made


def test_a_number_typed_ahead_at_another_question_is_hidden():
    made = spoken()
    made.prompt("menu", question="menu")
    made.keys("1")
    made.keys("1000000018")
    made.line("menu", heard="1")
    made.line("account", heard="1000000018")

    assert covers(told(made), *made.places["1000000018"])


def test_the_first_tone_of_a_number_is_hidden_however_long_it_was():
    made = spoken()
    made.prompt("account", question="account")
    made.keys("0671234567", tone=2.0)
    made.line("account", heard="0671234567")

    first, last = made.places["0671234567"]
    assert covers(told(made), first, last)


def test_of_a_call_without_moments_nothing_is_heard():
    made = spoken()
    made.at = 14.0
    made.line("account", heard=ACCOUNT)
    made.moments.clear()

    assert covers(told(made), 0.0, 60.0)


def test_between_a_controller_that_died_and_what_the_next_one_says_nothing_is_heard():
    made = spoken()
    made.prompt("notice")
    last = made.at - 0.2
    made.at += 9.0  # a prompt that nobody noted plays on, keys go nowhere
    made.moment("flow", flow="main_menu", adopted=True)
    made.at += 1.0
    made.prompt("menu", question="menu")

    spans = told(made)
    assert covers(spans, last, made.places["menu"][0])
    assert not touches(spans, made.places["menu"][0] + 0.5, 60.0)


def test_after_too_much_happened_nothing_is_heard():
    made = spoken()
    made.at = 20.0
    made.moment("cut")

    assert covers(told(made), 20.0, 60.0)


def test_after_moments_that_just_stop_nothing_is_heard():
    made = spoken()
    made.prompt("account", question="account")
    last = made.at - 0.2  # then the store failed: ten keys that nobody noted
    made.at += 3.0

    spans = told(made, whole=False)
    assert covers(spans, last, 60.0)
    assert not touches(spans, 0.0, last - 0.1)


def test_when_keys_were_lost_with_a_controller_the_whole_question_is_hidden():
    made = spoken()
    made.line("record")
    made.at = 4.0
    made.prompt("account", question="account")
    made.keys("1000")
    made.at += 3.0  # the rest was keyed to nobody
    made.line("account", heard=ACCOUNT)

    assert covers(told(made), 4.0, made.at)


def test_speech_with_a_number_is_hidden_and_a_yes_is_not():
    made = spoken()
    noise = np.random.default_rng(3).normal(0, 2000, 8000)
    made.says(noise, words="так")
    made.at += 3.0
    made.says(noise, words="один нуль нуль нуль нуль нуль нуль нуль один вісім")

    spans = told(made)
    assert not touches(spans, *made.places["так"][:2])
    assert covers(spans, *made.places["один нуль нуль нуль нуль нуль нуль нуль один вісім"][:2])


@pytest.mark.parametrize("words", [None, "[unk] [unk]", "так [unk]"])
def test_speech_that_nobody_understood_is_hidden(words):
    made = spoken()
    made.at = 5.0
    made.says(np.random.default_rng(3).normal(0, 2000, 8000), words=words)

    assert covers(told(made), *made.places[words or "speech"][:2])


@pytest.mark.parametrize("end", ["gone", "deaf", None])
def test_speech_that_was_never_concluded_is_hidden(end):
    made = spoken()
    made.at = 20.0
    made.moment("voice")
    made.at = 23.0
    if end:
        made.moment(end)

    assert covers(told(made), 20.0, 23.0)


def story_of(made, first, last, label="tell"):
    made.at = first
    made.line("record")
    made.at = last
    began, ended = (AT + timedelta(seconds=each) for each in (first, last))
    made.line(label, heard=interval(Told(began, ended)))


def transcript(first, last, words, remark=None, state=TranscriptState.DONE):
    span = Told(AT + timedelta(seconds=first), AT + timedelta(seconds=last))
    return Transcript(
        1, "test-1", None, span, "vosk", "m", Language.UK, state, 1, None, AT, AT, None, tuple(words), 0.9, remark,
        None, True,
    )  # fmt: skip


ANNOUNCED = (Word("мене", 1.0, 1.3), Word("звати", 1.3, 1.7), Word("Олена", 2.0, 2.5), Word("немає", 6.0, 6.4))


def test_of_what_was_told_the_personal_words_are_hidden():
    made = spoken()
    story_of(made, 10.0, 20.0)
    spans = told(made, [transcript(10.0, 20.0, ANNOUNCED)])

    assert covers(spans, 12.0, 12.5)
    assert not touches(spans, 15.5, 17.0)


@pytest.mark.parametrize(
    "written",
    [
        [],
        [transcript(10.0, 20.0, ANNOUNCED, remark="the model knows 348 words")],
        [transcript(10.0, 20.0, (), state=TranscriptState.FAILED)],
        [transcript(10.0, 14.0, ANNOUNCED)],
    ],
    ids=["none", "by a model that isn't made for it", "failed", "of a part of it"],
)
def test_what_was_told_and_not_written_down_reliably_is_hidden_whole(written):
    made = spoken()
    story_of(made, 10.0, 20.0)

    assert covers(told(made, written), 10.0, 20.0)


def test_what_is_played_back_to_the_caller_is_hidden():
    made = spoken()
    made.at = 5.0
    made.prompt("notice", mark="back")
    played = made.moments[-2]
    made.moments[-2] = type(played)(played.n, played.at, played.kind, {**played.facts, "prompt": "played_back"})

    assert covers(told(made), *made.places["back"][:2])


def test_a_conversation_with_people_is_hidden_to_its_end():
    made = spoken()
    made.at = 12.0
    made.outcome, made.to = Outcome.TRANSFERRED, "agents"

    assert covers(told(made), 12.0, 60.0)


def test_when_people_give_the_call_back_it_is_heard_again():
    made = spoken()
    made.at = 12.0
    made.line("record")
    made.at = 30.0
    made.line(RETURNED, f"{RETURNED} 1")
    made.at = 40.0
    made.line("call_back", heard="1")

    spans = told(made)
    assert covers(spans, 12.0, 30.0)
    assert not touches(spans, 33.0, 60.0)


def test_a_call_without_anything_personal_is_hidden_nowhere():
    made = spoken()
    made.prompt("notice")
    made.prompt("menu", question="menu")
    made.keys("2")
    made.line("menu", heard="2")

    assert told(made) == []
