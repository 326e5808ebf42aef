"""Asterisk's record against the store: what is whole passes, and each kind of loss is found and named."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from domain import calls
from domain.calls import Line
from domain.commands import KeepDraft
from domain.handlers import perform
from domain.model import Began, Outcome, RequestKind, Told, Topic
from domain.store import Store
from domain.tables import callbacks
from ivr.__main__ import main
from ivr.service.cel import FILE, Cel
from ivr.service.reconcile import ADVICE, LONGEST, SETTLING, Discrepancy, Finding, Report, reconcile

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)


class World:
    """A data directory with calls in Asterisk's record, in the store and in the archive."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.cel = data / "exchange" / FILE
        self.cel.parent.mkdir(parents=True)
        (data / "exchange/raw").mkdir()
        self.store = Store.open(f"sqlite:///{data / 'hotline.db'}")
        self.found: list[Finding] = []

    # Asterisk's side

    def event(self, call: str, kind: str, at: datetime, context: str = "call", linked: str = "") -> None:
        cells = (f"{at.timestamp():.6f}", kind, call, linked or call, "PJSIP/trunk-1", "s", context, "", "")
        with self.cel.open("a") as file:
            file.write(",".join(f'"{cell}"' for cell in cells) + "\n")

    def seen(self, call: str, at: datetime = LONG_AGO, *, ended: bool = True, seconds: float = 30) -> None:
        self.event(call, "CHAN_START", at, "incoming")
        self.event(call, "ANSWER", at)
        self.event(call, "APP_START", at)
        if ended:
            self.event(call, "HANGUP", at + timedelta(seconds=seconds))
            self.event(call, "CHAN_END", at + timedelta(seconds=seconds))

    # Our side

    def write(self, job: Any) -> Any:
        return self.store.write(job).result()

    def kept(self, call: str, at: datetime = LONG_AGO, *, lines: int = 3, outcome: Outcome | None = Outcome.INFORMED,
             driver: str = "a", because: str | None = None) -> None:  # fmt: skip
        self.write(lambda conn: calls.begin(conn, Began(call, None, "100", at), driver))
        for seq in range(lines):
            self.line(call, seq)
        if outcome is not None:
            ended = at + timedelta(seconds=30)
            self.write(lambda conn: calls.end(conn, call, outcome, at=ended, because=because))

    def line(self, call: str, seq: int) -> None:
        self.write(lambda conn: calls.append(conn, call, Line(seq, NOW, "value", "say")))

    def sealed(self, call: str, at: datetime = LONG_AGO, audio: bytes = b"sound") -> Path:
        path = Path("recordings", f"{at:%Y/%m/%d}", f"{call}.wav")
        file = self.data / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(audio)
        digest = hashlib.sha256(audio).hexdigest()
        self.write(
            lambda conn: calls.recording_sealed(
                conn, call, str(path), sha256=digest, seconds=1.0, bytes=len(audio), at=at + timedelta(seconds=31)
            )
        )
        return file

    def whole(self, call: str, at: datetime = LONG_AGO) -> Path:
        """A call with everything."""
        self.seen(call, at)
        self.kept(call, at)
        return self.sealed(call, at)

    def age(self, path: Path, by: timedelta = timedelta(hours=1)) -> None:
        then = (NOW - by).timestamp()
        os.utime(path, (then, then))

    def reconcile(self, now: datetime = NOW, **how: Any) -> Report:
        self.found.clear()
        return reconcile(self.data, self.store, lambda: now, tell=self.found.append, **how)

    def kinds(self, **how: Any) -> list[Discrepancy]:
        self.reconcile(**how)
        return [finding.kind for finding in self.found]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_calls_that_have_everything_are_clean(world: World):
    world.whole("vm-1.0")
    world.seen("vm-1.1")
    world.kept("vm-1.1", outcome=Outcome.ABANDONED)
    world.write(lambda conn: calls.recording_erased(conn, "vm-1.1", "the notice was not heard to its end", NOW))
    world.seen("vm-1.2")
    world.kept("vm-1.2", lines=0, outcome=Outcome.LOST, driver="nobody", because="no controller took the call")
    world.write(lambda conn: calls.recording_failed(conn, "vm-1.2", "the exchange left no tape", NOW))

    report = world.reconcile(hashes=True)

    assert world.found == []
    assert report.clean
    assert (report.seen, report.calls, report.sealed, report.erased, report.failed, report.hashed) == (
        3,
        3,
        1,
        1,
        1,
        1,
    )


