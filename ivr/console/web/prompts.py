"""Prompts: hear each, see where it is said, change a text or bring a recording, let callers hear it, undo it.

Rules
1. What is changed is a draft first, that nobody hears; it goes live when nothing is in its way (`workshop.faults`),
   and what is in its way is said beside the line that it concerns.
2. Who changes says what they saw (`seen`, `over`); if somebody else was faster, nothing is done, what was typed is
   kept, and the page shows what happened.
3. By some prompts callers learn that they are recorded.  They are marked, and change only with a tick more.
4. A recording is judged by its content; its name is not looked at.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from fastapi import Request, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from domain import debts, plays, wording
from domain.model import Language
from domain.roles import Permission
from domain.rules import local_day
from domain.window import Span
from domain.wording import AsItIs, NoSuchVersion, NotADraft, Overtaken, State, Texts, Version
from ivr.console.web import announcing, uses
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import Id, number
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.prompt_view import (
    Told,
    by_part,
    clip_rows,
    fields,
    line,
    places_of,
    said_in,
    texts_now,
    title,
    uses_of,
)
from ivr.console.web.studio import Studio, audible, joined, studio, tongue, utterance
from ivr.console.web.words import Tongue
from prompts import Catalogue
from prompts.checker import Fault
from prompts.composer import TRIES
from prompts.overlay import Overlay, Unusable, sound_of
from prompts.spoken import LANGUAGES, WORDLESS
from prompts.workshop import LARGEST, LEGAL, LONGEST_TEXT, Refused, faults, needed, plan, spellable, take_in, tidy

log = logging.getLogger(__name__)

HEARD_DAYS: Final = 30
"""For which a prompt's page says how often it was heard."""
REASON_MOST: Final = 500
ADDRESS: Final = "/prompts/{language}/{prompt:path}"
GROUPS: Final = ("n", "unit", "date", "time")

router = router("/prompts")
router.include_router(announcing.router)


class Show(StrEnum):
    """Which prompts a list has."""

    ALL = "all"
    CHANGED = "changed"
    DRAFTS = "drafts"
    ANNOUNCED = "announcements"
    LEGAL = "legal"
    BROKEN = "broken"


# The list


@router.get("", **page(Permission.PROMPTS))
async def listed(
    request: Request, desk: InDesk, q: str = "", show: str = Show.ALL, language: str | None = None
) -> Response:
    """Every prompt in one language."""
    lang = tongue(language or language_of(request))
    wanted = show if show in tuple(Show) else Show.ALL
    work = studio(desk)
    over = await work.heard()
    live, drafts = await desk.read(lambda conn: (wording.live(conn), wording.drafts(conn)))
    changed = {version.prompt: version for version in live if version.language == lang}
    drafted = {version.prompt for version in drafts if version.language == lang}
    broken = {version.prompt for version in live if version.language == lang and version.id in over.unusable}
    marks = {
        Show.ALL: frozenset(over.catalogue.texts[lang]),
        Show.CHANGED: frozenset(changed),
        Show.DRAFTS: frozenset(drafted),
        Show.ANNOUNCED: frozenset(announcing.announceable(work.shipped)),
        Show.LEGAL: LEGAL,
        Show.BROKEN: frozenset(broken),
    }
    found = [
        {
            "name": name,
            "line": line("text", over.catalogue.texts[lang].get(name, {}).get("text", work.shipped_part(lang, name))),
            "tries": sum(which in over.catalogue.texts[lang].get(name, {}) for which in TRIES),
            "uses": len(uses.uses(name)),
            "version": changed.get(name),
            "draft": name in drafted,
            "broken": name in broken,
            "legal": name in LEGAL,
            "announcement": name in marks[Show.ANNOUNCED],
        }
        for name in sorted(marks[Show(wanted)])
        if _matches(over.catalogue, name, q)
    ]
    return render(
        request, "prompts/list.html", rows=found, q=q,
        groups=by_part(found, Tongue(language_of(request))), show=wanted, shows=list(Show), lang=lang,
        counts={each: len(marks[each]) for each in Show}, tongues=LANGUAGES,
    )  # fmt: skip


