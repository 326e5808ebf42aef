"""Who works here: accounts of staff, signing in, sessions.

Rules
1. To sign in is three steps, so that no transaction waits for the hashing: `attempt` counts it (a write),
   `passwords.prove` compares (no store), `settle` keeps what came of it (a write).  `authenticate` is all of them.
2. What is refused is refused in the same words and after the same work, whether there is such a login or not, and
   whether it is disabled or not; the trail says which it was.
3. A session is known by a token of 256 bits that only the browser has; the store has its SHA-256.  Each sign-in makes
   a new one, and so does a changed password.  It ends after `IDLE` without a request, and `WHOLE` after it began.
4. A form's token (CSRF) is derived from the session's: whoever has read the store can make neither.
5. What a person may do is looked up with every request; who is disabled is out with the next one.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain import passwords, throttle, trail
from domain.model import Language
from domain.passwords import Proof
from domain.roles import Permission, Role, may
from domain.tables import grants, sessions, staff
from domain.throttle import Keys

IDLE: Final = timedelta(minutes=30)
WHOLE: Final = timedelta(hours=12)
SEEN: Final = timedelta(minutes=1)
"""How old `seen_at` may become before it is written anew."""

TEMPORARY: Final = timedelta(days=7)
"""How long a temporary password opens anything."""

REMEMBERED: Final = timedelta(days=90)
"""How long sessions that ended are kept, to be shown to their person and to know their address by."""

LOGIN: Final = re.compile(r"(?!add$)[a-z0-9][a-z0-9._@+-]{1,79}")  # "add" is a page of theirs


class LoginTaken(ValueError):
    """There is somebody with this login, disabled or not."""


class BadLogin(ValueError):
    """It can't be a login."""


class NoSuchPerson(LookupError):
    """There is nobody with this login."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the staff.

    must_change: the password is a temporary one; nothing else can be done before it is changed.
    by_password: has a password; who has none comes by the company's sign-in only.
    """

    id: int
    login: str
    name: str
    role: Role
    language: Language
    active: bool
    must_change: bool
    by_password: bool
    created_at: datetime
    disabled_at: datetime | None

    def may(self, permission: Permission) -> bool:
        """Whether this person's role may."""
        return may(self.role, permission)


