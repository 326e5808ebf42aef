"""What all calls of a controller share, and who looks on."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from domain.model import Began
from ivr.dialog import Answer, Ending, Flow
from ivr.journal import Journal
from ivr.ports import Alternative, Line, Tape
from prompts import Catalogue

log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Somebody who looks on: the log, the screen of the demo call, the figures, later the live board."""

    def began(self, line: Line, adopted: bool) -> None:
        """A session takes up a call."""

    def said(self, call: str, prompt: str, text: str) -> None:
        """The caller starts to hear this."""

    def keyed(self, call: str, key: str) -> None:
        """The caller pressed a key."""

    def spoke(self, call: str, alternatives: Sequence[Alternative]) -> None:
        """The caller said something, understood like this, best first; nothing when it was no speech."""

    def deaf(self, call: str, why: str) -> None:
        """Speech was lost in this call."""

    def answered(self, call: str, answer: Answer) -> None:
        """A turn is over."""

    def ended(self, call: str, ending: Ending) -> None:
        """The conversation is over."""

    def left(self, call: str) -> None:
        """We no longer conduct the call: another controller does, or we are being stopped."""


@dataclass(frozen=True, slots=True)
class House:
    """What all sessions of a controller share.

    flow: the conversation to hold; numbers: dialled number -> another one.  returned: the one to hold when people did
    not answer.  manners: settings by question, over what the flow says.  spoken: languages (ISO 639-1) whose speech
    is understood at this moment.  tape: from which callers hear again what they told; None: they can't.
    wording: the catalogue for a call that begins; None: `catalogue`.
    """

    flow: Flow
    catalogue: Catalogue
    journal: Journal
    watchers: Sequence[Watcher] = ()
    manners: Mapping[str, Mapping[str, Any]] | None = None
    numbers: Mapping[str, Flow] = field(default_factory=dict[str, Flow])
    returned: Flow | None = None
    spoken: Callable[[], Collection[str]] = tuple
    tape: Tape | None = None
    wording: Callable[[], Catalogue] | None = None

    def conversation(self, began: Began, *, returned: bool = False) -> Flow:
        """The one that a call holds; returned: after people gave it back."""
        if returned and self.returned is not None:
            return self.returned
        return self.numbers.get(began.dialled, self.flow)

    def tell(self, call: str, event: str, *facts: Any) -> None:
        """Tell those who look on; what goes wrong with them is no business of the caller's."""
        for watcher in self.watchers:
            try:
                getattr(watcher, event)(*facts)
            except Exception:
                log.exception("call %s: %s could not be told that it %s", call, watcher, event)
