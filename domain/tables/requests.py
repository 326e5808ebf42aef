"""What customers want of people: requests, outages, services, calls back; and what supervisors announce."""

from typing import Any, Final

from sqlalchemy import (
    Boolean,
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
    false,
    text,
)

from domain.desk import RefusalGround
from domain.model import OrderKind, OutageKind, ReplyBy, RequestKind, RequestState, Topic
from domain.tables.base import Id, Instant, metadata, words

_UNPLANNED: Final = "restored_at IS NULL AND NOT planned"


def where(condition: str) -> dict[str, Any]:
    """Of an index: only of rows of which this is true."""
    return {f"{name}_where": text(condition) for name in ("sqlite", "postgresql")}


policies = Table(
    "policies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("since", Date, nullable=False),
    Column("terms", Text, nullable=False),  # JSON
    Column("source", Text, nullable=False),  # the paragraph that it comes from
    Column("entered_at", Instant, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(8), unique=True),  # set in the same transaction, from the id
    Column("kind", words(RequestKind), nullable=False),
    Column("topic", words(Topic), nullable=False),
    Column("state", words(RequestState), nullable=False),
    Column("account", String(10), ForeignKey("accounts.number")),
    Column("contact", String(254)),
    Column("reply_by", words(ReplyBy), nullable=False),
    Column("text", Text),
    Column("told_from", Instant),  # what the caller said, as a part of the call's recording; None: nothing, or text
    Column("told_to", Instant),
    Column("source", String(20), nullable=False),  # the channel that it came by
    Column("registered_at", Instant, nullable=False),
    Column("due", Date, nullable=False),  # as it is now, an extension included
    Column("rule", Text, nullable=False),  # JSON: the policy row that set it, and what was promised first
    Column("responsible", String(120)),
    Column("responsible_phone", String(20)),
    Column("assigned_to", String(80)),  # the login of who is responsible; None: somebody without one
    Column("escalate_at", Instant),  # when somebody must be warned next; None: no more
    Column("closed_at", Instant),
    Column("justified", Boolean),  # None: not found yet, or nothing that could be (a question, a suggestion)
    Column("reasons", Text),
    Column("rights", Text),  # which are restored, and how
    Column("measures", Text),
    Column("planned_on", Date),  # when the measures are done
    Column("reply", Text),
    Column("replied_by", words(ReplyBy)),
    Column("replied_at", Instant),
    Column("ground", words(RefusalGround)),
    Column("notified_by", words(ReplyBy)),
    Column("notified_at", Instant),
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),
    UniqueConstraint("call", "seq"),
    CheckConstraint("(told_from IS NULL) = (told_to IS NULL)", "told_has_both_ends"),
    CheckConstraint("told_from IS NULL OR (told_from < told_to AND call IS NOT NULL)", "told_in_a_call"),
    CheckConstraint("state <> 'draft' OR told_from IS NOT NULL", "draft_was_told"),
    CheckConstraint("(closed_at IS NULL) = (state NOT IN ('considered', 'refused'))", "closed_when_ended"),
    CheckConstraint(
        "state <> 'considered' OR ((justified IS NOT NULL OR kind <> 'complaint') AND reasons IS NOT NULL"
        " AND responsible IS NOT NULL AND reply IS NOT NULL AND replied_by IS NOT NULL AND replied_at IS NOT NULL)",
        "considered_is_replied_to",
    ),
    CheckConstraint(
        "justified IS NULL OR NOT justified"
        " OR (rights IS NOT NULL AND measures IS NOT NULL AND planned_on IS NOT NULL)",
        "justified_has_measures",
    ),
    CheckConstraint(
        "state <> 'refused' OR (ground IS NOT NULL"
        " AND (ground = 'no_contact' OR (notified_by IS NOT NULL AND notified_at IS NOT NULL)))",
        "refused_is_told",
    ),
    Index("ix_requests_account", "account"),
    Index(
        "ix_requests_due",
        "due",
        **where("closed_at IS NULL"),
    ),
    Index("ix_requests_escalate_at", "escalate_at"),
    Index("ix_requests_closed_at", "closed_at", "id", **where("closed_at IS NOT NULL")),
)

