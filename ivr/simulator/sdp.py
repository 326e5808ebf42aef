"""The few lines of SDP (RFC 4566, offer and answer by RFC 3264) that one G.711 call needs.

Rule 1: One audio stream, one codec, and telephone-event only where the caller means to send it: Asterisk decides
        from the offer where it listens for keys.
Rule 2: What the far side says is read leniently; a missing audio line or an unreadable port is `Malformed`.
"""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_DIRECTIONS: dict[str, Direction] = {d: d for d in ("sendrecv", "sendonly", "recvonly", "inactive")}
_MIRRORED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class Malformed(ValueError):
    """What came over the network is not what its protocol allows. The sender's fault; drop it and go on."""


@dataclass(frozen=True, slots=True)
class Media:
    """The far side's audio stream."""

    host: str
    port: int
    formats: tuple[int, ...]
    names: dict[int, str] = field(default_factory=dict)
    """Payload type -> upper-case encoding name from rtpmap, static types included."""
    direction: Direction = "sendrecv"
    """As the far side sees it."""

    @property
    def answer(self) -> Direction:
        """The direction that answers an offer of this one."""
        return "inactive" if self.held else _MIRRORED[self.direction]

    @property
    def held(self) -> bool:
        """Whether the old way of holding is meant: no address to send to."""
        return self.host == "0.0.0.0" or self.port == 0  # noqa: S104 - read, never bound

    def payload_type(self, name: str) -> int | None:
        """The payload type under which the far side takes this encoding, if it does."""
        return next((t for t in self.formats if self.names.get(t) == name.upper()), None)


def parse(body: bytes) -> Media:
    """The first audio stream of a session description.

    Raises:
        Malformed: no audio stream, or its line cannot be read.
    """
    host = ""
    direction: Direction = "sendrecv"
    port: int | None = None
    formats: tuple[int, ...] = ()
    names = {0: "PCMU", 8: "PCMA"}
    elsewhere = False  # inside another stream than the first audio one
    for line in body.decode("utf-8", "replace").splitlines():
        kind, _, value = line.partition("=")
        if kind == "m":
            elsewhere = port is not None or not value.startswith("audio ")
            if elsewhere:
                continue
            words = value.split()
            try:
                port = int(words[1].partition("/")[0])
                formats = tuple(int(word) for word in words[3:])
            except (IndexError, ValueError):
                raise Malformed(f"audio line {line!r}") from None
            if not 0 <= port <= 65535:
                raise Malformed(f"audio port {port}")
        elif elsewhere:
            continue
        elif kind == "c":
            host = value.rpartition(" ")[2].partition("/")[0]
        elif kind == "a" and value.strip() in _DIRECTIONS:
            direction = _DIRECTIONS[value.strip()]
        elif kind == "a" and value.startswith("rtpmap:"):
            number, _, encoding = value[7:].partition(" ")
            if number.strip().isdigit():
                names[int(number)] = encoding.strip().partition("/")[0].upper()
    if port is None:
        raise Malformed("no audio stream in the session description")
    return Media(host, port, formats, names, direction)


def build(
    host: str,
    port: int,
    *,
    codec: str,
    payload_type: int,
    events: int | None,
    session: int,
    version: int,
    direction: Direction = "sendrecv",
) -> bytes:
    """Our description of the call; `events` is the payload type for telephone-event, None to do without."""
    formats = [payload_type] if events is None else [payload_type, events]
    lines = [
        "v=0",
        f"o=caller {session} {version} IN IP4 {host}",
        "s=call",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {' '.join(map(str, formats))}",
        f"a=rtpmap:{payload_type} {codec}/8000",
    ]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    lines += ["a=ptime:20", f"a={direction}", ""]
    return "\r\n".join(lines).encode()
