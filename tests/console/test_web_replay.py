"""The page of one call: what happened in it, for whom, with or without sound; notes and scores on it."""

import json
import re
import time
from datetime import timedelta
from hashlib import sha256

import long_call
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import calls, quality, trail
from domain.masking import HIDDEN
from domain.model import Outcome
from domain.roles import Role
from domain.scorecard import FIRST, Mark
from domain.tables import RecordingState
from ivr.console.web.masked import PAUSE, hidden
from ivr.console.web.telling import LANE, LANES, rows
from ivr.console.web.words import Tongue
from ivr.story import Event

CALL = "hour-1"
EVENT = re.compile(r'<li data-event data-kind="([a-z_]+)" data-lane="([a-z]+)" data-at="([0-9.]+)"')


@pytest.fixture
def held(world):
    """A short call with everything in it, ended a minute ago."""
    world.write(lambda c: long_call.store(c, CALL, world.now - timedelta(minutes=3), seconds=120, events=60))
    return world


def sealed(world, seconds=120):
    file = world.path / "recordings/2026/11/30/hour-1.wav"
    long_call.sound(file, seconds)
    digest, size = sha256(file.read_bytes()).hexdigest(), file.stat().st_size
    world.write(
        lambda c: calls.recording_sealed(
            c, CALL, "recordings/2026/11/30/hour-1.wav", sha256=digest, seconds=seconds, bytes=size, at=world.now
        )
    )


def marks(**but):
    return {f"mark_{question.key}": but.get(question.key, "yes") for question in FIRST.questions} | {"form": "1"}


# What happened


def test_a_call_is_a_list_of_what_happened_in_order_each_with_a_link_to_its_moment(held):
    page = held.sign_in().get(f"/calls/{CALL}")
    assert page.status_code == 200
    found = EVENT.findall(page.text)
    assert {"prompt", "key", "said", "step", "barge_in", "nomatch", "silence", "ended"} <= {
        kind for kind, _, _ in found
    }
    assert [float(at) for _, _, at in found] == sorted(float(at) for _, _, at in found)
    assert {lane for _, lane, _ in found} <= set(LANES)
    assert page.text.count('<a class="when" href="#t=') >= len(found)


def test_every_kind_of_event_has_a_name_and_a_lane():
    for kind in LANE:
        for language in ("uk", "ru", "en"):
            assert Tongue(language).knows(f"replay.kind_{kind}") or kind == "score", kind


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_the_page_speaks_three_languages(held, language):
    page = held.sign_in(language=language).get(f"/calls/{CALL}").text
    assert f'<html lang="{language}"' in page
    assert Tongue(language)("replay.what_happened") in page


def test_a_call_that_is_not_there_is_not_found_whatever_it_is_called(world):
    browser = world.sign_in()
    for name in ("nobody", "...", "%2e%2e%2fhotline.db", "a" * 81, "x%00", "<script>"):
        assert browser.get(f"/calls/{name}").status_code in (404, 422), name


def test_what_callers_say_cannot_become_a_part_of_the_page(world):
    world.write(
        lambda c: long_call.store(
            c, CALL, world.now - timedelta(minutes=3), seconds=60, events=30,
            saying="<script>alert(1)</script><img src=x onerror=alert(2)> \" onmouseover=\"alert(3)",
        )
    )  # fmt: skip
    world.write(
        lambda c: quality.note(c, CALL, 1.0, "</textarea><script>alert(4)</script>", by="supervisor", at=world.now)
    )
    page = world.sign_in().get(f"/calls/{CALL}").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search(r'" onmouseover="', page)


def test_a_call_in_progress_is_shown_so_far_and_its_story_is_asked_for_by_itself(world):
    world.write(
        lambda c: long_call.store(c, CALL, world.now - timedelta(seconds=30), seconds=30, events=30, outcome=None)
    )
    browser = world.sign_in()
    page = browser.get(f"/calls/{CALL}").text
    assert 'data-live="yes"' in page and 'data-sound="live"' in page
    piece = browser.get(f"/calls/{CALL}/story").text
    assert len(EVENT.findall(piece)) == len(EVENT.findall(page)) > 5
    assert "<html" not in piece


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(held):
    browser = held.sign_in()
    held.passes(minutes=25)
    assert browser.get(f"/calls/{CALL}/story", follow=False).status_code == 200
    held.passes(minutes=10)
    assert browser.get(f"/calls/{CALL}/story", follow=False).status_code in (401, 303)


# Who may what


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.SUPERVISOR, 200), (Role.QUALITY, 200), (Role.AUDITOR, 200), (Role.AGENT, 403),
        (Role.ADMINISTRATOR, 403),
    ],
)  # fmt: skip
def test_who_may_replay_a_call(held, role, status):
    assert held.sign_in(role).get(f"/calls/{CALL}").status_code == status


