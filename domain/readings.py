"""What was read, by whom, and what it counts for: the questions that people ask of stored readings."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from domain.model import Doubt, Source, Status, Zone
from domain.tables import meters, readings, registers, submissions


@dataclass(frozen=True, slots=True)
class StoredReading:
    """One reading as the store has it.

    value: kWh as displayed.  read_on: Europe/Kyiv.  at: when we learned of it, UTC.
    call, seq: the call and journal line that caused it, None for other channels.
    receipt: the number the customer was told, None for readings that nobody submitted.
    """

    account: str
    meter: str
    zone: Zone
    value: int
    read_on: date
    at: datetime
    source: Source
    status: Status
    doubt: Doubt | None
    call: str | None
    receipt: str | None
    seq: int | None


def stored(
    conn: Connection, *, call: str | None = None, source: Source | None = None, account: str | None = None
) -> list[StoredReading]:
    """The readings that this call caused, came from this source, are of this account; all that is said must hold.

    In the order in which they were stored.
    """
    statement = (
        select(
            meters.c.account,
            meters.c.number.label("meter"),
            registers.c.zone,
            readings.c.value,
            readings.c.read_on,
            readings.c.at,
            readings.c.source,
            readings.c.status,
            readings.c.doubt,
            readings.c.call,
            submissions.c.receipt,
            readings.c.seq,
        )
        .join(registers, registers.c.id == readings.c.register)
        .join(meters, meters.c.id == registers.c.meter)
        .outerjoin(submissions, submissions.c.id == readings.c.submission)
        .order_by(readings.c.id)
    )
    if call is not None:
        statement = statement.where(readings.c.call == call)
    if source is not None:
        statement = statement.where(readings.c.source == source)
    if account is not None:
        statement = statement.where(meters.c.account == account)
    return [StoredReading(*row) for row in conn.execute(statement)]
