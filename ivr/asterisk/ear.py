"""What callers say, on its way from Asterisk to a recogniser.

Rules
1. Speech is an extra.  Whatever fails - no recogniser, no room at it, Asterisk refuses, a connection breaks, an
   answer doesn't come - is heard once, as `Deaf`, and logged once; the call goes on by keys, and no line ever waits.
   Where there is no speech to lose, switched off or only starting, that is no news to anybody.
2. Nothing is opened before a conversation listens for the first time; then it stays open while the call is ours.
3. `Utterance` comes exactly once per `conclude`, or `Deaf` does in its place; what nobody waits for is dropped.
4. A tap stands in the ledger, and is taken away when the call is over, or ours no longer.  It is no caller: it begins
   no conversation, is never adopted, and takes no place of a call.
5. What a caller says stays on this machine, unless the settings allow more.

Theory: a tap is a channel that snoops on what the caller says, not on what they hear, and that the dialplan's context
`ear` connects to the recogniser's port by AudioSocket.  It ends by itself with its caller, with the connection, or
when there is none to be had; audio flows about 21 ms after it was asked for, 20 of which are the first frame.  Its id
is one of four derived from the channel's and our name, as playbacks' are (line.py): so an heir finds what its
predecessor left.  See docs/decisions/082-how-callers-are-heard.md.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from ivr.asterisk.ari import Ari, AriError, AriNotFound, AriUnreachable
from ivr.asterisk.ledger import Ledger
from ivr.ports import Deaf, Ear, Listening, NotOurs, Recogniser, Speech, Utterance

log = logging.getLogger(__name__)

TAP: Final = "tap"
"""The kind of object in the ledger."""
CONTEXT: Final = "ear"
"""Where the dialplan connects a tap with the recogniser (asterisk-config/extensions.conf)."""
IDS: Final = 4
AT_ONCE: Final = 8
"""Taps that are opened at the same time: far fewer than connections to Asterisk, so that prompts find one free."""


@dataclass(frozen=True, slots=True)
class EarSettings:
    """All in seconds.  opening: until the tap must be on its way.  utterance: until `conclude` must be answered.
    patience: for an event that must come, before we go on without it.
    beyond_loopback: audio may be sent to other machines, unencrypted.
    """

    opening: float = 3.0
    utterance: float = 3.0
    patience: float = 1.0
    beyond_loopback: bool = False


class Ears:
    """What the ears of all calls share, and which tap is whose.

    counts: `taps` opened, `deaf` calls: those that lost speech.  spawn: runs a task that ends when we do.
    """

    def __init__(
        self,
        ari: Ari,
        ledger: Ledger,
        recogniser: Recogniser | None,
        spawn: Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"],
        settings: EarSettings | None = None,
        counts: Counter[str] | None = None,
    ) -> None:
        self.ari = ari
        self.ledger = ledger
        self.recogniser = recogniser
        self.spawn = spawn
        self.settings = settings or EarSettings()
        self.counts: Counter[str] = Counter() if counts is None else counts
        self.gate = asyncio.Semaphore(AT_ONCE)
        self.taps: dict[str, Hearing] = {}
        self.inherited: set[str] = set()

    def name(self, call: str, number: int) -> str:
        """The id of a tap on this call."""
        return f"{call}-{self.ari.application}-e{number % IDS}"

    # --- for the switchboard: each returns whether this channel is a tap at all ---

    def started(self, channel: str) -> bool:
        """It is in our hands."""
        if channel in self.taps:
            self.taps[channel].started()
            return True
        return self.listed(channel)

    def ended(self, channel: str) -> bool:
        """It is no more."""
        self.ledger.strike(TAP, channel)
        if self._call_of(channel) is None:
            return False
        self.inherited.discard(channel)  # of its end we know now: its name is free
        if (hearing := self.taps.pop(channel, None)) is not None:
            hearing.ended()
        return True

    def listed(self, channel: str) -> bool:
        """Asterisk has it for us: one that nobody here needs is a stray, which the reaper takes away."""
        call = self._call_of(channel)
        if call is not None and channel not in self.taps:
            self.inherited.add(channel)
            self._give_up(channel, call)
        return call is not None

    # --- for the ears ---

    async def remove(self, channel: str, call: str) -> bool:
        """Take a tap away now, or else leave it to the reaper.  Returns whether there was one lately."""
        self.taps.pop(channel, None)
        inherited = channel in self.inherited  # and perhaps taken away a moment ago, by the reaper
        self.inherited.discard(channel)
        self._give_up(channel, call)
        try:
            await self.ari.channels.hangup(channel)
        except AriNotFound:
            self.ledger.strike(TAP, channel)
            return inherited
        except (AriError, AriUnreachable, NotOurs) as fault:
            log.info("%s: can't be taken away now: %s", channel, fault)
        else:
            self.ledger.strike(TAP, channel)
        return True

    def _call_of(self, channel: str) -> str | None:
        """The call that this channel taps; None when it is no tap of ours, nor of one of our name before us."""
        call, _, number = channel.rpartition(f"-{self.ari.application}-e")
        return call if call and number.isdecimal() else None

    def _give_up(self, channel: str, call: str) -> None:
        self.ledger.enter(TAP, channel, call)
        self.ledger.give_up(TAP, channel)


class Hearing:
    """The speech of one caller, for its line.  Methods return at once; what is heard goes to `tell`."""

    def __init__(self, ears: Ears, call: str, number: int, tell: Callable[[Speech], None]) -> None:
        """number: of the first tap; lines of the same call that follow each other begin with different ones."""
        self._ears = ears
        self._call = call
        self._number = number
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._ear: Ear | None = None
        self._over = False
        self._listening = False
        self._owed: asyncio.TimerHandle | None = None
        self._plays: Sequence[str] = ()
        self._tap: str | None = None
        self._started = asyncio.Event()
        self._ended = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None
        self._removing: asyncio.Task[None] | None = None

    # --- for the line ---

    def listen(self, wanted: Listening | None) -> None:
        """As `Line.listen`."""
        if self._over or (self._ear is None and (wanted is None or not self._attend())):
            return
        self._forgive()
        self._listening = wanted is not None
        if self._ear is not None:
            self._ask(self._ear.listen, wanted)

    def conclude(self) -> None:
        """As `Line.conclude`."""
        if self._over or self._owed is not None:
            return
        if self._ear is None or not self._listening:
            self._tell(Utterance())
            return
        self._listening = False
        self._owed = self._loop.call_later(
            self._ears.settings.utterance, self._deaf, "the recogniser owes us an utterance"
        )
        self._ask(self._ear.conclude)

    def plays(self, clips: Sequence[str]) -> None:
        """The caller hears this from now on; nothing: nothing any more."""
        self._plays = clips
        if self._ear is not None and not self._over:
            self._ask(self._ear.plays, clips)

    def close(self, *, gone: bool = False) -> None:
        """Listen no more.  gone: the caller is, so that the tap ends by itself.  May be called twice."""
        if self._over:
            return
        self._over = True
        self._forgive()
        if self._ear is not None:
            self._ask(self._ear.close)
        if self._tap is not None:
            self._removing = self._ears.spawn(self._remove(self._ears.settings.patience if gone else 0.0))

    async def resume(self) -> None:
        """After a connection was lost: find out what we missed.  Raises AriUnreachable."""
        if self._tap is not None and self._opening is not None and self._opening.done() and not self._over:
            try:
                await self._ears.ari.channels.get(self._tap)
            except AriNotFound:
                self._ears.ended(self._tap)
            except AriError as fault:
                log.info("%s: can't tell how it stands: %s", self._tap, fault)

    async def take_over(self) -> None:
        """Take away what a controller of our name left on this call."""
        names = [self._ears.name(self._call, number) for number in range(IDS)]
        there = await asyncio.gather(*(self._ears.remove(name, self._call) for name in names))
        # The ends of those may still be on their way: ours must bear another id.
        self._number = next((n for n in range(IDS) if there[n - 1] and not there[n]), self._number)

    def started(self) -> None:
        """Our tap is in our hands."""
        self._started.set()

    def ended(self) -> None:
        """Our tap is no more."""
        self._ended.set()
        self._deaf("Asterisk ended the connection, or could not make it")

    def vanished(self) -> None:
        """Asterisk is no more, and with it what we had there.  Comes after `close`."""
        self._ears.ledger.strike_all(TAP, self._call)
        if self._tap is not None:
            self._ears.ended(self._tap)

    async def settled(self) -> None:
        """Return when, after `close`, nothing of ours is left on Asterisk, or the reaper has it."""
        if self._removing is not None:
            await asyncio.wait([self._removing])

    # --- inside ---

    def _attend(self) -> bool:
        """Open the ear, and have its audio brought to it."""
        recogniser = self._ears.recogniser
        if recogniser is None:
            self._deaf("there is no recogniser", lost=False)
            return False
        try:
            ear = recogniser.attend(self._call, self._heard)
        except Exception as fault:
            log.exception("%s: the recogniser failed", self._call)
            self._deaf(f"the recogniser failed: {fault!r}")
            return False
        if ear is None:
            understood = recogniser.languages
            why = "the recogniser has no room for another call" if understood else "no language is understood now"
            self._deaf(why, lost=bool(understood))
            return False
        self._ear = ear
        if self._over:  # it told of its end while it began
            self._ask(ear.close)
            return False
        host, _ = ear.address
        if not self._ears.settings.beyond_loopback and not _is_loopback(host):
            self._deaf(f"the recogniser is at {host}, and audio may not leave this machine")
            return False
        if self._plays:
            self._ask(ear.plays, self._plays)
        if self._over:
            return False
        self._tap = self._ears.name(self._call, self._number)
        self._ears.taps[self._tap] = self
        self._opening = self._ears.spawn(self._open(self._tap, ear))
        return True

    async def _open(self, tap: str, ear: Ear) -> None:
        ari, settings = self._ears.ari, self._ears.settings
        host, port = ear.address
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            async with asyncio.timeout(settings.opening), self._ears.gate:
                if self._over:
                    return
                self._ears.ledger.enter(TAP, tap, self._call)
                await ari.channels.snoop_channel_with_id(self._call, tap)
                # Its end must be told to us, also after it left our hands for the dialplan's.
                await asyncio.gather(ari.applications.subscribe(tap), _happened(self._started, settings.patience))
                await ari.channels.continue_in_dialplan(tap, CONTEXT, f"{ear.id.hex}{address}")
                self._ears.counts["taps"] += 1
        except AriError as fault:
            # 404, 409, 422: the caller went away meanwhile, or the recogniser did.
            self._deaf(str(fault), loud=fault.status not in (404, 409, 422))
        except (AriUnreachable, TimeoutError) as fault:
            self._deaf(str(fault) or f"Asterisk took longer than {settings.opening:g} s")
        except NotOurs:
            self.close()

    async def _remove(self, patience: float) -> None:
        """Take our tap away, if it is still there after `patience` seconds."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        await _happened(self._ended, patience)
        if self._tap is not None and not self._ended.is_set():
            await self._ears.remove(self._tap, self._call)

    def _heard(self, what: Speech) -> None:
        """The ear tells."""
        match what:
            case _ if self._over:
                pass
            case Deaf(why, lost):
                self._deaf(why, lost=lost)
            case Utterance():
                if self._owed is not None:
                    self._forgive()
                    self._tell(what)
            case _:
                if self._listening:
                    self._tell(what)

    def _deaf(self, why: str, *, loud: bool = True, lost: bool = True) -> None:
        if self._over:
            return
        self._ears.counts["deaf"] += lost
        level = logging.WARNING if loud and lost else logging.DEBUG
        log.log(level, "%s: can't hear speech%s: %s", self._call, " any more" if lost else "", why)
        self.close()
        self._tell(Deaf(why, lost))

    def _forgive(self) -> None:
        """No utterance is owed any more."""
        if self._owed is not None:
            self._owed.cancel()
            self._owed = None

    def _ask(self, what: Callable[..., None], *args: Any) -> None:
        """Ask something of the ear; its failure is speech's, not the call's."""
        try:
            what(*args)
        except Exception as fault:
            log.exception("%s: the ear failed", self._call)
            self._deaf(f"the ear failed: {fault!r}")


async def _happened(event: asyncio.Event, patience: float) -> None:
    """Wait for it, so many seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await event.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
