"""The parts of the console, in the order in which their addresses are looked up."""

from collections.abc import Iterator
from importlib import import_module
from typing import Final

from fastapi import APIRouter

PARTS: Final = (
    "home", "access", "staff", "trail", "live", "maps", "calls", "exports", "replay", "notes", "complaints",
    "readings", "accounts", "analytics", "quality", "prompts",
)  # fmt: skip
"""Modules of this package; each has a `router`."""


def routers() -> Iterator[APIRouter]:
    """Of every part."""
    for part in PARTS:
        yield import_module(f"ivr.console.web.{part}").router
