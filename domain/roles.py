"""Who of the staff may do what: the one table.

Rules: a permission is asked for by name, never a role; what a page shows and what a route does ask the same table.
Who administers accounts hears no recordings, and who hears them cannot make themselves an account.
"""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody of the staff is."""

    AGENT = "agent"  # talks with customers, works on their requests
    SUPERVISOR = "supervisor"  # answers for calls, requests and readings
    QUALITY = "quality"  # hears calls and scores them; customers stay masked
    AUDITOR = "auditor"  # sees everything, changes nothing
    ADMINISTRATOR = "administrator"  # accounts of staff; hears and reads no customer


class Permission(StrEnum):
    """What a page or a deed asks for."""

    WATCH_LIVE = "watch_live"  # the board of calls in progress
    SEARCH_CALLS = "search_calls"
    REPLAY = "replay"  # what happened in a call, without its sound
    LISTEN = "listen"  # the sound of a recording; a reason is asked for and written to the trail
    PERSONAL = "personal"  # telephone and account numbers in full, transcripts unmasked
    SCORE = "score"  # notes and quality scores on a call
    SCORE_FORM = "score_form"  # the questions by which calls are scored, and their weights
    EXPORT = "export"  # a call as a file, masked
    EVIDENCE = "evidence"  # a call in full as a bundle for a court
    LISTS = "lists"  # lists as CSV
    REQUESTS = "requests"  # the queue of complaints and what is in it
    WORK_REQUESTS = "work_requests"  # assign, note, interim reply
    CLOSE_REQUESTS = "close_requests"  # considered, refused
    READINGS = "readings"
    RESOLVE_READINGS = "resolve_readings"
    ACCOUNTS = "accounts"  # one customer with everything that is known
    FIGURES = "figures"  # analytics and reports
    PROMPTS = "prompts"  # hear prompts and see where they are used
    EDIT_PROMPTS = "edit_prompts"
    ANNOUNCE = "announce"  # emergency announcements
    TRAIL = "trail"  # who did what
    STAFF = "staff"  # accounts of staff


_P = Permission

TABLE: Final[dict[Role, frozenset[Permission]]] = {
    Role.AGENT: frozenset(
        {_P.PERSONAL, _P.REQUESTS, _P.WORK_REQUESTS, _P.READINGS, _P.RESOLVE_READINGS, _P.ACCOUNTS, _P.PROMPTS}
    ),
    Role.SUPERVISOR: frozenset(Permission) - {_P.TRAIL, _P.STAFF, _P.EVIDENCE},
    Role.QUALITY: frozenset(
        {
            _P.WATCH_LIVE, _P.SEARCH_CALLS, _P.REPLAY, _P.LISTEN, _P.SCORE, _P.SCORE_FORM, _P.EXPORT, _P.FIGURES,
            _P.PROMPTS,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            _P.SEARCH_CALLS, _P.REPLAY, _P.LISTEN, _P.PERSONAL, _P.EXPORT, _P.EVIDENCE, _P.LISTS, _P.REQUESTS,
            _P.READINGS, _P.ACCOUNTS, _P.FIGURES, _P.PROMPTS, _P.TRAIL,
        }
    ),
    Role.ADMINISTRATOR: frozenset({_P.STAFF, _P.TRAIL, _P.FIGURES}),
}  # fmt: skip


def may(role: Role, permission: Permission) -> bool:
    """Whether somebody of this role may."""
    return permission in TABLE[role]
