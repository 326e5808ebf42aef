"""The writer: groups, failures that stay alone, faults of the disk, the end."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from domain import store as module
from domain.store import LONGEST_REST, Store, StoreBusy, StoreClosed, StoreDamaged, StoreFault, StoreFull, StoreTooNew
from domain.tables import accounts


def adding(number: str) -> Callable[[Connection], str]:
    def job(conn: Connection) -> str:
        conn.execute(insert(accounts).values(number=number))
        return number

    return job


def numbers(store: Store) -> set[str]:
    return store.read(lambda conn: set(conn.scalars(select(accounts.c.number)))).result()


ROOT = Path(__file__).parents[2]


class Held:
    """Keeps the writer busy, so that what is queued meanwhile shares a transaction."""

    def __init__(self, store: Store) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self.future = store.write(self._hold)
        self._begun.wait(10)

    def _hold(self, conn: Connection) -> None:
        conn.execute(select(1))
        self._begun.set()
        assert self._go.wait(30)

    def release(self) -> None:
        self._go.set()
        self.future.result(30)


def commits(store: Store) -> list[int]:
    """Grows by one for each transaction that the writer commits from now on."""
    seen: list[int] = []
    sa.event.listen(store._writer, "commit", lambda conn: seen.append(1))
    return seen


def test_a_write_is_there_for_every_later_read(store: Store):
    for n in range(50):
        number = f"{n:010d}"
        assert store.write(adding(number)).result() == number
        assert number in numbers(store)


@pytest.mark.usefixtures("on_sqlite")
def test_an_acknowledged_write_waits_for_the_disk(store: Store):
    def settings(conn: Connection) -> tuple[Any, ...]:
        return tuple(
            conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        )

    assert store.write(settings).result() == ("wal", 2, 1)


def test_jobs_that_queue_up_share_one_transaction(store: Store):
    held, seen = Held(store), commits(store)
    futures = [store.write(adding(f"{n:010d}")) for n in range(module.GROUP)]
    held.release()
    assert [future.result() for future in futures] == [f"{n:010d}" for n in range(module.GROUP)]
    assert len(seen) == 2  # the one that held, and the group


def test_a_job_that_fails_in_a_group_fails_alone(store: Store):
    def failing(conn: Connection) -> None:
        adding("0000000666")(conn)
        raise ZeroDivisionError

    held = Held(store)
    before, bad, twice, after = (
        store.write(job) for job in (adding("0000000001"), failing, adding("0000000001"), adding("0000000002"))
    )
    held.release()
    assert before.result() and after.result()
    assert isinstance(bad.exception(), ZeroDivisionError)
    assert isinstance(twice.exception(), IntegrityError)
    assert numbers(store) == {"0000000001", "0000000002"}


def test_a_job_that_fails_alone_leaves_nothing(store: Store):
    def failing(conn: Connection) -> None:
        adding("0000000666")(conn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(failing).result()
    assert numbers(store) == set()
    assert store.write(adding("0000000001")).result()


@pytest.mark.parametrize("spoil", ["commit", "rollback"])
def test_a_job_that_ends_the_transaction_itself_is_told_so_and_the_writer_lives(store: Store, spoil: str):
    def spoiling(conn: Connection) -> None:
        getattr(conn, spoil)()
        adding("0000000666")(conn)

    with pytest.raises(sa.exc.InvalidRequestError):
        store.write(spoiling).result()
    assert store.write(adding("0000000001")).result()
    assert "0000000666" not in numbers(store)


@pytest.mark.parametrize("alone", [True, False])
def test_a_job_that_asks_the_program_to_end_does_not_end_the_writer(store: Store, alone: bool):
    def leaving(conn: Connection) -> None:
        adding("0000000666")(conn)
        raise SystemExit(3)

    held = Held(store)
    futures = [store.write(leaving) for _ in range(1 if alone else 3)]
    held.release()
    assert {type(future.exception()) for future in futures} == {SystemExit}
    assert store.write(adding("0000000001")).result()
    assert numbers(store) == {"0000000001"}


def test_a_job_that_asks_for_another_is_told_so_before_it_waits_for_ever(store: Store):
    with pytest.raises(RuntimeError, match="another job"):
        store.write(lambda conn: store.write(adding("0000000001")).result()).result()


def test_a_mistake_in_the_writer_itself_reaches_the_caller(store: Store, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "_connection", lambda: None)
        with pytest.raises(AttributeError):
            store.write(adding("0000000001")).result()
        patch.setattr(store, "_commit", lambda jobs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.write(adding("0000000001")).result()
    assert store.write(adding("0000000002")).result()


def test_a_job_cancelled_before_its_turn_does_not_run(store: Store):
    held = Held(store)
    cancelled, other = store.write(adding("0000000001")), store.write(adding("0000000002"))
    assert cancelled.cancel()
    held.release()
    assert other.result()
    assert numbers(store) == {"0000000002"}


def test_readers_do_not_wait_for_the_writer(store: Store):
    store.write(adding("0000000001")).result()
    held = Held(store)
    assert numbers(store) == {"0000000001"}  # would hang if it waited
    held.release()


def test_a_reading_job_cannot_write(store: Store):
    with pytest.raises(TypeError, match=r"Store\.write"):
        store.read(adding("0000000001")).result()
    assert numbers(store) == set()


def test_a_reading_job_sees_one_moment_however_often_it_asks(store: Store):
    def count(conn: Connection) -> int:
        return conn.scalar(select(func.count()).select_from(accounts)) or 0

    def twice(conn: Connection) -> tuple[int, int]:
        before = count(conn)
        store.write(adding("0000000001")).result()
        return before, count(conn)

    assert store.read(twice).result() == (0, 0)
    assert store.read(count).result() == 1


def test_many_threads_lose_nothing(store: Store):
    futures: list[Future[str]] = []

    def customer(k: int) -> None:
        futures.extend([store.write(adding(f"{k:05d}{n:05d}")) for n in range(25)])

    threads = [threading.Thread(target=customer, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {future.result() for future in futures} == numbers(store)
    assert len(futures) == 500


# The end


def test_closing_finishes_everything_that_was_asked_for(url: str):
    store = Store.open(url)
    futures = [store.write(adding(f"{n:010d}")) for n in range(300)]
    store.close()
    assert all(future.done() for future in futures)
    with Store.open(url) as again:
        assert numbers(again) == {future.result() for future in futures}


def test_a_closed_store_says_so(url: str):
    store = Store.open(url)
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="closed"):
        store.write(adding("0000000001"))
    with pytest.raises(StoreClosed, match="closed"):
        store.read(lambda conn: None)


# Faults


def filling(conn: Connection) -> None:
    """Runs into a full disk: SQLite may not grow the file beyond what it has now."""
    pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    conn.execute(insert(accounts), [{"number": f"9{n:09d}"} for n in range(20_000)])


@pytest.mark.usefixtures("on_sqlite")
def test_a_full_disk_is_a_clear_fault_and_work_goes_on_when_there_is_room(store: Store, tmp_path: Path):
    with pytest.raises(StoreFull, match="free some space") as fault:
        store.write(filling).result()
    assert str(tmp_path) in str(fault.value)
    assert store.write(adding("0000000001")).result()
    assert numbers(store) == {"0000000001"}


@pytest.mark.usefixtures("on_sqlite")
def test_a_full_disk_hits_only_the_job_that_needs_the_room(store: Store):
    held = Held(store)
    before, full, after = (store.write(job) for job in (adding("0000000001"), filling, adding("0000000002")))
    held.release()
    wait([before, full, after], 30)
    assert isinstance(full.exception(), StoreFull)
    assert before.result() and after.result()
    assert numbers(store) == {"0000000001", "0000000002"}


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_database_locked_by_another_process_is_a_clear_fault_until_it_is_free(url: str, jobs: int):
    with Store.open(url, busy=0.05) as store:
        engine = sa.create_engine(url)
        with engine.connect() as other:
            if engine.dialect.name == "sqlite":
                other.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                other.exec_driver_sql("LOCK TABLE accounts")
            for future in [store.write(adding(f"{n:010d}")) for n in range(jobs)]:
                with pytest.raises(StoreBusy, match="another process"):
                    future.result()
        engine.dispose()
        assert store.write(adding("0000000001")).result()
        assert numbers(store) == {"0000000001"}


@pytest.mark.usefixtures("on_sqlite")
def test_opening_a_new_file_that_another_process_holds_is_a_clear_fault_until_it_is_free(url: str, tmp_path: Path):
    other = sqlite3.connect(tmp_path / "hotline.db", isolation_level=None)
    other.execute("CREATE TABLE theirs (x)")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy, match="another process"):
        Store.open(url, busy=0.05)
    other.execute("ROLLBACK")
    other.close()
    Store.open(url).close()


@pytest.mark.usefixtures("on_sqlite")
def test_a_file_that_is_no_database_is_a_clear_fault(url: str, tmp_path: Path):
    (tmp_path / "hotline.db").write_bytes(b"meter readings of November\n" * 500)
    with pytest.raises(StoreDamaged, match="not a database"):
        Store.open(url)


@pytest.mark.usefixtures("on_sqlite")
def test_a_torn_file_is_a_clear_fault(url: str, tmp_path: Path):
    Store.open(url).close()
    path = tmp_path / "hotline.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(StoreDamaged, match="restore the last good one"):
        Store.open(url)


@pytest.mark.usefixtures("on_sqlite")
def test_a_disk_that_fails_under_the_writer_is_a_clear_fault_and_it_recovers(url: str):
    """The limit on the size of a file stands for a failing disk; the child says what it saw."""
    child = subprocess.run(
        [sys.executable, "-c", FAILING_DISK, url], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert child.stdout.split("\n")[:2] == ["StoreFault the disk reports an error", "recovered"], child.stderr


FAILING_DISK = """
import resource, sys
from sqlalchemy import insert
from domain.store import Store, StoreFault
from domain.tables import accounts

