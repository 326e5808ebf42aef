"""The desk that has transcripts made: callers first, nothing lost, nothing twice, and what staff see of it."""

import asyncio
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from domain import calls, transcripts
from domain.calls import Line
from domain.commands import RegisterRequest
from domain.handlers import perform
from domain.masking import HIDDEN
from domain.model import Began, Outcome, ReplyBy, RequestKind, Told, Topic
from domain.store import Store
from domain.tables import TranscriptState
from domain.topics import Urgency
from domain.transcription import Transcription, Word
from domain.transcripts import ATTEMPTS, Transcript
from ivr.__main__ import main
from ivr.ports import EngineFault, EngineUnusable
from ivr.service.beside import transcriber
from ivr.service.settings import load
from ivr.service.transcriber import ASIDE, LEASE, Desk
from ivr.speech.models import BUILT_IN
from ivr.speech.transcribe import Vosk
from tests.speech.test_transcribe import ROOT, fake_whisper, spoken

SECOND = timedelta(seconds=1)
LEAD = 2.0
"""Seconds of the recording before anything is told."""


class Engine:
    """Says what it is told to say, and remembers what it was given."""

    name = "vosk"
    languages = frozenset({"uk", "ru"})

    def __init__(self, *answers: str | Exception | Callable[[], str]) -> None:
        self.answers = list(answers)
        self.given: list[tuple[bytes, str]] = []

    def transcribe(self, audio: bytes, language: str) -> Transcription:
        self.given.append((audio, language))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        said = answer() if callable(answer) else answer
        return Transcription(tuple(Word(w, k + 0.5, k + 1.0, 0.9) for k, w in enumerate(said.split())), "a model")

    def stop(self) -> None:
        self.answers = [EngineFault("stopped")]


class World:
    """A data directory with calls in which something was told."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.store = Store.open(f"sqlite:///{data / 'hotline.db'}")
        self.now = datetime.now(UTC).replace(microsecond=0)

    def tell(self, call: str, sound: bytes = spoken("uk/n/5.fall", "uk/n/7.fall"), language: str = "uk") -> str:
        """A call that is over, with its sealed recording; the request's number."""
        began = self.now - timedelta(minutes=5)
        caller = np.concatenate([np.zeros(int(LEAD * 8000), "<i2"), np.frombuffer(sound, "<i2")])
        path = self.data / f"recordings/{call}.wav"
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as wav:
            wav.setparams((2, 2, 8000, 0, "NONE", "not compressed"))
            wav.writeframes(np.stack([caller, np.full_like(caller, 9)], 1).tobytes())
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        told = Told(began + LEAD * SECOND, began + len(caller) / 8000 * SECOND)
        request = RegisterRequest(RequestKind.COMPLAINT, Topic.OTHER, ReplyBy.PHONE, told=told)

        def job(conn) -> str:
            calls.begin(conn, Began(call, None, "100", began), "a")
            calls.append(conn, call, Line(0, began, "speak", f"speak({language})"))
            number = perform(conn, request, call=call, seq=1, at=began).number
            calls.end(conn, call, Outcome.REQUEST_REGISTERED, at=began + SECOND)
            facts = {"sha256": sha256, "seconds": 9.0, "bytes": 1, "at": began}
            calls.recording_sealed(conn, call, f"recordings/{call}.wav", **facts)
            return number

        return self.store.write(job).result()

    def desk(self, *engines, **how) -> Desk:
        return Desk(self.store, self.data, engines, lambda: self.now, **how)

    def all(self, **how: bool) -> list[Transcript]:
        return self.store.read(lambda conn: transcripts.latest(conn, 50, **how)).result()[::-1]

    @property
    def one(self) -> Transcript:
        [found] = self.all()
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_what_was_told_is_written_down_with_what_it_suggests(world: World):
    number = world.tell("c1")
    engine = Engine("щиток іскрить")
    assert world.desk(engine).one()
    assert not world.desk(engine).one()
    found = world.one
    assert (found.request, found.text, found.state) == (number, "щиток іскрить", TranscriptState.DONE)
    assert found.suggestion.urgency is Urgency.DANGER
    assert len(engine.given) == 1


def test_the_engine_gets_the_callers_side_of_that_part_and_a_little_around_it(world: World):
    sound = spoken("uk/n/5.fall")
    world.tell("c1", sound, language="ru")
    engine = Engine("п'ять")
    world.desk(engine).one()
    [(audio, language)] = engine.given
    assert language == "ru"
    assert audio == bytes(8000) + sound  # half a second before; after it the recording ends
    assert world.one.words[0].began == 0.0  # the engine's 0.5 s, from the beginning of what was told


