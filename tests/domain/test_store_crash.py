"""A controller is killed in the middle of its work: nothing that it acknowledged is lost, nothing is half there."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from domain import calls, demo, readings
from domain.model import Began
from domain.store import Store
from domain.tables import journal
from tests.domain.conftest import NOW

ROOT = Path(__file__).parents[2]
CALLS = 8


@pytest.mark.parametrize("acknowledged", [1, 10, 60, 300])
def test_kill_9_loses_no_acknowledged_reading_and_leaves_no_half_one(url: str, acknowledged: int):
    with Store.open(url) as store:
        store.write(lambda conn: demo.load(conn, NOW)).result()
        for k in range(CALLS):
            store.write(lambda conn, k=k: calls.begin(conn, Began(f"c{k}", None, "100", NOW), "child")).result()
    child = subprocess.Popen([sys.executable, "-c", SUBMITTING, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    heard = [child.stdout.readline() for _ in range(acknowledged)]
    child.kill()
    rest = child.stdout.read()
    child.wait()
    told = {
        tuple(line.split()) for line in [*heard, *(line for line in rest.splitlines(True) if line.endswith("\n"))]
    }
    assert len(told) >= acknowledged

    with Store.open(url) as store:
        lines = store.read(lambda conn: {(r.call, str(r.seq)) for r in conn.execute(select(journal))}).result()
        stored = {
            (each.call, str(each.seq))
            for k in range(CALLS)
            for each in store.read(lambda conn, k=k: readings.stored(conn, call=f"c{k}")).result()
        }
        if url.startswith("sqlite"):
            checked = store.read(lambda conn: conn.exec_driver_sql("PRAGMA integrity_check").scalar_one())
            assert checked.result() == "ok"
    assert told <= lines
    assert lines == stored


SUBMITTING = f"""
import itertools, sys, threading
from datetime import UTC, datetime
from domain import calls
from domain.calls import Line
from domain.commands import SubmitReading
from domain.handlers import perform
from domain.model import Zone
from domain.store import Store

store = Store.open(sys.argv[1])
now = datetime.now(UTC)
tell = threading.Lock()

def turn(call, seq, spoil):
    def job(conn):
        calls.append(conn, call, Line(seq, now, "SubmitReading", ""))
        if spoil:
            raise ZeroDivisionError
        perform(conn, SubmitReading("1000000047", "0200004", Zone.DAY, seq), call=call, seq=seq, at=now)
    return job

def talk(call):
    for seq in itertools.count():
        spoiled, good = store.write(turn(call, seq, True)), store.write(turn(call, seq, False))
        assert isinstance(spoiled.exception(), ZeroDivisionError)
        good.result()
        with tell:
            print(call, seq, flush=True)

for k in range({CALLS}):
    threading.Thread(target=talk, args=(f"c{{k}}",), daemon=True).start()
threading.Event().wait()
"""
