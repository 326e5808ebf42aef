"""Readings at the console: the window's progress, doubts that are decided, the receipt as proof."""

import itertools
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from domain import doubt_cases, reading_proof, roles, trail
from domain.calls import Line
from domain.commands import KeepDoubtful, SubmitReading
from domain.doubt import Ask
from domain.handlers import perform
from domain.model import Doubt, Zone
from domain.roles import Permission, Role
from domain.slips import Hypothesis
from domain.tables import readings
from ivr.console.web import readings as part
from ivr.console.web.words import LANGUAGES, Tongue
from ivr.dialog.turns import Interruption

ACCOUNT = "1000000018"
T = Tongue("uk")


def said(page):
    return unescape(re.sub(r"<[^>]*>", " ", page))


@pytest.fixture
def do(world):
    def done(command, *, call=None, seq=None):
        world.write(lambda conn: perform(conn, command, call=call, seq=seq, at=world.now))
        return world.read(
            lambda conn: conn.execute(select(readings.c.id).order_by(readings.c.id.desc()).limit(1)).scalar_one()
        )

    return done


@pytest.fixture
def doubtful(world, do):
    """A call in which somebody insisted on 9300 after 2150."""
    at = world.now - timedelta(minutes=5)
    lines = [
        Line(0, at + timedelta(seconds=4), "language", "language", "1"),
        Line(1, at + timedelta(seconds=12), "value", "value(zone=single)", "9300#"),
        Line(2, at + timedelta(seconds=20), "doubtful_higher", "doubtful_higher(value=9300)", "1"),
        Line(3, at + timedelta(seconds=21), "SubmitReading", "SubmitReading(...)"),
    ]
    world.call(*lines, id="c1", caller="+380440000001", at=at, seconds=60)
    return do(
        SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 9300, Doubt.HIGHER, said="doubtful_higher: 1"),
        call="c1",
        seq=3,
    )


def case(world, reading):
    return world.read(lambda conn: doubt_cases.of(conn, reading))


def noted(world):
    return [(row.what, row.of, row.reason) for row in world.read(lambda conn: trail.page(conn, what="reading"))]


# The window


def test_the_window_shows_its_progress_against_the_target(world, do):
    client = world.sign_in(Role.SUPERVISOR)
    assert "0,0\u00a0%" in said(client.get("/readings").text)
    do(SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 2300))
    page = said(client.get("/readings").text)
    assert re.search(r"1\s+із\s+\d+\s+лічильників", page)
    assert Tongue("uk").percent(0.78) in page


@pytest.mark.parametrize("days", [0, 10, -10])
@pytest.mark.parametrize("language", LANGUAGES)
def test_it_speaks_every_language_within_the_window_and_outside(world, do, doubtful, language, days):
    world.now += timedelta(days=days)
    page = said(world.sign_in(Role.SUPERVISOR, language=language).get("/readings").text)
    assert Tongue(language)("readings.doubt_higher") in page
    assert not re.search(r"\b(accounts|requests|readings)\.[a-z_]+", page)


def test_a_count_that_takes_long_shows_what_it_has_and_goes_on(world, do, monkeypatch):
    do(SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 2300))
    client = world.sign_in(Role.SUPERVISOR)
    monkeypatch.setattr(part, "PATIENCE", -1.0)
    monkeypatch.setattr(part.Tally, "count", lambda self, conn: False)
    page = client.get("/readings").text
    assert T("readings.counting") in page and 'hx-trigger="load delay:1s"' in page
    monkeypatch.undo()
    assert T("readings.counting") not in client.get("/readings").text


def test_the_same_moment_of_last_month_stands_beside_it(world, do):
    now = world.now
    world.now = now - timedelta(days=30)  # 31 October
    for account, meter, value in ((ACCOUNT, "0100001", 2200), ("1000000026", "0100002", 7500)):
        do(SubmitReading(account, meter, Zone.SINGLE, value))
    world.now = now
    do(SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 2300))
    page = world.sign_in(Role.SUPERVISOR).get("/readings").text
    share = re.findall(r"<b[^>]*>([\d,]+)\u00a0%</b>", page)
    now_, target, then = (float(each.replace(",", ".")) for each in share)
    assert (target, then) == (78, pytest.approx(2 * now_, 0.05))


