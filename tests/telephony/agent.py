"""A person's telephone, as far as Asterisk can tell: takes one INVITE, remembers it, and answers as it is told."""

import asyncio
import re
from typing import Literal, Self

Answers = Literal["busy", "takes", "rings"]


class Agent(asyncio.DatagramProtocol):
    """A SIP user agent server on a free port of loopback.  invited: set when the first INVITE has come."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.invited = asyncio.Event()
        self.confirmed = asyncio.Event()
        self.ended = asyncio.Event()
        self.headers: dict[str, str] = {}
        self.transport: asyncio.DatagramTransport | None = None

    @property
    def uri(self) -> str:
        assert self.transport is not None
        return "sip:agent@127.0.0.1:{}".format(self.transport.get_extra_info("sockname")[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.transport is not None
        self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's and asyncio's have no class in common

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        fields = [line.partition(":") for line in lines]
        copied = [
            f"{name}:{value}" for name, _, value in fields if name.lower() in ("via", "from", "call-id", "cseq")
        ]
        to = next(value for name, _, value in fields if name.lower() == "to")
        match first.split()[0]:
            case "INVITE":
                self.headers = {name.strip().lower(): value.strip() for name, _, value in fields}
                self.invited.set()
                if self.answers == "busy":
                    self._send("486 Busy Here", [*copied, f"To:{to};tag=agent"], addr)
                elif self.answers == "rings":
                    self._send("180 Ringing", [*copied, f"To:{to};tag=agent", f"Contact: <{self.uri}>"], addr)
                else:
                    lines = [*copied, f"To:{to};tag=agent", f"Contact: <{self.uri}>", "Content-Type: application/sdp"]
                    self._send("200 OK", lines, addr, self._sdp(body))
            case "ACK":
                self.confirmed.set()
            case "BYE" | "CANCEL":
                self.ended.set()
                self._send("200 OK", [*copied, f"To:{to}"], addr)
            case _:
                pass

    def _sdp(self, offer: str) -> str:
        """The first codec of the offer, to a port that nobody reads."""
        found = re.search(r"m=audio \d+ RTP/AVP (\d+)", offer)
        assert found is not None
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio 9 RTP/AVP {found[1]}\r\na=sendrecv\r\n"
        )

    def _send(self, status: str, lines: list[str], addr: tuple[str, int], body: str = "") -> None:
        assert self.transport is not None
        text = "\r\n".join([f"SIP/2.0 {status}", *lines, f"Content-Length: {len(body)}", "", body])
        self.transport.sendto(text.encode(), addr)
