"""`ivr client`: who may use the channel API, and what they may do there."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from domain import clients
from domain.clients import NameTaken, NoSuchClient, Right
from domain.model import Source
from domain.store import Connection, Store, StoreFault
from ivr.commands.output import console, fail
from ivr.commands.up import settings_from

T = TypeVar("T")


@click.group("client")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.pass_context
def client(context: click.Context, config: Path | None, data: Path | None) -> None:
    """Clients of the channel API: a web cabinet, a chat bot, a supplier's billing.

    A running `ivr api` knows of a change at once.
    """
    context.obj = lambda: settings_from(config, data=data).store_url


class _Rights(click.ParamType):
    """Rights, separated by commas or spaces; "all" for all."""

    name = "rights"

    def convert(self, value: Any, param: Any, ctx: Any) -> frozenset[Right]:
        wanted = set(re.split(r"[,\s]+", value.strip())) if isinstance(value, str) else set(value)
        if wanted == {"all"}:
            return frozenset(Right)
        if unknown := sorted(wanted - set(Right)):
            self.fail(f"there is no right {unknown[0]!r}; there are: {', '.join(Right)}", param, ctx)
        return frozenset(Right(word) for word in wanted)


@client.command("add")
@click.argument("name")
@click.option(
    "--source", type=click.Choice([s.value for s in clients.SOURCES]), default="web", show_default=True,
    help="The channel it speaks for; readings are stored with it.",
)  # fmt: skip
@click.option("--rights", type=_Rights(), required=True, help=f"Separated by commas: {', '.join(Right)}.")
@click.option("--per-minute", type=click.IntRange(1), default=clients.PER_MINUTE, show_default=True, help="Requests.")
@click.option("--supplier", help="Only accounts of this supplier are its business.")
@click.pass_obj
def add(
    url: Callable[[], str], name: str, source: str, rights: frozenset[Right], per_minute: int, supplier: str | None
) -> None:
    """Make a client, and show its key: once, for only its digest is kept."""
    try:
        made, key = _in(
            url(),
            lambda store: store.write(
                lambda conn: clients.make(
                    conn, name, source=Source(source), rights=rights, at=datetime.now(UTC), per_minute=per_minute,
                    supplier=supplier,
                )
            ),
        )  # fmt: skip
    except (NameTaken, ValueError) as fault:
        fail(str(fault), 2)
    console.print(f"{made.name} may: {', '.join(sorted(made.rights))}", markup=False)
    console.print("its key, which is not shown again:")
    click.echo(key)


@client.command("list")
@click.pass_obj
def list_(url: Callable[[], str]) -> None:
    """List all clients; keys can't be shown, only how they begin."""
    for each in _in(url(), lambda store: store.read(clients.listed)):
        ended = f", revoked {each.revoked_at:%Y-%m-%d %H:%M} UTC" if each.revoked_at else ""
        whose = f", accounts of {each.supplier}" if each.supplier else ""
        click.echo(f"{each.name}: {each.source}, {each.per_minute} a minute{whose}{ended}")
        click.echo(
            f"    key hlk_{each.prefix}_..., made {each.created_at:%Y-%m-%d}; {', '.join(sorted(each.rights))}"
        )


@client.command("revoke")
@click.argument("name")
@click.pass_obj
def revoke(url: Callable[[], str], name: str) -> None:
    """Make a client's key useless, at once and for good; its webhooks get nothing more."""

    def job(conn: Connection) -> clients.Client:
        return clients.revoke(conn, name, datetime.now(UTC))

    try:
        revoked = _in(url(), lambda store: store.write(job))
    except NoSuchClient as fault:
        fail(f"{fault}: ivr client list")
    console.print(f"{revoked.name}: revoked {revoked.revoked_at:%Y-%m-%d %H:%M} UTC", markup=False)


def _in(url: str, what: Callable[[Store], Future[T]]) -> T:
    """Do this with the store, or end with what is wrong with it."""
    try:
        with Store.open(url) as store:
            return what(store).result()
    except StoreFault as fault:
        fail(str(fault))
