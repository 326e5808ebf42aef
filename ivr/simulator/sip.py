"""SIP over UDP as a caller needs it (RFC 3261): messages, transactions, and the one dialog of a call.

Rule 1: UDP loses and repeats. A request is sent again after T1, 2*T1, ... until it is answered (17.1); an answer is
        kept and repeated as often as its request comes again (17.2); a 2xx to a re-INVITE until its ACK comes.
Rule 2: An INVITE ends in exactly one final response. A 2xx is acknowledged by a request of its own, anything else
        within the transaction (13.2.2.4, 17.1.1.3), and both once more for every repetition.
Rule 3: A CANCEL waits for the first provisional response (9.1), and loses the race to a 2xx gracefully.
Rule 4: What belongs to no dialog of ours gets 481, what we don't know 405, what nobody can read is dropped.
"""

import asyncio
import contextlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from ivr.simulator.sdp import Malformed

T1, T2 = 0.5, 4.0
"""Seconds: the assumed round trip, and the longest interval between two sendings (RFC 3261 17.1.2.2)."""
GIVE_UP = 64 * T1
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO"
_COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
    "s": "subject",
}
_NEEDED = ("via", "from", "to", "call-id", "cseq")

Headers = Sequence[tuple[str, str]]


class NoAnswer(Exception):
    """No response at all: nothing came back, or the far side's port is closed."""