def many(conn):
    conn.execute(insert(accounts), [{"number": f"9{n:09d}"} for n in range(50_000)])

store = Store.open(sys.argv[1])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
try:
    store.write(many).result()
except StoreFault as fault:
    print(type(fault).__name__, "the disk reports an error" if "the disk reports an error" in str(fault) else fault)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.write(many).result()
print("recovered")
store.close()
"""


def test_a_database_of_a_newer_program_is_left_alone(url: str):
    Store.open(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as other:
        other.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(StoreTooNew, match="9999"):
        Store.open(url)


def test_a_folder_that_cannot_be_made_is_a_clear_fault(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreFault, match="folder"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'hotline.db'}")


@pytest.mark.parametrize("url", ["", "hotline.db", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_work_is_refused_with_one_that_does(url: str):
    with pytest.raises(ValueError, match=r"try sqlite:///hotline\.db"):
        Store.open(url)


def test_a_message_never_shows_a_password():
    assert "secret" not in module._place("postgresql://hotline:secret@127.0.0.1/hotline")


def test_processes_that_start_at_once_agree_on_who_migrates(url: str):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", OPENING, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [child.communicate(timeout=60)[0] for child in children] == ["opened\n"] * 4
    with Store.open(url) as store:
        assert store.read(lambda conn: conn.scalar(select(func.count()).select_from(accounts))).result() == 4


OPENING = """
import os, sys
from sqlalchemy import insert
from domain.store import Store
from domain.tables import accounts
print("ready", flush=True)
sys.stdin.readline()
with Store.open(sys.argv[1], busy=30) as store:
    store.write(lambda conn: conn.execute(insert(accounts).values(number=str(os.getpid())))).result()
