"""`ivr models`: which speech is understood with what; models come, are tried, and go."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from domain.model import Language
from ivr.commands.asterisk import owned
from ivr.commands.gauge import Gauge
from ivr.commands.output import complain, console, fail
from ivr.service.settings import BadSettings, Settings, load
from ivr.service.speech import described, expected_words
from ivr.speech import models as shelves
from ivr.speech.models import BadModel, CannotInstall, Shelf, ShelfFault

ABOUT = """\
What callers say is understood with Vosk models: one directory for each language, chosen by the setting `models`, else
what was installed last for that language, else the small model that comes with the project (Ukrainian and Russian,
348 words: a proof, see its MODEL.md). A language without a model is served by keys only.

Where callers depend on speech, get the Vosk project's own models from its page of models (look for "vosk models"):
  Ukrainian  vosk-model-small-uk-v3-small
  Russian    vosk-model-small-ru-0.22
and install them, from the address of the .zip or from a file that you brought:
  ivr models install ADDRESS-OR-FILE --language uk --sha256 CHECKSUM
Take a model that can be told what to expect ("small", or with a dynamic graph); large ones with a fixed graph work,
but understand closed questions worse."""


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the settings that `ivr up` has."""

    @click.option("--config", type=click.Path(path_type=Path), help="Settings file; default: ./hotline.toml.")
    @click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
    @wraps(command)
    def with_settings(config: Path | None, data: Path | None, **others: Any) -> None:
        group = getattr(click.get_current_context().parent, "params", {})  # `ivr models --data D verify` is meant too
        try:
            settings = load(config or group.get("config"), data=data or group.get("data"))
        except BadSettings as fault:
            fail(str(fault), 2)
        try:
            command(settings, **others)
        except (BadModel, CannotInstall, ShelfFault) as fault:
            fail(str(fault))
        except OSError as fault:
            fail(f"{fault.filename}: {fault.strerror}")

    return with_settings


@click.group(invoke_without_command=True)
@_settings
@click.pass_context
def models(context: click.Context, settings: Settings) -> None:
    """What speech is understood with: list, install, verify and remove models."""
    if context.invoked_subcommand is None:
        console.print(ABOUT, markup=False)
        _list(settings)


def _list(settings: Settings) -> None:
    shelf = Shelf(settings.data)
    used = shelves.find(settings.data, settings.models)
    there = {**shelf.at_hand(), **{str(path): path for path in used.values() if path not in shelf.at_hand().values()}}
    table = Table("model", "languages", "size", "words", "is it good?")
    for name, path in there.items():
        languages = [language for language in Language if used.get(language) == path]
        try:
            model = shelves.verify(path)
            row = (f"{model.size / 1e6:,.0f} MB", f"{model.words:,}", "yes" if model.grammars else "yes, fixed graph")
        except BadModel as fault:
            row = ("", "", f"no: {fault}")
        table.add_row(name, ", ".join(languages) or "-", *row)
    console.print(table)
    silent = [language for language in Language if language not in used]
    if silent:
        console.print(f"keys only: {', '.join(silent)}", markup=False)
    if not settings.speech:
        console.print("speech is switched off as a whole (setting speech = false)", markup=False)


@models.command()
@click.argument("source")
@click.option(
    "--language", "languages", type=click.Choice([language.value for language in Language]), multiple=True,
    required=True, help="Which speech it understands; may be given more than once.",
)  # fmt: skip
@click.option("--sha256", metavar="HEX", help="The checksum that the archive must have.")
@_settings
def install(settings: Settings, source: str, languages: tuple[str, ...], sha256: str | None) -> None:
    """Install the model at SOURCE: an http(s) address, a .zip or .tar.gz, a directory, or a name that is here.

    It is fetched, compared with its checksum, unpacked beside, tried, and put into place at the end: whole, or not
    at all. A download that was cut off goes on when the same command is run again. The next `ivr up` uses the model.
    """
    expected = {language: expected_words(language) for language in languages}
    with Gauge(console, counted=frozenset()) as gauge:
        model = shelves.install(
            Shelf(settings.data), source, languages, datetime.now(UTC), gauge.tell, sha256=sha256, expected=expected
        )
    console.print(f"{model.name} is installed: {model.directory}", markup=False)
    if re.match("https?:", source) and sha256 is None:
        console.print("no --sha256 was given: that it loads is all that is proved of what came", markup=False)
    for language, words in expected.items():
        own = replace(model, unknown=model.unknown & words)
        console.print(described(language, own, words), markup=False)
    if overruled := [lang for lang in languages if lang in settings.models]:
        complain(
            f"the setting `models` names another model for {', '.join(overruled)}: take that away to use this one"
        )
    if owned(settings):
        console.print("the hotline that runs here uses it from its next start on", markup=False)


@models.command()
@click.argument("name", required=False)
@_settings
def verify(settings: Settings, name: str | None) -> None:
    """Try the model NAME, or every one: its files, its checksum, that it listens, and the words that it lacks.

    Exit 1 when one is bad.
    """
    shelf = Shelf(settings.data)
    used = shelves.find(settings.data, settings.models)
    there = shelf.at_hand() | {str(path): path for path in used.values() if path not in shelf.at_hand().values()}
    if name is not None and name not in there:
        fail(f"no model {name!r} is here; there are: {', '.join(there)}")
    bad = 0
    for one in [name] if name is not None else list(there):
        try:
            _verify(shelf, one, there[one], [language for language in Language if used.get(language) == there[one]])
        except BadModel as fault:
            bad += 1
            complain(str(fault))
    if bad:
        fail(f"{bad} of these models can't be used")


def _verify(shelf: Shelf, name: str, path: Path, languages: list[Language]) -> None:
    installed = shelf.record().models.get(name)
    if installed is not None and path.is_dir() and shelves.checksum(path) != installed.sum:
        raise BadModel(f"{path}: its files are not what was installed from {installed.source}; install it anew")
    if not languages:
        model = shelves.verify(path)
        console.print(f"{name}: good, {model.words:,} words; no language uses it", markup=False)
    for language in languages:
        expected = expected_words(language)
        model = shelves.verify(path, expected)
        if model.unknown == expected:
            raise BadModel(shelves.foreign(path, language))
        console.print(described(language, model, expected, every=True), markup=False)


@models.command()
@click.argument("name")
@_settings
def remove(settings: Settings, name: str) -> None:
    """Remove the installed model NAME. Its languages get the model that comes with the project, or keys only."""
    if name in {path.name for path in shelves.BUILT_IN.values()}:
        fail(f'{name} comes with the project and stays; to do without it, set models.LANGUAGE to "none"')
    shelf = Shelf(settings.data)
    place = shelf.place / name
    if owned(settings) and place in shelves.find(settings.data, settings.models).values():
        fail(f"a hotline runs here, and {name} is what it understands speech with: end that first")
    with shelf.alone():
        had = shelf.drop(name)
    console.print(f"{name} is removed", markup=False)
    if place in shelves.find(settings.data, settings.models).values():
        complain("the setting `models` still names it")
    now = shelves.find(settings.data, settings.models)
    for language in had:
        console.print(f"{language}: {now[language].name if language in now else 'keys only'}", markup=False)
