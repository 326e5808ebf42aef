"""How calls stand: Asterisk is asked, not believed to be silent, and what follows is done.

Rule: whose call it is, Asterisk can't say.  We subscribe to no call that another controller may have, since Asterisk
would list it as if it were ours.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Container
from datetime import UTC, datetime
from typing import Protocol

from ivr.asterisk import events
from ivr.asterisk.ari import Ari, AriError, AriNotFound, AriUnreachable
from ivr.asterisk.calls import Call, Calls, Stage, now
from ivr.asterisk.line import began
from ivr.asterisk.settings import SwitchboardSettings
from ivr.ports import Cause

log = logging.getLogger(__name__)


class Take(Protocol):
    """Conduct a call that is ours."""

    def __call__(self, channel: events.Channel, args: tuple[str, ...] | None, *, adopted: bool) -> None: ...


class Survey:
    """take, over: what the switchboard does with a call that is ours, and with one whose channel is no more."""

    def __init__(
        self,
        ari: Ari,
        calls: Calls,
        settings: SwitchboardSettings,
        counts: Counter[str],
        take: Take,
        over: Callable[[Call, Cause, datetime], None],
    ) -> None:
        self._ari = ari
        self._calls = calls
        self._settings = settings
        self._counts = counts
        self._take = take
        self._over = over

    def lost_to_people(self, call: Call) -> None:
        """People have had it since we did; whatever told us of the end of our part was lost, or is late."""
        if call.stage is Stage.OURS:
            self._calls.move(call, Stage.LEFT)
        if call.line is not None:
            call.line.gone(Cause.US if call.line.parting is not None else Cause.UNKNOWN)

    async def look_kindly(self, call: Call, listed: Container[str], cause: Cause = Cause.UNKNOWN) -> None:
        """As `look`, but what Asterisk refuses is logged.  Raises AriUnreachable."""
        try:
            await self.look(call, listed, cause)
        except AriError as fault:  # one odd channel must not keep us from the others; the reaper asks again
            log.error("%s: can't tell how it stands: %s", call.channel, fault)

    async def look(self, call: Call, listed: Container[str], cause: Cause = Cause.UNKNOWN) -> None:
        """Ask Asterisk how a call stands, and do what follows.

        listed: the channels that it holds for us.  cause: why the call ended, if it did and nobody told us.
        Raises AriError, AriUnreachable.
        """
        call.asked = now()
        try:
            channel = await self._ari.channels.get(call.channel)
        except AriNotFound:
            self._over(call, call.cause or cause, datetime.now(UTC))
            return
        if not self._calls.holds(call):
            return  # its end came while we asked
        match call.stage:
            case Stage.CLAIMED if channel.in_stasis:
                if channel.id in listed:  # else it is still on offer, or another's
                    await self._take_or_claim(call, channel)
            case Stage.STRAY if channel.in_stasis:
                # Subscribing to a call that another conducts would put it on our list, as if it were ours.
                if channel.id in listed:
                    self._calls.move(call, Stage.CLAIMED)
                    await self._take_or_claim(call, channel)
            case Stage.ANOTHERS:
                pass
            case Stage.CLAIMED if not call.conducted:
                self._calls.forget(call)  # the dialplan went on without our claim
            case Stage.OURS if channel.in_stasis and call.line is not None:
                if began(channel).returned != call.line.began.returned:
                    # People have had it since, and gave it back: to whoever claims it.
                    self.lost_to_people(call)
                    return
                await self.watch(call)
                await (call.line.resume() if call.line.parting is None else call.line.part())
            case Stage.OURS:
                self._calls.move(call, Stage.LEFT)
                self._left(call, channel)
            case _:
                self._calls.move(call, Stage.LEFT)
                await self.watch(call)

    async def _take_or_claim(self, call: Call, channel: events.Channel) -> None:
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
                self._counts["claimed"] += 1
                return  # StasisStart comes
        if self._calls.holds(call):
            self._take(channel, None, adopted=call.conducted)

    async def watch(self, call: Call) -> None:
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
                await asyncio.sleep(self._settings.patience)
                self._over(call, call.cause or Cause.UNKNOWN, datetime.now(UTC))

    async def find_why_it_left(self, call: Call) -> None:
        """It left Stasis with neither a hang-up nor our doing; see where the dialplan goes on with it."""
        for _ in range(10):
            try:
                channel = await self._ari.channels.get(call.channel)
            except (AriError, AriUnreachable):
                break
            if not channel.in_stasis:
                self._left(call, channel)
                return
            await asyncio.sleep(self._settings.patience / 20)
        if call.line is not None:
            call.line.expect_the_end()

    def _left(self, call: Call, channel: events.Channel) -> None:
        if call.line is None or call.line.over is not None:
            return
        if channel.exten == "T" or channel.context == self._settings.over_context:
            call.cause = Cause.TIME_OVER
            call.line.gone(Cause.TIME_OVER)
        elif call.line.parting is not None:
            call.line.gone(Cause.US)
        else:
            self._ari.strangers.note("way out of our hands", f"{channel.context},{channel.exten}")
            call.line.gone(Cause.UNKNOWN)