def test_who_may_not_see_personal_data_gets_none_anywhere_on_the_page(held):
    clear, masked = (held.sign_in(role).get(f"/calls/{CALL}").text for role in (Role.SUPERVISOR, Role.QUALITY))
    assert "+380\u00a067\u00a0123\u00a045\u00a067" in clear and "2180" in clear
    for secret in ("1234567", "123\u00a045\u00a067", "2180", "нуль нуль нуль", "вісімдесят"):
        assert secret not in masked, secret
    assert HIDDEN in masked
    assert len(EVENT.findall(masked)) == len(EVENT.findall(clear))


# Sound


def sound_of(page):
    return re.search(r'data-sound="([a-z]+)"', page.text)[1]


def test_a_page_without_sound_says_why(held):
    browser, t = held.sign_in(), Tongue("uk")
    assert sound_of(browser.get(f"/calls/{CALL}")) == "none"
    sealed(held)
    assert sound_of(browser.get(f"/calls/{CALL}")) == "reason"
    held.write(lambda c: calls.recording_erased(c, CALL, "retention", held.now))
    page = browser.get(f"/calls/{CALL}")
    assert sound_of(page) == "erased"
    assert t("replay.sound_erased") in page.text and "retention" in page.text


def test_a_recording_that_is_not_sealed_yet_or_failed_is_told_as_such(held):
    browser = held.sign_in()
    held.write(lambda c: calls.recording_began(c, CALL, "recordings/x.raw", held.now))
    assert sound_of(browser.get(f"/calls/{CALL}")) == "sealing"
    held.write(lambda c: calls.recording_failed(c, CALL, "disk full", held.now))
    assert sound_of(browser.get(f"/calls/{CALL}")) == "failed"
    assert held.read(lambda c: calls.recording(c, CALL)).state is RecordingState.FAILED


def test_after_a_reason_the_session_hears_the_call_and_another_one_does_not(held):
    sealed(held)
    browser, other = held.sign_in(), held.sign_in()
    given = browser.post(f"/calls/{CALL}/listen", {"reason": "quality", "words": ""})
    assert given.status_code == 200
    assert sound_of(browser.get(f"/calls/{CALL}")) == "here"
    assert sound_of(other.get(f"/calls/{CALL}")) == "reason"


def test_every_reason_that_the_page_offers_is_one(held):
    sealed(held)
    browser = held.sign_in()
    offered = re.findall(r'name="reason" value="([a-z_]+)"', browser.get(f"/calls/{CALL}").text)
    assert len(offered) == 6
    for reason in offered:
        words = "переслухати ще раз" if reason == "other" else ""
        answer = browser.post(
            f"/calls/{CALL}/listen", {"reason": reason, "words": words}, headers={"accept": "application/json"}
        )
        assert answer.json() == {"granted": True}, reason


# Notes


def test_a_note_is_written_shown_at_its_moment_changed_and_taken_back_and_the_trail_knows(held):
    browser = held.sign_in()
    answer = browser.post(f"/calls/{CALL}/notes", {"text": "Тут <b>шум</b>", "second": "12.5"}, follow=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/calls/{CALL}#notes")
    page = browser.get(f"/calls/{CALL}").text
    assert "Тут &lt;b&gt;шум&lt;/b&gt;" in page
    assert 'data-kind="note" data-lane="mark" data-at="12.5"' in page
    [note] = held.read(lambda c: quality.notes(c, CALL))
    browser.post(f"/calls/{CALL}/notes/{note.id}", {"text": "Тут тихо", "seen": "1"})
    browser.post(f"/calls/{CALL}/notes/{note.id}", {"seen": "2", "taken_back": "yes", "text": "Тут тихо"})
    assert held.read(lambda c: quality.notes(c, CALL)) == []
    written = [row.what for row in held.read(lambda c: trail.page(c)) if row.of == CALL]
    assert written[::-1] == ["note.written", "note.changed", "note.taken_back"]


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"text": "  ", "second": ""}, "empty"),
        ({"text": "я" * 4001, "second": ""}, "too_long"),
        ({"text": "так", "second": "minus"}, "second"),
        ({"text": "так", "second": "-1"}, "second"),
        ({"text": "так", "second": "nan"}, "second"),
        ({"text": "так", "second": "inf"}, "second"),
    ],
)
def test_a_note_that_cannot_be_kept_comes_back_as_it_was_typed_with_what_is_wrong(held, form, word):
    answer = held.sign_in().post(f"/calls/{CALL}/notes", form)
    assert answer.status_code == 422
    assert Tongue("uk")(f"replay.error_{word}") in answer.text
    assert form["text"].strip() in answer.text
    assert held.read(lambda c: quality.notes(c, CALL)) == []


