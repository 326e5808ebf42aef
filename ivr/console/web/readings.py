"""Readings: how far the window has come, the doubtful ones, and the receipt of each as proof.

Rules
1. What a doubt means is said in words, with what is known on both sides of it; who decides gives a reason, which is
   stored; a decision is made once (`domain.desk_readings`), and sent twice it is the same decision.
2. A million readings are counted once and then only added to (`domain.progress`); while the first count goes on, the
   page says so and shows what has been counted.
3. The receipt shows what was stored as it was stored, and where it can be heard.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Query, Request, Response
from starlette.exceptions import HTTPException

from domain import desk_readings, doubt_cases, progress, reading_proof, trail
from domain.desk import DeskRefusal
from domain.desk_readings import AlreadyResolved, ResolveReading
from domain.doubt import Guess
from domain.doubt_cases import Case
from domain.handlers import perform
from domain.handling import Unanswerable
from domain.masking import HIDDEN
from domain.model import Source
from domain.progress import Standing, Tally
from domain.reading_proof import Proof
from domain.roles import Permission
from domain.store import Connection
from domain.window import Period
from ivr.console.web import drawing, shapes
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.drawing import Drawing, Tick
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import Id
from ivr.console.web.hearing import REASONS, Hearing, hearing
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.masked import hidden_text
from ivr.console.web.words import Tongue

router = router()

ROWS: Final = 30
PATIENCE: Final = 0.06
"""Seconds of counting for one look at the page."""
RECOUNT: Final = 600.0
"""Seconds after which the meters that there are to read are counted anew."""
SHOWN: Final = (Source.CALLER, Source.WEB, Source.BOT, Source.INSPECTOR)
"""Channels, from below to above."""


@dataclass
class Counting:
    """What this console has counted.  One at a time counts (`lock`)."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    tallies: dict[Period, Tally] = field(default_factory=dict[Period, Tally])
    to_read: int | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What the page shows.  read, then: meters now and at the same moment of the window before; None: not counted."""

    standing: Standing
    whole: bool
    read: int
    to_read: int
    then: int | None
    sources: Sequence[tuple[Source, int]]
    drawn: Drawing
    days: Sequence[Mapping[str, Any]]

    @property
    def share(self) -> float:
        return self.read / self.to_read if self.to_read else 0.0

    @property
    def share_then(self) -> float | None:
        return None if self.then is None or not self.to_read else self.then / self.to_read


@router.get("/readings", **page(Permission.READINGS), name="readings")
async def window(
    request: Request, serving: InDesk, me: Asking, after: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> Response:
    """The window, and what is doubtful."""
    found = await progress_of(serving, Tongue(language_of(request)))

    def job(conn: Connection) -> tuple[Sequence[desk_readings.Open], int]:
        return desk_readings.doubtful_open(conn, after=after, limit=ROWS + 1), doubt_cases.waiting(conn)

    rows, waiting = await serving.read(job)
    return render(
        request, "readings/window.html",
        progress=found, rows=rows[:ROWS], waiting=waiting,
        more=f"/readings?after={rows[ROWS - 1].reading}#doubtful" if len(rows) > ROWS else None, from_start=not after,
    )  # fmt: skip


async def progress_of(serving: Desk, t: Tongue) -> Progress:
    """The window as far as it has been counted; counts on for a moment."""
    now = serving.clock()
    counting: Counting = serving.facts.setdefault("readings.counting", Counting())
    async with counting.lock:
        standing = await serving.read(lambda conn: progress.now(conn, now))
        earlier = await serving.read(lambda conn: progress.a_month_before(conn, standing))
        for period in [each for each in counting.tallies if each not in (standing.period, earlier.period)]:
            del counting.tallies[period]
        tally = counting.tallies.setdefault(standing.period, Tally(standing))
        before = counting.tallies.setdefault(earlier.period, Tally(earlier))
        began = serving.tick()
        for each in (tally, before):
            while not await serving.read(each.count) and serving.tick() - began < PATIENCE:
                pass
        if counting.to_read is None or serving.tick() - counting.at > RECOUNT:
            counting.to_read, counting.at = await serving.read(progress.to_read), serving.tick()
        return _progress(standing, tally, before, counting.to_read, now, t)


def _progress(standing: Standing, tally: Tally, before: Tally, to_read: int, now: datetime, t: Tongue) -> Progress:
    hours = tally.by_hour()
    here = progress.hour_of(now, standing.window)
    over = here >= standing.hours
    then = before.until(progress.same_moment(now, standing, before.standing)) if before.whole else None
    days = [standing.window.first + timedelta(days=n) for n in range(standing.hours // 24)]
    drawn = drawing.window(
        [[hour.get(source, 0) for source in SHOWN] for hour in hours],
        [source.value for source in SHOWN],
        to_read,
        target=standing.target.terms.percent / 100,
        before=[before.until(hour) for hour in range(standing.hours)] if before.whole and before.read else [],
        upto=None if over else here,
        days=[shapes.day(day, t, year=False) for day in days],
        titles=[
            f"{days[n // 24]:%d.%m} {n % 24}:00–{n % 24 + 1}:00: "
            + (", ".join(f"{t('accounts.source_' + source)} {hour[source]}" for source in SHOWN if hour.get(source)))
            for n, hour in enumerate(hours)
        ],
    )
    table = [
        {
            "day": day,
            "sources": [sum(hours[24 * n + h].get(source, 0) for h in range(24)) for source in SHOWN],
            "sum": tally.until(24 * n + 23),
            "then": before.until(24 * n + 23) if before.whole else None,
            "future": 24 * n > here,
        }
        for n, day in enumerate(days)
    ]
    sources = tally.by_source()
    return Progress(
        standing, tally.whole, tally.read, to_read, then, [(each, sources.get(each, 0)) for each in SHOWN], drawn,
        table,
    )  # fmt: skip


# Doubtful readings


@router.get("/readings/{reading}", **page(Permission.READINGS), name="reading")
async def receipt(
    request: Request,
    reading: Id,
    serving: InDesk,
    me: Asking,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The receipt; of a doubtful reading also what is known, and the decision."""
    return await _shown(request, reading, serving, me, done=done if done in ("accepted", "void") else "")


