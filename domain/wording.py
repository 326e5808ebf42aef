"""What callers hear in place of the shipped words: drafts, what is live, and what was.

Rules
1. Nothing is overwritten: a changed text, a new recording and an undoing are new versions.  A version is a whole
   prompt in one language with all its clips, so that it can be heard again as it was, whatever is shipped by then.
2. Live is what was published last; a version without a text means "as shipped".  A version is published once.
3. An undoing says what it undoes, and is live at once: whoever undoes is in a hurry.
4. Whether a version may go live (places, letters, sound) is for `prompts.workshop` to say before it is published.
5. Every deed is in the trail, of `uk/goodbye`: `prompt.drafted`, `.dropped`, `.published`, `.undone`.
6. `generation` changes with every publication: it is what a controller looks at every few seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, select, update

from domain import trail
from domain.alone import alone
from domain.model import Language
from domain.tables import publications, wording_clips, wordings

_LOCK: Final = 0x77_6F_72_64_73  # "words": who changes what is live looks first, and nobody else in between


class State(StrEnum):
    """How far a version has come."""

    DRAFT = "draft"
    DROPPED = "dropped"  # a draft that nobody wants any more
    LIVE = "live"  # what callers hear
    REPLACED = "replaced"
    UNDONE = "undone"


class WordingRefusal(ValueError):
    """It can't be done; the message says why, nothing was changed."""


class NotADraft(WordingRefusal):
    """It was published or dropped already."""


class Overtaken(WordingRefusal):
    """Something else went live since it was drafted: whoever publishes it should see that first."""


class AsItIs(WordingRefusal):
    """It is so already."""


class NoSuchVersion(LookupError):
    """There is no version of this number."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A prompt in one language, as its file in the catalogue says it.  text None: as shipped."""

    text: str | None = None
    second: str | None = None
    third: str | None = None

    def lines(self) -> dict[str, str]:
        """Those there are, by name."""
        named = {"text": self.text, "second": self.second, "third": self.third}
        return {name: line for name, line in named.items() if line is not None}


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a version.

    clip: as the composer calls it.  said: its words.  melody: how it ends (`prompts.spoken.Melody`).  sha256: of the
    file.  ms: its length.  voice: who speaks; `talent` for a person, whose own recording is `original` (SHA-256).
    """

    clip: str
    said: str
    melody: str
    sha256: str
    ms: int
    voice: str
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a prompt in one language.

    based_on: what was live when it was made, None: the shipped words.  undoes: the version that this one undid.
    turn: publications are counted, over all prompts; None: nobody has heard it.
    """

    id: int
    prompt: str
    language: Language
    texts: Texts
    state: State
    made_at: datetime
    made_by: str
    reason: str | None
    based_on: int | None
    undoes: int | None
    published_at: datetime | None
    published_by: str | None
    dropped_at: datetime | None
    dropped_by: str | None
    turn: int | None
    clips: tuple[Clip, ...] = ()

    @property
    def shipped(self) -> bool:
        """It means the words that are shipped."""
        return self.texts.text is None and not self.clips


def draft(
    conn: Connection,
    prompt: str,
    language: Language,
    texts: Texts,
    *,
    by: str,
    at: datetime,
    reason: str | None = None,
    clips: Iterable[Clip] = (),
) -> int:
    """Keep a new version that nobody hears yet; its number.  clips: those that are known already."""
    alone(conn, _LOCK)
    known = tuple(clips)
    made = _insert(conn, prompt, language, texts, by, at, reason, known, None)
    recorded = [clip.clip for clip in known if clip.original]
    trail.note(
        conn, by, "prompt.drafted", of=f"{language}/{prompt}", reason=reason, at=at,
        version=made, recorded=recorded or None,
    )  # fmt: skip
    return made


def add_clips(conn: Connection, version: int, clips: Iterable[Clip]) -> None:
    """The sound of a draft was made.  Clips that it has are left as they are.  Raises NoSuchVersion, NotADraft."""
    alone(conn, _LOCK)
    _draft(conn, version)
    there = {row.clip for row in conn.execute(_CLIPS_OF, {"of": [version]})}
    _insert_clips(conn, version, [clip for clip in clips if clip.clip not in there])


def drop(conn: Connection, version: int, *, by: str, at: datetime) -> None:
    """Nobody wants this draft.  Raises NoSuchVersion, NotADraft."""
    alone(conn, _LOCK)
    found = _draft(conn, version)
    conn.execute(_DROP, {"of": version, "now": at, "who": by})
    trail.note(conn, by, "prompt.dropped", of=f"{found.language}/{found.prompt}", at=at, version=version)


