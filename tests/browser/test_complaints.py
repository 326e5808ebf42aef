"""Complaints in a browser, of calls that were really told: by keyboard and by mouse, three languages, on a phone."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from domain import requests, trail
from domain.commands import OrderCallBack, PlaceOrder, RegisterRequest
from domain.desk import AssignRequest, NoteRequest
from domain.handlers import perform
from domain.model import OrderKind, ReplyBy, RequestKind, RequestState, Topic
from domain.request_life import Act
from domain.request_queue import Me, Pile, Wanted
from domain.request_queue import page as listed
from domain.roles import Role
from ivr.console.web.look import KYIV
from ivr.console.web.words import LANGUAGES, Tongue
from tests.browser.conftest import PHONE, WIDE, Site, fits, playing, until

pytestmark = pytest.mark.browser

T = Tongue("uk")
NUMBER = "+380440000001"


def do(site: Site, command, by="agent"):
    return site.write(lambda c: perform(c, command, call=None, seq=None, at=datetime.now(UTC), by=by))


def told(site: Site) -> str:
    """The number of the complaint that was told in a call."""
    call = site.calls["complaint_by_voice"]
    rows = site.read(lambda c: listed(c, Wanted(Pile.OPEN), datetime.now(UTC), Me("x", "x"))).rows
    return next(row.number for row in rows if row.call == call)


def written(site: Site, topic: Topic = Topic.BILLING) -> str:
    return do(
        site,
        RegisterRequest(RequestKind.COMPLAINT, topic, ReplyBy.PHONE, NUMBER, "1000000018", "Нараховано забагато."),
    ).number


def state(site: Site, number: str):
    return site.read(lambda c: requests.one(c, number))


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_queue_and_a_complaint_in_every_language_and_size(visit, site, shot, accessible, language, size):
    number = told(site)
    page: Page = visit("/requests", Role.SUPERVISOR, language=language, size=size)
    accessible(page)
    fits(page)
    shot(page, f"requests-{language}-{size[0]}")
    page.goto(f"/requests/{number}")
    accessible(page)
    fits(page)
    shot(page, f"request-{language}-{size[0]}")
    page.goto("/requests/callbacks")
    accessible(page)
    fits(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_are_readable_in_both(visit, site, shot, accessible, dark):
    page = visit(f"/requests/{told(site)}", Role.SUPERVISOR, dark=dark)
    accessible(page)
    shot(page, f"request-{'dark' if dark else 'light'}")


def test_a_complaint_is_heard_from_its_second_and_word_by_word(visit, site, shot):
    number = told(site)
    page: Page = visit(f"/requests/{number}", Role.SUPERVISOR)
    page.locator("#reason").select_option("complaint")
    with page.expect_navigation():  # to the same address: only then the scripts are there
        page.get_by_role("button", name=T("requests.listen"), exact=True).click()
    sound = page.locator("audio[data-sound]")
    begins = float(sound.get_attribute("data-from"))
    with playing(page):
        page.keyboard.press("p")
    at = page.evaluate("document.querySelector('[data-sound]').currentTime")
    assert begins > 1 and at >= begins - 0.2
    word = page.locator("[data-at]").nth(2)
    wanted = float(word.get_attribute("data-at"))
    word.click()
    until(page, f"Math.abs(document.querySelector('[data-sound]').currentTime - {wanted}) < 1.5")
    shot(page, "request-heard")
    rows = site.read(lambda c: trail.page(c, what="recording.heard"))
    assert [(row.who, row.of, row.reason) for row in rows if row.of == site.calls["complaint_by_voice"]]


def test_a_complaint_goes_through_its_life_by_keyboard_alone(visit, site, shot, accessible):
    number = told(site)
    page: Page = visit("/requests", Role.SUPERVISOR)
    on_its_row = "n => document.activeElement.matches('[data-row]') && document.activeElement.textContent.includes(n)"
    for _ in range(20):
        page.keyboard.press("j")
        if page.evaluate(on_its_row, number):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{number}")
    page.locator("#phone").focus()
    page.keyboard.type("0440000100")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text(T("requests.done_assigned"))
    assert state(site, number).assigned_to == "supervisor"

    page.locator("#justified-yes").focus()
    page.keyboard.press("Space")
    page.locator("#reasons").focus()
    page.keyboard.type("бригада запізнилася")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("s")
    close = page.get_by_role("button", name=T("requests.submit_considered"))
    expect(close).to_have_text(f"{T('requests.submit_considered')}…")  # no key closes a request
    close.press("Enter")
    expect(page.locator("[data-errors]")).to_be_focused()
    page.faults.clear()  # the browser reports the 422 itself
    accessible(page)
    shot(page, "request-missing")
    assert state(site, number).state is RequestState.ASSIGNED
    for name in ("rights", "measures", "planned_on", "reply", "replied_at"):
        expect(page.locator(f"#{name}-error")).to_be_visible()

    page.locator("#rights").fill("поновлено строк ремонту")
    page.locator("#measures").fill("заміна запобіжника")
    page.locator("#planned_on").fill((datetime.now(UTC) + timedelta(days=20)).strftime("%Y-%m-%d"))
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.keyboard.press("l")
    expect(page.locator("#reply")).to_have_value(re.compile("бригада запізнилася"))
    assert "[…]" not in page.locator("#reply").input_value()
    shot(page, "request-letter-drafted")
    by = state(site, number).reply_by
    expect(page.locator("#replied_by")).to_have_value(by)
    page.locator("#replied_at").fill(datetime.now(KYIV).strftime("%Y-%m-%dT%H:%M"))
    close.press("Enter")
    expect(page.locator("[data-errors]")).to_be_focused()
    expect(page.locator("[data-errors]")).to_contain_text(T("requests.confirm_considered", number=number))
    accessible(page)
    shot(page, "request-confirm")
    assert state(site, number).state is RequestState.ASSIGNED
    close.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text(T("requests.done_considered"))
    found = state(site, number)
    assert found.state is RequestState.CONSIDERED and found.justified and "бригада запізнилася" in found.reply
    page.goto(f"/requests/{number}/letter")
    accessible(page)
    shot(page, "letter")


def test_what_another_did_meanwhile_is_shown_and_nothing_is_lost(visit, site, shot, accessible):
    number = written(site)
    page: Page = visit(f"/requests/{number}?act=noted", Role.SUPERVISOR)
    page.locator("#text").fill("моя примітка")
    do(site, NoteRequest(number, "чужа примітка"), by="oksana")
    page.get_by_role("button", name=T("requests.submit_noted"), exact=True).click()
    expect(page.get_by_text(T("requests.changed"))).to_be_visible()
    expect(page.locator("#text")).to_have_value("моя примітка")
    expect(page.locator(".note.warn")).to_contain_text("чужа примітка")
    accessible(page)
    shot(page, "request-changed")
    page.faults.clear()  # the browser reports the 409 itself
    page.get_by_role("button", name=T("requests.submit_noted"), exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text(T("requests.done_noted"))


def test_who_chooses_by_key_what_to_do_goes_on_where_its_form_begins(visit, site):
    page: Page = visit(f"/requests/{written(site)}", Role.SUPERVISOR)
    for key, act in (("2", Act.EXAMINE), ("3", Act.REFUSE)):
        page.keyboard.press("d")
        page.keyboard.press(key)
        page.wait_for_url(f"**act={act}#do-title")
        expect(page.locator("#do-title")).to_be_focused()


def test_a_button_that_is_pressed_twice_does_it_once(visit, site):
    number = written(site)
    do(site, AssignRequest(number, "Олена", "+380440000100", "supervisor"))
    page: Page = visit(f"/requests/{number}?act=noted", Role.SUPERVISOR)
    page.locator("#text").fill("двічі")
    page.get_by_role("button", name=T("requests.submit_noted"), exact=True).dblclick()
    expect(page.get_by_role("status").first).to_contain_text(T("requests.done_noted"))
    assert [each.what for each in state(site, number).history].count("noted") == 1


def test_the_queue_is_filtered_by_mouse_and_by_keys_and_the_address_says_so(visit, site):
    number = written(site, Topic.QUALITY)
    page: Page = visit("/requests", Role.SUPERVISOR)
    page.locator("#topic").select_option("quality")
    page.get_by_role("button", name=T("requests.show"), exact=True).click()
    page.wait_for_url("**topic=quality**")
    expect(page.get_by_role("link", name=number)).to_be_visible()
    page.keyboard.press("f")
    page.keyboard.press("3")
    page.wait_for_url("**pile=unassigned**topic=quality**")
    expect(page.get_by_role("link", name=number)).to_be_visible()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_calls_back_and_orders_are_finished(visit, site, shot, accessible, size):
    callback = do(site, OrderCallBack(NUMBER, "reading", "1000000018")).number
    order = do(site, PlaceOrder(OrderKind.SEAL, "1000000018", NUMBER)).number
    page: Page = visit("/requests/callbacks", Role.AGENT, size=size)
    row = page.locator(f"#of-{callback}")
    row.get_by_role("button", name=T("requests.called_back")).click()
    expect(page.locator(f"#error-{callback}")).to_be_visible()
    page.faults.clear()  # the browser reports the 422 itself
    accessible(page)
    fits(page)
    shot(page, f"callbacks-{size[0]}")
    page.locator(f"#result-{callback}").fill("передала показання")
    page.locator(f"#of-{callback}").get_by_role("button", name=T("requests.called_back")).click()
    expect(page.locator(f"#of-{callback}")).to_have_count(0)
    page.goto("/requests/orders")
    fits(page)
    accessible(page)
    shot(page, f"orders-{size[0]}")
    page.locator(f"#result-{order}").fill("опломбовано")
    page.keyboard.press("Enter")
    expect(page.locator(f"#of-{order}")).to_have_count(0)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_overview(visit, site, shot, accessible, language, size):
    page: Page = visit("/", Role.SUPERVISOR, language=language, size=size)
    accessible(page)
    fits(page)
    shot(page, f"overview-{language}-{size[0]}")
