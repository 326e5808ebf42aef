"""The form by which calls are scored, as people change it; and what the scores say."""

import re
from datetime import timedelta
from html import unescape

import pytest

from domain import quality, trail
from domain.model import Language
from domain.roles import Permission, Role, may
from domain.scorecard import FIRST, MOST_QUESTIONS, Answer, Mark, Question
from ivr.console.web.words import LANGUAGES, Tongue

WELL = {question.key: Answer(Mark.YES) for question in FIRST.questions}
KEYS = [question.key for question in FIRST.questions]


def filled(html):
    """The form as a browser would send it."""
    form = unescape(re.search(r'<form method="post" action="/quality/form".*?</form>', html, re.S)[0])
    sent = {"row": re.findall(r'name="row" value="([^"]*)"', form)}
    sent |= dict(re.findall(r'<input class="wide"[^>]*name="(\w+)"[^>]*value="([^"]*)"', form))
    sent |= dict(re.findall(r'name="(weight_\w+)"[^>]*value="([^"]*)"', form))
    sent |= dict.fromkeys(re.findall(r'name="(critical_\w+)" value="yes" checked', form), "yes")
    return sent | {"seen": re.search(r'name="seen" value="([^"]*)"', form)[1]}


def preview(html):
    """Texts of the questions in it."""
    card = unescape(re.search(r'<section class="card" id="preview".*?</section>', html, re.S)[0])
    return [
        text.split(" <span")[0] for text in re.findall(r'<fieldset class="question">\s*<legend>(.*?)</legend>', card)
    ]


def do(browser, sent, what):
    return browser.post("/quality/form", {**sent, "do": what})


def standing(world):
    return world.read(quality.form)


def scored(world, call, marks=None, by="quality", at=None, version=None):
    form = standing(world) if version is None else world.read(lambda conn: quality.form(conn, version))
    answers = {one.key: Answer((marks or {}).get(one.key, Mark.YES)) for one in form.questions}
    return world.write(lambda conn: quality.score(conn, call, form.version, answers, by=by, at=at or world.now))


# The form


def test_the_form_is_shown_as_it_stands_with_a_preview_that_is_the_replay_pages(world):
    world.call(id="c1")
    browser = world.sign_in(Role.QUALITY)

    page = browser.get("/quality/form")
    replay = unescape(browser.get("/calls/c1").text)

    assert filled(page.text)["row"] == KEYS
    assert preview(page.text) == [one.text[Language.UK] for one in FIRST.questions]
    assert "autofocus" not in page.text.partition("<main")[2].partition("</main>")[0]
    drawn = re.search(r'<fieldset class="question">.*?</fieldset>', unescape(page.text), re.S)[0]
    assert drawn in replay, "the same piece draws both"


def test_a_changed_form_is_a_new_version_and_old_scores_keep_theirs(world):
    call = world.call()
    old = scored(world, call)
    browser = world.sign_in(Role.QUALITY)
    sent = filled(browser.get("/quality/form").text)

    page = do(browser, sent | {"uk_tone": "Чи  було ввічливо?", "weight_tone": "20", "critical_tone": "yes"}, "save")

    assert page.status_code == 200 and Tongue("uk")("quality.done_kept", n=2) in unescape(page.text)
    form = standing(world)
    tone = next(one for one in form.questions if one.key == "tone")
    assert (form.version, tone.text[Language.UK], tone.weight, tone.critical) == (2, "Чи було ввічливо?", 20, True)
    [kept] = world.read(lambda conn: quality.standing(conn, call))
    assert (kept.form, kept.total) == (1, old.total)
    [deed] = world.read(lambda conn: trail.page(conn, what="form.changed"))
    assert (deed.who, deed.of, dict(deed.details)) == ("quality", "2", {"changed": "tone"})
    replay = browser.get(f"/calls/{call}").text
    assert "Чи було ввічливо?" in replay, "who scores it again is asked by the new one"
    assert '/quality/form?version=1"' in replay, "and sees that the old score was given by the old one"
    assert FIRST.questions[3].text[Language.UK] in unescape(browser.get("/quality/form?version=1").text)


