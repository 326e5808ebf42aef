"""A call given away as a file.

Rules
1. An export is noted before it is made, and again if it fails: nothing leaves that the trail does not know of.
2. It is made whole in a file without a name before its first byte is sent: a full disk or a changed recording is told
   in words, not by a torn file, and nothing stays behind whatever happens.
3. One is made at a time, by a thread that yields to all others.
"""

import asyncio
import logging
import os
import re
import tempfile
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path as Folder
from typing import IO, Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from domain import calls, evidence, trail
from domain.calls import CallRecord, RecordingRecord
from domain.evidence import CallFile
from domain.roles import Permission
from ivr.console.exporting import SOUND, STATUS, Format, Made, NotNow, Order, failed, make, noted, why_not
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.look import render
from ivr.console.web.sound import LONGEST, SHORTEST, CallId
from ivr.console.web.sound import router as heard
from recordings import export
from recordings.export import CannotExport, Changed, Gone, NoRoom

log = logging.getLogger(__name__)
router = router()
router.include_router(heard)

CHUNK: Final = 256 * 1024


def _step_back() -> None:
    """Exports can wait; callers can't."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


_HANDS: Final = ThreadPoolExecutor(1, thread_name_prefix="exports", initializer=_step_back)


@router.get("/calls/{call}/export", **page(Permission.EXPORT))
async def ask(request: Request, call: CallId, desk: InDesk, me: Asking) -> Response:
    """What can be had of this call, and why it is wanted."""
    record, kept = await desk.read(lambda conn: (calls.one(conn, call), calls.recording(conn, call)))
    if record is None:
        raise HTTPException(404)
    return _form(request, record, kept, me, given={"format": request.query_params.get("format", "")})


@router.post("/calls/{call}/export", **page(Permission.EXPORT))
async def give(request: Request, call: CallId, desk: InDesk, me: Asking) -> Response:
    """The file.  Form: format, shown (masked or clear), reason."""
    given = {name: str(value) for name, value in (await request.form()).items()}
    file = await desk.read(lambda conn: evidence.of(conn, call))
    if file is None:
        raise HTTPException(404)
    reason = " ".join(given.get("reason", "").split())
    faults = {
        "format": given.get("format") not in set(Format),
        "reason": not SHORTEST <= len(reason) <= LONGEST,
    }
    if any(faults.values()):
        return _form(
            request, file.record, file.recording, me, 422, given, {name for name, wrong in faults.items() if wrong}
        )
    order = _order(desk, me, Format(given["format"]), given.get("shown") != "clear", reason)
    await _may(desk, me, call, order)
    if fault := why_not(file.record, file.recording, sound=order.format in SOUND):
        return _form(request, file.record, file.recording, me, STATUS[fault.why], given, problem=fault.why.value)
    try:
        out, made = await _made(desk, file, order)
    except (CannotExport, OSError) as fault:
        status, problem = _told(fault)
        log.error("call %s could not be exported as %s: %s", call, order.format, fault)
        return _form(request, file.record, file.recording, me, status, given, problem=problem)
    size = out.seek(0, os.SEEK_END)
    out.seek(0)
    headers = {"content-disposition": disposition(made.name), "content-length": str(size)}
    return StreamingResponse(_chunks(out), headers=headers, media_type=made.media)


def _order(desk: Desk, me: Me, wanted: Format, masked: bool, reason: str) -> Order:
    facts: dict[str, Any] = {name: desk.facts[name] for name in ("organisation", "host") if name in desk.facts}
    return Order(wanted, masked and wanted is not Format.BUNDLE, me.login, reason, desk.clock(), **facts)


async def _may(desk: Desk, me: Me, call: str, order: Order) -> None:
    """Raises HTTPException 403, and the trail knows."""
    wanted = None
    if order.format is Format.BUNDLE:
        wanted = Permission.EVIDENCE
    elif not order.masked:
        wanted = Permission.PERSONAL
    if wanted is not None and not me.may(wanted):
        await desk.write(
            lambda conn: trail.note(
                conn, me.login, "access.refused", of=call, at=order.at, needs=wanted.value, format=order.format.value
            )
        )
        raise HTTPException(403)


async def _made(desk: Desk, file: CallFile, order: Order) -> tuple[IO[bytes], Made]:
    """The file, noted and made.  Raises CannotExport, OSError; what failed is noted, too."""
    order = await desk.write(lambda conn: noted(conn, file.call, order))
    proof = await desk.read(lambda conn: evidence.proof(conn, file.call)) if order.format is Format.BUNDLE else None

    def work() -> tuple[IO[bytes], Made]:
        out = place(desk.data)
        try:
            return out, make(file, order, desk.data, out, proof)
        except BaseException:
            out.close()
            raise

    try:
        return await asyncio.get_running_loop().run_in_executor(_HANDS, work)
    except Exception as fault:
        why = f"{type(fault).__name__}: {fault}"[:300]
        await desk.write(lambda conn: failed(conn, file.call, order, why, desk.clock()))
        raise


def place(data: Folder) -> IO[bytes]:
    """A file without a name: it is gone with whoever has it open.  Raises NoRoom, OSError."""
    folder = data / "exports"
    with export.room():
        folder.mkdir(mode=0o700, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)


def disposition(name: str) -> str:
    """The header that has a file saved under this name (RFC 6266; what isn't plain ASCII as RFC 8187 has it)."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


async def _chunks(out: IO[bytes]) -> AsyncIterator[bytes]:
    with out:
        while chunk := await asyncio.to_thread(out.read, CHUNK):
            yield chunk


def _told(fault: Exception) -> tuple[int, str]:
    """Status, and the word that `exports.problem_<word>` puts into a sentence."""
    match fault:
        case NotNow(why=why):
            return STATUS[why], why.value
        case Gone():
            return 404, "gone"
        case Changed():
            return 409, "changed"
        case NoRoom():
            return 507, "room"
        case CannotExport():
            return 501, "kind"
        case _:
            return 500, "disk"


def _form(
    request: Request,
    record: CallRecord,
    kept: RecordingRecord | None,
    me: Me,
    status: int = 200,
    given: Mapping[str, str] | None = None,
    wrong: set[str] | frozenset[str] = frozenset(),
    problem: str | None = None,
) -> Response:
    """The page that asks for a format and a reason; problem: why it did not come to anything."""
    no_sound = why_not(record, kept)
    if problem is None and no_sound is not None:
        problem = no_sound.why.value
    formats = [each for each in Format if each is not Format.BUNDLE or me.may(Permission.EVIDENCE)]
    return render(
        request, "exports/form.html", status, call=record.began.call, record=record, recording=kept,
        formats=formats, without=SOUND if no_sound else frozenset[Format](), problem=problem,
        given={"format": "", "shown": "", "reason": "", **(given or {})}, wrong=wrong,
        clear=me.may(Permission.PERSONAL), shortest=SHORTEST, longest=LONGEST,
    )  # fmt: skip
