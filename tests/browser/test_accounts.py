"""Customers in a browser: found from the keyboard, one with everything on one line, on a phone, too."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from domain.roles import Role
from domain.tables import meters, readings, registers
from ivr.console.web.words import LANGUAGES
from tests.browser.conftest import PHONE, WIDE, Site, fits

pytestmark = pytest.mark.browser


def caller_of(site: Site, scenario: str) -> str:
    """The account about which this call gave a reading."""
    of = (
        select(meters.c.account)
        .join(registers, registers.c.meter == meters.c.id)
        .join(readings, readings.c.register == registers.c.id)
        .where(readings.c.call == site.calls[scenario])
    )
    return site.read(lambda c: c.execute(of).scalars().first())


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_account_in_every_language_and_size(visit, site, shot, accessible, language, size):
    account = caller_of(site, "insisted")
    page: Page = visit(f"/accounts/{account}", Role.SUPERVISOR, language=language, size=size)
    expect(page.locator("ol.line li").first).to_be_visible()
    accessible(page)
    fits(page)
    shot(page, f"account-{language}-{size[0]}")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_customer_is_found_from_the_keyboard(visit, site, shot, accessible, size):
    account = caller_of(site, "insisted")
    page: Page = visit("/", Role.AGENT, size=size)
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/accounts")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("1000")
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts?q=1000")
    accessible(page)
    fits(page)
    shot(page, f"accounts-{size[0]}")
    page.keyboard.press("/")
    page.keyboard.type(account)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/accounts/{account}")


def test_the_line_is_narrowed_by_mouse_and_by_key(visit, site):
    account = caller_of(site, "insisted")
    page: Page = visit(f"/accounts/{account}", Role.SUPERVISOR)
    page.locator(".tabs a").nth(1).click()
    page.wait_for_url("**kind=reading**")
    assert page.locator("ol.line li.of-call").count() == 0
    page.keyboard.press("f")
    page.keyboard.press("7")
    page.wait_for_url("**kind=call**")
    expect(page.locator("ol.line li.of-call").first).to_be_visible()
    assert page.locator("ol.line li.of-reading").count() == 0
