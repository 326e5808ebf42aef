"""The figures in a browser: charts, their tables, the map, periods by keyboard, files."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain import tallies
from domain.model import Outcome
from domain.roles import Role
from domain.tallies import Left, Step, Waited
from tests.browser.conftest import PHONE, WIDE, fits, until

sys.path.append(str(Path(__file__).parents[1] / "domain"))
from figured import ASK, ASK_TWICE, GAVE_UP, MENU, call, waited

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def busy(site):
    """Two weeks of calls beside those that were recorded."""
    now = datetime.now(UTC)
    gone = Step("ask_account", "account", None, 1, left=Left.HUNG_UP)

    def job(conn):
        for n in range(140):
            at = now - timedelta(hours=2.4 * n)
            good = n % 5 != 0
            steps = (MENU, (ASK if n % 3 else ASK_TWICE)) if good else (MENU, GAVE_UP if n % 2 else gone)
            call(
                conn, f"figure-{n}", *steps, at=at, sent=not good and n % 2 == 1, caller=f"+38067{n % 90:07d}",
                outcome=Outcome.READING_TAKEN if good else Outcome.TRANSFERRED if n % 2 else Outcome.ABANDONED,
                matter=("meter_reading", "outage", "complaint")[n % 3],
            )  # fmt: skip
            if not good:
                tallies.keep_waits(conn, [waited(f"figure-{n}", 8.0 + n % 60, Waited.ANSWERED, at=at)])

    site.write(job)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_the_figures_fit_and_can_be_read_by_everybody(visit, accessible, shot, size, language):
    page = visit("/figures?period=week", Role.SUPERVISOR, language=language, size=size)
    page.wait_for_selector("[data-chart] canvas")
    assert page.locator("[data-chart] canvas").count() == 3
    assert page.locator("[data-tile]").count() == 8
    accessible(page)
    fits(page)
    shot(page, f"figures-{language}-{size[0]}")


def test_charts_take_the_colours_of_the_page_and_change_with_them(visit, accessible, shot):
    page = visit("/figures?period=month", Role.SUPERVISOR)
    page.wait_for_selector("[data-chart] canvas")
    drawn = "document.querySelector('[data-chart] canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.keyboard.press("g")
    page.keyboard.press("d")
    until(page, f"{drawn} !== {json.dumps(light)}")
    accessible(page)
    shot(page, "figures-dark")


def test_periods_are_chosen_by_keys_and_stand_in_the_address(visit):
    page = visit("/figures", Role.SUPERVISOR)
    for key, period in (("1", "today"), ("3", "month"), ("4", "custom"), ("2", "week")):
        page.keyboard.press("p")
        page.keyboard.press(key)
        page.wait_for_url(f"**/figures?period={period}**")
        assert page.locator(".tabs [aria-current=page]").get_attribute("href").startswith(f"/figures?period={period}")


def test_the_language_of_questions_is_chosen_at_once(visit):
    page = visit("/figures?period=week", Role.SUPERVISOR)
    page.locator("#language").select_option("uk")
    page.wait_for_url("**language=uk**")


def test_numbers_of_a_chart_are_there_as_a_table(visit):
    page = visit("/figures?period=week", Role.SUPERVISOR)
    chart = page.locator("figure.chart").first
    chart.locator("summary").click()
    assert chart.locator("details tbody tr").count() == 7


def test_the_hardest_question_leads_to_its_calls_and_their_replay(visit, accessible):
    page = visit("/figures?period=week", Role.SUPERVISOR)
    page.locator("#questions tbody a").first.click()
    page.wait_for_url("**/figures/missed**")
    accessible(page)
    assert page.locator("tbody a").first.get_attribute("href").startswith("/calls/")


def test_the_map_begins_where_most_callers_left_and_nothing_lies_over_it(visit, shot):
    page = visit("/figures?period=month", Role.SUPERVISOR)
    page.wait_for_selector("[data-map] svg")
    weights = page.evaluate(  # as the server sent them: the drawn map stands in their place
        """async () => {
          const sent = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
          return JSON.parse(sent.querySelector("[data-map] > script").textContent);
        }"""
    )
    left = {part: sum(spot["left"] for spot in spots.values()) for part, spots in weights.items()}
    assert left[page.input_value("[data-map-part]")] == max(left.values()) > 0
    assert page.locator("[data-map] .flowmap-how").count() == 0
    assert page.locator("[data-map] .flowmap-way title").count() > 0
    assert "(" in page.locator("[data-map] .flowmap-list ol").text_content()
    shot(page, "figures-map-first", whole=False)


def test_the_map_shows_where_callers_leave(visit, shot):
    page = visit("/figures?period=week", Role.SUPERVISOR)
    if page.locator("[data-map]").count() == 0:
        pytest.fail("there is no map: run ivr map --json")
    page.wait_for_selector("[data-map] svg")
    page.locator("[data-map-part]").select_option("ask_account")
    page.wait_for_selector("[data-map] svg")
    shot(page, "figures-map", whole=False)


def test_the_report_is_downloaded(visit, tmp_path):
    page = visit("/figures", Role.SUPERVISOR)
    for ending, begins in (("pdf", b"%PDF-"), ("csv", b"\xef\xbb\xbf")):
        with page.expect_download() as found:
            page.locator(f'a[href^="/figures/report.{ending}"]').first.click()
        assert found.value.suggested_filename.endswith(f".{ending}")
        found.value.save_as(tmp_path / ending)
        assert (tmp_path / ending).read_bytes().startswith(begins)
