"""Prompts and announcements in a browser: heard, changed, recorded, undone; by mouse and by keyboard."""

import io
import os
import wave
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from domain import duties, incidents, wording
from domain.model import Language
from domain.roles import Role
from domain.wording import State
from tests.browser.conftest import PHONE, ROOT, WIDE, fits

pytestmark = pytest.mark.browser

UK = Language("uk")
VOICES = Path(os.environ.get("IVR_DATA") or ROOT / "data") / "rhvoice"
PAGES = ("/prompts", "/prompts/uk/account", "/prompts/uk/notice", "/prompts/parts/uk", "/prompts/versions",
         "/prompts/announcements", "/prompts/announcements/confirm?prompt=announce_outage&hours=4")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def synthesiser(site):
    """The console's data directory has the synthesiser that this machine has."""
    VOICES.mkdir(parents=True, exist_ok=True)
    if not (site.folder / "rhvoice").exists():
        (site.folder / "rhvoice").symlink_to(VOICES.resolve())


def history(site, prompt):
    return site.read(lambda conn: wording.history(conn, prompt, UK))


def recording(seconds=1.2):
    at = np.arange(int(seconds * 16_000)) / 16_000
    voice = 0.2 * np.sin(2 * np.pi * 300 * at) * (1 + 0.5 * np.sin(2 * np.pi * 5 * at))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((voice * 32767).astype("<i2").tobytes())
    return {"name": "goodbye.wav", "mimeType": "audio/wav", "buffer": out.getvalue()}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_accessible(visit, accessible, path, language, size):
    page = visit(path, language=language, size=size)

    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1
    accessible(page)
    fits(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures_of_the_pages(visit, accessible, shot, dark):
    for path in ("/prompts", "/prompts/announcements", "/prompts/uk/account"):
        page = visit(path, dark=dark, size=PHONE)
        shot(page, f"{path.strip('/').replace('/', '_')}_phone{'_dark' if dark else ''}", whole=path != "/prompts")
    for path in PAGES:
        page = visit(path, dark=dark)
        accessible(page)
        name = path.partition("?")[0].strip("/").replace("/", "_")
        shot(page, f"{name}{'_dark' if dark else ''}", whole=path != "/prompts")


def test_a_prompt_is_played_in_the_page_and_stops_when_asked_again(visit):
    page = visit("/prompts/uk/account")
    first, second = (
        page.locator("#now ~ .lines a[data-play]").nth(0),
        page.locator("#now ~ .lines a[data-play]").nth(1),
    )

    with page.expect_response(lambda answer: "/prompts/sound/uk/account" in answer.url) as sound:
        first.click()
    assert sound.value.headers["content-type"] == "audio/wav"
    assert first.get_attribute("aria-pressed") == "true"
    second.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert second.get_attribute("aria-pressed") == "true"
    second.press("Space")
    assert second.get_attribute("aria-pressed") == "false"
    assert page.locator(".silent").count() == 0
    page.keyboard.press("p")
    assert first.get_attribute("aria-pressed") == "true"


def test_a_text_is_changed_spoken_heard_let_live_and_undone(visit, site, accessible, shot):
    page = visit("/prompts/uk/noinput")
    page.fill("#text", "Вас не чути.")
    page.fill("#reason", "коротше")
    page.get_by_role("button", name="Зберегти чернетку").click()

    draft = page.locator("#draft")
    draft.locator(".note.ok").wait_for(timeout=60_000)  # the page asks by itself until it is spoken
    accessible(page)
    fits(page)
    page.evaluate("scrollTo(0, 0)")
    shot(page, "prompts_draft")
    draft.locator("a[data-play]").first.click()
    assert page.locator(".silent").count() == 0
    assert history(site, "noinput")[0].state is State.DRAFT
    page.get_by_role("button", name="Випустити").click()
    page.locator(".note.ok", has_text="Випущено").wait_for()
    assert page.locator("#now ~ .lines").inner_text().strip().endswith("Вас не чути.")

    page.get_by_role("button", name="Скасувати останню зміну").click()
    page.locator(".note.ok", has_text="Скасовано").wait_for()
    assert [each.state for each in history(site, "noinput")] == [State.LIVE, State.UNDONE]
    shot(page, "prompts_undone")
    accessible(page)


def test_what_is_wrong_is_said_beside_the_line(visit, accessible, shot):
    page = visit("/prompts/uk/goodbye", language="en", size=PHONE)
    page.fill("#text", "Натисніть 1.")
    page.get_by_role("button", name="Keep as a draft").click()

    assert "in words" in page.locator("#fault-text").inner_text()
    assert page.locator("#text").get_attribute("aria-describedby") == "fault-text"
    assert page.locator("#text").input_value() == "Натисніть 1."
    accessible(page)
    fits(page)
    shot(page, "prompts_wrong_phone")
    page.faults.clear()  # the browser reports the 422 itself


def test_a_recording_is_uploaded_and_a_bad_one_refused(visit, site, accessible):
    page = visit("/prompts/uk/goodbye", language="en")
    page.locator("details.pieces > summary").click()
    page.locator("details.upload > summary").first.click()
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3" + bytes(3000)}
    )
    page.get_by_role("button", name="Add to the draft").first.click()
    assert "no WAV" in page.locator("#recording-fault").inner_text()
    page.faults.clear()

    page.locator('input[type="file"]').first.set_input_files(recording())
    page.get_by_role("button", name="Add to the draft").first.click()
    page.locator("#draft .note.ok").wait_for()
    accessible(page)
    assert history(site, "goodbye")[0].clips[0].voice == "talent"
    page.get_by_role("button", name="Drop the draft").click()
    page.locator(".note.ok", has_text="dropped").wait_for()


