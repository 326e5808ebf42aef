"""Customers: their accounts, where these are, what measures there, and who calls for them."""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
)

from domain.model import AccountKind, Energy, Language, Zone
from domain.tables.base import CLUSTERED, Id, metadata, words

PATTERNS: Final = {"street": "text_pattern_ops", "settlement": "text_pattern_ops"}
"""So that the beginning of a name is a range of the index in any collation of PostgreSQL."""

buildings = Table(
    "buildings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("region", String(60), nullable=False),
    Column("settlement", String(80), nullable=False),
    Column("street", String(120), nullable=False),
    Column("house", String(20), nullable=False),
    Column("feeder", String(40)),  # the line that supplies it; None when unknown
    UniqueConstraint("settlement", "street", "house", "region"),
    Index("ix_buildings_feeder", "feeder"),
    Index("ix_buildings_street", "street", "house", "settlement", postgresql_ops=PATTERNS),
    Index("ix_buildings_settlement", "settlement", "street", postgresql_ops=PATTERNS),
)

accounts = Table(
    "accounts",
    metadata,
    Column("number", String(10), primary_key=True),
    Column("kind", words(AccountKind), nullable=False, server_default="household"),
    Column("eic", String(16)),  # of the metering point
    Column("supplier", String(40)),  # who bills
    Column("building", Id, ForeignKey("buildings.id")),
    Column("flat", String(20)),
    Index("ix_accounts_building", "building"),
    Index("ix_accounts_eic", "eic"),
    **CLUSTERED,
)

caller_numbers = Table(
    "caller_numbers",
    metadata,
    Column("number", String(20), primary_key=True),  # E.164 with "+"
    Column("language", words(Language)),  # that they chose last
    **CLUSTERED,
)

caller_accounts = Table(
    "caller_accounts",
    metadata,
    Column("number", String(20), ForeignKey("caller_numbers.number"), primary_key=True),
    Column("account", String(10), ForeignKey("accounts.number"), primary_key=True),
    Index("ix_caller_accounts_account", "account"),
    **CLUSTERED,
)

meters = Table(
    "meters",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account", String(10), ForeignKey("accounts.number"), nullable=False),
    Column("number", String(40), nullable=False),  # on its face; makers don't agree on who uses which
    Column("multiplier", Integer, nullable=False),
    Column("power", Float, nullable=False),  # kW
    Column("smart", Boolean, nullable=False, server_default=false()),
    Column("removed_on", Date),  # None: it hangs there
    UniqueConstraint("account", "number"),
    Index("ix_meters_number", "number"),
    CheckConstraint("multiplier >= 1", "multiplier"),
)

registers = Table(
    "registers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("meter", Id, ForeignKey("meters.id"), nullable=False),
    Column("zone", words(Zone), nullable=False),
    Column("width", Integer, nullable=False),  # digits before the point
    Column("usual", Float),  # kWh a day as displayed
    Column("energy", words(Energy), nullable=False, server_default="active"),
    UniqueConstraint("meter", "zone", "energy"),
    CheckConstraint("width BETWEEN 1 AND 12", "width"),
)