@dataclass(frozen=True, slots=True)
class Attempt:
    """To sign in, counted and not yet settled.  hash: to compare with; None when there is nothing to."""

    login: str
    keys: Keys
    known: bool
    address: str
    person: Person | None
    hash: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Signing in was refused.  wait: how long before the next attempt; zero: it was wrong, and may be tried again."""

    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody at a browser.  csrf: what forms of this session carry.  way: password or oidc."""

    id: int
    person: Person
    csrf: str
    way: str
    address: str
    agent: str
    opened_at: datetime
    seen_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When it ends unless something is asked for before."""
        return min(self.seen_at + IDLE, self.opened_at + WHOLE)


# Accounts


def add(
    conn: Connection,
    *,
    login: str,
    name: str,
    role: Role,
    language: Language,
    password: str | None,
    at: datetime,
    temporary: bool = False,
) -> Person:
    """A new account.  password: None for who comes by the company's sign-in only; temporary: it has to be changed.

    Hashes, so it takes some 0.1 s; within a transaction that others wait for give `add_hashed` a hash instead.
    Raises LoginTaken, BadLogin, BadPassword.
    """
    if password is not None:
        passwords.check(password, login, name)
    kept = None if password is None else passwords.hashed(password)
    return add_hashed(
        conn, login=login, name=name, role=role, language=language, hashed=kept, at=at, temporary=temporary
    )


def add_hashed(
    conn: Connection,
    *,
    login: str,
    name: str,
    role: Role,
    language: Language,
    hashed: str | None,
    at: datetime,
    temporary: bool = False,
    issuer: str | None = None,
    subject: str | None = None,
) -> Person:
    """A new account with a password that was checked and hashed before, or a person of another issuer's.

    Raises LoginTaken, BadLogin.
    """
    login, name = normal(login), " ".join(name.split())
    if not LOGIN.fullmatch(login):
        raise BadLogin(f"{login!r} is no login: 2 to 80 small letters, digits, . _ - + @")
    if not name or len(name) > 120 or not name.isprintable():
        raise BadLogin("the name has 1 to 120 characters")
    try:
        with conn.begin_nested():
            made = conn.execute(
                insert(staff),
                {
                    "login": login, "name": name, "role": role, "language": language, "hash": hashed,
                    "password_at": None if hashed is None else at, "must_change": temporary, "issuer": issuer,
                    "subject": subject, "created_at": at,
                },
            ).inserted_primary_key  # fmt: skip
    except IntegrityError as error:
        raise LoginTaken(f"there is somebody with the login {login!r} already; disabled ones keep theirs") from error
    assert made is not None
    return Person(made[0], login, name, role, language, True, temporary, hashed is not None, at, None)


def normal(login: str) -> str:
    """A login as it is kept."""
    return login.strip().casefold()


def of_login(conn: Connection, login: str) -> Person:
    """Who has this login.  Raises NoSuchPerson."""
    row = conn.execute(_BY_LOGIN, {"of": normal(login)}).one_or_none()
    if row is None:
        raise NoSuchPerson(f"there is nobody with the login {normal(login)!r}")
    return _person(row)


def of_id(conn: Connection, person: int) -> Person | None:
    """Who has this id."""
    row = conn.execute(select(staff).where(staff.c.id == person)).one_or_none()
    return None if row is None else _person(row)


def of_subject(conn: Connection, issuer: str, subject: str) -> Person | None:
    """Who is known to another issuer by this."""
    row = conn.execute(select(staff).where(staff.c.issuer == issuer, staff.c.subject == subject)).one_or_none()
    return None if row is None else _person(row)


def listed(conn: Connection) -> list[Person]:
    """Everybody, by login."""
    return [_person(row) for row in conn.execute(select(staff).order_by(staff.c.login))]


def names(conn: Connection) -> dict[str, str]:
    """Login -> name of everybody, disabled ones too: what they did stays theirs."""
    return {row.login: row.name for row in conn.execute(select(staff.c.login, staff.c.name))}


# Signing in


def attempt(conn: Connection, login: str, *, address: str, at: datetime) -> Attempt | Refused:
    """Begin to sign in: it is counted.  Refused during a pause (domain.throttle)."""
    login = normal(login)
    row = conn.execute(_BY_LOGIN, {"of": login}).one_or_none()
    known = row is not None and _knows(conn, row.id, address, at)
    keys = Keys.of(login, address)
    wait = throttle.claim(conn, keys, at, known=known)
    if wait > timedelta():
        return Refused(wait)
    if row is None:
        return Attempt(login, keys, known, address, None, None)
    expired = row.must_change and row.password_at is not None and at - row.password_at > TEMPORARY
    return Attempt(login, keys, known, address, _person(row), None if row.disabled_at or expired else row.hash)


def settle(conn: Connection, tried: Attempt, proof: Proof, at: datetime) -> Person | Refused:
    """What came of it: the person, or Refused; that is noted in the trail.  A session is opened by `session_open`."""
    person = None if tried.person is None else of_id(conn, tried.person.id)
    if person is None or not proof.right or not person.active or _hash(conn, person) != tried.hash:
        why = "unknown" if person is None else "disabled" if not person.active else _why(tried)
        note_refused(conn, tried.address, why, of=None if person is None else person.login, at=at)
        return Refused()
    throttle.forgive(conn, tried.keys, at, known=tried.known)
    if proof.anew is not None:
        conn.execute(update(staff).where(staff.c.id == person.id).values(hash=proof.anew))
    return person


def note_refused(
    conn: Connection, address: str, why: str, *, of: str | None = None, at: datetime, **details: str
) -> None:
    """Somebody was not let in; that goes to the trail, and what they typed does not."""
    trail.note(conn, "?", "signed.refused", of=of, at=at, details={**details, "address": address, "why": why})


def authenticate(conn: Connection, login: str, password: str, *, address: str, at: datetime) -> Person | Refused:
    """All three steps in one transaction: where nobody waits for it."""
    tried = attempt(conn, login, address=address, at=at)
    if isinstance(tried, Refused):
        return tried
    return settle(conn, tried, passwords.prove(tried.hash, password), at)


def kept_hash(conn: Connection, person_id: int) -> str | None:
    """What the password of a person is compared with, for `passwords.prove`."""
    return conn.execute(select(staff.c.hash).where(staff.c.id == person_id)).scalar_one_or_none()


# Sessions


def session_open(
    conn: Connection, person: Person, *, address: str, agent: str, at: datetime, way: str = "password"
) -> str:
    """A new session; its token, which nobody can tell again.  Noted in the trail."""
    token = secrets.token_urlsafe(32)
    _forget(conn, person.id, at)
    conn.execute(
        insert(sessions),
        {
            "staff": person.id, "digest": _digest(token), "way": way, "address": address[:80], "agent": agent[:300],
            "opened_at": at, "seen_at": at,
        },
    )  # fmt: skip
    trail.note(conn, person.login, "signed.in", of=person.login, at=at, address=address, way=way)
    return token


def session_of(conn: Connection, token: str, at: datetime) -> Session | None:
    """Whose token this is; None for an unknown one, a closed or expired session, a disabled person.

    Reads only: when `is_stale`, write `session_seen` in a transaction that can.
    """
    row = conn.execute(_BY_DIGEST, {"of": _digest(token)}).one_or_none()
    if row is None or row.session_closed_at is not None or row.disabled_at is not None:
        return None
    if at >= row.session_seen_at + IDLE or at >= row.session_opened_at + WHOLE:
        return None
    return _session(row, csrf_of(token))


def is_stale(session: Session, at: datetime) -> bool:
    """Whether it is time to write that it was seen."""
    return at >= session.seen_at + SEEN


def session_seen(conn: Connection, session_id: int, at: datetime) -> None:
    """Something was asked for in this session; what comes late changes nothing."""
    conn.execute(update(sessions).where(sessions.c.id == session_id, sessions.c.seen_at < at).values(seen_at=at))


def session_close(conn: Connection, token: str, at: datetime) -> None:
    """End the session of this token.  Noted in the trail, once."""
    session = session_of(conn, token, at)
    if session is None:
        return
    _close(conn, sessions.c.id == session.id, at)
    trail.note(conn, session.person.login, "signed.out", of=session.person.login, at=at)


def session_end(conn: Connection, person_id: int, session_id: int, at: datetime) -> bool:
    """End one session of this person's by its number; False when they have no such session going on."""
    return _close(conn, and_(sessions.c.id == session_id, sessions.c.staff == person_id), at) == 1