request_events = Table(
    "request_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("request", Id, ForeignKey("requests.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(120), nullable=False),
    Column("what", String(40), nullable=False),  # registered, assigned, interim, considered, refused, escalated ...
    Column("details", Text, nullable=False),  # JSON
    Index("ix_request_events_request", "request", "id"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("building", Id, ForeignKey("buildings.id")),  # None: the whole feeder
    Column("feeder", String(40)),  # that supplied the building then; None: unknown, or not switched as one
    Column("danger", Boolean, nullable=False, server_default=false()),
    Column("planned", Boolean, nullable=False, server_default=false()),
    Column("began_at", Instant, nullable=False),
    Column("expected_at", Instant),
    Column("cause", Text),
    Column("restored_at", Instant),  # or when it became part of another
    Column("merged_into", Id, ForeignKey("incidents.id")),
    CheckConstraint("building IS NOT NULL OR feeder IS NOT NULL", "somewhere"),
    CheckConstraint("merged_into IS NULL OR restored_at IS NOT NULL", "merged_is_closed"),
    CheckConstraint("NOT planned OR expected_at IS NOT NULL", "works_end"),
    Index("ix_incidents_building", "building", "restored_at"),
    Index("ix_incidents_feeder", "feeder", "restored_at"),
    Index("ix_incidents_merged_into", "merged_into", **where("merged_into IS NOT NULL")),
    Index("ix_incidents_open_building", "building", unique=True, **where(f"{_UNPLANNED} AND building IS NOT NULL")),
    Index("ix_incidents_open_feeder", "feeder", unique=True, **where(f"{_UNPLANNED} AND building IS NULL")),
)

outage_reports = Table(
    "outage_reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(8), unique=True),  # None: said again; the number is that of the first
    Column("repeats", Id, ForeignKey("outage_reports.id")),  # the same account's first report of this incident
    Column("incident", Id, ForeignKey("incidents.id")),  # None: nobody knows where it is
    Column("kind", words(OutageKind), nullable=False),
    Column("account", String(10), ForeignKey("accounts.number")),
    Column("contact", String(20)),
    Column("source", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("told", Text),  # JSON: what the customer was answered
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),
    UniqueConstraint("call", "seq"),
    Index("ix_outage_reports_incident", "incident", "repeats", "account"),
    Index("ix_outage_reports_account", "account"),
    Index("ix_outage_reports_repeats", "repeats", **where("repeats IS NOT NULL")),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(8), unique=True),
    Column("kind", words(OrderKind), nullable=False),
    Column("account", String(10), ForeignKey("accounts.number"), nullable=False),
    Column("contact", String(20)),
    Column("source", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("due", Date, nullable=False),
    Column("done_at", Instant),
    Column("result", Text),  # what was done, or why it was not
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),
    UniqueConstraint("call", "seq"),
    Index("ix_orders_account", "account"),
    Index(
        "ix_orders_due",
        "due",
        **where("done_at IS NULL"),
    ),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", String(8), unique=True),
    Column("contact", String(20), nullable=False),
    Column("about", String(60), nullable=False),
    Column("account", String(10), ForeignKey("accounts.number")),
    Column("begins_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("source", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", Instant),
    Column("result", Text),
    Column("call", String(80), ForeignKey("calls.id")),
    Column("seq", Integer),
    UniqueConstraint("call", "seq"),
    Index("ix_callbacks_account", "account"),
    Index(
        "ix_callbacks_ends_at",
        "ends_at",
        **where("done_at IS NULL"),
    ),
)

announcements = Table(
    "announcements",
    metadata,
    Column("id", Id, primary_key=True),
    Column("prompt", String(60), nullable=False),  # its name in the catalogue
    Column("region", String(60)),  # None: for all
    Column("until", Instant),  # what callers are told; None: nothing
    Column("on_at", Instant, nullable=False),
    Column("on_by", String(120), nullable=False),
    Column("off_at", Instant),  # may lie in the future
    Column("off_by", String(120)),
    Index("ix_announcements_off_at", "off_at"),
)
