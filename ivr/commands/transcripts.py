"""`ivr transcribe`: writes down what callers told.  `ivr transcripts`: what was written down, for staff."""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
from rich.table import Table
from rich.text import Text

from domain import transcripts as kept
from domain.masking import HIDDEN
from domain.store import Store, StoreFault
from domain.tables import TranscriptState
from domain.topics import Flag, Urgency
from domain.transcripts import Transcript
from ivr.commands.business import BESIDE_A_HOTLINE, opened, where
from ivr.commands.output import console, fail
from ivr.commands.up import settings_from
from ivr.ports import Transcriber
from ivr.service.beside import NICE, die_with
from ivr.service.settings import Settings
from ivr.service.transcriber import Desk, alone
from ivr.speech.models import ShelfFault, find
from ivr.speech.transcribe import Vosk, Whisper

log = logging.getLogger(__name__)

WIDEST = 60
"""Letters of a transcript that a list shows."""


class _Stopped(BaseException):
    """Somebody wants us to end, now."""


@click.command()
@click.option("--once", is_flag=True, help="Write down what is due, and end.")
@click.option("--with", "parent", type=int, hidden=True, help="End when this process, our parent, ends.")
@where
def transcribe(once: bool, parent: int | None, config: Path | None, data: Path | None) -> None:
    """Write down what callers told, after their calls.

    `ivr up` runs this beside itself; a machine of its own may do it, too, where it has the recordings.  It works with
    the lowest claim to the machine, begins nothing while many calls go on, and may be killed at any time.
    """
    if parent is not None and not die_with(parent):
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    settings = settings_from(config, data=data)
    if not settings.transcripts:
        fail("transcripts are switched off: set transcripts = true", 2)
    stopped = threading.Event()

    def stop(*_: object) -> NoReturn:
        stopped.set()
        raise _Stopped

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        _work(settings, once, stopped)
    except _Stopped:
        log.info("stopped; what was being written down is begun anew")
    except (StoreFault, ShelfFault, OSError) as fault:
        fail(str(fault))


def _work(settings: Settings, once: bool, stopped: threading.Event) -> None:
    with (
        alone(settings.data),
        Store.open(settings.store_url, busy=30.0, rest=BESIDE_A_HOTLINE) as store,
    ):
        desk = Desk(store, settings.data, _engines(settings), lambda: datetime.now(UTC))
        if not once:
            desk.run(stopped)
            return
        count = 0
        while desk.one():
            count += 1
        console.print(f"{count} transcripts were worked on")


def _engines(settings: Settings) -> Sequence[Transcriber]:
    engines: list[Transcriber] = [Vosk(find(settings.data, settings.models))]
    if settings.whisper_model is not None:
        engines.append(Whisper(settings.whisper_model.resolve()))
    return engines


@click.group()
def transcripts() -> None:
    """What callers told, written down by machines: suggestions, not evidence; the recording counts."""


@transcripts.command("list")
@click.option("--state", type=click.Choice([str(each) for each in TranscriptState]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=30, show_default=True, help="So many, newest first.")
@where
def list_(state: str | None, limit: int, config: Path | None, data: Path | None) -> None:
    """List transcripts, with personal data masked."""
    wanted = TranscriptState(state) if state else None
    with opened(config, data) as store:
        found = store.read(lambda conn: kept.latest(conn, limit, state=wanted)).result()
        count, _ = store.read(kept.waiting).result()
    table = Table("No.", "Request", "Told (UTC)", "By", "State", "Sure", "Topic", "Urgency", "Flags", "Words")
    for each in found:
        table.add_row(*map(Text, _row(each)))
    console.print(table)
    if count:
        console.print(f"{count} wait to be written down")


@transcripts.command("show")
@click.argument("number")
@click.option(
    "--masked/--clear", default=True, help="Personal data hidden (the default), or in clear: the right of few."
)
@where
def show(number: str, masked: bool, config: Path | None, data: Path | None) -> None:
    """Show the transcripts of request NUMBER (eight digits), or the transcript NUMBER of `ivr transcripts list`."""
    with opened(config, data) as store:
        found = store.read(lambda conn: kept.of_request(conn, number, clear=not masked)).result()
        if not found and number.isdecimal() and len(number) < 8:
            one = store.read(lambda conn: kept.one(conn, int(number), clear=not masked)).result()
            found = [one] if one else []
    if not found:
        fail(f"there is no transcript of request {number}, nor one of that number", 2)
    for each in found:
        _show(each)


@transcripts.command("again")
@click.argument("number", type=int)
@where
def again(number: int, config: Path | None, data: Path | None) -> None:
    """Write down once more the transcript NUMBER (of `ivr transcripts list`): one that failed, or by a new model."""
    now = datetime.now(UTC)
    with opened(config, data) as store:
        if not store.write(lambda conn: kept.again(conn, number, now)).result():
            fail(f"there is no transcript {number}", 2)
    console.print(f"transcript {number} is owed again")


def _row(each: Transcript) -> tuple[str, ...]:
    found = each.suggestion
    words = each.text if len(each.text) <= WIDEST else f"{each.text[: WIDEST - 3]}..."
    done = each.state is TranscriptState.DONE
    suggests = (str(found.topic or ""), str(found.urgency), ", ".join(sorted(found.flags))) if found else ("", "", "")
    when = f"{each.told.began:%Y-%m-%d %H:%M}"
    told = words if done else each.error or ""
    return (str(each.id), each.request or "", when, each.engine, str(each.state), _sure(each), *suggests, told)


def _sure(each: Transcript) -> str:
    if each.state is not TranscriptState.DONE:
        return ""
    return "unknown" if each.confidence is None else f"{each.confidence:.0%}"


def _show(each: Transcript) -> None:
    title = f"transcript {each.id}, {each.state}, of {each.told.seconds:.0f} s in call {each.call}"
    console.print(Text(title, "bold"))
    about = f"request {each.request or 'none'}; told {each.told.began:%Y-%m-%d %H:%M:%S} UTC in {each.language}"
    console.print(f"  {about}; by {each.model or each.engine}", markup=False)
    if each.error:
        console.print(f"  attempt {each.attempts}: {each.error}", markup=False)
    if each.state is not TranscriptState.DONE:
        return
    console.print(f"  how sure it is of its words: {_sure(each)}", markup=False)
    if each.remark:
        console.print(f"  note: {each.remark}", markup=False)
    line = Text("  ")
    for word in each.words:
        line.append(word.text, "" if word.sure or word.text == HIDDEN else "dim italic")
        line.append(" " if word.sure or word.text == HIDDEN else "(?) ")
    console.print(line if each.words else Text("  (nothing was said, or nothing understood)"))
    _suggest(each)


def _suggest(each: Transcript) -> None:
    """What the words suggest, each with the words that led to it; a person decides."""
    assert each.suggestion is not None
    for reason in each.suggestion.reasons:
        said = " ... ".join(each.words[k].text for k in reason.words)
        what = {Urgency: "urgency", Flag: "may be a ground for refusal"}.get(type(reason.of), "topic")
        weight = f", weight {reason.weight}" if reason.weight else ""
        console.print(f"  {what}: {reason.of}{weight}, for “{said}”", markup=False)
    topic = each.suggestion.topic or "none"
    console.print(f"  suggested: topic {topic}, urgency {each.suggestion.urgency}; a person decides", markup=False)