@router.get("/versions", **page(Permission.PROMPTS))
async def latest(request: Request, desk: InDesk) -> Response:
    """What was changed, of all prompts, newest first."""
    versions = await desk.read(lambda conn: wording.latest(conn, 200))
    return render(request, "prompts/versions.html", versions=versions)


@router.get("/parts/{language}", **page(Permission.PROMPTS))
async def parts(request: Request, desk: InDesk, language: str) -> Response:
    """The clips of which numbers, units, dates and times are put together."""
    lang = tongue(language)
    over = await studio(desk).heard()
    all_ = over.catalogue.tongues[lang].parts
    grouped = {
        group: [(name.partition("/")[2], part) for name, part in all_.items() if name.startswith(f"{lang}/{group}/")]
        for group in GROUPS
    }
    recorded = {name for name in over.catalogue.media if name in all_}
    return render(
        request, "prompts/parts.html", groups=grouped, lang=lang, tongues=LANGUAGES, recorded=recorded,
        seconds=over.catalogue.seconds,
    )  # fmt: skip


# Sound


@router.get("/sound/{language}/{prompt:path}", **page(Permission.PROMPTS))
async def sound(
    request: Request, desk: InDesk, language: str, prompt: str, version: str = "", line: str = "text"
) -> Response:
    """A prompt as a caller would hear it, with example words."""
    lang, work = tongue(language), studio(desk)
    _known(work.shipped, lang, prompt)
    over = await _over(desk, work, lang, prompt, version)
    if prompt not in over.catalogue.texts[lang]:
        return audible(request, await asyncio.to_thread(joined, over.catalogue, [f"{lang}/{prompt}"]))
    attempt = TRIES.index(line) + 1 if line in TRIES else 1
    _, wav = await asyncio.to_thread(utterance, over, lang, prompt, attempt)
    return audible(request, wav)


@router.get("/clip/{language}/{clip:path}", **page(Permission.PROMPTS))
async def clip_sound(request: Request, desk: InDesk, language: str, clip: str, version: str = "") -> Response:
    """One clip; with `version`, as this version has it."""
    lang, work, name = tongue(language), studio(desk), f"{language}/{clip}"
    if (wanted := number(version)) is not None:
        found = await _version(desk, wanted)
        one = next((each for each in found.clips if each.clip == name), None)
        path = sound_of(work.clips, one) if one else Unusable.SILENT
        if isinstance(path, Unusable) or found.language != lang:
            raise HTTPException(404)
        catalogue = Catalogue({}, {}, media={name: path})
    else:
        catalogue = (work.as_shipped() if version == "shipped" else await work.heard()).catalogue
        if name not in catalogue.seconds:
            raise HTTPException(404)
    return audible(request, await asyncio.to_thread(joined, catalogue, [name]))


# Changing


@router.post("/draft/{language}/{prompt:path}", **page(Permission.EDIT_PROMPTS))
async def draft(request: Request, desk: InDesk, me: Asking, language: str, prompt: str) -> Response:
    """Keep a changed text as a draft, and have it spoken."""
    lang, work, form = tongue(language), studio(desk), await request.form()
    if prompt not in work.shipped.texts[lang]:
        raise HTTPException(404)
    filled = {name: str(form.get(name, "")) for name in (*TRIES, "reason", "seen")}
    lines = {which: tidy(filled[which]) for which in TRIES}
    texts = Texts(lines["text"], lines["second"] or None, lines["third"] or None)
    history = await desk.read(lambda conn: wording.history(conn, prompt, lang))
    if filled["seen"] != _newest(history):
        return await _shown(request, desk, me, lang, prompt, Told(409, "overtaken", filled=filled))
    wrong = spellable(work.shipped, lang, prompt, texts)
    if len(filled["reason"]) > REASON_MOST:
        wrong = [*wrong, Fault("reason_long", "reason", "too long", {"most": str(REASON_MOST)})]
    if not wrong and texts == texts_now(await work.heard(), lang, prompt):
        wrong = [Fault("same", None, "callers hear this already")]
    if wrong:
        return await _shown(request, desk, me, lang, prompt, Told(422, "not_kept", faults=wrong, filled=filled))
    before = [one for one in history if one.state in (State.DRAFT, State.LIVE)]
    try:
        wanted = await asyncio.to_thread(plan, work.shipped, lang, prompt, texts, before, work.data)
    except OSError as fault:
        log.error("a draft of %s can't be kept: %s", prompt, fault)
        return await _shown(request, desk, me, lang, prompt, Told(503, "disk", filled=filled))
    reason, at = tidy(filled["reason"]) or None, desk.clock()

    def job(conn: Any) -> int:
        _drop_drafts(conn, history, me, at)
        return wording.draft(
            conn, prompt, lang, texts, by=me.login, at=at, reason=reason, clips=wanted.ready.values()
        )  # fmt: skip

    made = await desk.write(job)
    if wanted.missing:
        work.ask_to_speak(made, wanted.missing)
    return redirect(_address(lang, prompt) + "#draft")


