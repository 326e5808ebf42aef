"""The conversations.  Each module is one, in the order in which it is held; no I/O, no clock, no telephone.

`FLOWS` names them; a call begins with the one that the number it dialled leads to (`ivr` settings), by default
`main_menu`.
"""

from typing import Final

from flows.call_back import nobody_free
from flows.direct import meter_readings, outages
from flows.main_menu import main_menu
from ivr.dialog import Flow

NOBODY_FREE: Final = "nobody_free"
"""The conversation with callers whom people did not answer."""

FLOWS: Final[dict[str, Flow]] = {
    "main_menu": main_menu,
    "meter_reading": meter_readings,
    "outage": outages,
    NOBODY_FREE: nobody_free,
}
"""Every conversation by name.  `ivr check` explores each before anyone dials it."""

__all__ = ["FLOWS", "NOBODY_FREE"]