def test_questions_are_added_moved_and_removed_without_storing_anything(world):
    browser = world.sign_in(Role.SUPERVISOR)
    page = browser.get("/quality/form").text

    page = do(browser, filled(page), "up:wait").text
    assert filled(page)["row"] == ["notice", "understood", "outcome", "wait", "tone", "way_out"]
    page = do(browser, filled(page), "down:notice").text
    page = do(browser, filled(page), "remove:tone").text
    page = do(browser, filled(page), "add").text
    sent = filled(page) | {"uk_q1": "Швидко?"}
    page = do(browser, sent, "preview").text

    assert filled(page)["row"] == ["understood", "notice", "outcome", "wait", "way_out", "q1"]
    assert preview(page)[0] == FIRST.questions[1].text[Language.UK]
    assert preview(page)[-1] == "Швидко?"
    assert standing(world) == FIRST
    assert do(browser, filled(page), "save").status_code == 200
    form = standing(world)
    assert [one.key for one in form.questions] == filled(page)["row"]
    assert form.questions[-1] == Question("q1", {Language.UK: "Швидко?"}, 10)
    [deed] = world.read(lambda conn: trail.page(conn, what="form.changed"))
    assert dict(deed.details) == {"added": "q1", "removed": "tone", "moved": True}


def test_the_first_goes_no_higher_and_the_last_no_lower(world):
    browser = world.sign_in(Role.QUALITY)
    sent = filled(browser.get("/quality/form").text)
    for step in ("up:notice", "down:way_out", "up:nothing", "remove:", "", "dance:tone"):
        assert filled(do(browser, sent, step).text)["row"] == KEYS, step


def test_a_new_question_never_gets_the_name_of_one_that_was_removed(world):
    browser = world.sign_in(Role.QUALITY)
    sent = filled(do(browser, filled(browser.get("/quality/form").text), "add").text) | {"uk_q1": "Перше?"}
    do(browser, sent, "save")
    sent = filled(do(browser, filled(browser.get("/quality/form").text), "remove:q1").text)
    do(browser, sent, "save")

    assert filled(do(browser, sent | {"seen": "3"}, "add").text)["row"][-1] == "q2"


