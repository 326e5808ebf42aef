"""A call given away, in a browser: the form by keyboard and by mouse, and the files that come of it."""

import json
import subprocess
import zipfile

import pytest

from domain import calls, trail
from domain.roles import Role
from tests.browser.conftest import PHONE, WIDE, fits
from tests.console.spoken_call import wav

pytestmark = pytest.mark.browser


def form(visit, site, role=Role.SUPERVISOR, call="complaint", **more):
    return visit(f"/calls/{site.calls[call]}/export", role, **more)


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_form_fits_and_is_accessible(visit, site, accessible, shot, language, size):
    page = form(visit, site, Role.AUDITOR, language=language, size=size)

    accessible(page)
    fits(page)
    if language == "uk":
        shot(page, "export" if size == WIDE else "export-phone")


def test_in_the_dark_it_is_accessible_too(visit, site, accessible):
    accessible(form(visit, site, Role.AUDITOR, dark=True))


def test_by_keyboard_alone_a_masked_vcon_comes(visit, site, tmp_path):
    page = form(visit, site, Role.QUALITY)
    page.focus("input[name=format]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("навчання нових працівників")
    with page.expect_download() as coming:
        page.keyboard.press("Enter")
    download = coming.value

    assert download.suggested_filename.endswith("-masked.vcon.json")
    download.save_as(tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert found["redacted"]["type"] == "PII masked" and found["dialog"][0]["body"]


def test_by_mouse_a_bundle_comes_and_proves_itself(visit, site, tmp_path):
    page = form(visit, site, Role.AUDITOR)
    page.click("input[value=bundle]")
    page.fill("#reason", "ухвала суду 757/1-к")
    with page.expect_download() as coming:
        page.click("button.button-primary")
    coming.value.save_as(tmp_path / "b.zip")

    with zipfile.ZipFile(tmp_path / "b.zip") as packed:
        packed.extractall(tmp_path / "b")
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "b", check=False, capture_output=True)
    assert done.returncode == 0
    [entry] = site.read(lambda c: trail.page(c, of=site.calls["complaint"], what="call.exported", who="auditor"))
    assert entry.reason == "ухвала суду 757/1-к"


def test_in_clear_a_wav_is_as_long_as_the_call_and_from_the_call_one_comes_here_by_a_key(visit, site, tmp_path):
    page = visit(f"/calls/{site.calls['insisted']}", Role.SUPERVISOR)
    page.keyboard.press("e")
    page.wait_for_url("**/export")
    page.click("input[value=wav]")
    page.click("input[value=clear]")
    page.fill("#reason", "перевірка показання")
    with page.expect_download() as coming:
        page.click("button.button-primary")
    coming.value.save_as(tmp_path / "a.wav")

    record = site.read(lambda conn: calls.recording(conn, site.calls["insisted"]))
    assert len(wav(tmp_path / "a.wav")) == round(record.seconds * 8000)


def test_what_can_not_be_given_is_told_beside_the_form(visit, site):
    call = site.calls["wants_a_person"]
    record = site.read(lambda conn: calls.recording(conn, call))
    path = site.folder / record.path
    path.rename(path.with_suffix(".away"))
    try:
        page = form(visit, site, call="wants_a_person")
        page.click("input[value=wav]")
        page.fill("#reason", "перевірка")
        page.click("button.button-primary")
        page.wait_for_selector("[role=alert]")

        assert "немає в архіві" in page.inner_text("[role=alert]")
        assert page.input_value("#reason") == "перевірка", "what was filled in stays"
        page.faults.clear()  # the browser tells of the status 404
    finally:
        path.with_suffix(".away").rename(path)
