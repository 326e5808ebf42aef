"""Put a model on the shelf: from an address, an archive or a directory; whole and tried, or not at all.

Rule: the order is the safe one: fetch, compare the checksum, unpack beside, try, and only then rename into place.
Wherever it breaks off, the shelf is as it was, and the same command goes on or begins anew.
"""

import errno
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from ivr.speech.models.check import BadModel, Model, checksum, foreign, look, looks_like_one, verify
from ivr.speech.models.download import CannotDownload, discard, download, is_address, part_of, shown
from ivr.speech.models.shelf import BUILT_IN, Installed, Shelf
from ivr.speech.models.unpack import BadArchive, Tell, unpack

NOTHING: Final[Mapping[str, Collection[str]]] = {}
ENDINGS = r"\.(zip|whl|tar|tgz|tar\.(gz|bz2|xz))$"


class CannotInstall(Exception):
    """The model was not installed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be done."""

    source: str
    languages: tuple[str, ...]
    at: datetime
    tell: Tell
    sha256: str | None
    expected: Mapping[str, Collection[str]]

    def tried(self, directory: Path) -> Model:
        """The model, good, and one of these languages.  Raises BadModel."""
        model = verify(directory, (word for words in self.expected.values() for word in words))
        for language, words in self.expected.items():
            if words and model.unknown.issuperset(words):
                raise BadModel(foreign(directory, language))
        return model


def install(
    shelf: Shelf,
    source: str,
    languages: tuple[str, ...],
    at: datetime,
    tell: Tell,
    *,
    sha256: str | None = None,
    expected: Mapping[str, Collection[str]] = NOTHING,
) -> Model:
    """Install the model at `source` and give it to these languages (ISO 639-1).

    source: http(s) address or path of an archive, a directory, or the name of a model at hand, which is then only
    given to the languages.  sha256: of the archive, in hexadecimal digits.  at: now.  expected: language -> words of
    which it must know one at least.
    Raises CannotInstall, BadModel, ShelfFault.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise CannotInstall(f"a SHA-256 has 64 hexadecimal digits; {sha256!r} is none")
    order = _Order(source, languages, at, tell, sha256, expected)
    with shelf.alone():
        if source in shelf.at_hand():
            model = order.tried(shelf.at_hand()[source])
            shelf.give(source, languages)
            return model
        with _spoken_for(source, shelf):
            if not is_address(source):
                return _take(shelf, Path(source), order)
            part = download(source, shelf.place, tell)
            model = _take(shelf, part, order)
            discard(part)
            return model


def _take(shelf: Shelf, packed: Path, order: _Order) -> Model:
    source = order.source
    if not packed.exists():
        raise CannotInstall(
            f"{source}: there is no such file, directory or installed model; an address needs http://"
        )
    archive = _checksum(packed, order.sha256)
    if packed.is_dir():
        look(_root(packed, source))  # before anything is copied
    with shelf.bench() as bench:
        folder = bench / _stem(source)
        unpack(packed, folder, order.tell)
        root = _root(folder, source)
        name = _stem(source) if root.name in ("model", folder.name) else root.name
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise CannotInstall(
                f"{name!r} is no name for a model: rename the archive; letters, digits, and . _ - count"
            )
        if name in {path.name for path in BUILT_IN.values()}:
            raise CannotInstall(f"{name} comes with the project already; rename the archive if it is another one")
        order.tell("trying", 0, 1)
        try:
            model = order.tried(root)
        except BadModel as fault:
            raise BadModel(str(fault).replace(str(root), source)) from fault
        order.tell("trying", 1, 1)
        origin = shown(source) if is_address(source) else str(Path(source).resolve())
        installed = Installed(source=origin, archive=archive, sum=checksum(root), at=order.at)
        place = shelf.put(root, name, installed, order.languages)
    return replace(model, directory=place)


def _checksum(packed: Path, wanted: str | None) -> str | None:
    if packed.is_dir():
        if wanted:
            raise CannotInstall(
                "a directory has no SHA-256: give the archive that it came in, or leave --sha256 away"
            )
        return None
    with packed.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted and found != wanted.lower():
        raise CannotInstall(f"this is not the file that was meant: its SHA-256 is {found}, not {wanted.lower()}")
    return found


def _root(folder: Path, source: str) -> Path:
    """The model's own directory somewhere below.  Raises CannotInstall unless there is exactly one."""
    found: list[Path] = []
    for place in (folder, *(path for path in sorted(folder.rglob("*")) if path.is_dir())):
        if looks_like_one(place) and not any(place.is_relative_to(model) for model in found):
            found.append(place)
    if not found:
        raise CannotInstall(f"{source} holds no Vosk model: nowhere in it is an am/final.mdl")
    if len(found) > 1:
        names = ", ".join(path.relative_to(folder).as_posix() for path in found)
        raise CannotInstall(f"{source} holds several models ({names}): unpack it and install the one that you mean")
    return found[0]


def _stem(source: str) -> str:
    """The name of the file or directory, without its ending."""
    path = unquote(urlsplit(source).path) if is_address(source) else str(Path(source).resolve())
    return re.sub(ENDINGS, "", PurePosixPath(path).name, flags=re.IGNORECASE) or "model"


@contextmanager
def _spoken_for(source: str, shelf: Shelf) -> Iterator[None]:
    """Faults as messages; what can't be of use any more is cleared away, what came of a download is kept."""
    try:
        yield
    except CannotDownload as fault:
        raise CannotInstall(str(fault)) from fault
    except (BadArchive, BadModel, CannotInstall) as fault:
        _forget(source, shelf)
        raise fault if not isinstance(fault, BadArchive) else CannotInstall(f"{source}: {fault}") from fault
    except OSError as fault:
        _forget(source, shelf)
        if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise CannotInstall(
                f"the disk below {shelf.place} is full ({fault.strerror}): an archive and twice its model must fit; "
                "nothing was changed"
            ) from fault
        raise CannotInstall(f"{fault.filename or source}: {fault.strerror or fault}; nothing was changed") from fault


def _forget(source: str, shelf: Shelf) -> None:
    if is_address(source):
        discard(part_of(source, shelf.place))
