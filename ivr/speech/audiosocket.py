"""Asterisk's AudioSocket, as it arrives: TCP, frames of kind (1 byte), length (2 bytes, big-endian), payload.

Rules: the first frame is the UUID of whose audio it is.  Audio is 16-bit signed linear, little-endian, mono, 8 kHz
(kind 0x10).  Kinds that we don't need are passed over; nothing but a wrong first frame is an error, and TCP keeps
the frames whole however the network cuts them.
Source: res_audiosocket.c of Asterisk 22, `enum ast_audiosocket_msg_kind`.
"""

from uuid import UUID

HANGUP, ID, AUDIO = 0x00, 0x01, 0x10
_HEADER = 3


class NotAudioSocket(Exception):
    """The other side speaks something else."""


class Frames:
    """Puts together what arrives in pieces.  `id` is None until the first frame is complete."""

    def __init__(self) -> None:
        self.id: UUID | None = None
        self.ended = False
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The audio (whole samples) that `data` completes.  Raises `NotAudioSocket`."""
        data = self._rest + data if self._rest else data
        at, audio = 0, list[bytes]()
        while len(data) - at >= _HEADER:
            kind, length = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
            if self.id is None and (kind != ID or length != 16):
                raise NotAudioSocket(f"the first frame is of kind {kind:#04x} with {length} bytes, not an id")
            if len(data) - at - _HEADER < length:
                break
            payload = data[at + _HEADER : at + _HEADER + length]
            at += _HEADER + length
            if kind == AUDIO:
                audio.append(payload[: len(payload) & ~1])
            elif kind == ID:
                self.id = UUID(bytes=payload)
            elif kind == HANGUP:
                self.ended = True
        self._rest = data[at:]
        return b"".join(audio)


def frame(kind: int, payload: bytes) -> bytes:
    """One frame to send; at most 65535 bytes of payload."""
    return bytes((kind,)) + len(payload).to_bytes(2, "big") + payload
