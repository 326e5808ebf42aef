"""The whole business: addresses, bills, requests, outages, orders, other channels."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _id() -> str:
    return "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"


def _rebuild_registers(unique: tuple[str, ...], *, energy: bool) -> None:
    """Another unique constraint; SQLite can't change one in place, and its foreign keys are off while we migrate."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("uq_registers_meter"), "registers", type_="unique")
        op.create_unique_constraint(op.f("uq_registers_meter"), "registers", list(unique))
        if not energy:
            op.drop_column("registers", "energy")
        return
    columns = [
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("meter", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("zone", sa.String(length=20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Float(), nullable=True),
    ]
    if energy:
        columns.append(sa.Column("energy", sa.String(length=20), server_default="active", nullable=False))
    op.create_table(
        "new_registers",
        *columns,
        sa.CheckConstraint("width BETWEEN 1 AND 12", name=op.f("ck_registers_width")),
        sa.ForeignKeyConstraint(["meter"], ["meters.id"], name=op.f("fk_registers_meter_meters")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registers")),
        sa.UniqueConstraint(*unique, name=op.f("uq_registers_meter")),
    )
    names = ", ".join(column.name for column in columns)
    op.execute(f"INSERT INTO new_registers ({names}) SELECT {names} FROM registers")  # noqa: S608
    op.drop_table("registers")
    op.rename_table("new_registers", "registers")


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("prompt", sa.String(length=60), nullable=False),
        sa.Column("region", sa.String(length=60), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("on_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on_by", sa.String(length=120), nullable=False),
        sa.Column("off_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("off_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
    )
    op.create_index("ix_announcements_off_at", "announcements", ["off_at"], unique=False)
    op.create_table(
        "buildings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("region", sa.String(length=60), nullable=False),
        sa.Column("settlement", sa.String(length=80), nullable=False),
        sa.Column("street", sa.String(length=120), nullable=False),
        sa.Column("house", sa.String(length=20), nullable=False),
        sa.Column("feeder", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buildings")),
        sa.UniqueConstraint("settlement", "street", "house", "region", name=op.f("uq_buildings_settlement")),
    )
    op.create_index("ix_buildings_feeder", "buildings", ["feeder"], unique=False)
    op.create_table(
        "clients",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("supplier", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("name", name=op.f("uq_clients_name")),
        sa.UniqueConstraint("prefix", name=op.f("uq_clients_prefix")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("spread", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(
        "ix_events_unspread",
        "events",
        ["id"],
        unique=False,
        sqlite_where=sa.text("spread = 0"),
        postgresql_where=sa.text("NOT spread"),
    )
    op.create_table(
        "closings",
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upto", sa.String(length=10), server_default="", nullable=False),
        sa.Column("measured", sa.Integer(), server_default="0", nullable=False),
        sa.Column("estimated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unknown", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("period", name=op.f("pk_closings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "handover_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("supplier", sa.String(length=40), nullable=True),
        sa.Column("period", sa.Date(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_files")),
        sa.UniqueConstraint("name", name=op.f("uq_handover_files_name")),
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
    )
    op.create_table(
        "idempotency",
        sa.Column("client", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["client"], ["clients.id"], name=op.f("fk_idempotency_client_clients")),
        sa.PrimaryKeyConstraint("client", "key", name=op.f("pk_idempotency")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_at", "idempotency", ["at"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("building", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("feeder", sa.String(length=40), nullable=True),
        sa.Column("danger", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("planned", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("restored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("building IS NOT NULL OR feeder IS NOT NULL", name=op.f("ck_incidents_somewhere")),
        sa.CheckConstraint(
            "merged_into IS NULL OR restored_at IS NOT NULL", name=op.f("ck_incidents_merged_is_closed")
        ),
        sa.CheckConstraint("NOT planned OR expected_at IS NOT NULL", name=op.f("ck_incidents_works_end")),
        sa.ForeignKeyConstraint(["building"], ["buildings.id"], name=op.f("fk_incidents_building_buildings")),
        sa.ForeignKeyConstraint(["merged_into"], ["incidents.id"], name=op.f("fk_incidents_merged_into_incidents")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    for column, wide in (("building", "building IS NOT NULL"), ("feeder", "building IS NULL")):
        where = sa.text(f"restored_at IS NULL AND NOT planned AND {wide}")
        op.create_index(
            f"ix_incidents_open_{column}", "incidents", [column], unique=True,
            sqlite_where=where, postgresql_where=where,
        )  # fmt: skip
    where = sa.text("merged_into IS NOT NULL")
    op.create_index(
        "ix_incidents_merged_into", "incidents", ["merged_into"], sqlite_where=where, postgresql_where=where
    )
    op.create_index("ix_incidents_building", "incidents", ["building", "restored_at"], unique=False)
    op.create_index("ix_incidents_feeder", "incidents", ["feeder", "restored_at"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("client", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=80), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_secret", sa.String(length=80), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["client"], ["clients.id"], name=op.f("fk_webhooks_client_clients")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("client", "url", name=op.f("uq_webhooks_client")),
    )
    op.create_table(
        "bills",
        sa.Column("account", sa.String(length=10), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("kwh", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("paid", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_bills_account_accounts")),
        sa.PrimaryKeyConstraint("account", "period", name=op.f("pk_bills")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "callbacks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=True),
        sa.Column("contact", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=True),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_callbacks_account_accounts")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_callbacks_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("call", "seq", name=op.f("uq_callbacks_call")),
        sa.UniqueConstraint("number", name=op.f("uq_callbacks_number")),
    )
    op.create_index(
        "ix_callbacks_ends_at",
        "callbacks",
        ["ends_at"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "deliveries",
        sa.Column("event", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("webhook", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_deliveries_event_events")),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_webhooks")),
        sa.PrimaryKeyConstraint("event", "webhook", name=op.f("pk_deliveries")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["webhook", "event"],
        unique=False,
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=False),
        sa.Column("contact", sa.String(length=20), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_orders_account_accounts")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_orders_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("call", "seq", name=op.f("uq_orders_call")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    op.create_index("ix_orders_account", "orders", ["account"], unique=False)
    op.create_index(
        "ix_orders_due",
        "orders",
        ["due"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "outage_reports",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=True),
        sa.Column("repeats", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("incident", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=True),
        sa.Column("contact", sa.String(length=20), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_outage_reports_account_accounts")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_outage_reports_call_calls")),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name=op.f("fk_outage_reports_incident_incidents")),
        sa.ForeignKeyConstraint(
            ["repeats"], ["outage_reports.id"], name=op.f("fk_outage_reports_repeats_outage_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_reports")),
        sa.UniqueConstraint("call", "seq", name=op.f("uq_outage_reports_call")),
        sa.UniqueConstraint("number", name=op.f("uq_outage_reports_number")),
    )
    op.create_index("ix_outage_reports_account", "outage_reports", ["account"], unique=False)
    op.create_index("ix_outage_reports_incident", "outage_reports", ["incident", "repeats", "account"], unique=False)
    where = sa.text("repeats IS NOT NULL")
    op.create_index(
        "ix_outage_reports_repeats", "outage_reports", ["repeats"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("topic", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=10), nullable=True),
        sa.Column("contact", sa.String(length=254), nullable=True),
        sa.Column("reply_by", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("responsible", sa.String(length=120), nullable=True),
        sa.Column("responsible_phone", sa.String(length=20), nullable=True),
        sa.Column("escalate_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("justified", sa.Boolean(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("rights", sa.Text(), nullable=True),
        sa.Column("measures", sa.Text(), nullable=True),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("replied_by", sa.String(length=20), nullable=True),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ground", sa.String(length=20), nullable=True),
        sa.Column("notified_by", sa.String(length=20), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call", sa.String(length=80), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (state NOT IN ('considered', 'refused'))",
            name=op.f("ck_requests_closed_when_ended"),
        ),
        sa.CheckConstraint(
            "state <> 'considered' OR ((justified IS NOT NULL OR kind <> 'complaint') AND reasons IS NOT NULL"
            " AND responsible IS NOT NULL AND reply IS NOT NULL AND replied_by IS NOT NULL"
            " AND replied_at IS NOT NULL)",
            name=op.f("ck_requests_considered_is_replied_to"),
        ),
        sa.CheckConstraint(
            "justified IS NULL OR NOT justified"
            " OR (rights IS NOT NULL AND measures IS NOT NULL AND planned_on IS NOT NULL)",
            name=op.f("ck_requests_justified_has_measures"),
        ),
        sa.CheckConstraint(
            "state <> 'refused' OR (ground IS NOT NULL"
            " AND (ground = 'no_contact' OR (notified_by IS NOT NULL AND notified_at IS NOT NULL)))",
            name=op.f("ck_requests_refused_is_told"),
        ),
        sa.ForeignKeyConstraint(["account"], ["accounts.number"], name=op.f("fk_requests_account_accounts")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_requests_call_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("call", "seq", name=op.f("uq_requests_call")),
        sa.UniqueConstraint("number", name=op.f("uq_requests_number")),
    )
    op.create_index("ix_requests_account", "requests", ["account"], unique=False)
    op.create_index(
        "ix_requests_due",
        "requests",
        ["due"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("ix_requests_escalate_at", "requests", ["escalate_at"], unique=False)
    op.create_table(
        "request_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["request"], ["requests.id"], name=op.f("fk_request_events_request_requests")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_events")),
    )
    op.create_index("ix_request_events_request", "request_events", ["request", "id"], unique=False)
    op.create_table(
        "billings",
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("register", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reading", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["reading"], ["readings.id"], name=op.f("fk_billings_reading_readings")),
        sa.ForeignKeyConstraint(["register"], ["registers.id"], name=op.f("fk_billings_register_registers")),
        sa.PrimaryKeyConstraint("period", "register", name=op.f("pk_billings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_billings_register", "billings", ["register", "period"], unique=False)
    op.create_table(
        "handovers",
        sa.Column("reading", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("file", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["handover_files.id"], name=op.f("fk_handovers_file_handover_files")),
        sa.ForeignKeyConstraint(["reading"], ["readings.id"], name=op.f("fk_handovers_reading_readings")),
        sa.PrimaryKeyConstraint("reading", "stage", name=op.f("pk_handovers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_handovers_file", "handovers", ["file", "reading"], unique=False)
    op.create_table(
        "resolutions",
        sa.Column("reading", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("accepted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["accepted"], ["readings.id"], name=op.f("fk_resolutions_accepted_readings")),
        sa.ForeignKeyConstraint(["reading"], ["readings.id"], name=op.f("fk_resolutions_reading_readings")),
        sa.PrimaryKeyConstraint("reading", name=op.f("pk_resolutions")),
        sqlite_with_rowid=False,
    )
    op.add_column("accounts", sa.Column("kind", sa.String(length=20), server_default="household", nullable=False))
    op.add_column("accounts", sa.Column("eic", sa.String(length=16), nullable=True))
    op.add_column("accounts", sa.Column("supplier", sa.String(length=40), nullable=True))
    op.execute(  # in one statement: SQLite adds a reference together with its column, or not at all
        f"ALTER TABLE accounts ADD COLUMN building {_id()} CONSTRAINT fk_accounts_building_buildings "
        "REFERENCES buildings (id)"
    )
    op.add_column("accounts", sa.Column("flat", sa.String(length=20), nullable=True))
    op.create_index("ix_accounts_building", "accounts", ["building"], unique=False)
    op.add_column("calls", sa.Column("context", sa.Text(), nullable=True))
    op.add_column("meters", sa.Column("smart", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("meters", sa.Column("removed_on", sa.Date(), nullable=True))
    op.add_column("readings", sa.Column("purpose", sa.String(length=20), server_default="billing", nullable=False))
    op.add_column("readings", sa.Column("period", sa.Date(), nullable=True))
    op.add_column("readings", sa.Column("said", sa.Text(), nullable=True))
    op.add_column("readings", sa.Column("inputs", sa.Text(), nullable=True))
    op.create_index(
        "ix_readings_doubtful",
        "readings",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status = 'doubtful'"),
        postgresql_where=sa.text("status = 'doubtful'"),
    )
    op.create_index("ix_readings_period", "readings", ["period", "register"], unique=False)
    op.add_column("registers", sa.Column("energy", sa.String(length=20), server_default="active", nullable=False))
    _rebuild_registers(("meter", "zone", "energy"), energy=True)


def downgrade() -> None:
    _rebuild_registers(("meter", "zone"), energy=False)
    op.drop_index("ix_readings_period", "readings")
    op.drop_index("ix_readings_doubtful", "readings")
    for column in ("inputs", "said", "period", "purpose"):
        op.drop_column("readings", column)
    for column in ("removed_on", "smart"):
        op.drop_column("meters", column)
    op.drop_column("calls", "context")
    op.drop_index("ix_accounts_building", "accounts")
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        for column in ("flat", "building", "supplier", "eic", "kind"):
            batch_op.drop_column(column)
    op.drop_table("resolutions")
    op.drop_index(
        "ix_handovers_file",
        "handovers",
    )
    op.drop_table("handovers")
    op.drop_index(
        "ix_billings_register",
        "billings",
    )
    op.drop_table("billings")
    op.drop_index(
        "ix_request_events_request",
        "request_events",
    )
    op.drop_table("request_events")
    op.drop_index(
        "ix_requests_escalate_at",
        "requests",
    )
    op.drop_index(
        "ix_requests_due",
        "requests",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(
        "ix_requests_account",
        "requests",
    )
    op.drop_table("requests")
    op.drop_index(
        "ix_outage_reports_incident",
        "outage_reports",
    )
    op.drop_index(
        "ix_outage_reports_account",
        "outage_reports",
    )
    op.drop_table("outage_reports")
    op.drop_index(
        "ix_orders_due",
        "orders",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_index(
        "ix_orders_account",
        "orders",
    )
    op.drop_table("orders")
    op.drop_index(
        "ix_deliveries_pending",
        "deliveries",
        sqlite_where=sa.text("next_at IS NOT NULL"),
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )
    op.drop_table("deliveries")
    op.drop_index(
        "ix_callbacks_ends_at",
        "callbacks",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("callbacks")
    op.drop_table("bills")
    op.drop_table("webhooks")
    op.drop_index(
        "ix_incidents_feeder",
        "incidents",
    )
    op.drop_index(
        "ix_incidents_building",
        "incidents",
    )
    op.drop_table("incidents")
    op.drop_index(
        "ix_idempotency_at",
        "idempotency",
    )
    op.drop_table("idempotency")
    op.drop_table("policies")
    op.drop_table("handover_files")
    op.drop_table("closings")
    op.drop_index(
        "ix_events_unspread",
        "events",
        sqlite_where=sa.text("spread = 0"),
        postgresql_where=sa.text("NOT spread"),
    )
    op.drop_table("events")
    op.drop_table("clients")
    op.drop_index(
        "ix_buildings_feeder",
        "buildings",
    )
    op.drop_table("buildings")
    op.drop_index(
        "ix_announcements_off_at",
        "announcements",
    )
    op.drop_table("announcements")