def test_nobody_changes_what_somebody_else_wrote(held):
    held.sign_in().post(f"/calls/{CALL}/notes", {"text": "моє", "second": ""})
    [note] = held.read(lambda c: quality.notes(c, CALL))
    other = held.sign_in(Role.QUALITY)
    assert f"/notes/{note.id}" not in other.get(f"/calls/{CALL}").text
    assert other.post(f"/calls/{CALL}/notes/{note.id}", {"text": "чуже", "seen": "1"}).status_code == 403
    assert held.read(lambda c: quality.notes(c, CALL))[0].text == "моє"


def test_a_note_is_changed_through_its_own_call_only(held):
    held.write(lambda c: long_call.store(c, "other", held.now, seconds=20, events=20))
    browser = held.sign_in()
    browser.post(f"/calls/{CALL}/notes", {"text": "моє", "second": ""})
    [note] = held.read(lambda c: quality.notes(c, CALL))
    assert browser.post(f"/calls/other/notes/{note.id}", {"text": "інше", "seen": "1"}).status_code == 404
    assert browser.post(f"/calls/{CALL}/notes/{note.id + 1}", {"text": "інше", "seen": "1"}).status_code == 404


def test_who_changes_what_was_changed_meanwhile_sees_what_stands(held):
    browser = held.sign_in()
    browser.post(f"/calls/{CALL}/notes", {"text": "перше", "second": ""})
    [note] = held.read(lambda c: quality.notes(c, CALL))
    browser.post(f"/calls/{CALL}/notes/{note.id}", {"text": "друге", "seen": "1"})
    late = browser.post(
        f"/calls/{CALL}/notes/{note.id}", {"text": "третє", "seen": "1"}, headers={"hx-request": "true"}
    )
    assert late.status_code == 409
    assert "друге" in late.text and Tongue("uk")("replay.error_stale") in late.text
    assert "<html" not in late.text


# Scores


def test_a_call_is_scored_and_scored_again(held):
    browser = held.sign_in(Role.QUALITY)
    browser.post(
        f"/calls/{CALL}/scores", marks(tone="partly") | {"second_tone": "31.5", "comment": "голос стомлений"}
    )
    page = browser.get(f"/calls/{CALL}").text
    assert "95,0" in page and "голос стомлений" in page
    assert 'data-kind="score" data-lane="mark" data-at="31.5"' in page
    browser.post(f"/calls/{CALL}/scores", marks())
    [now] = held.read(lambda c: quality.standing(c, CALL))
    assert (now.version, now.total) == (2, 100.0)
    assert "95,0" in browser.get(f"/calls/{CALL}").text  # among the earlier ones
    scored = [row for row in held.read(lambda c: trail.page(c)) if row.what == "call.scored"]
    assert [row.details["total"] for row in scored] == [100.0, 95.0]


def test_a_score_with_a_question_left_out_comes_back_as_it_was_filled_in(held):
    form = marks(notice="no") | {"comment": "майже"}
    del form["mark_wait"]
    answer = held.sign_in().post(f"/calls/{CALL}/scores", form)
    assert answer.status_code == 422
    assert 'aria-describedby="missing-wait"' in answer.text
    assert re.search(r'name="mark_notice" value="no" checked', answer.text)
    assert "майже" in answer.text
    assert held.read(lambda c: quality.standing(c, CALL)) == []


@pytest.mark.parametrize(
    "form",
    [marks() | {"form": "7"}, marks() | {"form": "x"}, marks(tone="maybe"), marks() | {"mark_more": "yes"}, {}],
)
def test_what_is_no_score_is_refused(held, form):
    assert held.sign_in().post(f"/calls/{CALL}/scores", form).status_code in (404, 422)
    assert held.read(lambda c: quality.standing(c, CALL)) == []


def test_who_may_not_score_neither_sees_the_form_nor_gets_through(held):
    browser = held.sign_in(Role.AUDITOR)
    assert "mark_notice" not in browser.get(f"/calls/{CALL}").text
    assert browser.post(f"/calls/{CALL}/scores", marks()).status_code == 403
    assert browser.post(f"/calls/{CALL}/notes", {"text": "x", "second": ""}).status_code == 403
    assert held.read(lambda c: quality.standing(c, CALL)) == []


def test_marks_have_words():
    assert all(Tongue("en").knows(f"replay.mark_{mark}") for mark in Mark)


# Masking


def key(at, label):
    return Event(at, None, "key", label)


def test_keys_of_a_long_number_are_hidden_and_those_of_a_menu_are_not():
    menu = [key(1.0, "1"), key(9.0, "2")]
    number = [key(20.0 + n, str(n)) for n in range(4)]
    shown = hidden([*menu, *number])
    assert [event.label for event in shown] == ["1", "2", "•", "•", "•", "•"]