# Doubts


def test_a_doubt_is_told_in_words_with_what_is_known(world, doubtful):
    page = said(world.sign_in(Role.SUPERVISOR).get(f"/readings/{doubtful}").text)
    assert "2\u00a0150" in page and "9\u00a0300" in page and "7\u00a0150" in page
    assert "мало бути" in page or "Так і показує" in page
    assert T("readings.decide_now") in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_meaning_has_its_words(language):
    t = Tongue(language)
    for hypothesis in Hypothesis:
        assert t.knows(f"readings.means_{hypothesis}")
    for doubt in Doubt:
        assert t.knows(f"readings.doubt_{doubt}")


@pytest.mark.parametrize(("decision", "done"), [("accept", "accepted"), ("void", "void")])
def test_a_decision_needs_a_reason_and_is_made_once(world, doubtful, decision, done):
    client = world.sign_in(Role.AGENT)
    answer = client.post(f"/readings/{doubtful}/resolve", {"decision": decision, "because": " "})
    assert answer.status_code == 422 and "because-error" in answer.text
    assert case(world, doubtful).resolved_by is None
    for _ in range(2):
        answer = client.post(f"/readings/{doubtful}/resolve", {"decision": decision, "because": "бачили фото"})
        assert T(f"readings.done_{done}") in answer.text
    found = case(world, doubtful)
    assert (found.resolved_by, found.because) == ("agent", "бачили фото")
    assert (found.accepted is not None) == (decision == "accept")
    assert noted(world) == [
        ("reading.accepted" if decision == "accept" else "reading.voided", str(doubtful), "бачили фото")
    ]


def test_who_decides_otherwise_afterwards_is_told_and_changes_nothing(world, doubtful):
    world.sign_in(Role.AGENT).post(f"/readings/{doubtful}/resolve", {"decision": "void", "because": "помилка"})
    other = world.sign_in(Role.SUPERVISOR)
    answer = other.post(f"/readings/{doubtful}/resolve", {"decision": "accept", "because": "все вірно"})
    page = said(answer.text)
    assert answer.status_code == 409 and T("readings.error_already") in page and "все вірно" in page
    assert case(world, doubtful).accepted is None


def test_what_no_display_can_show_can_only_be_void(world, do):
    world.call(id="c1")
    reading = do(KeepDoubtful(ACCOUNT, "0100001", Zone.SINGLE, 215004, Doubt.TOO_WIDE, "hung up"), call="c1", seq=1)
    client = world.sign_in(Role.AGENT)
    assert T("readings.too_wide", width=5) in said(client.get(f"/readings/{reading}").text)
    answer = client.post(f"/readings/{reading}/resolve", {"decision": "accept", "because": "х"})
    assert answer.status_code == 422 and "decision-error" in answer.text
    assert client.post(f"/readings/{reading}/resolve", {"decision": "void", "because": "х"}).status_code == 200


def test_an_auditor_sees_and_does_not_decide(world, doubtful):
    client = world.sign_in(Role.AUDITOR)
    page = client.get(f"/readings/{doubtful}").text
    assert 'name="decision"' not in page
    assert client.post(f"/readings/{doubtful}/resolve", {"decision": "void", "because": "х"}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/readings/999999", "/readings/0", "/readings/-1", "/readings/x", f"/readings/{2**70}"]
)
def test_what_is_not_there_is_not_found(world, path):
    assert world.sign_in(Role.SUPERVISOR).get(path).status_code in (404, 422)


