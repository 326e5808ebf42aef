"""Webhooks: being told of what happens."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from domain import webhooks
from domain.clients import Client, Right
from domain.store import Connection
from ivr.console import addresses
from ivr.console.addresses import BadAddress
from ivr.console.api import cursors
from ivr.console.api.access import Asking, Guarded, InService, guarded
from ivr.console.api.cursors import Cursor, Limit
from ivr.console.api.once import Answer, Key, made, once
from ivr.console.api.problems import Problem
from ivr.console.api.shapes import FateOut, FatesPage, NewWebhook, Secret, WebhookIn, WebhookOut, Webhooks

hooks = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=Guarded)

RIGHT = Right.WEBHOOKS_MANAGE
Hook = Annotated[int, Path(ge=1, le=10**15, description="of the webhook")]


def _own(conn: Connection, client: Client, webhook: int) -> webhooks.Webhook:
    found = webhooks.find(conn, client.id, webhook)
    if found is None:
        raise Problem(404, "not-found", "there is no such webhook")
    return found


@hooks.post(
    "",
    operation_id="createWebhook",
    summary="Subscribe",
    status_code=201,
    response_model=NewWebhook,
    **guarded(RIGHT, 400, 409, 413, 415, 422),
)
async def create_webhook(body: WebhookIn, key: Key, request: Request, serving: InService, client: Asking) -> Response:
    """Messages are sent to this address from now on, signed with the secret, which is shown once."""
    try:
        addresses.checked(body.url, plain=serving.plain_webhooks, private=serving.private_webhooks)
    except BadAddress as fault:
        raise Problem(422, "invalid", f"url: {fault}") from None

    def deed(conn: Connection, now: Any) -> Answer:
        try:
            hook, secret = webhooks.subscribe(conn, client.id, body.url, body.kinds, now)
        except (webhooks.AlreadySubscribed, webhooks.TooMany) as refusal:
            raise Problem(409, "conflict", str(refusal)) from None
        shown = WebhookOut.model_validate(hook).model_dump()
        return made(NewWebhook(**shown, secret=secret), location=f"/api/v1/webhooks/{hook.id}")

    return await once(request, serving, client, key, body, deed)


@hooks.get("", operation_id="listWebhooks", summary="One's own webhooks", **guarded(RIGHT, 422))
async def list_webhooks(serving: InService, client: Asking) -> Webhooks:
    """Oldest first."""
    found = await serving.read(lambda conn: webhooks.of_client(conn, client.id))
    return Webhooks(items=[WebhookOut.model_validate(each) for each in found])


@hooks.get("/{webhook}", operation_id="getWebhook", summary="A webhook", **guarded(RIGHT, 404, 422))
async def get_webhook(webhook: Hook, serving: InService, client: Asking) -> WebhookOut:
    """Whether messages arrive, and why not."""
    return WebhookOut.model_validate(await serving.read(lambda conn: _own(conn, client, webhook)))


@hooks.delete(
    "/{webhook}",
    operation_id="deleteWebhook",
    summary="Unsubscribe",
    status_code=204,
    response_class=Response,
    **guarded(RIGHT, 404, 422),
)
async def delete_webhook(webhook: Hook, serving: InService, client: Asking) -> None:
    """Nothing more is sent; what was pending is forgotten."""
    if not await serving.write(lambda conn: webhooks.unsubscribe(conn, client.id, webhook)):
        raise Problem(404, "not-found", "there is no such webhook")


@hooks.post(
    "/{webhook}/secret",
    operation_id="rotateWebhookSecret",
    summary="Change the secret",
    status_code=201,
    response_model=Secret,
    **guarded(RIGHT, 400, 404, 409, 422),
)
async def rotate_secret(webhook: Hook, key: Key, request: Request, serving: InService, client: Asking) -> Response:
    """For 24 hours messages carry two signatures: by the new secret and by the former one."""

    def deed(conn: Connection, now: Any) -> Answer:
        fresh = webhooks.rotate(conn, client.id, webhook, now)
        if fresh is None:
            raise Problem(404, "not-found", "there is no such webhook")
        return made(Secret(secret=fresh))

    return await once(request, serving, client, key, None, deed)


@hooks.post(
    "/{webhook}/enable",
    operation_id="enableWebhook",
    summary="Send again",
    response_model=WebhookOut,
    **guarded(RIGHT, 400, 404, 409, 422),
)
async def enable_webhook(webhook: Hook, key: Key, request: Request, serving: InService, client: Asking) -> Response:
    """A webhook that was disabled goes on with what was pending.  What happened while it was disabled is not sent."""

    def deed(conn: Connection, now: Any) -> Answer:
        hook = webhooks.enable(conn, client.id, webhook, now)
        if hook is None:
            raise Problem(404, "not-found", "there is no such webhook")
        return made(WebhookOut.model_validate(hook), status=200)

    return await once(request, serving, client, key, None, deed)


@hooks.get(
    "/{webhook}/deliveries",
    operation_id="listDeliveries",
    summary="What became of messages",
    **guarded(RIGHT, 404, 422),
)
async def list_deliveries(
    webhook: Hook, serving: InService, client: Asking, limit: Limit = 50, cursor: Cursor = None
) -> FatesPage:
    """Newest first; of the last 30 days."""
    before = cursors.item_of(cursor) if cursor else None

    def job(conn: Connection) -> list[webhooks.Fate]:
        _own(conn, client, webhook)
        return webhooks.fates(conn, webhook, before=before, limit=limit + 1)

    read = await serving.read(job)
    more = cursors.cursor(read[limit - 1].event) if len(read) > limit else None
    return FatesPage(items=[FateOut.model_validate(each) for each in read[:limit]], next=more)


@hooks.post(
    "/{webhook}/deliveries/{event}/again",
    operation_id="deliverAgain",
    summary="Send one message again",
    response_model=WebhookOut,
    **guarded(RIGHT, 400, 404, 409, 422),
)
async def deliver_again(
    webhook: Hook,
    event: Annotated[int, Path(ge=1, le=10**15, description="of the message")],
    key: Key,
    request: Request,
    serving: InService,
    client: Asking,
) -> Response:
    """One that was set aside, or that the receiver lost; with the same id, before whatever is pending."""

    def deed(conn: Connection, now: Any) -> Answer:
        if not webhooks.again(conn, client.id, webhook, event, now):
            raise Problem(404, "not-found", "this webhook has had no such message")
        return made(WebhookOut.model_validate(_own(conn, client, webhook)), status=200)

    return await once(request, serving, client, key, None, deed)
