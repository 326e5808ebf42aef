"""The overview: what needs this person, and nothing that is not theirs."""

import re
from datetime import timedelta

import pytest

from domain.commands import KeepDraft, OrderCallBack, RegisterRequest, ReportOutage, SubmitReading
from domain.desk import AssignRequest, SwitchOn
from domain.handlers import perform
from domain.model import Doubt, OutageKind, ReplyBy, RequestKind, Slot, Told, Topic, Zone
from domain.roles import Permission, Role
from ivr.console.web.words import LANGUAGES, Tongue

ACCOUNT = "1000000018"
PHONE = "+380440000001"


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
    for fact in (busy.number, "9\u00a0300", t("home.danger"), "outage_known", t("home.mine"), t("home.gave_up")):
        assert fact in page, fact
    assert page.count(f'href="/requests/{busy.number}"') == 2  # urgent, and mine


@pytest.mark.parametrize(
    ("role", "hidden"),
    [
        (Role.QUALITY, ["/requests/", "9\u00a0300", "outage_known", PHONE[4:]]),
        (Role.ADMINISTRATOR, ["/requests/", "9\u00a0300", "outage_known", 'href="/calls/']),
        (Role.AGENT, ["outage_known", "gave-up"]),
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
