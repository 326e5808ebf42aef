"""What the pool and a worker process say to each other: one JSON object a line.

Rules: every message about a call names it (`call`) and the listening it belongs to (`turn`, counted by the pool), so
that what was heard for the question before is not taken for an answer to this one.  A line that can't be read is
our own mistake and raises.
"""

import json
from collections.abc import Mapping
from typing import Any

from ivr.ports import Alternative, Deaf, Listening, Pause, Speech, SpokenWord, Utterance, Voice

Message = Mapping[str, Any]
LONGEST_LINE = 1 << 20
"""Bytes; a grammar of thousands of phrases fits."""


def pack(kind: str, **told: Any) -> bytes:
    """A message as a line."""
    return json.dumps({"is": kind, **told}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def unpack(line: bytes) -> Message:
    """What `pack` packed.  Raises ValueError."""
    return json.loads(line)


def from_speech(speech: Speech) -> dict[str, Any]:
    """As JSON values."""
    match speech:
        case Voice():
            return {"heard": "voice"}
        case Pause(words):
            return {"heard": "pause", "words": words}
        case Utterance(alternatives):
            return {"heard": "utterance", "said": [_from_alternative(one) for one in alternatives]}
        case Deaf(why):
            return {"heard": "deaf", "why": why}


def to_speech(told: Message) -> Speech:
    """What `from_speech` wrote.  Raises KeyError."""
    match told["heard"]:
        case "voice":
            return Voice()
        case "pause":
            return Pause(told["words"])
        case "utterance":
            return Utterance(tuple(_to_alternative(*one) for one in told["said"]))
        case "deaf":
            return Deaf(told["why"])
        case unknown:
            raise KeyError(unknown)


def _from_alternative(one: Alternative) -> list[Any]:
    each = [[word.word, round(word.begin, 2), round(word.end, 2), round(word.confidence, 2)] for word in one.each]
    return [one.words, round(one.confidence, 4), each]


def _to_alternative(words: str, confidence: float, each: list[list[Any]]) -> Alternative:
    return Alternative(words, confidence, tuple(SpokenWord(*word) for word in each))


def from_listening(wanted: Listening | None) -> Any:
    """As JSON values."""
    return wanted and [wanted.language, wanted.phrases, wanted.sequence]


def to_listening(told: Any) -> Listening | None:
    """What `from_listening` wrote."""
    return told and Listening(told[0], tuple(told[1]), told[2])