@dataclass(slots=True, kw_only=True)
class Message:
    """What requests and responses have in common."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def get(self, name: str) -> str:
        """The first header of that name (any case), empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def sequence(self) -> int:
        return int(self.get("cseq").split()[0])

    @property
    def sequence_method(self) -> str:
        return self.get("cseq").split()[1].upper()

    @property
    def branch(self) -> str:
        return parameter(self.get("via"), "branch")

    def _encode(self, first: str) -> bytes:
        lines = [
            first,
            *(f"{key}: {value}" for key, value in self.headers),
            f"Content-Length: {len(self.body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + self.body


@dataclass(slots=True, kw_only=True)
class Request(Message):
    method: str
    uri: str

    def encode(self) -> bytes:
        return self._encode(f"{self.method} {self.uri} SIP/2.0")

    def __str__(self) -> str:
        return f"{self.method} {self.uri}"


@dataclass(slots=True, kw_only=True)
class Response(Message):
    status: int
    reason: str

    def encode(self) -> bytes:
        return self._encode(f"SIP/2.0 {self.status} {self.reason}")

    def __str__(self) -> str:
        return f"{self.status} {self.reason} ({self.sequence_method})"


@dataclass(frozen=True, slots=True)
class Reply:
    """How the owner of the call answers a request of the far side."""

    status: int
    reason: str
    headers: Headers = ()
    body: bytes = b""


def parameter(value: str, name: str) -> str:
    """A header parameter such as `tag` or `branch`, empty where there is none."""
    found = re.search(rf";\s*{name}\s*=\s*\"?([^;,\s\"]*)", value.rpartition(">")[2], re.IGNORECASE)
    return found[1] if found else ""


def bare_uri(value: str) -> str:
    """The URI of a From, To, Contact or Route value."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.partition(";")[0].strip()


def parse(data: bytes) -> Request | Response:
    """Read one datagram.

    Raises:
        Malformed: no SIP message, or one without the headers that every message must have.
    """
    head, _, body = data.partition(b"\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    first, headers = lines[0].split(" ", 2), list[tuple[str, str]]()
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(f"header line {line[:60]!r}")
        name = name.strip().lower()
        headers.append((_COMPACT.get(name, name), value.strip()))
    if len(first) != 3:
        raise Malformed(f"first line {lines[0][:60]!r}")
    if first[0] == "SIP/2.0":
        if not (first[1].isascii() and first[1].isdigit() and len(first[1]) == 3):
            raise Malformed(f"status {first[1][:20]!r}")
        message = Response(headers=headers, status=int(first[1]), reason=first[2])
    elif first[2] == "SIP/2.0":
        message = Request(headers=headers, method=first[0].upper(), uri=first[1])
    else:
        raise Malformed(f"first line {lines[0][:60]!r}")
    for name in _NEEDED:
        if not message.get(name):
            raise Malformed(f"no {name} header")
    if not re.fullmatch(r"\d{1,10}\s+\S+", message.get("cseq"), re.ASCII):
        raise Malformed(f"CSeq {message.get('cseq')[:40]!r}")
    length = message.get("content-length")
    if length and not (length.isascii() and length.isdigit()):
        raise Malformed(f"Content-Length {length[:20]!r}")
    if length and int(length) > len(body):
        raise Malformed(f"body of {len(body)} bytes, {length[:20]} announced")
    message.body = body[: int(length)] if length else body
    return message


class _Sending:
    """A message that is sent again and again, at growing intervals, until it is stopped."""

    def __init__(self, send: Callable[[], object], give_up: Callable[[], None], longest: float) -> None:
        self._send, self._give_up, self._longest = send, give_up, longest
        self._loop = asyncio.get_running_loop()
        self._interval = T1
        self._end = self._loop.time() + GIVE_UP
        self._timer = self._loop.call_later(T1, self._again)
        send()

    def _again(self) -> None:
        if self._loop.time() >= self._end - 0.001:
            self._give_up()
            return
        self._send()
        self._interval = min(2 * self._interval, self._longest)
        self._timer = self._loop.call_at(min(self._end, self._loop.time() + self._interval), self._again)

    def slow_down(self) -> None:
        """A provisional response to something else than INVITE: on, at the longest interval."""
        self._interval = self._longest

    def stop(self) -> None:
        self._timer.cancel()


@dataclass(slots=True)
class _Transaction:
    request: Request
    final: asyncio.Future[Response]
    sending: _Sending | None = None
    on_provisional: Callable[[Response], None] | None = None
    provisional: bool = False
    ack: bytes = b""

    def stop(self) -> None:
        if self.sending is not None:
            self.sending.stop()


class Leg(asyncio.DatagramProtocol):
    """The signalling of one outgoing call: a socket, its transactions, and the dialog once there is one."""

    def __init__(
        self,
        on_request: Callable[[Request], Reply],
        on_message: Callable[[Literal[">", "<"], Message], None],
        on_ack: Callable[[Request], None] = lambda ack: None,
    ) -> None:
        self._on_request, self._on_message, self._on_ack = on_request, on_message, on_ack
        self._transport: asyncio.DatagramTransport | None = None
        self._transactions: dict[tuple[str, str], _Transaction] = {}
        self._replies: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._repeating: dict[int, _Sending] = {}
        """CSeq of a re-INVITE -> our 2xx to it, until its ACK."""
        self._invite: _Transaction | None = None
        self._cancelled = False
        self._sequence = secrets.randbelow(1000)
        self.call_id = f"{secrets.token_hex(12)}@caller"
        self.tag = secrets.token_hex(6)
        self._from = ""
        self._to = ""
        self._target = ""
        self._routes: list[str] = []
        self.garbage = 0

    @property
    def local(self) -> tuple[str, int]:
        """Our own address as the far side sees it."""
        assert self._transport is not None
        return self._transport.get_extra_info("sockname")[:2]

    def close(self) -> None:
        for transaction in self._transactions.values():
            transaction.stop()
            transaction.final.cancel()
        for sending in self._repeating.values():
            sending.stop()
        if self._transport is not None:
            self._transport.close()

    # Requests of ours.

    async def invite(
        self,
        uri: str,
        from_: str,
        headers: Headers,
        sdp: bytes,
        on_provisional: Callable[[Response], None],
    ) -> Response:
        """Call; returns the final response, already acknowledged.

        Raises:
            NoAnswer: not a single response within 32 s, or nothing listens there.
        """
        self._from, self._to, self._target = f"{from_};tag={self.tag}", f"<{uri}>", uri
        request = self._request("INVITE", [*headers, ("Content-Type", "application/sdp")], sdp)
        self._invite = self._start(request, longest=GIVE_UP)
        self._invite.on_provisional = on_provisional
        return await asyncio.shield(self._invite.final)

    def cancel(self) -> asyncio.Future[Response] | None:
        """Take the INVITE back, as soon as that is allowed.

        Returns its final response, which still comes, and may be a 2xx: that call then needs a BYE. None where there
        was no INVITE.
        """
        invite = self._invite
        if invite is None:
            return None
        if invite.provisional:
            self._send_cancel(invite)
        else:
            self._cancelled = True
        return invite.final

    def _send_cancel(self, invite: _Transaction) -> None:
        self._cancelled = False
        if invite.final.done():
            return
        same = ("via", "from", "to", "call-id", "max-forwards", "route")
        headers = [header for header in invite.request.headers if header[0].lower() in same]
        headers.append(("CSeq", f"{invite.request.sequence} CANCEL"))
        cancel = self._start(Request(method="CANCEL", uri=invite.request.uri, headers=headers), longest=T2)
        cancel.final.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for it

    async def request(self, method: str, headers: Headers = (), body: bytes = b"") -> Response:
        """A request inside the dialog; returns its final response.

        Raises:
            NoAnswer: none came within 32 s.
        """
        return await self._start(self._request(method, headers, body), longest=T2).final

    def _request(self, method: str, headers: Headers, body: bytes = b"", sequence: int | None = None) -> Request:
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        host, port = self.local
        common = [
            ("Via", f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{secrets.token_hex(10)}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", self.contact),
            ("Allow", ALLOW),
            ("User-Agent", "scripted caller"),
        ]
        return Request(method=method, uri=self._target, headers=[*common, *headers], body=body)

    @property
    def contact(self) -> str:
        host, port = self.local
        return f"<sip:caller@{host}:{port}>"

    def _start(self, request: Request, longest: float) -> _Transaction:
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        transaction = _Transaction(request, final)
        self._transactions[request.branch, request.method] = transaction

        def give_up() -> None:
            self._fail(transaction, f"no response to {request} in {GIVE_UP:.0f} s")

        transaction.sending = _Sending(lambda: self._send(request), give_up, longest)
        return transaction

    def _fail(self, transaction: _Transaction, why: str) -> None:
        transaction.stop()
        if not transaction.final.done():
            transaction.final.set_exception(NoAnswer(why))

    def _send(self, message: Request | Response) -> bytes:
        data = message.encode()
        self._on_message(">", message)
        self._send_bytes(data)
        return data

    def _send_bytes(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data)

    # What comes in.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.strip():
            return  # a keep-alive
        try:
            message = parse(data)
        except Malformed:
            self.garbage += 1
            return
        self._on_message("<", message)
        if isinstance(message, Response):
            self._answered(message)
        else:
            self._serve(message)

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, ConnectionRefusedError):
            for transaction in self._transactions.values():
                if not transaction.provisional:
                    self._fail(transaction, f"nothing listens there ({exc})")

    def _answered(self, response: Response) -> None:
        transaction = self._transactions.get((response.branch, response.sequence_method))
        if transaction is None or response.get("call-id") != self.call_id:
            return
        invite = transaction is self._invite
        if response.status < 200:
            transaction.provisional = True
            if invite:
                transaction.stop()
            elif transaction.sending is not None:
                transaction.sending.slow_down()
            if transaction.on_provisional is not None:
                transaction.on_provisional(response)
            if invite and self._cancelled:
                self._send_cancel(transaction)
            return
        transaction.stop()
        if invite:
            self._acknowledge(transaction, response)
        if not transaction.final.done():
            transaction.final.set_result(response)

    def _acknowledge(self, invite: _Transaction, response: Response) -> None:
        if invite.ack:  # the response again: ours was lost
            self._send_bytes(invite.ack)
            return
        self._to = response.get("to")
        if response.status < 300:
            if contact := response.get("contact"):
                self._target = bare_uri(contact)
            listed = [each for value in response.all("record-route") for each in value.split(",")]
            self._routes = [each.strip() for each in reversed(listed)]
            ack = self._request("ACK", (), sequence=invite.request.sequence)
        else:
            same = ("via", "from", "call-id", "max-forwards", "route")
            headers = [header for header in invite.request.headers if header[0].lower() in same]
            headers += [("To", self._to), ("CSeq", f"{invite.request.sequence} ACK")]
            ack = Request(method="ACK", uri=invite.request.uri, headers=headers)
        invite.ack = self._send(ack)

    def _serve(self, request: Request) -> None:
        if request.method == "ACK":
            if sending := self._repeating.pop(request.sequence, None):
                sending.stop()
                self._on_ack(request)
            return
        key = request.branch, request.method, request.sequence
        if key in self._replies:
            self._send_bytes(self._replies[key])
            return
        ours = request.get("call-id") == self.call_id and parameter(request.get("to"), "tag") == self.tag
        if request.method == "OPTIONS":
            reply = Reply(200, "OK", [("Allow", ALLOW), ("Accept", "application/sdp")])
        elif not ours:
            reply = Reply(481, "Call/Transaction Does Not Exist")
        elif request.method == "CANCEL":  # of a re-INVITE, which is long answered
            reply = Reply(200, "OK")
        else:
            reply = self._on_request(request)
        if ours and request.method == "INVITE" and reply.status < 300 and (contact := request.get("contact")):
            self._target = bare_uri(contact)
        self._reply(request, reply, key)

    def _reply(self, request: Request, reply: Reply, key: tuple[str, str, int]) -> None:
        copied = ("via", "from", "to", "call-id", "cseq", "record-route")
        headers = [
            (name, f"{value};tag={self.tag}" if name == "to" and not parameter(value, "tag") else value)
            for name, value in request.headers
            if name in copied
        ]
        headers += [("Contact", self.contact), *reply.headers]
        response = Response(status=reply.status, reason=reply.reason, headers=headers, body=reply.body)
        self._replies[key] = response.encode()
        if len(self._replies) > 64:
            self._replies.popitem(last=False)
        if request.method == "INVITE" and reply.status < 300:

            def give_up() -> None:
                self._repeating.pop(request.sequence, None)

            self._repeating[request.sequence] = _Sending(lambda: self._send(response), give_up, T2)
        else:
            self._send(response)


async def open_leg(leg: Leg, host: str, port: int) -> Leg:
    """Give the leg its socket, connected to the far side so that a closed port is noticed at once."""
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: leg, remote_addr=(host, port))
    return leg


def q850(message: Message) -> tuple[int | None, str]:
    """The hang-up cause a message states: Q.850 number and text, from Reason (RFC 3326) or Asterisk's own headers."""
    for value in message.all("reason"):
        if value.strip().upper().startswith("Q.850") and parameter(value, "cause").isdigit():
            text = re.search(r'text\s*=\s*"([^"]*)"', value)
            return int(parameter(value, "cause")), text[1] if text else ""
    code, text = message.get("x-asterisk-hangupcausecode"), message.get("x-asterisk-hangupcause")
    with contextlib.suppress(ValueError):
        return int(code), text
    return None, text
