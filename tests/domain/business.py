"""What the tests of requests, outages and orders share: addresses, staff, and how to ask as one or the other."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from domain.commands import Command
from domain.handlers import perform
from domain.model import Source
from domain.tables import accounts, buildings, events
from tests.domain.conftest import NOW, Run

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ONE, TWO, THREE, FOUR, FIVE = ("1000000018", "1000000026", "1000000039", "1000000047", "1000000052")
FIRST, SECOND, THIRD, FOURTH = (9001, 9002, 9003, 9004)
HOMELESS = "1000000132"  # an account whose address nobody knows

Ask = Callable[..., Any]


def caller(run: Run) -> Ask:
    """Asks as a caller: (command, seq, call=, at=)."""

    def ask(command: Command[Any], seq: int | None = None, *, call: str = "c1", at: datetime = NOW) -> Any:
        return run(lambda conn: perform(conn, command, call=None if seq is None else call, seq=seq, at=at))

    return ask


def staff(run: Run, who: str = "Olena") -> Ask:
    """Acts as a member of staff: (command, at=)."""

    def act(command: Command[Any], *, at: datetime = NOW) -> Any:
        return run(lambda conn: perform(conn, command, call=None, seq=None, at=at, source=Source.WEB, by=who))

    return act


def settle(conn: Connection) -> None:
    """Four buildings: the first three on feeder F1, the last on none we know; ONE and FIVE live in the first, TWO in
    the second, THREE in the third, FOUR in the fourth."""
    for place in (FIRST, SECOND, THIRD, FOURTH):
        feeder = None if place == FOURTH else "F1"
        region = "Podil" if place in (FIRST, SECOND) else "Troieshchyna"
        values = {"id": place, "region": region, "settlement": "Kyiv", "street": "Khoryva", "house": str(place)}
        conn.execute(insert(buildings).values(**values, feeder=feeder))
    for account, place in (
        (ONE, FIRST),
        (TWO, SECOND),
        (THREE, THIRD),
        (FOUR, FOURTH),
        (FIVE, FIRST),
        (HOMELESS, None),
    ):
        move(conn, account, place)


def move(conn: Connection, account: str, building: int | None) -> None:
    """The account is supplied there."""
    conn.execute(update(accounts).where(accounts.c.number == account).values(building=building))


def told(run: Run, kind: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """The events so far, with what they say."""
    rows = run(lambda conn: conn.execute(select(events).order_by(events.c.id)).all())
    return [(row.kind, json.loads(row.body)) for row in rows if kind in (None, row.kind)]


def at(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)
