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
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from ivr.asterisk import events
from ivr.asterisk.ari import Ari, AriError, AriUnreachable
from ivr.asterisk.calls import Call, Calls, Stage, now
from ivr.asterisk.causes import cause_of
from ivr.asterisk.ear import TAP, Ears, EarSettings
from ivr.asterisk.ledger import Ledger
from ivr.asterisk.line import PLAYBACK, AsteriskLine, began
from ivr.asterisk.settings import SwitchboardSettings
from ivr.asterisk.survey import Survey
from ivr.ports import Cause, NotOurs, Recogniser

log = logging.getLogger(__name__)

OnCall = Callable[[AsteriskLine, bool], Awaitable[bool]]
"""Conducts a call: the line, and whether it was adopted from a controller that is no more.

Returns whether we conducted it, to its end or to a parting.  False: it turned out to be another controller's; the
line must not have been used then, or no longer than the other one let us, and we keep our hands off the call.
"""

OnChannelOver = Callable[[str, Cause, datetime], Awaitable[None]]
"""A call is finally over: its id, why, and when (UTC; when we learned of it, if nobody can say)."""


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
        self._calls = Calls()
        self._survey = Survey(ari, self._calls, self.settings, self.counts, self._take, self._over)
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
        return sum(call.stage in (Stage.CLAIMED, Stage.OURS) for call in self._calls)

    def leaked(self) -> list[str]:
        """What of ours is left on Asterisk and serves no call; empty in a healthy controller, for tests."""
        idle = [
            call.channel
            for call in self._calls
            if call.stage is Stage.OURS
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
            for call in self._calls:
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
            self._calls.changed.clear()
            await self._calls.changed.wait()

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
        for call in self._calls:
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
                stray = self._calls.enter(channel, Stage.STRAY, conducted=True)
                try:
                    await self._survey.look(stray, listed)
                finally:
                    if stray.stage is Stage.STRAY:
                        self._calls.forget(stray)

    async def tidy(self, now: float) -> None:
        """One round of the reaper at `now`, in the event loop's seconds.  Raises AriUnreachable."""
        self.counts["reaped"] += await self._ledger.reap(self._calls)
        due = [call for call in self._calls if now - call.asked >= self._patience_with(call)]
        if due:
            listed = await self._ari.applications.get()
            for call in due:
                await self._survey.look_kindly(call, listed)

    def _patience_with(self, call: Call) -> float:
        if call.stage in (Stage.LEFT, Stage.ANOTHERS):
            return self.settings.watch_every
        settled = call.stage is Stage.OURS and call.watched and call.line is not None and call.line.parting is None
        return float("inf") if settled else self.settings.overdue

    # --- events ---

    def _on_event(self, event: events.Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None and not self._dead.is_set():
            handler(event)

    def _on_broadcast(self, event: events.CallBroadcast) -> None:
        call = self._calls.get(event.channel.id)
        offered = began(event.channel).returned
        if call is not None and call.stage not in (Stage.STRAY, Stage.LEFT) and offered <= call.offered:
            return  # we know of this offer
        if call is not None:
            # On offer again: people, whom we or another gave it to, did not answer.  The end of our part (StasisEnd)
            # may come after this; until then it would count as in hand.
            call.offered = offered
            self._survey.lost_to_people(call)
        if not self.ready or self.in_hand >= self.settings.capacity:
            self.counts["refused"] += 1
            return
        self._claim_anew(event.channel.id, offered, call)

    def _claim_anew(self, channel: str, offered: int, before: Call | None) -> None:
        call = self._calls.enter(channel, Stage.CLAIMED, conducted=before is not None and before.conducted)
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
        if call is None or call.stage is not Stage.OURS or call.line is None:
            return  # being adopted: whoever looks at it will see
        self._calls.move(call, Stage.LEFT)
        if call.line.parting is not None:
            call.line.gone(Cause.US)
        elif call.line.over is None and not call.soft:
            self._spawn(self._survey.find_why_it_left(call))

    def _on_key(self, event: events.ChannelDtmfReceived) -> None:
        call = self._calls.get(event.channel)
        if call is not None and call.line is not None and call.stage is Stage.OURS:
            call.line.key(event.digit)

    def _on_playback_finished(self, event: events.PlaybackFinished) -> None:
        self._ledger.strike(PLAYBACK, event.playback)
        call = self._calls.get(event.channel)
        if call is not None and call.line is not None and call.stage is not Stage.ANOTHERS:
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

    async def _claim(self, call: Call) -> None:
        try:
            await self._ari.events.claim_channel(call.channel)
            self.counts["claimed"] += 1
        except AriUnreachable as fault:  # it may have worked: StasisStart, or a later look, will tell
            log.warning("%s: no answer to our claim: %s", call.channel, fault)
        except AriError as fault:
            self.counts["lost" if fault.status in (404, 409) else "claims failed"] += 1
            if call.stage is Stage.CLAIMED and call.conducted:
                self._calls.move(call, Stage.LEFT)  # we still see to what our part of it left behind
                await self._survey.watch(call)
            elif call.stage is Stage.CLAIMED:
                self._calls.forget(call)

    def _take(self, channel: events.Channel, args: tuple[str, ...] | None, *, adopted: bool) -> None:
        """It is ours: conduct it."""
        call = self._calls.get(channel.id) or self._calls.enter(channel.id, Stage.CLAIMED)
        if call.stage is not Stage.CLAIMED:
            return  # two ways of learning the same
        call.conducted = True
        self._calls.move(call, Stage.OURS)
        self.counts["adopted" if adopted else "taken"] += 1
        how = began(channel, args)
        call.offered = max(call.offered, how.returned)
        call.line = AsteriskLine(
            self._ari, self._ledger, how, self._ears, self.settings.patience, self.settings.filler
        )
        if call.cause is not None:
            call.line.gone(call.cause)
        self._spawn(self._survey.watch(call))
        call.task = self._spawn(self._conduct(call, call.line, adopted))
        self._conducting.add(call.task)
        call.task.add_done_callback(self._conducting.discard)

    async def _conduct(self, call: Call, line: AsteriskLine, adopted: bool) -> None:
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

    def _leave_alone(self, call: Call) -> None:
        """It is none of ours.  We remember that much of it, since Asterisk may go on to list it for us."""
        self.counts["another's"] += 1
        log.warning("%s: another controller conducts this call; hands off", call.channel)
        call.conducted = False
        self._calls.move(call, Stage.ANOTHERS)

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
                self._calls.enter(channel, Stage.CLAIMED, conducted=True)
        gate = asyncio.Semaphore(self.settings.at_once)

        async def look(call: Call) -> None:
            async with gate:
                await self._survey.look_kindly(call, listed, Cause.FAULT if restarted else Cause.UNKNOWN)

        await asyncio.gather(*(look(call) for call in self._calls))

    # --- the end ---

    def _over(self, call: Call, cause: Cause, at: datetime) -> None:
        """The channel is no more."""
        if not self._calls.holds(call):
            return
        self._calls.forget(call)
        self._ledger.strike_all(PLAYBACK, call.channel)
        if call.line is not None:
            call.line.gone(cause)
            if self._dead.is_set():
                call.line.speech.vanished()
        if call.conducted:
            telling = self._spawn(self._tell(call, cause, at))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell(self, call: Call, cause: Cause, at: datetime) -> None:
        if call.task is not None:
            await asyncio.wait([call.task])
        if call.line is not None:
            await call.line.speech.settled()
        if self._on_channel_over is not None and call.conducted:
            await self._on_channel_over(call.channel, cause, at)

    # --- small things ---

    def _cause(self, q850: int, *, ours: bool = False) -> Cause:
        return cause_of(q850, self._ari.strangers, ours=ours)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _tidy_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.tidy_every)
            if self._ari.ready:
                try:
                    await self.tidy(now())
                except (AriError, AriUnreachable) as fault:
                    log.warning("tidying up was interrupted: %s", fault)

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._reap_task)
        return task

    def _reap_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._calls.changed.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.counts["faults"] += 1
            log.error("a task of the switchboard failed", exc_info=fault)
