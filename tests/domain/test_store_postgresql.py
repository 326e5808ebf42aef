"""What only a server can do to the store: restart, refuse, keep two transactions waiting for each other."""

import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, insert, select, update

from domain.store import Store, StoreBusy, StoreDamaged, StoreFault, StoreFull
from domain.tables import accounts
from tests.postgres import drop, new_database, throw_out

ONE, TWO = "0000000001", "0000000002"


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database(empty=False)
    yield made
    drop(made)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def adding(number: str) -> Callable[[Connection], str]:
    def job(conn: Connection) -> str:
        conn.execute(insert(accounts).values(number=number))
        return number

    return job


def numbers(store: Store) -> set[str]:
    return store.read(lambda conn: set(conn.scalars(select(accounts.c.number)))).result()


def test_after_a_restart_of_the_server_nobody_notices(store: Store, url: str):
    assert store.write(adding(ONE)).result()
    assert numbers(store) == {ONE}
    throw_out(url)
    assert store.write(adding(TWO)).result()
    throw_out(url)
    assert numbers(store) == {ONE, TWO}


def test_a_group_whose_connection_is_lost_half_way_is_done_once(store: Store, url: str):
    go = threading.Event()
    lost: list[int] = []

    def losing(conn: Connection) -> None:
        adding(TWO)(conn)
        if not lost:
            lost.append(1)
            throw_out(url)
        conn.execute(select(accounts.c.number))

    held = store.write(lambda conn: go.wait(10))
    first, second = store.write(adding(ONE)), store.write(losing)
    go.set()
    assert held.result()
    assert first.result() == ONE
    second.result()
    assert numbers(store) == {ONE, TWO}


def test_what_is_lost_while_it_is_committed_is_said_and_not_done_again(store: Store, url: str):
    """Nobody can know whether it was kept: the server may have done so before it went."""
    runs: list[int] = []

    def job(conn: Connection) -> None:
        runs.append(1)
        adding(ONE)(conn)

    sa.event.listen(store._writer, "commit", lambda conn: throw_out(url), once=True)
    with pytest.raises(StoreFault, match="while work was being committed"):
        store.write(job).result()
    assert len(runs) == 1
    assert store.write(adding(TWO)).result()


def test_two_processes_that_wait_for_each_other_both_get_through(store: Store, url: str):
    """PostgreSQL ends one of the two transactions; that one is asked again by itself."""
    for number in (ONE, TWO):
        store.write(adding(number)).result()
    both = threading.Barrier(2)
    runs: list[str] = []

    def job(first: str, second: str, name: str) -> Callable[[Connection], None]:
        def touching(conn: Connection) -> None:
            runs.append(name)
            conn.execute(update(accounts).where(accounts.c.number == first).values(flat=name))
            if runs.count(name) == 1:
                both.wait(10)
            conn.execute(update(accounts).where(accounts.c.number == second).values(flat=name))

        return touching

    with Store.open(url) as other:
        done = [store.write(job(ONE, TWO, "a")), other.write(job(TWO, ONE, "b"))]
        for future in done:
            future.result(20)
    assert sorted(runs) in (["a", "a", "b"], ["a", "b", "b"])
    flats = store.read(lambda conn: set(conn.scalars(select(accounts.c.flat)))).result()
    assert len(flats) == 1, "whoever was asked again wrote both"


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("53100", StoreFull, "free some space"), ("53300", StoreBusy, "max_connections"),
        ("53200", StoreFault, "lacks memory"), ("58030", StoreFault, "check the server's log and the disk"),
        ("XX001", StoreDamaged, "restore the last good one"), ("42501", StoreFault, "give it the rights"),
        ("25006", StoreFault, "takes no writes"), ("40001", StoreBusy, "kept waiting"),
        ("57014", StoreFault, "ended this work"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a group"])
def test_what_the_server_fails_at_is_a_clear_fault_of_that_job_alone(
    store: Store, code: str, kind: type[StoreFault], advice: str, alone: bool
):
    """The server raises the code itself; what would make it do so by nature can't be had in a test."""

    def failing(conn: Connection) -> None:
        adding("0000000666")(conn)
        conn.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END $$")

    go = threading.Event()
    held = store.write(lambda conn: go.wait(10))
    neighbour = None if alone else store.write(adding(ONE))
    failed = store.write(failing)
    if alone:
        go.set()
        held.result()
    go.set()
    with pytest.raises(kind, match=advice) as fault:
        failed.result()
    assert type(fault.value) is kind
    assert neighbour is None or neighbour.result() == ONE
    assert store.write(adding(TWO)).result()
    assert numbers(store) == {TWO} | ({ONE} if neighbour else set())


def test_a_server_that_is_not_there_is_a_clear_fault(tmp_path):
    with pytest.raises(StoreFault, match="check that its server runs"):
        Store.open(f"postgresql+psycopg://ivr:secret@/ivr?host={tmp_path}")


def test_a_database_or_a_user_that_is_not_there_is_a_clear_fault(url: str):
    for wrong in (url.replace("@/t", "@/nowhere"), url.replace("//ivr@", "//nobody:secret@")):
        with pytest.raises(StoreFault, match="its address") as fault:
            Store.open(wrong)
        assert "secret" not in str(fault.value)


def test_an_address_of_another_kind_of_database_is_refused():
    with pytest.raises(ValueError, match="SQLite and PostgreSQL"):
        Store.open("nosuch://localhost/ivr")


def test_a_nul_in_a_text_is_stored_as_the_sign_for_what_cannot_be_shown(store: Store):
    store.write(lambda conn: conn.execute(insert(accounts).values(number=ONE, flat="1\0ї"))).result()
    flat = select(accounts.c.flat)
    assert store.read(lambda conn: conn.scalar(flat.where(accounts.c.number == ONE))).result() == "1\ufffdї"
    assert store.read(lambda conn: conn.scalar(flat.where(accounts.c.number == ONE + "\0"))).result() is None


def test_the_address_says_how_long_to_wait_for_the_server(url: str):
    with Store.open(f"{url}&connect_timeout=7") as store:
        assert store.write(adding(ONE)).result()