def publish(conn: Connection, version: int, *, by: str, at: datetime, over: int | None = None) -> None:
    """Callers hear this draft from their next call on.

    over: the version that whoever publishes saw as the live one (None: the shipped words).  Raises NoSuchVersion;
    NotADraft; Overtaken when another one is live by now.
    """
    alone(conn, _LOCK)
    found = _draft(conn, version)
    standing = _standing(conn, found.prompt, found.language)
    if (standing.id if standing else None) != over:
        raise Overtaken(f"another version of {found.prompt} in {found.language} went live meanwhile")
    conn.execute(_PUBLISH, {"version": version, "now": at, "who": by})
    trail.note(
        conn, by, "prompt.published", of=f"{found.language}/{found.prompt}", reason=found.reason, at=at,
        version=version, over=over,
    )  # fmt: skip


def undo(
    conn: Connection, prompt: str, language: Language, *, to: int | None, by: str, at: datetime, reason: str | None
) -> int:
    """Callers hear again what version `to` says (None: the shipped words); the number of the new version.

    It says what it undoes: the version that is live now.  Raises NoSuchVersion; AsItIs when that is so already.
    """
    alone(conn, _LOCK)
    standing = _standing(conn, prompt, language)
    if standing is None or standing.id == to:
        raise AsItIs(f"callers hear that already: {prompt} in {language}")
    old = of(conn, to) if to is not None else None
    if old is not None and ((old.prompt, old.language) != (prompt, language) or old.published_at is None):
        raise NoSuchVersion(f"version {to} was never heard as {prompt} in {language}")
    texts, clips = (old.texts, old.clips) if old else (Texts(), ())
    if standing.shipped and not clips and texts.text is None:
        raise AsItIs(f"callers hear the shipped words already: {prompt} in {language}")
    made = _insert(conn, prompt, language, texts, by, at, reason, clips, standing.id)
    conn.execute(_PUBLISH, {"version": made, "now": at, "who": by})
    trail.note(
        conn, by, "prompt.undone", of=f"{language}/{prompt}", reason=reason, at=at,
        version=made, undone=standing.id, to=to,
    )  # fmt: skip
    return made


def generation(conn: Connection) -> tuple[int, int]:
    """Another value whenever something went live: the newest publication, and how many there are.

    Both, for PostgreSQL's numbers may be committed in another order than they were given.
    """
    row = conn.execute(_GENERATION).one()
    return row[0] or 0, row[1]


def live(conn: Connection) -> Sequence[Version]:
    """What callers hear in place of what is shipped, with its clips."""
    return [version for version in _versions(conn, conn.execute(_LIVE).all()) if not version.shipped]


def standing(conn: Connection, prompt: str, language: Language) -> Version | None:
    """What is live of a prompt; None: the shipped words, and nothing else ever was."""
    found = _standing(conn, prompt, language)
    return found and of(conn, found.id)


def drafts(conn: Connection) -> Sequence[Version]:
    """Those that wait for somebody, newest first."""
    return _versions(conn, conn.execute(_DRAFTS).all())


def history(conn: Connection, prompt: str, language: Language, limit: int = 100) -> Sequence[Version]:
    """Every version of a prompt, newest first, with its clips."""
    return _versions(conn, conn.execute(_HISTORY, {"prompt": prompt, "language": language, "most": limit}).all())


def latest(conn: Connection, limit: int = 100) -> Sequence[Version]:
    """The newest versions of all prompts, newest first."""
    return _versions(conn, conn.execute(_LATEST, {"most": limit}).all())


def of(conn: Connection, version: int) -> Version:
    """One version with its clips.  Raises NoSuchVersion."""
    row = conn.execute(_ONE, {"of": version}).one_or_none()
    if row is None:
        raise NoSuchVersion(f"there is no version {version}")
    return _versions(conn, [row])[0]


def before(versions: Sequence[Version]) -> int | None:
    """Of a history, newest first: what callers heard before the live version; None: the shipped words."""
    heard = sorted((one for one in versions if one.turn is not None), key=lambda one: one.turn or 0, reverse=True)
    return heard[1].id if len(heard) > 1 and not heard[1].shipped else None


# Inside


def _insert(
    conn: Connection,
    prompt: str,
    language: Language,
    texts: Texts,
    by: str,
    at: datetime,
    reason: str | None,
    clips: Iterable[Clip],
    undoes: int | None,
) -> int:
    current = _standing(conn, prompt, language)
    values = {
        "prompt": prompt,
        "language": language,
        "text": texts.text,
        "second": texts.second,
        "third": texts.third,
        "made_at": at,
        "made_by": by,
        "reason": reason,
        "based_on": current.id if current else None,
        "undoes": undoes,
    }
    made: int = conn.execute(_INSERT, values).scalar_one()
    _insert_clips(conn, made, clips)
    return made


