"""A sealed recording as a file to be given away: as it was sealed, or with parts hidden; WAV or Ogg/Opus.

Rules
1. What leaves is what was sealed: while it is read its SHA-256 is made, and unless that is the noted one there is no
   file (`Changed`).  Nothing is trusted that was checked before: files can change between a look and a copy.
2. It is made piece by piece, so that an hour needs no more memory than a minute; whoever gives the place for it
   removes what a failure leaves there.
3. A full disk is the operator's to mend, and told as what it is (`NoRoom`).

Opus at 8 kHz (narrow band) is what libsndfile encodes by itself: 41 kbit/s for both sides, 1.4 s of CPU a minute.
"""

import errno
import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Final

from recordings.masking import SIDES, Span, masked

_CHUNK: Final = 80_000 * SIDES * 2


class Sound(StrEnum):
    """The kinds of files."""

    WAV = "wav"
    OPUS = "opus"


MEDIA: Final = {Sound.WAV: "audio/x-wav", Sound.OPUS: "audio/ogg"}
"""As vCons name them."""


class CannotExport(Exception):
    """There is no file; the message says why and what can be done."""


class Gone(CannotExport):
    """The archive does not have it."""


class Changed(CannotExport):
    """It is not what was sealed."""


class NoRoom(CannotExport):
    """The disk is full."""


def sealed(path: Path, sha256: str | None, out: IO[bytes]) -> int:
    """The recording as it was sealed; its bytes.  Raises CannotExport, OSError."""
    size = 0
    with _read(path) as file, room():
        digest = hashlib.sha256()
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
            size += len(chunk)
    _must_be(digest.hexdigest(), sha256, path)
    return size


def wav(path: Path, sha256: str | None, spans: Sequence[Span], out: IO[bytes]) -> None:
    """The recording as a WAV with these parts hidden; of the same length.  Raises CannotExport, OSError."""
    with room():
        _through(path, sha256, spans, out.write, out.write)


def opus(path: Path, sha256: str | None, spans: Sequence[Span], out: IO[bytes]) -> None:
    """The recording as Ogg/Opus, two channels, with these parts hidden.  Raises CannotExport, OSError."""
    try:
        import soundfile
    except (ImportError, OSError) as fault:
        raise CannotExport(
            f"Opus needs the library libsndfile, which can't be loaded ({fault}): reinstall the package soundfile, "
            "or take the recording as WAV"
        ) from fault
    import numpy as np

    if "OPUS" not in soundfile.available_subtypes("OGG"):
        raise CannotExport("this libsndfile can't write Opus: version 1.0.29 or newer does; or take it as WAV")
    sink: Any = _Sink(out)
    try:
        with soundfile.SoundFile(sink, "w", 8000, SIDES, format="OGG", subtype="OPUS") as file:

            def write(moments: bytes) -> None:
                file.write(np.frombuffer(moments, "<i2").reshape(-1, SIDES))
                sink.check()

            _through(path, sha256, spans, lambda header: None, write)
        sink.check()
    except soundfile.LibsndfileError as fault:
        sink.check()
        raise CannotExport(f"it can't be made into Opus: {fault}") from fault


def verified(path: Path, sha256: str | None) -> bool:
    """Whether it is what was sealed.  Blocks: half a second for an hour.  Raises Gone, OSError."""
    with _read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256  # pyright: ignore[reportArgumentType]


@contextmanager
def room() -> Iterator[None]:
    """Tells a full disk (or quota) for what it is."""
    try:
        yield
    except OSError as fault:
        if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom("there is no room on the disk for the copy: make room, then ask again") from fault
        raise


class _Sink:
    """What libsndfile writes to.  It can't be told of a failure while it writes; we are, here."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._fault: OSError | None = None

    def write(self, data: bytes) -> int:
        if self._fault is None:
            try:
                return self._out.write(data)
            except OSError as fault:
                self._fault = fault
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._out.seek(offset, whence)

    def tell(self) -> int:
        return self._out.tell()

    def flush(self) -> None: ...

    def check(self) -> None:
        """Raises what happened."""
        if self._fault is not None:
            with room():
                raise self._fault


@contextmanager
def _read(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise Gone(f"{path.name} is not in the archive: restore it from the last good copy") from None
    with file:
        yield file


def _through(
    path: Path,
    sha256: str | None,
    spans: Sequence[Span],
    header: Callable[[bytes], object],
    moments: Callable[[bytes], object],
) -> None:
    """Its header to `header`, its moments to `moments`, hidden where they have to be.

    Our own WAVs have a header of 44 bytes and then samples to their end; what has not is none of ours.
    """
    with _read(path) as file:
        digest = hashlib.sha256(head := file.read(44))
        rate = _rate(head, path)
        header(head)
        first = 0
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            moments(masked(chunk, first, spans, rate))
            first += len(chunk) // (2 * SIDES)
    _must_be(digest.hexdigest(), sha256, path)


def _rate(head: bytes, path: Path) -> int:
    if len(head) < 44 or head[:4] != b"RIFF" or head[8:16] != b"WAVEfmt " or head[36:40] != b"data":
        raise Changed(f"{path.name} is no recording of ours: restore it from the last good copy")
    _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, 20)
    if (channels, bits) != (SIDES, 16):
        raise Changed(f"{path.name} is no recording of ours: restore it from the last good copy")
    return rate


def _must_be(found: str, noted: str | None, path: Path) -> None:
    if found != noted:
        raise Changed(f"{path.name} is not what was sealed: restore it from the last good copy")
