"""What an account's registers have shown, page by page; and what was billed, as the supplier tells us."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from domain import news
from domain.handling import Unanswerable
from domain.model import Doubt, Energy, Purpose, Source, Status, Zone
from domain.tables import accounts, bills, meters, readings, registers, submissions


@dataclass(frozen=True, slots=True)
class PastReading:
    """One stored reading.  id: in the order of storing.  value: as displayed.  read_on: Europe/Kyiv.  at: UTC."""

    id: int
    meter: str
    zone: Zone
    energy: Energy
    value: int
    read_on: date
    at: datetime
    source: Source
    status: Status
    doubt: Doubt | None
    purpose: Purpose
    period: date | None
    receipt: str | None


def page(conn: Connection, account: str, *, before: int | None = None, limit: int = 50) -> list[PastReading]:
    """Readings of this account, newest first, meters that were removed included.  before: an id."""
    statement = (
        select(
            readings.c.id, meters.c.number.label("meter"), registers.c.zone, registers.c.energy, readings.c.value,
            readings.c.read_on, readings.c.at, readings.c.source, readings.c.status, readings.c.doubt,
            readings.c.purpose, readings.c.period, submissions.c.receipt,
        )
        .join(registers, registers.c.id == readings.c.register)
        .join(meters, meters.c.id == registers.c.meter)
        .outerjoin(submissions, submissions.c.id == readings.c.submission)
        .where(meters.c.account == account)
        .order_by(readings.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        statement = statement.where(readings.c.id < before)
    return [PastReading(*row) for row in conn.execute(statement)]


def post_bill(
    conn: Connection,
    account: str,
    period: date,
    *,
    kwh: int,
    amount: int | None,
    paid: int,
    paid_on: date | None,
    at: datetime,
) -> bool:
    """What was billed for this month (its first day); whether it is new.  The same again changes nothing.

    kwh: multiplied.  amount, paid: kopiykas.  Raises Unanswerable when nobody has this account.
    """
    values = {"kwh": kwh, "amount": amount, "paid": paid, "paid_on": paid_on}
    this = (bills.c.account == account, bills.c.period == period)
    before = conn.execute(select(bills).where(*this)).one_or_none()
    if before is None:
        if conn.execute(select(accounts.c.number).where(accounts.c.number == account)).one_or_none() is None:
            raise Unanswerable(f"there is no account {account!r}")
        conn.execute(insert(bills), {"account": account, "period": period, **values})
    elif (before.kwh, before.amount, before.paid, before.paid_on) == (kwh, amount, paid, paid_on):
        return False
    else:
        conn.execute(update(bills).where(*this).values(values))
    news.tell(conn, "bill.posted", at, account, period=period, **values)
    return before is None
