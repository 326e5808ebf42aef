"""Real worker processes: what they hear over AudioSocket, and what calls hear when a worker is lost."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from ivr.ports import Deaf, Listening, Pause, Utterance, Voice
from ivr.speech import process, workers
from ivr.speech.audiosocket import AUDIO, HANGUP, ID, frame
from ivr.speech.workers import Workers
from tests.speech.hearing import DIGITS, MODEL, YES_NO, frames, joined, silence, spoken

BOTH = {"uk": MODEL, "ru": MODEL}
PATIENCE = 60
"""Seconds for anything at all, on a machine that others use."""


@dataclass
class Caller:
    """One call at the pool: sends audio as Asterisk does, and keeps what is heard."""

    pool: Workers
    heard: list = field(default_factory=list)
    come: asyncio.Event = field(default_factory=asyncio.Event)
    looked: int = 0
    ear: object = None
    writer: asyncio.StreamWriter | None = None

    def attend(self):
        self.ear = self.pool.attend("call", self.hear)
        assert self.ear
        return self

    async def connect(self):
        self.attend()
        _, self.writer = await asyncio.open_connection(*self.ear.address)
        self.writer.write(frame(ID, self.ear.id.bytes))
        return self

    def hear(self, speech):
        self.heard.append(speech)
        self.come.set()

    async def say(self, *sounds):
        """At the pace of speech: the audio and what we listen for come to the worker by different ways."""
        clock = asyncio.get_running_loop().time
        due = clock()
        for pcm in frames(joined(*sounds)):
            self.writer.write(frame(AUDIO, pcm))
            due += 0.02
            await asyncio.sleep(max(0.0, due - clock()))

    async def until(self, kind):
        """The next of this kind, after what was waited for before."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self.looked < len(self.heard):
                    self.looked += 1
                    if isinstance(speech := self.heard[self.looked - 1], kind):
                        return speech
                self.come.clear()
                await self.come.wait()

    async def ask(self, name, wanted):
        """Say a fixture as the answer; the words understood."""
        self.ear.listen(wanted)
        await self.say(silence(0.6), spoken(name), silence(0.5))
        await self.until(Pause)
        self.ear.conclude()
        return (await self.until(Utterance)).alternatives[0].words


@contextlib.asynccontextmanager
async def pool(models=BOTH, **options):
    """A pool that is closed, and leaves no process behind."""
    made = Workers(models, **{"count": 1, "late": PATIENCE, **options})
    await made.start()
    pids = pids_of(made)
    try:
        yield made
    finally:
        pids |= pids_of(made)
        await made.close()
    assert not any(alive(pid) for pid in pids)


def pids_of(made):
    return {worker.pid for worker in made._workers if worker.pid}