print("opened", flush=True)
"""


@pytest.mark.parametrize("older", [False, True], ids=["a new database", "one that all could read"])
def test_a_database_is_its_owners_alone(tmp_path: Path, older: bool):
    file = tmp_path / "data/hotline.db"
    old = os.umask(0o022)
    try:
        if older:
            Store.open(f"sqlite:///{file}").close()
            file.chmod(0o644)
        with Store.open(f"sqlite:///{file}") as store:
            store.write(adding("1")).result()
            files = sorted(file.parent.iterdir())
            rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}
    finally:
        os.umask(old)

    assert rights == {"hotline.db": 0o600, "hotline.db-shm": 0o600, "hotline.db-wal": 0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_what_is_no_database_keeps_its_rights(tmp_path: Path):
    file = tmp_path / "page.md"
    file.write_text("words, and more of them than a database has in its head" * 10)
    file.chmod(0o644)

    for place in (file, tmp_path):
        before = place.stat().st_mode
        with pytest.raises(StoreFault):
            Store.open(f"sqlite:///{place}")
        assert place.stat().st_mode == before


def test_a_process_that_writes_much_leaves_the_database_alone_after_each_transaction(url: str, monkeypatch):
    rests: list[float] = []
    monkeypatch.setattr("domain.store.time.sleep", rests.append)
    with Store.open(url, rest=3.0) as store:
        for n in range(3):
            store.write(lambda conn, n=n: conn.execute(insert(accounts).values(number=f"100000000{n}"))).result()

    assert len(rests) >= 2, "after each but the last, when nobody waits for it any more"
    assert all(0 < rest <= LONGEST_REST for rest in rests)


def test_a_hotline_does_not_rest(url: str, monkeypatch):
    rests: list[float] = []
    monkeypatch.setattr("domain.store.time.sleep", rests.append)
    with Store.open(url) as store:
        store.write(lambda conn: conn.execute(insert(accounts).values(number="1000000001"))).result()

    assert rests == []
