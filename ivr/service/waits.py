"""How long callers waited, told from Asterisk's own record of calls (CEL), which is there whatever became of us.

Rules
1. Told of calls that are over and of which the record has the beginning; a call that goes on is told the next time.
2. A wait for an answer lasts from the channel's beginning to our ANSWER; a channel that came to the dialplan's `call`
   and ended without was refused: there was no line for it.
3. A wait for people begins when the conversation lets the caller go (the end of Stasis), and ends when the caller's
   channel enters a bridge by Dial.  Dial that ends without was given up by the caller (status CANCEL) or answered by
   nobody.  Who hangs up while "connecting" is said left, too; where no telephones are configured nobody waits.

Theory: the events of a channel, in order, are enough; of every call in progress a few numbers are kept, so memory is
bounded by the calls that go on at once.
"""

import csv
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from domain import tallies
from domain.store import Store
from domain.tallies import Wait, Waited, Waiting
from ivr.service.cel import FILE, opened

LONGEST_CALL: Final = timedelta(hours=6)
"""Files that were finished longer before the last wait that we know are not read again."""
AT_ONCE: Final = 200
_FIELDS: Final = 9


@dataclass(slots=True)
class _Channel:
    """A caller's channel.  released: since when it is not in Stasis; connecting: it goes to people for the first time
    and nobody rings yet."""

    began: float
    answered: bool = False
    released: float | None = None
    connecting: bool = False
    open: float | None = None
    status: str = ""
    refused: bool = False
    waits: list[tuple[Wait, float, float, Waited]] = field(default_factory=list[tuple[Wait, float, float, Waited]])


def take_in(run: Path, store: Store) -> int:
    """Note every wait that Asterisk's record has and we don't; how many these were.

    run: Asterisk's run directory.  Raises StoreFault, OSError.
    """
    known = store.read(tallies.waits_reach).result()
    batch: list[Waiting] = []
    count = 0
    for one in told(run, known - LONGEST_CALL if known else None):
        batch.append(one)
        if len(batch) >= AT_ONCE:
            count += _keep(store, batch)
            batch = []
    return count + _keep(store, batch)


def told(run: Path, since: datetime | None = None) -> Iterator[Waiting]:
    """Every wait of every call that is over.  since: files that were finished before it are left out.

    Raises OSError.
    """
    channels: dict[str, _Channel] = {}
    with ExitStack() as stack:
        files = [
            file for file in reversed(opened(run / FILE, stack))
            if since is None or os.fstat(file.fileno()).st_mtime >= since.timestamp()
        ]  # fmt: skip
        for file in files:
            for row in csv.reader(line.replace("\0", "\ufffd") for line in file):
                if len(row) >= _FIELDS and row[2] and row[2] == row[3]:
                    yield from _event(channels, row)


def _event(channels: dict[str, _Channel], row: list[str]) -> Iterator[Waiting]:
    try:
        at = float(row[0])
    except ValueError:
        return
    kind, call, context, app = row[1], row[2], row[6], row[7]
    if kind == "CHAN_START":
        channels[call] = _Channel(at)
        return
    channel = channels.get(call)
    if channel is None:
        return
    if kind == "CHAN_END":
        del channels[call]
        numbers: dict[Wait, int] = {}
        for what, began, ended, how in channel.waits:
            n = numbers[what] = numbers.get(what, -1) + 1
            yield Waiting(call, what, n, datetime.fromtimestamp(began, UTC), max(ended - began, 0.0), how)
        return
    _follow(channel, kind, at, context, app, row[8])


def _follow(channel: _Channel, kind: str, at: float, context: str, app: str, extra: str) -> None:
    match kind, app:
        case "ANSWER", _ if context == "call" and not channel.answered:
            channel.answered = True
            channel.waits.append((Wait.ANSWER, channel.began, at, Waited.ANSWERED))
        case "APP_START", "StasisBroadcast":
            channel.released, channel.connecting = None, False
        case "APP_END", "StasisBroadcast":
            channel.released, channel.connecting = at, context == "call"
        case "APP_START", "Dial":
            channel.open, channel.connecting = channel.released or at, False
        case "BRIDGE_ENTER", "Dial" if channel.open is not None:
            channel.waits.append((Wait.PEOPLE, channel.open, at, Waited.ANSWERED))
            channel.open = None
        case "APP_END", "Dial" if channel.open is not None:
            channel.waits.append((Wait.PEOPLE, channel.open, at, Waited.UNANSWERED))
            channel.open = None
        case "HANGUP", _:
            _hung_up(channel, at, context, extra)
        case _:
            pass


def _hung_up(channel: _Channel, at: float, context: str, extra: str) -> None:
    if not channel.answered:
        if context == "call":
            channel.waits.append((Wait.ANSWER, channel.began, at, Waited.UNANSWERED))
        return
    if channel.open is not None or (channel.connecting and context == "agents"):
        begins = channel.open if channel.open is not None else channel.released
        channel.waits.append((Wait.PEOPLE, begins or at, at, Waited.LEFT))
        channel.open = None
    elif _status(extra) == "CANCEL" and channel.waits[-1][3] is Waited.UNANSWERED:
        what, began, ended, _ = channel.waits[-1]
        channel.waits[-1] = (what, began, ended, Waited.LEFT)


def _status(extra: str) -> str:
    """What Dial came to last."""
    try:
        found = json.loads(extra)
    except ValueError:
        return ""
    return str(found.get("dialstatus", "")) if isinstance(found, dict) else ""


def _keep(store: Store, batch: list[Waiting]) -> int:
    return store.write(lambda conn: tallies.keep_waits(conn, batch)).result() if batch else 0
