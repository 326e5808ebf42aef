"""What calls are found by; the search, compared with going through all calls one by one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, insert, select

from domain import calls, debts, findings, indexing, marks, queries, quality, transcripts
from domain.debts import Debt
from domain.findings import BadCursor, BadQuery, Found, PersonalQuery, Query, search
from domain.indexing import Facts, Stored, Words
from domain.model import Began, Language, Outcome, Told
from domain.store import Store
from domain.tables import RecordingState
from domain.tables import calls as calls_table
from domain.tables import findings as findings_table
from domain.tables import marks as marks_table
from domain.topics import lemmas
from domain.transcription import Transcription, Word

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
    for module in (marks, indexing, findings):
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
    import shutil

    path = tmp_path_factory.mktemp("findings") / "hotline.db"
    shutil.copy(empty, path)
    with Store.open(f"sqlite:///{path}") as store:
        half = len(several) // 2
        put(store, several[:half])
        put(store, several[half:])
        for query in asked:
            names = [name for name in queries.written(query)]
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
