"""Who did what: whatever is done to the list afterwards is found out."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import trail
from domain.store import Store
from domain.tables import trail as table
from domain.trail import NOTHING, Fault, Head
from tests.postgres import new_database

AT = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request, tmp_path, empty):
    """An empty store, on both databases."""
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copy(empty, tmp_path / 'hotline.db')}"
    else:
        url = new_database(empty=False)
    with Store.open(url) as store:
        store.url = url
        yield store


def note(store, n=1, **more):
    for each in range(n):
        what = {"who": "anna", "what": "recording.heard", "of": f"c{each}", "reason": "скарга № 5", "seconds": each}
        what |= more
        done = store.write(lambda conn, what=what: trail.note(conn, what.pop("who"), what.pop("what"), at=AT, **what))
        last = done.result()
    return last


def verdict(store, *heads):
    return store.read(lambda conn: trail.verify(conn, *heads)).result()


def tamper(store, *statements):
    """What somebody does who may do anything with the database."""
    engine = sa.create_engine(store.url)
    with engine.begin() as conn:
        if engine.dialect.name == "sqlite":
            for name in ("trail_no_update", "trail_no_delete", "trail_at_its_end"):
                conn.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            conn.exec_driver_sql("ALTER TABLE trail DISABLE TRIGGER USER")
        for statement in statements:
            conn.execute(sa.text(statement) if isinstance(statement, str) else statement)
    engine.dispose()


def test_rows_are_numbered_without_gaps_and_say_what_was_said(anywhere):
    assert note(anywhere, 3) == 3
    newest, *_ = anywhere.read(trail.page).result()
    assert (newest.n, newest.at, newest.who, newest.what, newest.of) == (3, AT, "anna", "recording.heard", "c2")
    assert newest.reason == "скарга № 5"
    assert newest.details == {"seconds": 2}


def test_an_empty_trail_is_whole_and_has_a_head(anywhere):
    assert verdict(anywhere) == trail.Verdict(0, Head(0, NOTHING))
    assert anywhere.read(trail.head).result() == Head(0, NOTHING)
    assert verdict(anywhere, Head(0, NOTHING)).sound


def test_a_trail_that_nobody_touched_is_whole(anywhere):
    note(anywhere, 5)
    found = verdict(anywhere)
    assert found.sound
    assert found.rows == 5
    assert found.head == anywhere.read(trail.head).result()


def test_the_hash_is_what_the_rules_say_and_can_be_reckoned_by_anybody(anywhere):
    """Written out here without our code: SHA-256 of the hash before, a line feed, and the row as canonical JSON."""
    note(anywhere, 1, of="c0", reason='"ні"', b=1, a=[1, "й"])
    (row,) = anywhere.read(trail.page).result()
    details = json.dumps({"a": [1, "й"], "b": 1, "seconds": 0}, ensure_ascii=False, separators=(",", ":"))
    canonical = (
        '{"at":"2026-11-22T09:00:00.123456+00:00","details":'
        + json.dumps(details, ensure_ascii=False)
        + ',"n":1,"of":"c0","reason":"\\"ні\\"","what":"recording.heard","who":"anna"}'
    )
    assert row.hash == sha256(f"{'0' * 64}\n{canonical}".encode()).hexdigest()


def test_a_deed_that_failed_leaves_no_row(anywhere):
    def fails(conn):
        trail.note(conn, "anna", "staff.added", at=AT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        anywhere.write(fails).result()
    assert note(anywhere) == 1
    assert verdict(anywhere).rows == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trail SET who = 'boris' WHERE n = 2", "DELETE FROM trail WHERE n = 2", "DELETE FROM trail",
        "INSERT INTO trail (n, at, who, what, details, hash) SELECT 9, at, who, what, details, hash FROM trail"
        " WHERE n = 1",
    ],
)  # fmt: skip
def test_the_database_itself_refuses_to_change_rows(anywhere, statement):
    note(anywhere, 3)
    with pytest.raises(sa.exc.IntegrityError, match="rows of the trail"):
        anywhere.write(lambda conn: conn.execute(sa.text(statement))).result()
    assert verdict(anywhere).rows == 3


@pytest.mark.usefixtures("on_sqlite")
def test_replacing_a_row_is_refused_like_changing_one(store):
    note(store, 3)
    replace = (
        "INSERT OR REPLACE INTO trail (n, at, who, what, details, hash)"
        " SELECT n, at, 'boris', what, details, hash FROM trail WHERE n = 2"
    )
    with pytest.raises(sa.exc.IntegrityError, match="added at its end"):
        store.write(lambda conn: conn.execute(sa.text(replace))).result()


def test_postgresql_refuses_to_empty_the_table():
    with Store.open(new_database(empty=False)) as store:
        note(store, 2)
        with pytest.raises(sa.exc.IntegrityError, match="never changed"):
            store.write(lambda conn: conn.execute(sa.text("TRUNCATE trail"))).result()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "'2026-11-22 09:00:00.123457'"), ("who", "'boris'"), ("what", "'recording.hidden'"), ("of", "'c9'"),
        ("of", "NULL"), ("reason", "NULL"), ("reason", "''"), ("details", "'{}'"),
        ("details", "'{\"seconds\": 2}'"), ("hash", f"'{'a' * 64}'"),
    ],
)  # fmt: skip
def test_a_change_of_any_field_of_a_row_is_found_at_that_row(anywhere, column, value):
    note(anywhere, 5)
    if anywhere.url.startswith("postgresql") and column == "at":
        value = "'2026-11-22 09:00:00.123457+00'"
    tamper(anywhere, f'UPDATE trail SET "{column}" = {value} WHERE n = 3')  # noqa: S608
    found = verdict(anywhere)
    assert (found.fault, found.at, found.rows) == (Fault.CHANGED, 3, 2)


def test_a_removed_row_is_found(anywhere):
    note(anywhere, 5)
    tamper(anywhere, "DELETE FROM trail WHERE n = 3")
    assert (verdict(anywhere).fault, verdict(anywhere).at) == (Fault.GAP, 4)


def test_a_removed_row_is_found_when_the_rest_were_numbered_anew(anywhere):
    note(anywhere, 5)
    tamper(
        anywhere, "DELETE FROM trail WHERE n = 3", "UPDATE trail SET n = 3 WHERE n = 4",
        "UPDATE trail SET n = 4 WHERE n = 5",
    )  # fmt: skip
    assert (verdict(anywhere).fault, verdict(anywhere).at) == (Fault.CHANGED, 3)


def test_the_first_row_can_not_be_left_out(anywhere):
    note(anywhere, 3)
    tamper(anywhere, "DELETE FROM trail WHERE n = 1")
    assert (verdict(anywhere).fault, verdict(anywhere).at) == (Fault.GAP, 2)


def test_a_row_that_was_put_in_is_found(anywhere):
    note(anywhere, 3)
    tamper(
        anywhere, "UPDATE trail SET n = 4 WHERE n = 3",
        'INSERT INTO trail (n, at, who, what, "of", reason, details, hash)'
        ' SELECT 3, at, who, what, "of", reason, details, hash FROM trail WHERE n = 2',
    )  # fmt: skip
    assert (verdict(anywhere).fault, verdict(anywhere).at) == (Fault.CHANGED, 3)


def test_two_rows_that_changed_places_are_found(anywhere):
    note(anywhere, 4)
    tamper(
        anywhere, "UPDATE trail SET n = 99 WHERE n = 2", "UPDATE trail SET n = 2 WHERE n = 3",
        "UPDATE trail SET n = 3 WHERE n = 99",
    )  # fmt: skip
    assert (verdict(anywhere).fault, verdict(anywhere).at) == (Fault.CHANGED, 2)


def test_rows_cut_off_the_end_are_found_against_a_head_that_was_kept(anywhere):
    note(anywhere, 5)
    kept = anywhere.read(trail.head).result()
    tamper(anywhere, "DELETE FROM trail WHERE n > 3")
    assert verdict(anywhere).sound, "the chain alone can't know how long it was"
    assert (verdict(anywhere, kept).fault, verdict(anywhere, kept).at) == (Fault.CUT, 4)


def test_a_trail_that_was_written_anew_is_found_against_a_head_that_was_kept(anywhere):
    note(anywhere, 5)
    kept = [Head(entry.n, entry.hash) for entry in anywhere.read(trail.page).result()]
    rows = anywhere.read(lambda conn: conn.execute(sa.select(table).order_by(table.c.n)).mappings().all()).result()
    before, anew = NOTHING, []
    for row in rows:
        changed = {**row, "who": "boris" if row["n"] == 3 else row["who"]}
        before = changed["hash"] = trail.seal(before, changed)
        anew.append(changed)
    tamper(anywhere, "DELETE FROM trail", *(sa.insert(table).values(**row) for row in anew))

    assert verdict(anywhere).sound, "whoever can do anything can make a chain that is whole"
    for head in kept:
        found = verdict(anywhere, head)
        assert found.sound == (head.n < 3), head
        if head.n >= 3:
            assert (found.fault, found.at) == (Fault.REWRITTEN, head.n)


def test_a_trail_that_grew_leads_through_all_heads_that_were_kept(anywhere):
    heads = []
    for _ in range(3):
        note(anywhere, 2)
        heads.append(anywhere.read(trail.head).result())
    assert verdict(anywhere, *heads).sound


def test_two_processes_make_one_chain(anywhere):
    with Store.open(anywhere.url, busy=30.0) as other, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda store: note(store, 25), [anywhere, other]))
    assert verdict(anywhere).rows == 50


def test_a_long_trail_is_walked_in_pieces(store, monkeypatch):
    monkeypatch.setattr(trail, "_STRIDE", 3)
    note(store, 9)
    assert verdict(store).rows == 9
    note(store, 1)
    assert verdict(store).rows == 10


def test_what_a_database_can_not_keep_is_replaced_and_the_chain_stays_whole(anywhere):
    note(anywhere, 1, who="a" * 300, reason="a\0b\ud800c", of="ї" * 500, when=AT, some={"b", "a"}, nothing=None)
    (row,) = anywhere.read(trail.page).result()
    assert row.reason == "a\ufffdb?c"
    assert len(row.who) == 80
    assert len(row.of) == 200
    assert row.details == {"seconds": 0, "when": "2026-11-22T09:00:00.123456+00:00", "some": ["a", "b"]}
    assert verdict(anywhere).sound


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    who=st.text(max_size=90), of=st.none() | st.text(max_size=210), reason=st.none() | st.text(max_size=300),
    at=st.datetimes(timezones=st.just(UTC)),
    value=st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
                       | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)),
)  # fmt: skip
def test_whatever_is_noted_the_chain_stays_whole(store, who, of, reason, at, value):
    store.write(lambda c: trail.note(c, who, "thing.done", of=of, reason=reason, at=at, value=value)).result()
    assert verdict(store).sound


@pytest.mark.parametrize("what", ["heard", "Recording.heard", "recording heard", "a.b.c", "", "recording."])
def test_what_was_done_is_two_words(store, what):
    with pytest.raises(ValueError, match=r"thing\.done"):
        note(store, what=what)


def test_a_head_is_read_as_it_was_written():
    head = Head(12, "ab" * 32)
    assert Head.read(f" {head}\n") == head
    for bad in ("", "12", "12:zz", f"x:{'a' * 64}", f"1:{'a' * 63}", f"-1:{'a' * 64}"):
        with pytest.raises(ValueError, match="no head"):
            Head.read(bad)


def test_rows_are_found_by_who_what_of_and_time(anywhere):
    for minute, (who, what, of) in enumerate(
        [("anna", "recording.heard", "c1"), ("boris", "staff.added", "x"), ("anna", "staff.role_changed", "x"),
         ("anna", "staffing.done", "x")]
    ):  # fmt: skip
        at = AT + timedelta(minutes=minute)
        anywhere.write(lambda c, a=at, w=who, d=what, o=of: trail.note(c, w, d, of=o, at=a)).result()

    def found(**wanted):
        return [row.n for row in anywhere.read(lambda conn: trail.page(conn, **wanted)).result()]

    assert found() == [4, 3, 2, 1]
    assert found(who="anna") == [4, 3, 1]
    assert found(what="staff") == [3, 2]
    assert found(what="staff.added") == [2]
    assert found(of="x", who="anna") == [4, 3]
    assert found(since=AT + timedelta(minutes=1), until=AT + timedelta(minutes=3)) == [3, 2]
    assert found(size=2) == [4, 3]
    assert found(size=2, before=3) == [2, 1]
    assert found(who="anna' OR '1'='1") == []
    assert anywhere.read(trail.deeds).result() == [
        "recording.heard", "staff.added", "staff.role_changed", "staffing.done",
    ]  # fmt: skip
