"""The indexer: what happened in real conversations is found, and nothing is forgotten, whoever is killed when."""

import asyncio
from datetime import timedelta

import pytest

from domain import calls, debts, quality, transcripts
from domain.calls import Line
from domain.findings import Query, one, search
from domain.model import Began, Language, Outcome, Told
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
    call = world.call()
    world.write(lambda conn: calls.recording_sealed(conn, call, "a", sha256="0", seconds=60.0, bytes=1, at=NOW))
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
    world.write(lambda conn: calls.go_on(conn, call, "test"))
    world.write(lambda conn: debts.owe(conn, call, NOW))
    index()  # it goes on: nothing is changed, and nothing is owed
    assert world.read(debts.count) == 0
    world.write(lambda conn: calls.append(conn, call, Line(0, NOW, "goodbye", "goodbye")))
    world.write(lambda conn: calls.end(conn, call, Outcome.CALLBACK_ORDERED, at=NOW + timedelta(minutes=5)))
    index()
    it = world.read(lambda conn: one(conn, call))
    assert (it.outcome, it.seconds) == (Outcome.CALLBACK_ORDERED, 300)
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
