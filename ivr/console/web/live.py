"""The board: calls that go on now, where each of them is.

Rules: the board is a page that is right when it is loaded; a script asks for its table again every two seconds, as
long as somebody looks.  Asking by itself keeps nobody signed in (`polled`).
"""

from typing import Final

from fastapi import Request, Response

from domain.roles import Permission
from ivr.console.web import telling
from ivr.console.web.desk import Desk, InDesk
from ivr.console.web.gate import page, router
from ivr.console.web.look import language_of, render
from ivr.console.web.words import Tongue
from ivr.story import Board, Live

router = router()

ORDERS: Final = ("longest", "trouble")
RETRIES: Final = 2
"""Prompts without an answer from which a call is in trouble."""
STUCK: Final = 60.0
"""Seconds at one question from which it is: three prompts with their silences take about as long."""


@router.get("/calls/live", **page(Permission.WATCH_LIVE))
async def live(request: Request, serving: InDesk) -> Response:
    """The page.  `order`: longest or trouble."""
    return await _board(request, serving, "calls/live.html")


@router.get("/calls/live/board", **page(Permission.WATCH_LIVE, polled=True))
async def board(request: Request, serving: InDesk) -> Response:
    """The table alone."""
    return await _board(request, serving, "calls/board.html")


async def _board(request: Request, serving: Desk, template: str) -> Response:
    now, t = serving.clock(), Tongue(language_of(request))
    order = request.query_params.get("order")
    order = order if order in ORDERS else ORDERS[0]
    looking: Board = serving.facts.setdefault("board", Board())
    found = await serving.read(lambda conn: looking.look(conn, now))
    found.sort(key=trouble if order == "trouble" else longest)
    return render(
        request, template, calls=found, order=order, orders=ORDERS, troubled=troubled,
        flow_name=lambda name: telling.flow(name, t), spot_name=lambda call: telling.spot(call.spot, t),
        part_name=lambda name: telling.part(name, t),
    )  # fmt: skip


def troubled(call: Live) -> bool:
    """Whether somebody should look at it."""
    return call.diverged or call.retries >= RETRIES or call.since >= STUCK or call.returned > 0


def longest(call: Live) -> tuple[float, str]:
    """The longest come first."""
    return -call.seconds, call.call.began.call


def trouble(call: Live) -> tuple[bool, int, float, str]:
    """Those in trouble come first, and of them those that repeat most."""
    return not troubled(call), -call.retries, -call.since, call.call.began.call
