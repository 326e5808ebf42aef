"""The conversations.  Each module is one, in the order in which it is held; no I/O, no clock, no telephone.

`FLOWS` names them; a call begins with the one that the number it dialled leads to (`ivr` settings), by default
`meter_reading`.
"""

from typing import Final

from flows.meter_reading import meter_reading
from ivr.dialog import Flow

FLOWS: Final[dict[str, Flow]] = {"meter_reading": meter_reading}
"""Every conversation by name.  `ivr check` explores each before anyone dials it."""

__all__ = ["FLOWS", "meter_reading"]
