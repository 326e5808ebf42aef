"""`ivr api`: the channel API in the foreground, a process of its own beside `ivr up`."""

import asyncio
import json
import logging
import signal
from ipaddress import ip_address
from pathlib import Path

import click

from domain import clients
from domain.store import Store
from ivr.commands.output import console
from ivr.commands.serving import listening, place
from ivr.commands.up import run, settings_from
from ivr.console.api import channel_api, document, served
from ivr.service.settings import Settings

log = logging.getLogger(__name__)


@click.command("api")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port; default: a free one.")
@click.option("--openapi", is_flag=True, help="Print the OpenAPI document and end.")
def api(config: Path | None, data: Path | None, port: int | None, openapi: bool) -> None:
    """Serve the channel API and deliver to webhooks, in the foreground.

    Beside `ivr up`, on the same data directory, and in a process of its own: no load on it delays a caller.  Clients
    get their keys by `ivr client add`.  SIGTERM and Ctrl-C stop it in order.
    """
    if openapi:
        click.echo(document_text(), nl=False)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(_serve(settings_from(config, data=data, api_port=port)))


def document_text() -> str:
    """The OpenAPI document as it is committed."""
    app = channel_api(None)  # pyright: ignore[reportArgumentType]  nobody asks it anything
    return json.dumps(document(app), ensure_ascii=False, indent=1) + "\n"


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with (
        Store.open(settings.store_url) as store,
        listening(settings.api_address, settings.api_port, "the API", "api_port, api_address") as bound,
    ):
        if not await asyncio.wrap_future(store.read(clients.listed)):
            log.warning("nobody has a key: ivr client add NAME --source web --rights ...")
        if not ip_address(settings.api_address).is_loopback:
            log.warning(
                "the API is served without encryption on %s: put a proxy with TLS before it", settings.api_address
            )
        app = channel_api(store, plain_webhooks=settings.webhooks_plain, private_webhooks=settings.webhooks_private)
        async with served(app, bound):
            console.print(f"ready: http://{place(bound)}/api/v1/; the document: /api/v1/openapi.json")
            await stopped.wait()
            log.info("stopping")
