"""Serving HTTP: a socket that listens, its address in words."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ivr.asterisk.ports import PortTaken


@contextmanager
def listening(address: str, port: int | None, what: str, advice: str) -> Iterator[socket.socket]:
    """A socket that listens, on a free port when none is named.

    what: who wants it; advice: which settings to change.  Raises PortTaken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address, port or 0))
        except OSError as fault:
            raise PortTaken(
                f"TCP port {port} of {address} for {what} can't be had ({fault.strerror}): set {advice}"
            ) from fault
        made.listen(128)
        yield made


def place(bound: socket.socket) -> str:
    """host:port, as it stands in an address."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
