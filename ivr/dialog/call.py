"""The caller, as a flow sees them.

Rule: coroutines, so that a forgotten `await` is a type error and not a silence.
"""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar, TypeVarTuple

from domain.commands import Command
from domain.model import Began, Told
from ivr.dialog.grammar import Grammar
from ivr.dialog.turns import PATIENT, Ask, Do, Listen, Manner, PlayBack, Record, Say, Speak, Word

T = TypeVar("T")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class Call:
    """A flow's only way to the world.

    began: how the call came in.  now: when the last answer came (timezone-aware UTC, from the journal): the only
    time a flow knows, so that a replay knows the same.
    told: what an earlier conversation of this same call noted (`about`); constant while this one is held.
    """

    __slots__ = ("began", "noted", "now", "told")

    def __init__(self, began: Began, told: Mapping[str, str] = NOTHING) -> None:
        self.began = began
        self.now: datetime = began.at
        self.told = told
        self.noted: dict[str, str] = dict(told)

    def about(self, **notes: str) -> None:
        """Note what people should know when they get the call, or stage directions for a later conversation of it:
        topic, account.  A later note of the same name replaces the earlier one.  What was noted (`noted`) may be
        handed on; nothing may be decided by it, since the explorer doesn't tell moments apart by it."""
        self.noted.update(notes)

    async def say(self, prompt: str, *, bargein: bool = True, fresh: bool = False, **words: Word) -> None:
        """Tell the caller something; see `Say`."""
        await Say(prompt, tuple(words.items()), bargein, fresh)

    async def ask(self, prompt: str, accepts: Grammar[T], *, manner: Manner = PATIENT, **words: Word) -> T:
        """Ask until there is an answer that `accepts` understands.  Raises an `Interruption` otherwise."""
        return await Ask(prompt, accepts, tuple(words.items()), manner)

    async def listen(self, prompt: str, *, manner: Manner = PATIENT, **words: Word) -> Told:
        """Let the caller tell something in their own words, after a tone; see `Listen`.  Raises an `Interruption`
        when they don't."""
        return await Listen(prompt, tuple(words.items()), manner)

    async def play_back(self, prompt: str, told: Told) -> None:
        """Say this, and then what the caller told themselves.  Raises `Trouble` where that can't be had."""
        await PlayBack(prompt, told)

    async def hold(self, part: Callable[["Call", *Ts], Coroutine[Any, Any, R]], *args: *Ts) -> R:
        """Hold a part of the conversation that knows nothing but its arguments: the same as `await part(call, ...)`.

        The explorer goes through such a part once for all places that hold it with equal arguments, so a menu costs
        the sum of what is on it and not the product.
        """
        return await part(self, *args)

    async def speak(self, language: str) -> None:
        """Go on in this language."""
        await Speak("speak", language)

    async def record(self) -> None:
        """From here on the call may be kept; comes after the notice."""
        await Record("record")

    async def do(self, command: Command[T]) -> T:
        """Have the business do something.  Raises `Trouble` when it can't."""
        turn: Do[T] = Do(type(command).__name__, command)
        return await turn
