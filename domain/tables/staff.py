"""Who works here, their sessions, and the trail of what they did."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false

from domain.model import Language
from domain.roles import Role
from domain.tables.base import CLUSTERED, Id, Instant, metadata, words

staff = Table(
    "staff",
    metadata,
    Column("id", Id, primary_key=True),
    Column("login", String(80), nullable=False, unique=True),  # small letters
    Column("name", String(120), nullable=False),
    Column("role", words(Role), nullable=False),
    Column("language", words(Language), nullable=False),
    Column("hash", Text),  # argon2id in PHC form; None: no password, the company's own sign-in only
    Column("password_at", Instant),  # when it was set
    Column("must_change", Boolean, nullable=False, server_default=false()),  # the password is a temporary one
    Column("issuer", String(255)),  # of the company's sign-in, and the person there
    Column("subject", String(255)),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("staff", Id, ForeignKey("staff.id"), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token
    Column("way", String(20), nullable=False),  # password, oidc
    Column("address", String(80), nullable=False),
    Column("agent", Text, nullable=False),  # what the browser calls itself
    Column("opened_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Index("ix_sessions_staff", "staff", "opened_at"),
)

grants = Table(
    "grants",
    metadata,
    Column("session", Id, ForeignKey("sessions.id"), primary_key=True),
    Column("what", String(120), primary_key=True),  # listen:CALL
    Column("until_at", Instant, nullable=False),
    **CLUSTERED,
)

attempts = Table(
    "attempts",
    metadata,
    Column("key", String(80), primary_key=True),  # login:DIGEST, place:DIGEST, address:ADDRESS
    Column("failures", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("free_at", Instant, nullable=False),  # not before
    Index("ix_attempts_last_at", "last_at"),
    **CLUSTERED,
)

trail = Table(  # triggers of migration 0004 refuse UPDATE and DELETE
    "trail",
    metadata,
    Column("n", Id, primary_key=True),  # 1, 2, 3 ... without gaps
    Column("at", Instant, nullable=False),
    Column("who", String(80), nullable=False),
    Column("what", String(80), nullable=False),  # recording.heard
    Column("of", String(200)),
    Column("reason", Text),
    Column("details", Text, nullable=False),  # JSON
    Column("hash", String(64), nullable=False),  # SHA-256 over the hash of the row before and this row
    Index("ix_trail_who", "who", "n"),
    Index("ix_trail_what", "what", "n"),
    Index("ix_trail_of", "of", "n"),
    Index("ix_trail_at", "at"),
)
