"""Other channels than the telephone: who may do what, what was done once already, and who is to be told of it."""

from sqlalchemy import (
    Boolean,
    Column,
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

from domain.tables.base import CLUSTERED, Id, Instant, metadata

clients = Table(
    "clients",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("source", String(20), nullable=False),  # the channel that it speaks for
    Column("rights", Text, nullable=False),  # words, separated by spaces
    Column("prefix", String(16), nullable=False, unique=True),  # of the key: by it the row is found
    Column("digest", String(64), nullable=False),  # SHA-256 of the key
    Column("per_minute", Integer, nullable=False),
    Column("supplier", String(40)),  # whose accounts alone it deals with; None: everybody's
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client", Id, ForeignKey("clients.id"), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),  # of method, path and body
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("location", String(200)),  # of what was made
    Column("at", Instant, nullable=False),
    Index("ix_idempotency_at", "at"),
    **CLUSTERED,
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),  # in the order in which they were committed by the one writer
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),  # reading.accepted, request.registered ...
    Column("account", String(10)),
    Column("body", Text, nullable=False),  # JSON
    Column("spread", Boolean, nullable=False, server_default=false()),  # to those who want to be told
    Index("ix_events_unspread", "id", sqlite_where=text("spread = 0"), postgresql_where=text("NOT spread")),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client", Id, ForeignKey("clients.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", String(80), nullable=False),
    Column("kinds", Text, nullable=False),  # words, separated by spaces; "*" for all
    Column("created_at", Instant, nullable=False),
    Column("previous_secret", String(80)),  # signs too, so that the receiver has time to learn the new one
    Column("previous_until", Instant),
    Column("failing_since", Instant),  # None: the last delivery went well
    Column("disabled_at", Instant),
    Column("disabled_because", Text),
    UniqueConstraint("client", "url"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("event", Id, ForeignKey("events.id"), primary_key=True),
    Column("webhook", Id, ForeignKey("webhooks.id"), primary_key=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant),  # not before; None: nothing more to do
    Column("delivered_at", Instant),  # None and nothing more to do: set aside
    Column("last_error", Text),
    Index(
        "ix_deliveries_pending",
        "webhook",
        "event",
        sqlite_where=text("next_at IS NOT NULL"),
        postgresql_where=text("next_at IS NOT NULL"),
    ),
    **CLUSTERED,
)
