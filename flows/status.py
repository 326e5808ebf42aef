"""What has become of my complaint?"""

from typing import Final

from domain.commands import FindRequest
from domain.model import KnownCaller, RequestState, RequestStatus
from domain.numbers import series_of
from flows.parting import parting
from ivr.dialog import SAID_BACK, Call, GaveUp, Manner, Phrase, digits

NUMBER: Final = digits(8, specimens={"number": "10000012", "mis-keyed": "10000021"})
FROM_PAPER: Final = Manner(
    timeout=15.0, interdigittimeout=5.0, surelevel=SAID_BACK, incompletetimeout=2.5, maxspeechtimeout=30.0
)
"""They look for the slip of paper on which they wrote it down."""


async def status(call: Call, _: KnownCaller, account: str | None) -> str | None:
    """Tell how a request stands; `account` as it was.  Raises GaveUp when three numbers lead to none."""
    call.about(topic="status")
    found = await call.hold(find)
    await tell(call, found)
    while await parting(call, "status_again"):
        await tell(call, found)
    return account


async def find(call: Call) -> RequestStatus:
    """The request whose number the caller keys."""
    for _ in range(3):
        number = await call.ask("request_number", NUMBER, manner=FROM_PAPER)
        if series_of(number) is None:
            await call.say("account_check_failed", fresh=True, number=number)
        elif found := await call.do(FindRequest(number)):
            return found
        else:
            await call.say("request_unknown", fresh=True, number=number)
    raise GaveUp


async def tell(call: Call, found: RequestStatus) -> None:
    """Where it stands, by when the reply comes, and how."""
    by = Phrase(f"by_{found.reply_by}")
    if found.state in (RequestState.CONSIDERED, RequestState.REFUSED):
        await call.say(f"status_{found.state}", by=by)
    else:
        open_ = "status_interim" if found.state is RequestState.INTERIM else "status_open"
        await call.say(open_, by=by, due=found.due.isoformat())
