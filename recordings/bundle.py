"""Several files as one ZIP that can be proved: with the SHA-256 of each, and a script that checks them.

Rules
1. The same files made at the same moment are the same ZIP, byte for byte.
2. It is written piece by piece; no file has to fit into memory.
3. `SHA256SUMS` names every other file, in the form that `sha256sum -c` reads; it is the last one.
4. Names are ASCII without folders: any program can unpack them anywhere.
"""

import hashlib
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from recordings.export import room

SUMS: Final = "SHA256SUMS"
CHECKER: Final = Path(__file__).with_name("check_bundle.py")
"""The script that checks a bundle; it goes into it, and needs Python only."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Bundle:
    """A ZIP that is being made in `out`.  made: its moment, which its files bear.  sums: name -> SHA-256, so far."""

    def __init__(self, out: IO[bytes], made: datetime) -> None:
        self.sums: dict[str, str] = {}
        self._zip = zipfile.ZipFile(out, "w", allowZip64=True)
        self._date = (made.year, made.month, made.day, made.hour, made.minute, made.second)

    def add(self, name: str, content: bytes) -> None:
        """A file.  Raises NoRoom, OSError."""
        self.make(name, lambda out: out.write(content))

    def make(self, name: str, write: Callable[[IO[bytes]], object], *, packed: bool = True) -> None:
        """A file that writes itself.  packed: compressed.  Raises NoRoom, OSError, what `write` raises."""
        if not _NAME.fullmatch(name) or name in self.sums:
            raise ValueError(f"{name!r} can't be the name of a file in a bundle")
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.create_system, info.external_attr = 3, 0o600 << 16
        with room(), self._zip.open(info, "w", force_zip64=True) as file:
            hashing = _Hashing(file)
            write(hashing)  # pyright: ignore[reportArgumentType]
        self.sums[name] = hashing.hexdigest()

    def abandon(self) -> None:
        """It came to nothing; `out` is whoever's it was."""
        with suppress(OSError, ValueError):
            self._zip.close()

    def close(self) -> None:
        """The sums, and the end.  Raises NoRoom, OSError."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.sums.items()))
        self.add(SUMS, lines.encode())
        with room():
            self._zip.close()


class _Hashing:
    """Writes on, and keeps the sum."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._sum = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._sum.update(data)
        return self._out.write(data)

    def hexdigest(self) -> str:
        return self._sum.hexdigest()
