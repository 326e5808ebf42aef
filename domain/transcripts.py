"""What callers told in their own words, written down after the call.

Rules
1. A transcript is owed for each part of a sealed recording that a request or a draft was told in, once for each
   engine.  Nothing is queued during a call: what is missing is found in the store by whoever looks (`unwritten`).
2. It is worked on for a time (`lease`) by one process.  Whoever dies is replaced when the lease ends; of two who work
   on the same only the one who has it last may write: there is one result, or none.
3. What fails is tried again, later each time; after `ATTEMPTS` it is given up, with a message, and can be asked for
   again.  Attempts that killed the process count, too.
4. When a recording is erased, so is what was written down from it.
5. Topic, urgency and flags are suggestions for people (`domain.topics`).
6. Whoever may not see personal data gets the words masked (`domain.masking`); that is what one gets unless one asks.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from domain import debts, leases, masking
from domain.masking import Personal
from domain.model import Language, Told, Topic
from domain.tables import (
    RecordingState,
    TranscriptState,
    calls,
    journal,
    recordings,
    requests,
    transcripts,
)
from domain.topics import Flag, Meaning, Reason, Suggestion, Urgency, suggest
from domain.transcription import Transcription, Word

ATTEMPTS: Final = 5
"""After which it is given up: more than a day of trying, with these pauses."""

FIRST_PAUSE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(hours=6)
"""Between attempts."""

LOOK_BACK: Final = timedelta(days=30)
"""What was told longer ago is not written down unasked: a new engine would have years to catch up with."""


HEARD: Final = 0.4
"""Confidence from which on a word may suggest something."""


@dataclass(frozen=True, slots=True)
class Part:
    """What somebody told in a call, in this language."""

    call: str
    told: Told
    language: Language


@dataclass(frozen=True, slots=True)
class Work:
    """A transcript that was taken.  attempt: from 1.  began: when the recording begins.

    state, path, sha256: of the recording, as it is now.
    """

    id: int
    call: str
    told: Told
    engine: str
    language: Language
    attempt: int
    began: datetime
    state: RecordingState | None
    path: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript as staff see it.

    words: masked unless `clear`.  request: the number of the request that it was told for.
    confidence: of all words.  remark: what a reader should know.  error: of the last attempt.
    suggestion: None until it is done; its reasons point at `words`.
    """

    id: int
    call: str
    request: str | None
    told: Told
    engine: str
    model: str | None
    language: Language
    state: TranscriptState
    attempts: int
    next_at: datetime | None
    owed_at: datetime
    settled_at: datetime | None
    error: str | None
    words: tuple[Word, ...]
    confidence: float | None
    remark: str | None
    suggestion: Suggestion | None
    clear: bool

    @property
    def text(self) -> str:
        """The words, with a space between two."""
        return " ".join(word.text for word in self.words)


# Owing


def unwritten(
    conn: Connection, engine: str, languages: Collection[str], now: datetime, *, limit: int = 200
) -> list[Part]:
    """What was told and sealed and has no transcript by this engine yet, `limit` parts at most, the oldest first.

    languages: what the engine understands (ISO 639-1): what is told in others is left for the day on which it does.
    """
    found: list[Part] = []
    asked = {"engine": engine, "since": now - LOOK_BACK, "sealed": RecordingState.SEALED}
    for row in conn.execute(_TOLD, asked):
        language = _spoken(conn, row.call, row.told_from)
        if language in languages:
            found.append(Part(row.call, Told(row.told_from, row.told_to), language))
        if len(found) == limit:
            break
    return found


def owe(conn: Connection, engine: str, parts: Iterable[Part], now: datetime) -> int:
    """Owe transcripts of these by this engine; how many are new.  The same again, by several processes too, owes
    nothing twice."""
    count = 0
    for part in parts:
        row = {
            "call": part.call, "told_from": part.told.began, "told_to": part.told.ended, "engine": engine,
            "language": part.language, "state": TranscriptState.OWED, "next_at": now, "owed_at": now,
        }  # fmt: skip
        with suppress(IntegrityError), conn.begin_nested():
            conn.execute(insert(transcripts), row)
            count += 1
    return count


def again(conn: Connection, transcript: int, now: datetime) -> bool:
    """Make this one once more, as if for the first time.  False when there is none such."""
    changed = conn.execute(
        update(transcripts)
        .where(transcripts.c.id == transcript)
        .values(state=TranscriptState.OWED, attempts=0, next_at=now, settled_at=None, error=None)
    )
    return changed.rowcount == 1


# Working


