"""How often prompts are heard and cut off: sums that follow from what each call was counted with."""

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from alembic import command
from figured import DAY, NOON, over
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain import debts, migrations, plays, tallies
from domain.plays import Heard, Play
from domain.store import Store
from domain.tables import play_days
from domain.window import Span

NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))
ACCOUNT = Play("account", "uk", 3, 1, 1)
MENU = Play("menu", "uk", 1)
AGAIN = Play("noinput", "uk", before=2)


def job(store, deed):
    return store.write(deed).result()


def count(conn, name, *played, at=NOON):
    over(conn, name, at=at)
    return tallies.count(conn, name, tallies.Tally(plays=played))


def heard(store, prompt, language="uk", span=NOVEMBER):
    return store.read(lambda conn: plays.heard(conn, prompt, language, span)).result()


def test_plays_of_calls_add_up_by_prompt_language_and_day(store):
    job(store, lambda conn: count(conn, "a", ACCOUNT, MENU))
    job(store, lambda conn: count(conn, "b", ACCOUNT, Play("account", "ru", 1, 0, 1), at=NOON + 2 * DAY))

    assert heard(store, "account") == Heard(6, 2, 2)
    assert heard(store, "account", "ru").voice_share == 1.0
    assert heard(store, "account", span=Span(NOVEMBER.first, NOON.date())) == Heard(3, 1, 1)
    assert (heard(store, "account").key_share, heard(store, "menu").key_share) == (1 / 3, 0.0)


def test_what_nobody_heard_has_no_share_and_what_was_said_before_another_is_in_none(store):
    job(store, lambda conn: count(conn, "a", AGAIN))
    assert heard(store, "nothing") == Heard()
    assert heard(store, "nothing").key_share is heard(store, "nothing").voice_share is None
    again = heard(store, "noinput")
    assert (again.times, again.plays, again.key_share) == (2, 0, None)


def test_a_call_at_midnight_of_kyiv_is_of_the_day_on_which_it_began(store):
    late = NOON.replace(hour=22, minute=30)  # 00:30 in Kyiv
    job(store, lambda conn: count(conn, "late", MENU, at=late))
    assert heard(store, "menu", span=Span(late.date(), late.date())) == Heard()
    assert heard(store, "menu", span=Span(late.date() + DAY, late.date() + DAY)) == Heard(1)


def test_a_call_that_was_counted_before_plays_were_is_counted_anew(store):
    job(store, lambda conn: count(conn, "old"))
    assert heard(store, "menu") == Heard()
    job(store, lambda conn: tallies.count(conn, "old", tallies.Tally(plays=[MENU])))
    job(store, lambda conn: tallies.count(conn, "old", tallies.Tally(plays=[MENU])))
    assert heard(store, "menu") == Heard(1)


PLAYED = st.lists(st.sampled_from((ACCOUNT, AGAIN, MENU)), unique=True, max_size=3).map(
    lambda some: sorted(some, key=lambda one: one.prompt)
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.none() | PLAYED), max_size=8))
def test_whatever_is_counted_and_taken_out_the_sums_are_what_rows_say(store, deeds):
    def all_(conn):
        rows = conn.execute(select(play_days).order_by(play_days.c.prompt, play_days.c.day))
        return [row for row in rows if any(row[3:])]

    def play(conn):
        for number in range(4):
            tallies.uncount(conn, f"p{number}")
            over(conn, f"p{number}", at=NOON + timedelta(days=number))
        kept = {}
        for number, played in deeds:
            if played is None:
                tallies.uncount(conn, f"p{number}")
                kept.pop(number, None)
            else:
                assert tallies.count(conn, f"p{number}", tallies.Tally(plays=played))
                kept[number] = played
        before = all_(conn)
        tallies.recount(conn)
        assert all_(conn) == before
        assert sum(row.plays for row in before) == sum(one.plays for some in kept.values() for one in some)

    job(store, play)


def test_calls_of_the_last_month_are_owed_to_be_counted_when_plays_come(url):
    engine = sa.create_engine(url)
    today = datetime.now(UTC)
    with engine.begin() as conn:
        command.upgrade(migrations.config(conn), "head")
        command.downgrade(migrations.config(conn), "0011")
        for name, at in (("lately", today - DAY), ("long-ago", today - 40 * DAY)):
            values = {"id": name, "at": at.strftime("%Y-%m-%d %H:%M:%S.000000"), "day": at.date().isoformat()}
            conn.execute(
                sa.text(
                    "INSERT INTO calls (id, dialled, driver, began_at, ended_at, outcome)"
                    " VALUES (:id, '100', 'here', :at, :at, 'informed')"
                ),
                values,
            )
            conn.execute(
                sa.text(
                    'INSERT INTO counted_calls ("call", day, hour, matter, language, outcome, sent, seconds, known)'
                    " VALUES (:id, :day, 12, 'none', 'uk', 'informed', false, 60, true)"
                ),
                values,
            )
    engine.dispose()
    with Store.open(url) as opened:
        assert [debt.call for debt in opened.read(lambda conn: debts.owed(conn, 9)).result()] == ["lately"]
        assert opened.read(lambda conn: debts.owed(conn, 9)).result()[0].revision == 1