def test_the_real_recogniser_hears_it(world: World):
    world.tell("c1", spoken("uk/n/5.fall", "uk/n/7.fall", "uk/n/2.fall", "uk/n/4.fall"))
    world.desk(Vosk(BUILT_IN)).one()
    assert [each.text for each in world.all(clear=True)] == ["п'ять сім два чотири"]
    assert [each.text for each in world.all()] == [" ".join([HIDDEN] * 4)]
    assert world.one.confidence is None


def test_each_engine_makes_its_own(world: World):
    world.tell("c1")
    other = Engine("так")
    other.name = "whisper"
    desk = world.desk(Engine("ні"), other)
    while desk.one():
        pass
    assert {each.engine: each.text for each in world.all()} == {"vosk": "ні", "whisper": "так"}


def test_what_failed_is_tried_again_and_given_up_in_the_end(world: World):
    world.tell("c1")
    engine = Engine(EngineFault("it crashed"))
    desk = world.desk(engine)
    for _ in range(ATTEMPTS):
        assert desk.one()
        world.now += timedelta(days=1)
    assert not desk.one()
    assert (world.one.state, world.one.error, len(engine.given)) == (TranscriptState.FAILED, "it crashed", ATTEMPTS)


def test_an_engine_that_cannot_be_used_is_laid_aside_and_what_it_owes_waits(
    world: World, caplog: pytest.LogCaptureFixture
):
    for k in range(3):
        world.tell(f"c{k}")
    world.tell("other", language="ru")
    engine = Engine(EngineUnusable("no model: get one"), "так", EngineUnusable("no model: get one"), "так")
    desk = world.desk(engine)
    assert desk.one()
    assert desk.one()
    assert not desk.one()
    assert [each.state for each in world.all()].count(TranscriptState.DONE) == 1  # the other language's
    assert {each.attempts for each in world.all() if each.state is TranscriptState.OWED} == {0}
    world.now += ASIDE
    assert desk.one()
    assert desk.one() is False
    world.now += ASIDE
    while desk.one():
        pass
    assert {each.state for each in world.all()} == {TranscriptState.DONE}
    assert caplog.text.count("no model: get one") == 1


def test_a_recording_that_is_not_what_was_sealed_is_given_up_with_a_message(world: World):
    world.tell("c1")
    (world.data / "recordings/c1.wav").write_bytes(b"something else")
    engine = Engine("так")
    world.desk(engine).one()
    assert world.one.state is TranscriptState.FAILED
    assert "not what was sealed" in world.one.error
    assert engine.given == []


def test_nothing_is_begun_while_many_calls_go_on(world: World):
    for k in range(3):
        began = Began(f"now{k}", None, "100", world.now - SECOND)
        world.store.write(lambda conn, b=began: calls.begin(conn, b, "a")).result()
    assert world.desk(Engine("так"), many=3).busy()
    assert not world.desk(Engine("так"), many=4).busy()
    world.now += timedelta(hours=4)  # calls don't last so long: nobody noted their end
    assert not world.desk(Engine("так"), many=3).busy()


def test_it_goes_on_until_it_is_stopped(world: World):
    world.tell("c1")
    world.tell("c2")
    desks: list[Desk] = []

    def last() -> str:
        desks[0].stop()
        return "так"

    desks.append(world.desk(Engine("ні", last)))
    desks[0].run()
    assert [each.text for each in world.all()] == ["ні", "так"]


def test_while_it_works_the_lease_is_renewed(world: World):
    world.tell("c1")
    seen: list[datetime] = []
    lease = timedelta(seconds=0.3)

    def slowly() -> str:
        seen.append(world.one.next_at)
        world.now += timedelta(seconds=30)
        while world.one.next_at == seen[0]:
            time.sleep(0.01)
        return "так"

    world.desk(Engine(slowly), lease=lease).one()
    assert world.one.text == "так"


def test_one_that_is_stopped_in_its_work_gives_it_back_at_once(world: World):
    world.tell("c1")
    desks: list[Desk] = []

    def interrupted() -> str:
        desks[0].stop()
        raise EngineFault("it was ended")

    desks.append(world.desk(Engine(interrupted)))
    desks[0].run()
    assert (world.one.state, world.one.attempts) == (TranscriptState.OWED, 0)
    assert world.desk(Engine("так")).one()


# The process


def start(world: World, *more: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ivr", "transcribe", "--data", str(world.data), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=world.data,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{world.data}", **environment},
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read its log until it says that."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