def test_agents_telephones_and_calls_that_nobody_answered_are_no_calls(world: World):
    world.whole("vm-1.0")
    world.event("vm-1.7", "CHAN_START", LONG_AGO, "agents", linked="vm-1.0")
    world.event("vm-1.7", "ANSWER", LONG_AGO, "call", linked="vm-1.0")
    world.event("vm-1.7", "CHAN_END", LONG_AGO, "agents", linked="vm-1.0")
    world.event("vm-1.8", "CHAN_START", LONG_AGO, "incoming")
    world.event("vm-1.8", "CHAN_END", LONG_AGO, "incoming")
    world.event("vm-1.9", "CHAN_START", LONG_AGO, "nowhere")
    world.event("vm-1.9", "ANSWER", LONG_AGO, "nowhere")
    world.event("vm-1.9", "CHAN_END", LONG_AGO, "nowhere")

    assert world.kinds() == []


def test_a_call_that_came_back_from_people_is_one(world: World):
    world.seen("vm-1.0")
    world.event("vm-1.0", "APP_START", LONG_AGO + timedelta(seconds=20), "agents")
    world.kept("vm-1.0", outcome=Outcome.TRANSFERRED)
    world.write(lambda conn: calls.go_on(conn, "vm-1.0", "b", NOW))
    world.write(lambda conn: calls.append(conn, "vm-1.0", Line(3, NOW, "returned", "")))
    world.write(lambda conn: calls.end(conn, "vm-1.0", Outcome.CALLBACK_ORDERED, at=LONG_AGO))
    world.sealed("vm-1.0")

    assert world.reconcile().clean


# What can be wrong


def test_a_call_that_only_asterisk_knows(world: World):
    world.seen("vm-1.0")

    assert world.kinds() == [Discrepancy.NOT_IN_STORE]


def test_a_call_that_only_the_store_knows(world: World):
    world.whole("vm-1.0", LONG_AGO)
    world.kept("vm-1.1", LONG_AGO + timedelta(minutes=1))
    world.sealed("vm-1.1")

    assert world.kinds() == [Discrepancy.UNSEEN]


