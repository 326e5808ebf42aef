"""A part of a call's recording on a page that is about something else: a complaint that was told, a reading.

Rules: sound is asked for with a reason and then given for a while (`POST /calls/{call}/listen`); where there is none,
the page says why.  A part is a media fragment (`#t=from,to`, W3C Media Fragments), seconds of the recording, which
begins when the call was answered (decision 011).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from domain import calls, staff
from domain.roles import Permission
from domain.store import Connection
from domain.tables import RecordingState
from ivr.console.web.gate import Me

GRANT: Final = "listen:{call}"
"""What a session has that may hear a call."""

REASONS: Final = ("complaint", "quality", "reading", "training", "request_of_subject", "other")
"""Why somebody listens; "other" wants words."""

BEFORE: Final = timedelta(seconds=2)
AFTER: Final = timedelta(seconds=2)
"""What is heard around a part, so that no word is cut."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """A part of a recording.  state: "here" where it may be heard, "reason" where one has to be given, else why not.

    begins, ends: seconds of the recording, with a little around it; ends None: to its end.  at: of the part itself.
    sha256: of the sealed recording.
    """

    call: str
    state: str
    begins: float
    ends: float | None
    at: float
    sha256: str | None = None

    @property
    def source(self) -> str:
        """For an <audio>."""
        until = "" if self.ends is None else f",{self.ends:.1f}"
        return f"/calls/{self.call}/audio#t={self.begins:.1f}{until}"

    @property
    def moment(self) -> str:
        """The same moment in the replay."""
        return f"/calls/{self.call}?t={self.begins:.1f}"


def hearing(
    conn: Connection, call: str | None, me: Me, now: datetime, begins: datetime | None, ends: datetime | None
) -> Hearing | None:
    """Of this call from `begins` to `ends`; None where no call is named."""
    record = calls.one(conn, call) if call else None
    if call is None or record is None:
        return None
    at = 0.0 if begins is None else max((begins - record.began.at).total_seconds(), 0.0)
    start = max(at - BEFORE.total_seconds(), 0.0)
    end = None if ends is None else max((ends + AFTER - record.began.at).total_seconds(), start + 1.0)
    kept = calls.recording(conn, call)
    state = _state(conn, call, kept, record.ended_at, me, now)
    return Hearing(call, state, start, end, at, kept.sha256 if kept else None)


def _state(
    conn: Connection,
    call: str,
    kept: calls.RecordingRecord | None,
    ended_at: datetime | None,
    me: Me,
    now: datetime,
) -> str:
    if ended_at is None:
        return "live"
    if kept is None:
        return "none"
    if kept.state is not RecordingState.SEALED:
        return {RecordingState.ERASED: "erased", RecordingState.FAILED: "failed"}.get(kept.state, "sealing")
    if not me.may(Permission.LISTEN):
        return "role"
    return "here" if staff.granted(conn, me.session.id, GRANT.format(call=call), now) else "reason"
