"""What staff remark on a call: notes at moments of it, and scores by a form.

Rules
1. Nothing is overwritten.  A changed note is a new version of it; one that is taken back is a version without text.
   Who scores a call again adds a version; of each scorer the last one counts.
2. A note is changed by who wrote it, and only from the version that they saw (`Stale`).
3. The form's versions are never changed (`domain.scorecard`).
`by` is the login of somebody of the staff.  Every function works within the transaction of its connection.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from domain import debts
from domain.model import Language
from domain.scorecard import FIRST, Answer, Form, Malformed, Mark, Question, checked
from domain.tables import call_note_versions, call_notes, calls, score_forms, scores

LONGEST: Final = 4000
"""Characters of a note, or of a comment."""


class Unsuitable(ValueError):
    """What was written can't be kept; `why` is a word for the reason: "empty", "too_long", "second"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unknown(LookupError):
    """There is no such call, or no such note."""


class NotYours(PermissionError):
    """Somebody else wrote it."""


class Stale(RuntimeError):
    """It was changed since: show what stands now."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it stands, or as it stood.

    second: of the recording; None: on the call as a whole.  version: from 1.  text: None when it was taken back.
    at: when this version was written.
    """

    id: int
    call: str
    second: float | None
    by: str
    version: int
    at: datetime
    text: str | None


@dataclass(frozen=True, slots=True)
class Score:
    """A score as somebody gave it.  version: from 1.  form: the version of the form.  total: 0 to 100, or None."""

    call: str
    by: str
    version: int
    form: int
    at: datetime
    total: float | None
    answers: Mapping[str, Answer]
    comment: str


@dataclass(frozen=True, slots=True)
class Edition:
    """A version of the form with who wrote it and when; None: it came with the program."""

    form: Form
    at: datetime | None
    by: str | None


# Notes


def note(conn: Connection, call: str, second: float | None, text: str, *, by: str, at: datetime) -> Note:
    """Write a note.  Raises Unknown, Unsuitable."""
    text, second = _text(text), _second(second)
    _known(conn, call)
    row = conn.execute(insert(call_notes).values(call=call, second=second, by=by).returning(call_notes.c.id))
    return _version(conn, Note(row.scalar_one(), call, second, by, 1, at, text))


def stands(conn: Connection, call: str, second: float | None, text: str, *, by: str) -> bool:
    """Whether the last note of theirs on this call says just this.  Raises Unsuitable."""
    text, second = _text(text), _second(second)
    last = max((one for one in notes(conn, call) if one.by == by), key=lambda one: one.id, default=None)
    return last is not None and (last.second, last.text) == (second, text)


def change(conn: Connection, id: int, seen: int, text: str, *, by: str, at: datetime) -> Note:
    """Another text for it.  seen: the version that was changed.  Raises Unknown, NotYours, Stale, Unsuitable."""
    return _next(conn, id, seen, _text(text), by, at)


def take_back(conn: Connection, id: int, seen: int, *, by: str, at: datetime) -> Note:
    """It is no longer shown, but kept.  seen: the version that was shown.  Raises Unknown, NotYours, Stale."""
    return _next(conn, id, seen, None, by, at)


def notes(conn: Connection, call: str) -> list[Note]:
    """What stands on this call, in the order of its moments; what is about the whole call comes first."""
    statement = _NOTES.where(call_notes.c.call == call, _newest_note, call_note_versions.c.text.is_not(None))
    found = [Note(*row) for row in conn.execute(statement)]
    return sorted(found, key=lambda one: (-1.0 if one.second is None else one.second, one.id))


def versions(conn: Connection, id: int) -> list[Note]:
    """How a note came to be what it is, oldest first; empty when there is none."""
    statement = _NOTES.where(call_notes.c.id == id).order_by(call_note_versions.c.version)
    return [Note(*row) for row in conn.execute(statement)]


# Scores


def form(conn: Connection, version: int | None = None) -> Form:
    """The form that stands, or this version of it.  Raises Unknown."""
    if version == FIRST.version:
        return FIRST
    statement = select(score_forms.c.version, score_forms.c.questions)
    if version is None:
        statement = statement.order_by(score_forms.c.version.desc()).limit(1)
    else:
        statement = statement.where(score_forms.c.version == version)
    row = conn.execute(statement).one_or_none()
    if row is None and version is not None:
        raise Unknown(f"there is no version {version} of the form")
    return Form(row.version, _read_questions(row.questions)) if row else FIRST


def write_form(conn: Connection, questions: Sequence[Question], seen: int, *, by: str, at: datetime) -> Form:
    """Another version of the form, which stands from now on.  seen: the one that was changed.

    Raises Malformed, Stale.
    """
    asked = checked(questions)
    standing = form(conn)
    if standing.version != seen:
        raise Stale(f"version {standing.version} of the form stands, not {seen}")
    if tuple(standing.questions) == asked:
        return standing
    written = json.dumps([_written(each) for each in asked], ensure_ascii=False)
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    made = dialect.insert(score_forms).values(version=seen + 1, at=at, by=by, questions=written)
    if conn.execute(made.on_conflict_do_nothing()).rowcount != 1:  # somebody writes it at the same moment
        raise Stale(f"version {seen + 1} of the form was just written")
    return Form(seen + 1, asked)


def forms(conn: Connection) -> list[Edition]:
    """Every version of the form, the one that stands first."""
    rows = conn.execute(select(score_forms).order_by(score_forms.c.version.desc()))
    found = [Edition(Form(row.version, _read_questions(row.questions)), row.at, row.by) for row in rows]
    return [*found, Edition(FIRST, None, None)]