@router.post("/record/{language}/{prompt:path}", **page(Permission.EDIT_PROMPTS, largest=LARGEST + 64_000))
async def record(request: Request, desk: InDesk, me: Asking, language: str, prompt: str) -> Response:
    """Take a person's recording of one clip into a draft."""
    lang, work, form = tongue(language), studio(desk), await request.form()
    _known(work.shipped, lang, prompt)
    history = await desk.read(lambda conn: wording.history(conn, prompt, lang))
    base = _draft_of(history) or next((one for one in history if one.state is State.LIVE), None)
    texts = base.texts if base else Texts()
    clip, file, seen = str(form.get("clip", "")), form.get("file"), str(form.get("seen", ""))
    wanted = needed(work.shipped, lang, prompt, texts)
    if clip not in wanted:
        raise HTTPException(404)
    if seen != _newest(history):
        return await _shown(request, desk, me, lang, prompt, Told(409, "overtaken", clip=clip))
    content = await file.read() if isinstance(file, UploadFile) else b""
    kept = [base] if base else []
    try:
        taken = await asyncio.to_thread(take_in, work.data, clip, wanted[clip], content)
        planned = await asyncio.to_thread(plan, work.shipped, lang, prompt, texts, kept, work.data)
    except Refused as refusal:
        code = "nothing" if not content else refusal.code
        told = Told(422, f"recording_{code}", refusal.facts, clip=clip)
        return await _shown(request, desk, me, lang, prompt, told)
    except OSError as fault:
        log.error("a recording of %s can't be kept: %s", clip, fault)
        return await _shown(request, desk, me, lang, prompt, Told(503, "disk", clip=clip))
    if texts.text is None:  # a version of the shipped words has the clips that people recorded, and no others
        ready, missing = {one.clip: one for one in (base.clips if base else ())}, {}
    else:
        ready, missing = dict(planned.ready), {name: p for name, p in planned.missing.items() if name != clip}
    clips, at = {**ready, clip: taken}, desk.clock()
    failed = base is not None and base.id in work.progress

    def job(conn: Any) -> int:
        _drop_drafts(conn, history, me, at)
        return wording.draft(conn, prompt, lang, texts, by=me.login, at=at, clips=clips.values())

    made = await desk.write(job)
    if missing and not failed:
        work.ask_to_speak(made, missing)
    return redirect(_address(lang, prompt) + "#draft")


@router.post("/versions/{version}/speak", **page(Permission.EDIT_PROMPTS))
async def speak(desk: InDesk, version: Id) -> Response:
    """Have the clips of a draft spoken that have no sound."""
    work, found = studio(desk), await _version(desk, version)
    there = {clip.clip for clip in found.clips if isinstance(sound_of(work.clips, clip), type(work.clips))}
    wanted = needed(work.shipped, found.language, found.prompt, found.texts)
    missing = {name: part for name, part in wanted.items() if name not in there}
    if found.state is State.DRAFT and found.texts.text is not None and missing:
        work.ask_to_speak(version, missing)
    return redirect(_address(found.language, found.prompt) + "#draft")


