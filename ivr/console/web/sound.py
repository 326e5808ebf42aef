"""The sound of a call: heard after a reason, and seen as a waveform.

Rules
1. Sound is heard after a reason, which the trail keeps; the session may then hear this call for `HEARD_FOR`.
2. What is played is what was sealed: a file is checked against its SHA-256 when a reason is given and whenever it has
   changed since.  Who insists on hearing one that was changed has been told so, and the trail says that, too.
3. A waveform tells nobody's words: it needs no reason.
"""

import asyncio
import gzip
import json
import logging
from datetime import timedelta
from pathlib import Path as Folder
from typing import Annotated, Final

from fastapi import Path, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException

from domain import calls, staff, trail
from domain.calls import CallRecord, RecordingRecord
from domain.roles import Permission
from domain.store import Connection
from ivr.console.exporting import STATUS, path_of, why_not
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, page, router
from ivr.console.web.hearing import REASONS
from ivr.console.web.look import local, redirect, render
from ivr.console.web.words import Tongue
from recordings import export, peaks
from recordings.export import Gone

log = logging.getLogger(__name__)
router = router()

CallId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
Noted = tuple[CallRecord | None, RecordingRecord | None]

HEARD_FOR: Final = timedelta(hours=8)
"""How long a session may hear a call after a reason was given; it ends with the session, too."""
GRANT: Final = "listen:{call}"
DESPITE: Final = "listen-changed:{call}"
"""What a session was granted (`staff.grant`)."""
OTHER: Final = "other"
SHORTEST, LONGEST = 5, 300
"""Letters of a reason in words."""
ROOM: Final = 1000
"""Recordings of which it is remembered that they were checked."""


class Checked:
    """Which files are known to be what was sealed, as long as they stay as they were looked at."""

    def __init__(self) -> None:
        self._known: dict[tuple[Folder, str | None], tuple[int, int, bool]] = {}

    async def sound(self, path: Folder, sha256: str | None) -> bool:
        """Whether it is.  Raises Gone, OSError."""
        try:
            stat = await asyncio.to_thread(path.stat)
        except (FileNotFoundError, NotADirectoryError):
            raise Gone(f"{path.name} is not in the archive") from None
        known = self._known.get((path, sha256))
        if known is not None and known[:2] == (stat.st_mtime_ns, stat.st_size):
            return known[2]
        sound = await asyncio.to_thread(export.verified, path, sha256)
        while len(self._known) >= ROOM:
            del self._known[next(iter(self._known))]
        self._known[path, sha256] = (stat.st_mtime_ns, stat.st_size, sound)
        return sound


def checked(desk: Desk) -> Checked:
    """Of this console."""
    return desk.facts.setdefault("recordings checked", Checked())


# Heard


@router.api_route("/calls/{call}/audio", methods=["GET", "HEAD"], **page(Permission.LISTEN))
async def audio(call: CallId, desk: InDesk, me: Asking) -> Response:
    """The recording; ranges of it (RFC 9110, 14)."""
    now, session = desk.clock(), me.session.id

    def job(conn: Connection) -> tuple[Noted, bool, bool]:
        return (
            _noted(conn, call),
            staff.granted(conn, session, GRANT.format(call=call), now),
            staff.granted(conn, session, DESPITE.format(call=call), now),
        )

    found, granted, despite = await desk.read(job)
    path, kept = _sealed(found, call, desk)
    if not granted:
        raise HTTPException(403, "no reason was given in this session")
    try:
        sound = await checked(desk).sound(path, kept.sha256)
    except Gone:
        log.error("the recording of call %s is not in the archive", call)
        raise HTTPException(404) from None
    if not sound and not despite:
        raise HTTPException(409, "it is not what was sealed")
    headers = {"etag": f'"{kept.sha256}"'} if sound else {}
    return FileResponse(path, headers=headers, media_type="audio/wav", content_disposition_type="inline")