def sessions_close_all(conn: Connection, person_id: int, at: datetime, *, but: int | None = None) -> int:
    """End every session of this person, `but` one; how many went on."""
    these = sessions.c.staff == person_id
    return _close(conn, these if but is None else and_(these, sessions.c.id != but), at)


def sessions_of(conn: Connection, person_id: int, at: datetime) -> list[Session]:
    """The sessions of this person that go on, the one that was seen last first; without their form tokens."""
    rows = conn.execute(
        _SESSIONS.where(
            sessions.c.staff == person_id, sessions.c.closed_at.is_(None),
            sessions.c.seen_at > at - IDLE, sessions.c.opened_at > at - WHOLE,
        ).order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
    )  # fmt: skip
    return [_session(row, "") for row in rows]


def last_seen(conn: Connection) -> dict[int, datetime]:
    """When each person was last here, by their id; of whom sessions are remembered."""
    seen = select(sessions.c.staff, func.max(sessions.c.seen_at).label("seen")).group_by(sessions.c.staff)
    return {row.staff: row.seen for row in conn.execute(seen)}


def csrf_of(token: str) -> str:
    """What forms of the session with this token carry."""
    return hmac.new(token.encode("utf-8", "replace"), b"csrf", hashlib.sha256).hexdigest()


# What a session was granted, for a while


def grant(conn: Connection, session_id: int, what: str, until: datetime) -> None:
    """This session may do so until then, say `listen:CALL`; granted again, the later end counts."""
    here = and_(grants.c.session == session_id, grants.c.what == what)
    ends = conn.execute(select(grants.c.until_at).where(here)).scalar_one_or_none()
    if ends is None:
        conn.execute(insert(grants), {"session": session_id, "what": what, "until_at": until})
    elif ends < until:
        conn.execute(update(grants).where(here).values(until_at=until))


def granted(conn: Connection, session_id: int, what: str, at: datetime) -> bool:
    """Whether this session was, and the time is not up."""
    return conn.execute(_GRANTED, {"of": session_id, "to": what, "now": at}).one_or_none() is not None


def _knows(conn: Connection, person_id: int, address: str, at: datetime) -> bool:
    """Whether this person has signed in from there lately."""
    near = throttle.neighbourhood(address)
    since = at - throttle.KNOWN
    found = select(sessions.c.address).distinct().where(sessions.c.staff == person_id, sessions.c.opened_at >= since)
    return any(throttle.neighbourhood(each) == near for each in conn.scalars(found))


def _why(tried: Attempt) -> str:
    if tried.hash is not None:
        return "wrong"
    assert tried.person is not None
    return "expired" if tried.person.must_change else "no_password"


def _hash(conn: Connection, person: Person) -> str | None:
    return conn.execute(select(staff.c.hash).where(staff.c.id == person.id)).scalar_one()


def _close(conn: Connection, these: ColumnElement[bool], at: datetime) -> int:
    return conn.execute(update(sessions).where(these, sessions.c.closed_at.is_(None)).values(closed_at=at)).rowcount


def _forget(conn: Connection, person_id: int, at: datetime) -> None:
    """What ended long ago."""
    old = select(sessions.c.id).where(sessions.c.staff == person_id, sessions.c.opened_at < at - REMEMBERED)
    conn.execute(delete(grants).where(grants.c.session.in_(old)))
    conn.execute(delete(sessions).where(sessions.c.staff == person_id, sessions.c.opened_at < at - REMEMBERED))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _person(row: Any) -> Person:
    return Person(
        row.id, row.login, row.name, row.role, row.language, row.disabled_at is None, row.must_change,
        row.hash is not None, row.created_at, row.disabled_at,
    )  # fmt: skip


def _session(row: Any, csrf: str) -> Session:
    return Session(
        row.session_id, _person(row), csrf, row.session_way, row.session_address, row.session_agent,
        row.session_opened_at, row.session_seen_at,
    )  # fmt: skip


_BY_LOGIN: Final = select(staff).where(staff.c.login == bindparam("of"))
_SESSIONS: Final = select(
    staff,
    *(column.label(f"session_{column.name}") for column in sessions.c if column.name not in ("staff", "digest")),
).join(sessions, sessions.c.staff == staff.c.id)
_BY_DIGEST: Final = _SESSIONS.where(sessions.c.digest == bindparam("of"))
_GRANTED: Final = select(grants.c.what).where(
    grants.c.session == bindparam("of"), grants.c.what == bindparam("to"), grants.c.until_at > bindparam("now")
)
