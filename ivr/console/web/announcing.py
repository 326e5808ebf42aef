"""Announcements: what callers hear before the menu, switched on and off; made for a hurry at night.

Rules
1. What is on stands first, in the words that callers hear, in every language.
2. Nothing is switched by one click, and the page that asks again says whom it concerns: customers as imported, calls
   as counted, never a guess.
3. The form is filled in by its address (`address`): a link from an outage, a way back from the second question.  What
   an address gives is judged like what is typed, and what is wrong stays in the form beside what is wrong with it.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from domain import announcing as facts
from domain import duties, trail
from domain.announcing import Announced
from domain.desk import AlreadyDone, BadTime, DeskRefusal, SwitchOff, SwitchOn
from domain.duties import On
from domain.handlers import Unanswerable, perform
from domain.roles import Permission
from domain.store import Connection
from flows.when import clock, day
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import Asking, page, router
from ivr.console.web.given import Id, moment
from ivr.console.web.look import KYIV, redirect, render
from ivr.console.web.studio import Studio, audible, phrase, studio, tongue
from ivr.dialog import Phrase
from prompts import Catalogue
from prompts.checker import places
from prompts.overlay import Overlay
from prompts.spoken import LANGUAGES

PREFIX: Final = "announce_"
"""Names of prompts that are there to be announced."""
HOURS: Final = (1, 2, 4, 8, 12, 24)
USUAL: Final = 4
LONGEST: Final = timedelta(days=14)
ROUNDED: Final = 15
"""Minutes to which an end is rounded up: nobody remembers "until 14:37"."""
OUTAGE: Final = "announce_outage"
WORKS: Final = "announce_works"
MINUTE: Final = timedelta(minutes=1)
FRESH: Final = 600.0
"""Seconds for which the names of districts are not looked up again."""
LATELY: Final = timedelta(hours=1)
_CLOCK: Final = re.compile(r"(?:(\d{1,2})\.(\d{1,2})\.?\s+)?(\d{1,2})[:.](\d{2})")

router = router()


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody is about to switch on, and what is wrong with it.

    until: UTC.  hours, typed: how long, as it was chosen, and as it was written (an ISO 8601 moment as people write
    one)."""

    prompt: str
    region: str | None
    until: datetime | None
    faults: dict[str, str]
    typed: str = ""
    hours: str = ""

    @property
    def address(self) -> str:
        """Of the form as it was filled in."""
        return address(self.prompt, self.region, typed=self.typed, hours=self.hours)


def announceable(catalogue: Catalogue) -> list[str]:
    """The prompts that can be announced: in every language, with no place but the end."""
    return [
        name
        for name in sorted(catalogue.texts[LANGUAGES[0]])
        if name.startswith(PREFIX)
        and all(
            name in catalogue.texts[lang] and places(catalogue, catalogue.texts[lang][name]) <= {("until", None)}
            for lang in LANGUAGES
        )
    ]


def address(
    prompt: str, region: str | None, *, until: datetime | None = None, typed: str = "", hours: str = ""
) -> str:
    """Of the form, filled in.  until: to the minute; or as it was `typed`, or chosen (`hours`)."""
    given = {"prompt": prompt, "region": region, "until": written(until) if until else typed, "hours": hours}
    return (
        "/prompts/announcements?" + urlencode({name: value for name, value in given.items() if value}) + "#new-title"
    )


def suggested(planned: bool, expected: datetime | None, now: datetime) -> tuple[str, datetime | None]:
    """What is announced of an outage, and until when: until supply is expected back, where that lies ahead and within
    what can be announced."""
    ahead = expected if expected is not None and now + MINUTE < expected <= now + LONGEST else None
    return (WORKS if planned else OUTAGE), ahead


def written(until: datetime) -> str:
    """A moment as people write one here: `24.12 18:30` of Kyiv."""
    return f"{until.astimezone(KYIV):%d.%m %H:%M}"


@router.get("/announcements", **page(Permission.PROMPTS))
async def standing(
    request: Request, desk: InDesk, me: Asking, prompt: str = "", region: str = "", hours: str = "", until: str = ""
) -> Response:
    """What callers hear now, and what can be switched on; the form as the address fills it in."""
    if not (me.may(Permission.ANNOUNCE) and (prompt or region or hours or until)):
        return await _shown(request, desk, me.may(Permission.ANNOUNCE), None)
    work, now = studio(desk), desk.clock()
    choice = _choice(work, await _regions(desk, work, region), prompt, region, hours, until, now)
    if not prompt:  # not chosen yet
        choice.faults.pop("prompt")
    return await _shown(request, desk, True, choice, 422 if choice.faults else 200)


