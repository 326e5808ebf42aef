"""How the command line speaks to people.

Rule: text that isn't ours (paths, addresses, what a file holds) is never read as rich's markup.
"""

import errno
import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text

WIDE = 200
"""Columns of a table that goes into a file or another program: nothing there knows how wide it may be."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Say what is wrong."""
    errors.print(Text.assemble(("ivr:", "bold red"), " ", message))


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong and end."""
    complain(message)
    sys.exit(code)


def words(fault: BaseException) -> str:
    """What went wrong, for people: of the machine's own errors which file it is about, and where to look for room."""
    if not isinstance(fault, OSError) or not fault.strerror:
        return str(fault) or type(fault).__name__
    about = f"{fault.filename}: " if fault.filename else ""
    advice = {
        errno.ENOSPC: ": free some space, or name another data directory (--data DIR, IVR_DATA)",
        errno.EDQUOT: ": free some space, or name another data directory (--data DIR, IVR_DATA)",
        errno.EROFS: ": name another data directory (--data DIR, IVR_DATA)",
        errno.EACCES: ": check whom it belongs to",
    }
    return f"{about}{fault.strerror}{advice.get(fault.errno or 0, '')}"