@pytest.mark.parametrize(
    ("typed", "field", "why"),
    [
        ({"uk_tone": "  "}, "uk-tone", "no_text"), ({"uk_tone": "є" * 201}, "uk-tone", "too_long"),
        ({"en_tone": "x" * 201}, "en-tone", "too_long"), ({"weight_tone": "0"}, "weight-tone", "weight"),
        ({"weight_tone": "101"}, "weight-tone", "weight"), ({"weight_tone": "ten"}, "weight-tone", "weight"),
        ({"weight_tone": "²"}, "weight-tone", "weight"),
        ({"uk_tone": FIRST.questions[0].text[Language.UK].upper()}, "uk-tone", "same_text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays(world, typed, field, why):
    browser = world.sign_in(Role.QUALITY)
    sent = filled(browser.get("/quality/form").text) | typed

    page = do(browser, sent, "save")

    assert page.status_code == 422
    html = unescape(page.text)
    assert f'id="fault-{field}">{Tongue("uk")(f"quality.fault_{why}", most=200)}' in html
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="fault-{field}"', html)
    assert html.count('class="error"') == 1
    assert re.findall(r'id="([^"]*)"[^>]* autofocus', html) == [field], "and one begins there"
    assert filled(page.text) == sent
    assert standing(world) == FIRST


def test_everything_that_is_wrong_is_said_at_once(world):
    browser = world.sign_in(Role.QUALITY)
    sent = filled(browser.get("/quality/form").text)

    assert do(browser, sent | {"uk_tone": "", "weight_wait": "x"}, "save").text.count('class="error"') == 2
    empty = do(browser, {"seen": "1"}, "save")
    assert empty.status_code == 422
    assert Tongue("uk")("quality.fault_how_many", most=MOST_QUESTIONS) in unescape(empty.text)
    many = {"row": [f"q{n}" for n in range(MOST_QUESTIONS)], "seen": "1"}
    assert Tongue("uk")("quality.done_most", most=MOST_QUESTIONS) in unescape(do(browser, many, "add").text)
    strange = do(browser, sent | {"row": ["a b<script>"], "uk_a b<script>": "?", "weight_a b<script>": "1"}, "save")
    assert strange.status_code == 422 and "b<script>" not in strange.text


def test_who_was_slower_is_told_what_stands_and_keeps_what_they_typed(world):
    olena, taras = world.sign_in(Role.QUALITY, login="olena"), world.sign_in(Role.SUPERVISOR)
    seen = filled(olena.get("/quality/form").text)
    do(taras, seen | {"uk_tone": "Ввічливо?"}, "save")

    slower = do(olena, seen | {"uk_tone": "Доречно?"}, "save")

    assert slower.status_code == 409
    assert "Ввічливо?" in slower.text and filled(slower.text)["uk_tone"] == "Доречно?"
    assert standing(world).version == 2
    again = do(olena, filled(slower.text), "save")
    assert again.status_code == 200
    form = standing(world)
    assert form.version == 3 and any(one.text[Language.UK] == "Доречно?" for one in form.questions)
    assert [row.who for row in world.read(lambda conn: trail.page(conn, what="form.changed"))] == [
        "olena",
        "supervisor",
    ]


def test_looking_again_at_a_draft_does_not_forget_which_version_it_was_made_from(world):
    olena, taras = world.sign_in(Role.QUALITY, login="olena"), world.sign_in(Role.SUPERVISOR)
    seen = filled(olena.get("/quality/form").text)
    do(taras, seen | {"uk_tone": "Ввічливо?"}, "save")

    moved = filled(do(olena, seen, "up:wait").text)

    assert moved["seen"] == "1"
    assert do(olena, moved, "save").status_code == 409


def test_a_form_saved_as_it_was_gets_no_version_and_no_row_in_the_trail(world):
    browser = world.sign_in(Role.QUALITY)
    page = do(browser, filled(browser.get("/quality/form").text), "save")
    assert Tongue("uk")("quality.done_same") in unescape(page.text)
    assert standing(world) == FIRST
    assert world.read(lambda conn: trail.page(conn, what="form.changed")) == []


@pytest.mark.parametrize("role", Role)
def test_only_who_may_changes_the_form_and_who_may_replay_sees_it(world, role):
    browser = world.sign_in(role)
    page = browser.get("/quality/form")
    assert page.status_code == (200 if may(role, Permission.REPLAY) else 403)
    assert ('action="/quality/form"' in page.text) == may(role, Permission.SCORE_FORM)
    assert (do(browser, {"row": [], "seen": "1"}, "add").status_code == 403) == (not may(role, Permission.SCORE_FORM))


def test_an_old_version_is_read_and_not_changed_and_an_unknown_one_is_not_there(world):
    browser = world.sign_in(Role.QUALITY)
    do(browser, filled(browser.get("/quality/form").text) | {"uk_tone": "Ввічливо?"}, "save")

    old = browser.get("/quality/form?version=1")

    assert old.status_code == 200 and "<form" in old.text and 'action="/quality/form"' not in old.text
    for unknown in ("3", "0", "-1", "x", "9" * 30):
        assert browser.get(f"/quality/form?version={unknown}").status_code == 404, unknown


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_are_in_the_readers_language(world, language):
    scored(world, world.call())
    browser = world.sign_in(Role.QUALITY, language=language)
    for path in ("/quality", "/quality/form"):
        words = re.sub(r"<[^>]*>", " ", browser.get(path).text)
        assert not re.search(r"\b(quality|replay|analytics)\.[a-z_]+", words), path
    assert FIRST.questions[0].text[Language(language)] in unescape(browser.get("/quality/form").text)


# The scores


def cells(page, name):
    """Rows of the table in this card, as words."""
    card = re.search(rf'aria-labelledby="{name}-title".*?</section>', unescape(page), re.S)[0]
    rows = re.findall(r"<tr.*?</tr>", card, re.S)[1:]
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)]
        for row in rows
    ]