@router.get("/announcements/confirm", **page(Permission.ANNOUNCE))
async def confirm(
    request: Request, desk: InDesk, prompt: str = "", region: str = "", hours: str = "", until: str = ""
) -> Response:
    """Ask again, with whom it concerns and what they would hear."""
    work, now = studio(desk), desk.clock()
    known = await _regions(desk, work, region)
    choice = _choice(work, known, prompt, region, hours, until, now)
    if choice.faults:
        return await _shown(request, desk, True, choice, 422)
    over = await work.heard()
    concerned = await _concerned(desk, choice.region, now)
    replaced = [
        each
        for each in await desk.read(lambda conn: duties.announcements_on(conn, now))
        if (each.prompt, each.region) == (choice.prompt, choice.region)
    ]
    return render(
        request, "prompts/announce.html", choice=choice, said=_said(over, choice.prompt, choice.until, now),
        concerned=concerned, replaced=replaced,
    )  # fmt: skip


@router.post("/announcements", **page(Permission.ANNOUNCE))
async def switch_on(request: Request, desk: InDesk, me: Asking) -> Response:
    """Callers hear it from their next call on."""
    form, work, now = await request.form(), studio(desk), desk.clock()
    prompt, region, until = (str(form.get(name, "")) for name in ("prompt", "region", "until"))
    known = await _regions(desk, work, region)
    choice = _choice(work, known, prompt, region, "", until, now)
    if not choice.faults:
        command = SwitchOn(choice.prompt, choice.region, choice.until)
        try:
            await desk.write(lambda conn: _switched_on(conn, command, me.login, now))
        except BadTime:
            choice.faults["until"] = "announce_past"
        except DeskRefusal:
            choice.faults["region"] = "announce_region"
    if choice.faults:
        return await _shown(request, desk, True, choice, 422)
    return redirect("/prompts/announcements?done=on")


@router.get("/announcements/{number}/off", **page(Permission.ANNOUNCE))
async def confirm_off(request: Request, desk: InDesk, number: Id) -> Response:
    """Ask again before it is switched off."""
    now, work = desk.clock(), studio(desk)
    found = await _standing(desk, number, now)
    if found is None:
        return redirect("/prompts/announcements?done=was_off")
    return render(
        request, "prompts/announce_off.html", one=found,
        said=_said(await work.heard(), found.prompt, found.until, now),
        concerned=await _concerned(desk, found.region, now),
    )  # fmt: skip


@router.post("/announcements/{number}/off", **page(Permission.ANNOUNCE))
async def switch_off(desk: InDesk, me: Asking, number: Id) -> Response:
    """Callers don't hear it any more."""
    now = desk.clock()
    try:
        await desk.write(lambda conn: _switched_off(conn, number, me.login, now))
    except AlreadyDone:
        return redirect("/prompts/announcements?done=was_off")
    except Unanswerable:
        raise HTTPException(404) from None
    return redirect("/prompts/announcements?done=off")


@router.get("/announcements/sound/{language}", **page(Permission.PROMPTS))
async def sound(request: Request, desk: InDesk, language: str, prompt: str, until: str = "") -> Response:
    """What callers of this language hear.  until: as `datetime.isoformat` writes it."""
    lang, work, now = tongue(language), studio(desk), desk.clock()
    if prompt not in work.shipped.texts[lang]:
        raise HTTPException(404)
    try:
        end = moment(until) if until else None
    except ValueError:
        raise HTTPException(404) from None
    over = await work.heard()
    _, wav = await asyncio.to_thread(phrase, over, lang, _phrase(prompt, end, now))
    return audible(request, wav)


def _switched_on(conn: Connection, command: SwitchOn, who: str, now: datetime) -> int:
    made = perform(conn, command, call=None, seq=None, at=now, by=who)
    trail.note(
        conn, who, "announcement.on", of=command.prompt, at=now,
        announcement=made, region=command.region, until=command.until,
    )  # fmt: skip
    return made


def _switched_off(conn: Connection, number: int, who: str, now: datetime) -> None:
    perform(conn, SwitchOff(number), call=None, seq=None, at=now, by=who)
    trail.note(conn, who, "announcement.off", of=str(number), at=now, announcement=number)


async def _shown(
    request: Request, desk: Desk, may_announce: bool, choice: Choice | None, status: int = 200
) -> Response:
    work, now = studio(desk), desk.clock()
    over = await work.heard()

    def job(conn: Connection) -> tuple[Sequence[On], Sequence[Announced], dict[str | None, int]]:
        on = duties.announcements_on(conn, now)
        concerned = {region: facts.customers(conn, region) for region in {each.region for each in on}}
        return on, facts.announced(conn, 30), concerned

    on, before, customers = await desk.read(job)
    known = await _regions(desk, work)
    standing_now = {each.id for each in on}
    done = request.query_params.get("done")
    return render(
        request, "prompts/announcements.html", status,
        on=[(each, _said(over, each.prompt, each.until, now)) for each in on],
        before=[each for each in before if each.id not in standing_now], may_announce=may_announce,
        offered=[(name, _said(over, name, None, now)) for name in announceable(work.shipped)],
        regions=[*known, *([choice.region] if choice and choice.region and choice.region not in known else [])],
        hours=HOURS, chosen=_chosen(choice), choice=choice, done=done if done in ("on", "off", "was_off") else None,
        customers=customers,
    )  # fmt: skip