@router.post("/readings/{reading}/resolve", **page(Permission.RESOLVE_READINGS))
async def resolve(request: Request, reading: Id, serving: InDesk, me: Asking) -> Response:
    """It is right, or void."""
    form, now = await request.form(), serving.clock()
    decision, because = str(form.get("decision", "")), str(form.get("because", "")).strip()
    errors: dict[str, str] = {}
    if decision not in ("accept", "void"):
        errors["decision"] = "missing"
    if not because:
        errors["because"] = "missing"
    elif len(because) > 1000:
        errors["because"] = "too_long"
    typed = {"decision": decision, "because": because}
    if errors:
        return await _shown(request, reading, serving, me, errors=errors, typed=typed, status=422)
    accept = decision == "accept"

    def job(conn: Connection) -> None:
        before = doubt_cases.of(conn, reading)
        perform(conn, ResolveReading(reading, accept, because), call=None, seq=None, at=now, by=me.login)
        if before is not None and before.resolved_by is None:  # the same decision again changes nothing
            trail.note(
                conn, me.login, "reading.accepted" if accept else "reading.voided", of=str(reading), at=now,
                reason=because,
            )  # fmt: skip

    try:
        await serving.write(job)
    except Unanswerable:
        raise HTTPException(404) from None
    except AlreadyResolved:
        errors[""] = "already"
        return await _shown(request, reading, serving, me, errors=errors, typed=typed, status=409)
    except DeskRefusal:
        errors["decision"] = "does_not_fit"
        return await _shown(request, reading, serving, me, errors=errors, typed=typed, status=422)
    return redirect(f"/readings/{reading}?done={'accepted' if accept else 'void'}")


async def _shown(
    request: Request,
    reading: int,
    serving: Desk,
    me: Me,
    *,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
    done: str = "",
) -> Response:
    now, language = serving.clock(), language_of(request)

    def job(conn: Connection) -> Any:
        proof = reading_proof.of(conn, reading)
        if proof is None:
            return None
        heard = hearing(conn, proof.call, me, now, proof.said_from, proof.said_to)
        after = desk_readings.doubtful_open(conn, after=reading, limit=1)
        return proof, doubt_cases.of(conn, reading), heard, after[0].reading if after else None

    found = await serving.read(job)
    if found is None:
        raise HTTPException(404)
    proof, case, heard, following = found
    t, clear = Tongue(language), me.may(Permission.PERSONAL)
    return render(
        request, "readings/one.html", status,
        proof=proof, case=case, caller_said=in_words(case.said, t, clear) if case and case.said else None,
        hearing=heard, errors=errors or {}, typed=typed or {}, done=done, reasons=REASONS,
        lines=_lines(proof, heard, t, clear),
        meanings=[told(guess, case, t) for guess in case.guesses[:4]] if case else [],
        chart=_chart(case, t) if case else None, following=following,
    )  # fmt: skip