def test_a_call_without_an_outcome(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0", outcome=None)
    world.sealed("vm-1.0")

    assert world.kinds() == [Discrepancy.NO_OUTCOME]


def test_a_call_without_a_journal_though_a_controller_had_it(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0", lines=0, outcome=Outcome.LOST, because="?")
    world.sealed("vm-1.0")

    assert world.kinds() == [Discrepancy.NO_JOURNAL]


@pytest.mark.parametrize("lines", [(0, 1, 3), (1, 2), (0, 2)])
def test_a_gap_in_the_journal(world: World, lines: tuple[int, ...]):
    world.seen("vm-1.0")
    world.kept("vm-1.0", lines=0)
    for seq in lines:
        world.line("vm-1.0", seq)
    world.sealed("vm-1.0")

    assert world.kinds() == [Discrepancy.GAP]


def test_a_call_whose_recording_nobody_noted(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0")

    assert world.kinds() == [Discrepancy.NO_RECORDING]


def test_a_recording_that_is_still_being_made_after_the_call(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0")
    world.write(lambda conn: calls.recording_began(conn, "vm-1.0", "exchange/raw/vm-1.0.raw", NOW))

    assert world.kinds() == [Discrepancy.NOT_SETTLED]


def test_no_recording_and_no_reason(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0")
    world.write(lambda conn: calls.recording_failed(conn, "vm-1.0", "", NOW))

    assert world.kinds() == [Discrepancy.NO_REASON]


def test_a_file_that_is_missing(world: World):
    world.whole("vm-1.0").unlink()

    assert world.kinds() == [Discrepancy.FILE_MISSING]


def test_a_file_that_was_changed_shows_by_its_size_and_by_its_hash_when_asked(world: World):
    world.whole("vm-1.0").write_bytes(b"another sound")
    world.whole("vm-1.1").write_bytes(b"noise")  # as long as it was

    assert world.kinds() == [Discrepancy.FILE_CHANGED]
    assert world.kinds(hashes=True) == [Discrepancy.FILE_CHANGED] * 2


def test_an_erased_recording_that_still_lies_there(world: World):
    file = world.whole("vm-1.0")
    world.write(lambda conn: calls.recording_erased(conn, "vm-1.0", "the customer asked", NOW))

    assert file.exists()
    assert Discrepancy.FILE_KEPT in world.kinds()


def test_a_file_of_no_call_and_what_a_killed_process_left(world: World):
    folder = world.whole("vm-1.0").parent
    for name in ("vm-9.0.wav", "vm-1.0.wav.partial"):
        (folder / name).write_bytes(b"?")
        world.age(folder / name)

    assert world.kinds() == [Discrepancy.STRAY_FILE] * 2


def test_a_tape_whose_call_is_over(world: World):
    world.whole("vm-1.0")
    tape = world.data / "exchange/raw/vm-1.0.raw"
    tape.write_bytes(b"")
    world.age(tape)

    assert world.kinds() == [Discrepancy.STRAY_TAPE]


def test_a_record_that_is_damaged_is_said_and_the_rest_is_compared(world: World):
    world.seen("vm-1.0")
    with world.cel.open("ab") as file:
        file.write(b"\x00\x00\x00\n")
    world.whole("vm-1.1")

    assert world.kinds() == [Discrepancy.UNREADABLE, Discrepancy.NOT_IN_STORE]


def test_a_last_line_that_is_just_being_written_is_no_damage(world: World):
    world.whole("vm-1.0")
    with world.cel.open("a") as file:
        file.write('"1795291102.51')

    assert world.kinds() == []


def test_asking_for_more_than_asterisk_remembers_is_not_a_proof(world: World):
    world.whole("vm-1.0")

    assert world.kinds(since=LONG_AGO - timedelta(days=1)) == [Discrepancy.NOT_COVERED]
    assert world.kinds(since=LONG_AGO + timedelta(seconds=1)) == []


def test_every_kind_of_discrepancy_comes_with_what_to_do(world: World):
    assert set(ADVICE) == set(Discrepancy)


# What is not wrong yet, or any more


def test_calls_in_progress_are_left_alone(world: World):
    world.seen("vm-1.0", NOW - timedelta(minutes=3), ended=False)  # answered, and not with us yet
    world.seen("vm-1.1", NOW - timedelta(minutes=3), ended=False)
    world.kept("vm-1.1", NOW - timedelta(minutes=3), outcome=None)
    world.seen("vm-1.2", NOW - timedelta(minutes=30), ended=False)  # people have it: the tape goes on
    world.kept("vm-1.2", NOW - timedelta(minutes=30), outcome=Outcome.TRANSFERRED)
    world.seen("vm-1.3", NOW - timedelta(seconds=60))  # over, and being sealed
    world.kept("vm-1.3", NOW - timedelta(seconds=60))
    world.kept("vm-1.4", NOW + timedelta(seconds=1), outcome=None)  # came while we read
    tape = world.data / "exchange/raw/vm-1.3.raw"
    tape.write_bytes(b"")
    world.age(tape, timedelta(seconds=30))

    report = world.reconcile()

    assert world.found == []
    assert report.in_progress == 5


def test_a_call_that_is_over_and_in_order_already_is_proved_at_once(world: World):
    world.whole("vm-1.0", NOW - timedelta(seconds=40))

    report = world.reconcile()

    assert (report.calls, report.in_progress) == (1, 0)


def test_a_record_that_is_put_aside_while_it_is_opened_is_read_once(world: World):
    world.whole("vm-1.0")
    with world.cel.open("a") as file:
        file.write('"1795291102.51')
    os.link(world.cel, world.cel.with_name("calls.csv.1"))  # the same file under both names
    with Cel(world.data / "exchange") as cel:
        assert cel.files == 1

    assert world.kinds() == []


def test_what_should_be_in_order_by_now_is_no_longer_in_progress(world: World):
    world.seen("vm-1.0", NOW - SETTLING - timedelta(seconds=31))
    world.kept("vm-1.0", NOW - SETTLING - timedelta(seconds=31))
    world.seen("vm-1.1", NOW - LONGEST - timedelta(seconds=1), ended=False)
    world.kept("vm-1.1", NOW - LONGEST - timedelta(seconds=1), outcome=None)

    assert sorted(world.kinds()) == sorted(
        [Discrepancy.NO_RECORDING, Discrepancy.NO_OUTCOME, Discrepancy.NO_RECORDING]
    )


def test_a_call_whose_end_asterisk_did_not_live_to_record_is_whole(world: World):
    world.seen("vm-1.0", ended=False)
    world.kept("vm-1.0")
    world.sealed("vm-1.0")

    assert world.reconcile().clean


def test_calls_from_before_asterisks_record_are_proved_by_the_store(world: World):
    world.kept("vm-0.0", LONG_AGO - timedelta(days=9))
    world.sealed("vm-0.0", LONG_AGO - timedelta(days=9))
    world.kept("vm-0.1", LONG_AGO - timedelta(days=9))
    world.whole("vm-1.0")

    report = world.reconcile()

    assert report.before == 2
    assert [(f.kind, f.call) for f in world.found] == [(Discrepancy.NO_RECORDING, "vm-0.1")]


def test_a_call_of_which_asterisks_record_has_only_the_rest_must_not_be_in_the_store(world: World):
    """Its beginning was thrown away with an old log; so may the row, with an old copy of the store."""
    world.event("vm-1.0", "ANSWER", LONG_AGO)
    world.event("vm-1.0", "CHAN_END", LONG_AGO)

    assert world.kinds() == []


def test_a_record_that_was_put_aside_is_read_too(world: World):
    world.whole("vm-1.0", LONG_AGO - timedelta(hours=2))
    world.cel.rename(world.cel.with_name("calls.csv.2"))
    world.seen("vm-1.1", LONG_AGO - timedelta(hours=1))
    world.cel.rename(world.cel.with_name("calls.csv.1"))
    world.whole("vm-1.2")
    with Cel(world.data / "exchange") as cel:
        assert cel.files == 3
        assert [seen.call for seen in cel.calls()] == ["vm-1.0", "vm-1.1", "vm-1.2"]

    assert [(f.kind, f.call) for f in (world.reconcile(), world.found)[1]] == [(Discrepancy.NOT_IN_STORE, "vm-1.1")]


def test_nothing_at_all_is_clean_and_nothing_is_left_lying_about(world: World):
    assert world.reconcile().clean
    assert not list(world.data.glob("reconcile-*"))


# The command


def test_the_command_lists_what_is_wrong_and_what_to_do_and_its_exit_code_says_so(world: World):
    then = datetime.now(UTC) - timedelta(hours=1)
    world.whole("vm-1.0", then)
    good = CliRunner().invoke(main, ["reconcile", "--data", str(world.data), "--hashes"])
    world.seen("vm-1.1", then)
    bad = CliRunner().invoke(main, ["reconcile", "--data", str(world.data)])
    nowhere = CliRunner().invoke(main, ["reconcile", "--data", str(world.data / "nowhere")])

    assert good.exit_code == 0, good.output
    assert "every call has its outcome" in good.output
    assert bad.exit_code == 1
    assert "not in the store: vm-1.1" in bad.output
    assert "let the hotline run" in bad.output
    assert nowhere.exit_code == 2


# What was told


def drafted(world: World, call: str, began: float, ended: float, contact: str | None = "+380440000001") -> None:
    told = Told(LONG_AGO + timedelta(seconds=began), LONG_AGO + timedelta(seconds=ended))
    command = KeepDraft(RequestKind.COMPLAINT, Topic.OTHER, told, contact)
    world.write(lambda conn: perform(conn, command, call=call, seq=0, at=LONG_AGO))


@pytest.mark.parametrize("contact", ["+380440000001", None])
def test_what_was_told_is_in_the_recording_and_who_told_it_is_called_back(world: World, contact: str | None):
    world.whole("vm-1.0")
    drafted(world, "vm-1.0", 0.1, 0.9, contact)
    assert world.kinds() == []


def test_a_draft_of_somebody_whose_number_we_know_needs_a_call_back(world: World):
    world.whole("vm-1.0")
    drafted(world, "vm-1.0", 0.1, 0.9)
    world.write(lambda conn: conn.execute(delete(callbacks)))
    assert world.kinds() == [Discrepancy.DRAFT_DESERTED]


@pytest.mark.parametrize(("began", "ended"), [(-1.0, 0.5), (0.5, 2.6)])
def test_what_was_told_outside_of_the_recording_can_not_be_heard(world: World, began: float, ended: float):
    world.whole("vm-1.0")
    drafted(world, "vm-1.0", began, ended)
    assert world.kinds() == [Discrepancy.TOLD_NOWHERE]


def test_what_was_told_in_a_call_whose_tape_was_lost_can_not_be_heard(world: World):
    world.seen("vm-1.0")
    world.kept("vm-1.0")
    world.write(lambda conn: calls.recording_failed(conn, "vm-1.0", "the exchange left no tape", NOW))
    drafted(world, "vm-1.0", 0.1, 0.9)
    assert world.kinds() == [Discrepancy.TOLD_NOWHERE]
