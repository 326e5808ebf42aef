"""A conversation of which is known where it is, and was, on the maps of its parts.

Theory: the map of a part has a spot for every turn and for every part that it holds (`ivr.dialog.map`).  A followed
call notes whenever a part is begun and left, so every turn is a spot of the innermost part that is held then.  The
names are those of the drawn maps (`ivr.dialog.chart`), but that an ending is always named after the one outcome that
the call has.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.model import Began
from ivr.dialog.call import NOTHING, Call
from ivr.dialog.dialog import Dialog, Flow
from ivr.dialog.map import Exit
from ivr.dialog.turns import Ending, Interruption

END: Final = "end: "
"""What names of endings begin with."""
BACK: Final = "back"
"""What names of ways out of a part begin with."""


@dataclass(frozen=True, slots=True)
class Visited:
    """A spot that the conversation came to.  part: on whose map; spot: its name there; at: when (of `Call.now`)."""

    part: str
    spot: str
    at: datetime


def named_end(ending: Ending) -> str:
    """The name of an ending's spot."""
    return f"{END}{ending.outcome} to {ending.to}" if ending.to else f"{END}{ending.outcome}"


class _Call(Call):
    """Tells which parts are held."""

    __slots__ = ("_by",)

    def __init__(self, began: Began, told: Mapping[str, str], by: "Followed") -> None:
        super().__init__(began, told)
        self._by = by

    async def hold(self, part: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        self._by.enter(part.__name__)
        try:
            value = await part(self, *args)
        except Interruption as raised:
            self._by.leave(Exit(None, raised))
            raise
        self._by.leave(Exit(value, None))
        return value


class Followed(Dialog):
    """A dialog that remembers its way.  visited: in order; parts: those that are held now, outermost first."""

    __slots__ = ("_began_at", "parts", "visited")

    def __init__(
        self, flow: Flow, began: Began, told: Mapping[str, str] = NOTHING, *, at: datetime | None = None
    ) -> None:
        """at: when it begins; None: with the call."""
        self.visited: list[Visited] = []
        self.parts = [flow.__name__]
        self._began_at = at or began.at
        super().__init__(flow, began, told, call=_Call(began, told, self))

    def enter(self, part: str) -> None:
        """A part is begun."""
        self._visit(part)
        self.parts.append(part)

    def leave(self, exit: Exit) -> None:
        """The innermost part is over."""
        self._visit(f"{BACK}: {exit.name}" if exit.name else BACK)
        self.parts.pop()

    def _visit(self, spot: str) -> None:
        self.visited.append(Visited(self.parts[-1], spot, max(self.call.now, self._began_at)))

    def _step(self, advance: Callable[[Any], Any], value: Any) -> None:
        super()._step(advance, value)
        if self.turn is not None:
            self._visit(self.turn.label)
        elif self.ending is not None:
            self._visit(named_end(self.ending))
