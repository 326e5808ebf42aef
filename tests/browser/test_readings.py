"""Readings in a browser, of calls that were really held: the window, a doubt that is decided, the receipt."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from domain import doubt_cases
from domain.roles import Role
from domain.tables import readings
from ivr.console.web.words import LANGUAGES, Tongue
from tests.browser.conftest import PHONE, WIDE, Site, fits, playing, until

pytestmark = pytest.mark.browser

T = Tongue("uk")


def reading(site: Site, scenario: str, status: str) -> int:
    """The last reading of this status that this call left."""
    of = (readings.c.call == site.calls[scenario], readings.c.status == status)
    return site.read(
        lambda c: c.execute(select(readings.c.id).where(*of).order_by(readings.c.id.desc())).scalars().first()
    )


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_window_in_every_language_and_size(visit, shot, accessible, language, size):
    page: Page = visit("/readings", Role.SUPERVISOR, language=language, size=size)
    expect(page.locator("svg.drawing")).to_be_visible()
    accessible(page)
    fits(page)
    shot(page, f"readings-{language}-{size[0]}")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_doubtful_reading_in_every_language_and_size(visit, site, shot, accessible, language, size):
    page: Page = visit(
        f"/readings/{reading(site, 'insisted', 'doubtful')}", Role.SUPERVISOR, language=language, size=size
    )
    accessible(page)
    fits(page)
    shot(page, f"reading-doubtful-{language}-{size[0]}")


def test_a_receipt_is_heard_at_the_second_of_its_answer(visit, site, shot, accessible):
    number = reading(site, "corrected", "accepted")
    page: Page = visit(f"/readings/{number}", Role.SUPERVISOR)
    page.locator("#reason").select_option("reading")
    with page.expect_navigation():  # to the same address: only then the scripts are there
        page.get_by_role("button", name=T("requests.listen"), exact=True).click()
    second = page.locator("tr button[data-at]").last
    wanted = float(second.get_attribute("data-at"))
    with playing(page):
        second.click()
    until(page, f"Math.abs(document.querySelector('[data-sound]').currentTime - {wanted}) < 1.5")
    expect(page.locator(".hash")).to_have_text(re.compile("^[0-9a-f]{64}$"))
    accessible(page)
    shot(page, "receipt")
    page.emulate_media(media="print")
    shot(page, "receipt-printed")


def test_a_doubt_is_decided_by_keyboard_alone(visit, site, shot, accessible):
    number = reading(site, "insisted", "doubtful")
    page: Page = visit("/readings", Role.AGENT)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/readings/{number}")
    page.keyboard.press("y")
    expect(page.locator("input[value=accept]")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("s")
    page.keyboard.press("s")
    expect(page.locator("#because-error")).to_be_visible()
    page.faults.clear()  # the browser reports the 422 itself
    accessible(page)
    shot(page, "reading-reason-missing")
    page.locator("#because").fill("бачили фото лічильника")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("s")
    expect(page.get_by_role("status").first).to_contain_text(T("readings.done_accepted"))
    found = site.read(lambda c: doubt_cases.of(c, number))
    assert (found.resolved_by, found.because) == ("agent", "бачили фото лічильника") and found.accepted
    accessible(page)
    shot(page, "reading-decided")
