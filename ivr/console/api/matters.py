"""Requests, outages, orders, calls back: the same commands as the telephone's."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from domain.clients import Client, Right
from domain.commands import (
    AskHours,
    AskPeople,
    AskSupply,
    Command,
    FindRequest,
    HearAnnouncements,
    OrderCallBack,
    PlaceOrder,
    RegisterRequest,
    ReportOutage,
)
from domain.handlers import perform
from domain.model import Registered, Slot
from domain.store import Connection
from ivr.console.api.access import Asking, Guarded, InService, Services, guarded
from ivr.console.api.accounts import InPath, found
from ivr.console.api.once import Answer, Key, made, once
from ivr.console.api.problems import Problem
from ivr.console.api.shapes import (
    AnnouncementOut,
    CallBackIn,
    Number,
    OpeningOut,
    OrderIn,
    Out,
    OutageIn,
    PeopleOut,
    RegisteredOut,
    RequestIn,
    RequestOut,
    SupplyOut,
)

requests = APIRouter(prefix="/api/v1", tags=["requests"], route_class=Guarded)
supply = APIRouter(prefix="/api/v1", tags=["supply"], route_class=Guarded)
services = APIRouter(prefix="/api/v1", tags=["services"], route_class=Guarded)

POSTS = (400, 404, 409, 413, 415, 422)


async def _asked(serving: Services, command: Command[Any]) -> Any:
    now = serving.clock()
    return await serving.read(lambda conn: perform(conn, command, call=None, seq=None, at=now))


def _done(conn: Connection, client: Client, command: Any, now: Any, shape: type[Out], location: str | None) -> Answer:
    if command.account is not None:
        found(conn, client, command.account, now)
    result = perform(conn, command, call=None, seq=None, at=now, source=client.source, by=client.name)
    where = location + result.number if location and isinstance(result, Registered) else None
    return made(shape.model_validate(result), location=where)


@requests.post(
    "/requests",
    operation_id="registerRequest",
    summary="Register a complaint, suggestion, opinion or question",
    status_code=201,
    response_model=RegisteredOut,
    **guarded(Right.REQUESTS_WRITE, *POSTS),
)
async def register_request(
    body: RequestIn, key: Key, request: Request, serving: InService, client: Asking
) -> Response:
    """It gets a number, by which its state can be asked, and the last day for the reply by law."""
    command = RegisterRequest(body.kind, body.topic, body.reply_by, body.contact, body.account, body.text)
    return await once(
        request, serving, client, key, body,
        lambda conn, now: _done(conn, client, command, now, RegisteredOut, "/api/v1/requests/"),
    )  # fmt: skip


@requests.get(
    "/requests/{number}",
    operation_id="getRequest",
    summary="How a request stands",
    **guarded(Right.REQUESTS_READ, 404, 422),
)
async def get_request(number: Annotated[Number, Path()], serving: InService, _: Asking) -> RequestOut:
    """As its customer may hear it: nothing about the person is told."""
    status = await _asked(serving, FindRequest(number))
    if status is None:
        raise Problem(404, "not-found", "there is no request of this number")
    return RequestOut.model_validate(status)


@supply.post(
    "/outages",
    operation_id="reportOutage",
    summary="Report an outage or danger",
    status_code=201,
    response_model=SupplyOut,
    **guarded(Right.OUTAGES_WRITE, *POSTS),
)
async def report_outage(body: OutageIn, key: Key, request: Request, serving: InService, client: Asking) -> Response:
    """Reports of one building and feeder become one incident; the answer tells what is known of it."""
    command = ReportOutage(body.kind, body.account, body.contact)
    return await once(
        request, serving, client, key, body, lambda conn, now: _done(conn, client, command, now, SupplyOut, None)
    )


@supply.get(
    "/accounts/{number}/supply",
    operation_id="getSupply",
    summary="What is known of the supply",
    **guarded(Right.OUTAGES_READ, 404, 422),
)
async def get_supply(number: InPath, serving: InService, client: Asking) -> SupplyOut:
    """At the address of this account."""
    now = serving.clock()

    def job(conn: Connection) -> Any:
        found(conn, client, number, now)
        return perform(conn, AskSupply(number), call=None, seq=None, at=now)

    return SupplyOut.model_validate(await serving.read(job))


@supply.get(
    "/announcements",
    operation_id="listAnnouncements",
    summary="What callers hear first",
    **guarded(Right.OUTAGES_READ, 422),
)
async def list_announcements(
    serving: InService,
    _: Asking,
    region: Annotated[str | None, Query(max_length=60, description="also what is on for this region")] = None,
) -> list[AnnouncementOut]:
    """What is switched on now, for all or for a region."""
    on = await _asked(serving, HearAnnouncements((region,) if region else ()))
    return [AnnouncementOut.model_validate(each) for each in on]


@services.post(
    "/orders",
    operation_id="placeOrder",
    summary="Order a service",
    status_code=201,
    response_model=RegisteredOut,
    **guarded(Right.ORDERS_WRITE, *POSTS),
)
async def place_order(body: OrderIn, key: Key, request: Request, serving: InService, client: Asking) -> Response:
    """It gets a number and the day by which it is done."""
    command = PlaceOrder(body.kind, body.account, body.contact)
    return await once(
        request, serving, client, key, body, lambda conn, now: _done(conn, client, command, now, RegisteredOut, None)
    )


@services.get(
    "/people",
    operation_id="getPeople",
    summary="Do operators work now, and when can they call back",
    **guarded(Right.CALLBACKS_WRITE, 422),
)
async def get_people(serving: InService, _: Asking) -> PeopleOut:
    """With stretches of time to offer for a call back."""
    return PeopleOut.model_validate(await _asked(serving, AskPeople()))


@services.get(
    "/opening-hours",
    operation_id="listOpeningHours",
    summary="When what is open",
    **guarded(Right.CALLBACKS_WRITE, 422),
)
async def list_opening_hours(serving: InService, _: Asking) -> list[OpeningOut]:
    """Of operators and of every service."""
    return [OpeningOut.model_validate(each) for each in await _asked(serving, AskHours())]


@services.post(
    "/callbacks",
    operation_id="orderCallBack",
    summary="Order a call back",
    status_code=201,
    response_model=RegisteredOut,
    **guarded(Right.CALLBACKS_WRITE, *POSTS),
)
async def order_call_back(
    body: CallBackIn, key: Key, request: Request, serving: InService, client: Asking
) -> Response:
    """In one of the stretches of time that `getPeople` offers, or as soon as somebody is free."""
    slot = Slot(body.slot.begins, body.slot.ends) if body.slot else None

    def deed(conn: Connection, now: Any) -> Answer:
        offered = perform(conn, AskPeople(), call=None, seq=None, at=now).slots
        if slot and slot not in offered:
            raise Problem(409, "conflict", "nobody can call back then: take a slot of GET /api/v1/people")
        command = OrderCallBack(body.contact, body.about, body.account, slot)
        return _done(conn, client, command, now, RegisteredOut, None)

    return await once(request, serving, client, key, body, deed)
