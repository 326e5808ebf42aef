"""The page of figures: what a supervisor sees in ten seconds, in three languages, and who may see what."""

import json
import re
import sys
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from domain import tallies
from domain.model import Outcome
from domain.roles import Role
from domain.tallies import Waited
from ivr.console.web import analytics
from ivr.console.web.words import LANGUAGES, Tongue

sys.path.append(str(Path(__file__).parents[1] / "domain"))
from figured import ASK, ASK_TWICE, GAVE_UP, HUNG_UP, MENU, call, waited


@pytest.fixture
def busy(world):
    """A week in which people answer late, and a question is hard."""

    def job(conn):
        for n in range(60):
            at = world.now - timedelta(hours=2 * n)
            steps, outcome, sent = (MENU, ASK if n % 3 else ASK_TWICE), Outcome.READING_TAKEN, False
            if n % 4 == 0:
                steps, outcome, sent = (MENU, GAVE_UP), Outcome.TRANSFERRED, True
                tallies.keep_waits(conn, [waited(f"w{n}", 45.0, Waited.ANSWERED, at=at)])
            if n % 10 == 9:
                steps, outcome = (MENU, HUNG_UP), Outcome.ABANDONED
            call(conn, f"w{n}", *steps, at=at, outcome=outcome, sent=sent, caller=f"+38067{n:07d}")

    world.write(job)
    return world


def text(answer):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text))).replace("\xa0", " ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_to_look_at_stands_first_in_every_language(busy, language):
    page = busy.sign_in(Role.SUPERVISOR, language=language).get("/figures")
    assert page.status_code == 200
    t = Tongue(language)
    said = text(page)
    assert t("analytics.level_danger") in said
    assert said.index(t("analytics.notices")) < said.index(t("analytics.questions_title"))
    assert t("analytics.not_kept") in said, "in words, not by colour alone"
    assert "analytics." not in said, "every word is there"


def test_every_chart_has_its_numbers_as_a_table(busy):
    page = busy.sign_in(Role.SUPERVISOR).get("/figures")
    charts = re.findall(r'<figure class="chart.*?</figure>', page.text, re.DOTALL)
    assert len(charts) == 3
    for chart in charts:
        drawn = json.loads(re.search(r'<script type="application/json">(.*?)</script>', chart, re.DOTALL)[1])
        rows = re.findall(r"<tr>", chart)
        assert len(rows) == len(drawn["labels"]) + 1
        assert all(len(each["data"]) == len(drawn["labels"]) for each in drawn["series"])
        assert 'aria-hidden="true"' in chart


def test_the_address_says_which_period_is_shown(busy):
    client = busy.sign_in(Role.SUPERVISOR)
    today = busy.now.date()
    for query, first, last in (
        ("", today - timedelta(days=6), today),
        ("?period=today", today, today),
        ("?period=month", today.replace(day=1), today),
        ("?period=custom&from=2026-10-05&to=2026-10-07", None, None),
    ):
        said = text(client.get(f"/figures{query}"))
        shown = f"{first:%d.%m.%Y} – {last:%d.%m.%Y}" if first else "05.10.2026 – 07.10.2026"
        assert shown in said


@pytest.mark.parametrize(
    "query",
    [
        "period=custom&from=2026-10-05", "period=custom&from=x&to=y", "period=custom&from=2026-10-07&to=2026-10-05",
        "period=custom&from=2020-01-01&to=2026-10-05", "period=month&month=2026-13", "period=month&month=1999-01",
        "period=always", "period=custom&from=0001-01-01&to=0001-01-02",
    ],
)  # fmt: skip
def test_a_period_that_is_none_is_told_beside_its_field_and_the_page_is_there_all_the_same(busy, query):
    page = busy.sign_in(Role.SUPERVISOR).get(f"/figures?{query}")
    assert page.status_code == 422
    assert 'id="days-error"' in page.text


def test_what_is_typed_into_the_address_is_no_html(busy):
    page = busy.sign_in(Role.SUPERVISOR).get('/figures?period=custom&from="><script>alert(1)</script>&to=2026')
    assert "<script>alert" not in page.text


def test_a_question_leads_to_the_calls_in_which_it_failed(busy):
    client = busy.sign_in(Role.SUPERVISOR)
    page = client.get("/figures?period=week")
    link = unescape(re.search(r'href="(/figures/missed\?[^"]*spot=account[^"]*)"', page.text)[1])
    missed = client.get(link)
    assert missed.status_code == 200
    assert '"/calls/w0"' in missed.text
    assert '"/calls/w1"' not in missed.text, "it went well"
    assert client.get("/figures/missed?part=no&spot=where").status_code == 200


def test_who_may_see_figures_sees_them_and_who_may_not_is_refused(busy):
    for role, status in (
        (Role.SUPERVISOR, 200), (Role.QUALITY, 200), (Role.AUDITOR, 200), (Role.ADMINISTRATOR, 200), (Role.AGENT, 403)
    ):  # fmt: skip
        assert busy.sign_in(role).get("/figures").status_code == status
    administrator = busy.sign_in(Role.ADMINISTRATOR)
    assert "/figures/missed" not in administrator.get("/figures").text, "no link to what they may not see"
    assert administrator.get("/figures/missed?part=a&spot=b").status_code == 403
    assert busy.nobody().get("/figures", follow=False).status_code == 303


def test_a_page_without_any_call_says_so(world):
    page = world.sign_in(Role.SUPERVISOR).get("/figures?period=custom&from=2026-01-01&to=2026-01-07")
    assert page.status_code == 200
    assert Tongue("uk")("analytics.no_calls") in text(page)


def test_an_island_of_json_cannot_be_left():
    assert "<" not in analytics.island({"a": "</script><script>"})
    assert json.loads(analytics.island({"a": "</script>&"})) == {"a": "</script>&"}
