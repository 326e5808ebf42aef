"""What people do on the page of a call by keyboard: nothing is taken from them, and they are told where they are."""

import pytest

from domain.roles import Role

pytestmark = pytest.mark.browser

HERE = "document.querySelector('[data-replay]').replay"


def asked_why(page):
    return page.locator("[data-listen-dialog][open]").count() > 0


def test_space_presses_what_it_stands_on_and_plays_from_everywhere_else(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}", Role.QUALITY)
    page.focus("[data-only]")
    page.keyboard.press("Space")
    assert page.is_checked("[data-only]")
    page.focus("[data-skip]")
    page.keyboard.press("Space")
    assert page.get_attribute("[data-skip]", "aria-pressed") == "true"
    page.focus(".score details > summary")
    page.keyboard.press("Space")
    assert page.locator(".score details[open]").count() == 1
    page.focus(".question input[value=yes]")
    page.keyboard.press("Space")
    assert page.locator(".question input[value=yes]").first.is_checked()
    page.focus("[data-events] a.when")
    page.keyboard.press("Space")
    assert not asked_why(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    page.wait_for_selector("[data-listen-dialog][open]")


def test_arrows_are_shown_as_arrows_in_the_help(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}")
    page.keyboard.press("?")
    keys = page.locator("#help kbd").all_inner_texts()
    assert "←" in keys and "→" in keys and not [key for key in keys if "Arrow" in key]


def test_another_language_stays_at_the_same_moment(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}#t=7.5")
    page.click(".languages button[value=en]")
    page.wait_for_selector("html[lang=en]")
    assert page.url.endswith("#t=7.5")
    assert page.evaluate(f"{HERE}.second") == pytest.approx(7.5)


def test_who_has_written_a_note_stands_on_it_and_no_policy_is_broken(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}", Role.QUALITY)
    page.evaluate("document.querySelector('#note-text').style.height = '120px'")  # as who pulls it larger leaves it
    page.fill("#note-text", "Чемно")
    page.press("#note-text", "Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-list > li:focus")
    assert "Чемно" in page.inner_text(".note-list > li:focus")
    page.fill("#note-text", "Ще одна")
    page.press("#note-text", "Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note-list > li:focus >> text=Ще одна")
    assert page.faults == []


def test_who_has_scored_a_call_stands_on_the_score(visit, site):
    page = visit(f"/calls/{site.calls['complaint']}", Role.QUALITY)
    page.click(".score details > summary")
    for question in page.locator(".question").all():
        question.locator("input[value=yes]").check()
    page.focus(".score-form .button-primary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#score-title:focus")
    assert page.locator(".score-list").count() == 1
    assert page.faults == []


def test_the_map_goes_with_the_call_and_marks_where_it_is(visit, site, shot):
    page = visit(f"/calls/{site.calls['complaint']}")
    page.wait_for_selector(".flowmap")
    visits = page.evaluate("JSON.parse(document.querySelector('[data-visits]').textContent)")
    shown = {option.get_attribute("value") for option in page.locator("[data-map-part] option").all()}
    visits = [visit for visit in visits if visit[0] in shown]
    times = [at for _, _, at in visits]
    lasting = [visit for visit, after in zip(visits, times[1:], strict=False) if after - visit[2] > 1]
    assert len({part for part, _, _ in lasting}) > 1
    for part, _, at in lasting:
        page.evaluate(f"{HERE}.go({at} + 0.5)")
        assert page.input_value("[data-map-part]") == part
        now = page.locator(".flowmap-node.now")
        assert now.count() == 1 and now.get_attribute("aria-current") == "step"
        box, node = page.locator(".flowmap-scroll").bounding_box(), now.bounding_box()
        assert box["x"] - 1 <= node["x"] + node["width"] / 2 <= box["x"] + box["width"] + 1
        assert box["y"] - 1 <= node["y"] + node["height"] / 2 <= box["y"] + box["height"] + 1
    shot(page, "replay-map-now")
    other = next(each for each in shown if each != part)
    page.select_option("[data-map-part]", other)
    page.evaluate(f"{HERE}.go(0)")
    page.evaluate(f"{HERE}.go({lasting[-1][2]} + 0.5)")
    assert page.input_value("[data-map-part]") == other


def test_the_map_opens_with_the_part_of_the_first_doubt(visit, site):
    page = visit(f"/calls/{site.calls['insisted']}")
    page.wait_for_selector(".flowmap")
    visits = page.evaluate("JSON.parse(document.querySelector('[data-visits]').textContent)")
    doubt = float(page.get_attribute("[data-replay]", "data-doubts").split()[0])
    shown = {option.get_attribute("value") for option in page.locator("[data-map-part] option").all()}
    part = [visit[0] for visit in visits if visit[2] <= doubt + 0.01 and visit[0] in shown][-1]
    assert page.input_value("[data-map-part]") == part


def test_after_the_last_doubt_there_is_none_and_that_is_said(visit, site):
    page = visit(f"/calls/{site.calls['insisted']}")
    for _ in range(len(page.get_attribute("[data-replay]", "data-doubts").split()) + 1):
        page.keyboard.press("n")
    assert page.inner_text("#said") == "Сумнівів далі немає"


def test_nothing_jumps_when_the_reason_was_given(visit, site):
    page = visit(f"/calls/{site.calls['insisted']}")
    page.wait_for_selector("[data-wave=drawn]", state="attached")
    before = page.locator("[data-axis]").bounding_box()["y"]
    page.click("[data-play]")
    page.check("input[value=quality]")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-listen-dialog]", state="hidden")
    assert page.locator("[data-axis]").bounding_box()["y"] == pytest.approx(before, abs=1)
