"""For which reading did I pay, what will be billed, and what does a reading given now count for?

Rules: `silent` and `coming` are as things stand: what was read for the month counts, only the rest is estimated; both
are about active energy; where one register tells nothing, the sum is not known (None).
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, select

from domain import policies, rules
from domain.commands import AskStatement, AskTerms
from domain.handling import Context, Unanswerable, handles
from domain.model import Bill, BilledReading, Energy, Purpose, Source, Statement, Terms
from domain.policy import Policies
from domain.reckoning import Dial, Reckoned, candidates, dials, hangs, reckon, span_of
from domain.tables import accounts, billings, bills, meters, readings, registers
from domain.window import InWindow, Period, standing, window_of


@handles(AskTerms)
def ask_terms(conn: Connection, command: AskTerms, context: Context) -> Terms:
    """A smart meter reports by itself: whether a reading was taken is asked of the others, where there are others."""
    return _outlook(conn, command.account, context)[0]


@handles(AskStatement)
def ask_statement(conn: Connection, command: AskStatement, context: Context) -> Statement:
    """The last bill is of the last month that was closed, or that the supplier told us of."""
    terms, by = _outlook(conn, command.account, context)
    return Statement(_last(conn, command.account), terms, terms.silent, by)


def _outlook(conn: Connection, account: str, context: Context) -> tuple[Terms, Source | None]:
    """The terms of the next bill, and the weakest source of what would be billed."""
    book = policies.load(conn)
    counts = standing(rules.local_day(context.at), book)
    period, window = counts.period, window_of(counts.period, book)
    there = _there(conn, account, period, book)
    sums = [reckon(dial, period, book) for dial in there if dial.energy is Energy.ACTIVE]
    known = [each for each in sums if isinstance(each, Reckoned)]
    sure = bool(known) and len(known) == len(sums)
    terms = Terms(
        Purpose.BILLING if isinstance(counts, InWindow) else Purpose.CONTROL,
        period.first,
        window.first,
        window.last,
        sum(each.used for each in known) if sure else None,
        _submitted(there, period, book),
    )
    precedence = book.precedence(period.last)
    return terms, max((each.source for each in known), key=precedence.rank) if sure else None


def _there(conn: Connection, account: str, period: Period, book: Policies) -> list[Dial]:
    """The registers that will be billed.  Raises Unanswerable when there is no such account."""
    found = dials(conn, account, account, period)
    if not found and conn.execute(_EXISTS, {"of": account}).one_or_none() is None:
        raise Unanswerable(f"no account {account}")
    span = span_of(period, book)
    return [dial for dial in found if hangs(dial, span)]


def _submitted(there: Sequence[Dial], period: Period, book: Policies) -> bool:
    """Who stood by a doubtful value has read the meter too; who was only heard keying one has not."""
    mounted = [dial for dial in there if dial.removed_on is None]
    to_read = [dial for dial in mounted if not dial.smart] or mounted
    return bool(to_read) and all(_read(dial, period, book) for dial in to_read)


def _read(dial: Dial, period: Period, book: Policies) -> bool:
    heard_only = {each.id for each in dial.known if each.doubtful and not each.stood_by}
    return any(
        each.purpose is Purpose.BILLING and each.source is not Source.ESTIMATE and each.stored not in heard_only
        for each in candidates(dial, period, book)
    )


def _last(conn: Connection, account: str) -> Bill | None:
    told = conn.execute(_BILL, {"of": account}).one_or_none()
    closed = conn.execute(_BILLED, {"of": account}).all()
    if told is None and not closed:
        return None
    period = max((*(row.period for row in closed), *((told.period,) if told else ())))
    rows = [row for row in closed if row.period == period]
    made_from = tuple(
        BilledReading(row.meter, row.zone, row.energy, row.value, row.read_on, row.source) for row in rows
    )
    if told and told.period == period:
        return Bill(period, told.kwh, told.amount, told.paid, told.paid_on, made_from)
    kwh = sum(row.used for row in rows if row.energy is Energy.ACTIVE)
    return Bill(period, kwh, None, 0, None, made_from)


# How: statements are made once, for making one costs more than running it

_EXISTS: Final = select(accounts.c.number).where(accounts.c.number == bindparam("of"))
_BILL: Final = select(bills).where(bills.c.account == bindparam("of")).order_by(bills.c.period.desc()).limit(1)
_BILLED: Final = (  # the last of each register; found from the account, never from the month, which all have
    select(
        meters.c.number.label("meter"), registers.c.zone, registers.c.energy, billings.c.used, billings.c.period,
        readings.c.value, readings.c.read_on, readings.c.source,
    )
    .select_from(
        meters.join(registers, registers.c.meter == meters.c.id)
        .join(billings, billings.c.register == registers.c.id)
        .join(readings, readings.c.id == billings.c.reading)
    )
    .where(
        meters.c.account == bindparam("of"),
        billings.c.period
        == select((_any := billings.alias("any")).c.period)
        .where(_any.c.register == registers.c.id)
        .order_by(_any.c.period.desc())
        .limit(1)
        .correlate(registers)
        .scalar_subquery(),
    )
    .order_by(meters.c.id, registers.c.id)
)  # fmt: skip
