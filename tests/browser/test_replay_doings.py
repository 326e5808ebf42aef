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
