"""Customers at the console: found by anything, one with everything, and only by who may."""

import re
from datetime import timedelta
from html import unescape

import pytest

from domain import history, roles, trail
from domain.commands import OrderCallBack, PlaceOrder, RegisterRequest, ReportOutage, SubmitReading
from domain.handlers import perform
from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, Topic, Zone
from domain.roles import Permission, Role
from ivr.console.web.words import LANGUAGES, Tongue

ACCOUNT = "1000000018"
PHONE = "+380440000001"


@pytest.fixture
def busy(world):
    """An account about which there is one of everything."""
    world.call(id="c1", caller=PHONE, at=world.now - timedelta(hours=1), seconds=95)
    commands = [
        SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 2300),
        RegisterRequest(RequestKind.COMPLAINT, Topic.SERVICE, ReplyBy.PHONE, PHONE, ACCOUNT),
        ReportOutage(OutageKind.NO_SUPPLY, ACCOUNT),
        PlaceOrder(OrderKind.SEAL, ACCOUNT, PHONE),
        OrderCallBack(PHONE, "reading", ACCOUNT),
    ]
    for seq, command in enumerate(commands, 1):
        world.write(lambda conn, c=command, n=seq: perform(conn, c, call="c1", seq=n, at=world.now))
    month = world.now.date().replace(day=1, month=9)
    world.write(
        lambda conn: history.post_bill(
            conn, ACCOUNT, month, kwh=120, amount=316_80, paid=0, paid_on=None, at=world.now
        )
    )
    return world


def said(page):
    return unescape(re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize("q", [ACCOUNT, "044 000 00 01", "0100001"])
def test_a_single_hit_is_opened_at_once(world, q):
    answer = world.sign_in(Role.SUPERVISOR).get("/accounts", params={"q": q})
    assert answer.url.path == f"/accounts/{ACCOUNT}"


def test_several_hits_are_listed_and_nobody_is_said_so(world):
    client = world.sign_in(Role.AGENT)
    page = client.get("/accounts?q=1000").text
    assert len(re.findall(r'href="/accounts/(\d{10})"', page)) >= 12
    assert Tongue("uk")("accounts.nobody") in client.get("/accounts?q=Коваль").text


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_account_has_everything_on_one_line(busy, language):
    page = said(busy.sign_in(Role.SUPERVISOR, language=language).get(f"/accounts/{ACCOUNT}").text)
    t = Tongue(language)
    for kind in ("reading", "bill", "request", "outage", "order", "callback", "call"):
        assert t(f"accounts.kind_{kind}") in page
    for fact in (
        t.number(2300),
        t.money(316_80),
        "Показова",
        "0100001",
        t("accounts.submitted"),
        t("requests.order_seal"),
    ):
        assert fact in page
    assert not re.search(r"\b(accounts|requests|calls)\.[a-z_]+", page)


def test_the_line_can_be_narrowed_and_led_on(busy):
    for value in range(2301, 2341):
        command = SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, value)
        busy.write(lambda conn, c=command: perform(conn, c, call=None, seq=None, at=busy.now))
    client, seen = busy.sign_in(Role.SUPERVISOR), []
    address = f"/accounts/{ACCOUNT}?kind=reading"
    while address:
        page = client.get(address).text
        seen += re.findall(r'href="/readings/(\d+)"', page.split('id="happened"')[1])
        found = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(found[1]) if found else None
    assert len(seen) == len(set(seen)) == 42  # with the one that the demo was loaded with
    assert "316,80" not in page.split('id="happened"')[1]


@pytest.mark.parametrize(
    "before", ["x", "2026-01-01_reading_1", "2026-01-01T00:00:00+00:00_bill_x", "_".join("abcdef")]
)
def test_a_place_that_nobody_was_given_begins_at_the_top(busy, before):
    answer = busy.sign_in(Role.SUPERVISOR).get(f"/accounts/{ACCOUNT}", params={"before": before})
    assert answer.status_code == 200 and "2\u00a0300" in said(answer.text)


def test_what_is_not_there_is_not_found(world):
    client = world.sign_in(Role.SUPERVISOR)
    assert client.get("/accounts/1000000000").status_code == 404
    assert client.get("/accounts/1").status_code == 422


def test_opening_an_account_is_in_the_trail(busy):
    busy.sign_in(Role.AUDITOR).get(f"/accounts/{ACCOUNT}")
    rows = busy.read(lambda conn: trail.page(conn, what="account.opened"))
    assert [(row.who, row.of) for row in rows] == [("auditor", ACCOUNT)]


def test_who_may_not_see_personal_data_looks_nobody_up(busy, monkeypatch):
    monkeypatch.setitem(roles.TABLE, Role.QUALITY, frozenset({Permission.ACCOUNTS}))
    client = busy.sign_in(Role.QUALITY)
    answer = client.get(f"/accounts?q={ACCOUNT}")
    assert answer.status_code == 200 and answer.url.path == "/accounts"
    assert Tongue("uk")("accounts.may_not") in answer.text
    assert client.get(f"/accounts/{ACCOUNT}").status_code == 403


def test_an_account_that_never_had_a_reading_has_a_page_too(world):
    page = world.sign_in(Role.SUPERVISOR).get("/accounts/1000000107")
    assert page.status_code == 200 and Tongue("uk")("accounts.no_chart") in page.text


def test_outside_the_window_a_reading_would_be_a_control_reading(world):
    world.now -= timedelta(days=10)
    page = said(world.sign_in(Role.SUPERVISOR).get(f"/accounts/{ACCOUNT}").text)
    assert "контрольним" in page