@router.post("/versions/{version}/publish", **page(Permission.EDIT_PROMPTS))
async def publish(request: Request, desk: InDesk, me: Asking, version: Id) -> Response:
    """From the next call on callers hear this draft."""
    work, form, found = studio(desk), await request.form(), await _version(desk, version)
    lang, prompt, at = found.language, found.prompt, desk.clock()
    if prompt in LEGAL and form.get("legal") != "yes":
        return await _shown(request, desk, me, lang, prompt, Told(422, "legal_unconfirmed"))
    wrong = await asyncio.to_thread(faults, work.shipped, found, work.data)
    if wrong:
        return await _shown(request, desk, me, lang, prompt, Told(422, "not_live"))
    given = str(form.get("over", ""))
    over = number(given)
    try:
        await desk.write(lambda conn: wording.publish(conn, version, by=me.login, at=at, over=over))
    except (Overtaken, NotADraft):
        return await _shown(request, desk, me, lang, prompt, Told(409, "overtaken"))
    return redirect(_address(lang, prompt) + "?done=live")


@router.post("/versions/{version}/drop", **page(Permission.EDIT_PROMPTS))
async def drop(request: Request, desk: InDesk, me: Asking, version: Id) -> Response:
    """Nobody wants this draft."""
    found, at = await _version(desk, version), desk.clock()
    try:
        await desk.write(lambda conn: wording.drop(conn, version, by=me.login, at=at))
    except NotADraft:
        return await _shown(request, desk, me, found.language, found.prompt, Told(409, "overtaken"))
    return redirect(_address(found.language, found.prompt) + "?done=dropped")


@router.post("/undo/{language}/{prompt:path}", **page(Permission.EDIT_PROMPTS))
async def undo(request: Request, desk: InDesk, me: Asking, language: str, prompt: str) -> Response:
    """Callers hear again what an earlier version says, or what is shipped."""
    lang, work, form, at = tongue(language), studio(desk), await request.form(), desk.clock()
    _known(work.shipped, lang, prompt)
    given, seen = str(form.get("to", "")), str(form.get("seen", ""))
    to = number(given)
    if prompt in LEGAL and form.get("legal") != "yes":
        return await _shown(request, desk, me, lang, prompt, Told(422, "legal_unconfirmed"))
    history = await desk.read(lambda conn: wording.history(conn, prompt, lang))
    if seen != _newest(history):
        return await _shown(request, desk, me, lang, prompt, Told(409, "overtaken"))
    if to is not None:
        old = await _version(desk, to)
        if not old.shipped and await asyncio.to_thread(faults, work.shipped, old, work.data):
            return await _shown(request, desk, me, lang, prompt, Told(422, "not_undone"))
    reason = tidy(str(form.get("reason", "")))[:REASON_MOST] or None
    try:
        await desk.write(lambda conn: wording.undo(conn, prompt, lang, to=to, by=me.login, at=at, reason=reason))
    except AsItIs:
        return await _shown(request, desk, me, lang, prompt, Told(409, "as_it_is"))
    except NoSuchVersion:
        raise HTTPException(404) from None
    return redirect(_address(lang, prompt) + "?done=undone")


# One prompt; declared last, for its address takes everything


@router.get("/{language}/{prompt:path}", **page(Permission.PROMPTS))
async def one(request: Request, desk: InDesk, me: Asking, language: str, prompt: str) -> Response:
    """One prompt in one language with everything about it."""
    return await _shown(request, desk, me, tongue(language), prompt, Told())


