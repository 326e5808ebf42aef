"""Somebody tells something: keys, voice and time in, the span that counts out."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.model import Told
from ivr.dialog import Manner, Nomatch
from ivr.dialog.exchange import Hush, Play, Settled, Typed
from ivr.dialog.monologue import LEAST, MARGIN, Attend, Beep, Monologue, Said, interval, told

MANNER = Manner(timeout=10.0, completetimeout=5.0, maxspeechtimeout=180.0, tries=3)
TONE = 100.0
"""When the tone is over."""


def story(*, hears=True, typed="", stray=False, manner=MANNER):
    return Monologue(manner, Typed(typed, stray), hears)


def after_the_tone(**how):
    """A caller who may speak from `TONE` on."""
    one = story(**how)
    assert one.begin() == [Play(1)]
    assert one.played(TONE - 1) == [Beep()]
    assert one.played(TONE) == ([Attend(True)] if one.hears else [])
    return one


def speaks(one, *spans):
    """Voice from and to these seconds after the tone."""
    for began, ended in spans:
        assert one.voice(TONE + began) == []
        assert one.pause(TONE + ended) == []


# The usual way


def test_what_was_said_is_the_span_of_the_voice_and_a_little_around_it():
    one = after_the_tone()
    speaks(one, (3, 8), (10, 20))

    assert one.wake_at == TONE + 25
    assert one.tick(TONE + 24.9) == []
    assert one.tick(TONE + 25) == [Attend(False), Said(TONE + 3 - MARGIN, TONE + 20 + MARGIN)]


def test_a_pause_of_less_than_the_silence_that_ends_it_ends_nothing():
    one = after_the_tone()
    speaks(one, (0, 4))
    one.voice(TONE + 8.9)
    assert one.wake_at == TONE + 180, "who speaks is not hurried"
    assert one.tick(TONE + 60) == []


@pytest.mark.parametrize("key", ["#", "1"])
def test_a_key_says_that_it_is_all(key):
    one = after_the_tone()
    one.voice(TONE + 0.2)
    assert one.key(key, TONE + 6) == [Attend(False), Said(TONE, TONE + 6)]


@pytest.mark.parametrize("key", "23456789ABCD")
def test_a_cheek_on_the_keypad_ends_nothing(key):
    one = after_the_tone()
    one.voice(TONE + 0.2)
    assert one.key(key, TONE + 6) == []
    assert one.key(key, TONE + 7) == []
    assert one.typed.keys == ""


def test_a_termchar_that_comes_after_the_end_is_not_the_answer_to_the_next_question():
    one = after_the_tone()
    speaks(one, (0, 4))
    one.tick(TONE + 9)
    assert one.typed.stray_termchar


# Before the tone


@pytest.mark.parametrize("key", ["#", "1"])
def test_who_knows_the_explanation_passes_over_it(key):
    one = story()
    one.begin()
    assert one.key(key, 1.0) == [Hush(), Beep()]
    assert one.key(key, 1.1) == [], "a second one is not the end of what was not begun"
    assert one.played(1.3) == [Attend(True)]


@pytest.mark.parametrize(("key", "how"), [("0", "wants agent"), ("*", "back")])
def test_a_way_out_works_while_something_is_played(key, how):
    one = story()
    one.begin()
    assert one.key(key, 1.0) == [Hush(), Settled(interruption=how)]
    assert one.key(key, 1.1) == one.played(1.2) == []


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", Play(1)), ("7", Play(1)), ("#", Beep()), ("1", Beep()), ("71", Beep()),
        ("0", Settled(None, "wants agent")), ("#*", Settled(None, "back")), ("10", Settled(None, "wants agent")),
    ],
)  # fmt: skip
def test_of_what_was_typed_ahead_a_way_out_counts_and_then_the_wish_to_begin(typed, first):
    one = story(typed=typed)
    assert one.begin() == [first]
    assert one.typed.keys == ""


def test_a_termchar_that_belonged_to_the_question_before_passes_over_nothing():
    assert story(typed="#", stray=True).begin() == [Play(1)]
    late = story(stray=True)
    late.begin()
    assert late.key("#", 1.0) == []
    assert late.key("#", 1.2) == [Hush(), Beep()]


def test_a_termchar_after_the_tone_belongs_to_no_question_before():
    one = after_the_tone(stray=True)
    one.voice(TONE)
    assert one.key("#", TONE + 6) == [Attend(False), Said(TONE, TONE + 6)]


def test_without_type_ahead_keys_of_before_are_forgotten():
    assert story(typed="#", manner=Manner(typeahead=False)).begin() == [Play(1)]


# Nothing, or too little


def test_silence_is_asked_again_and_in_the_end_given_up():
    one = after_the_tone()
    for attempt in (2, 3):
        assert one.tick(one.wake_at) == [Attend(False), Play(attempt, "noinput")]
        one.played(TONE)
        one.played(TONE)
    assert one.tick(one.wake_at) == [Attend(False), Settled(interruption="gave up")]


def test_a_cough_and_then_silence_is_too_short():
    one = after_the_tone()
    speaks(one, (1, 1 + LEAST - 0.1))
    assert one.tick(one.wake_at) == [Attend(False), Play(2, "too_short")]


def test_voice_adds_up_over_pauses():
    one = after_the_tone()
    speaks(one, (0, 0.8), (2, 2.8))
    assert one.tick(one.wake_at)[-1] == Said(TONE, TONE + 2.8 + MARGIN)


def test_what_was_too_short_does_not_add_up_with_the_next_try():
    one = after_the_tone()
    speaks(one, (0, 1.4))
    one.tick(one.wake_at)
    one.played(TONE + 20)
    one.played(TONE + 20)
    one.voice(TONE + 21)
    one.pause(TONE + 21.4)
    assert one.tick(one.wake_at) == [Attend(False), Play(3, "too_short")]


def test_the_key_that_says_that_it_is_all_is_no_story():
    one = after_the_tone()
    assert one.key("#", TONE + 30) == [Attend(False), Play(2, "too_short")]


# Too much


def test_after_the_longest_time_they_are_told_and_what_they_said_is_kept():
    one = after_the_tone()
    one.voice(TONE + 2)
    assert one.wake_at == TONE + 182
    assert one.tick(TONE + 182) == [Attend(False), Play(1, "telling_over", whole=False)]
    assert one.playing
    assert one.wake_at is None
    assert one.played(TONE + 186) == [Said(TONE + 2 - MARGIN, TONE + 182)]


def test_a_key_passes_over_the_word_that_the_time_is_over_and_answers_what_comes_next():
    one = after_the_tone()
    one.voice(TONE)
    one.tick(TONE + 180)
    assert one.key("3", TONE + 181) == [Hush(), Said(TONE, TONE + 180)]
    assert (one.typed.keys, one.typed.stray_termchar) == ("3", False)


def test_a_pause_near_the_end_of_the_time_does_not_make_it_longer():
    one = after_the_tone()
    speaks(one, (0, 178))
    assert one.wake_at == TONE + 180


# Whoever goes


@pytest.mark.parametrize(("key", "how"), [("0", "wants agent"), ("*", "back")])
@pytest.mark.parametrize("voiced", [None, LEAST - 0.1, LEAST])
def test_a_way_out_after_enough_was_said_answers_and_then_goes_out(key, how, voiced):
    one = after_the_tone()
    if voiced:
        one.voice(TONE + 1)
    now = TONE + 1 + (voiced or 0)
    if voiced == LEAST:
        assert one.key(key, now) == [Attend(False), Said(TONE + 1 - MARGIN, now)]
        assert one.typed.keys == key
    else:
        assert one.key(key, now) == [Attend(False), Settled(interruption=how)]
        assert one.typed.keys == ""


def test_who_hangs_up_after_saying_enough_has_said_it():
    one = after_the_tone()
    one.voice(TONE + 1)
    assert one.gone(TONE + 9) == [Said(TONE + 1 - MARGIN, TONE + 9)]
    assert one.gone(TONE + 9) == []


def test_who_hangs_up_before_has_said_nothing():
    asked = story()
    asked.begin()
    assert asked.gone(1.0) == []
    one = after_the_tone()
    one.voice(TONE + 1)
    assert one.gone(TONE + 1 + LEAST - 0.1) == []


def test_who_hangs_up_while_told_that_the_time_is_over_has_said_it():
    one = after_the_tone()
    one.voice(TONE)
    one.tick(TONE + 180)
    assert one.gone(TONE + 181) == [Said(TONE, TONE + 180)]


# Nobody hears voice


def test_without_ears_it_ends_with_a_key_and_reaches_from_the_tone():
    one = after_the_tone(hears=False)
    assert one.wake_at == TONE + 180
    assert one.tick(TONE + 60) == []
    assert one.key("#", TONE + 61) == [Said(TONE, TONE + 61)]


def test_without_ears_a_key_at_once_is_too_short_and_the_longest_time_is_the_end():
    one = after_the_tone(hears=False)
    assert one.key("#", TONE + LEAST - 0.1) == [Play(2, "too_short")]
    one.played(TONE + 5)
    one.played(TONE + 5)
    assert one.tick(TONE + 185) == [Play(2, "telling_over", whole=False)]
    assert one.played(TONE + 190) == [Said(TONE + 5, TONE + 185)]


def test_ears_that_are_lost_on_the_way_leave_keys_and_time():
    one = after_the_tone()
    speaks(one, (2, 3))
    assert one.deaf(TONE + 4) == []
    assert one.wake_at == TONE + 182
    assert one.voice(TONE + 5) == []
    assert one.key("#", TONE + 30) == [Said(TONE, TONE + 30)]


def test_ears_that_are_lost_before_the_tone_are_not_waited_for():
    one = story()
    one.begin()
    one.deaf(1.0)
    one.played(2.0)
    assert one.played(TONE) == []
    assert one.gone(TONE + 20) == [Said(TONE, TONE + 20)]


# What can't be is no harm


def test_what_comes_at_the_wrong_time_changes_nothing():
    one = story()
    one.begin()
    assert one.voice(1.0) == one.pause(1.1) == one.tick(50.0) == []
    after = after_the_tone()
    assert after.played(TONE + 1) == after.pause(TONE + 1) == after.key("x", TONE + 1) == []
    after.voice(TONE + 1)
    assert after.voice(TONE + 2) == []
    after.key("#", TONE + 9)
    assert after.key("#", TONE + 9) == after.played(TONE + 9) == after.tick(TONE + 99) == []


# The journal


def test_the_journal_keeps_an_interval_and_reads_it_again():
    began = datetime(2026, 11, 30, 21, 30, 0, 250_000, tzinfo=UTC)
    span = Told(began, began + timedelta(seconds=12.5))
    assert interval(span) == "2026-11-30T21:30:00.250+00:00/2026-11-30T21:30:12.750+00:00"
    assert told(interval(span)) == span


@pytest.mark.parametrize("heard", [
    "", "1", "/", "2026-11-30T21:30:00+00:00", "2026-11-30T21:30:00/2026-11-30T21:31:00",
    "2026-11-30T21:30:00+00:00/2026-11-30T21:29:00+00:00", "2026-11-30T21:30:00+00:00/2026-11-30T21:31:00+00:00/x",
])  # fmt: skip
def test_what_is_no_interval_is_no_answer(heard):
    with pytest.raises(Nomatch):
        told(heard)
