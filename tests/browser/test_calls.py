"""The history of calls and the board in a browser: searched by keyboard, kept as a link, watched without a reload."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import calls
from domain.model import Outcome
from domain.roles import Role
from tests.browser.conftest import PHONE, WIDE, fits
from tests.console import long_call

pytestmark = pytest.mark.browser


def indexed(page, site):
    """The list, once the console has indexed what was recorded."""
    for _ in range(100):
        if page.locator("[data-row]").count() >= len(site.calls):
            return
        page.wait_for_timeout(200)
        page.reload()
    raise AssertionError("the calls were never found")


def test_calls_are_found_by_keyboard_and_the_search_is_a_link(visit, site):
    page = visit("/calls")
    indexed(page, site)
    page.keyboard.press("/")
    page.keyboard.type("outcome:request_registered")
    page.keyboard.press("Enter")
    page.wait_for_url("**/calls?q=outcome%3Arequest_registered")
    found = page.locator("[data-row]").count()
    assert 0 < found < len(site.calls)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-replay]")
    page.go_back()
    assert page.input_value("#q") == "outcome:request_registered"
    assert page.locator("[data-row]").count() == found


def test_filters_leave_only_what_was_chosen_in_the_address(visit, site):
    page = visit("/calls")
    indexed(page, site)
    page.keyboard.press("f")
    page.select_option("#by-outcome", "transferred")
    page.click(".filters button.button")
    page.wait_for_url("**/calls?outcome=transferred")
    page.click(".chips .badge")
    page.wait_for_url("**/calls?")


def test_a_search_is_saved_and_used_again(visit, site):
    page = visit("/calls?q=outcome%3Aabandoned")
    page.click(".save-this summary")
    page.fill("#save-name", "Покинуті")
    page.keyboard.press("Enter")
    page.wait_for_selector(".saved-one a")
    page.goto("/calls")
    page.click(".saved-one a")
    page.wait_for_url("**/calls?outcome=abandoned")
    page.click(".saved-one button")
    page.wait_for_url("**/calls")
    assert page.locator(".saved-one").count() == 0


def test_a_list_is_downloaded(visit, site):
    page = visit("/calls")
    indexed(page, site)
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename.startswith("calls-")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_the_list_fits_and_can_be_used_by_everybody(visit, site, accessible, shot, size, language):
    page = visit("/calls?longest=3000", language=language, size=size)
    page.wait_for_selector("h1", state="attached")
    page.click(".filters > summary")
    accessible(page)
    fits(page)
    shot(page, f"calls-{language}-{size[0]}")


def test_the_board_follows_calls_without_a_reload_and_keeps_the_focus(visit, site, accessible, shot):
    now = datetime.now(UTC)

    def begins(name, ago):
        site.write(
            lambda conn: long_call.store(
                conn, name, now - timedelta(seconds=ago), seconds=ago, events=22, outcome=None
            )
        )

    begins("board-1", 60)
    page = visit("/calls/live")
    page.wait_for_selector('[data-call="board-1"]')
    page.evaluate("window.mark = 'not loaded anew'")
    page.focus('[data-call="board-1"] a')
    begins("board-2", 120)
    page.wait_for_selector('[data-call="board-2"]')
    assert [row.get_attribute("data-call") for row in page.locator("[data-row]").all()] == ["board-2", "board-1"]
    assert page.evaluate("document.activeElement.closest('[data-row]').dataset.call") == "board-1"
    accessible(page)
    fits(page)
    shot(page, "board")
    site.write(lambda conn: calls.end(conn, "board-2", Outcome.INFORMED, at=datetime.now(UTC)))
    page.wait_for_selector('[data-call="board-2"]', state="detached")
    assert page.evaluate("window.mark") == "not loaded anew"
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-replay][data-live="yes"]')
    site.write(lambda conn: calls.end(conn, "board-1", Outcome.INFORMED, at=datetime.now(UTC)))
    page.wait_for_selector('[data-replay][data-live="no"]')


def test_a_board_that_gets_no_answer_says_how_old_it_is(visit, site):
    page = visit("/calls/live", Role.QUALITY)
    page.context.set_offline(True)
    page.wait_for_selector("[data-stale]:not([hidden])", timeout=15_000)
    page.context.set_offline(False)
    page.wait_for_selector("[data-stale]", state="hidden", timeout=15_000)
    page.faults.clear()  # the browser reports the lost requests itself
