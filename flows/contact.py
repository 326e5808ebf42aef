"""The number at which we reach the caller: the one they call from, or the one they key."""

from typing import Final

from domain.phone import as_dialled
from ivr.dialog import Call, Manner, yes_no
from ivr.dialog.telephone import telephone

BY_HEART: Final = Manner(
    timeout=10.0, interdigittimeout=5.0, incompletetimeout=2.5, maxspeechtimeout=30.0, surelevel=0.5
)
"""Few people know their own number by heart; most look it up.  It is read back in any case (surelevel =
confidencelevel)."""


async def contact(call: Call) -> str:
    """The number in E.164, confirmed."""
    shown = call.began.caller
    if shown and await call.ask("contact_shown", yes_no, number=as_dialled(shown)):
        return shown
    while True:
        number = await call.ask("contact", telephone, manner=BY_HEART)
        if await call.ask("contact_read_back", yes_no, number=as_dialled(number)):
            return number
