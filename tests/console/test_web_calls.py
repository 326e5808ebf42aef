"""Calls are searched, saved as searches, taken along, and watched while they go on."""

import asyncio
import csv
import io
import re
from datetime import date, datetime, timedelta
from urllib.parse import parse_qsl

import long_call
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import calls, saved, trail
from domain.model import Language, Outcome
from domain.queries import Query
from domain.roles import Role
from domain.tables import RecordingState
from ivr.console.indexer import Indexer
from ivr.console.turns import Turns
from ivr.console.web.asked import ABOUT, FLOWS, asked, of_query
from ivr.console.web.calls import COLUMNS, PAGE, _csv
from ivr.console.web.look import KYIV
from ivr.console.web.words import Tongue


def index(world):

    async def go():
        await Indexer(world.store, Turns(world.store)).once()

    asyncio.run(go())


@pytest.fixture
def history(world):
    """Sixty calls, one every ten minutes; each third was abandoned."""
    for n in range(60):
        outcome = Outcome.ABANDONED if n % 3 == 0 else Outcome.READING_TAKEN
        world.call(
            outcome=outcome, seconds=30 + n, at=world.now - timedelta(minutes=10 * n + 5), id=f"c-{n:02}",
            caller=None if n == 7 else f"+38067{1234000 + n:07d}",
        )  # fmt: skip
    index(world)
    return world


def listed(page):
    return re.findall(r'<a href="/calls/(c-\d\d)"', page.text)


# The line


def line(text):
    return asked([("q", text)]).query


@pytest.mark.parametrize(
    ("typed", "means"),
    [
        ("1000000018", Query(account="1000000018")),
        ("067 123-45-67", Query(number="067123-45-67")),
        ("+380671234567", Query(number="+380671234567")),
        ("4567", Query(number="4567")),
        ("немає світла", Query(words="немає світла")),
        ("number:4567 рахунок:1000000018", Query(number="4567", account="1000000018")),
        ("світла 4567 немає", Query(number="4567", words="світла немає")),
        ("flow:outage", Query(flows=frozenset({"outage"}))),
        ("розмова:показання outcome:abandoned", Query(flows=frozenset({"meter_reading"}), outcomes=frozenset({Outcome.ABANDONED}))),  # noqa: E501
        ("підсумок:поклали", Query(outcomes=frozenset({Outcome.ABANDONED}))),
        ("итог:повесили язык:украинский", Query(outcomes=frozenset({Outcome.ABANDONED}), languages=frozenset({Language.UK}))),  # noqa: E501
        ("про:нарахування тема:показания", Query(about=frozenset({"billing", "meter_reading"}))),
        ("about:outage про:не_дійшли", Query(about=frozenset({"outage", "none"}))),
        ("є:сумніви есть:не_справился is:complaint", Query(doubt=True, gave_up=True, complaint=True)),
        ("is:doubt is:-told", Query(doubt=True, told=False)),
        ("since:22.11.2026 до:2026-11-23", Query(since=datetime(2026, 11, 22, tzinfo=KYIV), until=datetime(2026, 11, 24, tzinfo=KYIV))),  # noqa: E501
        ("http://x", Query(words="http://x")),
        ("   ", Query()),
    ],
)  # fmt: skip
def test_one_line_understands_what_is_typed(typed, means):
    assert line(typed) == means


@pytest.mark.parametrize(
    ("pairs", "fault"),
    [
        ([("q", "12")], ("q", "number")),
        ([("q", "outcome:fine")], ("q", "unknown")),
        ([("q", "потік:скарга")], ("q", "filter")),
        ([("q", "was:doubt")], ("q", "filter")),
        ([("q", "про:погоду")], ("q", "unknown")),
        ([("about", "weather")], ("about", "unknown")),
        ([("q", "!!!")], ("q", "words")),
        ([("q", " ".join("abcdefghi"))], ("q", "many")),
        ([("since", "2026-02-30")], ("since", "day")),
        ([("since", "2026-11-23"), ("until", "2026-11-22")], ("until", "order")),
        ([("shortest", "many")], ("shortest", "seconds")),
        ([("shortest", "9:00"), ("longest", "60")], ("longest", "order")),
        ([("is", "sunny")], ("is", "unknown")),
        ([("recording", "lost")], ("recording", "unknown")),
    ],
)
def test_what_cannot_be_looked_for_is_said_at_its_field(world, pairs, fault):
    assert asked(pairs).fault == fault
    page = world.sign_in().get("/calls", params=pairs)
    assert page.status_code == 422
    assert f'id="wrong-{fault[0]}"' in page.text
    assert "calls.wrong_" not in page.text


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("uk", "Фільтра «потік» немає; є: про, розмова, підсумок, мова,"),
        ("ru", "Фильтра «потік» нет; есть: тема, разговор, итог, язык,"),
        ("en", "There is no filter “потік”; there are: about, flow, outcome, language,"),
    ],
)
def test_who_asks_for_a_filter_that_there_is_none_of_is_told_which_there_are(world, language, says):
    page = world.sign_in(language=language).get("/calls", params={"q": "потік:скарга"})
    assert page.status_code == 422
    assert says in page.text


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_what_the_page_gives_as_an_example_is_understood(world, language):
    t = Tongue(language)
    for key in ("search_hint", "search_hint_masked", "how_filters_example"):
        example = " ".join(word for word in t(f"calls.{key}").split() if ":" in word)
        found = asked([("q", example)])
        assert found.fault is None and found.query.words is None and found.query != Query(), example
        assert language == "en" or not re.search("[a-z]", example)
    assert t("calls.how_filters_example") in world.sign_in(language=language).get("/calls").text


