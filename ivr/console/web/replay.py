"""One call: what happened in it, on one time line, with its sound for whom may hear it.

Rules
1. The page is the list of what happened; the drawn time line, the waveform and the map are other views of it.  So it
   can be read without a script, without sound, and aloud.
2. Who may not see personal data gets it masked here, before a template sees it (`masked`).
3. Sound is given after a reason (`exports`); without sound the page says why there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from domain import calls, indexing, moments, quality, staff, transcripts
from domain.calls import CallRecord, RecordingRecord
from domain.model import Language, RequestKind, Topic
from domain.quality import Note, Score
from domain.roles import Permission
from domain.scorecard import Form
from domain.store import Connection
from domain.tables import RecordingState, TranscriptState
from domain.transcripts import Transcript
from ivr.console.tallying import matter_of
from ivr.console.web import telling
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.hearing import REASONS
from ivr.console.web.look import language_of, render, render_as_it_comes
from ivr.console.web.masked import hidden, hidden_text
from ivr.console.web.sound import GRANT, CallId
from ivr.console.web.telling import LANES, Row, rows
from ivr.console.web.words import Tongue
from ivr.story import Event, Story, story

router = router()


@dataclass(frozen=True, slots=True)
class Opened:
    """A call as the page shows it.  story: masked where it has to be.  seconds: of the time line.

    sound: "here" where it may be heard, "reason" where one has to be given, else why there is none.
    """

    record: CallRecord
    story: Story
    recording: RecordingRecord | None
    seconds: float
    sound: str
    transcripts: Sequence[Transcript]
    notes: Sequence[Note]
    scores: Sequence[Score]
    form: Form
    mine: Score | None
    request: tuple[RequestKind, Topic] | None
    history: Sequence[Score] = field(default_factory=list[Score])
    forms: Mapping[int, Form] = field(default_factory=dict[int, Form])
    """By version, those by which `scores` were given: a score means what its own questions meant."""
    own: Mapping[int, str] = field(default_factory=dict[int, str])
    """Texts of one's own notes as they were written, by their ids: for the form that changes them."""


@router.get("/calls/{call}", **page(Permission.REPLAY), name="replay")
async def replay(request: Request, call: CallId, serving: InDesk, me: Asking) -> Response:
    """The page."""
    now, language = serving.clock(), language_of(request)
    opened = await serving.read(lambda conn: found(conn, call, me, now))
    return render_as_it_comes(request, "calls/replay.html", **shown(opened, Tongue(language), language))


@router.get("/calls/{call}/story", **page(Permission.REPLAY, polled=True), name="story")
async def story_so_far(request: Request, call: CallId, serving: InDesk, me: Asking) -> Response:
    """What happened so far, as a piece of the page: calls in progress are looked at again and again."""
    now, language = serving.clock(), language_of(request)
    opened = await serving.read(lambda conn: found(conn, call, me, now))
    return render(request, "calls/story.html", **shown(opened, Tongue(language), language))


def found(conn: Connection, call: str, me: Me, now: datetime) -> Opened:
    """Everything that the page shows of it.  Raises HTTPException 404."""
    record = calls.one(conn, call)
    if record is None:
        raise gone()
    clear = me.may(Permission.PERSONAL)
    told = story(record, calls.lines(conn, call), moments.of_call(conn, call))
    written = [
        one for one in transcripts.of_call(conn, call, clear=clear) if one.state is TranscriptState.DONE and one.words
    ]
    events = _with_transcripts(told.events, written, record)
    if not clear:
        events = hidden(events)
    told = _replaced(told, events)
    recording = calls.recording(conn, call)
    scores = quality.standing(conn, call)
    opened = Opened(
        record, told, recording, _seconds(record, recording, events, now),
        _sound(record, recording, me, staff.granted(conn, me.session.id, GRANT.format(call=call), now)),
        written, quality.notes(conn, call), scores, quality.form(conn),
        next((one for one in scores if one.by == me.login), None), indexing.first_request(conn, call),
        quality.given(conn, call), {version: quality.form(conn, version) for version in {one.form for one in scores}},
    )  # fmt: skip
    opened = replace(opened, own={one.id: one.text or "" for one in opened.notes if one.by == me.login})
    return opened if clear else _veiled(opened)


