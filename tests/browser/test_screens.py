"""The pictures of the documentation: real pages of really held calls, made again by `deploy/screens`."""

import pytest

from domain.roles import Role
from tests.browser.conftest import PHONE, fits

pytestmark = pytest.mark.browser


def ready(page):
    """Nothing is on its way any more."""
    page.wait_for_load_state("networkidle")
    fits(page)


def test_screens_of_a_call(visit, shot, site):
    path = f"/calls/{site.calls['complaint_by_voice']}"
    page = visit(path)
    page.wait_for_selector("[data-wave=drawn]", state="attached")
    ready(page)
    shot(page, "replay", whole=False)
    page = visit(path, dark=True, size=PHONE)
    page.wait_for_selector("[data-wave=drawn]", state="attached")
    ready(page)
    shot(page, "replay-phone", whole=False)


@pytest.mark.parametrize(
    ("path", "role", "name"),
    [
        ("/calls", Role.SUPERVISOR, "calls"),
        ("/requests", Role.SUPERVISOR, "requests"),
        ("/accounts/1000000018", Role.AGENT, "account"),
        ("/figures", Role.SUPERVISOR, "figures"),
        ("/prompts/announcements", Role.SUPERVISOR, "announcements"),
        ("/", Role.SUPERVISOR, "overview"),
    ],
)
def test_screens_of_pages(visit, shot, path, role, name):
    page = visit(path, role)
    ready(page)
    shot(page, name, whole=False)
