"""A file under its name at once and whole, or not at all, whatever is killed meanwhile.

Rules: the bytes are on the disk before the name is, and the name before we say so; of two processes only one writes
into a folder at a time; what a killed one left half (`.NAME.part`) is written over by the next.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class NotWritten(OSError):
    """The file could not be written; the message says what to do."""


def place(folder: Path, name: str, content: bytes) -> Path:
    """Write it, replacing a file of that name; where it is.  Readable by its owner and group.  Raises NotWritten."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder) as handle:
            part = folder / f".{name}.part"
            with open(part, "wb", opener=_for_owner_and_group) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(folder / name)
            os.fsync(handle)
    except OSError as fault:
        raise NotWritten(
            f"{folder / name} could not be written ({fault.strerror or fault}): make room or give another folder, "
            "and do it again; nothing is lost"
        ) from fault
    return folder / name


@contextmanager
def _alone(folder: Path) -> Generator[int]:
    """A handle of the folder, locked; the kernel lets go of it with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _for_owner_and_group(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)