def take(conn: Connection, wanted: Mapping[str, Collection[str]], now: datetime, lease: timedelta) -> Work | None:
    """The next one that can be worked on; nobody else gets it during the lease.  None: nothing is due.

    wanted: engine -> the languages for it.  One whose attempts are used up, because each of them killed its process,
    is given up here.
    """
    these = [
        and_(transcripts.c.engine == engine, transcripts.c.language.in_(list(languages)))
        for engine, languages in wanted.items()
        if languages
    ]
    while these and (row := conn.execute(_DUE.where(or_(*these)), {"now": now}).first()):
        if row.attempts >= ATTEMPTS:
            why = f"the transcriber ended in the middle of it, {row.attempts} times: its log says how"
            _settle(conn, row.id, row.attempts, state=TranscriptState.FAILED, next_at=None, settled_at=now, error=why)
            continue
        this = transcripts.c.id == row.id
        if leases.take(
            conn, transcripts, this,
            next_at=row.next_at, attempts=row.attempts, until=now + lease, state=TranscriptState.WORKING,
        ):  # fmt: skip
            return Work(
                row.id, row.call, Told(row.told_from, row.told_to), row.engine, row.language, row.attempts + 1,
                row.began_at, row.recording, row.path, row.sha256,
            )  # fmt: skip
    return None


def hold(conn: Connection, work: Work, until: datetime) -> bool:
    """The work goes on: nobody else gets it until then.  False when it is another's by now, or gone."""
    return _settle(conn, work.id, work.attempt, next_at=until)


def suggested(transcription: Transcription) -> Suggestion:
    """What the words suggest that were heard with some certainty; of words without any, nothing is made."""
    return suggest([word.text if (word.confidence or 0.0) >= HEARD else "" for word in transcription.words])


def finish(conn: Connection, work: Work, transcription: Transcription, suggestion: Suggestion, now: datetime) -> bool:
    """Keep the result.  False, and nothing is kept, when it is another's by now, or gone with its recording."""
    kept = _settle(
        conn, work.id, work.attempt,
        state=TranscriptState.DONE, next_at=None, settled_at=now, error=None,
        model=transcription.model[:200], remark=transcription.remark, confidence=transcription.confidence,
        words=_written(transcription.words), topic=suggestion.topic, urgency=suggestion.urgency,
        profanity=Flag.PROFANITY in suggestion.flags, threat=Flag.THREAT in suggestion.flags,
        reasons=json.dumps([[each.of, each.words, each.weight] for each in suggestion.reasons]),
    )  # fmt: skip
    if kept:
        debts.owe(conn, work.call, now)
    return kept


def fail(conn: Connection, work: Work, why: str, now: datetime, *, for_good: bool = False) -> bool:
    """The attempt failed.  It is tried again later, unless that was the last, or no attempt can help (`for_good`).
    False when it is another's by now."""
    if for_good or work.attempt >= ATTEMPTS:
        return _settle(
            conn, work.id, work.attempt,
            state=TranscriptState.FAILED, next_at=None, settled_at=now, error=why[:500],
        )  # fmt: skip
    later = now + leases.pause(work.attempt, first=FIRST_PAUSE, longest=LONGEST_PAUSE, factor=5)
    return _settle(conn, work.id, work.attempt, state=TranscriptState.OWED, next_at=later, error=why[:500])


def give_back(conn: Connection, work: Work, now: datetime) -> bool:
    """It was not attempted after all: it is as it was before it was taken.  False when it is another's by now."""
    return _settle(conn, work.id, work.attempt, state=TranscriptState.OWED, next_at=now, attempts=work.attempt - 1)


def in_progress(conn: Connection, since: datetime) -> int:
    """How many calls go on that began after `since`: what writing down has to make room for."""
    return conn.execute(_IN_PROGRESS, {"since": since}).scalar_one()


def waiting(conn: Connection) -> tuple[int, datetime | None]:
    """How many are owed or worked on, and since when the oldest is."""
    row = conn.execute(_WAITING).one()
    return row.count_, row.oldest


# Reading


def one(conn: Connection, transcript: int, *, clear: bool = False) -> Transcript | None:
    """This one, or None.  clear: with the personal data in it, for who has the right."""
    return next(iter(_shown(conn.execute(_ALL.where(transcripts.c.id == transcript)), clear)), None)


def of_call(conn: Connection, call: str, *, clear: bool = False) -> list[Transcript]:
    """Those of this call, in the order in which it was told."""
    rows = conn.execute(_ALL.where(transcripts.c.call == call).order_by(transcripts.c.told_from, transcripts.c.id))
    return _shown(rows, clear)


def of_request(conn: Connection, number: str, *, clear: bool = False) -> list[Transcript]:
    """Those of the request of this number, one for each engine."""
    return _shown(conn.execute(_ALL.where(requests.c.number == number).order_by(transcripts.c.id)), clear)