@pytest.fixture
def slow(world: World) -> str:
    """A Whisper that says that it works, and never ends."""
    model = fake_whisper(world.data, "import sys, time, os\nopen('at_work', 'w').close()\ntime.sleep(600)")
    return str(model)


def until_at_work(world: World, process: subprocess.Popen[str]) -> None:
    while not (world.data / "at_work").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_once_writes_down_what_is_due_and_ends(world: World):
    world.tell("c1")
    done = start(world, "--once")
    out, err = done.communicate(timeout=120)
    assert (done.returncode, out) == (0, "1 transcripts were worked on\n"), err
    assert world.one.state is TranscriptState.DONE


def test_killed_in_the_middle_it_loses_nothing_and_nothing_is_there_twice(world: World, slow: str):
    world.tell("c1")
    process = start(world, IVR_WHISPER_MODEL=slow)
    until_at_work(world, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()  # comes back when the engine, which holds the pipe as well, is gone too
    assert {each.engine: each.state for each in world.all()} == {
        "vosk": TranscriptState.DONE,
        "whisper": TranscriptState.WORKING,
    }
    other = Engine("так")
    other.name = "whisper"
    world.now = datetime.now(UTC)
    assert not world.desk(other).one()  # it is another's, until the lease ends
    world.now += LEASE
    assert world.desk(other).one()
    assert not world.desk(other).one()
    assert [(each.engine, each.attempts, each.state) for each in world.all()] == [
        ("vosk", 1, TranscriptState.DONE),
        ("whisper", 2, TranscriptState.DONE),
    ]


def test_asked_to_end_it_ends_at_once_and_gives_back_its_work(world: World, slow: str):
    world.tell("c1")
    process = start(world, IVR_WHISPER_MODEL=slow)
    until_at_work(world, process)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 10
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [(each.state, each.attempts) for each in world.all() if each.engine == "whisper"] == [
        (TranscriptState.OWED, 0)
    ]


@pytest.mark.parametrize("many", range(3))
def test_asked_to_end_while_it_starts_or_waits_it_ends(world: World, many: int):
    """At any moment: what it does then differs from machine to machine, that it ends does not."""
    first = start(world)
    second = start(world)  # waits for the first
    while not _held(world.data / "transcriber.lock"):
        time.sleep(0.02)
    time.sleep(many * 0.3)
    for process in (second, first):
        process.send_signal(signal.SIGTERM)
    for process in (first, second):
        process.communicate(timeout=60)


def test_switched_off_it_says_so(world: World):
    process = start(world, "--once", IVR_TRANSCRIPTS="false")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "transcripts = true" in err


def test_a_hotline_has_it_beside_itself_and_takes_it_along(world: World):
    lock = world.data / "transcriber.lock"

    async def live() -> None:
        async with transcriber(load(data=world.data)):
            while not _held(lock):  # noqa: ASYNC110  a lock of another process is no event
                await asyncio.sleep(0.05)
        assert not _held(lock)
        async with transcriber(load(data=world.data, transcripts=False)):
            assert not [task for task in asyncio.all_tasks() if task.get_name() == "transcriber"]

    asyncio.run(live())


def _held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


# Staff


@pytest.fixture
def ivr(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(world.data)
    return lambda *arguments: CliRunner().invoke(main, ["transcripts", *arguments, "--data", str(world.data)])


def test_staff_see_personal_data_masked_unless_they_ask_for_it_in_clear(world: World, ivr):
    number = world.tell("c1")
    world.desk(Engine("рахунок один два три чотири іскрить")).one()
    for command in (("list",), ("show", number), ("show", "1")):
        shown = ivr(*command)
        assert shown.exit_code == 0
        assert "іскрить" in shown.output
        assert "чотири" not in shown.output
    clear = ivr("show", number, "--clear").output
    assert "рахунок один два три чотири" in clear
    assert "urgency: danger, for “іскрить”" in clear
    assert "a person decides" in clear


def test_staff_see_why_one_failed_and_can_ask_for_it_again(world: World, ivr):
    number = world.tell("c1")
    (world.data / "recordings/c1.wav").unlink()
    world.desk(Engine("так")).one()
    assert "not in the archive" in ivr("list", "--state", "failed").output
    assert "not in the archive" in ivr("show", number).output
    assert ivr("again", "1").exit_code == 0
    assert world.one.state is TranscriptState.OWED
    assert "1 wait to be written down" in ivr("list").output


def test_what_is_not_there_is_said_not_to_be(ivr):
    assert "no transcript" in ivr("show", "12345678").output
    assert ivr("again", "7").exit_code == 2
