"""The frame of every page, in a browser."""

import pytest

from domain.roles import Role
from ivr.console.web.words import LANGUAGES
from tests.browser.conftest import PHONE, WIDE, fits

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_a_page_that_is_not_there_says_so_and_leads_back(visit, accessible, size, language):
    page = visit("/no-such-page", Role.SUPERVISOR, language=language, size=size)
    assert page.locator("html").get_attribute("lang") == language
    accessible(page)
    fits(page)
    page.faults.clear()  # the browser reports the 404 itself


def test_the_keys_of_a_page_are_shown_by_a_question_mark_and_work(visit):
    page = visit("/no-such-page", Role.SUPERVISOR)
    page.faults.clear()
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    page.keyboard.press("g")
    page.keyboard.press("d")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.faults.clear()


def test_keys_are_known_by_their_place_where_the_keyboard_writes_cyrillic(visit):
    page = visit("/staff", Role.ADMINISTRATOR)
    for key, code in (("п", "KeyG"), ("в", "KeyD")):
        page.evaluate(
            """([key, code]) => document.body.dispatchEvent(
                 new KeyboardEvent("keydown", {key, code, bubbles: true, cancelable: true}))""",
            [key, code],
        )
    assert page.locator("html").get_attribute("data-theme") == "dark"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", Role)
def test_the_navigation_of_everybody_is_one_line_in_every_language(visit, role, language):
    page = visit("/", role, language=language, size=WIDE)
    assert page.locator(".top").bounding_box()["height"] < 60
    fits(page)
