"""``ivr prompts``: render, check, script. Mounted by the command line of the product."""

import sys
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from prompts.checker import check
from prompts.composer import HERE, Catalogue, CatalogueError
from prompts.render import render, script
from prompts.rhvoice import CannotSpeak
from prompts.sound import BadRecording
from prompts.spoken import LANGUAGES


@click.group()
def prompts() -> None:
    """The words and the sound of the hotline."""


@prompts.command("render")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    envvar="IVR_DATA",
    show_default=True,
    help="Where RHVoice is kept; fetched when something must be spoken.",
)
@click.option("--all", "everything", is_flag=True, help="Speak also what has not changed.")
@click.option("--accept", multiple=True, metavar="CLIP", help="This recording holds for the changed text, too.")
def render_command(data: Path, everything: bool, accept: tuple[str, ...]) -> None:
    """Speak what changed in the texts, and take in what a voice talent recorded."""
    columns = (TextColumn("{task.description:40.40}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns) as bar:
            task = bar.add_task("reading the catalogue", total=None)

            def progress(what: str, done: int, of: int) -> None:
                bar.update(task, description=what, completed=done, total=of or None)

            report = render(data, everything=everything, accept=accept, progress=progress)
    except (CatalogueError, CannotSpeak, BadRecording) as fault:
        raise click.ClickException(str(fault)) from None
    except OSError as fault:
        raise click.ClickException(f"can't write the audio: {fault}") from None
    click.echo(
        f"{len(report.spoken)} spoken, {len(report.recorded)} taken from recordings, {report.kept} unchanged, "
        f"{len(report.removed)} removed"
    )
    for clip in report.outdated:
        click.echo(f"talent/{clip}.wav was recorded for another text and is left alone; see `ivr prompts check`")


@prompts.command("check")
def check_command() -> None:
    """Report everything that is wrong with texts and audio."""
    try:
        catalogue = Catalogue.load()
    except CatalogueError as fault:
        raise click.ClickException(str(fault)) from None
    problems = check(catalogue)
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(catalogue.prompts)} prompts in {len(LANGUAGES)} languages, {len(problems)} problems")
    sys.exit(1 if problems else 0)


@prompts.command("script")
@click.option("--language", type=click.Choice(LANGUAGES), default=LANGUAGES[0], show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the screen.")
def script_command(language: str, out: Path | None) -> None:
    """Write what a voice talent has to read, as CSV; the files go to prompts/talent/."""
    text = script(language)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8-sig", newline="")  # with the mark by which spreadsheets know UTF-8
    except OSError as fault:
        raise click.ClickException(f"can't write {out}: {fault.strerror}") from None
    click.echo(f"{out}: record each line as {HERE.name}/talent/<file>, then `ivr prompts render`")
