"""What calls are found by; the search, compared with going through all calls one by one."""

import json
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from domain import calls, debts, findings, indexing, marks, queries, reindexing, saved
from domain.debts import Debt
from domain.findings import BadCursor, BadQuery, Choices, Found, PersonalQuery, Query, search
from domain.indexing import Facts, Stored, Words
from domain.model import Began, Language, Outcome
from domain.store import Store
from domain.tables import RecordingState
from domain.tables import marks as marks_table
from domain.topics import lemmas
from tests.domain.conftest import NOW
from tests.postgres import new_database

FLOWS = ("main_menu", "reading", "complaint", "outage")
DIALLED = ("100", "101")
ACCOUNTS = ("1000000018", "1000000026", "1000000039")
CALLERS = (None, "+380671234567", "+380501114567", "+380671230000", "+48221234567")
WORDS = ("лічильника", "світло", "шевченка", "рахунок", "показники")


def facts(call: str, **changes: Any) -> Facts:
    """Of an ordinary call."""
    ordinary = Facts(
        call=call, began=NOW, seconds=60, caller="+380671234567", dialled="100", flow="main_menu",
        flows=("main_menu",), language=Language.UK, outcome=Outcome.INFORMED, transferred_to=None, doubts=0,
        gave_up=False, accounts=(),
    )  # fmt: skip
    stored = {key: changes.pop(key) for key in list(changes) if key in Stored.__slots__}
    return replace(ordinary, stored=replace(ordinary.stored, **stored), **changes)


def told(*words: str) -> Words:
    """As if these had been told in a call."""
    return indexing.words_of([words])


def put(store: Store, several: Iterable[Facts]) -> None:
    """These calls, ended and indexed."""

    def job(conn: Connection) -> None:
        found: dict[Debt, Facts | None] = {}
        for each in several:
            ended = each.began + timedelta(seconds=each.seconds)
            if calls.begin(conn, Began(each.call, each.caller, each.dialled, each.began), "controller"):
                calls.end(conn, each.call, each.outcome, at=ended)
            else:
                debts.owe(conn, each.call, ended)
        revisions = {debt.call: debt for debt in debts.owed(conn, 100_000)}
        for each in several:
            found[revisions[each.call]] = each
        assert indexing.fill(conn, found) == len(found)

    store.write(job).result()


def ask(store: Store, query: Query, **how: Any) -> findings.Page:
    return store.read(lambda conn: search(conn, query, **{"personal": True, **how})).result()


