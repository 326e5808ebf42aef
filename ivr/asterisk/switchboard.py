"""Which calls are ours: takes new ones, adopts those of a controller that died, lets none hang, forgets none.

Rules
1. A call is claimed only while we are ready, not draining, and hold fewer than `capacity`.
2. One task conducts each call.  However the task ends, the caller is not left in silence: a conversation that
   failed, or ended without letting the caller go, is given back to the dialplan, which apologises and brings
   people.  Only a task that was cancelled (we are being stopped) leaves its call for the next controller.
3. Asterisk is asked, not believed to be silent: on every connection we list what it holds for us and compare.
   A channel that it holds and we don't is adopted, or, when people have it already, watched; one that we hold
   and it doesn't is over.  What we missed about the others, their lines find out.
4. A call is over when its channel is destroyed, however long after our part; then, and once the task is done,
   `on_channel_over` is told, exactly once.
5. Whose call it is, the one who conducts it must say (`OnCall`): Asterisk can't.  We subscribe to no call that
   another controller may have, since Asterisk would list it as if it were ours.
6. Everything owed to a call (parting, watching, the end of its objects) is repeated until Asterisk confirms it.

Theory: Asterisk forgets that an application knows a channel when the channel leaves it, hence the explicit
subscription to each.  `TIMEOUT(absolute)` ends our part without any hang-up: StasisEnd comes out of the blue and
the dialplan goes on at extension T.  See docs/decisions/043-adoption.md.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from ivr.asterisk import events
from ivr.asterisk.ari import Ari, AriError, AriNotFound, AriUnreachable
from ivr.asterisk.causes import cause_of
from ivr.asterisk.ear import TAP, Ears, EarSettings
from ivr.asterisk.ledger import Ledger
from ivr.asterisk.line import PLAYBACK, AsteriskLine, began
from ivr.ports import Cause, NotOurs, Recogniser

log = logging.getLogger(__name__)

OnCall = Callable[[AsteriskLine, bool], Awaitable[bool]]
"""Conducts a call: the line, and whether it was adopted from a controller that is no more.