@router.post("/calls/{call}/listen", **page(Permission.LISTEN))
async def listen(request: Request, call: CallId, desk: InDesk, me: Asking) -> Response:
    """A reason to hear this call.  Form: reason, words; despite: although the file was changed; next: where to go.

    Who asks for JSON is answered in it: `granted`, or `error` (reason, changed, gone); others go to the call's page.
    """
    form = await request.form()
    found = await desk.read(lambda conn: _noted(conn, call))
    path, kept = _sealed(found, call, desk)
    there = local(str(form.get("next", "")), f"/calls/{call}")
    reason = _reason(str(form.get("reason", "")), str(form.get("words", "")))
    if reason is None:
        return _answer(request, call, 422, "reason", next=there)
    try:
        sound = await checked(desk).sound(path, kept.sha256)
    except Gone:
        log.error("the recording of call %s is not in the archive", call)
        return _answer(request, call, 404, "gone", next=there)
    despite = form.get("despite") == "1"
    now = desk.clock()

    def job(conn: Connection) -> None:
        if not sound and not despite:
            trail.note(conn, me.login, "recording.changed", of=call, reason=reason, at=now, sealed=kept.sha256)
            return
        staff.grant(conn, me.session.id, GRANT.format(call=call), now + HEARD_FOR)
        if not sound:
            staff.grant(conn, me.session.id, DESPITE.format(call=call), now + HEARD_FOR)
        trail.note(
            conn, me.login, "recording.heard", of=call, reason=reason, at=now, session=me.session.id,
            changed=None if sound else True,
        )  # fmt: skip

    await desk.write(job)
    if not sound and not despite:
        log.error("the recording of call %s is not what was sealed", call)
        return _answer(request, call, 409, "changed", reason=reason, next=there)
    return _answer(request, call, 200, next=there)


def _reason(reason: str, words: str) -> str | None:
    """For the trail, in Ukrainian: one of those that the page offers, with words or not; None: none was given."""
    reason, words = reason.strip(), " ".join(words.split())
    if reason not in REASONS or len(words) > LONGEST or (reason == OTHER and len(words) < SHORTEST):
        return None
    said = Tongue("uk")(f"replay.reason_{reason}")
    return f"{said}: {words}" if words else said


def _answer(
    request: Request, call: str, status: int, error: str | None = None, *, next: str, reason: str = ""
) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"granted": error is None, **({"error": error} if error else {})}, status)
    if error is None:
        return redirect(next)
    return render(request, "exports/refused.html", status, call=call, error=error, reason=reason, next=next)


# Seen


@router.get("/calls/{call}/peaks", **page(Permission.REPLAY))
async def waveform(request: Request, call: CallId, desk: InDesk) -> Response:
    """`caller`, `prompts`: levels from 0 to `full`, so many `per_second`; `silence`: spans of seconds."""
    found = await desk.read(lambda conn: _noted(conn, call))
    _, kept = _sealed(found, call, desk)
    etag = f'"{(kept.sha256 or "")[:32]}-1"'
    headers = {"etag": etag, "cache-control": "private, no-cache", "vary": "Accept-Encoding"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    try:
        content = await asyncio.to_thread(_waveform, desk.data, str(kept.path), packed)
    except peaks.NoPeaks as fault:
        log.error("call %s has no waveform: %s", call, fault)
        raise HTTPException(404) from None
    return Response(content, media_type="application/json", headers=headers)


def _waveform(data: Folder, recording: str, packed: bool) -> bytes:
    found = peaks.had(data, recording)
    told = {
        "seconds": found.seconds,
        "per_second": found.per_second,
        "full": peaks.FULL,
        "caller": found.levels(0),
        "prompts": found.levels(1),
        "silence": found.silence(),
    }
    content = json.dumps(told, separators=(",", ":")).encode()
    return gzip.compress(content, 1, mtime=0) if packed else content


# What is looked up


def _noted(conn: Connection, call: str) -> Noted:
    return calls.one(conn, call), calls.recording(conn, call)


def _sealed(found: Noted, call: str, desk: Desk) -> tuple[Folder, RecordingRecord]:
    """Where the recording lies.  Raises HTTPException for what isn't there, or not yet."""
    record, kept = found
    if record is None:
        raise HTTPException(404)
    if fault := why_not(record, kept):
        raise HTTPException(STATUS[fault.why], str(fault))
    assert kept is not None
    try:
        return path_of(kept, desk.data), kept
    except Gone as fault:
        log.error("call %s: %s", call, fault)
        raise HTTPException(404) from None
