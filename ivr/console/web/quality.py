"""Quality: the scores that calls were given, and the form by which they are given.

Rules
1. What is typed into the form is a draft that only the browser has: adding, moving, removing and looking at it store
   nothing, and each is a POST that sends the whole draft and gets it back.  So the page works without scripts; with
   them the piece alone is swapped (htmx) and the focus stays where it was, for buttons keep their ids.
2. What is kept is a new version, made from the one that was seen; if somebody else was faster nothing is kept, what
   was typed stays, and the page shows what stands now.
3. The preview is drawn by the very piece that the replay page draws its form with (`quality/question.html`).
4. The state of the scores' page is in its address: period, who scored, what about, which question was missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from domain import quality, scored, trail
from domain.model import Language
from domain.quality import Edition, Stale
from domain.roles import Permission
from domain.rules import local_day
from domain.scorecard import MOST_QUESTIONS, Form, Malformed, Mark, Question, faults, fresh_key
from domain.scored import MOST, UNKNOWN, Given
from domain.store import Connection
from ivr.console.web import telling
from ivr.console.web.analytics import choose, months
from ivr.console.web.desk import InDesk
from ivr.console.web.gate import Asking, Me, page, router
from ivr.console.web.given import number
from ivr.console.web.look import language_of, redirect, render
from ivr.console.web.words import Tongue

router = router("/quality")

DEFAULT_WEIGHT: Final = "10"
"""Of a question that was just added."""
LARGEST: Final = 256 * 1024
"""Bytes: of thirty questions in three languages, each Cyrillic letter six."""


@dataclass(frozen=True, slots=True)
class Row:
    """A question as it stands in the form: all as it was typed."""

    key: str
    text: Mapping[Language, str]
    weight: str
    critical: bool

    @property
    def question(self) -> Question:
        """What it says; a weight that is none is 0, which no form has."""
        text = {lang: " ".join(said.split()) for lang, said in self.text.items()}
        weight = self.weight.strip()
        worth = int(weight) if weight.isascii() and weight.isdecimal() and len(weight) < 6 else 0
        return Question(self.key, {lang: said for lang, said in text.items() if said}, worth, self.critical)


# The scores


@router.get("", **page(Permission.REPLAY))
async def scores(
    request: Request,
    desk: InDesk,
    period: str = "month",
    month: str = "",
    first: str = Query("", alias="from"),
    last: str = Query("", alias="to"),
    by: str = "",
    about: str = "",
    missed: str = "",
) -> Response:
    """What calls were given, by question, by scorer and by what they were about; and those calls."""
    today, t = local_day(desk.clock()), Tongue(language_of(request))
    chosen = choose(period, month, first, last, "", today)

    def job(conn: Connection) -> tuple[list[Given], list[Form]]:
        return scored.given(conn, chosen.span), [one.form for one in quality.forms(conn)]

    found, forms = await desk.read(job)
    narrowed = [one for one in found if by in ("", one.by) and about in ("", one.matter)]
    wanted = [one for one in narrowed if not missed or one.marks.get(missed) in (Mark.NO, Mark.PARTLY)]
    whole = scored.summary(found, forms)
    told = scored.summary(narrowed, forms) if len(narrowed) < len(found) else whole
    shown = await desk.read(lambda conn: scored.dated(conn, wanted[:MOST]))
    own = {"by": by, "about": about, "missed": missed}

    def address(**other: str) -> str:
        kept = {name: value for name, value in (own | other).items() if value}
        return f"/quality?{chosen.query()}{'&' + urlencode(kept) if kept else ''}"

    return render(
        request, "quality/scores.html", 422 if chosen.error else 200,
        chosen=chosen, told=told, scorers=whole.by, matters=whole.matters, rows=shown, count=len(wanted),
        most=MOST, by=by, about=about, missed=missed, address=address, first=first, last=last,
        months=months(today),
        matter=lambda name: t("quality.unknown") if name == UNKNOWN else telling.matter(name, t),
        numbers={one.question.key: n for n, one in enumerate(told.criteria, 1)},
        missed_one=next((one for one in told.criteria if one.question.key == missed), None),
        in_language=Language(t.language), Mark=Mark,
    )  # fmt: skip


# The form


@router.get("/form", **page(Permission.REPLAY))
async def form(request: Request, desk: InDesk, me: Asking, version: str = "", done: str = "") -> Response:
    """The form that stands, to be changed by who may; or one of its versions, as it was."""
    editions = await desk.read(quality.forms)
    if version:
        one = next((each for each in editions if each.form.version == number(version)), None)
        if one is None:
            raise HTTPException(404)
        if one is not editions[0]:
            return await _page(request, desk, me, editions, _rows(one.form), looked=one)
    told = {"done": "same"} if done == "same" else {"done": "kept"} if done else {}
    return await _page(request, desk, me, editions, _rows(editions[0].form), told)


@router.post("/form", **page(Permission.SCORE_FORM, largest=LARGEST))
async def change(request: Request, desk: InDesk, me: Asking) -> Response:
    """One step of changing it: `do`, else the whole draft as the page has it; `save` keeps it."""
    sent = await request.form()
    rows, do = _typed(sent), _text(sent, "do")
    editions = await desk.read(quality.forms)
    what, _, of = do.partition(":")
    if what != "save":
        rows, told = _step(rows, what, of, editions)
        return await _page(request, desk, me, editions, rows, told, seen=_text(sent, "seen"))
    wrong = faults([row.question for row in rows])
    if wrong:
        return await _page(
            request, desk, me, editions, rows, {"done": "wrong"}, wrong, seen=_text(sent, "seen"), status=422
        )
    now, seen = desk.clock(), number(_text(sent, "seen"))

    def job(conn: Connection) -> Form:
        before = quality.form(conn)
        made = quality.write_form(conn, [row.question for row in rows], seen or 0, by=me.login, at=now)
        if made != before:
            trail.note(
                conn, me.login, "form.changed", of=str(made.version), at=now, details=differences(before, made)
            )
        return made

    try:
        made = await desk.write(job)
    except Stale:
        editions = await desk.read(quality.forms)
        return await _page(request, desk, me, editions, rows, {"done": "stale"}, status=409)
    same = any(one.form.version == made.version for one in editions)
    return redirect(f"/quality/form?done={'same' if same else 'kept'}")


def differences(before: Form, after: Form) -> dict[str, Any]:
    """What a trail says of a change: questions by their keys."""
    old, new = ({one.key: one for one in each.questions} for each in (before, after))
    kept = [key for key in old if key in new]
    told = {
        "added": [key for key in new if key not in old],
        "removed": [key for key in old if key not in new],
        "changed": [key for key in kept if old[key] != new[key]],
    }
    moved = kept != [key for key in new if key in old]
    return {name: ", ".join(keys) for name, keys in told.items() if keys} | ({"moved": True} if moved else {})


def _step(rows: list[Row], what: str, of: str, editions: Sequence[Edition]) -> tuple[list[Row], dict[str, Any]]:
    """The draft after it, and what is told of it.  An unknown one changes nothing."""
    at = next((n for n, row in enumerate(rows) if row.key == of), None)
    if what == "add" and len(rows) < MOST_QUESTIONS:
        used = {row.key for row in rows} | {one.key for each in editions for one in each.form.questions}
        made = Row(fresh_key(used), {}, DEFAULT_WEIGHT, False)
        return [*rows, made], {"done": "added", "n": len(rows) + 1, "of": len(rows) + 1, "focus": made.key}
    if at is None:
        return rows, {"done": "most"} if what == "add" else {}
    if what == "remove":
        return [*rows[:at], *rows[at + 1 :]], {"done": "removed", "n": at + 1, "of": len(rows) - 1}
    to = at + {"up": -1, "down": 1}.get(what, 0)
    if to != at and 0 <= to < len(rows):
        rows = list(rows)
        rows.insert(to, rows.pop(at))
        return rows, {"done": "moved", "n": to + 1, "of": len(rows)}
    return rows, {"done": "stays", "n": at + 1, "of": len(rows)}


async def _page(
    request: Request,
    desk: Any,
    me: Me,
    editions: Sequence[Edition],
    rows: Sequence[Row],
    told: Mapping[str, Any] | None = None,
    wrong: Sequence[Malformed] = (),
    *,
    seen: str = "",
    looked: Edition | None = None,
    status: int = 200,
) -> Response:
    """seen: the version that the draft was made from; without one, the one that stands.  looked: one that doesn't."""
    standing = editions[0]
    questions = [row.question for row in rows]
    whole = sum(one.weight for one in questions)
    shares = {one.key: one.weight / whole for one in questions if whole and one.weight}
    by_field = {(fault.of, fault.field): fault.why for fault in wrong}
    return render(
        request, "quality/form.html", status, standing=standing, looked=looked, rows=rows, shares=shares,
        preview=[one for one in questions if one.text.get(Language.UK)], whole=whole,
        told={"done": "", "focus": "", **(told or {})},
        fault=lambda key, name: by_field.get((key, name)), faults=wrong,
        seen=seen or standing.form.version, may_edit=me.may(Permission.SCORE_FORM) and looked is None,
        editions=editions, given=await desk.read(scored.counts_by_form), marks=list(Mark),
        in_language=Language(language_of(request)), most=MOST_QUESTIONS, tongues=list(Language),
    )  # fmt: skip


def _rows(form: Form) -> list[Row]:
    return [Row(one.key, one.text, str(one.weight), one.critical) for one in form.questions]


def _typed(sent: FormData) -> list[Row]:
    """The draft, in the order in which its rows were sent."""
    keys = dict.fromkeys(each for each in sent.getlist("row") if isinstance(each, str))
    return [
        Row(
            key,
            {lang: said for lang in Language if (said := _text(sent, f"{lang}_{key}"))},
            _text(sent, f"weight_{key}"),
            _text(sent, f"critical_{key}") == "yes",
        )
        for key in list(keys)[: MOST_QUESTIONS + 1]
    ]


def _text(sent: FormData, name: str) -> str:
    value = sent.get(name)
    return value if isinstance(value, str) else ""