def _lines(proof: Proof, heard: Hearing | None, t: Tongue, clear: bool) -> list[dict[str, Any]]:
    """The journal's lines for people.

    asked_at, at: when the question began and when it was answered.  second, second_at: the same two moments as
    seconds of the recording; None without one.
    """
    found: list[dict[str, Any]] = []
    for line, since in proof.spoken:
        second, second_at = (
            (None, None)
            if heard is None or proof.said_from is None
            else tuple(heard.at + (each - proof.said_from).total_seconds() for each in (since, line.at))
        )
        found.append(
            {
                "asked_at": since, "at": line.at, "second": second, "second_at": second_at, "seq": line.seq,
                "what": _called(line.label, t),
                "heard": _heard(line.heard, clear), "sure": line.confidence, "interruption": line.interruption,
            }
        )  # fmt: skip
    return found


def in_words(said: str, t: Tongue, clear: bool) -> str:
    """What the caller said to the question about a doubt, which the conversation noted (`flows.doubt`)."""
    noted, _, answer = said.partition(": ")
    if answer == "as keyed" or said == "insisted":
        return t("readings.said_insisted")
    if said.startswith(of_meter := "it is of meter "):
        meter = said.removeprefix(of_meter)
        return t("readings.said_meter", what=meter if clear else HIDDEN + meter[-4:])
    if said.startswith(to := "corrected to "):
        return t("readings.said_corrected", what=said.removeprefix(to))
    if said.startswith("it is ") and t.knows(zone := f"accounts.zone_{said.removeprefix('it is ')}"):
        return t("readings.said_zone", zone=t(zone).lower())
    for key in (f"readings.said_{noted.replace(' ', '_')}", f"replay.interruption_{noted.replace(' ', '_')}"):
        if not answer and t.knows(key):
            return t(key)
    return said


def _called(label: str, t: Tongue) -> str:
    """A question or a deed in words; as the code names it where nobody has found words yet."""
    for key in (f"story.step_{label}", f"story.deed_{label}", f"story.prompt_{label}", f"readings.line_{label}"):
        if t.knows(key):
            return t(key)
    return label.replace("_", " ")


def _heard(text: str | None, clear: bool) -> str | None:
    return text if text is None or clear else hidden_text(text)


def told(guess: Guess, case: Case, t: Tongue) -> dict[str, Any]:
    """What a value may mean, in words, and how likely."""
    facts = {
        "meant": "–" if guess.meant is None else f"{guess.meant:,}".replace(",", "\u00a0"),
        "zone": t(f"accounts.zone_{guess.zone}").lower() if guess.zone else "",
        "meter": guess.meter[-4:] if guess.meter else HIDDEN,
        "digits": guess.decimals,
    }
    return {
        "text": t(f"readings.means_{guess.hypothesis}", **facts),
        "weight": guess.weight,
        "as_keyed": guess.as_keyed,
    }


def _chart(case: Case, t: Tongue) -> Drawing | None:
    """What was used a day before, and what this value would mean."""
    spans: list[tuple[int, int, float, str, str]] = []
    last = None
    for point in case.before:
        if last is not None and point.a_day is not None:
            said = f"{last.on:%d.%m.%Y} – {point.on:%d.%m.%Y}: {point.a_day:.1f} {t('accounts.kwh_a_day')}"
            spans.append((last.on.toordinal(), point.on.toordinal(), point.a_day, "used", said))
        last = point
    if last is not None and case.a_day is not None and case.a_day >= 0 and case.read_on > last.on:
        title = f"{t('readings.this_one')}: {case.a_day:.1f} {t('accounts.kwh_a_day')}"
        spans.append((last.on.toordinal(), case.read_on.toordinal(), case.a_day, "doubtful", title))
    if not spans:
        return None
    marks = [Tick(each[0], _day(each[0], t)) for each in spans[:: max(len(spans) // 5, 1)]]
    return drawing.use(spans, case.usual * case.multiplier if case.usual else None, marks)


def _day(ordinal: int, t: Tongue) -> str:
    return shapes.tick(date.fromordinal(ordinal), t)
