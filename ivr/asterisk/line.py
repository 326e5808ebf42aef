"""One caller on Asterisk, as a session sees it: `ivr.ports.Line`.

Rules
1. Events come from one place, the switchboard, in Asterisk's order; the line only translates and queues them.
2. `Played` comes exactly once per `play`, whatever is lost: the request, its answer, the event, the connection.
   The id of the playback decides; an end that belongs to no pending one is none of ours.
3. `Gone` comes once and is the last thing heard; asked again, the line says it again.
4. Gone is normal: a request that comes too late is no fault (404; 409 when the dialplan has the call).
5. Parting - a hand-over or a hang-up - is owed until Asterisk confirms it; the switchboard repeats it.
6. Speech is an extra (ear.py): nothing here waits for it, and it ends where our part of the call ends.
7. Something always plays: behind every prompt waits a filler, silence from a file; the next prompt stops it.

Theory: a playback's id is one of four derived from the channel's and our name.  So whoever adopts the call after a
crash can stop what its predecessor of that name left playing, though ARI can't list the playbacks of a channel;
and no controller can stop the prompts of another.  Only one plays at a time, and Asterisk keeps the order of a
channel's events: an id is not used again while its end may still come.
The filler keeps the recording's time line true, and it keeps keys single: while no file plays, Asterisk reports
a key twice that follows the one before by less than 45 ms (docs/decisions/044-filler.md).
"""

import asyncio
import logging
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.model import Began, Language
from domain.phone import e164
from ivr.asterisk.ari import Ari, AriError, AriNotFound, AriUnreachable
from ivr.asterisk.ear import Ears, Hearing
from ivr.asterisk.events import Channel, PlaybackFinished
from ivr.asterisk.ledger import Ledger
from ivr.ports import Cause, Gone, Heard, Key, Listening, Played, Tick

log = logging.getLogger(__name__)

PLAYBACK = "playback"
"""The kind of object in the ledger."""
TOLD = frozenset({"topic", "account", "said"})
"""What of a call the dialplan passes on to people, each as a variable `IVR_...`."""
_PLAIN = re.compile(r"[^\w=*#. +-]", re.ASCII)  # what the dialplan might take for its own has no business there
_KEYS = frozenset("0123456789*#ABCD")
_LANGUAGES = frozenset(Language)
_IDS = 4
_PATIENCE = 1.0  # seconds for an event that must come, before we go on without it
_RETRY = (0.005, 0.1)  # seconds: first and longest pause while Asterisk can't stop a playback yet


@dataclass(frozen=True, slots=True)
class HangUp:
    """We end the call."""


@dataclass(frozen=True, slots=True)
class Continue:
    """The dialplan takes the call: at `context`, or, when None, after the application that gave it to us."""

    context: str | None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


def began(channel: Channel, args: Sequence[str] | None = None) -> Began:
    """How a call came in.

    args: what the dialplan passed, `(dialled, caller)` and, when people did not answer, how often; by default read
    from the application's data (timeout, filter, `dialled:caller:returned`), which a call keeps when its controller
    dies.  A dialplan that passes none leaves the extension and the caller id.  The call's id is the channel's:
    `systemname-seconds.count`, never repeated by Asterisks of different names (docs/decisions/042-call-ids.md).
    """
    if args is None:
        args = channel.app_data.split(",")[2].split(":") if channel.app_data.count(",") >= 2 else ()
    dialled, caller = (args[0], args[1]) if len(args) >= 2 else (channel.exten, channel.caller)
    returned = int(args[2]) if len(args) >= 3 and args[2].isdecimal() else 0
    return Began(call=channel.id, caller=e164(caller), dialled=dialled, at=channel.created, returned=returned)


