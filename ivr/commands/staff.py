"""`ivr staff`: accounts of those who work with the console; the first administrator is made here.

Rule: a password comes from the keyboard or from standard input, never from the command line, where other users of the
machine would read it.
"""

import getpass
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from domain import passwords, staffing
from domain import staff as accounts
from domain.model import Language
from domain.passwords import BadPassword
from domain.roles import Permission, Role, may
from domain.staff import BadLogin, LoginTaken, NoSuchPerson, Person
from domain.staffing import NotAllowed
from domain.store import Connection
from ivr.commands.keeping import at_the_store
from ivr.commands.output import console, fail
from ivr.commands.pages import between
from ivr.commands.up import settings_from

ROLES: Final = click.Choice([role.value for role in Role])
Url = Callable[[], str]


@click.group("staff")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.pass_context
def staff(context: click.Context, config: Path | None, data: Path | None) -> None:
    """Accounts of those who work with the console.

    A running `ivr console` knows of a change at once.  What is done here is in the trail as done by cli:USER.
    """
    context.obj = lambda: settings_from(config, data=data).store_url


@staff.command("add")
@click.argument("login")
@click.option("--name", help="As colleagues read it; default: the login.")
@click.option("--role", type=ROLES, required=True)
@click.option("--language", type=click.Choice([each.value for each in Language]), default="uk", show_default=True)
@click.option("--temporary", is_flag=True, help="Make a temporary password and show it once; else you are asked.")
@click.option("--no-password", is_flag=True, help="They come by the company's own sign-in (OIDC) only.")
@click.pass_obj
def add(url: Url, login: str, name: str | None, role: str, language: str, temporary: bool, no_password: bool) -> None:
    """Make an account.  The password is asked for, or read from standard input: one line."""
    given = None if no_password else passwords.temporary() if temporary else _asked(login, name or login)
    hashed = None if given is None else passwords.hashed(given)
    made = _do(
        url,
        lambda conn, at: staffing.hire(
            conn, by=_me(), login=login, name=name or login, role=Role(role), language=Language(language),
            hashed=hashed, at=at, temporary=temporary,
        ),
    )  # fmt: skip
    console.print(f"{made.login}: {made.role}", markup=False)
    if temporary and given is not None:
        _show(given)


@staff.command("list")
@click.pass_obj
def list_(url: Url) -> None:
    """List all accounts."""
    for each in at_the_store(url(), lambda store: store.read(accounts.listed)):
        click.echo(f"{each.login}: {each.role}, {each.name}{_state(each)}")


@staff.command("disable")
@click.argument("login")
@click.pass_obj
def disable(url: Url, login: str) -> None:
    """Lock somebody out, at once.  What they did stays."""
    _do(url, lambda conn, at: staffing.disable(conn, login, by=_me(), at=at))
    console.print(f"{login}: disabled", markup=False)


@staff.command("enable")
@click.argument("login")
@click.pass_obj
def enable(url: Url, login: str) -> None:
    """Let somebody in again."""
    _do(url, lambda conn, at: staffing.enable(conn, login, by=_me(), at=at))
    console.print(f"{login}: may sign in", markup=False)


@staff.command("password")
@click.argument("login")
@click.option("--temporary", is_flag=True, help="Make a temporary password and show it once; else you are asked.")
@click.pass_obj
def password(url: Url, login: str, temporary: bool) -> None:
    """Give somebody a new password; their sessions end."""
    given = passwords.temporary() if temporary else _asked(login)
    hashed = passwords.hashed(given)
    _do(url, lambda conn, at: staffing.give_password(conn, login, hashed, by=_me(), at=at, temporary=temporary))
    console.print(f"{login}: a new password", markup=False)
    if temporary:
        _show(given)


@staff.command("role")
@click.argument("login")
@click.argument("role", type=ROLES)
@click.pass_obj
def role(url: Url, login: str, role: str) -> None:
    """Give somebody a role; their sessions end."""
    _do(url, lambda conn, at: staffing.set_role(conn, login, Role(role), by=_me(), at=at))
    console.print(f"{login}: {role}", markup=False)


@staff.command("sign-out")
@click.argument("login")
@click.pass_obj
def sign_out(url: Url, login: str) -> None:
    """End all sessions of somebody."""
    ended = _do(url, lambda conn, at: staffing.end_sessions(conn, login, by=_me(), at=at))
    console.print(f"{login}: {ended} sessions ended", markup=False)


def _do(url: Url, job: Callable[[Connection, datetime], Any]) -> Any:
    """Do it in a transaction, or end with what is wrong."""
    at = datetime.now(UTC)
    try:
        return at_the_store(url(), lambda store: store.write(lambda conn: job(conn, at)))
    except (LoginTaken, BadLogin, NotAllowed) as fault:
        fail(str(fault), 2)
    except NoSuchPerson as fault:
        fail(f"{fault}: ivr staff list")


def _asked(*others: str) -> str:
    """A password that was typed twice, or one line of standard input; checked.  Ends when it can't be one."""
    if sys.stdin.isatty():
        given = click.prompt(f"password (at least {passwords.LEAST} characters)", hide_input=True)
        if click.prompt("again", hide_input=True) != given:
            fail("that was not the same twice", 2)
    else:
        given = sys.stdin.readline().rstrip("\r\n")
    try:
        passwords.check(given, *others)
    except BadPassword as fault:
        fail(str(fault), 2)
    return given


def _show(given: str) -> None:
    console.print(f"temporary password, for {accounts.TEMPORARY.days} days, not shown again:")
    click.echo(given)


def _state(person: Person) -> str:
    if not person.active:
        return f", disabled {person.disabled_at:%Y-%m-%d %H:%M} UTC"
    if person.must_change:
        return ", temporary password"
    return "" if person.by_password else ", no password"


def _me() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user without a name
        return "cli:?"


@staff.command("roles")
@click.option("--write", type=click.Path(path_type=Path, exists=True), help="Renew the table in this Markdown file.")
def roles(write: Path | None) -> None:
    """Which role may what, as Markdown."""
    if write is None:
        click.echo(role_table())
        return
    try:
        write.write_text(renewed_roles(write.read_text("utf-8")), "utf-8")
    except (OSError, ValueError) as fault:
        fail(f"{write}: {fault}")


def role_table() -> str:
    """A line for each permission, a column for each role."""
    head = "| permission | " + " | ".join(Role) + " |"
    lines = [
        f"| `{permission}` | " + " | ".join("yes" if may(role, permission) else "" for role in Role) + " |"
        for permission in Permission
    ]
    return "\n".join([head, "|---" * (len(Role) + 1) + "|", *lines])


def renewed_roles(text: str) -> str:
    """`text` with the table between the marks replaced.  Raises ValueError when the marks are missing."""
    return between(text, "<!-- roles -->", "<!-- end of roles -->", role_table(), "table")
