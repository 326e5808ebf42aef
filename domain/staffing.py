"""What is done to accounts of staff: made, given a role, disabled, given a password.  All of it is in the trail.

Rules
1. Nobody changes their own role, nor disables themselves: two pairs of eyes.
2. There is always an administrator who can sign in; who would be the last to go, stays (`LastAdministrator`).  That
   is checked where only one can be at a time.
3. Whose role, password or rights to be here changed, signs in anew: their sessions end.
4. An account is never removed: the trail speaks of it.
5. Hashes come ready made (`passwords.hashed`), since a transaction should not wait for one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select, update

from domain import staff as accounts
from domain import trail
from domain.alone import alone
from domain.model import Language
from domain.roles import Role
from domain.staff import Person
from domain.tables import staff

BY_ISSUER: Final = "oidc"
"""Who, in the trail, when the company's sign-in did it."""

_LOCK: Final = 0x73_74_61_66_66  # "staff"


class NotAllowed(ValueError):
    """It can't be done, and nothing was."""


class OwnAccount(NotAllowed):
    """It would be done to oneself."""


class LastAdministrator(NotAllowed):
    """Nobody would be left who can administer accounts."""


def hire(
    conn: Connection,
    *,
    by: str,
    login: str,
    name: str,
    role: Role,
    language: Language,
    hashed: str | None,
    at: datetime,
    temporary: bool = False,
) -> Person:
    """A new account.  hashed: None for who comes by the company's sign-in only.  Raises LoginTaken, BadLogin."""
    made = accounts.add_hashed(
        conn, login=login, name=name, role=role, language=language, hashed=hashed, at=at, temporary=temporary
    )
    trail.note(conn, by, "staff.added", of=made.login, at=at, name=made.name, role=role, temporary=temporary)
    return made


def from_issuer(
    conn: Connection,
    *,
    issuer: str,
    subject: str,
    logins: Sequence[str],
    name: str,
    role: Role,
    language: Language,
    make: bool,
    at: datetime,
) -> Person | None:
    """Who comes by the company's sign-in; None for whom there is no account, or a disabled one.

    They are known by issuer and subject.  The first time they get the account with one of these logins, in this
    order, if it was made without a password and is nobody's there yet (an account with a password is never given to
    somebody for a name alone); else a new one when `make`.  The role is the issuer's business: it is set anew with
    each sign-in, also the last administrator's, whom `ivr staff` can make again.
    """
    alone(conn, _LOCK)
    person = accounts.of_subject(conn, issuer, subject) or _waiting(conn, logins, issuer, subject, at)
    if person is None and make and logins:
        try:
            person = accounts.add_hashed(
                conn, login=logins[0], name=name, role=role, language=language, hashed=None, at=at, issuer=issuer,
                subject=subject,
            )  # fmt: skip
        except (accounts.LoginTaken, accounts.BadLogin):
            return None
        trail.note(conn, BY_ISSUER, "staff.added", of=person.login, at=at, name=person.name, role=role)
    if person is None or not person.active:
        return None
    if person.role is not role:
        changed = {"role": role}
        return _change(conn, person, "staff.role_changed", BY_ISSUER, at, changed, before=person.role, after=role)
    return person


def set_role(conn: Connection, login: str, role: Role, *, by: str, at: datetime) -> Person:
    """Give a role.  Raises NoSuchPerson, OwnAccount, LastAdministrator."""
    person = _other(conn, login, by)
    if person.role is role:
        return person
    if person.role is Role.ADMINISTRATOR:
        _another_administrator(conn, person)
    return _change(conn, person, "staff.role_changed", by, at, {"role": role}, before=person.role, after=role)


def disable(conn: Connection, login: str, *, by: str, at: datetime) -> Person:
    """Out with their next request, and they can't sign in.  Raises NoSuchPerson, OwnAccount, LastAdministrator."""
    person = _other(conn, login, by)
    if not person.active:
        return person
    if person.role is Role.ADMINISTRATOR:
        _another_administrator(conn, person)
    return _change(conn, person, "staff.disabled", by, at, {"disabled_at": at})


def enable(conn: Connection, login: str, *, by: str, at: datetime) -> Person:
    """They can sign in again.  Raises NoSuchPerson."""
    person = accounts.of_login(conn, login)
    return person if person.active else _change(conn, person, "staff.enabled", by, at, {"disabled_at": None})


def give_password(
    conn: Connection, login: str, hashed: str, *, by: str, at: datetime, temporary: bool = True
) -> Person:
    """A new password from somebody else.  Raises NoSuchPerson, OwnAccount (one's own is changed knowing the old)."""
    person = _other(conn, login, by)
    changes = {"hash": hashed, "password_at": at, "must_change": temporary}
    return _change(conn, person, "staff.password_given", by, at, changes, temporary=temporary)


def change_password(conn: Connection, person: Person, hashed: str, *, at: datetime) -> Person:
    """One's own, whose old one was proven before.  Every session ends: open a new one for who asks."""
    changes = {"hash": hashed, "password_at": at, "must_change": False}
    return _change(conn, person, "password.changed", person.login, at, changes)


def speak(conn: Connection, person: Person, language: Language) -> None:
    """The language of somebody's pages."""
    conn.execute(update(staff).where(staff.c.id == person.id).values(language=language))


def end_sessions(conn: Connection, login: str, *, by: str, at: datetime) -> int:
    """Sign somebody out everywhere; of how many sessions.  Raises NoSuchPerson."""
    person = accounts.of_login(conn, login)
    ended = accounts.sessions_close_all(conn, person.id, at)
    trail.note(conn, by, "staff.signed_out", of=person.login, at=at, sessions=ended)
    return ended


def _waiting(conn: Connection, logins: Sequence[str], issuer: str, subject: str, at: datetime) -> Person | None:
    """An account that was made for somebody who comes by the company's sign-in, now theirs."""
    for login in logins:
        these = (
            staff.c.login == accounts.normal(login), staff.c.hash.is_(None), staff.c.subject.is_(None)
        )  # fmt: skip
        if conn.execute(update(staff).where(*these).values(issuer=issuer, subject=subject)).rowcount:
            person = accounts.of_login(conn, login)
            trail.note(conn, BY_ISSUER, "staff.linked", of=person.login, at=at, issuer=issuer)
            return person
    return None


def _other(conn: Connection, login: str, by: str) -> Person:
    """Somebody who is not the one who asks; nobody else changes accounts until the transaction ends."""
    alone(conn, _LOCK)
    person = accounts.of_login(conn, login)
    if person.login == by:
        raise OwnAccount("nobody does this to their own account: another administrator can")
    return person


def _another_administrator(conn: Connection, person: Person) -> None:
    others = (
        select(func.count())
        .select_from(staff)
        .where(
            staff.c.role == Role.ADMINISTRATOR,
            staff.c.disabled_at.is_(None),
            staff.c.id != person.id,
            or_(staff.c.hash.is_not(None), staff.c.subject.is_not(None)),
        )
    )
    if person.active and not conn.execute(others).scalar_one():
        raise LastAdministrator(f"{person.login} is the last administrator who can sign in: make another one first")


def _change(
    conn: Connection, person: Person, what: str, by: str, at: datetime, changes: dict[str, Any], **details: Any
) -> Person:
    conn.execute(update(staff).where(staff.c.id == person.id).values(**changes))
    accounts.sessions_close_all(conn, person.id, at)
    trail.note(conn, by, what, of=person.login, at=at, details=details)
    changed = accounts.of_id(conn, person.id)
    assert changed is not None
    return changed