async def _shown(request: Request, desk: InDesk, me: Me, lang: Language, prompt: str, told: Told) -> Response:
    work = studio(desk)
    _known(work.shipped, lang, prompt)
    over = await work.heard()
    history = await desk.read(lambda conn: wording.history(conn, prompt, lang))
    current = next((each for each in history if each.state is State.LIVE), None)
    waiting = _draft_of(history)
    wrong = await asyncio.to_thread(faults, work.shipped, waiting, work.data) if waiting else []
    lines = over.catalogue.texts[lang].get(prompt, {})
    done = request.query_params.get("done")
    last = local_day(desk.clock())
    span = Span(last - timedelta(days=HEARD_DAYS - 1), last)
    heard, owed = await desk.read(lambda conn: (plays.heard(conn, prompt, lang, span), debts.count(conn)))
    return render(
        request, "prompts/one.html", told.status, prompt=prompt, lang=lang, tongues=LANGUAGES, told=told,
        done=done if done in ("live", "dropped", "undone") else None, legal=prompt in LEGAL,
        is_part=prompt not in work.shipped.texts[lang], called=title(over.catalogue, lang, prompt),
        announcement=prompt in announcing.announceable(work.shipped),
        lines=[line(which, lines[which]) for which in TRIES if which in lines]
        or [line("text", work.shipped_part(lang, prompt))],
        shipped=work.shipped.texts[lang].get(prompt, {}), note=work.shipped.texts[lang].get(prompt, {}).get("note"),
        live=None if current is None or current.shipped else current,
        broken=over.unusable.get(current.id) if current else None, draft=waiting, draft_faults=wrong,
        draft_lines=[line(which, text) for which, text in waiting.texts.lines().items()] if waiting else [],
        draft_clips=clip_rows(work, waiting, lang, prompt), clips=clip_rows(work, None, lang, prompt, over),
        progress=work.progress.get(waiting.id) if waiting else None, versions=history, newest=_newest(history),
        newest_live=current.id if current else None,
        back=wording.before(history), fields=fields(lines, waiting, told), most=LONGEST_TEXT, tries=TRIES,
        uses=uses_of(prompt, Tongue(language_of(request))), said_in=said_in(work.shipped, lang, prompt),
        heard=heard, owed=owed, heard_days=HEARD_DAYS, owed_many=debts.MANY,
        places=places_of(over, lang, prompt), may_edit=me.may(Permission.EDIT_PROMPTS),
    )  # fmt: skip


def _matches(catalogue: Catalogue, name: str, q: str) -> bool:
    """Whether every word that is searched for stands in the name or in a text of any language."""
    if not q:
        return True
    every = " ".join([name, *(catalogue.texts[lang].get(name, {}).get(w, "") for lang in LANGUAGES for w in TRIES)])
    return all(word in every.casefold() for word in q.casefold().split())


def _known(catalogue: Catalogue, lang: Language, prompt: str) -> None:
    """Raises HTTPException 404 for what is neither a prompt nor a part of numbers."""
    name = f"{lang}/{prompt}"
    if prompt not in catalogue.texts[lang] and (name not in catalogue.tongues[lang].parts or name in WORDLESS):
        raise HTTPException(404)


def _newest(history: Sequence[Version]) -> str:
    """What a form says it saw."""
    return f"{history[0].id}.{history[0].state}" if history else ""


def _draft_of(history: Sequence[Version]) -> Version | None:
    return next((each for each in history if each.state is State.DRAFT), None)


def _drop_drafts(conn: Any, history: Sequence[Version], me: Me, at: Any) -> None:
    """A new draft takes the place of the one that its maker saw."""
    for each in history:
        if each.state is State.DRAFT:
            wording.drop(conn, each.id, by=me.login, at=at)


def _address(lang: Language, prompt: str) -> str:
    return f"/prompts/{lang}/{prompt}"


async def _version(desk: InDesk, version: int) -> Version:
    try:
        return await desk.read(lambda conn: wording.of(conn, version))
    except NoSuchVersion:
        raise HTTPException(404) from None


async def _over(desk: InDesk, work: Studio, lang: Language, prompt: str, version: str) -> Overlay:
    """What is to be heard: of a version, of what is shipped, or what callers hear."""
    if version == "shipped":
        return work.as_shipped()
    heard = await work.heard()
    if (wanted := number(version)) is None:
        return heard
    found = await _version(desk, wanted)
    if (found.prompt, found.language) != (prompt, lang):
        raise HTTPException(404)
    over = await asyncio.to_thread(work.with_draft, heard, found)
    if found.id in over.unusable:
        raise HTTPException(404)
    return over