@given(st.lists(st.tuples(st.sampled_from(["q", "since", "flow", "is", "longest", "x"]), st.text(max_size=30))))
def test_no_address_breaks_the_search(pairs):
    found = asked(pairs)
    assert asked(parse_qsl(found.address())) == found


@given(
    st.builds(
        Query,
        number=st.sampled_from([None, "4567", "+380671234567"]), account=st.sampled_from([None, "1000000018"]),
        words=st.sampled_from([None, "немає світла"]), flows=st.frozensets(st.sampled_from(FLOWS), max_size=2),
        about=st.frozensets(st.sampled_from(ABOUT), max_size=2),
        outcomes=st.frozensets(st.sampled_from(Outcome), max_size=2),
        recording=st.frozensets(st.sampled_from(RecordingState), max_size=2),
        doubt=st.sampled_from([None, True, False]),
        shortest=st.sampled_from([None, 0, 90]), dialled=st.frozensets(st.just("101"), max_size=1),
        since=st.sampled_from([None, datetime(2026, 10, 25, tzinfo=KYIV)]),
        until=st.sampled_from([None, datetime(2026, 10, 26, tzinfo=KYIV)]),
    )
)  # fmt: skip
def test_a_saved_search_asks_what_was_saved(query):
    assert asked(of_query(query)).query == query


# The list


def test_pages_follow_each_other_and_nothing_is_seen_twice_though_calls_come_in(history):
    browser = history.sign_in()
    first = browser.get("/calls")
    assert "60 дзвінків" in first.text
    assert len(listed(first)) == PAGE
    history.call(at=history.now, id="c-99")
    index(history)
    after = re.search(r'rel="next" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    second = browser.get(after)
    assert [*listed(first), *listed(second)] == [f"c-{n:02}" for n in range(60)]
    assert 'rel="next"' not in second.text


def test_filters_are_joined_and_stand_in_the_address(history):
    page = history.sign_in().get("/calls?q=outcome:abandoned&longest=60&is=-transferred")
    assert listed(page) == [f"c-{n:02}" for n in range(0, 31, 3)]
    assert "/calls?q=outcome%3Aabandoned&amp;is=-transferred" in page.text  # without the bound: a chip's link


def test_a_cursor_that_is_none_leads_to_the_first_page(history):
    answer = history.sign_in().get("/calls?q=outcome:abandoned&after=%3Cscript%3E", follow=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls?q=outcome%3Aabandoned")


def test_who_may_not_see_numbers_neither_reads_nor_finds_them(history):
    clear, masked = history.sign_in(), history.sign_in(Role.QUALITY)
    assert "123\u00a040\u00a001" in clear.get("/calls").text
    page = masked.get("/calls")
    assert "123\u00a040" not in page.text and "1234001" not in page.text and len(listed(page)) == PAGE
    for typed in ("4001", "0671234001", "1000000018"):
        answer = masked.get("/calls", params={"q": typed})
        assert answer.status_code == 422 and listed(answer) == []
    assert listed(clear.get("/calls", params={"q": "4001"})) == ["c-01"]


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_the_list_speaks_three_languages(history, language):
    page = history.sign_in(language=language).get("/calls?since=2026-11-01").text
    assert not re.search(r">\s*(calls|replay)\.[a-z_]+", page)
    assert f'lang="{language}"' in page


# Saved


def test_a_search_is_saved_shown_shared_and_forgotten(history):
    browser, other = history.sign_in(), history.sign_in(Role.AUDITOR)
    browser.post("/calls/searches", {"name": "Покинуті <b>", "asked": "q=outcome%3Aabandoned", "shared": "yes"})
    for each in (browser, other):
        page = each.get("/calls").text
        assert "Покинуті &lt;b&gt;" in page and "/calls?outcome=abandoned" in page
    [kept] = history.read(lambda c: saved.listed(c, "supervisor", personal=True))
    assert other.post(f"/calls/searches/{kept.id}/forget").status_code == 404
    assert browser.post(f"/calls/searches/{kept.id}/forget").status_code == 200
    assert history.read(lambda c: saved.listed(c, "supervisor", personal=True)) == []


@pytest.mark.parametrize("name", ["", "   ", "я" * 100])
def test_a_search_without_a_good_name_is_not_saved(history, name):
    answer = history.sign_in().post("/calls/searches", {"name": name, "asked": "q=4567"})
    assert answer.status_code == 422 and 'id="wrong-name"' in answer.text
    assert history.read(lambda c: saved.listed(c, "supervisor", personal=True)) == []


# CSV


def taken(answer):
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_a_list_is_taken_along_as_csv_and_the_trail_knows_what_was_asked(history):
    answer = history.sign_in().get("/calls.csv?q=outcome:abandoned")
    assert re.fullmatch(r'attachment; filename="calls-[0-9-]+\.csv"', answer.headers["content-disposition"])
    rows = taken(answer)
    assert len(rows) == 21 and len(rows[0]) == len(COLUMNS)
    assert [row[0] for row in rows[1:4]] == ["c-00", "c-03", "c-06"]
    assert rows[1][3] == "'+380671234000"
    [noted] = [row for row in history.read(lambda c: trail.page(c)) if row.what == "list.exported"]
    assert noted.who == "supervisor"
    assert noted.details == {"list": "calls", "query": {"outcomes": ["abandoned"]}, "count": 20, "masked": False}


def test_no_cell_of_a_csv_is_a_formula():
    written = _csv([["=1+1", "+380", "-5", "@x", "\tx", "\rx", "a;b", 'say "x"', "Так"]]).decode()
    [row] = csv.reader(io.StringIO(written, newline=""), delimiter=";")
    assert row == ["'=1+1", "'+380", "'-5", "'@x", "'\tx", "'\rx", "a;b", 'say "x"', "Так"]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.SUPERVISOR, 200), (Role.AUDITOR, 200), (Role.QUALITY, 403), (Role.AGENT, 403)]
)
def test_who_may_take_lists_along(history, role, status):
    assert history.sign_in(role).get("/calls.csv").status_code == status