Returns whether we conducted it, to its end or to a parting.  False: it turned out to be another controller's; the
line must not have been used then, or no longer than the other one let us, and we keep our hands off the call.
"""

OnChannelOver = Callable[[str, Cause, datetime], Awaitable[None]]
"""A call is finally over: its id, why, and when (UTC; when we learned of it, if nobody can say)."""


@dataclass(frozen=True, slots=True)
class SwitchboardSettings:
    """capacity: the most calls at one time.

    tidy_every: seconds between rounds of the reaper.  overdue: seconds after which a confirmation that did not
    come is asked for.  watch_every: seconds between looks at a call that people have, in case its end was missed.
    patience: seconds that a line waits for an event that must come.
    at_once: how many channels are asked about at the same time after a connection.
    over_context: the dialplan's context for calls whose longest duration is reached.
    utterance: seconds in which a recogniser must say what it understood.
    beyond_loopback: what callers say may be sent to recognisers on other machines, unencrypted.
    filler: clips of silence to play while nothing else does.  When empty, Asterisk's silence generator runs, which
    keeps the recording's time line as well, but lets Asterisk report quick keys twice.
    """

    capacity: int = 200
    tidy_every: float = 5.0
    overdue: float = 5.0
    watch_every: float = 30.0
    patience: float = 1.0
    at_once: int = 16
    over_context: str = "over"
    utterance: float = 3.0
    beyond_loopback: bool = False
    filler: tuple[str, ...] = ("pause/10000",) * 6


class _Stage(Enum):
    CLAIMED = "claimed"  # asked for; not ours before StasisStart
    OURS = "ours"
    STRAY = "stray"  # asked about by `account_for`; nobody knows yet where it is
    LEFT = "left"  # the dialplan has it, or nobody; we wait for its channel's end
    ANOTHERS = "another's"  # not ours to touch, however long Asterisk tells us of it


@dataclass(slots=True, eq=False)
class _Call:
    channel: str
    stage: _Stage
    asked: float  # monotonic seconds: when we last learned or asked how it stands
    conducted: bool  # we conduct it or did, or one of our name before us
    offered: int = 0  # which offer of it we know of: how often people had given it back by then
    line: AsteriskLine | None = None
    task: asyncio.Task[None] | None = None
    watched: bool = False  # Asterisk will tell us of the channel's end
    soft: bool = False  # the end was asked for on this side
    cause: Cause | None = None


class Switchboard:
    """The calls of one Asterisk that this controller conducts.

    recogniser: understands what callers say; without one they have keys only.
    counts: claimed, lost (another was faster), refused (full, draining), taken, adopted, rescued and so on.
    """

    def __init__(
        self,
        ari: Ari,
        on_call: OnCall,
        on_channel_over: OnChannelOver | None = None,
        settings: SwitchboardSettings | None = None,
        recogniser: Recogniser | None = None,
    ) -> None:
        self.settings = settings or SwitchboardSettings()
        self.counts: Counter[str] = Counter()
        self.draining = False
        self._ari = ari
        self._on_call = on_call
        self._on_channel_over = on_channel_over
        self._calls: dict[str, _Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._conducting: set[asyncio.Task[None]] = set()
        self._ledger = Ledger({PLAYBACK: ari.playbacks.stop, TAP: ari.channels.hangup})
        self._ears = Ears(
            ari,
            self._ledger,
            recogniser,
            self._spawn,
            EarSettings(
                utterance=self.settings.utterance,
                patience=self.settings.patience,
                beyond_loopback=self.settings.beyond_loopback,
            ),
            self.counts,
        )
        self._telling: set[asyncio.Task[None]] = set()
        self._started: str | None = None
        self._dead = asyncio.Event()
        self._changed = asyncio.Event()
        self._handlers: dict[type, Callable[..., None]] = {
            events.CallBroadcast: self._on_broadcast,
            events.StasisStart: self._on_start,
            events.StasisEnd: self._on_end,
            events.ChannelDtmfReceived: self._on_key,
            events.PlaybackFinished: self._on_playback_finished,
            events.ChannelHangupRequest: self._on_hangup_request,
            events.ChannelDestroyed: self._on_destroyed,
        }

    @property
    def ready(self) -> bool:
        """New calls are welcome (there may be no room for them: `in_hand` against `capacity`)."""
        return self._ari.ready and not self.draining and not self._dead.is_set()

    @property
    def in_hand(self) -> int:
        """Calls that we claimed or conduct; those that people have don't count."""
        return sum(call.stage in (_Stage.CLAIMED, _Stage.OURS) for call in self._calls.values())

    def leaked(self) -> list[str]:
        """What of ours is left on Asterisk and serves no call; empty in a healthy controller, for tests."""
        idle = [
            call.channel
            for call in self._calls.values()
            if call.stage is _Stage.OURS
            and (call.task is None or call.task.done())
            and (call.line is None or call.line.parting is None)
        ]
        return [*(f"{kind} {name}" for kind, name in self._ledger.strays(self._calls)), *idle]

    async def run(self) -> None:
        """Work until cancelled.  Calls in hand then stay on Asterisk for the next controller of our name.

        Raises ApplicationTaken: another controller of our name has them already; the process must end.
        """
        tidier = self._spawn(self._tidy_for_ever())
        listening = asyncio.create_task(self._ari.run(self._on_event, self._catch_up))
        death = asyncio.create_task(self._dead.wait())
        try:
            await asyncio.wait({listening, death}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                await listening
            listening.cancel()
            await asyncio.Event().wait()  # what the dead exchange left is seen to by the calls' own tasks
        finally:
            for task in (listening, death, tidier):
                task.cancel()
            await asyncio.gather(listening, death, return_exceptions=True)
            for call in self._calls.values():
                if call.line is not None:
                    call.line.speech.close(gone=True)
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self) -> None:
        """Take no new calls; return when the last one in hand is done and every end so far is told.

        `draining = False` opens again.
        """
        self.draining = True
        while self.in_hand or self._conducting or self._telling:
            self._changed.clear()
            await self._changed.wait()

    def exchange_died(self) -> None:
        """Asterisk's process is gone, and for good: every call is over now, by a fault, those with people too.

        Nothing is asked of Asterisk any more, and no call comes; `drain` returns when the conversations have
        written their ends and `on_channel_over` is through with each.  `run` goes on until cancelled.
        """
        if self._dead.is_set():
            return
        self._dead.set()
        self._ari.close()
        log.critical("Asterisk is gone, and %d calls in hand with it", self.in_hand)
        for call in [*self._calls.values()]:
            self._over(call, call.cause or Cause.FAULT, datetime.now(UTC))

    async def account_for(self, calls: Iterable[str]) -> None:
        """These calls are not over, as far as the books go, and nobody answers for them.

        Each that we neither conduct nor watch is looked for; `on_channel_over` hears of it at once, or later.  One
        that is on offer or in another controller's hands is left alone: ask again some time.  Call it when `ready`.
        Raises AriError, AriUnreachable.
        """
        unknown = [channel for channel in calls if channel not in self._calls]
        listed = await self._ari.applications.get() if unknown else ()
        for channel in unknown:
            if channel not in self._calls:
                stray = self._enter(channel, _Stage.STRAY, conducted=True)
                try:
                    await self._look(stray, listed)
                finally:
                    if stray.stage is _Stage.STRAY:
                        self._forget(stray)

    async def tidy(self, now: float) -> None:
        """One round of the reaper at `now`, in the event loop's seconds.  Raises AriUnreachable."""
        self.counts["reaped"] += await self._ledger.reap(self._calls)
        due = [call for call in self._calls.values() if now - call.asked >= self._patience_with(call)]
        if due:
            listed = await self._ari.applications.get()
            for call in due:
                await self._look_kindly(call, listed)

    def _patience_with(self, call: _Call) -> float:
        if call.stage in (_Stage.LEFT, _Stage.ANOTHERS):
            return self.settings.watch_every
        settled = call.stage is _Stage.OURS and call.watched and call.line is not None and call.line.parting is None
        return float("inf") if settled else self.settings.overdue

    # --- events ---

    def _on_event(self, event: events.Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None and not self._dead.is_set():
            handler(event)

    def _on_broadcast(self, event: events.CallBroadcast) -> None:
        call = self._calls.get(event.channel.id)
        offered = began(event.channel).returned
        if call is not None and call.stage not in (_Stage.STRAY, _Stage.LEFT) and offered <= call.offered:
            return  # we know of this offer
        if call is not None:
            # On offer again: people, whom we or another gave it to, did not answer.  The end of our part (StasisEnd)
            # may come after this; until then it would count as in hand.
            call.offered = offered
            self._lost_to_people(call)
        if not self.ready or self.in_hand >= self.settings.capacity:
            self.counts["refused"] += 1
            return
        self._claim_anew(event.channel.id, offered, call)

    def _lost_to_people(self, call: _Call) -> None:
        """People have had it since we did; whatever told us of the end of our part was lost, or is late."""
        if call.stage is _Stage.OURS:
            self._move(call, _Stage.LEFT)
        if call.line is not None:
            call.line.gone(Cause.US if call.line.parting is not None else Cause.UNKNOWN)

    def _claim_anew(self, channel: str, offered: int, before: _Call | None) -> None:
        call = self._enter(channel, _Stage.CLAIMED, conducted=before is not None and before.conducted)
        call.offered = offered
        self._spawn(self._claim(call))

    def _on_start(self, event: events.StasisStart) -> None:
        if self._ears.started(event.channel.id):
            return
        if event.replaces in self._calls:
            log.warning("%s takes the place of %s, which starts anew", event.channel.id, event.replaces)
        self._take(event.channel, event.args or None, adopted=False)

    def _on_end(self, event: events.StasisEnd) -> None:
        call = self._calls.get(event.channel)
        if call is None or call.stage is not _Stage.OURS or call.line is None:
            return  # being adopted: whoever looks at it will see
        self._move(call, _Stage.LEFT)
        if call.line.parting is not None:
            call.line.gone(Cause.US)
        elif call.line.over is None and not call.soft:
            self._spawn(self._find_why_it_left(call))

    def _on_key(self, event: events.ChannelDtmfReceived) -> None:
        call = self._calls.get(event.channel)
        if call is not None and call.line is not None and call.stage is _Stage.OURS:
            call.line.key(event.digit)

    def _on_playback_finished(self, event: events.PlaybackFinished) -> None:
        self._ledger.strike(PLAYBACK, event.playback)
        call = self._calls.get(event.channel)
        if call is not None and call.line is not None and call.stage is not _Stage.ANOTHERS:
            call.line.finished(event)

    def _on_hangup_request(self, event: events.ChannelHangupRequest) -> None:
        call = self._calls.get(event.channel)
        if call is None or call.soft or call.cause is not None:
            return  # the first one says who ended it
        call.soft = event.soft
        if not event.soft:
            call.cause = self._cause(event.cause)
        elif call.line is not None and call.line.parting is not None:
            call.cause = Cause.US
        # Else somebody on this side: an administrator, or Asterisk itself that hears nothing from the caller's
        # network.  Only the channel's end, some milliseconds away, says which.
        if call.line is not None:
            if call.cause is not None:
                call.line.gone(call.cause)
            else:
                call.line.expect_the_end()

    def _on_destroyed(self, event: events.ChannelDestroyed) -> None:
        if self._ears.ended(event.channel):
            return
        call = self._calls.get(event.channel)
        if call is not None:
            self._over(call, call.cause or self._cause(event.cause, ours=call.soft), event.at)

    # --- taking and adopting ---

    async def _claim(self, call: _Call) -> None:
        try:
            await self._ari.events.claim_channel(call.channel)
            self.counts["claimed"] += 1
        except AriUnreachable as fault:  # it may have worked: StasisStart, or a later look, will tell
            log.warning("%s: no answer to our claim: %s", call.channel, fault)
        except AriError as fault:
            self.counts["lost" if fault.status in (404, 409) else "claims failed"] += 1
            if call.stage is _Stage.CLAIMED and call.conducted:
                self._move(call, _Stage.LEFT)  # we still see to what our part of it left behind
                await self._watch(call)
            elif call.stage is _Stage.CLAIMED:
                self._forget(call)

    def _take(self, channel: events.Channel, args: tuple[str, ...] | None, *, adopted: bool) -> None:
        """It is ours: conduct it."""
        call = self._calls.get(channel.id) or self._enter(channel.id, _Stage.CLAIMED)
        if call.stage is not _Stage.CLAIMED:
            return  # two ways of learning the same
        call.conducted = True
        self._move(call, _Stage.OURS)
        self.counts["adopted" if adopted else "taken"] += 1
        how = began(channel, args)
        call.offered = max(call.offered, how.returned)
        call.line = AsteriskLine(
            self._ari, self._ledger, how, self._ears, self.settings.patience, self.settings.filler
        )
        if call.cause is not None:
            call.line.gone(call.cause)
        self._spawn(self._watch(call))
        call.task = self._spawn(self._conduct(call, call.line, adopted))
        self._conducting.add(call.task)
        call.task.add_done_callback(self._conducting.discard)

    async def _conduct(self, call: _Call, line: AsteriskLine, adopted: bool) -> None:
        why = "the conversation ended without letting the caller go"
        try:
            if adopted:
                await line.silence_predecessor()
            if not await self._on_call(line, adopted):
                self._leave_alone(call)
                await line.let_go()
                return
        except NotOurs:  # all calls of our name are now another process's
            self._leave_alone(call)
            line.speech.close()
            return
        except Exception:
            why = "the conversation failed"
            log.exception("%s: %s", call.channel, why)
        if line.parting is None and line.over is None:
            self.counts["rescued"] += 1
            log.error("%s: %s; the caller goes to people", call.channel, why)
            await line.give_back(why)

    def _leave_alone(self, call: _Call) -> None:
        """It is none of ours.  We remember that much of it, since Asterisk may go on to list it for us."""
        self.counts["another's"] += 1
        log.warning("%s: another controller conducts this call; hands off", call.channel)
        call.conducted = False
        self._move(call, _Stage.ANOTHERS)

    async def _catch_up(self) -> None:
        """Compare what Asterisk holds for us with what we hold.  Raises AriError, AriUnreachable."""
        info = await self._ari.asterisk.get_info()
        if not info.name:
            log.error("asterisk.conf sets no systemname: calls of two Asterisks could bear the same id")
        restarted = self._started is not None and info.started != self._started
        self._started = info.started
        listed = await self._ari.applications.get()
        for channel in listed:
            if not self._ears.listed(channel) and channel not in self._calls:
                self._enter(channel, _Stage.CLAIMED, conducted=True)
        gate = asyncio.Semaphore(self.settings.at_once)

        async def look(call: _Call) -> None:
            async with gate:
                await self._look_kindly(call, listed, Cause.FAULT if restarted else Cause.UNKNOWN)

        await asyncio.gather(*(look(call) for call in [*self._calls.values()]))

    async def _look_kindly(self, call: _Call, listed: Container[str], cause: Cause = Cause.UNKNOWN) -> None:
        try:
            await self._look(call, listed, cause)
        except AriError as fault:  # one odd channel must not keep us from the others; the reaper asks again
            log.error("%s: can't tell how it stands: %s", call.channel, fault)

    async def _look(self, call: _Call, listed: Container[str], cause: Cause = Cause.UNKNOWN) -> None:
        """Ask Asterisk how a call stands, and do what follows.

        listed: the channels that it holds for us.  cause: why the call ended, if it did and nobody told us.
        Raises AriError, AriUnreachable.
        """
        call.asked = self._now()
        try:
            channel = await self._ari.channels.get(call.channel)
        except AriNotFound:
            self._over(call, call.cause or cause, datetime.now(UTC))
            return
        if self._calls.get(call.channel) is not call:
            return  # its end came while we asked
        match call.stage:
            case _Stage.CLAIMED if channel.in_stasis:
                if channel.id in listed:  # else it is still on offer, or another's
                    await self._take_or_claim(call, channel)
            case _Stage.STRAY if channel.in_stasis:
                # Subscribing to a call that another conducts would put it on our list, as if it were ours.
                if channel.id in listed:
                    self._move(call, _Stage.CLAIMED)
                    await self._take_or_claim(call, channel)
            case _Stage.ANOTHERS:
                pass
            case _Stage.CLAIMED if not call.conducted:
                self._forget(call)  # the dialplan went on without our claim
            case _Stage.OURS if channel.in_stasis and call.line is not None:
                if began(channel).returned != call.line.began.returned:
                    # People have had it since, and gave it back: to whoever claims it.
                    self._lost_to_people(call)
                    return
                await self._watch(call)
                await (call.line.resume() if call.line.parting is None else call.line.part())
            case _Stage.OURS:
                self._move(call, _Stage.LEFT)
                self._left(call, channel)
            case _:
                self._move(call, _Stage.LEFT)
                await self._watch(call)

    async def _take_or_claim(self, call: _Call, channel: events.Channel) -> None:
        """Conduct a call that is on our list.  One that people gave back is on it since we had it before, be it ours
        by now or only on offer: the claim tells.  What is only on offer must not be conducted, nor driven in the
        store: whoever claims it would find it taken."""
        if returned := began(channel).returned:
            call.offered = max(call.offered, returned)  # its broadcast, on its way to us, tells nothing new
            try:
                await self._ari.events.claim_channel(call.channel)
            except AriError:  # neither is it on offer
                pass
            else:
                self.counts["claimed"] += 1
                return  # StasisStart comes
        if self._calls.get(call.channel) is call:
            self._take(channel, None, adopted=call.conducted)

    async def _watch(self, call: _Call) -> None:
        """Have Asterisk tell us of the channel's end.  What fails is tried again by the reaper."""
        if call.watched:
            return
        try:
            await self._ari.applications.subscribe(call.channel)
            call.watched = True
        except AriUnreachable as fault:
            log.warning("%s: can't be watched: %s", call.channel, fault)
        except AriError as fault:
            if fault.status != 422:
                log.warning("%s: can't be watched: %s", call.channel, fault)
            elif call.line is not None:  # it ended before we asked; what ended it may still be on its way to us
                await asyncio.sleep(self.settings.patience)
                self._over(call, call.cause or Cause.UNKNOWN, datetime.now(UTC))

    async def _find_why_it_left(self, call: _Call) -> None:
        """It left Stasis with neither a hang-up nor our doing; see where the dialplan goes on with it."""
        for _ in range(10):
            try:
                channel = await self._ari.channels.get(call.channel)
            except (AriError, AriUnreachable):
                break
            if not channel.in_stasis:
                self._left(call, channel)
                return
            await asyncio.sleep(self.settings.patience / 20)
        if call.line is not None:
            call.line.expect_the_end()

    def _left(self, call: _Call, channel: events.Channel) -> None:
        if call.line is None or call.line.over is not None:
            return
        if channel.exten == "T" or channel.context == self.settings.over_context:
            call.cause = Cause.TIME_OVER
            call.line.gone(Cause.TIME_OVER)
        elif call.line.parting is not None:
            call.line.gone(Cause.US)
        else:
            self._ari.strangers.note("way out of our hands", f"{channel.context},{channel.exten}")
            call.line.gone(Cause.UNKNOWN)

    # --- the end ---

    def _over(self, call: _Call, cause: Cause, at: datetime) -> None:
        """The channel is no more."""
        if self._calls.get(call.channel) is not call:
            return
        self._forget(call)
        self._ledger.strike_all(PLAYBACK, call.channel)
        if call.line is not None:
            call.line.gone(cause)
            if self._dead.is_set():
                call.line.speech.vanished()
        if call.conducted:
            telling = self._spawn(self._tell(call, cause, at))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell(self, call: _Call, cause: Cause, at: datetime) -> None:
        if call.task is not None:
            await asyncio.wait([call.task])
        if call.line is not None:
            await call.line.speech.settled()
        if self._on_channel_over is not None and call.conducted:
            await self._on_channel_over(call.channel, cause, at)

    # --- small things ---

    def _enter(self, channel: str, stage: _Stage, *, conducted: bool = False) -> _Call:
        call = self._calls[channel] = _Call(channel, stage, self._now(), conducted)
        return call

    def _move(self, call: _Call, stage: _Stage) -> None:
        call.stage = stage
        call.asked = self._now()
        self._changed.set()

    def _forget(self, call: _Call) -> None:
        if self._calls.get(call.channel) is call:
            del self._calls[call.channel]
        self._changed.set()

    def _cause(self, q850: int, *, ours: bool = False) -> Cause:
        return cause_of(q850, self._ari.strangers, ours=ours)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _tidy_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.tidy_every)
            if self._ari.ready:
                try:
                    await self.tidy(self._now())
                except (AriError, AriUnreachable) as fault:
                    log.warning("tidying up was interrupted: %s", fault)

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._reap_task)
        return task

    def _reap_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.counts["faults"] += 1
            log.error("a task of the switchboard failed", exc_info=fault)
