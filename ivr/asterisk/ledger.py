"""What we made on Asterisk, and for which call, so that nothing of it is ever left behind.

Rules: an object is entered before the request that makes it, since a request without an answer may have worked;
it is struck out when Asterisk says that it is over.  An object whose call is over, or that was given up, is a
stray: the reaper takes it away.
"""

from collections.abc import Awaitable, Callable, Container

from ivr.asterisk.ari import AriError, AriNotFound

Delete = Callable[[str], Awaitable[None]]


class Ledger:
    """Objects on Asterisk by `(kind, id)`, each with the channel of the call that it serves.

    delete: for each kind, how to take one away.
    """

    def __init__(self, delete: dict[str, Delete]) -> None:
        self._delete = delete
        self._owner: dict[tuple[str, str], str] = {}
        self._given_up: set[tuple[str, str]] = set()

    def enter(self, kind: str, name: str, channel: str) -> None:
        """We are about to make this for the call on `channel`."""
        self._owner[kind, name] = channel
        self._given_up.discard((kind, name))

    def strike(self, kind: str, name: str) -> None:
        """It is over."""
        self._owner.pop((kind, name), None)
        self._given_up.discard((kind, name))

    def strike_all(self, kind: str, channel: str) -> None:
        """The channel is no more, and objects of this kind don't outlive their channel."""
        for key in [key for key, owner in self._owner.items() if owner == channel and key[0] == kind]:
            self.strike(*key)

    def give_up(self, kind: str, name: str) -> None:
        """Nobody waits for it any more; whether it was made is unknown."""
        if (kind, name) in self._owner:
            self._given_up.add((kind, name))

    def strays(self, alive: Container[str]) -> list[tuple[str, str]]:
        """What serves none of the `alive` channels, and what was given up."""
        return [key for key, channel in self._owner.items() if channel not in alive or key in self._given_up]

    async def reap(self, alive: Container[str]) -> int:
        """Take the strays away; what Asterisk refuses stays for the next time.  Returns how many went.

        Raises AriUnreachable at the first request without an answer: the others would wait in vain as long.
        """
        gone = 0
        for kind, name in self.strays(alive):
            try:
                await self._delete[kind](name)
            except AriNotFound:
                pass
            except AriError:
                continue
            self.strike(kind, name)
            gone += 1
        return gone