def test_scores_are_told_by_question_by_scorer_and_lead_to_their_calls(world):
    world.person(Role.SUPERVISOR)
    good, bad = world.call(), world.call()
    scored(world, good)
    scored(world, bad, {"tone": Mark.NO, "wait": Mark.PARTLY, "way_out": Mark.NOT_APPLICABLE}, by="supervisor")
    browser = world.sign_in(Role.QUALITY)

    page = browser.get("/quality").text

    table = {row[1]: row for row in cells(page, "criteria")}
    tone, wait, way_out = (table[FIRST.questions[n].text[Language.UK]] for n in (3, 4, 5))
    assert tone[2:7] == ["50,0", "1", "0", "1", "0"]
    assert wait[2:7] == ["75,0", "1", "1", "0", "0"]
    assert way_out[2:7] == ["100,0", "1", "0", "0", "1"], "what doesn't apply is in no mean"
    assert {row[0]: row[1:3] for row in cells(page, "by")} == {"Quality": ["1", "100,0"], "Supervisor": ["1", "83,3"]}
    assert f"/calls/{good}#score" in page and f"/calls/{bad}#score" in page
    missed = browser.get("/quality?missed=tone").text
    assert f"/calls/{bad}#score" in missed and f"/calls/{good}#score" not in missed
    mine = browser.get("/quality?by=quality").text
    assert f"/calls/{good}#score" in mine and f"/calls/{bad}#score" not in mine


def test_of_each_scorer_the_last_score_counts_in_the_period_in_which_it_was_given(world):
    call = world.call()
    scored(world, call, {"tone": Mark.NO}, at=world.now - timedelta(days=3))
    scored(world, call, at=world.now)
    browser = world.sign_in(Role.QUALITY)

    page = browser.get("/quality").text
    assert [row[5] for row in cells(page, "calls")] == ["1"]
    assert "100,0" in cells(page, "calls")[0][2]
    before = (world.now - timedelta(days=3)).date()
    assert Tongue("uk")("quality.none") in unescape(
        browser.get(f"/quality?period=custom&from={before}&to={before}").text
    )


def test_a_removed_question_keeps_its_mean_and_mixed_versions_are_said(world):
    first, second = world.call(), world.call()
    scored(world, first, {"tone": Mark.NO})
    left = [one for one in FIRST.questions if one.key != "tone"]
    world.write(lambda conn: quality.write_form(conn, left, 1, by="quality", at=world.now))
    scored(world, second, {"notice": Mark.NO})

    page = unescape(world.sign_in(Role.AUDITOR).get("/quality").text)

    t = Tongue("uk")
    assert t("quality.mixed", versions="1, 2") in page
    (tone,) = [row for row in cells(page, "criteria") if FIRST.questions[3].text[Language.UK] in row[1]]
    assert t("quality.no_longer") in tone[1] and tone[2] == "0,0"
    assert t("quality.no_agents") in page


def test_a_period_that_is_none_is_said(world):
    assert world.sign_in(Role.QUALITY).get("/quality?period=custom&from=x&to=y").status_code == 422
    for strange in ("by=nobody", "about=%3Cscript%3E", "missed=nothing"):
        page = world.sign_in(Role.QUALITY).get(f"/quality?{strange}")
        assert page.status_code == 200 and "<script>" not in page.text
