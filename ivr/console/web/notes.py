"""Notes and scores on a call: what is written on the replay page.

Rule: each deed is one transaction with its row of the trail.  A browser with scripts gets the changed piece of the
page back (htmx), one without is sent to the page again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from domain import quality, trail
from domain.quality import Answer, Malformed, Mark, NotYours, Stale, Unknown, Unsuitable
from domain.roles import Permission
from domain.store import Connection
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import Id
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.replay import CallId, found, gone, shown
from ivr.console.web.words import Tongue

router = router()


@router.post("/calls/{call}/notes", **page(Permission.SCORE))
async def write_note(request: Request, call: CallId, serving: InDesk, me: Asking) -> Response:
    """A note: `text`, and `second` of the recording; without it the note is on the call as a whole."""
    form = await request.form()
    text, second, now = _text(form, "text"), _text(form, "second"), serving.clock()

    def job(conn: Connection) -> None:
        at = _second(second)
        if quality.stands(conn, call, at, text, by=me.login):  # sent twice: a slow line, a double click
            return
        note = quality.note(conn, call, at, text, by=me.login, at=now)
        trail.note(conn, me.login, "note.written", of=call, at=now, note=note.id)

    return await _done(request, call, serving, me, job, "notes", {"text": text, "second": second})


@router.post("/calls/{call}/notes/{note}", **page(Permission.SCORE))
async def change_note(request: Request, call: CallId, note: Id, serving: InDesk, me: Asking) -> Response:
    """Another text for it, or none (`taken_back`); `seen`: the version that was changed."""
    form = await request.form()
    seen, now = _whole(_text(form, "seen")), serving.clock()

    def job(conn: Connection) -> None:
        if not any(one.id == note for one in quality.notes(conn, call)):
            raise Unknown(f"no note {note} stands on call {call!r}")
        if form.get("taken_back"):
            quality.take_back(conn, note, seen, by=me.login, at=now)
            trail.note(conn, me.login, "note.taken_back", of=call, at=now, note=note)
        else:
            quality.change(conn, note, seen, _text(form, "text"), by=me.login, at=now)
            trail.note(conn, me.login, "note.changed", of=call, at=now, note=note)

    return await _done(request, call, serving, me, job, "notes", {})


@router.post("/calls/{call}/scores", **page(Permission.SCORE))
async def write_score(request: Request, call: CallId, serving: InDesk, me: Asking) -> Response:
    """A score: `form`, its version; `mark_<question>` and `second_<question>`; `comment`."""
    form = await request.form()
    now = serving.clock()
    typed = {key: value for key, value in form.items() if isinstance(value, str) and key != "csrf"}

    def job(conn: Connection) -> None:
        made = quality.score(
            conn, call, _whole(_text(form, "form")), _answers(typed), _text(form, "comment"), by=me.login, at=now
        )
        trail.note(conn, me.login, "call.scored", of=call, at=now, total=made.total, form=made.form)

    return await _done(request, call, serving, me, job, "score", typed)


async def _done(
    request: Request,
    call: str,
    serving: Desk,
    me: Me,
    job: Callable[[Connection], None],
    piece: str,
    typed: Mapping[str, str],
) -> Response:
    """What the browser gets after it: the piece, or the way back to it; and what was wrong with what was typed."""
    status, errors = 200, {}
    try:
        await serving.write(job)
    except Unknown:
        raise gone() from None
    except Malformed as fault:
        status, errors = 422, {"score": fault.why if fault.why == "unanswered" else "not_asked", "of": fault.of}
    except Unsuitable as fault:
        status, errors = 422, {"text" if piece == "notes" else "score": fault.why}
    except Stale:
        status, errors = 409, {"note": "stale"}
    except NotYours:
        status, errors = 403, {"note": "not_yours"}
    scripted = request.headers.get("hx-request") == "true"
    if not errors and not scripted:
        return redirect(f"/calls/{call}#{piece}")
    now, language = serving.clock(), language_of(request)
    opened = await serving.read(lambda conn: found(conn, call, me, now))
    context = shown(opened, Tongue(language), language) | {"errors": errors, "typed": typed if errors else {}}
    return render(request, f"calls/{piece}.html" if scripted else "calls/replay.html", status, **context)


def _answers(typed: Mapping[str, str]) -> dict[str, Answer]:
    """Raises Malformed for a mark that is none."""
    found: dict[str, Answer] = {}
    for name, value in typed.items():
        kind, _, key = name.partition("_")
        if kind == "mark" and key:
            try:
                found[key] = Answer(Mark(value), _second(typed.get(f"second_{key}", "")))
            except ValueError as fault:
                if isinstance(fault, Unsuitable):
                    raise
                raise Malformed("unanswered", key) from None
    return found


def _text(form: FormData, name: str) -> str:
    value: Any = form.get(name)
    return value if isinstance(value, str) else ""


def _second(text: str) -> float | None:
    """Raises Unsuitable."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise Unsuitable("second") from None


def _whole(text: str) -> int:
    """-1 for what is no number: nothing has that version."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1
