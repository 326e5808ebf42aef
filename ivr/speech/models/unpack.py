"""What an archive of a model holds, written into an empty folder: .zip, .tar, .tar.gz and such, or a directory.

Rules: an archive is a stranger's.  Only plain files are taken, only below the folder; links and devices refuse the
whole; so does more than a model could be: by number, by bytes, and by bytes for each byte of the archive.  What is
written is on the disk (fsync) before anybody relies on it.
"""

import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path, PurePosixPath
from typing import IO, Final, TypeAlias

Tell: TypeAlias = Callable[[str, int, int], None]
"""Told of progress: what, done, of how many; bytes."""

MOST_FILES: Final = 2000
MOST_BYTES: Final = 8 << 30
"""The largest official models have 4 GB."""
FREE: Final = 64 << 20
RATIO: Final = 50
"""Bytes that any archive may hold, and more for each of its bytes; graphs shrink to a tenth at best."""
CHUNK: Final = 1 << 20
DAMAGE: Final = (
    zipfile.BadZipFile, tarfile.TarError, BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError,
)  # fmt: skip


class BadArchive(Exception):
    """The archive is damaged, or holds what no model holds; the message says which."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A plain file within.  size: as declared."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpack(source: Path, into: Path, tell: Tell) -> None:
    """Write every file of the archive or directory below `into`.  Raises BadArchive, OSError."""
    budget = MOST_BYTES if source.is_dir() else min(MOST_BYTES, FREE + RATIO * source.stat().st_size)
    try:
        with ExitStack() as stack:
            members, whole = _members(source, stack)
            if whole is not None and whole > budget:
                raise _too_large(source, budget)
            done = 0

            def progress(written: int) -> None:
                tell("unpacking", written, whole or 0)

            for number, member in enumerate(members):
                if number >= MOST_FILES or done + member.size > budget:
                    raise _too_large(source, budget)
                done = _write(member, into / _place(member.name), done, budget, progress)
    except DAMAGE as fault:
        raise BadArchive(f"{source.name} is damaged or cut off ({fault}); get it anew") from fault


def _members(source: Path, stack: ExitStack) -> tuple[Iterator[_Member], int | None]:
    """The plain files within, and how many bytes they are where that is known beforehand."""
    if source.is_dir():
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        found = [_Member(f.relative_to(source).as_posix(), f.stat().st_size, lambda f=f: f.open("rb")) for f in files]
        return iter(found), sum(member.size for member in found)
    if zipfile.is_zipfile(source):
        packed = stack.enter_context(zipfile.ZipFile(source))
        return _of_zip(packed), sum(info.file_size for info in packed.infolist())
    if tarfile.is_tarfile(source):
        return _of_tar(stack.enter_context(tarfile.open(source))), None
    raise BadArchive(
        f"{source.name} is neither a .zip nor a .tar.gz: it is cut off, or the address leads to a web page instead"
    )


def _of_zip(packed: zipfile.ZipFile) -> Iterator[_Member]:
    for info in packed.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.flag_bits & 1:
            raise BadArchive(f"{info.filename} is encrypted")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchive(f"{info.filename} is no plain file")
        if not info.is_dir():
            yield _Member(info.filename, info.file_size, lambda info=info: packed.open(info))


def _of_tar(packed: tarfile.TarFile) -> Iterator[_Member]:
    for info in packed:
        if not (info.isreg() or info.isdir()) or info.issparse():
            raise BadArchive(f"{info.name} is no plain file")
        if info.isreg():
            yield _Member(info.name, info.size, lambda info=info: packed.extractfile(info) or _nothing(info.name))


def _nothing(name: str) -> IO[bytes]:
    raise BadArchive(f"{name} can't be read")


def _place(name: str) -> PurePosixPath:
    """Where a file of this name goes, below the folder.  Raises BadArchive for a name that would lead elsewhere."""
    path = PurePosixPath(name)
    odd = re.search(r"[\\:\0-\x1f]", name) or len(name) > 300
    if odd or path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadArchive(f"it has a file named {name[:80]!r}, which would be written to another place")
    return path


def _write(member: _Member, file: Path, done: int, budget: int, tell: Callable[[int], None]) -> int:
    """Bytes written in all, after this one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as packed, file.open("xb") as plain:
        while chunk := packed.read(CHUNK):
            done += len(chunk)
            if done > budget:
                raise _too_large(file, budget)
            plain.write(chunk)
            tell(done)
        plain.flush()
        os.fsync(plain.fileno())
    return done


def _too_large(source: Path, budget: int) -> BadArchive:
    return BadArchive(f"{source.name} unpacks to more than {budget >> 20} MB or {MOST_FILES} files: that is no model")
