"""The models that are at hand: those installed in the data directory, and the one that comes with the project.

Rules
1. Which model a language gets: what the settings name (`models`), else what was installed for it last, else the one
   that comes with the project, else none: the language is then served by keys only.
2. A model is whole or absent: it becomes one of the shelf's by being renamed to its place.
3. `models.json` beside them records where each came from, and the checksum of its files.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

PROOF: Final = Path(__file__).with_name("proof-uk-ru")
BUILT_IN: Final[Mapping[str, Path]] = {"uk": PROOF, "ru": PROOF}
"""The models that come with the project, by language."""
NONE: Final = frozenset({"", "none"})
"""What the settings say for "no model"."""


class ShelfFault(Exception):
    """The shelf can't be read or written; the message says what to do."""


class Installed(BaseModel):
    """How a model came here.  archive: SHA-256 of the file it came in, None for a directory; sum: its `checksum`."""

    source: str
    archive: str | None
    sum: str
    at: datetime


class Record(BaseModel):
    """Models by name, and which of them each language gets."""

    models: dict[str, Installed] = {}
    languages: dict[str, str] = {}


class Shelf:
    """The models installed below a data directory."""

    def __init__(self, data: Path) -> None:
        self.place = data / "models"

    @property
    def _file(self) -> Path:
        return self.place / "models.json"

    def record(self) -> Record:
        """What is known of them.  Raises ShelfFault."""
        try:
            return Record.model_validate_json(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return Record()
        except (OSError, ValidationError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is damaged"
            raise ShelfFault(f"{self._file} can't be read: {why}. Remove it and install the models anew") from fault

    def at_hand(self) -> dict[str, Path]:
        """Name -> directory of every model here, the project's own included."""
        own = {directory.name: directory for directory in BUILT_IN.values()}
        if self.place.is_dir():
            own |= {p.name: p for p in sorted(self.place.iterdir()) if p.is_dir() and not p.name.startswith(".")}
        return own

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the shelf meanwhile; what an interrupted change left is cleared away.

        Raises ShelfFault when somebody does.
        """
        try:
            self.place.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.place / ".lock").open("ab")
        except OSError as fault:
            raise ShelfFault(f"{self.place} can't be written: {fault.strerror}") from fault
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ShelfFault("another `ivr models` is at work here; wait for it") from None
            for left in (*self.place.glob(".new-*"), *self.place.glob(".old-*")):
                shutil.rmtree(left, ignore_errors=True)
            yield

    @contextmanager
    def bench(self) -> Iterator[Path]:
        """An empty folder on the same disk, to build a model in; gone in the end.  Only while `alone`."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.place) as folder:
            yield Path(folder)

    def put(self, built: Path, name: str, installed: Installed, languages: tuple[str, ...]) -> Path:
        """Take the model built on the `bench` in, in the place of one of that name, and give it to these languages.

        Only while `alone`.  Raises ShelfFault.
        """
        record = self.record()
        place = self.place / name
        with _told("the model can't be put into its place"):
            if place.exists():
                place.rename(Path(tempfile.mkdtemp(prefix=".old-", dir=self.place)) / name)
            built.rename(place)
            record.models[name] = installed
            record.languages |= dict.fromkeys(languages, name)
            self._write(record)
        for old in self.place.glob(".old-*"):
            shutil.rmtree(old, ignore_errors=True)
        return place

    def give(self, name: str, languages: tuple[str, ...]) -> None:
        """Let these languages have the model of this name.  Only while `alone`.  Raises ShelfFault."""
        record = self.record()
        record.languages |= dict.fromkeys(languages, name)
        with _told("the choice can't be written down"):
            self._write(record)

    def drop(self, name: str) -> tuple[str, ...]:
        """Remove a model; the languages that had it.  Only while `alone`.  Raises ShelfFault."""
        place = self.place / name
        if name not in self.at_hand() or not place.is_dir():
            raise ShelfFault(f"no model {name!r} is installed in {self.place}; `ivr models` lists them")
        record = self.record()
        had = tuple(sorted(language for language, chosen in record.languages.items() if chosen == name))
        record.languages = {language: chosen for language, chosen in record.languages.items() if chosen != name}
        record.models.pop(name, None)
        with _told("the model can't be removed"):
            self._write(record)
            gone = Path(tempfile.mkdtemp(prefix=".old-", dir=self.place))
            place.rename(gone / name)
            shutil.rmtree(gone)
        return had

    def _write(self, record: Record) -> None:
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)


def find(data: Path, chosen: Mapping[str, str]) -> dict[str, Path]:
    """Language (ISO 639-1) -> directory of its model; languages without one are not in it.

    chosen: the setting `models`: name of a model at hand, or a directory; "" or "none" for none.
    Whether there is a good model is not looked at.  Raises ShelfFault.
    """
    shelf = Shelf(data)
    at_hand = shelf.at_hand()
    names = {language: path.name for language, path in BUILT_IN.items()} | shelf.record().languages | dict(chosen)
    found: dict[str, Path] = {}
    for language, name in sorted(names.items()):
        if name not in NONE:
            found[language] = at_hand.get(name) or (Path(name) if "/" in name else shelf.place / name)
    return found


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise ShelfFault(f"{what}: {fault.strerror} ({fault.filename})") from fault
