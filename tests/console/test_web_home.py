"""The overview: what needs this person, and nothing that is not theirs."""

import re
from datetime import timedelta
from html import unescape

import pytest
from markupsafe import Markup
from sqlalchemy import select

from domain import incidents
from domain.commands import KeepDraft, OrderCallBack, RegisterRequest, ReportOutage, SubmitReading
from domain.desk import AssignRequest, SwitchOn
from domain.handlers import perform
from domain.model import Doubt, OutageKind, ReplyBy, RequestKind, Slot, Told, Topic, Zone
from domain.roles import Permission, Role
from domain.rules import HOME
from domain.tables import buildings
from ivr.console.web.prompt_view import title
from ivr.console.web.words import LANGUAGES, Tongue
from prompts import Catalogue

ACCOUNT = "1000000018"
PHONE = "+380440000001"
ON = title(Catalogue.load(), "uk", "outage_known")
"""How an announcement that is on is called."""


@pytest.fixture
def busy(world):
    at = world.now - timedelta(minutes=10)
    world.call(id="c1", caller=PHONE, at=at)
    world.call(id="c2", caller=PHONE, outcome=None)
    slot = Slot(at - timedelta(hours=1), world.now + timedelta(hours=1))
    commands = [
        RegisterRequest(RequestKind.COMPLAINT, Topic.BILLING, ReplyBy.PHONE, PHONE, ACCOUNT),
        SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 9300, Doubt.HIGHER, said="insisted"),
        ReportOutage(OutageKind.DANGER, ACCOUNT),
        OrderCallBack(PHONE, "reading", ACCOUNT, slot),
        KeepDraft(RequestKind.COMPLAINT, Topic.OTHER, Told(at, world.now), PHONE),
    ]
    done = [
        world.write(lambda conn, c=command, n=seq: perform(conn, c, call="c1", seq=n, at=at))
        for seq, command in enumerate(commands, 1)
    ]
    for command in (
        AssignRequest(done[0].number, "Supervisor", "+380440000100", "supervisor"),
        SwitchOn("outage_known"),
    ):
        world.write(lambda conn, c=command: perform(conn, c, call=None, seq=None, at=at, by="supervisor"))
    world.number = done[0].number
    return world


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", Role)
def test_everybody_has_an_overview_in_their_language(busy, role, language):
    answer = busy.sign_in(role, language=language).get("/")
    assert answer.status_code == 200
    page = re.sub(r"<[^>]*>", " ", answer.text)
    assert not re.search(r"\b(home|requests|readings|calls)\.[a-z_]+", page)


def test_a_supervisor_sees_all_that_waits(busy):
    page = busy.sign_in(Role.SUPERVISOR).get("/").text
    t = Tongue("uk")
    for fact in (busy.number, "9\u00a0300", t("home.danger"), ON, t("home.mine"), t("home.gave_up")):
        assert fact in page, fact
    assert page.count(f'href="/requests/{busy.number}"') == 2  # urgent, and mine


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.QUALITY, ["/requests/", "9\u00a0300", ON, PHONE[4:]]),
        (Role.ADMINISTRATOR, ["/requests/", "9\u00a0300", ON, 'href="/calls/']),
        (Role.AGENT, [ON, "gave-up"]),
    ],
)
def test_nobody_sees_what_is_not_theirs(busy, role, hidden):
    page = busy.sign_in(role).get("/").text
    for fact in hidden:
        assert fact not in page, fact
    for permission, link in ((Permission.STAFF, 'href="/staff"'), (Permission.TRAIL, 'href="/trail"')):
        assert (link in page) == busy.person(role).may(permission)


def test_it_is_there_when_nothing_waits(world):
    assert Tongue("uk")("home.no_requests") in world.sign_in(Role.SUPERVISOR).get("/").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_quiet_day_is_one_calm_line_and_no_cards_of_zeros(world, language):
    t = Tongue(language)
    page = unescape(world.sign_in(Role.SUPERVISOR, language=language).get("/").text)
    (line,) = re.findall(r'<p class="[^"]*quiet-line.*?</p>', page, re.S)
    for key in ("home.no_requests", "home.nothing_mine", "home.no_outages", "home.nobody_gave_up"):
        assert t(key) in line, key
    assert 'data-key="1"' in line, "the keys lead there as on any day"


