"""Ports that nobody else uses: a slot of consecutive ports, reserved by a lock and probed by binding.

Slots lie below the kernel's ephemeral range, so that no outgoing connection takes one of ours. The lock is
handed on to Asterisk and ends with it, also when Asterisk outlives us; the probe sees all other programs.
"""

import fcntl
import os
import random
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

SLOT = 1024
SLOTS = range(10240, 31744, SLOT)


class NoFreePorts(Exception):
    """Every slot is in use."""


class PortTaken(Exception):
    """A port that was asked for belongs to another program."""


@dataclass(frozen=True)
class Ports:
    """One UDP port for SIP, one TCP port for HTTP, and UDP ports for RTP, two a call (511 calls).

    Released by release() or as a context manager; never before the Asterisk that uses them has ended.
    """

    sip: int
    http: int
    rtp_first: int
    rtp_last: int
    lock: IO[bytes]

    def release(self) -> None:
        self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def reserve(host: str = "127.0.0.1") -> Ports:
    """A free slot on `host`, ours until released. Raises NoFreePorts."""
    folder = Path(tempfile.gettempdir()) / f"ivr-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for first in random.sample(SLOTS, len(SLOTS)):
        lock = (folder / str(first)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for port in range(first, first + SLOT):
                probe(host, port, socket.SOCK_DGRAM)
            probe(host, first + 1, socket.SOCK_STREAM)
        except (BlockingIOError, PortTaken):
            lock.close()
            continue
        return Ports(first, first + 1, first + 2, first + SLOT - 1, lock)
    raise NoFreePorts(f"all {len(SLOTS)} port slots from {SLOTS.start} to {SLOTS.stop} are in use on {host}")


def probe(host: str, port: int, kind: socket.SocketKind) -> None:
    """Raise PortTaken if `port` can't be bound on `host` now."""
    with socket.socket(socket.AF_INET, kind) as endpoint:
        if kind == socket.SOCK_STREAM:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Asterisk does
        try:
            endpoint.bind((host, port))
        except OSError as error:
            name = "TCP" if kind == socket.SOCK_STREAM else "UDP"
            raise PortTaken(f"{name} port {port} on {host} can't be had: {error.strerror}") from error
