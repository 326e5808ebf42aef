"""`ivr console`: the console of supervisors in the foreground, a process of its own beside `ivr up`."""

import asyncio
import gc
import logging
import signal
import time
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import click
import uvicorn

from domain import staff, trail
from domain.store import Store
from ivr.commands.output import console
from ivr.commands.serving import listening, place
from ivr.commands.up import run, settings_from
from ivr.console.indexer import Indexer
from ivr.console.quiet import Quiet
from ivr.console.web import application
from ivr.console.web.desk import Desk
from ivr.console.web.oidc import Company
from ivr.service.beside import die_with
from ivr.service.settings import Settings
from prompts import Catalogue

log = logging.getLogger(__name__)


@click.command("console")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port; default: a free one.")
@click.option("--with", "parent", type=int, hidden=True, help="End when this process, our parent, ends.")
def serve(config: Path | None, data: Path | None, port: int | None, parent: int | None) -> None:
    """Serve the console of supervisors, in the foreground.

    Beside `ivr up`, on the same data directory, and in a process of its own: no load on it delays a caller.
    The first account is made by `ivr staff add LOGIN --role administrator`.  SIGTERM and Ctrl-C stop it in order.
    """
    if parent is not None and not die_with(parent):
        return
    level = logging.WARNING if parent is not None else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(_serve(settings_from(config, data=data, console_port=port)))


def company_of(settings: Settings) -> Company | None:
    """The company's own sign-in, if it is set."""
    if settings.oidc_issuer is None:
        return None
    assert settings.oidc_client is not None  # settings are looked at when they are loaded
    return Company(
        issuer=settings.oidc_issuer,
        client=settings.oidc_client,
        secret=settings.oidc_secret.get_secret_value() if settings.oidc_secret else None,
        back=f"{'https' if settings.console_https else 'http'}://{settings.console_name}/sign-in/company/back",
        roles=settings.oidc_roles,
        claim=settings.oidc_claim,
        scopes=settings.oidc_scopes,
        make=settings.oidc_make,
    )


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with (
        Store.open(settings.store_url) as store,
        listening(
            settings.console_address, settings.console_port, "the console", "console_port, console_address"
        ) as bound,
    ):
        if not await asyncio.wrap_future(store.read(staff.listed)):
            log.warning("nobody has an account: ivr staff add LOGIN --role administrator")
        if not (ip_address(settings.console_address).is_loopback or settings.console_https):
            log.warning(
                "the console is served unencrypted on %s: put a proxy with TLS before it and set console_https",
                settings.console_address,
            )
        desk = Desk(
            store,
            lambda: datetime.now(UTC),
            time.monotonic,
            settings.data,
            Catalogue.load(),
            https=settings.console_https,
            name=settings.console_name or "",
            facts={
                "company": company_of(settings),
                "lines": settings.capacity,
                **({"organisation": settings.organisation} if settings.organisation else {}),
            },
        )
        log.info("the trail's head is %s", await desk.read(trail.head))  # kept where the journal of the machine goes
        server = Quiet(
            uvicorn.Config(
                application.console(desk), log_config=None, access_log=False, lifespan="off",
                proxy_headers=settings.console_proxies is not None, forwarded_allow_ips=settings.console_proxies,
                server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=10,
            )
        )  # fmt: skip
        gc.collect()
        gc.freeze()  # what is here by now stays; looking through it held a page up for a tenth of a second
        async with asyncio.TaskGroup() as tasks:
            indexing = tasks.create_task(Indexer(store, desk.turns).run(), name="indexer")
            serving = tasks.create_task(server.serve([bound]), name="console")
            console.print(f"ready: {'https' if settings.console_https else 'http'}://{place(bound)}/")
            await stopped.wait()
            log.info("stopping")
            server.should_exit = True
            indexing.cancel()
            await serving
