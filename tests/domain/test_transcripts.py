"""Transcripts: owed once for what was told and sealed, worked on by one at a time, done once, given up in the end."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from domain import calls, transcripts
from domain.calls import Line
from domain.commands import KeepDraft, RegisterRequest
from domain.handlers import perform
from domain.masking import HIDDEN, Personal
from domain.model import Language, ReplyBy, RequestKind, Told, Topic
from domain.store import Store
from domain.tables import TranscriptState
from domain.tables import transcripts as table
from domain.topics import Flag, Urgency, suggest
from domain.transcription import Transcription, Word
from domain.transcripts import ATTEMPTS, Work
from tests.domain.conftest import NOW, Run

SECOND = timedelta(seconds=1)
TOLD = Told(NOW + 30 * SECOND, NOW + 50 * SECOND)
LATER = NOW + timedelta(minutes=10)
LEASE = timedelta(minutes=5)
ALL = ("uk", "ru")
WORDS = (Word("немає", 0.5, 0.9, 0.9), Word("світла", 1.0, 1.4, 0.6), Word("іскрить", 1.5, 2.0, 0.8))


def say(run: Run, *lines: tuple[str, str]) -> None:
    for seq, (label, asked) in enumerate(lines):
        run(lambda conn, s=seq, a=label, b=asked: calls.append(conn, "c1", Line(s, NOW + s * SECOND, a, b)))


def register(run: Run, told: Told | None = TOLD, seq: int = 7) -> str:
    command = RegisterRequest(RequestKind.COMPLAINT, Topic.OTHER, ReplyBy.PHONE, told=told)
    return run(lambda conn: perform(conn, command, call="c1", seq=seq, at=NOW)).number


def seal(run: Run) -> None:
    facts = {"sha256": "0" * 64, "seconds": 60.0, "bytes": 1_920_044, "at": LATER}
    run(lambda conn: calls.recording_sealed(conn, "c1", "recordings/c1.wav", **facts))


def owe(run: Run, engine: str = "vosk", languages: tuple[str, ...] = ALL, now: datetime = LATER) -> int:
    def job(conn) -> int:
        return transcripts.owe(conn, engine, transcripts.unwritten(conn, engine, languages, now), now)

    return run(job)


def take(run: Run, now: datetime = LATER, engines: tuple[str, ...] = ("vosk",)) -> Work | None:
    return run(lambda conn: transcripts.take(conn, dict.fromkeys(engines, ("uk", "ru", "en")), now, LEASE))


def finish(run: Run, work: Work, words: tuple[Word, ...] = WORDS, now: datetime = LATER) -> bool:
    made = Transcription(words, "a model", "a remark")
    return run(lambda conn: transcripts.finish(conn, work, made, transcripts.suggested(made), now))


def fail(run: Run, work: Work, now: datetime = LATER, **how: bool) -> bool:
    return run(lambda conn: transcripts.fail(conn, work, "it went wrong", now, **how))


@pytest.fixture
def owed(run: Run) -> Run:
    """A request was told in the call "c1", the recording is sealed, and a transcript is owed."""
    register(run)
    seal(run)
    assert owe(run) == 1
    return run


# Owing


def test_what_was_told_and_sealed_is_owed_once(run: Run):
    register(run)
    assert owe(run) == 0  # not sealed yet
    seal(run)
    assert owe(run) == 1
    assert owe(run) == 0


def test_a_draft_is_owed_one_too(run: Run):
    command = KeepDraft(RequestKind.COMPLAINT, Topic.OTHER, TOLD, "+380440000001")
    run(lambda conn: perform(conn, command, call="c1", seq=7, at=NOW))
    seal(run)
    assert owe(run) == 1


def test_what_was_keyed_only_is_not_owed_any(run: Run):
    register(run, told=None)
    seal(run)
    assert owe(run) == 0


def test_an_erased_recording_is_not_written_down(run: Run):
    register(run)
    run(lambda conn: calls.recording_erased(conn, "c1", "asked for", LATER))
    assert owe(run) == 0


def test_each_engine_owes_one(owed: Run):
    assert owe(owed, "whisper") == 1
    assert owe(owed, "whisper") == 0
    assert take(owed, engines=("whisper",)).engine == "whisper"
    assert take(owed, engines=("whisper",)) is None
    assert take(owed, engines=("vosk", "whisper")).engine == "vosk"


def test_two_processes_that_look_at_one_time_owe_one_together(run: Run):
    register(run)
    seal(run)
    seen = run(lambda conn: transcripts.unwritten(conn, "vosk", ALL, LATER))
    assert [run(lambda conn: transcripts.owe(conn, "vosk", seen, LATER)) for _ in range(2)] == [1, 0]


def test_what_was_told_long_ago_is_left_alone(run: Run):
    register(run)
    seal(run)
    assert owe(run, now=NOW + transcripts.LOOK_BACK + timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("lines", "language"),
    [
        ([("speak", "speak(uk)"), ("speak", "speak(ru)")], Language.RU),
        ([("speak", "speak(ru)"), ("menu", "menu")], Language.RU),
        ([("speak", "speak(tlh)")], Language.UK),
        ([], Language.UK),
    ],
)
def test_the_language_is_that_of_the_call_at_that_moment(run: Run, lines: list[tuple[str, str]], language: Language):
    say(run, *lines)
    late = Line(len(lines), NOW + 55 * SECOND, "speak", "speak(en)")  # after it was told
    run(lambda conn: calls.append(conn, "c1", late))
    register(run)
    seal(run)
    assert owe(run) == 1
    assert take(run).language is language


def test_what_an_engine_does_not_understand_waits_until_it_does(run: Run):
    say(run, ("speak", "speak(en)"))
    register(run)
    seal(run)
    assert owe(run) == 0
    assert owe(run, languages=("uk", "en")) == 1


# Working


def test_work_says_where_the_sound_is(owed: Run):
    work = take(owed)
    assert (work.call, work.told, work.engine, work.attempt) == ("c1", TOLD, "vosk", 1)
    assert (work.path, work.began, work.sha256, work.state) == ("recordings/c1.wav", NOW, "0" * 64, "sealed")


def test_nobody_else_gets_it_during_the_lease(owed: Run):
    assert take(owed) is not None
    assert take(owed, LATER + LEASE - SECOND) is None


def test_who_died_is_replaced_when_the_lease_ends_and_writes_nothing_later(owed: Run):
    dead = take(owed)
    alive = take(owed, LATER + LEASE)
    assert (alive.id, alive.attempt) == (dead.id, 2)
    assert not finish(owed, dead, WORDS[:1])
    assert finish(owed, alive)
    assert not finish(owed, alive, WORDS[:1])  # once
    [kept] = owed(lambda conn: transcripts.of_call(conn, "c1"))
    assert kept.text == "немає світла іскрить"


def test_who_goes_on_keeps_it(owed: Run):
    work = take(owed)
    assert owed(lambda conn: transcripts.hold(conn, work, LATER + 2 * LEASE))
    assert take(owed, LATER + LEASE) is None
    other = take(owed, LATER + 2 * LEASE)
    assert not owed(lambda conn: transcripts.hold(conn, work, LATER + 9 * LEASE))
    assert finish(owed, other)


def test_only_what_is_wanted_is_taken(run: Run):
    say(run, ("speak", "speak(ru)"))
    register(run)
    seal(run)
    owe(run)
    assert run(lambda conn: transcripts.take(conn, {"vosk": ("uk", "en")}, LATER, LEASE)) is None
    assert run(lambda conn: transcripts.take(conn, {"vosk": ("ru",)}, LATER, LEASE)) is not None


def test_what_failed_is_tried_again_later_and_later(owed: Run):
    now, pauses = LATER, []
    for _ in range(ATTEMPTS - 1):
        assert fail(owed, take(owed, now), now)
        kept = owed(lambda conn: transcripts.of_call(conn, "c1"))[0]
        assert (kept.state, kept.error) == (TranscriptState.OWED, "it went wrong")
        assert take(owed, kept.next_at - SECOND) is None
        pauses.append(kept.next_at - now)
        now = kept.next_at
    assert all(pause >= transcripts.FIRST_PAUSE / 2 for pause in pauses)
    assert pauses[-1] > 5 * pauses[0]


def test_the_last_failure_gives_it_up_with_its_message_until_somebody_asks_again(owed: Run):
    now = LATER
    for _ in range(ATTEMPTS):
        fail(owed, take(owed, now), now)
        now += timedelta(days=1)
    kept = owed(lambda conn: transcripts.of_call(conn, "c1"))[0]
    assert (kept.state, kept.error, kept.next_at) == (TranscriptState.FAILED, "it went wrong", None)
    assert take(owed, now) is None
    assert owe(owed, now=now) == 0
    assert owed(lambda conn: transcripts.again(conn, kept.id, now))
    assert take(owed, now).attempt == 1


def test_one_that_kills_every_process_is_given_up(owed: Run):
    now = LATER
    for _ in range(ATTEMPTS):
        assert take(owed, now) is not None
        now += LEASE
    assert take(owed, now) is None
    kept = owed(lambda conn: transcripts.of_call(conn, "c1"))[0]
    assert kept.state is TranscriptState.FAILED
    assert "in the middle" in kept.error


def test_what_no_attempt_can_mend_is_given_up_at_once(owed: Run):
    fail(owed, take(owed), for_good=True)
    assert owed(lambda conn: transcripts.of_call(conn, "c1"))[0].state is TranscriptState.FAILED


def test_what_was_given_back_is_as_it_was(owed: Run):
    work = take(owed)
    assert owed(lambda conn: transcripts.give_back(conn, work, LATER))
    assert not owed(lambda conn: transcripts.give_back(conn, work, LATER))  # it isn't taken any more
    assert take(owed).attempt == 1


def test_when_a_recording_is_erased_so_is_its_transcript_even_one_in_the_making(owed: Run):
    work = take(owed)
    owed(lambda conn: calls.recording_erased(conn, "c1", "the customer asked", LATER))
    assert not finish(owed, work)
    assert owed(lambda conn: conn.execute(select(table)).all()) == []
    assert owe(owed) == 0


def test_how_many_wait_and_since_when_is_known(owed: Run):
    assert owed(transcripts.waiting) == (1, LATER)
    finish(owed, take(owed))
    assert owed(transcripts.waiting) == (0, None)


def test_calls_that_go_on_are_counted_but_not_those_lost_long_ago(run: Run):
    assert run(lambda conn: transcripts.in_progress(conn, NOW)) == 1
    assert run(lambda conn: transcripts.in_progress(conn, NOW + SECOND)) == 0


# Reading


def test_a_transcript_says_what_it_is_worth_and_what_it_suggests(owed: Run):
    assert finish(owed, take(owed))
    [kept] = owed(lambda conn: transcripts.of_call(conn, "c1"))
    assert kept.confidence == pytest.approx((0.9 + 0.6 + 0.8) / 3)
    assert [word.sure for word in kept.words] == [True, False, True]
    assert (kept.model, kept.remark, kept.state) == ("a model", "a remark", TranscriptState.DONE)
    assert (kept.suggestion.topic, kept.suggestion.urgency) == (Topic.INTERRUPTIONS, Urgency.DANGER)
    assert kept.suggestion == suggest([word.text for word in WORDS])


def test_it_is_found_by_the_number_of_its_request(run: Run):
    number = register(run)
    seal(run)
    owe(run)
    finish(run, take(run))
    [kept] = run(lambda conn: transcripts.of_request(conn, number))
    assert kept.request == number
    assert run(lambda conn: transcripts.one(conn, kept.id)) == kept
    assert run(lambda conn: transcripts.latest(conn, 5)) == [kept]
    assert run(lambda conn: transcripts.latest(conn, 5, state=TranscriptState.FAILED)) == []
    assert run(lambda conn: transcripts.one(conn, 99)) is None


def test_personal_data_is_shown_only_in_clear(owed: Run):
    said = ["рахунок", "один", "нуль", "п'ять", "сім", "сука"]
    finish(owed, take(owed), tuple(Word(text, k, k + 0.5, 0.9) for k, text in enumerate(said)))
    [hidden] = owed(lambda conn: transcripts.of_call(conn, "c1"))
    [clear] = owed(lambda conn: transcripts.of_call(conn, "c1", clear=True))
    assert hidden.text == f"рахунок {HIDDEN} {HIDDEN} {HIDDEN} {HIDDEN} сука"
    assert clear.text == " ".join(said)
    assert [word.began for word in hidden.words] == [word.began for word in clear.words]
    assert hidden.suggestion.flags == {Flag.PROFANITY}


def test_times_of_personal_data_are_known_for_masking_sound():
    said = ["рахунок", "один", "нуль", "п'ять", "сім", "звати", "Іван"]
    words = [Word(text, k, k + 0.5) for k, text in enumerate(said)]
    assert transcripts.personal_times(words) == [(1, 4.5, Personal.NUMBER), (6, 6.5, Personal.NAME)]


def test_silence_is_a_transcript_too(owed: Run):
    assert finish(owed, take(owed), ())
    [kept] = owed(lambda conn: transcripts.of_call(conn, "c1"))
    assert (kept.text, kept.confidence, kept.state) == ("", None, TranscriptState.DONE)
    assert kept.suggestion.topic is None


def test_nothing_is_made_of_words_that_were_hardly_heard(owed: Run):
    words = (Word("іскрить", 0, 1, 0.9), Word("сука", 1, 2, 0.1), Word("світла", 2, 3, None), Word("нема", 3, 4, 0.5))
    finish(owed, take(owed), words)
    [kept] = owed(lambda conn: transcripts.of_call(conn, "c1"))
    assert (kept.suggestion.urgency, kept.suggestion.topic, kept.suggestion.flags) == (Urgency.DANGER, None, set())
    assert [reason.words for reason in kept.suggestion.reasons] == [(0,)]


def test_a_store_without_any_answers_too(store: Store):
    wanted = {"vosk": ("uk",), "whisper": ()}
    assert store.write(lambda conn: transcripts.take(conn, wanted, NOW, LEASE)).result() is None
    assert store.write(lambda conn: transcripts.take(conn, {}, NOW, LEASE)).result() is None