def score(
    conn: Connection,
    call: str,
    version: int,
    answers: Mapping[str, Answer],
    comment: str = "",
    *,
    by: str,
    at: datetime,
) -> Score:
    """Score a call, for the first time or again.  version: of the form.

    Raises Unknown: the call or the form; Malformed: a question has no answer; Unsuitable.
    """
    _known(conn, call)
    total = form(conn, version).total(answers)
    comment = comment.strip()
    if len(comment) > LONGEST:
        raise Unsuitable("too_long")
    for answer in answers.values():
        _second(answer.second)
    earlier = select(func.max(scores.c.version)).where(scores.c.call == call, scores.c.by == by)
    number = (conn.execute(earlier).scalar() or 0) + 1
    given = Score(call, by, number, version, at, total, dict(answers), comment)
    conn.execute(
        insert(scores).values(
            call=call, by=by, version=number, form=version, at=at, total=total, comment=comment,
            answers=json.dumps({key: [answer.mark, answer.second] for key, answer in answers.items()}),
        )
    )  # fmt: skip
    debts.owe(conn, call, at)
    return given


def standing(conn: Connection, call: str) -> list[Score]:
    """What each scorer thinks of this call now, last given first."""
    return _scores(conn, select(scores).where(scores.c.call == call, _newest_score))


def given(conn: Connection, call: str) -> list[Score]:
    """Every score that this call was ever given, last given first."""
    return _scores(conn, select(scores).where(scores.c.call == call))


def totals(conn: Connection, of: Sequence[str]) -> dict[str, float]:
    """For each of these calls that has a total the mean of its scorers' last ones."""
    statement = (
        select(scores.c.call, func.avg(scores.c.total))
        .where(scores.c.call.in_(of), _newest_score, scores.c.total.is_not(None))
        .group_by(scores.c.call)
    )
    return {call: round(float(mean), 1) for call, mean in conn.execute(statement)}


# How

_later = call_note_versions.alias()
_newest_note = call_note_versions.c.version == (
    select(func.max(_later.c.version)).where(_later.c.note == call_note_versions.c.note).scalar_subquery()
)
_NOTES: Final = select(
    call_notes.c.id,
    call_notes.c.call,
    call_notes.c.second,
    call_notes.c.by,
    call_note_versions.c.version,
    call_note_versions.c.at,
    call_note_versions.c.text,
).join_from(call_notes, call_note_versions, call_note_versions.c.note == call_notes.c.id)

_again = scores.alias()
_newest_score = scores.c.version == (
    select(func.max(_again.c.version))
    .where(and_(_again.c.call == scores.c.call, _again.c.by == scores.c.by))
    .scalar_subquery()
)


def _next(conn: Connection, id: int, seen: int, text: str | None, by: str, at: datetime) -> Note:
    conn.execute(select(call_notes.c.id).where(call_notes.c.id == id).with_for_update())  # one change at a time
    history = versions(conn, id)
    if not history:
        raise Unknown(f"there is no note {id}")
    last = history[-1]
    if last.by != by:
        raise NotYours(f"note {id} was written by {last.by}")
    if last.version != seen or last.text is None:
        raise Stale(f"version {last.version} of note {id} stands, not {seen}")
    if last.text == text:
        return last
    return _version(conn, Note(id, last.call, last.second, by, seen + 1, at, text))


def _version(conn: Connection, made: Note) -> Note:
    values = {"note": made.id, "version": made.version, "at": made.at, "text": made.text}
    conn.execute(insert(call_note_versions).values(**values))
    debts.owe(conn, made.call, made.at)  # it is found by them
    return made


def _known(conn: Connection, call: str) -> None:
    """Raises Unknown.  Where several write at once (PostgreSQL), who scores this call next waits for us."""
    if conn.execute(select(calls.c.id).where(calls.c.id == call).with_for_update()).first() is None:
        raise Unknown(f"there is no call {call!r}")


def _text(text: str) -> str:
    text = text.strip()
    if not text:
        raise Unsuitable("empty")
    if len(text) > LONGEST:
        raise Unsuitable("too_long")
    return text


def _second(second: float | None) -> float | None:
    if second is not None and not (isfinite(second) and second >= 0):
        raise Unsuitable("second")
    return second


def _scores(conn: Connection, statement: Select[Any]) -> list[Score]:
    return [_score(row) for row in conn.execute(statement.order_by(scores.c.at.desc(), scores.c.version.desc()))]


def _score(row: Row[Any]) -> Score:
    answers = {key: Answer(Mark(mark), second) for key, (mark, second) in json.loads(row.answers).items()}
    return Score(row.call, row.by, row.version, row.form, row.at, row.total, answers, row.comment)


def _written(question: Question) -> dict[str, Any]:
    return {
        "key": question.key,
        "text": {str(language): text for language, text in question.text.items()},
        "weight": question.weight,
        "critical": question.critical,
    }


def _read_questions(written: str) -> tuple[Question, ...]:
    return tuple(
        Question(
            each["key"],
            {Language(language): text for language, text in each["text"].items()},
            each["weight"],
            each["critical"],
        )
        for each in json.loads(written)
    )


__all__ = [
    "LONGEST", "Answer", "Edition", "Malformed", "Mark", "NotYours", "Note", "Question", "Score", "Stale", "Unknown",
    "Unsuitable", "change", "form", "forms", "given", "note", "notes", "score", "standing", "take_back", "totals",
    "versions", "write_form",
]  # fmt: skip
