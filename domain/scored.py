"""What scores say of many calls: how many, how well, and what was missed.

Rules
1. Scores of a period are those given in it; of each scorer of a call the last one counts (`domain.quality`).
2. A mean of totals is of those that have one; a question's mean is of the calls to which it applied, of 100.
3. A question is followed by its key through the versions of the form; its words are those of the newest version
   that asks it.
4. Grouped by who scored and by what the call was about.  Calls are conducted by the machine, and who of the people
   took one that was handed over is not known to the store: there is no mean of an agent.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from domain.rules import HOME
from domain.scorecard import WORTH, Form, Mark, Question
from domain.tables import calls, findings, scores
from domain.window import Span

MOST: Final = 100
"""Calls that a list has."""
UNKNOWN: Final = "unknown"
"""What a call was about that the index has not got yet."""


@dataclass(frozen=True, slots=True)
class Given:
    """A score that counts.  matter: what the call was about; form: the version that it was given by.
    total: 0 to 100, or None; marks: by question.  began: of the call, at: when it was given; None until `dated`."""

    call: str
    matter: str
    by: str
    form: int
    total: float | None
    marks: Mapping[str, Mark]
    began: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """How one question was answered."""

    counts: Mapping[Mark, int] = field(default_factory=Counter[Mark])

    @property
    def mean(self) -> float | None:
        """0 to 100, of the calls to which it applied; None of none."""
        applied = sum(self.counts.get(mark, 0) for mark in WORTH)
        earned = sum(worth * self.counts.get(mark, 0) for mark, worth in WORTH.items())
        return round(100 * earned / applied, 1) if applied else None

    @property
    def missed(self) -> int:
        """Calls that did not earn it in full."""
        return self.counts.get(Mark.NO, 0) + self.counts.get(Mark.PARTLY, 0)


@dataclass(frozen=True, slots=True)
class Group:
    """Scores with something in common.  name: of it.  zeros: whose total is 0.  marks: by question."""

    name: str
    scores: int
    mean: float | None
    zeros: int
    marks: Mapping[str, Marks]


@dataclass(frozen=True, slots=True)
class Criterion:
    """A question that was scored.  asked: the form that stands asks it; texts and weights of the newest that does."""

    question: Question
    asked: bool
    marks: Marks


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a period.  all: every score; forms: versions by which they were given; by, matters: most scores first."""

    all: Group
    criteria: Sequence[Criterion]
    by: Sequence[Group]
    matters: Sequence[Group]
    forms: Sequence[int]


def given(conn: Connection, span: Span) -> list[Given]:
    """The scores of these days (of Kyiv), last given first."""
    first = datetime.combine(span.first, time(), HOME).astimezone(UTC)
    after = datetime.combine(span.last + timedelta(days=1), time(), HOME).astimezone(UTC)
    return [
        Given(call, matter or UNKNOWN, by, form, total, _marks(answers))
        for call, matter, by, form, total, answers in conn.execute(_GIVEN, {"first": first, "after": after})
    ]


def dated(conn: Connection, some: Sequence[Given]) -> list[Given]:
    """The same with their times: a list shows a few of the thousands that are summed up."""
    rows = conn.execute(_DATED, {"of": [one.call for one in some]})
    when = {(call, by): (began, at) for call, by, began, at in rows}
    return [replace(one, began=when[one.call, one.by][0], at=when[one.call, one.by][1]) for one in some]


@lru_cache(maxsize=4096)  # most of thousands say one of a few things, and half of the time went into reading them
def _marks(answers: str) -> Mapping[str, Mark]:
    return {key: Mark(mark) for key, (mark, _) in json.loads(answers).items()}


def counts_by_form(conn: Connection) -> Mapping[int, int]:
    """How many scores that count were given by each version."""
    statement = select(scores.c.form, func.count()).where(_newest).group_by(scores.c.form)
    return {row[0]: row[1] for row in conn.execute(statement)}


def summary(found: Sequence[Given], forms: Sequence[Form]) -> Summary:
    """What these amount to.  forms: every version, the one that stands first."""
    whole = group("", found)
    known: dict[str, Criterion] = {}
    for version in forms:
        for question in version.questions:
            if question.key not in known and (version is forms[0] or question.key in whole.marks):
                known[question.key] = Criterion(question, version is forms[0], whole.marks.get(question.key, Marks()))
    return Summary(
        whole, list(known.values()), _groups(found, lambda one: one.by), _groups(found, lambda one: one.matter),
        sorted({one.form for one in found}),
    )  # fmt: skip


def group(name: str, some: Iterable[Given]) -> Group:
    """These as one."""
    found = list(some)
    totals = [one.total for one in found if one.total is not None]
    counts: dict[str, Counter[Mark]] = defaultdict(Counter)
    for one in found:
        for key, mark in one.marks.items():
            counts[key][mark] += 1
    return Group(
        name, len(found), round(sum(totals) / len(totals), 1) if totals else None, sum(not total for total in totals),
        {key: Marks(each) for key, each in counts.items()},
    )  # fmt: skip


def _groups(found: Sequence[Given], name: Callable[[Given], str]) -> list[Group]:
    some: dict[str, list[Given]] = defaultdict(list)
    for one in found:
        some[name(one)].append(one)
    return sorted((group(each, those) for each, those in some.items()), key=lambda one: (-one.scores, one.name))


_again = scores.alias()
_newest = ~(
    select(_again.c.call)
    .where(_again.c.call == scores.c.call, _again.c.by == scores.c.by, _again.c.version > scores.c.version)
    .exists()
)
_GIVEN: Final = (
    select(scores.c.call, findings.c.matter, scores.c.by, scores.c.form, scores.c.total, scores.c.answers)
    .select_from(scores.outerjoin(findings, findings.c.call == scores.c.call))
    .where(
        scores.c.at >= bindparam("first", type_=scores.c.at.type),
        scores.c.at < bindparam("after", type_=scores.c.at.type),
        _newest,
    )
    .order_by(scores.c.at.desc(), scores.c.call)
)
_DATED: Final = (
    select(scores.c.call, scores.c.by, calls.c.began_at, scores.c.at)
    .join(calls, calls.c.id == scores.c.call)
    .where(scores.c.call.in_(bindparam("of", expanding=True)), _newest)
)
