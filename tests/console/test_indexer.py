"""The indexer: what happened in real conversations is found, and nothing is forgotten, whoever is killed when."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain import calls, debts, indexing, marks, moments, quality, reindexing, tallies, transcripts
from domain.calls import Line
from domain.findings import Query, one, search
from domain.model import Began, Language, Outcome, RequestKind, Told, Topic
from domain.moments import Kind, Moment
from domain.store import StoreFull
from domain.tables import RecordingState
from domain.transcription import Transcription, Word
from ivr.console import indexer as module
from ivr.console.indexer import Indexer
from ivr.console.turns import Turns
from tests.demo_store import NOW


@pytest.fixture
def index(world):
    """Index what is owed; how many calls were."""
    return lambda: asyncio.run(Indexer(world.store, Turns(world.store)).once())


def found(world, query, **how):
    return [each.call for each in world.read(lambda conn: search(conn, query, **{"personal": True, **how})).calls]


def told(world, call, *texts, at=NOW):
    """As if this had been told in the call, and written down."""
    part = transcripts.Part(call, Told(at, at + timedelta(seconds=30)), Language.UK)
    words = Transcription(tuple(Word(text, k * 0.5, k * 0.5 + 0.4, 0.9) for k, text in enumerate(texts)), "test")
    world.write(lambda conn: transcripts.owe(conn, "vosk", [part], at))
    work = world.write(lambda conn: transcripts.take(conn, {"vosk": ["uk"]}, at, timedelta(minutes=5)))
    assert world.write(
        lambda conn: transcripts.finish(conn, work, words, transcripts.suggested(words), at + timedelta(minutes=1))
    )


def test_a_call_that_ended_is_found_and_one_that_goes_on_is_not(world, index):
    ended = world.call(outcome=Outcome.INFORMED, seconds=75)
    world.call(outcome=None)
    assert found(world, Query()) == []
    assert index() == 1
    assert found(world, Query()) == [ended]
    assert found(world, Query(shortest=75, longest=75, outcomes=frozenset({Outcome.INFORMED}))) == [ended]
    assert index() == 0


def test_what_was_said_in_the_conversation_is_what_it_is_found_by(world, index):
    call = world.call(
        ("choose", "RecogniseCaller(number='+380671234567')", None),
        ("speak", "speak(ru)", None),
        ("FindAccount", "FindAccount(number='1000000018')", None),
        ("SubmitReading", "SubmitReading(account='1000000018', meter='0100001', zone=single, value=1)", None),
    )
    index()
    (it,) = world.read(lambda conn: search(conn, Query(account="1000000018"), personal=True)).calls
    assert (it.call, it.accounts, it.caller) == (call, ("1000000018",), "+380671234567")
    assert found(world, Query(number="4567")) == found(world, Query(number="(067) 123 45 67")) == [call]


def test_words_are_found_in_any_form_once_they_were_written_down(world, index):
    call = world.call()
    index()
    told(world, call, "немає", "нового", "лічильника", "на", "вулиці", "Шевченка", "рахунок", "1000000018")
    assert found(world, Query(words="лічильник")) == []
    assert index() == 1
    for words in ("лічильник", "Лічильники", "новий лічильник", "нова"):
        assert found(world, Query(words=words)) == [call], words
    assert found(world, Query(words="лічильник старий")) == []
    assert found(world, Query(told=True)) == [call]


def said(world, call, *answers):
    """As if the caller had answered so, and it had been recognised."""
    happened = [
        Moment(n, NOW + timedelta(seconds=2 * n + 2), Kind.UTTERANCE, {"alternatives": [{
            "words": text, "confidence": 0.9,
            "each": [[word, k * 0.3 - 1.5, k * 0.3 - 1.3, 0.9] for k, word in enumerate(text.split())],
        }]})
        for n, text in enumerate(answers)
    ]  # fmt: skip
    world.write(lambda conn: moments.append(conn, call, happened))


def test_what_a_caller_answered_is_found_in_any_form_like_what_they_told(world, index):
    call = world.call()
    said(world, call, "у мене скарга", "на нарахування")
    world.call()
    index()
    for words in ("скарга", "скаргу", "нарахування скарги"):
        assert found(world, Query(words=words)) == found(world, Query(words=words), personal=False) == [call], words
    assert found(world, Query(told=True)) == []  # in own words nothing was


def test_of_answers_names_are_found_only_by_who_may_see_them_and_numbers_however_short_by_nobody(world, index):
    call = world.call()
    said(world, call, "мене звати Петренко", "рахунок 1000 0018", "один нуль", "нуль п'ять", "двадцять", "5 7")
    index()
    assert found(world, Query(words="Петренко")) == [call]
    assert found(world, Query(words="Петренко"), personal=False) == []
    assert found(world, Query(words="рахунок"), personal=False) == [call]
    for digits in ("один", "нуль", "п'ять", "двадцять"):
        for personal in (True, False):
            assert found(world, Query(words=digits), personal=personal) == [], digits
    kept = world.read(lambda conn: conn.exec_driver_sql("SELECT marks FROM findings").scalar_one()).split()
    assert sorted(mark for mark in kept if mark[0] in "wp" and any(map(str.isdecimal, mark))) == []


def sealed(world):
    """A call with its recording."""
    call = world.call()
    world.write(lambda conn: calls.recording_sealed(conn, call, "a", sha256="0", seconds=60.0, bytes=1, at=NOW))
    return call


def test_with_an_erased_recording_what_was_answered_is_forgotten_for_good(world, index):
    call = sealed(world)
    said(world, call, "скарга")
    index()
    assert found(world, Query(words="скарга")) == [call]
    assert world.write(lambda conn: calls.recording_erased(conn, call, "asked for", NOW))
    assert found(world, Query(words="скарга")) == []
    index()
    assert found(world, Query(words="скарга")) == []
    reindexing.anew(world.write)
    index()
    assert found(world, Query(words="скарга")) == []
    assert found(world, Query()) == [call]


def test_a_call_is_found_by_what_it_was_about(world, index):
    nothing = world.call()
    reading = world.call(("SubmitReading", "meter_reading", None), at=NOW + timedelta(minutes=1))
    facts = {}

    def job(conn):
        for debt, each in module.facts(conn, debts.owed(conn, 10)).items():
            matter, stored = "none", each.stored
            if debt.call == reading:
                matter = "complaint"
                stored = replace(stored, request_kind=RequestKind.COMPLAINT, topic=Topic.BILLING)
            facts[debt] = replace(each, matter=matter, stored=stored)
        return module.indexing.fill(conn, facts)

    assert world.write(job) == 2
    assert found(world, Query(about=frozenset({"none"}))) == [nothing]
    assert found(world, Query(about=frozenset({"complaint"}))) == found(world, Query(about=frozenset({"billing"})))
    assert found(world, Query(about=frozenset({"billing", "none"}))) == [reading, nothing]
    assert found(world, Query(about=frozenset({"metering"}))) == []
    it = world.read(lambda conn: one(conn, reading))
    assert (it.matter, it.request_kind, it.topic) == ("complaint", RequestKind.COMPLAINT, Topic.BILLING)


def test_what_is_masked_is_found_only_by_who_may_see_it_and_numbers_by_nobody(world, index):
    call = world.call()
    told(world, call, "мене", "звати", "Петренко", "рахунок", "один", "нуль", "нуль", "нуль", "п'ять", "сім")
    index()
    assert found(world, Query(words="Петренко")) == [call]
    assert found(world, Query(words="Петренко"), personal=False) == []
    assert found(world, Query(words="рахунок"), personal=False) == [call]
    for digit in ("нуль", "п'ять", "один"):
        assert found(world, Query(words=digit)) == found(world, Query(words=digit), personal=False) == []


def test_with_an_erased_recording_its_words_leave_the_index_at_once(world, index):
    call = sealed(world)
    told(world, call, "лічильник")
    index()
    assert found(world, Query(words="лічильник")) == [call]
    assert world.write(lambda conn: calls.recording_erased(conn, call, "asked for", NOW))
    assert found(world, Query(words="лічильник")) == []  # before anybody indexes anything
    index()
    assert found(world, Query(words="лічильник")) == []
    assert found(world, Query(recording=frozenset({RecordingState.ERASED}))) == [call]
    assert found(world, Query(recording=frozenset({RecordingState.SEALED}))) == []


def test_words_that_were_gathered_before_an_erasure_are_not_written_after_it(world):
    call = world.call()
    told(world, call, "лічильник")
    owed = world.read(lambda conn: debts.owed(conn, 10))
    gathered = world.read(lambda conn: module.facts(conn, owed))
    world.write(lambda conn: calls.recording_erased(conn, call, "asked for", NOW))
    assert world.write(lambda conn: module.indexing.fill(conn, gathered)) == 0
    assert found(world, Query(words="лічильник")) == []
    assert world.read(debts.count) == 1


def test_a_call_that_people_gave_back_is_found_as_it_ended_in_the_end(world, index):
    call = world.call(outcome=Outcome.TRANSFERRED)
    index()
    assert world.read(lambda conn: tallies.is_counted(conn, call))
    world.write(lambda conn: calls.go_on(conn, call, "test", NOW))
    index()
    assert world.read(debts.count) == 0
    assert found(world, Query()) == [], "it goes on, and has not ended"
    assert world.read(lambda conn: one(conn, call)) is None
    assert world.read(lambda conn: marks.load(conn, [indexing.ALL])) == {indexing.ALL: {}}
    assert not world.read(lambda conn: tallies.is_counted(conn, call))
    world.write(lambda conn: calls.append(conn, call, Line(0, NOW, "goodbye", "goodbye")))
    world.write(lambda conn: calls.end(conn, call, Outcome.CALLBACK_ORDERED, at=NOW + timedelta(minutes=5)))
    index()
    it = world.read(lambda conn: one(conn, call))
    assert (it.outcome, it.seconds) == (Outcome.CALLBACK_ORDERED, 300)
    assert world.read(lambda conn: tallies.is_counted(conn, call))
    assert found(world, Query(outcomes=frozenset({Outcome.TRANSFERRED}))) == []


def test_notes_and_scores_are_found_too(world, index):
    call = world.call()
    index()
    note = world.write(lambda conn: quality.note(conn, call, None, "ввічливо пояснив про тарифи", by="olena", at=NOW))
    index()
    assert found(world, Query(noted=True)) == found(world, Query(words="тариф")) == [call]
    world.write(lambda conn: quality.take_back(conn, note.id, 1, by="olena", at=NOW))
    index()
    assert found(world, Query(noted=True)) == found(world, Query(words="тариф")) == []


def test_a_call_that_cannot_be_told_is_found_by_its_row(world, index, monkeypatch, caplog):
    call = world.call()

    def broken(*_):
        raise KeyError("of a later version")

    monkeypatch.setattr(module, "story", broken)
    assert index() == 1
    assert found(world, Query(flows=frozenset({module.UNKNOWN}))) == [call]
    assert "can't be told" in caplog.text


@pytest.mark.parametrize("where", ["tally_of", "count"])
def test_a_call_that_cannot_be_counted_keeps_no_other_from_being_found(world, index, monkeypatch, caplog, where):
    several = [world.call(at=NOW + timedelta(minutes=n)) for n in range(4)]
    module_ = module if where == "tally_of" else tallies
    whole = getattr(module_, where)

    def broken(*given):
        if several[2] in (given[1:2] or (given[0].call.began.call,)):
            raise ValueError("odd")
        return whole(*given)

    monkeypatch.setattr(module_, where, broken)
    assert index() == 4
    assert index() == 0
    assert found(world, Query()) == several[::-1]
    counted = [world.read(lambda conn, call=call: tallies.is_counted(conn, call)) for call in several]
    assert counted == [True, True, False, True]
    assert caplog.text.count("can't be counted") == 1


def test_while_the_store_fails_a_call_stays_owed(world, index, monkeypatch):
    world.call()

    def full(*_):
        raise StoreFull("no room")

    with monkeypatch.context() as broken:
        broken.setattr(tallies, "count", full)
        with pytest.raises(StoreFull):
            index()
    assert world.read(debts.count) == 1
    assert index() == 1


def test_more_than_one_look_holds_is_indexed_in_several(world, index, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 3)
    monkeypatch.setattr(module, "LONGEST_REST", 0.0)
    several = [world.call(at=NOW + timedelta(minutes=n)) for n in range(10)]
    assert index() == 10
    assert found(world, Query()) == several[::-1]


def test_who_is_killed_between_looks_has_lost_nothing(world, index):
    """What was indexed and what is owed is one transaction; a second indexer goes on where the first was."""
    call = world.call()

    def killed(conn):
        module.indexing.fill(conn, module.facts(conn, debts.owed(conn, 10)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.write(killed)
    assert found(world, Query()) == []
    assert index() == 1
    assert found(world, Query()) == [call]


def test_it_runs_until_it_is_cancelled_and_sees_what_comes(world, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.01)

    async def go():
        task = asyncio.create_task(Indexer(world.store, Turns(world.store)).run())
        for n in range(2):
            call = world.call(id=f"call-{n}")
            async with asyncio.timeout(10):
                while call not in found(world, Query()):  # noqa: ASYNC110  the index tells nobody when it is ready
                    await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())


def test_unfinished_calls_are_dropped_from_what_is_owed(world, index):
    world.write(lambda conn: calls.begin(conn, Began("c9", None, "100", NOW), "test"))
    world.write(lambda conn: debts.owe(conn, "c9", NOW))
    assert index() == 1
    assert world.read(debts.count) == 0
    assert found(world, Query()) == []