def test_a_number_keyed_over_the_border_of_two_questions_is_hidden_whole():
    keyed = [key(1.0 + n / 2, "7") for n in range(10)]
    steps = [Event(0.0, 2.2, "step", "menu", "777"), Event(2.2, 9.0, "step", "account", "7777777")]
    assert {event.label for event in hidden([*steps, *keyed]) if event.kind == "key"} == {"•"}


def test_digits_keyed_slowly_for_one_question_are_one_number():
    keyed = [key(1.0 + n * (PAUSE + 1), "7") for n in range(4)]
    assert {event.label for event in hidden([Event(0.0, 60.0, "step", "account", "7777"), *keyed])[1:]} == {"•"}


def test_words_keep_their_times_when_they_are_hidden():
    each = [["рахунок", 1.0, 1.4, 0.9], ["один", 1.5, 1.8, 0.9], ["нуль", 1.9, 2.1, 0.8], ["вісім", 2.2, 2.4, 0.5],
            ["два", 2.5, 2.7, 0.5]]  # fmt: skip
    said = Event(
        1.0, 2.7, "said", "", "рахунок один нуль вісім два", {"each": each, "confidence": 0.7, "alternatives": []}
    )
    [shown] = hidden([said])
    assert shown.text == f"рахунок {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN}"
    assert [one[1:] for one in shown.facts["each"]] == [one[1:] for one in each]
    assert [one[0] for one in shown.facts["each"]] == ["рахунок", HIDDEN, HIDDEN, HIDDEN, HIDDEN]


def test_what_the_store_was_given_is_hidden_too_but_days_are_not():
    deed = Event(
        1.0,
        1.1,
        "deed",
        "SubmitReading",
        "",
        {"seq": 12345, "words": {"account": "1000000018", "value": 12345, "zones_left": 2, "due": "2026-12-15"}},
    )
    [shown] = hidden([deed])
    assert shown.facts["words"] == {"account": HIDDEN, "value": HIDDEN, "zones_left": 2, "due": "2026-12-15"}
    assert shown.facts["seq"] == 12345


FACTS = st.dictionaries(st.text("ab", max_size=2), st.integers() | st.text("018 ", max_size=9))
EVENTS = st.lists(
    st.builds(
        Event,
        st.floats(0, 100), st.none() | st.floats(0, 100),
        st.sampled_from(["prompt", "key", "said", "step", "deed", "told", "ended"]),
        st.text("0123456789*# abcопис", max_size=6), st.text("0123456789 один нуль вул.", max_size=30),
        st.fixed_dictionaries({}, optional={"words": FACTS}),
    ),
    max_size=8,
)  # fmt: skip


@given(EVENTS)
def test_hiding_changes_no_time_and_no_kind_leaves_no_long_number_and_is_done_once(events):
    shown = hidden(events)
    assert [(e.at, e.until, e.kind) for e in shown] == [(e.at, e.until, e.kind) for e in events]
    for event in shown:
        assert not re.search(r"\d{4}", event.text)
        for value in (event.facts.get("words") or {}).values():
            assert not re.search(r"\d{4}", str(value))
    assert hidden(shown) == shown


def test_keys_between_which_nothing_happened_are_one_row_each_at_its_time():
    events = [key(1.0, "1"), key(1.5, "2"), Event(2.0, None, "nomatch", "menu"), key(3.0, "#")]
    told = rows(events, Tongue("en"))
    assert [row.kind for row in told] == ["key", "nomatch", "key"]
    assert (told[0].text, told[2].text) == ("12", "#")
    assert [(word.text, word.at) for word in told[0].words] == [("1", 1.0), ("2", 1.5)]


# An hour


def test_an_hour_with_fifteen_hundred_events_is_answered_in_time(world, capsys):
    world.write(lambda c: long_call.store(c, CALL, world.now - timedelta(hours=2), seconds=3600, events=1500))
    browser = world.sign_in()
    took = []
    for _ in range(5):
        began = time.process_time()
        page = browser.get(f"/calls/{CALL}")
        took.append(time.process_time() - began)
    events = sum(len(word) for word in re.findall(r'data-kind="key"[^>]*data-short="([^"]*)"', page.text)) + sum(
        kind != "key" for kind, _, _ in EVENT.findall(page.text)
    )
    with capsys.disabled():
        print(f"\n  an hour with {events} events: {min(took) * 1000:.0f} ms of CPU, {len(page.text) / 1024:.0f} KB")
    assert events >= 1500
    assert min(took) < 0.3
    assert json.loads(re.search(r"data-doubts=\"([^\"]*)\"", page.text)[1].join(("[", "]")).replace(" ", ","))
    assert world.read(lambda c: calls.one(c, CALL)).outcome is Outcome.READING_TAKEN