def test_a_reading_that_is_not_doubtful_can_not_be_decided(world, do):
    reading = do(SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 2300))
    client = world.sign_in(Role.AGENT)
    assert client.post(f"/readings/{reading}/resolve", {"decision": "void", "because": "х"}).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("noted", "key"),
    [
        *((f"{ask}: as keyed", "readings.said_insisted") for ask in Ask),
        ("keyed again", "readings.said_keyed_again"),
        *(
            (kind.name, f"replay.interruption_{kind.name.replace(' ', '_')}")
            for kind in Interruption.__subclasses__()
        ),
    ],
)
def test_what_a_caller_said_to_a_doubt_is_told_in_words(language, noted, key):
    t = Tongue(language)
    assert t.knows(key)
    assert part.in_words(noted, t, True) == t(key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_caller_corrected_is_told_with_what_they_meant(language):
    t = Tongue(language)
    assert "2180" in part.in_words("corrected to 2180", t, True)
    for zone in Zone:
        assert t(f"accounts.zone_{zone}").lower() in part.in_words(f"it is {zone}", t, True)
    assert "0100002" in part.in_words("it is of meter 0100002", t, True)
    hidden = part.in_words("it is of meter 0100002", t, False)
    assert "0002" in hidden and "0100002" not in hidden
    assert not re.search("corrected to|it is of", hidden) or language == "en"


def test_the_page_of_a_doubt_says_in_words_that_the_caller_insisted(world, do):
    world.call(id="c1")
    reading = do(
        SubmitReading(ACCOUNT, "0100001", Zone.SINGLE, 9300, Doubt.HIGHER, said="insist: as keyed"), call="c1", seq=1
    )
    page = said(world.sign_in(Role.SUPERVISOR).get(f"/readings/{reading}").text)
    assert "наполіг на набраному" in page and "as keyed" not in page


# The receipt


def test_a_row_says_when_it_was_asked_and_when_it_was_answered_by_one_clock(world, doubtful):
    page = world.sign_in(Role.SUPERVISOR).get(f"/readings/{doubtful}").text
    rows = [re.sub(r"\s+", " ", said(row)).split() for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    spoken = [row[:4] for row in rows if row and re.fullmatch(r"\d:\d\d", row[0])]
    began = spoken[0]

    def since(row, n):  # seconds of the recording, and of the clock
        minutes, seconds = row[2 * n].split(":")
        at = row[2 * n + 1].split(":")
        return int(minutes) * 60 + int(seconds), int(at[0]) * 3600 + int(at[1]) * 60 + int(at[2])

    first_second, first_clock = since(began, 0)
    for row in spoken:
        for n in (0, 1):
            second, clock = since(row, n)
            assert second - first_second == clock - first_clock, row
    for before, after in itertools.pairwise(spoken):
        assert before[2:] == after[:2], "the next question begins where this one was answered"
    assert [spoken[1][0], spoken[1][2]] == ["0:04", "0:12"]


def test_a_receipt_says_who_said_what_and_when(world, doubtful):
    page = said(world.sign_in(Role.SUPERVISOR).get(f"/readings/{doubtful}").text)
    receipt = world.read(lambda conn: reading_proof.of(conn, doubtful)).receipt
    for fact in (receipt, ACCOUNT, "0100001", "+380\u00a044\u00a0000\u00a000\u00a001", "9300#", "0:12"):
        assert fact in page, fact


def test_the_chain_leads_from_the_doubt_to_what_stands_for_it(world, doubtful):
    client = world.sign_in(Role.AGENT)
    client.post(f"/readings/{doubtful}/resolve", {"decision": "accept", "because": "бачили фото"})
    copy = case(world, doubtful).accepted
    assert f'href="/readings/{copy}"' in client.get(f"/readings/{doubtful}").text
    page = client.get(f"/readings/{copy}").text
    assert f'href="/readings/{doubtful}"' in page and "9300#" in page


def test_who_may_not_see_personal_data_sees_none_of_it(world, doubtful, monkeypatch):
    monkeypatch.setitem(roles.TABLE, Role.QUALITY, frozenset({Permission.READINGS}))
    client = world.sign_in(Role.QUALITY)
    for path in ("/readings", f"/readings/{doubtful}"):
        page = client.get(path).text
        for secret in (ACCOUNT, "440000001", "0100001", "9300#"):
            assert secret not in page, (path, secret)


@pytest.mark.parametrize("language", LANGUAGES)
def test_when_the_window_is_over_it_is_said_when_the_next_begins(world, language):
    t = Tongue(language)
    client = world.sign_in(Role.SUPERVISOR, language=language)
    next_ = t("readings.window_next", first="", last="").split(":")[0]
    assert next_ not in said(client.get("/readings").text)
    world.passes(days=10)
    client = world.sign_in(Role.SUPERVISOR, language=language)
    page = said(client.get("/readings").text)
    assert t("readings.window_over") in page
    assert next_ in page
