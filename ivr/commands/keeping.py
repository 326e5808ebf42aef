"""One job at the store, and what is wrong with it in words."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from domain.store import Store, StoreFault
from ivr.commands.output import fail

T = TypeVar("T")


def at_the_store(url: str, what: Callable[[Store], Future[T]]) -> T:
    """Do this with the store, or end with what is wrong with it."""
    try:
        with Store.open(url) as store:
            return what(store).result()
    except StoreFault as fault:
        fail(str(fault))