def test_what_cannot_be_asked_is_not_taken_along_in_full(history):
    assert history.sign_in().get("/calls.csv?since=yesterday").status_code == 422


# The board


def waiting(world, *names, ago=60):
    for n, name in enumerate(names):
        at = world.now - timedelta(seconds=ago * (n + 1))
        world.write(lambda c, at=at, name=name: long_call.store(c, name, at, seconds=ago, events=22, outcome=None))


def rows_of(page):
    return re.findall(r'data-call="([^"]+)"', page.text)


def test_the_board_shows_who_is_on_the_line_the_longest_first(world):
    browser = world.sign_in()
    assert "data-none>" in browser.get("/calls/live").text
    waiting(world, "one", "two", "three")
    page = browser.get("/calls/live")
    assert rows_of(page) == ["three", "two", "one"]
    assert "3 дзвінки" in page.text
    piece = browser.get("/calls/live/board?order=longest")
    assert rows_of(piece) == ["three", "two", "one"] and "<html" not in piece.text


def test_a_call_that_ended_leaves_the_board(world):
    browser = world.sign_in()
    waiting(world, "one", "two")
    assert set(rows_of(browser.get("/calls/live/board"))) == {"one", "two"}
    world.write(lambda c: calls.end(c, "one", Outcome.INFORMED, at=world.now))
    assert rows_of(browser.get("/calls/live/board")) == ["two"]


def test_trouble_comes_first_when_asked_for(world):
    browser = world.sign_in()
    world.call(outcome=None, at=world.now - timedelta(seconds=10), id="calm", caller=None)
    waiting(world, "stuck", ago=300)
    assert rows_of(browser.get("/calls/live/board?order=trouble"))[0] == "stuck"
    assert rows_of(browser.get("/calls/live/board?order=nonsense"))[0] == "stuck"


@pytest.mark.parametrize(("role", "status"), [(Role.QUALITY, 200), (Role.AGENT, 403), (Role.AUDITOR, 403)])
def test_who_may_watch(world, role, status):
    assert world.sign_in(role).get("/calls/live").status_code == status
    assert world.sign_in(role).get("/calls/live/board").status_code == status


def test_numbers_on_the_board_are_masked_for_whom_they_have_to_be(world):
    waiting(world, "one")
    assert "45\u00a067" in world.sign_in().get("/calls/live").text
    assert "123\u00a045\u00a067" not in world.sign_in(Role.QUALITY).get("/calls/live").text


def test_days_are_those_of_kyiv(history):
    today = history.now.astimezone(KYIV).date()
    assert isinstance(today, date)
    browser = history.sign_in()
    day, night = (browser.get(f"/calls?since={d}&until={d}") for d in (today, today - timedelta(days=3)))
    assert listed(day) and not listed(night)
