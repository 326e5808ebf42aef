"""Signing in, one's own sessions, staff and the audit log, in a browser: by keyboard and by mouse, three languages,
a screen and a phone."""

import re
from datetime import UTC, datetime

import pytest

from domain import staff
from domain.model import Language
from domain.roles import Role
from ivr.console.web.words import Tongue
from tests.browser.conftest import PHONE, WIDE, fits

pytestmark = pytest.mark.browser

SIZES = pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
LANGUAGES = pytest.mark.parametrize("language", ["uk", "ru", "en"])
RIGHT = "сім зелених трамваїв"
NEW = "вісім синіх тролейбусів"


def hired(site, login, role=Role.SUPERVISOR):
    now = datetime.now(UTC)
    site.write(
        lambda c: staff.add(
            c, login=login, name="Олена Бондар", role=role, language=Language.UK, password=RIGHT, at=now
        )
    )


@SIZES
@LANGUAGES
def test_signing_in_by_keyboard_leads_to_where_one_wanted(site, visit, accessible, shot, size, language):
    login = f"olena-{language}-{size[0]}"
    hired(site, login)
    page = visit("/password", None, language=language, size=size)
    assert "/sign-in" in page.url
    accessible(page)
    fits(page)
    shot(page, f"sign-in-{language}-{size[0]}")
    assert page.evaluate("document.activeElement.id") == "login", "one can begin to type"
    page.keyboard.type(login)
    page.keyboard.press("Tab")
    page.keyboard.type("not this one at all")
    page.keyboard.press("Enter")
    page.wait_for_selector("#error")
    assert page.inner_text("#error") == Tongue(language)("access.error_wrong")
    assert page.evaluate("document.activeElement.id") == "password"
    accessible(page)
    page.keyboard.type(RIGHT)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    cookie = next(each for each in page.context.cookies() if each["name"] == "session")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    accessible(page)
    fits(page)
    shot(page, f"own-{language}-{size[0]}")
    page.faults.clear()  # the browser reports the 422 itself


def test_a_changed_password_and_signing_out_and_nothing_shows_by_going_back(site, visit):
    hired(site, "olena")
    page = visit("/sign-in?next=/password", None)
    page.fill("#login", "olena")
    page.fill("#password", RIGHT)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password")
    for field, text in (("old", RIGHT), ("new", NEW), ("again", NEW)):
        page.fill(f"#{field}", text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password?done=password")
    page.click(".who summary")
    page.click("form[action='/sign-out'] button")
    page.wait_for_url("**/sign-in?left=1")
    page.go_back()
    page.wait_for_load_state()
    assert page.locator("#old").count() == 0 or "/sign-in" in page.url
    page.goto("/password")
    assert "/sign-in" in page.url


@SIZES
@LANGUAGES
def test_a_colleague_is_added_and_given_another_role(site, visit, accessible, shot, size, language):
    login = f"new-{language}-{size[0]}"
    hired(site, f"second-{language}-{size[0]}", Role.ADMINISTRATOR)
    page = visit("/staff", Role.ADMINISTRATOR, language=language, size=size)
    accessible(page)
    fits(page)
    page.click("details.card summary")
    accessible(page)
    fits(page)
    shot(page, f"staff-{language}-{size[0]}")
    page.keyboard.press("n")
    page.wait_for_url("**/staff/add")
    accessible(page)
    fits(page)
    page.fill("#login", login)
    page.fill("#name", "Нова Людина")
    page.select_option("#role", "agent")
    page.click("main form button")
    secret = page.inner_text(".secret")
    assert re.fullmatch(r"([2-9a-z]{4}-){3}[2-9a-z]{4}", secret)
    accessible(page)
    fits(page)
    page.goto(f"/staff/{login}")
    page.select_option("#role", "quality")
    page.click("form[action$='/role'] button")
    page.wait_for_url(f"**/staff/{login}?done=role")
    assert site.read(lambda c: staff.of_login(c, login)).role is Role.QUALITY
    accessible(page)
    fits(page)
    shot(page, f"one-{language}-{size[0]}")


@SIZES
@LANGUAGES
def test_the_audit_log_is_filtered_and_proven(site, visit, accessible, shot, size, language):
    page = visit("/trail", Role.AUDITOR, language=language, size=size)
    accessible(page)
    fits(page)
    page.keyboard.press("/")
    page.keyboard.type("auditor")
    page.keyboard.press("Enter")
    page.wait_for_url("**/trail?who=auditor**")
    assert page.locator("tbody tr").count() >= 1
    head = page.inner_text("code.hash")
    page.fill("#head", head)
    page.keyboard.press("Enter")
    page.wait_for_selector(".note.ok")
    assert Tongue(language)("trail.through") in page.inner_text(".note.ok")
    accessible(page)
    fits(page)
    shot(page, f"trail-{language}-{size[0]}")
