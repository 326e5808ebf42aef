"""`ivr transcripts`: what callers told, written down, for staff."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from domain import transcripts as kept
from domain.masking import HIDDEN
from domain.tables import TranscriptState
from domain.topics import Flag, Urgency
from domain.transcripts import Transcript
from ivr.commands.business import opened, where
from ivr.commands.output import console, fail

WIDEST = 60
"""Letters of a transcript that a list shows."""


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
