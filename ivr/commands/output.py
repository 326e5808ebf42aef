"""How the command line speaks to people."""

import sys
from typing import NoReturn

from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong and end."""
    errors.print(f"[bold red]ivr:[/] {message}", markup=True)
    sys.exit(code)
