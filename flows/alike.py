"""A question of whose answers several lead the same way.

Rule: what is done with such an answer is no more than passing it on.  Then trying one of them proves what trying all
would, and the map of the conversation stays small: what a flow holds while it goes on multiplies its moments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from ivr.dialog import Grammar, Progress

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Alike(Generic[T]):
    """As `accepts`.  tried: one answer of each kind, as keyed."""

    accepts: Grammar[T]
    tried: tuple[str, ...]

    def parse(self, heard: str) -> T:
        return self.accepts.parse(heard)

    def progress(self, keyed: str) -> Progress:
        return self.accepts.progress(keyed)

    def examples(self) -> Mapping[str, str]:
        return {kind: keys for kind, keys in self.accepts.examples().items() if keys in self.tried}