def test_an_announcement_is_switched_on_and_off_by_keyboard_alone(visit, site, accessible, shot):
    page = visit("/prompts", language="en")
    page.keyboard.press("g")
    page.keyboard.press("b")
    page.wait_for_url("**/prompts/announcements")
    page.keyboard.press("1")
    assert page.locator("input[name=prompt]:checked").get_attribute("value") == "announce_outage"
    page.locator("#hours").focus()
    page.keyboard.type("4")
    page.locator("input[name=prompt]:checked").press("Enter")
    page.wait_for_url("**/confirm?**")
    accessible(page)
    assert "customers" in page.locator("main").inner_text()
    page.keyboard.press("y")
    page.wait_for_url("**/prompts/announcements?done=on")
    accessible(page)
    now = lambda: site.read(lambda conn: duties.announcements_on(conn, datetime.now(UTC)))  # noqa: E731
    assert [each.prompt for each in now()] == ["announce_outage"]
    shot(page, "prompts_announced")
    page.get_by_role("link", name="Switch off").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/off")
    page.keyboard.press("y")
    page.wait_for_url("**/prompts/announcements?done=off")
    assert now() == []


def test_the_list_is_searched_and_walked_by_keyboard(visit):
    page = visit("/prompts", language="en")
    page.keyboard.press("/")
    page.keyboard.type("goodbye")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=goodbye**")
    assert page.locator("[data-row]").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.locator("[data-row]:focus").count() == 1


@pytest.mark.parametrize("role", [Role.AGENT, Role.QUALITY, Role.AUDITOR])
def test_who_only_listens_sees_nothing_to_change(visit, role):
    page = visit("/prompts/uk/account", role)

    assert page.locator("textarea").count() == 0
    assert page.locator('main button:not([type="button"])').count() == 0
    page.goto("/prompts/announcements")
    assert page.locator("main form").count() == 0


@pytest.fixture(scope="module")
def outage(site):
    """An outage at a demo customer's."""

    def job(conn):
        now = datetime.now(UTC)
        place = incidents.place_of(conn, "1000000018")
        return incidents.open_(conn, place, wide=False, at=now, expected=now + timedelta(hours=4))

    return site.write(job)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_an_outage_leads_to_its_announcement_which_asks_again_and_keeps_what_was_chosen(
    visit, site, accessible, shot, outage, language, size
):
    page = visit("/", language=language, size=size)
    accessible(page)
    fits(page)
    shot(page, f"home_outage_{language}_{size[0]}")
    page.locator('a[href^="/prompts/announcements?"]').first.click()
    page.wait_for_url("**/prompts/announcements?**")
    accessible(page)
    fits(page)
    shot(page, f"announce_filled_{language}_{size[0]}")
    until = page.locator("#until").input_value()
    assert page.locator("#offer-announce_outage").is_checked() and page.locator("#region").input_value() and until

    page.locator('form[action="/prompts/announcements/confirm"] button').click()
    page.locator('a[data-key="e"]').click()
    page.wait_for_url("**/prompts/announcements?**")
    assert page.locator("#until").input_value() == until
    assert site.read(lambda conn: duties.announcements_on(conn, datetime.now(UTC))) == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_prompts_page_says_how_often_it_was_heard_in_the_calls_that_were_held(visit, accessible, shot, size):
    page = visit("/prompts/uk/notice", size=size)
    for _ in range(100):  # the console counts them when it has started
        if page.locator("section[aria-labelledby=plays-title] .stat b").count():
            break
        page.wait_for_timeout(300)
        page.reload()
    figures = page.locator("section[aria-labelledby=plays-title] .stat b").all_inner_texts()
    assert int(figures[0]) >= 3 and all("%" in each for each in figures[1:])
    accessible(page)
    fits(page)
    shot(page, f"prompt_heard_{size[0]}")
