"""Notes and scores on calls: nothing is overwritten, and nobody changes what somebody else wrote."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from domain import quality
from domain.model import Language
from domain.quality import NotYours, Stale, Unknown, Unsuitable
from domain.scorecard import FIRST, WORTH, Answer, Form, Malformed, Mark, Question, checked
from domain.tables import call_note_versions, scores
from tests.domain.conftest import NOW, Run

LATER = NOW + timedelta(minutes=5)
WELL = {question.key: Answer(Mark.YES) for question in FIRST.questions}


def write(run: Run, text: str = "говорить нерозбірливо", second: float | None = 12.5, by: str = "olena") -> Any:
    return run(lambda conn: quality.note(conn, "c1", second, text, by=by, at=NOW))


def standing(run: Run) -> list[str | None]:
    return [note.text for note in run(lambda conn: quality.notes(conn, "c1"))]


def score(run: Run, answers: dict[str, Answer], by: str = "olena", at: Any = NOW, comment: str = "") -> Any:
    return run(lambda conn: quality.score(conn, "c1", 1, answers, comment, by=by, at=at))


def test_notes_stand_in_the_order_of_their_moments_and_those_on_the_whole_call_first(run: Run):
    write(run, "друга", 40.0)
    write(run, "перша", 3.25)
    write(run, "про все", None)
    write(run, "на початку", 0.0)
    assert standing(run) == ["про все", "на початку", "перша", "друга"]


def test_a_changed_note_keeps_what_it_said_before(run: Run):
    note = write(run, "  не чути  ")
    changed = run(lambda conn: quality.change(conn, note.id, 1, "чути погано", by="olena", at=LATER))
    assert (changed.version, changed.text, changed.second, changed.at) == (2, "чути погано", 12.5, LATER)
    assert standing(run) == ["чути погано"]
    history = run(lambda conn: quality.versions(conn, note.id))
    assert [(one.version, one.text, one.at) for one in history] == [(1, "не чути", NOW), (2, "чути погано", LATER)]


def test_a_note_changed_into_itself_is_the_same_note(run: Run):
    note = write(run)
    assert run(lambda conn: quality.change(conn, note.id, 1, note.text, by="olena", at=LATER)) == note


def test_a_note_that_was_taken_back_is_kept_but_not_shown_and_stays_so(run: Run):
    note = write(run)
    run(lambda conn: quality.take_back(conn, note.id, 1, by="olena", at=LATER))
    assert standing(run) == []
    assert [one.text for one in run(lambda conn: quality.versions(conn, note.id))] == [note.text, None]
    with pytest.raises(Stale):
        run(lambda conn: quality.change(conn, note.id, 2, "знову тут", by="olena", at=LATER))
    with pytest.raises(Stale):
        run(lambda conn: quality.take_back(conn, note.id, 2, by="olena", at=LATER))


def test_only_who_wrote_a_note_changes_it_or_takes_it_back(run: Run):
    note = write(run)
    for deed in (
        lambda conn: quality.change(conn, note.id, 1, "інше", by="taras", at=LATER),
        lambda conn: quality.take_back(conn, note.id, 1, by="taras", at=LATER),
    ):
        with pytest.raises(NotYours):
            run(deed)
    assert standing(run) == [note.text]


def test_who_changes_what_they_have_not_seen_is_told_so(run: Run):
    note = write(run)
    run(lambda conn: quality.change(conn, note.id, 1, "друге", by="olena", at=LATER))
    with pytest.raises(Stale):
        run(lambda conn: quality.change(conn, note.id, 1, "третє", by="olena", at=LATER))
    assert standing(run) == ["друге"]


@pytest.mark.parametrize(
    ("text", "second", "why"),
    [
        ("  \n ", 1.0, "empty"),
        ("я" * (quality.LONGEST + 1), 1.0, "too_long"),
        ("так", -0.5, "second"),
        ("так", float("nan"), "second"),
        ("так", float("inf"), "second"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_word_for_the_reason(run: Run, text: str, second: float, why: str):
    with pytest.raises(Unsuitable) as refused:
        write(run, text, second)
    assert refused.value.why == why
    assert standing(run) == []


def test_nothing_is_written_on_what_is_not_there(run: Run):
    with pytest.raises(Unknown):
        run(lambda conn: quality.note(conn, "c2", 1.0, "так", by="olena", at=NOW))
    with pytest.raises(Unknown):
        run(lambda conn: quality.change(conn, 77, 1, "так", by="olena", at=NOW))
    with pytest.raises(Unknown):
        run(lambda conn: quality.score(conn, "c2", 1, WELL, by="olena", at=NOW))
    with pytest.raises(Unknown):
        run(lambda conn: quality.score(conn, "c1", 2, WELL, by="olena", at=NOW))


def test_a_score_keeps_its_answers_with_their_moments(run: Run):
    answers = {**WELL, "tone": Answer(Mark.PARTLY, 31.5), "way_out": Answer(Mark.NOT_APPLICABLE)}
    made = score(run, answers, comment=" голос стомлений ")
    assert made.total == pytest.approx(100 * (15 + 25 + 30 + 5 + 10) / 90, abs=0.05)
    assert run(lambda conn: quality.standing(conn, "c1")) == [made]
    assert (made.answers["tone"], made.comment, made.form) == (Answer(Mark.PARTLY, 31.5), "голос стомлений", 1)


def test_scoring_again_counts_instead_and_the_first_score_is_kept(run: Run):
    score(run, {**WELL, "outcome": Answer(Mark.NO)})
    score(run, WELL, at=LATER)
    score(run, {**WELL, "tone": Answer(Mark.NO)}, by="taras", at=NOW + timedelta(minutes=1))
    assert {one.by: (one.version, one.total) for one in run(lambda conn: quality.standing(conn, "c1"))} == {
        "olena": (2, 100.0),
        "taras": (1, 90.0),
    }
    assert [one.total for one in run(lambda conn: quality.given(conn, "c1"))] == [100.0, 90.0, 0.0]
    assert run(lambda conn: quality.totals(conn, ["c1", "c2"])) == {"c1": 95.0}


def test_a_score_that_is_refused_leaves_nothing_behind(run: Run):
    for answers in ({**WELL, "weather": Answer(Mark.YES)}, {"tone": Answer(Mark.YES)}, {}):
        with pytest.raises(Malformed):
            score(run, answers)
    with pytest.raises(Unsuitable):
        score(run, WELL, comment="я" * (quality.LONGEST + 1))
    with pytest.raises(Unsuitable):
        score(run, {**WELL, "tone": Answer(Mark.YES, -1.0)})
    assert run(lambda conn: conn.execute(select(func.count()).select_from(scores)).scalar()) == 0


def test_a_critical_no_makes_the_total_nothing():
    assert FIRST.total({**WELL, "notice": Answer(Mark.NO)}) == 0.0
    assert FIRST.total({**WELL, "notice": Answer(Mark.PARTLY)}) == pytest.approx(92.5)


def test_where_no_question_applies_there_is_no_total(run: Run):
    nothing = {key: Answer(Mark.NOT_APPLICABLE) for key in WELL}
    assert score(run, nothing).total is None
    assert run(lambda conn: quality.totals(conn, ["c1"])) == {}


@given(st.lists(st.tuples(st.integers(1, 100), st.sampled_from(Mark)), min_size=1, max_size=30))
def test_a_total_is_of_a_hundred_and_better_answers_never_lower_it(marked: list[tuple[int, Mark]]):
    form = Form(9, [Question(f"q{n}", {Language.UK: "?"}, weight) for n, (weight, _) in enumerate(marked)])
    answers = {f"q{n}": Answer(mark) for n, (_, mark) in enumerate(marked)}
    total = form.total(answers)
    assert total is None or 0 <= total <= 100
    for key, answer in answers.items():
        if total is not None and answer.mark in WORTH:
            better = form.total({**answers, key: Answer(Mark.YES)})
            assert better is not None and better >= total


def test_the_form_has_versions_and_old_scores_keep_theirs(run: Run):
    first = score(run, WELL)
    asked = [*FIRST.questions[:2], Question("speed", {Language.UK: "Швидко?"}, 40)]
    second = run(lambda conn: quality.write_form(conn, asked, 1, by="olena", at=LATER))
    assert second.version == 2
    assert run(quality.form) == second
    assert run(lambda conn: quality.form(conn, 1)) == FIRST
    assert run(lambda conn: quality.form(conn, 2)).questions[2].said(Language.EN) == "Швидко?"
    marks = {"notice": Answer(Mark.YES), "understood": Answer(Mark.NO), "speed": Answer(Mark.YES)}
    run(lambda conn: quality.score(conn, "c1", 2, marks, by="taras", at=LATER))
    assert {one.by: one.form for one in run(lambda conn: quality.standing(conn, "c1"))} == {"olena": 1, "taras": 2}
    assert first.total == 100.0


def test_who_changes_a_form_that_was_changed_meanwhile_is_told_so(run: Run):
    run(lambda conn: quality.write_form(conn, FIRST.questions[:2], 1, by="olena", at=NOW))
    with pytest.raises(Stale):
        run(lambda conn: quality.write_form(conn, FIRST.questions[:3], 1, by="taras", at=LATER))
    assert len(run(quality.form).questions) == 2


def test_a_form_that_was_not_changed_gets_no_version(run: Run):
    assert run(lambda conn: quality.write_form(conn, FIRST.questions, 1, by="olena", at=NOW)).version == 1


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (Question("два слова", {Language.UK: "?"}, 1), "key"),
        (Question("one", {Language.EN: "only English?"}, 1), "no_text"),
        (Question("one", {Language.UK: "?"}, 0), "weight"),
        (Question("one", {Language.UK: "?"}, 101), "weight"),
        (Question("one", {Language.UK: "?" * 201}, 1), "too_long"),
    ],
)
def test_a_question_that_is_none_is_named(question: Question, why: str):
    with pytest.raises(Malformed) as refused:
        checked([question])
    assert (refused.value.why, refused.value.of) == (why, question.key)


def test_a_form_has_questions_and_each_once():
    with pytest.raises(Malformed, match="how_many"):
        checked([])
    with pytest.raises(Malformed, match="twice"):
        checked([Question("one", {Language.UK: "?"}, 1)] * 2)


def test_the_first_form_is_one_in_three_languages_and_its_weights_make_a_hundred():
    assert tuple(FIRST.questions) == checked(FIRST.questions)
    assert all(set(question.text) == set(Language) for question in FIRST.questions)
    assert sum(question.weight for question in FIRST.questions) == 100


def test_no_version_of_a_note_is_ever_lost(run: Run):
    note = write(run)
    for n in range(2, 6):
        run(lambda conn, n=n: quality.change(conn, note.id, n - 1, f"{n}", by="olena", at=LATER))
    count = select(func.count()).select_from(call_note_versions)
    assert run(lambda conn: conn.execute(count).scalar()) == 5
