"""Readings, what was billed from them, and what became of the doubtful ones."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

from domain.model import Doubt, Purpose, Source, Status
from domain.tables.base import CLUSTERED, Id, Instant, metadata, words
from domain.tables.customers import registers

submissions = Table(
    "submissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("receipt", String(8)),  # set in the same transaction, from the id
    Column("meter", Id, ForeignKey("meters.id"), nullable=False),
    Column("call", String(80), ForeignKey("calls.id")),  # None: another channel
    Column("at", Instant, nullable=False),
    UniqueConstraint("call", "meter"),
    Index("ix_submissions_receipt", "receipt"),
)

readings = Table(
    "readings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("register", Id, ForeignKey("registers.id"), nullable=False),
    Column("value", BigInteger, nullable=False),  # whole kWh as displayed
    Column("read_on", Date, nullable=False),  # Europe/Kyiv
    Column("at", Instant, nullable=False),  # when we learned of it
    Column("source", words(Source), nullable=False),
    Column("status", words(Status), nullable=False),
    Column("doubt", words(Doubt)),
    Column("purpose", words(Purpose), nullable=False, server_default="billing"),
    Column("period", Date),  # the first day of the month that it closes; None: a control reading
    Column("said", Text),  # what was answered to which question, of a doubtful one
    Column("inputs", Text),  # JSON: what an estimate was made from
    Column("submission", Id, ForeignKey("submissions.id")),
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),  # the journal line that caused it
    UniqueConstraint("call", "seq"),
    CheckConstraint("value >= 0", "value"),
    CheckConstraint("status <> 'doubtful' OR doubt IS NOT NULL", "doubt_has_a_reason"),
    Index("ix_readings_counting", "register", "status", "read_on", "id"),
    Index("ix_readings_period", "period", "register"),
    Index("ix_readings_at", "at", "source", "status"),  # how many came when, by which channel
    Index(
        "ix_readings_doubtful",
        "id",
        sqlite_where=text("status = 'doubtful'"),
        postgresql_where=text("status = 'doubtful'"),
    ),
)

resolutions = Table(
    "resolutions",
    metadata,
    Column("reading", Id, ForeignKey("readings.id"), primary_key=True),  # a doubtful one that nobody need look at now
    Column("accepted", Id, ForeignKey("readings.id")),  # the one that stands for it; None: it was void
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),  # who decided; "caller" when they corrected it themselves
    Column("because", Text, nullable=False),
    **CLUSTERED,
)

billings = Table(
    "billings",
    metadata,
    Column("period", Date, primary_key=True),  # the first day of the month
    Column("register", Id, ForeignKey("registers.id"), primary_key=True),
    Column("reading", Id, ForeignKey("readings.id"), nullable=False),  # the one that was billed
    Column("used", BigInteger, nullable=False),  # kWh, multiplied
    Column("why", Text, nullable=False),  # JSON: the rule, and what was passed over for which reason
    Column("at", Instant, nullable=False),
    Index("ix_billings_register", "register", "period"),  # what a register was billed at before
    **CLUSTERED,
)

closings = Table(
    "closings",
    metadata,
    Column("period", Date, primary_key=True),
    Column("began_at", Instant, nullable=False),
    Column("closed_at", Instant),  # None: not all accounts are done
    Column("upto", String(10), nullable=False, server_default=""),  # accounts are done in order; the last that is
    Column("measured", Integer, nullable=False, server_default="0"),  # registers billed by a reading
    Column("estimated", Integer, nullable=False, server_default="0"),
    Column("unknown", Integer, nullable=False, server_default="0"),  # with nothing to bill or estimate from
    **CLUSTERED,
)

bills = Table(
    "bills",
    metadata,
    Column("account", String(10), ForeignKey("accounts.number"), primary_key=True),
    Column("period", Date, primary_key=True),
    Column("kwh", BigInteger, nullable=False),
    Column("amount", BigInteger),  # kopiykas; None: the supplier hasn't told us
    Column("paid", BigInteger, nullable=False, server_default="0"),  # kopiykas
    Column("paid_on", Date),
    **CLUSTERED,
)

handover_files = Table(
    "handover_files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("stage", String(20), nullable=False),  # what it is a file of: domain.handover.Stage
    Column("supplier", String(40)),
    Column("period", Date),  # of one with what was billed
    Column("at", Instant, nullable=False),
    Column("rows", Integer, nullable=False, server_default="0"),
    Column("sha256", String(64)),  # None: rows may still be added
    Column("written_at", Instant),  # None: nobody knows that it lies where the supplier gets it
)

handovers = Table(
    "handovers",
    metadata,
    Column("reading", Id, ForeignKey("readings.id"), primary_key=True),  # once each at each stage, by the key
    Column("stage", String(20), primary_key=True),
    Column("file", Id, ForeignKey("handover_files.id"), nullable=False),
    Column("line", Text, nullable=False),  # as it was handed over: what it was made from may be corrected later
    Index("ix_handovers_file", "file", "reading"),
    **CLUSTERED,
)

_later = readings.alias("later")
counting = (
    readings.c.id
    == select(_later.c.id)
    .where(
        _later.c.register == registers.c.id,
        _later.c.status == Status.ACCEPTED,
        _later.c.source != Source.ESTIMATE,
    )
    .order_by(_later.c.read_on.desc(), _later.c.id.desc())
    .limit(1)
    .correlate(registers)
    .scalar_subquery()
)
"""Joins a register with the one reading that counts: the accepted one of the latest day, of one day the one stored
last.  Estimates are passed over: they say what is billed, not what the meter shows, and a true value must not look
"lower" than one that was estimated too high (docs/decisions/074).  A descent of `ix_readings_counting` and a step
back for each estimate since somebody read the meter, not a scan."""