class AsteriskLine:
    """A caller on Asterisk.  Made by the switchboard; used by one session, one operation at a time.

    Raises nothing but RuntimeError for misuse and ApplicationTaken: what Asterisk can't do is heard as
    `Played(whole=False, fault=...)` or `Gone`.
    """

    def __init__(
        self,
        ari: Ari,
        ledger: Ledger,
        began: Began,
        ears: Ears,
        patience: float = _PATIENCE,
        filler: Sequence[str] = (),
    ) -> None:
        self.parting: HangUp | Continue | None = None
        """How we let the caller go; set once we want to."""
        self.over: Cause | None = None
        """Why the caller is gone; None while there is one."""
        self._ari = ari
        self._ledger = ledger
        self._began = began
        self._channel = began.call
        self._patience = patience
        self._silent_clips = [f"sound:ivr/{clip}" for clip in filler]
        self._filler: str | None = None
        self._refilling: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._heard: deque[Heard] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._count = self._fills = 0
        self._playing: str | None = None
        self._hushed = False
        self._quiet: asyncio.Future[None] | None = None
        self._language: str | None = None
        self.speech = Hearing(ears, began.call, began.returned, self._put)

    @property
    def began(self) -> Began:
        return self._began

    def now(self) -> float:
        return self._loop.time()

    def date(self) -> datetime:
        return datetime.now(UTC)

    async def hear(self, until: float | None) -> Heard:
        while not self._heard:
            if self.over is not None:
                return Gone(self.over)
            if until is not None and self._loop.time() >= until:
                return Tick()
            waiter = self._waiter = self._loop.create_future()
            timer = self._loop.call_at(until, _resolve, waiter) if until is not None else None
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        return self._heard.popleft()

    async def play(self, clips: Sequence[str]) -> None:
        if self.over is not None:
            return
        if not clips:
            self._put(Played(whole=False, fault="nothing to play"))
            return
        stale = [name for name in (self._playing, self._filler) if name is not None]
        name = self._name("p", self._count)
        self._count += 1
        self._playing, self._hushed = name, False
        self.speech.plays(clips)
        folder = clips[-1].partition("/")[0]
        if folder in _LANGUAGES:
            self._language = folder  # the one that the caller hears, for those who take the call from us
        self._filler = None
        # In any order: the prompt waits for the end of what plays.
        media = [f"sound:{clip}" if clip.startswith("/") else f"sound:ivr/{clip}" for clip in clips]
        took, *_ = await asyncio.gather(self._start(name, media), *(self._stop(one) for one in stale))
        if took and self.over is None:
            await self._fill()

    async def hush(self) -> None:
        name = self._playing
        if name is not None and self.over is None:
            self._hushed = True
            self.speech.plays(())
            await self._stop(name)

    async def listen(self, wanted: Listening | None) -> None:
        if self.over is None:
            self.speech.listen(wanted)

    async def conclude(self) -> None:
        if self.over is None:
            self.speech.conclude()

    async def hand_over(self, to: str, because: str, language: str, told: Mapping[str, str]) -> None:
        self._language = language
        about = {f"IVR_{name.upper()}": _PLAIN.sub("", value) for name, value in told.items() if name in TOLD}
        await self._part(Continue(to, {"IVR_BECAUSE": because, **about}))

    async def give_back(self, because: str) -> None:
        """We can't go on: the dialplan apologises and brings the caller to people."""
        await self._part(Continue(None, {"IVR_BECAUSE": because}))

    async def hang_up(self) -> None:
        await self._part(HangUp())

    # --- for the switchboard ---

    def key(self, digit: str) -> None:
        """A key was pressed."""
        if digit in _KEYS:
            self._put(Key(digit))
        else:
            self._ari.strangers.note("key", digit)

    def finished(self, event: PlaybackFinished) -> None:
        """A playback of this channel is over."""
        if event.playback == self._filler:
            self._filler = None
            if self.over is None and self.parting is None:
                if event.state == "done":
                    self._refilling = self._loop.create_task(self._fill())
                else:
                    log.error("%s: the filler can't be played: %s", self._channel, event.media)
            return
        match event.state:
            case "done":
                self._end_of(event.playback, Played(whole=not self._hushed))
            case "failed":
                self._end_of(event.playback, Played(whole=False, fault=f"could not play {event.media}"))
            case other:
                self._ari.strangers.note("playback state", other)
                self._end_of(event.playback, Played(whole=False, fault=f"playback state {other!r}"))

    def gone(self, cause: Cause) -> None:
        """The caller is gone.  The first cause stands."""
        if self.over is None:
            self._put(Gone(cause))
            self.over = cause
            self.speech.close(gone=True)
            _resolve(self._quiet)

    def expect_the_end(self) -> None:
        """The channel is gone, or ours no longer: the event that says why is on its way, or else was lost."""
        self._loop.call_later(self._patience, self.gone, Cause.UNKNOWN)

    async def resume(self) -> None:
        """After a connection was lost: find out what we missed.  Raises AriError, AriUnreachable."""
        await self.speech.resume()
        name = self._playing
        if name is None or self.over is not None:
            return
        try:
            await self._ari.playbacks.get(name)
        except AriNotFound:
            self._ledger.strike(PLAYBACK, name)
            self._end_of(name, Played(whole=not self._hushed))

    async def silence_predecessor(self) -> None:
        """Stop what a controller of our name left playing and listening here.  Others' prompts play on."""
        names = [self._name(kind, number) for kind in "pf" for number in range(_IDS)]
        listened = asyncio.ensure_future(self.speech.take_over())
        stopped = await asyncio.gather(*(self._stop(name) for name in names))
        await listened
        # The ends of those are on their way: what we play first must bear another id.
        self._count, self._fills = _after(stopped[:_IDS]), _after(stopped[_IDS:])

    async def let_go(self) -> None:
        """The call is another controller's: say and play nothing more, and take back what waits to be heard."""
        self.speech.close()
        names = [name for name in (self._playing, self._filler) if name is not None]
        self._playing = self._filler = None
        for name in names:
            self._ledger.give_up(PLAYBACK, name)  # should stopping fail, the reaper goes on
        await asyncio.gather(*(self._stop(name) for name in names))
        self.gone(Cause.UNKNOWN)

    async def part(self) -> None:
        """Do what is owed (`parting`).  Doing it twice is harmless.  Raises AriError, AriUnreachable."""
        channels = self._ari.channels
        try:
            match self.parting:
                case HangUp():
                    await channels.hangup(self._channel)
                case Continue(context, variables):
                    for name, value in variables.items():
                        await channels.set_channel_var(self._channel, name, value)
                    await channels.continue_in_dialplan(self._channel, context)
                case None:
                    raise RuntimeError("nothing is owed")
        except AriError as fault:
            if fault.status not in (404, 409):
                raise

    # --- inside ---

    async def _part(self, how: HangUp | Continue) -> None:
        if self.over is not None or self.parting is not None:
            return
        if isinstance(how, Continue):
            self.speech.close()
            # Variables can't be set while something plays: Asterisk would wait for its end.
            filler, self._filler = self._filler, None
            await asyncio.gather(self.hush(), *([self._stop(filler)] if filler is not None else []))
            await self._silence(self._patience)
            if self._language is not None:
                how = Continue(how.context, {**how.variables, "IVR_LANGUAGE": self._language})
        self.parting = how
        try:
            await self.part()
        except (AriError, AriUnreachable) as fault:
            log.error("%s: could not let the caller go, will try again: %s", self._channel, fault)

    async def _start(self, name: str, media: Sequence[str]) -> bool:
        """Ask for a playback.  Returns whether Asterisk answers at all."""
        self._ledger.enter(PLAYBACK, name, self._channel)
        try:
            await self._ari.channels.play_with_id(self._channel, name, media)
        except AriUnreachable as fault:
            self._ledger.give_up(PLAYBACK, name)
            self._end_of(name, Played(whole=False, fault=str(fault)))
            return False
        except AriError as fault:
            self._ledger.strike(PLAYBACK, name)
            if fault.status in (404, 409):
                self.expect_the_end()
            else:
                self._end_of(name, Played(whole=False, fault=str(fault)))
        return True

    def _name(self, kind: str, count: int) -> str:
        return f"{self._channel}-{self._ari.application}-{kind}{count % _IDS}"

    async def _stop(self, name: str) -> bool:
        """Stop a playback, again and again while Asterisk can't: it refuses for the moment of opening a file.

        Returns whether there was one.
        """
        pause, longest = _RETRY
        deadline = self._loop.time() + self._patience
        while self.over is None:
            try:
                await self._ari.playbacks.stop(name)
                return True
            except AriNotFound:
                return False  # it ended by itself; its event is on the way, or the switchboard finds that it was lost
            except (AriError, AriUnreachable) as fault:
                if self._loop.time() >= deadline:
                    log.error("%s: can't stop %s: %s", self._channel, name, fault)
                    return True
            if name == self._playing:
                await self._silence(pause)
                if name != self._playing:
                    return True
            else:
                await asyncio.sleep(pause)
            pause = min(longest, 2 * pause)
        return False

    async def _fill(self) -> None:
        """Queue silence behind what plays."""
        if self._silent_clips:
            self._filler = self._name("f", self._fills)
            self._fills += 1
            await self._start(self._filler, self._silent_clips)
            return
        try:
            await self._ari.channels.start_silence(self._channel)
        except (AriError, AriUnreachable) as fault:
            log.info("%s: no silence behind the prompt: %s", self._channel, fault)

    def _put(self, what: Heard) -> None:
        if self.over is None:
            self._heard.append(what)
            _resolve(self._waiter)

    def _end_of(self, name: str, played: Played) -> None:
        if name == self._playing:
            self._playing = None
            self.speech.plays(())
            self._put(played)
            _resolve(self._quiet)

    async def _silence(self, seconds: float) -> bool:
        """Wait until nothing plays, at most so long.  Returns whether nothing does."""
        if self._playing is not None and self.over is None:
            quiet = self._quiet = self._loop.create_future()
            timer = self._loop.call_later(seconds, _resolve, quiet)
            try:
                await quiet
            finally:
                self._quiet = None
                timer.cancel()
        return self._playing is None or self.over is not None


def _after(stopped: Sequence[bool]) -> int:
    """The number that follows the last one stopped; they were used in turn."""
    return next((n for n in range(_IDS) if stopped[n - 1] and not stopped[n]), 0)


def _resolve(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
