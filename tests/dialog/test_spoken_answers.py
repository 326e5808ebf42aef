"""How a question listens to speech: when it is taken, confirmed, refused; what noise costs.  Time is an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog import SAID_BACK, Manner, Nomatch, digits, on_keys, one_of, yes_no
from ivr.dialog.exchange import (
    RECOGNISING,
    REPEATS,
    Conclude,
    Exchange,
    Hush,
    Listen,
    Play,
    Settled,
    Typed,
)
from ivr.dialog.grammar import understand
from ivr.dialog.vocabulary import COMMANDS, KEYS
from ivr.ports import Alternative

FRUIT = on_keys(
    ("1", "apple"),
    ("4", "pear"),
    said={"apple": {"uk": ("яблуко",), "en": ("apple",)}, "pear": {"uk": ("груша",)}},
    named="fruit",
)
READING = digits(1, 9, expected=6)
MANNER = Manner(completetimeout=0.6, incompletetimeout=1.5, maxspeechtimeout=15, confidencelevel=0.5, surelevel=0.8)


def put(accepts=FRUIT, manner=MANNER, *, hears=True):
    question = Exchange(accepts, manner, Typed(), hears)
    return question, question.begin(0.0)


def heard_out(accepts=FRUIT, manner=MANNER):
    """A question whose prompt has been heard to its end, at second 5."""
    question, _ = put(accepts, manner)
    question.played(5.0)
    return question


def say(question, words, at, confidence=0.9, *others):
    """The caller speaks for a second from `at` on; what the question does once it knows what it was."""
    question.voice(at)
    question.pause(words, at + 1.0)
    assert question.tick(question.wake_at) == [Conclude()]
    return question.utterance([Alternative(words, confidence), *others], question.wake_at)


# What is listened to, and when


def test_we_listen_from_the_first_word_of_the_prompt_on():
    assert put()[1] == [Play(1), Listen(FRUIT)]


def test_without_barge_in_we_listen_only_from_the_end_of_the_prompt_on():
    question, actions = put(manner=Manner(bargein=False))

    assert actions == [Play(1)]
    assert question.voice(1.0) == []
    assert question.played(5.0) == [Listen(FRUIT)]


@pytest.mark.parametrize(("manner", "hears"), [(Manner(speech=False), True), (MANNER, False)])
def test_where_speech_is_off_nothing_is_listened_to(manner, hears):
    question, actions = put(manner=manner, hears=hears)

    assert actions == [Play(1)]
    assert question.voice(1.0) == [] and question.playing
    assert question.played(5.0) == []


def test_who_begins_to_speak_stops_the_prompt():
    question, _ = put()

    assert question.voice(1.0) == [Hush()]
    assert not question.playing


# When the caller has finished


def test_an_answer_is_taken_soon_after_the_last_word():
    question = heard_out()
    question.voice(6.0)
    question.pause("груша", 7.0)

    assert question.tick(7.5) == []
    assert question.tick(7.6) == [Conclude()]


def test_what_is_no_answer_yet_is_waited_for_longer():
    question = heard_out(READING)
    question.voice(6.0)
    question.pause("сорок сім", 7.0)

    assert question.tick(8.4) == []
    assert question.tick(8.5) == [Conclude()]


def test_what_is_understood_only_later_does_not_prolong_the_silence():
    question = heard_out()
    question.voice(6.0)
    question.pause("", 7.0)
    question.pause("груша", 7.25)

    assert question.tick(7.6) == [Conclude()]


def test_who_goes_on_after_a_pause_is_not_interrupted():
    question = heard_out(READING)
    question.voice(6.0)
    question.pause("сорок", 7.0)
    question.voice(7.5)

    assert question.tick(9.0) == []
    question.pause("сорок один сорок сім сорок два", 10.0)
    assert question.tick(10.6) == [Conclude()]


def test_somebody_who_talks_without_end_is_cut_off():
    question = heard_out()
    question.voice(6.0)

    assert question.tick(20.9) == []
    assert question.tick(21.0) == [Conclude()]


# What it was


def test_a_word_settles_the_question_and_is_kept_as_it_was_said():
    assert say(heard_out(), "груша", 6.0) == [Settled("груша", confidence=0.9)]
    assert understand(FRUIT, "груша") == "pear"


def test_the_number_of_a_key_may_be_said():
    assert say(heard_out(), "чотири", 6.0) == [Settled("чотири", confidence=0.9)]
    assert understand(FRUIT, "чотири") == "pear"


def test_another_word_is_a_nomatch():
    assert say(heard_out(), "огірок", 6.0) == [Play(2, "nomatch"), Listen(FRUIT)]


@pytest.mark.parametrize("words", ["[unk]", "[unk] груша [unk]", "[unk] [unk] груша", "груша [unk] груша"])
def test_speech_that_was_mostly_not_understood_is_a_nomatch(words):
    assert say(heard_out(), words, 6.0) == [Play(2, "nomatch"), Listen(FRUIT)]


@pytest.mark.parametrize("words", ["[unk] груша", "груша [unk]"])
def test_an_answer_among_other_words_is_said_back(words):
    """Somebody who talks about something else says an expected word sooner or later."""
    assert say(heard_out(), words, 6.0)[0] == Play(1, None, True, ("fruit_pear", ()))


def test_yes_please_is_yes_and_something_yes_is_asked_again():
    """Nothing long can be said back of a yes; what comes first counts, if it is sure."""
    assert say(heard_out(yes_no), "так [unk]", 6.0) == [Settled("так [unk]", confidence=0.9)]
    assert say(heard_out(yes_no), "[unk] так", 6.0) == [Play(2, "nomatch"), Listen(yes_no)]


def test_several_words_of_one_meaning_are_one_answer():
    assert say(heard_out(yes_no), "так звичайно так", 6.0) == [Settled("так звичайно так", confidence=0.9)]
    assert say(heard_out(yes_no), "так ні", 6.0) == [Play(2, "nomatch"), Listen(yes_no)]
    assert say(heard_out(yes_no), "два так", 6.0) == [Play(2, "nomatch"), Listen(yes_no)]


def test_what_is_not_understood_is_asked_again_even_where_silence_is_an_answer():
    question = heard_out(yes_no, Manner(tries=1))

    assert say(question, "огірок", 6.0)[0] == Play(2, "nomatch")
    question.played(10.0)
    assert question.tick(question.wake_at)[-1] == Settled(interruption="gave up")


def test_the_hash_key_ends_speech_as_it_ends_keys():
    question = heard_out(READING)
    question.voice(6.0)

    assert question.key("#", 8.0) == [Conclude()]
    assert question.key("#", 8.1) == [], "once is enough"
    assert question.utterance([Alternative("сорок сім", 0.9)], 8.2) == [Settled("сорок сім", confidence=0.9)]
    assert question.typed.stray_termchar, "and one that comes late is not meant for the next question"


@pytest.mark.parametrize(("words", "confidence"), [("оператор", 0.7), ("назад", 0.7)])
def test_commands_must_be_sure(words, confidence):
    assert say(heard_out(), words, 6.0, confidence) == [Play(2, "nomatch"), Listen(FRUIT)]


@pytest.mark.parametrize("surelevel", [0.5, SAID_BACK])
def test_how_sure_a_command_must_be_does_not_depend_on_the_question(surelevel):
    manner = Manner(surelevel=surelevel)

    assert say(heard_out(READING, manner), "оператор", 6.0, 0.85) == [Settled(interruption="wants agent")]
    assert say(heard_out(READING, manner), "оператор", 6.0, 0.75)[0] == Play(2, "nomatch")


def test_a_command_among_the_lesser_readings_is_none():
    assert say(heard_out(), "огірок", 6.0, 0.9, Alternative("оператор", 0.85))[0] == Play(2, "nomatch")


def test_who_talks_into_a_prompt_hears_the_next_one_out():
    question, _ = put()
    question.voice(1.0)
    question.pause("огірок", 2.0)
    question.tick(question.wake_at)

    assert question.utterance([Alternative("огірок", 0.9)], 4.0) == [Play(2, "nomatch")]
    assert question.voice(4.5) == [] and question.playing
    assert question.played(9.0) == [Listen(FRUIT)]


def test_a_number_that_is_said_back_is_heard_out_and_what_is_keyed_meanwhile_is_no_yes():
    question = heard_out(READING, Manner(surelevel=SAID_BACK))
    assert say(question, "сорок сім", 6.0, 1.0) == [Play(1, None, True, ("these_digits", (("number", "47"),)))]

    assert [action for key in "1000000018" for action in question.key(key, 9.0)] == []
    assert question.played(14.0) == [Listen(yes_no)]
    assert question.key("1", 15.0)[-1] == Settled("сорок сім", confidence=1.0)


def test_a_guess_is_a_nomatch():
    assert say(heard_out(), "груша", 6.0, 0.49) == [Play(2, "nomatch"), Listen(FRUIT)]


def test_the_second_best_is_taken_when_the_best_is_no_answer():
    second = Alternative("груша", 0.85)

    assert say(heard_out(), "грім", 6.0, 0.9, second) == [Settled("груша", confidence=0.85)]


def test_of_several_ways_to_understand_a_number_the_sound_one_is_taken():
    even = digits(2, check=lambda keys: int(keys) % 2 == 0)
    second = Alternative("сорок шість", 0.85)

    assert say(heard_out(even), "сорок сім", 6.0, 0.9, second) == [Settled("сорок шість", confidence=0.85)]
    assert say(heard_out(even), "сорок сім", 6.0, 0.9) == [Settled("сорок сім", confidence=0.9)]


# Commands


@pytest.mark.parametrize(
    ("words", "does"),
    [
        ("оператор", [Settled(interruption="wants agent")]),
        ("назад", [Settled(interruption="back")]),
        ("повторіть", [Play(1), Listen(FRUIT)]),
    ],
)
def test_the_ways_out_may_be_said(words, does):
    assert say(heard_out(), words, 6.0) == does


def test_a_menu_refuses_words_that_would_mean_two_things():
    with pytest.raises(ValueError, match="two things"):
        one_of("a", "b", said={"a": {"uk": ("слово",)}, "b": {"uk": ("слово",)}})
    with pytest.raises(ValueError, match="two things"):
        one_of("a", said={"a": {"uk": ("оператор",)}})


def test_commands_and_numbers_of_keys_are_told_apart():
    commands = {phrase for said in COMMANDS.values() for phrases in said.values() for phrase in phrases}
    numbers = {phrase for said in KEYS.values() for phrases in said.values() for phrase in phrases}

    assert not commands & numbers


# Did I hear right?


def asked_back(confidence=0.6):
    question = heard_out()
    actions = say(question, "груша", 6.0, confidence)
    return question, actions


def test_what_was_understood_half_surely_is_said_back():
    _, actions = asked_back()

    assert actions == [Play(1, None, True, ("fruit_pear", ())), Listen(yes_no)]


@pytest.mark.parametrize("answer", ["key", "word"])
def test_yes_makes_it_the_answer(answer):
    question, _ = asked_back()
    question.played(12.0)

    settled = question.key("1", 13.0) if answer == "key" else say(question, "так", 13.0)

    assert settled[-1] == Settled("груша", confidence=0.6)


@pytest.mark.parametrize("answer", ["key", "word"])
def test_no_asks_again(answer):
    question, _ = asked_back()
    question.played(12.0)

    again = question.key("2", 13.0) if answer == "key" else say(question, "ні", 13.0)

    assert again[-2:] == [Play(2, "nomatch"), Listen(FRUIT)]
    assert question.key("4", 14.0)[-1] == Settled("4")


def test_silence_to_it_is_asked_once_more_and_then_the_question():
    question, _ = asked_back()
    question.played(12.0)

    assert question.tick(16.0)[0] == Play(2, "noinput", True, ("fruit_pear", ()))
    question.played(20.0)
    assert question.tick(24.0)[-2:] == [Play(2, "noinput"), Listen(FRUIT)]


def test_zero_and_the_star_keep_their_meaning_there():
    question, _ = asked_back()
    assert question.key("0", 7.0)[-1] == Settled(interruption="wants agent")
    question, _ = asked_back()
    assert question.key("*", 7.0)[-1] == Settled(interruption="back")


def test_what_can_not_be_said_back_is_a_nomatch():
    assert say(heard_out(yes_no), "так", 6.0, 0.7) == [Play(2, "nomatch"), Listen(yes_no)]


def test_a_question_may_want_everything_said_back():
    question = heard_out(READING, Manner(surelevel=SAID_BACK))

    assert say(question, "сорок сім", 6.0, 1.0)[0] == Play(1, None, True, ("these_digits", (("number", "47"),)))


# Noise


def test_noise_while_we_wait_costs_nothing():
    question = heard_out()
    question.voice(6.0)
    question.pause("", 6.5)
    question.tick(question.wake_at)

    assert question.utterance([], 8.1) == [Listen(FRUIT)]
    assert (question.attempt, question.wake_at) == (1, 15.1)


def test_noise_that_cut_off_the_prompt_brings_it_again():
    question, _ = put()
    question.voice(1.0)
    question.pause("", 1.5)
    question.tick(question.wake_at)

    assert question.utterance([], 3.1) == [Play(1)], "which is heard out this time"


def test_noise_without_end_is_a_nomatch_in_the_end():
    question = heard_out()
    for n in range(REPEATS):
        assert say(question, "", 10.0 * (n + 1), 0.0) == [Listen(FRUIT)]

    assert say(question, "", 60.0, 0.0) == [Play(2, "nomatch"), Listen(FRUIT)]


# Keys and speech


def test_a_key_wins_over_speech():
    question = heard_out()
    question.voice(6.0)

    assert question.key("4", 6.5) == [Listen(None), Settled("4")]


def test_whatever_is_told_after_a_key_changes_nothing():
    question = heard_out(READING)
    question.voice(6.0)
    assert question.key("4", 6.5) == [Listen(None)]

    assert question.pause("сорок", 7.0) == [] and question.voice(7.1) == []
    assert question.utterance([Alternative("сорок", 1.0)], 7.2) == []
    assert question.key("#", 8.0) == [Settled("4")]


def test_an_answer_that_comes_without_being_asked_for_is_none():
    assert heard_out().utterance([Alternative("груша", 1.0)], 6.0) == []


# Nobody hears


def test_who_was_speaking_is_told_to_use_the_keys_at_the_cost_of_no_try():
    question = heard_out()
    question.voice(6.0)

    assert question.deaf(6.5) == [Play(1, "keys_only")]
    assert question.played(12.0) == []
    assert question.key("4", 13.0) == [Settled("4")]


def test_who_was_silent_hears_nothing_of_it():
    question = heard_out()

    assert question.deaf(6.0) == []
    assert question.voice(7.0) == []
    assert question.tick(12.0) == [Play(2, "noinput")]


def test_a_recogniser_that_does_not_answer_counts_as_gone():
    question = heard_out()
    question.voice(6.0)
    question.pause("груша", 7.0)
    question.tick(7.6)

    assert question.tick(7.6 + RECOGNISING) == [Play(1, "keys_only")]


def test_losing_speech_at_the_confirmation_leaves_the_keys():
    question, _ = asked_back()
    question.played(12.0)
    question.voice(13.0)

    assert question.deaf(13.5) == [Play(1, "keys_only", True, ("fruit_pear", ()))]
    question.played(15.0)
    assert question.key("1", 16.0) == [Settled("груша", confidence=0.6)]


# Whatever happens

happenings = st.lists(
    st.one_of(
        st.sampled_from("0123456789*#").map(lambda key: ("key", key)),
        st.sampled_from(["voice", "played", "tick", "deaf"]).map(lambda what: (what, None)),
        st.sampled_from(["", "груша", "[unk]", "оператор", "повторіть"]).map(lambda words: ("pause", words)),
        st.tuples(
            st.just("utterance"),
            st.lists(
                st.builds(
                    Alternative, st.sampled_from(["груша", "так", "ні", "[unk]", "назад", ""]), st.floats(0, 1)
                ),
                max_size=3,
            ),
        ),
    ),
    max_size=60,
)


@given(happenings, st.sampled_from([FRUIT, READING, yes_no]), st.booleans())
def test_a_question_always_comes_to_an_end_and_never_waits_for_nothing(happened, accepts, bargein):
    question = Exchange(accepts, Manner(bargein=bargein), Typed(), True)
    question.begin(0.0)
    now, settled = 0.0, []
    for what, with_ in happened:
        now += 0.7
        match what:
            case "key":
                actions = question.key(with_, now)
            case "voice":
                actions = question.voice(now)
            case "played":
                actions = question.played(now)
            case "tick":
                actions = question.tick(question.wake_at or now)
            case "deaf":
                actions = question.deaf(now)
            case "pause":
                actions = question.pause(with_, now)
            case _:
                actions = question.utterance(with_, now)
        settled += [action for action in actions if isinstance(action, Settled)]
        if question.settled:
            break
        assert question.playing or question.wake_at is not None, "it would wait for ever"
    for _ in range(400):  # left alone: prompts end, timers run out
        if question.settled:
            break
        now += 20.0
        actions = question.played(now) if question.playing else question.tick(now)
        settled += [action for action in actions if isinstance(action, Settled)]
    assert question.settled and len(settled) == 1
    if settled[0].heard is not None:
        understand(accepts, settled[0].heard)


@given(st.text(max_size=20) | st.lists(st.sampled_from(["груша", "один", "[unk]", "сорок"])).map(" ".join))
def test_understanding_fails_in_one_way_only(words):
    for accepts in (FRUIT, READING, yes_no):
        try:
            understand(accepts, words)
        except Nomatch:
            pass