def test_who_cannot_be_assigned_a_request_has_no_card_of_their_own(busy):
    t = Tongue("uk")
    assert t("home.mine") in busy.sign_in(Role.SUPERVISOR).get("/").text
    page = busy.sign_in(Role.AUDITOR).get("/").text
    assert t("home.mine") not in page and t("home.nothing_mine") not in page


def test_an_outage_is_told_by_its_address_and_an_announcement_by_its_words(busy):
    page = unescape(busy.sign_in(Role.SUPERVISOR).get("/").text)
    assert re.search(r"Зразкове, Показова, \d+", page)
    assert 'href="/accounts?q=' in page and 'href="/prompts/announcements"' in page
    assert "outage_known" not in page


def outage(world, *, planned=False, wide=False, expected=None):
    """An incident at the demo's first customer; wide: of the whole feeder."""
    at = world.now - timedelta(minutes=10)

    def job(conn):
        place = incidents.place_of(conn, ACCOUNT)
        return incidents.open_(conn, place, wide=wide, at=at, expected=expected, planned=planned), place

    incident, place = world.write(job)
    here = buildings.c.id == place.building
    where = world.read(lambda conn: conn.execute(select(buildings.c.region).where(here)).scalar_one())
    return incident, where


def test_a_fact_that_is_markup_stays_so_in_a_sentence_and_any_other_is_escaped():
    told = Tongue("en")("home.expected", at=Markup("<time>12:00</time>"))
    assert isinstance(told, Markup) and "<time>12:00</time>" in told
    assert "<b>" in Tongue("en")("home.hello", name="<b>"), "a text is escaped by the page that it stands in"
    assert not isinstance(Tongue("en")("home.hello", name="<b>"), Markup)


def announce_links(page):
    return [unescape(found) for found in re.findall(r'href="(/prompts/announcements\?[^"]*)"', page)]


@pytest.mark.parametrize("wide", [False, True], ids=["of a building", "of a feeder"])
def test_an_outage_leads_to_its_announcement_filled_in(world, wide):
    _, where = outage(world, wide=wide, expected=world.now + timedelta(hours=3))
    browser = world.sign_in(Role.SUPERVISOR)

    page = browser.get("/").text
    (link,) = announce_links(page)
    assert "&lt;" not in page, "a time within a sentence is text, and no markup that is shown"
    form = unescape(browser.get(link.partition("#")[0]).text)

    assert 'value="announce_outage" required checked' in form
    assert f'<option value="{where}" selected>' in form
    assert f'value="{(world.now + timedelta(hours=3)).astimezone(HOME):%d.%m %H:%M}"' in form
    assert 'class="error"' not in form


def test_works_are_announced_as_works_and_an_end_that_is_past_is_left_out(world):
    outage(world, planned=True, expected=world.now - timedelta(minutes=1))
    browser = world.sign_in(Role.SUPERVISOR)

    (link,) = announce_links(browser.get("/").text)

    assert "prompt=announce_works" in link and "until=" not in link
    assert browser.get(link.partition("#")[0]).status_code == 200


@pytest.mark.parametrize("everywhere", [False, True], ids=["there", "for all"])
def test_what_is_announced_already_is_said_and_not_offered_again(world, everywhere):
    _, where = outage(world)
    on = SwitchOn("announce_outage", None if everywhere else where, world.now + timedelta(hours=2))
    world.write(lambda conn: perform(conn, on, call=None, seq=None, at=world.now, by="supervisor"))

    page = world.sign_in(Role.SUPERVISOR).get("/").text

    assert "&lt;" not in page
    assert announce_links(page) == []
    assert Tongue("uk")("home.announced_in", region=where) in unescape(page)


def test_who_may_not_announce_is_offered_no_announcement(world):
    outage(world)
    assert announce_links(world.sign_in(Role.AUDITOR).get("/").text) == []