def latest(
    conn: Connection, limit: int, *, state: TranscriptState | None = None, clear: bool = False
) -> list[Transcript]:
    """The last so many, newest first; of one state."""
    statement = _ALL.order_by(transcripts.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(transcripts.c.state == state)
    return _shown(conn.execute(statement), clear)


def personal_times(words: Sequence[Word]) -> list[tuple[float, float, Personal]]:
    """From when to when personal data is spoken (seconds, as `Word`'s), and of what kind; neighbours are one.

    For masking sound.  words: in clear: what is masked can't be told apart any more.
    """
    found: list[tuple[float, float, Personal]] = []
    joined = False
    for word, kind in zip(words, masking.personal([each.text for each in words]), strict=True):
        if kind is None:
            joined = False
            continue
        if found and joined and found[-1][2] == kind:
            found[-1] = (found[-1][0], word.ended, kind)
        else:
            found.append((word.began, word.ended, kind))
        joined = True
    return found


# How


def _settle(conn: Connection, transcript: int, attempt: int, **values: Any) -> bool:
    """Write this, if the row is still that attempt's."""
    this = and_(transcripts.c.id == transcript, transcripts.c.attempts == attempt, transcripts.c.next_at.is_not(None))
    return conn.execute(update(transcripts).where(this).values(**values)).rowcount == 1


def _spoken(conn: Connection, call: str, at: datetime) -> Language:
    """The language that the call was held in at this moment: the last that was chosen before (turn `speak`)."""
    for asked in conn.scalars(_SPOKEN, {"of": call, "at": at}):
        chosen = re.fullmatch(r"speak\((\w+)\)", asked)
        if chosen and chosen[1] in set(Language):
            return Language(chosen[1])
    return Language.UK


def _written(words: Iterable[Word]) -> str:
    rows = [(word.text, word.began, word.ended, word.confidence) for word in words]
    return json.dumps([[_short(value) for value in row] for row in rows], ensure_ascii=False)


def _short(value: str | float | None) -> str | float | None:
    return round(value, 3) if isinstance(value, float) else value


def _shown(rows: Iterable[Row[Any]], clear: bool) -> list[Transcript]:
    return [_transcript(row, clear) for row in rows]


def _transcript(row: Row[Any], clear: bool) -> Transcript:
    words = tuple(Word(*word) for word in json.loads(row.words or "[]"))
    if not clear:
        hidden = masking.masked([word.text for word in words])
        words = tuple(replace(word, text=text) for word, text in zip(words, hidden, strict=True))
    suggestion = None
    if row.urgency is not None:
        flags = frozenset(flag for flag in Flag if getattr(row, flag.value))
        reasons = tuple(Reason(_meaning(of), tuple(at), weight) for of, at, weight in json.loads(row.reasons))
        suggestion = Suggestion(row.topic, row.urgency, flags, reasons)
    return Transcript(
        row.id, row.call, row.request, Told(row.told_from, row.told_to), row.engine, row.model, row.language,
        row.state, row.attempts, row.next_at, row.owed_at, row.settled_at, row.error, words, row.confidence,
        row.remark, suggestion, clear,
    )  # fmt: skip


def _meaning(word: str) -> Meaning:
    return next(kind(word) for kind in (Topic, Urgency, Flag) if word in set(kind))


_same: Final[ColumnElement[bool]] = and_(
    transcripts.c.call == requests.c.call, transcripts.c.told_from == requests.c.told_from
)
_TOLD: Final = (
    select(requests.c.call, requests.c.told_from, requests.c.told_to)
    .join(recordings, recordings.c.call == requests.c.call)
    .where(
        requests.c.told_from >= bindparam("since"),
        recordings.c.state == bindparam("sealed"),
        ~select(transcripts.c.id).where(_same, transcripts.c.engine == bindparam("engine")).exists(),
    )
    .order_by(requests.c.told_from)
)
_DUE: Final = (
    select(
        transcripts, calls.c.began_at, recordings.c.state.label("recording"), recordings.c.path, recordings.c.sha256
    )
    .join(calls, calls.c.id == transcripts.c.call)
    .outerjoin(recordings, recordings.c.call == transcripts.c.call)
    .where(transcripts.c.next_at <= bindparam("now"))
    .order_by(transcripts.c.next_at, transcripts.c.id)
    .limit(1)
)
_SPOKEN: Final = (
    select(journal.c.asked)
    .where(journal.c.call == bindparam("of"), journal.c.label == "speak", journal.c.at <= bindparam("at"))
    .order_by(journal.c.seq.desc())
)
_IN_PROGRESS: Final = (
    select(func.count()).select_from(calls).where(calls.c.ended_at.is_(None), calls.c.began_at >= bindparam("since"))
)
_WAITING: Final = select(func.count().label("count_"), func.min(transcripts.c.owed_at).label("oldest")).where(
    transcripts.c.next_at.is_not(None)
)
_first: Final = (  # a part may be told for one request only; if ever for two, the first is named
    select(func.min(requests.c.id)).where(_same).correlate(transcripts).scalar_subquery()
)
_ALL: Final = select(transcripts, requests.c.number.label("request")).outerjoin(requests, requests.c.id == _first)