def _chosen(choice: Choice | None) -> str:
    """Which of `HOURS` stands in the form: what was chosen, and as long as nobody chose, `USUAL`: an announcement
    that nobody ends is heard for days."""
    if choice is None or not (choice.faults or choice.typed or choice.hours):
        return str(USUAL)
    return choice.hours


def _choice(
    work: Studio, known: Sequence[str], prompt: str, region: str, hours: str, until: str, now: datetime
) -> Choice:
    """What a form means.  hours: from now on, rounded up; until: see `_meant`, wins over `hours`."""
    wrong: dict[str, str] = {}
    if prompt not in announceable(work.shipped):
        wrong["prompt"] = "announce_nothing"
    if region and region not in known:
        wrong["region"] = "announce_region"
    end: datetime | None = None
    try:
        if until.strip():
            end = _meant(until.strip(), now)
        elif hours:
            end = _rounded(now + timedelta(hours=_hours(hours)))
    except (ValueError, OverflowError):
        wrong["until"] = "announce_time"
    if end is not None and end <= now:
        wrong["until"] = "announce_past"
    elif end is not None and end > now + LONGEST:
        wrong["until"] = "announce_far"
    return Choice(prompt, region or None, end, wrong, _as_people_write(until), hours)


def _hours(text: str) -> int:
    """One of `HOURS`.  Raises ValueError."""
    if text not in {str(each) for each in HOURS}:
        raise ValueError(f"{text} hours can't be chosen")
    return int(text)


def _as_people_write(until: str) -> str:
    """What the form shows again: a moment of ours (ISO 8601) as people write one, anything else as it was."""
    try:
        return written(moment(until))
    except ValueError:
        return until


def _meant(text: str, now: datetime) -> datetime:
    """`18:30`: the next time that a clock in Kyiv shows it; `24.12 18:30`: on that day, this year or the next; or
    ISO 8601.  Raises ValueError."""
    if found := _CLOCK.fullmatch(text):
        day_, month, hour, minute = (int(each) if each else None for each in found.groups())
        here = now.astimezone(KYIV)
        assert hour is not None and minute is not None
        meant = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        if day_ is None or month is None:
            return (meant if meant > here else meant + timedelta(days=1)).astimezone(UTC)
        meant = meant.replace(day=1).replace(month=month).replace(day=day_)
        return (meant if meant > here - timedelta(days=180) else meant.replace(year=meant.year + 1)).astimezone(UTC)
    return moment(text, KYIV)


def _rounded(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole + timedelta(minutes=-whole.minute % ROUNDED)


def _phrase(prompt: str, until: datetime | None, now: datetime) -> Phrase:
    """As the conversation says it (`flows.common.tell`)."""
    end: tuple[Phrase, ...] = ()
    if until is not None:
        end = (Phrase("announced_until", (("day", day(until, now)), ("at", clock(until)))),)
    return Phrase(prompt, (("until", end),))


def _said(over: Overlay, prompt: str, until: datetime | None, now: datetime) -> dict[str, str]:
    """What callers of each language hear, in words."""
    said = _phrase(prompt, until, now)
    return {lang: over.catalogue.compose(lang, said.prompt, said.words).text for lang in LANGUAGES}


async def _standing(desk: Desk, number: int, now: datetime) -> On | None:
    on = await desk.read(lambda conn: duties.announcements_on(conn, now))
    return next((each for each in on if each.id == number), None)


async def _regions(desk: Desk, work: Studio, wanted: str = "") -> Sequence[str]:
    """Looked up anew every ten minutes at most, for it reads every building, and when `wanted` is not among them."""
    if work.regions is None or desk.tick() - work.regions[0] > FRESH or (wanted and wanted not in work.regions[1]):
        work.regions = (desk.tick(), await desk.read(facts.regions))
    return work.regions[1]


async def _concerned(desk: Desk, region: str | None, now: datetime) -> dict[str, int]:
    """customers: of the district or all; calls: in the last hour, of all, for nobody knows a call's district before
    its account is named."""

    def job(conn: Connection) -> dict[str, int]:
        return {"customers": facts.customers(conn, region), "calls": facts.calls_since(conn, now - LATELY)}

    return await desk.read(job)