def found(store: Store, query: Query, **how: Any) -> list[str]:
    return [each.call for each in ask(store, query, **how).calls]


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few calls are many blocks."""
    for module in (marks, indexing, findings, reindexing):
        monkeypatch.setattr(module, "SIZE", 8)
    monkeypatch.setattr(marks, "FEW", 2)
    monkeypatch.setattr(findings, "AHEAD", 2)
    monkeypatch.setattr(findings, "MANY_BLOCKS", 2)


# Every filter and every page, against going through all calls


def passes(each: Facts, query: Query) -> bool:
    """What the search means, said plainly."""
    stored = each.stored
    wanted = {
        "doubt": each.doubts > 0, "gave_up": each.gave_up, "transferred": each.transferred_to is not None,
        "complaint": stored.complaint, "scored": stored.score is not None, "noted": stored.noted, "told": stored.told,
    }  # fmt: skip
    known = stored.words.shown | stored.words.hidden
    return (
        (query.tail is None or (each.caller is not None and each.caller[::-1].startswith(query.tail)))
        and (query.account is None or query.account in each.accounts)
        and (query.since is None or each.began >= query.since)
        and (query.until is None or each.began < query.until)
        and (not query.flows or bool(query.flows & set(each.flows)))
        and (not query.outcomes or each.outcome in query.outcomes)
        and (not query.languages or each.language in query.languages)
        and (not query.dialled or each.dialled in query.dialled)
        and (not query.recording or stored.recording in query.recording)
        and (query.shortest is None or each.seconds >= query.shortest)
        and (query.longest is None or each.seconds <= query.longest)
        and all(getattr(query, name) in (None, is_so) for name, is_so in wanted.items())
        and all(lemmas(word) & known for word in query.said)
    )


MOMENTS = st.integers(0, 60).map(lambda days: NOW - timedelta(days=days)) | st.integers(0, 40).map(
    lambda minutes: NOW - timedelta(minutes=minutes)
)
SECONDS = st.integers(0, 20) | st.sampled_from((59, 60, 61, 4095, 16383, 20000))


@st.composite
def some_calls(draw: st.DrawFn) -> list[Facts]:
    return [
        facts(
            f"c-{n}",
            began=draw(MOMENTS) + timedelta(microseconds=draw(st.sampled_from((0, 0, 1, 400_000, 999_999)))),
            seconds=draw(SECONDS),
            caller=draw(st.sampled_from(CALLERS)),
            dialled=draw(st.sampled_from(DIALLED)),
            flows=tuple(sorted(draw(st.sets(st.sampled_from(FLOWS), min_size=1)))),
            language=draw(st.sampled_from(Language)),
            outcome=draw(st.sampled_from((Outcome.INFORMED, Outcome.ABANDONED, Outcome.TRANSFERRED))),
            transferred_to=draw(st.sampled_from((None, "agents"))),
            doubts=draw(st.integers(0, 2)),
            gave_up=draw(st.booleans()),
            accounts=tuple(sorted(draw(st.sets(st.sampled_from(ACCOUNTS), max_size=2)))),
            complaint=draw(st.booleans()),
            recording=draw(st.sampled_from((None, RecordingState.SEALED, RecordingState.ERASED))),
            score=draw(st.sampled_from((None, 80.0))),
            told=draw(st.booleans()),
            words=told(*draw(st.lists(st.sampled_from(WORDS), max_size=3))),
        )
        for n in range(draw(st.integers(1, 30)))
    ]


MAYBE = st.none() | st.booleans()
RANGES = st.tuples(MOMENTS, MOMENTS).map(sorted).map(lambda two: (two[0], two[1] + timedelta(minutes=1)))
QUERIES = st.builds(
    lambda between, **asked: Query(since=between[0], until=between[1], **asked),
    between=st.tuples(st.none(), st.none()) | RANGES | RANGES.map(lambda two: (two[0], None)),
    number=st.none() | st.sampled_from(("4567", "067 123-45-67", "34567", "0000", "9999")),
    account=st.none() | st.sampled_from(ACCOUNTS),
    flows=st.frozensets(st.sampled_from(FLOWS), max_size=2),
    outcomes=st.frozensets(st.sampled_from((Outcome.INFORMED, Outcome.ABANDONED, Outcome.LOST)), max_size=2),
    languages=st.frozensets(st.sampled_from(Language), max_size=2),
    dialled=st.frozensets(st.sampled_from(DIALLED), max_size=1),
    words=st.none() | st.sampled_from(("лічильник", "світла", "рахунку показник", "Шевченко", "дерево")),
    shortest=st.none() | st.integers(0, 70),
    longest=st.none() | st.integers(70, 30000),
    doubt=MAYBE,
    gave_up=MAYBE,
    transferred=MAYBE,
    complaint=MAYBE,
    scored=MAYBE,
    told=MAYBE,
    recording=st.frozensets(st.sampled_from(RecordingState), max_size=1),
)


def thinned(query: Query, keep: set[str]) -> Query:
    """Only some of its filters: all together hardly ever find anything."""
    return queries.read({name: value for name, value in queries.written(query).items() if name in keep})


@settings(max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=some_calls(), asked=st.lists(QUERIES, min_size=10, max_size=10), data=st.data())
def test_the_search_finds_what_going_through_all_calls_finds(
    several: list[Facts],
    asked: list[Query],
    data: st.DataObject,
    empty: Path,
    tmp_path_factory: Any,
    short_blocks: None,
):
    path = tmp_path_factory.mktemp("findings") / "hotline.db"
    shutil.copy(empty, path)
    with Store.open(f"sqlite:///{path}") as store:
        half = len(several) // 2
        put(store, several[:half])
        put(store, several[half:])
        for query in asked:
            names = list(queries.written(query))
            query = thinned(query, set(data.draw(st.lists(st.sampled_from(names or ["words"]), max_size=3))))
            expected = [each for each in several if passes(each, query)]
            pages, after = list[Found](), None
            while True:
                page = ask(store, query, after=after, limit=4)
                assert page.count == len(expected)
                pages += page.calls
                after = page.after
                if after is None:
                    break
                assert len(page.calls) == 4
            assert {each.call for each in pages} == {each.call for each in expected}
            assert len(pages) == len(expected)
            assert [each.began for each in pages] == sorted((each.began for each in expected), reverse=True)


# The rest


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, empty: Path) -> Iterator[Store]:
    """An empty store, on both databases."""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(empty, tmp_path / 'hotline.db')}"
    else:
        url = new_database(empty=False)
    with Store.open(url) as store:
        yield store


def test_the_same_is_found_on_both_databases(anywhere: Store, short_blocks: None):
    minute = timedelta(minutes=1)
    put(anywhere, [facts(f"c-{n:02}", began=NOW - n * minute, seconds=n, doubts=n % 2) for n in range(30)])
    put(anywhere, [facts("c-07", began=NOW - 7 * minute, seconds=700, words=told("лічильника"), told=True)])
    assert found(anywhere, Query(doubt=True, since=NOW - 9 * minute)) == ["c-01", "c-03", "c-05", "c-09"]
    assert found(anywhere, Query(words="лічильник", number="4567", shortest=700)) == ["c-07"]
    assert ask(anywhere, Query(number="067 123 45 67")).count == 30
    assert found(anywhere, Query(number="3567")) == []
    first = ask(anywhere, Query(), limit=20)
    assert len(first.calls) == 20 and first.count == 30
    assert found(anywhere, Query(), limit=20, after=first.after) == [f"c-{n}" for n in range(20, 30)]
    assert anywhere.read(findings.choices).result() == Choices(("main_menu",), ("100",))
    assert anew(anywhere) == 30
    assert (ask(anywhere, Query()).count, ask(anywhere, Query()).owed) == (0, 30)
    assert anywhere.read(lambda conn: conn.scalar(select(func.count()).select_from(marks_table))).result() == 0


def anew(store: Store) -> int:
    return reindexing.anew(lambda job: store.write(job).result())


def url_of(store: Store) -> str:
    """Where it is, for a second process."""
    return store.read(lambda conn: conn.engine.url.render_as_string(hide_password=False)).result()


def owed_facts(store: Store) -> dict[Debt, Facts | None]:
    return {debt: facts(debt.call) for debt in store.read(lambda conn: debts.owed(conn, 100)).result()}


def test_the_index_is_made_anew_in_short_steps(anywhere: Store, short_blocks: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reindexing, "AT_ONCE", 4)
    put(anywhere, [facts(f"c-{n:02}", doubts=n % 2) for n in range(30)])
    anywhere.write(
        lambda conn: conn.execute(marks_table.insert().values(mark="wstray", block=0, bits=b"\0"))
    ).result()
    anywhere.write(lambda conn: conn.execute(debts.index_debts.delete())).result()
    anywhere.write(lambda conn: calls.begin(conn, Began("goes-on", None, "100", NOW), "controller")).result()
    seen = list[tuple[int, int]]()

    def step(job: Any) -> Any:
        result = anywhere.write(job).result()
        for flag in (True, False):  # whatever is found is true, and what is missing is owed
            names = found(anywhere, Query(doubt=flag))
            assert all(int(name[2:]) % 2 == flag for name in names)
        page = ask(anywhere, Query())
        seen.append((page.count, page.owed))
        return result

    assert reindexing.anew(step) == 30
    assert all(count + owed == 30 for count, owed in seen)
    assert all(before[0] - after[0] <= 8 for before, after in pairwise(seen)), "no step is long"
    for table in (marks_table, debts.findings, findings.mark_blocks):
        assert anywhere.read(lambda conn, of=table: conn.scalar(select(func.count()).select_from(of))).result() == 0
    anywhere.write(lambda conn: indexing.fill(conn, owed_facts(anywhere))).result()
    assert (ask(anywhere, Query()).count, ask(anywhere, Query()).owed) == (30, 0)


@pytest.mark.parametrize("steps", range(1, 26, 3))
def test_cut_off_anywhere_and_begun_again_while_calls_are_indexed_nothing_is_missing(
    store: Store, short_blocks: None, monkeypatch: pytest.MonkeyPatch, steps: int
):
    monkeypatch.setattr(reindexing, "AT_ONCE", 4)
    put(store, [facts(f"c-{n:02}") for n in range(30)])
    left = steps

    class Killed(Exception): ...

    def step(job: Any) -> Any:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        result = store.write(job).result()
        some = dict(list(owed_facts(store).items())[:3])
        store.write(lambda conn: indexing.fill(conn, some)).result()
        return result

    with suppress(Killed):
        reindexing.anew(step)
    page = ask(store, Query())
    assert page.count + page.owed == 30
    left = -1
    reindexing.anew(step)
    while some := owed_facts(store):
        store.write(lambda conn, some=some: indexing.fill(conn, some)).result()
    assert set(found(store, Query(), limit=50)) == {f"c-{n:02}" for n in range(30)}


def test_an_erasure_waits_for_nobody_and_its_words_are_found_no_more(anywhere: Store, short_blocks: None):
    put(anywhere, [facts("c", words=told("лічильника")), facts("other", words=told("лічильника"))])
    anywhere.write(lambda conn: calls.recording_began(conn, "c", "a", NOW)).result()
    assert ask(anywhere, Query(words="лічильник")).count == 2
    begun, done = threading.Event(), threading.Event()

    def index(conn: Connection) -> None:
        marks.locked(conn)
        begun.set()
        assert done.wait(10)

    if anywhere.read(lambda conn: conn.dialect.name).result() == "postgresql":
        with Store.open(url_of(anywhere)) as console:  # its indexer is at work
            waiting = console.write(index)
            assert begun.wait(10)
            assert anywhere.write(lambda conn: calls.recording_erased(conn, "c", "asked for", NOW)).result(5)
            assert found(anywhere, Query(words="лічильник")) == ["other"]
            done.set()
            waiting.result()
    else:
        anywhere.write(lambda conn: calls.recording_erased(conn, "c", "asked for", NOW)).result()
    assert found(anywhere, Query(words="лічильник")) == ["other"]
    anywhere.write(lambda conn: indexing.fill(conn, owed_facts(anywhere))).result()
    assert found(anywhere, Query(words="лічильник")) == ["other"]
    assert ask(anywhere, Query()).count == 2


def test_many_calls_of_one_second_come_on_pages_each_once(store: Store, short_blocks: None):
    put(store, [facts(f"c-{n:02}", began=NOW + timedelta(microseconds=n)) for n in range(40)])
    put(store, [facts("older", began=NOW - timedelta(seconds=5))])
    seen, after = list[str](), None
    while True:
        page = ask(store, Query(), limit=3, after=after)
        seen += [each.call for each in page.calls]
        if (after := page.after) is None:
            break
    assert seen == [f"c-{n:02}" for n in reversed(range(40))] + ["older"]


def test_calls_that_come_meanwhile_do_not_move_what_is_on_later_pages(store: Store):
    put(store, [facts(f"c-{n}", began=NOW + timedelta(minutes=n)) for n in range(6)])
    first = ask(store, Query(), limit=3)
    put(store, [facts("new", began=NOW + timedelta(hours=1))])
    assert found(store, Query(), limit=3, after=first.after) == ["c-2", "c-1", "c-0"]


def test_who_may_not_see_personal_data_finds_nothing_by_it_and_gets_it_masked(store: Store):
    put(store, [facts("c-1", accounts=("1000000018",))])
    (it,) = ask(store, Query(), personal=False).calls
    assert (it.caller, it.accounts) == ("+38067*****67", ("10******18",))
    for query in (Query(number="4567"), Query(account="1000000018")):
        with pytest.raises(PersonalQuery):
            ask(store, query, personal=False)


@pytest.mark.parametrize("after", ["", "x", "1", "1.2.3", "-1.2", "1.2\n", "g.1", "1" * 40 + ".1"])
def test_a_cursor_of_somebody_elses_making_is_refused(store: Store, after: str):
    with pytest.raises(BadCursor):
        ask(store, Query(), after=after)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"number": "123"}, "number"),
        ({"account": "12"}, "account"),
        ({"words": "123 ..."}, "words"),
        ({"words": " ".join("абвгдежзик")}, "words"),
        ({"since": "2026-11-01T00:00:00"}, "since"),
        ({"since": "2026-11-02T00:00:00+00:00", "until": "2026-11-01T00:00:00+00:00"}, "until"),
        ({"shortest": 5, "longest": 4}, "longest"),
        ({"shortest": -1}, "shortest"),
        ({"outcomes": ["won"]}, "outcomes"),
        ({"outcomes": "informed"}, "outcomes"),
        ({"doubt": 1}, "doubt"),
        ({"drop": "table"}, "drop"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_not_passed_over(asked: dict[str, Any], field: str):
    with pytest.raises(BadQuery) as refused:
        queries.read(asked)
    assert refused.value.field == field


@given(query=QUERIES)
def test_a_query_goes_through_json_and_back(query: Query):
    assert queries.read(json.loads(json.dumps(queries.written(query)))) == query


@given(ns=st.sets(st.integers(0, 4095)))
def test_a_bitmap_comes_out_of_the_store_as_it_went_in(ns: set[int]):
    bits = sum(1 << n for n in ns)
    assert marks.unpacked(marks.packed(bits)) == bits
    assert list(marks.places(bits)) == sorted(ns)


@given(
    values=st.lists(st.integers(0, 255), min_size=1, max_size=40), bound=st.integers(0, 300), most=st.integers(1, 9)
)
def test_binary_digits_compare_as_numbers_do(values: list[int], bound: int, most: int):
    names = marks.slices("s", 8)
    sliced = [sum(1 << k for k, v in enumerate(values) if name in marks.digits("s", 8, v)) for name in names]
    everyone = (1 << len(values)) - 1
    more = set(marks.places(marks.at_least(bound, sliced, everyone)))
    assert more == {k for k, value in enumerate(values) if value >= bound}
    greatest = set(marks.places(marks.greatest(most, sliced, everyone)))
    least = sorted(values, reverse=True)[:most][-1]
    assert (
        {k for k, v in enumerate(values) if v > least} <= greatest <= {k for k, v in enumerate(values) if v >= least}
    )
    assert len(greatest) >= min(most, len(values))


def test_searches_are_ones_own_or_everybodys(store: Store):
    def write(job: Any) -> Any:
        return store.write(job).result()

    query = Query(words="світло", doubt=True)
    write(lambda conn: saved.keep(conn, "olena", "  без  світла ", query, NOW))
    write(lambda conn: saved.keep(conn, "olena", "усім", Query(), NOW, shared=True))
    mine, shared = store.read(lambda conn: saved.listed(conn, "olena", personal=True)).result()
    assert (mine.name, mine.query, mine.shared) == ("без світла", query, False)
    seen = store.read(lambda conn: saved.listed(conn, "petro", personal=True)).result()
    assert [each.name for each in seen] == ["усім"]
    assert store.read(lambda conn: saved.one(conn, mine.id, "petro", personal=True)).result() is None
    assert write(lambda conn: saved.remove(conn, shared.id, "petro")) is False
    write(lambda conn: saved.keep(conn, "olena", "усім", query, NOW))
    assert store.read(lambda conn: saved.listed(conn, "petro", personal=True)).result() == []
    assert write(lambda conn: saved.remove(conn, mine.id, "olena")) is True
    for name, why in (("", "empty"), ("x" * 81, "long")):
        with pytest.raises(saved.BadName) as refused:
            write(lambda conn, name=name: saved.keep(conn, "olena", name, query, NOW))
        assert refused.value.why == why