def shown(opened: Opened, t: Tongue, language: str) -> dict[str, Any]:
    """What the templates are given."""
    record, totals = opened.record, [one.total for one in opened.scores if one.total is not None]
    return {
        "opened": opened,
        "call": opened.record.began.call,
        "record": record,
        "about": telling.about(matter_of(opened.story), *(opened.request or (None, None)), t),
        "outcome_name": telling.outcome(record.outcome, t) if record.outcome else "",
        "outcome_look": telling.LOOK.get(record.outcome, "") if record.outcome else "",
        "scored": sum(totals) / len(totals) if totals else None,
        "story": opened.story,
        "rows": rows(opened.story.events, t),
        "lanes": LANES,
        "live": record.ended_at is None,
        "reasons": REASONS,
        "marks": list(quality.Mark),
        "in_language": Language(language),
        "visits": [[visit.part, visit.spot, visit.at] for visit in opened.story.visits],
        "errors": {},
        "typed": {},
        "maps_url": "/calls/maps",
    }


def gone() -> HTTPException:
    """There is no such call."""
    return HTTPException(404)


def _veiled(opened: Opened) -> Opened:
    """Without what people wrote about a customer; what is one's own stays as it was in its form."""
    notes = [replace(one, text=hidden_text(one.text or "")) for one in opened.notes]
    scores, history = (
        [replace(one, comment=hidden_text(one.comment)) for one in some] for some in (opened.scores, opened.history)
    )
    return replace(opened, notes=notes, scores=scores, history=history)


def _replaced(told: Story, events: Sequence[Event]) -> Story:
    return Story(
        told.call, events, told.visits, told.doubts, told.flow, told.language, told.accounts, told.diverged,
        told.fully,
    )  # fmt: skip


def _with_transcripts(events: Sequence[Event], written: Sequence[Transcript], record: CallRecord) -> list[Event]:
    """What was told in own words gets its words: those of the engine that is sure of them most."""
    best: dict[float, Transcript] = {}
    for one in written:
        at = round((one.told.began - record.began.at).total_seconds(), 3)
        if at not in best or (one.confidence or 0) > (best[at].confidence or 0):
            best[at] = one
    found: list[Event] = []
    for event in events:
        one = best.get(event.at) if event.kind == "told" else None
        if one is None:
            found.append(event)
            continue
        each = [[w.text, round(event.at + w.began, 3), round(event.at + w.ended, 3), w.confidence] for w in one.words]
        facts: Mapping[str, Any] = {**event.facts, "each": each, "confidence": one.confidence}
        found.append(Event(event.at, event.until, "told", event.label, one.text, facts))
    return found


def _seconds(record: CallRecord, recording: RecordingRecord | None, events: Sequence[Event], now: datetime) -> float:
    """As long as the recording, the call, and all that happened in it."""
    ended = record.ended_at or now
    last = max((event.until or event.at for event in events), default=0.0)
    return max((ended - record.began.at).total_seconds(), (recording and recording.seconds) or 0.0, last, 1.0)


def _sound(record: CallRecord, recording: RecordingRecord | None, me: Me, granted: bool) -> str:
    """A word for whether it can be heard: `replay.sound_<word>` says it."""
    if record.ended_at is None:
        return "live"
    if recording is None:
        return "none"
    if recording.state is not RecordingState.SEALED:
        return {RecordingState.ERASED: "erased", RecordingState.FAILED: "failed"}.get(recording.state, "sealing")
    if not me.may(Permission.LISTEN):
        return "role"
    return "here" if granted else "reason"


__all__ = ["CallId", "Opened", "Row", "found", "gone", "router", "shown"]
