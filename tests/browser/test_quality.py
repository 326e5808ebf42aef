"""The form by which calls are scored and what scores say, in a browser: by mouse, by keyboard, without scripts."""

from datetime import UTC, datetime

import pytest

from domain import quality
from domain.roles import Role
from domain.scorecard import FIRST, Answer, Mark
from tests.browser.conftest import PHONE, WIDE, fits, until

pytestmark = pytest.mark.browser

PATHS = ("/quality", "/quality/form")


@pytest.fixture(scope="module", autouse=True)
def scores(site):
    """Two of the calls are scored by two people."""
    for role in (Role.QUALITY, Role.SUPERVISOR):
        site.token(role)

    def job(conn):
        form, now = quality.form(conn), datetime.now(UTC)
        for call, by, marks in (
            ("complaint", "quality", {"tone": Mark.PARTLY}),
            ("complaint", "supervisor", {"outcome": Mark.NO, "way_out": Mark.NOT_APPLICABLE}),
            ("insisted", "quality", {"understood": Mark.NO}),
        ):
            answers = {one.key: Answer(marks.get(one.key, Mark.YES)) for one in form.questions}
            quality.score(conn, site.calls[call], form.version, answers, by=by, at=now)

    site.write(job)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_whole_and_accessible(visit, accessible, shot, path, language, size):
    page = visit(path, Role.QUALITY, language=language, size=size)
    assert page.locator("h1").count() == 1
    accessible(page)
    fits(page)
    shot(page, f"{path.strip('/').replace('/', '_')}_{language}_{size[0]}")


def test_both_pages_in_the_dark(visit, accessible, shot):
    for path in PATHS:
        page = visit(path, dark=True)
        accessible(page)
        shot(page, f"{path.strip('/').replace('/', '_')}_dark")


def test_a_question_is_moved_by_keyboard_and_the_focus_goes_with_it(visit):
    page = visit("/quality/form", Role.QUALITY)
    page.locator("#up-wait").focus()
    for place in (4, 3):
        page.keyboard.press("Enter")
        page.locator(f".criteria > li:nth-child({place})#row-wait").wait_for()
        until(page, "document.activeElement.id === 'up-wait'")
    assert page.locator("[role=status]", has_text="3").first.is_visible()
    assert page.url.endswith("/quality/form"), "nothing but the piece was loaded"


def test_the_preview_follows_what_is_typed(visit, accessible):
    page = visit("/quality/form", Role.QUALITY)
    page.fill("#uk-tone", "Чи було ввічливо?")
    page.check("#critical-tone")
    preview = page.locator("#preview .question", has_text="Чи було ввічливо?")
    preview.wait_for()
    preview.locator(".danger").wait_for()
    assert preview.locator("input[type=radio]").first.is_disabled()
    assert page.locator("#uk-tone").input_value() == "Чи було ввічливо?"
    accessible(page)


def test_a_question_is_added_filled_in_and_saved_and_a_fault_is_said_beside_its_field(visit, site, accessible, shot):
    page = visit("/quality/form", Role.QUALITY, size=PHONE)
    before = site.read(quality.form)
    page.locator("#add-").click()
    page.locator("#row-q1").wait_for()
    until(page, "document.activeElement.id === 'uk-q1'")
    page.keyboard.type("Швидко?")
    page.fill("#weight-q1", "500")
    page.faults.clear()
    page.get_by_role("button", name="Зберегти").click()
    fault = page.locator("#fault-weight-q1")
    fault.wait_for()
    accessible(page)
    fits(page)
    shot(page, "quality_form_fault")
    page.faults.clear()  # the browser itself tells of 422
    page.fill("#weight-q1", "5")
    page.get_by_role("button", name="Зберегти").click()
    page.locator(".note.ok").wait_for()
    form = site.read(quality.form)
    assert (form.version, form.questions[-1].weight) == (before.version + 1, 5)


def test_the_scores_lead_to_the_calls_that_missed_a_question(visit, site):
    page = visit("/quality", Role.QUALITY)
    row = page.locator("tr", has_text=FIRST.questions[1].text["uk"])
    row.locator("a").click()
    page.wait_for_url("**missed=understood**")
    links = page.locator("section[aria-labelledby=calls-title] th a")
    assert [one.get_attribute("href") for one in links.all()] == [f"/calls/{site.calls['insisted']}#score"]
    links.first.click()
    page.locator("#score").wait_for()


def test_the_form_works_without_scripts(site, chromium):
    context = chromium.new_context(java_script_enabled=False, base_url=site.address)
    context.add_cookies([{"name": "session", "value": site.token(Role.QUALITY), "url": site.address}])
    page = context.new_page()
    page.goto("/quality/form")
    order = "#the-form input[name=row]"
    keys = [one.get_attribute("value") for one in page.locator(order).all()]
    page.locator(f"#down-{keys[0]}").click()
    assert [one.get_attribute("value") for one in page.locator(order).all()][:2] == [keys[1], keys[0]]
    page.locator(f"#uk-{keys[0]}").press("Enter")
    assert page.locator("#the-form").count() == 1, "Enter in a field looks at it again, and saves nothing"
    assert page.locator(".note.ok").count() == 0
    context.close()