def _insert_clips(conn: Connection, version: int, clips: Iterable[Clip]) -> None:
    rows = [
        {
            "wording": version,
            "clip": clip.clip,
            "said": clip.said,
            "melody": clip.melody,
            "sha256": clip.sha256,
            "ms": clip.ms,
            "voice": clip.voice,
            "original": clip.original,
        }
        for clip in clips
    ]
    if rows:
        conn.execute(insert(wording_clips), rows)


def _draft(conn: Connection, version: int) -> Version:
    found = of(conn, version)
    if found.state is not State.DRAFT:
        raise NotADraft(f"version {version} is no draft: it is {found.state}")
    return found


def _standing(conn: Connection, prompt: str, language: Language) -> Version | None:
    row = conn.execute(_STANDING, {"prompt": prompt, "language": language}).one_or_none()
    return _version(row, ()) if row else None


def _versions(conn: Connection, rows: Sequence[Row[Any]]) -> list[Version]:
    clips: dict[int, list[Clip]] = {}
    for row in conn.execute(_CLIPS_OF, {"of": [row.id for row in rows]}) if rows else ():
        clip = Clip(row.clip, row.said, row.melody, row.sha256, row.ms, row.voice, row.original)
        clips.setdefault(row.wording, []).append(clip)
    return [_version(row, tuple(clips.get(row.id, ()))) for row in rows]


def _version(row: Row[Any], clips: tuple[Clip, ...]) -> Version:
    if row.published_at is None:
        state = State.DRAFT if row.dropped_at is None else State.DROPPED
    elif row.undone:
        state = State.UNDONE
    else:
        state = State.LIVE if row.newest else State.REPLACED
    return Version(
        row.id, row.prompt, row.language, Texts(row.text, row.second, row.third), state, row.made_at, row.made_by,
        row.reason, row.based_on, row.undoes, row.published_at, row.published_by, row.dropped_at, row.dropped_by,
        row.turn, clips,
    )  # fmt: skip


# How: statements are made once, for making one costs more than running it

_later, _its = publications.alias("later"), wordings.alias("its")
_undoing, _undone_at = wordings.alias("undoing"), publications.alias("undone_at")
_newest: Final = (
    ~select(_later.c.id)
    .join(_its, _its.c.id == _later.c.wording)
    .where(
        _its.c.prompt == wordings.c.prompt,
        _its.c.language == wordings.c.language,
        _later.c.id > publications.c.id,
    )
    .correlate(wordings, publications)
    .exists()
)
_undone: Final = (
    select(_undone_at.c.id)
    .join(_undoing, _undoing.c.id == _undone_at.c.wording)
    .where(_undoing.c.undoes == wordings.c.id)
    .correlate(wordings)
    .exists()
)
_ALL: Final = select(
    wordings,
    publications.c.id.label("turn"),
    publications.c.published_at,
    publications.c.published_by,
    _newest.label("newest"),
    _undone.label("undone"),
).outerjoin(publications, publications.c.wording == wordings.c.id)
_this_prompt: Final = and_(
    wordings.c.prompt == bindparam("prompt"),
    wordings.c.language == bindparam("language", type_=wordings.c.language.type),
)
_most: Final = bindparam("most", type_=wordings.c.id.type)
_ONE: Final = _ALL.where(wordings.c.id == bindparam("of"))
_STANDING: Final = (
    _ALL.where(_this_prompt, publications.c.id.is_not(None)).order_by(publications.c.id.desc()).limit(1)
)
_LIVE: Final = _ALL.where(publications.c.id.is_not(None), _newest).order_by(wordings.c.prompt, wordings.c.language)
_DRAFTS: Final = _ALL.where(publications.c.id.is_(None), wordings.c.dropped_at.is_(None)).order_by(
    wordings.c.id.desc()
)
_HISTORY: Final = _ALL.where(_this_prompt).order_by(wordings.c.id.desc()).limit(_most)
_LATEST: Final = _ALL.order_by(wordings.c.id.desc()).limit(_most)
_GENERATION: Final = select(func.max(publications.c.id), func.count(publications.c.id))
_CLIPS_OF: Final = (
    select(wording_clips)
    .where(wording_clips.c.wording.in_(bindparam("of", expanding=True)))
    .order_by(wording_clips.c.clip)
)
_INSERT: Final = insert(wordings).returning(wordings.c.id)
_PUBLISH: Final = insert(publications).values(
    wording=bindparam("version"),
    published_at=bindparam("now", type_=publications.c.published_at.type),
    published_by=bindparam("who"),
)
_DROP: Final = (
    update(wordings)
    .where(wordings.c.id == bindparam("of"))
    .values(dropped_at=bindparam("now", type_=wordings.c.dropped_at.type), dropped_by=bindparam("who"))
)