def alive(pid):
    return Path(f"/proc/{pid}").exists()


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 the state of processes has no event of ours
            await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Nobody waits long for a new worker here."""
    monkeypatch.setattr(workers, "FIRST", 0.05)


def run(main):
    asyncio.run(main())


def test_two_callers_are_understood_each_in_their_language():
    async def main():
        async with pool() as made:
            assert made.languages == {"uk", "ru"}
            one, other = await Caller(made).connect(), await Caller(made).connect()
            said = await asyncio.gather(
                one.ask("uk.digits", Listening("uk", DIGITS["uk"], sequence=True)),
                other.ask("ru.digits", Listening("ru", DIGITS["ru"], sequence=True)),
            )
            assert said == ["чотири п'ять сім", "восемь ноль два"]
            assert [type(speech) for speech in one.heard if not isinstance(speech, Pause)] == [Voice, Utterance]
            said = await asyncio.gather(
                one.ask("uk.no", Listening("uk", YES_NO["uk"])), other.ask("ru.yes", Listening("ru", YES_NO["ru"]))
            )
            assert said == ["ні", "да"]
            assert made.counts.calls == 2
            one.ear.close()
            one.ear.close()
            assert made.counts.calls == 1

    run(main)


def test_a_worker_killed_in_mid_word_makes_its_calls_deaf_once_and_is_replaced():
    async def main():
        async with pool() as made:
            callers = [await Caller(made).connect() for _ in range(2)]
            for caller in callers:
                caller.ear.listen(Listening("uk", DIGITS["uk"], sequence=True))
                await caller.say(silence(0.6), spoken("uk.digits"))
                await caller.until(Voice | Pause)
            (first,) = pids_of(made)
            os.kill(first, signal.SIGKILL)
            for caller in callers:
                assert "signal 9" in (await caller.until(Deaf)).why
                caller.ear.conclude()
                caller.ear.listen(None)
                caller.ear.close()
            await until(lambda: made.counts.workers == 1)
            assert pids_of(made) != {first}
            assert all(sum(isinstance(speech, Deaf) for speech in caller.heard) == 1 for caller in callers)
            assert (made.counts.died, made.counts.deaf, made.counts.calls) == (1, 2, 0)
            again = await Caller(made).connect()
            assert await again.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"

    run(main)


def test_a_worker_that_is_stuck_is_killed_and_its_calls_are_deaf(monkeypatch):
    monkeypatch.setattr(process, "CHECK", 0.6)

    async def main():
        async with pool() as made:
            caller = await Caller(made).connect()
            caller.ear.listen(Listening("uk", YES_NO["uk"]))
            (pid,) = pids_of(made)
            os.kill(pid, signal.SIGSTOP)
            caller.ear.conclude()
            began = asyncio.get_running_loop().time()
            assert "no sign of life" in (await caller.until(Deaf)).why
            assert asyncio.get_running_loop().time() - began < 5 * process.CHECK * process.STUCK
            await until(lambda: made.counts.workers == 1)

    run(main)


def test_a_worker_that_fell_behind_gives_up_the_newest_calls_first():
    async def main():
        async with pool(late=1.5) as made:
            callers = [await Caller(made).connect() for _ in range(5)]
            (pid,) = pids_of(made)
            callers[-1].ear.listen(Listening("uk", ("так",)))
            callers[-1].ear.conclude()
            await callers[-1].until(Utterance)  # by now the worker knows them all
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(3.2)
            os.kill(pid, signal.SIGCONT)
            assert "behind" in (await callers[-1].until(Deaf)).why
            assert callers[0].heard == []
            assert (made.counts.died, made.counts.workers) == (0, 1)

    run(main)


def test_calls_go_to_the_least_busy_worker_and_no_further_than_there_is_room():
    async def main():
        async with pool(count=2, streams=2) as made:
            callers = [Caller(made).attend() for _ in range(4)]
            assert sorted(len(worker.ears) for worker in made._workers) == [2, 2]
            assert made.attend("one too many", lambda _: None) is None
            assert (made.counts.room, made.counts.refused) == (0, 1)
            callers[0].ear.close()
            assert made.attend("now there is", lambda _: None)

    run(main)


def test_what_was_said_to_the_question_before_is_no_answer_to_this_one():
    async def main():
        async with pool() as made:
            caller = await Caller(made).connect()
            assert await caller.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            caller.ear.listen(Listening("uk", YES_NO["uk"]))
            await caller.say(silence(0.6), spoken("uk.yes"), silence(0.5))
            await caller.until(Pause)
            caller.ear.conclude()
            caller.ear.listen(Listening("uk", YES_NO["uk"]))
            told = len(caller.heard)
            await caller.say(silence(0.6), spoken("uk.no"), silence(0.5))
            await caller.until(Pause)
            caller.ear.conclude()
            assert (await caller.until(Utterance)).alternatives[0].words == "ні"
            assert sum(isinstance(speech, Utterance) for speech in caller.heard[told:]) == 1

    run(main)


@pytest.mark.parametrize("damage", ["missing", "cut off", "empty", "no graph"])
def test_a_bad_model_is_named_once_and_the_others_work(damage, tmp_path, caplog):
    bad = tmp_path / "bad"
    if damage != "missing":
        shutil.copytree(MODEL, bad, ignore=shutil.ignore_patterns("HCLr.fst") if damage == "no graph" else None)
    if damage in ("cut off", "empty"):
        graph = bad / "graph/HCLr.fst"
        graph.write_bytes(graph.read_bytes()[: 50_000 if damage == "cut off" else 0])

    async def main():
        async with pool({"uk": MODEL, "ru": bad}) as made:
            await until(lambda: made.counts.workers == 1)
            assert made.languages == {"uk"}
            caller = await Caller(made).connect()
            assert await caller.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            caller.ear.listen(Listening("ru", YES_NO["ru"]))
            assert "ru" in (await caller.until(Deaf)).why

    with caplog.at_level(logging.ERROR):
        run(main)
    assert [r.getMessage().startswith("no speech in ru: ") for r in caplog.records if "no speech" in r.message] == [
        True
    ]


async def kill_while_it_loads(made):
    """The next process that loads a model."""
    async with asyncio.timeout(PATIENCE):
        while not (loading := [worker.pid for worker in made._workers if worker._loading and worker.pid]):  # noqa: ASYNC110 as above
            await asyncio.sleep(0.001)
    os.kill(loading[0], signal.SIGKILL)


def test_accidents_while_loading_don_t_add_up_when_the_model_has_worked_between_them():
    async def main():
        async with pool() as made:
            for died in (2, 4):
                accident = asyncio.create_task(kill_while_it_loads(made))
                os.kill(made._workers[0].pid, signal.SIGKILL)
                await accident
                await until(lambda died=died: made.counts.died == died and made.counts.workers == 1)
                assert made.languages == {"uk", "ru"}

    run(main)


def test_a_system_that_lacks_something_for_a_moment_is_no_fault_of_the_model(monkeypatch, tmp_path, caplog):
    full = tmp_path / "full"
    (full / "sitecustomize.py").parent.mkdir()
    (full / "sitecustomize.py").write_text(
        "import pathlib, sys\n"
        "import ivr.speech.decoder as decoder\n"
        f"once = pathlib.Path({str(tmp_path / 'once')!r})\n"
        "if not once.exists():\n"
        "    def look(directory):\n"
        "        once.touch()\n"
        "        raise OSError(24, 'Too many open files')\n"
        "    decoder.look = look\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(full))

    async def main():
        async with pool() as made:
            await until(lambda: made.counts.workers == 1)
            assert (made.languages, made.counts.died) == ({"uk", "ru"}, 1)

    with caplog.at_level(logging.ERROR):
        run(main)
    assert ["Too many open files" in r.getMessage() for r in caplog.records] == [True]


def test_a_model_that_was_left_out_is_tried_again_and_taken_in_when_it_is_repaired(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "AGAIN", 0.5)
    late = tmp_path / "late"

    async def main():
        async with pool({"uk": MODEL, "ru": late}) as made, pool({"uk": late}) as other:
            await until(lambda: made.counts.workers == 1)
            assert made.languages == {"uk"}
            caller = await Caller(made).connect()
            shutil.copytree(MODEL, late)
            await until(lambda: made.languages == {"uk", "ru"} and other.languages == {"uk"})
            assert await caller.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            caller.ear.close()
            await until(lambda: made.counts.workers == 1)
            assert (made.counts.died, made.counts.deaf, made.counts.recycled) == (0, 0, 1)

    run(main)


def test_without_any_good_model_nobody_is_attended_to_and_nothing_spins(tmp_path):
    async def main():
        async with pool({"uk": tmp_path / "nothing"}) as made:
            await until(lambda: not made._workers)
            assert made.languages == frozenset()
            assert made.attend("call", lambda _: None) is None

    run(main)


def test_a_worker_retires_after_its_share_of_calls_and_nobody_notices(monkeypatch):
    monkeypatch.setattr(workers, "CALLS", 2)

    async def main():
        async with pool() as made:
            (first,) = pids_of(made)
            one, last = await Caller(made).connect(), await Caller(made).connect()
            one.ear.close()
            await until(lambda: made.counts.workers == 2)
            assert await last.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"
            last.ear.close()
            await until(lambda: not alive(first))
            assert (made.counts.recycled, made.counts.died, made.counts.deaf) == (1, 0, 0)
            following = await Caller(made).connect()
            assert await following.ask("ru.no", Listening("ru", YES_NO["ru"])) == "нет"
            following.ear.close()

    run(main)


def test_audio_that_comes_before_its_call_and_audio_for_nobody():
    async def main():
        async with pool() as made:
            caller = Caller(made).attend()
            reader, stranger = await asyncio.open_connection(*caller.ear.address)
            stranger.write(frame(ID, uuid4().bytes) + frame(AUDIO, bytes(320)))
            _, nonsense = await asyncio.open_connection(*caller.ear.address)
            nonsense.write(b"GET / HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                assert await reader.read() == b""
            caller.ear.close()
            late = await Caller(made).connect()
            assert await late.ask("uk.yes", Listening("uk", YES_NO["uk"])) == "так"

    run(main)


def test_a_call_whose_audio_ends_is_deaf_after_a_while_unless_it_is_closed():
    async def main():
        async with pool() as made:
            caller = await Caller(made).connect()
            caller.writer.write(frame(HANGUP, b""))
            caller.writer.close()
            assert "ended" in (await caller.until(Deaf)).why

    run(main)


def test_closing_the_pool_tells_the_calls():
    async def main():
        async with pool() as made:
            caller = await Caller(made).connect()
        assert isinstance(caller.heard[-1], Deaf)

    run(main)


def test_a_worker_ends_with_its_controller():
    async def main():
        made = Workers(BOTH, count=1)
        await made.start()
        (pid,) = pids_of(made)
        made._workers[0]._writer.transport.abort()  # as when the controller is killed: its sockets are gone
        await until(lambda: not alive(pid))
        await made.close()

    run(main)
