"""How a question listens: VoiceXML's timers, barge-in, type-ahead.  Time is an argument."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialog import Manner, Nomatch, Say, digits, one_of, yes_no
from ivr.dialog.exchange import REPEATS, Exchange, Hush, Play, Settled, Telling, Typed

ACCOUNT = digits(10)
READING = digits(1, 9, expected=6)
PATIENT = Manner(timeout=7, interdigittimeout=4, termtimeout=0, tries=3)


def put(accepts=ACCOUNT, manner=PATIENT, ahead="", *, stray=False):
    question = Exchange(accepts, manner, Typed(ahead, stray))
    return question, question.begin(0.0)


def heard_out(accepts=ACCOUNT, manner=PATIENT):
    """A question whose prompt has been heard to its end, at second 5."""
    question, _ = put(accepts, manner)
    assert question.played(5.0) == []
    return question


def press(question, keys, at):
    return [action for key in keys for action in question.key(key, at)]


def test_a_full_account_number_settles_at_its_last_digit():
    question = heard_out()

    assert [Settled("1234567890")] == press(question, "1234567890", 6.0)


def test_patience_counts_from_the_end_of_the_prompt():
    question = heard_out()

    assert question.wake_at == 12.0
    assert question.tick(11.9) == []
    assert [Play(2, "noinput")] == question.tick(12.0)


def test_while_the_prompt_plays_no_time_runs():
    question, _ = put()

    assert question.wake_at is None
    assert question.tick(1000.0) == []


def test_a_slow_typist_is_waited_for_after_every_key():
    question = heard_out(READING)

    assert question.key("4", 11.9) == []
    assert question.key("7", 15.8) == []
    assert question.tick(19.7) == []
    assert [Settled("47")] == question.tick(19.8)


def test_too_few_digits_at_interdigit_expiry_are_a_nomatch_not_a_noinput():
    question = heard_out()
    press(question, "123", 6.0)

    assert [Play(2, "nomatch")] == question.tick(10.0)


def test_as_many_digits_as_expected_wait_for_the_shorter_termtimeout():
    question = heard_out(READING, Manner(termtimeout=2.0))
    press(question, "123456", 6.0)

    assert question.wake_at == 8.0
    assert [Settled("123456")] == question.tick(8.0)


def test_more_digits_than_expected_are_still_understood_so_that_the_flow_can_explain():
    question = heard_out(READING, Manner(termtimeout=2.0))

    assert [Settled("1234567")] == press(question, "1234567#", 6.0)


def test_hash_ends_an_answer():
    assert [Settled("47")] == press(heard_out(READING), "47#", 6.0)


def test_hash_alone_repeats_the_question_but_not_for_ever():
    question = heard_out()
    for _ in range(REPEATS):
        assert [Play(1)] == question.key("#", 6.0)
        question.played(7.0)

    assert [Play(2, "nomatch")] == question.key("#", 8.0)


def test_hash_alone_during_the_question_begins_it_anew():
    question, _ = put(READING)

    assert [Hush(), Play(1)] == question.key("#", 1.0)


def test_a_question_without_termchar_does_not_know_hash():
    assert [Play(2, "nomatch")] == press(heard_out(READING, Manner(termchar="")), "4#", 6.0)


def test_a_hash_out_of_habit_after_a_full_answer_does_not_spoil_the_next_question():
    first = heard_out()
    press(first, "1234567890", 6.0)
    second = Exchange(yes_no, PATIENT, first.typed)

    assert [Play(1)] == second.begin(6.1)
    assert second.key("#", 6.2) == []
    assert [Hush(), Settled("1")] == second.key("1", 6.9)


def test_only_the_first_key_can_be_such_a_hash():
    question, _ = put(READING, stray=True)

    assert [Hush()] == question.key("4", 1.0)
    assert [Settled("4")] == question.key("#", 1.1)


def test_a_stray_hash_typed_ahead_still_lets_the_question_be_heard():
    _, actions = put(yes_no, ahead="#", stray=True)

    assert [Play(1)] == actions


def test_star_erases_what_was_keyed():
    question = heard_out(READING)

    assert [Play(1, "erased", whole=False)] == press(question, "47*", 6.0)
    question.played(7.0)
    assert [Settled("48")] == press(question, "48#", 8.0)


def test_star_alone_goes_back():
    assert [Settled(interruption="back")] == heard_out().key("*", 6.0)
    question, _ = put(READING)
    assert [Hush(), Settled(interruption="back")] == question.key("*", 1.0)


def test_a_second_star_after_an_erasing_one_goes_back():
    question = heard_out(READING)
    press(question, "4*", 6.0)

    assert [Hush(), Settled(interruption="back")] == question.key("*", 6.5)


def test_zero_alone_asks_for_a_person():
    assert [Settled(interruption="wants agent")] == press(heard_out(yes_no), "0", 6.0)
    assert [Settled(interruption="wants agent")] == press(heard_out(READING), "0#", 6.0)
    reading = heard_out(READING)
    press(reading, "0", 6.0)
    assert [Settled(interruption="wants agent")] == reading.tick(10.0)


def test_zero_inside_a_number_is_a_digit():
    assert [Settled("0047")] == press(heard_out(READING), "0047#", 6.0)
    assert [Settled("00")] == press(heard_out(READING), "00#", 6.0)


def test_a_menu_knows_at_once_that_a_key_is_none_of_its_own():
    assert [Play(2, "nomatch")] == heard_out(one_of("a", "b")).key("7", 6.0)


def test_three_failures_of_any_kind_are_giving_up():
    question = heard_out()
    assert [Play(2, "noinput")] == question.tick(12.0)
    question.played(15.0)
    assert [Play(3, "nomatch")] == press(question, "9#", 16.0)
    question.played(20.0)
    assert [Settled(interruption="gave up")] == question.tick(27.0)


def test_a_reprompt_forgets_what_was_typed_ahead_of_it():
    question, actions = put(one_of("a"), ahead="7111")

    assert [Play(2, "nomatch")] == actions
    assert question.typed.keys == ""


def test_keys_beyond_the_answer_stay_for_the_next_question():
    question, actions = put(yes_no, ahead="12")

    assert [Settled("1")] == actions
    assert question.typed.keys == "2"


def test_forty_keys_at_once_leave_a_bounded_memory():
    typed = Typed()
    for _ in range(1000):
        typed.add("4")

    assert len(typed.keys) == 64


def test_what_is_no_key_is_no_event():
    question = heard_out()

    assert question.key("flash", 6.0) == []
    assert question.keyed == ""


# The truth table of the module's docstring, every cell.
TABLE = {
    # (bargein, typeahead): (key before, key during, key after)
    (True, True): ("counts unheard", "stops", "counts"),
    (True, False): ("forgotten", "stops", "counts"),
    (False, True): ("counts later", "counts later", "counts"),
    (False, False): ("forgotten", "forgotten", "counts"),
}


@pytest.mark.parametrize(("flags", "when"), list(itertools.product(TABLE, (0, 1, 2))))
def test_no_key_is_swallowed_but_by_the_book(flags, when):
    bargein, typeahead = flags
    question = Exchange(yes_no, Manner(bargein=bargein, typeahead=typeahead), Typed("2" if when == 0 else ""))
    actions = question.begin(0.0)
    if when == 1:
        actions += question.key("2", 1.0)
    was_playing = question.playing
    later = question.played(5.0)
    if when == 2:
        later += question.key("2", 6.0)

    match TABLE[flags][when]:
        case "counts unheard":
            assert [Settled("2")] == actions
        case "stops":
            assert [Play(1), Hush(), Settled("2")] == actions
        case "counts later":
            assert ([Play(1)], True, [Settled("2")]) == (actions, was_playing, later)
        case "counts":
            assert [Settled("2")] == later
        case "forgotten":
            assert ([Play(1)], []) == (actions, later)
            assert not question.settled


def test_a_statement_is_cut_short_by_a_key_that_counts_for_the_next_question():
    telling = Telling(Say("welcome"), Typed())

    assert telling.begin()
    assert telling.key("1")
    assert telling.typed.keys == "1"


def test_the_notice_is_heard_to_its_end_and_keys_wait():
    telling = Telling(Say("notice", bargein=False), Typed("1"))

    assert telling.begin()
    assert not telling.key("2")
    assert telling.typed.keys == "12"


def test_a_statement_is_not_made_to_somebody_who_has_typed_ahead():
    assert not Telling(Say("welcome"), Typed("1")).begin()


def test_bad_news_is_always_told():
    telling = Telling(Say("account_unknown", fresh=True), Typed("999"))

    assert telling.begin()
    assert telling.typed.keys == ""


steps = st.lists(
    st.one_of(
        st.tuples(st.just("key"), st.sampled_from("0123456789*#AD")),
        st.tuples(st.just("played"), st.none()),
        st.tuples(st.just("wait"), st.floats(0, 10)),
    ),
    max_size=80,
)
manners = st.builds(
    Manner,
    termtimeout=st.sampled_from([0.0, 2.0]),
    termchar=st.sampled_from(["#", ""]),
    tries=st.integers(1, 4),
    bargein=st.booleans(),
    typeahead=st.booleans(),
)
grammars = st.sampled_from([ACCOUNT, READING, yes_no, one_of(*"abcdefghi"), digits(1), digits(2, 4)])


@given(grammars, manners, st.text("0123456789*#", max_size=70), st.booleans(), steps)
def test_whatever_happens_a_question_ends_once_with_an_answer_that_parses(accepts, manner, ahead, stray, steps):
    question = Exchange(accepts, manner, Typed(ahead, stray))
    now, spoken, settled = 0.0, 0, []

    def note(actions):
        nonlocal spoken
        spoken += sum(isinstance(a, Play) for a in actions)
        settled.extend(a for a in actions if isinstance(a, Settled))

    note(question.begin(now))
    for what, detail in steps:
        if what == "key":
            note(question.key(detail, now))
        elif what == "played":
            note(question.played(now))
        else:
            now += detail
            note(question.tick(now))
        assert question.settled or question.playing or question.wake_at is not None, "nobody would ever wake it"
    for _ in range(20):  # and then silence
        note(question.played(now))
        now += 10
        note(question.tick(now))

    assert len(settled) == 1
    if settled[0].heard is not None:
        accepts.parse(settled[0].heard)
    # every "erased" costs at least one key; everything else is bounded by tries and repeats
    assert spoken <= manner.tries + REPEATS + len(steps) + len(ahead)


@given(st.text(max_size=12))
def test_a_grammar_and_its_progress_agree(keyed):
    for accepts in (ACCOUNT, READING, yes_no, digits(2, 4)):
        if not keyed:
            continue
        try:
            accepts.parse(keyed)
            parses = True
        except Nomatch:
            parses = False
        assert parses == (accepts.progress(keyed).name in {"ENOUGH", "EXPECTED", "FULL"})


@pytest.mark.parametrize("grammar", [ACCOUNT, READING, yes_no, one_of("x"), digits(3, specimens={"odd": "123"})])
def test_every_example_of_a_grammar_parses(grammar):
    assert grammar.examples()
    for said in grammar.examples().values():
        grammar.parse(said)


@pytest.mark.parametrize(("args", "kw"), [((0,), {}), ((3, 2), {}), ((1, 4), {"expected": 5})])
def test_a_question_nobody_can_answer_is_refused_when_it_is_written(args, kw):
    with pytest.raises(ValueError, match="digits from"):
        digits(*args, **kw)


def test_a_menu_has_no_more_choices_than_keys():
    with pytest.raises(ValueError, match="one to nine"):
        one_of(*range(10))
