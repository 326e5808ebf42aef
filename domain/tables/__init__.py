"""The shape of the store.

Rules:
  a meter reading is never changed or removed; what counts is derived: the accepted one of the latest day that is no
  estimate, and of one day the one stored last (`counting`);
  what a call does is keyed by (call, seq), so that doing it again is noticed by the database itself;
  instants are UTC and timezone-aware outside, and order the same in SQLite (text of fixed width) and PostgreSQL.
Every change here needs a migration in `domain/migrations/versions`; a test compares the two.
"""

from domain.tables.analytics import (
    By,
    Left,
    Wait,
    Waited,
    call_days,
    call_hours,
    call_parties,
    counted_calls,
    counted_plays,
    counted_steps,
    play_days,
    repeat_days,
    spots,
    step_days,
    wait_days,
    waits,
)
from domain.tables.base import Instant, metadata
from domain.tables.calls import RecordingState, calls, journal, recordings
from domain.tables.channels import clients, deliveries, events, idempotency, webhooks
from domain.tables.customers import accounts, buildings, caller_accounts, caller_numbers, meters, registers
from domain.tables.findings import findings, index_debts, mark_blocks, marks, saved_searches
from domain.tables.moments import moments
from domain.tables.quality import call_note_versions, call_notes, score_forms, scores
from domain.tables.readings import (
    billings,
    bills,
    closings,
    counting,
    handover_files,
    handovers,
    readings,
    resolutions,
    submissions,
)
from domain.tables.requests import (
    announcements,
    callbacks,
    incidents,
    orders,
    outage_reports,
    policies,
    request_events,
    requests,
)
from domain.tables.staff import attempts, grants, sessions, staff, trail
from domain.tables.transcripts import TranscriptState, transcripts
from domain.tables.wording import publications, wording_clips, wordings

__all__ = [
    "By",
    "Instant",
    "Left",
    "RecordingState",
    "TranscriptState",
    "Wait",
    "Waited",
    "accounts",
    "announcements",
    "attempts",
    "billings",
    "bills",
    "buildings",
    "call_days",
    "call_hours",
    "call_note_versions",
    "call_notes",
    "call_parties",
    "callbacks",
    "caller_accounts",
    "caller_numbers",
    "calls",
    "clients",
    "closings",
    "counted_calls",
    "counted_plays",
    "counted_steps",
    "counting",
    "deliveries",
    "events",
    "findings",
    "grants",
    "handover_files",
    "handovers",
    "idempotency",
    "incidents",
    "index_debts",
    "journal",
    "mark_blocks",
    "marks",
    "metadata",
    "meters",
    "moments",
    "orders",
    "outage_reports",
    "play_days",
    "policies",
    "publications",
    "readings",
    "recordings",
    "registers",
    "repeat_days",
    "request_events",
    "requests",
    "resolutions",
    "saved_searches",
    "score_forms",
    "scores",
    "sessions",
    "spots",
    "staff",
    "step_days",
    "submissions",
    "trail",
    "transcripts",
    "wait_days",
    "waits",
    "webhooks",
    "wording_clips",
    "wordings",
]
